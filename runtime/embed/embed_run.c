/* Inputs, runs, outputs and states of a plan in another program. */
#include "runtime/embed/embed.h"

#include "runtime/execute/init.h"
#include "runtime/execute/weights.h"

#include <stdlib.h>
#include <string.h>

static Status wrong_bytes(graphrun_plan *p, const char *what, const char *name, size_t given,
                          size_t bytes) {
  return diag_error(p->diag, STATUS_INVALID, plan_place(p->plan), NULL,
                    "%s '%s' has %zu bytes, not %zu", what, name, bytes, given);
}

/* ---- inputs ---- */

static Status unknown_input(graphrun_plan *p, const PlanProgram *program, const char *name) {
  const char **names = calloc((size_t)program->n_inputs + 1, sizeof *names);
  uint32_t n = 0;
  for (; names && n < program->n_inputs; n++)
    names[n] = plan_text(p->plan, program->inputs[n].name);
  Status status = embed_unknown(p, "input", name, names, n);
  free(names);
  return status;
}

static const char *type_name(graphrun_type type) {
  return (unsigned)type < DTYPE_COUNT ? dtype_name((DType)type) : "?";
}

static Status wrong_value(graphrun_plan *p, const PlanInput *in, graphrun_type type,
                          const Shape *shape) {
  char own[SHAPE_TEXT_MAX], given[SHAPE_TEXT_MAX];
  return diag_error(p->diag, STATUS_INVALID, plan_place(p->plan), NULL,
                    "input '%s' is %s %s, what was given is %s %s", plan_text(p->plan, in->name),
                    dtype_name((DType)in->dtype), shape_text(&in->shape, own, sizeof own),
                    type_name(type), shape_text(shape, given, sizeof given));
}

static Status wrong_rank(graphrun_plan *p, const PlanInput *in, uint32_t rank) {
  char own[SHAPE_TEXT_MAX];
  return diag_error(p->diag, STATUS_INVALID, plan_place(p->plan), NULL,
                    "input '%s' is %s %s, what was given has %u dimensions",
                    plan_text(p->plan, in->name), dtype_name((DType)in->dtype),
                    shape_text(&in->shape, own, sizeof own), rank);
}

static Status set_input(graphrun_plan *p, const char *program, const char *name, graphrun_type type,
                        uint32_t rank, const int64_t *dims, const void *data) {
  uint32_t which;
  TRY(embed_program(p, program, &which));
  const PlanProgram *own = &p->plan->programs[which];
  const PlanInput *in = name ? plan_input_find(own, name) : NULL;
  if (!in) return unknown_input(p, own, name);
  if (rank && !dims) return embed_nothing(p, "the shape", name);
  if (rank > RANK_MAX) return wrong_rank(p, in, rank);
  Shape shape = {.rank = (uint8_t)rank};
  if (rank) memcpy(shape.dim, dims, rank * sizeof *dims);
  if ((unsigned)type != in->dtype || !shape_equal(&shape, &in->shape))
    return wrong_value(p, in, type, &shape);
  if (!data) return embed_nothing(p, "the data", name);
  size_t bytes = (size_t)shape_count(&shape) * dtype_size((DType)in->dtype);
  EmbedInput *to = &p->inputs[which][in - own->inputs];
  if (!to->data) to->data = malloc(bytes + 1);
  if (!to->data) return diag_no_memory(p->diag, bytes);
  memcpy(to->data, data, bytes);
  return STATUS_OK;
}

graphrun_status graphrun_set_input(graphrun_plan *p, const char *program, const char *name,
                                   graphrun_type type, uint32_t rank, const int64_t *shape,
                                   const void *data) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, set_input(p, program, name, type, rank, shape, data));
}

/* ---- runs ---- */

static bool starts_at_zero(const char *name) {
  return strcmp(name, "seed") == 0 || strcmp(name, "step") == 0;
}

