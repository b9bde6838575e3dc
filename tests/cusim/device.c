/* Devices, versions and errors. */
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <string.h>

uint32_t device_capability(void) {
  return sim.options.capability ? sim.options.capability : 90;
}

size_t device_shared(void) {
  uint32_t c = device_capability();
  return (size_t)(c == 80 ? 163 : c / 10 == 8 || c / 10 == 12 ? 99 : 227) << 10;
}

/* Facts of the device that is modelled: a small one.  What is not set here is zero. */
static void properties_set(struct cudaDeviceProp *p, int device) {
  *p = (struct cudaDeviceProp){.totalGlobalMem = sim.options.memory,
                               .sharedMemPerBlock = 48 << 10,
                               .sharedMemPerBlockOptin = device_shared(),
                               .reservedSharedMemPerBlock = 1 << 10,
                               .sharedMemPerMultiprocessor = device_shared() + (1 << 10),
                               .regsPerBlock = 65536,
                               .regsPerMultiprocessor = 65536,
                               .warpSize = 32,
                               .maxThreadsPerBlock = 1024,
                               .maxThreadsDim = {1024, 1024, 64},
                               .maxGridSize = {2147483647, 65535, 65535},
                               .maxThreadsPerMultiProcessor = 2048,
                               .major = (int)device_capability() / 10,
                               .minor = (int)device_capability() % 10,
                               .multiProcessorCount = 4,
                               .concurrentKernels = 1,
                               .asyncEngineCount = 2,
                               .unifiedAddressing = 1,
                               .l2CacheSize = 1 << 20};
  snprintf(p->name, sizeof p->name, "cusim %d", device);
  memcpy(p->uuid.bytes, "cusim device   ", 15);
  p->uuid.bytes[15] = (char)device;
}

cudaError_t sim_cudaDriverGetVersion(int *version) {
  SIM_BEGIN(cudaDriverGetVersion, cudaError_t);
  *version = sim.options.devices ? CUDART_VERSION : 0; /* without a driver: 0 */
  return cudaSuccess;
}

cudaError_t sim_cudaRuntimeGetVersion(int *version) {
  SIM_BEGIN(cudaRuntimeGetVersion, cudaError_t);
  *version = CUDART_VERSION;
  return cudaSuccess;
}

/* Names are those of the header; what they say is ours. */
static const char *error_name(cudaError_t error) {
  switch (error) {
#define NAME(code)                                                                                 \
  case code:                                                                                       \
    return #code
    NAME(cudaSuccess);
    NAME(cudaErrorInvalidValue);
    NAME(cudaErrorMemoryAllocation);
    NAME(cudaErrorInitializationError);
    NAME(cudaErrorInvalidConfiguration);
    NAME(cudaErrorInvalidMemcpyDirection);
    NAME(cudaErrorInsufficientDriver);
    NAME(cudaErrorInvalidDeviceFunction);
    NAME(cudaErrorNoDevice);
    NAME(cudaErrorInvalidDevice);
    NAME(cudaErrorInvalidKernelImage);
    NAME(cudaErrorNoKernelImageForDevice);
    NAME(cudaErrorInvalidResourceHandle);
    NAME(cudaErrorSymbolNotFound);
    NAME(cudaErrorNotReady);
    NAME(cudaErrorIllegalAddress);
    NAME(cudaErrorLaunchOutOfResources);
    NAME(cudaErrorLaunchFailure);
    NAME(cudaErrorNotSupported);
    NAME(cudaErrorStreamCaptureUnsupported);
    NAME(cudaErrorStreamCaptureInvalidated);
    NAME(cudaErrorStreamCaptureMerge);
    NAME(cudaErrorStreamCaptureUnmatched);
    NAME(cudaErrorStreamCaptureUnjoined);
    NAME(cudaErrorStreamCaptureIsolation);
    NAME(cudaErrorCapturedEvent);
#undef NAME
  default:
    return "unrecognized error code";
  }
}

const char *sim_cudaGetErrorName(cudaError_t error) {
  SIM_ENTER(cudaGetErrorName);
  return error_name(error);
}

const char *sim_cudaGetErrorString(cudaError_t error) {
  SIM_ENTER(cudaGetErrorString);
  return error_name(error);
}

/* Gives the last error and forgets it, unless it stays. */
cudaError_t sim_cudaGetLastError(void) {
  SIM_BEGIN(cudaGetLastError, cudaError_t);
  cudaError_t last = caller.last;
  caller.last = sim.sticky;
  return last;
}

cudaError_t sim_cudaPeekAtLastError(void) {
  SIM_BEGIN(cudaPeekAtLastError, cudaError_t);
  return caller.last;
}

cudaError_t sim_cudaGetDeviceCount(int *count) {
  SIM_BEGIN(cudaGetDeviceCount, cudaError_t);
  *count = (int)sim.options.devices;
  return sim.options.devices ? cudaSuccess : sim_error(cudaErrorNoDevice);
}

/* No number of a device. */
static bool is_device(CudaCall call, int device, cudaError_t *out) {
  if (!sim.options.devices)
    *out = sim_error(cudaErrorNoDevice);
  else if (device < 0 || device >= (int)sim.options.devices)
    *out = SIM_REFUSE(call, INVALID, cudaErrorInvalidDevice, "there is no device %d", device);
  else
    return true;
  return false;
}

cudaError_t sim_cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
  SIM_BEGIN(cudaGetDeviceProperties, cudaError_t);
  cudaError_t error;
  if (!is_device(CUDA_CALL_cudaGetDeviceProperties, device, &error)) return error;
  properties_set(properties, device);
  return cudaSuccess;
}

cudaError_t sim_cudaGetDevice(int *device) {
  SIM_BEGIN(cudaGetDevice, cudaError_t);
  cudaError_t error;
  if (!is_device(CUDA_CALL_cudaGetDevice, 0, &error)) return error;
  *device = caller.device;
  return cudaSuccess;
}

cudaError_t sim_cudaSetDevice(int device) {
  SIM_BEGIN(cudaSetDevice, cudaError_t);
  cudaError_t error;
  if (!is_device(CUDA_CALL_cudaSetDevice, device, &error)) return error;
  caller.device = device;
  return cudaSuccess;
}

cudaError_t sim_cudaMemGetInfo(size_t *free, size_t *total) {
  SIM_BEGIN(cudaMemGetInfo, cudaError_t);
  cudaError_t error;
  if (!is_device(CUDA_CALL_cudaMemGetInfo, 0, &error)) return error;
  *total = sim.options.memory;
  *free = sim.options.memory - sim.used[caller.device];
  return cudaSuccess;
}
