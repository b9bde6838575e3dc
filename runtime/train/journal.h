/* What a run writes beside its checkpoints: metrics.jsonl, one JSON object a line for each step and
 * nothing in it that two equal runs could differ in, and times.jsonl with the clock. */
#ifndef RUNTIME_TRAIN_JOURNAL_H
#define RUNTIME_TRAIN_JOURNAL_H

#include "graph/base/diag.h"
#include "graph/ir/dtype.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Journal Journal;

/* Makes `folder` when it is not there and takes the run's lock in it: STATUS_SYSTEM when the folder
 * cannot be written or another process trains into it. Writes nothing yet. */
Status journal_open(const char *folder, Diag *diag, Journal **out_journal);
/* Leaves nothing in the folder that was not there, unless something was written. */
void journal_close(Journal *journal);
/* True when metrics.jsonl holds something. */
bool journal_is_used(const Journal *journal);
/* Keeps the lines of the steps before `step`, drops what follows (steps that will be run again, a
 * line that was not finished).  STATUS_INVALID at FILE:LINE, and both files as they were, when the
 * lines are not those of consecutive steps up to `step`; a warning when the first ones lack. */
Status journal_cut(Journal *journal, int64_t step, Diag *diag);

/* The line with the highest value of `key` (not quoted), the first on ties; -1: no line has it. */
int64_t journal_highest(const Journal *journal, const char *key, double *out_value);

/* A line: journal_begin, values, journal_end. Nothing is allocated.  `key` is JSON text with its
 * quotes (journal_key). */
void journal_begin(Journal *journal, int64_t step);
void journal_text(Journal *journal, const char *key, const char *quoted);
/* The shortest decimal that reads back as the same element of a floating type. `value` must be
 * finite. */
void journal_float(Journal *journal, const char *key, double value, DType dtype);
void journal_int(Journal *journal, const char *key, int64_t value);
/* Where a step's time goes. */
typedef struct JournalTimes {
  double seconds, data_seconds; /* of the step and, of these, waiting for data */
  double eval_seconds;          /* behind it; 0: there was no evaluation */
} JournalTimes;
/* Writes the line, and one of times.jsonl. */
Status journal_end(Journal *journal, const JournalTimes *times, Diag *diag);
/* Until the disk has them: before a checkpoint, so that no line it counts on can be lost. */
Status journal_sync(Journal *journal, Diag *diag);

/* `text` quoted for JSON; the caller frees it. NULL when out of memory. */
char *journal_key(const char *text);

#endif
