/* Manifests, folders and .domains files: what is read, and one clear message for what is wrong. */
#include "runtime/data/check_data.h"
#include "runtime/data/dataset.h"
#include "tests/support.h"

#include <fcntl.h>

/* Reads a set and returns its messages with the test's folder written as `~`; the caller frees. */
static char *read_set(const char *path, Status expected, DataSet **out) {
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(dataset_read(path, diag, out), expected);
  char *text = support_messages(diag);
  size_t n = strlen(support_folder());
  for (char *at = text; (at = strstr(at, support_folder()));) {
    *at = '~';
    memmove(at + 1, at + n, strlen(at + n) + 1);
  }
  diag_destroy(diag);
  return text;
}

static DataSet *read_good(const char *path) {
  DataSet *data;
  char *text = read_set(path, STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text, "");
  free(text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(data);
  return data;
}

static void check_bad(const char *path, const char *expected) {
  DataSet *data;
  char *text = read_set(path, STATUS_INVALID, &data);
  CU_ASSERT_PTR_NULL(data);
  if (strcmp(text, expected) != 0) printf("\n--- is\n%s--- not\n%s", text, expected);
  CU_ASSERT_STRING_EQUAL(text, expected);
  free(text);
}

/* ---- CSV ---- */

static void test_csv(void) {
  DataSet *data = read_good(support_write("a.csv", "\xEF\xBB\xBF"
                                                   "\r\n"
                                                   "camera,path,pid,note,domain,split\r\n"
                                                   "c1,a/1.jpg,10,x,m,train\r\n"
                                                   "\r\n"
                                                   "c2,\"a/,\"\"2\"\".jpg\",9,,m,train\r\n"
                                                   "c1,/abs/3.jpg,9,,m,query\r\n"
                                                   "c1,4.jpg,-1,,m,gallery\r\n"
                                                   "c1,5.jpg,0,,m,gallery\r\n"
                                                   "c1,6.jpg,77,,n,unused\r\n"
                                                   "c7,7.jpg,b,,o,train\r\n"
                                                   "c7,8.jpg,10,,o,train"));
  CU_ASSERT_EQUAL_FATAL(data->n_domains, 2);
  const DataDomain *m = dataset_domain(data, "m"), *o = dataset_domain(data, "o");
  CU_ASSERT_PTR_NULL(dataset_domain(data, "n"));
  CU_ASSERT_FATAL(m && o);
  CU_ASSERT(m->n_images == 4 && m->n_train == 2 && m->n_query == 1 && m->n_gallery == 1);
  CU_ASSERT(m->n_pids == 3 && m->n_cameras == 2 && m->n_classes == 2);
  /* numerically: 9 before 10; 0 is a gallery image of nobody */
  CU_ASSERT_STRING_EQUAL(m->classes[0], "9");
  CU_ASSERT_STRING_EQUAL(m->classes[1], "10");
  CU_ASSERT_STRING_EQUAL(m->pids[0], "0");
  CU_ASSERT(m->images[0].label == 1 && m->images[1].label == 0 && m->images[2].label == -1);
  CU_ASSERT_STRING_EQUAL(m->images[0].path, support_path("a/1.jpg"));
  CU_ASSERT_STRING_EQUAL(m->images[1].path, support_path("a/,\"2\".jpg"));
  CU_ASSERT_STRING_EQUAL(m->images[2].path, "/abs/3.jpg");
  /* one of them is no number: bytewise */
  CU_ASSERT_STRING_EQUAL(o->classes[0], "10");
  CU_ASSERT_STRING_EQUAL(o->classes[1], "b");
  dataset_destroy(data);
  /* without those columns: the file's name, and training */
  data = read_good(support_write("plain-set.csv", "path,pid,camera\nx.jpg,1,1\n"));
  CU_ASSERT_STRING_EQUAL(data->domains[0].name, "plain-set");
  CU_ASSERT(data->n_domains == 1 && data->domains[0].n_train == 1);
  dataset_destroy(data);
}

static void test_csv_errors(void) {
  static const char header[] = "path,pid,camera\n";
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "~/bad.csv: error: lists no images\n"
           "hint: the first line reads path,pid,camera,domain,split\n"},
      {"path,pid,camera\na.jpg,-1,1\n",
       "~/bad.csv: error: lists only images of pid -1 or split unused\n"},
      {"path,pid,camera\n", "~/bad.csv: error: lists no images\n"
                            "hint: the first line reads path,pid,camera,domain,split\n"},
      {"path,pid\na,1\n", "~/bad.csv:1: error: there is no column 'camera'\n"
                          "hint: the first line reads path,pid,camera,domain,split\n"},
      {"a.jpg,1,1\n", "~/bad.csv:1: error: there is no column 'path'\n"
                      "hint: the first line reads path,pid,camera,domain,split\n"},
      {"path,pid,camera,pid\n", "~/bad.csv:1: error: there are two columns 'pid'\n"},
      {"path,pid,camera\na.jpg,1\nb.jpg,1,2,3\n\nc.jpg,,1\n",
       "~/bad.csv:2: error: fields are missing\n"
       "hint: every line has as many fields as the first; a field with a comma in it is quoted\n"
       "~/bad.csv:3: error: there are more fields than columns\n"
       "hint: every line has as many fields as the first; a field with a comma in it is quoted\n"
       "~/bad.csv:5: error: the field 'pid' is empty\n"},
      {"path,pid,camera\n\"a.jpg,1,1\n",
       "~/bad.csv:2: error: a quoted field does not end\n"
       "hint: a quote inside a quoted field is written twice; fields end on their line\n"},
      {"path,pid,camera\n\"a\".jpg,1,1\n",
       "~/bad.csv:2: error: text follows a quoted field\n"
       "hint: a quote inside a quoted field is written twice; fields end on their line\n"},
      {"path,pid,camera\ra.jpg,1,1\r",
       "~/bad.csv:1: error: a carriage return stands inside the line\n"
       "hint: lines end in LF or CR LF\n"},
      {"path,pid,camera,split\na.jpg,1,1,test\n", "~/bad.csv:2: error: there is no split 'test'\n"
                                                  "hint: train, query, gallery or unused\n"},
      {"path,pid,camera,domain\na.jpg,1,1,two words\n",
       "~/bad.csv:2: error: 'two words' is no name for a domain\nhint: letters, digits, _ and -\n"},
      {"path,pid,camera\na.jpg,1,1\nb.jpg,1,1\na.jpg,2,1\n",
       "~/bad.csv:4: error: 'a.jpg' is identity '2' here and '1' in line 2\n"
       "hint: list every image once\n"},
      {"path,pid,camera\na.jpg,1,1\na.jpg,1,2\n",
       "~/bad.csv:3: error: 'a.jpg' is camera '2' here and '1' in line 2\n"
       "hint: list every image once\n"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_bad(support_write("bad.csv", cases[i].text), cases[i].message);
  check_bad(support_path("none.csv"),
            "~/none.csv: error: cannot read: No such file or directory\n");
  check_bad(support_write("bad.txt", header),
            "~/bad.txt: error: is no data set\n"
            "hint: a .csv manifest, a .domains file or a folder in the Market-1501 layout\n");
  check_bad(
      support_write("a b.csv", "path,pid,camera\nx.jpg,1,1\n"),
      "~/a b.csv: error: 'a b' is no name for a domain\n"
      "hint: letters, digits, _ and -; a line `NAME LAYOUT PATH` in a .domains file gives the "
      "set a name\n");
}

/* The same image twice in a split is worth one warning. */
static void test_listed_twice(void) {
  DataSet *data;
  char *text = read_set(support_write("t.csv", "path,pid,camera,split\na.jpg,1,1,train\n"
                                               "b.jpg,1,1,train\nb.jpg,1,1,train\n"
                                               "a.jpg,1,1,query\na.jpg,1,1,train\n"),
                        STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text,
                         "~/t.csv: warning: 2 images are listed more than once in the same split "
                         "(the first is 'b.jpg' in line 4)\n");
  free(text);
  dataset_destroy(data);
}

/* Zero bytes and many broken lines: 20 messages, the rest is not read. */
static void test_csv_limits(void) {
  char text[4096] = "path,pid,camera\n";
  for (int i = 0; i < 200; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "a.jpg\n");
  DataSet *data;
  char *messages = read_set(support_write("many.csv", text), STATUS_INVALID, &data);
  int n = 0;
  for (const char *at = messages; (at = strstr(at, "error:")); at++) n++;
  CU_ASSERT_EQUAL(n, 20);
  free(messages);
  FILE *file = fopen(support_path("zero.csv"), "w");
  CU_ASSERT_FATAL(file && fwrite("path,pid,camera\na\0b,1,1\n", 1, 24, file) == 24);
  fclose(file);
  check_bad(support_path("zero.csv"), "~/zero.csv:2: error: a zero byte stands inside the line\n"
                                      "hint: lines end in LF or CR LF\n");
}

/* ---- the Market-1501 layout ---- */

static void make_market(const char *name, const char *const *files) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", support_folder(), name);
  mkdir(path, 0777);
  static const char *const parts[] = {"bounding_box_train", "query", "bounding_box_test"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s/%s", support_folder(), name, parts[i]);
    mkdir(path, 0777);
  }
  for (; *files; files++) {
    snprintf(path, sizeof path, "%s/%s/%s", support_folder(), name, *files);
    int file = open(path, O_CREAT | O_WRONLY, 0666);
    CU_ASSERT_FATAL(file >= 0);
    close(file);
  }
}

