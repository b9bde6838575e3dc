/* Opening what a user names for reading. */
#ifndef GRAPH_BASE_OPEN_FILE_H
#define GRAPH_BASE_OPEN_FILE_H

#include "graph/base/diag.h"

#include <stdint.h>
#include <stdio.h>

#define OPEN_ERROR_MAX 128
#define OPEN_FOLDER (-1)
#define OPEN_SPECIAL (-2)

/* Opens a regular file; *out_size are its bytes.  A pipe that nobody writes to blocks for ever and
 * a device has no end: these are refused without waiting.  Returns 0, the error's number,
 * OPEN_FOLDER or OPEN_SPECIAL; then *out_file is NULL. */
int file_open(const char *path, FILE **out_file, int64_t *out_size);

/* What is wrong, for a message about the file: `cannot read: No such file or directory`, `is no
 * regular file`. */
const char *file_open_error(int code, char text[OPEN_ERROR_MAX]);

/* The same, reported without a hint. */
Status file_require(const char *path, Diag *diag, FILE **out_file, int64_t *out_size);

#endif
