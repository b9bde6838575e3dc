/* Plug-ins: devices that a program loads when they are asked for, so that it needs none of their
 * libraries.
 *
 * A plug-in is a shared object, made by add_device in CMake, which exports the DevicePlugin below
 * and nothing else.  The parts of graph/, ops/ and kernels/ that it uses are its own copies; it
 * shares with the program what goes through the tables, so both must be of one build. */
#ifndef RUNTIME_DEVICE_PLUGIN_H
#define RUNTIME_DEVICE_PLUGIN_H

#include "graph/plan/plan.h"
#include "runtime/device/device.h"

/* What the two must agree on.  The number is for changes that leave every size as it was. */
#define DEVICE_PLUGIN_BUILD                                                                        \
  {                                                                                                \
    4, PLAN_VERSION, sizeof(DeviceTable), sizeof(Backend), sizeof(Target), sizeof(Graph),          \
        sizeof(Node), sizeof(KernelSpec), sizeof(DeviceOptions), sizeof(DeviceCollective),         \
        sizeof(Ranks), sizeof(RanksTable)                                                          \
  }

typedef struct DevicePlugin {
  uint32_t build[12]; /* DEVICE_PLUGIN_BUILD; stays first */
  const DeviceTable *device;
} DevicePlugin;

__attribute__((visibility("default"))) extern const DevicePlugin graphc_device;

/* Loads the plug-in in this file; it stays loaded.  STATUS_SYSTEM when the system cannot load it,
 * when it is none, or one of another build. */
Status device_plugin_load(const char *path, Diag *diag, const DeviceTable **out_device);

#endif
