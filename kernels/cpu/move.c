/* Ops that copy elements: broadcast, reshape, transpose, slice, pad, concat and plain copies.
 *
 * Each is a list of boxes; a box copies (or zeroes) a strided block of elements.  The boxes of one
 * kernel write disjoint elements, and each is cut along one axis into as many parts as there are
 * tasks. */
#include "kernels/cpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Box {
  uint32_t input;                                      /* UINT32_MAX: zeros */
  int rank, cut;                                       /* `cut`: the axis that tasks divide */
  int64_t dim[RANK_MAX], from[RANK_MAX], to[RANK_MAX]; /* strides in elements */
  int64_t from_offset, to_offset;
} Box;

typedef struct Move {
  uint32_t n_boxes, n_tasks;
  size_t size; /* bytes per element */
  Box boxes[];
} Move;

/* Joins axes that are adjacent in both tensors, drops axes of length 1. */
static void box_collapse(Box *b) {
  int n = 0;
  for (int i = 0; i < b->rank; i++) {
    if (b->dim[i] == 1) continue;
    if (n && b->from[n - 1] == b->from[i] * b->dim[i] && b->to[n - 1] == b->to[i] * b->dim[i]) {
      b->dim[n - 1] *= b->dim[i];
      b->from[n - 1] = b->from[i];
      b->to[n - 1] = b->to[i];
    } else {
      b->dim[n] = b->dim[i];
      b->from[n] = b->from[i];
      b->to[n++] = b->to[i];
    }
  }
  if (n == 0) {
    b->dim[0] = b->from[0] = b->to[0] = 1;
    n = 1;
  }
  b->rank = n;
}

static void box_choose_cut(Box *b, uint32_t tasks) {
  b->cut = 0;
  for (int i = 0; i < b->rank; i++) {
    if (b->dim[i] >= (int64_t)tasks) {
      b->cut = i;
      return;
    }
    if (b->dim[i] > b->dim[b->cut]) b->cut = i;
  }
}

#define COPY_ELEMENTS(T)                                                                           \
  for (int64_t i = 0; i < n; i++)                                                                  \
    ((T *)(void *)to)[i * to_stride] = ((const T *)(const void *)from)[i * from_stride];

void elements_copy(char *to, const char *from, int64_t n, int64_t to_stride, int64_t from_stride,
                   size_t size) {
  switch (size) {
  case 8:
    COPY_ELEMENTS(uint64_t)
    break;
  case 4:
    COPY_ELEMENTS(uint32_t)
    break;
  case 2:
    COPY_ELEMENTS(uint16_t)
    break;
  default:
    COPY_ELEMENTS(uint8_t)
    break;
  }
}

/* The last axis of a box. */
static void box_row(char *to, const char *from, int64_t n, int64_t to_stride, int64_t from_stride,
                    size_t size) {
  if (!from && to_stride == 1)
    memset(to, 0, (size_t)n * size);
  else if (!from)
    for (int64_t i = 0; i < n; i++) memset(to + (size_t)(i * to_stride) * size, 0, size);
  else if (to_stride == 1 && from_stride == 1)
    memcpy(to, from, (size_t)n * size);
  else
    elements_copy(to, from, n, to_stride, from_stride, size);
}

#define TILE 16
/* The last two axes when elements lie together along the first of them in the source (a
 * transposition): small tiles keep both sides in cache. */
static void box_tiles(const Box *b, char *to, const char *from, int axis, int64_t first,
                      int64_t last, int64_t from2, int64_t last2, size_t size) {
  int inner = b->rank - 1;
  for (int64_t i0 = first; i0 < last; i0 += TILE)
    for (int64_t j0 = from2; j0 < last2; j0 += TILE) {
      int64_t i1 = i0 + TILE < last ? i0 + TILE : last, j1 = j0 + TILE < last2 ? j0 + TILE : last2;
      for (int64_t i = i0; i < i1; i++) {
        const char *s = from + (size_t)(i * b->from[axis] + j0 * b->from[inner]) * size;
        char *d = to + (size_t)(i * b->to[axis] + j0 * b->to[inner]) * size;
        elements_copy(d, s, j1 - j0, b->to[inner], b->from[inner], size);
      }
    }
}