static const char *const market_files[] = {"bounding_box_train/0002_c1s1_000451_03.jpg",
                                           "bounding_box_train/0002_c2s1_000451_03.jpg",
                                           "bounding_box_train/0010_c1s1_000451_03.JPG",
                                           "bounding_box_train/0000_c1s1_000451_03.jpg",
                                           "bounding_box_train/-1_c1s1_000451_03.jpg",
                                           "bounding_box_train/Thumbs.db",
                                           "query/0001_c1s1_000001_00.png",
                                           "bounding_box_test/0001_c2s1_000001_00.bmp",
                                           "bounding_box_test/0000_c3s1_000001_00.jpg",
                                           "bounding_box_test/-1_c3s1_000001_00.jpg",
                                           NULL};

static void test_market(void) {
  make_market("market", market_files);
  char path[600];
  snprintf(path, sizeof path, "%s//", support_path("market"));
  DataSet *data = read_good(path);
  const DataDomain *d = dataset_domain(data, "market");
  CU_ASSERT_FATAL(d && data->n_domains == 1);
  CU_ASSERT(d->n_images == 6 && d->n_train == 3 && d->n_query == 1 && d->n_gallery == 2);
  CU_ASSERT(d->n_classes == 2 && d->n_pids == 4 && d->n_cameras == 3);
  CU_ASSERT_STRING_EQUAL(d->classes[1], "0010");
  CU_ASSERT_STRING_EQUAL(d->pids[0], "0000");
  CU_ASSERT_STRING_EQUAL(d->images[0].path,
                         support_path("market/bounding_box_train/0002_c1s1_000451_03.jpg"));
  dataset_destroy(data);
  /* distractors and junk are nobody to train on */
  data = read_good(support_write("all.domains", "m market market split=all\n"));
  d = dataset_domain(data, "m");
  CU_ASSERT(d->n_images == 5 && d->n_train == 5 && d->n_classes == 3);
  CU_ASSERT_STRING_EQUAL(d->classes[0], "0001");
  dataset_destroy(data);
}

