/* Prepares a fused group: views, instructions, registers, sums.
 *
 * A result of the space's shape is computed straight into its memory.  When it may share that
 * memory with an input that is still read by a later instruction, a second list of instructions
 * computes into registers and stores at the end of the block; fused_run takes it when the pointers
 * are in fact equal. */
#include "kernels/cpu/fused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values are numbered: views first, then results of instructions. */
typedef uint32_t Value;
#define VALUE_NONE UINT32_MAX

typedef struct Build {
  const KernelSpec *spec;
  const Graph *g;
  Diag *diag;
  Fused *f;
  Value *member; /* value of each member */
  Instr *instrs; /* operands are values; d is unused */
  uint32_t n_instrs;
  NodeId *stored; /* the output that an instruction's value is, 0: none */
} Build;

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

static uint32_t output_index(const KernelSpec *spec, NodeId id) {
  for (uint32_t i = 0; i < spec->n_outputs; i++)
    if (spec->outputs[i] == id) return i;
  return UINT32_MAX;
}

/* ---- views ---- */

static bool view_dense(const FuseLoops *l, const FuseView *v) {
  int64_t stride = 1;
  for (int i = l->rank - 1; i >= l->inner; i--) {
    if (v->stride[i] != stride) return false;
    stride *= l->dim[i];
  }
  return true;
}

static ViewKind view_kind(const FuseLoops *l, const FuseView *v) {
  int64_t row_stride = l->rows > 1 ? v->stride[l->inner - 1] : 0;
  if (view_dense(l, v) && (l->block_rows == 1 || l->rows == 1 || row_stride == l->run))
    return VIEW_DIRECT;
  if (row_stride) return VIEW_BLOCK;
  for (int i = l->inner; i < l->rank; i++)
    if (v->stride[i] && l->run > l->piece) return VIEW_BLOCK;
  return VIEW_TILE;
}

static int64_t table_length(const Graph *g, NodeId id) {
  return g->nodes[id].op == OP_IOTA ? g->nodes[id].shape.dim[node_attr_int(g, id, IOTA_AXIS)] : 1;
}

static bool is_table(const KernelSpec *spec, const FuseView *v) {
  uint32_t op = spec->graph->nodes[v->node].op;
  return v->node == v->from && (op == OP_IOTA || op == OP_CONSTANT) &&
         member_index(spec, v->node) != UINT32_MAX;
}

/* Ramps and fills, one after the other at multiples of 64 bytes. */
static Status build_tables(Build *b) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < b->f->loops.n_views; i++)
    if (is_table(b->spec, &b->f->loops.views[i]))
      bytes += ((size_t)table_length(b->g, b->f->loops.views[i].node) * 8 + 63) / 64 * 64;
  if (bytes == 0) return STATUS_OK;
  b->f->tables = aligned_alloc(64, bytes);
  if (!b->f->tables) return diag_no_memory(b->diag, bytes);
  char *at = b->f->tables;
  for (uint32_t i = 0; i < b->f->loops.n_views; i++) {
    NodeId id = b->f->loops.views[i].node;
    if (!is_table(b->spec, &b->f->loops.views[i])) continue;
    int64_t n = table_length(b->g, id);
    const DTypeDesc *type = dtype_desc((DType)b->g->nodes[id].dtype);
    bool ramp = b->g->nodes[id].op == OP_IOTA;
    for (int64_t k = 0; k < n; k++)
      type->set(at, k, ramp ? (double)k : node_attr_float(b->g, id, CONSTANT_VALUES));
    b->f->views[i].table = at;
    at += ((size_t)n * 8 + 63) / 64 * 64;
  }
  return STATUS_OK;
}

