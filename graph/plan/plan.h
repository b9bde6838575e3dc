/* The plan: what graphc writes and graphrun executes.  Data only.
 *
 * A plan holds one state section (same offsets in every program) and programs.  A program is a
 * graph whose nodes are grouped into steps (one kernel each) in execution order, with an offset in
 * the arena for every value that is stored:  arena = state section, then scratch, which starts at
 * the same offset in all programs. */
#ifndef GRAPH_PLAN_PLAN_H
#define GRAPH_PLAN_PLAN_H

#include "graph/ir/ir.h"
#include "graph/ir/op.h"
#include "graph/ir/precision.h"
#include "graph/plan/target.h"

#define PLAN_VERSION 10
#define OFFSET_NONE (-1)
#define PLAN_RANKS_MAX 1024
#define PLAN_ARENA_MAX ((int64_t)1 << 44) /* bytes */

typedef enum ProgramKind {
  PROGRAM_TRAIN,
  PROGRAM_EVALUATE,
  PROGRAM_EXTRACT,
  PROGRAM_OTHER
} ProgramKind;

/* One kernel launch, or collectives that travel together. Its members are step_nodes[first .. first
 * + count). */
typedef struct PlanStep {
  uint32_t first, count;
  int64_t work_offset, work_bytes; /* work buffer in the arena; OFFSET_NONE, 0: none */
  /* Steps of a stream run one after the other.  Those of different streams may run at the same
   * time, but a step runs behind those that it waits for, waits[first_wait .. first_wait + n_waits)
   * of its program, which come before it and are on other streams. */
  uint32_t stream, first_wait, n_waits;
} PlanStep;

/* A value that a program is fed, as it was declared. */
typedef struct PlanInput {
  uint32_t name, loc;
  uint8_t dtype;
  NodeId node; /* NODE_NONE: nothing that the program writes depends on it, it has no place */
  Shape shape;
} PlanInput;

typedef struct PlanProgram {
  uint32_t name, held_out; /* string ids; held_out 0: none */
  uint8_t kind;            /* ProgramKind */
  Graph *graph;            /* commits and outputs included */
  PlanInput *inputs;       /* names are unique, and no state has one of them */
  uint32_t n_inputs;
  /* Byte offset in the arena of each node's value; OFFSET_NONE when it is not stored (a member of a
   * fused group that only the group reads). State nodes have the state's offset, a view (a
   * reshape in no step) has its operand's, a result may have that of an operand of its step, a
   * committed value may have the state's own. */
  int64_t *node_offset;
  PlanStep *steps;
  uint32_t n_steps;
  NodeId *step_nodes;
  uint32_t n_step_nodes;
  /* Steps that others wait for, step after step; the last n_joins are those that the program's end
   * waits for, which is on stream 0: it comes behind all steps.  A program begins on all streams,
   * behind whatever was before it. */
  uint32_t *waits;
  uint32_t n_waits, n_joins;
  int64_t scratch_bytes; /* from state_bytes on */
  int64_t lower_bound; /* largest sum of bytes alive at one step: no plan of this order needs less,
                          and one whose steps overlap may need more */
  uint32_t peak_step;  /* where that is */
  int64_t macs;
} PlanProgram;

typedef struct PlanSchedule {
  uint32_t name;  /* the scalar input it feeds */
  uint32_t value; /* expression over step, total_steps, warmup_steps and earlier schedules */
} PlanSchedule;

/* What training warns of: values of a scalar output above a bound. */
typedef struct PlanWatch {
  uint32_t output, message, hint; /* message, hint: 0, or empty, when the model has none */
  double above;
} PlanWatch;

typedef struct PlanSampler {
  uint8_t kind; /* 0 identity, 1 shuffle */
  int64_t batch_ids, batch_images;
} PlanSampler;

typedef struct PlanAugment {
  int64_t height, width, pad_crop;
  double flip, jitter, brightness, contrast, saturation, hue;
  double erase, erase_min, erase_max, erase_aspect;
} PlanAugment;

typedef struct PlanTraining {
  uint32_t *domains; /* string ids */
  int64_t *ids;
  uint32_t n_domains;
  int64_t epochs, warmup_epochs, steps, warmup_steps; /* steps 0, warmup_steps -1: from epochs */
  uint8_t choose;                                     /* 0 only, 1 uniform over held-out domains */
} PlanTraining;

/* A model parameter's final value, for info and for messages. */
typedef struct PlanParam {
  uint32_t name, value;
} PlanParam;

/* What an attribute of <training> or <sampler> is in the model's text: for hints that say what to
 * change (graph/plan/setting.h). */
typedef struct PlanWritten {
  uint32_t element, attribute, text; /* string ids; text: `${batch_ids}`, `4 * ${n}`, `8` */
  uint32_t loc;
} PlanWritten;

