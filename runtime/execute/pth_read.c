/* What torch.save wrote: since 1.6 a zip archive with the pickle as one record and each storage as
 * another; before, five pickles one after the other (magic number, version, the machine, the
 * object, the keys of its storages) and then the storages. */
#include "graph/base/text.h"
#include "runtime/execute/pth_parts.h"
#include "runtime/execute/pth_zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ZIP_BEGINS "PK\3\4"
#define TAR_MARK "ustar"
#define TAR_AT 257

static bool begins(const SafeFile *f, size_t at, const char *with) {
  size_t n = strlen(with);
  return f->length >= at + n && memcmp(f->bytes + at, with, n) == 0;
}

static bool is_pickle(const SafeFile *f) {
  return f->length >= 2 && f->bytes[0] == '\x80' && f->bytes[1] >= 2 && f->bytes[1] <= 5;
}

/* A header of safetensors may have these lengths; then its brace follows. */
bool pth_recognise(const SafeFile *f) {
  if (f->length > 8 && f->bytes[8] == '{') return false;
  return is_pickle(f) || begins(f, 0, ZIP_BEGINS) || begins(f, TAR_AT, TAR_MARK);
}

/* ---- storages ---- */

static int by_key(const void *a, const void *b) {
  const PthStorage *x = a, *y = b;
  uint32_t least = x->key_length < y->key_length ? x->key_length : y->key_length;
  int order = memcmp(x->key, y->key, least);
  if (order) return order;
  return x->key_length < y->key_length ? -1 : x->key_length > y->key_length;
}

PthStorage *pth_storage_find(const Pth *p, const char *key, size_t length) {
  PthStorage wanted = {.key = key, .key_length = (uint32_t)length};
  if (!p->n_storages || length > UINT32_MAX) return NULL;
  return bsearch(&wanted, p->storages, p->n_storages, sizeof *p->storages, by_key);
}

/* ('storage', class, key, place, count): the place is a device's, which does not matter here. */
static Status read_storage(const Pickle *p, uint32_t value, PthStorage *out) {
  uint32_t args = p->values[value].args;
  uint32_t type = pickle_item(p, args, 1), key = pickle_item(p, args, 2),
           count = pickle_item(p, args, 4);
  if (!pickle_is(p, type, PICKLE_GLOBAL) || !p->values[type].global->type_name ||
      !pickle_is(p, key, PICKLE_TEXT) || !pickle_is(p, count, PICKLE_INT))
    return diag_error(p->diag, STATUS_INVALID, p->path, PICKLE_CONVERT,
                      "the pickle names a storage in a way that is not known");
  *out = (PthStorage){.key = p->values[key].text,
                      .key_length = p->values[key].count,
                      .type = p->values[type].global,
                      .count = p->values[count].integer};
  int64_t bytes;
  if (out->count >= 0 && !__builtin_mul_overflow(out->count, out->type->size, &bytes))
    return STATUS_OK;
  return diag_error(p->diag, STATUS_INVALID, p->path, "was the file copied whole?",
                    "storage '%.*s' would have %" PRId64 " elements",
                    (int)text_cut_n(out->key, out->key_length, 100), out->key, out->count);
}

static Status other_use(const Pth *p, const PthStorage *s) {
  return diag_error(p->diag, STATUS_INVALID, p->path, PICKLE_CONVERT,
                    "storage '%.*s' is used with two types or sizes",
                    (int)text_cut_n(s->key, s->key_length, 100), s->key);
}

/* Each once, however many tensors name it. */
static Status list_storages(Pth *p) {
  const Pickle *k = p->pickle;
  p->storages = calloc(k->n_storages + 1u, sizeof *p->storages);
  if (!p->storages) return diag_no_memory(p->diag, k->n_storages * sizeof *p->storages);
  for (uint32_t i = 0; i < k->n_storages; i++)
    TRY(read_storage(k, k->storages[i], &p->storages[i]));
  qsort(p->storages, k->n_storages, sizeof *p->storages, by_key);
  for (uint32_t i = 0; i < k->n_storages; i++) {
    PthStorage *last = p->n_storages ? &p->storages[p->n_storages - 1] : NULL, *s = &p->storages[i];
    if (!last || by_key(last, s) != 0)
      p->storages[p->n_storages++] = *s;
    else if (last->type->type != s->type->type || last->type->size != s->type->size ||
             last->count != s->count)
      return other_use(p, s);
  }
  return STATUS_OK;
}

