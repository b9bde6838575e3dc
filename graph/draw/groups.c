/* Children of a part, few enough to read.  What is a choice of ours here keeps arrows in one
 * direction wherever the model's do:
 *
 *   glue      an element that feeds one module alone, or is fed by one alone, is shown in it
 *   levels    the elements between the same modules are one group (losses behind the head)
 *   series    then, while there are more than PARTS_FEW: b0, b1, b2 that follow each other
 *   alike     parts with the same neighbours (the rows of a fan-out)
 *   names     at the top: units whose names differ in numbers (inner steps)
 *   runs      at last, consecutive parts of a topological order, of about the same size
 *
 * Groups are parts with a path `+1`, and are opened like scopes. */
#include "graph/draw/parts.h"

#include "graph/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GLUE_PARTS 12 /* in one module */

typedef struct Pair {
  uint32_t from, to;
} Pair;

/* Children under way: `into[i]` is the one that child i is shown in, itself while it stands alone.
 */
typedef struct Grouping {
  Facts *f;
  const Part *part; /* NULL: the top */
  const Part *child;
  uint32_t n, few;
  uint32_t *into;
  bool *closed; /* holds others side by side: not a module with its glue */
  Pair *pairs;  /* values between children, each pair once, by `from` */
  uint32_t n_pairs;
  uint32_t *order, *level;
} Grouping;

static int by_pair(const void *a, const void *b) {
  const Pair *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  return x->to < y->to ? -1 : x->to > y->to;
}

static void add_pair(Grouping *q, uint32_t from, uint32_t to) {
  if (from && to && from != to) q->pairs[q->n_pairs++] = (Pair){from - 1, to - 1};
}

static void unique_pairs(Grouping *q) {
  qsort(q->pairs, q->n_pairs, sizeof *q->pairs, by_pair);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < q->n_pairs; i++)
    if (!kept || by_pair(&q->pairs[i], &q->pairs[kept - 1]) != 0) q->pairs[kept++] = q->pairs[i];
  q->n_pairs = kept;
}

static bool find_pairs(Grouping *q) {
  const Graph *g = q->f->g;
  size_t most = 1;
  for (uint32_t i = 0; i < q->n; i++)
    for (uint32_t k = 0; k < q->child[i].n_nodes; k++) {
      q->f->mark[q->child[i].nodes[k]] = i + 1;
      most += g->nodes[q->child[i].nodes[k]].n_inputs;
    }
  q->pairs = malloc(most * sizeof *q->pairs);
  for (uint32_t i = 0; q->pairs && i < q->n; i++)
    for (uint32_t k = 0; k < q->child[i].n_nodes; k++) {
      NodeId id = q->child[i].nodes[k];
      for (uint32_t j = 0; j < g->nodes[id].n_inputs; j++)
        add_pair(q, q->f->mark[node_input(g, id, j)], i + 1);
    }
  for (uint32_t i = 0; i < q->n; i++)
    for (uint32_t k = 0; k < q->child[i].n_nodes; k++) q->f->mark[q->child[i].nodes[k]] = 0;
  if (q->pairs) unique_pairs(q);
  return q->pairs != NULL;
}

static bool stands(const Grouping *q, uint32_t i) {
  return q->into[i] == i;
}

static bool is_source(const Part *part) {
  return part->kind == VIEW_INPUT || part->kind == VIEW_STATE || part->kind == VIEW_RANDOM;
}

/* Ends of groups that are shown in groups. */
static void flatten(Grouping *q) {
  for (uint32_t i = 0; i < q->n; i++)
    while (q->into[q->into[i]] != q->into[i]) q->into[i] = q->into[q->into[i]];
}

/* Pairs between those that stand, after some have been put into others. */
static void join_pairs(Grouping *q) {
  uint32_t kept = 0;
  flatten(q);
  for (uint32_t i = 0; i < q->n_pairs; i++) {
    Pair pair = {q->into[q->pairs[i].from], q->into[q->pairs[i].to]};
    if (pair.from != pair.to) q->pairs[kept++] = pair;
  }
  q->n_pairs = kept;
  unique_pairs(q);
}

static uint32_t count_standing(const Grouping *q) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < q->n; i++) n += stands(q, i);
  return n;
}

/* A topological order of those that stand, the first of the model first; where they feed each other
 * in turn, that one goes first. */
