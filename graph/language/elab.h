/* Internal to elaboration: what its files share. */
#ifndef GRAPH_LANGUAGE_ELAB_H
#define GRAPH_LANGUAGE_ELAB_H

#include "graph/expression/value.h"
#include "graph/language/load.h"

#define ELAB_DEPTH_MAX 64         /* templates in templates */
#define ELAB_ELEMENTS_MAX 1000000 /* of the closed model */
#define ELAB_WORK_MAX 3000000     /* elements visited */
#define ELAB_REPEAT_MAX 100000    /* rounds of one <for> */
#define ELAB_BYTES_MAX ((size_t)2 << 30)

/* What is still worth looking at after an element that failed: elements that would only complain
 * about its consequences are left out. */
typedef enum After { AFTER_NOTHING, AFTER_PARAM, AFTER_REQUIRE, AFTER_LET } After;

typedef struct Elab {
  Loader *l;
  Model *model;
  const Binding *globals; /* parameters and lets at the top */
  /* Names of the current program: by string id of the path, the location of the definition. */
  uint32_t *defined, *defined_in;
  uint32_t cap_defined, cap_defined_in, program;
  uint64_t n_elements, n_work, n_too_deep; /* calls of templates beyond ELAB_DEPTH_MAX */
  After after;                             /* at the top of the model */
  uint32_t cap_params;
  /* With options->sharers: the sampler, the parameter that says how many identities it draws, and
   * whether that was met. */
  const RawElement *sampler;
  const char *shared;
  bool is_shared;
} Elab;

/* Where an element is elaborated. */
typedef struct Frame {
  const Binding *env;
  Element *parent;        /* results are appended to it */
  const char *path;       /* of values inside the program: `train/stage1` */
  uint32_t chain;         /* location of the template call; 0: none */
  bool top;               /* directly below <model> or an <include> there */
  const RawElement *slot; /* the template call whose children a <slot> takes; may be NULL */
  const struct Frame *slot_frame;
  uint32_t depth;
} Frame;

/* ---- names of the current program (elab_names.c) ---- */
/* Joins with '/'; an empty part vanishes. NULL when out of memory. */
const char *elab_join(Elab *e, const char *path, const char *name);
/* Defines `path` at `loc`; a second definition is an error that names both lines. */
Status elab_define(Elab *e, const char *path, uint32_t loc);
/* An absolute reference `/path` to what `ref` means in scope `path` (the nearest definition
 * outward, else as if it stood in the scope itself); NULL when out of memory. */
const char *elab_absolute(Elab *e, const char *path, const char *ref);

/* ---- typed attributes (elab_values.c) ---- */
/* Reports a failed expression at its place in an attribute. Returns STATUS_INVALID. */
Status elab_expr_error(Elab *e, const Frame *f, const RawElement *el, const char *attr,
                       const ExprError *error);
/* Evaluates attribute `attr` as an expression. */
Status elab_expression(Elab *e, const Frame *f, const RawElement *el, const char *attr, Value *out);
/* The attribute's text, interpolated. */
Status elab_text(Elab *e, const Frame *f, const RawElement *el, const char *attr, const char **out);
/* What to write when `word` was meant as the value of a param, let or arg: `hidden`, `$hidden` or
 * `{hidden}` instead of `${hidden}`; NULL when nothing has that name. */
const char *elab_meant_value(Elab *e, const Frame *f, const char *word);
/* What to write when a list has been separated by commas; NULL when there are none. */
const char *elab_meant_blanks(Elab *e, const char *text);
/* How a parameter or argument is declared. */
typedef struct TypeDecl {
  const char *type;   /* int float bool string enum list value values */
  const char *values; /* enum: blank-separated */
  const char *min, *max;
  const char *items; /* list: type of its items (int float bool); NULL: strings */
} TypeDecl;
/* Converts to the declared type and checks the range. On failure `why` and `hint` are filled. */
bool elab_convert(Elab *e, const TypeDecl *decl, Value *value, ExprError *why);
/* True for the types that items of a list may have. */
bool elab_is_item_type(const char *type);
/* Range as text for messages and --params: `1..64`, `>= 0`, `on off`, "". */
const char *elab_range(Elab *e, const TypeDecl *decl);

/* ---- the closed element (elab_emit.c) ---- */
/* Emits an op or structural element: checks its attributes, its parent and its name. */
Status elab_emit(Elab *e, const Frame *f, const RawElement *raw, Element **out);
Element *elab_append(Elab *e, const Frame *f, const char *tag, uint32_t loc);
uint32_t elab_loc(Elab *e, const Frame *f, const RawElement *raw, const char *attr);
/* Reports attributes that are not in the blank-separated list `allowed` (`if` always is). */
Status elab_check_known(Elab *e, const Frame *f, const RawElement *raw, const char *allowed);
/* Splits a blank-separated list; *out is allocated in the arena. Returns the count. */
size_t elab_split(Elab *e, const char *text, const char ***out);

/* ---- parameters (elab_params.c) ---- */
/* Attribute `attr` must be the name of a variable. */
Status elab_need_identifier(Elab *e, const Frame *f, const RawElement *raw, const char *attr);
Status elab_param(Elab *e, Frame *f, const RawElement *raw);
/* Warns of a let that hides a parameter and does not read it: what -D sets is lost from there on.
 */
void elab_warn_hidden(Elab *e, const Frame *f, const RawElement *let);
/* <require>: an error at the setting of a parameter that it names, or at itself, unless it holds.
 */
Status elab_require(Elab *e, const Frame *f, const RawElement *raw);
/* The declared type of a param or arg. */
TypeDecl elab_type(const RawElement *declaration);
/* Defines that name no parameter. */
Status elab_unused_defines(Elab *e);

/* ---- shares (elab_share.c) ---- */
/* True when ranks have batches of their own. */
bool elab_shares(const Elab *e);
/* Finds the parameter that is shared: to be called first. */
Status elab_share_find(Elab *e);
/* Makes the value of the parameter `name` a rank's share; false: it cannot be, *why says so. */
bool elab_share(Elab *e, const char *name, Value *value, ExprError *why);
/* Once all parameters are known. */
Status elab_share_check(Elab *e);

/* ---- elaborate.c ---- */
Status elab_run(Elab *e);

#endif
