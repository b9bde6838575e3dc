/* Convolutions: their shapes, and plain loops. */
#include "tests/cusim/dnn.h"

#include <string.h>

/* The names of an operation's attributes. */
typedef struct Names {
  cudnnBackendAttributeName_t alpha, beta, conv, x, w, y;
} Names;

static ConvKind kind_of(const Descriptor *op) {
  return op->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR         ? CONV_FORWARD
         : op->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ? CONV_DATA
                                                                                    : CONV_FILTER;
}

static const Names all_names[] = {
    [CONV_FORWARD] = {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    [CONV_DATA] = {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    [CONV_FILTER] = {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY}};

static int64_t number(Descriptor *d, cudnnBackendAttributeName_t name, int i) {
  return dnn_attribute(d, name)->values[i].number;
}

static Descriptor *part(Descriptor *d, cudnnBackendAttributeName_t name) {
  return dnn_attribute(d, name)->values[0].descriptor;
}

static bool type_known(int64_t type, ValueType *out) {
  *out = type == CUDNN_DATA_HALF       ? VALUE_F16
         : type == CUDNN_DATA_BFLOAT16 ? VALUE_BF16
         : type == CUDNN_DATA_DOUBLE   ? VALUE_F64
                                       : VALUE_F32;
  return *out != VALUE_F32 || type == CUDNN_DATA_FLOAT;
}

static Tensor4 tensor_of(Descriptor *d) {
  Tensor4 t = {.id = number(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0),
               .alignment = number(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 0)};
  type_known(number(d, CUDNN_ATTR_TENSOR_DATA_TYPE, 0), &t.type);
  for (int i = 0; i < 4; i++) {
    t.dims[i] = number(d, CUDNN_ATTR_TENSOR_DIMENSIONS, i);
    t.strides[i] = number(d, CUDNN_ATTR_TENSOR_STRIDES, i);
  }
  return t;
}

void dnn_conv(Descriptor *op, Conv *c) {
  const Names *names = &all_names[kind_of(op)];
  Descriptor *conv = part(op, names->conv);
  *c = (Conv){.kind = kind_of(op),
              .x = tensor_of(part(op, names->x)),
              .w = tensor_of(part(op, names->w)),
              .y = tensor_of(part(op, names->y)),
              .alpha = dnn_attribute(op, names->alpha)->values[0].real,
              .beta = dnn_attribute(op, names->beta)->values[0].real,
              .f64 = number(conv, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 0) == CUDNN_DATA_DOUBLE};
  for (int i = 0; i < 2; i++) {
    c->pre[i] = number(conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, i);
    c->post[i] = number(conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, i);
    c->stride[i] = number(conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, i);
    c->dilation[i] = number(conv, CUDNN_ATTR_CONVOLUTION_DILATIONS, i);
  }
  c->groups = c->x.dims[1] / c->w.dims[1];
}

/* Dense, with channels after the image or innermost. */
static bool is_dense(const Tensor4 *t) {
  static const int orders[2][4] = {{3, 2, 1, 0}, {1, 3, 2, 0}};
  for (int o = 0; o < 2; o++) {
    int64_t stride = 1;
    bool dense = true;
    for (int i = 0; i < 4; i++) {
      int axis = orders[o][i];
      dense &= t->strides[axis] == stride;
      stride *= t->dims[axis];
    }
    if (dense) return true;
  }
  return false;
}

static const char *shapes_fault(const Conv *c) {
  if (c->x.dims[0] != c->y.dims[0]) return "x and y are not of as many images";
  if (c->w.dims[0] != c->y.dims[1]) return "w and y are not of as many channels";
  if (c->x.dims[1] % c->w.dims[1]) return "x's channels are no groups of w's";
  if (c->y.dims[1] % c->groups) return "y's channels cannot be shared by the groups";
  for (int i = 0; i < 2; i++) {
    int64_t room =
        c->x.dims[2 + i] + c->pre[i] + c->post[i] - (c->w.dims[2 + i] - 1) * c->dilation[i] - 1;
    if (room < 0 || c->y.dims[2 + i] != room / c->stride[i] + 1)
      return "y is not as large as the filter's places";
  }
  return NULL;
}

const char *dnn_conv_fault(Descriptor *op, CusimRule *rule) {
  const Names *names = &all_names[kind_of(op)];
  Descriptor *parts[] = {part(op, names->x), part(op, names->w), part(op, names->y)};
  Conv c;
  ValueType type;
  *rule = CUSIM_SHAPE;
  for (int i = 0; i < 3; i++)
    if (dnn_attribute(parts[i], CUDNN_ATTR_TENSOR_DIMENSIONS)->n != 4)
      return "a tensor is not of four dimensions";
  *rule = CUSIM_TYPES;
  for (int i = 0; i < 3; i++)
    if (!type_known(number(parts[i], CUDNN_ATTR_TENSOR_DATA_TYPE, 0), &type))
      return "a type that is not modelled";
  int64_t compute = number(part(op, names->conv), CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 0);
  dnn_conv(op, &c);
  if (c.x.type != c.w.type || c.x.type != c.y.type ||
      compute != (c.x.type == VALUE_F64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT))
    return "x, w, y and the sums are not of types that go together";
  *rule = CUSIM_SHAPE;
  if (c.x.id == c.w.id || c.x.id == c.y.id || c.w.id == c.y.id) return "two tensors have one id";
  const char *fault = shapes_fault(&c);
  if (fault) return fault;
  *rule = CUSIM_NOT_MODELLED;
  return is_dense(&c.x) && is_dense(&c.w) && is_dense(&c.y)
             ? NULL
             : "tensors that are not dense are not modelled";
}
