/* Reading: nothing of the header is trusted. */
#include "runtime/execute/safetensors.h"

#include "graph/base/open_file.h"
#include "runtime/execute/safetensors_hash.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADER_MAX ((uint64_t)100 << 20)

struct SafeFile {
  char *bytes;
  size_t length;
  json_t *header;
  FileTensor *tensors;
  uint32_t n;
};

static const struct {
  const char *name;
  size_t size;
} types[] = {[FILE_F32] = {"F32", 4},   [FILE_F64] = {"F64", 8}, [FILE_F16] = {"F16", 2},
             [FILE_BF16] = {"BF16", 2}, [FILE_I32] = {"I32", 4}, [FILE_I64] = {"I64", 8},
             [FILE_BOOL] = {"BOOL", 1}, [FILE_U8] = {"U8", 1}};

static Status bad_tensor(const char *path, const char *name, const char *text, Diag *diag) {
  char place[1024];
  snprintf(place, sizeof place, "%s: tensor %s", path, name);
  return diag_error(diag, STATUS_INVALID, place, NULL, "%s", text);
}

static bool read_type(const char *name, FileType *out) {
  for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].name, name) == 0) {
      *out = (FileType)i;
      return true;
    }
  return false;
}

static bool read_shape(const json_t *list, FileTensor *t) {
  if (!json_is_array(list) || json_array_size(list) > 8) return false;
  t->rank = (int)json_array_size(list);
  t->count = 1;
  for (int i = 0; i < t->rank; i++) {
    const json_t *dim = json_array_get(list, (size_t)i);
    if (!json_is_integer(dim) || json_integer_value(dim) < 0) return false;
    t->dim[i] = json_integer_value(dim);
    if (t->dim[i] && t->count > ((int64_t)1 << 40) / t->dim[i]) return false;
    t->count *= t->dim[i];
  }
  return true;
}

static Status read_tensor(const char *path, const SafeFile *f, size_t data_at, const char *name,
                          const json_t *entry, FileTensor *t, Diag *diag) {
  *t = (FileTensor){.name = name};
  if (!read_type(json_string_value(json_object_get(entry, "dtype")), &t->type))
    return bad_tensor(path, name, "its element type is not supported", diag);
  if (!read_shape(json_object_get(entry, "shape"), t))
    return bad_tensor(path, name, "its shape is not valid", diag);
  const json_t *range = json_object_get(entry, "data_offsets");
  json_int_t from = json_integer_value(json_array_get(range, 0));
  json_int_t to = json_integer_value(json_array_get(range, 1));
  json_int_t most = (json_int_t)(f->length - data_at);
  bool ok = json_array_size(range) == 2 && from >= 0 && to >= from && to <= most &&
            (uint64_t)(to - from) == (uint64_t)t->count * types[t->type].size;
  if (!ok)
    return bad_tensor(path, name, "its bytes lie outside of the file, or do not fit its shape",
                      diag);
  t->data = f->bytes + data_at + (size_t)from;
  return STATUS_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const FileTensor *)a)->name, ((const FileTensor *)b)->name);
}

