/* No include goes upward: which room may include which stands in `arrows` below, the test reads
 * every source file and refuses any other.  docs/README.md draws the same arrows. */
#include "tests/shell.h"

#include <fnmatch.h>
#include <glob.h>

/* A room and the rooms that it may include, besides itself; `*` stands for any name, so that a
 * machine's kernels are a room without being listed. */
typedef struct Arrows {
  const char *room, *may;
} Arrows;
static const Arrows arrows[] = {
    {"graph/base", ""},
    {"graph/ir", "graph/base"},
    {"graph/expression", "graph/base"},
    {"graph/plan", "graph/base graph/ir graph/expression"},
    {"graph/language", "graph/base graph/ir graph/expression graph/plan"},
    {"graph/draw", "graph/base graph/ir graph/plan"},
    {"ops", "graph/base graph/ir graph/plan"},
    {"compiler", "graph/base graph/ir graph/expression graph/plan graph/language graph/draw ops"},
    {"kernels", "graph/base graph/ir graph/plan ops"},
    {"kernels/*", "graph/base graph/ir graph/plan ops kernels"},
    {"runtime/ranks", "graph/base graph/ir graph/plan kernels"},
    {"runtime/ranks/*", "graph/base graph/ir runtime/ranks"},
    {"runtime/device", "graph/base graph/ir graph/plan kernels kernels/* runtime/ranks"},
    {"runtime/cuda",
     "graph/base graph/ir graph/plan kernels kernels/* runtime/ranks runtime/device"},
    {"runtime/execute", "graph/base graph/ir graph/plan ops kernels runtime/device runtime/ranks"},
    {"runtime/data", "graph/base graph/ir graph/plan ops runtime/execute"},
    {"runtime/eval",
     "graph/base graph/ir graph/plan ops kernels runtime/execute runtime/data runtime/ranks"},
    {"runtime/report", "graph/base"},
    {"runtime/pictures", "graph/base graph/ir graph/plan kernels runtime/device runtime/execute "
                         "runtime/data runtime/eval runtime/report"},
    {"runtime/use", "graph/base graph/ir graph/plan ops kernels runtime/device runtime/execute "
                    "runtime/data runtime/eval runtime/report"},
    {"runtime/onnx", "graph/base graph/ir graph/plan ops runtime/execute runtime/eval"},
    {"runtime/train", "graph/base graph/ir graph/plan ops runtime/execute runtime/data "
                      "runtime/ranks runtime/eval runtime/report"},
    {"runtime/study", "graph/base graph/ir graph/plan graph/language runtime/execute runtime/data "
                      "runtime/eval runtime/report"},
    {"runtime/synth", "graph/base"},
    {"runtime/embed", "graph/base graph/ir graph/plan runtime/device runtime/execute"},
};

/* The folder of a path, in `room`. */
static void room_of(const char *path, size_t length, char room[128]) {
  while (length && path[length - 1] != '/') length--;
  if (length) length--;
  if (length > 127) length = 127;
  memcpy(room, path, length);
  room[length] = 0;
}

static bool has_word(const char *words, const char *word) {
  char one[128];
  for (const char *at = words; *at; at += strspn(at, " ")) {
    size_t n = strcspn(at, " ");
    snprintf(one, sizeof one, "%.*s", (int)n, at);
    if (fnmatch(one, word, FNM_PATHNAME) == 0) return true;
    at += n;
  }
  return false;
}

/* Includes of one file that its room may not make. */
static unsigned refused_includes(const Arrows *of, const char *path) {
  size_t n;
  unsigned refused = 0;
  char *text = shell_slurp(path, &n), own[128];
  room_of(path, strlen(path), own);
  for (const char *at = text; (at = strstr(at, "#include \"")); at++) {
    const char *name = at + strlen("#include \""), *end = strchr(name, '"');
    char room[128];
    room_of(name, (size_t)(end - name), room);
    if (strcmp(room, own) == 0 || has_word(of->may, room)) continue;
    refused++;
    printf("\n%s: may not include %.*s\n", path, (int)(end - name), name);
  }
  free(text);
  return refused;
}

static void no_include_goes_upward(void) {
  for (size_t i = 0; i < sizeof arrows / sizeof *arrows; i++) {
    char pattern[160];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.[chi]*", arrows[i].room);
    CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &found), 0);
    for (size_t f = 0; f < found.gl_pathc; f++)
      CU_ASSERT_EQUAL(refused_includes(&arrows[i], found.gl_pathv[f]), 0);
    globfree(&found);
  }
}

/* A folder that the list does not know would escape it. */
static void every_room_is_listed(void) {
  glob_t found;
  CU_ASSERT_EQUAL_FATAL(glob("graph/*/*.c", 0, NULL, &found), 0);
  static const char *const others[] = {"graph/*.c",     "ops/*.c",     "compiler/*.c",
                                       "kernels/*.c",   "runtime/*.c", "kernels/*/*.c",
                                       "runtime/*/*.c", "ops/*/*.c",   "compiler/*/*.c"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    glob(others[i], GLOB_APPEND, NULL, &found);
  for (size_t f = 0; f < found.gl_pathc; f++) {
    const char *path = found.gl_pathv[f];
    char room[128];
    room_of(path, strlen(path), room);
    bool listed = false;
    for (size_t i = 0; i < sizeof arrows / sizeof *arrows; i++)
      listed |= has_word(arrows[i].room, room);
    if (!listed) printf("\n%s: its folder has no arrows in tests/test_includes.c\n", path);
    CU_ASSERT(listed);
  }
  globfree(&found);
}

/* The check itself: what it must refuse, and what it must let pass. */
static void arrows_are_read(void) {
  CU_ASSERT(has_word("graph/base graph/ir", "graph/ir"));
  CU_ASSERT(!has_word("graph/base graph/ir", "graph/i"));
  CU_ASSERT(!has_word("graph/base", "graph"));
  CU_ASSERT(has_word("ops kernels/*", "kernels/cpu"));
  CU_ASSERT(!has_word("ops kernels/*", "kernels"));
  CU_ASSERT(!has_word("kernels/*", "kernels/cpu/deep"));
  char room[128];
  room_of("runtime/data/image.h", strlen("runtime/data/image.h"), room);
  CU_ASSERT_STRING_EQUAL(room, "runtime/data");
}

int main(void) {
  static const SupportTest tests[] = {{"no include goes upward", no_include_goes_upward},
                                      {"every room is listed", every_room_is_listed},
                                      {"arrows are read", arrows_are_read}};
  return support_run("includes", tests, sizeof tests / sizeof *tests);
}
