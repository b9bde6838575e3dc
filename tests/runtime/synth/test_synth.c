/* The procedural data set: layout, splits, same bytes, and a colour baseline that stays low. */
#include "runtime/eval/color.h"
#include "runtime/eval/metrics.h"
#include "runtime/synth/synth.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[512];

static const char *const folders[] = {"bounding_box_train", "query", "bounding_box_test"};

static int is_image(const struct dirent *entry) {
  return strstr(entry->d_name, ".jpg") != NULL;
}

/* The images of a folder in order of their names; -1 when it cannot be read. */
static int list_images(const char *dir, struct dirent ***out) {
  return scandir(dir, out, is_image, alphasort);
}

static void list_free(struct dirent **list, int n) {
  for (int i = 0; i < n; i++) free(list[i]);
  free(list);
}

static char *read_file(const char *path, size_t *n) {
  FILE *file = fopen(path, "rb");
  char *bytes = calloc(1, 1 << 16);
  *n = file && bytes ? fread(bytes, 1, (1 << 16) - 1, file) : 0;
  if (file) fclose(file);
  return bytes;
}

static bool same_file(const char *a, const char *b) {
  size_t n, m;
  char *x = read_file(a, &n), *y = read_file(b, &m);
  bool same = x && y && n > 0 && n == m && memcmp(x, y, n) == 0;
  free(x);
  free(y);
  return same;
}

static Status write_set(const char *name, SynthOptions options, char *dir, size_t size) {
  snprintf(dir, size, "%s/%s", root, name);
  options.dir = dir;
  return synth_write(&options, NULL);
}

static const SynthOptions small = {.seed = 3,
                                   .domains = 2,
                                   .train_ids = 3,
                                   .test_ids = 4,
                                   .cameras = 2,
                                   .images = 3,
                                   .distractors = 5};

/* Counts, sizes, and that training and test identities are disjoint. */
static void check_folder(const char *dir, const char *domain, int folder, int expected) {
  char path[2048];
  struct dirent **list = NULL;
  snprintf(path, sizeof path, "%s/%s/%s", dir, domain, folders[folder]);
  int n = list_images(path, &list);
  CU_ASSERT_EQUAL(n, expected);
  for (int i = 0; i < n; i++) {
    int pid = -1, camera = -1, sequence, shot, image, used = 0;
    CU_ASSERT_EQUAL(sscanf(list[i]->d_name, "%4d_c%1ds%1d_%6d_%2d.jpg%n", &pid, &camera, &sequence,
                           &shot, &image, &used),
                    5);
    CU_ASSERT_EQUAL(used, (int)strlen("0001_c1s1_000001_01.jpg"));
    CU_ASSERT_EQUAL(used, (int)strlen(list[i]->d_name));
    CU_ASSERT(camera >= 1 && camera <= 2);
    if (pid > 0) {
      CU_ASSERT_EQUAL(pid % 2, folder == 0);
    } else {
      CU_ASSERT_EQUAL(folder, 2);
    }
  }
  if (n > 0) {
    int width = 0, height = 0;
    char file[4096];
    snprintf(file, sizeof file, "%s/%s", path, list[0]->d_name);
    CU_ASSERT_PTR_NOT_NULL(gdk_pixbuf_get_file_info(file, &width, &height));
    CU_ASSERT(width == 64 && height == 128);
  }
  if (n >= 0) list_free(list, n);
}

static void test_layout(void) {
  char dir[1024], path[2048];
  size_t n;
  CU_ASSERT_EQUAL_FATAL(write_set("layout", small, dir, sizeof dir), STATUS_OK);
  for (int d = 0; d < 2; d++) {
    check_folder(dir, synth_domain_name(d), 0, 3 * 2 * 3);
    check_folder(dir, synth_domain_name(d), 1, 4 * 2);
    check_folder(dir, synth_domain_name(d), 2, 4 * 2 * 2 + 5);
  }
  snprintf(path, sizeof path, "%s/synth.domains", dir);
  char *text = read_file(path, &n);
  CU_ASSERT_STRING_EQUAL(text, "plaza market plaza\ncampus market campus\n");
  free(text);
}

/* The same seed gives the same bytes, also with more domains and identities; another one does not.
 */
