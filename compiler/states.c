/* The states of a model: every parameter and state element of every program, in order of first
 * appearance, parameters first.  The same name in several passes or programs is one state; its
 * declarations must agree. */
#include "compiler/builder.h"
#include "graph/base/array.h"
#include "graph/expression/value.h"
#include "graph/ir/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *path_join(const Builder *b, const char *prefix, const char *name) {
  if (!*prefix) return name;
  return arena_printf(b->model->arena, "%s/%s", prefix, name);
}

static const AttrDesc *attr_desc(const Element *element, const char *name) {
  for (uint32_t i = 0; element->element && i < element->element->n_attrs; i++)
    if (strcmp(element->element->attrs[i].name, name) == 0) return &element->element->attrs[i];
  return NULL;
}

const char *attr_text(const Element *element, const char *name) {
  const char *text = element_attr(element, name);
  if (text) return text;
  const AttrDesc *desc = attr_desc(element, name);
  return desc && desc->fallback ? desc->fallback : "";
}

/* Elaboration has checked that these are numbers. */
int64_t attr_int(const Element *element, const char *name) {
  return strtoll(attr_text(element, name), NULL, 10);
}
double attr_float(const Element *element, const char *name) {
  double value = 0;
  number_parse(attr_text(element, name), &value);
  return value;
}
bool attr_is(const Element *element, const char *name, const char *value) {
  return strcmp(attr_text(element, name), value) == 0;
}

Status element_error(const Builder *b, const Element *element, const char *attr, const char *hint,
                     const char *format, ...) {
  va_list args;
  va_start(args, format);
  uint32_t loc = attr ? element_attr_loc(element, attr) : element->loc;
  Status status = source_verror(b->model->sources, b->model->symbols, b->diag, loc, STATUS_INVALID,
                                hint, format, args);
  va_end(args);
  return status;
}

Status attr_shape(const Builder *b, const Element *element, Shape *out) {
  *out = (Shape){0};
  const char *text = attr_text(element, "shape");
  for (;;) {
    char *end;
    errno = 0;
    long long d = strtoll(text, &end, 10);
    if (end == text) break;
    if (out->rank == RANK_MAX)
      return element_error(b, element, "shape", NULL, "a shape has at most %d dimensions",
                           RANK_MAX);
    if (errno || d < 1)
      return element_error(b, element, "shape", NULL, "dimension %lld must be at least 1", d);
    out->dim[out->rank++] = d;
    text = end;
  }
  if (shape_count(out) < 0)
    return element_error(b, element, "shape", NULL, "the shape %s is too large",
                         attr_text(element, "shape"));
  return STATUS_OK;
}

DType attr_dtype(const Builder *b, const Element *element) {
  DType dtype = b->options->precision->storage;
  const char *text = attr_text(element, "dtype");
  if (*text && strcmp(text, "float") != 0) dtype_parse(text, &dtype);
  return dtype;
}

uint32_t states_find(const Builder *b, const char *name) {
  uint32_t id = strings_find(b->model->symbols->strings, name);
  if (id == UINT32_MAX || id >= b->state_by_string_size) return UINT32_MAX;
  return b->state_by_string[id] - 1; /* 0 becomes UINT32_MAX */
}

static Status index_state(Builder *b, uint32_t name, uint32_t index) {
  TRY(ARRAY_RESERVE(b->state_by_string, b->state_by_string_size, name, 1, b->diag));
  b->state_by_string[name] = index + 1;
  return STATUS_OK;
}

static uint32_t intern_or_zero(const Builder *b, const char *text) {
  return *text ? strings_intern(b->model->symbols->strings, text) : 0;
}

static bool same_init(const State *a, const State *b) {
  return a->init == b->init && a->init_a == b->init_a && a->init_b == b->init_b &&
         a->init_site == b->init_site;
}

/* What two declarations differ in; NULL: nothing. */
static const char *difference(const State *a, const State *b) {
  if (a->kind != b->kind) return "its kind";
  if (a->dtype != b->dtype) return "its element type";
  if (!same_init(a, b)) return "its initial value";
  if (a->trainable != b->trainable) return "trainable";
  if (a->rate != b->rate || a->decay != b->decay) return "its rate or decay";
  if (a->external != b->external || a->noise != b->noise) return "its pretrained name or noise";
  return NULL;
}

