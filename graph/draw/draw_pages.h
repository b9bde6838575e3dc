/* Pictures for a page: many of one model, of which most are alike. */
#ifndef GRAPH_DRAW_DRAW_PAGES_H
#define GRAPH_DRAW_DRAW_PAGES_H

#include "graph/draw/view.h"

/* Pictures made so far, by what is drawn in them. */
typedef struct DrawPages DrawPages;
DrawPages *draw_pages_create(void); /* NULL when out of memory */
void draw_pages_destroy(DrawPages *pages);
/* How many there are, and their texts: `<svg ...>`. */
uint32_t draw_pages_count(const DrawPages *pages);
const char *draw_pages_text(const DrawPages *pages, uint32_t picture);

/* An automatic view and the number of its picture, in which its boxes have the ids b0, b1, ... and
 * its clusters c0, c1, ...  Views that look alike have one picture, which is laid out once.  The
 * caller frees *out_view. */
Status draw_pages_add(DrawPages *pages, const Plan *plan, const PlanProgram *program,
                      ViewProgram *of, const ViewOptions *options, Diag *diag, View **out_view,
                      uint32_t *out_picture);

#endif
