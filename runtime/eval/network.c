/* Opens a plan and a checkpoint as one network. */
#include "runtime/eval/network.h"

#include "graph/base/text.h"
#include "runtime/execute/init.h"
#include "runtime/execute/open.h"
#include "runtime/execute/weights.h"

#include <xxhash.h>

static Status find_program(const NetworkOptions *o, TrainedNetwork *n, Diag *diag) {
  if (o->program) return plan_program_require(n->plan, o->plan, o->program, diag, &n->program);
  for (uint32_t i = 0; i < n->plan->n_programs; i++)
    if (n->plan->programs[i].kind == PROGRAM_EVALUATE) {
      n->program = i;
      return STATUS_OK;
    }
  return plan_program_require(n->plan, o->plan, "evaluate", diag, &n->program);
}

/* States that the program does not read keep what they began with, or what the weights have. */
static Status hash_states(TrainedNetwork *n, Diag *diag) {
  const Tensor *states;
  TRY(executor_states_read(n->executor, &states, diag));
  for (uint32_t i = 0; i < n->plan->n_states; i++)
    n->hash = XXH3_64bits_withSeed(states[i].data, (size_t)tensor_bytes(&states[i]), n->hash);
  return STATUS_OK;
}

Status network_open_plan(const NetworkOptions *o, TrainedNetwork *out, Diag *diag) {
  *out = (TrainedNetwork){0};
  return plan_open(o->plan, o->device, diag, &out->plan);
}

Status network_open(const NetworkOptions *o, TrainedNetwork *out, Diag *diag) {
  TRY(network_open_plan(o, out, diag));
  return network_start(o, out, diag);
}

Status network_start(const NetworkOptions *o, TrainedNetwork *out, Diag *diag) {
  TRY(find_program(o, out, diag));
  ExecutorOptions options = {
      .threads = o->threads, .program = out->program, .device = o->device, .wishes = o->wishes};
  TRY(executor_create_with(out->plan, &options, diag, &out->executor));
  TRY(init_states(out->executor, 0, diag)); /* what pretrained weights lack keeps this */
  SafeFile *file;
  TRY(safe_read(o->weights, diag, &file));
  const char *step = safe_metadata(file, "step");
  if (step) text_format(out->step, sizeof out->step, "%s", step);
  Status status =
      weights_load(out->executor, file, o->weights, WEIGHTS_PROGRAM, out->program, diag);
  safe_close(file);
  TRY(status);
  return hash_states(out, diag);
}

void network_close(TrainedNetwork *network) {
  executor_destroy(network->executor);
  plan_destroy(network->plan);
  *network = (TrainedNetwork){0};
}
