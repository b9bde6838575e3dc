/* Pictures through libcgraph objects: names are never pasted into Graphviz text by hand. */
#include "graph/draw/draw.h"

#include "graph/base/array.h"
#include "graph/base/text.h"
#include "graph/plan/scopes.h"

#include <errno.h>
#include <graphviz/gvc.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DRAW_READABLE 160 /* boxes of an automatic depth */
#define DRAW_MAX 20000    /* boxes at all, and links more than boxes: the layout takes hours */
#define DRAW_TANGLE 1000
#define DRAW_LABELS 400 /* links that carry a label: with more of them nobody reads it */
#define DRAW_OPS 4      /* op names in a box's label */

typedef struct Box {
  uint32_t scope; /* string id of the (cut) scope path */
  uint8_t role;
  NodeId first; /* the only node, where every node has its box */
  uint32_t count;
  int64_t bytes; /* of the largest result */
  uint32_t ops[DRAW_OPS], n_ops;
  uint32_t stream; /* of its steps; STREAM_NONE: of none, or of several */
  bool runs;       /* one of its nodes is in a step */
  Agnode_t *drawn;
} Box;
#define STREAM_NONE UINT32_MAX

typedef struct Link Link;

typedef struct Draw {
  const PlanProgram *p;
  const Graph *g;
  const OpTable *ops;
  const DrawOptions *options;
  Diag *diag;
  int depth[4]; /* by role; -1: every node */
  Box *boxes;
  uint32_t n_boxes;
  uint32_t *box_of; /* by node: box + 1 */
  Link *links;
  size_t n_links;
  bool several; /* streams */
} Draw;

static const char *const stream_colors[TARGET_STREAMS_MAX] = {
    "black", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#bcbd22"};
static const char *const role_colors[] = {"#dbe9f6", "#fde5cf", "#e3f1dd", "#ececec"};

/* The first `depth` parts of a path; all of it when depth < 0. */
static size_t cut_length(const char *path, int depth) {
  if (depth < 0) return strlen(path);
  const char *at = path;
  for (int i = 0; i < depth; i++) {
    const char *slash = strchr(at, '/');
    if (!slash) return strlen(path);
    at = slash + 1;
  }
  return at == path ? 0 : (size_t)(at - path) - 1;
}

static bool drawn(const Draw *d, NodeId id) {
  const Node *node = &d->g->nodes[id];
  if (d->ops->ops[node->op]->op_class == OP_CLASS_LEAF && node->n_inputs == 0 && !node->name)
    return false; /* constants explain nothing */
  return scope_holds(d->options->scope, graph_text(d->g, node->stamp.scope));
}

static void count_op(Box *box, uint32_t op) {
  for (uint32_t i = 0; i < box->n_ops; i++)
    if (box->ops[i] == op) return;
  if (box->n_ops < DRAW_OPS) box->ops[box->n_ops++] = op;
}

/* Boxes by scope and role, while nodes are grouped. */
typedef struct BoxIndex {
  uint32_t *box; /* + 1; by key_of */
  uint32_t n;
} BoxIndex;

static uint32_t key_of(uint32_t scope, uint8_t role) {
  return scope * 4 + role;
}

/* Puts a node into the box of its scope, cut at the depth of its role. False: out of memory. */
static bool put_into_box(Draw *d, NodeId id, BoxIndex *index) {
  const Node *node = &d->g->nodes[id];
  Strings *strings = d->g->symbols->strings;
  const char *path = graph_text(d->g, node->stamp.scope);
  int depth = d->depth[node->stamp.role];
  uint32_t scope = strings_intern_n(strings, path, cut_length(path, depth));
  uint32_t key = key_of(scope, node->stamp.role);
  if (scope == UINT32_MAX || ARRAY_RESERVE(index->box, index->n, key, 1, NULL) != STATUS_OK)
    return false;
  uint32_t box = depth < 0 ? 0 : index->box[key];
  if (!box) {
    d->boxes[d->n_boxes] = (Box){.scope = scope, .role = node->stamp.role, .first = id};
    index->box[key] = box = ++d->n_boxes;
  }
  Box *b = &d->boxes[box - 1];
  b->count++;
  if (value_bytes(node) > b->bytes) b->bytes = value_bytes(node);
  if (d->ops->ops[node->op]->op_class != OP_CLASS_LEAF) count_op(b, node->op);
  d->box_of[id] = box;
  return true;
}

/* Groups nodes into boxes by depth. Boxes are in order of their first node. */
static Status group(Draw *d) {
  BoxIndex index = {0};
  bool ok = true;
  d->n_boxes = 0;
  memset(d->box_of, 0, d->g->n_nodes * sizeof *d->box_of);
  for (NodeId id = 1; ok && id < d->g->n_nodes; id++)
    if (drawn(d, id)) ok = put_into_box(d, id, &index);
  free(index.box);
  return ok ? STATUS_OK : diag_no_memory(d->diag, d->g->n_nodes);
}

/* The stream of each box, where the program has several. */
static void find_streams(Draw *d) {
  for (uint32_t s = 0; s < d->p->n_steps; s++)
    for (uint32_t k = 0; k < d->p->steps[s].count; k++) {
      uint32_t box = d->box_of[d->p->step_nodes[d->p->steps[s].first + k]];
      if (!box) continue;
      Box *b = &d->boxes[box - 1];
      if (!b->runs) b->stream = d->p->steps[s].stream;
      if (b->stream != d->p->steps[s].stream) b->stream = STREAM_NONE;
      b->runs = true;
    }
}

static int max_depth(const Graph *g) {
  int deepest = 0;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    int parts = 1;
    for (const char *at = graph_text(g, g->nodes[id].stamp.scope); *at; at++) parts += *at == '/';
    if (parts > deepest) deepest = parts;
  }
  return deepest;
}

