/* graphrun eval --visualize: what each picture shows, counted and in its order; every message. */
#include "runtime/data/image.h"
#include "runtime/execute/safetensors.h"
#include "tests/hand_set.h"
#include "tests/shell.h"

#include <math.h>

/* ---- a network and images ---- */

/* The feature is the mean colour, the attention how bright each pixel is. */
static void make_network(void) {
  hand_set(true);
  hand_picture_with("hand/query/0007_c1s1_000001_01.bmp", 8, 16, 8, 200, 0, 0);
  float gain[3] = {1, 1, 1};
  SaveTensor tensor = {"gain", DTYPE_F32, {.rank = 1, .dim = {3}}, gain};
  support_write("net.xml",
                "<model name='net' xmlns='urn:graphc:model:1'>"
                "<param name='V' type='int' value='1' doc='groups'/>"
                "<program name='evaluate' kind='evaluate'><input name='images' shape='4 16 8 3'/>"
                "<parameter name='gain' shape='3' init='constant' value='1'/>"
                "<mean name='color' in='images' axes='1 2'/>"
                "<expr name='y' value='color * gain'/><normalize name='ynorm' in='y' eps='1e-12'/>"
                "<output value='ynorm'/></program>"
                "<program name='extract' kind='extract'><input name='images' shape='4 16 8 3'/>"
                "<parameter name='gain' shape='3' init='constant' value='1'/>"
                "<expr name='y' value='images * gain'/><sum name='attention' in='y' axes='3'/>"
                "<output value='attention'/></program></model>");
  support_write("plain.xml",
                "<model name='plain' xmlns='urn:graphc:model:1'>"
                "<program name='evaluate' kind='evaluate'><input name='images' shape='4 16 8 3'/>"
                "<parameter name='gain' shape='3' init='constant' value='1'/>"
                "<mean name='color' in='images' axes='1 2'/>"
                "<expr name='y' value='color * gain'/><normalize name='ynorm' in='y' eps='1e-12'/>"
                "<output value='ynorm'/></program></model>");
  CU_ASSERT_EQUAL_FATAL(
      safe_write(support_path("gain.safetensors"), &tensor, 1, NULL, 0, false, NULL), STATUS_OK);
  shell_must("for v in 1 2 8; do $GRAPHC net.xml -D V=$v -o net$v.plan.xml >/dev/null || exit 1; "
             "done; $GRAPHC plain.xml -o plain.plan.xml >/dev/null");
  shell_must("$GRAPHRUN synth people --domains=2 --ids=5 --test-ids=4 --cameras=2 --images=2");
}

#define NET "net1.plan.xml --weights=gain.safetensors --data=hand"

static char *text_of(const char *name) {
  return shell_slurp(support_path(name), NULL);
}

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)); at++) n++;
  return n;
}

/* ---- rank lists ---- */

/* Frames in their order: the worst query first. */
static void test_ranks(void) {
  char order[200] = "";
  shell_must("$GRAPHRUN eval " NET " --visualize=ranks --pictures=a >out");
  shell_must("xmllint --noout a/ranks-hand.html");
  char *page = text_of("a/ranks-hand.html"), *out = text_of("out");
  CU_ASSERT_PTR_NOT_NULL(strstr(out, "mAP       54.17 %"));
  CU_ASSERT_PTR_NOT_NULL(strstr(out, "written   a/ranks-hand.html\n"));
  for (const char *at = page; (at = strstr(at, "<figure class=\""));) {
    at += strlen("<figure class=\"");
    strncat(order, at, 1);
  }
  CU_ASSERT_STRING_EQUAL(order, "qooos"
                                "qsos"); /* query, other, same */
  CU_ASSERT_PTR_NOT_NULL(strstr(page, "AP 25.0 %"));
  CU_ASSERT_EQUAL(count(page, "src=\"data:image/bmp;base64,"), 9);
  CU_ASSERT_PTR_NOT_NULL(strstr(page, "the 2 worst of 2 queries"));
  free(page);
  free(out);
  shell_must("$GRAPHRUN eval " NET " --visualize=ranks --pictures=b --threads=3 >out && "
             "cmp a/ranks-hand.html b/ranks-hand.html");
  shell_must(
      "$GRAPHRUN eval --baseline=color --data=hand --visualize=ranks --shown=1 --rerank=2,1,0.5 "
      "--pictures=c >out && grep -q 'the 1 worst of 2' c/ranks-hand.html");
}

