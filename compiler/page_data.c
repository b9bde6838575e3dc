/* Columns of a program: what the page searches, sorts and draws over time. */
#include "compiler/page_data.h"

#include "compiler/liveness.h"
#include "ops/ops.h"
#include "ops/work.h"

typedef struct PageData {
  const Plan *plan;
  const PlanProgram *p;
  const Graph *g;
  Strings *strings;
  json_t *out;
  int64_t *moved;  /* bytes, by node */
  uint32_t *steps; /* by node; 0: in none */
  bool full;       /* out of memory */
} PageData;

/* A column of the table `of`, to be filled; NULL: out of memory. */
static json_t *column(PageData *d, json_t *of, const char *name) {
  json_t *list = json_array();
  if (json_object_set_new(of, name, list) != 0) d->full = true;
  return d->full ? NULL : list;
}

static json_t *table(PageData *d, const char *name) {
  json_t *object = json_object();
  if (json_object_set_new(d->out, name, object) != 0) d->full = true;
  return d->full ? NULL : object;
}

static void put(PageData *d, json_t *list, int64_t value) {
  if (!list || json_array_append_new(list, json_integer((json_int_t)value)) != 0) d->full = true;
}

static void put_text(PageData *d, json_t *list, const char *text) {
  uint32_t id = strings_intern(d->strings, text);
  if (id == UINT32_MAX) d->full = true;
  put(d, list, id);
}

static void put_type(PageData *d, json_t *list, const Node *node) {
  char shape[SHAPE_TEXT_MAX], text[SHAPE_TEXT_MAX + 16];
  snprintf(text, sizeof text, "%s %s", dtype_name((DType)node->dtype),
           shape_text(&node->shape, shape, sizeof shape));
  put_text(d, list, text);
}

static void put_inputs(PageData *d, json_t *list, NodeId id) {
  json_t *inputs = json_array();
  for (uint32_t i = 0; i < d->g->nodes[id].n_inputs; i++) put(d, inputs, node_input(d->g, id, i));
  if (!list || json_array_append_new(list, inputs) != 0) d->full = true;
}

/* Entry 0 stands for no node, so that a node's number is its index. */
static void put_nodes(PageData *d) {
  json_t *of = table(d, "nodes");
  json_t *op = column(d, of, "op"), *name = column(d, of, "name"), *scope = column(d, of, "scope");
  json_t *loc = column(d, of, "loc");
  json_t *role = column(d, of, "role"), *order = column(d, of, "order");
  json_t *type = column(d, of, "type"), *bytes = column(d, of, "bytes");
  json_t *macs = column(d, of, "macs"), *step = column(d, of, "step");
  json_t *inputs = column(d, of, "inputs");
  for (NodeId id = 0; id < d->g->n_nodes && !d->full; id++) {
    const Node *node = &d->g->nodes[id];
    put(d, op, node->op);
    put_text(d, name, graph_text(d->g, node->name));
    put_text(d, scope, graph_text(d->g, node->stamp.scope));
    put(d, loc, node->stamp.loc);
    put(d, role, node->stamp.role);
    put(d, order, node->stamp.order);
    put_type(d, type, node);
    put(d, bytes, id ? value_bytes(node) : 0);
    put(d, macs, id ? node_macs(d->g, id) : 0);
    put(d, step, (int64_t)d->steps[id] - 1);
    put_inputs(d, inputs, id);
  }
}

/* The member a kernel is named after: the one with most multiply-adds, else the last. */
static NodeId main_member(const PageData *d, const PlanStep *s) {
  NodeId main = d->p->step_nodes[s->first + s->count - 1];
  int64_t most = 0;
  for (uint32_t k = 0; k < s->count; k++) {
    NodeId id = d->p->step_nodes[s->first + k];
    int64_t macs = node_macs(d->g, id);
    if (macs > most) main = id;
    if (macs > most) most = macs;
  }
  return main;
}

