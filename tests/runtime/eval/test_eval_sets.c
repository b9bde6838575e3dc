/* Command lines over sets with the published names: which images are asked for, and that what is
 * left out is said wherever a set is opened. */
#include "runtime/execute/safetensors.h"
#include "tests/runtime/data/original_sets.h"
#include "tests/shell.h"

static bool prints(const char *what, Shell s, int code, const char *const *parts) {
  bool ok = s.code == code;
  for (; ok && *parts; parts++) ok = strstr(s.out, *parts) != NULL;
  if (!ok)
    printf("\n%s: exit %d, without '%s'\n%s%s\n", what, s.code, *parts ? *parts : "", s.out, s.err);
  shell_free(&s);
  return ok;
}
#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* GRID: queries are from the folder probe, though `gallery` sorts before it, and 0000 is nobody. */
static void grid(void) {
  for (int i = 0; i < 4; i++) {
    char name[64];
    snprintf(name, sizeof name, "grid/probe/%04d_1_25004_107_32_106_221.jpeg", i + 1);
    original_picture(name, 0x102030 * (i + 1));
    snprintf(name, sizeof name, "grid/gallery/%04d_5_25023_116_1_132_226.jpeg", i + 1);
    original_picture(name, 0x102030 * (i + 1));
  }
  original_picture("grid/gallery/0000_2_25004_107_32_106_221.jpeg", 0xFF0000);
  CU_ASSERT(prints("grid",
                   shell("\"$GRAPHRUN\" eval --baseline=color --data=grid "
                         "--protocol=split:grid:2:0 --out=grid.json && cat grid.json"),
                   0,
                   PARTS("2 queries, 3 in the gallery of a split (1 distractors)",
                         "queries from camera 'probe'", "grid/probe/000", "mAP       100.00 %")));
  CU_ASSERT(prints("grid", shell("! grep -o 'grid/gallery/[0-9]*' grid.json"), 0, PARTS("")));
}

/* The set's own query and gallery are not what VIPeR's published figures are of. */
static void published(void) {
  for (int i = 0; i < 3; i++) {
    char name[64];
    snprintf(name, sizeof name, "viper/cam_a/%03d_0.bmp", i);
    original_picture(name, 0x102030 * (i + 1));
    snprintf(name, sizeof name, "viper/cam_b/%03d_90.bmp", i);
    original_picture(name, 0x102030 * (i + 1));
  }
  Shell s = shell("\"$GRAPHRUN\" eval --baseline=color --data=viper");
  CU_ASSERT(shell_says("viper", s, 0, 0,
                       PARTS("viper: warning: results of VIPeR are published for random splits",
                             "hint: --protocol=split:viper:10:0 draws them")));
  s = shell("\"$GRAPHRUN\" eval --baseline=color --data=viper --protocol=split:viper:3:1");
  CU_ASSERT_STRING_EQUAL(s.err, "");
  CU_ASSERT(prints("viper", s, 0, PARTS("queries from camera 'cam_a'")));
  original_picture("ilids/Persons/0001001.jpg", 1);
  original_picture("ilids/Persons/0001002.jpg", 1);
  s = shell("\"$GRAPHRUN\" eval --baseline=color --data=ilids");
  CU_ASSERT(shell_says("ilids", s, 1, 1, PARTS("hint: --protocol=split:ilids:10:0 draws")));
}

/* A Market-style set that counts from 0: 0000 is no query and matches none. */
static void from_zero(void) {
  original_picture("own/bounding_box_train/0000_c1s1_000000_00.bmp", 0);
  original_picture("own/query/0000_c1s1_000004_00.bmp", 0x10);
  original_picture("own/query/0002_c1s1_000005_00.bmp", 0x2000);
  original_picture("own/bounding_box_test/0000_c2s1_000006_00.bmp", 0x2000);
  original_picture("own/bounding_box_test/0002_c2s1_000007_00.bmp", 0x2000);
  CU_ASSERT(prints("own", shell("\"$GRAPHRUN\" eval --baseline=color --data=own 2>&1"), 0,
                   PARTS("1 identities", "1 queries, 2 in the gallery (1 distractors)",
                         "mAP       50.00 %",
                         "own: warning: 1 query image of identity 0, which is nobody")));
}

