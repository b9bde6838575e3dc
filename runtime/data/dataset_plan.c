/* Data sets for a plan: its domains tell which arm of a protocol of the paper is meant. */
#include "runtime/data/dataset.h"

#include "graph/plan/plan.h"
#include "runtime/data/description.h"

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

Status dataset_choose(DataSet *data, const PaperAsk *ask, bool *read, Diag *diag) {
  uint32_t n = data->n_domains;
  DescriptionLine *lines = calloc(n + 1u, sizeof *lines);
  DescriptionLine **at = calloc(n + 1u, sizeof *at);
  Status status = lines && at ? STATUS_OK : diag_no_memory(diag, n * sizeof *lines);
  for (uint32_t i = 0; status == STATUS_OK && i < n; i++) {
    const DataDomain *d = &data->domains[i];
    lines[i] = (DescriptionLine){.place = data->path, .name = d->name, .layout = d->layout};
    at[i] = &lines[i];
  }
  if (status == STATUS_OK) status = description_choose(data->path, at, n, ask, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < n; i++) {
    data->domains[i].paper = lines[i].paper;
    read[i] = lines[i].read;
  }
  free(at);
  free(lines);
  return status;
}
