/* Evaluates a network between two steps of its training, with the executor that trains it. */
#include "runtime/eval/during.h"

#include "graph/base/text.h"
#include "runtime/eval/evaluation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct During {
  EvalOptions options;
  Protocol protocol;
  Executor *executor;
  uint32_t program;
  DataSet *data;
  const DataDomain **domains;
  uint32_t n_domains;
  int64_t n_images; /* queries and galleries of all of them */
  bool told;        /* unreadable images were named */
};

/* ---- opening ------------------------------------------------------------------------------- */

static Status choose_domains(During *d, Diag *diag) {
  d->domains = calloc(d->data->n_domains + 1u, sizeof *d->domains);
  if (!d->domains) return diag_no_memory(diag, d->data->n_domains * sizeof *d->domains);
  for (uint32_t i = 0; i < d->data->n_domains; i++) {
    const DataDomain *domain = &d->data->domains[i];
    bool split = protocol_of(&d->protocol, domain).kind != PROTOCOL_MARKET;
    if (!split && !domain->n_query) continue;
    if (!split && !domain->n_gallery)
      return diag_error(diag, STATUS_INVALID, d->options.data, "graphrun check-data lists them",
                        "domain '%s' has queries and no gallery", domain->name);
    d->domains[d->n_domains++] = domain;
    d->n_images += split ? domain->n_images : domain->n_query + domain->n_gallery;
  }
  if (d->n_domains) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, d->options.data,
                    "--eval-data=DATA names data with queries and a gallery; graphrun check-data "
                    "lists what there is",
                    "no domain has query images: training cannot be evaluated on it");
}

/* What evaluation writes would be trained on. */
static Status refuse_commits(const During *d, Diag *diag) {
  const Plan *plan = executor_plan(d->executor);
  const PlanProgram *p = &plan->programs[d->program];
  if (!p->graph->n_commits) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, plan_place(plan),
                    "take its commits out of the model, or evaluate checkpoints: graphrun eval",
                    "program '%s' commits states: evaluation during training would change the "
                    "training",
                    plan_text(plan, p->name));
}

static Status open_program(During *d, Diag *diag) {
  const Plan *plan = executor_plan(d->executor);
  while (d->program < plan->n_programs && plan->programs[d->program].kind != PROGRAM_EVALUATE)
    d->program++;
  if (d->program == plan->n_programs)
    return diag_error(diag, STATUS_INVALID, plan_place(plan),
                      "add <program kind=\"evaluate\"> with the input 'images' and the output "
                      "'ynorm', or leave out --eval-every and --eval-data",
                      "the model has no program of kind evaluate");
  TRY(refuse_commits(d, diag));
  TRY(features_check(d->executor, d->program, diag));
  return executor_prepare(d->executor, d->program, diag);
}

Status during_open(const DuringOptions *o, Executor *executor, Diag *diag, During **out) {
  *out = NULL;
  During *d = calloc(1, sizeof *d);
  if (!d) return diag_no_memory(diag, sizeof *d);
  d->executor = executor;
  d->options = (EvalOptions){.data = o->data,
                             .let_not_finite = true,
                             .skip_bad_images = o->skip_bad_images,
                             .workers = o->workers,
                             .threads = o->threads,
                             .ranks = o->ranks};
  Status status = protocol_parse(o->protocol, diag, &d->protocol);
  if (status == STATUS_OK) status = open_program(d, diag);
  if (status == STATUS_OK)
    status = dataset_read_of_plan(o->data, &d->protocol.paper, true, executor_plan(executor), diag,
                                  &d->data);
  if (status == STATUS_OK) status = choose_domains(d, diag);
  if (status == STATUS_OK) status = protocol_check(&d->protocol, d->domains, d->n_domains, diag);
  if (status != STATUS_OK) {
    during_close(d);
    return status;
  }
  *out = d;
  return STATUS_OK;
}

