/* Commands that wait, and who of them runs next. */
#include "tests/kernels/toy/parts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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
  Status status =
      backend_toy.enqueue((const Kernel *)c->kernel, &t->cpu, c->args, &t->device.error.what);
  if (t->observer) t->observer(t->observer_context, c->tag, 0, 0, begin, now_ns());
  if (status == STATUS_OK) return;
  t->device.error.tag = c->tag;
  t->failed = status;
}

static void *own(const Toy *t, const void *at) {
  return at ? block_own(block_find(t->blocks, at, 0), at) : NULL;
}

static void run_meeting(Toy *t, const Command *c) {
  const DeviceCollective *m = c->meet;
  CollectivePart *parts = calloc(m->n_parts, sizeof *parts);
  if (!parts) abort();
  for (uint32_t i = 0; i < m->n_parts; i++) {
    parts[i] = m->parts[i];
    parts[i].in = own(t, m->parts[i].in);
    parts[i].out = own(t, m->parts[i].out);
  }
  Status status = ranks_meet(t->ranks, m->kind, parts, m->n_parts, own(t, m->work));
  free(parts);
  if (status != STATUS_OK)
    t->failed = device_fail(&t->device, status, c->tag, "%s", t->ranks->error);
}

static void run(Toy *t, const Command *c) {
  if (t->failed != STATUS_OK) return;
  if (c->what == FILL) memset(c->at, c->value, c->bytes);
  for (uint32_t i = 0; i < c->n; i++)
    memcpy(c->copies[i].to, c->copies[i].from, c->copies[i].bytes);
  if (c->what == LAUNCH) run_kernel(t, c);
  if (c->what == MEET) run_meeting(t, c);
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

void toy_drain(Toy *t, uint32_t stream) {
  Queue *q = &t->queue[stream];
  while (q->next != q->end) {
    bool any = advance(t, stream);
    for (uint32_t s = 0; s < t->streams && !any; s++) any = s != stream && advance(t, s);
    if (!any) abort(); /* an event is recorded before somebody waits for it */
  }
}

static void run_some(Toy *t) {
  for (bool any = t->order == TOY_EAGER; any;) {
    any = false;
    for (uint32_t s = STREAM_STEPS; s < t->streams; s++) any |= advance(t, s);
  }
  if (t->order != TOY_RANDOM || draw(t, 16)) return; /* seldom, then many */
  for (uint64_t n = draw(t, 40); n > 0; n--) advance(t, (uint32_t)draw(t, t->streams));
}

Status toy_put(Toy *t, DeviceStream stream, Command c) {
  Queue *q = &t->queue[stream];
  if (q->end - q->next == QUEUE_MAX) toy_drain(t, stream);
  q->commands[q->end++ % QUEUE_MAX] = c;
  t->waiting += c.what == LAUNCH;
  if (t->waiting > toy_control_data.waiting) toy_control_data.waiting = t->waiting;
  run_some(t);
  return STATUS_OK;
}
