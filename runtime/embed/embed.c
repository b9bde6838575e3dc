/* A plan's life in another program, and what it holds. */
#include "runtime/embed/embed.h"

#include "graph/base/text.h"
#include "graph/base/threads.h"
#include "runtime/device/find.h"
#include "runtime/execute/init.h"
#include "runtime/execute/open.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <build.inc>

static_assert(GRAPHRUN_F32 == (int)DTYPE_F32 && GRAPHRUN_F64 == (int)DTYPE_F64 &&
                  GRAPHRUN_I32 == (int)DTYPE_I32 && GRAPHRUN_I64 == (int)DTYPE_I64 &&
                  GRAPHRUN_BOOL == (int)DTYPE_BOOL,
              "types of values are numbered alike");
static_assert(GRAPHRUN_INVALID == (int)STATUS_INVALID && GRAPHRUN_USAGE == (int)STATUS_USAGE &&
                  GRAPHRUN_NO_FIT == (int)STATUS_NO_FIT && GRAPHRUN_SYSTEM == (int)STATUS_SYSTEM,
              "and so is what went wrong");

int graphrun_api_version(void) {
  return GRAPHRUN_API;
}

const char *graphrun_version(void) {
  return BUILD_VERSION;
}

int graphrun_plan_version(void) {
  return PLAN_VERSION;
}

/* ---- calls ---- */

EmbedCall embed_begin(graphrun_plan *plan) {
  diag_clear(plan->diag);
  return (EmbedCall){plan, uselocale(plan->plain)};
}

Status embed_nothing(graphrun_plan *plan, const char *what, const char *of) {
  return diag_error(plan->diag, STATUS_USAGE, plan_place(plan->plan), NULL,
                    of ? "%s of '%s' is NULL" : "%s is NULL", what, of);
}

graphrun_status embed_end(const EmbedCall *call, Status status) {
  graphrun_plan *plan = call->plan;
  free(plan->message);
  plan->message = NULL;
  if (diag_entry(plan->diag, 0)) {
    size_t size = 0;
    FILE *out = open_memstream(&plan->message, &size);
    if (out) {
      diag_print(plan->diag, out);
      fclose(out);
    }
  }
  uselocale(call->before);
  return (graphrun_status)status;
}

const char *graphrun_message(const graphrun_plan *plan) {
  if (!plan) return "plan: error: is NULL\nhint: graphrun_open makes one, and says why not\n";
  return plan->message ? plan->message : "";
}

Status embed_unknown(graphrun_plan *plan, const char *what, const char *name,
                     const char *const *names, size_t n) {
  if (!name) return embed_nothing(plan, what, NULL);
  char hint[300] = "graphrun info lists what the plan has";
  const char *near = diag_nearest(name, names, n);
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  return diag_error(plan->diag, STATUS_USAGE, plan_place(plan->plan), hint, "has no %s '%s'", what,
                    name);
}

Status embed_program(graphrun_plan *plan, const char *name, uint32_t *out) {
  *out = name ? plan_program_find(plan->plan, name) : UINT32_MAX;
  if (*out != UINT32_MAX) return STATUS_OK;
  return embed_unknown(plan, "program", name, (const char *const *)plan->program_names,
                       plan->plan->n_programs);
}

/* ---- life ---- */

static Status open_executor(graphrun_plan *p, const char *path, const graphrun_options *o) {
  const DeviceTable *device;
  ExecutorOptions options = {.threads = o->threads ? o->threads : threads_default(),
                             .program = EXECUTOR_ALL};
  if (o->threads > THREADS_MAX)
    return diag_error(p->diag, STATUS_USAGE, "threads", NULL, "at most %d, not %u", THREADS_MAX,
                      o->threads);
  p->device = strdup(o->device ? o->device : DEVICE_DEFAULT);
  if (!p->device) return diag_no_memory(p->diag, 1);
  TRY(device_choose(p->device, p->diag, &device, &options.wishes));
  options.wishes.tf32 = o->tf32 != 0;
  options.wishes.no_graph = o->no_graph != 0;
  if (!device->grants) TRY(device_wishes_none(device->name, &options.wishes, p->diag));
  if (device->present) TRY(device->present(&options.wishes, p->diag));
  options.device = device;
  TRY(plan_open(path, device, p->diag, &p->plan));
  TRY(plan_fits_wishes(p->plan, &options.wishes, p->diag));
  const Plan *plan = p->plan;
  p->program_names = calloc((size_t)plan->n_programs + 1, sizeof *p->program_names);
  p->inputs = calloc((size_t)plan->n_programs + 1, sizeof *p->inputs);
  if (!p->program_names || !p->inputs) return diag_no_memory(p->diag, plan->n_programs);
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *program = &plan->programs[i];
    p->program_names[i] = (char *)(uintptr_t)plan_text(plan, program->name);
    p->inputs[i] = calloc((size_t)program->n_inputs + 1, sizeof **p->inputs);
    if (!p->inputs[i]) return diag_no_memory(p->diag, program->n_inputs);
  }
  if (o->program) TRY(embed_program(p, o->program, &options.program));
  TRY(executor_create_with(plan, &options, p->diag, &p->executor));
  return init_states(p->executor, 0, p->diag);
}

