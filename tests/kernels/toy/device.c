/* The toy device's table.
 *
 * What a call asks for is checked when it is given, in the program's order and by clocks: a command
 * may run before another that its clock does not know of.  Then it waits in its stream's queue and
 * runs when the order's policy says so, at the latest when somebody waits for it. */
#include "kernels/cpu/backend.h"
#include "runtime/device/plugin.h"
#include "tests/kernels/toy/memory.h"
#include "tests/kernels/toy/target.h"
#include "tests/kernels/toy/toy.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

__attribute__((visibility("default"))) extern ToyControl toy_control_data;
ToyControl toy_control_data;
extern const DeviceTable device_toy;

#define QUEUE_MAX 4096
#define SEQUENCES_MAX 16
#define NO_SEQUENCE UINT32_MAX

typedef struct Toy Toy;

typedef struct ToyKernel {
  Kernel *cpu;
  Toy *toy;
  uint32_t n_inputs, n_outputs;
  size_t *bytes;  /* of the inputs, then of the outputs */
  size_t work;    /* bytes of the work buffer that the plan reserved */
  void **own;     /* the toy's addresses of inputs and outputs, while it runs */
  uint32_t given; /* the number of its last launch in the stream of steps */
  bool destroyed; /* the rest stays until the device is closed */
  struct ToyKernel *next;
} ToyKernel;

typedef enum What { COPY, FILL, LAUNCH, RECORD, WAIT } What;

/* Addresses are the toy's own, but those of `args`. */
typedef struct Command {
  What what;
  DeviceSite site;
  DeviceCopy *copies;
  uint32_t n;
  void *at;
  uint8_t value;
  size_t bytes;
  const ToyKernel *kernel;
  const KernelArgs *args;
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
} Event;

/* Launches as they were given once, to be given again. */
typedef struct Launch {
  const ToyKernel *kernel;
  const KernelArgs *args;
  DeviceSite site;
} Launch;
typedef struct Sequence {
  Launch *launches;
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
  Queue queue[DEVICE_STREAMS];
  uint32_t waiting; /* launches */
  Clock clock[DEVICE_STREAMS],
      host; /* what is known to have run when a stream goes on; by the host */
  Event events[DEVICE_EVENTS];
  Block *blocks;
  ToyKernel *kernels;
  Loan *loans;
  uint32_t n_loans, cap_loans;
  Sequence sequences[SEQUENCES_MAX];
  uint32_t open; /* the sequence that has begun and not ended; NO_SEQUENCE: none */
  CpuStream cpu;
  Status failed;
  DeviceObserver observer;
  void *observer_context;
  Toy *next; /* of the open ones */
};

static Toy *toys;

/* ---- faults ---- */

static Status fault(Toy *t, DeviceSite site, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static Status fault(Toy *t, DeviceSite site, const char *format, ...) {
  char text[200];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  ToyControl *c = &toy_control_data;
  if (c->faults++ == 0) snprintf(c->fault, sizeof c->fault, "%s", text);
  if (t->failed == STATUS_OK)
    t->failed = device_fail(&t->device, STATUS_SYSTEM, site, "FAULT: %s", text);
  return t->failed;
}

/* The host touched what it must not: it goes on, and the test hears of it. */
static struct sigaction before;
static void note_touch(int number, siginfo_t *info, void *context) {
  (void)context;
  for (Toy *t = toys; t; t = t->next)
    for (Block *b = t->blocks; b; b = b->next) {
      char *at = info->si_addr;
      if (at < b->at || at >= b->at + b->mapped) continue;
      fault(t, DEVICE_SITE_NONE, "the host touches %s",
            b->released              ? "memory that was released"
            : at >= b->at + b->bytes ? "what lies behind an allocation"
            : b->host                ? "memory that a command may still use"
                                     : "the device's memory");
      mprotect(at - (uintptr_t)at % 4096, 4096, PROT_READ | PROT_WRITE);
      return;
    }
  sigaction(number, &before, NULL); /* not ours: it comes again */
}

/* ---- what touches what ---- */

static void lend(Toy *t, Block *b, const void *at, size_t bytes, bool written,
                 DeviceStream stream) {
  if (t->n_loans == t->cap_loans) {
    t->cap_loans = t->cap_loans ? 2 * t->cap_loans : 64;
    t->loans = realloc(t->loans, t->cap_loans * sizeof *t->loans);
    if (!t->loans) abort();
  }
  t->loans[t->n_loans++] = (Loan){b, at, bytes, written, stream, t->clock[stream].of[stream]};
  block_protect(b, at, bytes, written ? PROT_NONE : PROT_READ);
}

/* Gives the host back what the commands that it knows to have run were lent.  A loan that shares a
 * page with another ends with it. */
static void settle(Toy *t) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->n_loans; i++) {
    const Loan *l = &t->loans[i];
    if (l->number <= t->host.of[l->stream])
      block_protect(l->block, l->at, l->bytes, PROT_READ | PROT_WRITE);
    else
      t->loans[n++] = *l;
  }
  t->n_loans = n;
  for (int written = 0; written < 2; written++)
    for (uint32_t i = 0; i < n; i++) {
      const Loan *l = &t->loans[i];
      if (l->written == written)
        block_protect(l->block, l->at, l->bytes, written ? PROT_NONE : PROT_READ);
    }
}

