/* resize and resize-adjoint: a linear map of rows times one of columns, as lists.
 *
 * Element p of an axis reads at most two elements; the adjoint's lists are those of resize turned
 * round.  A result is the f64 sum over its list of rows and its list of columns, rounded once; rows
 * of the result are independent. */
#include "ops/resize.h"
#include "kernels/cpu/internal.h"
#include "kernels/cpu/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For each of n elements the elements of the operand that make it, ascending: at[start[i]] up to
 * start[i + 1], each times its factor. */
typedef struct Lists {
  int64_t n, *start;
  int32_t *at;
  double *factor;
} Lists;

typedef struct Resize Resize;
struct Resize {
  uint32_t input;
  int64_t images, height, width, channels; /* of the operand */
  Lists rows, columns;
  /* Row `row` of an image whose elements begin at in[from], to out[to] and so on. */
  void (*row)(const Resize *k, const void *in, int64_t from, int64_t row, void *out, int64_t to);
};

static void lists_free(Lists *l) {
  free(l->start);
  free(l->at);
  free(l->factor);
}

static void resize_destroy(void *data) {
  Resize *k = data;
  lists_free(&k->rows);
  lists_free(&k->columns);
}

/* Entry j of element p of the large list: false when there is none. */
static bool mix_entry(const Mix *m, int j, int64_t *from, double *factor) {
  *from = j ? m->second : m->first;
  *factor = j ? m->part : 1 - m->part;
  return *factor != 0;
}

/* The lists of resize from `from` to `to` elements, or turned round. */
static bool lists_fill(Lists *l, ResizeMode mode, int64_t from, int64_t to, bool adjoint) {
  l->n = adjoint ? from : to;
  l->start = calloc((size_t)l->n + 2, sizeof *l->start);
  l->at = calloc(2 * (size_t)to, sizeof *l->at);
  l->factor = calloc(2 * (size_t)to, sizeof *l->factor);
  if (!l->start || !l->at || !l->factor) return false;
  for (int pass = 0; pass < 2; pass++) { /* count, one place ahead; then fill */
    for (int64_t p = 0; p < to; p++) {
      Mix m = resize_mix(mode, p, from, to);
      for (int j = 0; j < 2; j++) {
        int64_t i;
        double factor;
        if (!mix_entry(&m, j, &i, &factor)) continue;
        int64_t element = adjoint ? i : p;
        if (pass == 0) {
          l->start[element + 2]++;
        } else {
          int64_t entry = l->start[element + 1]++;
          l->at[entry] = (int32_t)(adjoint ? p : i);
          l->factor[entry] = factor;
        }
      }
    }
    for (int64_t i = 0; pass == 0 && i < l->n; i++) l->start[i + 2] += l->start[i + 1];
  }
  return true;
}

#define RESIZE_CHUNK 64
#define ROW(ID, S, TYPE, SUM)                                                                      \
  static void row_##S(const Resize *k, const void *in, int64_t from, int64_t row, void *out,       \
                      int64_t to) {                                                                \
    const TYPE *x = (const TYPE *)in + from;                                                       \
    TYPE *y = (TYPE *)out + to;                                                                    \
    const Lists *r = &k->rows, *c = &k->columns;                                                   \
    for (int64_t q = 0; q < c->n; q++)                                                             \
      for (int64_t b = 0; b < k->channels; b += RESIZE_CHUNK) {                                    \
        int64_t e = b + RESIZE_CHUNK < k->channels ? RESIZE_CHUNK : k->channels - b;               \
        SUM sum[RESIZE_CHUNK] = {0};                                                               \
        for (int64_t i = r->start[row]; i < r->start[row + 1]; i++)                                \
          for (int64_t j = c->start[q]; j < c->start[q + 1]; j++) {                                \
            const TYPE *v = x + ((int64_t)r->at[i] * k->width + c->at[j]) * k->channels + b;       \
            double factor = r->factor[i] * c->factor[j];                                           \
            for (int64_t m = 0; m < e; m++) sum[m] += (SUM)factor * (SUM)v[m];                     \
          }                                                                                        \
        for (int64_t m = 0; m < e; m++) y[q * k->channels + b + m] = (TYPE)sum[m];                 \
      }                                                                                            \
  }

FLOAT_TYPES(ROW)

static void (*const typed_rows[DTYPE_COUNT])(const Resize *k, const void *in, int64_t from,
                                             int64_t row, void *out,
                                             int64_t to) = {FLOAT_TYPES(BY_TYPE, row)};

static Status resize_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                         const KernelArgs *args) {
  (void)phase;
  const Resize *k = kernel->data;
  int64_t first, last, in = k->height * k->width * k->channels;
  task_range(k->images * k->rows.n, 1, task, kernel->tasks[0], &first, &last);
  for (int64_t i = first; i < last; i++) {
    int64_t from = i / k->rows.n * in, to = i * k->columns.n * k->channels, row = i % k->rows.n;
    k->row(k, args->inputs[k->input], from, row, args->outputs[0], to);
  }
  return STATUS_OK;
}

Status resize_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Shape *in = &g->nodes[node_input(g, id, 0)].shape, *out = &g->nodes[id].shape;
  bool adjoint = g->nodes[id].op == OP_RESIZE_ADJOINT;
  const Shape *from = adjoint ? out : in, *to = adjoint ? in : out; /* of resize */
  uint32_t input;
  TRY(spec_inputs(spec, &input, 1, diag));
  Resize *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  *k = (Resize){.input = input,
                .row = typed_rows[g->nodes[id].dtype],
                .images = in->dim[0],
                .height = in->dim[1],
                .width = in->dim[2],
                .channels = in->dim[3]};
  kernel->destroy = resize_destroy;
  if (!k->row) return spec_no_type(spec, diag, (DType)g->nodes[id].dtype);
  ResizeMode mode = resize_mode(g, id);
  if (!lists_fill(&k->rows, mode, from->dim[1], to->dim[1], adjoint) ||
      !lists_fill(&k->columns, mode, from->dim[2], to->dim[2], adjoint))
    return diag_no_memory(diag, 0);
  kernel->run = resize_run;
  kernel->n_phases = 1;
  int64_t larger = shape_count(in) > shape_count(out) ? shape_count(in) : shape_count(out);
  kernel->tasks[0] = task_count(larger * 8, spec->shards);
  snprintf(kernel->name, sizeof kernel->name, "resize");
  return STATUS_OK;
}
