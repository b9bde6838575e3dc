/* The machine.  What a hostile file could make large is bounded: values, cells, stack and memo by
 * LIMIT, everything else by the bytes that are read.  No opcode's work exceeds the items that it
 * takes from the stack, and nothing here follows references, so that cycles do not matter. */
#include "runtime/execute/pth_pickle.h"

#include "graph/base/array.h"
#include "graph/base/text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT                                                                                      \
  (1u << 22) /* a checkpoint of 1,000 tensors and its optimiser has about 50,000 values */

/* ---- names ---- */

typedef enum PickleRole {
  ROLE_STORAGE,   /* named in the tuple of a storage, never called */
  ROLE_TENSOR,    /* makes a tensor of (storage, offset, sizes, strides, ...) */
  ROLE_EMPTY,     /* makes a tensor of nothing, whose attributes are those arguments */
  ROLE_PARAMETER, /* gives its first argument, a tensor */
  ROLE_DICT,      /* makes a dictionary, of nothing, of one, or of a list of pairs */
  ROLE_TUPLE,     /* gives its first argument, a tuple */
  ROLE_OTHER      /* what stands beside weights in public checkpoints: passed over */
} PickleRole;

#define STORAGE(MODULE, NAME, TYPE, SPELLED, SIZE)                                                 \
  { MODULE, NAME "Storage", ROLE_STORAGE, TYPE, SPELLED, SIZE }
#define STORAGES(MODULE)                                                                           \
  STORAGE(MODULE, "Float", FILE_F32, "F32", 4), STORAGE(MODULE, "Double", FILE_F64, "F64", 8),     \
      STORAGE(MODULE, "Half", FILE_F16, "F16", 2),                                                 \
      STORAGE(MODULE, "BFloat16", FILE_BF16, "BF16", 2),                                           \
      STORAGE(MODULE, "Long", FILE_I64, "I64", 8), STORAGE(MODULE, "Int", FILE_I32, "I32", 4),     \
      STORAGE(MODULE, "Short", FILE_I16, "I16", 2), STORAGE(MODULE, "Char", FILE_I8, "I8", 1),     \
      STORAGE(MODULE, "Byte", FILE_U8, "U8", 1), STORAGE(MODULE, "Bool", FILE_BOOL, "BOOL", 1),    \
      STORAGE(MODULE, "ComplexFloat", FILE_OTHER, "C64", 8),                                       \
      STORAGE(MODULE, "ComplexDouble", FILE_OTHER, "C128", 16)
#define EMPTY(MODULE, NAME)                                                                        \
  { .module = MODULE, .name = NAME "Tensor", .role = ROLE_EMPTY }
#define EMPTIES(MODULE)                                                                            \
  EMPTY(MODULE, "Float"), EMPTY(MODULE, "Double"), EMPTY(MODULE, "Half"), EMPTY(MODULE, "Long"),   \
      EMPTY(MODULE, "Int"), EMPTY(MODULE, "Short"), EMPTY(MODULE, "Char"), EMPTY(MODULE, "Byte")
#define NAMED(MODULE, NAME, ROLE)                                                                  \
  { .module = MODULE, .name = NAME, .role = ROLE }

