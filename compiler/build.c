/* Builds a plan's states, programs and training data from a closed model. */
#include "compiler/build.h"

#include "compiler/builder.h"
#include "compiler/inputs.h"
#include "compiler/rewrite.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static bool matches(const char *const *globs, uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (fnmatch(globs[i], name, 0) == 0) return true;
  return false;
}

/* What a fetch of that name gives: an output, or a state as it is after the step; NODE_NONE:
 * neither.  *what says which. */
static NodeId fetched(const ProgramBuilder *p, uint32_t name, const char **what) {
  const Graph *g = p->e.graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (g->outputs[i].name == name) {
      *what = "the output";
      return g->outputs[i].node;
    }
  *what = "the state";
  uint32_t state = plan_state_find(p->b->plan, graph_text(g, name));
  for (NodeId id = 1; id < g->n_nodes && state != UINT32_MAX; id++)
    if (g->nodes[id].op == OP_STATE && node_attr_int(g, id, STATE_INDEX) == state) return id;
  return NODE_NONE;
}

/* A value that --keep asks for and that cannot be had, because an output or a state, which is
 * another value, has its name. */
static void warn_hidden(const ProgramBuilder *p, uint32_t name, NodeId node) {
  const Model *model = p->b->model;
  const char *what;
  if (fetched(p, name, &what) == node) return;
  source_warning(model->sources, model->symbols, p->b->diag, p->e.graph->nodes[node].stamp.loc,
                 "give one of them another name",
                 "--keep: the value '%s' cannot be fetched: %s of this name is another value",
                 graph_text(p->e.graph, name), what);
}

/* --keep: every named value that matches becomes an output, in order of definition; then values
 * named inside composites (selections).  States can be fetched anyway. */
static Status keep_values(ProgramBuilder *p) {
  const BuildOptions *o = p->b->options;
  Graph *g = p->e.graph;
  if (o->n_keep == 0) return STATUS_OK;
  TRY(fields_name_components(p));
  Strings *strings = p->b->model->symbols->strings;
  bool *taken = calloc(strings_count(strings) + 1, sizeof *taken);
  if (!taken) return diag_no_memory(p->b->diag, strings_count(strings));
  for (uint32_t i = 0; i < g->n_outputs; i++) taken[g->outputs[i].name] = true;
  for (uint32_t i = 0; i < p->b->plan->n_states; i++) taken[p->b->plan->states[i].name] = true;
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < p->n_names && status == STATUS_OK; i++) {
    uint32_t name = p->names[i];
    NodeId node = p->value_by_string[name];
    if (node == NODE_POISON || !matches(o->keep, o->n_keep, strings_text(strings, name))) continue;
    if (taken[name])
      warn_hidden(p, name, node);
    else
      status = graph_add_output(g, name, node, false);
    taken[name] = true;
  }
  for (NodeId id = 1; id < g->n_nodes && status == STATUS_OK; id++) {
    uint32_t name = g->nodes[id].name;
    if (!name || taken[name] || !matches(o->keep, o->n_keep, strings_text(strings, name))) continue;
    taken[name] = true;
    status = graph_add_output(g, name, id, false);
  }
  free(taken);
  return status;
}

static ProgramKind program_kind(const Element *el) {
  if (attr_is(el, "kind", "train")) return PROGRAM_TRAIN;
  if (attr_is(el, "kind", "evaluate")) return PROGRAM_EVALUATE;
  if (attr_is(el, "kind", "extract")) return PROGRAM_EXTRACT;
  return PROGRAM_OTHER;
}

static void program_free(ProgramBuilder *p) {
  emitter_free(&p->e);
  free(p->value_by_string);
  free(p->names);
  free(p->fields);
  free(p->committed);
}

/* --input: what no longer is needed then stays declared. */
static Status make_inputs(Builder *b, PlanProgram *program) {
  const BuildOptions *o = b->options;
  TRY(inputs_declare_named(b->plan, program, o->inputs, o->n_inputs, b->model->sources, b->diag));
  return rewrite_inputs(&program->graph, o->inputs, o->n_inputs, b->diag);
}

