/* What the three forms of a comparison share (compare.c, compare_page.c, compare_json.c). */
#ifndef RUNTIME_REPORT_COMPARE_PARTS_H
#define RUNTIME_REPORT_COMPARE_PARTS_H

#include "runtime/report/record.h"

#include <stdio.h>

typedef struct Comparison {
  Record **records;
  char **labels; /* what tells a folder from the others, as short as that may be */
  uint32_t n;
} Comparison;

/* Names of some kind that at least one run has, in the order in which they appear; the list is the
 * caller's, its texts are the records'.  False when out of memory. */
typedef enum NameKind { NAMES_FACTS, NAMES_PARAMS, NAMES_METRICS, NAMES_SCORES } NameKind;
typedef struct NameList {
  const char **at;
  uint32_t n;
} NameList;
bool compare_names(const Comparison *c, NameKind kind, NameList *out);
/* The text of a fact or parameter; NULL: the run has none. */
const char *compare_text(const Record *record, NameKind kind, const char *name);
/* True when not all runs have the same text. */
bool compare_differs(const Comparison *c, NameKind kind, const char *name);

/* `plaza/mAP`, `mean mAP`. */
void compare_score_label(const char *key, char *text, size_t size);

/* Images (or steps) in a second over the last steps; NAN: not known. */
double compare_speed(const Record *record);

/* JSON of all of it, indented; the caller frees it. NULL when out of memory. */
char *compare_json(const Comparison *c);
/* A page. */
void compare_put_page(FILE *out, const Comparison *c);

#endif
