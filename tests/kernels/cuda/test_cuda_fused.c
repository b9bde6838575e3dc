/* Fused groups on CUDA: every elementwise op and cast over special values, random groups, results
 * over operands; each the CPU's bits. */
#include "kernels/cuda/expressions.h"
#include "kernels/cuda/modules.h"
#include "kernels/fuse_parts.h"
#include "ops/fuse_rules.h"
#include "tests/kernels/cuda/cuda_groups.h"

static const double specials[] = {0.0,
                                  -0.0,
                                  1.0,
                                  -1.0,
                                  0.5,
                                  -0.5,
                                  2.0,
                                  -2.0,
                                  3.0,
                                  -3.0,
                                  1e-300,
                                  -1e-300,
                                  1e300,
                                  -1e300,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  5e-324,
                                  -5e-324,
                                  2.3e-308,
                                  1.1e-38,
                                  -1.1e-38,
                                  1e-45,
                                  -1e-45,
                                  3.4e38,
                                  -3.4e38,
                                  0.1,
                                  0.7,
                                  1.5707963267948966,
                                  -0.7,
                                  1e6,
                                  -1e6,
                                  1647100,
                                  1e15,
                                  3e9,
                                  -3e9,
                                  1e19,
                                  -1e19,
                                  88.7,
                                  -103.9,
                                  709.7,
                                  -745.1,
                                  20.5,
                                  -20.5,
                                  27.2,
                                  -0.46,
                                  0x1.fffffep30,
                                  0x1p31,
                                  -0x1p31,
                                  0x1p63,
                                  -0x1p63,
                                  1e22,
                                  255};
#define N_SPECIALS (int64_t)(sizeof specials / sizeof *specials)

static void put(void *to, DType dtype, int64_t i, double value) {
  const DTypeDesc *d = dtype_desc(dtype);
  if (!dtype_is_float(dtype)) {
    if (!(value > d->least)) value = d->least;
    if (value > d->largest) value = d->largest;
    value = trunc(value);
    if (dtype == DTYPE_BOOL) value = fmod(fabs(value), 2) != 0;
  }
  d->set(to, i, value);
}

/* Every pair of special values: operand 0 goes through them, the others through all for each. */
static NodeId special_input(Lab *lab, DType dtype, uint32_t operand) {
  int64_t dims[] = {N_SPECIALS, N_SPECIALS};
  NodeId id = lab_input(lab, dtype, 2, dims);
  void *at = lab_value(lab, id);
  for (int64_t i = 0; i < N_SPECIALS; i++)
    for (int64_t k = 0; k < N_SPECIALS; k++)
      put(at, dtype, i * N_SPECIALS + k,
          operand == 0   ? specials[i]
          : operand == 1 ? specials[k]
                         : specials[(i + 2 * k) % N_SPECIALS]);
  return id;
}

static GroupCase *cases;
static uint32_t n_cases, cap_cases;

static GroupCase *add_case(DType dtype, uint64_t seed) {
  if (n_cases == cap_cases) {
    cap_cases = cap_cases * 2 + 64;
    cases = realloc(cases, cap_cases * sizeof *cases);
  }
  GroupCase *c = &cases[n_cases++];
  *c = (GroupCase){.lab = calloc(1, sizeof *c->lab), .owned = true, .share = -1};
  lab_init(c->lab, dtype, seed);
  return c;
}

static void run_cases(uint64_t seed) {
  CU_ASSERT_EQUAL(groups_run(cases, n_cases, seed), 0);
  n_cases = 0;
}

static void drop_case(void) {
  GroupCase *c = &cases[--n_cases];
  lab_free(c->lab);
  free(c->lab);
}

/* False, and no case, when the graph has no such node: ops that no model can have of some type. */
static bool finish_node(GroupCase *c, NodeId id, const char *of) {
  if (id == NODE_NONE) {
    drop_case();
    return false;
  }
  c->group.members[c->group.n_members++] = id;
  c->group.outputs[c->group.n_outputs++] = id;
  snprintf(c->group.what, sizeof c->group.what, "%s %s", op_desc(c->lab->graph->nodes[id].op)->name,
           of);
  return true;
}

