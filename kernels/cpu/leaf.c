/* Constants and random sites. */
#include "graph/base/philox.h"
#include "kernels/cpu/internal.h"

#include <stdio.h>
#include <string.h>

typedef struct Leaf {
  void (*set)(void *data, int64_t i, double value); /* rounds to the element type */
  int64_t count;
  uint32_t n_tasks;
  /* constant */
  const double *values; /* bit patterns in the graph's pool */
  uint32_t n_values;
  /* random */
  uint32_t seed, step;
  uint64_t site;
  bool uniform;
} Leaf;

static Status constant_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                           const KernelArgs *args) {
  (void)phase;
  const Leaf *k = kernel->data;
  int64_t first, last;
  task_range(k->count, 64, task, k->n_tasks, &first, &last);
  for (int64_t i = first; i < last; i++)
    k->set(args->outputs[0], i, k->values[k->n_values == 1 ? 0 : i]);
  return STATUS_OK;
}

static Status random_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                         const KernelArgs *args) {
  (void)phase;
  const Leaf *k = kernel->data;
  int64_t first, last;
  task_range(k->count, 64, task, k->n_tasks, &first, &last);
  uint64_t seed = *(const uint64_t *)args->inputs[k->seed];
  uint64_t step = *(const uint64_t *)args->inputs[k->step];
  for (int64_t i = first; i < last; i++)
    k->set(args->outputs[0], i,
           k->uniform ? philox_uniform(seed, step, k->site, (uint64_t)i)
                      : philox_normal(seed, step, k->site, (uint64_t)i));
  return STATUS_OK;
}

Status leaf_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id];
  Leaf *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  *k = (Leaf){.set = dtype_desc((DType)node->dtype)->set, .count = shape_count(&node->shape)};
  k->n_tasks = task_count(k->count * 8, spec->shards);
  if (node->op == OP_CONSTANT) {
    k->values = (const double *)(const void *)node_attr(g, id, CONSTANT_VALUES, &k->n_values);
    kernel->run = constant_run;
  } else {
    uint32_t inputs[2];
    TRY(spec_inputs(spec, inputs, 2, diag));
    k->seed = inputs[0];
    k->step = inputs[1];
    k->site = philox_site(graph_text(g, (uint32_t)node_attr_int(g, id, RANDOM_SITE)));
    k->uniform = node_attr_int(g, id, RANDOM_DISTRIBUTION) == RANDOM_UNIFORM;
    kernel->run = random_run;
  }
  kernel->n_phases = 1;
  kernel->tasks[0] = k->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "leaf");
  return STATUS_OK;
}
