/* Data parallel, decided when differentiation is over: a training step of any order is one graph of
 * values over the rows of a batch, and a rank computes those of its rows.  split.c says what is
 * held in parts; here the graph of one rank is written.
 *
 * A rank owns consecutive units of every group of the batch, and so whole shards of every sum over
 * rows, which are a subtree of the tree in which shards join: sums of ranks join in the rest of it
 * (docs/decisions/ranks.md).  Every rank runs the same graph in the same order, which is the total
 * order of collectives. */
#include "compiler/partition.h"

#include "compiler/rewrite.h"
#include "compiler/split.h"
#include "graph/base/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct Partition {
  SplitGraph s;
  const Graph *in;
  Emitter e;
  NodeId *map;       /* by node of `in`: as s.split says it is held */
  NodeId *whole;     /* by node of `in`: gathered; NODE_NONE: not yet */
  uint8_t *batch_of; /* by batch of `in`: one rank's; 0: none, the ranks do not share it */
  NodeId *inputs;
} Partition;

/* ---- values in parts, and whole ---- */

/* Groups of rows that are parted, one after the other, in a value's elements. */
static int64_t outer_groups(const Shape *shape, Split split) {
  int64_t n = split.groups;
  for (int i = 0; i < split.axis; i++) n *= shape->dim[i];
  return n;
}

static void stamp_as(Partition *p, NodeId x, bool parts) {
  p->e.stamp = p->in->nodes[x].stamp;
  if (parts) p->e.stamp.batch = p->batch_of[p->e.stamp.batch];
}

static NodeId get_whole(Partition *p, NodeId x) {
  Split split = p->s.split[x];
  if (split_is_whole(split) || p->map[x] == NODE_NONE) return p->map[x];
  if (p->whole[x]) return p->whole[x];
  const Shape *shape = &p->in->nodes[x].shape;
  int64_t count = shape_count(shape), outer = outer_groups(shape, split), ranks = p->s.ranks;
  Stamp stamp = p->e.stamp;
  stamp_as(p, x, false);
  NodeId flat = emit_reshape_dims(&p->e, p->map[x], 1, (int64_t[]){count / ranks});
  NodeId all = emit_all_gather(&p->e, flat, ranks);
  if (outer > 1) {
    NodeId rows =
        emit_reshape_dims(&p->e, all, 3, (int64_t[]){ranks, outer, count / ranks / outer});
    all = emit_transpose(&p->e, rows, (int64_t[]){1, 0, 2});
  }
  p->whole[x] = emit_reshape(&p->e, all, shape);
  p->e.stamp = stamp;
  return p->whole[x];
}

static NodeId take_part(Partition *p, NodeId x, Split split) {
  Shape shape = p->in->nodes[x].shape, part = split_shape(&shape, split, p->s.ranks);
  int64_t outer = outer_groups(&shape, split), ranks = p->s.ranks;
  NodeId whole = get_whole(p, x);
  stamp_as(p, x, true);
  NodeId rows = emit_reshape_dims(&p->e, whole, 3,
                                  (int64_t[]){outer, ranks, shape_count(&shape) / outer / ranks});
  return emit_reshape(&p->e, emit_rank_part(&p->e, rows), &part);
}

static NodeId get_part(Partition *p, NodeId x, Split split);

/* A broadcast to the part's shape.  One row may be all of a part: then it is what it is made of. */
static NodeId emit_spread(Partition *p, NodeId small, const Shape *part) {
  if (small && shape_equal(&p->e.graph->nodes[small].shape, part)) return small;
  EmitAttr attrs[1] = {[BROADCAST_SHAPE] = {part->dim, part->rank}};
  return emit_node(&p->e, OP_BROADCAST, &small, 1, attrs);
}

/* A broadcast, also one that is reshaped, is made of its operand's part: nothing is spread over all
 * rows to be cut, and groups read the small value. */
