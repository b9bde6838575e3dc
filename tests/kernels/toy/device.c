/* The toy device: memory without access rights for the host, commands that wait in queues and run
 * late in a legal order, chosen by a seed.  Whatever the executor forgets to copy or to wait for
 * reads poison. */
#include "tests/kernels/toy/device.h"

#include "kernels/cpu/backend.h"
#include "tests/kernels/toy/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

ToySetup toy_setup;
uint32_t toy_calls[TOY_CALLS];
int64_t toy_alive;
uint32_t toy_replays;
const char *const toy_call_names[TOY_CALLS] = {
    "none", "allocate", "host_allocate", "copy_in", "copy_out",    "copy_within",
    "fill", "launch",   "record",        "wait",    "synchronise", "create"};

#define QUEUE_MAX 65536
#define COPIES_MAX 4096
#define BLOCKS_MAX 8
#define SEQUENCES_MAX 8

typedef struct Command {
  ToyCall call;
  DeviceCopy *copies;
  uint32_t n;
  void *at;
  uint8_t value;
  size_t bytes;
  const Kernel *kernel;
  const KernelArgs *args;
  DeviceEvent event;
  uint32_t turn; /* of the event: which record of it */
  DeviceSite site;
  bool fails;
} Command;

typedef struct Queue {
  Command commands[QUEUE_MAX]; /* a ring */
  uint32_t next, end;          /* what runs next, where the next one goes */
} Queue;

/* Launches as they were given once, to be given again. */
typedef struct Sequence {
  Command *commands;
  uint32_t n, cap;
  bool whole;
} Sequence;

typedef struct Block {
  char *at;
  size_t bytes;
} Block;

typedef struct Toy {
  Device device;
  ToySetup setup;
  uint64_t random;
  Queue queue[DEVICE_STREAMS];
  uint32_t recorded[DEVICE_EVENTS], happened[DEVICE_EVENTS];
  Block blocks[BLOCKS_MAX];
  Sequence sequences[SEQUENCES_MAX];
  Sequence *recording; /* NULL: none */
  CpuStream cpu;
  Status failed; /* of a command that ran */
} Toy;

/* ---- breaking ---- */

/* Counts a call: what it must do. */
typedef enum Fate { FATE_WORKS, FATE_FAILS, FATE_VANISHES } Fate;
static Fate count(ToyCall call, const ToySetup *s) {
  uint32_t n = toy_calls[call]++;
  if (n != s->at) return FATE_WORKS;
  return s->fail == call ? FATE_FAILS : s->drop == call ? FATE_VANISHES : FATE_WORKS;
}

static Status broken(Toy *t, ToyCall call, DeviceSite site) {
  return device_fail(&t->device, STATUS_SYSTEM, site, "%s is broken", toy_call_names[call]);
}

/* ---- kernels: the CPU's, on one thread ---- */

static Status toy_create(void *context, const KernelSpec *spec, Diag *diag, Kernel **out) {
  const Toy *t = context;
  *out = NULL;
  if (count(TOY_CREATE, &t->setup) == FATE_FAILS)
    return diag_error(diag, STATUS_SYSTEM, NULL, NULL, "create is broken");
  return kernel_create(spec, diag, out);
}

static Status toy_enqueue(const Kernel *kernel, void *stream, const KernelArgs *args,
                          KernelError *error) {
  return backend_cpu.enqueue(kernel, stream, args, error);
}

const Backend backend_toy = {.target = &target_toy,
                             .create = toy_create,
                             .enqueue = toy_enqueue,
                             .destroy = kernel_destroy,
                             .implementation = kernel_implementation};

/* ---- memory ---- */

static void protect(const Toy *t, int how) {
  for (int i = 0; i < BLOCKS_MAX; i++)
    if (t->blocks[i].at && mprotect(t->blocks[i].at, t->blocks[i].bytes, how) != 0) abort();
}

static int64_t toy_memory(const Device *device) {
  (void)device;
  return (int64_t)1 << 32;
}

