/* Devices by name, those of the program and plug-ins. */
#ifndef RUNTIME_DEVICE_FIND_H
#define RUNTIME_DEVICE_FIND_H

#include "runtime/device/device.h"

#define DEVICE_DEFAULT "cpu"

/* The device of this name: one of the program (a runtime/device/device_NAME.c), else the plug-in
 * device_NAME.so where graph/base/beside.h finds it.  A name with a slash is a plug-in's path.
 * STATUS_SYSTEM when there is none; the message lists those that there are. */
Status device_find(const char *name, Diag *diag, const DeviceTable **out_device);
/* The same of NAME or NAME:WHICH, as --device has it; out_wishes->which becomes what stands behind
 * the colon, in `text`. */
Status device_choose(const char *text, Diag *diag, const DeviceTable **out_device,
                     DeviceWishes *out_wishes);

/* `cpu cuda`: those of the program and the plug-ins that lie where they are looked for. */
const char *device_names(char *text, size_t size);
/* ` (no cuda: it was built without cudnn.h)`, or "". */
const char *device_lacks(char *text, size_t size);

#endif
