/* The texts of the files that a model was read from, for messages that show the offending line. */
#ifndef GRAPH_IR_SOURCE_H
#define GRAPH_IR_SOURCE_H

#include "graph/base/diag.h"
#include "graph/ir/ir.h"

typedef struct Sources Sources;
Sources *sources_create(void);
void sources_destroy(Sources *sources);
/* Keeps a copy of `text` under `file` (a string id of `symbols`, the path as shown to users). */
Status sources_add(Sources *sources, uint32_t file, const char *text, size_t length);

/* The text of a file, and its length; NULL when it is not there. */
const char *source_text(const Sources *sources, uint32_t file, size_t *length);

/* Moves a place in an attribute's value on by so many bytes of the value: across line breaks, and
 * with character references as they are written. */
void source_advance(const Sources *sources, uint32_t file, size_t bytes, uint32_t *line,
                    uint32_t *column);

/* `FILE:LINE` of a location, for messages that name a second place. Returns `text`. */
#define SOURCE_WHERE_MAX 512
const char *source_where(const Symbols *symbols, uint32_t loc, char text[SOURCE_WHERE_MAX]);

/* Reports at location `loc` (index into symbols->locs; 0: no place) with the line, a caret and one
 * note for each template or include on the chain of uses. `sources` may be NULL (no excerpt).
 * Returns `code`. */
Status source_error(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                    Status code, const char *hint, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
Status source_verror(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                     Status code, const char *hint, const char *format, va_list args);
void source_warning(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                    const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
