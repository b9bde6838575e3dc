/* graphrun_draw PLAN OUT.svg: the picture that graphrun train has on a run's page.  A program of
 * its own, beside graphrun: training is not linked to Graphviz, does not wait for a layout, and is
 * not ended by one that fails.  It says nothing; its exit code tells. */
#include "graph/draw/draw.h"
#include "kernels/targets.h"
#include "ops/ops.h"
#include "ops/verify.h"

#include <unistd.h>

/* The network: the program that evaluates, else the first. */
static const PlanProgram *choose(const Plan *plan) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (plan->programs[i].kind == PROGRAM_EVALUATE) return &plan->programs[i];
  return plan->n_programs ? &plan->programs[0] : NULL;
}

int main(int argc, char **argv) {
  Plan *plan = NULL;
  DrawOptions options = {.format = "svg"};
  if (argc != 3) return STATUS_USAGE;
  if (nice(10) < 0) { /* then it is in nobody's way but slower */
  }
  Status status = plan_read(argv[1], ops_table(), targets_table(), NULL, &plan);
  if (status == STATUS_OK) status = verify_plan(plan, argv[1], NULL);
  if (status == STATUS_OK && !choose(plan)) status = STATUS_INVALID;
  if (status == STATUS_OK)
    status = draw_program(plan, choose(plan), ops_table(), &options, argv[2], NULL);
  plan_destroy(plan);
  return (int)status;
}
