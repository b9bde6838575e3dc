/* graphc --where: what comes from a line, as text and as JSON. */
#include "compiler/where.h"

#include "compiler/report_json.h"
#include "compiler/report_view.h"
#include "graph/base/text.h"
#include "ops/ops.h"
#include "ops/work.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KERNELS_SHOWN 20
#define VALUE_WIDTH 48
#define ORDERS 4 /* of a table: 0, 1, 2, 3 and more */
#define PLACE_MAX 4096

/* What the line has of one kernel, or of all nodes of a role and order. */
typedef struct Part {
  uint32_t step, nodes, of; /* of so many members */
  NodeId last;              /* the last of its nodes */
  int64_t macs, flops, bytes;
} Part;

typedef struct Found {
  const PlanProgram *p;
  uint32_t built;
  Part all, orders[ROLE_UPDATE + 1][ORDERS]; /* `of`: kernels with at least one node of it */
  Part *kernels;                             /* with the most operations first */
  uint32_t n_kernels;
  int64_t *bytes;
} Found;

static void add(Part *to, const Part *more) {
  int64_t flops;
  to->nodes += more->nodes;
  to->macs += more->macs;
  to->flops = __builtin_add_overflow(to->flops, more->flops, &flops) ? INT64_MAX : flops;
  to->bytes += more->bytes;
}

static Part part_of(const Found *f, NodeId id) {
  const Graph *g = f->p->graph;
  return (Part){.nodes = 1,
                .last = id,
                .macs = node_macs(g, id),
                .flops = node_flops(g, id),
                .bytes = f->bytes[id]};
}

static Part *order_of(Found *f, NodeId id) {
  const Stamp *stamp = &f->p->graph->nodes[id].stamp;
  return &f->orders[stamp->role][stamp->order < ORDERS ? stamp->order : ORDERS - 1];
}

static int by_work(const void *a, const void *b) {
  const Part *x = a, *y = b;
  if (x->flops != y->flops) return x->flops > y->flops ? -1 : 1;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x->step < y->step ? -1 : x->step > y->step;
}

static void find_kernels(const Where *w, Found *f) {
  for (uint32_t s = 0; s < f->p->n_steps; s++) {
    const PlanStep *step = &f->p->steps[s];
    Part kernel = {.step = s, .of = step->count};
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId id = f->p->step_nodes[step->first + k];
      if (!where_holds(w, f->p->graph->nodes[id].stamp.loc)) continue;
      Part part = part_of(f, id);
      add(&kernel, &part);
      kernel.last = id;
    }
    if (!kernel.nodes) continue;
    order_of(f, kernel.last)->of++;
    f->kernels[f->n_kernels++] = kernel;
  }
  f->all.of = f->n_kernels;
  qsort(f->kernels, f->n_kernels, sizeof *f->kernels, by_work);
}

static void found_free(Found *f) {
  free(f->kernels);
  free(f->bytes);
}

static Status find(const Where *w, const Plan *plan, uint32_t program, Diag *diag, Found *f) {
  const PlanProgram *p = &plan->programs[program];
  const Graph *g = p->graph;
  *f = (Found){.p = p, .built = program < w->n_programs ? w->built[program] : 0};
  f->kernels = calloc(p->n_steps + 1u, sizeof *f->kernels);
  f->bytes = calloc(g->n_nodes, sizeof *f->bytes);
  Status status = f->kernels && f->bytes ? work_bytes(plan, p, diag, f->bytes)
                                         : diag_no_memory(diag, g->n_nodes * sizeof *f->bytes);
  for (NodeId id = 1; id < g->n_nodes && status == STATUS_OK; id++) {
    if (!where_holds(w, g->nodes[id].stamp.loc)) continue;
    Part part = part_of(f, id);
    add(&f->all, &part);
    add(order_of(f, id), &part);
  }
  if (status == STATUS_OK) find_kernels(w, f);
  return status;
}

/* ---- words ---- */

static const char *file_of(const Where *w) {
  return strings_text(w->model->symbols->strings, w->file);
}

