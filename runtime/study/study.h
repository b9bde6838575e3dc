/* Studies: tables of (model, parameters, data, seed) cells, each compiled, trained and evaluated by
 * processes of graphc and graphrun, and the tables that come of them. */
#ifndef RUNTIME_STUDY_STUDY_H
#define RUNTIME_STUDY_STUDY_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

/* What is done with cells whose model, definitions or data are others than when they were begun. */
typedef enum StudyChanged { STUDY_REFUSE, STUDY_REDO, STUDY_KEEP } StudyChanged;

typedef struct StudyOptions {
  const char *file;             /* the study */
  const char *out;              /* folder; NULL: the study's name in the current folder */
  const char *data;             /* of trainings and tests that name none; NULL: none */
  const char *init;             /* weights of rows that start from nothing else; NULL: none */
  const char *const *init_skip; /* as graphrun train has them */
  uint32_t n_init_skip;
  const char *init_prefix;
  const char *const *defines; /* for graphc -D, after those of the file */
  uint32_t n_defines;
  const char *const *includes; /* folders for graphc -I, after those of the file */
  uint32_t n_includes;
  const char *const *only; /* names of rows; n_only 0: all */
  uint32_t n_only;
  uint32_t seeds;            /* 0: the file's */
  uint32_t jobs;             /* cells at a time, from 1 */
  uint32_t threads, workers; /* of each cell; 0: the cores shared among jobs, the command's own */
  const char *device;        /* NULL: the command's own */
  uint32_t part, parts;      /* of the cells, part 0..parts-1; parts 0: all */
  StudyChanged changed;
  bool skip_bad_images;         /* of training and evaluation, as their --bad-images=skip */
  bool resume, dry_run, tables; /* tables: nothing but them */
  const char *version;          /* of this program, as cells note it */
} StudyOptions;

/* Leaves in `out`: cells/NAME for each cell, STUDY.{md,csv,tex,json,times.csv}.  Cells that fail
 * are told at the end and do not stop the others; the status is that of the first. */
Status study_run(const StudyOptions *options, Diag *diag);

#endif
