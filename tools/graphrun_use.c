/* extract, search, compare-images, export: from arguments to what runtime/use and runtime/onnx
 * take. */
#include "tools/graphrun_use.h"

#include "runtime/onnx/export.h"
#include "runtime/use/compare_images.h"
#include "runtime/use/extract.h"
#include "runtime/use/search.h"

#include <string.h>

static Status run_export(const Args *a, const UseOptions *use, Diag *diag) {
  ExportOptions o = {.network = use->network,
                     .out = a->out,
                     .sized = strcmp(a->input, "float") == 0,
                     .fixed_batch = a->fixed_batch};
  o.network.program = a->program;
  return export_run(&o, diag);
}

static Status run_search(const Args *a, const UseOptions *use, Diag *diag) {
  SearchOptions o = {.use = *use,
                     .gallery = a->gallery,
                     .query = a->query,
                     .top = a->top,
                     .out = a->outs.at,
                     .n_out = a->outs.n};
  return search_run(&o, diag);
}

static Status run_compare_images(const Args *a, const UseOptions *use, Diag *diag) {
  CompareImagesOptions o = {.use = *use,
                            .a = a->n_operands > 1 ? a->operands[1] : NULL,
                            .b = a->n_operands > 2 ? a->operands[2] : NULL,
                            .calibrate = a->calibrate,
                            .fpr = a->fpr,
                            .threshold = a->threshold,
                            .out = a->out};
  return compare_images_run(&o, diag);
}

Status graphrun_use(const Args *a, uint32_t command, const UseOptions *use, Diag *diag) {
  ExtractOptions extract = {.use = *use, .data = a->data, .domain = a->domain, .out = a->out};
  if (command == EXPORT) return run_export(a, use, diag);
  if (command == SEARCH) return run_search(a, use, diag);
  if (command == COMPARE_IMAGES) return run_compare_images(a, use, diag);
  return extract_run(&extract, diag);
}
