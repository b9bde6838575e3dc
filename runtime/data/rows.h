/* Rows: what the readers of layouts hand to dataset.c, one an image, and what they leave out. */
#ifndef RUNTIME_DATA_ROWS_H
#define RUNTIME_DATA_ROWS_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"
#include "runtime/data/dataset.h"

typedef struct DataRow {
  const char *domain, *path, *written, *pid, *camera; /* written: the path as the set names it */
  const char *set; /* the file or folder that was read: the place of messages */
  const struct DataLayout *layout;
  const char *splits; /* a file of splits for the paper's protocols; NULL: drawn */
  uint32_t line;      /* of that file; 0: a folder */
  uint8_t split;      /* Split */
  uint8_t paper;      /* PaperSetId */
  bool nobody;        /* the identity is a mark for images of many: it matches no query */
} DataRow;

/* Why something is not in the data set. */
typedef enum LeftOut {
  LEFT_TYPE,         /* a file that is no JPEG, PNG or BMP by its name */
  LEFT_NAME,         /* a file whose name is not of the layout */
  LEFT_FOLDER,       /* a folder where images are */
  LEFT_BOXES,        /* the same people, in a folder beside the one that is read */
  LEFT_JUNK,         /* identity -1 */
  LEFT_UNUSED,       /* split unused */
  LEFT_UNLISTED,     /* an image where a list names the images, and none names this */
  LEFT_VALIDATION,   /* of a list that is for neither training nor tests */
  LEFT_NOBODY_QUERY, /* nobody as a query */
  LEFT_NOBODY_TRAIN, /* nobody, where split=all trains on everybody */
  LEFT_COUNT
} LeftOut;

typedef struct DataLeft {
  LeftOut why;
  const char *set;  /* as in DataRow */
  const char *name; /* of what is left out, as the set names it */
  uint32_t line;    /* 0: none */
  const char *hint; /* NULL: the reason's own */
} DataLeft;

typedef struct DataLeftCount {
  DataLeft first;
  size_t n;
  struct DataLeftCount *next;
} DataLeftCount;

/* Whether images of a list for validation are trained on. */
enum { VALIDATION_UNSAID /* with split=all */, VALIDATION_TRAIN, VALIDATION_UNUSED };

/* How many people and images of somebody a domain's set holds, whatever is read of it. */
typedef struct DataCount {
  const char *domain;
  uint32_t people, images;
  struct DataCount *next;
} DataCount;

typedef struct DataRows {
  Arena *arena;
  DataRow *rows;
  size_t n, capacity;
  DataLeftCount *left, **left_end;
  DataCount *counts;
  Diag *diag;
  /* What the line of a description says of the set that is being read. */
  const char *boxes; /* labeled or detected; NULL: it does not say */
  int validation;    /* VALIDATION_... */
} DataRows;

/* Appends a row; strings must live in the arena.  False when out of memory. */
bool data_rows_add(DataRows *rows, DataRow row);
/* Counts what is left out; strings are copied when it is the first of its kind in its set.  False
 * when out of memory. */
bool data_rows_leave(DataRows *rows, DataLeft left);
bool data_rows_leave_row(DataRows *rows, LeftOut why, const DataRow *row);
/* Counts the rows from `first` on, which are one domain's if their layout has published numbers. */
Status data_rows_count(DataRows *rows, size_t first);
/* One warning for each kind and set, with the number and the first. */
void data_rows_report(const DataRows *rows);
/* Takes the rows from `first` on, a domain's, into their splits: queries of nobody leave.  With
 * `all` everybody becomes training data, without what is nobody's; without it validation leaves,
 * unless `rows->validation` says otherwise. */
Status data_rows_split(DataRows *rows, size_t first, bool all);
/* An image with two identities or cameras is an error, however its path is spelled; one that a
 * split holds twice is drawn more often than others: worth a warning. */
Status data_rows_check_files(const DataRows *rows, const char *path);

/* `path` as seen from the folder of `base`. */
const char *data_path(Arena *arena, const char *base, const char *path);
/* Length of a byte order mark at the beginning of a file's first line. */
size_t data_bom(const char *line);
/* Letters, digits, _ and - only, at most DATA_NAME_MAX of them. */
#define DATA_NAME_MAX 128
bool data_is_name(const char *name);

#endif
