/* Checkpoints that PyTorch wrote, of ResNet-50 and ResNet-50-IBN-a, give PyTorch's features;
 * skipped where it is not installed ($TORCH_PYTHON names a Python that has it).  The reader's own
 * tests (test_pth) need none. */
#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

#include <math.h>

static const char *python(void) {
  const char *named = getenv("TORCH_PYTHON");
  return named ? named : "python3";
}

/* The largest difference of y = BN(z) with an untrained neck, against z of PyTorch. */
static double furthest(const char *network, const char *out) {
  char name[64];
  SafeFile *want = NULL, *have = NULL;
  double most = 0;
  snprintf(name, sizeof name, "%s.safetensors", network);
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path(name), NULL, &want), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path(out), NULL, &have), STATUS_OK);
  const FileTensor *z = safe_find(want, "z"), *y = safe_find(have, "y");
  CU_ASSERT_FATAL(z && y && z->count == y->count && z->count > 0);
  for (int64_t i = 0; i < z->count; i++) {
    double apart = fabs(file_tensor_get(z, i) / sqrt(1 + 1e-5) - file_tensor_get(y, i));
    if (!(apart <= most)) most = apart;
  }
  safe_close(want);
  safe_close(have);
  return most;
}

static void test_features(void) {
  static const char *const networks[] = {"resnet", "ibn"};
  static const char *const forms[] = {"legacy", "zip", "module", "fastreid"};
  shell_must("'%s' $TOP/tests/oracle/pretrained_oracle.py --out .", python());
  for (size_t n = 0; n < 2; n++) {
    shell_must("$GRAPHC $TOP/models/cdvm_small.xml -D ibn=%s -D encoders=off -D meta=off -D beta=0 "
               "-D pool=average -D eval_batch=2 -D height=64 -D image_width=32 -o n.plan.xml",
               n ? "a" : "off");
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
      shell_must("$GRAPHRUN exec n.plan.xml --program=extract --feed=images.safetensors "
                 "--weights=%s-%s.pth -o y.safetensors",
                 networks[n], forms[f]);
      double apart = furthest(networks[n], "y.safetensors");
      if (!(apart <= 1e-4)) printf("\n%s-%s: %g\n", networks[n], forms[f], apart);
      CU_ASSERT(apart <= 1e-4);
    }
  }
}

int main(void) {
  Shell s = shell("'%s' -c 'import torch, safetensors.torch'", python());
  bool there = s.code == 0;
  shell_free(&s);
  if (!there) {
    printf("skipped: PyTorch is not installed (pip install torch safetensors; TORCH_PYTHON names "
           "the Python)\n");
    support_clean();
    return 77;
  }
  static const SupportTest tests[] = {{"features of PyTorch's checkpoints", test_features}};
  return support_run("pretrained", tests, sizeof tests / sizeof *tests);
}
