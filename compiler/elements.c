/* Builds the values of a program, element by element in document order. */
#include "compiler/builder.h"

#include "compiler/tensor_expr.h"
#include "graph/base/text.h"
#include "graph/expression/value.h"
#include "graph/plan/attr.h"
#include "ops/composite.h"

#include <stdlib.h>
#include <string.h>

#define INPUTS_MAX 4096 /* references of one element */

/* ---- attributes of ops ---- */

typedef struct OpAttrs {
  AttrRef refs[16];
  AttrInts list;
} OpAttrs;

/* Numbers of a rule are in the type in which it computes: an eps that becomes 0 there is none. */
static Status check_float(const ProgramBuilder *p, const Element *el, const AttrDesc *desc,
                          const char *text) {
  double value;
  if (desc->type != ATTR_FLOAT || !text || !number_parse(text, &value)) return STATUS_OK;
  const char *why = dtype_refuses(p->e.float_type, value);
  return why ? element_error(p->b, el, desc->name, NULL, "%s %s %s", desc->name, text, why)
             : STATUS_OK;
}

/* Elaboration has checked types and ranges; here text only becomes numbers. */
static Status parse_attrs(ProgramBuilder *p, const Element *el, const OpDesc *op, OpAttrs *out) {
  Strings *strings = p->b->model->symbols->strings;
  for (uint32_t i = 0; i < op->n_attrs; i++) {
    uint32_t first = out->list.n;
    const char *text = element_attr(el, op->attrs[i].name);
    if (check_float(p, el, &op->attrs[i], text) != STATUS_OK) return p->e.status = STATUS_INVALID;
    if (!attr_parse(&out->list, op, i, text, p->b->options->precision->storage, strings))
      return diag_no_memory(p->b->diag, 2 * (size_t)out->list.cap * sizeof *out->list.ints);
    out->refs[i] = (AttrRef){first, out->list.n - first};
  }
  return STATUS_OK;
}

/* ---- inputs of ops ---- */

static Status resolve_list(ProgramBuilder *p, const Scope *scope, const Element *el,
                           const char *attr, NodeId *inputs, uint32_t *n) {
  char *list = arena_strdup(p->b->model->arena, element_attr(el, attr)), *save = NULL;
  uint32_t first = *n;
  for (char *ref = list ? strtok_r(list, " \t\n", &save) : NULL; ref;
       ref = strtok_r(NULL, " \t\n", &save)) {
    if (*n == INPUTS_MAX)
      return p->e.status =
                 element_error(p->b, el, attr, NULL, "more than %d references", INPUTS_MAX);
    inputs[*n] = names_resolve(p, scope, el, attr, ref);
    if (!inputs[(*n)++]) return p->e.status;
  }
  if (*n == first)
    return p->e.status = element_error(p->b, el, attr, NULL, "'%s' names no value", attr);
  return STATUS_OK;
}

static Status resolve_inputs(ProgramBuilder *p, const Scope *scope, const Element *el,
                             const OpDesc *op, NodeId *inputs, uint32_t *n) {
  *n = 0;
  for (uint32_t i = 0; i < op->n_inputs; i++) {
    const InputDesc *in = &op->inputs[i];
    const char *ref = element_attr(el, in->name);
    if (in->variadic) {
      TRY(resolve_list(p, scope, el, in->name, inputs, n));
    } else if (!ref || !*ref) {
      if (!in->optional)
        return p->e.status = element_error(p->b, el, NULL, NULL, "%s needs the input '%s' (%s)",
                                           op->name, in->name, in->doc);
      inputs[(*n)++] = NODE_NONE;
    } else {
      inputs[*n] = names_resolve(p, scope, el, in->name, ref);
      if (!inputs[(*n)++]) return p->e.status;
    }
  }
  return STATUS_OK;
}

/* ---- ops ---- */

/* A -1 among the dimensions of a reshape is what the others leave; one that they do not divide is
 * left for the shape rule to refuse. */
