/* `--init` and `--weights` of PyTorch's checkpoints: the wrappers around names, what is reported of
 * each tensor, and a model of another form than the file. */
#include "runtime/execute/safetensors.h"
#include "tests/pth_write.h"
#include "tests/shell.h"

/* A network of two pretrained tensors, of which a local copy starts with noise, and a head. */
static void compile(void) {
  static bool done;
  if (done) return;
  done = true;
  support_write("t.xml",
                "<model name='t' xmlns='urn:graphc:model:1'>"
                "<program name='step' kind='train'><random name='r' shape='4 3'/>"
                "<parameter name='w' shape='2 3' value='0.5' external='conv1.weight'/>"
                "<parameter name='m' shape='2' value='0.5' external='bn1.weight'/>"
                "<parameter name='local' shape='2 3' external='conv1.weight' noise='0.5'/>"
                "<parameter name='head' shape='2' value='0.25'/>"
                "<linear name='y' in='r' weight='w'/><linear name='l' in='r' weight='local'/>"
                "<expr name='loss' value='sum((y + l) * m * head)'/>"
                "<gradient name='G' of='loss'/><state-field name='momentum'/>"
                "<commit field='momentum' value='momentum + G'/>"
                "<commit field='theta' value='theta - 0 * G'/><output value='loss'/></program>"
                "<program name='features'><input name='x' shape='4 3'/>"
                "<parameter name='w' shape='2 3' value='0.5' external='conv1.weight'/>"
                "<parameter name='head' shape='2' value='0.25'/>"
                "<linear name='y' in='x' weight='w'/><expr name='f' value='y * head'/>"
                "<output name='f' value='f'/></program>"
                "<training steps='1' warmup-steps='0'/></model>");
  float x[12] = {1};
  SaveTensor feed = {"x", DTYPE_F32, {.rank = 2, .dim = {4, 3}}, x};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path("x.st"), &feed, 1, NULL, 0, false, NULL),
                        STATUS_OK);
  shell_must("$GRAPHC t.xml");
}

static const float values[6] = {1, 2, 3, 4, 5, 6};
static const PthBlock block = {"0", "Float", 6, values, sizeof values};

static void add(Bytes *b, const char *prefix, const char *name, PthView view) {
  char text[128];
  snprintf(text, sizeof text, "%s%s", prefix, name);
  op_text(b, text);
  op_tensor(b, &block, view);
  op(b, 's');
}

/* f.pth: the weights under `key` with a prefix before their names. */
static void write_file(const char *key, const char *prefix, const char *norm, bool legacy) {
  Bytes b = {0};
  OPS(&b, "\x80\2}");
  op_text(&b, key);
  op_ordered_dict(&b);
  add(&b, prefix, "conv1.weight", (PthView){0, 2, {2, 3}, {3, 1}});
  add(&b, prefix, norm, (PthView){2, 1, {2}, {1}});
  add(&b, prefix, "bn1.num_batches_tracked", (PthView){0});
  add(&b, "", "pixel_mean", (PthView){0, 1, {3}, {1}});
  op(&b, 's');
  op_text(&b, "epoch");
  OPS(&b, "K\x5as");
  pth_write(support_path("f.pth"), &b, &block, 1, (PthForm){.legacy = legacy});
}

static void accepted(const char *what, Shell s, const char *out, const char *err) {
  bool ok = s.code == 0 && strstr(s.out, out) &&
            (*err ? strstr(s.err, err) != NULL : !strstr(s.err, "warning"));
  if (!ok) printf("\n%s: exit %d\n%s%s", what, s.code, s.out, s.err);
  CU_ASSERT(ok);
  shell_free(&s);
}

static double element(const char *path, const char *name, int64_t i) {
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path(path), NULL, &file), STATUS_OK);
  const FileTensor *t = safe_find(file, name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  double value = file_tensor_get(t, i);
  safe_close(file);
  return value;
}

