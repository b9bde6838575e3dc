/* MSMT17: lists name the images of each split, what they do not name is counted; training and tests
 * are numbered from 0 each. */
#include "graph/base/open_file.h"
#include "runtime/data/identity.h"
#include "runtime/data/image.h"
#include "runtime/data/layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A list and the folders, of version 1 and 2, to which its paths are relative. */
typedef struct List {
  const char *name;
  Split split;
  const char *folders[2];
} List;
static const List lists[] = {
    {"list_train.txt", SPLIT_TRAIN, {"train", "mask_train_v2"}},
    {"list_val.txt", SPLIT_VALIDATION, {"train", "mask_train_v2"}},
    {"list_query.txt", SPLIT_QUERY, {"test", "mask_test_v2"}},
    {"list_gallery.txt", SPLIT_GALLERY, {"test", "mask_test_v2"}},
};
#define N_LISTS (sizeof lists / sizeof *lists)

typedef struct Msmt17 {
  const DataLayout *layout;
  DataRows *rows;
  const char *set, *root, *domain; /* root: below set, where the lists are */
  const List *list;
  const char *folder; /* of the list: below set */
  const char *place;  /* the list's path */
  uint32_t line;
} Msmt17;

static bool exists(Arena *arena, const char *folder, const char *name) {
  const char *path = data_join(arena, folder, name);
  struct stat info;
  return path && stat(path, &info) == 0;
}

static const char *find_root(const DataLayout *layout, Arena *arena, const char *path) {
  for (const char *const *root = layout->roots; *root; root++) {
    const char *at = data_join(arena, path, *root);
    for (size_t i = 0; at && i < N_LISTS; i++)
      if (exists(arena, at, lists[i].name)) return *root;
  }
  return NULL;
}

const char *data_msmt17_recognise(const DataLayout *layout, Arena *arena, const char *path,
                                  bool empty) {
  (void)empty;
  return find_root(layout, arena, path);
}

/* Both versions may have been unpacked into one folder. */
static void warn_other_version(const Msmt17 *m) {
  const char *other = "MSMT17_V2", *path = data_join(m->rows->arena, m->set, other);
  if (m->root && strcmp(m->root, "MSMT17_V1") == 0 && path && exists(m->rows->arena, path, ""))
    diag_warning(m->rows->diag, m->set, "name that folder itself to read it",
                 "MSMT17_V1 is read, '%s' is not", other);
}

/* Where the lists are; NULL: nowhere. */
static Status find_lists(Msmt17 *m) {
  m->root = find_root(m->layout, m->rows->arena, m->set);
  if (!m->root) return data_layout_below(m->layout, m->rows, m->set, &m->root);
  warn_other_version(m);
  return STATUS_OK;
}

static Status line_error(const Msmt17 *m, const char *text) {
  return diag_error(m->rows->diag, STATUS_INVALID,
                    arena_printf(m->rows->arena, "%s:%u", m->place, m->line),
                    "a line is PATH PID: 0000/0000_000_01_0303morning_0015_0.jpg 0", "%s", text);
}

/* The third field of the file's name. */
static const char *camera_of(Arena *arena, const char *path) {
  const char *at = data_base(path);
  for (int i = 0; i < 2; i++) {
    at = strchr(at, '_');
    if (!at++) return NULL;
  }
  size_t n = strspn(at, "0123456789");
  return n && at[n] == '_' ? arena_strndup(arena, at, n) : NULL;
}

/* `text` is one line, without its end. */
static Status read_line(Msmt17 *m, char *text) {
  Arena *arena = m->rows->arena;
  size_t length = strlen(text);
  while (length && strchr(" \t\r\n", text[length - 1])) text[--length] = 0;
  if (length == 0) return STATUS_OK;
  char *blank = strrchr(text, ' ');
  char *tab = strrchr(text, '\t');
  if (!blank || (tab && tab > blank)) blank = tab;
  if (!blank) return line_error(m, "the line is no path and identity");
  const char *pid = blank + 1;
  while (blank > text && strchr(" \t", blank[-1])) blank--;
  *blank = 0;
  Identity id = identity_read(pid);
  if (id.kind != IDENTITY_NUMBER || id.negative) return line_error(m, "the identity is no number");
  const char *camera = camera_of(arena, text);
  if (!camera) return line_error(m, "the name tells no camera: its third field is no number");
  if (!m->folder) {
    const char *const *folders = m->list->folders;
    const char *second = data_join(arena, m->root, folders[1]);
    const char *at = second ? data_join(arena, m->set, second) : NULL;
    if (!at) return diag_no_memory(m->rows->diag, length);
    m->folder = exists(arena, at, "") ? second : data_join(arena, m->root, folders[0]);
  }
  const char *side =
      m->list->split == SPLIT_QUERY || m->list->split == SPLIT_GALLERY ? "test" : "train";
  DataRow row = {.domain = m->domain,
                 .written = m->folder ? data_join(arena, m->folder, text) : NULL,
                 .pid = data_pid_within(arena, side, strlen(side), pid),
                 .camera = camera,
                 .set = m->set,
                 .layout = m->layout,
                 .split = (uint8_t)m->list->split};
  row.path = row.written ? data_join(arena, m->set, row.written) : NULL;
  return data_rows_add(m->rows, row) ? STATUS_OK : diag_no_memory(m->rows->diag, sizeof row);
}

