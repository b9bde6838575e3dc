/* Sizes that no 64 bits hold, or no element type, wherever a shape or a count enters: one message
 * that names the element, never a wrong number.  (Under UBSan: and no overflow on the way.) */
#include "tests/shell.h"

#define MODEL "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
#define PROGRAM(BODY) MODEL "<program name=\"p\">\n" BODY "</program>\n</model>\n"
#define INPUT(NAME, SHAPE) "<input name=\"" NAME "\" shape=\"" SHAPE "\"/>\n"

typedef struct Case {
  const char *what, *text;
  const char *expect[4];
  int code; /* 0: exit code 1 */
} Case;

static const Case cases[] = {
    {"conv",
     PROGRAM(INPUT("x", "1 1048576 1048576 1") INPUT(
         "w",
         "1 1 524288 524288") "<conv name=\"y\" in=\"x\" weight=\"w\"/>\n<output value=\"y\"/>\n"),
     {"model.xml:5:1: error: conv 'y': the result (1, 524289, 524289, 1) takes more than 2^63",
      "hint: smaller batches or shapes"},
     0},
    {"conv-dx",
     PROGRAM(INPUT("y", "1 60000 60000 1") INPUT(
         "w",
         "1 256 5537 5537") "<conv-dx name=\"x\" in=\"y\" weight=\"w\" size=\"65536 65536\"/>\n"),
     {"model.xml:5:1: error: conv-dx 'x': the result (1, 65536, 65536, 256) takes more than 2^63"},
     0},
    {"conv-dw",
     PROGRAM(INPUT("x", "1 65536 65536 256") INPUT(
         "y", "1 60000 60000 1") "<conv-dw name=\"w\" in=\"x\" with=\"y\" size=\"5537 5537\"/>\n"),
     {"model.xml:5:1: error: conv-dw 'w': the result (1, 256, 5537, 5537) takes more than 2^63"},
     0},
    {"a sum of products",
     PROGRAM(INPUT("a", "1048576 1048576") "<matmul name=\"b\" in=\"a\" with=\"a\"/>\n"
                                           "<matmul name=\"c\" in=\"b\" with=\"b\"/>\n"
                                           "<matmul name=\"d\" in=\"c\" with=\"c\"/>\n"
                                           "<matmul name=\"e\" in=\"d\" with=\"d\"/>\n"
                                           "<matmul name=\"f\" in=\"e\" with=\"e\"/>\n"
                                           "<matmul name=\"g\" in=\"f\" with=\"f\"/>\n"
                                           "<matmul name=\"h\" in=\"g\" with=\"g\"/>\n"
                                           "<matmul name=\"i\" in=\"h\" with=\"h\"/>\n"
                                           "<output value=\"i\"/>\n"),
     {"model.xml:11:1: error: program 'p' takes more than 2^63 multiply-adds"},
     3},
    {"a batch",
     PROGRAM("<pass name=\"t\" groups=\"1048576\" units=\"1073741824\" unit=\"1073741824\">\n"
             "<input name=\"x\" shape=\"4\"/>\n</pass>\n"),
     {"model.xml:3:", "error: a batch of more than 2^40 rows", "groups x units x unit"},
     0},
    {"a step of range()",
     MODEL "<let name=\"r\" value=\"range(0, 5, 9223372036854775807)\"/>\n</model>\n",
     {"model.xml:2:", "the step is too large"},
     0},
    {"a negative step of range()",
     MODEL "<let name=\"r\" value=\"range(5, 0, -9223372036854775807 - 1)\"/>\n</model>\n",
     {"model.xml:2:", "the step is too large"},
     0},
    {"a product",
     MODEL "<let name=\"r\" value=\"4294967296 * 2147483648\"/>\n</model>\n",
     {"model.xml:2:", "the result does not fit into 64 bits"},
     0},
    {"a quotient",
     MODEL "<let name=\"r\" value=\"(-9223372036854775807 - 1) // -1\"/>\n</model>\n",
     {"model.xml:2:", "the result does not fit into 64 bits"},
     0},
    {"a dimension",
     PROGRAM(INPUT("x", "9223372036854775807 3")),
     {"model.xml:3:24: error: the shape ", " is too large"},
     0},
    {"all dimensions",
     PROGRAM(INPUT("x", "1048576 1048576 1048576 1048576 1048576 1048576")),
     {"model.xml:3:24: error: the shape ", " is too large"},
     0},
    {"arg-max",
     PROGRAM(INPUT("x", "4294967296") "<arg-max name=\"y\" in=\"x\" axis=\"0\"/>\n"),
     {"model.xml:4:1: error: arg-max 'y': axis 0 has 4294967296 elements, more than 2^31"},
     0},
    {"max-pool",
     PROGRAM(INPUT(
         "x", "1 65536 65536 1") "<max-pool name=\"y\" in=\"x\" kernel=\"2\" stride=\"2\"/>\n"),
     {"model.xml:4:1: error: max-pool 'y'", "an image has 4294967296 elements, more than 2^31"},
     0},
    {"iota i32",
     PROGRAM("<iota name=\"y\" shape=\"4294967296\"/>\n"),
     {"model.xml:3:1: error: iota 'y': axis 0 has 4294967296 elements, more than 2^31"},
     0},
    {"iota f32",
     PROGRAM("<iota name=\"y\" shape=\"33554432\" dtype=\"f32\"/>\n"),
     {"model.xml:3:1: error: iota 'y': f32 holds the indices up to 2^24 only", "hint: dtype f64"},
     0},
    {"concat",
     PROGRAM(INPUT("x", "1099511627776") "<concat name=\"y\" in=\"x x\"/>\n"),
     {"model.xml:4:1: error: concat 'y': the result is too large: (2199023255552) with part 1"},
     0},
    {"pad",
     PROGRAM(INPUT("x", "4") "<pad name=\"y\" in=\"x\" before=\"9223372036854775807\" "
                             "after=\"9223372036854775807\"/>\n"),
     {"model.xml:4:1: error: pad 'y': padding of axis 0 is negative or too large"},
     0},
    {"slice",
     PROGRAM(INPUT("x", "4") "<slice name=\"y\" in=\"x\" start=\"9223372036854775807\" "
                             "size=\"9223372036854775807\"/>\n"),
     {"model.xml:4:1: error: slice 'y': 9223372036854775807 elements from 9223372036854775807"},
     0},
    {"scatter-add",
     PROGRAM(INPUT("x", "4 3") "<input name=\"i\" shape=\"4\" dtype=\"i32\"/>\n<scatter-add "
                               "name=\"y\" in=\"x\" index=\"i\" rows=\"9223372036854775807\"/>\n"),
     {"model.xml:5:1: error: scatter-add 'y': the result", "too large"},
     0},
    {"stride, pad and dilation",
     PROGRAM(INPUT("x", "1 4 4 1") INPUT("w", "1 1 3 3") "<conv name=\"y\" in=\"x\" weight=\"w\" "
                                                         "dilation=\"9223372036854775807\"/>\n"),
     {"model.xml:5:1: error: conv 'y': dilation 9223372036854775807 9223372036854775807 is out"},
     0},
    {"state",
     PROGRAM("<parameter name=\"a\" shape=\"1048576 1048576\"/>\n"
             "<parameter name=\"b\" shape=\"1048576 1048576\"/>\n"
             "<parameter name=\"c\" shape=\"1048576 1048576\"/>\n"
             "<parameter name=\"d\" shape=\"1048576 1048576\"/>\n"
             "<parameter name=\"e\" shape=\"1048576 1048576\"/>\n"
             "<expr name=\"y\" value=\"a + b + c + d + e\"/>\n<output value=\"y\"/>\n"),
     {"parameters and state take more than 17.6 TB"},
     3},
};

