/* Texts that are cut: never inside of a character, wherever the cut falls. */
#include "graph/base/text.h"
#include "tests/shell.h"

static void test_characters(void) {
  static const struct {
    const char *text;
    size_t left, length;
  } rows[] = {{"a", 1, 1},
              {"a", 0, 0},
              {"\xc3\xb6", 2, 2},         /* o with dots */
              {"\xc3\xb6", 1, 0},         /* its first byte alone */
              {"\xb6", 1, 0},             /* its second byte alone */
              {"\xe2\x82\xac", 3, 3},     /* euro */
              {"\xe2\x82", 2, 0},         /* cut */
              {"\xf0\x9f\x98\x80", 4, 4}, /* beyond 16 bits */
              {"\xc0\xaf", 2, 0},         /* overlong */
              {"\xe0\x80\xaf", 3, 0},     /* overlong */
              {"\xf0\x80\x80\xaf", 4, 0}, /* overlong */
              {"\xed\xa0\x80", 3, 0},     /* surrogate */
              {"\xf4\x90\x80\x80", 4, 0}, /* beyond the last */
              {"\xff", 1, 0},
              {"\xc3(", 2, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CU_ASSERT_EQUAL(text_char_length(rows[i].text, rows[i].left), rows[i].length);
}

static bool is_text(const char *text) {
  for (size_t left = strlen(text), n; left; text += n, left -= n)
    if (!(n = text_char_length(text, left))) return false;
  return true;
}

static void test_cut(void) {
  static const char text[] = "a\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 1 + 2 + 3 + 4 + 1 */
  static const int whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t most = 0; most < sizeof whole / sizeof *whole; most++) {
    CU_ASSERT_EQUAL(text_cut(text, most), whole[most]);
    CU_ASSERT_EQUAL(text_cut_n(text, 11, most), (size_t)whole[most]);
  }
  CU_ASSERT_EQUAL(text_cut("\x80\x80\x80\x80\x80\x80\x80", 5), 5); /* no UTF-8: cut anywhere */
}

static void test_format(void) {
  char out[16];
  CU_ASSERT_EQUAL(text_format(out, sizeof out, "%s", "0123456789abcde"), 15);
  CU_ASSERT_STRING_EQUAL(out, "0123456789abcde");
  CU_ASSERT_EQUAL(text_format(out, sizeof out, "%s", "0123456789abcdef"), 15);
  CU_ASSERT_STRING_EQUAL(out, "0123456789ab...");
  CU_ASSERT_EQUAL(text_format(out, sizeof out, "0123456789a%s", "\xc3\xb6\xc3\xb6\xc3\xb6"), 14);
  CU_ASSERT_STRING_EQUAL(out, "0123456789a...");
  size_t used = text_format(out, sizeof out, "%s", "0123");
  for (int i = 0; i < 20; i++) used = text_append(out, sizeof out, used, " %s", "\xe2\x82\xac");
  CU_ASSERT_EQUAL(used, strlen(out));
  CU_ASSERT_STRING_EQUAL(out, "0123 \xe2\x82\xac \xe2\x82\xac...");
  for (size_t size = 1; size < 12; size++)
    for (int pad = 0; pad < 4; pad++) {
      text_format(out, size, "%.*s%s", pad, "xyz", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xe2\x82\xac");
      CU_ASSERT(strlen(out) < size && is_text(out));
    }
}

/* ---- through the tools ---- */

#define O4 "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
#define O40 O4 O4 O4 O4 O4 O4 O4 O4 O4 O4

/* The messages of a command are characters, and none of them was replaced. */
static void expect_text(const char *what, Shell s, const char *part) {
  bool ok = is_text(s.err) && !strchr(s.err, '?') && strstr(s.err, part);
  if (!ok) printf("\n%s: '%s' expected in\n%s\n", what, part, s.err);
  CU_ASSERT(ok);
  shell_free(&s);
}

/* Every text of a model that messages shorten, with the cut at each byte of a character. */
static void test_model_texts(void) {
  static const struct {
    const char *inside, *part;
  } rows[] = {
      {"<expr name='y' value='${#%s" O40 "}'/>", "a value is expected at '"},
      {"<expr name='y' value='${1 #%s" O40 "}'/>", "an operator is expected at '"},
      {"<expr name='y' value='${(1 #%s" O40 "}'/>", "')' is expected at '"},
      {"<expr name='y' value='1 + #%s" O40 "'/>", "a value expected at '"},
      {"<expr name='y' value='(1 #%s" O40 "'/>", "')' expected at '"},
      {"<expr name='y' value='(1 + x" O40 O40 O40 O40 O40 O40 "%s'/>", "expected at '"},
      {"<expr name='y%s" O40 "' value='1'/>", "is no name: it holds '\xc3\xb6'"},
      {"text%s" O40 "<relu name='y' in='x'/>", "text between elements: 't"},
      {"<relu name='y' in='x' m%s" O40 "='1'/>", "relu has no attribute 'm"},
      {"<let name='y' value='${contains([1], #%s" O40 ")}'/>", "expected at '"},
      {"<relu name='y' in='x%s" O40 "'/>", "is no name: it holds '\xc3\xb6'"},
      {"<input name='y' shape='%s" O40 "'/>", "is no integer"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int pad = 0; pad < 4; pad++) {
      char pads[8], inside[2000], model[3000];
      snprintf(pads, sizeof pads, "%.*s", pad, "xyz");
      const char *at = strstr(rows[i].inside, "%s");
      snprintf(inside, sizeof inside, "%.*s%s%s", (int)(at - rows[i].inside), rows[i].inside, pads,
               at + 2);
      snprintf(model, sizeof model,
               "<model name='m' xmlns='urn:graphc:model:1'><program name='p'>"
               "<input name='x'/>%s<output value='x'/></program></model>\n",
               inside);
      support_write("m.xml", model);
      expect_text(inside, shell("$GRAPHC --check m.xml"), rows[i].part);
    }
}

static void test_options(void) {
  for (int pad = 0; pad < 4; pad++) {
    expect_text("graphc", shell("$GRAPHC --ch%.*s" O40 O40 "=1 m.xml", pad, "xyz"),
                "unknown option");
    expect_text("graphrun", shell("$GRAPHRUN info --ch%.*s" O40 O40 "=1", pad, "xyz"),
                "unknown option");
  }
}

/* What is no text at all becomes question marks, one for each byte; so does what would command the
 * terminal. */
static void test_replaced(void) {
  Shell s = shell("$GRAPHRUN info 'a\xff\x1b\xc2\x9bz.plan.xml'");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "a???z.plan.xml: error: "));
  shell_free(&s);
  /* In a table a name is no more than a field. */
  for (int word = 0; word < 2; word++) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) exit(1);
    (word ? text_print_word : text_print)("a\tb\nc\x1b" O4, out);
    fclose(out);
    CU_ASSERT_STRING_EQUAL(text, word ? "a?b?c?" O4 : "a\tb\nc?" O4);
    free(text);
  }
}

