/* A view as a graph of libcgraph: names are never pasted into Graphviz text by hand. */
#include "graph/draw/draw_internal.h"

#include "graph/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_NAME 40   /* bytes of a name in a label */
#define LABEL_HALVES 18 /* bytes of its two ends, when it is longer */
#define FEW_LABELS 400  /* arrows with words: with more of them nobody reads any */
#define RANK_ROUNDS 64
#define ROW 6                       /* boxes side by side that no arrow brought there */
#define CYLINDER_MARGIN "0.12,0.11" /* the words stay below its rim */

static const char *const stream_colors[TARGET_STREAMS_MAX + 1] = {"black",   "#1f77b4", "#d62728",
                                                                  "#2ca02c", "#9467bd", "#8c564b",
                                                                  "#e377c2", "#bcbd22", "#17becf"};
static const char *const kind_colors[] = {
    [VIEW_INPUT] = "#f4f4f4",   [VIEW_STATE] = "#e6e6e6",    [VIEW_RANDOM] = "#fff3c4",
    [VIEW_FORWARD] = "#dbe9f6", [VIEW_GRADIENT] = "#fde0c5", [VIEW_FIELD] = "#dcefd5"};
static const char second_order[] = "#f6cbd4";

static char *text(const char *constant) {
  return (char *)(uintptr_t)constant; /* the library's functions do not change them */
}

static void set(void *object, const char *name, const char *value) {
  agsafeset(object, text(name), text(value), text(""));
}

/* ---- labels ---- */

/* Appends what Graphviz shows as this text: it gives a meaning to backslashes and to the entities
 * of HTML; what is no character, and what would end a line, becomes `?`. */
static size_t put_escaped(char *out, size_t size, size_t used, const char *from, size_t length) {
  for (size_t i = 0; i < length && used + 12 < size;) {
    size_t n = text_char_length(from + i, length - i);
    unsigned char c = (unsigned char)from[i];
    if (n == 0 || (n == 1 && (c < ' ' || c == 127)))
      out[used++] = '?';
    else if (c == '\\')
      used += (size_t)snprintf(out + used, size - used, "\\\\");
    else if (c == '&')
      used += (size_t)snprintf(out + used, size - used, "&amp;");
    else
      for (size_t k = 0; k < n; k++) out[used++] = from[i + k];
    i += n ? n : 1;
  }
  out[used] = 0;
  return used;
}

/* A name of any length: of a long one both ends. */
static size_t put_name(char *out, size_t size, size_t used, const char *name) {
  size_t n = strlen(name);
  if (n <= LABEL_NAME) return put_escaped(out, size, used, name, n);
  size_t tail = n - LABEL_HALVES;
  while (((unsigned char)name[tail] & 0xc0) == 0x80) tail++; /* not within a character */
  used = put_escaped(out, size, used, name, text_cut_n(name, n, LABEL_HALVES));
  used += (size_t)snprintf(out + used, size - used, "...");
  return put_escaped(out, size, used, name + tail, n - tail);
}

/* Lines of our own, each of which may hold names. */
static size_t put_lines(char *out, size_t size, size_t used, const char *lines) {
  for (const char *at = lines; *at;) {
    size_t n = strcspn(at, "\n");
    used += (size_t)snprintf(out + used, size - used, "\\n");
    used = put_escaped(out, size, used, at, n);
    at += n + (at[n] == '\n');
  }
  return used;
}

static void set_label(void *object, const char *title, const char *lines) {
  char label[2048];
  size_t used = put_name(label, sizeof label, 0, title);
  put_lines(label, sizeof label, used, lines);
  set(object, "label", label);
}

/* What is shown when the pointer rests on it, and what a page links by. */
static void set_path(void *object, const char *path, const char *title) {
  size_t size = 6 * (strlen(path) + strlen(title)) + 64;
  char *escaped = malloc(size);
  if (!escaped) return;
  put_escaped(escaped, size, 0, *path ? path : title, strlen(*path ? path : title));
  set(object, "tooltip", escaped);
  put_escaped(escaped, size, 0, path, strlen(path));
  if (*path) set(object, "scope", escaped);
  free(escaped);
}

