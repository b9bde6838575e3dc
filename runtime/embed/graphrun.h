/* Plans of graphc inside another program: open one, set inputs, run, read outputs.
 * docs/embedding.md has an example.  Needs C99 or C++; link with -lgraphrun (pkg-config graphrun).
 *
 * Errors.  Functions return a status; none prints, exits or aborts.  What was wrong is told by
 * graphrun_message, in the words of the program graphrun.
 * Ownership.  What is passed in is copied before the call returns.  Names and shapes that come out
 * belong to the plan and live as long as it; messages until the next call on it.
 * Threads.  One thread at a time may use a plan; different plans may be used at the same time.  A
 * plan has threads of its own, started by graphrun_open and ended by graphrun_close, which may be
 * called in another thread, not in another process.
 * Binary interface.  Handles are opaque, structs that are passed in begin with their size, numbers
 * of enumerations stay: what was linked against an older library of the same GRAPHRUN_API works. */
#ifndef GRAPHRUN_H
#define GRAPHRUN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GRAPHRUN_API 1
#define GRAPHRUN_PUBLIC __attribute__((visibility("default")))

/* The numbers are the exit codes of the programs. */
typedef enum graphrun_status {
  GRAPHRUN_OK = 0,
  GRAPHRUN_INVALID = 1, /* something wrong in what was named: plan, weights, shape, value */
  GRAPHRUN_USAGE = 2,   /* a call that is not possible: no such name, not in this order */
  GRAPHRUN_NO_FIT = 3,  /* the device has less memory than the plan needs */
  GRAPHRUN_SYSTEM = 4   /* the system refused: a file, memory, a device */
} graphrun_status;

typedef enum graphrun_type {
  GRAPHRUN_F32 = 0,
  GRAPHRUN_F64 = 1,
  GRAPHRUN_I32 = 2,
  GRAPHRUN_I64 = 3,
  GRAPHRUN_BOOL = 4 /* bytes that are 0 or 1 */
} graphrun_type;

typedef enum graphrun_kind {
  GRAPHRUN_INPUT = 0, /* of a program */
  GRAPHRUN_OUTPUT = 1,
  GRAPHRUN_STATE = 2 /* of the plan: parameters, statistics, the optimiser's */
} graphrun_kind;

typedef struct graphrun_plan graphrun_plan;

typedef struct graphrun_options {
  size_t size;         /* sizeof(graphrun_options) */
  uint32_t threads;    /* 0: one for each core; results do not depend on it */
  const char *device;  /* NULL: "cpu"; as --device has it */
  const char *program; /* NULL: all can run; else those that need no more memory than this one */
  int tf32;            /* not 0: as --math=tf32 has it; refused where it would do nothing */
  int no_graph;        /* not 0: as --no-graph has it, the same */
} graphrun_options;

/* A dense value, row-major; what it holds lies elsewhere. */
typedef struct graphrun_value {
  const char *name;
  graphrun_type type;
  uint32_t rank;
  const int64_t *shape; /* `rank` lengths */
  size_t bytes;
} graphrun_value;

/* GRAPHRUN_API of the library, its release (`1.0.0`), and the version of plans that it reads. */
GRAPHRUN_PUBLIC int graphrun_api_version(void);
GRAPHRUN_PUBLIC const char *graphrun_version(void);
GRAPHRUN_PUBLIC int graphrun_plan_version(void);

/* ---- a plan's life ---- */

/* Reads and verifies the plan, takes its memory, and sets states as their initialisers say, by seed
 * 0.  `options` may be NULL.  On failure *out_plan is NULL, and `message` (may be NULL) gets what
 * graphrun_message would, cut to `size` bytes. */
GRAPHRUN_PUBLIC graphrun_status graphrun_open(const char *path, const graphrun_options *options,
                                              graphrun_plan **out_plan, char *message, size_t size);
/* NULL is allowed. */
GRAPHRUN_PUBLIC void graphrun_close(graphrun_plan *plan);
/* Errors and warnings of the last call that can fail, one a line with `hint:` lines; "": none.  Of
 * no plan (NULL, which all functions refuse) it says so. */
GRAPHRUN_PUBLIC const char *graphrun_message(const graphrun_plan *plan);

/* ---- what it holds ---- */

GRAPHRUN_PUBLIC const char *graphrun_model(const graphrun_plan *plan);
GRAPHRUN_PUBLIC size_t graphrun_program_count(const graphrun_plan *plan);
/* NULL when there is none at `index`. */
GRAPHRUN_PUBLIC const char *graphrun_program_name(const graphrun_plan *plan, size_t index);
/* How many there are; 0 of a program that there is not.  Of states `program` is ignored. */
GRAPHRUN_PUBLIC size_t graphrun_value_count(const graphrun_plan *plan, const char *program,
                                            graphrun_kind kind);
/* The value at `index`; 1, or 0 when there is none and *out is as before. */
GRAPHRUN_PUBLIC int graphrun_value_at(const graphrun_plan *plan, const char *program,
                                      graphrun_kind kind, size_t index, graphrun_value *out);

/* ---- at work ---- */

/* Sets an input, which keeps its value until it is set again.  Type and shape must be the input's.
 * `seed` and `step` are 0 until they are set, all others must be set before the program runs. */
GRAPHRUN_PUBLIC graphrun_status graphrun_set_input(graphrun_plan *plan, const char *program,
                                                   const char *name, graphrun_type type,
                                                   uint32_t rank, const int64_t *shape,
                                                   const void *data);
/* Runs the program's steps.  What it commits (a training step its parameters) is not kept until
 * graphrun_commit; a run without it is not undone, and no other may follow but after the states
 * were loaded or initialised anew. */
GRAPHRUN_PUBLIC graphrun_status graphrun_run(graphrun_plan *plan, const char *program);
/* Copies an output of the last run, which was of this program and is not committed; `bytes` is its
 * size. */
GRAPHRUN_PUBLIC graphrun_status graphrun_get_output(graphrun_plan *plan, const char *program,
                                                    const char *name, void *data, size_t bytes);
/* Keeps what the last run commits. */
GRAPHRUN_PUBLIC graphrun_status graphrun_commit(graphrun_plan *plan);

/* ---- states ---- */

GRAPHRUN_PUBLIC graphrun_status graphrun_get_state(graphrun_plan *plan, const char *name,
                                                   void *data, size_t bytes);
GRAPHRUN_PUBLIC graphrun_status graphrun_set_state(graphrun_plan *plan, const char *name,
                                                   const void *data, size_t bytes);
/* All states from their initialisers. */
GRAPHRUN_PUBLIC graphrun_status graphrun_initialize(graphrun_plan *plan, uint64_t seed);
/* States by name from a file of safetensors: all that the program reads must be there; program
 * NULL: all of the plan.  Nothing is changed on failure. */
GRAPHRUN_PUBLIC graphrun_status graphrun_load(graphrun_plan *plan, const char *program,
                                              const char *path);
/* All states, to a file that is whole or not there. */
GRAPHRUN_PUBLIC graphrun_status graphrun_save(graphrun_plan *plan, const char *path);

#ifdef __cplusplus
}
#endif

#endif
