/* The Market-1501 layout: bounding_box_train, query, bounding_box_test; `0002_c1s1_000451_03.jpg`
 * is identity 0002, camera 1.  Identity -1 (junk) is never loaded, 0000 stays in the gallery. */
#include "runtime/data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool is_image(const char *name) {
  static const char *const tails[] = {".jpg", ".jpeg", ".png", ".bmp"};
  const char *dot = strrchr(name, '.');
  for (int i = 0; dot && i < 4; i++)
    if (strcasecmp(dot, tails[i]) == 0) return true;
  return false;
}

/* Length of the identity, 0 when the name is not of the form. */
static size_t parse_name(const char *name, const char **camera) {
  size_t sign = *name == '-', digits = strspn(name + sign, "0123456789"), n = sign + digits;
  if (!digits || name[n] != '_' || name[n + 1] != 'c') return 0;
  *camera = name + n + 2;
  return **camera >= '0' && **camera <= '9' ? n : 0;
}

static int only_names(const struct dirent *entry) {
  return is_image(entry->d_name);
}
static int bytewise(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static Status add_image(DataRows *rows, const char *folder, const char *part, const char *domain,
                        const char *name, Split split) {
  const char *camera;
  size_t n = parse_name(name, &camera);
  bool junk = *name == '-';
  bool nobody = strspn(name, "0") == n;
  if (junk || (nobody && split == SPLIT_TRAIN)) return STATUS_OK;
  size_t digits = strspn(camera, "0123456789");
  DataRow row = {domain,
                 arena_printf(rows->arena, "%s/%s", folder, name),
                 arena_printf(rows->arena, "%s/%s", part, name),
                 arena_strndup(rows->arena, name, n),
                 arena_strndup(rows->arena, camera, digits),
                 folder,
                 0,
                 (uint8_t)split};
  return data_rows_add(rows, row) ? STATUS_OK : diag_no_memory(rows->diag, sizeof row);
}

static Status read_part(DataRows *rows, const char *path, const char *part, const char *domain,
                        Split split) {
  const char *folder = arena_printf(rows->arena, "%s/%s", path, part);
  struct dirent **names;
  if (!folder) return diag_no_memory(rows->diag, strlen(path));
  int n = scandir(folder, &names, only_names, bytewise);
  if (n < 0 && errno == ENOENT)
    return STATUS_OK; /* a set may be for training, or for tests, only */
  if (n < 0)
    return diag_error(rows->diag, STATUS_INVALID, folder, NULL, "cannot read: %s", strerror(errno));
  Status status = STATUS_OK;
  const char *camera, *strange = NULL;
  int n_strange = 0;
  for (int i = 0; i < n && status == STATUS_OK; i++) {
    if (parse_name(names[i]->d_name, &camera))
      status = add_image(rows, folder, part, domain, names[i]->d_name, split);
    else if (n_strange++ == 0)
      strange = names[i]->d_name;
  }
  if (strange)
    diag_warning(
        rows->diag, folder, "names look like 0002_c1s1_000451_03.jpg",
        "%d files whose names tell no identity and camera are left out (the first is '%s')",
        n_strange, strange);
  for (int i = 0; i < n; i++) free(names[i]);
  free(names);
  return status;
}

Status dataset_read_market(DataRows *rows, const char *path, const char *domain) {
  size_t length = strlen(path), before = rows->n;
  while (length > 1 && path[length - 1] == '/') length--;
  const char *trimmed = arena_strndup(rows->arena, path, length);
  if (!trimmed) return diag_no_memory(rows->diag, length);
  const char *slash = strrchr(trimmed, '/');
  if (!domain) domain = slash ? slash + 1 : trimmed;
  TRY(read_part(rows, trimmed, "bounding_box_train", domain, SPLIT_TRAIN));
  TRY(read_part(rows, trimmed, "query", domain, SPLIT_QUERY));
  TRY(read_part(rows, trimmed, "bounding_box_test", domain, SPLIT_GALLERY));
  if (rows->n > before) return STATUS_OK;
  struct stat info;
  bool missing = stat(trimmed, &info) != 0;
  return diag_error(
      rows->diag, STATUS_INVALID, path,
      "Market-1501 layout: bounding_box_train, query, bounding_box_test; of a folder of "
      "several domains name its .domains file",
      missing ? "there is no such folder" : "the folder holds no images of this layout");
}
