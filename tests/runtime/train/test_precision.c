/* Plans whose states have another type than the values of a step: f32+f64 computes in f32 and keeps
 * what an update adds, in f64. */
#include "runtime/execute/safetensors.h"
#include "runtime/synth/synth.h"
#include "tests/shell.h"

#include <math.h>

/* Plan and folder of a run are called as its precision. */
static void compile(const char *model, const char *precision, const char *more) {
  shell_must("$GRAPHC %s --precision=%s %s -o %s.plan.xml >/dev/null", model, precision, more,
             precision);
}

static void train(const char *precision, const char *options) {
  shell_must("$GRAPHRUN train %s.plan.xml --out=%s --threads=1 %s >/dev/null 2>&1", precision,
             precision, options);
}

typedef struct States {
  SafeFile *file;
} States;

static States states(const char *precision) {
  char path[600];
  States s = {NULL};
  snprintf(path, sizeof path, "%s/checkpoint.safetensors", support_path(precision));
  CU_ASSERT_EQUAL_FATAL(safe_read(path, NULL, &s.file), STATUS_OK);
  return s;
}

static const FileTensor *tensor(const States *s, const char *name) {
  const FileTensor *t = safe_find(s->file, name);
  if (!t) printf("\n  no %s\n", name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  return t;
}

/* ---- small updates ---- */

static const char *const tiny =
    "<model name='tiny' xmlns='urn:graphc:model:1'><program name='step' kind='train'>"
    "<parameter name='w' shape='3' value='1'/>"
    "<state name='mean' shape='3' value='1'/>"
    "<state name='count' value='1' kind='optimiser'/>"
    "<state name='own' shape='3' value='1' dtype='f32'/>"
    "<state-field name='m' value='1'/>"
    "<expr name='loss' value='sum(w)'/><gradient name='G' of='loss'/>"
    "<field name='next' value='m + 1e-9 * G'/><commit field='m' value='next'/>"
    "<commit field='theta' value='theta - 1e-9 * G'/>"
    "<expr name='step_of_mean' value='1e-9 * w'/>"
    "<commit state='mean' value='mean + step_of_mean'/>"
    "<commit state='count' value='count * (1 + 1e-9)'/>"
    "<commit state='own' value='own + 1e-9'/><output value='loss'/></program>"
    "<training steps='1000' warmup-steps='0'/></model>";

static void write_tiny(void) {
  support_write("tiny.xml", tiny);
}

/* After 1000 steps of 1e-9 beside 1. */
static void check_tiny(const char *precision, double tolerance, double moved) {
  static const struct {
    const char *name;
    double sign;
  } rows[] = {{"w", -1}, {"mean", 1}, {"count", 1}, {"m:w", 1}};
  compile("tiny.xml", precision, "");
  train(precision, "");
  States s = states(precision);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const FileTensor *t = tensor(&s, rows[i].name);
    CU_ASSERT_STRING_EQUAL(t->type_name, moved > 0 ? "F64" : "F32");
    for (int64_t k = 0; k < t->count; k++)
      CU_ASSERT_DOUBLE_EQUAL(file_tensor_get(t, k), 1 + rows[i].sign * moved, tolerance);
  }
  CU_ASSERT_STRING_EQUAL(tensor(&s, "own")->type_name, "F32");
  CU_ASSERT_EQUAL(file_tensor_get(tensor(&s, "own"), 0), 1); /* as it was written */
  safe_close(s.file);
}

static void test_tiny(void) {
  write_tiny();
  check_tiny("f32", 0, 0); /* each is lost */
  check_tiny("f32+f64", 1e-11, 1e-6);
}

/* ---- the life of a run ---- */

static void test_resume(void) {
  write_tiny();
  compile("tiny.xml", "f32+f64", "");
  shell_must("rm -rf f32+f64 whole");
  train("f32+f64", "--steps=20 --seed=3");
  shell_must("mv f32+f64 whole");
  train("f32+f64", "--steps=20 --seed=3 --stop-at=7");
  train("f32+f64", "--steps=20 --seed=3 --resume");
  shell_must("cmp f32+f64/checkpoint.safetensors whole/checkpoint.safetensors && "
             "cmp f32+f64/metrics.jsonl whole/metrics.jsonl");
  compile("tiny.xml", "f32", "");
  Shell s = shell("rm -rf f32; cp -r f32+f64 f32; $GRAPHRUN train f32.plan.xml --out=f32 "
                  "--steps=20 --seed=3 --resume");
  CU_ASSERT_TRUE(shell_says("another precision", s, 1, 1,
                            (const char *[]){"its precision is f32+f64, of this run f32",
                                             "hint: see graphc --precision", NULL}));
}

