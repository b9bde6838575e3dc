/* The executor's parts, for the files that it is made of. */
#ifndef RUNTIME_EXECUTE_EXECUTOR_H
#define RUNTIME_EXECUTE_EXECUTOR_H

#include "runtime/execute/execute.h"

typedef struct Step {
  Kernel *kernel;
  KernelArgs args;
  int64_t ns;
} Step;

typedef struct Prepared {
  Step *steps;     /* NULL: not prepared */
  void **pointers; /* of all steps */
  DeviceCopy *inputs, *commits;
  uint32_t n_inputs, n_commits;
} Prepared;

struct Executor {
  const Plan *plan;
  const DeviceTable *table;
  Device *device;
  char *arena;     /* in the device's memory: states, then scratch */
  char *view;      /* the arena as the host sees it; NULL: it does not, and what follows is there */
  int64_t scratch; /* bytes of the arena behind the states */
  char *inputs, *outputs,
      *states;        /* on the host, for the program that runs; when first asked for */
  DeviceCopy *copies; /* a list under work: room for all states or outputs */
  Tensor *state_list; /* as executor_states_read gives them */
  Prepared *programs;
  bool measure;
  TaskObserver observer; /* NULL: none */
  void *observer_context;
};

/* What a command is for, in its DeviceSite: a step, or one of these. */
#define SITE_INPUTS 0xfffffff0u
#define SITE_OUTPUTS 0xfffffff1u
#define SITE_COMMIT 0xfffffff2u
#define SITE_STATES_IN 0xfffffff3u
#define SITE_STATES_OUT 0xfffffff4u
static inline DeviceSite executor_site(uint32_t program, uint32_t what) {
  return (DeviceSite)program << 32 | what;
}

/* Turns the device's error into a message that names what failed. */
Status executor_failed(const Executor *x, Status status, Diag *diag);
#define TRY_DEVICE(X, CALL, DIAG)                                                                  \
  do {                                                                                             \
    Status device_status_ = (CALL);                                                                \
    if (device_status_ != STATUS_OK) return executor_failed((X), device_status_, (DIAG));          \
  } while (0)

/* Host memory for the inputs of any program, and the lists. */
Status executor_values_create(Executor *x, Diag *diag);
void executor_values_destroy(Executor *x);
/* Destroys a program's kernels; it must not be running. */
void executor_release(Executor *x, uint32_t program);
/* The list of copies that sends a program's inputs; NULL, and no error, where nothing is sent. */
Status executor_input_copies(const Executor *x, uint32_t program, Prepared *out, Diag *diag);

#endif
