/* `train --init` from files of other classifiers and with other names, and what eval and exec ask
 * of theirs. */
#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

/* The classifier has 7 classes; program `features` does not read it. */
static void compile(void) {
  static bool done;
  if (done) return;
  done = true;
  support_write("t.xml",
                "<model name='t' xmlns='urn:graphc:model:1'>"
                "<program name='step' kind='train'><state name='n'/><random name='r' shape='4 3'/>"
                "<scope name='trunk'><parameter name='weight' shape='2 3' value='0.5' "
                "external='conv1.weight'/><state name='mean' shape='2' "
                "external='bn1.running_mean'/><linear name='y' in='/r' weight='weight'/></scope>"
                "<scope name='head'><parameter name='weight' shape='7 2' value='0.25' "
                "external='classifier.weight'/><parameter name='bias' shape='7' "
                "external='classifier.bias'/>"
                "<linear name='z' in='trunk/y' weight='weight' bias='bias'/></scope>"
                "<expr name='loss' value='sum({head/z}) + sum({trunk/mean})'/>"
                "<commit state='n' value='n + loss'/><output value='loss'/></program>"
                "<program name='features'><input name='x' shape='4 3'/><scope name='trunk'>"
                "<parameter name='weight' shape='2 3' value='0.5' external='conv1.weight'/>"
                "<linear name='y' in='/x' weight='weight'/></scope>"
                "<output name='f' value='trunk/y'/></program>"
                "<training steps='1' warmup-steps='0'/></model>");
  Shell s = shell("$GRAPHC t.xml");
  if (s.code) puts(s.err);
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  shell_free(&s);
}

/* A file of trunk and classifier under these names; element i is i + 1. NULL ends the list. */
typedef struct Named {
  const char *name;
  int64_t rows, columns; /* columns 0: a vector */
} Named;

static void write_names(const char *path, const Named *names) {
  static float values[2000];
  SaveTensor tensors[8];
  uint32_t n = 0;
  for (int i = 0; i < 2000; i++) values[i] = (float)(i + 1);
  for (; names[n].name; n++)
    tensors[n] =
        (SaveTensor){names[n].name,
                     DTYPE_F32,
                     {.rank = names[n].columns ? 2 : 1, .dim = {names[n].rows, names[n].columns}},
                     values};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path(path), tensors, n, NULL, 0, false, NULL),
                        STATUS_OK);
}

static const Named whole[] = {{"conv1.weight", 2, 3},
                              {"bn1.running_mean", 2, 0},
                              {"classifier.weight", 7, 2},
                              {"classifier.bias", 7, 0},
                              {NULL, 0, 0}};

/* Trains from f.st: exit code, messages and what is printed. */
static Shell train(const char *options) {
  compile();
  return shell("rm -rf o; $GRAPHRUN train t.plan.xml --out=o --init=f.st %s", options);
}

static double element(const char *name, int64_t i) {
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("o/checkpoint.safetensors"), NULL, &file),
                        STATUS_OK);
  double value = file_tensor_get(safe_find(file, name), i);
  safe_close(file);
  return value;
}

/* Done, with these parts in what was printed. */
static void accepted(const char *options, const char *out, const char *err) {
  Shell s = train(options);
  bool ok = s.code == 0 && strstr(s.out, out) && strstr(s.err, err);
  if (!ok) printf("\n%s: exit %d\n%s%s", options, s.code, s.out, s.err);
  CU_ASSERT(ok);
  shell_free(&s);
}

static void refused(const char *options, Status status, const char *first, const char *second) {
  CU_ASSERT_TRUE(
      shell_says(options, train(options), (int)status, 1, (const char *[]){first, second, NULL}));
}

/* ---- names ---- */

static void test_prefix(void) {
  static const Named module[] = {{"module.conv1.weight", 2, 3},
                                 {"module.bn1.running_mean", 2, 0},
                                 {"module.classifier.weight", 7, 2},
                                 {"module.classifier.bias", 7, 0},
                                 {NULL, 0, 0}};
  write_names("f.st", module);
  refused("", STATUS_INVALID,
          "f.st: error: has no parameter of a name that the model knows: it has "
          "'module.bn1.running_mean', 'module.classifier.bias', 'module.classifier.weight' and 1 "
          "more; the model has 'trunk/weight' (or 'conv1.weight'), ",
          "hint: all its names begin with 'module.': --init-prefix=module. takes them without it");
  accepted("--init-prefix=module.",
           "start from f.st: 0 states by their own names, 4 from pretrained tensors, 1 keep their "
           "initialiser\n  not in the file: n\n",
           "");
  CU_ASSERT_EQUAL(element("head/weight", 13), 14);
  CU_ASSERT_EQUAL(element("trunk/weight", 5), 6);
  refused("--init-prefix=modul", STATUS_INVALID, "has no parameter of a name that the model knows",
          "--init-prefix=module.");
  refused("--init-prefix=x.", STATUS_INVALID,
          "--init-prefix: error: no name in f.st begins with 'x.'",
          "hint: its first name is 'module.bn1.running_mean'");
}

