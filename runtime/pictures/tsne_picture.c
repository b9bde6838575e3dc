/* Figure 4b of the paper: features of each domain in the plane, one panel for each network. */
#include "runtime/eval/tsne.h"
#include "runtime/pictures/pictures_parts.h"
#include "runtime/report/plot.h"

#include <stdlib.h>

#define EACH 1000 /* images of a domain, as in the paper */

typedef struct Places {
  int64_t *row; /* (n) images that could be read */
  double *at;   /* (n, 2) */
  uint32_t *group;
  int64_t n;
} Places;

static Status describe(const PicturesOptions *o, const PictureNetwork *network,
                       const PictureImages *images, Features *out, Diag *diag) {
  const EvalOptions *e = &o->eval;
  const TrainedNetwork *n = &network->trained;
  FeatureJob job = {.paths = images->paths,
                    .count = images->n,
                    .workers = e->workers ? e->workers : e->threads,
                    .skip_bad = e->skip_bad_images,
                    .meter = e->progress ? meter_start("describing", "images", images->n) : NULL};
  Status status = n->executor ? features_network(&job, n->executor, n->program, out, diag)
                              : features_color(&job, out, diag);
  meter_end(job.meter);
  return status;
}

static Status place(const PicturesOptions *o, const PictureNetwork *network,
                    const PictureImages *images, Places *out, Diag *diag) {
  Features features;
  double cost = 0;
  size_t n = (size_t)images->n + 1;
  TRY(describe(o, network, images, &features, diag));
  *out = (Places){calloc(n, sizeof *out->row), calloc(2 * n, sizeof *out->at),
                  calloc(n, sizeof *out->group), 0};
  Status status = out->row && out->at && out->group ? STATUS_OK : diag_no_memory(diag, n * 32);
  for (int64_t i = 0; status == STATUS_OK && i < images->n; i++) {
    if (features.bad[i]) continue;
    out->group[out->n] = images->at[i].group;
    out->row[out->n++] = i;
  }
  if (status == STATUS_OK) {
    TsneOptions options = {.perplexity = TSNE_PERPLEXITY,
                           .steps = TSNE_STEPS,
                           .seed = o->eval.seed,
                           .threads = o->eval.threads,
                           .meter = o->eval.progress ? meter_start("placing", "steps", TSNE_STEPS)
                                                     : NULL};
    status = tsne_place(&(ProductRows){features.rows, out->row, out->n}, features.dim, &options,
                        out->at, &cost, diag);
    meter_end(options.meter);
  }
  features_release(&features);
  if (status == STATUS_OK)
    printf("t-SNE     %s: %lld images of %u domains, perplexity %d, %d steps, divergence %.4f\n",
           network->name, (long long)out->n, images->n_groups, TSNE_PERPLEXITY, TSNE_STEPS, cost);
  return status;
}

static Status write_table(const PicturesOptions *o, const char *name, const PictureImages *images,
                          const Places *places, Diag *diag) {
  PictureFile file;
  TRY(picture_open(o, name, &file, diag));
  fputs("path,domain,pid,camera,x,y\n", file.out);
  for (int64_t i = 0; i < places->n; i++) {
    const PictureImage *p = &images->at[places->row[i]];
    const char *const texts[] = {p->image->path, p->domain->name, p->domain->pids[p->image->pid],
                                 p->domain->cameras[p->image->camera]};
    for (int t = 0; t < 4; t++) {
      picture_field(file.out, texts[t]);
      fputc(',', file.out);
    }
    fprintf(file.out, "%.9g,%.9g\n", places->at[2 * i], places->at[2 * i + 1]);
  }
  return picture_close(&file, diag);
}

static Status write_all(const PicturesOptions *o, const PictureNetworks *networks,
                        const PictureImages *images, const Places *places, Diag *diag) {
  static const char *const tables[PICTURE_NETWORKS] = {"tsne.csv", "tsne-beside.csv"};
  PlotPanel panels[PICTURE_NETWORKS];
  PictureFile file;
  for (uint32_t i = 0; i < networks->n; i++) {
    TRY(write_table(o, tables[i], images, &places[i], diag));
    panels[i] = (PlotPanel){networks->at[i].name, places[i].at, places[i].group, places[i].n};
  }
  TRY(picture_open(o, "tsne.svg", &file, diag));
  plot_scatter(file.out, panels, networks->n, images->groups, images->n_groups);
  return picture_close(&file, diag);
}

Status pictures_tsne(const PicturesOptions *o, Diag *diag) {
  PictureNetworks networks;
  PictureImages images = {0};
  Places places[PICTURE_NETWORKS] = {0};
  Status status = picture_networks_open(o, PROGRAM_EVALUATE, "ynorm", &networks, diag);
  if (status == STATUS_OK)
    status = picture_images_draw(o, networks.at[0].trained.plan, o->images ? o->images : EACH,
                                 false, &images, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < networks.n; i++)
    status = place(o, &networks.at[i], &images, &places[i], diag);
  if (status == STATUS_OK) status = write_all(o, &networks, &images, places, diag);
  for (uint32_t i = 0; i < PICTURE_NETWORKS; i++) {
    free(places[i].row);
    free(places[i].at);
    free(places[i].group);
  }
  picture_images_release(&images);
  picture_networks_close(&networks);
  return status;
}