static Status build_views(Build *b) {
  Fused *f = b->f;
  f->n_views = f->loops.n_views;
  f->views = calloc(f->n_views + 1, sizeof *f->views);
  if (!f->views) return diag_no_memory(b->diag, f->n_views * sizeof *f->views);
  for (uint32_t i = 0; i < f->n_views; i++) {
    const FuseView *v = &f->loops.views[i];
    f->views[i] = (ViewRun){.view = v,
                            .kind = view_kind(&f->loops, v),
                            .input = UINT32_MAX,
                            .size = dtype_size((DType)b->g->nodes[v->node].dtype)};
    if (is_table(b->spec, v)) continue;
    f->views[i].input = spec_input(b->spec, v->node);
    if (f->views[i].input == UINT32_MAX)
      return spec_fail(b->spec, b->diag, "a fused group reads a value that is not listed");
  }
  return build_tables(b);
}

/* ---- instructions over values ---- */

static Value view_value(const Build *b, NodeId node, NodeId from) {
  for (uint32_t i = 0; i < b->f->n_views; i++)
    if (b->f->views[i].view->node == node && b->f->views[i].view->from == from) return i;
  return VALUE_NONE;
}

static Value operand(const Build *b, NodeId id) {
  uint32_t k = member_index(b->spec, id);
  return k != UINT32_MAX ? b->member[k] : view_value(b, id, id);
}

/* VALUE_NONE where there is no function of the type. */
static Value add_instr(Build *b, FusedFn fn, Value a, Value c, Value d, double param) {
  if (!fn) return VALUE_NONE;
  b->instrs[b->n_instrs] = (Instr){.fn = fn, .a = a, .b = c, .c = d, .param = param};
  return b->f->n_views + b->n_instrs++;
}

/* The type of the first operand that holds data. */
static DType operand_type(const Build *b, NodeId id) {
  NodeId input = node_input(b->g, id, b->g->nodes[id].op == OP_SELECT ? 1 : 0);
  return (DType)b->g->nodes[input].dtype;
}

