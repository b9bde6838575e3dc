/* What a start from a file took: a summary for people, and a table of every state and tensor. */
#include "graph/base/text.h"
#include "runtime/execute/weights_source.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

/* ---- the summary ---- */

/* How many batches a norm of PyTorch has seen: nothing is computed from it. */
static bool is_counter(const FileTensor *t) {
  static const char end[] = ".num_batches_tracked";
  size_t n = strlen(t->name), k = sizeof end - 1;
  return n >= k && strcmp(t->name + n - k, end) == 0;
}

static bool is_taken(const Start *start, const FileTensor *t) {
  for (uint32_t i = 0; i < start->plan->n_states; i++)
    if (start->sources[i].tensor == t) return true;
  return false;
}

/* Taken, or of an optimiser, which starts anew. */
static bool is_used(const Start *start, const FileTensor *t) {
  if (is_taken(start, t)) return true;
  uint32_t state = plan_state_find(start->plan, names_short(&start->names, t));
  return state != UINT32_MAX && start->plan->states[state].kind == STATE_OPTIMISER;
}

static void list_name(FILE *log, uint32_t *n, const char *title, const char *name) {
  fputs(*n ? ", " : title, log);
  text_print_word(name, log);
  *n += 1;
}

void weights_report_log(const Start *start, FILE *log) {
  const Plan *plan = start->plan;
  uint32_t n = 0;
  fprintf(log,
          "start from %s: %u states by their own names, %u from pretrained tensors, %u keep "
          "their initialiser\n",
          start->options->path, start->own, start->external, start->kept + start->skipped);
  if (safe_note(start->names.file)) {
    fputs("  read as: ", log);
    text_print_word(safe_note(start->names.file), log);
    fputc('\n', log);
  }
  if (start->names.length && !start->options->prefix)
    fprintf(log, "  names are known without '%.*s'\n", (int)start->names.length,
            start->names.prefix);
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (!start->sources[i].tensor && plan->states[i].kind != STATE_OPTIMISER)
      list_name(log, &n, "  not in the file: ", weights_state_name(plan, i));
  if (n) fputc('\n', log);
  n = 0;
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (start->sources[i].skipped)
      list_name(log, &n, "  left out by --init-skip: ", weights_state_name(plan, i));
  if (n) fputc('\n', log);
  n = 0;
  uint32_t counters = 0;
  for (uint32_t i = 0; i < safe_count(start->names.file); i++) {
    const FileTensor *t = safe_tensor(start->names.file, i);
    if (is_used(start, t)) continue;
    if (is_counter(t))
      counters++;
    else
      list_name(log, &n, "  not in the model: ", t->name);
  }
  if (counters)
    fprintf(log, "%s%u num_batches_tracked", n ? ", " : "  not in the model: ", counters);
  if (n || counters) fputc('\n', log);
}

/* ---- the table ---- */

static const char *use_of(const Source *from) {
  if (!from->tensor) return "initialiser";
  if (from->skipped) return "left out";
  if (!from->pretrained) return "own name";
  return from->relative ? "relative" : "external name";
}

static void print_hash(const void *data, int64_t bytes, FILE *out) {
  fprintf(out, "\t%016" PRIx64 "\n", (uint64_t)XXH3_64bits(data, (size_t)bytes));
}

static void print_tensor(const FileTensor *t, FILE *out) {
  char shape[SHAPE_TEXT_MAX];
  fprintf(out, "\t%s\t%s", t->type_name, file_tensor_shape(t, shape, sizeof shape));
  print_hash(t->data, t->bytes, out);
}

static void print_state(const Start *start, uint32_t i, const Tensor *value, FILE *out) {
  const State *s = &start->plan->states[i];
  const Source *from = &start->sources[i];
  char shape[SHAPE_TEXT_MAX];
  fprintf(out, "%s\t", use_of(from));
  text_print_word(weights_state_name(start->plan, i), out);
  fputc('\t', out);
  text_print_word(from->tensor ? from->tensor->name : "-", out);
  fprintf(out, "\t%.9g", from->pretrained && !from->skipped ? s->noise : 0);
  if (from->tensor) {
    print_tensor(from->tensor, out);
    return;
  }
  fprintf(out, "\t%s\t%s", dtype_desc((DType)s->dtype)->file_name,
          shape_text(&s->shape, shape, sizeof shape));
  if (value)
    print_hash(value->data, tensor_bytes(value), out);
  else
    fputs("\t-\n", out);
}

void weights_report_table(const Start *start, const Tensor *states, FILE *table) {
  const Plan *plan = start->plan;
  fputs("# from ", table);
  text_print_word(start->options->path, table);
  if (safe_note(start->names.file)) fputs("; read as: ", table);
  if (safe_note(start->names.file)) text_print_word(safe_note(start->names.file), table);
  if (start->names.length)
    fprintf(table, "; names without '%.*s'", (int)start->names.length, start->names.prefix);
  fputs("\n# use\tstate\ttensor\tnoise\ttype\tshape\txxh3\n", table);
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (plan->states[i].kind != STATE_OPTIMISER)
      print_state(start, i, states ? &states[i] : NULL, table);
  for (uint32_t i = 0; i < safe_count(start->names.file); i++) {
    const FileTensor *t = safe_tensor(start->names.file, i);
    if (is_taken(start, t)) continue;
    fprintf(table, "%s\t-\t", is_used(start, t) ? "optimiser" : "not in the model");
    text_print_word(t->name, table);
    fputs("\t0", table);
    print_tensor(t, table);
  }
}
