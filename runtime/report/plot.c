/* Coordinates are rounded to hundredths: the same values give the same bytes. */
#include "runtime/report/plot.h"

#include "runtime/report/chart.h"
#include "runtime/report/markup.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const colors[PLOT_COLORS] = {"#0b62c4", "#c2410c", "#15803d", "#9333ea",
                                                "#c99a04", "#0e7490", "#be185d", "#4b5563"};

const char *plot_color(uint32_t i) {
  return colors[i % PLOT_COLORS];
}

static void put_head(FILE *out, double width, double height, const char *title) {
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
          "height=\"%.0f\" font-family=\"'DejaVu Sans',sans-serif\" font-size=\"12\" "
          "fill=\"#1d232b\">\n<title>",
          width, height, width, height);
  markup_text(out, title);
  fprintf(out, "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", width, height);
}

static void put_text(FILE *out, double x, double y, const char *attributes, const char *text) {
  fprintf(out, "<text x=\"%.2f\" y=\"%.2f\"%s>", x, y, attributes);
  markup_text(out, text);
  fputs("</text>\n", out);
}

/* ---- lines --------------------------------------------------------------------------------- */

enum {
  WIDTH = 640,
  HEIGHT = 420,
  LEFT = 66,
  RIGHT = 20,
  TOP = 40,
  BOTTOM = 54,
  LEGEND = 20,
  IN_ROW = 2
};
#define TICKS_MOST 12

typedef struct Axis {
  double low, high;
  bool log;
} Axis;

static double along(const Axis *a, double value) {
  double v = a->log ? log10(value) : value, span = a->high - a->low;
  return span > 0 ? (v - a->low) / span : 0.5;
}

static double x_at(const Axis *a, double value) {
  return LEFT + (WIDTH - LEFT - RIGHT) * along(a, value);
}

static double y_at(const Axis *a, double value) {
  return TOP + (HEIGHT - TOP - BOTTOM) * (1 - along(a, value));
}

static void widen(Axis *a, double value, bool *any) {
  double v = a->log ? log10(value) : value;
  if (!isfinite(v)) return;
  if (!*any || v < a->low) a->low = v;
  if (!*any || v > a->high) a->high = v;
  *any = true;
}

/* Room of a twentieth on both sides. */
static void loosen(Axis *a) {
  double span = a->high - a->low;
  if (!(span > 0)) span = fabs(a->high) > 0 ? fabs(a->high) / 5 : 1;
  a->low -= span / 20;
  a->high += span / 20;
}

/* 1, 2 or 5 times a power of ten, so that there are about `n` steps. */
static double round_step(double span, int n) {
  double raw = span / n, power = pow(10, floor(log10(raw))), part = raw / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void put_y_ticks(FILE *out, const Axis *y) {
  double by = round_step(y->high - y->low, 6);
  char text[32];
  for (double i = ceil(y->low / by); i * by <= y->high; i++) {
    double at = y_at(y, i * by);
    fprintf(out, "<path d=\"M%d %.2fH%d\" stroke=\"#d9dee5\"/>\n", LEFT, at, WIDTH - RIGHT);
    put_text(out, LEFT - 8, at + 4, " text-anchor=\"end\"", chart_number(i * by, text));
  }
}

static void put_x_tick(FILE *out, const Axis *x, double value) {
  char text[32];
  double at = x_at(x, value);
  fprintf(out, "<path d=\"M%.2f %dv5\" stroke=\"#5b6572\"/>\n", at, HEIGHT - BOTTOM);
  put_text(out, at, HEIGHT - BOTTOM + 20, " text-anchor=\"middle\"", chart_number(value, text));
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Where the points are, as far as their numbers have room. */
static void put_point_ticks(FILE *out, const PlotLines *p, const Axis *x) {
  double values[256];
  size_t n = 0;
  for (uint32_t i = 0; i < p->n; i++)
    for (uint32_t k = 0; k < p->lines[i].n && n < 256; k++) values[n++] = p->lines[i].points[k].x;
  qsort(values, n, sizeof *values, compare_doubles);
  double last = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (x_at(x, values[i]) - last < 30) continue;
    last = x_at(x, values[i]);
    put_x_tick(out, x, values[i]);
  }
}

static void put_x_ticks(FILE *out, const PlotLines *p, const Axis *x) {
  if (p->ticks_at_points) {
    put_point_ticks(out, p, x);
    return;
  }
  double by = x->log ? 1 : round_step(x->high - x->low, 8);
  while (x->log && (x->high - x->low) / by > TICKS_MOST) by++;
  for (double i = ceil(x->low / by); i * by <= x->high; i++)
    put_x_tick(out, x, x->log ? pow(10, i * by) : i * by);
}

static void put_line(FILE *out, const PlotLine *line, uint32_t i, const Axis *x, const Axis *y) {
  const char *color = plot_color(i);
  fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"%s d=\"", color,
          i < PLOT_COLORS ? "" : " stroke-dasharray=\"6 3\"");
  for (uint32_t k = 0; k < line->n; k++)
    fprintf(out, "%s%.2f %.2f", k ? "L" : "M", x_at(x, line->points[k].x),
            y_at(y, line->points[k].y));
  fputs("\"/>\n", out);
  for (uint32_t k = 0; k < line->n; k++) {
    const PlotPoint *at = &line->points[k];
    if (at->high > at->low)
      fprintf(out, "<path stroke=\"%s\" d=\"M%.2f %.2fV%.2fm-4 0h8m-8 %.2fh8\"/>\n", color,
              x_at(x, at->x), y_at(y, at->low), y_at(y, at->high),
              y_at(y, at->low) - y_at(y, at->high));
    if (line->dots)
      fprintf(out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"3.4\" fill=\"%s\"/>\n", x_at(x, at->x),
              y_at(y, at->y), color);
  }
}

