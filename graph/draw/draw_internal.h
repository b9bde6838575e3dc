/* Internal to graph/draw: writing a view with Graphviz. */
#ifndef GRAPH_DRAW_DRAW_INTERNAL_H
#define GRAPH_DRAW_DRAW_INTERNAL_H

#include "graph/draw/draw.h"
#include "graph/draw/view.h"

#include <graphviz/gvc.h>

/* ---- draw_ids.c ---- */
extern Agiddisc_t draw_ids;
/* ---- draw_graph.c ---- */
/* The view as a graph of the library, for agclose to release; NULL when out of memory. */
Agraph_t *draw_graph(const Plan *plan, const PlanProgram *program, const View *view,
                     const DrawOptions *options);

#endif
