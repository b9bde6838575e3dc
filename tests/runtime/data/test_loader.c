/* Batches: the same bytes for any number of workers, after a resume, and beside bad files. */
#include "runtime/data/augment.h"
#include "runtime/data/image.h"
#include "runtime/data/loader.h"
#include "runtime/synth/synth.h"
#include "tests/support.h"

#include <fcntl.h>

#define K 2
#define IDS 5
#define B 6
#define H 32
#define W 16
#define IMAGE (H * W * 3)

/* Three domains of 5 identities with 2 cameras x 2 images; of any name, the same images. */
static DataSet *make_data(const char *name) {
  DataSet *data;
  char path[600];
  const SynthOptions options = {.dir = support_path(name),
                                .seed = 11,
                                .domains = 3,
                                .train_ids = IDS,
                                .test_ids = 2,
                                .cameras = 2,
                                .images = 2};
  CU_ASSERT_EQUAL_FATAL(synth_write(&options, NULL), STATUS_OK);
  snprintf(path, sizeof path, "%s/%s/synth.domains", support_folder(), name);
  CU_ASSERT_EQUAL_FATAL(dataset_read(path, NULL, &data), STATUS_OK);
  return data;
}

static const DataSet *synth(void) {
  static DataSet *data;
  if (!data) data = make_data("synth");
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

#define RANKS 3

/* A rank's rows are those of the whole batch, in its place of it or, where ranks compute over their
 * shares alone, in a batch of their own; the draws of augmentation are the whole batch's. */
static void shares_of(Plan *plan, uint32_t workers, uint32_t rank) {
  static BatchBytes whole, own;
  enum { SHARE = B / RANKS };
  const Tensor images = {own.images, DTYPE_F32, {5, {K, plan->local ? SHARE : B, H, W, 3}}};
  const Tensor labels = {own.labels, DTYPE_I32, {2, {K, plan->local ? SHARE : B}}};
  LoaderOptions options = {.plan = plan, .data = synth(), .seed = 4, .workers = workers};
  options.ranks = RANKS;
  options.rank = rank;
  Loader *part = open_loader(&options);
  bool local = plan->local;
  plan->local = false;
  options.ranks = options.rank = 0;
  Loader *all = open_loader(&options);
  plan->local = local;
  for (int step = 0; step < 3; step++) {
    memset(&own, 0, sizeof own);
    CU_ASSERT_EQUAL_FATAL(next(all, &whole, NULL), STATUS_OK);
    CU_ASSERT_EQUAL_FATAL(loader_next(part, &images, &labels, NULL), STATUS_OK);
    for (uint32_t k = 0; k < K; k++) {
      uint32_t from = k * B + rank * SHARE, to = local ? k * SHARE : from;
      CU_ASSERT_EQUAL(memcmp(&own.images[to * IMAGE], &whole.images[from * IMAGE],
                             SHARE * IMAGE * sizeof(float)),
                      0);
      CU_ASSERT_EQUAL(memcmp(&own.labels[to], &whole.labels[from], SHARE * sizeof(int32_t)), 0);
    }
  }
  SamplerPosition a[K], b[K];
  loader_positions(all, a);
  loader_positions(part, b);
  CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
  loader_destroy(part);
  loader_destroy(all);
}

static void test_shares(void) {
  Plan *plan = make_plan(two, K);
  plan->ranks = RANKS;
  for (int local = 0; local < 2; local++)
    for (uint32_t rank = 0; rank < RANKS; rank++) {
      plan->local = local;
      shares_of(plan, rank, rank);
    }
  plan_destroy(plan);
}

/* What a row of a step must be: an image of the domain decoded, resized and augmented here. */
static void expect_row(const Plan *plan, const DataDomain *d, uint32_t image, int64_t step,
                       uint64_t slot, float *out) {
  static float scratch[IMAGE];
  char error[IMAGE_ERROR_MAX];
  Image decoded;
  CU_ASSERT_EQUAL_FATAL(image_read(d->images[image].path, &decoded, error), STATUS_OK);
  CU_ASSERT_EQUAL(image_resize(&decoded, H, W, out), STATUS_OK);
  augment_apply(&plan->augment, (AugmentDraw){4, step, slot}, out, scratch);
  free(decoded.rgb);
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
      static float expected[IMAGE];
      CU_ASSERT_EQUAL(batch.labels[k * B + b], d->images[picks[b]].label);
      expect_row(plan, d, picks[b], 9, k * B + b, expected);
      CU_ASSERT_EQUAL(memcmp(expected, batch.images + (k * B + b) * IMAGE, sizeof expected), 0);
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

/* ---- files that cannot be decoded ---- */

/* Truncates, removes or overwrites training image `image` of a domain. */
static void damage(const DataDomain *d, uint32_t image, int how) {
  const char *path = d->images[image].path;
  if (how == 0) CU_ASSERT_EQUAL(truncate(path, 900), 0);
  if (how == 1) CU_ASSERT_EQUAL(unlink(path), 0);
  if (how != 2) return;
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file != NULL);
  fputs("no image", file);
  fclose(file);
}

/* The domain's `n`th image of an identity. */
static uint32_t image_of(const DataDomain *d, int32_t label, uint32_t n) {
  for (uint32_t i = 0; i < d->n_images; i++)
    if (d->images[i].label == label && n-- == 0) return i;
  CU_FAIL_FATAL("no such image");
  return 0;
}

/* In order of the batches: a message names each bad file when a row first meets it. */
static char *replay(const LoaderOptions *options, BatchBytes *out, Status *status,
                    LoaderCounts *counts) {
  Diag *diag = diag_create();
  char *all = NULL;
  size_t size = 0;
  FILE *text = open_memstream(&all, &size);
  Loader *l = open_loader(options);
  *status = STATUS_OK;
  for (int i = 0; i < STEPS && *status == STATUS_OK; i++) {
    *status = next(l, &out[i], diag);
    fprintf(text, "step %d\n", i);
    diag_print(diag, text);
    diag_clear(diag);
  }
  *counts = loader_counts(l);
  loader_destroy(l);
  diag_destroy(diag);
  fclose(text);
  return all;
}

static uint32_t times(const char *text, const char *part) {
  uint32_t n = 0;
  for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
  return n;
}

static void test_skip(void) {
  DataSet *data = make_data("skip");
  Plan *plan = make_plan(two, K);
  LoaderOptions options = {.plan = plan, .data = data, .seed = 4, .workers = 2, .skip_bad = true};
  static BatchBytes whole[STEPS], now[STEPS], again[STEPS];
  Status status;
  LoaderCounts counts;
  free(replay(&options, whole, &status, &counts));
  CU_ASSERT(status == STATUS_OK && counts.bad_files == 0 && counts.replaced_rows == 0);

  /* of one identity three neighbours, the last and the first among them; of another its second */
  const DataDomain *d = dataset_domain(data, two[1]);
  const uint32_t bad[4] = {image_of(d, 2, 0), image_of(d, 2, 3), image_of(d, 2, 2),
                           image_of(d, 4, 1)};
  for (int i = 0; i < 4; i++) damage(d, bad[i], i % 3);
  char *first = replay(&options, now, &status, &counts);
  CU_ASSERT_EQUAL(status, STATUS_OK);
  for (uint32_t workers = 0; workers <= 4; workers += 4) {
    LoaderCounts other;
    options.workers = workers;
    char *text = replay(&options, again, &status, &other);
    CU_ASSERT_STRING_EQUAL(text, first);
    CU_ASSERT_EQUAL(memcmp(now, again, sizeof now), 0);
    CU_ASSERT(counts.bad_files == other.bad_files && counts.replaced_rows == other.replaced_rows);
    free(text);
  }
  CU_ASSERT_EQUAL(counts.bad_files, 4);
  CU_ASSERT_EQUAL(times(first, "warning"), 4);
  CU_ASSERT_EQUAL(times(first, "warning: is truncated; the next image of its identity"), 2);
  CU_ASSERT_EQUAL(times(first, "warning: cannot be read: No such file or directory; "), 1);
  CU_ASSERT_EQUAL(times(first, "warning: is no JPEG, PNG or BMP image; "), 1);
  for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(times(first, d->images[bad[i]].path), 1);
  free(first);

  /* every row: as before, or the identity's next readable image with the row's own draws */
  Sampler *s;
  uint64_t replaced = 0;
  CU_ASSERT_EQUAL_FATAL(sampler_create(&plan->sampler, d, 4, NULL, &s), STATUS_OK);
  for (int step = 0; step < STEPS; step++) {
    uint32_t picks[B];
    sampler_next(s, picks);
    CU_ASSERT_EQUAL(memcmp(now[step].labels, whole[step].labels, sizeof whole[step].labels), 0);
    for (uint32_t row = 0; row < K * B; row++) {
      static float expected[IMAGE];
      const float *have = now[step].images + row * IMAGE;
      uint32_t pick = row < B ? UINT32_MAX : picks[row - B], good = pick;
      for (int i = 0; i < 3; i++)
        if (pick == bad[i]) good = image_of(d, 2, 1);
      if (pick == bad[3]) good = image_of(d, 4, 2);
      memcpy(expected, whole[step].images + row * IMAGE, sizeof expected);
      if (good != pick) expect_row(plan, d, good, step, row, expected);
      CU_ASSERT_EQUAL(memcmp(have, expected, sizeof expected), 0);
      replaced += good != pick;
    }
  }
  CU_ASSERT_EQUAL(counts.replaced_rows, replaced);
  sampler_destroy(s);

  /* nothing left of that identity */
  damage(d, image_of(d, 2, 1), 2);
  char *text = replay(&options, now, &status, &counts);
  CU_ASSERT_EQUAL(status, STATUS_INVALID);
  CU_ASSERT_EQUAL(times(text, "error:"), 1);
  CU_ASSERT_EQUAL(times(text, ", and domain 'plaza' has no other readable image of identity '000"),
                  1);
  free(text);
  plan_destroy(plan);
  dataset_destroy(data);
}

/* Batches before the file's first one are handed out; then the file is named. */
static void test_fatal(void) {
  DataSet *data = make_data("fatal");
  Plan *plan = make_plan(two, K);
  const DataDomain *d = dataset_domain(data, two[0]);
  Sampler *s;
  uint32_t picks[B];
  int first = 0; /* step that draws the image */
  uint32_t bad = image_of(d, 3, 1);
  CU_ASSERT_EQUAL_FATAL(sampler_create(&plan->sampler, d, 4, NULL, &s), STATUS_OK);
  for (bool found = false; !found; first++) {
    sampler_next(s, picks);
    for (int b = 0; b < B; b++) found = found || picks[b] == bad;
  }
  sampler_destroy(s);
  damage(d, bad, 0);
  char expected[1024];
  snprintf(
      expected, sizeof expected,
      "%s: error: is truncated\nhint: --bad-images=skip takes the identity's next image in its "
      "place\n",
      d->images[bad].path);
  for (uint32_t workers = 0; workers <= 4; workers += 2) {
    static BatchBytes out[STEPS];
    Status status;
    LoaderCounts counts;
    const LoaderOptions options = {.plan = plan, .data = data, .seed = 4, .workers = workers};
    char *text = replay(&options, out, &status, &counts), last[32];
    CU_ASSERT_EQUAL(status, STATUS_INVALID);
    snprintf(last, sizeof last, "step %d\n", first - 1);
    const char *at = strstr(text, last);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    CU_ASSERT_STRING_EQUAL(at + strlen(last), expected);
    CU_ASSERT_EQUAL(times(text, "error"), 1);
    free(text);
  }
  plan_destroy(plan);
  dataset_destroy(data);
}

int main(void) {
  static const SupportTest tests[] = {{"workers", test_workers}, {"rows", test_rows},
                                      {"shares", test_shares},   {"resume", test_resume},
                                      {"types", test_types},     {"skip", test_skip},
                                      {"fatal", test_fatal}};
  return support_run("loader", tests, sizeof tests / sizeof *tests);
}
