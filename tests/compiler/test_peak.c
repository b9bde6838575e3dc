/* graphc --explain-peak: the rows add up to what the plan reserves, and each says when its value
 * was made, who reads it last and what it would take to compute it again. */
#include "compiler/peak.h"
#include "tests/shell.h"

#include <jansson.h>

/* ---- lives, found by looking at every reader ---- */

static NodeId value_of(const Graph *g, const bool *executed, NodeId id) {
  while (!executed[id] && g->nodes[id].op == OP_RESHAPE) id = node_input(g, id, 0);
  return id;
}

static bool reads(const Graph *g, const bool *executed, NodeId id, NodeId value) {
  for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
    if (value_of(g, executed, node_input(g, id, i)) == value) return true;
  return false;
}

static bool is_end(const Graph *g, const bool *executed, NodeId value) {
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (value_of(g, executed, g->outputs[i].node) == value) return true;
  for (uint32_t i = 0; i < g->n_commits; i++)
    if (value_of(g, executed, g->commits[i].value) == value) return true;
  return false;
}

/* The last step, from 1, that makes or reads the value. */
static uint32_t last_step(const PlanProgram *p, const bool *executed, NodeId value) {
  uint32_t last = 0;
  if (is_end(p->graph, executed, value)) return p->n_steps + 1;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++) {
      NodeId id = p->step_nodes[p->steps[s].first + k];
      if (id == value || reads(p->graph, executed, id, value)) last = s + 1;
    }
  return last;
}

static bool step_has(const PlanProgram *p, uint32_t step, NodeId id) {
  const PlanStep *s = &p->steps[step - 1];
  for (uint32_t k = 0; k < s->count; k++)
    if (p->step_nodes[s->first + k] == id) return true;
  return false;
}

static void check_row(const PlanProgram *p, const bool *executed, const PeakRow *row,
                      uint32_t peak) {
  const Graph *g = p->graph;
  NodeId last = row->heir ? row->heir : row->node;
  if (row->kind == PEAK_WORK) {
    CU_ASSERT(row->maker == peak && row->bytes == p->steps[peak - 1].work_bytes);
    return;
  }
  CU_ASSERT_EQUAL(row->bytes, value_bytes(&g->nodes[row->node]));
  CU_ASSERT(row->maker ? step_has(p, row->maker, row->node) : !executed[row->node]);
  CU_ASSERT(row->maker <= peak && peak <= row->freed);
  CU_ASSERT_EQUAL(row->freed, last_step(p, executed, last));
  if (row->heir) CU_ASSERT_EQUAL(p->node_offset[row->heir], p->node_offset[row->node]);
  bool read = row->freed <= p->n_steps && !step_has(p, row->freed, last);
  if (read) {
    CU_ASSERT_FATAL(row->reader != NODE_NONE);
    CU_ASSERT(step_has(p, row->freed, row->reader) && reads(g, executed, row->reader, last));
  }
  CU_ASSERT((row->again == AGAIN_FED) == (g->nodes[row->node].op == OP_INPUT));
  if (row->again == AGAIN_COSTS)
    CU_ASSERT(row->cost.nodes > 0 && row->cost.macs >= node_macs(g, row->node) &&
              row->cost.bytes >= row->bytes);
}

