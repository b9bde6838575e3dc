/* The toy's parts, for the files that it is made of. */
#ifndef TESTS_KERNELS_TOY_PARTS_H
#define TESTS_KERNELS_TOY_PARTS_H

#include "kernels/cpu/backend.h"
#include "tests/kernels/toy/memory.h"
#include "tests/kernels/toy/toy.h"

typedef struct Toy Toy;

#define QUEUE_MAX 4096
#define SEQUENCES_MAX 16
#define NO_SEQUENCE UINT32_MAX

typedef struct ToyKernel {
  Kernel *cpu;
  Toy *toy;
  uint32_t n_inputs, n_outputs;
  size_t *bytes;       /* of the inputs, then of the outputs */
  size_t work;         /* bytes of the work buffer that the plan reserved */
  void **own;          /* the toy's addresses of inputs and outputs, while it runs */
  DeviceStream stream; /* of its last launch */
  uint32_t given;      /* and its number there */
  bool destroyed;      /* the rest stays until the device is closed */
  struct ToyKernel *next;
} ToyKernel;

typedef enum What { COPY, FILL, LAUNCH, MEET, RECORD, WAIT } What;

/* Addresses are the toy's own, but those of `args`. */
typedef struct Command {
  What what;
  DeviceTag tag;
  DeviceCopy *copies;
  uint32_t n;
  void *at;
  uint8_t value;
  size_t bytes;
  const ToyKernel *kernel;
  const KernelArgs *args;
  const DeviceCollective *meet;
  DeviceEvent event;
  uint32_t turn; /* of the event: which record of it */
} Command;

typedef struct Queue {
  Command commands[QUEUE_MAX]; /* a ring */
  uint32_t next, end;          /* what runs next, where the next one goes */
} Queue;

typedef struct Event {
  uint32_t recorded, happened; /* times */
  Clock clock;                 /* of the last record */
  bool waited;                 /* for it, by somebody */
  bool inside;                 /* recorded in a sequence, last */
} Event;

/* Commands as they were given once, to be given again: a launch, a meeting, a record or a wait. */
typedef struct Given {
  What what;
  DeviceStream stream;
  const DeviceCollective *meet;
  const ToyKernel *kernel;
  const KernelArgs *args;
  DeviceEvent event;
  DeviceTag tag;
} Given;
typedef struct Sequence {
  Given *given;
  uint32_t n, cap;
  bool whole;
} Sequence;

/* Host memory that a command may still touch, as far as the host knows. */
typedef struct Loan {
  Block *block;
  const void *at;
  size_t bytes;
  bool written; /* by the device; else read */
  DeviceStream stream;
  uint32_t number;
} Loan;

struct Toy {
  Device device;
  ToyOrder order;
  uint64_t random;
  uint32_t streams, n_events;
  Queue queue[TOY_STREAMS];
  uint32_t waiting; /* launches */
  Ranks *ranks;
  Clock clock[TOY_STREAMS], host; /* what is known to have run when a stream goes on; by the host */
  Event *events;
  Block *blocks;
  ToyKernel *kernels;
  Loan *loans;
  uint32_t n_loans, cap_loans;
  Sequence sequences[SEQUENCES_MAX];
  uint32_t open;            /* the sequence that has begun and not ended; NO_SEQUENCE: none */
  DeviceStream origin;      /* the stream on which it began */
  bool inside[TOY_STREAMS]; /* that and those that have waited for events of it */
  CpuStream cpu;
  Status failed;
  DeviceObserver observer;
  void *observer_context;
  Toy *next; /* of the open ones */
};

__attribute__((visibility("default"))) extern ToyControl toy_control_data;
extern const Backend backend_toy;
extern const DeviceTable device_toy;

/* ---- host.c ---- */

/* Counts a fault; from now on the device fails.  Returns its status. */
Status toy_fault(Toy *toy, DeviceTag tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* While a device is open its memory is watched: the host must not touch what is not its own. */
void toy_watch(Toy *toy);
void toy_unwatch(Toy *toy);
/* The newest command of the stream may touch these bytes of host memory until it has run. */
void toy_lend(Toy *toy, Block *block, const void *at, size_t bytes, bool written,
              DeviceStream stream);
/* Gives the host back what the commands that it knows to have run were lent.  A loan that shares a
 * page with another ends with it. */
void toy_settle(Toy *toy);

/* ---- kernels.c, queue.c ---- */

void toy_kernel_free(ToyKernel *kernel);
/* Puts a command into a stream's queue, and runs what the order says. */
Status toy_put(Toy *toy, DeviceStream stream, Command command);
/* Runs a stream to its end, and of the others what it waits for. */
void toy_drain(Toy *toy, uint32_t stream);

#endif
