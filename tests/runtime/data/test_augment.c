/* Augmentation: what each operation does exactly, and how often and where it acts. */
#include "graph/base/philox.h"
#include "runtime/data/augment.h"
#include "tests/support.h"

#include <math.h>

#define H 24
#define W 16
#define N (H * W * 3)

/* Colours of every hue, none on the border of 0..1, and a few greys. */
static void make_image(float *image) {
  for (int i = 0; i < H * W; i++)
    for (int c = 0; c < 3; c++)
      image[3 * i + c] = i % 11 == 0 ? 0.1f + 0.002f * (float)i
                                     : 0.5f + 0.3f * sinf((float)i * 0.7f + (float)c * 2.0f);
}

static const PlanAugment nothing = {.height = H,
                                    .width = W,
                                    .brightness = 0.15,
                                    .contrast = 0.15,
                                    .saturation = 0.1,
                                    .hue = 0.1,
                                    .erase_min = 0.02,
                                    .erase_max = 0.33,
                                    .erase_aspect = 0.3};

static void apply(const PlanAugment *plan, int64_t step, uint64_t slot, float *image) {
  static float scratch[N];
  make_image(image);
  augment_apply(plan, (AugmentDraw){7, step, slot}, image, scratch);
}

static void test_nothing(void) {
  float original[N], image[N];
  make_image(original);
  for (int64_t step = 0; step < 50; step++) {
    apply(&nothing, step, (uint64_t)step, image);
    CU_ASSERT_EQUAL(memcmp(image, original, sizeof image), 0);
  }
}

static void test_flip(void) {
  float original[N], image[N];
  PlanAugment plan = nothing;
  make_image(original);
  plan.flip = 1;
  apply(&plan, 0, 0, image);
  int wrong = 0;
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      wrong += memcmp(image + (y * W + x) * 3, original + (y * W + W - 1 - x) * 3, 12) != 0;
  CU_ASSERT_EQUAL(wrong, 0);
  plan.flip = 0.3;
  int flipped = 0;
  for (int64_t i = 0; i < 2000; i++) {
    apply(&plan, i / 40, (uint64_t)(i % 40), image);
    flipped += memcmp(image, original, sizeof image) != 0;
  }
  CU_ASSERT(flipped > 500 && flipped < 700); /* 600, 4.9 sigma wide */
}

/* The shift of a cropped image, found by comparing it with all of them; false: none fits. */
static bool find_shift(const float *image, const float *original, int pad, int *dy, int *dx) {
  for (*dy = -pad; *dy <= pad; ++*dy)
    for (*dx = -pad; *dx <= pad; ++*dx) {
      bool same = true;
      for (int i = 0; i < N && same; i++) {
        int y = i / 3 / W + *dy, x = i / 3 % W + *dx;
        bool inside = y >= 0 && y < H && x >= 0 && x < W;
        same = image[i] == (inside ? original[(y * W + x) * 3 + i % 3] : 0);
      }
      if (same) return true;
    }
  return false;
}

/* Every window of the padded image is as likely as another. */
static void test_crop(void) {
  float original[N], image[N];
  PlanAugment plan = nothing;
  make_image(original);
  plan.pad_crop = 2;
  int hits[5][5] = {{0}};
  for (int64_t i = 0; i < 5000; i++) {
    int dy, dx;
    apply(&plan, i, 3, image);
    CU_ASSERT_FATAL(find_shift(image, original, 2, &dy, &dx));
    hits[dy + 2][dx + 2]++;
  }
  for (int i = 0; i < 25; i++)
    CU_ASSERT(hits[i / 5][i % 5] > 135 && hits[i / 5][i % 5] < 265); /* 200, 4.7 sigma */
  plan.pad_crop = 100; /* a window may miss the image altogether */
  for (int64_t i = 0; i < 50; i++) apply(&plan, i, 3, image);
}

/* ---- colour ---- */

static double luma(const double *p) {
  return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
}

static double unit(double x) {
  return fmin(fmax(x, 0), 1);
}

