/* What a composite's builder sees: parsed attributes, resolved inputs, and where results go. */
#ifndef OPS_COMPOSITE_H
#define OPS_COMPOSITE_H

#include "ops/emit.h"

#define COMPOSITE_RESULTS_MAX 8

typedef struct CompositeCall {
  const OpDesc *op;
  const char *name;     /* full path of the element: prefix of the names of inner values */
  const NodeId *inputs; /* one for each InputDesc, NODE_NONE when absent; a variadic tail follows */
  uint32_t n_inputs;
  const AttrRef *attrs; /* over `ints` */
  const int64_t *ints;
  NodeId results[COMPOSITE_RESULTS_MAX];
} CompositeCall;

int64_t composite_int(const CompositeCall *call, uint32_t attr);
double composite_float(const CompositeCall *call, uint32_t attr);
const int64_t *composite_ints(const CompositeCall *call, uint32_t attr, uint32_t *count);
/* An axis attribute that counts from the end where it is negative, for input 0; false after an
 * error, or when input 0 is absent. */
bool composite_axis(Emitter *e, const CompositeCall *call, uint32_t attr, int64_t *axis);
/* Names an inner value `NAME/SUFFIX`: selections (masks, indices) are values with names. */
NodeId composite_name(Emitter *e, const CompositeCall *call, NodeId node, const char *suffix);

/* Builders that others use. */
/* x <= floor, false where x is NaN.  Replace what lies below and keep the rest: a select of x >
 * floor would lose what is no number. */
NodeId build_below(Emitter *e, NodeId x, double floor);
/* x > 0, and true where x is NaN: what is no number counts, and shows. */
NodeId build_positive(Emitter *e, NodeId x);
NodeId build_relu(Emitter *e, const CompositeCall *call, NodeId x, double slope);
/* sqrt(r) where r > floor, else 0 with derivative 0; the mask of these is named. */
NodeId build_safe_sqrt(Emitter *e, const CompositeCall *call, NodeId r, double floor,
                       const char *mask_name);
/* [x]+ with derivative 0 at 0, the mask named. */
NodeId build_hinge(Emitter *e, const CompositeCall *call, NodeId x, const char *mask_name);

#endif
