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

Status device_wishes_none(const char *name, const DeviceWishes *wishes, Diag *diag) {
  const char *what = wishes->tf32 ? "--math" : wishes->no_graph ? "--no-graph" : "--device";
  if (!wishes->which && !wishes->tf32 && !wishes->no_graph) return STATUS_OK;
  const char *hint = wishes->tf32 || wishes->no_graph ? "leave it out, or --device=cuda"
                                                      : "--threads=N says how many cores compute";
  return diag_error(diag, STATUS_USAGE, what, hint, "the device '%s' %s", name,
                    wishes->tf32       ? "computes in the plan's precision: --math=tf32 is for cuda"
                    : wishes->no_graph ? "captures no graphs: --no-graph is for cuda"
                                       : "is one: nothing stands behind its name");
}
