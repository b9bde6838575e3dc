/* A plan for several ranks, run by threads of this process: the bits of one rank. */
#include "tests/runtime/ranks/rank_runs.h"

#include "compiler/report.h"
#include "compiler/split.h"
#include "ops/verify.h"

static uint32_t shards; /* 0: as many as are usual */

static Compiled compile(const char *model, const char *const *defines, uint32_t n, uint32_t ranks,
                        const char *precision) {
  Compiled c = rank_compile(&(RankModel){.path = model,
                                         .precision = precision,
                                         .defines = defines,
                                         .n_defines = n,
                                         .ranks = ranks,
                                         .shards = shards});
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  return c;
}

static uint32_t count_op(const Plan *plan, OpId op) {
  uint32_t n = 0;
  const Graph *g = plan->programs[0].graph;
  for (NodeId id = 1; id < g->n_nodes; id++) n += g->nodes[id].op == op;
  return n;
}

static void same_bits(const char *model, const char *const *defines, uint32_t n,
                      const char *precision, int64_t steps) {
  RankRun one = {0}, runs[THREAD_RANKS_MAX];
  Compiled first = compile(model, defines, n, 1, precision);
  CU_ASSERT_EQUAL_FATAL(first.status, STATUS_OK);
  rank_runs(first.plan, steps, 1, &one);
  for (uint32_t ranks = 2; ranks <= 4; ranks *= 2) {
    Compiled c = compile(model, defines, n, ranks, precision);
    CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
    printf("\n  %s, %u ranks: %u sums, %u gathers, %.1f of %.1f GMAC, %.0f of %.0f kB", model,
           ranks, count_op(c.plan, OP_ALL_REDUCE), count_op(c.plan, OP_ALL_GATHER),
           1e-9 * (double)c.plan->programs[0].macs, 1e-9 * (double)first.plan->programs[0].macs,
           1e-3 * (double)c.plan->programs[0].scratch_bytes,
           1e-3 * (double)first.plan->programs[0].scratch_bytes);
    rank_runs(c.plan, steps, 1, runs);
    for (uint32_t i = 0; i < ranks; i++) {
      CU_ASSERT_EQUAL(runs[i].status, STATUS_OK);
      rank_same(&one, &runs[i]);
      free(runs[i].states);
    }
    support_release(&c);
  }
  free(one.states);
  support_release(&first);
}

/* ---- several collectives in one exchange ---- */

/* Parts of all sizes and types: some that every rank adds up whole, some that are dealt out, ends
 * that are not those of a block. */
static const struct {
  DType dtype;
  int64_t count;
} mixed[] = {{DTYPE_F32, 1},    {DTYPE_F64, 3}, {DTYPE_F32, 7777}, {DTYPE_F64, 1},
             {DTYPE_F32, 2049}, {DTYPE_F32, 2}, {DTYPE_F64, 1023}, {DTYPE_F32, 5}};
#define MIXED (sizeof mixed / sizeof *mixed)

typedef struct Exchange {
  ThreadRank rank;
  CollectiveKind kind;
  uint32_t first, n; /* of `mixed` */
  bool alone;        /* each part by itself */
  char *out[MIXED];  /* result */
  Status status;
} Exchange;

static void *meet(void *context) {
  Exchange *x = context;
  CollectivePart parts[MIXED];
  int64_t bytes = 0, most = 0, ranks = x->rank.ranks.count;
  for (uint32_t i = 0; i < x->n; i++) {
    DType dtype = mixed[x->first + i].dtype;
    int64_t count = mixed[x->first + i].count;
    size_t size = dtype_size(dtype) * (size_t)count;
    Tensor in = {.dtype = dtype, .shape = {1, {count}}, .data = malloc(size)};
    for (int64_t k = 0; k < count; k++)
      tensor_set(&in, k, philox_uniform(x->rank.ranks.rank, i, 7, (uint64_t)k) - 0.3);
    x->out[i] = calloc(x->kind == COLLECTIVE_SUM ? 1 : (size_t)ranks, size);
    parts[i] = (CollectivePart){dtype, count, in.data, x->out[i]};
    bytes += collective_bytes(count, dtype);
    int64_t own = collective_work(x->kind, collective_bytes(count, dtype), 1, ranks);
    if (own > most) most = own;
  }
  if (!x->alone) most = collective_work(x->kind, bytes, x->n, ranks);
  /* What the work buffer holds besides is not there: an address sanitizer watches its end. */
  char *work = malloc((size_t)most + 1);
  if (!x->alone) x->status = ranks_meet(&x->rank.ranks, x->kind, parts, x->n, work);
  for (uint32_t i = 0; x->alone && i < x->n && x->status == STATUS_OK; i++)
    x->status = ranks_meet(&x->rank.ranks, x->kind, &parts[i], 1, work);
  for (uint32_t i = 0; i < x->n; i++) free((void *)(uintptr_t)parts[i].in);
  free(work);
  return NULL;
}

