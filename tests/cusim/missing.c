/* Calls that are not modelled: each says so, and fails. */
#include "tests/cusim/sim.h"

#include <stdio.h>

static void missing(CudaCall call) {
  int unused __attribute__((cleanup(sim_leave)));
  (void)sim_enter(call, &unused);
  sim_fault(call, CUSIM_NOT_MODELLED, "%s is not modelled", cusim_call_name(call));
  fprintf(stderr, "cusim: %s is not modelled\n", cusim_call_name(call));
}

#define MISSING(name, type, value, ...)                                                            \
  type sim_##name(__VA_ARGS__) {                                                                   \
    missing(CUDA_CALL_##name);                                                                     \
    return value;                                                                                  \
  }

MISSING(nvrtcVersion, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, int *, int *)
MISSING(nvrtcGetErrorString, const char *, "not modelled", nvrtcResult)
MISSING(nvrtcCreateProgram, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram *, const char *,
        const char *, int, const char *const *, const char *const *)
MISSING(nvrtcDestroyProgram, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram *)
MISSING(nvrtcCompileProgram, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram, int,
        const char *const *)
MISSING(nvrtcGetProgramLogSize, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram, size_t *)
MISSING(nvrtcGetProgramLog, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram, char *)
MISSING(nvrtcGetCUBINSize, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram, size_t *)
MISSING(nvrtcGetCUBIN, nvrtcResult, NVRTC_ERROR_INTERNAL_ERROR, nvrtcProgram, char *)
