/* The paper's protocols over a description file: what is trained on and tested of small sets in
 * their original layouts, by check-data, train and eval. */
#include "runtime/data/dataset.h"
#include "tests/runtime/data/original_sets.h"
#include "tests/shell.h"

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool prints(const char *what, Shell s, const char *const *parts) {
  bool ok = s.code == 0;
  for (; ok && *parts; parts++) ok = strstr(s.out, *parts) != NULL;
  if (!ok)
    printf("\n%s: exit %d, without '%s'\n%s%s\n", what, s.code, *parts ? *parts : "", s.out, s.err);
  shell_free(&s);
  return ok;
}

static void put(const char *format, int a, int b, int color) {
  char name[128];
  snprintf(name, sizeof name, format, a, b);
  original_picture(name, color);
}

static void refused(int code, const char *message, const char *hint, const char *command) {
  Shell s = shell("%s", command);
  CU_ASSERT(shell_says(command, s, code, 1, PARTS(message, hint)));
}

/* Every set of the paper: 3 people for training, 2 for tests, 2 cameras. */
static void make_sets(void) {
  FILE *lists[4];
  mkdir(support_path("msmt"), 0777);
  static const char *const names[] = {"train", "val", "query", "gallery"};
  for (int pid = 1; pid <= 3; pid++)
    for (int c = 1; c <= 2; c++) {
      put("market/bounding_box_train/%04d_c%ds1_000001_00.bmp", pid, c, 0x102030 * pid);
      put("np/labeled/bounding_box_train/%04d_c%d_1.bmp", pid, c, 0x102030 * pid);
      put("sysu/cropped_images/p%d_s%d_1.bmp", pid, c, 0x302010 * pid);
      put("c2/P1/cam%2$d/%1$03d_1.bmp", pid, c, 0x203010 * pid);
    }
  for (int pid = 5; pid <= 6; pid++) {
    put("market/query/%04d_c%ds1_000001_00.bmp", pid, 1, 0x102030 * pid);
    put("market/bounding_box_test/%04d_c%ds1_000001_00.bmp", pid, 2, 0x102030 * pid);
    put("np/labeled/query/%04d_c%d_1.bmp", pid, 1, 0x102030 * pid);
    put("np/labeled/bounding_box_test/%04d_c%d_1.bmp", pid, 2, 0x102030 * pid);
  }
  original_picture("market/bounding_box_test/0000_c2s1_000001_00.bmp", 7);
  for (int i = 0; i < 4; i++) {
    char name[64];
    snprintf(name, sizeof name, "msmt/list_%s.txt", names[i]);
    lists[i] = fopen(support_path(name), "w");
    if (!lists[i]) exit(1);
  }
  for (int pid = 0; pid < 3; pid++)
    for (int c = 1; c <= 2; c++) {
      put("msmt/mask_train_v2/%1$04d/%1$04d_000_%2$02d_0303morning_0001_0.bmp", pid, c, 99 * pid);
      fprintf(lists[0], "%04d/%04d_000_%02d_0303morning_0001_0.bmp %d\n", pid, pid, c, pid);
      put("msmt/mask_test_v2/%1$04d/%1$04d_000_%2$02d_0303morning_0001_0.bmp", pid, c, 99 * pid);
      fprintf(lists[c + 1], "%04d/%04d_000_%02d_0303morning_0001_0.bmp %d\n", pid, pid, c, pid);
    }
  original_picture("msmt/mask_train_v2/0000/0000_001_03_0303morning_0002_0.bmp", 3);
  fputs("0000/0000_001_03_0303morning_0002_0.bmp 0\n", lists[1]);
  for (int i = 0; i < 4; i++) fclose(lists[i]);
  for (int pid = 1; pid <= 4; pid++) {
    put("viper/cam_a/%03d_%d.bmp", pid, 0, 0x102030 * pid);
    put("viper/cam_b/%03d_%d.bmp", pid, 90, 0x102030 * pid);
    put("prid/single_shot/cam_a/person_%04d%.0d.bmp", pid, 0, 0x102030 * pid);
    put("prid/single_shot/cam_b/person_%04d%.0d.bmp", pid, 0, 0x102030 * pid);
    put("grid/probe/%04d_%d_25004_107_32_106_221.bmp", pid, 1, 0x102030 * pid);
    put("grid/gallery/%04d_%d_25004_107_32_106_221.bmp", pid, 2, 0x102030 * pid);
    put("ilids/Persons/%04d%03d.bmp", pid, 1, 0x102030 * pid);
    put("ilids/Persons/%04d%03d.bmp", pid, 2, 0x102030 * pid);
  }
  original_picture("prid/single_shot/cam_b/person_0201.bmp", 5);
  original_picture("grid/gallery/0000_3_25004_107_32_106_221.bmp", 6);
  support_write("all.domains", "# every set once\n"
                               "market   market   market\n"
                               "ms       msmt17   msmt\n"
                               "cuhk03   cuhk03np np\n"
                               "sysu     cuhksysu sysu\n"
                               "c2       cuhk02   c2\n"
                               "prid     prid     prid\n"
                               "grid     grid     grid\n"
                               "viper    viper    viper\n"
                               "ilids    ilids    ilids\n");
}

