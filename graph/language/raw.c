/* SAX over one buffer.  libxml2 knows lines but not where attributes stand, so places are found in
 * the buffer itself: an element starts at the last '<' before the parser's position ('<' cannot
 * stand in an attribute's value), and its attributes follow in order. */
#include "graph/language/raw.h"

#include "graph/base/open_file.h"
#include "graph/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
  Arena *arena;
  Symbols *symbols;
  Sources *sources;
  Diag *diag;
  const char *text;
  size_t length;
  uint32_t file, chain;
  xmlParserCtxtPtr ctxt;
  RawElement *root, *open;
  int depth;
  Status status;
  size_t line_at; /* place of the last line start that was counted to */
  uint32_t line;
} Reader;

static void fail(Reader *r, uint32_t line, uint32_t column, const char *hint, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

static void fail(Reader *r, uint32_t line, uint32_t column, const char *hint, const char *format,
                 ...) {
  if (r->status != STATUS_OK) return; /* one syntax error makes the rest guesswork */
  va_list args;
  va_start(args, format);
  uint32_t loc = symbols_loc(r->symbols, r->file, line, column, r->chain);
  r->status =
      source_verror(r->sources, r->symbols, r->diag, loc, STATUS_INVALID, hint, format, args);
  va_end(args);
  xmlStopParser(r->ctxt);
}

static void no_memory(Reader *r) {
  r->status = diag_no_memory(r->diag, 1);
  xmlStopParser(r->ctxt);
}

/* Line and column of a byte; positions are asked for in ascending order. */
static void locate(Reader *r, size_t at, uint32_t *line, uint32_t *column) {
  if (at < r->line_at) r->line_at = 0, r->line = 1;
  for (;;) {
    const char *nl = memchr(r->text + r->line_at, '\n', at - r->line_at);
    if (!nl) break;
    r->line_at = (size_t)(nl - r->text) + 1;
    r->line++;
  }
  *line = r->line;
  *column = (uint32_t)(at - r->line_at) + 1;
}

/* The byte where the parser stands; its own columns count characters. */
static size_t parser_at(const Reader *r) {
  const xmlParserInput *in = r->ctxt->input;
  size_t at = (size_t)in->consumed + (size_t)(in->cur - in->base);
  return at < r->length ? at : r->length;
}

static size_t tag_start(const Reader *r) {
  size_t at = parser_at(r);
  while (at > 0 && r->text[at] != '<') at--;
  return at;
}

/* Finds the value of the next attribute from *at on. */
static void next_attribute(Reader *r, size_t *at, RawAttr *attr) {
  size_t i = *at, n = r->length;
  while (i < n && r->text[i] != '=') i++;
  i++;
  while (i < n && isspace((unsigned char)r->text[i])) i++;
  char quote = i < n ? r->text[i] : '"';
  locate(r, i < n ? i + 1 : n, &attr->line, &attr->column);
  i++;
  while (i < n && r->text[i] != quote) i++;
  *at = i + 1;
}

/* Skips `xmlns="..."`, which the parser does not report among the attributes. */
static void skip_namespaces(Reader *r, size_t *at) {
  for (;;) {
    size_t i = *at;
    while (i < r->length && isspace((unsigned char)r->text[i])) i++;
    if (r->length - i < 5 || strncmp(r->text + i, "xmlns", 5) != 0) return;
    RawAttr unused;
    *at = i;
    next_attribute(r, at, &unused);
  }
}

static void read_attributes(Reader *r, RawElement *el, size_t at, int n, const xmlChar **attrs) {
  el->attrs = arena_array(r->arena, (size_t)n + 1, sizeof *el->attrs);
  if (!el->attrs) {
    no_memory(r);
    return;
  }
  for (size_t i = 0; i < (size_t)n; i++) {
    RawAttr *attr = &el->attrs[el->n_attrs++];
    attr->name = arena_strdup(r->arena, (const char *)attrs[5 * i]);
    attr->value = arena_strndup(r->arena, (const char *)attrs[5 * i + 3],
                                (size_t)(attrs[5 * i + 4] - attrs[5 * i + 3]));
    skip_namespaces(r, &at);
    next_attribute(r, &at, attr);
    if (!attr->name || !attr->value) no_memory(r);
  }
}

/* Of what the root is. */
static const char *own_namespace(const Reader *r, const RawElement *el) {
  const RawElement *root = r->root ? r->root : el;
  return strcmp(root->tag, "study") == 0 ? RAW_STUDY_NAMESPACE : RAW_NAMESPACE;
}

/* Models are in their namespace or in none; another is another language, or another version. */
static bool is_known_namespace(const Reader *r, const RawElement *el, const xmlChar *uri) {
  static const char *const roots[] = {"model", "library", "study"};
  if (!uri || strcmp((const char *)uri, own_namespace(r, el)) == 0) return true;
  for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
    if (r->open || strcmp(el->tag, roots[i]) == 0) return false;
  return true; /* refused for what it is */
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_ns, const xmlChar **ns, int n, int n_default, const xmlChar **attrs) {
  (void)prefix, (void)n_ns, (void)ns, (void)n_default;
  Reader *r = ((xmlParserCtxtPtr)context)->_private;
  if (r->status != STATUS_OK) return;
  RawElement *el = arena_alloc(r->arena, sizeof *el);
  if (!el || !(el->tag = arena_strdup(r->arena, (const char *)name))) {
    no_memory(r);
    return;
  }
  size_t at = tag_start(r);
  el->file = r->file;
  el->chain = r->chain;
  locate(r, at, &el->line, &el->column);
  if (!is_known_namespace(r, el, uri)) {
    bool study = strcmp(own_namespace(r, el), RAW_NAMESPACE) != 0;
    fail(r, el->line, el->column,
         study ? "xmlns=\"" RAW_STUDY_NAMESPACE "\"" : "xmlns=\"" RAW_NAMESPACE "\"",
         "%s is of the namespace '%s', which is no %s's", el->tag, (const char *)uri,
         study ? "study" : "model");
    return;
  }
  if (++r->depth > RAW_DEPTH_MAX) {
    fail(r, el->line, el->column, NULL, "elements are nested more than %d deep", RAW_DEPTH_MAX);
    return;
  }
  while (at < r->length && !isspace((unsigned char)r->text[at]) && r->text[at] != '>') at++;
  read_attributes(r, el, at, n, attrs);
  el->parent = r->open;
  if (!r->open)
    r->root = el;
  else if (r->open->last_child)
    r->open->last_child->next = el;
  else
    r->open->first_child = el;
  if (r->open) r->open->last_child = el;
  r->open = el;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
  (void)name, (void)prefix, (void)uri;
  Reader *r = ((xmlParserCtxtPtr)context)->_private;
  if (r->status != STATUS_OK || !r->open) return;
  r->open = r->open->parent;
  r->depth--;
}

/* Only blanks may stand between elements.  The parser's position is behind the text. */
static void on_text(void *context, const xmlChar *text, int length) {
  Reader *r = ((xmlParserCtxtPtr)context)->_private;
  int i = 0;
  while (i < length && isspace(text[i])) i++;
  if (i == length) return;
  size_t at = parser_at(r), rest = (size_t)(length - i);
  uint32_t line, column;
  locate(r, at > rest ? at - rest : 0, &line, &column);
  const char *found = (const char *)text + i, *end = memchr(found, '\n', rest);
  fail(r, line, column, "put values into attributes; comments look like <!-- ... -->",
       "text between elements: '%.*s'",
       (int)text_cut_n(found, end ? (size_t)(end - found) : rest, 20), found);
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *id, const xmlChar *uri) {
  (void)name, (void)id, (void)uri;
  Reader *r = ((xmlParserCtxtPtr)context)->_private;
  fail(r, (uint32_t)r->ctxt->input->line, 1, "remove the DOCTYPE", "a model has no DTD");
}

/* What the parser's words mean to who writes an expression. */
static const char *xml_hint(const xmlError *error) {
  switch (error->code) {
  case XML_ERR_LT_IN_ATTRIBUTE:
    return "in an attribute < is written &lt;, or lt, or less(a, b) in a tensor expression";
  case XML_ERR_NAME_REQUIRED: /* of many things */
    if (!error->message || !strstr(error->message, "EntityRef")) return NULL;
    return "& is written &amp;; in expressions, `and` or and(a, b)";
  case XML_ERR_ENTITYREF_SEMICOL_MISSING:
  case XML_ERR_UNDECLARED_ENTITY:
    return "& is written &amp;; a model has no entities but &lt; &gt; &amp; &quot; &apos;";
  default:
    return NULL;
  }
}

static void on_error(void *context, xmlErrorPtr error) {
  Reader *r = ((xmlParserCtxtPtr)context)->_private;
  if (error->level < XML_ERR_ERROR) return;
  if (error->code == XML_ERR_NO_MEMORY) {
    if (r->status == STATUS_OK) no_memory(r);
    return;
  }
  const char *text = error->message ? error->message : "malformed XML";
  uint32_t line, column;
  locate(r, parser_at(r), &line, &column);
  fail(r, line, column, xml_hint(error), "malformed XML: %.*s",
       (int)text_cut_n(text, strcspn(text, "\n"), 300), text);
}

static void parse(Reader *r) {
  xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                       .startElementNs = on_start,
                       .endElementNs = on_end,
                       .characters = on_text,
                       .cdataBlock = on_text,
                       .internalSubset = on_doctype,
                       .serror = (xmlStructuredErrorFunc)on_error};
  r->ctxt = xmlCreateMemoryParserCtxt(r->text, (int)r->length);
  if (!r->ctxt) {
    r->status = diag_no_memory(r->diag, r->length);
    return;
  }
  xmlSAXHandler *own = r->ctxt->sax;
  r->ctxt->sax = &sax;
  r->ctxt->userData = r->ctxt;
  r->ctxt->_private = r;
  /* NOENT: `&amp;` becomes `&`; without a DTD there are no other entities. */
  xmlCtxtUseOptions(r->ctxt, XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_NOENT);
  xmlParseDocument(r->ctxt);
  if (r->status == STATUS_OK && (!r->ctxt->wellFormed || !r->root))
    fail(r, 1, 1, NULL, "malformed XML");
  r->ctxt->sax = own;
  if (r->ctxt->myDoc) xmlFreeDoc(r->ctxt->myDoc);
  xmlFreeParserCtxt(r->ctxt);
}

