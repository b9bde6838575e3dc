/* Ranks with a simulated GPU each, which are threads of this process: sums and gathers, captured
 * and not, and ranks that fail or do not come. */
#include "tests/cuda/cuda_lab.h"
#include "tests/support.h"

#include <pthread.h>
#include <time.h>

/* ---- ranks that wait for each other as long as they say ---- */

#define RANKS 4
typedef struct Meeting {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint32_t here, count; /* a bit each; how many there are */
  uint64_t round;
  char held[RANKS][512]; /* what each has brought; it may leave before the others have looked */
} Meeting;
typedef struct Rank {
  Ranks ranks;
  Meeting *meeting;
} Rank;

static Status meet(Rank *r) {
  Meeting *m = r->meeting;
  struct timespec until;
  Status status = STATUS_OK;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += (long)(r->ranks.timeout * 1e9) % 1000000000;
  until.tv_sec += (time_t)r->ranks.timeout + until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_mutex_lock(&m->lock);
  uint64_t round = m->round;
  m->here |= 1u << r->ranks.rank;
  if (m->here == (1u << m->count) - 1) {
    m->here = 0;
    m->round++;
    pthread_cond_broadcast(&m->changed);
  }
  while (m->round == round && status == STATUS_OK)
    if (pthread_cond_timedwait(&m->changed, &m->lock, &until) != 0) status = STATUS_SYSTEM;
  if (m->round == round) {
    uint32_t missing = 0;
    while (m->here >> missing & 1) missing++;
    snprintf(r->ranks.error, sizeof r->ranks.error, "rank %u did not come", missing);
  }
  pthread_mutex_unlock(&m->lock);
  return status;
}

static Status gather(Ranks *ranks, void *value, RankBlocks blocks) {
  Rank *r = (Rank *)ranks;
  Meeting *m = r->meeting;
  size_t bytes, first = rank_block(blocks, ranks->rank, &bytes);
  CU_ASSERT_FATAL(bytes <= sizeof m->held[0]);
  pthread_mutex_lock(&m->lock);
  memcpy(m->held[ranks->rank], (char *)value + first, bytes);
  pthread_mutex_unlock(&m->lock);
  TRY(meet(r));
  pthread_mutex_lock(&m->lock);
  for (uint32_t i = 0; i < ranks->count; i++) {
    first = rank_block(blocks, i, &bytes);
    memcpy((char *)value + first, m->held[i], bytes);
  }
  pthread_mutex_unlock(&m->lock);
  return meet(r);
}

static const RanksTable table = {.gather = gather};

/* ---- a run ---- */

#define PARTS 3
#define COUNT 700
enum { TAG_SUM = 11, TAG_GATHER = 12 };

typedef struct Run Run;
struct Run {
  Rank rank;
  uint32_t place;  /* the GPU that it takes */
  uint32_t rounds; /* how often the sequence runs; from the third on it is replayed */
  uint32_t leaves; /* before this round, counted from 1; 0: it stays */
  double timeout;  /* seconds; 0: 1.5 */
  DType types[PARTS];
  bool gathers, eager;
  const volatile sig_atomic_t *terminated;
  char *result; /* of the last round: parts of COUNT elements, of all ranks in a gather */
  size_t bytes;
  Status status;
  DeviceTag tag;
  double seconds; /* of the wait that ended it */
  char error[256];
};

/* What rank r holds in its place; small whole numbers, or any bits where nothing is added. */
static void fill(const Run *r, uint32_t rank, int part, char *to) {
  for (int i = 0; i < COUNT; i++) {
    int value = (i * 7 + part * 5 + (int)rank * 3) % 11 - 5;
    if (r->gathers) {
      memset(to + (size_t)i * dtype_size(r->types[part]), value * 23 + i,
             dtype_size(r->types[part]));
    } else if (r->types[part] == DTYPE_F64) {
      ((double *)(void *)to)[i] = value;
    } else {
      ((float *)(void *)to)[i] = (float)value;
    }
  }
}

