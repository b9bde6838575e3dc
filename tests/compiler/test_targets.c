/* Passes and verifier ask the target, and nobody else: plans for one whose every fact differs keep
 * its facts, a plan of one target is refused for another, and the CPU's own numbers bind no one. */
#include "ops/verify.h"
#include "tests/kernels/toy/toy.h"
#include "tests/support.h"

#include <glob.h>

static const Target *toy; /* one that only tests know: a plug-in's */

static Compiled compile_for(const char *path, const Target *target) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path};
  PipelineOptions pipeline = {
      .build = {.precision = PRECISION_DEFAULT, .shards = 4, .target = target}, .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  return c;
}

/* What the passes made of a program. */
typedef struct Facts {
  uint32_t largest, groups; /* members of the largest group; groups of more than one */
  uint32_t over;            /* results that lie over an operand of their step */
  uint32_t without_work;    /* steps that have no work buffer */
  int64_t common;           /* the largest power of two that divides every offset */
  uint32_t tanh_in_groups;
} Facts;

static void note_offset(Facts *f, int64_t offset) {
  while (offset % f->common) f->common /= 2;
}

static uint32_t lies_over(const PlanProgram *p, const PlanStep *step, NodeId result) {
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId m = p->step_nodes[step->first + k];
    for (uint32_t i = 0; i < p->graph->nodes[m].n_inputs; i++) {
      NodeId operand = node_input(p->graph, m, i);
      if (operand != result && p->graph->nodes[operand].op != OP_STATE &&
          p->node_offset[operand] != OFFSET_NONE &&
          p->node_offset[operand] == p->node_offset[result])
        return 1;
    }
  }
  return 0;
}

static Facts facts_of(const Plan *plan) {
  Facts f = {.common = 1 << 20};
  for (uint32_t i = 0; i < plan->n_states; i++) note_offset(&f, plan->state_offset[i]);
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    for (uint32_t s = 0; s < p->n_steps; s++) {
      const PlanStep *step = &p->steps[s];
      if (step->count > f.largest) f.largest = step->count;
      f.groups += step->count > 1;
      f.without_work += step->work_bytes == 0;
      if (step->work_bytes) note_offset(&f, step->work_offset);
      for (uint32_t k = 0; k < step->count; k++) {
        NodeId id = p->step_nodes[step->first + k];
        f.tanh_in_groups += step->count > 1 && p->graph->nodes[id].op == OP_TANH;
        if (p->node_offset[id] == OFFSET_NONE) continue;
        note_offset(&f, p->node_offset[id]);
        f.over += lies_over(p, step, id);
      }
    }
  }
  return f;
}

static void passes_ask_the_target(void) {
  Compiled cpu = compile_for("models/examples/meta_weight.xml", &target_cpu);
  Compiled other = compile_for("models/examples/meta_weight.xml", toy);
  Facts c = facts_of(cpu.plan), t = facts_of(other.plan);
  CU_ASSERT_EQUAL(c.common % 64, 0);
  CU_ASSERT(c.common < 512); /* else the next line proves nothing */
  CU_ASSERT_EQUAL(t.common % 512, 0);
  CU_ASSERT(c.largest > toy->fuse.nodes);
  CU_ASSERT(t.groups > 0 && t.largest <= toy->fuse.nodes);
  CU_ASSERT(c.over > 0);
  CU_ASSERT_EQUAL(t.over, 0);
  CU_ASSERT(c.without_work > 0);
  CU_ASSERT_EQUAL(t.without_work, 0);
  CU_ASSERT(c.tanh_in_groups > 0);
  CU_ASSERT_EQUAL(t.tanh_in_groups, 0);
  support_release(&cpu);
  support_release(&other);
}

/* ---- the verifier ---- */

static Target changed; /* the CPU's target, with one fact that its plan breaks */

static bool no_exp(const Graph *g, NodeId id) {
  return target_cpu.fusable(g, id) && g->nodes[id].op != OP_EXP;
}
static int64_t more_work(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                         const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  return target_cpu.work_bytes(g, nodes, n_nodes, outputs, n_outputs, shards) + 1;
}
static int64_t no_memory(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                         const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  (void)g, (void)nodes, (void)n_nodes, (void)outputs, (void)n_outputs, (void)shards;
  return -1;
}

