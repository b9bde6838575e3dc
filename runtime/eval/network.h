/* A trained network: a plan's program that describes images, with the weights of a checkpoint. */
#ifndef RUNTIME_EVAL_NETWORK_H
#define RUNTIME_EVAL_NETWORK_H

#include "runtime/execute/execute.h"

typedef struct NetworkOptions {
  const char *plan, *weights; /* both must be named */
  const char *program;        /* NULL: the plan's first of kind evaluate */
  const DeviceTable *device;  /* NULL: the CPU */
  DeviceWishes wishes;
  uint32_t threads; /* at least 1 */
} NetworkOptions;

typedef struct TrainedNetwork {
  Plan *plan;
  Executor *executor; /* of that program alone */
  uint32_t program;
  uint64_t hash; /* of the states' values: which weights they are, whatever their file is */
  char step[32]; /* of the weights, as a number; "": the file does not say */
} TrainedNetwork;

/* Opens the plan and fills the states that its program reads from the weights: in one, or the plan
 * first and the rest by network_start.  What is open when it fails is released by network_close,
 * too. */
Status network_open_plan(const NetworkOptions *options, TrainedNetwork *out, Diag *diag);
Status network_start(const NetworkOptions *options, TrainedNetwork *out, Diag *diag);
Status network_open(const NetworkOptions *options, TrainedNetwork *out, Diag *diag);
void network_close(TrainedNetwork *network);

#endif