/* The next command of a stream: what it comes after is what the stream and the host came after. */
static void tick(Toy *t, DeviceStream stream) {
  clock_join(&t->clock[stream], &t->host);
  t->clock[stream].of[stream]++;
}

/* The stream's newest command touches these bytes; *own is where the toy finds them. */
static Status touch(Toy *t, DeviceStream stream, const void *at, size_t bytes, bool host,
                    bool written, DeviceSite site, void **own) {
  DeviceSite other = DEVICE_SITE_NONE;
  Block *b = block_find(t->blocks, at, bytes);
  if (!b || b->host != host)
    return fault(t, site, "a command names %zu bytes that are not in one allocation of the %s",
                 bytes, host ? "host's" : "device's");
  if (b->released) return fault(t, site, "a command names memory that was released");
  const Clock *now = &t->clock[stream];
  const char *wrong = written ? block_write(b, at, bytes, stream, now, site, &other)
                              : block_read(b, at, bytes, stream, now, &other);
  if (wrong)
    return fault(t, site, "a command %s (site %llx, %zu bytes; the other's site %llx)", wrong,
                 (unsigned long long)site, bytes, (unsigned long long)other);
  if (host) lend(t, b, at, bytes, written, stream);
  *own = block_own(b, at);
  return STATUS_OK;
}

/* True when the host knows that nothing touches the block any more. */
static bool is_idle(const Toy *t, const Block *b) {
  for (size_t i = 0; i * CELL < b->bytes; i++) {
    const Cell *c = &b->cells[i];
    if (c->write > t->host.of[c->writer]) return false;
    for (int s = 0; s < DEVICE_STREAMS; s++)
      if (c->read[s] > t->host.of[s]) return false;
  }
  return true;
}

/* ---- kernels: the CPU's, on one thread ---- */

static size_t node_bytes(const KernelSpec *spec, NodeId id) {
  return (size_t)value_bytes(&spec->graph->nodes[id]);
}

static void kernel_free(ToyKernel *k) {
  if (!k->destroyed) kernel_destroy(k->cpu);
  free(k->bytes);
  free(k->own);
  free(k);
}

static Status toy_create(void *context, const KernelSpec *spec, KernelError *error, Kernel **out) {
  Toy *t = context;
  *out = NULL;
  ToyKernel *k = calloc(1, sizeof *k);
  if (!k) abort();
  uint32_t n = spec->n_inputs + spec->n_outputs;
  *k = (ToyKernel){.toy = t,
                   .n_inputs = spec->n_inputs,
                   .n_outputs = spec->n_outputs,
                   .bytes = calloc(n + 1u, sizeof *k->bytes),
                   .own = calloc(n + 1u, sizeof *k->own),
                   .work = (size_t)spec->work_bytes};
  if (!k->bytes || !k->own) abort();
  Status status = backend_cpu.create(NULL, spec, error, &k->cpu);
  if (status != STATUS_OK) {
    k->destroyed = true;
    kernel_free(k);
    return status;
  }
  for (uint32_t i = 0; i < spec->n_inputs; i++) k->bytes[i] = node_bytes(spec, spec->inputs[i]);
  for (uint32_t i = 0; i < spec->n_outputs; i++)
    k->bytes[spec->n_inputs + i] = node_bytes(spec, spec->outputs[i]);
  k->next = t->kernels;
  t->kernels = k;
  toy_control_data.alive++;
  *out = (Kernel *)k;
  return STATUS_OK;
}

