/* Ops that copy elements: broadcast, reshape, transpose, slice, pad, concat and plain copies.
 *
 * Each is one launch that writes the whole result.  Axes that lie together in operand and result
 * are one first, and neighbours that always travel together become one wider element. */
#include "kernels/cuda/index.h"

#include <string.h>

/* The result's element at `c` is the operand's at offset + sum of c[i] * from[i]. */
typedef struct Box {
  int rank;
  int64_t dim[RANK_MAX], from[RANK_MAX], to[RANK_MAX];
  int64_t offset, bytes; /* of an element */
} Box;

/* Tiles pay where both axes are at least so long. */
#define TILE_LEAST 8
#define TILE 32
#define TILE_THREADS 256
#define THREADS 256
#define PARTS_MAX 48 /* operands of one launch */

static void strides_of(const Shape *shape, int64_t *stride) {
  int64_t s = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    stride[i] = s;
    s *= shape->dim[i];
  }
}

/* Joins axes that are adjacent in both tensors, drops axes of length 1. */
static void box_collapse(Box *b) {
  int n = 0;
  for (int i = 0; i < b->rank; i++) {
    if (b->dim[i] == 1) continue;
    if (n && b->from[n - 1] == b->from[i] * b->dim[i]) {
      b->dim[n - 1] *= b->dim[i];
      b->from[n - 1] = b->from[i];
    } else {
      b->dim[n] = b->dim[i];
      b->from[n++] = b->from[i];
    }
  }
  if (n == 0) {
    b->dim[0] = b->from[0] = 1;
    n = 1;
  }
  b->rank = n;
}

static void box_widen(Box *b) {
  int last = b->rank - 1;
  int64_t counts[RANK_MAX + 1], by;
  if (b->from[last] == 1) {
    memcpy(counts, b->from, sizeof b->from);
    counts[last] = b->dim[last];
    counts[b->rank] = b->offset;
    by = cuda_widen(b->bytes, counts, (uint32_t)b->rank + 1);
    for (int i = 0; i < last; i++) b->from[i] /= by;
    b->dim[last] /= by;
    b->offset /= by;
    b->bytes *= by;
  }
  int64_t s = 1;
  for (int i = last; i >= 0; i--) {
    b->to[i] = s;
    s *= b->dim[i];
  }
}

/* The axis, not the last, along which the operand is contiguous, where tiles pay; -1: none. */
static int tile_axis(const Box *b) {
  int last = b->rank - 1;
  if (b->from[last] < 2 || b->dim[last] < TILE_LEAST) return -1;
  for (int i = 0; i < last; i++)
    if (b->from[i] == 1 && b->dim[i] >= TILE_LEAST) return i;
  return -1;
}

static Box box_of(const Graph *g, NodeId id, int64_t rank) {
  const Shape *out = &g->nodes[id].shape, *in = &g->nodes[node_input(g, id, 0)].shape;
  Box b = {.rank = out->rank, .bytes = (int64_t)dtype_size((DType)g->nodes[id].dtype)};
  int64_t from[RANK_MAX];
  strides_of(in, from);
  memcpy(b.dim, out->dim, sizeof b.dim);
  for (int i = 0; i < out->rank; i++) b.from[i] = from[i];
  switch (g->nodes[id].op) {
  case OP_BROADCAST:
    for (int i = 0; i < out->rank; i++)
      if (in->dim[i] == 1) b.from[i] = 0;
    break;
  case OP_TRANSPOSE:
    for (int i = 0; i < out->rank; i++) b.from[i] = from[node_attr(g, id, TRANSPOSE_AXES, NULL)[i]];
    break;
  case OP_SLICE:
    for (int i = 0; i < out->rank; i++)
      b.offset += node_attr(g, id, SLICE_START, NULL)[i] * from[i];
    break;
  case OP_RANK_PART:
    b.offset = rank * from[1];
    break;
  default: /* reshape, gradient-scale, stop-gradient: the same bytes */
    b.rank = 1;
    b.dim[0] = shape_count(out);
    b.from[0] = 1;
  }
  return b;
}

/* A list A(1) A(2) ... of n, as a define. */
static const char *list(char *text, size_t size, const char *name, int n) {
  int at = snprintf(text, size, "#define %s(A)", name);
  for (int i = 1; i <= n; i++) at += snprintf(text + at, size - (size_t)at, " A(%d)", i);
  return text;
}
#define LIST_BYTES 512

static Status copy(const KernelSpec *spec, Kernel *k, const Box *b, bool wide, KernelError *error) {
  char axes[LIST_BYTES];
  CudaFunction *f;
  int64_t n = b->dim[0] * b->to[0];
  TRY(cuda_index_function(k, cuda_text_copy, "copy", wide, error, &f, "#define T %s\n%s\n",
                          cuda_bytes_type(b->bytes), list(axes, sizeof axes, "AXES", b->rank - 1)));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, cuda_spec_input(spec, node_input(spec->graph, spec->nodes[0], 0)));
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, n, wide);
  cuda_arg_index(k, b->offset, wide);
  cuda_arg_index(k, b->from[0], wide);
  for (int i = b->rank - 1; i > 0; i--) {
    cuda_arg_divisor(k, b->dim[i], wide);
    cuda_arg_index(k, b->from[i], wide);
  }
  return STATUS_OK;
}