/* Exchanges of all ranks; how often they met. */
static uint64_t meet_all(Exchange *x, uint32_t ranks, const Exchange *as) {
  ThreadMeeting meeting = {0};
  pthread_t threads[THREAD_RANKS_MAX];
  pthread_barrier_init(&meeting.barrier, NULL, ranks);
  for (uint32_t r = 0; r < ranks; r++) {
    x[r] = *as;
    x[r].rank =
        (ThreadRank){{.table = &thread_ranks, .rank = r, .count = ranks, .place = r}, &meeting};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[r], NULL, meet, &x[r]), 0);
  }
  for (uint32_t r = 0; r < ranks; r++) pthread_join(threads[r], NULL);
  pthread_barrier_destroy(&meeting.barrier);
  return meeting.meetings;
}

static void exchange(CollectiveKind kind, uint32_t first, uint32_t n, uint32_t ranks) {
  Exchange together[THREAD_RANKS_MAX], alone[THREAD_RANKS_MAX];
  uint64_t once = meet_all(together, ranks, &(Exchange){.kind = kind, .first = first, .n = n});
  uint64_t each =
      meet_all(alone, ranks, &(Exchange){.kind = kind, .first = first, .n = n, .alone = true});
  CU_ASSERT(once <= (kind == COLLECTIVE_SUM ? 2 : 1) && each >= n);
  for (uint32_t r = 0; r < ranks; r++) {
    CU_ASSERT_EQUAL(together[r].status, STATUS_OK);
    for (uint32_t i = 0; i < n; i++) {
      size_t bytes = dtype_size(mixed[first + i].dtype) * (size_t)mixed[first + i].count;
      if (kind == COLLECTIVE_GATHER) bytes *= ranks;
      CU_ASSERT_EQUAL(memcmp(together[r].out[i], alone[r].out[i], bytes), 0);
      CU_ASSERT_EQUAL(memcmp(together[r].out[i], together[0].out[i], bytes), 0);
    }
  }
  for (uint32_t r = 0; r < ranks; r++)
    for (uint32_t i = 0; i < n; i++) {
      free(together[r].out[i]);
      free(alone[r].out[i]);
    }
}

static void buckets(void) {
  for (uint32_t ranks = 1; ranks <= THREAD_RANKS_MAX; ranks++)
    for (CollectiveKind kind = COLLECTIVE_SUM; kind <= COLLECTIVE_GATHER; kind++) {
      exchange(kind, 0, MIXED, ranks);
      exchange(kind, 4, 3, ranks); /* more than is added up whole, by a little */
      exchange(kind, 0, 2, ranks);
      exchange(kind, 2, 1, ranks);
    }
}

/* Of the step's exchanges: none is larger than a bucket, unless it is one collective; gradients of
 * weights that meet before the last of their role is computed. */
static uint32_t spread_exchanges(const PlanProgram *p, Role role) {
  const Graph *g = p->graph;
  uint32_t last = 0, n = 0;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const Node *node = &g->nodes[p->step_nodes[p->steps[s].first]];
    if (node->op == OP_CONV_DW && node->stamp.role == role) last = s;
  }
  for (uint32_t s = 0; s < last; s++) {
    const PlanStep *step = &p->steps[s];
    int64_t bytes = 0;
    bool weights = false;
    if (g->nodes[p->step_nodes[step->first]].op != OP_ALL_REDUCE) continue;
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId id = p->step_nodes[step->first + k], in = node_input(g, id, 0);
      bytes += value_bytes(&g->nodes[id]);
      weights |= g->nodes[in].op == OP_CONV_DW && g->nodes[in].stamp.role == role;
    }
    CU_ASSERT(step->count == 1 || bytes <= ((int64_t)4 << 20) + ((int64_t)1 << 19));
    n += weights && bytes > ((int64_t)1 << 19);
  }
  return n;
}

