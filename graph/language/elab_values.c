/* Typed attributes: expressions, interpolation, conversion to a declared type, ranges. */
#include "graph/language/elab.h"

#include "graph/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

Status elab_expr_error(Elab *e, const Frame *f, const RawElement *el, const char *attr,
                       const ExprError *error) {
  const RawAttr *at = raw_attribute(el, attr);
  RawAttr moved = *at;
  source_advance(e->l->sources, el->file, error->at, &moved.line, &moved.column);
  uint32_t loc = symbols_loc(e->l->symbols, el->file, moved.line, moved.column,
                             f->chain ? f->chain : el->chain);
  return source_error(e->l->sources, e->l->symbols, e->l->diag, loc, STATUS_INVALID,
                      *error->hint ? error->hint : NULL, "%s", error->text);
}

Status elab_expression(Elab *e, const Frame *f, const RawElement *el, const char *attr,
                       Value *out) {
  const char *text = raw_attr(el, attr);
  ExprError error = {0};
  if (expr_evaluate(e->l->arena, f->env, text, strlen(text), out, &error)) return STATUS_OK;
  return elab_expr_error(e, f, el, attr, &error);
}

Status elab_text(Elab *e, const Frame *f, const RawElement *el, const char *attr,
                 const char **out) {
  ExprError error = {0};
  if (expr_interpolate(e->l->arena, f->env, raw_attr(el, attr), out, &error)) return STATUS_OK;
  return elab_expr_error(e, f, el, attr, &error);
}

const char *elab_meant_value(Elab *e, const Frame *f, const char *word) {
  word += *word == '$';
  word += *word == '{';
  const char *name = arena_strndup(e->l->arena, word, strcspn(word, "}"));
  if (!name || !binding_find(f->env, name)) return NULL;
  return arena_printf(e->l->arena, "the value of '%s' is written ${%s}", name, name);
}

const char *elab_meant_blanks(Elab *e, const char *text) {
  static const char marks[] = ",;()[]";
  char *list = strpbrk(text, marks) ? arena_strdup(e->l->arena, text) : NULL;
  if (!list) return NULL;
  char *to = list; /* each run of marks and blanks becomes one blank */
  for (const char *at = text; *at; at++) {
    bool between = strchr(marks, *at) || *at == ' ';
    if (!between)
      *to++ = *at;
    else if (to > list && to[-1] != ' ')
      *to++ = ' ';
  }
  if (to > list && to[-1] == ' ') to--;
  *to = 0;
  return arena_printf(e->l->arena, "lists are separated by blanks: '%s'", list);
}

