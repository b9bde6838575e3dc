/* Copies what the runtime needs to train into the plan: schedules, domains, sampler, augmentation.
 */
#include "compiler/builder.h"

#include "graph/base/array.h"
#include "graph/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t intern(Builder *b, const char *text) {
  return strings_intern(b->model->symbols->strings, text);
}

static Status add_schedule(Builder *b, const Element *el) {
  Plan *plan = b->plan;
  TRY(ARRAY_EXTEND(plan->schedules, plan->n_schedules, 1, b->diag));
  PlanSchedule *schedule = &plan->schedules[plan->n_schedules++];
  schedule->name = intern(b, attr_text(el, "name"));
  schedule->value = intern(b, attr_text(el, "value"));
  return STATUS_OK;
}

static Status add_watch(Builder *b, const Element *el) {
  Plan *plan = b->plan;
  const char *output = attr_text(el, "output");
  for (uint32_t i = 0; i < plan->n_watches; i++)
    if (plan->watches[i].output == intern(b, output))
      return element_error(b, el, "output", "one watch for each output",
                           "the output '%s' is watched already", output);
  TRY(ARRAY_EXTEND(plan->watches, plan->n_watches, 1, b->diag));
  PlanWatch *watch = &plan->watches[plan->n_watches++];
  watch->output = intern(b, output);
  watch->message = intern(b, attr_text(el, "message"));
  watch->hint = intern(b, attr_text(el, "hint"));
  watch->above = attr_float(el, "above");
  return STATUS_OK;
}

static bool valid_domain(const char *name) {
  return *name && name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789_-")] == 0;
}

static Status read_domains(Builder *b, const Element *el, PlanTraining *t) {
  char *list = arena_strdup(b->model->arena, attr_text(el, "domains")), *save = NULL;
  if (!list) return diag_no_memory(b->diag, 1);
  for (char *name = strtok_r(list, " \t\n", &save); name; name = strtok_r(NULL, " \t\n", &save)) {
    if (!valid_domain(name))
      return element_error(b, el, "domains", "use letters, digits, '_' and '-'",
                           "'%s' is no domain name", name);
    for (uint32_t i = 0; i < t->n_domains; i++)
      if (t->domains[i] == intern(b, name))
        return element_error(b, el, "domains", NULL, "domain '%s' is named twice", name);
    TRY(ARRAY_EXTEND(t->domains, t->n_domains, 1, b->diag));
    t->domains[t->n_domains++] = intern(b, name);
  }
  t->ids = calloc(t->n_domains + 1, sizeof *t->ids);
  if (!t->ids) return diag_no_memory(b->diag, sizeof *t->ids);
  const char *text = attr_text(el, "ids");
  uint32_t n = 0;
  for (char *end;; text = end) {
    long long value = strtoll(text, &end, 10);
    if (end == text) break;
    if (value < 1)
      return element_error(b, el, "ids", "`graphrun check-data DATA --defines` prints both lists",
                           "a domain has at least one identity, not %lld", value);
    if (n < t->n_domains) t->ids[n] = value;
    n++;
  }
  if (n != t->n_domains)
    return element_error(b, el, "ids", "`graphrun check-data DATA --defines` prints both lists",
                         "%u identity counts for %u domains", n, t->n_domains);
  return STATUS_OK;
}

/* Keeps the model's own words of an element. */
static Status keep_written(Builder *b, const Element *el) {
  Plan *plan = b->plan;
  TRY(ARRAY_EXTEND(plan->written, plan->n_written, el->n_attrs, b->diag));
  for (uint32_t i = 0; i < el->n_attrs; i++) {
    PlanWritten *written = &plan->written[plan->n_written++];
    written->element = intern(b, el->tag);
    written->attribute = intern(b, el->attrs[i].name);
    written->text = intern(b, el->attrs[i].written);
    written->loc = el->attrs[i].loc;
  }
  return STATUS_OK;
}

static Status read_training(Builder *b, const Element *el) {
  PlanTraining *t = &b->plan->training;
  b->plan->has_training = true;
  t->epochs = attr_int(el, "epochs");
  t->warmup_epochs = attr_int(el, "warmup-epochs");
  t->steps = attr_int(el, "steps");
  t->warmup_steps = attr_int(el, "warmup-steps");
  t->choose = attr_is(el, "choose", "uniform");
  TRY(keep_written(b, el));
  return read_domains(b, el, t);
}

