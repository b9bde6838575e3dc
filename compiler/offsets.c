/* Passes 13 and 14: aliases, in-place results, offsets.
 *
 * A stored value lives from its step to the last step that reads it; inputs from step 0, outputs
 * and committed values to the end.  Views share their operand's bytes.  A result may take the bytes
 * of an operand of its step that dies there and is read element by element.  A committed value is
 * written straight into its state where no later step reads the old one. */
#include "compiler/layout.h"
#include "compiler/place.h"

#include "ops/fuse_rules.h"
#include "ops/ops.h"
#include "ops/work.h"

#include <stdlib.h>
#include <string.h>

typedef struct Life {
  uint32_t start, end; /* steps, counted from 1; 0: before the first */
} Life;

typedef struct Layout {
  const Plan *plan;
  PlanProgram *p;
  const Graph *g;
  Diag *diag;
  uint32_t *step_of; /* by node: step + 1; 0: in none */
  NodeId *base;      /* views resolved */
  bool *stored;      /* by base */
  Life *life;        /* by base */
  bool *fixed;       /* offset is set: states and values written into states */
  NodeId *owner;     /* by base: the value whose bytes it takes over (in place), itself if none */
} Layout;

static bool in_step(const Layout *l, NodeId id) {
  return l->step_of[id] != 0;
}

static void find_lives(Layout *l) {
  const Graph *g = l->g;
  uint32_t last = l->p->n_steps + 1;
  for (uint32_t s = 0; s < l->p->n_steps; s++)
    for (uint32_t k = 0; k < l->p->steps[s].count; k++)
      l->step_of[l->p->step_nodes[l->p->steps[s].first + k]] = s + 1;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    bool view = g->nodes[id].op == OP_RESHAPE && !in_step(l, id);
    l->base[id] = view ? l->base[node_input(g, id, 0)] : id;
    l->owner[id] = id;
    l->life[id] = (Life){l->step_of[id], l->step_of[id]};
    uint16_t op = g->nodes[id].op;
    if (op == OP_INPUT || op == OP_STATE) l->stored[id] = true;
  }
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (!in_step(l, id)) continue;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      NodeId b = l->base[node_input(g, id, i)];
      /* A member that reads a view of another member of its step reads memory too. */
      if (l->step_of[b] == l->step_of[id] && b == node_input(g, id, i)) continue;
      l->stored[b] = true;
      if (l->step_of[id] > l->life[b].end) l->life[b].end = l->step_of[id];
    }
  }
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    NodeId b = l->base[g->outputs[i].node];
    l->stored[b] = true;
    l->life[b].end = last;
  }
  for (uint32_t i = 0; i < g->n_commits; i++) {
    NodeId b = l->base[g->commits[i].value];
    l->stored[b] = true;
    l->life[b].end = last;
  }
}

/* True when every read of value `b` by step `step` goes element by element over the step's index
 * space, so that a result of the space may overwrite it. */
static bool read_in_place(const Layout *l, NodeId b, uint32_t step, const Shape *space) {
  const PlanStep *s = &l->p->steps[step - 1];
  for (uint32_t k = 0; k < s->count; k++) {
    NodeId id = l->p->step_nodes[s->first + k];
    const Node *node = &l->g->nodes[id];
    if (!fuse_op_allowed(l->g, id)) return false;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
      if (l->base[node_input(l->g, id, i)] != b) continue;
      if (node->op == OP_BROADCAST || !shape_equal(fuse_space(l->g, id), space)) return false;
    }
  }
  return true;
}

/* ---- committed values written into their states ---- */