static void set_depth(Draw *d, int forward, int derivatives, int update) {
  d->depth[ROLE_FORWARD] = forward;
  d->depth[ROLE_INNER] = d->depth[ROLE_OUTER] = derivatives;
  d->depth[ROLE_UPDATE] = update;
}

/* Unless told, as deep as it is readable: all of it alike, else the forward passes, beside which
 * derivatives are a box for each pass and updates one box. */
static Status choose_depth(Draw *d) {
  int depth = d->options->depth, deepest = max_depth(d->g);
  if (depth) {
    if (depth > 0) depth += scope_parts(d->options->scope);
    set_depth(d, depth, depth, depth);
    return group(d);
  }
  for (depth = deepest; depth > 0; depth--) {
    set_depth(d, depth, depth, depth);
    TRY(group(d));
    if (d->n_boxes <= DRAW_READABLE) return STATUS_OK;
    if (depth <= 2) break;
  }
  for (depth = deepest; depth > 1; depth--) {
    set_depth(d, depth, 1, 0);
    TRY(group(d));
    if (d->n_boxes <= DRAW_READABLE) return STATUS_OK;
  }
  set_depth(d, 1, 1, 0);
  return group(d);
}

/* ---- drawing ---- */

static void set(void *object, const char *name, const char *value) {
  agsafeset(object, (char *)(uintptr_t)name, (char *)(uintptr_t)value, (char *)(uintptr_t) "");
}

