/* What the files of the C API share. */
#ifndef RUNTIME_EMBED_EMBED_H
#define RUNTIME_EMBED_EMBED_H

#include "graph/plan/plan.h"
#include "runtime/embed/graphrun.h"
#include "runtime/execute/execute.h"

#include <locale.h>

/* An input's value as it was set; NULL: it was not. */
typedef struct EmbedInput {
  char *data;
} EmbedInput;

struct graphrun_plan {
  Plan *plan;
  Executor *executor;
  Diag *diag;
  char *message; /* of the last call; NULL: none */
  char *device;  /* options.device; the wishes point into it */
  char **program_names;
  EmbedInput **inputs; /* of each program, as many as it has */
  locale_t plain;      /* numbers are read and written as in C, whatever the caller's locale is */
  uint32_t ran;        /* the program whose outputs can be read; UINT32_MAX: none */
  bool pending;        /* its commits are not made */
};

/* A call: the locale is put aside, messages are new. */
typedef struct EmbedCall {
  graphrun_plan *plan;
  locale_t before;
} EmbedCall;
EmbedCall embed_begin(graphrun_plan *plan);
/* Its end: the message is made of what was collected. */
graphrun_status embed_end(const EmbedCall *call, Status status);

/* The program, or a message that names those that there are. */
Status embed_program(graphrun_plan *plan, const char *name, uint32_t *out);
/* What one value of the plan is. */
void embed_describe(const graphrun_plan *plan, uint32_t name, DType dtype, const Shape *shape,
                    graphrun_value *out);
/* An argument that must not be NULL: `the data` of input 'x'. */
Status embed_nothing(graphrun_plan *plan, const char *what, const char *of);
/* A name that is not there: the message names the nearest of `n`. */
Status embed_unknown(graphrun_plan *plan, const char *what, const char *name,
                     const char *const *names, size_t n);

#endif