/* ---- colours ---- */

/* From white to a strong colour, for a share of the largest. */
static void shade(double share, const char *strong, char out[8]) {
  unsigned r, g, b;
  if (!(share > 0)) share = 0;
  if (share > 1) share = 1;
  if (sscanf(strong, "#%2x%2x%2x", &r, &g, &b) != 3) r = g = b = 128;
  double part = sqrt(share);
  snprintf(out, 8, "#%02x%02x%02x", (unsigned)(255 - part * (255 - r)),
           (unsigned)(255 - part * (255 - g)), (unsigned)(255 - part * (255 - b)));
}

typedef struct Scale {
  double time, bytes;     /* of the largest box */
  uint32_t *marked, *all; /* by box: its nodes; NULL: none is marked */
} Scale;

static bool count_marks(const View *v, const uint8_t *marks, NodeId n_nodes, Scale *s) {
  s->marked = calloc(v->n_boxes + 1, sizeof *s->marked);
  s->all = calloc(v->n_boxes + 1, sizeof *s->all);
  if (!s->marked || !s->all) return false;
  for (NodeId id = 1; id < n_nodes; id++) {
    if (!v->box_of[id]) continue;
    s->all[v->box_of[id] - 1]++;
    s->marked[v->box_of[id] - 1] += marks[id] != 0;
  }
  return true;
}

static const char *mark_color(const Scale *s, uint32_t box) {
  if (!s->marked[box]) return "#f4f4f4";
  return s->marked[box] == s->all[box] ? "#9bd89b" : "#ffd77a";
}

static Scale find_scale(const View *v) {
  Scale s = {0};
  for (uint32_t i = 0; i < v->n_boxes; i++) {
    if (v->boxes[i].time > s.time) s.time = v->boxes[i].time;
    if ((double)v->boxes[i].bytes > s.bytes) s.bytes = (double)v->boxes[i].bytes;
  }
  return s;
}

static const char *role_color(ViewKind kind, uint8_t order) {
  return kind == VIEW_GRADIENT && order > 1 ? second_order : kind_colors[kind];
}

static const char *fill(const ViewBox *b, DrawColor color, const Scale *s, char out[8]) {
  switch (color) {
  case DRAW_TIME:
    shade(s->time > 0 ? b->time / s->time : 0, "#e8603c", out);
    return out;
  case DRAW_MEMORY:
    shade(s->bytes > 0 ? (double)b->bytes / s->bytes : 0, "#8a6fc8", out);
    return out;
  case DRAW_STREAM:
    if (b->stream == VIEW_NONE) return b->kernels ? "#d0d0d0" : "white";
    shade(0.25, stream_colors[b->stream], out);
    return out;
  case DRAW_DEVICE:
    return b->meets ? "#f6cbd4" : b->kernels ? "#dbe9f6" : "white";
  case DRAW_ROLE:
    break;
  }
  return role_color(b->kind, b->order);
}

bool draw_color_find(const char *name, DrawColor *out) {
  static const char *const names[] = {"role", "time", "memory", "stream", "device"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) {
      *out = (DrawColor)i;
      return true;
    }
  return false;
}

/* Pens grow with the bytes, from a megabyte to a gigabyte, by 1 to 3 points. */
static void set_pen(void *object, int64_t bytes, double most) {
  double width = bytes > 1000000 ? 1 + log10((double)bytes / 1e6) * (most - 1) / 3 : 1;
  char number[16];
  if (width > most) width = most;
  snprintf(number, sizeof number, "%.1f", width);
  set(object, "penwidth", number);
}

/* ---- boxes ---- */

static bool is_source(const ViewBox *b) {
  return b->kind == VIEW_INPUT || b->kind == VIEW_STATE || b->kind == VIEW_RANDOM;
}