static void put_names(FILE *out, const PlotLines *p) {
  char turn[80];
  double middle = TOP + (HEIGHT - TOP - BOTTOM) / 2.0;
  snprintf(turn, sizeof turn, " text-anchor=\"middle\" transform=\"rotate(-90 16 %.2f)\"", middle);
  put_text(out, LEFT, 22, " font-size=\"15\" font-weight=\"600\"", p->title);
  put_text(out, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - BOTTOM + 42,
           " text-anchor=\"middle\"", p->x_name);
  put_text(out, 16, middle, turn, p->y_name);
}

/* Rows of IN_ROW names, cut to their room. */
static void put_legend(FILE *out, const PlotLines *p) {
  double room = (double)(WIDTH - LEFT - RIGHT) / IN_ROW;
  for (uint32_t i = 0; i < p->n; i++) {
    double x = LEFT + i % IN_ROW * room, y = HEIGHT + 6 + (int)(i / IN_ROW) * LEGEND;
    fprintf(out,
            "<path stroke=\"%s\" stroke-width=\"2.4\"%s d=\"M%.2f %.2fh22\"/>\n"
            "<text x=\"%.2f\" y=\"%.2f\">",
            plot_color(i), i < PLOT_COLORS ? "" : " stroke-dasharray=\"6 3\"", x, y, x + 28, y + 4);
    markup_short(out, p->lines[i].name, (size_t)((room - 34) / 7));
    fputs("</text>\n", out);
  }
}

void plot_lines(FILE *out, const PlotLines *p) {
  Axis x = {.log = p->log_x}, y = {0};
  bool any_x = false, any_y = false;
  for (uint32_t i = 0; i < p->n; i++)
    for (uint32_t k = 0; k < p->lines[i].n; k++) {
      const PlotPoint *at = &p->lines[i].points[k];
      widen(&x, at->x, &any_x);
      widen(&y, at->y, &any_y);
      widen(&y, at->low, &any_y);
      widen(&y, at->high, &any_y);
    }
  loosen(&x);
  loosen(&y);
  put_head(out, WIDTH, HEIGHT + 6 + LEGEND * ceil((double)p->n / IN_ROW), p->title);
  put_y_ticks(out, &y);
  put_x_ticks(out, p, &x);
  fprintf(out, "<path fill=\"none\" stroke=\"#5b6572\" d=\"M%d %dV%dH%d\"/>\n", LEFT, TOP,
          HEIGHT - BOTTOM, WIDTH - RIGHT);
  for (uint32_t i = 0; i < p->n; i++) put_line(out, &p->lines[i], i, &x, &y);
  put_names(out, p);
  put_legend(out, p);
  fputs("</svg>\n", out);
}