/* `conv`, `mul+add (2 of 5)`. */
static void kernel_text(const Where *w, const PlanProgram *p, const Part *kernel, char *text,
                        size_t size) {
  const PlanStep *step = &p->steps[kernel->step];
  size_t used = 0;
  for (uint32_t k = 0; k < step->count && used + 30 < size; k++) {
    const Node *node = &p->graph->nodes[p->step_nodes[step->first + k]];
    if (!where_holds(w, node->stamp.loc)) continue;
    used = text_append(text, size, used, "%s%s", used ? "+" : "", op_desc(node->op)->name);
  }
  if (kernel->nodes < kernel->of)
    text_append(text, size, used, " (%u of %u)", kernel->nodes, kernel->of);
}

/* The tag on one line, without what would disturb a terminal. */
static void put_tag(const LineElement *el, FILE *out) {
  char text[120];
  size_t n = 0, most = sizeof text - 1;
  bool blank = false;
  for (size_t i = 0; i < el->length && n < most; i++) {
    unsigned char c = (unsigned char)el->text[i];
    bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space || !blank) text[n++] = space ? ' ' : (char)c;
    blank = space;
  }
  text[text_cut_n(text, n, most - 1)] = 0;
  text_print(text, out);
  if (el->length > most) fputs("...", out);
}

/* ---- the nearest lines that have something ---- */

typedef struct Near {
  uint32_t before, after; /* 0: none */
} Near;

static void meet(const Where *w, uint32_t loc, Near *near) {
  const Symbols *symbols = w->model->symbols;
  for (uint32_t at = loc; at; at = symbols->locs[at].chain) {
    const SourceLoc *place = &symbols->locs[at];
    if (place->file != w->file) continue;
    if (place->line < w->line && place->line > near->before) near->before = place->line;
    if (place->line > w->line && (!near->after || place->line < near->after))
      near->after = place->line;
  }
}

static Near find_near(const Where *w, const Plan *plan) {
  Near near = {0};
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    const Graph *g = plan->programs[k].graph;
    for (NodeId id = 1; id < g->n_nodes; id++) meet(w, g->nodes[id].stamp.loc, &near);
  }
  return near;
}

/* ---- text ---- */

static void put_head(const Where *w, FILE *out) {
  if (w->around) fprintf(out, "%s:%u is inside\n", file_of(w), w->line);
  fprintf(out, "%s:%u: ", file_of(w), w->first);
  put_tag(w->element, out);
  if (w->last > w->element->tag_end) fprintf(out, ", and what is inside, to line %u", w->last);
  fputc('\n', out);
}

static uint32_t put_states(const Where *w, const Plan *plan, FILE *out) {
  uint32_t n = 0;
  char shape[SHAPE_TEXT_MAX];
  static const char *const kinds[] = {"parameter", "statistic", "optimiser state"};
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (!where_holds(w, s->loc)) continue;
    if (n++ == 0) fputs("\nkept between steps\n", out);
    if (n <= KERNELS_SHOWN)
      fprintf(out, "  %-16s %-22s %s\n", kinds[s->kind], shape_text(&s->shape, shape, sizeof shape),
              plan_text(plan, s->name));
  }
  if (n > KERNELS_SHOWN) fprintf(out, "  and %u more\n", n - KERNELS_SHOWN);
  return n;
}

static void put_part(const char *name, const char *order, const Part *part, const ReportUnits *u,
                     FILE *out) {
  fprintf(out, "  %-8s %5s %8u %8u %12.3f %12.3f %12.3f\n", name, order, part->nodes, part->of,
          (double)part->macs / u->work, (double)part->flops / u->work,
          (double)part->bytes / u->bytes);
}

static void put_orders(const Found *f, const ReportUnits *u, FILE *out) {
  char moved[32];
  static const char *const orders[ORDERS] = {"0", "1", "2", "3+"};
  text_format(moved, sizeof moved, "moved %s", u->of);
  fprintf(out, "  %-8s %5s %8s %8s %12s %12s %12s\n", "role", "order", "values", "kernels", u->macs,
          u->flops, moved);
  for (uint32_t r = 0; r <= ROLE_UPDATE; r++)
    for (uint32_t o = 0; o < ORDERS; o++)
      if (f->orders[r][o].nodes) put_part(role_name((Role)r), orders[o], &f->orders[r][o], u, out);
  put_part("all", "", &f->all, u, out);
}

static int value_width(const Found *f) {
  int width = 8;
  for (uint32_t i = 0; i < f->n_kernels && i < KERNELS_SHOWN; i++) {
    int n = (int)strlen(report_label(f->p->graph, f->kernels[i].last));
    if (n > width) width = n < VALUE_WIDTH ? n : VALUE_WIDTH;
  }
  return width;
}

