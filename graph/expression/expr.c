/* The expression evaluator: recursive descent that computes as it parses. Both branches of a
 * condition are evaluated for syntax, errors of the branch not taken are dropped. */
#include "graph/base/array.h"
#include "graph/base/checked.h"
#include "graph/base/diag.h"
#include "graph/base/text.h"
#include "graph/expression/expr_functions.h"
#include "graph/expression/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Expr {
  Arena *arena;
  const Binding *env;
  const char *text, *at;
  ExprError *error;
  bool failed, skipping; /* skipping: the value does not matter, only syntax does */
  int depth;
} Expr;

static Value parse_condition(Expr *x);

static Value integer(int64_t i) {
  return (Value){.type = VALUE_INT, .i = i};
}

static Value fail(Expr *x, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static Value fail(Expr *x, const char *hint, const char *format, ...) {
  if (x->failed) return integer(0);
  x->failed = true;
  va_list args;
  va_start(args, format);
  text_vformat(x->error->text, EXPR_ERROR_MAX, format, args);
  va_end(args);
  text_format(x->error->hint, EXPR_ERROR_MAX, "%s", hint ? hint : "");
  x->error->at = (uint32_t)(x->at - x->text);
  return integer(0);
}

static Value expected(Expr *x, const char *token) {
  if (*x->at) return fail(x, NULL, "'%s' is expected at '%.*s'", token, text_cut(x->at, 20), x->at);
  return fail(x, NULL, "'%s' is expected at the end", token);
}

static void blanks(Expr *x) {
  while (isspace((unsigned char)*x->at)) x->at++;
}

static bool take(Expr *x, const char *token) {
  blanks(x);
  size_t n = strlen(token);
  if (strncmp(x->at, token, n) != 0) return false;
  bool word = isalpha((unsigned char)*token);
  if (word && (isalnum((unsigned char)x->at[n]) || x->at[n] == '_')) return false;
  x->at += n;
  return true;
}

/* ---- arithmetic ---- */

/* A number, also from a string that reads as one (list parameters hold strings). */
static bool to_number(const Value *v, Value *out) {
  if (v->type == VALUE_INT || v->type == VALUE_FLOAT) {
    *out = *v;
    return true;
  }
  if (v->type != VALUE_STRING || !*v->s) return false;
  char *end;
  errno = 0;
  long long i = strtoll(v->s, &end, 10);
  if (!*end && !errno) {
    *out = integer(i);
    return true;
  }
  double f;
  if (!number_parse(v->s, &f)) return false;
  *out = (Value){.type = VALUE_FLOAT, .f = f};
  return true;
}

static double as_double(const Value *v) {
  return v->type == VALUE_INT ? (double)v->i : v->f;
}

/* -1, 0 or 1 of two numbers; whole ones exactly, beyond 2^53 too. */
static int compare_numbers(const Value *a, const Value *b) {
  if (a->type == VALUE_INT && b->type == VALUE_INT) return (a->i > b->i) - (a->i < b->i);
  double x = as_double(a), y = as_double(b);
  return (x > y) - (x < y);
}

static Value real(Expr *x, double f) {
  if (!isfinite(f)) return fail(x, NULL, "the result is not a finite number");
  return (Value){.type = VALUE_FLOAT, .f = f};
}

static Value list_add(Expr *x, const Value *a, const Value *b) {
  Value out = {.type = VALUE_LIST};
  out.list.depth = a->list.depth > b->list.depth ? a->list.depth : b->list.depth;
  if (a->list.n + b->list.n > EXPR_LIST_MAX) return fail(x, NULL, "the list is too long");
  out.list.items = arena_array(x->arena, (size_t)a->list.n + b->list.n + 1, sizeof(Value));
  if (!out.list.items) return fail(x, NULL, "out of memory");
  for (uint32_t i = 0; i < a->list.n; i++) out.list.items[out.list.n++] = a->list.items[i];
  for (uint32_t i = 0; i < b->list.n; i++) out.list.items[out.list.n++] = b->list.items[i];
  return out;
}

static bool same_value(Expr *x, const Value *a, const Value *b) {
  Value p, q;
  if (to_number(a, &p) && to_number(b, &q)) return compare_numbers(&p, &q) == 0;
  const char *s = value_text(x->arena, a), *t = value_text(x->arena, b);
  return s && t && strcmp(s, t) == 0;
}

/* list - item, list - list */
static Value list_remove(Expr *x, const Value *a, const Value *b) {
  Value out = {.type = VALUE_LIST, .list = {.depth = a->list.depth}};
  out.list.items = arena_array(x->arena, a->list.n + 1, sizeof(Value));
  if (!out.list.items) return fail(x, NULL, "out of memory");
  for (uint32_t i = 0; i < a->list.n; i++) {
    bool drop = b->type != VALUE_LIST && same_value(x, &a->list.items[i], b);
    for (uint32_t j = 0; b->type == VALUE_LIST && j < b->list.n; j++)
      drop = drop || same_value(x, &a->list.items[i], &b->list.items[j]);
    if (!drop) out.list.items[out.list.n++] = a->list.items[i];
  }
  return out;
}

static Value integers(Expr *x, char op, int64_t a, int64_t b) {
  int64_t r = 0;
  bool fits = true;
  switch (op) {
  case '+':
    fits = checked_add(a, b, &r);
    break;
  case '-':
    fits = checked_sub(a, b, &r);
    break;
  case '*':
    fits = checked_mul(a, b, &r);
    break;
  default: /* '|' is //, '%': rounded towards minus infinity */
    if (b == 0) return fail(x, NULL, "division by zero");
    if (b == -1) {
      fits = op == '%' || checked_sub(0, a, &r);
      break;
    }
    r = op == '|' ? a / b : a % b;
    if (op == '|' && a % b != 0 && (a < 0) != (b < 0)) r--;
    if (op == '%' && r != 0 && (r < 0) != (b < 0)) r += b;
  }
  return fits ? integer(r) : fail(x, NULL, "the result does not fit into 64 bits");
}

static const char *type_name(const Value *v) {
  static const char *const names[] = {"a whole number", "a number", "true or false", "a text",
                                      "a list"};
  return names[v->type];
}

static Value arithmetic(Expr *x, char op, Value a, Value b) {
  if (x->failed || x->skipping) return integer(0);
  if (a.type == VALUE_LIST && op == '+' && b.type == VALUE_LIST) return list_add(x, &a, &b);
  if (a.type == VALUE_LIST && op == '-') return list_remove(x, &a, &b);
  if (op == '+' && (a.type == VALUE_STRING || b.type == VALUE_STRING)) {
    Value p, q;
    bool numbers = to_number(&a, &p) && to_number(&b, &q) &&
                   (a.type != VALUE_STRING || b.type != VALUE_STRING);
    if (!numbers) {
      if (a.type != b.type)
        return fail(x, "str(x) makes a text", "'+' joins two texts, this is %s and %s",
                    type_name(&a), type_name(&b));
      if (strlen(a.s) + strlen(b.s) > EXPR_TEXT_MAX) return fail(x, NULL, "the text is too long");
      const char *s = arena_printf(x->arena, "%s%s", a.s, b.s);
      return s ? (Value){.type = VALUE_STRING, .s = s} : fail(x, NULL, "out of memory");
    }
  }
  Value p, q;
  if (!to_number(&a, &p) || !to_number(&b, &q))
    return fail(x, NULL, "'%s' needs numbers, this is %s and %s",
                op == '|' ? "//" : (char[]){op, 0}, type_name(&a), type_name(&b));
  if (p.type == VALUE_INT && q.type == VALUE_INT && op != '/' && op != '^')
    return integers(x, op, p.i, q.i);
  double f = as_double(&p), g = as_double(&q);
  switch (op) {
  case '+':
    return real(x, f + g);
  case '-':
    return real(x, f - g);
  case '*':
    return real(x, f * g);
  case '^':
    return real(x, pow(f, g));
  case '/':
    return g == 0 ? fail(x, NULL, "division by zero") : real(x, f / g);
  case '|':
    return g == 0 ? fail(x, NULL, "division by zero") : real(x, floor(f / g));
  default:
    return g == 0 ? fail(x, NULL, "division by zero") : real(x, f - g * floor(f / g));
  }
}

static Value compare(Expr *x, const char *op, const Value *a, const Value *b) {
  if (x->failed || x->skipping) return (Value){.type = VALUE_BOOL};
  Value out = {.type = VALUE_BOOL}, p, q;
  if (op[0] == '=' || op[0] == '!') {
    out.b = same_value(x, a, b) == (op[0] == '=');
    return out;
  }
  int order;
  if (to_number(a, &p) && to_number(b, &q))
    order = compare_numbers(&p, &q);
  else if (a->type == VALUE_STRING && b->type == VALUE_STRING)
    order = strcmp(a->s, b->s);
  else
    return fail(x, NULL, "cannot order %s and %s", type_name(a), type_name(b));
  out.b = op[0] == '<' ? (op[1] ? order <= 0 : order < 0) : (op[1] ? order >= 0 : order > 0);
  return out;
}

/* ---- grammar ---- */

static Value parse_list(Expr *x, const char *close) {
  Value out = {.type = VALUE_LIST};
  uint32_t cap = 0;
  if (ARRAY_RESERVE_IN(x->arena, out.list.items, cap, 0, 8, NULL) != STATUS_OK)
    return fail(x, NULL, "out of memory");
  if (take(x, close)) return out;
  do {
    if (ARRAY_RESERVE_IN(x->arena, out.list.items, cap, out.list.n, 1, NULL) != STATUS_OK)
      return fail(x, NULL, "out of memory");
    Value item = parse_condition(x);
    if (x->failed) return out;
    if (item.type == VALUE_LIST && item.list.depth >= out.list.depth)
      out.list.depth = item.list.depth + 1;
    if (out.list.depth > EXPR_LIST_DEPTH_MAX)
      return fail(x, NULL, "lists are nested more than %d deep", EXPR_LIST_DEPTH_MAX);
    out.list.items[out.list.n++] = item;
  } while (take(x, ","));
  if (!take(x, close)) return expected(x, close);
  return out;
}

static Value parse_string(Expr *x) {
  const char *end = strchr(x->at, '\'');
  if (!end) return fail(x, NULL, "a text without its closing quote");
  Value v = {.type = VALUE_STRING, .s = arena_strndup(x->arena, x->at, (size_t)(end - x->at))};
  x->at = end + 1;
  return v.s ? v : fail(x, NULL, "out of memory");
}

static Value parse_number(Expr *x) {
  char *end;
  errno = 0;
  long long i = strtoll(x->at, &end, 10);
  bool range = errno == ERANGE;
  double f;
  const char *end_float = number_scan(x->at, &f);
  if (end_float && end_float > end) {
    x->at = end_float;
    return real(x, f);
  }
  if (range) return fail(x, NULL, "the number does not fit into 64 bits");
  x->at = end;
  return integer(i);
}

static Value unknown_name(Expr *x, const char *name) {
  const char *candidates[512];
  size_t n = 0;
  for (const Binding *b = x->env; b && n < 512; b = b->next) candidates[n++] = b->name;
  const char *near = diag_nearest(name, candidates, n);
  char hint[200];
  x->error->unknown = !near && !x->failed;
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  return fail(x, near ? hint : "names are those of param, let, for and arg above",
              "unknown name '%s'", name);
}

static Value parse_name(Expr *x) {
  const char *start = x->at;
  while (isalnum((unsigned char)*x->at) || *x->at == '_') x->at++;
  char *name = arena_strndup(x->arena, start, (size_t)(x->at - start));
  if (!name) return fail(x, NULL, "out of memory");
  if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0)
    return (Value){.type = VALUE_BOOL, .b = *name == 't'};
  if (take(x, "(")) {
    Value args = parse_list(x, ")"), out = integer(0);
    if (x->failed || x->skipping) return out;
    char text[EXPR_ERROR_MAX], hint[EXPR_ERROR_MAX] = "";
    if (!expr_call(x->arena, name, args.list.items, args.list.n, &out, text, hint)) {
      x->at = start;
      return fail(x, hint, "%s", text);
    }
    return out;
  }
  const Binding *b = binding_find(x->env, name);
  if (b || x->skipping) return b ? b->value : integer(0);
  x->at = start;
  return unknown_name(x, name);
}

