/* The whole CDVM objective against central differences, orders 1 and 2 (row 15 of the targets), and
 * its fields against the same written without reversal nodes.
 *
 * F is no gradient of L: with D the classifiers of domains and c = alpha w_inv it is
 * grad(L - c L_inv) + c grad_D L_inv - lambda c grad_{not D} L_inv, and each term is a slope.  JTv
 * is the gradient of <F(theta), v>. */
#include "tests/oracle/step_graph.h"

#define TOLERANCE 1e-7
#define C 0.5 /* alpha w_inv */
#define STEP "step/cuhk03"

/* ---- directions ---- */

typedef struct Move {
  NodeId *nodes;
  double **along; /* NULL: it stays */
  uint32_t *parameter, n;
  bool masks_only;
} Move;

/* Where parameter k enters: theta's state, or theta'. */
static NodeId entry(const StepGraph *s, uint32_t k, bool updated) {
  const Graph *g = s->lab.graph;
  if (updated) return step_output(s, "theta1:", step_parameter(s, k));
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_STATE && node_attr_int(g, id, STATE_INDEX) == (int64_t)s->states[k])
      return s->lab.values[id] ? id : NODE_NONE;
  return NODE_NONE;
}

/* Random, each about a twentieth of its tensor's size. */
static double *direction(StepGraph *s, NodeId id) {
  int64_t count = shape_count(&s->lab.graph->nodes[id].shape);
  const double *value = s->lab.values[id];
  double square = 0, *along = calloc((size_t)count, sizeof *along);
  for (int64_t i = 0; i < count; i++) square += value[i] * value[i];
  double size = 0.05 * (square > 0 ? sqrt(square / (double)count) : 1);
  for (int64_t i = 0; i < count; i++) along[i] = size * (2 * lab_uniform(&s->lab) - 1);
  return along;
}

/* Moves the parameters whose names hold `part`. */
static void move_parameters(StepGraph *s, Move *m, bool updated, const char *part) {
  for (uint32_t k = 0; k < s->n; k++) {
    NodeId id = entry(s, k, updated);
    if (!id || !strstr(step_parameter(s, k), part)) continue;
    m->nodes[m->n] = id;
    m->along[m->n] = direction(s, id);
    m->parameter[m->n++] = k;
  }
}

/* Holds theta': what moves theta does not move it. */
static void hold_updated(StepGraph *s, Move *m) {
  for (uint32_t k = 0; k < s->n; k++) {
    NodeId id = entry(s, k, true);
    if (id) m->nodes[m->n++] = id;
  }
}

static Move move_create(StepGraph *s, uint64_t seed, bool masks_only) {
  size_t n = 2 * (size_t)s->n + 1;
  s->lab.state = seed * 0x9E3779B97F4A7C15u + 1;
  return (Move){calloc(n, sizeof(NodeId)), calloc(n, sizeof(double *)), calloc(n, sizeof(uint32_t)),
                0, masks_only};
}

static void move_free(Move *m) {
  for (uint32_t i = 0; i < m->n; i++) free(m->along[i]);
  free(m->nodes);
  free(m->along);
  free(m->parameter);
}

/* ---- slopes ---- */

typedef enum Group { ALL, CLASSIFIERS, OTHERS } Group;

static bool in_group(const StepGraph *s, uint32_t k, Group group) {
  bool classifier = strstr(step_parameter(s, k), "/dom/") != NULL;
  return group == ALL || classifier == (group == CLASSIFIERS);
}

/* A sum over nodes of <weights, value>. */
typedef struct Function {
  NodeId *targets;
  const double **weights;
  uint32_t n;
} Function;

static Replay replay_of(StepGraph *s, const Function *f, const Move *m) {
  return (Replay){.lab = &s->lab,
                  .targets = f->targets,
                  .weights = f->weights,
                  .n_targets = f->n,
                  .moving = m->nodes,
                  .n_moving = m->n,
                  .masks_only = m->masks_only};
}

/* The slope of the function along the move's parameters of one group.  The others of the move stay,
 * and so does what hangs on them alone; what the move holds (no direction) is held. */
