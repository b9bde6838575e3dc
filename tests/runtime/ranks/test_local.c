/* --sync=local: each rank computes over its share alone, and what it derives is averaged.  N ranks
 * give what one process gives that has the shares written out as so many passes
 * (tests/runtime/ranks/shares.xml), at every order. */
#include "tests/runtime/ranks/rank_runs.h"

#include "compiler/report.h"
#include "ops/verify.h"

#define SHARES "tests/runtime/ranks/shares.xml"
#define STEPS 4

static void release(RankRun *runs, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    free(runs[i].states);
    free(runs[i].kept);
  }
}

/* The largest difference of a state, over the largest value of it. */
static double distance(const RankRun *one, const RankRun *other, uint32_t state) {
  const State *s = &one->plan->states[state];
  int64_t n = shape_count(&s->shape);
  double most = 0, apart = 0;
  Tensor a = {one->states + one->plan->state_offset[state], (DType)s->dtype, s->shape};
  Tensor b = {other->states + other->plan->state_offset[state], (DType)s->dtype, s->shape};
  for (int64_t i = 0; i < n; i++) {
    double x = tensor_get(&a, i), y = tensor_get(&b, i);
    if (!(fabs(x - y) <= apart)) apart = fabs(x - y);
    if (fabs(x) > most) most = fabs(x);
  }
  return most > 0 ? apart / most : apart;
}

static void near(const RankRun *one, const RankRun *other, double tolerance) {
  CU_ASSERT_EQUAL_FATAL(one->plan->n_states, other->plan->n_states);
  for (uint32_t i = 0; i < one->plan->n_states; i++) {
    double d = distance(one, other, i);
    CU_ASSERT(d <= tolerance);
    if (!(d <= tolerance))
      printf("\n  %s: %g\n", plan_text(one->plan, one->plan->states[i].name), d);
  }
  CU_ASSERT(fabs(one->loss - other->loss) <= tolerance * fabs(one->loss));
}

/* Ranks with shares of their own, and one process that has them as passes. */
static void as_written_out(const char *order, uint32_t ranks) {
  char ids[32], shares[32];
  snprintf(ids, sizeof ids, "batch_ids=%u", 2 * ranks);
  snprintf(shares, sizeof shares, "shares=%u", ranks);
  const char *const one_of[] = {ids, order}, *const all[] = {ids, order, shares};
  RankRun runs[THREAD_RANKS_MAX], alone;
  Compiled c = rank_compile(&(RankModel){SHARES, "f64", one_of, 2, ranks, true, NULL, 0});
  Compiled d = rank_compile(&(RankModel){SHARES, "f64", all, 3, 1, false, NULL, 0});
  Compiled whole = rank_compile(&(RankModel){SHARES, "f64", one_of, 2, 1, false, NULL, 0});
  diag_print(c.diag, stdout);
  diag_print(d.diag, stdout);
  CU_ASSERT_FATAL(c.status == STATUS_OK && d.status == STATUS_OK && whole.status == STATUS_OK);
  CU_ASSERT(c.plan->local && c.plan->sampler.batch_ids == 2 * ranks);
  rank_runs(c.plan, STEPS, 1, runs);
  rank_runs(d.plan, STEPS, 1, &alone);
  for (uint32_t i = 0; i < ranks; i++) {
    CU_ASSERT_EQUAL(runs[i].status, STATUS_OK);
    near(&alone, &runs[i], 1e-12);
    rank_same(&runs[0], &runs[i]);
  }
  release(&alone, 1);
  /* It is another experiment than that of the whole batch. */
  rank_runs(whole.plan, STEPS, 1, &alone);
  CU_ASSERT(fabs(alone.loss - runs[0].loss) > 1e-6 * fabs(alone.loss));
  release(&alone, 1);
  release(runs, ranks);
  support_release(&c);
  support_release(&d);
  support_release(&whole);
}

static void written_out(void) {
  static const char *const orders[] = {"order=0", "order=1", "order=2"};
  for (size_t i = 0; i < 3; i++)
    for (uint32_t ranks = 2; ranks <= 4; ranks++) as_written_out(orders[i], ranks);
}

/* ---- CDVM ---- */

#define SIZES "width=8", "height=32", "image_width=16", "batch_images=2"

/* Every rank of a long run has the same bytes. */
static void ranks_stay_alike(void) {
  static const char *const sizes[] = {SIZES, "batch_ids=4"};
  RankRun runs[THREAD_RANKS_MAX];
  Compiled c =
      rank_compile(&(RankModel){"models/cdvm_small.xml", "f32", sizes, 5, 2, true, NULL, 0});
  diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_OK);
  rank_runs(c.plan, 20, 1, runs);
  CU_ASSERT(runs[0].status == STATUS_OK && runs[1].status == STATUS_OK);
  CU_ASSERT(runs[0].loss > 0 && runs[0].loss == runs[1].loss);
  rank_same(&runs[0], &runs[1]);
  release(runs, 2);
  support_release(&c);
}

