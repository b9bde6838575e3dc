/* Graphs: what may be captured, what a launch does. */
#include "tests/cusim/cases.h"

static void begin(Bench *b) {
  OK(b, b->cu->cudaStreamBeginCapture(b->s, cudaStreamCaptureModeThreadLocal));
}

/* Ends the capture, launches the graph `times` times, and releases it. */
static void launch(Bench *b, int times) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  if (!graph) return;
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  OK(b, b->cu->cudaGraphDestroy(graph));
  for (int i = 0; i < times && exec; i++) OK(b, b->cu->cudaGraphLaunch(exec, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  if (exec) OK(b, b->cu->cudaGraphExecDestroy(exec));
}

static void begin_twice(Bench *b) {
  begin(b);
  if (b->wrong) begin(b);
  launch(b, 1);
}

static void begin_relaxed(Bench *b) {
  OK(b, b->cu->cudaStreamBeginCapture(b->s, b->wrong ? cudaStreamCaptureModeRelaxed
                                                     : cudaStreamCaptureModeGlobal));
  if (!b->wrong) launch(b, 1);
}

static void synchronise_captured(Bench *b) {
  begin(b);
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (b->wrong) OK(b, b->cu->cudaStreamSynchronize(b->s));
  launch(b, 2);
}

static void synchronise_device(Bench *b) {
  begin(b);
  if (b->wrong) OK(b, b->cu->cudaDeviceSynchronize());
  bench_scale(b, b->s, b->x, b->y, 2, N);
  launch(b, 2);
}

static void ask_captured_event(Bench *b) {
  begin(b);
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaEventRecord(b->event, b->s));
  if (b->wrong) OK(b, b->cu->cudaEventQuery(b->event));
  launch(b, 1);
}

static void allocate_captured(Bench *b) {
  void *w = NULL;
  begin(b);
  if (b->wrong) OK(b, b->cu->cudaMalloc(&w, 64));
  launch(b, 1);
  OK(b, b->cu->cudaMalloc(&w, 64));
  OK(b, b->cu->cudaFree(w));
}

static void release_captured(Bench *b) {
  begin(b);
  if (b->wrong) OK(b, b->cu->cudaFree(b->z));
  launch(b, 1);
}

/* z = 2 y on the other stream, y = 2 x before it. */
static void fork_on(Bench *b, bool join) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->y, b->z, 2, N);
  if (join) bench_wait(b, b->s, b->t);
}

static void not_joined(Bench *b) {
  begin(b);
  fork_on(b, !b->wrong);
  launch(b, 2);
}

static void joined_too_early(Bench *b) {
  begin(b);
  fork_on(b, true);
  bench_scale(b, b->t, b->x, b->z, 2, 1);
  if (!b->wrong) bench_wait(b, b->s, b->t);
  launch(b, 2);
}

static void ended_elsewhere(Bench *b) {
  cudaGraph_t graph;
  begin(b);
  fork_on(b, true);
  if (b->wrong) OK(b, b->cu->cudaStreamEndCapture(b->t, &graph));
  launch(b, 1);
}

static void ended_without_begin(Bench *b) {
  if (!b->wrong) begin(b);
  launch(b, 1);
}

static void event_from_outside(Bench *b) {
  OK(b, b->cu->cudaEventRecord(b->event, b->t));
  begin(b);
  if (b->wrong) OK(b, b->cu->cudaStreamWaitEvent(b->s, b->event, cudaEventWaitDefault));
  bench_scale(b, b->s, b->x, b->y, 2, N);
  launch(b, 1);
}

static void event_of_other_capture(Bench *b) {
  cudaGraph_t graph = NULL;
  begin(b);
  OK(b, b->cu->cudaStreamBeginCapture(b->t, cudaStreamCaptureModeThreadLocal));
  OK(b, b->cu->cudaEventRecord(b->event, b->s));
  if (b->wrong) OK(b, b->cu->cudaStreamWaitEvent(b->t, b->event, cudaEventWaitDefault));
  OK(b, b->cu->cudaStreamEndCapture(b->t, &graph));
  if (graph) OK(b, b->cu->cudaGraphDestroy(graph));
  launch(b, 1);
}

static void event_of_old_capture(Bench *b) {
  begin(b);
  fork_on(b, true);
  launch(b, 1);
  if (!b->wrong) OK(b, b->cu->cudaEventRecord(b->event, b->s));
  OK(b, b->cu->cudaStreamWaitEvent(b->t, b->event, cudaEventWaitDefault));
}

