/* Models of other kinds than CDVM (tests/models/, models/examples/) against float64 PyTorch
 * (tests/oracle/): every value, gradient field, meta-gradient and committed state of a step, at
 * both orders; then the same from the command line, bit for bit. */
#include "runtime/execute/execute.h"
#include "runtime/execute/init.h"
#include "runtime/execute/safetensors.h"
#include "tests/oracle/formula.h"
#include "tests/shell.h"
#include "tests/values.h"

#define NAME_MAX_TEXT 256

typedef struct Case {
  const char *name, *define, *program; /* define: one more than the model's */
  bool keep;                           /* fetch every field */
} Case;

#define UNIFORM (-1)
typedef struct OtherModel {
  const char *name; /* tests/oracle/NAME.safetensors */
  const char *path, *define;
  Case cases[6];
  struct {
    const char *input; /* i32: (i + a bit) mod limit; UNIFORM: in [0, 1) */
    int64_t limit;
  } indices[6];
  const char *fed; /* GLOB: values that become inputs, NULL: none */
} OtherModel;

static const OtherModel siamese = {"siamese",
                                   "tests/models/siamese.xml",
                                   "pairs=6",
                                   {{"default", "order=2", "step", true},
                                    {"order1", "order=1", "step", true},
                                    {"one", "steps=1", "step", true},
                                    {"three", "steps=3", "step", true},
                                    {"compare", "order=2", "compare", false}},
                                   {{"support_left_thing", 3},
                                    {"support_right_thing", 3},
                                    {"query_left_thing", 3},
                                    {"query_right_thing", 3}},
                                   NULL};
static const OtherModel siamese_variant = {/* an extension: another loss, a layer less */
                                           "siamese_variant",
                                           "tests/models/siamese_variant.xml",
                                           "pairs=6",
                                           {{"default", "order=2", "step", true},
                                            {"order1", "order=1", "step", true}},
                                           {{"support_left_thing", 3},
                                            {"support_right_thing", 3},
                                            {"query_left_thing", 3},
                                            {"query_right_thing", 3}},
                                           NULL};
static const OtherModel meta_weight = {
    "meta_weight",
    "models/examples/meta_weight.xml",
    "data=inputs",
    {{"default", "order=2", "step", true}, {"order1", "order=1", "step", true}},
    {{"noisy_y", 3}, {"clean_y", 3}},
    NULL};
static const OtherModel hard_tasks = {"hard_tasks",
                                      "models/examples/hard_tasks.xml",
                                      "data=inputs",
                                      {{"default", "order=2", "step", true},
                                       {"order1", "order=1", "step", true},
                                       {"worst", "worst=1", "step", true},
                                       {"all", "hard=10", "step", true}},
                                      {{NULL, 0}},
                                      NULL};
static const OtherModel gru = {"gru",
                               "tests/models/gru.xml",
                               "data=inputs",
                               {{"default", "order=2", "step", true},
                                {"order1", "order=1", "step", true},
                                {"unclipped", "clip=10", "step", true}},
                               {{NULL, 0}},
                               NULL};
static const OtherModel prototypes = {
    "prototypes",
    "tests/models/prototypes.xml",
    "ways=4",
    {{"default", "order=2", "step", true},
     {"order1", "order=1", "step", true},
     {"one", "heads=1", "step", true}},
    {{"support_rows", 20}, {"support_class", 4}, {"query_rows", 20}, {"query_class", 4}},
    NULL};
static const OtherModel vit = {"vit",
                               "models/examples/vit.xml",
                               "@tests/oracle/vit.defs",
                               {{"default", "order=2", "step", true},
                                {"order1", "order=1", "step", true},
                                {"mean", "pooling=mean", "step", true},
                                {"flat", "radius=0", "step", true},
                                {"evaluate", "order=2", "evaluate", false}},
                               {{"labels", 5},
                                {"drop0/attention", UNIFORM},
                                {"drop0/mlp", UNIFORM},
                                {"drop1/attention", UNIFORM},
                                {"drop1/mlp", UNIFORM}},
                               "drop*"};
