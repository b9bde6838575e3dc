/* CUHK03 as it comes, one file with all images; what is trained on and tested is in another, that
 * of the new protocol, or else the first of the file's own test sets. */
#include "runtime/data/image.h"
#include "runtime/data/layout.h"
#include "runtime/data/mat_file.h"
#include "runtime/data/mat_images.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char file_name[] = "cuhk-03.mat";

typedef struct Cuhk03 {
  const DataLayout *layout;
  DataRows *rows;
  const char *file;  /* cuhk-03.mat */
  const char *set;   /* its folder */
  const char *boxes; /* labeled or detected */
  const char *domain;
  MatImages images;
  const char **names; /* of the images, as in the new protocol's list */
  uint8_t *split;     /* of the images */
} Cuhk03;

static bool is_file(const char *path) {
  struct stat info;
  return path && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Where below `path` the file is, "" where `path` is the file; NULL: nowhere. */
static const char *find_root(const DataLayout *layout, Arena *arena, const char *path) {
  if (is_file(path)) return "";
  for (const char *const *root = layout->roots; *root; root++) {
    const char *folder = data_join(arena, path, *root);
    if (folder && is_file(data_join(arena, folder, file_name))) return *root;
  }
  return NULL;
}

const char *data_cuhk03mat_recognise(const DataLayout *layout, Arena *arena, const char *path,
                                     bool empty) {
  (void)empty;
  return find_root(layout, arena, path);
}

static Status find_file(Cuhk03 *c, const char *path) {
  Arena *arena = c->rows->arena;
  const char *root = find_root(c->layout, arena, path);
  if (!root) TRY(data_layout_below(c->layout, c->rows, path, &root));
  if (!root)
    return diag_error(c->rows->diag, STATUS_INVALID, path, c->layout->form, "holds no %s",
                      file_name);
  const char *folder = data_join(arena, path, root);
  c->file = is_file(path) ? path : folder ? data_join(arena, folder, file_name) : NULL;
  return c->file ? STATUS_OK : diag_no_memory(c->rows->diag, strlen(path));
}

/* ---- who is for what ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Status mark_list(const Cuhk03 *c, const char *config, const char *variable, MatNumbers list,
                        const char *const *files, size_t n_files, uint8_t split) {
  for (size_t i = 0; i < list.n; i++) {
    bool there = list.at[i] >= 1 && (uint64_t)list.at[i] <= n_files;
    const char *name = there ? files[list.at[i] - 1] : NULL;
    const char **found =
        name ? bsearch(&name, c->names, c->images.n, sizeof *c->names, by_name) : NULL;
    if (!found)
      return diag_error(c->rows->diag, STATUS_INVALID, config, "boxes=labeled|detected in the line",
                        "variable '%s' names image '%s', which is not among '%s' of %s", variable,
                        name ? name : "?", c->boxes, file_name);
    c->split[found - c->names] = split;
  }
  return STATUS_OK;
}

/* Names are in the order of pair, person, camera, image: sorted. */
static Status read_config(Cuhk03 *c, const char *config) {
  static const char *const variables[] = {"train_idx", "query_idx", "gallery_idx"};
  MatFile *file;
  const char **files;
  size_t n_files;
  Arena *arena = c->rows->arena;
  Diag *diag = c->rows->diag;
  TRY(mat_open(config, diag, &file));
  Status status = mat_texts(file, "filelist", arena, diag, &files, &n_files);
  memset(c->split, SPLIT_UNUSED, c->images.n);
  for (uint8_t i = 0; i < 3 && status == STATUS_OK; i++) {
    MatNumbers list;
    status = mat_numbers(file, variables[i], arena, diag, &list);
    if (status == STATUS_OK)
      status = mark_list(c, config, variables[i], list, files, n_files, (uint8_t)(SPLIT_TRAIN + i));
  }
  mat_close(file);
  return status;
}

/* The classic protocol: of the 100 people of a test set, images of the first camera are queries. */
static Status read_test_set(Cuhk03 *c) {
  MatImage *people;
  size_t n;
  TRY(mat_images_test_set(c->file, 0, c->rows->arena, c->rows->diag, &people, &n));
  for (size_t i = 0; i < c->images.n; i++) {
    const MatImage *image = &c->images.images[i];
    for (size_t k = 0; k < n; k++)
      if (people[k].pair == image->pair && people[k].person == image->person)
        c->split[i] = image->image <= 5 ? SPLIT_QUERY : SPLIT_GALLERY;
  }
  char *hint =
      arena_printf(c->rows->arena, "put cuhk03_new_protocol_config_%s.mat beside it", c->boxes);
  diag_warning(c->rows->diag, c->file, hint,
               n ? "the first of its test sets is tested (classic protocol), not the new protocol"
                 : "it has no test sets: all is for training");
  return STATUS_OK;
}

/* Beside the file, or in the folder above, as archives are unpacked. */
static const char *find_config(const Cuhk03 *c) {
  static const char *const folders[] = {"", ".."};
  Arena *arena = c->rows->arena;
  for (int i = 0; i < 2; i++) {
    const char *folder = data_join(arena, c->set, folders[i]);
    const char *path =
        folder ? arena_printf(arena, "%s/cuhk03_new_protocol_config_%s.mat", folder, c->boxes)
               : NULL;
    if (is_file(path)) return path;
  }
  return NULL;
}

/* ---- rows ---- */

static Status name_images(Cuhk03 *c) {
  Arena *arena = c->rows->arena;
  c->names = arena_array(arena, c->images.n + 1, sizeof *c->names);
  c->split = arena_array(arena, c->images.n + 1, sizeof *c->split);
  if (!c->names || !c->split) return diag_no_memory(c->rows->diag, c->images.n * 16);
  for (size_t i = 0; i < c->images.n; i++) {
    const MatImage *image = &c->images.images[i];
    c->names[i] = arena_printf(arena, "%u_%03u_%d_%02u.png", image->pair, image->person,
                               image->image <= 5 ? 1 : 2, image->image);
    if (!c->names[i]) return diag_no_memory(c->rows->diag, 32);
    c->split[i] = SPLIT_TRAIN;
  }
  return STATUS_OK;
}

static Status add_row(const Cuhk03 *c, size_t i) {
  Arena *arena = c->rows->arena;
  const MatImage *image = &c->images.images[i];
  DataRow row = {.domain = c->domain,
                 .written =
                     arena_printf(arena, "%s#%s/%s", data_base(c->file), c->boxes, c->names[i]),
                 .pid = arena_printf(arena, "%u/%04u", image->pair, image->person),
                 .camera = image->image <= 5 ? "1" : "2",
                 .set = c->file,
                 .layout = c->layout,
                 .split = c->split[i]};
  row.path = row.written ? data_join(arena, c->set, row.written) : NULL;
  bool ok = row.split == SPLIT_UNUSED
                ? row.written &&
                      data_rows_leave(
                          c->rows,
                          (DataLeft){
                              LEFT_UNLISTED, c->file, row.written, 0,
                              "the new protocol's config has train_idx, query_idx and gallery_idx"})
                : data_rows_add(c->rows, row);
  return ok ? STATUS_OK : diag_no_memory(c->rows->diag, sizeof row);
}

Status data_read_cuhk03mat(const DataLayout *layout, DataRows *rows, const char *path,
                           const char *domain) {
  Cuhk03 c = {.layout = layout, .rows = rows, .domain = domain};
  const char *trimmed = data_trim(rows->arena, path);
  if (!trimmed) return diag_no_memory(rows->diag, strlen(path));
  size_t before = rows->n;
  TRY(find_file(&c, trimmed));
  const char *slash = strrchr(c.file, '/');
  c.set = slash ? arena_strndup(rows->arena, c.file, slash == c.file ? 1 : (size_t)(slash - c.file))
                : ".";
  if (!c.domain) c.domain = is_file(trimmed) ? "cuhk03" : data_set_name(rows->arena, trimmed);
  c.boxes = rows->boxes ? rows->boxes : mat_images_has(c.file, "labeled") ? "labeled" : "detected";
  if (!c.set || !c.domain) return diag_no_memory(rows->diag, strlen(path));
  TRY(mat_images_list(c.file, c.boxes, rows->arena, rows->diag, &c.images));
  TRY(name_images(&c));
  const char *config = find_config(&c);
  TRY(config ? read_config(&c, config) : read_test_set(&c));
  for (size_t i = 0; i < c.images.n; i++) TRY(add_row(&c, i));
  if (rows->n > before) return STATUS_OK;
  return diag_error(rows->diag, STATUS_INVALID, c.file, NULL, "holds no images in '%s'", c.boxes);
}
