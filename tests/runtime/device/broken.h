/* A device's table with one call of it broken: it fails, or is dropped, or copies the wrong bytes.
 * What the executor makes of that is what the tests look at.  One at a time. */
#ifndef TESTS_RUNTIME_DEVICE_BROKEN_H
#define TESTS_RUNTIME_DEVICE_BROKEN_H

#include "runtime/device/device.h"

#include <stdlib.h>
#include <string.h>

/* The functions of the table and of its backend; those that only answer cannot be broken. */
typedef enum BrokenCall {
  BROKEN_open,
  BROKEN_allocate,
  BROKEN_host_allocate,
  BROKEN_create,
  BROKEN_copy_in,
  BROKEN_copy_out,
  BROKEN_copy_within,
  BROKEN_fill,
  BROKEN_launch,
  BROKEN_collective,
  BROKEN_record,
  BROKEN_wait,
  BROKEN_synchronise,
  BROKEN_sequence_begin,
  BROKEN_sequence_end,
  BROKEN_limits,
  BROKEN_observe,
  BROKEN_destroy,
  BROKEN_release,
  BROKEN_host_release,
  BROKEN_close,
  BROKEN_N
} BrokenCall;
static const char *const broken_names[] = {
    "open",        "allocate",       "host_allocate", "create",     "copy_in", "copy_out",
    "copy_within", "fill",           "launch",        "collective", "record",  "wait",
    "synchronise", "sequence_begin", "sequence_end",  "limits",     "observe", "destroy",
    "release",     "host_release",   "close"};

typedef enum BrokenHow {
  BROKEN_NOT,
  BROKEN_DROPPED, /* nothing happens, and nobody is told */
  BROKEN_FAILS,
  BROKEN_LATE,   /* it seems to work; the next synchronise tells */
  BROKEN_SOON,   /* it seems to work; the next call of any kind tells */
  BROKEN_SHORT,  /* each copy is 4 bytes shorter; a fill does half of it */
  BROKEN_LONG,   /* or longer */
  BROKEN_SHIFTED /* or takes what lies 4 bytes further; a fill begins there */
} BrokenHow;

typedef struct Broken {
  Device device;
  Device *inner;
  uint32_t streams;
  bool poisoned; /* a call has failed, and nobody was told */
} Broken;

static struct {
  BrokenCall call;
  BrokenHow how;
  uint32_t at; /* which call of it, from 0 */
  uint32_t made[BROKEN_N];
  DeviceTag tag;    /* of the call that was broken */
  BrokenCall after; /* the copy before it */
  BrokenCall last;
  bool done;
  const DeviceTable *inner;
  Device *left; /* closed by broken_clean */
  DeviceCopy *copies;
} broken;

static inline void broken_set(BrokenCall call, uint32_t at, BrokenHow how) {
  memset(broken.made, 0, sizeof broken.made);
  broken.call = call;
  broken.at = at;
  broken.how = how;
  broken.tag = DEVICE_TAG_NONE;
  broken.done = false;
}

/* Ends what a call that was dropped has left. */
static inline void broken_clean(void) {
  if (broken.left) broken.inner->close(broken.left);
  broken.left = NULL;
  free(broken.copies);
  broken.copies = NULL;
}

static inline bool broken_is(BrokenCall call, BrokenHow *how) {
  bool is = broken.made[call]++ == broken.at && broken.call == call && broken.how;
  if (is) broken.after = broken.last;
  if (call == BROKEN_copy_in || call == BROKEN_copy_out) broken.last = call;
  *how = is ? broken.how : BROKEN_NOT;
  broken.done |= is;
  return is;
}

static inline Status broken_text(Broken *b, DeviceTag tag) {
  return device_fail(&b->device, STATUS_SYSTEM, tag, "%s is broken", broken_names[broken.call]);
}

/* The device dies: what it was given is over, in one way or another, and nothing more is taken. */
static inline void broken_die(Broken *b) {
  b->poisoned = true;
  for (DeviceStream s = 0; s < b->streams; s++) broken.inner->synchronise(b->inner, s);
}

/* True when the call must be made; else *status is what it returns. */
static inline bool broken_lets(Broken *b, BrokenCall call, DeviceTag tag, BrokenHow *how,
                               Status *status) {
  *status = STATUS_OK;
  bool answers = call == BROKEN_allocate || call == BROKEN_host_allocate; /* they are waited for */
  if (b->poisoned && (call == BROKEN_synchronise || answers || broken.how == BROKEN_SOON)) {
    *status = broken_text(b, broken.tag);
    return false;
  }
  if (b->poisoned) return false;
  if (!broken_is(call, how)) return true;
  broken.tag = tag;
  if (*how == BROKEN_FAILS) *status = broken_text(b, tag);
  if (*how == BROKEN_LATE || *how == BROKEN_SOON) broken_die(b);
  return *how != BROKEN_DROPPED && *how != BROKEN_FAILS && !b->poisoned;
}

