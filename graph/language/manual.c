/* docs/ops.md: the reference of elements and ops, printed from the tables that check models. */
#include "graph/language/model.h"

#include <stdlib.h>
#include <string.h>

static const char *type_text(AttrType type) {
  static const char *const names[] = {
      "integer",      "integers", "number", "numbers",   "true or false", "word",
      "element type", "text",     "name",   "reference", "references",    "tensor expression"};
  return names[type];
}

static void put_attr(FILE *out, const AttrDesc *a) {
  fprintf(out, "| `%s` | %s", a->name, a->values ? a->values : type_text(a->type));
  if (a->min < a->max) fprintf(out, ", %g..%g", a->min, a->max);
  fputs(" | ", out);
  if (!a->fallback)
    fputs("required", out);
  else if (*a->fallback)
    fprintf(out, "`%s`", a->fallback);
  else
    fputs("empty", out);
  fprintf(out, " | %s |\n", a->doc);
}

static void put_header(FILE *out, const char *name, const char *doc) {
  fprintf(out, "\n### %s\n%s\n\n| attribute | value | default | meaning |\n|---|---|---|---|\n",
          name, doc);
}

/* As expressions call it. */
static void put_call(FILE *out, const OpDesc *op) {
  fprintf(out, "`%s(", op->function);
  for (uint32_t i = 0; i < op->n_inputs; i++)
    fprintf(out, "%s%s", i ? ", " : "", op->inputs[i].name);
  fputs(")`", out);
}

static void put_functions(FILE *out, const OpTable *ops) {
  bool first = true;
  fputs("\n## Functions of expressions\n\n", out);
  for (uint32_t i = 1; i < ops->count; i++) {
    if (!ops->ops[i]->function) continue;
    fputs(first ? "" : ", ", out);
    put_call(out, ops->ops[i]);
    first = false;
  }
  fputs("; and `sum(x)`, `mean(x)` to a scalar, `square(x)`, `float(x)`.\n", out);
}

static void put_op(FILE *out, const OpDesc *op) {
  put_header(out, op->name, op->doc);
  fputs("| `name` | name | required | name of the result |\n", out);
  for (uint32_t i = 0; i < op->n_inputs; i++)
    fprintf(out, "| `%s` | %s | %s | %s |\n", op->inputs[i].name,
            op->inputs[i].variadic ? "references" : "reference",
            op->inputs[i].optional ? "left out" : "required", op->inputs[i].doc);
  for (uint32_t i = 0; i < op->n_attrs; i++) put_attr(out, &op->attrs[i]);
  if (op->function) {
    fputs("\nIn expressions: ", out);
    put_call(out, op);
    fputs(".\n", out);
  }
  if (op->n_results > 1) {
    fputs("\nResults: `NAME` and ", out);
    for (uint32_t i = 0; i < op->n_results; i++)
      fprintf(out, "%s`NAME/%s`", i ? ", " : "", op->results[i]);
    fputs(" (the first is `NAME` itself).\n", out);
  }
}

static void put_class(FILE *out, const OpTable *ops, const char *title, bool composite) {
  fprintf(out, "\n## %s\n", title);
  for (uint32_t i = 1; i < ops->count; i++) {
    const OpDesc *op = ops->ops[i];
    if (op && !op->hidden && (op->op_class == OP_CLASS_COMPOSITE) == composite) put_op(out, op);
  }
}

char *model_manual(const OpTable *ops, size_t *out_length) {
  char *text = NULL;
  FILE *out = open_memstream(&text, out_length);
  if (!out) return NULL;
  fputs("# Elements and ops\n\nPrinted by `graphc --manual` from the tables that check models. "
        "Every element also takes `if`.\n\n## Elements\n",
        out);
  for (size_t i = 0; element_table[i]; i++) {
    const ElementDesc *e = element_table[i];
    put_header(out, e->name, e->doc);
    for (uint32_t k = 0; k < e->n_attrs; k++) put_attr(out, &e->attrs[k]);
    fprintf(out, "\nStands in: %s.\n",
            strcmp(e->parents, "*") == 0 ? "program, pass, scope" : e->parents);
  }
  put_functions(out, ops);
  put_class(out, ops, "Primitives", false);
  put_class(out, ops, "Composites", true);
  bool bad = ferror(out);
  if (fclose(out) != 0 || bad) {
    free(text);
    return NULL;
  }
  return text;
}
