/* Graphs: what is given to streams that are captured is kept, and put on streams at each launch.
 *
 * A graph is a list of works, records and waits of its chains (one for each stream of the capture),
 * in the order in which they were given; a launch gives them again to streams of the graph's own,
 * which begin when the launching stream is there, and which that stream then waits for.  So all
 * that is checked of streams is checked of each launch. */
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum OpKind { OP_WORK, OP_RECORD, OP_WAIT } OpKind;
typedef struct Op {
  OpKind kind;
  uint32_t chain, slot; /* of a record and who waits for it */
  Work *work;
} Op;

/* A graph, or what was instantiated of one. */
struct Graph {
  Graph *next;
  bool executable, destroyed;
  Op *ops;
  uint32_t n, cap, n_slots, n_chains;
  Chain given; /* works of each chain */
  int devices[CHAINS];
  Stream *streams[CHAINS]; /* of an executable one */
};
static Graph *graphs;

static void *grow(void *at, size_t bytes) {
  void *more = realloc(at, bytes);
  if (!more) {
    perror("cusim");
    abort();
  }
  return more;
}

static void add(Graph *g, Op op) {
  if (g->n == g->cap) {
    g->cap = g->cap ? 2 * g->cap : 32;
    g->ops = grow(g->ops, g->cap * sizeof *g->ops);
  }
  g->ops[g->n++] = op;
}

static Graph *graph_create(bool executable) {
  Graph *g = grow(NULL, sizeof *g);
  *g = (Graph){.next = graphs, .executable = executable};
  return graphs = g;
}

static void graph_empty(Graph *g) {
  for (uint32_t i = 0; i < g->n; i++)
    if (g->ops[i].work) work_release(g->ops[i].work);
  free(g->ops);
  g->ops = NULL;
  g->n = 0;
}

void graphs_find_leaks(void) {
  for (Graph *g = graphs; g; g = g->next)
    if (!g->destroyed)
      sim_fault(g->executable ? CUDA_CALL_cudaGraphInstantiate : CUDA_CALL_cudaStreamEndCapture,
                CUSIM_LEAK, "a graph was not destroyed");
}

void graphs_close(void) {
  for (Graph *g = graphs, *next; g; g = next) {
    next = g->next;
    graph_empty(g);
    free(g);
  }
  graphs = NULL;
}

/* ---- capturing ---- */

static void capture_release(Capture *c) {
  if (--c->refs == 0) free(c);
}

void capture_fail(Capture *c) {
  c->failed = true;
}

bool capture_interrupt(void) {
  bool any = false;
  for (Stream *s = sim.streams; s; s = s->next)
    if (s->capture && (s->capture->global || pthread_equal(s->capture->thread, pthread_self())))
      s->capture->failed = any = true;
  return any;
}

void capture_leave(Stream *s) {
  capture_release(s->capture);
  s->capture = NULL;
}

void capture_forget(Event *e) {
  if (e->capture) capture_release(e->capture);
  e->capture = NULL;
}

static bool join(CudaCall call, Stream *s, Capture *c, cudaError_t *out) {
  Graph *g = c->graph;
  if (g->n_chains == CHAINS) {
    *out = SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported,
                      "more than %d streams in a capture are not modelled", CHAINS);
    return false;
  }
  g->devices[g->n_chains] = s->device;
  s->chain = g->n_chains++;
  s->capture = c;
  s->place = (Chain){{0}};
  c->refs++;
  return true;
}

/* What made it fail was a fault; what follows is an error only. */
static bool usable(const Capture *c, cudaError_t *out) {
  if (!c->failed) return true;
  *out = sim_error(cudaErrorStreamCaptureInvalidated);
  return false;
}

cudaError_t capture_add(Stream *s, Work *w) {
  cudaError_t error;
  Graph *g = s->capture->graph;
  if (!usable(s->capture, &error)) return error;
  w->refs++;
  add(g, (Op){.kind = OP_WORK, .chain = s->chain, .work = w});
  s->place.of[s->chain] = ++g->given.of[s->chain];
  return cudaSuccess;
}

cudaError_t capture_record(Event *e, Stream *s) {
  cudaError_t error;
  Capture *c = s->capture;
  if (!usable(c, &error)) return error;
  c->refs++;
  capture_forget(e);
  e->capture = c;
  e->recorded = true;
  e->slot = c->graph->n_slots++;
  e->place = s->place;
  add(c->graph, (Op){.kind = OP_RECORD, .chain = s->chain, .slot = e->slot});
  return cudaSuccess;
}

