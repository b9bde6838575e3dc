/* What a checkpoint says of its run, as metadata beside the states; and whether a run at hand may
 * go on from it.  Every difference is named with both values. */
#include "runtime/train/checkpoint.h"

#include "graph/base/text.h"
#include "runtime/execute/safetensors.h"
#include "runtime/execute/weights.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- what identifies a run ---- */

typedef struct Field {
  const char *key, *what, *hint;
  const char *option; /* that gives the other value, put behind the hint */
  const char *text;   /* what it is */
  char number[24];
} Field;

enum { FORMAT, MODEL, HASH, PRECISION, SHARDS, TOTAL, WARMUP, SEED, DATA, N_FIELDS };

static void set_number(Field *f, const char *format, uint64_t value)
    __attribute__((format(printf, 2, 0)));
static void set_number(Field *f, const char *format, uint64_t value) {
  snprintf(f->number, sizeof f->number, format, value);
  f->text = f->number;
}

/* The fields that a resumed run must share. */
static void describe(const Plan *plan, const Run *run, Field f[N_FIELDS]) {
  f[FORMAT] = (Field){.key = "format",
                      .what = "format",
                      .hint = "the file is of another version of graphrun, or no checkpoint",
                      .text = CHECKPOINT_FORMAT};
  f[MODEL] = (Field){.key = "model",
                     .what = "model",
                     .hint = "resume with the plan that the run began with",
                     .text = plan_text(plan, plan->model_name)};
  f[HASH] = (Field){.key = "model_hash",
                    .what = "hash of the expanded model",
                    .hint = "the model or a -D has changed: resume with the plan that the run "
                            "began with, or begin another run with --init"};
  set_number(&f[HASH], "%016" PRIx64, plan->model_hash);
  f[PRECISION] = (Field){.key = "precision",
                         .what = "precision",
                         .hint = "see graphc --precision",
                         .option = "compile with --precision=",
                         .text = plan->precision->name};
  f[SHARDS] = (Field){.key = "shards",
                      .what = "number of shards",
                      .hint = "the order of sums depends on it",
                      .option = "compile with --shards="};
  set_number(&f[SHARDS], "%" PRIu64, plan->shards);
  f[TOTAL] = (Field){.key = "total_steps",
                     .what = "length of the schedule",
                     .hint = "give the same --steps or --epochs; --stop-at ends a run early"};
  set_number(&f[TOTAL], "%" PRId64, (uint64_t)run->schedule->total_steps);
  f[WARMUP] = (Field){.key = "warmup_steps",
                      .what = "length of the warm-up",
                      .hint = "give the same --steps or --epochs"};
  set_number(&f[WARMUP], "%" PRId64, (uint64_t)run->schedule->warmup_steps);
  f[SEED] = (Field){.key = "seed",
                    .what = "seed",
                    .hint = "give the --seed that the run began with",
                    .option = "--seed="};
  set_number(&f[SEED], "%" PRIu64, run->seed);
  f[DATA] = (Field){.key = "data",
                    .what = "fingerprint of the data set",
                    .hint = "files, identities or splits have changed since the run began",
                    .text = ""};
  if (run->data) set_number(&f[DATA], "%016" PRIx64, run->data->fingerprint);
}

/* Where ranks compute over their shares alone, their number is part of the experiment.  Other runs
 * are the same on any number of ranks, and say nothing. */
static const char *describe_sync(const Plan *plan, char text[40]) {
  if (!plan->local) return NULL;
  snprintf(text, 40, "local, %u ranks", plan->ranks);
  return text;
}

/* ---- writing ---- */

/* The first state that holds a value that is not finite; UINT32_MAX when there is none. */
static uint32_t find_not_finite(const Plan *plan, const Tensor *states) {
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (!tensor_is_finite(&states[i])) return i;
  return UINT32_MAX;
}

static const char *domain_name(const Plan *plan, uint32_t domain) {
  return plan_text(plan, plan->training.domains[domain]);
}

/* JSON holds UTF-8 only: a text that is none is written with its odd bytes as \\HH. */
static json_t *text_json(const char *text) {
  json_t *plain = json_string(text);
  char *escaped = plain ? NULL : malloc(3 * strlen(text) + 1), *to = escaped;
  if (!escaped) return plain;
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    bool odd = c >= 0x80 || c == '\\';
    *to++ = odd ? '\\' : *text;
    if (!odd) continue;
    *to++ = "0123456789abcdef"[c >> 4];
    *to++ = "0123456789abcdef"[c & 15];
  }
  *to = 0;
  plain = json_string(escaped);
  free(escaped);
  return plain;
}

