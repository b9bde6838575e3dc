/* Several GPUs: a rank is a process (in tests a thread) with one of them, NCCL carries what they
 * exchange.
 *
 * A collective is a command like others: the call returns at once, and that a rank does not come
 * shows only where the host waits.  There the host asks again and again, instead of blocking for
 * ever, and gives up when a rank must be lost; then NCCL is aborted, and the ranks are asked over
 * the channel that they have anyway (runtime/ranks), which names who is missing.
 *
 * How long it waits: the first time that steps are run the host waits at each collective, before it
 * for this rank's own work and after it for the others, so that the ranks' timeout is meant for
 * nothing else.  Later all steps are one command, of which the host sees the end only: it waits
 * half as long again as the same steps took at most, and the timeout besides. */
#include "runtime/cuda/device_parts.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_MAX 128 /* calls that start together */
#define ENDING 3      /* seconds that a rank waits which got SIGTERM */
#define ASKING 2      /* seconds in which the others must answer that they are there */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- who they are ---- */

/* What each rank tells the others. */
typedef struct Introduction {
  ncclUniqueId id; /* of rank 0 */
  cudaUUID_t gpu;
  Status status;
} Introduction;
#define RANKS_MAX 1024

static Status introduce(CudaDevice *c, Status status, Introduction *all, KernelError *error) {
  const CudaContext *x = &c->context;
  struct cudaDeviceProp p;
  Introduction me;
  memset(&me, 0, sizeof me); /* gaps too: it travels */
  me.status = status;
  if (me.status == STATUS_OK) me.status = x->need(&c->context, CUDA_LIBRARY_NCCL, error);
  if (me.status == STATUS_OK)
    me.status = cuda_check(x, x->calls->cudaGetDeviceProperties(&p, x->ordinal),
                           "the GPU does not say what it is", error);
  if (me.status == STATUS_OK) me.gpu = p.uuid;
  if (me.status == STATUS_OK && c->ranks->rank == 0)
    me.status = cuda_check_nccl(x, x->calls->ncclGetUniqueId(&me.id), "NCCL does not start", error);
  /* A rank that cannot go on says so: the others must not wait for it. */
  if (ranks_gather(c->ranks, &me, all, sizeof me) != STATUS_OK && me.status == STATUS_OK)
    return cuda_fail(error, STATUS_SYSTEM, "%s", c->ranks->error);
  return me.status;
}

/* The same for all: who finds nothing wrong would wait for the others. */
static Status compare(const CudaDevice *c, const Introduction *all, KernelError *error) {
  for (uint32_t r = 0; r < c->ranks->count; r++)
    if (all[r].status != STATUS_OK)
      return cuda_fail(error, STATUS_SYSTEM, "rank %u cannot use its GPU", r);
  for (uint32_t r = 1; r < c->ranks->count; r++)
    for (uint32_t s = 0; s < r; s++)
      if (memcmp(&all[r].gpu, &all[s].gpu, sizeof all[r].gpu) == 0)
        return cuda_fail(error, STATUS_SYSTEM,
                         "ranks %u and %u have one GPU: each needs its own (--device=cuda:0,1 "
                         "gives the first process of a host GPU 0, the next GPU 1)",
                         s, r);
  return STATUS_OK;
}

Status cuda_ranks_open(CudaDevice *c, Status status, KernelError *error) {
  const CudaContext *x = &c->context;
  if (!c->ranks || c->ranks->count < 2) return status;
  if (c->ranks->count > RANKS_MAX)
    return cuda_fail(error, STATUS_NO_FIT, "more than %d ranks", RANKS_MAX);
  Introduction *all = calloc(c->ranks->count, sizeof *all);
  if (!all) return cuda_fail(error, STATUS_SYSTEM, "out of memory");
  /* First what may fail here alone: from then on the others wait. */
  if (status == STATUS_OK)
    status =
        cuda_check(x, x->calls->cudaEventCreateWithFlags(&c->meet.reached, cudaEventDisableTiming),
                   "an event cannot be made", error);
  status = introduce(c, status, all, error);
  if (status == STATUS_OK) status = compare(c, all, error);
  if (status == STATUS_OK)
    status = cuda_check_nccl(x,
                             x->calls->ncclCommInitRank(&c->meet.comm, (int)c->ranks->count,
                                                        all[0].id, (int)c->ranks->rank),
                             "NCCL does not connect the GPUs", error);
  if (status != STATUS_OK) c->meet.comm = NULL;
  free(all);
  return status;
}