static Value parse_atom(Expr *x) {
  blanks(x);
  if (take(x, "(")) {
    Value v = parse_condition(x);
    if (!x->failed && !take(x, ")")) return expected(x, ")");
    return v;
  }
  if (take(x, "[")) return parse_list(x, "]");
  if (take(x, "'")) return parse_string(x);
  if (isdigit((unsigned char)*x->at) || *x->at == '.') return parse_number(x);
  if (isalpha((unsigned char)*x->at) || *x->at == '_') return parse_name(x);
  if (!*x->at) return fail(x, NULL, "the expression ends where a value is expected");
  return fail(x, NULL, "a value is expected at '%.*s'", text_cut(x->at, 10), x->at);
}

static Value parse_postfix(Expr *x) {
  Value v = parse_atom(x);
  while (!x->failed && take(x, "[")) {
    Value i = parse_condition(x), n;
    if (!x->failed && !take(x, "]")) return expected(x, "]");
    if (x->failed || x->skipping) continue;
    if (v.type != VALUE_LIST)
      return fail(x, NULL, "only lists have elements, this is %s", type_name(&v));
    bool number = to_number(&i, &n);
    if (number && n.type == VALUE_FLOAT && n.f == floor(n.f) && fabs(n.f) < 9e15)
      n = integer((int64_t)n.f); /* 4 / 2 */
    if (!number || n.type != VALUE_INT || n.i < 0 || n.i >= (int64_t)v.list.n)
      return fail(x, "elements count from 0", "the list has %u elements, not one at %s", v.list.n,
                  value_text(x->arena, &i));
    Value item = v.list.items[n.i];
    v = item;
  }
  return v;
}

