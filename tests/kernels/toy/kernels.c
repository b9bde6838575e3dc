/* The toy's kernels: the CPU's, on one thread, at the addresses where only the toy looks. */
#include "graph/plan/plan.h"
#include "tests/kernels/toy/parts.h"
#include "tests/kernels/toy/target.h"

#include <stdlib.h>
#include <string.h>

static size_t node_bytes(const KernelSpec *spec, NodeId id) {
  return (size_t)value_bytes(&spec->graph->nodes[id]);
}

void toy_kernel_free(ToyKernel *k) {
  if (!k->destroyed) kernel_destroy(k->cpu);
  free(k->bytes);
  free(k->own);
  free(k);
}

static Status toy_create(void *context, const KernelSpec *spec, KernelError *error, Kernel **out) {
  Toy *t = context;
  *out = NULL;
  ToyKernel *k = calloc(1, sizeof *k);
  if (!k) abort();
  uint32_t n = spec->n_inputs + spec->n_outputs;
  *k = (ToyKernel){.toy = t,
                   .n_inputs = spec->n_inputs,
                   .n_outputs = spec->n_outputs,
                   .bytes = calloc(n + 1u, sizeof *k->bytes),
                   .own = calloc(n + 1u, sizeof *k->own),
                   .work = (size_t)spec->work_bytes};
  if (!k->bytes || !k->own) abort();
  Status status = backend_cpu.create(NULL, spec, error, &k->cpu);
  if (status != STATUS_OK) {
    k->destroyed = true;
    toy_kernel_free(k);
    return status;
  }
  for (uint32_t i = 0; i < spec->n_inputs; i++) k->bytes[i] = node_bytes(spec, spec->inputs[i]);
  for (uint32_t i = 0; i < spec->n_outputs; i++)
    k->bytes[spec->n_inputs + i] = node_bytes(spec, spec->outputs[i]);
  k->next = t->kernels;
  t->kernels = k;
  toy_control_data.alive++;
  *out = (Kernel *)k;
  return STATUS_OK;
}

static void toy_destroy(Kernel *kernel) {
  ToyKernel *k = (ToyKernel *)kernel;
  if (!k) return;
  Toy *t = k->toy;
  if (k->destroyed) {
    toy_fault(t, DEVICE_TAG_NONE, "a kernel is destroyed twice");
    return;
  }
  if (k->given > t->host.of[k->stream])
    toy_fault(t, DEVICE_TAG_NONE, "a kernel is destroyed that may still run");
  kernel_destroy(k->cpu);
  k->destroyed = true;
  toy_control_data.alive--;
}

static const char *toy_implementation(const Kernel *kernel) {
  return kernel_implementation(((const ToyKernel *)kernel)->cpu);
}

/* What a result or the work buffer held before is nothing that a kernel may count on. */
static void poison(ToyKernel *k, uint32_t output, void *work) {
  char *at = k->own[output];
  if (work) memset(work, 0xff, k->work);
  for (uint32_t i = 0; i < k->n_inputs; i++) {
    char *in = k->own[i];
    if (at < in + k->bytes[i] && in < at + k->bytes[output]) return;
  }
  memset(at, 0xff, k->bytes[output]);
}

static Status toy_enqueue(const Kernel *kernel, void *stream, const KernelArgs *args,
                          KernelError *error) {
  ToyKernel *k = (ToyKernel *)(uintptr_t)kernel;
  Block *blocks = k->toy->blocks;
  void *work = args->work ? block_own(block_find(blocks, args->work, k->work), args->work) : NULL;
  for (uint32_t i = 0; i < k->n_inputs + k->n_outputs; i++) {
    const void *at = i < k->n_inputs ? args->inputs[i] : args->outputs[i - k->n_inputs];
    k->own[i] = block_own(block_find(blocks, at, k->bytes[i]), at);
  }
  for (uint32_t i = 0; i < k->n_outputs; i++) poison(k, k->n_inputs + i, work);
  KernelArgs own = {(const void *const *)k->own, k->own + k->n_inputs, work};
  return backend_cpu.enqueue(k->cpu, stream, &own, error);
}

const Backend backend_toy = {.target = &target_toy,
                             .create = toy_create,
                             .enqueue = toy_enqueue,
                             .destroy = toy_destroy,
                             .implementation = toy_implementation};