/* What was set goes where the program takes it from; a run uses the bytes up. */
static Status give_inputs(graphrun_plan *p, uint32_t which) {
  const PlanProgram *own = &p->plan->programs[which];
  for (uint32_t i = 0; i < own->n_inputs; i++) {
    const PlanInput *in = &own->inputs[i];
    const char *name = plan_text(p->plan, in->name), *data = p->inputs[which][i].data;
    char shape[SHAPE_TEXT_MAX];
    Tensor to;
    if (!executor_input(p->executor, which, name, &to)) continue;
    if (data)
      memcpy(to.data, data, (size_t)tensor_bytes(&to));
    else if (starts_at_zero(name))
      memset(to.data, 0, (size_t)tensor_bytes(&to));
    else
      diag_error(p->diag, STATUS_USAGE, plan_place(p->plan), "graphrun_set_input sets it",
                 "program '%s' reads input '%s', %s %s, which is not set",
                 plan_text(p->plan, own->name), name, dtype_name((DType)in->dtype),
                 shape_text(&in->shape, shape, sizeof shape));
  }
  return diag_status(p->diag);
}

static Status run(graphrun_plan *p, const char *program) {
  uint32_t which;
  TRY(embed_program(p, program, &which));
  if (p->pending)
    return diag_error(p->diag, STATUS_USAGE, plan_place(p->plan),
                      "graphrun_commit keeps what it made; graphrun_load and graphrun_initialize "
                      "start anew",
                      "program '%s' ran and is not committed", p->program_names[p->ran]);
  TRY(executor_prepare(p->executor, which, p->diag));
  TRY(give_inputs(p, which));
  p->ran = UINT32_MAX;
  /* In place of a state its new value may stand already, whether all steps succeed or not. */
  bool commits = p->plan->programs[which].graph->n_commits > 0;
  Status status = executor_steps(p->executor, which, p->diag);
  if (status == STATUS_OK) status = executor_wait(p->executor, p->diag);
  p->ran = which;
  p->pending = commits;
  return status;
}

graphrun_status graphrun_run(graphrun_plan *p, const char *program) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, run(p, program));
}

static Status commit(graphrun_plan *p) {
  if (p->ran == UINT32_MAX)
    return diag_error(p->diag, STATUS_USAGE, plan_place(p->plan), "graphrun_run comes first",
                      "there is no run whose commits are to be made");
  uint32_t which = p->ran;
  p->ran = UINT32_MAX; /* outputs may be states' values from before */
  if (!p->pending) return STATUS_OK;
  TRY(executor_commit(p->executor, which, p->diag));
  p->pending = false;
  return executor_wait(p->executor, p->diag);
}

graphrun_status graphrun_commit(graphrun_plan *p) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, commit(p));
}

static Status get_output(graphrun_plan *p, const char *program, const char *name, void *data,
                         size_t bytes) {
  uint32_t which, i = 0;
  Tensor from;
  TRY(embed_program(p, program, &which));
  const Graph *g = p->plan->programs[which].graph;
  const char **names = calloc((size_t)g->n_outputs + 1, sizeof *names);
  if (!names) return diag_no_memory(p->diag, g->n_outputs);
  for (uint32_t k = 0; k < g->n_outputs; k++) names[k] = graph_text(g, g->outputs[k].name);
  while (i < g->n_outputs && (!name || strcmp(names[i], name) != 0)) i++;
  Status status =
      i < g->n_outputs ? STATUS_OK : embed_unknown(p, "output", name, names, g->n_outputs);
  free(names);
  TRY(status);
  if (p->ran != which)
    return diag_error(p->diag, STATUS_USAGE, plan_place(p->plan),
                      "graphrun_run comes before, graphrun_commit behind it",
                      "the last run was not of program '%s', or is committed", program);
  TRY(executor_read(p->executor, which, &i, 1, &from, p->diag));
  if (!data) return embed_nothing(p, "the data", name);
  if ((size_t)tensor_bytes(&from) != bytes)
    return wrong_bytes(p, "output", name, bytes, (size_t)tensor_bytes(&from));
  memcpy(data, from.data, bytes);
  return STATUS_OK;
}

