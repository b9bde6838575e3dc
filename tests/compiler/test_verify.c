/* The verifier: a valid plan passes; the same plan with one invariant broken does not, and the
 * message says which. */
#include "ops/fuse_rules.h"
#include "ops/verify.h"
#include "tests/compiler/program_lab.h"

#define N_STATES 2

/* Node `k` (from 0) of an op in the program, in execution order. */
static NodeId find(const Plan *plan, OpId op, int k) {
  const Graph *g = plan->programs[0].graph;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == op && k-- == 0) return id;
  printf("\n  the plan has no such %s\n", op_desc(op)->name);
  exit(1);
}

static uint32_t step_of(const Plan *plan, NodeId id) {
  const PlanProgram *p = &plan->programs[0];
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++)
      if (p->step_nodes[p->steps[s].first + k] == id) return s;
  printf("\n  node %u is in no step\n", id);
  exit(1);
}

static Graph *graph_of(Plan *plan) {
  return plan->programs[0].graph;
}

static void set_attr(Plan *plan, NodeId id, uint32_t attr, int64_t value) {
  Graph *g = graph_of(plan);
  g->int_pool[g->attr_pool[g->nodes[id].attrs + attr].offset] = value;
}

static void set_input(Plan *plan, NodeId id, uint32_t input, NodeId to) {
  Graph *g = graph_of(plan);
  g->input_pool[g->nodes[id].inputs + input] = to;
}

static int64_t *offset(Plan *plan, NodeId id) {
  return &plan->programs[0].node_offset[id];
}

/* Two states, a random site, an image through a convolution (a work buffer), products, a fused
 * group with a sum, a view, commits and outputs. */
static Plan *make_plan(Lab *lab) {
  Emitter *e = &lab->e;
  State states[N_STATES] = {{.dtype = DTYPE_F32, .shape = {2, {64, 64}}},
                            {.dtype = DTYPE_F32, .shape = {4, {16, 3, 3, 3}}}};
  lab_init(lab, DTYPE_F32, 1);
  states[0].name = strings_intern(lab->symbols->strings, "table");
  states[1].name = strings_intern(lab->symbols->strings, "weight");
  Window window = {.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}};
  NodeId table = emit_state(e, 0, DTYPE_F32, &states[0].shape);
  NodeId weight = emit_state(e, 1, DTYPE_F32, &states[1].shape);
  NodeId x = lab_input(lab, DTYPE_F32, 4, (int64_t[]){4, 2, 2, 3});
  NodeId seed = lab_input(lab, DTYPE_I64, 0, NULL), step = lab_input(lab, DTYPE_I64, 0, NULL);
  NodeId noise = emit_random(e, strings_intern(lab->symbols->strings, "noise"), RANDOM_NORMAL, seed,
                             step, DTYPE_F32, &(Shape){2, {4, 64}});
  NodeId y = emit_reshape_dims(e, emit_conv(e, x, weight, &window), 2, (int64_t[]){4, 64});
  NodeId z = emit_add(e, emit_unary(e, OP_TANH, emit_matmul(e, y, table, false, false)), noise);
  NodeId power = emit_unary(e, OP_EXP, z);
  NodeId sum = emit_reduce_sum(e, emit_mul(e, power, z), 3);
  NodeId next = emit_matmul(e, z, power, true, false);
  graph_add_commit(lab->graph, 0, emit_unary(e, OP_TANH, emit_add(e, next, table)));
  graph_add_commit(lab->graph, 1, emit_scale(e, weight, 0.5));
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, "sum"), sum, true);
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, "power"), power, true);
  return program_compile(lab, states, N_STATES);
}

/* ---- graphs ---- */

