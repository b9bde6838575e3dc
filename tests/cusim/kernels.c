/* Kernels: images, names, launches.
 *
 * A kernel is a C function that the test registers.  An image is a text: "cusim" and the names of
 * kernels between blanks. */
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS 32
#define SHARED_PLAIN ((size_t)48 << 10) /* without asking for more */
#define SHARED_MOST ((size_t)227 << 10)

typedef struct Library Library;
typedef struct Loaded {
  struct Loaded *next;
  Library *of;
  const CusimKernel *kernel;
  size_t shared; /* dynamic, that it may ask for, on each device */
} Loaded;

struct Library {
  Library *next;
  char *names;
  bool unloaded;
  Loaded *kernels;
  uint32_t given[THREADS]; /* the number of the last launch */
};
static Library *libraries;

typedef struct Launch {
  const CusimKernel *kernel;
  Library *of;
  CusimGrid grid;
  unsigned char values[PARAMS][8];
} Launch;

void kernels_find_leaks(void) {
  for (Library *l = libraries; l; l = l->next)
    if (!l->unloaded)
      sim_fault(CUDA_CALL_cudaLibraryLoadData, CUSIM_LEAK, "a library was not unloaded");
}

void kernels_close(void) {
  for (Library *l = libraries, *next; l; l = next) {
    next = l->next;
    for (Loaded *k = l->kernels, *after; k; k = after) {
      after = k->next;
      free(k);
    }
    free(l->names);
    free(l);
  }
  libraries = NULL;
}

cudaError_t sim_cudaLibraryLoadData(cudaLibrary_t *out, const void *code,
                                    enum cudaJitOption *jit_options, void **jit_values,
                                    unsigned n_jit, enum cudaLibraryOption *options, void **values,
                                    unsigned n) {
  SIM_BEGIN(cudaLibraryLoadData, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaLibraryLoadData;
  (void)jit_options, (void)jit_values, (void)options, (void)values;
  if (n_jit || n)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported, "options are not modelled");
  if (capture_interrupt())
    return SIM_REFUSE(call, CAPTURE_UNSAFE, cudaErrorStreamCaptureUnsupported,
                      "called while a stream is captured");
  if (!code || strncmp(code, "cusim ", 6) != 0)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorInvalidKernelImage,
                      "this image is not the simulator's");
  Library *l = calloc(1, sizeof *l);
  if (l) l->names = strdup((const char *)code + 6);
  if (!l || !l->names) {
    free(l);
    return sim_error(cudaErrorMemoryAllocation);
  }
  l->next = libraries;
  libraries = l;
  *out = (cudaLibrary_t)(void *)l;
  return cudaSuccess;
}

static Library *find_library(CudaCall call, const void *handle, cudaError_t *out) {
  for (Library *l = libraries; l; l = l->next)
    if ((void *)l == handle && !l->unloaded) return l;
  *out = SIM_REFUSE(call, HANDLE, cudaErrorInvalidResourceHandle,
                    "%p is no library, or one that was unloaded", handle);
  return NULL;
}

void kernel_given(const Work *w, uint32_t thread, uint32_t number) {
  Library *l = ((const Launch *)w->payload)->of;
  if (l->unloaded)
    sim_fault(w->call, CUSIM_HANDLE, "a graph launches a kernel of a library that was unloaded");
  l->given[thread] = number;
}

