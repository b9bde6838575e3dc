/* What a definition reaches: a variant's let or param holds for all that follows in the base, and
 * what nothing reads is said. */
#include "tests/shell.h"

#define NAMESPACE " xmlns=\"urn:graphc:model:1\">\n"
#define VARIANT(BODY) "<model name=\"v\" extends=\"base.xml\"" NAMESPACE BODY "</model>\n"
#define PROGRAM                                                                                    \
  "<program name=\"p\"><input name=\"x\" shape=\"${m} ${q} ${size}\"/><relu name=\"y\" "           \
  "in=\"x\"/><output value=\"y\"/></program>\n"
#define OWN(BODY) "<model name=\"m\"" NAMESPACE BODY "</model>\n"
#define SMALL "<program name=\"p\"><random name=\"r\"/><output value=\"r\"/></program>\n"

static void write_base(void) {
  support_write("lib.xml", "<library" NAMESPACE "<let name=\"size\" value=\"3\"/>\n"
                           "<let name=\"more\" value=\"size + 1\"/>\n"
                           "<template name=\"unused\"><relu name=\"y\" in=\"${n}\"/></template>\n"
                           "</library>\n");
  support_write("base.xml",
                "<model name=\"b\"" NAMESPACE "<param name=\"n\" type=\"int\" value=\"2\"/>\n"
                "<include src=\"lib.xml\"/>\n<let name=\"m\" value=\"n * 2\"/>\n"
                "<let name=\"q\" value=\"m + more\"/>\n" PROGRAM "</model>\n");
}

typedef struct Redefined {
  const char *changes, *options, *shape;
} Redefined;

/* As <replace> would: everything that follows sees the new value. */
static void test_redefined(void) {
  static const Redefined rows[] = {
      {"", "", "4 8 3"},
      {"<let name=\"m\" value=\"7\"/>", "", "7 11 3"},
      {"<let name=\"m\" value=\"m + 1\"/>", "-D n=5", "11 15 3"},
      {"<let name=\"m\" value=\"m + 1\"/><let name=\"m\" value=\"m * 2\"/>", "", "10 14 3"},
      {"<let name=\"size\" value=\"9\"/>", "", "4 14 9"},
      {"<param name=\"size\" type=\"int\" value=\"9\"/>", "-D size=8", "4 13 8"},
      {"<let name=\"n\" value=\"n * 3\"/>", "-D n=4", "24 28 3"},
      {"<let name=\"m\" if=\"false\" value=\"7\"/>", "", "4 8 3"},
      {"<param name=\"k\" type=\"int\" value=\"5\"/><let name=\"j\" value=\"k + 1\"/>"
       "<let name=\"i\" value=\"j + k\"/><let name=\"m\" value=\"i * 2\"/>",
       "", "22 26 3"},
      {"<replace name=\"m\"><let name=\"m\" value=\"7\"/></replace>", "", "7 11 3"}};
  write_base();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[800], want[40];
    snprintf(text, sizeof text, VARIANT("%s\n"), rows[i].changes);
    support_write("model.xml", text);
    Shell s = shell("\"$GRAPHC\" model.xml --expand %s", rows[i].options);
    snprintf(want, sizeof want, "shape=\"%s\"", rows[i].shape);
    if (!strstr(s.out, want)) printf("\n%s: %s%s", rows[i].changes, s.out, s.err);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, want));
    CU_ASSERT_EQUAL(*s.err, 0);
    shell_free(&s);
  }
}

/* A variant of a variant changes what that has left. */
static void test_twice(void) {
  write_base();
  support_write("middle.xml", VARIANT("<let name=\"m\" value=\"m + 1\"/>\n"));
  support_write("model.xml", "<model name=\"w\" extends=\"middle.xml\"" NAMESPACE
                             "<let name=\"m\" value=\"m * 10\"/>\n</model>\n");
  Shell s = shell("\"$GRAPHC\" model.xml --expand");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "shape=\"50 54 3\""));
  CU_ASSERT_EQUAL(*s.err, 0);
  shell_free(&s);
}

