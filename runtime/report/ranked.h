/* Ranked pictures: a query and what was found for it, nearest first, as part of a page; green and
 * red frames where identities are known.  The images are inside the page. */
#ifndef RUNTIME_REPORT_RANKED_H
#define RUNTIME_REPORT_RANKED_H

#include <stdint.h>
#include <stdio.h>

typedef enum RankedFrame { RANKED_UNKNOWN, RANKED_SAME, RANKED_OTHER } RankedFrame;

typedef struct RankedImage {
  const char *path;         /* the image's file, and what is said where it cannot be read */
  const char *pid, *camera; /* names; NULL: not known */
  double distance;
  RankedFrame frame;
} RankedImage;

typedef struct RankedList {
  RankedImage query;
  const char *note; /* beside it; NULL: nothing */
  const RankedImage *found;
  uint32_t n;
  uint32_t first; /* rank of the first match where it is not among them; 0: not said */
} RankedList;

/* The page up to the first list; `text`: a paragraph, or NULL. */
void ranked_head(FILE *out, const char *title, const char *text);
void ranked_put(FILE *out, const RankedList *list);
void ranked_end(FILE *out);

#endif
