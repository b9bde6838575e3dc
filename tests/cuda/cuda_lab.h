/* The device `cuda` on the simulator (or on a GPU), and single kernels on it. */
#ifndef TESTS_CUDA_CUDA_LAB_H
#define TESTS_CUDA_CUDA_LAB_H

#include "kernels/cuda/context.h"
#include "runtime/cuda/device_cuda.h"
#include "runtime/cuda/libraries.h"
#include "tests/cusim/cusim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With CUDA_LAB=device in the environment the tests that can run on a real GPU do so: the
 * simulation is not opened, and what only it can see is not asked.  tools/gpu-check sets it. */
static inline bool cuda_lab_real(void) {
  const char *lab = getenv("CUDA_LAB");
  return lab && strcmp(lab, "device") == 0;
}
/* GPUs at hand; the simulation has any number. */
static inline uint32_t cuda_lab_gpus(void) {
  const CudaCalls *calls;
  KernelError error;
  int n = 0;
  if (!cuda_lab_real()) return UINT32_MAX;
  if (cuda_library(CUDA_LIBRARY_CUDART, &error, &calls) != STATUS_OK) return 0;
  return calls->cudaGetDeviceCount(&n) == cudaSuccess ? (uint32_t)n : 0;
}
/* Opens a simulation, and lets the device load that instead of NVIDIA's libraries. */
static inline void cuda_lab_begin(const CusimOptions *options) {
  if (!cuda_lab_real()) cuda_libraries_replace(cusim_open(options));
}
/* Ends it; true when no rule was broken and nothing is left.  Prints what was.  `out` may be NULL.
 */
static inline bool cuda_lab_end_report(const char *what, CusimReport *out) {
  CusimReport report = {0};
  if (!cuda_lab_real()) cusim_close(&report);
  cuda_libraries_replace(NULL);
  if (report.faults) printf("\n  %s: %u faults, first: %s", what, report.faults, report.text);
  if (out) *out = report;
  return report.faults == 0;
}
static inline bool cuda_lab_end(const char *what) {
  return cuda_lab_end_report(what, NULL);
}

typedef struct CudaLabValue {
  void *device;
  char *host; /* pinned */
  size_t bytes;
} CudaLabValue;

static inline Status cuda_lab_value(Device *d, CudaLabValue *v, size_t bytes, const void *from) {
  *v = (CudaLabValue){.bytes = bytes};
  void *host = NULL;
  TRY(d->table->allocate(d, bytes + (bytes == 0), &v->device));
  TRY(d->table->host_allocate(d, bytes + (bytes == 0), &host));
  v->host = host;
  if (!from) return STATUS_OK;
  memcpy(v->host, from, bytes);
  return d->table->copy_in(d, STREAM_STEPS, &(DeviceCopy){v->device, v->host, bytes}, 1, 0);
}

static inline size_t cuda_lab_bytes(const Graph *g, NodeId id) {
  return (size_t)shape_count(&g->nodes[id].shape) * dtype_size((DType)g->nodes[id].dtype);
}

/* Creates the kernel, runs it `runs` times and fetches its results; `over[o]` is the input over
 * which result o lies, UINT32_MAX: over none (over NULL: none of them).  Faults of data come as
 * STATUS_INVALID with the text in d->error.  Each kernel of a device has a sequence of its own. */
static inline Status cuda_lab_sequence(Device *d, uint32_t sequence, const KernelSpec *spec,
                                       const void *const *inputs, void *const *outputs,
                                       const uint32_t *over, uint32_t runs, CudaLabValue *values,
                                       Kernel **kernel) {
  const Backend *backend = d->table->backend;
  void *context = d->table->context(d);
  const void *in[256];
  void *out[256];
  uint32_t n = spec->n_inputs;
  TRY(backend->create(context, spec, &d->error.what, kernel));
  TRY(backend->finish(context, &d->error.what));
  for (uint32_t i = 0; i < n; i++) {
    TRY(cuda_lab_value(d, &values[i], cuda_lab_bytes(spec->graph, spec->inputs[i]), inputs[i]));
    in[i] = values[i].device;
  }
  for (uint32_t o = 0; o < spec->n_outputs; o++) {
    size_t bytes = cuda_lab_bytes(spec->graph, spec->outputs[o]);
    TRY(cuda_lab_value(d, &values[n + o], bytes, NULL));
    out[o] = over && over[o] != UINT32_MAX ? values[over[o]].device : values[n + o].device;
  }
  CudaLabValue *work = &values[n + spec->n_outputs];
  if (spec->work_bytes) TRY(cuda_lab_value(d, work, (size_t)spec->work_bytes, NULL));
  KernelArgs args = {in, out, work->device};
  bool done;
  for (uint32_t r = 0; r < runs; r++) {
    TRY(d->table->sequence_begin(d, STREAM_STEPS, sequence, &done));
    Status status = done ? STATUS_OK : d->table->launch(d, STREAM_STEPS, *kernel, &args, 1);
    TRY(d->table->sequence_end(d, STREAM_STEPS, 0, status == STATUS_OK));
    TRY(status);
  }
  for (uint32_t o = 0; o < spec->n_outputs; o++) {
    CudaLabValue *v = &values[n + o];
    if (v->bytes)
      TRY(d->table->copy_out(d, STREAM_STEPS, &(DeviceCopy){v->host, out[o], v->bytes}, 1, 2));
  }
  TRY(d->table->synchronise(d, STREAM_STEPS));
  for (uint32_t o = 0; o < spec->n_outputs; o++)
    memcpy(outputs[o], values[n + o].host, values[n + o].bytes);
  return STATUS_OK;
}

/* The only one on its device. */
static inline Status cuda_lab_steps(Device *d, const KernelSpec *spec, const void *const *inputs,
                                    void *const *outputs, const uint32_t *over, uint32_t runs,
                                    CudaLabValue *values, Kernel **kernel) {
  return cuda_lab_sequence(d, 0, spec, inputs, outputs, over, runs, values, kernel);
}

/* The same on a device that is opened for it, inside cuda_lab_begin and cuda_lab_end.  `inputs` and
 * `outputs` are the host's, dense, in the order of the spec; *error says what failed. */
static inline Status cuda_lab_run(const KernelSpec *spec, const void *const *inputs,
                                  void *const *outputs, const uint32_t *over, uint32_t runs,
                                  KernelError *error) {
  Device *d = NULL;
  Kernel *kernel = NULL;
  CudaLabValue values[513] = {{0}};
  Diag *diag = diag_create();
  DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
  error->text[0] = 0;
  Status status = device_cuda.open(&options, diag, &d);
  if (status != STATUS_OK)
    snprintf(error->text, sizeof error->text, "%s",
             diag_entry(diag, 0) ? diag_entry(diag, 0)->text : "?");
  if (status == STATUS_OK) {
    status = cuda_lab_steps(d, spec, inputs, outputs, over, runs, values, &kernel);
    if (status != STATUS_OK) *error = d->error.what;
    d->table->synchronise(d, STREAM_STEPS);
    d->table->backend->destroy(kernel);
    for (uint32_t i = 0; i < spec->n_inputs + spec->n_outputs + 1; i++) {
      d->table->release(d, values[i].device);
      d->table->host_release(d, values[i].host);
    }
    d->table->close(d);
  }
  diag_destroy(diag);
  return status;
}

#endif
