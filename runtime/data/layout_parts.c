/* Sets that are folders of images whose names tell who is on them. */
#include "runtime/data/identity.h"
#include "runtime/data/image.h"
#include "runtime/data/layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* One set being read. */
typedef struct Parts {
  const DataLayout *layout;
  DataRows *rows;
  const char *set;    /* PATH: the place of messages */
  const char *root;   /* below it: where the parts are; "": there */
  const char *domain; /* its name */
} Parts;

const char *data_trim(Arena *arena, const char *path) {
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  return arena_strndup(arena, path, length);
}

const char *data_base(const char *trimmed) {
  const char *slash = strrchr(trimmed, '/');
  return slash ? slash + 1 : trimmed;
}

const char *data_set_name(Arena *arena, const char *trimmed) {
  const char *base = data_base(trimmed);
  if (strcmp(base, ".") != 0 && strcmp(base, "..") != 0) return base;
  char *real = realpath(trimmed, NULL);
  const char *name = real ? arena_strdup(arena, data_base(real)) : base;
  free(real);
  return name;
}

const char *data_join(Arena *arena, const char *folder, const char *name) {
  if (!*folder || !*name) return arena_strdup(arena, *folder ? folder : name);
  return arena_printf(arena, "%s/%s", folder, name);
}

static bool is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- where the parts are ---- */

/* The root below `path` where one of the layout's parts is; NULL: none is there. */
static const char *find_root(const DataLayout *layout, Arena *arena, const char *path,
                             const char *boxes) {
  for (const char *const *root = layout->roots; *root; root++) {
    const char *at = data_join(arena, path, *root);
    bool other = boxes && **root && strcmp(data_base(*root), boxes) != 0;
    for (uint32_t i = 0; at && !other && i < layout->n_parts; i++) {
      const char *folder = data_join(arena, at, layout->parts[i].folder);
      if (folder && is_folder(folder)) return *root;
    }
  }
  return NULL;
}

/* Whether a name of the form is in the folder. */
static bool holds_image(const DataLayout *layout, const char *folder) {
  DIR *dir = opendir(folder);
  bool found = false;
  DataName name;
  for (struct dirent *e; dir && !found && (e = readdir(dir));)
    found = image_is_named(e->d_name) && layout->parse(e->d_name, &name);
  if (dir) closedir(dir);
  return found;
}

/* A part that is the folder itself says nothing: any folder would do. */
const char *data_parts_recognise(const DataLayout *layout, Arena *arena, const char *path,
                                 bool empty) {
  const char *root = find_root(layout, arena, path, NULL);
  bool known = root && (*root || *layout->parts->folder), found = known && empty;
  const char *at = known ? data_join(arena, path, root) : NULL;
  for (uint32_t i = 0; at && !found && i < layout->n_parts; i++) {
    const char *folder = data_join(arena, at, layout->parts[i].folder);
    found = folder && holds_image(layout, folder);
  }
  return found ? root : NULL;
}

/* Where the set's parts are: below `set` as archives are unpacked, or in its one folder that has
 * them; NULL: nowhere. */
static Status find_parts(Parts *p) {
  Arena *arena = p->rows->arena;
  p->root = find_root(p->layout, arena, p->set, p->rows->boxes);
  if (p->root && (*p->root || *p->layout->parts->folder || holds_image(p->layout, p->set)))
    return STATUS_OK;
  return data_layout_below(p->layout, p->rows, p->set, &p->root);
}

/* ---- one part ---- */

