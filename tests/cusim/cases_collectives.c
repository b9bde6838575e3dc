/* Collectives of two ranks, on two devices, from one thread. */
#include "tests/cusim/cases.h"

/* Rank 0 has the bench's stream s and its x and z. */
typedef struct Pair {
  ncclComm_t comm[2];
  cudaStream_t s[2];
  float *send[2], *receive[2];
} Pair;

static void meet(Bench *b, ncclComm_t comm[2]) {
  ncclUniqueId id;
  OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) {
    OK(b, b->cu->cudaSetDevice(r));
    OK(b, b->cu->ncclCommInitRank(&comm[r], 2, id, r));
  }
  OK(b, b->cu->ncclGroupEnd());
  OK(b, b->cu->cudaSetDevice(0));
}

static Pair make(Bench *b) {
  Pair p = {.s = {b->s}, .send = {b->x}, .receive = {b->z}};
  meet(b, p.comm);
  OK(b, b->cu->cudaSetDevice(1));
  OK(b, b->cu->cudaStreamCreateWithFlags(&p.s[1], cudaStreamNonBlocking));
  OK(b, b->cu->cudaMalloc((void **)&p.send[1], BYTES));
  OK(b, b->cu->cudaMalloc((void **)&p.receive[1], BYTES));
  OK(b, b->cu->cudaMemcpyAsync(p.send[1], b->h, BYTES, cudaMemcpyHostToDevice, p.s[1]));
  OK(b, b->cu->cudaStreamSynchronize(p.s[1]));
  OK(b, b->cu->cudaSetDevice(0));
  return p;
}

static void drop(Bench *b, Pair *p) {
  for (int r = 0; r < 2; r++) {
    OK(b, b->cu->cudaStreamSynchronize(p->s[r]));
    if (p->comm[r]) OK(b, b->cu->ncclCommDestroy(p->comm[r]));
  }
  OK(b, b->cu->cudaFree(p->send[1]));
  OK(b, b->cu->cudaFree(p->receive[1]));
  OK(b, b->cu->cudaStreamDestroy(p->s[1]));
}

static void sum(Bench *b, const Pair *p, int r, size_t n) {
  OK(b,
     b->cu->ncclAllReduce(p->send[r], p->receive[r], n, ncclFloat32, ncclSum, p->comm[r], p->s[r]));
}

static void sum_both(Bench *b, const Pair *p) {
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) sum(b, p, r, N);
  OK(b, b->cu->ncclGroupEnd());
}

static void ungrouped(Bench *b) {
  Pair p = make(b);
  if (!b->wrong) OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) sum(b, &p, r, N);
  if (!b->wrong) OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void counts_differ(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) sum(b, &p, r, b->wrong && r ? N - 1 : N);
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void operations_differ(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++)
    OK(b, b->cu->ncclAllReduce(p.send[r], p.receive[r], N, ncclFloat32,
                               b->wrong && r ? ncclMin : ncclMax, p.comm[r], p.s[r]));
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void types_differ(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++)
    OK(b, b->cu->ncclAllReduce(p.send[r], p.receive[r], N, b->wrong && r ? ncclInt32 : ncclFloat32,
                               ncclSum, p.comm[r], p.s[r]));
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

/* Rank 0 sums and gathers, rank 1 gathers and sums. */
static void order_differs(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) {
    bool first = !(b->wrong && r);
    if (first) sum(b, &p, r, N / 2);
    OK(b, b->cu->ncclAllGather(p.send[r], p.receive[r], N / 2, ncclFloat32, p.comm[r], p.s[r]));
    if (!first) sum(b, &p, r, N / 2);
  }
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

/* Two communicators, whose collectives the ranks put on their streams in different orders. */
static void order_crosses(Bench *b) {
  Pair p = make(b), q = p;
  meet(b, q.comm);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) {
    bool other = b->wrong && r;
    sum(b, other ? &q : &p, r, N);
    sum(b, other ? &p : &q, r, N);
  }
  OK(b, b->cu->ncclGroupEnd());
  for (int r = 0; r < 2; r++) OK(b, b->cu->cudaStreamSynchronize(p.s[r]));
  for (int r = 0; r < 2; r++) OK(b, b->cu->ncclCommDestroy(q.comm[r]));
  drop(b, &p);
}