void during_close(During *d) {
  if (!d) return;
  dataset_destroy(d->data);
  protocol_release(&d->protocol);
  free(d->domains);
  free(d);
}

uint64_t during_fingerprint(const During *d) {
  return d->data->fingerprint;
}

uint32_t during_domains(const During *d) {
  return d->n_domains;
}

static bool is_trained(const During *d, const char *domain) {
  const Plan *plan = executor_plan(d->executor);
  for (uint32_t i = 0; plan->has_training && i < plan->training.n_domains; i++)
    if (strcmp(plan_text(plan, plan->training.domains[i]), domain) == 0) return true;
  return false;
}

/* Features, three batches of images that are read ahead, a block of similarities for each thread.
 */
static int64_t own_bytes(const During *d) {
  const Plan *plan = executor_plan(d->executor);
  const PlanProgram *p = &plan->programs[d->program];
  const PlanInput *images = plan_input_find(p, "images");
  int64_t most = 0, batch = 3 * shape_count(&images->shape) * (int64_t)sizeof(float);
  for (uint32_t i = 0; i < d->n_domains; i++) {
    const DataDomain *domain = d->domains[i];
    bool split = protocol_of(&d->protocol, domain).kind != PROTOCOL_MARKET;
    int64_t n = split ? domain->n_images : (int64_t)domain->n_query + domain->n_gallery;
    int64_t bytes =
        n * features_dim(plan, d->program) * (int64_t)sizeof(float) +
        (int64_t)d->options.threads * METRICS_BLOCK * METRICS_PANEL * (int64_t)sizeof(float);
    if (bytes > most) most = bytes;
  }
  return most + batch;
}

void during_describe(const During *d, char *text, size_t size) {
  const Plan *plan = executor_plan(d->executor);
  const PlanProgram *p = &plan->programs[d->program];
  size_t n = text_append(text, size, 0, "%" PRId64 " images of ", d->n_images);
  for (uint32_t i = 0; i < d->n_domains && i < 8; i++)
    n = text_append(text, size, n, "%s%s%s", i ? ", " : "", d->domains[i]->name,
                    is_trained(d, d->domains[i]->name) ? " (a domain of the training)" : "");
  if (d->n_domains > 8) n = text_append(text, size, n, " and %u more", d->n_domains - 8);
  text_append(text, size, n,
              "; memory: %.1f MB of the %.1f MB of the arena, which are there anyway, and %.1f MB "
              "of features, images and similarities",
              (double)(plan->state_bytes + p->scratch_bytes) / 1e6,
              (double)plan_arena_bytes(plan) / 1e6, (double)own_bytes(d) / 1e6);
}

/* ---- evaluating ---------------------------------------------------------------------------- */

/* `executor` NULL: by colour. */
static Status evaluate(During *d, Executor *executor, DuringScore *scores, Diag *diag) {
  bool stop = false;
  d->options.bad_images_told = d->told;
  for (uint32_t i = 0; i < d->n_domains; i++) {
    EvaluationDomain result;
    Protocol protocol;
    Status own = protocol_open(&d->protocol, d->domains[i], diag, &protocol);
    if (own == STATUS_OK) {
      own = evaluation_domain(&d->options, &protocol, d->domains[i], executor, d->program, &result,
                              diag);
      protocol_release(&protocol);
    }
    if (own == STATUS_OK) {
      const char *name = d->domains[i]->name;
      scores[i] = (DuringScore){name, is_trained(d, name), result.map, result.rank1};
      evaluation_release(&result);
    }
    TRY(together(d->options.ranks, own, &stop, diag));
  }
  d->told = true;
  return STATUS_OK;
}

Status during_check(During *d, DuringScore *scores, Diag *diag) {
  return evaluate(d, NULL, scores, diag);
}

Status during_evaluate(During *d, DuringScore *scores, Diag *diag) {
  return evaluate(d, d->executor, scores, diag);
}