cudaError_t sim_cudaLibraryUnload(cudaLibrary_t handle) {
  SIM_BEGIN(cudaLibraryUnload, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaLibraryUnload;
  cudaError_t error;
  Library *l = find_library(call, handle, &error);
  if (!l) return error;
  if (capture_interrupt())
    return SIM_REFUSE(call, CAPTURE_UNSAFE, cudaErrorStreamCaptureUnsupported,
                      "called while a stream is captured");
  for (uint32_t t = 0; t < THREADS; t++)
    if (l->given[t] > sim.host.of[t]) {
      sim_fault(call, CUSIM_BUSY, "nobody waited for a launch of one of its kernels");
      break;
    }
  l->unloaded = true;
  return cudaSuccess;
}

static bool has_word(const char *words, const char *word) {
  size_t n = strlen(word);
  for (const char *at = words; *at; at += strspn(at, " ")) {
    size_t length = strcspn(at, " ");
    if (length == n && memcmp(at, word, n) == 0) return true;
    at += length;
  }
  return false;
}

cudaError_t sim_cudaLibraryGetKernel(cudaKernel_t *out, cudaLibrary_t handle, const char *name) {
  SIM_BEGIN(cudaLibraryGetKernel, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaLibraryGetKernel;
  cudaError_t error;
  Library *l = find_library(call, handle, &error);
  if (!l) return error;
  if (!has_word(l->names, name))
    return SIM_REFUSE(call, KERNEL_NAME, cudaErrorSymbolNotFound, "the image has no kernel '%s'",
                      name);
  for (uint32_t i = 0; i < sim.options.n_kernels; i++) {
    if (strcmp(sim.options.kernels[i].name, name) != 0) continue;
    Loaded *k = calloc(1, sizeof *k);
    if (!k) return sim_error(cudaErrorMemoryAllocation);
    *k = (Loaded){.next = l->kernels,
                  .of = l,
                  .kernel = &sim.options.kernels[i],
                  .shared = SHARED_PLAIN - sim.options.kernels[i].shared};
    l->kernels = k;
    *out = (cudaKernel_t)(void *)k;
    return cudaSuccess;
  }
  return SIM_REFUSE(call, NOT_MODELLED, cudaErrorSymbolNotFound,
                    "the kernel '%s' is not registered with the simulator", name);
}

static Loaded *find_kernel(CudaCall call, const void *handle, cudaError_t *out) {
  for (Library *l = libraries; l; l = l->next)
    for (Loaded *k = l->kernels; k; k = k->next)
      if ((void *)k == handle && !l->unloaded) return k;
  *out = SIM_REFUSE(call, HANDLE, cudaErrorInvalidDeviceFunction,
                    "%p is no kernel, or one of a library that was unloaded", handle);
  return NULL;
}

cudaError_t sim_cudaKernelSetAttributeForDevice(cudaKernel_t handle, enum cudaFuncAttribute what,
                                                int value, int device) {
  SIM_BEGIN(cudaKernelSetAttributeForDevice, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaKernelSetAttributeForDevice;
  cudaError_t error;
  Loaded *k = find_kernel(call, handle, &error);
  if (!k) return error;
  if (what != cudaFuncAttributeMaxDynamicSharedMemorySize)
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorNotSupported, "attribute %d is not modelled",
                      (int)what);
  if (value < 0 || (size_t)value + k->kernel->shared > SHARED_MOST || device < 0 ||
      device >= (int)sim.options.devices)
    return SIM_REFUSE(call, INVALID, cudaErrorInvalidValue,
                      "%d bytes of shared memory on device %d are not to be had", value, device);
  k->shared = (size_t)value;
  return cudaSuccess;
}

/* ---- launches ---- */

static cudaError_t run_launch(void *payload) {
  Launch *l = payload;
  void *args[PARAMS];
  for (size_t i = 0; i < PARAMS; i++) args[i] = l->values[i];
  return l->kernel->run(&l->grid, args);
}

static size_t size_of(char param) {
  return param == 'i' || param == 'f' ? 4 : param == 'p' || param == 'l' || param == 'd' ? 8 : 0;
}

static bool fits(const Loaded *k, const CusimGrid *g, cudaError_t *out) {
  const CudaCall call = CUDA_CALL_cudaLaunchKernel;
  uint64_t threads = (uint64_t)g->block.x * g->block.y * g->block.z;
  if (!g->grid.x || !g->grid.y || !g->grid.z || !threads || g->grid.x > 2147483647u ||
      g->grid.y > 65535 || g->grid.z > 65535 || g->block.x > 1024 || g->block.y > 1024 ||
      g->block.z > 64 || threads > 1024) {
    *out =
        SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorInvalidConfiguration,
                   "'%s': a grid of %u x %u x %u blocks of %u x %u x %u threads", k->kernel->name,
                   g->grid.x, g->grid.y, g->grid.z, g->block.x, g->block.y, g->block.z);
    return false;
  }
  if (k->kernel->threads && threads > k->kernel->threads) {
    *out = SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorLaunchOutOfResources,
                      "'%s': %llu threads in a block, which its registers allow %u",
                      k->kernel->name, (unsigned long long)threads, k->kernel->threads);
    return false;
  }
  if (g->shared > k->shared) {
    *out = SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorInvalidValue,
                      "'%s': %zu bytes of dynamic shared memory, of which it may have %zu",
                      k->kernel->name, g->shared, k->shared);
    return false;
  }
  return true;
}

/* Copies the values, as the real call does.  Pointers are NULL or into memory of the device. */
static bool take_arguments(const Loaded *k, void **args, int device, Launch *out) {
  const CudaCall call = CUDA_CALL_cudaLaunchKernel;
  size_t n = strlen(k->kernel->params);
  if (n > PARAMS || (n && !args)) {
    sim_fault(call, CUSIM_KERNEL_ARGUMENT, "'%s': no arguments", k->kernel->name);
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    size_t size = size_of(k->kernel->params[i]);
    if (!size || !args[i]) {
      sim_fault(call, CUSIM_KERNEL_ARGUMENT, "'%s': argument %zu is missing", k->kernel->name, i);
      return false;
    }
    memcpy(out->values[i], args[i], size);
    if (k->kernel->params[i] != 'p') continue;
    void *at;
    memcpy(&at, args[i], sizeof at);
    const Block *b = at ? block_at(at) : NULL;
    if (at && (!b || b->device != device || b->released)) {
      sim_fault(call, CUSIM_KERNEL_ARGUMENT, "'%s': argument %zu is no memory of device %d",
                k->kernel->name, i, device);
      return false;
    }
  }
  return true;
}

cudaError_t sim_cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **args,
                                 size_t shared, cudaStream_t handle) {
  SIM_BEGIN(cudaLaunchKernel, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaLaunchKernel;
  cudaError_t error;
  bool declared = caller.declares;
  caller.declares = false;
  Loaded *k = find_kernel(call, function, &error);
  Stream *s = k ? stream_find(call, handle, &error) : NULL;
  if (!s) return error;
  if (s->device != caller.device)
    return SIM_REFUSE(call, CURRENT_DEVICE, cudaErrorInvalidResourceHandle,
                      "a stream of device %d, while %d is current", s->device, caller.device);
  Launch l = {
      .kernel = k->kernel, .of = k->of, .grid = {.grid = grid, .block = block, .shared = shared}};
  if (!fits(k, &l.grid, &error)) return error;
  if (!take_arguments(k, args, s->device, &l)) return sim_error(cudaErrorInvalidValue);
  if (!declared)
    return SIM_REFUSE(call, DECLARATION, cudaErrorInvalidValue,
                      "'%s': its accesses are not declared", k->kernel->name);
  return stream_put(
      s, work_create(call, caller.declared, caller.n_declared, run_launch, &l, sizeof l));
}
