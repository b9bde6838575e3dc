/* Streams and events: what waits for what. */
#include "tests/cusim/cases.h"

static void default_stream(Bench *b) {
  OK(b, b->cu->cudaMemsetAsync(b->y, 0, BYTES, b->wrong ? NULL : b->s));
}

static void default_stream_named(Bench *b) {
  OK(b, b->cu->cudaStreamSynchronize(b->wrong ? cudaStreamPerThread : b->s));
}

static void blocking_stream(Bench *b) {
  cudaStream_t u;
  OK(b, b->cu->cudaStreamCreateWithFlags(&u, b->wrong ? cudaStreamDefault : cudaStreamNonBlocking));
  OK(b, b->cu->cudaStreamDestroy(u));
}

/* Times are taken by events that nobody waits for on a stream. */
static void timing_event(Bench *b) {
  cudaEvent_t e;
  OK(b, b->cu->cudaEventCreateWithFlags(&e, cudaEventDefault));
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaEventRecord(e, b->s));
  if (!b->wrong) OK(b, b->cu->cudaEventRecord(b->event, b->s));
  OK(b, b->cu->cudaStreamWaitEvent(b->t, b->wrong ? e : b->event, 0));
  bench_scale(b, b->t, b->y, b->z, 2, N);
  OK(b, b->cu->cudaStreamSynchronize(b->t));
  OK(b, b->cu->cudaEventDestroy(e));
}

static void timing_event_flags(Bench *b) {
  cudaEvent_t e;
  OK(b, b->cu->cudaEventCreateWithFlags(&e, b->wrong ? cudaEventInterprocess : cudaEventDefault));
  if (!b->wrong) OK(b, b->cu->cudaEventDestroy(e));
}

/* From one event to another, when both have happened. */
static void take_time(Bench *b, unsigned flags, bool record) {
  cudaEvent_t from, to;
  float ms;
  OK(b, b->cu->cudaEventCreateWithFlags(&from, flags));
  OK(b, b->cu->cudaEventCreateWithFlags(&to, cudaEventDefault));
  if (record) OK(b, b->cu->cudaEventRecord(from, b->s));
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaEventRecord(to, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaEventElapsedTime(&ms, from, to));
  OK(b, b->cu->cudaEventDestroy(from));
  OK(b, b->cu->cudaEventDestroy(to));
}

static void time_without_timing(Bench *b) {
  take_time(b, b->wrong ? cudaEventDisableTiming : cudaEventDefault, true);
}
static void time_without_record(Bench *b) {
  take_time(b, cudaEventDefault, !b->wrong);
}