static void complete_shape(const Emitter *e, NodeId in, int64_t *dims, uint32_t n) {
  int64_t count = in ? shape_count(emit_shape(e, in)) : 0, known = 1;
  uint32_t open = n;
  for (uint32_t i = 0; i < n; i++) {
    if (dims[i] == -1 && open == n)
      open = i;
    else if (dims[i] < 1 || known > count / dims[i])
      return;
    else
      known *= dims[i];
  }
  if (open < n && count % known == 0) dims[open] = count / known;
}

static NodeId build_primitive(ProgramBuilder *p, const Element *el, const OpDesc *op,
                              const NodeId *inputs, uint32_t n, const OpAttrs *a) {
  Emitter *e = &p->e;
  if (el->op == OP_RESHAPE)
    complete_shape(e, inputs[0], a->list.ints + a->refs[BROADCAST_SHAPE].offset,
                   a->refs[BROADCAST_SHAPE].count);
  EmitAttr attrs[16];
  for (uint32_t i = 0; i < op->n_attrs; i++)
    attrs[i] = (EmitAttr){a->list.ints + a->refs[i].offset, a->refs[i].count};
  return emit_op(e, (OpId)el->op, inputs, n, attrs);
}

static Status build_composite(ProgramBuilder *p, const OpDesc *op, const char *path,
                              const NodeId *inputs, uint32_t n, const OpAttrs *a) {
  CompositeCall call = {.op = op,
                        .name = path,
                        .inputs = inputs,
                        .n_inputs = n,
                        .attrs = a->refs,
                        .ints = a->list.ints};
  p->e.composite = op->name;
  Status status = op->expand(&p->e, &call);
  p->e.composite = NULL;
  TRY(status);
  TRY(names_define(p, path, call.results[0]));
  for (uint32_t i = 0; op->n_results > 1 && i < op->n_results; i++)
    TRY(names_define(p, path_join(p->b, path, op->results[i]), call.results[i]));
  return STATUS_OK;
}

static Status build_op(ProgramBuilder *p, const Scope *scope, const Element *el, const char *path) {
  const OpDesc *op = op_desc(el->op);
  NodeId inputs[INPUTS_MAX];
  uint32_t n;
  OpAttrs a = {0};
  Status status = resolve_inputs(p, scope, el, op, inputs, &n);
  if (status == STATUS_OK) status = parse_attrs(p, el, op, &a);
  if (status == STATUS_OK) {
    if (op->op_class == OP_CLASS_COMPOSITE)
      status = build_composite(p, op, path, inputs, n, &a);
    else
      status = names_define(p, path, build_primitive(p, el, op, inputs, n, &a));
  }
  free(a.list.ints);
  return status;
}

/* ---- structure ---- */

static NodeId scalar_input(ProgramBuilder *p, const char *name) {
  NodeId node =
      emit_input(&p->e, strings_intern(p->b->model->symbols->strings, name), DTYPE_I64, NULL);
  emitter_name(&p->e, node, name);
  /* All draws share it: it belongs to the program, not to the first that asks. */
  if (node) p->e.graph->nodes[node].stamp.scope = strings_intern(p->b->model->symbols->strings, "");
  return node;
}

static Status build_random(ProgramBuilder *p, const Element *el, const char *path) {
  Shape shape;
  TRY(p->e.status = attr_shape(p->b, el, &shape));
  int distribution = attr_is(el, "distribution", "uniform") ? RANDOM_UNIFORM : RANDOM_NORMAL;
  NodeId seed = scalar_input(p, "seed"), step = scalar_input(p, "step");
  NodeId node = emit_random(&p->e, strings_intern(p->b->model->symbols->strings, path),
                            distribution, seed, step, p->b->options->precision->storage, &shape);
  return names_define(p, path, node);
}

static Status build_input(ProgramBuilder *p, const Element *el, const char *path) {
  Shape shape;
  TRY(p->e.status = attr_shape(p->b, el, &shape));
  uint32_t name = strings_intern(p->b->model->symbols->strings, path);
  return names_define(p, path, emit_input(&p->e, name, attr_dtype(p->b, el), &shape));
}

