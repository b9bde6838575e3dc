/* `graphrun eval`: opens plan, weights and data, evaluates domain after domain, prints the tables.
 */
#include "runtime/eval/evaluate.h"

#include "graph/base/text.h"
#include "runtime/data/layout.h"
#include "runtime/eval/described.h"
#include "runtime/eval/evaluation.h"
#include "runtime/eval/network.h"
#include "runtime/eval/split_list.h"
#include "runtime/ranks/together.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Eval {
  EvalOptions o;
  Arena *arena;
  Protocol protocol;
  DataSet *data;
  TrainedNetwork network; /* its plan NULL: colour, or features of a file */
  Described described;    /* of --features */
  DescribedBy by;         /* its model NULL: colour */
  json_t *other;          /* of --compare */
  bool
      *asked; /* (data->n_domains) of a file of features what the paper's protocol tests; or NULL */
  const DataDomain **domains; /* to test on */
  EvaluationDomain *results;  /* (n_domains) */
  uint32_t n_domains, n_results;
  EvaluationHead head;
  Diag *diag;
} Eval;

/* ---- what is to be done -------------------------------------------------------------------- */

static Status check_options(Eval *e) {
  EvalOptions *o = &e->o;
  const char *hint = "graphrun eval PLAN --weights=F --data=DATA, --baseline=color --data=DATA, or "
                     "--features=F";
  if (o->features && (o->plan || o->weights || o->data || o->baseline_color))
    return diag_error(e->diag, STATUS_USAGE, "--features", hint,
                      "the file holds images and features: it is evaluated without a plan, weights "
                      "and data");
  if (o->features) o->data = o->features;
  if (!o->data) return diag_error(e->diag, STATUS_USAGE, "eval", hint, "--data is missing");
  if (o->baseline_color && (o->plan || o->weights))
    return diag_error(e->diag, STATUS_USAGE, "--baseline", hint,
                      "the colour baseline takes no plan and no weights");
  if (!o->baseline_color && !o->features && !o->plan)
    return diag_error(e->diag, STATUS_USAGE, "eval", hint, "no plan is named");
  if (!o->baseline_color && !o->features && !o->weights)
    return diag_error(e->diag, STATUS_USAGE, "eval", hint, "--weights is missing");
  if (o->threads == 0) o->threads = 1;
  if (o->ranks_shown.n == 0) TRY(choices_ranks(NULL, &o->ranks_shown, e->diag));
  return protocol_parse(o->protocol, e->diag, &e->protocol);
}

static bool is_asked(const Eval *e, const DataDomain *d) {
  return !e->asked || e->asked[d - e->data->domains];
}

/* Under a split any domain will do; under the manifest's own protocol those that have queries. */
static bool can_test(const Eval *e, const DataDomain *d) {
  if (!is_asked(e, d)) return false;
  return protocol_of(&e->protocol, d).kind != PROTOCOL_MARKET || d->n_query > 0;
}

static Status find_domain(Eval *e) {
  const DataSet *data = e->data;
  const DataDomain *d = dataset_domain(data, e->o.domain);
  if (d && !is_asked(e, d))
    return diag_error(e->diag, STATUS_INVALID, e->o.data, NULL, "protocol %s does not test '%s'",
                      e->o.protocol, d->name);
  if (d) {
    e->domains[e->n_domains++] = d;
    return STATUS_OK;
  }
  const char *names[256];
  char hint[128];
  uint32_t n = 0;
  for (; n < data->n_domains && n < 256; n++) names[n] = data->domains[n].name;
  const char *near = diag_nearest(e->o.domain, names, n);
  text_format(hint, sizeof hint, near ? "did you mean '%s'?" : "graphrun check-data lists them",
              near);
  return diag_error(e->diag, STATUS_INVALID, e->o.data, hint, "has no domain '%s'", e->o.domain);
}

