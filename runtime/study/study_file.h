/* A study file as read: which models are trained on what, and tested on what. */
#ifndef RUNTIME_STUDY_STUDY_FILE_H
#define RUNTIME_STUDY_STUDY_FILE_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

#define STUDY_NAME_MAX 48 /* bytes of a name */
#define STUDY_SEEDS_MAX 1000
#define STUDY_AVERAGE "average" /* the mean over tests that name no other */
#define STUDY_AVERAGES_MAX 16

/* Definitions for graphc -D, in the order in which they apply: NAME=VALUE or @PATH. */
typedef struct StudySets {
  const char **at;
  uint32_t n, cap;
} StudySets;

/* What the paper reports; in percent. */
typedef struct StudyPaper {
  const char *test;
  double map, rank1;
} StudyPaper;

typedef struct StudyTest {
  const char *name, *label;
  uint32_t line;      /* of the file */
  const char *data;   /* path; NULL: that of the command line */
  const char *domain; /* NULL: the only one that can be tested on */
  const char
      *protocol; /* as graphrun eval has it, a list from where the program runs; NULL: market */
  const char *written; /* the same, as it is written */
  uint32_t average;    /* of StudyFile.averages; STUDY_NO_AVERAGE: it counts in none */
} StudyTest;

#define STUDY_NO_AVERAGE UINT32_MAX

/* What a row is trained on, and the tests of what came of it. */
typedef struct StudyTraining {
  const char *name, *label;
  const char *data;     /* path; NULL: that of the command line */
  const char *protocol; /* as graphrun train has it; NULL: none */
  StudySets sets;
  uint32_t first_test, n_tests; /* of StudyFile.tests */
} StudyTraining;

#define STUDY_NO_ROW UINT32_MAX
typedef struct StudyRow {
  const char *name, *label;
  const char *model; /* NULL: a row of published values alone */
  const char *init;  /* path of weights that it starts from; NULL: those of the command line */
  StudySets sets;
  uint32_t start;     /* the row whose network it starts from; STUDY_NO_ROW: none */
  uint32_t same_time; /* the row whose training time it may take; STUDY_NO_ROW: its own steps */
  StudyPaper *paper;
  uint32_t n_paper, cap_paper;
} StudyRow;

typedef struct StudyFile {
  Arena *arena;
  const char *path, *name, *title;
  uint32_t seeds;
  uint32_t base;            /* the row that others are compared with */
  StudySets sets, includes; /* includes: folders, for graphc -I */
  StudyTraining *trainings;
  uint32_t n_trainings, cap_trainings;
  StudyTest *tests;
  uint32_t n_tests, cap_tests;
  const char *averages[STUDY_AVERAGES_MAX];
  uint32_t n_averages;
  StudyRow *rows;
  uint32_t n_rows, cap_rows;
} StudyFile;

/* Reads and checks a study; paths are joined with the file's folder.  Names are unique and fit for
 * file names; a row starts from rows before it only.  On success the caller destroys it. */
Status study_file_read(const char *path, Diag *diag, StudyFile **out);
void study_file_destroy(StudyFile *file);

#endif
