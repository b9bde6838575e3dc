/* The functions, one row each: name, number of arguments, what it does, how it is called. */
#include "graph/expression/expr_functions.h"

#include "graph/base/checked.h"
#include "graph/base/diag.h"
#include "graph/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Call {
  Arena *arena;
  const char *name;
  const Value *args;
  uint32_t n;
  Value *out;
  char *text;
} Call;

static bool fail(Call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Call *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  size_t n = text_format(c->text, EXPR_ERROR_MAX, "%s: ", c->name);
  text_vformat(c->text + n, EXPR_ERROR_MAX - n, format, args);
  va_end(args);
  return false;
}

static bool number(const Value *v, double *out) {
  switch (v->type) {
  case VALUE_INT:
    *out = (double)v->i;
    return true;
  case VALUE_FLOAT:
    *out = v->f;
    return true;
  case VALUE_STRING:
    return number_parse(v->s, out);
  default:
    return false;
  }
}

/* False of a number with a fraction. */
static bool whole(const Value *v, int64_t *out) {
  double f;
  char *end;
  if (v->type == VALUE_INT) {
    *out = v->i;
    return true;
  }
  if (v->type == VALUE_STRING) {
    errno = 0;
    *out = strtoll(v->s, &end, 10);
    if (*v->s && !*end && !errno) return true;
  }
  if (!number(v, &f) || !(fabs(f) < 9e15) || f != floor(f)) return false;
  *out = (int64_t)f;
  return true;
}

static bool give_float(Call *c, double f) {
  if (!isfinite(f)) return fail(c, "the result is not a finite number");
  *c->out = (Value){.type = VALUE_FLOAT, .f = f};
  return true;
}

static bool give_int(Call *c, int64_t i) {
  *c->out = (Value){.type = VALUE_INT, .i = i};
  return true;
}

static bool call_real(Call *c) {
  double x;
  if (!number(&c->args[0], &x)) return fail(c, "needs a number");
  const char *n = c->name;
  if (strcmp(n, "sqrt") == 0) return give_float(c, sqrt(x));
  if (strcmp(n, "exp") == 0) return give_float(c, exp(x));
  if (strcmp(n, "log") == 0) return give_float(c, log(x));
  if (strcmp(n, "sin") == 0) return give_float(c, sin(x));
  if (strcmp(n, "cos") == 0) return give_float(c, cos(x));
  if (strcmp(n, "float") == 0) return give_float(c, x);
  if (!(fabs(x) < 9e15)) return fail(c, "the result does not fit into 64 bits");
  if (strcmp(n, "floor") == 0) return give_int(c, (int64_t)floor(x));
  if (strcmp(n, "ceil") == 0) return give_int(c, (int64_t)ceil(x));
  return give_int(c, (int64_t)llround(x));
}

static bool call_abs(Call *c) {
  double x;
  if (c->args[0].type == VALUE_INT && c->args[0].i != INT64_MIN)
    return give_int(c, llabs(c->args[0].i));
  return number(&c->args[0], &x) ? give_float(c, fabs(x)) : fail(c, "needs a number");
}

static bool call_int(Call *c) {
  int64_t i;
  double x;
  if (whole(&c->args[0], &i)) return give_int(c, i);
  if (!number(&c->args[0], &x) || !(fabs(x) < 9e15)) return fail(c, "needs a number below 9e15");
  return give_int(c, (int64_t)x); /* the fraction is cut off */
}

static bool call_str(Call *c) {
  *c->out = (Value){.type = VALUE_STRING, .s = value_text(c->arena, &c->args[0])};
  return c->out->s || fail(c, "the text is too long");
}

static bool call_len(Call *c) {
  if (c->args[0].type == VALUE_LIST) return give_int(c, c->args[0].list.n);
  if (c->args[0].type != VALUE_STRING) return fail(c, "needs a list or a text");
  int64_t characters = 0;
  for (const char *at = c->args[0].s; *at; characters++) {
    size_t n = text_char_length(at, strlen(at));
    at += n ? n : 1; /* a byte that is no character is one */
  }
  return give_int(c, characters);
}

/* min, max over arguments, or over one list */
static bool call_extreme(Call *c) {
  const Value *items = c->args;
  uint32_t n = c->n;
  if (n == 1 && items[0].type == VALUE_LIST) {
    n = items[0].list.n;
    items = items[0].list.items;
  }
  if (n == 0) return fail(c, "of nothing");
  uint32_t best = 0;
  for (uint32_t i = 0; i < n; i++) {
    double x, y;
    if (!number(&items[i], &x) || !number(&items[best], &y)) return fail(c, "needs numbers");
    if (c->name[1] == 'i' ? x < y : x > y) best = i;
  }
  double x;
  if (items[best].type != VALUE_STRING)
    *c->out = items[best];
  else if (!whole(&items[best], &c->out->i))
    return number(&items[best], &x) && give_float(c, x);
  else
    c->out->type = VALUE_INT;
  return true;
}

