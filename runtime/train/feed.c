/* Sets the inputs of a training step.  What a step may read besides images and labels: seed, step
 * and the plan's schedules; anything else is refused before the first step. */
#include "runtime/train/feed.h"

#include "graph/base/philox.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The inputs of one training program; an input that it does not read has no data. */
typedef struct Inputs {
  uint32_t program;
  Tensor images, labels, seed, step;
  Tensor *schedules; /* of each schedule */
} Inputs;

struct Feed {
  const Plan *plan;
  const Schedule *schedule;
  uint64_t seed, site;
  Inputs *inputs; /* training programs, in the plan's order */
  uint32_t n;
  double *values, *shown; /* of the schedules: as they were set, and as they are told */
  Arena *scratch;         /* of their evaluation */
};

/* The input of that name that a training program needs; NULL when none does. */
static const PlanInput *find_input(const Plan *plan, const char *name) {
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    const PlanInput *in = p->kind == PROGRAM_TRAIN ? plan_input_find(p, name) : NULL;
    if (in && in->node) return in;
  }
  return NULL;
}

bool feed_needs_data(const Plan *plan) {
  return find_input(plan, "images") || find_input(plan, "labels");
}

int64_t feed_images(const Plan *plan) {
  const PlanInput *in = find_input(plan, "images");
  if (!in) in = find_input(plan, "labels");
  int64_t ranks = plan->local ? plan->ranks : 1;
  return in && in->shape.rank >= 2 ? in->shape.dim[0] * in->shape.dim[1] * ranks : 0;
}

/* True when nothing but rank-parts reads the value, through reshapes. */
static bool is_parted(const Graph *g, NodeId value, bool *views) {
  bool parted = false;
  memset(views, 0, g->n_nodes * sizeof *views);
  views[value] = true;
  for (NodeId id = value + 1; id < g->n_nodes; id++)
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      if (!views[node_input(g, id, i)]) continue;
      if (g->nodes[id].op == OP_RESHAPE)
        views[id] = true;
      else if (g->nodes[id].op == OP_RANK_PART)
        parted = true;
      else
        return false;
    }
  return parted;
}

bool feed_is_parted(const Plan *plan) {
  bool parted = plan->ranks > 1;
  for (uint32_t i = 0; parted && !plan->local && i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    const PlanInput *in = p->kind == PROGRAM_TRAIN ? plan_input_find(p, "images") : NULL;
    if (!in || !in->node) continue;
    bool *views = calloc(p->graph->n_nodes, sizeof *views);
    parted = views &&
             is_parted(p->graph, in->node, views); /* without memory: all rows, which is right */
    free(views);
  }
  return parted;
}

/* ---- finding inputs ---- */

static Tensor *slot(const Feed *feed, Inputs *inputs, const char *name) {
  if (strcmp(name, "images") == 0) return &inputs->images;
  if (strcmp(name, "labels") == 0) return &inputs->labels;
  if (strcmp(name, "seed") == 0) return &inputs->seed;
  if (strcmp(name, "step") == 0) return &inputs->step;
  uint32_t schedule = plan_schedule_find(feed->plan, name);
  return schedule == UINT32_MAX ? NULL : &inputs->schedules[schedule];
}

static void find_inputs(const Feed *feed, const Executor *x, Inputs *inputs) {
  const PlanProgram *p = &feed->plan->programs[inputs->program];
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const char *name = plan_text(feed->plan, p->inputs[i].name);
    Tensor *t = p->inputs[i].node ? slot(feed, inputs, name) : NULL;
    if (t) executor_input(x, inputs->program, name, t);
  }
}

static bool chooses(const Plan *plan) {
  return plan->has_training && plan->training.choose == 1;
}

/* Programs that a step may run. */
static bool is_trained(const Plan *plan, uint32_t program) {
  const PlanProgram *p = &plan->programs[program];
  return p->kind == PROGRAM_TRAIN && (!chooses(plan) || p->held_out);
}

/* Whole numbers up to it are exact in the type. */
static int64_t most_of(DType dtype) {
  const DTypeDesc *d = dtype_desc(dtype);
  if (d->exact == 63) return INT64_MAX;
  return d->is_float ? (int64_t)1 << d->exact : (int64_t)d->largest;
}

/* Seed and step become what the input's type makes of them: another seed, a step that stands. */
static Status check_counts(const Feed *feed, const Inputs *inputs, Diag *diag) {
  const struct {
    const char *name;
    const Tensor *input;
    int64_t value;
  } counts[] = {{"seed", &inputs->seed, (int64_t)feed->seed},
                {"step", &inputs->step, feed->schedule->total_steps - 1}};
  for (int i = 0; i < 2; i++) {
    const Tensor *t = counts[i].input;
    if (!t->data || counts[i].value <= most_of(t->dtype)) continue;
    return diag_error(diag, STATUS_INVALID, plan_place(feed->plan),
                      i == 0 ? "declare it with dtype=\"i64\", or give a smaller --seed"
                             : "declare it with dtype=\"i64\"",
                      "the %s %" PRId64 " does not fit into the input '%s' of program '%s', %s",
                      i == 0 ? "seed" : "last step", counts[i].value, counts[i].name,
                      plan_text(feed->plan, feed->plan->programs[inputs->program].name),
                      dtype_name(t->dtype));
  }
  return STATUS_OK;
}

static Status find_programs(Feed *feed, const Executor *x, Diag *diag) {
  const Plan *plan = feed->plan;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    if (!is_trained(plan, i)) continue;
    Inputs *inputs = &feed->inputs[feed->n++];
    *inputs = (Inputs){i, .schedules = calloc(plan->n_schedules + 1u, sizeof(Tensor))};
    if (!inputs->schedules) return diag_no_memory(diag, plan->n_schedules * sizeof(Tensor));
    find_inputs(feed, x, inputs);
    TRY(check_counts(feed, inputs, diag));
  }
  return STATUS_OK;
}

