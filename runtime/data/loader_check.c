/* Compares a data set with the plan that shall train on it: domains, number of identities, batch.
 * Every refusal names the graphc line that fits the data. */
#include "runtime/data/loader_check.h"

#include "graph/base/text.h"
#include "graph/plan/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plan by itself ---- */

static Status plan_error(const Plan *plan, const char *hint, const char *text, Diag *diag) {
  char place[200];
  text_format(place, sizeof place, "model '%s'", plan_text(plan, plan->model_name));
  return diag_error(diag, STATUS_INVALID, place, hint, "%s", text);
}

static Status check_sections(const Plan *plan, Diag *diag) {
  if (!plan->has_training || plan->training.n_domains == 0)
    return plan_error(plan, "<training domains=... ids=.../> names what it is trained on",
                      "names no domains to train on", diag);
  if (!plan->has_sampler)
    return plan_error(plan, "<sampler batch-ids=... batch-images=.../>",
                      "does not say how batches are drawn", diag);
  if (!plan->has_augment)
    return plan_error(plan, "<augment height=... width=.../>", "does not say how large images are",
                      diag);
  return STATUS_OK;
}

/* Checks that (domains, batch, height, width, 3) has no more elements than a value may have. */
static Status check_size(const Plan *plan, Shape *images, Diag *diag) {
  const PlanSampler *s = &plan->sampler;
  double batch = (double)s->batch_ids * (double)s->batch_images;
  *images = (Shape){5, {plan->training.n_domains, 0, plan->augment.height, plan->augment.width, 3}};
  if (batch <= INT32_MAX)
    images->dim[1] = s->batch_ids / (plan->local ? plan->ranks : 1) * s->batch_images;
  if (batch > INT32_MAX || batch * plan->training.n_domains > INT32_MAX || shape_count(images) < 0)
    return plan_error(plan, "smaller batch-ids, batch-images, height or width",
                      "a batch has more elements than a value may have", diag);
  return STATUS_OK;
}

/* The input that sampler and augmentation feed, when the program has it and needs it. */
static Status check_input(const Plan *plan, const PlanProgram *p, const char *name,
                          const Shape *expected, Diag *diag) {
  char have[SHAPE_TEXT_MAX], want[SHAPE_TEXT_MAX], place[300];
  const PlanInput *in = plan_input_find(p, name);
  if (!in || !in->node) return STATUS_OK;
  bool is_float = dtype_is_float((DType)in->dtype);
  bool images = strcmp(name, "images") == 0;
  bool typed = images ? is_float : in->dtype == DTYPE_I32 || in->dtype == DTYPE_I64;
  if (typed && shape_equal(&in->shape, expected)) return STATUS_OK;
  const SourceLoc *loc = &plan->symbols->locs[in->loc < plan->symbols->n_locs ? in->loc : 0];
  if (loc->line)
    text_format(place, sizeof place, "%s:%u:%u", plan_text(plan, loc->file), loc->line,
                loc->column);
  else
    text_format(place, sizeof place, "program '%s'", plan_text(plan, p->name));
  return diag_error(
      diag, STATUS_INVALID, place,
      images ? "images are (domains, batch-ids * batch-images, height, width, 3), floating"
             : "labels are (domains, batch-ids * batch-images), dtype i32",
      "input '%s' is %s %s, sampler and augmentation give %s %s", name,
      dtype_name((DType)in->dtype), shape_text(&in->shape, have, sizeof have),
      images ? "floating" : "i32", shape_text(expected, want, sizeof want));
}

static Status check_programs(const Plan *plan, const Shape *images, Diag *diag) {
  const Shape labels = {2, {images->dim[0], images->dim[1]}};
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (p->kind != PROGRAM_TRAIN) continue;
    TRY(check_input(plan, p, "images", images, diag));
    TRY(check_input(plan, p, "labels", &labels, diag));
  }
  return STATUS_OK;
}

/* ---- the data against it ---- */

static const DataDomain *plan_domain(const Plan *plan, const DataSet *data, uint32_t k) {
  return dataset_domain(data, plan_text(plan, plan->training.domains[k]));
}

/* Names, or counts, of the plan's domains or of all that have training images, blanks between; ""
 * when there are none.  NULL: out of memory; the caller frees. */
