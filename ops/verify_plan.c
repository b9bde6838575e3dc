/* The verifier's part for plans: steps, groups, bytes.
 *
 * Memory is checked by running the program on owners instead of numbers: every byte range of the
 * arena belongs to the value that was written there last.  A read is right when its whole range
 * still belongs to the value that is meant.  This is independent of how the planner computes lives,
 * and it also covers commits into states, views and in-place results. */
#include "ops/verify.h"

#include "graph/base/checked.h"
#include "ops/fuse_rules.h"
#include "ops/infer.h"
#include "ops/verify_streams.h"

#include <stdlib.h>
#include <string.h>

#define OWNER_NONE 0u
#define OWNER_MIXED UINT32_MAX
#define OWNER_STATE 0x80000000u /* + index of the state */
#define BYTES_MAX                                                                                  \
  ((int64_t)1 << 50) /* of a section: sums of a few of them stay far from overflow */

/* Owners of ranges between sorted boundaries: a segment tree whose node holds its range's owner
 * when it has one. */
typedef struct Owners {
  int64_t *bound; /* sorted, distinct */
  uint32_t n;     /* cells between them */
  uint32_t *tree; /* 4 n */
} Owners;

/* The cells [from, to) that a value covers. */
typedef struct Cells {
  uint32_t from, to;
} Cells;

typedef struct Check {
  const Plan *plan;
  const PlanProgram *p;
  const Graph *g;
  const char *place;
  Diag *diag;
  uint32_t *step_of, *at; /* by node: step + 1 (0: not executed), position in its step */
  Owners owners;
  Cells *cells;   /* by node, where it is stored */
  bool *in_place; /* by node: it lies where an operand of its kernel lies */
  Proof *proof;   /* NULL: steps run one after the other */
} Check;

static Status wrong(const Check *c, NodeId id, const char *text) {
  char label[INFER_LABEL_MAX];
  return diag_error(c->diag, STATUS_INVALID, c->place, NULL, "program '%s', node %u %s: %s",
                    plan_text(c->plan, c->p->name), id, infer_node_label(c->g, id, label), text);
}

