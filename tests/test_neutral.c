/* Nothing between the model language and the kernels knows the model that all this was made for:
 * no word of it stands in their code (comments may name it as an example). */
#include "tests/shell.h"

#include <ctype.h>
#include <glob.h>

static const char *const folders[] = {"graph/*/*.[ch]",       "ops/*.[ch]",
                                      "compiler/*.[ch]",      "kernels/*.[ch]",
                                      "kernels/*/*.[ch]",     "runtime/execute/*.[ch]",
                                      "runtime/device/*.[ch]"};
static const char *const words[] = {"cdvm",      "reid",       "resnet",   "bottleneck", "encoder",
                                    "encoders",  "stage1",     "stage2",   "local0",     "fhat",
                                    "ibn",       "grl",        "neck",     "centre",     "centres",
                                    "market",    "market1501", "cuhk03",   "pedestrian", "person",
                                    "identity0", "metatrain",  "metatest", "meta",       "muhat",
                                    "sighat",    "attention",  "mmd",      "camera"};

/* Blanks instead of comments, in place. */
static void strip_comments(char *text) {
  bool inside = false, quoted = false;
  for (char *at = text; *at; at++) {
    if (!inside && *at == '"' && at[-1] != '\\' && at[-1] != '\'') quoted = !quoted;
    if (!inside && !quoted && at[0] == '/' && at[1] == '*') inside = true;
    if (inside && at[0] == '*' && at[1] == '/') {
      at[0] = at[1] = ' ';
      inside = false;
    }
    if (inside && *at != '\n') *at = ' ';
  }
}

static bool is_word_char(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

/* As a whole word, or as a part between underscores. */
static const char *find_word(const char *text, const char *word) {
  size_t n = strlen(word);
  for (const char *at = text; (at = strcasestr(at, word)); at++) {
    bool left = at == text || !is_word_char(at[-1]) || at[-1] == '_';
    bool right = !is_word_char(at[n]) || at[n] == '_';
    if (left && right) return at;
  }
  return NULL;
}

static unsigned check_file(const char *path) {
  size_t n;
  char *text = shell_slurp(path, &n);
  unsigned found = 0;
  strip_comments(text);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    const char *at = find_word(text, words[i]);
    if (!at) continue;
    found++;
    printf("\n%s: '%s' in: %.60s\n", path, words[i], at);
  }
  free(text);
  return found;
}

static void test_code(void) {
  unsigned files = 0, found = 0;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    glob_t paths;
    CU_ASSERT_EQUAL_FATAL(glob(folders[i], 0, NULL, &paths), 0);
    for (size_t k = 0; k < paths.gl_pathc; k++) found += check_file(paths.gl_pathv[k]);
    files += (unsigned)paths.gl_pathc;
    globfree(&paths);
  }
  CU_ASSERT_TRUE(files > 100);
  CU_ASSERT_EQUAL(found, 0);
}

/* The test itself sees what it should. */
static void test_words(void) {
  char text[] = "int a; /* cdvm */ const char *s = \"/* no comment: cdvm */\"; int stage1_count;";
  strip_comments(text);
  CU_ASSERT_PTR_EQUAL(find_word(text, "cdvm"), strstr(text, "cdvm"));
  CU_ASSERT_PTR_NOT_NULL(find_word(text, "stage1"));
  CU_ASSERT_PTR_NULL(find_word("int centred;", "centre"));
}

int main(void) {
  static const SupportTest tests[] = {{"code", test_code}, {"words", test_words}};
  return support_run("neutral", tests, sizeof tests / sizeof *tests);
}
