/* Elaboration: parameters, lets, conditions, repeats and templates become the closed model.
 *
 * Elements are visited in document order.  An environment (a linked list of bindings) is lexical:
 * what a group, loop or template binds ends with it.  A template's body sees the bindings at the
 * top of the model and its own arguments; arguments of type `value` are made absolute where the
 * template is called, so that a name always means what it means at the place where it is written.
 */
#include "graph/language/elab.h"
#include "graph/language/reads.h"

#include <string.h>

static Status elaborate_children(Elab *e, Frame *f, const RawElement *parent);

/* `if`: *out tells whether the element stays. */
static Status check_if(Elab *e, const Frame *f, const RawElement *raw, bool *out) {
  *out = true;
  if (!raw_attribute(raw, "if")) return STATUS_OK;
  Value value;
  *out = false;
  TRY(elab_expression(e, f, raw, "if", &value));
  if (value_truth(&value, out)) return STATUS_OK;
  const char *text = value_text(e->l->arena, &value);
  return raw_error(e->l, raw, "if", f->chain, "compare it: `x > 0`, `x == 'on'`",
                   "'if' needs a truth value, not '%s'", text ? text : "?");
}

static bool is_identifier(const char *name) {
  if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') && *name != '_')
    return false;
  for (; *name; name++)
    if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *name))
      return false;
  return true;
}

Status elab_need_identifier(Elab *e, const Frame *f, const RawElement *raw, const char *attr) {
  static const char *const words[] = {"and", "or", "not", "eq",   "ne",    "lt",
                                      "le",  "gt", "ge",  "true", "false", NULL};
  const char *name = raw_attr(raw, attr);
  if (!name) return raw_error(e->l, raw, NULL, f->chain, NULL, "%s needs %s", raw->tag, attr);
  for (size_t i = 0; words[i]; i++)
    if (strcmp(words[i], name) == 0)
      return raw_error(e->l, raw, attr, f->chain, "choose another name",
                       "'%s' is a word of the expression language", name);
  if (is_identifier(name)) return STATUS_OK;
  return raw_error(e->l, raw, attr, f->chain, "letters, digits and _, as in batch_ids",
                   "'%s' is no name for a variable", name);
}

static Status elaborate_let(Elab *e, Frame *f, const RawElement *raw) {
  TRY(elab_check_known(e, f, raw, "name value doc"));
  TRY(elab_need_identifier(e, f, raw, "name"));
  if (!raw_attr(raw, "value"))
    return raw_error(e->l, raw, NULL, f->chain, "<let name=\"K\" value=\"len(domains)\"/>",
                     "let needs a value");
  Value value;
  TRY(elab_expression(e, f, raw, "value", &value));
  elab_warn_hidden(e, f, raw);
  if (!binding_add(e->l->arena, &f->env, raw_attr(raw, "name"), value, raw->line))
    return diag_no_memory(e->l->diag, sizeof value);
  return STATUS_OK;
}

static Status elaborate_group(Elab *e, const Frame *f, const RawElement *raw) {
  TRY(elab_check_known(e, f, raw, "doc"));
  Frame inner = *f;
  inner.top = false;
  return elaborate_children(e, &inner, raw);
}

/* True when going on would only repeat what is wrong. */
static bool too_much(const Elab *e) {
  return e->n_work > ELAB_WORK_MAX || e->n_elements > ELAB_ELEMENTS_MAX ||
         e->n_too_deep > DIAG_MAX_ERRORS || arena_size(e->l->arena) > ELAB_BYTES_MAX ||
         diag_error_count(e->l->diag) > DIAG_MAX_ERRORS;
}

static Status elaborate_for(Elab *e, const Frame *f, const RawElement *raw) {
  TRY(elab_check_known(e, f, raw, "each in index doc"));
  TRY(elab_need_identifier(e, f, raw, "each"));
  if (raw_attr(raw, "index")) TRY(elab_need_identifier(e, f, raw, "index"));
  if (!raw_attr(raw, "in"))
    return raw_error(e->l, raw, NULL, f->chain, "<for each=\"s\" in=\"range(1, 5)\">",
                     "for needs a list `in`");
  Value list;
  TRY(elab_expression(e, f, raw, "in", &list));
  if (list.type != VALUE_LIST)
    return raw_error(e->l, raw, "in", f->chain, "range(a, b), [x, y], or a list parameter",
                     "'in' is no list");
  if (list.list.n > ELAB_REPEAT_MAX)
    return raw_error(e->l, raw, "in", f->chain, NULL, "%u rounds: at most %d are allowed",
                     list.list.n, ELAB_REPEAT_MAX);
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < list.list.n; i++) {
    Frame inner = *f;
    inner.top = false;
    Value index = {.type = VALUE_INT, .i = i};
    if (!binding_add(e->l->arena, &inner.env, raw_attr(raw, "each"), list.list.items[i],
                     raw->line) ||
        (raw_attr(raw, "index") &&
         !binding_add(e->l->arena, &inner.env, raw_attr(raw, "index"), index, raw->line)))
      return diag_no_memory(e->l->diag, sizeof index);
    Status s = elaborate_children(e, &inner, raw);
    if (status == STATUS_OK) status = s;
    if (too_much(e)) break;
  }
  return status;
}

