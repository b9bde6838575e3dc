/* `graphrun check-data`: the table, unreadable images by name, and lines that graphc takes. */
#include "runtime/synth/synth.h"
#include "tests/support.h"

#include <sys/wait.h>

/* Runs a command of the shell in the test's folder; `*code` is its exit code. The caller frees what
 * it printed, errors behind the rest. */
static char *run(const char *command, int *code) {
  char line[2048], *text = NULL;
  size_t size = 0;
  snprintf(line, sizeof line, "cd '%s' && { %s; } 2>&1", support_folder(), command);
  FILE *out = open_memstream(&text, &size), *in = popen(line, "r");
  CU_ASSERT_FATAL(out && in);
  for (int c; (c = fgetc(in)) != EOF;) fputc(c, out);
  *code = WEXITSTATUS(pclose(in));
  fclose(out);
  return text;
}

static void expect(const char *arguments, int expected_code, const char *expected) {
  char command[1024];
  int code;
  snprintf(command, sizeof command, "'%s' check-data %s", getenv("GRAPHRUN"), arguments);
  char *text = run(command, &code);
  CU_ASSERT_EQUAL(code, expected_code);
  if (strcmp(text, expected) != 0) printf("\n--- is\n%s--- not\n%s", text, expected);
  CU_ASSERT_STRING_EQUAL(text, expected);
  free(text);
}

static void make_data(void) {
  const SynthOptions options = {.dir = support_path("set"),
                                .seed = 1,
                                .domains = 2,
                                .train_ids = 5,
                                .test_ids = 2,
                                .cameras = 2,
                                .images = 2,
                                .distractors = 3};
  int code;
  free(run("rm -rf set", &code));
  CU_ASSERT_EQUAL_FATAL(synth_write(&options, NULL), STATUS_OK);
}

#define TABLE                                                                                      \
  "domain  identities    images  cameras       train (ids)       query (ids)     gallery (ids)  "  \
  "layout\n"                                                                                       \
  "plaza            8        31        2            20 (5)             4 (2)             7 (3)  "  \
  "market\n"                                                                                       \
  "campus           8        31        2            20 (5)             4 (2)             7 (3)  "  \
  "market\n"

static void test_table(void) {
  make_data();
  expect("set/synth.domains", 0, TABLE "all 62 images can be decoded\n");
  expect("--threads=2 set/synth.domains", 0, TABLE "all 62 images can be decoded\n");
}

static void test_bad_images(void) {
  int code;
  make_data();
  free(run("cd set/plaza/query && ls | head -n 1 | xargs truncate -s 700 && "
           "ls | tail -n 1 | xargs truncate -s 0",
           &code));
  char *name = run("cd set/plaza/query && ls | head -n 1 | tr -d '\\n'", &code);
  char *last = run("cd set/plaza/query && ls | tail -n 1 | tr -d '\\n'", &code), expected[1024];
  snprintf(expected, sizeof expected,
           TABLE "set/plaza/query/%s: is truncated\nset/plaza/query/%s: is empty\n"
                 "set/synth.domains: error: 2 of 62 images cannot be decoded; they are listed "
                 "above\nhint: mend them, leave them out, or train with --bad-images=skip\n",
           name, last);
  expect("set/synth.domains", 1, expected);
  expect("set/synth.domains --threads=4", 1, expected);
  free(name);
  free(last);
}

/* The two lines are what graphc reads; domains without training images are not in them. */
static void test_defines(void) {
  make_data();
  support_write("more.domains", "a-b market set/plaza\nc csv query.csv\n_d market set/campus\n");
  support_write("query.csv", "path,pid,camera,split\nx.jpg,1,1,query\n");
  expect("more.domains --defines", 0,
         "domains=a-b _d\nids=5 5\n"
         "more.domains: warning: domain 'c' has no training images and is left out\n");
  char command[1024], *text, folder[512];
  int code;
  CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(folder, sizeof folder));
  snprintf(command, sizeof command,
           "'%s' check-data more.domains --defines > defs && '%s' '%s/models/cdvm_small.xml' "
           "-D @defs -D batch_ids=2 --params | grep -E '^ *(domains|ids) '",
           getenv("GRAPHRUN"), getenv("GRAPHC"), folder);
  text = run(command, &code);
  CU_ASSERT_EQUAL(code, 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "a-b _d"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "5 5"));
  free(text);
  expect("query.csv --defines", 1,
         "query.csv: error: no domain has training images\n"
         "hint: in a .domains file split=all trains on queries and gallery too\n");
  expect("none.csv --defines", 1, "none.csv: error: cannot read: No such file or directory\n");
}

int main(void) {
  static const SupportTest tests[] = {
      {"table", test_table}, {"bad images", test_bad_images}, {"defines", test_defines}};
  return support_run("check-data", tests, sizeof tests / sizeof *tests);
}
