/* Pictures of a program: Graphviz text, or SVG, PNG, PDF through its layout engine. */
#ifndef GRAPH_DRAW_DRAW_H
#define GRAPH_DRAW_DRAW_H

#include "graph/ir/op.h"
#include "graph/plan/plan.h"

typedef struct DrawOptions {
  const char *format; /* dot svg png pdf */
  const char *scope;  /* only this scope and what is below it; NULL: all */
  int depth; /* scopes deeper than this below `scope` are one box; 0: as deep as stays readable;
                < 0: every node */
} DrawOptions;

/* Boxes are scopes (or single nodes, where depth allows), clusters are the role of a node (forward,
 * inner gradient, outer, update) and the scopes around it; an edge stands for all values between
 * two boxes, its label names the largest.  Written to `path`, `-` for standard output. */
Status draw_program(const PlanProgram *program, const OpTable *ops, const DrawOptions *options,
                    const char *path, Diag *diag);

#endif
