/* The simulator's convolutions, against loops that gather; and its descriptors, against cuDNN's own
 * where that is installed: both accept and refuse the same. */
#include "tests/cusim/dnn_build.h"
#include "tests/cusim/values.h"

#include <CUnit/Basic.h>
#include <dlfcn.h>
#include <string.h>

/* Small whole numbers: sums are exact. */
static double number(int tensor, size_t i) {
  return (double)((i * 7 + (size_t)tensor * 3) % 5) - 2;
}

static size_t place(const int64_t dims[4], bool nhwc, int64_t a, int64_t c, int64_t h, int64_t w) {
  return (size_t)(nhwc ? ((a * dims[2] + h) * dims[3] + w) * dims[1] + c
                       : ((a * dims[1] + c) * dims[2] + h) * dims[3] + w);
}

static size_t count(const int64_t dims[4]) {
  return (size_t)(dims[0] * dims[1] * dims[2] * dims[3]);
}

/* The sum of all products that belong to element (a, b, i, j) of the result. */
static double gather(const DnnSpec *s, int64_t a, int64_t b, int64_t i, int64_t j) {
  const int64_t per = s->w[1], outs = s->w[0] / (s->x[1] / per);
  double sum = 0;
  for (int64_t n = 0; n < s->x[0]; n++)
    for (int64_t k = 0; k < s->y[1]; k++)
      for (int64_t p = 0; p < s->y[2]; p++)
        for (int64_t q = 0; q < s->y[3]; q++)
          for (int64_t c = 0; c < per; c++)
            for (int64_t r = 0; r < s->w[2]; r++)
              for (int64_t t = 0; t < s->w[3]; t++) {
                int64_t h = p * s->stride[0] + r * s->dilation[0] - s->pre[0];
                int64_t w = q * s->stride[1] + t * s->dilation[1] - s->pre[1];
                int64_t ch = k / outs * per + c;
                bool mine = s->what == DNN_FORWARD ? n == a && k == b && p == i && q == j
                            : s->what == DNN_DATA  ? n == a && ch == b && h == i && w == j
                                                   : k == a && c == b && r == i && t == j;
                if (!mine || h < 0 || w < 0 || h >= s->x[2] || w >= s->x[3]) continue;
                double x = number(0, place(s->x, s->nhwc, n, ch, h, w));
                double f = number(1, place(s->w, s->nhwc, k, c, r, t));
                double y = number(2, place(s->y, s->nhwc, n, k, p, q));
                sum += s->what == DNN_FORWARD ? x * f : s->what == DNN_DATA ? y * f : x * y;
              }
  return sum;
}

static uint32_t differs(const DnnSpec *s, const void *at, ValueType type) {
  const int64_t *dims = s->what == DNN_FORWARD ? s->y : s->what == DNN_DATA ? s->x : s->w;
  int tensor = s->what == DNN_FORWARD ? 2 : s->what == DNN_DATA ? 0 : 1;
  uint32_t wrong = 0;
  for (int64_t a = 0; a < dims[0]; a++)
    for (int64_t b = 0; b < dims[1]; b++)
      for (int64_t i = 0; i < dims[2]; i++)
        for (int64_t j = 0; j < dims[3]; j++) {
          size_t e = place(dims, s->nhwc, a, b, i, j);
          double right = (double)s->alpha * gather(s, a, b, i, j);
          if (s->beta != 0) right += (double)s->beta * number(tensor, e);
          wrong += value_load(at, type, e) != right;
        }
  return wrong;
}

static void convolve(DnnSpec s, ValueType type, uint64_t seed, int64_t used) {
  Bench b = {0};
  CusimReport report;
  cudnnHandle_t handle = NULL;
  DnnPlan plan;
  bench_open(&b, &(CusimOptions){.devices = 1, .order = CUSIM_RANDOM, .seed = seed});
  const int64_t *dims[] = {s.x, s.w, s.y};
  float *buffers[] = {b.x, b.y, b.z};
  int result = s.what == DNN_FORWARD ? 2 : s.what == DNN_DATA ? 0 : 1;
  OK(&b, b.cu->cudnnCreate(&handle));
  OK(&b, b.cu->cudnnSetStream(handle, b.s));
  OK(&b, b.cu->cudaMalloc(&s.workspace, 1280));
  for (int t = 0; t < 3; t++) {
    s.at[t] = buffers[t];
    OK(&b, b.cu->cudaStreamSynchronize(b.s));
    for (size_t i = 0; i < count(dims[t]); i++) value_store(b.h, type, i, number(t, i));
    OK(&b, b.cu->cudaMemcpyAsync(buffers[t], b.h, count(dims[t]) * value_size(type),
                                 cudaMemcpyHostToDevice, b.s));
  }
  dnn_build(&b, handle, &s, &plan);
  CU_ASSERT_EQUAL(plan.used, used);
  OK(&b, b.cu->cudnnBackendExecute(handle, plan.plan, plan.pack));
  OK(&b, b.cu->cudaMemcpyAsync(b.h, buffers[result], count(dims[result]) * value_size(type),
                               cudaMemcpyDeviceToHost, b.s));
  OK(&b, b.cu->cudaStreamSynchronize(b.s));
  CU_ASSERT_EQUAL(differs(&s, b.h, type), 0);
  dnn_drop(&b, &plan, FLAW_NONE);
  OK(&b, b.cu->cudnnDestroy(handle));
  OK(&b, b.cu->cudaFree(s.workspace));
  bench_close(&b, &report);
  CU_ASSERT_EQUAL(b.errors, 0);
  if (report.faults) printf("\n%s", report.text);
  CU_ASSERT_EQUAL(report.faults, 0);
}

