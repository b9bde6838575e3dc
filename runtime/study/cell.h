/* Cells of a study: a row, a training and a seed; their folders and what these remember. */
#ifndef RUNTIME_STUDY_CELL_H
#define RUNTIME_STUDY_CELL_H

#include "runtime/study/study.h"
#include "runtime/study/study_file.h"

#include <jansson.h>

typedef enum CellState {
  CELL_OPEN,      /* to be done, or to be gone on with */
  CELL_WORKED,    /* in work, by this process */
  CELL_ELSEWHERE, /* in work, by another one */
  CELL_DONE,
  CELL_FAILED
} CellState;

typedef struct Cell {
  const StudyRow *row;
  const StudyTraining *training;
  uint32_t row_index, seed;
  char *name, *folder;        /* ROW.TRAINING.seedN; OUT/cells/NAME */
  struct Cell *start, *timed; /* cells that must be done before; NULL: none */
  bool wanted;                /* of this process: asked for, or needed by one that is */
  bool asked;                 /* not only needed */
  json_t *identity;           /* what its results depend on; NULL: it failed before */
  CellState state;
  char *message, *hint; /* of a failed one: what is wrong, and what to do; hint NULL: none */
  Status status;        /* of a failed one */
} Cell;

/* All cells of a study, in the order of the table: seed after seed, training after training. */
typedef struct Cells {
  Cell *at;
  uint32_t n;
  uint32_t seeds;
} Cells;

Status cells_make(const StudyFile *file, const char *out, uint32_t seeds, Diag *diag, Cells *cells);
void cells_release(Cells *cells);
/* NULL: a row without a model has none. */
Cell *cells_find(const Cells *cells, uint32_t row, const StudyTraining *training, uint32_t seed);

/* Marks a cell as failed; the message is printed when all is done.  `hint` NULL or "": none. */
void cell_fail(Cell *cell, Status status, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes a folder, and those that it stands in. */
Status folder_make(const char *path, Diag *diag);

/* ---- what a folder remembers: cell.json ---- */

#define CELL_FILE "cell.json"

/* NULL: the cell was never begun, or its file is damaged. The caller releases it. */
json_t *cell_read(const Cell *cell);
/* Writes the identity, `state` and further facts. */
Status cell_write(const Cell *cell, const char *state, int64_t steps, Diag *diag);
bool cell_record_is(const json_t *record, const char *state);
/* Why a record is of another cell than this one: `model, data`; false: it is of this one.  Tests do
 * not count: they can be made again. */
bool cell_differs(const Cell *cell, const json_t *record, char *text, size_t size);
/* Whether a test was made on what it now asks for. */
bool cell_test_is(const Cell *cell, const json_t *record, const char *test);
/* Whether the result that lies there is of that; of a test or a cell whose data are not here as
 * far as that can be told. */
bool cell_result_is(const Cell *cell, const json_t *record, const char *test);

/* OUT/cells/NAME/FILE; false: too long. */
#define CELL_PATH_MAX 4096
bool cell_path(const Cell *cell, const char *file, char path[CELL_PATH_MAX]);

#endif
