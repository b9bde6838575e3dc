/* cuDNN's descriptors: which attributes they have, of which types and counts, and what makes them
 * final. */
#include "tests/cusim/dnn.h"

#include <stdlib.h>
#include <string.h>

/* An attribute that a descriptor has.  `from` a count of 0: it can only be read. */
typedef struct Row {
  cudnnBackendDescriptorType_t of;
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  int from, to;
  bool needed;
} Row;
#define ROW(of, name, type, from, to, needed)                                                      \
  { CUDNN_BACKEND_##of##_DESCRIPTOR, CUDNN_ATTR_##name, CUDNN_TYPE_##type, from, to, needed }
static const Row rows[] = {
    ROW(TENSOR, TENSOR_DATA_TYPE, DATA_TYPE, 1, 1, true),
    ROW(TENSOR, TENSOR_DIMENSIONS, INT64, 1, 8, true),
    ROW(TENSOR, TENSOR_STRIDES, INT64, 1, 8, true),
    ROW(TENSOR, TENSOR_UNIQUE_ID, INT64, 1, 1, true),
    ROW(TENSOR, TENSOR_BYTE_ALIGNMENT, INT64, 1, 1, true),

    ROW(CONVOLUTION, CONVOLUTION_COMP_TYPE, DATA_TYPE, 1, 1, true),
    ROW(CONVOLUTION, CONVOLUTION_CONV_MODE, CONVOLUTION_MODE, 1, 1, true),
    ROW(CONVOLUTION, CONVOLUTION_SPATIAL_DIMS, INT64, 1, 1, true),
    ROW(CONVOLUTION, CONVOLUTION_DILATIONS, INT64, 1, 6, true),
    ROW(CONVOLUTION, CONVOLUTION_FILTER_STRIDES, INT64, 1, 6, true),
    ROW(CONVOLUTION, CONVOLUTION_PRE_PADDINGS, INT64, 1, 6, true),
    ROW(CONVOLUTION, CONVOLUTION_POST_PADDINGS, INT64, 1, 6, true),

#define CONV(of, prefix, x, w, y)                                                                  \
  ROW(of, prefix##_ALPHA, FLOAT, 1, 1, true), ROW(of, prefix##_BETA, FLOAT, 1, 1, true),           \
      ROW(of, prefix##_CONV_DESC, BACKEND_DESCRIPTOR, 1, 1, true),                                 \
      ROW(of, x, BACKEND_DESCRIPTOR, 1, 1, true), ROW(of, w, BACKEND_DESCRIPTOR, 1, 1, true),      \
      ROW(of, y, BACKEND_DESCRIPTOR, 1, 1, true)
    CONV(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD,
         OPERATION_CONVOLUTION_FORWARD_X, OPERATION_CONVOLUTION_FORWARD_W,
         OPERATION_CONVOLUTION_FORWARD_Y),
    CONV(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA,
         OPERATION_CONVOLUTION_BWD_DATA_DX, OPERATION_CONVOLUTION_BWD_DATA_W,
         OPERATION_CONVOLUTION_BWD_DATA_DY),
    CONV(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER,
         OPERATION_CONVOLUTION_BWD_FILTER_X, OPERATION_CONVOLUTION_BWD_FILTER_DW,
         OPERATION_CONVOLUTION_BWD_FILTER_DY),
#undef CONV

    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, (cudnnBackendAttributeName_t)800, CUDNN_TYPE_HANDLE,
     1, 1, true}, /* the names of these two attributes are marked as deprecated */
    ROW(OPERATIONGRAPH, OPERATIONGRAPH_OPS, BACKEND_DESCRIPTOR, 1, 1, true),

    ROW(ENGINEHEUR, ENGINEHEUR_OPERATION_GRAPH, BACKEND_DESCRIPTOR, 1, 1, true),
    ROW(ENGINEHEUR, ENGINEHEUR_MODE, HEUR_MODE, 1, 1, true),
    ROW(ENGINEHEUR, ENGINEHEUR_RESULTS, BACKEND_DESCRIPTOR, 0, CONFIGS, false),

    ROW(ENGINECFG, ENGINECFG_ENGINE, BACKEND_DESCRIPTOR, 0, 1, false),
    ROW(ENGINE, ENGINE_GLOBAL_INDEX, INT64, 0, 1, false),
    ROW(ENGINE, ENGINE_NUMERICAL_NOTE, NUMERICAL_NOTE, 0, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, false),

    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, (cudnnBackendAttributeName_t)400, CUDNN_TYPE_HANDLE,
     1, 1, true},
    ROW(EXECUTION_PLAN, EXECUTION_PLAN_ENGINE_CONFIG, BACKEND_DESCRIPTOR, 1, 1, true),
    ROW(EXECUTION_PLAN, EXECUTION_PLAN_WORKSPACE_SIZE, INT64, 0, 1, false),

    ROW(VARIANT_PACK, VARIANT_PACK_UNIQUE_IDS, INT64, 1, VALUES, true),
    ROW(VARIANT_PACK, VARIANT_PACK_DATA_POINTERS, VOID_PTR, 1, VALUES, true),
    ROW(VARIANT_PACK, VARIANT_PACK_WORKSPACE, VOID_PTR, 1, 1, true),
};
#define ROWS (sizeof rows / sizeof *rows)

static Descriptor *descriptors;

void dnn_descriptors_find_leaks(void) {
  for (Descriptor *d = descriptors; d; d = d->next)
    if (!d->destroyed)
      sim_fault(CUDA_CALL_cudnnBackendCreateDescriptor, CUSIM_LEAK,
                "a descriptor of type %d was not destroyed", (int)d->type);
}

void dnn_descriptors_close(void) {
  for (Descriptor *d = descriptors, *next; d; d = next) {
    next = d->next;
    free(d);
  }
  descriptors = NULL;
}

#define REFUSE(call, rule, status, ...) (sim_fault(call, CUSIM_##rule, __VA_ARGS__), status)

static const Row *row_of(cudnnBackendDescriptorType_t of, cudnnBackendAttributeName_t name) {
  for (size_t i = 0; i < ROWS; i++)
    if (rows[i].of == of && rows[i].name == name) return &rows[i];
  return NULL;
}

Attribute *dnn_attribute(Descriptor *d, cudnnBackendAttributeName_t name) {
  if (!row_of(d->type, name)) return NULL;
  for (int i = 0; i < ATTRIBUTES; i++) {
    Attribute *a = &d->attributes[i];
    if (a->name == 0 && a->n == 0) a->name = name;
    if (a->name == name) return a;
  }
  return NULL;
}

Descriptor *dnn_find(CudaCall call, const void *handle) {
  for (Descriptor *d = descriptors; d; d = d->next)
    if ((void *)d == handle && !d->destroyed) return d;
  sim_fault(call, CUSIM_HANDLE, "%p is no descriptor, or one that was destroyed", handle);
  return NULL;
}

cudnnStatus_t sim_cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                               cudnnBackendDescriptor_t *out) {
  SIM_BEGIN(cudnnBackendCreateDescriptor, cudnnStatus_t);
  bool known = false;
  for (size_t i = 0; i < ROWS; i++) known |= rows[i].of == type;
  if (!known)
    return REFUSE(CUDA_CALL_cudnnBackendCreateDescriptor, NOT_MODELLED, CUDNN_STATUS_NOT_SUPPORTED,
                  "descriptors of type %d are not modelled", (int)type);
  Descriptor *d = calloc(1, sizeof *d);
  if (!d) return CUDNN_STATUS_ALLOC_FAILED;
  *d = (Descriptor){.next = descriptors, .type = type};
  descriptors = d;
  *out = (cudnnBackendDescriptor_t)(void *)d;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t sim_cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t handle) {
  SIM_BEGIN(cudnnBackendDestroyDescriptor, cudnnStatus_t);
  Descriptor *d = dnn_find(CUDA_CALL_cudnnBackendDestroyDescriptor, handle);
  if (!d) return CUDNN_STATUS_BAD_PARAM;
  d->destroyed = true;
  return CUDNN_STATUS_SUCCESS;
}