static const PickleGlobal globals[] = {
    STORAGES("torch"),
    STORAGES("torch.cuda"), /* before 0.4 */
    NAMED("torch._utils", "_rebuild_tensor_v2", ROLE_TENSOR),
    NAMED("torch._utils", "_rebuild_tensor", ROLE_TENSOR), /* before 0.4 */
    EMPTIES("torch"),                                      /* the first versions */
    EMPTIES("torch.cuda"),
    NAMED("torch._utils", "_rebuild_parameter", ROLE_PARAMETER),
    NAMED("torch.nn.parameter", "Parameter", ROLE_PARAMETER), /* before 0.4 */
    NAMED("torch._utils", "_rebuild_parameter_with_state", ROLE_PARAMETER),
    NAMED("torch", "Size", ROLE_TUPLE),
    NAMED("collections", "OrderedDict", ROLE_DICT),
    NAMED("collections", "Counter", ROLE_DICT), /* a schedule's milestones */
    NAMED("collections", "defaultdict", ROLE_DICT),
    /* factories of defaultdict */
    NAMED("__builtin__", "dict", ROLE_OTHER),
    NAMED("__builtin__", "list", ROLE_OTHER),
    NAMED("builtins", "dict", ROLE_OTHER),
    NAMED("builtins", "list", ROLE_OTHER),
    /* the best score so far, as a number of NumPy's; the arguments of the training program */
    NAMED("numpy", "dtype", ROLE_OTHER),
    NAMED("numpy.core.multiarray", "scalar", ROLE_OTHER),
    NAMED("numpy._core.multiarray", "scalar", ROLE_OTHER),
    NAMED("_codecs", "encode", ROLE_OTHER),
    NAMED("argparse", "Namespace", ROLE_OTHER),
    NAMED("torch", "device", ROLE_OTHER),
};

/* ---- errors ---- */

Status pickle_error(const Pickle *p, size_t at, const char *hint, const char *format, ...) {
  char place[PATH_MAX + 32], text[1024];
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  text_format(place, sizeof place, "%s: byte %zu", p->path, at);
  return diag_error(p->diag, STATUS_INVALID, place, hint, "%s", text);
}

#define DAMAGED "was the file copied whole?"

static Status damaged(const Pickle *p, const char *what) {
  return pickle_error(p, p->at, DAMAGED, "the pickle is damaged: %s", what);
}

static Status too_large(const Pickle *p, const char *what) {
  return pickle_error(p, p->at, PICKLE_CONVERT, "the pickle has more than %u %s, as no weights do",
                      LIMIT, what);
}

/* ---- bytes ---- */

static Status take(Pickle *p, uint64_t n, const char **out) {
  *out = p->bytes;
  if (n > p->end - p->at) return damaged(p, "it ends in the middle of a value");
  *out = p->bytes + p->at;
  p->at += (size_t)n;
  return STATUS_OK;
}

/* An integer of n bytes, the lowest first. */
static Status take_number(Pickle *p, int n, uint64_t *out) {
  const char *bytes;
  *out = 0;
  TRY(take(p, (uint64_t)n, &bytes));
  for (int i = 0; i < n; i++) *out |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
  return STATUS_OK;
}

/* ---- the stack ---- */

static Status push_id(Pickle *p, uint32_t value) {
  if (p->n_stack >= LIMIT) return too_large(p, "values at once");
  TRY(ARRAY_RESERVE(p->stack, p->cap_stack, p->n_stack, 1, p->diag));
  p->stack[p->n_stack++] = value;
  return STATUS_OK;
}

static Status make(Pickle *p, PickleValue value, uint32_t *out) {
  *out = 0;
  if (!p->n_values) p->n_values = 1;
  if (p->n_values >= LIMIT) return too_large(p, "values");
  TRY(ARRAY_RESERVE(p->values, p->cap_values, p->n_values, 1, p->diag));
  *out = p->n_values++;
  p->values[*out] = value;
  return STATUS_OK;
}

static Status push(Pickle *p, PickleValue value) {
  uint32_t id;
  TRY(make(p, value, &id));
  return push_id(p, id);
}

/* Values below the last mark are out of reach. */
static uint32_t floor_of(const Pickle *p) {
  return p->n_marks ? p->marks[p->n_marks - 1] : 0;
}

static Status pop(Pickle *p, uint32_t *out) {
  *out = 0;
  if (p->n_stack <= floor_of(p)) return damaged(p, "it takes a value where there is none");
  *out = p->stack[--p->n_stack];
  return STATUS_OK;
}

/* The value on top, which stays. */
static Status top(Pickle *p, PickleKind kind, const char *what, uint32_t *out) {
  *out = 0;
  if (p->n_stack <= floor_of(p)) return damaged(p, "it takes a value where there is none");
  *out = p->stack[p->n_stack - 1];
  return pickle_is(p, *out, kind) ? STATUS_OK : damaged(p, what);
}