static bool same_text(Call *c, const Value *a, const Value *b) {
  const char *s = value_text(c->arena, a), *t = value_text(c->arena, b);
  return s && t && strcmp(s, t) == 0;
}

static bool call_find(Call *c) {
  bool contains = strcmp(c->name, "contains") == 0;
  if (c->args[0].type != VALUE_LIST) return fail(c, "needs a list");
  for (uint32_t i = 0; i < c->args[0].list.n; i++)
    if (same_text(c, &c->args[0].list.items[i], &c->args[1])) {
      if (!contains) return give_int(c, i);
      *c->out = (Value){.type = VALUE_BOOL, .b = true};
      return true;
    }
  if (!contains) {
    const char *sought = value_text(c->arena, &c->args[1]);
    return fail(c, "'%s' is not in the list", sought ? sought : "...");
  }
  *c->out = (Value){.type = VALUE_BOOL, .b = false};
  return true;
}

static bool give_list(Call *c, uint32_t n) {
  *c->out = (Value){.type = VALUE_LIST};
  c->out->list.items = arena_array(c->arena, (size_t)n + 1, sizeof(Value));
  return c->out->list.items || fail(c, "out of memory");
}

static bool call_reverse(Call *c) {
  if (c->args[0].type != VALUE_LIST) return fail(c, "needs a list");
  uint32_t n = c->args[0].list.n;
  if (!give_list(c, n)) return false;
  for (uint32_t i = 0; i < n; i++) c->out->list.items[i] = c->args[0].list.items[n - 1 - i];
  c->out->list.n = n;
  c->out->list.depth = c->args[0].list.depth;
  return true;
}

/* As in Python: the end does not belong to it. */
static bool call_range(Call *c) {
  int64_t from = 0, to, step = 1;
  if (!whole(&c->args[c->n > 1], &to) || (c->n > 1 && !whole(&c->args[0], &from)) ||
      (c->n > 2 && !whole(&c->args[2], &step)))
    return fail(c, "needs whole numbers: // divides so, int(x) cuts a fraction off");
  if (step == 0) return fail(c, "the step is 0");
  const int64_t most = (int64_t)1 << 40;
  if (from > most || to > most || from < -most || to < -most)
    return fail(c, "the bounds are too large");
  if (step > most || step < -most) return fail(c, "the step is too large");
  int64_t n = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -step;
  if (n < 0) n = 0;
  if (n > EXPR_LIST_MAX) return fail(c, "%lld elements are too many", (long long)n);
  if (!give_list(c, (uint32_t)n)) return false;
  for (int64_t i = 0; i < n; i++)
    c->out->list.items[c->out->list.n++] = (Value){.type = VALUE_INT, .i = from + i * step};
  return true;
}

/* `{}` and `{0}` become the item, `{1}` the second argument, `{{` and `}}` braces. */
static const char *fill(Call *c, const char *pattern, const char *item, const char *other) {
  size_t length = 1, n = strlen(item), m = other ? strlen(other) : 0;
  for (const char *at = pattern; *at; at++) length += *at == '{' ? n + m + 1 : 1;
  if (length > EXPR_TEXT_MAX) return NULL;
  char *text = arena_alloc(c->arena, length), *to = text;
  if (!text) return NULL;
  for (const char *at = pattern; *at; at++) {
    bool first = strncmp(at, "{}", 2) == 0 || strncmp(at, "{0}", 3) == 0;
    if (strncmp(at, "{{", 2) == 0 || strncmp(at, "}}", 2) == 0) {
      *to++ = *at++;
    } else if (first) {
      memcpy(to, item, n);
      to += n;
      at += at[1] == '}' ? 1 : 2;
    } else if (other && strncmp(at, "{1}", 3) == 0) {
      memcpy(to, other, m);
      to += m;
      at += 2;
    } else {
      *to++ = *at;
    }
  }
  *to = 0;
  return text;
}

/* The first brace that opens and stands for nothing; NULL: none. */
static const char *odd_brace(const char *pattern, bool other) {
  for (const char *at = pattern; *at; at++) {
    if (*at != '{') continue;
    if (at[1] == '{')
      at++;
    else if (at[1] != '}' && strncmp(at, "{0}", 3) != 0 && !(other && strncmp(at, "{1}", 3) == 0))
      return at;
  }
  return NULL;
}