graphrun_status graphrun_get_output(graphrun_plan *p, const char *program, const char *name,
                                    void *data, size_t bytes) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, get_output(p, program, name, data, bytes));
}

/* ---- states ---- */

static Status find_state(graphrun_plan *p, const char *name, const void *data, size_t bytes,
                         Tensor *out) {
  const Tensor *states;
  uint32_t i = name ? plan_state_find(p->plan, name) : UINT32_MAX;
  if (i == UINT32_MAX) {
    const char **names = calloc((size_t)p->plan->n_states + 1, sizeof *names);
    uint32_t n = 0;
    for (; names && n < p->plan->n_states; n++)
      names[n] = plan_text(p->plan, p->plan->states[n].name);
    Status status = embed_unknown(p, "state", name, names, n);
    free(names);
    return status;
  }
  if (!data) return embed_nothing(p, "the data", name);
  TRY(executor_states_read(p->executor, &states, p->diag));
  *out = states[i];
  if ((size_t)tensor_bytes(out) != bytes)
    return wrong_bytes(p, "state", name, bytes, (size_t)tensor_bytes(out));
  return STATUS_OK;
}

graphrun_status graphrun_get_state(graphrun_plan *p, const char *name, void *data, size_t bytes) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  Tensor t;
  Status status = find_state(p, name, data, bytes, &t);
  if (status == STATUS_OK) memcpy(data, t.data, bytes);
  return embed_end(&call, status);
}

graphrun_status graphrun_set_state(graphrun_plan *p, const char *name, const void *data,
                                   size_t bytes) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  Tensor t;
  Status status = find_state(p, name, data, bytes, &t);
  if (status == STATUS_OK) {
    memcpy(t.data, data, bytes);
    status = executor_states_write(p->executor, p->diag);
  }
  return embed_end(&call, status);
}

/* States are new: outputs of the run before may be gone, and where all are new so is what it would
 * have committed. */
static Status forget_run(graphrun_plan *p, bool all, Status status) {
  if (status != STATUS_OK || !all) return status;
  p->ran = UINT32_MAX;
  p->pending = false;
  return STATUS_OK;
}

graphrun_status graphrun_initialize(graphrun_plan *p, uint64_t seed) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, forget_run(p, true, init_states(p->executor, seed, p->diag)));
}

static Status load(graphrun_plan *p, const char *program, const char *path) {
  uint32_t which = 0;
  SafeFile *file;
  if (program) TRY(embed_program(p, program, &which));
  if (!path) return diag_error(p->diag, STATUS_USAGE, "path", NULL, "no file is named");
  TRY(safe_read(path, p->diag, &file));
  Status status = weights_load(p->executor, file, path, program ? WEIGHTS_PROGRAM : WEIGHTS_ALL,
                               which, p->diag);
  safe_close(file);
  return forget_run(p, !program, status);
}

graphrun_status graphrun_load(graphrun_plan *p, const char *program, const char *path) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, load(p, program, path));
}

static Status save(graphrun_plan *p, const char *path) {
  char hash[20];
  if (!path) return diag_error(p->diag, STATUS_USAGE, "path", NULL, "no file is named");
  SaveTensor *list = calloc((size_t)p->plan->n_states + 1, sizeof *list);
  if (!list) return diag_no_memory(p->diag, p->plan->n_states * sizeof *list);
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)p->plan->model_hash);
  SaveMeta metadata[] = {{"model", graphrun_model(p)}, {"model_hash", hash}};
  Status status = weights_tensors(p->executor, list, p->diag);
  if (status == STATUS_OK)
    status = safe_write(path, list, p->plan->n_states, metadata, sizeof metadata / sizeof *metadata,
                        false, p->diag);
  free(list);
  return status;
}

graphrun_status graphrun_save(graphrun_plan *p, const char *path) {
  if (!p) return GRAPHRUN_USAGE;
  EmbedCall call = embed_begin(p);
  return embed_end(&call, save(p, path));
}