static Status choose_domains(Eval *e) {
  const DataSet *data = e->data;
  e->domains = calloc(data->n_domains, sizeof *e->domains);
  e->results = calloc(data->n_domains, sizeof *e->results);
  if (!e->domains || !e->results) return diag_no_memory(e->diag, data->n_domains * 64u);
  if (e->o.domain) return find_domain(e);
  for (uint32_t i = 0; i < data->n_domains; i++)
    if (can_test(e, &data->domains[i])) e->domains[e->n_domains++] = &data->domains[i];
  if (e->n_domains > 0) return STATUS_OK;
  char hint[96];
  const DataLayout *layout = data->domains[0].layout;
  if (layout == data_layout_plain())
    snprintf(hint, sizeof hint, "nobody is known on its images: graphrun search finds alike ones");
  else
    snprintf(hint, sizeof hint, "--protocol=%s:10:0 draws queries and gallery at random",
             layout->protocol ? layout->protocol : "split:ilids");
  return diag_error(e->diag, STATUS_INVALID, e->o.data, hint, "no domain has query images");
}

/* ---- the network --------------------------------------------------------------------------- */

static NetworkOptions network_options(const Eval *e) {
  return (NetworkOptions){.plan = e->o.plan,
                          .weights = e->o.weights,
                          .device = e->o.device,
                          .wishes = e->o.wishes,
                          .threads = e->o.threads};
}

/* ---- printing ------------------------------------------------------------------------------ */

/* How the sets are tested; splits that others drew do not follow from the seed. */
static void print_paper(const Eval *e) {
  bool drawn = false, own = false;
  printf("protocol  the paper's %s", e->o.protocol);
  for (uint32_t i = 0; i < e->n_domains; i++) {
    ProtocolKind kind = protocol_of(&e->protocol, e->domains[i]).kind;
    if (kind == PROTOCOL_LIST)
      printf("; %s: mean of the splits of %s", e->domains[i]->name, e->domains[i]->splits);
    own |= kind == PROTOCOL_MARKET;
    drawn |= kind != PROTOCOL_MARKET && kind != PROTOCOL_LIST;
  }
  if (drawn)
    printf("; small sets: means of %d random splits, seed %" PRIu64, PAPER_TRIALS,
           e->protocol.paper.seed);
  puts(own ? "; queries and gallery are the set's own" : "");
}

static void print_head(const Eval *e) {
  const DescribedBy *by = &e->by;
  if (by->model)
    printf("model     %s %016" PRIx64 ", %s%s\nweights   %s%s%s\n", by->model, by->model_hash,
           by->precision, by->choices, by->weights, *by->step ? ", step " : "", by->step);
  else
    puts("model     colour histograms: 6 stripes, HSV 8x4x4, square roots");
  printf("data      %s\n", e->o.data);
  const char *separator = "          without queries and not tested on:";
  for (uint32_t i = 0; !e->o.domain && i < e->data->n_domains; i++) {
    if (can_test(e, &e->data->domains[i]) || !is_asked(e, &e->data->domains[i])) continue;
    printf("%s %s", separator, e->data->domains[i].name);
    separator = "";
  }
  if (!*separator) putchar('\n');
  if (e->protocol.kind == PROTOCOL_PAPER)
    print_paper(e);
  else if (e->protocol.kind == PROTOCOL_MARKET)
    puts("protocol  market: images of the query's identity and camera are taken out");
  else if (e->protocol.list)
    printf("protocol  list %s: mean of its %u splits\n", e->protocol.list->path,
           e->protocol.trials);
  else
    printf("protocol  split %s: mean of %u random splits, seed %" PRIu64 "\n",
           protocol_name(e->protocol.kind), e->protocol.trials, e->protocol.seed);
  const MetricsRerank *r = &e->o.rerank;
  if (r->k1)
    printf("re-ranked by k-reciprocal neighbours, k1=%" PRId64 " k2=%" PRId64 " lambda=%g\n", r->k1,
           r->k2, r->lambda);
}

static void print_ranks(const RankList *ranks, const double *cmc) {
  for (int i = 0; i < ranks->n; i++) {
    char name[40];
    text_format(name, sizeof name, "Rank-%" PRId64, ranks->k[i]);
    printf(i == 0 ? "%-9s %.2f %%" : "   %s %.2f %%", name, 100 * cmc[i]);
  }
  putchar('\n');
}

