/* The figures of the design: parameters and multiply-adds of CDVM, from plans and nodes alone. */
#include "tests/support.h"

#include <fnmatch.h>

typedef struct Cost {
  int64_t parameters;        /* stem, trunk, encoders, fusion */
  int64_t heads;             /* all other trainable elements except classifiers */
  int64_t classifiers, macs; /* forward of pass `train`, per image */
  int64_t domain_heads, attributes;
} Cost;

static bool matches(const char *name, const char *const *patterns) {
  for (; *patterns; patterns++)
    if (fnmatch(*patterns, name, 0) == 0) return true;
  return false;
}

static Cost cost_of(const Compiled *c, const char *program, int64_t images) {
  static const char *const network[] = {"stem/*",          "stage?/b?*/*",  "stage?/global/*",
                                        "stage?/local*/*", "stage?/fuse/*", NULL};
  static const char *const dom[] = {"stage?/dom/*", NULL}, *const attr[] = {"stage?/attr/*", NULL};
  static const char *const classifiers[] = {"cls*", NULL};
  static const char *const scopes[] = {"train/stem*",          "train/stage?/b?*",
                                       "train/stage?/global*", "train/stage?/local*",
                                       "train/stage?/fuse*",   NULL};
  Cost cost = {0};
  const Plan *plan = c->plan;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (s->kind != STATE_PARAMETER || !s->trainable) continue;
    const char *name = plan_text(plan, s->name);
    int64_t count = shape_count(&s->shape);
    if (matches(name, network))
      cost.parameters += count;
    else if (matches(name, classifiers))
      cost.classifiers += count;
    else
      cost.heads += count;
    if (matches(name, dom)) cost.domain_heads += count;
    if (matches(name, attr)) cost.attributes += count;
  }
  uint32_t index = plan_program_find(plan, program);
  CU_ASSERT_NOT_EQUAL_FATAL(index, UINT32_MAX);
  const Graph *g = plan->programs[index].graph;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].stamp.role == ROLE_FORWARD && g->nodes[id].op == OP_CONV &&
        matches(graph_text(g, g->nodes[id].stamp.scope), scopes))
      cost.macs += node_macs(g, id);
  CU_ASSERT_EQUAL(cost.macs % images, 0);
  cost.macs /= images;
  return cost;
}

static Cost compile(const char *model, const char *const *defines, uint32_t n, const char *program,
                    int64_t images) {
  Compiled c = support_compile(model, defines, n, DTYPE_F32);
  Cost cost = {0};
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  cost = cost_of(&c, program, images);
  support_release(&c);
  return cost;
}

#define PAPER "models/cdvm.xml"
#define SMALL "models/cdvm_small.xml"

static void test_paper(void) {
  Cost three = compile(PAPER, NULL, 0, "step/market1501", 128);
  CU_ASSERT_EQUAL(three.parameters, 52443712);
  CU_ASSERT_EQUAL(three.macs, 6930563072);
  CU_ASSERT_EQUAL(three.domain_heads, 11532);
  CU_ASSERT_EQUAL(three.attributes, 22144);
  static const char *const four[] = {"domains=a b c d", "ids=10 20 30 40"};
  Cost k4 = compile(PAPER, four, 2, "step/a", 192);
  CU_ASSERT_EQUAL(k4.parameters, 58373952);
  CU_ASSERT_EQUAL(k4.macs, 6930563072);
}

static void test_small(void) {
  Cost small = compile(SMALL, NULL, 0, "step/market1501", 32);
  CU_ASSERT_EQUAL(small.parameters, 2694864);
  CU_ASSERT_EQUAL(small.macs, 87392256);
}

/* What ablations remove (K = 3, width 64). */
static void test_ablations(void) {
  Cost all = compile(PAPER, NULL, 0, "step/market1501", 128);
  static const char *const off[] = {"encoders=off"};
  Cost plain = compile(PAPER, off, 1, "step/market1501", 128);
  CU_ASSERT_EQUAL(all.parameters - plain.parameters, 28935680);
  CU_ASSERT_EQUAL(all.heads - plain.heads, 11532);
  CU_ASSERT_EQUAL(all.macs - plain.macs, 2877292544);
  static const char *const alpha[] = {"alpha=0"}, *const beta[] = {"beta=0"};
  Cost no_alpha = compile(PAPER, alpha, 1, "step/market1501", 128);
  CU_ASSERT_EQUAL(all.heads - no_alpha.heads, 11532);
  Cost no_beta = compile(PAPER, beta, 1, "step/market1501", 128);
  CU_ASSERT_EQUAL(all.heads - no_beta.heads, 22144);
}

static uint32_t random_sites(const Compiled *c, const char *program) {
  const Graph *g = c->plan->programs[plan_program_find(c->plan, program)].graph;
  uint32_t n = 0;
  for (NodeId id = 1; id < g->n_nodes; id++)
    n += g->nodes[id].op == OP_RANDOM && !g->nodes[id].stamp.epoch;
  return n;
}

static void test_random_sites(void) {
  static const struct {
    const char *define;
    uint32_t sites;
  } rows[] = {{"style=elastic", 4}, {"style=off", 0}, {"style=determined", 0},
              {"encoders=off", 0},  {"delta=0", 0},   {"meta=off", 4}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Compiled c = support_compile(SMALL, &rows[i].define, 1, DTYPE_F32);
    CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
    CU_ASSERT_EQUAL(random_sites(&c, i == 5 ? "step" : "step/cuhk03"), rows[i].sites);
    support_release(&c);
  }
}

/* One second-order step is (9 n_tr + 3 n_te) forward passes less the stem's input gradients: 20.88
 * passes over 64 images; a first-order meta step 8.97. */
static void test_step(void) {
  Compiled c = support_compile(PAPER, NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  double passes = (double)c.plan->programs[0].macs / (64 * 6930563072.0);
  CU_ASSERT_DOUBLE_EQUAL(passes, 20.88, 0.02);
  support_release(&c);
  static const char *const first[] = {"order=1"};
  c = support_compile(PAPER, first, 1, DTYPE_F32);
  passes = (double)c.plan->programs[0].macs / (64 * 6930563072.0);
  CU_ASSERT_DOUBLE_EQUAL(passes, 8.97, 0.02);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"paper model", test_paper},
                                      {"small model", test_small},
                                      {"ablations", test_ablations},
                                      {"random sites", test_random_sites},
                                      {"a step", test_step}};
  return support_run("cost", tests, sizeof tests / sizeof *tests);
}
