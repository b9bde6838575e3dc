/* What the tests of the CPU's kernels share: a run of a kernel that is compared with the reference
 * under several orders of tasks and instruction sets. */
#ifndef TESTS_KERNELS_KERNEL_TEST_H
#define TESTS_KERNELS_KERNEL_TEST_H

#include "kernels/cpu/internal.h"
#include "kernels/cpu/work.h"
#include "tests/kernels/lab.h"

/* Runs the kernel; `results` gets one block for each output, the caller's to free. */
static inline Status lab_run(Lab *lab, const LabRun *r, void **results, char *name) {
  NodeId inputs[256];
  const void *in[256];
  KernelSpec spec = {.graph = lab->graph,
                     .nodes = r->nodes,
                     .n_nodes = r->n_nodes,
                     .inputs = inputs,
                     .outputs = r->outputs,
                     .n_outputs = r->n_outputs,
                     .shards = lab->shards,
                     .work_bytes = r->work_bytes};
  spec.n_inputs = lab_inputs(lab, r, inputs);
  if (r->work_bytes < 0)
    spec.work_bytes =
        kernel_work_bytes(lab->graph, r->nodes, r->n_nodes, r->outputs, r->n_outputs, lab->shards);
  for (uint32_t i = 0; i < spec.n_inputs; i++) in[i] = lab_value(lab, inputs[i]);
  size_t work = ((size_t)spec.work_bytes + 127) / 64 * 64;
  unsigned char *buffer = aligned_alloc(64, work);
  memset(buffer, 0xff, work); /* NaN in every type */
  for (uint32_t i = 0; i < r->n_outputs; i++) {
    size_t bytes = lab_bytes(lab, r->outputs[i]);
    results[i] = aligned_alloc(64, (bytes + 127) / 64 * 64);
    memset(results[i], 0xff, (bytes + 127) / 64 * 64);
  }
  if (r->share >= 0) {
    memcpy(results[0], in[r->share], lab_bytes(lab, r->outputs[0]));
    in[r->share] = results[0];
  }
  Kernel *kernel;
  Status status = kernel_create(&spec, lab->diag, &kernel);
  if (status == STATUS_OK) {
    KernelArgs args = {.inputs = in, .outputs = results, .work = buffer};
    if (name) snprintf(name, 48, "%s", kernel_implementation(kernel));
    for (uint32_t p = 0; p < kernel_phases(kernel); p++) {
      uint32_t n = kernel_tasks(kernel, p);
      for (uint32_t t = 0; t < n && status == STATUS_OK; t++)
        status = kernel_run(kernel, p, r->reverse ? n - 1 - t : t, &args);
    }
    kernel_destroy(kernel);
  }
  for (size_t i = (size_t)spec.work_bytes; i < work; i++)
    if (buffer[i] != 0xff) status = STATUS_INVALID; /* wrote past the work buffer */
  for (uint32_t i = 0; i < r->n_outputs; i++) {
    size_t bytes = lab_bytes(lab, r->outputs[i]);
    for (size_t k = bytes; k < (bytes + 127) / 64 * 64; k++)
      if (((unsigned char *)results[i])[k] != 0xff) status = STATUS_INVALID;
  }
  free(buffer);
  return status;
}

static inline bool lab_same_bits(const Lab *lab, const LabRun *r, void **a, void **b) {
  for (uint32_t i = 0; i < r->n_outputs; i++)
    if (memcmp(a[i], b[i], lab_bytes(lab, r->outputs[i])) != 0) return false;
  return true;
}

static inline void lab_release(const LabRun *r, void **results) {
  for (uint32_t i = 0; i < r->n_outputs; i++) free(results[i]);
}

/* Runs forward and in reverse and with every instruction set: the reference's values within
 * `tolerance`, and the same bits each time. Prints what failed. */
static inline bool lab_check(Lab *lab, const NodeId *nodes, uint32_t n_nodes, const NodeId *outputs,
                             uint32_t n_outputs, double tolerance, const char *what) {
  LabRun r = {.nodes = nodes,
              .n_nodes = n_nodes,
              .outputs = outputs,
              .n_outputs = n_outputs,
              .work_bytes = -1,
              .share = -1};
  void *first[64], *again[64];
  char name[48] = "";
  bool good = true;
  if (lab_run(lab, &r, first, name) != STATUS_OK) {
    printf("\n  %s [%s]: did not run: %s\n", what, name, kernel_error());
    diag_print(lab->diag, stdout);
    return false;
  }
  for (uint32_t i = 0; i < n_outputs; i++) {
    double error = lab_error(lab, outputs[i], first[i], 1e-30);
    if (!(error <= tolerance)) {
      printf("\n  %s [%s]: output %u is off by %g\n", what, name, i, error);
      good = false;
    }
  }
  for (int variant = 0; variant < 3; variant++) {
    r.reverse = variant == 0;
    if (variant) isa_limit(variant == 1 ? ISA_V3 : ISA_BASE);
    Status status = lab_run(lab, &r, again, name);
    isa_limit(ISA_V4);
    if (status != STATUS_OK || !lab_same_bits(lab, &r, first, again)) {
      printf("\n  %s [%s]: other bits with %s\n", what, name,
             variant == 0   ? "reversed tasks"
             : variant == 1 ? "x86-64-v3"
                            : "the base instructions");
      good = false;
    }
    lab_release(&r, again);
  }
  lab_release(&r, first);
  return good;
}

static inline bool lab_check_node(Lab *lab, NodeId id, double tolerance, const char *what) {
  if (id == NODE_NONE || lab_reference(lab) != STATUS_OK) {
    printf("\n  %s: no reference\n", what);
    diag_print(lab->diag, stdout);
    return false;
  }
  return lab_check(lab, &id, 1, &id, 1, tolerance, what);
}

#endif
