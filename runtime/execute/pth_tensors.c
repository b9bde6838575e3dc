/* From the values of a pickle to tensors with names: the dictionary that holds the weights, its
 * dictionaries joined by dots, and each tensor as the elements of its storage in their order. */
#include "graph/base/array.h"
#include "graph/base/checked.h"
#include "graph/base/text.h"
#include "runtime/execute/pth_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8          /* dictionaries in dictionaries */
#define VISITS_MAX (1 << 22) /* dictionaries may refer to each other, even in circles */
#define VIEW_RANK_MAX 64     /* PyTorch's own */
#define NAME_MAX_BYTES 1024
#define COPIES_MAX 8 /* views that are copied, in sizes of the file */

typedef struct Walk {
  Pth *p;
  uint32_t cap, visits;
  uint32_t unnamed; /* tensors under no name */
  uint64_t copied;
} Walk;

static Status failed(const Pth *p, const char *hint, const char *what) {
  return diag_error(p->diag, STATUS_INVALID, p->path, hint, "%s", what);
}

/* ---- one tensor ---- */

typedef struct View {
  const char *data; /* the first element */
  int64_t size;     /* bytes of an element */
  int rank;
  int64_t dim[VIEW_RANK_MAX], stride[VIEW_RANK_MAX];
} View;

/* A tuple of whole numbers that are not negative: how many, -1 when it is none. */
static int read_numbers(const Pickle *k, uint32_t tuple, int64_t *out) {
  if (!pickle_is(k, tuple, PICKLE_TUPLE) && !pickle_is(k, tuple, PICKLE_LIST)) return -1;
  if (k->values[tuple].count > VIEW_RANK_MAX) return -1;
  int n = 0;
  for (uint32_t cell = k->values[tuple].items.first; cell; cell = k->cells[cell].next) {
    const PickleValue *v = pickle_value(k, k->cells[cell].value);
    if (v->kind != PICKLE_INT || v->integer < 0) return -1;
    out[n++] = v->integer;
  }
  return n;
}

/* The elements of a storage that a tensor sees: before 1.6 a storage may be a part of another,
 * (key, first element, elements). */
static bool read_part(const Pickle *k, uint32_t storage, const PthStorage *s, int64_t *first,
                      int64_t *count) {
  uint32_t part = pickle_item(k, k->values[storage].args, 5);
  *first = 0;
  *count = s->count;
  if (!part || pickle_is(k, part, PICKLE_NONE)) return true;
  uint32_t from = pickle_item(k, part, 1), size = pickle_item(k, part, 2);
  if (!pickle_is(k, from, PICKLE_INT) || !pickle_is(k, size, PICKLE_INT)) return false;
  *first = k->values[from].integer;
  *count = k->values[size].integer;
  return *first >= 0 && *count >= 0 && *first <= s->count && *count <= s->count - *first;
}

/* True when all elements from `offset` on lie among the first `most`; where there are none, the
 * offset may be any. */
static bool is_inside(const View *v, int64_t count, int64_t offset, int64_t most) {
  int64_t last = offset, far;
  if (offset < 0) return false;
  if (count == 0) return true;
  for (int i = 0; i < v->rank; i++)
    if (!checked_mul(v->dim[i] - 1, v->stride[i], &far) || !checked_add(last, far, &last))
      return false;
  return last < most;
}

static const PthStorage *storage_of(const Pth *p, uint32_t storage) {
  const Pickle *k = p->pickle;
  uint32_t key =
      pickle_is(k, storage, PICKLE_STORAGE) ? pickle_item(k, k->values[storage].args, 2) : 0;
  return pickle_is(k, key, PICKLE_TEXT)
             ? pth_storage_find(p, k->values[key].text, k->values[key].count)
             : NULL;
}

/* False: the elements in the storage are not the tensor's, but their negatives or conjugates, as
 * marks beside it say. */
static bool is_plain(const Pickle *k, uint32_t args) {
  uint32_t marks = pickle_item(k, args, 6);
  if (!marks || pickle_is(k, marks, PICKLE_NONE)) return true;
  return pickle_is(k, marks, PICKLE_DICT) && !k->values[marks].items.first;
}

