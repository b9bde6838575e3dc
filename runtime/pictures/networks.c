/* The networks that pictures are of, and the images that they are shown. */
#include "graph/base/philox.h"
#include "graph/base/text.h"
#include "runtime/pictures/pictures_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- networks ---- */

static bool has_output(const Plan *plan, uint32_t program, const char *output) {
  const Graph *g = plan->programs[program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (strcmp(graph_text(g, g->outputs[i].name), output) == 0) return true;
  return false;
}

/* Its name. */
static Status find_program(const Plan *plan, const char *path, ProgramKind kind, const char *output,
                           Diag *diag, const char **out) {
  for (uint32_t p = 0; p < plan->n_programs; p++)
    if (plan->programs[p].kind == kind && has_output(plan, p, output)) {
      *out = plan_text(plan, plan->programs[p].name);
      return STATUS_OK;
    }
  return diag_error(diag, STATUS_INVALID, path,
                    kind == PROGRAM_EXTRACT
                        ? "models/cdvm.xml has such a program: <embedding attention=\"true\"/>"
                        : "add <program kind=\"evaluate\">",
                    "has no program of kind %s with the output '%s'",
                    kind == PROGRAM_EXTRACT ? "extract" : "evaluate", output);
}

static void name_network(const char *path, char name[64]) {
  static const char *const ends[] = {".plan.xml", ".xml"};
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  size_t n = strlen(base);
  for (int i = 0; i < 2; i++) {
    size_t end = strlen(ends[i]);
    if (n <= end || strcmp(base + n - end, ends[i]) != 0) continue;
    n -= end;
    break;
  }
  text_format(name, 64, "%.*s", (int)(n < 63 ? n : 63), base);
}

static Status open_one(const PicturesOptions *o, const char *path, const char *weights,
                       ProgramKind kind, const char *output, PictureNetwork *n, Diag *diag) {
  const EvalOptions *e = &o->eval;
  NetworkOptions options = {.plan = path,
                            .weights = weights,
                            .device = e->device,
                            .wishes = e->wishes,
                            .threads = e->threads};
  TRY(network_open_plan(&options, &n->trained, diag));
  name_network(path, n->name);
  TRY(find_program(n->trained.plan, path, kind, output, diag, &options.program));
  return network_start(&options, &n->trained, diag);
}

static Status check_named(const PicturesOptions *o, Diag *diag) {
  const EvalOptions *e = &o->eval;
  const char *hint = "graphrun eval PLAN --weights=F --data=DATA --visualize=...";
  if (e->features)
    return diag_error(diag, STATUS_USAGE, "--features", hint,
                      "of a file of features rank lists alone are drawn: tsne and attention "
                      "describe images");
  if (!e->data) return diag_error(diag, STATUS_USAGE, "eval", hint, "--data is missing");
  if (!e->baseline_color && !e->plan)
    return diag_error(diag, STATUS_USAGE, "eval", hint, "no plan is named");
  if (!e->baseline_color && !e->weights)
    return diag_error(diag, STATUS_USAGE, "eval", hint, "--weights is missing");
  if (e->baseline_color && (e->plan || e->weights))
    return diag_error(diag, STATUS_USAGE, "--baseline", "--beside=PLAN shows a network beside it",
                      "the colour baseline takes no plan and no weights");
  if (!o->beside != !o->beside_weights)
    return diag_error(diag, STATUS_USAGE, "--beside", "--beside=PLAN --beside-weights=F",
                      "a second network is a plan and its weights: name both");
  return STATUS_OK;
}

Status picture_networks_open(const PicturesOptions *o, ProgramKind kind, const char *output,
                             PictureNetworks *out, Diag *diag) {
  *out = (PictureNetworks){0};
  TRY(check_named(o, diag));
  if (o->eval.baseline_color) {
    if (kind == PROGRAM_EXTRACT)
      return diag_error(diag, STATUS_USAGE, "--baseline", "name a plan and its weights",
                        "colour histograms look everywhere: they have no attention");
    out->at[out->n++] = (PictureNetwork){.name = "colour histograms"};
  } else {
    TRY(open_one(o, o->eval.plan, o->eval.weights, kind, output, &out->at[out->n++], diag));
  }
  if (!o->beside) return STATUS_OK;
  return open_one(o, o->beside, o->beside_weights, kind, output, &out->at[out->n++], diag);
}

void picture_networks_close(PictureNetworks *networks) {
  for (uint32_t i = 0; i < networks->n; i++) network_close(&networks->at[i].trained);
  *networks = (PictureNetworks){0};
}

/* ---- images ---- */

static bool is_wanted(const DataDomain *d, uint32_t i, bool queries) {
  return !queries || d->n_query == 0 || d->images[i].split == SPLIT_QUERY;
}

/* `each` of the numbers of `list`, drawn by Fisher and Yates, ascending. */
static int64_t draw(uint32_t *list, int64_t n, int64_t each, uint64_t seed, const char *name) {
  uint64_t site = philox_site(name);
  int64_t kept = each < n ? each : n;
  for (int64_t i = 0; i < kept && kept < n; i++) {
    int64_t j = i + (int64_t)philox_below(seed, 0, site, (uint64_t)i, (uint64_t)(n - i));
    uint32_t swap = list[i];
    list[i] = list[j];
    list[j] = swap;
  }
  return kept;
}

static int compare_numbers(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static Status draw_domain(const PicturesOptions *o, const DataDomain *d, int64_t each, bool queries,
                          PictureImages *out, Diag *diag) {
  uint32_t *list = calloc(d->n_images + 1u, sizeof *list), n = 0;
  if (!list) return diag_no_memory(diag, d->n_images * sizeof *list);
  for (uint32_t i = 0; i < d->n_images; i++)
    if (is_wanted(d, i, queries)) list[n++] = i;
  int64_t kept = draw(list, n, each, o->eval.seed, d->name);
  qsort(list, (size_t)kept, sizeof *list, compare_numbers);
  for (int64_t i = 0; i < kept; i++) {
    const DataImage *image = &d->images[list[i]];
    out->paths[out->n] = image->path;
    out->at[out->n++] = (PictureImage){image, d, out->n_groups};
  }
  out->groups[out->n_groups++] = d->name;
  free(list);
  return STATUS_OK;
}

Status picture_images_draw(const PicturesOptions *o, int64_t each, bool queries, PictureImages *out,
                           Diag *diag) {
  size_t n = 0;
  *out = (PictureImages){0};
  TRY(dataset_read(o->eval.data, diag, &out->data));
  const DataDomain *only = o->eval.domain ? dataset_domain(out->data, o->eval.domain) : NULL;
  if (o->eval.domain && !only)
    return diag_error(diag, STATUS_INVALID, o->eval.data, "graphrun check-data lists them",
                      "has no domain '%s'", o->eval.domain);
  for (uint32_t i = 0; i < out->data->n_domains; i++) n += out->data->domains[i].n_images;
  out->at = calloc(n + 1, sizeof *out->at);
  out->paths = calloc(n + 1, sizeof *out->paths);
  out->groups = calloc(out->data->n_domains + 1u, sizeof *out->groups);
  if (!out->at || !out->paths || !out->groups) return diag_no_memory(diag, n * 32);
  for (uint32_t i = 0; i < out->data->n_domains; i++) {
    const DataDomain *d = &out->data->domains[i];
    if (!only || only == d) TRY(draw_domain(o, d, each, queries, out, diag));
  }
  return STATUS_OK;
}

void picture_images_release(PictureImages *images) {
  free(images->at);
  free(images->paths);
  free(images->groups);
  dataset_destroy(images->data);
  *images = (PictureImages){0};
}
