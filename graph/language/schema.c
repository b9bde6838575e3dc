/* models/graphc.rng: the RELAX NG schema of the language, for editors.  It is printed from the
 * tables that check models, so it cannot lag behind them.  It is looser than graphc: any attribute
 * may hold
 * `${...}`, elements that are not in a table are calls of templates, and where an element may
 * stand, what a name refers to and which shapes fit are left to graphc. */
#include "graph/base/xml_text.h"
#include "graph/language/model.h"

#include <stdlib.h>
#include <string.h>

/* Elements that elaboration itself consumes (graph/language/elaborate.c): attributes, `!` marks
 * required ones. */
typedef struct Consumed {
  const char *name, *attrs, *doc;
  bool children;
} Consumed;
static const Consumed consumed[] = {
    {"param", "!name !type !value values items min max doc",
     "A parameter of the model, set with -D.", false},
    {"require", "!that of message hint doc", "An error unless the condition holds.", false},
    {"let", "!name !value doc", "Binds a value until the end of the enclosing element.", false},
    {"for", "!each !in index doc", "Repeats its children for each item of a list.", true},
    {"group", "doc", "Holds elements together, e.g. for one `if`.", true},
    {"template", "!name doc", "Defines a new element.", true},
    {"arg", "!name !type value values items min max doc", "An argument of a template.", false},
    {"slot", "doc", "The children of the call.", false},
    {"include", "!src doc", "Reads a library file, once.", false},
    {"set", "!name !value doc", "Sets a parameter of the base model.", false},
    {"replace", "!name doc", "Replaces a named element of the base model.", true},
    {"remove", "!name doc", "Removes a named element of the base model.", false},
    {"insert", "before after doc", "Adds elements beside one of the base model.", true},
    {NULL, NULL, NULL, false},
};

static void put_doc(FILE *out, const char *doc) {
  fputs("<a:documentation>", out);
  xml_put_escaped(out, doc);
  fputs("</a:documentation>", out);
}

static void put_text_attr(FILE *out, const char *name, bool required, const char *doc) {
  fprintf(out, "      %s<attribute name=\"%s\">", required ? "" : "<optional>", name);
  if (doc) put_doc(out, doc);
  fprintf(out, "<text/></attribute>%s\n", required ? "" : "</optional>");
}

static void put_enum(FILE *out, const char *values) {
  fputs("<choice>", out);
  for (const char *word = values; *word;) {
    size_t n = strcspn(word, " ");
    fprintf(out, "<value>%.*s</value>", (int)n, word);
    word += n + (word[n] == ' ');
  }
  fputs("<ref name=\"expression\"/></choice>", out);
}

static void put_attr(FILE *out, const AttrDesc *a) {
  bool required = !a->fallback;
  fprintf(out, "      %s<attribute name=\"%s\">", required ? "" : "<optional>", a->name);
  put_doc(out, a->doc);
  switch (a->type) {
  case ATTR_INT:
    fputs("<ref name=\"integer\"/>", out);
    break;
  case ATTR_FLOAT:
    fputs("<ref name=\"number\"/>", out);
    break;
  case ATTR_BOOL:
    put_enum(out, "true false");
    break;
  case ATTR_ENUM:
    put_enum(out, a->values);
    break;
  case ATTR_DTYPE:
    put_enum(out, dtype_words());
    break;
  default:
    fputs("<text/>", out);
    break;
  }
  fprintf(out, "</attribute>%s\n", required ? "" : "</optional>");
}

static void begin_element(FILE *out, const char *name, const char *doc) {
  fprintf(out, "    <element name=\"%s\">\n      ", name);
  put_doc(out, doc);
  fputs("\n      <ref name=\"condition\"/>\n", out);
}

static void end_element(FILE *out, bool children) {
  fprintf(out, "      %s\n    </element>\n", children ? "<ref name=\"content\"/>" : "<empty/>");
}

static void put_consumed(FILE *out, const Consumed *c) {
  begin_element(out, c->name, c->doc);
  for (const char *word = c->attrs; *word;) {
    bool required = *word == '!';
    word += required;
    size_t n = strcspn(word, " ");
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)n, word);
    put_text_attr(out, name, required, NULL);
    word += n + (word[n] == ' ');
  }
  end_element(out, c->children);
}