/* ---- templates ---- */

/* References of an argument made absolute. */
static Status absolute_refs(Elab *e, const Frame *f, bool many, Value *value) {
  if (!many) {
    if (*value->s) value->s = elab_absolute(e, f->path, value->s);
    return value->s ? STATUS_OK : diag_no_memory(e->l->diag, 1);
  }
  const char **refs, *joined = "";
  size_t n = elab_split(e, value->s, &refs);
  for (size_t i = 0; joined && i < n; i++) {
    const char *full = elab_absolute(e, f->path, refs[i]);
    joined = full ? arena_printf(e->l->arena, "%s%s%s", joined, i ? " " : "", full) : NULL;
  }
  value->s = joined;
  return joined ? STATUS_OK : diag_no_memory(e->l->diag, 1);
}

static Status bind_argument(Elab *e, const Frame *caller, const RawElement *call,
                            const RawElement *arg, Frame *body) {
  const char *name = raw_attr(arg, "name"), *type = raw_attr(arg, "type");
  bool given = raw_attribute(call, name) != NULL;
  if (!given && !raw_attr(arg, "value"))
    return raw_error(e->l, call, NULL, caller->chain, raw_attr(arg, "doc"),
                     "template '%s' needs argument '%s' (line %u)", call->tag, name, arg->line);
  const RawElement *from = given ? call : arg;
  const char *attr = given ? name : "value";
  const Frame *frame = given ? caller : body;
  Value value;
  ExprError why = {0};
  if (!expr_attribute(e->l->arena, frame->env, raw_attr(from, attr), &value, &why))
    return elab_expr_error(e, frame, from, attr, &why);
  TypeDecl decl = elab_type(arg);
  if (!elab_convert(e, &decl, &value, &why)) {
    const char *meant = elab_meant_value(e, frame, raw_attr(from, attr));
    const char *hint = meant ? meant : *why.hint ? why.hint : raw_attr(arg, "doc");
    return raw_error(e->l, from, attr, frame->chain, hint, "argument '%s' of '%s': %s", name,
                     call->tag, why.text);
  }
  if (strcmp(type, "value") == 0) TRY(absolute_refs(e, frame, false, &value));
  if (strcmp(type, "values") == 0) TRY(absolute_refs(e, frame, true, &value));
  if (!binding_add(e->l->arena, &body->env, name, value, arg->line))
    return diag_no_memory(e->l->diag, sizeof value);
  return STATUS_OK;
}

static Status check_arg(Elab *e, const Frame *f, const RawElement *arg) {
  static const char *const types = " int float bool string enum list value values ";
  TRY(elab_check_known(e, f, arg, "name type value values items min max doc"));
  TRY(elab_need_identifier(e, f, arg, "name"));
  if (strcmp(raw_attr(arg, "name"), "name") == 0 || strcmp(raw_attr(arg, "name"), "if") == 0)
    return raw_error(e->l, arg, "name", f->chain, NULL, "'%s' belongs to the language",
                     raw_attr(arg, "name"));
  const char *type = raw_attr(arg, "type");
  const char *word = type ? arena_printf(e->l->arena, " %s ", type) : NULL;
  if (word && !strchr(type, ' ') && strstr(types, word)) return STATUS_OK;
  return raw_error(e->l, arg, type ? "type" : NULL, f->chain, types + 1, "arg '%s' needs a type",
                   raw_attr(arg, "name"));
}

static Status bind_arguments(Elab *e, const Frame *caller, const RawElement *call,
                             const Template *template, Frame *body) {
  const char *names = "name";
  Status status = STATUS_OK;
  for (const RawElement *arg = template->raw->first_child; arg; arg = arg->next) {
    if (strcmp(arg->tag, "arg") != 0) continue;
    Status s = check_arg(e, caller, arg);
    if (s == STATUS_OK) {
      names = arena_printf(e->l->arena, "%s %s", names, raw_attr(arg, "name"));
      if (!names) return diag_no_memory(e->l->diag, 1);
      s = bind_argument(e, caller, call, arg, body);
    }
    if (status == STATUS_OK) status = s;
  }
  Status known = elab_check_known(e, caller, call, names);
  return status == STATUS_OK ? known : status;
}

