/* Fused groups: elementwise ops, casts, select, fills, ramps, broadcast operands, sums, variances.
 *
 * A group is a list of instructions over the values of one element; a launch computes what it needs
 * of them for every element of the space.  Each class of sums is a launch (fused_sums.c); the last
 * of them, or one of its own, stores the results of the space's shape, since these may lie over
 * operands: a thread reads all of its element before it stores. */
#include "kernels/cuda/fused.h"

#include <stdlib.h>

#include "kernels/cuda/expressions.h"
#include "kernels/cuda/index.h"

#define THREADS 256

static uint32_t member_index(const KernelSpec *spec, NodeId id) {
  uint32_t lo = 0, hi = spec->n_nodes;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (spec->nodes[mid] < id)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < spec->n_nodes && spec->nodes[lo] == id ? lo : UINT32_MAX;
}

/* ---- values ---- */

DType fused_type(const FusedGroup *f, FusedValue v) {
  if (v >= f->loops.n_views) return f->instrs[v - f->loops.n_views].result;
  return (DType)f->spec->graph->nodes[f->loops.views[v].node].dtype;
}

static FusedValue view_value(const FusedGroup *f, NodeId node, NodeId from) {
  for (uint32_t i = 0; i < f->loops.n_views; i++)
    if (f->loops.views[i].node == node && f->loops.views[i].from == from) return i;
  return FUSED_NONE;
}

static FusedValue operand(const FusedGroup *f, NodeId id) {
  uint32_t k = member_index(f->spec, id);
  return k != UINT32_MAX ? f->member[k] : view_value(f, id, id);
}

/* FUSED_NONE where there is no expression, or an operand is missing. */
static FusedValue add_instr(FusedGroup *f, FusedInstr in) {
  if (!in.expression) return FUSED_NONE;
  for (uint32_t i = 0; i < in.n_operands; i++)
    if (in.operand[i] == FUSED_NONE) return FUSED_NONE;
  f->instrs[f->n_instrs] = in;
  return f->loops.n_views + f->n_instrs++;
}

static FusedValue add_elementwise(FusedGroup *f, NodeId id) {
  const Graph *g = f->spec->graph;
  const Node *node = &g->nodes[id];
  DType of = (DType)g->nodes[node_input(g, id, 0)].dtype, to = (DType)node->dtype;
  FusedInstr in = {.expression = cuda_expression(node->op, of),
                   .type = cuda_expression_type(node->op, of),
                   .n_operands = node->n_inputs,
                   .result = to,
                   .has_param = node->op == OP_POWER,
                   .param = node_param(g, id)};
  for (uint32_t i = 0; i < node->n_inputs && i < 3; i++)
    in.operand[i] = operand(f, node_input(g, id, i));
  if (node->op == OP_STOP_GRADIENT || (node->op == OP_CAST && of == to)) return in.operand[0];
  if (node->op == OP_CAST) {
    in.expression = cuda_cast_expression(of, to);
  } else if (node->op == OP_SELECT) {
    in.expression = cuda_expression(OP_SELECT, to);
    in.type = cuda_type(to);
  }
  return add_instr(f, in);
}

/* The squared deviation that a variance sums up. */
static FusedValue add_deviation(FusedGroup *f, NodeId id) {
  const Graph *g = f->spec->graph;
  DType type = (DType)g->nodes[id].dtype;
  NodeId x = node_input(g, id, 0), mean = node_input(g, id, 1);
  FusedInstr in = {.expression = cuda_expression(OP_SUB, type),
                   .type = cuda_expression_type(OP_SUB, type),
                   .n_operands = 2,
                   .operand = {view_value(f, x, x), view_value(f, mean, mean)},
                   .result = type};
  FusedValue d = add_instr(f, in);
  in.expression = cuda_expression(OP_MUL, type);
  in.operand[0] = in.operand[1] = d;
  return add_instr(f, in);
}

static FusedValue add_member(FusedGroup *f, NodeId id) {
  const Graph *g = f->spec->graph;
  switch (g->nodes[id].op) {
  case OP_CONSTANT:
  case OP_IOTA:
    return view_value(f, id, id);
  case OP_BROADCAST:
    return view_value(f, node_input(g, id, 0), id);
  case OP_REDUCE_SUM:
    return operand(f, node_input(g, id, 0));
  case OP_VARIANCE:
    return add_deviation(f, id);
  default:
    return add_elementwise(f, id);
  }
}

static bool is_sum(const Graph *g, NodeId id) {
  return g->nodes[id].op == OP_REDUCE_SUM || g->nodes[id].op == OP_VARIANCE;
}

FusedValue fused_sum_value(const FusedGroup *f, const FuseSum *sum) {
  return f->member[member_index(f->spec, sum->node)];
}

static Status no_memory(const FusedGroup *f) {
  return cuda_fail(f->error, STATUS_SYSTEM, "out of memory");
}

