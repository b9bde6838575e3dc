/* The parts of the simulator, for the files that it is made of. */
#ifndef TESTS_CUSIM_SIM_H
#define TESTS_CUSIM_SIM_H

#include "tests/cusim/cusim.h"

#include <pthread.h>

#define CALL(library, name) __typeof__(name) sim_##name;
#include "kernels/cuda/calls.inc"
#undef CALL

/* ---- races.c: who has run before whom ---- */

/* The host is thread 0; each stream is one, and each stream of a captured graph.  A thread counts
 * its commands; a clock says how many of each thread are known to have run. */
#define THREADS 64
#define HOST 0
typedef struct Clock {
  uint32_t of[THREADS];
} Clock;
void clock_join(Clock *clock, const Clock *other);

/* Bytes that a command touches, or touched, of a block: [from, to). */
typedef struct Record {
  size_t from, to;
  uint32_t thread, number;
  bool write;
  CudaCall call;
} Record;
typedef struct Records {
  Record *at;
  uint32_t n, cap;
} Records;

/* ---- memory.c ---- */

#define PAGE ((size_t)4096)
#define NO_NUMBER 0xff /* of each byte: not a number in every floating-point type */

/* An allocation on pages of its own, with bytes before and behind that nobody may touch.  Device
 * memory can be touched while a command runs that declared it.  What was released keeps its
 * addresses until the end. */
typedef struct Block {
  struct Block *next;
  char *map, *at; /* the first of its pages; what the program has */
  char *own;      /* its memory at another address: the simulator's, always open */
  size_t bytes, mapped;
  int device; /* -1: pinned host memory */
  bool released;
  unsigned char *defined;   /* of device memory, of each byte: 1, or 0: nobody wrote it */
  size_t opened, opened_to; /* of device memory, pages for the command that runs */
  unsigned char *modes;     /* of pinned memory, how each page is protected, then how it shall be */
  bool shut;                /* of pinned memory: a page is */
  Records *slices;          /* of so many bytes each: none is long */
  size_t n_slices, slice;
} Block;

typedef struct Access {
  Block *block;
  size_t from, to;
  bool read, write;
  bool scratch; /* written, and nothing afterwards */
} Access;

Block *block_create(size_t bytes, int device); /* NULL: the system has none */
/* Whether the guards of pinned memory are as they were; of device memory each command sees to it.
 */
bool block_whole(const Block *block);
/* Pages, counted from those of the map. */
char *block_own(const Block *block, size_t page);
void block_open(Block *block, size_t first, size_t end, int mode);
void block_close(Block *block);   /* of device memory: all that were opened */
void block_release(Block *block); /* only its addresses stay */
void block_destroy(Block *block);
Block *block_at(const void *at); /* the one whose pages hold it, released or not; NULL: none */
/* The bytes of one allocation of `device` (-1: pinned).  Otherwise the call was refused. */
bool access_find(CudaCall call, int device, const void *at, size_t bytes, Access *out);
void memory_watch(void);
void memory_unwatch(void);
/* What the host may do with pinned memory follows from what it knows to have run. */
void memory_settle(void);
/* Opens what the accesses say, runs, closes, and looks at what was written. */
cudaError_t memory_run(CudaCall call, const Access *accesses, uint32_t n,
                       cudaError_t (*run)(void *payload), void *payload);
/* Of the command that runs: what it declared; its end with an error, at once. */
const Access *memory_accesses(uint32_t *n);
_Noreturn void memory_escape(void);

/* ---- races.c ---- */

bool race_create(Block *block); /* its slices; false: out of memory */
void race_free(Block *block);
/* A command of `thread` whose clock this is touches the bytes; counts the fault if it may not. */
void race_access(CudaCall call, const Access *access, uint32_t thread, const Clock *clock);
/* Whether the host knows that all commands that touched the block have run. */
bool race_quiet(const Block *block);

/* ---- streams.c ---- */

typedef struct Stream Stream;
typedef struct Graph Graph;

/* What a command does; shared by a graph and all its launches. */
typedef struct Work {
  uint32_t refs;
  CudaCall call;
  cudaError_t (*run)(void *payload);
  void *payload;
  bool collective;       /* the payload is of collectives.c */
  bool copies_undefined; /* a copy: accesses 0 and 1 are source and result */
  uint32_t n;
  Access accesses[];
} Work;

/* A place in a stream; it has happened when as many of its commands have run. */
typedef struct Token {
  Stream *stream;
  uint32_t number;
  int64_t time; /* on the simulated clock */
  Clock clock;
} Token;

typedef struct Meeting Meeting; /* a collective; collectives.c */
typedef struct Command {
  struct Command *next;
  Work *work; /* NULL: waits */
  Token wait;
  Meeting *meeting; /* of a collective: runs when all ranks are there */
} Command;

typedef struct Capture {
  Stream *origin;
  Graph *graph;
  bool failed, over;
  bool global; /* calls of other threads are forbidden too */
  pthread_t thread;
  uint32_t refs; /* streams and events */
} Capture;

#define CHAINS 16 /* streams of a capture at most */
typedef struct Chain {
  uint32_t of[CHAINS]; /* how many works of each are before this place */
} Chain;

struct Stream {
  Stream *next;
  int device;
  bool destroyed, hidden; /* a graph's own */
  uint32_t thread, given, done;
  int64_t time; /* on the simulated clock, ns: the end of the last command that it was given */
  Clock clock;
  Command *first, *last;
  Capture *capture; /* NULL: none */
  uint32_t chain;   /* its number in the capture */
  Chain place;
};

