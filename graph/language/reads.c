/* Params and lets that nothing reads: what they are set to has no effect, and nothing else would
 * say so. */
#include "graph/language/reads.h"

#include <ctype.h>

/* The end of a text in quotes that starts at `at`. */
static const char *quoted_end(const char *at) {
  const char *end = strchr(at + 1, '\'');
  return end ? end + 1 : at + strlen(at);
}

/* `at` is moved behind the expression: to its end, or to the `}` of a `${`. */
static bool expression_reads(const char **at, char close, const char *name) {
  size_t n = strlen(name);
  bool found = false;
  const char *c = *at;
  while (*c && *c != close) {
    if (*c == '\'') {
      c = quoted_end(c);
      continue;
    }
    const char *word = c;
    while (isalnum((unsigned char)*c) || *c == '_') c++;
    if ((size_t)(c - word) == n && memcmp(word, name, n) == 0)
      found = found || c[strspn(c, " \t\n")] != '('; /* a function of that name */
    if (c == word) c++;
  }
  *at = c;
  return found;
}

static bool text_reads(const char *text, const char *name) {
  for (const char *at = text; (at = strstr(at, "${"));) {
    at += 2;
    if (expression_reads(&at, '}', name)) return true;
  }
  return false;
}

/* Attributes that are an expression as a whole. */
static bool is_expression(const char *tag, const char *attr) {
  return strcmp(attr, "if") == 0 || (strcmp(tag, "let") == 0 && strcmp(attr, "value") == 0) ||
         (strcmp(tag, "for") == 0 && strcmp(attr, "in") == 0) ||
         (strcmp(tag, "require") == 0 && strcmp(attr, "that") == 0);
}

bool reads_element(const RawElement *el, const char *name) {
  for (uint32_t i = 0; i < el->n_attrs; i++) {
    const char *at = el->attrs[i].value;
    bool whole = is_expression(el->tag, el->attrs[i].name);
    if (whole ? expression_reads(&at, 0, name) : text_reads(at, name)) return true;
  }
  return false;
}

static bool attr_is_name(const RawElement *el, const char *attr, const char *name) {
  const char *have = raw_attr(el, attr);
  return have && strcmp(have, name) == 0;
}

bool reads_tree(const RawElement *el, const char *name) {
  if (reads_element(el, name)) return true;
  if (strcmp(el->tag, "for") == 0 &&
      (attr_is_name(el, "each", name) || attr_is_name(el, "index", name)))
    return false;
  for (const RawElement *in = el->first_child; in; in = in->next) {
    if (reads_tree(in, name)) return true;
    bool defines = strcmp(in->tag, "arg") == 0 || strcmp(in->tag, "let") == 0;
    if (defines && attr_is_name(in, "name", name) && !raw_attribute(in, "if")) return false;
  }
  return false;
}

typedef struct Reads {
  const Loader *l;
  bool *called; /* by template */
} Reads;

/* Marks the templates that elements below `parent` call, and what those call. */
static void mark_calls(Reads *r, const RawElement *parent) {
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    const Template *t = loader_template(r->l, el->tag);
    if (t && !r->called[t - r->l->templates]) {
      r->called[t - r->l->templates] = true;
      mark_calls(r, t->raw);
    }
    if (strcmp(el->tag, "template") != 0) mark_calls(r, el);
  }
}

/* Elements at the top and in includes there, but for `except`, a definition. */
static bool top_reads(const RawElement *parent, const RawElement *except, const char *name) {
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    if (strcmp(el->tag, "template") == 0 || el == except) continue;
    if (strcmp(el->tag, "include") == 0 ? top_reads(el, except, name) : reads_tree(el, name))
      return true;
  }
  return false;
}

static bool is_read(const Reads *r, const RawElement *except, const char *name) {
  if (top_reads(r->l->root, except, name)) return true;
  for (uint32_t i = 0; i < r->l->n_templates; i++)
    if (r->called[i] && reads_tree(r->l->templates[i].raw, name)) return true;
  return false;
}