/* ---- owners ---- */

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t cell_of(const Owners *o, int64_t bound) {
  uint32_t low = 0, high = o->n;
  while (low < high) {
    uint32_t mid = (low + high) / 2;
    if (o->bound[mid] < bound)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static void owners_set(Owners *o, uint32_t node, uint32_t low, uint32_t high, uint32_t from,
                       uint32_t to, uint32_t owner) {
  if (from >= high || to <= low) return;
  if (from <= low && high <= to) {
    o->tree[node] = owner;
    return;
  }
  uint32_t mid = (low + high) / 2;
  if (o->tree[node] != OWNER_MIXED) o->tree[2 * node] = o->tree[2 * node + 1] = o->tree[node];
  owners_set(o, 2 * node, low, mid, from, to, owner);
  owners_set(o, 2 * node + 1, mid, high, from, to, owner);
  bool same = o->tree[2 * node] == o->tree[2 * node + 1];
  o->tree[node] = same ? o->tree[2 * node] : OWNER_MIXED;
}

static bool owners_are(const Owners *o, uint32_t node, uint32_t low, uint32_t high, uint32_t from,
                       uint32_t to, uint32_t owner) {
  if (from >= high || to <= low) return true;
  if (o->tree[node] != OWNER_MIXED) return o->tree[node] == owner;
  if (high - low <= 1) return false;
  uint32_t mid = (low + high) / 2;
  return owners_are(o, 2 * node, low, mid, from, to, owner) &&
         owners_are(o, 2 * node + 1, mid, high, from, to, owner);
}

static Cells cells_of(const Check *c, int64_t offset, int64_t bytes) {
  if (bytes <= 0) return (Cells){0, 0};
  return (Cells){cell_of(&c->owners, offset), cell_of(&c->owners, offset + bytes)};
}

static void assign(Check *c, Cells cells, uint32_t owner) {
  if (cells.from < cells.to) owners_set(&c->owners, 1, 0, c->owners.n, cells.from, cells.to, owner);
}

static bool owns(const Check *c, Cells cells, uint32_t owner) {
  if (cells.from >= cells.to) return true;
  return owners_are(&c->owners, 1, 0, c->owners.n, cells.from, cells.to, owner);
}

static Status owners_create(Check *c) {
  const Graph *g = c->g;
  size_t most = 2 * ((size_t)g->n_nodes + c->p->n_steps + c->plan->n_states) + 2, n = 0;
  int64_t *bound = malloc(most * sizeof *bound);
  if (!bound) return diag_no_memory(c->diag, most * sizeof *bound);
  for (uint32_t i = 0; i < c->plan->n_states; i++) {
    const State *s = &c->plan->states[i];
    bound[n++] = c->plan->state_offset[i];
    bound[n++] =
        c->plan->state_offset[i] + shape_count(&s->shape) * (int64_t)dtype_size((DType)s->dtype);
  }
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (c->p->node_offset[id] == OFFSET_NONE) continue;
    bound[n++] = c->p->node_offset[id];
    bound[n++] = c->p->node_offset[id] + value_bytes(&g->nodes[id]);
  }
  for (uint32_t s = 0; s < c->p->n_steps; s++) {
    if (c->p->steps[s].work_bytes <= 0) continue;
    bound[n++] = c->p->steps[s].work_offset;
    bound[n++] = c->p->steps[s].work_offset + c->p->steps[s].work_bytes;
  }
  qsort(bound, n, sizeof *bound, by_value);
  size_t distinct = 0;
  for (size_t i = 0; i < n; i++)
    if (!i || bound[i] != bound[i - 1]) bound[distinct++] = bound[i];
  c->owners = (Owners){.bound = bound, .n = distinct ? (uint32_t)distinct - 1 : 0};
  c->owners.tree = calloc(4 * distinct + 4, sizeof *c->owners.tree);
  c->cells = calloc(g->n_nodes, sizeof *c->cells);
  if (!c->owners.tree || !c->cells) return diag_no_memory(c->diag, 4 * distinct * sizeof(uint32_t));
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (c->p->node_offset[id] != OFFSET_NONE)
      c->cells[id] = cells_of(c, c->p->node_offset[id], value_bytes(&g->nodes[id]));
  return STATUS_OK;
}

/* ---- steps and groups ---- */

static Status check_members(Check *c) {
  uint32_t next = 0;
  for (uint32_t s = 0; s < c->p->n_steps; s++) {
    const PlanStep *step = &c->p->steps[s];
    if (step->first != next || step->count == 0 || step->count > c->p->n_step_nodes - next)
      return diag_error(c->diag, STATUS_INVALID, c->place, NULL,
                        "kernel %u does not follow the last", s);
    next += step->count;
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId id = c->p->step_nodes[step->first + k];
      if (id == NODE_NONE || id >= c->g->n_nodes || c->step_of[id])
        return diag_error(c->diag, STATUS_INVALID, c->place, NULL, "kernel %u: a member is wrong",
                          s);
      c->step_of[id] = s + 1;
      c->at[id] = k;
    }
  }
  if (next == c->p->n_step_nodes) return STATUS_OK;
  return diag_error(c->diag, STATUS_INVALID, c->place, NULL, "members outside of all kernels");
}

/* The value whose bytes a node reads: views that are not executed share their operand's. */
static NodeId base_of(const Check *c, NodeId id) {
  while (!c->step_of[id] && c->g->nodes[id].op == OP_RESHAPE) id = node_input(c->g, id, 0);
  return id;
}

static bool is_source(const Check *c, NodeId id) {
  return c->g->nodes[id].op == OP_INPUT || c->g->nodes[id].op == OP_STATE;
}

static Status check_operands(const Check *c, NodeId id) {
  uint32_t step = c->step_of[id];
  for (uint32_t i = 0; i < c->g->nodes[id].n_inputs; i++) {
    NodeId operand = node_input(c->g, id, i), base = base_of(c, operand);
    uint32_t made = c->step_of[base];
    if (!made && !is_source(c, base)) return wrong(c, id, "reads a value that is never computed");
    if (made > step) return wrong(c, id, "reads a value before it is computed");
    if (c->proof && made && made != step && !proof_before(c->proof, made - 1, step - 1))
      return wrong(c, id, "may read a value of another stream before it is computed");
    if (made != step) continue;
    if (base != operand) return wrong(c, id, "reads a member of its own kernel through a view");
    if (c->at[base] >= c->at[id]) return wrong(c, id, "reads a member that follows it");
    if (c->g->nodes[base].op == OP_REDUCE_SUM) return wrong(c, id, "reads a sum of its own kernel");
  }
  return STATUS_OK;
}

