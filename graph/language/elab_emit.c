/* Elements of the closed model: attributes interpolated and checked against their descriptors. */
#include "graph/language/elab.h"

#include "graph/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t elab_loc(Elab *e, const Frame *f, const RawElement *raw, const char *attr) {
  const RawAttr *at = attr ? raw_attribute(raw, attr) : NULL;
  return symbols_loc(e->l->symbols, raw->file, at ? at->line : raw->line,
                     at ? at->column : raw->column, f->chain ? f->chain : raw->chain);
}

size_t elab_split(Elab *e, const char *text, const char ***out) {
  Value list;
  *out = NULL;
  if (!value_list_parse(e->l->arena, text, &list)) return 0;
  *out = arena_array(e->l->arena, list.list.n + 1, sizeof **out);
  for (uint32_t i = 0; *out && i < list.list.n; i++) (*out)[i] = list.list.items[i].s;
  return *out ? list.list.n : 0;
}

/* True when the blank-separated `list` holds `word`. */
static bool holds(const char *list, const char *word) {
  size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += n)
    if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
  return false;
}

Status elab_check_known(Elab *e, const Frame *f, const RawElement *raw, const char *allowed) {
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < raw->n_attrs; i++) {
    const char *name = raw->attrs[i].name;
    if (strcmp(name, "if") == 0 || holds(allowed, name)) continue;
    const char **names;
    size_t n = elab_split(e, allowed, &names);
    const char *near = n ? diag_nearest(name, names, n) : NULL;
    uint32_t loc = symbols_loc(e->l->symbols, raw->file, raw->attrs[i].line, raw->attrs[i].column,
                               f->chain ? f->chain : raw->chain);
    status = source_error(e->l->sources, e->l->symbols, e->l->diag, loc, STATUS_INVALID,
                          near       ? arena_printf(e->l->arena, "did you mean '%s'?", near)
                          : *allowed ? arena_printf(e->l->arena, "it has: %s", allowed)
                                     : "it has none",
                          "%s has no attribute '%s'", raw->tag, name);
  }
  return status;
}

Element *elab_append(Elab *e, const Frame *f, const char *tag, uint32_t loc) {
  Element *el = arena_alloc(e->l->arena, sizeof *el);
  if (!el) return NULL;
  *el = (Element){.tag = tag, .loc = loc, .parent = f->parent};
  Element **at = f->parent->last_child ? &f->parent->last_child->next : &f->parent->first_child;
  *at = el;
  f->parent->last_child = el;
  return el;
}

/* ---- one attribute's value ---- */

