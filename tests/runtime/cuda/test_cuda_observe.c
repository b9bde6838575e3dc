/* Times of steps and copies on the device `cuda`: all are told, waits are seen in them, and a run
 * that is observed gives the same bits. */
#include "tests/cuda/plan_lab.h"
#include "tests/shell.h"

#include <jansson.h>

#define MODEL "models/examples/mlp.xml"

typedef struct Told {
  uint32_t step;
  int64_t begin, end;
} Told;

typedef struct Notes {
  Told *at;
  uint32_t n, room;
} Notes;

static void note(void *context, uint32_t step, uint32_t phase, uint32_t task, int64_t begin,
                 int64_t end) {
  Notes *notes = context;
  CU_ASSERT(phase == 0 && task == 0);
  if (notes->n < notes->room) notes->at[notes->n] = (Told){step, begin, end};
  notes->n++;
}

static Status run(Executor *x, int64_t step, Diag *diag) {
  plan_lab_fill(x, 0, step);
  TRY(executor_run(x, 0, diag));
  return executor_wait(x, diag);
}

/* Four runs, the third observed or not; the caller frees the states' bytes. */
static char *four_runs(const Plan *plan, bool no_graph, Notes *notes, uint64_t *launches,
                       CusimOptions options) {
  Executor *x;
  Diag *diag = diag_create();
  const Tensor *states = NULL;
  CusimReport report;
  char *bytes = calloc(1, (size_t)plan->state_bytes);
  ExecutorOptions with = {.threads = 1,
                          .program = EXECUTOR_ALL,
                          .device = &device_cuda,
                          .wishes = {.no_graph = no_graph}};
  options.devices = 1;
  options.memory = (size_t)1 << 30;
  options.fast = options.print = true;
  cuda_lab_begin(&options);
  CU_ASSERT_EQUAL_FATAL(executor_create_with(plan, &with, diag, &x), STATUS_OK);
  Status status = init_states(x, 3, diag);
  for (int64_t step = 0; step < 4 && status == STATUS_OK; step++) {
    if (step == 2 && notes) executor_observe(x, note, notes);
    status = run(x, step, diag);
    if (step == 2 && notes) executor_observe(x, NULL, NULL);
  }
  if (status == STATUS_OK) status = executor_states_read(x, &states, diag);
  diag_print(diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  for (uint32_t i = 0; i < plan->n_states; i++)
    memcpy(bytes + plan->state_offset[i], states[i].data, (size_t)tensor_bytes(&states[i]));
  executor_destroy(x);
  CU_ASSERT(cuda_lab_end_report("observed", &report));
  *launches = report.of[CUDA_CALL_cudaGraphLaunch];
  diag_destroy(diag);
  return bytes;
}

static int64_t slack(void) {
  return cuda_lab_real() ? 2000 : 1; /* what an event's time is good for, ns */
}

/* Each step is told once, after those that it waits for and the one before on its stream. */
static void check_notes(const Plan *plan, const Notes *notes) {
  const PlanProgram *p = &plan->programs[0];
  const Told **of = calloc(p->n_steps, sizeof *of), *before[TARGET_STREAMS_MAX] = {0};
  uint32_t inputs = 0, late = 0;
  CU_ASSERT_FATAL(notes->n <= notes->room && of != NULL);
  for (uint32_t i = 0; i < notes->n; i++) {
    const Told *t = &notes->at[i];
    CU_ASSERT(t->begin <= t->end);
    const char *name = executor_task_name(t->step);
    inputs += name && strcmp(name, "inputs") == 0;
    if (name) continue;
    CU_ASSERT_FATAL(t->step < p->n_steps);
    CU_ASSERT_PTR_NULL(of[t->step]);
    of[t->step] = t;
  }
  CU_ASSERT_EQUAL(inputs, 1);
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const PlanStep *step = &p->steps[s];
    CU_ASSERT_PTR_NOT_NULL_FATAL(of[s]);
    const Told *last = before[step->stream];
    late += last && of[s]->begin + slack() < last->end;
    for (uint32_t k = 0; k < step->n_waits; k++)
      late += of[s]->begin + slack() < of[p->waits[step->first_wait + k]]->end;
    before[step->stream] = of[s];
  }
  CU_ASSERT_EQUAL(late, 0);
  free(of);
}

