/* A device: memory of its own, streams of commands, kernels.
 *
 * The executor reaches every machine through this table, and knows nothing else of it.  An address
 * in a device's memory is a `void *` that only the device and its kernels may look at; parts of an
 * allocation are reached by adding bytes to it.  Commands on a stream run one after the other,
 * those of different streams in any order that events allow, and any of them may still be waiting
 * when the call returns: only `synchronise` waits for them.
 *
 * Functions that return a Status describe a failure in device->error, with the tag of the command
 * that failed, which may be an earlier one.  After that the device may refuse all further commands.
 * Nothing is allocated by commands. */
#ifndef RUNTIME_DEVICE_DEVICE_H
#define RUNTIME_DEVICE_DEVICE_H

#include "kernels/kernel.h"
#include "runtime/ranks/ranks.h"

/* Streams and events are numbers below those of DeviceOptions. */
typedef uint32_t DeviceStream;
#define STREAM_COPIES 0u /* from and to the host */
/* The first stream of steps, and of all that is done before and after them; a plan's stream s is
 * STREAM_STEPS + s. */
#define STREAM_STEPS 1u
typedef uint32_t DeviceEvent;
#define EVENT_COPIES 0u
#define EVENT_STEPS 1u
#define EVENT_PROGRAM 2u /* the first of those that steps record */

/* What a command is for: the caller's number, which comes back with its failure. */
typedef uint64_t DeviceTag;
#define DEVICE_TAG_NONE UINT64_MAX /* no command: the call itself failed */

typedef struct DeviceError {
  DeviceTag tag;
  KernelError what;
} DeviceError;

typedef struct DeviceTable DeviceTable;
/* Implementations begin with it. */
typedef struct Device {
  const DeviceTable *table;
  DeviceError error;
} Device;

/* What the user asks of a device; one that cannot do it refuses (device_wishes_none). */
typedef struct DeviceWishes {
  const char *which; /* behind the colon of --device=NAME:WHICH; NULL: it chooses */
  uint32_t place;    /* of this process among those on its host: it takes that one of several */
  bool tf32;         /* --math=tf32: products of f32 round their operands to 10 bits */
  bool no_graph;     /* --no-graph: steps are launched one by one each time */
} DeviceWishes;

typedef struct DeviceOptions {
  uint32_t threads;         /* of the host that it may use, the caller's included */
  Ranks *ranks;             /* the processes that run the plan together; NULL: this one alone */
  uint32_t streams, events; /* how many are named: more than STREAM_STEPS, at least EVENT_PROGRAM */
  DeviceWishes wishes;
} DeviceOptions;

typedef struct DeviceCopy {
  void *to;
  const void *from;
  size_t bytes;
} DeviceCopy;

/* Ranks meet: each calls with parts of the same types and lengths, in the same order. */
typedef struct DeviceCollective {
  CollectiveKind kind;
  const CollectivePart *parts; /* exchanged together; they stay until the command has run */
  uint32_t n_parts;
  void *work; /* as the target's work_bytes reserves it for the step; NULL: it needs none */
} DeviceCollective;

/* Called after every part of a kernel while it is set, on the thread that ran it, or, where the
 * host is not there when they run, for launches, collectives and copies in a later `synchronise`;
 * for traces. */
typedef void (*DeviceObserver)(void *context, DeviceTag tag, uint32_t phase, uint32_t task,
                               int64_t begin_ns, int64_t end_ns);

/* What the machine can do at most, all of it together. */
typedef struct DeviceLimits {
  double triad; /* bytes per second */
  double macs;  /* multiply-adds per second */
} DeviceLimits;

struct DeviceTable {
  const char *name;       /* of --device, a word */
  bool grants;            /* it knows what DeviceWishes are; else each of them is refused */
  const Backend *backend; /* its kernels; plans for the backend's target run here */