/* The name is its identity: it is never cut. */
static Agraph_t *subgraph(Agraph_t *parent, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static Agraph_t *subgraph(Agraph_t *parent, const char *format, ...) {
  char *name = NULL;
  va_list args;
  va_start(args, format);
  int length = vasprintf(&name, format, args);
  va_end(args);
  Agraph_t *made = length < 0 ? NULL : agsubg(parent, name, 1);
  if (length >= 0) free(name);
  return made;
}

/* The cluster of a role, then of each part of the scope's path. */
static Agraph_t *cluster(Agraph_t *root, const char *path, Role role, size_t length) {
  Agraph_t *at = subgraph(root, "cluster %s", role_name(role));
  if (!at) return NULL;
  set(at, "label", role_name(role));
  set(at, "style", "rounded,filled");
  set(at, "fillcolor", role_colors[role]);
  set(at, "color", "#999999");
  for (size_t end = 0; end < length;) {
    const char *slash = memchr(path + end + (end > 0), '/', length - end - (end > 0));
    size_t from = end + (end > 0);
    end = slash ? (size_t)(slash - path) : length;
    at = subgraph(at, "cluster %s %.*s", role_name(role), (int)end, path);
    if (!at) return NULL;
    char label[128];
    text_format(label, sizeof label, "%.*s", (int)(end - from), path + from);
    set(at, "label", label);
    set(at, "fillcolor", "#ffffff80");
  }
  return at;
}

static void box_label(const Draw *d, const Box *b, char *label, size_t size) {
  const Graph *g = d->g;
  const char *path = graph_text(g, b->scope), *last = strrchr(path, '/');
  char shape[SHAPE_TEXT_MAX];
  const Node *node = &g->nodes[b->first];
  if (b->count == 1) {
    const char *name = graph_text(g, node->name), *own = strrchr(name, '/');
    text_format(label, size, "%s%s%s\n%s %s", own ? own + 1 : name, *name ? ": " : "",
                d->ops->ops[node->op]->name, dtype_name((DType)node->dtype),
                shape_text(&node->shape, shape, sizeof shape));
    return;
  }
  size_t n = text_format(label, size, "%s\n%u nodes:",
                         *path ? (last ? last + 1 : path) : role_name((Role)b->role), b->count);
  for (uint32_t i = 0; i < b->n_ops; i++)
    n = text_append(label, size, n, " %s", d->ops->ops[b->ops[i]]->name);
}

static Status draw_boxes(Draw *d, Agraph_t *root) {
  for (uint32_t i = 0; i < d->n_boxes; i++) {
    Box *b = &d->boxes[i];
    const char *path = graph_text(d->g, b->scope);
    /* A box of a whole scope stands in the cluster around that scope. */
    const char *last = strrchr(path, '/');
    size_t length = d->depth[b->role] < 0 ? strlen(path) : last ? (size_t)(last - path) : 0;
    Agraph_t *in = cluster(root, path, (Role)b->role, length);
    char name[32], label[512];
    snprintf(name, sizeof name, "n%u", b->first);
    b->drawn = in ? agnode(in, name, 1) : NULL;
    if (!b->drawn) return diag_no_memory(d->diag, sizeof *b->drawn);
    box_label(d, b, label, sizeof label);
    set(b->drawn, "label", label);
    set(b->drawn, "tooltip", path);
    if (d->several && b->runs)
      set(b->drawn, "color", b->stream == STREAM_NONE ? "#999999" : stream_colors[b->stream]);
  }
  return STATUS_OK;
}

struct Link {
  uint32_t from, to;
  NodeId value; /* the largest */
  uint32_t count;
  bool waits; /* no value: a step waits for one of another stream */
};

static int by_ends(const void *a, const void *b) {
  const Link *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  if (x->to != y->to) return x->to < y->to ? -1 : 1;
  if (x->waits != y->waits) return x->waits ? 1 : -1;
  return x->value < y->value ? -1 : x->value > y->value;
}

/* One link for all values between two boxes, in place. Returns their number. */
static size_t join_links(const Graph *g, Link *links, size_t n) {
  size_t joined = 0;
  for (size_t i = 0; i < n;) {
    Link link = links[i];
    link.count = 0;
    NodeId before = NODE_NONE;
    for (; i < n && links[i].from == link.from && links[i].to == link.to &&
           links[i].waits == link.waits;
         i++) {
      link.count += links[i].value != before;
      before = links[i].value;
      if (value_bytes(&g->nodes[before]) > value_bytes(&g->nodes[link.value])) link.value = before;
    }
    links[joined++] = link;
  }
  return joined;
}

/* Adds a link for each wait behind the first `n`; returns how many there are then. */
static size_t find_waits(Draw *d, size_t n) {
  const PlanProgram *p = d->p;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].n_waits; k++) {
      const PlanStep *other = &p->steps[p->waits[p->steps[s].first_wait + k]];
      NodeId from = p->step_nodes[other->first + other->count - 1];
      NodeId to = p->step_nodes[p->steps[s].first];
      if (d->box_of[from] && d->box_of[to] && d->box_of[from] != d->box_of[to])
        d->links[n++] = (Link){d->box_of[from] - 1, d->box_of[to] - 1, from, 1, true};
    }
  return n;
}

static Status find_links(Draw *d) {
  const Graph *g = d->g;
  d->links = calloc((size_t)g->n_inputs + d->p->n_waits + 1, sizeof *d->links);
  if (!d->links) return diag_no_memory(d->diag, g->n_inputs * sizeof *d->links);
  size_t n = 0;
  for (NodeId id = 1; id < g->n_nodes; id++)
    for (uint32_t i = 0; d->box_of[id] && i < g->nodes[id].n_inputs; i++) {
      NodeId from = node_input(g, id, i);
      if (d->box_of[from] && d->box_of[from] != d->box_of[id])
        d->links[n++] = (Link){d->box_of[from] - 1, d->box_of[id] - 1, from, 1, false};
    }
  n = find_waits(d, n);
  qsort(d->links, n, sizeof *d->links, by_ends);
  d->n_links = join_links(g, d->links, n);
  return STATUS_OK;
}

