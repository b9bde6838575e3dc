/* A run's configuration as a file that graphc reads: parameters as definitions, the rest as
 * comments.  Arguments are quoted for a shell. */
#include "runtime/train/config.h"

#include "graph/base/replace.h"
#include "runtime/train/feed.h"
#include "runtime/train/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- words of a command line ---- */

static bool is_plain(const char *text) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_-+=.,:/@%^";
  return *text && text[strspn(text, plain)] == 0;
}

/* A line may not end within: then the word is one that a shell reads by escapes, $'...'. */
static void put_word(FILE *out, const char *option, const char *text) {
  bool lines = strpbrk(text, "\n\r") != NULL, plain = is_plain(text);
  fprintf(out, " %s%s", option, plain ? "" : lines ? "$'" : "'");
  for (; *text; text++) {
    if (lines && (*text == '\n' || *text == '\r'))
      fputs(*text == '\n' ? "\\n" : "\\r", out);
    else if (lines && (*text == '\'' || *text == '\\'))
      fprintf(out, "\\%c", *text);
    else if (!plain && *text == '\'')
      fputs("'\\''", out);
    else
      fputc(*text, out);
  }
  if (!plain) fputc('\'', out);
}

static void put_number(FILE *out, const char *option, int64_t value) {
  if (value) fprintf(out, " %s%" PRId64, option, value);
}

static void put_text(FILE *out, const char *option, const char *text) {
  if (text) put_word(out, option, text);
}

/* ---- lines ---- */

static void put_compile(FILE *out, const Plan *plan) {
  char model[300];
  snprintf(model, sizeof model, "%.280s.xml", plan_text(plan, plan->model_name));
  fputs("# compile: graphc", out);
  put_word(out, "", model);
  fprintf(out, " -D @config.defs --precision=%s --shards=%u --target=%s", plan->precision->name,
          plan->shards, plan->target->name);
  if (plan->ranks > 1) fprintf(out, " --ranks=%u", plan->ranks);
  if (plan->local) fputs(" --sync=local", out);
  fputc('\n', out);
}

static void put_train(FILE *out, const TrainOptions *o, const Plan *plan) {
  fputs("# train: graphrun train", out);
  put_word(out, "", o->plan);
  put_text(out, "--data=", o->data);
  put_text(out, "--protocol=", o->protocol);
  put_number(out, "--steps=", o->steps);
  put_number(out, "--epochs=", o->epochs);
  put_number(out, "--stop-at=", o->stop_at);
  fprintf(out, " --seed=%" PRIu64, o->seed);
  put_text(out, "--init=", o->init);
  for (uint32_t i = 0; i < o->n_init_skip; i++) put_word(out, "--init-skip=", o->init_skip[i]);
  put_text(out, "--init-prefix=", o->init_prefix);
  put_number(out, "--checkpoint-every=", o->checkpoint_every);
  if (o->keep == KEEP_ALL)
    fputs(" --keep=all", out);
  else
    put_number(out, "--keep=", o->keep);
  put_text(out, "--eval-data=", o->eval_data);
  put_number(out, "--eval-every=", o->eval_every);
  if (o->eval_epochs) fputs("ep", out);
  if (o->select_best) fputs(" --select=best", out);
  if (o->skip_bad_images) fputs(" --bad-images=skip", out);
  if (o->wishes.tf32) fputs(" --math=tf32", out);
  if (o->device && strcmp(o->device->name, "cpu") != 0) put_word(out, "--device=", o->device->name);
  if (plan->ranks > 1) fprintf(out, " --ranks=%u", plan->ranks);
  fputc('\n', out);
}

