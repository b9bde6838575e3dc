/* The door through which a device comes that no program knows: the toy is compiled for, trained on,
 * run and looked at by graphc and graphrun, and gives the CPU's bits; and what is said when a
 * device is not there, or not the plan's. */
#include "runtime/device/plugin.h"
#include "tests/shell.h"

static const char *const model_text =
    "<model name='line' xmlns='urn:graphc:model:1'><program name='step' kind='train'>\n"
    "<random name='x' shape='32 1'/><parameter name='slope' shape='1'/>\n"
    "<expr name='loss' value='mean(square(slope * x - 3 * x))'/><gradient name='G' of='loss'/>\n"
    "<commit field='theta' value='theta - 0.1 * G'/><output value='loss'/></program>\n"
    "<program name='evaluate' kind='evaluate'><input name='images' shape='4 16 8 3'/>\n"
    "<parameter name='slope' shape='1'/>\n"
    "<mean name='m' in='images' axes='2'/><expr name='y' value='slope * m'/>\n"
    "<reshape name='ynorm' in='y' shape='4 48'/><output value='ynorm'/></program>\n"
    "<training steps='5' warmup-steps='0'/></model>\n";

/* Runs; a fault of the toy would be on stderr. */
static void works(const char *what, Shell s) {
  if (s.code != 0 || *s.err) printf("\n%s: exit %d\n%s", what, s.code, s.err);
  CU_ASSERT(s.code == 0 && !*s.err);
  shell_free(&s);
}

static void same(const char *a, const char *b) {
  size_t na, nb;
  char *x = shell_slurp(support_path(a), &na), *y = shell_slurp(support_path(b), &nb);
  if (na != nb || memcmp(x, y, na) != 0) printf("\n%s and %s differ", a, b);
  CU_ASSERT(na == nb && memcmp(x, y, na) == 0);
  free(x);
  free(y);
}

static void every_command(void) {
  support_write("line.xml", model_text);
  works("graphc", shell("$GRAPHC line.xml --target=\"$TOY\" -o toy.plan.xml"));
  works("graphc", shell("$GRAPHC line.xml -o cpu.plan.xml"));
  works("train", shell("$GRAPHRUN train toy.plan.xml --device=\"$TOY\" --out=toy --quiet"));
  works("train", shell("$GRAPHRUN train cpu.plan.xml --device=cpu --out=cpu --quiet"));
  same("toy/checkpoint.safetensors", "cpu/checkpoint.safetensors");
  same("toy/metrics.jsonl", "cpu/metrics.jsonl");
  works("exec", shell("$GRAPHRUN exec toy.plan.xml --device=\"$TOY\" --program=step "
                      "--weights=toy/checkpoint.safetensors -o toy.safetensors"));
  works("exec", shell("$GRAPHRUN exec cpu.plan.xml --program=step "
                      "--weights=cpu/checkpoint.safetensors -o cpu.safetensors"));
  same("toy.safetensors", "cpu.safetensors");
  works("bench", shell("$GRAPHRUN bench toy.plan.xml --device=\"$TOY\" --steps=2 --trace=t.json"));
  works("synth", shell("$GRAPHRUN synth data --domains=1 --ids=2 --test-ids=3 --images=2"));
  works("eval", shell("$GRAPHRUN eval toy.plan.xml --device=\"$TOY\" --out=toy.json "
                      "--weights=toy/checkpoint.safetensors --data=data/synth.domains"));
  works("eval", shell("$GRAPHRUN eval cpu.plan.xml --out=cpu.json "
                      "--weights=toy/checkpoint.safetensors --data=data/synth.domains"));
  same("toy.json", "cpu.json");
  Shell s = shell("$GRAPHRUN info toy.plan.xml --device=\"$TOY\"");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "target      toy\n"));
  works("info", s);
}

#define SAYS(CODE, COMMAND, ...)                                                                   \
  CU_ASSERT(shell_says(COMMAND, shell(COMMAND), CODE, 1, (const char *const[]){__VA_ARGS__, NULL}))

