/* Chooses the implementation of a node or group. */
#include "kernels/cpu/internal.h"
#include "ops/fuse_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local char error_text[256];

const char *kernel_error(void) {
  return error_text;
}

Status kernel_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(error_text, sizeof error_text, format, args);
  va_end(args);
  return STATUS_INVALID;
}

static Status build_one(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  NodeId id = spec->nodes[0];
  switch (spec->graph->nodes[id].op) {
  case OP_VARIANCE:
    return fused_build(spec, diag, kernel);
  case OP_CONSTANT:
  case OP_RANDOM:
    return leaf_build(spec, diag, kernel);
  case OP_REDUCE_MAX:
  case OP_ARG_MAX:
    return select_build(spec, diag, kernel);
  case OP_CUMULATIVE_SUM:
    return scan_build(spec, diag, kernel);
  case OP_RESIZE:
  case OP_RESIZE_ADJOINT:
    return resize_build(spec, diag, kernel);
  case OP_ARG_SORT:
    return sort_build(spec, diag, kernel);
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_PAD:
  case OP_CONCAT:
  case OP_RANK_PART:
  case OP_GRADIENT_SCALE:
  case OP_STOP_GRADIENT:
    return move_build(spec, diag, kernel);
  case OP_GATHER:
  case OP_SCATTER_ADD:
  case OP_PICK:
  case OP_PLACE:
    return indexed_build(spec, diag, kernel);
  case OP_MATMUL:
    return matmul_build(spec, diag, kernel);
  case OP_CONV:
  case OP_CONV_DX:
  case OP_CONV_DW:
    return conv_build(spec, diag, kernel);
  case OP_POOL_INDEX:
  case OP_POOL_GATHER:
  case OP_POOL_SCATTER:
  case OP_POOL_SUM:
  case OP_POOL_SPREAD:
    return pool_build(spec, diag, kernel);
  default:
    if (fuse_op_allowed(spec->graph, id)) return fused_build(spec, diag, kernel);
    return spec_fail(spec, diag, "is not executed");
  }
}

Status kernel_create(const KernelSpec *spec, Diag *diag, Kernel **out_kernel) {
  *out_kernel = NULL;
  if (spec->n_nodes == 0 || spec->n_outputs == 0 || spec->shards == 0)
    return diag_error(diag, STATUS_INVALID, NULL, NULL,
                      "a kernel without nodes, outputs or shards");
  Kernel *kernel = calloc(1, sizeof *kernel);
  if (!kernel) return diag_no_memory(diag, sizeof *kernel);
  Status status =
      spec->n_nodes == 1 ? build_one(spec, diag, kernel) : fused_build(spec, diag, kernel);
  if (status != STATUS_OK) {
    kernel_destroy(kernel);
    return status;
  }
  *out_kernel = kernel;
  return STATUS_OK;
}

void kernel_destroy(Kernel *kernel) {
  if (!kernel) return;
  if (kernel->destroy) kernel->destroy(kernel->data);
  free(kernel->data);
  free(kernel);
}

uint32_t kernel_phases(const Kernel *kernel) {
  return kernel->n_phases;
}
uint32_t kernel_tasks(const Kernel *kernel, uint32_t phase) {
  return kernel->tasks[phase];
}
const char *kernel_implementation(const Kernel *kernel) {
  return kernel->name;
}

Status kernel_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args) {
  return kernel->run(kernel, phase, task, args);
}

void *kernel_data(Kernel *kernel, size_t bytes, Diag *diag) {
  kernel->data = calloc(1, bytes);
  if (!kernel->data) diag_no_memory(diag, bytes);
  return kernel->data;
}

uint32_t spec_input(const KernelSpec *spec, NodeId id) {
  for (uint32_t i = 0; i < spec->n_inputs; i++)
    if (spec->inputs[i] == id) return i;
  return UINT32_MAX;
}

Status spec_fail(const KernelSpec *spec, Diag *diag, const char *why) {
  const Node *node = &spec->graph->nodes[spec->nodes[0]];
  return diag_error(diag, STATUS_INVALID, NULL, NULL, "kernel of node %u (%s): %s", spec->nodes[0],
                    op_desc(node->op)->name, why);
}

Status member_no_type(const KernelSpec *spec, NodeId member, Diag *diag, DType dtype) {
  return diag_error(diag, STATUS_INVALID, NULL,
                    "cast its operands, or compile with another --precision",
                    "kernel of node %u (%s): there is none for elements of type %s", member,
                    op_desc(spec->graph->nodes[member].op)->name, dtype_name(dtype));
}

Status spec_no_type(const KernelSpec *spec, Diag *diag, DType dtype) {
  return member_no_type(spec, spec->nodes[0], diag, dtype);
}

Status spec_inputs(const KernelSpec *spec, uint32_t *positions, uint32_t n, Diag *diag) {
  for (uint32_t i = 0; i < n; i++) {
    positions[i] = spec_input(spec, node_input(spec->graph, spec->nodes[0], i));
    if (positions[i] == UINT32_MAX) return spec_fail(spec, diag, "an input is not listed");
  }
  return STATUS_OK;
}

uint32_t task_count(int64_t bytes, uint32_t shards) {
  if (bytes < 96 << 10) return 1;
  return bytes < 4 << 20 ? shards : 4 * shards;
}

void axis_split(const Shape *shape, int64_t axis, int64_t *outer, int64_t *row) {
  *outer = *row = 1;
  for (int i = 0; i < shape->rank; i++)
    if (i != axis) *(i < axis ? outer : row) *= shape->dim[i];
}

void task_range(int64_t n, int64_t grain, uint32_t task, uint32_t tasks, int64_t *first,
                int64_t *last) {
  int64_t grains = (n + grain - 1) / grain;
  *first = grains * task / tasks * grain;
  *last = grains * (task + 1) / tasks * grain;
  if (*last > n) *last = n;
  if (*first > n) *first = n;
}

static Isa limit = ISA_V4;

void isa_limit(Isa isa) {
  limit = isa;
}

Isa isa_current(void) {
  Isa have = __builtin_cpu_supports("x86-64-v4")   ? ISA_V4
             : __builtin_cpu_supports("x86-64-v3") ? ISA_V3
                                                   : ISA_BASE;
  return have < limit ? have : limit;
}
