/* gather, scatter-add, pick, place.
 *
 * Every task checks all the indices it reads before it writes anything; an index out of range fails
 * the run.  scatter-add is cut over the columns of its rows and place over its lines, so that each
 * element adds its contributions in the order of the index. */
#include "kernels/cpu/internal.h"
#include "kernels/cpu/types.h"

#include <stdio.h>
#include <string.h>

typedef struct Indexed Indexed;
/* scatter-add: columns [c0, c1) of all rows; pick, place: of the lines of one outer index. */
typedef void (*Columns)(const Indexed *k, const void *from, const int32_t *index, void *to,
                        int64_t c0, int64_t c1);
struct Indexed {
  uint32_t input, index; /* positions in the spec */
  uint32_t n_tasks;
  OpId op;
  size_t size;     /* bytes of an element */
  Columns columns; /* not of gather */
  /* rows of `row` elements: `n_from` of them in the source, `n_to` in the result; pick and place:
   * `outer` x `length` x `row` with `count` indices for each of the outer x row lines */
  int64_t n_from, n_to, row, outer, length, count;
};

static Status bad_index(const Indexed *k, int64_t at, int32_t index, int64_t limit) {
  return kernel_fail("%s: index %d (element %lld) is outside 0..%lld", op_desc(k->op)->name, index,
                     (long long)at, (long long)limit - 1);
}

static Status check(const Indexed *k, const int32_t *index, int64_t first, int64_t last,
                    int64_t limit) {
  for (int64_t i = first; i < last; i++)
    if (index[i] < 0 || index[i] >= limit) return bad_index(k, i, index[i], limit);
  return STATUS_OK;
}

static Status run_gather(const Indexed *k, uint32_t task, const char *from, const int32_t *index,
                         char *to) {
  int64_t first, last;
  size_t bytes = (size_t)k->row * k->size;
  task_range(k->n_to, 1, task, k->n_tasks, &first, &last);
  TRY(check(k, index, first, last, k->n_from));
  for (int64_t i = first; i < last; i++)
    memcpy(to + (size_t)i * bytes, from + (size_t)index[i] * bytes, bytes);
  return STATUS_OK;
}

#define SCATTER(ID, S, TYPE, SUM)                                                                  \
  static void scatter_##S(const Indexed *k, const void *from, const int32_t *index, void *to,      \
                          int64_t c0, int64_t c1) {                                                \
    for (int64_t i = 0; i < k->n_from; i++) {                                                      \
      TYPE *d = (TYPE *)to + (int64_t)index[i] * k->row;                                           \
      const TYPE *s = (const TYPE *)from + i * k->row;                                             \
      for (int64_t c = c0; c < c1; c++) d[c] += s[c];                                              \
    }                                                                                              \
  }
FLOAT_TYPES(SCATTER)

static Status run_scatter(const Indexed *k, uint32_t task, const char *from, const int32_t *index,
                          char *to) {
  int64_t first, last;
  size_t size = k->size;
  task_range(k->row, 16, task, k->n_tasks, &first, &last);
  TRY(check(k, index, 0, k->n_from, k->n_to));
  for (int64_t i = 0; i < k->n_to; i++)
    memset(to + (size_t)(i * k->row + first) * size, 0, (size_t)(last - first) * size);
  k->columns(k, from, index, to, first, last);
  return STATUS_OK;
}

/* Elements of BYTES bytes, whatever they mean. */
#define PICK(BYTES, TYPE)                                                                          \
  static void pick_##BYTES(const Indexed *k, const void *from, const int32_t *index, void *to,     \
                           int64_t c0, int64_t c1) {                                               \
    const TYPE *full = from;                                                                       \
    TYPE *some = to;                                                                               \
    for (int64_t j = 0; j < k->count * k->row; j += k->row)                                        \
      for (int64_t c = c0; c < c1; c++) some[j + c] = full[index[j + c] * k->row + c];             \
  }
PICK(1, uint8_t)
PICK(2, uint16_t)
PICK(4, uint32_t)
PICK(8, uint64_t)