/* ---- what is read ---- */

static void check_data(void) {
  CU_ASSERT(
      prints("1", shell("\"$GRAPHRUN\" check-data all.domains --protocol=1"),
             PARTS("protocol 1 trains on all images of\n",
                   "market           5        10        2            10 (5)", "protocol 1 tests\n",
                   "prid: mean of 10 random splits, split:prid:10:0: 2 queries, 3 in the "
                   "gallery of the first\n",
                   "ilids: mean of 10 random splits, split:ilids:10:0: 2 queries")));
  CU_ASSERT(
      prints("2", shell("\"$GRAPHRUN\" check-data all.domains --protocol=2"),
             PARTS("protocol 2:cuhk03 trains on the training images of", "protocol 2:cuhk03 tests",
                   "protocol 2:msmt17 trains", "ms: its own queries and gallery: ",
                   "protocol 2:market trains on the training images of", "\nsysu  ")));
}

static bool defines(const char *protocol, const char *expected) {
  Shell s = shell("\"$GRAPHRUN\" check-data all.domains --defines --protocol=%s", protocol);
  bool ok = s.code == 0 && strcmp(s.out, expected) == 0;
  if (!ok) printf("\n%s: exit %d\n%s%s", protocol, s.code, s.out, s.err);
  shell_free(&s);
  return ok;
}

/* Training images alone, or all, without validation or with it, never those of nobody. */
static void sources(void) {
  CU_ASSERT(defines("1", "domains=market cuhk03 sysu c2\nids=5 5 3 3\n"));
  CU_ASSERT(defines("2:cuhk03", "domains=market ms sysu\nids=3 3 3\n"));
  CU_ASSERT(defines("2:C3", "domains=market ms sysu\nids=3 3 3\n"));
  CU_ASSERT(defines("2:msmt17", "domains=market cuhk03 sysu\nids=3 3 3\n"));
  CU_ASSERT(defines("2:market", "domains=ms cuhk03 sysu\nids=3 3 3\n"));
  CU_ASSERT(defines("3:cuhk03", "domains=market ms sysu\nids=5 6 3\n"));
  CU_ASSERT(defines("3:cuhk03np", "domains=market ms sysu\nids=5 6 3\n"));
  CU_ASSERT(defines("3:MSMT17", "domains=market cuhk03 sysu\nids=5 5 3\n"));
  CU_ASSERT(defines("3:m", "domains=ms cuhk03 sysu\nids=6 5 3\n"));
}

/* Images of the domain `d` of a line, for training and in all; whether no more is there. */
static bool counts(const char *line, unsigned train, unsigned all) {
  DataSet *data = NULL;
  Status status = dataset_read(support_write("line.domains", line), NULL, &data);
  bool ok =
      status == STATUS_OK && data->domains[0].n_train == train && data->domains[0].n_images == all;
  if (!ok && data)
    printf("\n%s: %u of %u\n", line, data->domains[0].n_train, data->domains[0].n_images);
  dataset_destroy(data);
  return ok;
}

/* Validation and boxes as a line says. */
static void choices(void) {
  CU_ASSERT(counts("d msmt17 msmt\n", 6, 12));
  CU_ASSERT(counts("d msmt17 msmt val=train\n", 7, 13));
  CU_ASSERT(counts("d msmt17 msmt val=unused\n", 6, 12));
  CU_ASSERT(counts("d msmt17 msmt split=all\n", 13, 13));
  CU_ASSERT(counts("d msmt17 msmt split=all val=unused\n", 12, 12));
  CU_ASSERT(counts("d cuhk03np np\n", 6, 10));
  original_picture("np/detected/bounding_box_train/0001_c1_1.bmp", 1);
  CU_ASSERT(counts("d cuhk03np np\n", 6, 10));
  CU_ASSERT(counts("d cuhk03np np boxes=labeled\n", 6, 10));
  CU_ASSERT(counts("d cuhk03np np boxes=detected\n", 1, 1));
  CU_ASSERT(counts("d cuhk03np np/detected\n", 1, 1));
}

