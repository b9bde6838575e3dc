/* Further readings of the paper, as parameters of models/cdvm.xml: each does what its words say, on
 * a network small enough to compare values with those of another reading. */
#include "tests/support.h"
#include "tests/values.h"

#include "graph/base/philox.h"
#include "runtime/execute/execute.h"
#include "runtime/execute/init.h"

#include <math.h>

#define IDS 3
static const char *const tiny[] = {"width=4",     "blocks=1 1 1 1", "height=32", "image_width=16",
                                   "batch_ids=2", "domains=a b c",  "ids=3 3 3", "eval_batch=2"};
enum { N_TINY = sizeof tiny / sizeof *tiny, MORE = 6 };

typedef struct Run {
  Compiled c;
  Executor *x;
} Run;

static void fill(const Plan *plan, const Tensor *t, const char *name, double lr) {
  uint64_t site = philox_site(name);
  int64_t n = shape_count(&t->shape);
  for (int64_t i = 0; i < n; i++) {
    double value = strcmp(name, "lambda") == 0 ? 1 : strcmp(name, "seed") == 0 ? 3 : lr;
    if (strcmp(name, "images") == 0) value = philox_uniform(1, 0, site, (uint64_t)i);
    if (strcmp(name, "step") == 0) value = 0;
    if (strcmp(name, "labels") == 0) value = (double)(i / 2 % plan->training.ids[0]);
    tensor_set(t, i, value);
  }
}

