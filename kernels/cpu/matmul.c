/* Matrix products on the tiles of gemm.h.
 *
 * An item is a block of rows against a group of panels.  It packs panels piece by piece on its
 * stack, so that a product needs no work buffer; a block has enough rows to pay for that.  The rows
 * of a transposed A are copied likewise, once for the group: where they lie, each step of k is
 * another line. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/types.h"
#include "kernels/cpu/work.h"

#include <stdio.h>

#define CHUNK 256    /* k per pass */
#define ROWS_MAX 256 /* of a block */
#define ROWS_TRANSPOSED 64
#define PITCH (CHUNK + 16) /* of their copy: else all begin in a few sets of the cache */
#define ROWS_MIN 32

/* A batch axis: its length, and the step from one entry to the next, in elements; 0: the operand is
 * repeated. */
typedef struct BatchAxis {
  int64_t length, a, b;
} BatchAxis;

typedef struct Matmul {
  uint32_t a, b;
  bool ta, tb;
  size_t size;              /* bytes per element */
  BatchAxis axes[RANK_MAX]; /* the last varies fastest */
  int n_axes;
  int64_t batch, m, n, k; /* entries of the batch; of a matrix */
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
  int64_t entry = index / p->groups / p->blocks, a = 0, b = 0, rest = entry;
  for (int i = p->n_axes - 1; i >= 0; i--) {
    a += rest % p->axes[i].length * p->axes[i].a;
    b += rest % p->axes[i].length * p->axes[i].b;
    rest /= p->axes[i].length;
  }
  int64_t first = p->panels.n * group / p->groups, end = p->panels.n * (group + 1) / p->groups;
  return (Item){.row = row,
                .rows = row + p->rows < p->m ? p->rows : p->m - row,
                .panel = first,
                .panels = end - first,
                .a = (const char *)args->inputs[p->a] + (size_t)a * p->size,
                .b = (const char *)args->inputs[p->b] + (size_t)b * p->size,
                .c = (char *)args->outputs[0] + (size_t)(entry * p->m * p->n) * p->size};
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
  _Alignas(64) char copy[ROWS_TRANSPOSED * PITCH * ELEMENT_BYTES_MAX];
  int64_t a_at[ROWS_MAX], c_at[ROWS_MAX];
  GemmRun run;
  GemmCall call = {.runs = &run, .n_runs = 1, .a_step = 1};
  for (int64_t i = 0; i < item->rows; i++) {
    a_at[i] = i * (p->ta ? PITCH : p->k);
    c_at[i] = (item->row + i) * p->n;
  }
  for (int64_t k = 0; k < p->k; k += CHUNK) {
    int64_t n_k = k + CHUNK < p->k ? CHUNK : p->k - k;
    run = (GemmRun){0, n_k};
    call.a = item->a + (size_t)(item->row * p->k + k) * p->size;
    if (p->ta) {
      p->panels.type->copy(copy, PITCH, 1, item->a + (size_t)(k * p->m + item->row) * p->size, 1,
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

/* Steps along the batch axes of an operand, aligned with the result's `rank`; each is 0 where the
 * operand is repeated. */
static void batch_steps(const Shape *s, int rank, int64_t *steps) {
  int64_t step = s->dim[s->rank - 2] * s->dim[s->rank - 1];
  for (int i = rank - 3, own = s->rank - 3; i >= 0; i--, own--) {
    steps[i] = own >= 0 && s->dim[own] > 1 ? step : 0;
    if (own >= 0) step *= s->dim[own];
  }
}

/* The batch with as few axes as its steps allow.  Entries that share B, and whose rows of A follow
 * each other, are rows of one product. */
static void make_batch(Matmul *p, const Shape *a, const Shape *b, const Shape *out) {
  int64_t a_steps[RANK_MAX], b_steps[RANK_MAX];
  batch_steps(a, out->rank, a_steps);
  batch_steps(b, out->rank, b_steps);
  for (int i = 0; i < out->rank - 2; i++) {
    BatchAxis *last = p->n_axes ? &p->axes[p->n_axes - 1] : NULL;
    BatchAxis axis = {out->dim[i], a_steps[i], b_steps[i]};
    if (axis.length == 1) continue;
    if (last && last->a == axis.a * axis.length && last->b == axis.b * axis.length)
      *last = (BatchAxis){last->length * axis.length, axis.a, axis.b};
    else
      p->axes[p->n_axes++] = axis;
  }
  const BatchAxis *last = p->n_axes ? &p->axes[p->n_axes - 1] : NULL;
  if (last && !p->ta && last->b == 0 && last->a == p->m * p->k) {
    p->m *= last->length;
    p->n_axes--;
  }
  p->batch = 1;
  for (int i = 0; i < p->n_axes; i++) p->batch *= p->axes[i].length;
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
  const Shape *b = &g->nodes[node_input(g, id, 1)].shape;
  *p = (Matmul){.a = inputs[0],
                .b = inputs[1],
                .size = dtype_size((DType)node->dtype),
                .ta = node_attr_int(g, id, MATMUL_TRANSPOSE_A),
                .tb = node_attr_int(g, id, MATMUL_TRANSPOSE_B)};
  p->m = out->dim[out->rank - 2];
  p->n = out->dim[out->rank - 1];
  p->k = a->dim[a->rank - (p->ta ? 2 : 1)];
  make_batch(p, a, b, out);
  p->panels = gemm_panels((DType)node->dtype, p->n);
  if (!p->panels.type) return spec_no_type(spec, diag, (DType)node->dtype);
  int64_t tasks = p->m * p->n * p->k * p->batch > 1 << 18 ? 4 * (int64_t)spec->shards : 1;
  choose_items(p, tasks);
  int64_t items = p->batch * p->blocks * p->groups;
  kernel->run = matmul_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = (uint32_t)(items < tasks ? items : tasks);
  snprintf(kernel->name, sizeof kernel->name, "product tiles %s", p->panels.isa->name);
  return STATUS_OK;
}