static void test_wrappers(void) {
  static const struct {
    const char *key, *prefix;
    bool legacy;
    const char *said;
  } rows[] = {
      {"state_dict", "", true,
       "  read as: PyTorch, before 1.6, part 'state_dict'; not read: 'epoch'\n  not in the file: "
       "head\n  not in the model: pixel_mean, 1 num_batches_tracked\n"},
      {"model", "backbone.", false,
       "  read as: PyTorch, zip, part 'model'; not read: 'epoch'\n"
       "  names are known without 'backbone.'\n  not in the file: head\n"},
      {"state_dict", "module.backbone.", true, "  names are known without 'module.backbone.'\n"},
  };
  compile();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    write_file(rows[i].key, rows[i].prefix, "bn1.weight", rows[i].legacy);
    accepted("train", shell("rm -rf o; $GRAPHRUN train t.plan.xml --out=o --init=f.pth"),
             rows[i].said, "");
    CU_ASSERT_EQUAL(element("o/checkpoint.safetensors", "w", 5), 6);
    CU_ASSERT_EQUAL(element("o/checkpoint.safetensors", "m", 1), 4);
    CU_ASSERT_EQUAL(element("o/checkpoint.safetensors", "head", 1), 0.25);
    CU_ASSERT_NOT_EQUAL(element("o/checkpoint.safetensors", "local", 5), 6); /* noise */
    accepted("exec",
             shell("$GRAPHRUN exec t.plan.xml --program=features --weights=f.pth --feed=x.st -o f"),
             "",
             "f.pth: warning: are pretrained weights: what program 'features' adds to them keeps "
             "its initial value: head\n");
    CU_ASSERT_EQUAL(element("f", "f", 1), 4 * 0.25);
  }
  write_file("model", "net.x.", "bn1.weight", false);
  accepted("a prefix as asked for",
           shell("rm -rf o; $GRAPHRUN train t.plan.xml --out=o --init=f.pth --init-prefix=net.x."),
           "3 from pretrained tensors", "");
}

/* Every state and every tensor has its line, equal in the run and before it. */
static void test_table(void) {
  compile();
  write_file("model", "backbone.", "bn1.weight", false);
  shell_must("rm -rf o; $GRAPHRUN train t.plan.xml --out=o --init=f.pth --init-skip=m");
  Shell s = shell("sed 's/\\t/ /g' o/init.tsv");
  static const char *const lines[] = {
      "# from f.pth; read as: PyTorch, zip, part 'model'; not read: 'epoch'; names without "
      "'backbone.'\n# use state tensor noise type shape xxh3\n",
      "\nexternal name w backbone.conv1.weight 0 F32 (2, 3) ",
      "\nleft out m backbone.bn1.weight 0 F32 (2) ",
      "\nexternal name local backbone.conv1.weight 0.5 F32 (2, 3) ",
      "\ninitialiser head - 0 F32 (2) ",
      "\nnot in the model - backbone.bn1.num_batches_tracked 0 F32 () ",
      "\nnot in the model - pixel_mean 0 F32 (3) "};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    if (!strstr(s.out, lines[i])) printf("\nlacks %s\nin %s", lines[i], s.out);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, lines[i]));
  }
  shell_free(&s);
  shell_must("$GRAPHRUN info t.plan.xml --init=f.pth --init-skip=m >before.tsv && "
             "grep -v ^initialiser before.tsv >a && grep -v ^initialiser o/init.tsv >b && cmp a b");
  shell_must("$GRAPHRUN train t.plan.xml --out=o2 --init=o/checkpoint.safetensors && "
             "grep -q '^own name.w.w.0.F32' o2/init.tsv && "
             "grep -q '^optimiser.-.momentum:w' o2/init.tsv");
}

static void test_info(void) {
  write_file("model", "backbone.", "bn1.weight", false);
  accepted("of a file", shell("$GRAPHRUN info f.pth"),
           "weights     PyTorch, zip, part 'model'; not read: 'epoch'\n"
           "tensors     4, 12 elements\n",
           "");
  accepted("of a safetensors file", shell("$GRAPHRUN info x.st"), "weights     safetensors\n", "");
  Shell s = shell("$GRAPHRUN info t.plan.xml --init-skip=x");
  CU_ASSERT_TRUE(shell_says("no --init", s, STATUS_USAGE, 1,
                            (const char *[]){"hint: --init=F names the file", NULL}));
}

/* The file is of another form of the network: said, not trained from in silence. */
static void test_lacking(void) {
  compile();
  write_file("model", "", "bn1.IN.weight", false);
  accepted(
      "train", shell("rm -rf o; $GRAPHRUN train t.plan.xml --out=o --init=f.pth"),
      "not in the model: bn1.IN.weight, pixel_mean",
      "f.pth: warning: lacks 'bn1.weight', a pretrained tensor of the model: state 'm' keeps its "
      "initialiser\nhint: does the model have another form of the network");
  Shell s = shell("$GRAPHRUN exec t.plan.xml --program=step --weights=f.pth -o f");
  CU_ASSERT_TRUE(shell_says(
      "exec", s, STATUS_INVALID, 1,
      (const char *[]){"f.pth: error: lacks 2 of the tensors of program 'step': m, local", NULL}));
}

int main(void) {
  static const SupportTest tests[] = {
      {"wrappers around names", test_wrappers},
      {"a line for each tensor", test_table},
      {"info", test_info},
      {"another form of the network", test_lacking},
  };
  return support_run("init_pth", tests, sizeof tests / sizeof *tests);
}
