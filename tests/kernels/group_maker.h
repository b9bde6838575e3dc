/* Random fused groups: over random spaces, of all kinds of members, with results and sums. */
#ifndef TESTS_KERNELS_GROUP_MAKER_H
#define TESTS_KERNELS_GROUP_MAKER_H

#include "tests/kernels/lab.h"

#define MEMBERS_MAX 40

typedef struct Maker {
  Lab *lab;
  Shape space;
  DType dtype;
  NodeId floats[MEMBERS_MAX], bools[MEMBERS_MAX];
  int n_floats, n_bools;
} Maker;

static inline NodeId pick_float(Maker *m) {
  return m->floats[lab_pick(m->lab, m->n_floats)];
}

/* A value that some axes of the space repeat. */
static inline NodeId make_broadcast(Maker *m) {
  int64_t dims[RANK_MAX];
  for (int i = 0; i < m->space.rank; i++) dims[i] = lab_pick(m->lab, 2) ? m->space.dim[i] : 1;
  NodeId small = lab_input(m->lab, m->dtype, m->space.rank, dims);
  return emit_broadcast(&m->lab->e, small, &m->space);
}

static inline NodeId make_leaf(Maker *m) {
  Emitter *e = &m->lab->e;
  switch (lab_pick(m->lab, 5)) {
  case 0:
    return emit_constant(e, lab_uniform(m->lab) + 0.5, m->dtype, &m->space);
  case 1:
    return m->space.rank ? emit_iota(e, lab_pick(m->lab, m->space.rank), m->dtype, &m->space)
                         : lab_input(m->lab, m->dtype, 0, NULL);
  case 2:
    return lab_input(m->lab, m->dtype, m->space.rank, m->space.dim);
  default:
    return make_broadcast(m);
  }
}

/* Functions that stay within range whatever their operands are. */
static inline NodeId make_float(Maker *m) {
  static const OpId unary[] = {OP_NEG, OP_ABS, OP_SIGN, OP_TANH, OP_SIN, OP_COS, OP_STOP_GRADIENT};
  static const OpId binary[] = {OP_ADD, OP_SUB, OP_MUL};
  Emitter *e = &m->lab->e;
  NodeId a = pick_float(m), b = pick_float(m);
  switch (lab_pick(m->lab, 8)) {
  case 0:
    return emit_unary(e, unary[lab_pick(m->lab, 7)], a);
  case 1:
    return emit_div(e, a, emit_shift(e, emit_unary(e, OP_ABS, b), 1));
  case 2:
    return emit_unary(e, OP_SQRT, emit_unary(e, OP_ABS, a));
  case 3:
    return emit_select(e, m->bools[lab_pick(m->lab, m->n_bools)], a, b);
  case 4:
    return emit_unary(e, OP_EXP, emit_neg(e, emit_unary(e, OP_ABS, a)));
  case 5:
    return emit_unary(e, OP_RSQRT, emit_shift(e, emit_mul(e, a, a), 1));
  default:
    return emit_binary(e, binary[lab_pick(m->lab, 3)], a, b);
  }
}

static inline NodeId make_bool(Maker *m) {
  static const OpId ops[] = {OP_LESS, OP_LESS_EQUAL, OP_EQUAL};
  Emitter *e = &m->lab->e;
  if (m->n_bools && lab_pick(m->lab, 3) == 0)
    return emit_binary(e, lab_pick(m->lab, 2) ? OP_AND : OP_OR,
                       m->bools[lab_pick(m->lab, m->n_bools)], m->bools[0]);
  return emit_binary(e, ops[lab_pick(m->lab, 3)], pick_float(m), pick_float(m));
}