static size_t part_bytes(const Run *r, int part) {
  return COUNT * dtype_size(r->types[part]);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The parts as one collective, then the first of them again on another stream that waits. */
static Status give(Device *d, const DeviceCollective *all) {
  const DeviceTable *t = d->table;
  const DeviceCollective one = {.kind = all->kind, .parts = all->parts, .n_parts = 1};
  DeviceTag tag = all->kind == COLLECTIVE_SUM ? TAG_SUM : TAG_GATHER;
  TRY(t->collective(d, STREAM_STEPS, all, tag));
  TRY(t->record(d, STREAM_STEPS, EVENT_PROGRAM, tag));
  TRY(t->wait(d, STREAM_STEPS + 1, EVENT_PROGRAM, tag));
  TRY(t->collective(d, STREAM_STEPS + 1, &one, tag + 10));
  TRY(t->record(d, STREAM_STEPS + 1, EVENT_PROGRAM + 1, tag));
  return t->wait(d, STREAM_STEPS, EVENT_PROGRAM + 1, tag);
}

static Status one_round(Device *d, Run *r, const DeviceCollective *all, CudaLabValue *out) {
  const DeviceTable *t = d->table;
  bool done;
  TRY(t->sequence_begin(d, STREAM_STEPS, 0, &done));
  Status status = done ? STATUS_OK : give(d, all);
  TRY(t->sequence_end(d, STREAM_STEPS, 0, status == STATUS_OK));
  TRY(status);
  TRY(t->record(d, STREAM_STEPS, EVENT_STEPS, 0));
  TRY(t->wait(d, STREAM_COPIES, EVENT_STEPS, 0));
  for (int p = 0; p < PARTS; p++)
    TRY(t->copy_out(d, STREAM_COPIES, &(DeviceCopy){out[p].host, out[p].device, out[p].bytes}, 1,
                    0));
  double begin = now();
  status = t->synchronise(d, STREAM_COPIES);
  r->seconds = now() - begin;
  return status;
}

static Status exchange(Device *d, Run *r, CudaLabValue *in, CudaLabValue *out) {
  CollectivePart parts[PARTS];
  char *values = malloc(COUNT * 8);
  Status status = STATUS_OK;
  for (int p = 0; p < PARTS && status == STATUS_OK; p++) {
    size_t bytes = part_bytes(r, p);
    fill(r, r->rank.ranks.rank, p, values);
    status = cuda_lab_value(d, &in[p], bytes, values);
    if (status == STATUS_OK)
      status = cuda_lab_value(d, &out[p], bytes * (r->gathers ? r->rank.ranks.count : 1), NULL);
    parts[p] = (CollectivePart){r->types[p], COUNT, in[p].device, out[p].device};
  }
  free(values);
  DeviceCollective all = {
      .kind = r->gathers ? COLLECTIVE_GATHER : COLLECTIVE_SUM, .parts = parts, .n_parts = PARTS};
  for (uint32_t i = 0; i < r->rounds && status == STATUS_OK; i++) {
    if (i + 1 == r->leaves) break;
    status = one_round(d, r, &all, out);
  }
  for (int p = 0; p < PARTS && status == STATUS_OK; p++) {
    r->result = realloc(r->result, r->bytes + out[p].bytes);
    memcpy(r->result + r->bytes, out[p].host, out[p].bytes);
    r->bytes += out[p].bytes;
  }
  return status;
}

static void *run_rank(void *context) {
  Run *r = context;
  Device *d = NULL;
  Diag *diag = diag_create();
  CudaLabValue in[PARTS] = {{0}}, out[PARTS] = {{0}};
  DeviceOptions options = {.threads = 1,
                           .streams = 3,
                           .events = EVENT_PROGRAM + 2,
                           .ranks = &r->rank.ranks,
                           .wishes = {.place = r->place, .no_graph = r->eager}};
  r->rank.ranks.terminated = r->terminated;
  r->status = device_cuda.open(&options, diag, &d);
  if (r->status != STATUS_OK)
    snprintf(r->error, sizeof r->error, "%.250s", diag_entry(diag, 0)->text);
  CU_ASSERT_EQUAL(diag_entry(diag, 0) != NULL, r->status != STATUS_OK);
  CU_ASSERT_PTR_NULL(diag_entry(diag, 1));
  if (r->status == STATUS_OK) {
    r->status = exchange(d, r, in, out);
    r->tag = d->error.tag;
    if (r->status != STATUS_OK) snprintf(r->error, sizeof r->error, "%.250s", d->error.what.text);
    for (DeviceStream s = 0; s < options.streams; s++) d->table->synchronise(d, s);
    for (int p = 0; p < PARTS; p++) {
      d->table->release(d, in[p].device);
      d->table->release(d, out[p].device);
      d->table->host_release(d, in[p].host);
      d->table->host_release(d, out[p].host);
    }
    d->table->close(d);
  }
  diag_destroy(diag);
  return NULL;
}

/* Threads for all ranks, which begin as `like`. */
static void run_all(Run *runs, uint32_t n, const Run *like) {
  static Meeting meeting;
  pthread_t threads[RANKS];
  meeting =
      (Meeting){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .count = n};
  for (uint32_t i = 0; i < n; i++) {
    if (like) runs[i] = *like;
    runs[i].rank = (Rank){{.table = &table,
                           .rank = i,
                           .count = n,
                           .timeout = runs[i].timeout > 0 ? runs[i].timeout : 1.5},
                          &meeting};
    if (like) runs[i].place = i;
  }
  for (uint32_t i = 0; i < n; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run_rank, &runs[i]), 0);
  for (uint32_t i = 0; i < n; i++) pthread_join(threads[i], NULL);
}