static Status draw_link(Draw *d, Agraph_t *root, const Link *link) {
  Agedge_t *edge = agedge(root, d->boxes[link->from].drawn, d->boxes[link->to].drawn, NULL, 1);
  if (!edge) return diag_no_memory(d->diag, sizeof *edge);
  if (link->waits) {
    set(edge, "style", "dashed");
    set(edge, "constraint", "false"); /* where boxes stand is for values to say */
    return STATUS_OK;
  }
  char label[160], shape[SHAPE_TEXT_MAX];
  shape_text(&d->g->nodes[link->value].shape, shape, sizeof shape);
  if (link->count > 1)
    snprintf(label, sizeof label, "%s +%u", shape, link->count - 1);
  else
    snprintf(label, sizeof label, "%s", shape);
  set(edge, d->n_links > DRAW_LABELS ? "tooltip" : "label", label);
  return STATUS_OK;
}

static char said[256]; /* what Graphviz had to say, which would go to standard error */

static int note_said(char *text) {
  text_append(said, sizeof said, strlen(said), "%s", text);
  return 0;
}

/* The picture in memory: Graphviz ends the process when it cannot write. */
static Status render(Draw *d, Agraph_t *root, char **data, unsigned *length) {
  *said = 0;
  agseterrf(note_said);
  agseterr(AGERR); /* how well edges are routed is no news */
  GVC_t *context = gvContext();
  *data = NULL;
  if (!context) return diag_no_memory(d->diag, sizeof(void *));
  bool ok = gvLayout(context, root, "dot") == 0 &&
            gvRenderData(context, root, d->options->format, data, length) == 0;
  /* No gvFreeLayout: with nested clusters it frees a list of Graphviz 2.42 twice.  What it would
   * release goes with the process. */
  agseterrf(NULL);
  said[strcspn(said, "\n")] = 0;
  if (!ok || !*data)
    return diag_error(d->diag, STATUS_SYSTEM, d->options->format, "try --emit=dot",
                      "Graphviz cannot draw this picture%s%s", *said ? ": " : "", said);
  if (*said)
    diag_warning(d->diag, d->options->format,
                 "--emit=svg has no largest size; --depth=N, --scope=S", "Graphviz: %s", said);
  return STATUS_OK;
}

static Status write_picture(Draw *d, Agraph_t *root, const char *path) {
  bool standard = strcmp(path, "-") == 0, dot = strcmp(d->options->format, "dot") == 0;
  char *data = NULL;
  unsigned length = 0;
  if (!dot) TRY(render(d, root, &data, &length));
  FILE *out = standard ? stdout : fopen(path, "w");
  bool ok = out != NULL;
  if (ok) ok = dot ? agwrite(root, out) == 0 : fwrite(data, 1, length, out) == length;
  if (out) ok = !ferror(out) && ok;
  if (out && (standard ? fflush(out) : fclose(out)) != 0) ok = false;
  if (data) gvFreeRenderData(data);
  if (ok) return STATUS_OK;
  return diag_error(d->diag, STATUS_SYSTEM, standard ? "standard output" : path, NULL,
                    "cannot write the picture: %s", strerror(errno));
}

/* ---- ids of Graphviz objects ----
 *
 * The library's own are addresses of interned names, and it writes subgraphs in the order of their
 * ids.  These are in order of first use: even for names, odd for what has none. */

typedef struct Ids {
  Strings *names;
  uint64_t anonymous;
} Ids;

static void *ids_open(Agraph_t *graph, Agdisc_t *disc) {
  (void)graph, (void)disc;
  Ids *ids = calloc(1, sizeof *ids);
  if (ids && (ids->names = strings_create())) return ids;
  free(ids);
  return NULL;
}

static long ids_map(void *state, int type, char *name, IDTYPE *id, int create) {
  (void)type;
  Ids *ids = state;
  if (!name) {
    *id = ids->anonymous++ * 2 + 1;
    return 1;
  }
  uint32_t string = create ? strings_intern(ids->names, name) : strings_find(ids->names, name);
  *id = ((IDTYPE)string + 1) * 2;
  return string != UINT32_MAX;
}

static long ids_alloc(void *state, int type, IDTYPE id) {
  (void)state, (void)type, (void)id;
  return 0; /* nobody chooses ids */
}