/* A parameter or state reads the value at entry, or the field that the pass substitutes. */
static Status build_state(ProgramBuilder *p, const Scope *scope, const Element *el,
                          const char *path) {
  const char *name = path_join(p->b, scope->param_path, attr_text(el, "name"));
  uint32_t index = states_find(p->b, name);
  const State *s = &p->b->plan->states[index];
  Field *field = scope->parameters && s->trainable ? fields_find(p, scope->parameters) : NULL;
  if (s->kind != STATE_PARAMETER) field = NULL;
  NodeId value = field ? fields_component(p, field, index) : master_state(p, index);
  emitter_name(&p->e, value, name);
  NodeId node = master_read(p, index, value);
  return node == value ? names_define(p, path, node) : names_refer(p, path, node);
}

static Status build_pass(ProgramBuilder *p, const Element *el, const Scope *scope) {
  const char *parameters = attr_text(el, "parameters");
  if (!fields_require(p, el, "parameters", parameters)) {
    TRY(names_poison(p, path_join(p->b, scope->path, attr_text(el, "name"))));
    return p->e.status;
  }
  Stamp stamp = p->e.stamp;
  int64_t units = attr_int(el, "units");
  if (units > 0) {
    Batch b = {.groups = attr_int(el, "groups"), .units = units, .unit = attr_int(el, "unit")};
    if (batch_rows(&b) < 0)
      return p->e.status = element_error(p->b, el, "units", "groups x units x unit are the rows",
                                         "a batch of more than 2^40 rows");
    uint32_t index = graph_add_batch(p->e.graph, b);
    if (!index)
      return p->e.status = element_error(p->b, el, NULL, NULL, "more than 255 kinds of batch");
    p->e.stamp.batch = (uint8_t)index;
  }
  Scope inside = {.path = path_join(p->b, scope->path, attr_text(el, "name")),
                  .param_path = scope->param_path,
                  .parameters = strcmp(parameters, "theta") == 0 ? NULL : parameters};
  origin_begin(p, ORIGIN_PASS, el, inside.path);
  Status status = p->e.status ? p->e.status : elements_build(p, el, &inside);
  p->e.stamp = stamp;
  return status;
}

static Status build_scope(ProgramBuilder *p, const Element *el, const Scope *scope) {
  Scope inside = {.path = path_join(p->b, scope->path, attr_text(el, "name")),
                  .param_path = path_join(p->b, scope->param_path, attr_text(el, "name")),
                  .parameters = scope->parameters};
  TRY(elements_build(p, el, &inside));
  return names_close(p, inside.path);
}

typedef struct ValueScope {
  ProgramBuilder *p;
  const Scope *scope;
  const Element *element;
  uint32_t state; /* that the expression updates */
} ValueScope;

static NodeId resolve_value(void *context, const char *name) {
  ValueScope *s = context;
  return names_resolve(s->p, s->scope, s->element, "value", name);
}

static NodeId resolve_update(void *context, const char *name) {
  ValueScope *s = context;
  return master_operand(s->p, s->state, resolve_value(context, name));
}

static NodeId update_expr(ProgramBuilder *p, const Scope *scope, const Element *el,
                          uint32_t state) {
  ValueScope values = {p, scope, el, state};
  DType float_type = p->e.float_type;
  p->e.float_type = master_float(p, state);
  NodeId value = tensor_expr(&p->e, attr_text(el, "value"), resolve_update, &values);
  p->e.float_type = float_type;
  return value;
}

NodeId values_expr(ProgramBuilder *p, const Scope *scope, const Element *el, const char *text) {
  ValueScope values = {.p = p, .scope = scope, .element = el};
  return tensor_expr(&p->e, text, resolve_value, &values);
}