/* The axis other than the last along which the source is contiguous; -1: none. */
static int box_tile_axis(const Box *b) {
  if (b->input == UINT32_MAX || b->rank < 2 || b->from[b->rank - 1] == 1) return -1;
  for (int i = 0; i < b->rank - 1; i++)
    if (b->from[i] == 1 && b->dim[i] > 1) return i;
  return -1;
}

static void box_run(const Box *b, char *to, const char *from, int64_t first, int64_t last,
                    size_t size) {
  int64_t lo[RANK_MAX] = {0}, hi[RANK_MAX], at[RANK_MAX];
  for (int i = 0; i < b->rank; i++) hi[i] = b->dim[i];
  lo[b->cut] = first;
  hi[b->cut] = last;
  if (first >= last) return;
  int inner = b->rank - 1, tile = box_tile_axis(b);
  memcpy(at, lo, sizeof at);
  to += (size_t)b->to_offset * size;
  if (from) from += (size_t)b->from_offset * size;
  for (;;) {
    int64_t s = 0, d = 0;
    for (int i = 0; i < inner; i++)
      if (i != tile) {
        s += at[i] * b->from[i];
        d += at[i] * b->to[i];
      }
    char *row = to + (size_t)d * size;
    const char *source = from ? from + (size_t)s * size : NULL;
    if (tile >= 0)
      box_tiles(b, row, source, tile, lo[tile], hi[tile], lo[inner], hi[inner], size);
    else
      box_row(row + (size_t)(lo[inner] * b->to[inner]) * size,
              source ? source + (size_t)(lo[inner] * b->from[inner]) * size : NULL,
              hi[inner] - lo[inner], b->to[inner], b->from[inner], size);
    int i = inner - 1;
    for (; i >= 0; i--) {
      if (i == tile) continue;
      if (++at[i] < hi[i]) break;
      at[i] = lo[i];
    }
    if (i < 0) return;
  }
}

static Status move_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                       const KernelArgs *args) {
  (void)phase;
  const Move *m = kernel->data;
  for (uint32_t i = 0; i < m->n_boxes; i++) {
    const Box *b = &m->boxes[i];
    int64_t first, last;
    task_range(b->dim[b->cut], 1, task, m->n_tasks, &first, &last);
    const void *from = b->input == UINT32_MAX ? NULL : args->inputs[b->input];
    if (from && from == args->outputs[0] && b->to_offset == b->from_offset)
      continue; /* in place: a reshape or a copy */
    box_run(b, args->outputs[0], from, first, last, m->size);
  }
  return STATUS_OK;
}

static void strides_of(const Shape *shape, int64_t *stride) {
  int64_t s = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    stride[i] = s;
    s *= shape->dim[i];
  }
}

static Box box_full(const Shape *shape, uint32_t input) {
  Box b = {.input = input, .rank = shape->rank};
  memcpy(b.dim, shape->dim, sizeof b.dim);
  strides_of(shape, b.to);
  strides_of(shape, b.from);
  return b;
}

/* Zeros around the box: for each axis what lies before and behind it, within the box of the axes
 * before. */
static uint32_t pad_zeros(const Shape *out, const Shape *in, const int64_t *before, Box *boxes) {
  uint32_t n = 0;
  for (int axis = 0; axis < out->rank; axis++)
    for (int side = 0; side < 2; side++) {
      Box b = box_full(out, UINT32_MAX);
      for (int i = 0; i < axis; i++) {
        b.dim[i] = in->dim[i];
        b.to_offset += before[i] * b.to[i];
      }
      int64_t end = before[axis] + in->dim[axis];
      b.dim[axis] = side ? out->dim[axis] - end : before[axis];
      b.to_offset += side ? end * b.to[axis] : 0;
      memcpy(b.from, b.to, sizeof b.from);
      if (b.dim[axis] > 0) boxes[n++] = b;
    }
  return n;
}