/* Two definitions of the base with a reader between them: neither place is right. */
static void test_two_places(void) {
  support_write("base.xml", OWN("<let name=\"m\" value=\"1\"/>\n<let name=\"a\" value=\"m + 1\"/>\n"
                                "<let name=\"m\" value=\"a\"/>\n<program name=\"p\">"
                                "<random name=\"r\" shape=\"${m}\"/>"
                                "<output value=\"r\"/></program>\n"));
  support_write("model.xml", VARIANT("<let name=\"m\" value=\"7\"/>\n"));
  static const char *const expect[] = {"model.xml:2:12: error: the base defines 'm' twice (lines 2 "
                                       "and 4), and line 3 reads the first",
                                       "hint: <replace name=\"m\">", NULL};
  CU_ASSERT_TRUE(shell_says("two places", shell("\"$GRAPHC\" model.xml"), 1, 1, expect));
}

typedef struct Unread {
  const char *text, *options;
  const char *says[3];
} Unread;

static void test_unread(void) {
  static const Unread rows[] = {
      {OWN("<param name=\"order\" type=\"int\" value=\"2\"/>\n" SMALL),
       "",
       {".xml:2:1: warning: nothing reads the parameter 'order'", "hint: write ${order} where"}},
      {OWN("<param name=\"order\" type=\"int\" value=\"2\"/>\n" SMALL),
       "-D order=1",
       {".xml:2:1: warning: nothing reads the parameter 'order'",
        "-D order: warning: nothing reads the parameter 'order'",
        "hint: this model computes the same without the setting"}},
      {VARIANT("<remove name=\"m\"/><insert before=\"q\"><let name=\"m\" value=\"1\"/></insert>"
               "<set name=\"n\" value=\"3\"/>\n"),
       "",
       {".xml:2:", "warning: nothing reads the parameter 'n'"}},
      /* other things of its name */
      {OWN("<param name=\"order\" type=\"int\" value=\"2\"/>\n<template name=\"t\">"
           "<arg name=\"order\" type=\"int\"/><random name=\"a\" shape=\"${order}\"/></template>\n"
           "<program name=\"p\"><t order=\"3\"/><for each=\"order\" in=\"range(3)\">"
           "<random name=\"b${order}\"/></for><group><let name=\"order\" value=\"1\"/>"
           "<random name=\"c${order}\"/></group><output value=\"a\"/>"
           "<random name=\"d${'order'}\"/></program>\n"),
       "",
       {"warning: nothing reads the parameter 'order'"}},
      {OWN("<let name=\"wide\" value=\"2\"/>\n" SMALL),
       "",
       {".xml:2:12: warning: nothing reads the let 'wide'", "hint: write ${wide} where"}},
      {OWN("<include src=\"lib.xml\"/>\n<param name=\"n\" type=\"int\" value=\"1\"/>\n"
           "<let name=\"size\" value=\"5\"/>\n<program name=\"p\">"
           "<random name=\"r\" shape=\"${size} ${more} ${n}\"/><output value=\"r\"/></program>\n"),
       "",
       {".xml:4:12: warning: the let hides 'size' of lib.xml:2, and line 3 there has read it",
        "hint: another name"}}};
  write_base();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    support_write("model.xml", rows[i].text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml %s", rows[i].options);
    CU_ASSERT_EQUAL(s.code, 0);
    for (size_t k = 0; k < 3 && rows[i].says[k]; k++) {
      if (!strstr(s.err, rows[i].says[k])) printf("\n%zu: no '%s':\n%s", i, rows[i].says[k], s.err);
      CU_ASSERT_PTR_NOT_NULL(strstr(s.err, rows[i].says[k]));
    }
    shell_free(&s);
  }
}

/* Read in some way: in a branch that is not taken, a loop, a requirement, a template that is
 * called, by another parameter; of a library, and not set; of an expanded model. */
