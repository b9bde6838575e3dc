/* Reads a model: XML, parameters, conditions, repeats, templates, includes, `extends`.
 *
 * The result is the *closed* model: a tree that holds only ops, composites and structural elements,
 * with every attribute interpolated; it knows nothing of shapes.  ops/ and compiler/ build graphs
 * from it. */
#ifndef GRAPH_LANGUAGE_MODEL_H
#define GRAPH_LANGUAGE_MODEL_H

#include "graph/ir/op.h"
#include "graph/ir/source.h"
#include "graph/plan/plan.h"

#include <string.h>

typedef struct Attribute {
  const char *name, *value;
  uint32_t loc;        /* of the value */
  const char *written; /* as it stands in the file: `${batch_ids}` */
} Attribute;

typedef struct Element {
  const char *tag;
  uint32_t loc;
  uint32_t op;                /* index into the op table; 0 when structural */
  const ElementDesc *element; /* structural; NULL when an op */
  const Attribute *attrs;     /* in document order */
  uint32_t n_attrs;
  const struct Binding *env; /* what ${...} knew here: for hints only */
  struct Element *parent, *first_child, *last_child, *next;
} Element;

/* A declared model parameter with its final value, for --params and for the report. */
typedef struct ModelParam {
  const char *name, *type, *value, *fallback, *range, *doc;
  uint32_t loc;
  bool overridden;
} ModelParam;

typedef struct ModelOptions {
  const char *path;                /* MODEL.xml */
  const char *root;                /* --root or NULL */
  const char *const *include_dirs; /* -I */
  uint32_t n_include_dirs;
  const char *const *defines; /* `NAME=VALUE` or `@FILE`, in order; the last wins */
  uint32_t n_defines;
  /* Above 1: so many ranks have equal shares of each batch and compute over them alone
   * (--sync=local).  The parameter that <sampler batch-ids="${NAME}"> reads is bound to a rank's
   * share of its value, so that all sizes are a share's; `sync` is then 'local', else 'global'. */
  uint32_t sharers;
} ModelOptions;

typedef struct Model {
  Arena *arena;
  Symbols *symbols;
  Sources *sources;
  const OpTable *ops;
  const char *name; /* of the root element */
  Element *root;    /* <model>, closed */
  ModelParam *params;
  uint32_t n_params;
  PlanFile *files; /* that were read */
  uint32_t n_files;
} Model;

/* Reads and elaborates. Errors are collected in `diag`; on failure *out_model is NULL. */
Status model_load(const ModelOptions *options, const OpTable *ops, Diag *diag, Model **out_model);
void model_destroy(Model *model);

/* `c` of the path `a/b/c`. */
static inline const char *path_last_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* The value of an attribute; NULL when it is absent. */
const char *element_attr(const Element *element, const char *name);
const Attribute *element_attribute(const Element *element, const char *name);
/* Location of the attribute's value; the element's own when it is absent. */
uint32_t element_attr_loc(const Element *element, const char *name);

/* Prints the closed model as XML that is itself a valid model (--expand).  The caller owns the
 * text (free); NULL when out of memory. */
char *model_expand(const Model *model, size_t *out_length);
/* Prints name, type, value, range and doc of every parameter (--params). */
Status model_print_params(const Model *model, FILE *out);
/* The RELAX NG schema of the language, generated from both tables (free). */
char *model_schema(const OpTable *ops, size_t *out_length);
/* docs/ops.md: every element and op with its attributes (free). */
char *model_manual(const OpTable *ops, size_t *out_length);

#endif