/* The whole file; refuses what is no regular file or too large. */
static Status slurp(const char *path, const char *shown, Diag *diag, char **out, size_t *length) {
  FILE *file;
  int64_t bytes = 0;
  char error[OPEN_ERROR_MAX];
  *out = NULL;
  int code = file_open(path, &file, &bytes);
  if (code)
    return diag_error(diag, STATUS_INVALID, shown, code < 0 ? "name an XML file" : NULL, "%s%s",
                      code < 0 ? "this " : "", file_open_error(code, error));
  Status status = STATUS_OK;
  if (bytes > (int64_t)RAW_FILE_MAX)
    status = diag_error(diag, STATUS_INVALID, shown, "split it with <include>",
                        "the file is larger than %u MiB", RAW_FILE_MAX >> 20);
  else if (bytes == 0)
    status = diag_error(diag, STATUS_INVALID, shown, NULL, "the file is empty");
  size_t size = (size_t)bytes;
  if (status == STATUS_OK && !(*out = malloc(size + 1))) status = diag_no_memory(diag, size);
  if (status == STATUS_OK && fread(*out, 1, size, file) != size)
    status = diag_error(diag, STATUS_INVALID, shown, NULL, "cannot read: %s", strerror(errno));
  fclose(file);
  if (status == STATUS_OK) (*out)[size] = 0;
  *length = size;
  return status;
}

