/* Which lines of a `.domains` file one of the paper's protocols reads, and as what. */
#ifndef RUNTIME_DATA_DESCRIPTION_H
#define RUNTIME_DATA_DESCRIPTION_H

#include "runtime/data/layout.h"
#include "runtime/data/paper.h"

/* A line, as far as the choice needs it. */
typedef struct DescriptionLine {
  const char *place; /* FILE:LINE */
  const char *name;
  const DataLayout *layout;
  const char *split; /* split=..., as given; NULL: not given */
  PaperSetId paper;  /* set here: which of the paper's sets it is */
  bool read;         /* set here with a protocol: whether it is */
  bool all;          /* all images are for training; set here with a protocol */
} DescriptionLine;

/* Finds the paper's sets among the lines of the file `path`: by their names, else by their layouts.
 * With a protocol marks those that `ask` is for; errors are of the file, or of the option when it
 * does not say which arm.  `ask` NULL: no protocol. */
Status description_choose(const char *path, DescriptionLine *const *lines, uint32_t n,
                          const PaperAsk *ask, Diag *diag);

#endif
