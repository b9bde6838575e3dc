/* Random splits of the small sets: sizes as in the literature, who is drawn, and by what. */
#include "runtime/eval/protocol.h"
#include "tests/support.h"

static DataSet *read_data(const char *name, const char *text) {
  DataSet *data = NULL;
  Diag *diag = diag_create();
  Status status = dataset_read(support_write(name, text), diag, &data);
  if (status != STATUS_OK) diag_print(diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  diag_destroy(diag);
  return data;
}

static char *text;
static size_t text_size;

static FILE *text_open(void) {
  FILE *out = open_memstream(&text, &text_size);
  if (!out) exit(1);
  fputs("path,pid,camera\n", out);
  return out;
}

static DataSet *text_read(FILE *out, const char *name) {
  fclose(out);
  DataSet *data = read_data(name, text);
  free(text);
  return data;
}

static DataSet *viper(void) {
  FILE *out = text_open();
  for (int i = 0; i < 632; i++)
    for (int c = 0; c < 2; c++) fprintf(out, "%d_%d.bmp,%d,%c\n", i, c, i + 1, "ab"[c]);
  return text_read(out, "viper.csv");
}

/* 385 people before camera a, 749 before camera b, the first 200 before both. */
static DataSet *prid(void) {
  FILE *out = text_open();
  for (int i = 1; i <= 385; i++) fprintf(out, "a/%d.png,%d,a\n", i, i);
  for (int i = 1; i <= 749; i++) fprintf(out, "b/%d.png,%d,b\n", i, i <= 200 ? i : i + 1000);
  return text_read(out, "prid.csv");
}

static DataSet *grid(void) {
  FILE *out = text_open();
  for (int i = 1; i <= 250; i++)
    for (int c = 1; c <= 2; c++) fprintf(out, "%d_%d.jpeg,%d,%d\n", i, c, i, c);
  for (int i = 0; i < 775; i++) fprintf(out, "0_%d.jpeg,0000,2\n", i);
  return text_read(out, "grid.csv");
}

/* 119 people with four images, each of a camera of its own. */
static DataSet *ilids(void) {
  FILE *out = text_open();
  for (int i = 0; i < 476; i++) fprintf(out, "%d.jpg,%d,%d\n", i, i % 119 + 1, i / 119);
  return text_read(out, "ilids.csv");
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

static void check_size(DataSet *data, const char *option, int64_t n_query, int64_t n_gallery) {
  for (uint32_t index = 0; index < 3; index++) {
    Trial t = draw(data, option, index);
    CU_ASSERT_EQUAL(t.n_query, n_query);
    CU_ASSERT_EQUAL(t.n_gallery, n_gallery);
    check_pairs(data, &t);
    trial_release(&t);
  }
  dataset_destroy(data);
}

static void test_sizes(void) {
  check_size(viper(), "split:viper:10:1", 316, 316);
  check_size(prid(), "split:prid:10:1", 100, 649);
  check_size(grid(), "split:grid:10:1", 125, 900);
  check_size(ilids(), "split:ilids:10:1", 60, 60);
}

static bool same(const Trial *a, const Trial *b) {
  return a->n_query == b->n_query && a->n_gallery == b->n_gallery &&
         memcmp(a->query, b->query, (size_t)a->n_query * sizeof *a->query) == 0 &&
         memcmp(a->gallery, b->gallery, (size_t)a->n_gallery * sizeof *a->gallery) == 0;
}

/* Pure in (seed, trial); others differ; over many trials everybody is drawn about half the time and
 * each of the four images about equally often. */
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
  for (int i = 0; i < 476; i++) CU_ASSERT(images[i] > 15 && images[i] < 90);
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
  static const SupportTest tests[] = {{"sizes", test_sizes},
                                      {"draws", test_draws},
                                      {"left out", test_left_out},
                                      {"refusals", test_refusals}};
  return support_run("protocol", tests, sizeof tests / sizeof *tests);
}
