/* A cursor over the text of a plan, in the one form that plan_write gives it.
 *
 * The hash admits no other bytes than the writer's, so a general XML parser would only add its own
 * ways to fail.  Whatever the text is, the cursor never leaves it; the first thing that is wrong is
 * remembered, everything after it reads as the smallest value that is allowed. */
#ifndef GRAPH_PLAN_PLAN_SCAN_H
#define GRAPH_PLAN_PLAN_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PlanScan {
  const char *start, *at, *end; /* the text; *end is readable and 0 */
  const char *group;            /* the element that is being read */
  bool bad;
  const char *bad_at; /* where, and what was expected there */
  char expected[96];
} PlanScan;

/* Remembers that `expected` is missing at the cursor, unless something was wrong before. */
void plan_scan_fail(PlanScan *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True when the next line is `<tag>`; reads nothing. */
bool plan_scan_sees(const PlanScan *s, const char *tag);
void plan_scan_open(PlanScan *s, const char *tag);  /* the line `<tag>` */
void plan_scan_close(PlanScan *s, const char *tag); /* the line `</tag>` */
/* True while the element holds more rows. */
bool plan_scan_more(const PlanScan *s);
/* An integer in [low, high]; `low` when there is none. */
int64_t plan_scan_int(PlanScan *s, int64_t low, int64_t high);
/* A finite number, written as its 64 bits. */
double plan_scan_float(PlanScan *s);
/* The next line with its escapes undone, in `text`, which holds as many bytes as the line.  Returns
 * the length. */
size_t plan_scan_line(PlanScan *s, char *text);
/* Bytes of the next line. */
size_t plan_scan_line_length(const PlanScan *s);
/* Bytes that are left: no more integers than that can follow. */
static inline size_t plan_scan_left(const PlanScan *s) {
  return (size_t)(s->end - s->at);
}

#endif
