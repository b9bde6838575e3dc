/* `graphrun exec`: runs one program once, on values from a file. */
#ifndef RUNTIME_EXECUTE_EXEC_H
#define RUNTIME_EXECUTE_EXEC_H

#include "runtime/device/device.h"

typedef struct ExecOptions {
  const char *plan, *program;
  const char *feed;    /* safetensors: inputs and states by name; NULL: none */
  const char *weights; /* a checkpoint; NULL: none */
  const char *fetch; /* comma-separated GLOBs over the values that graphc --keep kept; NULL: none */
  const char *out;   /* safetensors */
  const DeviceTable *device; /* NULL: the CPU */
  DeviceWishes wishes;
  uint32_t threads;
} ExecOptions;

/* States start from the feed, else from the weights, else from their initialisers (drawn by the fed
 * `seed`).  Every input that the program reads must be fed, except `seed` and `step` (0).  Floating
 * values are converted to the plan's type; shapes must be equal; a name that the plan does not know
 * is an error.  `out` gets the declared outputs, the kept values that `fetch` matches, and every
 * state after the step, by name. */
Status exec_run(const ExecOptions *options, Diag *diag);

#endif
