/* A second device, which only tests know: memory that the host cannot read outside of the device's
 * own functions, poisoned when it is taken; commands that run late, in an order that events allow
 * and a policy picks; calls that can be made to fail or to vanish. */
#ifndef TESTS_KERNELS_TOY_DEVICE_H
#define TESTS_KERNELS_TOY_DEVICE_H

#include "runtime/device/device.h"

extern const Backend backend_toy;
extern const DeviceTable device_toy;

/* Who runs when there is a choice. */
typedef enum ToyOrder {
  TOY_LAZY,   /* nothing before somebody waits for it */
  TOY_EAGER,  /* the stream of steps at once, as far as it can; copies as in TOY_LAZY */
  TOY_RANDOM, /* any number of commands of any stream, by `seed` */
} ToyOrder;

/* The functions of the table that tests can break, by number. */
typedef enum ToyCall {
  TOY_NONE,
  TOY_ALLOCATE,
  TOY_HOST_ALLOCATE,
  TOY_COPY_IN,
  TOY_COPY_OUT,
  TOY_COPY_WITHIN,
  TOY_FILL,
  TOY_LAUNCH,
  TOY_RECORD,
  TOY_WAIT,
  TOY_SYNCHRONISE,
  TOY_CREATE,
  TOY_CALLS
} ToyCall;
extern const char *const toy_call_names[TOY_CALLS];

/* How the devices that are opened next behave; zero: lazily, and nothing breaks. */
typedef struct ToySetup {
  ToyOrder order;
  uint64_t seed;
  ToyCall fail, drop; /* which function fails, or does nothing */
  uint32_t at;        /* which of its calls, from 0 */
  bool late;          /* a command fails when it runs, not when it is given */
} ToySetup;
extern ToySetup toy_setup;
/* Calls so far, of each function, since the last reset by the test. */
extern uint32_t toy_calls[TOY_CALLS];
extern uint32_t toy_replays; /* sequences that were given whole, since the test's reset */
extern int64_t toy_alive;    /* allocations, host's and device's, that were not released */

#endif
