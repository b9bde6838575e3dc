/* Random splits of the small sets: sizes as in the literature, who is drawn, and by what. */
#include "runtime/eval/protocol.h"
#include "tests/runtime/data/original_sets.h"

static DataSet *read_path(const char *path) {
  DataSet *data = NULL;
  Diag *diag = diag_create();
  Status status = dataset_read(path, diag, &data);
  if (status != STATUS_OK) diag_print(diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  diag_destroy(diag);
  return data;
}

static DataSet *read_data(const char *name, const char *text) {
  return read_path(support_write(name, text));
}

/* The published sets as folders, made at their first use. */
static DataSet *read_original(const char *name, void (*make)(const char *)) {
  struct stat info;
  if (stat(support_path(name), &info) != 0) make(name);
  return read_path(support_path(name));
}
static DataSet *viper(void) {
  return read_original("viper", original_viper);
}
static DataSet *prid(void) {
  return read_original("prid", original_prid);
}
static DataSet *grid(void) {
  return read_original("grid", original_grid);
}
static DataSet *ilids(void) {
  return read_original("ilids", original_ilids);
}

/* A folder's images as a manifest, as somebody writes one who takes the number in a name for the
 * identity: `cut` is where it begins, `digits` how many it has. */
static DataSet *as_manifest(DataSet *data, size_t cut, size_t digits, bool with_splits) {
  static const char *const splits[] = {"train", "query", "gallery"};
  const DataDomain *d = &data->domains[0];
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) exit(1);
  fprintf(out, "path,pid,camera%s\n", with_splits ? ",split" : "");
  for (uint32_t i = 0; i < d->n_images; i++) {
    const DataImage *image = &d->images[i];
    const char *name = strrchr(image->path, '/') + 1;
    fprintf(out, "%s,%.*s,%s%s%s\n", image->path, (int)digits, name + cut,
            d->cameras[image->camera], with_splits ? "," : "",
            with_splits ? splits[image->split] : "");
  }
  fclose(out);
  dataset_destroy(data);
  data = read_data("manifest.csv", text);
  free(text);
  return data;
}

