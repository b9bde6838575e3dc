/* What the results of a study's cells depend on: texts of models, data sets. */
#ifndef RUNTIME_STUDY_IDENTITY_H
#define RUNTIME_STUDY_IDENTITY_H

#include "runtime/data/dataset.h"
#include "runtime/study/cell.h"
#include "runtime/study/child.h"

/* A data set that the study names, read once. */
typedef struct StudyData {
  const char *path;     /* NULL: none was named */
  const char *protocol; /* NULL: none */
  DataSet *set;         /* NULL: it cannot be read */
  char *message, *hint; /* why; hint NULL: none */
} StudyData;

typedef struct StudySource {
  const StudyOptions *options;
  const StudyFile *file;
  StudyData *data; /* trainings first, tests behind them */
  Diag *diag;
} StudySource;

/* Reads all data.  What cannot be read is an error of the cells that need it; a test that asks for
 * what its data do not have is one of the study. */
Status source_open(StudySource *source, const StudyOptions *options, const StudyFile *file,
                   Diag *diag);
void source_close(StudySource *source);
const StudyData *source_training(const StudySource *source, const StudyTraining *training);
const StudyData *source_test(const StudySource *source, const StudyTest *test);

/* graphc MODEL -D ... of a row for a training. */
void source_compile(const StudySource *source, const Cell *cell, Command *command);
/* Gives the cells their identities; one whose model or data are not there has failed. */
Status source_identify(const StudySource *source, Cells *cells);

#endif
