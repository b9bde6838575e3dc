/* Inputs, outputs and states as the host sees them.
 *
 * Where it sees the arena itself they are places in it.  Else each kind has host memory that the
 * device gave, large enough for any program: only one runs at a time.  In it the values of a
 * program follow each other in the order of its lists, each at a multiple of HOST_ALIGN. */
#include "runtime/execute/executor.h"

#include <stdlib.h>
#include <string.h>

#define HOST_ALIGN 64

static size_t room(const Node *node) {
  return ((size_t)value_bytes(node) + HOST_ALIGN - 1) / HOST_ALIGN * HOST_ALIGN;
}

/* True for what a step may read; an input that nothing reads has no place. */
static bool is_placed(const PlanProgram *p, const PlanInput *input) {
  return input->node != NODE_NONE && p->node_offset[input->node] != OFFSET_NONE;
}

size_t executor_input_bytes(const PlanProgram *p) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < p->n_inputs; i++)
    if (is_placed(p, &p->inputs[i])) bytes += room(&p->graph->nodes[p->inputs[i].node]);
  return bytes;
}

static size_t output_bytes(const PlanProgram *p) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < p->graph->n_outputs; i++)
    bytes += room(&p->graph->nodes[p->graph->outputs[i].node]);
  return bytes;
}

/* Host memory of the device's, unless it is there already. */
static Status take_host(const Executor *x, size_t bytes, char **at, Diag *diag) {
  void *memory = NULL;
  if (*at) return STATUS_OK;
  Status status = x->table->host_allocate(x->device, bytes + 1, &memory);
  if (status != STATUS_OK)
    return diag_error(diag, status, plan_place(x->plan), NULL,
                      "the device '%s' gives no %zu bytes of the host's memory: %s", x->table->name,
                      bytes + 1, x->device->error.what.text);
  *at = memory;
  return STATUS_OK;
}

Status executor_values_create(Executor *x, Diag *diag) {
  const Plan *plan = x->plan;
  size_t inputs = 0, most = plan->n_states;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    size_t bytes = executor_input_bytes(&plan->programs[i]), n = plan->programs[i].graph->n_outputs;
    if (plan->programs[i].n_inputs > most) most = plan->programs[i].n_inputs;
    if (bytes > inputs) inputs = bytes;
    if (n > most) most = n;
  }
  x->copies = calloc(most + 1, sizeof *x->copies);
  x->state_list = calloc((size_t)plan->n_states + 1, sizeof *x->state_list);
  if (!x->copies || !x->state_list) return diag_no_memory(diag, most * sizeof *x->copies);
  if (x->view) return STATUS_OK;
  TRY(take_host(x, inputs, &x->inputs, diag));
  memset(x->inputs, 0, inputs); /* one that nobody sets is zero on every device */
  return STATUS_OK;
}

void executor_values_destroy(Executor *x) {
  char *const all[] = {x->inputs, x->outputs, x->states};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]) x->table->host_release(x->device, all[i]);
  free(x->copies);
  free(x->state_list);
}

/* ---- inputs ---- */

bool executor_input(const Executor *x, uint32_t program, const char *name, Tensor *out) {
  const PlanProgram *p = &x->plan->programs[program];
  const PlanInput *input = plan_input_find(p, name);
  if (!input || !is_placed(p, input)) return false;
  char *at = x->view ? x->view + p->node_offset[input->node] : x->inputs;
  for (const PlanInput *before = p->inputs; !x->view && before < input; before++)
    if (is_placed(p, before)) at += room(&p->graph->nodes[before->node]);
  *out = (Tensor){at, (DType)input->dtype, input->shape};
  return true;
}

Status executor_input_copies(const Executor *x, uint32_t program, Prepared *out, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  if (x->view) return STATUS_OK;
  out->inputs = calloc(p->n_inputs + 1u, sizeof *out->inputs);
  if (!out->inputs) return diag_no_memory(diag, p->n_inputs * sizeof *out->inputs);
  const char *at = x->inputs;
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    NodeId id = p->inputs[i].node;
    if (!is_placed(p, &p->inputs[i])) continue;
    out->inputs[out->n_inputs++] =
        (DeviceCopy){x->arena + p->node_offset[id], at, (size_t)value_bytes(&p->graph->nodes[id])};
    at += room(&p->graph->nodes[id]);
  }
  return STATUS_OK;
}

/* ---- outputs and states ---- */

