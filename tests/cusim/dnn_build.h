/* A convolution as a program builds it, for tests: descriptors, heuristics, plan, variant pack. */
#ifndef TESTS_CUSIM_DNN_BUILD_H
#define TESTS_CUSIM_DNN_BUILD_H

#include "tests/cusim/cases.h"

/* What is wrong about it. */
typedef enum Flaw {
  FLAW_NONE,
  FLAW_ATTRIBUTE_TYPE, /* dimensions as floats */
  FLAW_ATTRIBUTE_COUNT,
  FLAW_ATTRIBUTE_NAME,
  FLAW_REFERENCE,  /* a convolution where a tensor is wanted */
  FLAW_NOT_FINAL,  /* a tensor is used before */
  FLAW_CHANGED,    /* and changed afterwards */
  FLAW_NOT_SET,    /* no strides */
  FLAW_STRIDES,    /* fewer than dimensions */
  FLAW_IDS,        /* two tensors have one */
  FLAW_TYPES,      /* y is of another type */
  FLAW_COMPUTE,    /* sums of another type */
  FLAW_LAYOUT,     /* not dense */
  FLAW_FLIPPED,    /* flipped filters */
  FLAW_DESTROYED,  /* the graph, before the plan runs */
  FLAW_NO_HANDLE,  /* of the graph */
  FLAW_PACK_ID,    /* the pack names another tensor */
  FLAW_PACK_COUNT, /* a pointer is missing */
  FLAW_LEAK,       /* the plan */
  FLAW_NOTE_TYPE,  /* notes of an engine as numbers */
  FLAW_NOTE_PLACE, /* an engine is put where a configuration was made */
} Flaw;

typedef enum ConvWhat { DNN_FORWARD, DNN_DATA, DNN_FILTER } ConvWhat;
typedef struct DnnSpec {
  ConvWhat what;
  int64_t x[4], w[4], y[4], pre[2], post[2], stride[2], dilation[2];
  cudnnDataType_t type;
  bool nhwc;
  float alpha, beta;
  int64_t alignment;
  cudnnBackendHeurMode_t mode;
  void *at[3]; /* x, w, y */
  void *workspace;
  Flaw flaw;
} DnnSpec;

typedef struct DnnPlan {
  cudnnBackendDescriptor_t tensors[3], conv, op, graph, heuristics, configs[6], engines[6], plan,
      pack;
  /* Configurations; the place of the plan's among those whose numbers are plain; its bytes. */
  int64_t n, used, workspace;
} DnnPlan;

/* The descriptors up to the operation; without a device. */
void dnn_build_operation(Bench *b, const DnnSpec *spec, DnnPlan *out);
/* All of it, with the first configuration that is supported, and by its notes adds up plainly. */
void dnn_build(Bench *b, cudnnHandle_t handle, const DnnSpec *spec, DnnPlan *out);
void dnn_drop(Bench *b, DnnPlan *plan, Flaw flaw);

#endif