static const OtherModel depthwise = {"depthwise",
                                     "models/examples/depthwise.xml",
                                     "@tests/oracle/depthwise.defs",
                                     {{"default", "order=2", "step/plaza", true},
                                      {"order1", "order=1", "step/plaza", true},
                                      {"batch", "norm=batch", "step/plaza", true},
                                      {"last", "order=2", "step/station", true},
                                      {"evaluate", "norm=batch", "evaluate", false}},
                                     {{"labels", 2}},
                                     NULL};

/* ---- values by the formulas of tests/oracle/models_oracle.py ---- */

static void fill_state(const Tensor *t, const char *name) {
  int64_t n = shape_count(&t->shape);
  uint64_t hash = formula_hash(name);
  static const char *const around_one[] = {"scale",       "variance",     "running_var",
                                           "norm/weight", "norm1/weight", "norm2/weight"};
  double base = 0, factor = 0.1;
  if (strchr(name, ':')) {
    factor = 0.05;
    if (strncmp(name, "second_moment:", 14) == 0) base = 0.05;
  } else if (t->shape.rank >= 2) {
    factor = sqrt(3 * (double)t->shape.dim[0] / (double)n);
  } else {
    for (size_t i = 0; i < sizeof around_one / sizeof *around_one; i++)
      if (formula_ends(name, around_one[i])) base = 1, factor = 0.2;
  }
  for (int64_t i = 0; i < n; i++) tensor_set(t, i, base + factor * formula_symmetric(hash, i));
}

static void fill_input(const OtherModel *m, const Tensor *t, const char *name) {
  int64_t n = shape_count(&t->shape), limit = 0;
  uint64_t hash = formula_hash(name);
  for (size_t k = 0; k < sizeof m->indices / sizeof *m->indices; k++)
    if (m->indices[k].input && strcmp(m->indices[k].input, name) == 0) limit = m->indices[k].limit;
  for (int64_t i = 0; i < n; i++) {
    double value = sqrt(3) * formula_symmetric(hash, i);
    if (limit == UNIFORM)
      value = formula_uniform(hash, i);
    else if (limit)
      value = (double)((i + (int64_t)(formula_bits(hash, i) >> 63)) % limit);
    if (t->shape.rank == 0) value = 0.05; /* lr */
    tensor_set(t, i, value);
  }
}

/* ---- one case in this process ---- */

typedef struct Run {
  Diag *diag;
  Model *model;
  Plan *plan;
  Executor *x;
  uint32_t program;
} Run;

static Run start(const OtherModel *m, const Case *c) {
  Run r = {.diag = diag_create()};
  static const char *const keep[] = {"*:*"};
  const char *const defines[] = {m->define, c->define};
  ModelOptions options = {.path = m->path, .defines = defines, .n_defines = 2};
  PipelineOptions pipeline = {.build = {.precision = precision_find("f64"),
                                        .shards = 4,
                                        .target = &target_cpu,
                                        .keep = keep,
                                        .n_keep = c->keep,
                                        .inputs = &m->fed,
                                        .n_inputs = m->fed != NULL},
                              .verify = true};
  Status status = model_load(&options, ops_table(), r.diag, &r.model);
  if (status == STATUS_OK) status = pipeline_run(r.model, &pipeline, r.diag, &r.plan);
  if (status == STATUS_OK) status = executor_create(r.plan, 2, r.diag, &r.x);
  if (status != STATUS_OK) diag_print(r.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  r.program = plan_program_find(r.plan, c->program);
  CU_ASSERT_NOT_EQUAL_FATAL(r.program, UINT32_MAX);
  return r;
}

static void finish(Run *r) {
  executor_destroy(r->x);
  pipeline_release(r->plan);
  model_destroy(r->model);
  diag_destroy(r->diag);
}

/* Calls `visit` for every state and every input of the program. */
static void each_value(const OtherModel *m, const Run *r,
                       void (*visit)(void *, const char *, const Tensor *), void *context) {
  for (uint32_t i = 0; i < r->plan->n_states; i++) {
    const char *name = plan_text(r->plan, r->plan->states[i].name);
    Tensor t = value_state(r->x, i);
    fill_state(&t, name);
    if (visit) visit(context, name, &t);
  }
  values_send(r->x);
  const Graph *g = r->plan->programs[r->program].graph;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_INPUT) continue;
    const char *name = graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME));
    Tensor t;
    CU_ASSERT_FATAL(executor_input(r->x, r->program, name, &t));
    fill_input(m, &t, name);
    if (visit) visit(context, name, &t);
  }
}