/* Of features the same page; where the images are gone, without their pixels. */
static void test_features(void) {
  shell_must("$GRAPHRUN extract " NET " -o f.safetensors >out");
  shell_must("$GRAPHRUN eval --features=f.safetensors --visualize=ranks --pictures=f >out\n"
             "cmp a/ranks-hand.html f/ranks-hand.html\n"
             "mv hand gone; $GRAPHRUN eval --features=f.safetensors --visualize=ranks --pictures=g "
             ">out; mv gone hand\n"
             "sed 's/src=\"[^\"]*\"//g' f/ranks-hand.html >with\n"
             "sed 's/src=\"[^\"]*\"//g' g/ranks-hand.html | cmp - with; ! cmp -s f/ranks-hand.html "
             "g/ranks-hand.html");
}

/* ---- t-SNE ---- */

static void test_tsne(void) {
  shell_must("$GRAPHRUN eval net1.plan.xml --weights=gain.safetensors --data=people/synth.domains "
             "--visualize=tsne --shown=9 --pictures=t --seed=3 --threads=1 >out");
  shell_must("xmllint --noout t/tsne.svg && test $(wc -l <t/tsne.csv) = 19 && "
             "head -n 1 t/tsne.csv | grep -qx 'path,domain,pid,camera,x,y' && test ! -e "
             "t/tsne-beside.csv && test $(cut -d, -f1 t/tsne.csv | sort -u | wc -l) = 19");
  shell_must("for d in $(cut -d, -f2 t/tsne.csv | tail -n +2 | sort -u); do "
             "test $(grep -c \",$d,\" t/tsne.csv) = 9 || exit 1; grep -q \"$d (9)\" t/tsne.svg || "
             "exit 1; done");
  shell_must("$GRAPHRUN eval net1.plan.xml --weights=gain.safetensors --data=people/synth.domains "
             "--visualize=tsne --shown=9 --pictures=u --seed=3 --threads=3 >out && "
             "cmp t/tsne.csv u/tsne.csv && cmp t/tsne.svg u/tsne.svg");
  shell_must("$GRAPHRUN eval --baseline=color --data=people/synth.domains --beside=net1.plan.xml "
             "--beside-weights=gain.safetensors --visualize=tsne --shown=9 --pictures=v --seed=3 "
             ">out && cmp t/tsne.csv v/tsne-beside.csv && ! cmp -s t/tsne.csv v/tsne.csv && "
             "grep -q '>colour histograms<' v/tsne.svg && grep -q '>net1<' v/tsne.svg");
}

/* ---- attention ---- */

/* A picture for each image, and two maps. */
static void test_attention(void) {
  shell_must("$GRAPHRUN eval " NET " --visualize=attention --beside=net2.plan.xml "
             "--beside-weights=gain.safetensors --pictures=w >out");
  shell_must("xmllint --noout w/attention.svg");
  char *picture = text_of("w/attention.svg");
  CU_ASSERT_EQUAL(count(picture, "href=\"data:image/png;base64,iVBOR"), 9); /* of three queries */
  CU_ASSERT_EQUAL(count(picture, ">net1<") + count(picture, ">net2<"), 2);
  free(picture);
  shell_must("$GRAPHRUN eval " NET " --visualize=attention --shown=50 --pictures=x >out && "
             "$GRAPHRUN eval " NET
             " --visualize=attention --shown=50 --pictures=y --threads=4 >out "
             "&& cmp x/attention.svg y/attention.svg");
}