static Status transpose(const KernelSpec *spec, Kernel *k, const Box *b, int axis, bool wide,
                        KernelError *error) {
  char axes[LIST_BYTES];
  CudaFunction *f;
  int last = b->rank - 1, others[RANK_MAX], n = 0;
  int64_t tiles_wide = (b->dim[last] + TILE - 1) / TILE,
          tiles_high = (b->dim[axis] + TILE - 1) / TILE;
  int64_t tiles = tiles_wide * tiles_high;
  for (int i = last - 1; i >= 0; i--)
    if (i != axis) {
      others[n++] = i;
      tiles *= b->dim[i];
    }
  TRY(cuda_index_function(k, cuda_text_transpose, "transpose", wide, error, &f,
                          "#define T %s\n%s\n", cuda_bytes_type(b->bytes),
                          list(axes, sizeof axes, "AXES", n ? n - 1 : 0)));
  cuda_launch_elements(k, f, tiles * TILE_THREADS, TILE_THREADS);
  cuda_arg_input(k, spec, cuda_spec_input(spec, node_input(spec->graph, spec->nodes[0], 0)));
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, tiles, wide);
  cuda_arg_index(k, b->offset, wide);
  cuda_arg_index(k, b->dim[last], wide);
  cuda_arg_index(k, b->from[last], wide);
  cuda_arg_divisor(k, tiles_wide, wide);
  cuda_arg_index(k, b->dim[axis], wide);
  cuda_arg_index(k, b->to[axis], wide);
  cuda_arg_divisor(k, tiles_high, wide);
  cuda_arg_index(k, n ? b->from[others[n - 1]] : 0, wide);
  cuda_arg_index(k, n ? b->to[others[n - 1]] : 0, wide);
  for (int i = 0; i + 1 < n; i++) {
    cuda_arg_divisor(k, b->dim[others[i]], wide);
    cuda_arg_index(k, b->from[others[i]], wide);
    cuda_arg_index(k, b->to[others[i]], wide);
  }
  return STATUS_OK;
}

/* ---- pad ---- */

typedef struct Padded {
  int rank;
  int64_t dim[RANK_MAX], inner[RANK_MAX], before[RANK_MAX]; /* of the result, of the operand */
} Padded;

/* An axis without pads is one with that before it. */
static void pad_collapse(Padded *p) {
  int n = 0;
  for (int i = 0; i < p->rank; i++) {
    bool plain = p->inner[i] == p->dim[i];
    if (n && plain) {
      p->before[n - 1] *= p->dim[i];
      p->inner[n - 1] *= p->dim[i];
      p->dim[n - 1] *= p->dim[i];
      continue;
    }
    p->before[n] = p->before[i];
    p->inner[n] = p->inner[i];
    p->dim[n++] = p->dim[i];
  }
  p->rank = n;
}

static Status pad(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Shape *out = &g->nodes[id].shape, *in = &g->nodes[node_input(g, id, 0)].shape;
  Padded p = {.rank = out->rank};
  memcpy(p.dim, out->dim, sizeof p.dim);
  memcpy(p.inner, in->dim, sizeof p.inner);
  memcpy(p.before, node_attr(g, id, PAD_BEFORE, NULL), (size_t)out->rank * sizeof *p.before);
  pad_collapse(&p);
  int last = p.rank - 1;
  int64_t bytes = (int64_t)dtype_size((DType)g->nodes[id].dtype), n = 1, from[RANK_MAX], stride = 1;
  int64_t by = cuda_widen(bytes, (int64_t[]){p.dim[last], p.inner[last], p.before[last]}, 3);
  p.dim[last] /= by;
  p.inner[last] /= by;
  p.before[last] /= by;
  for (int i = last; i >= 0; i--) {
    from[i] = stride;
    stride *= p.inner[i];
    n *= p.dim[i];
  }
  bool wide = cuda_index_wide(n);
  char axes[LIST_BYTES];
  CudaFunction *f;
  TRY(cuda_index_function(k, cuda_text_pad, "pad", wide, error, &f, "#define T %s\n%s\n",
                          cuda_bytes_type(bytes * by), list(axes, sizeof axes, "AXES", last)));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, cuda_spec_input(spec, node_input(spec->graph, spec->nodes[0], 0)));
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, n, wide);
  cuda_arg_index(k, p.before[0], wide);
  cuda_arg_index(k, p.inner[0], wide);
  cuda_arg_index(k, from[0], wide);
  for (int i = last; i > 0; i--) {
    cuda_arg_divisor(k, p.dim[i], wide);
    cuda_arg_index(k, p.before[i], wide);
    cuda_arg_index(k, p.inner[i], wide);
    cuda_arg_index(k, from[i], wide);
  }
  return STATUS_OK;
}

