/* Copying a graph node by node through an emitter: what most passes are made of. */
#ifndef COMPILER_REWRITE_H
#define COMPILER_REWRITE_H

#include "ops/emit.h"

/* Marks the nodes that outputs and commits need. Caller frees; NULL when out of memory. */
bool *rewrite_live(const Graph *graph);

/* The axes of the operand that a reduce-sum or variance adds up, as a mask. */
uint32_t rewrite_reduced(const Graph *graph, NodeId id);

/* Emits a copy of in's node `id` with the given inputs, with all its stamps and its name. */
NodeId rewrite_copy(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs);

/* The same by the folding front ends: something simpler where the inputs allow it. */
NodeId rewrite_fold(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs);

/* What a pass does to one live node: returns the node that replaces it; `inputs` are mapped. */
typedef NodeId (*RewriteRule)(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs,
                              void *context);

/* Replaces *graph by its live nodes as given by `rule` (NULL: plain copies), in id order; commits,
 * outputs and batches are mapped. */
Status rewrite_graph(Graph **graph, RewriteRule rule, void *context, Diag *diag);
/* The same of a rank's part, without a rule: values of different batches, which may have become
 * alike when each was cut, stay two, as they are on one rank. */
Status rewrite_parts(Graph **graph, Diag *diag);

/* Values whose name matches a GLOB become inputs of that name. */
Status rewrite_inputs(Graph **graph, const char *const *globs, uint32_t n, Diag *diag);

#endif
