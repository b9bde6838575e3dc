/* Splits that somebody else drew, from a file: `--protocol=list:FILE`, and `splits=FILE` in a line
 * of a description.  docs/protocols.md says how each form of file is written. */
#ifndef RUNTIME_EVAL_SPLIT_LIST_H
#define RUNTIME_EVAL_SPLIT_LIST_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"

#include <stdint.h>

typedef enum SplitSide {
  SIDE_QUERY,
  SIDE_GALLERY,
  SIDE_TEST, /* an identity that is asked for, one image of it on a side; or an image, its side by
                its camera */
  SIDE_TRAIN /* an identity that is not; without SIDE_TEST all the others are */
} SplitSide;

typedef struct SplitEntry {
  uint32_t trial;
  uint8_t side;       /* SplitSide */
  const char *image;  /* a path, or the end of one; NULL: `pid` */
  const char *pid;    /* all images of it; NULL: `image` */
  const char *camera; /* of those of `pid`, the ones of this camera; NULL: any */
  uint32_t line;      /* of the file; 0: none */
} SplitEntry;

typedef struct SplitList {
  Arena *arena;
  const char *path; /* the place of messages */
  SplitEntry *entries;
  size_t n, capacity;
  uint32_t trials; /* entries are of trials below it; each has some */
} SplitList;

/* Reads the file, whatever its form.  The caller destroys the list. */
Status split_list_read(const char *path, Diag *diag, SplitList **out);
void split_list_destroy(SplitList *list);

/* ---- forms (split_list_forms.c) ---- */

Status split_list_read_json(SplitList *list, Diag *diag);
Status split_list_read_mat(SplitList *list, Diag *diag);
/* Strings must live in the list's arena. */
Status split_list_add(SplitList *list, SplitEntry entry, Diag *diag);

#endif
