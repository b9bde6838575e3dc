/* Compares a step of models/cdvm_small.xml in f64 with tests/oracle/cdvm.safetensors, which holds
 * what an independent PyTorch implementation gave (README.md: format and tolerances). */
#ifndef TESTS_ORACLE_COMPARE_H
#define TESTS_ORACLE_COMPARE_H

#include "runtime/execute/execute.h"
#include "runtime/execute/safetensors.h"
#include "runtime/execute/schedule.h"
#include "tests/oracle/formula.h"
#include "tests/support.h"
#include "tests/values.h"

#include <jansson.h>

#define ORACLE_FILE "tests/oracle/cdvm.safetensors"
#define ORACLE_MODEL "models/cdvm_small.xml"
#define ORACLE_MAX_PRINTED 12 /* deviations of one case */

typedef struct Oracle {
  SafeFile *file;
  json_t *lists, *alias, *cases, *schedules;
} Oracle;

/* One case under comparison. */
typedef struct Comparison {
  const Oracle *oracle;
  const char *name;
  const json_t *entry;
  Compiled compiled;
  Executor *executor;
  uint32_t program;  /* the last one that ran */
  uint32_t programs; /* of the plan as it was built */
  uint32_t deviations;
  uint32_t compared, fields; /* tensors and scalars; fields of the file */
  double worst;              /* largest error over its limit */
} Comparison;

/* ---- the file ---- */

static json_t *oracle_metadata(SafeFile *file, const char *key) {
  const char *text = safe_metadata(file, key);
  json_t *value = text ? json_loads(text, 0, NULL) : NULL;
  if (!value) {
    fprintf(stderr, "%s: no metadata '%s'\n", ORACLE_FILE, key);
    exit(1);
  }
  return value;
}

static inline Oracle oracle_open(void) {
  Oracle o = {0};
  Diag *diag = diag_create();
  if (safe_read(ORACLE_FILE, diag, &o.file) != STATUS_OK) {
    diag_print(diag, stderr);
    exit(1);
  }
  diag_destroy(diag);
  o.lists = oracle_metadata(o.file, "lists");
  o.alias = oracle_metadata(o.file, "alias");
  o.cases = oracle_metadata(o.file, "cases");
  o.schedules = oracle_metadata(o.file, "schedules");
  return o;
}

static inline void oracle_close(Oracle *o) {
  json_decref(o->lists);
  json_decref(o->alias);
  json_decref(o->cases);
  json_decref(o->schedules);
  safe_close(o->file);
}

/* Tensor CASE:WHAT, which may be stored under another case's name; NULL when there is none. */
static const FileTensor *oracle_tensor(const Oracle *o, const char *name, const char *what) {
  char key[200];
  snprintf(key, sizeof key, "%s:%s", name, what);
  const json_t *other = json_object_get(o->alias, key);
  return safe_find(o->file, other ? json_string_value(other) : key);
}

static const json_t *oracle_list(const Oracle *o, const json_t *id) {
  return id ? json_array_get(o->lists, (size_t)json_integer_value(id)) : NULL;
}

/* Element of a fixed-point tensor (.., width) of bytes: a sign, 3 bits, the rest behind the point.
 */
static double oracle_fixed(const FileTensor *t, int64_t i) {
  int64_t width = t->dim[t->rank - 1];
  const uint8_t *bytes = (const uint8_t *)t->data + i * width;
  uint64_t raw = 0;
  for (int64_t b = 0; b < width; b++) raw |= (uint64_t)bytes[b] << (8 * b);
  int unused = (int)(64 - 8 * width);
  return ldexp((double)((int64_t)(raw << unused) >> unused), (int)(4 - 8 * width));
}

/* ---- what the case should give ---- */

/* A field of the case, one row for each tensor of `names`. */
typedef struct Field {
  const json_t *names;
  size_t n;
  int64_t *row;                         /* in norm and projections; -1: the tensor is 0 */
  const FileTensor *norm, *projections; /* projections NULL: by linearity */
  double whole;                         /* norm of the field */
} Field;