static Status read_sampler(Builder *b, const Element *el) {
  b->plan->has_sampler = true;
  int64_t sharers = b->plan->local ? b->plan->ranks : 1; /* the model's sizes are a rank's */
  b->plan->sampler =
      (PlanSampler){attr_is(el, "kind", "shuffle"), attr_int(el, "batch-ids") * sharers,
                    attr_int(el, "batch-images")};
  return keep_written(b, el);
}

static Status read_augment(Builder *b, const Element *el) {
  b->plan->has_augment = true;
  b->plan->augment = (PlanAugment){.height = attr_int(el, "height"),
                                   .width = attr_int(el, "width"),
                                   .pad_crop = attr_int(el, "pad-crop"),
                                   .flip = attr_float(el, "flip"),
                                   .jitter = attr_float(el, "jitter"),
                                   .brightness = attr_float(el, "brightness"),
                                   .contrast = attr_float(el, "contrast"),
                                   .saturation = attr_float(el, "saturation"),
                                   .hue = attr_float(el, "hue"),
                                   .erase = attr_float(el, "erase"),
                                   .erase_min = attr_float(el, "erase-min"),
                                   .erase_max = attr_float(el, "erase-max"),
                                   .erase_aspect = attr_float(el, "erase-aspect")};
  if (b->plan->augment.erase_min > b->plan->augment.erase_max)
    return element_error(b, el, "erase-min", NULL, "erase-min %s is above erase-max %s",
                         attr_text(el, "erase-min"), attr_text(el, "erase-max"));
  return STATUS_OK;
}

#define STEPS_TRIED 10000

/* The length of the model itself; that of a trial when it is in epochs, whose steps depend on the
 * data, or none that training takes. */
static bool own_length(const PlanTraining *t, ScheduleStep *out) {
  int64_t warmup = t->warmup_steps;
  if (warmup < 0)
    warmup = t->epochs > 0
                 ? (int64_t)floor((double)t->steps * (double)t->warmup_epochs / (double)t->epochs)
                 : 0;
  bool own = t->steps > 0 && warmup < t->steps;
  *out = own ? (ScheduleStep){0, t->steps, warmup} : (ScheduleStep){0, 100, 10};
  return own;
}

static Status schedule_error(const Builder *b, const ScheduleStep *at, bool own,
                             const ScheduleError *error) {
  const Element *el = b->model->root->first_child;
  for (uint32_t n = 0; el; el = el->next)
    if (strcmp(el->tag, "schedule") == 0 && n++ == error->schedule) break;
  return element_error(b, el, "value", *error->hint ? error->hint : NULL,
                       "schedule '%s' at step %lld of %lld%s: %s", attr_text(el, "name"),
                       (long long)at->step, (long long)at->total_steps,
                       own ? "" : ", a length to try it with", error->text);
}

/* Every expression is tried at all steps of a model's own length, or at so many of a longer one
 * and where it and the warm-up begin and end. */
static Status check_schedules(Builder *b) {
  ScheduleStep at;
  bool own = own_length(&b->plan->training, &at);
  double *values = calloc(b->plan->n_schedules + 1, sizeof *values);
  Arena *scratch = arena_create();
  Status status = values && scratch
                      ? STATUS_OK
                      : diag_no_memory(b->diag, b->plan->n_schedules * sizeof *values);
  const int64_t ends[] = {0, at.total_steps - 1, at.warmup_steps - 1, at.warmup_steps};
  int64_t stride = at.total_steps / STEPS_TRIED + 1, n_ends = sizeof ends / sizeof *ends;
  int64_t n = b->plan->n_schedules ? n_ends + (own ? at.total_steps / stride : 0) : 0;
  for (int64_t i = 0; i < n && status == STATUS_OK; i++) {
    ScheduleError error;
    at.step = i < n_ends ? ends[i] : (i - n_ends) * stride;
    if (at.step >= 0 && !plan_schedule_values(b->plan, &at, scratch, values, &error))
      status = schedule_error(b, &at, own, &error);
  }
  arena_destroy(scratch);
  free(values);
  return status;
}

