/* Curves as SVG. */
#ifndef RUNTIME_REPORT_CHART_H
#define RUNTIME_REPORT_CHART_H

#include "runtime/report/series.h"

#include <stdio.h>

#define CHART_COLORS 8

typedef struct Curve {
  const char *name;
  const Series *series; /* NULL: this run has none */
} Curve;

typedef struct Chart {
  const char *title, *unit; /* unit: behind the numbers; NULL: none */
  const Curve *curves;      /* those of later numbers than CHART_COLORS repeat colours, dashed */
  uint32_t n;
  double scale;  /* values are shown times this */
  bool inverse;  /* or this divided by them */
  int64_t steps; /* the axis ends here at least */
} Chart;

/* A <figure>: the curves over the steps, with the range of what a point holds, and a legend with
 * the latest values.  The axis of values is logarithmic when all are positive and most are far
 * apart. */
void chart_put(FILE *out, const Chart *chart);
/* `1.234e-05`, `0.5`: short, and without a sign that says nothing. */
const char *chart_number(double value, char text[32]);

#endif
