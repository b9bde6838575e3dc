/* Two questions of a node, answered by a bounded look: may its derivative be infinite, and which
 * masks stand around a cotangent.  From them the sweep decides where a mask is taken off and put
 * back. */
#include "compiler/masked.h"

#include "ops/signs.h"

#include <math.h>

enum { MASKS_MAX = 8 }; /* selects around one cotangent that are looked through */

/* ---- where a derivative may be infinite ---- */

static bool is_positive(const Graph *g, NodeId x) {
  return value_sign(g, x) == SIGN_SOME;
}

/* Above 0 or below; no constant divisor is 0. */
static bool is_divisor(const Graph *g, NodeId x) {
  if (g->nodes[x].op == OP_NEG) x = node_input(g, x, 0);
  return g->nodes[x].op == OP_CONSTANT || is_positive(g, x);
}

/* Bounded above, so that e^x does not overflow: -|x|, or x less the largest of its line. */
static bool is_bounded(const Graph *g, NodeId x) {
  const Node *node = &g->nodes[x];
  if (node->op == OP_NEG) return value_sign(g, node_input(g, x, 0)) != SIGN_UNKNOWN;
  if (node->op != OP_SUB) return node->op == OP_CONSTANT;
  NodeId most = node_input(g, x, 1);
  while (g->nodes[most].op == OP_BROADCAST || g->nodes[most].op == OP_STOP_GRADIENT ||
         g->nodes[most].op == OP_RESHAPE || g->nodes[most].op == OP_SELECT)
    most = node_input(g, most, g->nodes[most].op == OP_SELECT);
  return g->nodes[most].op == OP_REDUCE_MAX || most == node_input(g, x, 0);
}

/* An op that makes a number infinite, or none, out of finite operands; or whose derivative is. */
static bool is_source(const Graph *g, NodeId id) {
  NodeId x = g->nodes[id].n_inputs ? node_input(g, id, 0) : NODE_NONE;
  double p;
  switch (g->nodes[id].op) {
  case OP_LOG:
  case OP_SQRT:
  case OP_RSQRT:
    return !is_positive(g, x);
  case OP_LOG1P:
    return value_sign(g, x) == SIGN_UNKNOWN;
  case OP_EXP:
  case OP_EXPM1:
    return !is_bounded(g, x);
  case OP_POWER:
    p = node_attr_float(g, id, POWER_EXPONENT);
    return !(p >= 1 && p == nearbyint(p)) && !is_positive(g, x);
  case OP_DIV:
    return !is_divisor(g, node_input(g, id, 1));
  default:
    return false;
  }
}

/* How an op's rule treats the places of a cotangent. */
typedef enum Places {
  PLACES_KEPT,  /* elementwise: as they are */
  PLACES_MOVED, /* moved, repeated or added up: every factor is 0 or 1 */
  PLACES_LOST,  /* likewise, and some elements of an operand get none */
  PLACES_MIXED, /* products: nothing can be said */
} Places;

static Places places_of(const Graph *g, NodeId id) {
  switch (g->nodes[id].op) {
  case OP_GRADIENT_SCALE:
    return PLACES_KEPT;
  case OP_REDUCE_SUM:
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_PAD:
  case OP_CONCAT:
  case OP_SCATTER_ADD:
  case OP_PLACE:
  case OP_POOL_SUM:
  case OP_POOL_SCATTER:
    return PLACES_MOVED;
  case OP_SLICE:
  case OP_GATHER:
  case OP_PICK:
  case OP_REDUCE_MAX:
  case OP_POOL_GATHER:
  case OP_POOL_SPREAD:
    return PLACES_LOST;
  default:
    return op_desc(g->nodes[id].op)->op_class == OP_CLASS_ELEMENTWISE ? PLACES_KEPT : PLACES_MIXED;
  }
}

/* Rules that multiply by nothing. */
static bool is_linear(const Graph *g, NodeId id) {
  switch (g->nodes[id].op) {
  case OP_NEG:
  case OP_ADD:
  case OP_SUB:
  case OP_SELECT:
  case OP_CAST:
  case OP_STOP_GRADIENT:
  case OP_GRADIENT_SCALE:
    return true;
  default:
    return places_of(g, id) != PLACES_KEPT;
  }
}

/* Ops whose result is taken for wild when an operand is. A select is there to choose what is a
 * number; products add up what no mask tells apart. */
static bool hands_on(const Graph *g, NodeId id) {
  return g->nodes[id].op != OP_SELECT && places_of(g, id) != PLACES_MIXED;
}

void masked_mark(const Graph *g, NodeId limit, uint8_t *flags) {
  for (NodeId id = 1; id < limit; id++) {
    const Node *node = &g->nodes[id];
    if (!dtype_is_float((DType)node->dtype)) continue;
    bool source = is_source(g, id), wild = false, way = false;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
      uint8_t input = flags[node_input(g, id, i)];
      bool later = g->nodes[node_input(g, id, i)].stamp.order >
                   node->stamp.order; /* a pass at other parameters */
      wild |= input & SWEEP_WILD && !later;
      way |= input & SWEEP_REACHES && input & SWEEP_WAY;
    }
    if (source || (wild && hands_on(g, id))) flags[id] |= SWEEP_WILD;
    if (!(flags[id] & SWEEP_REACHES) || flags[id] & (SWEEP_END | SWEEP_HELD)) continue;
    if (places_of(g, id) == PLACES_MIXED) continue;
    if (source || way || (wild && !is_linear(g, id))) flags[id] |= SWEEP_WAY;
  }
}