/* Red, green, blue from hue (turns), saturation and value, by the six sectors. */
static void from_hsv(double h, double s, double v, double *p) {
  h = (h - floor(h)) * 6;
  int sector = (int)h;
  double f = h - sector, a = v * (1 - s), b = v * (1 - s * f), c = v * (1 - s * (1 - f));
  const double rgb[6][3] = {{v, c, a}, {b, v, a}, {a, v, c}, {a, b, v}, {c, a, v}, {v, a, b}};
  memcpy(p, rgb[sector % 6], sizeof rgb[0]);
}

static void turn(double *p, double by) {
  double high = fmax(p[0], fmax(p[1], p[2])), low = fmin(p[0], fmin(p[1], p[2])), d = high - low;
  if (d == 0) return;
  double h = high == p[0]   ? (p[1] - p[2]) / d
             : high == p[1] ? 2 + (p[2] - p[0]) / d
                            : 4 + (p[0] - p[1]) / d;
  from_hsv(h / 6 + by, d / high, high, p);
}

/* Jitter by given factors, in double. */
static void jitter(const double *by, double *image) {
  double mean = 0;
  for (int i = 0; i < N; i++) image[i] = unit(image[i] * by[0]);
  for (int i = 0; i < H * W; i++) mean += luma(image + 3 * i) / (H * W);
  for (int i = 0; i < N; i++) image[i] = unit(image[i] * by[1] + (1 - by[1]) * mean);
  for (int i = 0; i < H * W; i++) {
    double *p = image + 3 * i, grey = luma(p);
    for (int c = 0; c < 3; c++) p[c] = unit(p[c] * by[2] + (1 - by[2]) * grey);
    turn(p, by[3]);
  }
}

/* The draws of (seed 7, step, slot) at the site of jitter: occurrence, three factors, the turn. */
static void jitter_draws(const PlanAugment *plan, int64_t step, uint64_t slot, double *by) {
  const double amount[4] = {plan->brightness, plan->contrast, plan->saturation, plan->hue};
  for (uint64_t k = 0; k < 4; k++) {
    double u = philox_uniform(7, (uint64_t)step, philox_site("augment/jitter"), slot * 64 + 1 + k);
    by[k] = (k < 3 ? 1 - amount[k] : -amount[k]) + 2 * amount[k] * u;
  }
}

static void test_jitter(void) {
  float original[N], image[N];
  PlanAugment plan = nothing;
  plan.jitter = 1;
  plan.brightness = plan.contrast = plan.saturation = 0.9; /* clamps */
  plan.hue = 0.5;
  make_image(original);
  double worst = 0;
  for (int64_t step = 0; step < 200; step++) {
    double expected[N], by[4];
    for (int i = 0; i < N; i++) expected[i] = (double)original[i];
    jitter_draws(&plan, step, 5, by);
    jitter(by, expected);
    apply(&plan, step, 5, image);
    for (int i = 0; i < N; i++) worst = fmax(worst, fabs((double)image[i] - expected[i]));
  }
  CU_ASSERT(worst < 1e-5);
  plan.brightness = plan.contrast = plan.saturation = plan.hue = 0;
  apply(&plan, 0, 5, image);
  for (int i = 0; i < N; i++) CU_ASSERT_DOUBLE_EQUAL(image[i], original[i], 1e-6);
  plan = nothing;
  plan.jitter = 0.5;
  int changed = 0;
  for (int64_t step = 0; step < 2000; step++) {
    apply(&plan, step, 0, image);
    changed += memcmp(image, original, sizeof image) != 0;
  }
  CU_ASSERT(changed > 890 && changed < 1110); /* 1000, 4.9 sigma */
}

/* ---- erasing ---- */

/* The erased rectangle: pixels of the mean colour must be a full rectangle, all others untouched.
 * False when nothing is erased. */