static bool find_order(Grouping *q) {
  uint32_t *waiting = calloc(q->n + 1, sizeof *waiting), *first = calloc(q->n + 2, sizeof *first);
  bool *done = calloc(q->n + 1, sizeof *done);
  uint32_t n = 0, cursor = 0, low = 0, total = count_standing(q);
  for (uint32_t i = 0; waiting && first && i < q->n_pairs; i++) {
    waiting[q->pairs[i].to]++;
    first[q->pairs[i].from + 1]++;
  }
  for (uint32_t i = 0; first && i < q->n; i++) first[i + 1] += first[i];
  for (uint32_t head = 0; waiting && first && done && head < total;) {
    /* Those that are ready in order of the model; what becomes ready behind the cursor follows. */
    while (cursor < q->n && (!stands(q, cursor) || done[cursor] || waiting[cursor])) cursor++;
    while (low < q->n && (!stands(q, low) || done[low])) low++;
    uint32_t next = cursor < q->n ? cursor : head == n ? low : q->n;
    if (next < q->n) {
      done[next] = true;
      q->order[n++] = next;
    }
    for (; head < n; head++)
      for (uint32_t k = first[q->order[head]]; k < first[q->order[head] + 1]; k++) {
        uint32_t to = q->pairs[k].to;
        if (waiting[to] && --waiting[to] == 0 && to < cursor && !done[to]) {
          done[to] = true;
          q->order[n++] = to;
        }
      }
  }
  bool ok = waiting && first && done;
  free(waiting);
  free(first);
  free(done);
  return ok;
}

