/* Single nodes on the simulated device, compared with the reference: what the tests of libraries
 * share. */
#ifndef TESTS_KERNELS_CUDA_CUDA_KERNEL_TEST_H
#define TESTS_KERNELS_CUDA_CUDA_KERNEL_TEST_H

#include "kernels/cuda/backend.h"
#include "kernels/cuda/target.h"
#include "tests/cuda/cuda_lab.h"
#include "tests/kernels/lab.h"

/* A node of a lab as the device gets it. */
typedef struct Single {
  NodeId id, inputs[8];
  const void *in[8];
  KernelSpec spec;
  void (*prepare)(CudaContext *context); /* NULL: the device is as it opens */
  char name[48];                         /* of the implementation, once it ran */
  KernelError error;
} Single;

static inline void single_init(Single *s, Lab *lab, NodeId id) {
  *s = (Single){.id = id};
  LabRun run = {.nodes = &s->id, .n_nodes = 1};
  s->spec = (KernelSpec){.graph = lab->graph,
                         .nodes = &s->id,
                         .n_nodes = 1,
                         .inputs = s->inputs,
                         .n_inputs = lab_inputs(lab, &run, s->inputs),
                         .outputs = &s->id,
                         .n_outputs = 1,
                         .shards = 1};
  s->spec.work_bytes = target_cuda_sm90.work_bytes(lab->graph, &s->id, 1, &s->id, 1, 1);
}

/* Whole numbers from -4 to 4 in every input: sums are exact, and a wrong index changes them. */
static inline void single_whole(Lab *lab, const Single *s) {
  for (uint32_t i = 0; i < s->spec.n_inputs; i++) {
    const Node *node = &lab->graph->nodes[s->inputs[i]];
    void *at = lab_value(lab, s->inputs[i]);
    for (int64_t k = 0; k < shape_count(&node->shape); k++) {
      double value = (double)(lab_pick(lab, 9) - 4);
      if (node->dtype == DTYPE_F32)
        ((float *)at)[k] = (float)value;
      else
        ((double *)at)[k] = value;
    }
  }
}

static inline Status single_steps(Device *d, Single *s, uint32_t runs, void *have) {
  CudaLabValue values[16] = {{0}};
  Kernel *kernel = NULL;
  if (s->prepare) s->prepare(d->table->context(d));
  Status status = cuda_lab_steps(d, &s->spec, s->in, &have, NULL, runs, values, &kernel);
  if (status != STATUS_OK) s->error = d->error.what;
  snprintf(s->name, sizeof s->name, "%s", kernel ? d->table->backend->implementation(kernel) : "");
  d->table->synchronise(d, STREAM_STEPS);
  d->table->backend->destroy(kernel);
  for (uint32_t i = 0; i < s->spec.n_inputs + 2; i++) {
    d->table->release(d, values[i].device);
    d->table->host_release(d, values[i].host);
  }
  return status;
}

/* Runs it on a device of its own, inside cuda_lab_begin and cuda_lab_end; `have` gets the result.
 * With `runs` above 1 it is captured, too. */
static inline Status single_run(Lab *lab, Single *s, uint32_t runs, void *have) {
  Device *d = NULL;
  Diag *diag = diag_create();
  DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
  s->error.text[0] = 0;
  for (uint32_t i = 0; i < s->spec.n_inputs; i++) s->in[i] = lab_value(lab, s->inputs[i]);
  Status status = device_cuda.open(&options, diag, &d);
  if (status != STATUS_OK)
    snprintf(s->error.text, sizeof s->error.text, "%.200s", diag_entry(diag, 0)->text);
  if (status == STATUS_OK) {
    status = single_steps(d, s, runs, have);
    d->table->close(d);
  }
  diag_destroy(diag);
  return status;
}

/* Two runs in a simulation of this seed; the worst deviation from the reference, relative to its
 * largest element; INFINITY when something is wrong. */
static inline double single_error(Lab *lab, Single *s, uint64_t seed, const char *what) {
  void *have = malloc(lab_bytes(lab, s->id));
  double off = INFINITY;
  cuda_lab_begin(&(CusimOptions){.devices = 1, .order = (CusimOrder)(seed % 3), .seed = seed});
  if (lab_reference(lab) != STATUS_OK)
    printf("\n  %s: no reference", what);
  else if (single_run(lab, s, 2, have) != STATUS_OK)
    printf("\n  %s: %s", what, s->error.text);
  else
    off = lab_error(lab, s->id, have, 1e-30);
  if (!cuda_lab_end(what)) off = INFINITY;
  free(have);
  return off;
}

/* Calls after whose failure something may be left, or in use. */
static inline bool single_releases(const char *call) {
  static const char *const calls[] = {"Destroy",       "Free",       "Unload",
                                      "cudaSetDevice", "EndCapture", "cudaStreamSynchronize"};
  for (size_t i = 0; call && i < sizeof calls / sizeof *calls; i++)
    if (strstr(call, calls[i])) return true;
  return false;
}

/* Each call that opening, creating, running and closing makes fails in turn, with two of its
 * errors: one line says so or the result is right, and nothing is left unless a call failed that is
 * needed for that.  Returns how many were told. */
static inline uint32_t single_failures(Lab *lab, Single *s, const char *what) {
  if (cuda_lab_real()) return UINT32_MAX; /* its calls do not fail on request */
  void *have = malloc(lab_bytes(lab, s->id));
  uint32_t told = 0;
  uint64_t calls = 1;
  CU_ASSERT_EQUAL_FATAL(lab_reference(lab), STATUS_OK);
  for (uint64_t fail = 0; fail <= 2 * calls; fail++) {
    CusimReport report;
    cuda_libraries_replace(cusim_open(&(CusimOptions){.devices = 1,
                                                      .order = CUSIM_LAZY,
                                                      .fail_call = (fail + 1) / 2,
                                                      .fail_error = (uint32_t)(fail % 2)}));
    Status status = single_run(lab, s, 2, have);
    cusim_close(&report);
    cuda_libraries_replace(NULL);
    if (!fail) calls = report.calls;
    bool releases = single_releases(report.failed);
    bool line = s->error.text[0] && !strchr(s->error.text, '\n');
    bool good = status == STATUS_OK ? lab_error(lab, s->id, have, 1e-30) == 0 : line;
    if (!good || (report.faults && !releases))
      printf("\n  %s: %s fails: '%s', %s", what, report.failed ? report.failed : "no call",
             s->error.text, report.faults ? report.text : "");
    CU_ASSERT(good);
    CU_ASSERT(!report.faults || releases);
    told += status != STATUS_OK;
  }
  free(have);
  return told;
}

#endif
