/* Many groups on one simulated device, beside the CPU's kernels: the same bits.  All texts are
 * compiled before the first runs, as those of a program are. */
#ifndef TESTS_KERNELS_CUDA_CUDA_GROUPS_H
#define TESTS_KERNELS_CUDA_CUDA_GROUPS_H

#include "tests/kernels/cuda/cuda_compare.h"
#include "tests/kernels/group_maker.h"

typedef struct GroupCase {
  Lab *lab; /* released with the case when `owned` */
  bool owned;
  Group group;
  const char *name; /* of the implementation; NULL: any */
  int share;        /* the input over which output 0 lies; -1: none */
  /* made by groups_run */
  NodeId inputs[256];
  const void *in[256];
  KernelSpec spec;
} GroupCase;

static inline void group_prepare(GroupCase *c) {
  Group *group = &c->group;
  LabRun r = {.nodes = group->members, .n_nodes = group->n_members};
  const Graph *g = c->lab->graph;
  c->spec = (KernelSpec){.graph = g,
                         .nodes = group->members,
                         .n_nodes = group->n_members,
                         .inputs = c->inputs,
                         .n_inputs = lab_inputs(c->lab, &r, c->inputs),
                         .outputs = group->outputs,
                         .n_outputs = group->n_outputs,
                         .shards = c->lab->shards};
  c->spec.work_bytes = target_cuda_sm80.work_bytes(
      g, group->members, group->n_members, group->outputs, group->n_outputs, c->lab->shards);
  for (uint32_t i = 0; i < c->spec.n_inputs; i++) c->in[i] = lab_value(c->lab, c->inputs[i]);
}

/* Creates the kernels of all cases, which compiles their texts. */
static inline Status groups_compile(Device *d, GroupCase *cases, uint32_t n) {
  const Backend *backend = d->table->backend;
  void *context = d->table->context(d);
  Kernel **kernels = calloc(n, sizeof *kernels);
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < n && status == STATUS_OK; i++) {
    status = backend->create(context, &cases[i].spec, &d->error.what, &kernels[i]);
    if (status != STATUS_OK) printf("\n  %s: %s", cases[i].group.what, d->error.what.text);
  }
  if (status == STATUS_OK) status = backend->finish(context, &d->error.what);
  for (uint32_t i = 0; i < n; i++) backend->destroy(kernels[i]);
  free(kernels);
  return status;
}

static inline bool group_same(GroupCase *c, void **have, void **want) {
  for (uint32_t o = 0; o < c->group.n_outputs; o++)
    if (!compare_same(c->lab, c->group.outputs[o], have[o], want[o], true)) return false;
  return true;
}

static inline bool group_run(Device *d, GroupCase *c, uint32_t number, uint32_t runs) {
  LabRun r = {.nodes = c->group.members,
              .n_nodes = c->group.n_members,
              .outputs = c->group.outputs,
              .n_outputs = c->group.n_outputs,
              .work_bytes = -1,
              .share = c->share};
  void *want[64], *have[64];
  uint32_t over[64];
  CudaLabValue values[513] = {{0}};
  Kernel *kernel = NULL;
  if (lab_run(c->lab, &r, want, NULL) != STATUS_OK) {
    printf("\n  %s: the CPU's kernel did not run: %s", c->group.what, kernel_error());
    return false;
  }
  for (uint32_t o = 0; o < c->group.n_outputs; o++) {
    have[o] = malloc(lab_bytes(c->lab, c->group.outputs[o]) + 1);
    over[o] = o == 0 && c->share >= 0 ? (uint32_t)c->share : UINT32_MAX;
  }
  /* A result over an operand changes it: one run only. */
  Status status = cuda_lab_sequence(d, number, &c->spec, c->in, have, over,
                                    c->share >= 0 ? 1 : runs, values, &kernel);
  bool good = status == STATUS_OK && group_same(c, have, want);
  if (good && c->name && strcmp(d->table->backend->implementation(kernel), c->name) != 0) {
    printf("\n  %s: '%s' instead of '%s'", c->group.what, d->table->backend->implementation(kernel),
           c->name);
    d->table->backend->destroy(kernel);
    return false;
  }
  if (!good)
    printf("\n  %s%s: %s", c->group.what, c->share >= 0 ? ", over an operand" : "",
           status == STATUS_OK ? "other bits than the CPU's" : d->error.what.text);
  d->table->synchronise(d, STREAM_STEPS);
  d->table->backend->destroy(kernel);
  for (uint32_t i = 0; i < c->spec.n_inputs + c->spec.n_outputs + 1; i++) {
    d->table->release(d, values[i].device);
    d->table->host_release(d, values[i].host);
  }
  for (uint32_t o = 0; o < c->group.n_outputs; o++) free(have[o]);
  lab_release(&r, want);
  return good;
}

/* Runs all cases and releases their labs; how many differ, or broke a rule of the simulation.
 * `seed` chooses the order of commands and threads. */
static inline uint32_t groups_run(GroupCase *cases, uint32_t n, uint64_t seed) {
  Device *d = NULL;
  Diag *diag = diag_create();
  DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < n; i++) group_prepare(&cases[i]);
  cuda_lab_begin(&(CusimOptions){.devices = 1, .order = (CusimOrder)(seed % 3), .seed = seed});
  Status status = device_cuda.open(&options, diag, &d);
  if (status == STATUS_OK) status = groups_compile(d, cases, n);
  if (status != STATUS_OK) printf("\n  %s", d ? d->error.what.text : "the device does not open");
  for (uint32_t i = 0; i < n && status == STATUS_OK; i++)
    wrong += !group_run(d, &cases[i], i, i % 8 == 0 ? 3 : 1);
  if (d) d->table->close(d);
  if (!cuda_lab_end("groups") || status != STATUS_OK) wrong++;
  diag_destroy(diag);
  for (uint32_t i = 0; i < n; i++)
    if (cases[i].owned) {
      lab_free(cases[i].lab);
      free(cases[i].lab);
    }
  return wrong;
}

#endif
