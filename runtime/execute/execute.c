/* The executor's life, and the order of what it asks the device for.
 *
 * Programs (launch.c) and commits go on one stream, copies from and to the host on another.  Inputs
 * overwrite bytes that the steps before them used, so their copies follow those; steps follow their
 * inputs; outputs and states are fetched when the steps have run.  A stream that follows waits for
 * an event of the other, once for all that is new there; nothing is recorded that nobody waits for.
 * The host waits for its own copies only, before it may fill the memory anew or look at it. */
#include "runtime/execute/executor.h"

#include "graph/base/text.h"
#include "ops/ops.h"
#include "runtime/device/find.h"
#include "runtime/execute/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- failures ---- */

void executor_step_is(Executor *x, int64_t step) {
  x->step = step;
}

const char *executor_moment(const Executor *x, char text[MOMENT_MAX]) {
  *text = '\0';
  if (x->step >= 0) snprintf(text, MOMENT_MAX, "step %lld, ", (long long)x->step);
  return text;
}

void executor_step_name(const Executor *x, uint32_t program, uint32_t step, char *out,
                        size_t size) {
  const PlanProgram *p = &x->plan->programs[program];
  const Node *node = &p->graph->nodes[p->step_nodes[p->steps[step].first]];
  const SourceLoc *loc = &x->plan->symbols->locs[node->stamp.loc];
  char more[32] = "";
  if (op_desc(node->op)->op_class == OP_CLASS_COLLECTIVE && p->steps[step].count > 1)
    snprintf(more, sizeof more, " and %u more", p->steps[step].count - 1);
  const char *value = graph_text(p->graph, node->name ? node->name : node->stamp.scope);
  size_t n = text_format(out, size, "kernel %u, %s '%s'", step, op_desc(node->op)->name, value);
  if (node->stamp.loc)
    n = text_append(out, size, n, " (%s:%u)", plan_text(x->plan, loc->file), loc->line);
  text_append(out, size, n, "%s", more);
}

Status executor_step_failed(const Executor *x, Status status, uint32_t program, uint32_t step,
                            const char *hint, const char *text, Diag *diag) {
  char name[STEP_NAME_MAX], moment[MOMENT_MAX];
  executor_step_name(x, program, step, name, sizeof name);
  return diag_error(diag, status, plan_text(x->plan, x->plan->programs[program].name), hint,
                    "%s%s: %s", executor_moment(x, moment), name, text);
}

/* What could not be done, of a program or of all; NULL: nothing in particular. */
static const char *undone(uint32_t what) {
  switch (what) {
  case TAG_INPUTS:
    return "its inputs cannot be sent to";
  case TAG_OUTPUTS:
    return "its outputs cannot be fetched from";
  case TAG_COMMIT:
    return "its new states cannot be kept on";
  case TAG_SEQUENCE:
    return "its kernels cannot be given to";
  case TAG_STATES_IN:
    return "states cannot be sent to";
  case TAG_STATES_OUT:
    return "states cannot be fetched from";
  default:
    return NULL;
  }
}

static const char *step_hint(const PlanProgram *p, uint32_t step, Status status) {
  const Node *node = &p->graph->nodes[p->step_nodes[p->steps[step].first]];
  if (op_desc(node->op)->op_class == OP_CLASS_COLLECTIVE)
    return "--resume goes on from the last checkpoint; --rank-timeout=S waits longer";
  return status == STATUS_INVALID ? "do the data fit the plan? (labels, indices)" : NULL;
}

