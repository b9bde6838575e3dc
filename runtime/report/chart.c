/* One figure: axes, bands, lines, what is not finite, legend.  Coordinates are rounded to tenths:
 * the same values give the same bytes. */
#include "runtime/report/chart.h"

#include "runtime/report/markup.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 560, HEIGHT = 210, LEFT = 58, RIGHT = 12, TOP = 10, BOTTOM = 26 };
#define MARKS 40    /* points that are shown one by one */
#define LOG_FROM 30 /* the ratio of values from which the axis is logarithmic */

typedef struct Axes {
  const Chart *chart;
  double low, high; /* of the values as shown; logarithms where `log` */
  double steps;
  bool log, any;
} Axes;

const char *chart_number(double value, char text[32]) {
  if (isnan(value))
    return "no number";
  else if (isinf(value))
    return value > 0 ? "infinite" : "minus infinite";
  snprintf(text, 32, fabs(value) >= 1000 && fabs(value) < 1e6 ? "%.0f" : "%.4g", value);
  return strcmp(text, "-0") == 0 ? "0" : text;
}

/* A value as it is shown. */
static double shown(const Chart *c, double value) {
  return c->inverse ? c->scale / value : c->scale * value;
}

static double log_of(const Axes *a, double value) {
  return a->log ? log10(value) : value;
}

static double x_of(const Axes *a, double step) {
  return LEFT + (WIDTH - LEFT - RIGHT) * (a->steps > 0 ? step / a->steps : 0.5);
}

static double y_of(const Axes *a, double value) {
  double v = log_of(a, value), span = a->high - a->low;
  double part = span > 0 ? (v - a->low) / span : 0.5;
  if (!(part >= 0)) part = 0; /* of what is not positive on a logarithmic axis */
  return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (part > 1 ? 1 : part));
}

/* ---- axes ---- */

