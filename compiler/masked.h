/* Cotangents under masks.
 *
 * The rule of a select sends select(c, g, 0) into a branch.  Where the branch is not taken its
 * local derivatives may be infinite or no numbers at all (of a logarithm at 0, a root, a quotient),
 * and 0 times that is NaN.  Every rule is linear in the cotangent, and elementwise ones keep its
 * places; so on the way to such a derivative the rules get g, and the mask is put back behind them:
 * what is not taken contributes 0, whatever it is.  For finite numbers the values are the same.
 * What a slice, a gather or a maximum leaves out is not taken either.
 *
 * Only ways to a derivative that may be infinite are walked like that; others are as the rules have
 * them. */
#ifndef COMPILER_MASKED_H
#define COMPILER_MASKED_H

#include "ops/emit.h"

/* What a sweep knows of each node that it may meet. */
enum {
  SWEEP_REACHES = 1, /* a derivative by some requested node may be other than 0 */
  SWEEP_END = 2,     /* it is requested: the sweep ends there */
  SWEEP_HELD = 4,    /* it counts as a constant */
  SWEEP_WILD = 8,    /* its value may be infinite or no number though all inputs are finite */
  SWEEP_WAY = 16,    /* a rule, its own or one on the way from it, may multiply by such a number */
};

/* Sets SWEEP_WILD and SWEEP_WAY of the nodes below `limit`; the others are set. */
void masked_mark(const Graph *graph, NodeId limit, uint8_t *flags);

/* The contribution of a node with SWEEP_WAY, whose cotangent is `dy`, to its input `i`. */
NodeId masked_vjp(Emitter *e, NodeId id, NodeId dy, uint32_t i);
/* The sum of two contributions, under the masks that both have; under either, where they differ. */
NodeId masked_add(Emitter *e, NodeId a, NodeId b);

#endif