Status executor_failed(const Executor *x, Status status, DeviceTag tag, Diag *diag) {
  const char *text = x->device->error.what.text, *name = x->table->name;
  if (x->device->error.tag != DEVICE_TAG_NONE) tag = x->device->error.tag;
  uint32_t program = (uint32_t)(tag >> 32), what = (uint32_t)tag;
  bool known = program < x->plan->n_programs;
  if (known && what < x->plan->programs[program].n_steps)
    return executor_step_failed(x, status, program, what,
                                step_hint(&x->plan->programs[program], what, status), text, diag);
  const char *place = known && what <= TAG_SEQUENCE
                          ? plan_text(x->plan, x->plan->programs[program].name)
                          : plan_place(x->plan);
  const char *what_not = undone(what);
  char moment[MOMENT_MAX];
  if (!what_not)
    return diag_error(diag, status, place, NULL, "%sthe device '%s' fails: %s",
                      executor_moment(x, moment), name, text);
  return diag_error(diag, status, place, NULL, "%s%s the device '%s': %s",
                    executor_moment(x, moment), what_not, name, text);
}

/* ---- streams ---- */

Status executor_follow(Executor *x, DeviceStream stream, DeviceTag tag, Diag *diag) {
  DeviceStream other = stream == STREAM_STEPS ? STREAM_COPIES : STREAM_STEPS;
  DeviceEvent event = other == STREAM_STEPS ? EVENT_STEPS : EVENT_COPIES;
  if (stream == STREAM_COPIES) x->followed = x->given;
  if (!x->fresh[other]) return STATUS_OK;
  x->behind[other] = x->behind[stream] = true;
  TRY_DEVICE(x, tag, x->table->record(x->device, other, event, tag), diag);
  TRY_DEVICE(x, tag, x->table->wait(x->device, stream, event, tag), diag);
  x->fresh[other] = false;
  return STATUS_OK;
}

Status executor_synchronise(Executor *x, DeviceStream stream, DeviceTag tag, Diag *diag) {
  DeviceStream other = stream == STREAM_STEPS ? STREAM_COPIES : STREAM_STEPS;
  if (!x->behind[stream]) return STATUS_OK;
  TRY_DEVICE(x, tag, x->table->synchronise(x->device, stream), diag);
  x->fresh[stream] = x->behind[stream] = false;
  if (!x->fresh[other]) x->behind[other] = false; /* this stream waited for all of it */
  return STATUS_OK;
}

/* ---- life ---- */

static Status find_device(const Plan *plan, const ExecutorOptions *options, Diag *diag,
                          const DeviceTable **out) {
  *out = options->device;
  if (!*out) TRY(device_find(DEVICE_DEFAULT, diag, out));
  const Target *runs = (*out)->backend->target;
  char hint[128];
  if (backend_runs((*out)->backend, plan->target)) return STATUS_OK;
  snprintf(hint, sizeof hint, "compile the model again: graphc MODEL.xml --target=%.64s",
           runs->name);
  return diag_error(diag, STATUS_INVALID, plan_place(plan), hint,
                    "the plan was compiled for the target '%s', the device '%s' runs: %s",
                    plan->target->name, (*out)->name, runs->name);
}

/* Programs in which no ranks meet run alone, whatever the plan is for: see executor_prepare. */
static Status check_ranks(const Plan *plan, const Ranks *ranks, const DeviceTable *table,
                          Diag *diag) {
  if (ranks && ranks->count > 1 && !table->collective)
    return diag_error(diag, STATUS_INVALID, plan_place(plan),
                      "graphc without --ranks compiles for one",
                      "the device '%s' runs no plans of several ranks", table->name);
  return ranks ? plan_fits_ranks(plan, ranks->count, diag) : STATUS_OK;
}

static Status take_arena(Executor *x, Diag *diag) {
  int64_t bytes = x->plan->state_bytes + x->scratch, limit = x->table->memory(x->device);
  void *at = NULL;
  if (bytes > limit)
    return diag_error(
        diag, STATUS_NO_FIT, plan_place(x->plan), "smaller batches or pictures need less",
        "the plan needs %lld MB of memory, the device '%s' has %lld MB",
        (long long)((bytes + (1 << 20) - 1) >> 20), x->table->name, (long long)(limit >> 20));
  Status status = x->table->allocate(x->device, (size_t)bytes + (bytes == 0), &at);
  if (status != STATUS_OK)
    return diag_error(diag, status, plan_place(x->plan), "smaller batches or pictures need less",
                      "the device '%s' gives no arena of %lld bytes: %s", x->table->name,
                      (long long)bytes, x->device->error.what.text);
  x->arena = at;
  x->view = x->table->host_view ? x->table->host_view(x->device, at) : NULL;
  return STATUS_OK;
}