static void part(CudaDevice *c) {
  if (c->meet.comm) c->context.calls->ncclCommAbort(c->meet.comm);
  c->meet.comm = NULL;
}

/* Destroying waits for the others, which wait for this one where it failed. */
void cuda_ranks_close(CudaDevice *c) {
  const CudaCalls *calls = c->context.calls;
  if (c->failed) part(c);
  if (c->meet.comm) calls->ncclCommDestroy(c->meet.comm);
  c->meet.comm = NULL;
  if (c->meet.reached) calls->cudaEventDestroy(c->meet.reached);
  c->meet.reached = NULL;
}

/* ---- collectives ---- */

static ncclResult_t put(const CudaDevice *c, CollectiveKind kind, const CollectivePart *p,
                        cudaStream_t stream) {
  const CudaCalls *calls = c->context.calls;
  if (kind == COLLECTIVE_SUM)
    return calls->ncclAllReduce(p->in, p->out, (size_t)p->count,
                                p->dtype == DTYPE_F64 ? ncclFloat64 : ncclFloat32, ncclSum,
                                c->meet.comm, stream);
  /* Nothing is computed: any type travels as bytes. */
  return calls->ncclAllGather(p->in, p->out, (size_t)p->count * dtype_size(p->dtype), ncclUint8,
                              c->meet.comm, stream);
}

/* Parts that start together.  A group that was begun is ended in any case. */
static ncclResult_t put_group(const CudaDevice *c, CollectiveKind kind, const CollectivePart *parts,
                              uint32_t n, cudaStream_t stream) {
  const CudaCalls *calls = c->context.calls;
  if (n == 1) return put(c, kind, parts, stream);
  ncclResult_t result = calls->ncclGroupStart();
  if (result != ncclSuccess) return result;
  for (uint32_t i = 0; i < n && result == ncclSuccess; i++)
    result = put(c, kind, &parts[i], stream);
  ncclResult_t end = calls->ncclGroupEnd();
  return result == ncclSuccess ? end : result;
}

static Status put_all(CudaDevice *c, const DeviceCollective *call, cudaStream_t stream,
                      DeviceTag tag) {
  for (uint32_t i = 0; i < call->n_parts; i += GROUP_MAX) {
    uint32_t n = call->n_parts - i < GROUP_MAX ? call->n_parts - i : GROUP_MAX;
    ncclResult_t result = put_group(c, call->kind, call->parts + i, n, stream);
    if (result == ncclSuccess) continue;
    c->device.error.tag = tag;
    Status status = cuda_check_nccl(&c->context, result, "NCCL refuses", &c->device.error.what);
    c->failed = true;
    part(c);
    return status;
  }
  return STATUS_OK;
}

/* ---- waiting ---- */

typedef struct Wait {
  cudaStream_t stream;
  double extra; /* seconds besides the ranks' timeout; INFINITY: no rank can be lost here */
  DeviceTag tag;
  const char *where;
} Wait;

/* The run ends, whatever the others do meanwhile. */
static Status somebody_is_lost(CudaDevice *c, const Wait *w, const char *why) {
  const double timeout = c->ranks->timeout;
  char here[RANKS_MAX] = {0}, me = 1;
  part(c);
  c->failed = true;
  if (timeout > ASKING) c->ranks->timeout = ASKING;
  bool all = ranks_gather(c->ranks, &me, here, 1) == STATUS_OK;
  c->ranks->timeout = timeout;
  return device_fail(&c->device, STATUS_SYSTEM, w->tag, "%s%s: %s", why, w->where,
                     all ? "all ranks are there" : c->ranks->error);
}

/* STATUS_SYSTEM: the GPU fails, or *why is what NCCL says. */
static Status ask(CudaDevice *c, bool *out_done, KernelError *why) {
  const CudaCalls *calls = c->context.calls;
  ncclResult_t result = ncclSuccess;
  cudaError_t code = calls->cudaEventQuery(c->meet.reached);
  why->text[0] = 0;
  *out_done = code == cudaSuccess;
  if (code == cudaSuccess) return STATUS_OK;
  if (code != cudaErrorNotReady)
    return cuda_device_check(c, code, "the GPU fails", DEVICE_TAG_NONE);
  ncclResult_t asked = calls->ncclCommGetAsyncError(c->meet.comm, &result);
  if (asked != ncclSuccess) result = asked;
  if (result == ncclSuccess || result == ncclInProgress) return STATUS_OK;
  return cuda_check_nccl(&c->context, result, "NCCL fails", why);
}