static void set_shape(Agnode_t *node, const View *v, const ViewBox *b, const char *color) {
  char striped[128];
  bool octagon = b->kind == VIEW_RANDOM || b->randoms;
  if (b->kind == VIEW_STATE) set(node, "shape", "cylinder");
  if (b->kind == VIEW_STATE) set(node, "margin", CYLINDER_MARGIN);
  if (b->kind == VIEW_INPUT) set(node, "shape", "note");
  if (octagon) set(node, "shape", "octagon");
  if (b->commits) set(node, "peripheries", "2");
  if (view_at_peak(v, b) && !octagon) { /* Graphviz stripes rectangles only */
    snprintf(striped, sizeof striped,
             "#8a6fc8;0.02:%s;0.02:#8a6fc8;0.02:%s;0.88:#8a6fc8;0.02:%s;0.02:#8a6fc8", color, color,
             color);
    set(node, "margin", "0.3,0.05");
    set(node, "style", b->outside ? "striped,dashed" : "striped");
    set(node, "fillcolor", striped);
    return;
  }
  set(node, "style", b->outside ? "filled,dashed" : "filled");
  set(node, "fillcolor", color);
}

static Agnode_t *draw_box(Agraph_t *in, const View *v, uint32_t index, const DrawOptions *options,
                          const Scale *scale, bool brief) {
  const ViewBox *b = &v->boxes[index];
  char name[32], color[8];
  if (options->page)
    snprintf(name, sizeof name, "b%u", index);
  else
    snprintf(name, sizeof name, "n%u", b->first);
  Agnode_t *node = agnode(in, name, 1);
  if (!node) return NULL;
  if (options->page) set(node, "id", name);
  set_label(node, b->title, brief && b->outside ? "" : b->detail);
  if (!options->page) set_path(node, b->path, b->title);
  set_shape(node, v, b,
            scale->marked ? mark_color(scale, index) : fill(b, options->color, scale, color));
  set_pen(node, b->bytes, 2.5);
  if (b->meets) set(node, "color", "#d62728");
  if (v->streams > 1 && b->kernels)
    set(node, "color", b->stream == VIEW_NONE ? "#999999" : stream_colors[b->stream]);
  return node;
}

static Agraph_t *draw_cluster(Agraph_t *parent, const ViewCluster *c, uint32_t index, bool page) {
  char name[32];
  snprintf(name, sizeof name, "cluster%u", index);
  Agraph_t *made = agsubg(parent, name, 1);
  if (!made) return NULL;
  snprintf(name, sizeof name, "c%u", index);
  if (page) set(made, "id", name);
  set_label(made, c->title, c->detail);
  if (!page) set_path(made, c->path, c->title);
  set(made, "style", "rounded,filled");
  set(made, "fillcolor", c->parent == VIEW_NONE ? "#f3f8fd" : "#e9f1fa");
  set(made, "color", "#8899aa");
  return made;
}

/* ---- arrows ---- */

/* How far down a box stands, and how much is below it: the longest ways, rounds aside. */
typedef struct Ranks {
  uint32_t *depth, *height;
  uint32_t *head, *tail; /* of a cluster: the box with most below it, and the lowest */
  bool *fed;             /* an arrow comes in, from another box than a source */
  uint32_t *above; /* of a box that has no arrow beside it, and many are alike: the one over it */
} Ranks;

static void find_ranks(const View *v, Ranks *r) {
  bool moved = true;
  for (uint32_t round = 0; moved && round < RANK_ROUNDS; round++) {
    moved = false;
    for (uint32_t i = 0; i < v->n_arrows; i++) {
      const ViewArrow *a = &v->arrows[i];
      uint32_t from = a->from.index, to = a->to.index;
      if (a->waits || a->to.cluster) continue;
      r->fed[to] = r->fed[to] || a->from.cluster || !is_source(&v->boxes[from]);
      if (a->from.cluster) continue;
      if (r->depth[to] <= r->depth[from]) r->depth[to] = r->depth[from] + 1, moved = true;
      if (r->height[from] <= r->height[to]) r->height[from] = r->height[to] + 1, moved = true;
    }
  }
}

