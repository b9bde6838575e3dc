/* For the files that hold rows of graphrun's table. */
#ifndef TOOLS_GRAPHRUN_ROWS_H
#define TOOLS_GRAPHRUN_ROWS_H

#include "tools/graphrun_options.h"

#define AT(FIELD) .at = offsetof(Args, FIELD)
#define USES (EXTRACT | SEARCH | COMPARE_IMAGES) /* of a trained model, on images */
#define RUNS (TRAIN | EVAL | EXEC | BENCH | USES)

/* As ProgramTable.options: a command's help lists its rows in this order. */
extern const OptionRow graphrun_rows_use[], graphrun_rows_study[], graphrun_rows[];

#endif
