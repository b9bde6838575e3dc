/* Layouts take most of the time of a page: equal graphs share one. */
#include "graph/draw/draw_pages.h"

#include "graph/base/array.h"
#include "graph/draw/draw_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct Picture {
  char *svg;      /* owned */
  uint32_t boxes; /* the bound its view was made with, 0: none */
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
  for (uint32_t i = 0; i < pages->n; i++) free(pages->pictures[i].svg);
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

/* The number of the graph's text; UINT32_MAX: out of memory. */
static uint32_t find_text(DrawPages *pages, Agraph_t *root) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  bool ok = out && agwrite(root, out) == 0;
  if (out && fclose(out) != 0) ok = false;
  uint32_t id = ok ? strings_intern_n(pages->graphs, text, length) : UINT32_MAX;
  free(text);
  return id == UINT32_MAX ? UINT32_MAX : id - 1;
}

/* Cuts what a page says itself: titles, comments and the name of the font. */
static void slim(char *svg) {
  static const char *const cut[][2] = {
      {"<title>", "</title>\n"}, {"<!--", "-->\n"}, {" font-family=\"", "\""}};
  char *to = svg;
  for (const char *at = svg; *at;) {
    size_t k = 0;
    while (k < 3 && strncmp(at, cut[k][0], strlen(cut[k][0])) != 0) k++;
    const char *end = k < 3 ? strstr(at + strlen(cut[k][0]), cut[k][1]) : NULL;
    if (end)
      at = end + strlen(cut[k][1]);
    else
      *to++ = *at++;
  }
  *to = 0;
}

static Status add_picture(DrawPages *pages, const Draw *d, GVC_t *context, View **view,
                          Agraph_t **root) {
  char *data = NULL;
  unsigned length = 0;
  uint32_t before = (*view)->n_boxes;
  TRY(ARRAY_RESERVE(pages->pictures, pages->cap, pages->n, 1, d->diag));
  TRY(draw_lay_out(d, context, view, root));
  TRY(draw_render(d, context, *root, &data, &length));
  const char *svg = strstr(data, "<svg");
  char *copy = svg ? strdup(svg) : NULL;
  gvFreeRenderData(data);
  if (!copy) return diag_no_memory(d->diag, length);
  slim(copy);
  uint32_t now = (*view)->n_boxes;
  pages->pictures[pages->n++] = (Picture){copy, now == before ? 0 : now};
  return STATUS_OK;
}

static Status find_picture(DrawPages *pages, const Draw *d, GVC_t *context, View **view,
                           Agraph_t **root, uint32_t *out) {
  *out = find_text(pages, *root);
  if (*out == UINT32_MAX) return diag_no_memory(d->diag, 0);
  if (*out == pages->n) return add_picture(pages, d, context, view, root);
  uint32_t boxes = pages->pictures[*out].boxes;
  if (!boxes) return STATUS_OK;
  view_free(*view);
  agclose(*root);
  return draw_view(d, boxes, view, root);
}

Status draw_pages_add(DrawPages *pages, const Plan *plan, const PlanProgram *program,
                      ViewProgram *of, const ViewOptions *options, Diag *diag, View **out_view,
                      uint32_t *out_picture) {
  DrawOptions page = {.format = "svg", .view = *options, .page = true};
  Draw d = {plan, program, of, &page, plan_text(plan, program->name), diag};
  *out_view = NULL;
  draw_listen();
  GVC_t *context = gvContext();
  if (!context) return diag_no_memory(diag, sizeof(void *));
  Agraph_t *root = NULL;
  Status status = draw_view(&d, 0, out_view, &root);
  if (status == STATUS_OK) status = find_picture(pages, &d, context, out_view, &root, out_picture);
  if (root) agclose(root);
  agseterrf(NULL);
  if (status == STATUS_OK) return status;
  view_free(*out_view);
  *out_view = NULL;
  return status;
}
