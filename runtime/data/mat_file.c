/* Variables of a MATLAB file by name, as numbers and texts. */
#include "runtime/data/mat_file.h"

#include "graph/base/open_file.h"
#include "runtime/data/mat_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX ((int64_t)256 << 20)

struct MatFile {
  Arena *arena;
  const char *path;
  MatValue *first;
  bool swapped;
};

static Status read_bytes(MatFile *file, Diag *diag, uint8_t **out, size_t *n) {
  FILE *in;
  int64_t size = 0;
  TRY(file_require(file->path, diag, &in, &size));
  *n = (size_t)size;
  *out = size <= FILE_MAX ? arena_array(file->arena, *n + 1, 1) : NULL;
  Status status = STATUS_OK;
  if (!*out)
    status = size <= FILE_MAX
                 ? diag_no_memory(diag, *n)
                 : diag_error(diag, STATUS_INVALID, file->path, NULL, "is larger than 256 MiB");
  else if (fread(*out, 1, *n, in) != *n)
    status = diag_error(diag, STATUS_INVALID, file->path, NULL, "cannot be read");
  fclose(in);
  return status;
}

static Status read_all(MatFile *file, Diag *diag) {
  uint8_t *bytes = NULL;
  size_t n = 0;
  TRY(read_bytes(file, diag, &bytes, &n));
  const char *wrong = mat_parse(file->arena, bytes, n, &file->swapped, &file->first);
  if (!wrong) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, file->path,
                    "a file that MATLAB saved with -v6 or -v7 (version 5)", "%s", wrong);
}

Status mat_open(const char *path, Diag *diag, MatFile **out) {
  *out = NULL;
  MatFile *file = calloc(1, sizeof *file);
  if (!file) return diag_no_memory(diag, sizeof *file);
  file->arena = arena_create();
  file->path = file->arena ? arena_strdup(file->arena, path) : NULL;
  Status status = file->path ? read_all(file, diag) : diag_no_memory(diag, strlen(path));
  if (status == STATUS_OK)
    *out = file;
  else
    mat_close(file);
  return status;
}

void mat_close(MatFile *file) {
  if (!file) return;
  arena_destroy(file->arena);
  free(file);
}

/* ---- variables ---- */

static Status variable_error(const MatFile *file, const char *name, Diag *diag, const char *text) {
  return diag_error(diag, STATUS_INVALID, file->path, NULL, "variable '%s' %s", name, text);
}

static Status find_variable(const MatFile *file, const char *name, Diag *diag,
                            const MatValue **out) {
  for (*out = file->first; *out; *out = (*out)->next)
    if (strcmp((*out)->name, name) == 0) return STATUS_OK;
  return variable_error(file, name, diag, "is not there");
}

static bool is_numbers(const MatValue *v) {
  return v && v->class >= MAT_FIRST_NUMBER && v->class <= MAT_LAST_NUMBER && !v->complex;
}

static bool whole(double x, int64_t *out) {
  if (!(fabs(x) < 9e15) || x != floor(x)) return false;
  *out = (int64_t)x;
  return true;
}

/* False: something in it is no whole number. */
static bool take_numbers(const MatFile *file, const MatValue *v, Arena *arena, MatNumbers *out) {
  bool cells = v && v->class == MAT_CELL;
  if (!cells && !is_numbers(v)) return false;
  *out = (MatNumbers){.at = arena_array(arena, v->n + 1, sizeof *out->at), .n = v->n};
  for (size_t i = 0; out->at && i < v->n; i++) {
    const MatValue *from = cells ? v->parts[i] : v;
    if (!is_numbers(from) || !whole(mat_element(from, cells ? 0 : i, file->swapped), &out->at[i]))
      return false;
  }
  return out->at != NULL;
}

Status mat_numbers(MatFile *file, const char *name, Arena *arena, Diag *diag, MatNumbers *out) {
  const MatValue *v;
  *out = (MatNumbers){0};
  TRY(find_variable(file, name, diag, &v));
  return take_numbers(file, v, arena, out)
             ? STATUS_OK
             : variable_error(file, name, diag, "holds something else than whole numbers");
}

/* ---- cells ---- */

static Status find_cells(const MatFile *file, const char *name, Diag *diag, const MatValue **out) {
  TRY(find_variable(file, name, diag, out));
  return (*out)->class == MAT_CELL ? STATUS_OK
                                   : variable_error(file, name, diag, "is no array of cells");
}

static const char *take_text(const MatFile *file, const MatValue *v, Arena *arena) {
  char *text = v->class == MAT_CHAR ? arena_array(arena, v->stored + 1, 1) : NULL;
  for (size_t i = 0; text && i < v->stored; i++) {
    double c = mat_element(v, i, file->swapped);
    if (!(c >= 32 && c < 127)) return NULL;
    text[i] = (char)c;
  }
  if (text) text[v->stored] = 0;
  return text;
}

Status mat_texts(MatFile *file, const char *name, Arena *arena, Diag *diag, const char ***out,
                 size_t *n) {
  const MatValue *v;
  TRY(find_cells(file, name, diag, &v));
  *n = v->n;
  *out = arena_array(arena, *n + 1, sizeof **out);
  if (!*out) return diag_no_memory(diag, *n * sizeof **out);
  for (size_t i = 0; i < *n; i++) {
    (*out)[i] = take_text(file, v->parts[i], arena);
    if (!(*out)[i]) return variable_error(file, name, diag, "has cells that are no texts");
  }
  return STATUS_OK;
}

/* Of a structure the field that is meant. */
static const MatValue *choose_field(const MatValue *v, const char *part, size_t field) {
  if (v->class != MAT_STRUCT) return v;
  for (size_t i = 0; i < v->n_parts; i++)
    if (strcasestr(v->fields[i], part) && is_numbers(v->parts[i])) return v->parts[i];
  return field < v->n_parts ? v->parts[field] : NULL;
}

Status mat_lists(MatFile *file, const char *name, const char *part, size_t field, Arena *arena,
                 Diag *diag, MatNumbers **out, size_t *n) {
  const MatValue *v;
  *n = 0;
  TRY(find_cells(file, name, diag, &v));
  *out = arena_array(arena, v->n + 1, sizeof **out);
  if (!*out) return diag_no_memory(diag, v->n * sizeof **out);
  for (; *n < v->n; ++*n)
    if (!take_numbers(file, choose_field(v->parts[*n], part, field), arena, &(*out)[*n]))
      return variable_error(file, name, diag, "has cells without a list of whole numbers");
  return STATUS_OK;
}
