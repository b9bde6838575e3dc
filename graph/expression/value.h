/* Values and expressions of elaboration: what `${...}`, `if`, `let` and `for` compute.
 *
 *     cond  := or ('?' cond ':' cond)?
 *     or    := and ('or' and)*          and := not ('and' not)*       not := 'not' not | compare
 *     compare := sum (('==' | '!=' | '<' | '<=' | '>' | '>=' | eq ne lt le gt ge) sum)?
 *     sum   := term (('+' | '-') term)*         term := power (('*' | '/' | '//' | '%') power)*
 *     power := '-' power | postfix ('^' power)?  postfix := atom ('[' cond ']')*
 *     atom  := number | 'string' | true | false | NAME | NAME '(' args ')' | '(' cond ')' | '['
 * args ']'
 *
 * Pure and bounded: no loops, a limit on length and depth. */
#ifndef GRAPH_EXPRESSION_VALUE_H
#define GRAPH_EXPRESSION_VALUE_H

#include "graph/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ValueType { VALUE_INT, VALUE_FLOAT, VALUE_BOOL, VALUE_STRING, VALUE_LIST } ValueType;

typedef struct Value {
  ValueType type;
  union {
    int64_t i;
    double f;
    bool b;
    const char *s;
    struct {
      struct Value *items;
      uint32_t n;
      uint32_t depth; /* lists inside of it; 0: items are no lists */
    } list;
  };
} Value;

/* Bindings are a linked list, innermost first. */
typedef struct Binding {
  const char *name;
  Value value;
  uint32_t line; /* of the definition */
  const struct Binding *next;
} Binding;

#define EXPR_LENGTH_MAX 4096
#define EXPR_DEPTH_MAX 64
#define EXPR_LIST_MAX 100000
#define EXPR_LIST_DEPTH_MAX 8
#define EXPR_TEXT_MAX (1u << 20) /* bytes of a text */
#define EXPR_ERROR_MAX 400

typedef struct ExprError {
  char text[EXPR_ERROR_MAX], hint[EXPR_ERROR_MAX];
  uint32_t at;  /* byte in the expression */
  bool unknown; /* a name that nothing has, or nearly: the hint says where elaboration has names */
} ExprError;

/* Evaluates `text[0 .. length)`. False on failure: *error is filled. */
bool expr_evaluate(Arena *arena, const Binding *env, const char *text, size_t length, Value *out,
                   ExprError *error);
/* Replaces every `${...}` in `text`; *out is `text` itself when there is none.  Errors count bytes
 * from the start of `text`. */
bool expr_interpolate(Arena *arena, const Binding *env, const char *text, const char **out,
                      ExprError *error);
/* The value of an attribute: that of the expression when the text is one `${...}` as a whole, so
 * that lists and numbers keep their type; otherwise the interpolated text. */
bool expr_attribute(Arena *arena, const Binding *env, const char *text, Value *out,
                    ExprError *error);
/* As text: floats shortest round trip, lists blank-joined. NULL when it is longer than
 * EXPR_TEXT_MAX or out of memory. */
const char *value_text(Arena *arena, const Value *value);
/* Numbers as users write them: decimal, finite; hexadecimal, nan and inf are none.
 * number_scan reads the one that `text` starts with (after blanks) and returns its end, NULL when
 * there is none; *out is infinite when it is too large for a double.
 * number_parse: `text` as a whole is one finite number. */
const char *number_scan(const char *text, double *out);
bool number_parse(const char *text, double *out);
/* Shortest decimal that reads back as the same double. `text` holds 32 bytes. */
void float_text(double value, char *text);
bool value_truth(const Value *value, bool *out); /* false: it is no bool */
const Binding *binding_find(const Binding *env, const char *name);
/* Adds a binding in front of *env. False when out of memory. */
bool binding_add(Arena *arena, const Binding **env, const char *name, Value value, uint32_t line);
/* A blank-separated list of strings. */
bool value_list_parse(Arena *arena, const char *text, Value *out);

#endif
