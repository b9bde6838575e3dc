/* Writes a safetensors file: tensors in the order of their names, one after the other without a
 * gap, so that the same tensors give the same bytes. */
#include "runtime/execute/safetensors.h"

#include "graph/base/replace.h"
#include "runtime/execute/safetensors_hash.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
  const SaveTensor *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

static size_t bytes_of(const SaveTensor *t) {
  return (size_t)shape_count(&t->shape) * dtype_size(t->dtype);
}

static bool hash_tensors(const SaveTensor **sorted, uint32_t n, char text[SAFE_HASH_TEXT]) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return false;
  XXH3_64bits_reset(state);
  for (uint32_t i = 0; i < n; i++)
    safe_hash_add(state, sorted[i]->name, sorted[i]->data, bytes_of(sorted[i]));
  safe_hash_text(state, text);
  XXH3_freeState(state);
  return true;
}

static Status add_metadata(json_t *root, const SaveMeta *metadata, uint32_t n, const char *hash,
                           const char *path, Diag *diag) {
  json_t *data = json_object();
  if (json_object_set_new(root, SAFE_METADATA, data) != 0) return diag_no_memory(diag, 1024);
  for (uint32_t i = 0; i < n; i++)
    if (json_object_set_new(data, metadata[i].key, json_string(metadata[i].value)) != 0)
      return diag_error(diag, STATUS_INVALID, path, "a safetensors file holds texts in UTF-8 only",
                        "its metadata '%s' would hold bytes that are no text", metadata[i].key);
  json_object_set_new(data, SAFE_HASH_KEY, json_string(hash));
  return STATUS_OK;
}

static json_t *make_entry(const SaveTensor *t, size_t at) {
  json_t *shape = json_array();
  for (int k = 0; k < t->shape.rank; k++)
    json_array_append_new(shape, json_integer(t->shape.dim[k]));
  return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_desc(t->dtype)->file_name, "shape", shape,
                   "data_offsets", (json_int_t)at, (json_int_t)(at + bytes_of(t)));
}

static Status add_tensors(json_t *root, const SaveTensor **sorted, uint32_t n, const char *path,
                          Diag *diag) {
  size_t at = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (strcmp(sorted[i]->name, SAFE_METADATA) == 0 ||
        json_object_set_new(root, sorted[i]->name, make_entry(sorted[i], at)) != 0)
      return file_tensor_error(path, sorted[i]->name, diag, NULL, "no tensor can have this name");
    at += bytes_of(sorted[i]);
  }
  return STATUS_OK;
}

static Status make_header(const SaveTensor **sorted, uint32_t n, const SaveMeta *metadata,
                          uint32_t n_metadata, const char *path, Diag *diag, char **out) {
  char hash[SAFE_HASH_TEXT];
  json_t *root = hash_tensors(sorted, n, hash) ? json_object() : NULL;
  Status status = root ? STATUS_OK : diag_no_memory(diag, 1024);
  if (status == STATUS_OK) status = add_metadata(root, metadata, n_metadata, hash, path, diag);
  if (status == STATUS_OK) status = add_tensors(root, sorted, n, path, diag);
  *out = status == STATUS_OK ? json_dumps(root, JSON_COMPACT) : NULL;
  if (status == STATUS_OK && !*out) status = diag_no_memory(diag, n * 100u);
  json_decref(root);
  return status;
}

static Status write_file(const char *path, const char *header, const SaveTensor **sorted,
                         uint32_t n, bool keep_previous, Diag *diag) {
  size_t length = strlen(header);
  uint64_t prefix = (length + 7) / 8 * 8; /* blanks follow the header, so that data are aligned */
  FilePart *parts = calloc((size_t)n + 3, sizeof *parts);
  if (!parts) return diag_no_memory(diag, n * sizeof *parts);
  parts[0] = (FilePart){&prefix, sizeof prefix};
  parts[1] = (FilePart){header, length};
  parts[2] = (FilePart){"       ", (size_t)prefix - length};
  for (uint32_t i = 0; i < n; i++) parts[3 + i] = (FilePart){sorted[i]->data, bytes_of(sorted[i])};
  int code = file_replace(path, parts, (size_t)n + 3, keep_previous);
  free(parts);
  if (code == 0) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, path,
                    code == ENOSPC ? "free some space; a file that was there is untouched" : NULL,
                    "cannot write: %s", strerror(code));
}

Status safe_write(const char *path, const SaveTensor *tensors, uint32_t n, const SaveMeta *metadata,
                  uint32_t n_metadata, bool keep_previous, Diag *diag) {
  const SaveTensor **sorted = calloc((size_t)n + 1, sizeof *sorted);
  if (!sorted) return diag_no_memory(diag, n * sizeof *sorted);
  for (uint32_t i = 0; i < n; i++) sorted[i] = &tensors[i];
  qsort(sorted, n, sizeof *sorted, by_name);
  char *header;
  Status status = make_header(sorted, n, metadata, n_metadata, path, diag, &header);
  if (header) status = write_file(path, header, sorted, n, keep_previous, diag);
  free(header);
  free(sorted);
  return status;
}
