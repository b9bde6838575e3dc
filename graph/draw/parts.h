/* Internal to graph/draw: the parts of a program, divided when they are opened. */
#ifndef GRAPH_DRAW_PARTS_H
#define GRAPH_DRAW_PARTS_H

#include "graph/draw/view.h"

#define PARTS_FEW 12   /* children of a part that are not grouped */
#define PARTS_UNITS 26 /* the same at the top */

typedef struct Part Part;
typedef struct PartInside PartInside;
struct Part {
  ViewKind kind;
  uint32_t path, title; /* string ids */
  uint32_t origin;      /* of a unit; 0: none */
  size_t at;            /* of its nodes' scopes so many bytes are behind it */
  bool single;          /* one node, of which there is nothing to open */
  bool grouped;         /* its members are a choice of ours, not the model's */
  bool module;          /* it has parameters or products of its own, or many values */
  const NodeId *nodes;  /* ascending */
  uint32_t n_nodes;
  const Part *members; /* of a group, and of a module those that came to it; NULL: none */
  uint32_t n_members;
  PartInside *inside; /* what is known of its children; NULL: it is not kept */
};

typedef struct Parts {
  const Part *parts;
  uint32_t n;
} Parts;

/* Copies of a part share it, so that whoever looks into a part again finds it divided. */
struct PartInside {
  Parts children, grouped; /* parts NULL: not yet */
  uint32_t few;            /* with which the units were grouped */
};

/* What is known of a program's nodes, by node. */
typedef struct Facts {
  const Plan *plan;
  const PlanProgram *p;
  const Graph *g;
  const OpTable *ops;
  Diag *diag;
  Arena *arena;
  uint32_t few; /* units that are not grouped */
  Part *units;  /* at the top, in order of their first node */
  uint32_t n_units;
  uint32_t *unit; /* its unit + 1; 0: a constant, or made of constants alone */
  uint32_t *step; /* that makes it, + 1; 0: none */
  NodeId *base;   /* the value whose bytes it is: itself unless it is a view */
  bool *plain;    /* made of constants and of scalars that the program is fed */
  bool *stored;   /* it has a place in memory */
  int64_t *macs;  /* multiply-adds */
  double *time;   /* an estimate from multiply-adds and bytes, of no unit */
  NodeId *loss;   /* by unit: what a gradient begins at; NODE_NONE: nothing */
  PartInside top; /* the units */
  uint32_t *mark; /* scratch of a pass over a part's nodes: always left at 0 */
  uint32_t *slot; /* by string id: the same */
  uint32_t cap_slot;
  uint32_t op_input, op_state, op_random;
} Facts;

/* `plan` .. `arena` are given.  Release with facts_free, also after a failure; what lies in the
 * arena, also parts, goes with that. */
Status facts_find(Facts *f);
void facts_free(Facts *f);

/* ---- parts.c ---- */
/* The children of a part as the model has them; of NULL: the units.  One child that has children
 * itself is passed by. */
Status parts_divide(Facts *f, const Part *part, Parts *out);
bool part_opens(const Facts *f, const Part *part);
/* All of the part is in that scope below it, which then was passed by. */
bool part_is_in(const Facts *f, const Part *part, const char *scope);
/* ---- groups.c ---- */
/* Equal for parts of one kind whose names differ in numbers alone. */
uint64_t part_stem(const Facts *f, const Part *part);
/* The same, few enough to read. */
Status parts_group(Facts *f, const Part *part, Parts *children);

#endif