static Trial draw(const DataSet *data, const char *option, uint32_t index) {
  Protocol protocol;
  Trial trial = {0};
  CU_ASSERT_EQUAL_FATAL(protocol_parse(option, NULL, &protocol), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(protocol_trial(&protocol, &data->domains[0], index, &trial, NULL),
                        STATUS_OK);
  return trial;
}

static const DataImage *image(const DataSet *data, int64_t i) {
  return &data->domains[0].images[i];
}

/* Everybody queried stands once on each side, before two cameras; query images ascend. */
static void check_pairs(const DataSet *data, const Trial *t) {
  for (int64_t i = 0; i < t->n_query; i++) {
    const DataImage *query = image(data, t->query[i]);
    int64_t matches = 0, twins = 0;
    if (i > 0) CU_ASSERT(t->query[i] > t->query[i - 1]);
    for (int64_t j = 0; j < t->n_query; j++) twins += image(data, t->query[j])->pid == query->pid;
    for (int64_t j = 0; j < t->n_gallery; j++) {
      const DataImage *other = image(data, t->gallery[j]);
      if (other->pid != query->pid) continue;
      matches++;
      CU_ASSERT_NOT_EQUAL(other->camera, query->camera);
    }
    CU_ASSERT_EQUAL(matches, 1);
    CU_ASSERT_EQUAL(twins, 1);
  }
}

/* Sizes over some trials; all queries are of `camera`, and the gallery has none of it but nobody.
 */
static void check_size(DataSet *data, const char *option, const char *camera, int64_t n_query,
                       int64_t n_gallery) {
  for (uint32_t index = 0; index < 3; index++) {
    const DataDomain *d = &data->domains[0];
    Trial t = draw(data, option, index);
    CU_ASSERT_EQUAL(t.n_query, n_query);
    CU_ASSERT_EQUAL(t.n_gallery, n_gallery);
    check_pairs(data, &t);
    for (int64_t i = 0; camera && i < t.n_query; i++)
      CU_ASSERT_STRING_EQUAL(d->cameras[image(data, t.query[i])->camera], camera);
    for (int64_t i = 0; camera && i < t.n_gallery; i++) {
      const DataImage *searched = image(data, t.gallery[i]);
      CU_ASSERT(searched->nobody || strcmp(d->cameras[searched->camera], camera) != 0);
    }
    if (camera)
      CU_ASSERT_STRING_EQUAL(t.camera, camera)
    else
      CU_ASSERT_PTR_NULL(t.camera);
    trial_release(&t);
  }
  dataset_destroy(data);
}

/* The published sizes, from folders with the published names and numbers, and from manifests of
 * them, with the sides in the column `split` or in the cameras' names alone. */
static void test_sizes(void) {
  check_size(viper(), "split:viper:10:1", "cam_a", 316, 316);
  check_size(prid(), "split:prid:10:1", "cam_a", 100, 649);
  check_size(grid(), "split:grid:10:1", "probe", 125, 900);
  check_size(ilids(), "split:ilids:10:1", NULL, 60, 60);
  for (int splits = 0; splits < 2; splits++) {
    check_size(as_manifest(viper(), 0, 3, splits), "split:viper:10:1", "cam_a", 316, 316);
    check_size(as_manifest(prid(), 7, 4, splits), "split:prid:10:1", "cam_a", 100, 649);
    check_size(as_manifest(grid(), 0, 4, splits), "split:grid:10:1", "probe", 125, 900);
    check_size(as_manifest(ilids(), 0, 4, false), "split:ilids:10:1", NULL, 60, 60);
  }
}

/* Over many trials everybody is drawn who can be: VIPeR's person 000, PRID's first 200, GRID's 250,
 * and nobody else. */
static void check_drawn(DataSet *data, const char *option, uint32_t expected) {
  const DataDomain *d = &data->domains[0];
  char *drawn = calloc(d->n_pids, 1);
  uint32_t n = 0;
  for (uint32_t index = 0; index < 40; index++) {
    Trial t = draw(data, option, index);
    for (int64_t i = 0; i < t.n_query; i++) {
      CU_ASSERT(!image(data, t.query[i])->nobody);
      drawn[image(data, t.query[i])->pid] = 1;
    }
    trial_release(&t);
  }
  for (uint32_t p = 0; p < d->n_pids; p++) {
    unsigned long number = strtoul(d->pids[p], NULL, 10);
    n += drawn[p] != 0;
    if (strstr(option, "viper") && number == 0) CU_ASSERT(drawn[p]);
    if (strstr(option, "prid") && (number > 200 || number == 0)) CU_ASSERT(!drawn[p]);
    if (strstr(option, "grid") && number == 0) CU_ASSERT(!drawn[p]);
  }
  CU_ASSERT_EQUAL(n, expected);
  free(drawn);
  dataset_destroy(data);
}

static void test_drawn(void) {
  check_drawn(viper(), "split:viper:40:3", 632);
  check_drawn(prid(), "split:prid:40:3", 200);
  check_drawn(grid(), "split:grid:40:3", 250);
  check_drawn(ilids(), "split:ilids:40:3", 119);
  check_drawn(as_manifest(viper(), 0, 3, false), "split:viper:40:3", 632);
  check_drawn(as_manifest(prid(), 7, 4, false), "split:prid:40:3", 200);
  check_drawn(as_manifest(grid(), 0, 4, false), "split:grid:40:3", 250);
}

/* A manifest in which PRID's numbers above 200 are one person each is told what is done with it. */
static void test_own_numbers(void) {
  DataSet *data = as_manifest(prid(), 7, 4, false);
  Protocol protocol;
  Trial t;
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL_FATAL(protocol_parse("split:prid:2:1", diag, &protocol), STATUS_OK);
  for (uint32_t i = 0; i < 2; i++) {
    CU_ASSERT_EQUAL(protocol_trial(&protocol, &data->domains[0], i, &t, diag), STATUS_OK);
    trial_release(&t);
  }
  char *text = support_messages(diag);
  CU_ASSERT_STRING_EQUAL(
      text, "manifest: warning: 185 identities above 200 stand in both cameras and are "
            "taken for two people each, as in PRID 2011 (the first is '0201')\n"
            "hint: split:viper takes every number for one person\n");
  free(text);
  diag_destroy(diag);
  dataset_destroy(data);
  data = prid();
  t = draw(data, "split:prid:1:0", 0);
  CU_ASSERT_EQUAL(t.n_apart, 185); /* whom camera a alone saw */
  trial_release(&t);
  dataset_destroy(data);
}

/* Which of two cameras the queries are from. */
static void test_sides(void) {
  static const struct {
    const char *csv, *camera;
  } cases[] = {{"path,pid,camera\na,1,x\nb,1,y\n", "x"},
               {"path,pid,camera\na,1,10\nb,1,9\n", "9"},
               {"path,pid,camera\na,1,gallery\nb,1,probe\n", "probe"},
               {"path,pid,camera\na,1,Query\nb,1,gallery\n", "Query"},
               {"path,pid,camera\na,1,gallery\nb,1,wall\n", "wall"},
               {"path,pid,camera,split\na,1,x,gallery\nb,1,y,query\n", "y"},
               {"path,pid,camera,split\na,1,x,gallery\nb,1,y,query\nc,2,y,train\n", "y"},
               {"path,pid,camera,split\na,1,x,gallery\nb,1,y,query\nc,2,y,gallery\n", "x"},
               {"path,pid,camera,split\na,1,x,gallery\nb,1,y,query\nc,2,x,query\n", "x"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    DataSet *data = read_data("sides.csv", cases[i].csv);
    Trial t = draw(data, "split:viper:1:0", 0);
    CU_ASSERT_STRING_EQUAL(t.camera, cases[i].camera);
    CU_ASSERT_STRING_EQUAL(data->domains[0].cameras[image(data, t.query[0])->camera],
                           cases[i].camera);
    trial_release(&t);
    dataset_destroy(data);
  }
}

static bool same(const Trial *a, const Trial *b) {
  return a->n_query == b->n_query && a->n_gallery == b->n_gallery &&
         memcmp(a->query, b->query, (size_t)a->n_query * sizeof *a->query) == 0 &&
         memcmp(a->gallery, b->gallery, (size_t)a->n_gallery * sizeof *a->gallery) == 0;
}

/* Pure in (seed, trial); others differ; over many trials everybody is drawn about half the time and
 * each of the person's images about equally often. */
static void test_draws(void) {
  DataSet *data = ilids();
  Trial a = draw(data, "split:ilids:10:7", 2), b = draw(data, "split:ilids:5:7", 2);
  Trial c = draw(data, "split:ilids:10:7", 3), d = draw(data, "split:ilids:10:8", 2);
  CU_ASSERT(same(&a, &b) && !same(&a, &c) && !same(&a, &d));
  trial_release(&a);
  trial_release(&b);
  trial_release(&c);
  trial_release(&d);
  int drawn[119] = {0}, images[476] = {0};
  for (uint32_t i = 0; i < 400; i++) {
    Trial t = draw(data, "split:ilids:400:1", i);
    for (int64_t q = 0; q < t.n_query; q++) {
      drawn[image(data, t.query[q])->pid]++;
      images[t.query[q]]++;
    }
    trial_release(&t);
  }
  for (int i = 0; i < 119; i++) CU_ASSERT(drawn[i] > 150 && drawn[i] < 255); /* 5 deviations */
  for (int i = 0; i < 476; i++) { /* half of 400 trials, one of 2 to 6 images */
    int of = 0;
    for (int k = 0; k < 476; k++) of += image(data, k)->pid == image(data, i)->pid;
    CU_ASSERT(images[i] * of > 60 && images[i] * of < 400);
  }
  dataset_destroy(data);
}

/* Who was seen once, and nobody, is never queried; an image that is left out of all splits neither.
 */
static void test_left_out(void) {
  DataSet *data = read_data("few.csv", "path,pid,camera,split\n"
                                       "a,1,x,train\nb,1,y,gallery\nc,2,x,query\nd,3,y,train\n"
                                       "e,0,x,gallery\nf,0,y,gallery\ng,4,x,query\nh,4,y,unused\n");
  for (uint32_t i = 0; i < 5; i++) {
    Trial t = draw(data, "split:viper:5:0", i);
    CU_ASSERT_EQUAL(t.n_query, 1);
    CU_ASSERT_STRING_EQUAL(data->domains[0].pids[image(data, t.query[0])->pid], "1");
    CU_ASSERT_EQUAL(image(data, t.query[0])->camera, 0);
    trial_release(&t);
  }
  Trial t = draw(data, "split:prid:5:0", 0); /* d: seen by y alone */
  CU_ASSERT_EQUAL(t.n_gallery, 2);
  trial_release(&t);
  t = draw(data, "market", 0);
  CU_ASSERT_EQUAL(t.n_query, 2);
  CU_ASSERT_EQUAL(t.n_gallery, 3);
  trial_release(&t);
  dataset_destroy(data);
}

static void refuse_option(const char *option, const char *says) {
  Diag *diag = diag_create();
  Protocol protocol;
  CU_ASSERT_EQUAL(protocol_parse(option, diag, &protocol), STATUS_USAGE);
  char *messages = support_messages(diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(messages, says));
  free(messages);
  diag_destroy(diag);
}

static void refuse_data(const char *csv, const char *option, const char *says) {
  DataSet *data = read_data("refused.csv", csv);
  Diag *diag = diag_create();
  Protocol protocol;
  Trial trial;
  CU_ASSERT_EQUAL_FATAL(protocol_parse(option, NULL, &protocol), STATUS_OK);
  CU_ASSERT_EQUAL(protocol_trial(&protocol, &data->domains[0], 0, &trial, diag), STATUS_INVALID);
  CU_ASSERT_PTR_NULL(trial.query);
  char *messages = support_messages(diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(messages, says));
  free(messages);
  diag_destroy(diag);
  dataset_destroy(data);
}

static void test_refusals(void) {
  refuse_option("markt", "no protocol 'markt'");
  refuse_option("split:vip:10:0", "no split 'vip'");
  refuse_option("split:", "no split ''");
  refuse_option("split:viper", "needs a number of trials");
  refuse_option("split:viper:10", "needs a number of trials");
  refuse_option("split:viper:0:1", "needs a number of trials");
  refuse_option("split:viper:1001:1", "needs a number of trials");
  refuse_option("split:viper:-1:1", "needs a number of trials");
  refuse_option("split:viper:10:1x", "needs a number of trials");
  refuse_option("split:viper:10:99999999999999999999", "needs a number of trials");
  refuse_data("path,pid,camera\na,1,x\nb,1,y\nc,1,z\n", "split:grid:1:0", "for two cameras");
  refuse_data("path,pid,camera\na,1,x\nb,2,y\n", "split:grid:1:0", "finds no identity");
  refuse_data("path,pid,camera\na,1,x\nb,1,y\n", "market", "nothing to test on");
}

int main(void) {
  static const SupportTest tests[] = {
      {"sizes", test_sizes},      {"drawn", test_drawn}, {"own numbers", test_own_numbers},
      {"sides", test_sides},      {"draws", test_draws}, {"left out", test_left_out},
      {"refusals", test_refusals}};
  return support_run("protocol", tests, sizeof tests / sizeof *tests);
}
