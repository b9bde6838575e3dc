/* The CUDA device: opening and closing, memory, streams, copies and launches.
 *
 * The arena is one allocation and nothing is allocated by commands.  Kernels that read where data
 * say (gathers) note an index out of range in words of their own; the words are fetched at the end
 * of each sequence of steps, and looked at when the host knows that they have come: when it waited
 * for the stream of steps, or for one that waited for it. */
#include "runtime/cuda/device_cuda.h"

#include "kernels/cuda/backend.h"
#include "kernels/cuda/cache.h"
#include "kernels/cuda/modules.h"
#include "runtime/cuda/device_parts.h"
#include "runtime/cuda/libraries.h"

#include <stdlib.h>
#include <string.h>

/* ---- failures ---- */

Status cuda_device_check(CudaDevice *c, cudaError_t code, const char *what, DeviceTag tag) {
  if (code == cudaSuccess) return STATUS_OK;
  c->device.error.tag = tag;
  c->failed = true;
  return cuda_check(&c->context, code, what, &c->device.error.what);
}

Status cuda_device_use(CudaDevice *c) {
  return cuda_device_check(c, c->context.calls->cudaSetDevice(c->context.ordinal),
                           "the GPU cannot be used", DEVICE_TAG_NONE);
}

/* ---- life ---- */

static Status need(CudaContext *context, CudaLibrary library, KernelError *error) {
  (void)context; /* one table for all */
  const CudaCalls *calls;
  return cuda_library(library, error, &calls);
}

/* Why no GPU can be had, and what to do about it (NULL: nothing is known). */
typedef struct Refusal {
  KernelError why;
  const char *hint;
} Refusal;

static Status count_gpus(const CudaContext *x, int *out, Refusal *refusal) {
  KernelError *error = &refusal->why;
  *out = 0;
  cudaError_t code = x->calls->cudaGetDeviceCount(out);
  if (code == cudaErrorInsufficientDriver)
    refusal->hint =
        "install NVIDIA's driver, 580 or later (docs/cuda.md); nvidia-smi shows which one "
        "runs; --device=cpu needs none";
  if (code == cudaErrorNoDevice || (code == cudaSuccess && *out == 0))
    refusal->hint = "nvidia-smi lists the GPUs of this machine, CUDA_VISIBLE_DEVICES may hide some";
  if (code == cudaErrorInsufficientDriver)
    return cuda_fail(error, STATUS_SYSTEM,
                     "there is no NVIDIA driver here, or one that is older than CUDA 13");
  if (code == cudaErrorNoDevice || (code == cudaSuccess && *out == 0))
    return cuda_fail(error, STATUS_SYSTEM, "the NVIDIA driver finds no GPU");
  return cuda_check(x, code, "GPUs cannot be counted", error);
}

/* `0,2,3`: of the processes on this host the first takes GPU 0, the second GPU 2, ... */
static Status parse_which(const DeviceWishes *wishes, int *out, Diag *diag) {
  *out = (int)wishes->place;
  uint32_t n = 0;
  for (const char *at = wishes->which; at; n++) {
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 4 || (at[digits] && at[digits] != ','))
      return diag_error(diag, STATUS_USAGE, "--device",
                        "GPUs are numbered from 0, with commas: --device=cuda:0,1",
                        "'cuda:%s' is no list of GPUs", wishes->which);
    if (n == wishes->place) *out = (int)strtol(at, NULL, 10); /* four digits at most */
    at = at[digits] ? at + digits + 1 : NULL;
  }
  if (!wishes->which || wishes->place < n) return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, "--device", "a process uses one GPU: name as many",
                    "'cuda:%s' names %u GPU%s, there are more processes on this host",
                    wishes->which, n, n == 1 ? "" : "s");
}

