/* `graphrun exec`: states from weights, initialisers and the feed, inputs from the feed, one run,
 * and the fetched values and states to a file. */
#include "runtime/execute/exec.h"

#include "graph/base/text.h"
#include "graph/plan/suggest.h"
#include "ops/ops.h"
#include "runtime/execute/init.h"
#include "runtime/execute/open.h"
#include "runtime/execute/weights.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Exec {
  const ExecOptions *options;
  const char **fetch; /* the GLOBs of options->fetch */
  uint32_t n_fetch;
  const Plan *plan;
  uint32_t program;
  Executor *executor;
  Diag *diag;
} Exec;

/* Index of the first element that is not finite; -1: there is none. */
static int64_t first_not_finite(const Tensor *t) {
  int64_t n = shape_count(&t->shape);
  for (int64_t i = 0; dtype_is_float(t->dtype) && i < n; i++)
    if (!isfinite(tensor_get(t, i))) return i;
  return -1;
}

/* ---- inputs ---- */

static void warn_fed(const Exec *x, const char *name, const Tensor *t) {
  int64_t i = first_not_finite(t);
  if (i >= 0)
    file_tensor_warning(x->options->feed, name, x->diag, NULL, "element %lld is %g", (long long)i,
                        tensor_get(t, i));
}

static const PlanProgram *program_of(const Exec *x) {
  return &x->plan->programs[x->program];
}

/* True when some program has an input of this name, or a schedule makes it: one feed may serve
 * several programs. */
static bool is_known_input(const Plan *plan, const char *name) {
  if (plan_schedule_find(plan, name) != UINT32_MAX) return true;
  for (uint32_t p = 0; p < plan->n_programs; p++)
    if (plan_input_find(&plan->programs[p], name)) return true;
  return strcmp(name, "seed") == 0 || strcmp(name, "step") == 0;
}

static Status unknown_name(const Exec *x, const char *name) {
  const Plan *plan = x->plan;
  const PlanProgram *p = program_of(x);
  const char **names = calloc((size_t)plan->n_states + p->n_inputs + 1, sizeof *names);
  size_t n = 0;
  for (uint32_t i = 0; names && i < plan->n_states; i++)
    names[n++] = plan_text(plan, plan->states[i].name);
  for (uint32_t i = 0; names && i < p->n_inputs; i++)
    names[n++] = plan_text(plan, p->inputs[i].name);
  const char *near = names ? diag_nearest(name, names, n) : NULL;
  char hint[256];
  text_format(hint, sizeof hint,
              near ? "did you mean '%s'?" : "graphrun info lists inputs and states", near);
  free(names);
  return file_tensor_error(x->options->feed, name, x->diag, hint,
                           "the plan has neither an input nor a state of this name");
}

static Status check_tensor(const Exec *x, const FileTensor *from, DType dtype, const Shape *shape) {
  return file_tensor_check(
      from, x->options->feed, dtype, shape, NULL,
      "is it of a model with other sizes? compile with the -D it was made with", x->diag);
}

/* The model declares it, and folding found that nothing depends on it: it must fit, no more. */
static void take_needless(const Exec *x, const FileTensor *from, const PlanInput *in) {
  if (check_tensor(x, from, (DType)in->dtype, &in->shape) == STATUS_OK)
    file_tensor_warning(x->options->feed, from->name, x->diag, NULL,
                        "program '%s' does not need this input: nothing depends on it",
                        x->options->program);
}

static Status feed(const Exec *x, const SafeFile *file) {
  const Tensor *states;
  TRY(executor_states_read(x->executor, &states, x->diag));
  for (uint32_t i = 0; i < safe_count(file); i++) {
    const FileTensor *from = safe_tensor(file, i);
    const PlanInput *in = plan_input_find(program_of(x), from->name);
    uint32_t state = plan_state_find(x->plan, from->name);
    Tensor to;
    if (in && !in->node) {
      take_needless(x, from, in);
      continue;
    }
    if (state != UINT32_MAX)
      to = states[state];
    else if (!executor_input(x->executor, x->program, from->name, &to)) {
      if (!is_known_input(x->plan, from->name)) unknown_name(x, from->name);
      continue;
    }
    if (check_tensor(x, from, to.dtype, &to.shape) == STATUS_OK) {
      file_tensor_copy(&to, from);
      warn_fed(x, from->name, &to);
    }
  }
  TRY(diag_status(x->diag));
  return executor_states_write(x->executor, x->diag);
}

/* Every input that the program needs must be in the feed. */
static Status check_fed(const Exec *x, const SafeFile *file) {
  const PlanProgram *p = program_of(x);
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const PlanInput *in = &p->inputs[i];
    const char *name = plan_text(x->plan, in->name);
    if (!in->node || strcmp(name, "seed") == 0 || strcmp(name, "step") == 0) continue;
    if (file && safe_find(file, name)) continue;
    char shape[SHAPE_TEXT_MAX];
    diag_error(x->diag, STATUS_INVALID, x->options->feed ? x->options->feed : "--feed",
               "--feed=F.safetensors supplies the inputs by name",
               "the program reads input '%s', %s %s, which is not fed", name,
               dtype_name((DType)in->dtype), shape_text(&in->shape, shape, sizeof shape));
  }
  return diag_status(x->diag);
}