static double slope(StepGraph *s, const Function *f, const Move *m, Group group) {
  const double **along = calloc(m->n + 1, sizeof *along);
  NodeId *nodes = calloc(m->n + 1, sizeof *nodes);
  Move part = {.nodes = nodes, .masks_only = m->masks_only};
  bool moves = false;
  for (uint32_t i = 0; i < m->n; i++) {
    if (m->along[i] && !in_group(s, m->parameter[i], group)) continue;
    along[part.n] = m->along[i];
    nodes[part.n++] = m->nodes[i];
    moves |= m->along[i] != NULL;
  }
  Replay r = replay_of(s, f, &part);
  replay_start(&r);
  double result = moves ? replay_slope(&r, along) : 0;
  replay_free(&r);
  free(nodes);
  free(along);
  return result;
}

/* grad(L - c L_inv) + c grad_D L_inv - lambda c grad_{not D} L_inv along the move: L along D, and
 * L - (1 + lambda) c L_inv along what is not D. */
static double field_slope(StepGraph *s, const char *pass, const Move *m) {
  NodeId scalars[2] = {step_output(s, pass, "/total"), step_output(s, pass, "/inv")};
  static const double reversed = -(1 + STEP_LAMBDA) * C;
  const double *weights[2] = {NULL, &reversed};
  CU_ASSERT_FATAL(scalars[0] != NODE_NONE && scalars[1] != NODE_NONE);
  Function total = {scalars, weights, 1}, rest = {scalars, weights, 2};
  return slope(s, &total, m, CLASSIFIERS) + slope(s, &rest, m, OTHERS);
}

/* <F(theta), v> with v as it is.  The caller frees both arrays. */
static Function product(const StepGraph *s) {
  Function f = {calloc(s->n, sizeof *f.targets), calloc(s->n, sizeof *f.weights), 0};
  for (uint32_t k = 0; k < s->n; k++) {
    NodeId id = step_output(s, "F:", step_parameter(s, k));
    const double *v = step_field(s, "v:", k);
    if (!id || !v) continue;
    f.targets[f.n] = id;
    f.weights[f.n++] = v;
  }
  CU_ASSERT_FATAL(f.n > 0);
  return f;
}

static double product_slope(StepGraph *s, const Move *m) {
  Function f = product(s);
  double result = slope(s, &f, m, ALL);
  free(f.targets);
  free(f.weights);
  return result;
}

/* ---- comparison ---- */

static double worst;
static uint32_t compared;

/* The field's component along the move against the slope.  Where both nearly vanish, what such a
 * component measures in an unrelated direction says how exactly they must agree. */
static void compare(const StepGraph *s, const char *field, const Move *m, double want,
                    const char *part) {
  double have = 0, squares = 0;
  for (uint32_t i = 0; i < m->n; i++) {
    const double *value = m->along[i] ? step_field(s, field, m->parameter[i]) : NULL;
    int64_t count = shape_count(&s->lab.graph->nodes[m->nodes[i]].shape);
    for (int64_t j = 0; value && j < count; j++) {
      double term = value[j] * m->along[i][j];
      have += term;
      squares += term * term;
    }
  }
  double error = fabs(have - want) / fmax(fabs(have), sqrt(squares));
  bool good = squares > 0 && error <= TOLERANCE;
  if (!good)
    printf("\n    %s along all '%s': %.15g, differences say %.15g, off by %.1e", field, part, have,
           want, error);
  CU_ASSERT(good);
  compared++;
  if (error > worst) worst = error;
}

static void check_part(StepGraph *s, const char *part, uint64_t seed, bool masks_only) {
  Move theta = move_create(s, seed, masks_only), updated = move_create(s, seed, masks_only);
  move_parameters(s, &theta, false, part);
  move_parameters(s, &updated, true, part);
  compare(s, "F:", &theta, field_slope(s, "train", &theta), part);
  compare(s, "v:", &updated, field_slope(s, "test", &updated), part);
  compare(s, "JTv:", &theta, product_slope(s, &theta), part);
  if (step_output(s, "u:", "stem/conv/weight") && !*part) {
    hold_updated(s, &theta);
    compare(s, "u:", &theta, field_slope(s, "test", &theta), part);
  }
  move_free(&theta);
  move_free(&updated);
}

static void report(void) {
  printf("\n    %u slopes, worst relative deviation %.1e", compared, worst);
  compared = 0;
  worst = 0;
}

