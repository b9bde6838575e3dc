/* Values of elaboration: text, truth, bindings, interpolation. */
#include "graph/expression/value.h"

#include "graph/base/diag.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *number_scan(const char *text, double *out) {
  const char *at = text + strspn(text, " \t\n");
  const char *first = at + (*at == '-' || *at == '+');
  bool hex = first[0] == '0' && (first[1] == 'x' || first[1] == 'X');
  if (hex || !(isdigit((unsigned char)*first) || *first == '.')) return NULL;
  char *end;
  *out = strtod(at, &end);
  return end == at ? NULL : end;
}

bool number_parse(const char *text, double *out) {
  const char *end = number_scan(text, out);
  return end && !*end && isfinite(*out);
}

void float_text(double value, char *text) {
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, 32, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}

const char *value_text(Arena *arena, const Value *v) {
  char text[32];
  switch (v->type) {
  case VALUE_INT:
    return arena_printf(arena, "%" PRId64, v->i);
  case VALUE_FLOAT:
    float_text(v->f, text);
    return arena_strdup(arena, text);
  case VALUE_BOOL:
    return v->b ? "true" : "false";
  case VALUE_STRING:
    return v->s;
  case VALUE_LIST:
    break;
  }
  size_t length = 1;
  const char **parts = arena_array(arena, v->list.n + 1, sizeof *parts);
  if (!parts) return NULL;
  for (uint32_t i = 0; i < v->list.n; i++) {
    parts[i] = value_text(arena, &v->list.items[i]);
    if (!parts[i]) return NULL;
    length += strlen(parts[i]) + 1;
    if (length > EXPR_TEXT_MAX) return NULL;
  }
  char *joined = arena_alloc(arena, length), *at = joined;
  if (!joined) return NULL;
  for (uint32_t i = 0; i < v->list.n; i++) {
    if (i) *at++ = ' ';
    size_t n = strlen(parts[i]);
    memcpy(at, parts[i], n);
    at += n;
  }
  return joined;
}

bool value_truth(const Value *v, bool *out) {
  if (v->type != VALUE_BOOL) return false;
  *out = v->b;
  return true;
}

bool value_list_parse(Arena *arena, const char *text, Value *out) {
  uint32_t n = 0;
  for (const char *at = text + strspn(text, " \t\n"); *at; n++) {
    at += strcspn(at, " \t\n");
    at += strspn(at, " \t\n");
  }
  *out = (Value){.type = VALUE_LIST};
  out->list.items = arena_array(arena, n + 1, sizeof(Value));
  if (!out->list.items) return false;
  for (const char *at = text + strspn(text, " \t\n"); *at;) {
    size_t length = strcspn(at, " \t\n");
    Value item = {.type = VALUE_STRING, .s = arena_strndup(arena, at, length)};
    if (!item.s) return false;
    out->list.items[out->list.n++] = item;
    at += length;
    at += strspn(at, " \t\n");
  }
  return true;
}

const Binding *binding_find(const Binding *env, const char *name) {
  for (; env; env = env->next)
    if (strcmp(env->name, name) == 0) return env;
  return NULL;
}

bool binding_add(Arena *arena, const Binding **env, const char *name, Value value, uint32_t line) {
  Binding *b = arena_alloc(arena, sizeof *b);
  if (!b) return false;
  *b = (Binding){name, value, line, *env};
  *env = b;
  return true;
}

/* The end of `${...`: its closing brace, not counting those in 'strings' and nested pairs. */
static const char *find_close(const char *at) {
  bool quoted = false;
  int depth = 0;
  for (; *at; at++) {
    if (*at == '\'')
      quoted = !quoted;
    else if (quoted)
      continue;
    else if (*at == '{')
      depth++;
    else if (*at == '}' && depth-- == 0)
      return at;
  }
  return NULL;
}

bool expr_interpolate(Arena *arena, const Binding *env, const char *text, const char **out,
                      ExprError *error) {
  const char *at = strstr(text, "${"), *from = text;
  *out = text;
  if (!at) return true;
  const char *result = "";
  for (; at; at = strstr(from, "${")) {
    const char *close = find_close(at + 2);
    error->at = (uint32_t)(at - text);
    if (!close) {
      snprintf(error->text, sizeof error->text, "'${' without '}'");
      error->hint[0] = 0;
      return false;
    }
    Value value;
    if (!expr_evaluate(arena, env, at + 2, (size_t)(close - at - 2), &value, error)) {
      error->at += (uint32_t)(at + 2 - text);
      return false;
    }
    const char *shown = value_text(arena, &value);
    result = shown ? arena_printf(arena, "%s%.*s%s", result, (int)(at - from), from, shown) : NULL;
    if (!result || strlen(result) > EXPR_TEXT_MAX) {
      snprintf(error->text, sizeof error->text, "the attribute grows beyond 1 MiB");
      return false;
    }
    from = close + 1;
  }
  *out = arena_printf(arena, "%s%s", result, from);
  return *out != NULL;
}

bool expr_attribute(Arena *arena, const Binding *env, const char *text, Value *out,
                    ExprError *error) {
  if (strncmp(text, "${", 2) == 0) {
    const char *close = find_close(text + 2);
    if (close && close[1] == 0) {
      if (expr_evaluate(arena, env, text + 2, (size_t)(close - text - 2), out, error)) return true;
      error->at += 2;
      return false;
    }
  }
  *out = (Value){.type = VALUE_STRING};
  return expr_interpolate(arena, env, text, &out->s, error);
}
