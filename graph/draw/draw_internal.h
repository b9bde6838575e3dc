/* Internal to graph/draw: writing a view with Graphviz. */
#ifndef GRAPH_DRAW_DRAW_INTERNAL_H
#define GRAPH_DRAW_DRAW_INTERNAL_H

#include "graph/draw/draw.h"
#include "graph/draw/view.h"

#include <graphviz/gvc.h>

/* What is left out of a picture that would be too wide. */
typedef enum DrawBrief {
  DRAW_FULL,
  DRAW_NAMES,  /* boxes outside of the scope have names alone */
  DRAW_SILENT, /* and arrows say what they carry only to a pointer that rests on them */
} DrawBrief;

/* A picture under way. */
typedef struct Draw {
  const Plan *plan;
  const PlanProgram *p;
  ViewProgram *of; /* the program's */
  const DrawOptions *options;
  const char *path;
  Diag *diag;
} Draw;

/* ---- draw.c ---- */
/* Graphviz tells its troubles to us from here on. */
void draw_listen(void);
/* The view, with at most so many boxes where it is automatic (0: as it likes), and its graph; on
 * failure both are NULL. */
Status draw_view(const Draw *d, uint32_t boxes, DrawBrief brief, View **view, Agraph_t **root);
/* Lays the graph out unless it is to be text.  An automatic view is made again with fewer boxes, or
 * words, while it is too large: what is too large is known only then.  The caller releases what is
 * not NULL, also after a failure.  *boxes, *brief: what it was drawn with. */
Status draw_lay_out(const Draw *d, GVC_t *context, View **view, Agraph_t **root, uint32_t *boxes,
                    DrawBrief *brief);
/* As the format that the options name; gvFreeRenderData. */
Status draw_render(const Draw *d, GVC_t *context, Agraph_t *root, char **data, unsigned *length);
/* ---- draw_dot.c ---- */
/* Writes the graph as Graphviz text; false when it cannot. */
bool draw_dot(Agraph_t *root, FILE *out);
/* ---- draw_legend.c ---- */
#define DRAW_LEGEND_MAX 2048
/* Lines that say what the looks of this picture mean, and how a box is opened. */
void draw_legend(const View *view, const DrawOptions *options, char text[DRAW_LEGEND_MAX]);
/* ---- draw_ids.c ---- */
extern Agiddisc_t draw_ids;
/* ---- draw_graph.c ---- */
/* The view as a graph of the library, for agclose to release; NULL when out of memory. */
Agraph_t *draw_graph(const Plan *plan, const PlanProgram *program, const View *view,
                     const DrawOptions *options, DrawBrief brief);

#endif
