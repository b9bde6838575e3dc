/* What a model says, would be taken, and cannot be meant: said by graphc, with its place. */
#include "tests/shell.h"

#define PROGRAM(BODY)                                                                              \
  "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n<program name=\"p\">\n" BODY                   \
  "</program>\n</model>\n"

#define MODEL(BODY)                                                                                \
  "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n<program name=\"p\">\n<input name=\"x\"/>\n"   \
  "<expr name=\"y\" value=\"x + 1\"/>\n<output value=\"y\"/>\n</program>\n" BODY "</model>\n"

typedef struct Case {
  const char *what, *text;
  const char *expect[4]; /* parts of the one error */
  const char *option;    /* of graphc, with which there is none */
} Case;

#define NOISE(DISTRIBUTION, NAME)                                                                  \
  PROGRAM("<input name=\"x\" shape=\"4\"/>\n<random name=\"r\" shape=\"8\"" DISTRIBUTION "/>\n"    \
          "<part name=\"half\" in=\"r\" start=\"4\" size=\"4\"/>\n"                                \
          "<input name=\"own\" shape=\"4\"/>\n<expr name=\"z\" value=\"x + 0 * own\"/>\n"          \
          "<dropout name=\"y\" in=\"x\" noise=\"" NAME "\"/>\n<output value=\"y\"/>\n"             \
          "<output value=\"z\"/>\n")

static const Case cases[] = {
    {"normal noise",
     NOISE("", "half"),
     {".xml:8:1: error: dropout 'y': the noise 'half' (line 5) is drawn from N(0, 1): the share p",
      "hint: distribution=\"uniform\" in its <random>"},
     NULL},
    {"a number that f32 makes 0",
     PROGRAM(
         "<input name=\"x\"/>\n<expr name=\"y\" value=\"x + 1e-50\"/>\n<output value=\"y\"/>\n"),
     {".xml:4:1: error: expression 'x + 1e-50': the number 1e-50 is too small for f32, which "
      "makes it 0"},
     "--precision=f64"},
    {"a constant that f32 makes 0",
     PROGRAM("<constant name=\"c\" values=\"1 1e-50\" shape=\"2\"/>\n<output value=\"c\"/>\n"),
     {".xml:3:1: error: constant 'c': value 1e-50 is too small for f32"},
     "--precision=f64"},
    {"a deviation that f32 makes 0",
     PROGRAM("<parameter name=\"w\" shape=\"2\" init=\"normal\" spread=\"1e-46\"/>\n"
             "<expr name=\"y\" value=\"w + 1\"/>\n<output value=\"y\"/>\n"),
     {".xml:3:", "error: spread 1e-46 is too small for f32"},
     "--precision=f64"},
    {"an eps that f32 makes 0",
     PROGRAM("<input name=\"x\" shape=\"2 3\"/>\n<normalize name=\"y\" in=\"x\" eps=\"1e-60\"/>\n"
             "<output value=\"y\"/>\n"),
     {".xml:4:", "error: eps 1e-60 is too small for f32, which makes it 0"},
     "--precision=f64"},
    {"a domain of nobody",
     MODEL("<training domains=\"a b\" ids=\"3 -4\"/>\n"),
     {".xml:7:", "error: a domain has at least one identity, not -4"},
     NULL},
    {"bounds the wrong way round",
     MODEL("<augment height=\"8\" width=\"4\" erase-min=\"0.5\" erase-max=\"0.1\"/>\n"),
     {".xml:7:", "error: erase-min 0.5 is above erase-max 0.1"},
     NULL},
    {"indices that a bool does not hold",
     PROGRAM("<iota name=\"i\" shape=\"3\" dtype=\"bool\"/>\n<output value=\"i\"/>\n"),
     {".xml:3:1: error: iota 'i': bool holds the indices up to 2^0 only, these are 3"},
     NULL},
    {"another language",
     "<model name=\"m\" xmlns=\"urn:graphc:model:2\">\n<program name=\"p\"/>\n</model>\n",
     {".xml:1:1: error: model is of the namespace 'urn:graphc:model:2', which is no model's",
      "hint: xmlns=\"urn:graphc:model:1\"\n"},
     NULL},
    {"an element of another",
     PROGRAM("<input name=\"x\"/>\n<o:relu xmlns:o=\"urn:o\" name=\"y\" in=\"x\"/>\n"
             "<output value=\"y\"/>\n"),
     {".xml:4:1: error: relu is of the namespace 'urn:o'"},
     NULL},
    {"negative noise",
     PROGRAM("<parameter name=\"w\" external=\"v\" noise=\"-1\"/>\n"
             "<expr name=\"y\" value=\"w + 1\"/>\n<output value=\"y\"/>\n"),
     {".xml:3:", "error: noise -1 is below 0"},
     NULL},
};

static void test_cases(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const Case *k = &cases[i];
    support_write("model.xml", k->text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    CU_ASSERT_TRUE(shell_says(k->what, s, 1, 1, k->expect));
    if (k->option) shell_must("\"$GRAPHC\" model.xml -o out.xml %s", k->option);
  }
}

