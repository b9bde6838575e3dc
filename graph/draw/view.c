/* Which parts of a program a view shows: those of the scope that is asked for, opened as deep as
 * stays readable, and what they exchange values with. */
#include "graph/draw/view_internal.h"

#include "graph/base/array.h"
#include "graph/base/text.h"
#include "graph/plan/scopes.h"

#include <stdlib.h>
#include <string.h>

#define VIEW_NESTED 4   /* clusters in clusters, of an automatic view */
#define VIEW_UNIFORM 2  /* from here on a level is opened as a whole or not at all */
#define VIEW_LEVELS 300 /* of an explicit depth */

static Status add_place(Maker *m, const Part *part, uint32_t parent, bool outside) {
  Places *p = &m->places;
  TRY(ARRAY_RESERVE(p->place, p->cap, p->n, 1, m->of->f.diag));
  Place *place = &p->place[p->n++];
  *place = (Place){.part = *part, .parent = parent, .outside = outside};
  if (parent != VIEW_NONE) {
    place->depth = p->place[parent].depth + 1;
    p->place[parent].n_children++;
  }
  return STATUS_OK;
}

/* Gives the nodes of a part that no place has to the last place. */
static void take_nodes(Maker *m, const Part *part, bool all) {
  for (uint32_t i = 0; i < part->n_nodes; i++)
    if (all || !m->places.of[part->nodes[i]]) m->places.of[part->nodes[i]] = m->places.n;
}

/* Shows the children of a place in its stead. */
static Status open_place(Maker *m, uint32_t at, bool grouped) {
  Parts children;
  Part part = m->places.place[at].part;
  TRY(parts_divide(&m->of->f, &part, &children));
  if (grouped) TRY(parts_group(&m->of->f, &part, &children));
  m->places.place[at].opened = true;
  for (uint32_t i = 0; i < children.n; i++) {
    TRY(add_place(m, &children.parts[i], at, false));
    take_nodes(m, &children.parts[i], true);
  }
  return STATUS_OK;
}

/* Boxes of the scope itself. */
static uint32_t count_boxes(const Maker *m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->places.n; i++)
    n += !m->places.place[i].opened && !m->places.place[i].outside;
  return n;
}

static bool may_open(const Maker *m, const Place *place) {
  return !place->opened && !place->outside && part_opens(&m->of->f, &place->part);
}

/* ---- as deep as stays readable ---- */

static Places copy_places(const Maker *m, bool *ok) {
  Places copy = m->places;
  copy.place = malloc((copy.cap + 1) * sizeof *copy.place);
  copy.of = malloc(m->of->f.g->n_nodes * sizeof *copy.of);
  *ok = copy.place && copy.of;
  if (copy.place && copy.n) memcpy(copy.place, m->places.place, copy.n * sizeof *copy.place);
  if (copy.of) memcpy(copy.of, m->places.of, m->of->f.g->n_nodes * sizeof *copy.of);
  return copy;
}

static uint32_t most_boxes(const Maker *m) {
  return m->options->boxes ? m->options->boxes : VIEW_BOXES;
}

/* With what stands beside the scope, and once its arrows are found. */
static bool is_readable(const Maker *m) {
  uint32_t most = most_boxes(m), n = count_boxes(m);
  bool *beside = calloc(m->places.n + 1, sizeof *beside);
  for (uint32_t i = 0; beside && i < 2 * m->view->n_arrows; i++) {
    const ViewArrow *arrow = &m->view->arrows[i / 2];
    uint32_t end = i % 2 ? arrow->to.index : arrow->from.index;
    n += m->places.place[end].outside && !beside[end];
    beside[end] = true;
  }
  bool ok = beside && n <= most && m->view->n_arrows <= most * VIEW_ARROWS / VIEW_BOXES;
  free(beside);
  return ok;
}

/* Opens the places that are marked; all of them, or, when that makes too much of it, none.  *done
 * says which. */
static Status try_open(Maker *m, const bool *marked, uint32_t n, bool *done) {
  bool ok;
  Places before = copy_places(m, &ok);
  Status status =
      ok ? STATUS_OK : diag_no_memory(m->of->f.diag, m->of->f.g->n_nodes * sizeof(uint32_t));
  for (uint32_t i = 0; i < n && status == STATUS_OK && count_boxes(m) <= most_boxes(m); i++)
    if (marked[i]) status = open_place(m, i, true);
  if (status == STATUS_OK && count_boxes(m) <= most_boxes(m)) status = view_find_arrows(m);
  *done = status == STATUS_OK && is_readable(m);
  Places *drop = *done ? &before : &m->places;
  free(drop->place);
  free(drop->of);
  if (!*done) m->places = before;
  return status;
}