/* Several collectives of one kind that travel together; none needs another. */
static Status check_bucket(const Check *c, const PlanStep *step) {
  const NodeId *members = &c->p->step_nodes[step->first];
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId in = base_of(c, node_input(c->g, members[k], 0));
    if (c->g->nodes[members[k]].op != c->g->nodes[members[0]].op)
      return wrong(c, members[k], "is another kind of collective than the first of its kernel");
    if (c->step_of[in] == c->step_of[members[k]])
      return wrong(c, members[k], "reads another collective of its kernel");
    if (c->p->node_offset[members[k]] == OFFSET_NONE)
      return wrong(c, members[k], "is a collective that is not stored");
  }
  return STATUS_OK;
}

static Status check_group(const Check *c, const PlanStep *step) {
  const NodeId *members = &c->p->step_nodes[step->first];
  uint16_t op = c->g->nodes[members[0]].op;
  if (op == OP_ALL_REDUCE || op == OP_ALL_GATHER) return check_bucket(c, step);
  if (step->count == 1) {
    if (op == OP_INPUT || op == OP_STATE) return wrong(c, members[0], "is not executed");
    return STATUS_OK;
  }
  const Target *target = c->plan->target;
  if (step->count > target->fuse.nodes)
    return wrong(c, members[0], "is in a group larger than the target's kernels take");
  const Shape *space = fuse_space(c->g, members[step->count - 1]);
  for (uint32_t k = 0; k < step->count; k++) {
    if (!fuse_op_allowed(c->g, members[k])) return wrong(c, members[k], "cannot be in a group");
    if (!target->fusable(c->g, members[k]))
      return wrong(c, members[k], "is in a group, which the target's kernels do not take");
    if (!shape_equal(fuse_space(c->g, members[k]), space))
      return wrong(c, members[k], "is of another shape than its group");
  }
  return STATUS_OK;
}

/* ---- bytes ---- */

static Status check_offset(const Check *c, NodeId id) {
  int64_t offset = c->p->node_offset[id], bytes = value_bytes(&c->g->nodes[id]);
  const Plan *plan = c->plan;
  if (offset == OFFSET_NONE) return STATUS_OK;
  if (base_of(c, id) != id)
    return offset == c->p->node_offset[base_of(c, id)]
               ? STATUS_OK
               : wrong(c, id, "is not where its operand lies");
  if (c->g->nodes[id].op == OP_STATE) {
    if (offset == plan->state_offset[node_attr_int(c->g, id, STATE_INDEX)]) return STATUS_OK;
    return wrong(c, id, "is not where its state lies");
  }
  if (offset < 0 || offset % c->plan->target->alignment) return wrong(c, id, "is not aligned");
  int64_t end = plan->state_bytes + c->p->scratch_bytes;
  if (offset >= plan->state_bytes && offset <= end && bytes <= end - offset) return STATUS_OK;
  for (uint32_t i = 0; i < c->g->n_commits; i++)
    if (c->g->commits[i].value == id && plan->state_offset[c->g->commits[i].state] == offset)
      return STATUS_OK;
  return wrong(c, id, "lies outside of the arena");
}

static uint32_t owner_of(const Check *c, NodeId base) {
  if (c->g->nodes[base].op != OP_STATE) return base;
  return OWNER_STATE + (uint32_t)node_attr_int(c->g, base, STATE_INDEX);
}

static Status check_read(const Check *c, NodeId id, const char *what) {
  NodeId base = base_of(c, id);
  if (c->p->node_offset[base] == OFFSET_NONE || c->p->node_offset[id] != c->p->node_offset[base])
    return wrong(c, id, "is read but not stored");
  if (owns(c, c->cells[base], owner_of(c, base))) return STATUS_OK;
  return wrong(c, id, what);
}

static bool overlap(int64_t a, int64_t a_bytes, int64_t b, int64_t b_bytes) {
  return a_bytes > 0 && b_bytes > 0 && a < b + b_bytes && b < a + a_bytes;
}

/* A result over the bytes of an operand: only where both are read and written element by element.
 */
