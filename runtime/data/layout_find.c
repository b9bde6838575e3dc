/* Which layout a folder is in, and in which of its folders one is. */
#include "runtime/data/layout.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ---- a folder given as DATA ---- */

typedef struct Found {
  const DataLayout *layout;
  const char *root;
} Found;

/* Two sets in folders of their own: nothing says which of them is meant. */
static Status several(const char *path, Found a, Found b, Diag *diag) {
  return diag_error(
      diag, STATUS_INVALID, path,
      "name one of these folders, or a .domains file with a line NAME LAYOUT PATH for "
      "each set",
      "several data sets are in the folder: %s in '%s', %s in '%s'", a.layout->word, a.root,
      b.layout->word, b.root);
}

/* One set may look like several layouts, in the same place. */
static Status recognise(const char *path, Arena *arena, bool empty, Diag *diag, Found *out) {
  const DataLayout *layout;
  for (uint32_t i = 0; (layout = data_layout_at(i)); i++) {
    Found now = {layout, layout->recognise ? layout->recognise(layout, arena, path, empty) : NULL};
    if (!now.root) continue;
    if (!out->layout) *out = now;
    if (*out->root && *now.root && strcmp(out->root, now.root) != 0)
      return several(path, *out, now, diag);
  }
  return STATUS_OK;
}

Status data_layout_recognise(const char *path, Diag *diag, const DataLayout **out) {
  Arena *arena = arena_create();
  Found found = {0};
  Status status = arena ? STATUS_OK : diag_no_memory(diag, sizeof found);
  for (int empty = 0; empty < 2 && status == STATUS_OK && !found.layout; empty++)
    status = recognise(path, arena, empty, diag, &found);
  *out = status == STATUS_OK ? found.layout : NULL;
  if (status == STATUS_OK && !found.layout)
    status = diag_error(diag, STATUS_INVALID, path,
                        "`graphrun check-data --layouts` lists them; of a folder of several "
                        "domains name its .domains file",
                        "the folder is in no layout that is known");
  arena_destroy(arena);
  return status;
}

/* ---- a folder in the one that a line names ---- */

static int bytewise(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

/* Joins `name` to *found when it is of the layout, or tells that another one was before. */
static Status try_folder(const DataLayout *layout, DataRows *rows, const char *path,
                         const struct dirent *entry, const char **first, const char **found) {
  const char *at = data_join(rows->arena, path, entry->d_name);
  if (!at) return diag_no_memory(rows->diag, strlen(entry->d_name));
  if (data_is_litter(entry->d_name) || !data_entry_is_folder(entry, at)) return STATUS_OK;
  const char *root = layout->recognise(layout, rows->arena, at, false);
  if (!root) return STATUS_OK;
  if (*found)
    return diag_error(rows->diag, STATUS_INVALID, path, "name the one that is meant",
                      "two of its folders are in the layout %s: '%s' and '%s'", layout->word,
                      *first, entry->d_name);
  *first = arena_strdup(rows->arena, entry->d_name);
  *found = *first ? data_join(rows->arena, *first, root) : NULL;
  return *found ? STATUS_OK : diag_no_memory(rows->diag, strlen(at));
}

Status data_layout_below(const DataLayout *layout, DataRows *rows, const char *path,
                         const char **out) {
  struct dirent **entries;
  const char *first = NULL;
  int n = layout->recognise ? scandir(path, &entries, NULL, bytewise) : -1;
  Status status = STATUS_OK;
  *out = NULL;
  for (int i = 0; i < n; i++) {
    if (status == STATUS_OK) status = try_folder(layout, rows, path, entries[i], &first, out);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
  return status;
}
