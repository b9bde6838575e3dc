/* What is wrong in a model is said once, with its place, the thing and a remedy. */
#include "tests/support.h"

#define MODEL "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
#define PROGRAM(BODY) MODEL "<program name=\"p\">\n" BODY "</program>\n</model>\n"

typedef struct Case {
  const char *what, *text;
  const char *expect[4]; /* parts of the output, in any order */
  const char *define;
  int errors; /* 0: one */
} Case;

static const Case cases[] = {
    {"malformed",
     MODEL "<param name=\"a\" type=\"int\" value=\"1\">\n</model>\n",
     {".xml:3:", "malformed XML"},
     NULL,
     0},
    {"not closed", MODEL "<program name=\"p\">\n", {"malformed XML"}, NULL, 0},
    {"empty file", "", {"error:"}, NULL, 0},
    {"DTD",
     "<!DOCTYPE m [<!ENTITY x \"y\">]>\n" MODEL "</model>\n",
     {"a model has no DTD"},
     NULL,
     0},
    {"unknown op",
     PROGRAM("<input name=\"x\"/>\n<reluu name=\"y\" in=\"x\"/>\n"),
     {".xml:4:1: error: there is no op, element or template 'reluu'", "did you mean 'relu'?"},
     NULL,
     0},
    {"unknown attribute",
     PROGRAM("<input name=\"x\" shape=\"2\"/>\n<leaky-relu name=\"y\" in=\"x\" slop=\"1\"/>\n"),
     {".xml:4:", "leaky-relu has no attribute 'slop'", "did you mean 'slope'?"},
     NULL,
     0},
    {"missing attribute",
     PROGRAM("<input name=\"x\"/>\n<relu name=\"y\"/>\n"),
     {".xml:4:1: error: relu needs attribute 'in'"},
     NULL,
     0},
    {"no number", PROGRAM("<input name=\"x\" shape=\"2 b\"/>\n"), {"'b' is no integer"}, NULL, 0},
    {"no word",
     PROGRAM("<input name=\"x\" dtype=\"f23\"/>\n"),
     {"'f23' is none of", "did you mean 'f32'?"},
     NULL,
     0},
    {"channels",
     PROGRAM("<input name=\"x\" shape=\"2 8 8 3\"/>\n"
             "<parameter name=\"w1\" shape=\"16 3 3 3\"/>\n<parameter name=\"w2\" shape=\"16 8 3 "
             "3\"/>\n"
             "<conv name=\"c1\" in=\"x\" weight=\"w1\" pad=\"1\"/>\n"
             "<conv name=\"c2\" in=\"c1\" weight=\"w2\" pad=\"1\"/>\n<output value=\"c2\"/>\n"),
     {".xml:7:1: error: conv 'c2': weight expects 8 input channels, 'c1' (line 6) has 16"},
     NULL,
     0},
    {"cycle",
     PROGRAM("<input name=\"x\"/>\n<add name=\"a\" in=\"x\" with=\"b\"/>\n"
             "<add name=\"b\" in=\"a\" with=\"x\"/>\n<output value=\"b\"/>\n"),
     {".xml:4:", "cyclic reference: 'a' needs 'b' (line 5), which needs 'a'"},
     NULL,
     0},
    {"order",
     PROGRAM("<input name=\"x\"/>\n<relu name=\"a\" in=\"b\"/>\n<relu name=\"b\" in=\"x\"/>\n"
             "<output value=\"a\"/>\n"),
     {"'b' is used before it is defined (line 5)", "move the definition up"},
     NULL,
     0},
    {"no value",
     PROGRAM("<input name=\"images\"/>\n<relu name=\"y\" in=\"imagse\"/>\n<output value=\"y\"/>\n"),
     {"there is no value 'imagse'", "did you mean 'images'?"},
     NULL,
     0},
    {"parameter as a value",
     MODEL "<param name=\"rate\" type=\"float\" value=\"1\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><expr name=\"y\" value=\"rate * x\"/>"
           "<output value=\"y\"/></program></model>\n",
     {"there is no value 'rate'", "the model's parameter is ${rate}"},
     NULL,
     0},
    {"path in an expression",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"y\" value=\"1 + /x\"/>\n<output value=\"y\"/>\n"),
     {".xml:4:", "a value expected at '/x'", "a path stands in braces: {/a/b}"},
     NULL,
     0},
    {"reshape",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<reshape name=\"a\" in=\"x\" shape=\"-1 3\"/>\n"
             "<reshape name=\"b\" in=\"x\" shape=\"-1 5\"/>\n<output value=\"b\"/>\n"),
     {".xml:5:", "'x' (line 3) has shape (6, 4), which leaves no whole number for dimension 0"},
     NULL,
     0},
    {"pick",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<input name=\"y\" shape=\"6\" dtype=\"i32\"/>\n"
             "<pick name=\"a\" in=\"x\" index=\"y\" axis=\"1\"/>\n<output value=\"a\"/>\n"),
     {".xml:5:", "the index must be i32 (6, 1), one for each line; 'y' (line 4) is i32 (6)",
      "reshape it"},
     NULL,
     0},
    {"arguments of a function",
     MODEL "<let name=\"k\" value=\"range(1, 2, 3, 4)\"/>\n</model>\n",
     {"range: does not take 4 arguments: range(end)"},
     NULL,
     0},
    {"output with a state's name",
     PROGRAM("<state name=\"s\" shape=\"2\"/>\n<commit state=\"s\" value=\"s + 1\"/>\n"
             "<output value=\"s\"/>\n"),
     {".xml:5:", "output 's' has the name of a state", "give it another name"},
     NULL,
     0},
    {"duplicate",
     PROGRAM("<input name=\"x\"/>\n<relu name=\"x\" in=\"x\"/>\n<output value=\"x\"/>\n"),
     {".xml:4:", "'x' exists already", ":3)"},
     NULL,
     0},
    {"missing include",
     MODEL "<include src=\"lib/none.xml\"/>\n</model>\n",
     {".xml:2:", "there is no file 'lib/none.xml'"},
     NULL,
     0},
    {"outside",
     MODEL "<include src=\"/etc/passwd\"/>\n</model>\n",
     {"lies outside the models' folder", "--root"},
     NULL,
     0},
    {"include cycle",
     MODEL "<include src=\"loop1.xml\"/>\n</model>\n",
     {"files include each other: ", "loop1.xml", "loop2.xml"},
     NULL,
     0},
    {"template bomb",
     MODEL "<template name=\"a\"><b name=\"x\"/><b name=\"y\"/></template>\n"
           "<template name=\"b\"><a name=\"x\"/><a name=\"y\"/></template>\n"
           "<program name=\"p\"><a name=\"q\"/></program></model>\n",
     {"templates are nested more than 64 deep"},
     NULL,
     -1},
    {"loop bomb",
     PROGRAM("<for each=\"i\" in=\"range(0, 99999)\"><for each=\"j\" in=\"range(0, 99999)\">"
             "<group/></for></for>\n"),
     {"elaboration visits more than 3000000 elements"},
     NULL,
     0},
    {"element bomb",
     PROGRAM("<for each=\"i\" in=\"range(0, 99999)\"><for each=\"j\" in=\"range(0, 99)\">"
             "<input name=\"x${i}_${j}\"/></for></for>\n"),
     {"the model expands to more than 1000000 elements"},
     NULL,
     0},
    {"expression",
     MODEL "<param name=\"width\" type=\"int\" value=\"8\"/>\n"
           "<let name=\"k\" value=\"widht + 1\"/>\n</model>\n",
     {".xml:3:", "unknown name 'widht'", "did you mean 'width'?"},
     NULL,
     0},
    {"condition",
     MODEL "<program name=\"p\" if=\"3\"><input name=\"x\"/></program></model>\n",
     {"'if' needs a truth value"},
     NULL,
     0},
    {"define range",
     MODEL "<param name=\"n\" type=\"int\" value=\"3\" min=\"1\" max=\"9\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"-D n: error: n: 30 is out of range: 1..9"},
     "n=30",
     0},
    {"define type",
     MODEL "<param name=\"n\" type=\"int\" value=\"3\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"-D n: error: n: 'x' is no integer"},
     "n=x",
     0},
    {"define name",
     MODEL "<param name=\"alpha\" type=\"int\" value=\"3\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"-D alhpa: error: the model has no parameter 'alhpa'", "did you mean 'alpha'?"},
     "alhpa=3",
     0},
    {"define file",
     MODEL "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"/none.defs: error: cannot read"},
     "@/none.defs",
     0},
    {"no program", MODEL "</model>\n", {"has no program"}, NULL, 0},
    {"no output", PROGRAM("<input name=\"x\"/>\n"), {"computes nothing"}, NULL, 0},
    {"parent",
     MODEL "<gradient name=\"F\" of=\"x\"/>\n</model>\n",
     {"gradient cannot stand in a model", "it belongs into: program"},
     NULL,
     0},
    {"gradient of a tensor",
     PROGRAM("<parameter name=\"w\" shape=\"3\"/>\n<relu name=\"y\" in=\"w\"/>\n"
             "<gradient name=\"G\" of=\"y\"/>\n<commit field=\"theta\" value=\"theta - G\"/>\n"),
     {".xml:5:", "which has shape (3), is no field", "take its sum or mean"},
     NULL,
     0},
    {"twice committed",
     PROGRAM("<state name=\"s\" shape=\"3\"/>\n<commit state=\"s\" value=\"s + 1\"/>\n"
             "<commit state=\"s\" value=\"s + 2\"/>\n"),
     {".xml:5:", "'s'"},
     NULL,
     0},
    {"shape of a commit",
     PROGRAM("<state name=\"s\" shape=\"3\"/>\n<input name=\"x\" shape=\"2\"/>\n"
             "<commit state=\"s\" value=\"x\"/>\n"),
     {".xml:5:", "(3)", "(2)"},
     NULL,
     0},
    {"template argument",
     MODEL "<template name=\"t\"><arg name=\"n\" type=\"int\"/></template>\n"
           "<program name=\"p\"><t m=\"1\" n=\"x\"/></program></model>\n",
     {"'x' is no integer"},
     NULL,
     -1},
    {"missing argument",
     MODEL "<template name=\"t\"><arg name=\"n\" type=\"int\"/></template>\n"
           "<program name=\"p\"><t/></program></model>\n",
     {"template 't' needs argument 'n' (line 2)"},
     NULL,
     0},
    {"several",
     PROGRAM("<reluu name=\"a\" in=\"x\"/>\n<tanhh name=\"b\" in=\"x\"/>\n<input name=\"x\" "
             "shap=\"3\"/>\n"),
     {":3:1: error", ":4:1: error", ":5:"},
     NULL,
     3},
    {"huge shape",
     PROGRAM("<input name=\"x\" shape=\"1000000 1000000 1000000\"/>\n<output value=\"x\"/>\n"),
     {".xml:3:"},
     NULL,
     0},
    {"negative shape",
     PROGRAM("<input name=\"x\" shape=\"-4\"/>\n<output value=\"x\"/>\n"),
     {".xml:3:"},
     NULL,
     0},
};