/* `which`: what was asked for; NULL: each process of this host takes the next. */
static Status check_ordinal(const char *which, int ordinal, int count, Refusal *refusal) {
  char found[48];
  if (ordinal < count) return STATUS_OK;
  snprintf(found, sizeof found, count == 1 ? "one, GPU 0" : "%d, GPU 0 to %d", count, count - 1);
  refusal->hint = which
                      ? "nvidia-smi lists the GPUs of this machine, CUDA_VISIBLE_DEVICES may hide "
                        "some"
                      : "as many ranks as GPUs on each host; all of them must see all GPUs";
  if (which)
    return cuda_fail(&refusal->why, STATUS_SYSTEM,
                     "there is no GPU %d, which 'cuda:%.64s' names: the driver finds %s", ordinal,
                     which, found);
  return cuda_fail(&refusal->why, STATUS_SYSTEM,
                   "there is no GPU %d, for process %d of this host: the driver finds %s", ordinal,
                   ordinal, found);
}

/* What is wrong with what was typed comes before what is wrong with the machine. */
static Status cuda_present(const DeviceWishes *wishes, Diag *diag) {
  CudaContext x = {0};
  Refusal refusal = {.hint = NULL};
  int count, ordinal;
  TRY(parse_which(wishes, &ordinal, diag));
  Status status = cuda_library(CUDA_LIBRARY_CUDART, &refusal.why, &x.calls);
  if (status == STATUS_OK) status = count_gpus(&x, &count, &refusal);
  for (const char *at = wishes->which; status == STATUS_OK && at; at = strchr(at, ',')) {
    at += *at == ',';
    status = check_ordinal(wishes->which, (int)strtol(at, NULL, 10), count, &refusal);
  }
  if (status == STATUS_OK) return STATUS_OK;
  return diag_error(diag, status, "--device", refusal.hint, "%s", refusal.why.text);
}

/* Which of the GPUs at hand. */
static Status choose_gpu(CudaDevice *c, const char *which, Refusal *refusal) {
  CudaContext *x = &c->context;
  int count;
  struct cudaDeviceProp p;
  KernelError *error = &refusal->why;
  TRY(count_gpus(x, &count, refusal));
  TRY(check_ordinal(which, x->ordinal, count, refusal));
  TRY(cuda_check(x, x->calls->cudaSetDevice(x->ordinal), "the GPU cannot be used", error));
  TRY(cuda_check(x, x->calls->cudaGetDeviceProperties(&p, x->ordinal),
                 "the GPU does not say what it is", error));
  x->architecture = p.major * 10 + p.minor;
  x->multiprocessors = p.multiProcessorCount;
  if (x->architecture >= 80) return STATUS_OK;
  return cuda_fail(error, STATUS_SYSTEM,
                   "GPU %d (%.64s) is of compute capability %d.%d, 8.0 or later is needed",
                   x->ordinal, p.name, p.major, p.minor);
}

static Status create_streams(CudaDevice *c, const DeviceOptions *options, KernelError *error) {
  const CudaCalls *calls = c->context.calls;
  c->streams = calloc(options->streams, sizeof *c->streams);
  c->events = calloc(options->events, sizeof *c->events);
  if (!c->streams || !c->events) return cuda_fail(error, STATUS_SYSTEM, "out of memory");
  for (; c->n_streams < options->streams; c->n_streams++)
    TRY(cuda_check(
        &c->context,
        calls->cudaStreamCreateWithFlags(&c->streams[c->n_streams].stream, cudaStreamNonBlocking),
        "a stream cannot be made", error));
  for (; c->n_events < options->events; c->n_events++)
    TRY(cuda_check(
        &c->context,
        calls->cudaEventCreateWithFlags(&c->events[c->n_events].event, cudaEventDisableTiming),
        "an event cannot be made", error));
  return STATUS_OK;
}

