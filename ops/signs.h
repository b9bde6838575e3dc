/* What is known of a value's sign from how it was made: whatever the inputs are, if they are
 * finite. Derivative rules ask it where a function ends (roots, logarithms, quotients). */
#ifndef OPS_SIGNS_H
#define OPS_SIGNS_H

#include "graph/ir/ir.h"

typedef enum Sign {
  SIGN_UNKNOWN,
  SIGN_NONE, /* never negative, and where it is 0 so is its derivative: squares, their sums, |x| */
  SIGN_SOME, /* above 0 */
} Sign;

/* Looks at a bounded number of nodes; what it cannot tell is unknown. */
Sign value_sign(const Graph *graph, NodeId id);

#endif