static const DnnSpec plain = {.x = {2, 3, 5, 4},
                              .w = {4, 3, 3, 2},
                              .y = {2, 4, 2, 5},
                              .pre = {1, 1},
                              .post = {0, 1},
                              .stride = {2, 1},
                              .dilation = {1, 1},
                              .type = CUDNN_DATA_FLOAT,
                              .alpha = 1,
                              .alignment = 16,
                              .mode = CUDNN_HEUR_MODE_A};
/* Two groups, a dilated filter, no padding. */
static const DnnSpec grouped = {.x = {2, 4, 6, 5},
                                .w = {6, 2, 2, 3},
                                .y = {2, 6, 4, 1},
                                .stride = {1, 1},
                                .dilation = {2, 2},
                                .type = CUDNN_DATA_FLOAT,
                                .alpha = 1,
                                .alignment = 16,
                                .mode = CUDNN_HEUR_MODE_A};

static void convolutions(void) {
  static const struct {
    cudnnDataType_t type;
    ValueType values;
  } types[] = {{CUDNN_DATA_FLOAT, VALUE_F32},
               {CUDNN_DATA_BFLOAT16, VALUE_BF16},
               {CUDNN_DATA_DOUBLE, VALUE_F64}};
  uint32_t runs = 0;
  for (ConvWhat what = DNN_FORWARD; what <= DNN_FILTER; what++)
    for (int v = 0; v < 12; v++, runs++) {
      DnnSpec s = v % 2 ? grouped : plain;
      s.what = what;
      s.nhwc = v / 2 % 2;
      s.type = types[v / 4].type;
      if (v % 3 == 0) s.alpha = 2, s.beta = -1;
      convolve(s, types[v / 4].values, (uint64_t)v, v % 2);
    }
  CU_ASSERT_EQUAL(runs, 36);
}

/* The engine that the seed leaves away is passed over; the fallback is always there. */
static void engines(void) {
  DnnSpec s = plain;
  convolve(s, VALUE_F32, 2, 0);
  convolve(s, VALUE_F32, 3, 1);
  s.mode = CUDNN_HEUR_MODE_FALLBACK;
  convolve(s, VALUE_F32, 3, 0);
}

/* ---- cuDNN's own opinion ---- */

/* Its table of calls, as far as descriptors need it. */
static bool real_calls(CudaCalls *out) {
  char path[600];
  snprintf(path, sizeof path, "%s/libcudnn.so", CUDA_LIBRARY_FOLDER);
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (!library) return false;
  *out = (CudaCalls){0};
  *(void **)&out->cudnnBackendCreateDescriptor = dlsym(library, "cudnnBackendCreateDescriptor");
  *(void **)&out->cudnnBackendDestroyDescriptor = dlsym(library, "cudnnBackendDestroyDescriptor");
  *(void **)&out->cudnnBackendSetAttribute = dlsym(library, "cudnnBackendSetAttribute");
  *(void **)&out->cudnnBackendGetAttribute = dlsym(library, "cudnnBackendGetAttribute");
  *(void **)&out->cudnnBackendFinalize = dlsym(library, "cudnnBackendFinalize");
  return out->cudnnBackendFinalize;
}

/* Whether the operation's descriptors are all accepted. */
static bool accepts(const CudaCalls *cu, const DnnSpec *s) {
  Bench b = {.cu = cu};
  DnnPlan plan = {0};
  dnn_build_operation(&b, s, &plan);
  bool accepted = b.errors == 0;
  dnn_drop(&b, &plan, FLAW_NONE);
  return accepted;
}

static bool sim_accepts(const DnnSpec *s) {
  const CudaCalls *cu = cusim_open(&(CusimOptions){.devices = 1});
  bool accepted = accepts(cu, s);
  cusim_close(NULL);
  return accepted;
}

/* Shapes and flaws that both must accept or refuse.  What only the simulator refuses (flipped
 * filters, sums in another type, tensors that are not dense) is not among them, nor a convolution
 * as a tensor, at which cuDNN 9.19 throws an exception of C++. */
static void descriptors(void) {
  CudaCalls real;
  static const Flaw flaws[] = {FLAW_NONE,           FLAW_ATTRIBUTE_TYPE, FLAW_ATTRIBUTE_COUNT,
                               FLAW_ATTRIBUTE_NAME, FLAW_NOT_FINAL,      FLAW_CHANGED,
                               FLAW_NOT_SET,        FLAW_STRIDES};
  enum { FLAWS = sizeof flaws / sizeof *flaws };
  uint32_t compared = 0, accepted = 0;
  bool there = real_calls(&real);
  for (ConvWhat what = DNN_FORWARD; what <= DNN_FILTER; what++)
    for (size_t f = 0; f < FLAWS + 4; f++) {
      DnnSpec s = f % 2 ? grouped : plain;
      s.what = what;
      if (f < FLAWS)
        s.flaw = flaws[f];
      else if (f == FLAWS)
        s.y[3]++;
      else if (f == FLAWS + 1)
        s.x[0] = 3;
      else if (f == FLAWS + 2)
        s.post[0]++;
      bool ours = sim_accepts(&s);
      accepted += ours;
      CU_ASSERT_EQUAL(ours, f == 0 || f == FLAWS + 3);
      if (!there) continue;
      if (accepts(&real, &s) != ours)
        printf("\nkind %d, case %zu: cuDNN thinks otherwise", what, f);
      CU_ASSERT_EQUAL(accepts(&real, &s), ours);
      compared++;
    }
  CU_ASSERT_EQUAL(accepted, 6);
  printf("%u of 36 compared with cuDNN ... ", compared);
}

int main(void) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim dnn", NULL, NULL);
  if (!s || !CU_add_test(s, "convolutions", convolutions) || !CU_add_test(s, "engines", engines) ||
      !CU_add_test(s, "descriptors", descriptors))
    return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
