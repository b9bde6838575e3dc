/* A target: the facts on which the compiler and the kernels of one machine must agree.
 *
 * The passes that depend on a machine, and the verifier, ask nothing else about it.  A target is
 * data: numbers, and functions of the graph alone, so that graphc needs no kernel and two machines
 * that have the same target run the same plans.  Each is one file, kernels/NAME/target.c; what they
 * must keep stands in docs/kernels.md. */
#ifndef GRAPH_PLAN_TARGET_H
#define GRAPH_PLAN_TARGET_H

#include "graph/ir/ir.h"

/* How the work over the rows of a batch is cut into independent parts, fixed by the plan. */
typedef struct Shards {
  int64_t groups, units, unit; /* rows = groups * units * unit */
  uint32_t n;
} Shards;

#define TARGET_LEAVES_MAX 8

/* What a fused group may be (ops/fuse_rules.h says what it is). */
typedef struct FuseLimits {
  uint32_t nodes; /* members in all: no plan has a larger group; at least 1 + 3 again */
  /* The rest guides the pass that forms groups. */
  uint32_t results; /* members that are stored or added up */
  uint32_t reads;   /* values read from memory when a member joins */
  uint32_t again;   /* ops that are computed anew for one read of a value, at most 64 */
  uint32_t leaves;  /* stored values of its size behind such a value, at most TARGET_LEAVES_MAX */
  uint32_t more_bytes; /* per cent: what their bytes may exceed its own by */
} FuseLimits;

#define TARGET_STREAMS_MAX 8

/* Which steps may run at the same time.  The numbers are an estimate by which a pass weighs what is
 * gained (compiler/streams.c): a step takes `launch_ns`, which overlap on different streams, and
 * then its work on a machine that all share. */
typedef struct StreamFacts {
  uint32_t compute;  /* streams for kernels; 0 is 1: steps run one after the other */
  bool collectives;  /* one more, for steps in which ranks meet */
  int64_t launch_ns; /* that a step takes before and behind its work; at least 1 */
  int64_t wait_ns;   /* that a step takes longer when it waits for another stream */
  int64_t macs,
      bytes;    /* that the machine does in a microsecond; the larger time is a step's work */
  int64_t link; /* bytes of a collective in a microsecond */
} StreamFacts;

typedef struct Target {
  const char *name;  /* in plans and of --target; a word */
  int64_t alignment; /* bytes, a power of two: where values and work buffers start */
  FuseLimits fuse;
  /* A group's result may lie over an operand that it reads element by element (ops/fuse_rules.h).
   */
  bool in_place;
  StreamFacts streams;
  /* True when the kernels take the node as a member of a group; only for what may be one. */
  bool (*fusable)(const Graph *graph, NodeId node);
  /* Bytes of the work buffer that a kernel of the given members needs, at most; `outputs` are the
   * members whose values are stored.  Both ascend.  -1: out of memory. */
  int64_t (*work_bytes)(const Graph *graph, const NodeId *nodes, uint32_t n_nodes,
                        const NodeId *outputs, uint32_t n_outputs, uint32_t shards);
  /* The shards of `rows` rows of axis 0 of batch declaration `batch` (0: of none). */
  Shards (*shards)(const Graph *graph, uint32_t batch, int64_t rows, uint32_t shards);
} Target;

typedef struct TargetTable {
  const Target *const *targets;
  uint32_t count;
  const char *owner; /* who runs them or has them, in messages: `the device 'cpu' runs` */
} TargetTable;
/* NULL when there is none of that name. */
const Target *target_find(const TargetTable *table, const char *name);
/* The names, blank-separated; returns `text`. */
const char *target_names(const TargetTable *table, char *text, size_t size);

/* How many streams a plan may use: those for kernels, then that of collectives. */
static inline uint32_t target_streams(const Target *target) {
  return (target->streams.compute ? target->streams.compute : 1) + target->streams.collectives;
}

static inline int64_t target_align(const Target *target, int64_t bytes) {
  return (bytes + target->alignment - 1) / target->alignment * target->alignment;
}

#endif