static uint32_t move_boxes(const Graph *g, NodeId id, const uint32_t *inputs, uint32_t n_inputs,
                           int64_t rank, Box *boxes) {
  const Shape *out = &g->nodes[id].shape, *in = &g->nodes[node_input(g, id, 0)].shape;
  int64_t from[RANK_MAX];
  strides_of(in, from);
  Box *b = &boxes[0];
  *b = box_full(out, inputs[0]);
  switch (g->nodes[id].op) {
  case OP_BROADCAST:
    for (int i = 0; i < out->rank; i++) b->from[i] = in->dim[i] == 1 ? 0 : from[i];
    return 1;
  case OP_TRANSPOSE:
    for (int i = 0; i < out->rank; i++)
      b->from[i] = from[node_attr(g, id, TRANSPOSE_AXES, NULL)[i]];
    return 1;
  case OP_SLICE:
    for (int i = 0; i < out->rank; i++) {
      b->from[i] = from[i];
      b->from_offset += node_attr(g, id, SLICE_START, NULL)[i] * from[i];
    }
    return 1;
  case OP_RANK_PART:
    for (int i = 0; i < out->rank; i++) b->from[i] = from[i];
    b->from_offset = rank * from[1];
    return 1;
  case OP_PAD: {
    const int64_t *before = node_attr(g, id, PAD_BEFORE, NULL);
    for (int i = 0; i < out->rank; i++) {
      b->dim[i] = in->dim[i];
      b->from[i] = from[i];
      b->to_offset += before[i] * b->to[i];
    }
    return 1 + pad_zeros(out, in, before, boxes + 1);
  }
  case OP_CONCAT: {
    int64_t axis = node_attr_int(g, id, CONCAT_AXIS), at = 0;
    for (uint32_t k = 0; k < n_inputs; k++) {
      const Shape *part = &g->nodes[node_input(g, id, k)].shape;
      boxes[k] = box_full(part, inputs[k]);
      strides_of(out, boxes[k].to);
      boxes[k].to_offset = at * boxes[k].to[axis];
      at += part->dim[axis];
    }
    return n_inputs;
  }
  default: /* reshape, gradient-scale, stop-gradient: the same bytes */
    *b = (Box){.input = inputs[0], .rank = 1, .dim = {shape_count(out)}, .from = {1}, .to = {1}};
    return 1;
  }
}

static Status build(const KernelSpec *spec, Diag *diag, Kernel *kernel, uint32_t *inputs,
                    uint32_t n_inputs, Box *boxes) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  TRY(spec_inputs(spec, inputs, n_inputs, diag));
  uint32_t n = move_boxes(g, id, inputs, n_inputs, spec->rank, boxes);
  Move *m = kernel_data(kernel, sizeof *m + n * sizeof(Box), diag);
  if (!m) return STATUS_SYSTEM;
  m->size = dtype_size((DType)g->nodes[id].dtype);
  m->n_tasks = task_count(shape_count(&g->nodes[id].shape) * (int64_t)m->size * 2, spec->shards);
  m->n_boxes = n;
  for (uint32_t i = 0; i < n; i++) {
    box_collapse(&boxes[i]);
    box_choose_cut(&boxes[i], m->n_tasks);
    m->boxes[i] = boxes[i];
  }
  kernel->run = move_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = m->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "move");
  return STATUS_OK;
}

Status move_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Node *node = &spec->graph->nodes[spec->nodes[0]];
  uint32_t n_inputs = node->op == OP_CONCAT ? node->n_inputs : 1;
  uint32_t room = n_inputs > 2 * RANK_MAX + 1 ? n_inputs : 2 * RANK_MAX + 1;
  uint32_t *inputs = malloc(n_inputs * sizeof *inputs);
  Box *boxes = calloc(room, sizeof *boxes);
  Status status = inputs && boxes ? build(spec, diag, kernel, inputs, n_inputs, boxes)
                                  : diag_no_memory(diag, room * sizeof *boxes);
  free(inputs);
  free(boxes);
  return status;
}
