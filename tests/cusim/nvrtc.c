/* NVRTC: programs, options, logs, images.
 *
 * An image ("CUBIN") holds the text and what it was compiled for, so that a library can be made of
 * it in another process too.  It is compiled for the simulated device when it is compiled at all,
 * so that the log is there. */
#include "tests/cusim/image.h"
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFINES 32

typedef struct Program {
  struct Program *next;
  char *name, *source, *log;
  Image *image;
  bool compiled, destroyed;
} Program;
static Program *programs;

void nvrtc_find_leaks(void) {
  for (Program *p = programs; p; p = p->next)
    if (!p->destroyed)
      sim_fault(CUDA_CALL_nvrtcCreateProgram, CUSIM_LEAK, "a program was not destroyed");
}

static void empty(Program *p) {
  free(p->name);
  free(p->source);
  free(p->log);
  free(p->image);
  p->name = p->source = p->log = NULL;
  p->image = NULL;
}

void nvrtc_close(void) {
  for (Program *p = programs, *next; p; p = next) {
    next = p->next;
    empty(p);
    free(p);
  }
  programs = NULL;
}

#define REFUSE(call, rule, error, ...) (sim_fault(call, CUSIM_##rule, __VA_ARGS__), error)

nvrtcResult sim_nvrtcVersion(int *major, int *minor) {
  SIM_BEGIN(nvrtcVersion, nvrtcResult);
  if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
  *major = CUDART_VERSION / 1000;
  *minor = CUDART_VERSION % 1000 / 10;
  return NVRTC_SUCCESS;
}

const char *sim_nvrtcGetErrorString(nvrtcResult result) {
  SIM_ENTER(nvrtcGetErrorString);
  switch (result) {
  case NVRTC_SUCCESS:
    return "NVRTC_SUCCESS";
  case NVRTC_ERROR_OUT_OF_MEMORY:
    return "NVRTC_ERROR_OUT_OF_MEMORY";
  case NVRTC_ERROR_INVALID_INPUT:
    return "NVRTC_ERROR_INVALID_INPUT";
  case NVRTC_ERROR_INVALID_PROGRAM:
    return "NVRTC_ERROR_INVALID_PROGRAM";
  case NVRTC_ERROR_INVALID_OPTION:
    return "NVRTC_ERROR_INVALID_OPTION";
  case NVRTC_ERROR_COMPILATION:
    return "NVRTC_ERROR_COMPILATION";
  case NVRTC_ERROR_INTERNAL_ERROR:
    return "NVRTC_ERROR_INTERNAL_ERROR";
  default:
    return "NVRTC_ERROR unknown";
  }
}

nvrtcResult sim_nvrtcCreateProgram(nvrtcProgram *out, const char *source, const char *name,
                                   int n_headers, const char *const *headers,
                                   const char *const *include_names) {
  SIM_BEGIN(nvrtcCreateProgram, nvrtcResult);
  const CudaCall call = CUDA_CALL_nvrtcCreateProgram;
  (void)headers, (void)include_names;
  if (!out || !source)
    return REFUSE(call, INVALID, NVRTC_ERROR_INVALID_INPUT, "no text, or nowhere to put it");
  if (n_headers)
    return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_INPUT, "headers are not modelled");
  if (!name) name = "default_program";
  if (strpbrk(name, "\"\\\n"))
    return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_INPUT, "the name '%s' is not modelled",
                  name);
  Program *p = calloc(1, sizeof *p);
  if (p) {
    p->name = strdup(name);
    p->source = strdup(source);
    p->log = strdup("");
  }
  if (!p || !p->name || !p->source || !p->log) {
    if (p) empty(p);
    free(p);
    return NVRTC_ERROR_OUT_OF_MEMORY;
  }
  p->next = programs;
  programs = p;
  *out = (nvrtcProgram)(void *)p;
  return NVRTC_SUCCESS;
}