static Status storage_size(const Pth *p, const PthStorage *s, uint64_t have) {
  return diag_error(p->diag, STATUS_INVALID, p->path, "was the file copied whole?",
                    "storage '%.*s' has %" PRIu64 " bytes in the file, its %" PRId64
                    " elements of %s have %" PRId64,
                    (int)text_cut_n(s->key, s->key_length, 100), s->key, have, s->count,
                    s->type->type_name, s->count * s->type->size);
}

/* ---- zip ---- */

/* `NAME/data.pkl`, whatever the archive was called when it was written; NULL: there is none. */
static const ZipRecord *find_pickle(const Zip *z) {
  static const char end[] = "/data.pkl";
  size_t n = sizeof end - 1;
  for (uint32_t i = 0; i < z->n; i++) {
    const ZipRecord *r = &z->records[i];
    if (r->name_length > n && memcmp(r->name + r->name_length - n, end, n) == 0 &&
        !memchr(r->name, '/', r->name_length - n))
      return r;
  }
  return NULL;
}

/* The record of a name beside the pickle; NULL: there is none. */
static const ZipRecord *find_beside(const Zip *z, const ZipRecord *pickle, const char *folder,
                                    const char *name, size_t length, Arena *arena) {
  size_t head = pickle->name_length - strlen("data.pkl");
  char *text = length > 4096 ? NULL
                             : arena_printf(arena, "%.*s%s%.*s", (int)head, pickle->name, folder,
                                            (int)length, name);
  return text ? zip_find(z, text, strlen(text)) : NULL;
}

static Status read_byte_order(Pth *p, const Zip *z, const ZipRecord *pickle) {
  const ZipRecord *r = find_beside(z, pickle, "", "byteorder", 9, p->file->arena);
  if (!r) return STATUS_OK; /* before 2.1: little */
  TRY(zip_check(z, r, p->diag));
  const char *text = z->bytes + r->from;
  p->swapped = r->size == 3 && memcmp(text, "big", 3) == 0;
  if (p->swapped || (r->size == 6 && memcmp(text, "little", 6) == 0)) return STATUS_OK;
  return diag_error(p->diag, STATUS_INVALID, p->path, PICKLE_CONVERT,
                    "its byte order is '%.*s', neither little nor big",
                    (int)text_cut_n(text, r->size, 40), text);
}

static Status read_records(Pth *p, const Zip *z, const ZipRecord *pickle) {
  for (uint32_t i = 0; i < p->n_storages; i++) {
    PthStorage *s = &p->storages[i];
    const ZipRecord *r = find_beside(z, pickle, "data/", s->key, s->key_length, p->file->arena);
    if (!r)
      return diag_error(p->diag, STATUS_INVALID, p->path, "was the file copied whole?",
                        "the archive lacks storage '%.*s'",
                        (int)text_cut_n(s->key, s->key_length, 100), s->key);
    TRY(zip_check(z, r, p->diag));
    if ((uint64_t)(s->count * s->type->size) != r->size) return storage_size(p, s, r->size);
    s->data = z->bytes + r->from;
  }
  return STATUS_OK;
}

static Status read_archive(Pth *p, const Zip *z) {
  const ZipRecord *pickle = find_pickle(z);
  uint32_t root;
  p->container = "zip";
  if (!pickle)
    return diag_error(p->diag, STATUS_INVALID, p->path,
                      "a file of weights is a .safetensors or what torch.save wrote",
                      "is a zip archive that torch.save did not write: it has no NAME/data.pkl");
  TRY(zip_check(z, pickle, p->diag));
  p->pickle->at = pickle->from;
  p->pickle->end = pickle->from + pickle->size;
  TRY(pickle_read(p->pickle, &root));
  TRY(read_byte_order(p, z, pickle));
  TRY(list_storages(p));
  TRY(read_records(p, z, pickle));
  return pth_tensors(p, root);
}