/* The time of asking is part of the ranks' timeout, as far as it is longer. */
static double patience(const CudaDevice *c, const Wait *w) {
  const Ranks *r = c->ranks;
  if (r->terminated && *r->terminated && r->timeout > ENDING && !isinf(w->extra)) return ENDING;
  return (r->timeout > 2 * ASKING ? r->timeout - ASKING : r->timeout) + w->extra;
}

static Status wait_until(CudaDevice *c, const Wait *w) {
  const double begin = now();
  bool done = false;
  TRY(cuda_device_check(c, c->context.calls->cudaEventRecord(c->meet.reached, w->stream),
                        "the GPU fails", w->tag));
  for (uint64_t round = 0; !done; round++) {
    KernelError why;
    Status status = ask(c, &done, &why);
    if (status != STATUS_OK && !why.text[0]) return status;
    if (status == STATUS_OK && (done || round < 1000)) continue;
    double seconds = now() - begin;
    if (status == STATUS_OK && seconds > patience(c, w))
      status = cuda_fail(&why, STATUS_SYSTEM, "waited for %.0f s", seconds);
    if (status != STATUS_OK) return somebody_is_lost(c, w, why.text);
    if (seconds < 1e-3)
      sched_yield();
    else
      nanosleep(&(struct timespec){0, 50000}, NULL);
  }
  return STATUS_OK;
}

void cuda_ranks_begin(CudaSequence *s) {
  s->began = now();
}

void cuda_ranks_given(CudaDevice *c, CudaStream *stream, CudaSequence *s, DeviceTag tag) {
  CudaMeet *m = &c->meet;
  stream->met = ++m->given;
  if (!m->pending) {
    m->pending = true;
    m->tag = tag;
    m->allowed = 0;
    m->since = s->began;
  }
  /* Of what ran for the first time all collectives have been waited for. */
  if (!s->pending) m->allowed += s->longest > 0 ? 1.5 * s->longest : INFINITY;
  s->pending = true;
}

static void all_came(CudaDevice *c) {
  double seconds = now() - c->meet.since;
  for (uint32_t i = 0; i < c->n_sequences; i++) {
    CudaSequence *s = &c->sequences[i];
    if (s->pending && seconds > s->longest) s->longest = seconds;
    s->pending = false;
  }
  c->meet.pending = false;
}

Status cuda_ranks_wait(CudaDevice *c, const CudaStream *stream) {
  const CudaMeet *m = &c->meet;
  const Wait w = {stream->stream, m->pending ? m->allowed : INFINITY,
                  m->pending ? m->tag : DEVICE_TAG_NONE, ", here or at a collective behind it"};
  TRY(wait_until(c, &w));
  if (m->pending && stream->met == m->given) all_came(c);
  return STATUS_OK;
}

Status cuda_collective(Device *device, DeviceStream stream, const DeviceCollective *call,
                       DeviceTag tag) {
  CudaDevice *c = (CudaDevice *)device;
  CudaSequence *s = c->current;
  CudaStream *on = &c->streams[stream];
  const bool first = !c->capturing && (!s || s->runs == 0);
  TRY(cuda_device_use(c));
  if (!c->ranks)
    return device_fail(device, STATUS_INVALID, tag, "one process runs a plan of several ranks");
  if (!c->meet.comm) return device_fail(device, STATUS_SYSTEM, tag, "the ranks have parted");
  if (first) TRY(wait_until(c, &(Wait){on->stream, INFINITY, tag, ""}));
  TRY(cuda_time_begin(c, stream, tag));
  TRY(put_all(c, call, on->stream, tag));
  TRY(cuda_time_end(c, stream, tag));
  if (first) TRY(wait_until(c, &(Wait){on->stream, 0, tag, ""}));
  if (!s) return STATUS_OK;
  if (!s->meets) s->meeting = tag;
  s->meets = true;
  if (!first && !c->capturing) cuda_ranks_given(c, on, s, tag);
  return STATUS_OK;
}