static Status unknown_state(ProgramBuilder *p, const Element *el, const char *state) {
  const Plan *plan = p->b->plan;
  const char **names = calloc(plan->n_states + 1, sizeof *names), *last = strrchr(state, '/');
  last = last ? last + 1 : state;
  for (uint32_t i = 0; names && i < plan->n_states; i++) {
    const char *name = strings_text(p->b->model->symbols->strings, plan->states[i].name);
    const char *own = strrchr(name, '/');
    names[i] = own ? own + 1 : name;
  }
  const char *near = names ? diag_nearest(last, names, plan->n_states) : NULL;
  char hint[200];
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  free(names);
  return element_error(p->b, el, "state", near ? hint : "states are made by state and parameter",
                       "there is no state '%s'", state);
}

static Status build_commit(ProgramBuilder *p, const Element *el, const Scope *scope) {
  const char *state = attr_text(el, "state");
  if (!*state == !*attr_text(el, "field"))
    return p->e.status = element_error(p->b, el, NULL, "state=\"NAME\" or field=\"NAME\"",
                                       "commit needs either a state or a field");
  if (!*state) return fields_commit(p, el);
  uint32_t index = UINT32_MAX;
  char *prefix = arena_strdup(p->b->model->arena, scope->param_path);
  for (; prefix;) { /* innermost scope first */
    index = states_find(p->b, path_join(p->b, prefix, state));
    if (index != UINT32_MAX || !*prefix) break;
    char *slash = strrchr(prefix, '/');
    *(slash ? slash : prefix) = 0;
  }
  if (index == UINT32_MAX) return p->e.status = unknown_state(p, el, state);
  Stamp stamp = p->e.stamp;
  p->e.stamp.role = ROLE_UPDATE;
  NodeId value = update_expr(p, scope, el, index);
  if (value) {
    Shape want = p->b->plan->states[index].shape;
    if (emit_shape(&p->e, value)->rank == 0) value = emit_broadcast(&p->e, value, &want);
  }
  fields_commit_one(p, el, index, value);
  p->e.stamp = stamp;
  return p->e.status;
}

/* The program's output of that name, when it has one so far; NULL: none. */
static const Output *find_output(const ProgramBuilder *p, const char *name) {
  uint32_t id = strings_find(p->b->model->symbols->strings, name);
  for (uint32_t i = 0; i < p->e.graph->n_outputs; i++)
    if (p->e.graph->outputs[i].name == id) return &p->e.graph->outputs[i];
  return NULL;
}

/* A scalar output of training is written to metrics.jsonl, by its name, beside the schedules and
 * two words of each line's own; one that is called like these two becomes `output/step`. */
static Status check_metric(const ProgramBuilder *p, const Element *el, const char *name,
                           NodeId node) {
  static const char *const own[] = {"step", "program"};
  const Graph *g = p->e.graph;
  if (!attr_is(p->program, "kind", "train") || g->nodes[node].shape.rank) return STATUS_OK;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    char renamed[32];
    snprintf(renamed, sizeof renamed, "output/%s", own[i]);
    bool is_own = strcmp(name, own[i]) == 0;
    if (!is_own && strcmp(name, renamed) != 0) continue;
    const Output *other = find_output(p, is_own ? renamed : own[i]);
    if (other && !g->nodes[other->node].shape.rank)
      return element_error(p->b, el, "name", "give one of the two outputs another name",
                           "outputs '%s' and '%s' would both be '%s' in metrics.jsonl, where each "
                           "line has a '%s' already",
                           own[i], renamed, renamed, own[i]);
  }
  bool is_input = g->nodes[node].op == OP_INPUT &&
                  strcmp(graph_text(g, (uint32_t)node_attr_int(g, node, INPUT_NAME)), name) == 0;
  if (!is_input && plan_schedule_find(p->b->plan, name) != UINT32_MAX)
    source_warning(p->b->model->sources, p->b->model->symbols, p->b->diag, el->loc,
                   "give the output another name, to have both",
                   "the output '%s' hides the schedule of that name in metrics.jsonl", name);
  return STATUS_OK;
}

