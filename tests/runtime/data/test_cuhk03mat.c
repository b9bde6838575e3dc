/* CUHK03 as it comes: images are read out of cuhk-03.mat, which a library writes as MATLAB would,
 * and are for what the new protocol's file, or the file's own test sets, say. */
#include "runtime/data/dataset.h"
#include "runtime/data/image.h"
#include "runtime/data/mat_images.h"
#include "tests/shell.h"

#include <matio.h>

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- writing ---- */

static int height_of(int person) {
  return 8 + person;
}
#define WIDTH 4

/* Of the colour at a place of an image. */
static uint8_t value(int pair, int person, int image, int y, int x, int c) {
  return (uint8_t)(pair * 64 + person * 16 + image + y * 3 + x * 5 + c * 7);
}

/* Images 4 and 9 are not there, of person 2 the second camera's neither. */
static bool is_there(int person, int image) {
  return image != 4 && image != 9 && !(person == 2 && image > 5);
}

static matvar_t *write_image(int pair, int person, int image) {
  size_t sides[3] = {(size_t)height_of(person), WIDTH, 3}, nothing[2] = {0, 0};
  static uint8_t bytes[64 * WIDTH * 3];
  if (!is_there(person, image))
    return Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, nothing, bytes, 0);
  size_t n = 0;
  for (int c = 0; c < 3; c++)
    for (int x = 0; x < WIDTH; x++)
      for (int y = 0; y < height_of(person); y++) bytes[n++] = value(pair, person, image, y, x, c);
  return Mat_VarCreate(NULL, MAT_C_UINT8, MAT_T_UINT8, 3, sides, bytes, 0);
}

/* `pairs` cells of persons x 10 cells of images: two persons in the last pair, three before. */
static void write_boxes(mat_t *mat, const char *name, int pairs) {
  size_t column[2] = {(size_t)pairs, 1};
  matvar_t *all = Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, column, NULL, 0);
  for (int pair = 1; pair <= pairs; pair++) {
    int people = pair == pairs ? 2 : 3;
    size_t sides[2] = {(size_t)people, 10};
    matvar_t *cells = Mat_VarCreate(NULL, MAT_C_CELL, MAT_T_CELL, 2, sides, NULL, 0);
    for (int image = 1; image <= 10; image++)
      for (int person = 1; person <= people; person++)
        Mat_VarSetCell(cells, (image - 1) * people + person - 1, write_image(pair, person, image));
    Mat_VarSetCell(all, pair - 1, cells);
  }
  CU_ASSERT_EQUAL(Mat_VarWrite(mat, all, MAT_COMPRESSION_ZLIB), 0);
  Mat_VarFree(all);
}

/* Two sets of two people each: columns of pairs and of persons. */
static void write_test_sets(mat_t *mat) {
  double first[] = {1, 2, 3, 1}, second[] = {1, 1, 1, 1};
  size_t column[2] = {2, 1}, sides[2] = {2, 2};
  matvar_t *all = Mat_VarCreate("testsets", MAT_C_CELL, MAT_T_CELL, 2, column, NULL, 0);
  Mat_VarSetCell(all, 0, Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, sides, first, 0));
  Mat_VarSetCell(all, 1, Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, sides, second, 0));
  CU_ASSERT_EQUAL(Mat_VarWrite(mat, all, MAT_COMPRESSION_NONE), 0);
  Mat_VarFree(all);
}

static void write_set(const char *folder) {
  mkdir(support_path(folder), 0777);
  char path[128];
  snprintf(path, sizeof path, "%s/cuhk-03.mat", folder);
  mat_t *mat = Mat_CreateVer(support_path(path), NULL, MAT_FT_MAT73);
  write_boxes(mat, "detected", 1);
  write_boxes(mat, "labeled", 2);
  write_test_sets(mat);
  Mat_Close(mat);
}

static void write_column(mat_t *mat, const char *name, double *numbers, size_t n) {
  size_t sides[2] = {n, 1};
  matvar_t *v = Mat_VarCreate(name, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, sides, numbers, 0);
  CU_ASSERT_EQUAL(Mat_VarWrite(mat, v, MAT_COMPRESSION_ZLIB), 0);
  Mat_VarFree(v);
}

