/* On which streams steps run, and what they wait for: small programs whose answer is plain. */
#include "compiler/streams.h"
#include "tests/compiler/program_lab.h"

static void output(Lab *lab, const char *name, NodeId node) {
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, name), node, true);
}

static NodeId square(Lab *lab, int64_t n) {
  return lab_input(lab, DTYPE_F32, 2, (int64_t[]){n, n});
}

/* `n` products one after the other. */
static NodeId chain(Lab *lab, NodeId from, int n) {
  for (int i = 0; i < n; i++) from = emit_matmul(&lab->e, from, from, false, false);
  return from;
}

/* The plan for a target; every wait of it is needed. */
static Plan *compile(Lab *lab, const State *states, uint32_t n_states, const Target *target) {
  Plan *plan = program_compile_for(lab, states, n_states, target);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  CU_ASSERT(program_needs_waits(plan, lab->diag));
  return plan;
}

static void finish(Lab *lab, Plan *plan) {
  program_release(plan);
  lab_free(lab);
}

static uint32_t steps_on(const PlanProgram *p, uint32_t stream) {
  uint32_t n = 0;
  for (uint32_t s = 0; s < p->n_steps; s++) n += p->steps[s].stream == stream;
  return n;
}

static uint32_t step_of_op(const PlanProgram *p, OpId op) {
  for (uint32_t s = 0; s < p->n_steps; s++)
    if (p->graph->nodes[p->step_nodes[p->steps[s].first]].op == op) return s;
  CU_FAIL_FATAL("in no step");
  return 0;
}

static void a_chain_stays(void) {
  Lab lab;
  Target wide = program_wide();
  lab_init(&lab, DTYPE_F32, 1);
  output(&lab, "y", chain(&lab, square(&lab, 32), 6));
  Plan *plan = compile(&lab, NULL, 0, &wide);
  CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]), 1);
  CU_ASSERT_EQUAL(plan->programs[0].n_waits, 0);
  finish(&lab, plan);
}

/* Two chains of `n` products from two inputs, which meet in a product. */
static Plan *diamond(Lab *lab, int n, const Target *target) {
  lab_init(lab, DTYPE_F32, 1);
  NodeId a = square(lab, 32), b = square(lab, 32);
  output(lab, "y", emit_matmul(&lab->e, chain(lab, a, n), chain(lab, b, n), false, false));
  return compile(lab, NULL, 0, target);
}

/* A branch has a stream; one wait where they meet, the end's unless they meet on the first, and
 * where bytes are used again that have been free for long. */
static void branches_overlap(void) {
  Lab lab;
  Target wide = program_wide();
  Plan *plan = diamond(&lab, 4, &wide);
  const PlanProgram *p = &plan->programs[0];
  StreamTimes times;
  CU_ASSERT_EQUAL(plan_streams(p), 2);
  CU_ASSERT_EQUAL(p->n_steps, 9);
  CU_ASSERT(steps_on(p, 0) == 4 || steps_on(p, 0) == 5);
  CU_ASSERT_EQUAL(p->n_joins, p->steps[8].stream != 0);
  CU_ASSERT_EQUAL(p->steps[8].n_waits, 1);
  CU_ASSERT_EQUAL(streams_times(plan, p, lab.diag, &times), STATUS_OK);
  /* Nine launches, of which four pairs overlap, and a wait. */
  CU_ASSERT(times.serial >= 27000 && times.serial < 28000);
  CU_ASSERT(times.path >= 15000 && times.path < 16000);
  CU_ASSERT(times.run >= times.path + 1000 && times.run < 17000);
  finish(&lab, plan);
}

static void little_gain(void) {
  Lab lab;
  Target wide = program_wide();
  wide.streams.wait_ns = 7000; /* two steps and a half */
  Plan *plan = diamond(&lab, 2, &wide);
  CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]), 1);
  finish(&lab, plan);
  wide = program_wide();
  wide.streams.macs = 1; /* the machine has no time for two */
  plan = diamond(&lab, 4, &wide);
  CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]), 1);
  finish(&lab, plan);
  wide = program_wide();
  wide.streams.compute = 1;
  plan = diamond(&lab, 4, &wide);
  CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]), 1);
  finish(&lab, plan);
  plan = diamond(&lab, 4, &target_cpu);
  CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]), 1);
  CU_ASSERT_EQUAL(plan->programs[0].n_waits, 0);
  finish(&lab, plan);
}

/* An estimate that says nothing is no reason to overlap, and no division. */
static void no_estimate(void) {
  Lab lab;
  Target wide = program_wide();
  wide.streams = (StreamFacts){.compute = 3, .collectives = true};
  Plan *plan = diamond(&lab, 4, &wide);
  CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]), 1);
  finish(&lab, plan);
}

/* Values of n x n that are soon gone, `count` of them: with one stream they take turns in the same
 * bytes. */
static NodeId large_values(Lab *lab, int64_t n, int count, NodeId sum) {
  Emitter *e = &lab->e;
  for (int i = 0; i < count; i++) {
    NodeId a = lab_input(lab, DTYPE_F32, 2, (int64_t[]){n, 1});
    NodeId big = emit_transpose(e, emit_matmul(e, a, a, false, true), (int64_t[]){1, 0});
    NodeId one = emit_reduce_sum(e, emit_matmul(e, big, a, false, false), 1);
    sum = sum ? emit_add(e, sum, one) : one;
  }
  return sum;
}