/* How a file of the model is called in the plan: relative to the models' folder. */
typedef struct PlanFile {
  uint32_t shown, relative; /* string ids: as it was named when it was compiled; in the plan */
} PlanFile;

typedef struct Plan {
  Symbols *symbols;      /* owned */
  char *path;            /* owned: the file it was read from; NULL: it was compiled here */
  const PlanFile *files; /* not owned; what is not listed keeps its name */
  uint32_t n_files;
  uint32_t model_name;
  uint64_t model_hash;        /* xxh3 of the expanded model's text */
  const Target *target;       /* not owned: what it was laid out for */
  const Precision *precision; /* not owned: a row of precision_table */
  uint32_t shards;
  uint32_t ranks; /* processes that run it together, each on its part of every batch */
  bool local;     /* several ranks, and its part is all that a rank sees: shapes are a part's, but
                   * those of the sampler, and training programs are fed as much */
  State *states;
  uint32_t n_states;
  int64_t *state_offset; /* in the arena */
  int64_t state_bytes;
  PlanProgram *programs;
  uint32_t n_programs;
  PlanSchedule *schedules;
  uint32_t n_schedules;
  PlanWatch *watches;
  uint32_t n_watches;
  bool has_training, has_sampler, has_augment;
  PlanTraining training;
  PlanSampler sampler;
  PlanAugment augment;
  PlanParam *params;
  uint32_t n_params;
  PlanWritten *written;
  uint32_t n_written;
} Plan;

Plan *plan_create(Symbols *symbols); /* takes ownership of `symbols`; NULL when out of memory */
void plan_destroy(Plan *plan);
/* The arena's size: state plus the largest scratch. */
int64_t plan_arena_bytes(const Plan *plan);
/* Streams of the program that have steps: 1 more than the largest number. */
uint32_t plan_streams(const PlanProgram *program);
uint32_t plan_stream_steps(const PlanProgram *program, uint32_t stream);
/* Index of a program or state by name; UINT32_MAX when there is none. */
uint32_t plan_program_find(const Plan *plan, const char *name);
uint32_t plan_state_find(const Plan *plan, const char *name);
/* An input of the program by name; NULL when it has none. */
const PlanInput *plan_input_find(const PlanProgram *program, const char *name);
/* UINT32_MAX when there is none. */
uint32_t plan_schedule_find(const Plan *plan, const char *name);
/* Appends one; false when out of memory. */
bool plan_input_add(PlanProgram *program, const PlanInput *input);
/* The same as plan_program_find; when there is none the message, at `place`, lists those that there
 * are.
 */
Status plan_program_require(const Plan *plan, const char *place, const char *name, Diag *diag,
                            uint32_t *out_program);
static inline const char *plan_text(const Plan *plan, uint32_t string) {
  return strings_text(plan->symbols->strings, string);
}
/* Where messages about the plan are placed: its file, else its model's name. */
static inline const char *plan_place(const Plan *plan) {
  return plan->path ? plan->path : plan_text(plan, plan->model_name);
}
/* Bytes of a value of this type and shape, unaligned. */
static inline int64_t value_bytes(const Node *node) {
  return shape_count(&node->shape) * (int64_t)dtype_size((DType)node->dtype);
}

/* Where a schedule is evaluated. */
typedef struct ScheduleStep {
  int64_t step, total_steps, warmup_steps;
} ScheduleStep;
typedef struct ScheduleError {
  uint32_t schedule; /* which one failed */
  uint32_t at;       /* byte in its expression */
  char text[400], hint[400];
} ScheduleError;
/* The scalar inputs at a step: values[i] is that of schedule i.  `scratch` is reset and used; with
 * one that was used before nothing is allocated.  False on failure: *error says why. */
bool plan_schedule_values(const Plan *plan, const ScheduleStep *at, Arena *scratch, double *values,
                          ScheduleError *error);

/* Writes the plan as XML (graph/plan/plan_format.h says how).  Same plan, same bytes, whatever ids
 * its strings and places have: they are numbered anew.  A temporary file beside `path` is
 * synchronised and renamed; what exists and is no regular file is written in place.  Failures of
 * the system are STATUS_SYSTEM and leave no temporary file. */
Status plan_write(const Plan *plan, const OpTable *ops, const char *path, Diag *diag);
/* Reads a plan; checks the version (says what to run), the hash, and the range of every number, so
 * that no index leads outside of an array.  What the numbers mean is for the verifier
 * (ops/verify.h), which the caller runs next.  A target that is not among `targets` is
 * STATUS_INVALID.  On failure *out_plan is NULL. */
Status plan_read(const char *path, const OpTable *ops, const TargetTable *targets, Diag *diag,
                 Plan **out_plan);

#endif