static Status open_device(Executor *x, const ExecutorOptions *options, Diag *diag) {
  DeviceOptions o = {
      .threads = options->threads, .ranks = options->ranks, .wishes = options->wishes};
  TRY(executor_count(x, &o.events, diag));
  o.streams = x->streams;
  return x->table->open(&o, diag, &x->device);
}

Status executor_create_with(const Plan *plan, const ExecutorOptions *options, Diag *diag,
                            Executor **out_executor) {
  *out_executor = NULL;
  Executor *x = calloc(1, sizeof *x);
  if (!x) return diag_no_memory(diag, sizeof *x);
  x->plan = plan;
  x->scratch = options->program == EXECUTOR_ALL ? plan_arena_bytes(plan) - plan->state_bytes
                                                : plan->programs[options->program].scratch_bytes;
  x->programs = calloc(plan->n_programs + 1u, sizeof *x->programs);
  Status status =
      x->programs ? STATUS_OK : diag_no_memory(diag, plan->n_programs * sizeof(Prepared));
  x->ranks = options->ranks;
  x->wishes = options->wishes;
  x->sent = EXECUTOR_ALL;
  x->step = -1;
  if (status == STATUS_OK) status = find_device(plan, options, diag, &x->table);
  if (status == STATUS_OK) status = plan_fits_wishes(plan, &options->wishes, diag);
  if (status == STATUS_OK) status = check_ranks(plan, options->ranks, x->table, diag);
  if (status == STATUS_OK) status = open_device(x, options, diag);
  if (status == STATUS_OK) status = take_arena(x, diag);
  if (status == STATUS_OK) status = executor_values_create(x, diag);
  if (status != STATUS_OK) {
    executor_destroy(x);
    return status;
  }
  *out_executor = x;
  return STATUS_OK;
}

Status executor_create(const Plan *plan, uint32_t threads, Diag *diag, Executor **out_executor) {
  return executor_create_with(plan, &(ExecutorOptions){.threads = threads, .program = EXECUTOR_ALL},
                              diag, out_executor);
}

void executor_destroy(Executor *x) {
  if (!x) return;
  /* Commands that wait still name kernels and memory. */
  for (DeviceStream s = 0; x->device && s < EXECUTOR_STREAMS; s++)
    executor_synchronise(x, s, DEVICE_TAG_NONE, NULL);
  for (uint32_t i = 0; x->programs && i < x->plan->n_programs; i++) executor_release(x, i);
  if (x->device) {
    executor_values_destroy(x);
    executor_ahead_release(x);
    x->table->release(x->device, x->arena);
    x->table->close(x->device);
  }
  free(x->programs);
  free(x);
}

const Plan *executor_plan(const Executor *x) {
  return x->plan;
}

const DeviceWishes *executor_wishes(const Executor *x) {
  return &x->wishes;
}

/* ---- running ---- */

static Status send_inputs(Executor *x, uint32_t program, Diag *diag) {
  const Prepared *p = &x->programs[program];
  DeviceTag tag = executor_tag(program, TAG_INPUTS);
  TRY(executor_follow(x, STREAM_COPIES, tag, diag));
  executor_gives(x, STREAM_COPIES);
  TRY_DEVICE(x, tag, x->table->copy_in(x->device, STREAM_COPIES, p->inputs, p->n_inputs, tag),
             diag);
  return STATUS_OK;
}

