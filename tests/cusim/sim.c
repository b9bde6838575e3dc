/* The simulation as a whole: the account of calls, faults, failures on request, what is left. */
#include "tests/cusim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Sim sim;
_Thread_local Caller caller;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t simulations;

void sim_lock(void) {
  pthread_mutex_lock(&lock);
  if (caller.simulation != sim.number) {
    free(caller.declared);
    caller = (Caller){.simulation = sim.number};
  }
  caller.inside = true;
}

void sim_unlock(void) {
  caller.inside = false;
  pthread_mutex_unlock(&lock);
}

void sim_leave(const int *unused) {
  (void)unused;
  sim_unlock();
}

void sim_changed(void) {
  pthread_cond_broadcast(&changed);
}

/* Whether another thread that has called before is still about to do something cannot be known: it
 * has some time. */
bool sim_block(void) {
  struct timespec until;
  if (sim.n_callers < 2) return false;
  uint32_t ms = sim.options.patience ? sim.options.patience : 5000;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += ms % 1000 * 1000000L;
  if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
  return pthread_cond_timedwait(&changed, &lock, &until) == 0;
}

static const struct {
  CudaLibrary library;
  const char *name;
} calls[] = {
#define CALL(library, name) {CUDA_LIBRARY_##library, #name},
#include "kernels/cuda/calls.inc"
#undef CALL
};
static const char *const rules[] = {
#define RULE(name, what) what,
#include "tests/cusim/rules.inc"
#undef RULE
};

const char *cusim_call_name(CudaCall call) {
  return calls[call].name;
}
const char *cusim_rule_name(CusimRule rule) {
  return rules[rule];
}

uint32_t cusim_errors(CudaCall call) {
  uint32_t n = 0;
  for (const int *error = sim_errors(call); error && *error; error++) n++;
  return n;
}

void sim_fault(CudaCall call, CusimRule rule, const char *format, ...) {
  CusimReport *report = &sim.report;
  char what[200];
  va_list list;
  va_start(list, format);
  vsnprintf(what, sizeof what, format, list);
  va_end(list);
  if (sim.options.print) fprintf(stderr, "cusim: %s: %s\n", cusim_call_name(call), what);
  if (report->faults++ > 0) return;
  report->rule = rule;
  snprintf(report->text, sizeof report->text, "%s: %s", cusim_call_name(call), what);
}

cudaError_t sim_error(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) caller.last = error;
  return error;
}

