/* Ranked lists: order, who is left out, who is recognised, files; the same ranks as eval's; every
 * message. */
#include "tests/runtime/use/use_test.h"

#include <jansson.h>

#define SEARCH "\"$GRAPHRUN\" search mean.plan.xml --weights=w.safetensors "
#define QUERY7 "hand/query/0007_c1s1_000001_01.bmp"
#define GALLERY "hand/bounding_box_test/"

/* A query file of the set: its own identity and camera are left out, all others by distance. */
static void test_order(void) {
  static const char list[] =
      "     1  0.004963  same   " GALLERY "0007_c2s1_000001_01.bmp  (0007, camera 2)\n"
      "     2  0.106466  other  " GALLERY "0009_c2s1_000001_01.bmp  (0009, camera 2)\n"
      "     3  0.900496  same   " GALLERY "0007_c3s1_000001_01.bmp  (0007, camera 3)\n"
      "     4  0.900985  other  " GALLERY "0000_c2s1_000001_01.bmp";
  CU_ASSERT(
      use_prints("file", shell(SEARCH "--gallery=hand --query=" QUERY7), 0,
                 PARTS("gallery   hand: 5 images\n",
                       "query     " QUERY7 "  (0007, camera 1): first match at rank 1\n", list)));
  shell_must("\"$GRAPHRUN\" extract mean.plan.xml --weights=w.safetensors --data=hand -o "
             "f.safetensors");
  CU_ASSERT(use_prints("features",
                       shell(SEARCH "--gallery=f.safetensors --query=./" QUERY7 " --threads=2"), 0,
                       PARTS("(0007, camera 1): first match at rank 1\n", list)));
  Shell s = shell(SEARCH "--gallery=hand --query=" QUERY7 " --top=2");
  CU_ASSERT_PTR_NULL(strstr(s.out, "     3  "));
  shell_free(&s);
}

/* Pictures of nobody known: no verdicts, and none is found for itself. */
static void test_plain(void) {
  shell_must("rm -rf p && mkdir p && cp " QUERY7 " p/a.bmp && cp " GALLERY "*.bmp p/ && "
             "cp " QUERY7 " other.bmp");
  Shell s = shell(SEARCH "--gallery=p --query=p");
  CU_ASSERT_PTR_NULL(strstr(s.out, "same"));
  CU_ASSERT_PTR_NULL(strstr(s.out, "other"));
  CU_ASSERT(
      use_prints("plain", s, 0,
                 PARTS("query     p/a.bmp\n     1  0.000000         p/0007_c1s1_000002_01.bmp\n",
                       "     5  ", "queries   p: 6\n")));
  /* A file's name does not command the terminal, nor make lines. */
  shell_must("mkdir p2 && cp " QUERY7 " \"$(printf 'p2/e\\033\\nf.bmp')\"");
  CU_ASSERT(use_prints("a name", shell(SEARCH "--gallery=p --query=p2"), 0,
                       PARTS("query     p2/e??f.bmp\n")));
  /* Of nobody known: no verdict on a person who is, and nothing is left out. */
  s = shell(SEARCH "--gallery=p --query=hand");
  CU_ASSERT_PTR_NULL(strstr(s.out, "same"));
  CU_ASSERT_PTR_NULL(strstr(s.out, "other"));
  CU_ASSERT(
      use_prints("known", s, 0,
                 PARTS("query     " QUERY7 "  (0007, camera 1)\n     1  0.000000", "     6  ")));
  CU_ASSERT(use_prints("both", shell(SEARCH "--gallery=p --query=other.bmp"), 0,
                       PARTS("query     other.bmp\n     1  0.000000         p/0007_c1s1_000002_01."
                             "bmp\n     2  0.000000         p/a.bmp\n",
                             "     6  ")));
  /* The same picture in another file is found. */
  CU_ASSERT(use_prints("copy", shell(SEARCH "--gallery=hand --query=other.bmp"), 0,
                       PARTS("query     other.bmp\n     1  0.000000         " GALLERY
                             "0007_c1s1_000002_01.bmp  (0007, camera 1)\n",
                             "     5  ")));
}

/* The whole set against itself: eval's first matches. */
static void test_as_eval(void) {
  shell_must(SEARCH
             "--gallery=hand --query=hand -o s.json -o s.csv -o s.html && "
             "\"$GRAPHRUN\" eval mean.plan.xml --weights=w.safetensors --data=hand -o e.json");
  json_t *s = json_load_file(support_path("s.json"), 0, NULL);
  json_t *e = json_load_file(support_path("e.json"), 0, NULL);
  const json_t *query = json_object_get(json_array_get(json_object_get(e, "domains"), 0), "query");
  const json_t *queries = json_object_get(s, "queries");
  CU_ASSERT_EQUAL_FATAL(json_array_size(queries), 3);
  for (size_t i = 0; i < 3; i++) {
    const json_t *mine = json_array_get(queries, i);
    json_int_t first = json_integer_value(json_array_get(json_object_get(query, "first"), i));
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(mine, "first")), first);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(mine, "path")),
                           json_string_value(json_array_get(json_object_get(query, "path"), i)));
  }
  json_decref(s);
  json_decref(e);
  CU_ASSERT(use_prints("csv", shell("cat s.csv"), 0,
                       PARTS("query,rank,distance,path,pid,camera,person\n", QUERY7 ",1,0.0049628",
                             ",0007,2,same\n")));
  CU_ASSERT(use_prints("page", shell("cat s.html"), 0,
                       PARTS("src=\"data:image/bmp;base64,Qk", "class=\"same\"", "class=\"other\"",
                             "3 of 3 queries", "</html>")));
  shell_must("! grep -o 'src=\"[^d]' s.html && ! grep -o 'href=' s.html");
}

static void test_refused(void) {
  use_weights("w2.safetensors", 1, 2, 1);
  USE_REFUSED(2, "search mean.plan.xml --weights=w.safetensors --query=hand",
              "--gallery: error: is missing", "hint: graphrun search PLAN");
  USE_REFUSED(2, "search mean.plan.xml --weights=w.safetensors --gallery=hand",
              "--query: error: is missing");
  USE_REFUSED(2, "search mean.plan.xml --gallery=hand --query=hand",
              "--weights: error: is missing");
  USE_REFUSED(1,
              "search mean.plan.xml --weights=w2.safetensors --gallery=f.safetensors --query=hand",
              "f.safetensors: error: holds features of other weights", "graphrun extract");
  USE_REFUSED(2,
              "search mean.plan.xml --weights=w.safetensors --gallery=hand --query=hand -o a.txt",
              "a.txt: error: the file's name tells its form", "F.html");
  USE_REFUSED(4,
              "search mean.plan.xml --weights=w.safetensors --gallery=hand --query=hand "
              "-o no/a.csv",
              "no/a.csv: error: cannot write");
  USE_REFUSED(2,
              "search mean.plan.xml --weights=w.safetensors --gallery=s.csv --query=hand -o s.csv",
              "would replace its input 's.csv'");
  USE_REFUSED(1, "search mean.plan.xml --weights=w.safetensors --gallery=hand --query=none.jpg",
              "none.jpg: error: cannot read");
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", use_prepare},
                                      {"order", test_order},
                                      {"plain pictures", test_plain},
                                      {"eval's ranks", test_as_eval},
                                      {"messages", test_refused}};
  return support_run("search", tests, sizeof tests / sizeof *tests);
}