/* Two declarations of one name: they must describe the same tensor. */
static Status check_same(Builder *b, uint32_t index, const State *want, const StateUse *use,
                         const Element *element) {
  static const char hint[] = "shared tensors are declared alike everywhere";
  char sa[SHAPE_TEXT_MAX], sb[SHAPE_TEXT_MAX], where[SOURCE_WHERE_MAX];
  const State *have = &b->plan->states[index];
  const char *name = strings_text(b->model->symbols->strings, have->name);
  source_where(b->model->symbols, have->loc, where);
  if (!shape_equal(&have->shape, &want->shape))
    return element_error(b, element, "shape", hint, "'%s' has shape %s here and %s at %s", name,
                         shape_text(&want->shape, sa, sizeof sa),
                         shape_text(&have->shape, sb, sizeof sb), where);
  const char *what = difference(have, want);
  if (!what && b->state_uses[index].read != use->read) what = "its element type";
  if (!what) return STATUS_OK;
  return element_error(b, element, NULL, hint, "'%s' is declared differently at %s: %s", name,
                       where, what);
}

/* A state-field makes states of its own; only the same one, in another program, is the same. */
static Status check_field(Builder *b, uint32_t have, const State *want, const StateUse *use,
                          const Element *element) {
  const State *state = &b->plan->states[have];
  const Strings *strings = b->model->symbols->strings;
  char where[SOURCE_WHERE_MAX];
  if (b->state_uses[have].field == use->field) return check_same(b, have, want, use, element);
  return element_error(b, element, "name",
                       "a state-field NAME makes the state NAME:PARAMETER for each trainable "
                       "parameter: give one of them another name",
                       "state-field '%s' makes the state '%s', which exists already (%s)",
                       strings_text(strings, use->field), strings_text(strings, want->name),
                       source_where(b->model->symbols, state->loc, where));
}

static Status add_state(Builder *b, const State *state, StateUse use, const Element *element) {
  Plan *plan = b->plan;
  if (strcmp(strings_text(b->model->symbols->strings, state->name), "__metadata__") == 0)
    return element_error(b, element, "name", "it is what a safetensors file calls its texts",
                         "no state can be named '__metadata__'");
  uint32_t have = states_find(b, strings_text(b->model->symbols->strings, state->name));
  if (have != UINT32_MAX)
    return use.field ? check_field(b, have, state, &use, element)
                     : check_same(b, have, state, &use, element);
  TRY(ARRAY_RESERVE(plan->states, b->cap_states, plan->n_states, 1, b->diag));
  TRY(ARRAY_RESERVE(b->state_uses, b->cap_state_uses, plan->n_states, 1, b->diag));
  b->state_uses[plan->n_states] = use;
  plan->states[plan->n_states] = *state;
  return index_state(b, state->name, plan->n_states++);
}

static InitKind init_kind(const Element *element) {
  if (attr_is(element, "init", "normal")) return INIT_NORMAL;
  if (attr_is(element, "init", "uniform")) return INIT_UNIFORM;
  if (attr_is(element, "init", "fuse")) return INIT_FUSE;
  return INIT_CONSTANT;
}

/* The numbers of a declaration must be finite in the type that holds them. */
static Status check_numbers(const Builder *b, const Element *element, DType dtype) {
  static const char *const names[] = {"value", "spread", "rate", "decay", "noise"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!*attr_text(element, names[i])) continue;
    const char *why = dtype_refuses(dtype, attr_float(element, names[i]));
    if (why)
      return element_error(b, element, names[i], NULL, "%s %s %s", names[i],
                           attr_text(element, names[i]), why);
  }
  return STATUS_OK;
}

static void warn_declaration(const Builder *b, const Element *element, const char *attr,
                             const char *hint, const char *text) {
  source_warning(b->model->sources, b->model->symbols, b->diag, element_attr_loc(element, attr),
                 hint, "%s", text);
}

/* What a parameter is given and nothing reads: all its elements would be one value, in silence. */
static void warn_unread(const Builder *b, const Element *element, const State *s) {
  bool draws = s->init == INIT_NORMAL || s->init == INIT_UNIFORM;
  if (element_attribute(element, "spread") && !draws)
    warn_declaration(b, element, "spread", "init=\"normal\" or init=\"uniform\" reads it",
                     s->init == INIT_FUSE
                         ? "init 'fuse' does not read spread"
                         : "without init, spread is not read: every element is value");
  if (s->noise > 0 && !s->external)
    warn_declaration(b, element, "noise", "external=\"NAME\" names it",
                     "noise is added to a pretrained tensor, and none is named");
}

/* What is declared `float` is held in the master type and read as the values of a step. */
static DType state_type(const Builder *b, const Element *element, DType *read) {
  const char *text = attr_text(element, "dtype");
  *read = attr_dtype(b, element);
  return !*text || strcmp(text, "float") == 0 ? b->options->precision->master : *read;
}