/* A wait that is missing within a graph is found when it is launched. */
static void race_within(Bench *b) {
  begin(b);
  bench_scale(b, b->s, b->x, b->z, 2, 1);
  bench_wait(b, b->t, b->s);
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (!b->wrong) bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->y, b->z, 2, N);
  bench_wait(b, b->s, b->t);
  launch(b, 2);
}

/* Work beside a graph is not ordered with it. */
static void race_beside(Bench *b) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  begin(b);
  fork_on(b, true);
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  OK(b, b->cu->cudaGraphDestroy(graph));
  OK(b, b->cu->cudaGraphLaunch(exec, b->s));
  if (!b->wrong) bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->x, b->z, 2, N);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->t));
  OK(b, b->cu->cudaGraphExecDestroy(exec));
}

static void graph_uses_released(Bench *b) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  begin(b);
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  OK(b, b->cu->cudaGraphDestroy(graph));
  if (b->wrong) {
    OK(b, b->cu->cudaFree(b->y));
    b->y = NULL;
  }
  OK(b, b->cu->cudaGraphLaunch(exec, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaGraphExecDestroy(exec));
}

static void graph_uses_unloaded(Bench *b) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  begin(b);
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  OK(b, b->cu->cudaGraphDestroy(graph));
  if (b->wrong) {
    OK(b, b->cu->cudaLibraryUnload(b->library));
    b->library = NULL;
  }
  OK(b, b->cu->cudaGraphLaunch(exec, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaGraphExecDestroy(exec));
}

static void graph_after_end(Bench *b) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  begin(b);
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  if (b->wrong) OK(b, b->cu->cudaGraphDestroy(graph));
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  if (!b->wrong) OK(b, b->cu->cudaGraphDestroy(graph));
  OK(b, b->cu->cudaGraphExecDestroy(exec));
}

static void graph_busy(Bench *b) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  begin(b);
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  OK(b, b->cu->cudaGraphDestroy(graph));
  OK(b, b->cu->cudaGraphLaunch(exec, b->s));
  if (!b->wrong) OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaGraphExecDestroy(exec));
}

static void graph_leaks(Bench *b) {
  cudaGraph_t graph = NULL;
  begin(b);
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  if (!b->wrong) OK(b, b->cu->cudaGraphDestroy(graph));
}

const Case cases_capture[] = {
    {CUSIM_CAPTURE_BEGIN, "begun twice", begin_twice},
    {CUSIM_CAPTURE_BEGIN, "a relaxed capture", begin_relaxed},
    {CUSIM_CAPTURE_SYNC, "the host waits for a captured stream", synchronise_captured},
    {CUSIM_CAPTURE_SYNC, "the host waits for the device", synchronise_device},
    {CUSIM_CAPTURE_SYNC, "the host asks for a captured event", ask_captured_event},
    {CUSIM_CAPTURE_UNSAFE, "memory is allocated", allocate_captured},
    {CUSIM_CAPTURE_UNSAFE, "memory is released", release_captured},
    {CUSIM_CAPTURE_UNJOINED, "a forked stream is not joined", not_joined},
    {CUSIM_CAPTURE_UNJOINED, "a forked stream goes on when it was joined", joined_too_early},
    {CUSIM_CAPTURE_UNMATCHED, "ended on the forked stream", ended_elsewhere},
    {CUSIM_CAPTURE_UNMATCHED, "ended and never begun", ended_without_begin},
    {CUSIM_CAPTURE_ISOLATION, "an event from before", event_from_outside},
    {CUSIM_CAPTURE_MERGE, "an event of another capture", event_of_other_capture},
    {CUSIM_CAPTURE_OVER, "an event of a capture that is over", event_of_old_capture},
    {CUSIM_READ_AFTER_WRITE, "no wait within a graph", race_within},
    {CUSIM_WRITE_AFTER_WRITE, "no wait for a graph", race_beside},
    {CUSIM_FREED, "memory that was released before the launch", graph_uses_released},
    {CUSIM_HANDLE, "a library that was unloaded before the launch", graph_uses_unloaded},
    {CUSIM_HANDLE, "a graph after its end", graph_after_end},
    {CUSIM_BUSY, "a graph destroyed before it ran", graph_busy},
    {CUSIM_LEAK, "a graph", graph_leaks},
};
const uint32_t n_cases_capture = sizeof cases_capture / sizeof *cases_capture;
