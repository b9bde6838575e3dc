/* What tests of trained models share: a model whose feature is known by hand, weights for it, and
 * pictures of one colour in Market's layout. */
#ifndef TESTS_RUNTIME_USE_USE_TEST_H
#define TESTS_RUNTIME_USE_USE_TEST_H

#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

/* An uncompressed picture of one colour, 8 x 16; folders are made. */
static inline void use_picture(const char *name, int r, int g, int b) {
  uint8_t file[54 + 8 * 16 * 3] = {'B', 'M'};
  uint32_t header[] = {sizeof file, 0, 54, 40, 8, 16, 1 | 24 << 16, 0, 8 * 16 * 3};
  char path[600];
  snprintf(path, sizeof path, "%s", support_path(name));
  for (char *at = path + strlen(support_folder()) + 1; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    mkdir(path, 0777);
  }
  memcpy(file + 2, header, sizeof header);
  for (int i = 54; i < (int)sizeof file; i += 3) {
    file[i] = (uint8_t)b;
    file[i + 1] = (uint8_t)g;
    file[i + 2] = (uint8_t)r;
  }
  FILE *out = fopen(path, "wb");
  if (!out || fwrite(file, sizeof file, 1, out) != 1 || fclose(out) != 0) exit(1);
}

static inline void use_weights(const char *name, float a, float b, float c) {
  const float gain[3] = {a, b, c};
  const SaveTensor tensor = {"gain", DTYPE_F32, {.rank = 1, .dim = {3}}, gain};
  const SaveMeta step = {"step", "12"};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path(name), &tensor, 1, &step, 1, false, NULL),
                        STATUS_OK);
}

/* In the test's folder: mean.plan.xml, whose feature is the mean colour times `gain`; w.safetensors
 * (gain 1); the set `hand`, person 7 by cameras 1 to 3, person 9 by 1 and 2, person 5 without a
 * match, and nobody. */
static inline void use_prepare(void) {
  static const struct {
    const char *name;
    int r, g, b;
  } images[] = {{"query/0005_c1s1_000001_01.bmp", 200, 200, 0},
                {"query/0007_c1s1_000001_01.bmp", 200, 0, 0},
                {"query/0009_c1s1_000001_01.bmp", 0, 0, 200},
                {"bounding_box_test/0007_c1s1_000002_01.bmp", 200, 0, 0},
                {"bounding_box_test/0007_c2s1_000001_01.bmp", 200, 20, 0},
                {"bounding_box_test/0007_c3s1_000001_01.bmp", 20, 200, 0},
                {"bounding_box_test/0009_c2s1_000001_01.bmp", 200, 100, 10},
                {"bounding_box_test/0000_c2s1_000001_01.bmp", 10, 100, 10}};
  support_write("mean.xml", "<model name='mean' xmlns='urn:graphc:model:1'>"
                            "<program name='evaluate' kind='evaluate'>"
                            "<input name='images' shape='4 16 8 3'/>"
                            "<parameter name='gain' shape='3' init='constant' value='1'/>"
                            "<mean name='color' in='images' axes='1 2'/>"
                            "<expr name='y' value='color * gain * gain'/>"
                            "<normalize name='ynorm' in='y' eps='1e-12'/>"
                            "<output value='ynorm'/></program></model>");
  shell_must("\"$GRAPHC\" mean.xml");
  use_weights("w.safetensors", 1, 1, 1);
  for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
    char name[128];
    snprintf(name, sizeof name, "hand/%s", images[i].name);
    use_picture(name, images[i].r, images[i].g, images[i].b);
  }
}

/* Runs a line and compares what it prints, and that it prints it alone. */
static inline bool use_prints(const char *what, Shell s, int code, const char *const *parts) {
  bool ok = s.code == code;
  for (; ok && *parts; parts++) ok = strstr(s.out, *parts) != NULL;
  if (!ok)
    printf("\n%s: exit %d, without '%s'\n%s%s\n", what, s.code, *parts ? *parts : "", s.out, s.err);
  shell_free(&s);
  return ok;
}
#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A line that is refused with one message of these parts. */
#define USE_REFUSED(CODE, LINE, ...)                                                               \
  CU_ASSERT(shell_says(LINE, shell("\"$GRAPHRUN\" " LINE), CODE, 1, PARTS(__VA_ARGS__)))

#endif