/* Fetches x->copies when the steps have run, and waits for them. */
static Status fetch(Executor *x, uint32_t n, DeviceTag tag, Diag *diag) {
  TRY(executor_follow(x, STREAM_COPIES, tag, diag));
  executor_gives(x, STREAM_COPIES);
  TRY_DEVICE(x, tag, x->table->copy_out(x->device, STREAM_COPIES, x->copies, n, tag), diag);
  return executor_synchronise(x, STREAM_COPIES, tag, diag);
}

/* Where output `index` is on the host, without a view. */
static char *output_at(const Executor *x, const PlanProgram *p, uint32_t index) {
  char *at = x->outputs;
  for (uint32_t i = 0; i < index; i++) at += room(&p->graph->nodes[p->graph->outputs[i].node]);
  return at;
}

Status executor_read(Executor *x, uint32_t program, const uint32_t *outputs, uint32_t n,
                     Tensor *out, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  if (!x->view) {
    size_t most = 0;
    for (uint32_t i = 0; i < x->plan->n_programs && !x->outputs; i++)
      if (output_bytes(&x->plan->programs[i]) > most) most = output_bytes(&x->plan->programs[i]);
    TRY(take_host(x, most, &x->outputs, diag));
  }
  for (uint32_t i = 0; i < n; i++) {
    NodeId id = p->graph->outputs[outputs[i]].node;
    const Node *node = &p->graph->nodes[id];
    char *at = x->view ? x->view + p->node_offset[id] : output_at(x, p, outputs[i]);
    out[i] = (Tensor){at, (DType)node->dtype, node->shape};
    x->copies[i] = (DeviceCopy){at, x->arena + p->node_offset[id], (size_t)value_bytes(node)};
  }
  if (x->view || n == 0) return STATUS_OK;
  return fetch(x, n, executor_tag(program, TAG_OUTPUTS), diag);
}

/* Fills x->state_list, and x->copies from the device to the host (or back). */
static Status list_states(Executor *x, bool back, Diag *diag) {
  if (!x->view) TRY(take_host(x, (size_t)x->plan->state_bytes, &x->states, diag));
  for (uint32_t i = 0; i < x->plan->n_states; i++) {
    const State *s = &x->plan->states[i];
    char *there = x->arena + x->plan->state_offset[i];
    char *here = (x->view ? x->view : x->states) + x->plan->state_offset[i];
    x->state_list[i] = (Tensor){here, (DType)s->dtype, s->shape};
    size_t bytes = (size_t)tensor_bytes(&x->state_list[i]);
    x->copies[i] = back ? (DeviceCopy){there, here, bytes} : (DeviceCopy){here, there, bytes};
  }
  return STATUS_OK;
}

Status executor_states_start(Executor *x, Diag *diag) {
  DeviceTag tag = executor_tag(0, TAG_STATES_IN);
  size_t bytes = (size_t)x->plan->state_bytes;
  if (x->states_set || bytes == 0) return STATUS_OK;
  x->states_set = true;
  executor_gives(x, STREAM_COPIES);
  TRY_DEVICE(x, tag, x->table->fill(x->device, STREAM_COPIES, x->arena, 0, bytes, tag), diag);
  return STATUS_OK;
}

Status executor_states_read(Executor *x, const Tensor **out_states, Diag *diag) {
  TRY(executor_states_start(x, diag));
  TRY(executor_states_new(x, out_states, diag));
  if (x->view || x->states_here || x->plan->n_states == 0) return STATUS_OK;
  TRY(fetch(x, x->plan->n_states, executor_tag(0, TAG_STATES_OUT), diag));
  x->states_here = true;
  return STATUS_OK;
}

/* They may still be on their way to the device. */
Status executor_states_new(Executor *x, const Tensor **out_states, Diag *diag) {
  TRY(list_states(x, false, diag));
  *out_states = x->state_list;
  if (!x->states_here) return STATUS_OK;
  return executor_synchronise(x, STREAM_COPIES, executor_tag(0, TAG_STATES_IN), diag);
}

Status executor_states_write(Executor *x, Diag *diag) {
  DeviceTag tag = executor_tag(0, TAG_STATES_IN);
  x->states_set = true;
  if (x->view || x->plan->n_states == 0) return STATUS_OK;
  TRY(list_states(x, true, diag));
  TRY(executor_follow(x, STREAM_COPIES, tag, diag));
  executor_gives(x, STREAM_COPIES);
  TRY_DEVICE(x, tag, x->table->copy_in(x->device, STREAM_COPIES, x->copies, x->plan->n_states, tag),
             diag);
  x->states_here = true;
  return STATUS_OK;
}