/* Of the file's bytes; 0 when it cannot be read any more. */
static uint64_t hash_file(const char *path) {
  static const size_t chunk = (size_t)1 << 16;
  FILE *in = fopen(path, "re");
  XXH3_state_t *state = in ? XXH3_createState() : NULL;
  char *bytes = state ? malloc(chunk) : NULL;
  uint64_t hash = 0;
  if (bytes && XXH3_64bits_reset(state) == XXH_OK) {
    for (size_t n; (n = fread(bytes, 1, chunk, in)) > 0;) XXH3_64bits_update(state, bytes, n);
    if (!ferror(in)) hash = XXH3_64bits_digest(state);
  }
  free(bytes);
  if (state) XXH3_freeState(state);
  if (in) fclose(in);
  return hash;
}

/* A text of strangers on one line. */
static void put_line(FILE *out, const char *key, const char *text) {
  fprintf(out, "# %s: ", key);
  for (; *text; text++) fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
  fputc('\n', out);
}

static void put_hash(FILE *out, const char *key, uint64_t hash) {
  fprintf(out, "# %s: %016" PRIx64 "\n", key, hash);
}

static void put_all(FILE *out, const TrainOptions *o, const Plan *plan, const Run *run,
                    uint64_t eval_data) {
  fputs(
      "# The configuration of this run. graphc -D @config.defs takes the lines NAME=VALUE, which\n"
      "# are all parameters of the model; the rest is in the two commands.\n",
      out);
  put_line(out, "model", plan_text(plan, plan->model_name));
  put_hash(out, "model hash", plan->model_hash);
  put_line(out, "plan", o->plan);
  put_hash(out, "plan hash", hash_file(o->plan));
  if (run->data) {
    put_line(out, "data", run->data->path);
    put_hash(out, "data hash", run->data->fingerprint);
  }
  if (eval_data) {
    put_line(out, "evaluation data", o->eval_data ? o->eval_data : o->data);
    put_hash(out, "evaluation data hash", eval_data);
  }
  fprintf(out, "# schedule steps: %" PRId64 "\n# warm-up steps: %" PRId64 "\n# seed: %" PRIu64 "\n",
          run->schedule->total_steps, run->schedule->warmup_steps, o->seed);
  fprintf(out, "# precision: %s\n# shards: %u\n# target: %s\n# ranks: %u\n", plan->precision->name,
          plan->shards, plan->target->name, plan->ranks);
  if (plan->local) fputs("# sync: local\n", out);
  if (o->wishes.tf32) fputs("# math: tf32\n", out);
  if (o->init) put_line(out, "initial weights", o->init);
  if (o->skip_bad_images) fputs("# bad images: skip\n", out);
  if (feed_images(plan)) fprintf(out, "# images a step: %" PRId64 "\n", feed_images(plan));
  if (plan->n_schedules) fputs("# schedules:", out);
  for (uint32_t i = 0; i < plan->n_schedules; i++)
    fprintf(out, " %s", plan_text(plan, plan->schedules[i].name));
  if (plan->n_schedules) fputc('\n', out);
  put_compile(out, plan);
  put_train(out, o, plan);
  for (uint32_t i = 0; i < plan->n_params; i++) {
    const char *name = plan_text(plan, plan->params[i].name);
    const char *value = plan_text(plan, plan->params[i].value);
    if (strpbrk(value, "\n\r"))
      put_line(out, "of several lines, give it by -D", name);
    else
      fprintf(out, "%s=%s\n", name, value);
  }
}

Status config_write(const TrainOptions *o, const Plan *plan, const Run *run, uint64_t eval_data,
                    Diag *diag) {
  char path[PATH_MAX], *text = NULL;
  size_t size = 0;
  snprintf(path, sizeof path, "%s/config.defs", o->out);
  FILE *out = open_memstream(&text, &size);
  if (!out) return diag_no_memory(diag, 1 << 12);
  put_all(out, o, plan, run, eval_data);
  bool ok = !ferror(out);
  if (fclose(out) != 0 || !ok) {
    free(text);
    return diag_no_memory(diag, 1 << 12);
  }
  const FilePart part = {text, size};
  int code = file_replace(path, &part, 1, false);
  free(text);
  return code ? diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(code))
              : STATUS_OK;
}
