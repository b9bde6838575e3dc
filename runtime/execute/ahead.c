/* Inputs that are sent while earlier steps still run.
 *
 * In the arena an input shares bytes with values of the steps before, so it cannot lie there yet.
 * It is sent to memory beside the arena, and moved in when its program runs.  There are two such
 * buffers, which take turns: when one is filled anew the copies' stream has followed the steps that
 * emptied it already if an output of a later run was fetched since, as training does, and nothing
 * waits. */
#include "runtime/execute/executor.h"

static size_t most_bytes(const Executor *x) {
  size_t most = 0;
  for (uint32_t i = 0; i < x->plan->n_programs; i++) {
    size_t bytes = executor_input_bytes(&x->plan->programs[i]);
    if (bytes > most) most = bytes;
  }
  return most;
}

/* Both buffers, when inputs are sent first. */
static Status take_buffers(Executor *x, uint32_t program, Diag *diag) {
  for (int i = 0; i < 2; i++) {
    void *at = NULL;
    if (x->ahead[i].at) continue;
    TRY_DEVICE(x, executor_tag(program, TAG_INPUTS),
               x->table->allocate(x->device, most_bytes(x), &at), diag);
    x->ahead[i].at = at;
  }
  return STATUS_OK;
}

void executor_ahead_release(Executor *x) {
  for (int i = 0; i < 2; i++)
    if (x->ahead[i].at) x->table->release(x->device, x->ahead[i].at);
}

/* The program's inputs from the host to the buffer, or from there into the arena. */
static const DeviceCopy *list(const Executor *x, const Prepared *p, bool in) {
  char *at = x->ahead[x->turn].at;
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const DeviceCopy *whole = &p->inputs[i];
    char *here = at + ((const char *)whole->from - x->inputs);
    x->copies[i] = in ? (DeviceCopy){here, whole->from, whole->bytes}
                      : (DeviceCopy){whole->to, here, whole->bytes};
  }
  return x->copies;
}

bool executor_sends(const Executor *x) {
  return !x->view;
}

Status executor_send(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  const Prepared *p = &x->programs[program];
  DeviceTag tag = executor_tag(program, TAG_INPUTS);
  if (x->view || !p->n_inputs) return STATUS_OK;
  TRY(take_buffers(x, program, diag));
  if (x->ahead[x->turn].emptied > x->followed) TRY(executor_follow(x, STREAM_COPIES, tag, diag));
  executor_gives(x, STREAM_COPIES);
  TRY_DEVICE(x, tag,
             x->table->copy_in(x->device, STREAM_COPIES, list(x, p, true), p->n_inputs, tag), diag);
  x->sent = program;
  return STATUS_OK;
}

Status executor_take_sent(Executor *x, uint32_t program, Diag *diag) {
  const Prepared *p = &x->programs[program];
  DeviceTag tag = executor_tag(program, TAG_INPUTS);
  TRY(executor_follow(x, STREAM_STEPS, tag, diag));
  executor_gives(x, STREAM_STEPS);
  TRY_DEVICE(x, tag,
             x->table->copy_within(x->device, STREAM_STEPS, list(x, p, false), p->n_inputs, tag),
             diag);
  x->ahead[x->turn].emptied = x->given;
  x->turn ^= 1;
  return STATUS_OK;
}
