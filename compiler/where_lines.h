/* Which lines the elements of an XML text take. */
#ifndef COMPILER_WHERE_LINES_H
#define COMPILER_WHERE_LINES_H

#include "graph/base/diag.h"

#include <stdint.h>

typedef struct LineElement {
  const char *text; /* of its tag, from `<` on; not owned */
  size_t length;    /* of the tag, with its `>` */
  uint32_t first;   /* the line where it begins */
  uint32_t tag_end; /* the line where its start tag ends */
  uint32_t last;    /* the line where it ends */
} LineElement;

typedef struct LineElements {
  LineElement *list; /* in document order */
  uint32_t n;
  uint32_t lines; /* of the text */
} LineElements;

/* Of a well-formed text without DTD, as graph/language/ has read it.  Release with
 * line_elements_free, also after a failure. */
Status line_elements_find(const char *text, size_t length, Diag *diag, LineElements *out);
void line_elements_free(LineElements *elements);

#endif
