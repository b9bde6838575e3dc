/* The executor's life, and the order of what it asks the device for.
 *
 * Steps and commits go on one stream, copies from and to the host on another.  What they share is
 * ordered by two events: inputs overwrite bytes that the steps before them used, so their copies
 * wait for those (EVENT_STEPS), and steps wait for their inputs (EVENT_INPUTS); outputs and states
 * are fetched when the steps have run.  The host waits for its own copies only, before it may fill
 * the memory anew or look at it. */
#include "runtime/execute/executor.h"

#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- failures ---- */

static Status step_failed(const Executor *x, Status status, uint32_t program, uint32_t s,
                          Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  const Node *node = &p->graph->nodes[p->step_nodes[p->steps[s].first]];
  const SourceLoc *loc = &x->plan->symbols->locs[node->stamp.loc];
  return diag_error(diag, status, plan_text(x->plan, p->name),
                    status == STATUS_INVALID ? "do the data fit the plan? (labels, indices)" : NULL,
                    "step %u, %s '%s' (%s:%u): %s", s, op_desc(node->op)->name,
                    graph_text(p->graph, node->name ? node->name : node->stamp.scope),
                    node->stamp.loc ? plan_text(x->plan, loc->file) : "",
                    node->stamp.loc ? loc->line : 0, x->device->error.what.text);
}

Status executor_failed(const Executor *x, Status status, Diag *diag) {
  const char *text = x->device->error.what.text, *doing;
  DeviceSite site = x->device->error.site;
  uint32_t program = (uint32_t)(site >> 32), what = (uint32_t)site;
  if (site == DEVICE_SITE_NONE || program >= x->plan->n_programs)
    return diag_error(diag, status, plan_place(x->plan), NULL, "the device '%s' fails: %s",
                      x->plan->target->name, text);
  if (what < x->plan->programs[program].n_steps) return step_failed(x, status, program, what, diag);
  switch (what) {
  case SITE_INPUTS:
    doing = "its inputs cannot be sent to";
    break;
  case SITE_OUTPUTS:
    doing = "its outputs cannot be fetched from";
    break;
  case SITE_COMMIT:
    doing = "its new states cannot be kept on";
    break;
  default:
    return diag_error(diag, status, plan_place(x->plan), NULL, "states cannot be %s '%s': %s",
                      what == SITE_STATES_IN ? "sent to the device" : "fetched from the device",
                      x->plan->target->name, text);
  }
  return diag_error(diag, status, plan_text(x->plan, x->plan->programs[program].name), NULL,
                    "%s the device '%s': %s", doing, x->plan->target->name, text);
}

/* ---- life ---- */

static Status find_device(const Plan *plan, const ExecutorOptions *options, Diag *diag,
                          const DeviceTable **out) {
  *out = options->device ? options->device : device_find(plan->target);
  if (!*out)
    return diag_error(
        diag, STATUS_INVALID, plan_place(plan), "graphc --target=NAME compiles for another",
        "no device of this program runs plans for the target '%s'", plan->target->name);
  if ((*out)->backend->target != plan->target)
    return diag_error(diag, STATUS_INVALID, plan_place(plan),
                      "graphc --target=NAME compiles for another",
                      "the plan is for the target '%s', the device runs those for '%s'",
                      plan->target->name, (*out)->backend->target->name);
  return STATUS_OK;
}

static Status take_arena(Executor *x, Diag *diag) {
  int64_t bytes = x->plan->state_bytes + x->scratch, limit = x->table->memory(x->device);
  void *at = NULL;
  if (bytes > limit)
    return diag_error(diag, STATUS_NO_FIT, plan_place(x->plan),
                      "smaller batches or pictures need less",
                      "the plan needs %lld MB of memory, there are %lld MB",
                      (long long)(bytes >> 20), (long long)(limit >> 20));
  Status status = x->table->allocate(x->device, (size_t)bytes + (bytes == 0), &at);
  if (status != STATUS_OK)
    return diag_error(diag, status, plan_place(x->plan), "smaller batches or pictures need less",
                      "the device '%s' gives no arena of %lld bytes: %s", x->plan->target->name,
                      (long long)bytes, x->device->error.what.text);
  x->arena = at;
  if (x->plan->state_bytes) {
    TRY_DEVICE(x,
               x->table->fill(x->device, STREAM_STEPS, at, 0, (size_t)x->plan->state_bytes,
                              executor_site(0, SITE_STATES_IN)),
               diag);
    TRY_DEVICE(x, x->table->record(x->device, STREAM_STEPS, EVENT_STEPS), diag);
  }
  x->view = x->table->host_view ? x->table->host_view(x->device, at) : NULL;
  return STATUS_OK;
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
  if (status == STATUS_OK) status = find_device(plan, options, diag, &x->table);
  if (status == STATUS_OK)
    status = x->table->open(&(DeviceOptions){options->threads}, diag, &x->device);
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
  return executor_create_with(plan, &(ExecutorOptions){threads, EXECUTOR_ALL, NULL}, diag,
                              out_executor);
}

