/* The interpreter of fused groups: a list of instructions over blocks (see
 * kernels/fuse_loops.h). */
#ifndef KERNELS_CPU_FUSED_H
#define KERNELS_CPU_FUSED_H

#include "kernels/cpu/fused_passes.h"
#include "kernels/cpu/internal.h"
#include "kernels/fuse_loops.h"

/* One instruction over a block: d[i] = f(a[i], b[i], c[i]), i < n. */
typedef void (*FusedFn)(void *d, const void *a, const void *b, const void *c, int64_t n,
                        double param);

/* Sums of elements of one type; `stream` NULL: there are none. */
typedef struct FusedSums {
  /* Adds a stream of n elements to lanes: element e to lane (phase + e) % lanes. */
  void (*stream)(void *lane, int64_t lanes, int64_t phase, const void *v, int64_t n);
  /* Folds k x c lanes to c f64 sums: sum[j] += lanes j, c + j, 2 c + j, ... in a binary tree. */
  void (*fold)(double *sum, void *lane, int64_t k, int64_t c);
  /* to[at + i] = sum[i] scale, rounded once. */
  void (*store)(void *to, int64_t at, const double *sum, int64_t n, double scale);
} FusedSums;

/* Operations of the register machine; OP_COPY and the casts stand beside the ops of the graph. */
typedef struct FusedTable {
  FusedFn op[OP_PRIMITIVE_COUNT][DTYPE_COUNT]; /* by type of the first data operand */
  FusedFn cast[DTYPE_COUNT][DTYPE_COUNT];      /* from, to */
  FusedFn copy[DTYPE_COUNT];
  FusedSums sums[DTYPE_COUNT];
} FusedTable;
extern const FusedTable fused_table_base, fused_table_v3, fused_table_v4;

/* How a view reaches the instructions. */
typedef enum ViewKind {
  VIEW_DIRECT, /* contiguous within a block: read where it lies */
  VIEW_TILE,   /* repeats with the rows: one filled register as long as the outer index stays */
  VIEW_BLOCK,  /* copied to a register for every block */
} ViewKind;

/* Pointers of a running task: registers, views and outputs by one index. */
typedef uint32_t Slot;

typedef struct ViewRun {
  ViewKind kind;
  uint32_t input;    /* position in the spec; UINT32_MAX: `table` */
  const void *table; /* ramp or fill value */
  size_t size;       /* bytes per element */
  Slot slot;
  uint32_t reg; /* TILE and BLOCK */
  const FuseView *view;
} ViewRun;

typedef struct Instr {
  FusedFn fn;
  Slot d, a, b, c;
  double param;
} Instr;

typedef struct OutRun {
  uint32_t output; /* position in the spec */
  size_t size;
  Slot slot;
} OutRun;

typedef struct SumRun {
  const FuseSum *sum;
  uint32_t pass;
  int64_t cells;              /* of a partial sum: offset in the work buffer, in f64 */
  Slot operand, operand_safe; /* in either list */
  uint32_t output;
  const FusedSums *type; /* of the operand */
  void (*store)(void *to, int64_t at, const double *sum, int64_t n,
                double scale);                /* the result's */
  double (*get)(const void *data, int64_t i); /* an element */
  size_t size;                                /* bytes of one */
  double scale;
  int64_t columns, each; /* that are held at once; lanes for each of them */
  size_t state;          /* offset of its lanes and sums in the task's scratch */
} SumRun;

/* What a running task holds of a sum: one stream at a time. */
typedef struct SumState {
  void *lane;
  double *sum, *folded;
  int64_t columns, at;  /* of the plane, that are held: at, at + 1, ... */
  int64_t lanes, flush; /* for so many columns; elements between folds */
  int64_t count;        /* elements since the last fold */
  int64_t left;         /* elements to the end of the stream */
  int64_t in;           /* where in its plane the stream began */
  int64_t base;         /* the plane's place in the result, and along the outer axes */
  int64_t index[RANK_MAX];
  bool begun; /* the stream has elements */
} SumState;

typedef struct Fused {
  FuseLoops loops;
  FusedPasses passes;
  const FusedTable *table;
  Instr *instrs;
  /* The same with results stored last: for results that share memory with inputs, and for passes
   * that store none. */
  Instr *safe;
  uint32_t n_instrs, n_safe;
  ViewRun *views;
  uint32_t n_views;
  OutRun *outs;
  uint32_t n_outs;
  SumRun *sums;
  uint32_t n_sums;
  uint32_t n_regs, n_slots;
  size_t reg_bytes, state_bytes;
  int64_t piece, block_rows; /* the loops' own, or less when there are many registers */
  uint32_t n_first; /* passes of phase 0; each other pass is a phase, the last one stores */
  bool joins;       /* a last phase joins cells; else who did the only range does */
  /* pairs (output, input) whose sharing calls for the safe list */
  struct {
    uint32_t output, input;
  } * hazards;
  uint32_t n_hazards;
  void *tables; /* ramps and fills */
} Fused;

#define FUSED_SCRATCH (512 << 10) /* of a task, on its stack */
#define FUSED_SLOTS 2048

Status fused_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args);

#endif
