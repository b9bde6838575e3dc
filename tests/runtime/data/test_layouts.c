/* The published sets, from trees with their archives' names and numbering: how many people and
 * images each has, for what they are, and what is left out. */
#include "runtime/data/dataset.h"
#include "runtime/data/layout.h"
#include "tests/runtime/data/original_sets.h"
#include "tests/shell.h"

/* Reads a set of this test's folder; messages go to *text, which the caller frees, with the folder
 * written as `~`. */
static DataSet *read_set(const char *path, char **text) {
  Diag *diag = diag_create();
  DataSet *data = NULL;
  Status status = dataset_read(path, diag, &data);
  *text = support_messages(diag);
  size_t n = strlen(support_folder());
  for (char *at = *text; (at = strstr(at, support_folder()));) {
    *at = '~';
    memmove(at + 1, at + n, strlen(at + n) + 1);
  }
  if (status != STATUS_OK) printf("\n%s", *text);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  diag_destroy(diag);
  return data;
}

typedef struct Counts {
  uint32_t images, people, cameras, train, query, gallery, classes;
} Counts;

static void check_counts(const char *what, const DataSet *data, Counts e) {
  const DataDomain *d = &data->domains[0];
  bool right = data->n_domains == 1 && d->n_images == e.images && d->n_pids == e.people &&
               d->n_cameras == e.cameras && d->n_train == e.train && d->n_query == e.query &&
               d->n_gallery == e.gallery && d->n_classes == e.classes;
  if (!right)
    printf("\n%s: %u images, %u people, %u cameras, train %u, query %u, gallery %u, classes %u\n",
           what, d->n_images, d->n_pids, d->n_cameras, d->n_train, d->n_query, d->n_gallery,
           d->n_classes);
  CU_ASSERT(right);
}

static void check_text(const char *text, const char *expected) {
  if (strcmp(text, expected) != 0) printf("\n--- is\n%s--- not\n%s", text, expected);
  CU_ASSERT_STRING_EQUAL(text, expected);
}

/* Reads `NAME LAYOUT PATH` of a folder with split=train and split=all, and the folder itself, which
 * must be recognised.  With split=all everybody of the paper's Table 1 must be there. */
static void check_set(const char *word, const char *folder, Counts as_it_is, const char *left,
                      uint32_t all_images, uint32_t all_people, const char *left_of_all) {
  char line[200], *text;
  snprintf(line, sizeof line, "d %s %s\n", word, folder);
  DataSet *data = read_set(support_write("set.domains", line), &text);
  check_counts(line, data, as_it_is);
  check_text(text, left);
  uint64_t print = data->domains[0].fingerprint;
  free(text);
  dataset_destroy(data);

  data = read_set(support_path(folder), &text);
  CU_ASSERT_STRING_EQUAL(data->domains[0].layout->word, word);
  CU_ASSERT_EQUAL(data->domains[0].fingerprint, print);
  check_text(text, left);
  free(text);
  dataset_destroy(data);

  snprintf(line, sizeof line, "d %s %s split=all\n", word, folder);
  data = read_set(support_write("set.domains", line), &text);
  check_counts(
      line, data,
      (Counts){all_images, all_people, data->domains[0].n_cameras, all_images, 0, 0, all_people});
  check_text(text, left_of_all);
  CU_ASSERT_EQUAL(data->domains[0].somebody, data_layout_find(word)->people);
  CU_ASSERT_EQUAL(data->domains[0].somebodys, data_layout_find(word)->images);
  free(text);
  dataset_destroy(data);
}

#define JUNK                                                                                       \
  "~/market: warning: 3819 images of identity -1 are left out (the first is "                      \
  "'bounding_box_test/-1_c1s1_000000_01.jpg')\n"

static void market(void) {
  original_market("market");
  check_set(
      "market", "market", (Counts){32217, 1502, 6, 12936, 3368, 15913, 751}, JUNK, 29419, 1501,
      JUNK "~/market: warning: 2798 images of nobody (identity 0 of the gallery) are left out "
           "(the first is 'bounding_box_test/0000_c1s1_000000_01.jpg')\n");
  char *text;
  DataSet *data = read_set(support_path("market//"), &text);
  const DataDomain *d = &data->domains[0];
  uint32_t nobody = 0;
  for (uint32_t i = 0; i < d->n_images; i++) nobody += d->images[i].nobody;
  CU_ASSERT_EQUAL(nobody, 2798);
  CU_ASSERT_STRING_EQUAL(d->name, "market");
  CU_ASSERT_STRING_EQUAL(d->pids[0], "0000");
  CU_ASSERT_STRING_EQUAL(d->classes[0], "0002");
  CU_ASSERT_STRING_EQUAL(d->classes[750], "1501");
  CU_ASSERT_STRING_EQUAL(d->images[0].path,
                         support_path("market/bounding_box_train/0002_c1s1_000000_00.jpg"));
  free(text);
  dataset_destroy(data);
}