void executor_destroy(Executor *x) {
  if (!x) return;
  /* Commands that wait still name kernels and memory. */
  for (uint32_t s = 0; x->device && s < DEVICE_STREAMS; s++)
    x->table->synchronise(x->device, (DeviceStream)s);
  for (uint32_t i = 0; x->programs && i < x->plan->n_programs; i++) executor_release(x, i);
  if (x->device) {
    executor_values_destroy(x);
    x->table->release(x->device, x->arena);
    x->table->close(x->device);
  }
  free(x->programs);
  free(x);
}

const Plan *executor_plan(const Executor *x) {
  return x->plan;
}

/* ---- running ---- */

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static Status send_inputs(Executor *x, uint32_t program, Diag *diag) {
  const DeviceTable *t = x->table;
  const Prepared *p = &x->programs[program];
  TRY_DEVICE(x, t->wait(x->device, STREAM_COPIES, EVENT_STEPS), diag);
  TRY_DEVICE(x,
             t->copy_in(x->device, STREAM_COPIES, p->inputs, p->n_inputs,
                        executor_site(program, SITE_INPUTS)),
             diag);
  TRY_DEVICE(x, t->record(x->device, STREAM_COPIES, EVENT_INPUTS), diag);
  TRY_DEVICE(x, t->wait(x->device, STREAM_STEPS, EVENT_INPUTS), diag);
  return STATUS_OK;
}

static Status launch(Executor *x, uint32_t program, uint32_t s, Diag *diag) {
  Step *step = &x->programs[program].steps[s];
  int64_t begin = x->measure ? now_ns() : 0;
  TRY_DEVICE(x,
             x->table->launch(x->device, STREAM_STEPS, step->kernel, &step->args,
                              executor_site(program, s)),
             diag);
  if (!x->measure) return STATUS_OK;
  TRY_DEVICE(x, x->table->synchronise(x->device, STREAM_STEPS), diag);
  step->ns += now_ns() - begin;
  return STATUS_OK;
}

static Status launch_all(Executor *x, uint32_t program, Diag *diag) {
  for (uint32_t s = 0; s < x->plan->programs[program].n_steps; s++)
    TRY(launch(x, program, s, diag));
  return STATUS_OK;
}

/* As a sequence that the device may know already. */
static Status launch_sequence(Executor *x, uint32_t program, Diag *diag) {
  bool done = false;
  TRY_DEVICE(x, x->table->sequence_begin(x->device, STREAM_STEPS, program, &done), diag);
  Status status = done ? STATUS_OK : launch_all(x, program, diag);
  Status end = x->table->sequence_end(x->device, STREAM_STEPS, program);
  TRY(status);
  TRY_DEVICE(x, end, diag);
  return STATUS_OK;
}

Status executor_steps(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  bool sent = x->programs[program].n_inputs > 0;
  if (sent) TRY(send_inputs(x, program, diag));
  if (x->table->sequence_begin && !x->measure && !x->observer)
    TRY(launch_sequence(x, program, diag));
  else
    TRY(launch_all(x, program, diag));
  TRY_DEVICE(x, x->table->record(x->device, STREAM_STEPS, EVENT_STEPS), diag);
  if (sent) TRY_DEVICE(x, x->table->synchronise(x->device, STREAM_COPIES), diag);
  return STATUS_OK;
}

/* No value of a commit lies in another state's bytes, except the one that is committed there too
 * (ops/verify_plan.c), so copies can follow each other. */
Status executor_commit(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  const Prepared *p = &x->programs[program];
  if (!p->n_commits) return STATUS_OK;
  TRY_DEVICE(x,
             x->table->copy_within(x->device, STREAM_STEPS, p->commits, p->n_commits,
                                   executor_site(program, SITE_COMMIT)),
             diag);
  TRY_DEVICE(x, x->table->record(x->device, STREAM_STEPS, EVENT_STEPS), diag);
  return STATUS_OK;
}

Status executor_run(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_steps(x, program, diag));
  return executor_commit(x, program, diag);
}

Status executor_wait(Executor *x, Diag *diag) {
  TRY_DEVICE(x, x->table->synchronise(x->device, STREAM_STEPS), diag);
  TRY_DEVICE(x, x->table->synchronise(x->device, STREAM_COPIES), diag);
  return STATUS_OK;
}

/* ---- measuring ---- */

uint32_t executor_tasks(const Executor *x, uint32_t program) {
  uint32_t n = 0;
  for (uint32_t s = 0; x->table->parts && s < x->plan->programs[program].n_steps; s++)
    n += x->table->parts(x->programs[program].steps[s].kernel);
  return n;
}

static void note(void *context, DeviceSite site, uint32_t phase, uint32_t task, int64_t begin,
                 int64_t end) {
  const Executor *x = context;
  x->observer(x->observer_context, (uint32_t)site, phase, task, begin, end);
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
    out[s] = (StepTime){x->table->backend->implementation(step->kernel),
                        p->step_nodes[p->steps[s].first], p->steps[s].count, step->ns};
  }
}

Status executor_limits(Executor *x, DType type, DeviceLimits *out, Diag *diag) {
  TRY_DEVICE(x, x->table->limits(x->device, type, out), diag);
  return STATUS_OK;
}