static bool field_open(const Comparison *c, const char *what, Field *out) {
  const json_t *entry = json_object_get(json_object_get(c->entry, "fields"), what);
  if (!entry) return false;
  char key[64];
  *out = (Field){.names = oracle_list(c->oracle, json_object_get(entry, "list"))};
  out->n = json_array_size(out->names);
  out->row = malloc((out->n + 1) * sizeof *out->row);
  if (!out->row) exit(1);
  memset(out->row, 0, (out->n + 1) * sizeof *out->row);
  const json_t *zero = oracle_list(c->oracle, json_object_get(entry, "zero"));
  for (size_t i = 0; i < json_array_size(zero); i++)
    out->row[json_integer_value(json_array_get(zero, i))] = -1;
  int64_t rows = 0;
  for (size_t i = 0; i < out->n; i++)
    if (out->row[i] == 0) out->row[i] = rows++;
  snprintf(key, sizeof key, "%s:norm", what);
  out->norm = oracle_tensor(c->oracle, c->name, key);
  snprintf(key, sizeof key, "%s:proj", what);
  out->projections = oracle_tensor(c->oracle, c->name, key);
  CU_ASSERT_PTR_NOT_NULL_FATAL(out->norm);
  CU_ASSERT_EQUAL_FATAL(out->norm->count, rows);
  double squares = 0;
  for (int64_t i = 0; i < rows; i++)
    squares += file_tensor_get(out->norm, i) * file_tensor_get(out->norm, i);
  out->whole = sqrt(squares);
  return true;
}

static void field_close(Field *f) {
  free(f->row);
  *f = (Field){0};
}

static double field_norm(const Field *f, size_t i) {
  return f->row[i] < 0 ? 0 : file_tensor_get(f->norm, f->row[i]);
}

/* Adds `factor` times the projections of tensor i of a field, which may be missing from the case.
 */
static void field_add(const Field *f, size_t i, double factor, double out[FORMULA_PROJECTIONS]) {
  if (!f->names || f->row[i] < 0) return;
  for (int k = 0; k < FORMULA_PROJECTIONS; k++)
    out[k] += factor * field_norm(f, i) *
              oracle_fixed(f->projections, f->row[i] * FORMULA_PROJECTIONS + k);
}

/* ---- comparison ---- */

static void deviate(Comparison *c, const char *prefix, const char *name, double error,
                    double limit) {
  double ratio = error / limit;
  c->compared++;
  if (!(ratio <= c->worst)) c->worst = ratio;
  if (ratio <= 1) return;
  if (c->deviations++ < ORACLE_MAX_PRINTED)
    printf("\n    %s: %s%s is off by %.3g, %.3g times what is allowed", c->name, prefix, name,
           error, ratio);
}

static bool find_output(const Comparison *c, const char *name, Tensor *out) {
  const Graph *g = c->compiled.plan->programs[c->program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (strcmp(graph_text(g, g->outputs[i].name), name) == 0) {
      *out = value_output(c->executor, c->program, i);
      return true;
    }
  return false;
}

static bool find_state(const Comparison *c, const char *name, Tensor *out) {
  uint32_t state = plan_state_find(c->compiled.plan, name);
  if (state == UINT32_MAX) return false;
  *out = value_state(c->executor, state);
  return true;
}

/* Root mean square of the projections' differences estimates the norm of the difference: each is a
 * sum of its elements with closed-form signs. */
static double distance(const Field *f, size_t i, double norm,
                       const double found[FORMULA_PROJECTIONS],
                       const double expected[FORMULA_PROJECTIONS]) {
  double squares = 0, by_norm = fabs(norm - field_norm(f, i));
  for (int k = 0; k < FORMULA_PROJECTIONS; k++)
    squares += (found[k] - expected[k]) * (found[k] - expected[k]);
  double by_projections = sqrt(squares / FORMULA_PROJECTIONS);
  if (isnan(by_norm)) return by_norm;
  return by_norm > by_projections ? by_norm : by_projections;
}

/* Compares every tensor of a field; names in the program are PREFIX NAME. `sum` holds F, v, JTv, u
 * for a G that is given by its norms alone. */
static void compare_field(Comparison *c, const char *what, const char *prefix, double tolerance,
                          bool (*find)(const Comparison *, const char *, Tensor *),
                          const Field sum[4]) {
  Field f;
  if (!field_open(c, what, &f)) return;
  c->fields++;
  const double a =
      json_number_value(json_object_get(json_object_get(c->entry, "inputs"), "inner_lr"));
  const double factor[4] = {json_number_value(json_object_get(c->entry, "train_weight")), 1, -a, 1};
  for (size_t i = 0; i < f.n; i++) {
    const char *name = json_string_value(json_array_get(f.names, i));
    char full[300];
    double found[FORMULA_PROJECTIONS], expected[FORMULA_PROJECTIONS] = {0};
    Tensor t;
    snprintf(full, sizeof full, "%s%s", prefix, name);
    if (!find(c, full, &t)) {
      if (f.row[i] >= 0) deviate(c, "the missing ", full, INFINITY, 1);
      continue;
    }
    double norm = formula_project(name, &t, found);
    if (f.projections)
      field_add(&f, i, 1, expected);
    else
      for (int k = 0; k < 4; k++) field_add(&sum[k], i, factor[k], expected);
    double scale = field_norm(&f, i) > 1e-6 * f.whole ? field_norm(&f, i) : 1e-6 * f.whole;
    deviate(c, prefix, name, distance(&f, i, norm, found, expected), tolerance * scale);
  }
  field_close(&f);
}

/* Every parameter that the program has beyond the file's: a field of 0 must not hide. */
static void compare_extent(Comparison *c, const char *what) {
  Field f;
  if (!field_open(c, what, &f)) return;
  const Plan *plan = c->compiled.plan;
  size_t trainable = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) trainable += plan->states[i].trainable;
  if (trainable != f.n) {
    printf("\n    %s: %s has %zu parameters, the model %zu", c->name, what, f.n, trainable);
    c->deviations++;
  }
  field_close(&f);
}

