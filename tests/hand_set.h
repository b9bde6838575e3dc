/* Pictures of one colour, and a small set of them whose order of distances is known by hand. */
#ifndef TESTS_HAND_SET_H
#define TESTS_HAND_SET_H

#include "tests/support.h"

/* An uncompressed picture below the test's folder, its lower `black` rows black; folders are made.
 * `width` is a multiple of 4. */
static inline void hand_picture_with(const char *name, int width, int height, int black, int r,
                                     int g, int b) {
  uint32_t bytes = (uint32_t)(width * height * 3);
  uint32_t header[13] = {54 + bytes,   0, 54,   40, (uint32_t)width, (uint32_t)height,
                         1 | 24 << 16, 0, bytes};
  char path[4096];
  snprintf(path, sizeof path, "%s", support_path(name));
  for (char *at = path + strlen(support_folder()) + 1; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    mkdir(path, 0777);
  }
  FILE *out = fopen(path, "wb");
  if (!out || fwrite("BM", 2, 1, out) != 1 || fwrite(header, sizeof header, 1, out) != 1) exit(1);
  for (int i = 0; i < width * height; i++) { /* rows from below; blue first */
    const int color[3] = {b, g, r};
    for (int c = 0; c < 3; c++) putc(i < black * width ? 0 : color[c], out);
  }
  if (ferror(out) || fclose(out) != 0) exit(1);
}

/* 8 x 16 of one colour. */
static inline void hand_picture(const char *name, int r, int g, int b) {
  hand_picture_with(name, 8, 16, 0, r, g, b);
}

/* The folder `hand` in Market's layout: person 7 by cameras 1 to 3, person 9 by 1 and 2, person 5
 * without a match.  7 finds the second camera's 7, then 9, then the third's 7.  `ties`: nobody of
 * the gallery has any blue, so that for 9 all are equally far; else some have, and there is a
 * picture of nobody. */
static inline void hand_set(bool ties) {
  const int some = ties ? 0 : 10;
  const struct {
    const char *name;
    int r, g, b;
  } images[] = {{"query/0005_c1s1_000001_01.bmp", 200, 200, 0},
                {"query/0007_c1s1_000001_01.bmp", 200, 0, 0},
                {"query/0009_c1s1_000001_01.bmp", 0, 0, 200},
                {"bounding_box_test/0007_c1s1_000002_01.bmp", 200, 0, 0},
                {"bounding_box_test/0007_c2s1_000001_01.bmp", 200, 20, 0},
                {"bounding_box_test/0007_c3s1_000001_01.bmp", 2 * some, 200, 0},
                {"bounding_box_test/0009_c2s1_000001_01.bmp", 200, 100, some},
                {"bounding_box_test/0000_c2s1_000001_01.bmp", 10, 100, 10}};
  size_t n = sizeof images / sizeof *images - ties;
  for (size_t i = 0; i < n; i++) {
    char name[128];
    snprintf(name, sizeof name, "hand/%s", images[i].name);
    hand_picture(name, images[i].r, images[i].g, images[i].b);
  }
}

#endif