/* What an automatic view opens by itself: the network, not what is derived from it, unless that is
 * what was asked for. */
static bool is_wanted(const Maker *m, const Place *place) {
  if (!may_open(m, place) || place->depth >= VIEW_NESTED || place->part.grouped) return false;
  bool network = place->part.kind == VIEW_FORWARD;
  for (uint32_t p = place->parent; p != VIEW_NONE; p = m->places.place[p].parent)
    network = network || m->places.place[p].part.kind == place->part.kind;
  return network && place->part.module;
}

/* Of the marked ones those whose names differ in numbers from the one that most are like. */
static bool keep_alike(const Maker *m, bool *marked, uint32_t n) {
  uint32_t most = 0, all = 0;
  uint64_t stem = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t alike = 0;
    for (uint32_t k = 0; marked[i] && k < n; k++)
      alike += marked[k] && part_stem(&m->of->f, &m->places.place[i].part) ==
                                part_stem(&m->of->f, &m->places.place[k].part);
    all += marked[i];
    if (alike <= most) continue;
    most = alike;
    stem = part_stem(&m->of->f, &m->places.place[i].part);
  }
  for (uint32_t i = 0; i < n; i++)
    marked[i] = marked[i] && part_stem(&m->of->f, &m->places.place[i].part) == stem;
  return most > 1 && most < all;
}

/* All of them have one parent, which is no top. */
static bool is_family(const Maker *m, const bool *marked, uint32_t n) {
  uint32_t parent = VIEW_NONE;
  for (uint32_t i = 0; i < n; i++) {
    if (!marked[i]) continue;
    if (parent == VIEW_NONE) parent = m->places.place[i].parent;
    if (parent == VIEW_NONE || m->places.place[i].parent != parent) return false;
  }
  return true;
}

/* Opens all that are marked, so that what is alike looks alike; else, where that is too much, what
 * stands at the top one by one, and of one pass the scopes that are most alike.  *opened: all
 * were. */
static Status open_marked(Maker *m, bool *marked, uint32_t n, uint32_t depth, bool *opened) {
  bool done;
  TRY(try_open(m, marked, n, opened));
  if (*opened || depth >= VIEW_UNIFORM) return STATUS_OK;
  if (is_family(m, marked, n))
    return keep_alike(m, marked, n) ? try_open(m, marked, n, &done) : STATUS_OK;
  bool *one = calloc(n + 1, sizeof *one);
  Status status = one ? STATUS_OK : diag_no_memory(m->of->f.diag, n);
  for (uint32_t i = 0; i < n && status == STATUS_OK; i++) {
    one[i] = marked[i] && m->places.place[i].parent == VIEW_NONE;
    if (one[i]) status = try_open(m, one, n, &done);
    one[i] = false;
  }
  free(one);
  return status;
}

static Status open_level(Maker *m, uint32_t depth, bool *opened) {
  uint32_t n = m->places.n;
  bool *marked = calloc(n + 1, sizeof *marked), any = false;
  if (!marked) return diag_no_memory(m->of->f.diag, n);
  for (uint32_t i = 0; i < n; i++) {
    marked[i] = m->places.place[i].depth == depth && is_wanted(m, &m->places.place[i]);
    any = any || marked[i];
  }
  *opened = false;
  Status status = any ? open_marked(m, marked, n, depth, opened) : STATUS_OK;
  free(marked);
  return status;
}

static Status open_automatic(Maker *m) {
  uint32_t first = m->places.n ? m->places.place[m->places.n - 1].depth : 0;
  for (uint32_t depth = first; depth < VIEW_NESTED; depth++) {
    bool opened = false;
    TRY(open_level(m, depth, &opened));
    if (!opened) break;
  }
  return STATUS_OK;
}

static Status open_depth(Maker *m, int depth) {
  for (int level = 1; (depth < 0 || level < depth) && level < VIEW_LEVELS; level++) {
    uint32_t n = m->places.n;
    for (uint32_t i = 0; i < n; i++)
      if (may_open(m, &m->places.place[i])) TRY(open_place(m, i, false));
    if (m->places.n == n) break;
  }
  return STATUS_OK;
}

/* ---- the scope that is shown ---- */

/* True when `path` is `scope`, or a part that holds it. */
static bool leads_to(const char *path, const char *scope) {
  return *path && scope_holds(path, scope);
}

/* What stands beside a part: once more the children of the parts around it. */
static Status show_outside(Maker *m, const Parts *siblings) {
  for (uint32_t i = 0; i < siblings->n; i++) {
    TRY(add_place(m, &siblings->parts[i], VIEW_NONE, true));
    take_nodes(m, &siblings->parts[i], false);
  }
  return STATUS_OK;
}

