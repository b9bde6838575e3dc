/* MATLAB's files of version 5 (`save -v6`, `-v7`): numbers and texts that sets come with besides
 * their images. */
#ifndef RUNTIME_DATA_MAT_FILE_H
#define RUNTIME_DATA_MAT_FILE_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"

typedef struct MatFile MatFile;

/* Reads the whole file; one that is none, or damaged, is an error. */
Status mat_open(const char *path, Diag *diag, MatFile **out);
void mat_close(MatFile *file);

/* A list of whole numbers. */
typedef struct MatNumbers {
  int64_t *at;
  size_t n;
} MatNumbers;

/* The variable `name`, which may also be cells of one number each; errors name it. */
Status mat_numbers(MatFile *file, const char *name, Arena *arena, Diag *diag, MatNumbers *out);
/* The texts of the cells of the variable `name`, and how many. */
Status mat_texts(MatFile *file, const char *name, Arena *arena, Diag *diag, const char ***out,
                 size_t *n);
/* Of each cell of `name`, a list of numbers: the cell itself, or of a structure the field whose
 * name has `part` in it, else its `field`-th from 0. */
Status mat_lists(MatFile *file, const char *name, const char *part, size_t field, Arena *arena,
                 Diag *diag, MatNumbers **out, size_t *n);

#endif