/* ---- setting ---- */

static bool is_enum(cudnnBackendAttributeType_t type) {
  return type == CUDNN_TYPE_DATA_TYPE || type == CUDNN_TYPE_CONVOLUTION_MODE ||
         type == CUDNN_TYPE_HEUR_MODE;
}

static Element element_of(cudnnBackendAttributeType_t type, const void *from, int64_t i) {
  Element e = {0};
  if (is_enum(type))
    e.number = ((const int *)from)[i];
  else if (type == CUDNN_TYPE_INT64)
    e.number = ((const int64_t *)from)[i];
  else if (type == CUDNN_TYPE_FLOAT)
    e.real = (double)((const float *)from)[i];
  else if (type == CUDNN_TYPE_DOUBLE)
    e.real = ((const double *)from)[i];
  else
    e.pointer = ((void *const *)from)[i];
  return e;
}

/* Whether a descriptor of this type can be the attribute. */
static bool reference_fits(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) {
  switch (name) {
  case CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC:
  case CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC:
  case CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC:
    return type == CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR;
  case CUDNN_ATTR_OPERATIONGRAPH_OPS:
    return type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
           type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
           type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
  case CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH:
    return type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR;
  case CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG:
    return type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
  default:
    return type == CUDNN_BACKEND_TENSOR_DESCRIPTOR;
  }
}

