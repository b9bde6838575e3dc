/* Pictures for a page: many of one model, of which most are alike. */
#ifndef GRAPH_DRAW_DRAW_PAGES_H
#define GRAPH_DRAW_DRAW_PAGES_H

#include "graph/draw/view.h"

/* Pictures made so far, by what is drawn in them. */
typedef struct DrawPages DrawPages;
DrawPages *draw_pages_create(void); /* NULL when out of memory */
void draw_pages_destroy(DrawPages *pages);
/* How many there are, and what they are: `<svg ...>`, whose text elements are empty. */
uint32_t draw_pages_count(const DrawPages *pages);
const char *draw_pages_text(const DrawPages *pages, uint32_t picture);

/* A view as it is shown. */
typedef struct DrawShown {
  View *view;
  uint32_t picture; /* its boxes have the ids b0, b1, ..., its clusters c0, c1, ... */
  uint32_t boxes;   /* options->boxes, or the fewer with which it could be read */
  char *texts;      /* of the picture's text elements in order, each with a line feed behind it */
} DrawShown;
void draw_shown_free(DrawShown *shown);

/* An automatic view.  Views that look alike but for digits have one picture, which is laid out
 * once: digits of one font are equally wide.  On failure *out is empty. */
Status draw_pages_add(DrawPages *pages, const Plan *plan, const PlanProgram *program,
                      ViewProgram *of, const ViewOptions *options, Diag *diag, DrawShown *out);

#endif
