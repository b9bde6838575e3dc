/* Diagnostics: errors and warnings are collected here, sorted by place and printed once.
 *
 * A message has a PLACE (`file:line:column`, `-D NAME`, `FILE: byte N`, `FILE: tensor NAME`, or a
 * path), a text, an optional hint (what to do next), an optional excerpt (the offending line with a
 * caret) and optional notes (the chain of uses).  Printed as
 *     PLACE: error: TEXT
 *         the offending line
 *         ^
 *     hint: ...
 */
#ifndef GRAPH_BASE_DIAG_H
#define GRAPH_BASE_DIAG_H

#include "graph/base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DIAG_MAX_ERRORS 20 /* further errors are counted, not printed */

typedef struct Diag Diag;

/* NULL when out of memory.  Every diag_* function accepts a NULL Diag and then only returns `code`.
 */
Diag *diag_create(void);
void diag_destroy(Diag *diag);

/* Adds an error; returns `code` so that callers can write `return diag_error(...)`.
 * `place` and `hint` may be NULL.  Strings are copied.  A place that ends in `:LINE` or
 * `:LINE:COLUMN` is sorted by these numbers. */
Status diag_error(Diag *diag, Status code, const char *place, const char *hint, const char *format,
                  ...) __attribute__((format(printf, 5, 6)));

/* Adds a warning; it never changes the outcome. */
void diag_warning(Diag *diag, const char *place, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The full form, used by graph/ir/source.c: `excerpt` holds the line and the caret line, `notes`
 * holds complete lines that follow (`note: used from ...`), `order` breaks ties in sorting:
 * messages are sorted by (file, order) where order = line * 2^20 + column. */
typedef struct DiagEntry {
  Status code; /* STATUS_OK marks a warning */
  const char *place, *text, *hint, *excerpt, *notes;
  const char *file;         /* sorting key, may be NULL */
  unsigned long long order; /* sorting key within the file */
  bool row;                 /* one of many alike: equal texts of other lines are counted with it */
  unsigned repeats;         /* set by diag_add: how many more like it there were */
} DiagEntry;
/* An error that differs from an earlier one at the same place of a file in quoted names and numbers
 * only (another round of a loop, another use of a template) is counted with that one. */
Status diag_add(Diag *diag, const DiagEntry *entry);

/* The standard message for a failed allocation of `bytes` bytes. Returns STATUS_SYSTEM. */
Status diag_no_memory(Diag *diag, size_t bytes);

size_t diag_error_count(const Diag *diag);
/* The status of the first error in sorted order; STATUS_OK when there is none. */
Status diag_status(const Diag *diag);
/* Entry `i` in sorted order, warnings included; NULL past the end. Valid until the next diag_add.
 */
const DiagEntry *diag_entry(Diag *diag, size_t i);
/* Prints all entries in sorted order; after DIAG_MAX_ERRORS errors a line counts the rest. */
void diag_print(Diag *diag, FILE *out);
/* The same behind `head`.  All of it is one write to a file that has no buffer, such as stderr, so
 * that messages of several processes do not mix. */
void diag_print_under(Diag *diag, const char *head, FILE *out);
/* Forgets all entries. */
void diag_clear(Diag *diag);

/* The candidate nearest to `name` by edit distance without regard to case (at most a third of its
 * length, first on ties), NULL when none is near: for "did you mean". */
const char *diag_nearest(const char *name, const char *const *candidates, size_t count);

#endif