static void time_of_two_devices(Bench *b) {
  cudaEvent_t from, to;
  float ms;
  OK(b, b->cu->cudaEventCreateWithFlags(&from, cudaEventDefault));
  if (b->wrong) OK(b, b->cu->cudaSetDevice(1));
  OK(b, b->cu->cudaEventCreateWithFlags(&to, cudaEventDefault));
  OK(b, b->cu->cudaSetDevice(0));
  OK(b, b->cu->cudaEventRecord(from, b->s));
  if (!b->wrong) OK(b, b->cu->cudaEventRecord(to, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaEventElapsedTime(&ms, from, to));
  OK(b, b->cu->cudaEventDestroy(from));
  OK(b, b->cu->cudaEventDestroy(to));
}

static void time_in_capture(Bench *b) {
  cudaEvent_t e;
  cudaGraph_t graph = NULL;
  OK(b, b->cu->cudaEventCreateWithFlags(&e, b->wrong ? cudaEventDefault : cudaEventDisableTiming));
  OK(b, b->cu->cudaStreamBeginCapture(b->s, cudaStreamCaptureModeThreadLocal));
  OK(b, b->cu->cudaEventRecord(e, b->s));
  OK(b, b->cu->cudaStreamEndCapture(b->s, &graph));
  if (graph) OK(b, b->cu->cudaGraphDestroy(graph));
  OK(b, b->cu->cudaEventDestroy(e));
}

static void stream_after_end(Bench *b) {
  cudaStream_t u;
  OK(b, b->cu->cudaStreamCreateWithFlags(&u, cudaStreamNonBlocking));
  if (b->wrong) OK(b, b->cu->cudaStreamDestroy(u));
  OK(b, b->cu->cudaMemsetAsync(b->y, 0, BYTES, u));
  OK(b, b->cu->cudaStreamSynchronize(u));
  if (!b->wrong) OK(b, b->cu->cudaStreamDestroy(u));
}

static void event_after_end(Bench *b) {
  cudaEvent_t e;
  OK(b, b->cu->cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
  if (b->wrong) OK(b, b->cu->cudaEventDestroy(e));
  OK(b, b->cu->cudaEventRecord(e, b->s));
  OK(b, b->cu->cudaEventSynchronize(e));
  if (!b->wrong) OK(b, b->cu->cudaEventDestroy(e));
}

static void handle_of_another_kind(Bench *b) {
  OK(b, b->cu->cudaEventSynchronize(b->wrong ? (cudaEvent_t)(void *)b->s : b->event));
}

static void stream_busy(Bench *b) {
  bench_scale(b, b->t, b->x, b->y, 2, N);
  if (!b->wrong) OK(b, b->cu->cudaStreamSynchronize(b->t));
  OK(b, b->cu->cudaStreamDestroy(b->t));
  b->t = NULL;
}

static void event_busy(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaEventRecord(b->event, b->s));
  if (!b->wrong) OK(b, b->cu->cudaEventSynchronize(b->event));
  OK(b, b->cu->cudaEventDestroy(b->event));
  b->event = NULL;
}

static void event_of_other_device(Bench *b) {
  cudaEvent_t e;
  if (b->wrong) OK(b, b->cu->cudaSetDevice(1));
  OK(b, b->cu->cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
  OK(b, b->cu->cudaEventRecord(e, b->s));
  OK(b, b->cu->cudaEventSynchronize(e));
  OK(b, b->cu->cudaEventDestroy(e));
  OK(b, b->cu->cudaSetDevice(0));
}

static void launch_on_other_device(Bench *b) {
  OK(b, b->cu->cudaSetDevice(b->wrong));
  const float *x = b->x;
  float *y = b->y, a = 2;
  int32_t n = 0;
  void *args[] = {&x, &y, &a, &n};
  b->cu->declare(NULL, 0);
  OK(b, b->cu->cudaLaunchKernel((const void *)b->scale, (dim3){1, 1, 1}, (dim3){32, 1, 1}, args, 0,
                                b->s));
  OK(b, b->cu->cudaSetDevice(0));
}

static void read_after_write(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (!b->wrong) bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->y, b->z, 2, N);
}

static void write_after_read(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (!b->wrong) bench_wait(b, b->t, b->s);
  OK(b, b->cu->cudaMemsetAsync(b->x, 0, BYTES, b->t));
}

static void write_after_write(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (!b->wrong) bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->x, b->y, 2, N);
}

/* One element of the other half. */
static void race_of_a_byte(Bench *b) {
  const int32_t half = N / 2;
  bench_scale(b, b->s, b->x, b->y, 2, half);
  bench_scale(b, b->t, b->x, b->y + half - b->wrong, 3, half);
}

/* The event is recorded before the kernel that it is to stand for. */
static void event_too_early(Bench *b) {
  if (b->wrong) OK(b, b->cu->cudaEventRecord(b->event, b->s));
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (!b->wrong) OK(b, b->cu->cudaEventRecord(b->event, b->s));
  OK(b, b->cu->cudaStreamWaitEvent(b->t, b->event, cudaEventWaitDefault));
  bench_scale(b, b->t, b->y, b->z, 2, N);
}

/* A wait is for the record that was there when it was asked for. */
static void wait_too_early(Bench *b) {
  if (b->wrong) OK(b, b->cu->cudaStreamWaitEvent(b->t, b->event, cudaEventWaitDefault));
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaEventRecord(b->event, b->s));
  if (!b->wrong) OK(b, b->cu->cudaStreamWaitEvent(b->t, b->event, cudaEventWaitDefault));
  bench_scale(b, b->t, b->y, b->z, 2, N);
}

/* The event is recorded on the stream that waits. */
static void event_on_wrong_stream(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  bench_wait(b, b->t, b->wrong ? b->t : b->s);
  bench_scale(b, b->t, b->y, b->z, 2, N);
}

