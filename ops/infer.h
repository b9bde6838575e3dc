/* What a shape rule sees and sets, and how it fails. */
#ifndef OPS_INFER_H
#define OPS_INFER_H

#include "ops/ops.h"

#define INFER_TEXT_MAX 512

typedef struct InferContext {
  const Graph *graph;
  NodeId node; /* appended already; its dtype and shape are what the rule determines */
  DType dtype; /* result */
  Shape shape; /* result */
  char text[INFER_TEXT_MAX]; /* why it failed */
  char hint[INFER_TEXT_MAX];
} InferContext;

/* Runs the shape rule of a node that is in the graph. On failure `context->text` says why; the
 * caller reports it with a location. Also checks the number of inputs and attributes. */
Status infer_node(const Graph *graph, NodeId node, InferContext *context);

/* For rules. */
Status infer_fail(InferContext *c, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
uint32_t infer_n_inputs(const InferContext *c);
const Shape *infer_shape(const InferContext *c, uint32_t input);
DType infer_dtype(const InferContext *c, uint32_t input);
const int64_t *infer_ints(const InferContext *c, uint32_t attr, uint32_t *count);
int64_t infer_int(const InferContext *c, uint32_t attr);
/* `'stage2/b1/relu1' (line 38)` of an input, in `text`. */
#define INFER_LABEL_MAX 200
const char *infer_label(const InferContext *c, uint32_t input, char *text);
const char *infer_node_label(const Graph *graph, NodeId node, char *text);
/* Characters of a name to be shown: without the `/out` of a scope's result. */
int infer_display_length(const char *name);
/* Requires a floating input of the given rank (-1: any). */
Status infer_require_float(InferContext *c, uint32_t input, int rank);
/* Requires `axis` to be one of the result's axes so far (c->shape). */
Status infer_axis(InferContext *c, int64_t axis);
/* The same, and that its indices are numbers of i32. */
Status infer_index_axis(InferContext *c, int64_t axis);
/* Sets the result's shape from a list attribute. */
Status infer_set_shape(InferContext *c, uint32_t attr);

#endif
