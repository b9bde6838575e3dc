/* States by their names, and all of them for a file.  Everything is checked before the first
 * state changes. */
#include "runtime/execute/weights.h"

#include "graph/base/text.h"
#include "ops/ops.h"
#include "runtime/execute/weights_match.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 8 /* names in a message */

typedef struct Load {
  const Plan *plan;
  Names names;
  const char *path;
  WeightsNeed need;
  uint32_t program;
  bool *needed;    /* of each state */
  bool pretrained; /* some state has the tensor of its external name */
  Misfits unfit;   /* needed */
  Misfits other;   /* not needed, and so left alone */
  Diag *diag;
} Load;

/* Its own name; else the one in pretrained weights, unless these are only a part of its value. */
static const FileTensor *find_external(const Load *l, uint32_t i) {
  const State *s = &l->plan->states[i];
  if (l->need == WEIGHTS_ALL || !s->external || s->noise > 0) return NULL;
  return names_find(&l->names, plan_text(l->plan, s->external));
}

static const FileTensor *find_state(const Load *l, uint32_t i) {
  const FileTensor *t = names_find(&l->names, weights_state_name(l->plan, i));
  return t ? t : find_external(l, i);
}

/* Pretrained weights lack what a model adds to their network: that keeps its initial value. */
static bool is_added(const Load *l, uint32_t i) {
  return l->pretrained && !l->plan->states[i].external;
}

static void mark_program(const Plan *plan, uint32_t program, bool *needed) {
  const Graph *g = plan->programs[program].graph;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_STATE) continue;
    uint32_t state = (uint32_t)node_attr_int(g, id, STATE_INDEX);
    needed[state] = plan->states[state].kind != STATE_OPTIMISER;
  }
}

/* The first names of those that are needed and not there, and how many more there are; of those
 * that the model adds to pretrained weights, or of the others. */
static uint32_t list_lacking(const Load *l, bool added, char *names, size_t size) {
  size_t used = text_format(names, size, "%s", "");
  uint32_t n = 0;
  for (uint32_t i = 0; i < l->plan->n_states; i++) {
    if (!l->needed[i] || find_state(l, i) || is_added(l, i) != added || n++ >= LISTED) continue;
    used =
        text_append(names, size, used, "%s%s", n > 1 ? ", " : "", weights_state_name(l->plan, i));
  }
  if (n > LISTED) text_append(names, size, used, " and %u more", n - LISTED);
  return n;
}

static Status check_lacking(const Load *l) {
  char names[1024], of[300] = "the plan";
  if (l->need == WEIGHTS_PROGRAM)
    text_format(of, sizeof of, "program '%s'",
                plan_text(l->plan, l->plan->programs[l->program].name));
  uint32_t n = list_lacking(l, false, names, sizeof names);
  if (n)
    return diag_error(l->diag, STATUS_INVALID, l->path,
                      "is it from another model? `graphrun train --init=F` takes what fits",
                      "lacks %u of the tensors of %s: %s", n, of, names);
  n = list_lacking(l, true, names, sizeof names);
  if (n)
    diag_warning(l->diag, l->path, NULL,
                 "are pretrained weights: what %s adds to them keeps its initial value: %s", of,
                 names);
  return STATUS_OK;
}

/* States that nothing reads need not fit: a classifier of other people does not matter to a test.
 */
static void warn_other(const Load *l) {
  if (!l->other.n) return;
  const Match *first = l->other.list;
  char more[64] = "";
  if (l->other.n > 1) text_format(more, sizeof more, ", nor do %u others", l->other.n - 1);
  file_tensor_warning(l->path, first->tensor->name, l->diag, NULL,
                      "does not fit%s: program '%s' does not read it, it keeps its initial value",
                      more, plan_text(l->plan, l->plan->programs[l->program].name));
}

static Status check_all(Load *l) {
  uint32_t found = 0, lacking = 0;
  if (l->need == WEIGHTS_PROGRAM) mark_program(l->plan, l->program, l->needed);
  for (uint32_t i = 0; i < l->plan->n_states; i++) {
    const FileTensor *t = find_state(l, i);
    if (l->need == WEIGHTS_ALL) l->needed[i] = true;
    bool optional = l->need == WEIGHTS_PROGRAM && !l->needed[i];
    found += t != NULL;
    lacking += !t && l->needed[i];
    l->pretrained = l->pretrained || (t && t == find_external(l, i));
    if (t) misfits_note(optional ? &l->other : &l->unfit, (Match){t, i});
  }
  if (!found && l->plan->n_states && (lacking || l->need == WEIGHTS_ANY))
    return names_report(l->plan, l->names.file, l->path,
                        l->need == WEIGHTS_ALL ? NAMES_ALL : NAMES_WEIGHTS, l->diag);
  TRY(misfits_report(&l->unfit,
                     "is it from a model with other sizes? compile with the -D it was made with",
                     l->diag));
  TRY(check_lacking(l));
  warn_other(l);
  return STATUS_OK;
}

static bool is_left(const Load *l, uint32_t state) {
  for (uint32_t i = 0; i < l->other.n; i++)
    if (l->other.list[i].state == state) return true;
  return false;
}

Status weights_load(Executor *x, const SafeFile *file, const char *path, WeightsNeed need,
                    uint32_t program, Diag *diag) {
  const Plan *plan = executor_plan(x);
  size_t n = plan->n_states + 1u;
  bool *needed = calloc(n, sizeof *needed);
  Match *lists = calloc(2 * n, sizeof *lists);
  Load load = {plan,
               {.file = file},
               path,
               need,
               program,
               needed,
               false,
               {.plan = plan, .path = path, .list = lists},
               {.plan = plan, .path = path, .list = lists + n},
               diag};
  if (need != WEIGHTS_ALL) names_unwrap(&load.names, plan);
  Status status = needed && lists ? check_all(&load) : diag_no_memory(diag, n * sizeof *lists);
  const Tensor *states = NULL;
  if (status == STATUS_OK) status = executor_states_read(x, &states, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_states; i++) {
    const FileTensor *t = find_state(&load, i);
    if (t && !is_left(&load, i)) file_tensor_copy(&states[i], t);
  }
  if (status == STATUS_OK) status = executor_states_write(x, diag);
  free(needed);
  free(lists);
  return status;
}

Status weights_tensors(Executor *x, SaveTensor *out, Diag *diag) {
  const Plan *plan = executor_plan(x);
  const Tensor *states;
  TRY(executor_states_read(x, &states, diag));
  for (uint32_t i = 0; i < plan->n_states; i++)
    out[i] =
        (SaveTensor){weights_state_name(plan, i), states[i].dtype, states[i].shape, states[i].data};
  return STATUS_OK;
}
