/* Images that are no data set: a folder in no layout that is known, with the folders below it, or
 * one file.  Nothing is known of who is on them. */
#include "runtime/data/image.h"
#include "runtime/data/layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 32 /* folders below folders: links may lead round */

static const DataLayout plain = {.word = "plain", .set = "plain images"};

const DataLayout *data_layout_plain(void) {
  return &plain;
}

typedef struct Plain {
  DataRows *rows;
  const char *set, *domain;
} Plain;

static Status take(const Plain *p, const char *path, const char *written) {
  DataRow row = {.domain = p->domain,
                 .path = path,
                 .written = written,
                 .pid = "",
                 .camera = "",
                 .set = p->set,
                 .layout = &plain,
                 .split = SPLIT_GALLERY,
                 .nobody = true};
  return data_rows_add(p->rows, row) ? STATUS_OK : diag_no_memory(p->rows->diag, sizeof row);
}

static int bytewise(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static Status search(const Plain *p, const char *below, int depth);

static Status take_entry(const Plain *p, const char *below, const struct dirent *entry, int depth) {
  Arena *arena = p->rows->arena;
  if (data_is_litter(entry->d_name)) return STATUS_OK;
  const char *written = data_join(arena, below, entry->d_name);
  const char *path = written ? data_join(arena, p->set, written) : NULL;
  if (!path) return diag_no_memory(p->rows->diag, strlen(entry->d_name));
  if (data_entry_is_folder(entry, path)) return search(p, written, depth + 1);
  if (image_is_named(entry->d_name)) return take(p, path, written);
  return data_rows_leave(p->rows, (DataLeft){LEFT_TYPE, p->set, written, 0, NULL})
             ? STATUS_OK
             : diag_no_memory(p->rows->diag, 1);
}

static Status search(const Plain *p, const char *below, int depth) {
  const char *folder = data_join(p->rows->arena, p->set, below);
  struct dirent **names;
  if (!folder) return diag_no_memory(p->rows->diag, strlen(p->set));
  if (depth > DEPTH_MAX)
    return diag_error(p->rows->diag, STATUS_INVALID, folder, "does a link lead back?",
                      "more than %d folders stand in each other", DEPTH_MAX);
  int n = scandir(folder, &names, NULL, bytewise);
  if (n < 0)
    return diag_error(p->rows->diag, STATUS_INVALID, folder, NULL, "cannot read: %s",
                      strerror(errno));
  Status status = STATUS_OK;
  for (int i = 0; i < n; i++) {
    if (status == STATUS_OK) status = take_entry(p, below, names[i], depth);
    free(names[i]);
  }
  free(names);
  return status;
}

/* What the folder or file is called, with what no domain's name may hold written as `_`. */
static const char *domain_name(Arena *arena, const char *trimmed) {
  const char *base = data_set_name(arena, trimmed);
  size_t n = base ? strlen(base) : 0;
  char *name = base ? arena_strndup(arena, base, n < DATA_NAME_MAX ? n : DATA_NAME_MAX) : NULL;
  for (char *at = name; at && *at; at++)
    if (!(*at >= 'a' && *at <= 'z') && !(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9') &&
        *at != '_' && *at != '-')
      *at = '_';
  return name && *name ? name : "images";
}

Status data_read_plain(DataRows *rows, const char *path) {
  struct stat info;
  Plain p = {.rows = rows, .set = data_trim(rows->arena, path)};
  p.domain = p.set ? domain_name(rows->arena, p.set) : NULL;
  if (!p.domain) return diag_no_memory(rows->diag, strlen(path));
  if (stat(p.set, &info) != 0)
    return diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  if (!S_ISDIR(info.st_mode)) return take(&p, p.set, data_base(p.set));
  TRY(search(&p, "", 0));
  if (rows->n) return STATUS_OK;
  return diag_error(rows->diag, STATUS_INVALID, path, "JPEG, PNG and BMP are read",
                    "neither a data set nor a single image is in the folder");
}
