/* States from files: by name, converted, refused whole; and the rule for pretrained weights. */
#include "runtime/execute/init.h"
#include "runtime/execute/weights.h"
#include "tests/support.h"
#include "tests/values.h"

#include <math.h>

typedef struct Loaded {
  Compiled c;
  Executor *x;
} Loaded;

static Loaded load_model(const char *path, const char *const *defines, uint32_t n, uint64_t seed) {
  Loaded m = {.c = support_compile(path, defines, n, DTYPE_F32)};
  if (m.c.status != STATUS_OK) diag_print(m.c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(m.c.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(executor_create(m.c.plan, 1, m.c.diag, &m.x), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(init_states(m.x, seed, m.c.diag), STATUS_OK);
  return m;
}

static void unload(Loaded *m) {
  executor_destroy(m->x);
  support_release(&m->c);
}

static const char *small_model(void) {
  return support_write("small.xml",
                       "<model name='small' xmlns='urn:graphc:model:1'>"
                       "<program name='step' kind='train'>"
                       "<parameter name='a' shape='2 3' init='normal' spread='1' external='x.a'/>"
                       "<parameter name='b' shape='64 64' init='normal' spread='1' external='x.b'/>"
                       "<parameter name='b1' shape='64 64' external='x.b' noise='0.5'/>"
                       "<parameter name='b2' shape='64 64' external='x.b' noise='0.5'/>"
                       "<state name='count' shape='2' dtype='i64'/>"
                       "<expr name='loss' value='sum(square(a)) + sum(square(b)) + sum(b1 * b2)'/>"
                       "<gradient name='G' of='loss'/>"
                       "<state-field name='momentum'/>"
                       "<field name='next' value='0.9 * momentum + G'/>"
                       "<commit field='momentum' value='next'/>"
                       "<commit field='theta' value='theta - 0.1 * next'/>"
                       "<commit state='count' value='count'/>"
                       "<output value='loss'/>"
                       "</program><training steps='10' warmup-steps='0'/></model>");
}

static SafeFile *open_file(const char *path) {
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(path, NULL, &file), STATUS_OK);
  return file;
}

static Status start(const Loaded *m, const SafeFile *file, const char *path, uint64_t seed,
                    FILE *log, Diag *diag) {
  WeightsStart options = {.path = path, .seed = seed, .log = log};
  return weights_start(m->x, file, &options, diag);
}

static double state_at(const Loaded *m, const char *name, int64_t i) {
  uint32_t state = plan_state_find(m->c.plan, name);
  CU_ASSERT_NOT_EQUAL_FATAL(state, UINT32_MAX);
  Tensor t = value_state(m->x, state);
  return tensor_get(&t, i);
}

static void set_state(const Loaded *m, const char *name, int64_t i, double value) {
  Tensor t = value_state(m->x, plan_state_find(m->c.plan, name));
  tensor_set(&t, i, value);
  values_send(m->x);
}

static void save_all(const Loaded *m, const char *path) {
  SaveTensor *tensors = calloc(m->c.plan->n_states, sizeof *tensors);
  CU_ASSERT_PTR_NOT_NULL_FATAL(tensors);
  CU_ASSERT_EQUAL(weights_tensors(m->x, tensors, m->c.diag), STATUS_OK);
  CU_ASSERT_EQUAL(safe_write(path, tensors, m->c.plan->n_states, NULL, 0, false, m->c.diag),
                  STATUS_OK);
  free(tensors);
}

static void expect(const Loaded *m, const char *what) {
  char *text = support_messages(m->c.diag);
  if (!strstr(text, what)) printf("\nexpected: %s\nprinted: %s", what, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, what));
  free(text);
  diag_clear(m->c.diag);
}

static void test_round_trip(void) {
  Loaded m = load_model(small_model(), NULL, 0, 1), other = load_model(small_model(), NULL, 0, 2);
  const char *path = support_path("all.safetensors");
  Tensor count = value_state(m.x, plan_state_find(m.c.plan, "count"));
  ((int64_t *)count.data)[1] = ((int64_t)1 << 60) + 1; /* no double holds it */
  values_send(m.x);
  save_all(&m, path);
  SafeFile *file = open_file(path);
  CU_ASSERT_EQUAL(weights_load(other.x, file, path, WEIGHTS_ALL, 0, m.c.diag), STATUS_OK);
  for (uint32_t i = 0; i < m.c.plan->n_states; i++) {
    Tensor a = value_state(m.x, i), b = value_state(other.x, i);
    CU_ASSERT_EQUAL(memcmp(a.data, b.data, (size_t)tensor_bytes(&a)), 0);
  }
  safe_close(file);
  unload(&m);
  unload(&other);
}

static SaveTensor tensor2(const char *name, DType dtype, int64_t rows, int64_t columns,
                          const void *data) {
  return (SaveTensor){name, dtype, {2, {rows, columns}}, data};
}

static void test_convert(void) {
  Loaded m = load_model(small_model(), NULL, 0, 1);
  const char *path = support_path("f64.safetensors");
  const double a[6] = {1, 0.1, -3, 1e-3, 5, 6};
  SaveTensor one = tensor2("a", DTYPE_F64, 2, 3, a);
  CU_ASSERT_EQUAL(safe_write(path, &one, 1, NULL, 0, false, m.c.diag), STATUS_OK);
  SafeFile *file = open_file(path);
  double before = state_at(&m, "b", 7);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ANY, 0, m.c.diag), STATUS_OK);
  for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL((float)state_at(&m, "a", i), (float)a[i]);
  CU_ASSERT_EQUAL(state_at(&m, "b", 7), before);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_PROGRAM, 0, m.c.diag), STATUS_INVALID);
  expect(&m, "f64.safetensors: error: lacks 4 of the tensors of program 'step': b, b1, b2, count");
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ALL, 0, m.c.diag), STATUS_INVALID);
  expect(&m, "lacks 8 of the tensors of the plan: b, b1, b2, count, momentum:a,");
  safe_close(file);
  unload(&m);
}

