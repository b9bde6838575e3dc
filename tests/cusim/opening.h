/* What a command sees while it runs: the bytes that it declared, and nothing else. */
#ifndef TESTS_CUSIM_OPENING_H
#define TESTS_CUSIM_OPENING_H

#include "tests/cusim/sim.h"

typedef struct Opening Opening;

/* Opens the pages of the accesses; NULL: out of memory. */
Opening *opening_create(const Access *accesses, uint32_t n);
/* Closes them, looks at what must be as it was (else counts a fault of `call`), and puts it back.
 */
void opening_end(Opening *opening, CudaCall call);

#endif
