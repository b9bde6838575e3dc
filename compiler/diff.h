/* What differs between two models: settings, elements, parameters, and, program by program, what is
 * computed and what it costs. */
#ifndef COMPILER_DIFF_H
#define COMPILER_DIFF_H

#include "compiler/report.h"
#include "graph/language/model.h"

/* A node as it stood before fusion, in what can be compared between models. */
typedef struct DiffNode {
  const char *scope; /* the model's */
  uint64_t key;      /* of op, attributes, type, shape, role, order and what its operands are */
  uint32_t loc;
  uint16_t op;
  bool derived; /* of order 1 or more */
} DiffNode;

typedef struct DiffGraph {
  DiffNode *nodes;
  uint32_t n;
} DiffGraph;

/* One of the two models, compiled. */
typedef struct DiffSide {
  const char *path; /* as it was given */
  const Model *model;
  const Plan *plan;
  DiffGraph *graphs; /* by program */
  uint32_t n_graphs;
} DiffSide;

/* To be called after pass partition of each program, in order.  diff_side_free releases what it
 * took. */
Status diff_collect(DiffSide *side, const Plan *plan, const PlanProgram *program, Diag *diag);
void diff_side_free(DiffSide *side);

/* A parameter of the model (-D); NULL where it has none of that name. */
typedef struct DiffSetting {
  const ModelParam *a, *b;
} DiffSetting;

/* An element that has other attributes, or that one of them lacks (NULL); of those that are inside
 * another such there is no row. */
typedef struct DiffElement {
  const Element *a, *b;
} DiffElement;

/* A state that differs, or that one of them lacks (NULL). */
typedef struct DiffState {
  const State *a, *b;
} DiffState;

/* Nodes of one op in one scope.  A node that was removed and one that was added are one that
 * changed. */
typedef struct DiffOp {
  const char *scope; /* `length` bytes */
  size_t length;
  uint16_t op;
  bool derived;
  uint32_t added, removed, changed;
  const char *at; /* FILE:LINE of one of them, in b where there is one; owned by the diff */
} DiffOp;

typedef struct DiffProgram {
  const PlanProgram *a, *b; /* of one name, or else of one kind; NULL: there is none */
  ReportSums work_a, work_b;
  DiffOp *ops;
  uint32_t n_ops;
  bool alike; /* in all that it computes and costs */
} DiffProgram;

typedef struct Difference {
  const DiffSide *a, *b;
  DiffSetting *settings;
  DiffElement *elements;
  DiffState *states;
  DiffProgram *programs;
  uint32_t n_settings, n_elements, n_states, n_programs;
  bool none; /* nothing of all that, and no other cost */
} Difference;

/* Rows below the view's program and scope only; its depth says how many parts of a scope have a
 * row.  Release with difference_free, also after a failure. */
Status difference_find(const DiffSide *a, const DiffSide *b, const ReportView *view,
                       const char *program, Diag *diag, Difference *out);
void difference_free(Difference *difference);

/* By node of program `of` of a side: 1 where program `than` of the other has none like it in its
 * scope.  Of complete plans; the caller frees. */
Status diff_marks(const DiffSide *side, const PlanProgram *of, const DiffSide *other,
                  const PlanProgram *than, Diag *diag, uint8_t **out);

/* Of compiler/diff_elements.c: adds the rows of elements. */
Status diff_elements(Difference *difference, Diag *diag);

Status difference_text(const Difference *difference, FILE *out, Diag *diag);
Status difference_json(const Difference *difference, FILE *out, Diag *diag);

#endif