static bool add_op(OpId op, DType dtype, double exponent) {
  GroupCase *c = add_case(dtype, 1);
  NodeId inputs[3];
  int64_t bits;
  memcpy(&bits, &exponent, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}};
  for (uint32_t k = 0; k < op_desc(op)->n_inputs; k++)
    inputs[k] = special_input(c->lab, op == OP_SELECT && k == 0 ? DTYPE_BOOL : dtype, k);
  return finish_node(
      c, emit_node(&c->lab->e, op, inputs, op_desc(op)->n_inputs, op == OP_POWER ? attrs : NULL),
      dtype_name(dtype));
}

static void each_op(void) {
  static const double exponents[] = {0, 1, 2, -1, 3, -3, 0.5, -2.5, 32, -32, 33, 7.25};
  uint32_t ops = 0;
  for (uint32_t op = 1; op < OP_PRIMITIVE_COUNT; op++)
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
      if (!cuda_expression(op, (DType)dtype)) continue;
      if (op != OP_POWER) ops += add_op((OpId)op, (DType)dtype, 0);
      for (size_t i = 0; op == OP_POWER && i < sizeof exponents / sizeof *exponents; i++)
        add_op(OP_POWER, (DType)dtype, exponents[i]);
    }
  CU_ASSERT(ops > 60);
  run_cases(1);
}

static void each_cast(void) {
  for (int from = 0; from < DTYPE_COUNT; from++)
    for (int to = 0; to < DTYPE_COUNT; to++) {
      if (from == to) continue;
      CU_ASSERT_PTR_NOT_NULL(cuda_cast_expression((DType)from, (DType)to));
      GroupCase *c = add_case((DType)from, 1);
      NodeId x = special_input(c->lab, (DType)from, 0);
      int64_t type = to;
      CU_ASSERT(finish_node(c, emit_node(&c->lab->e, OP_CAST, &x, 1, (EmitAttr[]){{&type, 1}}),
                            dtype_name((DType)from)));
    }
  run_cases(2);
}

static NodeId add_member(GroupCase *c, NodeId id, bool output) {
  CU_ASSERT_NOT_EQUAL_FATAL(id, NODE_NONE);
  c->group.members[c->group.n_members++] = id;
  if (output) c->group.outputs[c->group.n_outputs++] = id;
  return id;
}

/* Four elements at once: rows of a multiple of four, operands that repeat along either axis, ramps,
 * types of 1, 4 and 8 bytes; and spaces of which each fours would fall on two rows. */
static void add_fours(DType dtype, int64_t columns, uint32_t kind, bool over) {
  GroupCase *c = add_case(dtype, kind + 1);
  Emitter *e = &c->lab->e;
  Shape space = {2, {20000 / columns + 1, columns}};
  int64_t row[] = {1, columns}, column[] = {space.dim[0], 1};
  NodeId x = lab_input(c->lab, dtype, 2, space.dim), y = x;
  NodeId along = lab_input(c->lab, dtype, 2, row), across = lab_input(c->lab, dtype, 2, column);
  if (kind & 1)
    y = add_member(c, emit_add(e, y, add_member(c, emit_broadcast(e, along, &space), false)),
                   false);
  if (kind & 2)
    y = add_member(c, emit_mul(e, y, add_member(c, emit_broadcast(e, across, &space), false)),
                   false);
  if (kind & 4)
    y = add_member(c, emit_sub(e, y, add_member(c, emit_iota(e, kind & 1, dtype, &space), false)),
                   false);
  y = add_member(c, emit_unary(e, OP_NEG, y), true);
  NodeId less = add_member(c, emit_binary(e, OP_LESS, x, y), true);
  add_member(c, emit_select(e, less, x, y), true);
  NodeId other = add_member(c, emit_cast(e, y, dtype == DTYPE_F32 ? DTYPE_I64 : DTYPE_I32), true);
  add_member(c, emit_cast(e, other, DTYPE_BOOL), true);
  static char name[64][24];
  static uint32_t names;
  char *own = name[names++ % 64];
  snprintf(own, 24, "fused %u%s", c->group.n_members, columns % 4 ? "" : " x4");
  c->name = own;
  if (over) c->share = 0;
  snprintf(c->group.what, sizeof c->group.what, "fours %u of %lld", kind, (long long)columns);
}

