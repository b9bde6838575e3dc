/* Reading: nothing of the header is trusted, and what the reference implementation refuses is
 * refused. */
#include "graph/base/text.h"
#include "runtime/execute/safe_file.h"
#include "runtime/execute/safetensors_hash.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_MAX ((uint64_t)100000000) /* bytes, as in the reference implementation */

/* The types of the format.  Of one that is not listed the size is not known. */
static const struct {
  const char *name;
  FileType type;
  int64_t bits;
} types[] = {{"F64", FILE_F64, 64},          {"F32", FILE_F32, 32},
             {"F16", FILE_F16, 16},          {"BF16", FILE_BF16, 16},
             {"I64", FILE_I64, 64},          {"I32", FILE_I32, 32},
             {"I16", FILE_I16, 16},          {"I8", FILE_I8, 8},
             {"U64", FILE_U64, 64},          {"U32", FILE_U32, 32},
             {"U16", FILE_U16, 16},          {"U8", FILE_U8, 8},
             {"BOOL", FILE_BOOL, 8},         {"F8_E4M3", FILE_OTHER, 8},
             {"F8_E5M2", FILE_OTHER, 8},     {"F8_E8M0", FILE_OTHER, 8},
             {"F8_E4M3FNUZ", FILE_OTHER, 8}, {"F8_E5M2FNUZ", FILE_OTHER, 8},
             {"F6_E2M3", FILE_OTHER, 6},     {"F6_E3M2", FILE_OTHER, 6},
             {"F4", FILE_OTHER, 4},          {"C64", FILE_OTHER, 64}};

/* ---- one tensor ---- */

/* Bits of an element; 0: not known. */
static int64_t read_type(const json_t *entry, FileTensor *t) {
  t->type_name = json_string_value(json_object_get(entry, "dtype"));
  t->type = FILE_OTHER;
  for (size_t i = 0; t->type_name && i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].name, t->type_name) == 0) {
      t->type = types[i].type;
      return types[i].bits;
    }
  return 0;
}

static bool read_shape(const json_t *list, FileTensor *t) {
  if (!json_is_array(list) || json_array_size(list) > INT_MAX) return false;
  t->rank = (int)json_array_size(list);
  t->count = 1;
  for (int i = 0; i < t->rank; i++) {
    const json_t *dim = json_array_get(list, (size_t)i);
    int64_t value = json_integer_value(dim);
    if (!json_is_integer(dim) || value < 0) return false;
    if (i < FILE_RANK_MAX) t->dim[i] = value;
    if (__builtin_mul_overflow(t->count, value, &t->count)) return false;
  }
  return true;
}

/* The bytes [*from, *to) behind the header. */
static bool read_range(const json_t *range, int64_t *from, int64_t *to) {
  const json_t *first = json_array_get(range, 0), *last = json_array_get(range, 1);
  *from = json_integer_value(first);
  *to = json_integer_value(last);
  return json_array_size(range) == 2 && json_is_integer(first) && json_is_integer(last) &&
         *from >= 0 && *to >= *from;
}

static Status read_tensor(const char *path, const SafeFile *f, const char *name,
                          const json_t *entry, FileTensor *t, Diag *diag) {
  *t = (FileTensor){.name = name};
  int64_t from, to, most = (int64_t)(f->length - f->data_at), bits = read_type(entry, t), want;
  if (!t->type_name)
    return file_tensor_error(path, name, diag, NULL, "has no element type: \"dtype\"");
  if (!read_shape(json_object_get(entry, "shape"), t))
    return file_tensor_error(path, name, diag, NULL,
                             "its \"shape\" is no list of dimensions that can be");
  if (!read_range(json_object_get(entry, "data_offsets"), &from, &to))
    return file_tensor_error(path, name, diag, NULL,
                             "its \"data_offsets\" are not where it begins and ends");
  if (to > most)
    return file_tensor_error(path, name, diag, "was the file copied whole?",
                             "invalid offset: its bytes %" PRId64 "..%" PRId64
                             " lie outside of the file, which has %" PRId64 " bytes of tensors",
                             from, to, most);
  t->bytes = to - from;
  char shape[SHAPE_TEXT_MAX];
  if (bits && (__builtin_mul_overflow(t->count, bits, &want) || want % 8 || want / 8 != t->bytes))
    return file_tensor_error(path, name, diag, NULL,
                             "its %" PRId64 " bytes are not those of the shape %s of %s", t->bytes,
                             file_tensor_shape(t, shape, sizeof shape), t->type_name);
  t->data = f->bytes + f->data_at + (size_t)from;
  return STATUS_OK;
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(((const FileTensor *)a)->name, ((const FileTensor *)b)->name);
}

/* By where they begin, then end: an empty tensor stands before what begins where it does. */
static int by_place(const void *a, const void *b) {
  const FileTensor *x = a, *y = b;
  if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
  return x->bytes != y->bytes ? (x->bytes < y->bytes ? -1 : 1) : by_name(a, b);
}

