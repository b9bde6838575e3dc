/* Matrix products. */
#include "kernels/cpu/internal.h"

#include <cblas.h>
#include <stdio.h>

typedef struct Matmul {
  uint32_t a, b, n_tasks;
  bool f64, ta, tb;
  int64_t batch, m, n, k;
} Matmul;

static Status matmul_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                         const KernelArgs *args) {
  (void)phase;
  const Matmul *p = kernel->data;
  int64_t first, last;
  task_range(p->m, 16, task, p->n_tasks, &first, &last);
  int m = (int)(last - first), n = (int)p->n, k = (int)p->k;
  int lda = (int)(p->ta ? p->m : p->k), ldb = (int)(p->tb ? p->k : p->n);
  CBLAS_TRANSPOSE ta = p->ta ? CblasTrans : CblasNoTrans, tb = p->tb ? CblasTrans : CblasNoTrans;
  for (int64_t i = 0; i < p->batch && m > 0; i++) {
    int64_t at = i * p->m * p->k + (p->ta ? first : first * p->k), bt = i * p->k * p->n,
            ct = (i * p->m + first) * p->n;
    if (p->f64)
      cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, (const double *)args->inputs[p->a] + at, lda,
                  (const double *)args->inputs[p->b] + bt, ldb, 0, (double *)args->outputs[0] + ct,
                  n);
    else
      cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, (const float *)args->inputs[p->a] + at, lda,
                  (const float *)args->inputs[p->b] + bt, ldb, 0, (float *)args->outputs[0] + ct,
                  n);
  }
  return STATUS_OK;
}

Status matmul_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id];
  uint32_t inputs[2];
  TRY(spec_inputs(spec, inputs, 2, diag));
  Matmul *p = kernel_data(kernel, sizeof *p, diag);
  if (!p) return STATUS_SYSTEM;
  const Shape *a = &g->nodes[node_input(g, id, 0)].shape, *out = &node->shape;
  *p = (Matmul){.a = inputs[0],
                .b = inputs[1],
                .f64 = node->dtype == DTYPE_F64,
                .ta = node_attr_int(g, id, MATMUL_TRANSPOSE_A),
                .tb = node_attr_int(g, id, MATMUL_TRANSPOSE_B)};
  p->batch = out->rank == 3 ? out->dim[0] : 1;
  p->m = out->dim[out->rank - 2];
  p->n = out->dim[out->rank - 1];
  p->k = a->dim[a->rank - (p->ta ? 2 : 1)];
  p->n_tasks = p->m * p->n * p->k * p->batch > 1 << 18 ? spec->shards : 1;
  kernel->run = matmul_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = p->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "gemm");
  return STATUS_OK;
}
