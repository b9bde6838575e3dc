/* Streams and events as the runtime has them. */
#include "tests/cusim/sim.h"

#include <stdlib.h>

static bool no_device(cudaError_t *out) {
  if (sim.options.devices) return false;
  *out = sim_error(cudaErrorNoDevice);
  return true;
}

cudaError_t sim_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
  SIM_BEGIN(cudaStreamCreateWithFlags, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaStreamCreateWithFlags;
  cudaError_t error;
  if (no_device(&error)) return error;
  if (flags != cudaStreamNonBlocking)
    sim_fault(call, CUSIM_FLAGS, "flags 0x%x: the stream would wait for the default one", flags);
  Stream *s = stream_create(caller.device, false);
  if (!s)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorMemoryAllocation,
                      "more than %d streams are not modelled", THREADS - 1);
  *out = (cudaStream_t)(void *)s;
  return cudaSuccess;
}

/* A stream that is not captured; otherwise its capture has failed. */
static Stream *find_uncaptured(CudaCall call, cudaStream_t handle, cudaError_t *out) {
  Stream *s = stream_find(call, handle, out);
  if (!s || (!capture_interrupt() && !s->capture)) return s;
  *out = SIM_REFUSE(call, CAPTURE_SYNC, cudaErrorStreamCaptureUnsupported,
                    "called while a stream is captured");
  return NULL;
}

cudaError_t sim_cudaStreamDestroy(cudaStream_t handle) {
  SIM_BEGIN(cudaStreamDestroy, cudaError_t);
  cudaError_t error;
  Stream *s = find_uncaptured(CUDA_CALL_cudaStreamDestroy, handle, &error);
  if (!s) return error;
  if (!stream_quiet(s))
    sim_fault(CUDA_CALL_cudaStreamDestroy, CUSIM_BUSY, "nobody waited for all of its commands");
  stream_try(s, s->given);
  stream_destroy(s);
  return sim.sticky ? sim_error(sim.sticky) : cudaSuccess;
}

cudaError_t sim_cudaStreamSynchronize(cudaStream_t handle) {
  SIM_BEGIN(cudaStreamSynchronize, cudaError_t);
  cudaError_t error;
  Stream *s = find_uncaptured(CUDA_CALL_cudaStreamSynchronize, handle, &error);
  if (!s) return error;
  stream_drain(CUDA_CALL_cudaStreamSynchronize, s, s->given);
  stream_known(s);
  return sim.sticky ? sim_error(sim.sticky) : cudaSuccess;
}

cudaError_t sim_cudaDeviceSynchronize(void) {
  SIM_BEGIN(cudaDeviceSynchronize, cudaError_t);
  cudaError_t error;
  if (no_device(&error)) return error;
  if (capture_interrupt())
    return SIM_REFUSE(CUDA_CALL_cudaDeviceSynchronize, CAPTURE_SYNC,
                      cudaErrorStreamCaptureUnsupported, "called while a stream is captured");
  for (Stream *s = sim.streams; s; s = s->next) {
    if (s->device != caller.device) continue;
    stream_drain(CUDA_CALL_cudaDeviceSynchronize, s, s->given);
    stream_known(s);
  }
  return sim.sticky ? sim_error(sim.sticky) : cudaSuccess;
}

/* ---- events ---- */

static Event *find_event(CudaCall call, cudaEvent_t handle, cudaError_t *out) {
  for (Event *e = sim.events; e; e = e->next)
    if ((void *)e == (void *)handle && !e->destroyed) return e;
  *out = SIM_REFUSE(call, HANDLE, cudaErrorInvalidResourceHandle,
                    "%p is no event, or one that was destroyed", (void *)handle);
  return NULL;
}

cudaError_t sim_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  SIM_BEGIN(cudaEventCreateWithFlags, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaEventCreateWithFlags;
  cudaError_t error;
  if (no_device(&error)) return error;
  if (flags & ~(unsigned)(cudaEventBlockingSync | cudaEventDisableTiming))
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorInvalidValue, "flags 0x%x are not modelled",
                      flags);
  Event *e = calloc(1, sizeof *e);
  if (!e) return sim_error(cudaErrorMemoryAllocation);
  e->timing = !(flags & cudaEventDisableTiming);
  e->device = caller.device;
  e->next = sim.events;
  sim.events = e;
  *out = (cudaEvent_t)(void *)e;
  return cudaSuccess;
}

static bool event_known(const Event *e) {
  return !e->recorded || e->token.number <= sim.host.of[e->token.stream->thread];
}

cudaError_t sim_cudaEventDestroy(cudaEvent_t handle) {
  SIM_BEGIN(cudaEventDestroy, cudaError_t);
  cudaError_t error;
  Event *e = find_event(CUDA_CALL_cudaEventDestroy, handle, &error);
  if (!e) return error;
  if (!e->capture && !event_known(e))
    sim_fault(CUDA_CALL_cudaEventDestroy, CUSIM_BUSY, "nobody knows that it has happened");
  capture_forget(e);
  e->destroyed = true;
  return cudaSuccess;
}

