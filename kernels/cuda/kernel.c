/* Lists of launches: how they are built, and how one is put on a stream. */
#include "kernels/cuda/kernel.h"

#include "graph/base/array.h"

#include <stdlib.h>
#include <string.h>

/* ---- building ---- */

void cuda_launch_grid(Kernel *k, CudaFunction *function, const uint32_t grid[3], uint32_t threads,
                      uint32_t shared) {
  if (ARRAY_RESERVE(k->launches, k->cap_launches, k->n_launches, 1, NULL) != STATUS_OK) {
    k->no_memory = true;
    return;
  }
  k->launches[k->n_launches++] = (CudaLaunch){.function = function,
                                              .grid = {grid[0], grid[1], grid[2]},
                                              .block = threads,
                                              .shared = shared,
                                              .first = k->n_args};
}

void cuda_launch(Kernel *k, CudaFunction *function, int64_t blocks, uint32_t threads) {
  uint32_t n = blocks < 1 ? 1 : blocks > INT32_MAX ? INT32_MAX : (uint32_t)blocks;
  cuda_launch_grid(k, function, (const uint32_t[3]){n, 1, 1}, threads, 0);
}

void cuda_launch_elements(Kernel *k, CudaFunction *function, int64_t n, uint32_t threads) {
  int64_t blocks = (n + threads - 1) / threads, most = (int64_t)k->context->multiprocessors * 16;
  cuda_launch(k, function, blocks < most ? blocks : most, threads);
}

void cuda_arg(Kernel *k, CudaArg arg) {
  if (k->no_memory || ARRAY_RESERVE(k->args, k->cap_args, k->n_args, 1, NULL) != STATUS_OK) {
    k->no_memory = true;
    return;
  }
  k->args[k->n_args++] = arg;
  k->launches[k->n_launches - 1].n++;
}

static int64_t bytes_of(const KernelSpec *spec, NodeId id) {
  const Node *node = &spec->graph->nodes[id];
  return shape_count(&node->shape) * (int64_t)dtype_size((DType)node->dtype);
}

void cuda_arg_input(Kernel *k, const KernelSpec *spec, uint32_t index) {
  cuda_arg(k, (CudaArg){.kind = CUDA_ARG_INPUT,
                        .access = CUDA_READS,
                        .index = index,
                        .bytes = bytes_of(spec, spec->inputs[index])});
}

void cuda_arg_output(Kernel *k, const KernelSpec *spec, uint32_t index) {
  cuda_arg(k, (CudaArg){.kind = CUDA_ARG_OUTPUT,
                        .access = CUDA_WRITES,
                        .index = index,
                        .bytes = bytes_of(spec, spec->outputs[index])});
}

void cuda_arg_update(Kernel *k, const KernelSpec *spec, uint32_t index) {
  cuda_arg_output(k, spec, index);
  if (!k->no_memory) k->args[k->n_args - 1].access = CUDA_UPDATES;
}

void cuda_arg_work(Kernel *k, int64_t offset, int64_t bytes, CudaAccessKind access) {
  cuda_arg(k,
           (CudaArg){
               .kind = CUDA_ARG_WORK, .access = (uint8_t)access, .offset = offset, .bytes = bytes});
}

void cuda_arg_fault(Kernel *k, int64_t bound) {
  CudaContext *c = k->context;
  if (!k->fault && c->n_faults < CUDA_FAULTS_MAX) k->fault = c->faults + c->n_faults++;
  k->fault_bound = bound;
  cuda_arg(k,
           (CudaArg){.kind = CUDA_ARG_FAULT, .access = CUDA_UPDATES, .bytes = sizeof(CudaFault)});
}

void cuda_arg_i32(Kernel *k, int32_t value) {
  cuda_arg(k, (CudaArg){.kind = CUDA_ARG_I32, .value.i32 = value});
}
void cuda_arg_i64(Kernel *k, int64_t value) {
  cuda_arg(k, (CudaArg){.kind = CUDA_ARG_I64, .value.i64 = value});
}
void cuda_arg_f32(Kernel *k, float value) {
  cuda_arg(k, (CudaArg){.kind = CUDA_ARG_F32, .value.f32 = value});
}
void cuda_arg_f64(Kernel *k, double value) {
  cuda_arg(k, (CudaArg){.kind = CUDA_ARG_F64, .value.f64 = value});
}

