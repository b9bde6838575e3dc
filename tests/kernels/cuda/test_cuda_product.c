/* Matrix products on the simulated device: every form against the reference. */
#include "tests/kernels/cuda/cuda_kernel_test.h"
#include "tests/support.h"

typedef struct Form {
  int rank_a, rank_b;
  int64_t a[4], b[4]; /* batch axes, without the matrices */
} Form;
static const Form forms[] = {{0, 0, {0}, {0}},
                             {1, 1, {3}, {3}},
                             {1, 0, {5}, {0}},                 /* B for all: rows of one product */
                             {0, 1, {0}, {4}},                 /* A for all */
                             {2, 2, {2, 3}, {2, 3}},           /* one axis */
                             {2, 2, {2, 3}, {2, 1}},           /* rows */
                             {2, 2, {2, 1}, {2, 3}},           /* A repeated inside: two axes */
                             {2, 1, {4, 3}, {3}},              /* B repeated outside */
                             {2, 2, {1, 3}, {2, 1}},           /* both repeated */
                             {3, 3, {2, 1, 3}, {2, 4, 1}},     /* three axes */
                             {4, 3, {2, 1, 3, 1}, {3, 1, 2}}}; /* four */
#define FORMS (sizeof forms / sizeof *forms)
static const int64_t sizes[][3] = {{1, 1, 1}, {5, 7, 3}, {1, 6, 9},
                                   {8, 1, 5}, {4, 3, 1}, {16, 17, 33}};
#define SIZES (sizeof sizes / sizeof *sizes)

static NodeId make(Lab *lab, DType dtype, const Form *f, const int64_t mnk[3], bool ta, bool tb) {
  int64_t a[6], b[6];
  for (int i = 0; i < f->rank_a; i++) a[i] = f->a[i];
  for (int i = 0; i < f->rank_b; i++) b[i] = f->b[i];
  a[f->rank_a] = ta ? mnk[2] : mnk[0];
  a[f->rank_a + 1] = ta ? mnk[0] : mnk[2];
  b[f->rank_b] = tb ? mnk[1] : mnk[2];
  b[f->rank_b + 1] = tb ? mnk[2] : mnk[1];
  NodeId left = lab_input(lab, dtype, f->rank_a + 2, a);
  NodeId right = lab_input(lab, dtype, f->rank_b + 2, b);
  return emit_matmul(&lab->e, left, right, ta, tb);
}

/* Whole numbers exactly, others within the rounding of a sum of k products. */
static void check(DType dtype, const Form *f, const int64_t mnk[3], int turns, uint64_t seed) {
  Lab lab;
  Single s;
  char what[80];
  lab_init(&lab, dtype, seed + 1);
  single_init(&s, &lab, make(&lab, dtype, f, mnk, turns & 1, turns >> 1));
  snprintf(what, sizeof what, "%s form %d, %lld %lld %lld, turns %d", dtype_name(dtype),
           (int)(f - forms), (long long)mnk[0], (long long)mnk[1], (long long)mnk[2], turns);
  if (seed % 2) single_whole(&lab, &s);
  double bound = seed % 2 ? 0 : dtype == DTYPE_F64 ? 1e-13 : 4e-6;
  double off = single_error(&lab, &s, seed, what);
  if (!(off <= bound)) printf("\n  %s: off by %g", what, off);
  CU_ASSERT(off <= bound);
  CU_ASSERT_STRING_EQUAL(s.name, "product cublas");
  lab_free(&lab);
}

static void every_form(void) {
  uint64_t seed = 0;
  for (size_t f = 0; f < FORMS; f++)
    for (size_t z = 0; z < SIZES; z++)
      for (int turns = 0; turns < 4; turns++, seed++)
        for (int wide = 0; wide < 2; wide++)
          if (f < 1 || (seed + (uint64_t)wide) % 3 == 0)
            check(wide ? DTYPE_F64 : DTYPE_F32, &forms[f], sizes[z], turns, seed / 3);
}

/* A matrix with itself is one input. */
static void with_itself(void) {
  Lab lab;
  Single s;
  lab_init(&lab, DTYPE_F32, 5);
  NodeId a = lab_input(&lab, DTYPE_F32, 2, (int64_t[]){6, 11});
  single_init(&s, &lab, emit_matmul(&lab.e, a, a, false, true));
  single_whole(&lab, &s);
  CU_ASSERT_EQUAL(s.spec.n_inputs, 1);
  CU_ASSERT_EQUAL(single_error(&lab, &s, 1, "with itself"), 0);
  lab_free(&lab);
}

static void use_tf32(CudaContext *context) {
  context->tf32 = true;
}

/* Rounded to 10 bits when that is chosen, and then only f32. */
static void tf32(void) {
  for (int wide = 0; wide < 2; wide++) {
    Lab lab;
    Single s;
    const DType dtype = wide ? DTYPE_F64 : DTYPE_F32;
    lab_init(&lab, dtype, 3);
    single_init(&s, &lab, make(&lab, dtype, &forms[1], sizes[5], false, false));
    s.prepare = use_tf32;
    double off = single_error(&lab, &s, 2, "tf32");
    CU_ASSERT(wide ? off < 1e-13 : off < 1e-2);
    CU_ASSERT(wide || cuda_lab_real() || off > 1e-5);
    CU_ASSERT_STRING_EQUAL(s.name, wide ? "product cublas" : "product cublas tf32");
    lab_free(&lab);
  }
}