static void test_replayed(void) {
  static const char *const parts[] = {"",        "/dom/",  "stem/",  "stage1/",
                                      "stage4/", "/attr/", "/fuse/", "cls"};
  StepGraph s = step_open("models/cdvm_small.xml", STEP, 1);
  size_t n = support_all() ? sizeof parts / sizeof *parts : 2;
  for (size_t i = 0; i < n; i++) check_part(&s, parts[i], i + 1, false);
  report();
  step_close(&s);
}

/* ---- smooth ---- */

/* What may choose in the smooth variant: a hinge, a mined pair, a clamp that does nothing. */
static bool may_choose(const StepGraph *s, NodeId id) {
  const Node *node = &s->lab.graph->nodes[id];
  const char *scope = graph_text(s->lab.graph, node->stamp.scope);
  if (formula_ends(scope, "/tri") || formula_ends(scope, "/v") || formula_ends(scope, "/c"))
    return true;
  const uint8_t *chosen = s->lab.values[id];
  bool outside = false;
  for (int64_t i = 0; i < shape_count(&node->shape); i++) outside |= chosen[i] != 0;
  return formula_ends(scope, "/style/bounded") && !outside;
}

/* Lists the choices between the moving parameters and F: they alone keep what they were. */
static void list_choices(StepGraph *s) {
  const Graph *g = s->lab.graph;
  Move m = move_create(s, 1, true);
  move_parameters(s, &m, false, "");
  Function f = product(s);
  Replay r = replay_of(s, &f, &m);
  replay_start(&r);
  bool *needed = replay_needed(g, f.targets, f.n);
  printf("\n    replayed:");
  for (NodeId id = 1; id < g->n_nodes; id++) {
    bool follows = false;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
      follows |= r.trial[node_input(g, id, i)] != NULL;
    if (!needed[id] || !follows || !replay_frozen(&r, id)) continue;
    printf(" %s:%s", graph_text(g, g->nodes[id].stamp.scope), op_desc(g->nodes[id].op)->name);
    CU_ASSERT(may_choose(s, id));
  }
  free(needed);
  replay_free(&r);
  free(f.targets);
  free(f.weights);
  move_free(&m);
}

/* Draws that leave every sighat inside its clamp, whose bounds are no part of the derivative. */
static void test_smooth(void) {
  StepGraph s = step_open("tests/oracle/cdvm_smooth.xml", STEP, 0.2);
  list_choices(&s);
  check_part(&s, "", 1, true);
  report();
  step_close(&s);
}

/* ---- without reversal nodes ---- */

static double deviation(const StepGraph *a, const StepGraph *b, const char *field, double *norm) {
  double off = 0, squares = 0;
  for (uint32_t k = 0; k < a->n; k++) {
    const double *x = step_field(a, field, k), *y = step_field(b, field, k);
    int64_t count = shape_count(&a->plan->states[a->states[k]].shape);
    for (int64_t i = 0; i < count; i++) {
      double d = (x ? x[i] : 0) - (y ? y[i] : 0);
      off += d * d;
      squares += x ? x[i] * x[i] : 0;
    }
  }
  *norm = sqrt(squares);
  return sqrt(off / squares);
}

static uint32_t reversals(const StepGraph *s) {
  const Graph *g = s->lab.graph;
  uint32_t n = 0;
  for (NodeId id = 1; id < g->n_nodes; id++) n += g->nodes[id].op == OP_GRADIENT_SCALE;
  return n;
}

static void test_no_reversal(void) {
  static const char *const names[] = {"F:", "v:", "JTv:", "G:"};
  StepGraph a = step_open("models/cdvm_small.xml", STEP, 1);
  StepGraph b = step_open("tests/oracle/cdvm_no_reversal.xml", STEP, 1);
  CU_ASSERT_EQUAL_FATAL(a.n, b.n);
  CU_ASSERT(reversals(&a) > 0 && reversals(&b) == 0);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    double norm, off = deviation(&a, &b, names[i], &norm);
    printf("\n    %s norm %.6g, off by %.1e", names[i], norm, off);
    CU_ASSERT(norm > 0 && off <= (i < 2 ? 1e-9 : 1e-8));
  }
  step_close(&a);
  step_close(&b);
}

int main(void) {
  static const SupportTest tests[] = {{"selections replayed", test_replayed},
                                      {"a smooth variant", test_smooth},
                                      {"no reversal nodes", test_no_reversal}};
  return support_run("differences", tests, sizeof tests / sizeof *tests);
}
