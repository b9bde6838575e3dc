/* Recursive descent with a bounded depth over the grammar in the header. */
#include "compiler/tensor_expr.h"

#include "graph/base/text.h"
#include "graph/expression/value.h"
#include "ops/composite.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64
#define NAME_TEXT_MAX 512
#define HINT_MAX 400
#define SHOWN_MAX 300

typedef struct Parser {
  Emitter *e;
  const char *text, *at;
  TensorResolve resolve;
  void *context;
  int depth;
  char shown[SHOWN_MAX]; /* the text as messages show it: a long one would hide what they say */
} Parser;

static NodeId parse_sum(Parser *p);

static void skip_blanks(Parser *p) {
  while (isspace((unsigned char)*p->at)) p->at++;
}

static bool take(Parser *p, char c) {
  skip_blanks(p);
  if (*p->at != c) return false;
  p->at++;
  return true;
}

/* What other languages write, and what it is here. */
static const struct {
  const char *sign, *hint;
} signs[] = {{"**", "a power is x ^ 2"},
             {"//", "divide with /"},
             {"/", "a path stands in braces: {/a/b}"},
             {">", "a > b is less(b, a)"},
             {"<", "a < b is less(a, b)"},
             {"==", "a == b is equal(a, b)"},
             {"!=", "a != b is not(equal(a, b))"},
             {"@", "a product of matrices is an op: <matmul name=\"y\" in=\"a\" with=\"b\"/>"},
             {"&", "both is and(a, b)"},
             {"|", "either is or(a, b)"},
             {"!", "the opposite is not(a)"},
             {"?", "a choice is where(condition, yes, no)"},
             {"[", "a part of a tensor is an op: <part name=\"y\" in=\"x\" axis=\"0\" start=\"0\" "
                   "size=\"1\"/>"},
             {"$", "names of elaboration are put in with ${...}"}};

static const char *sign_hint(const Parser *p) {
  const char *at = p->at;
  bool twice = (*at == '*' || *at == '/') && at > p->text && at[-1] == *at;
  if (twice) at--; /* the first was taken */
  for (size_t i = 0; *at && i < sizeof signs / sizeof *signs; i++)
    if (strncmp(at, signs[i].sign, strlen(signs[i].sign)) == 0) return signs[i].hint;
  return NULL;
}

static NodeId fail_at(Parser *p, const char *expected) {
  const char *hint = sign_hint(p);
  if (*p->at)
    return emitter_fail(p->e, hint, "expression '%s': %s expected at '%.*s'", p->shown, expected,
                        text_cut(p->at, 20), p->at);
  return emitter_fail(p->e, NULL, "expression '%s': %s expected at its end", p->shown, expected);
}

/* `open` stands behind the parenthesis that is not closed. */
static NodeId fail_close(Parser *p, const char *open) {
  char hint[80];
  if (*p->at) return fail_at(p, "')'");
  text_format(hint, sizeof hint, "it closes the '(' in front of '%.*s'", text_cut(open, 20), open);
  return emitter_fail(p->e, hint, "expression '%s': ')' expected at its end", p->shown);
}

/* Functions that are no op's own (OpDesc.function). */
static NodeId call_sum(Emitter *e, NodeId a) {
  return emit_scalar(e, emit_reduce_sum(e, a, AXES_ALL));
}
static NodeId call_mean(Emitter *e, NodeId a) {
  return emit_scalar(e, emit_mean(e, a, AXES_ALL));
}
static NodeId call_square(Emitter *e, NodeId a) {
  return emit_mul(e, a, a);
}
static NodeId call_float(Emitter *e, NodeId a) {
  return emit_cast(e, a, e->float_type);
}
static const struct {
  const char *name;
  NodeId (*call)(Emitter *e, NodeId a);
} own_functions[] = {
    {"sum", call_sum}, {"mean", call_mean}, {"square", call_square}, {"float", call_float}};
#define N_OWN (sizeof own_functions / sizeof *own_functions)

