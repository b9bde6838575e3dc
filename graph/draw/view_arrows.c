/* Arrows of a view: the values that go from one place to another, joined, lifted to whole clusters
 * where several boxes of one have the same to say, and put into words. */
#include "graph/base/array.h"
#include "graph/base/text.h"
#include "graph/draw/view_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_NAMES 3 /* that are listed */
#define WORDS_NAME 24 /* bytes of one */
#define JOINED 2000   /* arrows: with more of them, of every node, it is no picture to read */

typedef enum LinkKind { LINK_VALUE, LINK_LOSS, LINK_WAIT } LinkKind;

typedef struct Link {
  uint32_t from, to; /* places */
  NodeId value;      /* whose bytes it is */
  NodeId read;       /* what is read of it: the same, or a view */
  uint8_t kind;
} Link;

typedef struct Links {
  Link *link;
  uint32_t n, cap;
} Links;

static Status add_link(Maker *m, Links *l, uint32_t from, uint32_t to, NodeId read, LinkKind kind) {
  const Place *a = &m->places.place[from], *b = &m->places.place[to];
  if (from == to || (a->outside && b->outside)) return STATUS_OK;
  TRY(ARRAY_RESERVE(l->link, l->cap, l->n, 1, m->of->f.diag));
  l->link[l->n++] = (Link){from, to, m->of->f.base[read], read, (uint8_t)kind};
  return STATUS_OK;
}

static bool is_source(ViewKind kind) {
  return kind == VIEW_INPUT || kind == VIEW_STATE || kind == VIEW_RANDOM;
}

/* What everybody knows: a draw needs seed and step, a derivative what its pass is fed, an update
 * the state that it updates and the scalars that its expression names. */
static bool goes_without_saying(const Maker *m, const Part *from, const Part *to) {
  const Origin *origins = m->of->f.g->symbols->origins;
  if (to->kind == VIEW_RANDOM) return true;
  if (is_source(from->kind) && to->kind == VIEW_GRADIENT) return true;
  if (from->kind == VIEW_FIELD && to->kind == VIEW_GRADIENT && from->origin && to->origin)
    return origins[to->origin].at == origins[from->origin].name;
  return (from->kind == VIEW_STATE || from->kind == VIEW_INPUT) && to->kind == VIEW_FIELD;
}

static Status find_values(Maker *m, Links *l) {
  const Graph *g = m->of->f.g;
  const uint32_t *of = m->places.of;
  for (NodeId id = 1; id < g->n_nodes; id++)
    for (uint32_t i = 0; of[id] && i < g->nodes[id].n_inputs; i++) {
      NodeId from = node_input(g, id, i);
      if (!of[from] || of[from] == of[id] || m->of->f.plain[from]) continue;
      uint32_t a = of[from] - 1, b = of[id] - 1;
      if (!goes_without_saying(m, &m->places.place[a].part, &m->places.place[b].part))
        TRY(add_link(m, l, a, b, from, LINK_VALUE));
    }
  return STATUS_OK;
}

static Status find_losses(Maker *m, Links *l) {
  const Facts *f = &m->of->f;
  for (uint32_t i = 0; i < f->n_units; i++) {
    NodeId loss = f->loss[i];
    if (!loss || !m->places.of[loss] || !m->places.of[f->units[i].nodes[0]]) continue;
    TRY(add_link(m, l, m->places.of[loss] - 1, m->places.of[f->units[i].nodes[0]] - 1, loss,
                 LINK_LOSS));
  }
  return STATUS_OK;
}

static Status find_waits(Maker *m, Links *l) {
  const PlanProgram *p = m->of->f.p;
  const uint32_t *of = m->places.of;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].n_waits; k++) {
      const PlanStep *other = &p->steps[p->waits[p->steps[s].first_wait + k]];
      NodeId from = p->step_nodes[other->first + other->count - 1];
      NodeId to = p->step_nodes[p->steps[s].first];
      if (of[from] && of[to]) TRY(add_link(m, l, of[from] - 1, of[to] - 1, from, LINK_WAIT));
    }
  return STATUS_OK;
}

