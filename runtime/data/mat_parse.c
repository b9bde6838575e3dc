/* MATLAB's files of version 5 as a tree of arrays. */
#include "runtime/data/mat_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEADER 128
#define DEPTH_MAX 16
#define VALUES_MAX (1u << 22)            /* the lists of a set have some 15,000 */
#define INFLATED_MAX ((size_t)256 << 20) /* of a whole file: a few bytes may inflate to much */

enum {
  TYPE_INT8 = 1,
  TYPE_UINT8,
  TYPE_INT16,
  TYPE_UINT16,
  TYPE_INT32,
  TYPE_UINT32,
  TYPE_SINGLE,
  TYPE_DOUBLE = 9,
  TYPE_INT64 = 12,
  TYPE_UINT64,
  TYPE_MATRIX,
  TYPE_COMPRESSED,
  TYPE_UTF8,
  TYPE_UTF16,
  TYPES
};
static const uint8_t sizes[TYPES] = {
    [TYPE_INT8] = 1,  [TYPE_UINT8] = 1,  [TYPE_INT16] = 2,  [TYPE_UINT16] = 2,
    [TYPE_INT32] = 4, [TYPE_UINT32] = 4, [TYPE_SINGLE] = 4, [TYPE_DOUBLE] = 8,
    [TYPE_INT64] = 8, [TYPE_UINT64] = 8, [TYPE_UTF8] = 1,   [TYPE_UTF16] = 2};

static const char damaged[] = "is damaged, or ends too early";
static const char too_many[] = "has more than 2^22 arrays in its arrays";
static const char too_large[] = "inflates to more than 256 MiB";
static const char no_memory[] = "is larger than the memory";

typedef struct Parse {
  Arena *arena;
  bool swapped;    /* the file's bytes are in the other order */
  size_t inflated; /* bytes that variables were inflated to so far */
  uint32_t values;
} Parse;

/* A part of the bytes that is being read. */
typedef struct Span {
  const uint8_t *at;
  size_t n;
} Span;

typedef struct Element {
  uint32_t type;
  Span data;
} Element;

static uint64_t read_bits(const uint8_t *at, uint32_t size, bool swapped) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < size; i++) bits |= (uint64_t)at[i] << 8 * (swapped ? size - 1 - i : i);
  return bits;
}

static uint32_t word(const Parse *p, const uint8_t *at) {
  return (uint32_t)read_bits(at, 4, p->swapped);
}

/* Takes one element off the span; false: it is longer than what is there. */
static bool take(const Parse *p, Span *span, Element *out) {
  if (span->n < 8) return false;
  uint32_t type = word(p, span->at), bytes = word(p, span->at + 4);
  size_t used = 8, room;
  if (type >> 16) { /* length and up to 4 bytes of data are in the tag */
    bytes = type >> 16;
    type &= 0xFFFF;
    if (bytes > 4) return false;
    *out = (Element){type, {span->at + 4, bytes}};
  } else {
    if (bytes > span->n - 8) return false;
    *out = (Element){type, {span->at + 8, bytes}};
    used += bytes;
    room = type == TYPE_COMPRESSED ? 0 : (8 - bytes % 8) % 8;
    used += room < span->n - used ? room : span->n - used;
  }
  span->at += used;
  span->n -= used;
  return true;
}

double mat_element(const MatValue *v, size_t i, bool swapped) {
  uint32_t size = v->type < TYPES ? sizes[v->type] : 0, half;
  if (size == 0 || i >= v->stored) return (double)NAN;
  uint64_t bits = read_bits(v->data + i * size, size, swapped);
  double wide;
  float narrow;
  switch (v->type) {
  case TYPE_INT8:
    return (int8_t)bits;
  case TYPE_INT16:
    return (int16_t)bits;
  case TYPE_INT32:
    return (int32_t)bits;
  case TYPE_INT64:
    return (double)(int64_t)bits;
  case TYPE_SINGLE:
    half = (uint32_t)bits;
    memcpy(&narrow, &half, 4);
    return narrow;
  case TYPE_DOUBLE:
    memcpy(&wide, &bits, 8);
    return wide;
  default:
    return (double)bits;
  }
}

/* ---- matrices ---- */

static const char *parse_matrix(Parse *p, Span span, int depth, MatValue **out);

/* A text of the file, which may have zero bytes behind it. */
static const char *take_name(Parse *p, Span span) {
  return arena_strndup(p->arena, (const char *)span.at,
                       span.n ? strnlen((const char *)span.at, span.n) : 0);
}

static const char *parse_parts(Parse *p, Span *span, MatValue *v, size_t n, int depth) {
  if (n > span->n / 8) return damaged; /* each has a tag */
  v->parts = arena_array(p->arena, n + 1, sizeof *v->parts);
  if (!v->parts) return no_memory;
  for (; v->n_parts < n; v->n_parts++) {
    Element e;
    if (!take(p, span, &e) || e.type != TYPE_MATRIX) return damaged;
    const char *wrong = parse_matrix(p, e.data, depth + 1, &v->parts[v->n_parts]);
    if (wrong) return wrong;
  }
  return NULL;
}

