/* Exported models as onnxruntime runs them, against graphrun's own numbers; skipped where that is
 * not installed ($ONNX_PYTHON names a Python that has it, and onnx, whose checker is run, too). */
#include "tests/runtime/use/use_test.h"

static const char *python(void) {
  const char *named = getenv("ONNX_PYTHON");
  return named ? named : "python3";
}

/* graphrun exec's outputs of a plan's program, and its export's: `more` are options of graphc. */
static void compare(const char *model, const char *size, const char *more, const char *options) {
  shell_must("\"$GRAPHC\" %s %s -o m.plan.xml", model, more);
  shell_must(
      "C=\"'%s' $TOP/tests/runtime/onnx/onnx_compare.py\"; eval $C feed feed.safetensors %s 3 "
      "&& \"$GRAPHRUN\" exec m.plan.xml --program=evaluate --feed=feed.safetensors "
      "-o out.safetensors && \"$GRAPHRUN\" export m.plan.xml --weights=out.safetensors "
      "--input=float -o m.onnx %s && eval $C m.onnx feed.safetensors out.safetensors 1e-5",
      python(), size, options);
}

/* Every family of ops; with as many images as the plan has, fewer, more, and in another order. */
static void zoo(void) {
  compare("\"$TOP/tests/runtime/onnx/zoo.xml\"", "4 12 10", "", "");
  compare("\"$TOP/tests/runtime/onnx/zoo.xml\"", "1 12 10", "-D N=1", "");
  compare("\"$TOP/tests/runtime/onnx/zoo.xml\"", "4 12 10", "--precision=f64", "--fixed-batch");
}

static void models(void) {
  compare("\"$TOP/models/examples/vit.xml\"", "16 64 32", "", "");
  compare(
      "\"$TOP/models/ablations/table4_all.xml\"", "3 32 16",
      "-D @\"$TOP/models/small.defs\" -D width=8 -D height=32 -D image_width=16 -D eval_batch=3",
      "");
}

/* Pictures of sizes that shrink, stay and grow are resized inside as graphrun does. */
static void pictures(void) {
  static const int sizes[][2] = {{8, 16}, {1, 1}, {5, 40}, {64, 33}, {7, 9}, {200, 3}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    int w = sizes[i][0], h = sizes[i][1], row = (w * 3 + 3) / 4 * 4;
    unsigned bytes = 54 + (unsigned)(row * h), noise = 1;
    unsigned header[] = {bytes, 0, 54, 40, (unsigned)w, (unsigned)h, 1 | 24 << 16, 0, 0,
                         0,     0, 0,  0};
    char name[32];
    snprintf(name, sizeof name, "sizes/%zu.bmp", i);
    hand_picture(name, 0, 0, 0);
    FILE *out = fopen(support_path(name), "wb");
    if (!out || fwrite("BM", 2, 1, out) != 1 || fwrite(header, 52, 1, out) != 1) exit(1);
    for (int k = 0; k < row * h; k++)
      putc((int)((noise = noise * 1664525 + 1013904223) >> 24), out);
    fclose(out);
  }
  shell_must("\"$GRAPHRUN\" extract mean.plan.xml --weights=w.safetensors --data=sizes "
             "-o sizes.safetensors && \"$GRAPHRUN\" export mean.plan.xml --weights=w.safetensors "
             "-o mean.onnx && '%s' \"$TOP/tests/runtime/onnx/onnx_compare.py\" pictures mean.onnx "
             "sizes.safetensors 1e-5",
             python());
}

int main(void) {
  Shell s = shell("'%s' -c 'import numpy, onnxruntime'", python());
  bool there = s.code == 0;
  shell_free(&s);
  if (!there) {
    printf("skipped: onnxruntime is not installed (pip install numpy onnx onnxruntime; ONNX_PYTHON "
           "names the Python)\n");
    support_clean();
    return 77;
  }
  static const SupportTest tests[] = {{"preparations", use_prepare},
                                      {"every family of ops", zoo},
                                      {"models", models},
                                      {"pictures of any size", pictures}};
  return support_run("onnxruntime", tests, sizeof tests / sizeof *tests);
}
