/* Kernels: images, names, launches.
 *
 * A kernel is compiled from a text, or a C function that the test registers.  An image is NVRTC's
 * (image.h), or a text: "cusim" and the names of registered kernels between blanks. */
#include "tests/cusim/grid.h"
#include "tests/cusim/image.h"
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS 256
#define PARAM_BYTES 4096
#define SHARED_PLAIN ((size_t)48 << 10) /* without asking for more */

typedef struct Library Library;
typedef struct Loaded {
  struct Loaded *next;
  Library *of;
  const char *name;
  const CusimKernel *kernel; /* one of them */
  const CusimEntry *entry;
  uint32_t threads;     /* most in a block; 0: the device's */
  size_t fixed, shared; /* static shared memory; dynamic, that it may ask for, on each device */
} Loaded;

struct Library {
  Library *next;
  char *names;
  const CusimModule *module; /* NULL: of registered kernels */
  bool unloaded;
  Loaded *kernels;
  uint32_t given[THREADS]; /* the number of the last launch */
};
static Library *libraries;

/* Values lie behind each other, each on 16 bytes. */
typedef struct Launch {
  const Loaded *kernel;
  Library *of;
  CusimGrid grid;
  size_t n, bytes;
  uint16_t at[PARAMS];
  _Alignas(16) unsigned char values[PARAM_BYTES];
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

/* A CUBIN runs on devices of its architecture, and on those of a higher minor number. */
static bool load_image(CudaCall call, const Image *image, Library *out, cudaError_t *error) {
  uint32_t device = device_capability();
  if (image->architecture / 10 != device / 10 || image->architecture > device) {
    *error = SIM_REFUSE(call, ARCHITECTURE, cudaErrorNoKernelImageForDevice,
                        "an image for sm_%u on a device of sm_%u", image->architecture, device);
    return false;
  }
  char *log = NULL;
  ModuleEnd end = image_make(image, &out->module, &log);
  if (end != MODULE_OK)
    *error = SIM_REFUSE(call, NOT_MODELLED, cudaErrorInvalidKernelImage, "%s",
                        log ? log : "the text of the image does not compile");
  free(log);
  return end == MODULE_OK;
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
  cudaError_t error;
  bool text = code && strncmp(code, IMAGE_MAGIC, sizeof IMAGE_MAGIC) == 0;
  if (!text && (!code || strncmp(code, "cusim ", 6) != 0))
    return SIM_REFUSE(call, NOT_MODELLED, cudaErrorInvalidKernelImage,
                      "this image is not the simulator's");
  Library *l = calloc(1, sizeof *l);
  if (l && !text) l->names = strdup((const char *)code + 6);
  if (!l || (!text && !l->names)) {
    free(l);
    return sim_error(cudaErrorMemoryAllocation);
  }
  if (text && !load_image(call, code, l, &error)) {
    free(l);
    return error;
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

static bool find_registered(CudaCall call, const Library *l, const char *name, Loaded *out,
                            cudaError_t *error) {
  if (!has_word(l->names, name)) {
    *error = SIM_REFUSE(call, KERNEL_NAME, cudaErrorSymbolNotFound, "the image has no kernel '%s'",
                        name);
    return false;
  }
  for (uint32_t i = 0; i < sim.options.n_kernels; i++) {
    const CusimKernel *k = &sim.options.kernels[i];
    if (strcmp(k->name, name) != 0) continue;
    *out = (Loaded){.name = k->name, .kernel = k, .threads = k->threads, .fixed = k->shared};
    return true;
  }
  *error = SIM_REFUSE(call, NOT_MODELLED, cudaErrorSymbolNotFound,
                      "the kernel '%s' is not registered with the simulator", name);
  return false;
}

static bool find_entry(CudaCall call, const Library *l, const char *name, Loaded *out,
                       cudaError_t *error) {
  for (unsigned i = 0; i < l->module->n_entries; i++) {
    const CusimEntry *e = &l->module->entries[i];
    if (strcmp(e->name, name) != 0) continue;
    size_t fixed = (size_t)(e->shared_end - e->shared) + (size_t)(e->common_end - e->common);
    *out = (Loaded){.name = e->name, .entry = e, .threads = e->threads, .fixed = fixed};
    if (e->n_params <= PARAMS && fixed <= SHARED_PLAIN) return true;
    *error = SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorInvalidKernelImage,
                        "'%s' has %u parameters and %zu bytes of static shared memory", name,
                        e->n_params, fixed);
    return false;
  }
  *error =
      SIM_REFUSE(call, KERNEL_NAME, cudaErrorSymbolNotFound, "the image has no kernel '%s'", name);
  return false;
}

cudaError_t sim_cudaLibraryGetKernel(cudaKernel_t *out, cudaLibrary_t handle, const char *name) {
  SIM_BEGIN(cudaLibraryGetKernel, cudaError_t);
  const CudaCall call = CUDA_CALL_cudaLibraryGetKernel;
  cudaError_t error;
  Loaded found;
  Library *l = find_library(call, handle, &error);
  if (!l) return error;
  if (!(l->module ? find_entry : find_registered)(call, l, name, &found, &error)) return error;
  Loaded *k = malloc(sizeof *k);
  if (!k) return sim_error(cudaErrorMemoryAllocation);
  *k = found;
  k->next = l->kernels;
  k->of = l;
  k->shared = SHARED_PLAIN - k->fixed;
  l->kernels = k;
  *out = (cudaKernel_t)(void *)k;
  return cudaSuccess;
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
  if (value < 0 || (size_t)value + k->fixed > device_shared() || device < 0 ||
      device >= (int)sim.options.devices)
    return SIM_REFUSE(call, INVALID, cudaErrorInvalidValue,
                      "%d bytes of shared memory on device %d are not to be had", value, device);
  k->shared = (size_t)value;
  return cudaSuccess;
}

/* ---- launches ---- */

static cudaError_t run_launch(void *payload) {
  Launch *l = payload;
  void *args[PARAMS + 1];
  for (size_t i = 0; i < l->n; i++) args[i] = l->values + l->at[i];
  const Loaded *k = l->kernel;
  return k->entry ? grid_run(l->of->module, k->entry, &l->grid, args)
                  : k->kernel->run(&l->grid, args);
}

/* A parameter; false: there are no more. */
static bool param(const Loaded *k, size_t i, size_t *bytes, bool *pointer) {
  if (k->entry) {
    if (i >= k->entry->n_params) return false;
    *bytes = k->entry->sizes[i];
    *pointer = k->entry->kinds[i] == 'p';
    return true;
  }
  char c = k->kernel->params[i];
  *bytes = c == 'i' || c == 'f' ? 4 : 8;
  *pointer = c == 'p';
  return c && i < PARAMS;
}

static bool fits(const Loaded *k, const CusimGrid *g, cudaError_t *out) {
  const CudaCall call = CUDA_CALL_cudaLaunchKernel;
  uint64_t threads = (uint64_t)g->block.x * g->block.y * g->block.z;
  if (!g->grid.x || !g->grid.y || !g->grid.z || !threads || g->grid.x > 2147483647u ||
      g->grid.y > 65535 || g->grid.z > 65535 || g->block.x > 1024 || g->block.y > 1024 ||
      g->block.z > 64 || threads > 1024) {
    *out = SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorInvalidConfiguration,
                      "'%s': a grid of %u x %u x %u blocks of %u x %u x %u threads", k->name,
                      g->grid.x, g->grid.y, g->grid.z, g->block.x, g->block.y, g->block.z);
    return false;
  }
  if (k->threads && threads > k->threads) {
    *out = SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorLaunchOutOfResources,
                      "'%s': %llu threads in a block, which its registers allow %u", k->name,
                      (unsigned long long)threads, k->threads);
    return false;
  }
  if (g->shared > k->shared) {
    *out = SIM_REFUSE(call, LAUNCH_LIMITS, cudaErrorInvalidValue,
                      "'%s': %zu bytes of dynamic shared memory, of which it may have %zu", k->name,
                      g->shared, k->shared);
    return false;
  }
  return true;
}

