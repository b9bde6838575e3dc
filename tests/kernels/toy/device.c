/* The toy device's table.
 *
 * What a call asks for is checked when it is given, in the program's order and by clocks: a command
 * may run before another that its clock does not know of.  Then it waits in its stream's queue and
 * runs when the order's policy says so, at the latest when somebody waits for it. */
#include "kernels/collective.h"
#include "runtime/device/plugin.h"
#include "tests/kernels/toy/parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- what touches what ---- */

/* The next command of a stream: what it comes after is what the stream and the host came after. */
static void tick(Toy *t, DeviceStream stream) {
  clock_join(&t->clock[stream], &t->host);
  t->clock[stream].of[stream]++;
}

/* The stream's newest command touches these bytes; *own is where the toy finds them. */
static Status touch(Toy *t, DeviceStream stream, const void *at, size_t bytes, bool host,
                    bool written, DeviceTag tag, void **own) {
  DeviceTag other = DEVICE_TAG_NONE;
  Block *b = block_find(t->blocks, at, bytes);
  if (!b || b->host != host)
    return toy_fault(t, tag, "a command names %zu bytes that are not in one allocation of the %s",
                     bytes, host ? "host's" : "device's");
  if (b->released) return toy_fault(t, tag, "a command names memory that was released");
  const Clock *now = &t->clock[stream];
  const char *wrong = written ? block_write(b, at, bytes, stream, now, tag, &other)
                              : block_read(b, at, bytes, stream, now, &other);
  if (wrong)
    return toy_fault(t, tag, "a command %s (tag %llx, %zu bytes; the other's tag %llx)", wrong,
                     (unsigned long long)tag, bytes, (unsigned long long)other);
  if (host) toy_lend(t, b, at, bytes, written, stream);
  *own = block_own(b, at);
  return STATUS_OK;
}

/* True when the host knows that nothing touches the block any more. */
static bool is_idle(const Toy *t, const Block *b) {
  for (size_t i = 0; i * CELL < b->bytes; i++) {
    const Cell *c = &b->cells[i];
    if (c->write > t->host.of[c->writer]) return false;
    for (uint32_t s = 0; s < t->streams; s++)
      if (c->read[s] > t->host.of[s]) return false;
  }
  return true;
}

/* ---- memory ---- */

static int64_t toy_memory(const Device *device) {
  (void)device;
  return (int64_t)1 << 32;
}

static Status take(Device *device, size_t bytes, bool host, void **out) {
  Toy *t = (Toy *)device;
  Block *b = block_create(bytes, host);
  *out = NULL;
  if (!b) return device_fail(device, STATUS_SYSTEM, DEVICE_TAG_NONE, "out of memory");
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
    toy_fault(t, DEVICE_TAG_NONE, "memory is released that is none, or twice");
    return;
  }
  if (!is_idle(t, b))
    toy_fault(t, DEVICE_TAG_NONE, "memory is released that a command may still use");
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

/* ---- commands ---- */

static Status begin(Toy *t, DeviceStream stream, bool in_sequence, DeviceTag tag) {
  if (t->failed != STATUS_OK) return t->failed;
  if (stream >= t->streams) return toy_fault(t, tag, "there is no stream %u", stream);
  if (t->open != NO_SEQUENCE && !in_sequence)
    return toy_fault(t, tag, "a sequence holds no copies");
  if (t->open != NO_SEQUENCE && !t->inside[stream])
    return toy_fault(t, tag, "a sequence names stream %u, which has waited for nothing in it",
                     stream);
  tick(t, stream);
  return STATUS_OK;
}

static Status copy(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                   bool from_host, bool to_host, DeviceTag tag) {
  Toy *t = (Toy *)device;
  TRY(begin(t, stream, false, tag));
  if (n == 0) return toy_fault(t, tag, "a copy of nothing");
  DeviceCopy *own = calloc(n, sizeof *own);
  if (!own) abort();
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < n && status == STATUS_OK; i++) {
    void *from = NULL, *to = NULL;
    const DeviceCopy *c = &copies[i];
    const char *a = c->from, *b = c->to;
    if (c->bytes == 0 || (a < b + c->bytes && b < a + c->bytes))
      status = toy_fault(t, tag, "a copy of %zu bytes over itself", c->bytes);
    if (status == STATUS_OK)
      status = touch(t, stream, c->from, c->bytes, from_host, false, tag, &from);
    if (status == STATUS_OK) status = touch(t, stream, c->to, c->bytes, to_host, true, tag, &to);
    own[i] = (DeviceCopy){to, from, c->bytes};
    if (status == STATUS_OK && to_host) memset(to, 0xff, c->bytes); /* undefined until it has run */
  }
  if (status == STATUS_OK)
    return toy_put(t, stream, (Command){.what = COPY, .copies = own, .n = n, .tag = tag});
  free(own);
  return status;
}