static Program *find(CudaCall call, const void *handle) {
  for (Program *p = programs; p; p = p->next)
    if ((void *)p == handle && !p->destroyed) return p;
  sim_fault(call, CUSIM_HANDLE, "%p is no program, or one that was destroyed", handle);
  return NULL;
}

nvrtcResult sim_nvrtcDestroyProgram(nvrtcProgram *handle) {
  SIM_BEGIN(nvrtcDestroyProgram, nvrtcResult);
  Program *p = handle ? find(CUDA_CALL_nvrtcDestroyProgram, (void *)*handle) : NULL;
  if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
  p->destroyed = true;
  empty(p);
  *handle = NULL;
  return NVRTC_SUCCESS;
}

/* ---- options ---- */

typedef struct Options {
  int architecture;
  bool exact; /* without contraction */
  const char *defines[DEFINES + 1];
  uint32_t n;
} Options;

/* What follows the name of an option, "--long=", "-short=" or in the next word; NULL: another
 * option. */
static const char *value_of(const char *const *words, int n, int *i, const char *name,
                            const char *brief) {
  const char *const names[] = {name, brief};
  for (int k = 0; k < 2 && names[k]; k++) {
    size_t length = strlen(names[k]);
    if (strncmp(words[*i], names[k], length) != 0) continue;
    if (words[*i][length] == '=') return words[*i] + length + 1;
    if (words[*i][length] == 0 && *i + 1 < n) return words[++*i];
  }
  return NULL;
}

/* Options that change nothing here. */
static bool is_harmless(const char *word) {
  static const char *const harmless[] = {
      "--device-as-default-execution-space",
      "-default-device",
      "--generate-line-info",
      "-lineinfo",
      "--disable-warnings",
      "-w",
      "--restrict",
      "-restrict",
      "--ftz=false",
      "-ftz=false",
      "--prec-div=true",
      "-prec-div=true",
      "--prec-sqrt=true",
      "-prec-sqrt=true",
      "--std=c++17",
      "-std=c++17",
      "--no-source-include",
      "-no-source-include",
      "--ptxas-options=-v",
      "-Xptxas=-v",
      "--ptxas-options=--warn-on-spills",
  };
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
    if (strcmp(word, harmless[i]) == 0) return true;
  return false;
}

static bool read_architecture(const char *value, int *out) {
  int used = 0;
  return sscanf(value, "sm_%d%n", out, &used) == 1 && value[used] == 0 &&
         (*out == 80 || *out == 86 || *out == 89 || *out == 90 || *out == 100 || *out == 103 ||
          *out == 120);
}

static nvrtcResult read_options(int n, const char *const *words, Options *out) {
  const CudaCall call = CUDA_CALL_nvrtcCompileProgram;
  *out = (Options){0};
  for (int i = 0; i < n; i++) {
    const char *value;
    if ((value = value_of(words, n, &i, "--gpu-architecture", "-arch"))) {
      if (!read_architecture(value, &out->architecture))
        return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_OPTION,
                      "the architecture '%s' is not modelled", value);
    } else if ((value = value_of(words, n, &i, "--fmad", "-fmad"))) {
      out->exact = strcmp(value, "false") == 0;
    } else if (strncmp(words[i], "-D", 2) == 0 || strncmp(words[i], "--define-macro=", 15) == 0) {
      value = words[i] + (words[i][1] == 'D' ? 2 : 15);
      if (!*value || out->n == DEFINES)
        return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_OPTION,
                      "'%s', or more than %d macros, is not modelled", words[i], DEFINES);
      out->defines[out->n++] = value;
    } else if (!is_harmless(words[i])) {
      return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_OPTION,
                    "the option '%s' is not modelled", words[i]);
    }
  }
  if (!out->architecture)
    return REFUSE(call, INVALID, NVRTC_ERROR_INVALID_OPTION,
                  "no --gpu-architecture=sm_...: there is no CUBIN of the default");
  if (!out->exact)
    return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_OPTION,
                  "contraction is not modelled: --fmad=false is wanted");
  return NVRTC_SUCCESS;
}

