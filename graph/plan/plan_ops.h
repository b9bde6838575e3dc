/* The ops of a plan that is read, and their attributes, which the plan names.
 *
 * A plan lists the attributes of each op that it uses in the order in which it gives their values.
 * Here they are found by name: one that this program's op has and the plan lacks takes its default,
 * so that an op may get another attribute without a new version of plans. */
#ifndef GRAPH_PLAN_PLAN_OPS_H
#define GRAPH_PLAN_PLAN_OPS_H

#include "graph/ir/op.h"
#include "graph/plan/plan_scan.h"

#define PLAN_ATTRS_MAX 16 /* attributes of an op */

typedef struct PlanOp {
  uint16_t op; /* index into the op table */
  uint8_t n_attrs;
  uint8_t to[PLAN_ATTRS_MAX]; /* place in the plan -> index in our descriptor */
  uint32_t missing;           /* bit i: our attribute i, which the plan lacks */
} PlanOp;

typedef struct PlanOps {
  PlanOp *ops; /* by number in the file */
  uint32_t n;
  char foreign[160]; /* an op or attribute that is not known here; empty: none */
} PlanOps;

/* Reads the group <ops>. STATUS_INVALID with `foreign`, or with what the scan says. */
Status plan_ops_read(PlanScan *s, const OpTable *table, PlanOps *out, Diag *diag);
/* Reads <attrs> and <ints> of a program, whose nodes are read; `number[id]` is the node's op in
 * the file. `n_strings` bounds the ids of strings, `float_type` is what `float` means. */
Status plan_ops_read_attrs(PlanScan *s, const OpTable *table, const PlanOps *ops, Graph *g,
                           const uint32_t *number, uint32_t n_strings, DType float_type,
                           Diag *diag);

#endif
