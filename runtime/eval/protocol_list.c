/* Trials from a list of splits that somebody else drew. */
#include "graph/base/text.h"
#include "runtime/data/identity.h"
#include "runtime/eval/protocol_parts.h"

#include <stdlib.h>
#include <string.h>

bool protocol_list_is_identities(const SplitList *list) {
  for (size_t i = 0; i < list->n; i++) {
    const SplitEntry *e = &list->entries[i];
    if (e->image || e->side == SIDE_QUERY || e->side == SIDE_GALLERY) return false;
  }
  return true;
}

/* The list is of another set, most likely: each such entry is told, as far as errors are. */
static Status not_there(const SplitList *list, const SplitEntry *e, const DataDomain *d, Diag *diag,
                        const char *what, const char *word) {
  char place[4096 + 32], text[512];
  text_format(place, sizeof place, e->line ? "%s:%u" : "%s", list->path, e->line);
  text_format(text, sizeof text, "domain '%s' has no %s '%s'", d->name, what, word);
  DiagEntry entry = {.code = STATUS_INVALID,
                     .place = place,
                     .text = text,
                     .hint = "--domain=NAME says which domain the list is of",
                     .file = list->path,
                     .order = (unsigned long long)e->line << 20,
                     .row = true};
  return diag_add(diag, &entry);
}

/* ---- identities ---- */

static int64_t find_pid(const DataDomain *d, const char *pid) {
  for (uint32_t p = 0; p < d->n_pids; p++)
    if (identity_same(d->pids[p], pid)) return p;
  return -1;
}

/* Marks the identities of one side of the trial; *any: there are some. */
static Status mark_pids(const Draw *s, SplitSide side, char *marks, bool *any, Diag *diag) {
  const SplitList *list = s->protocol->list;
  Status status = STATUS_OK;
  *any = false;
  for (size_t i = 0; i < list->n; i++) {
    const SplitEntry *e = &list->entries[i];
    if (e->trial != s->trial || e->side != side) continue;
    int64_t pid = find_pid(s->domain, e->pid);
    if (pid >= 0)
      marks[pid] = 1;
    else if (side == SIDE_TEST)
      status = not_there(list, e, s->domain, diag, "identity", e->pid);
    *any = true;
  }
  return status;
}

static Status unmatched(const Draw *s, int64_t pid, Diag *diag) {
  return diag_error(
      diag, STATUS_INVALID, s->protocol->list->path, "a match needs images of two cameras",
      "identity '%s' of domain '%s' cannot be asked for", s->domain->pids[pid], s->domain->name);
}

Status protocol_list_choose(Draw *s, Diag *diag) {
  char *marks = calloc(s->domain->n_pids + 1u, 1);
  bool tested = false, trained = false;
  if (!marks) return diag_no_memory(diag, s->domain->n_pids);
  Status status = mark_pids(s, SIDE_TEST, marks, &tested, diag);
  if (status == STATUS_OK && !tested) status = mark_pids(s, SIDE_TRAIN, marks, &trained, diag);
  for (int64_t p = 0; status == STATUS_OK && p < s->domain->n_pids; p++) {
    if (marks[p] != (tested ? 1 : 0)) continue;
    if (protocol_can_match(s, p))
      s->chosen[s->n_chosen++] = p;
    else if (tested)
      status = unmatched(s, p, diag);
  }
  free(marks);
  if (status == STATUS_OK && s->n_chosen == 0)
    status = diag_error(diag, STATUS_INVALID, s->protocol->list->path, NULL,
                        "trial %u leaves nobody of domain '%s' to test", s->trial, s->domain->name);
  return status;
}

/* ---- images ---- */

typedef struct Index {
  const DataDomain *domain;
  const DataImage **by_name; /* sorted by their files' names */
} Index;

static const char *base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int by_base(const void *a, const void *b) {
  const DataImage *x = *(const DataImage *const *)a, *y = *(const DataImage *const *)b;
  int order = strcmp(base(x->path), base(y->path));
  return order ? order : x < y ? -1 : x > y;
}

/* How many of the last parts of two paths are the same. */
static uint32_t same_parts(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  uint32_t parts = 0;
  while (n && m && a[n - 1] == b[m - 1]) {
    n--;
    m--;
    parts += a[n] == '/' || n == 0 || m == 0;
  }
  return parts + ((n == 0 && m && b[m - 1] == '/') || (m == 0 && n && a[n - 1] == '/'));
}

