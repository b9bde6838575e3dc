/* Boxes and clusters of a view, and what each says of its nodes. */
#include "graph/base/text.h"
#include "graph/draw/view_internal.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_GROUPS 6  /* of states */
#define TEXT_OPS 3     /* op names in a box */
#define TEXT_NAMES 6   /* of inputs, random sites and members */
#define TEXT_NAME 40   /* bytes of one */
#define TEXT_MEMBER 14 /* bytes of a member's */
#define TEXT_LINES 3   /* of an expression */
#define TEXT_LINE 30   /* bytes of a line of names */

typedef struct Detail {
  char text[1024];
  size_t used;
} Detail;

static void put_line(Detail *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_line(Detail *d, const char *format, ...) {
  char line[160];
  va_list args;
  va_start(args, format);
  text_vformat(line, sizeof line, format, args);
  va_end(args);
  d->used = text_append(d->text, sizeof d->text, d->used, "%s%s", d->used ? "\n" : "", line);
}

/* ---- sums over nodes ---- */

static void add_node(const Maker *m, NodeId id, ViewBox *b) {
  const Facts *f = &m->of->f;
  const Node *node = &f->g->nodes[id];
  const OpDesc *op = f->ops->ops[node->op];
  if (!b->nodes++) b->first = id;
  b->macs += f->macs[id];
  if (f->stored[id] && f->base[id] == id) b->bytes += value_bytes(node);
  b->randoms += f->op_random && node->op == f->op_random;
  b->meets += op->op_class == OP_CLASS_COLLECTIVE;
  if (node->stamp.order > b->order) b->order = node->stamp.order;
  b->time += f->time[id];
}

static void add_step(const Maker *m, uint32_t s, ViewBox *b) {
  uint32_t stream = m->of->f.p->steps[s].stream;
  if (!b->kernels++)
    b->stream = stream;
  else if (b->stream != stream)
    b->stream = VIEW_NONE;
}

static ViewBox *box_at(const Maker *m, NodeId id) {
  uint32_t place = m->places.of[id];
  return place ? &m->view->boxes[m->places.place[place - 1].index] : NULL;
}

static void add_all(Maker *m) {
  const PlanProgram *p = m->of->f.p;
  double total = 0;
  for (NodeId id = 1; id < m->of->f.g->n_nodes; id++) {
    ViewBox *b = box_at(m, id);
    if (b) add_node(m, id, b);
  }
  for (uint32_t s = 0; s < p->n_steps; s++) {
    ViewBox *b = box_at(m, p->step_nodes[p->steps[s].first + p->steps[s].count - 1]);
    if (b) add_step(m, s, b);
  }
  for (uint32_t i = 0; i < m->of->f.g->n_commits; i++) {
    ViewBox *b = box_at(m, m->of->f.g->commits[i].value);
    if (b) b->commits++;
  }
  for (uint32_t i = 0; i < m->of->f.g->n_outputs; i++) {
    ViewBox *b = box_at(m, m->of->f.g->outputs[i].node);
    if (b) b->outputs++;
  }
  for (uint32_t i = 0; i < m->options->n_peak; i++) {
    ViewBox *b = box_at(m, m->options->peak[i].node);
    if (b) b->peak_bytes += m->options->peak[i].bytes;
    m->view->peak_bytes += m->options->peak[i].bytes;
  }
  for (uint32_t i = 0; i < m->view->n_boxes; i++) total += m->view->boxes[i].time;
  for (uint32_t i = 0; i < m->view->n_boxes && total > 0; i++) m->view->boxes[i].time /= total;
}

bool view_at_peak(const View *view, const ViewBox *box) {
  return view->peak_bytes && (double)box->peak_bytes >= VIEW_AT_PEAK * (double)view->peak_bytes;
}

/* ---- details ---- */

static void put_names(const Maker *m, const Part *part, Detail *d) {
  char line[160] = "";
  size_t used = 0;
  uint32_t shown = 0;
  for (uint32_t i = 0; i < part->n_nodes; i++) {
    const Node *node = &m->of->f.g->nodes[part->nodes[i]];
    const char *name = graph_text(m->of->f.g, node->name ? node->name : node->stamp.scope);
    if (!*name) continue;
    if (shown == TEXT_NAMES) break;
    if (used && used + strlen(name) > TEXT_LINE) {
      put_line(d, "%s", line);
      used = 0;
    }
    used = text_append(line, sizeof line, used, "%s%.*s", used ? ", " : "",
                       text_cut(name, TEXT_NAME), name);
    shown++;
  }
  if (used) put_line(d, "%s%s", line, part->n_nodes > shown ? " ..." : "");
}

/* `momentum` of `momentum:NAME`; else what kind of state it is; its length. */
static int state_group(const Maker *m, NodeId id, const char **name) {
  static const char *const kinds[] = {"parameters", "statistics", "others"};
  const State *s = &m->of->f.plan->states[node_attr_int(m->of->f.g, id, 0)];
  *name = graph_text(m->of->f.g, s->name);
  const char *colon = strchr(*name, ':');
  if (colon) return (int)text_cut_n(*name, (size_t)(colon - *name), TEXT_NAME);
  *name = kinds[s->kind];
  return (int)strlen(*name);
}

static void put_states(const Maker *m, const Part *part, Detail *d) {
  const char *names[TEXT_GROUPS];
  int lengths[TEXT_GROUPS], n = 0;
  uint32_t counts[TEXT_GROUPS] = {0};
  int64_t bytes[TEXT_GROUPS] = {0};
  for (uint32_t i = 0; i < part->n_nodes; i++) {
    const char *name;
    int length = state_group(m, part->nodes[i], &name), k = 0;
    while (k < n && (lengths[k] != length || strncmp(names[k], name, (size_t)length) != 0)) k++;
    if (k == TEXT_GROUPS) continue;
    if (k == n) lengths[n] = length, names[n++] = name;
    counts[k]++;
    bytes[k] += value_bytes(&m->of->f.g->nodes[part->nodes[i]]);
  }
  char text[32];
  for (int k = 0; k < n; k++)
    put_line(d, "%.*s: %u tensor%s, %s", lengths[k], names[k], counts[k], counts[k] == 1 ? "" : "s",
             view_bytes_text((double)bytes[k], text));
}

/* An expression in lines that are cut at blanks. */
static void put_expression(Detail *d, const char *text) {
  for (int line = 0; *text; line++) {
    size_t n = strlen(text), cut = n;
    if (n > TEXT_LINE) {
      cut = text_cut_n(text, n, TEXT_LINE);
      for (size_t k = cut; k > TEXT_LINE / 2; k--)
        if (text[k] == ' ') {
          cut = k;
          break;
        }
    }
    bool last = line == TEXT_LINES - 1;
    put_line(d, "%s%.*s%s", line ? "   " : "= ", (int)cut, text, last && cut < n ? " ..." : "");
    if (last) return;
    text += cut;
    text += strspn(text, " ");
  }
}

static void put_origin(const Maker *m, const Part *part, Detail *d) {
  const Graph *g = m->of->f.g;
  const Origin *o = part->origin ? &g->symbols->origins[part->origin] : NULL;
  if (!o || part->grouped || (part->at && part->kind != VIEW_FORWARD)) return;
  const char *of = graph_text(g, o->of), *at = graph_text(g, o->at), *with = graph_text(g, o->with);
  switch ((OriginKind)o->kind) {
  case ORIGIN_PASS:
    put_line(d, "pass at %.*s", text_cut(of, TEXT_NAME), of);
    break;
  case ORIGIN_GRADIENT:
    put_line(d, "gradient of %.*s", text_cut(of, TEXT_NAME), of);
    put_line(d, "at %.*s", text_cut(at, TEXT_NAME), at);
    break;
  case ORIGIN_PULLBACK:
    put_line(d, "pullback of %.*s through %.*s", text_cut(with, TEXT_NAME), with,
             text_cut(of, TEXT_NAME), of);
    put_line(d, "at %.*s", text_cut(at, TEXT_NAME), at);
    break;
  case ORIGIN_FIELD:
  case ORIGIN_COMMIT:
    put_expression(d, of);
    break;
  case ORIGIN_NORM:
  case ORIGIN_NONE:
    break;
  }
}

/* What a part is called: of a node without a name its op. */
static const char *name_of(const Maker *m, const Part *part) {
  const char *title = graph_text(m->of->f.g, part->title);
  return *title ? title : m->of->f.ops->ops[m->of->f.g->nodes[part->nodes[0]].op]->name;
}

/* The first of what is shown in it besides itself, or of a group. */
static void put_members(const Maker *m, const Part *part, Detail *d) {
  char line[160];
  const char *before = "";
  uint32_t from = part->grouped ? 0 : 1, at = from, shown = 0;
  size_t used = 0;
  if (part->n_members <= from + (part->grouped ? 2 : 0)) return;
  for (; at < part->n_members && used < TEXT_LINE; at++) {
    const char *title = name_of(m, &part->members[at]);
    if (strcmp(title, before) == 0) continue;
    used = text_append(line, sizeof line, used, "%s%.*s", shown++ ? ", " : "",
                       text_cut(title, TEXT_MEMBER), title);
    before = title;
  }
  if (at < part->n_members) text_append(line, sizeof line, used, ", ...");
  if (shown > 1 || !part->grouped) put_line(d, "%s%s", part->grouped ? "" : "with ", line);
}

static void put_ops(const Maker *m, const Part *part, Detail *d) {
  uint32_t ops[TEXT_OPS], n = 0, others = 0;
  char line[160];
  size_t used = 0;
  for (uint32_t i = 0; i < part->n_nodes; i++) {
    uint32_t op = m->of->f.g->nodes[part->nodes[i]].op, k = 0;
    while (k < n && ops[k] != op) k++;
    if (k < n || m->of->f.ops->ops[op]->op_class == OP_CLASS_VIEW) continue;
    if (n < TEXT_OPS)
      ops[n++] = op;
    else
      others++;
  }
  for (uint32_t k = 0; k < n; k++)
    used = text_append(line, sizeof line, used, "%s%s", k ? ", " : "",
                       m->of->f.ops->ops[ops[k]]->name);
  if (n) put_line(d, "%s%s", line, others ? ", ..." : "");
}

static void put_work(const Maker *m, const Part *part, const ViewBox *b, Detail *d) {
  char text[32], macs[32];
  const Node *node = &m->of->f.g->nodes[b->first];
  if (part->n_nodes == 1) {
    char shape[SHAPE_TEXT_MAX];
    /* A node that is no scope has its op in the title. */
    const char *op = part->single ? "" : m->of->f.ops->ops[node->op]->name;
    put_line(d, "%s%s%s %s", op, *op ? " " : "", dtype_name((DType)node->dtype),
             shape_text(&node->shape, shape, sizeof shape));
    return;
  }
  snprintf(macs, sizeof macs, b->macs < 10000000000 ? "%.2g GMAC" : "%.0f GMAC",
           (double)b->macs / 1e9);
  if (b->macs >= 1000000)
    put_line(d, "%u nodes, %s, %s", b->nodes, macs, view_bytes_text((double)b->bytes, text));
  else
    put_line(d, "%u nodes, %s", b->nodes, view_bytes_text((double)b->bytes, text));
}

static void put_marks(const Maker *m, const ViewBox *b, Detail *d) {
  char text[32];
  const char *peak = view_at_peak(m->view, b) ? view_bytes_text((double)b->peak_bytes, text) : NULL;
  if (b->meets) put_line(d, "meets other ranks %u time%s", b->meets, b->meets == 1 ? "" : "s");
  if (b->commits && peak)
    put_line(d, "commits %u, at the peak %s", b->commits, peak);
  else if (b->commits)
    put_line(d, "commits %u state%s", b->commits, b->commits == 1 ? "" : "s");
  else if (peak)
    put_line(d, "at the peak %s", peak);
}

static const char *describe(const Maker *m, const Part *part, const ViewBox *b) {
  Detail d = {.text = ""};
  if (part->kind == VIEW_INPUT || part->kind == VIEW_RANDOM) put_names(m, part, &d);
  if (part->kind == VIEW_STATE) put_states(m, part, &d);
  put_origin(m, part, &d);
  put_members(m, part, &d);
  bool work = part->kind == VIEW_FORWARD || part->kind == VIEW_GRADIENT;
  if (work && !part->module && !part->grouped && part->n_nodes > 1) put_ops(m, part, &d);
  if (work) put_work(m, part, b, &d);
  put_marks(m, b, &d);
  return arena_strdup(m->view->arena, d.text);
}

/* ---- titles ---- */

/* A group with the scalar of a gradient is called by it, others by their first and last member. */
static const char *group_title(const Maker *m, const Part *part) {
  const Graph *g = m->of->f.g;
  for (uint32_t i = 0; i < m->of->f.n_units && part->kind == VIEW_FORWARD; i++) {
    uint32_t origin = m->of->f.units[i].kind == VIEW_GRADIENT ? m->of->f.units[i].origin : 0;
    for (uint32_t k = 0; origin && k < part->n_members; k++)
      if (part->members[k].path && part->members[k].path == g->symbols->origins[origin].of)
        return arena_printf(m->view->arena, "%s (%u elements)",
                            graph_text(g, part->members[k].title), part->n_members);
  }
  const char *first = name_of(m, &part->members[0]),
             *last = name_of(m, &part->members[part->n_members - 1]);
  if (strcmp(first, last) == 0)
    return arena_printf(m->view->arena, "%.*s (%u)", text_cut(first, TEXT_NAME), first,
                        part->n_members);
  return arena_printf(m->view->arena, part->n_members == 2 ? "%.*s, %.*s" : "%.*s ... %.*s (%u)",
                      text_cut(first, TEXT_NAME), first, text_cut(last, TEXT_NAME), last,
                      part->n_members);
}

static const char *title_of(const Maker *m, const Part *part) {
  const Graph *g = m->of->f.g;
  if (part->grouped) return group_title(m, part);
  const char *title = graph_text(g, part->title);
  const Origin *o = part->origin ? &g->symbols->origins[part->origin] : NULL;
  if (o && o->kind == ORIGIN_COMMIT) return arena_printf(m->view->arena, "commit %s", title);
  if (part->single || !*title) {
    const Node *node = &g->nodes[part->nodes[0]];
    const char *name = graph_text(g, node->name), *last = strrchr(name, '/');
    return arena_printf(m->view->arena, "%s%s%s", m->of->f.ops->ops[node->op]->name,
                        *name ? ": " : "", last ? last + 1 : name);
  }
  return arena_strdup(m->view->arena, title);
}

/* ---- boxes and clusters ---- */

static uint8_t order_of(const Maker *m, const Part *part, uint8_t order) {
  const Origin *o = part->origin ? &m->of->f.g->symbols->origins[part->origin] : NULL;
  if (part->kind != VIEW_GRADIENT) return 0;
  if (o) return o->kind == ORIGIN_PULLBACK ? 2 : 1;
  return order > 1 ? 2 : 1;
}

static Status make_cluster(Maker *m, uint32_t at) {
  Place *place = &m->places.place[at];
  View *v = m->view;
  Detail d = {.text = ""};
  put_origin(m, &place->part, &d);
  if (!place->part.grouped) put_members(m, &place->part, &d);
  place->index = v->n_clusters;
  ViewCluster *c = &v->clusters[v->n_clusters++];
  *c = (ViewCluster){.path = graph_text(m->of->f.g, place->part.path),
                     .title = title_of(m, &place->part),
                     .detail = arena_strdup(v->arena, d.text),
                     .parent = place->parent == VIEW_NONE ? VIEW_NONE
                                                          : m->places.place[place->parent].index,
                     .kind = place->part.kind,
                     .order = order_of(m, &place->part, 1)};
  return c->title && c->detail ? STATUS_OK : diag_no_memory(m->of->f.diag, 1);
}

static void make_box(Maker *m, uint32_t at) {
  Place *place = &m->places.place[at];
  View *v = m->view;
  place->index = v->n_boxes;
  v->boxes[v->n_boxes++] = (ViewBox){
      .kind = place->part.kind,
      .path = part_opens(&m->of->f, &place->part) ? graph_text(m->of->f.g, place->part.path) : "",
      .cluster = place->parent == VIEW_NONE ? VIEW_NONE : m->places.place[place->parent].index,
      .outside = place->outside,
      .stream = VIEW_NONE,
      .first = place->part.nodes[0]};
}

/* A part beside the scope with which nothing is exchanged is not shown, nor a source whose arrows
 * all go without saying. */
static bool *find_shown(const Maker *m) {
  bool *shown = calloc(m->places.n + 1, sizeof *shown);
  for (uint32_t i = 0; shown && i < m->places.n; i++) {
    ViewKind kind = m->places.place[i].part.kind;
    shown[i] = !m->places.place[i].outside && kind != VIEW_INPUT && kind != VIEW_STATE &&
               kind != VIEW_RANDOM;
  }
  for (uint32_t i = 0; shown && i < m->view->n_arrows; i++)
    shown[m->view->arrows[i].from.index] = shown[m->view->arrows[i].to.index] = true;
  return shown;
}

static void number_ends(const Maker *m) {
  for (uint32_t i = 0; i < m->view->n_arrows; i++) {
    ViewArrow *arrow = &m->view->arrows[i];
    arrow->from.index = m->places.place[arrow->from.index].index;
    arrow->to.index = m->places.place[arrow->to.index].index;
  }
}

static Status describe_all(Maker *m, const bool *shown) {
  View *v = m->view;
  for (uint32_t i = 0; i < m->places.n; i++) {
    if (m->places.place[i].opened)
      TRY(make_cluster(m, i));
    else if (shown[i])
      make_box(m, i);
  }
  for (NodeId id = 1; id < m->of->f.g->n_nodes; id++)
    if (m->places.of[id] && !shown[m->places.of[id] - 1]) m->places.of[id] = 0;
  add_all(m);
  for (uint32_t i = 0; i < m->places.n; i++) {
    if (m->places.place[i].opened || !shown[i]) continue;
    const Part *part = &m->places.place[i].part;
    ViewBox *b = &v->boxes[m->places.place[i].index];
    b->order = order_of(m, part, b->order);
    b->title = title_of(m, part);
    if (b->title && b->outside && part->kind == VIEW_GRADIENT && b->nodes < part->n_nodes)
      b->title = arena_printf(v->arena, "%s elsewhere", b->title);
    b->detail = describe(m, part, b);
    if (!b->title || !b->detail) return diag_no_memory(m->of->f.diag, 1);
  }
  for (NodeId id = 1; id < m->of->f.g->n_nodes; id++)
    if (m->places.of[id]) v->box_of[id] = m->places.place[m->places.of[id] - 1].index + 1;
  number_ends(m);
  return STATUS_OK;
}

Status view_describe(Maker *m) {
  View *v = m->view;
  bool *shown = find_shown(m);
  v->boxes = arena_array(v->arena, m->places.n + 1, sizeof *v->boxes);
  v->clusters = arena_array(v->arena, m->places.n + 1, sizeof *v->clusters);
  v->box_of = arena_array(v->arena, m->of->f.g->n_nodes, sizeof *v->box_of);
  Status status = shown && v->boxes && v->clusters && v->box_of
                      ? describe_all(m, shown)
                      : diag_no_memory(m->of->f.diag, m->places.n * sizeof *v->boxes);
  free(shown);
  return status;
}
