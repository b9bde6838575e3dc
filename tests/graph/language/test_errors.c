/* What is wrong in a model is said once by graphc, with its place, the thing and a remedy. */
#include "tests/graph/language/error_cases.h"
#include "tests/shell.h"

static int count(const char *text, const char *part) {
  int n = 0;
  for (; (text = strstr(text, part)); text += strlen(part)) n++;
  return n;
}

/* Every error at a line of the model shows that line and a caret. */
static bool shows_lines(const char *text) {
  for (const char *at = text; (at = strstr(at, "model.xml:")); at++) {
    bool line = at[10] >= '0' && at[10] <= '9';
    if (!line || (at != text && at[-1] != '\n')) continue;
    const char *end = strchr(at, '\n');
    if (!end || !strstr(at, ": error: ") || strstr(at, ": error: ") > end) continue;
    const char *caret = strchr(end + 1, '\n');
    if (strncmp(end + 1, "    ", 4) != 0 || !caret || strncmp(caret + 1, "    ", 4) != 0)
      return false;
    const char *mark = strpbrk(caret + 1, "^\n");
    if (!mark || *mark != '^') return false;
  }
  return true;
}

static void test_cases(void) {
  support_write("base.xml", MODEL
                "<param name=\"width\" type=\"int\" value=\"4\"/>\n"
                "<template name=\"body\"><input name=\"x\"/><relu name=\"y\" "
                "in=\"x\"/></template>\n<program name=\"p\"><body/>"
                "<scope name=\"gain${width}\"><parameter name=\"w\" "
                "shape=\"1\"/><scope name=\"deep\"><alias name=\"v\" value=\"y\"/></scope></scope>"
                "<output value=\"y\"/></program></model>\n");
  support_write("loop1.xml",
                "<library xmlns=\"urn:graphc:model:1\"><include src=\"loop2.xml\"/></library>");
  support_write("loop2.xml",
                "<library xmlns=\"urn:graphc:model:1\"><include src=\"loop1.xml\"/></library>");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const Case *k = &cases[i];
    if (k->large && !support_long()) continue;
    support_write("model.xml", k->text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml %s%s%s", k->define ? "-D '" : "",
                    k->define ? k->define : "", k->define ? "'" : "");
    int expected = k->errors ? k->errors : 1;
    bool shown = shows_lines(s.err);
    if (!shown) printf("\n%s: no line or caret\n%s", k->what, s.err);
    CU_ASSERT_TRUE(shown);
    CU_ASSERT_EQUAL(*s.out, 0);
    CU_ASSERT_TRUE(shell_says(k->what, s, k->code ? k->code : 1, expected, k->expect));
    CU_ASSERT_NOT_EQUAL(access(support_path("out.xml"), F_OK), 0);
  }
}

/* At most 20 errors are shown, the rest counted. */
static void test_many(void) {
  char text[8192] = MODEL "<program name=\"p\">\n";
  for (int i = 0; i < 60; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "<wrong%c%c/>\n", 'a' + i % 26,
             'a' + i / 26);
  snprintf(text + strlen(text), sizeof text - strlen(text), "</program></model>\n");
  Compiled c = support_compile(support_write("model.xml", text), NULL, 0, DTYPE_F32);
  char *messages = support_messages(c.diag);
  CU_ASSERT_EQUAL(count(messages, ": error: there is no"), DIAG_MAX_ERRORS);
  free(messages);
  support_release(&c);
}

/* The chain of uses is told inside templates. */
static void test_chain(void) {
  Compiled c = support_compile(
      support_write("model.xml",
                    MODEL "<template name=\"t\">\n<reluu name=\"y\" in=\"x\"/>\n</template>\n"
                          "<program name=\"p\">\n<t name=\"one\"/>\n</program></model>\n"),
      NULL, 0, DTYPE_F32);
  char *messages = support_messages(c.diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(messages, "model.xml:3:1: error"));
  CU_ASSERT_PTR_NOT_NULL(strstr(messages, "model.xml:6:1"));
  free(messages);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {
      {"errors", test_cases}, {"many errors", test_many}, {"chain of uses", test_chain}};
  return support_run("errors", tests, sizeof tests / sizeof *tests);
}