static NodeId broadcast_part(Partition *p, NodeId x, Split split, const Shape *part) {
  NodeId from = node_input(p->in, x, 0);
  const Shape *shape = &p->in->nodes[from].shape;
  Split own = {split.axis - (p->in->nodes[x].shape.rank - shape->rank), split.groups};
  bool alike = own.axis < 0 || shape->dim[own.axis] == 1;
  NodeId small = alike ? get_whole(p, from) : get_part(p, from, own);
  stamp_as(p, x, true);
  return emit_spread(p, small, part);
}

/* A reshape that leaves the cut axis and those before it as they are. */
static bool keeps_axis(const Graph *g, NodeId x, Split split) {
  const Shape *to = &g->nodes[x].shape, *from = &g->nodes[node_input(g, x, 0)].shape;
  if (split.axis >= from->rank) return false;
  for (int i = 0; i <= split.axis; i++)
    if (to->dim[i] != from->dim[i]) return false;
  return true;
}

/* Operand x as a rank's part: what is the same along the axis is made small, not cut. */
static NodeId get_part(Partition *p, NodeId x, Split split) {
  const Node *node = &p->in->nodes[x];
  if (split_equal(p->s.split[x], split)) return p->map[x];
  Shape part = split_shape(&node->shape, split, p->s.ranks);
  Stamp stamp = p->e.stamp;
  NodeId result;
  uint32_t values = 0;
  if (node->op == OP_CONSTANT) node_attr(p->in, x, CONSTANT_VALUES, &values);
  stamp_as(p, x, true);
  if (values == 1)
    result =
        emit_constant(&p->e, node_attr_float(p->in, x, CONSTANT_VALUES), (DType)node->dtype, &part);
  else if (node->op == OP_IOTA && node_attr_int(p->in, x, IOTA_AXIS) != split.axis)
    result = emit_iota(&p->e, node_attr_int(p->in, x, IOTA_AXIS), (DType)node->dtype, &part);
  else if (node->op == OP_BROADCAST && split_is_whole(p->s.split[x]))
    result = broadcast_part(p, x, split, &part);
  else if (node->op == OP_RESHAPE && split_is_whole(p->s.split[x]) && keeps_axis(p->in, x, split))
    result = emit_reshape(&p->e, get_part(p, node_input(p->in, x, 0), split), &part);
  else
    result = take_part(p, x, split);
  p->e.stamp = stamp;
  return result;
}

/* ---- nodes ---- */

/* Attributes that hold a length of the result are a rank's. */
static NodeId emit_part(Partition *p, NodeId id) {
  const Graph *g = p->in;
  const Node *node = &g->nodes[id];
  Split split = p->s.split[id];
  Shape part = split_shape(&node->shape, split, p->s.ranks);
  EmitAttr attrs[16];
  if (node->op == OP_BROADCAST) return emit_spread(p, p->inputs[0], &part);
  for (uint32_t i = 0; i < op_desc(node->op)->n_attrs; i++)
    attrs[i].values = node_attr(g, id, i, &attrs[i].count);
  int64_t first[RANK_MAX], second[RANK_MAX];
  if (node->op == OP_RESHAPE) attrs[BROADCAST_SHAPE] = (EmitAttr){part.dim, part.rank};
  if (node->op == OP_SLICE || node->op == OP_PAD) {
    memcpy(first, attrs[0].values, attrs[0].count * sizeof *first);
    memcpy(second, attrs[1].values, attrs[1].count * sizeof *second);
    first[split.axis] /= p->s.ranks;
    second[split.axis] /= p->s.ranks;
    attrs[0].values = first;
    attrs[1].values = second;
  }
  return emit_node(&p->e, (OpId)node->op, p->inputs, node->n_inputs, attrs);
}

static NodeId emit_sum(Partition *p, NodeId id) {
  const Node *node = &p->in->nodes[id];
  if (node->op == OP_CONV_DW)
    return emit_all_reduce(&p->e, rewrite_copy(&p->e, p->in, id, p->inputs), p->s.ranks);
  NodeId part = emit_wide_sum(&p->e, p->inputs[0], rewrite_reduced(p->in, id));
  NodeId sum = emit_all_reduce(&p->e, part, p->s.ranks);
  return emit_cast(&p->e, sum, (DType)node->dtype);
}