static void rank_stays_away(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2 - b->wrong; r++) sum(b, &p, r, N);
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void rank_never_comes(Bench *b) {
  ncclUniqueId id;
  ncclComm_t comm = NULL;
  OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclCommInitRank(&comm, b->wrong ? 2 : 1, id, 0));
  if (!b->wrong) OK(b, b->cu->ncclCommDestroy(comm));
}

static void rank_comes_twice(Bench *b) {
  ncclUniqueId id;
  ncclComm_t comm[2];
  OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) {
    OK(b, b->cu->cudaSetDevice(r));
    OK(b, b->cu->ncclCommInitRank(&comm[r], 2, id, b->wrong ? 0 : r));
  }
  if (!b->wrong) OK(b, b->cu->ncclGroupEnd());
  OK(b, b->cu->cudaSetDevice(0));
  for (int r = 0; r < 2 && !b->wrong; r++) OK(b, b->cu->ncclCommDestroy(comm[r]));
}

static void ranks_on_one_device(Bench *b) {
  ncclUniqueId id;
  ncclComm_t comm[2];
  OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) {
    OK(b, b->cu->cudaSetDevice(b->wrong ? 0 : r));
    OK(b, b->cu->ncclCommInitRank(&comm[r], 2, id, r));
  }
  if (!b->wrong) OK(b, b->cu->ncclGroupEnd());
  OK(b, b->cu->cudaSetDevice(0));
  for (int r = 0; r < 2 && !b->wrong; r++) OK(b, b->cu->ncclCommDestroy(comm[r]));
}

static void stream_of_other_rank(Bench *b) {
  Pair p = make(b), q = p;
  if (b->wrong) q.s[0] = p.s[1];
  sum_both(b, &q);
  drop(b, &p);
}

static void memory_of_other_rank(Bench *b) {
  Pair p = make(b), q = p;
  if (b->wrong) q.receive[0] = p.receive[1];
  sum_both(b, &q);
  drop(b, &p);
}

static void result_too_long(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++)
    OK(b, b->cu->ncclAllGather(p.send[r], p.receive[r], N / 2 + b->wrong, ncclFloat32, p.comm[r],
                               p.s[r]));
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void operand_too_long(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++)
    OK(b, b->cu->ncclReduceScatter(p.send[r], p.receive[r], N / 2 + b->wrong, ncclFloat32, ncclSum,
                                   p.comm[r], p.s[r]));
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

/* Half of a rank's result may be its operand: the half that is its own. */
static void overlaps(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++)
    OK(b, b->cu->ncclAllGather(p.send[r] + (b->wrong ? 0 : r * N / 2), p.send[r], N / 2,
                               ncclFloat32, p.comm[r], p.s[r]));
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void no_wait_before(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->cudaMemsetAsync(b->x, 0, BYTES, b->t));
  if (!b->wrong) bench_wait(b, b->s, b->t);
  sum_both(b, &p);
  drop(b, &p);
}

static void no_wait_after(Bench *b) {
  Pair p = make(b);
  sum_both(b, &p);
  if (!b->wrong) bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->z, b->y, 2, N);
  OK(b, b->cu->cudaStreamSynchronize(b->t));
  drop(b, &p);
}

static void operand_unwritten(Bench *b) {
  Pair p = make(b), q = p;
  if (b->wrong) q.send[0] = b->y;
  sum_both(b, &q);
  drop(b, &p);
}

static void destroyed_busy(Bench *b) {
  Pair p = make(b);
  sum_both(b, &p);
  for (int r = 0; r < 2; r++) {
    if (!b->wrong) OK(b, b->cu->cudaStreamSynchronize(p.s[r]));
    OK(b, b->cu->ncclCommDestroy(p.comm[r]));
    p.comm[r] = NULL;
  }
  drop(b, &p);
}

static void leaks(Bench *b) {
  Pair p = make(b);
  if (b->wrong) p.comm[1] = NULL;
  drop(b, &p);
}

static void used_after_end(Bench *b) {
  Pair p = make(b);
  ncclResult_t result;
  if (b->wrong) OK(b, b->cu->ncclCommDestroy(p.comm[0]));
  OK(b, b->cu->ncclCommGetAsyncError(p.comm[0], &result));
  drop(b, &p);
}