/* The new protocol's file of the labeled boxes: all images but one, of which no list speaks. */
static void write_config(const char *path, const char *wrong) {
  double train[64], query[64], gallery[64];
  size_t n[3] = {0}, names = 0, sides[2] = {64, 1};
  matvar_t *list;
  static char text[64][48];
  mat_t *mat = Mat_CreateVer(support_path(path), NULL, MAT_FT_MAT5);
  for (int pair = 1; pair <= 2; pair++)
    for (int person = 1; person <= (pair == 2 ? 2 : 3); person++)
      for (int image = 1; image <= 10; image++) {
        if (!is_there(person, image)) continue;
        snprintf(text[names++], sizeof *text, "%d_%03d_%d_%02d.png", pair, person, 1 + (image > 5),
                 image);
        if (pair == 2 && image == 1)
          query[n[1]++] = (double)names;
        else if (pair == 2 && image != 2)
          gallery[n[2]++] = (double)names;
        else if (pair == 1)
          train[n[0]++] = (double)names;
      }
  if (wrong) snprintf(text[0], sizeof *text, "%s", wrong);
  sides[0] = names;
  list = Mat_VarCreate("filelist", MAT_C_CELL, MAT_T_CELL, 2, sides, NULL, 0);
  for (size_t i = 0; i < names; i++) {
    size_t row[2] = {1, strlen(text[i])};
    Mat_VarSetCell(list, (int)i, Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UINT8, 2, row, text[i], 0));
  }
  /* The library counts compressed texts in cells wrongly. */
  CU_ASSERT_EQUAL(Mat_VarWrite(mat, list, MAT_COMPRESSION_NONE), 0);
  Mat_VarFree(list);
  write_column(mat, "train_idx", train, n[0]);
  write_column(mat, "query_idx", query, n[1]);
  write_column(mat, "gallery_idx", gallery, n[2]);
  Mat_Close(mat);
}

/* ---- reading ---- */

/* Of labeled boxes a person has 8 images, person 2 of a pair 4; those of a line. */
static void check(const char *line, uint32_t images, uint32_t people, uint32_t train,
                  uint32_t query, uint32_t gallery, const char *message) {
  DataSet *data = NULL;
  Diag *diag = diag_create();
  Status status = dataset_read(support_write("c.domains", line), diag, &data);
  char *text = support_messages(diag);
  if (status != STATUS_OK || !strstr(text, message)) printf("\n%s%s", line, text);
  CU_ASSERT(strstr(text, message) != NULL && (*message || !*text));
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  const DataDomain *d = data->domains;
  if (d->n_images != images || d->n_train != train || d->n_query != query)
    printf("\n%s: %u %u %u %u %u\n", line, d->n_images, d->n_pids, d->n_train, d->n_query,
           d->n_gallery);
  CU_ASSERT(d->n_images == images && d->n_pids == people && d->n_train == train &&
            d->n_query == query && d->n_gallery == gallery && d->paper == PAPER_CUHK03);
  free(text);
  diag_destroy(diag);
  dataset_destroy(data);
}

static void written(void) {
  write_set("c3");
  write_set("plain");
}

static void pixels(void) {
  char error[IMAGE_ERROR_MAX], name[64];
  bool right = true;
  for (int image = 1; image <= 10; image++) {
    Image out;
    snprintf(name, sizeof name, "c3/cuhk-03.mat#labeled/2_001_%d_%02d.png", 1 + (image > 5), image);
    Status status = image_read(support_path(name), &out, error);
    CU_ASSERT_EQUAL(status, is_there(1, image) ? STATUS_OK : STATUS_INVALID);
    if (status != STATUS_OK) continue;
    CU_ASSERT(out.height == height_of(1) && out.width == WIDTH);
    for (int y = 0; y < out.height; y++)
      for (int x = 0; x < WIDTH; x++)
        for (int c = 0; c < 3; c++)
          right = right && out.rgb[(y * WIDTH + x) * 3 + c] == value(2, 1, image, y, x, c);
    free(out.rgb);
  }
  CU_ASSERT(right);
}

static void new_protocol(void) {
  write_config("c3/cuhk03_new_protocol_config_labeled.mat", NULL);
  static const char left[] = "cuhk-03.mat: warning: 2 images that no list names are left out (the "
                             "first is 'cuhk-03.mat#labeled/2_001_1_02.png')";
  check("c3 cuhk03mat c3\n", 20 + 10, 5, 20, 2, 8, left);
  check("c3 cuhk03mat c3 split=all\n", 30, 5, 30, 0, 0, left);
  check("c3 cuhk03mat c3/cuhk-03.mat boxes=labeled\n", 30, 5, 20, 2, 8, left);
}

/* Without that file: the first test set's people, by camera. */
static void classic(void) {
  static const char said[] = "the first of its test sets is tested (classic protocol), not the new";
  check("c3 cuhk03mat plain\n", 32, 5, 8 + 4 + 4, 4 + 4, 4 + 4, said);
  check("c3 cuhk03mat plain boxes=detected\n", 12, 2, 12, 0, 0, said);
}

