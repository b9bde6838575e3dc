/* Fused groups as generated texts: the group as a list of instructions, and what writes texts of
 * them (kernels/cuda/fused_text.c). */
#ifndef KERNELS_CUDA_FUSED_H
#define KERNELS_CUDA_FUSED_H

#include "kernels/cuda/kernel.h"
#include "kernels/fuse_parts.h"

/* Values are numbered: the views of the loops first, then results of instructions. */
typedef uint32_t FusedValue;
#define FUSED_NONE UINT32_MAX

typedef struct FusedInstr {
  const char *expression, *type; /* of x, y, z, which are `type` (kernels/cuda/expressions.h) */
  FusedValue operand[3];
  uint32_t n_operands;
  DType result;
  bool has_param; /* the expression's PARAM */
  double param;
} FusedInstr;

typedef struct FusedStore {
  FusedValue value;
  uint32_t output; /* position in the spec */
} FusedStore;

typedef struct FusedGroup {
  const KernelSpec *spec;
  Kernel *kernel;
  KernelError *error;
  FuseLoops loops;
  FuseParts parts;
  FusedValue *member; /* value of each member */
  FusedInstr *instrs;
  uint32_t n_instrs;
  FusedStore *stores; /* results of the space's shape */
  uint32_t n_stores;
  bool *shared; /* of each input: a result may lie there */
  bool wide;    /* indices have 64 bits */
} FusedGroup;

DType fused_type(const FusedGroup *group, FusedValue value);
/* What a class's sum adds up. */
FusedValue fused_sum_value(const FusedGroup *group, const FuseSum *sum);

/* A text that grows. */
typedef struct FusedText {
  char *data;
  size_t n, cap;
  bool failed; /* out of memory */
} FusedText;
void fused_put(FusedText *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One launch as it is written: parameters p0, p1, ... get their values at once. */
typedef struct FusedWriter {
  FusedGroup *group;
  FusedText params, body;
  CudaArg args[CUDA_ARGS_MAX];
  uint32_t n_args;
  uint32_t n_names; /* of temporaries t0, t1, ... */
  bool *needed;     /* values */
  bool *loaded;     /* of each input: it is a parameter, */
  uint32_t *input;  /* this one */
  bool own;         /* the text calls kernels/own_math.inc */
} FusedWriter;

/* False when out of memory; release always. */
bool fused_writer_begin(FusedWriter *w, FusedGroup *group);
void fused_writer_release(FusedWriter *w);
/* Asks for the text, for blocks of so many threads, and adds the launch.  Equal texts are one. */
Status fused_writer_end(FusedWriter *w, const char *kind, const uint32_t grid[3], uint32_t threads);

/* Parameters; each returns its number. */
uint32_t fused_index(FusedWriter *w, int64_t value); /* const u32, or i64 when the group is wide */
uint32_t fused_double(FusedWriter *w, double value);
uint32_t fused_output(FusedWriter *w, uint32_t output);
uint32_t fused_work(FusedWriter *w, int64_t cell, int64_t cells, CudaAccessKind access);
/* u32 or i64. */
const char *fused_index_type(const FusedWriter *w);

/* Marks a value and all that it is made of. */
void fused_need(FusedWriter *w, FusedValue value);
/* Joined axes whose index some needed view, or a store, has to know beside the number of the
 * element along `streamed`. */
uint32_t fused_axes(const FusedWriter *w, uint32_t streamed, bool stores);
/* Writes `q = from / by, r = from % by` of indices; returns the number of q, which is t[q], r is
 * t[q + 1]. */
uint32_t fused_divide(FusedWriter *w, const char *from, int64_t by);
/* Declares a0, a1, ... of the axes in `axes` from a number along them (row-major), as far as they
 * are in `wanted`. */
void fused_split(FusedWriter *w, const char *from, uint32_t axes, uint32_t wanted);
/* Declares where views and stores lie for the axes that are not streamed: f0, f1, ... */
void fused_place(FusedWriter *w, uint32_t streamed, bool stores);
/* Declares the needed values v0, v1, ... of element `e` along the streamed axes, and stores. */
void fused_element(FusedWriter *w, uint32_t streamed, bool stores);

/* True when four elements along the last axis can be done at once: what they read and write of
 * memory lies together, at multiples of four. */
bool fused_quads(const FusedWriter *w);
/* Values and stores of the elements e .. e + 3 of the whole space. */
void fused_quad(FusedWriter *w);
#define FUSED_QUADS_LEAST 16384 /* fewer elements are spread over more threads */

/* The launches of a class of sums (kernels/cuda/fused_sums.c), with the group's stores or without.
 */
Status fused_sums(FusedGroup *group, const FuseClass *of, bool stores);

#endif