/* What cuBLAS has no form of: sizes beyond 32 bits, very many calls. */
static void forms_that_are_left(void) {
  static const struct {
    int rank_a, rank_b;
    int64_t a[5], b[5];
    const char *name;
  } cases[] = {
      {2, 2, {2147483647, 1}, {1, 1}, "product cublas"},
      {2, 2, {2147483648, 1}, {1, 1}, "product plain"},
      {2, 2, {1, 2147483648}, {2147483648, 1}, "product plain"},
      {2, 2, {1, 1}, {1, 2147483648}, "product plain"},
      {3, 2, {65536, 32768, 1}, {1, 1}, "product cublas"}, /* rows that are not joined */
      {4, 4, {256, 1, 1, 1}, {256, 257, 1, 1}, "product cublas"},
      {4, 4, {257, 1, 1, 1}, {257, 257, 1, 1}, "product plain"},
      {3, 3, {16776961, 1, 1}, {16776961, 1, 1}, "product plain"}, /* 257 parts of a batch */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Lab lab;
    Single s;
    Diag *diag = diag_create();
    Device *d;
    Kernel *kernel;
    lab_init(&lab, DTYPE_F32, 1);
    NodeId a = lab_input(&lab, DTYPE_F32, cases[i].rank_a, cases[i].a);
    NodeId b = lab_input(&lab, DTYPE_F32, cases[i].rank_b, cases[i].b);
    single_init(&s, &lab, emit_matmul(&lab.e, a, b, false, false));
    CU_ASSERT(s.spec.work_bytes >= 16384 && s.spec.work_bytes <= 32 << 20);
    cuda_lab_begin(&(CusimOptions){.devices = 1});
    DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
    CU_ASSERT_EQUAL_FATAL(device_cuda.open(&options, diag, &d), STATUS_OK);
    CU_ASSERT_EQUAL_FATAL(backend_cuda.create(d->table->context(d), &s.spec, &s.error, &kernel),
                          STATUS_OK);
    CU_ASSERT_STRING_EQUAL(backend_cuda.implementation(kernel), cases[i].name);
    backend_cuda.destroy(kernel);
    d->table->close(d);
    CU_ASSERT(cuda_lab_end("forms that are left"));
    diag_destroy(diag);
    lab_free(&lab);
  }
}

/* Our own kernel: more calls than cuBLAS would be given. */
static void plain(void) {
  static const Form many[] = {{4, 4, {17, 1, 17, 1}, {1, 17, 1, 17}},
                              {2, 2, {257, 1}, {257, 257}},
                              {1, 3, {257}, {257, 1, 257}}};
  for (int i = 0; i < 24; i++) {
    Lab lab;
    Single s;
    int turns = i % 4;
    DType dtype = i / 12 ? DTYPE_F64 : DTYPE_F32;
    lab_init(&lab, dtype, (uint64_t)i + 1);
    single_init(
        &s, &lab,
        make(&lab, dtype, &many[i / 4 % 3], (const int64_t[]){2, 3, 2}, turns & 1, turns >> 1));
    if (i % 2) single_whole(&lab, &s);
    double off = single_error(&lab, &s, (uint64_t)i, "plain");
    CU_ASSERT(off <= (i % 2 ? 0 : dtype == DTYPE_F64 ? 1e-15 : 3e-7));
    CU_ASSERT_STRING_EQUAL(s.name, "product plain");
    lab_free(&lab);
  }
}

/* On one device: texts that differ in the type alone are two. */
static void two_types(void) {
  static const Form many = {2, 2, {257, 1}, {257, 257}};
  Device *d;
  Diag *diag = diag_create();
  DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
  cuda_lab_begin(&(CusimOptions){.devices = 1});
  CU_ASSERT_EQUAL_FATAL(device_cuda.open(&options, diag, &d), STATUS_OK);
  for (int wide = 0; wide < 2; wide++) {
    Lab lab;
    Single s;
    DType dtype = wide ? DTYPE_F64 : DTYPE_F32;
    lab_init(&lab, dtype, 1);
    single_init(&s, &lab, make(&lab, dtype, &many, (const int64_t[]){2, 3, 2}, false, false));
    single_whole(&lab, &s);
    for (uint32_t i = 0; i < s.spec.n_inputs; i++) s.in[i] = lab_value(&lab, s.inputs[i]);
    void *have = calloc(1, lab_bytes(&lab, s.id));
    CU_ASSERT_EQUAL_FATAL(lab_reference(&lab), STATUS_OK);
    CU_ASSERT_EQUAL(single_steps(d, &s, 1, have), STATUS_OK);
    CU_ASSERT_EQUAL(lab_error(&lab, s.id, have, 1e-30), 0);
    free(have);
    lab_free(&lab);
  }
  d->table->close(d);
  CU_ASSERT(cuda_lab_end("two types"));
  diag_destroy(diag);
}

static void each_call_fails(void) {
  Lab lab;
  Single s;
  lab_init(&lab, DTYPE_F32, 1);
  single_init(&s, &lab, make(&lab, DTYPE_F32, &forms[6], sizes[1], false, true));
  single_whole(&lab, &s);
  CU_ASSERT(single_failures(&lab, &s, "product") > 40);
  lab_free(&lab);
}

int main(void) {
  static const SupportTest tests[] = {{"every form", every_form},
                                      {"with itself", with_itself},
                                      {"tf32", tf32},
                                      {"forms that are left", forms_that_are_left},
                                      {"plain", plain},
                                      {"two types", two_types},
                                      {"each call fails", each_call_fails}};
  return support_run("cuda product", tests, sizeof tests / sizeof *tests);
}