/* ---- training and evaluation ---- */

static const char model[] =
    "<model name='tiny' xmlns='urn:graphc:model:1'>\n"
    "  <program name='step' kind='train'>\n"
    "    <input name='images' shape='3 2 8 4 3'/>\n"
    "    <parameter name='scale' shape='3' value='1'/>\n"
    "    <mean name='color' in='images' axes='0 1 2 3'/>\n"
    "    <expr name='loss' value='mean(square(color * scale))'/>\n"
    "    <gradient name='G' of='loss'/>\n"
    "    <commit field='theta' value='theta - 0.01 * G'/>\n"
    "    <output value='loss'/>\n"
    "  </program>\n"
    "  <program name='evaluate' kind='evaluate'>\n"
    "    <input name='images' shape='2 8 4 3'/>\n"
    "    <parameter name='scale' shape='3' value='1'/>\n"
    "    <mean name='color' in='images' axes='1 2'/>\n"
    "    <expr name='ynorm' value='color * scale'/>\n"
    "    <output value='ynorm'/>\n"
    "  </program>\n"
    "  <training domains='market ms sysu' ids='%s' steps='2' warmup-steps='0'/>\n"
    "  <sampler kind='identity' batch-ids='2' batch-images='1'/>\n"
    "  <augment height='8' width='4'/>\n"
    "</model>\n";

static void compile(const char *ids) {
  char text[2048];
  snprintf(text, sizeof text, model, ids);
  support_write("tiny.xml", text);
  shell_must("\"$GRAPHC\" tiny.xml");
}

#define TRAIN "rm -rf run && \"$GRAPHRUN\" train tiny.plan.xml --data=all.domains --out=run "
#define EVAL                                                                                       \
  "\"$GRAPHRUN\" eval tiny.plan.xml --weights=run/checkpoint.safetensors --data=all.domains "

/* The plan's domains tell the arm: CUHK03 is tested, though the option does not say so. */
static void runs(void) {
  compile("3 3 3");
  CU_ASSERT(prints("train", shell(TRAIN "--protocol=2 --eval-every=1 2>&1; cat run/config.defs"),
                   PARTS("cuhk03", "--protocol=2")));
  CU_ASSERT(prints(
      "eval", shell(EVAL "--protocol=2"),
      PARTS("protocol  the paper's 2", "domain    cuhk03: 2 identities", "mAP       100.00 %")));
  Shell s = shell(EVAL "--protocol=2 | grep -c '^domain '");
  CU_ASSERT_STRING_EQUAL(s.out, "1\n");
  shell_free(&s);
  CU_ASSERT(prints("all four", shell(EVAL "--protocol=1"),
                   PARTS("domain    prid", "domain    grid", "domain    viper", "domain    ilids",
                         "average   of 4 sets: mAP ")));
  compile("5 6 3");
  CU_ASSERT(
      prints("train on all", shell(TRAIN "--protocol=3 --quiet && echo done"), PARTS("done")));
}

#define EXTRACT "\"$GRAPHRUN\" extract tiny.plan.xml --weights=run/checkpoint.safetensors --data="

/* Features of all sets are evaluated by any of the protocols, as the images are: the same file, the
 * same figures. */
