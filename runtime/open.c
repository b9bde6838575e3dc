#include "runtime/open.h"

#include "ops/ops.h"
#include "ops/verify.h"

#include <string.h>

Status plan_open(const char *path, Diag *diag, Plan **out_plan) {
  TRY(plan_read(path, ops_table(), diag, out_plan));
  Status status = verify_plan(*out_plan, path, diag);
  if (status == STATUS_OK) return STATUS_OK;
  plan_destroy(*out_plan);
  *out_plan = NULL;
  return status;
}

Status plan_program_require(const Plan *plan, const char *path, const char *name, Diag *diag,
                            uint32_t *out_program) {
  *out_program = plan_program_find(plan, name);
  if (*out_program != UINT32_MAX) return STATUS_OK;
  char hint[1024] = "its programs:";
  size_t used = strlen(hint);
  for (uint32_t i = 0; i < plan->n_programs && used < sizeof hint; i++) {
    int n =
        snprintf(hint + used, sizeof hint - used, " %s", plan_text(plan, plan->programs[i].name));
    used += n > 0 ? (size_t)n : 0;
  }
  return diag_error(diag, STATUS_INVALID, path, hint, "the plan has no program '%s'", name);
}
