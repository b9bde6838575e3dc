/* One of NVIDIA's GPUs as a device. */
#ifndef RUNTIME_CUDA_DEVICE_CUDA_H
#define RUNTIME_CUDA_DEVICE_CUDA_H

#include "runtime/device/device.h"

extern const DeviceTable device_cuda;

#endif