/* {NAME: VALUE} of the model's parameters, so that a resumed run can say which has changed. */
static char *params_text(const Plan *plan) {
  json_t *root = json_object();
  for (uint32_t i = 0; i < plan->n_params; i++)
    json_object_set_new(root, plan_text(plan, plan->params[i].name),
                        text_json(plan_text(plan, plan->params[i].value)));
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

static char *classes_text(const Plan *plan, const DataSet *data) {
  json_t *root = json_object();
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const DataDomain *domain = dataset_domain(data, domain_name(plan, k));
    json_t *list = json_array();
    for (uint32_t i = 0; domain && i < domain->n_classes; i++)
      json_array_append_new(list, text_json(domain->classes[i]));
    json_object_set_new(root, domain_name(plan, k), list);
  }
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

static char *samplers_text(const Plan *plan, const SamplerPosition *positions) {
  json_t *root = json_object();
  for (uint32_t k = 0; k < plan->training.n_domains; k++)
    json_object_set_new(
        root, domain_name(plan, k),
        json_pack("[I, I]", (json_int_t)positions[k].round, (json_int_t)positions[k].batch));
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

static Status write_states(Executor *x, const char *path, const SaveMeta *meta, uint32_t n_meta,
                           Diag *diag) {
  uint32_t n = executor_plan(x)->n_states;
  SaveTensor *tensors = calloc(n + 1u, sizeof *tensors);
  if (!tensors) return diag_no_memory(diag, n * sizeof *tensors);
  Status status = weights_tensors(x, tensors, diag);
  if (status == STATUS_OK) status = safe_write(path, tensors, n, meta, n_meta, true, diag);
  free(tensors);
  return status;
}

Status checkpoint_write(Executor *x, const Run *run, const char *path, Diag *diag) {
  const Plan *plan = executor_plan(x);
  const Tensor *states;
  TRY(executor_states_read(x, &states, diag));
  uint32_t bad = find_not_finite(plan, states);
  const char *name = bad != UINT32_MAX ? plan_text(plan, plan->states[bad].name) : NULL;
  if (name && run->step == 0)
    return diag_error(diag, STATUS_SYSTEM, run->plan_path, "see its init and value in the model",
                      "'%s' is not finite before the first step; no checkpoint is written", name);
  if (name)
    return diag_error(diag, STATUS_SYSTEM, run->plan_path,
                      "declare the loss and the gradient's norm as outputs: the step that breaks "
                      "them is then named",
                      "after step %" PRId64 " '%s' is not finite; no checkpoint is written",
                      run->step - 1, name);
  char *params = params_text(plan);
  char *classes = run->data ? classes_text(plan, run->data) : NULL;
  char *samplers = run->data ? samplers_text(plan, run->positions) : NULL;
  Status status =
      params && (!run->data || (classes && samplers)) ? STATUS_OK : diag_no_memory(diag, 1);
  if (status == STATUS_OK) {
    Field fields[N_FIELDS];
    SaveMeta meta[N_FIELDS + 5];
    uint32_t n = 0;
    char step[24], sync[40];
    describe(plan, run, fields);
    for (int i = 0; i < N_FIELDS; i++)
      if (i != DATA || run->data) meta[n++] = (SaveMeta){fields[i].key, fields[i].text};
    snprintf(step, sizeof step, "%" PRId64, run->step);
    meta[n++] = (SaveMeta){"step", step};
    if (plan->local) meta[n++] = (SaveMeta){"sync", describe_sync(plan, sync)};
    meta[n++] = (SaveMeta){"params", params};
    if (classes) meta[n++] = (SaveMeta){"classes", classes};
    if (samplers) meta[n++] = (SaveMeta){"samplers", samplers};
    status = write_states(x, path, meta, n, diag);
  }
  free(params);
  free(classes);
  free(samplers);
  return status;
}

/* ---- reading ---- */

static Status check_field(const Field *field, const SafeFile *file, const char *path, Diag *diag) {
  const char *have = safe_metadata(file, field->key);
  if (strcmp(have ? have : "", field->text) == 0) return STATUS_OK;
  char hint[200];
  bool more = field->option && have && *have;
  text_format(hint, sizeof hint, "%s%s%s%s", field->hint, more ? ": " : "",
              more ? field->option : "", more ? have : "");
  return diag_error(diag, STATUS_INVALID, path, hint, "another run: its %s is %s, of this run %s",
                    field->what, have && *have ? have : "not given",
                    *field->text ? field->text : "not given");
}

/* ---- the model ---- */

/* A parameter that is not the same, or that one of both does not have (NULL). */
static void report_param(const char *name, const char *before, const char *now, const char *path,
                         Diag *diag) {
  char hint[400];
  if (before && now)
    text_format(hint, sizeof hint,
                "compile with -D '%s=%s' to go on, or begin another run with --init", name, before);
  else
    text_format(hint, sizeof hint,
                "the model has changed: resume with the plan that the run began with, or begin "
                "another run with --init");
  diag_error(diag, STATUS_INVALID, path, hint,
             "another run: its parameter '%s' is %s%s%s, of this run %s%s%s", name,
             before ? "'" : "not there", before ? before : "", before ? "'" : "",
             now ? "'" : "not there", now ? now : "", now ? "'" : "");
}

/* Reports each parameter that differs; returns how many do. */
static uint32_t compare_params(const Plan *plan, const json_t *before, const char *path,
                               Diag *diag) {
  char *text = params_text(plan);
  json_t *now = text ? json_loads(text, 0, NULL) : NULL, *value;
  const char *name;
  uint32_t n = 0;
  free(text);
  json_object_foreach(now, name, value) {
    const json_t *old = json_object_get(before, name);
    if (old && json_equal((json_t *)(uintptr_t)old, value)) continue;
    report_param(name, json_string_value(old), json_string_value(value), path, diag);
    n++;
  }
  json_object_foreach((json_t *)(uintptr_t)before, name, value) {
    if (json_object_get(now, name)) continue;
    report_param(name, json_string_value(value), NULL, path, diag);
    n++;
  }
  json_decref(now);
  return n;
}

/* The hash says that something differs; this says what.  Older checkpoints do not carry the
 * parameters. */
static Status check_model(const Plan *plan, const Field *hash, const SafeFile *file,
                          const char *path, Diag *diag) {
  const char *text = safe_metadata(file, "params"), *have = safe_metadata(file, hash->key);
  if (!text || !have || strcmp(have, hash->text) == 0) return check_field(hash, file, path, diag);
  json_t *before = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  uint32_t n = json_is_object(before) ? compare_params(plan, before, path, diag) : 0;
  json_decref(before);
  if (n) return STATUS_INVALID;
  return diag_error(diag, STATUS_INVALID, path,
                    "no parameter differs: resume with the plan that the run began with, or begin "
                    "another run with --init",
                    "another run: the model's files have changed since (hash of the expanded model "
                    "%s, of this run %s)",
                    have, hash->text);
}

/* ---- the data ---- */

static const char data_hint[] = "resume with the data that the run began with";

/* The fingerprint says that something differs; this says who. */
static Status check_classes(const Plan *plan, const Run *run, const SafeFile *file,
                            const char *path, Diag *diag) {
  const char *text = safe_metadata(file, "classes");
  json_t *root = json_loads(text ? text : "{}", JSON_REJECT_DUPLICATES, NULL);
  Status status = STATUS_OK;
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const char *name = domain_name(plan, k);
    const DataDomain *domain = dataset_domain(run->data, name);
    const json_t *list = json_object_get(root, name);
    if (!domain)
      status = diag_error(diag, STATUS_INVALID, path, data_hint,
                          "another run: it trained on domain '%s', which %s does not have", name,
                          run->data->path);
    for (uint32_t i = 0; domain && i < domain->n_classes; i++) {
      const char *pid = json_string_value(json_array_get(list, i));
      json_t *now = text_json(domain->classes[i]);
      bool same = pid && now && strcmp(pid, json_string_value(now)) == 0;
      json_decref(now);
      if (same) continue;
      status = diag_error(diag, STATUS_INVALID, path, data_hint,
                          "another run: class %u of domain '%s' is %s, in these data %s", i, name,
                          pid ? pid : "not there", domain->classes[i]);
      break;
    }
    if (status == STATUS_OK && domain && json_array_size(list) != domain->n_classes)
      status = diag_error(diag, STATUS_INVALID, path, data_hint,
                          "another run: domain '%s' has %zu classes, in these data %u", name,
                          json_array_size(list), domain->n_classes);
  }
  json_decref(root);
  return status;
}

static Status check_data(const Plan *plan, const Run *run, const Field *fingerprint,
                         const SafeFile *file, const char *path, Diag *diag) {
  if (run->data) TRY(check_classes(plan, run, file, path, diag));
  return check_field(fingerprint, file, path, diag);
}

static Status check_sync(const Plan *plan, const SafeFile *file, const char *path, Diag *diag) {
  char text[40];
  const char *now = describe_sync(plan, text), *have = safe_metadata(file, "sync");
  if (strcmp(now ? now : "", have ? have : "") == 0) return STATUS_OK;
  return diag_error(
      diag, STATUS_INVALID, path,
      have ? "compile with --sync=local and as many --ranks to go on, or begin "
             "another run with --init"
           : "compile without --sync=local to go on, or begin another run with --init",
      "another run: its sync is %s, of this run %s", have ? have : "global", now ? now : "global");
}

/* Everything is compared; of two fields that say the same, the more telling one is reported.  How
 * long the schedule is follows from the model and the data: it is compared when these are alike. */
static Status check_run(const Plan *plan, const Run *run, const SafeFile *file, const char *path,
                        Diag *diag) {
  Field fields[N_FIELDS];
  describe(plan, run, fields);
  const char *format = safe_metadata(file, "format");
  if (!format || strcmp(format, CHECKPOINT_FORMAT) != 0)
    return diag_error(diag, STATUS_INVALID, path, fields[FORMAT].hint,
                      "the format is '%s', this graphrun resumes '%s'", format ? format : "",
                      CHECKPOINT_FORMAT);
  Status status = check_field(&fields[MODEL], file, path, diag);
  if (status == STATUS_OK) status = check_sync(plan, file, path, diag);
  if (status == STATUS_OK) status = check_model(plan, &fields[HASH], file, path, diag);
  Status data = check_data(plan, run, &fields[DATA], file, path, diag);
  if (status == STATUS_OK) status = data;
  bool alike = status == STATUS_OK;
  for (int i = PRECISION; i <= SEED; i++) {
    if ((i == TOTAL || i == WARMUP) && !alike) continue;
    bool older = i == SHARDS && !safe_metadata(file, fields[i].key);
    Status s = older ? STATUS_OK : check_field(&fields[i], file, path, diag);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

static bool read_count(const char *text, int64_t *out) {
  char *end;
  if (!text || !*text || strspn(text, "0123456789") != strlen(text)) return false;
  *out = strtoll(text, &end, 10);
  return *end == 0 && *out >= 0 && *out < INT64_MAX;
}

static bool read_positions(const Plan *plan, const SafeFile *file, SamplerPosition *out) {
  const char *text = safe_metadata(file, "samplers");
  json_t *root = json_loads(text ? text : "{}", JSON_REJECT_DUPLICATES, NULL);
  bool ok = root != NULL;
  for (uint32_t k = 0; ok && k < plan->training.n_domains; k++) {
    json_int_t round, batch;
    ok = json_unpack(json_object_get(root, domain_name(plan, k)), "[I, I]", &round, &batch) == 0 &&
         round >= 0 && batch >= 0;
    if (ok) out[k] = (SamplerPosition){round, batch};
  }
  json_decref(root);
  return ok;
}

static Status read_place(const Plan *plan, Run *run, const SafeFile *file, const char *path,
                         Diag *diag) {
  int64_t step = 0;
  bool ok = read_count(safe_metadata(file, "step"), &step) && step <= run->schedule->total_steps;
  if (ok && run->data) ok = read_positions(plan, file, run->positions);
  if (!ok)
    return diag_error(diag, STATUS_INVALID, path, "checkpoint.safetensors.prev is the one before",
                      "its step or sampler positions are damaged");
  run->step = step;
  return STATUS_OK;
}

bool checkpoint_is_initial(const char *path) {
  SafeFile *file;
  int64_t step;
  if (safe_read(path, NULL, &file) != STATUS_OK) return false;
  const char *format = safe_metadata(file, "format");
  bool initial = format && strcmp(format, CHECKPOINT_FORMAT) == 0 &&
                 read_count(safe_metadata(file, "step"), &step) && step == 0;
  safe_close(file);
  return initial;
}

Status checkpoint_read(Executor *x, const char *path, Run *run, Diag *diag) {
  const Plan *plan = executor_plan(x);
  SafeFile *file;
  TRY(safe_read(path, diag, &file));
  Status status = check_run(plan, run, file, path, diag);
  Run found = *run;
  if (status == STATUS_OK) status = read_place(plan, &found, file, path, diag);
  if (status == STATUS_OK) status = weights_load(x, file, path, WEIGHTS_ALL, 0, diag);
  if (status == STATUS_OK) *run = found;
  safe_close(file);
  return status;
}