/* Weights of f32 become states of f64 without a change, and a step goes on from there. */
static void test_init(void) {
  static float w[] = {0.1f, -3.3f, 1e-3f};
  SaveTensor given = {"w", DTYPE_F32, {.rank = 1, .dim = {3}}, w};
  write_tiny();
  CU_ASSERT_EQUAL_FATAL(
      safe_write(support_path("f32.safetensors"), &given, 1, NULL, 0, false, NULL), STATUS_OK);
  compile("tiny.xml", "f32+f64", "");
  shell_must("rm -rf f32+f64");
  train("f32+f64", "--steps=1 --init=f32.safetensors");
  States s = states("f32+f64");
  const FileTensor *t = tensor(&s, "w");
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(file_tensor_get(t, i), (double)w[i] - 1e-9);
  safe_close(s.file);
}

/* ---- what is declared ---- */

static void refused(const char *name, const char *program, const char *text) {
  support_write("refused.xml", program);
  Shell s = shell("$GRAPHC refused.xml --precision=f32+f64 --check");
  CU_ASSERT_TRUE(shell_says(name, s, 1, 1, (const char *[]){text, NULL}));
}

static void test_refused(void) {
  refused("one state, two types",
          "<model name='t' xmlns='urn:graphc:model:1'><program name='a'><state name='s'/>"
          "<commit state='s' value='s + 1'/></program><program name='b'>"
          "<state name='s' dtype='f64'/><commit state='s' value='s'/></program></model>",
          "'s' is declared differently at refused.xml:1: its element type");
  refused("a value of another type",
          "<model name='t' xmlns='urn:graphc:model:1'><program name='a'>"
          "<state name='s' dtype='i32'/><input name='x'/><commit state='s' value='x + 1'/>"
          "</program></model>",
          "state 's' holds i32, the value is f32");
}

/* Values that are kept, or fed, have the types that they have in a plan of f32; what --input names
 * is no state. */
static void test_values(void) {
  float w[] = {2, 3, 4};
  SaveTensor given = {"w", DTYPE_F32, {.rank = 1, .dim = {3}}, w};
  support_write("values.xml",
                "<model name='v' xmlns='urn:graphc:model:1'><program name='p'>"
                "<parameter name='w' shape='3' value='1'/><expr name='y' value='w * w'/>"
                "<expr name='loss' value='sum(y)'/><gradient name='G' of='loss'/>"
                "<commit field='theta' value='theta - G'/><output value='loss'/>"
                "</program></model>");
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path("w.safetensors"), &given, 1, NULL, 0, false, NULL),
                        STATUS_OK);
  shell_must("$GRAPHC values.xml --precision=f32+f64 --keep='*' -o v.plan.xml >/dev/null && "
             "$GRAPHRUN exec v.plan.xml --program=p --feed=w.safetensors --fetch='*' "
             "-o o.safetensors >/dev/null");
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("o.safetensors"), NULL, &file), STATUS_OK);
  States s = {file};
  CU_ASSERT_EQUAL(file_tensor_get(tensor(&s, "loss"), 0), 29);
  CU_ASSERT_STRING_EQUAL(tensor(&s, "loss")->type_name, "F32");
  CU_ASSERT_STRING_EQUAL(tensor(&s, "y")->type_name, "F32");
  CU_ASSERT_STRING_EQUAL(tensor(&s, "G:w")->type_name, "F64");
  CU_ASSERT_EQUAL(file_tensor_get(tensor(&s, "G:w"), 2), 8);
  CU_ASSERT_STRING_EQUAL(tensor(&s, "w")->type_name, "F64");
  CU_ASSERT_EQUAL(file_tensor_get(tensor(&s, "w"), 2), -4);
  safe_close(file);
  shell_must("$GRAPHC values.xml --precision=f32+f64 --input='[wy]' -o v.plan.xml >/dev/null 2>&1");
}

/* ---- derivatives ---- */

/* The largest difference of a tensor in two files, and the largest element of the first. */
static double difference(const States *a, const States *b, const char *name, double *out_scale) {
  const FileTensor *x = tensor(a, name), *y = tensor(b, name);
  double worst = 0;
  *out_scale = 0;
  CU_ASSERT_EQUAL_FATAL(x->count, y->count);
  for (int64_t i = 0; i < x->count; i++) {
    worst = fmax(worst, fabs(file_tensor_get(x, i) - file_tensor_get(y, i)));
    *out_scale = fmax(*out_scale, fabs(file_tensor_get(x, i)));
  }
  return worst;
}