/* The values since the last mark, which goes: stack[*from] up to the top; the caller drops them. */
static Status since_mark(Pickle *p, uint32_t *from) {
  *from = 0;
  if (!p->n_marks) return damaged(p, "it goes back to a mark, and there is none");
  *from = p->marks[--p->n_marks];
  return STATUS_OK;
}

/* ---- items ---- */

static Status add_item(Pickle *p, uint32_t list, uint32_t key, uint32_t value) {
  if (!p->n_cells) p->n_cells = 1;
  if (p->n_cells >= 2 * LIMIT) return too_large(p, "items");
  TRY(ARRAY_RESERVE(p->cells, p->cap_cells, p->n_cells, 1, p->diag));
  uint32_t cell = p->n_cells++;
  PickleValue *to = &p->values[list];
  p->cells[cell] = (PickleCell){key, value, 0};
  if (to->count++)
    p->cells[to->items.last].next = cell;
  else
    to->items.first = cell;
  to->items.last = cell;
  return STATUS_OK;
}

uint32_t pickle_item(const Pickle *p, uint32_t list, uint32_t i) {
  if (!pickle_is(p, list, PICKLE_LIST) && !pickle_is(p, list, PICKLE_TUPLE)) return 0;
  uint32_t cell = p->values[list].items.first;
  while (cell && i--) cell = p->cells[cell].next;
  return cell ? p->cells[cell].value : 0;
}

bool pickle_is_text(const Pickle *p, uint32_t value, const char *text) {
  const PickleValue *v = &p->values[value];
  return pickle_is(p, value, PICKLE_TEXT) && v->count == strlen(text) &&
         memcmp(v->text, text, v->count) == 0;
}

uint32_t pickle_find(const Pickle *p, uint32_t dict, const char *key) {
  uint32_t cell = pickle_is(p, dict, PICKLE_DICT) ? p->values[dict].items.first : 0;
  while (cell && !pickle_is_text(p, p->cells[cell].key, key)) cell = p->cells[cell].next;
  return cell ? p->cells[cell].value : 0;
}

/* ---- opcodes: values ---- */

static Status do_none(Pickle *p, int arg) {
  (void)arg;
  return push(p, (PickleValue){.kind = PICKLE_NONE});
}

static Status do_bool(Pickle *p, int arg) {
  return push(p, (PickleValue){.kind = PICKLE_BOOL, .integer = arg});
}

/* arg: bytes; those of four have a sign. */
static Status do_int(Pickle *p, int arg) {
  uint64_t n;
  TRY(take_number(p, arg, &n));
  return push(p, (PickleValue){.kind = PICKLE_INT, .integer = arg == 4 ? (int32_t)n : (int64_t)n});
}

/* As many bytes as the first says, the highest of which holds the sign. */
static Status do_long(Pickle *p, int arg) {
  uint64_t n, low = 0;
  const char *bytes;
  TRY(take_number(p, arg, &n));
  TRY(take(p, n, &bytes));
  if (n > 8)
    return push(p, (PickleValue){.kind = PICKLE_LARGE, .count = (uint32_t)n, .text = bytes});
  for (uint64_t i = 0; i < n; i++) low |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
  if (n && n < 8 && (unsigned char)bytes[n - 1] & 0x80) low |= UINT64_MAX << 8 * n;
  return push(p, (PickleValue){.kind = PICKLE_INT, .integer = (int64_t)low});
}

static Status do_float(Pickle *p, int arg) {
  const char *bytes;
  TRY(take(p, (uint64_t)arg, &bytes));
  return push(p, (PickleValue){.kind = PICKLE_FLOAT});
}

/* arg: bytes of the length; below 0 what follows is no text. */
static Status do_text(Pickle *p, int arg) {
  uint64_t n;
  const char *bytes;
  TRY(take_number(p, arg < 0 ? -arg : arg, &n));
  TRY(take(p, n, &bytes));
  if (n > INT32_MAX) return damaged(p, "it has a text of more than 2 GiB");
  return push(p, (PickleValue){.kind = arg < 0 ? PICKLE_BYTES : PICKLE_TEXT,
                               .count = (uint32_t)n,
                               .text = bytes});
}

