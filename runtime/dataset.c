/* Assembles data sets from rows; the readers of layouts are in files of their own. */
#include "runtime/dataset.h"

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

bool data_is_name(const char *name) {
  return *name &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
             strlen(name);
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

static uint64_t fingerprint(const DataRows *rows) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return 0;
  XXH3_64bits_reset(state);
  for (size_t i = 0; i < rows->n; i++) {
    const DataRow *r = &rows->rows[i];
    const char *fields[] = {r->domain, r->written, r->pid, r->camera};
    for (int k = 0; k < 4; k++) XXH3_64bits_update(state, fields[k], strlen(fields[k]) + 1);
    XXH3_64bits_update(state, &r->split, 1);
  }
  uint64_t hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return hash;
}

static Status assemble(const DataRows *rows, DataSet *data, const char *path) {
  if (rows->n == 0)
    return diag_error(rows->diag, STATUS_INVALID, path, "graphrun check-data DATA",
                      "has no images");
  data->domains = arena_array(data->arena, 256, sizeof *data->domains);
  if (!data->domains) return diag_no_memory(rows->diag, 256 * sizeof *data->domains);
  for (size_t i = 0; i < rows->n; i++) {
    const char *name = rows->rows[i].domain;
    if (dataset_domain(data, name)) continue;
    if (data->n_domains == 256)
      return diag_error(rows->diag, STATUS_INVALID, path, NULL, "more than 256 domains");
    if (!data_is_name(name))
      return diag_error(rows->diag, STATUS_INVALID, path, "letters, digits, _ and -",
                        "'%s' is no name for a domain", name);
    data->domains[data->n_domains++] = (DataDomain){.name = name};
  }
  Gather g = {rows, data, NULL};
  for (uint32_t k = 0; k < data->n_domains; k++) {
    g.domain = &data->domains[k];
    TRY(fill_domain(&g));
  }
  data->fingerprint = fingerprint(rows);
  return STATUS_OK;
}

const DataDomain *dataset_domain(const DataSet *data, const char *name) {
  for (uint32_t k = 0; k < data->n_domains; k++)
    if (strcmp(data->domains[k].name, name) == 0) return &data->domains[k];
  return NULL;
}

/* ---- .domains ---- */

/* Rows from `first` on: everything but distractors becomes training data. */
static void train_on_all(DataRows *rows, size_t first) {
  size_t kept = first;
  for (size_t i = first; i < rows->n; i++) {
    const char *pid = rows->rows[i].pid;
    bool nobody = strcmp(pid, "-1") == 0 || (*pid == '0' && strspn(pid, "0") == strlen(pid));
    if (nobody || rows->rows[i].split == SPLIT_UNUSED) continue;
    rows->rows[kept] = rows->rows[i];
    rows->rows[kept++].split = SPLIT_TRAIN;
  }
  rows->n = kept;
}

static Status read_domain_line(DataRows *rows, const char *file, int line, char *text) {
  char *save, *words[5];
  int n = 0;
  for (char *w = strtok_r(text, " \t\r\n", &save); w && n < 5; w = strtok_r(NULL, " \t\r\n", &save))
    words[n++] = w;
  if (n == 0 || *words[0] == '#') return STATUS_OK;
  const char *place = arena_printf(rows->arena, "%s:%d", file, line);
  static const char form[] = "NAME LAYOUT PATH [split=train|all], LAYOUT: csv or market";
  if (n < 3 || n > 4 || !data_is_name(words[0]))
    return diag_error(rows->diag, STATUS_INVALID, place, form, "this is no domain");
  bool all = n == 4 && strcmp(words[3], "split=all") == 0;
  if (n == 4 && !all && strcmp(words[3], "split=train") != 0)
    return diag_error(rows->diag, STATUS_INVALID, place, form, "unknown option '%s'", words[3]);
  for (size_t i = 0; i < rows->n; i++)
    if (strcmp(rows->rows[i].domain, words[0]) == 0)
      return diag_error(rows->diag, STATUS_INVALID, place, NULL, "domain '%s' stands here twice",
                        words[0]);
  const char *name = arena_strdup(rows->arena, words[0]);
  const char *path = data_path(rows->arena, file, words[2]);
  if (!name || !path) return diag_no_memory(rows->diag, strlen(words[2]));
  size_t first = rows->n;
  if (strcmp(words[1], "csv") == 0)
    TRY(dataset_read_csv(rows, path, name));
  else if (strcmp(words[1], "market") == 0)
    TRY(dataset_read_market(rows, path, name));
  else
    return diag_error(rows->diag, STATUS_INVALID, place, form, "unknown layout '%s'", words[1]);
  if (all) train_on_all(rows, first);
  return STATUS_OK;
}

static Status read_domains(DataRows *rows, const char *path) {
  FILE *file = fopen(path, "r");
  if (!file)
    return diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  for (int number = 1; status == STATUS_OK && getline(&line, &capacity, file) >= 0; number++)
    status = read_domain_line(rows, path, number, line);
  free(line);
  fclose(file);
  return status;
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
  if (ends_with(path, ".domains")) return read_domains(rows, path);
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