static Status declare(Builder *b, const Element *element, const char *path) {
  bool parameter = strcmp(element->tag, "parameter") == 0;
  StateUse use = {0};
  DType dtype = state_type(b, element, &use.read);
  uint32_t name = strings_intern(b->model->symbols->strings, path);
  State s = {.name = name,
             .dtype = (uint8_t)dtype,
             .kind = parameter ? STATE_PARAMETER : STATE_STATISTIC,
             .init_a = attr_float(element, "value"),
             .rate = 1,
             .decay = 1,
             .external = intern_or_zero(b, attr_text(element, "external")),
             .loc = element->loc};
  TRY(attr_shape(b, element, &s.shape));
  TRY(check_numbers(b, element, use.read));
  if (parameter) {
    s.init = (uint8_t)init_kind(element);
    s.init_b = attr_float(element, "spread");
    s.trainable = attr_is(element, "trainable", "true");
    s.rate = attr_float(element, "rate");
    s.decay = attr_float(element, "decay");
    s.noise = attr_float(element, "noise");
    s.init_site = intern_or_zero(b, attr_text(element, "site"));
    if (s.init == INIT_FUSE && (s.shape.rank != 4 || s.shape.dim[1] != 2 * s.shape.dim[0]))
      return element_error(b, element, "shape", NULL, "init 'fuse' needs the shape (O, 2 O, 1, 1)");
    warn_unread(b, element, &s);
    if (s.noise < 0)
      return element_error(b, element, "noise", "it is a share of the tensor's standard deviation",
                           "noise %s is below 0", attr_text(element, "noise"));
  } else if (attr_is(element, "kind", "optimiser")) {
    s.kind = STATE_OPTIMISER;
  }
  return add_state(b, &s, use, element);
}

/* Parameters are named by their scopes without the pass. Errors are collected: go on after one. */
static Status collect(Builder *b, const Element *parent, const char *path, bool parameters) {
  Status status = STATUS_OK;
  for (const Element *el = parent->first_child; el; el = el->next) {
    Status s = STATUS_OK;
    const char *name = element_attr(el, "name");
    bool is_parameter = strcmp(el->tag, "parameter") == 0;
    if ((is_parameter && parameters) || (strcmp(el->tag, "state") == 0 && !parameters))
      s = declare(b, el, path_join(b, path, name ? name : ""));
    else if (strcmp(el->tag, "scope") == 0)
      s = collect(b, el, path_join(b, path, name ? name : ""), parameters);
    else if (strcmp(el->tag, "pass") == 0)
      s = collect(b, el, path, parameters);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

/* state-field NAME: one optimiser state for each trainable parameter. */
static Status collect_fields(Builder *b, const Element *program) {
  for (const Element *el = program->first_child; el; el = el->next) {
    if (strcmp(el->tag, "state-field") != 0) continue;
    TRY(check_numbers(b, el, b->options->precision->storage));
    uint32_t field = strings_intern(b->model->symbols->strings, attr_text(el, "name"));
    for (uint32_t i = 0; i < b->n_parameters; i++) {
      State s = b->plan->states[i];
      if (!s.trainable) continue;
      const char *name = arena_printf(b->model->arena, "%s:%s", attr_text(el, "name"),
                                      strings_text(b->model->symbols->strings, s.name));
      s = (State){.name = strings_intern(b->model->symbols->strings, name),
                  .dtype = s.dtype,
                  .kind = STATE_OPTIMISER,
                  .init_a = attr_float(el, "value"),
                  .rate = 1,
                  .decay = 1,
                  .loc = el->loc,
                  .shape = s.shape};
      TRY(add_state(b, &s, (StateUse){field, b->state_uses[i].read}, el));
    }
  }
  return STATUS_OK;
}

Status states_collect(Builder *b) {
  Status status = STATUS_OK;
  for (int parameters = 1; parameters >= 0; parameters--) {
    for (const Element *el = b->model->root->first_child; el; el = el->next) {
      if (strcmp(el->tag, "program") != 0) continue;
      Status s = collect(b, el, "", parameters);
      if (status == STATUS_OK) status = s;
    }
    if (parameters) b->n_parameters = b->plan->n_states;
  }
  TRY(status);
  for (const Element *el = b->model->root->first_child; el; el = el->next)
    if (strcmp(el->tag, "program") == 0) TRY(collect_fields(b, el));
  return STATUS_OK;
}