static char *domain_list(const Plan *plan, const DataSet *data, bool by_plan, bool names) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  uint32_t n = by_plan ? plan->training.n_domains : data->n_domains, printed = 0;
  for (uint32_t k = 0; k < n; k++) {
    const DataDomain *d = by_plan ? plan_domain(plan, data, k) : &data->domains[k];
    if (d->n_classes == 0) continue;
    fputs(printed++ ? " " : "", out);
    if (names)
      fputs(d->name, out);
    else
      fprintf(out, "%u", d->n_classes);
  }
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

/* `graphc MODEL.xml -D 'domains=a b' -D 'ids=3 4'`, or what else the model has for these; NULL when
 * there are none. The caller frees. */
static char *fitting_line(const Plan *plan, const DataSet *data, bool by_plan) {
  char *names = domain_list(plan, data, by_plan, true);
  char *counts = domain_list(plan, data, by_plan, false), *text = NULL;
  size_t size = names && counts ? strlen(names) + strlen(counts) + 2048 : 0, used = 0;
  if (size && *names) text = malloc(size);
  if (text) {
    bool define = plan_setting_is_define(plan, "training", "domains") &&
                  plan_setting_is_define(plan, "training", "ids");
    used = text_append(text, size, 0, "%s", define ? "graphc MODEL.xml " : "");
    used = plan_setting(plan, "training", "domains", names, text, size, used);
    used = text_append(text, size, used, "%s", define ? " " : ", ");
    plan_setting(plan, "training", "ids", counts, text, size, used);
  }
  free(names);
  free(counts);
  return text;
}

static Status check_names(const Plan *plan, const DataSet *data, Diag *diag) {
  const PlanTraining *t = &plan->training;
  Status status = STATUS_OK;
  char *hint = fitting_line(plan, data, false);
  for (uint32_t k = 0; k < t->n_domains; k++) {
    const char *name = plan_text(plan, t->domains[k]);
    if (!dataset_domain(data, name))
      status = diag_error(diag, STATUS_INVALID, data->path, hint,
                          "has no domain '%s', which the plan trains on", name);
  }
  free(hint);
  return status;
}

/* Every domain must have training images; of kind `identity`, as many identities as a batch. */
static Status check_batch(const Plan *plan, const DataSet *data, Diag *diag) {
  uint32_t fewest = UINT32_MAX;
  Status status = STATUS_OK;
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const DataDomain *d = plan_domain(plan, data, k);
    if (d->n_classes < fewest) fewest = d->n_classes;
    if (d->n_train == 0)
      status = diag_error(diag, STATUS_INVALID, data->path,
                          "in a .domains file split=all trains on queries and gallery too",
                          "domain '%s' has no training images", d->name);
  }
  if (status != STATUS_OK || plan->sampler.kind != 0 || plan->sampler.batch_ids <= fewest)
    return status;
  char hint[700], most[16];
  bool define = plan_setting_is_define(plan, "sampler", "batch-ids");
  snprintf(most, sizeof most, "%u", fewest);
  size_t used = text_append(hint, sizeof hint, 0, "%s", define ? "graphc MODEL.xml " : "");
  used = plan_setting(plan, "sampler", "batch-ids", most, hint, sizeof hint, used);
  text_append(hint, sizeof hint, used, ", at most");
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const DataDomain *d = plan_domain(plan, data, k);
    if (d->n_classes < plan->sampler.batch_ids)
      status = diag_error(diag, STATUS_INVALID, data->path, hint,
                          "domain '%s' has %u training identities, a batch takes %lld", d->name,
                          d->n_classes, (long long)plan->sampler.batch_ids);
  }
  return status;
}

static Status check_ids(const Plan *plan, const DataSet *data, Diag *diag) {
  Status status = STATUS_OK;
  char *hint = fitting_line(plan, data, true);
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const DataDomain *d = plan_domain(plan, data, k);
    if (d->n_classes > 0 && d->n_classes != plan->training.ids[k])
      status = diag_error(diag, STATUS_INVALID, data->path, hint,
                          "domain '%s' has %u training identities, the plan is made for %lld",
                          d->name, d->n_classes, (long long)plan->training.ids[k]);
  }
  free(hint);
  return status;
}

Status loader_check(const Plan *plan, const DataSet *data, Diag *diag) {
  Shape images;
  TRY(check_sections(plan, diag));
  TRY(check_size(plan, &images, diag));
  TRY(check_programs(plan, &images, diag));
  TRY(check_names(plan, data, diag));
  Status batch = check_batch(plan, data, diag), ids = check_ids(plan, data, diag);
  return batch != STATUS_OK ? batch : ids;
}
