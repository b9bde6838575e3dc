/* The cursor over a plan's text: the ends of its numbers, and that it never leaves the text. */
#include "graph/plan/plan_scan.h"
#include "tests/support.h"

static PlanScan scan_of(const char *text) {
  return (PlanScan){text, text, text + strlen(text), NULL, false, NULL, ""};
}

static void test_integers(void) {
  static const struct {
    const char *text;
    int64_t low, high, value;
    bool bad;
  } list[] = {
      {"0\n", 0, 0, 0, false},
      {"-1 ", -1, 5, -1, false},
      {"6\n", -1, 5, -1, true},
      {"-2\n", -1, 5, -1, true},
      {"9223372036854775807\n", INT64_MIN, INT64_MAX, INT64_MAX, false},
      {"9223372036854775806\n", INT64_MIN, INT64_MAX, INT64_MAX - 1, false},
      {"9223372036854775800\n", INT64_MIN, INT64_MAX, INT64_MAX - 7, false},
      {"9223372036854775808\n", 7, INT64_MAX, 7, true},
      {"-9223372036854775808\n", INT64_MIN, INT64_MAX, INT64_MIN, false},
      {"-9223372036854775809\n", -7, INT64_MAX, -7, true},
      {"18446744073709551616\n", 0, INT64_MAX, 0, true},
      {"99999999999999999999\n", 0, INT64_MAX, 0, true},
      {"999999999999999999\n", 0, INT64_MAX, 999999999999999999, false},
      {"1000000000000000000\n", 0, INT64_MAX, 1000000000000000000, false},
      {"12x\n", 0, 100, 0, true},
      {"12", 0, 100, 0, true}, /* a number ends with a blank or the line */
      {"-\n", -5, 100, -5, true},
      {"\n", 3, 100, 3, true},
      {" 1\n", 0, 100, 0, true},
      {"+1\n", 0, 100, 0, true},
      {"", 0, 100, 0, true},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    PlanScan s = scan_of(list[i].text);
    int64_t value = plan_scan_int(&s, list[i].low, list[i].high);
    if (value != list[i].value || s.bad != list[i].bad)
      printf("\n  '%s': %lld%s\n", list[i].text, (long long)value, s.bad ? ", refused" : "");
    CU_ASSERT_EQUAL(value, list[i].value);
    CU_ASSERT_EQUAL(s.bad, list[i].bad);
    CU_ASSERT(s.at <= s.end);
  }
}

/* The first thing that is wrong is remembered; what follows reads as the least that is allowed. */
static void test_sticky(void) {
  PlanScan s = scan_of("1 x 3\n</a>\n");
  CU_ASSERT_EQUAL(plan_scan_int(&s, 0, 9), 1);
  CU_ASSERT_EQUAL(plan_scan_int(&s, 2, 9), 2);
  const char *where = s.bad_at;
  CU_ASSERT_EQUAL(plan_scan_int(&s, 5, 9), 5);
  plan_scan_close(&s, "a");
  CU_ASSERT_PTR_EQUAL(s.bad_at, where);
  CU_ASSERT_STRING_EQUAL(s.expected, "a number from 2 to 9 is expected");
  CU_ASSERT(!plan_scan_more(&s));
}

static void test_elements(void) {
  PlanScan s = scan_of("<a>\n5 6\n</a>\n<b>\n</b>\n");
  CU_ASSERT(plan_scan_sees(&s, "a") && !plan_scan_sees(&s, "b") && !plan_scan_sees(&s, "aa"));
  plan_scan_open(&s, "a");
  CU_ASSERT(plan_scan_more(&s));
  CU_ASSERT_EQUAL(plan_scan_int(&s, 0, 9), 5);
  CU_ASSERT_EQUAL(plan_scan_int(&s, 0, 9), 6);
  CU_ASSERT(!plan_scan_more(&s));
  plan_scan_close(&s, "a");
  plan_scan_open(&s, "b");
  CU_ASSERT(!plan_scan_more(&s));
  plan_scan_close(&s, "b");
  CU_ASSERT(!s.bad && s.at == s.end);
  plan_scan_open(&s, "c");
  CU_ASSERT(s.bad);
}

int main(void) {
  static const SupportTest tests[] = {
      {"integers", test_integers}, {"the first error", test_sticky}, {"elements", test_elements}};
  return support_run("plan scan", tests, sizeof tests / sizeof *tests);
}
