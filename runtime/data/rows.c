/* Rows and what is left out of them. */
#include "runtime/data/rows.h"

#include "graph/base/array.h"
#include "runtime/data/identity.h"

#include <stdlib.h>
#include <string.h>

bool data_rows_add(DataRows *r, DataRow row) {
  if (ARRAY_RESERVE(r->rows, r->capacity, r->n, 1, NULL) != STATUS_OK) return false;
  r->rows[r->n++] = row;
  return row.domain && row.path && row.written && row.pid && row.camera && row.set;
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

/* ---- what is left out ---- */

typedef struct Reason {
  const char *one, *many, *which, *hint;
} Reason;
static const Reason reasons[LEFT_COUNT] = {
    [LEFT_TYPE] = {"file", "files", "of a type that is not read",
                   "JPEG, PNG and BMP are read; `mogrify -format png` converts others"},
    [LEFT_NAME] = {"file", "files", "with no identity and camera in the name", NULL},
    [LEFT_FOLDER] = {"folder", "folders", "among the images",
                     "images are read beside such folders, not from them"},
    [LEFT_BOXES] = {"folder", "folders", "of the same people in other boxes",
                    "name that folder itself to read it"},
    [LEFT_JUNK] = {"image", "images", "of identity -1", NULL},
    [LEFT_UNUSED] = {"image", "images", "of split unused", NULL},
    [LEFT_UNLISTED] = {"image", "images", "that no list names",
                       "list_train.txt, list_val.txt, list_query.txt and list_gallery.txt do"},
    [LEFT_VALIDATION] = {"image", "images", "for validation",
                         "val=train in the line, or split=all, trains on them too"},
    [LEFT_NOBODY_QUERY] = {"query image", "query images",
                           "of identity 0, which is nobody in this layout,",
                           "zero=person in the line of a .domains file makes it a person"},
    [LEFT_NOBODY_TRAIN] = {"image", "images", "of nobody (identity 0 of the gallery)", NULL},
};

bool data_rows_leave(DataRows *rows, DataLeft left) {
  if (!rows->left_end) rows->left_end = &rows->left;
  for (DataLeftCount *at = rows->left; at; at = at->next)
    if (at->first.why == left.why && strcmp(at->first.set, left.set) == 0) {
      at->n++;
      return true;
    }
  DataLeftCount *count = arena_alloc(rows->arena, sizeof *count);
  if (!count) return false;
  left.set = arena_strdup(rows->arena, left.set);
  left.name = arena_strdup(rows->arena, left.name);
  *count = (DataLeftCount){left, 1, NULL};
  *rows->left_end = count;
  rows->left_end = &count->next;
  return left.set && left.name;
}

bool data_rows_leave_row(DataRows *rows, LeftOut why, const DataRow *row) {
  return data_rows_leave(rows, (DataLeft){why, row->set, row->written, row->line, NULL});
}

Status data_rows_count(DataRows *rows, size_t first) {
  size_t n = rows->n - first, kept = 0;
  Arena *scratch = arena_create();
  const char **pids = scratch ? arena_array(scratch, n + 1, sizeof *pids) : NULL;
  DataCount *count = arena_alloc(rows->arena, sizeof *count);
  IdentityRanks ranks = {0};
  for (size_t i = first; pids && i < rows->n; i++)
    if (!rows->rows[i].nobody) pids[kept++] = rows->rows[i].pid;
  bool ok = pids && count && identity_rank(scratch, pids, (uint32_t)kept, &ranks);
  if (ok && n) {
    *count = (DataCount){rows->rows[first].domain, ranks.n, (uint32_t)kept, rows->counts};
    rows->counts = count;
  }
  arena_destroy(scratch);
  return ok ? STATUS_OK : diag_no_memory(rows->diag, n * sizeof *pids);
}

void data_rows_report(const DataRows *rows) {
  for (const DataLeftCount *at = rows->left; at; at = at->next) {
    const Reason *reason = &reasons[at->first.why];
    const char *hint = at->first.hint ? at->first.hint : reason->hint;
    bool one = at->n == 1;
    char where[32] = "";
    if (at->first.line) snprintf(where, sizeof where, " in line %u", at->first.line);
    diag_warning(rows->diag, at->first.set, hint, "%zu %s %s %s left out (%s'%s'%s)", at->n,
                 one ? reason->one : reason->many, reason->which, one ? "is" : "are",
                 one ? "" : "the first is ", at->first.name, where);
  }
}

/* ---- splits ---- */

Status data_rows_split(DataRows *rows, size_t first, bool all) {
  size_t kept = first;
  for (size_t i = first; i < rows->n; i++) {
    DataRow row = rows->rows[i];
    LeftOut why = LEFT_COUNT;
    if (row.nobody && row.split == SPLIT_QUERY)
      why = LEFT_NOBODY_QUERY;
    else if (row.nobody && all)
      why = LEFT_NOBODY_TRAIN;
    else if (row.split == SPLIT_VALIDATION &&
             (rows->validation == VALIDATION_UNSAID ? !all : rows->validation == VALIDATION_UNUSED))
      why = LEFT_VALIDATION;
    if (why != LEFT_COUNT) {
      if (!data_rows_leave_row(rows, why, &row)) return diag_no_memory(rows->diag, sizeof row);
      continue;
    }
    if (all || row.split == SPLIT_VALIDATION) row.split = SPLIT_TRAIN;
    rows->rows[kept++] = row;
  }
  rows->n = kept;
  return STATUS_OK;
}