/* Where its elements are; t has its shape and type then. */
static Status read_view(const Pth *p, uint32_t value, FileTensor *t, View *v) {
  const Pickle *k = p->pickle;
  uint32_t args = k->values[value].args, storage = pickle_item(k, args, 0),
           offset = pickle_item(k, args, 1);
  const PthStorage *s = storage_of(p, storage);
  int64_t first, most;
  v->rank = read_numbers(k, pickle_item(k, args, 2), v->dim);
  if (!s || !pickle_is(k, offset, PICKLE_INT) || v->rank < 0 ||
      read_numbers(k, pickle_item(k, args, 3), v->stride) != v->rank ||
      !read_part(k, storage, s, &first, &most))
    return file_tensor_error(p->path, t->name, p->diag, PICKLE_CONVERT,
                             "is made in a way that is not known: of a storage, a first element, "
                             "sizes and strides");
  if (!is_plain(k, args))
    return file_tensor_error(p->path, t->name, p->diag,
                             "save its .resolve_neg().resolve_conj() instead",
                             "is a view that negates or conjugates what is stored");
  t->type = s->type->type;
  t->type_name = s->type->type_name;
  t->rank = v->rank;
  t->count = 1;
  bool fits = true;
  for (int i = 0; i < v->rank; i++) {
    if (i < FILE_RANK_MAX) t->dim[i] = v->dim[i];
    if (v->dim[i] == 1) v->stride[i] = 0; /* any number may stand there */
    fits = fits && checked_mul(t->count, v->dim[i], &t->count);
  }
  int64_t at = k->values[offset].integer;
  if (!fits || !is_inside(v, t->count, at, most))
    return file_tensor_error(p->path, t->name, p->diag, "was the file copied whole?",
                             "lies outside of its storage, which has %" PRId64 " elements", most);
  if (t->count > most)
    return file_tensor_error(p->path, t->name, p->diag, "save its .contiguous() instead",
                             "repeats elements: it has more than its storage");
  if (t->count && !s->data)
    return file_tensor_error(p->path, t->name, p->diag, "was the file copied whole?",
                             "its storage is not in the file");
  v->size = s->type->size;
  v->data = t->count ? s->data + (first + at) * v->size : "";
  t->bytes = t->count * v->size;
  return STATUS_OK;
}

static bool is_contiguous(const View *v) {
  int64_t step = 1;
  for (int i = v->rank; i-- > 0;) {
    if (v->dim[i] != 1 && v->stride[i] != step) return false;
    step *= v->dim[i];
  }
  return true;
}

/* Elements in the order of their indices, the lowest byte first. */
static void copy_view(const View *v, int64_t count, bool swapped, char *to) {
  int64_t index[VIEW_RANK_MAX] = {0};
  const char *from = v->data;
  for (int64_t i = 0; i < count; i++, to += v->size) {
    for (int64_t b = 0; b < v->size; b++) to[b] = from[swapped ? v->size - 1 - b : b];
    for (int d = v->rank; d-- > 0;) {
      from += v->stride[d] * v->size;
      if (++index[d] < v->dim[d]) break;
      from -= v->dim[d] * v->stride[d] * v->size;
      index[d] = 0;
    }
  }
}

static Status read_tensor(Walk *w, uint32_t value, FileTensor *t) {
  View v = {.data = ""};
  Pth *p = w->p;
  TRY(read_view(p, value, t, &v));
  bool swapped = p->swapped && v.size > 1;
  t->data = v.data;
  if (!t->count || (!swapped && is_contiguous(&v))) return STATUS_OK;
  w->copied += (uint64_t)t->bytes;
  if (w->copied / COPIES_MAX > p->file->length)
    return file_tensor_error(p->path, t->name, p->diag, PICKLE_CONVERT,
                             "tensors that share elements are more than %d times the file",
                             COPIES_MAX);
  char *copy = arena_alloc(p->file->arena, (size_t)t->bytes);
  if (!copy) return diag_no_memory(p->diag, (size_t)t->bytes);
  copy_view(&v, t->count, swapped, copy);
  t->data = copy;
  return STATUS_OK;
}

/* ---- names ---- */

/* A key that can be a part of a name. */
static bool is_name(const PickleValue *key) {
  if (key->kind != PICKLE_TEXT || !key->count) return false;
  for (size_t at = 0, n; at < key->count; at += n) {
    n = text_char_length(key->text + at, key->count - at);
    if (!n || !key->text[at]) return false;
  }
  return true;
}

static Status add_tensor(Walk *w, const char *name, uint32_t value) {
  SafeFile *f = w->p->file;
  FileTensor t = {.name = arena_strdup(f->arena, name)};
  if (!t.name) return diag_no_memory(w->p->diag, strlen(name));
  TRY(read_tensor(w, value, &t));
  TRY(ARRAY_RESERVE(f->tensors, w->cap, f->n, 1, w->p->diag));
  f->tensors[f->n++] = t;
  return STATUS_OK;
}

static uint32_t count_tensors(const Pickle *k, uint32_t list) {
  uint32_t n = 0;
  for (uint32_t cell = k->values[list].items.first; cell; cell = k->cells[cell].next)
    n += pickle_is(k, k->cells[cell].value, PICKLE_TENSOR);
  return n;
}