static void refuses(Plan *plan, const char *text) {
  Diag *diag = diag_create();
  plan->target = &changed;
  Status status = verify_plan(plan, "plan", diag);
  char *said = support_messages(diag);
  if (status == STATUS_OK || !strstr(said, text)) printf("\nwanted '%s': %s\n", text, said);
  CU_ASSERT(status != STATUS_OK && strstr(said, text));
  free(said);
  diag_destroy(diag);
}

static void verifier_asks_the_target(void) {
  Compiled c = compile_for("models/examples/mlp.xml", &target_cpu);
  CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_OK);
  changed = target_cpu;
  changed.alignment = 1 << 16;
  refuses(c.plan, "lies in the wrong place");
  changed = target_cpu;
  changed.fuse.nodes = 2;
  refuses(c.plan, "is in a group larger than the target's kernels take");
  changed = target_cpu;
  changed.fusable = no_exp;
  refuses(c.plan, "is in a group, which the target's kernels do not take");
  changed = target_cpu;
  changed.in_place = false;
  refuses(c.plan, "overwrites an operand of its kernel");
  changed = target_cpu;
  changed.work_bytes = more_work;
  refuses(c.plan, "its work buffer is too small");
  changed.work_bytes = no_memory;
  refuses(c.plan, "out of memory");
  support_release(&c);
}

/* Values in scratch, behind a state that is well aligned. */
static void alignment_of_values(void) {
  Compiled c =
      compile_for(support_write("line.xml", "<model name=\"line\" xmlns=\"urn:graphc:model:1\">\n"
                                            "<program name=\"step\" kind=\"train\">\n"
                                            "<parameter name=\"slope\" shape=\"1\"/>\n"
                                            "<expr name=\"loss\" value=\"mean(square(slope))\"/>\n"
                                            "<gradient name=\"G\" of=\"loss\"/>\n"
                                            "<commit field=\"theta\" value=\"theta - 0.1 * G\"/>\n"
                                            "<output value=\"loss\"/>\n"
                                            "</program>\n</model>\n"),
                  &target_cpu);
  changed = target_cpu;
  changed.alignment = 128;
  refuses(c.plan, "is not aligned");
  support_release(&c);
}

/* Every target of this program keeps what the passes and the verifier take for granted. */
static void targets_are_sound(void) {
  const TargetTable *table = targets_table();
  CU_ASSERT(table->count > 0);
  CU_ASSERT_PTR_EQUAL(target_find(table, "cpu"), &target_cpu);
  CU_ASSERT_PTR_NULL(target_find(table, "toy")); /* only tests know it */
  const Target *all[16] = {toy};
  for (uint32_t i = 0; i < table->count && i < 15; i++) all[i + 1] = table->targets[i];
  for (uint32_t i = 0; i < table->count + 1; i++) {
    const Target *t = all[i];
    CU_ASSERT(t->alignment > 0 && (t->alignment & (t->alignment - 1)) == 0);
    CU_ASSERT(t->fuse.again <= 64 && t->fuse.leaves <= TARGET_LEAVES_MAX);
    CU_ASSERT(t->fuse.nodes >= 1 + 3 * t->fuse.again && t->fuse.results >= 1);
    CU_ASSERT_EQUAL(strspn(t->name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(t->name));
  }
}

static void compiles(const char *path) {
  Compiled c = compile_for(path, toy);
  support_release(&c);
}

static void every_example_compiles(void) {
  CU_ASSERT(support_each_model("models/examples/*.xml", compiles) >= 8);
}

int main(void) {
  const DeviceTable *device = toy_device();
  if (!device) return 1;
  toy = device->backend->target;
  static const SupportTest tests[] = {{"passes ask the target", passes_ask_the_target},
                                      {"the verifier asks the target", verifier_asks_the_target},
                                      {"alignment of values", alignment_of_values},
                                      {"targets are sound", targets_are_sound},
                                      {"examples compile for another", every_example_compiles}};
  return support_run("targets", tests, sizeof tests / sizeof *tests);
}
