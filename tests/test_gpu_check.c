/* tools/gpu-check where something is missing: it says what, one line each, before anything long.
 * (`tools/gpu-check --sim` runs all of it on the simulated GPU: tools/check does.) */
#include "tests/shell.h"

/* Programs that say of a machine what a test wants, before those that are there. */
static void pretend(const char *smi) {
  shell_must("rm -rf bin; mkdir bin; cat >bin/nvidia-smi <<'END'\n#!/bin/sh\n%s\nEND\n"
             "printf '#!/bin/sh\\necho no libraries\\n' >bin/ldconfig\n"
             "chmod +x bin/nvidia-smi bin/ldconfig",
             smi);
}

#define GPU_CHECK "PATH=\"$PWD/bin:$PATH\" LD_LIBRARY_PATH= \"$TOP/tools/gpu-check\" "
/* What a GPU of the name answers that has driver D and compute capability C. */
#define ANSWERS(D, C)                                                                              \
  "case $1 in\n*=name*) echo A GPU ;;\n*=driver_version*) echo " D " ;;\n"                         \
  "*=compute_cap*) echo " C " ;;\n*) echo 1000 ;;\nesac"

static void check(const char *smi, const char *options, const char *says) {
  pretend(smi);
  char command[256];
  snprintf(command, sizeof command, GPU_CHECK "%s", options);
  Shell s = shell("%s", command);
  bool ok = s.code == 4 && strstr(s.err, says) && strstr(s.err, "nothing was checked") &&
            s.out_length == 0;
  if (!ok) printf("\n%s: exit %d\n%s%s", options, s.code, s.err, s.out);
  CU_ASSERT(ok);
  shell_free(&s);
}

static void what_is_missing(void) {
  check("exit 9", "", "the NVIDIA driver");
  check("exit 9", "--needs", "the NVIDIA driver");
  check("exit 0", "--quick", "the NVIDIA driver");
  check(ANSWERS("550.54.15", "9.0"), "--needs", "a driver for CUDA 13: this one is 550.54.15");
  check(ANSWERS("580.65.06", "7.5"), "--needs", "capability 8.0 or later: here is 7.5");
  check(ANSWERS("junk", "9.0"), "--needs", "a driver for CUDA 13: this one is junk");
  shell_must("mkdir -p libs && : >libs/libcuda.so.1");
  pretend("exit 9");
  Shell s =
      shell("PATH=\"$PWD/bin:$PATH\" LD_LIBRARY_PATH=/none:$PWD/libs \"$TOP/tools/gpu-check\"");
  CU_ASSERT_EQUAL(s.code, 4);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "the NVIDIA driver is here, but nvidia-smi shows none"));
  shell_free(&s);
}

/* A driver and a GPU, but no libraries: those are told, too (headers as this machine has them). */
static void libraries(void) {
  pretend(ANSWERS("580.65.06", "9.0"));
  Shell s = shell("PATH=\"$PWD/bin:$PATH\" LD_LIBRARY_PATH=$PWD CUDA_HOME=$PWD "
                  "\"$TOP/tools/gpu-check\" --needs");
  CU_ASSERT_EQUAL(strstr(s.err, "missing:") != NULL, s.code == 4);
  CU_ASSERT_PTR_NULL(strstr(s.err, "driver"));
  CU_ASSERT_PTR_NULL(strstr(s.err, "a GPU"));
  CU_ASSERT(s.code == 4 || strcmp(s.out, "nothing is missing\n") == 0);
  shell_free(&s);
}

/* compare_runs, by which it judges runs. */
static void runs_apart(void) {
  static const struct {
    const char *arguments;
    int code;
    const char *says;
  } rows[] = {{"a a 0", 0, "states 0 "},
              {"a again 0", 0, "states 0 "},
              {"a wide 1e-6", 0, " of 1e-06"},
              {"a wide 1e-12", 1, "states "},
              {"wide a 0 wide 1.1", 0, "states "}, /* as far as a is from wide */
              {"wide a 0 again 1e9", 1, "states "},
              {"a other 1e-2", 1, "metrics "},
              {"a shorter 10", 2, ""},
              {"a none 10", 2, ""},
              {"a wide", 2, ""},
              {"a wide 1 a", 2, ""}};
  support_write("line.xml",
                "<model name='line' xmlns='urn:graphc:model:1'><program name='step' kind='train'>\n"
                "<random name='x' shape='32 1'/><parameter name='slope' shape='1'/>\n"
                "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>\n"
                "<gradient name='G' of='loss'/><commit field='theta' value='theta - 0.05 * G'/>\n"
                "<output value='loss'/></program><training steps='5' warmup-steps='0'/></model>\n");
  shell_must("\"$GRAPHC\" line.xml && \"$GRAPHC\" line.xml --precision=f64 -o wide.plan.xml");
  shell_must(
      "train() { \"$GRAPHRUN\" train --quiet \"$@\"; }; train line.plan.xml --out=a --seed=1 && "
      "train line.plan.xml --out=again --seed=1 && train wide.plan.xml --out=wide --seed=1 && "
      "train line.plan.xml --out=other --seed=2 && "
      "train line.plan.xml --out=shorter --seed=1 --stop-at=2");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Shell s = shell("\"$(dirname \"$GRAPHC\")/tests/compare_runs\" %s", rows[i].arguments);
    bool ok = s.code == rows[i].code && strstr(s.out, rows[i].says);
    if (!ok) printf("\n%s: exit %d\n%s%s", rows[i].arguments, s.code, s.out, s.err);
    CU_ASSERT(ok);
    shell_free(&s);
  }
}

static void usage(void) {
  static const char *const wrong[] = {"--fast", "--minutes=0",  "--minutes=x", "--minutes=1000",
                                      "-o",     "--minutes=1x", "--peer",      "DATA"};
  pretend("exit 9");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CU_ASSERT(shell_says(wrong[i], shell(GPU_CHECK "%s", wrong[i]), 2, 1,
                         (const char *const[]){"tools/gpu-check: error: ", NULL}));
  Shell s = shell(GPU_CHECK "--help");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT(strstr(s.out, "--quick") && strstr(s.out, "Exit codes") && !strstr(s.out, "set -u"));
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {{"what is missing", what_is_missing},
                                      {"libraries", libraries},
                                      {"usage", usage},
                                      {"runs apart", runs_apart}};
  return support_run("gpu check", tests, sizeof tests / sizeof *tests);
}
