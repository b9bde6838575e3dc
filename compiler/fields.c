/* Fields: one tensor for each trainable parameter.  Gradients, pullbacks, expressions over fields,
 * and the commits that write them.
 *
 * A pass may meet parameters that an earlier field did not: an expression field is therefore
 * evaluated for a parameter when it is first asked for; a sweep's field is zero there, as nothing
 * that it differentiated depends on that parameter. */
#include "compiler/builder.h"
#include "compiler/differentiate.h"
#include "compiler/local.h"
#include "compiler/tensor_expr.h"
#include "graph/base/array.h"
#include "graph/base/text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static Field *add_field(ProgramBuilder *p, const char *name, FieldKind kind,
                        const Element *element) {
  if (p->n_fields == p->cap_fields) {
    /* Pointers to fields are kept while expressions are evaluated: the array never moves. */
    p->e.status =
        diag_error(p->b->diag, STATUS_INVALID, name, NULL, "more than %u fields", p->cap_fields);
    return NULL;
  }
  Field *f = &p->fields[p->n_fields++];
  uint32_t n = p->b->n_parameters + 1;
  Arena *arena = p->b->model->arena;
  *f = (Field){.name = name, .kind = kind, .element = element};
  f->component = arena_array(arena, n, sizeof *f->component);
  f->known = arena_array(arena, n, sizeof *f->known);
  if (!f->component || !f->known) {
    p->e.status = diag_no_memory(p->b->diag, n * sizeof *f->component);
    return NULL;
  }
  return f;
}

Status fields_init(ProgramBuilder *p) {
  p->cap_fields = 4096;
  p->fields = calloc(p->cap_fields, sizeof *p->fields);
  if (!p->fields) return diag_no_memory(p->b->diag, p->cap_fields * sizeof *p->fields);
  add_field(p, "theta", FIELD_THETA, NULL);
  add_field(p, "rate", FIELD_RATE, NULL);
  add_field(p, "decay", FIELD_DECAY, NULL);
  return p->e.status;
}

Field *fields_find(ProgramBuilder *p, const char *name) {
  for (uint32_t i = 0; i < p->n_fields; i++)
    if (strcmp(p->fields[i].name, name) == 0) return &p->fields[i];
  return NULL;
}

/* theta, rate and decay are in every program; of two of a name the second would never be found. */
static Status require_new(ProgramBuilder *p, const Element *element) {
  const char *name = attr_text(element, "name");
  const Field *have = fields_find(p, name);
  char where[SOURCE_WHERE_MAX];
  if (!have) return STATUS_OK;
  return p->e.status = element_error(
             p->b, element, "name", "theta, rate and decay are fields of every program",
             "field '%s' exists already%s%s%s", name, have->element ? " (" : "",
             have->element ? source_where(p->b->model->symbols, have->element->loc, where) : "",
             have->element ? ")" : "");
}

Field *fields_require(ProgramBuilder *p, const Element *element, const char *attr,
                      const char *name) {
  Field *field = fields_find(p, name);
  if (field) return field;
  if (names_get(p, name) == NODE_POISON) { /* the cause is reported already */
    p->e.status = STATUS_INVALID;
    return NULL;
  }
  const char **names = calloc(p->n_fields, sizeof *names);
  for (uint32_t i = 0; names && i < p->n_fields; i++) names[i] = p->fields[i].name;
  const char *near = names ? diag_nearest(name, names, p->n_fields) : NULL;
  char hint[200];
  text_format(hint, sizeof hint,
              near ? "did you mean '%s'?"
                   : "fields are made by gradient, pullback, "
                     "field and state-field above",
              near);
  p->e.status = element_error(p->b, element, attr, hint, "there is no field '%s'", name);
  free(names);
  return NULL;
}

/* ---- components ---- */

typedef struct FieldScope {
  ProgramBuilder *p;
  uint32_t param;
  const Element *element;
} FieldScope;

static NodeId resolve_in_field(void *context, const char *name) {
  FieldScope *s = context;
  Field *field = fields_find(s->p, name);
  NodeId value = field ? names_get(s->p, name) : NODE_NONE;
  if (value && value != NODE_POISON) {
    char where[SOURCE_WHERE_MAX];
    const Graph *g = s->p->e.graph;
    return emitter_fail(&s->p->e, "give the value another name",
                        "'%s' is a field and a value (%s): which one is meant?", name,
                        source_where(g->symbols, g->nodes[value].stamp.loc, where));
  }
  if (field) return fields_component(s->p, field, s->param);
  Scope top = {.path = "", .param_path = ""};
  NodeId node = names_resolve(s->p, &top, s->element, "value", name);
  if (node && emit_shape(&s->p->e, node)->rank != 0)
    return emitter_fail(&s->p->e, "reduce it first",
                        "'%s' is no scalar: field expressions use fields and scalars", name);
  return master_operand(s->p, s->param, node);
}

