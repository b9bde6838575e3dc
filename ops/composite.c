/* Access to a composite's attributes, and the small builders that several composites share. */
#include "ops/composite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t composite_int(const CompositeCall *call, uint32_t attr) {
  return call->ints[call->attrs[attr].offset];
}

double composite_float(const CompositeCall *call, uint32_t attr) {
  double value;
  memcpy(&value, &call->ints[call->attrs[attr].offset], sizeof value);
  return value;
}

const int64_t *composite_ints(const CompositeCall *call, uint32_t attr, uint32_t *count) {
  *count = call->attrs[attr].count;
  return &call->ints[call->attrs[attr].offset];
}

bool composite_axis(Emitter *e, const CompositeCall *call, uint32_t attr, int64_t *axis) {
  if (call->inputs[0] == NODE_NONE) return false;
  int64_t rank = emit_shape(e, call->inputs[0])->rank, given = composite_int(call, attr);
  *axis = given < 0 ? given + rank : given;
  if (*axis >= 0 && *axis < rank) return true;
  emitter_fail(e, "axes count from 0; -1 is the last", "axis %lld of %lld dimensions",
               (long long)given, (long long)rank);
  return false;
}

NodeId composite_name(Emitter *e, const CompositeCall *call, NodeId node, const char *suffix) {
  char *name = NULL; /* never cut: two values would share it */
  if (!call->name || !*call->name || node == NODE_NONE) return node;
  if (asprintf(&name, "%s/%s", call->name, suffix) < 0) {
    e->status = diag_no_memory(e->diag, strlen(call->name));
    return NODE_NONE;
  }
  emitter_name(e, node, name);
  free(name);
  return node;
}

NodeId build_below(Emitter *e, NodeId x, double floor) {
  return emit_binary(e, OP_LESS_EQUAL, x, emit_constant_like(e, floor, x));
}

NodeId build_positive(Emitter *e, NodeId x) {
  return emit_unary(e, OP_NOT, build_below(e, x, 0));
}

NodeId build_relu(Emitter *e, const CompositeCall *call, NodeId x, double slope) {
  NodeId zero = emit_constant_like(e, 0, x);
  NodeId mask = composite_name(e, call, build_positive(e, x), "select/mask");
  return emit_select(e, mask, x, slope == 0 ? zero : emit_scale(e, x, slope));
}

NodeId build_hinge(Emitter *e, const CompositeCall *call, NodeId x, const char *mask_name) {
  NodeId zero = emit_constant_like(e, 0, x);
  NodeId mask = composite_name(e, call, build_positive(e, x), mask_name);
  return emit_select(e, mask, x, zero);
}

/* The inner select keeps the root's derivative finite where the outer one discards it. */
NodeId build_safe_sqrt(Emitter *e, const CompositeCall *call, NodeId r, double floor,
                       const char *mask_name) {
  NodeId below = composite_name(e, call, build_below(e, r, floor), mask_name);
  NodeId safe = emit_select(e, below, emit_constant_like(e, 1, r), r);
  NodeId zero = emit_constant_like(e, 0, r);
  return emit_select(e, below, zero, emit_unary(e, OP_SQRT, safe));
}
