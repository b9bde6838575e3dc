/* Convolutions on the tiles of gemm.h, reading images where they lie or from padded copies. */
#ifndef KERNELS_CPU_CONV_H
#define KERNELS_CPU_CONV_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/work.h"

#define CONV_PIXELS 512                    /* of a strip at most */
#define CONV_COPY (256 << 10)              /* bytes of a padded copy, on the stack */
#define CONV_CHUNK 512                     /* k per pass over the panels */
#define CONV_VECTOR_BYTES WORK_PANEL_BYTES /* of a panel's row at most */

/* y[n,p,q,o] = sum x[n, p stride - pad + r dilation, .., i] w[o,i,r,s] */
typedef struct ConvShape {
  DType dtype;
  size_t size; /* bytes per element */
  int64_t n, hx, wx, hy, wy, kh, kw;
  int64_t groups, ci, co; /* channels of one group */
  int64_t cx, cy;         /* of the images: groups x ci, groups x co */
  int64_t stride[2], pad[2], dilation[2];
} ConvShape;
ConvShape conv_shape(const Graph *g, NodeId id);
/* Elements of a group's weights, which lie together. */
static inline int64_t conv_weights(const ConvShape *s) {
  return s->co * s->ci * s->kh * s->kw;
}

/* A grid of results that read the same taps.  conv is one; the input gradient of a convolution with
 * stride is one for each residue of the result's row and column. Pairs are (height, width). */
typedef struct ConvGrid {
  int64_t size[2];                         /* of the grid */
  int64_t out_at[2], out_step[2];          /* where its results lie in the result image */
  int64_t taps[2], tap_at[2], tap_step[2]; /* tap t is element tap_at + t tap_step of the kernel */
  int64_t in_at[2], in_step[2],
      in_tap[2];                 /* grid point p, tap t reads in_at + p in_step + t in_tap */
  bool direct;                   /* all that is read lies inside the image: no copy */
  int64_t strip[3], n_strips[3]; /* images, rows, columns of a strip; strips along each */
  int64_t copy[2];               /* rows and columns of a strip's copy; direct: of the image */
  GemmRun *runs;
  int64_t *chunks;             /* chunk c: runs chunks[c] .. chunks[c + 1] - 1 */
  int64_t n_runs, n_chunks, k; /* k: taps x channels read */
  int64_t packed;              /* offset of its panels in a group's part of the work buffer */
  int64_t first_item;          /* items: strips x groups x groups of panels */
} ConvGrid;

typedef struct Conv {
  ConvShape shape;
  bool adjoint;                /* conv_dx */
  uint32_t a, w;               /* positions in the spec */
  int64_t in[3], out[3];       /* height, width, channels of a group */
  int64_t in_pitch, out_pitch; /* elements from pixel to pixel of the images */
  GemmPanels panels;           /* of one group */
  int64_t parts;               /* into which its panels are cut */
  int64_t packed;              /* elements of one group's panels */
  bool in_work;                /* weights are packed in a phase of their own */
  int64_t k_stride, n_stride;  /* of the weights: channel read, channel written */
  ConvGrid *grids;
  int64_t n_grids, n_items, tap_panels; /* tap_panels: (grid, panel) pairs of a group to pack */
} Conv;

/* Shape and grids of a conv or conv-dx, its inputs at these places of the spec; conv_destroy
 * releases what it owns, also after an error. */
Status conv_init(Conv *conv, const KernelSpec *spec, const uint32_t *inputs, Diag *diag);
void conv_destroy(void *conv);
Status conv_dw_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
/* Plain loops, for windows that no copy can hold. */
Status conv_plain_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status conv_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args);

#endif
