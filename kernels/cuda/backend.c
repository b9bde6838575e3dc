/* Chooses the implementation of a node or group; the table. */
#include "kernels/cuda/backend.h"

#include "kernels/cuda/kernel.h"
#include "kernels/cuda/target.h"
#include "ops/fuse_rules.h"

#include <stdlib.h>

static CudaBuilder *builder(const KernelSpec *spec) {
  NodeId id = spec->nodes[0];
  if (spec->n_nodes > 1) return cuda_build_fused;
  switch (spec->graph->nodes[id].op) {
  case OP_CONSTANT:
  case OP_RANDOM:
    return cuda_build_leaf;
  case OP_REDUCE_MAX:
  case OP_ARG_MAX:
    return cuda_build_select;
  case OP_CUMULATIVE_SUM:
    return cuda_build_scan;
  case OP_RESIZE:
  case OP_RESIZE_ADJOINT:
    return cuda_build_resize;
  case OP_ARG_SORT:
    return cuda_build_sort;
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_PAD:
  case OP_CONCAT:
  case OP_RANK_PART:
  case OP_GRADIENT_SCALE:
  case OP_STOP_GRADIENT:
    return cuda_build_move;
  case OP_GATHER:
  case OP_SCATTER_ADD:
  case OP_PICK:
  case OP_PLACE:
    return cuda_build_indexed;
  case OP_MATMUL:
    return cuda_build_matmul;
  case OP_CONV:
  case OP_CONV_DX:
  case OP_CONV_DW:
    return cuda_build_conv;
  case OP_POOL_INDEX:
  case OP_POOL_GATHER:
  case OP_POOL_SCATTER:
  case OP_POOL_SUM:
  case OP_POOL_SPREAD:
    return cuda_build_pool;
  default:
    return spec->graph->nodes[id].op == OP_VARIANCE || fuse_op_allowed(spec->graph, id)
               ? cuda_build_fused
               : NULL;
  }
}

static void destroy(Kernel *k) {
  if (!k) return;
  if (k->destroy) k->destroy(k);
  free(k->launches);
  free(k->args);
  free(k->data);
  free(k);
}

static Status check_args(const Kernel *k, KernelError *error) {
  for (uint32_t i = 0; i < k->n_launches; i++)
    if (k->launches[i].n > CUDA_ARGS_MAX)
      return cuda_fail(error, STATUS_INVALID, "a kernel of %u arguments, at most %d are passed",
                       k->launches[i].n, CUDA_ARGS_MAX);
  for (uint32_t i = 0; i < k->n_args; i++)
    if (k->args[i].kind == CUDA_ARG_FAULT && !k->fault)
      return cuda_fail(error, STATUS_NO_FIT, "more than %d kernels that read where data say",
                       CUDA_FAULTS_MAX);
  return STATUS_OK;
}

static Status create(void *context, const KernelSpec *spec, KernelError *error, Kernel **out) {
  *out = NULL;
  CudaBuilder *build = builder(spec);
  const char *op = op_desc(spec->graph->nodes[spec->nodes[0]].op)->name;
  if (!build) return cuda_fail(error, STATUS_INVALID, "'%s' is not executed", op);
  Kernel *k = calloc(1, sizeof *k);
  if (!k) return cuda_fail(error, STATUS_SYSTEM, "out of memory");
  k->context = context;
  snprintf(k->name, sizeof k->name, "%s", op);
  Status status = build(spec, k, error);
  if (status == STATUS_OK && k->no_memory)
    status = cuda_fail(error, STATUS_SYSTEM, "out of memory");
  if (status == STATUS_OK) status = check_args(k, error);
  if (status != STATUS_OK) {
    destroy(k);
    return status;
  }
  *out = k;
  return STATUS_OK;
}

static Status finish(void *context, KernelError *error) {
  return cuda_modules_compile(context, error);
}

static Status enqueue(const Kernel *k, void *stream, const KernelArgs *args, KernelError *error) {
  if (k->enqueue) return k->enqueue(k, stream, args, error);
  for (uint32_t i = 0; i < k->n_launches; i++) TRY(cuda_kernel_launch(k, i, stream, args, error));
  return STATUS_OK;
}

static const char *implementation(const Kernel *k) {
  return k->name;
}

const CudaFault *cuda_kernel_fault(const Kernel *k) {
  return k->fault;
}

void cuda_kernel_fault_text(const Kernel *k, CudaFault fault, KernelError *out) {
  const int64_t half = (int64_t)1 << (CUDA_FAULT_INDEX_BITS - 1);
  int64_t index = (int64_t)(fault & (((CudaFault)1 << CUDA_FAULT_INDEX_BITS) - 1)) - half;
  const char *beyond = index == -half ? "or less " : index == half - 1 ? "or more " : "";
  cuda_fail(out, STATUS_INVALID, "%s: index %lld %s(element %llu) is outside 0..%lld", k->name,
            (long long)index, beyond, (unsigned long long)(fault >> CUDA_FAULT_INDEX_BITS),
            (long long)k->fault_bound - 1);
}

static const Target *const others[] = {&target_cuda_sm90, &target_cuda_sm100, NULL};

const Backend backend_cuda = {.target = &target_cuda_sm80,
                              .others = others,
                              .create = create,
                              .finish = finish,
                              .enqueue = enqueue,
                              .destroy = destroy,
                              .implementation = implementation};
