/* Convolutions by kernels of our own (text/conv.cu): for machines without cuDNN, and for what it
 * has no engine for. */
#include "kernels/cuda/conv.h"

#define THREADS 256 /* of a block; those of a weight's gradient add up in a tree, text/conv.cu */

static bool fits(const CudaConv *c, int i, int64_t size, int64_t kernel, int64_t out) {
  int64_t room = size + 2 * c->pad[i] - (kernel - 1) * c->dilation[i] - 1;
  return c->stride[i] >= 1 && room >= 0 && room / c->stride[i] + 1 == out;
}

bool cuda_conv_of(const Graph *g, NodeId id, CudaConv *c) {
  const Node *node = &g->nodes[id];
  const Shape *a = &g->nodes[node_input(g, id, 0)].shape;
  const Shape *b = &g->nodes[node_input(g, id, 1)].shape;
  const Shape *x = node->op == OP_CONV_DX ? &node->shape : a;
  const Shape *w = node->op == OP_CONV_DW ? &node->shape : b;
  const Shape *y = node->op == OP_CONV ? &node->shape : node->op == OP_CONV_DX ? a : b;
  *c = (CudaConv){.op = node->op,
                  .dtype = node->dtype,
                  .n = x->dim[0],
                  .hx = x->dim[1],
                  .wx = x->dim[2],
                  .cx = x->dim[3],
                  .hy = y->dim[1],
                  .wy = y->dim[2],
                  .cy = y->dim[3],
                  .kh = w->dim[2],
                  .kw = w->dim[3],
                  .groups = node_attr_int(g, id, CONV_GROUPS)};
  for (int i = 0; i < 2; i++) {
    c->stride[i] = node_attr(g, id, CONV_STRIDE, NULL)[i];
    c->pad[i] = node_attr(g, id, CONV_PAD, NULL)[i];
    c->dilation[i] = node_attr(g, id, CONV_DILATION, NULL)[i];
  }
  return x->rank == 4 && w->rank == 4 && y->rank == 4 && y->dim[0] == c->n && c->groups >= 1 &&
         w->dim[0] == c->cy && w->dim[1] * c->groups == c->cx && c->cy % c->groups == 0 &&
         fits(c, 0, c->hx, c->kh, c->hy) && fits(c, 1, c->wx, c->kw, c->wy);
}

/* Indices are of 32 bits where they suffice. */
static bool is_small(const CudaConv *c) {
  const int64_t most = 1 << 30;
  return c->n * c->hx * c->wx * c->cx < most && c->n * c->hy * c->wy * c->cy < most &&
         c->cy * (c->cx / c->groups) * c->kh * c->kw < most && c->hx + 2 * c->pad[0] < most &&
         c->wx + 2 * c->pad[1] < most;
}

Status cuda_build_conv_plain(const CudaConv *conv, const KernelSpec *spec, const uint32_t inputs[2],
                             Kernel *kernel, KernelError *error) {
  const int64_t numbers[] = {conv->n,      conv->hx,     conv->wx,          conv->cx,
                             conv->hy,     conv->wy,     conv->cy,          conv->kh,
                             conv->kw,     conv->groups, conv->stride[0],   conv->stride[1],
                             conv->pad[0], conv->pad[1], conv->dilation[0], conv->dilation[1]};
  const char *name = conv->op == OP_CONV      ? "conv_plain"
                     : conv->op == OP_CONV_DX ? "conv_dx_plain"
                                              : "conv_dw_plain";
  CudaFunction *function;
  char defines[80];
  int64_t elements = shape_count(&spec->graph->nodes[spec->nodes[0]].shape);
  snprintf(defines, sizeof defines, "#define T %s\n#define I %s\n", cuda_type((DType)conv->dtype),
           is_small(conv) ? "int" : "i64");
  TRY(cuda_modules_function(kernel->context->modules, defines, cuda_text_conv, name, error,
                            &function));
  if (conv->op == OP_CONV_DW) /* a block an element */
    cuda_launch(kernel, function, elements, THREADS);
  else
    cuda_launch_elements(kernel, function, elements, THREADS);
  cuda_arg_input(kernel, spec, inputs[0]);
  cuda_arg_input(kernel, spec, inputs[1]);
  cuda_arg_output(kernel, spec, 0);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) cuda_arg_i64(kernel, numbers[i]);
  snprintf(kernel->name, sizeof kernel->name, "conv plain");
  return STATUS_OK;
}