cudaError_t sim_cudaEventRecord(cudaEvent_t handle, cudaStream_t on) {
  SIM_BEGIN(cudaEventRecord, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaEventRecord;
  cudaError_t error;
  Event *e = find_event(call, handle, &error);
  Stream *s = e ? stream_find(call, on, &error) : NULL;
  if (!s) return error;
  if (e->device != s->device)
    return SIM_REFUSE(call, CURRENT_DEVICE, cudaErrorInvalidResourceHandle,
                      "an event of device %d on a stream of device %d", e->device, s->device);
  if (s->capture && e->timing)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported,
                      "an event with timing in a capture is not modelled");
  if (s->capture) return capture_record(e, s);
  capture_forget(e);
  e->recorded = true;
  e->token = stream_token(s);
  streams_turn();
  return cudaSuccess;
}

cudaError_t sim_cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t for_event, unsigned flags) {
  SIM_BEGIN(cudaStreamWaitEvent, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaStreamWaitEvent;
  cudaError_t error;
  Event *e = find_event(call, for_event, &error);
  Stream *s = e ? stream_find(call, handle, &error) : NULL;
  if (!s) return error;
  if (flags != cudaEventWaitDefault)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported, "flags 0x%x are not modelled",
                      flags);
  if (e->timing) sim_fault(call, CUSIM_FLAGS, "waits for an event that takes times");
  if (s->capture || e->capture) return capture_wait(s, e);
  if (e->recorded) stream_wait(s, &e->token);
  streams_turn();
  return cudaSuccess;
}

/* An event of no capture, while nothing is captured. */
static Event *find_host_event(CudaCall call, cudaEvent_t handle, cudaError_t *out) {
  Event *e = find_event(call, handle, out);
  if (!e) return NULL;
  bool captured = e->capture;
  if (!capture_interrupt() && !captured) return e;
  *out = SIM_REFUSE(call, CAPTURE_SYNC,
                    captured ? cudaErrorCapturedEvent : cudaErrorStreamCaptureUnsupported,
                    captured ? "the event was recorded in a capture: it never happens"
                             : "called while a stream is captured");
  return NULL;
}

cudaError_t sim_cudaEventSynchronize(cudaEvent_t handle) {
  SIM_BEGIN(cudaEventSynchronize, cudaError_t);
  cudaError_t error;
  Event *e = find_host_event(CUDA_CALL_cudaEventSynchronize, handle, &error);
  if (!e) return error;
  if (e->recorded) {
    stream_drain(CUDA_CALL_cudaEventSynchronize, e->token.stream, e->token.number);
    stream_known_until(&e->token);
  }
  return sim.sticky ? sim_error(sim.sticky) : cudaSuccess;
}

cudaError_t sim_cudaEventQuery(cudaEvent_t handle) {
  SIM_BEGIN(cudaEventQuery, cudaError_t);
  cudaError_t error;
  Event *e = find_host_event(CUDA_CALL_cudaEventQuery, handle, &error);
  if (!e) return error;
  streams_turn();
  /* Who asks again and again must see it happen. */
  if (e->recorded && e->token.stream->done < e->token.number && sim_random() % 4 == 0)
    stream_try(e->token.stream, e->token.number);
  if (sim.sticky) return sim_error(sim.sticky);
  if (e->recorded && e->token.stream->done < e->token.number) return cudaErrorNotReady;
  if (e->recorded) stream_known_until(&e->token);
  return cudaSuccess;
}

/* Its record has happened; cudaErrorNotReady, and no fault, when it has not. */
static cudaError_t look_at_time(const Event *e) {
  const CudaCall call = CUDA_CALL_cudaEventElapsedTime;
  if (!e->timing)
    return SIM_REFUSE(call, INVALID, cudaErrorInvalidResourceHandle,
                      "an event that was made without timing");
  if (!e->recorded)
    return SIM_REFUSE(call, INVALID, cudaErrorInvalidResourceHandle,
                      "an event that was never recorded");
  bool happened = e->token.stream->done >= e->token.number;
  return happened ? cudaSuccess : sim_error(cudaErrorNotReady);
}

cudaError_t sim_cudaEventElapsedTime(float *out, cudaEvent_t start, cudaEvent_t end) {
  SIM_BEGIN(cudaEventElapsedTime, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaEventElapsedTime;
  cudaError_t error;
  Event *a = find_event(call, start, &error);
  Event *b = a ? find_event(call, end, &error) : NULL;
  if (!b) return error;
  if (a->device != b->device)
    return SIM_REFUSE(call, CURRENT_DEVICE, cudaErrorInvalidResourceHandle,
                      "events of devices %d and %d", a->device, b->device);
  error = look_at_time(a);
  if (error == cudaSuccess) error = look_at_time(b);
  if (error == cudaSuccess) *out = (float)((double)(b->token.time - a->token.time) * 1e-6);
  return error;
}
