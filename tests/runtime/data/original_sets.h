/* The published sets as their archives lie on disk: folders, names and numbering, with as many
 * identities and images as there are.  Files are empty: names are all that is read of them. */
#ifndef TESTS_RUNTIME_DATA_ORIGINAL_SETS_H
#define TESTS_RUNTIME_DATA_ORIGINAL_SETS_H

#include "tests/hand_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

/* Makes the folders before the last `/` of a path. */
static inline void original_folders(char *path) {
  for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    mkdir(path, 0777);
    *at = '/';
  }
}

/* A hard link to an empty file: many times cheaper than a file.  A file system holds some 65,000
 * to one; then the next is begun. */
static inline bool original_link(const char *path) {
  static int bases;
  char base[300];
  snprintf(base, sizeof base, "%s/.empty%d", support_folder(), bases);
  if (bases > 0 && (link(base, path) == 0 || errno == EEXIST)) return true;
  if (bases > 0 && errno != EMLINK) return false;
  snprintf(base, sizeof base, "%s/.empty%d", support_folder(), ++bases);
  int file = open(base, O_CREAT | O_WRONLY, 0666);
  if (file >= 0) close(file);
  return file >= 0 && link(base, path) == 0;
}

/* Makes an empty file below the test's folder. */
static inline void original_file(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void original_file(const char *format, ...) {
  char path[700];
  int n = snprintf(path, sizeof path, "%s/", support_folder());
  va_list args;
  va_start(args, format);
  vsnprintf(path + n, sizeof path - (size_t)n, format, args);
  va_end(args);
  if (original_link(path)) return;
  original_folders(path);
  if (original_link(path)) return;
  perror(path);
  exit(1);
}

/* ---- Market-1501: 751 people to train on, 750 to test on, who are numbered in one row; 2,798
 * pictures of nobody (0000) and 3,819 that are junk (-1) in the gallery ---- */

static inline void original_market_part(const char *root, const char *part, int first, int ids,
                                        int images) {
  for (int i = 0; i < images; i++)
    original_file("%s/%s/%04d_c%ds%d_%06d_%02d.jpg", root, part, first + 2 * (i % ids),
                  i / ids % 6 + 1, i % 3 + 1, i, i % 5);
}

static inline void original_market(const char *root) {
  original_market_part(root, "bounding_box_train", 0 + 2, 750, 12936 - 9);
  for (int i = 0; i < 9; i++)
    original_file("%s/bounding_box_train/1501_c%ds1_%06d_00.jpg", root, i % 6 + 1, i);
  original_market_part(root, "query", 1, 750, 3368);
  original_market_part(root, "bounding_box_test", 1, 750, 13115);
  for (int i = 0; i < 2798; i++)
    original_file("%s/bounding_box_test/0000_c%ds1_%06d_01.jpg", root, i % 6 + 1, i);
  for (int i = 0; i < 3819; i++)
    original_file("%s/bounding_box_test/-1_c%ds1_%06d_01.jpg", root, i % 6 + 1, i);
  original_file("%s/bounding_box_train/Thumbs.db", root);
  original_file("%s/readme.txt", root);
}

/* ---- DukeMTMC-reID: 702 people to train on, 702 who are asked for and 408 more in the gallery,
 * numbered in one row with gaps up to 7140; names tell the frame ---- */

static inline void original_duke_part(const char *root, const char *part, int first, int ids,
                                      int images) {
  for (int i = 0; i < images; i++)
    original_file("%s/%s/%04d_c%d_f%07d.jpg", root, part, first + 6 * (i % ids), i / ids % 8 + 1,
                  46182 + 60 * (i / ids));
}

static inline void original_duke(const char *root) {
  original_duke_part(root, "bounding_box_train", 1, 702, 16522);
  original_duke_part(root, "query", 5, 702, 2228);
  original_duke_part(root, "bounding_box_test", 5, 1110, 17661);
  original_file("%s/CITATION.txt", root);
  original_file("%s/LICENSE_DukeMTMC.txt", root);
}

/* ---- MSMT17: lists, numbered from 0 for training (with validation) and for tests anew.  Only the
 * lists are read; of the 126,441 images a few lie there ---- */

static inline void original_msmt17_list(FILE *out, int ids, int from, int images) {
  for (int i = from; i < from + images; i++)
    fprintf(out, "%04d/%04d_%03d_%02d_0303morning_%04d_%d.jpg %d\n", i % ids, i % ids, i / ids,
            i / ids % 15 + 1, i % 9999, i % 3, i % ids);
}

static inline void original_msmt17(const char *root, bool second_version) {
  static const struct {
    const char *name;
    int ids, from, images;
  } lists[] = {{"train", 1041, 0, 30248},
               {"val", 1041, 30248, 2373},
               {"query", 3060, 0, 11659},
               {"gallery", 3060, 11659, 82161}};
  original_file("%s/%s/0000/0000_000_01_0303morning_0000_0.jpg", root,
                second_version ? "mask_train_v2" : "train");
  original_file("%s/%s/0000/0000_000_01_0303morning_0000_0.jpg", root,
                second_version ? "mask_test_v2" : "test");
  for (int i = 0; i < 4; i++) {
    char name[200];
    snprintf(name, sizeof name, "%s/list_%s.txt", root, lists[i].name);
    FILE *out = fopen(support_path(name), "w");
    if (!out) exit(1);
    original_msmt17_list(out, lists[i].ids, lists[i].from, lists[i].images);
    fclose(out);
  }
}

/* ---- CUHK03, new protocol: 767 people to train on, 700 to test on; `first_test`: the number of
 * the first of these ---- */

static inline void original_cuhk03np_part(const char *root, const char *part, int first, int ids,
                                          int images) {
  for (int i = 0; i < images; i++)
    original_file("%s/%s/%04d_c%d_%d.png", root, part, first + i % ids, i / ids % 2 + 1,
                  i / ids + 1);
}

static inline void original_cuhk03np(const char *root, int first_test) {
  char boxes[200];
  for (int detected = 0; detected < 2; detected++) {
    snprintf(boxes, sizeof boxes, "%s/%s", root, detected ? "detected" : "labeled");
    original_cuhk03np_part(boxes, "bounding_box_train", 1, 767, detected ? 7365 : 7368);
    original_cuhk03np_part(boxes, "query", first_test, 700, 1400);
    original_cuhk03np_part(boxes, "bounding_box_test", first_test, 700, detected ? 5332 : 5328);
  }
}

/* ---- CUHK-SYSU ---- */

static inline void original_cuhksysu(const char *root) {
  for (int i = 0; i < 34574; i++)
    original_file("%s/cropped_images/p%d_s%d_%d.jpg", root, i % 11934 + 1, i % 18184 + 1,
                  i / 11934 + 1);
}

/* ---- CUHK02: every pair of cameras numbers its people from 1 ---- */

static inline void original_cuhk02(const char *root) {
  static const int people[] = {971, 306, 107, 193, 239};
  for (int pair = 0; pair < 5; pair++)
    for (int i = 0; i < people[pair]; i++)
      for (int k = 0; k < 4; k++)
        original_file("%s/P%d/cam%d/%03d_%d.png", root, pair + 1, k / 2 + 1, i + 1, k % 2 + 1);
}

/* ---- VIPeR: 632 people, numbered from 000 with gaps ---- */

static inline int original_viper_id(int i) {
  return i * 872 / 631;
}

static inline void original_viper(const char *root) {
  for (int i = 0; i < 632; i++)
    for (int c = 0; c < 2; c++)
      original_file("%s/cam_%c/%03d_%d.bmp", root, "ab"[c], original_viper_id(i),
                    c ? 90 : i % 2 * 45);
}

/* ---- PRID 2011: 385 people before one camera, 749 before the other, of which the first 200 are
 * the same; the numbers go on in both ---- */

static inline void original_prid(const char *root) {
  for (int i = 1; i <= 385; i++) original_file("%s/single_shot/cam_a/person_%04d.png", root, i);
  for (int i = 1; i <= 749; i++) original_file("%s/single_shot/cam_b/person_%04d.png", root, i);
  original_file("%s/readme.txt", root);
}

/* ---- GRID: 250 pairs and 775 of nobody ---- */

static inline void original_grid(const char *root) {
  for (int i = 1; i <= 250; i++) {
    original_file("%s/probe/%04d_%d_%d_107_32_106_221.jpeg", root, i, i % 4 + 1, 25000 + i);
    original_file("%s/gallery/%04d_%d_%d_107_32_106_221.jpeg", root, i, i % 4 + 5, 26000 + i);
  }
  for (int i = 0; i < 775; i++)
    original_file("%s/gallery/0000_%d_%d_107_32_106_221.jpeg", root, i % 8 + 1, 27000 + i);
  original_file("%s/features_and_partitions.mat", root);
}

/* ---- i-LIDS: 119 people with two to six images each ---- */

static inline int original_ilids_images(int id) { /* 119 x 4 in all */
  return id == 119 ? 4 : 4 + (id % 2 ? 1 : -1) * (id / 2 % 3);
}

static inline void original_ilids(const char *root) {
  int total = 0;
  for (int id = 1; id <= 119; id++) total += original_ilids_images(id);
  int more = 476 - total;
  for (int id = 1; id <= 119; id++) {
    int images = original_ilids_images(id) + (id == 119 ? more : 0);
    for (int k = 1; k <= images; k++)
      original_file("%s/i-LIDS_Pedestrian/Persons/%04d%03d.jpg", root, id, k);
  }
}

/* A picture of one colour, 4 x 8; folders are made. */
static inline void original_picture(const char *path, int color) {
  hand_picture_with(path, 4, 8, 0, color >> 16 & 255, color >> 8 & 255, color & 255);
}

#endif