/* Factors may be of either type. */
static bool same_type(const Row *row, cudnnBackendAttributeType_t type) {
  return type == row->type || (row->type == CUDNN_TYPE_FLOAT && type == CUDNN_TYPE_DOUBLE);
}

cudnnStatus_t sim_cudnnBackendSetAttribute(cudnnBackendDescriptor_t handle,
                                           cudnnBackendAttributeName_t name,
                                           cudnnBackendAttributeType_t type, int64_t n,
                                           const void *from) {
  SIM_BEGIN(cudnnBackendSetAttribute, cudnnStatus_t);
  const CudaCall call = CUDA_CALL_cudnnBackendSetAttribute;
  Descriptor *d = dnn_find(call, handle);
  if (!d) return CUDNN_STATUS_BAD_PARAM;
  if (d->finalized)
    return REFUSE(call, DNN_STATE, CUDNN_STATUS_NOT_INITIALIZED, "the descriptor is final");
  const Row *row = row_of(d->type, name);
  if (!row || !row->from)
    return REFUSE(call, DNN_ATTRIBUTE, CUDNN_STATUS_NOT_SUPPORTED,
                  "attribute %d of a descriptor of type %d cannot be set, or is not modelled",
                  (int)name, (int)d->type);
  if (!same_type(row, type))
    return REFUSE(call, DNN_ATTRIBUTE, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
                  "attribute %d is of type %d, not %d", (int)name, (int)row->type, (int)type);
  if (n < row->from || n > row->to || !from)
    return REFUSE(call, DNN_ATTRIBUTE, CUDNN_STATUS_BAD_PARAM,
                  "attribute %d has %d to %d elements, not %lld", (int)name, row->from, row->to,
                  (long long)n);
  Attribute *a = dnn_attribute(d, name);
  for (int64_t i = 0; i < n; i++) {
    Element e = element_of(type, from, i);
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
      if (!dnn_find(call, e.pointer)) return CUDNN_STATUS_BAD_PARAM;
      if (!e.descriptor->finalized)
        return REFUSE(call, DNN_STATE, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                      "attribute %d is a descriptor that is not final", (int)name);
      if (!reference_fits(name, e.descriptor->type))
        return REFUSE(call, DNN_ATTRIBUTE, CUDNN_STATUS_BAD_PARAM,
                      "attribute %d cannot be a descriptor of type %d", (int)name,
                      (int)e.descriptor->type);
    }
    if (type == CUDNN_TYPE_HANDLE && !dnn_is_handle(e.pointer))
      return REFUSE(call, HANDLE, CUDNN_STATUS_BAD_PARAM, "%p is no handle", e.pointer);
    a->values[i] = e;
  }
  a->n = (int)n;
  return CUDNN_STATUS_SUCCESS;
}

/* ---- finalizing ---- */

static const char *tensor_fault(Descriptor *d, CusimRule *rule) {
  Attribute *dims = dnn_attribute(d, CUDNN_ATTR_TENSOR_DIMENSIONS);
  Attribute *strides = dnn_attribute(d, CUDNN_ATTR_TENSOR_STRIDES);
  int64_t alignment = dnn_attribute(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)->values[0].number;
  *rule = CUSIM_SHAPE;
  if (dims->n != strides->n) return "there are not as many strides as dimensions";
  for (int i = 0; i < dims->n; i++)
    if (dims->values[i].number < 1 || strides->values[i].number < 1)
      return "a dimension or stride is not positive";
  if (alignment < 1 || alignment & (alignment - 1)) return "the alignment is no power of two";
  return NULL;
}

static const char *convolution_fault(Descriptor *d, CusimRule *rule) {
  static const cudnnBackendAttributeName_t lists[] = {
      CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
      CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS};
  int64_t n = dnn_attribute(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS)->values[0].number;
  *rule = CUSIM_SHAPE;
  for (int l = 0; l < 4; l++) {
    Attribute *a = dnn_attribute(d, lists[l]);
    if (a->n != n) return "there are not as many elements as spatial dimensions";
    for (int i = 0; i < a->n; i++)
      if (a->values[i].number < (l < 2)) return "a stride, dilation or padding is too small";
  }
  *rule = CUSIM_NOT_MODELLED;
  if (n != 2) return "other than two spatial dimensions are not modelled";
  if (dnn_attribute(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE)->values[0].number !=
      CUDNN_CROSS_CORRELATION)
    return "flipped filters are not modelled";
  return NULL;
}