static Status toy_copy_in(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                          DeviceTag tag) {
  return copy(device, stream, copies, n, true, false, tag);
}

static Status toy_copy_out(Device *device, DeviceStream stream, const DeviceCopy *copies,
                           uint32_t n, DeviceTag tag) {
  return copy(device, stream, copies, n, false, true, tag);
}

static Status toy_copy_within(Device *device, DeviceStream stream, const DeviceCopy *copies,
                              uint32_t n, DeviceTag tag) {
  return copy(device, stream, copies, n, false, false, tag);
}

static Status toy_fill(Device *device, DeviceStream stream, void *at, uint8_t value, size_t bytes,
                       DeviceTag tag) {
  Toy *t = (Toy *)device;
  void *own = NULL;
  TRY(begin(t, stream, false, tag));
  if (bytes == 0) return toy_fault(t, tag, "a fill of nothing");
  TRY(touch(t, stream, at, bytes, false, true, tag, &own));
  block_filled(block_find(t->blocks, at, bytes), at, bytes);
  return toy_put(t, stream,
                 (Command){.what = FILL, .at = own, .value = value, .bytes = bytes, .tag = tag});
}

static Status meet(Toy *t, const Given *g) {
  const DeviceCollective *c = g->meet;
  int64_t bytes = 0;
  void *own;
  TRY(begin(t, g->stream, true, g->tag));
  if (!t->ranks) return toy_fault(t, g->tag, "ranks meet, and there is one");
  for (uint32_t i = 0; i < c->n_parts; i++) {
    const CollectivePart *p = &c->parts[i];
    size_t given = (size_t)p->count * dtype_size(p->dtype);
    bytes += collective_bytes(p->count, p->dtype);
    TRY(touch(t, g->stream, p->in, given, false, false, g->tag, &own));
  }
  size_t work = (size_t)collective_work(c->kind, bytes, c->n_parts, t->ranks->count);
  if (work) {
    TRY(touch(t, g->stream, c->work, work, false, true, g->tag, &own));
    block_forget(block_find(t->blocks, c->work, work), c->work, work);
  }
  for (uint32_t i = 0; i < c->n_parts; i++) {
    const CollectivePart *p = &c->parts[i];
    size_t given = (size_t)p->count * dtype_size(p->dtype);
    size_t got = c->kind == COLLECTIVE_SUM ? given : given * t->ranks->count;
    TRY(touch(t, g->stream, p->out, got, false, true, g->tag, &own));
  }
  return toy_put(t, g->stream, (Command){.what = MEET, .meet = c, .tag = g->tag});
}

static Status launch(Toy *t, const Given *g) {
  ToyKernel *k = (ToyKernel *)(uintptr_t)g->kernel;
  const KernelArgs *args = g->args;
  DeviceStream stream = g->stream;
  void *own;
  TRY(begin(t, stream, true, g->tag));
  if (k->destroyed) return toy_fault(t, g->tag, "a kernel is launched that was destroyed");
  for (uint32_t i = 0; i < k->n_inputs; i++)
    TRY(touch(t, stream, args->inputs[i], k->bytes[i], false, false, g->tag, &own));
  if (args->work) {
    TRY(touch(t, stream, args->work, k->work, false, true, g->tag, &own));
    block_forget(block_find(t->blocks, args->work, k->work), args->work, k->work);
  }
  for (uint32_t i = 0; i < k->n_outputs; i++)
    TRY(touch(t, stream, args->outputs[i], k->bytes[k->n_inputs + i], false, true, g->tag, &own));
  k->stream = stream;
  k->given = t->clock[stream].of[stream];
  return toy_put(t, stream, (Command){.what = LAUNCH, .kernel = k, .args = args, .tag = g->tag});
}