/* ---- points of a plane --------------------------------------------------------------------- */

enum { SIDE = 560, GAP = 20, HEAD = 34, ROW = 22, LEAST = 135, LETTERS = 24 };

typedef struct View {
  double x, y, scale; /* middle of the points; units to pixels */
} View;

static View view_of(const PlotPanel *p) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, span = 0;
  for (int64_t i = 0; i < 2 * p->n; i++) {
    low[i % 2] = fmin(low[i % 2], p->at[i]);
    high[i % 2] = fmax(high[i % 2], p->at[i]);
  }
  for (int a = 0; a < 2; a++) span = fmax(span, high[a] - low[a]);
  return (View){(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, span > 0 ? (SIDE - 24) / span : 1};
}

/* Groups beyond the colours are rings. */
static void put_dot(FILE *out, double x, double y, double radius, uint32_t group) {
  fprintf(out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.3g\" ", x, y, radius);
  if (group < PLOT_COLORS)
    fprintf(out, "fill=\"%s\"/>\n", plot_color(group));
  else
    fprintf(out, "fill=\"none\" stroke-width=\"1.2\" stroke=\"%s\"/>\n", plot_color(group));
}

static void put_panel(FILE *out, const PlotPanel *p, double left) {
  View v = view_of(p);
  put_text(out, left, 22, " font-size=\"15\" font-weight=\"600\"", p->title);
  fprintf(out,
          "<rect x=\"%.2f\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
          "stroke=\"#d9dee5\"/>\n<g fill-opacity=\"0.7\">\n",
          left, HEAD, SIDE, SIDE);
  for (int64_t i = 0; i < p->n; i++)
    put_dot(out, left + SIDE / 2.0 + v.scale * (p->at[2 * i] - v.x),
            HEAD + SIDE / 2.0 - v.scale * (p->at[2 * i + 1] - v.y), 2.2, p->group[i]);
  fputs("</g>\n", out);
}

static int64_t size_of(const PlotPanel *p, uint32_t group) {
  int64_t n = 0;
  for (int64_t i = 0; i < p->n; i++) n += p->group[i] == group;
  return n;
}

/* Room for the longest name with its number. */
static double legend_column(const PlotPanel *panels, uint32_t n, const char *const *groups,
                            uint32_t n_groups) {
  double most = LEAST;
  for (uint32_t g = 0; g < n_groups; g++) {
    char number[32];
    size_t letters = strlen(groups[g]), digits;
    digits = (size_t)snprintf(number, sizeof number, " (%" PRId64 ")", n ? size_of(panels, g) : 0);
    if (letters > LETTERS) letters = LETTERS + 1;
    most = fmax(most, 16 + 7.7 * (double)(letters + digits) + 8);
  }
  return most;
}

void plot_scatter(FILE *out, const PlotPanel *panels, uint32_t n, const char *const *groups,
                  uint32_t n_groups) {
  double width = GAP + n * (double)(SIDE + GAP);
  double column = legend_column(panels, n, groups, n_groups);
  uint32_t columns = (uint32_t)fmax(1, floor((width - GAP) / column));
  double rows = ceil((double)n_groups / columns), top = HEAD + SIDE + 8;
  put_head(out, width, top + rows * ROW + 8, n ? panels[0].title : "");
  for (uint32_t i = 0; i < n; i++) put_panel(out, &panels[i], GAP + i * (double)(SIDE + GAP));
  for (uint32_t g = 0; g < n_groups; g++) {
    double x = GAP + g % columns * column, y = top + g / columns * (double)ROW + ROW / 2.0;
    put_dot(out, x + 5, y, g < PLOT_COLORS ? 5 : 4.4, g);
    fprintf(out, "<text x=\"%.2f\" y=\"%.2f\">", x + 16, y + 4);
    markup_short(out, groups[g], LETTERS);
    fprintf(out, " (%" PRId64 ")</text>\n", n ? size_of(&panels[0], g) : 0);
  }
  fputs("</svg>\n", out);
}
