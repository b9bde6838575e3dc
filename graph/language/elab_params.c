/* Model parameters: declared with a default, overridden from outside. */
#include "graph/language/elab.h"

#include "graph/base/array.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const param_types[] = {"int", "float", "bool", "string", "enum", "list"};

static Status check_range(Elab *e, const Frame *f, const RawElement *raw) {
  const char *type = raw_attr(raw, "type");
  const char *const bounds[] = {"min", "max"};
  for (size_t i = 0; i < 2; i++) {
    const char *bound = raw_attr(raw, bounds[i]);
    double number;
    if (bound && !number_parse(bound, &number))
      return raw_error(e->l, raw, bounds[i], f->chain, NULL, "'%s' is no number", bound);
  }
  const char *items = raw_attr(raw, "items");
  if (items && (strcmp(type, "list") != 0 || !elab_is_item_type(items)))
    return raw_error(e->l, raw, "items", f->chain, "type=\"list\" items=\"int\"",
                     "items of a list are int, float, bool or string");
  return STATUS_OK;
}

static Status check_declaration(Elab *e, const Frame *f, const RawElement *raw) {
  TRY(elab_check_known(e, f, raw, "name type value values items min max doc"));
  const char *name = raw_attr(raw, "name"), *type = raw_attr(raw, "type");
  if (!name || !type || !raw_attr(raw, "value"))
    return raw_error(e->l, raw, NULL, f->chain, "<param name=\"width\" type=\"int\" value=\"64\"/>",
                     "param needs name, type and value");
  TRY(elab_need_identifier(e, f, raw, "name"));
  TRY(check_range(e, f, raw));
  for (size_t i = 0; i < 6; i++)
    if (strcmp(type, param_types[i]) == 0) {
      if (strcmp(type, "enum") != 0 || raw_attr(raw, "values")) return STATUS_OK;
      return raw_error(e->l, raw, NULL, f->chain, "values=\"on off\"", "an enum needs values");
    }
  return raw_error(e->l, raw, "type", f->chain, "int float bool string enum list",
                   "there is no type '%s'", type);
}

/* Reports a value that does not fit where it was set. */
static Status bad_value(Elab *e, const Frame *f, const RawElement *raw, const Define *define,
                        const TypeDecl *decl, const ExprError *why) {
  const char *name = raw_attr(raw, "name");
  const char *range = elab_range(e, decl);
  const char *hint = *why->hint ? why->hint
                     : *range   ? arena_printf(e->l->arena, "%s '%s': %s", decl->type, name, range)
                                : arena_printf(e->l->arena, "'%s' is of type %s", name, decl->type);
  if (!define)
    return raw_error(e->l, raw, "value", f->chain, hint, "param '%s': %s", name, why->text);
  if (define->place)
    return diag_error(e->l->diag, STATUS_INVALID, define->place, hint, "%s: %s", name, why->text);
  return source_error(e->l->sources, e->l->symbols, e->l->diag, define->loc, STATUS_INVALID, hint,
                      "%s: %s", name, why->text);
}

static Status define_value(Elab *e, const Frame *f, const Define *define, Value *out,
                           ExprError *why) {
  *out = (Value){.type = VALUE_STRING, .s = define->value};
  if (define->place) return STATUS_OK; /* -D: taken as it is */
  return expr_attribute(e->l->arena, f->env, define->value, out, why) ? STATUS_OK : STATUS_INVALID;
}

static bool add_param(Elab *e, ModelParam param) {
  Model *m = e->model;
  if (ARRAY_RESERVE_IN(e->l->arena, m->params, e->cap_params, m->n_params, 1, NULL) != STATUS_OK)
    return false;
  m->params[m->n_params++] = param;
  return true;
}

static const ModelParam *find_param(const Elab *e, const char *name) {
  for (uint32_t i = 0; i < e->model->n_params; i++)
    if (strcmp(e->model->params[i].name, name) == 0) return &e->model->params[i];
  return NULL;
}

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

static bool mentions(const char *text, const char *name) {
  size_t n = strlen(name);
  for (const char *at = text; (at = strstr(at, name)); at++)
    if ((at == text || !is_word(at[-1])) && !is_word(at[n])) return true;
  return false;
}

void elab_warn_hidden(Elab *e, const Frame *f, const RawElement *let) {
  const char *name = raw_attr(let, "name");
  const ModelParam *param = find_param(e, name);
  if (!param || mentions(raw_attr(let, "value"), name)) return;
  const Symbols *symbols = e->l->symbols;
  source_warning(
      e->l->sources, symbols, e->l->diag, elab_loc(e, f, let, "name"),
      "another name for one of them",
      "the let hides the parameter '%s' (line %u): what -D sets is not read from here on", name,
      symbols->locs[param->loc].line);
}

