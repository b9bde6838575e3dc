/* Reads --rerank and --cmc. */
#include "runtime/eval/choices.h"

#include <errno.h>
#include <stdlib.h>

/* A whole number from 1 to `most`; what stands behind it is left. */
static bool read_number(const char **at, int64_t most, int64_t *out) {
  char *end;
  errno = 0;
  long long n = strtoll(*at, &end, 10);
  bool good = **at >= '0' && **at <= '9' && errno == 0 && n >= 1 && n <= most;
  *out = n;
  *at = end;
  return good;
}

static bool read_comma(const char **at) {
  return *(*at)++ == ',';
}

/* Digits with a point perhaps: no locale has a say. */
static bool read_share(const char *text, double *out) {
  double value = 0, unit = 1;
  const char *at = text;
  bool point = false;
  for (; *at; at++) {
    if (*at == '.' && !point) {
      point = true;
      continue;
    }
    if (*at < '0' || *at > '9' || at - text > 15) return false;
    value = 10 * value + (*at - '0');
    unit *= point ? 10 : 1;
  }
  *out = value / unit;
  return at > text + point && *out <= 1;
}

Status choices_rerank(const char *text, MetricsRerank *out, Diag *diag) {
  const char *at = text;
  *out = (MetricsRerank){0};
  if (read_number(&at, RERANK_MOST, &out->k1) && read_comma(&at) &&
      read_number(&at, RERANK_MOST, &out->k2) && read_comma(&at) && read_share(at, &out->lambda))
    return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, "--rerank",
                    "such as --rerank=" RERANK_DEFAULT
                    ": K1 and K2 from 1 to 1000, LAMBDA from 0 to 1",
                    "three numbers, K1,K2,LAMBDA, not '%s'", text);
}

Status choices_ranks(const char *text, RankList *out, Diag *diag) {
  *out = (RankList){{1, 5, 10}, 3};
  if (!text) return STATUS_OK;
  const char *at = text;
  int64_t last = 0;
  for (out->n = 0; out->n < CHOICES_RANKS;) {
    int64_t *k = &out->k[out->n++];
    if (!read_number(&at, INT64_MAX, k) || *k <= last) break;
    if (!*at) return STATUS_OK;
    if (!read_comma(&at)) break;
    last = *k;
  }
  return diag_error(diag, STATUS_USAGE, "--cmc", "such as --cmc=1,5,10,20",
                    "up to %d ranks, ascending, not '%s'", CHOICES_RANKS, text);
}
