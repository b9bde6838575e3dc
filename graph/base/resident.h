/* Resident memory of this process, in bytes, as the system counts it. */
#ifndef GRAPH_BASE_RESIDENT_H
#define GRAPH_BASE_RESIDENT_H

#include <stdbool.h>

/* Now; 0: the system does not tell. */
double resident_now(void);
/* The most since the process began, or since resident_reset. */
double resident_peak(void);
/* false: it cannot be begun anew. */
bool resident_reset(void);

#endif
