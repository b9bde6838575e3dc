/* Gives a program's steps to the device: each on the stream that the plan says, with the waits that
 * it says, and no other call.
 *
 * A program begins behind whatever STREAM_STEPS was given before: that is the plan's stream 0, and
 * another stream whose first step waits for no step waits for the beginning.  It ends on
 * STREAM_STEPS again, which waits for the last steps of the others, so that outside of a program
 * there is one stream of steps, and a device may record all of it as one sequence.  Steps that are
 * measured run one after the other, on one stream: their order is the plan's. */
#include "runtime/execute/executor.h"

#include <stdlib.h>
#include <time.h>

/* ---- streams and events ---- */

/* Marks the steps that others wait for; returns how many. */
static uint32_t mark_waited(const PlanProgram *p, bool *waited) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < p->n_waits; k++) {
    n += !waited[p->waits[k]];
    waited[p->waits[k]] = true;
  }
  return n;
}

Status executor_count(Executor *x, uint32_t *out_events, Diag *diag) {
  x->streams = STREAM_STEPS + 1;
  *out_events = EVENT_PROGRAM;
  for (uint32_t i = 0; i < x->plan->n_programs; i++) {
    const PlanProgram *p = &x->plan->programs[i];
    uint32_t streams = STREAM_STEPS + plan_streams(p);
    if (streams == STREAM_STEPS + 1) continue;
    bool *waited = calloc((size_t)p->n_steps + 1, sizeof *waited);
    if (!waited) return diag_no_memory(diag, p->n_steps);
    uint32_t events = EVENT_PROGRAM + 1 + mark_waited(p, waited);
    free(waited);
    if (streams > x->streams) x->streams = streams;
    if (events > *out_events) *out_events = events;
  }
  return STATUS_OK;
}

Status executor_spread(const Executor *x, uint32_t program, Prepared *prepared, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  bool begun[TARGET_STREAMS_MAX] = {true};
  DeviceEvent next = EVENT_PROGRAM + 1;
  bool *waited = calloc((size_t)p->n_steps + 1, sizeof *waited);
  if (!waited) return diag_no_memory(diag, p->n_steps);
  mark_waited(p, waited);
  for (uint32_t s = 0; s < p->n_steps; s++) {
    Step *step = &prepared->steps[s];
    uint32_t stream = p->steps[s].stream;
    step->stream = STREAM_STEPS + stream;
    step->begins = !begun[stream] && p->steps[s].n_waits == 0;
    step->event = waited[s] ? next++ : EVENT_NONE;
    prepared->forks |= step->begins;
    begun[stream] = true;
  }
  free(waited);
  return STATUS_OK;
}

/* ---- launching ---- */

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What happens to a rank in a collective is told with its op, value and line of XML. */
static void note_meeting(const Executor *x, DeviceTag tag) {
  uint32_t program = (uint32_t)(tag >> 32), step = (uint32_t)tag;
  char name[RANKS_PLACE_MAX], moment[MOMENT_MAX];
  if (!x->ranks || !x->ranks->waits) return;
  executor_step_name(x, program, step, name, sizeof name);
  ranks_waits(x->ranks, "in %s'%s', %s", executor_moment(x, moment),
              plan_text(x->plan, x->plan->programs[program].name), name);
}

static Status launch(Executor *x, const Step *step, DeviceStream stream, DeviceTag tag,
                     Diag *diag) {
  executor_gives(x, STREAM_STEPS);
  if (step->kernel) {
    TRY_DEVICE(x, tag, x->table->launch(x->device, stream, step->kernel, &step->args, tag), diag);
    return STATUS_OK;
  }
  note_meeting(x, tag);
  TRY_DEVICE(x, tag, x->table->collective(x->device, stream, &step->meet, tag), diag);
  return STATUS_OK;
}

/* For a caller that wants to know how long each takes. */
static Status measure_all(Executor *x, uint32_t program, Diag *diag) {
  for (uint32_t s = 0; s < x->plan->programs[program].n_steps; s++) {
    Step *step = &x->programs[program].steps[s];
    DeviceTag tag = executor_tag(program, s);
    int64_t begin = now_ns();
    TRY(launch(x, step, STREAM_STEPS, tag, diag));
    TRY(executor_synchronise(x, STREAM_STEPS, tag, diag));
    step->ns += now_ns() - begin;
  }
  return STATUS_OK;
}

static Status record(const Executor *x, DeviceStream stream, DeviceEvent event, DeviceTag tag,
                     Diag *diag) {
  TRY_DEVICE(x, tag, x->table->record(x->device, stream, event, tag), diag);
  return STATUS_OK;
}

static Status wait(const Executor *x, DeviceStream stream, DeviceEvent event, DeviceTag tag,
                   Diag *diag) {
  TRY_DEVICE(x, tag, x->table->wait(x->device, stream, event, tag), diag);
  return STATUS_OK;
}

static Status launch_step(Executor *x, uint32_t program, uint32_t s, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  const Step *steps = x->programs[program].steps, *step = &steps[s];
  const PlanStep *plan = &p->steps[s];
  DeviceTag tag = executor_tag(program, s);
  if (step->begins) TRY(wait(x, step->stream, EVENT_PROGRAM, tag, diag));
  for (uint32_t k = 0; k < plan->n_waits; k++)
    TRY(wait(x, step->stream, steps[p->waits[plan->first_wait + k]].event, tag, diag));
  TRY(launch(x, step, step->stream, tag, diag));
  if (step->event != EVENT_NONE) TRY(record(x, step->stream, step->event, tag, diag));
  return STATUS_OK;
}

static Status launch_all(Executor *x, uint32_t program, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  const Prepared *prepared = &x->programs[program];
  executor_gives(x, STREAM_STEPS);
  if (prepared->forks)
    TRY(record(x, STREAM_STEPS, EVENT_PROGRAM, executor_tag(program, TAG_SEQUENCE), diag));
  for (uint32_t s = 0; s < p->n_steps; s++) TRY(launch_step(x, program, s, diag));
  for (uint32_t k = p->n_waits - p->n_joins; k < p->n_waits; k++)
    TRY(wait(x, STREAM_STEPS, prepared->steps[p->waits[k]].event,
             executor_tag(program, p->waits[k]), diag));
  return STATUS_OK;
}

/* As a sequence that the device may know already. */
static Status launch_sequence(Executor *x, uint32_t program, Diag *diag) {
  DeviceTag tag = executor_tag(program, TAG_SEQUENCE);
  bool done = false;
  executor_gives(x, STREAM_STEPS);
  TRY_DEVICE(x, tag, x->table->sequence_begin(x->device, STREAM_STEPS, program, &done), diag);
  Status status = done ? STATUS_OK : launch_all(x, program, diag);
  Status end = x->table->sequence_end(x->device, STREAM_STEPS, program, status == STATUS_OK);
  TRY(status);
  TRY_DEVICE(x, tag, end, diag);
  return STATUS_OK;
}

Status executor_launch(Executor *x, uint32_t program, Diag *diag) {
  if (x->measure) return measure_all(x, program, diag);
  Status status =
      x->table->sequence_begin ? launch_sequence(x, program, diag) : launch_all(x, program, diag);
  /* What was given and not waited for has no end that a later run would follow. */
  for (DeviceStream s = STREAM_STEPS + 1; status != STATUS_OK && s < x->streams; s++)
    x->table->synchronise(x->device, s);
  return status;
}
