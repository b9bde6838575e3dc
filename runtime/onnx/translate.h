/* From a program's graph to ONNX: what the files of one family of ops each share.
 *
 * Shapes are static in a plan and the exported model takes any number of images, so every axis of a
 * value is known to be one of three:
 *   full   as long as in the plan
 *   one    of length 1, because all along it is the same: ONNX repeats it where it must
 *   batch  the images: as long as in the plan when these are as many as the plan's, else in
 *          proportion; the image is the outermost of what is counted there
 * Images are in the plan's order (n, h, w, c) or with their channels first, as ONNX's convolutions
 * want them; a value is turned when it is asked for in the other order, once. */
#ifndef RUNTIME_ONNX_TRANSLATE_H
#define RUNTIME_ONNX_TRANSLATE_H

#include "graph/ir/tensor.h"
#include "graph/plan/plan.h"
#include "ops/ops.h"
#include "runtime/onnx/model.h"

typedef enum OnnxAxis { AXIS_FULL, AXIS_ONE, AXIS_BATCH } OnnxAxis;

typedef struct OnnxValue {
  const char *plain, *channels; /* names; NULL: not there in this order */
  uint8_t axis[RANK_MAX];       /* OnnxAxis, in the plan's order */
} OnnxValue;

typedef struct Translation {
  OnnxModel m;
  const Plan *plan;
  const Graph *g;
  const Tensor *states; /* the weights */
  OnnxValue *values;    /* (n_nodes) */
  bool *needed;         /* (n_nodes) an output depends on it */
  int64_t images;       /* how many the plan has in a batch */
  const char *batch;    /* how many there are, as a vector of one; NULL: the plan's number */
  NodeId id;            /* under way */
  Diag *diag;
} Translation;

OnnxType onnx_type(DType dtype);
static inline const Node *onnx_of(const Translation *t, NodeId id) {
  return &t->g->nodes[id];
}
/* The node under way is refused: an error at its line of XML. */
Status onnx_refuse(const Translation *t, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- operands ---- */

const char *onnx_plain(Translation *t, NodeId id);
const char *onnx_channels(Translation *t, NodeId id);
/* In the plan's order, its axes as in `axis`; which may only repeat what is one. */
const char *onnx_expand(Translation *t, NodeId id, const uint8_t *axis);
/* The same without an axis that is one, but for those of the mask `keep`. */
const char *onnx_full(Translation *t, NodeId id, uint32_t keep);
/* A vector of a shape, with the number of images where there is one. */
const char *onnx_shape(Translation *t, const Shape *shape, const uint8_t *axis);
/* What the axes of operands become that are aligned, without axis `but` (-1: all). */
Status onnx_agree(const Translation *t, const NodeId *ids, uint32_t n, int but, uint8_t *out);

/* ---- results ---- */

/* Of the node under way. */
Status onnx_set(Translation *t, const char *name, const uint8_t *axis);
Status onnx_set_channels(Translation *t, const char *name, const uint8_t *axis);

/* ---- ops ---- */

/* The node under way; STATUS_INVALID with a message where ONNX has nothing for it. */
Status onnx_translate(Translation *t);
Status onnx_leaf(Translation *t);    /* constants, states, indices, inputs */
Status onnx_shapes(Translation *t);  /* broadcast, reshape, transpose, slice, pad, concat */
Status onnx_indexed(Translation *t); /* gather, pick and what adds by index, sorts, sums along */
Status onnx_windows(Translation *t); /* products, convolutions, pools, resampling */

/* A gather at the places of the maxima of its own windows: translated as one op. */
bool onnx_is_max_pool(const Graph *graph, NodeId id);

/* The images as (n, 3, h, w) in 0..1 of `input`, (n, any, any, 3) of uint8: resized as
 * runtime/data/image.h does. */
const char *onnx_pictures(OnnxModel *model, const char *input, int64_t height, int64_t width);

#endif
