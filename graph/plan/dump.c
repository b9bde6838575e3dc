/* Text of a graph, for --dump-after and for tests. */
#include "graph/plan/dump.h"

#include "graph/expression/value.h"
#include "graph/plan/scopes.h"

#include <inttypes.h>
#include <string.h>

#define VALUES_SHOWN 8

static void put_item(const Graph *g, const AttrDesc *desc, int64_t item, FILE *out) {
  char text[32];
  double number;
  switch (desc->type) {
  case ATTR_FLOAT:
  case ATTR_FLOATS:
    memcpy(&number, &item, sizeof number);
    float_text(number, text);
    fputs(text, out);
    break;
  case ATTR_STRING:
  case ATTR_NAME:
    fputs(graph_text(g, (uint32_t)item), out);
    break;
  case ATTR_DTYPE:
    fputs(dtype_name((DType)item), out);
    break;
  default:
    fprintf(out, "%" PRId64, item);
  }
}

void dump_attr(const Graph *g, NodeId id, const OpDesc *op, uint32_t attr, FILE *out) {
  uint32_t n;
  const int64_t *items = node_attr(g, id, attr, &n);
  fprintf(out, "%s=", op->attrs[attr].name);
  for (uint32_t i = 0; i < n && i < VALUES_SHOWN; i++) {
    if (i) fputc(',', out);
    put_item(g, &op->attrs[attr], items[i], out);
  }
  if (n > VALUES_SHOWN) fprintf(out, ",... (%u)", n);
}

static void put_node(const PlanProgram *p, const OpTable *ops, NodeId id, FILE *out) {
  const Graph *g = p->graph;
  const Node *node = &g->nodes[id];
  const OpDesc *op = ops->ops[node->op];
  char shape[SHAPE_TEXT_MAX];
  fprintf(out, "%%%u = %s(", id, op->name);
  for (uint32_t i = 0; i < node->n_inputs; i++)
    fprintf(out, "%s%%%u", i ? ", " : "", node_input(g, id, i));
  fputc(')', out);
  for (uint32_t i = 0; i < op->n_attrs; i++) {
    const char *name = op->attrs[i].name;
    if (strcmp(name, "shape") == 0 || strcmp(name, "dtype") == 0) continue;
    fputc(' ', out);
    dump_attr(g, id, op, i, out);
  }
  fprintf(out, " : %s %s", dtype_name((DType)node->dtype),
          shape_text(&node->shape, shape, sizeof shape));
  if (node->stamp.epoch) fprintf(out, " clone %u", node->stamp.epoch);
  if (p->node_offset && p->node_offset[id] != OFFSET_NONE)
    fprintf(out, " @%" PRId64, p->node_offset[id]);
  fprintf(out, "  %s %s", role_name((Role)node->stamp.role),
          graph_text(g, node->name ? node->name : node->stamp.scope));
  const SourceLoc *loc = &g->symbols->locs[node->stamp.loc];
  if (node->stamp.loc) fprintf(out, "  %s:%u", graph_text(g, loc->file), loc->line);
  fputc('\n', out);
}

/* `kernel 3 = %7 %8  work 4096 @64  stream 1 waits 0 2`: what one kernel computes, and where. */
static void put_step(const PlanProgram *p, uint32_t s, FILE *out) {
  const PlanStep *step = &p->steps[s];
  fprintf(out, "kernel %u =", s);
  for (uint32_t k = 0; k < step->count; k++) fprintf(out, " %%%u", p->step_nodes[step->first + k]);
  if (step->work_bytes > 0)
    fprintf(out, "  work %" PRId64 " @%" PRId64, step->work_bytes, step->work_offset);
  if (step->stream) fprintf(out, "  stream %u", step->stream);
  for (uint32_t k = 0; k < step->n_waits; k++)
    fprintf(out, "%s %u", k ? "" : "  waits", p->waits[step->first_wait + k]);
  fputc('\n', out);
}

Status dump_program(const PlanProgram *p, const OpTable *ops, const char *scope, FILE *out) {
  const Graph *g = p->graph;
  fprintf(out, "program %s: %u nodes, %u kernels\n", graph_text(g, p->name), g->n_nodes - 1,
          p->n_steps);
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (scope_holds(scope, graph_text(g, g->nodes[id].stamp.scope))) put_node(p, ops, id, out);
  for (uint32_t s = 0; s < p->n_steps && !(scope && *scope); s++) put_step(p, s, out);
  for (uint32_t k = p->n_waits - p->n_joins; k < p->n_waits && !(scope && *scope); k++)
    fprintf(out, "end waits %u\n", p->waits[k]);
  for (uint32_t i = 0; i < g->n_commits; i++)
    fprintf(out, "commit state %u = %%%u\n", g->commits[i].state, g->commits[i].value);
  for (uint32_t i = 0; i < g->n_outputs; i++)
    fprintf(out, "output %s = %%%u\n", graph_text(g, g->outputs[i].name), g->outputs[i].node);
  return ferror(out) ? STATUS_SYSTEM : STATUS_OK;
}
