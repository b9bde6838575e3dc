/* Files of tensors: which reader one is for, and what is asked of it afterwards. */
#include "runtime/execute/safe_file.h"

#include "graph/base/open_file.h"
#include "runtime/execute/safetensors_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static Status map_file(const char *path, SafeFile *f, Diag *diag) {
  FILE *file;
  int64_t size = 0;
  TRY(file_require(path, diag, &file, &size));
  void *at = size ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fileno(file), 0) : NULL;
  int code = at == MAP_FAILED ? errno : 0;
  fclose(file);
  if (code) return diag_error(diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(code));
  f->bytes = at;
  f->length = (size_t)size;
  return STATUS_OK;
}

Status safe_read(const char *path, Diag *diag, SafeFile **out_file) {
  *out_file = NULL;
  SafeFile *f = calloc(1, sizeof *f);
  if (!f) return diag_no_memory(diag, sizeof *f);
  Status status = map_file(path, f, diag);
  if (status == STATUS_OK)
    status = pth_recognise(f) ? pth_parse(path, f, diag) : safetensors_parse(path, f, diag);
  if (status != STATUS_OK) {
    safe_close(f);
    return status;
  }
  *out_file = f;
  return STATUS_OK;
}

void safe_close(SafeFile *f) {
  if (!f) return;
  if (f->bytes) munmap(f->bytes, f->length);
  json_decref(f->header);
  arena_destroy(f->arena);
  free(f->tensors);
  free(f);
}

uint32_t safe_count(const SafeFile *f) {
  return f->n;
}
const FileTensor *safe_tensor(const SafeFile *f, uint32_t i) {
  return &f->tensors[i];
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const FileTensor *)a)->name, ((const FileTensor *)b)->name);
}

const FileTensor *safe_find(const SafeFile *f, const char *name) {
  FileTensor key = {.name = name};
  return f->n ? bsearch(&key, f->tensors, f->n, sizeof *f->tensors, by_name) : NULL;
}

const char *safe_metadata(const SafeFile *f, const char *key) {
  return json_string_value(json_object_get(json_object_get(f->header, SAFE_METADATA), key));
}

const char *safe_note(const SafeFile *f) {
  return f->note;
}
