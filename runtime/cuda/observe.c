/* When commands begin and end on the GPU, for traces.
 *
 * While somebody observes, each launch, collective and copy stands between two events with timing
 * on its stream; times are those since one event that is recorded first.  They are read where the
 * host has waited for a stream, as far as they have happened.  Nothing is captured or replayed
 * meanwhile: events in a graph take no times. */
#include "runtime/cuda/device_parts.h"

#include "graph/base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The next event of the pool, recorded on the stream. */
static Status record_next(CudaDevice *c, DeviceStream stream, DeviceTag tag, uint32_t *out) {
  CudaTimes *t = &c->times;
  const CudaCalls *calls = c->context.calls;
  if (t->used == t->n_events) {
    if (ARRAY_RESERVE(t->events, t->cap_events, t->n_events, 1, NULL) != STATUS_OK)
      return device_fail(&c->device, STATUS_SYSTEM, tag, "out of memory");
    cudaEvent_t event;
    TRY(cuda_device_check(c, calls->cudaEventCreateWithFlags(&event, cudaEventDefault),
                          "an event cannot be made", tag));
    t->events[t->n_events++] = event;
  }
  TRY(cuda_device_check(c, calls->cudaEventRecord(t->events[t->used], c->streams[stream].stream),
                        "an event cannot be recorded", tag));
  *out = t->used++;
  return STATUS_OK;
}

Status cuda_time_begin(CudaDevice *c, DeviceStream stream, DeviceTag tag) {
  CudaTimes *t = &c->times;
  uint32_t base;
  if (!t->observer) return STATUS_OK;
  if (ARRAY_RESERVE(t->spans, t->cap_spans, t->n_spans, 1, NULL) != STATUS_OK)
    return device_fail(&c->device, STATUS_SYSTEM, tag, "out of memory");
  if (!t->used) TRY(record_next(c, STREAM_STEPS, tag, &base));
  CudaSpan *span = &t->spans[t->n_spans];
  *span = (CudaSpan){.tag = tag};
  TRY(record_next(c, stream, tag, &span->begin));
  t->n_spans++;
  return STATUS_OK;
}

/* Of the span that was begun last. */
Status cuda_time_end(CudaDevice *c, DeviceStream stream, DeviceTag tag) {
  CudaTimes *t = &c->times;
  if (!t->observer) return STATUS_OK;
  CudaSpan *span = &t->spans[t->n_spans - 1];
  TRY(record_next(c, stream, tag, &span->end));
  span->ended = true;
  return STATUS_OK;
}

/* Nanoseconds since the first event. */
static Status time_of(CudaDevice *c, uint32_t event, DeviceTag tag, int64_t *out) {
  const CudaTimes *t = &c->times;
  float ms = 0;
  TRY(cuda_device_check(c,
                        c->context.calls->cudaEventElapsedTime(&ms, t->events[0], t->events[event]),
                        "the time of an event cannot be read", tag));
  *out = llround((double)ms * 1e6);
  return STATUS_OK;
}

static Status happened(CudaDevice *c, uint32_t event, DeviceTag tag, bool *out) {
  cudaError_t code = c->context.calls->cudaEventQuery(c->times.events[event]);
  *out = code == cudaSuccess;
  return code == cudaErrorNotReady ? STATUS_OK : cuda_device_check(c, code, "the GPU fails", tag);
}

Status cuda_times_read(CudaDevice *c) {
  CudaTimes *t = &c->times;
  uint32_t left = 0;
  bool done = false;
  if (!t->observer || !t->n_spans) return STATUS_OK;
  TRY(happened(c, 0, DEVICE_TAG_NONE, &done));
  for (uint32_t i = 0; i < t->n_spans; i++) {
    CudaSpan span = t->spans[i];
    bool ended = false;
    int64_t begin, end;
    if (done && span.ended) TRY(happened(c, span.end, span.tag, &ended));
    if (!ended) {
      t->spans[left++] = span;
      continue;
    }
    TRY(time_of(c, span.begin, span.tag, &begin));
    TRY(time_of(c, span.end, span.tag, &end));
    t->observer(t->context, span.tag, 0, 0, begin, end);
  }
  t->n_spans = left;
  return STATUS_OK;
}

void cuda_observe(Device *device, DeviceObserver observer, void *context) {
  CudaDevice *c = (CudaDevice *)device;
  if (!observer) cuda_times_release(c);
  c->times.observer = observer;
  c->times.context = context;
}

void cuda_times_release(CudaDevice *c) {
  CudaTimes *t = &c->times;
  for (uint32_t i = 0; i < t->n_events; i++) c->context.calls->cudaEventDestroy(t->events[i]);
  free(t->events);
  free(t->spans);
  *t = (CudaTimes){0};
}