static bool may_share(const Check *c, NodeId result, NodeId reader, NodeId base) {
  const Node *r = &c->g->nodes[result], *b = &c->g->nodes[base];
  if (c->p->node_offset[result] != c->p->node_offset[base] || value_bytes(r) != value_bytes(b))
    return false;
  if (dtype_size((DType)r->dtype) != dtype_size((DType)b->dtype)) return false;
  const Target *target = c->plan->target;
  if (r->op == OP_REDUCE_SUM || !target->in_place || !target->fusable(c->g, result) ||
      !target->fusable(c->g, reader))
    return false;
  return c->g->nodes[reader].op != OP_BROADCAST && shape_equal(fuse_space(c->g, reader), &r->shape);
}

static Status check_sharing(Check *c, const PlanStep *step, NodeId result) {
  int64_t at = c->p->node_offset[result], bytes = value_bytes(&c->g->nodes[result]);
  const NodeId *members = &c->p->step_nodes[step->first];
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId m = members[k];
    bool stored = m != result && c->p->node_offset[m] != OFFSET_NONE;
    if (stored && overlap(at, bytes, c->p->node_offset[m], value_bytes(&c->g->nodes[m])))
      return wrong(c, result, "shares bytes with another result of its kernel");
    for (uint32_t i = 0; i < c->g->nodes[m].n_inputs; i++) {
      NodeId base = base_of(c, node_input(c->g, m, i));
      if (c->step_of[base] == c->step_of[result]) continue;
      bool hit = overlap(at, bytes, c->p->node_offset[base], value_bytes(&c->g->nodes[base]));
      if (hit && !may_share(c, result, m, base))
        return wrong(c, result, "overwrites an operand of its kernel");
      c->in_place[result] |= hit;
    }
  }
  if (overlap(at, bytes, step->work_offset, step->work_bytes))
    return wrong(c, result, "shares bytes with the work buffer of its kernel");
  return STATUS_OK;
}

/* The buffer of a step lies in scratch. Before anything else: later sums cannot overflow. */
static Status check_work_place(const Check *c, const PlanStep *step) {
  int64_t low = c->plan->state_bytes, high = low + c->p->scratch_bytes;
  if (step->work_bytes == 0) return STATUS_OK;
  if (step->work_bytes < 0 || step->work_offset < low ||
      step->work_offset % c->plan->target->alignment || step->work_offset > high ||
      step->work_bytes > high - step->work_offset)
    return wrong(c, c->p->step_nodes[step->first], "its work buffer lies outside of the arena");
  return STATUS_OK;
}

static Status check_work(const Check *c, const PlanStep *step) {
  const NodeId *members = &c->p->step_nodes[step->first];
  NodeId *outputs = malloc(step->count * sizeof *outputs);
  if (!outputs) return diag_no_memory(c->diag, step->count * sizeof *outputs);
  uint32_t n = 0;
  for (uint32_t k = 0; k < step->count; k++)
    if (c->p->node_offset[members[k]] != OFFSET_NONE) outputs[n++] = members[k];
  int64_t needed =
      c->plan->target->work_bytes(c->g, members, step->count, outputs, n, c->plan->shards);
  free(outputs);
  if (needed < 0) return diag_no_memory(c->diag, step->count * sizeof *outputs);
  if (n == 0) return wrong(c, members[0], "its kernel stores nothing");
  if (needed > step->work_bytes) return wrong(c, members[0], "its work buffer is too small");
  for (uint32_t k = 0; step->work_bytes && k < step->count; k++)
    for (uint32_t i = 0; i < c->g->nodes[members[k]].n_inputs; i++) {
      NodeId base = base_of(c, node_input(c->g, members[k], i));
      if (c->step_of[base] != c->step_of[members[k]] &&
          overlap(step->work_offset, step->work_bytes, c->p->node_offset[base],
                  value_bytes(&c->g->nodes[base])))
        return wrong(c, members[k], "its operand lies in the work buffer");
    }
  return STATUS_OK;
}