/* One step of a model with second derivatives from the same states: the momentum is the gradient.
 * It agrees with float64 as far as f32 can, and it is not what the first order gives. */
static void check_gradient(const char *model, const char *first_order) {
  shell_must("rm -rf f32 f64 f32+f64 first");
  compile(model, "f64", first_order);
  train("f64", "--steps=1 --seed=5");
  shell_must("mv f64 first");
  compile(model, "f64", "");
  compile(model, "f32+f64", "");
  train("f64", "--steps=1 --seed=5");
  train("f32+f64", "--steps=1 --seed=5");
  States want = states("f64"), have = states("f32+f64"), first = states("first");
  uint32_t n = 0;
  double apart = 0;
  for (uint32_t i = 0; i < safe_count(want.file); i++) {
    const char *name = safe_tensor(want.file, i)->name;
    double scale, error = difference(&want, &have, name, &scale);
    CU_ASSERT_STRING_EQUAL(tensor(&have, name)->type_name, "F64");
    if (strncmp(name, "momentum:", 9) != 0) continue;
    if (!(error <= 2e-5 * scale)) printf("\n  %s %s: off by %g of %g\n", model, name, error, scale);
    CU_ASSERT(error <= 2e-5 * scale);
    CU_ASSERT(scale > 0);
    apart = fmax(apart, difference(&want, &first, name, &scale) / scale);
    n++;
  }
  CU_ASSERT(n >= 4);
  CU_ASSERT(apart > 1e-3);
  safe_close(want.file);
  safe_close(have.file);
  safe_close(first.file);
}

static void test_second_order(void) {
  check_gradient("$TOP/models/examples/maml.xml", "-D order=1");
}

/* ---- models on images ---- */

static void test_images(void) {
  const char *dir = support_path("synth");
  SynthOptions o = {.dir = dir,
                    .seed = 1,
                    .domains = 3,
                    .train_ids = 6,
                    .test_ids = 2,
                    .cameras = 2,
                    .distractors = -1};
  CU_ASSERT_EQUAL_FATAL(synth_write(&o, NULL), STATUS_OK);
  shell_must("$GRAPHRUN check-data synth/synth.domains --defines >d.defs");
  compile("$TOP/models/cdvm_small.xml", "f32+f64",
          "-D width=8 -D height=32 -D image_width=16 -D batch_ids=2 -D @d.defs -D lr=0.001");
  shell_must("rm -rf f32+f64 whole");
  train("f32+f64", "--data=synth/synth.domains --steps=4 --seed=2");
  shell_must("mv f32+f64 whole");
  train("f32+f64", "--data=synth/synth.domains --steps=4 --seed=2 --stop-at=2 --workers=2");
  train("f32+f64", "--data=synth/synth.domains --steps=4 --seed=2 --resume");
  shell_must("cmp f32+f64/checkpoint.safetensors whole/checkpoint.safetensors");
  shell_must("$GRAPHRUN eval f32+f64.plan.xml --weights=whole/checkpoint.safetensors "
             "--data=synth/synth.domains >eval.txt 2>&1 && grep -q mAP eval.txt");
  shell_must("head -1 synth/synth.domains >synth/one.domains; "
             "$GRAPHRUN check-data synth/one.domains --defines >one.defs");
  compile("$TOP/models/examples/cnn.xml", "f32+f64",
          "-D @one.defs -D height=32 -D image_width=16 -D batch_ids=2");
  shell_must("rm -rf f32+f64");
  train("f32+f64", "--data=synth/one.domains --steps=12 --seed=2");
  States s = states("f32+f64");
  for (uint32_t i = 0; i < safe_count(s.file); i++)
    CU_ASSERT_STRING_EQUAL(safe_tensor(s.file, i)->type_name, "F64");
  safe_close(s.file);
}

int main(void) {
  static const SupportTest tests[] = {{"updates too small for f32", test_tiny},
                                      {"resumed", test_resume},
                                      {"begun from f32 weights", test_init},
                                      {"what is refused", test_refused},
                                      {"values by name", test_values},
                                      {"second-order gradients", test_second_order},
                                      {"CDVM and a network on images", test_images}};
  return support_run("precision", tests, sizeof tests / sizeof *tests);
}