/* Scalars by name; |F| is norm/F. */
static void compare_scalars(Comparison *c) {
  const json_t *names = oracle_list(c->oracle, json_object_get(c->entry, "scalars"));
  const FileTensor *values = oracle_tensor(c->oracle, c->name, "scalars");
  for (size_t i = 0; i < json_array_size(names); i++) {
    const char *name = json_string_value(json_array_get(names, i));
    char full[80];
    size_t n = strlen(name);
    if (*name == '|')
      snprintf(full, sizeof full, "norm/%.*s", (int)n - 2, name + 1);
    else
      snprintf(full, sizeof full, "%s", name);
    Tensor t;
    double expected = file_tensor_get(values, (int64_t)i);
    bool second = strcmp(name, "|G|") == 0 || strcmp(name, "|JTv|") == 0;
    if (!find_output(c, full, &t))
      deviate(c, "the missing ", full, INFINITY, 1);
    else
      deviate(c, "", full, fabs(tensor_get(&t, 0) - expected),
              (second ? 1e-8 : 1e-9) * fmax(fabs(expected), 1e-6));
  }
}

/* y, element by element. */
static void compare_whole(Comparison *c, const char *what) {
  const FileTensor *expected = oracle_tensor(c->oracle, c->name, what);
  Tensor t;
  if (!expected) return;
  if (!find_output(c, what, &t)) {
    deviate(c, "the missing ", what, INFINITY, 1);
    return;
  }
  double squares = 0, error = 0;
  for (int64_t i = 0, n = shape_count(&t.shape); i < n; i++) {
    double x =
        expected->type == FILE_F64 ? file_tensor_get(expected, i) : oracle_fixed(expected, i);
    squares += x * x;
    error += (tensor_get(&t, i) - x) * (tensor_get(&t, i) - x);
  }
  deviate(c, "", what, sqrt(error), 1e-9 * sqrt(squares));
}

static inline void compare_all(Comparison *c) {
  static const char *const terms[4] = {"F", "v", "JTv", "u"};
  Field sum[4] = {{0}};
  for (int k = 0; k < 4; k++) field_open(c, terms[k], &sum[k]);
  compare_scalars(c);
  compare_whole(c, "train/y");
  compare_whole(c, "test/y");
  compare_whole(c, "y");
  compare_field(c, "values", "", 1e-9, find_output, NULL);
  compare_field(c, "F", "F:", 1e-9, find_output, NULL);
  compare_field(c, "v", "v:", 1e-9, find_output, NULL);
  compare_field(c, "JTv", "JTv:", 1e-8, find_output, NULL);
  compare_field(c, "p", "p:", 1e-8, find_output, NULL);
  compare_field(c, "u", "u:", 1e-8, find_output, NULL);
  compare_field(c, "G", "G:", 1e-8, find_output, sum);
  compare_extent(c, "G");
  compare_field(c, "statistics", "", 1e-9, find_state, NULL);
  compare_field(c, "state", "", 1e-8, find_state, NULL);
  compare_field(c, "momentum", "momentum:", 1e-8, find_state, NULL);
  for (int k = 0; k < 4; k++) field_close(&sum[k]);
}

#endif
