/* Splits that others drew: every form of file gives the images that it names, and what it names
 * without there being such an image is told. */
#include "runtime/eval/protocol.h"
#include "tests/runtime/data/original_sets.h"
#include "tests/shell.h"

#include <matio.h>
#include <zlib.h>

static DataSet *read_set(const char *name) {
  DataSet *data = NULL;
  CU_ASSERT_EQUAL_FATAL(dataset_read(support_path(name), NULL, &data), STATUS_OK);
  return data;
}

/* Queries, then the gallery, of a trial, by the last parts of their paths. */
static void check_trial(const char *set, const char *option, uint32_t index, const char *expected) {
  DataSet *data = read_set(set);
  const DataDomain *d = &data->domains[0];
  Diag *diag = diag_create();
  Protocol parsed, protocol;
  Trial trial;
  char text[4096] = "";
  Status status = protocol_parse(option, diag, &parsed);
  if (status == STATUS_OK) status = protocol_open(&parsed, d, diag, &protocol);
  if (status == STATUS_OK) status = protocol_trial(&protocol, d, index, &trial, diag);
  if (status != STATUS_OK) diag_print(diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  CU_ASSERT(index < protocol.trials);
  for (int side = 0; side < 2; side++) {
    const int64_t *images = side ? trial.gallery : trial.query;
    if (side) snprintf(text + strlen(text), sizeof text - strlen(text), " |");
    for (int64_t i = 0; i < (side ? trial.n_gallery : trial.n_query); i++) {
      const char *path = d->images[images[i]].path, *slash = strrchr(path, '/');
      while (slash > path && slash[-1] != '/') slash--;
      snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " " : "", slash);
    }
  }
  if (strcmp(text, expected) != 0) printf("\n%s of %s:\n%s\n%s\n", option, set, text, expected);
  CU_ASSERT_STRING_EQUAL(text, expected);
  trial_release(&trial);
  protocol_release(&protocol);
  protocol_release(&parsed);
  diag_destroy(diag);
  dataset_destroy(data);
}

static const char *list(const char *name, const char *text) {
  static char option[600];
  snprintf(option, sizeof option, "list:%s", support_write(name, text));
  return option;
}

/* ---- VIPeR: names of people and of pictures, tables, JSON ---- */

#define TWO_OF_VIPER "cam_a/001_0.bmp cam_a/005_0.bmp | cam_b/001_90.bmp cam_b/005_90.bmp"

static void viper_forms(void) {
  for (int i = 0; i < 8; i++) {
    original_file("V/cam_a/%03d_0.bmp", i);
    original_file("V/cam_b/%03d_90.bmp", i);
  }
  const char *lines = "# people who are tested, a split a line\n1 5\n\n000,7 , 003\n";
  check_trial("V", list("ids.txt", lines), 0, TWO_OF_VIPER);
  check_trial("V", list("ids.txt", lines), 1,
              "cam_a/000_0.bmp cam_a/003_0.bmp cam_a/007_0.bmp | "
              "cam_b/000_90.bmp cam_b/003_90.bmp cam_b/007_90.bmp");
  check_trial("V", list("one.txt", "001\n005\n"), 0, TWO_OF_VIPER);
  check_trial("V", list("names.txt", "001_0.bmp\n001_90.bmp\n005_90.bmp\r\ncam_a/005_0.bmp"), 0,
              TWO_OF_VIPER);
  check_trial(
      "V",
      list("pairs.txt", "cam_b/005_90.bmp cam_a/005_0.bmp\ncam_b/001_90.bmp cam_a/001_0.bmp\n"), 0,
      "cam_b/001_90.bmp cam_b/005_90.bmp | cam_a/001_0.bmp cam_a/005_0.bmp");
  check_trial("V",
              list("images.csv", "trial,side,path\n1,query,VIPeR/cam_a/001_0.bmp\n"
                                 "1,gallery,VIPeR/cam_b/001_90.bmp\n1,train,cam_a/002_0.bmp\n"
                                 "1,gallery,cam_b/005_90.bmp\n2,query,cam_a/000_0.bmp\n"
                                 "2,gallery,cam_b/000_90.bmp\n1,query,\"cam_a/005_0.bmp\"\n"),
              0, TWO_OF_VIPER);
  check_trial("V",
              list("people.csv", "Trial,Side,pid,camera\n0,query,1,cam_a\n0,gallery,1,cam_b\n"
                                 "0,query,5,\n0,gallery,5,\n"),
              0, TWO_OF_VIPER);
  check_trial("V", list("test.csv", "pid,trial,side\n1,0,test\n5,0,test\n3,0,train\n"), 0,
              TWO_OF_VIPER);
  check_trial("V",
              list("rest.csv", "pid,trial,side\n0,0,train\n2,0,train\n3,0,train\n4,0,train\n"
                               "6,0,train\n7,0,train\n"),
              0, TWO_OF_VIPER);
  check_trial(
      "V",
      list("splits.json",
           "[{\"train\": [[\"V/cam_a/000_0.bmp\", 0, 0]],\n"
           " \"query\": [[\"/data/VIPeR/cam_a/001_0.bmp\", 1, 0], [\"cam_a/005_0.bmp\", 5, 0]],\n"
           " \"gallery\": [[\"/data/VIPeR/cam_b/001_90.bmp\", 1, 1],\n"
           "  [\"cam_b/005_90.bmp\", 5, 1]], \"num_train_pids\": 1}]"),
      0, TWO_OF_VIPER);
}