/* Ranks whose shares are the same rows do what one process does with these: all means are of equal
 * values, at every order. */
static void equal_shares(void) {
  static const char *const whole[] = {SIZES, "batch_ids=4"}, *const half[] = {SIZES, "batch_ids=2"};
  RankRun runs[THREAD_RANKS_MAX], alone;
  Compiled c =
      rank_compile(&(RankModel){"models/cdvm_small.xml", "f64", whole, 5, 2, true, NULL, 0});
  Compiled d =
      rank_compile(&(RankModel){"models/cdvm_small.xml", "f64", half, 5, 1, false, NULL, 0});
  diag_print(c.diag, stdout);
  CU_ASSERT_FATAL(c.status == STATUS_OK && d.status == STATUS_OK);
  rank_runs(c.plan, 2, 2, runs);
  rank_runs(d.plan, 2, 1, &alone);
  CU_ASSERT(runs[0].status == STATUS_OK && alone.status == STATUS_OK);
  near(&alone, &runs[0], 1e-9);
  release(runs, 2);
  release(&alone, 1);
  support_release(&c);
  support_release(&d);
}

/* Moments of F_spe at stage 1, by name, of one step; `width` numbers of the first domain. */
static void read_moment(const char *name, RankRun runs[2], double out[2][32]) {
  static const char *const sizes[] = {SIZES, "batch_ids=4"};
  RankModel m = {"models/cdvm_small.xml", "f64", sizes, 5, 2, true, name, 0};
  Compiled c = rank_compile(&m);
  diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  rank_runs(c.plan, 1, 1, runs);
  for (uint32_t r = 0; r < 2; r++) {
    CU_ASSERT_EQUAL_FATAL(runs[r].status, STATUS_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(runs[r].kept);
    memcpy(out[r], runs[r].kept, 32 * sizeof out[r][0]);
  }
  release(runs, 2);
  support_release(&c);
}

/* mu and sigma of Eq. 6 are those of all rows of a domain, though each rank normalises with its
 * own; so is what is made of them. */
static void moments_of_the_pass(void) {
  RankRun runs[2];
  double mean[2][32], deviation[2][32], mu[2][32], sigma[2][32], hat[2][32];
  read_moment("train/stage1/own/mean", runs, mean);
  read_moment("train/stage1/own/deviation", runs, deviation);
  read_moment("train/stage1/mu", runs, mu);
  read_moment("train/stage1/sigma", runs, sigma);
  read_moment("train/stage1/style/sighat", runs, hat);
  CU_ASSERT_EQUAL(memcmp(mu[0], mu[1], sizeof mu[0]), 0);
  CU_ASSERT_EQUAL(memcmp(sigma[0], sigma[1], sizeof sigma[0]), 0);
  CU_ASSERT_EQUAL(memcmp(hat[0], hat[1], sizeof hat[0]), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(mean[0], mean[1], sizeof mean[0]), 0);
  for (int i = 0; i < 32; i++) {
    double all = (mean[0][i] + mean[1][i]) / 2, squares = 0;
    for (int r = 0; r < 2; r++) squares += (pow(deviation[r][i], 2) + pow(mean[r][i], 2)) / 2;
    CU_ASSERT_DOUBLE_EQUAL(mu[0][i], all, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(sigma[0][i], sqrt(squares - all * all), 1e-10);
  }
}

/* Three sums of the parameters' size, and no gather: the step has F, v and J^T v to average. */
static void what_is_sent(void) {
  Compiled c =
      rank_compile(&(RankModel){"models/cdvm_small.xml", "f32", NULL, 0, 2, true, NULL, 0});
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  int64_t parameters = 0;
  for (uint32_t i = 0; i < c.plan->n_states; i++)
    if (c.plan->states[i].kind == STATE_PARAMETER && c.plan->states[i].trainable)
      parameters += shape_count(&c.plan->states[i].shape);
  ReportMeetings m = report_meetings(&c.plan->programs[0]);
  CU_ASSERT_EQUAL(m.gather_bytes, 0);
  CU_ASSERT(m.sum_bytes < 4 * 4 * parameters); /* with centres and statistics */
  CU_ASSERT(m.exchanges < 100);
  support_release(&c);
}

/* ---- what cannot be ---- */

static void not_verified(Compiled *c, const char *says) {
  CU_ASSERT_EQUAL(verify_plan(c->plan, "plan", c->diag), STATUS_INVALID);
  char *text = support_messages(c->diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, says));
  free(text);
  diag_clear(c->diag);
}

/* Plans that no compiler writes. */
static void broken_plans(void) {
  Compiled c = rank_compile(&(RankModel){SHARES, "f32", NULL, 0, 2, true, NULL, 0});
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_OK);
  Graph *g = c.plan->programs[0].graph;
  NodeId id = 1;
  while (g->nodes[id].op != OP_TANH) id++;
  g->nodes[id].op = OP_RANK_MEAN;
  not_verified(&c, "is no op of a plan");
  g->nodes[id].op = OP_TANH;
  c.plan->sampler.batch_ids++;
  not_verified(&c, "2 ranks have no equal shares of 5 identities");
  support_release(&c);
}

