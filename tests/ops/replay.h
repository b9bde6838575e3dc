/* Values of a graph at a neighbouring point with all selections of the base point.
 *
 * Masks, indices, signs and stop-gradient values keep what they were; a maximum keeps its place.
 * What remains is smooth, so differences converge at their full order whatever corners lie near. */
#ifndef TESTS_OPS_REPLAY_H
#define TESTS_OPS_REPLAY_H

#include "tests/ops/op_case.h"

typedef struct Replay {
  Lab *lab; /* lab->values are the base point's, computed */
  NodeId scalar, input;
  void **trial; /* by node; NULL: as in the base point */
} Replay;

static inline bool replay_frozen(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  return !dtype_is_float((DType)node->dtype) || node->op == OP_STOP_GRADIENT || node->op == OP_SIGN;
}

static inline void replay_init(Replay *r, Lab *lab, NodeId scalar, NodeId input) {
  const Graph *g = lab->graph;
  bool *needed = calloc(g->n_nodes, sizeof *needed);
  *r = (Replay){lab, scalar, input, calloc(g->n_nodes, sizeof *r->trial)};
  needed[scalar] = true;
  for (NodeId id = g->n_nodes - 1; id > 0; id--)
    for (uint32_t i = 0; needed[id] && i < g->nodes[id].n_inputs; i++)
      needed[node_input(g, id, i)] = true;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    bool moves = id == input;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
      moves |= r->trial[node_input(g, id, i)] != NULL;
    if (needed[id] && moves && !replay_frozen(g, id))
      r->trial[id] = calloc(1, lab_bytes(lab, id) + 8);
  }
  free(needed);
}

static inline void replay_free(Replay *r) {
  for (NodeId id = 1; id < r->lab->graph->n_nodes; id++) free(r->trial[id]);
  free(r->trial);
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

/* The scalar at the base point moved by `step` times `direction` along the input. */
static inline double replay_run(const Replay *r, const double *direction, double step) {
  const Graph *g = r->lab->graph;
  if (!r->trial[r->scalar]) return *(const double *)r->lab->values[r->scalar];
  int64_t count = shape_count(&g->nodes[r->input].shape);
  const double *base = r->lab->values[r->input];
  for (int64_t i = 0; i < count; i++)
    ((double *)r->trial[r->input])[i] = base[i] + step * direction[i];
  for (NodeId id = r->input + 1; id <= r->scalar; id++) {
    const void *inputs[64] = {0};
    if (!r->trial[id]) continue;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs && i < 64; i++)
      inputs[i] = replay_value(r, node_input(g, id, i));
    if (g->nodes[id].op == OP_REDUCE_MAX)
      replay_max(r, id);
    else
      reference_run(g, id, inputs, r->trial[id], r->lab->diag);
  }
  return *(const double *)r->trial[r->scalar];
}

/* Central difference of sixth order: its error is h^6 / 140 times the seventh derivative. */
static inline double replay_difference(const Replay *r, const double *direction, double h) {
  double d[3];
  for (int k = 0; k < 3; k++)
    d[k] = replay_run(r, direction, (k + 1) * h) - replay_run(r, direction, -(k + 1) * h);
  return (45 * d[0] - 9 * d[1] + d[2]) / (60 * h);
}

/* The slope along a direction.  Rounding grows and truncation shrinks as steps become smaller; of
 * two steps that agree best the smaller one is taken. */
static inline double replay_slope(const Replay *r, const double *direction) {
  double last = replay_difference(r, direction, 0x1p-6), best = last, least = INFINITY;
  for (int k = 8; k <= 12; k += 2) {
    double now = replay_difference(r, direction, ldexp(1, -k));
    if (fabs(now - last) < least) {
      least = fabs(now - last);
      best = now;
    }
    last = now;
  }
  return best;
}

#endif