static Status toy_allocate(Device *device, size_t bytes, void **out) {
  Toy *t = (Toy *)device;
  *out = NULL;
  if (count(TOY_ALLOCATE, &t->setup) == FATE_FAILS)
    return broken(t, TOY_ALLOCATE, DEVICE_SITE_NONE);
  int i = 0;
  while (i < BLOCKS_MAX && t->blocks[i].at) i++;
  size_t mapped = (bytes + 4096) / 4096 * 4096;
  void *at = i < BLOCKS_MAX
                 ? mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                 : MAP_FAILED;
  if (at == MAP_FAILED) return broken(t, TOY_ALLOCATE, DEVICE_SITE_NONE);
  memset(at, 0xff, mapped); /* no number in any type */
  t->blocks[i] = (Block){at, mapped};
  protect(t, PROT_NONE);
  toy_alive++;
  *out = at;
  return STATUS_OK;
}

static void toy_release(Device *device, void *at) {
  Toy *t = (Toy *)device;
  for (int i = 0; i < BLOCKS_MAX; i++)
    if (at && t->blocks[i].at == at) {
      munmap(at, t->blocks[i].bytes);
      t->blocks[i] = (Block){0};
      toy_alive--;
    }
}

static Status toy_host_allocate(Device *device, size_t bytes, void **out) {
  Toy *t = (Toy *)device;
  *out = NULL;
  if (count(TOY_HOST_ALLOCATE, &t->setup) == FATE_FAILS)
    return broken(t, TOY_HOST_ALLOCATE, DEVICE_SITE_NONE);
  *out = aligned_alloc(64, (bytes + 64) / 64 * 64);
  if (!*out) return broken(t, TOY_HOST_ALLOCATE, DEVICE_SITE_NONE);
  toy_alive++;
  return STATUS_OK;
}

static void toy_host_release(Device *device, void *at) {
  (void)device;
  toy_alive -= at != NULL;
  free(at);
}

/* ---- running what waits ---- */

static uint64_t draw(Toy *t, uint64_t n) {
  t->random ^= t->random << 13;
  t->random ^= t->random >> 7;
  t->random ^= t->random << 17;
  return (t->random * 0x2545F4914F6CDD1Du >> 32) % n;
}

static void run(Toy *t, const Command *c) {
  if (t->failed != STATUS_OK) return;
  if (c->fails) {
    t->failed = broken(t, c->call, c->site);
    return;
  }
  if (c->call == TOY_FILL) memset(c->at, c->value, c->bytes);
  for (uint32_t i = 0; i < c->n; i++)
    memmove(c->copies[i].to, c->copies[i].from, c->copies[i].bytes);
  if (c->call == TOY_LAUNCH) {
    Status status = backend_toy.enqueue(c->kernel, &t->cpu, c->args, &t->device.error.what);
    if (status != STATUS_OK) t->device.error.site = c->site;
    t->failed = status;
  }
}

/* Runs the stream's next command; false: there is none, or it waits for an event. */
static bool advance(Toy *t, uint32_t stream) {
  Queue *q = &t->queue[stream];
  if (q->next == q->end) return false;
  Command *c = &q->commands[q->next % QUEUE_MAX];
  if (c->call == TOY_WAIT && t->happened[c->event] < c->turn) return false;
  if (c->call == TOY_RECORD && t->happened[c->event] < c->turn) t->happened[c->event] = c->turn;
  if (c->call != TOY_WAIT && c->call != TOY_RECORD) run(t, c);
  free(c->copies);
  c->copies = NULL;
  q->next++;
  return true;
}

/* Runs a stream to its end, and of the others what it waits for. */
static void drain(Toy *t, uint32_t stream) {
  Queue *q = &t->queue[stream];
  protect(t, PROT_READ | PROT_WRITE);
  while (q->next != q->end) {
    if (advance(t, stream)) continue;
    bool any = false;
    for (uint32_t s = 0; s < DEVICE_STREAMS && !any; s++) any = s != stream && advance(t, s);
    if (!any) abort(); /* streams wait for each other */
  }
  protect(t, PROT_NONE);
}