Status elab_param(Elab *e, Frame *f, const RawElement *raw) {
  Loader *l = e->l;
  if (!f->top)
    return raw_error(l, raw, NULL, f->chain, "use <let> for values that depend on others",
                     "a param stands directly in the model or in a library");
  TRY(check_declaration(e, f, raw));
  const char *name = raw_attr(raw, "name");
  const ModelParam *before = find_param(e, name);
  if (before)
    return raw_error(l, raw, "name", f->chain,
                     l->symbols->locs[before->loc].file != raw->file
                         ? "<set name=\"...\" value=\"...\"/> in an extension changes it"
                         : NULL,
                     "param '%s' exists already (%s:%u)", name,
                     strings_text(l->symbols->strings, l->symbols->locs[before->loc].file),
                     l->symbols->locs[before->loc].line);
  TypeDecl decl = elab_type(raw);
  ExprError why = {0};
  Value fallback;
  if (!expr_attribute(l->arena, f->env, raw_attr(raw, "value"), &fallback, &why))
    return elab_expr_error(e, f, raw, "value", &why);
  if (!elab_convert(e, &decl, &fallback, &why)) return bad_value(e, f, raw, NULL, &decl, &why);
  Define *define = loader_define(l, name);
  Value value = fallback;
  Status status = STATUS_OK;
  if (define && l->expanded) {
    snprintf(why.text, sizeof why.text, "the model is expanded: its parameters are a record only");
    snprintf(why.hint, sizeof why.hint, "set it where the model is expanded");
    status = bad_value(e, f, raw, define, &decl, &why);
  } else if (define) {
    status = define_value(e, f, define, &value, &why);
    if (status == STATUS_OK && !elab_convert(e, &decl, &value, &why)) status = STATUS_INVALID;
    if (status != STATUS_OK) {
      bad_value(e, f, raw, define, &decl, &why);
      value = fallback; /* go on: later errors are worth seeing too */
    }
  }
  const char *doc = raw_attr(raw, "doc"), *whole = value_text(l->arena, &value);
  if (status == STATUS_OK && !elab_share(e, name, &value, &why))
    status = bad_value(e, f, raw, define, &decl, &why);
  ModelParam param = {name,
                      decl.type,
                      whole,
                      value_text(l->arena, &fallback),
                      elab_range(e, &decl),
                      doc ? doc : "",
                      elab_loc(e, f, raw, NULL),
                      define != NULL};
  if (!param.value || !param.fallback || !add_param(e, param) ||
      !binding_add(l->arena, &f->env, name, value, raw->line))
    return diag_no_memory(l->diag, sizeof param);
  return status;
}

/* The setting to blame: the last one of a parameter in the blank-separated list `names`. */
static const Define *blamed(Elab *e, const char *names) {
  const char **words;
  size_t n = elab_split(e, names, &words);
  const Define *last = NULL;
  for (size_t i = 0; i < n; i++) {
    const Define *define = loader_define(e->l, words[i]);
    if (define && (!last || define > last)) last = define;
  }
  return last;
}

static bool is_list(const Elab *e, const char *name) {
  for (uint32_t i = 0; i < e->model->n_params; i++)
    if (strcmp(e->model->params[i].name, name) == 0)
      return strcmp(e->model->params[i].type, "list") == 0;
  return false;
}

/* A setting of one of these lists that has been separated by commas. */
static const char *meant_lists(Elab *e, const char *names) {
  const char **words, *hint = NULL;
  size_t n = elab_split(e, names, &words);
  for (size_t i = 0; i < n && !hint; i++) {
    const Define *define = is_list(e, words[i]) ? loader_define(e->l, words[i]) : NULL;
    if (define && strchr(define->value, ',') && !strchr(define->value, ' '))
      hint = elab_meant_blanks(e, define->value);
  }
  return hint;
}

Status elab_require(Elab *e, const Frame *f, const RawElement *raw) {
  Loader *l = e->l;
  TRY(elab_check_known(e, f, raw, "that of message hint doc"));
  const char *that = raw_attr(raw, "that");
  if (!that)
    return raw_error(l, raw, NULL, f->chain, "<require that=\"len(ids) == len(domains)\"/>",
                     "require needs a condition `that`");
  Value value;
  bool holds;
  TRY(elab_expression(e, f, raw, "that", &value));
  if (!value_truth(&value, &holds))
    return raw_error(l, raw, "that", f->chain, "compare it: `x > 0`", "'that' needs a truth value");
  if (holds) return STATUS_OK;
  const char *message = arena_printf(l->arena, "the model requires: %s", that), *hint = NULL;
  if (raw_attribute(raw, "message")) TRY(elab_text(e, f, raw, "message", &message));
  if (raw_attribute(raw, "hint")) TRY(elab_text(e, f, raw, "hint", &hint));
  const char *of = raw_attr(raw, "of");
  const Define *define = of ? blamed(e, of) : NULL;
  const char *blanks = of ? meant_lists(e, of) : NULL;
  if (blanks) hint = blanks;
  if (!define) return raw_error(l, raw, "that", f->chain, hint, "%s", message);
  if (define->place) return diag_error(l->diag, STATUS_INVALID, define->place, hint, "%s", message);
  return source_error(l->sources, l->symbols, l->diag, define->loc, STATUS_INVALID, hint, "%s",
                      message);
}

Status elab_unused_defines(Elab *e) {
  Status status = STATUS_OK;
  const Model *m = e->model;
  const char **names = arena_array(e->l->arena, m->n_params + 1, sizeof *names);
  if (!names) return diag_no_memory(e->l->diag, m->n_params * sizeof *names);
  for (uint32_t i = 0; i < m->n_params; i++) names[i] = m->params[i].name;
  for (uint32_t i = 0; i < e->l->n_defines; i++) {
    const Define *d = &e->l->defines[i];
    if (d->used) continue;
    const char *near = diag_nearest(d->name, names, m->n_params);
    const char *hint = near ? arena_printf(e->l->arena, "did you mean '%s'?", near)
                            : "--params lists the model's parameters";
    if (d->place)
      diag_error(e->l->diag, STATUS_INVALID, d->place, hint, "the model has no parameter '%s'",
                 d->name);
    else
      source_error(e->l->sources, e->l->symbols, e->l->diag, d->loc, STATUS_INVALID, hint,
                   "the model has no parameter '%s'", d->name);
    status = STATUS_INVALID;
  }
  return status;
}