/* Its ops in order, each once, with how many there are: `conv2d`, `mul*3 add`. */
static json_t *step_label(const PageData *d, const PlanStep *s) {
  char text[160] = "";
  size_t n = 0;
  for (uint32_t k = 0; k < s->count && n < 120; k++) {
    uint32_t op = d->g->nodes[d->p->step_nodes[s->first + k]].op, same = 0;
    bool before = false;
    for (uint32_t j = 0; j < s->count; j++) {
      bool alike = d->g->nodes[d->p->step_nodes[s->first + j]].op == op;
      before = before || (alike && j < k);
      same += alike;
    }
    if (before) continue;
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", op_desc(op)->name);
    if (same > 1 && n < 140) n += (size_t)snprintf(text + n, sizeof text - n, "*%u", same);
  }
  return json_string(text);
}

static void put_steps(PageData *d) {
  json_t *of = table(d, "steps");
  json_t *first = column(d, of, "first"), *count = column(d, of, "count");
  json_t *main = column(d, of, "main"), *label = column(d, of, "label");
  json_t *macs = column(d, of, "macs"), *bytes = column(d, of, "bytes");
  json_t *stream = column(d, of, "stream"), *nodes = column(d, of, "nodes");
  for (uint32_t i = 0; i < d->p->n_steps && !d->full; i++) {
    const PlanStep *s = &d->p->steps[i];
    int64_t work = 0, moved = 0;
    for (uint32_t k = 0; k < s->count; k++) {
      work += node_macs(d->g, d->p->step_nodes[s->first + k]);
      moved += d->moved[d->p->step_nodes[s->first + k]];
    }
    put(d, first, s->first);
    put(d, count, s->count);
    put(d, main, main_member(d, s));
    if (json_array_append_new(label, step_label(d, s)) != 0) d->full = true;
    put(d, macs, work);
    put(d, bytes, moved);
    put(d, stream, s->stream);
  }
  for (uint32_t i = 0; i < d->p->n_step_nodes && !d->full; i++) put(d, nodes, d->p->step_nodes[i]);
}

/* ---- what is alive ---- */

/* A value and the buffer it lies in. */
typedef struct Tenant {
  uint32_t buffer, step; /* the step that makes it, 0: it is there before the first */
  NodeId node;
} Tenant;

static int by_buffer(const void *a, const void *b) {
  const Tenant *x = a, *y = b;
  if (x->buffer != y->buffer) return x->buffer < y->buffer ? -1 : 1;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

static uint32_t find_tenants(const PageData *d, const Lives *lives, Tenant *tenants) {
  uint32_t n = 0;
  for (NodeId id = 1; id < d->g->n_nodes; id++)
    if (lives->base[id] == id && lives->buffer[id] != LIVES_NONE)
      tenants[n++] = (Tenant){lives->buffer[id], lives->step_of[id], id};
  qsort(tenants, n, sizeof *tenants, by_buffer);
  return n;
}

typedef struct LifeColumns {
  json_t *node, *from, *to, *bytes, *work;
} LifeColumns;

static void put_life(PageData *d, const LifeColumns *c, NodeId node, uint32_t from, uint32_t to,
                     int64_t bytes, bool work) {
  put(d, c->node, node);
  put(d, c->from, (int64_t)from - 1);
  put(d, c->to, (int64_t)to - 1);
  put(d, c->bytes, bytes);
  put(d, c->work, work);
}

/* Kernels count from 0, as in reports; -1 is before the first.  One row for each value in its
 * buffer, until the next one is made in its place: the rows that hold a step add up to the bytes
 * that are alive there. */
static void put_lives(PageData *d, const Lives *lives, Tenant *tenants) {
  json_t *of = table(d, "lives");
  LifeColumns c = {column(d, of, "node"), column(d, of, "from"), column(d, of, "to"),
                   column(d, of, "bytes"), column(d, of, "work")};
  uint32_t n = find_tenants(d, lives, tenants);
  for (uint32_t i = 0; i < n && !d->full; i++) {
    const OffsetItem *item = &lives->items[tenants[i].buffer];
    bool first = i == 0 || tenants[i - 1].buffer != tenants[i].buffer;
    bool last = i + 1 == n || tenants[i + 1].buffer != tenants[i].buffer;
    uint32_t from = first ? item->start : tenants[i].step;
    uint32_t to = last ? item->end : tenants[i + 1].step - 1;
    if (from <= to) put_life(d, &c, tenants[i].node, from, to, item->bytes, false);
  }
  for (uint32_t i = lives->n_values; i < lives->n_items && !d->full; i++) {
    const OffsetItem *item = &lives->items[i];
    const PlanStep *s = &d->p->steps[item->start - 1];
    put_life(d, &c, main_member(d, s), item->start, item->end, item->bytes, true);
  }
}

/* Bytes taken while each kernel runs. */
static void put_live(PageData *d, const Lives *lives) {
  int64_t *change = calloc((size_t)d->p->n_steps + 3, sizeof *change);
  if (!change) {
    d->full = true;
    return;
  }
  for (uint32_t i = 0; i < lives->n_items; i++) {
    change[lives->items[i].start] += lives->items[i].bytes;
    change[lives->items[i].end + 1] -= lives->items[i].bytes;
  }
  json_t *live = column(d, d->out, "live");
  int64_t alive = change[0];
  for (uint32_t s = 1; s <= d->p->n_steps; s++) put(d, live, alive += change[s]);
  free(change);
}

/* ---- all of a program ---- */

static const char *kind_name(uint8_t kind) {
  static const char *const names[] = {"train", "evaluate", "extract", "other"};
  return names[kind];
}

/* The chart's mark stands at a kernel, also where the peak is before the first or at the end. */
static void put_facts(PageData *d, const Lives *lives) {
  uint32_t peak = lives->taken.step ? lives->taken.step - 1 : 0;
  if (peak && peak >= d->p->n_steps) peak = d->p->n_steps - 1;
  json_t *facts =
      json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "name", plan_text(d->plan, d->p->name),
                "kind", kind_name(d->p->kind), "macs", (json_int_t)d->p->macs, "scratch",
                (json_int_t)d->p->scratch_bytes, "bound", (json_int_t)lives->bound.bytes, "most",
                (json_int_t)lives->taken.bytes, "peak", (json_int_t)peak);
  if (!facts || json_object_update_missing_new(d->out, facts) != 0) d->full = true;
}