static NodeId emit_again(Partition *p, NodeId id) {
  const Graph *g = p->in;
  const Node *node = &g->nodes[id];
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    NodeId x = node_input(g, id, i);
    Split need = p->s.need[node->inputs + i];
    p->inputs[i] = split_is_whole(need) ? get_whole(p, x) : get_part(p, x, need);
  }
  stamp_as(p, id, p->s.kind[id] != KIND_WHOLE);
  NodeId result = p->s.kind[id] == KIND_PARTS ? emit_part(p, id)
                  : p->s.kind[id] == KIND_SUM ? emit_sum(p, id)
                                              : rewrite_copy(&p->e, g, id, p->inputs);
  if (result && node->name && !p->e.graph->nodes[result].name)
    p->e.graph->nodes[result].name = node->name;
  return result;
}

/* ---- the graph ---- */

static Status copy_batches(Partition *p, Diag *diag) {
  const Graph *g = p->in;
  for (uint32_t i = 1; i < g->n_batches; i++)
    if (!graph_add_batch(p->e.graph, g->batches[i])) return diag_no_memory(diag, sizeof(Batch));
  for (uint32_t i = 1; i < g->n_batches; i++) {
    Batch b = g->batches[i];
    if (b.units <= 0 || b.units % p->s.ranks) continue;
    b.units /= p->s.ranks;
    b.parts = p->s.ranks;
    uint32_t index = graph_add_batch(p->e.graph, b);
    if (!index)
      return diag_error(diag, STATUS_INVALID, "--ranks", NULL, "more than 255 kinds of batch");
    p->batch_of[i] = (uint8_t)index;
  }
  return STATUS_OK;
}

static Status copy_ends(Partition *p, Diag *diag) {
  const Graph *g = p->in;
  Status status = STATUS_OK;
  for (uint32_t i = 0; status == STATUS_OK && i < g->n_commits; i++) {
    NodeId value = get_whole(p, g->commits[i].value);
    status = p->e.status;
    if (status == STATUS_OK) status = graph_add_commit(p->e.graph, g->commits[i].state, value);
  }
  for (uint32_t i = 0; status == STATUS_OK && i < g->n_outputs; i++) {
    NodeId node = get_whole(p, g->outputs[i].node);
    status = p->e.status;
    if (status == STATUS_OK)
      status = graph_add_output(p->e.graph, g->outputs[i].name, node, g->outputs[i].declared);
  }
  if (status != STATUS_OK && p->e.status == STATUS_OK) diag_no_memory(diag, sizeof(Output));
  return status;
}

static Status write_graph(Partition *p, Diag *diag) {
  const Graph *g = p->in;
  uint32_t most = 1;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].n_inputs > most) most = g->nodes[id].n_inputs;
  p->map = calloc(g->n_nodes, sizeof *p->map);
  p->whole = calloc(g->n_nodes, sizeof *p->whole);
  p->batch_of = calloc((size_t)g->n_batches + 1, sizeof *p->batch_of);
  p->inputs = calloc(most, sizeof *p->inputs);
  bool *live = rewrite_live(g);
  Status status = p->map && p->whole && p->batch_of && p->inputs && live
                      ? copy_batches(p, diag)
                      : diag_no_memory(diag, g->n_nodes * sizeof *p->map);
  for (NodeId id = 1; status == STATUS_OK && id < g->n_nodes; id++) {
    if (live[id]) p->map[id] = emit_again(p, id);
    status = p->e.status;
  }
  free(live);
  return status == STATUS_OK ? copy_ends(p, diag) : status;
}

static void partition_free(Partition *p) {
  emitter_free(&p->e);
  split_free(&p->s);
  free(p->map);
  free(p->whole);
  free(p->batch_of);
  free(p->inputs);
}

/* ---- what is shared ---- */

static NodeId find_input(const Graph *g, const char *name) {
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_INPUT &&
        strcmp(graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME)), name) == 0)
      return id;
  return NODE_NONE;
}

