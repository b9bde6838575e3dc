/* Images listed twice.  A path is not a file: `a.png`, `./a.png`, `d/../a.png` and a link are one,
 * so rows are compared by where their path leads. */
#include "runtime/data/identity.h"
#include "runtime/data/rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Listed {
  const DataRow *row;
  const char *file; /* the row's path without links and detours */
} Listed;

/* ---- where a path leads ---- */

/* A row's folder: many rows share one, and asking the system for each costs several calls. */
typedef struct Folder {
  const char *path, *real; /* NULL: not asked yet */
} Folder;

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folder that `path` names, `.` when it names none; in the arena. */
static const char *folder_of(Arena *arena, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return arena_strdup(arena, ".");
  return arena_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

/* The path without `.`, `a/..` and doubled slashes, by its text alone. */
static char *without_detours(Arena *arena, const char *path) {
  char *out = arena_strndup(arena, path, strlen(path) + 1);
  if (!out) return NULL;
  size_t root = *path == '/', n = root, fixed = root; /* fixed: `..` takes nothing before it away */
  for (const char *at = path; *at;) {
    size_t length = strcspn(at, "/");
    bool up = length == 2 && memcmp(at, "..", 2) == 0;
    if (up && n > fixed) {
      while (n > fixed && out[n - 1] != '/') n--;
      if (n > fixed) n--;
    } else if (length && !(length == 1 && *at == '.') && !(up && root)) {
      if (n > root) out[n++] = '/';
      memmove(out + n, at, length);
      n += length;
      if (up) fixed = n;
    }
    at += length + (at[length] == '/');
  }
  if (n == 0) out[n++] = '.';
  out[n] = 0;
  return out;
}

/* Where a path leads.  Of one that is not there: where its text does. */
static const char *real_path(Arena *arena, const char *path) {
  char *real = realpath(path, NULL);
  char *shorter = real ? NULL : without_detours(arena, path);
  if (shorter) real = realpath(shorter, NULL);
  const char *copy = real ? arena_strdup(arena, real) : shorter;
  free(real);
  return copy;
}

/* Sorts, keeps one of each and asks where it leads. */
static size_t resolve_folders(Arena *arena, Folder *folders, size_t n) {
  size_t kept = 0;
  qsort(folders, n, sizeof *folders, by_text);
  for (size_t i = 0; i < n; i++) {
    if (kept && strcmp(folders[kept - 1].path, folders[i].path) == 0) continue;
    folders[kept] = folders[i];
    folders[kept].real = real_path(arena, folders[i].path);
    if (!folders[kept++].real) return SIZE_MAX;
  }
  return kept;
}

static const char *resolve(Arena *arena, const char *path, const Folder *folders, size_t n) {
  struct stat info;
  if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) return real_path(arena, path);
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  Folder key = {folder_of(arena, path), NULL};
  const Folder *found = key.path ? bsearch(&key, folders, n, sizeof *folders, by_text) : NULL;
  return found ? arena_printf(arena, "%s/%s", found->real, name) : NULL;
}

/* False when out of memory. */
static bool resolve_all(Arena *arena, const DataRows *rows, Listed *listed) {
  Folder *folders = arena_array(arena, rows->n + 1, sizeof *folders);
  if (!folders) return false;
  for (size_t i = 0; i < rows->n; i++) {
    folders[i].path = folder_of(arena, rows->rows[i].path);
    if (!folders[i].path) return false;
  }
  size_t n = resolve_folders(arena, folders, rows->n);
  for (size_t i = 0; n != SIZE_MAX && i < rows->n; i++) {
    listed[i].row = &rows->rows[i];
    listed[i].file = resolve(arena, rows->rows[i].path, folders, n);
    if (!listed[i].file) return false;
  }
  return n != SIZE_MAX;
}

/* ---- what stands there twice ---- */

static int by_file(const void *a, const void *b) {
  const Listed *x = a, *y = b;
  int order = strcmp(x->row->domain, y->row->domain);
  if (!order) order = strcmp(x->file, y->file);
  if (!order) order = x->row->split - y->row->split;
  if (order) return order;
  return x->row < y->row ? -1 : x->row > y->row; /* both lie in the array of rows: its order */
}

/* Where the first of two rows stands: ` in line 2`, and as what when that differs. */
static const char *elsewhere(Arena *arena, const DataRow *first, const DataRow *second) {
  bool same = strcmp(first->written, second->written) == 0;
  const char *line = first->line ? arena_printf(arena, " in line %u", first->line) : "";
  return same || !line ? line : arena_printf(arena, "%s as '%s'", line, first->written);
}

static Status conflict(const DataRows *rows, const DataRow *first, const DataRow *second) {
  const char *place =
      second->line ? arena_printf(rows->arena, "%s:%u", second->set, second->line) : second->path;
  bool pid = !identity_same(first->pid, second->pid);
  const char *where = elsewhere(rows->arena, first, second);
  return diag_error(rows->diag, STATUS_INVALID, place, "list every image once",
                    "'%s' is %s '%s' here and '%s'%s", second->written, pid ? "identity" : "camera",
                    pid ? second->pid : second->camera, pid ? first->pid : first->camera,
                    where ? where : "");
}

static void warn_twice(const DataRows *rows, const char *path, size_t n, const DataRow *first) {
  char line[32] = "";
  if (first->line) snprintf(line, sizeof line, " in line %u", first->line);
  diag_warning(rows->diag, path, NULL,
               n == 1 ? "%zu image is listed more than once in the same split ('%s'%s)"
                      : "%zu images are listed more than once in the same split (the first is "
                        "'%s'%s)",
               n, first->written, line);
}

static Status check_listed(const DataRows *rows, const Listed *listed, const char *path) {
  const DataRow *first_twice = NULL;
  size_t twice = 0;
  Status status = STATUS_OK;
  for (size_t i = 1; i < rows->n; i++) {
    const DataRow *a = listed[i - 1].row, *b = listed[i].row;
    if (strcmp(a->domain, b->domain) != 0 || strcmp(listed[i - 1].file, listed[i].file) != 0)
      continue;
    if (!identity_same(a->pid, b->pid) || !identity_same(a->camera, b->camera))
      status = a < b ? conflict(rows, a, b) : conflict(rows, b, a);
    if (a->split != b->split) continue;
    twice++;
    if (!first_twice || b < first_twice) first_twice = b;
  }
  if (status == STATUS_OK && twice > 0) warn_twice(rows, path, twice, first_twice);
  return status;
}

Status data_rows_check_files(const DataRows *rows, const char *path) {
  Arena *arena = arena_create();
  Listed *listed = arena ? arena_array(arena, rows->n + 1, sizeof *listed) : NULL;
  Status status = STATUS_OK;
  if (!listed || !resolve_all(arena, rows, listed))
    status = diag_no_memory(rows->diag, rows->n * sizeof *listed);
  if (status == STATUS_OK) {
    qsort(listed, rows->n, sizeof *listed, by_file);
    status = check_listed(rows, listed, path);
  }
  arena_destroy(arena);
  return status;
}