cudaError_t capture_wait(Stream *s, Event *e) {
  const CudaCall call = CUDA_CALL_cudaStreamWaitEvent;
  cudaError_t error;
  if (e->capture && e->capture->over)
    return SIM_REFUSE(call, CAPTURE_OVER, cudaErrorCapturedEvent,
                      "the event was recorded in a capture that is over");
  if (e->capture && !usable(e->capture, &error)) return error;
  if (s->capture && !usable(s->capture, &error)) return error;
  if (!e->capture) {
    if (!e->recorded) return cudaSuccess;
    capture_fail(s->capture);
    return SIM_REFUSE(call, CAPTURE_ISOLATION, cudaErrorStreamCaptureIsolation,
                      "a captured stream waits for an event that is not of the capture");
  }
  if (s->capture && s->capture != e->capture) {
    capture_fail(s->capture);
    capture_fail(e->capture);
    return SIM_REFUSE(call, CAPTURE_MERGE, cudaErrorStreamCaptureMerge,
                      "a captured stream waits for an event of another capture");
  }
  if (!s->capture && !join(call, s, e->capture, &error)) return error;
  for (uint32_t i = 0; i < CHAINS; i++)
    if (e->place.of[i] > s->place.of[i]) s->place.of[i] = e->place.of[i];
  add(s->capture->graph, (Op){.kind = OP_WAIT, .chain = s->chain, .slot = e->slot});
  return cudaSuccess;
}