/* The images that a step trains on: (K, B, ...), of which every rank decodes its rows. */
static NodeId find_images(const Plan *plan, const PlanProgram *program) {
  const Graph *g = program->graph;
  if (program->kind != PROGRAM_TRAIN || !plan->has_sampler) return NODE_NONE;
  NodeId images = find_input(g, "images");
  return images && g->nodes[images].shape.rank >= 3 ? images : NODE_NONE;
}

/* The numbers of ranks that would do. */
static const char *possible_ranks(const Plan *plan, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (int64_t n = 1; n <= plan->shards && n <= plan->sampler.batch_ids; n++)
    if ((n == 1 || split_deals(plan->sampler.batch_ids, plan->shards, n)) && used + 16 < size)
      used += (size_t)snprintf(text + used, size - used, "%s%lld", used ? ", " : "", (long long)n);
  return text;
}

#define SHARDS_MAX 64 /* of --shards */

/* Shards with which the ranks can share such batches, as near as may be to the plan's; 0: none. */
static uint32_t possible_shards(const Plan *plan, int64_t ids) {
  for (uint32_t off = 0; off < SHARDS_MAX; off++) {
    uint32_t more = plan->shards + off, less = plan->shards - off;
    if (more <= SHARDS_MAX && split_deals(ids, more, plan->ranks)) return more;
    if (off < plan->shards && split_deals(ids, less, plan->ranks)) return less;
  }
  return 0;
}

/* What lets as many ranks share a batch: other shards, else a batch that they divide. */
static void ranks_hint(const Plan *plan, char *text, size_t size) {
  int64_t ids = plan->sampler.batch_ids, ranks = plan->ranks, next = (ids / ranks + 1) * ranks;
  uint32_t shards = possible_shards(plan, ids), then = possible_shards(plan, next);
  if (shards)
    text_format(text, size,
                "--shards=%u lets %u ranks share them (sums are then added in another order)",
                shards, plan->ranks);
  else if (then)
    text_format(
        text, size,
        "each rank takes as many identities: %u ranks share batches of %lld, with --shards=%u",
        plan->ranks, (long long)next, then);
  else
    text_format(text, size, "each rank takes as many identities, and whole shards of at most %d",
                SHARDS_MAX);
}

/* What a step that has no images is made from: the first values that it draws, else the first input
 * that has rows; NODE_NONE: neither. */
static NodeId find_rows(const Graph *g) {
  NodeId input = NODE_NONE;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const Node *node = &g->nodes[id];
    if (node->op == OP_RANDOM) return id;
    if (node->op == OP_INPUT && node->shape.rank > 0 && !input) input = id;
  }
  return input;
}

/* There are images, and they are no batch that can be shared; STATUS_OK: there are none. */
static Status no_batch(const Plan *plan, const PlanProgram *p, const Sources *sources, Diag *diag) {
  char shape[SHAPE_TEXT_MAX];
  NodeId images = find_input(p->graph, "images");
  if (!images) return STATUS_OK;
  const Node *node = &p->graph->nodes[images];
  if (!plan->has_sampler)
    return source_error(
        sources, p->graph->symbols, diag, node->stamp.loc, STATUS_INVALID,
        "<sampler batch-ids=\"8\" batch-images=\"4\"/> in <model> says what a batch "
        "is; ranks share its identities",
        "%u ranks: the model has no <sampler>, by which they would share the images "
        "that program '%s' takes here",
        plan->ranks, plan_text(plan, p->name));
  return source_error(sources, p->graph->symbols, diag, node->stamp.loc, STATUS_INVALID,
                      "shape=\"DOMAINS ROWS HEIGHT WIDTH 3\"",
                      "%u ranks: 'images' of program '%s' are %s, no domains of rows", plan->ranks,
                      plan_text(plan, p->name), shape_text(&node->shape, shape, sizeof shape));
}

