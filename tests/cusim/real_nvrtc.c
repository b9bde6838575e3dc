/* NVIDIA's NVRTC by dlopen: it needs no driver and no GPU. */
#include "tests/cusim/real_nvrtc.h"

#include <dlfcn.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  bool tried, there;
#define FUNCTION(name) __typeof__(nvrtc##name) *name
  FUNCTION(CreateProgram);
  FUNCTION(DestroyProgram);
  FUNCTION(CompileProgram);
  FUNCTION(GetProgramLogSize);
  FUNCTION(GetProgramLog);
  FUNCTION(GetCUBINSize);
#undef FUNCTION
} nvrtc;

static bool load(void *library) {
  bool ok = library;
#define LOAD(name)                                                                                 \
  ok = ok && (nvrtc.name = (__typeof__(nvrtc.name))(uintptr_t)dlsym(library, "nvrtc" #name))
  LOAD(CreateProgram);
  LOAD(DestroyProgram);
  LOAD(CompileProgram);
  LOAD(GetProgramLogSize);
  LOAD(GetProgramLog);
  LOAD(GetCUBINSize);
#undef LOAD
  return ok;
}

bool real_nvrtc(void) {
  static const char *const files[] = {CUDA_FOLDER "/lib64/libnvrtc.so.13",
                                      CUDA_FOLDER "/lib/libnvrtc.so.13", "libnvrtc.so.13"};
  for (int i = 0; i < 3 && !nvrtc.tried && !nvrtc.there; i++)
    nvrtc.there = load(dlopen(files[i], RTLD_NOW | RTLD_LOCAL));
  nvrtc.tried = true;
  return nvrtc.there;
}

/* ---- what ptxas says ---- */

static RealUsage *add_kernel(RealCode *code, const char *quoted) {
  RealUsage *grown = realloc(code->kernels, (code->n + 1) * sizeof *grown);
  if (!grown) return NULL;
  code->kernels = grown;
  RealUsage *u = &grown[code->n++];
  *u = (RealUsage){0};
  size_t n = strcspn(quoted, "'");
  snprintf(u->kernel, sizeof u->kernel, "%.*s", (int)(n < 127 ? n : 127), quoted);
  return u;
}

/* The number before `what` in a line; 0: it is not there. */
static uint32_t number_before(const char *line, const char *end, const char *what) {
  const char *at = strstr(line, what);
  if (!at || at >= end) return 0;
  while (at > line && at[-1] == ' ') at--;
  while (at > line && at[-1] >= '0' && at[-1] <= '9') at--;
  return (uint32_t)strtoul(at, NULL, 10);
}

/* "Compiling entry function 'NAME' ...", then "N bytes stack frame, ...", "Used N registers, ...".
 */
static bool read_log(RealCode *code) {
  static const char entry[] = "Compiling entry function '";
  RealUsage *u = NULL;
  for (const char *line = code->log; *line;) {
    const char *end = line + strcspn(line, "\n"), *name = strstr(line, entry);
    if (name && name < end) {
      u = add_kernel(code, name + sizeof entry - 1);
      if (!u) return false;
    } else if (u) {
      uint32_t registers = number_before(line, end, "registers");
      if (registers) {
        u->registers = registers;
        u->barriers = number_before(line, end, "barriers");
        u->shared = number_before(line, end, "bytes smem");
      }
      u->stack += number_before(line, end, "bytes stack frame");
      u->spill_stores += number_before(line, end, "bytes spill stores");
      u->spill_loads += number_before(line, end, "bytes spill loads");
    }
    line = *end ? end + 1 : end;
  }
  return true;
}

bool real_nvrtc_compile(const char *text, const char *name, int architecture, RealCode *out) {
  char arch[40];
  const char *const options[] = {arch, "--fmad=false", "--std=c++17", "--ptxas-options=-v"};
  nvrtcProgram program = NULL;
  size_t size = 0;
  *out = (RealCode){0};
  snprintf(arch, sizeof arch, "--gpu-architecture=sm_%d", architecture);
  if (!real_nvrtc() || nvrtc.CreateProgram(&program, text, name, 0, NULL, NULL) != NVRTC_SUCCESS)
    return false;
  nvrtcResult result = nvrtc.CompileProgram(program, 4, options);
  bool ok = (result == NVRTC_SUCCESS || result == NVRTC_ERROR_COMPILATION) &&
            nvrtc.GetProgramLogSize(program, &size) == NVRTC_SUCCESS &&
            (out->log = calloc(1, size + 1)) &&
            nvrtc.GetProgramLog(program, out->log) == NVRTC_SUCCESS;
  out->ok = result == NVRTC_SUCCESS;
  if (ok && out->ok)
    ok = nvrtc.GetCUBINSize(program, &out->bytes) == NVRTC_SUCCESS && read_log(out);
  nvrtc.DestroyProgram(&program);
  return ok;
}

const RealUsage *real_nvrtc_usage(const RealCode *code, const char *kernel) {
  for (uint32_t i = 0; i < code->n; i++)
    if (strcmp(code->kernels[i].kernel, kernel) == 0) return &code->kernels[i];
  return NULL;
}

void real_nvrtc_release(RealCode *code) {
  free(code->log);
  free(code->kernels);
  *code = (RealCode){0};
}
