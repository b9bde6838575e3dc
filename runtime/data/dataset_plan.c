/* Data sets for a plan: its domains tell which arm of a protocol of the paper is meant. */
#include "runtime/data/dataset.h"

#include "graph/plan/plan.h"

#include <stdlib.h>

Status dataset_read_of_plan(const char *path, const PaperChoice *choice, bool targets,
                            const struct Plan *plan, Diag *diag, DataSet **out) {
  PaperAsk ask = {.choice = *choice, .targets = targets};
  uint32_t n = plan && plan->has_training ? plan->training.n_domains : 0;
  const char **names = calloc(n + 1u, sizeof *names);
  *out = NULL;
  if (!names) return diag_no_memory(diag, n * sizeof *names);
  for (uint32_t i = 0; i < n; i++) names[i] = plan_text(plan, plan->training.domains[i]);
  ask.domains = n ? names : NULL;
  ask.n_domains = n;
  Status status = dataset_read_for(path, &ask, diag, out);
  free(names);
  return status;
}