static Status create_faults(CudaDevice *c, KernelError *error) {
  const CudaCalls *calls = c->context.calls;
  const size_t bytes = CUDA_FAULTS_MAX * sizeof(CudaFault);
  void *at;
  c->fault_tag = calloc(CUDA_FAULTS_MAX, sizeof *c->fault_tag);
  c->fault_kernel = calloc(CUDA_FAULTS_MAX, sizeof *c->fault_kernel);
  if (!c->fault_tag || !c->fault_kernel) return cuda_fail(error, STATUS_SYSTEM, "out of memory");
  TRY(cuda_check(&c->context, calls->cudaMalloc(&at, bytes), "no memory on the GPU", error));
  c->context.faults = at;
  TRY(cuda_check(&c->context, calls->cudaHostAlloc(&at, bytes, cudaHostAllocDefault),
                 "no memory for copies", error));
  c->faults = at;
  TRY(cuda_check(
      &c->context,
      calls->cudaMemsetAsync(c->context.faults, 0xff, bytes, c->streams[STREAM_STEPS].stream),
      "the GPU's memory cannot be set", error));
  return cuda_check(&c->context, calls->cudaStreamSynchronize(c->streams[STREAM_STEPS].stream),
                    "the GPU's memory cannot be set", error);
}

static void cuda_close(Device *device) {
  CudaDevice *c = (CudaDevice *)device;
  if (!c) return;
  const CudaCalls *calls = c->context.calls;
  if (calls) {
    cuda_ranks_close(c);
    cuda_sequences_release(c);
    cuda_times_release(c);
    cuda_context_release(&c->context);
    for (uint32_t e = 0; e < c->n_events; e++) calls->cudaEventDestroy(c->events[e].event);
    for (uint32_t s = 0; s < c->n_streams; s++) calls->cudaStreamDestroy(c->streams[s].stream);
    if (c->context.faults) calls->cudaFree(c->context.faults);
    if (c->faults) calls->cudaFreeHost(c->faults);
  }
  free(c->context.cache);
  free(c->streams);
  free(c->events);
  free(c->fault_tag);
  free(c->fault_kernel);
  free(c);
}

static Status cuda_open(const DeviceOptions *options, Diag *diag, Device **out) {
  *out = NULL;
  int ordinal;
  Status named = parse_which(&options->wishes, &ordinal, diag);
  if (named != STATUS_OK && !(options->ranks && options->ranks->count > 1)) return named;
  CudaDevice *c = calloc(1, sizeof *c);
  if (!c) return diag_no_memory(diag, sizeof *c);
  c->context.ordinal = ordinal;
  c->context.tf32 = options->wishes.tf32;
  c->context.threads = options->threads;
  c->eager = options->wishes.no_graph;
  Refusal refusal = {.hint = NULL};
  KernelError *error = &refusal.why;
  c->device.table = &device_cuda;
  c->ranks = options->ranks;
  c->context.need = need;
  /* What fails here alone is told to the others where ranks meet: they would wait. */
  Status status = named;
  if (status == STATUS_OK) status = cuda_library(CUDA_LIBRARY_CUDART, error, &c->context.calls);
  if (status != STATUS_OK) c->context.calls = NULL;
  c->context.cache = cuda_cache_folder(cuda_libraries_replaced());
  if (status == STATUS_OK) status = choose_gpu(c, options->wishes.which, &refusal);
  if (status == STATUS_OK && !(c->context.modules = cuda_modules_create()))
    status = cuda_fail(error, STATUS_SYSTEM, "out of memory");
  if (status == STATUS_OK) status = create_streams(c, options, error);
  if (status == STATUS_OK) status = create_faults(c, error);
  status = cuda_ranks_open(c, status, error);
  if (status != STATUS_OK) {
    cuda_close(&c->device);
    if (named != STATUS_OK) return named;
    return diag_error(diag, status, "--device", refusal.hint, "%s", error->text);
  }
  *out = &c->device;
  return STATUS_OK;
}

static void *cuda_context(Device *device) {
  return &((CudaDevice *)device)->context;
}

/* ---- memory ---- */

static int64_t cuda_memory(const Device *device) {
  const CudaDevice *c = (const CudaDevice *)device;
  size_t unused = 0, all = 0;
  if (c->context.calls->cudaMemGetInfo(&unused, &all) != cudaSuccess) return 0;
  return (int64_t)unused;
}