static Status build_program(Builder *b, const Element *el, PlanProgram *out) {
  Strings *strings = b->model->symbols->strings;
  *out = (PlanProgram){.name = strings_intern(strings, attr_text(el, "name")),
                       .kind = (uint8_t)program_kind(el)};
  if (*attr_text(el, "held-out"))
    out->held_out = strings_intern(strings, attr_text(el, "held-out"));
  out->graph = graph_create(b->model->symbols);
  if (!out->graph) return diag_no_memory(b->diag, sizeof(Graph));
  ProgramBuilder p = {.b = b, .program = el};
  p.committed = calloc(b->plan->n_states + 1, sizeof *p.committed);
  Status status = p.committed ? STATUS_OK : diag_no_memory(b->diag, b->plan->n_states);
  if (status == STATUS_OK)
    status =
        emitter_init(&p.e, out->graph, b->options->precision->storage, b->diag, b->model->sources);
  p.e.ranks = b->plan->local && out->kind == PROGRAM_TRAIN ? b->plan->ranks : 0;
  if (status == STATUS_OK) status = fields_init(&p);
  Scope top = {.path = "", .param_path = ""};
  if (status == STATUS_OK) status = elements_build(&p, el, &top);
  if (status == STATUS_OK) status = names_check(&p);
  if (status == STATUS_OK) fields_warn_unread(&p);
  if (status == STATUS_OK) status = keep_values(&p);
  if (status == STATUS_OK && out->graph->n_outputs + out->graph->n_commits == 0)
    status = element_error(b, el, NULL, "add <output> or <commit> elements",
                           "program '%s' computes nothing", attr_text(el, "name"));
  if (status == STATUS_OK && out->kind == PROGRAM_TRAIN && out->graph->n_commits == 0)
    source_warning(b->model->sources, b->model->symbols, b->diag, el->loc,
                   "<commit field=\"theta\" value=\"theta - ... * G\"/>, or <sgd> of lib/optim.xml",
                   "training program '%s' commits nothing: its parameters stay as they are",
                   attr_text(el, "name"));
  program_free(&p);
  if (status == STATUS_OK) status = inputs_declare(b->plan, out, b->model->sources, b->diag);
  if (status == STATUS_OK && b->options->n_inputs) status = make_inputs(b, out);
  return status;
}

static Status build_programs(Builder *b) {
  uint32_t n = 0;
  for (const Element *el = b->model->root->first_child; el; el = el->next)
    n += strcmp(el->tag, "program") == 0;
  if (n == 0)
    return element_error(b, b->model->root, NULL, "add a <program> element",
                         "the model has no program");
  b->plan->programs = calloc(n, sizeof *b->plan->programs);
  if (!b->plan->programs) return diag_no_memory(b->diag, n * sizeof *b->plan->programs);
  for (const Element *el = b->model->root->first_child; el; el = el->next) {
    if (strcmp(el->tag, "program") != 0) continue;
    if (plan_program_find(b->plan, attr_text(el, "name")) != UINT32_MAX)
      return element_error(b, el, "name", NULL, "program '%s' exists already",
                           attr_text(el, "name"));
    /* Programs share templates: the errors of the first one that fails are enough. */
    TRY(build_program(b, el, &b->plan->programs[b->plan->n_programs++]));
  }
  return STATUS_OK;
}

static Status copy_params(Builder *b) {
  uint32_t n = b->model->n_params;
  b->plan->params = calloc(n + 1, sizeof *b->plan->params);
  if (!b->plan->params) return diag_no_memory(b->diag, n * sizeof *b->plan->params);
  Strings *strings = b->model->symbols->strings;
  for (uint32_t i = 0; i < n; i++) {
    PlanParam *param = &b->plan->params[i];
    param->name = strings_intern(strings, b->model->params[i].name);
    param->value = strings_intern(strings, b->model->params[i].value);
  }
  b->plan->n_params = n;
  return STATUS_OK;
}

static Status hash_model(Builder *b) {
  size_t length;
  char *text = model_expand(b->model, &length);
  if (!text) return diag_no_memory(b->diag, 1 << 20);
  b->plan->model_hash = XXH3_64bits(text, length);
  free(text);
  return STATUS_OK;
}

Status build_plan(const Model *model, const BuildOptions *options, Diag *diag, Plan **out_plan) {
  *out_plan = NULL;
  Builder b = {.model = model, .options = options, .diag = diag};
  b.plan = plan_create(model->symbols);
  if (!b.plan) return diag_no_memory(diag, sizeof(Plan));
  b.plan->files = model->files;
  b.plan->n_files = model->n_files;
  b.plan->model_name = strings_intern(model->symbols->strings, model->name);
  b.plan->precision = options->precision;
  b.plan->shards = options->shards;
  b.plan->ranks = options->ranks ? options->ranks : 1;
  b.plan->local = options->local && b.plan->ranks > 1;
  b.plan->target = options->target;
  Status status = states_collect(&b);
  if (status == STATUS_OK) status = training_build(&b);
  if (status == STATUS_OK) status = build_programs(&b);
  if (status == STATUS_OK) status = training_check_inputs(&b);
  if (status == STATUS_OK) status = copy_params(&b);
  if (status == STATUS_OK) status = hash_model(&b);
  free(b.state_by_string);
  free(b.state_uses);
  if (status != STATUS_OK) {
    b.plan->symbols = NULL; /* the model's */
    plan_destroy(b.plan);
    return status;
  }
  *out_plan = b.plan;
  return STATUS_OK;
}
