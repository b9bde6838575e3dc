/* graphc --emit: pictures.  What fills the memory at the peak is the report's to say, and drawing
 * knows no compiler: here they meet. */
#include "tools/graphc_draw.h"

#include "compiler/peak_marks.h"
#include "graph/draw/draw.h"
#include "ops/ops.h"

#include <stdlib.h>

Status graphc_draw(const Args *args, const Plan *plan, const PlanProgram *p, const char *format,
                   const char *path, Diag *diag) {
  ViewPeak *peak;
  uint32_t n;
  DrawOptions options = {.format = format,
                         .view = {.scope = args->scope, .depth = (int)args->depth}};
  if (args->color) draw_color_find(args->color, &options.color); /* its words are checked */
  Status status = peak_marks(plan, p, diag, &peak, &n);
  options.view.peak = peak;
  options.view.n_peak = n;
  if (status == STATUS_OK) status = draw_program(plan, p, ops_table(), &options, path, diag);
  free(peak);
  return status;
}
