/* Values of a graph at a neighbouring point with all selections of the base point.
 *
 * Masks, indices, signs and stop-gradient values keep what they were; a maximum keeps its place.
 * What remains is smooth, so differences converge at their full order whatever corners lie near. */
#ifndef TESTS_OPS_REPLAY_H
#define TESTS_OPS_REPLAY_H

#include "tests/ops/op_case.h"

/* A scalar function, sum over i of <weights[i], targets[i]>, of the values of some nodes. */
typedef struct Replay {
  Lab *lab; /* lab->values are the base point's, computed where the targets need them */
  const NodeId *targets;
  const double *const *weights; /* NULL for a target that is a scalar: 1 */
  uint32_t n_targets;
  const NodeId *moving; /* f64; they may be computed from others: then those stay */
  uint32_t n_moving;
  bool masks_only; /* stop-gradient values, signs and maxima move too */
  void **trial;    /* by node; NULL: as in the base point */
  bool *set;       /* by node: moving */
} Replay;

static inline bool replay_frozen(const Replay *r, NodeId id) {
  const Node *node = &r->lab->graph->nodes[id];
  if (!dtype_is_float((DType)node->dtype)) return true;
  return !r->masks_only && (node->op == OP_STOP_GRADIENT || node->op == OP_SIGN);
}

/* What the targets need: one flag a node; the caller frees. */
static inline bool *replay_needed(const Graph *g, const NodeId *targets, uint32_t n) {
  bool *needed = calloc(g->n_nodes, sizeof *needed);
  for (uint32_t i = 0; i < n; i++) needed[targets[i]] = true;
  for (NodeId id = g->n_nodes - 1; id > 0; id--)
    for (uint32_t i = 0; needed[id] && i < g->nodes[id].n_inputs; i++)
      needed[node_input(g, id, i)] = true;
  return needed;
}

/* `r` holds everything but trial and set. */
static inline void replay_start(Replay *r) {
  const Graph *g = r->lab->graph;
  bool *needed = replay_needed(g, r->targets, r->n_targets);
  r->trial = calloc(g->n_nodes, sizeof *r->trial);
  r->set = calloc(g->n_nodes, sizeof *r->set);
  for (uint32_t i = 0; i < r->n_moving; i++) r->set[r->moving[i]] = true;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    bool moves = false;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
      moves |= r->trial[node_input(g, id, i)] != NULL;
    if (needed[id] && (r->set[id] || (moves && !replay_frozen(r, id))))
      r->trial[id] = calloc(1, lab_bytes(r->lab, id) + 8);
  }
  free(needed);
}

static inline void replay_free(Replay *r) {
  for (NodeId id = 1; id < r->lab->graph->n_nodes; id++) free(r->trial[id]);
  free(r->trial);
  free(r->set);
}

static inline const void *replay_value(const Replay *r, NodeId id) {
  return r->trial[id] ? r->trial[id] : r->lab->values[id];
}

/* A maximum stays at the place of the base point's (first) maximum. */
static inline void replay_max(const Replay *r, NodeId id) {
  const Graph *g = r->lab->graph;
  NodeId x = node_input(g, id, 0);
  const Shape *in = &g->nodes[x].shape, *out = &g->nodes[id].shape;
  int64_t axis = node_attr_int(g, id, ARG_MAX_AXIS), index[RANK_MAX] = {0};
  const double *base = r->lab->values[x], *now = replay_value(r, x);
  for (int64_t i = 0; i < shape_count(out); i++, reference_next(out, index)) {
    int64_t at[RANK_MAX], best = -1;
    memcpy(at, index, sizeof at);
    for (at[axis] = 0; at[axis] < in->dim[axis]; at[axis]++)
      if (best < 0 || base[reference_at(in, at)] > base[best]) best = reference_at(in, at);
    ((double *)r->trial[id])[i] = now[best];
  }
}

/* The larger or smaller of two stays the operand that it was at the base point; the mean of both
 * where they were equal. */
