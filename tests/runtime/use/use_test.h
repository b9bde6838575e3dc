/* What tests of trained models share: a model whose feature is known by hand, weights for it, and
 * tests/hand_set.h. */
#ifndef TESTS_RUNTIME_USE_USE_TEST_H
#define TESTS_RUNTIME_USE_USE_TEST_H

#include "runtime/execute/safetensors.h"
#include "tests/hand_set.h"
#include "tests/shell.h"

static inline void use_weights(const char *name, float a, float b, float c) {
  const float gain[3] = {a, b, c};
  const SaveTensor tensor = {"gain", DTYPE_F32, {.rank = 1, .dim = {3}}, gain};
  const SaveMeta step = {"step", "12"};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path(name), &tensor, 1, &step, 1, false, NULL),
                        STATUS_OK);
}

/* In the test's folder: mean.plan.xml, whose feature is the mean colour times `gain`; w.safetensors
 * (gain 1); the set `hand`. */
static inline void use_prepare(void) {
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
  hand_set(false);
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
