/* What a checkpoint says of its run, as metadata beside the states; and whether a run at hand may
 * go on from it.  Every difference is named with both values. */
#include "runtime/train/checkpoint.h"

#include "runtime/execute/safetensors.h"
#include "runtime/execute/weights.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- what identifies a run ---- */

typedef struct Field {
  const char *key, *what, *hint;
  char value[64];
} Field;

enum { FORMAT, MODEL, HASH, PRECISION, TOTAL, WARMUP, SEED, DATA, N_FIELDS };

/* The fields that a resumed run must share. */
static void describe(const Plan *plan, const Run *run, Field f[N_FIELDS]) {
  f[FORMAT] = (Field){"format", "format",
                      "the file is of another version of graphrun, or no "
                      "checkpoint",
                      CHECKPOINT_FORMAT};
  f[MODEL] = (Field){"model", "model", "resume with the plan that the run began with", ""};
  snprintf(f[MODEL].value, sizeof f[MODEL].value, "%s", plan_text(plan, plan->model_name));
  f[HASH] = (Field){"model_hash", "hash of the expanded model",
                    "the model or a -D has changed: resume with the plan that the run began with, "
                    "or begin another run with --init",
                    ""};
  snprintf(f[HASH].value, sizeof f[HASH].value, "%016" PRIx64, plan->model_hash);
  f[PRECISION] = (Field){"precision", "precision", "see graphc --precision", ""};
  snprintf(f[PRECISION].value, sizeof f[PRECISION].value, "%s", dtype_name(plan->precision));
  f[TOTAL] = (Field){"total_steps", "length of the schedule",
                     "give the same --steps or --epochs; --stop-at ends a run early", ""};
  snprintf(f[TOTAL].value, sizeof f[TOTAL].value, "%" PRId64, run->schedule->total_steps);
  f[WARMUP] =
      (Field){"warmup_steps", "length of the warm-up", "give the same --steps or --epochs", ""};
  snprintf(f[WARMUP].value, sizeof f[WARMUP].value, "%" PRId64, run->schedule->warmup_steps);
  f[SEED] = (Field){"seed", "seed", "give the --seed that the run began with", ""};
  snprintf(f[SEED].value, sizeof f[SEED].value, "%" PRIu64, run->seed);
  f[DATA] = (Field){"data", "fingerprint of the data set",
                    "files, identities or splits have changed since the run began", ""};
  if (run->data)
    snprintf(f[DATA].value, sizeof f[DATA].value, "%016" PRIx64, run->data->fingerprint);
}

/* ---- writing ---- */

/* The first state that holds a value that is not finite; UINT32_MAX when there is none.  All ones
 * in the exponent: a loop that vectorises. */
static uint32_t find_not_finite(const Executor *x) {
  const Plan *plan = executor_plan(x);
  for (uint32_t i = 0; i < plan->n_states; i++) {
    Tensor t = executor_state(x, i);
    int64_t n = shape_count(&t.shape);
    uint32_t bad = 0;
    if (t.dtype == DTYPE_F32)
      for (int64_t k = 0; k < n; k++)
        bad |= (((const uint32_t *)t.data)[k] & 0x7f800000u) == 0x7f800000u;
    else if (t.dtype == DTYPE_F64)
      for (int64_t k = 0; k < n; k++) bad |= (((const uint64_t *)t.data)[k] >> 52 & 2047) == 2047;
    if (bad) return i;
  }
  return UINT32_MAX;
}

static const char *domain_name(const Plan *plan, uint32_t domain) {
  return plan_text(plan, plan->training.domains[domain]);
}

static char *classes_text(const Plan *plan, const DataSet *data) {
  json_t *root = json_object();
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const DataDomain *domain = dataset_domain(data, domain_name(plan, k));
    json_t *list = json_array();
    for (uint32_t i = 0; domain && i < domain->n_classes; i++)
      json_array_append_new(list, json_string(domain->classes[i]));
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

static Status write_states(const Executor *x, const char *path, const SaveMeta *meta,
                           uint32_t n_meta, Diag *diag) {
  uint32_t n = executor_plan(x)->n_states;
  SaveTensor *tensors = calloc(n + 1u, sizeof *tensors);
  if (!tensors) return diag_no_memory(diag, n * sizeof *tensors);
  weights_tensors(x, tensors);
  Status status = safe_write(path, tensors, n, meta, n_meta, true, diag);
  free(tensors);
  return status;
}

Status checkpoint_write(const Executor *x, const Run *run, const char *path, Diag *diag) {
  const Plan *plan = executor_plan(x);
  uint32_t bad = find_not_finite(x);
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
  Field fields[N_FIELDS];
  describe(plan, run, fields);
  SaveMeta meta[N_FIELDS + 3];
  uint32_t n = 0;
  for (int i = 0; i < N_FIELDS; i++)
    if (i != DATA || run->data) meta[n++] = (SaveMeta){fields[i].key, fields[i].value};
  char step[24];
  snprintf(step, sizeof step, "%" PRId64, run->step);
  meta[n++] = (SaveMeta){"step", step};
  char *classes = run->data ? classes_text(plan, run->data) : NULL;
  char *samplers = run->data ? samplers_text(plan, run->positions) : NULL;
  if (classes) meta[n++] = (SaveMeta){"classes", classes};
  if (samplers) meta[n++] = (SaveMeta){"samplers", samplers};
  Status status = run->data && (!classes || !samplers) ? diag_no_memory(diag, 1) : STATUS_OK;
  if (status == STATUS_OK) status = write_states(x, path, meta, n, diag);
  free(classes);
  free(samplers);
  return status;
}

/* ---- reading ---- */

static Status check_field(const Field *field, const SafeFile *file, const char *path, Diag *diag) {
  const char *have = safe_metadata(file, field->key);
  if (strcmp(have ? have : "", field->value) == 0) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path, field->hint,
                    "another run: its %s is %s, of this run %s", field->what,
                    have && *have ? have : "not given", *field->value ? field->value : "not given");
}

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
    for (uint32_t i = 0; domain && i < domain->n_classes; i++) {
      const char *pid = json_string_value(json_array_get(list, i));
      if (pid && strcmp(pid, domain->classes[i]) == 0) continue;
      status =
          diag_error(diag, STATUS_INVALID, path, "resume with the data that the run began with",
                     "another run: class %u of domain '%s' is %s, in these data %s", i, name,
                     pid ? pid : "not there", domain->classes[i]);
      break;
    }
    if (status == STATUS_OK && domain && json_array_size(list) != domain->n_classes)
      status =
          diag_error(diag, STATUS_INVALID, path, "resume with the data that the run began with",
                     "another run: domain '%s' has %zu classes, in these data %u", name,
                     json_array_size(list), domain->n_classes);
  }
  json_decref(root);
  return status;
}

/* Everything is compared; of two fields that say the same, the more telling one is reported. */
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
  if (status == STATUS_OK) status = check_field(&fields[HASH], file, path, diag);
  for (int i = PRECISION; i <= SEED; i++) {
    Status s = check_field(&fields[i], file, path, diag);
    if (status == STATUS_OK) status = s;
  }
  TRY(status);
  if (run->data) TRY(check_classes(plan, run, file, path, diag));
  return check_field(&fields[DATA], file, path, diag);
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

Status checkpoint_read(const Executor *x, const char *path, Run *run, Diag *diag) {
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
