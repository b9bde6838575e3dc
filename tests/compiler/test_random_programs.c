/* Random programs through all passes: several steps over states that read and overwrite each other.
 *
 * What fusion, the order, in-place results, commits into states and offsets may get wrong shows as
 * a number that the reference, which knows none of it, does not find.  What streams and waits may
 * get wrong shows on the toy device, which runs commands late, in any order that waits allow. */
#include "tests/compiler/program_lab.h"
#include "tests/kernels/toy/toy.h"
#include "tests/values.h"

#define POOL_MAX 80
#define STATES_MAX 5
#define STEPS 3

typedef struct Maker {
  Lab *lab;
  NodeId pool[POOL_MAX];
  uint32_t n;
  State states[STATES_MAX];
  NodeId state_nodes[STATES_MAX];
  uint32_t n_states;
} Maker;

static Shape random_shape(Lab *lab) {
  static const int64_t lengths[] = {1, 2, 3, 6, 17, 40};
  Shape s = {.rank = (uint8_t)lab_pick(lab, 4)};
  for (int i = 0; i < s.rank; i++) s.dim[i] = lengths[lab_pick(lab, 6)];
  return s;
}

static NodeId pick(Maker *m) {
  return m->pool[lab_pick(m->lab, m->n)];
}

static void put(Maker *m, NodeId id) {
  if (id && shape_count(emit_shape(&m->lab->e, id)) <= 20000)
    m->pool[m->n < POOL_MAX ? m->n++ : lab_pick(m->lab, POOL_MAX)] = id;
}

/* A value of the wanted shape, made of any value.  `wanted` may lie in the graph, whose nodes move
 * when it grows. */
static NodeId fit(Maker *m, NodeId a, const Shape *wanted) {
  Emitter *e = &m->lab->e;
  Shape copy = *wanted, *shape = &copy;
  if (shape_equal(emit_shape(e, a), shape)) return a;
  if (shape_count(emit_shape(e, a)) == shape_count(shape)) return emit_reshape(e, a, shape);
  Shape ones = {.rank = shape->rank};
  for (int i = 0; i < ones.rank; i++) ones.dim[i] = 1;
  NodeId sum = emit_mean(e, a, AXES_ALL);
  return emit_broadcast(e, emit_reshape(e, sum, &ones), shape);
}

static NodeId make_unary(Maker *m) {
  static const OpId ops[] = {OP_NEG, OP_ABS, OP_TANH, OP_SIN, OP_COS, OP_STOP_GRADIENT};
  OpId op = ops[lab_pick(m->lab, 6)];
  return op == OP_STOP_GRADIENT ? emit_stop_gradient(&m->lab->e, pick(m))
                                : emit_unary(&m->lab->e, op, pick(m));
}

static NodeId make_binary(Maker *m) {
  static const OpId ops[] = {OP_ADD, OP_SUB, OP_MUL};
  NodeId a = pick(m);
  NodeId b = fit(m, pick(m), emit_shape(&m->lab->e, a));
  return emit_unary(&m->lab->e, OP_TANH, emit_binary(&m->lab->e, ops[lab_pick(m->lab, 3)], a, b));
}

static NodeId make_select(Maker *m) {
  NodeId a = pick(m);
  Shape shape = *emit_shape(&m->lab->e, a);
  NodeId b = fit(m, pick(m), &shape), c = lab_input(m->lab, DTYPE_F64, shape.rank, shape.dim);
  /* Conditions are of inputs: rounding moves nothing across a threshold. */
  return emit_select(&m->lab->e, emit_less(&m->lab->e, emit_constant_like(&m->lab->e, 0, c), c), b,
                     a);
}

static NodeId make_mean(Maker *m) {
  NodeId a = pick(m);
  return emit_mean(&m->lab->e, a, (uint32_t)lab_pick(m->lab, 16));
}

static NodeId make_variance(Maker *m) {
  NodeId a = pick(m);
  uint32_t axes = (uint32_t)lab_pick(m->lab, 16);
  return emit_variance(&m->lab->e, a, emit_mean(&m->lab->e, a, axes), axes);
}

static NodeId make_move(Maker *m) {
  Emitter *e = &m->lab->e;
  NodeId a = pick(m);
  Shape s = *emit_shape(e, a);
  int64_t zero[RANK_MAX] = {0}, axes[RANK_MAX], one[RANK_MAX];
  for (int i = 0; i < s.rank; i++) {
    axes[i] = s.rank - 1 - i;
    one[i] = 1;
  }
  if (s.rank == 0) return a;
  int64_t axis = lab_pick(m->lab, s.rank), half = (s.dim[axis] + 1) / 2;
  NodeId parts[] = {a, emit_slice_axis(e, a, axis, 0, half), a};
  switch (lab_pick(m->lab, 5)) {
  case 0:
    return emit_transpose(e, a, axes);
  case 1:
    return parts[1];
  case 2:
    return emit_pad(e, a, zero, one);
  case 3:
    return emit_concat(e, parts, 3, axis);
  default:
    return emit_copy(e, a);
  }
}

