/* --memory: what is a number of bytes, and what is said of a plan that needs more. */
#include "compiler/budget.h"
#include "tests/shell.h"
#include "tests/support.h"

static void numbers_of_bytes(void) {
  static const struct {
    const char *text;
    int64_t bytes; /* 0: refused */
  } rows[] = {{"80G", 80000000000},
              {"40Gi", (int64_t)40 << 30},
              {"1.5K", 1500},
              {"1.5Ki", 1536},
              {"512M", 512000000},
              {"2T", 2000000000000},
              {"123456789", 123456789},
              {"1", 1},
              {"", 0},
              {"0", 0},
              {"0.5", 0},
              {"-3G", 0},
              {"+3G", 0},
              {" 3G", 0},
              {"3 G", 0},
              {"3GB", 0},
              {"3i", 0},
              {"3g", 0},
              {"1e9", 0},
              {"inf", 0},
              {"nan", 0},
              {"0x10", 0},
              {"G", 0},
              {"99999T", 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t bytes;
    bool is = budget_parse(rows[i].text, &bytes);
    CU_ASSERT_EQUAL(is, rows[i].bytes != 0);
    if (is) CU_ASSERT_EQUAL(bytes, rows[i].bytes);
  }
}

#define SAYS(CODE, COMMAND, ...)                                                                   \
  CU_ASSERT(shell_says(COMMAND, shell("%s", COMMAND), CODE, CODE ? 1 : 0,                          \
                       (const char *const[]){__VA_ARGS__, NULL}))

/* The number that --report gives is the number that decides, to the byte. */
static void to_the_byte(void) {
  SAYS(0, "$GRAPHC $TOP/models/examples/cnn.xml --target=cuda-sm80 --memory=1G -o p.xml", "");
  Shell info = shell("$GRAPHRUN info p.xml | sed -n 's/^memory .*arena \\([0-9]*\\) .*/\\1/p'");
  int64_t arena = atoll(info.out);
  char command[200], says[80];
  CU_ASSERT(arena > 1000);
  snprintf(command, sizeof command,
           "$GRAPHC $TOP/models/examples/cnn.xml --target=cuda-sm80 --memory=%lld -o q.xml",
           (long long)arena);
  SAYS(0, command, "");
  snprintf(command, sizeof command,
           "$GRAPHC $TOP/models/examples/cnn.xml --target=cuda-sm80 --memory=%lld -o r.xml",
           (long long)arena - 1);
  snprintf(says, sizeof says, "needs %.3f MB", (double)arena / 1e6);
  SAYS(3, command, "cnn: error: program 'step' ", says,
       "note: ", "models/examples/cnn.xml:", "hint: smaller batches",
       "--explain-peak without --memory");
  Shell left = shell("test -e r.xml");
  CU_ASSERT_NOT_EQUAL(left.code, 0);
  shell_free(&left);
  shell_free(&info);
  SAYS(3, "$GRAPHC $TOP/models/examples/cnn.xml --memory=40", "--memory allows 40 bytes",
       "hint: did you mean --memory=40G?");
  SAYS(3, "$GRAPHC $TOP/models/examples/cnn.xml --memory=1", "--memory allows 1 byte,");
  SAYS(3, "$GRAPHC $TOP/models/examples/cnn.xml --memory=5K", "--memory allows 5000 bytes",
       "hint: smaller");
  SAYS(2, "$GRAPHC $TOP/models/examples/cnn.xml --memory=lots",
       "--memory is a number of bytes such as 80G or 40Gi, not 'lots'");
  SAYS(2, "$GRAPHC $TOP/models/examples/cnn.xml --memory=80GB", "not '80GB'",
       "hint: did you mean --memory=80G?");
  SAYS(2, "$GRAPHC $TOP/models/examples/cnn.xml --memory='40 gib'", "did you mean --memory=40Gi?");
}

int main(void) {
  static const SupportTest tests[] = {{"numbers of bytes", numbers_of_bytes},
                                      {"to the byte", to_the_byte}};
  return support_run("budget", tests, sizeof tests / sizeof *tests);
}
