/* The manual is right: its models compile, its tables are those of the program, and the schema
 * accepts what graphc accepts. */
#include "tests/shell.h"

#include <ftw.h>
#include <libxml/relaxng.h>

/* ---- the schema ---- */

static xmlRelaxNG *schema;

static void quiet(void *context, const char *format, ...) {
  (void)context, (void)format;
}

/* 0: valid, 1: not, -1: no XML */
static int validate(const char *path) {
  xmlDoc *document = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
  if (!document) return -1;
  xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(schema);
  xmlRelaxNGSetValidErrors(context, quiet, quiet, NULL);
  int result = xmlRelaxNGValidateDoc(context, document);
  xmlRelaxNGFreeValidCtxt(context);
  xmlFreeDoc(document);
  return result ? 1 : 0;
}

static void load_schema(void) {
  xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewParserCtxt("models/graphc.rng");
  CU_ASSERT_PTR_NOT_NULL_FATAL(parser);
  schema = xmlRelaxNGParse(parser);
  xmlRelaxNGFreeParserCtxt(parser);
  CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
}

static unsigned n_valid, n_invalid;

static int visit(const char *path, const struct stat *info, int type, struct FTW *place) {
  (void)info, (void)place;
  size_t n = strlen(path);
  if (type != FTW_F || n < 4 || strcmp(path + n - 4, ".xml") != 0) return 0;
  if (validate(path) == 0) {
    n_valid++;
  } else {
    n_invalid++;
    printf("\n%s: not valid\n", path);
  }
  return 0;
}

static void test_schema(void) {
  load_schema();
  CU_ASSERT_EQUAL(nftw("models", visit, 16, FTW_PHYS), 0);
  CU_ASSERT_EQUAL(nftw("tests/models", visit, 16, FTW_PHYS), 0);
  CU_ASSERT_TRUE(n_valid >= 30);
  CU_ASSERT_EQUAL(n_invalid, 0);
}

/* What the schema must refuse: an editor would show nothing otherwise. */
static void test_schema_refuses(void) {
  static const char *const bodies[] = {
      "<relu in=\"x\"/>",                                    /* no name */
      "<relu name=\"y\"/>",                                  /* no input */
      "<relu name=\"y\" in=\"x\" inn=\"z\"/>",               /* unknown attribute */
      "<leaky-relu name=\"y\" in=\"x\" slope=\"steep\"/>",   /* no number */
      "<random name=\"y\" shape=\"2\" distribution=\"n\"/>", /* no such word */
      "<param name=\"y\" value=\"2\"/>",                     /* no type */
      "<relu name=\"y\" in=\"x\"><relu name=\"z\" in=\"x\"/></relu>",
      "<require of=\"n\"/>",
      "text",
      "<library/>",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char text[512];
    snprintf(text, sizeof text,
             "<model name=\"m\" xmlns=\"urn:graphc:model:1\">"
             "<program name=\"p\">%s</program></model>",
             bodies[i]);
    int result = validate(support_write("invalid.xml", text));
    if (result != 1) printf("\naccepted: %s\n", bodies[i]);
    CU_ASSERT_EQUAL(result, 1);
  }
  CU_ASSERT_EQUAL(validate(support_write("root.xml", "<model xmlns=\"urn:graphc:model:1\"/>")), 1);
  CU_ASSERT_EQUAL(validate(support_write("ns.xml", "<model name=\"m\"/>")), 1);
}

static void test_in_sync(void) {
  Shell s = shell("\"$GRAPHC\" --schema | cmp - \"$TOP/models/graphc.rng\" && "
                  "\"$GRAPHC\" --manual | cmp - \"$TOP/docs/ops.md\"");
  if (s.code)
    printf("\n%s%s: graphc --schema >models/graphc.rng, --manual >docs/ops.md\n", s.out, s.err);
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
}

/* ---- examples of the manual ---- */

/* Copies the next ```xml block that is a model to `path`; returns where to go on, NULL at the end.
 */
