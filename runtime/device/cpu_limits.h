/* What this machine's processors and memory can do at most. */
#ifndef RUNTIME_DEVICE_CPU_LIMITS_H
#define RUNTIME_DEVICE_CPU_LIMITS_H

#include "graph/base/threads.h"
#include "runtime/device/device.h"

/* Measures with all threads of the threads; some 0.3 s and 192 MB, released again. */
Status cpu_limits(Threads *threads, DType type, DeviceLimits *out, KernelError *error);

#endif