static int by_step(const void *a, const void *b) {
  const Told *x = a, *y = b;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* They are told when it is known that they are over, which may be in another order. */
static bool same_notes(Notes *a, Notes *b) {
  bool same = a->n == b->n;
  qsort(a->at, a->n, sizeof *a->at, by_step);
  qsort(b->at, b->n, sizeof *b->at, by_step);
  for (uint32_t i = 0; same && i < a->n; i++)
    same = a->at[i].step == b->at[i].step && a->at[i].begin == b->at[i].begin &&
           a->at[i].end == b->at[i].end;
  return same;
}

/* Times follow from what was asked for, not from when the simulator ran it. */
static void observed(void) {
  static const CusimOptions orders[] = {
      {.order = CUSIM_LAZY}, {.order = CUSIM_EAGER}, {.order = CUSIM_RANDOM, .seed = 5}};
  Compiled c = plan_lab_compile(MODEL, NULL, 0, "f64", &target_cuda_sm90, 1);
  CU_ASSERT(plan_streams(&c.plan->programs[0]) > 1);
  uint64_t launches;
  char *want = four_runs(c.plan, false, NULL, &launches, orders[0]);
  CU_ASSERT(cuda_lab_real() || launches == 3);
  Notes first = {0};
  for (size_t i = 0; i < 3; i++) {
    Notes notes = {.room = c.plan->programs[0].n_steps + 8};
    notes.at = calloc(notes.room, sizeof *notes.at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(notes.at);
    char *have = four_runs(c.plan, i == 1, &notes, &launches, orders[i]);
    CU_ASSERT_EQUAL(memcmp(want, have, (size_t)c.plan->state_bytes), 0);
    /* The second run is captured, the fourth replayed, the observed third is neither. */
    CU_ASSERT(cuda_lab_real() || launches == (i == 1 ? 0 : 2));
    check_notes(c.plan, &notes);
    if (i && !cuda_lab_real()) CU_ASSERT(same_notes(&first, &notes));
    if (i)
      free(notes.at);
    else
      first = notes;
    free(have);
  }
  free(first.at);
  free(want);
  support_release(&c);
}

/* ---- the command line ---- */

/* A file of `bench --trace`: slices of all steps on rows of streams, and of copies. */
static void check_trace(const char *path, double kernels) {
  json_t *root = json_load_file(path, 0, NULL), *event;
  size_t i, rows = 0, slices = 0, copies = 0, arrows = 0;
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
    const char *phase = json_string_value(json_object_get(event, "ph"));
    const char *kind = json_string_value(json_object_get(event, "cat"));
    const char *name = json_string_value(json_object_get(json_object_get(event, "args"), "name"));
    rows += name && (strstr(name, "kernels of stream ") == name || strcmp(name, "copies") == 0);
    arrows += *phase == 'f';
    if (*phase != 'X') continue;
    copies += strcmp(kind, "copy") == 0;
    slices += strcmp(kind, "copy") != 0;
    CU_ASSERT(json_real_value(json_object_get(event, "ts")) >= 0);
  }
  CU_ASSERT(rows >= 3 && copies >= 1 && arrows >= 1);
  CU_ASSERT_EQUAL((double)slices, kernels);
  json_decref(root);
}

static void traced(void) {
  if (!getenv("GRAPHRUN") || cuda_lab_real()) return;
  shell_must("$GRAPHC $TOP/" MODEL " --precision=f64 "
             "--target=cuda-sm90 -o p.xml");
  static const char *const none[] = {"--math: error: tf32 is for products of f32, and the plan has "
                                     "none: it computes in f64\nhint: leave it out",
                                     NULL};
  CU_ASSERT_TRUE(shell_says("tf32",
                            shell("$GRAPHRUN bench p.xml --math=tf32 --device=\"$(dirname "
                                  "\"$GRAPHRUN\")/tests/device_cusim.so\""),
                            2, 1, none));
  Shell s = shell("$GRAPHRUN bench p.xml --steps=1 --trace=t.json "
                  "\"--device=$(dirname \"$GRAPHRUN\")/tests/device_cusim.so\"");
  CU_ASSERT_EQUAL(s.code, 0);
  const char *at = strstr(s.out, "kernels=");
  if (s.code || !at) printf("\n%s%s", s.err, s.out);
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  check_trace(support_path("t.json"), strtod(at + 8, NULL));
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {{"observed", observed}, {"traced", traced}};
  return support_run("cuda observe", tests, sizeof tests / sizeof *tests);
}