/* ---- opcodes: lists and dictionaries ---- */

static Status do_empty(Pickle *p, int arg) {
  return push(p, (PickleValue){.kind = (PickleKind)arg});
}

static Status do_mark(Pickle *p, int arg) {
  (void)arg;
  if (p->n_marks >= LIMIT) return too_large(p, "marks");
  TRY(ARRAY_RESERVE(p->marks, p->cap_marks, p->n_marks, 1, p->diag));
  p->marks[p->n_marks++] = p->n_stack;
  return STATUS_OK;
}

/* arg: items; 0: those since the mark. */
static Status do_tuple(Pickle *p, int arg) {
  uint32_t from = p->n_stack - (uint32_t)arg, tuple;
  if (!arg)
    TRY(since_mark(p, &from));
  else if (p->n_stack < floor_of(p) + (uint32_t)arg)
    return damaged(p, "it takes a value where there is none");
  TRY(make(p, (PickleValue){.kind = PICKLE_TUPLE}, &tuple));
  for (uint32_t i = from; i < p->n_stack; i++) TRY(add_item(p, tuple, 0, p->stack[i]));
  p->n_stack = from;
  return push_id(p, tuple);
}

/* arg: items; 0: those since the mark. */
static Status do_append(Pickle *p, int arg) {
  uint32_t from = 0, list;
  if (arg) {
    uint32_t value;
    TRY(pop(p, &value));
    TRY(top(p, PICKLE_LIST, "it appends to what is no list", &list));
    return add_item(p, list, 0, value);
  }
  TRY(since_mark(p, &from));
  uint32_t n = p->n_stack;
  p->n_stack = from;
  TRY(top(p, PICKLE_LIST, "it appends to what is no list", &list));
  for (uint32_t i = from; i < n; i++) TRY(add_item(p, list, 0, p->stack[i]));
  return STATUS_OK;
}

/* arg: pairs; 0: those since the mark. */
static Status do_set(Pickle *p, int arg) {
  uint32_t from = p->n_stack - 2, dict, n = p->n_stack;
  if (!arg)
    TRY(since_mark(p, &from));
  else if (n < floor_of(p) + 2)
    return damaged(p, "it takes a value where there is none");
  if ((n - from) % 2) return damaged(p, "it has a key without a value");
  p->n_stack = from;
  TRY(top(p, PICKLE_DICT, "it sets a key of what is no dictionary", &dict));
  for (uint32_t i = from; i < n; i += 2) TRY(add_item(p, dict, p->stack[i], p->stack[i + 1]));
  return STATUS_OK;
}

/* ---- opcodes: the memo ---- */

static Status memo_put(Pickle *p, uint64_t index) {
  if (p->n_stack <= floor_of(p)) return damaged(p, "it notes a value where there is none");
  if (index >= LIMIT) return too_large(p, "notes");
  if (index >= p->n_memo) {
    TRY(ARRAY_RESERVE(p->memo, p->cap_memo, p->n_memo, (uint32_t)index + 1 - p->n_memo, p->diag));
    memset(p->memo + p->n_memo, 0, ((size_t)index + 1 - p->n_memo) * sizeof *p->memo);
    p->n_memo = (uint32_t)index + 1;
  }
  p->memo[index] = p->stack[p->n_stack - 1];
  return STATUS_OK;
}

/* arg: bytes of the index; 0: the next one. */
static Status do_put(Pickle *p, int arg) {
  uint64_t index = p->n_memo;
  if (arg) TRY(take_number(p, arg, &index));
  return memo_put(p, index);
}

static Status do_get(Pickle *p, int arg) {
  uint64_t index;
  TRY(take_number(p, arg, &index));
  if (index >= p->n_memo || !p->memo[index])
    return damaged(p, "it goes back to a note that was not made");
  return push_id(p, p->memo[index]);
}

