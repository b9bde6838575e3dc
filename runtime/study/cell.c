/* Cells and the files in which they remember what they are of. */
#include "runtime/study/cell.h"

#include "graph/base/replace.h"
#include "graph/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT "graphrun study 1"

/* ---- the list ---- */

static bool name_cell(Cell *c, const char *out) {
  bool named = asprintf(&c->name, "%s.%s.seed%u", c->row->name, c->training->name, c->seed) >= 0;
  if (!named) c->name = NULL;
  if (named && asprintf(&c->folder, "%s/cells/%s", out, c->name) < 0) c->folder = NULL;
  return c->name && c->folder;
}

Cell *cells_find(const Cells *cells, uint32_t row, const StudyTraining *training, uint32_t seed) {
  for (uint32_t i = 0; i < cells->n; i++) {
    Cell *c = &cells->at[i];
    if (c->row_index == row && c->training == training && c->seed == seed) return c;
  }
  return NULL;
}

Status cells_make(const StudyFile *file, const char *out, uint32_t seeds, Diag *diag,
                  Cells *cells) {
  size_t n = (size_t)file->n_rows * file->n_trainings * seeds;
  *cells = (Cells){.seeds = seeds};
  if (n > 100000)
    return diag_error(diag, STATUS_INVALID, file->path, "a smaller --seeds",
                      "%zu cells are more than a study has", n);
  cells->at = calloc(n + 1, sizeof *cells->at);
  if (!cells->at) return diag_no_memory(diag, n * sizeof *cells->at);
  for (uint32_t s = 0; s < seeds; s++)
    for (uint32_t t = 0; t < file->n_trainings; t++)
      for (uint32_t r = 0; r < file->n_rows; r++) {
        if (!file->rows[r].model) continue;
        Cell *c = &cells->at[cells->n++];
        *c = (Cell){
            .row = &file->rows[r], .training = &file->trainings[t], .row_index = r, .seed = s};
        if (!name_cell(c, out)) return diag_no_memory(diag, STUDY_NAME_MAX);
      }
  for (uint32_t i = 0; i < cells->n; i++) {
    Cell *c = &cells->at[i];
    if (c->row->start != STUDY_NO_ROW)
      c->start = cells_find(cells, c->row->start, c->training, c->seed);
    if (c->row->same_time != STUDY_NO_ROW)
      c->timed = cells_find(cells, c->row->same_time, c->training, c->seed);
  }
  return STATUS_OK;
}

void cells_release(Cells *cells) {
  for (uint32_t i = 0; i < cells->n; i++) {
    free(cells->at[i].name);
    free(cells->at[i].folder);
    free(cells->at[i].message);
    free(cells->at[i].hint);
    json_decref(cells->at[i].identity);
  }
  free(cells->at);
  *cells = (Cells){0};
}

void cell_fail(Cell *cell, Status status, const char *hint, const char *format, ...) {
  char text[2000];
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  cell->state = CELL_FAILED;
  if (cell->message) return;
  cell->message = strdup(text);
  if (hint && *hint) cell->hint = strdup(hint);
  cell->status = status;
}

/* ---- files ---- */

Status folder_make(const char *path, Diag *diag) {
  char *copy = strdup(path);
  if (!copy) return diag_no_memory(diag, strlen(path));
  Status status = STATUS_OK;
  for (char *at = copy + 1; status == STATUS_OK; at++) {
    if (*at && *at != '/') continue;
    char end = *at;
    *at = 0;
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
      status = diag_error(diag, STATUS_SYSTEM, copy, NULL, "cannot be made: %s", strerror(errno));
    *at = end;
    if (!end) break;
  }
  free(copy);
  return status;
}

bool cell_path(const Cell *cell, const char *file, char path[CELL_PATH_MAX]) {
  return snprintf(path, CELL_PATH_MAX, "%s/%s", cell->folder, file) < CELL_PATH_MAX;
}

