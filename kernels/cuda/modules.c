/* Keeps texts until they are compiled.  A text of the folder is a unit of its own; generated texts,
 * which are small and many, share units of UNIT_FUNCTIONS, since starting the compiler takes longer
 * than most of them. */
#include "kernels/cuda/modules.h"

#include "graph/base/array.h"
#include "graph/base/threads.h"
#include "kernels/cuda/cache.h"
#include "kernels/cuda/texts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define UNIT_FUNCTIONS 24

typedef struct Function {
  CudaFunction public; /* stays first: its address is the caller's */
  char name[64];
  uint32_t unit;
} Function;

typedef struct Unit {
  char *text; /* owned; without the prelude */
  size_t length;
  uint64_t hash;
  bool generated;
  uint32_t n_functions;
  cudaLibrary_t library; /* NULL: not compiled */
} Unit;

struct CudaModules {
  Unit *units;
  uint32_t n_units, cap_units;
  Function **functions;
  uint32_t n_functions, cap_functions;
};

CudaModules *cuda_modules_create(void) {
  return calloc(1, sizeof(CudaModules));
}

void cuda_modules_destroy(CudaModules *m, const CudaCalls *calls) {
  if (!m) return;
  for (uint32_t i = 0; i < m->n_units; i++) {
    if (m->units[i].library) calls->cudaLibraryUnload(m->units[i].library);
    free(m->units[i].text);
  }
  for (uint32_t i = 0; i < m->n_functions; i++) free(m->functions[i]);
  free(m->units);
  free(m->functions);
  free(m);
}

/* ---- asking ---- */

static Function *add_function(CudaModules *m, uint32_t unit, const char *name) {
  if (ARRAY_RESERVE(m->functions, m->cap_functions, m->n_functions, 1, NULL) != STATUS_OK)
    return NULL;
  Function *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  snprintf(f->name, sizeof f->name, "%s", name);
  f->unit = unit;
  m->units[unit].n_functions++;
  return m->functions[m->n_functions++] = f;
}

static Function *find_function(const CudaModules *m, uint32_t unit, const char *name) {
  for (uint32_t i = 0; i < m->n_functions; i++)
    if (m->functions[i]->unit == unit && strcmp(m->functions[i]->name, name) == 0)
      return m->functions[i];
  return NULL;
}

/* Takes ownership of `text`, also on failure. */
static bool add_unit(CudaModules *m, char *text, uint64_t hash, bool generated) {
  if (!text || ARRAY_RESERVE(m->units, m->cap_units, m->n_units, 1, NULL) != STATUS_OK) {
    free(text);
    return false;
  }
  m->units[m->n_units++] =
      (Unit){.text = text, .length = strlen(text), .hash = hash, .generated = generated};
  return true;
}

static Status no_memory(KernelError *error) {
  return cuda_fail(error, STATUS_SYSTEM, "out of memory");
}

static char *joined(const char *a, const char *b) {
  size_t n = strlen(a), k = strlen(b);
  char *text = malloc(n + k + 1);
  if (!text) return NULL;
  memcpy(text, a, n);
  memcpy(text + n, b, k + 1);
  return text;
}

Status cuda_modules_function(CudaModules *m, const char *defines, const char *text,
                             const char *name, KernelError *error, CudaFunction **out) {
  *out = NULL;
  char *whole = joined(defines, text);
  if (!whole) return no_memory(error);
  uint64_t hash = XXH3_64bits(whole, strlen(whole));
  uint32_t unit = 0;
  while (unit < m->n_units && (m->units[unit].generated || m->units[unit].hash != hash ||
                               strcmp(m->units[unit].text, whole) != 0))
    unit++;
  if (unit < m->n_units)
    free(whole);
  else if (!add_unit(m, whole, hash, false))
    return no_memory(error);
  Function *f = find_function(m, unit, name);
  /* A library that is loaded gives its other functions, too: cuda_modules_compile asks for them. */
  if (!f) f = add_function(m, unit, name);
  if (!f) return no_memory(error);
  *out = &f->public;
  return STATUS_OK;
}

/* A unit that takes one more generated text. */
static bool open_unit(CudaModules *m, uint32_t *out) {
  for (uint32_t i = m->n_units; i--;)
    if (m->units[i].generated && !m->units[i].library && m->units[i].n_functions < UNIT_FUNCTIONS) {
      *out = i;
      return true;
    }
  *out = m->n_units;
  return add_unit(m, calloc(1, 1), 0, true);
}

