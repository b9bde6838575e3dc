/* Batches: the same bytes for any number of workers, after a resume, and beside bad files. */
#include "runtime/augment.h"
#include "runtime/image.h"
#include "runtime/loader.h"
#include "runtime/synth.h"
#include "tests/support.h"

#include <fcntl.h>

#define K 2
#define IDS 5
#define B 6
#define H 32
#define W 16
#define IMAGE (H * W * 3)

/* Two domains of 5 identities with 2 cameras x 2 images. */
static const DataSet *synth(void) {
  static DataSet *data;
  if (data) return data;
  const SynthOptions options = {.dir = support_path("synth"),
                                .seed = 11,
                                .domains = 3,
                                .train_ids = IDS,
                                .test_ids = 2,
                                .cameras = 2,
                                .images = 2};
  CU_ASSERT_EQUAL_FATAL(synth_write(&options, NULL), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(dataset_read(support_path("synth/synth.domains"), NULL, &data), STATUS_OK);
  return data;
}

/* A plan as far as the loader reads one. */
static Plan *make_plan(const char *const *domains, uint32_t n) {
  Plan *plan = plan_create(symbols_create());
  Strings *strings = plan->symbols->strings;
  plan->model_name = strings_intern(strings, "m");
  plan->has_training = plan->has_sampler = plan->has_augment = true;
  plan->training.domains = calloc(n + 1, sizeof *plan->training.domains);
  plan->training.ids = calloc(n + 1, sizeof *plan->training.ids);
  plan->training.n_domains = n;
  for (uint32_t k = 0; k < n; k++) {
    plan->training.domains[k] = strings_intern(strings, domains[k]);
    plan->training.ids[k] = IDS;
  }
  plan->sampler = (PlanSampler){0, 3, 2};
  plan->augment = (PlanAugment){.height = H,
                                .width = W,
                                .pad_crop = 3,
                                .flip = 0.5,
                                .jitter = 0.5,
                                .brightness = 0.15,
                                .contrast = 0.15,
                                .saturation = 0.1,
                                .hue = 0.1,
                                .erase = 0.5,
                                .erase_min = 0.02,
                                .erase_max = 0.33,
                                .erase_aspect = 0.3};
  return plan;
}

static const char *const two[] = {"campus", "plaza"}; /* not in the data set's order */

typedef struct BatchBytes {
  float images[K * B * IMAGE];
  int32_t labels[K * B];
} BatchBytes;

static Status next(Loader *l, BatchBytes *out, Diag *diag) {
  const Tensor images = {out->images, DTYPE_F32, {5, {K, B, H, W, 3}}};
  const Tensor labels = {out->labels, DTYPE_I32, {2, {K, B}}};
  return loader_next(l, &images, &labels, diag);
}

static Loader *open_loader(const LoaderOptions *options) {
  Loader *l = NULL;
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(loader_create(options, diag, &l), STATUS_OK);
  diag_print(diag, stderr);
  diag_destroy(diag);
  CU_ASSERT_PTR_NOT_NULL_FATAL(l);
  return l;
}

#define STEPS 12

static void test_workers(void) {
  Plan *plan = make_plan(two, K);
  static BatchBytes first[STEPS], again;
  for (uint32_t workers = 0; workers <= 4; workers += workers ? 3 : 1) {
    const LoaderOptions options = {
        .plan = plan, .data = synth(), .seed = 4, .workers = workers, .first_step = 100};
    Loader *l = open_loader(&options);
    for (int i = 0; i < STEPS; i++) {
      BatchBytes *out = workers ? &again : &first[i];
      CU_ASSERT_EQUAL_FATAL(next(l, out, NULL), STATUS_OK);
      CU_ASSERT_EQUAL(memcmp(out, &first[i], sizeof *out), 0);
      if (i > 0) CU_ASSERT_NOT_EQUAL(memcmp(&first[i], &first[i - 1], sizeof *out), 0);
    }
    loader_destroy(l);
  }
  plan_destroy(plan);
}

/* A batch against sampler, decoding, resizing and augmentation called here one after another. */
static void test_rows(void) {
  Plan *plan = make_plan(two, K);
  const LoaderOptions options = {
      .plan = plan, .data = synth(), .seed = 4, .workers = 1, .first_step = 7};
  Loader *l = open_loader(&options);
  static BatchBytes batch;
  for (int64_t step = 7; step < 10; step++) CU_ASSERT_EQUAL(next(l, &batch, NULL), STATUS_OK);
  for (uint32_t k = 0; k < K; k++) {
    const DataDomain *d = dataset_domain(synth(), two[k]);
    Sampler *s;
    uint32_t picks[B];
    CU_ASSERT_EQUAL_FATAL(sampler_create(&plan->sampler, d, 4, NULL, &s), STATUS_OK);
    for (int i = 0; i < 3; i++) sampler_next(s, picks);
    for (uint32_t b = 0; b < B; b++) {
      static float expected[IMAGE], scratch[IMAGE];
      char error[IMAGE_ERROR_MAX];
      Image image;
      CU_ASSERT_EQUAL(batch.labels[k * B + b], d->images[picks[b]].label);
      CU_ASSERT_EQUAL_FATAL(image_read(d->images[picks[b]].path, &image, error), STATUS_OK);
      CU_ASSERT_EQUAL(image_resize(&image, H, W, expected), STATUS_OK);
      augment_apply(&plan->augment, (AugmentDraw){4, 9, k * B + b}, expected, scratch);
      CU_ASSERT_EQUAL(memcmp(expected, batch.images + (k * B + b) * IMAGE, sizeof expected), 0);
      free(image.rgb);
    }
    sampler_destroy(s);
  }
  loader_destroy(l);
  plan_destroy(plan);
}

static void test_resume(void) {
  Plan *plan = make_plan(two, K);
  LoaderOptions options = {.plan = plan, .data = synth(), .seed = 4, .workers = 2};
  Loader *l = open_loader(&options);
  static BatchBytes x, y;
  for (int64_t step = 0; step < STEPS; step++) {
    SamplerPosition at[K];
    loader_positions(l, at);
    CU_ASSERT_EQUAL(next(l, &x, NULL), STATUS_OK);
    options.start = at;
    options.first_step = step;
    Loader *resumed = open_loader(&options);
    CU_ASSERT_EQUAL(next(resumed, &y, NULL), STATUS_OK);
    CU_ASSERT_EQUAL(memcmp(&x, &y, sizeof x), 0);
    loader_destroy(resumed);
  }
  loader_destroy(l);
  plan_destroy(plan);
}

/* f64 plans get the same numbers; either tensor may be left out; wrong sizes are refused. */
static void test_types(void) {
  Plan *plan = make_plan(two, K);
  const LoaderOptions options = {.plan = plan, .data = synth(), .seed = 4};
  Loader *a = open_loader(&options), *b = open_loader(&options);
  static BatchBytes x;
  static double y[K * B * IMAGE];
  Tensor wide = {y, DTYPE_F64, {5, {K, B, H, W, 3}}};
  CU_ASSERT_EQUAL(next(a, &x, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(loader_next(b, &wide, NULL, NULL), STATUS_OK);
  int differ = 0;
  for (int i = 0; i < K * B * IMAGE; i++) differ += y[i] != (double)x.images[i];
  CU_ASSERT_EQUAL(differ, 0);
  wide.shape.dim[1]++;
  CU_ASSERT_EQUAL(loader_next(b, &wide, NULL, NULL), STATUS_INVALID);
  loader_destroy(a);
  loader_destroy(b);
  plan_destroy(plan);
}

int main(void) {
  static const SupportTest tests[] = {{"workers", test_workers},
                                      {"rows", test_rows},
                                      {"resume", test_resume},
                                      {"types", test_types}};
  return support_run("loader", tests, sizeof tests / sizeof *tests);
}