static void test_models(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    support_write("model.xml", cases[i].text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    CU_ASSERT_TRUE(
        shell_says(cases[i].what, s, cases[i].code ? cases[i].code : 1, 1, cases[i].expect));
  }
}

/* What is just small enough is not refused. */
static void test_largest(void) {
  static const char *const fit[] = {
      PROGRAM("<iota name=\"y\" shape=\"2147483647\"/>\n<output value=\"y\"/>\n"),
      PROGRAM("<iota name=\"y\" shape=\"16777217\" dtype=\"f32\"/>\n<output value=\"y\"/>\n"),
      PROGRAM(INPUT("x", "2147483647") "<arg-max name=\"y\" in=\"x\" axis=\"0\"/>\n"
                                       "<output value=\"y\"/>\n"),
      PROGRAM("<pass name=\"t\" groups=\"2\" units=\"536870912\" unit=\"1024\">\n" INPUT(
          "x", "4") "<output value=\"x\"/>\n</pass>\n"),
      MODEL "<let name=\"r\" value=\"range(0, 5, 1099511627776)\"/>\n<program name=\"p\">" INPUT(
          "x", "4") "<output value=\"x\"/></program></model>\n"};
  for (size_t i = 0; i < sizeof fit / sizeof *fit; i++) {
    support_write("model.xml", fit[i]);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    if (s.code) printf("\n%s%s", fit[i], s.err);
    CU_ASSERT_EQUAL(s.code, 0);
    shell_free(&s);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"models", test_models}, {"the largest", test_largest}};
  return support_run("sizes", tests, sizeof tests / sizeof *tests);
}