/* SplitMix64. */
uint64_t sim_random(void) {
  uint64_t z = sim.random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint32_t sim_thread(void) {
  for (uint32_t t = HOST + 1; t < THREADS; t++)
    if (!sim.threads[t]) {
      sim.threads[t] = true;
      return t;
    }
  return 0;
}

/* Calls that answer whatever happened before. */
static bool answers_always(CudaCall call) {
  return call == CUDA_CALL_cudaGetLastError || call == CUDA_CALL_cudaPeekAtLastError ||
         call == CUDA_CALL_cudaGetErrorName || call == CUDA_CALL_cudaGetErrorString ||
         call == CUDA_CALL_cudaDriverGetVersion || call == CUDA_CALL_cudaRuntimeGetVersion;
}

/* Errors of kernels that ran: the process must end before CUDA can be used again. */
static bool stays(cudaError_t error) {
  return error == cudaErrorLaunchFailure || error == cudaErrorIllegalAddress ||
         error == cudaErrorLaunchTimeout;
}

bool sim_enter(CudaCall call, int *out) {
  bool runtime = calls[call].library == CUDA_LIBRARY_CUDART;
  sim_lock();
  if (!caller.counted && calls[call].library != CUDA_LIBRARY_NVRTC) {
    caller.counted = true;
    sim.n_callers++;
  }
  sim.report.calls++;
  sim.report.of[call]++;
  if (caller.declares && call != CUDA_CALL_cudaLaunchKernel) {
    sim_fault(call, CUSIM_DECLARATION, "accesses were declared, and no launch followed");
    caller.declares = false;
  }
  if (runtime && sim.sticky && !answers_always(call)) {
    *out = sim_error(sim.sticky);
    return true;
  }
  if (sim.report.calls == sim.options.fail_call && cusim_errors(call)) {
    *out = sim_errors(call)[sim.options.fail_error % cusim_errors(call)];
    sim.report.failed = cusim_call_name(call);
    caller.declares = false; /* for a launch that was made */
    if (runtime) sim_error((cudaError_t)*out);
    if (runtime && stays((cudaError_t)*out)) sim.sticky = (cudaError_t)*out;
    return true;
  }
  return false;
}

static void declare(const CudaAccess *accesses, uint32_t n) {
  sim_lock();
  if (caller.declares)
    sim_fault(CUDA_CALL_cudaLaunchKernel, CUSIM_DECLARATION, "declared twice for one launch");
  caller.declares = true;
  free(caller.declared);
  caller.declared = calloc(n ? n : 1, sizeof *caller.declared);
  caller.n_declared = 0;
  for (uint32_t i = 0; caller.declared && i < n; i++) {
    Access *a = &caller.declared[caller.n_declared];
    if (accesses[i].bytes == 0) continue;
    if (!access_find(CUDA_CALL_cudaLaunchKernel, caller.device, accesses[i].at, accesses[i].bytes,
                     a))
      continue;
    a->read = accesses[i].kind != CUDA_WRITES;
    a->write = accesses[i].kind != CUDA_READS;
    caller.n_declared++;
  }
  sim_unlock();
}

static const CudaCalls table = {
#define CALL(library, name) .name = sim_##name,
#include "kernels/cuda/calls.inc"
#undef CALL
    .declare = declare,
};

const CudaCalls *cusim_open(const CusimOptions *options) {
  if (sim.open || options->devices > CUSIM_DEVICES) {
    fprintf(stderr, "cusim: %s\n", sim.open ? "a simulation is open already" : "too many devices");
    abort();
  }
  sim = (Sim){.open = true, .options = *options, .random = options->seed, .number = ++simulations};
  if (!sim.options.memory) sim.options.memory = (size_t)256 << 20;
  sim.threads[HOST] = true;
  memory_watch();
  return &table;
}

void cusim_report(CusimReport *out) {
  sim_lock();
  *out = sim.report;
  sim_unlock();
}

/* After an error that stays nothing can be released. */
static void find_leaks(void) {
  if (sim.sticky) return;
  for (Block *b = sim.blocks; b; b = b->next)
    if (!b->released)
      sim_fault(b->device < 0 ? CUDA_CALL_cudaHostAlloc : CUDA_CALL_cudaMalloc, CUSIM_LEAK,
                "%zu bytes were not released", b->bytes);
  for (Stream *s = sim.streams; s; s = s->next)
    if (!s->destroyed && !s->hidden)
      sim_fault(CUDA_CALL_cudaStreamCreateWithFlags, CUSIM_LEAK, "a stream was not destroyed");
  for (Event *e = sim.events; e; e = e->next)
    if (!e->destroyed)
      sim_fault(CUDA_CALL_cudaEventCreateWithFlags, CUSIM_LEAK, "an event was not destroyed");
  graphs_find_leaks();
  kernels_find_leaks();
  nvrtc_find_leaks();
  blas_find_leaks();
  dnn_find_leaks();
  collectives_find_leaks();
}

void cusim_close(CusimReport *out) {
  find_leaks();
  for (Stream *s = sim.streams; s; s = s->next) {
    for (Command *c = s->first, *next; c; c = next) {
      next = c->next;
      if (c->work) work_release(c->work);
      free(c);
    }
    if (s->capture) capture_leave(s);
  }
  for (Event *e = sim.events, *next; e; e = next) {
    next = e->next;
    capture_forget(e);
    free(e);
  }
  graphs_close();
  kernels_close();
  nvrtc_close();
  blas_close();
  dnn_close();
  collectives_close();
  for (Stream *s = sim.streams, *next; s; s = next) {
    next = s->next;
    free(s);
  }
  for (Block *b = sim.blocks, *next; b; b = next) {
    next = b->next;
    block_destroy(b);
  }
  free(caller.declared);
  caller = (Caller){0};
  memory_unwatch();
  if (out) *out = sim.report;
  sim = (Sim){0};
}
