/* Outputs and states of an executor, one at a time, for tests that do not expect the device to
 * fail. */
#ifndef TESTS_VALUES_H
#define TESTS_VALUES_H

#include "runtime/execute/execute.h"

#include <stdio.h>
#include <stdlib.h>

static inline void values_need(Status status, Diag *diag) {
  if (status == STATUS_OK) return;
  diag_print(diag, stdout);
  exit(1);
}

static inline Tensor value_output(Executor *x, uint32_t program, uint32_t index) {
  Diag *diag = diag_create();
  Tensor out;
  values_need(executor_read(x, program, &index, 1, &out, diag), diag);
  diag_destroy(diag);
  return out;
}

static inline Tensor value_state(Executor *x, uint32_t state) {
  Diag *diag = diag_create();
  const Tensor *states;
  values_need(executor_states_read(x, &states, diag), diag);
  diag_destroy(diag);
  return states[state];
}

/* Sends what was written into states that value_state gave. */
static inline void values_send(Executor *x) {
  Diag *diag = diag_create();
  values_need(executor_states_write(x, diag), diag);
  diag_destroy(diag);
}

#endif
