/* Recursive descent with a bounded depth over the grammar in the header. */
#include "compiler/tensor_expr.h"

#include "graph/tensor.h"
#include "graph/value.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define DEPTH_MAX 64
#define NAME_TEXT_MAX 512

typedef struct Parser {
  Emitter *e;
  const char *text, *at;
  TensorResolve resolve;
  void *context;
  int depth;
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

static NodeId fail_at(Parser *p, const char *expected) {
  const char *hint = *p->at == '/' ? "a path stands in braces: {/a/b}" : NULL;
  if (*p->at)
    return emitter_fail(p->e, hint, "expression '%s': %s expected at '%.20s'", p->text, expected,
                        p->at);
  return emitter_fail(p->e, NULL, "expression '%s': %s expected at its end", p->text, expected);
}

static const struct {
  const char *name;
  OpId op;
} unary_functions[] = {{"exp", OP_EXP}, {"log", OP_LOG},   {"sqrt", OP_SQRT}, {"rsqrt", OP_RSQRT},
                       {"abs", OP_ABS}, {"sign", OP_SIGN}, {"tanh", OP_TANH}, {"sin", OP_SIN},
                       {"cos", OP_COS}, {"not", OP_NOT},   {"neg", OP_NEG}},
  binary_functions[] = {{"less", OP_LESS}, {"equal", OP_EQUAL}, {"and", OP_AND}, {"or", OP_OR}};

static const char *const function_names[] = {"exp",   "log",  "sqrt",   "rsqrt", "abs",  "sign",
                                             "tanh",  "sin",  "cos",    "not",   "neg",  "less",
                                             "equal", "and",  "or",     "max",   "min",  "where",
                                             "sum",   "mean", "square", "stop",  "float"};

static NodeId apply(Parser *p, const char *name, const NodeId *args, int n) {
  Emitter *e = p->e;
  if (n == 1) {
    for (size_t i = 0; i < sizeof unary_functions / sizeof *unary_functions; i++)
      if (strcmp(name, unary_functions[i].name) == 0)
        return emit_unary(e, unary_functions[i].op, args[0]);
    if (strcmp(name, "sum") == 0) return emit_scalar(e, emit_reduce_sum(e, args[0], AXES_ALL));
    if (strcmp(name, "mean") == 0) return emit_scalar(e, emit_mean(e, args[0], AXES_ALL));
    if (strcmp(name, "square") == 0) return emit_mul(e, args[0], args[0]);
    if (strcmp(name, "stop") == 0) return emit_stop_gradient(e, args[0]);
    if (strcmp(name, "float") == 0) return emit_cast(e, args[0], e->float_type);
  }
  if (n == 2) {
    for (size_t i = 0; i < sizeof binary_functions / sizeof *binary_functions; i++)
      if (strcmp(name, binary_functions[i].name) == 0)
        return emit_binary(e, binary_functions[i].op, args[0], args[1]);
    if (strcmp(name, "max") == 0)
      return emit_select(e, emit_less(e, args[0], args[1]), args[1], args[0]);
    if (strcmp(name, "min") == 0)
      return emit_select(e, emit_less(e, args[1], args[0]), args[1], args[0]);
  }
  if (n == 3 && strcmp(name, "where") == 0) return emit_select(e, args[0], args[1], args[2]);
  size_t count = sizeof function_names / sizeof *function_names;
  const char *near = diag_nearest(name, function_names, count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(name, function_names[i]) == 0)
      return emitter_fail(e, NULL, "expression '%s': %s does not take %d arguments", p->text, name,
                          n);
  char hint[64];
  if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
  return emitter_fail(e, near ? hint : NULL, "expression '%s': unknown function '%s'", p->text,
                      name);
}

static NodeId parse_call(Parser *p, const char *name) {
  NodeId args[3];
  int n = 0;
  do {
    if (n == 3)
      return emitter_fail(p->e, NULL, "expression '%s': %s has too many arguments", p->text, name);
    args[n] = parse_sum(p);
    if (args[n++] == NODE_NONE) return NODE_NONE;
  } while (take(p, ','));
  if (!take(p, ')')) return fail_at(p, "')'");
  return apply(p, name, args, n);
}

/* A literal; false after an error. */
static bool take_number(Parser *p, const char *what, double *out) {
  skip_blanks(p);
  const char *start = p->at, *end = number_scan(start, out);
  const char *why = end ? tensor_refuses(p->e->float_type, *out) : NULL;
  if (end && !why) {
    p->at = end;
    return true;
  }
  if (end)
    emitter_fail(p->e, NULL, "expression '%s': the number %.*s %s", p->text, (int)(end - start),
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
  if (take(p, '(')) return parse_call(p, name);
  return p->resolve(p->context, name);
}

static NodeId parse_path(Parser *p) {
  char name[NAME_TEXT_MAX];
  const char *end = strchr(p->at, '}');
  size_t n = end ? (size_t)(end - p->at) : 0;
  if (!end || n == 0 || n >= sizeof name) return fail_at(p, "a path and '}'");
  memcpy(name, p->at, n);
  name[n] = 0;
  p->at = end + 1;
  return p->resolve(p->context, name);
}

static NodeId parse_atom(Parser *p) {
  skip_blanks(p);
  if (take(p, '(')) {
    NodeId inner = parse_sum(p);
    if (inner == NODE_NONE) return NODE_NONE;
    return take(p, ')') ? inner : fail_at(p, "')'");
  }
  if (take(p, '{')) return parse_path(p);
  if (isdigit((unsigned char)*p->at) || *p->at == '.') return parse_number(p);
  if (isalpha((unsigned char)*p->at) || *p->at == '_') return parse_name(p);
  return fail_at(p, "a value");
}

static NodeId parse_factor(Parser *p) {
  if (++p->depth > DEPTH_MAX)
    return emitter_fail(p->e, NULL, "expression '%.60s...' is nested too deeply", p->text);
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
  NodeId value = parse_sum(&p);
  skip_blanks(&p);
  if (value && *p.at) return fail_at(&p, "an operator");
  return value;
}
