/* What the implementations on CPUs share. */
#ifndef KERNELS_CPU_INTERNAL_H
#define KERNELS_CPU_INTERNAL_H

#include "kernels/cpu/backend.h"
#include "kernels/shards.h"
#include "ops/ops.h"

#define KERNEL_PHASES_MAX 4

struct Kernel {
  Status (*run)(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args);
  void *data; /* the implementation's own, from kernel_data; released with the kernel */
  void (*destroy)(void *data); /* releases what `data` owns besides itself; may be NULL */
  uint32_t n_phases;
  uint32_t tasks[KERNEL_PHASES_MAX];
  char name[48];
};

/* Builders: each fills `kernel` for the node or group of the spec. */
Status fused_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status move_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status indexed_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status pool_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status leaf_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status select_build(const KernelSpec *spec, Diag *diag, Kernel *kernel); /* reduce-max, arg-max */
Status scan_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status resize_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status sort_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status matmul_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status conv_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);

/* Zeroed private data of the kernel; NULL (and an error in diag) when out of memory. */
void *kernel_data(Kernel *kernel, size_t bytes, Diag *diag);
/* Position of node `id` in spec->inputs; UINT32_MAX when it is not there. */
uint32_t spec_input(const KernelSpec *spec, NodeId id);
/* The positions of all inputs of the only node; fails when one is missing. */
Status spec_inputs(const KernelSpec *spec, uint32_t *positions, uint32_t n, Diag *diag);
Status spec_fail(const KernelSpec *spec, Diag *diag, const char *why);
/* Fails: there is no function for elements of this type for the only node, or for a member. */
Status spec_no_type(const KernelSpec *spec, Diag *diag, DType dtype);
Status member_no_type(const KernelSpec *spec, NodeId member, Diag *diag, DType dtype);
/* Sets the text of kernel_error; returns STATUS_INVALID: the data are at fault. */
Status kernel_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Number of tasks for work that moves so many bytes: one when waking a thread costs more than the
 * work; else a multiple of `shards`, so that a slow thread can be relieved. Fixed by the graph. */
uint32_t task_count(int64_t bytes, uint32_t shards);
/* Copies n elements of `size` bytes, whatever they mean; strides in elements. */
void elements_copy(char *to, const char *from, int64_t n, int64_t to_stride, int64_t from_stride,
                   size_t size);
/* Elements before and behind an axis: lines along it are outer x row, `row` elements apart. */
void axis_split(const Shape *shape, int64_t axis, int64_t *outer, int64_t *row);
/* The part of 0..n-1 that falls to task `task` of `tasks`, cut at multiples of `grain`. */
void task_range(int64_t n, int64_t grain, uint32_t task, uint32_t tasks, int64_t *first,
                int64_t *last);

/* Instruction sets: the same bits come out of each. */
typedef enum Isa { ISA_BASE, ISA_V3, ISA_V4 } Isa;
Isa isa_current(void);
/* For tests: kernels that are created later use at most `isa`. */
void isa_limit(Isa isa);

#endif