static const struct {
  const char *name, *hint;
} other_names[] = {
    {"pow", "a power is x ^ 2, or exp(y * log(x)) for an exponent that is a value"},
    {"greater", "a > b is less(b, a)"},
    {"gt", "a > b is less(b, a)"},
    {"lt", "a < b is less(a, b)"},
    {"eq", "a = b is equal(a, b)"},
    {"if", "a choice is where(condition, yes, no)"},
    {"sqr", "did you mean 'square'?"},
    {"cumsum", "it needs an axis: <cumulative-sum name=\"...\" in=\"...\" axis=\"0\"/>"},
    {"topk", "top-k is an op: <top-k name=\"...\" in=\"...\" k=\"5\"/>"},
    {"argsort", "it needs an axis: <arg-sort name=\"...\" in=\"...\" axis=\"0\"/>"},
    {"argmax", "it needs an axis: <arg-max name=\"...\" in=\"...\" axis=\"0\"/>"},
    {"norm", "a norm is sqrt(sum(square(x)))"}};

static const char *nearest_function(const char *name) {
  const OpTable *ops = ops_table();
  const char **names = calloc(ops->count + N_OWN, sizeof *names), *near;
  size_t n = 0;
  for (uint32_t id = 1; names && id < ops->count; id++)
    if (ops->ops[id]->function) names[n++] = ops->ops[id]->function;
  for (size_t i = 0; names && i < N_OWN; i++) names[n++] = own_functions[i].name;
  near = diag_nearest(name, names, n);
  free(names);
  return near;
}

/* The op whose element has the name of a function, as it is or with `-` for `_`; NULL: none. */
static const OpDesc *op_like(const char *name) {
  const OpTable *ops = ops_table();
  char spelt[NAME_TEXT_MAX];
  size_t n = 0;
  for (; name[n] && n + 1 < sizeof spelt; n++) spelt[n] = name[n] == '_' ? '-' : name[n];
  spelt[n] = 0;
  uint32_t id = op_table_find(ops, spelt);
  return id && !ops->ops[id]->hidden ? ops->ops[id] : NULL;
}

/* How its element is written: with what it needs and the attribute `given` (NULL: no other). */
static void element_form(const OpDesc *op, const char *given, char *hint) {
  size_t at = text_append(hint, HINT_MAX, 0, "<%s name=\"...\"", op->name);
  for (uint32_t i = 0; i < op->n_inputs; i++)
    if (!op->inputs[i].optional)
      at = text_append(hint, HINT_MAX, at, " %s=\"...\"", op->inputs[i].name);
  for (uint32_t i = 0; i < op->n_attrs; i++)
    if (!op->attrs[i].fallback || (given && strcmp(op->attrs[i].name, given) == 0))
      at = text_append(hint, HINT_MAX, at, " %s=\"...\"", op->attrs[i].name);
  text_append(hint, HINT_MAX, at, "/>");
}

/* What to use instead of a function that there is not; false: nothing comes to mind. */
static bool function_hint(const char *name, char *hint) {
  for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
    if (strcmp(name, other_names[i].name) == 0)
      return snprintf(hint, HINT_MAX, "%s", other_names[i].hint) > 0;
  const OpDesc *op = op_like(name);
  if (op) {
    char form[HINT_MAX];
    element_form(op, NULL, form);
    return text_format(hint, HINT_MAX, "%s is an op: %s", op->name, form) > 0;
  }
  const char *near = nearest_function(name);
  if (near) snprintf(hint, HINT_MAX, "did you mean '%s'?", near);
  return near != NULL;
}

static bool is_function(const char *name) {
  const OpTable *ops = ops_table();
  bool found = false;
  for (uint32_t id = 1; id < ops->count; id++)
    found = found || (ops->ops[id]->function && strcmp(name, ops->ops[id]->function) == 0);
  for (size_t i = 0; i < N_OWN; i++) found = found || strcmp(name, own_functions[i].name) == 0;
  return found;
}

