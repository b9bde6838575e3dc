/* A convolution as a program builds it. */
#include "tests/cusim/dnn_build.h"

#include <stddef.h>

static cudnnBackendDescriptor_t make(Bench *b, cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t d = NULL;
  OK(b, b->cu->cudnnBackendCreateDescriptor(type, &d));
  return d;
}

static void set(Bench *b, cudnnBackendDescriptor_t d, int name, cudnnBackendAttributeType_t type,
                int64_t n, const void *from) {
  OK(b, b->cu->cudnnBackendSetAttribute(d, (cudnnBackendAttributeName_t)name, type, n, from));
}

static void set_number(Bench *b, cudnnBackendDescriptor_t d, int name, int64_t value) {
  set(b, d, name, CUDNN_TYPE_INT64, 1, &value);
}

static void set_descriptor(Bench *b, cudnnBackendDescriptor_t d, int name,
                           cudnnBackendDescriptor_t value) {
  set(b, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void strides_of(const int64_t dims[4], bool nhwc, int64_t out[4]) {
  const int64_t n = dims[1], h = dims[2], w = dims[3];
  const int64_t plain[] = {n * h * w, h * w, w, 1}, last[] = {n * h * w, 1, w * n, n};
  for (int i = 0; i < 4; i++) out[i] = nhwc ? last[i] : plain[i];
}

/* Flaws are those of the first tensor. */
static cudnnBackendDescriptor_t tensor(Bench *b, const DnnSpec *spec, const int64_t dims[4],
                                       int64_t id) {
  cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  Flaw flaw = id == 1 ? spec->flaw : FLAW_NONE;
  int64_t strides[4];
  cudnnDataType_t type = spec->type;
  if (spec->flaw == FLAW_TYPES && id == 3) type = CUDNN_DATA_HALF;
  strides_of(dims, spec->nhwc, strides);
  if (flaw == FLAW_LAYOUT) strides[0]++;
  set(b, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, flaw == FLAW_ATTRIBUTE_COUNT ? 2 : 1,
      &type);
  set(b, d, CUDNN_ATTR_TENSOR_DIMENSIONS,
      flaw == FLAW_ATTRIBUTE_TYPE ? CUDNN_TYPE_DOUBLE : CUDNN_TYPE_INT64, 4, dims);
  if (flaw != FLAW_NOT_SET)
    set(b, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, flaw == FLAW_STRIDES ? 3 : 4, strides);
  set_number(b, d,
             flaw == FLAW_ATTRIBUTE_NAME ? CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS
                                         : CUDNN_ATTR_TENSOR_UNIQUE_ID,
             spec->flaw == FLAW_IDS && id == 2 ? 1 : id);
  set_number(b, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, spec->alignment);
  if (flaw != FLAW_NOT_FINAL) OK(b, b->cu->cudnnBackendFinalize(d));
  if (flaw == FLAW_CHANGED) set_number(b, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, 9);
  return d;
}

static cudnnBackendDescriptor_t convolution(Bench *b, const DnnSpec *spec) {
  cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  cudnnDataType_t compute = (spec->type == CUDNN_DATA_DOUBLE) != (spec->flaw == FLAW_COMPUTE)
                                ? CUDNN_DATA_DOUBLE
                                : CUDNN_DATA_FLOAT;
  cudnnConvolutionMode_t mode =
      spec->flaw == FLAW_FLIPPED ? CUDNN_CONVOLUTION : CUDNN_CROSS_CORRELATION;
  set(b, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
  set(b, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  set_number(b, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
  set(b, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, spec->dilation);
  set(b, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, spec->stride);
  set(b, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, spec->pre);
  set(b, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, spec->post);
  OK(b, b->cu->cudnnBackendFinalize(d));
  return d;
}

typedef struct OpNames {
  cudnnBackendDescriptorType_t type;
  int alpha, beta, conv, tensors[3];
} OpNames;
static const OpNames op_names[] = {
    [DNN_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                     {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y}},
    [DNN_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                  {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY}},
    [DNN_FILTER] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                    {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY}}};

void dnn_build_operation(Bench *b, const DnnSpec *spec, DnnPlan *p) {
  const OpNames *names = &op_names[spec->what];
  const int64_t *dims[] = {spec->x, spec->w, spec->y};
  for (int i = 0; i < 3; i++) p->tensors[i] = tensor(b, spec, dims[i], i + 1);
  p->conv = convolution(b, spec);
  p->op = make(b, names->type);
  set(b, p->op, names->alpha, CUDNN_TYPE_FLOAT, 1, &spec->alpha);
  set(b, p->op, names->beta, CUDNN_TYPE_FLOAT, 1, &spec->beta);
  set_descriptor(b, p->op, names->conv, p->conv);
  for (int i = 0; i < 3; i++)
    set_descriptor(b, p->op, names->tensors[i],
                   i == 0 && spec->flaw == FLAW_REFERENCE ? p->conv : p->tensors[i]);
  OK(b, b->cu->cudnnBackendFinalize(p->op));
}

/* Whether an engine adds up as its operands are, in one order. */
static bool is_plain(Bench *b, const DnnSpec *spec, cudnnBackendDescriptor_t config,
                     cudnnBackendDescriptor_t *engine) {
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  int64_t n = 0, index = -1;
  *engine = make(b, spec->flaw == FLAW_NOTE_PLACE ? CUDNN_BACKEND_ENGINECFG_DESCRIPTOR
                                                  : CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  OK(b, b->cu->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, engine));
  OK(b, b->cu->cudnnBackendGetAttribute(*engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64,
                                        1, &n, &index));
  OK(b, index < 0);
  OK(b, b->cu->cudnnBackendGetAttribute(*engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                        spec->flaw == FLAW_NOTE_TYPE ? CUDNN_TYPE_INT64
                                                                     : CUDNN_TYPE_NUMERICAL_NOTE,
                                        CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n, notes));
  for (int64_t i = 0; i < n; i++)
    if (notes[i] != CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP) return false;
  return true;
}

/* Engines may turn out not to be there: the next one is tried. */
static void plan_it(Bench *b, cudnnHandle_t handle, const DnnSpec *spec, DnnPlan *p) {
  cudnnStatus_t status = CUDNN_STATUS_NOT_SUPPORTED;
  for (int64_t i = 0; i < p->n; i++) {
    if (!is_plain(b, spec, p->configs[i], &p->engines[i])) continue;
    p->plan = make(b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    set(b, p->plan, 400, CUDNN_TYPE_HANDLE, 1, &handle);
    set_descriptor(b, p->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, p->configs[i]);
    status = b->cu->cudnnBackendFinalize(p->plan);
    if (status != CUDNN_STATUS_NOT_SUPPORTED) break;
    OK(b, b->cu->cudnnBackendDestroyDescriptor(p->plan));
    p->plan = NULL;
    p->used++;
  }
  OK(b, status);
  if (status) return;
  OK(b, b->cu->cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                        CUDNN_TYPE_INT64, 1, NULL, &p->workspace));
}

static void pack_it(Bench *b, const DnnSpec *spec, DnnPlan *p) {
  const int64_t ids[] = {1, spec->flaw == FLAW_PACK_ID ? 7 : 2, 3};
  p->pack = make(b, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  set(b, p->pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
  set(b, p->pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
      spec->flaw == FLAW_PACK_COUNT ? 2 : 3, spec->at);
  set(b, p->pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &spec->workspace);
  OK(b, b->cu->cudnnBackendFinalize(p->pack));
}

void dnn_build(Bench *b, cudnnHandle_t handle, const DnnSpec *spec, DnnPlan *p) {
  *p = (DnnPlan){0};
  dnn_build_operation(b, spec, p);
  p->graph = make(b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (spec->flaw != FLAW_NO_HANDLE) set(b, p->graph, 800, CUDNN_TYPE_HANDLE, 1, &handle);
  set_descriptor(b, p->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, p->op);
  OK(b, b->cu->cudnnBackendFinalize(p->graph));
  p->heuristics = make(b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  set_descriptor(b, p->heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, p->graph);
  set(b, p->heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &spec->mode);
  OK(b, b->cu->cudnnBackendFinalize(p->heuristics));
  for (int i = 0; i < 6; i++) p->configs[i] = make(b, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  OK(b, b->cu->cudnnBackendGetAttribute(p->heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 6, &p->n, p->configs));
  plan_it(b, handle, spec, p);
  pack_it(b, spec, p);
  if (spec->flaw == FLAW_DESTROYED) {
    OK(b, b->cu->cudnnBackendDestroyDescriptor(p->graph));
    p->graph = NULL;
  }
}

void dnn_drop(Bench *b, DnnPlan *p, Flaw flaw) {
  if (flaw == FLAW_LEAK) p->plan = NULL;
  cudnnBackendDescriptor_t all[] = {p->pack, p->plan,       p->heuristics, p->graph,     p->op,
                                    p->conv, p->tensors[0], p->tensors[1], p->tensors[2]};
  for (int i = 0; i < 6; i++) {
    if (p->engines[i]) OK(b, b->cu->cudnnBackendDestroyDescriptor(p->engines[i]));
    if (p->configs[i]) OK(b, b->cu->cudnnBackendDestroyDescriptor(p->configs[i]));
  }
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]) OK(b, b->cu->cudnnBackendDestroyDescriptor(all[i]));
}