static void release(Run *runs, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) free(runs[i].result);
}

/* ---- what comes of it ---- */

static bool right(const Run *r) {
  const uint32_t n = r->rank.ranks.count;
  char *value = malloc(COUNT * 8);
  bool same = true;
  const char *at = r->result;
  for (int p = 0; p < PARTS; p++) {
    double sums[COUNT] = {0};
    for (uint32_t k = 0; k < n; k++) {
      fill(r, k, p, value);
      if (r->gathers) {
        same &= memcmp(at, value, part_bytes(r, p)) == 0;
        at += part_bytes(r, p);
        continue;
      }
      for (int i = 0; i < COUNT; i++)
        sums[i] += r->types[p] == DTYPE_F64 ? ((double *)(void *)value)[i]
                                            : (double)((float *)(void *)value)[i];
    }
    if (r->gathers) continue;
    for (int i = 0; i < COUNT; i++)
      same &= sums[i] == (r->types[p] == DTYPE_F64 ? ((const double *)(const void *)at)[i]
                                                   : (double)((const float *)(const void *)at)[i]);
    at += part_bytes(r, p);
  }
  free(value);
  return same && (size_t)(at - r->result) == r->bytes;
}

/* GPUs at hand, RANKS at most. */
static uint32_t gpus(void) {
  uint32_t n = cuda_lab_gpus();
  return n > RANKS ? RANKS : n;
}

static void exchanges(void) {
  if (gpus() < RANKS) printf("%u GPUs ... ", gpus());
  for (uint64_t seed = 0; seed < 24; seed++) {
    Run runs[RANKS], like = {.rounds = 1 + (uint32_t)(seed / 3 % 4),
                             .gathers = seed % 2,
                             .eager = seed % 5 == 4};
    uint32_t n = 2 + (uint32_t)(seed % 3);
    if (n > gpus()) continue;
    static const DType sums[] = {DTYPE_F32, DTYPE_F64, DTYPE_F32};
    static const DType any[] = {DTYPE_BOOL, DTYPE_I64, DTYPE_F64};
    memcpy(like.types, like.gathers ? any : sums, sizeof like.types);
    if (like.gathers && seed % 4 == 1) like.types[1] = DTYPE_I32, like.types[2] = DTYPE_F32;
    cuda_lab_begin(&(CusimOptions){
        .devices = n, .order = (CusimOrder)(seed / 2 % 3), .seed = seed, .print = true});
    run_all(runs, n, &like);
    for (uint32_t i = 0; i < n; i++) {
      if (runs[i].status != STATUS_OK) printf("\n  rank %u: %s", i, runs[i].error);
      CU_ASSERT_EQUAL(runs[i].status, STATUS_OK);
      CU_ASSERT(runs[i].status == STATUS_OK && right(&runs[i]));
    }
    CU_ASSERT(cuda_lab_end("exchanges"));
    release(runs, n);
  }
}

/* ---- ranks that do not come ---- */

static const Run plain = {.rounds = 6, .types = {DTYPE_F32, DTYPE_F64, DTYPE_F32}};

/* One rank leaves, before steps are run for the first time, or captured, or replayed: the others
 * say which, where, in time. */
static void one_leaves(void) {
  for (uint32_t round = 1; round < 11; round++) {
    Run runs[3];
    for (int i = 0; i < 3; i++) {
      runs[i] = plain;
      runs[i].place = (uint32_t)i;
      runs[i].eager = round > 5;
    }
    runs[1].leaves = (round - 1) % 5 + 1;
    cuda_lab_begin(
        &(CusimOptions){.devices = 3, .order = CUSIM_RANDOM, .seed = round, .print = true});
    run_all(runs, 3, NULL);
    CU_ASSERT_EQUAL(runs[1].status, STATUS_OK);
    const char *behind = runs[1].leaves > 1 ? ", here or at a collective behind it" : "";
    for (int i = 0; i < 3; i += 2) {
      char says[120];
      snprintf(says, sizeof says, "%s: rank 1 did not come", behind);
      const char *found = strstr(runs[i].error, says);
      CU_ASSERT_EQUAL(runs[i].status, STATUS_SYSTEM);
      CU_ASSERT_EQUAL(runs[i].tag, TAG_SUM);
      CU_ASSERT(runs[i].seconds < 8);
      CU_ASSERT(found && (*behind || !strstr(runs[i].error, "behind")));
      if (!found) printf("\n  round %u: %s", round, runs[i].error);
    }
    CU_ASSERT(cuda_lab_end("one leaves"));
    release(runs, 3);
  }
}