/* PRID calls two pictures alike: their folders tell which is meant; whom one camera alone saw is
 * searched where the list names people. */
static void prid(void) {
  for (int i = 1; i <= 3; i++) {
    original_file("P/single_shot/cam_a/person_%04d.png", i);
    original_file("P/single_shot/cam_b/person_%04d.png", i);
  }
  original_file("P/single_shot/cam_a/person_0201.png");
  original_file("P/single_shot/cam_b/person_0201.png");
  check_trial("P", list("p.txt", "2 3\n1\n"), 0,
              "cam_a/person_0002.png cam_a/person_0003.png | cam_b/person_0002.png "
              "cam_b/person_0003.png cam_b/person_0201.png");
  check_trial("P",
              list("p.json", "{\"query\": [[\"x/cam_a/person_0001.png\", 0, 0]], \"gallery\": "
                             "[[\"x/cam_b/person_0001.png\", 0, 1], "
                             "[\"x/cam_b/person_0201.png\", 5, 1]]}"),
              0, "cam_a/person_0001.png | cam_b/person_0001.png cam_b/person_0201.png");
}

/* i-LIDS: any cameras; of names of pictures a person's first is the query. */
static void ilids(void) {
  for (int i = 1; i <= 3; i++)
    for (int k = 1; k <= 3; k++) original_file("I/Persons/%04d%03d.jpg", i, k);
  check_trial("I", list("i.txt", "0002003.jpg\n0002001.jpg\n0001001.jpg\n0001002.jpg\n"), 0,
              "Persons/0001001.jpg Persons/0002003.jpg | Persons/0001002.jpg Persons/0002001.jpg");
  DataSet *data = read_set("I");
  Protocol parsed, protocol;
  Trial trial;
  CU_ASSERT_EQUAL_FATAL(protocol_parse(list("ii.txt", "1 3\n"), NULL, &parsed), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(protocol_open(&parsed, data->domains, NULL, &protocol), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(protocol_trial(&protocol, data->domains, 0, &trial, NULL), STATUS_OK);
  CU_ASSERT(trial.n_query == 2 && trial.n_gallery == 2);
  for (int i = 0; i < 2; i++) {
    const DataImage *q = &data->domains[0].images[trial.query[i]];
    const DataImage *g = &data->domains[0].images[trial.gallery[i]];
    CU_ASSERT(q->pid == g->pid && q->camera != g->camera && q->pid != 1);
  }
  trial_release(&trial);
  protocol_release(&protocol);
  protocol_release(&parsed);
  dataset_destroy(data);
}

/* ---- GRID: the partitions of its own file ---- */

/* A cell for each partition; its third field has the people who are trained on. */
static void write_grid(const char *path, enum mat_ft version, int trials, int train,
                       const double *pids, bool structures) {
  mat_t *mat = Mat_CreateVer(path, NULL, version);
  size_t cells[2] = {1, (size_t)trials}, one[2] = {1, 1}, row[2] = {1, (size_t)train};
  matvar_t *all = Mat_VarCreate("trainIdxAll", MAT_C_CELL, MAT_T_CELL, 2, cells, NULL, 0);
  for (int t = 0; t < trials; t++) {
    static const char *const fields[] = {"probe", "gallery", "idx", NULL};
    matvar_t *numbers =
        Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, row, (void *)(pids + t * train), 0);
    matvar_t *cell = numbers;
    if (structures) {
      double nothing = 7;
      cell = Mat_VarCreateStruct2(NULL, 2, one, fields);
      Mat_VarSetStructFieldByIndex(
          cell, 0, 0, Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, one, &nothing, 0));
      Mat_VarSetStructFieldByIndex(
          cell, 1, 0, Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, one, &nothing, 0));
      Mat_VarSetStructFieldByIndex(cell, 2, 0, numbers);
    }
    Mat_VarSetCell(all, t, cell);
  }
  CU_ASSERT_EQUAL(Mat_VarWrite(mat, all, MAT_COMPRESSION_ZLIB), 0);
  Mat_VarFree(all);
  Mat_Close(mat);
}