/* One person in two spellings: the picture of the query's own camera is taken out. */
static void spellings(void) {
  original_picture("s/0.bmp", 0x2000);
  original_picture("s/1.bmp", 0x20);
  original_picture("s/2.bmp", 0x2000);
  support_write("s.csv", "path,pid,camera,split\ns/0.bmp,0002,1,query\ns/2.bmp,2,01,gallery\n"
                         "s/1.bmp,02,2,gallery\ns/0.bmp,0003,3,unused\n");
  CU_ASSERT(
      prints("spellings", shell("\"$GRAPHRUN\" eval --baseline=color --data=s.csv 2>&1"), 0,
             PARTS("1 identities, 2 cameras", "mAP       100.00 %   95 %", "chance 100.00 %")));
}

static const char model[] = "<model name='tiny' xmlns='urn:graphc:model:1'>\n"
                            "  <program name='step' kind='train'>\n"
                            "    <input name='images' shape='1 2 8 4 3'/>\n"
                            "    <parameter name='scale' shape='3' value='1'/>\n"
                            "    <mean name='color' in='images' axes='0 1 2 3'/>\n"
                            "    <expr name='loss' value='mean(square(color * scale))'/>\n"
                            "    <gradient name='G' of='loss'/>\n"
                            "    <commit field='theta' value='theta - 0.01 * G'/>\n"
                            "    <output value='loss'/>\n"
                            "  </program>\n"
                            "  <training domains='mix' ids='2' steps='2' warmup-steps='0'/>\n"
                            "  <sampler kind='identity' batch-ids='2' batch-images='1'/>\n"
                            "  <augment height='8' width='4'/>\n"
                            "</model>\n";

/* check-data, its --defines, eval and train say the same of files that they do not read. */
static void everywhere(void) {
  static const char *const commands[] = {
      "\"$GRAPHRUN\" check-data mix", "\"$GRAPHRUN\" check-data mix --defines",
      "\"$GRAPHRUN\" eval --baseline=color --data=mix",
      "rm -rf run && \"$GRAPHRUN\" train tiny.plan.xml --data=mix --out=run --quiet"};
  support_write("tiny.xml", model);
  Shell s = shell("\"$GRAPHC\" tiny.xml");
  if (s.code != 0) printf("\n%s", s.err);
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  shell_free(&s);
  original_picture("mix/bounding_box_train/0001_c1s1_000000_00.bmp", 1);
  original_picture("mix/bounding_box_train/0002_c1s1_000000_00.bmp", 2);
  original_picture("mix/query/0003_c1s1_000000_00.bmp", 3);
  original_picture("mix/bounding_box_test/0003_c2s1_000000_00.bmp", 3);
  original_picture("mix/bounding_box_test/0003_c2s1_000001_00.webp", 3);
  original_picture("mix/query/0003_c3s1_000000_00.tif", 3);
  original_picture("mix/query/-1_c3s1_000000_00.bmp", 3);
  original_picture("mix/bounding_box_train/me.bmp", 3);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    s = shell("%s", commands[i]);
    int warnings = 0;
    for (const char *at = s.err; (at = strstr(at, "warning: ")); at++) warnings++;
    CU_ASSERT_EQUAL(warnings, 3);
    CU_ASSERT(shell_says(
        commands[i], s, 0, 0,
        PARTS("mix: warning: 1 file with no identity and camera in the name is left out "
              "('bounding_box_train/me.bmp')",
              "mix: warning: 2 files of a type that is not read are left out (the first is "
              "'query/0003_c3s1_000000_00.tif')",
              "mix: warning: 1 image of identity -1 is left out "
              "('query/-1_c3s1_000000_00.bmp')")));
  }
}

static const char dark_model[] = "<model name='dark' xmlns='urn:graphc:model:1'>\n"
                                 "  <program name='evaluate' kind='evaluate'>\n"
                                 "    <input name='images' shape='2 8 4 3'/>\n"
                                 "    <parameter name='level' shape='1' value='0.5'/>\n"
                                 "    <mean name='color' in='images' axes='1 2'/>\n"
                                 "    <expr name='ynorm' value='max(color - level, 0)'/>\n"
                                 "    <output value='ynorm'/>\n"
                                 "  </program>\n"
                                 "</model>\n";

/* Public weights lack what the model adds to their network: that has its initial value in all that
 * describes images, as in a file that holds it. */