static void op_zero(Plan *p) {
  graph_of(p)->nodes[find(p, OP_TANH, 0)].op = 0;
}
static void op_unknown(Plan *p) {
  graph_of(p)->nodes[find(p, OP_TANH, 0)].op = 60000;
}
static void op_composite(Plan *p) {
  graph_of(p)->nodes[find(p, OP_TANH, 0)].op = OP_PRIMITIVE_COUNT;
}
static void input_itself(Plan *p) {
  set_input(p, find(p, OP_TANH, 0), 0, find(p, OP_TANH, 0));
}
static void input_later(Plan *p) {
  set_input(p, find(p, OP_TANH, 0), 0, graph_of(p)->n_nodes - 1);
}
static void input_none(Plan *p) {
  set_input(p, find(p, OP_TANH, 0), 0, NODE_NONE);
}
static void input_too_few(Plan *p) {
  graph_of(p)->nodes[find(p, OP_MATMUL, 0)].n_inputs = 1;
}
static void shape_other(Plan *p) {
  graph_of(p)->nodes[find(p, OP_EXP, 0)].shape.dim[0] = 5;
}
static void dtype_other(Plan *p) {
  graph_of(p)->nodes[find(p, OP_EXP, 0)].dtype = DTYPE_F64;
}
static void rule_fails(Plan *p) {
  set_attr(p, find(p, OP_MATMUL, 0), MATMUL_TRANSPOSE_A, 1);
}
static void flag_range(Plan *p) {
  set_attr(p, find(p, OP_MATMUL, 0), MATMUL_TRANSPOSE_A, 2);
}
static void word_range(Plan *p) {
  set_attr(p, find(p, OP_RANDOM, 0), RANDOM_DISTRIBUTION, 2);
}
static void string_range(Plan *p) {
  set_attr(p, find(p, OP_RANDOM, 0), RANDOM_SITE, 1 << 30);
}
static void dtype_range(Plan *p) {
  set_attr(p, find(p, OP_RANDOM, 0), RANDOM_DTYPE, DTYPE_COUNT);
}
static void state_none(Plan *p) {
  set_attr(p, find(p, OP_STATE, 0), STATE_INDEX, N_STATES);
}
static void state_shape(Plan *p) {
  p->states[0].shape.dim[0] = 32;
}
static void commit_twice(Plan *p) {
  graph_add_commit(graph_of(p), 0, graph_of(p)->commits[0].value);
}
static void commit_unknown(Plan *p) {
  graph_of(p)->commits[0].state = N_STATES;
}
static void commit_nothing(Plan *p) {
  graph_of(p)->commits[0].value = graph_of(p)->n_nodes;
}
static void commit_shape(Plan *p) {
  graph_of(p)->commits[0].value = graph_of(p)->commits[1].value;
}
static void site_twice(Plan *p) {
  Graph *g = graph_of(p);
  NodeId id = find(p, OP_RANDOM, 0);
  NodeId inputs[] = {node_input(g, id, 0), node_input(g, id, 1)};
  Node proto = g->nodes[id];
  NodeId twin = graph_append(g, &proto, inputs, 2, NULL, 0, NULL);
  for (uint32_t a = 0; a < op_desc(OP_RANDOM)->n_attrs; a++) {
    uint32_t n;
    int64_t values[8];
    const int64_t *have = node_attr(g, id, a, &n);
    memcpy(values, have, n * sizeof *values);
    graph_append_attr(g, twin, values, n);
  }
}
static void output_nothing(Plan *p) {
  graph_of(p)->outputs[0].node = graph_of(p)->n_nodes;
}
static void output_twice(Plan *p) {
  graph_of(p)->outputs[0].name = graph_of(p)->outputs[1].name;
}

/* ---- steps ---- */