static void commit_in_state(Layout *l) {
  const Graph *g = l->g;
  NodeId *reader = calloc(l->plan->n_states + 1, sizeof *reader);
  bool *taken = calloc(g->n_nodes, sizeof *taken);
  if (reader && taken) {
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (g->nodes[id].op == OP_STATE) reader[node_attr_int(g, id, STATE_INDEX)] = id;
    for (uint32_t i = 0; i < g->n_commits; i++) {
      NodeId value = g->commits[i].value, b = l->base[value];
      NodeId state = reader[g->commits[i].state];
      uint32_t step = l->step_of[b];
      if (!step || taken[b] || b != value) continue;
      bool late = state && l->life[state].end > step;
      bool same = state && l->life[state].end == step;
      bool space = g->nodes[b].op != OP_REDUCE_SUM;
      if (late || (same && (!space || !read_in_place(l, state, step, &g->nodes[b].shape))))
        continue;
      taken[b] = true;
      l->fixed[b] = true;
      l->p->node_offset[b] = l->plan->state_offset[g->commits[i].state];
    }
  }
  free(reader); /* out of memory: the values are copied at the end instead */
  free(taken);
}

/* ---- in place ---- */

static NodeId owner(Layout *l, NodeId b) {
  while (l->owner[b] != b) b = l->owner[b];
  return b;
}

static bool may_take(Layout *l, NodeId result, NodeId operand, uint32_t step) {
  const Node *r = &l->g->nodes[result], *o = &l->g->nodes[operand];
  NodeId root = owner(l, operand);
  if (l->fixed[operand] || l->fixed[root] || !l->stored[operand] || o->op == OP_STATE) return false;
  if (l->life[root].end != step || value_bytes(r) != value_bytes(o)) return false;
  if (dtype_size((DType)r->dtype) != dtype_size((DType)o->dtype)) return false;
  return read_in_place(l, operand, step, &r->shape);
}

static void take_over(Layout *l) {
  const Graph *g = l->g;
  for (uint32_t s = 1; s <= l->p->n_steps; s++) {
    const PlanStep *step = &l->p->steps[s - 1];
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId result = l->p->step_nodes[step->first + k];
      bool space = fuse_op_allowed(g, result) && g->nodes[result].op != OP_REDUCE_SUM;
      if (!l->stored[result] || l->fixed[result] || !space) continue;
      bool done = false;
      for (uint32_t m = 0; m < step->count && !done; m++) {
        NodeId member = l->p->step_nodes[step->first + m];
        for (uint32_t i = 0; i < g->nodes[member].n_inputs && !done; i++) {
          NodeId operand = l->base[node_input(g, member, i)];
          if (l->step_of[operand] == s || !may_take(l, result, operand, s)) continue;
          NodeId root = owner(l, operand);
          l->owner[result] = root;
          l->life[root].end = l->life[result].end; /* one buffer with both lives */
          done = true;
        }
      }
    }
  }
}

/* ---- placement ---- */

static int64_t step_work(Layout *l, uint32_t s) {
  const PlanStep *step = &l->p->steps[s];
  NodeId *outputs = calloc(step->count + 1, sizeof *outputs);
  if (!outputs) return -1;
  uint32_t n = 0;
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = l->p->step_nodes[step->first + k];
    if (l->stored[id]) outputs[n++] = id;
  }
  int64_t bytes = kernel_work_bytes(l->g, &l->p->step_nodes[step->first], step->count, outputs, n,
                                    l->plan->shards);
  free(outputs);
  return bytes;
}

/* The largest sum of bytes alive at one step: no plan of this order can do with less. */
static void find_bound(Layout *l, const PlaceItem *items, uint32_t n) {
  uint32_t steps = l->p->n_steps + 2;
  int64_t *change = calloc(steps + 1, sizeof *change), alive = 0;
  if (!change) return;
  for (uint32_t i = 0; i < n; i++) {
    change[items[i].start] += items[i].bytes;
    change[items[i].end + 1] -= items[i].bytes;
  }
  for (uint32_t s = 0; s < steps; s++) {
    alive += change[s];
    if (alive > l->p->lower_bound) {
      l->p->lower_bound = alive;
      l->p->peak_step = s ? s - 1 : 0;
    }
  }
  free(change);
}

