/* Texts that are compiled by several threads: each once, all of them, and of several that are wrong
 * the first one is told. */
#include "tests/cuda/cuda_lab.h"
#include "tests/support.h"

#include "kernels/cuda/modules.h"

#define TEXTS 8

typedef struct Compilation {
  Status status;
  KernelError error;
  uint32_t ready; /* functions that have a kernel */
  uint64_t compiled;
} Compilation;

/* Text `i` is wrong where `wrong` has a bit for it, in words of its own. */
static void give_texts(CudaContext *c, uint32_t wrong, CudaFunction **functions) {
  KernelError error;
  for (uint32_t i = 0; i < TEXTS; i++) {
    char text[200], name[16];
    snprintf(name, sizeof name, "f%u", i);
    snprintf(text, sizeof text,
             "extern \"C\" __global__ void %s(float *__restrict__ y) { y[0] = %s%u; }\n", name,
             wrong >> i & 1 ? "number_" : "", i);
    CU_ASSERT_EQUAL_FATAL(cuda_modules_function(c->modules, "", text, name, &error, &functions[i]),
                          STATUS_OK);
  }
}

static Compilation compile(uint32_t threads, uint32_t wrong, const char *what) {
  Compilation r = {.status = STATUS_OK};
  CudaFunction *functions[TEXTS];
  CusimReport report;
  Device *d;
  Diag *diag = diag_create();
  DeviceOptions options = {.threads = threads, .streams = 2, .events = 2};
  cuda_lab_begin(&(CusimOptions){.devices = 1, .print = true});
  CU_ASSERT_EQUAL_FATAL(device_cuda.open(&options, diag, &d), STATUS_OK);
  CudaContext *c = d->table->context(d);
  give_texts(c, wrong, functions);
  r.status = d->table->backend->finish(c, &r.error);
  for (uint32_t i = 0; i < TEXTS; i++) r.ready += functions[i]->kernel != NULL;
  d->table->close(d);
  CU_ASSERT(cuda_lab_end_report(what, &report));
  r.compiled = report.of[CUDA_CALL_nvrtcCompileProgram];
  diag_destroy(diag);
  return r;
}

static const uint32_t threads[] = {1, 2, 5, 16};

static void all_of_them(void) {
  for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
    Compilation r = compile(threads[i], 0, "right texts");
    CU_ASSERT_EQUAL(r.status, STATUS_OK);
    CU_ASSERT_EQUAL(r.ready, TEXTS);
    CU_ASSERT(cuda_lab_real() || r.compiled == TEXTS);
  }
}

static void the_first_failure(void) {
  KernelError first = {.text = ""};
  for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
    for (int again = 0; again < 3; again++) {
      Compilation r = compile(threads[i], 1u << 2 | 1u << 3 | 1u << 6, "wrong texts");
      CU_ASSERT_EQUAL(r.status, STATUS_INVALID);
      CU_ASSERT_PTR_NOT_NULL(strstr(r.error.text, "number_2"));
      if (!*first.text) first = r.error;
      CU_ASSERT_STRING_EQUAL(r.error.text, first.text);
      CU_ASSERT_EQUAL(r.ready, 0);
    }
}

int main(void) {
  static const SupportTest tests[] = {{"all of them", all_of_them},
                                      {"the first failure", the_first_failure}};
  if (!cuda_lab_real() && !cusim_compiles()) {
    puts("no compiler for texts");
    return 77;
  }
  return support_run("cuda modules", tests, sizeof tests / sizeof *tests);
}