static bool other_encoding(const char *text, size_t length) {
  size_t head = length < 200 ? length : 200;
  if (length >= 2 && ((unsigned char)text[0] >= 0xFE || text[0] == 0)) return true;
  const char *end = memchr(text, '>', head), *at = strstr(text, "encoding=");
  if (strncmp(text, "<?xml", 5) != 0 || !end || !at || at > end) return false;
  return strncasecmp(at + 10, "utf-8", 5) != 0 && strncasecmp(at + 10, "us-ascii", 8) != 0;
}

Status raw_read(const char *path, const char *shown, Arena *arena, Symbols *symbols,
                Sources *sources, Diag *diag, uint32_t chain, RawElement **out_root) {
  *out_root = NULL;
  char *text;
  size_t length = 0;
  Status status = slurp(path, shown, diag, &text, &length);
  if (status == STATUS_OK && other_encoding(text, length))
    status =
        diag_error(diag, STATUS_INVALID, shown, "save it as UTF-8", "the file is not in UTF-8");
  if (status == STATUS_OK) {
    Reader r = {.arena = arena,
                .symbols = symbols,
                .sources = sources,
                .diag = diag,
                .text = text,
                .length = length,
                .chain = chain,
                .line = 1};
    r.file = strings_intern(symbols->strings, shown);
    if (sources_add(sources, r.file, text, length) != STATUS_OK)
      r.status = diag_no_memory(diag, length);
    if (r.status == STATUS_OK) parse(&r);
    status = r.status;
    if (status == STATUS_OK) *out_root = r.root;
  }
  free(text);
  return status;
}

const RawAttr *raw_attribute(const RawElement *element, const char *name) {
  for (uint32_t i = 0; i < element->n_attrs; i++)
    if (strcmp(element->attrs[i].name, name) == 0) return &element->attrs[i];
  return NULL;
}

const char *raw_attr(const RawElement *element, const char *name) {
  const RawAttr *attr = raw_attribute(element, name);
  return attr ? attr->value : NULL;
}
