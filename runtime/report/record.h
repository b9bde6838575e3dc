/* What the folder of a run says of it: config.defs, metrics.jsonl, times.jsonl. */
#ifndef RUNTIME_REPORT_RECORD_H
#define RUNTIME_REPORT_RECORD_H

#include "graph/base/diag.h"
#include "runtime/report/series.h"

#include <jansson.h>

#define RECORD_SERIES_MAX 200 /* further names are counted, not kept */

typedef struct RecordText {
  char *key, *value;
} RecordText;

/* An evaluation: figures of a step. */
typedef struct RecordScore {
  int64_t steps; /* done then */
  uint32_t key;  /* of Record.score_keys */
  double value;  /* 0..1; NAN: none */
} RecordScore;

/* Sees every line that is read, with the seconds since the first step of the run (NAN: not known);
 * `line` is one of metrics.jsonl, or of times.jsonl. */
typedef void (*RecordReader)(void *context, int64_t step, double seconds, const json_t *line,
                             bool times);

typedef struct Record {
  char *folder;
  RecordText *facts, *params; /* `# KEY: TEXT` and `NAME=VALUE`, in the file's order */
  uint32_t n_facts, n_params;
  Series **metrics, **times; /* in the order in which they appeared */
  uint32_t n_metrics, n_times, n_left_out;
  char **score_keys; /* `eval/plaza/mAP` */
  uint32_t n_score_keys;
  RecordScore *scores; /* step after step */
  uint32_t n_scores;
  int64_t steps;   /* one more than the last step of metrics.jsonl */
  int64_t damaged; /* lines that are none */
  char *damage;    /* the first of them: `metrics.jsonl:5`; NULL: none */
  struct {
    int64_t bytes, lines; /* read so far */
  } at[2];
  double seconds; /* of all steps so far, evaluations included */
  double *clock;  /* seconds at each step of the latest update, from clock_first on */
  int64_t clock_first, n_clock;
} Record;

/* Reads config.defs; the rest by record_update.  STATUS_INVALID when the folder holds no
 * metrics.jsonl. */
Status record_open(const char *folder, Diag *diag, Record **out_record);
void record_close(Record *record);
/* Reads what has been added to the files.  `reader` may be NULL. */
Status record_update(Record *record, RecordReader reader, void *context, Diag *diag);

/* NULL: there is none. */
const char *record_fact(const Record *record, const char *key);
const char *record_param(const Record *record, const char *name);
const Series *record_metric(const Record *record, const char *name);
const Series *record_time(const Record *record, const char *name);
/* True for a schedule of the model: it is fed, not computed. */
bool record_is_schedule(const Record *record, const char *name);
/* The latest, and the highest, value of a score; false: there is none. */
bool record_score(const Record *record, const char *key, RecordScore *latest, RecordScore *best);

#endif