static NodeId make_leaf(Maker *m) {
  Emitter *e = &m->lab->e;
  Shape s = random_shape(m->lab);
  double list[3] = {0.5, -1, 2};
  Shape three = {1, {3}};
  switch (lab_pick(m->lab, 4)) {
  case 0:
    return s.rank ? emit_unary(e, OP_SIN, emit_iota(e, lab_pick(m->lab, s.rank), DTYPE_F64, &s))
                  : NODE_NONE;
  case 1:
    return emit_constant(e, lab_uniform(m->lab), DTYPE_F64, &s);
  case 2:
    return emit_constant_list(e, list, DTYPE_F64, &three);
  default:
    return lab_input(m->lab, DTYPE_F64, s.rank, s.dim);
  }
}

static NodeId make_product(Maker *m) {
  Emitter *e = &m->lab->e;
  NodeId a = pick(m);
  const Shape *s = emit_shape(e, a);
  if (s->rank != 2) return NODE_NONE;
  return emit_scale(e, emit_matmul(e, a, a, true, false), 1.0 / (double)s->dim[0]);
}

static NodeId make_rows(Maker *m) {
  Emitter *e = &m->lab->e;
  NodeId a = pick(m);
  if (emit_shape(e, a)->rank == 0) return NODE_NONE;
  Shape s = *emit_shape(e, a);
  NodeId best = emit_arg_max(e, lab_input(m->lab, DTYPE_F64, s.rank, s.dim), s.rank - 1);
  return emit_pick(e, a, best, s.rank - 1);
}

static void make_states(Maker *m) {
  m->n_states = (uint32_t)lab_pick(m->lab, STATES_MAX + 1);
  Shape shared = random_shape(m->lab);
  for (uint32_t i = 0; i < m->n_states; i++) {
    char name[16];
    snprintf(name, sizeof name, "state%u", i);
    m->states[i] = (State){.name = strings_intern(m->lab->symbols->strings, name),
                           .dtype = DTYPE_F64,
                           .shape = lab_pick(m->lab, 3) ? shared : random_shape(m->lab)};
    m->state_nodes[i] = emit_state(&m->lab->e, i, DTYPE_F64, &m->states[i].shape);
    put(m, m->state_nodes[i]);
  }
}

static void make_ends(Maker *m) {
  Graph *g = m->lab->graph;
  for (uint32_t i = 0; i < m->n_states; i++) {
    NodeId value = lab_pick(m->lab, 4)
                       ? m->pool[m->n - 1 - (uint32_t)lab_pick(m->lab, m->n / 2 + 1)]
                       : pick(m);
    if (lab_pick(m->lab, 5) == 0) continue;
    graph_add_commit(g, i, fit(m, value, &m->states[i].shape));
  }
  for (int64_t i = 0, n = 1 + lab_pick(m->lab, 4); i < n; i++) {
    char name[16];
    snprintf(name, sizeof name, "out%d", (int)i);
    graph_add_output(g, strings_intern(m->lab->symbols->strings, name), pick(m), true);
  }
}

static void make_program(Maker *m) {
  static NodeId (*const makers[])(Maker *) = {make_unary, make_binary,   make_binary, make_select,
                                              make_mean,  make_variance, make_move,   make_leaf,
                                              make_move,  make_product,  make_rows,   make_binary};
  make_states(m);
  for (int i = 0; i < 2; i++) {
    Shape s = random_shape(m->lab);
    put(m, lab_input(m->lab, DTYPE_F64, s.rank, s.dim));
  }
  bool again = lab_pick(m->lab, 2);
  for (int64_t i = 0, n = 5 + lab_pick(m->lab, lab_pick(m->lab, 10) ? 40 : 400); i < n; i++) {
    uint64_t state = m->lab->state;
    int64_t maker = lab_pick(m->lab, sizeof makers / sizeof *makers);
    NodeId value = makers[maker](m);
    uint64_t next = m->lab->state;
    if (!again || makers[maker] == make_leaf || makers[maker] == make_rows) {
      put(m, value);
      continue;
    }
    /* The same once more, as a value that is computed anew. */
    m->lab->e.stamp.epoch = (uint32_t)(i % 3);
    m->lab->state = state;
    lab_pick(m->lab, sizeof makers / sizeof *makers);
    NodeId clone = makers[maker](m);
    m->lab->state = next;
    m->lab->e.stamp.epoch = 0;
    put(m, value);
    put(m, clone);
  }
  make_ends(m);
}