static Value add_elementwise(Build *b, NodeId id) {
  const Node *node = &b->g->nodes[id];
  Value v[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
  for (uint32_t i = 0; i < node->n_inputs && i < 3; i++) v[i] = operand(b, node_input(b->g, id, i));
  DType dtype = operand_type(b, id);
  if (node->op == OP_STOP_GRADIENT) return v[0];
  FusedFn fn = b->f->table->op[node->op][dtype];
  if (node->op == OP_CAST) {
    if (dtype == node->dtype) return v[0];
    fn = b->f->table->cast[dtype][node->dtype];
  }
  return add_instr(b, fn, v[0], v[1], v[2], node_param(b->g, id));
}

/* The squared deviation that a variance sums up. */
static Value add_deviation(Build *b, NodeId id) {
  DType dtype = (DType)b->g->nodes[id].dtype;
  Value x = view_value(b, node_input(b->g, id, 0), node_input(b->g, id, 0));
  Value mean = view_value(b, node_input(b->g, id, 1), node_input(b->g, id, 1));
  Value d = add_instr(b, b->f->table->op[OP_SUB][dtype], x, mean, VALUE_NONE, 0);
  if (d == VALUE_NONE) return d;
  return add_instr(b, b->f->table->op[OP_MUL][dtype], d, d, VALUE_NONE, 0);
}

static Value add_member(Build *b, NodeId id) {
  switch (b->g->nodes[id].op) {
  case OP_CONSTANT:
  case OP_IOTA:
    return view_value(b, id, id);
  case OP_BROADCAST:
    return view_value(b, node_input(b->g, id, 0), id);
  case OP_REDUCE_SUM:
    return operand(b, node_input(b->g, id, 0));
  case OP_VARIANCE:
    return add_deviation(b, id);
  default:
    return add_elementwise(b, id);
  }
}

static bool is_sum(const Build *b, NodeId id) {
  return b->g->nodes[id].op == OP_REDUCE_SUM || b->g->nodes[id].op == OP_VARIANCE;
}

static Status build_instrs(Build *b) {
  uint32_t room = 2 * b->spec->n_nodes + 2;
  b->member = calloc(b->spec->n_nodes, sizeof *b->member);
  b->instrs = calloc(room, sizeof *b->instrs);
  b->stored = calloc(room, sizeof *b->stored);
  if (!b->member || !b->instrs || !b->stored)
    return diag_no_memory(b->diag, room * sizeof *b->instrs);
  for (uint32_t k = 0; k < b->spec->n_nodes; k++) {
    NodeId id = b->spec->nodes[k];
    Value v = add_member(b, id);
    if (v == VALUE_NONE)
      return b->g->nodes[id].n_inputs
                 ? member_no_type(b->spec, id, b->diag, operand_type(b, id))
                 : spec_fail(b->spec, b->diag, "a group holds an op that cannot be fused");
    bool output = !is_sum(b, id) && output_index(b->spec, id) != UINT32_MAX;
    /* A stored value that is no instruction's own result is copied. */
    if (output && (v < b->f->n_views || b->stored[v - b->f->n_views]))
      v = add_instr(b, b->f->table->copy[b->g->nodes[id].dtype], v, VALUE_NONE, VALUE_NONE, 0);
    if (output) b->stored[v - b->f->n_views] = id;
    b->member[k] = v;
  }
  return STATUS_OK;
}

/* ---- results ---- */

static Status build_results(Build *b) {
  Fused *f = b->f;
  f->outs = calloc(b->spec->n_outputs, sizeof *f->outs);
  f->sums = calloc(f->loops.n_sums + 1, sizeof *f->sums);
  if (!f->outs || !f->sums) return diag_no_memory(b->diag, f->loops.n_sums * sizeof *f->sums);
  for (uint32_t i = 0; i < b->spec->n_outputs; i++) {
    NodeId id = b->spec->outputs[i];
    if (member_index(b->spec, id) == UINT32_MAX)
      return spec_fail(b->spec, b->diag, "an output is no member of the group");
    if (!is_sum(b, id))
      f->outs[f->n_outs++] =
          (OutRun){.output = i, .size = dtype_size((DType)b->g->nodes[id].dtype)};
  }
  for (uint32_t i = 0; i < f->loops.n_sums; i++) {
    const FuseSum *sum = &f->loops.sums[i];
    uint32_t output = output_index(b->spec, sum->node);
    if (output == UINT32_MAX) continue; /* nobody reads it */
    const Node *node = &b->g->nodes[sum->node];
    SumRun *s = &f->sums[f->n_sums++];
    DType from = (DType)b->g->nodes[node_input(b->g, sum->node, 0)].dtype;
    *s = (SumRun){.sum = sum,
                  .pass = f->passes.of[i],
                  .cells = f->passes.cells[i],
                  .output = output,
                  .type = &f->table->sums[from],
                  .get = dtype_desc(from)->get,
                  .size = dtype_size(from),
                  .store = f->table->sums[node->dtype].store,
                  .scale = 1,
                  .operand = b->member[member_index(b->spec, sum->node)]};
    if (!s->type->stream || !s->store)
      return member_no_type(b->spec, sum->node, b->diag,
                            s->type->stream ? (DType)node->dtype : from);
    if (node->op == OP_VARIANCE) s->scale = (double)sum->count / (double)f->loops.elements;
  }
  return STATUS_OK;
}

/* ---- registers ---- */

static void use(uint32_t *last, Value v, uint32_t at) {
  if (v != VALUE_NONE && last[v] < at) last[v] = at;
}

/* The last instruction that reads each value; n_instrs: the sums, which follow. */
static void last_uses(const Build *b, uint32_t *last) {
  for (uint32_t i = 0; i < b->n_instrs; i++) {
    use(last, b->instrs[i].a, i);
    use(last, b->instrs[i].b, i);
    use(last, b->instrs[i].c, i);
  }
  for (uint32_t i = 0; i < b->f->n_sums; i++) use(last, b->f->sums[i].operand, b->n_instrs);
}

static uint32_t out_of(const Build *b, NodeId id) {
  for (uint32_t i = 0; i < b->f->n_outs; i++)
    if (b->spec->outputs[b->f->outs[i].output] == id) return i;
  return UINT32_MAX;
}

/* Gives each value a slot: registers are 0.., then direct views, then outputs; `home[v]` is
 * UINT32_MAX - out for values that live in their result's memory until slots are known. */
static bool assign(const Build *b, const uint32_t *last, bool safe, uint32_t *home,
                   uint32_t *n_regs) {
  uint32_t n_values = b->f->n_views + b->n_instrs, n_free = 0;
  uint32_t *unused = malloc((n_values + 1) * sizeof *unused);
  if (!unused) return false;
  for (uint32_t v = 0; v < b->f->n_views; v++)
    if (b->f->views[v].kind != VIEW_DIRECT) home[v] = b->f->views[v].reg;
  for (uint32_t i = 0; i < b->n_instrs; i++) {
    Value d = b->f->n_views + i;
    if (b->stored[i] && !safe) {
      home[d] = UINT32_MAX - out_of(b, b->stored[i]);
    } else {
      home[d] = n_free ? unused[--n_free] : (*n_regs)++;
    }
    /* Registers whose last reader this was; a result nobody reads frees its own at once. */
    const Value v[] = {b->instrs[i].a, b->instrs[i].b, b->instrs[i].c, d};
    for (int k = 0; k < 4; k++) {
      bool again = false;
      for (int m = 0; m < k; m++) again |= v[m] == v[k];
      if (v[k] == VALUE_NONE || again || v[k] < b->f->n_views) continue;
      bool kept = b->stored[v[k] - b->f->n_views] != 0;
      bool dead = k == 3 ? last[v[k]] == 0 : last[v[k]] == i;
      if (dead && !kept) unused[n_free++] = home[v[k]];
    }
  }
  free(unused);
  return true;
}

static Slot slot_of(const Fused *f, const uint32_t *home, Value v) {
  if (v == VALUE_NONE) return 0;
  if (v < f->n_views) return f->views[v].slot;
  if (home[v] > UINT32_MAX - f->n_outs - 1) return f->outs[UINT32_MAX - home[v]].slot;
  return home[v];
}

static void resolve(const Build *b, const uint32_t *home, Instr *list) {
  for (uint32_t i = 0; i < b->n_instrs; i++) {
    const Instr *v = &b->instrs[i];
    list[i] = (Instr){.fn = v->fn,
                      .param = v->param,
                      .d = slot_of(b->f, home, b->f->n_views + i),
                      .a = slot_of(b->f, home, v->a),
                      .b = slot_of(b->f, home, v->b),
                      .c = slot_of(b->f, home, v->c)};
  }
}

/* Slots after the registers: direct views, then outputs. */
static void number_slots(Fused *f) {
  Slot slot = f->n_regs;
  for (uint32_t v = 0; v < f->n_views; v++)
    f->views[v].slot = f->views[v].kind == VIEW_DIRECT ? slot++ : f->views[v].reg;
  for (uint32_t i = 0; i < f->n_outs; i++) f->outs[i].slot = slot++;
  f->n_slots = slot;
}

/* Pairs of a result and an input that is read after the result's first store: counted, then listed.
 */
static Status find_hazards(Build *b, const uint32_t *last) {
  Fused *f = b->f;
  for (int list = 0; list < 2; list++) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_instrs; i++)
      for (uint32_t v = 0; b->stored[i] && v < f->n_views; v++) {
        if (f->views[v].input == UINT32_MAX || f->views[v].kind != VIEW_DIRECT || last[v] <= i)
          continue;
        if (list) {
          f->hazards[n].output = f->outs[out_of(b, b->stored[i])].output;
          f->hazards[n].input = f->views[v].input;
        }
        n++;
      }
    f->n_hazards = n;
    if (list || !n) return STATUS_OK;
    f->hazards = calloc(n, sizeof *f->hazards);
    if (!f->hazards) return diag_no_memory(b->diag, n * sizeof *f->hazards);
  }
  return STATUS_OK;
}