static Value parse_power(Expr *x) {
  if (++x->depth > EXPR_DEPTH_MAX * 8) return fail(x, NULL, "the expression is nested too deeply");
  Value v;
  if (take(x, "-")) {
    v = arithmetic(x, '-', integer(0), parse_power(x));
  } else {
    v = parse_postfix(x);
    if (!x->failed && take(x, "^")) v = arithmetic(x, '^', v, parse_power(x));
  }
  x->depth--;
  return v;
}

static Value parse_term(Expr *x) {
  Value v = parse_power(x);
  while (!x->failed) {
    if (take(x, "//"))
      v = arithmetic(x, '|', v, parse_power(x));
    else if (take(x, "*"))
      v = arithmetic(x, '*', v, parse_power(x));
    else if (take(x, "/"))
      v = arithmetic(x, '/', v, parse_power(x));
    else if (take(x, "%"))
      v = arithmetic(x, '%', v, parse_power(x));
    else
      break;
  }
  return v;
}

static Value parse_sum(Expr *x) {
  Value v = parse_term(x);
  while (!x->failed) {
    if (take(x, "+"))
      v = arithmetic(x, '+', v, parse_term(x));
    else if (take(x, "-"))
      v = arithmetic(x, '-', v, parse_term(x));
    else
      break;
  }
  return v;
}