/* One bad tensor: nothing of the file is taken. */
static void test_refused(void) {
  Loaded m = load_model(small_model(), NULL, 0, 1);
  const char *path = support_path("bad.safetensors");
  const float a[6] = {9, 9, 9, 9, 9, 9};
  const float count[2] = {1, 2};
  SaveTensor tensors[3] = {tensor2("a", DTYPE_F32, 2, 3, a),
                           tensor2("b", DTYPE_F32, 3, 2, a),
                           {"count", DTYPE_F32, {1, {2}}, count}};
  CU_ASSERT_EQUAL(safe_write(path, tensors, 3, NULL, 0, false, m.c.diag), STATUS_OK);
  SafeFile *file = open_file(path);
  double before = state_at(&m, "a", 0);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ANY, 0, m.c.diag), STATUS_INVALID);
  CU_ASSERT_EQUAL(state_at(&m, "a", 0), before);
  expect(&m, "tensor b: error: has the shape (3, 2), the plan wants (64, 64); 1 other tensor does "
             "not fit either\nhint: ");
  CU_ASSERT_EQUAL(start(&m, file, path, 1, NULL, m.c.diag), STATUS_INVALID);
  expect(&m, "has the shape (3, 2), the plan wants (64, 64); 3 other tensors do");
  safe_close(file);
  CU_ASSERT_EQUAL(safe_write(path, &tensors[2], 1, NULL, 0, false, m.c.diag), STATUS_OK);
  file = open_file(path);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ANY, 0, m.c.diag), STATUS_INVALID);
  expect(&m, "tensor count: error: holds floating-point numbers, the plan wants i64\n");
  safe_close(file);
  SaveTensor stranger = tensor2("stranger", DTYPE_F32, 2, 3, a);
  CU_ASSERT_EQUAL(safe_write(path, &stranger, 1, NULL, 0, false, m.c.diag), STATUS_OK);
  file = open_file(path);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ANY, 0, m.c.diag), STATUS_INVALID);
  expect(&m, "has no tensor of a name that the plan knows");
  CU_ASSERT_EQUAL(start(&m, file, path, 1, NULL, m.c.diag), STATUS_INVALID);
  expect(&m, "has no parameter of a name that the model knows");
  safe_close(file);
  unload(&m);
}