static void put_structure(FILE *out, const ElementDesc *e) {
  begin_element(out, e->name, e->doc);
  for (uint32_t i = 0; i < e->n_attrs; i++) put_attr(out, &e->attrs[i]);
  end_element(out, e->has_children);
}

static void put_op(FILE *out, const OpDesc *op) {
  begin_element(out, op->name, op->doc);
  put_text_attr(out, "name", true, "name of the result");
  for (uint32_t i = 0; i < op->n_inputs; i++)
    put_text_attr(out, op->inputs[i].name, !op->inputs[i].optional, op->inputs[i].doc);
  for (uint32_t i = 0; i < op->n_attrs; i++) put_attr(out, &op->attrs[i]);
  end_element(out, false);
}

static bool writable(const OpDesc *op) {
  return op && !op->hidden;
}

/* Any other element is the use of a template: any attributes, any children. */
static void put_template_use(FILE *out, const OpTable *ops) {
  fputs("  <define name=\"use\"><element>\n      "
        "<anyName><except><name>model</name><name>library</name>",
        out);
  for (const Consumed *c = consumed; c->name; c++) fprintf(out, "<name>%s</name>", c->name);
  for (size_t i = 0; element_table[i]; i++) fprintf(out, "<name>%s</name>", element_table[i]->name);
  for (uint32_t i = 1; i < ops->count; i++)
    if (writable(ops->ops[i])) fprintf(out, "<name>%s</name>", ops->ops[i]->name);
  fputs("</except></anyName>\n"
        "      <zeroOrMore><attribute><anyName/><text/></attribute></zeroOrMore>\n"
        "      <ref name=\"content\"/>\n  </element></define>\n",
        out);
}

/* libxml2 dispatches a choice of elements by their names and misses wildcards in it: the two
 * `oneOrMore` keep the use of templates apart from the rest. */
static void put_head(FILE *out) {
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!-- Printed from the op tables by graphc (option schema); do not edit. -->\n"
        "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\"\n"
        "         xmlns:a=\"http://relaxng.org/ns/compatibility/annotations/1.0\"\n"
        "         ns=\"urn:graphc:model:1\"\n"
        "         datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n"
        "  <start><choice>\n"
        "    <element name=\"model\"><attribute name=\"name\"/>\n"
        "      <optional><attribute name=\"extends\"/></optional>\n"
        "      <optional><attribute name=\"expanded\"><value>true</value></attribute></optional>\n"
        "      <optional><attribute name=\"doc\"/></optional><ref name=\"content\"/></element>\n"
        "    <element name=\"library\"><optional><attribute name=\"doc\"/></optional>"
        "<ref name=\"content\"/></element>\n"
        "  </choice></start>\n"
        "  <define name=\"expression\"><data type=\"string\">"
        "<param name=\"pattern\">[\\s\\S]*[$]\\{[\\s\\S]*</param></data></define>\n"
        "  <define name=\"integer\"><choice><data type=\"integer\"/><ref "
        "name=\"expression\"/></choice></define>\n"
        "  <define name=\"number\"><choice><data type=\"double\"/><ref "
        "name=\"expression\"/></choice></define>\n"
        "  <define name=\"condition\"><optional><attribute name=\"if\"/></optional></define>\n"
        "  <define name=\"content\"><zeroOrMore><choice>"
        "<oneOrMore><ref name=\"use\"/></oneOrMore><oneOrMore><ref name=\"item\"/></oneOrMore>"
        "</choice></zeroOrMore></define>\n"
        "  <define name=\"item\"><choice>\n",
        out);
}

char *model_schema(const OpTable *ops, size_t *out_length) {
  char *text = NULL;
  FILE *out = open_memstream(&text, out_length);
  if (!out) return NULL;
  put_head(out);
  for (const Consumed *c = consumed; c->name; c++) put_consumed(out, c);
  for (size_t i = 0; element_table[i]; i++) put_structure(out, element_table[i]);
  for (uint32_t i = 1; i < ops->count; i++)
    if (writable(ops->ops[i])) put_op(out, ops->ops[i]);
  fputs("  </choice></define>\n", out);
  put_template_use(out, ops);
  fputs("</grammar>\n", out);
  bool bad = ferror(out);
  if (fclose(out) != 0 || bad) {
    free(text);
    return NULL;
  }
  return text;
}
