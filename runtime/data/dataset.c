/* Assembles data sets from rows; the readers of layouts are in files of their own. */
#include "runtime/data/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

bool data_rows_add(DataRows *r, DataRow row) {
  if (r->n == r->capacity) {
    size_t capacity = r->capacity ? r->capacity * 2 : 1024;
    DataRow *grown = realloc(r->rows, capacity * sizeof *grown);
    if (!grown) return false;
    r->rows = grown;
    r->capacity = capacity;
  }
  r->rows[r->n++] = row;
  return row.domain && row.path && row.written && row.pid && row.camera;
}

const char *data_path(Arena *arena, const char *base, const char *path) {
  const char *slash = strrchr(base, '/');
  if (*path == '/' || !slash) return arena_strdup(arena, path);
  return arena_printf(arena, "%.*s/%s", (int)(slash - base), base, path);
}

size_t data_bom(const char *line) {
  return strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

bool data_is_name(const char *name) {
  size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
  return n > 0 && n <= DATA_NAME_MAX && name[n] == 0;
}

/* ---- sorting names ---- */

static bool all_digits(const char *text) {
  return *text && strspn(text, "0123456789") == strlen(text);
}

static int compare_bytes(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By value, however long; equal values by their text. */
static int compare_digits(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  const char *p = x + strspn(x, "0"), *q = y + strspn(y, "0");
  size_t n = strlen(p), m = strlen(q);
  if (n != m) return n < m ? -1 : 1;
  int order = strcmp(p, q);
  return order ? order : strcmp(x, y);
}

typedef int (*Compare)(const void *, const void *);

/* Sorts and removes duplicates; returns how they were compared. */
static Compare sort_names(const char **names, uint32_t *n) {
  bool digits = true;
  for (uint32_t i = 0; i < *n && digits; i++) digits = all_digits(names[i]);
  Compare compare = digits ? compare_digits : compare_bytes;
  qsort(names, *n, sizeof *names, compare);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < *n; i++)
    if (!kept || strcmp(names[i], names[kept - 1]) != 0) names[kept++] = names[i];
  *n = kept;
  return compare;
}

static uint32_t rank(const char *name, const char **names, uint32_t n, Compare compare) {
  const char **found = bsearch(&name, names, n, sizeof *names, compare);
  return found ? (uint32_t)(found - names) : UINT32_MAX;
}

/* ---- domains from rows ---- */

typedef struct Gather {
  const DataRows *rows;
  DataSet *data;
  DataDomain *domain;
} Gather;

static bool in_domain(const Gather *g, size_t row) {
  return strcmp(g->rows->rows[row].domain, g->domain->name) == 0;
}

static Status fill_domain(Gather *g) {
  DataDomain *d = g->domain;
  Arena *arena = g->data->arena;
  for (size_t i = 0; i < g->rows->n; i++) d->n_images += in_domain(g, i);
  d->images = arena_array(arena, d->n_images, sizeof *d->images);
  d->pids = arena_array(arena, d->n_images, sizeof *d->pids);
  d->classes = arena_array(arena, d->n_images, sizeof *d->classes);
  const char **cameras = arena_array(arena, d->n_images, sizeof *cameras);
  if (!d->images || !d->pids || !d->classes || !cameras)
    return diag_no_memory(g->rows->diag, d->n_images * sizeof *d->images);
  d->n_pids = d->n_cameras = 0;
  for (size_t i = 0; i < g->rows->n; i++) {
    const DataRow *row = &g->rows->rows[i];
    if (!in_domain(g, i)) continue;
    d->pids[d->n_pids++] = row->pid;
    cameras[d->n_cameras++] = row->camera;
    if (row->split == SPLIT_TRAIN) d->classes[d->n_classes++] = row->pid;
    d->n_train += row->split == SPLIT_TRAIN;
    d->n_query += row->split == SPLIT_QUERY;
    d->n_gallery += row->split == SPLIT_GALLERY;
  }
  Compare pids = sort_names(d->pids, &d->n_pids), classes = sort_names(d->classes, &d->n_classes);
  Compare by_camera = sort_names(cameras, &d->n_cameras);
  DataImage *image = d->images;
  for (size_t i = 0; i < g->rows->n; i++) {
    const DataRow *row = &g->rows->rows[i];
    if (!in_domain(g, i)) continue;
    *image++ = (DataImage){
        row->path, rank(row->pid, d->pids, d->n_pids, pids),
        rank(row->camera, cameras, d->n_cameras, by_camera),
        row->split == SPLIT_TRAIN ? (int32_t)rank(row->pid, d->classes, d->n_classes, classes) : -1,
        row->split};
  }
  return STATUS_OK;
}

/* Of all rows; with `domain`, of its rows, whatever its name is. */
static uint64_t fingerprint(const DataRows *rows, const char *domain) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return 0;
  XXH3_64bits_reset(state);
  for (size_t i = 0; i < rows->n; i++) {
    const DataRow *r = &rows->rows[i];
    const char *fields[] = {r->domain, r->written, r->pid, r->camera};
    if (domain && strcmp(domain, r->domain) != 0) continue;
    for (int k = domain ? 1 : 0; k < 4; k++)
      XXH3_64bits_update(state, fields[k], strlen(fields[k]) + 1);
    XXH3_64bits_update(state, &r->split, 1);
  }
  uint64_t hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return hash;
}

/* ---- images listed twice ---- */

