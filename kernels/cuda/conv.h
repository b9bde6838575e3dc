/* Convolutions on CUDA: what is convolved; cuDNN's descriptors and plans; our own kernels. */
#ifndef KERNELS_CUDA_CONV_H
#define KERNELS_CUDA_CONV_H

#include "kernels/cuda/kernel.h"

/* x (n, hx, wx, cx), w (cy, cx / groups, kh, kw), y (n, hy, wy, cy), dense; one of them is the
 * result.  All members are of one type, so that two are equal when their bytes are. */
typedef struct CudaConv {
  int64_t op; /* OP_CONV: y, OP_CONV_DX: x, OP_CONV_DW: w is the result */
  int64_t dtype;
  int64_t n, hx, wx, cx, hy, wy, cy, kh, kw, groups;
  int64_t stride[2], pad[2], dilation[2];
} CudaConv;
enum { CONV_X, CONV_W, CONV_Y };

/* What a node convolves.  False: its sizes do not belong together, which the ops refuse; cuDNN
 * takes some of them for groups. */
bool cuda_conv_of(const Graph *graph, NodeId node, CudaConv *out);

/* ---- conv_plain.c ---- */

/* Our own kernel, for every convolution; `inputs` are the positions of the operands. */
Status cuda_build_conv_plain(const CudaConv *conv, const KernelSpec *spec, const uint32_t inputs[2],
                             Kernel *kernel, KernelError *error);

/* ---- dnn_graph.c ---- */

/* Calls in a row: after one that failed the others do nothing. */
typedef struct DnnCalls {
  const CudaCalls *calls;
  cudnnStatus_t status;
} DnnCalls;
cudnnBackendDescriptor_t dnn_make(DnnCalls *c, cudnnBackendDescriptorType_t type);
void dnn_set(DnnCalls *c, cudnnBackendDescriptor_t d, int name, cudnnBackendAttributeType_t type,
             int64_t n, const void *from);
void dnn_finish(DnnCalls *c, cudnnBackendDescriptor_t d);
void dnn_drop(const CudaCalls *calls, cudnnBackendDescriptor_t *d); /* sets it to NULL */
/* Whether cuDNN has nothing for what was asked, which is no error. */
bool dnn_lacks(cudnnStatus_t status);

/* Where plans are made for: the device of a handle, or one that is described and need not be there.
 */
typedef struct DnnMachine {
  const CudaCalls *calls;
  cudnnHandle_t handle;            /* NULL: */
  cudnnBackendDescriptor_t device; /* this one */
} DnnMachine;
#define DNN_GRAPH_HANDLE 800 /* names that are marked as deprecated */
#define DNN_PLAN_HANDLE 400

/* A graph of one operation, whose tensors have the ids CONV_X, CONV_W, CONV_Y. */
typedef struct DnnGraph {
  cudnnBackendDescriptor_t tensors[3], conv, op, graph;
} DnnGraph;
#define DNN_ALIGNMENT 16 /* bytes, of tensors; plans align to more */
/* What was made is in *out also when it fails. */
cudnnStatus_t dnn_graph_make(const DnnMachine *machine, const CudaConv *conv, DnnGraph *out);
void dnn_graph_drop(const CudaCalls *calls, DnnGraph *graph);

/* ---- dnn_choose.c ---- */

/* The first engine that may be used, and is there; its plan. */
typedef struct DnnChoice {
  cudnnBackendDescriptor_t config, plan; /* NULL: there is none */
  int64_t engine, workspace;             /* number; bytes */
} DnnChoice;
/* CUDNN_STATUS_SUCCESS also when there is none. */
cudnnStatus_t dnn_choose(const DnnMachine *machine, const DnnGraph *graph, DType dtype, bool tf32,
                         int64_t work_bytes, DnnChoice *out);

/* ---- dnn_conv.c ---- */

/* A convolution, prepared; all kernels of a context that convolve the same share it. */
typedef struct DnnPlan {
  struct DnnPlan *next;
  CudaConv conv;
  int64_t work_bytes;
  bool tf32;
  DnnGraph graph;
  DnnChoice choice;
} DnnPlan;

#endif