/* A named call opens a scope. */
static Status open_scope(Elab *e, const Frame *caller, const RawElement *call, Frame *body) {
  RawElement *scope = arena_alloc(e->l->arena, sizeof *scope);
  if (!scope) return diag_no_memory(e->l->diag, sizeof *scope);
  const RawAttr *name = raw_attribute(call, "name");
  *scope = *call;
  scope->tag = "scope";
  scope->n_attrs = 1;
  scope->attrs = arena_alloc(e->l->arena, sizeof *scope->attrs);
  if (!scope->attrs) return diag_no_memory(e->l->diag, sizeof *scope->attrs);
  scope->attrs[0] = *name;
  Element *el;
  TRY(elab_emit(e, caller, scope, &el));
  body->parent = el;
  body->path = elab_join(e, caller->path, element_attr(el, "name"));
  return body->path ? STATUS_OK : diag_no_memory(e->l->diag, 1);
}

static Status elaborate_call(Elab *e, const Frame *f, const RawElement *call,
                             const Template *template) {
  if (f->depth >= ELAB_DEPTH_MAX) {
    e->n_too_deep++; /* two templates that call each other twice come here 2^64 times */
    return raw_error(e->l, call, NULL, f->chain, "does a template call itself?",
                     "templates are nested more than %d deep", ELAB_DEPTH_MAX);
  }
  Frame body = *f;
  body.env = e->globals;
  body.top = false;
  body.slot = call;
  body.slot_frame = f;
  body.depth++;
  TRY(bind_arguments(e, f, call, template, &body));
  if (raw_attribute(call, "name")) TRY(open_scope(e, f, call, &body));
  body.chain = elab_loc(e, f, call, NULL);
  return elaborate_children(e, &body, template->raw);
}

/* The children of the template's call, with the caller's bindings. */
static Status elaborate_slot(Elab *e, const Frame *f, const RawElement *raw) {
  TRY(elab_check_known(e, f, raw, "doc"));
  if (!f->slot)
    return raw_error(e->l, raw, NULL, f->chain, NULL, "a slot stands in a template only");
  Frame inner = *f;
  inner.env = f->slot_frame->env;
  inner.chain = f->slot_frame->chain;
  inner.slot = f->slot_frame->slot;
  inner.slot_frame = f->slot_frame->slot_frame;
  return elaborate_children(e, &inner, f->slot);
}

/* ---- all elements ---- */

static Status elaborate_element(Elab *e, const Frame *f, const RawElement *raw) {
  Element *el;
  TRY(elab_emit(e, f, raw, &el));
  bool children = el->element && el->element->has_children;
  if (!children && raw->first_child)
    return raw_error(e->l, raw->first_child, NULL, f->chain, NULL, "%s has no elements inside",
                     raw->tag);
  if (!children) return STATUS_OK;
  Frame inner = *f;
  inner.top = false;
  inner.parent = el;
  if (el->element->is_scope)
    inner.path = elab_join(e, f->path, element_attr(el, "name"));
  else
    e->program++; /* a program: names start anew */
  if (!inner.path) return diag_no_memory(e->l->diag, 1);
  return elaborate_children(e, &inner, raw);
}

static Status elaborate_include(Elab *e, Frame *f, const RawElement *raw) {
  if (!f->top)
    return raw_error(e->l, raw, NULL, f->chain, "put it directly into the model or library",
                     "an include cannot stand in a %s", raw->parent ? raw->parent->tag : "");
  return elaborate_children(e, f, raw);
}