/* Names of one length, filled up with zero bytes, then the fields of the first element. */
static const char *parse_struct(Parse *p, Span *span, MatValue *v, int depth) {
  Element length, names;
  if (!take(p, span, &length) || length.data.n != 4 || !take(p, span, &names)) return damaged;
  size_t each = word(p, length.data.at), n = each ? names.data.n / each : 0;
  v->fields = arena_array(p->arena, n + 1, sizeof *v->fields);
  if (!v->fields) return no_memory;
  for (size_t i = 0; i < n; i++) {
    v->fields[i] = take_name(p, (Span){names.data.at + i * each, each});
    if (!v->fields[i]) return no_memory;
  }
  return v->n ? parse_parts(p, span, v, n, depth) : NULL;
}

static const char *parse_numbers(Parse *p, Span *span, MatValue *v) {
  Element e;
  if (!take(p, span, &e) || e.type >= TYPES || sizes[e.type] == 0) return damaged;
  v->type = e.type;
  v->data = e.data.at;
  v->stored = e.data.n / sizes[e.type];
  return v->stored >= v->n || v->class == MAT_CHAR ? NULL : damaged;
}

/* Flags, sizes, name, then what the class asks for. */
static const char *parse_matrix(Parse *p, Span span, int depth, MatValue **out) {
  Element flags, dims, name;
  if (++p->values > VALUES_MAX) return too_many;
  MatValue *v = arena_alloc(p->arena, sizeof *v);
  if (!v) return no_memory;
  *v = (MatValue){.name = "", .n = 1};
  *out = v;
  if (span.n == 0) { /* an empty array may be written so */
    *v = (MatValue){.class = MAT_FIRST_NUMBER, .name = ""};
    return NULL;
  }
  if (depth > DEPTH_MAX || !take(p, &span, &flags) || flags.data.n < 4 || !take(p, &span, &dims) ||
      !take(p, &span, &name))
    return damaged;
  v->class = (uint8_t)word(p, flags.data.at);
  v->complex = word(p, flags.data.at) >> 11 & 1;
  for (size_t i = 0; i + 4 <= dims.data.n; i += 4) {
    uint32_t side = word(p, dims.data.at + i);
    if (side && v->n > SIZE_MAX / side) return damaged;
    v->n *= side;
  }
  v->name = take_name(p, name.data);
  if (!v->name) return no_memory;
  if (v->class == MAT_CELL) return parse_parts(p, &span, v, v->n, depth);
  if (v->class == MAT_STRUCT) return parse_struct(p, &span, v, depth);
  bool plain =
      v->class == MAT_CHAR || (v->class >= MAT_FIRST_NUMBER && v->class <= MAT_LAST_NUMBER);
  return plain && v->n ? parse_numbers(p, &span, v) : NULL;
}

/* ---- the file ---- */

static const char *inflate_all(Parse *p, Span from, Span *out) {
  z_stream z = {.next_in = (Bytef *)(uintptr_t)from.at, .avail_in = (uInt)from.n};
  size_t capacity = from.n < 4096 ? 16384 : from.n * 4, n = 0;
  uint8_t *bytes = malloc(capacity);
  if (!bytes || inflateInit(&z) != Z_OK) {
    free(bytes);
    return no_memory;
  }
  int code = Z_OK;
  while (code == Z_OK && p->inflated + n <= INFLATED_MAX) {
    if (n == capacity) {
      uint8_t *more = realloc(bytes, capacity *= 2);
      if (!more) break;
      bytes = more;
    }
    z.next_out = bytes + n;
    z.avail_out = (uInt)(capacity - n);
    code = inflate(&z, Z_NO_FLUSH);
    n = capacity - z.avail_out;
  }
  inflateEnd(&z);
  p->inflated += n;
  bool fits = p->inflated <= INFLATED_MAX;
  uint8_t *copy = code == Z_STREAM_END && fits ? arena_array(p->arena, n + 1, 1) : NULL;
  if (copy) memcpy(copy, bytes, n);
  free(bytes);
  *out = (Span){copy, n};
  return copy ? NULL : fits ? damaged : too_large;
}

/* One element of the file: a matrix, compressed or not; others are passed over. */
static const char *parse_variable(Parse *p, Element e, MatValue **out) {
  *out = NULL;
  if (e.type == TYPE_COMPRESSED) {
    Span inside;
    const char *wrong = inflate_all(p, e.data, &inside);
    if (wrong) return wrong;
    if (!take(p, &inside, &e)) return damaged;
  }
  return e.type == TYPE_MATRIX ? parse_matrix(p, e.data, 0, out) : NULL;
}

const char *mat_parse(Arena *arena, const uint8_t *bytes, size_t n, bool *out_swapped,
                      MatValue **out) {
  Parse p = {.arena = arena};
  MatValue **end = out;
  *out = NULL;
  if (n >= 8 && memcmp(bytes, "\x89HDF\r\n\x1A\n", 8) == 0) return "is HDF5";
  if (n >= 520 && memcmp(bytes + 512, "\x89HDF\r\n\x1A\n", 8) == 0)
    return "is a MAT file of version 7.3";
  if (n < HEADER || (memcmp(bytes + 126, "IM", 2) != 0 && memcmp(bytes + 126, "MI", 2) != 0))
    return "is no MAT file of version 5";
  p.swapped = bytes[126] == 'M';
  *out_swapped = p.swapped;
  for (Span span = {bytes + HEADER, n - HEADER}; span.n;) {
    Element e;
    MatValue *v;
    if (!take(&p, &span, &e)) return damaged;
    const char *wrong = parse_variable(&p, e, &v);
    if (wrong) return wrong;
    if (!v) continue;
    *end = v;
    end = &v->next;
  }
  return NULL;
}