/* The safe list: every result in a register, followed by the stores. */
static Status build_lists(Build *b, uint32_t *last, uint32_t *home, uint32_t *safe_home) {
  Fused *f = b->f;
  last_uses(b, last);
  uint32_t n_fixed = 0;
  for (uint32_t v = 0; v < f->n_views; v++)
    if (f->views[v].kind != VIEW_DIRECT) f->views[v].reg = n_fixed++;
  TRY(find_hazards(b, last));
  uint32_t n_regs = n_fixed, n_safe = n_fixed;
  if (!assign(b, last, false, home, &n_regs) || !assign(b, last, true, safe_home, &n_safe))
    return diag_no_memory(b->diag, sizeof(Value) * b->n_instrs);
  bool again = f->n_hazards || f->passes.n > 1; /* there are two lists */
  f->n_regs = again && n_safe > n_regs ? n_safe : n_regs;
  number_slots(f);
  f->n_instrs = b->n_instrs;
  f->instrs = calloc(b->n_instrs + 1, sizeof *f->instrs);
  if (again) f->safe = calloc(b->n_instrs + f->n_outs + 1, sizeof *f->safe);
  if (!f->instrs || (again && !f->safe))
    return diag_no_memory(b->diag, b->n_instrs * sizeof *f->instrs);
  resolve(b, home, f->instrs);
  if (again) resolve(b, safe_home, f->safe);
  f->n_safe = b->n_instrs;
  for (uint32_t i = 0; i < b->n_instrs; i++)
    if (b->stored[i] && again)
      f->safe[f->n_safe++] = (Instr){.fn = f->table->copy[b->g->nodes[b->stored[i]].dtype],
                                     .d = f->outs[out_of(b, b->stored[i])].slot,
                                     .a = safe_home[f->n_views + i]};
  for (uint32_t i = 0; i < f->n_sums; i++) {
    f->sums[i].operand_safe = slot_of(f, safe_home, f->sums[i].operand);
    f->sums[i].operand = slot_of(f, home, f->sums[i].operand);
  }
  return STATUS_OK;
}