typedef struct Event {
  struct Event *next;
  int device;
  bool destroyed, recorded;
  bool timing;
  Token token;
  Capture *capture; /* when it was recorded last in one */
  uint32_t slot;    /* there */
  Chain place;
} Event;

Stream *stream_create(int device, bool hidden);
void stream_destroy(Stream *stream);     /* its object stays until the end */
bool stream_quiet(const Stream *stream); /* as far as the host knows */
Token stream_token(const Stream *stream);
/* The stream of a handle that a command may be put on; NULL: the call was refused with *out. */
Stream *stream_find(CudaCall call, cudaStream_t handle, cudaError_t *out);
Work *work_create(CudaCall call, const Access *accesses, uint32_t n,
                  cudaError_t (*run)(void *payload), const void *payload, size_t bytes);
void work_release(Work *work);
/* Takes the work. */
cudaError_t stream_put(Stream *stream, Work *work);
void stream_run(Stream *stream, Work *work); /* not captured; does not take it */
void stream_wait(Stream *stream, const Token *token);
/* Runs what the order has to run now. */
void streams_turn(void);
/* Runs a stream up to a number of its commands, and what that waits for, as far as that can go. */
bool stream_try(Stream *stream, uint32_t number);
void stream_drain(CudaCall call, Stream *stream, uint32_t number); /* waits for other threads */
/* Takes the first command off. */
void stream_drop(Stream *stream);
void stream_known(Stream *stream); /* the host has waited for all of it */
void stream_known_until(const Token *token);

/* ---- capture.c ---- */

cudaError_t capture_add(Stream *stream, Work *work);
void capture_fail(Capture *capture);
/* Fails each capture that is going on and forbids what this thread does; whether there was one. */
bool capture_interrupt(void);
void capture_leave(Stream *stream);
void capture_forget(Event *event);
void graphs_find_leaks(void);
void graphs_close(void);
cudaError_t capture_record(Event *event, Stream *stream);
cudaError_t capture_wait(Stream *stream, Event *event);

/* ---- kernels.c ---- */

void kernel_given(const Work *launch, uint32_t thread, uint32_t number);
void kernels_find_leaks(void);
void kernels_close(void);

/* ---- nvrtc.c ---- */

void nvrtc_find_leaks(void);
void nvrtc_close(void);

/* ---- blas.c ---- */

void blas_find_leaks(void);
void blas_close(void);

/* ---- dnn_run.c ---- */

void dnn_find_leaks(void);
void dnn_close(void);

/* ---- collectives.c ---- */

/* A rank's collective is on its stream. */
Meeting *meeting_arrive(Work *work, Stream *stream);
/* Whether the first command of the stream, which is of the meeting, can run. */
bool meeting_ready(const Meeting *meeting, const Stream *stream);
/* A stream that must go on first; NULL: a rank has not come. */
Stream *meeting_blocker(const Meeting *meeting);
/* Runs it on all its streams. */
cudaError_t meeting_run(Meeting *meeting, Stream *stream);
void collectives_find_leaks(void);
void collectives_close(void);

/* ---- device.c ---- */

uint32_t device_capability(void); /* 90: 9.0 */
size_t device_shared(void);       /* the most that a block can have, bytes */

/* ---- sim.c ---- */

typedef struct Sim {
  bool open;
  CusimOptions options;
  CusimReport report;
  uint64_t random;
  uint64_t number; /* of the simulation in this process */
  uint32_t n_callers;
  cudaError_t sticky;
  size_t used[CUSIM_DEVICES];
  Clock host;
  int64_t host_time[CUSIM_DEVICES]; /* of each device the last end that the host waited for */
  uint32_t numbers[THREADS];        /* commands that a thread has been given */
  bool threads[THREADS];            /* in use */
  Block *blocks;
  Stream *streams;
  Event *events;
} Sim;
extern Sim sim;

/* What a host thread has of its own. */
typedef struct Caller {
  uint64_t simulation;
  cudaError_t last;
  int device; /* the current one */
  Access *declared;
  uint32_t n_declared;
  bool declares;
  bool inside;  /* a call: it has the lock */
  bool counted; /* it has made a call that others may wait for: any but the compiler's */
} Caller;
extern _Thread_local Caller caller;

/* Each call begins with it: takes the lock, counts, and true when it must end here with *out
 * (injected, or after an error that stays). */
bool sim_enter(CudaCall call, int *out);
void sim_leave(const int *unused);
#define SIM_BEGIN(name, type)                                                                      \
  int early __attribute__((cleanup(sim_leave)));                                                   \
  if (sim_enter(CUDA_CALL_##name, &early)) return (type)early
/* Of a call that returns no status. */
#define SIM_ENTER(name)                                                                            \
  int early __attribute__((cleanup(sim_leave)));                                                   \
  (void)sim_enter(CUDA_CALL_##name, &early)
void sim_lock(void);
void sim_unlock(void);
/* Lets other threads go on until one of them has done something; false: nobody will. */
bool sim_block(void);
void sim_changed(void);
void sim_fault(CudaCall call, CusimRule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An error of the runtime, as cudaGetLastError gives it. */
cudaError_t sim_error(cudaError_t error);
uint64_t sim_random(void);
/* The documented errors of calls, 0 at the end; errors.c. */
const int *sim_errors(CudaCall call);
/* A thread of the account; 0: there are no more. */
uint32_t sim_thread(void);

/* A fault, and the error that the call returns. */
#define SIM_REFUSE(call, rule, error, ...)                                                         \
  (sim_fault(call, CUSIM_##rule, __VA_ARGS__), sim_error(error))

#endif