  /* Can it be opened on this machine, as wished?  STATUS_USAGE, with a message that says what is
   * wrong with the wishes, else STATUS_SYSTEM with what is missing.  NULL: always. */
  Status (*present)(const DeviceWishes *wishes, Diag *diag);
  /* STATUS_USAGE or STATUS_SYSTEM, with a message: no driver, no such number of threads. */
  Status (*open)(const DeviceOptions *options, Diag *diag, Device **out_device);
  void (*close)(Device *device);    /* waits for nothing; may be NULL */
  void *(*context)(Device *device); /* for the backend's create; the function may be NULL */

  /* Memory.  More than `memory` bytes are not there; what is allocated holds anything. */
  int64_t (*memory)(const Device *device);
  Status (*allocate)(Device *device, size_t bytes, void **out);
  void (*release)(Device *device, void *at); /* may be NULL */
  /* Where the host itself may read and write the memory, when no command is waiting; NULL (or a
   * function that is NULL): it may not, copies go through memory of host_allocate. */
  void *(*host_view)(Device *device, void *at);
  Status (*host_allocate)(Device *device, size_t bytes, void **out);
  void (*host_release)(Device *device, void *at); /* may be NULL */

  /* Commands.  Lists are read before the call returns; what copy_in reads on the host must stay,
   * and what copy_out writes is undefined, until the command has run. */
  Status (*copy_in)(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                    DeviceTag tag);
  Status (*copy_out)(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                     DeviceTag tag);
  Status (*copy_within)(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                        DeviceTag tag); /* one after the other */
  Status (*fill)(Device *device, DeviceStream stream, void *at, uint8_t value, size_t bytes,
                 DeviceTag tag);
  /* One run of a kernel of the backend, as its enqueue has it. */
  Status (*launch)(Device *device, DeviceStream stream, const Kernel *kernel,
                   const KernelArgs *args, DeviceTag tag);
  /* NULL: the device runs no plan of several ranks.  A rank that does not come is
   * STATUS_SYSTEM, after the time that `ranks` sets. */
  Status (*collective)(Device *device, DeviceStream stream, const DeviceCollective *call,
                       DeviceTag tag);
  /* The event happens when all that is on the stream now has run; it happens anew each time. */
  Status (*record)(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag);
  /* Later commands of the stream wait for the event as it was recorded last; for one that was never
   * recorded nothing waits. */
  Status (*wait)(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag);
  Status (*synchronise)(Device *device, DeviceStream stream);
  /* Launches that come again, such as the steps of a program.  When the device has recorded the
   * sequence of this number it puts all of it on the stream, and *out_done is true; else the
   * caller launches, and the device may record until the end, which follows in any case; `whole` is
   * false when not all could be launched.  In between come launches, collectives, and records and
   * waits of events from EVENT_PROGRAM on, on `stream` and on streams of steps that wait for an
   * event recorded since the beginning; a whole sequence ends when `stream` has waited for all of
   * them.  While there is an observer nothing is recorded, nor launched as a whole.  Both may be
   * NULL. */
  Status (*sequence_begin)(Device *device, DeviceStream stream, uint32_t sequence, bool *out_done);
  Status (*sequence_end)(Device *device, DeviceStream stream, uint32_t sequence, bool whole);

  /* For bench. */
  Status (*limits)(Device *device, DType type, DeviceLimits *out);         /* measures */
  void (*observe)(Device *device, DeviceObserver observer, void *context); /* observer NULL: none */
  uint32_t (*parts)(const Kernel *kernel); /* of one run; both may be NULL: it shows none */
};

/* STATUS_USAGE, with a message, when something is wished for: for devices that know no wishes. */
Status device_wishes_none(const char *name, const DeviceWishes *wishes, Diag *diag);
/* Sets device->error; returns `status`. */
Status device_fail(Device *device, Status status, DeviceTag tag, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline void *device_at(void *memory, int64_t offset) {
  return (char *)memory + offset;
}

#endif