static void memory_decides(void) {
  for (int large = 0; large < 2; large++) {
    Lab lab;
    Target wide = program_wide();
    wide.streams.bytes = INT64_C(1) << 40;
    lab_init(&lab, DTYPE_F32, 1);
    output(&lab, "y", large_values(&lab, large ? 1024 : 64, 3, NODE_NONE));
    Plan *plan = compile(&lab, NULL, 0, &wide);
    CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]) > 1, !large);
    finish(&lab, plan);
  }
}

/* Where only a part of a program has no room for several, streams meet there. */
static void memory_joins(void) {
  int64_t scratch[2], steps[2];
  for (int several = 0; several < 2; several++) {
    Lab lab;
    Target wide = program_wide();
    wide.streams.bytes = INT64_C(1) << 40;
    if (!several) wide.streams.compute = 1;
    lab_init(&lab, DTYPE_F32, 1);
    NodeId a = square(&lab, 32), b = square(&lab, 32);
    NodeId small = emit_matmul(&lab.e, chain(&lab, a, 9), chain(&lab, b, 9), false, false);
    output(&lab, "y",
           large_values(&lab, 1024, 4,
                        emit_slice_axis(&lab.e, emit_reduce_sum(&lab.e, small, 3), 0, 0, 1)));
    Plan *plan = compile(&lab, NULL, 0, &wide);
    scratch[several] = plan->programs[0].scratch_bytes;
    steps[several] = plan_stream_steps(&plan->programs[0], 0);
    CU_ASSERT_EQUAL(plan_streams(&plan->programs[0]) > 1, several);
    finish(&lab, plan);
  }
  CU_ASSERT(steps[1] < steps[0] - 8);
  CU_ASSERT(scratch[1] <= scratch[0] + scratch[0] / 20 + (1 << 20));
}

/* Ranks meet on the last stream, in the order of the program, while kernels go on; who reads the
 * sum waits. */
static void collectives_overlap(void) {
  Lab lab;
  Target wide = program_wide();
  lab_init(&lab, DTYPE_F32, 1);
  NodeId x = square(&lab, 32), y = chain(&lab, x, 1);
  NodeId sum = emit_all_reduce(&lab.e, y, 1), parts = emit_all_gather(&lab.e, y, 1);
  output(&lab, "parts", parts);
  output(&lab, "y", emit_add(&lab.e, emit_unary(&lab.e, OP_TANH, sum), chain(&lab, y, 4)));
  Plan *plan = compile(&lab, NULL, 0, &wide);
  const PlanProgram *p = &plan->programs[0];
  uint32_t first = step_of_op(p, OP_ALL_REDUCE), second = step_of_op(p, OP_ALL_GATHER);
  uint32_t own = plan_streams(p) - 1;
  CU_ASSERT(own > 0);
  CU_ASSERT_EQUAL(p->steps[first].stream, own);
  CU_ASSERT_EQUAL(p->steps[second].stream, own);
  CU_ASSERT_EQUAL(steps_on(p, own), 2);
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].n_waits; k++)
      if (p->waits[p->steps[s].first_wait + k] == first)
        CU_ASSERT_EQUAL(p->graph->nodes[p->step_nodes[p->steps[s].first]].op, OP_TANH);
  finish(&lab, plan);
  wide.streams.collectives = false; /* one order still: all on the first */
  lab_init(&lab, DTYPE_F32, 1);
  y = chain(&lab, square(&lab, 32), 1);
  output(&lab, "y", emit_all_reduce(&lab.e, chain(&lab, y, 3), 1));
  output(&lab, "z", emit_all_gather(&lab.e, chain(&lab, square(&lab, 32), 4), 1));
  plan = compile(&lab, NULL, 0, &wide);
  p = &plan->programs[0];
  CU_ASSERT_EQUAL(plan_streams(p), 2);
  CU_ASSERT_EQUAL(p->steps[step_of_op(p, OP_ALL_REDUCE)].stream, 0);
  CU_ASSERT_EQUAL(p->steps[step_of_op(p, OP_ALL_GATHER)].stream, 0);
  finish(&lab, plan);
}

/* A committed value is written over its state by a step that waits for the state's readers. */
static void commits_wait(void) {
  Lab lab;
  Target wide = program_wide();
  lab_init(&lab, DTYPE_F32, 1);
  State state = {.name = strings_intern(lab.symbols->strings, "w"),
                 .dtype = DTYPE_F32,
                 .shape = {2, {32, 32}}};
  NodeId w = emit_state(&lab.e, 0, DTYPE_F32, &state.shape), x = square(&lab, 32);
  output(&lab, "y", emit_matmul(&lab.e, w, chain(&lab, x, 5), false, false));
  NodeId next = emit_matmul(&lab.e, chain(&lab, square(&lab, 32), 4), x, false, false);
  graph_add_commit(lab.graph, 0, next);
  Plan *plan = compile(&lab, &state, 1, &wide);
  const PlanProgram *p = &plan->programs[0];
  NodeId value = p->graph->commits[0].value;
  CU_ASSERT_EQUAL(plan_streams(p), 2);
  CU_ASSERT_EQUAL(p->node_offset[value], plan->state_offset[0]);
  uint32_t maker = 0;
  while (p->step_nodes[p->steps[maker].first] != value) maker++;
  CU_ASSERT_EQUAL(p->steps[maker].n_waits, 1);
  finish(&lab, plan);
}

LAB_MAIN("streams", {"a chain stays", a_chain_stays}, {"branches overlap", branches_overlap},
         {"little gain", little_gain}, {"no estimate", no_estimate},
         {"memory decides", memory_decides}, {"memory joins", memory_joins},
         {"collectives overlap", collectives_overlap}, {"commits wait", commits_wait})