static bool same(const Maker *m, NodeId want, const Tensor *have, const char *what, int step) {
  double error = lab_error(m->lab, want, have->data, 1);
  if (error <= 1e-9) return true;
  printf("\n  %s (%s) differs in step %d by %g\n", what,
         op_desc(m->lab->graph->nodes[want].op)->name, step, error);
  return false;
}

/* The reference's next values of the states. */
static void reference_commit(Maker *m) {
  const Graph *g = m->lab->graph;
  void *next[STATES_MAX] = {0};
  for (uint32_t i = 0; i < g->n_commits; i++) {
    size_t bytes = lab_bytes(m->lab, g->commits[i].value);
    next[i] = malloc(bytes);
    memcpy(next[i], m->lab->values[g->commits[i].value], bytes);
  }
  for (uint32_t i = 0; i < g->n_commits; i++) {
    NodeId node = m->state_nodes[g->commits[i].state];
    memcpy(m->lab->values[node], next[i], lab_bytes(m->lab, node));
    free(next[i]);
  }
}

static bool run_steps(Maker *m, Executor *executor) {
  const Graph *g = m->lab->graph;
  bool good = true;
  for (uint32_t i = 0; i < m->n_states; i++)
    memcpy(value_state(executor, i).data, lab_value(m->lab, m->state_nodes[i]),
           lab_bytes(m->lab, m->state_nodes[i]));
  values_send(executor);
  for (int step = 0; step < STEPS && good; step++) {
    good = lab_reference(m->lab) == STATUS_OK;
    program_feed(m->lab, executor);
    good = good && executor_run(executor, 0, m->lab->diag) == STATUS_OK;
    for (uint32_t i = 0; good && i < g->n_outputs; i++) {
      Tensor t = value_output(executor, 0, i);
      good = same(m, g->outputs[i].node, &t, "an output", step);
    }
    reference_commit(m);
    for (uint32_t i = 0; good && i < m->n_states; i++) {
      Tensor t = value_state(executor, i);
      good = same(m, m->state_nodes[i], &t, "a state", step);
    }
  }
  return good;
}

static uint32_t n_waits, n_waiting; /* waits of all programs; programs that have some */

/* The same program for a target with several streams: each wait is needed, and the toy, in an order
 * of its own, finds the reference's numbers and no fault. */
static bool on_streams(Maker *m, uint64_t seed, const DeviceTable *toy, ToyControl *control) {
  static Target wide;
  Backend backend = *toy->backend;
  DeviceTable table = *toy;
  Executor *executor = NULL;
  wide = program_wide();
  wide.in_place = seed % 2;
  backend.target = &wide;
  table.backend = &backend;
  *control = (ToyControl){.order = (ToyOrder)(seed % 3), .seed = seed, .quiet = true};
  Plan *plan = program_compile_for(m->lab, m->states, m->n_states, &wide);
  ExecutorOptions options = {.threads = 1, .program = EXECUTOR_ALL, .device = &table};
  bool good = plan && program_needs_waits(plan, m->lab->diag) &&
              executor_create_with(plan, &options, m->lab->diag, &executor) == STATUS_OK &&
              run_steps(m, executor);
  executor_destroy(executor);
  good = good && control->faults == 0 && control->alive == 0 && control->loose == 0;
  if (!good) printf("\n  on streams: %s, %u loose ends", control->fault, control->loose);
  n_waits += plan ? plan->programs[0].n_waits : 0;
  n_waiting += plan && plan->programs[0].n_waits;
  program_release(plan);
  return good;
}

static bool random_program(uint64_t seed, const DeviceTable *toy) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, seed);
  Maker m = {.lab = &lab};
  lab.shards = (uint32_t)(1 + lab_pick(&lab, 4));
  make_program(&m);
  Executor *executor = NULL;
  bool good = lab.e.status == STATUS_OK;
  Plan *plan = good ? program_compile(&lab, m.states, m.n_states) : NULL;
  good = plan && executor_create(plan, 1 + seed % 2, lab.diag, &executor) == STATUS_OK &&
         executor_prepare(executor, 0, lab.diag) == STATUS_OK && run_steps(&m, executor);
  executor_destroy(executor);
  program_release(plan);
  if (good && seed % 4 == 0) good = on_streams(&m, seed, toy, toy_control(toy));
  if (!good) {
    printf("\n  seed %llu\n", (unsigned long long)seed);
    diag_print(lab.diag, stdout);
  }
  lab_free(&lab);
  return good;
}

static void test_random(void) {
  const DeviceTable *toy = toy_device();
  CU_ASSERT_PTR_NOT_NULL_FATAL(toy_control(toy));
  for (uint64_t seed = 1; seed <= 3000; seed++) CU_ASSERT(random_program(seed, toy));
  printf("(%u waits in %u programs) ", n_waits, n_waiting);
  CU_ASSERT(n_waiting > 300);
}

LAB_MAIN("random programs", {"random programs", test_random})