static void put_kernel(const Where *w, const Found *f, const Part *kernel, int width,
                       const ReportUnits *u, FILE *out) {
  const Stamp *stamp = &f->p->graph->nodes[kernel->last].stamp;
  char ops[200] = "";
  kernel_text(w, f->p, kernel, ops, sizeof ops);
  fprintf(out, "  %6u %-8s %5u %10.3f %10.3f  %-*s  %s\n", kernel->step,
          role_name((Role)stamp->role), stamp->order, (double)kernel->flops / u->work,
          (double)kernel->bytes / u->bytes, width, report_label(f->p->graph, kernel->last), ops);
}

static void put_kernels(const Where *w, const Found *f, const ReportUnits *u, FILE *out) {
  Part rest = {0};
  char moved[32];
  int width = value_width(f);
  text_format(moved, sizeof moved, "moved %s", u->of);
  fprintf(out, "\n  %6s %-8s %5s %10s %10s  %-*s  %s\n", "kernel", "role", "order", u->flops, moved,
          width, "value", "ops of this line");
  for (uint32_t i = 0; i < f->n_kernels; i++)
    if (i < KERNELS_SHOWN)
      put_kernel(w, f, &f->kernels[i], width, u, out);
    else
      add(&rest, &f->kernels[i]);
  if (f->n_kernels > KERNELS_SHOWN)
    fprintf(out, "  %6s %-14s %10.3f %10.3f  in %u more kernels; --report=json lists all\n", "", "",
            (double)rest.flops / u->work, (double)rest.bytes / u->bytes,
            f->n_kernels - KERNELS_SHOWN);
}

static Status put_program(const Where *w, const Plan *plan, uint32_t i, FILE *out, Diag *diag,
                          uint32_t *values) {
  Found f;
  Status status = find(w, plan, i, diag, &f);
  if (status == STATUS_OK && (f.all.nodes || f.built)) {
    *values += f.all.nodes;
    fprintf(out, "\n%s: %u value%s when it was built, %u in the plan%s\n",
            plan_text(plan, f.p->name), f.built, f.built == 1 ? "" : "s", f.all.nodes,
            f.all.nodes ? "" : ": equal to others, known beforehand, or without effect");
    ReportUnits u = report_units(plan);
    if (f.all.nodes) put_orders(&f, &u, out);
    if (f.n_kernels) put_kernels(w, &f, &u, out);
  }
  found_free(&f);
  return status;
}

static void put_nearest(const Where *w, const Plan *plan, FILE *out) {
  Near near = find_near(w, plan);
  fputs("\nno value of a plan comes from here (equal ones are one, at the line of the first)", out);
  if (near.before || near.after)
    fputs("; the nearest lines that have one:\n", out);
  else
    fprintf(out, ", nor from another line of %s\n", file_of(w));
  if (near.before) fprintf(out, "  %s:%u\n", file_of(w), near.before);
  if (near.after) fprintf(out, "  %s:%u\n", file_of(w), near.after);
}

Status where_text(const Where *w, const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  uint32_t values = 0;
  put_head(w, out);
  uint32_t states = put_states(w, plan, out);
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (report_shows(view, &plan->programs[i])) TRY(put_program(w, plan, i, out, diag, &values));
  if (!values && !states) put_nearest(w, plan, out);
  return ferror(out) ? STATUS_SYSTEM : STATUS_OK;
}

/* ---- JSON ---- */

static json_t *part_json(const Part *part) {
  return json_pack("{s:i, s:i, s:I, s:I, s:I}", "values", (int)part->nodes, "kernels",
                   (int)part->of, "macs", (json_int_t)part->macs, "flops", (json_int_t)part->flops,
                   "bytes", (json_int_t)part->bytes);
}

/* Takes `kernel`, its number or null. */
static json_t *node_json(const Graph *g, NodeId id, json_t *kernel) {
  const Node *node = &g->nodes[id];
  char shape[SHAPE_TEXT_MAX];
  return json_pack(
      "{s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "id", (int)id, "op", op_desc(node->op)->name,
      "value", report_label(g, id), "dtype", dtype_name((DType)node->dtype), "shape",
      shape_text(&node->shape, shape, sizeof shape), "role", role_name((Role)node->stamp.role),
      "order", (int)node->stamp.order, "kernel", kernel);
}