static NodeId field_state(ProgramBuilder *p, const Field *field, uint32_t param) {
  const char *name =
      arena_printf(p->b->model->arena, "%s:%s", field->name,
                   strings_text(p->b->model->symbols->strings, p->b->plan->states[param].name));
  uint32_t index = states_find(p->b, name);
  return index == UINT32_MAX ? NODE_NONE : master_state(p, index);
}

static NodeId evaluate(ProgramBuilder *p, Field *field, uint32_t param) {
  const State *s = &p->b->plan->states[param];
  const char *text = strings_text(p->b->model->symbols->strings, s->name);
  FieldScope scope = {p, param, field->element};
  Emitter *e = &p->e;
  Stamp stamp = e->stamp;
  DType float_type = e->float_type;
  e->float_type = master_float(p, param);
  e->stamp.scope = strings_intern(p->b->model->symbols->strings, text);
  e->stamp.loc = field->element->loc;
  e->stamp.role = ROLE_UPDATE;
  e->stamp.batch = 0;
  e->stamp.origin = field->origin;
  NodeId node = tensor_expr(e, field->expr, resolve_in_field, &scope);
  if (node)
    node = emit_broadcast(e,
                          emit_shape(e, node)->rank == s->shape.rank
                              ? node
                              : emit_add(e, node, emit_constant(e, 0, (DType)s->dtype, &s->shape)),
                          &s->shape);
  e->stamp = stamp;
  e->float_type = float_type;
  return node;
}

NodeId fields_component(ProgramBuilder *p, Field *field, uint32_t param) {
  const State *s = &p->b->plan->states[param];
  NodeId node = field->component[param];
  field->read = true;
  switch (field->kind) {
  case FIELD_THETA:
    return master_state(p, param);
  case FIELD_RATE:
    return emit_constant(&p->e, s->rate, (DType)s->dtype, NULL);
  case FIELD_DECAY:
    return emit_constant(&p->e, s->decay, (DType)s->dtype, NULL);
  case FIELD_STATE:
    return field_state(p, field, param);
  case FIELD_SWEEP:
    return node ? node : emit_constant(&p->e, 0, (DType)s->dtype, &s->shape);
  case FIELD_EXPR:
    break;
  }
  if (field->known[param]) return node;
  field->known[param] = true; /* a field cannot use itself: it would not be found while declared */
  return field->component[param] = evaluate(p, field, param);
}

/* ---- sweeps ---- */

/* The nodes of the fields listed in `hold`, for all parameters, appended to *list. */
static Status hold_nodes(ProgramBuilder *p, const Element *element, NodeId **out, uint32_t *n) {
  uint32_t cap = 0;
  *out = NULL;
  *n = 0;
  char *text = arena_strdup(p->b->model->arena, attr_text(element, "hold")), *save = NULL;
  for (char *name = text ? strtok_r(text, " \t\n", &save) : NULL; name;
       name = strtok_r(NULL, " \t\n", &save)) {
    Field *field = fields_require(p, element, "hold", name);
    if (!field) return p->e.status;
    Status room = ARRAY_RESERVE(*out, cap, *n, p->b->n_parameters, p->b->diag);
    if (room != STATUS_OK) return p->e.status = room;
    for (uint32_t i = 0; i < p->b->n_parameters; i++)
      if (p->b->plan->states[i].trainable) (*out)[(*n)++] = fields_component(p, field, i);
  }
  return p->e.status;
}

/* Parameters are the same on all ranks: what each derives from its own share is averaged. */
static void average(ProgramBuilder *p, const Element *element, Role role, NodeId *gradients) {
  Emitter *e = &p->e;
  Stamp stamp = e->stamp;
  for (uint32_t i = 0; e->ranks && i < p->b->n_parameters; i++) {
    e->stamp.scope = p->b->plan->states[i].name;
    e->stamp.loc = element->loc;
    e->stamp.role = (uint8_t)role;
    e->stamp.batch = 0;
    gradients[i] = emit_rank_mean(e, gradients[i]);
  }
  e->stamp = stamp;
}

/* With ranks that have shares of their own a field is what all of them have alike: an expression
 * may have brought in a scalar that is a rank's own. */