/* Compiles with the defines and runs a step of the first program, in f64. */
static Run run(double lr, uint32_t n, const char *const *more) {
  static const char *const inputs[] = {"images", "labels", "lr",  "inner_lr",
                                       "lambda", "seed",   "step"};
  const char *defines[N_TINY + MORE];
  Tensor t;
  memcpy(defines, tiny, sizeof tiny);
  for (uint32_t i = 0; i < n; i++) defines[N_TINY + i] = more[i];
  Run r = {.c = support_compile("models/cdvm.xml", defines, N_TINY + n, DTYPE_F64)};
  if (r.c.status != STATUS_OK) diag_print(r.c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(r.c.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(
      executor_create_with(r.c.plan, &(ExecutorOptions){.threads = 1}, r.c.diag, &r.x), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(init_states(r.x, 1, r.c.diag), STATUS_OK);
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
    if (executor_input(r.x, 0, inputs[i], &t)) fill(r.c.plan, &t, inputs[i], lr);
  CU_ASSERT_EQUAL_FATAL(executor_run(r.x, 0, r.c.diag), STATUS_OK);
  return r;
}
#define RUN(LR, ...)                                                                               \
  run(LR, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                             \
      (const char *const[]){__VA_ARGS__})

static void end(Run *r) {
  executor_destroy(r->x);
  support_release(&r->c);
}

static double output(const Run *r, const char *name) {
  const Graph *g = r->c.plan->programs[0].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (strcmp(graph_text(g, g->outputs[i].name), name) == 0) {
      Tensor t = value_output(r->x, 0, i);
      return tensor_get(&t, 0);
    }
  printf("\nno output %s\n", name);
  CU_FAIL_FATAL("no such output");
  return 0;
}

static Tensor state(const Run *r, const char *name) {
  uint32_t i = plan_state_find(r->c.plan, name);
  CU_ASSERT_NOT_EQUAL_FATAL(i, UINT32_MAX);
  return value_state(r->x, i);
}

static bool near(double a, double b, double tolerance) {
  bool ok = fabs(a - b) <= tolerance * fmax(1e-300, fmax(fabs(a), fabs(b)));
  if (!ok) printf("\n%.17g is not %.17g\n", a, b);
  return ok;
}

/* Never restyled is style=off; hardly ever not restyled is the whole model. */
static void style_probability(void) {
  Run never = RUN(1e-3, "order=1", "style_p=0"), off = RUN(1e-3, "order=1", "style=off");
  Run mostly = RUN(1e-3, "order=1", "style_p=0.999999999"), all = RUN(1e-3, "order=1");
  static const char *const names[] = {"train/total", "test/total", "norm/G"};
  for (int i = 0; i < 3; i++) {
    CU_ASSERT(near(output(&never, names[i]), output(&off, names[i]), 1e-12));
    CU_ASSERT(near(output(&mostly, names[i]), output(&all, names[i]), 1e-12));
    CU_ASSERT(fabs(output(&all, names[i]) - output(&off, names[i])) > 1e-6);
  }
  end(&never);
  end(&off);
  end(&all);
  end(&mostly);
}

/* A centre that is a parameter moves as 5e-4 times the term's gradient says, by lr and not by
 * lr_cent. */
static void centres(void) {
  Run own = RUN(0.02, "meta=off", "lr_cent=0.5", "w_cent=5e-4");
  Run parameters = RUN(0.02, "meta=off", "centre_rule=parameters", "w_cent=5e-4");
  for (int k = 0; k < 3; k++) {
    char name[32];
    double moved = 0;
    snprintf(name, sizeof name, "centre%d", k);
    Tensor a = state(&own, name), b = state(&parameters, name);
    for (int64_t i = 0; i < shape_count(&a.shape); i++) {
      moved += fabs(tensor_get(&a, i));
      CU_ASSERT(near(tensor_get(&b, i), tensor_get(&a, i) * 0.02 * 5e-4 / 0.5, 1e-9));
    }
    CU_ASSERT(moved > 0);
  }
  CU_ASSERT(near(output(&own, "train/total"), output(&parameters, "train/total"), 1e-12));
  CU_ASSERT_EQUAL(plan_state_find(own.c.plan, "momentum:centre0"), UINT32_MAX);
  CU_ASSERT_NOT_EQUAL(plan_state_find(parameters.c.plan, "momentum:centre0"), UINT32_MAX);
  end(&own);
  end(&parameters);
}

/* With a rate of 0 the meta step leaves theta as it is: the plain pass behind it is that of a plain
 * step.  With a rate it is a second step of one momentum: theta - lr v0 - lr v1. */
static void plain_steps(void) {
  Run still = RUN(0, "order=1", "plain_steps=2"), plain = RUN(0, "meta=off");
  CU_ASSERT(near(output(&still, "plain0/total"), output(&plain, "train/total"), 1e-12));
  CU_ASSERT(near(output(&still, "plain1/total"), output(&plain, "train/total"), 1e-12));
  end(&still);
  end(&plain);
  Run meta = RUN(1e-3, "order=1"), more = RUN(1e-3, "order=1", "plain_steps=1");
  Tensor a = state(&meta, "stem/conv/weight"), b = state(&more, "stem/conv/weight");
  Tensor ma = state(&meta, "momentum:stem/conv/weight");
  Tensor mb = state(&more, "momentum:stem/conv/weight");
  CU_ASSERT(near(output(&meta, "norm/G"), output(&more, "norm/G"), 1e-12));
  for (int64_t i = 0; i < 8; i++)
    CU_ASSERT(near(tensor_get(&b, i), tensor_get(&a, i) - 1e-3 * tensor_get(&mb, i), 1e-9) &&
              tensor_get(&ma, i) != tensor_get(&mb, i));
  end(&meta);
  end(&more);
}

/* What a stage's encoders get has their channels only behind another bottleneck. */
static void moments(void) {
  const char *defines[N_TINY + 1];
  memcpy(defines, tiny, sizeof tiny);
  defines[N_TINY] = "stats_of=in";
  Compiled c = support_compile("models/cdvm.xml", defines, N_TINY + 1, DTYPE_F32);
  char *text = support_messages(c.diag);
  CU_ASSERT_EQUAL(c.status, STATUS_INVALID);
  CU_ASSERT(strstr(text, "-D stats_of: error: stats_of=in takes the map that the encoders get") ||
            (printf("\n%s", text), false));
  free(text);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"style_p", style_probability},
                                      {"centres as parameters", centres},
                                      {"plain steps", plain_steps},
                                      {"moments of Eq. 6", moments}};
  return support_run("readings", tests, sizeof tests / sizeof *tests);
}