static void fours(void) {
  for (uint32_t kind = 0; kind < 8; kind++) {
    add_fours(DTYPE_F32, 64, kind, kind & 1);
    add_fours(DTYPE_F64, 4, kind, !(kind & 1));
    add_fours(DTYPE_F32, 30, kind, false);
  }
  run_cases(1);
}

/* ---- sums ---- */

/* Which ways of cutting sums occurred. */
static uint32_t seen_planes[4], seen_cuts[3], seen_teams, seen_whole_cuts, seen_parts, seen_folds,
    seen_pieces, seen_classes, seen_whole_chunks;

static void note_parts(const GroupCase *c) {
  FuseLoops loops;
  FuseParts parts;
  const Group *g = &c->group;
  CU_ASSERT_FATAL(fuse_loops(c->lab->graph, g->members, g->n_members, g->outputs, g->n_outputs,
                             c->lab->shards, &loops));
  CU_ASSERT_FATAL(fuse_parts(&loops, g->outputs, g->n_outputs, &parts));
  for (uint32_t i = 0; i < parts.n; i++) {
    const FuseClass *k = &parts.classes[i];
    const FuseOrder *o = &k->sums[0]->order;
    seen_planes[o->columns > 1 ? 3 : o->rows == 1 ? 2 : o->n_outer ? 1 : 0]++;
    seen_cuts[k->cut]++;
    seen_teams += k->team && k->columns > 1;
    seen_whole_cuts += k->whole && k->cut != FUSE_CUT_NONE;
    seen_parts += !k->whole && k->chunks > 1;
    seen_whole_chunks += k->whole && !k->team && k->chunks > 1;
    seen_folds += k->folds;
    seen_pieces += k->pieces > 1;
  }
  seen_classes += parts.n > 1;
  fuse_parts_free(&parts);
  fuse_loops_free(&loops);
}

static NodeId make_sum_over(GroupCase *c, NodeId x, uint32_t mask, bool wide) {
  int64_t axes[RANK_MAX], w = wide;
  uint32_t n = 0;
  for (int i = 0; i < RANK_MAX; i++)
    if (mask >> i & 1) axes[n++] = i;
  return emit_node(&c->lab->e, OP_REDUCE_SUM, &x, 1, (EmitAttr[]){{axes, n}, {&w, 1}});
}

/* Sums of x b + c over the axes of `mask` and, when they differ, of `other`; b repeats along
 * `repeat`; the product is stored too, or not. */
static void add_sums(const Shape *shape, uint32_t mask, uint32_t other, uint32_t repeat,
                     DType dtype, uint64_t seed) {
  GroupCase *c = add_case(dtype, seed);
  Emitter *e = &c->lab->e;
  int64_t dims[RANK_MAX];
  char text[SHAPE_TEXT_MAX];
  c->lab->shards = (uint32_t)(1 + seed % 5);
  if (seed % 3 == 0)
    e->stamp.batch = (uint8_t)graph_add_batch(
        c->lab->graph, (Batch){.groups = shape->dim[0] % 2 ? 1 : 2,
                               .units = shape->dim[0] % 2 ? shape->dim[0] : shape->dim[0] / 2,
                               .unit = 1});
  for (int i = 0; i < shape->rank; i++) dims[i] = repeat >> i & 1 ? 1 : shape->dim[i];
  NodeId x = lab_input(c->lab, dtype, shape->rank, shape->dim);
  NodeId b = lab_input(c->lab, dtype, shape->rank, dims);
  if (!shape_equal(&c->lab->graph->nodes[b].shape, shape))
    b = add_member(c, emit_broadcast(e, b, shape), false);
  NodeId y = add_member(c, emit_mul(e, x, b), seed % 2);
  add_member(c, make_sum_over(c, y, mask, seed % 4 == 1), true);
  if (other && other != mask) add_member(c, make_sum_over(c, y, other, false), true);
  snprintf(c->group.what, sizeof c->group.what, "%s over %x and %x, b repeats along %x, seed %llu",
           shape_text(shape, text, sizeof text), mask, other, repeat, (unsigned long long)seed);
  note_parts(c);
}

