/* cuDNN's handles and what it runs. */
#include "tests/cusim/dnn.h"

#include <stdlib.h>
#include <string.h>

typedef struct Dnn {
  struct Dnn *next;
  int device;
  bool destroyed;
  Stream *stream;
} Dnn;
static Dnn *handles;

void dnn_find_leaks(void) {
  for (Dnn *h = handles; h; h = h->next)
    if (!h->destroyed) sim_fault(CUDA_CALL_cudnnCreate, CUSIM_LEAK, "a handle was not destroyed");
  dnn_descriptors_find_leaks();
}

void dnn_close(void) {
  for (Dnn *h = handles, *next; h; h = next) {
    next = h->next;
    free(h);
  }
  handles = NULL;
  dnn_descriptors_close();
}

#define REFUSE(call, rule, status, ...) (sim_fault(call, CUSIM_##rule, __VA_ARGS__), status)

size_t sim_cudnnGetVersion(void) {
  SIM_ENTER(cudnnGetVersion);
  return CUDNN_VERSION;
}

const char *sim_cudnnGetErrorString(cudnnStatus_t status) {
  SIM_ENTER(cudnnGetErrorString);
  return status == CUDNN_STATUS_SUCCESS            ? "CUDNN_STATUS_SUCCESS"
         : status == CUDNN_STATUS_BAD_PARAM        ? "CUDNN_STATUS_BAD_PARAM"
         : status == CUDNN_STATUS_NOT_SUPPORTED    ? "CUDNN_STATUS_NOT_SUPPORTED"
         : status == CUDNN_STATUS_EXECUTION_FAILED ? "CUDNN_STATUS_EXECUTION_FAILED"
                                                   : "CUDNN_STATUS of another number";
}

/* What was wrong first. */
void sim_cudnnGetLastErrorString(char *out, size_t room) {
  SIM_ENTER(cudnnGetLastErrorString);
  if (!room) return;
  strncpy(out, sim.report.text, room - 1);
  out[room - 1] = 0;
}

bool dnn_is_handle(const void *handle) {
  for (Dnn *h = handles; h; h = h->next)
    if ((void *)h == handle && !h->destroyed) return true;
  return false;
}

static Dnn *find(CudaCall call, const void *handle) {
  if (dnn_is_handle(handle)) return (Dnn *)(uintptr_t)handle;
  sim_fault(call, CUSIM_HANDLE, "%p is no handle, or one that was destroyed", handle);
  return NULL;
}