static void test_not_finite(void) {
  Loaded m = load_model(small_model(), NULL, 0, 1);
  const char *path = support_path("nan.safetensors");
  float a[6] = {1, 2, 3, 4, NAN, 6};
  SaveTensor tensor = tensor2("a", DTYPE_F32, 2, 3, a);
  CU_ASSERT_EQUAL(safe_write(path, &tensor, 1, NULL, 0, false, m.c.diag), STATUS_OK);
  SafeFile *file = open_file(path);
  double before = state_at(&m, "a", 0);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ANY, 0, m.c.diag), STATUS_INVALID);
  expect(&m, "nan.safetensors: tensor a: error: element 4 is nan, no finite f32\n");
  CU_ASSERT_EQUAL(start(&m, file, path, 1, NULL, m.c.diag), STATUS_INVALID);
  expect(&m, "element 4 is nan");
  CU_ASSERT_EQUAL(state_at(&m, "a", 0), before);
  safe_close(file);
  const double large[6] = {1, 2, -1e300, 4, 5, 6};
  SaveTensor wide = tensor2("a", DTYPE_F64, 2, 3, large);
  CU_ASSERT_EQUAL(safe_write(path, &wide, 1, NULL, 0, false, m.c.diag), STATUS_OK);
  file = open_file(path);
  CU_ASSERT_EQUAL(weights_load(m.x, file, path, WEIGHTS_ANY, 0, m.c.diag), STATUS_INVALID);
  expect(&m, "tensor a: error: element 2 is -1e+300, no finite f32\n");
  safe_close(file);
  unload(&m);
}

static double spread_between(const Loaded *m, const char *a, const char *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double d = state_at(m, a, i) - (b ? state_at(m, b, i) : 0);
    sum += d * d;
  }
  return sqrt(sum / (double)n);
}