static void duke(void) {
  original_duke("DukeMTMC-reID");
  check_set("dukemtmc", "DukeMTMC-reID", (Counts){36411, 1812, 8, 16522, 2228, 17661, 702}, "",
            36411, 1812, "");
  char *text;
  DataSet *data = read_set(support_path("DukeMTMC-reID"), &text);
  const DataDomain *d = &data->domains[0];
  CU_ASSERT_STRING_EQUAL(d->classes[0], "0001");
  CU_ASSERT_STRING_EQUAL(d->classes[701], "4207");
  CU_ASSERT_STRING_EQUAL(d->cameras[7], "8");
  CU_ASSERT_STRING_EQUAL(d->images[0].path,
                         support_path("DukeMTMC-reID/bounding_box_train/0001_c1_f0046182.jpg"));
  free(text);
  dataset_destroy(data);
}

/* Both versions; the numbers of training and tests are other people. */
static void msmt17(void) {
#define VALIDATION ": warning: 2373 images for validation are left out (the first is '"
#define VALIDATION_END                                                                             \
  "/0059/0059_029_15_0303morning_0251_2.jpg')\nhint: val=train in the line, or split=all, trains " \
  "on them too\n"
  original_msmt17("msmt", false);
  check_set("msmt17", "msmt", (Counts){124068, 4101, 15, 30248, 11659, 82161, 1041},
            "~/msmt" VALIDATION "train" VALIDATION_END, 126441, 4101, "");
  original_msmt17("MSMT17_V2", true);
  char *text;
  DataSet *data = read_set(support_path("MSMT17_V2"), &text);
  const DataDomain *d = &data->domains[0];
  check_counts("MSMT17_V2", data, (Counts){124068, 4101, 15, 30248, 11659, 82161, 1041});
  check_text(text, "~/MSMT17_V2" VALIDATION "mask_train_v2" VALIDATION_END);
  CU_ASSERT_STRING_EQUAL(d->pids[0], "test/0000");
  CU_ASSERT_STRING_EQUAL(d->classes[0], "train/0000");
  CU_ASSERT_STRING_EQUAL(d->classes[1040], "train/1040");
  CU_ASSERT_STRING_EQUAL(d->cameras[0], "01");
  CU_ASSERT_STRING_EQUAL(
      d->images[0].path,
      support_path("MSMT17_V2/mask_train_v2/0000/0000_000_01_0303morning_0000_0.jpg"));
  free(text);
  dataset_destroy(data);
}

/* A list that was not copied takes its images with it, and files come beside those that are listed.
 */
static void msmt17_unlisted(void) {
  for (int i = 0; i < 6; i++)
    original_file("few/train/%04d/%04d_000_01_0303morning_0000_%d.jpg", i / 2, i / 2, i % 2);
  original_file("few/train/0001/notes.txt");
  original_file("few/train/0001/.0001_000_01_0303morning_0000_9.jpg");
  original_file("few/train/0002/old/0002_000_01_0303morning_0000_9.jpg");
  original_file("few/test/0000/0000_000_01_0303morning_0000_0.jpg");
  support_write("few/list_train.txt", "0000/0000_000_01_0303morning_0000_0.jpg 0\r\n"
                                      "0000/0000_000_01_0303morning_0000_1.jpg 0\r\n"
                                      "0001/0001_000_01_0303morning_0000_1.jpg 1\r\n");
  char *text;
  DataSet *data = read_set(support_path("few"), &text);
  check_text(text, "~/few: warning: 3 images that no list names are left out (the first is "
                   "'train/0001/0001_000_01_0303morning_0000_0.jpg')\n"
                   "hint: list_train.txt, list_val.txt, list_query.txt and list_gallery.txt do\n"
                   "~/few: warning: 1 file of a type that is not read is left out "
                   "('train/0001/notes.txt')\n"
                   "hint: JPEG, PNG and BMP are read; `mogrify -format png` converts others\n"
                   "~/few: warning: 1 folder among the images is left out ('train/0002/old')\n"
                   "hint: images are read beside such folders, not from them\n");
  CU_ASSERT_EQUAL(data->domains[0].n_images, 3);
  free(text);
  dataset_destroy(data);
  support_write("few/list_query.txt", "0000/0000_000_01_0303morning_0000_0.jpg 0\n");
  support_write("few/list_val.txt", "0001/0001_000_01_0303morning_0000_0.jpg 1\n");
  data = read_set(support_path("few"), &text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 images that no list names are left out (the first is "
                                      "'train/0002/0002_000"));
  free(text);
  dataset_destroy(data);
}

