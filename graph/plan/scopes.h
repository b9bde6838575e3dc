/* Scopes as users name them: `train/stage1` stands for itself and for all that is below it. */
#ifndef GRAPH_PLAN_SCOPES_H
#define GRAPH_PLAN_SCOPES_H

#include "graph/plan/plan.h"

/* True when `path` is `scope` or lies below it; always when `scope` is NULL or empty. */
bool scope_holds(const char *scope, const char *path);
/* How many parts a scope has: 0 for NULL and for the empty one. */
int scope_parts(const char *scope);
/* Bytes of its first `depth` parts, of all where it has no more. */
size_t scope_cut(const char *path, int depth);
/* True when some node of the program stands in `scope`. */
bool scope_is_of(const PlanProgram *program, const char *scope);
/* The error that no node of the programs (`n` of them) does; its hint names the scope that was
 * surely meant, or those that there are at the top.  Returns STATUS_INVALID. */
Status scope_unknown(const PlanProgram *programs, uint32_t n, const char *scope, Diag *diag);
/* The same of a picture: what may be meant are also its boxes, which are listed instead of scopes.
 */
Status scope_unknown_box(const PlanProgram *programs, uint32_t n, const char *scope,
                         const char *const *boxes, uint32_t n_boxes, Diag *diag);

#endif