void *cuda_kernel_data(Kernel *k, size_t bytes, KernelError *error) {
  k->data = calloc(1, bytes);
  if (!k->data) cuda_fail(error, STATUS_SYSTEM, "out of memory (%zu bytes)", bytes);
  return k->data;
}

uint32_t cuda_spec_input(const KernelSpec *spec, NodeId id) {
  for (uint32_t i = 0; i < spec->n_inputs; i++)
    if (spec->inputs[i] == id) return i;
  return UINT32_MAX;
}

bool cuda_spec_inputs(const KernelSpec *spec, uint32_t *positions, uint32_t n) {
  bool all = true;
  for (uint32_t i = 0; i < n; i++) {
    positions[i] = cuda_spec_input(spec, node_input(spec->graph, spec->nodes[0], i));
    all &= positions[i] != UINT32_MAX;
  }
  return all;
}

const char *cuda_type(DType dtype) {
  static const char *const names[DTYPE_COUNT] = {[DTYPE_F32] = "float",
                                                 [DTYPE_F64] = "double",
                                                 [DTYPE_I32] = "int",
                                                 [DTYPE_I64] = "long long",
                                                 [DTYPE_BOOL] = "unsigned char"};
  return names[dtype];
}

/* ---- launching ---- */

static const void *address(const Kernel *k, const CudaArg *arg, const KernelArgs *args) {
  switch ((CudaArgKind)arg->kind) {
  case CUDA_ARG_INPUT:
    return (const char *)args->inputs[arg->index] + arg->offset;
  case CUDA_ARG_OUTPUT:
    return (const char *)args->outputs[arg->index] + arg->offset;
  case CUDA_ARG_WORK:
    return (const char *)args->work + arg->offset;
  default:
    return k->fault;
  }
}

/* What the launch touches, each once: a result that lies over an operand is an update. */
static uint32_t accesses(const CudaArg *arg, uint32_t n, const void *const *at,
                         CudaAccess out[CUDA_ARGS_MAX]) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (arg[i].kind > CUDA_ARG_FAULT || arg[i].bytes == 0) continue;
    uint32_t j = 0;
    while (j < count && out[j].at != at[i]) j++;
    if (j == count) {
      out[count++] = (CudaAccess){at[i], (size_t)arg[i].bytes, (CudaAccessKind)arg[i].access};
      continue;
    }
    if (out[j].kind != (CudaAccessKind)arg[i].access) out[j].kind = CUDA_UPDATES;
    if ((size_t)arg[i].bytes > out[j].bytes) out[j].bytes = (size_t)arg[i].bytes;
  }
  return count;
}

Status cuda_kernel_launch(const Kernel *k, uint32_t i, cudaStream_t stream, const KernelArgs *args,
                          KernelError *error) {
  const CudaLaunch *launch = &k->launches[i];
  const CudaArg *arg = &k->args[launch->first];
  const CudaCalls *calls = k->context->calls;
  const void *at[CUDA_ARGS_MAX];
  void *values[CUDA_ARGS_MAX];
  for (uint32_t a = 0; a < launch->n; a++) {
    bool pointer = arg[a].kind <= CUDA_ARG_FAULT;
    at[a] = pointer ? address(k, &arg[a], args) : NULL;
    values[a] = pointer ? (void *)&at[a] : (void *)&arg[a].value;
  }
  if (calls->declare) {
    CudaAccess touched[CUDA_ARGS_MAX];
    calls->declare(touched, accesses(arg, launch->n, at, touched));
  }
  return cuda_check(
      k->context,
      calls->cudaLaunchKernel((const void *)launch->function->kernel,
                              (dim3){launch->grid[0], launch->grid[1], launch->grid[2]},
                              (dim3){launch->block, 1, 1}, values, launch->shared, stream),
      k->name, error);
}