static NodeId fail_count(Parser *p, const char *name, int n) {
  char hint[HINT_MAX];
  const OpDesc *op = op_like(name);
  bool more = op && op->n_attrs > 0 && n > op->n_inputs; /* perhaps the axes of a sum */
  if (more) element_form(op, op->attrs[0].name, hint);
  return emitter_fail(p->e, more ? hint : NULL, "expression '%s': %s does not take %d arguments",
                      p->shown, name, n);
}

/* `form=tanh` among arguments: attributes are given to elements only. */
static bool is_attribute(const char *at, char name[NAME_TEXT_MAX]) {
  size_t n = 0;
  while (isspace((unsigned char)*at)) at++;
  if (!isalpha((unsigned char)*at)) return false;
  for (; (isalnum((unsigned char)*at) || strchr("_-", *at)) && *at && n + 1 < NAME_TEXT_MAX; at++)
    name[n++] = *at == '_' ? '-' : *at;
  name[n] = 0;
  while (isspace((unsigned char)*at)) at++;
  return at[0] == '=' && at[1] != '=';
}

static NodeId fail_attribute(Parser *p, const char *function, const char *attribute) {
  char hint[HINT_MAX] = "a = b is equal(a, b)";
  const OpDesc *op = op_like(function);
  bool has = false;
  for (uint32_t i = 0; op && i < op->n_attrs; i++)
    has = has || strcmp(op->attrs[i].name, attribute) == 0;
  if (has)
    element_form(op, attribute, hint);
  else if (!is_function(function))
    function_hint(function, hint);
  return emitter_fail(p->e, hint,
                      "expression '%s': functions take values, and no attributes ('%s')", p->shown,
                      attribute);
}

/* As the op's element is built. */
static NodeId apply_op(Emitter *e, uint32_t id, const NodeId *args) {
  const OpDesc *op = op_desc(id);
  if (op->expand) {
    CompositeCall call = {.op = op, .inputs = args, .n_inputs = op->n_inputs};
    e->composite = op->name;
    Status status = op->expand(e, &call);
    e->composite = NULL;
    return status == STATUS_OK ? call.results[0] : NODE_NONE;
  }
  return emit_op(e, (OpId)id, args, op->n_inputs, NULL);
}

static NodeId apply(Parser *p, const char *name, const NodeId *args, int n) {
  const OpTable *ops = ops_table();
  for (uint32_t id = 1; id < ops->count; id++)
    if (ops->ops[id]->function && strcmp(name, ops->ops[id]->function) == 0)
      return n == ops->ops[id]->n_inputs ? apply_op(p->e, id, args) : fail_count(p, name, n);
  for (size_t i = 0; i < N_OWN; i++)
    if (strcmp(name, own_functions[i].name) == 0)
      return n == 1 ? own_functions[i].call(p->e, args[0]) : fail_count(p, name, n);
  char hint[HINT_MAX];
  return emitter_fail(p->e, function_hint(name, hint) ? hint : NULL,
                      "expression '%s': unknown function '%s'", p->shown, name);
}

static NodeId parse_call(Parser *p, const char *name) {
  NodeId args[3];
  const char *open = p->at;
  int n = 0;
  do {
    if (n == 3)
      return emitter_fail(p->e, NULL, "expression '%s': %s has too many arguments", p->shown, name);
    char attribute[NAME_TEXT_MAX];
    if (is_attribute(p->at, attribute)) return fail_attribute(p, name, attribute);
    args[n] = parse_sum(p);
    if (args[n++] == NODE_NONE) return NODE_NONE;
  } while (take(p, ','));
  if (!take(p, ')')) return fail_close(p, open);
  return apply(p, name, args, n);
}

/* A literal; false after an error. */
static bool take_number(Parser *p, const char *what, double *out) {
  skip_blanks(p);
  const char *start = p->at, *end = number_scan(start, out);
  const char *why = end ? dtype_refuses(p->e->float_type, *out) : NULL;
  if (end && !why) {
    p->at = end;
    return true;
  }
  if (end)
    emitter_fail(p->e, NULL, "expression '%s': the number %.*s %s", p->shown, (int)(end - start),
                 start, isfinite(*out) ? why : "is too large");
  else
    fail_at(p, what);
  return false;
}