static int by_path(const void *a, const void *b) {
  const DataRow *x = *(const DataRow *const *)a, *y = *(const DataRow *const *)b;
  int order = strcmp(x->domain, y->domain);
  if (!order) order = strcmp(x->path, y->path);
  if (!order) order = x->split - y->split;
  if (order) return order;
  return x < y ? -1 : x > y; /* both lie in the array of rows: its order */
}

static Status conflict(const DataRows *rows, const DataRow *first, const DataRow *second) {
  const char *place =
      second->line ? arena_printf(rows->arena, "%s:%u", second->file, second->line) : second->path;
  bool pid = strcmp(first->pid, second->pid) != 0;
  return diag_error(rows->diag, STATUS_INVALID, place, "list every image once",
                    "'%s' is %s '%s' here and '%s' in line %u", second->written,
                    pid ? "identity" : "camera", pid ? second->pid : second->camera,
                    pid ? first->pid : first->camera, first->line);
}

/* An image with two identities or cameras is an error; one that a split holds twice is drawn more
 * often than others: worth a warning. */
static Status check_duplicates(const DataRows *rows, const char *path) {
  const DataRow **sorted = malloc(rows->n * sizeof *sorted);
  if (!sorted) return diag_no_memory(rows->diag, rows->n * sizeof *sorted);
  for (size_t i = 0; i < rows->n; i++) sorted[i] = &rows->rows[i];
  qsort(sorted, rows->n, sizeof *sorted, by_path);
  const DataRow *first_twice = NULL;
  size_t twice = 0;
  Status status = STATUS_OK;
  for (size_t i = 1; i < rows->n; i++) {
    const DataRow *a = sorted[i - 1], *b = sorted[i];
    if (strcmp(a->domain, b->domain) != 0 || strcmp(a->path, b->path) != 0) continue;
    if (strcmp(a->pid, b->pid) != 0 || strcmp(a->camera, b->camera) != 0)
      status = a < b ? conflict(rows, a, b) : conflict(rows, b, a);
    if (a->split != b->split) continue;
    twice++;
    if (!first_twice || b < first_twice) first_twice = b;
  }
  free(sorted);
  if (status == STATUS_OK && twice > 0)
    diag_warning(rows->diag, path, NULL,
                 "%zu images are listed more than once in the same split (the first is '%s' in "
                 "line %u)",
                 twice, first_twice->written, first_twice->line);
  return status;
}

/* ---- the whole ---- */

static Status assemble(const DataRows *rows, DataSet *data, const char *path) {
  if (rows->n == 0)
    return diag_error(rows->diag, STATUS_INVALID, path, DATA_DOMAINS_FORM, "names no domain");
  TRY(check_duplicates(rows, path));
  data->domains = arena_array(data->arena, 256, sizeof *data->domains);
  if (!data->domains) return diag_no_memory(rows->diag, 256 * sizeof *data->domains);
  for (size_t i = 0; i < rows->n; i++) {
    const char *name = rows->rows[i].domain;
    if (dataset_domain(data, name)) continue;
    if (data->n_domains == 256)
      return diag_error(rows->diag, STATUS_INVALID, path, NULL, "more than 256 domains");
    if (!data_is_name(name))
      return diag_error(rows->diag, STATUS_INVALID, path,
                        "letters, digits, _ and -; a line `NAME LAYOUT PATH` in a .domains file "
                        "gives the set a name",
                        "'%s' is no name for a domain", name);
    data->domains[data->n_domains++] = (DataDomain){.name = name};
  }
  Gather g = {rows, data, NULL};
  for (uint32_t k = 0; k < data->n_domains; k++) {
    g.domain = &data->domains[k];
    TRY(fill_domain(&g));
    g.domain->fingerprint = fingerprint(rows, g.domain->name);
  }
  data->fingerprint = fingerprint(rows, NULL);
  return STATUS_OK;
}

const DataDomain *dataset_domain(const DataSet *data, const char *name) {
  for (uint32_t k = 0; k < data->n_domains; k++)
    if (strcmp(data->domains[k].name, name) == 0) return &data->domains[k];
  return NULL;
}

static bool ends_with(const char *text, const char *tail) {
  size_t n = strlen(text), m = strlen(tail);
  return n >= m && strcmp(text + n - m, tail) == 0;
}

static Status read_any(DataRows *rows, const char *path) {
  struct stat info;
  if (stat(path, &info) != 0)
    return diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  if (S_ISDIR(info.st_mode)) return dataset_read_market(rows, path, NULL);
  if (ends_with(path, ".domains")) return dataset_read_domains(rows, path);
  if (ends_with(path, ".csv")) return dataset_read_csv(rows, path, NULL);
  return diag_error(rows->diag, STATUS_INVALID, path,
                    "a .csv manifest, a .domains file or a folder in the Market-1501 layout",
                    "is no data set");
}

Status dataset_read(const char *path, Diag *diag, DataSet **out) {
  *out = NULL;
  DataSet *data = calloc(1, sizeof *data);
  if (data) data->arena = arena_create();
  if (!data || !data->arena) {
    free(data);
    return diag_no_memory(diag, sizeof *data);
  }
  DataRows rows = {.arena = data->arena, .diag = diag};
  data->path = arena_strdup(data->arena, path);
  Status status = read_any(&rows, path);
  if (status == STATUS_OK) status = assemble(&rows, data, path);
  free(rows.rows);
  if (status == STATUS_OK)
    *out = data;
  else
    dataset_destroy(data);
  return status;
}

void dataset_destroy(DataSet *data) {
  if (!data) return;
  arena_destroy(data->arena);
  free(data);
}