static void widen(Axes *a, double value) {
  if (!isfinite(value)) return;
  if (!a->any || value < a->low) a->low = value;
  if (!a->any || value > a->high) a->high = value;
  a->any = true;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* What most of a curve is: parts of its points' means in ascending order. */
typedef struct Spread {
  double least, low, middle, high; /* 2, 20, 50, 80 of a hundred are below */
  uint32_t n;
} Spread;

static Spread spread_of(const Chart *c, const Series *s) {
  double means[SERIES_POINTS];
  Spread spread = {0};
  for (uint32_t i = 0; s && i < series_points(s); i++)
    if (s->points[i].n) means[spread.n++] = shown(c, series_mean(&s->points[i]));
  qsort(means, spread.n, sizeof *means, compare_doubles);
  if (!spread.n) return spread;
  uint32_t last = spread.n - 1;
  spread.least = means[last * 2 / 100];
  spread.low = means[last * 20 / 100];
  spread.middle = means[last / 2];
  spread.high = means[last * 80 / 100];
  return spread;
}

/* Logarithmic where most values are far apart: within a curve, or one curve from another. A few
 * that are nearly 0, such as a rate at its end, do not make it so, nor stretch it. */
static void choose_log(Axes *a) {
  double least = 0, low = 0, high = 0;
  bool far = false;
  if (!a->any || a->low <= 0) return;
  for (uint32_t k = 0; k < a->chart->n; k++) {
    Spread s = spread_of(a->chart, a->chart->curves[k].series);
    if (!s.n) continue;
    far |= s.high / s.low >= LOG_FROM;
    least = least > 0 && least < s.least ? least : s.least;
    low = low > 0 && low < s.middle ? low : s.middle;
    high = high > s.middle ? high : s.middle;
  }
  a->log = far || high / low >= LOG_FROM;
  if (!a->log) return;
  a->low = log10(a->low > least / 2 ? a->low : least / 2);
  a->high = log10(a->high);
}

static Axes axes_of(const Chart *c) {
  Axes a = {.chart = c, .steps = (double)(c->steps > 1 ? c->steps - 1 : 0)};
  for (uint32_t k = 0; k < c->n; k++) {
    const Series *s = c->curves[k].series;
    if (s && (double)s->last > a.steps) a.steps = (double)s->last;
    for (uint32_t i = 0; s && i < series_points(s); i++) {
      if (!s->points[i].n) continue;
      widen(&a, shown(c, s->points[i].low));
      widen(&a, shown(c, s->points[i].high));
    }
  }
  choose_log(&a);
  /* A curve that comes near to 0 shows it. */
  if (!a.log && a.low >= 0 && a.low < 0.5 * a.high) a.low = 0;
  double room = (a.high - a.low) * 0.04;
  a.high += room;
  if (a.log || a.low != 0) a.low -= room;
  return a;
}

#define RULES_MAX 16 /* some 5 are wanted, 11 can come */

/* 1, 2 or 5 times a power of ten, so that some `n` fit into the span. */
static double tick_of(double span, int n) {
  double raw = span / n, power = pow(10, floor(log10(raw))), part = raw / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void put_rule(FILE *out, const Axes *a, double value) {
  char text[32];
  double y = y_of(a, value);
  fprintf(out, "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
          WIDTH - RIGHT, y, y);
  fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 6, y + 4,
          chart_number(value, text));
}

static void put_value_axis(FILE *out, const Axes *a) {
  double span = a->high - a->low;
  if (!(span > 0)) {
    put_rule(out, a, a->log ? pow(10, a->low) : a->low);
    return;
  }
  double tick = tick_of(span, 4);
  if (a->log && tick < 1 && span < 1.6) { /* hardly a power of ten: 1, 2, 5 */
    for (int e = (int)floor(a->low); e <= (int)ceil(a->high); e++)
      for (int i = 0; i < 3; i++) {
        double value = (double[]){1, 2, 5}[i] * pow(10, e);
        if (log10(value) >= a->low && log10(value) <= a->high) put_rule(out, a, value);
      }
    return;
  }
  if (a->log && tick < 1) tick = 1;
  /* Counted in whole numbers: of values beyond 2^53 a tick more may be the same value. */
  double first = ceil(a->low / tick);
  for (int i = 0; i < RULES_MAX && (first + i) * tick <= a->high; i++)
    put_rule(out, a, a->log ? pow(10, (first + i) * tick) : (first + i) * tick);
}

static void put_step_axis(FILE *out, const Axes *a) {
  char text[32];
  double tick = a->steps > 0 ? tick_of(a->steps, 5) : 1;
  if (tick < 1) tick = 1;
  for (int i = 0; i < RULES_MAX && i * tick <= a->steps; i++)
    fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x_of(a, i * tick),
            HEIGHT - 10, chart_number(i * tick, text));
}

/* ---- curves ---- */

static void put_band(FILE *out, const Axes *a, const Series *s, uint32_t color) {
  uint32_t n = series_points(s);
  bool wide = false;
  for (uint32_t i = 0; i < n; i++) wide |= s->points[i].n && s->points[i].low < s->points[i].high;
  if (!wide) return;
  char how = 'M';
  fprintf(out, "<path class=\"band\" style=\"fill:var(--c%u)\" d=\"", color);
  for (uint32_t i = 0; i < n; i++) {
    if (!s->points[i].n) continue;
    fprintf(out, "%c%.1f %.1f", how, x_of(a, series_x(s, i)),
            y_of(a, shown(a->chart, s->points[i].high)));
    how = 'L';
  }
  for (uint32_t i = n; i-- > 0;)
    if (s->points[i].n)
      fprintf(out, "L%.1f %.1f", x_of(a, series_x(s, i)),
              y_of(a, shown(a->chart, s->points[i].low)));
  fputs("Z\"/>\n", out);
}

static const char *dash_of(uint32_t k) {
  static const char *const dashes[] = {"", ";stroke-dasharray:6 3", ";stroke-dasharray:2 3",
                                       ";stroke-dasharray:9 3 2 3"};
  return dashes[k / CHART_COLORS % 4];
}