/* Two levels, own names below them, and names that have none. */
static void test_deep_prefix(void) {
  static const Named deep[] = {{"model/net.trunk/weight", 2, 3},
                               {"model/net.head/bias", 7, 0},
                               {"optimizer.step", 1, 0},
                               {NULL, 0, 0}};
  write_names("f.st", deep);
  refused("", STATUS_INVALID, "has no parameter of a name that the model knows",
          "hint: 2 of its names are known without 'model/net.': --init-prefix=model/net. takes");
  accepted("--init-prefix=model/net.", "2 states by their own names, 0 from pretrained", "");
  CU_ASSERT_EQUAL(element("head/bias", 6), 7);
}

/* One name meets by chance: the others are not forgotten in silence. */
static void test_mixed_prefix(void) {
  static const Named mixed[] = {{"classifier.bias", 7, 0},
                                {"backbone.conv1.weight", 2, 3},
                                {"backbone.bn1.running_mean", 2, 0},
                                {NULL, 0, 0}};
  write_names("f.st", mixed);
  accepted("", "  not in the model: backbone.bn1.running_mean, backbone.conv1.weight\n",
           "f.st: warning: 2 of its names are known without 'backbone.': --init-prefix=backbone. ");
  CU_ASSERT_EQUAL(element("trunk/weight", 5), 0.5);
  accepted("--init-prefix=backbone.", "3 from pretrained tensors", "");
  CU_ASSERT_EQUAL(element("head/bias", 6), 7);
  CU_ASSERT_EQUAL(element("trunk/weight", 5), 6);
}

static void test_prefix_collides(void) {
  static const Named both[] = {{"module.conv1.weight", 2, 3}, {"conv1.weight", 2, 3}, {NULL, 0, 0}};
  write_names("f.st", both);
  refused("--init-prefix=module.", STATUS_INVALID,
          "f.st: tensor module.conv1.weight: error: without 'module.' it is 'conv1.weight', which "
          "the file has as well",
          "hint: ");
}

static void test_strangers(void) {
  static const Named stranger[] = {{"foo", 2, 3}, {NULL, 0, 0}};
  static const Named nothing[] = {{NULL, 0, 0}};
  write_names("f.st", stranger);
  refused("", STATUS_INVALID, "it has 'foo'; the model has 'trunk/weight' (or 'conv1.weight')",
          "hint: names are the model's own or those it declares as `external`");
  write_names("f.st", nothing);
  refused("", STATUS_INVALID, "it has nothing; the model has 'trunk/weight'", "hint: names are");
}

/* ---- other sizes ---- */

static void test_other_classes(void) {
  static const Named other[] = {{"conv1.weight", 2, 3},
                                {"bn1.running_mean", 2, 0},
                                {"classifier.weight", 751, 2},
                                {"classifier.bias", 751, 0},
                                {NULL, 0, 0}};
  static const char *const ways[] = {"--init-skip='classifier.*'", "--init-skip='head/*'",
                                     "--init-skip=classifier.weight --init-skip=head/bias",
                                     "--init-skip='*class*' --init-skip='head*'"};
  write_names("f.st", other);
  refused(
      "", STATUS_INVALID,
      "f.st: tensor classifier.weight: error: has the shape (751, 2), the plan wants (7, 2) for "
      "'head/weight'; 1 other tensor does not fit either\n",
      "hint: for other people or sizes, --init-skip='classifier.*' leaves out what does not fit; "
      "or compile with the -D that the file was made with\n");
  refused("--init-skip=classifier.weight", STATUS_INVALID,
          "f.st: tensor classifier.bias: error: has the shape (751), the plan wants (7)",
          "--init-skip='classifier.bias' leaves out");
  refused("--init-skip='head.*'", STATUS_INVALID,
          "--init-skip: warning: nothing that would be taken from f.st is named 'head.*'\n",
          "f.st: tensor classifier.weight: error: has the shape");
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    accepted(ways[i],
             "0 states by their own names, 2 from pretrained tensors, 3 keep their initialiser\n"
             "  not in the file: n\n  left out by --init-skip: head/weight, head/bias\n",
             "");
    CU_ASSERT_EQUAL(element("head/weight", 13), 0.25);
    CU_ASSERT_EQUAL(element("trunk/weight", 5), 6);
  }
}