cudnnStatus_t sim_cudnnCreate(cudnnHandle_t *out) {
  SIM_BEGIN(cudnnCreate, cudnnStatus_t);
  if (!sim.options.devices) return CUDNN_STATUS_NOT_INITIALIZED;
  if (capture_interrupt())
    return REFUSE(CUDA_CALL_cudnnCreate, CAPTURE_UNSAFE, CUDNN_STATUS_NOT_INITIALIZED,
                  "called while a stream is captured");
  Dnn *h = calloc(1, sizeof *h);
  if (!h) return CUDNN_STATUS_ALLOC_FAILED;
  *h = (Dnn){.next = handles, .device = caller.device};
  handles = h;
  *out = (cudnnHandle_t)(void *)h;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t sim_cudnnDestroy(cudnnHandle_t handle) {
  SIM_BEGIN(cudnnDestroy, cudnnStatus_t);
  Dnn *h = find(CUDA_CALL_cudnnDestroy, handle);
  if (!h) return CUDNN_STATUS_BAD_PARAM;
  if (h->stream && !h->stream->capture && !stream_quiet(h->stream))
    sim_fault(CUDA_CALL_cudnnDestroy, CUSIM_BUSY, "nobody waited for its stream");
  h->destroyed = true;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t sim_cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  SIM_BEGIN(cudnnSetStream, cudnnStatus_t);
  const CudaCall call = CUDA_CALL_cudnnSetStream;
  cudaError_t error;
  Dnn *h = find(call, handle);
  Stream *s = h ? stream_find(call, stream, &error) : NULL;
  if (!s) return CUDNN_STATUS_BAD_PARAM;
  if (s->device != h->device)
    return REFUSE(call, CURRENT_DEVICE, CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH,
                  "a stream of device %d for a handle of device %d", s->device, h->device);
  h->stream = s;
  return CUDNN_STATUS_SUCCESS;
}

/* ---- running ---- */

typedef struct Run {
  Conv c;
  char *at[3]; /* x, w, y */
} Run;

static cudaError_t run_conv(void *payload) {
  const Run *r = payload;
  return dnn_conv_run(&r->c, r->at) ? cudaSuccess : cudaErrorMemoryAllocation;
}

/* The pointer of a tensor in the pack. */
static char *pointer_of(CudaCall call, Descriptor *pack, const Tensor4 *t) {
  Attribute *ids = dnn_attribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  Attribute *at = dnn_attribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  for (int i = 0; i < ids->n; i++) {
    if (ids->values[i].number != t->id) continue;
    if ((uintptr_t)at->values[i].pointer % (uintptr_t)t->alignment == 0)
      return at->values[i].pointer;
    sim_fault(call, CUSIM_DNN_PACK, "the pointer of tensor %lld is not aligned to %lld bytes",
              (long long)t->id, (long long)t->alignment);
    return NULL;
  }
  sim_fault(call, CUSIM_DNN_PACK, "the pack has no tensor %lld", (long long)t->id);
  return NULL;
}

static bool find_tensor(CudaCall call, int device, Descriptor *pack, const Tensor4 *t, char **at,
                        Access *out) {
  *at = pointer_of(call, pack, t);
  return *at && access_find(call, device, *at, tensor4_count(t) * value_size(t->type), out);
}

/* Everything that a plan was made of must still be there. */
static bool conv_of(CudaCall call, Descriptor *plan, int64_t *workspace, Conv *out) {
  Descriptor *config =
      dnn_attribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->values[0].descriptor;
  if (!dnn_find(call, config) || !dnn_find(call, config->graph)) return false;
  Descriptor *op = dnn_find(
      call, dnn_attribute(config->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS)->values[0].pointer);
  if (!op) return false;
  *workspace = dnn_workspace(config);
  dnn_conv(op, out);
  out->bits = dnn_bits(config);
  if (dnn_in_any_order(config)) out->start = (int64_t)(sim_random() % (uint64_t)out->y.dims[0]);
  return true;
}

static bool overlap(const Access *a, const Access *b) {
  return a->block == b->block && a->from < b->to && b->from < a->to;
}

static cudnnStatus_t put(CudaCall call, Dnn *h, const Conv *c, Descriptor *pack,
                         int64_t workspace) {
  Run run = {.c = *c};
  Access a[4];
  uint32_t n = 3, result = c->kind == CONV_FORWARD ? 2 : c->kind == CONV_DATA ? 0 : 1;
  char *work = dnn_attribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)->values[0].pointer;
  if (!find_tensor(call, h->device, pack, &c->x, &run.at[0], &a[0]) ||
      !find_tensor(call, h->device, pack, &c->w, &run.at[1], &a[1]) ||
      !find_tensor(call, h->device, pack, &c->y, &run.at[2], &a[2]))
    return CUDNN_STATUS_BAD_PARAM;
  for (uint32_t i = 0; i < 3; i++) a[i].read = i != result || c->beta != 0;
  a[result].write = true;
  if (workspace) {
    if (!access_find(call, h->device, work, (size_t)workspace, &a[3]))
      return CUDNN_STATUS_BAD_PARAM;
    a[3].write = a[3].scratch = true;
    n = 4;
  }
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < i; k++)
      if (overlap(&a[i], &a[k]) && (a[i].write || a[k].write))
        return REFUSE(call, OVERLAP, CUDNN_STATUS_BAD_PARAM,
                      "the result or the workspace lies on "
                      "an operand or on each other");
  Work *w = work_create(call, a, n, run_conv, &run, sizeof run);
  return stream_put(h->stream, w) ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t sim_cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_handle,
                                      cudnnBackendDescriptor_t pack_handle) {
  SIM_BEGIN(cudnnBackendExecute, cudnnStatus_t);
  const CudaCall call = CUDA_CALL_cudnnBackendExecute;
  Conv c;
  int64_t workspace = 0;
  Dnn *h = find(call, handle);
  Descriptor *plan = h ? dnn_find(call, plan_handle) : NULL;
  Descriptor *pack = plan ? dnn_find(call, pack_handle) : NULL;
  if (!pack) return CUDNN_STATUS_BAD_PARAM;
  if (!h->stream || h->stream->destroyed)
    return REFUSE(call, DNN_STATE, CUDNN_STATUS_BAD_PARAM, "the handle has no stream");
  if (h->device != caller.device)
    return REFUSE(call, CURRENT_DEVICE, CUDNN_STATUS_BAD_PARAM,
                  "a handle of device %d, while %d is current", h->device, caller.device);
  if (plan->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR || !plan->finalized ||
      pack->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR || !pack->finalized)
    return REFUSE(call, DNN_STATE, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                  "no plan and variant pack that are final");
  if (!conv_of(call, plan, &workspace, &c)) return CUDNN_STATUS_BAD_PARAM;
  return put(call, h, &c, pack, workspace);
}