static void toy_destroy(Kernel *kernel) {
  ToyKernel *k = (ToyKernel *)kernel;
  if (!k) return;
  Toy *t = k->toy;
  if (k->destroyed) {
    fault(t, DEVICE_SITE_NONE, "a kernel is destroyed twice");
    return;
  }
  if (k->given > t->host.of[STREAM_STEPS])
    fault(t, DEVICE_SITE_NONE, "a kernel is destroyed that may still run");
  kernel_destroy(k->cpu);
  k->destroyed = true;
  toy_control_data.alive--;
}

static const char *toy_implementation(const Kernel *kernel) {
  return kernel_implementation(((const ToyKernel *)kernel)->cpu);
}

/* What a result or the work buffer held before is nothing that a kernel may count on. */
static void poison(ToyKernel *k, uint32_t output, void *work) {
  char *at = k->own[output];
  if (work) memset(work, 0xff, k->work);
  for (uint32_t i = 0; i < k->n_inputs; i++) {
    char *in = k->own[i];
    if (at < in + k->bytes[i] && in < at + k->bytes[output]) return;
  }
  memset(at, 0xff, k->bytes[output]);
}

static Status toy_enqueue(const Kernel *kernel, void *stream, const KernelArgs *args,
                          KernelError *error) {
  ToyKernel *k = (ToyKernel *)(uintptr_t)kernel;
  Block *blocks = k->toy->blocks;
  void *work = args->work ? block_own(block_find(blocks, args->work, k->work), args->work) : NULL;
  for (uint32_t i = 0; i < k->n_inputs + k->n_outputs; i++) {
    const void *at = i < k->n_inputs ? args->inputs[i] : args->outputs[i - k->n_inputs];
    k->own[i] = block_own(block_find(blocks, at, k->bytes[i]), at);
  }
  for (uint32_t i = 0; i < k->n_outputs; i++) poison(k, k->n_inputs + i, work);
  KernelArgs own = {(const void *const *)k->own, k->own + k->n_inputs, work};
  return backend_cpu.enqueue(k->cpu, stream, &own, error);
}

static const Backend backend_toy = {.target = &target_toy,
                                    .create = toy_create,
                                    .enqueue = toy_enqueue,
                                    .destroy = toy_destroy,
                                    .implementation = toy_implementation};

/* ---- memory ---- */

static int64_t toy_memory(const Device *device) {
  (void)device;
  return (int64_t)1 << 32;
}

static Status take(Device *device, size_t bytes, bool host, void **out) {
  Toy *t = (Toy *)device;
  Block *b = block_create(bytes, host);
  *out = NULL;
  if (!b) return device_fail(device, STATUS_SYSTEM, DEVICE_SITE_NONE, "out of memory");
  b->next = t->blocks;
  t->blocks = b;
  toy_control_data.alive++;
  *out = b->at;
  return STATUS_OK;
}

static void give_back(Device *device, void *at, bool host) {
  Toy *t = (Toy *)device;
  if (!at) return;
  Block *b = block_find(t->blocks, at, 0);
  if (!b || b->at != at || b->host != host || b->released) {
    fault(t, DEVICE_SITE_NONE, "memory is released that is none, or twice");
    return;
  }
  if (!is_idle(t, b)) fault(t, DEVICE_SITE_NONE, "memory is released that a command may still use");
  block_release(b);
  toy_control_data.alive--;
}

static Status toy_allocate(Device *device, size_t bytes, void **out) {
  return take(device, bytes, false, out);
}

static void toy_release(Device *device, void *at) {
  give_back(device, at, false);
}

static Status toy_host_allocate(Device *device, size_t bytes, void **out) {
  return take(device, bytes, true, out);
}

static void toy_host_release(Device *device, void *at) {
  give_back(device, at, true);
}

/* ---- running what waits ---- */