#define REMEDY "write ${%s} where it was meant, or remove it"

static void warn_lets(const Reads *r, const RawElement *parent) {
  const Loader *l = r->l;
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    const char *name = raw_attr(el, "name");
    if (strcmp(el->tag, "let") != 0 || el->file != l->root->file || is_read(r, el, name)) continue;
    const RawAttr *at = raw_attribute(el, "name");
    source_warning(l->sources, l->symbols, l->diag,
                   symbols_loc(l->symbols, el->file, at->line, at->column, el->chain),
                   arena_printf(l->arena, REMEDY, name), "nothing reads the let '%s'", name);
  }
}

static void warn_param(const Reads *r, const ModelParam *param) {
  const Loader *l = r->l;
  const Define *define = NULL; /* the last */
  for (uint32_t i = 0; i < l->n_defines; i++)
    if (strcmp(l->defines[i].name, param->name) == 0) define = &l->defines[i];
  bool own = l->symbols->locs[param->loc].file == l->root->file;
  bool set = define && (define->place || l->symbols->locs[define->loc].file == l->root->file);
  if ((!own && !set) || is_read(r, NULL, param->name)) return;
  const char *hint = arena_printf(l->arena, REMEDY, param->name);
  if (own)
    source_warning(l->sources, l->symbols, l->diag, param->loc, hint,
                   "nothing reads the parameter '%s'", param->name);
  if (!set) return;
  hint = "this model computes the same without the setting";
  if (define->place)
    diag_warning(l->diag, define->place, hint, "nothing reads the parameter '%s'", param->name);
  else
    source_warning(l->sources, l->symbols, l->diag, define->loc, hint,
                   "nothing reads the parameter '%s'", param->name);
}

/* ---- lets that redefine ---- */

typedef struct Former {
  const RawElement *definition, *reader;
} Former;

/* What other files define under the let's name before it, and read until then. True at the let. */
static bool find_former(const RawElement *parent, const RawElement *let, Former *out) {
  const char *name = raw_attr(let, "name");
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    if (el == let) return true;
    if (strcmp(el->tag, "include") == 0 && find_former(el, let, out)) return true;
    bool variable = strcmp(el->tag, "let") == 0 || strcmp(el->tag, "param") == 0;
    if (el->file == let->file || (!variable && strcmp(el->tag, "require") != 0)) continue;
    if (out->definition && reads_element(el, name)) out->reader = el;
    if (variable && attr_is_name(el, "name", name)) *out = (Former){.definition = el};
  }
  return false;
}

/* What an include has computed from the former value keeps it. */
static void warn_redefined(const Loader *l) {
  for (const RawElement *el = l->root->first_child; el; el = el->next) {
    if (strcmp(el->tag, "let") != 0 || el->file != l->root->file) continue;
    Former former = {0};
    find_former(l->root, el, &former);
    if (!former.reader) continue;
    const RawAttr *at = raw_attribute(el, "name");
    source_warning(l->sources, l->symbols, l->diag,
                   symbols_loc(l->symbols, el->file, at->line, at->column, el->chain),
                   "another name, unless both values are meant",
                   "the let hides '%s' of %s:%u, and line %u there has read it already",
                   raw_attr(el, "name"), strings_text(l->symbols->strings, former.definition->file),
                   former.definition->line, former.reader->line);
  }
}

Status reads_warn(Loader *l, const Model *model) {
  if (l->expanded) return STATUS_OK; /* parameters are a record only */
  Reads r = {.l = l, .called = arena_array(l->arena, l->n_templates + 1u, sizeof *r.called)};
  if (!r.called) return diag_no_memory(l->diag, l->n_templates);
  mark_calls(&r, l->root);
  for (uint32_t i = 0; i < model->n_params; i++) warn_param(&r, &model->params[i]);
  warn_lets(&r, l->root);
  warn_redefined(l);
  return STATUS_OK;
}