/* ---- compiling ---- */

nvrtcResult sim_nvrtcCompileProgram(nvrtcProgram handle, int n, const char *const *words) {
  const CudaCall call = CUDA_CALL_nvrtcCompileProgram;
  int early __attribute__((cleanup(sim_leave)));
  bool fails = sim_enter(call, &early);
  Options options;
  Program *p = find(call, (void *)handle);
  if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
  if (fails) {
    p->compiled = true; /* without code; its log is empty */
    return (nvrtcResult)early;
  }
  if (p->compiled)
    return REFUSE(call, NOT_MODELLED, NVRTC_ERROR_INVALID_PROGRAM,
                  "'%s' was compiled before: that is not modelled", p->name);
  nvrtcResult result = read_options(n, words, &options);
  if (result) return result;
  p->compiled = true;
  p->image = image_create(p->source, p->name, options.architecture, options.defines, options.n);
  if (!p->image) return NVRTC_ERROR_OUT_OF_MEMORY;
  const CusimModule *module;
  char *log;
  ModuleEnd end = image_make(p->image, &module, &log);
  if (log) {
    free(p->log);
    p->log = log;
  }
  if (end == MODULE_OK) return NVRTC_SUCCESS;
  free(p->image);
  p->image = NULL;
  if (end == MODULE_ERRORS) return NVRTC_ERROR_COMPILATION;
  return REFUSE(call, NOT_MODELLED,
                end == MODULE_REFUSED ? NVRTC_ERROR_COMPILATION : NVRTC_ERROR_INTERNAL_ERROR,
                "%s: %s", p->name, p->log);
}

static Program *find_compiled(CudaCall call, const void *handle) {
  Program *p = find(call, handle);
  if (p && !p->compiled) {
    sim_fault(call, CUSIM_INVALID, "'%s' was not compiled", p->name);
    return NULL;
  }
  return p;
}

nvrtcResult sim_nvrtcGetProgramLogSize(nvrtcProgram handle, size_t *out) {
  SIM_BEGIN(nvrtcGetProgramLogSize, nvrtcResult);
  Program *p = find_compiled(CUDA_CALL_nvrtcGetProgramLogSize, (void *)handle);
  if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
  *out = strlen(p->log) + 1;
  return NVRTC_SUCCESS;
}

nvrtcResult sim_nvrtcGetProgramLog(nvrtcProgram handle, char *out) {
  SIM_BEGIN(nvrtcGetProgramLog, nvrtcResult);
  Program *p = find_compiled(CUDA_CALL_nvrtcGetProgramLog, (void *)handle);
  if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
  memcpy(out, p->log, strlen(p->log) + 1);
  return NVRTC_SUCCESS;
}

static const Image *find_image(CudaCall call, const void *handle) {
  const Program *p = find_compiled(call, handle);
  if (!p) return NULL;
  if (!p->image) sim_fault(call, CUSIM_INVALID, "'%s' did not compile", p->name);
  return p->image;
}

nvrtcResult sim_nvrtcGetCUBINSize(nvrtcProgram handle, size_t *out) {
  SIM_BEGIN(nvrtcGetCUBINSize, nvrtcResult);
  const Image *image = find_image(CUDA_CALL_nvrtcGetCUBINSize, (void *)handle);
  if (!image) return NVRTC_ERROR_INVALID_PROGRAM;
  *out = image->bytes;
  return NVRTC_SUCCESS;
}

nvrtcResult sim_nvrtcGetCUBIN(nvrtcProgram handle, char *out) {
  SIM_BEGIN(nvrtcGetCUBIN, nvrtcResult);
  const Image *image = find_image(CUDA_CALL_nvrtcGetCUBIN, (void *)handle);
  if (!image) return NVRTC_ERROR_INVALID_PROGRAM;
  memcpy(out, image, image->bytes);
  return NVRTC_SUCCESS;
}