/* The boxes that an arrow from or to a cluster is fixed at; Graphviz cuts it at the border. */
static void find_ends(const View *v, Ranks *r) {
  for (uint32_t c = 0; c < v->n_clusters; c++) r->head[c] = r->tail[c] = VIEW_NONE;
  for (uint32_t i = 0; i < v->n_boxes; i++)
    for (uint32_t c = v->boxes[i].cluster; c != VIEW_NONE; c = v->clusters[c].parent) {
      uint32_t head = r->head[c], tail = r->tail[c];
      if (head == VIEW_NONE || r->height[i] > r->height[head]) r->head[c] = i;
      if (tail == VIEW_NONE || r->depth[i] >= r->depth[tail]) r->tail[c] = i;
    }
}

/* The cluster that an end stands in. */
static uint32_t stands_in(const View *v, ViewEnd end) {
  return end.cluster ? v->clusters[end.index].parent : v->boxes[end.index].cluster;
}

/* Boxes of one cluster, or of none, that have no arrow to each other would be one row, of any
 * width: they become rows of ROW. */
static bool find_rows(const View *v, Ranks *r) {
  uint32_t *column = malloc((v->n_clusters + 1) * ROW * sizeof *column);
  uint32_t *n = calloc(v->n_clusters + 1, sizeof *n);
  bool *busy = calloc(v->n_boxes + 1, sizeof *busy), ok = column && n && busy;
  for (uint32_t i = 0; ok && i < v->n_arrows; i++) {
    const ViewArrow *a = &v->arrows[i];
    if (a->waits || stands_in(v, a->from) != stands_in(v, a->to)) continue;
    if (!a->from.cluster) busy[a->from.index] = true;
    if (!a->to.cluster) busy[a->to.index] = true;
  }
  for (uint32_t i = 0; ok && i < v->n_boxes; i++) {
    const ViewBox *b = &v->boxes[i];
    uint32_t c = b->cluster == VIEW_NONE ? v->n_clusters : b->cluster;
    r->above[i] = VIEW_NONE;
    if (busy[i] || is_source(b) || b->outside) continue;
    uint32_t *at = &column[c * ROW + n[c] % ROW];
    if (n[c]++ >= ROW) r->above[i] = *at;
    *at = i;
  }
  free(column);
  free(n);
  free(busy);
  return ok;
}

static bool draw_rows(Agraph_t *root, const View *v, Agnode_t *const *nodes, const Ranks *r) {
  for (uint32_t i = 0; i < v->n_boxes; i++) {
    if (r->above[i] == VIEW_NONE) continue;
    Agedge_t *edge = agedge(root, nodes[r->above[i]], nodes[i], NULL, 1);
    if (!edge) return false;
    set(edge, "style", "invis");
  }
  return true;
}

/* Boxes of a cluster that nothing comes into stand beside its first one: else they would stand at
 * the top of the picture, and the cluster reach up to there. */
static bool hold_up(Agraph_t *const *clusters, const View *v, Agnode_t *const *nodes,
                    const Ranks *r) {
  for (uint32_t i = 0; i < v->n_boxes; i++) {
    uint32_t c = v->boxes[i].cluster, head = c == VIEW_NONE ? VIEW_NONE : r->head[c];
    if (head == VIEW_NONE || head == i || v->boxes[head].cluster != c || r->fed[i] ||
        r->above[i] != VIEW_NONE)
      continue;
    char name[32];
    snprintf(name, sizeof name, "row%u", c);
    Agraph_t *row = agsubg(clusters[c], name, 1);
    if (!row) return false;
    set(row, "rank", "same");
    if (!agsubnode(row, nodes[head], 1) || !agsubnode(row, nodes[i], 1)) return false;
  }
  return true;
}

