/* The text of a plan while it is written, and its way to the disk. */
#ifndef GRAPH_PLAN_PLAN_TEXT_H
#define GRAPH_PLAN_PLAN_TEXT_H

#include "graph/base/diag.h"

#include <stdint.h>

typedef struct PlanText {
  char *data; /* free() it */
  size_t n, cap;
  bool failed; /* out of memory: further output is dropped */
} PlanText;

void plan_text_bytes(PlanText *b, const char *text, size_t n);
void plan_text_put(PlanText *b, const char *text);
void plan_text_start(PlanText *b, const char *tag); /* a line `<tag>` */
void plan_text_end(PlanText *b, const char *tag);
void plan_text_int(PlanText *b, int64_t value);       /* followed by a blank */
void plan_text_float(PlanText *b, double value);      /* its bits as an integer */
void plan_text_row(PlanText *b);                      /* makes the last blank a line feed */
void plan_text_string(PlanText *b, const char *text); /* escaped, one line */

/* Writes both parts to `path`: to a temporary file beside it, synchronised and renamed; what is
 * there and no regular file is written directly. STATUS_SYSTEM (reported) leaves no temporary file.
 */
Status plan_text_save(const PlanText *first, const PlanText *second, const char *path, Diag *diag);

#endif
