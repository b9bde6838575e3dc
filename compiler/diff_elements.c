/* Elements of two closed models: those of one place in the tree are compared attribute by
 * attribute.
 *
 * A place is the chain of tags and names from the root; of several alike the first of one is the
 * first of the other. */
#include "compiler/diff.h"

#include "graph/base/array.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct Entry {
  uint64_t key;
  const Element *element;
  uint32_t place, parent; /* in document order */
} Entry;

typedef struct Tree {
  Entry *list; /* sorted by key, then place */
  uint32_t n, cap;
  bool *alone; /* by place: the other tree has none like it */
} Tree;

static uint64_t key_of(uint64_t parent, const Element *el) {
  const char *name = element_attr(el, "name");
  uint64_t key = XXH3_64bits_withSeed(el->tag, strlen(el->tag) + 1, parent);
  return name ? XXH3_64bits_withSeed(name, strlen(name) + 1, key) : key;
}

static Status collect(Tree *tree, const Element *root, Diag *diag) {
  uint32_t parent = 0;
  const Element *el = root;
  while (el) {
    TRY(ARRAY_RESERVE(tree->list, tree->cap, tree->n, 1, diag));
    uint64_t above = el == root ? 0 : tree->list[parent].key;
    uint32_t place = tree->n++;
    /* The names of the models themselves are no difference of their parts. */
    uint64_t key = el == root ? 1 : key_of(above, el);
    tree->list[place] = (Entry){key, el, place, parent};
    if (el->first_child) {
      parent = place;
      el = el->first_child;
      continue;
    }
    while (el != root && !el->next) {
      el = el->parent;
      parent = tree->list[parent].parent;
    }
    el = el == root ? NULL : el->next;
  }
  tree->alone = calloc((size_t)tree->n + 1, sizeof *tree->alone);
  return tree->alone ? STATUS_OK : diag_no_memory(diag, tree->n);
}

static int by_key(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

static bool attributes_equal(const Element *a, const Element *b) {
  if (a->n_attrs != b->n_attrs) return false;
  for (uint32_t i = 0; i < a->n_attrs; i++) {
    const char *other = element_attr(b, a->attrs[i].name);
    if (!other || strcmp(other, a->attrs[i].value) != 0) return false;
  }
  return true;
}

static Status add(Difference *d, const Element *a, const Element *b, Diag *diag) {
  TRY(ARRAY_EXTEND(d->elements, d->n_elements, 1, diag));
  d->elements[d->n_elements++] = (DiffElement){a, b};
  return STATUS_OK;
}

/* Same key, same turn among those of that key. */
static void match(Tree *a, Tree *b, const Element **other) {
  uint32_t i = 0, k = 0;
  while (i < a->n || k < b->n) {
    if (i < a->n && k < b->n && a->list[i].key == b->list[k].key)
      other[a->list[i++].place] = b->list[k++].element;
    else if (k == b->n || (i < a->n && a->list[i].key < b->list[k].key))
      a->alone[a->list[i++].place] = true;
    else
      b->alone[b->list[k++].place] = true;
  }
}

static int by_place(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  return x->place < y->place ? -1 : x->place > y->place;
}

static Status list_rows(Difference *d, Tree *a, Tree *b, const Element **other, Diag *diag) {
  qsort(a->list, a->n, sizeof *a->list, by_place);
  qsort(b->list, b->n, sizeof *b->list, by_place);
  for (uint32_t i = 1; i < a->n; i++) {
    const Entry *e = &a->list[i];
    if (a->alone[i] ? !a->alone[e->parent] : !attributes_equal(e->element, other[i]))
      TRY(add(d, e->element, other[i], diag));
  }
  for (uint32_t i = 1; i < b->n; i++)
    if (b->alone[i] && !b->alone[b->list[i].parent]) TRY(add(d, NULL, b->list[i].element, diag));
  return STATUS_OK;
}

Status diff_elements(Difference *d, Diag *diag) {
  Tree a = {0}, b = {0};
  const Element **other = NULL;
  Status status = collect(&a, d->a->model->root, diag);
  if (status == STATUS_OK) status = collect(&b, d->b->model->root, diag);
  if (status == STATUS_OK && !(other = calloc((size_t)a.n + 1, sizeof *other)))
    status = diag_no_memory(diag, a.n * sizeof *other);
  if (status == STATUS_OK) {
    qsort(a.list, a.n, sizeof *a.list, by_key);
    qsort(b.list, b.n, sizeof *b.list, by_key);
    match(&a, &b, other);
    status = list_rows(d, &a, &b, other, diag);
  }
  free(a.list);
  free(a.alone);
  free(b.list);
  free(b.alone);
  free(other);
  return status;
}