static bool fail(ExprError *why, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(ExprError *why, const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  text_vformat(why->text, sizeof why->text, format, args);
  va_end(args);
  text_format(why->hint, sizeof why->hint, "%s", hint ? hint : "");
  return false;
}

static const char *shown(Elab *e, const Value *value) {
  const char *text = value_text(e->l->arena, value);
  return text ? text : "?";
}

static bool to_int(Elab *e, Value *value, ExprError *why) {
  if (value->type == VALUE_INT) return true;
  if (value->type == VALUE_FLOAT && value->f == floor(value->f) && fabs(value->f) < 9e15) {
    *value = (Value){.type = VALUE_INT, .i = (int64_t)value->f};
    return true;
  }
  if (value->type == VALUE_STRING && *value->s) {
    char *end;
    errno = 0;
    long long number = strtoll(value->s, &end, 10);
    if (!*end && errno == 0) {
      *value = (Value){.type = VALUE_INT, .i = number};
      return true;
    }
  }
  return fail(why, NULL, "'%s' is no integer", shown(e, value));
}

static bool to_float(Elab *e, Value *value, ExprError *why) {
  if (value->type == VALUE_INT) *value = (Value){.type = VALUE_FLOAT, .f = (double)value->i};
  if (value->type == VALUE_STRING && *value->s) {
    double number;
    if (number_parse(value->s, &number)) *value = (Value){.type = VALUE_FLOAT, .f = number};
  }
  if (value->type == VALUE_FLOAT && isfinite(value->f)) return true;
  return fail(why, NULL, "'%s' is no number", shown(e, value));
}

/* The truth value that a text means: of words with opposites no spelling says which is meant. */
static int truth_meant(const char *text) {
  static const char *const words[][6] = {{"false", "no", "off", "0", "none", "n"},
                                         {"true", "yes", "on", "1", "all", "y"}};
  for (int truth = 0; truth < 2; truth++)
    for (size_t i = 0; i < 6; i++)
      if (strcasecmp(words[truth][i], text) == 0) return truth;
  return -1;
}

/* Of the values on and off, true and false, or yes and no, the one that another such word means. */
static const char *meant_switch(const char *text, const char **words, size_t n) {
  int meant = truth_meant(text);
  for (size_t i = 0; i < n && meant >= 0; i++)
    if (truth_meant(words[i]) == meant) return words[i];
  return NULL;
}

static bool to_bool(Elab *e, Value *value, ExprError *why) {
  if (value->type == VALUE_BOOL) return true;
  const char *text = shown(e, value);
  bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
  if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
    return fail(why,
                truth_meant(text) < 0 ? "true or false"
                : truth_meant(text)   ? "did you mean 'true'?"
                                      : "did you mean 'false'?",
                "'%s' is no truth value", text);
  *value = (Value){.type = VALUE_BOOL, .b = yes};
  return true;
}

static bool to_enum(Elab *e, const TypeDecl *decl, Value *value, ExprError *why) {
  const char *text = shown(e, value), **words;
  size_t n = elab_split(e, decl->values ? decl->values : "", &words);
  for (size_t i = 0; i < n; i++)
    if (strcmp(words[i], text) == 0) {
      *value = (Value){.type = VALUE_STRING, .s = words[i]};
      return true;
    }
  const char *near = meant_switch(text, words, n);
  if (!near && n) near = diag_nearest(text, words, n);
  char hint[EXPR_ERROR_MAX] = "";
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  return fail(why, hint, "'%s' is none of: %s", text, decl->values ? decl->values : "");
}

/* Converts each item in a list of its own: values are shared. */
static bool to_items(Elab *e, const TypeDecl *decl, Value *value, ExprError *why) {
  const TypeDecl item = {.type = decl->items, .min = decl->min, .max = decl->max};
  Value list = {.type = VALUE_LIST, .list = {.n = value->list.n}};
  list.list.items = arena_array(e->l->arena, (size_t)value->list.n + 1, sizeof(Value));
  if (!list.list.items) return fail(why, NULL, "out of memory");
  for (uint32_t i = 0; i < value->list.n; i++) {
    list.list.items[i] = value->list.items[i];
    if (elab_convert(e, &item, &list.list.items[i], why)) continue;
    const char *text = arena_strdup(e->l->arena, why->text);
    const char *blanks = elab_meant_blanks(e, shown(e, &value->list.items[i]));
    const char *hint = blanks ? blanks : arena_strdup(e->l->arena, why->hint);
    return fail(why, hint, "item %u: %s", i + 1, text ? text : "");
  }
  *value = list;
  return true;
}

static bool to_list(Elab *e, const TypeDecl *decl, Value *value, ExprError *why) {
  if (value->type == VALUE_STRING) {
    if (!value_list_parse(e->l->arena, value->s, value)) return fail(why, NULL, "out of memory");
  } else if (value->type != VALUE_LIST) {
    Value *item = arena_alloc(e->l->arena, sizeof *item);
    if (!item) return fail(why, NULL, "out of memory");
    *item = *value;
    *value = (Value){.type = VALUE_LIST, .list = {.items = item, .n = 1}};
  }
  return !decl->items || to_items(e, decl, value, why);
}

static bool in_range(Elab *e, const TypeDecl *decl, const Value *value, ExprError *why) {
  double number = value->type == VALUE_INT ? (double)value->i : value->f;
  if (value->type != VALUE_INT && value->type != VALUE_FLOAT) return true;
  double min, max;
  bool below = decl->min && number_parse(decl->min, &min) && number < min;
  bool above = decl->max && number_parse(decl->max, &max) && number > max;
  if (!below && !above) return true;
  return fail(why, NULL, "%s is out of range: %s", shown(e, value), elab_range(e, decl));
}

TypeDecl elab_type(const RawElement *declaration) {
  return (TypeDecl){.type = raw_attr(declaration, "type"),
                    .values = raw_attr(declaration, "values"),
                    .min = raw_attr(declaration, "min"),
                    .max = raw_attr(declaration, "max"),
                    .items = raw_attr(declaration, "items")};
}

bool elab_is_item_type(const char *type) {
  static const char *const types[] = {"int", "float", "bool", "string"};
  for (size_t i = 0; i < 4; i++)
    if (strcmp(types[i], type) == 0) return true;
  return false;
}

bool elab_convert(Elab *e, const TypeDecl *decl, Value *value, ExprError *why) {
  *why = (ExprError){0};
  const char *type = decl->type;
  bool ok = true;
  if (strcmp(type, "int") == 0)
    ok = to_int(e, value, why);
  else if (strcmp(type, "float") == 0)
    ok = to_float(e, value, why);
  else if (strcmp(type, "bool") == 0)
    ok = to_bool(e, value, why);
  else if (strcmp(type, "enum") == 0)
    ok = to_enum(e, decl, value, why);
  else if (strcmp(type, "list") == 0)
    ok = to_list(e, decl, value, why);
  else
    *value = (Value){.type = VALUE_STRING, .s = shown(e, value)};
  return ok && in_range(e, decl, value, why);
}

const char *elab_range(Elab *e, const TypeDecl *decl) {
  const char *text = "";
  if (strcmp(decl->type, "enum") == 0)
    text = decl->values ? decl->values : "";
  else if (decl->min && decl->max)
    text = arena_printf(e->l->arena, "%s..%s", decl->min, decl->max);
  else if (decl->min)
    text = arena_printf(e->l->arena, ">= %s", decl->min);
  else if (decl->max)
    text = arena_printf(e->l->arena, "<= %s", decl->max);
  if (decl->items && text)
    text = arena_printf(e->l->arena, "%s%s%s", decl->items, *text ? ", " : "", text);
  return text ? text : "";
}