/* The same tensor under its external name, and under the name of the state without noise. */
static void test_start(void) {
  static const char *const names[2] = {"x.b", "b"};
  static float b[64 * 64];
  for (int i = 0; i < 64 * 64; i++) b[i] = (float)sin(i);
  float first = 0;
  for (int k = 0; k < 2; k++) {
    Loaded m = load_model(small_model(), NULL, 0, 1);
    const char *path = support_path("start.safetensors");
    const float extra[6] = {0};
    SaveTensor tensors[3] = {tensor2(names[k], DTYPE_F32, 64, 64, b),
                             tensor2("stranger", DTYPE_F32, 2, 3, extra),
                             tensor2("momentum:a", DTYPE_F32, 2, 3, b)};
    CU_ASSERT_EQUAL(safe_write(path, tensors, 3, NULL, 0, false, m.c.diag), STATUS_OK);
    SafeFile *file = open_file(path);
    char *log = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&log, &size);
    double a = state_at(&m, "a", 3);
    CU_ASSERT_EQUAL(start(&m, file, path, 5, out, m.c.diag), STATUS_OK);
    fclose(out);
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "  not in the file: a, count\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "  not in the model: stranger\n"));
    CU_ASSERT_EQUAL(state_at(&m, "a", 3), a);
    CU_ASSERT_EQUAL(state_at(&m, "momentum:a", 3), 0);
    CU_ASSERT_EQUAL((float)state_at(&m, "b", 100), b[100]);
    double spread = spread_between(&m, "b", NULL, 64 * 64); /* of mean 0 almost */
    CU_ASSERT_DOUBLE_EQUAL(spread_between(&m, "b1", "b", 64 * 64) / spread, 0.5, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(spread_between(&m, "b2", "b", 64 * 64) / spread, 0.5, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(spread_between(&m, "b1", "b2", 64 * 64) / spread, sqrt(0.5), 0.02);
    if (k) CU_ASSERT_EQUAL((float)state_at(&m, "b1", 9), first);
    first = (float)state_at(&m, "b1", 9);
    free(log);
    safe_close(file);
    unload(&m);
  }
}

/* What the file has under a state's own name is taken as it is. */
static void test_start_own(void) {
  Loaded m = load_model(small_model(), NULL, 0, 1), other = load_model(small_model(), NULL, 0, 2);
  const char *path = support_path("own.safetensors");
  for (int i = 0; i < 64 * 64; i++) set_state(&m, "b1", i, i);
  set_state(&m, "momentum:a", 2, 7);
  save_all(&m, path);
  SafeFile *file = open_file(path);
  CU_ASSERT_EQUAL(start(&other, file, path, 5, NULL, m.c.diag), STATUS_OK);
  CU_ASSERT_EQUAL(state_at(&other, "b1", 77), 77);
  CU_ASSERT_EQUAL(state_at(&other, "a", 1), state_at(&m, "a", 1));
  CU_ASSERT_EQUAL(state_at(&other, "momentum:a", 2), 0);
  safe_close(file);
  unload(&m);
  unload(&other);
}

/* A plain network's checkpoint becomes CDVM's: its last bottlenecks are the global encoders, the
 * locals start from them. */
static void test_plain_to_cdvm(void) {
  static const char *const plain[] = {"width=8",       "height=32", "image_width=16", "batch_ids=2",
                                      "domains=a b c", "ids=4 4 4", "encoders=off",   "meta=off"};
  Loaded m = load_model("models/cdvm_small.xml", plain, 8, 1);
  Loaded full = load_model("models/cdvm_small.xml", plain, 6, 2);
  const char *path = support_path("plain.safetensors");
  set_state(&m, "stage3/global/norm2/running_mean", 3, 0.25);
  save_all(&m, path);
  SafeFile *file = open_file(path);
  char *log = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&log, &size);
  CU_ASSERT_EQUAL(start(&full, file, path, 3, out, full.c.diag), STATUS_OK);
  fclose(out);
  CU_ASSERT_PTR_NULL(strstr(log, "not in the model"));
  const char *kept = strstr(log, "  not in the file: ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
  CU_ASSERT_PTR_NOT_NULL(strstr(kept, "stage1/fuse/weight"));
  CU_ASSERT_PTR_NOT_NULL(strstr(kept, "stage4/dom/bias"));
  CU_ASSERT_PTR_NULL(strstr(kept, "/local"));
  CU_ASSERT_EQUAL(state_at(&full, "cls1/weight", 5), state_at(&m, "cls1/weight", 5));
  CU_ASSERT_EQUAL(state_at(&full, "stage2/b0/down/conv/weight", 5),
                  state_at(&m, "stage2/b0/down/conv/weight", 5));
  CU_ASSERT_EQUAL(state_at(&full, "stage3/local2/norm2/running_mean", 3), 0.25);
  for (int s = 1; s <= 4; s++) {
    char global[64], local[3][64];
    snprintf(global, sizeof global, "stage%d/global/conv2/weight", s);
    for (int k = 0; k < 3; k++)
      snprintf(local[k], sizeof local[k], "stage%d/local%d/conv2/weight", s, k);
    int64_t mid = 8 << (s - 1), n = mid * mid * 9;
    double spread = spread_between(&full, global, NULL, n);
    CU_ASSERT_EQUAL(state_at(&full, global, 11), state_at(&m, global, 11));
    for (int k = 0; k < 3; k++)
      CU_ASSERT_DOUBLE_EQUAL(spread_between(&full, local[k], global, n) / spread, 0.5, 0.06);
    CU_ASSERT_NOT_EQUAL(state_at(&full, local[0], 0), state_at(&full, local[1], 0));
  }
  free(log);
  safe_close(file);
  unload(&m);
  unload(&full);
}

int main(void) {
  static const SupportTest tests[] = {
      {"all states, bit for bit", test_round_trip},
      {"converted; what is missing is listed", test_convert},
      {"another shape or kind: nothing is taken", test_refused},
      {"values that are no finite numbers", test_not_finite},
      {"pretrained: external names, relatives, noise", test_start},
      {"own names come first, without noise", test_start_own},
      {"plain network to CDVM", test_plain_to_cdvm},
  };
  return support_run("weights", tests, sizeof tests / sizeof *tests);
}
