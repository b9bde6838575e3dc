/* The list is CMake's: runtime/device/device_NAME.c defines `const DeviceTable device_NAME`. */
#include "runtime/device/device.h"

#include <stdarg.h>
#include <stdio.h>

#define DEVICE(NAME) extern const DeviceTable device_##NAME;
#include <devices.inc>
#undef DEVICE

#define DEVICE(NAME) &device_##NAME,
static const DeviceTable *const all[] = {
#include <devices.inc>
};

const DeviceTable *device_find(const Target *target) {
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]->backend->target == target) return all[i];
  return NULL;
}

Status device_fail(Device *device, Status status, DeviceSite site, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(device->error.what.text, sizeof device->error.what.text, format, args);
  va_end(args);
  device->error.site = site;
  return status;
}