/* The child on the way to `scope`; NULL: there is none.  *below: all of them are in it, as scopes
 * that are the only ones are passed by. */
static const Part *child_towards(const Maker *m, const Parts *children, const char *scope,
                                 bool *below) {
  const Part *best = NULL;
  size_t length = 0;
  *below = false;
  for (uint32_t i = 0; i < children->n; i++) {
    const char *path = graph_text(m->of->f.g, children->parts[i].path);
    if (leads_to(path, scope) && strlen(path) > length) {
      best = &children->parts[i];
      length = strlen(path);
    }
    if (*path && scope_holds(scope, path)) *below = true;
  }
  return best;
}

typedef struct Way {
  Parts *siblings; /* at each level */
  uint32_t n, cap;
} Way;

/* The part of that path as views show it: with what is glued to it, perhaps in a group; NULL: it is
 * glue itself. */
static Status find_grouped(Maker *m, Parts at, uint32_t path, const Part **out) {
  *out = NULL;
  for (uint32_t i = 0; i < at.n && !*out; i++) {
    const Part *part = &at.parts[i];
    if (part->path == path) *out = part;
    bool inside = false;
    for (uint32_t k = 0; part->grouped && k < part->n_members; k++)
      inside = inside || part->members[k].path == path;
    if (!inside) continue;
    Parts members;
    TRY(parts_divide(&m->of->f, part, &members));
    TRY(parts_group(&m->of->f, part, &members));
    TRY(find_grouped(m, members, path, out));
  }
  return STATUS_OK;
}

/* The next part on the way; NULL: there is none.  *here: it is this one, whose only scope was
 * passed by. */
static Status step_towards(Maker *m, const Part *at, const char *scope, Parts *grouped,
                           const Part **out, bool *here) {
  Parts children;
  bool ignored;
  TRY(parts_divide(&m->of->f, at, &children));
  *grouped = children;
  TRY(parts_group(&m->of->f, at, grouped));
  const Part *scoped = child_towards(m, &children, scope, here), *shown;
  const Part *group = child_towards(m, grouped, scope, &ignored);
  *out = group;
  if (!scoped) return STATUS_OK;
  TRY(find_grouped(m, *grouped, scoped->path, &shown));
  *out = shown ? shown : scoped;
  return STATUS_OK;
}

/* The hint names what opens where the way ended. */
static Status no_box(Maker *m, const Parts *there, const char *scope) {
  const char **paths = calloc(there->n + 1u, sizeof *paths);
  uint32_t n = 0;
  for (uint32_t i = 0; paths && i < there->n; i++) {
    const char *path = graph_text(m->of->f.g, there->parts[i].path);
    if (*path && part_opens(&m->of->f, &there->parts[i])) paths[n++] = path;
  }
  Status status = scope_unknown_box(m->of->f.p, 1, scope, paths, n, m->of->f.diag);
  free(paths);
  return status;
}

/* From the top to the part called `scope`. */
static Status walk(Maker *m, const char *scope, Way *way, Part *out) {
  const Part *at = NULL, *next;
  do {
    Parts grouped;
    bool here;
    TRY(step_towards(m, at, scope, &grouped, &next, &here));
    if (!next && at && (here || part_is_in(&m->of->f, at, scope))) break;
    bool last = next && strcmp(graph_text(m->of->f.g, next->path), scope) == 0;
    if (!next || (!last && !part_opens(&m->of->f, next))) return no_box(m, &grouped, scope);
    TRY(ARRAY_RESERVE(way->siblings, way->cap, way->n, 1, m->of->f.diag));
    way->siblings[way->n++] = grouped;
    at = next;
  } while (strcmp(graph_text(m->of->f.g, at->path), scope) != 0);
  *out = *at;
  return STATUS_OK;
}

