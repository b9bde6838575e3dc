/* A number over the steps of a run, in memory that does not grow with them. */
#ifndef RUNTIME_REPORT_SERIES_H
#define RUNTIME_REPORT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#define SERIES_POINTS 512
#define SERIES_RECENT 20

/* What `width` steps that follow each other have had. */
typedef struct SeriesPoint {
  double low, high, sum; /* of the finite values */
  int64_t n, bad;        /* finite ones, and others */
} SeriesPoint;

/* Point i holds steps i * width .. (i + 1) * width - 1, so that what is kept is a function of the
 * steps and values alone, in whatever pieces they were read. */
typedef struct Series {
  char *name;                 /* owned */
  int64_t width, first, last; /* first and last step that has a value */
  double last_value;
  int64_t n, bad; /* in all */
  double low, high;
  double recent[SERIES_RECENT]; /* the latest finite values, in a ring */
  SeriesPoint points[SERIES_POINTS];
} Series;

/* NULL when out of memory. */
Series *series_create(const char *name);
void series_destroy(Series *series);
/* `step` is not negative. */
void series_add(Series *series, int64_t step, double value);
/* The mean of the latest SERIES_RECENT finite values, or of as many as there are; NAN: none. */
double series_recent(const Series *series);
/* Points up to the last that holds a step. */
uint32_t series_points(const Series *series);
/* The step in the middle of point i, and its mean; only where it has finite values. */
double series_x(const Series *series, uint32_t i);
double series_mean(const SeriesPoint *point);

#endif