static void print_curve(const MetricsCurve *c) {
  static const double rates[] = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};
  if (!c->n_same || !c->n_other) {
    printf("ROC       none: %" PRIu64 " pairs of one person, %" PRIu64 " of two\n", c->n_same,
           c->n_other);
    return;
  }
  printf("ROC       area %.6f; %" PRIu64 " pairs of one person, %" PRIu64 " of two\n",
         metrics_curve_area(c), c->n_same, c->n_other);
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    MetricsPoint p = metrics_curve_at(c, rates[i]);
    if (rates[i] * (double)c->n_other < 1) break; /* not one pair */
    printf("          TPR %.2f %% at FPR %g %%: distance below %.6f\n", 100 * p.tpr, 100 * rates[i],
           p.distance);
  }
}

static void print_domain(const Eval *e, const EvaluationDomain *d) {
  const Trial *first = &d->trials[0].images;
  printf("\ndomain    %s%s: %" PRId64 " identities, %" PRId64 " cameras, %" PRId64 " images\n",
         d->domain->name,
         described_trained_on(&e->by, d->domain->name) ? " (a domain of the training)" : "",
         d->identities, d->cameras, d->images);
  printf("          %" PRId64 " queries, %" PRId64 " in the gallery%s (%" PRId64
         " distractors); %" PRId64 " skipped, without a match\n",
         first->n_query, first->n_gallery, d->n_trials > 1 ? " of a split" : "", d->distractors,
         d->skipped);
  if (first->camera) printf("          queries from camera '%s'\n", first->camera);
  if (first->n_apart > 0)
    printf("          %" PRId64 " identities can be neither asked for nor searched\n",
           first->n_apart);
  if (d->unreadable > 0)
    printf("          %" PRId64 " unreadable images left out\n", d->unreadable);
  printf("mAP       %.2f %%   95 %% interval over identities %.2f .. %.2f %%   chance %.2f %%\n",
         100 * d->map, 100 * d->interval.low, 100 * d->interval.high, 100 * d->chance);
  print_ranks(&e->o.ranks_shown, d->cmc);
  printf("mINP      %.2f %%\n", 100 * d->minp);
  if (d->curve.same) print_curve(&d->curve);
}

static Status print_comparison(const Eval *e, const EvaluationDomain *d) {
  MetricsInterval i;
  TRY(evaluation_compare(e->o.compare, e->other, d, e->o.seed, &i, e->diag));
  printf("against   %s: mAP %+.2f points, 95 %% interval %+.2f .. %+.2f; better in %.1f %% of the "
         "draws\n",
         e->o.compare, 100 * i.mean, 100 * i.low, 100 * i.high, 100 * i.share);
  return STATUS_OK;
}

/* The paper's figure for several sets is the mean of theirs. */
static void print_average(const Eval *e) {
  double map = 0, rank1 = 0;
  if (e->protocol.kind != PROTOCOL_PAPER || e->n_results < 2) return;
  for (uint32_t i = 0; i < e->n_results; i++) {
    map += e->results[i].map / e->n_results;
    rank1 += e->results[i].rank1 / e->n_results;
  }
  printf("\naverage   of %u sets: mAP %.2f %%   Rank-1 %.2f %%\n", e->n_results, 100 * map,
         100 * rank1);
}

/* ---- the command --------------------------------------------------------------------------- */

/* The small sets are published with splits: other figures must not be held against them. */
static void warn_protocol(const Eval *e, const DataDomain *d) {
  char hint[80];
  if (protocol_of(&e->protocol, d).kind != PROTOCOL_MARKET || !d->layout->protocol ||
      d->n_query == 0)
    return;
  snprintf(hint, sizeof hint, "--protocol=%s:10:0 draws them", d->layout->protocol);
  diag_warning(e->diag, d->name, hint,
               "results of %s are published for random splits; here all of its queries are tested",
               d->layout->set);
}

static Status evaluate_all(Eval *e) {
  print_head(e);
  for (uint32_t i = 0; i < e->n_domains; i++) {
    EvaluationDomain *result = &e->results[i];
    Protocol protocol;
    warn_protocol(e, e->domains[i]);
    TRY(protocol_open(&e->protocol, e->domains[i], e->diag, &protocol));
    Status status = evaluation_domain(&e->o, &protocol, e->domains[i], e->network.executor,
                                      e->network.program, result, e->diag);
    protocol_release(&protocol);
    TRY(status);
    e->n_results++;
    print_domain(e, result);
    if (e->o.look && together_first(e->o.ranks)) TRY(e->o.look(e->o.look_context, result, e->diag));
    if (e->other) TRY(print_comparison(e, result));
  }
  print_average(e);
  return STATUS_OK;
}