static Status build_output(ProgramBuilder *p, const Element *el, const Scope *scope) {
  NodeId node = names_resolve(p, scope, el, "value", attr_text(el, "value"));
  if (!node) return p->e.status;
  const char *name = attr_text(el, "name");
  if (!*name) name = attr_text(el, "value") + (*attr_text(el, "value") == '/');
  uint32_t id = strings_intern(p->b->model->symbols->strings, name);
  if (find_output(p, name))
    return p->e.status = element_error(p->b, el, "name", NULL, "output '%s' exists already", name);
  if (strcmp(name, "__metadata__") == 0)
    return p->e.status =
               element_error(p->b, el, NULL, "it is what a safetensors file calls its texts",
                             "no output can be named '__metadata__'");
  if (states_find(p->b, name) != UINT32_MAX)
    return p->e.status = element_error(p->b, el, *attr_text(el, "name") ? "name" : "value",
                                       "give it another name; exec writes every state as it is "
                                       "after the step",
                                       "output '%s' has the name of a state", name);
  p->e.status = check_metric(p, el, name, node);
  if (p->e.status != STATUS_OK) return p->e.status;
  if (graph_add_output(p->e.graph, id, node, true) != STATUS_OK)
    return p->e.status = diag_no_memory(p->b->diag, sizeof(Output));
  return STATUS_OK;
}

static Status build_element(ProgramBuilder *p, const Element *el, const Scope *scope,
                            const char *path) {
  const char *tag = el->tag;
  if (el->op) return build_op(p, scope, el, path);
  if (strcmp(tag, "scope") == 0) return build_scope(p, el, scope);
  if (strcmp(tag, "pass") == 0) return build_pass(p, el, scope);
  if (strcmp(tag, "parameter") == 0 || strcmp(tag, "state") == 0)
    return build_state(p, scope, el, path);
  if (strcmp(tag, "input") == 0) return build_input(p, el, path);
  if (strcmp(tag, "random") == 0) return build_random(p, el, path);
  if (strcmp(tag, "alias") == 0)
    return names_define(p, path, names_resolve(p, scope, el, "value", attr_text(el, "value")));
  if (strcmp(tag, "expr") == 0)
    return names_define(p, path, values_expr(p, scope, el, attr_text(el, "value")));
  if (strcmp(tag, "field") == 0 || strcmp(tag, "state-field") == 0) return fields_declare(p, el);
  if (strcmp(tag, "gradient") == 0) return fields_gradient(p, el);
  if (strcmp(tag, "pullback") == 0) return fields_pullback(p, el);
  if (strcmp(tag, "global-norm") == 0) return fields_norm(p, el);
  if (strcmp(tag, "commit") == 0) return build_commit(p, el, scope);
  if (strcmp(tag, "output") == 0) return build_output(p, el, scope);
  return p->e.status = element_error(p->b, el, NULL, NULL, "'%s' does not belong here", tag);
}

/* After an element that failed, the name it would define is poisoned and building goes on, so that
 * one run reports several independent errors. */
Status elements_build(ProgramBuilder *p, const Element *parent, const Scope *scope) {
  Status status = STATUS_OK;
  for (const Element *el = parent->first_child; el; el = el->next) {
    const char *name = element_attr(el, "name");
    const char *path = path_join(p->b, scope->path, name ? name : el->tag);
    bool opens = strcmp(el->tag, "scope") == 0 || strcmp(el->tag, "pass") == 0;
    p->e.stamp.scope = strings_intern(p->b->model->symbols->strings, path);
    p->e.stamp.loc = el->loc;
    Status s = build_element(p, el, scope, path);
    if (s == STATUS_OK) s = p->e.status;
    if (s == STATUS_OK) continue;
    if (status == STATUS_OK) status = s;
    if (s == STATUS_SYSTEM) return s;
    p->e.status = STATUS_OK;
    if (name && !opens) TRY(names_poison(p, path));
  }
  return status;
}