static Status read_zip(Pth *p) {
  Zip z;
  Status status = zip_open(&z, p->path, p->file->bytes, p->file->length, p->diag);
  if (status == STATUS_OK) status = read_archive(p, &z);
  zip_close(&z);
  return status;
}

/* ---- before 1.6 ---- */

static bool is_magic(const Pickle *p, uint32_t value) {
  static const unsigned char magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                          0x20, 0x6a, 0xa8, 0x50, 0x19};
  const PickleValue *v = pickle_value(p, value);
  return v->kind == PICKLE_LARGE && v->count == sizeof magic &&
         memcmp(v->text, magic, sizeof magic) == 0;
}

/* The storages follow in the order of these keys, each behind its number of elements. */
static Status read_behind(Pth *p, uint32_t keys) {
  Pickle *k = p->pickle;
  uint32_t cell = pickle_is(k, keys, PICKLE_LIST) ? k->values[keys].items.first : 0;
  for (; cell; cell = k->cells[cell].next) {
    const PickleValue *key = pickle_value(k, k->cells[cell].value);
    PthStorage *s = key->kind == PICKLE_TEXT ? pth_storage_find(p, key->text, key->count) : NULL;
    int64_t count = 0;
    if (!s || s->data)
      return pickle_error(k, k->at, "was the file copied whole?",
                          "a storage follows that no tensor has, or one comes twice");
    if (k->end - k->at < sizeof count)
      return pickle_error(k, k->at, "was the file copied whole?",
                          "the file ends before storage '%.*s'",
                          (int)text_cut_n(s->key, s->key_length, 100), s->key);
    for (int i = 0; i < 8; i++) {
      unsigned char byte = (unsigned char)k->bytes[k->at + (size_t)(p->swapped ? 7 - i : i)];
      count = (int64_t)((uint64_t)count | (uint64_t)byte << 8 * i);
    }
    k->at += sizeof count;
    uint64_t bytes = (uint64_t)(s->count * s->type->size);
    if (count != s->count) return other_use(p, s);
    if (bytes > k->end - k->at) return storage_size(p, s, k->end - k->at);
    s->data = k->bytes + k->at;
    k->at += (size_t)bytes;
  }
  return STATUS_OK;
}

static Status read_pickles(Pth *p) {
  Pickle *k = p->pickle;
  uint32_t magic, version, machine, root, keys;
  p->container = "before 1.6";
  k->end = p->file->length;
  TRY(pickle_read(k, &magic));
  if (!is_magic(k, magic))
    return diag_error(
        p->diag, STATUS_INVALID, p->path, PICKLE_CONVERT,
        "is a pickle that torch.save did not write: it does not begin with its number");
  TRY(pickle_read(k, &version));
  TRY(pickle_read(k, &machine));
  uint32_t little = pickle_find(k, machine, "little_endian");
  p->swapped = pickle_is(k, little, PICKLE_BOOL) && !pickle_value(k, little)->integer;
  TRY(pickle_read(k, &root));
  TRY(list_storages(p));
  TRY(pickle_read(k, &keys));
  TRY(read_behind(p, keys));
  return pth_tensors(p, root);
}

/* ---- the file ---- */

Status pth_parse(const char *path, SafeFile *f, Diag *diag) {
  Pickle pickle = {.path = path, .bytes = f->bytes, .diag = diag};
  Pth p = {.path = path, .file = f, .pickle = &pickle, .diag = diag};
  bool zip = begins(f, 0, ZIP_BEGINS);
  if (!zip && !is_pickle(f))
    return diag_error(diag, STATUS_INVALID, path, PICKLE_CONVERT,
                      "is a tar archive, as PyTorch wrote before 0.1.10: not read");
  f->arena = arena_create();
  if (!f->arena) return diag_no_memory(diag, 1);
  Status status = zip ? read_zip(&p) : read_pickles(&p);
  pickle_free(&pickle);
  free(p.storages);
  return status;
}