/* `seed` and `step` are 0 unless they are fed; which bits a random op draws depends on them, so
 * that is said. */
static void clear_input(const Exec *x, const SafeFile *file, const char *name) {
  Tensor t;
  if (!executor_input(x->executor, x->program, name, &t)) return;
  tensor_set(&t, 0, 0);
  if (!file || !safe_find(file, name))
    printf("program '%s' runs with %s 0: --feed has no '%s'\n", x->options->program, name, name);
}

/* ---- results ---- */

static bool fetched(const Exec *x, const char *name) {
  for (uint32_t i = 0; i < x->n_fetch; i++)
    if (fnmatch(x->fetch[i], name, 0) == 0) return true;
  return false;
}

static bool finds(const Exec *x, const char *pattern) {
  const Graph *g = x->plan->programs[x->program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (fnmatch(pattern, graph_text(g, g->outputs[i].name), 0) == 0) return true;
  for (uint32_t i = 0; i < x->plan->n_states; i++)
    if (fnmatch(pattern, plan_text(x->plan, x->plan->states[i].name), 0) == 0) return true;
  return false;
}

/* What may be meant by a pattern that matches nothing: a value that was not kept, or a typing
 * error. */
static void fetch_hint(const Exec *x, const char *pattern, char *hint, size_t size) {
  const Plan *plan = x->plan;
  const Graph *g = plan->programs[x->program].graph;
  const char **names = calloc((size_t)g->n_outputs + plan->n_states + g->n_nodes, sizeof *names);
  size_t n = 0;
  bool inside = false;
  for (uint32_t i = 0; names && i < g->n_outputs; i++)
    names[n++] = graph_text(g, g->outputs[i].name);
  for (uint32_t i = 0; names && i < plan->n_states; i++)
    names[n++] = plan_text(plan, plan->states[i].name);
  for (NodeId id = 1; names && id < g->n_nodes; id++) {
    if (!g->nodes[id].name) continue;
    names[n] = graph_text(g, g->nodes[id].name);
    inside |= fnmatch(pattern, names[n++], 0) == 0;
  }
  const char *near = names ? diag_nearest(pattern, names, n) : NULL;
  char meant[300];
  bool other = value_suggest(&plan->programs[x->program], 1, pattern, meant, sizeof meant);
  if (inside)
    text_format(hint, size, "graphc --keep='%s' keeps values that fusion would remove", pattern);
  else if (other && finds(x, meant))
    text_format(hint, size, "did you mean '%s'?", meant);
  else if (other)
    text_format(hint, size, "did you mean '%s'? graphc --keep='%s' keeps it", meant, meant);
  else if (near)
    text_format(hint, size, "did you mean '%s'?", near);
  else
    text_format(hint, size,
                "graphrun info lists outputs and states; graphc --keep=NAME keeps others");
  free(names);
}

static Status check_fetch(const Exec *x) {
  for (uint32_t i = 0; i < x->n_fetch; i++) {
    char hint[1100];
    if (finds(x, x->fetch[i])) continue;
    fetch_hint(x, x->fetch[i], hint, sizeof hint);
    diag_error(x->diag, STATUS_INVALID, "--fetch", hint,
               "the plan keeps no value '%s' in program '%s'", x->fetch[i], x->options->program);
  }
  return diag_status(x->diag);
}

/* The GLOBs of --fetch; they live in the arena. */
static Status split_fetch(Exec *x, Arena *arena) {
  const char *text = x->options->fetch;
  if (!text) return STATUS_OK;
  x->fetch = arena_array(arena, strlen(text) + 1, sizeof *x->fetch);
  char *list = arena_strdup(arena, text), *save = NULL;
  if (!x->fetch || !list) return diag_no_memory(x->diag, strlen(text));
  for (char *glob = strtok_r(list, ",", &save); glob; glob = strtok_r(NULL, ",", &save))
    x->fetch[x->n_fetch++] = glob;
  return STATUS_OK;
}

/* Copies what is asked for: an output may be a state's value before the step, which the commits
 * overwrite. */
static Status take_outputs(const Exec *x, Arena *arena, SaveTensor *list, uint32_t *n) {
  const Graph *g = x->plan->programs[x->program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    const char *name = graph_text(g, g->outputs[i].name);
    if (!g->outputs[i].declared && !fetched(x, name)) continue;
    Tensor t;
    TRY(executor_read(x->executor, x->program, &i, 1, &t, x->diag));
    size_t bytes = (size_t)tensor_bytes(&t);
    void *copy = arena_alloc(arena, bytes + 1);
    if (!copy) return diag_no_memory(x->diag, bytes);
    memcpy(copy, t.data, bytes);
    list[(*n)++] = (SaveTensor){name, t.dtype, t.shape, copy};
  }
  return STATUS_OK;
}

/* The file is written all the same: looking for the first such value is what exec is good for. */
static void warn_results(const Exec *x, const SaveTensor *list, uint32_t n) {
  uint32_t bad = 0, first = 0;
  int64_t element = 0;
  for (uint32_t k = 0; k < n; k++) {
    Tensor t = {(void *)list[k].data, list[k].dtype, list[k].shape};
    int64_t i = first_not_finite(&t);
    if (i < 0) continue;
    if (bad++ == 0) first = k, element = i;
  }
  if (bad)
    diag_warning(x->diag, x->options->out, "graphc --keep with --fetch shows the values before",
                 "%u of %u tensors hold numbers that are not finite, first '%s' (element %lld)",
                 bad, n, list[first].name, (long long)element);
}

static Status write_results(const Exec *x, SaveTensor *list, uint32_t n) {
  const Plan *plan = x->plan;
  TRY(weights_tensors(x->executor, list + n, x->diag));
  n += plan->n_states;
  char hash[20];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)plan->model_hash);
  SaveMeta metadata[] = {{"model", plan_text(plan, plan->model_name)},
                         {"model_hash", hash},
                         {"program", x->options->program}};
  TRY(safe_write(x->options->out, list, n, metadata, sizeof metadata / sizeof *metadata, false,
                 x->diag));
  warn_results(x, list, n);
  return STATUS_OK;
}