/* Means, with gaps where nothing was finite. */
static void put_line(FILE *out, const Axes *a, const Curve *curve, uint32_t k) {
  const Series *s = curve->series;
  uint32_t n = series_points(s), shown_points = 0;
  char how = 'M';
  fprintf(out, "<path style=\"stroke:var(--c%u)%s\" d=\"", k % CHART_COLORS, dash_of(k));
  for (uint32_t i = 0; i < n; i++) {
    const SeriesPoint *p = &s->points[i];
    if (!p->n && p->bad) how = 'M';
    if (!p->n) continue;
    fprintf(out, "%c%.1f %.1f", how, x_of(a, series_x(s, i)),
            y_of(a, shown(a->chart, series_mean(p))));
    how = 'L';
    shown_points++;
  }
  fputs("\"><title>", out);
  markup_short(out, curve->name, 200);
  fputs("</title></path>\n", out);
  for (uint32_t i = 0; shown_points <= MARKS && i < n; i++)
    if (s->points[i].n)
      fprintf(out, "<circle r=\"2\" style=\"fill:var(--c%u)\" cx=\"%.1f\" cy=\"%.1f\"/>\n",
              k % CHART_COLORS, x_of(a, series_x(s, i)),
              y_of(a, shown(a->chart, series_mean(&s->points[i]))));
}

static void put_not_finite(FILE *out, const Axes *a, const Curve *curve) {
  const Series *s = curve->series;
  for (uint32_t i = 0; i < series_points(s); i++) {
    if (!s->points[i].bad) continue;
    double x = x_of(a, series_x(s, i));
    fprintf(out, "<path class=\"miss\" d=\"M%.1f %dL%.1f %dM%.1f %dL%.1f %d\"><title>", x - 3,
            HEIGHT - BOTTOM - 3, x + 3, HEIGHT - BOTTOM + 3, x - 3, HEIGHT - BOTTOM + 3, x + 3,
            HEIGHT - BOTTOM - 3);
    markup_short(out, curve->name, 100);
    fprintf(out, ": %" PRId64 " not finite</title></path>\n", s->points[i].bad);
  }
}

static void put_legend(FILE *out, const Chart *c) {
  char text[32];
  fputs("<ul class=\"legend\">", out);
  for (uint32_t k = 0; k < c->n; k++) {
    const Series *s = c->curves[k].series;
    fprintf(out,
            "<li><svg viewBox=\"0 0 26 10\" class=\"chart\" aria-hidden=\"true\"><path "
            "style=\"stroke:var(--c%u);stroke-width:2.4%s\" d=\"M0 5H26\"/></svg>",
            k % CHART_COLORS, dash_of(k));
    markup_short(out, c->curves[k].name, 60);
    if (s && s->last >= 0)
      fprintf(out, " <span class=\"soft\">%s%s</span>", chart_number(shown(c, s->last_value), text),
              c->unit ? c->unit : "");
    else
      fputs(" <span class=\"soft\">none</span>", out);
    if (s && s->bad) fprintf(out, " <span class=\"bad\">%" PRId64 " not finite</span>", s->bad);
    fputs("</li>", out);
  }
  fputs("</ul>\n", out);
}

void chart_put(FILE *out, const Chart *c) {
  Axes a = axes_of(c);
  fputs("<figure><figcaption>", out);
  markup_short(out, c->title, 120);
  if (a.log) fputs(" <span class=\"soft\">(logarithmic)</span>", out);
  fprintf(out, "</figcaption>\n<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\"><title>",
          WIDTH, HEIGHT);
  markup_short(out, c->title, 120);
  fputs(" over the steps</title>\n", out);
  if (a.any) {
    put_value_axis(out, &a);
  } else {
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">no finite value yet</text>\n",
            WIDTH / 2, HEIGHT / 2);
  }
  put_step_axis(out, &a);
  for (uint32_t k = 0; k < c->n; k++)
    if (c->curves[k].series) put_band(out, &a, c->curves[k].series, k % CHART_COLORS);
  for (uint32_t k = 0; k < c->n; k++) {
    if (!c->curves[k].series) continue;
    put_line(out, &a, &c->curves[k], k);
    put_not_finite(out, &a, &c->curves[k]);
  }
  fputs("</svg>\n", out);
  put_legend(out, c);
  fputs("</figure>\n", out);
}