static void step_gap(Plan *p) {
  p->programs[0].steps[1].first++;
}
static void step_empty(Plan *p) {
  p->programs[0].steps[1].count = 0;
}
static void step_missing(Plan *p) {
  PlanProgram *program = &p->programs[0];
  program->n_steps--;
  program->n_step_nodes -= program->steps[program->n_steps].count;
}
static void member_twice(Plan *p) {
  PlanProgram *program = &p->programs[0];
  program->step_nodes[program->n_step_nodes - 1] = program->step_nodes[0];
}
static void member_unknown(Plan *p) {
  p->programs[0].step_nodes[0] = graph_of(p)->n_nodes;
}
static void member_left_over(Plan *p) {
  p->programs[0].n_steps--;
}
static void member_input(Plan *p) {
  PlanProgram *program = &p->programs[0];
  program->step_nodes[program->steps[step_of(p, find(p, OP_CONV, 0))].first] = find(p, OP_INPUT, 0);
}
static void order_swapped(Plan *p) {
  PlanProgram *program = &p->programs[0];
  NodeId a = find(p, OP_CONV, 0), b = find(p, OP_MATMUL, 0);
  uint32_t first = program->steps[step_of(p, a)].first,
           second = program->steps[step_of(p, b)].first;
  program->step_nodes[first] = b;
  program->step_nodes[second] = a;
}
/* The steps of both products become one. */
static void group_of_products(Plan *p) {
  PlanProgram *program = &p->programs[0];
  uint32_t s = step_of(p, find(p, OP_MATMUL, 0));
  program->steps[s].count += program->steps[s + 1].count;
  for (uint32_t k = s + 1; k + 1 < program->n_steps; k++) program->steps[k] = program->steps[k + 1];
  program->n_steps--;
}
/* The elementwise steps of two shapes as one, which its last member makes the shape of. */
static void group_of_shapes(Plan *p) {
  PlanProgram *program = &p->programs[0];
  const Graph *g = program->graph;
  for (uint32_t s = 0; s + 1 < program->n_steps; s++) {
    NodeId a = program->step_nodes[program->steps[s].first];
    NodeId b = program->step_nodes[program->steps[s + 1].first];
    bool fuse = fuse_op_allowed(g, a) && fuse_op_allowed(g, b);
    if (!fuse || shape_equal(fuse_space(g, a), fuse_space(g, b))) continue;
    program->steps[s].count += program->steps[s + 1].count;
    for (uint32_t k = s + 1; k + 1 < program->n_steps; k++)
      program->steps[k] = program->steps[k + 1];
    program->n_steps--;
    return;
  }
  printf("\n  no two elementwise steps follow each other\n");
  exit(1);
}
/* A target whose groups are one smaller than the plan's. */
static void group_too_large(Plan *p) {
  static Target small;
  const PlanProgram *program = &p->programs[0];
  small = *p->target;
  small.fuse.nodes = program->steps[step_of(p, find(p, OP_EXP, 0))].count - 1;
  p->target = &small;
}
static bool no_exp(const Graph *g, NodeId id) {
  return fuse_op_allowed(g, id) && g->nodes[id].op != OP_EXP;
}
static void group_of_others(Plan *p) {
  static Target other;
  other = *p->target;
  other.fusable = no_exp;
  p->target = &other;
}
static void no_offsets(Plan *p) {
  free(p->programs[0].node_offset);
  p->programs[0].node_offset = NULL;
}
static void group_order(Plan *p) {
  PlanProgram *program = &p->programs[0];
  const PlanStep *step = &program->steps[step_of(p, find(p, OP_EXP, 0))];
  NodeId *members = &program->step_nodes[step->first], first = members[0];
  for (uint32_t k = 0; k + 1 < step->count; k++) members[k] = members[k + 1];
  members[step->count - 1] = first;
}

/* ---- bytes ---- */