static Status attr_error(Elab *e, const Frame *f, const RawElement *raw, const char *attr,
                         const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static Status attr_error(Elab *e, const Frame *f, const RawElement *raw, const char *attr,
                         const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  source_verror(e->l->sources, e->l->symbols, e->l->diag, elab_loc(e, f, raw, attr), STATUS_INVALID,
                hint, format, args);
  va_end(args);
  return STATUS_INVALID;
}

static bool parse_integer(const char *word, double *out) {
  char *end;
  errno = 0;
  *out = (double)strtoll(word, &end, 10);
  return end != word && !*end && errno == 0;
}

static Status check_number(Elab *e, const Frame *f, const RawElement *raw, const AttrDesc *desc,
                           const char *word, const char *hint) {
  bool integer = desc->type == ATTR_INT || desc->type == ATTR_INTS;
  double number;
  if (!(integer ? parse_integer(word, &number) : number_parse(word, &number)))
    return attr_error(e, f, raw, desc->name, hint, "%s '%s' is no %s", desc->name, word,
                      integer ? "integer" : "finite number");
  if (desc->min < desc->max && !(number >= desc->min && number <= desc->max))
    return attr_error(e, f, raw, desc->name, NULL, "%s %s is out of range: %.15g..%.15g",
                      desc->name, word, desc->min, desc->max);
  return STATUS_OK;
}

static Status check_numbers(Elab *e, const Frame *f, const RawElement *raw, const AttrDesc *desc,
                            const char *text) {
  const char **words;
  size_t n = elab_split(e, text, &words);
  bool list = desc->type == ATTR_INTS || desc->type == ATTR_FLOATS;
  if (!list && n != 1)
    return attr_error(e, f, raw, desc->name, NULL, "%s needs one number, '%s' is given", desc->name,
                      text);
  if (n == 0 && !(desc->fallback && !*desc->fallback))
    return attr_error(e, f, raw, desc->name, NULL, "%s is empty", desc->name);
  const char *blanks = list ? elab_meant_blanks(e, text) : NULL;
  for (size_t i = 0; i < n; i++) {
    const char *hint = blanks ? blanks : elab_meant_value(e, f, words[i]);
    TRY(check_number(e, f, raw, desc, words[i], hint));
  }
  return STATUS_OK;
}

static Status check_word(Elab *e, const Frame *f, const RawElement *raw, const AttrDesc *desc,
                         const char *text) {
  const char *words = desc->type == ATTR_BOOL    ? "true false"
                      : desc->type == ATTR_DTYPE ? dtype_words()
                                                 : desc->values;
  if (*text && holds(words, text)) return STATUS_OK;
  const char **names;
  size_t n = elab_split(e, words, &names);
  const char *near = n ? diag_nearest(text, names, n) : NULL;
  return attr_error(e, f, raw, desc->name,
                    near ? arena_printf(e->l->arena, "did you mean '%s'?", near) : NULL,
                    "%s '%s' is none of: %s", desc->name, text, words);
}

/* Bytes of the character at `text`; 1 when it is none. */
static size_t first_char(const char *text) {
  size_t n = text_char_length(text, strlen(text));
  return n ? n : 1;
}

static Status check_name(Elab *e, const Frame *f, const RawElement *raw, const char *attr,
                         const char *text, const char *more) {
  if (!*text) return attr_error(e, f, raw, attr, NULL, "%s is empty", attr);
  for (const char *at = text; *at; at++)
    if (!isalnum((unsigned char)*at) && !strchr("_.:/-", *at) && !strchr(more, *at)) {
      const char *meant = elab_meant_value(e, f, text);
      if (!meant && *more) meant = elab_meant_blanks(e, text);
      return attr_error(e, f, raw, attr,
                        meant ? meant : "letters, digits and _ . : / - make a name",
                        "'%s' is no name: it holds '%.*s'", text, (int)first_char(at), at);
    }
  if (text[strlen(text) - 1] == '/' || strstr(text, "//"))
    return attr_error(e, f, raw, attr, NULL, "'%s' has an empty part between its '/'", text);
  return STATUS_OK;
}

static Status check_value(Elab *e, const Frame *f, const RawElement *raw, const AttrDesc *desc,
                          const char *text) {
  switch (desc->type) {
  case ATTR_INT:
  case ATTR_INTS:
  case ATTR_FLOAT:
  case ATTR_FLOATS:
    return check_numbers(e, f, raw, desc, text);
  case ATTR_BOOL:
  case ATTR_ENUM:
  case ATTR_DTYPE:
    return check_word(e, f, raw, desc, text);
  case ATTR_NAME:
    if (!*text && desc->fallback && !*desc->fallback) return STATUS_OK;
    return check_name(e, f, raw, desc->name, text, "");
  case ATTR_REF:
    return check_name(e, f, raw, desc->name, text, "");
  case ATTR_REFS:
    return check_name(e, f, raw, desc->name, text, " \t\n");
  case ATTR_EXPR:
    if (text[strspn(text, " \t\n")]) return STATUS_OK;
    return attr_error(e, f, raw, desc->name, NULL, "%s is empty", desc->name);
  case ATTR_STRING:
    break;
  }
  return STATUS_OK;
}

/* ---- an element ---- */

/* The attributes that an element may have. */
typedef struct Allowed {
  AttrDesc *attrs;
  bool *optional;
  uint32_t n;
} Allowed;

static const AttrDesc op_name = {"name", ATTR_NAME, NULL, NULL, 0, 0, "name of the result"};

static bool allowed_of(Elab *e, uint32_t op, const ElementDesc *element, Allowed *a) {
  const OpDesc *o = op ? e->l->ops->ops[op] : NULL;
  uint32_t n_own = o ? o->n_attrs : element->n_attrs;
  const AttrDesc *own = o ? o->attrs : element->attrs;
  a->n = 0;
  a->attrs = arena_array(e->l->arena, n_own + (o ? o->n_inputs + 1u : 0u) + 1u, sizeof *a->attrs);
  a->optional = arena_array(e->l->arena, n_own + (o ? o->n_inputs + 1u : 0u) + 1u, sizeof(bool));
  if (!a->attrs || !a->optional) return false;
  if (o) {
    a->attrs[a->n++] = op_name;
    for (uint32_t i = 0; i < o->n_inputs; i++) {
      const InputDesc *in = &o->inputs[i];
      a->optional[a->n] = in->optional;
      a->attrs[a->n++] =
          (AttrDesc){in->name, in->variadic ? ATTR_REFS : ATTR_REF, NULL, NULL, 0, 0, in->doc};
    }
  }
  for (uint32_t i = 0; i < n_own; i++) {
    a->optional[a->n] = own[i].fallback != NULL;
    a->attrs[a->n++] = own[i];
  }
  return true;
}

static const char *allowed_names(Elab *e, const Allowed *a) {
  const char *text = "";
  for (uint32_t i = 0; text && i < a->n; i++)
    text = arena_printf(e->l->arena, "%s%s%s", text, i ? " " : "", a->attrs[i].name);
  return text ? text : "";
}

/* All attributes that are missing, in one message. */
static Status check_missing(Elab *e, const Frame *f, const RawElement *raw, const Allowed *a) {
  const char *names = "", *doc = NULL;
  uint32_t n = 0;
  for (uint32_t k = 0; names && k < a->n; k++) {
    if (a->optional[k] || raw_attribute(raw, a->attrs[k].name)) continue;
    names = arena_printf(e->l->arena, "%s%s'%s'", names, n++ ? ", " : "", a->attrs[k].name);
    if (!doc) doc = arena_printf(e->l->arena, "%s: %s", a->attrs[k].name, a->attrs[k].doc);
  }
  if (n == 0) return STATUS_OK;
  return raw_error(e->l, raw, NULL, f->chain, doc, "%s needs attribute%s %s", raw->tag,
                   n > 1 ? "s" : "", names ? names : "?");
}

static Status fill_attrs(Elab *e, const Frame *f, const RawElement *raw, const Allowed *a,
                         Element *el) {
  Attribute *attrs = arena_array(e->l->arena, raw->n_attrs + 1, sizeof *attrs);
  if (!attrs) return diag_no_memory(e->l->diag, raw->n_attrs * sizeof *attrs);
  Status status = STATUS_OK;
  el->attrs = attrs;
  for (uint32_t i = 0; i < raw->n_attrs; i++) {
    const char *name = raw->attrs[i].name, *text;
    uint32_t k = 0;
    while (k < a->n && strcmp(a->attrs[k].name, name) != 0) k++;
    if (k == a->n) continue; /* `if`, or reported */
    Status s = elab_text(e, f, raw, name, &text);
    bool reference = a->attrs[k].type == ATTR_REF || a->attrs[k].type == ATTR_REFS;
    if (s == STATUS_OK && reference && a->optional[k] && !*text) continue; /* left out */
    if (s == STATUS_OK) s = check_value(e, f, raw, &a->attrs[k], text);
    attrs[el->n_attrs++] = (Attribute){name, s == STATUS_OK ? text : "", elab_loc(e, f, raw, name),
                                       raw->attrs[i].value};
    if (status == STATUS_OK) status = s;
  }
  Status missing = check_missing(e, f, raw, a);
  return status == STATUS_OK ? missing : status;
}

static Status check_parent(Elab *e, const Frame *f, const RawElement *raw, uint32_t op,
                           const ElementDesc *element) {
  const char *parents =
      op || strcmp(element->parents, "*") == 0 ? "program pass scope" : element->parents;
  if (holds(parents, f->parent->tag)) return STATUS_OK;
  return raw_error(e->l, raw, NULL, f->chain,
                   arena_printf(e->l->arena, "it belongs into: %s", parents),
                   "%s cannot stand in a %s", raw->tag, f->parent->tag);
}

/* Registers the names that the element defines. */
static Status define_names(Elab *e, const Frame *f, const Element *el) {
  const char *name = element_attr(el, "name");
  if (!name || !*name) return STATUS_OK;
  uint32_t loc = element_attr_loc(el, "name");
  bool in_program = strcmp(f->parent->tag, "model") != 0;
  bool separate = el->element && (!in_program || strcmp(el->tag, "output") == 0);
  const char *prefix = separate ? arena_printf(e->l->arena, "<%s> ", el->tag) : "";
  const char *joined = elab_join(e, f->path, name);
  const char *path = prefix && joined ? arena_printf(e->l->arena, "%s%s", prefix, joined) : NULL;
  if (!path) return diag_no_memory(e->l->diag, strlen(name));
  TRY(elab_define(e, path, loc));
  const OpDesc *op = el->op ? e->l->ops->ops[el->op] : NULL;
  for (uint32_t i = 0; op && op->n_results > 1 && i < op->n_results; i++) {
    const char *result = elab_join(e, path, op->results[i]);
    if (!result) return diag_no_memory(e->l->diag, strlen(path));
    TRY(elab_define(e, result, loc));
  }
  return STATUS_OK;
}

static Status unknown_element(Elab *e, const Frame *f, const RawElement *raw) {
  static const char *const changes[] = {"set", "replace", "remove", "insert"};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    if (strcmp(raw->tag, changes[i]) == 0)
      return raw_error(
          e->l, raw, NULL, f->chain, "<model name='...' extends='BASE.xml'>",
          "<%s> changes a base model: it stands directly in a <model> that extends one", raw->tag);
  const char **names =
      arena_array(e->l->arena, e->l->ops->count + 64u + e->l->n_templates, sizeof *names);
  if (!names) return diag_no_memory(e->l->diag, e->l->ops->count * sizeof *names);
  size_t n = 0;
  for (uint32_t i = 1; i < e->l->ops->count; i++)
    if (e->l->ops->ops[i] && !e->l->ops->ops[i]->hidden) names[n++] = e->l->ops->ops[i]->name;
  for (size_t i = 0; element_table[i]; i++) names[n++] = element_table[i]->name;
  static const char *const control[] = {"param",    "let",  "for",     "group",
                                        "template", "slot", "include", "require"};
  for (size_t i = 0; i < 8; i++) names[n++] = control[i];
  for (uint32_t i = 0; i < e->l->n_templates; i++) names[n++] = e->l->templates[i].name;
  const char *near = diag_nearest(raw->tag, names, n);
  return raw_error(e->l, raw, NULL, f->chain,
                   near ? arena_printf(e->l->arena, "did you mean '%s'?", near)
                        : "ops and elements are listed in docs/ops.md; a template comes from an "
                          "include, as dense "
                          "from lib/layers.xml and sgd from lib/optim.xml",
                   "there is no op, element or template '%s'", raw->tag);
}

Status elab_emit(Elab *e, const Frame *f, const RawElement *raw, Element **out) {
  *out = NULL;
  uint32_t op = op_table_find(e->l->ops, raw->tag);
  if (op && e->l->ops->ops[op]->hidden) op = 0;
  const ElementDesc *element = op ? NULL : element_find(raw->tag);
  if (!op && !element) return unknown_element(e, f, raw);
  TRY(check_parent(e, f, raw, op, element));
  if (++e->n_elements > ELAB_ELEMENTS_MAX)
    return raw_error(e->l, raw, NULL, f->chain, "a loop or a template multiplies without bound",
                     "the model expands to more than %d elements", ELAB_ELEMENTS_MAX);
  Allowed allowed;
  if (!allowed_of(e, op, element, &allowed)) return diag_no_memory(e->l->diag, sizeof allowed);
  Status status = elab_check_known(e, f, raw, allowed_names(e, &allowed));
  Element *el = elab_append(e, f, raw->tag, elab_loc(e, f, raw, NULL));
  if (!el) return diag_no_memory(e->l->diag, sizeof *el);
  el->op = op;
  el->element = element;
  el->env = f->env;
  Status filled = fill_attrs(e, f, raw, &allowed, el);
  if (status == STATUS_OK) status = filled;
  Status named = define_names(e, f, el);
  *out = el;
  return status == STATUS_OK ? named : status;
}