static void ids_free(void *state, int type, IDTYPE id) {
  (void)state, (void)type, (void)id;
}

static char *ids_print(void *state, int type, IDTYPE id) {
  (void)type;
  const Ids *ids = state;
  return id % 2 ? NULL : (char *)(uintptr_t)strings_text(ids->names, (uint32_t)(id / 2 - 1));
}

static void ids_close(void *state) {
  Ids *ids = state;
  strings_destroy(ids->names);
  free(ids);
}

static void ids_register(void *state, int type, void *object) {
  (void)state, (void)type, (void)object;
}

static Agiddisc_t ids_disc = {ids_open,  ids_map,   ids_alloc,   ids_free,
                              ids_print, ids_close, ids_register};

/* Which border is which stream. */
static void legend(const Draw *d, char *label, size_t size) {
  static const char *const names[] = {"black",  "blue",  "red",  "green",
                                      "violet", "brown", "pink", "olive"};
  size_t n = text_append(label, size, strlen(label), "\nstreams: ");
  for (uint32_t k = 0; k < plan_streams(d->p); k++)
    n = text_append(label, size, n, "%s%u %s", k ? ", " : "", k, names[k]);
  text_append(label, size, n, "; grey: several; dashed: waits");
}

static Status draw_all(Draw *d, const char *path) {
  TRY(choose_depth(d));
  if (d->n_boxes == 0)
    return scope_unknown(d->p, 1, d->options->scope ? d->options->scope : "", d->diag);
  find_streams(d);
  TRY(find_links(d));
  bool tangled = d->n_boxes > DRAW_MAX || d->n_links > d->n_boxes + DRAW_TANGLE;
  if (tangled && strcmp(d->options->format, "dot") != 0)
    return diag_error(d->diag, STATUS_INVALID, path,
                      "a smaller --depth=N, --scope=SCOPE, or --emit=dot",
                      "%u boxes and %zu arrows make no readable picture", d->n_boxes, d->n_links);
  char name[256];
  text_format(name, sizeof name, "%s", graph_text(d->g, d->p->name));
  Agdisc_t disc = {&AgMemDisc, &ids_disc, &AgIoDisc};
  Agraph_t *root = agopen(name, Agdirected, &disc);
  if (!root) return diag_no_memory(d->diag, sizeof *root);
  if (d->several) legend(d, name, sizeof name);
  set(root, "label", name);
  set(root, "fontname", "Helvetica");
  set(root, "rankdir", "TB");
  /* Passes feed each other in turn: ranks are of boxes, not of clusters, which have none then. */
  set(root, "newrank", "true");
  set(root, "nslimit", "0.5");
  agattr(root, AGNODE, (char *)(uintptr_t) "shape", (char *)(uintptr_t) "box");
  agattr(root, AGNODE, (char *)(uintptr_t) "style", (char *)(uintptr_t) "rounded,filled");
  agattr(root, AGNODE, (char *)(uintptr_t) "fillcolor", (char *)(uintptr_t) "white");
  agattr(root, AGNODE, (char *)(uintptr_t) "fontname", (char *)(uintptr_t) "Helvetica");
  agattr(root, AGEDGE, (char *)(uintptr_t) "fontsize", (char *)(uintptr_t) "9");
  agattr(root, AGEDGE, (char *)(uintptr_t) "fontname", (char *)(uintptr_t) "Helvetica");
  Status status = draw_boxes(d, root);
  for (size_t i = 0; i < d->n_links && status == STATUS_OK; i++)
    status = draw_link(d, root, &d->links[i]);
  if (status == STATUS_OK) status = write_picture(d, root, path);
  agclose(root);
  return status;
}

Status draw_program(const PlanProgram *program, const OpTable *ops, const DrawOptions *options,
                    const char *path, Diag *diag) {
  Draw d = {.p = program, .g = program->graph, .ops = ops, .options = options, .diag = diag};
  d.several = plan_streams(program) > 1;
  d.boxes = calloc(d.g->n_nodes, sizeof *d.boxes);
  d.box_of = calloc(d.g->n_nodes, sizeof *d.box_of);
  Status status = d.boxes && d.box_of ? draw_all(&d, path)
                                      : diag_no_memory(diag, d.g->n_nodes * sizeof *d.boxes);
  free(d.boxes);
  free(d.box_of);
  free(d.links);
  return status;
}
