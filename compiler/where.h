/* From a line of a model to what is computed because of it: graphc --where=FILE:LINE.
 *
 * A line stands for the elements whose start tags it belongs to, with all that is inside them, and
 * where it is no part of one for the innermost element around it.  A value comes from an element
 * when its own place lies there, or that of a use of a template or an include which brought it. */
#ifndef COMPILER_WHERE_H
#define COMPILER_WHERE_H

#include "compiler/report.h"
#include "compiler/where_lines.h"
#include "graph/language/model.h"

typedef struct Where {
  const Model *model;
  uint32_t file, line;        /* string id of the file as it is shown to users */
  LineElements lines;         /* of the file */
  uint32_t first, last;       /* lines that it stands for */
  const LineElement *element; /* the first that begins there */
  bool around;                /* the line itself is in no start tag */
  uint32_t *built;            /* by program: nodes when it was built, before simplification */
  uint32_t n_programs;
} Where;

/* Reads `FILE:LINE`, or `LINE` for the model's own file.  FILE is the path as graphc shows it, the
 * same file by another path, or the end of one.  STATUS_INVALID, or STATUS_USAGE where it is not of
 * that form.  Release with where_free, also after a failure. */
Status where_open(const Model *model, const char *given, Diag *diag, Where *out);
void where_free(Where *where);

/* To be called after pass build of each program, in order. */
Status where_built(Where *where, const PlanProgram *program, Diag *diag);

/* True when a node at this location comes from the line. */
bool where_holds(const Where *where, uint32_t loc);

/* The answer, for the view's program or for all. */
Status where_text(const Where *where, const Plan *plan, const ReportView *view, FILE *out,
                  Diag *diag);
Status where_json(const Where *where, const Plan *plan, const ReportView *view, FILE *out,
                  Diag *diag);

#endif
