/* The executor's parts, for the files that it is made of. */
#ifndef RUNTIME_EXECUTE_EXECUTOR_H
#define RUNTIME_EXECUTE_EXECUTOR_H

#include "runtime/execute/execute.h"

typedef struct Step {
  Kernel *kernel; /* NULL: ranks meet */
  DeviceCollective meet;
  KernelArgs args;
  DeviceStream stream;
  bool begins;       /* the first of its stream, which waits for the program's beginning */
  DeviceEvent event; /* that others wait for; EVENT_NONE */
  int64_t ns;
} Step;
#define EVENT_NONE UINT32_MAX

typedef struct Prepared {
  Step *steps;           /* NULL: not prepared */
  void **pointers;       /* of all steps */
  CollectivePart *parts; /* of all meetings */
  bool forks;            /* streams wait for the program's beginning, EVENT_PROGRAM */
  DeviceCopy *inputs, *commits;
  uint32_t n_inputs, n_commits;
} Prepared;

/* That are known between runs: the stream of copies and the first of steps, on which every program
 * begins and ends. */
#define EXECUTOR_STREAMS 2

/* Memory beside the arena, for inputs that are sent ahead. */
typedef struct Ahead {
  char *at;         /* NULL: nobody sent any yet */
  uint64_t emptied; /* Executor.given when the steps' stream was told to read it */
} Ahead;

struct Executor {
  const Plan *plan;
  const DeviceTable *table;
  DeviceWishes wishes;
  Ranks *ranks; /* not owned; NULL: the plan is for one */
  Device *device;
  char *arena;     /* in the device's memory: states, then scratch */
  char *view;      /* the arena as the host sees it; NULL: it does not, and what follows is there */
  int64_t scratch; /* bytes of the arena behind the states */
  uint32_t streams; /* of the device */
  char *inputs, *outputs,
      *states;        /* on the host, for the program that runs; when first asked for */
  DeviceCopy *copies; /* a list under work: room for all states or outputs */
  Tensor *state_list; /* as executor_states_read gives them */
  Prepared *programs;
  /* Since the other stream waited for it, and since the host did, the stream was given commands. */
  bool fresh[EXECUTOR_STREAMS], behind[EXECUTOR_STREAMS];
  Ahead ahead[2];
  uint32_t turn, sent; /* the buffer that is next; the program that it is for, EXECUTOR_ALL: none */
  uint64_t given,
      followed;     /* commands of the steps' stream; those that the copies' stream follows */
  bool states_set;  /* they are not to be zeroed any more */
  bool states_here; /* what is on the host are their values */
  bool measure;
  int64_t step;          /* of training; -1: none, or not known */
  TaskObserver observer; /* NULL: none */
  void *observer_context;
};

/* What a command is for, in its DeviceTag: a step, or one of these. */
#define TAG_INPUTS 0xfffffff0u
#define TAG_OUTPUTS 0xfffffff1u
#define TAG_COMMIT 0xfffffff2u
#define TAG_SEQUENCE 0xfffffff3u
/* Those of no program: */
#define TAG_STATES_IN 0xfffffff4u
#define TAG_STATES_OUT 0xfffffff5u
#define TAG_WAIT 0xfffffff6u
static inline DeviceTag executor_tag(uint32_t program, uint32_t what) {
  return (DeviceTag)program << 32 | what;
}

#define COPIES_OF_A_RUN 8 /* more lists of copies than a run gives */

/* Turns the device's error into a message that names the command which failed; where the device
 * cannot tell, `tag`, what was under way. */
Status executor_failed(const Executor *x, Status status, DeviceTag tag, Diag *diag);
#define TRY_DEVICE(X, TAG, CALL, DIAG)                                                             \
  do {                                                                                             \
    Status device_status_ = (CALL);                                                                \
    if (device_status_ != STATUS_OK) return executor_failed((X), device_status_, (TAG), (DIAG));   \
  } while (0)

/* A step of the plan as messages name it, `kernel 7, conv 'b/out' (m.xml:3)`; and training's step,
 * which stands before it where it is known. */
#define STEP_NAME_MAX 4500
/* `step 12, `, or nothing. */
#define MOMENT_MAX 40
const char *executor_moment(const Executor *x, char text[MOMENT_MAX]);
void executor_step_name(const Executor *x, uint32_t program, uint32_t step, char *out, size_t size);
/* The message of a step that fails, or cannot be made. */
Status executor_step_failed(const Executor *x, Status status, uint32_t program, uint32_t step,
                            const char *hint, const char *text, Diag *diag);

/* ---- commands ---- */

/* To be called before each command: the stream has something that others do not know of. */
static inline void executor_gives(Executor *x, DeviceStream stream) {
  x->fresh[stream] = x->behind[stream] = true;
  x->given += stream == STREAM_STEPS;
}
/* What the stream is given next waits for all that the other one was given. */
Status executor_follow(Executor *x, DeviceStream stream, DeviceTag tag, Diag *diag);
/* The host waits for all that the stream was given, and for what that waited for. */
Status executor_synchronise(Executor *x, DeviceStream stream, DeviceTag tag, Diag *diag);

/* ---- inputs sent ahead ---- */

/* Moves what executor_send sent for this program into the arena. */
Status executor_take_sent(Executor *x, uint32_t program, Diag *diag);
void executor_ahead_release(Executor *x);
/* Of a program's inputs on the host. */
size_t executor_input_bytes(const PlanProgram *program);

/* ---- parts ---- */

/* Host memory for the inputs of any program, and the lists. */
Status executor_values_create(Executor *x, Diag *diag);
void executor_values_destroy(Executor *x);
/* Zeroes the states unless somebody has written them. */
Status executor_states_start(Executor *x, Diag *diag);
/* Sets x->streams; *out_events is how many events the plan's programs need of the device. */
Status executor_count(Executor *x, uint32_t *out_events, Diag *diag);
/* Where the program's steps run, and which of them others wait for; for executor_prepare. */
Status executor_spread(const Executor *x, uint32_t program, Prepared *prepared, Diag *diag);
/* Gives the device the steps of a prepared program. */
Status executor_launch(Executor *x, uint32_t program, Diag *diag);
/* Destroys a program's kernels; it must not be running. */
void executor_release(Executor *x, uint32_t program);
/* The list of copies that sends a program's inputs; NULL, and no error, where nothing is sent. */
Status executor_input_copies(const Executor *x, uint32_t program, Prepared *out, Diag *diag);

#endif