/* A GLOB that would leave out what fits is not offered. */
static void test_offered_globs(void) {
  static const Named other[] = {
      {"trunk/weight", 2, 3}, {"head/weight", 9, 2}, {"head/bias", 7, 0}, {NULL, 0, 0}};
  static const Named two[] = {
      {"trunk/weight", 9, 3}, {"head/weight", 9, 2}, {"head/bias", 7, 0}, {NULL, 0, 0}};
  write_names("f.st", other);
  refused("", STATUS_INVALID, "tensor head/weight: error: ", "--init-skip='head/weight' leaves");
  write_names("f.st", two);
  refused("", STATUS_INVALID, "; 1 other tensor does not fit either",
          "sizes, --init-skip='trunk/weight' --init-skip='head/weight' leaves out");
}

static void test_skip_usage(void) {
  write_names("f.st", whole);
  accepted("--init-skip='n*thing'", "4 from pretrained tensors",
           "--init-skip: warning: nothing that would be taken from f.st is named 'n*thing'");
  Shell s = shell("$GRAPHRUN train t.plan.xml --out=o2 --init-skip=x");
  CU_ASSERT_TRUE(shell_says("no --init", s, STATUS_USAGE, 1,
                            (const char *[]){"--init-skip: error: ", "hint: --init=F", NULL}));
  s = shell("$GRAPHRUN train t.plan.xml --out=o2 --init-prefix=x");
  CU_ASSERT_TRUE(shell_says("no --init", s, STATUS_USAGE, 1,
                            (const char *[]){"--init-prefix: error: ", "hint: --init=F", NULL}));
  s = shell("$GRAPHRUN train t.plan.xml --out=o --init=f.st --resume");
  CU_ASSERT_TRUE(
      shell_says("--resume", s, STATUS_USAGE, 1, (const char *[]){"--init: error: ", NULL}));
}

/* ---- eval and exec ---- */

/* The classifier matters to the program that reads it only. */
static void test_weights_of_others(void) {
  static const Named other[] = {
      {"trunk/weight", 2, 3}, {"trunk/mean", 2, 0}, {"head/weight", 751, 2},
      {"head/bias", 751, 0},  {"n", 1, 0},          {NULL, 0, 0}};
  float x[12] = {1};
  SaveTensor feed = {"x", DTYPE_F32, {.rank = 2, .dim = {4, 3}}, x};
  compile();
  write_names("w.st", other);
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path("x.st"), &feed, 1, NULL, 0, false, NULL),
                        STATUS_OK);
  Shell s = shell("$GRAPHRUN exec t.plan.xml --program=features --weights=w.st --feed=x.st -o f");
  CU_ASSERT_TRUE(
      shell_says("not read", s, 0, 0,
                 (const char *[]){"w.st: tensor head/weight: warning: does not fit, nor do "
                                  "2 others: program 'features' does not read it, it "
                                  "keeps its initial value\n",
                                  NULL}));
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("f"), NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(file, "f"), 0), 1); /* trunk/weight of the file */
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(file, "head/weight"), 0), 0.25);
  safe_close(file);
  s = shell("$GRAPHRUN exec t.plan.xml --program=step --weights=w.st -o f");
  CU_ASSERT_TRUE(
      shell_says("read", s, STATUS_INVALID, 1,
                 (const char *[]){
                     "w.st: tensor head/weight: error: has the shape (751, 2), the plan wants (7, "
                     "2); 2 other tensors do not fit either",
                     "compile with the -D it was made with", NULL}));
}

static void test_weights_names(void) {
  compile();
  write_names("w.st", whole);
  Shell s = shell("$GRAPHRUN exec t.plan.xml --program=step --weights=w.st -o f");
  CU_ASSERT_TRUE(
      shell_says("external names", s, 0, 0,
                 (const char *[]){"w.st: warning: are pretrained weights: what program 'step' adds "
                                  "to them keeps its initial value: n\n",
                                  NULL}));
  static const Named stranger[] = {{"foo", 2, 3}, {NULL, 0, 0}};
  write_names("w.st", stranger);
  s = shell("$GRAPHRUN exec t.plan.xml --program=step --weights=w.st -o f");
  CU_ASSERT_TRUE(shell_says(
      "a stranger's names", s, STATUS_INVALID, 1,
      (const char *[]){"w.st: error: has no tensor of a name that the plan knows: it has 'foo'; "
                       "the model has 'trunk/weight' (or 'conv1.weight'), ",
                       "or a public checkpoint? `graphrun train --init=F`", NULL}));
}

int main(void) {
  static const SupportTest tests[] = {
      {"a prefix before all names", test_prefix},
      {"a deeper prefix, and others", test_deep_prefix},
      {"some names meet", test_mixed_prefix},
      {"a prefix that makes two names one", test_prefix_collides},
      {"names of nobody", test_strangers},
      {"another number of classes", test_other_classes},
      {"GLOBs that a hint offers", test_offered_globs},
      {"options that say nothing", test_skip_usage},
      {"eval and exec: what the program does not read", test_weights_of_others},
      {"eval and exec: names", test_weights_names},
  };
  return support_run("init", tests, sizeof tests / sizeof *tests);
}
