/* What is in a plan. */
#ifndef RUNTIME_EXECUTE_INFO_H
#define RUNTIME_EXECUTE_INFO_H

#include "runtime/device/device.h"

/* Reads and verifies the plan, then prints what it holds to standard output.  With a device the
 * plan must be one that it runs; without one `wishes` is not read. */
Status info_run(const char *plan_path, const DeviceTable *device, const DeviceWishes *wishes,
                Diag *diag);

#endif