/* Networks and results of one name, as in the folders of a study's cells. */
static void test_names(void) {
  shell_must(
      "mkdir -p c/cdvm.x.seed0 c/plain.x.seed0\n"
      "for r in cdvm plain; do cp net1.plan.xml c/$r.x.seed0/plan.xml || exit 1; done\n"
      "cp gain.safetensors other.safetensors\n"
      "$GRAPHRUN eval c/cdvm.x.seed0/plan.xml --weights=gain.safetensors --data=hand "
      "--visualize=attention --beside=c/plain.x.seed0/plan.xml "
      "--beside-weights=gain.safetensors --pictures=n1 >out\n"
      "$GRAPHRUN eval " NET " --visualize=attention --beside=net1.plan.xml "
      "--beside-weights=other.safetensors --pictures=n2 >out\n"
      "for r in cdvm plain; do\n"
      "  $GRAPHRUN eval " NET " --roc --out=c/$r.x.seed0/T.json >out || exit 1\n"
      "done\n"
      "$GRAPHRUN eval --visualize=roc c/cdvm.x.seed0/T.json c/plain.x.seed0/T.json "
      "--pictures=n3 >out\n"
      "mkdir -p c/a c/b\ncp c/plain.x.seed0/T.json c/a/\n"
      "cp c/plain.x.seed0/T.json c/b/\ncp c/a/T.json c/b/U.json\n"
      "$GRAPHRUN eval --visualize=roc c/a/T.json c/b/T.json c/b/U.json --pictures=n4 >out\n");
  static const struct {
    const char *file, *names[3];
  } cases[] = {{"n1/attention.svg", {">cdvm.x.seed0<", ">plain.x.seed0<"}},
               {"n2/attention.svg", {">gain.safetensors<", ">other.safetens"}},
               {"n3/roc-hand.svg", {", cdvm.x.seed0<", ", plain.x.seed0<"}},
               {"n4/roc-hand.svg", {", a/T.json<", ", b/T.json<", ", b/U.json<"}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *picture = text_of(cases[i].file);
    for (int k = 0; k < 3 && cases[i].names[k]; k++) {
      if (!strstr(picture, cases[i].names[k]))
        printf("\n%s: no %s", cases[i].file, cases[i].names[k]);
      CU_ASSERT_PTR_NOT_NULL(strstr(picture, cases[i].names[k]));
    }
    free(picture);
  }
}

static const uint8_t *pixel(const Image *image, int64_t y) {
  return image->rgb + (y * image->width + image->width / 2) * 3;
}

/* The lower half of 7's query is black: there the map is 0, and the image alone dark blue; above it
 * is the largest of the row, red.  Its middle is between them. */
static void test_map(void) {
  char error[IMAGE_ERROR_MAX];
  Image image, map;
  shell_must("grep -o 'base64,[^\"]*' x/attention.svg | cut -c8- >all; "
             "sed -n 3p all | base64 -d >7.png && sed -n 4p all | base64 -d >map.png");
  CU_ASSERT_EQUAL_FATAL(image_read(support_path("7.png"), &image, error), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(image_read(support_path("map.png"), &map, error), STATUS_OK);
  CU_ASSERT_EQUAL(image.height, 256);
  CU_ASSERT_EQUAL(image.width, 128); /* of 16 x 8 */
  CU_ASSERT_EQUAL(map.width, 128);
  CU_ASSERT(pixel(&image, 60)[0] > 190 && pixel(&image, 60)[2] < 10);
  CU_ASSERT(pixel(&image, 200)[0] < 10);
  const uint8_t *above = pixel(&map, 60), *below = pixel(&map, 200);
  CU_ASSERT_EQUAL(above[0], (int)((200 / 255.0 * 0.5 + 0.56585921 * 0.5) * 255 + 0.5));
  CU_ASSERT(above[1] < 8 && above[2] < 8);
  CU_ASSERT_EQUAL(below[0], (int)(0.13572138 * 0.5 * 255 + 0.5));
  CU_ASSERT_EQUAL(below[2], (int)(0.10667330 * 0.5 * 255 + 0.5));
  CU_ASSERT(pixel(&map, 127)[1] > 60); /* the middle of the scale is green */
  free(image.rgb);
  free(map.rgb);
}

/* ---- results ---- */

static void test_results(void) {
  shell_must(
      "for v in 1 2 8; do $GRAPHRUN eval net$v.plan.xml --weights=gain.safetensors --data=hand "
      "--roc --out=$v.json >out || exit 1; done; cp 2.json again.json");
  shell_must("$GRAPHRUN eval --visualize=sweep:V,roc 8.json 1.json 2.json again.json --pictures=s "
             ">out && xmllint --noout s/sweep-hand.svg s/roc-hand.svg");
  char *table = text_of("s/sweep.csv"), *curve = text_of("s/roc-hand.svg");
  CU_ASSERT_STRING_EQUAL(table, "domain,V,map,rank1\nhand,1,0.541667,0.500000\n"
                                "hand,2,0.541667,0.500000\nhand,2,0.541667,0.500000\n"
                                "hand,8,0.541667,0.500000\n");
  CU_ASSERT_PTR_NOT_NULL(strstr(curve, ">area 0.4583, 8.json<"));
  free(table);
  free(curve);
  char *picture = text_of("s/sweep-hand.svg");
  CU_ASSERT_EQUAL(count(picture, "<circle"), 6); /* two lines of three points */
  CU_ASSERT_PTR_NOT_NULL(strstr(picture, ">hand over V<"));
  free(picture);
}

/* ---- messages ---- */

static void refused(int code, const char *says, const char *arguments) {
  Shell s = shell("$GRAPHRUN eval %s --pictures=none", arguments);
  const char *const parts[] = {says, "hint: ", NULL};
  CU_ASSERT(shell_says(arguments, s, code, 1, parts));
}

static void test_refusals(void) {
  refused(2, "there is no picture 'tsn'", NET " --visualize=tsn");
  refused(2, "there is no picture ''", NET " --visualize=");
  refused(2, "there is no picture ''", NET " --visualize=tsne,");
  refused(2, "there is no picture 'tsne:V'", NET " --visualize=tsne:V");
  refused(2, "sweep needs the parameter", "--visualize=sweep 1.json");
  refused(2, "none is named", "--visualize=roc");
  refused(2, "the others from a network", "--visualize=roc,tsne 1.json");
  refused(2, "sweep need neither", "--visualize=roc 1.json --data=hand");
  refused(2, "sweep need neither", "--visualize=roc 1.json --features=f.safetensors");
  refused(2, "features rank lists alone are drawn", "--visualize=tsne --features=f.safetensors");
  refused(2, "is of an evaluation", NET " --visualize=tsne --out=t.json");
  refused(2, "is of an evaluation", NET " --visualize=attention --rerank");
  refused(2, "is of an evaluation", "--visualize=roc 1.json --cmc=3");
  refused(2, "written as JSON", NET " --out=t.html");
  refused(2, "--visualize names none", NET " --shown=3");
  refused(2, "--visualize names none", NET);
  refused(2, "by tsne and attention alone",
          NET " --visualize=ranks --beside=net2.plan.xml --beside-weights=gain.safetensors");
  refused(1, "places 4 to 50000 images, not 3", NET " --visualize=tsne --shown=3");
  refused(2, "several operands",
          "net1.plan.xml net2.plan.xml --weights=gain.safetensors --data=hand");
  refused(2, "a plan and its weights", NET " --visualize=tsne --beside=net2.plan.xml");
  refused(2, "they have no attention", "--baseline=color --data=hand --visualize=attention");
  refused(2, "--data is missing", "--baseline=color --visualize=tsne");
  refused(2, "no plan is named", "--data=hand --visualize=tsne");
  refused(2, "--weights is missing", "net1.plan.xml --data=hand --visualize=tsne");
  refused(1, "of kind extract with the output 'attention'",
          "plain.plan.xml --weights=gain.safetensors --data=hand --visualize=attention");
  refused(1, "no parameter 'W'", "--visualize=sweep:W 1.json");
  refused(1, "is no result of an evaluation", "--visualize=roc out.json");
  refused(1, "missing.json", "--visualize=roc missing.json");
  refused(1, "has no domain 'other'", NET " --visualize=tsne --domain=other");
  Shell s = shell("echo x >file; $GRAPHRUN eval " NET " --visualize=ranks --pictures=file");
  const char *const parts[] = {"file: error: cannot make the folder", "--pictures=DIR", NULL};
  CU_ASSERT(shell_says("a file", s, 4, 1, parts));
  s = shell("$GRAPHRUN eval --baseline=color --data=hand --out=color.json >out && "
            "$GRAPHRUN eval --visualize=sweep:V color.json --pictures=none");
  const char *const color[] = {"color.json: error: does not say which parameters", NULL};
  CU_ASSERT(shell_says("colour", s, 1, 1, color));
  s = shell("$GRAPHRUN eval --visualize=roc color.json --pictures=none");
  const char *const curve[] = {"color.json: error: has no curve of domain 'hand'", "--roc", NULL};
  CU_ASSERT(shell_says("no curve", s, 1, 1, curve));
}

int main(void) {
  static const SupportTest tests[] = {{"a network and images", make_network},
                                      {"rank lists", test_ranks},
                                      {"of features", test_features},
                                      {"t-SNE", test_tsne},
                                      {"attention", test_attention},
                                      {"names", test_names},
                                      {"a map", test_map},
                                      {"results", test_results},
                                      {"refusals", test_refusals}};
  support_write("out.json", "{}");
  return support_run("visualize", tests, sizeof tests / sizeof *tests);
}
