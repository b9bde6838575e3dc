/* graphc --emit: pictures.  What fills the memory at the peak is the report's to say, and drawing
 * knows no compiler: here they meet. */
#include "tools/graphc_draw.h"

#include "compiler/report.h"
#include "graph/draw/draw.h"
#include "ops/ops.h"

#include <stdlib.h>

Status graphc_draw(const Args *args, const Plan *plan, const PlanProgram *p, const char *format,
                   const char *path, Diag *diag) {
  ReportTensor *tensors = NULL;
  uint32_t n = 0;
  DrawOptions options = {.format = format,
                         .view = {.scope = args->scope, .depth = (int)args->depth}};
  if (args->color) draw_color_find(args->color, &options.color); /* its words are checked */
  if (p->node_offset) TRY(report_peak(plan, p, diag, &tensors, &n));
  NodeId *nodes = calloc((size_t)n + 1, sizeof *nodes);
  int64_t *bytes = calloc((size_t)n + 1, sizeof *bytes);
  for (uint32_t i = 0; nodes && bytes && i < n; i++) {
    nodes[i] = tensors[i].node;
    bytes[i] = tensors[i].bytes;
  }
  options.view.peak = nodes;
  options.view.peak_bytes = bytes;
  options.view.n_peak = n;
  Status status = nodes && bytes ? draw_program(plan, p, ops_table(), &options, path, diag)
                                 : diag_no_memory(diag, n * sizeof *nodes);
  free(tensors);
  free(nodes);
  free(bytes);
  return status;
}