/* The image whose path ends most like `path`; several that do so equally are an error. */
static Status find_image(const Index *index, const SplitList *list, const SplitEntry *e, Diag *diag,
                         int64_t *out) {
  const DataDomain *d = index->domain;
  size_t low = 0, high = d->n_images;
  const char *name = base(e->image);
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (strcmp(base(index->by_name[middle]->path), name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  const DataImage *found = NULL;
  uint32_t most = 0, n = 0;
  for (; low < d->n_images && strcmp(base(index->by_name[low]->path), name) == 0; low++) {
    uint32_t parts = same_parts(index->by_name[low]->path, e->image);
    if (parts < most) continue;
    n = parts == most ? n + 1 : 1;
    most = parts;
    found = index->by_name[low];
  }
  if (!found) return not_there(list, e, d, diag, "image", e->image);
  *out = found - d->images;
  return n == 1 ? STATUS_OK : not_there(list, e, d, diag, "single image that is called", e->image);
}

typedef struct Filling {
  const Protocol *protocol;
  Index index;
  uint32_t query_camera; /* of two */
  bool *seen;            /* (n_images) has a side in this trial */
  bool *asked;           /* (n_pids) has a query */
  Trial *out;
} Filling;

static void add_image(Filling *f, int64_t image, bool query) {
  if (f->seen[image]) return;
  f->seen[image] = true;
  if (query)
    f->out->query[f->out->n_query++] = image;
  else
    f->out->gallery[f->out->n_gallery++] = image;
}

/* An image without a side: by its camera, when there are two; else an identity's first is asked
 * for. */
static void add_by_camera(Filling *f, int64_t image) {
  const DataImage *i = &f->index.domain->images[image];
  bool query = f->index.domain->n_cameras == 2 ? i->camera == f->query_camera
                                               : !f->asked[i->pid] && !i->nobody;
  if (query) f->asked[i->pid] = true;
  add_image(f, image, query && !i->nobody);
}

static Status add_pid(Filling *f, const SplitEntry *e, Diag *diag) {
  const DataDomain *d = f->index.domain;
  int64_t pid = find_pid(d, e->pid);
  uint32_t camera = 0;
  if (pid < 0) return not_there(f->protocol->list, e, d, diag, "identity", e->pid);
  while (e->camera && camera < d->n_cameras && !identity_same(d->cameras[camera], e->camera))
    camera++;
  if (e->camera && camera == d->n_cameras)
    return not_there(f->protocol->list, e, d, diag, "camera", e->camera);
  if (!e->camera && d->n_cameras != 2)
    return not_there(f->protocol->list, e, d, diag,
                     "two cameras, so that a column 'camera' must say which image is meant of",
                     e->pid);
  if (!e->camera) camera = e->side == SIDE_QUERY ? f->query_camera : 1 - f->query_camera;
  bool any = false;
  for (uint32_t i = 0; i < d->n_images; i++) {
    if (d->images[i].pid != pid || d->images[i].camera != camera) continue;
    add_image(f, i, e->side == SIDE_QUERY);
    any = true;
  }
  return any ? STATUS_OK
             : not_there(f->protocol->list, e, d, diag, "image in that camera of", e->pid);
}

static Status fill(Filling *f, uint32_t trial, Diag *diag) {
  const SplitList *list = f->protocol->list;
  Status status = STATUS_OK;
  for (size_t i = 0; i < list->n; i++) {
    const SplitEntry *e = &list->entries[i];
    int64_t image = 0;
    if (e->trial != trial || e->side == SIDE_TRAIN) continue;
    Status now = e->image ? find_image(&f->index, list, e, diag, &image) : add_pid(f, e, diag);
    if (now == STATUS_OK && e->image && e->side == SIDE_TEST)
      add_by_camera(f, image);
    else if (now == STATUS_OK && e->image)
      add_image(f, image, e->side == SIDE_QUERY);
    if (now != STATUS_OK) status = now;
  }
  if (status != STATUS_OK || (f->out->n_query && f->out->n_gallery)) return status;
  return diag_error(diag, STATUS_INVALID, list->path, NULL,
                    "trial %u has %lld query and %lld gallery images of domain '%s'", trial,
                    (long long)f->out->n_query, (long long)f->out->n_gallery,
                    f->index.domain->name);
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

Status protocol_list_images(const Protocol *protocol, const DataDomain *d, uint32_t trial,
                            Trial *out, Diag *diag) {
  Filling f = {.protocol = protocol, .index = {.domain = d}, .out = out};
  f.index.by_name = calloc(d->n_images + 1u, sizeof *f.index.by_name);
  f.seen = calloc(d->n_images + 1u, sizeof *f.seen);
  f.asked = calloc(d->n_pids + 1u, sizeof *f.asked);
  Status status = STATUS_OK;
  if (!f.index.by_name || !f.seen || !f.asked) status = diag_no_memory(diag, d->n_images * 8u);
  if (status == STATUS_OK) {
    for (uint32_t i = 0; i < d->n_images; i++) f.index.by_name[i] = &d->images[i];
    qsort(f.index.by_name, d->n_images, sizeof *f.index.by_name, by_base);
    if (d->n_cameras == 2) f.query_camera = protocol_query_camera(d);
    status = fill(&f, trial, diag);
    qsort(out->query, (size_t)out->n_query, sizeof *out->query, ascending);
    qsort(out->gallery, (size_t)out->n_gallery, sizeof *out->gallery, ascending);
  }
  free(f.index.by_name);
  free(f.seen);
  free(f.asked);
  return status;
}