static Status run_once(const Exec *x) {
  TRY(executor_steps(x->executor, x->program, x->diag));
  size_t most = (size_t)x->plan->programs[x->program].graph->n_outputs + x->plan->n_states + 1;
  SaveTensor *list = calloc(most, sizeof *list);
  Arena *arena = arena_create();
  uint32_t n = 0;
  Status status = list && arena ? STATUS_OK : diag_no_memory(x->diag, most * sizeof *list);
  if (status == STATUS_OK) status = take_outputs(x, arena, list, &n);
  if (status == STATUS_OK) status = executor_commit(x->executor, x->program, x->diag);
  if (status == STATUS_OK) status = write_results(x, list, n);
  arena_destroy(arena);
  free(list);
  return status;
}

/* ---- the run ---- */

static uint64_t fed_seed(const SafeFile *file) {
  const FileTensor *t = file ? safe_find(file, "seed") : NULL;
  return t && t->count == 1 ? (uint64_t)(int64_t)file_tensor_get(t, 0) : 0;
}

static Status load_weights(const Exec *x) {
  const char *path = x->options->weights;
  SafeFile *file;
  if (!path) return STATUS_OK;
  TRY(safe_read(path, x->diag, &file));
  Status status = weights_load(x->executor, file, path, WEIGHTS_PROGRAM, x->program, x->diag);
  safe_close(file);
  return status;
}

static Status prepare_values(const Exec *x, const SafeFile *file) {
  TRY(check_fed(x, file));
  TRY(check_fetch(x));
  TRY(init_states(x->executor, fed_seed(file), x->diag));
  TRY(load_weights(x));
  clear_input(x, file, "seed");
  clear_input(x, file, "step");
  return file ? feed(x, file) : STATUS_OK;
}

static Status run(Exec *x) {
  SafeFile *file = NULL;
  if (x->options->feed) TRY(safe_read(x->options->feed, x->diag, &file));
  ExecutorOptions options = {.threads = x->options->threads,
                             .program = EXECUTOR_ALL,
                             .device = x->options->device,
                             .wishes = x->options->wishes};
  Status status = executor_create_with(x->plan, &options, x->diag, &x->executor);
  if (status == STATUS_OK) status = prepare_values(x, file);
  if (status == STATUS_OK) status = run_once(x);
  executor_destroy(x->executor);
  safe_close(file);
  return status;
}

static Status check_options(const ExecOptions *o, Diag *diag) {
  if (!o->program)
    return diag_error(diag, STATUS_USAGE, "--program", "graphrun info PLAN lists the programs",
                      "exec needs --program=P");
  if (!o->out) return diag_error(diag, STATUS_USAGE, "--out", NULL, "exec needs -o F.safetensors");
  return STATUS_OK;
}

Status exec_run(const ExecOptions *options, Diag *diag) {
  Plan *plan;
  TRY(check_options(options, diag));
  TRY(plan_open(options->plan, options->device, diag, &plan));
  Exec x = {.options = options, .plan = plan, .diag = diag};
  Arena *arena = arena_create();
  Status status = arena ? split_fetch(&x, arena) : diag_no_memory(diag, sizeof x);
  if (status == STATUS_OK)
    status = plan_program_require(plan, options->plan, options->program, diag, &x.program);
  if (status == STATUS_OK) status = run(&x);
  arena_destroy(arena);
  plan_destroy(plan);
  return status;
}