static bool find_output(const Run *r, const char *name, Tensor *out) {
  const Graph *g = r->plan->programs[r->program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (strcmp(graph_text(g, g->outputs[i].name), name) == 0) {
      *out = value_output(r->x, r->program, i);
      return true;
    }
  return false;
}

static double norm(const FileTensor *want) {
  double sum = 0;
  for (int64_t i = 0; i < want->count; i++) sum += pow(file_tensor_get(want, i), 2);
  return sqrt(sum);
}

/* Norm of the difference; infinite when the shapes differ or an element is not a number. */
static double distance(const Tensor *have, const FileTensor *want) {
  double sum = 0;
  if (have->shape.rank != want->rank) return INFINITY;
  for (int d = 0; d < want->rank; d++)
    if (have->shape.dim[d] != want->dim[d]) return INFINITY;
  for (int64_t i = 0; i < want->count; i++)
    sum += pow(tensor_get(have, i) - file_tensor_get(want, i), 2);
  return isnan(sum) ? INFINITY : sqrt(sum);
}

/* Norm over all tensors of `want`'s field; of the tensor alone when it belongs to none. */
static double field_norm(const SafeFile *file, const FileTensor *want) {
  size_t prefix = strcspn(want->name, ":");
  if (!want->name[prefix]) return norm(want);
  double sum = 0;
  for (uint32_t i = 0; i < safe_count(file); i++) {
    const FileTensor *t = safe_tensor(file, i);
    if (strncmp(t->name, want->name, prefix + 1) == 0) sum += pow(norm(t), 2);
  }
  return sqrt(sum);
}

static void compare(const Run *r, const SafeFile *file, const FileTensor *want, const char *name) {
  static const char after[] = "after/";
  Tensor have;
  bool found;
  if (strncmp(name, after, sizeof after - 1) == 0) {
    uint32_t state = plan_state_find(r->plan, name + sizeof after - 1);
    found = state != UINT32_MAX;
    if (found) have = value_state(r->x, state);
  } else {
    found = find_output(r, name, &have);
  }
  CU_ASSERT_TRUE(found);
  if (!found) {
    printf("%s: the program has no such value\n", want->name);
    return;
  }
  double tolerance = strncmp(name, "G:", 2) == 0 || strncmp(name, "after/", 6) == 0 ? 1e-8 : 1e-9;
  double size = fmax(norm(want), 1e-6 * field_norm(file, want)), error = distance(&have, want);
  CU_ASSERT_TRUE(error <= tolerance * size);
  if (!(error <= tolerance * size))
    printf("%s: differs by %.3g of %.3g\n", want->name, error, size);
}

static uint32_t compared_in_all; /* tensors of a file */

static void check_case(const OtherModel *m, const Case *c, const SafeFile *file) {
  Run r = start(m, c);
  each_value(m, &r, NULL, NULL);
  Status status = executor_steps(r.x, r.program, r.diag);
  if (status != STATUS_OK) diag_print(r.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  char prefix[NAME_MAX_TEXT];
  size_t n = (size_t)snprintf(prefix, sizeof prefix, "%s/", c->name);
  uint32_t compared = 0;
  for (int states = 0; states < 2; states++) { /* outputs before the commits, states after them */
    for (uint32_t i = 0; i < safe_count(file); i++) {
      const FileTensor *want = safe_tensor(file, i);
      if (strncmp(want->name, prefix, n) != 0) continue;
      if ((strncmp(want->name + n, "after/", 6) == 0) != states) continue;
      compare(&r, file, want, want->name + n);
      compared++;
    }
    CU_ASSERT_EQUAL(executor_commit(r.x, r.program, r.diag), STATUS_OK);
  }
  CU_ASSERT(compared > 0);
  compared_in_all += compared;
  finish(&r);
}

static void check_model(const OtherModel *m) {
  char path[NAME_MAX_TEXT];
  snprintf(path, sizeof path, "tests/oracle/%s.safetensors", m->name);
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(path, NULL, &file), STATUS_OK);
  compared_in_all = 0;
  for (const Case *c = m->cases; c->name; c++) check_case(m, c, file);
  CU_ASSERT_EQUAL(compared_in_all, safe_count(file)); /* no case of the file was left out */
  safe_close(file);
}

/* ---- the same from the command line ---- */

typedef struct Feed {
  SaveTensor tensors[256];
  uint32_t n;
} Feed;

static void collect(void *context, const char *name, const Tensor *t) {
  Feed *feed = context;
  CU_ASSERT_FATAL(feed->n < 256);
  feed->tensors[feed->n++] = (SaveTensor){name, t->dtype, t->shape, t->data};
}

static int command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int command(const char *format, ...) {
  char line[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  Shell s = shell("cd \"$TOP\" && %s", line);
  int code = s.code;
  shell_free(&s);
  return code;
}

static void check_same(const Run *r, const SafeFile *file) {
  const Graph *g = r->plan->programs[r->program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    Tensor have = value_output(r->x, r->program, i);
    const FileTensor *t = safe_find(file, graph_text(g, g->outputs[i].name));
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(distance(&have, t), 0);
    CU_ASSERT_EQUAL(distance(&have, t), 0);
  }
  CU_ASSERT_EQUAL(executor_commit(r->x, r->program, r->diag), STATUS_OK);
  for (uint32_t i = 0; i < r->plan->n_states; i++) {
    Tensor have = value_state(r->x, i);
    const FileTensor *t = safe_find(file, plan_text(r->plan, r->plan->states[i].name));
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(distance(&have, t), 0);
    CU_ASSERT_EQUAL(distance(&have, t), 0);
  }
}

static void check_command(const OtherModel *m) {
  const Case *c = &m->cases[0];
  Run r = start(m, c);
  Feed feed = {.n = 0};
  each_value(m, &r, collect, &feed);
  const char *fed = support_path("feed.safetensors"), *plan = support_path("model.plan.xml"),
             *out = support_path("out.safetensors");
  CU_ASSERT_EQUAL_FATAL(safe_write(fed, feed.tensors, feed.n, NULL, 0, false, NULL), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(
      command("$GRAPHC %s --precision=f64 --keep='*:*' %s%s%s -D %s -D %s -o %s > /dev/null",
              m->path, m->fed ? "--input='" : "", m->fed ? m->fed : "", m->fed ? "'" : "",
              m->define, c->define, plan),
      0);
  CU_ASSERT_EQUAL_FATAL(
      command("$GRAPHRUN exec %s --program=%s --feed=%s --fetch='*:*' --threads=1 -o %s", plan,
              c->program, fed, out),
      0);
  CU_ASSERT_EQUAL_FATAL(executor_steps(r.x, r.program, r.diag), STATUS_OK);
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(out, NULL, &file), STATUS_OK);
  check_same(&r, file);
  safe_close(file);
  finish(&r);
}

/* Asking for more memory than there is must not end in the kernel's hands. */
static void test_too_large(void) {
  const char *plan = support_path("large.plan.xml"), *log = support_path("log");
  CU_ASSERT_EQUAL_FATAL(
      command("$GRAPHC tests/models/siamese.xml -D pairs=100000000 -o %s > /dev/null", plan), 0);
  int code = command("$GRAPHRUN exec %s --program=step -o none 2> %s", plan, log);
  CU_ASSERT_EQUAL(code, STATUS_NO_FIT);
  CU_ASSERT_EQUAL(command("grep -q 'error: the plan needs [0-9]* MB of memory' %s", log), 0);
}

/* ---- training on what <random> draws ---- */

typedef struct Trained {
  const char *path, *define;
  uint32_t steps;
  double lr,
      falls_to; /* the mean loss of the last tenth is less than so much of the first tenth's */
} Trained;

static double mean_loss(const Compiled *c, Executor *x, double lr, uint32_t first, uint32_t n) {
  double sum = 0;
  Tensor t;
  for (uint32_t step = first; step < first + n; step++) {
    if (executor_input(x, 0, "seed", &t)) tensor_set(&t, 0, 1);
    if (executor_input(x, 0, "step", &t)) tensor_set(&t, 0, step);
    if (executor_input(x, 0, "lr", &t)) tensor_set(&t, 0, lr);
    CU_ASSERT_EQUAL_FATAL(executor_run(x, 0, c->diag), STATUS_OK);
    const Graph *g = c->plan->programs[0].graph;
    for (uint32_t i = 0; i < g->n_outputs; i++)
      if (strcmp(graph_text(g, g->outputs[i].name), "loss") == 0) {
        t = value_output(x, 0, i);
        sum += tensor_get(&t, 0);
      }
  }
  return sum / n;
}

static void check_trained(const Trained *m) {
  Compiled c = support_compile(m->path, &m->define, m->define != NULL, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  Executor *x;
  CU_ASSERT_EQUAL_FATAL(executor_create(c.plan, 2, c.diag, &x), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(init_states(x, 1, c.diag), STATUS_OK);
  uint32_t tenth = m->steps / 10;
  double first = mean_loss(&c, x, m->lr, 0, tenth);
  mean_loss(&c, x, m->lr, tenth, m->steps - 2 * tenth);
  double last = mean_loss(&c, x, m->lr, m->steps - tenth, tenth);
  CU_ASSERT(last < m->falls_to * first);
  printf("%s: %.3g -> %.3g ", m->path, first, last);
  executor_destroy(x);
  support_release(&c);
}

static void test_training(void) {
  static const Trained models[] = {{"tests/models/siamese_random.xml", "noise=0.2", 300, 0.1, 0.7},
                                   {"tests/models/gru.xml", "data=sines", 300, 0.1, 0.5}};
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) check_trained(&models[i]);
}

static void test_siamese(void) {
  check_model(&siamese);
  check_model(&siamese_variant);
}
static void test_meta_weight(void) {
  check_model(&meta_weight);
}
static void test_hard_tasks(void) {
  check_model(&hard_tasks);
}
static void test_gru(void) {
  check_model(&gru);
}
static void test_prototypes(void) {
  check_model(&prototypes);
}
static void test_vit(void) {
  check_model(&vit);
}
static void test_depthwise(void) {
  check_model(&depthwise);
}
static void test_command(void) {
  check_command(&siamese);
  check_command(&meta_weight);
  check_command(&hard_tasks);
  check_command(&gru);
  check_command(&prototypes);
  check_command(&vit);
  check_command(&depthwise);
}

int main(void) {
  static const SupportTest tests[] = {
      {"siamese: two inner steps, contrastive loss", test_siamese},
      {"meta-weight: bilevel", test_meta_weight},
      {"hard tasks: selections at both levels", test_hard_tasks},
      {"gru: unrolled", test_gru},
      {"prototypes: attention, the norm of a gradient", test_prototypes},
      {"vision transformer: attention, dropout, sharpness-aware steps", test_vit},
      {"depthwise network: a step through a step", test_depthwise},
      {"graphc and graphrun exec give the same bits", test_command},
      {"more memory than there is", test_too_large},
      {"training on drawn data", test_training},
  };
  return support_run("models", tests, sizeof tests / sizeof *tests);
}