static Status record(Toy *t, const Given *g) {
  TRY(begin(t, g->stream, true, g->tag));
  if (g->event >= t->n_events) return toy_fault(t, g->tag, "there is no event %u", g->event);
  Event *e = &t->events[g->event];
  if (e->recorded && !e->waited)
    return toy_fault(t, g->tag, "event %u is recorded twice, nobody waited between", g->event);
  e->waited = false;
  e->inside = t->open != NO_SEQUENCE;
  e->clock = t->clock[g->stream];
  return toy_put(
      t, g->stream,
      (Command){.what = RECORD, .event = g->event, .turn = ++e->recorded, .tag = g->tag});
}

/* A sequence is closed: it waits for its own events, and they are waited for in it. */
static Status wait(Toy *t, const Given *g) {
  if (g->event >= t->n_events) return toy_fault(t, g->tag, "there is no event %u", g->event);
  Event *e = &t->events[g->event];
  bool open = t->open != NO_SEQUENCE;
  if (open != e->inside && (open || e->recorded))
    return toy_fault(t, g->tag, "event %u is recorded %s a sequence and waited for %s", g->event,
                     e->inside ? "in" : "outside of", open ? "in one" : "outside");
  if (g->stream < t->streams && open) t->inside[g->stream] = true;
  TRY(begin(t, g->stream, true, g->tag));
  bool known = true;
  for (uint32_t s = 0; s < t->streams; s++) known &= e->clock.of[s] <= t->clock[g->stream].of[s];
  toy_control_data.loose += known;
  e->waited = true;
  clock_join(&t->clock[g->stream], &e->clock);
  return toy_put(t, g->stream,
                 (Command){.what = WAIT, .event = g->event, .turn = e->recorded, .tag = g->tag});
}

static Status give(Toy *t, const Given *g) {
  return g->what == LAUNCH ? launch(t, g)
         : g->what == MEET ? meet(t, g)
         : g->what == WAIT ? wait(t, g)
                           : record(t, g);
}

static Status give_and_note(Device *device, Given g) {
  Toy *t = (Toy *)device;
  TRY(give(t, &g));
  if (t->open == NO_SEQUENCE) return STATUS_OK;
  Sequence *s = &t->sequences[t->open];
  if (s->n == s->cap) {
    s->cap = s->cap ? 2 * s->cap : 64;
    s->given = realloc(s->given, s->cap * sizeof *s->given);
    if (!s->given) abort();
  }
  s->given[s->n++] = g;
  return STATUS_OK;
}

static Status toy_launch(Device *device, DeviceStream stream, const Kernel *kernel,
                         const KernelArgs *args, DeviceTag tag) {
  return give_and_note(device, (Given){.what = LAUNCH,
                                       .stream = stream,
                                       .kernel = (const ToyKernel *)kernel,
                                       .args = args,
                                       .tag = tag});
}

static Status toy_collective(Device *device, DeviceStream stream, const DeviceCollective *call,
                             DeviceTag tag) {
  return give_and_note(device, (Given){.what = MEET, .stream = stream, .meet = call, .tag = tag});
}

static Status toy_record(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  return give_and_note(device,
                       (Given){.what = RECORD, .stream = stream, .event = event, .tag = tag});
}

static Status toy_wait(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  return give_and_note(device, (Given){.what = WAIT, .stream = stream, .event = event, .tag = tag});
}

static Status toy_synchronise(Device *device, DeviceStream stream) {
  Toy *t = (Toy *)device;
  if (t->failed != STATUS_OK) return t->failed;
  if (stream >= t->streams) return toy_fault(t, DEVICE_TAG_NONE, "there is no stream %u", stream);
  toy_control_data.loose += t->clock[stream].of[stream] <= t->host.of[stream];
  toy_drain(t, stream);
  clock_join(&t->host, &t->clock[stream]);
  toy_settle(t);
  return t->failed;
}

static Status toy_sequence_begin(Device *device, DeviceStream stream, uint32_t id, bool *out_done) {
  Toy *t = (Toy *)device;
  *out_done = false;
  if (t->failed != STATUS_OK) return t->failed;
  if (t->open != NO_SEQUENCE || id >= SEQUENCES_MAX)
    return toy_fault(t, DEVICE_TAG_NONE, "a sequence begins in another");
  t->open = id;
  t->origin = stream;
  for (uint32_t s = 0; s < t->streams; s++) t->inside[s] = s == stream;
  Sequence *s = &t->sequences[id];
  s->whole &= !t->observer;
  *out_done = s->whole;
  if (!s->whole) s->n = 0;
  for (uint32_t i = 0; s->whole && i < s->n; i++) TRY(give(t, &s->given[i]));
  toy_control_data.replays += s->whole;
  return STATUS_OK;
}

