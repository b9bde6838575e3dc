/* Pickles as torch.save writes them, read as data: a machine with a stack that makes values.  It
 * calls nothing: of the names that a pickle may refer to it knows a short list (globals in
 * pth_pickle.c), and what these would make it notes as a value.  Every other opcode and name is an
 * error at `FILE: byte N`. */
#ifndef RUNTIME_EXECUTE_PTH_PICKLE_H
#define RUNTIME_EXECUTE_PTH_PICKLE_H

#include "graph/base/diag.h"
#include "runtime/execute/safetensors.h"

typedef enum PickleKind {
  PICKLE_NONE,
  PICKLE_BOOL,  /* integer */
  PICKLE_INT,   /* integer */
  PICKLE_LARGE, /* an integer of more than 64 bits: text holds its bytes, the lowest first */
  PICKLE_FLOAT, /* its value is not kept: no file of weights needs one */
  PICKLE_TEXT,
  PICKLE_BYTES,
  PICKLE_LIST,
  PICKLE_TUPLE,
  PICKLE_DICT,
  PICKLE_GLOBAL,  /* a name of the list */
  PICKLE_STORAGE, /* args: the tuple that says which one */
  PICKLE_TENSOR,  /* args: the tuple (storage, offset, sizes, strides, ...); 0: none was given */
  PICKLE_OTHER    /* of a class that no tensor needs */
} PickleKind;

/* What a name of the list stands for; the type is that of a storage's elements. */
typedef struct PickleGlobal {
  const char *module, *name;
  int role; /* private */
  FileType type;
  const char *type_name; /* as safetensors spells it; NULL: no storage */
  int64_t size;          /* bytes of an element */
} PickleGlobal;

typedef struct PickleValue {
  PickleKind kind;
  uint32_t count; /* bytes of a text, items of a list */
  union {
    int64_t integer;
    const char *text; /* in the file, without a 0 behind it */
    uint32_t args;
    const PickleGlobal *global;
    struct {
      uint32_t first, last; /* cells; 0: none */
    } items;
  };
} PickleValue;

/* An item; of a dictionary with its key. */
typedef struct PickleCell {
  uint32_t key, value, next;
} PickleCell;

typedef struct Pickle {
  const char *path;
  const char *bytes; /* the file */
  size_t at, end;    /* what is read next, where reading ends */
  Diag *diag;
  PickleValue *values; /* 0 is none */
  PickleCell *cells;   /* 0 is none */
  uint32_t *stack, *marks, *memo;
  uint32_t *storages; /* values of kind PICKLE_STORAGE, in order */
  uint32_t n_values, n_cells, n_stack, n_marks, n_memo, n_storages;
  uint32_t cap_values, cap_cells, cap_stack, cap_marks, cap_memo, cap_storages;
} Pickle;

/* Reads one pickle from `at` on; *out_value is what it holds.  Values of pickles before it stay. */
Status pickle_read(Pickle *pickle, uint32_t *out_value);
void pickle_free(Pickle *pickle);

/* An error at `PATH: byte AT`. */
Status pickle_error(const Pickle *pickle, size_t at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* How to make a file that is read of one that is not. */
#define PICKLE_CONVERT                                                                             \
  "if you trust it (this runs what it holds), in Python: w = torch.load(F, weights_only=False); "  \
  "safetensors.torch.save_file(w, G); of a whole model, w.state_dict()"

static inline const PickleValue *pickle_value(const Pickle *p, uint32_t value) {
  return &p->values[value];
}
/* Item i of a list or tuple; 0: there is none. */
uint32_t pickle_item(const Pickle *pickle, uint32_t list, uint32_t i);
static inline bool pickle_is(const Pickle *p, uint32_t value, PickleKind kind) {
  return value && p->values[value].kind == kind;
}
bool pickle_is_text(const Pickle *pickle, uint32_t value, const char *text);
/* The value of a dictionary's key; 0: there is none. */
uint32_t pickle_find(const Pickle *pickle, uint32_t dict, const char *key);

#endif