/* ---- opcodes: names and what they make ---- */

static Status push_global(Pickle *p, size_t at, const char *module, size_t m, const char *name,
                          size_t n) {
  for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
    const PickleGlobal *g = &globals[i];
    if (strlen(g->module) == m && memcmp(g->module, module, m) == 0 && strlen(g->name) == n &&
        memcmp(g->name, name, n) == 0)
      return push(p, (PickleValue){.kind = PICKLE_GLOBAL, .global = g});
  }
  return pickle_error(p, at, PICKLE_CONVERT,
                      "the pickle's opcode %s refers to '%.*s.%.*s' of Python, which weights do "
                      "not need: nothing of it is run",
                      p->bytes[at] == 'c' ? "GLOBAL" : "STACK_GLOBAL",
                      (int)text_cut_n(module, m, 200), module, (int)text_cut_n(name, n, 200), name);
}

static Status take_line(Pickle *p, const char **line, size_t *length) {
  *line = p->bytes + p->at;
  *length = 0;
  const char *end = memchr(*line, '\n', p->end - p->at);
  if (!end) return damaged(p, "it ends in the middle of a name");
  *length = (size_t)(end - *line);
  p->at += *length + 1;
  return STATUS_OK;
}

static Status do_global(Pickle *p, int arg) {
  const char *module, *name;
  size_t m, n, at = p->at - 1;
  (void)arg;
  TRY(take_line(p, &module, &m));
  TRY(take_line(p, &name, &n));
  return push_global(p, at, module, m, name, n);
}

static Status do_stack_global(Pickle *p, int arg) {
  uint32_t module, name;
  (void)arg;
  TRY(pop(p, &name));
  TRY(pop(p, &module));
  if (!pickle_is(p, module, PICKLE_TEXT) || !pickle_is(p, name, PICKLE_TEXT))
    return damaged(p, "it has a name that is no text");
  const PickleValue *m = &p->values[module], *n = &p->values[name];
  return push_global(p, p->at - 1, m->text, m->count, n->text, n->count);
}

/* OrderedDict([[key, value], ...]), as Python 2 wrote it. */
static Status push_pairs(Pickle *p, uint32_t list) {
  uint32_t dict;
  TRY(make(p, (PickleValue){.kind = PICKLE_DICT}, &dict));
  for (uint32_t cell = p->values[list].items.first; cell; cell = p->cells[cell].next) {
    uint32_t pair = p->cells[cell].value;
    uint32_t key = pickle_item(p, pair, 0), value = pickle_item(p, pair, 1);
    if (!value) return damaged(p, "it makes a dictionary of what are no pairs");
    TRY(add_item(p, dict, key, value));
  }
  return push_id(p, dict);
}

static Status call(Pickle *p, const PickleGlobal *g, uint32_t args) {
  uint32_t first = pickle_item(p, args, 0);
  switch ((PickleRole)g->role) {
  case ROLE_TENSOR:
    return push(p, (PickleValue){.kind = PICKLE_TENSOR, .args = args});
  case ROLE_EMPTY:
    if (p->values[args].count) break;
    return push(p, (PickleValue){.kind = PICKLE_TENSOR});
  case ROLE_PARAMETER:
    if (!pickle_is(p, first, PICKLE_TENSOR)) break;
    return push_id(p, first);
  case ROLE_TUPLE:
    if (!pickle_is(p, first, PICKLE_TUPLE) && !pickle_is(p, first, PICKLE_LIST)) break;
    return push_id(p, first);
  case ROLE_DICT:
    if (pickle_is(p, first, PICKLE_DICT)) return push_id(p, first);
    if (pickle_is(p, first, PICKLE_LIST)) return push_pairs(p, first);
    return push(p, (PickleValue){.kind = PICKLE_DICT});
  case ROLE_OTHER:
    return push(p, (PickleValue){.kind = PICKLE_OTHER});
  case ROLE_STORAGE:
    break;
  }
  return pickle_error(p, p->at - 1, PICKLE_CONVERT,
                      "the pickle calls '%s.%s' with arguments that weights do not need", g->module,
                      g->name);
}

