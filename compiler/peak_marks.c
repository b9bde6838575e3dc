/* The tensors of the report's peak, with what a view needs of them. */
#include "compiler/peak_marks.h"

#include "compiler/report.h"

#include <stdlib.h>

Status peak_marks(const Plan *plan, const PlanProgram *program, Diag *diag, ViewPeak **out,
                  uint32_t *n) {
  ReportPeak peak;
  *out = NULL;
  *n = 0;
  if (!program->node_offset) return STATUS_OK;
  TRY(report_peak(plan, program, diag, &peak));
  *n = peak.n;
  *out = calloc((size_t)*n + 1, sizeof **out);
  for (uint32_t i = 0; *out && i < *n; i++)
    (*out)[i] = (ViewPeak){peak.tensors[i].node, peak.tensors[i].bytes};
  report_peak_free(&peak);
  return *out ? STATUS_OK : diag_no_memory(diag, *n * sizeof **out);
}