static void offset_odd(Plan *p) {
  *offset(p, find(p, OP_MATMUL, 0)) += 4;
}
static void offset_negative(Plan *p) {
  *offset(p, find(p, OP_MATMUL, 0)) = -64;
}
static void offset_beyond(Plan *p) {
  *offset(p, find(p, OP_MATMUL, 0)) = p->state_bytes + p->programs[0].scratch_bytes;
}
static void offset_huge(Plan *p) {
  *offset(p, find(p, OP_MATMUL, 0)) = INT64_MAX - 63;
}
static void offset_in_state(Plan *p) {
  *offset(p, find(p, OP_MATMUL, 0)) = p->state_offset[0];
}
static void offset_of_state(Plan *p) {
  *offset(p, find(p, OP_STATE, 0)) += 64;
}
static void offset_of_view(Plan *p) {
  *offset(p, find(p, OP_RESHAPE, 0)) += 64;
}
static void offset_of_view_huge(Plan *p) {
  *offset(p, find(p, OP_RESHAPE, 0)) = INT64_MAX - 63;
}
static void not_stored(Plan *p) {
  *offset(p, find(p, OP_MATMUL, 0)) = OFFSET_NONE;
}
static void not_stored_for_view(Plan *p) {
  *offset(p, find(p, OP_CONV, 0)) = OFFSET_NONE;
}
/* Its step stores other values, so that only the reader misses it. */
static void read_not_stored(Plan *p) {
  *offset(p, find(p, OP_EXP, 0)) = OFFSET_NONE;
}
/* The noise takes the place of the value that the product reads after it. */
static void overlap_alive(Plan *p) {
  NodeId conv = find(p, OP_CONV, 0), noise = find(p, OP_RANDOM, 0);
  bool later = step_of(p, noise) > step_of(p, conv);
  NodeId victim = later ? conv : noise, other = later ? noise : conv;
  *offset(p, other) = *offset(p, victim);
  if (!later) *offset(p, find(p, OP_RESHAPE, 0)) = *offset(p, conv);
}
static void overlap_operand(Plan *p) {
  NodeId product = find(p, OP_MATMUL, 0);
  *offset(p, product) = *offset(p, node_input(graph_of(p), product, 0));
}
static void overlap_output(Plan *p) {
  *offset(p, graph_of(p)->outputs[0].node) = *offset(p, graph_of(p)->outputs[1].node);
}
static void work_small(Plan *p) {
  p->programs[0].steps[step_of(p, find(p, OP_CONV, 0))].work_bytes -= 64;
}
static void work_outside(Plan *p) {
  p->programs[0].steps[step_of(p, find(p, OP_CONV, 0))].work_offset =
      p->state_bytes + p->programs[0].scratch_bytes;
}
static void work_huge(Plan *p) {
  p->programs[0].steps[step_of(p, find(p, OP_CONV, 0))].work_offset = INT64_MAX - 63;
}
static void work_endless(Plan *p) {
  p->programs[0].steps[step_of(p, find(p, OP_CONV, 0))].work_bytes = INT64_MAX;
}
static void work_over_operand(Plan *p) {
  NodeId conv = find(p, OP_CONV, 0);
  p->programs[0].steps[step_of(p, conv)].work_offset = *offset(p, node_input(graph_of(p), conv, 0));
}
static void work_over_result(Plan *p) {
  NodeId conv = find(p, OP_CONV, 0);
  PlanStep *step = &p->programs[0].steps[step_of(p, conv)];
  step->work_offset = *offset(p, conv);
  *offset(p, node_input(graph_of(p), conv, 0)) = p->state_bytes + p->programs[0].scratch_bytes;
  p->programs[0].scratch_bytes += 64 * 64; /* the image moves out of the way */
}
static void commit_bare(Plan *p) {
  Graph *g = graph_of(p);
  *offset(p, g->commits[0].value) = p->state_bytes + p->programs[0].scratch_bytes;
  p->programs[0].scratch_bytes += 64 * 64 * 4; /* a place for what the state was to hold */
  for (int k = 0; k < N_STATES; k++)
    if (node_attr_int(g, find(p, OP_STATE, k), STATE_INDEX) == g->commits[0].state)
      g->commits[0].value = find(p, OP_STATE, k);
}
static void state_misplaced(Plan *p) {
  p->state_offset[1] = p->state_offset[0];
}
static void state_odd(Plan *p) {
  p->state_offset[1] += 4;
}
static void state_beyond(Plan *p) {
  p->state_offset[1] = p->state_bytes;
}
static void state_huge(Plan *p) {
  p->state_offset[1] = INT64_MAX - 63;
}

/* ---- totals ---- */

static void macs_other(Plan *p) {
  p->programs[0].macs++;
}
static void bound_other(Plan *p) {
  p->programs[0].lower_bound = p->programs[0].scratch_bytes + 64;
}
static void bound_less(Plan *p) {
  p->programs[0].lower_bound -= 64;
}
static void scratch_negative(Plan *p) {
  p->programs[0].scratch_bytes = -64;
}
static void scratch_huge(Plan *p) {
  p->programs[0].scratch_bytes = INT64_MAX;
}
static void scratch_more(Plan *p) {
  p->programs[0].scratch_bytes += 64;
}
static void peak_beyond(Plan *p) {
  p->programs[0].peak_step = p->programs[0].n_steps;
}
static void state_bytes_huge(Plan *p) {
  p->state_bytes = INT64_MAX;
}