static int bytewise(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

bool data_is_litter(const char *name) {
  return *name == '.' || strcasecmp(name, "Thumbs.db") == 0 || strcasecmp(name, "desktop.ini") == 0;
}

bool data_entry_is_folder(const struct dirent *entry, const char *path) {
  return entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN ? is_folder(path)
                                                                : entry->d_type == DT_DIR;
}

/* An identity's name and the row's other fields; false when out of memory. */
static bool fill_row(const Parts *p, const DataPart *part, const DataName *name, DataRow *row) {
  Arena *arena = p->rows->arena;
  size_t within = p->layout->within ? p->layout->within(part, name) : 0;
  row->pid = arena_strndup(arena, name->pid, name->n_pid);
  if (within && row->pid) row->pid = data_pid_within(arena, part->folder, within, row->pid);
  row->camera = part->camera ? part->camera : arena_strndup(arena, name->camera, name->n_camera);
  return row->pid && row->camera;
}

static Status take_file(const Parts *p, const DataPart *part, const char *written,
                        const char *file) {
  DataRows *rows = p->rows;
  DataRow row = {.domain = p->domain,
                 .written = written,
                 .path = data_join(rows->arena, p->set, written),
                 .set = p->set,
                 .layout = p->layout,
                 .split = (uint8_t)part->split};
  DataName name;
  bool named = image_is_named(file), ok = true;
  LeftOut why = LEFT_COUNT;
  if (!named)
    why = LEFT_TYPE;
  else if (!p->layout->parse(file, &name))
    why = LEFT_NAME;
  else
    ok = fill_row(p, part, &name, &row);
  if (ok && why == LEFT_COUNT) {
    Identity id = identity_read(row.pid);
    row.nobody =
        p->layout->zero_is_nobody && part->split != SPLIT_TRAIN && identity_is_zero(row.pid);
    if (id.negative) why = identity_is_junk(row.pid) ? LEFT_JUNK : LEFT_NAME;
  }
  if (ok && why != LEFT_COUNT)
    ok = data_rows_leave(
        rows, (DataLeft){why, p->set, written, 0, why == LEFT_NAME ? p->layout->form : NULL});
  else if (ok)
    ok = data_rows_add(rows, row);
  return ok ? STATUS_OK : diag_no_memory(rows->diag, sizeof row);
}

static Status take_entry(const Parts *p, const DataPart *part, const char *below,
                         const struct dirent *entry) {
  Arena *arena = p->rows->arena;
  if (data_is_litter(entry->d_name)) return STATUS_OK;
  const char *written = data_join(arena, below, entry->d_name);
  const char *path = written ? data_join(arena, p->set, written) : NULL;
  if (!path) return diag_no_memory(p->rows->diag, strlen(entry->d_name));
  if (!data_entry_is_folder(entry, path)) return take_file(p, part, written, entry->d_name);
  return data_rows_leave(p->rows, (DataLeft){LEFT_FOLDER, p->set, written, 0, NULL})
             ? STATUS_OK
             : diag_no_memory(p->rows->diag, 1);
}

/* A folder of the root that is nearly called like a part that is missing; NULL: none. */
static const char *similar_folder(const Parts *p, const char *part) {
  const char *root = data_join(p->rows->arena, p->set, p->root), *found = NULL;
  DIR *dir = root ? opendir(root) : NULL;
  for (struct dirent *e; dir && (e = readdir(dir));) {
    const char *name = e->d_name;
    if (!diag_nearest(part, &name, 1) || (found && strcmp(found, name) <= 0)) continue;
    bool other = true; /* than a part that is there */
    for (uint32_t i = 0; i < p->layout->n_parts; i++)
      other = other && strcmp(name, p->layout->parts[i].folder) != 0;
    const char *path = other ? data_join(p->rows->arena, root, name) : NULL;
    if (path && is_folder(path)) found = arena_strdup(p->rows->arena, name);
  }
  if (dir) closedir(dir);
  return found;
}

/* A set may be for training, or for tests, only; but the layout may not, and a name may be wrong.
 */
static void warn_missing(const Parts *p, const DataPart *part, const char *below) {
  const char *near = similar_folder(p, part->folder), *hint = p->layout->form;
  if (!near && !p->layout->whole) return;
  if (near) hint = arena_printf(p->rows->arena, "'%s' is not read", near);
  diag_warning(p->rows->diag, p->set, hint, "there is no folder '%s'", below);
}

static Status read_part(const Parts *p, const DataPart *part) {
  Arena *arena = p->rows->arena;
  const char *below = data_join(arena, p->root, part->folder);
  const char *folder = below ? data_join(arena, p->set, below) : NULL;
  struct dirent **names;
  if (!folder) return diag_no_memory(p->rows->diag, strlen(p->set));
  int n = scandir(folder, &names, NULL, bytewise);
  if (n < 0 && errno == ENOENT) {
    warn_missing(p, part, below);
    return STATUS_OK;
  }
  if (n < 0)
    return diag_error(p->rows->diag, STATUS_INVALID, folder, NULL, "cannot read: %s",
                      strerror(errno));
  Status status = STATUS_OK;
  for (int i = 0; i < n; i++) {
    if (status == STATUS_OK) status = take_entry(p, part, below, names[i]);
    free(names[i]);
  }
  free(names);
  return status;
}

/* ---- the set ---- */

/* CUHK03 comes in hand-drawn and in detected boxes; the first are read when both are there. */
static Status leave_other_boxes(const Parts *p) {
  size_t n = strlen(p->root);
  if (n < 7 || strcmp(p->root + n - 7, "labeled") != 0) return STATUS_OK;
  const char *other = arena_printf(p->rows->arena, "%.*sdetected", (int)(n - 7), p->root);
  const char *path = other ? data_join(p->rows->arena, p->set, other) : NULL;
  bool ok = path && (!is_folder(path) ||
                     data_rows_leave(p->rows, (DataLeft){LEFT_BOXES, p->set, other, 0, NULL}));
  return ok ? STATUS_OK : diag_no_memory(p->rows->diag, n);
}

Status data_read_parts(const DataLayout *layout, DataRows *rows, const char *path,
                       const char *domain) {
  Parts p = {.layout = layout, .rows = rows, .set = data_trim(rows->arena, path)};
  if (!p.set) return diag_no_memory(rows->diag, strlen(path));
  TRY(find_parts(&p));
  p.domain = domain ? domain : data_set_name(rows->arena, p.set);
  if (!p.domain) return diag_no_memory(rows->diag, strlen(path));
  size_t before = rows->n;
  if (p.root) {
    for (uint32_t i = 0; i < layout->n_parts; i++) TRY(read_part(&p, &layout->parts[i]));
    TRY(leave_other_boxes(&p));
  }
  if (rows->n > before) return STATUS_OK;
  return diag_error(rows->diag, STATUS_INVALID, path, layout->form,
                    is_folder(p.set) ? "holds no images in the layout %s" : "is no folder%s",
                    is_folder(p.set) ? layout->word : "");
}
