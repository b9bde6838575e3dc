/* The line on stderr that says how a run goes: updated in place on a terminal, else now and then.
 */
#ifndef RUNTIME_TRAIN_PROGRESS_H
#define RUNTIME_TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_WINDOW 20

typedef struct Progress {
  bool quiet, terminal, line_open;
  int64_t end;           /* the step before which the run ends */
  int64_t images;        /* of a step; 0: steps are counted */
  double started, shown; /* clock at the start and at the last line */
  double pace;           /* seconds of a step, smoothed */
  double between;        /* seconds between steps, of evaluations, a step; for the ETA */
  double data_seconds;   /* waited for data, in all */
  char score[24];        /* of the latest evaluation, shown in the line; "": none */
  char watched[100];     /* outputs that the model watches, as text; "": none */
  double loss_sum;       /* of the steps since the last line */
  int64_t n, steps;      /* steps since the last line, and in all */
  double first, last;    /* mean loss of the first and of the latest PROGRESS_WINDOW steps */
  double window[PROGRESS_WINDOW];
} Progress;

/* Seconds of a monotonic clock. */
double progress_clock(void);
void progress_start(Progress *progress, int64_t end, int64_t images, bool quiet);
/* After step `step` (from 0). `loss` NAN: the model declares none. */
void progress_step(Progress *progress, int64_t step, double seconds, double data_seconds,
                   double loss);
/* A line of its own: `step N: TEXT`. */
void progress_note(Progress *progress, int64_t step, const char *text);
/* Ends an open line, so that other messages stand on their own. */
void progress_clear(Progress *progress);
/* Time, pace and losses of the whole run, as the rest of a line. */
void progress_summary(const Progress *progress, char *text, size_t size);

#endif
