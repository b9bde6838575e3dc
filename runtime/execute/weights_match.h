/* What weights.c and weights_start.c share: whether a tensor may become a state, and messages about
 * names that do not meet. */
#ifndef RUNTIME_EXECUTE_WEIGHTS_MATCH_H
#define RUNTIME_EXECUTE_WEIGHTS_MATCH_H

#include "graph/plan/plan.h"
#include "runtime/execute/safetensors.h"

static inline const char *weights_state_name(const Plan *plan, uint32_t state) {
  return plan_text(plan, plan->states[state].name);
}

/* A tensor of the file for a state. */
typedef struct Match {
  const FileTensor *tensor;
  uint32_t state;
} Match;

/* An error at the tensor unless the state can take it: its shape, its kind, finite values. */
Status match_check(const Plan *plan, const char *path, Match match, const char *hint, Diag *diag);

/* Matches that do not fit: a file of another size would give a message for each, so the first is
 * reported and the others are counted. */
typedef struct Misfits {
  const Plan *plan;
  const char *path;
  Match *list; /* room for one of each state */
  uint32_t n;
} Misfits;
void misfits_note(Misfits *misfits, Match match);
Status misfits_report(const Misfits *misfits, const char *hint, Diag *diag);

/* How names of a file are looked up. */
typedef struct Names {
  const SafeFile *file;
  const char *prefix; /* a tensor that begins with it is known without it, too */
  size_t length;      /* of the prefix; 0: none */
} Names;

/* The tensor of a name, with the prefix or else without; NULL: there is none. */
const FileTensor *names_find(const Names *names, const char *name);
/* A tensor's name without the prefix. */
const char *names_short(const Names *names, const FileTensor *tensor);
/* What a PyTorch checkpoint was wrapped in when it was trained (`module.`, `backbone.`) becomes the
 * prefix, when no name is known with it and some are without. */
void names_unwrap(Names *names, const Plan *plan);

/* For what a file is read, which is what its names may be. */
typedef enum NamesUse {
  NAMES_INIT,    /* own and external ones; not those of the optimiser */
  NAMES_WEIGHTS, /* own and external ones */
  NAMES_ALL      /* own ones: a checkpoint to go on from */
} NamesUse;

/* No name of the file is one that the model knows: shows some of each side, and the prefix without
 * which they would meet. */
Status names_report(const Plan *plan, const SafeFile *file, const char *path, NamesUse use,
                    Diag *diag);

/* The prefix, up to a dot or slash, without which most names of the file are known; 0: there is
 * none.  *out_name is a name that begins with it; *out_n counts those that are then known. */
size_t names_prefix(const Plan *plan, const SafeFile *file, NamesUse use, const char **out_name,
                    uint32_t *out_n);

#endif