/* ---- what can be trained ---- */

static bool is_supplied(const Plan *plan, const char *name, bool *scalar) {
  *scalar = strcmp(name, "images") != 0 && strcmp(name, "labels") != 0;
  if (!*scalar || strcmp(name, "seed") == 0 || strcmp(name, "step") == 0) return true;
  return plan_schedule_find(plan, name) != UINT32_MAX;
}

static Status check_inputs(const Plan *plan, uint32_t program, Diag *diag) {
  const PlanProgram *p = &plan->programs[program];
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    if (!p->inputs[i].node) continue;
    const char *name = plan_text(plan, p->inputs[i].name);
    bool scalar;
    if (!is_supplied(plan, name, &scalar))
      status = diag_error(diag, STATUS_INVALID, plan_place(plan),
                          "training supplies images, labels, seed, step and what has a <schedule>",
                          "nothing supplies the input '%s' of program '%s'", name,
                          plan_text(plan, p->name));
    else if (scalar && p->inputs[i].shape.rank)
      status =
          diag_error(diag, STATUS_INVALID, plan_place(plan), "a schedule is one number",
                     "the input '%s' of program '%s' is no scalar", name, plan_text(plan, p->name));
  }
  return status;
}

Status feed_check(const Plan *plan, Diag *diag) {
  const char *names[2] = {NULL, NULL};
  uint32_t n = 0;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    if (!is_trained(plan, i)) continue;
    TRY(check_inputs(plan, i, diag));
    if (n < 2) names[n] = plan_text(plan, plan->programs[i].name);
    n++;
  }
  if (!n)
    return diag_error(diag, STATUS_INVALID, plan_place(plan),
                      chooses(plan)
                          ? "choose=\"uniform\" draws among training programs with held-out"
                          : "it takes a <program kind=\"train\">",
                      "the model has no program to train with");
  if (!chooses(plan) && n > 1)
    return diag_error(diag, STATUS_INVALID, plan_place(plan),
                      "<training choose=\"uniform\"> draws one of them each step",
                      "the model has %u training programs ('%s', '%s', ...)", n, names[0],
                      names[1]);
  return STATUS_OK;
}

/* ---- its life ---- */

Status feed_create(const Executor *x, const Schedule *schedule, uint64_t seed, Diag *diag,
                   Feed **out_feed) {
  *out_feed = NULL;
  const Plan *plan = executor_plan(x);
  Feed *feed = calloc(1, sizeof *feed);
  if (!feed) return diag_no_memory(diag, sizeof *feed);
  *feed = (Feed){.plan = plan, .schedule = schedule, .seed = seed, .site = philox_site("held-out")};
  feed->inputs = calloc(plan->n_programs + 1u, sizeof *feed->inputs);
  feed->values = calloc(plan->n_schedules + 1u, sizeof *feed->values);
  feed->shown = calloc(plan->n_schedules + 1u, sizeof *feed->shown);
  feed->scratch = arena_create();
  Status status = feed->inputs && feed->values && feed->shown && feed->scratch
                      ? find_programs(feed, x, diag)
                      : diag_no_memory(diag, plan->n_programs * sizeof *feed->inputs);
  if (status != STATUS_OK) {
    feed_destroy(feed);
    return status;
  }
  *out_feed = feed;
  return STATUS_OK;
}

void feed_destroy(Feed *feed) {
  if (!feed) return;
  for (uint32_t i = 0; feed->inputs && i < feed->n; i++) free(feed->inputs[i].schedules);
  free(feed->inputs);
  free(feed->values);
  free(feed->shown);
  arena_destroy(feed->scratch);
  free(feed);
}

/* ---- a step ---- */

uint32_t feed_program(const Feed *feed, int64_t step) {
  uint64_t i = feed->n > 1 ? philox_below(feed->seed, (uint64_t)step, feed->site, 0, feed->n) : 0;
  return feed->inputs[i].program;
}

static const Inputs *inputs_of(const Feed *feed, uint32_t program) {
  const Inputs *inputs = feed->inputs;
  while (inputs->program != program) inputs++;
  return inputs;
}

/* Not through a double, which holds no 64 bits. */
static void set_integer(const Tensor *t, uint64_t value) {
  if (!t->data) return;
  if (t->dtype == DTYPE_I64)
    memcpy(t->data, &value, sizeof value);
  else
    tensor_set(t, 0, (double)value);
}

Status feed_scalars(Feed *feed, uint32_t program, int64_t step, Diag *diag) {
  const Inputs *inputs = inputs_of(feed, program);
  TRY(schedule_at(feed->schedule, step, feed->scratch, feed->values, diag));
  set_integer(&inputs->seed, feed->seed);
  set_integer(&inputs->step, (uint64_t)step);
  for (uint32_t i = 0; i < feed->plan->n_schedules; i++) {
    const Tensor *to = &inputs->schedules[i];
    if (!to->data) continue;
    TRY(schedule_check(feed->plan, i, step, feed->values[i], to->dtype, diag));
    tensor_set(to, 0, feed->values[i]);
  }
  return STATUS_OK;
}

Status feed_batch(const Feed *feed, uint32_t program, Loader *loader, Diag *diag) {
  const Inputs *inputs = inputs_of(feed, program);
  return loader_next(loader, inputs->images.data ? &inputs->images : NULL,
                     inputs->labels.data ? &inputs->labels : NULL, diag);
}

void feed_show(Feed *feed) {
  memcpy(feed->shown, feed->values, feed->plan->n_schedules * sizeof *feed->shown);
}

double feed_schedule(const Feed *feed, uint32_t i) {
  return feed->shown[i];
}
