/* Data sets: which images there are, of whom, from which camera.  Images are not opened here. */
#ifndef RUNTIME_DATA_DATASET_H
#define RUNTIME_DATA_DATASET_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"

#include "runtime/data/paper.h"

#include <stdbool.h>

typedef enum Split {
  SPLIT_TRAIN,
  SPLIT_QUERY,
  SPLIT_GALLERY,
  SPLIT_UNUSED,
  SPLIT_VALIDATION /* between reader and split=all only; a DataImage is never of it */
} Split;

typedef struct DataImage {
  const char *path; /* to open it */
  uint32_t pid;     /* rank of the identity in DataDomain.pids */
  uint32_t camera;  /* rank in DataDomain.cameras */
  int32_t label;    /* training class: rank among the training identities; -1: not for training */
  uint8_t split;    /* Split */
  bool nobody;      /* its identity marks images of many people: it matches no query */
} DataImage;

typedef struct DataDomain {
  const char *name;
  const struct DataLayout *layout; /* as which it was read (runtime/data/layout.h) */
  PaperSetId paper;                /* which of the paper's sets it is */
  const char *splits;              /* a file of its splits (eval/split_list.h); NULL: drawn */
  DataImage *images;               /* in the manifest's order; of a folder, by name */
  uint32_t n_images;
  /* Names in the spelling that stands first, sorted: by value when all are numbers, else bytewise.
   */
  const char **pids;
  uint32_t n_pids;
  const char **cameras;
  uint32_t n_cameras;
  const char **classes; /* the training identities */
  uint32_t n_classes;
  uint32_t n_train, n_query, n_gallery;
  uint32_t somebody, somebodys; /* identities and images of somebody that were read, whatever for */
  uint64_t fingerprint;         /* as the data set's, of this domain alone and without its name */
  /* The same with the sizes of the files, where these were known before; 0: ask. */
  uint64_t files;
} DataDomain;

typedef struct DataSet {
  Arena *arena;
  const char *path; /* DATA as given: the place of messages about the whole */
  DataDomain *domains;
  uint32_t n_domains;
  uint64_t fingerprint; /* of names, paths, identities and cameras as written, and splits */
} DataSet;

/* Reads DATA: a CSV manifest with the columns path,pid,camera and perhaps domain,split; a folder in
 * a layout that is known (runtime/data/layout.h); or a `.domains` file with lines
 * `NAME LAYOUT PATH [split=train|all]`, whose NAME wins.  Paths are relative to the file that holds
 * them.  With split=all queries and gallery are trained on too, without images of nobody.  Errors
 * name file and line; what is left out is counted in one warning for each reason. */
Status dataset_read(const char *path, Diag *diag, DataSet **out);
/* Reads what one of the paper's protocols trains on or tests; `path` is a `.domains` file.  An
 * `ask` that names no protocol, or NULL: as dataset_read. */
Status dataset_read_for(const char *path, const PaperAsk *ask, Diag *diag, DataSet **out);
/* The same for a plan, whose domains tell the arm; NULL: none. */
struct Plan;
Status dataset_read_of_plan(const char *path, const PaperChoice *choice, bool targets,
                            const struct Plan *plan, Diag *diag, DataSet **out);
/* What `ask`, of a protocol, is for of a data set that was read without one: marks those domains in
 * `read` (n_domains), and tells each domain which of the paper's sets it is. */
Status dataset_choose(DataSet *data, const PaperAsk *ask, bool *read, Diag *diag);
/* Reads DATA as dataset_read does; but a folder in no layout that is known is one domain, `plain`,
 * of the images in it and in the folders below, by path, and an image is one of its own: the
 * gallery of nobody known (pid and camera ""). */
Status dataset_read_images(const char *path, Diag *diag, DataSet **out);
/* A data set of rows that were one before, whose arena becomes its own; `path` is the place of
 * messages.  No file is looked for. */
struct DataRows;
Status dataset_from_rows(const struct DataRows *rows, const char *path, DataSet **out);
void dataset_destroy(DataSet *data);
/* NULL when there is no domain of that name. */
const DataDomain *dataset_domain(const DataSet *data, const char *name);

#endif
