/* What the pictures share. */
#ifndef RUNTIME_PICTURES_PICTURES_PARTS_H
#define RUNTIME_PICTURES_PICTURES_PARTS_H

#include "runtime/data/dataset.h"
#include "runtime/eval/features.h"
#include "runtime/eval/network.h"
#include "runtime/pictures/pictures.h"

#include <jansson.h>
#include <stdio.h>

Status pictures_ranks(const PicturesOptions *options, Diag *diag);
Status pictures_tsne(const PicturesOptions *options, Diag *diag);
Status pictures_attention(const PicturesOptions *options, Diag *diag);
Status pictures_roc(const PicturesOptions *options, Diag *diag);
Status pictures_sweep(const PicturesOptions *options, const char *param, Diag *diag);

/* ---- files ---- */

typedef struct PictureFile {
  char path[4096];
  FILE *out;
  char *text;
  size_t size;
} PictureFile;
/* NAME in the folder; all that is written to file->out stands there after picture_close, which
 * prints its path. */
Status picture_open(const PicturesOptions *options, const char *name, PictureFile *file,
                    Diag *diag);
Status picture_close(PictureFile *file, Diag *diag);
/* A file's name of which a domain's is a part: what a path cannot hold becomes `-`. */
void picture_name(char name[256], const char *head, const char *domain, const char *tail);
/* A field of a CSV file. */
void picture_field(FILE *out, const char *text);

/* Writes a label of `size` bytes for each path: its last part, or where these are the same, as in
 * the cells of a study, the parts in which the paths differ.  False: the paths are all the same. */
bool picture_labels(const char *const *paths, uint32_t n, char *labels, size_t size);

/* ---- networks ---- */

#define PICTURE_NETWORKS 2
typedef struct PictureNetwork {
  TrainedNetwork trained; /* without executor: colour */
  char name[64]; /* of the plan's file, without its folder and end, or what tells it from the
                    other's plan or weights: models may be called the same */
} PictureNetwork;
typedef struct PictureNetworks {
  PictureNetwork at[PICTURE_NETWORKS];
  uint32_t n;
} PictureNetworks;
/* Opens those that are named, for the program of kind `kind`, which has the output `output`.  What
 * is open when it fails is released by picture_networks_close, too. */
Status picture_networks_open(const PicturesOptions *options, ProgramKind kind, const char *output,
                             PictureNetworks *out, Diag *diag);
void picture_networks_close(PictureNetworks *networks);

/* ---- images ---- */

typedef struct PictureImage {
  const DataImage *image;
  const DataDomain *domain;
  uint32_t group; /* number of the domain among those that are shown */
} PictureImage;
typedef struct PictureImages {
  DataSet *data, *sources; /* sources: of the paper's protocols, what is trained on; else NULL */
  PictureImage *at;
  const char **paths; /* (n) */
  int64_t n;
  const char **groups; /* names of domains */
  uint32_t n_groups;
} PictureImages;
/* Draws `each` images of every domain that is wanted, or all where there are fewer, by the seed and
 * the domain's name; in the order of the data.  `queries`: of queries alone, where a domain has
 * any.  Of the paper's protocols the sets that are tested and, unless queries alone are wanted,
 * those that are trained on; `plan` (or NULL) tells the arm. */
Status picture_images_draw(const PicturesOptions *options, const Plan *plan, int64_t each,
                           bool queries, PictureImages *out, Diag *diag);
void picture_images_release(PictureImages *images);

/* ---- results ---- */

/* A file that `graphrun eval --out` wrote; the caller releases it by json_decref. */
Status picture_result_read(const char *path, Diag *diag, json_t **out);
/* Names of the domains in any of the results, in order of appearance; the caller frees the list,
 * the names are the results'. */
Status picture_result_domains(json_t *const *results, uint32_t n, const char ***out,
                              uint32_t *out_n, Diag *diag);
/* NULL: the result has none of that name. */
const json_t *picture_result_domain(const json_t *result, const char *name);

#endif
