/* What a compiled kernel text and the simulator have of each other.  For C17 and C++17, and of no
 * header, since kernel texts may define names like uint32_t themselves. */
#ifndef TESTS_CUSIM_ABI_H
#define TESTS_CUSIM_ABI_H

typedef struct CusimIndex {
  unsigned x, y, z;
} CusimIndex;

/* Of the thread that runs. */
typedef struct CusimPlace {
  CusimIndex thread, block, block_dim, grid_dim;
} CusimPlace;

/* What the lanes of a warp do together. */
typedef enum CusimWarp {
  CUSIM_WARP_SYNC,
  CUSIM_WARP_SHUFFLE, /* the value of another lane */
  CUSIM_WARP_BALLOT   /* a bit for each lane */
} CusimWarp;

/* What a kernel calls.  `line` is that of the text. */
typedef struct CusimHost {
  void (*barrier)(int line);
  /* Waits for the lanes of `mask`, which must all come with the same `what`; the value of lane
   * `from`, or all the bits. */
  unsigned long long (*warp)(CusimWarp what, unsigned mask, unsigned long long value, unsigned from,
                             int line);
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
  void (*thread)(void *const *args); /* the one of the place */
  void (*block)(void *const *args, CusimTurn turn);
} CusimEntry;

typedef struct CusimModule {
  CusimPlace *place;
  const CusimHost **host;
  char *dynamic; /* dynamic shared memory */
  unsigned n_entries;
  const CusimEntry *entries;
} CusimModule;

#endif