/* The first step that reads a member of step `s`. */
static uint32_t first_reader(const PlanProgram *p, uint32_t s) {
  const Graph *g = p->graph;
  bool *member = calloc(g->n_nodes, sizeof *member);
  uint32_t reader = p->n_steps;
  for (uint32_t k = 0; k < p->steps[s].count; k++)
    member[p->step_nodes[p->steps[s].first + k]] = true;
  for (NodeId id = 1; id < g->n_nodes; id++) /* views of them */
    member[id] |= g->nodes[id].op == OP_RESHAPE && member[node_input(g, id, 0)];
  for (uint32_t r = s + 1; r < p->n_steps && reader == p->n_steps; r++)
    for (uint32_t k = 0; k < p->steps[r].count; k++) {
      NodeId id = p->step_nodes[p->steps[r].first + k];
      for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
        if (member[node_input(g, id, i)]) reader = r;
    }
  free(member);
  return reader;
}

/* Large exchanges that have steps to run beside them, before what they bring is read. */
static uint32_t overlapped(const PlanProgram *p, uint32_t *large) {
  uint32_t n = 0;
  *large = 0;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    int64_t bytes = 0;
    for (uint32_t k = 0; k < p->steps[s].count; k++) {
      const Node *node = &p->graph->nodes[p->step_nodes[p->steps[s].first + k]];
      if (node->op == OP_ALL_REDUCE) bytes += value_bytes(node);
    }
    if (bytes < (int64_t)1 << 19) continue;
    ++*large;
    n += first_reader(p, s) > s + 4;
  }
  return n;
}

/* The step of a small network: half of its collectives travel with others, F, v and G are under way
 * before their last weights have gradients, and no maps are sent to be added up. */
static void spread(void) {
  Compiled c = compile("models/cdvm_small.xml", NULL, 0, 2, "f32");
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  const PlanProgram *p = &c.plan->programs[0];
  ReportMeetings m = report_meetings(p);
  CU_ASSERT_EQUAL(m.collectives, count_op(c.plan, OP_ALL_REDUCE) + count_op(c.plan, OP_ALL_GATHER));
  CU_ASSERT(2 * m.exchanges < m.collectives);
  CU_ASSERT(10 * m.gather_bytes < m.sum_bytes);
  uint32_t inner = spread_exchanges(p, ROLE_INNER), outer = spread_exchanges(p, ROLE_OUTER);
  printf("\n  %u collectives, %u exchanges, of them %u and %u large ones early", m.collectives,
         m.exchanges, inner, outer);
  uint32_t large, beside = overlapped(p, &large);
  printf(", %u of %u with other steps beside them", beside, large);
  CU_ASSERT(4 * beside >= 3 * large);
  CU_ASSERT(inner >= 4);
  CU_ASSERT(outer >= 8);
  support_release(&c);
}

/* ---- plans that are none ---- */

static const PlanStep *find_bucket(const Plan *plan, OpId op, uint32_t members) {
  const PlanProgram *p = &plan->programs[0];
  for (uint32_t s = 0; s < p->n_steps; s++)
    if (p->steps[s].count >= members && p->graph->nodes[p->step_nodes[p->steps[s].first]].op == op)
      return &p->steps[s];
  CU_FAIL_FATAL("no such bucket");
  return NULL;
}

static void refused(Compiled *c, const char *says) {
  CU_ASSERT_EQUAL(verify_plan(c->plan, "plan", c->diag), STATUS_INVALID);
  char *text = support_messages(c->diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, says));
  if (!strstr(text, says)) printf("\n  %s\n", text);
  free(text);
  diag_clear(c->diag);
}

static void broken_buckets(void) {
  static const char *const tiny[] = {"width=8", "height=32", "image_width=16", "batch_ids=4",
                                     "batch_images=2"};
  Compiled c = compile("models/cdvm_small.xml", tiny, 5, 2, "f32");
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  PlanProgram *p = &c.plan->programs[0];
  NodeId *sums = &p->step_nodes[find_bucket(c.plan, OP_ALL_REDUCE, 2)->first];
  NodeId *gathers = &p->step_nodes[find_bucket(c.plan, OP_ALL_GATHER, 1)->first];
  NodeId *early = sums < gathers ? sums : gathers, *late = sums < gathers ? gathers : sums;
  NodeId first = early[0], second = late[1];
  if (early == sums) { /* a gather among sums */
    second = late[0];
    late[0] = early[1], early[1] = second;
    refused(&c, "is another kind of collective than the first of its kernel");
    early[1] = late[0], late[0] = second;
  } else { /* a sum instead of a gather: the sums that follow it lack one */
    late[1] = first, early[0] = second;
    refused(&c, "");
    late[1] = second, early[0] = first;
  }
  CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_OK);
  NodeId *operand = &p->graph->input_pool[p->graph->nodes[sums[1]].inputs], was = *operand;
  CU_ASSERT(shape_equal(&p->graph->nodes[was].shape, &p->graph->nodes[sums[0]].shape));
  *operand = sums[0];
  refused(&c, "reads another collective of its kernel");
  *operand = was;
  int64_t offset = p->node_offset[sums[1]];
  p->node_offset[sums[1]] = OFFSET_NONE;
  refused(&c, "is a collective that is not stored");
  p->node_offset[sums[1]] = offset;
  PlanStep *step = (PlanStep *)(uintptr_t)find_bucket(c.plan, OP_ALL_REDUCE, 2);
  step->work_bytes -= 8;
  refused(&c, "its work buffer is too small");
  support_release(&c);
}