/* All tensors below a dictionary; `name` holds the first `used` bytes of their names. */
static Status walk(Walk *w, uint32_t dict, char *name, size_t used, int depth) {
  const Pickle *k = w->p->pickle;
  if (depth > DEPTH_MAX) return failed(w->p, PICKLE_CONVERT, "its dictionaries lie too deep");
  for (uint32_t cell = k->values[dict].items.first; cell; cell = k->cells[cell].next) {
    const PickleValue *key = pickle_value(k, k->cells[cell].key);
    uint32_t value = k->cells[cell].value;
    PickleKind kind = pickle_value(k, value)->kind;
    if (++w->visits > VISITS_MAX) return failed(w->p, PICKLE_CONVERT, "it has too many values");
    if (kind == PICKLE_LIST || kind == PICKLE_TUPLE) w->unnamed += count_tensors(k, value);
    if (kind != PICKLE_TENSOR && kind != PICKLE_DICT) continue;
    if (!is_name(key)) {
      w->unnamed += kind == PICKLE_TENSOR;
      continue;
    }
    if (key->count + 2 > NAME_MAX_BYTES - used)
      return failed(w->p, PICKLE_CONVERT, "a tensor's name is longer than 1 KiB");
    memcpy(name + used, key->text, key->count);
    size_t end = used + key->count;
    name[end] = kind == PICKLE_DICT ? '.' : 0;
    TRY(kind == PICKLE_DICT ? walk(w, value, name, end + 1, depth + 1)
                            : add_tensor(w, name, value));
  }
  return STATUS_OK;
}

/* ---- which dictionary ---- */

static bool holds_tensor(const Pickle *k, uint32_t dict, int depth, int *visits) {
  if (!pickle_is(k, dict, PICKLE_DICT) || depth > DEPTH_MAX) return false;
  for (uint32_t cell = k->values[dict].items.first; cell; cell = k->cells[cell].next) {
    if (++*visits > VISITS_MAX) return false;
    uint32_t value = k->cells[cell].value;
    if (pickle_is(k, value, PICKLE_TENSOR) || holds_tensor(k, value, depth + 1, visits))
      return true;
  }
  return false;
}

/* Under what training programs put the weights when other things stand beside them. */
static const char *const parts[] = {"state_dict", "model_state_dict", "model", "module", "net"};

/* The dictionary that a key of these names; 0: there is none. */
static uint32_t find_part(const Pickle *k, uint32_t dict, const char **out_key) {
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    int visits = 0;
    uint32_t value = pickle_find(k, dict, parts[i]);
    *out_key = parts[i];
    if (holds_tensor(k, value, 0, &visits)) return value;
  }
  return 0;
}

#define NOTE_MAX 600

/* Of the keys that stand beside a part, the texts. */
static size_t note_beside(const Pickle *k, uint32_t dict, uint32_t part, char *note, size_t used,
                          bool *listed) {
  for (uint32_t cell = k->values[dict].items.first; cell; cell = k->cells[cell].next) {
    const PickleValue *key = pickle_value(k, k->cells[cell].key);
    if (key->kind != PICKLE_TEXT || k->cells[cell].value == part) continue;
    used = text_append(note, NOTE_MAX, used, "%s'%.*s'", *listed ? ", " : "",
                       (int)text_cut_n(key->text, key->count, 40), key->text);
    *listed = true;
  }
  return used;
}

/* From the whole to the weights; what was passed over goes into the note. */
static uint32_t descend(const Pth *p, uint32_t root, char *note) {
  const Pickle *k = p->pickle;
  const char *key;
  char aside[NOTE_MAX] = "";
  size_t used = text_format(note, NOTE_MAX, "PyTorch, %s", p->container), n = 0;
  bool listed = false;
  for (int depth = 0; depth < DEPTH_MAX; depth++) {
    uint32_t part = find_part(k, root, &key);
    if (!part) break;
    used = text_append(note, NOTE_MAX, used, depth ? " of '%s'" : ", part '%s'", key);
    n = note_beside(k, root, part, aside, n, &listed);
    root = part;
  }
  if (listed) text_append(note, NOTE_MAX, used, "; not read: %s", aside);
  return root;
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(((const FileTensor *)a)->name, ((const FileTensor *)b)->name);
}

static Status sort_tensors(Pth *p) {
  SafeFile *f = p->file;
  if (f->n) qsort(f->tensors, f->n, sizeof *f->tensors, by_name);
  for (uint32_t i = 1; i < f->n; i++)
    if (by_name(&f->tensors[i - 1], &f->tensors[i]) == 0)
      return file_tensor_error(p->path, f->tensors[i].name, p->diag, PICKLE_CONVERT,
                               "its name comes twice");
  return STATUS_OK;
}

Status pth_tensors(Pth *p, uint32_t root) {
  char note[NOTE_MAX], name[NAME_MAX_BYTES];
  Walk w = {.p = p};
  uint32_t dict = descend(p, root, note);
  if (pickle_is(p->pickle, dict, PICKLE_DICT)) TRY(walk(&w, dict, name, 0, 0));
  if (!p->file->n)
    return failed(p, "torch.save(model.state_dict(), F) writes one that is read",
                  "holds no tensor that has a name");
  if (w.unnamed)
    text_append(note, NOTE_MAX, strlen(note), "; %u tensor%s without a name", w.unnamed,
                w.unnamed == 1 ? "" : "s");
  p->file->note = arena_strdup(p->file->arena, note);
  if (!p->file->note) return diag_no_memory(p->diag, sizeof note);
  return sort_tensors(p);
}