static int count(const char *text, const char *part) {
  int n = 0;
  for (; (text = strstr(text, part)); text += strlen(part)) n++;
  return n;
}

static void test_cases(void) {
  support_write("loop1.xml",
                "<library xmlns=\"urn:graphc:model:1\"><include src=\"loop2.xml\"/></library>");
  support_write("loop2.xml",
                "<library xmlns=\"urn:graphc:model:1\"><include src=\"loop1.xml\"/></library>");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const Case *k = &cases[i];
    Compiled c = support_compile(support_write("model.xml", k->text), &k->define, k->define != NULL,
                                 DTYPE_F32);
    char *text = support_messages(c.diag);
    bool ok = c.status == STATUS_INVALID;
    for (size_t e = 0; e < 4 && k->expect[e]; e++) ok = ok && strstr(text, k->expect[e]);
    int expected = k->errors ? k->errors : 1;
    ok = ok && (k->errors < 0 || count(text, ": error: ") == expected);
    if (!ok) printf("\n%s: status %d\n%s", k->what, (int)c.status, text);
    CU_ASSERT_TRUE(ok);
    free(text);
    support_release(&c);
  }
}

/* At most 20 errors are shown, the rest counted. */
static void test_many(void) {
  char text[8192] = MODEL "<program name=\"p\">\n";
  for (int i = 0; i < 60; i++)
    snprintf(text + strlen(text), 40, "<wrong%c%c/>\n", 'a' + i % 26, 'a' + i / 26);
  strcat(text, "</program></model>\n");
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
