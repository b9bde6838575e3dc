/* Convolutions by cuDNN: plans that are made once for each shape, and what runs them.
 *
 * A model has hundreds of convolutions of a few dozen shapes.  A plan is kept in the context with
 * all descriptors that it was made of; what a kernel has of its own is the pack of its addresses,
 * made when they are first known.  Where cuDNN is not installed, or has no engine that may be used
 * (dnn_choose.c), our own kernel convolves. */
#include "kernels/cuda/conv.h"

#include <stdlib.h>
#include <string.h>

/* ---- plans ---- */

static void destroy_plan(const CudaCalls *calls, DnnPlan *p) {
  dnn_drop(calls, &p->choice.plan);
  dnn_drop(calls, &p->choice.config);
  dnn_graph_drop(calls, &p->graph);
  free(p);
}

void cuda_context_drop_convolutions(CudaContext *x) {
  for (DnnPlan *p = x->convolutions, *next; p; p = next) {
    next = p->next;
    destroy_plan(x->calls, p);
  }
  x->convolutions = NULL;
}

static DnnPlan *find_plan(const CudaContext *x, const CudaConv *conv, int64_t work_bytes) {
  for (DnnPlan *p = x->convolutions; p; p = p->next)
    if (p->work_bytes == work_bytes && p->tf32 == x->tf32 &&
        memcmp(&p->conv, conv, sizeof *conv) == 0)
      return p;
  return NULL;
}

/* Its choice has no plan when cuDNN has none. */
static Status plan_of(CudaContext *x, const CudaConv *conv, int64_t work_bytes, KernelError *error,
                      const DnnPlan **out) {
  DnnMachine machine = {.calls = x->calls};
  *out = find_plan(x, conv, work_bytes);
  if (*out) return STATUS_OK;
  TRY(cuda_context_dnn(x, error, &machine.handle));
  DnnPlan *p = calloc(1, sizeof *p);
  if (!p) return cuda_fail(error, STATUS_SYSTEM, "out of memory");
  *p = (DnnPlan){.conv = *conv, .work_bytes = work_bytes, .tf32 = x->tf32};
  cudnnStatus_t status = dnn_graph_make(&machine, conv, &p->graph);
  if (status == CUDNN_STATUS_SUCCESS)
    status = dnn_choose(&machine, &p->graph, (DType)conv->dtype, x->tf32, work_bytes, &p->choice);
  if (status != CUDNN_STATUS_SUCCESS && !dnn_lacks(status)) {
    destroy_plan(x->calls, p);
    return cuda_check_dnn(x, status, "cuDNN refuses a convolution", error);
  }
  p->next = x->convolutions;
  x->convolutions = p;
  *out = p;
  return STATUS_OK;
}

/* ---- kernels ---- */

typedef struct DnnConv {
  const DnnPlan *plan; /* the context's */
  uint32_t inputs[2];
  /* Of the last run: addresses, in the order CONV_X, CONV_W, CONV_Y, and the pack of them. */
  void *at[3], *work;
  cudnnBackendDescriptor_t pack;
} DnnConv;

static cudnnStatus_t make_pack(const CudaCalls *calls, DnnConv *k) {
  static const int64_t ids[] = {CONV_X, CONV_W, CONV_Y};
  DnnCalls c = {calls, CUDNN_STATUS_SUCCESS};
  dnn_drop(calls, &k->pack);
  k->pack = dnn_make(&c, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  dnn_set(&c, k->pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
  dnn_set(&c, k->pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, k->at);
  dnn_set(&c, k->pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &k->work);
  dnn_finish(&c, k->pack);
  if (c.status != CUDNN_STATUS_SUCCESS) dnn_drop(calls, &k->pack);
  return c.status;
}

static Status run(const Kernel *kernel, cudaStream_t stream, const KernelArgs *args,
                  KernelError *error) {
  static const char *const what = "cuDNN fails at a convolution";
  DnnConv *k = kernel->data;
  const CudaContext *x = kernel->context;
  const int64_t op = k->plan->conv.op;
  void *a = (void *)(uintptr_t)args->inputs[k->inputs[0]];
  void *b = (void *)(uintptr_t)args->inputs[k->inputs[1]], *out = args->outputs[0];
  void *at[] = {op == OP_CONV_DX ? out : a, op == OP_CONV_DW ? out : b,
                op == OP_CONV      ? out
                : op == OP_CONV_DX ? a
                                   : b};
  if (!k->pack || memcmp(at, k->at, sizeof at) != 0 || k->work != args->work) {
    memcpy(k->at, at, sizeof at);
    k->work = args->work;
    TRY(cuda_check_dnn(x, make_pack(x->calls, k), what, error));
  }
  TRY(cuda_check_dnn(x, x->calls->cudnnSetStream(x->dnn, stream), what, error));
  return cuda_check_dnn(x, x->calls->cudnnBackendExecute(x->dnn, k->plan->choice.plan, k->pack),
                        what, error);
}

static void destroy(Kernel *kernel) {
  DnnConv *k = kernel->data;
  if (k) dnn_drop(kernel->context->calls, &k->pack);
}

Status cuda_build_conv(const KernelSpec *spec, Kernel *kernel, KernelError *error) {
  CudaContext *x = kernel->context;
  CudaConv conv;
  const DnnPlan *plan;
  uint32_t inputs[2];
  if (!cuda_spec_inputs(spec, inputs, 2))
    return cuda_fail(error, STATUS_INVALID, "an operand of the convolution is not read");
  if (!cuda_conv_of(spec->graph, spec->nodes[0], &conv))
    return cuda_fail(error, STATUS_INVALID,
                     "the sizes of images, weights and results do not belong together");
  if (x->need(x, CUDA_LIBRARY_CUDNN, error) != STATUS_OK)
    return cuda_build_conv_plain(&conv, spec, inputs, kernel, error);
  TRY(plan_of(x, &conv, spec->work_bytes, error, &plan));
  if (!plan->choice.plan) return cuda_build_conv_plain(&conv, spec, inputs, kernel, error);
  DnnConv *k = cuda_kernel_data(kernel, sizeof *k, error);
  if (!k) return STATUS_SYSTEM;
  *k = (DnnConv){.plan = plan, .inputs = {inputs[0], inputs[1]}};
  kernel->enqueue = run;
  kernel->destroy = destroy;
  snprintf(kernel->name, sizeof kernel->name, "conv cudnn %lld%s", (long long)plan->choice.engine,
           x->tf32 && conv.dtype == DTYPE_F32 ? " tf32" : "");
  return STATUS_OK;
}