/* No other stream may still use what the step writes; then it uses it, and what it reads. */
static Status prove_writes(Check *c, const PlanStep *step) {
  const NodeId *members = &c->p->step_nodes[step->first];
  uint32_t s = (uint32_t)(step - c->p->steps);
  Cells work = cells_of(c, step->work_offset, step->work_bytes);
  if (!proof_idle(c->proof, s, work.from, work.to))
    return wrong(c, members[0], "its work buffer may still be in use on another stream");
  for (uint32_t k = 0; k < step->count; k++) {
    Cells to = c->cells[members[k]];
    if (!proof_idle(c->proof, s, to.from, to.to))
      return wrong(c, members[k], "is written where another stream may still read or write");
  }
  proof_use(c->proof, s, work.from, work.to);
  for (uint32_t k = 0; k < step->count; k++) {
    proof_use(c->proof, s, c->cells[members[k]].from, c->cells[members[k]].to);
    for (uint32_t i = 0; i < c->g->nodes[members[k]].n_inputs; i++) {
      Cells from = c->cells[base_of(c, node_input(c->g, members[k], i))];
      proof_use(c->proof, s, from.from, from.to);
    }
  }
  return STATUS_OK;
}

static Status run_step(Check *c, const PlanStep *step) {
  const NodeId *members = &c->p->step_nodes[step->first];
  TRY(check_group(c, step));
  for (uint32_t k = 0; k < step->count; k++) {
    TRY(check_operands(c, members[k]));
    for (uint32_t i = 0; i < c->g->nodes[members[k]].n_inputs; i++) {
      NodeId operand = node_input(c->g, members[k], i);
      if (c->step_of[base_of(c, operand)] != c->step_of[members[k]])
        TRY(check_read(c, operand, "is read after its bytes were overwritten"));
    }
  }
  TRY(check_work(c, step));
  for (uint32_t k = 0; k < step->count; k++)
    if (c->p->node_offset[members[k]] != OFFSET_NONE) TRY(check_sharing(c, step, members[k]));
  if (c->proof) TRY(prove_writes(c, step));
  assign(c, cells_of(c, step->work_offset, step->work_bytes), OWNER_NONE);
  for (uint32_t k = 0; k < step->count; k++)
    if (c->p->node_offset[members[k]] != OFFSET_NONE) assign(c, c->cells[members[k]], members[k]);
  return STATUS_OK;
}

static Status check_ends(const Check *c) {
  const Graph *g = c->g;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    TRY(check_read(c, g->outputs[i].node, "is an output whose bytes were overwritten"));
  for (uint32_t i = 0; i < g->n_commits; i++) {
    NodeId value = g->commits[i].value;
    TRY(check_read(c, value, "is committed after its bytes were overwritten"));
    if (is_source(c, base_of(c, value))) return wrong(c, value, "is committed without a copy");
  }
  return STATUS_OK;
}

/* ---- totals ---- */

static bool in_scratch(const Check *c, NodeId id) {
  return base_of(c, id) == id && c->p->node_offset[id] >= c->plan->state_bytes;
}

/* The last step (from 1) that needs each value; n_steps + 1 for what must stay to the end. */
static void find_last(const Check *c, uint32_t *last) {
  const Graph *g = c->g;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (c->step_of[id] > last[id]) last[id] = c->step_of[id];
    for (uint32_t i = 0; c->step_of[id] && i < g->nodes[id].n_inputs; i++) {
      NodeId base = base_of(c, node_input(g, id, i));
      if (c->step_of[id] > last[base]) last[base] = c->step_of[id];
    }
  }
  for (uint32_t i = 0; i < g->n_outputs; i++)
    last[base_of(c, g->outputs[i].node)] = c->p->n_steps + 1;
  for (uint32_t i = 0; i < g->n_commits; i++)
    last[base_of(c, g->commits[i].value)] = c->p->n_steps + 1;
}

/* Adds the bytes alive at every step up again: scratch, its lower bound and the peak. */
static bool bytes_add_up(const Check *c, uint32_t *last, int64_t *change) {
  const PlanProgram *p = c->p;
  int64_t top = 0, alive = 0, most = 0;
  uint32_t peak = 0;
  find_last(c, last);
  for (NodeId id = 1; id < c->g->n_nodes; id++) {
    if (!in_scratch(c, id)) continue;
    int64_t bytes = target_align(c->plan->target, value_bytes(&c->g->nodes[id]));
    uint32_t made = c->step_of[id];
    change[made + c->in_place[id]] += bytes; /* over an operand: one buffer in that step */
    change[last[id] + 1] -= bytes;
    if (p->node_offset[id] + bytes > top) top = p->node_offset[id] + bytes;
  }
  for (uint32_t s = 0; s < p->n_steps; s++) {
    int64_t bytes = target_align(c->plan->target, p->steps[s].work_bytes);
    change[s + 1] += bytes;
    change[s + 2] -= bytes;
    if (bytes && p->steps[s].work_offset + bytes > top) top = p->steps[s].work_offset + bytes;
  }
  for (uint32_t s = 0; s <= p->n_steps + 1; s++) {
    alive += change[s];
    if (alive <= most) continue;
    most = alive;
    peak = s ? s - 1 : 0;
  }
  int64_t scratch = top ? top - c->plan->state_bytes : 0;
  return scratch == p->scratch_bytes && most == p->lower_bound && peak == p->peak_step;
}

