/* Images that a network has described: where they lie, of whom they are, and their features, in
 * memory and as the file that `graphrun extract` writes and `eval --features` reads. */
#ifndef RUNTIME_EVAL_DESCRIBED_H
#define RUNTIME_EVAL_DESCRIBED_H

#include "runtime/data/dataset.h"
#include "runtime/eval/features.h"
#include "runtime/eval/network.h"

/* Whose features they are; texts live as long as what they were taken from. */
typedef struct DescribedBy {
  const char *model;                 /* NULL: nobody's */
  uint64_t model_hash, weights_hash; /* TrainedNetwork.hash */
  const char *precision;
  const char *choices; /* parameters called test_...: ", test_style=0", or "" */
  const char *weights; /* path as given */
  const char *step;    /* of the weights; "": not known */
  const char **params; /* (2 n_params) names and values of the model's parameters */
  uint32_t n_params;
  const char **domains; /* that it was trained on */
  uint32_t n_domains;
} DescribedBy;

typedef struct Described {
  DataSet *data;
  int64_t *first;    /* (data->n_domains) row of a domain's first image; the others follow it */
  Features features; /* of all images, domain after domain */
  DescribedBy by;
  Arena *arena; /* of its texts */
} Described;

typedef struct DescribeOptions {
  const char *data;   /* as dataset_read_images takes it */
  const char *domain; /* only this one; NULL: all */
  uint32_t workers;   /* threads that decode, at least 1 */
  bool skip_bad;      /* unreadable images are warned of, and marked */
  bool progress;      /* shows how far it is, on a terminal */
} DescribeOptions;

/* What the network is; texts are copied to the arena. */
Status described_by(const TrainedNetwork *network, const char *weights, Arena *arena,
                    DescribedBy *out, Diag *diag);
bool described_trained_on(const DescribedBy *by, const char *domain);

/* Reads the data set and describes its images.  What is there when it fails is released by
 * described_release, too. */
Status described_make(const DescribeOptions *options, const TrainedNetwork *network,
                      const char *weights, Described *out, Diag *diag);
void described_release(Described *described);
/* Numbers the rows of out->data, whose images are known. */
Status described_number(Described *out, Diag *diag);
int64_t described_count(const Described *described);
/* The image of a row. */
const DataImage *described_image(const Described *described, int64_t row,
                                 const DataDomain **domain);

/* Refuses a path that cannot be written, before the work. */
Status described_can_write(const char *path, Diag *diag);
/* Writes PATH: tensor `features` (n, dim), and in the metadata who made them and, as JSON, lists of
 * what is known of each image.  A path that ends in .npy: the rows alone, and what is known of
 * their images in a manifest beside it, PATH with .csv for .npy. */
Status described_write(const Described *described, const char *path, Diag *diag);
/* The table that is written beside PATH; NULL: none, or out of memory. The caller frees. */
char *described_table(const char *path);
/* Reads such a file (.safetensors); no image is looked for. */
Status described_read(const char *path, Diag *diag, Described *out);

#endif