Status cuda_modules_generated(CudaModules *m, const char *text, KernelError *error,
                              CudaFunction **out) {
  *out = NULL;
  char name[64], head[128];
  XXH128_hash_t hash = XXH3_128bits(text, strlen(text));
  snprintf(name, sizeof name, "k%016llx%016llx", (unsigned long long)hash.high64,
           (unsigned long long)hash.low64);
  for (uint32_t i = 0; i < m->n_functions; i++)
    if (m->units[m->functions[i]->unit].generated && strcmp(m->functions[i]->name, name) == 0) {
      *out = &m->functions[i]->public;
      return STATUS_OK;
    }
  uint32_t unit;
  if (!open_unit(m, &unit)) return no_memory(error);
  Unit *u = &m->units[unit];
  int n = snprintf(head, sizeof head, "#undef KERNEL\n#define KERNEL %s\n", name);
  size_t length = strlen(text);
  char *grown = realloc(u->text, u->length + (size_t)n + length + 1);
  if (!grown) return no_memory(error);
  u->text = grown;
  Function *f = add_function(m, unit, name);
  if (!f) return no_memory(error);
  memcpy(grown + u->length, head, (size_t)n);
  memcpy(grown + u->length + n, text, length + 1);
  u->length += (size_t)n + length;
  *out = &f->public;
  return STATUS_OK;
}

/* ---- compiling ---- */

static Status check_nvrtc(const CudaContext *c, nvrtcResult code, const char *what,
                          KernelError *error) {
  if (code == NVRTC_SUCCESS) return STATUS_OK;
  return cuda_fail(error, STATUS_SYSTEM, "%s: %s", what, c->calls->nvrtcGetErrorString(code));
}

/* The compiler's first line that says `error`, else its first. */
static Status text_is_wrong(const CudaContext *c, nvrtcProgram program, KernelError *error) {
  size_t size = 0;
  char *log = NULL;
  if (c->calls->nvrtcGetProgramLogSize(program, &size) == NVRTC_SUCCESS) log = calloc(1, size + 1);
  if (log && c->calls->nvrtcGetProgramLog(program, log) != NVRTC_SUCCESS) *log = 0;
  const char *line = log ? strstr(log, "error") : NULL;
  while (line && line > log && line[-1] != '\n') line--;
  if (!line) line = log ? log : "no log";
  cuda_fail(error, STATUS_INVALID, "a kernel's text does not compile: %.*s",
            (int)strcspn(line, "\n"), line);
  free(log);
  return STATUS_INVALID;
}

static Status load(CudaContext *c, const void *code, Unit *u, KernelError *error) {
  return cuda_check(c,
                    c->calls->cudaLibraryLoadData(&u->library, code, NULL, NULL, 0, NULL, NULL, 0),
                    "kernels cannot be loaded", error);
}

/* *out_code is the caller's to free. */
static Status take_code(const CudaContext *c, nvrtcProgram program, void **out_code, size_t *bytes,
                        KernelError *error) {
  TRY(check_nvrtc(c, c->calls->nvrtcGetCUBINSize(program, bytes), "the compiler gives no code",
                  error));
  *out_code = malloc(*bytes + 1);
  if (!*out_code) return no_memory(error);
  return check_nvrtc(c, c->calls->nvrtcGetCUBIN(program, *out_code), "the compiler gives no code",
                     error);
}

static Status compile(const CudaContext *c, const char *text, void **out_code, size_t *bytes,
                      KernelError *error) {
  char architecture[40];
  snprintf(architecture, sizeof architecture, "--gpu-architecture=sm_%d", c->architecture);
  /* The same operations as on a CPU: no product and sum joined but where the text says fma. */
  const char *options[] = {architecture, "--fmad=false", "--std=c++17"};
  nvrtcProgram program = NULL;
  TRY(check_nvrtc(c, c->calls->nvrtcCreateProgram(&program, text, "kernels.cu", 0, NULL, NULL),
                  "the compiler does not start", error));
  nvrtcResult code = c->calls->nvrtcCompileProgram(program, 3, options);
  Status status = code == NVRTC_ERROR_COMPILATION
                      ? text_is_wrong(c, program, error)
                      : check_nvrtc(c, code, "kernels cannot be compiled", error);
  if (status == STATUS_OK) status = take_code(c, program, out_code, bytes, error);
  c->calls->nvrtcDestroyProgram(&program);
  return status;
}

/* ---- many at once ----
 *
 * The compiler takes long and shares nothing between programs, so threads get the code of all units
 * that are new; what they find is loaded by one thread in the units' order.  A unit behind one that
 * failed is left out, one before it never is: the failure that is told is the first in order. */

typedef struct Job {
  Unit *unit;
  char *text; /* with the prelude */
  void *code;
  size_t bytes;
  bool kept; /* the code is of the cache */
  Status status;
  KernelError error;
} Job;

