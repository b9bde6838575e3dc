/* Steps that come again are captured as a graph: launching it costs the host one call.
 *
 * The first run of a sequence is launched one by one, so that what libraries do once is done; the
 * second is captured.  A capture that fails is not: the failure is told.  While times are taken
 * (observe.c) all are launched one by one. */
#include "graph/base/array.h"
#include "runtime/cuda/device_parts.h"

#include <stdlib.h>

static CudaSequence *sequence_of(CudaDevice *c, uint32_t number) {
  for (uint32_t i = 0; i < c->n_sequences; i++)
    if (c->sequences[i].number == number) return &c->sequences[i];
  if (ARRAY_RESERVE(c->sequences, c->cap_sequences, c->n_sequences, 1, NULL) != STATUS_OK)
    return NULL;
  c->sequences[c->n_sequences] = (CudaSequence){.number = number};
  return &c->sequences[c->n_sequences++];
}

void cuda_sequences_release(CudaDevice *c) {
  for (uint32_t i = 0; i < c->n_sequences; i++)
    if (c->sequences[i].exec) c->context.calls->cudaGraphExecDestroy(c->sequences[i].exec);
  free(c->sequences);
  c->sequences = NULL;
  c->n_sequences = c->cap_sequences = 0;
}

static Status launch(CudaDevice *c, CudaSequence *s) {
  if (s->meets) cuda_ranks_given(c, &c->streams[STREAM_STEPS], s, s->meeting);
  TRY(cuda_device_check(c,
                        c->context.calls->cudaGraphLaunch(s->exec, c->streams[STREAM_STEPS].stream),
                        "the captured kernels cannot be launched", DEVICE_TAG_NONE));
  return cuda_faults_fetch(c);
}

Status cuda_sequence_begin(Device *device, DeviceStream stream, uint32_t sequence, bool *out_done) {
  CudaDevice *c = (CudaDevice *)device;
  *out_done = false;
  TRY(cuda_device_use(c));
  CudaSequence *s = sequence_of(c, sequence);
  if (!s) return device_fail(device, STATUS_SYSTEM, DEVICE_TAG_NONE, "out of memory");
  cuda_ranks_begin(s);
  if (c->times.observer) {
    c->current = s;
    return STATUS_OK;
  }
  if (s->exec) {
    *out_done = true;
    return launch(c, s);
  }
  c->current = s;
  if (c->eager || s->runs == 0) return STATUS_OK;
  TRY(cuda_device_check(c,
                        c->context.calls->cudaStreamBeginCapture(c->streams[stream].stream,
                                                                 cudaStreamCaptureModeThreadLocal),
                        "kernels cannot be captured", DEVICE_TAG_NONE));
  c->capturing = true;
  return STATUS_OK;
}

/* Makes what was captured runnable, and runs it; not all of it was there when `whole` is false. */
static Status end_capture(CudaDevice *c, CudaSequence *s, DeviceStream stream, bool whole) {
  const CudaCalls *calls = c->context.calls;
  cudaGraph_t graph = NULL;
  cudaError_t code = calls->cudaStreamEndCapture(c->streams[stream].stream, &graph);
  if (!whole) { /* why is known already */
    if (graph) calls->cudaGraphDestroy(graph);
    return STATUS_OK;
  }
  Status status = cuda_device_check(c, code, "kernels cannot be captured", DEVICE_TAG_NONE);
  if (status == STATUS_OK)
    status = cuda_device_check(c, calls->cudaGraphInstantiate(&s->exec, graph, 0),
                               "the captured kernels cannot be prepared", DEVICE_TAG_NONE);
  if (graph) calls->cudaGraphDestroy(graph);
  if (status != STATUS_OK) {
    s->exec = NULL;
    return status;
  }
  return launch(c, s);
}

Status cuda_sequence_end(Device *device, DeviceStream stream, uint32_t sequence, bool whole) {
  CudaDevice *c = (CudaDevice *)device;
  CudaSequence *s = sequence_of(c, sequence);
  bool captured = c->capturing;
  c->capturing = false;
  c->current = NULL;
  if (!s) return device_fail(device, STATUS_SYSTEM, DEVICE_TAG_NONE, "out of memory");
  TRY(cuda_device_use(c));
  if (captured) return end_capture(c, s, stream, whole);
  if (whole && s->runs == 0 && s->meets)
    cuda_ranks_given(c, &c->streams[STREAM_STEPS], s, s->meeting);
  s->runs += whole;
  return whole ? cuda_faults_fetch(c) : STATUS_OK;
}