/* Over three streams: the wait of the last is for the second, which waited for the first. */
static void chain_of_waits(Bench *b) {
  cudaStream_t u;
  cudaEvent_t second;
  OK(b, b->cu->cudaStreamCreateWithFlags(&u, cudaStreamNonBlocking));
  OK(b, b->cu->cudaEventCreateWithFlags(&second, cudaEventDisableTiming));
  bench_scale(b, b->s, b->x, b->y, 2, N);
  if (!b->wrong) bench_wait(b, b->t, b->s);
  OK(b, b->cu->cudaMemsetAsync(b->z, 0, 8, b->t));
  OK(b, b->cu->cudaEventRecord(second, b->t));
  OK(b, b->cu->cudaStreamWaitEvent(u, second, cudaEventWaitDefault));
  bench_scale(b, u, b->y, b->x, 2, N);
  OK(b, b->cu->cudaStreamSynchronize(u));
  OK(b, b->cu->cudaEventDestroy(second));
  OK(b, b->cu->cudaStreamDestroy(u));
}

/* The host may wait instead of the stream. */
static void host_between(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaStreamSynchronize(b->wrong ? b->t : b->s));
  bench_scale(b, b->t, b->y, b->z, 2, N);
}

/* Asking is waiting only when the answer is yes. */
static void query_between(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaEventRecord(b->event, b->s));
  bench_scale(b, b->s, b->x, b->z, 2, b->wrong ? N : 1);
  if (!b->wrong)
    while (b->cu->cudaEventQuery(b->event) == cudaErrorNotReady) continue;
  bench_scale(b, b->t, b->y, b->z + 1, 2, N - 1);
}

const Case cases_order[] = {
    {CUSIM_DEFAULT_STREAM, "a fill on stream 0", default_stream},
    {CUSIM_DEFAULT_STREAM, "a thread's own default stream", default_stream_named},
    {CUSIM_FLAGS, "a stream that blocks", blocking_stream},
    {CUSIM_FLAGS, "a wait for an event with timing", timing_event},
    {CUSIM_NOT_MODELLED, "an event for other processes", timing_event_flags},
    {CUSIM_INVALID, "the time of an event without timing", time_without_timing},
    {CUSIM_INVALID, "the time of an event that was not recorded", time_without_record},
    {CUSIM_CURRENT_DEVICE, "the time between two devices", time_of_two_devices},
    {CUSIM_NOT_MODELLED, "an event with timing in a capture", time_in_capture},
    {CUSIM_HANDLE, "a stream after its end", stream_after_end},
    {CUSIM_HANDLE, "an event after its end", event_after_end},
    {CUSIM_HANDLE, "a stream as an event", handle_of_another_kind},
    {CUSIM_BUSY, "a stream destroyed before it was empty", stream_busy},
    {CUSIM_BUSY, "an event destroyed before it happened", event_busy},
    {CUSIM_CURRENT_DEVICE, "an event on another device's stream", event_of_other_device},
    {CUSIM_CURRENT_DEVICE, "a launch while another device is current", launch_on_other_device},
    {CUSIM_READ_AFTER_WRITE, "no wait before a read", read_after_write},
    {CUSIM_WRITE_AFTER_READ, "no wait before a write of what is read", write_after_read},
    {CUSIM_WRITE_AFTER_WRITE, "no wait before a second write", write_after_write},
    {CUSIM_WRITE_AFTER_WRITE, "halves that share an element", race_of_a_byte},
    {CUSIM_READ_AFTER_WRITE, "an event recorded too early", event_too_early},
    {CUSIM_READ_AFTER_WRITE, "a wait before the record", wait_too_early},
    {CUSIM_READ_AFTER_WRITE, "an event on the wrong stream", event_on_wrong_stream},
    {CUSIM_READ_AFTER_WRITE, "a gap in a chain of waits", chain_of_waits},
    {CUSIM_READ_AFTER_WRITE, "the host waits for the wrong stream", host_between},
    {CUSIM_READ_AFTER_WRITE, "nobody asked for the event", query_between},
};
const uint32_t n_cases_order = sizeof cases_order / sizeof *cases_order;
