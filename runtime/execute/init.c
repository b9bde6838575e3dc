/* Initial values: element i of a state is a function of (seed, site, i), drawn in f64 and then
 * rounded, so that plans of other precisions start alike. */
#include "runtime/execute/init.h"

#include "graph/base/philox.h"

static double fuse_value(const State *s, int64_t i, double draw) {
  int64_t columns = s->shape.dim[1], row = i / columns, column = i % columns;
  double half = column % s->shape.dim[0] == row ? 0.5 : 0;
  return half + s->init_a * draw;
}

static double value_of(const State *s, uint64_t seed, uint64_t site, int64_t i) {
  uint64_t at = (uint64_t)i;
  switch ((InitKind)s->init) {
  case INIT_NORMAL:
    return s->init_a + s->init_b * philox_normal(seed, 0, site, at);
  case INIT_UNIFORM:
    return s->init_a + (s->init_b - s->init_a) * philox_uniform(seed, 0, site, at);
  case INIT_FUSE:
    return fuse_value(s, i, s->init_a > 0 ? philox_normal(seed, 0, site, at) : 0);
  case INIT_CONSTANT:
    break;
  }
  return s->init_a;
}

static void init_state(const Plan *plan, const State *s, uint64_t seed, const Tensor *t) {
  uint64_t site = philox_site(plan_text(plan, s->init_site ? s->init_site : s->name));
  int64_t n = shape_count(&s->shape);
  for (int64_t i = 0; i < n; i++) tensor_set(t, i, value_of(s, seed, site, i));
}

Status init_states(Executor *x, uint64_t seed, Diag *diag) {
  const Plan *plan = executor_plan(x);
  const Tensor *states;
  TRY(executor_states_new(x, &states, diag));
  for (uint32_t i = 0; i < plan->n_states; i++)
    init_state(plan, &plan->states[i], seed, &states[i]);
  return executor_states_write(x, diag);
}