/* ---- masks ---- */

typedef struct Masks {
  NodeId condition[MASKS_MAX];
  bool taken[MASKS_MAX]; /* alive where the condition is true; else where it is false */
  uint32_t n;
} Masks;

static bool is_zero(const Emitter *e, NodeId x) {
  double value;
  return emit_is_fill(e, x, &value) && value == 0;
}

/* dy = select(c, x, 0) or select(c, 0, x). */
static bool is_masked(const Emitter *e, NodeId dy, NodeId *condition, bool *taken, NodeId *inside) {
  const Graph *g = e->graph;
  if (g->nodes[dy].op != OP_SELECT) return false;
  *condition = node_input(g, dy, 0);
  *taken = is_zero(e, node_input(g, dy, 2));
  *inside = node_input(g, dy, *taken ? 1 : 2);
  return *taken || is_zero(e, node_input(g, dy, 1));
}

/* Takes the masks off, the outermost first. */
static NodeId strip(const Emitter *e, NodeId dy, Masks *m) {
  NodeId inside;
  m->n = 0;
  while (m->n < MASKS_MAX && is_masked(e, dy, &m->condition[m->n], &m->taken[m->n], &inside)) {
    dy = inside;
    m->n++;
  }
  return dy;
}

static NodeId cover(Emitter *e, NodeId condition, bool taken, NodeId x) {
  NodeId zero = emit_constant_like(e, 0, x);
  return taken ? emit_select(e, condition, x, zero) : emit_select(e, condition, zero, x);
}

/* Where no mask takes the cotangent away; NODE_NONE: everywhere. */
static NodeId alive(Emitter *e, const Masks *m) {
  NodeId all = NODE_NONE;
  for (uint32_t k = 0; k < m->n; k++) {
    NodeId one = m->taken[k] ? m->condition[k] : emit_unary(e, OP_NOT, m->condition[k]);
    all = all ? emit_binary(e, OP_AND, all, one) : one;
  }
  return all;
}

/* The rule of an op that moves things, with the masks where they are; an element of its operand
 * that gets nothing that is alive is 0 under a mask of its own. */
static NodeId vjp_moved(Emitter *e, NodeId id, NodeId dy, uint32_t i, const Masks *m) {
  const OpDesc *op = op_desc(e->graph->nodes[id].op);
  NodeId result = op->vjp(e, id, dy, i);
  if (result == NODE_NONE || (m->n == 0 && places_of(e->graph, id) == PLACES_MOVED)) return result;
  NodeId where = alive(e, m), one = emit_constant_like(e, 1, dy);
  NodeId count = op->vjp(e, id, where ? emit_cast(e, where, emit_dtype(e, dy)) : one, i);
  return cover(e, emit_less(e, emit_constant_like(e, 0.5, count), count), true, result);
}

NodeId masked_vjp(Emitter *e, NodeId id, NodeId dy, uint32_t i) {
  Masks m;
  NodeId inside = strip(e, dy, &m);
  if (places_of(e->graph, id) != PLACES_KEPT) return vjp_moved(e, id, dy, i, &m);
  NodeId result = op_desc(e->graph->nodes[id].op)->vjp(e, id, inside, i);
  if (result == NODE_NONE || is_zero(e, result)) return result;
  while (m.n--) result = cover(e, m.condition[m.n], m.taken[m.n], result);
  return result;
}

NodeId masked_add(Emitter *e, NodeId a, NodeId b) {
  Masks same = {.n = 0}, in_a, in_b;
  strip(e, a, &in_a);
  strip(e, b, &in_b);
  while (same.n < in_a.n && same.n < in_b.n && in_a.condition[same.n] == in_b.condition[same.n] &&
         in_a.taken[same.n] == in_b.taken[same.n]) {
    uint32_t k = same.n++;
    same.condition[k] = in_a.condition[k];
    same.taken[k] = in_a.taken[k];
    a = node_input(e->graph, a, same.taken[k] ? 1 : 2);
    b = node_input(e->graph, b, same.taken[k] ? 1 : 2);
  }
  NodeId sum = emit_add(e, a, b);
  strip(e, a, &in_a);
  strip(e, b, &in_b);
  if (in_a.n && in_b.n) { /* alive where either is */
    NodeId alive_b = alive(e, &in_b), alive_a = alive(e, &in_a);
    sum = cover(e, emit_binary(e, OP_OR, alive_a, alive_b), true, sum);
  }
  while (same.n--) sum = cover(e, same.condition[same.n], same.taken[same.n], sum);
  return sum;
}