static uint64_t draw(Toy *t, uint64_t n) {
  t->random ^= t->random << 13;
  t->random ^= t->random >> 7;
  t->random ^= t->random << 17;
  return (t->random * 0x2545F4914F6CDD1Du >> 32) % n;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void run_kernel(Toy *t, const Command *c) {
  int64_t begin = t->observer ? now_ns() : 0;
  Status status = toy_enqueue((const Kernel *)c->kernel, &t->cpu, c->args, &t->device.error.what);
  if (t->observer) t->observer(t->observer_context, c->site, 0, 0, begin, now_ns());
  if (status == STATUS_OK) return;
  t->device.error.site = c->site;
  t->failed = status;
}

static void run(Toy *t, const Command *c) {
  if (t->failed != STATUS_OK) return;
  if (c->what == FILL) memset(c->at, c->value, c->bytes);
  for (uint32_t i = 0; i < c->n; i++)
    memcpy(c->copies[i].to, c->copies[i].from, c->copies[i].bytes);
  if (c->what == LAUNCH) run_kernel(t, c);
}

/* Runs the stream's next command; false: there is none, or it waits for an event. */
static bool advance(Toy *t, uint32_t stream) {
  Queue *q = &t->queue[stream];
  if (q->next == q->end) return false;
  Command *c = &q->commands[q->next % QUEUE_MAX];
  Event *e = &t->events[c->event];
  if (c->what == WAIT && e->happened < c->turn) return false;
  if (c->what == RECORD && e->happened < c->turn) e->happened = c->turn;
  run(t, c);
  t->waiting -= c->what == LAUNCH;
  free(c->copies);
  c->copies = NULL;
  q->next++;
  return true;
}

/* Runs a stream to its end, and of the others what it waits for. */
static void drain(Toy *t, uint32_t stream) {
  Queue *q = &t->queue[stream];
  while (q->next != q->end) {
    bool any = advance(t, stream);
    for (uint32_t s = 0; s < DEVICE_STREAMS && !any; s++) any = s != stream && advance(t, s);
    if (!any) abort(); /* an event is recorded before somebody waits for it */
  }
}

static void run_some(Toy *t) {
  if (t->order == TOY_EAGER)
    while (advance(t, STREAM_STEPS)) {
    }
  if (t->order != TOY_RANDOM || draw(t, 16)) return; /* seldom, then many */
  for (uint64_t n = draw(t, 40); n > 0; n--) advance(t, (uint32_t)draw(t, DEVICE_STREAMS));
}

static Status put(Toy *t, DeviceStream stream, Command c) {
  Queue *q = &t->queue[stream];
  if (q->end - q->next == QUEUE_MAX) drain(t, stream);
  q->commands[q->end++ % QUEUE_MAX] = c;
  t->waiting += c.what == LAUNCH;
  if (t->waiting > toy_control_data.waiting) toy_control_data.waiting = t->waiting;
  run_some(t);
  return STATUS_OK;
}

/* ---- commands ---- */

static Status begin(Toy *t, DeviceStream stream, bool in_sequence, DeviceSite site) {
  if (t->failed != STATUS_OK) return t->failed;
  if (stream >= DEVICE_STREAMS) return fault(t, site, "there is no stream %d", (int)stream);
  if (t->open != NO_SEQUENCE && !in_sequence)
    return fault(t, site, "a sequence holds launches only");
  tick(t, stream);
  return STATUS_OK;
}

static Status copy(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                   bool from_host, bool to_host, DeviceSite site) {
  Toy *t = (Toy *)device;
  TRY(begin(t, stream, false, site));
  if (n == 0) return fault(t, site, "a copy of nothing");
  DeviceCopy *own = calloc(n, sizeof *own);
  if (!own) abort();
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < n && status == STATUS_OK; i++) {
    void *from = NULL, *to = NULL;
    const DeviceCopy *c = &copies[i];
    const char *a = c->from, *b = c->to;
    if (c->bytes == 0 || (a < b + c->bytes && b < a + c->bytes))
      status = fault(t, site, "a copy of %zu bytes over itself", c->bytes);
    if (status == STATUS_OK)
      status = touch(t, stream, c->from, c->bytes, from_host, false, site, &from);
    if (status == STATUS_OK) status = touch(t, stream, c->to, c->bytes, to_host, true, site, &to);
    own[i] = (DeviceCopy){to, from, c->bytes};
    if (status == STATUS_OK && to_host) memset(to, 0xff, c->bytes); /* undefined until it has run */
  }
  if (status == STATUS_OK)
    return put(t, stream, (Command){.what = COPY, .copies = own, .n = n, .site = site});
  free(own);
  return status;
}

static Status toy_copy_in(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                          DeviceSite site) {
  return copy(device, stream, copies, n, true, false, site);
}

static Status toy_copy_out(Device *device, DeviceStream stream, const DeviceCopy *copies,
                           uint32_t n, DeviceSite site) {
  return copy(device, stream, copies, n, false, true, site);
}

static Status toy_copy_within(Device *device, DeviceStream stream, const DeviceCopy *copies,
                              uint32_t n, DeviceSite site) {
  return copy(device, stream, copies, n, false, false, site);
}