static Status check_totals(const Check *c) {
  int64_t macs = 0;
  bool counted = true;
  for (NodeId id = 1; id < c->g->n_nodes; id++)
    counted &= checked_add(macs, node_macs(c->g, id), &macs);
  uint32_t *last = calloc(c->g->n_nodes, sizeof *last);
  int64_t *change = calloc((size_t)c->p->n_steps + 3, sizeof *change);
  Status status = STATUS_OK;
  if (!last || !change)
    status = diag_no_memory(c->diag, c->g->n_nodes * sizeof *last);
  else if (!counted || macs != c->p->macs || !bytes_add_up(c, last, change))
    status = diag_error(c->diag, STATUS_INVALID, c->place, NULL,
                        "the totals of program '%s' do not add up", plan_text(c->plan, c->p->name));
  free(last);
  free(change);
  return status;
}

static Status run_program(Check *c) {
  const Graph *g = c->g;
  TRY(check_members(c));
  for (NodeId id = 1; id < g->n_nodes; id++) {
    bool executed = c->step_of[id] != 0, view = g->nodes[id].op == OP_RESHAPE;
    if (!executed && !view && !is_source(c, id)) return wrong(c, id, "is never executed");
    TRY(check_offset(c, id));
  }
  for (uint32_t s = 0; s < c->p->n_steps; s++) TRY(check_work_place(c, &c->p->steps[s]));
  TRY(proof_create(c->plan, c->p, c->place, c->diag, &c->proof));
  TRY(owners_create(c));
  if (c->proof && !proof_start(c->proof, c->owners.n))
    return diag_no_memory(c->diag, c->owners.n * sizeof(uint32_t));
  for (uint32_t i = 0; i < c->plan->n_states; i++) {
    const State *s = &c->plan->states[i];
    assign(c,
           cells_of(c, c->plan->state_offset[i],
                    shape_count(&s->shape) * (int64_t)dtype_size((DType)s->dtype)),
           OWNER_STATE + i);
  }
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_INPUT && c->p->node_offset[id] != OFFSET_NONE)
      assign(c, c->cells[id], id);
  for (uint32_t s = 0; s < c->p->n_steps; s++) TRY(run_step(c, &c->p->steps[s]));
  return check_ends(c);
}

/* `taken` marks the names of states. */
static Status verify_inputs(const Plan *plan, const PlanProgram *p, bool *taken, const char *place,
                            Diag *diag) {
  const Graph *g = p->graph;
  Status status = STATUS_OK;
  uint32_t placed = 0;
  for (NodeId id = 1; id < g->n_nodes; id++)
    placed += g->nodes[id].op == OP_INPUT && p->node_offset[id] != OFFSET_NONE;
  for (uint32_t i = 0; i < p->n_inputs && status == STATUS_OK; i++) {
    const PlanInput *in = &p->inputs[i];
    const Node *node = in->node ? &g->nodes[in->node] : NULL;
    bool same = !node || (node->op == OP_INPUT && p->node_offset[in->node] != OFFSET_NONE &&
                          node_attr_int(g, in->node, INPUT_NAME) == in->name &&
                          node->dtype == in->dtype && shape_equal(&node->shape, &in->shape));
    placed -= node && same;
    if (taken[in->name] || !same)
      status = diag_error(diag, STATUS_INVALID, place, NULL, "the input '%s' of program '%s' %s",
                          plan_text(plan, in->name), plan_text(plan, p->name),
                          same ? "has the name of another or of a state" : "is another node");
    taken[in->name] = true;
  }
  if (status == STATUS_OK && placed)
    status = diag_error(diag, STATUS_INVALID, place, NULL, "program '%s' has inputs without a name",
                        plan_text(plan, p->name));
  for (uint32_t i = 0; i < p->n_inputs; i++) taken[p->inputs[i].name] = false;
  return status;
}