/* The first pair of those with this `from`. */
static uint32_t first_pair(const Pair *pairs, uint32_t n, uint32_t from) {
  uint32_t low = 0;
  for (uint32_t high = n; low < high;) {
    uint32_t middle = low + (high - low) / 2;
    if (pairs[middle].from < from)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* ---- glue ---- */

/* A norm that is shown with its gradient, say: it is no part of what was differentiated. */
static bool is_foreign(const Grouping *q, uint32_t i) {
  return q->part && q->child[i].origin && q->child[i].origin != q->part->origin;
}

static bool is_loose(const Grouping *q, uint32_t i) {
  return stands(q, i) && !q->child[i].module && !is_source(&q->child[i]) && !is_foreign(q, i);
}

/* What all neighbours of `i` in these pairs are shown in, sources aside; VIEW_NONE: several, or
 * none. */
static uint32_t only_neighbour(const Grouping *q, const Pair *pairs, uint32_t i) {
  uint32_t only = VIEW_NONE;
  for (uint32_t k = first_pair(pairs, q->n_pairs, i); k < q->n_pairs && pairs[k].from == i; k++) {
    uint32_t into = q->into[pairs[k].to];
    if (is_source(&q->child[into])) continue;
    if (only != VIEW_NONE && only != into) return VIEW_NONE;
    only = into;
  }
  return only;
}

/* What is glued to a module. */
typedef struct Held {
  uint32_t parts, nodes;
} Held;

/* A box that is called after its module is to be that module, for the most part. */
static void glue_to(const Grouping *q, uint32_t i, uint32_t to, Held *held) {
  if (to == VIEW_NONE || !q->child[to].module || is_source(&q->child[to])) return;
  if (q->child[to].kind != q->child[i].kind && q->child[i].kind != VIEW_FORWARD) return;
  Held with = {held[to].parts + 1, held[to].nodes + q->child[i].n_nodes};
  if (with.parts > GLUE_PARTS || 2 * with.nodes > 3 * q->child[to].n_nodes) return;
  held[to] = with;
  q->into[i] = to;
}

/* By consumers, the last first; then by producers, the first first: glue follows glue. */
static bool glue(Grouping *q, uint32_t n) {
  Held *held = calloc(q->n + 1, sizeof *held);
  Pair *back = malloc((q->n_pairs + 1) * sizeof *back);
  for (uint32_t i = 0; back && i < q->n_pairs; i++)
    back[i] = (Pair){q->pairs[i].to, q->pairs[i].from};
  if (back) qsort(back, q->n_pairs, sizeof *back, by_pair);
  for (uint32_t k = n; held && back && k > 0; k--)
    if (is_loose(q, q->order[k - 1]))
      glue_to(q, q->order[k - 1], only_neighbour(q, q->pairs, q->order[k - 1]), held);
  for (uint32_t k = 0; held && back && k < n; k++)
    if (is_loose(q, q->order[k]))
      glue_to(q, q->order[k], only_neighbour(q, back, q->order[k]), held);
  bool ok = held && back;
  free(held);
  free(back);
  if (ok) join_pairs(q);
  return ok;
}

/* ---- levels ---- */

/* As early as can be, but what is behind some module as late: losses with the total.  A producer
 * that comes later in `order` is passed by. */
static bool find_levels(Grouping *q, uint32_t n) {
  uint32_t most = 0, *late = calloc(q->n + 1, sizeof *late), *level = q->level;
  if (!late) return false;
  memset(level, 0, q->n * sizeof *level);
  for (uint32_t k = 0; k < n; k++) {
    uint32_t at = q->order[k];
    level[at] += q->child[at].module && !is_source(&q->child[at]);
    if (level[at] > most) most = level[at];
    for (uint32_t i = first_pair(q->pairs, q->n_pairs, at);
         i < q->n_pairs && q->pairs[i].from == at; i++)
      if (level[q->pairs[i].to] < level[at]) level[q->pairs[i].to] = level[at];
  }
  for (uint32_t k = n; k > 0; k--) {
    uint32_t at = q->order[k - 1];
    late[at] = most;
    for (uint32_t i = first_pair(q->pairs, q->n_pairs, at);
         i < q->n_pairs && q->pairs[i].from == at; i++) {
      uint32_t to = q->pairs[i].to, before = late[to];
      if (q->child[to].module) before = level[to] ? level[to] - 1 : 0;
      if (before < late[at]) late[at] = before;
    }
    if (is_loose(q, at) && level[at] && late[at] > level[at]) level[at] = late[at];
  }
  free(late);
  return true;
}

/* Puts `i` into the group that `to` leads. */
static void put_into(Grouping *q, uint32_t i, uint32_t to) {
  q->closed[to] = true;
  q->into[i] = to;
}

static bool group_levels(Grouping *q, uint32_t n) {
  uint32_t *leader = malloc((q->n + 1) * sizeof *leader), modules = 0;
  if (!leader) return false;
  for (uint32_t i = 0; i <= q->n; i++) leader[i] = VIEW_NONE;
  for (uint32_t i = 0; i < q->n; i++) modules += stands(q, i) && q->child[i].module;
  for (uint32_t k = 0; modules && k < n; k++) {
    uint32_t at = q->order[k], *to = &leader[q->level[at]];
    if (!is_loose(q, at)) continue;
    if (*to == VIEW_NONE)
      *to = at;
    else
      put_into(q, at, *to);
  }
  free(leader);
  join_pairs(q);
  return true;
}

/* ---- series, alike, names: by a key, the largest class first ---- */

typedef struct Keyed {
  uint64_t key;
  uint32_t child;
} Keyed;

static int by_key(const void *a, const void *b) {
  const Keyed *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->child < y->child ? -1 : x->child > y->child;
}

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

uint64_t part_stem(const Facts *f, const Part *part) {
  const char *title = graph_text(f->g, part->title);
  uint64_t h = mix(part->kind, 7);
  bool number = false;
  for (; *title; title++) {
    bool digit = *title >= '0' && *title <= '9';
    if (!digit || !number) h = mix(h, digit ? '0' : (unsigned char)*title);
    number = digit;
  }
  return h;
}

static uint64_t stem_of(const Grouping *q, uint32_t i) {
  return part_stem(q->f, &q->child[i]);
}

/* Parts that follow each other, each the only one before and behind the next of its stem. */
static void key_series(const Grouping *q, uint64_t *key) {
  for (uint32_t i = 0; i < q->n; i++) key[i] = mix(i, 1);
  for (uint32_t k = 0; k < q->n_pairs; k++) {
    uint32_t from = q->pairs[k].from, to = q->pairs[k].to;
    if (from < to && stem_of(q, from) == stem_of(q, to)) key[to] = key[from];
  }
}

static void key_alike(const Grouping *q, uint64_t *key) {
  uint64_t *in = calloc(q->n + 1, sizeof *in);
  for (uint32_t i = 0; i < q->n; i++) key[i] = 0;
  for (uint32_t k = 0; in && k < q->n_pairs; k++) {
    key[q->pairs[k].from] = mix(key[q->pairs[k].from], q->pairs[k].to);
    in[q->pairs[k].to] = mix(in[q->pairs[k].to], q->pairs[k].from);
  }
  for (uint32_t i = 0; i < q->n; i++) key[i] = mix(mix(key[i], in ? in[i] : i), q->child[i].kind);
  free(in);
}

static void key_names(const Grouping *q, uint64_t *key) {
  for (uint32_t i = 0; i < q->n; i++) key[i] = q->child[i].origin ? stem_of(q, i) : mix(i, 2);
}

/* Joins classes of equal keys, of `least` at least, the largest first, while there are too many. */
static bool join_classes(Grouping *q, void (*find)(const Grouping *, uint64_t *), uint32_t least) {
  uint32_t standing = count_standing(q), n = 0;
  if (standing <= q->few) return true;
  uint64_t *key = malloc((q->n + 1) * sizeof *key);
  Keyed *all = malloc((q->n + 1) * sizeof *all);
  if (key && all) find(q, key);
  for (uint32_t i = 0; key && all && i < q->n; i++)
    if (stands(q, i) && !is_source(&q->child[i])) all[n++] = (Keyed){key[i], i};
  if (key && all) qsort(all, n, sizeof *all, by_key);
  for (uint32_t size = n; key && all && size >= least;) {
    uint32_t next = 0; /* the largest class below this size */
    for (uint32_t i = 0, k; i < n; i = k) {
      for (k = i + 1; k < n && all[k].key == all[i].key;) k++;
      if (k - i < size && k - i > next) next = k - i;
      /* All are no group; of names that differ in numbers all are alike. */
      if (k - i != size || size == n || (standing <= q->few && find != key_names)) continue;
      for (uint32_t j = i + 1; j < k; j++) put_into(q, all[j].child, all[i].child);
      standing -= size - 1;
    }
    size = next;
  }
  bool ok = key && all;
  free(key);
  free(all);
  join_pairs(q);
  return ok;
}

/* ---- runs ---- */

/* Units stand for themselves, at the top and where one is shown in another. */
static bool is_fixed(const Grouping *q, uint32_t i) {
  return is_source(&q->child[i]) || (q->part ? is_foreign(q, i) : q->child[i].origin != 0);
}

/* Consecutive parts of the order, of about the same number of nodes. */
static void join_runs(Grouping *q, uint32_t n) {
  uint32_t loose = 0, fixed = 0;
  uint64_t nodes = 0, sum = 0;
  for (uint32_t k = 0; k < n; k++) {
    const Part *part = &q->child[q->order[k]];
    bool fix = is_fixed(q, q->order[k]);
    fixed += fix;
    loose += !fix;
    nodes += fix ? 0 : part->n_nodes;
  }
  uint32_t runs = q->few > fixed + 4 ? q->few - fixed : 4, run = VIEW_NONE, leader = 0;
  if (fixed + loose <= q->few || loose <= runs) return;
  for (uint32_t k = 0; k < n; k++) {
    uint32_t at = q->order[k];
    if (is_fixed(q, at)) continue;
    uint32_t mine = (uint32_t)(sum * runs / (nodes ? nodes : 1));
    sum += q->child[at].n_nodes;
    if (mine != run)
      leader = at;
    else
      put_into(q, at, leader);
    run = mine;
  }
  join_pairs(q);
}

/* ---- the groups as parts ---- */

static uint32_t group_path(const Grouping *q, uint32_t number) {
  const char *above = q->part ? graph_text(q->f->g, q->part->path) : "";
  char *path = NULL;
  int n = asprintf(&path, "%s%s+%u", above, *above ? "/" : "", number);
  uint32_t id = n < 0 ? UINT32_MAX : strings_intern(q->f->g->symbols->strings, path);
  if (n >= 0) free(path);
  return id;
}

static int by_id(const void *a, const void *b) {
  return *(const NodeId *)a < *(const NodeId *)b ? -1 : *(const NodeId *)a > *(const NodeId *)b;
}

/* The part that `leader` stands for, with all that is shown in it. */
static bool make_part(const Grouping *q, uint32_t leader, const uint32_t *list, uint32_t n,
                      uint32_t *groups, Part *out) {
  *out = q->child[leader];
  if (n == 1) return true;
  Part *members = arena_array(q->f->arena, n, sizeof *members);
  uint32_t nodes = 0, used = 0;
  for (uint32_t i = 0; i < n; i++) nodes += q->child[list[i]].n_nodes;
  NodeId *all = arena_array(q->f->arena, nodes + 1, sizeof *all);
  if (!members || !all) return false;
  for (uint32_t i = 0; i < n; i++) {
    members[i] = q->child[list[i]];
    memcpy(all + used, members[i].nodes, members[i].n_nodes * sizeof *all);
    used += members[i].n_nodes;
  }
  qsort(all, used, sizeof *all, by_id);
  out->nodes = all;
  out->n_nodes = used;
  out->members = members;
  out->n_members = n;
  out->inside = arena_array(q->f->arena, 1, sizeof *out->inside);
  if (!out->inside) return false;
  if (!q->closed[leader]) return true;
  out->grouped = true;
  out->single = false;
  out->module = true;
  out->path = group_path(q, ++*groups);
  return out->path != UINT32_MAX;
}

/* Its own first, then the others in order. */
static bool make_parts(const Grouping *q, Parts *out) {
  uint32_t n = 0, groups = 0, *first = calloc(q->n + 2, sizeof *first),
           *list = malloc((q->n + 1) * sizeof *list);
  Part *parts = arena_array(q->f->arena, count_standing(q) + 1, sizeof *parts);
  bool ok = first && list && parts;
  for (uint32_t i = 0; ok && i < q->n; i++) first[q->into[i] + 1]++;
  for (uint32_t i = 0; ok && i < q->n; i++) first[i + 1] += first[i];
  uint32_t *at = ok ? malloc((q->n + 1) * sizeof *at) : NULL;
  ok = ok && at;
  for (uint32_t i = 0; ok && i < q->n; i++) at[i] = first[i];
  for (uint32_t i = 0; ok && i < q->n; i++)
    if (stands(q, i)) list[at[i]++] = i;
  for (uint32_t i = 0; ok && i < q->n; i++)
    if (!stands(q, i)) list[at[q->into[i]]++] = i;
  for (uint32_t i = 0; ok && i < q->n; i++)
    if (stands(q, i))
      ok = make_part(q, i, list + first[i], first[i + 1] - first[i], &groups, &parts[n++]);
  free(first);
  free(list);
  free(at);
  *out = (Parts){parts, n};
  return ok;
}

static bool group_all(Grouping *q, Parts *children) {
  if (!find_pairs(q) || !find_order(q)) return false;
  uint32_t modules = 0, loose = 0;
  for (uint32_t i = 0; i < q->n; i++) {
    modules += q->child[i].module && !is_source(&q->child[i]);
    loose += is_loose(q, i);
  }
  if (modules && loose && !glue(q, q->n)) return false;
  uint32_t n = count_standing(q);
  if (modules && loose > 1 && n > 3) {
    if (!find_order(q) || !find_levels(q, n) || !group_levels(q, n)) return false;
  }
  if (!join_classes(q, key_series, 2) || !join_classes(q, key_alike, 2)) return false;
  if (!q->part && !join_classes(q, key_names, 2)) return false;
  if (!find_order(q)) return false;
  join_runs(q, count_standing(q));
  flatten(q);
  return make_parts(q, children);
}

static Status group(Facts *f, const Part *part, Parts *children) {
  Grouping q = {.f = f,
                .part = part,
                .child = children->parts,
                .n = children->n,
                .few = part ? PARTS_FEW : f->few};
  q.into = malloc((q.n + 1) * sizeof *q.into);
  q.closed = calloc(q.n + 1, sizeof *q.closed);
  q.order = malloc((q.n + 1) * sizeof *q.order);
  q.level = calloc(q.n + 1, sizeof *q.level);
  bool ok = q.into && q.closed && q.order && q.level;
  for (uint32_t i = 0; ok && i < q.n; i++) q.into[i] = i;
  if (ok) ok = group_all(&q, children);
  free(q.into);
  free(q.closed);
  free(q.order);
  free(q.level);
  free(q.pairs);
  return ok ? STATUS_OK : diag_no_memory(f->diag, q.n * sizeof *q.into);
}

Status parts_group(Facts *f, const Part *part, Parts *children) {
  PartInside *inside = part ? part->inside : &f->top;
  uint32_t few = part ? PARTS_FEW : f->few;
  if (inside && inside->grouped.parts && inside->few == few) {
    *children = inside->grouped;
    return STATUS_OK;
  }
  TRY(group(f, part, children));
  if (inside) inside->grouped = *children;
  if (inside) inside->few = few;
  return STATUS_OK;
}
