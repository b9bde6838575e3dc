/* Fills the table of calls from shared libraries.  They are found as any program finds its
 * libraries (LD_LIBRARY_PATH, ldconfig), then where the CUDA Toolkit is installed, and stay loaded.
 */
#include "runtime/cuda/libraries.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Library {
  const char *name, *package;
} Library;
static const Library libraries[CUDA_LIBRARIES] = {
    [CUDA_LIBRARY_CUDART] = {"libcudart.so.13", "the CUDA Toolkit, 13 or later"},
    [CUDA_LIBRARY_CUBLAS] = {"libcublas.so.13", "the CUDA Toolkit, 13 or later"},
    [CUDA_LIBRARY_CUDNN] = {"libcudnn.so.9", "cuDNN 9"},
    [CUDA_LIBRARY_NCCL] = {"libnccl.so.2", "NCCL 2"},
    [CUDA_LIBRARY_NVRTC] = {"libnvrtc.so.13", "the CUDA Toolkit, 13 or later"}};

typedef struct Symbol {
  CudaLibrary library;
  const char *name;
  size_t offset;
} Symbol;
static const Symbol symbols[] = {
#define CALL(LIBRARY, NAME) {CUDA_LIBRARY_##LIBRARY, #NAME, offsetof(CudaCalls, NAME)},
#include "kernels/cuda/calls.inc"
#undef CALL
};

static CudaCalls table;
static bool loaded[CUDA_LIBRARIES];
static const CudaCalls *replaced;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void cuda_libraries_replace(const CudaCalls *calls) {
  replaced = calls;
}

bool cuda_libraries_replaced(void) {
  return replaced != NULL;
}

static void *open_library(const char *name) {
  static const char *const folders[] = {"/usr/local/cuda/lib64", "/usr/local/cuda-13/lib64"};
  const char *home = getenv("CUDA_HOME");
  char path[512];
  void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!handle && home) {
    snprintf(path, sizeof path, "%.400s/lib64/%s", home, name);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  }
  for (size_t i = 0; !handle && i < sizeof folders / sizeof *folders; i++) {
    snprintf(path, sizeof path, "%s/%s", folders[i], name);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  }
  return handle;
}

static Status load(CudaLibrary library, KernelError *error) {
  const Library *l = &libraries[library];
  void *handle = open_library(l->name);
  if (!handle) {
    snprintf(error->text, sizeof error->text,
             "%s is not there: install %s, or name its folder in LD_LIBRARY_PATH", l->name,
             l->package);
    return STATUS_SYSTEM;
  }
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    if (symbols[i].library != library) continue;
    void *function = dlsym(handle, symbols[i].name);
    if (!function) {
      snprintf(error->text, sizeof error->text, "%s has no '%s': it is of another version than %s",
               l->name, symbols[i].name, l->package);
      return STATUS_SYSTEM;
    }
    memcpy((char *)&table + symbols[i].offset, &function, sizeof function);
  }
  return STATUS_OK;
}

Status cuda_library(CudaLibrary library, KernelError *error, const CudaCalls **out) {
  *out = replaced ? replaced : &table;
  if (replaced) return STATUS_OK;
  pthread_mutex_lock(&lock);
  Status status = loaded[library] ? STATUS_OK : load(library, error);
  loaded[library] |= status == STATUS_OK;
  pthread_mutex_unlock(&lock);
  return status;
}