static Status verify_names(const Plan *plan, const char *place, Diag *diag) {
  bool *taken = calloc(strings_count(plan->symbols->strings) + 1u, sizeof *taken);
  Status status = taken ? STATUS_OK : diag_no_memory(diag, strings_count(plan->symbols->strings));
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_states; i++) {
    bool *own = &taken[plan->states[i].name];
    if (*own)
      status = diag_error(diag, STATUS_INVALID, place, NULL, "two states are named '%s'",
                          plan_text(plan, plan->states[i].name));
    *own = true;
  }
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_programs; i++)
    status = verify_inputs(plan, &plan->programs[i], taken, place, diag);
  free(taken);
  return status;
}

/* What ranks exchange is as many parts as there are ranks. */
static Status check_ranks(const Check *c) {
  const Graph *g = c->g;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (op_desc(g->nodes[id].op)->op_class != OP_CLASS_COLLECTIVE) continue;
    if (g->nodes[id].op == OP_RANK_MEAN) return wrong(c, id, "is no op of a plan");
    int64_t ranks = g->nodes[id].op == OP_RANK_PART ? g->nodes[node_input(g, id, 0)].shape.dim[1]
                                                    : node_attr_int(g, id, COLLECTIVE_RANKS);
    if (ranks != c->plan->ranks) return wrong(c, id, "is for another number of ranks");
  }
  return STATUS_OK;
}

static Status verify_program(const Plan *plan, const PlanProgram *p, const char *place,
                             Diag *diag) {
  const Graph *g = p->graph;
  TRY(verify_graph(g, plan->states, plan->n_states, place, diag));
  if (!p->node_offset)
    return diag_error(diag, STATUS_INVALID, place, NULL, "a program has no offsets");
  if (p->scratch_bytes < 0 || p->scratch_bytes > BYTES_MAX)
    return diag_error(diag, STATUS_INVALID, place, NULL,
                      "the scratch size of program '%s' is out of range", plan_text(plan, p->name));
  Check c = {.plan = plan, .p = p, .g = g, .place = place, .diag = diag};
  c.step_of = calloc(g->n_nodes, sizeof *c.step_of);
  c.at = calloc(g->n_nodes, sizeof *c.at);
  c.in_place = calloc(g->n_nodes, sizeof *c.in_place);
  Status status =
      c.step_of && c.at && c.in_place ? check_ranks(&c) : diag_no_memory(diag, g->n_nodes * 8);
  if (status == STATUS_OK) status = run_program(&c);
  if (status == STATUS_OK) status = check_totals(&c);
  free(c.step_of);
  free(c.at);
  free(c.owners.bound);
  free(c.owners.tree);
  free(c.cells);
  free(c.in_place);
  proof_free(c.proof);
  return status;
}

static Status verify_states(const Plan *plan, const char *place, Diag *diag) {
  int64_t end = 0;
  if (plan->state_bytes < 0 || plan->state_bytes > BYTES_MAX)
    return diag_error(diag, STATUS_INVALID, place, NULL,
                      "the state section's size is out of range");
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    int64_t bytes = shape_count(&s->shape) * (int64_t)dtype_size((DType)s->dtype);
    int64_t at = plan->state_offset[i];
    if (bytes < 0 || at < end || at % plan->target->alignment || at > plan->state_bytes ||
        bytes > plan->state_bytes - at)
      return diag_error(diag, STATUS_INVALID, place, NULL, "state '%s' lies in the wrong place",
                        plan_text(plan, s->name));
    end = at + bytes;
  }
  return STATUS_OK;
}

Status verify_plan(const Plan *plan, const char *place, Diag *diag) {
  TRY(verify_states(plan, place, diag));
  if (plan->local && plan->has_sampler && plan->sampler.batch_ids % plan->ranks)
    return diag_error(diag, STATUS_INVALID, place, NULL,
                      "%u ranks have no equal shares of %lld identities", plan->ranks,
                      (long long)plan->sampler.batch_ids);
  for (uint32_t i = 0; i < plan->n_programs; i++)
    TRY(verify_program(plan, &plan->programs[i], place, diag));
  return verify_names(plan, place, diag);
}