static Status dispatch(Elab *e, Frame *f, const RawElement *raw) {
  const char *tag = raw->tag;
  bool stays;
  if (++e->n_work > ELAB_WORK_MAX)
    return raw_error(e->l, raw, NULL, f->chain, "a loop or a template multiplies without bound",
                     "elaboration visits more than %d elements", ELAB_WORK_MAX);
  if (arena_size(e->l->arena) > ELAB_BYTES_MAX)
    return raw_error(e->l, raw, NULL, f->chain, "a loop or an expression multiplies without bound",
                     "elaboration takes more than %zu GiB", ELAB_BYTES_MAX >> 30);
  if (strcmp(tag, "template") == 0) {
    if (f->top) return STATUS_OK;
    return raw_error(e->l, raw, NULL, f->chain, "put it directly into the model or library",
                     "a template cannot stand in a %s", f->parent->tag);
  }
  if (strcmp(tag, "arg") == 0) return STATUS_OK; /* bound at the call */
  TRY(check_if(e, f, raw, &stays));
  if (!stays) return STATUS_OK;
  if (strcmp(tag, "param") == 0) return elab_param(e, f, raw);
  if (strcmp(tag, "require") == 0) return elab_require(e, f, raw);
  if (strcmp(tag, "let") == 0) return elaborate_let(e, f, raw);
  if (strcmp(tag, "for") == 0) return elaborate_for(e, f, raw);
  if (strcmp(tag, "group") == 0) return elaborate_group(e, f, raw);
  if (strcmp(tag, "slot") == 0) return elaborate_slot(e, f, raw);
  if (strcmp(tag, "include") == 0) return elaborate_include(e, f, raw);
  const Template *template = loader_template(e->l, tag);
  if (template) return elaborate_call(e, f, raw, template);
  return elaborate_element(e, f, raw);
}

static bool passed_over(After after, const char *tag) {
  if (after == AFTER_PARAM) return strcmp(tag, "param") != 0;
  if (after == AFTER_REQUIRE) return strcmp(tag, "require") != 0;
  return after == AFTER_LET;
}

static Status elaborate_children(Elab *e, Frame *f, const RawElement *parent) {
  Status status = STATUS_OK;
  After own = AFTER_NOTHING, *after = f->top ? &e->after : &own;
  for (const RawElement *raw = parent->first_child; raw; raw = raw->next) {
    /* Requirements that follow a let may use it, and a let may fail because of what is not met. */
    if (*after == AFTER_REQUIRE && strcmp(raw->tag, "let") == 0) *after = AFTER_LET;
    if (passed_over(*after, raw->tag) && strcmp(raw->tag, "include") != 0) continue;
    const Binding *before = f->env;
    Status s = dispatch(e, f, raw);
    if (f->top) e->globals = f->env;
    if (status == STATUS_OK) status = s;
    if (s == STATUS_OK) continue;
    if (too_much(e)) break;
    /* A parameter whose setting is wrong is bound to its default and does not count. */
    if (strcmp(raw->tag, "param") == 0 && f->env == before) *after = AFTER_PARAM;
    if (strcmp(raw->tag, "require") == 0) *after = AFTER_REQUIRE;
    if (strcmp(raw->tag, "let") == 0) *after = AFTER_LET;
  }
  return status;
}

static Status check_root(Elab *e, const Frame *f, const RawElement *root) {
  TRY(elab_check_known(e, f, root, "name extends expanded doc xmlns"));
  const char *name = raw_attr(root, "name");
  if (!name || !*name ||
      strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
          strlen(name))
    return raw_error(e->l, root, name ? "name" : NULL, 0, "<model name=\"mlp\" ...>",
                     "the model needs a name of letters, digits and _ . -");
  e->model->name = name;
  return STATUS_OK;
}

Status elab_run(Elab *e) {
  const RawElement *root = e->l->root;
  Element *model = arena_alloc(e->l->arena, sizeof *model);
  if (!model) return diag_no_memory(e->l->diag, sizeof *model);
  e->program = 1;
  *model = (Element){.tag = "model"};
  e->model->root = model;
  Frame f = {.parent = model, .path = "", .top = true};
  model->loc = elab_loc(e, &f, root, NULL);
  TRY(check_root(e, &f, root));
  TRY(elab_share_find(e));
  Value sync = {.type = VALUE_STRING, .s = elab_shares(e) ? "local" : "global"};
  if (!binding_add(e->l->arena, &f.env, "sync", sync, 0)) return diag_no_memory(e->l->diag, 1);
  Status status = elaborate_children(e, &f, root);
  if (status == STATUS_OK) status = elab_share_check(e);
  /* When elaboration broke off, parameters that follow are not known yet. */
  Status unused = e->after ? STATUS_OK : elab_unused_defines(e);
  if (status == STATUS_OK) status = unused;
  if (status == STATUS_OK) loader_warn_unused(e->l);
  if (status == STATUS_OK) status = reads_warn(e->l, e->model);
  for (const Element *el = model->first_child; el; el = el->next)
    if (strcmp(el->tag, "program") == 0) return status;
  if (status != STATUS_OK) return status;
  return raw_error(e->l, root, NULL, 0, "a model holds at least one <program>",
                   "model '%s' has no program", e->model->name);
}