/* ---- lifting ---- */

static bool is_around(const Maker *m, uint32_t place, uint32_t outer) {
  while (place != VIEW_NONE && place != outer) place = m->places.place[place].parent;
  return place == outer;
}

/* The outermost cluster around `inner` that does not hold `other`; VIEW_NONE: none. */
static uint32_t cluster_between(const Maker *m, uint32_t inner, uint32_t other) {
  uint32_t found = VIEW_NONE;
  for (uint32_t at = m->places.place[inner].parent; at != VIEW_NONE;
       at = m->places.place[at].parent) {
    if (is_around(m, other, at)) break;
    found = at;
  }
  return found;
}

typedef struct Lift {
  uint32_t cluster, other, end, link;
} Lift;

static int by_lift(const void *a, const void *b) {
  const Lift *x = a, *y = b;
  if (x->cluster != y->cluster) return x->cluster < y->cluster ? -1 : 1;
  if (x->other != y->other) return x->other < y->other ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return x->link < y->link ? -1 : x->link > y->link;
}

/* Where two boxes of a cluster or more have a link to the same other end, the links are the
 * cluster's. */
static Status lift(Maker *m, Links *l, bool tails) {
  Lift *all = malloc((l->n + 1) * sizeof *all);
  uint32_t n = 0;
  if (!all) return diag_no_memory(m->of->f.diag, l->n * sizeof *all);
  for (uint32_t i = 0; i < l->n; i++) {
    uint32_t end = tails ? l->link[i].from : l->link[i].to;
    uint32_t other = tails ? l->link[i].to : l->link[i].from;
    uint32_t cluster = cluster_between(m, end, other), others = cluster_between(m, other, end);
    if (cluster != VIEW_NONE && l->link[i].kind != LINK_LOSS)
      all[n++] = (Lift){cluster, others == VIEW_NONE ? other : others, end, i};
  }
  qsort(all, n, sizeof *all, by_lift);
  for (uint32_t i = 0, k; i < n; i = k) {
    bool several = false;
    for (k = i; k < n && all[k].cluster == all[i].cluster && all[k].other == all[i].other; k++)
      several = several || all[k].end != all[i].end;
    for (uint32_t j = i; several && j < k; j++)
      *(tails ? &l->link[all[j].link].from : &l->link[all[j].link].to) = all[j].cluster;
  }
  free(all);
  return STATUS_OK;
}

/* ---- words ---- */

/* Values that go one way between two places. */
typedef struct Flow {
  const Link *link;
  uint32_t n; /* links, of which equal values stand beside each other */
  uint32_t count, scalars;
  int64_t bytes;
  NodeId largest; /* as it is read */
} Flow;

static void measure(const Maker *m, Flow *flow) {
  NodeId before = NODE_NONE;
  flow->largest = flow->link[0].read;
  for (uint32_t i = 0; i < flow->n; i++) {
    NodeId value = flow->link[i].value;
    if (value == before) continue;
    before = value;
    const Node *node = &m->of->f.g->nodes[value];
    flow->count++;
    flow->scalars += shape_count(&node->shape) == 1;
    if (m->of->f.stored[value]) flow->bytes += value_bytes(node);
    if (value_bytes(node) > value_bytes(&m->of->f.g->nodes[flow->largest]))
      flow->largest = flow->link[i].read;
  }
}

