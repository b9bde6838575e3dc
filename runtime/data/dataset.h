/* Data sets: which images there are, of whom, from which camera.  Images are not opened here. */
#ifndef RUNTIME_DATA_DATASET_H
#define RUNTIME_DATA_DATASET_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"

#include <stdbool.h>

typedef enum Split { SPLIT_TRAIN, SPLIT_QUERY, SPLIT_GALLERY, SPLIT_UNUSED } Split;

typedef struct DataImage {
  const char *path; /* to open it */
  uint32_t pid;     /* rank of the identity in DataDomain.pids */
  uint32_t camera;  /* rank among the domain's cameras */
  int32_t label;    /* training class: rank among the training identities; -1: not for training */
  uint8_t split;    /* Split */
} DataImage;

typedef struct DataDomain {
  const char *name;
  DataImage *images; /* in the manifest's order; of a folder, by name */
  uint32_t n_images;
  const char **pids; /* sorted: numerically when all are digits, else bytewise */
  uint32_t n_pids;
  const char **classes; /* the training identities, sorted the same way */
  uint32_t n_classes;
  uint32_t n_train, n_query, n_gallery, n_cameras;
  uint64_t fingerprint; /* as the data set's, of this domain alone and without its name */
} DataDomain;

typedef struct DataSet {
  Arena *arena;
  const char *path; /* DATA as given: the place of messages about the whole */
  DataDomain *domains;
  uint32_t n_domains;
  uint64_t fingerprint; /* of names, paths as written, identities, cameras and splits */
} DataSet;

/* Reads DATA: a CSV manifest with the columns path,pid,camera and perhaps domain,split; a folder in
 * the Market-1501 layout; or a `.domains` file with lines `NAME LAYOUT PATH [split=train|all]`,
 * whose NAME wins.  Paths are relative to the file that holds them.  With split=all queries and
 * gallery are trained on too, without distractors (pid 0, -1).  Errors name file and line. */
Status dataset_read(const char *path, Diag *diag, DataSet **out);
void dataset_destroy(DataSet *data);
/* NULL when there is no domain of that name. */
const DataDomain *dataset_domain(const DataSet *data, const char *name);

/* ---- between the readers of layouts ---- */

typedef struct DataRow {
  const char *domain, *path, *written, *pid, *camera; /* written: the path as the set names it */
  const char *file;                                   /* that lists it */
  uint32_t line;                                      /* of that file; 0: a folder */
  uint8_t split;
} DataRow;
typedef struct DataRows {
  Arena *arena;
  DataRow *rows;
  size_t n, capacity;
  Diag *diag;
} DataRows;
/* Appends a row; strings must live in the arena.  False when out of memory. */
bool data_rows_add(DataRows *rows, DataRow row);
#define DATA_DOMAINS_FORM "a line is NAME LAYOUT PATH [split=train|all], LAYOUT is csv or market"
Status dataset_read_domains(DataRows *rows, const char *path);
/* `domain`: NULL takes the manifest's column, else its file name. */
Status dataset_read_csv(DataRows *rows, const char *path, const char *domain);
Status dataset_read_market(DataRows *rows, const char *path, const char *domain);
/* `path` as seen from the folder of `base`. */
const char *data_path(Arena *arena, const char *base, const char *path);
/* Length of a byte order mark at the beginning of a file's first line. */
size_t data_bom(const char *line);
/* Letters, digits, _ and - only, at most DATA_NAME_MAX of them. */
#define DATA_NAME_MAX 128
bool data_is_name(const char *name);

#endif