static bool find_rectangle(const float *image, const float *original, int *height, int *width) {
  int top = H, left = W, bottom = -1, right = -1, n = 0;
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      const float *p = image + (y * W + x) * 3;
      if (memcmp(p, original + (y * W + x) * 3, 12) == 0) continue;
      CU_ASSERT_EQUAL(memcmp(p, augment_mean_color, 12), 0);
      n++;
      top = y < top ? y : top;
      left = x < left ? x : left;
      bottom = y > bottom ? y : bottom;
      right = x > right ? x : right;
    }
  if (n == 0) return false;
  *height = bottom - top + 1;
  *width = right - left + 1;
  CU_ASSERT_EQUAL(n, *height * *width);
  return true;
}

static void test_erase(void) {
  float original[N], image[N];
  PlanAugment plan = nothing;
  make_image(original);
  plan.erase = 0.5;
  int erased = 0, corner = 0, tall = 0;
  for (int64_t step = 0; step < 2000; step++) {
    int height, width;
    apply(&plan, step, 9, image);
    if (!find_rectangle(image, original, &height, &width)) continue;
    erased++;
    double area = (double)height * width / (H * W), aspect = (double)height / width;
    /* rounding moves each side by up to a half pixel */
    CU_ASSERT((height + 0.5) * (width + 0.5) / (H * W) >= 0.02);
    CU_ASSERT((height - 0.5) * (width - 0.5) / (H * W) <= 0.33);
    CU_ASSERT((height + 0.5) / (width - 0.5) >= 0.3 && (height - 0.5) / (width + 0.5) <= 1 / 0.3);
    CU_ASSERT(height < H && width < W && area > 0);
    corner += memcmp(image, augment_mean_color, 12) == 0;
    tall += aspect > 1.8;
  }
  CU_ASSERT(erased > 890 && erased < 1110); /* ten tries nearly always fit */
  CU_ASSERT(corner > 5);
  /* aspect is uniform in (0.3, 3.33), so its median is 1.8, a little less since tall ones fit less
   */
  CU_ASSERT(tall > erased * 35 / 100 && tall < erased * 55 / 100);
}

/* Nothing that fits: ten tries, then the image stays. */
static void test_erase_too_large(void) {
  float original[N], image[N];
  PlanAugment plan = nothing;
  make_image(original);
  plan.erase = 1;
  plan.erase_min = plan.erase_max = 1;
  apply(&plan, 1, 1, image);
  CU_ASSERT_EQUAL(memcmp(image, original, sizeof image), 0);
}

/* ---- draws ---- */

/* A function of seed, step and slot; one operation's draws do not depend on which others are on. */
static void test_draws(void) {
  static float x[N], y[N], scratch[N];
  PlanAugment plan = nothing, all = nothing;
  plan.erase = all.erase = 1;
  all.flip = 0.5;
  all.jitter = 1;
  all.pad_crop = 3;
  int same_rectangle = 0, same_step = 0, same_slot = 0, same_seed = 0;
  for (int64_t step = 0; step < 50; step++) {
    apply(&plan, step, 2, x);
    apply(&all, step, 2, y);
    int differ = 0;
    for (int i = 0; i < H * W; i++)
      differ +=
          !memcmp(x + 3 * i, augment_mean_color, 12) != !memcmp(y + 3 * i, augment_mean_color, 12);
    same_rectangle += differ == 0;
    apply(&plan, step + 1, 2, y);
    same_step += memcmp(x, y, sizeof x) == 0;
    apply(&plan, step, 3, y);
    same_slot += memcmp(x, y, sizeof x) == 0;
    make_image(y);
    augment_apply(&plan, (AugmentDraw){8, step, 2}, y, scratch);
    same_seed += memcmp(x, y, sizeof x) == 0;
  }
  CU_ASSERT_EQUAL(same_rectangle, 50);
  CU_ASSERT(same_step < 3 && same_slot < 3 && same_seed < 3);
}

int main(void) {
  static const SupportTest tests[] = {
      {"nothing", test_nothing}, {"flip", test_flip},   {"crop", test_crop},
      {"jitter", test_jitter},   {"erase", test_erase}, {"erase too large", test_erase_too_large},
      {"draws", test_draws}};
  return support_run("augment", tests, sizeof tests / sizeof *tests);
}
