/* What a compiled kernel text and the simulator have of each other.  For C17 and C++17, and of no
 * header, since kernel texts may define names like uint32_t themselves. */
#ifndef TESTS_CUSIM_ABI_H
#define TESTS_CUSIM_ABI_H

typedef struct CusimIndex {
  unsigned x, y, z;
} CusimIndex;

/* Of the thread that runs; `number` counts the threads of a block. */
typedef struct CusimPlace {
  CusimIndex thread, block, block_dim, grid_dim;
  unsigned number;
} CusimPlace;

/* What the lanes of a warp do together. */
typedef enum CusimWarp {
  CUSIM_WARP_SYNC,
  CUSIM_WARP_SHUFFLE, /* the value of another lane */
  CUSIM_WARP_BALLOT   /* a bit for each lane */
} CusimWarp;

/* What C leaves undefined, as the compiler finds it. */
typedef enum CusimUndefined {
  CUSIM_CAST,  /* a number to an integer type that does not have it */
  CUSIM_SHIFT, /* by more than a number has bits */
  CUSIM_DIVISION,
  CUSIM_INDEX, /* beyond an array */
  CUSIM_ALIGNMENT
} CusimUndefined;

/* What a kernel calls.  `line` is that of the text, `pc` a place in the compiled one. */
typedef struct CusimHost {
  void (*barrier)(int line);
  /* Waits for the lanes of `mask`, which must all come with the same `what`; the value of lane
   * `from`, or all the bits. */
  unsigned long long (*warp)(CusimWarp what, unsigned mask, unsigned long long value, unsigned from,
                             int line);
  /* Of watched texts: before each access; who may not make it does not come back. */
  void (*read)(const void *at, unsigned long bytes, const void *pc);
  void (*write)(const void *at, unsigned long bytes, const void *pc);
  void (*read4)(const void *at, const void *pc); /* 4 bytes, the most frequent ones */
  void (*write4)(const void *at, const void *pc);
  void (*atomic)(const void *at, unsigned long bytes, const void *pc);
  void (*undefined)(CusimUndefined what, int line);
} CusimHost;

/* A block of a kernel without barriers: thread `first`, then each `step` further, around. */
typedef struct CusimTurn {
  unsigned first, step;
} CusimTurn;

typedef struct CusimEntry {
  const char *name;
  unsigned n_params;
  const unsigned *sizes;             /* of each parameter, bytes */
  const char *kinds;                 /* of each: p a pointer, v a value */
  unsigned threads;                  /* of its __launch_bounds__; 0: none */
  int barriers;                      /* its threads wait for each other */
  char *shared, *shared_end;         /* its static shared memory, without that of functions */
  char *common, *common_end;         /* that of functions */
  int dynamic;                       /* it may use dynamic shared memory */
  void (*thread)(void *const *args); /* the one of the place; with barriers only */
  void (*block)(void *const *args, CusimTurn turn); /* without barriers only */
} CusimEntry;

#define CUSIM_DYNAMIC_BYTES (227 << 10) /* the most dynamic shared memory */

typedef struct CusimModule {
  int watched; /* accesses come to the host's hooks */
  CusimPlace *place;
  CusimHost *host;
  char *dynamic;           /* dynamic shared memory */
  char *image, *image_end; /* all of the module */
  unsigned n_entries;
  const CusimEntry *entries;
} CusimModule;

#endif
