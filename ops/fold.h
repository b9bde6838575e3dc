/* Constant folding and trivial algebra at emission. */
#ifndef OPS_FOLD_H
#define OPS_FOLD_H

#include "ops/emit.h"

/* A simpler node that equals op(a) or op(a, b); NODE_NONE when there is none. Shapes are equal. */
NodeId fold_unary(Emitter *e, OpId op, NodeId a);
NodeId fold_binary(Emitter *e, OpId op, NodeId a, NodeId b);

#endif
