/* Doing the cells of a study: some at a time, each by one process after the other. */
#ifndef RUNTIME_STUDY_WORK_H
#define RUNTIME_STUDY_WORK_H

#include "runtime/study/identity.h"

/* Works until every wanted cell is done, has failed, or is in work by another process.  SIGINT and
 * SIGTERM end it when its children have written their checkpoints (STATUS_SYSTEM).  Failures of
 * cells are noted in them. */
Status work_run(const StudySource *source, Cells *cells, Diag *diag);

/* Seconds that a cell's training took, and its steps, by its times.jsonl; false: there is none. */
bool work_times(const Cell *cell, double *seconds, int64_t *steps);

#endif
