/* The tables of a study: the same results, the same bytes. */
#ifndef RUNTIME_STUDY_TABLE_H
#define RUNTIME_STUDY_TABLE_H

#include "runtime/study/results.h"

#include <stdio.h>

void table_markdown(FILE *out, const Results *results);
void table_csv(FILE *out, const Results *results);
void table_latex(FILE *out, const Results *results);
/* Everything, seed by seed; NULL: out of memory.  The caller frees it. */
char *table_json(const Results *results);

#endif
