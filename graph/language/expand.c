/* --expand and --params: the closed model and its parameters as text. */
#include "graph/base/xml_text.h"
#include "graph/language/model.h"

#include <stdlib.h>
#include <string.h>

/* `$` followed by a brace would be interpolated when the text is read again. */
static void put_attr(FILE *out, const char *name, const char *value) {
  fprintf(out, " %s=\"", name);
  for (const char *at; (at = strstr(value, "${")); value = at + 1) {
    char *head = strndup(value, (size_t)(at - value));
    if (head) xml_put_escaped(out, head);
    free(head);
    fputs("${'$'}", out);
  }
  xml_put_escaped(out, value);
  fputc('"', out);
}

static void put_param(FILE *out, const ModelParam *p) {
  fputs("  <param", out);
  put_attr(out, "name", p->name);
  bool enumeration = strcmp(p->type, "enum") == 0;
  put_attr(out, "type", p->type);
  if (enumeration) put_attr(out, "values", p->range);
  put_attr(out, "value", p->value);
  if (*p->doc) put_attr(out, "doc", p->doc);
  fputs("/>\n", out);
}

static void put_element(FILE *out, const Element *el, int depth) {
  fprintf(out, "%*s<%s", 2 * depth, "", el->tag);
  for (uint32_t i = 0; i < el->n_attrs; i++) put_attr(out, el->attrs[i].name, el->attrs[i].value);
  fputs(el->first_child ? ">\n" : "/>\n", out);
}

/* The tree without recursion: its depth is bounded, its size is not small. */
static void put_tree(FILE *out, const Element *root) {
  int depth = 1;
  for (const Element *el = root->first_child; el;) {
    put_element(out, el, depth);
    if (el->first_child) {
      el = el->first_child;
      depth++;
      continue;
    }
    while (el && !el->next) {
      el = el->parent == root ? NULL : el->parent;
      depth--;
      if (el) fprintf(out, "%*s</%s>\n", 2 * depth, "", el->tag);
    }
    if (el) el = el->next;
  }
}

char *model_expand(const Model *model, size_t *out_length) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  fputs("<model", out);
  put_attr(out, "name", model->name);
  fputs(" expanded=\"true\" xmlns=\"urn:graphc:model:1\">\n", out);
  for (uint32_t i = 0; i < model->n_params; i++) put_param(out, &model->params[i]);
  put_tree(out, model->root);
  fputs("</model>\n", out);
  bool bad = ferror(out);
  if (fclose(out) != 0 || bad) {
    free(text);
    return NULL;
  }
  *out_length = size;
  return text;
}

Status model_print_params(const Model *model, FILE *out) {
  int width = 4, value_width = 5;
  for (uint32_t i = 0; i < model->n_params; i++) {
    int name = (int)strlen(model->params[i].name), value = (int)strlen(model->params[i].value);
    if (name > width) width = name;
    if (value > value_width) value_width = value > 24 ? 24 : value;
  }
  fprintf(out, "%-*s  %-6s  %-*s  %-20s  %s\n", width, "name", "type", value_width, "value",
          "range", "meaning");
  for (uint32_t i = 0; i < model->n_params; i++) {
    const ModelParam *p = &model->params[i];
    fprintf(out, "%-*s  %-6s  %-*s  %-20s  %s", width, p->name, p->type, value_width, p->value,
            p->range, p->doc);
    if (p->overridden) fprintf(out, " (default %s)", p->fallback);
    fputc('\n', out);
  }
  return ferror(out) ? STATUS_SYSTEM : STATUS_OK;
}