static void check_program(const Compiled *c, const PlanProgram *p) {
  Peak peak;
  CU_ASSERT_EQUAL_FATAL(peak_find(c->plan, p, c->diag, &peak), STATUS_OK);
  bool *executed = calloc(p->graph->n_nodes, sizeof *executed);
  for (uint32_t i = 0; i < p->n_step_nodes; i++) executed[p->step_nodes[i]] = true;
  int64_t sums[3] = {0}, align = 0, before = INT64_MAX;
  for (uint32_t i = 0; i < peak.n; i++) {
    const PeakRow *row = &peak.rows[i];
    CU_ASSERT(row->bytes <= before && row->align >= 0);
    before = row->bytes;
    sums[row->kind] += row->bytes;
    align += row->align;
    check_row(p, executed, row, peak.step);
  }
  CU_ASSERT(sums[PEAK_VALUE] == peak.values && sums[PEAK_WORK] == peak.work);
  CU_ASSERT(sums[PEAK_HELD] == 0 && peak.held == 0 && align == peak.alignment);
  CU_ASSERT_EQUAL(peak.values + peak.work + peak.alignment, p->lower_bound);
  CU_ASSERT_EQUAL(peak.values + peak.work + peak.alignment + peak.gaps, p->scratch_bytes);
  CU_ASSERT(peak.gaps >= 0 && peak.state_align >= 0);
  CU_ASSERT_EQUAL(peak.scratch + peak.state + peak.state_align, peak.reserved);
  CU_ASSERT_EQUAL(peak.reserved, c->plan->state_bytes + p->scratch_bytes);
  free(executed);
  peak_free(&peak);
}