static const char *next_model(const char *text, const char *path) {
  static const char fence[] = "```xml\n";
  const char *start = strstr(text, fence);
  while (start && strncmp(start + strlen(fence), "<model", 6) != 0)
    start = strstr(start + 1, fence);
  if (!start) return NULL;
  start += strlen(fence);
  const char *end = strstr(start, "```");
  FILE *out = fopen(path, "w");
  if (!end || !out || fwrite(start, 1, (size_t)(end - start), out) != (size_t)(end - start))
    exit(1);
  fclose(out);
  return end + 3;
}

/* They compile in a folder of their own with the command that the page shows. */
#define OWN_FOLDER "MODEL.xml -I \"$G/models\""

static void test_examples(void) {
  char *manual = shell_slurp("docs/model-language.md", NULL);
  CU_ASSERT_PTR_NOT_NULL(strstr(manual, "\n    graphc " OWN_FOLDER "\n"));
  const char *at = manual, *path = support_path("MODEL.xml");
  unsigned n = 0;
  for (; (at = next_model(at, path)); n++) {
    CU_ASSERT_EQUAL(validate(path), 0);
    Shell s = shell("G=\"$TOP\" && \"$GRAPHC\" " OWN_FOLDER " -o manual.plan.xml && "
                    "\"$GRAPHC\" " OWN_FOLDER " --expand -o expanded.xml && "
                    "\"$GRAPHC\" expanded.xml --check");
    if (s.code || *s.err) printf("\nexample %u: %s\n", n + 1, s.err);
    CU_ASSERT_EQUAL(s.code, 0);
    CU_ASSERT_EQUAL(*s.err, 0); /* no warning either */
    shell_free(&s);
    CU_ASSERT_EQUAL(validate(support_path("expanded.xml")), 0);
  }
  CU_ASSERT_TRUE(n >= 8);
  free(manual);
}

static void is_in_manual(const char *path) {
  char *manual = shell_slurp("docs/model-language.md", NULL), word[64];
  snprintf(word, sizeof word, "`%s`", strrchr(path, '/') + 1);
  bool found = strstr(manual, word) != NULL;
  if (!found) printf("\nmissing: %s\n", word);
  CU_ASSERT_TRUE(found);
  free(manual);
}

/* Every example, element, type, function and option that exists is in the manual, and what it says
 * graphc prints can be printed. */
static void test_complete(void) {
  static const char *const consumed[] = {"param",   "let",      "if",     "for",    "group",
                                         "require", "template", "arg",    "slot",   "include",
                                         "set",     "replace",  "remove", "insert", "extends"};
  static const char *const words[] = {
      "abs",    "ceil",    "contains",    "cos",      "exp",      "float",   "floor",
      "format", "index",   "int",         "join",     "len",      "log",     "max",
      "min",    "range",   "reverse",     "round",    "sin",      "sqrt",    "str",
      "sum",    "--check", "--params",    "--expand", "--report", "--emit",  "--dump-after",
      "--keep", "--input", "--precision", "--root",   "-I DIR",   "-D @FILE"};
  char *manual = shell_slurp("docs/model-language.md", NULL), word[64];
  for (size_t i = 0; i < sizeof consumed / sizeof *consumed; i++) {
    bool found = strstr(manual, consumed[i]) != NULL;
    if (!found) printf("\nmissing: %s\n", consumed[i]);
    CU_ASSERT_TRUE(found);
  }
  for (size_t i = 0; element_table[i]; i++) {
    snprintf(word, sizeof word, "<%s ", element_table[i]->name);
    bool found = strstr(manual, word) != NULL;
    if (!found) printf("\nmissing: %s\n", word);
    CU_ASSERT_TRUE(found);
  }
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    bool found = strstr(manual, words[i]) != NULL;
    if (!found) printf("\nmissing: %s\n", words[i]);
    CU_ASSERT_TRUE(found);
  }
  free(manual);
  CU_ASSERT(support_each_model("models/examples/*.xml", is_in_manual) >= 8);
}

int main(void) {
  static const SupportTest tests[] = {{"schema", test_schema},
                                      {"schema refuses", test_schema_refuses},
                                      {"in sync", test_in_sync},
                                      {"examples", test_examples},
                                      {"complete", test_complete}};
  int code = support_run("manual", tests, sizeof tests / sizeof *tests);
  xmlRelaxNGFree(schema);
  xmlRelaxNGCleanupTypes();
  xmlCleanupParser();
  return code;
}