/* ---- concat ---- */

/* Rows of the result hold a row of each part: `rows` of them, of `row` elements. */
typedef struct Rows {
  int64_t rows, row, bytes, by, inner; /* `inner` elements of the op lie behind the axis */
  int64_t axis;
  bool wide;
} Rows;

static int64_t part_row(const Graph *g, NodeId part, const Rows *r) {
  return g->nodes[part].shape.dim[r->axis] * r->inner / r->by;
}

static Rows rows_of(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  Rows r = {.bytes = (int64_t)dtype_size((DType)node->dtype),
            .axis = node_attr_int(g, id, CONCAT_AXIS)};
  cuda_axis_split(&node->shape, r.axis, &r.rows, &r.inner);
  r.by = 16 / r.bytes;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    int64_t row = g->nodes[node_input(g, id, i)].shape.dim[r.axis] * r.inner;
    while (row % r.by) r.by /= 2;
  }
  r.row = node->shape.dim[r.axis] * r.inner / r.by;
  r.bytes *= r.by;
  r.wide = cuda_index_wide(r.rows * r.row);
  return r;
}

/* The parts first .. first + n - 1, whose columns begin at `column`; the width of them all. */
static Status concat_parts(const KernelSpec *spec, Kernel *k, const Rows *r, uint32_t first,
                           uint32_t n, int64_t column, KernelError *error, int64_t *width) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  bool wide = r->wide, whole = n == g->nodes[id].n_inputs;
  char parts[LIST_BYTES];
  CudaFunction *f;
  *width = 0;
  for (uint32_t i = 0; i < n; i++) *width += part_row(g, node_input(g, id, first + i), r);
  TRY(cuda_index_function(k, cuda_text_concat, "concat", wide, error, &f, "#define T %s\n%s\n",
                          cuda_bytes_type(r->bytes),
                          list(parts, sizeof parts, "PARTS", (int)n - 1)));
  cuda_launch_elements(k, f, r->rows * *width, THREADS);
  if (whole)
    cuda_arg_output(k, spec, 0);
  else
    cuda_arg_update(k, spec, 0);
  cuda_arg_index(k, r->rows * *width, wide);
  cuda_arg_index(k, r->row, wide);
  cuda_arg_index(k, column, wide);
  cuda_arg_divisor(k, *width, wide);
  int64_t end = 0;
  for (uint32_t i = 0; i < n; i++) {
    NodeId part = node_input(g, id, first + i);
    cuda_arg_input(k, spec, cuda_spec_input(spec, part));
    cuda_arg_index(k, end += part_row(g, part, r), wide);
  }
  return STATUS_OK;
}

static Status concat(const KernelSpec *spec, Kernel *k, KernelError *error) {
  Rows r = rows_of(spec->graph, spec->nodes[0]);
  uint32_t n = spec->graph->nodes[spec->nodes[0]].n_inputs;
  int64_t column = 0, width;
  if (n > PARTS_MAX) TRY(cuda_zero_output(k, spec, error));
  for (uint32_t first = 0; first < n; first += PARTS_MAX, column += width) {
    uint32_t some = n - first < PARTS_MAX ? n - first : PARTS_MAX;
    TRY(concat_parts(spec, k, &r, first, some, column, error, &width));
  }
  return STATUS_OK;
}

/* A plan may let the result of a reshape lie where the operand does. */
static Status enqueue_copy(const Kernel *k, cudaStream_t stream, const KernelArgs *args,
                           KernelError *error) {
  if (args->inputs[k->args[0].index] == args->outputs[0]) return STATUS_OK;
  return cuda_kernel_launch(k, 0, stream, args, error);
}

Status cuda_build_move(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  for (uint32_t i = 0; i < (g->nodes[id].op == OP_CONCAT ? g->nodes[id].n_inputs : 1); i++)
    if (cuda_spec_input(spec, node_input(g, id, i)) == UINT32_MAX) return cuda_no_input(k, error);
  if (g->nodes[id].op == OP_PAD) return pad(spec, k, error);
  if (g->nodes[id].op == OP_CONCAT) return concat(spec, k, error);
  Box b = box_of(g, id, spec->rank);
  int64_t in = shape_count(&g->nodes[node_input(g, id, 0)].shape),
          out = shape_count(&g->nodes[id].shape);
  box_collapse(&b);
  box_widen(&b);
  int axis = tile_axis(&b);
  bool wide = cuda_index_wide(in > out ? in : out);
  if (g->nodes[id].op == OP_RESHAPE || g->nodes[id].op == OP_GRADIENT_SCALE ||
      g->nodes[id].op == OP_STOP_GRADIENT)
    k->enqueue = enqueue_copy;
  return axis < 0 ? copy(spec, k, &b, wide, error) : transpose(spec, k, &b, axis, wide, error);
}