static json_t *kernel_json(const Where *w, const Found *f, const Part *kernel) {
  const PlanStep *step = &f->p->steps[kernel->step];
  json_t *values = json_array();
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = f->p->step_nodes[step->first + k];
    if (where_holds(w, f->p->graph->nodes[id].stamp.loc))
      json_array_append_new(values, node_json(f->p->graph, id, json_integer(kernel->step)));
  }
  return json_pack("{s:i, s:i, s:i, s:I, s:I, s:I, s:o}", "kernel", (int)kernel->step, "ops",
                   (int)kernel->nodes, "of", (int)kernel->of, "macs", (json_int_t)kernel->macs,
                   "flops", (json_int_t)kernel->flops, "bytes", (json_int_t)kernel->bytes, "values",
                   values);
}

/* Of no kernel: inputs, states, views. */
static json_t *others_json(const Where *w, const Found *f, Diag *diag) {
  const Graph *g = f->p->graph;
  bool *executed = calloc(g->n_nodes, sizeof *executed);
  json_t *list = json_array();
  if (!executed) diag_no_memory(diag, g->n_nodes);
  for (uint32_t i = 0; executed && i < f->p->n_step_nodes; i++)
    executed[f->p->step_nodes[i]] = true;
  for (NodeId id = 1; executed && id < g->n_nodes; id++)
    if (!executed[id] && where_holds(w, g->nodes[id].stamp.loc))
      json_array_append_new(list, node_json(g, id, json_null()));
  free(executed);
  return list;
}

static json_t *orders_json(const Found *f) {
  json_t *list = json_array();
  for (uint32_t r = 0; r <= ROLE_UPDATE; r++)
    for (uint32_t o = 0; o < ORDERS; o++) {
      if (!f->orders[r][o].nodes) continue;
      json_t *part = part_json(&f->orders[r][o]);
      json_object_set_new(part, "role", json_string(role_name((Role)r)));
      json_object_set_new(part, "order", json_integer(o));
      json_array_append_new(list, part);
    }
  return list;
}

static Status program_json(const Where *w, const Plan *plan, uint32_t i, json_t *list, Diag *diag) {
  Found f;
  Status status = find(w, plan, i, diag, &f);
  if (status == STATUS_OK) {
    json_t *kernels = json_array(), *root = part_json(&f.all);
    for (uint32_t k = 0; k < f.n_kernels; k++)
      json_array_append_new(kernels, kernel_json(w, &f, &f.kernels[k]));
    json_object_set_new(root, "program", json_string(plan_text(plan, f.p->name)));
    json_object_set_new(root, "built", json_integer(f.built));
    json_object_set_new(root, "orders", orders_json(&f));
    json_object_set_new(root, "kernel_list", kernels);
    json_object_set_new(root, "in_no_kernel", others_json(w, &f, diag));
    json_array_append_new(list, root);
  }
  found_free(&f);
  return status;
}

static json_t *line_json(const Where *w, uint32_t line) {
  char text[PLACE_MAX];
  text_format(text, sizeof text, "%s:%u", file_of(w), line);
  return report_json_string(line ? text : "");
}

Status where_json(const Where *w, const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  json_t *programs = json_array(), *states = json_array();
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < plan->n_programs && status == STATUS_OK; i++)
    if (report_shows(view, &plan->programs[i])) status = program_json(w, plan, i, programs, diag);
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (where_holds(w, plan->states[i].loc))
      json_array_append_new(states, json_string(plan_text(plan, plan->states[i].name)));
  Near near = find_near(w, plan);
  json_t *root =
      json_pack("{s:o, s:o, s:i, s:b, s:o, s:o, s:o, s:o}", "line", line_json(w, w->line),
                "element", line_json(w, w->first), "last", (int)w->last, "around", w->around,
                "nearest_before", line_json(w, near.before), "nearest_after",
                line_json(w, near.after), "states", states, "programs", programs);
  bool ok = root && json_dumpf(root, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;
  json_decref(root);
  if (status != STATUS_OK) return status;
  return ok ? STATUS_OK : diag_error(diag, STATUS_SYSTEM, "--where", NULL, "cannot write");
}