static void sums_over_all_axes(void) {
  static const Shape shapes[] = {{1, {1}},
                                 {1, {9001}},
                                 {2, {4100, 3}},
                                 {2, {300, 70}},
                                 {2, {2, 33000}},
                                 {2, {3, 5000}},
                                 {3, {6, 7, 1500}},
                                 {3, {2, 1300, 3}},
                                 {3, {40, 1, 70}},
                                 {3, {9, 40, 33}},
                                 {4, {4, 3, 5, 7}},
                                 {4, {8, 9, 16, 65}},
                                 {5, {3, 2, 4, 3, 5}},
                                 {6, {2, 3, 2, 3, 2, 3}}};
  uint64_t seed = 1;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    uint32_t all = (1u << shapes[i].rank) - 1;
    for (uint32_t mask = 1; mask <= all; mask++, seed++)
      add_sums(&shapes[i], mask, (uint32_t)(seed % 4 ? 0 : seed % all + 1),
               (uint32_t)(seed * 5) % (all + 1), seed % 7 ? DTYPE_F32 : DTYPE_F64, seed);
    run_cases(seed);
  }
  /* Sums of columns beside sums of all, over rows that are longer than a block; sums of nothing. */
  for (uint64_t k = 0; k < 6; k++) {
    add_sums(&(Shape){2, {7, 1500}}, 3, 1, (uint32_t)k % 3, DTYPE_F32, k);
    add_sums(&(Shape){3, {4, 5, 2300}}, 2, 6, (uint32_t)k % 3, DTYPE_F32, k);
    add_sums(&(Shape){3, {4, 5, 1025}}, 7, 3, 1, DTYPE_F64, k);
    add_sums(&(Shape){3, {40, 1, 70}}, 2, 0, (uint32_t)k % 3, DTYPE_F32, k);
  }
  run_cases(2);
  /* Columns enough for a thread each, which has several chunks; that of a shard each. */
  add_sums(&(Shape){2, {130, 66000}}, 1, 0, 2, DTYPE_F32, 4);
  add_sums(&(Shape){2, {12, 33000}}, 1, 0, 0, DTYPE_F32, 6);
  run_cases(3);
  for (int i = 0; i < 4; i++) CU_ASSERT(seen_planes[i] > 2);
  for (int i = 0; i < 3; i++) CU_ASSERT(seen_cuts[i] > 2);
  CU_ASSERT(seen_teams && seen_whole_cuts && seen_parts && seen_folds);
  CU_ASSERT(seen_pieces && seen_classes && seen_whole_chunks);
}

static void variances(void) {
  static const int64_t dims[][4] = {{8, 40, 50, 3}, {5, 7, 9, 64}, {64, 33, 1, 20}};
  for (int i = 0; i < 12; i++) {
    DType dtype = i % 2 ? DTYPE_F64 : DTYPE_F32;
    GroupCase *c = add_case(dtype, (uint64_t)i + 1);
    Emitter *e = &c->lab->e;
    uint32_t axes = i & 2 ? 7 : 6;
    e->stamp.batch = (uint8_t)graph_add_batch(
        c->lab->graph, (Batch){.groups = 1, .units = dims[i / 4][0], .unit = 1});
    int64_t small[4];
    for (int k = 0; k < 4; k++) small[k] = axes >> k & 1 ? 1 : dims[i / 4][k];
    NodeId x = lab_input(c->lab, dtype, 4, dims[i / 4]), mean = lab_input(c->lab, dtype, 4, small);
    add_member(c, emit_variance(e, x, mean, axes), true);
    snprintf(c->group.what, sizeof c->group.what, "variance %d", i);
  }
  run_cases(3);
}

/* ---- random groups ---- */