static Status cuda_allocate(Device *device, size_t bytes, void **out) {
  CudaDevice *c = (CudaDevice *)device;
  *out = NULL;
  TRY(cuda_device_use(c));
  return cuda_device_check(c, c->context.calls->cudaMalloc(out, bytes), "no memory on the GPU",
                           DEVICE_TAG_NONE);
}

static void cuda_release(Device *device, void *at) {
  CudaDevice *c = (CudaDevice *)device;
  if (at && cuda_device_use(c) == STATUS_OK) c->context.calls->cudaFree(at);
}

static Status cuda_host_allocate(Device *device, size_t bytes, void **out) {
  CudaDevice *c = (CudaDevice *)device;
  *out = NULL;
  TRY(cuda_device_use(c));
  return cuda_device_check(c, c->context.calls->cudaHostAlloc(out, bytes, cudaHostAllocDefault),
                           "no pinned memory on the host", DEVICE_TAG_NONE);
}

static void cuda_host_release(Device *device, void *at) {
  CudaDevice *c = (CudaDevice *)device;
  if (at && cuda_device_use(c) == STATUS_OK) c->context.calls->cudaFreeHost(at);
}

/* ---- commands ---- */

static Status copy(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                   enum cudaMemcpyKind kind, DeviceTag tag) {
  CudaDevice *c = (CudaDevice *)device;
  TRY(cuda_device_use(c));
  TRY(cuda_time_begin(c, stream, tag));
  for (uint32_t i = 0; i < n; i++)
    if (copies[i].bytes && copies[i].to != copies[i].from)
      TRY(cuda_device_check(c,
                            c->context.calls->cudaMemcpyAsync(copies[i].to, copies[i].from,
                                                              copies[i].bytes, kind,
                                                              c->streams[stream].stream),
                            "a copy fails", tag));
  return cuda_time_end(c, stream, tag);
}

static Status cuda_copy_in(Device *device, DeviceStream stream, const DeviceCopy *copies,
                           uint32_t n, DeviceTag tag) {
  return copy(device, stream, copies, n, cudaMemcpyHostToDevice, tag);
}
static Status cuda_copy_out(Device *device, DeviceStream stream, const DeviceCopy *copies,
                            uint32_t n, DeviceTag tag) {
  return copy(device, stream, copies, n, cudaMemcpyDeviceToHost, tag);
}
static Status cuda_copy_within(Device *device, DeviceStream stream, const DeviceCopy *copies,
                               uint32_t n, DeviceTag tag) {
  return copy(device, stream, copies, n, cudaMemcpyDeviceToDevice, tag);
}

static Status cuda_fill(Device *device, DeviceStream stream, void *at, uint8_t value, size_t bytes,
                        DeviceTag tag) {
  CudaDevice *c = (CudaDevice *)device;
  TRY(cuda_device_use(c));
  if (!bytes) return STATUS_OK;
  return cuda_device_check(
      c, c->context.calls->cudaMemsetAsync(at, value, bytes, c->streams[stream].stream),
      "a fill fails", tag);
}

static Status cuda_launch_one(Device *device, DeviceStream stream, const Kernel *kernel,
                              const KernelArgs *args, DeviceTag tag) {
  CudaDevice *c = (CudaDevice *)device;
  TRY(cuda_device_use(c));
  const CudaFault *fault = cuda_kernel_fault(kernel);
  if (fault) {
    c->fault_tag[fault - c->context.faults] = tag;
    c->fault_kernel[fault - c->context.faults] = kernel;
  }
  TRY(cuda_time_begin(c, stream, tag));
  Status status =
      backend_cuda.enqueue(kernel, c->streams[stream].stream, args, &device->error.what);
  if (status == STATUS_OK) return cuda_time_end(c, stream, tag);
  device->error.tag = tag;
  c->failed = true;
  return status;
}

/* ---- indices out of range ---- */