/* The caret stands below the character, however many bytes those before it have; columns count
 * bytes. */
static void test_caret(void) {
  static const struct {
    const char *line, *place;
    size_t before; /* characters in front of the caret */
  } rows[] = {{"<!-- " O4 " --><program nome='x></program></model>", "m.xml:2:35: ", 30},
              {"<!-- oooo --><program nome='x></program></model>", "m.xml:2:31: ", 30},
              {"<!-- " O4 " --><program name='p' kind='trein'/></model>", "m.xml:2:42: ", 37},
              {"<!-- oooo --><program name='p' kind='trein'/></model>", "m.xml:2:38: ", 37}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char model[1000], shown[1000];
    snprintf(model, sizeof model, "<model name='m' xmlns='urn:graphc:model:1'>\n%s", rows[i].line);
    snprintf(shown, sizeof shown, "\n    %s\n", rows[i].line);
    support_write("m.xml", model);
    Shell s = shell("$GRAPHC --check m.xml");
    const char *line = strstr(s.err, shown), *caret = line ? line + strlen(shown) : "";
    bool ok = strncmp(s.err, rows[i].place, strlen(rows[i].place)) == 0 &&
              strspn(caret, " ") == rows[i].before + 4 && caret[rows[i].before + 4] == '^';
    if (!ok) printf("\n%s\n", s.err);
    CU_ASSERT(ok);
    shell_free(&s);
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"well-formed characters", test_characters},
      {"cut between characters", test_cut},
      {"formatted into a buffer", test_format},
      {"texts of a model in messages", test_model_texts},
      {"options", test_options},
      {"bytes that are no text", test_replaced},
      {"the caret below wide lines", test_caret},
  };
  return support_run("text", tests, sizeof tests / sizeof *tests);
}