json_t *cell_read(const Cell *cell) {
  char path[CELL_PATH_MAX];
  if (!cell_path(cell, CELL_FILE, path)) return NULL;
  json_t *record = json_load_file(path, 0, NULL);
  const char *format = json_string_value(json_object_get(record, "format"));
  if (format && strcmp(format, FORMAT) == 0) return record;
  json_decref(record);
  return NULL;
}

static bool has_data(const json_t *test) {
  return json_is_string(json_object_get(test, "data"));
}

/* Tests that another study made of the same network stay noted, and those whose data are not here
 * as they were made. */
static json_t *with_other_tests(const Cell *cell) {
  char what[300];
  const char *name;
  json_t *of = json_copy(cell->identity), *before = cell_read(cell), *test;
  json_t *tests = json_object(), *ours = json_object_get(of, "tests");
  if (before && !cell_differs(cell, before, what, sizeof what))
    json_object_update(tests, json_object_get(json_object_get(before, "of"), "tests"));
  json_object_foreach(ours, name, test) {
    if (has_data(test) || !json_object_get(tests, name)) json_object_set(tests, name, test);
  }
  if (of && tests)
    json_object_set_new(of, "tests", tests);
  else
    json_decref(tests);
  json_decref(before);
  return of;
}

Status cell_write(const Cell *cell, const char *state, int64_t steps, Diag *diag) {
  char path[CELL_PATH_MAX];
  if (!cell_path(cell, CELL_FILE, path))
    return diag_error(diag, STATUS_SYSTEM, cell->folder, NULL, "the path is too long");
  json_t *record =
      json_pack("{s:s, s:s, s:o}", "format", FORMAT, "state", state, "of", with_other_tests(cell));
  if (record && steps > 0) json_object_set_new(record, "steps", json_integer(steps));
  if (record && cell->message)
    json_object_set_new(record, "message", json_string_nocheck(cell->message));
  char *text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
  json_decref(record);
  if (!text) return diag_no_memory(diag, 1 << 12);
  const FilePart parts[] = {{text, strlen(text)}, {"\n", 1}};
  int error = file_replace(path, parts, 2, false);
  free(text);
  return error ? diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error))
               : STATUS_OK;
}

bool cell_record_is(const json_t *record, const char *state) {
  const char *its = json_string_value(json_object_get(record, "state"));
  return its && strcmp(its, state) == 0;
}

/* ---- comparing ---- */

static bool same(const Cell *cell, const json_t *of, const char *key) {
  return json_equal(json_object_get(cell->identity, key), json_object_get(of, key));
}

bool cell_differs(const Cell *cell, const json_t *record, char *text, size_t size) {
  static const struct {
    const char *key, *word;
  } parts[] = {{"data", "the training data"},
               {"init", "the weights that it starts from"},
               {"start", "the network that it starts from"},
               {"same time", "the row whose time it takes"}};
  const json_t *of = json_object_get(record, "of");
  size_t used = 0;
  *text = 0;
  /* Other values make another text; values that are spelled otherwise make none. */
  if (!same(cell, of, "text"))
    used = text_append(text, size, used, "%s",
                       same(cell, of, "sets") ? "the model's text" : "the values of -D");
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!same(cell, of, parts[i].key))
      used = text_append(text, size, used, "%s%s", used ? ", " : "", parts[i].word);
  return used > 0;
}

bool cell_test_is(const Cell *cell, const json_t *record, const char *test) {
  const json_t *of = json_object_get(record, "of");
  const json_t *ours = json_object_get(json_object_get(cell->identity, "tests"), test);
  return json_equal(ours, json_object_get(json_object_get(of, "tests"), test));
}

bool cell_result_is(const Cell *cell, const json_t *record, const char *test) {
  const json_t *of = json_object_get(record, "of");
  const json_t *ours = json_object_get(json_object_get(cell->identity, "tests"), test);
  const json_t *theirs = json_object_get(json_object_get(of, "tests"), test);
  if (!cell->identity) return true;
  if (has_data(ours)) return json_equal(ours, theirs);
  return json_equal(json_object_get(ours, "domain"), json_object_get(theirs, "domain")) &&
         json_equal(json_object_get(ours, "protocol"), json_object_get(theirs, "protocol"));
}
