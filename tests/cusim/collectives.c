/* NCCL: communicators, groups and collectives between the devices of one process.
 *
 * A rank's collective is a command of its stream; when all ranks' are the first of their streams
 * they run as one.  Ranks may be called from one host thread, in groups, or from a thread each.
 * For races a rank touches its own memory only: that another rank has come is no wait for what that
 * rank did elsewhere. */
#include "tests/cusim/sim.h"
#include "tests/cusim/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANKS CUSIM_DEVICES

typedef struct Clique Clique;
typedef struct Comm {
  struct Comm *next;
  Clique *of;
  int rank, device;
  bool destroyed, aborted;
  uint32_t given; /* collectives */
  Token last;
} Comm;

struct Meeting {
  Meeting *next;
  uint32_t number;
  int n;
  Work *works[RANKS]; /* held */
  Stream *streams[RANKS];
  pthread_t threads[RANKS];
  bool differs;
};

/* The ranks of one id. */
struct Clique {
  Clique *next;
  uint64_t id;
  int n, here; /* 0: nobody has come */
  Comm *ranks[RANKS];
  Meeting *meetings;
};
static Clique *cliques;
static Comm *comms;
static uint64_t ids;

typedef enum Kind { REDUCE, GATHER, SCATTER } Kind;
typedef struct Collective {
  Comm *comm;
  Kind kind;
  ValueType type;
  ncclRedOp_t op;
  size_t count;
  const void *send;
  void *receive;
  bool grouped;
} Collective;

/* What a thread has put into its group. */
#define GROUP 256
static _Thread_local struct {
  uint64_t simulation;
  uint32_t depth, n, n_cliques;
  Work *works[GROUP];
  Stream *streams[GROUP];
  Clique *cliques[RANKS];
} group;

static void *take(size_t bytes) {
  void *at = calloc(1, bytes);
  if (!at) {
    perror("cusim");
    abort();
  }
  return at;
}

void collectives_find_leaks(void) {
  if (group.simulation == sim.number && group.depth)
    sim_fault(CUDA_CALL_ncclGroupStart, CUSIM_INVALID, "a group was not ended");
  for (Comm *c = comms; c; c = c->next)
    if (!c->destroyed)
      sim_fault(CUDA_CALL_ncclCommInitRank, CUSIM_LEAK, "a communicator was not destroyed");
}

static void meeting_free(Meeting *m) {
  for (int r = 0; r < m->n; r++)
    if (m->works[r]) work_release(m->works[r]);
  free(m);
}