/* format(PATTERN, list [, x]): the pattern filled with each element of the list. */
static bool call_format(Call *c) {
  if (c->args[0].type != VALUE_STRING || c->args[1].type != VALUE_LIST)
    return fail(c, "needs a pattern and a list");
  const char *other = c->n > 2 ? value_text(c->arena, &c->args[2]) : NULL;
  const char *odd = odd_brace(c->args[0].s, c->n > 2);
  if (odd)
    return fail(c, "'%.*s' stands for nothing: {} is the item, {1} a third argument, {{ a brace",
                text_cut(odd, 10), odd);
  if (!give_list(c, c->args[1].list.n)) return false;
  for (uint32_t i = 0; i < c->args[1].list.n; i++) {
    const char *item = value_text(c->arena, &c->args[1].list.items[i]);
    const char *s = item ? fill(c, c->args[0].s, item, other) : NULL;
    if (!s) return fail(c, "the text is too long");
    c->out->list.items[c->out->list.n++] = (Value){.type = VALUE_STRING, .s = s};
  }
  return true;
}

static bool call_join(Call *c) {
  if (c->args[0].type != VALUE_LIST || c->args[1].type != VALUE_STRING)
    return fail(c, "needs a list and a separator");
  uint32_t n = c->args[0].list.n;
  size_t between = strlen(c->args[1].s), length = 0;
  const char **items = arena_alloc(c->arena, (n + 1) * sizeof *items);
  for (uint32_t i = 0; items && i < n; i++) {
    items[i] = value_text(c->arena, &c->args[0].list.items[i]);
    if (items[i]) length += (i ? between : 0) + strlen(items[i]);
    if (!items[i] || length > EXPR_TEXT_MAX) return fail(c, "the text is too long");
  }
  char *text = items ? arena_alloc(c->arena, length + 1) : NULL, *to = text;
  if (!text) return fail(c, "the text is too long");
  for (uint32_t i = 0; i < n; i++) {
    if (i) to = mempcpy(to, c->args[1].s, between);
    to = mempcpy(to, items[i], strlen(items[i]));
  }
  *to = 0;
  *c->out = (Value){.type = VALUE_STRING, .s = text};
  return true;
}

static bool call_sum(Call *c) {
  if (c->args[0].type != VALUE_LIST) return fail(c, "needs a list");
  double f = 0;
  int64_t i = 0;
  bool integers = true;
  for (uint32_t k = 0; k < c->args[0].list.n; k++) {
    const Value *v = &c->args[0].list.items[k];
    double x;
    int64_t n;
    if (!number(v, &x)) return fail(c, "needs numbers");
    f += x;
    if (integers && whole(v, &n))
      integers = checked_add(i, n, &i);
    else
      integers = false;
  }
  return integers ? give_int(c, i) : give_float(c, f);
}

static const struct {
  const char *name;
  uint32_t least, most;
  bool (*call)(Call *);
  const char *usage;
} functions[] = {
    {"abs", 1, 1, call_abs, "abs(x)"},
    {"ceil", 1, 1, call_real, "ceil(x)"},
    {"contains", 2, 2, call_find, "contains(list, item)"},
    {"cos", 1, 1, call_real, "cos(x)"},
    {"exp", 1, 1, call_real, "exp(x)"},
    {"float", 1, 1, call_real, "float(x)"},
    {"floor", 1, 1, call_real, "floor(x)"},
    {"format", 2, 3, call_format, "format('w{}', list)"},
    {"index", 2, 2, call_find, "index(list, item)"},
    {"int", 1, 1, call_int, "int(x)"},
    {"join", 2, 2, call_join, "join(list, ' ')"},
    {"len", 1, 1, call_len, "len(list)"},
    {"log", 1, 1, call_real, "log(x)"},
    {"max", 1, 64, call_extreme, "max(a, b, ...)"},
    {"min", 1, 64, call_extreme, "min(a, b, ...)"},
    {"range", 1, 3, call_range, "range(end), range(start, end) or range(start, end, step)"},
    {"reverse", 1, 1, call_reverse, "reverse(list)"},
    {"round", 1, 1, call_real, "round(x)"},
    {"sin", 1, 1, call_real, "sin(x)"},
    {"sqrt", 1, 1, call_real, "sqrt(x)"},
    {"str", 1, 1, call_str, "str(x)"},
    {"sum", 1, 1, call_sum, "sum(list)"},
};
#define N_FUNCTIONS (sizeof functions / sizeof *functions)

bool expr_call(Arena *arena, const char *name, const Value *args, uint32_t n, Value *out,
               char *text, char *hint) {
  const char *names[N_FUNCTIONS];
  Call c = {arena, name, args, n, out, text};
  for (size_t i = 0; i < N_FUNCTIONS; i++) {
    names[i] = functions[i].name;
    if (strcmp(functions[i].name, name) != 0) continue;
    if (n < functions[i].least || n > functions[i].most)
      return fail(&c, "does not take %u argument%s: %s", n, n == 1 ? "" : "s", functions[i].usage);
    return functions[i].call(&c);
  }
  text_format(text, EXPR_ERROR_MAX, "unknown function '%s'", name);
  const char *near = diag_nearest(name, names, N_FUNCTIONS);
  if (near) text_format(hint, EXPR_ERROR_MAX, "did you mean '%s'?", near);
  return false;
}