/* Every byte behind the header belongs to one tensor. */
static Status check_places(const char *path, const SafeFile *f, Diag *diag) {
  static const char hint[] = "write it anew with a safetensors library; of tensors that share "
                             "memory, a copy of each";
  const char *data = f->bytes + f->data_at, *before = NULL;
  int64_t end = 0;
  for (uint32_t i = 0; i < f->n; i++) {
    const FileTensor *t = &f->tensors[i];
    int64_t from = (const char *)t->data - data;
    if (from < end)
      return file_tensor_error(path, t->name, diag, hint,
                               "invalid offset: its bytes %" PRId64 "..%" PRId64
                               " overlap those of '%s', which end at %" PRId64,
                               from, from + t->bytes, before, end);
    if (from > end && before)
      return file_tensor_error(path, t->name, diag, hint,
                               "invalid offset: its bytes begin at %" PRId64
                               ", those of '%s' before it end at %" PRId64,
                               from, before, end);
    if (from > end)
      return file_tensor_error(
          path, t->name, diag, hint,
          "invalid offset: its bytes begin at %" PRId64 ", and no tensor has those before", from);
    end = from + t->bytes;
    before = t->name;
  }
  int64_t rest = (int64_t)(f->length - f->data_at) - end;
  if (!rest) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path, hint,
                    "invalid offset: %" PRId64 " bytes at the end belong to no tensor", rest);
}

/* Where the header ends; its JSON is in f->header. */
static Status parse_header(const char *path, SafeFile *f, Diag *diag) {
  uint64_t length = 0;
  if (f->length >= 8) memcpy(&length, f->bytes, 8);
  if (f->length < 8 || length > HEADER_MAX || length > f->length - 8 || !length ||
      f->bytes[8] != '{')
    return diag_error(diag, STATUS_INVALID, path, "is it a file of weights, copied whole?",
                      "is neither a safetensors file nor one of PyTorch's");
  json_error_t error;
  f->data_at = 8 + (size_t)length;
  f->header = json_loadb(f->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (json_is_object(f->header)) return STATUS_OK;
  char place[PATH_MAX + 32];
  text_format(place, sizeof place, "%s: byte %d", path,
              8 + (error.position < 0 ? 0 : error.position));
  return diag_error(diag, STATUS_INVALID, place, NULL, "the header is no JSON object%s%s",
                    f->header ? "" : ": ", f->header ? "" : error.text);
}

static Status check_metadata(const char *path, const SafeFile *f, Diag *diag) {
  json_t *metadata = json_object_get(f->header, SAFE_METADATA), *value;
  const char *key;
  if (metadata && !json_is_object(metadata))
    return diag_error(diag, STATUS_INVALID, path, NULL, "its metadata are no JSON object");
  json_object_foreach(metadata, key, value) {
    if (json_is_string(value)) continue;
    return diag_error(diag, STATUS_INVALID, path, "the format has texts there only",
                      "'%s' in its metadata is no text", key);
  }
  return STATUS_OK;
}

static Status read_header(const char *path, SafeFile *f, Diag *diag) {
  TRY(parse_header(path, f, diag));
  TRY(check_metadata(path, f, diag));
  f->tensors = calloc(json_object_size(f->header) + 1, sizeof *f->tensors);
  if (!f->tensors) return diag_no_memory(diag, json_object_size(f->header) * sizeof *f->tensors);
  const char *name;
  json_t *entry;
  json_object_foreach(f->header, name, entry) {
    if (strcmp(name, SAFE_METADATA) == 0) continue;
    TRY(read_tensor(path, f, name, entry, &f->tensors[f->n], diag));
    f->n++;
  }
  qsort(f->tensors, f->n, sizeof *f->tensors, by_place);
  TRY(check_places(path, f, diag));
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
    safe_hash_add(state, f->tensors[i].name, f->tensors[i].data, (size_t)f->tensors[i].bytes);
  safe_hash_text(state, hash);
  XXH3_freeState(state);
  if (strcmp(hash, expected) == 0) return STATUS_OK;
  snprintf(previous, sizeof previous, "%s.prev", path);
  char hint[PATH_MAX + 100];
  if (access(previous, R_OK) == 0)
    text_format(hint, sizeof hint, "%s is the one before; or copy it again", previous);
  else
    text_format(hint, sizeof hint,
                "copy it again; a program that changes tensors leaves the metadata '" SAFE_HASH_KEY
                "' away");
  return diag_error(diag, STATUS_INVALID, path, hint,
                    "the file is damaged: its tensors do not match their hash");
}

Status safetensors_parse(const char *path, SafeFile *f, Diag *diag) {
  TRY(read_header(path, f, diag));
  return check_hash(path, f, diag);
}