/* A class or function and its arguments: REDUCE, NEWOBJ. */
static Status do_call(Pickle *p, int arg) {
  uint32_t args, global;
  (void)arg;
  TRY(pop(p, &args));
  TRY(pop(p, &global));
  if (!pickle_is(p, args, PICKLE_TUPLE) || !pickle_is(p, global, PICKLE_GLOBAL))
    return damaged(p, "it calls what is no name");
  return call(p, p->values[global].global, args);
}

/* Attributes of an object: those of a dictionary (its versions) or a parameter (whether it is
 * trained) are no tensors, those of a tensor of nothing say what it is. */
static Status do_build(Pickle *p, int arg) {
  uint32_t state, object;
  (void)arg;
  TRY(pop(p, &state));
  TRY(pop(p, &object));
  PickleValue *v = &p->values[object];
  if (v->kind == PICKLE_TENSOR && !v->args && pickle_is(p, state, PICKLE_TUPLE)) v->args = state;
  if (v->kind != PICKLE_DICT && v->kind != PICKLE_OTHER && v->kind != PICKLE_TENSOR)
    return damaged(p, "it sets attributes of what has none");
  return push_id(p, object);
}

static Status do_storage(Pickle *p, int arg) {
  uint32_t tuple;
  size_t at = p->at - 1;
  (void)arg;
  TRY(pop(p, &tuple));
  if (pickle_is_text(p, pickle_item(p, tuple, 0), "module"))
    return pickle_error(p, at, PICKLE_CONVERT, "the file holds a whole model, with its program");
  if (!pickle_is_text(p, pickle_item(p, tuple, 0), "storage"))
    return damaged(p, "it refers to what is no storage");
  TRY(push(p, (PickleValue){.kind = PICKLE_STORAGE, .args = tuple}));
  TRY(ARRAY_RESERVE(p->storages, p->cap_storages, p->n_storages, 1, p->diag));
  p->storages[p->n_storages++] = p->stack[p->n_stack - 1];
  return STATUS_OK;
}

/* ---- opcodes: the frame ---- */

static Status do_version(Pickle *p, int arg) {
  uint64_t version;
  TRY(take_number(p, arg, &version));
  if (version <= 5) return STATUS_OK;
  return damaged(p, "it is of a version that is not known");
}

static Status do_frame(Pickle *p, int arg) {
  const char *bytes; /* a length, of which nothing depends */
  return take(p, (uint64_t)arg, &bytes);
}

/* ---- the machine ---- */

#define STOP '.'

typedef struct Opcode {
  const char *name;
  Status (*run)(Pickle *p, int arg); /* NULL: refused */
  int arg;
} Opcode;

