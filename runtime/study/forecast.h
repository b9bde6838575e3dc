/* What a study will take, before it is begun. */
#ifndef RUNTIME_STUDY_FORECAST_H
#define RUNTIME_STUDY_FORECAST_H

#include "runtime/study/identity.h"

/* Prints the cells with their state, the memory of each and the time that is left, as far as it can
 * be known: by the steps that cells of this folder have made, or else by one step of the smallest
 * plan.  Nothing is written into the folder. */
Status forecast(const StudySource *source, Cells *cells, Diag *diag);

#endif