static void from_features(void) {
  compile("3 3 3");
  support_write("viper.txt", "1 2\n3 4\n");
  shell_must("sed 's/ viper$/& splits=viper.txt/' all.domains >lists.domains\n"
             "grep -q splits lists.domains");
  shell_must(TRAIN "--protocol=2 --quiet");
  shell_must(EXTRACT "all.domains -o all.safetensors >/dev/null\n" EXTRACT
                     "lists.domains -o lists.safetensors >/dev/null");
  shell_must("figures() {\n"
             "  \"$GRAPHRUN\" eval \"$@\" >out; grep -v '^data' out\n"
             "}\n"
             "for p in 1:7 1:grid 2 2:market 3:msmt17 market; do for set in all lists; do\n"
             "  if test $set.$p = lists.1:7 || test $set.$p = lists.2 || test $set = all; then\n"
             "    figures tiny.plan.xml --weights=run/checkpoint.safetensors --data=$set.domains "
             "--protocol=$p -o images.json >images\n"
             "    figures --features=$set.safetensors --protocol=$p -o features.json >features\n"
             "    cmp images features; cmp images.json features.json; cp images $set.$p\n"
             "  fi\n"
             "done; done\n"
             "cmp all.2 lists.2; test $(grep -c ^domain all.1:7) = 4; ! cmp -s all.1:7 lists.1:7");
#define FEATURES "\"$GRAPHRUN\" eval --features="
  refused(1, "all.safetensors: error: protocol 2 does not test 'market'", "",
          FEATURES "all.safetensors --protocol=2 --domain=market");
  shell_must(EXTRACT "all.domains --domain=cuhk03 -o one.safetensors");
  CU_ASSERT(prints("one set", shell(FEATURES "one.safetensors --protocol=2:cuhk03"),
                   PARTS("protocol  the paper's 2:cuhk03", "domain    cuhk03")));
  refused(1,
          "one.safetensors: error: the domains that the network was trained on (market ms sysu) "
          "are not, of those in the file, what protocol 2 trains on",
          "hint: --protocol=2:cuhk03, ", FEATURES "one.safetensors --protocol=2");
  refused(1, "one.safetensors: error: protocol 1 needs GRID, which no domain is",
          "hint: graphrun extract of a .domains file with a line grid grid PATH",
          FEATURES "one.safetensors --protocol=1:grid");
}

static double printed_number(const Shell *s) {
  char *end;
  double value = strtod(s->out, &end);
  CU_ASSERT(end > s->out && strcmp(end, "\n") == 0);
  return value;
}

/* The mean over the sets is of what `eval` prints of each by itself, with the same splits. */
static void average(void) {
  double map[4], mean = 0, printed = -1;
  static const char *const sets[] = {"prid", "grid", "viper", "ilids"};
  for (int i = 0; i < 4; i++) {
    Shell s = shell("\"$GRAPHRUN\" eval --baseline=color --data=all.domains --domain=%s "
                    "--protocol=split:%s:10:7 | sed -n 's/^mAP *\\([0-9.]*\\).*/\\1/p'",
                    sets[i], sets[i]);
    map[i] = printed_number(&s);
    mean += map[i] / 4;
    shell_free(&s);
  }
  Shell s = shell("\"$GRAPHRUN\" eval --baseline=color --data=all.domains --protocol=1:7 | "
                  "sed -n 's/^average.*mAP \\([0-9.]*\\).*/\\1/p'");
  printed = printed_number(&s);
  shell_free(&s);
  CU_ASSERT(mean > 1 && printed > mean - 0.011 && printed < mean + 0.011);
  CU_ASSERT(prints("one",
                   shell("\"$GRAPHRUN\" eval --baseline=color --data=all.domains "
                         "--protocol=1:grid:7 | grep -c '^domain '"),
                   PARTS("1\n")));
}

/* ---- splits of others ---- */

/* A file that does not fit is told by all who read it, before anything is done. */
static void splits_of_others(void) {
  support_write("viper.txt", "1 2\n3 4\n1 3\n");
  support_write("wrong.txt", "1 2\n3 9\n");
  shell_must("sed 's/^viper.*/& splits=viper.txt/' all.domains >own.domains\n"
             "sed 's/^ilids.*/& splits=wrong.txt/' all.domains >wrong.domains\n");
  CU_ASSERT(prints("check", shell("\"$GRAPHRUN\" check-data own.domains --protocol=1"),
                   PARTS("viper: mean of the 3 splits of ",
                         "viper.txt: 2 queries, 2 in the gallery "
                         "of the first\n",
                         "split:grid:10:0")));
  CU_ASSERT(prints("eval",
                   shell("\"$GRAPHRUN\" eval --baseline=color --data=own.domains --protocol=1"),
                   PARTS("the paper's 1; viper: mean of the splits of ",
                         "viper.txt; small sets: means of 10 random splits, seed 0\n")));
#define WRONG "wrong.txt:2: error: domain 'ilids' has no identity '9'"
  refused(1, WRONG, "", "\"$GRAPHRUN\" check-data wrong.domains --protocol=1");
  Shell s = shell("\"$GRAPHRUN\" eval --baseline=color --data=wrong.domains --protocol=1");
  CU_ASSERT_PTR_NULL(strstr(s.out, "domain "));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, WRONG));
  shell_free(&s);
  refused(2,
          "--protocol: error: one of the paper's, 1, 2 or 3, can be checked, not 'list:viper.txt'",
          "hint: splits=FILE behind the set's path",
          "\"$GRAPHRUN\" check-data all.domains --protocol=list:viper.txt");
}

