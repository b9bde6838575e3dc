/* The ROC curve of pairs, from counts of their distances. */
#include "runtime/eval/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH (2.0 / METRICS_BINS) /* of a bin */

Status metrics_curve_create(MetricsCurve *curve, Diag *diag) {
  *curve = (MetricsCurve){.same = calloc(METRICS_BINS, sizeof *curve->same),
                          .other = calloc(METRICS_BINS, sizeof *curve->other)};
  if (curve->same && curve->other) return STATUS_OK;
  metrics_curve_release(curve);
  return diag_no_memory(diag, 2 * METRICS_BINS * sizeof *curve->same);
}

void metrics_curve_release(MetricsCurve *curve) {
  free(curve->same);
  free(curve->other);
  *curve = (MetricsCurve){0};
}

void metrics_curve_add(MetricsCurve *to, const MetricsCurve *from) {
  for (int64_t b = 0; b < METRICS_BINS; b++) {
    to->same[b] += from->same[b];
    to->other[b] += from->other[b];
  }
  to->n_same += from->n_same;
  to->n_other += from->n_other;
}

static double share(uint64_t part, uint64_t whole) {
  return whole ? (double)part / (double)whole : 0;
}

MetricsPoint metrics_curve_at(const MetricsCurve *curve, double fpr) {
  uint64_t same = 0, other = 0;
  MetricsPoint point = {0};
  for (int64_t b = 0; b < METRICS_BINS; b++) {
    other += curve->other[b];
    if (share(other, curve->n_other) > fpr) break;
    same += curve->same[b];
    point = (MetricsPoint){(double)(b + 1) * WIDTH, share(other, curve->n_other),
                           share(same, curve->n_same)};
  }
  return point;
}

double metrics_curve_area(const MetricsCurve *curve) {
  double area = 0;
  uint64_t other = 0; /* nearer than the bin */
  if (!curve->n_same || !curve->n_other) return NAN;
  for (int64_t b = 0; b < METRICS_BINS; b++) {
    double beaten = (double)(curve->n_other - other) - (double)curve->other[b] / 2;
    area += (double)curve->same[b] / (double)curve->n_same * (beaten / (double)curve->n_other);
    other += curve->other[b];
  }
  return area;
}