void collectives_close(void) {
  if (group.simulation == sim.number)
    for (uint32_t i = 0; i < group.n; i++) work_release(group.works[i]);
  group.n = group.depth = 0;
  for (Clique *q = cliques, *next; q; q = next) {
    next = q->next;
    for (Meeting *m = q->meetings, *after; m; m = after) {
      after = m->next;
      meeting_free(m);
    }
    free(q);
  }
  for (Comm *c = comms, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  cliques = NULL;
  comms = NULL;
}

#define REFUSE(call, rule, status, ...) (sim_fault(call, CUSIM_##rule, __VA_ARGS__), status)

/* ---- communicators ---- */

ncclResult_t sim_ncclGetVersion(int *version) {
  SIM_BEGIN(ncclGetVersion, ncclResult_t);
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

const char *sim_ncclGetErrorString(ncclResult_t result) {
  static const char *const names[] = {"no error",       "unhandled cuda error", "system error",
                                      "internal error", "invalid argument",     "invalid usage",
                                      "remote error",   "in progress"};
  SIM_ENTER(ncclGetErrorString);
  return (size_t)result < sizeof names / sizeof *names ? names[result] : "unknown result";
}

ncclResult_t sim_ncclGetUniqueId(ncclUniqueId *out) {
  SIM_BEGIN(ncclGetUniqueId, ncclResult_t);
  Clique *q = take(sizeof *q);
  *q = (Clique){.next = cliques, .id = ++ids};
  cliques = q;
  *out = (ncclUniqueId){{0}};
  memcpy(out->internal, &q->id, sizeof q->id);
  return ncclSuccess;
}

static ncclResult_t wait_for_ranks(CudaCall call, Clique *q) {
  while (q->here < q->n)
    if (!sim_block())
      return REFUSE(call, DEADLOCK, ncclSystemError, "%d of %d ranks have come", q->here, q->n);
  return ncclSuccess;
}

ncclResult_t sim_ncclCommInitRank(ncclComm_t *out, int n, ncclUniqueId id, int rank) {
  SIM_BEGIN(ncclCommInitRank, ncclResult_t);
  const CudaCall call = CUDA_CALL_ncclCommInitRank;
  uint64_t number;
  memcpy(&number, id.internal, sizeof number);
  Clique *q = cliques;
  while (q && q->id != number) q = q->next;
  if (!q) return REFUSE(call, HANDLE, ncclInvalidArgument, "no id that ncclGetUniqueId gave");
  if (n < 1 || n > RANKS || rank < 0 || rank >= n)
    return REFUSE(call, INVALID, ncclInvalidArgument, "rank %d of %d", rank, n);
  if (capture_interrupt())
    return REFUSE(call, CAPTURE_UNSAFE, ncclInvalidUsage, "called while a stream is captured");
  if (q->n && (q->n != n || q->ranks[rank]))
    return REFUSE(call, COLLECTIVE_DIFFERS, ncclInvalidArgument,
                  "rank %d of %d, where %d were said%s", rank, n, q->n,
                  q->ranks[rank] ? ", and this one has come" : "");
  for (int r = 0; r < n; r++)
    if (q->ranks[r] && q->ranks[r]->device == caller.device)
      return REFUSE(call, CURRENT_DEVICE, ncclInvalidUsage, "ranks %d and %d are both on device %d",
                    r, rank, caller.device);
  Comm *c = take(sizeof *c);
  *c = (Comm){.next = comms, .of = q, .rank = rank, .device = caller.device};
  comms = q->ranks[rank] = c;
  q->n = n;
  q->here++;
  *out = (ncclComm_t)(void *)c;
  sim_changed();
  if (group.simulation != sim.number || !group.depth) return wait_for_ranks(call, q);
  if (group.n_cliques < RANKS) group.cliques[group.n_cliques++] = q;
  return ncclSuccess;
}

static Comm *find(CudaCall call, const void *handle) {
  for (Comm *c = comms; c; c = c->next)
    if ((void *)c == handle && !c->destroyed && c->of->here == c->of->n) return c;
  sim_fault(call, CUSIM_HANDLE, "%p is no communicator, or not yet, or no longer", handle);
  return NULL;
}

ncclResult_t sim_ncclCommDestroy(ncclComm_t handle) {
  SIM_BEGIN(ncclCommDestroy, ncclResult_t);
  Comm *c = find(CUDA_CALL_ncclCommDestroy, handle);
  if (!c) return ncclInvalidArgument;
  if (c->given && c->last.number > sim.host.of[c->last.stream->thread])
    sim_fault(CUDA_CALL_ncclCommDestroy, CUSIM_BUSY, "nobody waited for its last collective");
  c->destroyed = true;
  return ncclSuccess;
}

/* Its collectives end without a result. */
ncclResult_t sim_ncclCommAbort(ncclComm_t handle) {
  SIM_BEGIN(ncclCommAbort, ncclResult_t);
  Comm *c = find(CUDA_CALL_ncclCommAbort, handle);
  if (!c) return ncclInvalidArgument;
  c->aborted = c->destroyed = true;
  sim_changed();
  return ncclSuccess;
}

ncclResult_t sim_ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t *out) {
  SIM_BEGIN(ncclCommGetAsyncError, ncclResult_t);
  Comm *c = find(CUDA_CALL_ncclCommGetAsyncError, handle);
  if (!c) return ncclInvalidArgument;
  *out = ncclSuccess;
  for (int r = 0; r < c->of->n; r++)
    if (c->of->ranks[r]->aborted) *out = ncclRemoteError;
  return ncclSuccess;
}

/* ---- groups ---- */

ncclResult_t sim_ncclGroupStart(void) {
  SIM_BEGIN(ncclGroupStart, ncclResult_t);
  if (group.simulation != sim.number) {
    group.simulation = sim.number;
    group.depth = group.n = group.n_cliques = 0;
  }
  group.depth++;
  return ncclSuccess;
}

ncclResult_t sim_ncclGroupEnd(void) {
  const CudaCall call = CUDA_CALL_ncclGroupEnd;
  int early __attribute__((cleanup(sim_leave)));
  ncclResult_t result = ncclSuccess;
  if (sim_enter(call, &early)) { /* the group is over, and nothing was put */
    for (uint32_t i = 0; i < group.n; i++) work_release(group.works[i]);
    group.n = group.n_cliques = group.depth = 0;
    return (ncclResult_t)early;
  }
  if (group.simulation != sim.number || !group.depth)
    return REFUSE(call, INVALID, ncclInvalidUsage, "no group was begun");
  if (--group.depth) return ncclSuccess;
  for (uint32_t i = 0; i < group.n_cliques && !result; i++)
    result = wait_for_ranks(call, group.cliques[i]);
  for (uint32_t i = 0; i < group.n; i++)
    if (stream_put(group.streams[i], group.works[i]) && !result) result = ncclUnhandledCudaError;
  group.n = group.n_cliques = 0;
  return result;
}

/* ---- collectives ---- */

/* Elements that are sent and received. */
static size_t sent(const Collective *c) {
  return c->count * (c->kind == SCATTER ? (size_t)c->comm->of->n : 1);
}
static size_t received(const Collective *c) {
  return c->count * (c->kind == GATHER ? (size_t)c->comm->of->n : 1);
}

/* Where the operand may lie in the result or the other way round. */
static bool in_place(const Collective *c) {
  size_t part = (size_t)c->comm->rank * c->count * value_size(c->type);
  const char *send = c->send, *receive = c->receive;
  if (c->kind == GATHER) return send == receive + part;
  return receive == send + (c->kind == SCATTER ? part : 0);
}

static ncclResult_t put(CudaCall call, Collective c, ncclComm_t handle, cudaStream_t on) {
  cudaError_t error;
  Access a[2];
  c.comm = find(call, handle);
  if (!c.comm) return ncclInvalidArgument;
  Stream *s = stream_find(call, on, &error);
  if (!s) return ncclInvalidArgument;
  if (s->device != c.comm->device)
    return REFUSE(call, CURRENT_DEVICE, ncclInvalidArgument,
                  "a stream of device %d for a rank on device %d", s->device, c.comm->device);
  if (c.op != ncclSum && c.op != ncclMax && c.op != ncclMin)
    return REFUSE(call, NOT_MODELLED, ncclInvalidArgument, "operation %d is not modelled",
                  (int)c.op);
  size_t size = value_size(c.type);
  c.grouped = group.simulation == sim.number && group.depth;
  if (c.count == 0)
    return REFUSE(call, NOT_MODELLED, ncclInvalidArgument, "no elements are not modelled");
  if (!access_find(call, s->device, c.send, sent(&c) * size, &a[0]) ||
      !access_find(call, s->device, c.receive, received(&c) * size, &a[1]))
    return ncclInvalidArgument;
  a[0].read = a[1].write = true;
  if (a[0].block == a[1].block && a[0].from < a[1].to && a[1].from < a[0].to && !in_place(&c))
    return REFUSE(call, OVERLAP, ncclInvalidArgument, "operand and result overlap");
  Work *w = work_create(call, a, 2, NULL, &c, sizeof c);
  w->collective = true;
  if (!c.grouped) return stream_put(s, w) ? ncclUnhandledCudaError : ncclSuccess;
  if (group.n == GROUP) {
    work_release(w);
    return REFUSE(call, NOT_MODELLED, ncclInvalidUsage, "more than %d calls in a group", GROUP);
  }
  group.works[group.n] = w;
  group.streams[group.n++] = s;
  return ncclSuccess;
}

static bool type_of(CudaCall call, ncclDataType_t type, ValueType *out) {
  switch (type) {
  case ncclFloat16:
    *out = VALUE_F16;
    return true;
  case ncclBfloat16:
    *out = VALUE_BF16;
    return true;
  case ncclFloat32:
    *out = VALUE_F32;
    return true;
  case ncclFloat64:
    *out = VALUE_F64;
    return true;
  case ncclInt32:
    *out = VALUE_I32;
    return true;
  case ncclUint8:
    *out = VALUE_U8;
    return true;
  default:
    sim_fault(call, CUSIM_NOT_MODELLED, "type %d is not modelled", (int)type);
    return false;
  }
}

ncclResult_t sim_ncclAllReduce(const void *send, void *receive, size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  SIM_BEGIN(ncclAllReduce, ncclResult_t);
  Collective c = {.kind = REDUCE, .count = count, .op = op, .send = send, .receive = receive};
  if (!type_of(CUDA_CALL_ncclAllReduce, type, &c.type)) return ncclInvalidArgument;
  return put(CUDA_CALL_ncclAllReduce, c, comm, stream);
}

ncclResult_t sim_ncclAllGather(const void *send, void *receive, size_t count, ncclDataType_t type,
                               ncclComm_t comm, cudaStream_t stream) {
  SIM_BEGIN(ncclAllGather, ncclResult_t);
  Collective c = {.kind = GATHER, .count = count, .op = ncclSum, .send = send, .receive = receive};
  if (!type_of(CUDA_CALL_ncclAllGather, type, &c.type)) return ncclInvalidArgument;
  return put(CUDA_CALL_ncclAllGather, c, comm, stream);
}

ncclResult_t sim_ncclReduceScatter(const void *send, void *receive, size_t count,
                                   ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                                   cudaStream_t stream) {
  SIM_BEGIN(ncclReduceScatter, ncclResult_t);
  Collective c = {.kind = SCATTER, .count = count, .op = op, .send = send, .receive = receive};
  if (!type_of(CUDA_CALL_ncclReduceScatter, type, &c.type)) return ncclInvalidArgument;
  return put(CUDA_CALL_ncclReduceScatter, c, comm, stream);
}

/* ---- meetings ---- */

static Meeting *meeting_of(Clique *q, uint32_t number) {
  for (Meeting *m = q->meetings; m; m = m->next)
    if (m->number == number) return m;
  Meeting *m = take(sizeof *m);
  *m = (Meeting){.next = q->meetings, .number = number, .n = q->n};
  return q->meetings = m;
}

static const Collective *collective_of(const Work *w) {
  return w->payload;
}

static void compare(Meeting *m, const Work *mine, int r) {
  const Collective *a = collective_of(m->works[r]), *b = collective_of(mine);
  if (a->kind != b->kind || a->count != b->count || a->type != b->type || a->op != b->op) {
    sim_fault(mine->call, CUSIM_COLLECTIVE_DIFFERS,
              "collective %u: rank %d calls %s of %zu elements, rank %d %s of %zu", m->number,
              a->comm->rank, cusim_call_name(m->works[r]->call), a->count, b->comm->rank,
              cusim_call_name(mine->call), b->count);
    m->differs = true;
  }
  if (!a->grouped && !b->grouped && pthread_equal(m->threads[r], pthread_self()))
    sim_fault(mine->call, CUSIM_COLLECTIVE_UNGROUPED,
              "ranks %d and %d are called from one thread, outside a group", a->comm->rank,
              b->comm->rank);
}

Meeting *meeting_arrive(Work *w, Stream *s) {
  Comm *c = collective_of(w)->comm;
  Meeting *m = meeting_of(c->of, c->given++);
  for (int r = 0; r < m->n; r++)
    if (m->works[r]) {
      compare(m, w, r);
      break;
    }
  w->refs++;
  m->works[c->rank] = w;
  m->streams[c->rank] = s;
  m->threads[c->rank] = pthread_self();
  c->last = stream_token(s);
  c->last.number++; /* the command that is being given */
  return m;
}

static bool is_first(const Meeting *m, int r) {
  return m->streams[r] && m->streams[r]->first && m->streams[r]->first->meeting == m;
}

static bool aborted(const Meeting *m, const Stream *s) {
  for (int r = 0; r < m->n; r++)
    if (m->streams[r] == s) return collective_of(m->works[r])->comm->aborted;
  return false;
}

bool meeting_ready(const Meeting *m, const Stream *s) {
  if (aborted(m, s)) return true;
  for (int r = 0; r < m->n; r++)
    if (!is_first(m, r) || collective_of(m->works[r])->comm->aborted) return false;
  return true;
}

Stream *meeting_blocker(const Meeting *m) {
  for (int r = 0; r < m->n; r++)
    if (m->streams[r] && !is_first(m, r)) return m->streams[r];
  return NULL;
}

static double combine(ncclRedOp_t op, double a, double b) {
  return op == ncclSum ? a + b : op == ncclMax ? (a > b ? a : b) : (a < b ? a : b);
}

/* Rounded after each rank; which is the first differs from part to part, as in a ring. */
static double reduce(const Meeting *m, const Collective *c, size_t index, size_t of) {
  size_t n = (size_t)m->n, first = index * n / of;
  double sum = 0;
  for (size_t k = 0; k < n; k++) {
    const Collective *other = collective_of(m->works[(first + k) % n]);
    double value = value_load(other->send, c->type, index), rounded[1];
    value_store(rounded, c->type, 0, k ? combine(c->op, sum, value) : value);
    sum = value_load(rounded, c->type, 0);
  }
  return sum;
}

/* Element by element, so that results may take the operands' places. */
static cudaError_t run_meeting(void *payload) {
  const Meeting *m = payload;
  const Collective *c = collective_of(m->works[0]);
  size_t n = (size_t)m->n, total = c->kind == REDUCE ? c->count : c->count * n;
  for (size_t i = 0; i < total; i++) {
    size_t owner = i / c->count;
    double value = c->kind == GATHER
                       ? value_load(collective_of(m->works[owner])->send, c->type, i % c->count)
                       : reduce(m, c, i, total);
    for (size_t r = 0; r < n; r++) {
      const Collective *to = collective_of(m->works[r]);
      if (c->kind != SCATTER)
        value_store(to->receive, c->type, i, value);
      else if (r == owner)
        value_store(to->receive, c->type, i % c->count, value);
    }
  }
  return cudaSuccess;
}

cudaError_t meeting_run(Meeting *m, Stream *s) {
  if (aborted(m, s)) {
    stream_drop(s);
    return cudaSuccess;
  }
  Access all[2 * RANKS];
  uint32_t n = 0;
  for (int r = 0; r < m->n; r++)
    for (uint32_t i = 0; i < m->works[r]->n; i++) all[n++] = m->works[r]->accesses[i];
  cudaError_t error = cudaSuccess;
  if (!m->differs) error = memory_run(m->works[0]->call, all, n, run_meeting, m);
  for (int r = 0; r < m->n; r++) stream_drop(m->streams[r]);
  Meeting **link = &collective_of(m->works[0])->comm->of->meetings;
  while (*link != m) link = &(*link)->next;
  *link = m->next;
  meeting_free(m);
  return error;
}