/* A lone element keeps the sign of its zero. */
#define PLACE(ID, S, TYPE, SUM)                                                                    \
  static void place_##S(const Indexed *k, const void *from, const int32_t *index, void *to,        \
                        int64_t c0, int64_t c1) {                                                  \
    const TYPE *some = from;                                                                       \
    TYPE *full = to;                                                                               \
    for (int64_t l = 0; l < k->length * k->row; l += k->row)                                       \
      memset(full + l + c0, 0, (size_t)(c1 - c0) * sizeof *full);                                  \
    for (int64_t j = 0; j < k->count * k->row; j += k->row)                                        \
      for (int64_t c = c0; c < c1; c++) {                                                          \
        TYPE *d = &full[index[j + c] * k->row + c];                                                \
        *d = k->count == 1 ? some[j + c] : *d + some[j + c];                                       \
      }                                                                                            \
  }
FLOAT_TYPES(PLACE)

static Status run_line(const Indexed *k, uint32_t task, const char *from, const int32_t *index,
                       char *to) {
  int64_t first, last, some = k->count * k->row, full = k->length * k->row;
  size_t size = k->size;
  task_range(k->outer * k->row, k->row < 16 ? k->row : 16, task, k->n_tasks, &first, &last);
  for (int pass = 0; pass < 2; pass++)
    for (int64_t at = first, next; at < last; at = next) {
      int64_t o = at / k->row, c0 = at % k->row;
      next = (o + 1) * k->row < last ? (o + 1) * k->row : last;
      int64_t c1 = c0 + next - at;
      if (pass == 0 && next - at == k->row) {
        TRY(check(k, index, o * some, (o + 1) * some, k->length));
      } else if (pass == 0) {
        for (int64_t j = 0; j < some; j += k->row)
          TRY(check(k, index, o * some + j + c0, o * some + j + c1, k->length));
      } else {
        size_t in = (size_t)o * size * (size_t)(k->op == OP_PLACE ? some : full);
        size_t out = (size_t)o * size * (size_t)(k->op == OP_PLACE ? full : some);
        k->columns(k, from + in, index + o * some, to + out, c0, c1);
      }
    }
  return STATUS_OK;
}

static Status indexed_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                          const KernelArgs *args) {
  (void)phase;
  const Indexed *k = kernel->data;
  const char *from = args->inputs[k->input];
  const int32_t *index = args->inputs[k->index];
  char *to = args->outputs[0];
  if (k->op == OP_GATHER) return run_gather(k, task, from, index, to);
  if (k->op == OP_SCATTER_ADD) return run_scatter(k, task, from, index, to);
  return run_line(k, task, from, index, to);
}

static Columns find_columns(OpId op, DType dtype) {
  static const Columns picks[ELEMENT_BYTES_MAX + 1] = {
      [1] = pick_1, [2] = pick_2, [4] = pick_4, [8] = pick_8};
  static const Columns scatters[DTYPE_COUNT] = {FLOAT_TYPES(BY_TYPE, scatter)};
  static const Columns places[DTYPE_COUNT] = {FLOAT_TYPES(BY_TYPE, place)};
  if (op == OP_PICK) return picks[dtype_size(dtype)];
  return op == OP_PLACE ? places[dtype] : scatters[dtype];
}

Status indexed_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id];
  const Shape *in = &g->nodes[node_input(g, id, 0)].shape;
  uint32_t inputs[2];
  TRY(spec_inputs(spec, inputs, 2, diag));
  Indexed *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  *k = (Indexed){.input = inputs[0],
                 .index = inputs[1],
                 .op = node->op,
                 .size = dtype_size((DType)node->dtype),
                 .columns = find_columns((OpId)node->op, (DType)node->dtype),
                 .row = 1,
                 .outer = 1};
  if (!k->columns && k->op != OP_GATHER) return spec_no_type(spec, diag, (DType)node->dtype);
  k->n_tasks = task_count(shape_count(&node->shape) * 8, spec->shards);
  if (k->op == OP_GATHER || k->op == OP_SCATTER_ADD) {
    k->n_from = in->dim[0];
    k->n_to = node->shape.dim[0];
    for (int i = 1; i < in->rank; i++) k->row *= in->dim[i];
  } else {
    int64_t axis = node_attr_int(g, id, k->op == OP_PICK ? ARG_MAX_AXIS : PLACE_AXIS);
    k->length = k->op == OP_PICK ? in->dim[axis] : node->shape.dim[axis];
    k->count = k->op == OP_PICK ? node->shape.dim[axis] : in->dim[axis];
    axis_split(in, axis, &k->outer, &k->row);
  }
  kernel->run = indexed_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = k->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "indexed");
  return STATUS_OK;
}