Status cuda_faults_fetch(CudaDevice *c) {
  if (!c->context.n_faults) return STATUS_OK;
  c->fetched++;
  c->streams[STREAM_STEPS].seen = c->fetched;
  return cuda_device_check(
      c,
      c->context.calls->cudaMemcpyAsync(c->faults, c->context.faults,
                                        c->context.n_faults * sizeof(CudaFault),
                                        cudaMemcpyDeviceToHost, c->streams[STREAM_STEPS].stream),
      "a copy fails", DEVICE_TAG_NONE);
}

/* The words that came last: of several the one of the first step. */
static Status look_at_faults(CudaDevice *c) {
  uint32_t first = UINT32_MAX;
  for (uint32_t i = 0; i < c->context.n_faults; i++)
    if (c->faults[i] != CUDA_FAULT_NONE &&
        (first == UINT32_MAX || c->fault_tag[i] < c->fault_tag[first]))
      first = i;
  c->looked = c->fetched;
  if (first == UINT32_MAX) return STATUS_OK;
  c->device.error.tag = c->fault_tag[first];
  cuda_kernel_fault_text(c->fault_kernel[first], c->faults[first], &c->device.error.what);
  return STATUS_INVALID;
}

/* ---- order ---- */

static Status cuda_record(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  CudaDevice *c = (CudaDevice *)device;
  TRY(cuda_device_use(c));
  c->events[event].seen = c->streams[stream].seen;
  c->events[event].met = c->streams[stream].met;
  return cuda_device_check(
      c, c->context.calls->cudaEventRecord(c->events[event].event, c->streams[stream].stream),
      "an event cannot be recorded", tag);
}

static Status cuda_wait(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  CudaDevice *c = (CudaDevice *)device;
  TRY(cuda_device_use(c));
  if (c->events[event].seen > c->streams[stream].seen)
    c->streams[stream].seen = c->events[event].seen;
  if (c->events[event].met > c->streams[stream].met) c->streams[stream].met = c->events[event].met;
  return cuda_device_check(
      c,
      c->context.calls->cudaStreamWaitEvent(c->streams[stream].stream, c->events[event].event, 0),
      "a stream cannot wait", tag);
}

static Status wait_for(CudaDevice *c, const CudaStream *s) {
  TRY(cuda_device_use(c));
  if (c->meet.comm)
    TRY(cuda_ranks_wait(c, s));
  else
    TRY(cuda_device_check(c, c->context.calls->cudaStreamSynchronize(s->stream), "the GPU fails",
                          DEVICE_TAG_NONE));
  TRY(cuda_times_read(c));
  if (c->looked == c->fetched || s->seen < c->fetched) return STATUS_OK;
  return look_at_faults(c);
}

static Status cuda_synchronise(Device *device, DeviceStream stream) {
  CudaDevice *c = (CudaDevice *)device;
  Status status = wait_for(c, &c->streams[stream]);
  c->failed |= status != STATUS_OK;
  return status;
}

static uint32_t cuda_parts(const Kernel *kernel) {
  (void)kernel;
  return 1;
}

const DeviceTable device_cuda = {.name = "cuda",
                                 .grants = true,
                                 .backend = &backend_cuda,
                                 .present = cuda_present,
                                 .open = cuda_open,
                                 .close = cuda_close,
                                 .context = cuda_context,
                                 .memory = cuda_memory,
                                 .allocate = cuda_allocate,
                                 .release = cuda_release,
                                 .host_allocate = cuda_host_allocate,
                                 .host_release = cuda_host_release,
                                 .copy_in = cuda_copy_in,
                                 .copy_out = cuda_copy_out,
                                 .copy_within = cuda_copy_within,
                                 .fill = cuda_fill,
                                 .launch = cuda_launch_one,
                                 .collective = cuda_collective,
                                 .record = cuda_record,
                                 .wait = cuda_wait,
                                 .synchronise = cuda_synchronise,
                                 .sequence_begin = cuda_sequence_begin,
                                 .sequence_end = cuda_sequence_end,
                                 .limits = cuda_limits,
                                 .observe = cuda_observe,
                                 .parts = cuda_parts};