static void used_too_early(Bench *b) {
  ncclUniqueId id;
  ncclComm_t comm[2];
  ncclResult_t result;
  OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++) {
    OK(b, b->cu->cudaSetDevice(r));
    OK(b, b->cu->ncclCommInitRank(&comm[r], 2, id, r));
    if (b->wrong && !r) OK(b, b->cu->ncclCommGetAsyncError(comm[r], &result));
  }
  OK(b, b->cu->ncclGroupEnd());
  OK(b, b->cu->cudaSetDevice(0));
  for (int r = 0; r < 2; r++) OK(b, b->cu->ncclCommDestroy(comm[r]));
}

static void id_from_nowhere(Bench *b) {
  ncclUniqueId id = {{0}};
  ncclComm_t comm = NULL;
  if (!b->wrong) OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclCommInitRank(&comm, 1, id, 0));
  if (comm) OK(b, b->cu->ncclCommDestroy(comm));
}

static void operation_unknown(Bench *b) {
  Pair p = make(b);
  OK(b, b->cu->ncclGroupStart());
  for (int r = 0; r < 2; r++)
    OK(b, b->cu->ncclAllReduce(p.send[r], p.receive[r], N, ncclFloat32,
                               b->wrong ? ncclAvg : ncclSum, p.comm[r], p.s[r]));
  OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void group_ends_twice(Bench *b) {
  Pair p = make(b);
  sum_both(b, &p);
  if (b->wrong) OK(b, b->cu->ncclGroupEnd());
  drop(b, &p);
}

static void group_stays_open(Bench *b) {
  OK(b, b->cu->ncclGroupStart());
  if (!b->wrong) OK(b, b->cu->ncclGroupEnd());
}

const Case cases_collectives[] = {
    {CUSIM_COLLECTIVE_UNGROUPED, "two ranks of one thread, no group", ungrouped},
    {CUSIM_COLLECTIVE_DIFFERS, "counts", counts_differ},
    {CUSIM_COLLECTIVE_DIFFERS, "operations", operations_differ},
    {CUSIM_COLLECTIVE_DIFFERS, "types", types_differ},
    {CUSIM_COLLECTIVE_DIFFERS, "the order of two collectives", order_differs},
    {CUSIM_COLLECTIVE_DIFFERS, "a rank comes twice", rank_comes_twice},
    {CUSIM_DEADLOCK, "two communicators in crossed orders", order_crosses},
    {CUSIM_DEADLOCK, "a rank does not call", rank_stays_away},
    {CUSIM_DEADLOCK, "a rank does not come", rank_never_comes},
    {CUSIM_CURRENT_DEVICE, "two ranks on one device", ranks_on_one_device},
    {CUSIM_CURRENT_DEVICE, "the stream of another rank", stream_of_other_rank},
    {CUSIM_WRONG_DEVICE, "the memory of another rank", memory_of_other_rank},
    {CUSIM_BOUNDS, "a gathered result, an element too long", result_too_long},
    {CUSIM_BOUNDS, "an operand to scatter, an element too long", operand_too_long},
    {CUSIM_OVERLAP, "an operand in another rank's part of the result", overlaps},
    {CUSIM_READ_AFTER_WRITE, "no wait before a collective", no_wait_before},
    {CUSIM_READ_AFTER_WRITE, "no wait for a collective", no_wait_after},
    {CUSIM_UNDEFINED, "an operand that nobody wrote", operand_unwritten},
    {CUSIM_BUSY, "a communicator destroyed before its collective ran", destroyed_busy},
    {CUSIM_LEAK, "a communicator", leaks},
    {CUSIM_HANDLE, "a communicator after its end", used_after_end},
    {CUSIM_HANDLE, "a communicator before all ranks are there", used_too_early},
    {CUSIM_HANDLE, "an id that nobody gave", id_from_nowhere},
    {CUSIM_NOT_MODELLED, "an operation that is not modelled", operation_unknown},
    {CUSIM_INVALID, "a group that ends twice", group_ends_twice},
    {CUSIM_INVALID, "a group that stays open", group_stays_open},
};
const uint32_t n_cases_collectives = sizeof cases_collectives / sizeof *cases_collectives;