static Status no_images(const Plan *plan, const Sources *sources, Diag *diag) {
  static const char hint[] = "ranks share the images that <sampler> draws for a training program";
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (p->kind == PROGRAM_TRAIN) TRY(no_batch(plan, p, sources, diag));
    NodeId rows = p->kind == PROGRAM_TRAIN ? find_rows(p->graph) : NODE_NONE;
    if (!rows) continue;
    const Node *node = &p->graph->nodes[rows];
    bool drawn = node->op == OP_RANDOM;
    return source_error(sources, p->graph->symbols, diag, node->stamp.loc, STATUS_INVALID, hint,
                        "%u ranks: the model trains on no images: program '%s' %s '%s' here, and "
                        "every rank would %s all of it",
                        plan->ranks, plan_text(plan, p->name), drawn ? "draws" : "takes",
                        graph_text(p->graph, node->name ? node->name : node->stamp.scope),
                        drawn ? "draw" : "take");
  }
  return diag_error(diag, STATUS_INVALID, "--ranks", hint,
                    "%u ranks: the model trains on no images", plan->ranks);
}

Status partition_check(const Plan *plan, const Sources *sources, Diag *diag) {
  char text[200], hint[200];
  bool images = false;
  if (plan->ranks == 1) return STATUS_OK;
  for (uint32_t i = 0; i < plan->n_programs; i++)
    images |= find_images(plan, &plan->programs[i]) != NODE_NONE;
  if (!images) return no_images(plan, sources, diag);
  if (plan->local || split_deals(plan->sampler.batch_ids, plan->shards, plan->ranks))
    return STATUS_OK;
  ranks_hint(plan, hint, sizeof hint);
  return diag_error(diag, STATUS_INVALID, "--ranks", hint,
                    "%u ranks cannot share batches of %lld identities in %u shards at most; %s can",
                    plan->ranks, (long long)plan->sampler.batch_ids, plan->shards,
                    possible_ranks(plan, text, sizeof text));
}

/* ---- what it brings ---- */

static double count_macs(const Graph *g, const bool *live) {
  double macs = 0;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (live[id]) macs += (double)node_macs(g, id);
  return macs;
}

/* Ranks that compute most of a step each for itself are slower than one: the user should know why.
 */
static void warn_whole(const Partition *p, const char *program, const Sources *sources,
                       Diag *diag) {
  bool *live = rewrite_live(p->in), *live_out = rewrite_live(p->e.graph);
  if (live && live_out) {
    double all = count_macs(p->in, live), own = count_macs(p->e.graph, live_out);
    double shared = all > 0 ? (all - own) / (all - all / (double)p->s.ranks) : 1;
    NodeId most = NODE_NONE;
    for (NodeId id = 1; id < p->in->n_nodes; id++)
      if (live[id] && p->s.kind[id] == KIND_WHOLE &&
          (!most || node_macs(p->in, id) > node_macs(p->in, most)))
        most = id;
    if (shared < 0.5 && most)
      source_warning(
          sources, p->in->symbols, diag, p->in->nodes[most].stamp.loc,
          "docs/distributed.md: what ranks share; --dump-after=partition shows it",
          "ranks share %.0f %% of the multiply-adds of program '%s'; all of this %s, for "
          "one, is computed by each",
          100 * shared, program, op_desc(p->in->nodes[most].op)->name);
  }
  free(live);
  free(live_out);
}

Status partition(const Plan *plan, PlanProgram *program, const Sources *sources, Diag *diag) {
  NodeId images = plan->ranks > 1 ? find_images(plan, program) : NODE_NONE;
  if (images == NODE_NONE) return STATUS_OK;
  Partition p = {.in = program->graph};
  Graph *out = graph_create(program->graph->symbols);
  Status status =
      out ? emitter_init(&p.e, out, DTYPE_F32, diag, NULL) : diag_no_memory(diag, sizeof(Graph));
  p.e.batched = true;
  if (status == STATUS_OK)
    status = split_graph(p.in, images, (Split){1, 1}, plan->ranks, plan->shards, diag, &p.s);
  if (status == STATUS_OK) status = write_graph(&p, diag);
  if (status == STATUS_OK) warn_whole(&p, plan_text(plan, program->name), sources, diag);
  partition_free(&p);
  if (status != STATUS_OK) {
    graph_destroy(out);
    return status;
  }
  graph_destroy(program->graph);
  program->graph = out;
  return rewrite_parts(&program->graph, diag);
}
