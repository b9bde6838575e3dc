/* When the network is evaluated while it trains, and the figures' names in the metrics. */
#include "runtime/train/scores.h"

#include "graph/base/text.h"
#include "runtime/train/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAP, RANK1, N_FIGURES };
static const char *const figure_names[N_FIGURES] = {"mAP", "Rank-1"};

struct Scores {
  During *during; /* NULL: none */
  int64_t every, total;
  uint32_t n;
  DuringScore *now; /* (n) */
  char **keys;      /* (n, N_FIGURES) quoted */
  double mean[N_FIGURES], seconds;
};

static bool make_keys(Scores *s, const DuringScore *scores) {
  char text[1200];
  for (uint32_t i = 0; i < s->n; i++)
    for (int f = 0; f < N_FIGURES; f++) {
      snprintf(text, sizeof text, "eval/%s/%s", scores[i].domain, figure_names[f]);
      s->keys[i * N_FIGURES + (uint32_t)f] = journal_key(text);
      if (!s->keys[i * N_FIGURES + (uint32_t)f]) return false;
    }
  return true;
}

Status scores_create(During *during, int64_t every, int64_t total, Diag *diag, Scores **out) {
  *out = NULL;
  Scores *s = calloc(1, sizeof *s);
  if (!s) {
    during_close(during);
    return diag_no_memory(diag, sizeof *s);
  }
  s->during = during;
  s->every = every;
  s->total = total;
  s->n = during ? during_domains(during) : 0;
  s->now = calloc(s->n + 1u, sizeof *s->now);
  s->keys = calloc((size_t)N_FIGURES * (s->n + 1u), sizeof *s->keys);
  if (!s->now || !s->keys) {
    scores_destroy(s);
    return diag_no_memory(diag, sizeof *s);
  }
  *out = s;
  return STATUS_OK;
}

void scores_destroy(Scores *s) {
  if (!s) return;
  for (uint32_t i = 0; s->keys && i < s->n * N_FIGURES; i++) free(s->keys[i]);
  free(s->keys);
  free(s->now);
  during_close(s->during);
  free(s);
}

static void take_means(Scores *s) {
  for (int f = 0; f < N_FIGURES; f++) s->mean[f] = 0;
  for (uint32_t i = 0; i < s->n; i++) {
    s->mean[MAP] += s->now[i].map / s->n;
    s->mean[RANK1] += s->now[i].rank1 / s->n;
  }
}

Status scores_check(Scores *s, bool quiet, Diag *diag) {
  char text[2000];
  if (!s->during) return STATUS_OK;
  TRY(during_check(s->during, s->now, diag));
  if (!make_keys(s, s->now)) return diag_no_memory(diag, sizeof text);
  take_means(s);
  if (quiet) return STATUS_OK;
  during_describe(s->during, text, sizeof text);
  printf("evaluates every %" PRId64 " steps and at the end: %s; by colour alone: ", s->every, text);
  scores_text(s, text, sizeof text);
  puts(text);
  return STATUS_OK;
}

bool scores_due(const Scores *s, int64_t steps) {
  return s->during && steps > 0 && (steps % s->every == 0 || steps == s->total);
}

Status scores_evaluate(Scores *s, Diag *diag) {
  double begin = progress_clock();
  TRY(during_evaluate(s->during, s->now, diag));
  take_means(s);
  s->seconds = progress_clock() - begin;
  return STATUS_OK;
}

static void log_figure(Journal *journal, const char *key, double value) {
  if (isnan(value))
    journal_text(journal, key, "null");
  else
    journal_float(journal, key, value, DTYPE_F64);
}

void scores_log(const Scores *s, Journal *journal) {
  for (uint32_t i = 0; i < s->n; i++) {
    log_figure(journal, s->keys[i * N_FIGURES + MAP], s->now[i].map);
    log_figure(journal, s->keys[i * N_FIGURES + RANK1], s->now[i].rank1);
  }
  log_figure(journal, "\"" SCORES_MEAN "\"", s->mean[MAP]);
  log_figure(journal, "\"eval/Rank-1\"", s->mean[RANK1]);
}

void scores_text(const Scores *s, char *text, size_t size) {
  if (isnan(s->mean[MAP]) && s->n == 1) {
    text_append(text, size, 0, "no mAP");
    return;
  }
  size_t n = text_append(text, size, 0, "mAP %.2f %%, Rank-1 %.2f %%", 100 * s->mean[MAP],
                         100 * s->mean[RANK1]);
  for (uint32_t i = 0; s->n > 1 && i < s->n && i < 8; i++)
    n = text_append(text, size, n, "%s%s %.2f, %.2f", i ? "; " : " (", s->now[i].domain,
                    100 * s->now[i].map, 100 * s->now[i].rank1);
  if (s->n > 1) text_append(text, size, n, "%s)", s->n > 8 ? "; ..." : "");
}

double scores_mean(const Scores *s) {
  return s->mean[MAP];
}

double scores_seconds(const Scores *s) {
  return s->seconds;
}

int64_t scores_every(const Scores *s) {
  return s->every;
}

bool scores_on_target(const Scores *s) {
  for (uint32_t i = 0; i < s->n; i++)
    if (!s->now[i].trained) return true;
  return false;
}