static Status fill(PageData *d, const Lives *lives, Tenant *tenants, Diag *diag) {
  TRY(work_bytes(d->plan, d->p, diag, d->moved));
  d->steps = lives->step_of;
  put_facts(d, lives);
  put_nodes(d);
  put_steps(d);
  put_lives(d, lives, tenants);
  put_live(d, lives);
  return d->full ? diag_no_memory(diag, sizeof *d->out) : STATUS_OK;
}

Status page_program(const Plan *plan, const PlanProgram *program, Strings *strings, Diag *diag,
                    json_t **out) {
  Lives lives;
  PageData d = {.plan = plan, .p = program, .g = program->graph, .strings = strings};
  *out = NULL;
  Status status = lives_find(plan, program, diag, &lives);
  if (status == STATUS_OK) status = lives_take(program, &lives, diag);
  Tenant *tenants = calloc(d.g->n_nodes, sizeof *tenants);
  d.moved = calloc(d.g->n_nodes, sizeof *d.moved);
  d.out = json_object();
  if (status == STATUS_OK)
    status = tenants && d.moved && d.out ? fill(&d, &lives, tenants, diag)
                                         : diag_no_memory(diag, d.g->n_nodes * sizeof *tenants);
  if (status == STATUS_OK)
    *out = d.out;
  else
    json_decref(d.out);
  free(tenants);
  free(d.moved);
  lives_free(&lives);
  return status;
}

Status page_locs(const Plan *plan, Strings *strings, Diag *diag, json_t **out) {
  PageData d = {.plan = plan, .strings = strings, .out = json_object()};
  if (!d.out) return diag_no_memory(diag, sizeof *d.out);
  json_t *file = column(&d, d.out, "file"), *line = column(&d, d.out, "line");
  json_t *chain = column(&d, d.out, "chain");
  for (uint32_t i = 0; i < plan->symbols->n_locs && !d.full; i++) {
    const SourceLoc *loc = &plan->symbols->locs[i];
    put_text(&d, file, i ? plan_text(plan, loc->file) : "");
    put(&d, line, i ? loc->line : 0);
    put(&d, chain, i ? loc->chain : 0);
  }
  if (!d.full) {
    *out = d.out;
    return STATUS_OK;
  }
  json_decref(d.out);
  return diag_no_memory(diag, plan->symbols->n_locs * sizeof *d.out);
}