/* Copies the values, as the real call does.  Pointers are NULL or into memory of the device. */
static bool take_arguments(const Loaded *k, void **args, int device, Launch *out) {
  const CudaCall call = CUDA_CALL_cudaLaunchKernel;
  size_t bytes;
  bool pointer;
  for (size_t i = 0; param(k, i, &bytes, &pointer); i++) {
    if (!args || !args[i]) {
      sim_fault(call, CUSIM_KERNEL_ARGUMENT, "'%s': argument %zu is missing", k->name, i);
      return false;
    }
    if (bytes > PARAM_BYTES - out->bytes) {
      sim_fault(call, CUSIM_LAUNCH_LIMITS, "'%s': more than %d bytes of arguments", k->name,
                PARAM_BYTES);
      return false;
    }
    memcpy(out->values + out->bytes, args[i], bytes);
    out->at[out->n++] = (uint16_t)out->bytes;
    out->bytes += (bytes + 15) / 16 * 16;
    if (!pointer) continue;
    void *at;
    memcpy(&at, args[i], sizeof at);
    const Block *b = at ? block_at(at) : NULL;
    if (at && (!b || b->device != device || b->released)) {
      sim_fault(call, CUSIM_KERNEL_ARGUMENT, "'%s': argument %zu is no memory of device %d",
                k->name, i, device);
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
  Launch l = {.kernel = k, .of = k->of, .grid = {.grid = grid, .block = block, .shared = shared}};
  if (!fits(k, &l.grid, &error)) return error;
  if (!take_arguments(k, args, s->device, &l)) return sim_error(cudaErrorInvalidValue);
  if (!declared)
    return SIM_REFUSE(call, DECLARATION, cudaErrorInvalidValue,
                      "'%s': its accesses are not declared", k->name);
  return stream_put(
      s, work_create(call, caller.declared, caller.n_declared, run_launch, &l, sizeof l));
}