static Status place_all(Layout *l) {
  const Graph *g = l->g;
  PlaceItem *items = calloc((size_t)g->n_nodes + l->p->n_steps + 1, sizeof *items);
  uint32_t *item_of = calloc(g->n_nodes, sizeof *item_of), n = 0;
  if (!items || !item_of) {
    free(items);
    free(item_of);
    return diag_no_memory(l->diag, g->n_nodes * sizeof *items);
  }
  Status status = STATUS_OK;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (!l->stored[id] || l->fixed[id] || l->owner[id] != id || l->base[id] != id) continue;
    item_of[id] = n;
    items[n++] =
        (PlaceItem){plan_align(value_bytes(&g->nodes[id])), l->life[id].start, l->life[id].end, 0};
  }
  uint32_t first_work = n;
  for (uint32_t s = 0; s < l->p->n_steps && status == STATUS_OK; s++) {
    int64_t bytes = step_work(l, s);
    if (bytes < 0) status = diag_no_memory(l->diag, 1);
    l->p->steps[s].work_bytes = bytes;
    if (bytes > 0) items[n++] = (PlaceItem){plan_align(bytes), s + 1, s + 1, 0};
  }
  if (status == STATUS_OK) status = place_items(items, n, l->diag, &l->p->scratch_bytes);
  if (status == STATUS_OK) {
    int64_t start = l->plan->state_bytes;
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (l->stored[id] && !l->fixed[id] && l->base[id] == id)
        l->p->node_offset[id] = start + items[item_of[owner(l, id)]].offset;
    for (uint32_t s = 0, k = first_work; s < l->p->n_steps; s++)
      if (l->p->steps[s].work_bytes > 0) l->p->steps[s].work_offset = start + items[k++].offset;
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (l->base[id] != id) l->p->node_offset[id] = l->p->node_offset[l->base[id]];
    find_bound(l, items, n);
  }
  free(items);
  free(item_of);
  return status;
}

static void fix_states(Layout *l) {
  for (NodeId id = 1; id < l->g->n_nodes; id++) {
    l->p->node_offset[id] = OFFSET_NONE;
    if (l->g->nodes[id].op != OP_STATE) continue;
    l->fixed[id] = true;
    l->p->node_offset[id] = l->plan->state_offset[node_attr_int(l->g, id, STATE_INDEX)];
  }
}

Status layout_offsets(const Plan *plan, PlanProgram *program, Diag *diag) {
  const Graph *g = program->graph;
  uint32_t n = g->n_nodes;
  Layout l = {.plan = plan, .p = program, .g = g, .diag = diag};
  l.step_of = calloc(n, sizeof *l.step_of);
  l.base = calloc(n, sizeof *l.base);
  l.stored = calloc(n, sizeof *l.stored);
  l.life = calloc(n, sizeof *l.life);
  l.fixed = calloc(n, sizeof *l.fixed);
  l.owner = calloc(n, sizeof *l.owner);
  program->node_offset = calloc(n, sizeof *program->node_offset);
  Status status = STATUS_OK;
  if (!l.step_of || !l.base || !l.stored || !l.life || !l.fixed || !l.owner ||
      !program->node_offset) {
    status = diag_no_memory(diag, n * sizeof *l.life);
  } else {
    fix_states(&l);
    find_lives(&l);
    commit_in_state(&l);
    take_over(&l);
    status = place_all(&l);
    program->macs = 0;
    for (NodeId id = 1; id < n && status == STATUS_OK; id++)
      if (__builtin_add_overflow(program->macs, node_macs(g, id), &program->macs))
        status = diag_error(diag, STATUS_NO_FIT, plan_text(plan, program->name), NULL,
                            "the program needs more than 2^63 multiply-adds");
  }
  free(l.step_of);
  free(l.base);
  free(l.stored);
  free(l.life);
  free(l.fixed);
  free(l.owner);
  return status;
}