static const char *pack_fault(Descriptor *d, CusimRule *rule) {
  *rule = CUSIM_DNN_PACK;
  return dnn_attribute(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)->n ==
                 dnn_attribute(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)->n
             ? NULL
             : "there are not as many pointers as ids";
}

static const char *content_fault(Descriptor *d, CusimRule *rule) {
  switch (d->type) {
  case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
    return tensor_fault(d, rule);
  case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
    return convolution_fault(d, rule);
  case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
    return pack_fault(d, rule);
  case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
  case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
  case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
    return dnn_conv_fault(d, rule);
  default:
    return NULL;
  }
}

static Descriptor *config_of(Descriptor *plan) {
  return dnn_attribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->values[0].descriptor;
}

/* What it was made of must still be there. */
static bool references_live(CudaCall call, const Descriptor *d) {
  for (int i = 0; i < ATTRIBUTES; i++) {
    const Row *row = row_of(d->type, d->attributes[i].name);
    if (!row || row->type != CUDNN_TYPE_BACKEND_DESCRIPTOR) continue;
    for (int k = 0; k < d->attributes[i].n; k++)
      if (!dnn_find(call, d->attributes[i].values[k].pointer)) return false;
  }
  return true;
}

cudnnStatus_t sim_cudnnBackendFinalize(cudnnBackendDescriptor_t handle) {
  SIM_BEGIN(cudnnBackendFinalize, cudnnStatus_t);
  const CudaCall call = CUDA_CALL_cudnnBackendFinalize;
  CusimRule rule;
  Descriptor *d = dnn_find(call, handle);
  if (!d) return CUDNN_STATUS_BAD_PARAM;
  if (d->finalized || d->type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR ||
      d->type == CUDNN_BACKEND_ENGINE_DESCRIPTOR)
    return REFUSE(call, DNN_STATE, CUDNN_STATUS_BAD_PARAM,
                  "the descriptor is final, or made so by the heuristics");
  for (size_t i = 0; i < ROWS; i++)
    if (rows[i].of == d->type && rows[i].needed && !dnn_attribute(d, rows[i].name)->n)
      return REFUSE(call, DNN_STATE, CUDNN_STATUS_BAD_PARAM,
                    "attribute %d of a descriptor of type %d is not set", (int)rows[i].name,
                    (int)d->type);
  if (!references_live(call, d)) return CUDNN_STATUS_BAD_PARAM;
  const char *fault = content_fault(d, &rule);
  if (fault) {
    sim_fault(call, rule, "%s", fault);
    return CUDNN_STATUS_BAD_PARAM;
  }
  /* Engines that turn out not to be there are the caller's business: it tries the next one. */
  if (d->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR && !dnn_supported(config_of(d)))
    return CUDNN_STATUS_NOT_SUPPORTED;
  d->finalized = true;
  return CUDNN_STATUS_SUCCESS;
}

/* ---- asking ---- */

cudnnStatus_t sim_cudnnBackendGetAttribute(cudnnBackendDescriptor_t const handle,
                                           cudnnBackendAttributeName_t name,
                                           cudnnBackendAttributeType_t type, int64_t room,
                                           int64_t *n, void *out) {
  SIM_BEGIN(cudnnBackendGetAttribute, cudnnStatus_t);
  const CudaCall call = CUDA_CALL_cudnnBackendGetAttribute;
  Descriptor *d = dnn_find(call, handle);
  if (!d) return CUDNN_STATUS_BAD_PARAM;
  const Row *row = row_of(d->type, name);
  if (!row || row->from || row->type != type)
    return REFUSE(call, DNN_ATTRIBUTE, CUDNN_STATUS_BAD_PARAM,
                  "attribute %d of a descriptor of type %d is not modelled for reading", (int)name,
                  (int)d->type);
  if (!d->finalized)
    return REFUSE(call, DNN_STATE, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                  "the descriptor is not final");
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) return dnn_results(d, room, n, out);
  if (name == CUDNN_ATTR_ENGINECFG_ENGINE) return dnn_engine_of(d, room, n, out);
  if (name == CUDNN_ATTR_ENGINE_GLOBAL_INDEX) return dnn_index(d, room, n, out);
  if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE) return dnn_notes(d, room, n, out);
  if (n) *n = 1;
  if (room > 0 && out) *(int64_t *)out = dnn_workspace(config_of(d));
  return CUDNN_STATUS_SUCCESS;
}