static void test_market_errors(void) {
  static const char *const strange[] = {"bounding_box_train/0002_c1s1_000451_03.jpg", "query/a.jpg",
                                        "query/b_c1.jpg", "query/0003_d1.jpg", NULL};
  static const char *const none[] = {NULL};
  make_market("strange", strange);
  make_market("empty", none);
  DataSet *data;
  char *text = read_set(support_path("strange"), STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text, "~/strange/query: warning: 3 files whose names tell no identity and "
                               "camera are left out (the first is '0003_d1.jpg')\n"
                               "hint: names look like 0002_c1s1_000451_03.jpg\n");
  free(text);
  dataset_destroy(data);
  check_bad(support_path("empty"),
            "~/empty: error: the folder holds no images of this layout\n"
            "hint: Market-1501 layout: bounding_box_train, query, bounding_box_test; of a folder "
            "of several domains name its .domains file\n");
  check_bad(support_path("nowhere"), "~/nowhere: error: cannot read: No such file or directory\n");
}

/* ---- .domains ---- */

static void test_domains(void) {
  make_market("market", market_files);
  support_write("a.csv", "path,pid,camera,domain\nx.jpg,7,1,other\ny.jpg,0,1,other\n");
  DataSet *data = read_good(
      support_write("d.domains", "\xEF\xBB\xBF# sources\r\n\r\n  one csv a.csv split=all\r\n"
                                 "two\tmarket  market split=train # the usual\r\n"));
  CU_ASSERT_EQUAL(data->n_domains, 2);
  CU_ASSERT_STRING_EQUAL(data->domains[0].name, "one");
  CU_ASSERT_STRING_EQUAL(data->domains[1].name, "two");
  /* a training identity may be named 0 */
  CU_ASSERT(data->domains[0].n_classes == 2 && data->domains[1].n_train == 3);
  CU_ASSERT_STRING_EQUAL(data->domains[0].images[0].path, support_path("x.jpg"));
  dataset_destroy(data);
}