static void public_weights(void) {
  support_write("public.xml", "<model name='public' xmlns='urn:graphc:model:1'>\n"
                              "  <program name='evaluate' kind='evaluate'>\n"
                              "    <input name='images' shape='2 8 4 3'/>\n"
                              "    <parameter name='w' shape='3' value='2' external='net.w'/>\n"
                              "    <parameter name='gain' shape='3' value='0.25'/>\n"
                              "    <mean name='color' in='images' axes='1 2'/>\n"
                              "    <expr name='ynorm' value='color * w * gain'/>\n"
                              "    <output value='ynorm'/>\n"
                              "  </program>\n"
                              "</model>\n");
  float w[3] = {1, 2, 3}, gain[3] = {0.25f, 0.25f, 0.25f};
  Shape shape = {.rank = 1, .dim = {3}};
  SaveTensor lone = {"net.w", DTYPE_F32, shape, w};
  SaveTensor both[] = {{"w", DTYPE_F32, shape, w}, {"gain", DTYPE_F32, shape, gain}};
  CU_ASSERT_EQUAL(safe_write(support_path("net.st"), &lone, 1, NULL, 0, false, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(safe_write(support_path("both.st"), both, 2, NULL, 0, false, NULL), STATUS_OK);
  original_picture("some/query/0001_c1s1_000000_00.bmp", 0x102030);
  shell_must(
      "\"$GRAPHC\" public.xml\n"
      "for f in net both; do\n"
      "  \"$GRAPHRUN\" extract public.plan.xml --weights=$f.st --data=some -o $f.npy || exit 1\n"
      "done\n");
  CU_ASSERT(shell_says("the same",
                       shell("cmp net.npy both.npy && tail -c 12 net.npy | od -An -tx1 "
                             "| grep -v '00 00 00 00 00 00'"),
                       0, 0, PARTS("")));
}

/* Features of a network that is dead, or is for some images: their ranks are the order of the data.
 */
static void no_features(void) {
  support_write("dark.xml", dark_model);
  support_write("start.xml",
                "<model name='start' xmlns='urn:graphc:model:1'><program name='p'>"
                "<parameter name='level' shape='1' value='0.5'/>"
                "<expr name='y' value='level + 1'/><output value='y'/></program></model>");
  shell_must("\"$GRAPHC\" dark.xml && \"$GRAPHC\" start.xml && "
             "\"$GRAPHRUN\" exec start.plan.xml --program=p -o w.st");
  original_picture("dark/query/0001_c1s1_000000_00.bmp", 0x10);
  original_picture("dark/query/0002_c1s1_000000_00.bmp", 0x20);
  original_picture("dark/bounding_box_test/0001_c2s1_000000_00.bmp", 0x30);
  original_picture("dark/bounding_box_test/0002_c2s1_000000_00.bmp", 0x40);
  static const char eval[] = "\"$GRAPHRUN\" eval dark.plan.xml --weights=w.st --data=dark";
  CU_ASSERT(shell_says("dark", shell(eval), 0, 0,
                       PARTS("dark: domain dark: warning: all 4 features are equal, and 0\n"
                             "hint: images that are equally near are ranked in the order of")));
  original_picture("dark/query/0002_c1s1_000000_00.bmp", 0xF020F0);
  CU_ASSERT(shell_says("dim", shell(eval), 0, 0, PARTS("warning: 3 of 4 features are 0\n")));
  original_picture("dark/query/0001_c1s1_000000_00.bmp", 0xF0F020);
  original_picture("dark/bounding_box_test/0001_c2s1_000000_00.bmp", 0x20F0F0);
  original_picture("dark/bounding_box_test/0002_c2s1_000000_00.bmp", 0xF02020);
  CU_ASSERT(shell_says("bright", shell("%s 2>err; ! grep feature err", eval), 0, 0, PARTS("")));
  Shell s = shell("rm -rf same && mkdir -p same/query same/bounding_box_test && for i in 1 2; do "
                  "cp dark/query/0001_c1s1_000000_00.bmp same/query/000${i}_c1s1_000000_00.bmp; "
                  "cp dark/query/0001_c1s1_000000_00.bmp "
                  "same/bounding_box_test/000${i}_c2s1_000000_00.bmp; done; "
                  "\"$GRAPHRUN\" eval --baseline=color --data=same");
  CU_ASSERT(shell_says("same", s, 0, 0, PARTS("warning: all 4 features are equal\n")));
}

int main(void) {
  static const SupportTest tests[] = {{"grid", grid},
                                      {"published", published},
                                      {"from zero", from_zero},
                                      {"spellings", spellings},
                                      {"everywhere", everywhere},
                                      {"features that say nothing", no_features},
                                      {"public weights", public_weights}};
  return support_run("eval sets", tests, sizeof tests / sizeof *tests);
}
