/* Streams: commands that wait, and run in an order that streams and events allow.
 *
 * Each device has a simulated clock, for events with timing: a command begins when the one before
 * it on its stream, and what that waits for, has ended, and takes a time that follows from the
 * bytes it touches.  So times follow from the calls alone, whenever commands run here.  A
 * collective does not wait for other devices on it. */
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Stream *stream_create(int device, bool hidden) {
  uint32_t thread = sim_thread();
  Stream *s = thread ? calloc(1, sizeof *s) : NULL;
  if (!s) return NULL;
  *s = (Stream){.next = sim.streams, .device = device, .hidden = hidden, .thread = thread};
  s->given = s->done = sim.numbers[thread];
  s->clock.of[thread] = s->given;
  sim.streams = s;
  return s;
}

void stream_destroy(Stream *s) {
  s->destroyed = true;
  if (s->capture) capture_leave(s);
  sim.threads[s->thread] = false;
}

bool stream_quiet(const Stream *s) {
  return s->given <= sim.host.of[s->thread];
}

Token stream_token(const Stream *s) {
  return (Token){
      .stream = (Stream *)(uintptr_t)s, .number = s->given, .time = s->time, .clock = s->clock};
}

Stream *stream_find(CudaCall call, cudaStream_t handle, cudaError_t *out) {
  *out = cudaErrorInvalidResourceHandle;
  if (!handle || handle == cudaStreamLegacy || handle == cudaStreamPerThread) {
    *out = SIM_REFUSE(call, DEFAULT_STREAM, cudaErrorInvalidResourceHandle,
                      "puts a command on the default stream");
    return NULL;
  }
  for (Stream *s = sim.streams; s; s = s->next) {
    if ((void *)s != (void *)handle || s->hidden) continue;
    if (!s->destroyed) return s;
    break;
  }
  *out = SIM_REFUSE(call, HANDLE, cudaErrorInvalidResourceHandle,
                    "%p is no stream, or one that was destroyed", (void *)handle);
  return NULL;
}

Work *work_create(CudaCall call, const Access *accesses, uint32_t n,
                  cudaError_t (*run)(void *payload), const void *payload, size_t bytes) {
  Work *w = calloc(1, sizeof *w + n * sizeof *w->accesses);
  void *copy = malloc(bytes ? bytes : 1);
  if (!w || !copy) {
    perror("cusim");
    abort();
  }
  *w = (Work){.refs = 1, .call = call, .run = run, .payload = copy, .n = n};
  if (bytes) memcpy(copy, payload, bytes);
  if (n) memcpy(w->accesses, accesses, n * sizeof *accesses);
  return w;
}

void work_release(Work *w) {
  if (--w->refs) return;
  free(w->payload);
  free(w);
}

#define COMMAND_NS 2000
#define BYTES_OF_A_NS 1000

static void take_time(Stream *s, const Command *c) {
  int64_t from = c->work ? sim.host_time[s->device] : c->wait.time;
  if (s->time < from) s->time = from;
  if (!c->work) return;
  size_t bytes = 0;
  for (uint32_t i = 0; i < c->work->n; i++)
    bytes += c->work->accesses[i].to - c->work->accesses[i].from;
  s->time += COMMAND_NS + (int64_t)(bytes / BYTES_OF_A_NS);
}

static void add_command(Stream *s, Command command) {
  Command *c = malloc(sizeof *c);
  if (!c) {
    perror("cusim");
    abort();
  }
  *c = command;
  take_time(s, c);
  if (s->last)
    s->last->next = c;
  else
    s->first = c;
  s->last = c;
  clock_join(&s->clock, &sim.host); /* what the host knows has run before this call */
  s->clock.of[s->thread] = sim.numbers[s->thread] = ++s->given;
  sim_changed();
}

/* Which bytes hold something when it has run; reading others is a fault, copying them is not. */
static void account_defined(const Work *w) {
  for (uint32_t i = 0; i < w->n && !w->copies_undefined; i++) {
    const Access *a = &w->accesses[i];
    if (!a->read || a->block->device < 0 || a->from == a->to) continue;
    const unsigned char *defined = a->block->defined;
    const unsigned char *hole = memchr(defined + a->from, 0, a->to - a->from);
    if (hole)
      sim_fault(w->call, CUSIM_UNDEFINED, "reads byte %td of an allocation of %zu: nobody wrote it",
                hole - defined, a->block->bytes);
  }
  for (uint32_t i = 0; i < w->n; i++) {
    const Access *a = &w->accesses[i];
    if (!a->write || a->block->device < 0) continue;
    unsigned char *to = a->block->defined + a->from;
    if (w->copies_undefined)
      memmove(to, w->accesses[0].block->defined + w->accesses[0].from, a->to - a->from);
    else
      memset(to, a->scratch ? 0 : 1, a->to - a->from);
  }
}

