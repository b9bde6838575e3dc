/* The XML of one file as read: elements with places, nothing interpreted. */
#ifndef GRAPH_LANGUAGE_RAW_H
#define GRAPH_LANGUAGE_RAW_H

#include "graph/ir/ir.h"
#include "graph/ir/source.h"

typedef struct RawAttr {
  const char *name, *value;
  uint32_t line, column; /* of the value's first byte */
} RawAttr;

typedef struct RawElement {
  const char *tag;
  uint32_t file; /* string id */
  uint32_t line, column;
  uint32_t chain; /* location of the include that brought the file here; 0: none */
  RawAttr *attrs;
  uint32_t n_attrs;
  struct RawElement *parent, *first_child, *last_child, *next;
} RawElement;

#define RAW_FILE_MAX (16u << 20) /* bytes */
#define RAW_DEPTH_MAX 256
#define RAW_NAMESPACE "urn:graphc:model:1"
#define RAW_STUDY_NAMESPACE "urn:graphc:study:1" /* below a root `study` (runtime/study) */

/* Reads `path` and shows it to users as `shown`.  DTDs, entities of their own, other encodings than
 * UTF-8 and text between elements are errors.  Everything is allocated in `arena`. */
Status raw_read(const char *path, const char *shown, Arena *arena, Symbols *symbols,
                Sources *sources, Diag *diag, uint32_t chain, RawElement **out_root);

const RawAttr *raw_attribute(const RawElement *element, const char *name);
const char *raw_attr(const RawElement *element, const char *name); /* NULL when absent */

#endif
