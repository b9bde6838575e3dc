/* Resampling: pixel by pixel, the place it reads from in f64. */
#include "kernels/reference/reference.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>

/* The pixels around the place where element p of `to` lies on an axis of `from`, and the share of
 * the second. */
static double around(const ReferenceCall *c, int64_t p, int64_t from, int64_t to, int64_t *pixel) {
  bool corners = node_attr_int(c->graph, c->id, RESIZE_ALIGN);
  pixel[0] = pixel[1] = p * from / to;
  if (node_attr_int(c->graph, c->id, RESIZE_MODE) == 0) return 0; /* nearest */
  double place = corners ? (double)p * (double)(from - 1) / fmax((double)to - 1, 1)
                         : ((double)p + 0.5) * (double)from / (double)to - 0.5;
  place = fmin(fmax(place, 0), (double)from - 1);
  pixel[0] = (int64_t)floor(place);
  pixel[1] = pixel[0] + 1 < from ? pixel[0] + 1 : pixel[0];
  return place - floor(place);
}

static void resize(const ReferenceCall *c, const Shape *from, const Shape *to, bool adjoint,
                   double *sums) {
  int64_t channels = from->dim[3];
  for (int64_t at = 0; at < shape_count(to); at++) {
    int64_t image = at / channels / to->dim[2] / to->dim[1], h[2], w[2];
    double down = around(c, at / channels / to->dim[2] % to->dim[1], from->dim[1], to->dim[1], h);
    double right = around(c, at / channels % to->dim[2], from->dim[2], to->dim[2], w);
    for (int k = 0; k < 4; k++) {
      double part = (k / 2 ? down : 1 - down) * (k % 2 ? right : 1 - right);
      int64_t pixel = (image * from->dim[1] + h[k / 2]) * from->dim[2] + w[k % 2];
      int64_t other = pixel * channels + at % channels;
      if (part != 0)
        sums[adjoint ? other : at] += part * tensor_get(&c->in[0], adjoint ? at : other);
    }
  }
}

Status reference_resize(const ReferenceCall *c) {
  bool adjoint = c->graph->nodes[c->id].op == OP_RESIZE_ADJOINT;
  const Shape *in = &c->in[0].shape, *out = &c->out.shape;
  size_t n = (size_t)shape_count(out);
  double *sums = calloc(n, sizeof *sums);
  if (!sums) return diag_no_memory(c->diag, n * sizeof *sums);
  resize(c, adjoint ? out : in, adjoint ? in : out, adjoint, sums);
  for (int64_t i = 0; i < (int64_t)n; i++) tensor_set(&c->out, i, sums[i]);
  free(sums);
  return STATUS_OK;
}