const char *view_bytes_text(double bytes, char text[32]) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  for (; bytes >= 999.5 && unit < 4; unit++) bytes /= 1000;
  snprintf(text, 32, bytes < 9.95 && unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

static const char *whole_name(const Facts *f, NodeId id) {
  const Node *node = &f->g->nodes[id];
  return graph_text(f->g, node->name ? node->name : node->stamp.scope);
}

/* What a value is called: its last part. */
static const char *short_name(const Facts *f, NodeId id) {
  const char *name = whole_name(f, id), *last = strrchr(name, '/');
  return last ? last + 1 : name;
}

static void put_names(const Maker *m, const Flow *flow, bool whole, const char *what, char *text,
                      size_t size) {
  size_t used = 0;
  uint32_t shown = 0;
  NodeId before = NODE_NONE;
  for (uint32_t i = 0; i < flow->n && flow->count <= WORDS_NAMES; i++) {
    NodeId value = flow->link[i].value;
    if (value == before) continue;
    before = value;
    const char *name = whole ? whole_name(&m->of->f, value) : short_name(&m->of->f, value);
    used = text_append(text, size, used, "%s%.*s", shown++ ? ", " : "", text_cut(name, WORDS_NAME),
                       name);
  }
  if (!shown) text_format(text, size, "%u %s", flow->count, what);
}

static void put_tensors(const Maker *m, const Flow *flow, uint32_t name, char *text, size_t size) {
  const char *title = graph_text(m->of->f.g, name);
  if (m->places.place[flow->link->from].part.grouped)
    text_format(text, size, "fields: %u tensors", flow->count);
  else
    text_format(text, size, "field %.*s: %u tensor%s", text_cut(title, WORDS_NAME), title,
                flow->count, flow->count == 1 ? "" : "s");
}

static void put_value(const Maker *m, const Flow *flow, char *text, size_t size) {
  char shape[SHAPE_TEXT_MAX];
  if (flow->scalars == flow->count) {
    put_names(m, flow, false, "scalars", text, size);
    return;
  }
  size_t used = text_format(
      text, size, "%s", shape_text(&m->of->f.g->nodes[flow->largest].shape, shape, sizeof shape));
  if (flow->count > 1) text_append(text, size, used, " +%u", flow->count - 1);
}

/* A field of the step flows, or what a derivative needs of what was computed before it. */
static bool is_field(const Maker *m, const Part *from, const Part *to) {
  const Origin *origins = m->of->f.g->symbols->origins;
  if (from->kind == VIEW_FIELD) return true;
  if (from->kind != VIEW_GRADIENT) return false;
  if (to->kind != VIEW_GRADIENT) return true;
  return to->origin && from->origin && origins[to->origin].with == origins[from->origin].name;
}

static void put_words(const Maker *m, const Flow *flow, char *text, size_t size) {
  const Part *from = &m->places.place[flow->link->from].part,
             *to = &m->places.place[flow->link->to].part;
  char bytes[32];
  *text = 0;
  if (flow->link->kind == LINK_WAIT) return;
  if (flow->link->kind == LINK_LOSS) {
    const char *name = whole_name(&m->of->f, flow->link->value);
    if (strlen(name) > WORDS_NAME) name = short_name(&m->of->f, flow->link->value);
    text_format(text, size, "loss %.*s", text_cut(name, WORDS_NAME), name);
  } else if (from->kind == VIEW_STATE) {
    text_format(text, size, "%u tensor%s\n%s", flow->count, flow->count == 1 ? "" : "s",
                view_bytes_text((double)flow->bytes, bytes));
  } else if (from->kind == VIEW_INPUT) {
    put_names(m, flow, true, "inputs", text, size);
  } else if (from->kind == VIEW_RANDOM) {
    put_names(m, flow, true, "draws", text, size);
  } else if (from->origin && from->origin == to->origin) {
    put_value(m, flow, text, size); /* within one derivative */
  } else if (is_field(m, from, to)) {
    put_tensors(m, flow,
                from->origin ? m->of->f.g->symbols->origins[from->origin].name : from->title, text,
                size);
  } else if (to->kind == VIEW_GRADIENT) {
    text_format(text, size, "saved: %u value%s\n%s", flow->count, flow->count == 1 ? "" : "s",
                view_bytes_text((double)flow->bytes, bytes));
  } else {
    put_value(m, flow, text, size);
  }
}

/* ---- arrows ---- */

static int by_ends(const void *a, const void *b) {
  const Link *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  if (x->to != y->to) return x->to < y->to ? -1 : 1;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  return x->value < y->value ? -1 : x->value > y->value;
}

static Status add_arrow(Maker *m, Flow *flow, uint32_t *cap) {
  char words[256];
  View *v = m->view;
  TRY(ARRAY_RESERVE(v->arrows, *cap, v->n_arrows, 1, m->of->f.diag));
  measure(m, flow);
  put_words(m, flow, words, sizeof words);
  const Place *from = &m->places.place[flow->link->from], *to = &m->places.place[flow->link->to];
  ViewArrow *arrow = &v->arrows[v->n_arrows++];
  *arrow = (ViewArrow){.from = {flow->link->from, from->opened},
                       .to = {flow->link->to, to->opened},
                       .words = arena_strdup(v->arena, words),
                       .count = flow->link->kind == LINK_VALUE ? flow->count : 0,
                       .bytes = flow->link->kind == LINK_VALUE ? flow->bytes : 0,
                       .saved = from->part.kind == VIEW_FORWARD && to->part.kind == VIEW_GRADIENT &&
                                flow->link->kind == LINK_VALUE,
                       .waits = flow->link->kind == LINK_WAIT};
  return arrow->words ? STATUS_OK : diag_no_memory(m->of->f.diag, sizeof words);
}

/* ---- there and back ---- */

static bool is_value(const ViewArrow *arrow) {
  return arrow->count > 0;
}

/* Where values go both ways, as between the scopes of a pullback, one arrow has a head at each end,
 * and leads from what is computed first. */
static Status join_ways(Maker *m, ViewArrow *there, ViewArrow *back) {
  const Place *from = &m->places.place[there->from.index], *to = &m->places.place[there->to.index];
  if (from->part.nodes[0] > to->part.nodes[0]) {
    ViewArrow swap = *there;
    *there = *back;
    *back = swap;
  }
  if (strcmp(there->words, back->words) != 0)
    there->words = arena_printf(m->view->arena, "%s\nback %s", there->words, back->words);
  there->count += back->count;
  there->bytes += back->bytes;
  there->saved = there->saved || back->saved;
  there->both = true;
  *back = (ViewArrow){0};
  return there->words ? STATUS_OK : diag_no_memory(m->of->f.diag, 1);
}

static Status join_back(Maker *m) {
  View *v = m->view;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < v->n_arrows; i++)
    for (uint32_t k = i + 1; k < v->n_arrows && is_value(&v->arrows[i]); k++) {
      ViewArrow *a = &v->arrows[i], *b = &v->arrows[k];
      if (is_value(b) && a->from.index == b->to.index && a->to.index == b->from.index)
        TRY(join_ways(m, a, b));
    }
  for (uint32_t i = 0; i < v->n_arrows; i++)
    if (v->arrows[i].words) v->arrows[kept++] = v->arrows[i];
  v->n_arrows = kept;
  return STATUS_OK;
}

Status view_find_arrows(Maker *m) {
  Links l = {0};
  uint32_t cap = m->view->n_arrows;
  m->view->n_arrows = 0;
  Status status = find_values(m, &l);
  if (status == STATUS_OK) status = find_losses(m, &l);
  if (status == STATUS_OK) status = find_waits(m, &l);
  if (status == STATUS_OK && l.n) status = lift(m, &l, true);
  if (status == STATUS_OK && l.n) status = lift(m, &l, false);
  if (l.n) qsort(l.link, l.n, sizeof *l.link, by_ends);
  for (uint32_t i = 0, k; i < l.n && status == STATUS_OK; i = k) {
    for (k = i + 1; k < l.n && l.link[k].from == l.link[i].from && l.link[k].to == l.link[i].to &&
                    l.link[k].kind == l.link[i].kind;)
      k++;
    Flow flow = {.link = &l.link[i], .n = k - i};
    status = add_arrow(m, &flow, &cap);
  }
  if (status == STATUS_OK && m->view->n_arrows <= JOINED) status = join_back(m);
  free(l.link);
  return status;
}