static Status read_members(FusedGroup *f) {
  const KernelSpec *spec = f->spec;
  const Graph *g = spec->graph;
  for (uint32_t k = 0; k < spec->n_nodes; k++) {
    NodeId id = spec->nodes[k];
    FusedValue v = f->member[k] = add_member(f, id);
    const char *op = op_desc(g->nodes[id].op)->name;
    if (v == FUSED_NONE)
      return cuda_fail(
          f->error, STATUS_INVALID, "there is no CUDA kernel of '%s' for %s", op,
          dtype_name((DType)g->nodes[g->nodes[id].n_inputs ? node_input(g, id, 0) : id].dtype));
    if (is_sum(g, id) && !dtype_is_float(fused_type(f, v)))
      return cuda_fail(f->error, STATUS_INVALID, "there is no CUDA kernel of '%s' for %s", op,
                       dtype_name(fused_type(f, v)));
  }
  for (uint32_t i = 0; i < spec->n_outputs; i++) {
    uint32_t k = member_index(spec, spec->outputs[i]);
    if (k == UINT32_MAX)
      return cuda_fail(f->error, STATUS_INVALID, "an output is no member of the group");
    if (!is_sum(g, spec->outputs[i])) f->stores[f->n_stores++] = (FusedStore){f->member[k], i};
  }
  return STATUS_OK;
}

/* ---- launches ---- */

/* Results may lie where an operand of as many elements of one size lies: the compiler must not
 * think otherwise. */
static void find_shared(FusedGroup *f) {
  const KernelSpec *spec = f->spec;
  const Graph *g = spec->graph;
  for (uint32_t i = 0; i < spec->n_inputs; i++)
    for (uint32_t s = 0; s < f->n_stores; s++) {
      const Node *in = &g->nodes[spec->inputs[i]],
                 *out = &g->nodes[spec->outputs[f->stores[s].output]];
      f->shared[i] |= shape_count(&in->shape) == shape_count(&out->shape) &&
                      dtype_size((DType)in->dtype) == dtype_size((DType)out->dtype);
    }
}

static Status write_elements(FusedGroup *f, FusedWriter *w) {
  const FuseLoops *l = &f->loops;
  for (uint32_t i = 0; i < f->n_stores; i++) fused_need(w, f->stores[i].value);
  uint32_t all = (1u << l->rank) - 1, at_once = fused_quads(w) ? 4 : 1;
  uint32_t n = fused_index(w, l->elements);
  const char *type = fused_index_type(w);
  fused_put(&w->body,
            "for (%s e = ((%s)blockIdx.x * %uu + threadIdx.x) * %u; e < p%u; e += (%s)gridDim.x * "
            "%uu) {\n",
            type, type, THREADS, at_once, n, type, THREADS * at_once);
  if (at_once == 4) {
    snprintf(f->kernel->name, sizeof f->kernel->name, "fused %u x4", f->spec->n_nodes);
    fused_quad(w);
  } else {
    fused_split(w, "e", all, fused_axes(w, all, true));
    fused_element(w, all, true);
  }
  fused_put(&w->body, "}\n");
  int64_t blocks = (l->elements + THREADS * at_once - 1) / (THREADS * at_once);
  int64_t most = (int64_t)f->kernel->context->multiprocessors * 16;
  uint32_t grid[3] = {(uint32_t)(blocks < most ? blocks : most), 1, 1};
  return fused_writer_end(w, at_once == 4 ? "elements x4" : "elements", grid, THREADS);
}

static Status launch_elements(FusedGroup *f) {
  FusedWriter w;
  Status status = fused_writer_begin(&w, f) ? write_elements(f, &w) : no_memory(f);
  fused_writer_release(&w);
  return status;
}

static Status launch_all(FusedGroup *f) {
  for (uint32_t i = 0; i < f->parts.n; i++)
    TRY(fused_sums(f, &f->parts.classes[i], i + 1 == f->parts.n));
  if (!f->parts.n && f->n_stores && f->loops.elements) return launch_elements(f);
  return STATUS_OK;
}

static Status build(FusedGroup *f) {
  const KernelSpec *spec = f->spec;
  if (!fuse_loops(spec->graph, spec->nodes, spec->n_nodes, spec->outputs, spec->n_outputs,
                  spec->shards, &f->loops) ||
      !fuse_parts(&f->loops, spec->outputs, spec->n_outputs, &f->parts))
    return no_memory(f);
  f->member = calloc(spec->n_nodes + 1, sizeof *f->member);
  f->instrs = calloc(2 * (size_t)spec->n_nodes + 2, sizeof *f->instrs);
  f->stores = calloc(spec->n_outputs + 1, sizeof *f->stores);
  f->shared = calloc(spec->n_inputs + 1, sizeof *f->shared);
  if (!f->member || !f->instrs || !f->stores || !f->shared) return no_memory(f);
  f->wide = cuda_index_wide(f->loops.elements);
  for (uint32_t i = 0; i < f->loops.n_views; i++) {
    NodeId id = f->loops.views[i].node;
    if (cuda_spec_input(spec, id) == UINT32_MAX && member_index(spec, id) == UINT32_MAX)
      return cuda_fail(f->error, STATUS_INVALID, "a fused group reads a value that is not listed");
  }
  if (f->parts.cells * (int64_t)sizeof(double) > spec->work_bytes)
    return cuda_fail(f->error, STATUS_INVALID, "the work buffer is too small for the partial sums");
  TRY(read_members(f));
  find_shared(f);
  return launch_all(f);
}

Status cuda_build_fused(const KernelSpec *spec, Kernel *kernel, KernelError *error) {
  FusedGroup f = {.spec = spec, .kernel = kernel, .error = error};
  snprintf(kernel->name, sizeof kernel->name, "fused %u", spec->n_nodes);
  Status status = build(&f);
  fuse_loops_free(&f.loops);
  fuse_parts_free(&f.parts);
  free(f.member);
  free(f.instrs);
  free(f.stores);
  free(f.shared);
  return status;
}
