/* Fields of tables. */
#ifndef RUNTIME_DATA_CSV_WRITE_H
#define RUNTIME_DATA_CSV_WRITE_H

#include <stdio.h>

/* A field and what ends it; quoted where it must be.  NULL: an empty one. */
void csv_put(FILE *out, const char *text, char end);

#endif