/* The words of an arrow; `gap` is left on both sides of each line, where the arrow passes. */
static void put_words(char *out, size_t size, const char *words, const char *gap) {
  size_t used = 0;
  for (const char *at = words; *at;) {
    size_t n = strcspn(at, "\n");
    used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "\\n" : "", gap);
    used = put_escaped(out, size, used, at, n);
    used += (size_t)snprintf(out + used, size - used, "%s", gap);
    at += n + (at[n] == '\n');
  }
  out[used] = 0;
}

static void set_arrow(Agedge_t *edge, const ViewArrow *arrow, uint32_t index, bool silent,
                      bool page) {
  char name[32];
  snprintf(name, sizeof name, "e%u", index);
  if (page) set(edge, "id", name);
  if (arrow->from.cluster) {
    snprintf(name, sizeof name, "cluster%u", arrow->from.index);
    set(edge, "ltail", name);
  }
  if (arrow->to.cluster) {
    snprintf(name, sizeof name, "cluster%u", arrow->to.index);
    set(edge, "lhead", name);
  }
  if (arrow->waits) {
    set(edge, "style", "dashed");
    set(edge, "constraint", "false"); /* where boxes stand is for values to say */
    return;
  }
  char label[512];
  put_words(label, sizeof label, arrow->words, silent ? "" : " ");
  set(edge, silent ? "tooltip" : "label", label);
  set_pen(edge, arrow->bytes, 3.5);
  if (arrow->both) set(edge, "dir", "both");
  if (arrow->saved) set(edge, "color", "#c07830");
}

static bool draw_arrows(Agraph_t *root, const View *v, Agnode_t *const *nodes, const Ranks *r,
                        bool silent, bool page) {
  for (uint32_t i = 0; i < v->n_arrows; i++) {
    const ViewArrow *arrow = &v->arrows[i];
    uint32_t from = arrow->from.cluster ? r->tail[arrow->from.index] : arrow->from.index,
             to = arrow->to.cluster ? r->head[arrow->to.index] : arrow->to.index;
    if (from == VIEW_NONE || to == VIEW_NONE) continue;
    Agedge_t *edge = agedge(root, nodes[from], nodes[to], NULL, 1);
    if (!edge) return false;
    set_arrow(edge, arrow, i, silent || v->n_arrows > FEW_LABELS, page);
  }
  return true;
}

static bool connect(Agraph_t *root, const View *v, Agraph_t *const *clusters,
                    Agnode_t *const *nodes, bool silent, bool page) {
  Ranks r = {.depth = calloc(v->n_boxes + 1, sizeof *r.depth),
             .height = calloc(v->n_boxes + 1, sizeof *r.height),
             .head = calloc(v->n_clusters + 1, sizeof *r.head),
             .tail = calloc(v->n_clusters + 1, sizeof *r.tail),
             .fed = calloc(v->n_boxes + 1, sizeof *r.fed),
             .above = calloc(v->n_boxes + 1, sizeof *r.above)};
  bool ok = r.depth && r.height && r.head && r.tail && r.fed && r.above && find_rows(v, &r);
  if (ok) {
    find_ranks(v, &r);
    find_ends(v, &r);
    ok = hold_up(clusters, v, nodes, &r) && draw_arrows(root, v, nodes, &r, silent, page) &&
         draw_rows(root, v, nodes, &r);
  }
  free(r.depth);
  free(r.height);
  free(r.head);
  free(r.tail);
  free(r.fed);
  free(r.above);
  return ok;
}

/* ---- the whole ---- */

static void set_legend(Agraph_t *root, const Plan *plan, const PlanProgram *program, const View *v,
                       const DrawOptions *options) {
  char label[4096], legend[DRAW_LEGEND_MAX];
  size_t used = put_name(label, sizeof label, 0, plan_text(plan, program->name));
  if (options->view.scope && *options->view.scope) {
    used += (size_t)snprintf(label + used, sizeof label - used, ": ");
    used = put_name(label, sizeof label, used, options->view.scope);
  }
  draw_legend(v, options, legend);
  put_lines(label, sizeof label, used, legend);
  set(root, "label", label);
}