static void check_model(const char *path) {
  Compiled c = support_compile(path, NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  for (uint32_t i = 0; i < c.plan->n_programs; i++) check_program(&c, &c.plan->programs[i]);
  support_release(&c);
}

static void test_rows(void) {
  CU_ASSERT(support_each_model("models/examples/*.xml", check_model) >= 8);
}

/* ---- the cost of computing again, worked out by hand ---- */

/* At the peak, where f is made, d is alive and what it was made of is not. */
static const char cost_model[] = "<model name=\"cost\" xmlns=\"urn:graphc:model:1\">\n"
                                 "<program name=\"p\" kind=\"other\">\n%s\n"
                                 "<parameter name=\"w1\" shape=\"16 32\"/>\n"
                                 "<parameter name=\"w2\" shape=\"32 64\"/>\n"
                                 "<parameter name=\"w3\" shape=\"64 512\"/>\n"
                                 "<matmul name=\"c\" in=\"a\" with=\"w1\"/>\n"
                                 "<expr name=\"e\" value=\"exp(c)\"/>\n"
                                 "<matmul name=\"d\" in=\"e\" with=\"w2\"/>\n"
                                 "<matmul name=\"f\" in=\"d\" with=\"w3\"/>\n"
                                 "<output value=\"f\"/>\n<output value=\"d\"/>\n"
                                 "</program>\n</model>\n";

/* `gone`: bytes of inputs that are gone by then.  A random value reads seed and step, which are
 * inputs, too. */
static void check_cost(const char *source, uint32_t nodes, int64_t read, int64_t gone) {
  char text[2000];
  snprintf(text, sizeof text, cost_model, source);
  Compiled c = support_compile(support_write("cost.xml", text), NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  Peak peak;
  CU_ASSERT_EQUAL_FATAL(peak_find(c.plan, &c.plan->programs[0], c.diag, &peak), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(peak.n, 2);
  const PeakCost *f = &peak.rows[0].cost, *d = &peak.rows[1].cost;
  CU_ASSERT(peak.rows[0].again == AGAIN_COSTS && peak.rows[1].again == AGAIN_COSTS);
  CU_ASSERT(f->nodes == 1 && f->macs == 8 * 64 * 512 && f->flops == 2 * f->macs && !f->inputs);
  CU_ASSERT_EQUAL(f->bytes, 4 * (8 * 512 + 64 * 512 + 8 * 64)); /* f, w3, d */
  CU_ASSERT(d->nodes == nodes && d->macs == 8 * 32 * 64 + 8 * 16 * 32);
  CU_ASSERT_EQUAL(d->flops, 2 * d->macs + 8 * 32);
  /* d, w2, w1 once; e and c written and read */
  CU_ASSERT_EQUAL(d->bytes, 4 * (8 * 64 + 32 * 64 + 16 * 32 + 2 * (8 * 32 + 8 * 32)) + read);
  CU_ASSERT_EQUAL(d->inputs, gone);
  peak_free(&peak);
  support_release(&c);
}

static void test_cost(void) {
  check_cost("<random name=\"a\" shape=\"8 16\"/>", 4, 2 * 4 * 8 * 16 + 8 + 8, 16);
  check_cost("<input name=\"a\" shape=\"8 16\"/>", 3, 4 * 8 * 16, 4 * 8 * 16);
}

/* ---- as users see it ---- */

static json_int_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  CU_ASSERT_TRUE_FATAL(json_is_integer(value));
  return json_integer_value(value);
}

static json_int_t check_json(const char *options) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --explain-peak=json %s", options);
  json_t *root = json_loads(s.out, JSON_REJECT_DUPLICATES, NULL), *group, *row;
  CU_ASSERT_TRUE_FATAL(s.code == 0 && root != NULL);
  json_int_t all = 0, states = 0, before = INT64_MAX, held = integer(root, "held_bytes");
  size_t i, k;
  json_array_foreach(json_object_get(root, "groups"), i, group) {
    json_int_t bytes = 0;
    json_array_foreach(json_object_get(group, "rows"), k, row) {
      bytes += integer(row, "bytes");
      all += integer(row, "align");
      CU_ASSERT_PTR_NOT_NULL(strchr(json_string_value(json_object_get(row, "at")), ':'));
    }
    CU_ASSERT(bytes == integer(group, "bytes") && bytes <= before);
    before = bytes;
    all += bytes;
  }
  json_array_foreach(json_object_get(root, "states"), i, row) states += integer(row, "bytes");
  CU_ASSERT_EQUAL(states, integer(root, "state_bytes"));
  CU_ASSERT(integer(root, "gaps_bytes") >= 0);
  all += integer(root, "gaps_bytes");
  CU_ASSERT_EQUAL(all, integer(root, "scratch_bytes"));
  CU_ASSERT_EQUAL(all + states + integer(root, "state_alignment_bytes"),
                  integer(root, "reserved_bytes"));
  json_decref(root);
  shell_free(&s);
  return held;
}

/* Where steps overlap, bytes are held beyond their last reader; they are rows, too. */
static void test_json(void) {
  CU_ASSERT_EQUAL(check_json(""), 0);
  CU_ASSERT_EQUAL(check_json("--program=evaluate --depth=1"), 0);
  CU_ASSERT(check_json("\"--target=$TOY\"") > 0);
  check_json("\"--target=$TOY\" --program=evaluate");
  check_json("\"--target=$TOY\" --program=evaluate --ranks=2");
  check_json("--target=cuda-sm90");
}

static void test_text(void) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --explain-peak && ls");
  static const char *const parts[] = {
      "peak of step: kernel ",       "alignment ",
      "gaps between them",           "= scratch",
      "= reserved for this program", "models/examples/cnn.xml:26; freed: kernel ",
      "--program=P explains another"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!strstr(s.out, parts[i])) printf("\nnot there: %s\n", parts[i]);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, parts[i]));
  }
  CU_ASSERT_PTR_NULL(strstr(s.out, "cnn.plan.xml"));
  shell_free(&s);
  s = shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --explain-peak --scope=train/block0");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "train/block0/conv/out"));
  CU_ASSERT_PTR_NULL(strstr(s.out, "train/block1"));
  shell_free(&s);
  static const char *const two[] = {"are two documents", "graphc --help", NULL},
                           *const none[] = {"the program has no scope 'nowhere'", NULL};
  CU_ASSERT(shell_says("two documents",
                       shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --report=json "
                             "--explain-peak"),
                       2, 1, two));
  CU_ASSERT(shell_says("no scope",
                       shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --explain-peak "
                             "--scope=nowhere"),
                       1, 1, none));
}

int main(void) {
  static const SupportTest tests[] = {
      {"rows", test_rows}, {"cost", test_cost}, {"JSON", test_json}, {"text", test_text}};
  return support_run("peak", tests, sizeof tests / sizeof *tests);
}
