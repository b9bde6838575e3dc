/* Reads and verifies a plan; nobody runs one that was only read. */
#include "runtime/execute/open.h"

#include "kernels/targets.h"
#include "ops/ops.h"
#include "ops/verify.h"

#include <stdio.h>

Status plan_open(const char *path, const DeviceTable *device, Diag *diag, Plan **out_plan) {
  char owner[64];
  const Target *targets[8] = {NULL};
  TargetTable own = {.targets = targets, .owner = owner};
  if (device) {
    const Target *const *other = device->backend->others;
    snprintf(owner, sizeof owner, "the device '%.32s' runs", device->name);
    targets[own.count++] = device->backend->target;
    while (other && *other && own.count < sizeof targets / sizeof *targets)
      targets[own.count++] = *other++;
  }
  TRY(plan_read(path, ops_table(), device ? &own : targets_table(), diag, out_plan));
  Status status = verify_plan(*out_plan, path, diag);
  if (status == STATUS_OK) return STATUS_OK;
  plan_destroy(*out_plan);
  *out_plan = NULL;
  return status;
}
