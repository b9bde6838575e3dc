/* report.html: a run as one page that stands alone. */
#ifndef RUNTIME_REPORT_PAGE_H
#define RUNTIME_REPORT_PAGE_H

#include "runtime/report/record.h"

/* What the files of the run do not say. */
typedef struct PageState {
  const char *status;         /* `running`, `complete`, ...; NULL: not known */
  bool failed;                /* it ended by an error */
  const char *message;        /* why; NULL: none */
  const char *weights;        /* which weights the run stands for; NULL: not said yet */
  int64_t end;                /* the step before which it ends */
  const char *network, *step; /* SVG of what evaluates and of what trains; NULL: none */
} PageState;

/* Writes FOLDER/report.html anew, as a whole or not at all. */
Status page_write(const Record *record, const PageState *state, Diag *diag);

/* ---- shared with the comparison ---- */

/* The figure's part of a score's key, `mAP`, and its domain, "" for the mean. */
const char *page_score_figure(const char *key);
void page_score_domain(const char *key, char *text, size_t size);
/* Writes PATH with the text of a stream of open_memstream, which it closes and frees. */
Status page_replace(const char *path, FILE *stream, char **text, size_t *size, Diag *diag);

#endif