static void run_some(Toy *t) {
  uint64_t n = t->setup.order == TOY_RANDOM ? draw(t, 16) : 0; /* seldom, then many */
  if (t->setup.order == TOY_LAZY || (t->setup.order == TOY_RANDOM && n)) return;
  protect(t, PROT_READ | PROT_WRITE);
  if (t->setup.order == TOY_EAGER)
    while (advance(t, STREAM_STEPS)) {
    }
  if (t->setup.order == TOY_RANDOM)
    for (n = draw(t, 40); n > 0; n--) advance(t, (uint32_t)draw(t, DEVICE_STREAMS));
  protect(t, PROT_NONE);
}

static void note(Sequence *s, const Command *c) {
  if (s->n == s->cap) {
    s->cap = s->cap ? 2 * s->cap : 64;
    s->commands = realloc(s->commands, s->cap * sizeof *s->commands);
    if (!s->commands) abort();
  }
  s->commands[s->n++] = *c;
}

static Status put(Toy *t, DeviceStream stream, Command c) {
  Queue *q = &t->queue[stream];
  if (t->failed != STATUS_OK) return t->failed;
  if (t->recording) note(t->recording, &c);
  Fate fate = count(c.call, &t->setup);
  if (fate == FATE_FAILS && !t->setup.late) {
    t->recording = NULL; /* it stays incomplete */
    return broken(t, c.call, c.site);
  }
  if (fate == FATE_VANISHES) return STATUS_OK;
  c.fails = fate == FATE_FAILS;
  if (q->end - q->next == QUEUE_MAX) drain(t, stream);
  if (c.n) {
    DeviceCopy *copies = malloc(c.n * sizeof *copies);
    if (!copies) abort();
    memcpy(copies, c.copies, c.n * sizeof *copies);
    c.copies = copies;
  }
  q->commands[q->end++ % QUEUE_MAX] = c;
  run_some(t);
  return STATUS_OK;
}

/* ---- commands ---- */

static Status toy_copy_in(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                          DeviceSite site) {
  return put(
      (Toy *)device, stream,
      (Command){
          .call = TOY_COPY_IN, .copies = (DeviceCopy *)(uintptr_t)copies, .n = n, .site = site});
}

static Status toy_copy_out(Device *device, DeviceStream stream, const DeviceCopy *copies,
                           uint32_t n, DeviceSite site) {
  for (uint32_t i = 0; i < n; i++) memset(copies[i].to, 0xff, copies[i].bytes);
  return put(
      (Toy *)device, stream,
      (Command){
          .call = TOY_COPY_OUT, .copies = (DeviceCopy *)(uintptr_t)copies, .n = n, .site = site});
}

static Status toy_copy_within(Device *device, DeviceStream stream, const DeviceCopy *copies,
                              uint32_t n, DeviceSite site) {
  return put((Toy *)device, stream,
             (Command){.call = TOY_COPY_WITHIN,
                       .copies = (DeviceCopy *)(uintptr_t)copies,
                       .n = n,
                       .site = site});
}

static Status toy_fill(Device *device, DeviceStream stream, void *at, uint8_t value, size_t bytes,
                       DeviceSite site) {
  return put((Toy *)device, stream,
             (Command){.call = TOY_FILL, .at = at, .value = value, .bytes = bytes, .site = site});
}

static Status toy_launch(Device *device, DeviceStream stream, const Kernel *kernel,
                         const KernelArgs *args, DeviceSite site) {
  return put((Toy *)device, stream,
             (Command){.call = TOY_LAUNCH, .kernel = kernel, .args = args, .site = site});
}

static Status toy_record(Device *device, DeviceStream stream, DeviceEvent event) {
  Toy *t = (Toy *)device;
  bool vanishes = t->setup.drop == TOY_RECORD && toy_calls[TOY_RECORD] == t->setup.at;
  if (!vanishes) t->recorded[event]++;
  return put(t, stream,
             (Command){.call = TOY_RECORD,
                       .event = event,
                       .turn = t->recorded[event],
                       .site = DEVICE_SITE_NONE});
}