static Status require_same(ProgramBuilder *p, const Element *element, const char *attr,
                           const NodeId *field) {
  if (!p->e.ranks || p->e.status) return p->e.status;
  bool *same = calloc(p->e.graph->n_nodes, sizeof *same);
  if (!same) return p->e.status = diag_no_memory(p->b->diag, p->e.graph->n_nodes);
  local_same(p->e.graph, same);
  for (uint32_t i = 0; i < p->b->n_parameters && p->e.status == STATUS_OK; i++)
    if (field[i] && !same[field[i]])
      p->e.status = element_error(
          p->b, element, attr, "<rank-mean name=\"...\" in=\"...\"/> of the scalar that it reads",
          "--sync=local: field '%s' is not the same on all ranks", attr_text(element, attr));
  free(same);
  return p->e.status;
}

/* Runs the sweep of `outputs` (with cotangents) by field `at`; the result becomes field `name`. */
static Status sweep(ProgramBuilder *p, OriginKind kind, const Element *element,
                    DiffRequest *request) {
  Builder *b = p->b;
  Field *at = fields_require(p, element, "at", attr_text(element, "at"));
  if (!at) return p->e.status;
  uint32_t n = b->n_parameters;
  NodeId *by = calloc(n + 1, sizeof *by), *gradients = calloc(n + 1, sizeof *gradients),
         *hold = NULL;
  if (!by || !gradients) {
    p->e.status = diag_no_memory(b->diag, n * sizeof *by);
  } else if (hold_nodes(p, element, &hold, &request->n_hold) == STATUS_OK) {
    for (uint32_t i = 0; i < n; i++)
      if (b->plan->states[i].trainable) by[i] = fields_component(p, at, i);
    require_same(p, element, "at", by);
    request->by = by;
    request->n_by = n;
    request->hold = hold;
    Stamp stamp = p->e.stamp;
    origin_begin(p, kind, element, NULL);
    differentiate(&p->e, request, gradients);
    average(p, element, request->role, gradients);
    p->e.stamp = stamp;
    Field *result =
        p->e.status ? NULL : add_field(p, attr_text(element, "name"), FIELD_SWEEP, element);
    for (uint32_t i = 0; result && i < n; i++) result->component[i] = gradients[i];
  }
  free(by);
  free(gradients);
  free(hold);
  return p->e.status;
}

/* A loss that reads theta while its gradient is taken at another field gives 0 without an error. */
static void warn_of_zero(const ProgramBuilder *p, const Element *element) {
  const Field *result = &p->fields[p->n_fields - 1];
  const char *of = attr_text(element, "of"), *at = attr_text(element, "at");
  double value;
  for (uint32_t i = 0; i < p->b->n_parameters; i++) {
    NodeId node = result->component[i];
    if (node && !(emit_is_fill(&p->e, node, &value) && value == 0)) return;
  }
  source_warning(
      p->b->model->sources, p->b->model->symbols, p->b->diag, element_attr_loc(element, "at"),
      "a pass reads the field that its parameters=\"...\" names, by the parameters that are "
      "declared inside it",
      "the gradient is 0 everywhere: '%s' does not depend on '%s'", of, at);
}

Status fields_gradient(ProgramBuilder *p, const Element *element) {
  TRY(require_new(p, element));
  Scope top = {.path = "", .param_path = ""};
  NodeId of = names_resolve(p, &top, element, "of", attr_text(element, "of"));
  if (!of) return p->e.status;
  if (emit_shape(&p->e, of)->rank != 0 || !dtype_is_float(emit_dtype(&p->e, of))) {
    char shape[SHAPE_TEXT_MAX];
    return p->e.status = element_error(p->b, element, "of", "take its sum or mean",
                                       "the gradient of '%s', which has shape %s, is no field: it "
                                       "is taken of a scalar, of shape ()",
                                       attr_text(element, "of"),
                                       shape_text(emit_shape(&p->e, of), shape, sizeof shape));
  }
  NodeId one = emit_constant_like(&p->e, 1, of);
  DiffRequest request = {.outputs = &of,
                         .cotangents = &one,
                         .n_outputs = 1,
                         .reversal = REVERSAL_ACT,
                         .role = attr_is(element, "role", "inner") ? ROLE_INNER : ROLE_OUTER};
  TRY(sweep(p, ORIGIN_GRADIENT, element, &request));
  warn_of_zero(p, element);
  return STATUS_OK;
}