static void refused(const char *name, const char *text, const char *define, uint32_t ranks,
                    const char *says, const char *hint) {
  const char *const defines[] = {define};
  Compiled c = rank_compile(&(RankModel){support_write(name, text), "f32", defines, define != NULL,
                                         ranks, true, NULL, 0});
  char *messages = support_messages(c.diag);
  bool told = c.status == STATUS_INVALID && diag_error_count(c.diag) == 1 &&
              strstr(messages, says) && strstr(messages, hint);
  CU_ASSERT(told);
  if (!told) printf("\n  %s: %d %s\n", name, (int)c.status, messages);
  free(messages);
  support_release(&c);
}

#define MODEL(SAMPLER, BODY)                                                                       \
  "<model name='m' xmlns='urn:graphc:model:1'>\n"                                                  \
  "<param name='n' type='int' value='4'/><param name='x' type='float' value='4'/>\n"               \
  "<program name='step' kind='train'><input name='images' shape='1 ${n} 2 2 3'/>\n"                \
  "<pass name='p'><parameter name='w' shape='3'/>\n"                                               \
  "<expr name='loss' value='mean(images * w)'/></pass>\n"                                          \
  "<gradient name='G' of='p/loss'/>" BODY                                                          \
  "<commit field='theta' value='theta - G'/><output value='p/loss'/></program>\n"                  \
  "<training domains='a' ids='4' steps='9' warmup-steps='0'/>" SAMPLER                             \
  "<augment height='2' width='2'/></model>"
#define SAMPLER(IDS) "<sampler batch-ids='" IDS "'/>"

static void mistakes(void) {
  static const char *const gradient[] = {"stats_gradient=true"};
  Compiled c =
      rank_compile(&(RankModel){"models/cdvm_small.xml", "f32", gradient, 1, 2, true, NULL, 0});
  char *text = support_messages(c.diag);
  CU_ASSERT(c.status == STATUS_INVALID &&
            strstr(text, "-D stats_gradient: error: with --sync=local"));
  free(text);
  support_release(&c);
  refused("odd.xml", MODEL(SAMPLER("${n}"), ""), "n=5", 2, "-D n: error: n: 2 ranks cannot share 5",
          "a multiple");
  refused("few.xml", MODEL(SAMPLER("${n}"), ""), NULL, 8, "few.xml:2:", "a multiple");
  refused("none.xml", MODEL("", ""), NULL, 2, "no <sampler> says by which parameter", "batch-ids");
  refused("sum.xml", MODEL(SAMPLER("${n - 1}"), ""), NULL, 2, "this is '${n - 1}'", "batch-ids");
  refused("four.xml", MODEL(SAMPLER("4"), ""), NULL, 2, "this is '4'", "batch-ids");
  refused("let.xml", MODEL("<let name='k' value='n'/>" SAMPLER("${k}"), ""), NULL, 2,
          "and 'k' is none", "batch-ids");
  refused("float.xml", MODEL(SAMPLER("${x}"), ""), NULL, 2, "is no whole number", "a multiple");
  refused("field.xml",
          MODEL(SAMPLER("${n}"), "<field name='at' value='theta - {p/loss} * G'/>\n"
                                 "<pass name='q' parameters='at'><parameter name='w' shape='3'/>\n"
                                 "<expr name='loss' value='mean(images * w)'/></pass>\n"
                                 "<gradient name='v' of='q/loss' at='at'/>\n"
                                 "<commit field='theta' value='theta - v'/>"),
          NULL, 2, "field 'at' is not the same on all ranks", "<rank-mean");
  refused("count.xml",
          MODEL(SAMPLER("${n}"), "<cast name='count' in='p/loss' dtype='i32'/>"
                                 "<output value='count'/>"),
          NULL, 2, "averages output 'count' over the ranks, and it is i32", "<cast");
}

int main(void) {
  static const SupportTest tests[] = {
      {"written out", written_out},   {"ranks stay alike", ranks_stay_alike},
      {"equal shares", equal_shares}, {"moments of the pass", moments_of_the_pass},
      {"what is sent", what_is_sent}, {"broken plans", broken_plans},
      {"mistakes", mistakes}};
  return support_run("local", tests, 7);
}