/* A let that hides a parameter and does not read it: -D would do nothing, in silence. */
static void test_hidden(void) {
  static const char form[] =
      "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
      "<param name=\"rate\" type=\"float\" value=\"1\"/>\n<let name=\"rate\" value=\"%s\"/>\n"
      "<program name=\"p\">\n<constant name=\"c\" values=\"${rate}\"/>\n<output value=\"c\"/>\n"
      "</program>\n</model>\n";
  static const char *const values[] = {"7", "len('rates') + 7", "2 * rate", "max(rate, 3)"};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    char text[600];
    snprintf(text, sizeof text, form, values[i]);
    support_write("model.xml", text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml -D rate=2");
    const char *said =
        strstr(s.err, "warning: the let hides the parameter 'rate' (line 2): what -D "
                      "sets is not read from here on");
    CU_ASSERT_EQUAL(said != NULL, i < 2);
    if (said) CU_ASSERT_EQUAL(strncmp(s.err, "model.xml:3:", 12), 0);
    CU_ASSERT_EQUAL(s.code, 0);
    shell_free(&s);
  }
}

/* Attributes that nothing reads: every element of the parameter would be one value. */
static void test_unread(void) {
  static const struct {
    const char *attrs, *said;
  } rows[] = {
      {"spread=\"0.1\"",
       ".xml:3:39: warning: without init, spread is not read: every element is value\n"},
      {"init=\"constant\" spread=\"0.1\"", "warning: without init, spread is not read"},
      {"noise=\"0.1\"", "warning: noise is added to a pretrained tensor, and none is named\n"},
      {"init=\"normal\" spread=\"0.1\" external=\"v\" noise=\"0.1\"", NULL},
      {"init=\"uniform\" spread=\"0.1\" noise=\"0\"", NULL},
      {"value=\"1\"", NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[600];
    snprintf(text, sizeof text,
             PROGRAM("<parameter name=\"w\" shape=\"2\" %s/>\n<expr name=\"y\" value=\"w + 1\"/>\n"
                     "<output value=\"y\"/>\n"),
             rows[i].attrs);
    support_write("model.xml", text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    const char *said = strstr(s.err, "warning: ");
    CU_ASSERT_EQUAL(said != NULL, rows[i].said != NULL);
    if (rows[i].said && !strstr(s.err, rows[i].said)) {
      printf("\n%s: %s", rows[i].attrs, s.err);
      CU_FAIL("see above");
    }
    CU_ASSERT_EQUAL(s.code, 0);
    shell_free(&s);
  }
}

/* The variance of one element is 0: a norm of it is its bias. */
static void test_norms_of_one(void) {
  static const struct {
    const char *op, *shape, *said;
  } rows[] = {{"batch-norm", "1 4",
               "warning: batch-norm of one row: the result is the bias, whatever 'x' (line 3)"},
              {"batch-norm", "1 1 1 4", "batch-norm of one row"},
              {"batch-norm", "1 2 1 4", NULL},
              {"instance-norm", "8 1 1 4", "instance-norm of one pixel"},
              {"instance-norm", "1 1 2 4", NULL},
              {"layer-norm", "8 1", "layer-norm of one channel"},
              {"layer-norm", "1 2", NULL},
              {"group-norm", "8 4", "group-norm of one pixel and channel"},
              {"group-norm", "8 8", NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[900];
    const char *last = strrchr(rows[i].shape, ' ');
    snprintf(
        text, sizeof text,
        PROGRAM(
            "<input name=\"x\" shape=\"%s\"/>\n<parameter name=\"w\" shape=\"%s\" value=\"1\"/>\n"
            "<parameter name=\"b\" shape=\"%s\"/>\n"
            "<%s name=\"y\" in=\"x\" weight=\"w\" bias=\"b\"%s/>\n"
            "<expr name=\"z\" value=\"y + sum(w)\"/>\n<output value=\"z\"/>\n"),
        rows[i].shape, last, last, rows[i].op,
        strcmp(rows[i].op, "group-norm") == 0 ? " groups=\"4\"" : "");
    support_write("model.xml", text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    bool said = strstr(s.err, "the result is the bias") != NULL;
    if (said != (rows[i].said != NULL) || (said && !strstr(s.err, rows[i].said)))
      printf("\n%s %s: %s", rows[i].op, rows[i].shape, s.err);
    CU_ASSERT_EQUAL(said, rows[i].said != NULL);
    if (said && rows[i].said) CU_ASSERT_PTR_NOT_NULL(strstr(s.err, rows[i].said));
    CU_ASSERT_EQUAL(s.code, 0);
    shell_free(&s);
  }
}

/* Nothing is said of what is well: uniform noise, and noise from outside, of which nothing is
 * known; the smallest numbers that f32 holds. */
static void test_fine(void) {
  static const char *const texts[] = {
      NOISE(" distribution=\"uniform\"", "half"), NOISE("", "own"),
      PROGRAM("<input name=\"x\"/>\n<expr name=\"y\" value=\"x * 1.5e-45 + 0.0\"/>\n"
              "<output value=\"y\"/>\n"),
      "<model name=\"m\"><program name=\"p\"><random name=\"r\"/><output "
      "value=\"r\"/></program></model>",
      "<g:model name=\"m\" xmlns:g=\"urn:graphc:model:1\"><g:program name=\"p\"><g:random "
      "name=\"r\"/>"
      "<g:output value=\"r\"/></g:program></g:model>"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    support_write("model.xml", texts[i]);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    CU_ASSERT_PTR_NULL(strstr(s.err, "error"));
    CU_ASSERT_PTR_NULL(strstr(s.err, "noise"));
    CU_ASSERT_EQUAL(s.code, 0);
    shell_free(&s);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"not meant", test_cases},
                                      {"hidden", test_hidden},
                                      {"unread", test_unread},
                                      {"norms of one", test_norms_of_one},
                                      {"fine", test_fine}};
  return support_run("not meant", tests, sizeof tests / sizeof *tests);
}