static Status read_header(const char *path, SafeFile *f, Diag *diag) {
  uint64_t length = 0;
  if (f->length >= 8) memcpy(&length, f->bytes, 8);
  if (f->length < 8 || length > HEADER_MAX || length > f->length - 8)
    return diag_error(diag, STATUS_INVALID, path, "is it a .safetensors file, copied whole?",
                      "is no safetensors file");
  json_error_t error;
  f->header = json_loadb(f->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (!json_is_object(f->header)) {
    char place[1024];
    snprintf(place, sizeof place, "%s: byte %d", path,
             8 + (error.position < 0 ? 0 : error.position));
    return diag_error(diag, STATUS_INVALID, place, NULL, "the header is no JSON object%s%s",
                      f->header ? "" : ": ", f->header ? "" : error.text);
  }
  f->tensors = calloc(json_object_size(f->header) + 1, sizeof *f->tensors);
  if (!f->tensors) return diag_no_memory(diag, json_object_size(f->header) * sizeof *f->tensors);
  const char *name;
  json_t *entry;
  json_object_foreach(f->header, name, entry) {
    if (strcmp(name, "__metadata__") == 0) continue;
    TRY(read_tensor(path, f, 8 + (size_t)length, name, entry, &f->tensors[f->n], diag));
    f->n++;
  }
  qsort(f->tensors, f->n, sizeof *f->tensors, by_name);
  return STATUS_OK;
}

/* Files of others carry no hash. */
static Status check_hash(const char *path, const SafeFile *f, Diag *diag) {
  const char *expected = safe_metadata(f, SAFE_HASH_KEY);
  char hash[SAFE_HASH_TEXT], previous[PATH_MAX + 8];
  if (!expected) return STATUS_OK;
  XXH3_state_t *state = XXH3_createState();
  if (!state) return diag_no_memory(diag, 1024);
  XXH3_64bits_reset(state);
  for (uint32_t i = 0; i < f->n; i++)
    safe_hash_add(state, f->tensors[i].name, f->tensors[i].data,
                  (size_t)f->tensors[i].count * types[f->tensors[i].type].size);
  safe_hash_text(state, hash);
  XXH3_freeState(state);
  if (strcmp(hash, expected) == 0) return STATUS_OK;
  snprintf(previous, sizeof previous, "%s.prev", path);
  char hint[PATH_MAX + 100];
  if (access(previous, R_OK) == 0)
    snprintf(hint, sizeof hint, "%s is the one before; or copy it again", previous);
  else
    snprintf(hint, sizeof hint,
             "copy it again; a program that changes tensors leaves the metadata '" SAFE_HASH_KEY
             "' away");
  return diag_error(diag, STATUS_INVALID, path, hint,
                    "the file is damaged: its tensors do not match their hash");
}

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
  if (status == STATUS_OK) status = read_header(path, f, diag);
  if (status == STATUS_OK) status = check_hash(path, f, diag);
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
  free(f->tensors);
  free(f);
}

uint32_t safe_count(const SafeFile *f) {
  return f->n;
}
const FileTensor *safe_tensor(const SafeFile *f, uint32_t i) {
  return &f->tensors[i];
}

const FileTensor *safe_find(const SafeFile *f, const char *name) {
  FileTensor key = {.name = name};
  return bsearch(&key, f->tensors, f->n, sizeof *f->tensors, by_name);
}

const char *safe_metadata(const SafeFile *f, const char *key) {
  return json_string_value(json_object_get(json_object_get(f->header, "__metadata__"), key));
}

static double half_value(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  double mantissa = bits & 1023, value;
  if (exponent == 31)
    value = mantissa != 0 ? (double)__builtin_nanf("") : (double)__builtin_inff();
  else if (exponent == 0)
    value = mantissa * 0x1p-24;
  else
    value = (mantissa + 1024) * (exponent >= 25 ? (double)(1 << (exponent - 25))
                                                : 1.0 / (double)(1 << (25 - exponent)));
  return bits >> 15 ? -value : value;
}

double file_tensor_get(const FileTensor *t, int64_t i) {
  const char *at = (const char *)t->data + (size_t)i * types[t->type].size;
  union {
    float f;
    double d;
    int32_t i;
    int64_t l;
    uint16_t h;
    uint32_t u;
  } v = {0};
  memcpy(&v, at, types[t->type].size); /* data need not be aligned */
  switch (t->type) {
  case FILE_F32:
    return (double)v.f;
  case FILE_F64:
    return v.d;
  case FILE_F16:
    return half_value(v.h);
  case FILE_BF16:
    v.u = (uint32_t)v.h << 16;
    return (double)v.f;
  case FILE_I32:
    return v.i;
  case FILE_I64:
    return (double)v.l;
  default:
    return *(const uint8_t *)at;
  }
}

const char *file_tensor_shape(const FileTensor *t, char *text, size_t size) {
  size_t n = (size_t)snprintf(text, size, "(");
  for (int i = 0; i < t->rank && n < size; i++)
    n += (size_t)snprintf(text + n, size - n, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
  if (n < size) snprintf(text + n, size - n, ")");
  return text;
}
