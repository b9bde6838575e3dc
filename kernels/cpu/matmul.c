/* Matrix products on the tiles of gemm.h.
 *
 * An item is a block of rows against a group of panels.  It packs panels piece by piece on its
 * stack, so that a product needs no work buffer; a block has enough rows to pay for that.  The rows
 * of a transposed A are copied likewise, once for the group: where they lie, each step of k is
 * another line. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/work.h"

#include <stdio.h>

#define CHUNK 256    /* k per pass */
#define ROWS_MAX 256 /* of a block */
#define ROWS_TRANSPOSED 64
#define ROWS_MIN 32

typedef struct Matmul {
  uint32_t a, b;
  bool ta, tb;
  size_t size; /* bytes per element */
  int64_t batch, m, n, k;
  GemmPanels panels;
  int64_t rows, blocks, groups; /* rows of a block; blocks; groups of panels */
} Matmul;

typedef struct Item {
  int64_t row, rows, panel, panels; /* first ones, and how many */
  const char *a, *b;                /* matrices of the item's batch entry */
  char *c;
} Item;

static Item item_at(const Matmul *p, int64_t index, const KernelArgs *args) {
  int64_t group = index % p->groups, row = index / p->groups % p->blocks * p->rows;
  size_t entry = (size_t)(index / p->groups / p->blocks) * p->size;
  int64_t first = p->panels.n * group / p->groups, end = p->panels.n * (group + 1) / p->groups;
  return (Item){.row = row,
                .rows = row + p->rows < p->m ? p->rows : p->m - row,
                .panel = first,
                .panels = end - first,
                .a = (const char *)args->inputs[p->a] + entry * (size_t)(p->m * p->k),
                .b = (const char *)args->inputs[p->b] + entry * (size_t)(p->k * p->n),
                .c = (char *)args->outputs[0] + entry * (size_t)(p->m * p->n)};
}

/* Rows [k, k + n_k) of the item's panels, against its rows of A in `call`. */
static void run_panels(const Matmul *p, const Item *item, int64_t k, int64_t n_k, GemmCall *call,
                       const int64_t *a_at, const int64_t *c_at) {
  _Alignas(64) char packed[CHUNK * WORK_PANEL_BYTES];
  int64_t k_stride = p->tb ? 1 : p->n, n_stride = p->tb ? p->k : 1;
  call->b = packed;
  for (int64_t i = item->panel; i < item->panel + item->panels; i++) {
    int64_t column = i * p->panels.width;
    gemm_pack(&p->panels, i, packed, item->b + (size_t)(k * k_stride + column * n_stride) * p->size,
              n_k, k_stride, n_stride);
    call->c = item->c + (size_t)column * p->size;
    gemm_rows(&p->panels, i, call, a_at, c_at, item->rows);
  }
}

static void run_item(const Matmul *p, const Item *item) {
  _Alignas(64) char copy[ROWS_TRANSPOSED * CHUNK * sizeof(double)];
  int64_t a_at[ROWS_MAX], c_at[ROWS_MAX];
  GemmRun run;
  GemmCall call = {.runs = &run, .n_runs = 1, .a_step = 1};
  for (int64_t i = 0; i < item->rows; i++) {
    a_at[i] = i * (p->ta ? CHUNK : p->k);
    c_at[i] = (item->row + i) * p->n;
  }
  for (int64_t k = 0; k < p->k; k += CHUNK) {
    int64_t n_k = k + CHUNK < p->k ? CHUNK : p->k - k;
    run = (GemmRun){0, n_k};
    call.a = item->a + (size_t)(item->row * p->k + k) * p->size;
    if (p->ta) {
      p->panels.isa->copy[p->panels.f64](copy, CHUNK, 1,
                                         item->a + (size_t)(k * p->m + item->row) * p->size, 1,
                                         p->m, item->rows, n_k);
      call.a = copy;
    }
    call.add = k > 0;
    run_panels(p, item, k, n_k, &call, a_at, c_at);
  }
}

static Status matmul_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                         const KernelArgs *args) {
  const Matmul *p = kernel->data;
  int64_t first, last;
  task_range(p->batch * p->blocks * p->groups, 1, task, kernel->tasks[phase], &first, &last);
  for (int64_t i = first; i < last; i++) {
    Item item = item_at(p, i, args);
    run_item(p, &item);
  }
  return STATUS_OK;
}

static int64_t parts(int64_t n, int64_t part) {
  return (n + part - 1) / part;
}

/* At least `wanted` items where rows and panels suffice.  A panel is packed once for its block; the
 * copy of a transposed A is worth several panels. */
static void choose_items(Matmul *p, int64_t wanted) {
  int64_t most = p->ta ? ROWS_TRANSPOSED : ROWS_MAX;
  p->groups = p->ta ? parts(wanted, p->batch * parts(p->m, most)) : p->panels.n;
  if (p->groups > p->panels.n) p->groups = p->panels.n;
  p->blocks = parts(p->m, most);
  int64_t more = parts(wanted, p->batch * p->groups);
  if (p->blocks < more) p->blocks = more;
  p->rows = parts(p->m, p->blocks);
  if (p->rows < ROWS_MIN) p->rows = p->m < ROWS_MIN ? p->m : ROWS_MIN;
  p->blocks = parts(p->m, p->rows);
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
                .size = dtype_size((DType)node->dtype),
                .ta = node_attr_int(g, id, MATMUL_TRANSPOSE_A),
                .tb = node_attr_int(g, id, MATMUL_TRANSPOSE_B)};
  p->batch = out->rank == 3 ? out->dim[0] : 1;
  p->m = out->dim[out->rank - 2];
  p->n = out->dim[out->rank - 1];
  p->k = a->dim[a->rank - (p->ta ? 2 : 1)];
  p->panels = gemm_panels(node->dtype == DTYPE_F64, p->n);
  int64_t tasks = p->m * p->n * p->k * p->batch > 1 << 18 ? 4 * (int64_t)spec->shards : 1;
  choose_items(p, tasks);
  int64_t items = p->batch * p->blocks * p->groups;
  kernel->run = matmul_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = (uint32_t)(items < tasks ? items : tasks);
  snprintf(kernel->name, sizeof kernel->name, "product tiles %s", p->panels.isa->name);
  return STATUS_OK;
}