static Status toy_fill(Device *device, DeviceStream stream, void *at, uint8_t value, size_t bytes,
                       DeviceSite site) {
  Toy *t = (Toy *)device;
  void *own = NULL;
  TRY(begin(t, stream, false, site));
  if (bytes == 0) return fault(t, site, "a fill of nothing");
  TRY(touch(t, stream, at, bytes, false, true, site, &own));
  block_filled(block_find(t->blocks, at, bytes), at, bytes);
  return put(t, stream,
             (Command){.what = FILL, .at = own, .value = value, .bytes = bytes, .site = site});
}

static Status launch(Toy *t, DeviceStream stream, const Launch *l) {
  ToyKernel *k = (ToyKernel *)(uintptr_t)l->kernel;
  const KernelArgs *args = l->args;
  void *own;
  TRY(begin(t, stream, true, l->site));
  if (k->destroyed) return fault(t, l->site, "a kernel is launched that was destroyed");
  for (uint32_t i = 0; i < k->n_inputs; i++)
    TRY(touch(t, stream, args->inputs[i], k->bytes[i], false, false, l->site, &own));
  if (args->work) {
    TRY(touch(t, stream, args->work, k->work, false, true, l->site, &own));
    block_forget(block_find(t->blocks, args->work, k->work), args->work, k->work);
  }
  for (uint32_t i = 0; i < k->n_outputs; i++)
    TRY(touch(t, stream, args->outputs[i], k->bytes[k->n_inputs + i], false, true, l->site, &own));
  k->given = t->clock[stream].of[stream];
  return put(t, stream, (Command){.what = LAUNCH, .kernel = k, .args = args, .site = l->site});
}

static void note_launch(Sequence *s, const Launch *l) {
  if (s->n == s->cap) {
    s->cap = s->cap ? 2 * s->cap : 64;
    s->launches = realloc(s->launches, s->cap * sizeof *s->launches);
    if (!s->launches) abort();
  }
  s->launches[s->n++] = *l;
}

static Status toy_launch(Device *device, DeviceStream stream, const Kernel *kernel,
                         const KernelArgs *args, DeviceSite site) {
  Toy *t = (Toy *)device;
  Launch l = {(const ToyKernel *)kernel, args, site};
  TRY(launch(t, stream, &l));
  if (t->open != NO_SEQUENCE) note_launch(&t->sequences[t->open], &l);
  return STATUS_OK;
}

static Status toy_record(Device *device, DeviceStream stream, DeviceEvent event) {
  Toy *t = (Toy *)device;
  TRY(begin(t, stream, false, DEVICE_SITE_NONE));
  if (event >= DEVICE_EVENTS) return fault(t, DEVICE_SITE_NONE, "there is no event %d", (int)event);
  Event *e = &t->events[event];
  if (e->recorded && !e->waited)
    return fault(t, DEVICE_SITE_NONE, "event %d is recorded twice, nobody waited between",
                 (int)event);
  e->waited = false;
  e->clock = t->clock[stream];
  return put(t, stream, (Command){.what = RECORD, .event = event, .turn = ++e->recorded});
}

static Status toy_wait(Device *device, DeviceStream stream, DeviceEvent event) {
  Toy *t = (Toy *)device;
  TRY(begin(t, stream, false, DEVICE_SITE_NONE));
  if (event >= DEVICE_EVENTS) return fault(t, DEVICE_SITE_NONE, "there is no event %d", (int)event);
  Event *e = &t->events[event];
  bool known = true;
  for (int s = 0; s < DEVICE_STREAMS; s++) known &= e->clock.of[s] <= t->clock[stream].of[s];
  toy_control_data.loose += known;
  e->waited = true;
  clock_join(&t->clock[stream], &e->clock);
  return put(t, stream, (Command){.what = WAIT, .event = event, .turn = e->recorded});
}

static Status toy_synchronise(Device *device, DeviceStream stream) {
  Toy *t = (Toy *)device;
  if (t->failed != STATUS_OK) return t->failed;
  toy_control_data.loose += t->clock[stream].of[stream] <= t->host.of[stream];
  drain(t, stream);
  clock_join(&t->host, &t->clock[stream]);
  settle(t);
  return t->failed;
}

static Status toy_sequence_begin(Device *device, DeviceStream stream, uint32_t id, bool *out_done) {
  Toy *t = (Toy *)device;
  *out_done = false;
  if (t->failed != STATUS_OK) return t->failed;
  if (t->open != NO_SEQUENCE || id >= SEQUENCES_MAX)
    return fault(t, DEVICE_SITE_NONE, "a sequence begins in another");
  t->open = id;
  Sequence *s = &t->sequences[id];
  *out_done = s->whole;
  if (!s->whole) s->n = 0;
  for (uint32_t i = 0; s->whole && i < s->n; i++) TRY(launch(t, stream, &s->launches[i]));
  toy_control_data.replays += s->whole;
  return STATUS_OK;
}