/* ---- pictures ---- */

/* t-SNE of what a protocol trains on and tests; a set that is in neither need not be there. */
static void pictures(void) {
  shell_must("sed 's/^ilids .*/ilids ilids gone/; s/^prid .*/prid prid gone/' all.domains "
             ">some.domains\n"
             "\"$GRAPHRUN\" eval --baseline=color --data=some.domains --protocol=2:cuhk03 "
             "--visualize=tsne --shown=3 --pictures=pictures >out\n"
             "cut -d, -f2 pictures/tsne.csv | sort -u | tr '\\n' ' ' >sets\n"
             "test \"$(cat sets)\" = 'cuhk03 domain market ms sysu ' || { cat sets; exit 1; }");
}

/* ---- mistakes ---- */

static void mistakes(void) {
#define CHECK "\"$GRAPHRUN\" check-data all.domains --defines --protocol="
  refused(2, "--protocol: error: the paper has no protocol '4'", "hint: 1, 2 or 3", CHECK "4");
  refused(2, "the paper has no protocol 'market'", "hint: 1, 2 or 3", CHECK "market");
  refused(2, "there is no set 'markt'", "hint: it tests market msmt17 cuhk03", CHECK "2:markt");
  refused(2, "the protocol does not test CUHK02", "hint: it tests", CHECK "3:cuhk02");
  refused(2, "'prid' is one word too many", "", CHECK "1:grid:prid");
  refused(2, "'7x' is no seed", "", CHECK "1:7x");
  refused(2, "protocol 2 trains on other sets for each that is tested",
          "hint: --protocol=2:cuhk03, --protocol=2:msmt17, --protocol=2:market", CHECK "2");
  refused(1, "market: error: the paper's protocol 1 needs a file that names the sets",
          "hint: DATA is a .domains file", "\"$GRAPHRUN\" check-data market --protocol=1");
  support_write("few.domains", "market market market\nms msmt17 msmt\n");
  refused(1, "few.domains: error: protocol 2:cuhk03 needs CUHK-SYSU, which no line names",
          "hint: add a line: cuhksysu cuhksysu PATH",
          "\"$GRAPHRUN\" check-data few.domains --defines --protocol=2:cuhk03");
  support_write("two.domains", "a market market\nb market market\nms msmt17 msmt\n"
                               "sysu cuhksysu sysu\n");
  refused(1,
          "two.domains:2: error: protocol 2:cuhk03 needs Market-1501, and 'a' and 'b' are of its "
          "layout",
          "hint: NAME the one that is meant market",
          "\"$GRAPHRUN\" check-data two.domains --defines --protocol=2:cuhk03");
  support_write("all2.domains", "market market market split=all\nms msmt17 msmt\n"
                                "sysu cuhksysu sysu\n");
  Shell s = shell("\"$GRAPHRUN\" check-data all2.domains --defines --protocol=2:cuhk03");
  CU_ASSERT(shell_says("split=all", s, 0, 0,
                       PARTS("all2.domains:1: warning: split=all is not used: protocol 2:cuhk03 "
                             "trains on the training images")));
  compile("3 3 3");
  shell_must("sed s/^ms/other/ all.domains > other.domains");
  refused(1,
          "other.domains: error: the plan's domains (market ms sysu) are not those that protocol 2 "
          "trains on",
          "hint: --protocol=2:cuhk03, --protocol=2:msmt17, --protocol=2:market says it; graphrun "
          "check-data other.domains --protocol=... --defines prints an arm's domains",
          "\"$GRAPHRUN\" train tiny.plan.xml --data=other.domains --protocol=2 --out=other");
  refused(1, "domain 'ms'", "",
          "\"$GRAPHRUN\" train tiny.plan.xml --data=all.domains --protocol=1 --out=other");
}

int main(void) {
  static const SupportTest tests[] = {
      {"check-data", check_data},
      {"sources", sources},
      {"choices", choices},
      {"train and eval", runs},
      {"from features", from_features},
      {"average", average},
      {"splits of others", splits_of_others},
      {"pictures", pictures},
      {"mistakes", mistakes},
  };
  make_sets();
  return support_run("paper", tests, sizeof tests / sizeof *tests);
}