Status training_build(Builder *b) {
  static const struct {
    const char *tag;
    Status (*read)(Builder *, const Element *);
    bool once;
  } readers[] = {{"schedule", add_schedule, false},
                 {"watch", add_watch, false},
                 {"training", read_training, true},
                 {"sampler", read_sampler, true},
                 {"augment", read_augment, true}};
  for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
    const Element *first = NULL;
    for (const Element *el = b->model->root->first_child; el; el = el->next) {
      if (strcmp(el->tag, readers[i].tag) != 0) continue;
      if (first && readers[i].once)
        return element_error(b, el, NULL, NULL, "%s is given twice (line %u)", el->tag,
                             b->model->symbols->locs[first->loc].line);
      first = el;
      TRY(readers[i].read(b, el));
    }
  }
  return check_schedules(b);
}

/* ---- schedules and the inputs they feed ---- */

static bool is_word(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* True when an expression uses a name. */
static bool uses(const char *text, const char *name) {
  size_t n = strlen(name);
  for (const char *at = text; (at = strstr(at, name)); at++)
    if ((at == text || !is_word(at[-1])) && !is_word(at[n])) return true;
  return false;
}

/* What training supplies by itself: a schedule of that name would never be asked. */
static Status check_name(const Builder *b, const Element *el) {
  static const char *const supplied[] = {"seed", "step", "images", "labels"}, *const known[] = {
                                                                                  "pi",
                                                                                  "total_steps",
                                                                                  "warmup_steps"};
  const char *name = attr_text(el, "name");
  for (size_t i = 0; i < sizeof supplied / sizeof *supplied; i++)
    if (strcmp(name, supplied[i]) == 0)
      return element_error(b, el, "name", "give the input and its schedule another name",
                           "training supplies '%s' by itself", name);
  if (strcmp(name, "program") == 0)
    return element_error(b, el, "name", "give the input and its schedule another name",
                         "each line of metrics.jsonl has a 'program' already, which is what ran");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    for (const Element *later = el->next; later; later = later->next)
      if (strcmp(name, known[i]) == 0 && strcmp(later->tag, "schedule") == 0 &&
          uses(attr_text(later, "value"), name))
        return element_error(b, later, "value", "give the schedule another name",
                             "'%s' is known to every schedule, and the name of one (line %u)", name,
                             b->model->symbols->locs[el->loc].line);
  return STATUS_OK;
}

static Status check_schedule(const Builder *b, const Element *el) {
  TRY(check_name(b, el));
  const char *own = attr_text(el, "name"), *names[64];
  size_t n = 0;
  for (uint32_t i = 0; i < b->plan->n_programs; i++) {
    const PlanProgram *p = &b->plan->programs[i];
    const PlanInput *in = plan_input_find(p, own);
    if (in && !in->shape.rank) return STATUS_OK;
    for (uint32_t k = 0; k < p->n_inputs && n < 64; k++)
      if (!p->inputs[k].shape.rank) names[n++] = plan_text(b->plan, p->inputs[k].name);
  }
  for (const Element *later = el->next; later; later = later->next)
    if (strcmp(later->tag, "schedule") == 0 && uses(attr_text(later, "value"), own))
      return STATUS_OK;
  const char *near = diag_nearest(own, names, n);
  char hint[200];
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  return element_error(b, el, "name", near ? hint : "a schedule has the name of a scalar <input>",
                       "no program has an input '%s'", own);
}

/* A watch names a scalar output of a program of training. */
static Status check_watch(const Builder *b, const Element *el) {
  const char *own = attr_text(el, "output"), *names[64];
  size_t n = 0;
  for (uint32_t i = 0; i < b->plan->n_programs; i++) {
    const PlanProgram *p = &b->plan->programs[i];
    for (uint32_t k = 0; p->kind == PROGRAM_TRAIN && k < p->graph->n_outputs; k++) {
      const Output *output = &p->graph->outputs[k];
      if (!output->declared || p->graph->nodes[output->node].shape.rank) continue;
      const char *name = graph_text(p->graph, output->name);
      if (strcmp(name, own) == 0) return STATUS_OK;
      if (n < 64) names[n++] = name;
    }
  }
  const char *near = diag_nearest(own, names, n);
  char hint[200];
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  return element_error(b, el, "output", near ? hint : "<output> makes one, of a single number",
                       "no program of training has a scalar output '%s'", own);
}

Status training_check_inputs(Builder *b) {
  Status status = STATUS_OK;
  for (const Element *el = b->model->root->first_child; el; el = el->next) {
    Status s = strcmp(el->tag, "schedule") == 0 ? check_schedule(b, el)
               : strcmp(el->tag, "watch") == 0  ? check_watch(b, el)
                                                : STATUS_OK;
    if (status == STATUS_OK) status = s;
  }
  return status;
}
