/* Expressions of elaboration: values and messages, one row each. */
#include "graph/expression/value.h"
#include "tests/support.h"

typedef struct Row {
  const char *text, *expect; /* the value as text, or part of the message */
} Row;

static const Row values[] = {
    {"1 + 2 * 3", "7"},
    {"(1 + 2) * 3", "9"},
    {"2 ^ 3 ^ 2", "512"},
    {"-2 ^ 2", "-4"},
    {"7 - 2 - 1", "4"},
    {"16 / 4 / 2", "2"},
    /* // and % round towards minus infinity: a = b (a // b) + a % b, and a % b has b's sign. */
    {"7 // 2", "3"},
    {"-7 // 2", "-4"},
    {"7 // -2", "-4"},
    {"-7 // -2", "3"},
    {"-8 // 2", "-4"},
    {"7 % 2", "1"},
    {"-7 % 2", "1"},
    {"7 % -2", "-1"},
    {"-7 % -2", "-1"},
    {"-8 % 2", "0"},
    {"5 // -1", "-5"},
    {"5 % -1", "0"},
    {"-7.5 // 2", "-4"},
    {"-7.5 % 2", "0.5"},
    {"1 / 4", "0.25"},
    {"3 / 2", "1.5"},
    {"1 < 2 and 2 < 1", "false"},
    {"1 < 2 or 2 < 1", "true"},
    {"not 1 < 2", "false"},
    {"2 lt 2", "false"},
    {"2 le 2", "true"},
    {"2 gt 2", "false"},
    {"2 ge 2", "true"},
    {"2 eq 2.0", "true"},
    {"'a' + 'b'", "ab"},
    {"1 == 2 ? 'x' : 3 == 3 ? 'y' : 'z'", "y"},
    {"[4, 5, 6][1]", "5"},
    {"range(3)", "0 1 2"},
    {"range(1, 4)", "1 2 3"},
    {"range(5, 0, -2)", "5 3 1"},
    {"range(0, 5, 2)", "0 2 4"},
    {"range(3, 3)", ""},
    {"sum([1, 2, 3])", "6"},
    {"len([1, 2, 3])", "3"},
    {"min(3, 1, 2)", "1"},
    {"max(3, 1, 2)", "3"},
    {"max(['0.5', '2.5'])", "2.5"},
    {"min('-0.5', '2')", "-0.5"},
    {"max('1e2', '7.5')", "100"},
    {"range('3.0')", "0 1 2"},
    {"len('gr\xC3\xB6\xC3\x9F"
     "e')",
     "5"},
    {"[5, 6, 7][4 / 2]", "7"},
    {"9007199254740993 == 9007199254740992", "false"},
    {"9007199254740992 < 9007199254740993", "true"},
    {"'9007199254740993' == 9007199254740993", "true"},
    {"int(-2.7)", "-2"},
    {"abs(-3)", "3"},
    {"floor(-1.5)", "-2"},
    {"ceil(-1.5)", "-1"},
    {"reverse([1, 2, 3])", "3 2 1"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775807 - 1", "-9223372036854775808"},
};

static const Row errors[] = {
    {"1 // 0", "division by zero"},
    {"1 % 0", "division by zero"},
    {"1 / 0", "division by zero"},
    {"9223372036854775807 + 1", "does not fit into 64 bits"},
    {"-9223372036854775807 - 2", "does not fit into 64 bits"},
    {"4294967296 * 2147483648", "does not fit into 64 bits"},
    {"(-9223372036854775807 - 1) // -1", "does not fit into 64 bits"},
    {"range(0, 5, 0)", "the step is 0"},
    {"range(5 / 2)", "needs whole numbers"},
    {"range(0, 4, 0.5)", "needs whole numbers"},
    {"range('2.5')", "needs whole numbers"},
    {"format('w{1}', [1, 2])", "'{1}' stands for nothing"},
    {"format('w{2}', [1, 2], 3)", "'{2}' stands for nothing"},
    {"format('{name}', [1])", "'{name}' stands for nothing"},
    {"range(0, 5, 9223372036854775807)", "the step is too large"},
    {"range(0, 9223372036854775807)", "the bounds are too large"},
    {"range(1000000)", "too many"},
    {"[1, 2][2]", ""},
    {"[1, 2][-3]", ""},
    {"1 +", "a value is expected"},
    {"nothing", "nothing"},
};

static void test_values(void) {
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    Arena *arena = arena_create();
    Value value;
    ExprError error = {0};
    bool ok = expr_evaluate(arena, NULL, values[i].text, strlen(values[i].text), &value, &error);
    const char *text = ok ? value_text(arena, &value) : error.text;
    bool right = ok && text && strcmp(text, values[i].expect) == 0;
    if (!right) printf("\n  %s: %s, not %s\n", values[i].text, text, values[i].expect);
    CU_ASSERT(right);
    arena_destroy(arena);
  }
}

static void test_errors(void) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    Arena *arena = arena_create();
    Value value;
    ExprError error = {0};
    bool ok = expr_evaluate(arena, NULL, errors[i].text, strlen(errors[i].text), &value, &error);
    bool right = !ok && *error.text && strstr(error.text, errors[i].expect);
    if (!right)
      printf("\n  %s: '%s'\n", errors[i].text, ok ? value_text(arena, &value) : error.text);
    CU_ASSERT(right);
    arena_destroy(arena);
  }
}

/* A double as text reads back as itself, in the fewest digits. */
static void test_floats(void) {
  static const struct {
    double value;
    const char *text;
  } list[] = {
      {0.1, "0.1"},       {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"}, {-0.5, "-0.5"},
      {5e-324, "5e-324"}, {1e22, "1e+22"},   {123456789, "123456789"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    char text[32];
    double back = 0;
    float_text(list[i].value, text);
    if (strcmp(text, list[i].text) != 0) printf("\n  %s, not %s\n", text, list[i].text);
    CU_ASSERT_STRING_EQUAL(text, list[i].text);
    CU_ASSERT(number_parse(text, &back) && back == list[i].value);
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"values", test_values}, {"errors", test_errors}, {"floats", test_floats}};
  return support_run("expr", tests, sizeof tests / sizeof *tests);
}