typedef struct Jobs {
  CudaContext *context;
  CudaCacheKey key; /* but for its text */
  Job *all;
  uint32_t n;
  atomic_uint bad; /* the first that failed; n: none */
} Jobs;

static CudaCacheKey key_of(const Jobs *jobs, const Job *job) {
  CudaCacheKey key = jobs->key;
  key.text = job->text;
  return key;
}

static Status get_code(const Jobs *jobs, Job *job) {
  job->text = joined(cuda_text_prelude, job->unit->text);
  if (!job->text) return no_memory(&job->error);
  CudaCacheKey key = key_of(jobs, job);
  job->code = cuda_cache_read(jobs->context->cache, &key, &job->bytes);
  job->kept = job->code != NULL;
  return job->kept ? STATUS_OK
                   : compile(jobs->context, job->text, &job->code, &job->bytes, &job->error);
}

static void run_job(void *context, uint32_t i) {
  Jobs *jobs = context;
  Job *job = &jobs->all[i];
  if (i > atomic_load(&jobs->bad)) return;
  job->status = get_code(jobs, job);
  if (job->status == STATUS_OK) return;
  uint32_t bad = atomic_load(&jobs->bad);
  while (i < bad && !atomic_compare_exchange_weak(&jobs->bad, &bad, i)) continue;
}

static Status compile_and_load(const Jobs *jobs, Job *job, KernelError *error) {
  if (!job->code) TRY(compile(jobs->context, job->text, &job->code, &job->bytes, error));
  TRY(load(jobs->context, job->code, job->unit, error));
  CudaCacheKey key = key_of(jobs, job);
  cuda_cache_write(jobs->context->cache, &key, job->code, job->bytes);
  return STATUS_OK;
}

/* What another compiler left in the cache does not load: it is compiled anew. */
static Status load_job(const Jobs *jobs, Job *job, KernelError *error) {
  if (job->status != STATUS_OK) {
    *error = job->error;
    return job->status;
  }
  if (job->kept && load(jobs->context, job->code, job->unit, error) == STATUS_OK) return STATUS_OK;
  if (job->kept) {
    free(job->code);
    job->code = NULL;
  }
  return compile_and_load(jobs, job, error);
}

static Status run_jobs(Jobs *jobs, KernelError *error) {
  uint32_t threads = jobs->context->threads < jobs->n ? jobs->context->threads : jobs->n;
  Threads *pool = NULL;
  atomic_store(&jobs->bad, jobs->n);
  if (threads < 2 || threads_create(threads, NULL, &pool) != STATUS_OK)
    for (uint32_t i = 0; i < jobs->n; i++) run_job(jobs, i);
  else
    threads_run(pool, run_job, jobs, jobs->n);
  threads_destroy(pool);
  for (uint32_t i = 0; i < jobs->n; i++) TRY(load_job(jobs, &jobs->all[i], error));
  return STATUS_OK;
}

static Status load_units(CudaContext *c, KernelError *error) {
  CudaModules *m = c->modules;
  Jobs jobs = {.context = c, .key = {.architecture = c->architecture}};
  uint32_t fresh = 0;
  for (uint32_t i = 0; i < m->n_units; i++) fresh += !m->units[i].library;
  if (!fresh) return STATUS_OK;
  TRY(c->need(c, CUDA_LIBRARY_NVRTC, error));
  TRY(check_nvrtc(c, c->calls->nvrtcVersion(&jobs.key.major, &jobs.key.minor),
                  "the compiler does not say its version", error));
  jobs.all = calloc(fresh, sizeof *jobs.all);
  if (!jobs.all) return no_memory(error);
  for (uint32_t i = 0; i < m->n_units; i++)
    if (!m->units[i].library) jobs.all[jobs.n++].unit = &m->units[i];
  Status status = run_jobs(&jobs, error);
  for (uint32_t i = 0; i < jobs.n; i++) {
    free(jobs.all[i].text);
    free(jobs.all[i].code);
  }
  free(jobs.all);
  return status;
}

Status cuda_modules_compile(CudaContext *c, KernelError *error) {
  CudaModules *m = c->modules;
  TRY(load_units(c, error));
  for (uint32_t i = 0; i < m->n_functions; i++) {
    Function *f = m->functions[i];
    if (f->public.kernel) continue;
    TRY(cuda_check(
        c, c->calls->cudaLibraryGetKernel(&f->public.kernel, m->units[f->unit].library, f->name),
        f->name, error));
  }
  return STATUS_OK;
}

void cuda_modules_each(const CudaModules *m, CudaTextVisit visit, void *context) {
  bool go_on = true;
  for (uint32_t i = 0; i < m->n_units && go_on; i++) {
    char *text = joined(cuda_text_prelude, m->units[i].text);
    go_on = text && visit(context, text);
    free(text);
  }
}
