/* What the tests of devices share: plans for a target, results as bytes. */
#ifndef TESTS_RUNTIME_DEVICE_DEVICE_TEST_H
#define TESTS_RUNTIME_DEVICE_DEVICE_TEST_H

#include "runtime/execute/init.h"
#include "tests/kernels/toy/toy.h"
#include "tests/support.h"

static const DeviceTable *toy;
static ToyControl *control;

/* To be called first; false: the plug-in is not there. */
static inline bool device_test_load(void) {
  toy = toy_device();
  control = toy_control(toy);
  if (control) control->quiet = true;
  return control != NULL;
}

/* The toy's devices that follow run in this order, and nothing is wrong yet. */
static inline void device_test_clear(ToyOrder order, uint64_t seed) {
  *control = (ToyControl){.order = order, .seed = seed, .quiet = true};
}

/* True when nothing was left, no end is loose and no fault was found; prints what was. */
static inline bool device_test_clean(const char *what) {
  bool clean = control->faults == 0 && control->alive == 0 && control->loose == 0;
  if (!clean)
    printf("\n  %s: %u faults (%s), %d left, %u loose ends", what, control->faults, control->fault,
           (int)control->alive, control->loose);
  return clean;
}

typedef struct Bytes {
  char *data;
  size_t n;
} Bytes;

static inline void bytes_add(Bytes *b, const void *data, size_t n) {
  b->data = realloc(b->data, b->n + n + 1);
  if (!b->data) exit(1);
  memcpy(b->data + b->n, data, n);
  b->n += n;
}

static inline bool bytes_same(const Bytes *a, const Bytes *b) {
  return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

static inline void device_test_fill(Executor *x, uint32_t program, int run) {
  const PlanProgram *p = &executor_plan(x)->programs[program];
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const char *name = plan_text(executor_plan(x), p->inputs[i].name);
    Tensor t;
    if (!executor_input(x, program, name, &t)) continue;
    for (int64_t k = 0; k < shape_count(&t.shape); k++)
      tensor_set(&t, k,
                 strcmp(name, "step") == 0 ? run
                 : dtype_is_float(t.dtype) ? (double)((k * 7 + run * 3) % 11) / 16 - 0.25
                                           : (double)(k % 2));
  }
}

static inline Status device_test_outputs(Executor *x, uint32_t program, Bytes *out, Diag *diag) {
  const Graph *g = executor_plan(x)->programs[program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    Tensor t;
    TRY(executor_read(x, program, &i, 1, &t, diag));
    bytes_add(out, t.data, (size_t)tensor_bytes(&t));
  }
  return STATUS_OK;
}

static inline Status device_test_states(Executor *x, Bytes *out, Diag *diag) {
  const Tensor *states;
  TRY(executor_states_read(x, &states, diag));
  for (uint32_t i = 0; i < executor_plan(x)->n_states; i++)
    bytes_add(out, states[i].data, (size_t)tensor_bytes(&states[i]));
  return STATUS_OK;
}

static inline Compiled device_test_compile_ranks(const char *path, const char *const *defines,
                                                 uint32_t n, const Target *target, uint32_t ranks) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {
      .build = {.precision = PRECISION_DEFAULT, .shards = 4, .ranks = ranks, .target = target},
      .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  return c;
}

static inline Compiled device_test_compile(const char *path, const char *const *defines, uint32_t n,
                                           const Target *target) {
  return device_test_compile_ranks(path, defines, n, target, 1);
}

#endif