static Status read_lines(Msmt17 *m, FILE *file) {
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  int bad = 0;
  m->line = 0;
  m->folder = NULL;
  for (ssize_t n; bad < DIAG_MAX_ERRORS && (n = getline(&line, &capacity, file)) >= 0;) {
    size_t from = m->line++ == 0 ? data_bom(line) : 0;
    Status now = strlen(line) == (size_t)n ? read_line(m, line + from)
                                           : line_error(m, "a zero byte stands inside the line");
    if (now == STATUS_OK) continue;
    status = now;
    bad = now == STATUS_INVALID ? bad + 1 : DIAG_MAX_ERRORS;
  }
  if (status == STATUS_OK && ferror(file))
    status = diag_error(m->rows->diag, STATUS_INVALID, m->place, NULL, "cannot read: %s",
                        strerror(errno));
  free(line);
  return status;
}

/* ---- what no list names ---- */

typedef struct Listed {
  const char **names; /* paths as the set names them, sorted */
  size_t n;
} Listed;

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Status leave(const Msmt17 *m, LeftOut why, const char *written) {
  DataLeft left = {why, m->set, written, 0, NULL};
  return data_rows_leave(m->rows, left) ? STATUS_OK : diag_no_memory(m->rows->diag, sizeof left);
}

/* Everything in a folder; folders of people one level down. */
static Status search(const Msmt17 *m, const Listed *listed, const char *folder, int depth) {
  Arena *arena = m->rows->arena;
  const char *at = data_join(arena, m->set, folder);
  struct dirent **entries;
  int n = at ? scandir(at, &entries, NULL, alphasort) : -1;
  Status status = STATUS_OK;
  for (int i = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    const char *written = data_join(arena, folder, name);
    const char *path = written ? data_join(arena, m->set, written) : NULL;
    if (status == STATUS_OK && !path) status = diag_no_memory(m->rows->diag, strlen(name));
    if (status == STATUS_OK && !data_is_litter(name)) {
      if (data_entry_is_folder(entries[i], path))
        status = depth ? leave(m, LEFT_FOLDER, written) : search(m, listed, written, 1);
      else if (!image_is_named(name))
        status = leave(m, LEFT_TYPE, written);
      else if (!bsearch(&written, listed->names, listed->n, sizeof *listed->names, by_text))
        status = leave(m, LEFT_UNLISTED, written);
    }
    free(entries[i]);
  }
  if (n >= 0) free(entries);
  return status;
}

/* Of the folders of which there is a list. */
static Status leave_unlisted(const Msmt17 *m, const char *const *folders, uint32_t n_folders,
                             size_t first) {
  Listed listed = {.n = m->rows->n - first};
  listed.names = calloc(listed.n + 1, sizeof *listed.names);
  if (!listed.names) return diag_no_memory(m->rows->diag, listed.n * sizeof *listed.names);
  for (size_t i = 0; i < listed.n; i++) listed.names[i] = m->rows->rows[first + i].written;
  qsort(listed.names, listed.n, sizeof *listed.names, by_text);
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < n_folders && status == STATUS_OK; i++)
    if (i == 0 || strcmp(folders[i], folders[i - 1]) != 0)
      status = search(m, &listed, folders[i], 0);
  free(listed.names);
  return status;
}

Status data_read_msmt17(const DataLayout *layout, DataRows *rows, const char *path,
                        const char *domain) {
  Msmt17 m = {.layout = layout, .rows = rows, .set = data_trim(rows->arena, path)};
  if (!m.set) return diag_no_memory(rows->diag, strlen(path));
  size_t before = rows->n;
  TRY(find_lists(&m));
  m.domain = domain ? domain : data_set_name(rows->arena, m.set);
  if (!m.domain) return diag_no_memory(rows->diag, strlen(path));
  const char *at = m.root ? data_join(rows->arena, m.set, m.root) : NULL;
  const char *folders[N_LISTS];
  uint32_t n_folders = 0;
  for (size_t i = 0; at && i < N_LISTS; i++) {
    FILE *file;
    int64_t size = 0;
    m.list = &lists[i];
    if (!exists(rows->arena, at, m.list->name)) continue; /* training or tests alone */
    m.place = data_join(rows->arena, at, m.list->name);
    if (!m.place) return diag_no_memory(rows->diag, strlen(at));
    TRY(file_require(m.place, rows->diag, &file, &size));
    Status status = read_lines(&m, file);
    fclose(file);
    TRY(status);
    if (m.folder) folders[n_folders++] = m.folder;
  }
  if (rows->n > before) return leave_unlisted(&m, folders, n_folders, before);
  return diag_error(rows->diag, STATUS_INVALID, path, layout->form,
                    "holds no images in the layout %s", layout->word);
}
