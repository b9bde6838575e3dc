/* cuDNN's descriptors of one convolution.
 *
 * Images are NHWC in memory and weights OIHW; cuDNN names axes in one order, (N, C, H, W), and gets
 * the strides.  No descriptor is ever passed where another kind is wanted: cuDNN 9.19 throws an
 * exception of C++ at some of these. */
#include "kernels/cuda/conv.h"

cudnnBackendDescriptor_t dnn_make(DnnCalls *c, cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t d = NULL;
  if (c->status == CUDNN_STATUS_SUCCESS)
    c->status = c->calls->cudnnBackendCreateDescriptor(type, &d);
  return c->status == CUDNN_STATUS_SUCCESS ? d : NULL;
}

void dnn_set(DnnCalls *c, cudnnBackendDescriptor_t d, int name, cudnnBackendAttributeType_t type,
             int64_t n, const void *from) {
  if (c->status == CUDNN_STATUS_SUCCESS)
    c->status =
        c->calls->cudnnBackendSetAttribute(d, (cudnnBackendAttributeName_t)name, type, n, from);
}

void dnn_finish(DnnCalls *c, cudnnBackendDescriptor_t d) {
  if (c->status == CUDNN_STATUS_SUCCESS) c->status = c->calls->cudnnBackendFinalize(d);
}

void dnn_drop(const CudaCalls *calls, cudnnBackendDescriptor_t *d) {
  if (*d) calls->cudnnBackendDestroyDescriptor(*d);
  *d = NULL;
}

bool dnn_lacks(cudnnStatus_t status) {
  return CUDNN_STATUS_CATEGORY((int)status) == CUDNN_STATUS_NOT_SUPPORTED;
}

static cudnnDataType_t type_of(const CudaConv *conv) {
  return conv->dtype == DTYPE_F64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
}

static cudnnBackendDescriptor_t make_tensor(DnnCalls *c, const CudaConv *conv, int64_t id,
                                            const int64_t dims[4], const int64_t strides[4]) {
  const cudnnDataType_t type = type_of(conv);
  const int64_t alignment = DNN_ALIGNMENT;
  cudnnBackendDescriptor_t d = dnn_make(c, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  dnn_set(c, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  dnn_set(c, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
  dnn_set(c, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
  dnn_set(c, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
  dnn_set(c, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
  dnn_finish(c, d);
  return d;
}

static cudnnBackendDescriptor_t make_image(DnnCalls *c, const CudaConv *conv, int64_t id, int64_t h,
                                           int64_t w, int64_t channels) {
  return make_tensor(c, conv, id, (const int64_t[]){conv->n, channels, h, w},
                     (const int64_t[]){h * w * channels, 1, w * channels, channels});
}

static cudnnBackendDescriptor_t make_weight(DnnCalls *c, const CudaConv *conv, int64_t id) {
  const int64_t reads = conv->cx / conv->groups, taps = conv->kh * conv->kw;
  return make_tensor(c, conv, id, (const int64_t[]){conv->cy, reads, conv->kh, conv->kw},
                     (const int64_t[]){reads * taps, taps, conv->kw, 1});
}

static cudnnBackendDescriptor_t make_convolution(DnnCalls *c, const CudaConv *conv) {
  const cudnnDataType_t type = type_of(conv);
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  const int64_t axes = 2;
  cudnnBackendDescriptor_t d = dnn_make(c, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &axes);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, conv->dilation);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, conv->stride);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, conv->pad);
  dnn_set(c, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, conv->pad);
  dnn_finish(c, d);
  return d;
}

typedef struct OpNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t alpha, beta, conv, tensors[3];
} OpNames;
static const OpNames forward = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y}};
static const OpNames backward_data = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                                      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                      {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY}};
static const OpNames backward_filter = {
    CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
    {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY}};

static cudnnBackendDescriptor_t make_operation(DnnCalls *c, const CudaConv *conv, DnnGraph *g) {
  const OpNames *names = conv->op == OP_CONV      ? &forward
                         : conv->op == OP_CONV_DX ? &backward_data
                                                  : &backward_filter;
  const float one = 1, zero = 0;
  const double wide_one = 1, wide_zero = 0;
  const bool wide = conv->dtype == DTYPE_F64;
  const cudnnBackendAttributeType_t type = wide ? CUDNN_TYPE_DOUBLE : CUDNN_TYPE_FLOAT;
  cudnnBackendDescriptor_t d = dnn_make(c, names->type);
  dnn_set(c, d, names->alpha, type, 1, wide ? (const void *)&wide_one : &one);
  dnn_set(c, d, names->beta, type, 1, wide ? (const void *)&wide_zero : &zero);
  dnn_set(c, d, names->conv, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->conv);
  for (int i = 0; i < 3; i++)
    dnn_set(c, d, names->tensors[i], CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->tensors[i]);
  dnn_finish(c, d);
  return d;
}

cudnnStatus_t dnn_graph_make(const DnnMachine *machine, const CudaConv *conv, DnnGraph *g) {
  DnnCalls c = {machine->calls, CUDNN_STATUS_SUCCESS};
  *g = (DnnGraph){0};
  g->tensors[CONV_X] = make_image(&c, conv, CONV_X, conv->hx, conv->wx, conv->cx);
  g->tensors[CONV_W] = make_weight(&c, conv, CONV_W);
  g->tensors[CONV_Y] = make_image(&c, conv, CONV_Y, conv->hy, conv->wy, conv->cy);
  g->conv = make_convolution(&c, conv);
  g->op = make_operation(&c, conv, g);
  g->graph = dnn_make(&c, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (machine->handle)
    dnn_set(&c, g->graph, DNN_GRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &machine->handle);
  dnn_set(&c, g->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->op);
  dnn_finish(&c, g->graph);
  return c.status;
}

void dnn_graph_drop(const CudaCalls *calls, DnnGraph *g) {
  dnn_drop(calls, &g->graph);
  dnn_drop(calls, &g->op);
  dnn_drop(calls, &g->conv);
  for (int i = 0; i < 3; i++) dnn_drop(calls, &g->tensors[i]);
}