/* ---- streams ---- */

static int64_t some_work(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                         const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  return target_cpu.work_bytes(g, nodes, n_nodes, outputs, n_outputs, shards) + 64;
}

/* Two branches of products that meet, on two streams, and two collectives, on a third. */
static Plan *make_streams(Lab *lab) {
  static Target wide;
  wide = program_wide();
  wide.work_bytes = some_work;
  Emitter *e = &lab->e;
  State state = {.dtype = DTYPE_F32, .shape = {2, {64, 64}}};
  lab_init(lab, DTYPE_F32, 1);
  state.name = strings_intern(lab->symbols->strings, "table");
  NodeId w = emit_state(e, 0, DTYPE_F32, &state.shape);
  NodeId x = lab_input(lab, DTYPE_F32, 2, (int64_t[]){64, 64}), left = x, right = w;
  for (int i = 0; i < 4; i++) left = emit_matmul(e, left, i ? left : w, false, false);
  for (int i = 0; i < 4; i++) right = emit_matmul(e, right, i ? right : x, false, true);
  NodeId sum = emit_all_reduce(e, right, 1);
  NodeId both = emit_matmul(e, left, right, false, false);
  NodeId sums = emit_all_gather(e, both, 1);
  graph_add_commit(lab->graph, 0, emit_matmul(e, both, both, false, false));
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, "sum"), sum, true);
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, "sums"), sums, true);
  return program_compile_for(lab, &state, 1, &wide);
}

/* The first step, from `s` on, of the stream, or that waits. */
static uint32_t on_stream(const Plan *p, uint32_t stream, uint32_t s) {
  while (p->programs[0].steps[s].stream != stream) s++;
  return s;
}
static PlanStep *waiting(Plan *p) {
  PlanStep *step = p->programs[0].steps;
  while (!step->n_waits) step++;
  return step;
}
static uint32_t *first_wait(Plan *p) {
  return &p->programs[0].waits[waiting(p)->first_wait];
}
static NodeId made_by(const Plan *p, uint32_t s) {
  return p->programs[0].step_nodes[p->programs[0].steps[s].first];
}

static void stream_unknown(Plan *p) {
  p->programs[0].steps[0].stream = target_streams(p->target);
}
static void wait_for_later(Plan *p) {
  *first_wait(p) = (uint32_t)(waiting(p) - p->programs[0].steps);
}
static void wait_for_own(Plan *p) {
  uint32_t stream = waiting(p)->stream;
  *first_wait(p) = on_stream(p, stream, 0);
}
static void wait_of_other(Plan *p) {
  waiting(p)->first_wait++;
}
static void wait_not_there(Plan *p) {
  waiting(p)->n_waits = 100;
}
static void wait_of_nobody(Plan *p) {
  p->programs[0].n_joins++;
}
/* The product of both branches does not wait for the other one. */
static void wait_missing(Plan *p) {
  PlanProgram *program = &p->programs[0];
  PlanStep *step =
      &program->steps[step_of(p, node_input(program->graph, find(p, OP_ALL_GATHER, 0), 0))];
  uint32_t at = step->first_wait;
  step->n_waits--;
  memmove(&program->waits[at], &program->waits[at + 1],
          (--program->n_waits - at) * sizeof *program->waits);
  while (++step < &program->steps[program->n_steps]) step->first_wait--;
}
static void end_for_own(Plan *p) {
  p->programs[0].waits[p->programs[0].n_waits - 1] = 0;
}
static void end_missing(Plan *p) {
  p->programs[0].n_waits -= p->programs[0].n_joins;
  p->programs[0].n_joins = 0;
}
static void meets_elsewhere(Plan *p) {
  PlanProgram *program = &p->programs[0];
  uint32_t s = step_of(p, find(p, OP_ALL_GATHER, 0));
  program->steps[s].stream--;
  program->n_joins = 0; /* what the end waits for is looked at later */
  program->n_waits = 0;
  for (uint32_t k = 0; k < program->n_steps; k++) program->steps[k].n_waits = 0;
}
/* The second product of one branch lies where the first of the other lay: by the order of steps
 * that has been read, but nobody waited for who read it. */
