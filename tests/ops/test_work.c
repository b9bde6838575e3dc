/* What kernels do and move: against figures worked out by hand, and, for every example, against the
 * planner's own count of what is alive. */
#include "ops/work.h"
#include "tests/support.h"

static const char product_model[] =
    "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
    "<program name=\"p\" kind=\"other\">\n"
    "<input name=\"a\" shape=\"8 16\"/>\n<input name=\"b\" shape=\"16 4\"/>\n"
    "<matmul name=\"c\" in=\"a\" with=\"b\"/>\n"
    "<expr name=\"d\" value=\"exp(c) * c + 1\"/>\n"
    "<slice name=\"e\" in=\"a\" start=\"0 0\" size=\"2 3\"/>\n"
    "<output value=\"d\"/>\n<output value=\"e\"/>\n</program>\n</model>\n";

typedef struct Sums {
  int64_t flops, bytes;
} Sums;

static Sums sums_of(const Compiled *c, const PlanProgram *p) {
  Sums sums = {0};
  int64_t *bytes = calloc(p->graph->n_nodes, sizeof *bytes);
  CU_ASSERT_EQUAL_FATAL(work_bytes(c->plan, p, c->diag, bytes), STATUS_OK);
  for (NodeId id = 1; id < p->graph->n_nodes; id++) {
    sums.bytes += bytes[id];
    sums.flops += node_flops(p->graph, id);
  }
  free(bytes);
  return sums;
}

/* The product: 8 x 4 x 16 multiply-adds; exp, mul and add of 32 elements.  It reads 128 and 64
 * floats and writes 32; the group reads and writes 32; the slice reads and writes 6. */
static void test_figures(void) {
  Compiled c = support_compile(support_write("product.xml", product_model), NULL, 0, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  const PlanProgram *p = &c.plan->programs[0];
  Sums sums = sums_of(&c, p);
  CU_ASSERT_EQUAL(sums.flops, 2 * 8 * 4 * 16 + 3 * 32);
  CU_ASSERT_EQUAL(sums.bytes, 4 * (128 + 64 + 32 + 32 + 32 + 6 + 6));
  support_release(&c);
}

static void check_alive(const Compiled *c, const PlanProgram *p) {
  int64_t *alive = calloc(p->n_steps + 1u, sizeof *alive), most = 0;
  CU_ASSERT_EQUAL_FATAL(work_alive(c->plan, p, c->diag, alive), STATUS_OK);
  for (uint32_t s = 0; s <= p->n_steps; s++)
    if (alive[s] > most) most = alive[s];
  CU_ASSERT_EQUAL(most, p->lower_bound);
  if (p->n_steps) CU_ASSERT(alive[p->peak_step + 1] == most || alive[0] == most);
  for (uint32_t s = 0; s <= p->n_steps; s++) CU_ASSERT(alive[s] >= 0);
  free(alive);
}

static void check_model(const char *path) {
  Compiled c = support_compile(path, NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  for (uint32_t i = 0; i < c.plan->n_programs; i++) {
    check_alive(&c, &c.plan->programs[i]);
    Sums sums = sums_of(&c, &c.plan->programs[i]);
    CU_ASSERT(sums.flops >= 2 * c.plan->programs[i].macs && sums.bytes > 0);
  }
  support_release(&c);
}

static void test_alive(void) {
  CU_ASSERT(support_each_model("models/examples/*.xml", check_model) >= 8);
  check_model("models/cdvm_small.xml");
}

int main(void) {
  static const SupportTest tests[] = {{"figures", test_figures}, {"alive", test_alive}};
  return support_run("work", tests, sizeof tests / sizeof *tests);
}
