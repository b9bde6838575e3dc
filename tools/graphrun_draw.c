/* graphrun_draw PLAN network|step OUT.svg: the pictures that graphrun train has on a run's page.  A
 * program of its own, beside graphrun: training is not linked to Graphviz, does not wait for a
 * layout, and is not ended by one that fails.  It says nothing; its exit code tells. */
#include "compiler/peak_marks.h"
#include "graph/draw/draw.h"
#include "kernels/targets.h"
#include "ops/ops.h"
#include "ops/verify.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const PlanProgram *first_of(const Plan *plan, ProgramKind kind) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (plan->programs[i].kind == kind) return &plan->programs[i];
  return NULL;
}

/* The network is the program that evaluates, the step the first that trains; NULL: there is none.
 */
static const PlanProgram *choose(const Plan *plan, const char *what) {
  if (strcmp(what, "network") == 0) return first_of(plan, PROGRAM_EVALUATE);
  return strcmp(what, "step") == 0 ? first_of(plan, PROGRAM_TRAIN) : NULL;
}

int main(int argc, char **argv) {
  Plan *plan = NULL;
  DrawOptions options = {.format = "svg"};
  if (argc != 4) return STATUS_USAGE;
  if (nice(10) < 0) { /* then it is in nobody's way but slower */
  }
  Status status = plan_read(argv[1], ops_table(), targets_table(), NULL, &plan);
  if (status == STATUS_OK) status = verify_plan(plan, argv[1], NULL);
  const PlanProgram *program = status == STATUS_OK ? choose(plan, argv[2]) : NULL;
  ViewPeak *peak = NULL;
  if (status == STATUS_OK && !program) status = STATUS_INVALID;
  if (status == STATUS_OK) status = peak_marks(plan, program, NULL, &peak, &options.view.n_peak);
  options.view.peak = peak;
  if (status == STATUS_OK)
    status = draw_program(plan, program, ops_table(), &options, argv[3], NULL);
  free(peak);
  plan_destroy(plan);
  return (int)status;
}
