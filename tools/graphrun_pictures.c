/* eval --visualize: which of its options belong together. */
#include "tools/graphrun_pictures.h"

#include "graph/base/text.h"
#include "runtime/pictures/pictures.h"

static Status refuse(Diag *diag, const char *hint, const char *text) {
  return diag_error(diag, STATUS_USAGE, graphrun_table.name, hint, "%s", text);
}

/* Of a file that is called as a page, a picture or a table is, nothing else is expected. */
static Status check_out(const char *out, Diag *diag) {
  static const char *const others[] = {".html", ".svg", ".png", ".csv", ".md", ".tex"};
  for (size_t i = 0; out && i < sizeof others / sizeof *others; i++)
    if (text_ends_in(out, others[i]))
      return diag_error(diag, STATUS_USAGE, out,
                        "-o F.json; --visualize=ranks makes a page of rank lists, and --pictures "
                        "names its folder",
                        "the results of eval are written as JSON, which a name in %s hides",
                        others[i]);
  return STATUS_OK;
}

Status graphrun_eval(const Args *a, const EvalOptions *eval, Diag *diag) {
  bool results = a->visualize && pictures_of_results(a->visualize);
  TRY(check_out(eval->out, diag));
  if (!results && a->n_operands > 1)
    return refuse(diag, "graphrun eval PLAN --weights=F --data=DATA",
                  "eval takes one plan, and several operands are named");
  if (!a->visualize && (a->beside || a->beside_weights || a->shown || a->pictures))
    return refuse(diag, "--visualize=tsne, for example",
                  "--pictures, --shown, --beside and --beside-weights are of pictures, and "
                  "--visualize names none");
  if (!a->visualize) return eval_run(eval, diag);
  if (a->joined) return refuse(diag, "leave out --ranks", "pictures are drawn by one process");
  PicturesOptions o = {.eval = *eval,
                       .what = a->visualize,
                       .out = a->pictures ? a->pictures : "pictures",
                       .beside = a->beside,
                       .beside_weights = a->beside_weights,
                       .images = a->shown,
                       .results = results ? a->operands : NULL,
                       .n_results = results ? a->n_operands : 0};
  if (results) o.eval.plan = NULL;
  if (o.eval.threads == 0) o.eval.threads = 1;
  return pictures_run(&o, diag);
}
