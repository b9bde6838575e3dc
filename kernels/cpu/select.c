/* reduce-max and arg-max along one axis.  The first of equals wins, and the first NaN over all
 * numbers: a value that is no number must not vanish. */
#include "kernels/cpu/internal.h"
#include "kernels/cpu/types.h"

#include <stdio.h>

typedef struct Select Select;
struct Select {
  uint32_t input, n_tasks;
  bool index; /* arg-max */
  int64_t outer, length, row;
  void (*line)(const Select *k, const void *in, void *out, int64_t o);
};

#define CHUNK 64
#define LINE(ID, S, TYPE, SUM)                                                                     \
  static void line_##S(const Select *k, const void *in, void *out, int64_t o) {                    \
    const TYPE *x = (const TYPE *)in + o * k->length * k->row;                                     \
    for (int64_t b = 0; b < k->row; b += CHUNK) {                                                  \
      int64_t e = b + CHUNK < k->row ? CHUNK : k->row - b;                                         \
      TYPE best[CHUNK];                                                                            \
      int32_t at[CHUNK];                                                                           \
      for (int64_t i = 0; i < e; i++) {                                                            \
        best[i] = x[b + i];                                                                        \
        at[i] = 0;                                                                                 \
      }                                                                                            \
      for (int64_t l = 1; l < k->length; l++) {                                                    \
        const TYPE *v = x + l * k->row + b;                                                        \
        for (int64_t i = 0; i < e; i++) {                                                          \
          bool more = !(v[i] <= best[i]) & (best[i] == best[i]);                                   \
          at[i] = more ? (int32_t)l : at[i];                                                       \
          best[i] = more ? v[i] : best[i];                                                         \
        }                                                                                          \
      }                                                                                            \
      for (int64_t i = 0; i < e; i++) {                                                            \
        if (k->index)                                                                              \
          ((int32_t *)out)[o * k->row + b + i] = at[i];                                            \
        else                                                                                       \
          ((TYPE *)out)[o * k->row + b + i] = best[i];                                             \
      }                                                                                            \
    }                                                                                              \
  }

FLOAT_TYPES(LINE)

static Status select_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                         const KernelArgs *args) {
  (void)phase;
  const Select *k = kernel->data;
  int64_t first, last;
  task_range(k->outer, 1, task, k->n_tasks, &first, &last);
  for (int64_t o = first; o < last; o++) k->line(k, args->inputs[k->input], args->outputs[0], o);
  return STATUS_OK;
}

static void (*const lines[DTYPE_COUNT])(const Select *k, const void *in, void *out,
                                        int64_t o) = {FLOAT_TYPES(BY_TYPE, line)};

Status select_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *in = &g->nodes[node_input(g, id, 0)];
  uint32_t input;
  TRY(spec_inputs(spec, &input, 1, diag));
  Select *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  int64_t axis = node_attr_int(g, id, ARG_MAX_AXIS);
  *k = (Select){.input = input,
                .index = g->nodes[id].op == OP_ARG_MAX,
                .line = lines[in->dtype],
                .length = in->shape.dim[axis]};
  if (!k->line) return spec_no_type(spec, diag, (DType)in->dtype);
  axis_split(&in->shape, axis, &k->outer, &k->row);
  k->n_tasks = task_count(shape_count(&in->shape) * 4, spec->shards);
  kernel->run = select_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = k->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "select");
  return STATUS_OK;
}
