/* Passes as text: each tests/compiler/passes/MODEL.xml with what `--dump-after=PASS` prints beside
 * it in MODEL.PASS.txt.  After a change that is meant, write the texts anew and read their diff:
 *     UPDATE=1 ctest --preset release -R test_passes && git diff tests/compiler/passes */
#include "tests/shell.h"

#include <dirent.h>

#define FOLDER "tests/compiler/passes"
#define TOY "--target=$TOY" /* has several streams */

/* The models and the texts that each must have: a text that is deleted is missed. */
static const struct {
  const char *model, *passes, *options;
} models[] = {
    {"folding", "build simplify", ""},        {"gradient", "build simplify", ""},
    {"reversal", "build simplify", ""},       {"fusion", "order offsets", ""},
    {"memory", "order offsets", ""},          {"rows", "partition", "--ranks=2"},
    {"meeting", "partition", "--ranks=2"},    {"branches", "streams offsets", TOY},
    {"overlap", "streams", "--ranks=2 " TOY},
};
#define N_MODELS (sizeof models / sizeof *models)

static bool is_listed(const char *model, const char *pass) {
  for (size_t i = 0; i < N_MODELS; i++)
    if (strcmp(models[i].model, model) == 0) return !pass || strstr(models[i].passes, pass);
  return false;
}

static const char *options_of(const char *model) {
  for (size_t i = 0; i < N_MODELS; i++)
    if (strcmp(models[i].model, model) == 0) return models[i].options;
  return "";
}

static size_t count_listed(void) {
  size_t n = 0;
  for (size_t i = 0; i < N_MODELS; i++) {
    n++;
    for (const char *at = models[i].passes; *at; at++) n += *at == ' ';
  }
  return n;
}

/* `folding.simplify.txt`: the model's name and the pass. */
static bool split_name(const char *file, char *model, char *pass, size_t size) {
  const char *dot = strchr(file, '.');
  const char *end = dot ? strchr(dot + 1, '.') : NULL;
  if (!end || strcmp(end, ".txt") != 0) return false;
  snprintf(model, size, "%.*s", (int)(dot - file), file);
  snprintf(pass, size, "%.*s", (int)(end - dot - 1), dot + 1);
  return true;
}

/* What graphc prints before its summary. */
static char *dump(const char *model, const char *pass) {
  Shell s = shell("cd $TOP && $GRAPHC " FOLDER "/%s.xml %s --dump-after=%s -o /dev/null", model,
                  options_of(model), pass);
  if (s.code != 0) printf("\n  %s: %s", model, s.err);
  CU_ASSERT_EQUAL(s.code, 0);
  char *summary = strstr(s.out, "\nmodel ");
  if (summary) summary[1] = 0;
  free(s.err);
  return s.out;
}

static void update(const char *file, const char *text) {
  FILE *out = fopen(file, "w");
  if (!out || fputs(text, out) < 0 || fclose(out) != 0) {
    perror(file);
    exit(1);
  }
}

/* The first line that differs. */
static void show(const char *file, const char *have, const char *want) {
  int line = 1;
  while (true) {
    size_t h = strcspn(have, "\n"), w = strcspn(want, "\n");
    if (h != w || memcmp(have, want, h) != 0) {
      printf("\n  %s:%d\n    expected: %.*s\n    printed:  %.*s\n", file, line, (int)w, want,
             (int)h, have);
      return;
    }
    have += h + 1;
    want += w + 1;
    line++;
  }
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void test_texts(void) {
  struct dirent **files;
  int n = scandir(FOLDER, &files, NULL, by_name);
  size_t compared = 0, n_models = 0;
  for (int i = 0; i < n; i++) {
    char model[128], pass[128], path[512];
    if (split_name(files[i]->d_name, model, pass, sizeof model)) {
      snprintf(path, sizeof path, FOLDER "/%s", files[i]->d_name);
      char *have = dump(model, pass);
      if (getenv("UPDATE")) update(path, have);
      char *want = shell_slurp(path, NULL);
      if (strcmp(have, want) != 0) {
        show(path, have, want);
        CU_FAIL("see above");
      }
      compared++;
      CU_ASSERT(is_listed(model, pass)); /* else: add it to `models` */
      free(have);
      free(want);
    } else if (strstr(files[i]->d_name, ".xml")) {
      files[i]->d_name[strlen(files[i]->d_name) - 4] = 0;
      CU_ASSERT(is_listed(files[i]->d_name, NULL));
      n_models++;
    }
    free(files[i]);
  }
  if (n >= 0) free(files);
  CU_ASSERT_EQUAL(compared, count_listed());
  CU_ASSERT_EQUAL(n_models, N_MODELS);
}

/* Every pass that --dump-after knows has texts. */
static void test_passes(void) {
  for (size_t k = 0; pipeline_passes[k]; k++) {
    size_t n = 0;
    for (size_t i = 0; i < N_MODELS; i++) n += is_listed(models[i].model, pipeline_passes[k]);
    CU_ASSERT(n >= 2);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"texts", test_texts}, {"passes", test_passes}};
  return support_run("passes", tests, 2);
}
