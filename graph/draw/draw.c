/* Pictures of a program: its view, laid out and written by Graphviz. */
#include "graph/draw/draw_internal.h"

#include "graph/base/text.h"

#include <errno.h>
#include <string.h>

#define DRAW_MAX 20000 /* boxes at all, and links more than boxes: the layout takes hours */
#define DRAW_TANGLE 1000
#define DRAW_TRIES 7
#define DRAW_LAST_WORDS 4 /* tries with words on arrows, which take most of the width */

#define BITMAP_MAX 32760 /* some fewer than cairo takes */
#define BITMAP_DOTS 96   /* an inch */
#define BITMAP_EDGE 4    /* points around the picture */

static char said[256]; /* what Graphviz had to say, which would go to standard error */

static int note_said(char *text) {
  text_append(said, sizeof said, strlen(said), "%s", text);
  return 0;
}

void draw_listen(void) {
  *said = 0;
  agseterrf(note_said);
  agseterr(AGERR); /* how well edges are routed is no news */
}

static bool is_dot(const Draw *d) {
  return strcmp(d->options->format, "dot") == 0;
}

static bool is_automatic(const Draw *d) {
  return d->options->view.depth == 0;
}

static Status refuse_tangle(const Draw *d, const View *v) {
  bool tangled = v->n_boxes > DRAW_MAX || v->n_arrows > v->n_boxes + DRAW_TANGLE;
  if (!tangled || is_dot(d)) return STATUS_OK;
  return diag_error(d->diag, STATUS_INVALID, d->path,
                    "a smaller --depth=N, --scope=SCOPE, or --emit=dot",
                    "%u boxes and %u arrows make no readable picture", v->n_boxes, v->n_arrows);
}

static Status lay_out(const Draw *d, GVC_t *context, Agraph_t *root) {
  if (gvLayout(context, root, "dot") == 0) return STATUS_OK;
  return diag_error(d->diag, STATUS_SYSTEM, d->options->format, "try --emit=dot",
                    "Graphviz cannot draw this picture%s%s", *said ? ": " : "", said);
}

Status draw_view(const Draw *d, uint32_t boxes, DrawBrief brief, View **view, Agraph_t **root) {
  ViewOptions options = d->options->view;
  options.boxes = boxes;
  *root = NULL;
  TRY(view_build(d->of, &options, d->diag, view));
  Status status = refuse_tangle(d, *view);
  if (status == STATUS_OK && !(*root = draw_graph(d->plan, d->p, *view, d->options, brief)))
    status = diag_no_memory(d->diag, (*view)->n_boxes * 512u);
  if (status == STATUS_OK) return status;
  view_free(*view);
  *view = NULL;
  return status;
}

static bool fits(Agraph_t *root) {
  return GD_bb(root).UR.x <= DRAW_WIDTH && GD_bb(root).UR.y <= DRAW_HEIGHT;
}

Status draw_lay_out(const Draw *d, GVC_t *context, View **view, Agraph_t **root, uint32_t *boxes,
                    DrawBrief *brief) {
  bool automatic = is_automatic(d);
  *boxes = d->options->view.boxes;
  *brief = DRAW_FULL;
  if (is_dot(d) && !automatic) return STATUS_OK;
  for (int tries = 1;; tries++) {
    TRY(lay_out(d, context, *root));
    if (!automatic || fits(*root) || tries == DRAW_TRIES) return STATUS_OK;
    uint32_t n = (*view)->n_boxes;
    /* What stands around a scope takes less width without words; fewer boxes come next. */
    bool wide = GD_bb(*root).UR.x > DRAW_WIDTH;
    if (tries > 1 || !wide || !d->options->view.scope) *boxes = n > 3 ? n - n / 4 : 3;
    view_free(*view);
    agclose(*root);
    *view = NULL;
    *root = NULL;
    if (wide) *brief = tries < DRAW_LAST_WORDS ? DRAW_NAMES : DRAW_SILENT;
    TRY(draw_view(d, *boxes, *brief, view, root));
  }
}

/* In memory: Graphviz ends the process when it cannot write. */
Status draw_render(const Draw *d, GVC_t *context, Agraph_t *root, char **data, unsigned *length) {
  if (gvRenderData(context, root, d->options->format, data, length) == 0 && *data) return STATUS_OK;
  return diag_error(d->diag, STATUS_SYSTEM, d->options->format, "try --emit=dot",
                    "Graphviz cannot draw this picture%s%s", *said ? ": " : "", said);
}