static void place_in_use(Plan *p) {
  uint32_t left = on_stream(p, 0, 0), right = on_stream(p, 1, 0);
  bool swapped = left > right;
  uint32_t early = swapped ? right : left, late = on_stream(p, swapped ? 0 : 1, early);
  *offset(p, made_by(p, on_stream(p, p->programs[0].steps[late].stream, late + 1))) =
      *offset(p, made_by(p, early));
}
static void work_in_use(Plan *p) {
  uint32_t left = on_stream(p, 0, 0), right = on_stream(p, 1, 0);
  uint32_t early = left < right ? left : right, late = left < right ? right : left;
  p->programs[0].steps[late].work_offset = p->programs[0].steps[early].work_offset;
}

#define ROW(F, TEXT)                                                                               \
  { #F, F, TEXT }
typedef struct Row {
  const char *name;
  void (*change)(Plan *plan);
  const char *message;
} Row;
static const Row rows[] = {
    ROW(op_zero, "is no primitive"),
    ROW(op_unknown, "is no primitive"),
    ROW(op_composite, "is no primitive"),
    ROW(input_itself, "ids are not topological"),
    ROW(input_later, "ids are not topological"),
    ROW(input_none, "ids are not topological"),
    ROW(input_too_few, "2 are needed"),
    ROW(shape_other, "is not the inferred one"),
    ROW(dtype_other, "is not the inferred one"),
    ROW(rule_fails, "rows"),
    ROW(flag_range, "an attribute is out of range"),
    ROW(word_range, "an attribute is out of range"),
    ROW(string_range, "an attribute is out of range"),
    ROW(dtype_range, "an attribute is out of range"),
    ROW(state_none, "reads a state that does not exist"),
    ROW(state_shape, "disagrees with its state"),
    ROW(commit_twice, "is committed twice"),
    ROW(commit_unknown, "names nothing"),
    ROW(commit_nothing, "names nothing"),
    ROW(commit_shape, "has another shape"),
    ROW(site_twice, "random site is another node's"),
    ROW(output_nothing, "names nothing"),
    ROW(output_twice, "exists twice"),
    ROW(step_gap, "does not follow the last"),
    ROW(step_empty, "does not follow the last"),
    ROW(step_missing, "is never executed"),
    ROW(member_twice, "a member is wrong"),
    ROW(member_unknown, "a member is wrong"),
    ROW(member_left_over, "members outside of all kernels"),
    ROW(member_input, "is never executed"),
    ROW(order_swapped, "before it is computed"),
    ROW(group_of_products, "cannot be in a group"),
    ROW(group_of_shapes, "is of another shape than its group"),
    ROW(group_too_large, "is in a group larger than the target's kernels take"),
    ROW(group_of_others, "is in a group, which the target's kernels do not take"),
    ROW(no_offsets, "has no offsets"),
    ROW(group_order, "reads a member that follows it"),
    ROW(offset_odd, "is not aligned"),
    ROW(offset_negative, "is not aligned"),
    ROW(offset_beyond, "lies outside of the arena"),
    ROW(offset_huge, "lies outside of the arena"),
    ROW(offset_in_state, "lies outside of the arena"),
    ROW(offset_of_state, "is not where its state lies"),
    ROW(offset_of_view, "is not where its operand lies"),
    ROW(offset_of_view_huge, "is not where its operand lies"),
    ROW(not_stored, "stores nothing"),
    ROW(not_stored_for_view, "is not where its operand lies"),
    ROW(read_not_stored, "is read but not stored"),
    ROW(overlap_alive, "after its bytes were overwritten"),
    ROW(overlap_operand, "overwrites an operand of its kernel"),
    ROW(overlap_output, "shares bytes with another result of its kernel"),
    ROW(work_small, "work buffer is too small"),
    ROW(work_outside, "work buffer lies outside of the arena"),
    ROW(work_huge, "work buffer lies outside of the arena"),
    ROW(work_endless, "work buffer lies outside of the arena"),
    ROW(work_over_operand, "lies in the work buffer"),
    ROW(work_over_result, "shares bytes with the work buffer"),
    ROW(commit_bare, "is committed without a copy"),
    ROW(state_misplaced, "lies in the wrong place"),
    ROW(state_odd, "lies in the wrong place"),
    ROW(state_beyond, "lies in the wrong place"),
    ROW(state_huge, "lies in the wrong place"),
    ROW(macs_other, "do not add up"),
    ROW(bound_other, "do not add up"),
    ROW(bound_less, "do not add up"),
    ROW(scratch_negative, "is out of range"),
    ROW(scratch_huge, "is out of range"),
    ROW(scratch_more, "do not add up"),
    ROW(peak_beyond, "do not add up"),
    ROW(state_bytes_huge, "is out of range"),
};

static const Row stream_rows[] = {
    ROW(stream_unknown, "its stream is none of the target's"),
    ROW(wait_for_later, "waits for a kernel that does not come before it"),
    ROW(wait_for_own, "waits for a kernel of its own stream"),
    ROW(wait_of_other, "its waits are others'"),
    ROW(wait_not_there, "its waits are not there"),
    ROW(wait_of_nobody, "there are waits of nobody"),
    ROW(wait_missing, "may read a value of another stream before it is computed"),
    ROW(end_for_own, "the end waits for no kernel of another stream"),
    ROW(end_missing, "the program may end before it has run"),
    ROW(meets_elsewhere, "ranks meet on another stream than before"),
    ROW(place_in_use, "is written where another stream may still read or write"),
    ROW(work_in_use, "its work buffer may still be in use on another stream"),
};

static void check_rows(const Row *row, size_t n, Plan *(*make)(Lab *lab)) {
  for (size_t i = 0; i < n; i++) {
    Lab lab;
    Plan *plan = make(&lab);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    row[i].change(plan);
    Status status = verify_plan(plan, "plan", lab.diag);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    diag_print(lab.diag, out);
    fclose(out);
    bool good = status == STATUS_INVALID && strstr(text, row[i].message);
    if (!good) printf("\n  %s: status %d, %s", row[i].name, status, text);
    CU_ASSERT(good);
    free(text);
    program_release(plan);
    lab_free(&lab);
  }
}

static void test_broken(void) {
  check_rows(rows, sizeof rows / sizeof *rows, make_plan);
  check_rows(stream_rows, sizeof stream_rows / sizeof *stream_rows, make_streams);
}

/* The waits of a plan are needed, each of them; one more that follows from others is counted. */
static void test_needless(void) {
  Lab lab;
  Plan *plan = make_streams(&lab);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  PlanProgram *p = &plan->programs[0];
  CU_ASSERT_EQUAL(plan_streams(p), 3);
  CU_ASSERT(program_needs_waits(plan, lab.diag));
  uint32_t *more = calloc(p->n_waits + 1, sizeof *more), last = p->waits[p->n_waits - 1];
  memcpy(more, p->waits, p->n_waits * sizeof *more);
  free(p->waits);
  p->waits = more;
  while (p->steps[last].stream == 0 ||
         p->steps[last].stream == p->steps[more[p->n_waits - 1]].stream)
    last--;
  more[p->n_waits++] = last;
  p->n_joins++;
  CU_ASSERT_EQUAL(verify_plan(plan, "plan", lab.diag), STATUS_OK);
  CU_ASSERT_EQUAL(verify_needless_waits(p), 1);
  program_release(plan);
  lab_free(&lab);
}

static void test_valid(void) {
  Lab lab;
  Plan *plan = make_plan(&lab);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  CU_ASSERT_EQUAL(verify_plan(plan, "plan", lab.diag), STATUS_OK);
  program_release(plan);
  lab_free(&lab);
}

LAB_MAIN("verify", {"a valid plan", test_valid}, {"broken plans", test_broken},
         {"needless waits", test_needless})
