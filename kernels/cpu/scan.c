/* Cumulative sums along an axis: f64 sums, each result rounded once.
 *
 * Lines are independent, elements of a line are added in order.  Up to LANES lines are added side
 * by side: neighbours in memory where there are some, else lines that follow each other. */
#include "kernels/cpu/internal.h"
#include "kernels/cpu/types.h"

#include <stdio.h>

#define LANES 16

typedef struct Scan Scan;
struct Scan {
  uint32_t input;
  bool exclusive, reverse;
  /* outer x row lines of `length` elements, `row` apart; `blocks` of up to LANES lines for each
   * outer index, or of several outer indices where row = 1 */
  int64_t outer, length, row, blocks;
  /* `n` lines whose first elements are at `first` and then `apart` from each other. */
  void (*lines)(const Scan *k, const void *in, void *out, int64_t first, int64_t n, int64_t apart);
};

/* y may be x. */
#define LINES(ID, S, TYPE, SUM)                                                                    \
  static void lines_##S(const Scan *k, const void *in, void *out, int64_t first, int64_t n,        \
                        int64_t apart) {                                                           \
    const TYPE *x = (const TYPE *)in + first;                                                      \
    TYPE *y = (TYPE *)out + first;                                                                 \
    SUM sum[LANES] = {0};                                                                          \
    for (int64_t i = 0; i < k->length; i++) {                                                      \
      int64_t at = (k->reverse ? k->length - 1 - i : i) * k->row;                                  \
      for (int64_t j = 0; j < n; j++) {                                                            \
        SUM before = sum[j];                                                                       \
        sum[j] += (SUM)x[at + j * apart];                                                          \
        y[at + j * apart] = (TYPE)(k->exclusive ? before : sum[j]);                                \
      }                                                                                            \
    }                                                                                              \
  }

FLOAT_TYPES(LINES)

static void (*const typed_lines[DTYPE_COUNT])(const Scan *k, const void *in, void *out,
                                              int64_t first, int64_t n,
                                              int64_t apart) = {FLOAT_TYPES(BY_TYPE, lines)};

static void run_block(const Scan *k, const KernelArgs *args, int64_t block) {
  int64_t line = block % k->blocks * LANES, first = block / k->blocks * k->length * k->row + line;
  int64_t lines = k->row, apart = 1;
  if (k->row == 1) {
    lines = k->outer;
    apart = k->length;
    first = line * k->length;
  }
  int64_t n = lines - line < LANES ? lines - line : LANES;
  k->lines(k, args->inputs[k->input], args->outputs[0], first, n, apart);
}

static int64_t n_blocks(const Scan *k) {
  return k->row == 1 ? k->blocks : k->outer * k->blocks;
}

static Status scan_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                       const KernelArgs *args) {
  (void)phase;
  const Scan *k = kernel->data;
  int64_t first, last;
  task_range(n_blocks(k), 1, task, kernel->tasks[0], &first, &last);
  for (int64_t i = first; i < last; i++) run_block(k, args, i);
  return STATUS_OK;
}

Status scan_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id];
  uint32_t input;
  TRY(spec_inputs(spec, &input, 1, diag));
  Scan *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  int64_t axis = node_attr_int(g, id, SCAN_AXIS);
  *k = (Scan){.input = input,
              .lines = typed_lines[node->dtype],
              .exclusive = node_attr_int(g, id, SCAN_EXCLUSIVE),
              .reverse = node_attr_int(g, id, SCAN_REVERSE),
              .length = node->shape.dim[axis]};
  if (!k->lines) return spec_no_type(spec, diag, (DType)node->dtype);
  axis_split(&node->shape, axis, &k->outer, &k->row);
  k->blocks = ((k->row == 1 ? k->outer : k->row) + LANES - 1) / LANES;
  kernel->run = scan_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = task_count(shape_count(&node->shape) * 8, spec->shards);
  snprintf(kernel->name, sizeof kernel->name, "cumulative sum");
  return STATUS_OK;
}
