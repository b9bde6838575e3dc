/* Seconds as people write them. */
#include "graph/base/duration.h"

#include <inttypes.h>
#include <stdio.h>

const char *duration_text(double seconds, char text[DURATION_MAX]) {
  int64_t s = seconds < 1e15 ? (int64_t)(seconds + 0.5) : (int64_t)1e15;
  if (seconds < 9.95)
    snprintf(text, DURATION_MAX, "%.1f s", seconds > 0 ? seconds : 0);
  else if (s < 60)
    snprintf(text, DURATION_MAX, "%" PRId64 " s", s);
  else if (s < 3600)
    snprintf(text, DURATION_MAX, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
  else
    snprintf(text, DURATION_MAX, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60,
             s % 60);
  return text;
}
