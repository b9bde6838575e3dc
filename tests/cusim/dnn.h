/* cuDNN's descriptors, for the files that model it: one convolution of two spatial dimensions. */
#ifndef TESTS_CUSIM_DNN_H
#define TESTS_CUSIM_DNN_H

#include "tests/cusim/sim.h"
#include "tests/cusim/values.h"

#define ATTRIBUTES 8 /* of a descriptor at most */
#define VALUES 8     /* of an attribute at most */
#define CONFIGS 6    /* that the heuristics know of each graph: dnn_engines.c */

typedef struct Descriptor Descriptor;
/* One element of an attribute. */
typedef union Element {
  int64_t number; /* of enums and booleans too */
  double real;
  void *pointer;
  Descriptor *descriptor;
} Element;

typedef struct Attribute {
  cudnnBackendAttributeName_t name;
  int n; /* 0: not set */
  Element values[VALUES];
} Attribute;

struct Descriptor {
  Descriptor *next;
  cudnnBackendDescriptorType_t type;
  bool finalized, destroyed;
  Attribute attributes[ATTRIBUTES];
  /* Of an engine and its configuration. */
  Descriptor *graph;
  int config;
};

typedef struct Tensor4 {
  ValueType type;
  int64_t id, alignment, dims[4], strides[4]; /* elements */
} Tensor4;

typedef enum ConvKind { CONV_FORWARD, CONV_DATA, CONV_FILTER } ConvKind;
/* x (N, C, H, W), w (K, C / groups, R, S), y (N, K, P, Q); one of them is the result. */
typedef struct Conv {
  ConvKind kind;
  Tensor4 x, w, y;
  int64_t pre[2], post[2], stride[2], dilation[2], groups;
  double alpha, beta;
  bool f64;
  /* Of the engine that runs it. */
  int bits;      /* of fraction, to which operands of f32 are rounded */
  int64_t start; /* the image whose products are added first */
} Conv;

/* The attribute; NULL: the descriptor has none of this name. */
Attribute *dnn_attribute(Descriptor *d, cudnnBackendAttributeName_t name);
/* Not destroyed; otherwise a fault was counted. */
Descriptor *dnn_find(CudaCall call, const void *handle);
/* What an operation that is finalized computes. */
void dnn_conv(Descriptor *operation, Conv *out);
/* NULL, or what is wrong about it; then *rule. */
const char *dnn_conv_fault(Descriptor *operation, CusimRule *rule);
bool dnn_is_handle(const void *handle);

/* ---- dnn_sums.c ---- */

size_t tensor4_count(const Tensor4 *tensor); /* elements */
/* Computes it; `at`: x, w and y.  False: out of memory. */
bool dnn_conv_run(const Conv *c, char *const at[3]);

/* ---- dnn_engines.c ---- */

int64_t dnn_workspace(const Descriptor *config); /* bytes */
bool dnn_supported(const Descriptor *config);
int dnn_bits(const Descriptor *config);
bool dnn_in_any_order(const Descriptor *config);
/* Answers to cudnnBackendGetAttribute: they fill descriptors that the caller has made. */
cudnnStatus_t dnn_results(Descriptor *heuristics, int64_t room, int64_t *n, void *out);
cudnnStatus_t dnn_engine_of(const Descriptor *config, int64_t room, int64_t *n, void *out);
cudnnStatus_t dnn_index(const Descriptor *engine, int64_t room, int64_t *n, void *out);
cudnnStatus_t dnn_notes(const Descriptor *engine, int64_t room, int64_t *n, void *out);

/* ---- dnn_attributes.c ---- */

void dnn_descriptors_find_leaks(void);
void dnn_descriptors_close(void);

#endif
