/* Each of the simulator's rules is broken by a program that is right but for that, and found, in
 * every order in which commands may run; and what is right passes.  Prints the score. */
#include "tests/cusim/cases.h"

#include <CUnit/Basic.h>
#include <string.h>

typedef struct Group {
  const Case *cases;
  const uint32_t *n;
  bool texts; /* they need a compiler */
} Group;
static const Group groups[] = {
#define GROUP(name, texts)                                                                         \
  { cases_##name, &n_cases_##name, texts }
    GROUP(memory, false), GROUP(order, false),       GROUP(capture, false), GROUP(kernels, false),
    GROUP(blas, false),   GROUP(collectives, false), GROUP(dnn, false),     GROUP(limits, false),
    GROUP(text, true),    GROUP(watch, true),
#undef GROUP
};
static const struct {
  CusimOrder order;
  uint64_t seed;
} runs[] = {{CUSIM_LAZY, 0},   {CUSIM_EAGER, 0},  {CUSIM_RANDOM, 1}, {CUSIM_RANDOM, 2},
            {CUSIM_RANDOM, 3}, {CUSIM_RANDOM, 4}, {CUSIM_RANDOM, 5}, {CUSIM_RANDOM, 6}};
#define RUNS (sizeof runs / sizeof *runs)

/* Where texts cannot be compiled, what they would break counts as not asked for. */
static bool left_out(const Group *g) {
  return g->texts && !cusim_compiles();
}

static bool passes(const Case *c) {
  for (size_t i = 0; i < RUNS; i++) {
    CusimReport report;
    uint32_t errors = bench_run(c, false, runs[i].order, runs[i].seed, &report);
    if (report.faults || errors) {
      printf("\n%s, right, run %zu: %u calls fail; %s", c->name, i, errors, report.text);
      return false;
    }
  }
  return true;
}

static bool caught(const Case *c) {
  for (size_t i = 0; i < RUNS; i++) {
    CusimReport report;
    bench_run(c, true, runs[i].order, runs[i].seed, &report);
    if (report.faults && report.rule == c->rule) continue;
    printf("\n%s, wrong, run %zu: not '%s' but '%s': %s", c->name, i, cusim_rule_name(c->rule),
           cusim_rule_name(report.rule), report.text);
    return false;
  }
  return true;
}

static void right_programs_pass(void) {
  for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
    for (uint32_t i = 0; i < *groups[g].n && !left_out(&groups[g]); i++)
      CU_ASSERT(passes(&groups[g].cases[i]));
}

static void wrong_programs_are_caught(void) {
  uint32_t n = 0, found = 0, rules = 0;
  bool broken[CUSIM_RULES] = {[CUSIM_NONE] = true};
  for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
    for (uint32_t i = 0; i < *groups[g].n; i++) {
      const Case *c = &groups[g].cases[i];
      if (left_out(&groups[g])) {
        broken[c->rule] = true;
        continue;
      }
      bool ok = caught(c);
      n++;
      found += ok;
      broken[c->rule] |= ok;
    }
  for (CusimRule r = 0; r < CUSIM_RULES; r++) {
    if (!broken[r]) printf("\nno program breaks: %s", cusim_rule_name(r));
    rules += broken[r];
  }
  if (!cusim_compiles()) printf("\nwithout those of kernel texts: there is no g++");
  printf("\n%u of %u mutations caught, each in %zu orders; %u of %u rules\n", found, n, RUNS,
         rules - 1, (uint32_t)CUSIM_RULES - 1);
  CU_ASSERT_EQUAL(found, n);
  CU_ASSERT_EQUAL(rules, CUSIM_RULES);
}

int main(void) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim rules", NULL, NULL);
  if (!s || !CU_add_test(s, "right programs pass", right_programs_pass) ||
      !CU_add_test(s, "wrong programs are caught", wrong_programs_are_caught))
    return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
