/* What devices share. */
#include "runtime/device/device.h"

#include <stdarg.h>
#include <stdio.h>

Status device_fail(Device *device, Status status, DeviceTag tag, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(device->error.what.text, sizeof device->error.what.text, format, args);
  va_end(args);
  device->error.tag = tag;
  return status;
}