void stream_run(Stream *s, Work *w) {
  for (uint32_t i = 0; i < w->n; i++)
    if (w->accesses[i].block->released) {
      sim_fault(w->call, CUSIM_FREED, "a graph's command uses memory that was released");
      return;
    }
  w->refs++;
  add_command(s, (Command){.work = w, .meeting = w->collective ? meeting_arrive(w, s) : NULL});
  if (w->call == CUDA_CALL_cudaLaunchKernel) kernel_given(w, s->thread, s->given);
  for (uint32_t i = 0; i < w->n; i++) race_access(w->call, &w->accesses[i], s->thread, &s->clock);
  account_defined(w);
  for (uint32_t i = 0; i < w->n; i++)
    if (w->accesses[i].block->device < 0) {
      memory_settle();
      break;
    }
}

void stream_wait(Stream *s, const Token *token) {
  if (token->number <= s->clock.of[token->stream->thread]) sim.report.needless += !s->hidden;
  add_command(s, (Command){.wait = *token});
  clock_join(&s->clock, &token->clock);
}

cudaError_t stream_put(Stream *s, Work *w) {
  cudaError_t error = cudaSuccess;
  if (s->capture)
    error = capture_add(s, w);
  else
    stream_run(s, w);
  work_release(w);
  streams_turn();
  return sim.sticky ? sim_error(sim.sticky) : error;
}

/* ---- running ---- */

static bool can_run(const Stream *s) {
  const Command *c = s->first;
  if (!c) return false;
  if (c->meeting) return meeting_ready(c->meeting, s);
  return c->work || c->wait.stream->done >= c->wait.number;
}

void stream_drop(Stream *s) {
  Command *c = s->first;
  s->first = c->next;
  if (!s->first) s->last = NULL;
  if (c->work) work_release(c->work);
  free(c);
  s->done++;
}

static void run_first(Stream *s) {
  const Command *c = s->first;
  if (!c->work || sim.sticky) {
    stream_drop(s);
    return;
  }
  Work *w = c->work;
  Meeting *meeting = c->meeting;
  cudaError_t error = cudaErrorLaunchFailure;
  w->refs++;
  if (!meeting) stream_drop(s);
  if (++sim.report.commands != sim.options.fail_command)
    error = meeting ? meeting_run(meeting, s)
                    : memory_run(w->call, w->accesses, w->n, w->run, w->payload);
  else if (meeting)
    stream_drop(s);
  work_release(w);
  if (error) sim_error(sim.sticky = error);
  sim_changed();
}

/* One of those that can run; NULL: none. */
static Stream *pick(void) {
  uint64_t n = 0;
  Stream *chosen = NULL;
  for (Stream *s = sim.streams; s; s = s->next)
    if (can_run(s) && (sim.options.order != CUSIM_RANDOM ? !n++ : sim_random() % ++n == 0))
      chosen = s;
  return chosen;
}

/* One that must run before the first command of the stream can, or the stream itself; NULL: that
 * waits for what is not there. */
static Stream *towards(Stream *s) {
  for (uint32_t hops = 0; s && s->first && hops < 2 * THREADS; hops++) {
    const Command *c = s->first;
    if (can_run(s)) return s;
    s = c->meeting ? meeting_blocker(c->meeting) : c->wait.stream;
  }
  return NULL;
}

void streams_turn(void) {
  Stream *s;
  if (sim.options.order == CUSIM_LAZY) return;
  while ((sim.options.order == CUSIM_EAGER || sim_random() % 4 == 0) && (s = pick())) run_first(s);
}

bool stream_try(Stream *s, uint32_t number) {
  while (s->done < number) {
    Stream *next = sim.options.order == CUSIM_RANDOM ? pick() : towards(s);
    if (!next) return false;
    run_first(next);
  }
  return true;
}

void stream_drain(CudaCall call, Stream *s, uint32_t number) {
  while (!stream_try(s, number) && !sim.sticky) {
    if (sim_block()) continue;
    sim_fault(call, CUSIM_DEADLOCK, "waits for a collective that another rank does not join");
    sim.sticky = cudaErrorLaunchTimeout;
    sim_changed();
  }
}

void stream_known_until(const Token *token) {
  int64_t *time = &sim.host_time[token->stream->device];
  if (*time < token->time) *time = token->time;
  clock_join(&sim.host, &token->clock);
  memory_settle();
}

void stream_known(Stream *s) {
  Token end = stream_token(s);
  stream_known_until(&end);
}
