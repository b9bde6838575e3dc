/* Durations as people read them: no unit is left at 60, nothing jumps back between the forms. */
#include "graph/base/duration.h"
#include "tests/support.h"

static void forms(void) {
  static const struct {
    double seconds;
    const char *text;
  } rows[] = {{0, "0.0 s"},      {-1, "0.0 s"},       {3.24, "3.2 s"},        {9.94, "9.9 s"},
              {9.96, "10 s"},    {59.4, "59 s"},      {59.6, "1:00"},         {425, "7:05"},
              {3599.4, "59:59"}, {3599.6, "1:00:00"}, {86400 * 3, "72:00:00"}};
  char text[DURATION_MAX];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CU_ASSERT_STRING_EQUAL(duration_text(rows[i].seconds, text), rows[i].text);
  duration_text(1e300, text); /* an estimate from next to nothing */
  CU_ASSERT(strlen(text) < DURATION_MAX - 1);
}

int main(void) {
  static const SupportTest tests[] = {{"forms", forms}};
  return support_run("duration", tests, sizeof tests / sizeof *tests);
}