static Status toy_sequence_end(Device *device, DeviceStream stream, uint32_t id, bool whole) {
  Toy *t = (Toy *)device;
  if (t->failed != STATUS_OK) return t->failed;
  if (t->open != id || t->origin != stream)
    return toy_fault(t, DEVICE_TAG_NONE, "a sequence ends that has not begun");
  const Clock *known = &t->clock[stream];
  for (uint32_t s = 0; whole && s < t->streams; s++)
    if (t->inside[s] && known->of[s] < t->clock[s].of[s])
      return toy_fault(t, DEVICE_TAG_NONE, "a sequence ends and has not waited for stream %u", s);
  for (uint32_t e = 0; !whole && e < t->n_events; e++)
    t->events[e].waited |= t->events[e].inside; /* nobody will */
  t->sequences[id].whole = whole && !t->observer;
  t->open = NO_SEQUENCE;
  return STATUS_OK;
}

/* ---- life ---- */

static Status toy_open(const DeviceOptions *options, Diag *diag, Device **out) {
  *out = NULL;
  TRY(device_wishes_none("toy", &options->wishes, diag));
  *out = NULL;
  Toy *t = calloc(1, sizeof *t);
  if (!t) return diag_no_memory(diag, sizeof *t);
  t->order = toy_control_data.order;
  t->random = toy_control_data.seed * 2 + 1;
  t->device.table = &device_toy;
  t->ranks = options->ranks;
  t->open = NO_SEQUENCE;
  t->streams = options->streams;
  t->n_events = options->events;
  if (t->streams > TOY_STREAMS || !(t->events = calloc(t->n_events + 1u, sizeof *t->events)))
    abort();
  Status status = threads_create(1, diag, &t->cpu.threads);
  if (status != STATUS_OK) {
    free(t->events);
    free(t);
    return status;
  }
  toy_watch(t);
  toy_control_data.alive++;
  *out = &t->device;
  return STATUS_OK;
}

/* What should have been gone before. */
static void look_for_leftovers(Toy *t) {
  for (const Block *b = t->blocks; b; b = b->next)
    if (!b->released) toy_fault(t, DEVICE_TAG_NONE, "an allocation is left");
  for (const ToyKernel *k = t->kernels; k; k = k->next)
    if (!k->destroyed) toy_fault(t, DEVICE_TAG_NONE, "a kernel is left");
  for (uint32_t s = 0; s < t->streams && t->failed == STATUS_OK; s++)
    if (t->host.of[s] < t->clock[s].of[s])
      toy_fault(t, DEVICE_TAG_NONE, "stream %u is left, which may still run", s);
  for (uint32_t e = 0; e < t->n_events; e++)
    toy_control_data.loose += t->events[e].recorded && !t->events[e].waited;
  toy_control_data.loose += t->open != NO_SEQUENCE;
}

static void toy_close(Device *device) {
  Toy *t = (Toy *)device;
  if (!t) return;
  look_for_leftovers(t);
  for (uint32_t s = 0; s < t->streams; s++)
    for (Queue *q = &t->queue[s]; q->next != q->end; q->next++)
      free(q->commands[q->next % QUEUE_MAX].copies);
  for (int i = 0; i < SEQUENCES_MAX; i++) free(t->sequences[i].given);
  for (Block *b = t->blocks, *next; b; b = next) {
    next = b->next;
    block_destroy(b);
  }
  for (ToyKernel *k = t->kernels, *next; k; k = next) {
    next = k->next;
    toy_kernel_free(k);
  }
  toy_unwatch(t);
  threads_destroy(t->cpu.threads);
  free(t->loans);
  free(t->events);
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
                                .collective = toy_collective,
                                .record = toy_record,
                                .wait = toy_wait,
                                .synchronise = toy_synchronise,
                                .sequence_begin = toy_sequence_begin,
                                .sequence_end = toy_sequence_end,
                                .limits = toy_limits,
                                .observe = toy_observe,
                                .parts = toy_parts};

const DevicePlugin graphc_device = {.build = DEVICE_PLUGIN_BUILD, .device = &device_toy};