static Status build_registers(Build *b) {
  uint32_t n = b->f->n_views + b->n_instrs + 1;
  uint32_t *last = calloc(n, sizeof *last), *home = calloc(n, sizeof *home),
           *safe_home = calloc(n, sizeof *safe_home);
  Status status = last && home && safe_home ? build_lists(b, last, home, safe_home)
                                            : diag_no_memory(b->diag, n * sizeof *last);
  free(last);
  free(home);
  free(safe_home);
  return status;
}

/* ---- block size ---- */

static size_t round64(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/* What the sums hold at once for blocks of `piece`, where one pass is in the place of another;
 * returns the bytes. */
static size_t plan_states(Fused *f) {
  size_t most = 0;
  for (uint32_t k = 0; k < f->passes.n; k++) {
    size_t at = 0;
    for (uint32_t i = 0; i < f->n_sums; i++) {
      SumRun *s = &f->sums[i];
      const FuseOrder *o = &s->sum->order;
      if (s->pass != k) continue;
      s->columns = f->passes.pass[k].wide ? f->piece * f->block_rows : o->columns;
      s->each = o->lanes / o->columns;
      while (s->each > 1 && s->each / 2 >= o->rows) s->each /= 2; /* the others add nothing */
      s->state = at;
      /* lanes, f64 sums, and the sums folded to the axes kept */
      at += round64((size_t)(s->columns * s->each) * 8) + 2 * round64((size_t)s->columns * 8);
    }
    if (at > most) most = at;
  }
  return most;
}

/* Registers and states must fit into the scratch of a task; blocks shrink until they do. */
static Status choose_block(Build *b) {
  Fused *f = b->f;
  const FuseLoops *l = &f->loops;
  size_t size = 4;
  for (uint32_t k = 0; k < b->spec->n_nodes; k++) {
    size_t own = dtype_size((DType)b->g->nodes[b->spec->nodes[k]].dtype);
    if (own > size) size = own;
  }
  for (uint32_t v = 0; v < f->n_views; v++)
    if (f->views[v].size > size) size = f->views[v].size;
  f->piece = l->piece;
  f->block_rows = l->block_rows;
  size_t fixed = round64(f->n_slots * sizeof(void *)) + round64(f->n_views * sizeof(int64_t)) * 2 +
                 round64(f->n_sums * sizeof(SumState));
  for (;;) {
    f->reg_bytes = round64((size_t)(f->piece * f->block_rows) * size);
    f->state_bytes = plan_states(f);
    if (fixed + f->n_regs * f->reg_bytes + f->state_bytes <= FUSED_SCRATCH) return STATUS_OK;
    int64_t lanes = 1;
    while (lanes * 2 * l->run <= FUSE_LANES) lanes *= 2;
    if (f->block_rows > lanes)
      f->block_rows = (f->block_rows / 2 + lanes - 1) / lanes * lanes;
    else if (f->piece > 64 && l->run > l->piece)
      f->piece /= 2;
    else
      return spec_fail(b->spec, b->diag, "a fused group of this size is not supported");
  }
}

/* One task for each range at most; tasks of ranges without cells cut the pass as they like. */
static uint32_t pass_tasks(const Fused *f, const FusedPass *pass, uint32_t shards) {
  uint32_t tasks = task_count(f->loops.bytes, shards);
  bool ranges = pass->partial || pass->cut == FUSED_CUT_SHARDS;
  return ranges && tasks > pass->n_ranges ? pass->n_ranges : tasks;
}

static void choose_tasks(const KernelSpec *spec, Fused *f, Kernel *kernel) {
  const FusedPasses *p = &f->passes;
  f->n_first = p->n + 1 > KERNEL_PHASES_MAX ? p->n + 2 - KERNEL_PHASES_MAX : 1;
  kernel->n_phases = 0;
  bool alone = true; /* one task does all */
  for (uint32_t k = f->n_first - 1; k < p->n; k++) {
    uint32_t tasks =
        f->n_first > 1 && k + 1 == f->n_first ? 1 : pass_tasks(f, &p->pass[k], spec->shards);
    kernel->tasks[kernel->n_phases++] = tasks;
    alone = alone && tasks == 1;
  }
  f->joins = p->n_cells && (!alone || p->n > 1);
  if (f->joins) kernel->tasks[kernel->n_phases++] = task_count(p->n_cells * 8, spec->shards);
}

static void fused_destroy(void *data) {
  Fused *f = data;
  if (!f) return;
  fuse_loops_free(&f->loops);
  fused_passes_free(&f->passes);
  free(f->instrs);
  free(f->safe);
  free(f->views);
  free(f->outs);
  free(f->sums);
  free(f->hazards);
  free(f->tables);
}

static Status build_all(Build *b, Kernel *kernel) {
  Fused *f = b->f;
  TRY(build_views(b));
  TRY(build_instrs(b));
  TRY(build_results(b));
  TRY(build_registers(b));
  if (f->n_slots > FUSED_SLOTS)
    return spec_fail(b->spec, b->diag, "a fused group of this size is not supported");
  TRY(choose_block(b));
  choose_tasks(b->spec, f, kernel);
  if (f->passes.n_cells * 8 > b->spec->work_bytes)
    return spec_fail(b->spec, b->diag, "the work buffer is too small for the partial sums");
  return STATUS_OK;
}

Status fused_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  Fused *f = kernel_data(kernel, sizeof *f, diag);
  if (!f) return STATUS_SYSTEM;
  kernel->destroy = fused_destroy;
  kernel->run = fused_run;
  static const FusedTable *const tables[] = {&fused_table_base, &fused_table_v3, &fused_table_v4};
  f->table = tables[isa_current()];
  if (!fuse_loops(spec->graph, spec->nodes, spec->n_nodes, spec->outputs, spec->n_outputs,
                  spec->shards, &f->loops) ||
      !fused_passes(&f->loops, spec->shards, &f->passes))
    return diag_no_memory(diag, spec->n_nodes * sizeof(FuseView));
  Build b = {.spec = spec, .g = spec->graph, .diag = diag, .f = f};
  Status status = build_all(&b, kernel);
  free(b.member);
  free(b.instrs);
  free(b.stored);
  snprintf(kernel->name, sizeof kernel->name, "fused %u", spec->n_nodes);
  return status;
}
