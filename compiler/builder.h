/* Internal to the build pass: what its files share. */
#ifndef COMPILER_BUILDER_H
#define COMPILER_BUILDER_H

#include "compiler/build.h"
#include "ops/emit.h"

/* How a field's component for one parameter is found. */
typedef enum FieldKind {
  FIELD_THETA, /* the parameters' values at entry */
  FIELD_RATE,  /* each parameter's own factors */
  FIELD_DECAY,
  FIELD_STATE, /* the states `NAME:PARAMETER` */
  FIELD_SWEEP, /* the result of a gradient or pullback: `component` holds it */
  FIELD_EXPR,  /* evaluated when asked for, then kept in `component` */
} FieldKind;

typedef struct Field {
  const char *name;
  FieldKind kind;
  const Element *element;
  const char *expr;
  NodeId *component; /* by state index; NODE_NONE: not evaluated yet, or zero for FIELD_SWEEP */
  bool *known;       /* FIELD_EXPR: component is evaluated */
  uint32_t origin;   /* FIELD_EXPR: of the nodes of its components */
  bool read;         /* something has asked for a component */
} Field;

typedef struct StateUse {
  uint32_t field; /* the name of the state-field that made it, 0: none */
  DType read;     /* the type in which values read it */
} StateUse;

typedef struct Builder {
  const Model *model;
  const BuildOptions *options;
  Diag *diag;
  Plan *plan;
  uint32_t cap_states, cap_state_uses;
  StateUse *state_uses;      /* of each state */
  uint32_t n_parameters;     /* states [0, n_parameters) are the parameters */
  uint32_t *state_by_string; /* string id -> state index + 1 */
  uint32_t state_by_string_size;
} Builder;

/* One program under construction. */
typedef struct ProgramBuilder {
  Builder *b;
  const Element *program;
  Emitter e;
  NodeId *value_by_string; /* string id of the full name -> node */
  uint32_t value_by_string_size;
  uint32_t *names; /* string ids in order of definition */
  uint32_t n_names, cap_names;
  bool poisoned; /* some name is poisoned */
  Field *fields;
  uint32_t n_fields, cap_fields;
  bool *committed; /* by state */
} ProgramBuilder;

/* The scope in which an element stands. */
typedef struct Scope {
  const char *path;       /* prefix of value names: `train/stage1`, "" at the top */
  const char *param_path; /* prefix of parameter names: `stage1` */
  const char *parameters; /* field that replaces the parameters; NULL: theta */
} Scope;

/* ---- states.c ---- */
/* Collects the states of all programs: parameters, then other states, then state-fields. */
Status states_collect(Builder *b);
/* Index of the state with this name; UINT32_MAX when there is none. */
uint32_t states_find(const Builder *b, const char *name);
/* Path of a named child: `prefix/name`, in the model's arena. */
const char *path_join(const Builder *b, const char *prefix, const char *name);
/* An attribute of a structural element, or its default. */
const char *attr_text(const Element *element, const char *name);
int64_t attr_int(const Element *element, const char *name);
double attr_float(const Element *element, const char *name);
bool attr_is(const Element *element, const char *name, const char *value);
Status attr_shape(const Builder *b, const Element *element, Shape *out);
DType attr_dtype(const Builder *b, const Element *element);
Status element_error(const Builder *b, const Element *element, const char *attr, const char *hint,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* ---- masters.c ---- */
/* The state at entry, in its own type. */
NodeId master_state(ProgramBuilder *p, uint32_t state);
/* A value that stands for the state, in the type in which values read it. */
NodeId master_read(ProgramBuilder *p, uint32_t state, NodeId value);
/* What `float` means in an expression that updates the state, and a value as its operand. */
DType master_float(const ProgramBuilder *p, uint32_t state);
NodeId master_operand(ProgramBuilder *p, uint32_t state, NodeId value);

/* ---- origins.c ---- */
/* Nodes that follow are made for this element, whose attributes are in the table of origins;
 * `name`: its path, NULL: its attribute `name`.  What saves and restores the emitter's stamp ends
 * that. */
void origin_begin(ProgramBuilder *p, OriginKind kind, const Element *element, const char *name);

/* ---- names.c ---- */
#define NODE_POISON UINT32_MAX /* a name whose definition failed: uses are not reported again */
/* Makes `path` and all names below it poisoned. */
Status names_poison(ProgramBuilder *p, const char *path);
Status names_define(ProgramBuilder *p, const char *path, NodeId node);
/* The same, and the node does not take the name. */
Status names_refer(ProgramBuilder *p, const char *path, NodeId node);
/* At the end of a scope: one called `out` is its parent's value, by the value `out` that it has. */
Status names_close(ProgramBuilder *p, const char *path);
NodeId names_get(const ProgramBuilder *p, const char *path); /* NODE_NONE: undefined; or poison */
/* Resolves a reference from `scope`; reports at `element` (and returns NODE_NONE) when it names
 * nothing: did you mean, used before its definition, or a cycle. */
NodeId names_resolve(ProgramBuilder *p, const Scope *scope, const Element *element,
                     const char *attr, const char *ref);

/* ---- collide.c ---- */
/* Once all elements are built: no written name is one that another element makes. */
Status names_check(ProgramBuilder *p);

/* ---- fields.c ---- */
Field *fields_find(ProgramBuilder *p, const char *name);
/* The field that attribute `attr` names; reports (unless its definition failed) and returns NULL
 * when there is none. */
Field *fields_require(ProgramBuilder *p, const Element *element, const char *attr,
                      const char *name);
Status fields_init(ProgramBuilder *p);
/* The component for a parameter; NODE_NONE only on failure (zero is a constant node). */
NodeId fields_component(ProgramBuilder *p, Field *field, uint32_t param);
Status fields_gradient(ProgramBuilder *p, const Element *element);
Status fields_pullback(ProgramBuilder *p, const Element *element);
Status fields_declare(ProgramBuilder *p, const Element *element); /* field, state-field */
Status fields_norm(ProgramBuilder *p, const Element *element);
Status fields_commit(ProgramBuilder *p, const Element *element);
/* Commits one value to the state with index `index`. */
Status fields_commit_one(ProgramBuilder *p, const Element *element, uint32_t index, NodeId value);
/* Emits an expression in a scope; identifiers are values only. */
NodeId values_expr(ProgramBuilder *p, const Scope *scope, const Element *element, const char *text);
/* Defines `FIELD:PARAMETER` for every parameter, so that --keep can name them. */
Status fields_name_components(ProgramBuilder *p);
/* Warns of fields that nothing has read and --keep does not name; after all elements. */
void fields_warn_unread(ProgramBuilder *p);

/* ---- elements.c ---- */
Status elements_build(ProgramBuilder *p, const Element *parent, const Scope *scope);

/* ---- training.c ---- */
/* Copies schedules, training, sampler and augment into the plan. */
Status training_build(Builder *b);
/* After the programs are built: every schedule feeds an input (or a later schedule). */
Status training_check_inputs(Builder *b);

#endif
