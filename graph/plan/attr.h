/* Attributes of ops as text: what a model gives, and the defaults of descriptors. */
#ifndef GRAPH_PLAN_ATTR_H
#define GRAPH_PLAN_ATTR_H

#include "graph/ir/op.h"

/* Values of attributes, one list behind the other; free() the integers. */
typedef struct AttrInts {
  int64_t *ints;
  uint32_t n, cap;
} AttrInts;

/* Appends the values of attribute `attr` of the op, whose type and range were checked: a float is
 * its bit pattern, a string its id.  `text` NULL: the default, nothing when there is none.  `float`
 * is `float_type`; where windows have a height and a width, one number stands for both.  False when
 * out of memory. */
bool attr_parse(AttrInts *out, const OpDesc *op, uint32_t attr, const char *text, DType float_type,
                Strings *strings);

#endif
