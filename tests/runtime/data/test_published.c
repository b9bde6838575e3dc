/* `graphrun check-data`: whether a set is as large as published, and why a query has no match. */
#include "runtime/data/unmatched.h"
#include "tests/runtime/data/original_sets.h"
#include "tests/shell.h"

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool prints(const char *what, Shell s, const char *const *parts) {
  bool ok = true;
  for (; ok && *parts; parts++) ok = strstr(s.out, *parts) != NULL;
  if (!ok) printf("\n%s: without '%s'\n%s%s\n", what, *parts, s.out, s.err);
  shell_free(&s);
  return ok;
}

/* Every small set; larger ones are counted in test_layouts. */
static void whole(void) {
  original_viper("viper");
  original_prid("prid");
  original_grid("grid");
  original_ilids("ilids");
  support_write("all.domains",
                "viper viper viper\nprid prid prid\ngrid grid grid\nilids ilids ilids\n");
  CU_ASSERT(prints("whole", shell("\"$GRAPHRUN\" check-data all.domains --published"),
                   PARTS("viper: 632 identities, 1264 images, as VIPeR was published\n",
                         "prid: 934 identities, 1134 images, as PRID 2011, single shot was",
                         "grid: 250 identities, 500 images, as GRID",
                         "ilids: 119 identities, 476 images, as i-LIDS")));
}

/* One image is missing: a warning; asked for it, an error.  A small part of a set is one on
 * purpose.
 */
static void missing(void) {
  Shell s;
  shell_must("rm viper/cam_a/$(ls viper/cam_a | head -1)");
#define MISSING                                                                                    \
  "domain 'viper' has 632 identities and 1263 images; VIPeR was published with 632 and 1264",      \
      "hint: an archive may be incomplete"
  s = shell("\"$GRAPHRUN\" check-data viper");
  CU_ASSERT(
      shell_says("warning", s, 1, 1, PARTS("viper: warning: " MISSING))); /* and 1263 empty files */
  s = shell("\"$GRAPHRUN\" check-data viper --published");
  CU_ASSERT(shell_says("error", s, 1, 1, PARTS("viper: error: " MISSING)));
  shell_must("mkdir -p few/cam_a few/cam_b && cp viper/cam_a/00[3-6]* few/cam_a && "
             "cp viper/cam_b/00[3-6]* few/cam_b");
  s = shell("\"$GRAPHRUN\" check-data few");
  CU_ASSERT(!strstr(s.err, "published") && !strstr(s.out, "published"));
  shell_free(&s);
  s = shell("\"$GRAPHRUN\" check-data few --published");
  CU_ASSERT(shell_says("few", s, 1, 1, PARTS("VIPeR was published with 632 and 1264")));
}

static void unmatched(void) {
  original_file("m/query/0001_c1s1_000001_00.jpg");
  original_file("m/query/0002_c1s1_000001_00.jpg");
  original_file("m/query/0003_c1s1_000001_00.jpg");
  original_file("m/query/0003_c2s1_000001_00.jpg");
  original_file("m/query/0004_c1s1_000001_00.jpg");
  original_file("m/query/-1_c1s1_000001_00.jpg");
  original_file("m/query/0000_c1s1_000001_00.jpg");
  original_file("m/bounding_box_test/0001_c2s1_000001_00.jpg");
  original_file("m/bounding_box_test/0002_c1s1_000002_00.jpg");
  original_file("m/bounding_box_test/0002_c1s1_000003_00.jpg");
  original_file("m/bounding_box_test/0003_c1s1_000002_00.jpg");
  original_file("m/bounding_box_test/0003_c3s1_000002_00.jpg");
  CU_ASSERT(prints("unmatched", shell("\"$GRAPHRUN\" check-data m"),
                   PARTS("m: 1 of 5 queries have no match, since the gallery has no image of the "
                         "identity (the first is 'm/query/0004_c1s1_000001_00.jpg')\n",
                         "m: 1 of 5 queries have no match, since the gallery has images of the "
                         "identity from the query's own camera only (the first is "
                         "'m/query/0002_c1s1_000001_00.jpg')\n")));
  CU_ASSERT(shell_says("junk", shell("\"$GRAPHRUN\" check-data m"), 1, 1,
                       PARTS("m: warning: 1 image of identity -1 is left out "
                             "('query/-1_c1s1_000001_00.jpg')",
                             "m: warning: 1 query image of identity 0, which is nobody in this "
                             "layout, is left out ('query/0000_c1s1_000001_00.jpg')")));
}

int main(void) {
  static const SupportTest tests[] = {
      {"whole", whole}, {"missing", missing}, {"unmatched", unmatched}};
  return support_run("published", tests, sizeof tests / sizeof *tests);
}
