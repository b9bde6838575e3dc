/* Curves of any length in 512 points: when they do not suffice, two become one. */
#include "runtime/report/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Series *series_create(const char *name) {
  Series *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->name = strdup(name);
  s->width = 1;
  s->first = s->last = -1;
  if (s->name) return s;
  free(s);
  return NULL;
}

void series_destroy(Series *s) {
  if (!s) return;
  free(s->name);
  free(s);
}

static void join(SeriesPoint *to, const SeriesPoint *from) {
  if (from->n) {
    to->low = !to->n || from->low < to->low ? from->low : to->low;
    to->high = !to->n || from->high > to->high ? from->high : to->high;
  }
  to->sum += from->sum;
  to->n += from->n;
  to->bad += from->bad;
}

static void halve(Series *s) {
  for (uint32_t i = 0; i < SERIES_POINTS / 2; i++) {
    SeriesPoint two = s->points[2 * i];
    join(&two, &s->points[2 * i + 1]);
    s->points[i] = two;
  }
  memset(s->points + SERIES_POINTS / 2, 0, sizeof s->points / 2);
  s->width *= 2;
}

void series_add(Series *s, int64_t step, double value) {
  while (step / s->width >= SERIES_POINTS) halve(s);
  bool finite = isfinite(value);
  SeriesPoint one = {value, value, value, 1, 0}, bad = {0, 0, 0, 0, 1};
  if (finite) s->recent[s->n % SERIES_RECENT] = value;
  SeriesPoint whole = {s->low, s->high, 0, s->n, s->bad};
  join(&s->points[step / s->width], finite ? &one : &bad);
  join(&whole, finite ? &one : &bad);
  s->low = whole.low;
  s->high = whole.high;
  s->n = whole.n;
  s->bad = whole.bad;
  if (s->first < 0) s->first = step;
  s->last = step;
  s->last_value = value;
}

double series_recent(const Series *s) {
  int64_t n = s->n < SERIES_RECENT ? s->n : SERIES_RECENT;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += s->recent[(s->n - n + i) % SERIES_RECENT] / (double)n;
  return n ? sum : (double)NAN;
}

uint32_t series_points(const Series *s) {
  return s->last < 0 ? 0 : (uint32_t)(s->last / s->width) + 1;
}

double series_x(const Series *s, uint32_t i) {
  int64_t from = i * s->width, to = from + s->width - 1;
  if (from < s->first) from = s->first;
  if (to > s->last) to = s->last;
  return ((double)from + (double)to) / 2;
}

double series_mean(const SeriesPoint *p) {
  double mean = p->sum / (double)p->n;
  return isfinite(mean) ? mean : p->low / 2 + p->high / 2;
}