/* What is derived from the nodes of a scope, one box for each gradient. */
static Status show_derived(Maker *m, const Part *part) {
  const char *scope = graph_text(m->of->f.g, part->path);
  if (part->kind != VIEW_FORWARD || part->grouped) return STATUS_OK; /* no scope of the model's */
  for (uint32_t i = 0; i < m->of->f.n_units; i++) {
    Part unit = m->of->f.units[i];
    if (unit.kind != VIEW_GRADIENT) continue;
    NodeId *nodes = arena_array(m->of->f.arena, unit.n_nodes + 1, sizeof *nodes);
    if (!nodes) return diag_no_memory(m->of->f.diag, unit.n_nodes * sizeof *nodes);
    uint32_t n = 0;
    for (uint32_t k = 0; k < unit.n_nodes; k++)
      if (scope_holds(scope, graph_text(m->of->f.g, m->of->f.g->nodes[unit.nodes[k]].stamp.scope)))
        nodes[n++] = unit.nodes[k];
    if (n == 0 || n == unit.n_nodes) continue;
    const char *path =
        arena_printf(m->of->f.arena, "%s/%s", graph_text(m->of->f.g, unit.path), scope);
    unit.path = path ? strings_intern(m->of->f.g->symbols->strings, path) : UINT32_MAX;
    if (unit.path == UINT32_MAX) return diag_no_memory(m->of->f.diag, 1);
    const char *title = arena_printf(m->of->f.arena, "%s of %s", graph_text(m->of->f.g, unit.title),
                                     graph_text(m->of->f.g, part->title));
    unit.title = title ? strings_intern(m->of->f.g->symbols->strings, title) : UINT32_MAX;
    if (unit.title == UINT32_MAX) return diag_no_memory(m->of->f.diag, 1);
    unit.nodes = nodes;
    unit.n_nodes = n;
    unit.inside = NULL;
    TRY(add_place(m, &unit, VIEW_NONE, true));
    take_nodes(m, &unit, false);
  }
  return STATUS_OK;
}

static Status show_scope(Maker *m, const char *scope) {
  Way way = {0};
  Part part;
  Status status = walk(m, scope, &way, &part);
  if (status == STATUS_OK) status = add_place(m, &part, VIEW_NONE, false);
  if (status == STATUS_OK) take_nodes(m, &part, true);
  if (status == STATUS_OK) status = show_derived(m, &part);
  for (uint32_t i = way.n; i > 0 && status == STATUS_OK; i--)
    status = show_outside(m, &way.siblings[i - 1]);
  free(way.siblings);
  if (status == STATUS_OK && part_opens(&m->of->f, &part))
    status = open_place(m, 0, m->options->depth == 0);
  return status;
}

static Status show_all(Maker *m) {
  Parts units;
  TRY(parts_divide(&m->of->f, NULL, &units));
  if (m->options->depth == 0) TRY(parts_group(&m->of->f, NULL, &units));
  for (uint32_t i = 0; i < units.n; i++) {
    TRY(add_place(m, &units.parts[i], VIEW_NONE, false));
    take_nodes(m, &units.parts[i], true);
  }
  return STATUS_OK;
}

static Status show(Maker *m) {
  const char *scope = m->options->scope;
  TRY(scope && *scope ? show_scope(m, scope) : show_all(m));
  TRY(m->options->depth ? open_depth(m, m->options->depth) : open_automatic(m));
  TRY(view_find_arrows(m));
  return view_describe(m);
}

Status view_open(const Plan *plan, const PlanProgram *program, const OpTable *ops, Diag *diag,
                 ViewProgram **out) {
  *out = NULL;
  ViewProgram *of = calloc(1, sizeof *of);
  if (!of) return diag_no_memory(diag, sizeof *of);
  of->f = (Facts){.plan = plan, .p = program, .g = program->graph, .ops = ops, .diag = diag};
  of->f.arena = arena_create();
  Status status = of->f.arena ? facts_find(&of->f) : diag_no_memory(diag, sizeof *of);
  if (status == STATUS_OK)
    *out = of;
  else
    view_close(of);
  return status;
}

void view_close(ViewProgram *of) {
  if (!of) return;
  facts_free(&of->f);
  arena_destroy(of->f.arena);
  free(of);
}

Status view_build(ViewProgram *of, const ViewOptions *options, Diag *diag, View **out) {
  *out = NULL;
  Maker m = {.of = of, .options = options};
  m.view = calloc(1, sizeof *m.view);
  if (!m.view) return diag_no_memory(diag, sizeof *m.view);
  of->f.diag = diag;
  of->f.few = most_boxes(&m) < PARTS_UNITS ? most_boxes(&m) : PARTS_UNITS;
  m.view->streams = plan_streams(of->f.p);
  m.view->arena = arena_create();
  m.places.of = calloc(of->f.g->n_nodes, sizeof *m.places.of);
  Status status = m.view->arena && m.places.of
                      ? show(&m)
                      : diag_no_memory(diag, of->f.g->n_nodes * sizeof(uint32_t));
  free(m.places.place);
  free(m.places.of);
  if (status != STATUS_OK)
    view_free(m.view);
  else
    *out = m.view;
  return status;
}

void view_free(View *view) {
  if (!view) return;
  arena_destroy(view->arena);
  free(view->arrows);
  free(view);
}
