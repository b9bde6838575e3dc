/* Describes the images of a data set. */
#include "runtime/eval/described.h"

#include "graph/base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- who describes ---- */

/* Choices that a model makes for tests are parameters called test_...; they are shown. */
static const char *choices_of(const Plan *plan, Arena *arena) {
  const char *text = "";
  for (uint32_t i = 0; text && i < plan->n_params; i++) {
    const char *name = plan_text(plan, plan->params[i].name);
    if (strncmp(name, "test_", 5) == 0)
      text = arena_printf(arena, "%s, %s=%s", text, name, plan_text(plan, plan->params[i].value));
  }
  return text;
}

Status described_by(const TrainedNetwork *network, const char *weights, Arena *arena,
                    DescribedBy *out, Diag *diag) {
  const Plan *plan = network->plan;
  uint32_t n = plan->has_training ? plan->training.n_domains : 0;
  *out = (DescribedBy){.model = arena_strdup(arena, plan_text(plan, plan->model_name)),
                       .model_hash = plan->model_hash,
                       .weights_hash = network->hash,
                       .precision = plan->precision->name,
                       .choices = choices_of(plan, arena),
                       .weights = arena_strdup(arena, weights),
                       .step = arena_strdup(arena, network->step),
                       .params = arena_array(arena, 2 * plan->n_params + 1u, sizeof *out->params),
                       .n_params = plan->n_params,
                       .domains = arena_array(arena, n + 1u, sizeof *out->domains),
                       .n_domains = n};
  bool ok = out->model && out->choices && out->weights && out->step && out->domains && out->params;
  for (uint32_t i = 0; ok && i < 2 * plan->n_params; i++) {
    const PlanParam *p = &plan->params[i / 2];
    out->params[i] = arena_strdup(arena, plan_text(plan, i % 2 ? p->value : p->name));
    ok = out->params[i] != NULL;
  }
  for (uint32_t i = 0; ok && i < n; i++) {
    out->domains[i] = arena_strdup(arena, plan_text(plan, plan->training.domains[i]));
    ok = out->domains[i] != NULL;
  }
  return ok ? STATUS_OK : diag_no_memory(diag, n * sizeof *out->domains);
}

bool described_trained_on(const DescribedBy *by, const char *domain) {
  for (uint32_t i = 0; i < by->n_domains; i++)
    if (strcmp(by->domains[i], domain) == 0) return true;
  return false;
}

/* ---- what is described ---- */

int64_t described_count(const Described *d) {
  int64_t n = 0;
  for (uint32_t k = 0; k < d->data->n_domains; k++) n += d->data->domains[k].n_images;
  return n;
}

const DataImage *described_image(const Described *d, int64_t row, const DataDomain **domain) {
  uint32_t k = 0;
  while (row >= d->first[k] + d->data->domains[k].n_images) k++;
  *domain = &d->data->domains[k];
  return &d->data->domains[k].images[row - d->first[k]];
}

static Status keep_domain(DataSet *data, const char *name, Diag *diag) {
  const char *names[256];
  char hint[200];
  uint32_t n = 0;
  const DataDomain *domain = dataset_domain(data, name);
  if (domain) {
    data->domains[0] = *domain;
    data->n_domains = 1;
    return STATUS_OK;
  }
  for (; n < data->n_domains && n < 256; n++) names[n] = data->domains[n].name;
  const char *near = diag_nearest(name, names, n);
  text_format(hint, sizeof hint, near ? "did you mean '%s'?" : "graphrun check-data lists them",
              near);
  return diag_error(diag, STATUS_INVALID, data->path, hint, "has no domain '%s'", name);
}

Status described_number(Described *d, Diag *diag) {
  int64_t n = 0;
  d->first = arena_array(d->arena, d->data->n_domains + 1u, sizeof *d->first);
  if (!d->first) return diag_no_memory(diag, d->data->n_domains * sizeof *d->first);
  for (uint32_t k = 0; k < d->data->n_domains; k++) {
    d->first[k] = n;
    n += d->data->domains[k].n_images;
  }
  return STATUS_OK;
}

static Status describe(const DescribeOptions *o, const TrainedNetwork *network, Described *d,
                       Diag *diag) {
  int64_t n = described_count(d), at = 0;
  const char **paths = calloc((size_t)n + 1, sizeof *paths);
  if (!paths) return diag_no_memory(diag, (size_t)n * sizeof *paths);
  for (uint32_t k = 0; k < d->data->n_domains; k++)
    for (uint32_t i = 0; i < d->data->domains[k].n_images; i++)
      paths[at++] = d->data->domains[k].images[i].path;
  FeatureJob job = {.paths = paths,
                    .count = n,
                    .workers = o->workers,
                    .skip_bad = o->skip_bad,
                    .meter = o->progress ? meter_start("describing", "images", n) : NULL};
  Status status = features_network(&job, network->executor, network->program, &d->features, diag);
  meter_end(job.meter);
  if (status == STATUS_OK) status = features_finite(&job, &d->features, diag);
  free(paths);
  return status;
}

Status described_make(const DescribeOptions *o, const TrainedNetwork *network, const char *weights,
                      Described *out, Diag *diag) {
  *out = (Described){.arena = arena_create()};
  if (!out->arena) return diag_no_memory(diag, sizeof *out);
  TRY(dataset_read_images(o->data, diag, &out->data));
  if (o->domain) TRY(keep_domain(out->data, o->domain, diag));
  TRY(described_number(out, diag));
  TRY(described_by(network, weights, out->arena, &out->by, diag));
  return describe(o, network, out, diag);
}

void described_release(Described *d) {
  features_release(&d->features);
  dataset_destroy(d->data);
  arena_destroy(d->arena);
  *d = (Described){0};
}