/* Graphviz makes larger bitmaps smaller, and says so on standard error. */
static void fit_bitmap(const Draw *d, Agraph_t *root) {
  if (strcmp(d->options->format, "png") != 0) return; /* dot text may have no layout */
  double dots = (double)BITMAP_DOTS / 72, longest = GD_bb(root).UR.x + 2 * BITMAP_EDGE;
  if (GD_bb(root).UR.y + 2 * BITMAP_EDGE > longest) longest = GD_bb(root).UR.y + 2 * BITMAP_EDGE;
  if (longest * dots <= BITMAP_MAX) return;
  GD_drawing(root)->dpi = BITMAP_MAX / longest * 72;
  diag_warning(d->diag, d->path, "--emit=svg has no largest size; --depth=N, --scope=S",
               "the picture is drawn at %.0f %% of its size: a PNG has at most %d dots a side",
               100 * BITMAP_MAX / (longest * dots), BITMAP_MAX);
}

static Status write_picture(const Draw *d, GVC_t *context, Agraph_t *root) {
  bool standard = strcmp(d->path, "-") == 0, dot = is_dot(d);
  char *data = NULL;
  unsigned length = 0;
  fit_bitmap(d, root);
  if (!dot) TRY(draw_render(d, context, root, &data, &length));
  FILE *out = standard ? stdout : fopen(d->path, "w");
  bool ok = out != NULL;
  if (ok) ok = dot ? draw_dot(root, out) : fwrite(data, 1, length, out) == length;
  if (out) ok = !ferror(out) && ok;
  if (out && (standard ? fflush(out) : fclose(out)) != 0) ok = false;
  if (data) gvFreeRenderData(data);
  if (ok) return STATUS_OK;
  return diag_error(d->diag, STATUS_SYSTEM, standard ? "standard output" : d->path, NULL,
                    "cannot write the picture: %s", strerror(errno));
}

/* A group of the whole program's picture is one of as many boxes as that picture has: with another
 * number it holds others.  *boxes: how many it was made with. */
static Status find_boxes(const Draw *d, GVC_t *context, uint32_t *boxes) {
  DrawOptions whole = *d->options;
  whole.view.scope = NULL;
  const Draw of = {d->plan, d->p, d->of, &whole, d->path, d->diag};
  Agraph_t *root = NULL;
  View *view = NULL;
  DrawBrief brief;
  Status status = draw_view(&of, whole.view.boxes, DRAW_FULL, &view, &root);
  if (status == STATUS_OK) status = draw_lay_out(&of, context, &view, &root, boxes, &brief);
  view_free(view);
  if (root) agclose(root);
  return status;
}

Status draw_program(const Plan *plan, const PlanProgram *program, const OpTable *ops,
                    const DrawOptions *wanted, const char *path, Diag *diag) {
  DrawOptions opened = *wanted, *options = &opened;
  Draw d = {plan, program, NULL, options, path, diag};
  draw_listen();
  GVC_t *context = gvContext();
  if (!context) return diag_no_memory(diag, sizeof(void *));
  TRY(view_open(plan, program, ops, diag, &d.of));
  Agraph_t *root = NULL;
  View *view = NULL;
  DrawBrief brief;
  uint32_t boxes;
  Status status = STATUS_OK;
  if (options->view.scope && *options->view.scope == '+' && is_automatic(&d))
    status = find_boxes(&d, context, &options->view.boxes);
  if (status == STATUS_OK) status = draw_view(&d, options->view.boxes, DRAW_FULL, &view, &root);
  if (status == STATUS_OK) status = draw_lay_out(&d, context, &view, &root, &boxes, &brief);
  view_free(view);
  view_close(d.of);
  if (status == STATUS_OK) status = write_picture(&d, context, root);
  /* No gvFreeLayout: with nested clusters it frees a list of Graphviz 2.42 twice.  What it would
   * release goes with the process. */
  if (root) agclose(root);
  agseterrf(NULL);
  said[strcspn(said, "\n")] = 0;
  if (status == STATUS_OK && *said)
    diag_warning(diag, options->format, "a smaller --depth=N, --scope=S", "Graphviz: %s", said);
  return status;
}