Status fields_pullback(ProgramBuilder *p, const Element *element) {
  TRY(require_new(p, element));
  Field *of = fields_require(p, element, "of", attr_text(element, "of"));
  Field *with = fields_require(p, element, "cotangent", attr_text(element, "cotangent"));
  if (!of || !with) return p->e.status;
  uint32_t n = p->b->n_parameters;
  NodeId *outputs = calloc(n + 1, sizeof *outputs), *cotangents = calloc(n + 1, sizeof *cotangents);
  if (!outputs || !cotangents) {
    p->e.status = diag_no_memory(p->b->diag, n * sizeof *outputs);
  } else {
    for (uint32_t i = 0; i < n; i++) {
      if (!p->b->plan->states[i].trainable) continue;
      outputs[i] = fields_component(p, of, i);
      cotangents[i] = fields_component(p, with, i);
    }
    DiffRequest request = {.outputs = outputs,
                           .cotangents = cotangents,
                           .n_outputs = n,
                           .reversal = attr_is(element, "reversal", "reverse") ? REVERSAL_ACT
                                                                               : REVERSAL_IDENTITY,
                           .role = ROLE_OUTER};
    require_same(p, element, "cotangent", cotangents);
    if (p->e.status == STATUS_OK) sweep(p, ORIGIN_PULLBACK, element, &request);
  }
  free(outputs);
  free(cotangents);
  return p->e.status;
}

/* What an element says of the components of a field. */
static Field new_expr(ProgramBuilder *p, OriginKind kind, const char *name,
                      const Element *element) {
  Stamp stamp = p->e.stamp;
  origin_begin(p, kind, element, NULL);
  Field field = {.name = name,
                 .kind = FIELD_EXPR,
                 .element = element,
                 .expr = attr_text(element, "value"),
                 .origin = p->e.stamp.origin};
  p->e.stamp = stamp;
  return field;
}

Status fields_declare(ProgramBuilder *p, const Element *element) {
  bool state = strcmp(element->tag, "state-field") == 0;
  const char *name = attr_text(element, "name");
  TRY(require_new(p, element));
  if (state) return add_field(p, name, FIELD_STATE, element) ? STATUS_OK : p->e.status;
  /* Evaluated once now, so that its errors appear at its own place; the field is added after that,
   * so that it cannot use itself. */
  Field probe = new_expr(p, ORIGIN_FIELD, name, element);
  for (uint32_t i = 0; i < p->b->n_parameters; i++)
    if (p->b->plan->states[i].trainable) {
      evaluate(p, &probe, i);
      break;
    }
  if (p->e.status != STATUS_OK) return p->e.status;
  Field *field = add_field(p, name, FIELD_EXPR, element);
  if (field) field->expr = probe.expr, field->origin = probe.origin;
  return p->e.status;
}

/* sqrt(sum over parameters of sum x^2). */
Status fields_norm(ProgramBuilder *p, const Element *element) {
  Field *of = fields_require(p, element, "of", attr_text(element, "of"));
  if (!of) return p->e.status;
  Emitter *e = &p->e;
  Stamp stamp = e->stamp;
  origin_begin(p, ORIGIN_NORM, element, NULL);
  e->stamp.role = ROLE_UPDATE;
  NodeId sum = emit_constant(e, 0, p->b->options->precision->master, NULL);
  for (uint32_t i = 0; i < p->b->n_parameters; i++) {
    if (!p->b->plan->states[i].trainable) continue;
    NodeId x = fields_component(p, of, i);
    sum = emit_add(e, sum, emit_scalar(e, emit_reduce_sum(e, emit_mul(e, x, x), AXES_ALL)));
  }
  /* Derivative 0 at 0, as for every distance; what is no number stays none. */
  NodeId nothing = emit_constant_like(e, 0, sum),
         zero = emit_binary(e, OP_LESS_EQUAL, sum, nothing);
  NodeId root = emit_unary(e, OP_SQRT, emit_select(e, zero, emit_constant_like(e, 1, sum), sum));
  NodeId norm = emit_cast(e, emit_select(e, zero, nothing, root), e->float_type);
  e->stamp = stamp;
  return names_define(p, attr_text(element, "name"), norm);
}

/* ---- commits ---- */