static inline void replay_extreme(const Replay *r, NodeId id) {
  const Graph *g = r->lab->graph;
  NodeId a = node_input(g, id, 0), b = node_input(g, id, 1);
  const double *base_a = r->lab->values[a], *base_b = r->lab->values[b];
  const double *now_a = replay_value(r, a), *now_b = replay_value(r, b);
  bool largest = g->nodes[id].op == OP_MAXIMUM;
  for (int64_t i = 0; i < shape_count(&g->nodes[id].shape); i++) {
    bool first = largest ? base_a[i] > base_b[i] : base_a[i] < base_b[i];
    double weight = base_a[i] == base_b[i] ? 0.5 : first;
    ((double *)r->trial[id])[i] = weight * now_a[i] + (1 - weight) * now_b[i];
  }
}

/* Moves the moving nodes by `step` times their directions (NULL: it stays) and computes what
 * follows from them. */
static inline void replay_move(const Replay *r, const double *const *directions, double step) {
  const Graph *g = r->lab->graph;
  for (uint32_t k = 0; k < r->n_moving; k++) {
    NodeId id = r->moving[k];
    const double *base = r->lab->values[id];
    for (int64_t i = 0; r->trial[id] && i < shape_count(&g->nodes[id].shape); i++)
      ((double *)r->trial[id])[i] = base[i] + (directions[k] ? step * directions[k][i] : 0);
  }
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint32_t n = g->nodes[id].n_inputs;
    if (!r->trial[id] || r->set[id]) continue;
    const void **inputs = calloc(n + 1, sizeof *inputs);
    for (uint32_t i = 0; i < n; i++) inputs[i] = replay_value(r, node_input(g, id, i));
    bool extreme = g->nodes[id].op == OP_MAXIMUM || g->nodes[id].op == OP_MINIMUM;
    if (g->nodes[id].op == OP_REDUCE_MAX && !r->masks_only)
      replay_max(r, id);
    else if (extreme && dtype_is_float((DType)g->nodes[id].dtype) && !r->masks_only)
      replay_extreme(r, id);
    else
      reference_run(g, id, inputs, r->trial[id], r->lab->diag);
    free(inputs);
  }
}

/* The function at the base point moved by `step` times the directions. */
static inline double replay_run(const Replay *r, const double *const *directions, double step) {
  double sum = 0;
  replay_move(r, directions, step);
  for (uint32_t k = 0; k < r->n_targets; k++) {
    NodeId id = r->targets[k];
    const double *value = replay_value(r, id);
    int64_t n = shape_count(&r->lab->graph->nodes[id].shape);
    for (int64_t i = 0; i < n; i++) sum += (r->weights[k] ? r->weights[k][i] : 1) * value[i];
  }
  return sum;
}

/* Central difference of sixth order: its error is h^6 / 140 times the seventh derivative. */
static inline double replay_difference(const Replay *r, const double *const *directions, double h) {
  double d[3];
  for (int k = 0; k < 3; k++)
    d[k] = replay_run(r, directions, (k + 1) * h) - replay_run(r, directions, -(k + 1) * h);
  return (45 * d[0] - 9 * d[1] + d[2]) / (60 * h);
}

/* The slope along a direction.  Rounding grows and truncation shrinks as steps become smaller; of
 * two steps that agree best the smaller one is taken.  Two that agree in ten digits are enough: of
 * the larger one's truncation, which is most of what lies between them, the smaller one has a part
 * in 4096. */
static inline double replay_slope(const Replay *r, const double *const *directions) {
  double last = replay_difference(r, directions, 0x1p-6), best = last, least = INFINITY;
  for (int k = 8; k <= 12 && !(least <= 1e-10 * fabs(best)); k += 2) {
    double now = replay_difference(r, directions, ldexp(1, -k));
    if (fabs(now - last) < least) {
      least = fabs(now - last);
      best = now;
    }
    last = now;
  }
  return best;
}

#endif
