/* Bounds on the work buffers of kernels: what the plan reserves, and what implementations must fit
 * into, on any processor.  A pure function of the graph and `shards`. */
#ifndef KERNELS_CPU_WORK_H
#define KERNELS_CPU_WORK_H

#include "graph/ir/ir.h"

/* The cut of convolutions into tiles (kernels/cpu/conv.h): a panel holds this many bytes of a row,
 * and a block of a weight gradient so many output channels and bytes of sums for each. */
#define WORK_PANEL_BYTES 256
#define WORK_DW_ROWS 256
#define WORK_DW_BYTES 1024

/* Whether a convolution (or adjoint) takes the kernels of depthwise.h; their kernels have so many
 * rows at most. */
#define WORK_DEPTHWISE_ROWS 64
bool conv_is_depthwise(const Graph *graph, NodeId node);
/* As Target's work_bytes has it. */
int64_t kernel_work_bytes(const Graph *graph, const NodeId *nodes, uint32_t n_nodes,
                          const NodeId *outputs, uint32_t n_outputs, uint32_t shards);

#endif