static void plans_and_devices_must_fit(void) {
  static const char *const commands[] = {"train toy.plan.xml --out=no", "bench toy.plan.xml",
                                         "info toy.plan.xml --device=cpu",
                                         "exec toy.plan.xml --program=step -o no.safetensors"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    CU_ASSERT(shell_says(
        commands[i], shell("$GRAPHRUN %s", commands[i]), 1, 1,
        (const char *const[]){"toy.plan.xml: error: the plan was compiled for the target 'toy', "
                              "the device 'cpu' runs: cpu\n",
                              "hint: compile the model again: graphc MODEL.xml --target=cpu",
                              NULL}));
  SAYS(1, "$GRAPHRUN train cpu.plan.xml --device=\"$TOY\" --out=no",
       "the plan was compiled for the target 'cpu', the device 'toy' runs: toy\n");
  SAYS(1, "$GRAPHRUN info toy.plan.xml", "for the target 'toy', this program knows: cpu");
}

static void devices_that_are_not_there(void) {
  /* Where a build, a library, a driver or a GPU is missing it is that which is told, whatever the
   * plan is for; a machine that has all of them says what the plan is for. */
  Shell cuda = shell("$GRAPHRUN bench cpu.plan.xml --device=cuda");
  bool gpu = strstr(cuda.err, "for the target 'cpu', the device 'cuda' runs: cuda-sm80") != NULL;
  CU_ASSERT_EQUAL(cuda.code, gpu ? 1 : 4);
  if (!gpu) CU_ASSERT_PTR_NOT_NULL(strstr(cuda.err, "--device"));
  if (!gpu) CU_ASSERT(strstr(cuda.err, "cuda") != NULL && strstr(cuda.err, "error: ") != NULL);
  shell_free(&cuda);
  SAYS(2, "$GRAPHRUN bench cpu.plan.xml --device=cpu:0",
       "--device: error: the device 'cpu' is one: nothing stands behind its name\n");
  SAYS(2,
       "$GRAPHRUN bench cpu.plan.xml --device=cpu:", "nothing stands behind the colon of 'cpu:'");
  SAYS(2, "$GRAPHRUN bench cpu.plan.xml --math=tf32",
       "--math: error: the device 'cpu' computes in the plan's precision");
  SAYS(2, "$GRAPHRUN bench cpu.plan.xml --math=bf16", "--math is exact or tf32, not 'bf16'");
  SAYS(2, "$GRAPHRUN bench cpu.plan.xml --no-graph", "'cpu' captures no graphs");
  SAYS(4, "$GRAPHRUN train cpu.plan.xml --out=no --device=gpu",
       "--device: error: there is no device 'gpu': this build has: cpu",
       "; and there is no plug-in /", "/device_gpu.so\nhint: ");
  SAYS(4, "$GRAPHRUN info cpu.plan.xml --device=./no.so",
       "./no.so: error: the device cannot be loaded: ");
  SAYS(4, "$GRAPHRUN info cpu.plan.xml --device=./line.xml",
       "./line.xml: error: the device cannot be loaded: ");
  SAYS(2, "$GRAPHRUN check-data data/synth.domains --device=cpu", "has no option --device");
  SAYS(4, "$GRAPHC line.xml --target=./no.so", "./no.so: error: the device cannot be loaded: ");
  SAYS(2, "$GRAPHC line.xml --target=gpu", "--target is one of: cpu ", "not 'gpu'");
  CU_ASSERT_NOT_EQUAL(access(support_path("no"), F_OK), 0);
}

/* The plug-in with another number in its build; and a library that is none. */
static void other_builds(void) {
  static const uint32_t build[] = DEVICE_PLUGIN_BUILD;
  size_t n, found = 0;
  char *bytes = shell_slurp(getenv("TOY"), &n);
  for (size_t at = 0; at + sizeof build <= n; at += 4)
    if (memcmp(bytes + at, build, sizeof build) == 0) {
      bytes[at + 4]++;
      found++;
    }
  CU_ASSERT_EQUAL_FATAL(found, 1);
  FILE *out = fopen(support_path("old.so"), "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  CU_ASSERT_EQUAL(fwrite(bytes, 1, n, out), n);
  CU_ASSERT_EQUAL(fclose(out), 0);
  free(bytes);
  SAYS(4, "$GRAPHRUN info cpu.plan.xml --device=./old.so",
       "./old.so: error: the device was built for another version of this program\nhint: build");
  SAYS(4,
       "$GRAPHRUN info cpu.plan.xml --device=$(ldd $GRAPHRUN | sed -n 's|.*=> \\(/.*libm[.]so[^ "
       "]*\\) .*|\\1|p')",
       "error: this is no device: it does not export 'graphc_device'");
}

/* A plug-in exports its table (the toy: what its tests ask, too), and nothing of the core: two
 * copies of that in a process must not meet. */
static void exports_nothing_else(void) {
  Shell s = shell("nm -D --defined-only \"$TOY\" | grep -E ' (diag|graph|ops?|kernel|threads)_' ;"
                  "nm -D --defined-only \"$TOY\" | grep -c ' graphc_device$\\| toy_control_data$'");
  CU_ASSERT_STRING_EQUAL(s.out, "2\n");
  shell_free(&s);
}

/* NVIDIA's libraries are loaded, not linked: a program that has the plug-in beside it starts
 * without them.  Where the plug-in was not built there is nothing to look at.  (A sanitizer marks
 * each export with a name of its own.) */
static void needs_no_library(void) {
  Shell s =
      shell("cuda=$(dirname \"$GRAPHRUN\")/device_cuda.so; [ -e \"$cuda\" ] || exit 0;"
            "nm -D --defined-only \"$cuda\" | grep -vc ' \\(__odr_asan[.]\\)\\?graphc_device$';"
            "nm -D --undefined-only \"$cuda\" | grep -E ' (cu|nccl|nvrtc)[A-Za-z]*$';"
            "ldd \"$cuda\" | grep -E 'lib(cu|nccl|nvrtc)'; true");
  CU_ASSERT(!*s.out || strcmp(s.out, "0\n") == 0);
  if (*s.out && strcmp(s.out, "0\n") != 0) printf("\n%s", s.out);
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {{"every command takes a device", every_command},
                                      {"plans and devices must fit", plans_and_devices_must_fit},
                                      {"devices that are not there", devices_that_are_not_there},
                                      {"other builds", other_builds},
                                      {"a plug-in exports its table", exports_nothing_else},
                                      {"CUDA is loaded, not linked", needs_no_library}};
  return support_run("plug-in", tests, sizeof tests / sizeof *tests);
}
