/* cudaMalloc and its kin; copies and fills. */
#include "tests/cusim/sim.h"

#include <string.h>

static bool no_device(cudaError_t *out) {
  if (sim.options.devices) return false;
  *out = sim_error(cudaErrorNoDevice);
  return true;
}

/* Capture in a mode other than relaxed forbids these: the captures that go on have failed. */
static bool while_capturing(CudaCall call, cudaError_t *out) {
  if (!capture_interrupt()) return false;
  *out = SIM_REFUSE(call, CAPTURE_UNSAFE, cudaErrorStreamCaptureUnsupported,
                    "called while a stream is captured");
  return true;
}

static cudaError_t allocate(CudaCall call, void **out, size_t bytes, int device) {
  cudaError_t error;
  if (no_device(&error) || while_capturing(call, &error)) return error;
  if (!out) return SIM_REFUSE(call, INVALID, cudaErrorInvalidValue, "nowhere to put the address");
  *out = NULL;
  if (bytes == 0) return cudaSuccess;
  if (device >= 0 && bytes > sim.options.memory - sim.used[device])
    return sim_error(cudaErrorMemoryAllocation);
  Block *b = block_create(bytes, device);
  if (!b) return sim_error(cudaErrorMemoryAllocation);
  if (device >= 0) sim.used[device] += bytes;
  *out = b->at;
  return cudaSuccess;
}

cudaError_t sim_cudaMalloc(void **out, size_t bytes) {
  SIM_BEGIN(cudaMalloc, cudaError_t);
  return allocate(CUDA_CALL_cudaMalloc, out, bytes, caller.device);
}

cudaError_t sim_cudaHostAlloc(void **out, size_t bytes, unsigned flags) {
  SIM_BEGIN(cudaHostAlloc, cudaError_t);
  if (flags & ~(unsigned)cudaHostAllocPortable)
    return SIM_REFUSE(CUDA_CALL_cudaHostAlloc, NOT_MODELLED, cudaErrorNotSupported,
                      "flags 0x%x are not modelled", flags);
  return allocate(CUDA_CALL_cudaHostAlloc, out, bytes, -1);
}

static cudaError_t release(CudaCall call, void *at, bool host) {
  cudaError_t error;
  if (no_device(&error) || while_capturing(call, &error)) return error;
  if (!at) return cudaSuccess;
  Block *b = block_at(at);
  if (b && b->at == at && (b->device < 0) == host && b->released)
    return SIM_REFUSE(call, DOUBLE_FREE, cudaErrorInvalidValue, "%p was released before", at);
  if (!b || b->at != at || (b->device < 0) != host)
    return SIM_REFUSE(call, BAD_FREE, cudaErrorInvalidValue, "%p is no allocation of the %s", at,
                      host ? "host" : "device");
  if (!race_quiet(b)) {
    sim_fault(call, CUSIM_BUSY, "%zu bytes that a command may still use: nobody waited for it",
              b->bytes);
    for (Stream *s = sim.streams; s; s = s->next) stream_try(s, s->given);
  } else if (host && !block_whole(b)) {
    sim_fault(call, CUSIM_BOUNDS, "the host wrote beside an allocation of %zu bytes", b->bytes);
  }
  if (!host) sim.used[b->device] -= b->bytes;
  block_release(b);
  return sim.sticky ? sim_error(sim.sticky) : cudaSuccess;
}

cudaError_t sim_cudaFree(void *at) {
  SIM_BEGIN(cudaFree, cudaError_t);
  return release(CUDA_CALL_cudaFree, at, false);
}

cudaError_t sim_cudaFreeHost(void *at) {
  SIM_BEGIN(cudaFreeHost, cudaError_t);
  return release(CUDA_CALL_cudaFreeHost, at, true);
}

/* ---- copies ---- */

typedef struct Copy {
  char *to;
  const char *from;
  size_t bytes;
  int value;
} Copy;

static cudaError_t run_copy(void *payload) {
  const Copy *c = payload;
  memcpy(c->to, c->from, c->bytes);
  return cudaSuccess;
}

static cudaError_t run_fill(void *payload) {
  const Copy *c = payload;
  memset(c->to, c->value, c->bytes);
  return cudaSuccess;
}

static bool is_device_memory(const void *at) {
  const Block *b = block_at(at);
  return b && b->device >= 0;
}

cudaError_t sim_cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                                cudaStream_t handle) {
  SIM_BEGIN(cudaMemcpyAsync, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaMemcpyAsync;
  cudaError_t error;
  Stream *s = stream_find(call, handle, &error);
  if (!s) return error;
  if (bytes == 0) return cudaSuccess;
  bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (!to_device && !from_device)
    return SIM_REFUSE(call, DIRECTION, cudaErrorInvalidMemcpyDirection,
                      "kind %d does not say which side is the device", (int)kind);
  if (to_device != is_device_memory(to) && from_device != is_device_memory(from))
    return SIM_REFUSE(call, DIRECTION, cudaErrorInvalidValue,
                      "neither pointer is of the memory that kind %d says", (int)kind);
  Access a[2];
  if (!access_find(call, from_device ? s->device : -1, from, bytes, &a[0]) ||
      !access_find(call, to_device ? s->device : -1, to, bytes, &a[1]))
    return sim_error(cudaErrorInvalidValue);
  if (a[0].block == a[1].block && a[0].from < a[1].to && a[1].from < a[0].to)
    return SIM_REFUSE(call, OVERLAP, cudaErrorInvalidValue, "source and result overlap");
  a[0].read = a[1].write = true;
  Copy copy = {.to = to, .from = from, .bytes = bytes};
  Work *w = work_create(call, a, 2, run_copy, &copy, sizeof copy);
  w->copies_undefined = to_device && from_device;
  return stream_put(s, w);
}

cudaError_t sim_cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t handle) {
  SIM_BEGIN(cudaMemsetAsync, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaMemsetAsync;
  cudaError_t error;
  Access a;
  Stream *s = stream_find(call, handle, &error);
  if (!s) return error;
  if (bytes == 0) return cudaSuccess;
  if (!access_find(call, s->device, at, bytes, &a)) return sim_error(cudaErrorInvalidValue);
  a.write = true;
  Copy copy = {.to = at, .bytes = bytes, .value = value};
  return stream_put(s, work_create(call, &a, 1, run_fill, &copy, sizeof copy));
}
