/* Files of splits that are no text: JSON as other programs write it, and GRID's partitions. */
#include "graph/base/open_file.h"
#include "runtime/data/mat_file.h"
#include "runtime/eval/split_list.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* ---- JSON: [{"query": [[PATH, PID, CAMERA], ...], "gallery": [...]}, ...] ---- */

static Status json_error(const SplitList *list, uint32_t trial, const char *side, Diag *diag,
                         const char *text) {
  return diag_error(
      diag, STATUS_INVALID, list->path,
      "a list of splits: [{\"query\": [[PATH, PID, CAMERA], ...], \"gallery\": [...]}, "
      "...]",
      "split %u: '%s' %s", trial, side, text);
}

static Status read_json_side(SplitList *list, const json_t *split, uint32_t trial, uint8_t side,
                             Diag *diag) {
  const char *name = side == SIDE_QUERY ? "query" : "gallery";
  const json_t *images = json_object_get(split, name);
  if (json_array_size(images) == 0)
    return json_error(list, trial, name, diag, "is no list of images");
  for (size_t i = 0; i < json_array_size(images); i++) {
    const json_t *image = json_array_get(images, i);
    const char *path = json_string_value(json_is_array(image) ? json_array_get(image, 0) : image);
    if (!path) return json_error(list, trial, name, diag, "has an element that names no image");
    SplitEntry entry = {.trial = trial, .side = side, .image = arena_strdup(list->arena, path)};
    if (!entry.image) return diag_no_memory(diag, strlen(path));
    TRY(split_list_add(list, entry, diag));
  }
  return STATUS_OK;
}

Status split_list_read_json(SplitList *list, Diag *diag) {
  FILE *file;
  int64_t size = 0;
  json_error_t where;
  TRY(file_require(list->path, diag, &file, &size));
  json_t *root = json_loadf(file, 0, &where);
  fclose(file);
  if (!root)
    return diag_error(diag, STATUS_INVALID,
                      arena_printf(list->arena, "%s:%d:%d", list->path, where.line, where.column),
                      NULL, "cannot be read as JSON: %s", where.text);
  Status status = STATUS_OK;
  size_t n = json_is_array(root) ? json_array_size(root) : 1;
  for (size_t i = 0; i < n && status == STATUS_OK; i++) {
    const json_t *split = json_is_array(root) ? json_array_get(root, i) : root;
    status = read_json_side(list, split, (uint32_t)i, SIDE_QUERY, diag);
    if (status == STATUS_OK) status = read_json_side(list, split, (uint32_t)i, SIDE_GALLERY, diag);
  }
  json_decref(root);
  return status;
}

/* ---- GRID: trainIdxAll has a cell for each partition, with the identities that are not tested
 * ----
 */

Status split_list_read_mat(SplitList *list, Diag *diag) {
  MatFile *file;
  MatNumbers *lists = NULL;
  size_t n = 0;
  TRY(mat_open(list->path, diag, &file));
  Status status = mat_lists(file, "trainIdxAll", "train", 2, list->arena, diag, &lists, &n);
  mat_close(file);
  for (size_t t = 0; t < n && status == STATUS_OK; t++)
    for (size_t i = 0; i < lists[t].n && status == STATUS_OK; i++) {
      SplitEntry entry = {.trial = (uint32_t)t, .side = SIDE_TRAIN};
      entry.pid = arena_printf(list->arena, "%" PRId64, lists[t].at[i]);
      status = entry.pid ? split_list_add(list, entry, diag) : diag_no_memory(diag, 32);
    }
  return status;
}
