/* Internal to graph/draw: a view under construction. */
#ifndef GRAPH_DRAW_VIEW_INTERNAL_H
#define GRAPH_DRAW_VIEW_INTERNAL_H

#include "graph/draw/parts.h"

/* A part that is shown: a box, or a cluster when it was opened. */
typedef struct Place {
  Part part;
  uint32_t parent; /* place that was opened; VIEW_NONE: none */
  uint32_t index;  /* its box's or cluster's */
  uint32_t depth;  /* places around it */
  bool opened, outside;
  uint32_t n_children;
} Place;

typedef struct Places {
  Place *place;
  uint32_t n, cap;
  uint32_t *of; /* by node: its place + 1; 0: none */
} Places;

struct ViewProgram {
  Facts f;
};

typedef struct Maker {
  ViewProgram *of;
  const ViewOptions *options;
  Places places;
  View *view;
} Maker;

/* ---- view_arrows.c ---- */
/* Arrows between the places that are shown, into the view: ends are places, by their index in
 * `places`, until view_number gives them boxes and clusters. */
Status view_find_arrows(Maker *m);
/* ---- view_text.c ---- */
/* Boxes and clusters from the places, and what each of them says. */
Status view_describe(Maker *m);
const char *view_bytes_text(double bytes, char text[32]);

#endif
