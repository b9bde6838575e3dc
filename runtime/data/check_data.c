/* Prints what a data set holds, then opens every image: bad ones are listed, all of them, not the
 * first alone. */
#include "runtime/data/check_data.h"

#include "graph/base/meter.h"
#include "graph/base/threads.h"
#include "runtime/data/check_parts.h"
#include "runtime/data/image.h"
#include "runtime/data/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what there is ---- */

static uint32_t count_pids(const DataDomain *d, Split split, char *seen) {
  uint32_t n = 0;
  memset(seen, 0, d->n_pids);
  for (uint32_t i = 0; i < d->n_images; i++) {
    const DataImage *image = &d->images[i];
    if (image->split != split || seen[image->pid]) continue;
    seen[image->pid] = 1;
    n++;
  }
  return n;
}

static void print_split(const DataDomain *d, Split split, uint32_t images, char *seen) {
  char text[40];
  snprintf(text, sizeof text, "%u (%u)", images, count_pids(d, split, seen));
  printf("  %16s", text);
}

Status check_print_domains(const DataSet *data, Diag *diag) {
  int width = 6;
  uint32_t most = 0;
  for (uint32_t k = 0; k < data->n_domains; k++) {
    const DataDomain *d = &data->domains[k];
    if ((int)strlen(d->name) > width) width = (int)strlen(d->name);
    if (d->n_pids > most) most = d->n_pids;
  }
  char *seen = malloc((size_t)most + 1);
  if (!seen) return diag_no_memory(diag, most);
  printf("%-*s  identities    images  cameras  %16s  %16s  %16s  layout\n", width, "domain",
         "train (ids)", "query (ids)", "gallery (ids)");
  for (uint32_t k = 0; k < data->n_domains; k++) {
    const DataDomain *d = &data->domains[k];
    printf("%-*s  %10u  %8u  %7u", width, d->name, d->n_pids, d->n_images, d->n_cameras);
    print_split(d, SPLIT_TRAIN, d->n_train, seen);
    print_split(d, SPLIT_QUERY, d->n_query, seen);
    print_split(d, SPLIT_GALLERY, d->n_gallery, seen);
    printf("  %s\n", d->layout->word);
  }
  free(seen);
  return STATUS_OK;
}

/* Domains that nothing can be trained on have no place in the lines. */
static void warn_untrained(const DataSet *data, uint32_t n, const char *first, Diag *diag) {
  if (n == 1)
    diag_warning(diag, data->path, NULL, "domain '%s' has no training images and is left out",
                 first);
  else if (n > 1)
    diag_warning(diag, data->path, NULL,
                 "%u domains have no training images and are left out (the first is '%s')", n,
                 first);
}

Status check_print_defines(const DataSet *data, Diag *diag) {
  uint32_t n_untrained = 0;
  const char *untrained = NULL;
  for (uint32_t k = 0; k < data->n_domains; k++)
    if (data->domains[k].n_classes == 0 && n_untrained++ == 0) untrained = data->domains[k].name;
  if (n_untrained < data->n_domains) warn_untrained(data, n_untrained, untrained, diag);
  if (n_untrained == data->n_domains)
    return diag_error(diag, STATUS_INVALID, data->path,
                      "in a .domains file split=all trains on queries and gallery too",
                      "no domain has training images");
  for (int line = 0; line < 2; line++) {
    const char *separator = line == 0 ? "domains=" : "ids=";
    for (uint32_t k = 0; k < data->n_domains; k++) {
      const DataDomain *d = &data->domains[k];
      if (d->n_classes == 0) continue;
      fputs(separator, stdout);
      separator = " ";
      if (line == 0)
        fputs(d->name, stdout);
      else
        printf("%u", d->n_classes);
    }
    putchar('\n');
  }
  return STATUS_OK;
}

/* ---- opening everything ---- */

#define CHUNK 64 /* images of a task */

typedef struct Opening {
  const DataDomain *domain;
  char (*errors)[IMAGE_ERROR_MAX]; /* of each image; empty: it can be decoded */
  Status *status;                  /* of each image */
  Meter *meter;
} Opening;

static void open_chunk(void *context, uint32_t task) {
  Opening *o = context;
  for (uint32_t i = task * CHUNK; i < (task + 1) * CHUNK && i < o->domain->n_images; i++) {
    Image image;
    o->status[i] = image_read(o->domain->images[i].path, &image, o->errors[i]);
    free(image.rgb);
    meter_add(o->meter, 1);
  }
}

/* Prints the images that cannot be decoded, in the data set's order, and counts them. */
static Status report_bad(const Opening *o, uint64_t *n_bad, Diag *diag) {
  for (uint32_t i = 0; i < o->domain->n_images; i++) {
    if (o->status[i] == STATUS_SYSTEM) return diag_no_memory(diag, 1);
    if (o->status[i] == STATUS_OK) continue;
    printf("%s: %s\n", o->domain->images[i].path, o->errors[i]);
    ++*n_bad;
  }
  return STATUS_OK;
}

static Status open_domain(const DataDomain *domain, Threads *threads, Meter *meter, uint64_t *n_bad,
                          Diag *diag) {
  Opening o = {.domain = domain, .meter = meter};
  o.errors = calloc(domain->n_images, sizeof *o.errors);
  o.status = calloc(domain->n_images, sizeof *o.status);
  Status status = o.errors && o.status ? STATUS_OK : diag_no_memory(diag, domain->n_images);
  if (status == STATUS_OK) {
    threads_run(threads, open_chunk, &o, (domain->n_images + CHUNK - 1) / CHUNK);
    meter_clear(meter);
    status = report_bad(&o, n_bad, diag);
  }
  free(o.errors);
  free(o.status);
  return status;
}

static Status check_images(const DataSet *data, Threads *threads, Diag *diag) {
  uint64_t n_images = 0, n_bad = 0;
  Status status = STATUS_OK;
  for (uint32_t k = 0; k < data->n_domains; k++) n_images += data->domains[k].n_images;
  Meter *meter = meter_start("checking", "images", (int64_t)n_images);
  for (uint32_t k = 0; k < data->n_domains && status == STATUS_OK; k++)
    status = open_domain(&data->domains[k], threads, meter, &n_bad, diag);
  meter_end(meter);
  TRY(status);
  if (n_bad)
    return diag_error(diag, STATUS_INVALID, data->path,
                      "mend them, leave them out, or train with --bad-images=skip",
                      "%llu of %llu images cannot be decoded; they are listed above",
                      (unsigned long long)n_bad, (unsigned long long)n_images);
  printf("all %llu images can be decoded\n", (unsigned long long)n_images);
  return STATUS_OK;
}

static Status check_all(const CheckDataOptions *options, const DataSet *data, Diag *diag) {
  TRY(check_print_domains(data, diag));
  TRY(check_unmatched(data, diag));
  TRY(check_published(data, options->published, diag));
  fflush(stdout); /* opening the images takes a while */
  Threads *threads;
  TRY(threads_create(options->workers ? options->workers : 1, diag, &threads));
  Status status = check_images(data, threads, diag);
  threads_destroy(threads);
  return status;
}

Status check_data_run(const CheckDataOptions *options, Diag *diag) {
  DataSet *data;
  if (options->layouts) {
    data_layouts_print(stdout);
    return STATUS_OK;
  }
  if (options->protocol) return check_paper(options, diag);
  Status status = dataset_read(options->data, diag, &data);
  if (status == STATUS_OK && !options->defines) status = check_all(options, data, diag);
  if (status == STATUS_OK && options->defines) status = check_print_defines(data, diag);
  dataset_destroy(data);
  return status;
}