static void test_domains_errors(void) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"# nothing\n", "~/x.domains: error: names no domain\nhint: " DATA_DOMAINS_FORM "\n"},
      {"\none csv\n",
       "~/x.domains:2: error: the line ends too early\nhint: " DATA_DOMAINS_FORM "\n"},
      {"one csv a.csv split=all more\n",
       "~/x.domains:1: error: the line has too many words\nhint: " DATA_DOMAINS_FORM "\n"},
      {"one zip none.csv\n",
       "~/x.domains:1: error: unknown layout 'zip'\nhint: " DATA_DOMAINS_FORM "\n"},
      {"one csv a.csv split=test\n",
       "~/x.domains:1: error: unknown option 'split=test'\nhint: " DATA_DOMAINS_FORM "\n"},
      {"o/ne csv a.csv\n", "~/x.domains:1: error: 'o/ne' is no name for a domain\n"
                           "hint: letters, digits, _ and -\n"},
      {"one csv a.csv\none csv b.csv\n", "~/x.domains:2: error: domain 'one' stands here twice\n"},
      {"one csv none.csv\n", "~/x.domains:1: error: cannot read '~/none.csv': No such file or "
                             "directory\nhint: paths are relative to this file\n"},
      {"one csv zero.csv split=all\n",
       "~/x.domains:1: error: domain 'one' has no images but distractors\n"},
      {"one csv several.csv\n",
       "~/several.csv:3: error: domain 'b': the manifest holds several, and a line of a .domains "
       "file names one\nhint: name the manifest itself as DATA: its column 'domain' splits it; or "
       "write one manifest for each domain\n"}};
  support_write("a.csv", "path,pid,camera\nx.jpg,7,1\n");
  support_write("b.csv", "path,pid,camera\nx.jpg,7,1\n");
  support_write("zero.csv", "path,pid,camera,split\nx.jpg,0,1,gallery\n");
  support_write("several.csv", "path,pid,camera,domain\nx.jpg,7,1,a\ny.jpg,7,1,b\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_bad(support_write("x.domains", cases[i].text), cases[i].message);
}

/* The fingerprint changes with whatever training depends on, and not with the folder's place. */
static void test_fingerprint(void) {
  static const char *const texts[] = {
      "path,pid,camera,domain,split\nx.jpg,7,1,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nz.jpg,7,1,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nx.jpg,8,1,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nx.jpg,7,2,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nx.jpg,7,1,b,train\ny.jpg,7,1,b,train\n",
      "path,pid,camera,domain,split\nx.jpg,7,1,a,query\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\ny.jpg,7,1,a,train\nx.jpg,7,1,a,train\n"};
  uint64_t prints[8];
  for (int i = 0; i < 8; i++) {
    mkdir(support_path("moved"), 0777);
    DataSet *data = read_good(support_write(i == 7 ? "moved/g.csv" : "f.csv", texts[i % 7]));
    prints[i] = data->fingerprint;
    dataset_destroy(data);
    for (int k = 0; k < i && i < 7; k++) CU_ASSERT_NOT_EQUAL(prints[i], prints[k]);
  }
  CU_ASSERT_EQUAL(prints[7], prints[0]);
}

int main(void) {
  static const SupportTest tests[] = {{"csv", test_csv},
                                      {"csv errors", test_csv_errors},
                                      {"listed twice", test_listed_twice},
                                      {"csv limits", test_csv_limits},
                                      {"market", test_market},
                                      {"market errors", test_market_errors},
                                      {"domains", test_domains},
                                      {"domains errors", test_domains_errors},
                                      {"fingerprint", test_fingerprint}};
  return support_run("dataset", tests, sizeof tests / sizeof *tests);
}
