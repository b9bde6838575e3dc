/* What the plug-in exports. */
#include "runtime/device/plugin.h"

#include "runtime/cuda/device_cuda.h"

const DevicePlugin graphc_device = {.build = DEVICE_PLUGIN_BUILD, .device = &device_cuda};
