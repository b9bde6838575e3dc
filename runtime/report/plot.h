/* Pictures of numbers as files of their own: SVG that stands alone, on white. */
#ifndef RUNTIME_REPORT_PLOT_H
#define RUNTIME_REPORT_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_COLORS 8
/* `#rrggbb` of a group or line; later numbers than PLOT_COLORS repeat them. */
const char *plot_color(uint32_t i);

/* ---- lines ---- */

typedef struct PlotPoint {
  double x, y, low, high; /* low..high: a bar, where they are not equal */
} PlotPoint;

typedef struct PlotLine {
  const char *name;
  const PlotPoint *points; /* x ascending */
  uint32_t n;
  bool dots; /* each point is marked */
} PlotLine;

typedef struct PlotLines {
  const char *title, *x_name, *y_name; /* y_name: with its unit */
  const PlotLine *lines;
  uint32_t n;
  bool log_x;           /* all x are positive */
  bool ticks_at_points; /* the axis of x is marked where points are, not at round numbers */
} PlotLines;

void plot_lines(FILE *out, const PlotLines *plot);

/* ---- points of a plane ---- */

typedef struct PlotPanel {
  const char *title;
  const double *at;      /* (n, 2) */
  const uint32_t *group; /* (n) */
  int64_t n;
} PlotPanel;

/* Panels side by side, each filled by its own points, equal scales on both axes; a legend of the
 * groups' names and sizes. */
void plot_scatter(FILE *out, const PlotPanel *panels, uint32_t n, const char *const *groups,
                  uint32_t n_groups);

#endif
