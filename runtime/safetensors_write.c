/* Writing: the new file is complete on disk before it takes the old one's name. */
#include "runtime/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"F32", "F64", "I32", "I64", "BOOL"};

static int by_name(const void *a, const void *b) {
  const SaveTensor *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

static size_t bytes_of(const SaveTensor *t) {
  return (size_t)shape_count(&t->shape) * dtype_size(t->dtype);
}

static char *make_header(const SaveTensor **sorted, uint32_t n, const SaveMeta *meta,
                         uint32_t n_meta) {
  json_t *root = json_object(), *data = json_object();
  for (uint32_t i = 0; i < n_meta; i++)
    json_object_set_new(data, meta[i].key, json_string(meta[i].value));
  if (n_meta) json_object_set(root, "__metadata__", data);
  json_decref(data);
  size_t at = 0;
  for (uint32_t i = 0; i < n; i++) {
    json_t *shape = json_array();
    for (int k = 0; k < sorted[i]->shape.rank; k++)
      json_array_append_new(shape, json_integer(sorted[i]->shape.dim[k]));
    size_t bytes = bytes_of(sorted[i]);
    json_object_set_new(root, sorted[i]->name,
                        json_pack("{s:s, s:o, s:[I, I]}", "dtype", names[sorted[i]->dtype], "shape",
                                  shape, "data_offsets", (json_int_t)at, (json_int_t)(at + bytes)));
    at += bytes;
  }
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

static bool write_all(int fd, const void *data, size_t length) {
  const char *at = data;
  while (length > 0) {
    ssize_t n = write(fd, at, length > ((size_t)1 << 30) ? (size_t)1 << 30 : length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    length -= (size_t)n;
  }
  return true;
}

static bool write_body(int fd, const char *header, const SaveTensor **sorted, uint32_t n) {
  static const char blanks[] = "        ";
  size_t length = strlen(header), padded = (length + 7) / 8 * 8;
  uint64_t prefix = padded;
  if (!write_all(fd, &prefix, 8) || !write_all(fd, header, length) ||
      !write_all(fd, blanks, padded - length))
    return false;
  for (uint32_t i = 0; i < n; i++)
    if (!write_all(fd, sorted[i]->data, bytes_of(sorted[i]))) return false;
  return fsync(fd) == 0;
}

static bool sync_folder(const char *path) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path);
  int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = fsync(fd) == 0 || errno == EINVAL;
  close(fd);
  return ok;
}

/* The file before stays as `.prev`: by a second link, so that `path` always names a whole file. */
static void keep(const char *path) {
  char previous[PATH_MAX];
  if (snprintf(previous, sizeof previous, "%s.prev", path) >= (int)sizeof previous) return;
  unlink(previous);
  if (link(path, previous) != 0) return; /* the first one, or a file system without links */
}

static bool write_file(const char *path, const char *temporary, const char *header,
                       const SaveTensor **sorted, uint32_t n, bool keep_previous) {
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return false;
  bool ok = write_body(fd, header, sorted, n);
  int error = errno;
  if (close(fd) != 0 && ok) ok = false, error = errno;
  if (ok && keep_previous) keep(path);
  if (ok && rename(temporary, path) != 0) ok = false, error = errno;
  if (ok) return sync_folder(path);
  unlink(temporary);
  errno = error;
  return false;
}

Status safe_write(const char *path, const SaveTensor *tensors, uint32_t n, const SaveMeta *metadata,
                  uint32_t n_metadata, bool keep_previous, Diag *diag) {
  char temporary[PATH_MAX];
  if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
    return diag_error(diag, STATUS_SYSTEM, path, NULL, "the path is too long");
  const SaveTensor **sorted = calloc((size_t)n + 1, sizeof *sorted);
  if (!sorted) return diag_no_memory(diag, n * sizeof *sorted);
  for (uint32_t i = 0; i < n; i++) sorted[i] = &tensors[i];
  qsort(sorted, n, sizeof *sorted, by_name);
  char *header = make_header(sorted, n, metadata, n_metadata);
  Status status = header ? STATUS_OK : diag_no_memory(diag, n * 100u);
  if (header && !write_file(path, temporary, header, sorted, n, keep_previous))
    status = diag_error(diag, STATUS_SYSTEM, path,
                        errno == ENOSPC ? "free some space; the file before is untouched" : NULL,
                        "cannot write: %s", strerror(errno));
  free(header);
  free(sorted);
  return status;
}