static Status commit_state(ProgramBuilder *p, const Element *element, uint32_t index,
                           NodeId value) {
  const State *s = &p->b->plan->states[index];
  const char *name = strings_text(p->b->model->symbols->strings, s->name);
  if (!value) return p->e.status;
  char have[SHAPE_TEXT_MAX], want[SHAPE_TEXT_MAX];
  if (emit_dtype(&p->e, value) != s->dtype)
    return p->e.status =
               element_error(p->b, element, "value",
                             "<cast name=\"...\" in=\"...\" dtype=\"...\"/> converts a value",
                             "state '%s' holds %s, the value is %s", name,
                             dtype_name((DType)s->dtype), dtype_name(emit_dtype(&p->e, value)));
  if (!shape_equal(emit_shape(&p->e, value), &s->shape))
    return p->e.status = element_error(p->b, element, "value", NULL,
                                       "state '%s' has shape %s, the value has %s", name,
                                       shape_text(&s->shape, want, sizeof want),
                                       shape_text(emit_shape(&p->e, value), have, sizeof have));
  if (p->committed[index])
    return p->e.status = element_error(p->b, element, NULL, "combine the values first",
                                       "state '%s' is committed twice in this program", name);
  p->committed[index] = true;
  if (graph_add_commit(p->e.graph, index, value) != STATUS_OK)
    return p->e.status = diag_no_memory(p->b->diag, sizeof(Commit));
  return STATUS_OK;
}

Status fields_commit(ProgramBuilder *p, const Element *element) {
  const char *name = attr_text(element, "field");
  Field *target = fields_require(p, element, "field", name);
  if (!target) return p->e.status;
  if (target->kind != FIELD_THETA && target->kind != FIELD_STATE)
    return p->e.status = element_error(p->b, element, "field", "commit theta or a state-field",
                                       "'%s' is no state", name);
  Field value = new_expr(p, ORIGIN_COMMIT, name, element);
  for (uint32_t i = 0; i < p->b->n_parameters && p->e.status == STATUS_OK; i++) {
    if (!p->b->plan->states[i].trainable) continue;
    uint32_t index = i;
    if (target->kind == FIELD_STATE)
      index = states_find(p->b, arena_printf(p->b->model->arena, "%s:%s", name,
                                             strings_text(p->b->model->symbols->strings,
                                                          p->b->plan->states[i].name)));
    NodeId node = evaluate(p, &value, i);
    if (node == fields_component(p, target, i)) continue; /* unchanged */
    commit_state(p, element, index, node);
  }
  return p->e.status;
}

Status fields_commit_one(ProgramBuilder *p, const Element *element, uint32_t index, NodeId value) {
  return commit_state(p, element, index, value);
}

static bool is_kept(const ProgramBuilder *p, const Field *field) {
  const BuildOptions *o = p->b->options;
  for (uint32_t i = 0; i < p->b->n_parameters; i++) {
    const State *s = &p->b->plan->states[i];
    if (!s->trainable) continue;
    const char *name = arena_printf(p->b->model->arena, "%s:%s", field->name,
                                    strings_text(p->b->model->symbols->strings, s->name));
    for (uint32_t k = 0; name && k < o->n_keep; k++)
      if (fnmatch(o->keep[k], name, 0) == 0) return true;
  }
  return false;
}

/* An adapted field that the pass after it does not name leaves that pass at theta, without an
 * error. */
void fields_warn_unread(ProgramBuilder *p) {
  bool trainable = false;
  for (uint32_t i = 0; i < p->b->n_parameters; i++)
    trainable = trainable || p->b->plan->states[i].trainable;
  for (uint32_t f = 0; trainable && f < p->n_fields; f++) {
    const Field *field = &p->fields[f];
    bool made = field->kind == FIELD_SWEEP || field->kind == FIELD_EXPR;
    if (!made || field->read || is_kept(p, field)) continue;
    const Model *model = p->b->model;
    source_warning(
        model->sources, model->symbols, p->b->diag, element_attr_loc(field->element, "name"),
        arena_printf(model->arena,
                     "a pass with parameters=\"%s\" reads it, by the parameters that are declared "
                     "inside it; field and commit read it by its name; remove it otherwise",
                     field->name),
        "nothing reads the field '%s'", field->name);
  }
}

Status fields_name_components(ProgramBuilder *p) {
  for (uint32_t f = 3; f < p->n_fields; f++) {
    Field *field = &p->fields[f];
    if (field->kind == FIELD_STATE) continue;
    for (uint32_t i = 0; i < p->b->n_parameters; i++) {
      const State *s = &p->b->plan->states[i];
      if (!s->trainable) continue;
      const char *name = arena_printf(p->b->model->arena, "%s:%s", field->name,
                                      strings_text(p->b->model->symbols->strings, s->name));
      TRY(names_define(p, name, fields_component(p, field, i)));
    }
  }
  return p->e.status;
}
