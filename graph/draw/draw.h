/* Pictures of a program: Graphviz text, or SVG, PNG, PDF through its layout engine. */
#ifndef GRAPH_DRAW_DRAW_H
#define GRAPH_DRAW_DRAW_H

#include "graph/draw/view.h"

typedef enum DrawColor {
  DRAW_ROLE, /* forward, first and second derivative, update */
  DRAW_TIME, /* share of the estimated time */
  DRAW_MEMORY,
  DRAW_STREAM,
  DRAW_DEVICE, /* what a device does alone, and where it meets others */
} DrawColor;
/* False when there is none of that name. */
bool draw_color_find(const char *name, DrawColor *out);
#define DRAW_COLORS "role, time, memory, stream or device"

typedef struct DrawOptions {
  const char *format; /* dot svg png pdf */
  DrawColor color;
  ViewOptions view;
  bool page; /* boxes have ids b0, b1, ... and clusters c0, c1, ..., and nothing tells which program
                it is */
  /* By node: not 0 for what the picture points out instead of its colours, and in the legend what
   * that is; NULL: nothing. */
  const uint8_t *marks;
  const char *marked;
} DrawOptions;

/* The view of a program (graph/draw/view.h), written to `path`, `-` for standard output.  An
 * automatic one is made smaller until its layout is at most DRAW_WIDTH wide and DRAW_HEIGHT high.
 */
Status draw_program(const Plan *plan, const PlanProgram *program, const OpTable *ops,
                    const DrawOptions *options, const char *path, Diag *diag);
#define DRAW_WIDTH 1490  /* points, of which 72 are 96 pixels; margins come to it */
#define DRAW_HEIGHT 2540 /* the same: 3,400 pixels */

#endif