static void commands(void) {
  support_write("c.domains", "c3 cuhk03mat c3\n");
  Shell s = shell("\"$GRAPHRUN\" check-data c.domains");
  CU_ASSERT(s.code == 0 && strstr(s.out, "all 30 images can be decoded\n"));
  shell_free(&s);
  s = shell("\"$GRAPHRUN\" check-data c3 | head -2");
  CU_ASSERT(strstr(s.out, "cuhk03mat\n") != NULL);
  shell_free(&s);
  s = shell("\"$GRAPHRUN\" eval --baseline=color --data=c3/cuhk-03.mat");
  CU_ASSERT(s.code == 0 && strstr(s.out, "2 queries, 8 in the gallery"));
  shell_free(&s);
}

static void refused(const char *line, const char *message, const char *hint) {
  support_write("bad.domains", line);
  CU_ASSERT(
      shell_says(line, shell("\"$GRAPHRUN\" check-data bad.domains"), 1, 1, PARTS(message, hint)));
}

static void mistakes(void) {
  mkdir(support_path("none"), 0777);
  refused("c cuhk03mat none\n", "none: error: holds no cuhk-03.mat", "hint: cuhk-03.mat (or in");
  mkdir(support_path("text"), 0777);
  support_write("text/cuhk-03.mat", "nothing");
  refused("c cuhk03mat text\n", "cuhk-03.mat: error: is no HDF5 file, or is damaged",
          "hint: cuhk-03.mat as CUHK03 comes");
  refused("c market c3 boxes=labeled\n", "bad.domains:1: error: the layout market has boxes of one",
          "hint: leave boxes=... away");
  refused("c cuhk03mat c3 val=train\n", "the layout cuhk03mat has no images for validation",
          "hint: leave val=... away");
  mkdir(support_path("wrong"), 0777);
  shell_must("cp c3/cuhk-03.mat wrong");
  write_config("wrong/cuhk03_new_protocol_config_labeled.mat", "9_001_1_01.png");
  refused("c cuhk03mat wrong\n", "variable 'train_idx' names image '9_001_1_01.png', which is not",
          "hint: boxes=labeled|detected");
  mat_t *mat = Mat_CreateVer(support_path("none/cuhk-03.mat"), NULL, MAT_FT_MAT73);
  write_test_sets(mat);
  Mat_Close(mat);
  refused("c cuhk03mat none\n", "cuhk-03.mat: error: has no cells 'detected'", "");
}

/* A file that ends early: one message. */
static void truncated(void) {
  size_t n = 0;
  char *bytes = shell_slurp(support_path("c3/cuhk-03.mat"), &n);
  mkdir(support_path("cut"), 0777);
  support_write("cut.domains", "c cuhk03mat cut\n");
  for (size_t part = 0; part < 8; part++) {
    FILE *out = fopen(support_path("cut/cuhk-03.mat"), "wb");
    fwrite(bytes, 1, n * part / 8, out);
    fclose(out);
    Diag *diag = diag_create();
    DataSet *data = NULL;
    CU_ASSERT_NOT_EQUAL(dataset_read(support_path("cut.domains"), diag, &data), STATUS_OK);
    CU_ASSERT_EQUAL(diag_error_count(diag), 1);
    diag_destroy(diag);
  }
  free(bytes);
}

/* A picture whose elements are said to have 16 MB each: the library would read beyond its memory,
 * and a set without the picture would be another set. */
static void damaged(void) {
  static const char type[12] = {0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0}; /* a byte without sign */
  size_t n = 0;
  char *bytes = shell_slurp(support_path("c3/cuhk-03.mat"), &n);
  char *at = memmem(bytes, n, type, sizeof type);
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  at[6] = (char)0xff;
  FILE *out = fopen(support_path("cut/cuhk-03.mat"), "wb");
  fwrite(bytes, 1, n, out);
  fclose(out);
  free(bytes);
  refused("c cuhk03mat cut boxes=detected\n", "the cells of camera pair 1 of 'detected' cannot be",
          "hint: was the file copied whole?");
}

int main(void) {
  static const SupportTest tests[] = {{"writing", written},           {"pixels", pixels},
                                      {"new protocol", new_protocol}, {"classic", classic},
                                      {"commands", commands},         {"mistakes", mistakes},
                                      {"truncated", truncated},       {"damaged", damaged}};
  return support_run("cuhk03mat", tests, sizeof tests / sizeof *tests);
}
