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

Status plan_fits_ranks(const Plan *plan, uint32_t ranks, Diag *diag) {
  char hint[64];
  if (plan->ranks == ranks) return STATUS_OK;
  snprintf(hint, sizeof hint, "graphc --ranks=%u compiles for as many", ranks);
  return diag_error(diag, STATUS_INVALID, plan_place(plan), hint,
                    "the plan is for %u rank%s, there are %u", plan->ranks,
                    plan->ranks == 1 ? "" : "s", ranks);
}

static bool has_f32_products(const Plan *plan) {
  for (uint32_t p = 0; p < plan->n_programs; p++) {
    const Graph *g = plan->programs[p].graph;
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (g->nodes[id].dtype == DTYPE_F32 && node_macs(g, id) > 0) return true;
  }
  return false;
}

Status plan_fits_wishes(const Plan *plan, const DeviceWishes *wishes, Diag *diag) {
  if (!wishes->tf32 || has_f32_products(plan)) return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, "--math", "leave it out",
                    "tf32 is for products of f32, and the plan has none: it computes in %s",
                    dtype_name(plan->precision->storage));
}
