/* Constants and random sites.  A list of values is part of a text of its own, by its bits. */
#include "kernels/cuda/fused.h"

#include "graph/base/philox.h"

#include <stdlib.h>

#define THREADS 256

/* What graph/base/philox.inc wants of a compiler. */
static const char philox_head[] = "typedef u32 uint32_t;\ntypedef u64 uint64_t;\n"
                                  "#define PHILOX_FN static __device__ __forceinline__\n";

static Status add_function(const KernelSpec *spec, Kernel *k, const char *name,
                           KernelError *error) {
  const Node *node = &spec->graph->nodes[spec->nodes[0]];
  CudaFunction *function;
  char defines[8192];
  int n = snprintf(defines, sizeof defines, "#define T %s\n%s%s", cuda_type((DType)node->dtype),
                   philox_head, cuda_text_philox);
  if (n < 0 || (size_t)n >= sizeof defines)
    return cuda_fail(error, STATUS_INVALID, "the defines of '%s' are too long", name);
  TRY(cuda_modules_function(k->context->modules, defines, cuda_text_leaf, name, error, &function));
  int64_t count = shape_count(&node->shape);
  cuda_launch_elements(k, function, count, THREADS);
  cuda_arg_output(k, spec, 0);
  cuda_arg_i64(k, count);
  return STATUS_OK;
}

/* The bits of an element. */
static uint64_t bits_of(DType type, double value) {
  union {
    uint64_t u64;
    uint32_t u32;
    uint8_t u8;
  } bits = {0};
  dtype_desc(type)->set(&bits, 0, value);
  size_t size = dtype_size(type);
  return size == 8 ? bits.u64 : size == 4 ? bits.u32 : bits.u8;
}

static Status fill(const KernelSpec *spec, Kernel *k, double value, KernelError *error) {
  TRY(add_function(spec, k, "fill", error));
  DType type = (DType)spec->graph->nodes[spec->nodes[0]].dtype;
  CudaArg arg = {.kind = dtype_size(type) == 8 ? CUDA_ARG_I64 : CUDA_ARG_I32};
  /* An argument is its bytes. */
  arg.value.i64 = (int64_t)bits_of(type, value);
  cuda_arg(k, arg);
  return STATUS_OK;
}

static void put_list(FusedText *text, DType type, const double *values, uint32_t n) {
  size_t size = dtype_size(type);
  const char *bits = size == 8 ? "u64" : size == 4 ? "u32" : "u8";
  fused_put(text,
            "#ifndef JOINED\n#define JOINED_(A, B) A##B\n#define JOINED(A, B) JOINED_(A, B)\n"
            "#endif\n__device__ const %s JOINED(KERNEL, _values)[%u] = {",
            bits, n);
  for (uint32_t i = 0; i < n; i++)
    fused_put(text, "%s0x%llx%s", i ? "," : "", (unsigned long long)bits_of(type, values[i]),
              size == 8 ? "ull" : "u");
  fused_put(text,
            "};\nextern \"C\" __global__ void __launch_bounds__(%d) KERNEL(%s *to, i64 n) {\n"
            "GRID_LOOP(i, n) to[i] = JOINED(KERNEL, _values)[i];\n}\n",
            THREADS, bits);
}

static Status list(const KernelSpec *spec, Kernel *k, const double *values, uint32_t n,
                   KernelError *error) {
  FusedText text = {.cap = 4096};
  CudaFunction *function;
  Status status = STATUS_OK;
  text.data = calloc(1, text.cap);
  if (text.data) put_list(&text, (DType)spec->graph->nodes[spec->nodes[0]].dtype, values, n);
  if (!text.data || text.failed) status = cuda_fail(error, STATUS_SYSTEM, "out of memory");
  if (status == STATUS_OK)
    status = cuda_modules_generated(k->context->modules, text.data, error, &function);
  free(text.data);
  if (status != STATUS_OK) return status;
  cuda_launch_elements(k, function, n, THREADS);
  cuda_arg_output(k, spec, 0);
  cuda_arg_i64(k, n);
  return STATUS_OK;
}

static Status random_site(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  uint32_t inputs[2];
  if (!cuda_spec_inputs(spec, inputs, 2))
    return cuda_fail(error, STATUS_INVALID, "an operand of '%s' is not listed", k->name);
  bool uniform = node_attr_int(g, id, RANDOM_DISTRIBUTION) == RANDOM_UNIFORM;
  TRY(add_function(spec, k, uniform ? "uniform" : "normal", error));
  cuda_arg_input(k, spec, inputs[0]);
  cuda_arg_input(k, spec, inputs[1]);
  cuda_arg_i64(k, (int64_t)philox_site(graph_text(g, (uint32_t)node_attr_int(g, id, RANDOM_SITE))));
  return STATUS_OK;
}

Status cuda_build_leaf(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  uint32_t n;
  if (shape_count(&g->nodes[id].shape) == 0) return STATUS_OK;
  if (g->nodes[id].op == OP_RANDOM) return random_site(spec, k, error);
  const double *values = (const double *)(const void *)node_attr(g, id, CONSTANT_VALUES, &n);
  return n == 1 ? fill(spec, k, values[0], error) : list(spec, k, values, n, error);
}
