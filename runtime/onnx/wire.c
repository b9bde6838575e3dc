/* The wire format: each field is a tag (number and type), then its value
 * (protobuf.dev/programming-guides/encoding). */
#include "runtime/onnx/wire.h"

#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, BYTES = 2, FIXED32 = 5 };

void wire_release(Wire *w) {
  free(w->bytes);
  *w = (Wire){0};
}

void wire_append(Wire *w, const void *bytes, size_t n) {
  if (w->failed || n > SIZE_MAX / 4 - w->n) {
    w->failed = true;
    return;
  }
  if (w->n + n > w->capacity) {
    size_t capacity = w->capacity ? w->capacity : 256;
    while (capacity < w->n + n) capacity *= 2;
    char *more = realloc(w->bytes, capacity);
    if (!more) {
      w->failed = true;
      return;
    }
    w->bytes = more;
    w->capacity = capacity;
  }
  if (n) memcpy(w->bytes + w->n, bytes, n);
  w->n += n;
}

/* Seven bits a byte, the low ones first; the highest bit says that more follow. */
static void put_varint(Wire *w, uint64_t value) {
  unsigned char bytes[10];
  size_t n = 0;
  do {
    bytes[n++] = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
    value >>= 7;
  } while (value);
  wire_append(w, bytes, n);
}

static void put_tag(Wire *w, uint32_t field, uint32_t type) {
  put_varint(w, (uint64_t)field << 3 | type);
}

void wire_int(Wire *w, uint32_t field, int64_t value) {
  put_tag(w, field, VARINT);
  put_varint(w, (uint64_t)value);
}

void wire_float(Wire *w, uint32_t field, float value) {
  put_tag(w, field, FIXED32);
  wire_append(w, &value, sizeof value);
}

void wire_bytes(Wire *w, uint32_t field, const void *bytes, size_t n) {
  put_tag(w, field, BYTES);
  put_varint(w, n);
  wire_append(w, bytes, n);
}

void wire_text(Wire *w, uint32_t field, const char *text) {
  wire_bytes(w, field, text, strlen(text));
}

void wire_message(Wire *w, uint32_t field, Wire *inside) {
  wire_bytes(w, field, inside->bytes, inside->n);
  w->failed |= inside->failed;
  wire_release(inside);
}