static void test_seed(void) {
  char a[1024], b[1024], c[1024], x[4096], y[4096];
  SynthOptions more = small, other = small;
  struct dirent **list = NULL;
  more.domains = 3;
  more.train_ids = 5;
  more.test_ids = 6;
  other.seed = 4;
  CU_ASSERT_EQUAL_FATAL(write_set("seed_a", small, a, sizeof a), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(write_set("seed_b", more, b, sizeof b), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(write_set("seed_c", other, c, sizeof c), STATUS_OK);
  for (int f = 0; f < 3; f++) {
    char dir[2048];
    snprintf(dir, sizeof dir, "%s/campus/%s", a, folders[f]);
    int n = list_images(dir, &list);
    for (int i = 0; i < n; i++) {
      snprintf(x, sizeof x, "%s/%s", dir, list[i]->d_name);
      snprintf(y, sizeof y, "%s/campus/%s/%s", b, folders[f], list[i]->d_name);
      CU_ASSERT(same_file(x, y));
      snprintf(y, sizeof y, "%s/campus/%s/%s", c, folders[f], list[i]->d_name);
      CU_ASSERT_FALSE(same_file(x, y));
    }
    if (n >= 0) list_free(list, n);
  }
}

/* The folder's images as colour descriptors; the arrays belong to the caller. */
static MetricsSet describe(const char *dir) {
  struct dirent **list = NULL;
  int n = list_images(dir, &list);
  if (n < 0) n = 0;
  float *features = calloc((size_t)n + 1, COLOR_DIM * sizeof *features);
  int64_t *ids = calloc((size_t)n + 1, sizeof *ids), *cameras = calloc((size_t)n + 1, sizeof *ids);
  for (int i = 0; i < n; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
    GdkPixbuf *image = gdk_pixbuf_new_from_file(path, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    color_describe(gdk_pixbuf_get_pixels(image), 128, 64, gdk_pixbuf_get_rowstride(image),
                   features + (size_t)i * COLOR_DIM);
    ids[i] = strtol(list[i]->d_name, NULL, 10);
    cameras[i] = list[i]->d_name[6] - '0';
    g_object_unref(image);
  }
  if (list) list_free(list, n);
  return (MetricsSet){features, ids, cameras, n, NULL, NULL, NULL};
}

static void set_free(MetricsSet *set) {
  free((void *)(uintptr_t)set->features);
  free((void *)(uintptr_t)set->ids);
  free((void *)(uintptr_t)set->cameras);
}

static void test_colors_do_not_tell(void) {
  char dir[1024], path[2048];
  SynthOptions options = {.seed = 1, .domains = 2, .train_ids = 1};
  CU_ASSERT_EQUAL_FATAL(write_set("colors", options, dir, sizeof dir), STATUS_OK);
  for (int d = 0; d < 2; d++) {
    MetricsResult r;
    snprintf(path, sizeof path, "%s/%s/query", dir, synth_domain_name(d));
    MetricsSet query = describe(path);
    snprintf(path, sizeof path, "%s/%s/bounding_box_test", dir, synth_domain_name(d));
    MetricsSet gallery = describe(path);
    CU_ASSERT_EQUAL_FATAL(
        metrics_evaluate(&query, &gallery, COLOR_DIM, &(MetricsOptions){.threads = 1}, &r, NULL),
        STATUS_OK);
    CU_ASSERT_EQUAL(r.skipped, 0);
    CU_ASSERT_EQUAL(r.scored, 180);
    CU_ASSERT(r.map < 0.08);
    metrics_release(&r);
    set_free(&query);
    set_free(&gallery);
  }
}

static void test_refusals(void) {
  char dir[1024], file[1100];
  SynthOptions bad = small;
  bad.domains = SYNTH_DOMAINS_MAX + 1;
  CU_ASSERT_EQUAL(write_set("bad", bad, dir, sizeof dir), STATUS_USAGE);
  bad = small;
  bad.cameras = 1;
  CU_ASSERT_EQUAL(write_set("bad", bad, dir, sizeof dir), STATUS_USAGE);
  CU_ASSERT_EQUAL(write_set("no/such/parent", small, dir, sizeof dir), STATUS_SYSTEM);
  snprintf(file, sizeof file, "%s/file", root);
  FILE *f = fopen(file, "w");
  if (f) fclose(f);
  CU_ASSERT_EQUAL(write_set("file", small, dir, sizeof dir), STATUS_SYSTEM);
  CU_ASSERT_EQUAL(write_set("layout", small, dir, sizeof dir), STATUS_INVALID); /* is there */
  CU_ASSERT_PTR_NULL(synth_domain_name(SYNTH_DOMAINS_MAX));
  CU_ASSERT_PTR_NULL(synth_domain_name(-1));
}

static void remove_tree(const char *path) {
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    char inner[4096];
    struct stat info;
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    if (snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) >= (int)sizeof inner) continue;
    if (lstat(inner, &info) == 0 && S_ISDIR(info.st_mode))
      remove_tree(inner);
    else
      unlink(inner);
  }
  if (dir) closedir(dir);
  rmdir(path);
}

int main(void) {
  const char *tmp = getenv("TMPDIR");
  snprintf(root, sizeof root, "%s/test_synth_XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!mkdtemp(root) || CU_initialize_registry() != CUE_SUCCESS) return 2;
  CU_pSuite suite = CU_add_suite("synth", NULL, NULL);
  CU_add_test(suite, "layout", test_layout);
  CU_add_test(suite, "seed", test_seed);
  CU_add_test(suite, "colours do not tell", test_colors_do_not_tell);
  CU_add_test(suite, "refusals", test_refusals);
  CU_basic_run_tests();
  int failed = (int)CU_get_number_of_failures();
  CU_cleanup_registry();
  remove_tree(root);
  return failed != 0;
}
