/* Reads and verifies a plan; nobody runs one that was only read. */
#include "runtime/execute/open.h"

#include "kernels/targets.h"
#include "ops/ops.h"
#include "ops/verify.h"

#include <string.h>

Status plan_open(const char *path, Diag *diag, Plan **out_plan) {
  TRY(plan_read(path, ops_table(), targets_table(), diag, out_plan));
  Status status = verify_plan(*out_plan, path, diag);
  if (status == STATUS_OK) return STATUS_OK;
  plan_destroy(*out_plan);
  *out_plan = NULL;
  return status;
}