static NodeId parse_number(Parser *p) {
  double value;
  if (!take_number(p, "a number", &value)) return NODE_NONE;
  return emit_constant(p->e, value, p->e->float_type, NULL);
}

static NodeId parse_name(Parser *p) {
  char name[NAME_TEXT_MAX];
  size_t n = 0;
  while ((isalnum((unsigned char)*p->at) || *p->at == '_') && n + 1 < sizeof name)
    name[n++] = *p->at++;
  name[n] = 0;
  if (isalnum((unsigned char)*p->at) || *p->at == '_')
    return emitter_fail(p->e, "shorter names of scopes, or an <alias>",
                        "expression '%s': a name is longer than %d bytes", p->shown,
                        NAME_TEXT_MAX - 1);
  if (take(p, '(')) return parse_call(p, name);
  return p->resolve(p->context, name);
}

static NodeId parse_path(Parser *p) {
  char name[NAME_TEXT_MAX];
  const char *end = strchr(p->at, '}');
  size_t n = end ? (size_t)(end - p->at) : 0;
  if (end && n >= sizeof name)
    return emitter_fail(p->e, "shorter names of scopes, or an <alias>",
                        "expression '%s': a path is longer than %d bytes", p->shown,
                        NAME_TEXT_MAX - 1);
  if (!end || n == 0) return fail_at(p, "a path and '}'");
  memcpy(name, p->at, n);
  name[n] = 0;
  p->at = end + 1;
  return p->resolve(p->context, name);
}

static NodeId parse_atom(Parser *p) {
  skip_blanks(p);
  if (take(p, '(')) {
    const char *open = p->at;
    NodeId inner = parse_sum(p);
    if (inner == NODE_NONE) return NODE_NONE;
    return take(p, ')') ? inner : fail_close(p, open);
  }
  if (take(p, '{')) return parse_path(p);
  if (isdigit((unsigned char)*p->at) || *p->at == '.') return parse_number(p);
  if (isalpha((unsigned char)*p->at) || *p->at == '_') return parse_name(p);
  return fail_at(p, "a value");
}

static NodeId parse_factor(Parser *p) {
  if (++p->depth > DEPTH_MAX)
    return emitter_fail(p->e, NULL, "expression '%s' is nested too deeply", p->shown);
  NodeId value;
  if (take(p, '-')) {
    value = emit_neg(p->e, parse_factor(p));
  } else {
    value = parse_atom(p);
    if (value && take(p, '^')) {
      double exponent;
      if (!take_number(p, "a constant exponent", &exponent)) return NODE_NONE;
      value = emit_power(p->e, value, exponent);
    }
  }
  p->depth--;
  return value;
}

static NodeId parse_term(Parser *p) {
  NodeId value = parse_factor(p);
  while (value) {
    if (take(p, '*'))
      value = emit_mul(p->e, value, parse_factor(p));
    else if (take(p, '/'))
      value = emit_div(p->e, value, parse_factor(p));
    else
      break;
  }
  return value;
}

static NodeId parse_sum(Parser *p) {
  NodeId value = parse_term(p);
  while (value) {
    if (take(p, '+'))
      value = emit_add(p->e, value, parse_term(p));
    else if (take(p, '-'))
      value = emit_sub(p->e, value, parse_term(p));
    else
      break;
  }
  return value;
}

NodeId tensor_expr(Emitter *e, const char *text, TensorResolve resolve, void *context) {
  Parser p = {.e = e, .text = text, .at = text, .resolve = resolve, .context = context};
  if (e->status != STATUS_OK) return NODE_NONE;
  text_format(p.shown, sizeof p.shown, "%s", text);
  NodeId value = parse_sum(&p);
  skip_blanks(&p);
  if (value && *p.at) return fail_at(&p, "an operator");
  return value;
}
