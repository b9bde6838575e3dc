/* What the implementations on CUDA share: a kernel is a list of launches, or calls of a library. */
#ifndef KERNELS_CUDA_KERNEL_H
#define KERNELS_CUDA_KERNEL_H

#include "kernels/cuda/modules.h"
#include "kernels/cuda/texts.h"
#include "ops/ops.h"

#include <stdio.h>

typedef enum CudaArgKind {
  CUDA_ARG_INPUT,  /* address of input `index`, `offset` bytes in */
  CUDA_ARG_OUTPUT, /* of output `index` */
  CUDA_ARG_WORK,   /* of the work buffer */
  CUDA_ARG_FAULT,  /* of the kernel's CudaFault */
  CUDA_ARG_I32,
  CUDA_ARG_I64,
  CUDA_ARG_F32,
  CUDA_ARG_F64,
} CudaArgKind;

typedef struct CudaArg {
  uint8_t kind;   /* CudaArgKind */
  uint8_t access; /* CudaAccessKind, of addresses */
  uint32_t index;
  int64_t offset, bytes; /* of addresses: what the launch touches */
  union {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
  } value;
} CudaArg;

typedef struct CudaLaunch {
  CudaFunction *function;
  uint32_t grid[3], block;
  uint32_t shared;   /* dynamic, bytes; at most 48 KiB */
  uint32_t first, n; /* of the kernel's args */
} CudaLaunch;

#define CUDA_ARGS_MAX 256 /* of a launch */

struct Kernel {
  CudaContext *context;
  char name[48]; /* of the implementation */
  /* Launches, run one after the other... */
  CudaLaunch *launches;
  uint32_t n_launches, cap_launches;
  CudaArg *args;
  uint32_t n_args, cap_args;
  CudaFault *fault;    /* NULL: its indices need no look */
  int64_t fault_bound; /* an index is one of 0 .. bound - 1; for the message */
  /* ... or this, which may use them (cuda_kernel_launch), too. */
  Status (*enqueue)(const Kernel *kernel, cudaStream_t stream, const KernelArgs *args,
                    KernelError *error);
  void *data;                      /* the implementation's own, from cuda_kernel_data */
  void (*destroy)(Kernel *kernel); /* releases what `data` owns besides itself; may be NULL */
  bool no_memory;                  /* a list could not grow */
};

/* Builders: each fills `kernel`, whose context and name are set. */
typedef Status CudaBuilder(const KernelSpec *spec, Kernel *kernel, KernelError *error);
CudaBuilder cuda_build_fused; /* groups, elementwise ops, sums, variance, casts */
CudaBuilder cuda_build_leaf;  /* constant, random */
CudaBuilder cuda_build_move; /* broadcast, reshape, transpose, slice, pad, concat, rank-part, ... */
CudaBuilder cuda_build_select;  /* reduce-max, arg-max */
CudaBuilder cuda_build_scan;    /* cumulative-sum */
CudaBuilder cuda_build_sort;    /* arg-sort */
CudaBuilder cuda_build_indexed; /* gather, scatter-add, pick, place */
CudaBuilder cuda_build_pool;    /* the five of pooling */
CudaBuilder cuda_build_resize;  /* resize and its adjoint */
CudaBuilder cuda_build_matmul;
CudaBuilder cuda_build_conv;

/* ---- building launches ----
 * The last launch gets arguments in the order of the function's parameters.  Running out of memory
 * is remembered, and told by cuda_kernel_create. */
void cuda_launch(Kernel *kernel, CudaFunction *function, int64_t blocks, uint32_t threads);
void cuda_launch_grid(Kernel *kernel, CudaFunction *function, const uint32_t grid[3],
                      uint32_t threads, uint32_t shared);
/* Threads for n elements, `threads` in a block, in as many blocks as fill the GPU a few times over
 * at most: the text loops (GRID_LOOP of the prelude). */
void cuda_launch_elements(Kernel *kernel, CudaFunction *function, int64_t n, uint32_t threads);
void cuda_arg(Kernel *kernel, CudaArg arg);
/* All of a value of the spec. */
void cuda_arg_input(Kernel *kernel, const KernelSpec *spec, uint32_t index);
void cuda_arg_output(Kernel *kernel, const KernelSpec *spec, uint32_t index);
/* An output that holds something already (by an earlier launch of the kernel), and changes. */
void cuda_arg_update(Kernel *kernel, const KernelSpec *spec, uint32_t index);
void cuda_arg_work(Kernel *kernel, int64_t offset, int64_t bytes, CudaAccessKind access);
/* Gives the kernel a fault word. */
void cuda_arg_fault(Kernel *kernel, int64_t bound);
void cuda_arg_i32(Kernel *kernel, int32_t value);
void cuda_arg_i64(Kernel *kernel, int64_t value);
void cuda_arg_f32(Kernel *kernel, float value);
void cuda_arg_f64(Kernel *kernel, double value);

/* Puts launch `i` of the kernel on a stream. */
Status cuda_kernel_launch(const Kernel *kernel, uint32_t i, cudaStream_t stream,
                          const KernelArgs *args, KernelError *error);
/* Zeroed data of the kernel; NULL, and *error, when out of memory. */
void *cuda_kernel_data(Kernel *kernel, size_t bytes, KernelError *error);

/* Position of node `id` in spec->inputs; UINT32_MAX when it is not there. */
uint32_t cuda_spec_input(const KernelSpec *spec, NodeId id);
/* Where the operands of the only node are among the inputs; false when one is missing. */
bool cuda_spec_inputs(const KernelSpec *spec, uint32_t *positions, uint32_t n);
/* The type's name in texts: float, double, int, long long, unsigned char. */
const char *cuda_type(DType dtype);

#endif