static void set_defaults(Agraph_t *root) {
  static const char *const graph[][2] = {
      {"fontname", "Helvetica"},
      {"fontsize", "11"},
      {"rankdir", "TB"},
      {"compound", "true"},
      /* Passes feed each other in turn: ranks are of boxes, not of clusters. */
      {"newrank", "true"},
      {"nslimit", "0.5"},
      {"nodesep", "0.2"},
      {"ranksep", "0.25"}};
  static const char *const node[][2] = {{"shape", "box"},       {"style", "filled"},
                                        {"fillcolor", "white"}, {"fontname", "Helvetica"},
                                        {"fontsize", "10"},     {"margin", "0.09,0.05"},
                                        {"height", "0.3"}};
  static const char *const edge[][2] = {
      {"fontsize", "9"}, {"fontname", "Helvetica"}, {"arrowsize", "0.7"}, {"color", "#333333"}};
  for (size_t i = 0; i < sizeof graph / sizeof *graph; i++) set(root, graph[i][0], graph[i][1]);
  for (size_t i = 0; i < sizeof node / sizeof *node; i++)
    agattr(root, AGNODE, text(node[i][0]), text(node[i][1]));
  for (size_t i = 0; i < sizeof edge / sizeof *edge; i++)
    agattr(root, AGEDGE, text(edge[i][0]), text(edge[i][1]));
}

static bool draw_all(Agraph_t *root, const View *v, const DrawOptions *options, DrawBrief brief,
                     const Scale *scale, Agraph_t **clusters, Agnode_t **nodes) {
  for (uint32_t i = 0; i < v->n_clusters; i++) {
    const ViewCluster *c = &v->clusters[i];
    clusters[i] =
        draw_cluster(c->parent == VIEW_NONE ? root : clusters[c->parent], c, i, options->page);
    if (!clusters[i]) return false;
  }
  Agraph_t *sources = agsubg(root, text("sources"), 1);
  if (!sources) return false;
  set(sources, "rank", "source");
  for (uint32_t i = 0; i < v->n_boxes; i++) {
    const ViewBox *b = &v->boxes[i];
    Agraph_t *in = is_source(b) ? sources : b->cluster == VIEW_NONE ? root : clusters[b->cluster];
    nodes[i] = draw_box(in, v, i, options, scale, brief != DRAW_FULL);
    if (!nodes[i]) return false;
  }
  return connect(root, v, clusters, nodes, brief == DRAW_SILENT, options->page);
}

Agraph_t *draw_graph(const Plan *plan, const PlanProgram *program, const View *v,
                     const DrawOptions *options, DrawBrief brief) {
  char name[256];
  text_format(name, sizeof name, "%s", options->page ? "" : plan_text(plan, program->name));
  Agdisc_t disc = {&AgMemDisc, &draw_ids, &AgIoDisc};
  Agraph_t *root = agopen(name, Agdirected, &disc);
  if (!root) return NULL;
  set_defaults(root);
  if (!options->page) {
    /* Ids differ between pictures of one model, which may stand in one page. */
    uint32_t index = 0;
    while (index < plan->n_programs && &plan->programs[index] != program) index++;
    text_format(name, sizeof name, "p%u", index);
    set(root, "id", name);
    set_legend(root, plan, program, v, options);
  }
  Agraph_t **clusters = calloc(v->n_clusters + 1, sizeof *clusters);
  Agnode_t **nodes = calloc(v->n_boxes + 1, sizeof *nodes);
  Scale scale = find_scale(v);
  bool ok = clusters && nodes &&
            (!options->marks || count_marks(v, options->marks, program->graph->n_nodes, &scale)) &&
            draw_all(root, v, options, brief, &scale, clusters, nodes);
  free(scale.marked);
  free(scale.all);
  free(clusters);
  free(nodes);
  if (ok) return root;
  agclose(root);
  return NULL;
}