static inline Shape random_space(Lab *lab) {
  static const int64_t lengths[] = {1, 1, 2, 3, 5, 8, 16, 17, 33, 64, 100, 260};
  Shape s = {.rank = (uint8_t)lab_pick(lab, 5)};
  int64_t count = 1;
  for (int i = 0; i < s.rank; i++) {
    s.dim[i] = lengths[lab_pick(lab, 12)];
    while (count * s.dim[i] > 60000) s.dim[i] = (s.dim[i] + 1) / 2;
    count *= s.dim[i];
  }
  if (s.rank && lab_pick(lab, 4) == 0 && count < 8000)
    s.dim[s.rank - 1] *= lab_pick(lab, 2) ? 1030 / (count / s.dim[s.rank - 1] + 1) + 1 : 3;
  return s;
}

/* A sum as it stands: emit_reduce_sum may rewrite it to one of another space. */
static inline NodeId make_sum(Maker *m) {
  int64_t axes[RANK_MAX];
  uint32_t n = 0;
  for (int i = 0; i < m->space.rank; i++)
    if (m->space.dim[i] > 1 && lab_pick(m->lab, 2)) axes[n++] = i;
  NodeId operand = pick_float(m);
  int64_t wide = lab_pick(m->lab, 4) == 0;
  EmitAttr attrs[] = {{axes, n}, {&wide, 1}};
  return n ? emit_node(&m->lab->e, OP_REDUCE_SUM, &operand, 1, attrs) : NODE_NONE;
}

static inline void make_group(Maker *m, bool *wanted) {
  Lab *lab = m->lab;
  m->floats[m->n_floats++] = lab_input(lab, m->dtype, m->space.rank, m->space.dim);
  for (int i = 0; i < 3; i++) m->floats[m->n_floats++] = make_leaf(m);
  m->bools[m->n_bools++] = make_bool(m);
  int64_t n = 1 + lab_pick(lab, 12);
  for (int64_t i = 0; i < n; i++) {
    if (lab_pick(lab, 6) == 0) m->floats[m->n_floats++] = make_leaf(m);
    if (lab_pick(lab, 4) == 0) m->bools[m->n_bools++] = make_bool(m);
    m->floats[m->n_floats++] = make_float(m);
  }
  wanted[m->floats[m->n_floats - 1]] = true;
  if (lab_pick(lab, 2)) wanted[pick_float(m)] = true;
  if (lab_pick(lab, 3) == 0) wanted[m->bools[m->n_bools - 1]] = true;
  int64_t sums = lab_pick(lab, 4);
  for (int64_t i = 0; i < sums; i++) wanted[make_sum(m)] = true;
}

static inline Shape make_batch(Lab *lab) {
  Shape space = random_space(lab);
  if (space.rank && lab_pick(lab, 2)) {
    int64_t groups = space.dim[0] % 2 ? 1 : 2;
    lab->e.stamp.batch = (uint8_t)graph_add_batch(
        lab->graph, (Batch){.groups = groups, .units = space.dim[0] / groups, .unit = 1});
  }
  return space;
}

typedef struct Group {
  NodeId members[256], outputs[64];
  uint32_t n_members, n_outputs;
  char what[128];
} Group;

/* Makes a group in an empty lab; false when that fails. */
static inline bool maker_group(Lab *lab, DType dtype, Group *out) {
  bool wanted[512] = {false};
  char shape[SHAPE_TEXT_MAX];
  *out = (Group){0};
  lab->shards = (uint32_t)(1 + lab_pick(lab, 5));
  Maker m = {.lab = lab, .space = make_batch(lab), .dtype = dtype};
  make_group(&m, wanted);
  wanted[NODE_NONE] = false;
  for (NodeId id = 1; id < lab->graph->n_nodes; id++) {
    if (lab->graph->nodes[id].op == OP_INPUT) continue;
    out->members[out->n_members++] = id;
    if (wanted[id]) out->outputs[out->n_outputs++] = id;
  }
  snprintf(out->what, sizeof out->what, "%s %s", dtype_name(dtype),
           shape_text(&m.space, shape, sizeof shape));
  return lab->e.status == STATUS_OK;
}

#endif