/* Whether the test people go on in number or begin at 1 again. */
static void cuhk03np(void) {
  static const char left[] = ": warning: 1 folder of the same people in other boxes is left out "
                             "('detected')\nhint: name that folder itself to read it\n";
  char text[400];
  original_cuhk03np("np", 768);
  snprintf(text, sizeof text, "~/np%s", left);
  check_set("cuhk03np", "np", (Counts){14096, 1467, 2, 7368, 1400, 5328, 767}, text, 14096, 1467,
            text);
  original_cuhk03np("anew", 1);
  snprintf(text, sizeof text, "~/anew%s", left);
  check_set("cuhk03np", "anew", (Counts){14096, 1467, 2, 7368, 1400, 5328, 767}, text, 14096, 1467,
            text);
  char *messages;
  DataSet *data =
      read_set(support_write("set.domains", "d cuhk03np np/detected split=all\n"), &messages);
  check_counts("detected", data, (Counts){14097, 1467, 2, 14097, 0, 0, 1467});
  CU_ASSERT_STRING_EQUAL(messages, "");
  CU_ASSERT_STRING_EQUAL(data->domains[0].pids[1466], "1467");
  free(messages);
  dataset_destroy(data);
  data = read_set(support_path("anew"), &messages);
  CU_ASSERT_STRING_EQUAL(data->domains[0].pids[0], "test/0001");
  CU_ASSERT_STRING_EQUAL(data->domains[0].classes[766], "train/0767");
  free(messages);
  dataset_destroy(data);
}

static void training_sets(void) {
  original_cuhksysu("sysu");
  check_set("cuhksysu", "sysu", (Counts){34574, 11934, 1, 34574, 0, 0, 11934}, "", 34574, 11934,
            "");
  original_cuhk02("cuhk02");
  check_set("cuhk02", "cuhk02", (Counts){7264, 1816, 10, 7264, 0, 0, 1816}, "", 7264, 1816, "");
}

#define OTHER(PATH, NAME)                                                                          \
  "~/" PATH ": warning: 1 file of a type that is not read is left out ('" NAME "')\n"              \
  "hint: JPEG, PNG and BMP are read; `mogrify -format png` converts others\n"

static void test_sets(void) {
  original_viper("VIPeR");
  check_set("viper", "VIPeR", (Counts){1264, 632, 2, 0, 632, 632, 0}, "", 1264, 632, "");
  original_prid("prid");
  check_set("prid", "prid", (Counts){1134, 934, 2, 0, 385, 749, 0}, "", 1134, 934, "");
  original_grid("grid");
  check_set("grid", "grid", (Counts){1275, 251, 2, 0, 250, 1025, 0}, "", 500, 250,
            "~/grid: warning: 775 images of nobody (identity 0 of the gallery) are left out (the "
            "first is 'gallery/0000_1_27000_107_32_106_221.jpeg')\n");
  original_ilids("ilids");
  check_set("ilids", "ilids", (Counts){476, 119, 6, 0, 0, 476, 0}, "", 476, 119, "");
}

/* Names of the archives' folders around the images. */
static void folders_around(void) {
  static const struct {
    const char *line;
    uint32_t images;
  } cases[] = {{"d prid prid/single_shot\n", 1134},
               {"d ilids ilids/i-LIDS_Pedestrian\n", 476},
               {"d ilids ilids/i-LIDS_Pedestrian/Persons\n", 476},
               {"d cuhk03np np/labeled\n", 14096},
               {"d market np/labeled\n", 14096},
               {"d cuhk02 dataset\n", 1}};
  original_file("dataset/Dataset/P1/cam1/001_1.png");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text;
    DataSet *data = read_set(support_write("around.domains", cases[i].line), &text);
    CU_ASSERT_EQUAL(data->domains[0].n_images, cases[i].images);
    free(text);
    dataset_destroy(data);
  }
}

static void check_bad(const char *path, const char *expected);