static void grid(void) {
  static const double train[] = {1, 3, 2, 4};
  char option[600];
  for (int i = 1; i <= 4; i++) {
    original_file("G/probe/%04d_1_25004_107_32_106_221.jpeg", i);
    original_file("G/gallery/%04d_5_25023_116_1_132_226.jpeg", i);
  }
  original_file("G/gallery/0000_2_25004_107_32_106_221.jpeg");
#define PROBE(N) "probe/000" #N "_1_25004_107_32_106_221.jpeg"
#define GALLERY(N) "gallery/000" #N "_5_25023_116_1_132_226.jpeg"
#define NOBODY "gallery/0000_2_25004_107_32_106_221.jpeg"
  for (int form = 0; form < 2; form++) {
    const char *path = support_path("features_and_partitions.mat");
    write_grid(path, MAT_FT_MAT5, 2, 2, train, form == 0);
    snprintf(option, sizeof option, "list:%s", path);
    check_trial("G", option, 0, PROBE(2) " " PROBE(4) " | " NOBODY " " GALLERY(2) " " GALLERY(4));
    check_trial("G", option, 1, PROBE(1) " " PROBE(3) " | " NOBODY " " GALLERY(1) " " GALLERY(3));
  }
}

/* The whole set and its ten partitions: the published numbers in each. */
static void grid_whole(void) {
  static double train[10 * 125];
  original_grid("grid");
  for (int t = 0; t < 10; t++)
    for (int i = 0; i < 125; i++) train[t * 125 + i] = (i * 2 + t) % 250 + 1;
  write_grid(support_path("ten.mat"), MAT_FT_MAT5, 10, 125, train, true);
  DataSet *data = read_set("grid");
  Protocol protocol, parsed;
  char option[600];
  snprintf(option, sizeof option, "list:%s", support_path("ten.mat"));
  CU_ASSERT_EQUAL_FATAL(protocol_parse(option, NULL, &parsed), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(protocol_open(&parsed, data->domains, NULL, &protocol), STATUS_OK);
  CU_ASSERT_EQUAL(protocol.trials, 10);
  for (uint32_t t = 0; t < protocol.trials; t++) {
    Trial trial;
    CU_ASSERT_EQUAL_FATAL(protocol_trial(&protocol, data->domains, t, &trial, NULL), STATUS_OK);
    CU_ASSERT(trial.n_query == 125 && trial.n_gallery == 900);
    trial_release(&trial);
  }
  protocol_release(&protocol);
  protocol_release(&parsed);
  dataset_destroy(data);
}

/* ---- mistakes, and the paper's protocol with a set's own splits ---- */

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})
static void refused(const char *set, const char *name, const char *text, int errors,
                    const char *message, const char *hint) {
  support_write(name, text);
  Shell s = shell("\"$GRAPHRUN\" eval --baseline=color --data=%s --protocol=list:%s", set, name);
  CU_ASSERT(shell_says(name, s, 1, errors, PARTS(message, hint)));
}

/* A small file whose variables, one after the other, inflate to more than a file may. */
static void write_bomb(const char *path) {
  enum { EACH = 40 << 20, TIMES = 7 };
  const uint32_t inside[2] = {1, EACH - 8}; /* passed over */
  uint8_t *bytes = calloc(1, EACH);
  uLongf n = compressBound(EACH);
  uint8_t *packed = malloc(n);
  FILE *out = fopen(path, "wb");
  if (!bytes || !packed || !out) exit(1);
  memcpy(bytes, inside, sizeof inside);
  if (compress2(packed, &n, bytes, EACH, 1) != Z_OK) exit(1);
  const uint32_t tag[2] = {15, (uint32_t)n};
  fprintf(out, "%-124s%c%cIM", "MATLAB 5.0 MAT-file", 0, 1);
  for (int i = 0; i < TIMES; i++)
    if (fwrite(tag, sizeof tag, 1, out) != 1 || fwrite(packed, n, 1, out) != 1) exit(1);
  if (fclose(out) != 0) exit(1);
  free(bytes);
  free(packed);
}