/* A plan whose collectives are for another number of ranks would write beyond their results. */
static void broken_plans(void) {
  static const char *const four[] = {"batch_ids=4"};
  static const OpId ops[] = {OP_ALL_REDUCE, OP_ALL_GATHER, OP_RANK_PART};
  Compiled c = compile("models/examples/cnn.xml", four, 1, 2, "f32");
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) CU_ASSERT(count_op(c.plan, ops[i]) > 0);
  CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_OK);
  c.plan->ranks = 4;
  CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_INVALID);
  char *text = support_messages(c.diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "is for another number of ranks"));
  free(text);
  support_release(&c);
}

/* Ranks that have whole shards, and as many of them as make a subtree. */
static void what_fits(void) {
  static const struct {
    int64_t units, ranks;
    uint32_t shards;
    bool fits;
  } cases[] = {{4, 2, 4, true},    {4, 4, 4, true},  {8, 4, 4, true},   {3, 3, 6, true},
               {6, 2, 2, true},    {4, 3, 4, false}, {5, 2, 4, false},  {4, 8, 8, false},
               {12, 4, 12, false}, {8, 2, 5, false}, {16, 2, 16, true}, {2, 4, 4, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    CU_ASSERT_EQUAL(split_deals(cases[i].units, cases[i].shards, cases[i].ranks), cases[i].fits);
}

static void first_order(void) {
  static const char *const four[] = {"batch_ids=4"}, *const eight[] = {"batch_ids=8"};
  same_bits("models/examples/cnn.xml", eight, 1, "f32", 2); /* more units than shards */
  same_bits("models/examples/cnn.xml", four, 1, "f32", 3);
}

/* Heads as the batch of products, layer norms, a token that is the same for all rows; depthwise
 * convolutions and group norms. */
static void other_networks(void) {
  static const char *const vit[] = {"@tests/oracle/vit.defs", "batch_ids=4"};
  static const char *const depthwise[] = {"@tests/oracle/depthwise.defs", "batch_ids=4"};
  same_bits("models/examples/vit.xml", vit, 2, "f32", 3);
  same_bits("models/examples/depthwise.xml", depthwise, 2, "f32", 3);
}

static void second_order(void) {
  static const char *const tiny[] = {"width=8", "height=32", "image_width=16", "batch_ids=4",
                                     "batch_images=2"};
  same_bits("models/cdvm_small.xml", tiny, 5, precision_table[2].name, 2);
  if (!support_long()) return;
  same_bits("models/cdvm_small.xml", tiny, 5, "f32", 3);
  same_bits("models/cdvm_small.xml", tiny, 5, "f64", 2);
}

/* A gradient of few numbers that every rank has, spread over the rows: it is a broadcast in the
 * group that adds it up, on every number of ranks, and never cut from all rows. */
static void broadcasts(void) {
  static const char *const text =
      "<model name='spread' xmlns='urn:graphc:model:1'>"
      "<param name='batch_ids' type='int' value='4' doc='identities'/>"
      "<program name='step' kind='train'><input name='images' shape='1 ${batch_ids * 2} 16 8 3'/>"
      "<input name='labels' shape='1 ${batch_ids * 2}' dtype='i32'/>"
      "<pass name='train' units='${batch_ids}' unit='2'>"
      "<reshape name='x' in='/images' shape='${batch_ids * 2} 16 8 3'/>"
      "<parameter name='s' shape='3' value='1'/><parameter name='t' shape='3'/>"
      "<batch-norm name='a' in='x' weight='s' bias='t' eps='1e-3'/>"
      "<mean name='f' in='a' axes='1 2'/>"
      "<reshape name='c' in='/labels' shape='${batch_ids * 2}'/>"
      "<parameter name='w' shape='6 3' init='normal' spread='0.2'/><parameter name='b' shape='6'/>"
      "<linear name='l' in='f' weight='w' bias='b'/>"
      "<cross-entropy name='loss' in='l' labels='c'/></pass>"
      "<gradient name='F' of='train/loss'/><commit field='theta' value='theta - 0.5 * F'/>"
      "<output value='train/loss'/></program>"
      "<training domains='plaza' ids='6' steps='2' warmup-steps='0'/>"
      "<sampler batch-ids='${batch_ids}' batch-images='2'/><augment height='16' "
      "width='8'/></model>";
  const char *path = support_write("spread.xml", text);
  same_bits(path, NULL, 0, "f32", 3);
  Compiled c = compile(path, NULL, 0, 2, "f64");
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  const Graph *g = c.plan->programs[0].graph;
  uint32_t large = 0; /* images; what else is cut has 8 x 6 numbers at most */
  for (NodeId id = 1; id < g->n_nodes; id++)
    large += g->nodes[id].op == OP_RANK_PART && shape_count(&g->nodes[id].shape) > 24;
  CU_ASSERT_EQUAL(large, 1);
  support_release(&c);
}

/* Two passes of different batches read what no image changes; cut over two ranks, the larger one's
 * map is as long as the smaller one's whole.  They are two values all the same: a weight's gradient
 * is summed by the batch of its own pass. */
static void parts_that_look_alike(void) {
  static const char text[] =
      "<model name='alike' xmlns='urn:graphc:model:1'><program name='step' kind='train'>"
      "<input name='images' shape='1 8 9 7 3'/>"
      "<parameter name='z' shape='1 9 7 3' init='normal'/>"
      "<parameter name='w' shape='3 3 3 3' init='normal' spread='0.3'/>"
      "<pass name='few' units='4' unit='1'><broadcast name='x' in='z' shape='4 9 7 3'/>"
      "<conv name='y' in='x' weight='w' pad='1 1'/>"
      "<expr name='loss' value='mean(square(y - 1))'/></pass>"
      "<pass name='all' units='4' unit='2'><reshape name='rows' in='images' shape='8 9 7 3'/>"
      "<broadcast name='x' in='z' shape='8 9 7 3'/><conv name='y' in='x' weight='w' pad='1 1'/>"
      "<expr name='loss' value='mean(square(y - rows))'/></pass>"
      "<expr name='loss' value='{few/loss} + {all/loss}'/><gradient name='G' of='loss'/>"
      "<commit field='theta' value='theta - 0.01 * G'/><output value='loss'/></program>"
      "<training domains='plaza' ids='9' steps='5' warmup-steps='0'/>"
      "<sampler batch-ids='4' batch-images='2'/><augment height='9' width='7'/></model>";
  same_bits(support_write("alike.xml", text), NULL, 0, "f32", 5);
  static const char sums[] = /* the same of sums: a wide one, in the batch of another pass */
      "<model name='sums' xmlns='urn:graphc:model:1'><program name='step' kind='train'>"
      "<input name='images' shape='1 8 9 7 3'/><pass name='p' units='4' unit='2'>"
      "<reshape name='rows' in='images' shape='8 9 7 3'/>"
      "<parameter name='w' shape='3 3 3 3' init='normal' spread='0.3'/>"
      "<conv name='y' in='rows' weight='w' pad='1 1'/><reduce-sum name='s' in='y' axes='0'/>"
      "<expr name='loss' value='mean(square(s - 1))'/></pass><pass name='q' units='8' unit='1'>"
      "<reduce-sum name='s' in='/p/y' axes='0' wide='true'/></pass>"
      "<state name='st' shape='1 9 7 3' dtype='f64'/><gradient name='G' of='p/loss'/>"
      "<commit field='theta' value='theta - 0.01 * G'/><commit state='st' value='{q/s}'/>"
      "<output value='p/loss'/></program>"
      "<training domains='plaza' ids='9' steps='5' warmup-steps='0'/>"
      "<sampler batch-ids='4' batch-images='2'/><augment height='9' width='7'/></model>";
  shards = 8;
  same_bits(support_write("sums.xml", sums), NULL, 0, "f32", 5);
  shards = 0;
}

int main(void) {
  static const SupportTest tests[] = {{"what fits", what_fits},
                                      {"broadcasts of what is whole", broadcasts},
                                      {"buckets", buckets},
                                      {"spread", spread},
                                      {"broken buckets", broken_buckets},
                                      {"broken plans", broken_plans},
                                      {"first order", first_order},
                                      {"second order", second_order},
                                      {"other networks", other_networks},
                                      {"parts that look alike", parts_that_look_alike}};
  return support_run("ranks", tests, sizeof tests / sizeof *tests);
}
