/* Layouts take most of the time of a page: graphs that are equal but for digits share one. */
#include "graph/draw/draw_pages.h"

#include "graph/base/array.h"
#include "graph/draw/draw_internal.h"
#include "graph/draw/draw_texts.h"

#include <stdlib.h>
#include <string.h>

typedef struct Picture {
  char *svg, *ids; /* owned; of each text element what it belongs to */
  uint32_t boxes;  /* the bound its view was made with, 0: none */
  DrawBrief brief; /* what was left out of it */
} Picture;

struct DrawPages {
  Strings *graphs; /* as Graphviz text, before their layout: the string's id - 1 is the picture */
  Picture *pictures;
  uint32_t n, cap;
};

DrawPages *draw_pages_create(void) {
  DrawPages *pages = calloc(1, sizeof *pages);
  if (!pages) return NULL;
  pages->graphs = strings_create();
  if (pages->graphs) return pages;
  free(pages);
  return NULL;
}

void draw_pages_destroy(DrawPages *pages) {
  if (!pages) return;
  for (uint32_t i = 0; i < pages->n; i++) {
    free(pages->pictures[i].svg);
    free(pages->pictures[i].ids);
  }
  free(pages->pictures);
  strings_destroy(pages->graphs);
  free(pages);
}

uint32_t draw_pages_count(const DrawPages *pages) {
  return pages->n;
}

const char *draw_pages_text(const DrawPages *pages, uint32_t picture) {
  return pages->pictures[picture].svg;
}

/* The number of the graph's text, with the bound of its boxes behind it: what was made with another
 * has other paths.  UINT32_MAX: out of memory. */
static uint32_t find_text(DrawPages *pages, Agraph_t *root, uint32_t boxes) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  bool ok = out && draw_dot(root, out) && fprintf(out, "%u", boxes) > 0;
  if (out && fclose(out) != 0) ok = false;
  if (ok) draw_texts_level(text);
  uint32_t id = ok ? strings_intern_n(pages->graphs, text, length) : UINT32_MAX;
  free(text);
  return id == UINT32_MAX ? UINT32_MAX : id - 1;
}

void draw_shown_free(DrawShown *shown) {
  view_free(shown->view);
  free(shown->texts);
  *shown = (DrawShown){0};
}

/* Lays out what no picture looks like. */
static Status add_picture(DrawPages *pages, const Draw *d, GVC_t *context, Agraph_t **root,
                          DrawShown *out) {
  char *data = NULL;
  unsigned length = 0;
  Picture picture = {0};
  TRY(ARRAY_RESERVE(pages->pictures, pages->cap, pages->n, 1, d->diag));
  TRY(draw_lay_out(d, context, &out->view, root, &picture.boxes, &picture.brief));
  TRY(draw_render(d, context, *root, &data, &length));
  const char *svg = strstr(data, "<svg");
  picture.svg = svg ? strdup(svg) : NULL;
  gvFreeRenderData(data);
  if (picture.svg) draw_texts_take(picture.svg, &picture.ids, &out->texts);
  out->boxes = picture.boxes;
  pages->pictures[pages->n++] = picture;
  return picture.svg && picture.ids && out->texts ? STATUS_OK : diag_no_memory(d->diag, length);
}

static Status draw_anew(const Draw *d, uint32_t boxes, DrawBrief brief, Agraph_t **root,
                        DrawShown *out) {
  view_free(out->view);
  if (*root) agclose(*root);
  out->view = NULL;
  *root = NULL;
  return draw_view(d, boxes, brief, &out->view, root);
}

/* A view that looks like a picture, which may have been made with fewer boxes or words.  With these
 * left out it may look like it no more: then *out has no texts. */
static Status use_picture(const Picture *picture, const Draw *d, Agraph_t **root, DrawShown *out) {
  bool full = picture->boxes == d->options->view.boxes && picture->brief == DRAW_FULL;
  out->boxes = picture->boxes;
  if (!full) TRY(draw_anew(d, picture->boxes, picture->brief, root, out));
  out->texts = draw_texts_of(*root, picture->ids);
  return out->texts || !full ? STATUS_OK : diag_no_memory(d->diag, strlen(picture->ids));
}

/* A picture for this view alone: the key is no graph's text. */
static Status add_own(DrawPages *pages, const Draw *d, GVC_t *context, Agraph_t **root,
                      DrawShown *out) {
  char key[24];
  snprintf(key, sizeof key, "%u", pages->n);
  out->picture = pages->n;
  if (strings_intern(pages->graphs, key) != pages->n + 1)
    return diag_no_memory(d->diag, sizeof key);
  TRY(draw_anew(d, d->options->view.boxes, DRAW_FULL, root, out));
  return add_picture(pages, d, context, root, out);
}

static Status show(DrawPages *pages, const Draw *d, GVC_t *context, Agraph_t **root,
                   DrawShown *out) {
  TRY(draw_anew(d, d->options->view.boxes, DRAW_FULL, root, out));
  out->picture = find_text(pages, *root, d->options->view.boxes);
  if (out->picture == UINT32_MAX) return diag_no_memory(d->diag, 0);
  if (out->picture == pages->n) return add_picture(pages, d, context, root, out);
  TRY(use_picture(&pages->pictures[out->picture], d, root, out));
  return out->texts ? STATUS_OK : add_own(pages, d, context, root, out);
}

Status draw_pages_add(DrawPages *pages, const Plan *plan, const PlanProgram *program,
                      ViewProgram *of, const ViewOptions *options, Diag *diag, DrawShown *out) {
  DrawOptions page = {.format = "svg", .view = *options, .page = true};
  Draw d = {plan, program, of, &page, plan_text(plan, program->name), diag};
  *out = (DrawShown){0};
  draw_listen();
  GVC_t *context = gvContext();
  if (!context) return diag_no_memory(diag, sizeof(void *));
  Agraph_t *root = NULL;
  Status status = show(pages, &d, context, &root, out);
  if (root) agclose(root);
  agseterrf(NULL);
  if (status != STATUS_OK) draw_shown_free(out);
  return status;
}