cudaError_t sim_cudaStreamBeginCapture(cudaStream_t handle, enum cudaStreamCaptureMode mode) {
  SIM_BEGIN(cudaStreamBeginCapture, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaStreamBeginCapture;
  cudaError_t error;
  Stream *s = stream_find(call, handle, &error);
  if (!s) return error;
  if (s->capture) {
    capture_fail(s->capture);
    return SIM_REFUSE(call, CAPTURE_BEGIN, cudaErrorIllegalState, "the stream is captured already");
  }
  if (mode != cudaStreamCaptureModeGlobal && mode != cudaStreamCaptureModeThreadLocal)
    return SIM_REFUSE(call, CAPTURE_BEGIN, cudaErrorInvalidValue,
                      "mode %d lets calls pass that the others find", (int)mode);
  Capture *c = grow(NULL, sizeof *c);
  *c = (Capture){.origin = s,
                 .graph = graph_create(false),
                 .thread = pthread_self(),
                 .global = mode == cudaStreamCaptureModeGlobal};
  c->graph->destroyed = true; /* until the program has it */
  join(call, s, c, &error);
  return cudaSuccess;
}

/* All streams leave it. */
static void capture_end(Capture *c) {
  c->over = true;
  c->refs++;
  for (Stream *s = sim.streams; s; s = s->next)
    if (s->capture == c) capture_leave(s);
  capture_release(c);
}

cudaError_t sim_cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *out) {
  SIM_BEGIN(cudaStreamEndCapture, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaStreamEndCapture;
  cudaError_t error;
  Stream *s = stream_find(call, handle, &error);
  *out = NULL;
  if (!s) return error;
  Capture *c = s->capture;
  if (!c || c->origin != s) {
    if (c) capture_fail(c);
    return SIM_REFUSE(call, CAPTURE_UNMATCHED,
                      c ? cudaErrorStreamCaptureUnmatched : cudaErrorIllegalState,
                      "no capture began on this stream");
  }
  if (!pthread_equal(c->thread, pthread_self())) {
    capture_fail(c);
    return SIM_REFUSE(call, CAPTURE_UNMATCHED, cudaErrorStreamCaptureWrongThread,
                      "the capture began on another thread");
  }
  Graph *g = c->graph;
  bool failed = c->failed, joined = true;
  for (uint32_t i = 0; i < g->n_chains; i++) joined &= s->place.of[i] == g->given.of[i];
  capture_end(c);
  if (failed) return sim_error(cudaErrorStreamCaptureInvalidated);
  if (!joined)
    return SIM_REFUSE(call, CAPTURE_UNJOINED, cudaErrorStreamCaptureUnjoined,
                      "a stream that was forked has work that the first does not wait for");
  g->destroyed = false;
  *out = (cudaGraph_t)(void *)g;
  return cudaSuccess;
}

cudaError_t sim_cudaStreamIsCapturing(cudaStream_t handle, enum cudaStreamCaptureStatus *out) {
  SIM_BEGIN(cudaStreamIsCapturing, cudaError_t);
  cudaError_t error;
  Stream *s = stream_find(CUDA_CALL_cudaStreamIsCapturing, handle, &error);
  if (!s) return error;
  *out = !s->capture          ? cudaStreamCaptureStatusNone
         : s->capture->failed ? cudaStreamCaptureStatusInvalidated
                              : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

/* ---- graphs ---- */

static Graph *find_graph(CudaCall call, const void *handle, bool executable, cudaError_t *out) {
  for (Graph *g = graphs; g; g = g->next)
    if ((void *)g == handle && g->executable == executable && !g->destroyed) return g;
  *out = SIM_REFUSE(call, HANDLE, cudaErrorInvalidValue,
                    "%p is no %s graph, or one that was destroyed", handle,
                    executable ? "executable" : "captured");
  return NULL;
}

cudaError_t sim_cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t handle,
                                     unsigned long long flags) {
  SIM_BEGIN(cudaGraphInstantiate, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaGraphInstantiate;
  cudaError_t error;
  Graph *from = find_graph(call, handle, false, &error);
  if (!from) return error;
  if (flags)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported, "flags 0x%llx are not modelled",
                      flags);
  Graph *g = graph_create(true);
  g->n_slots = from->n_slots;
  for (uint32_t i = 0; i < from->n; i++) {
    if (from->ops[i].work) from->ops[i].work->refs++;
    add(g, from->ops[i]);
  }
  for (; g->n_chains < from->n_chains; g->n_chains++) {
    Stream *s = stream_create(from->devices[g->n_chains], true);
    if (!s)
      return SIM_REFUSE(call, NOT_MODELLED, cudaErrorMemoryAllocation,
                        "more than %d streams are not modelled", THREADS - 1);
    g->streams[g->n_chains] = s;
  }
  *out = (cudaGraphExec_t)(void *)g;
  return cudaSuccess;
}

cudaError_t sim_cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t on) {
  SIM_BEGIN(cudaGraphLaunch, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaGraphLaunch;
  cudaError_t error;
  Graph *g = find_graph(call, handle, true, &error);
  Stream *s = g ? stream_find(call, on, &error) : NULL;
  if (!s) return error;
  if (s->capture) {
    capture_fail(s->capture);
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported,
                      "a graph in a graph is not modelled");
  }
  /* Begins behind what is on the stream, and behind all of the launch before. */
  Token *slots = grow(NULL, (g->n_slots + 1) * sizeof *slots);
  Token begin = stream_token(s), before[CHAINS];
  for (uint32_t i = 0; i < g->n_chains; i++) before[i] = stream_token(g->streams[i]);
  for (uint32_t i = 0; i < g->n_chains; i++) {
    stream_wait(g->streams[i], &begin);
    for (uint32_t k = 0; k < g->n_chains; k++)
      if (k != i) stream_wait(g->streams[i], &before[k]);
  }
  for (uint32_t i = 0; i < g->n; i++) {
    const Op *op = &g->ops[i];
    Stream *chain = g->streams[op->chain];
    if (op->kind == OP_WORK)
      stream_run(chain, op->work);
    else if (op->kind == OP_RECORD)
      slots[op->slot] = stream_token(chain);
    else
      stream_wait(chain, &slots[op->slot]);
  }
  for (uint32_t i = 0; i < g->n_chains; i++) {
    Token end = stream_token(g->streams[i]);
    stream_wait(s, &end);
  }
  free(slots);
  streams_turn();
  return sim.sticky ? sim_error(sim.sticky) : cudaSuccess;
}

cudaError_t sim_cudaGraphDestroy(cudaGraph_t handle) {
  SIM_BEGIN(cudaGraphDestroy, cudaError_t);
  cudaError_t error;
  Graph *g = find_graph(CUDA_CALL_cudaGraphDestroy, handle, false, &error);
  if (!g) return error;
  graph_empty(g);
  g->destroyed = true;
  return cudaSuccess;
}

cudaError_t sim_cudaGraphExecDestroy(cudaGraphExec_t handle) {
  SIM_BEGIN(cudaGraphExecDestroy, cudaError_t);
  cudaError_t error;
  Graph *g = find_graph(CUDA_CALL_cudaGraphExecDestroy, handle, true, &error);
  if (!g) return error;
  for (uint32_t i = 0; i < g->n_chains; i++) {
    if (!stream_quiet(g->streams[i])) {
      sim_fault(CUDA_CALL_cudaGraphExecDestroy, CUSIM_BUSY, "nobody waited for its last launch");
      stream_try(g->streams[i], g->streams[i]->given);
    }
    stream_destroy(g->streams[i]);
  }
  graph_empty(g);
  g->destroyed = true;
  return cudaSuccess;
}