/* What the caller's struct has; what it is too old for is zero. */
static Status take_options(const graphrun_options *given, graphrun_options *out, Diag *diag) {
  *out = (graphrun_options){.size = sizeof *out};
  if (!given) return STATUS_OK;
  if (given->size < offsetof(graphrun_options, device) || given->size > sizeof *out)
    return diag_error(diag, STATUS_USAGE, "options", "options.size = sizeof(graphrun_options)",
                      given->size > sizeof *out ? "they are those of a newer library"
                                                : "their size is not set");
  memcpy(out, given, given->size);
  return STATUS_OK;
}

graphrun_status graphrun_open(const char *path, const graphrun_options *given,
                              graphrun_plan **out_plan, char *message, size_t size) {
  if (!out_plan) {
    if (message && size) text_format(message, size, "out_plan: error: is NULL\n");
    return GRAPHRUN_USAGE;
  }
  *out_plan = NULL;
  if (message && size) text_format(message, size, "out of memory\n");
  graphrun_plan *p = calloc(1, sizeof *p);
  if (!p) return GRAPHRUN_SYSTEM;
  p->ran = UINT32_MAX;
  p->diag = diag_create();
  p->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!p->diag || !p->plain) {
    graphrun_close(p);
    return GRAPHRUN_SYSTEM;
  }
  EmbedCall call = embed_begin(p);
  graphrun_options options;
  Status status = take_options(given, &options, p->diag);
  if (status == STATUS_OK && !path)
    status = diag_error(p->diag, STATUS_USAGE, "path", NULL, "no plan is named");
  if (status == STATUS_OK) status = open_executor(p, path, &options);
  graphrun_status code = embed_end(&call, status);
  if (message && size) text_format(message, size, "%s", graphrun_message(p));
  if (code == GRAPHRUN_OK)
    *out_plan = p;
  else
    graphrun_close(p);
  return code;
}

void graphrun_close(graphrun_plan *p) {
  if (!p) return;
  executor_destroy(p->executor);
  for (uint32_t i = 0; p->plan && p->inputs && i < p->plan->n_programs; i++) {
    for (uint32_t k = 0; p->inputs[i] && k < p->plan->programs[i].n_inputs; k++)
      free(p->inputs[i][k].data);
    free(p->inputs[i]);
  }
  free(p->inputs);
  free(p->program_names);
  plan_destroy(p->plan);
  diag_destroy(p->diag);
  if (p->plain) freelocale(p->plain);
  free(p->device);
  free(p->message);
  free(p);
}

/* ---- what it holds ---- */

const char *graphrun_model(const graphrun_plan *p) {
  return p ? plan_text(p->plan, p->plan->model_name) : NULL;
}

size_t graphrun_program_count(const graphrun_plan *p) {
  return p ? p->plan->n_programs : 0;
}

const char *graphrun_program_name(const graphrun_plan *p, size_t index) {
  return p && index < p->plan->n_programs ? p->program_names[index] : NULL;
}

void embed_describe(const graphrun_plan *p, uint32_t name, DType dtype, const Shape *shape,
                    graphrun_value *out) {
  *out = (graphrun_value){.name = plan_text(p->plan, name),
                          .type = (graphrun_type)dtype,
                          .rank = shape->rank,
                          .shape = shape->dim,
                          .bytes = (size_t)shape_count(shape) * dtype_size(dtype)};
}

size_t graphrun_value_count(const graphrun_plan *p, const char *program, graphrun_kind kind) {
  if (!p) return 0;
  uint32_t i = program ? plan_program_find(p->plan, program) : UINT32_MAX;
  if (kind == GRAPHRUN_STATE) return p->plan->n_states;
  if (i == UINT32_MAX || (kind != GRAPHRUN_INPUT && kind != GRAPHRUN_OUTPUT)) return 0;
  return kind == GRAPHRUN_INPUT ? p->plan->programs[i].n_inputs
                                : p->plan->programs[i].graph->n_outputs;
}

int graphrun_value_at(const graphrun_plan *p, const char *program, graphrun_kind kind, size_t index,
                      graphrun_value *out) {
  if (!out || index >= graphrun_value_count(p, program, kind)) return 0;
  const Plan *plan = p->plan;
  if (kind == GRAPHRUN_STATE) {
    const State *s = &plan->states[index];
    embed_describe(p, s->name, (DType)s->dtype, &s->shape, out);
    return 1;
  }
  const PlanProgram *own = &plan->programs[plan_program_find(plan, program)];
  if (kind == GRAPHRUN_INPUT) {
    const PlanInput *in = &own->inputs[index];
    embed_describe(p, in->name, (DType)in->dtype, &in->shape, out);
    return 1;
  }
  const Graph *g = own->graph;
  const Node *node = &g->nodes[g->outputs[index].node];
  embed_describe(p, 0, (DType)node->dtype, &node->shape, out);
  out->name = graph_text(g, g->outputs[index].name);
  return 1;
}