Status executor_steps(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  TRY(executor_states_start(x, diag));
  x->states_here = false;
  DeviceTag tag = executor_tag(program, TAG_INPUTS);
  bool sent = x->programs[program].n_inputs > 0;
  bool ahead = x->sent == program;
  x->sent = EXECUTOR_ALL;
  if (sent) TRY(ahead ? executor_take_sent(x, program, diag) : send_inputs(x, program, diag));
  Status status = executor_follow(x, STREAM_STEPS, tag, diag);
  if (status == STATUS_OK) status = executor_launch(x, program, diag);
  if (!sent) return status;
  /* Inputs may be set anew now, whatever came of it. */
  Status waited = executor_synchronise(x, STREAM_COPIES, tag, status == STATUS_OK ? diag : NULL);
  return status == STATUS_OK ? waited : status;
}

/* No value of a commit lies in another state's bytes, except the one that is committed there too
 * (ops/verify_plan.c), so copies can follow each other. */
Status executor_commit(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  const Prepared *p = &x->programs[program];
  DeviceTag tag = executor_tag(program, TAG_COMMIT);
  if (!p->n_commits) return STATUS_OK;
  x->states_here = false;
  executor_gives(x, STREAM_STEPS);
  TRY_DEVICE(x, tag, x->table->copy_within(x->device, STREAM_STEPS, p->commits, p->n_commits, tag),
             diag);
  return STATUS_OK;
}

Status executor_run(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_steps(x, program, diag));
  return executor_commit(x, program, diag);
}

Status executor_wait(Executor *x, Diag *diag) {
  DeviceTag tag = executor_tag(0, TAG_WAIT);
  TRY(executor_synchronise(x, STREAM_STEPS, tag, diag));
  return executor_synchronise(x, STREAM_COPIES, tag, diag);
}

/* ---- measuring ---- */

uint32_t executor_tasks(const Executor *x, uint32_t program) {
  uint32_t n = 0;
  for (uint32_t s = 0; x->table->parts && s < x->plan->programs[program].n_steps; s++)
    n += x->programs[program].steps[s].kernel
             ? x->table->parts(x->programs[program].steps[s].kernel)
             : 1;
  return n ? n + COPIES_OF_A_RUN : 0;
}

const char *executor_task_name(uint32_t step) {
  switch (step) {
  case TAG_INPUTS:
    return "inputs";
  case TAG_OUTPUTS:
    return "outputs";
  case TAG_COMMIT:
    return "new states";
  case TAG_STATES_IN:
  case TAG_STATES_OUT:
    return "states";
  default:
    return step >= TAG_INPUTS ? "others" : NULL;
  }
}

static void note(void *context, DeviceTag tag, uint32_t phase, uint32_t task, int64_t begin,
                 int64_t end) {
  const Executor *x = context;
  x->observer(x->observer_context, (uint32_t)tag, phase, task, begin, end);
}

void executor_observe(Executor *x, TaskObserver observer, void *context) {
  x->observer = observer;
  x->observer_context = context;
  if (x->table->observe) x->table->observe(x->device, observer ? note : NULL, x);
}

void executor_measure(Executor *x, bool on) {
  x->measure = on;
  for (uint32_t i = 0; i < x->plan->n_programs; i++)
    for (uint32_t s = 0; x->programs[i].steps && s < x->plan->programs[i].n_steps; s++)
      x->programs[i].steps[s].ns = 0;
}

void executor_times(const Executor *x, uint32_t program, StepTime *out) {
  const PlanProgram *p = &x->plan->programs[program];
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const Step *step = &x->programs[program].steps[s];
    out[s] = (StepTime){step->kernel ? x->table->backend->implementation(step->kernel) : "ranks",
                        p->step_nodes[p->steps[s].first], p->steps[s].count, step->ns};
  }
}

Status executor_limits(Executor *x, DType type, DeviceLimits *out, Diag *diag) {
  TRY_DEVICE(x, executor_tag(0, TAG_WAIT), x->table->limits(x->device, type, out), diag);
  return STATUS_OK;
}