static inline Status broken_pass(Broken *b, Status status) {
  if (status != STATUS_OK) b->device.error = b->inner->error;
  return status;
}

#define BROKEN_COMMAND(CALL, TAG, EXPRESSION)                                                      \
  Broken *b = (Broken *)device;                                                                    \
  Status status;                                                                                   \
  BrokenHow how = BROKEN_NOT;                                                                      \
  return broken_lets(b, BROKEN_##CALL, TAG, &how, &status) ? broken_pass(b, EXPRESSION) : status

static inline size_t broken_bytes(size_t bytes, BrokenHow how) {
  return how == BROKEN_SHORT ? bytes - 4 : how == BROKEN_LONG ? bytes + 4 : bytes;
}
static inline size_t broken_shift(BrokenHow how) {
  return how == BROKEN_SHIFTED ? 4 : 0;
}

/* The list with its copies wrong; `to` of those to the host stays, they would write where nobody
 * reads. */
static inline const DeviceCopy *broken_list(const DeviceCopy *copies, uint32_t n, BrokenHow how) {
  if (how < BROKEN_SHORT) return copies;
  broken.copies = realloc(broken.copies, (n + 1u) * sizeof *broken.copies);
  if (!broken.copies) exit(1);
  for (uint32_t i = 0; i < n; i++)
    broken.copies[i] = (DeviceCopy){copies[i].to, (const char *)copies[i].from + broken_shift(how),
                                    broken_bytes(copies[i].bytes, how)};
  return broken.copies;
}

static Status broken_copy_in(Device *device, DeviceStream stream, const DeviceCopy *copies,
                             uint32_t n, DeviceTag tag) {
  BROKEN_COMMAND(copy_in, tag,
                 broken.inner->copy_in(b->inner, stream, broken_list(copies, n, how), n, tag));
}
static Status broken_copy_out(Device *device, DeviceStream stream, const DeviceCopy *copies,
                              uint32_t n, DeviceTag tag) {
  BROKEN_COMMAND(copy_out, tag,
                 broken.inner->copy_out(b->inner, stream, broken_list(copies, n, how), n, tag));
}
static Status broken_copy_within(Device *device, DeviceStream stream, const DeviceCopy *copies,
                                 uint32_t n, DeviceTag tag) {
  BROKEN_COMMAND(copy_within, tag,
                 broken.inner->copy_within(b->inner, stream, broken_list(copies, n, how), n, tag));
}
static Status broken_fill(Device *device, DeviceStream stream, void *at, uint8_t value,
                          size_t bytes, DeviceTag tag) {
  BROKEN_COMMAND(fill, tag,
                 broken.inner->fill(b->inner, stream, (char *)at + broken_shift(how), value,
                                    how == BROKEN_SHORT ? bytes / 2 : bytes, tag));
}
static Status broken_launch(Device *device, DeviceStream stream, const Kernel *kernel,
                            const KernelArgs *args, DeviceTag tag) {
  BROKEN_COMMAND(launch, tag, broken.inner->launch(b->inner, stream, kernel, args, tag));
}
static Status broken_collective(Device *device, DeviceStream stream, const DeviceCollective *call,
                                DeviceTag tag) {
  BROKEN_COMMAND(collective, tag, broken.inner->collective(b->inner, stream, call, tag));
}
static Status broken_record(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  BROKEN_COMMAND(record, tag, broken.inner->record(b->inner, stream, event, tag));
}
static Status broken_wait(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  BROKEN_COMMAND(wait, tag, broken.inner->wait(b->inner, stream, event, tag));
}
static Status broken_synchronise(Device *device, DeviceStream stream) {
  BROKEN_COMMAND(synchronise, DEVICE_TAG_NONE, broken.inner->synchronise(b->inner, stream));
}
static Status broken_sequence_begin(Device *device, DeviceStream stream, uint32_t sequence,
                                    bool *out_done) {
  BROKEN_COMMAND(sequence_begin, DEVICE_TAG_NONE,
                 broken.inner->sequence_begin(b->inner, stream, sequence, out_done));
}
static Status broken_sequence_end(Device *device, DeviceStream stream, uint32_t sequence,
                                  bool whole) {
  BROKEN_COMMAND(sequence_end, DEVICE_TAG_NONE,
                 broken.inner->sequence_end(b->inner, stream, sequence, whole));
}
static Status broken_limits(Device *device, DType type, DeviceLimits *out) {
  BROKEN_COMMAND(limits, DEVICE_TAG_NONE, broken.inner->limits(b->inner, type, out));
}
static Status broken_allocate(Device *device, size_t bytes, void **out) {
  BROKEN_COMMAND(allocate, DEVICE_TAG_NONE, broken.inner->allocate(b->inner, bytes, out));
}
static Status broken_host_allocate(Device *device, size_t bytes, void **out) {
  BROKEN_COMMAND(host_allocate, DEVICE_TAG_NONE, broken.inner->host_allocate(b->inner, bytes, out));
}

/* Those that return nothing can only be dropped.  An observer must go: it may be gone already. */
static void broken_observe(Device *device, DeviceObserver observer, void *context) {
  BrokenHow how;
  if (!observer || !broken_is(BROKEN_observe, &how))
    broken.inner->observe(((Broken *)device)->inner, observer, context);
}
static void broken_release(Device *device, void *at) {
  BrokenHow how;
  if (!broken_is(BROKEN_release, &how)) broken.inner->release(((Broken *)device)->inner, at);
}
static void broken_host_release(Device *device, void *at) {
  BrokenHow how;
  if (!broken_is(BROKEN_host_release, &how))
    broken.inner->host_release(((Broken *)device)->inner, at);
}
static void broken_close(Device *device) {
  BrokenHow how;
  Broken *b = (Broken *)device;
  if (!b) return;
  if (broken_is(BROKEN_close, &how))
    broken.left = b->inner;
  else
    broken.inner->close(b->inner);
  free(b);
}
static void broken_destroy(Kernel *kernel) {
  BrokenHow how;
  if (kernel && !broken_is(BROKEN_destroy, &how)) broken.inner->backend->destroy(kernel);
}

static void *broken_context(Device *device) {
  return device;
}
static void *broken_host_view(Device *device, void *at) {
  return broken.inner->host_view(((Broken *)device)->inner, at);
}
static int64_t broken_memory(const Device *device) {
  return broken.inner->memory(((const Broken *)device)->inner);
}

static Status broken_create(void *context, const KernelSpec *spec, KernelError *error,
                            Kernel **out) {
  BrokenHow how;
  Broken *b = context;
  *out = NULL;
  if (!broken_is(BROKEN_create, &how)) {
    void *inner = broken.inner->context ? broken.inner->context(b->inner) : NULL;
    return broken.inner->backend->create(inner, spec, error, out);
  }
  snprintf(error->text, sizeof error->text, "create is broken");
  return STATUS_SYSTEM;
}

static const DeviceTable *broken_table(const DeviceTable *inner);
static Status broken_open(const DeviceOptions *options, Diag *diag, Device **out) {
  BrokenHow how;
  *out = NULL;
  if (broken_is(BROKEN_open, &how))
    return diag_error(diag, STATUS_SYSTEM, broken.inner->name, NULL, "open is broken");
  Broken *b = calloc(1, sizeof *b);
  if (!b) exit(1);
  Status status = broken.inner->open(options, diag, &b->inner);
  if (status != STATUS_OK) {
    free(b);
    return status;
  }
  b->device.table = broken_table(broken.inner);
  b->streams = options->streams;
  *out = &b->device;
  return STATUS_OK;
}

/* The table of another device, to be broken by broken_set. */
static const DeviceTable *broken_table(const DeviceTable *inner) {
  static DeviceTable table;
  static Backend backend;
  broken.inner = inner;
  backend = *inner->backend;
  backend.create = broken_create;
  backend.destroy = broken_destroy;
  table = (DeviceTable){.name = inner->name,
                        .backend = &backend,
                        .open = broken_open,
                        .close = broken_close,
                        .context = broken_context,
                        .memory = broken_memory,
                        .allocate = broken_allocate,
                        .release = broken_release,
                        .host_view = inner->host_view ? broken_host_view : NULL,
                        .host_allocate = broken_host_allocate,
                        .host_release = broken_host_release,
                        .copy_in = broken_copy_in,
                        .copy_out = broken_copy_out,
                        .copy_within = broken_copy_within,
                        .fill = broken_fill,
                        .launch = broken_launch,
                        .collective = inner->collective ? broken_collective : NULL,
                        .record = broken_record,
                        .wait = broken_wait,
                        .synchronise = broken_synchronise,
                        .sequence_begin = inner->sequence_begin ? broken_sequence_begin : NULL,
                        .sequence_end = inner->sequence_end ? broken_sequence_end : NULL,
                        .limits = broken_limits,
                        .observe = inner->observe ? broken_observe : NULL,
                        .parts = inner->parts};
  return &table;
}

#endif