static Value parse_compare(Expr *x) {
  static const char *const tokens[][2] = {{"==", "=="}, {"!=", "!="}, {"<=", "<="}, {">=", ">="},
                                          {"<", "<"},   {">", ">"},   {"eq", "=="}, {"ne", "!="},
                                          {"le", "<="}, {"ge", ">="}, {"lt", "<"},  {"gt", ">"}};
  Value v = parse_sum(x);
  for (size_t i = 0; !x->failed && i < sizeof tokens / sizeof *tokens; i++)
    if (take(x, tokens[i][0])) {
      Value w = parse_sum(x);
      return compare(x, tokens[i][1], &v, &w);
    }
  return v;
}

static bool truth(Expr *x, const Value *v) {
  bool b = false;
  if (!x->failed && !x->skipping && !value_truth(v, &b))
    fail(x, "write a comparison", "a condition is true or false, this is %s", type_name(v));
  return b;
}

static Value parse_not(Expr *x) {
  if (++x->depth > EXPR_DEPTH_MAX * 8) return fail(x, NULL, "the expression is nested too deeply");
  Value v;
  if (take(x, "not")) {
    v = parse_not(x);
    v = (Value){.type = VALUE_BOOL, .b = !truth(x, &v)};
  } else {
    v = parse_compare(x);
  }
  x->depth--;
  return v;
}

/* `and`, `or`: the right side is skipped when the left decides. */
static Value parse_logic(Expr *x, bool is_or) {
  Value v = is_or ? parse_logic(x, false) : parse_not(x);
  while (!x->failed && take(x, is_or ? "or" : "and")) {
    bool left = truth(x, &v), skipping = x->skipping;
    x->skipping = skipping || left == is_or;
    Value w = is_or ? parse_logic(x, false) : parse_not(x);
    bool right = x->skipping ? false : truth(x, &w);
    v = (Value){.type = VALUE_BOOL, .b = left == is_or ? is_or : right};
    x->skipping = skipping;
  }
  return v;
}

static Value parse_condition(Expr *x) {
  if (++x->depth > EXPR_DEPTH_MAX) return fail(x, NULL, "the expression is nested too deeply");
  Value v = parse_logic(x, true);
  if (!x->failed && take(x, "?")) {
    bool which = truth(x, &v), skipping = x->skipping;
    x->skipping = skipping || !which;
    Value yes = parse_condition(x);
    if (!x->failed && !take(x, ":")) expected(x, ":");
    x->skipping = skipping || which;
    Value no = parse_condition(x);
    x->skipping = skipping;
    v = which ? yes : no;
  }
  x->depth--;
  return v;
}

bool expr_evaluate(Arena *arena, const Binding *env, const char *text, size_t length, Value *out,
                   ExprError *error) {
  Expr x = {.arena = arena, .env = env, .error = error};
  error->text[0] = error->hint[0] = 0;
  error->at = 0;
  error->unknown = false;
  char *copy = length <= EXPR_LENGTH_MAX ? arena_strndup(arena, text, length) : NULL;
  x.text = x.at = copy ? copy : "";
  if (!copy) {
    fail(&x, "use let for its parts", "the expression is longer than %d bytes", EXPR_LENGTH_MAX);
    return false;
  }
  *out = parse_condition(&x);
  blanks(&x);
  if (!x.failed && *x.at)
    fail(&x, *x.at == '=' ? "equality is ==" : NULL, "an operator is expected at '%.*s'",
         text_cut(x.at, 20), x.at);
  return !x.failed;
}
