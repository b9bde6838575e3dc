/* Numbers identities and cameras by their names, and files by where they lie. */
#include "runtime/use/people.h"

#include "runtime/data/layout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The number of `name` in a domain; `kind` keeps identities and cameras apart. */
static int64_t intern_number(Strings *names, char kind, const char *domain, const char *name) {
  char text[DATA_NAME_MAX + 600];
  int n = snprintf(text, sizeof text, "%c%s/%s", kind, domain, name);
  uint32_t id = n < (int)sizeof text ? strings_intern(names, text) : UINT32_MAX;
  return id == UINT32_MAX ? -1 : (int64_t)id;
}

static bool is_plain(const DataDomain *domain) {
  return domain->layout == data_layout_plain();
}

/* What an image says of whom it is of; false when out of memory. */
static bool say(const DataDomain *domain, const DataImage *image, Strings *names, int64_t alone,
                People *p, int64_t at) {
  p->known[at] = !is_plain(domain);
  p->ids[at] = image->nobody ? -1 - alone
                             : intern_number(names, 'p', domain->name, domain->pids[image->pid]);
  p->pids[at] = domain->pids[image->pid];
  p->camera_names[at] = domain->cameras[image->camera];
  p->cameras[at] = intern_number(names, 'c', domain->name, domain->cameras[image->camera]);
  return (image->nobody || p->ids[at] >= 0) && p->cameras[at] >= 0;
}

/* Whether a set has images of a split. */
static bool has_split(const Described *d, Split split) {
  for (uint32_t k = 0; k < d->data->n_domains; k++)
    if (split == SPLIT_QUERY ? d->data->domains[k].n_query : d->data->domains[k].n_gallery)
      return true;
  return false;
}

Status people_take(const Described *d, PeopleUse use, Strings *names, People *out, Diag *diag) {
  int64_t n = described_count(d);
  size_t room = (size_t)n + 1;
  Split split = use == PEOPLE_QUERY ? SPLIT_QUERY : SPLIT_GALLERY;
  bool all = use == PEOPLE_ALL || !has_split(d, split);
  int64_t apart = use == PEOPLE_QUERY ? (int64_t)1 << 40 : 0; /* nobody's numbers of two sets */
  *out = (People){.of = d,
                  .rows = calloc(room, sizeof *out->rows),
                  .ids = calloc(room, sizeof *out->ids),
                  .cameras = calloc(room, sizeof *out->cameras),
                  .known = calloc(room, sizeof *out->known),
                  .pids = calloc(room, sizeof *out->pids),
                  .camera_names = calloc(room, sizeof *out->camera_names)};
  bool ok = out->rows && out->ids && out->cameras && out->known && out->pids && out->camera_names;
  for (int64_t row = 0; ok && row < n; row++) {
    const DataDomain *domain;
    const DataImage *image = described_image(d, row, &domain);
    if (d->features.bad[row] || (!all && image->split != split)) continue;
    out->rows[out->n] = row;
    ok = say(domain, image, names, row + apart, out, out->n);
    out->n++;
  }
  if (ok) return STATUS_OK;
  people_release(out);
  return diag_no_memory(diag, room * 32);
}

void people_release(People *p) {
  free(p->rows);
  free(p->ids);
  free(p->cameras);
  free(p->known);
  free(p->pids);
  free(p->camera_names);
  *p = (People){0};
}

MetricsSet people_set(const People *p, const char *place) {
  return (MetricsSet){.features = p->of->features.rows,
                      .ids = p->ids,
                      .cameras = p->cameras,
                      .count = p->n,
                      .rows = p->rows,
                      .place = place};
}

/* ---- files ---- */

typedef struct Known {
  dev_t device;
  ino_t file;
  int64_t row;
} Known;

static int by_file(const void *a, const void *b) {
  const Known *x = a, *y = b;
  if (x->device != y->device) return x->device < y->device ? -1 : 1;
  if (x->file != y->file) return x->file < y->file ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static int same_file(const void *a, const void *b) {
  const Known *x = a, *y = b;
  if (x->device != y->device) return x->device < y->device ? -1 : 1;
  return (x->file > y->file) - (x->file < y->file);
}

/* The images of a set that are there, sorted by file. */
static Known *list_files(const Described *d, int64_t *n) {
  int64_t count = described_count(d);
  Known *list = calloc((size_t)count + 1, sizeof *list);
  *n = 0;
  for (int64_t row = 0; list && row < count; row++) {
    const DataDomain *domain;
    struct stat info;
    if (stat(described_image(d, row, &domain)->path, &info) == 0)
      list[(*n)++] = (Known){info.st_dev, info.st_ino, row};
  }
  if (list) qsort(list, (size_t)*n, sizeof *list, by_file);
  return list;
}

static int64_t find_row(const People *p, int64_t row) {
  for (int64_t i = 0; i < p->n; i++)
    if (p->rows[i] == row) return i;
  return -1;
}

Status people_recognise(People *queries, People *gallery, Strings *names, Diag *diag) {
  int64_t n;
  Known *list = list_files(gallery->of, &n);
  if (!list) return diag_no_memory(diag, (size_t)described_count(gallery->of) * sizeof *list);
  for (int64_t q = 0; q < queries->n; q++) {
    const DataDomain *domain;
    struct stat info;
    if (queries->known[q] ||
        stat(described_image(queries->of, queries->rows[q], &domain)->path, &info) != 0)
      continue;
    const Known key = {info.st_dev, info.st_ino, 0};
    const Known *known = bsearch(&key, list, (size_t)n, sizeof *list, same_file);
    if (!known) continue;
    const DataImage *image = described_image(gallery->of, known->row, &domain);
    int64_t own = queries->ids[q], at = find_row(gallery, known->row);
    if (!is_plain(domain) && !say(domain, image, names, -1 - own, queries, q)) {
      free(list);
      return diag_no_memory(diag, 64);
    }
    if (at >= 0 && queries->ids[q] < 0) { /* taken out as what is of one person and camera is */
      queries->ids[q] = gallery->ids[at];
      queries->cameras[q] = gallery->cameras[at];
    }
  }
  free(list);
  return STATUS_OK;
}