static void test_read(void) {
  static const char *const texts[] = {
      OWN("<param name=\"a\" type=\"int\" value=\"2\"/>\n<program name=\"p\"><random name=\"r\"/>"
          "<random if=\"1 == 2\" name=\"s\" shape=\"${a}\"/><output value=\"r\"/></program>\n"),
      OWN("<param name=\"a\" type=\"int\" value=\"2\"/>\n<program name=\"p\">"
          "<for each=\"i\" in=\"range(0, a)\"><random name=\"r${i}\"/></for>"
          "<output value=\"r0\"/></program>\n"),
      OWN("<param name=\"a\" type=\"int\" value=\"2\"/>\n<require that=\"a > 1\"/>\n" SMALL),
      OWN("<param name=\"a\" type=\"int\" value=\"2\"/>\n<template name=\"t\">"
          "<random name=\"r\" shape=\"${2 * a}\"/></template>\n"
          "<program name=\"p\"><t/><output value=\"r\"/></program>\n"),
      OWN("<param name=\"a\" type=\"int\" value=\"2\"/>\n"
          "<param name=\"b\" type=\"int\" value=\"${a}\"/>\n<program name=\"p\">"
          "<random name=\"r\" shape=\"${b}\"/><output value=\"r\"/></program>\n"),
      "<model name=\"m\" expanded=\"true\"" NAMESPACE
      "<param name=\"a\" type=\"int\" value=\"2\"/>\n" SMALL "</model>\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    support_write("model.xml", texts[i]);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml");
    if (*s.err) printf("\n%zu: %s", i, s.err);
    CU_ASSERT_EQUAL(*s.err, 0);
    shell_free(&s);
  }
}

#define INNER(PASS, MORE)                                                                          \
  OWN("<program name=\"p\">\n<parameter name=\"w\" shape=\"4\" value=\"1\"/>\n"                    \
      "<expr name=\"l\" value=\"sum(w * w)\"/>\n<gradient name=\"F\" of=\"l\"/>\n"                 \
      "<field name=\"fast\" value=\"theta - 0.1 * F\"/>\n" PASS                                    \
      "<expr name=\"l\" value=\"sum(w * w)\"/></pass>\n<gradient name=\"G\" of=\"q/l\"/>\n" MORE   \
      "<output value=\"q/l\"/></program>\n")
#define DECLARES "<parameter name=\"w\" shape=\"4\" value=\"1\"/>"
#define UPDATE "<commit field=\"theta\" value=\"theta - G\"/>\n"

/* A field is read by what computes with it, or by a pass whose parameters it is. */
static void test_fields(void) {
  static const Unread rows[] = {
      {INNER("<pass name=\"q\">" DECLARES, UPDATE),
       "",
       {".xml:6:14: warning: nothing reads the field 'fast'",
        "hint: a pass with parameters=\"fast\" reads it"}},
      {INNER("<pass name=\"q\" parameters=\"fast\">", UPDATE),
       "",
       {".xml:6:14: warning: nothing reads the field 'fast'", "declared inside it"}},
      {INNER("<pass name=\"q\" parameters=\"fast\">" DECLARES, ""),
       "",
       {".xml:8:17: warning: nothing reads the field 'G'"}},
      {INNER("<pass name=\"q\" parameters=\"fast\">" DECLARES, ""), "--keep='G:*'", {NULL}},
      {INNER("<pass name=\"q\" parameters=\"fast\">" DECLARES, UPDATE), "", {NULL}},
      {INNER("<pass name=\"q\" parameters=\"fast\">" DECLARES,
             "<global-norm name=\"n\" of=\"G\"/><output value=\"n\"/>"),
       "",
       {NULL}}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    support_write("model.xml", rows[i].text);
    Shell s = shell("\"$GRAPHC\" model.xml -o out.xml %s", rows[i].options);
    CU_ASSERT_EQUAL(s.code, 0);
    bool fine = rows[i].says[0] ? true : !*s.err;
    for (size_t k = 0; k < 3 && rows[i].says[k]; k++) fine = fine && strstr(s.err, rows[i].says[k]);
    if (!fine) printf("\n%zu: %s", i, s.err);
    CU_ASSERT_TRUE(fine);
    shell_free(&s);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"redefined", test_redefined},
                                      {"redefined twice", test_twice},
                                      {"two places", test_two_places},
                                      {"unread", test_unread},
                                      {"read", test_read},
                                      {"fields", test_fields}};
  return support_run("reads", tests, sizeof tests / sizeof *tests);
}