/* Of features the domains that the paper's protocol tests; those that the network was trained on
 * tell the arm, as a plan's do. */
static Status choose_asked(Eval *e) {
  const DescribedBy *by = &e->by;
  PaperAsk ask = {.choice = e->protocol.paper,
                  .targets = true,
                  .domains = by->n_domains ? by->domains : NULL,
                  .n_domains = by->n_domains,
                  .features = true};
  e->asked = calloc(e->data->n_domains + 1u, sizeof *e->asked);
  if (!e->asked) return diag_no_memory(e->diag, e->data->n_domains);
  return dataset_choose(e->data, &ask, e->asked, e->diag);
}

static Status read_data(Eval *e) {
  NetworkOptions options = network_options(e);
  if (e->o.plan) TRY(network_open_plan(&options, &e->network, e->diag));
  if (!e->o.features)
    return dataset_read_of_plan(e->o.data, &e->protocol.paper, true, e->network.plan, e->diag,
                                &e->data);
  TRY(described_read(e->o.features, e->diag, &e->described));
  e->data = e->described.data;
  e->by = e->described.by;
  e->o.described = &e->described;
  return e->protocol.kind == PROTOCOL_PAPER ? choose_asked(e) : STATUS_OK;
}

static Status set_up(Eval *e) {
  TRY(check_options(e));
  TRY(read_data(e));
  TRY(choose_domains(e));
  TRY(protocol_check(&e->protocol, e->domains, e->n_domains, e->diag));
  e->head = (EvaluationHead){.domains = e->domains,
                             .n_domains = e->n_domains,
                             .protocol = e->o.protocol ? e->o.protocol : "market",
                             .rerank = e->o.rerank.k1 ? &e->o.rerank : NULL,
                             .ranks = &e->o.ranks_shown};
  if (e->o.compare) TRY(evaluation_read(e->o.compare, &e->head, e->diag, &e->other));
  if (e->o.out && together_first(e->o.ranks)) TRY(evaluation_can_write(e->o.out, e->diag));
  if (!e->o.baseline_color && !e->o.features) {
    NetworkOptions options = network_options(e);
    TRY(network_start(&options, &e->network, e->diag));
    TRY(described_by(&e->network, e->o.weights, e->arena, &e->by, e->diag));
  }
  e->head.model = e->by.model;
  e->head.model_hash = e->by.model_hash;
  e->head.weights = e->by.weights;
  e->head.params = e->by.params;
  e->head.n_params = e->by.n_params;
  return STATUS_OK;
}

/* Ranks have the same messages but for those about single images. */
static Status run(Eval *e) {
  bool stop = false;
  Ranks *ranks = e->o.ranks;
  ranks_waits(ranks, "while the evaluation was set up");
  TRY(together(ranks, set_up(e), &stop, e->diag));
  TRY(together_same(ranks, e->data->fingerprint ^ e->head.model_hash, "plan or data set", e->diag));
  if (!together_first(ranks)) diag_clear(e->diag);
  TRY(evaluate_all(e));
  if (e->o.out && together_first(ranks))
    TRY(evaluation_write(e->o.out, &e->head, e->results, e->n_results, e->diag));
  return STATUS_OK;
}

Status eval_run(const EvalOptions *options, Diag *diag) {
  Eval e = {.o = *options, .arena = arena_create(), .diag = diag};
  Status status = e.arena ? run(&e) : diag_no_memory(diag, sizeof e);
  for (uint32_t i = 0; i < e.n_results; i++) evaluation_release(&e.results[i]);
  free(e.results);
  free(e.domains);
  free(e.asked);
  json_decref(e.other);
  network_close(&e.network);
  if (!e.o.features) dataset_destroy(e.data);
  described_release(&e.described);
  arena_destroy(e.arena);
  protocol_release(&e.protocol);
  return status;
}
