/* What check_data.c and the files beside it share. */
#ifndef RUNTIME_DATA_CHECK_PARTS_H
#define RUNTIME_DATA_CHECK_PARTS_H

#include "runtime/data/check_data.h"

/* A table of the domains; in brackets the identities of a split. */
Status check_print_domains(const DataSet *data, Diag *diag);
/* `domains=...` and `ids=...` of the domains that have training images. */
Status check_print_defines(const DataSet *data, Diag *diag);
/* Whether each set is as large as published; with `strict` another size is an error. */
Status check_published(const DataSet *data, bool strict, Diag *diag);
/* Queries that cannot be matched, and why. */
Status check_unmatched(const DataSet *data, Diag *diag);
/* With --protocol: each of its arms, what is trained on and what is tested (check_paper.c). */
Status check_paper(const CheckDataOptions *options, Diag *diag);

#endif
