/* One parser of attribute text for models, for the defaults of descriptors, and for plans that lack
 * an attribute: the same text gives the same integers wherever it stands. */
#include "graph/plan/attr.h"

#include "graph/base/array.h"
#include "graph/expression/value.h"

#include <stdlib.h>
#include <string.h>

static bool push(AttrInts *a, int64_t value) {
  if (ARRAY_RESERVE(a->ints, a->cap, a->n, 1, NULL) != STATUS_OK) return false;
  a->ints[a->n++] = value;
  return true;
}

static int64_t enum_index(const char *values, const char *text) {
  int64_t index = 0;
  size_t n = strlen(text);
  for (const char *at = values; *at; index++) {
    size_t length = strcspn(at, " ");
    if (length == n && strncmp(at, text, n) == 0) return index;
    at += length + strspn(at + length, " ");
  }
  return 0;
}

static bool push_integers(AttrInts *a, const char *text) {
  for (;;) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text) return true;
    if (!push(a, value)) return false;
    text = end;
  }
}

static bool push_floats(AttrInts *a, const char *text) {
  double number;
  while ((text = number_scan(text, &number))) {
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    if (!push(a, bits)) return false;
  }
  return true;
}

static bool push_string(AttrInts *a, const char *text, Strings *strings) {
  uint32_t id = strings_intern(strings, text);
  return id != UINT32_MAX && push(a, id);
}

static bool push_values(AttrInts *a, const AttrDesc *desc, const char *text, DType dtype,
                        Strings *strings) {
  switch (desc->type) {
  case ATTR_INT:
    return push(a, strtoll(text, NULL, 10));
  case ATTR_BOOL:
    return push(a, strcmp(text, "true") == 0);
  case ATTR_ENUM:
    return push(a, enum_index(desc->values, text));
  case ATTR_DTYPE:
    dtype_parse(text, &dtype);
    return push(a, dtype);
  case ATTR_INTS:
    return push_integers(a, text);
  case ATTR_FLOAT:
  case ATTR_FLOATS:
    return push_floats(a, text);
  default:
    return push_string(a, text, strings);
  }
}

/* One number stands for height and width alike. */
static bool is_pair(const OpDesc *op, const AttrDesc *attr) {
  return (strncmp(op->name, "conv", 4) == 0 || strncmp(op->name, "pool-", 5) == 0 ||
          strncmp(op->name, "resize", 6) == 0) &&
         attr->type == ATTR_INTS;
}

bool attr_parse(AttrInts *out, const OpDesc *op, uint32_t attr, const char *text, DType float_type,
                Strings *strings) {
  const AttrDesc *desc = &op->attrs[attr];
  uint32_t first = out->n;
  if (!text) text = desc->fallback ? desc->fallback : "";
  if (!push_values(out, desc, text, float_type, strings)) return false;
  return !is_pair(op, desc) || out->n != first + 1 || push(out, out->ints[first]);
}