static Status toy_wait(Device *device, DeviceStream stream, DeviceEvent event) {
  Toy *t = (Toy *)device;
  return put(
      t, stream,
      (Command){
          .call = TOY_WAIT, .event = event, .turn = t->recorded[event], .site = DEVICE_SITE_NONE});
}

static Status toy_synchronise(Device *device, DeviceStream stream) {
  Toy *t = (Toy *)device;
  if (t->failed != STATUS_OK) return t->failed;
  Fate fate = count(TOY_SYNCHRONISE, &t->setup);
  if (fate == FATE_FAILS) return broken(t, TOY_SYNCHRONISE, DEVICE_SITE_NONE);
  if (fate == FATE_VANISHES) return STATUS_OK;
  drain(t, stream);
  return t->failed;
}

static Status toy_sequence_begin(Device *device, DeviceStream stream, uint32_t id, bool *out_done) {
  Toy *t = (Toy *)device;
  Sequence *s = id < SEQUENCES_MAX ? &t->sequences[id] : NULL;
  *out_done = s && s->whole;
  if (*out_done) {
    for (uint32_t i = 0; i < s->n; i++) TRY(put(t, stream, s->commands[i]));
    toy_replays++;
  } else if (s) {
    s->n = 0;
    t->recording = s;
  }
  return STATUS_OK;
}

static Status toy_sequence_end(Device *device, DeviceStream stream, uint32_t id) {
  (void)stream, (void)id;
  Toy *t = (Toy *)device;
  if (t->recording) t->recording->whole = t->failed == STATUS_OK;
  t->recording = NULL;
  return STATUS_OK;
}

/* ---- life ---- */

static Status toy_open(const DeviceOptions *options, Diag *diag, Device **out) {
  (void)options;
  *out = NULL;
  Toy *t = calloc(1, sizeof *t);
  if (!t) return diag_no_memory(diag, sizeof *t);
  t->setup = toy_setup;
  t->random = toy_setup.seed * 2 + 1;
  t->device.table = &device_toy;
  Status status = threads_create(1, diag, &t->cpu.threads);
  if (status != STATUS_OK) {
    free(t);
    return status;
  }
  *out = &t->device;
  return STATUS_OK;
}

static void toy_close(Device *device) {
  Toy *t = (Toy *)device;
  if (!t) return;
  for (uint32_t s = 0; s < DEVICE_STREAMS; s++)
    for (Queue *q = &t->queue[s]; q->next != q->end; q->next++)
      free(q->commands[q->next % QUEUE_MAX].copies);
  for (int i = 0; i < SEQUENCES_MAX; i++) free(t->sequences[i].commands);
  for (int i = 0; i < BLOCKS_MAX; i++) toy_release(device, t->blocks[i].at);
  threads_destroy(t->cpu.threads);
  free(t);
}

static void *toy_context(Device *device) {
  return device;
}

static Status toy_limits(Device *device, DType type, DeviceLimits *out) {
  (void)device, (void)type;
  *out = (DeviceLimits){1, 1};
  return STATUS_OK;
}

const DeviceTable device_toy = {.backend = &backend_toy,
                                .open = toy_open,
                                .close = toy_close,
                                .context = toy_context,
                                .memory = toy_memory,
                                .allocate = toy_allocate,
                                .release = toy_release,
                                .host_allocate = toy_host_allocate,
                                .host_release = toy_host_release,
                                .copy_in = toy_copy_in,
                                .copy_out = toy_copy_out,
                                .copy_within = toy_copy_within,
                                .fill = toy_fill,
                                .launch = toy_launch,
                                .record = toy_record,
                                .wait = toy_wait,
                                .synchronise = toy_synchronise,
                                .sequence_begin = toy_sequence_begin,
                                .sequence_end = toy_sequence_end,
                                .limits = toy_limits};
