/* Shorthand for the op families' descriptor tables. */
#ifndef OPS_RULE_H
#define OPS_RULE_H

#include "graph/base/checked.h"
#include "ops/composite.h"
#include "ops/emit.h"
#include "ops/infer.h"

#define COUNT_OF(A) (uint8_t)(sizeof(A) / sizeof((A)[0]))
#define IN0(E, NODE) node_input((E)->graph, NODE, 0)
#define IN1(E, NODE) node_input((E)->graph, NODE, 1)
#define IN2(E, NODE) node_input((E)->graph, NODE, 2)

/* Shape rules that several families share. */
Status infer_same_float(InferContext *c); /* all inputs floating, equal type and shape */
NodeId vjp_none(Emitter *e, NodeId node, NodeId dy, uint32_t input);

/* The descriptors. */
#define PRIMITIVE(ID, NAME) extern const OpDesc op_##NAME;
#define COMPOSITE(NAME) extern const OpDesc op_##NAME;
#include "ops/list.inc"

#endif