/* Who was told to end does not wait as long as the others are given. */
static void told_to_end(void) {
  static const volatile sig_atomic_t yes = 1;
  Run runs[2];
  for (int i = 0; i < 2; i++) runs[i] = plain, runs[i].place = (uint32_t)i;
  runs[0].terminated = &yes;
  runs[1].leaves = 3;
  cuda_lab_begin(&(CusimOptions){.devices = 2});
  run_all(runs, 2, NULL);
  CU_ASSERT_EQUAL(runs[0].status, STATUS_SYSTEM);
  CU_ASSERT(runs[0].seconds < 4);
  CU_ASSERT(cuda_lab_end("told to end"));
  release(runs, 2);
}

/* ---- ranks that cannot ---- */

static void one_gpu_for_two(void) {
  Run runs[3];
  for (int i = 0; i < 3; i++) runs[i] = plain, runs[i].place = i == 2 ? 0 : (uint32_t)i;
  cuda_lab_begin(&(CusimOptions){.devices = 3});
  run_all(runs, 3, NULL);
  CU_ASSERT(cuda_lab_end("one GPU for two"));
  CU_ASSERT_PTR_NOT_NULL(strstr(runs[0].error, "ranks 0 and 2 have one GPU"));
  CU_ASSERT_PTR_NOT_NULL(strstr(runs[2].error, "ranks 0 and 2 have one GPU"));
  for (int i = 0; i < 3; i++) CU_ASSERT_NOT_EQUAL(runs[i].status, STATUS_OK || i == 1);
  release(runs, 3);
}

/* A rank without a GPU ends all at once, each with its own words. */
static void no_gpu_for_one(void) {
  Run runs[3];
  for (int i = 0; i < 3; i++) runs[i] = plain, runs[i].place = (uint32_t)i;
  runs[1].place = 7;
  cuda_lab_begin(&(CusimOptions){.devices = 3});
  double begin = now();
  run_all(runs, 3, NULL);
  CU_ASSERT(now() - begin < 1);
  CU_ASSERT(cuda_lab_end("no GPU for one"));
  CU_ASSERT_PTR_NOT_NULL(strstr(runs[0].error, "rank 1 cannot use its GPU"));
  CU_ASSERT_PTR_NOT_NULL(strstr(runs[1].error, "there is no GPU 7"));
  CU_ASSERT_PTR_NOT_NULL(strstr(runs[2].error, "rank 1 cannot use its GPU"));
  release(runs, 3);
}

/* Each call of all ranks fails in turn: whoever made it says so, no rank waits for ever, and every
 * rank ends with one line or the right sums, and nothing is left. */
static void each_call_fails(void) {
  uint64_t calls = 1, told = 0;
  for (uint64_t fail = 0; fail <= calls; fail++) {
    Run runs[2];
    CusimReport report;
    cuda_libraries_replace(
        cusim_open(&(CusimOptions){.devices = 2, .fail_call = fail, .patience = 200}));
    run_all(runs, 2,
            &(Run){.rounds = 3,
                   .timeout = fail ? 0.03 : 0,
                   .types = {DTYPE_F32, DTYPE_F64, DTYPE_F32}});
    cusim_close(&report);
    cuda_libraries_replace(NULL);
    /* Polling makes calls without number. */
    if (!fail)
      calls = report.calls - report.of[CUDA_CALL_cudaEventQuery] -
              report.of[CUDA_CALL_ncclCommGetAsyncError];
    for (int i = 0; i < 2; i++) {
      bool good = runs[i].status == STATUS_OK ? right(&runs[i])
                                              : *runs[i].error && !strchr(runs[i].error, '\n');
      if (!good)
        printf("\n  %s fails: rank %d: '%s'", report.failed ? report.failed : "nothing", i,
               runs[i].error);
      CU_ASSERT(good);
      told += runs[i].status != STATUS_OK;
    }
    if (!fail) CU_ASSERT_EQUAL(report.faults, 0);
    /* Whose own call to release something failed has something left. */
    bool releases =
        report.failed && (strstr(report.failed, "Destroy") || strstr(report.failed, "Free") ||
                          strstr(report.failed, "Abort") || strstr(report.failed, "cudaSetDevice"));
    if (report.faults && report.rule == CUSIM_LEAK && !releases)
      printf("\n  %s fails: %s", report.failed, report.text);
    CU_ASSERT(!report.faults || report.rule != CUSIM_LEAK || releases);
    release(runs, 2);
  }
  printf("%llu of %llu calls ", (unsigned long long)told, (unsigned long long)calls);
  CU_ASSERT(told > calls);
}

int main(void) {
  static const SupportTest tests[] = {
      {"exchanges", exchanges},           {"one leaves", one_leaves},
      {"told to end", told_to_end},       {"one GPU for two", one_gpu_for_two},
      {"no GPU for one", no_gpu_for_one}, {"each call fails", each_call_fails}};
  return support_run("cuda collectives", tests, sizeof tests / sizeof *tests);
}