static void mistakes(void) {
  refused("V", "no.txt", "1 99\n", 1, "no.txt:1: error: domain 'V' has no identity '99'",
          "hint: --domain=NAME says which domain");
  refused("V", "no.csv", "trial,side,path\n0,query,x/008_0.bmp\n0,gallery,000_90.bmp\n", 1,
          "no.csv:2: error: domain 'V' has no image 'x/008_0.bmp'", "");
  refused("P", "two.csv", "side,path\nquery,person_0001.png\n", 1,
          "two.csv:2: error: domain 'P' has no single image that is called 'person_0001.png'", "");
  refused("V", "side.csv", "side,path\nprobe,000_0.bmp\n", 1,
          "side.csv:2: error: there is no side 'probe'", "hint: query, gallery, test or train");
  refused("V", "trial.csv", "trial,side,path\na,query,000_0.bmp\n", 1, "'a' is no trial", "");
  refused("V", "gap.csv", "trial,pid\n0,1\n2,1\n", 1, "has no entry of trial 1 of 3", "gaps");
  refused("V", "short.csv", "trial,pid\n0\n", 1, "short.csv:2: error: fields are missing", "");
  refused("V", "empty.txt", "\n# nobody\n", 1, "empty.txt: error: holds no splits", "hint: a CSV");
  refused("V", "half.csv", "side,path\nquery,000_0.bmp\n", 1,
          "half.csv: error: trial 0 has 1 query and 0 gallery images of domain 'V'", "");
  refused("V", "camera.csv", "side,pid,camera\nquery,1,cam_c\n", 1, "has no camera 'cam_c'", "");
  refused("I", "which.csv", "side,pid\nquery,1\n", 1, "so that a column 'camera' must say", "");
  refused("V", "bad.json", "[{\"query\": 3}]", 1, "bad.json: error: split 0: 'query' is no list",
          "");
  refused("V", "worse.json", "[{\"query\": ", 1, "worse.json:1:", "cannot be read as JSON");
  refused("V", "not.mat", "MATLAB 5.0 MAT-file, most likely\n", 1,
          "not.mat: error: is no MAT file of version 5",
          "hint: a file that MATLAB saved with -v6 or -v7");
  Shell s = shell("\"$GRAPHRUN\" eval --baseline=color --data=V --protocol=list:nowhere.csv");
  CU_ASSERT(shell_says("nowhere", s, 1, 1, PARTS("nowhere.csv: error: cannot read: No such file")));
  static const double nobody[] = {1};
  write_grid(support_path("seven.mat"), MAT_FT_MAT73, 1, 1, nobody, false);
  s = shell("\"$GRAPHRUN\" eval --baseline=color --data=V --protocol=list:seven.mat");
  CU_ASSERT(shell_says("7.3", s, 1, 1, PARTS("seven.mat: error: is a MAT file of version 7.3")));
  write_bomb(support_path("bomb.mat"));
  s = shell("\"$GRAPHRUN\" eval --baseline=color --data=V --protocol=list:bomb.mat");
  CU_ASSERT(shell_says("bomb", s, 1, 1, PARTS("bomb.mat: error: inflates to more than 256 MiB")));
  mat_t *mat = Mat_CreateVer(support_path("other.mat"), NULL, MAT_FT_MAT5);
  Mat_Close(mat);
  s = shell("\"$GRAPHRUN\" eval --baseline=color --data=V --protocol=list:other.mat");
  CU_ASSERT(
      shell_says("other", s, 1, 1, PARTS("other.mat: error: variable 'trainIdxAll' is not there")));
}

/* A partition file that ends anywhere before its checksum: a message, and no crash. */
static void damaged(void) {
  static const double train[] = {1, 3, 2, 4};
  const char *path = support_path("whole.mat");
  size_t n = 0;
  write_grid(path, MAT_FT_MAT5, 2, 2, train, false);
  char *bytes = shell_slurp(path, &n);
  for (size_t cut = 0; cut + 8 < n; cut += n / 40 + 1) {
    Protocol protocol;
    char option[600];
    FILE *out = fopen(support_path("cut.mat"), "wb");
    fwrite(bytes, 1, cut, out);
    fclose(out);
    snprintf(option, sizeof option, "list:%s", support_path("cut.mat"));
    Diag *diag = diag_create();
    CU_ASSERT_NOT_EQUAL(protocol_parse(option, diag, &protocol), STATUS_OK);
    CU_ASSERT_EQUAL(diag_error_count(diag), 1);
    diag_destroy(diag);
  }
  free(bytes);
}

int main(void) {
  static const SupportTest tests[] = {{"VIPeR", viper_forms},
                                      {"PRID", prid},
                                      {"i-LIDS", ilids},
                                      {"GRID", grid},
                                      {"GRID, ten partitions", grid_whole},
                                      {"mistakes", mistakes},
                                      {"damaged files", damaged}};
  return support_run("split list", tests, sizeof tests / sizeof *tests);
}
