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

static void name_networks(const PicturesOptions *o, PictureNetworks *networks) {
  static const char *const ends[] = {".plan.xml", ".xml"};
  const char *plans[] = {o->eval.plan, o->beside},
             *weights[] = {o->eval.weights, o->beside_weights};
  char names[2][sizeof networks->at->name];
  uint32_t first = o->eval.plan ? 0 : 1, n = networks->n - first;
  if (!picture_labels(plans + first, n, names[0], sizeof *names) && n > 1)
    picture_labels(weights, 2, names[0], sizeof *names);
  for (uint32_t i = 0; i < n; i++) {
    char *name = names[i];
    for (int k = 0; k < 2; k++) {
      size_t end = strlen(ends[k]), length = strlen(name);
      if (length > end && strcmp(name + length - end, ends[k]) == 0) name[length - end] = 0;
    }
    text_format(networks->at[first + i].name, sizeof *names, "%s", name);
  }
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
  if (o->beside)
    TRY(open_one(o, o->beside, o->beside_weights, kind, output, &out->at[out->n++], diag));
  name_networks(o, out);
  return STATUS_OK;
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

static Status read_images(const PicturesOptions *o, const Plan *plan, bool queries,
                          PictureImages *out, Diag *diag) {
  PaperChoice choice;
  if (!paper_is(o->eval.protocol)) return dataset_read(o->eval.data, diag, &out->data);
  TRY(paper_parse(o->eval.protocol, diag, &choice));
  if (!queries) TRY(dataset_read_of_plan(o->eval.data, &choice, false, plan, diag, &out->sources));
  return dataset_read_of_plan(o->eval.data, &choice, true, plan, diag, &out->data);
}

static const DataDomain *find_domain(const PictureImages *images, const char *name) {
  const DataDomain *d = dataset_domain(images->data, name);
  return d || !images->sources ? d : dataset_domain(images->sources, name);
}

Status picture_images_draw(const PicturesOptions *o, const Plan *plan, int64_t each, bool queries,
                           PictureImages *out, Diag *diag) {
  size_t n = 0, n_domains = 0;
  *out = (PictureImages){0};
  TRY(read_images(o, plan, queries, out, diag));
  const DataSet *sets[] = {out->sources, out->data};
  const DataDomain *only = o->eval.domain ? find_domain(out, o->eval.domain) : NULL;
  if (o->eval.domain && !only)
    return diag_error(diag, STATUS_INVALID, o->eval.data, "graphrun check-data lists them",
                      "has no domain '%s'", o->eval.domain);
  for (int s = 0; s < 2; s++)
    for (uint32_t i = 0; sets[s] && i < sets[s]->n_domains; i++, n_domains++)
      n += sets[s]->domains[i].n_images;
  out->at = calloc(n + 1, sizeof *out->at);
  out->paths = calloc(n + 1, sizeof *out->paths);
  out->groups = calloc(n_domains + 1, sizeof *out->groups);
  if (!out->at || !out->paths || !out->groups) return diag_no_memory(diag, n * 32);
  for (int s = 0; s < 2; s++)
    for (uint32_t i = 0; sets[s] && i < sets[s]->n_domains; i++) {
      const DataDomain *d = &sets[s]->domains[i];
      if (!only || only == d) TRY(draw_domain(o, d, each, queries, out, diag));
    }
  return STATUS_OK;
}

void picture_images_release(PictureImages *images) {
  free(images->at);
  free(images->paths);
  free(images->groups);
  dataset_destroy(images->data);
  dataset_destroy(images->sources);
  *images = (PictureImages){0};
}