/* The group with its first result over each operand that the planner may give it. */
static void add_shared(uint32_t of, DType dtype, uint64_t seed) {
  Group group = cases[of].group;
  const Graph *g = cases[of].lab->graph;
  NodeId inputs[256];
  LabRun r = {.nodes = group.members, .n_nodes = group.n_members};
  uint32_t n = lab_inputs(cases[of].lab, &r, inputs);
  for (uint32_t k = 0; k < n; k++) {
    bool may = true;
    for (uint32_t m = 0; m < group.n_members; m++)
      for (uint32_t i = 0; i < g->nodes[group.members[m]].n_inputs; i++)
        if (node_input(g, group.members[m], i) == inputs[k])
          may &= fuse_in_place(&target_cuda_sm80, g, group.outputs[0], group.members[m], inputs[k]);
    if (!may) continue;
    GroupCase *c = add_case(dtype, seed);
    maker_group(c->lab, dtype, &c->group);
    c->share = (int)k;
    return;
  }
}

static void random_groups(DType dtype, uint64_t first, uint64_t last, bool wide) {
  cuda_index_limit(wide ? 0 : (int64_t)1 << 30);
  for (uint64_t seed = first; seed <= last; seed++) {
    GroupCase *c = add_case(dtype, seed);
    CU_ASSERT(maker_group(c->lab, dtype, &c->group));
    if (!c->group.n_outputs) {
      drop_case();
      continue;
    }
    char shape[64];
    snprintf(shape, sizeof shape, " seed %llu", (unsigned long long)seed);
    strncat(c->group.what, shape, sizeof c->group.what - strlen(c->group.what) - 1);
    add_shared(n_cases - 1, dtype, seed);
  }
  run_cases(first);
  cuda_index_limit((int64_t)1 << 30);
}

static void random_f32(void) {
  random_groups(DTYPE_F32, 1, 60, false);
}
static void random_f64(void) {
  random_groups(DTYPE_F64, 301, 340, false);
}
static void random_wide(void) {
  random_groups(DTYPE_F32, 101, 120, true);
}

/* ---- texts ---- */

static bool holds(void *context, const char *text) {
  bool *apart = context;
  *apart |= strstr(text, "const float *__restrict__ p") != NULL;
  return true;
}

/* Whether a text promises that no result lies over x. */
static bool promises(NodeId (*make)(Lab *lab, NodeId x)) {
  Lab lab;
  int64_t dims[] = {8, 3};
  CudaContext context = {.architecture = 90, .multiprocessors = 4};
  const CudaCalls none = {0};
  KernelError error;
  Kernel *kernel;
  bool apart = false;
  lab_init(&lab, DTYPE_F32, 1);
  NodeId x = lab_input(&lab, DTYPE_F32, 2, dims), id = make(&lab, x);
  KernelSpec spec = {.graph = lab.graph,
                     .nodes = &id,
                     .n_nodes = 1,
                     .inputs = &x,
                     .n_inputs = 1,
                     .outputs = &id,
                     .n_outputs = 1,
                     .shards = 1};
  context.modules = cuda_modules_create();
  CU_ASSERT_EQUAL_FATAL(backend_cuda.create(&context, &spec, &error, &kernel), STATUS_OK);
  cuda_modules_each(context.modules, holds, &apart);
  backend_cuda.destroy(kernel);
  cuda_modules_destroy(context.modules, &none);
  lab_free(&lab);
  return apart;
}

static NodeId negated(Lab *lab, NodeId x) {
  return emit_neg(&lab->e, x);
}
static NodeId to_i64(Lab *lab, NodeId x) {
  return emit_cast(&lab->e, x, DTYPE_I64);
}

/* A plan may lay a result of as many elements of the size over an operand; the compiler is told of
 * others that they are apart. */
static void operands_apart(void) {
  CU_ASSERT_FALSE(promises(negated));
  CU_ASSERT(promises(to_i64));
}

int main(void) {
  static const SupportTest tests[] = {{"every op", each_op},
                                      {"every cast", each_cast},
                                      {"fours", fours},
                                      {"sums over all axes", sums_over_all_axes},
                                      {"variances", variances},
                                      {"random groups, f32", random_f32},
                                      {"random groups, f64", random_f64},
                                      {"indices of 64 bits", random_wide},
                                      {"operands apart", operands_apart}};
  int code = compare_main("cuda_fused", tests, sizeof tests / sizeof *tests);
  free(cases);
  return code;
}