static Status toy_sequence_end(Device *device, DeviceStream stream, uint32_t id, bool whole) {
  (void)stream;
  Toy *t = (Toy *)device;
  if (t->failed != STATUS_OK) return t->failed;
  if (t->open != id) return fault(t, DEVICE_SITE_NONE, "a sequence ends that has not begun");
  t->sequences[id].whole = whole;
  t->open = NO_SEQUENCE;
  return STATUS_OK;
}

/* ---- life ---- */

static Status toy_open(const DeviceOptions *options, Diag *diag, Device **out) {
  (void)options;
  *out = NULL;
  Toy *t = calloc(1, sizeof *t);
  if (!t) return diag_no_memory(diag, sizeof *t);
  t->order = toy_control_data.order;
  t->random = toy_control_data.seed * 2 + 1;
  t->device.table = &device_toy;
  t->open = NO_SEQUENCE;
  Status status = threads_create(1, diag, &t->cpu.threads);
  if (status != STATUS_OK) {
    free(t);
    return status;
  }
  if (!toys) {
    struct sigaction action = {.sa_sigaction = note_touch, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, &before);
  }
  t->next = toys;
  toys = t;
  toy_control_data.alive++;
  *out = &t->device;
  return STATUS_OK;
}

/* What should have been gone before. */
static void look_for_leftovers(Toy *t) {
  for (const Block *b = t->blocks; b; b = b->next)
    if (!b->released) fault(t, DEVICE_SITE_NONE, "an allocation is left");
  for (const ToyKernel *k = t->kernels; k; k = k->next)
    if (!k->destroyed) fault(t, DEVICE_SITE_NONE, "a kernel is left");
  for (int s = 0; s < DEVICE_STREAMS && t->failed == STATUS_OK; s++)
    if (t->host.of[s] < t->clock[s].of[s])
      fault(t, DEVICE_SITE_NONE, "stream %d is left, which may still run", s);
  for (int e = 0; e < DEVICE_EVENTS; e++)
    toy_control_data.loose += t->events[e].recorded && !t->events[e].waited;
  toy_control_data.loose += t->open != NO_SEQUENCE;
}

static void toy_close(Device *device) {
  Toy *t = (Toy *)device;
  if (!t) return;
  look_for_leftovers(t);
  for (uint32_t s = 0; s < DEVICE_STREAMS; s++)
    for (Queue *q = &t->queue[s]; q->next != q->end; q->next++)
      free(q->commands[q->next % QUEUE_MAX].copies);
  for (int i = 0; i < SEQUENCES_MAX; i++) free(t->sequences[i].launches);
  for (Block *b = t->blocks, *next; b; b = next) {
    next = b->next;
    block_destroy(b);
  }
  for (ToyKernel *k = t->kernels, *next; k; k = next) {
    next = k->next;
    kernel_free(k);
  }
  Toy **link = &toys;
  while (*link != t) link = &(*link)->next;
  *link = t->next;
  if (!toys) sigaction(SIGSEGV, &before, NULL);
  threads_destroy(t->cpu.threads);
  free(t->loans);
  free(t);
  toy_control_data.alive--;
  if (toy_control_data.faults && !toy_control_data.quiet)
    fprintf(stderr, "toy: %u faults, first: %s\n", toy_control_data.faults, toy_control_data.fault);
}

static void *toy_context(Device *device) {
  return device;
}

static Status toy_limits(Device *device, DType type, DeviceLimits *out) {
  (void)device, (void)type;
  *out = (DeviceLimits){1, 1};
  return STATUS_OK;
}

static void toy_observe(Device *device, DeviceObserver observer, void *context) {
  Toy *t = (Toy *)device;
  t->observer = observer;
  t->observer_context = context;
}

static uint32_t toy_parts(const Kernel *kernel) {
  (void)kernel;
  return 1;
}

const DeviceTable device_toy = {.name = "toy",
                                .backend = &backend_toy,
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
                                .limits = toy_limits,
                                .observe = toy_observe,
                                .parts = toy_parts};

const DevicePlugin graphc_device = {.build = DEVICE_PLUGIN_BUILD, .device = &device_toy};