/* Those without a function are known by name only, for the message. */
static const Opcode opcodes[256] = {
    ['('] = {"MARK", do_mark, 0},
    ['0'] = {"POP", NULL, 0},
    ['1'] = {"POP_MARK", NULL, 0},
    ['2'] = {"DUP", NULL, 0},
    ['B'] = {"BINBYTES", do_text, -4},
    ['C'] = {"SHORT_BINBYTES", do_text, -1},
    ['F'] = {"FLOAT", NULL, 0},
    ['G'] = {"BINFLOAT", do_float, 8},
    ['I'] = {"INT", NULL, 0},
    ['J'] = {"BININT", do_int, 4},
    ['K'] = {"BININT1", do_int, 1},
    ['L'] = {"LONG", NULL, 0},
    ['M'] = {"BININT2", do_int, 2},
    ['N'] = {"NONE", do_none, 0},
    ['P'] = {"PERSID", NULL, 0},
    ['Q'] = {"BINPERSID", do_storage, 0},
    ['R'] = {"REDUCE", do_call, 0},
    ['S'] = {"STRING", NULL, 0},
    ['T'] = {"BINSTRING", do_text, 4},
    ['U'] = {"SHORT_BINSTRING", do_text, 1},
    ['V'] = {"UNICODE", NULL, 0},
    ['X'] = {"BINUNICODE", do_text, 4},
    ['a'] = {"APPEND", do_append, 1},
    ['b'] = {"BUILD", do_build, 0},
    ['c'] = {"GLOBAL", do_global, 0},
    ['d'] = {"DICT", NULL, 0},
    ['e'] = {"APPENDS", do_append, 0},
    ['g'] = {"GET", NULL, 0},
    ['h'] = {"BINGET", do_get, 1},
    ['i'] = {"INST", NULL, 0},
    ['j'] = {"LONG_BINGET", do_get, 4},
    ['l'] = {"LIST", NULL, 0},
    ['o'] = {"OBJ", NULL, 0},
    ['p'] = {"PUT", NULL, 0},
    ['q'] = {"BINPUT", do_put, 1},
    ['r'] = {"LONG_BINPUT", do_put, 4},
    ['s'] = {"SETITEM", do_set, 1},
    ['t'] = {"TUPLE", do_tuple, 0},
    ['u'] = {"SETITEMS", do_set, 0},
    ['}'] = {"EMPTY_DICT", do_empty, PICKLE_DICT},
    [']'] = {"EMPTY_LIST", do_empty, PICKLE_LIST},
    [')'] = {"EMPTY_TUPLE", do_empty, PICKLE_TUPLE},
    [0x80] = {"PROTO", do_version, 1},
    [0x81] = {"NEWOBJ", do_call, 0},
    [0x82] = {"EXT1", NULL, 0},
    [0x83] = {"EXT2", NULL, 0},
    [0x84] = {"EXT4", NULL, 0},
    [0x85] = {"TUPLE1", do_tuple, 1},
    [0x86] = {"TUPLE2", do_tuple, 2},
    [0x87] = {"TUPLE3", do_tuple, 3},
    [0x88] = {"NEWTRUE", do_bool, 1},
    [0x89] = {"NEWFALSE", do_bool, 0},
    [0x8a] = {"LONG1", do_long, 1},
    [0x8b] = {"LONG4", NULL, 0},
    [0x8c] = {"SHORT_BINUNICODE", do_text, 1},
    [0x8d] = {"BINUNICODE8", do_text, 8},
    [0x8e] = {"BINBYTES8", do_text, -8},
    [0x8f] = {"EMPTY_SET", NULL, 0},
    [0x90] = {"ADDITEMS", NULL, 0},
    [0x91] = {"FROZENSET", NULL, 0},
    [0x92] = {"NEWOBJ_EX", NULL, 0},
    [0x93] = {"STACK_GLOBAL", do_stack_global, 0},
    [0x94] = {"MEMOIZE", do_put, 0},
    [0x95] = {"FRAME", do_frame, 8},
    [0x96] = {"BYTEARRAY8", NULL, 0},
    [0x97] = {"NEXT_BUFFER", NULL, 0},
    [0x98] = {"READONLY_BUFFER", NULL, 0},
};

static Status step(Pickle *p, unsigned char code) {
  const Opcode *op = &opcodes[code];
  if (op->run) return op->run(p, op->arg);
  if (op->name)
    return pickle_error(p, p->at - 1, PICKLE_CONVERT,
                        "the pickle's opcode %s (0x%02x) is none that weights need: not read",
                        op->name, code);
  return pickle_error(p, p->at - 1, DAMAGED, "the pickle is damaged: 0x%02x is no opcode", code);
}

Status pickle_read(Pickle *p, uint32_t *out_value) {
  p->n_stack = p->n_marks = p->n_memo = 0;
  for (;;) {
    const char *code;
    TRY(take(p, 1, &code));
    if (*code == STOP) break;
    TRY(step(p, (unsigned char)*code));
  }
  if (p->n_stack != 1 || p->n_marks) return damaged(p, "it ends with more than one value, or none");
  return pop(p, out_value);
}

void pickle_free(Pickle *p) {
  free(p->values);
  free(p->cells);
  free(p->stack);
  free(p->marks);
  free(p->memo);
  free(p->storages);
}