/* A set within a folder of its own, however that is called: archives are unpacked into folders. */
static void unpacked(void) {
  static const struct {
    const char *word, *file;
  } cases[] = {{"dukemtmc", "query/0005_c2_f0046985.jpg"},
               {"market", "query/0002_c1s1_000451_03.jpg"},
               {"cuhk03np", "labeled/query/0001_c1_1.png"},
               {"cuhk02", "P1/cam1/001_1.png"},
               {"cuhksysu", "cropped_images/p11422_s16929_1.jpg"},
               {"viper", "cam_a/000_45.bmp"},
               {"prid", "single_shot/cam_a/person_0001.png"},
               {"grid", "probe/0001_1_25004_107_32_106_221.jpeg"},
               {"ilids", "Persons/0001001.jpg"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char line[200], *text;
    const char *word = cases[i].word;
    original_file("un/%s/readme/a.txt", word);
    original_file("un/%s/Some Folder (1)/%s", word, cases[i].file);
    snprintf(line, sizeof line, "d %s un/%s\n", word, word);
    DataSet *data = read_set(support_write("un.domains", line), &text);
    CU_ASSERT_EQUAL(data->domains[0].n_images, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(data->domains[0].images[0].path, cases[i].file));
    free(text);
    dataset_destroy(data);
  }
  original_file("un/msmt17/MSMT/list_train.txt");
  support_write("un/msmt17/MSMT/list_train.txt", "0000/0000_000_01_0303morning_0015_0.jpg 0\n");
  char *text;
  DataSet *data = read_set(support_write("un.domains", "d msmt17 un/msmt17\n"), &text);
  CU_ASSERT_STRING_EQUAL(
      data->domains[0].images[0].path,
      support_path("un/msmt17/MSMT/train/0000/0000_000_01_0303morning_0015_0.jpg"));
  free(text);
  dataset_destroy(data);
  data = read_set(support_write("un.domains", "d cuhksysu sysu/cropped_images\n"), &text);
  CU_ASSERT_EQUAL(data->domains[0].n_images, 34574);
  free(text);
  dataset_destroy(data);
}

/* Which of several is meant is not guessed. */
static void several_sets(void) {
  original_file("many/Market-1501-v15.09.15/query/0001_c1s1_000451_03.jpg");
  original_file("many/DukeMTMC-reID/query/0001_c1_f0046985.jpg");
  check_bad(support_path("many"),
            "~/many: error: several data sets are in the folder: dukemtmc in 'DukeMTMC-reID', "
            "market in 'Market-1501-v15.09.15'\n"
            "hint: name one of these folders, or a .domains file with a line NAME LAYOUT PATH for "
            "each set\n");
  original_file("twice/a/cam_a/000_45.bmp");
  original_file("twice/b/cam_b/000_45.bmp");
  check_bad(support_write("twice.domains", "d viper twice\n"),
            "~/twice: error: two of its folders are in the layout viper: 'a' and 'b'\n"
            "hint: name the one that is meant\n");
  original_file("versions/MSMT17_V2/list_train.txt");
  original_file("versions/MSMT17_V1/list_train.txt");
  support_write("versions/MSMT17_V1/list_train.txt", "0000/0000_000_01_0303morning_0015_0.jpg 0\n");
  char *text;
  dataset_destroy(read_set(support_write("v.domains", "d msmt17 versions\n"), &text));
  check_text(text, "~/versions: warning: MSMT17_V1 is read, 'MSMT17_V2' is not\n"
                   "hint: name that folder itself to read it\n");
  free(text);
}

/* ---- what is left out ---- */

static void expect_left(const char *line, uint32_t images, const char *expected) {
  char *text;
  DataSet *data = read_set(support_write("left.domains", line), &text);
  CU_ASSERT_EQUAL(data->domains[0].n_images, images);
  check_text(text, expected);
  free(text);
  dataset_destroy(data);
}

static void other_files(void) {
  static const char *const files[] = {"0001_c1s1_000001_00.png",
                                      "0001_c1s1_000002_00.webp",
                                      "0001_c1s1_000003_00.TIF",
                                      "0001_c1s1_000004_00",
                                      "list.txt",
                                      ".DS_Store",
                                      "Thumbs.db",
                                      "0001_c1s1_000005_00.JPEG",
                                      "0001_c1s1_000006_00.jfif",
                                      "._0001_c1s1_000001_00.png"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) original_file("mix/query/%s", files[i]);
  expect_left("d market mix\n", 3,
              "~/mix: warning: 4 files of a type that is not read are left out (the first is "
              "'query/0001_c1s1_000002_00.webp')\n"
              "hint: JPEG, PNG and BMP are read; `mogrify -format png` converts others\n");
  original_file("strange/query/0001_c1s1_000001_00.png");
  original_file("strange/query/0003_d1.jpg");
  original_file("strange/query/a.jpg");
  original_file("strange/bounding_box_test/b_c1.jpg");
  original_file("strange/bounding_box_test/-2_c1.jpg");
  original_file("strange/bounding_box_test/more/0001_c2s1_000001_00.png");
  expect_left(
      "d market strange\n", 1,
      "~/strange: warning: 4 files with no identity and camera in the name are left out (the "
      "first is 'query/0003_d1.jpg')\n"
      "hint: bounding_box_train, query, bounding_box_test: 0002_c1s1_000451_03.jpg\n"
      "~/strange: warning: 1 folder among the images is left out ('bounding_box_test/more')\n"
      "hint: images are read beside such folders, not from them\n");
  original_file("near/Query/0001_c1s1_000001_00.png");
  original_file("near/bounding_box_train/0001_c1s1_000001_00.png");
  expect_left("d market near\n", 1,
              "~/near: warning: there is no folder 'query'\nhint: 'Query' is not read\n");
  original_file("half/cam_a/000_45.bmp");
  original_file("half/cam_a/notes.txt");
  expect_left("d viper half\n", 1,
              "~/half: warning: there is no folder 'cam_b'\n"
              "hint: cam_a, cam_b: 000_45.bmp\n" OTHER("half", "cam_a/notes.txt"));
}

/* A set of somebody's own that numbers people from 0: nobody is lost without a word. */
static void from_zero(void) {
  for (int i = 0; i < 2; i++)
    for (int c = 1; c <= 2; c++) original_file("own/bounding_box_train/%04d_c%d_1.png", i, c);
  for (int i = 0; i <= 2; i += 2) {
    original_file("own/query/%04d_c1_1.png", i);
    original_file("own/bounding_box_test/%04d_c2_1.png", i);
  }
#define ZERO_QUERY                                                                                 \
  "~/own: warning: 1 query image of identity 0, which is nobody in this layout, is left out "      \
  "('query/0000_c1_1.png')\n"                                                                      \
  "hint: zero=person in the line of a .domains file makes it a person\n"
  expect_left("d market own\n", 7, ZERO_QUERY);
  expect_left("d market own split=all\n", 6,
              ZERO_QUERY
              "~/own: warning: 1 image of nobody (identity 0 of the gallery) is left out "
              "('bounding_box_test/0000_c2_1.png')\n");
  expect_left("d market own zero=person\n", 8, "");
  expect_left("d market own zero=person split=all pids=one\n", 8, "");
  char *text;
  DataSet *data = read_set(support_path("own"), &text);
  const DataDomain *d = &data->domains[0];
  CU_ASSERT_FATAL(d->n_classes == 2 && d->n_train == 4);
  CU_ASSERT_STRING_EQUAL(d->classes[0], "0000");
  for (uint32_t i = 0; i < d->n_images; i++) {
    bool zero = strcmp(d->pids[d->images[i].pid], "0000") == 0;
    CU_ASSERT_EQUAL(d->images[i].nobody, zero && d->images[i].split != SPLIT_TRAIN);
    CU_ASSERT(!zero || d->images[i].split != SPLIT_QUERY);
  }
  free(text);
  dataset_destroy(data);
}

/* The same numbers in training and in tests, trained on together: one person or two. */
static void numbered_anew(void) {
  for (int i = 1; i <= 3; i++) {
    original_file("both/bounding_box_train/%04d_c1_1.png", i);
    original_file("both/query/%04d_c1_2.png", i + 1);
  }
  expect_left("d market both\n", 6, "");
  expect_left("d market both split=all pids=one\n", 6, "");
  expect_left("d market both split=all\n", 6,
              "~/both: warning: 2 identities stand in training and in query or gallery and are "
              "taken as one person each (the first is '0002')\n"
              "hint: pids=one in the line says that this is right; pids=anew that the tests are "
              "numbered anew\n");
  char *text;
  DataSet *data =
      read_set(support_write("left.domains", "d market both pids=anew split=all\n"), &text);
  CU_ASSERT_EQUAL_FATAL(data->domains[0].n_classes, 6);
  CU_ASSERT_STRING_EQUAL(data->domains[0].classes[0], "test/0002");
  CU_ASSERT_STRING_EQUAL(data->domains[0].classes[5], "train/0003");
  CU_ASSERT_STRING_EQUAL(text, "");
  free(text);
  dataset_destroy(data);
  /* spellings of one number stay one person */
  support_write("both.csv", "path,pid,camera,split\na.png,2,1,train\nb.png,02,1,train\n"
                            "c.png,2.0,1,query\nd.png,anna,1,train\n");
  data = read_set(support_write("left.domains", "d csv both.csv pids=anew split=all\n"), &text);
  CU_ASSERT_EQUAL(data->domains[0].n_classes, 3);
  free(text);
  dataset_destroy(data);
}

/* ---- messages ---- */

static void check_bad(const char *path, const char *expected) {
  Diag *diag = diag_create();
  DataSet *data;
  CU_ASSERT_EQUAL(dataset_read(path, diag, &data), STATUS_INVALID);
  char *text = support_messages(diag);
  size_t n = strlen(support_folder());
  for (char *at = text; (at = strstr(at, support_folder()));) {
    *at = '~';
    memmove(at + 1, at + n, strlen(at + n) + 1);
  }
  check_text(text, expected);
  free(text);
  diag_destroy(diag);
}

static void errors(void) {
  mkdir(support_path("none"), 0777);
  check_bad(support_path("none"),
            "~/none: error: the folder is in no layout that is known\n"
            "hint: `graphrun check-data --layouts` lists them; of a folder of several domains name "
            "its .domains file\n");
  mkdir(support_path("empty"), 0777);
  mkdir(support_path("empty/query"), 0777);
  check_bad(support_path("empty"),
            "~/empty: error: holds no images in the layout market\n"
            "hint: bounding_box_train, query, bounding_box_test: 0002_c1s1_000451_03.jpg\n");
  check_bad(support_write("e.domains", "d grid VIPeR\n"),
            "~/VIPeR: error: holds no images in the layout grid\n"
            "hint: probe, gallery: 0001_1_25004_107_32_106_221.jpeg\n");
  check_bad(support_write("e.domains", "d grid set.domains\n"),
            "~/set.domains: error: is no folder\n"
            "hint: probe, gallery: 0001_1_25004_107_32_106_221.jpeg\n");
  original_file("bad/list_train.txt");
  support_write("bad/list_train.txt",
                "0000/0000_000_01_0303morning_0015_0.jpg 0\r\n\n"
                "0000/0000_000_01_0303morning_0015_0.jpg\n0000/0000_000_0_x.jpg x\n"
                "0000/0000_000_x_1.jpg 0\n0000/0000_000.jpg 1\n0000/0000_000_01_1.jpg -1\n");
#define MSMT_HINT "hint: a line is PATH PID: 0000/0000_000_01_0303morning_0015_0.jpg 0\n"
  check_bad(support_path("bad"),
            "~/bad/list_train.txt:3: error: the line is no path and identity\n" MSMT_HINT
            "~/bad/list_train.txt:4: error: the identity is no number\n" MSMT_HINT
            "~/bad/list_train.txt:5: error: the name tells no camera: its third field is no "
            "number\n" MSMT_HINT "~/bad/list_train.txt:6: error: the name tells no camera: its "
            "third field is no number\n" MSMT_HINT
            "~/bad/list_train.txt:7: error: the identity is no number\n" MSMT_HINT);
}

/* The manual's page of layouts is what the program prints. */
static void manual(void) {
  Shell s = shell("\"$GRAPHRUN\" check-data --layouts > layouts.txt && "
                  "grep '^|' \"$TOP/docs/layouts.md\" | diff - layouts.txt");
  if (s.code != 0) printf("\n%s", s.out);
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
  for (uint32_t i = 0; data_layout_at(i); i++)
    CU_ASSERT_PTR_EQUAL(data_layout_find(data_layout_at(i)->word), data_layout_at(i));
}

int main(void) {
  static const SupportTest tests[] = {{"market", market},
                                      {"duke", duke},
                                      {"msmt17", msmt17},
                                      {"msmt17, unlisted", msmt17_unlisted},
                                      {"cuhk03np", cuhk03np},
                                      {"training sets", training_sets},
                                      {"test sets", test_sets},
                                      {"folders around", folders_around},
                                      {"unpacked", unpacked},
                                      {"several sets", several_sets},
                                      {"other files", other_files},
                                      {"from zero", from_zero},
                                      {"numbered anew", numbered_anew},
                                      {"errors", errors},
                                      {"manual", manual}};
  return support_run("layouts", tests, sizeof tests / sizeof *tests);
}
