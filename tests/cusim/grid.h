/* Runs a launch of a compiled kernel: blocks one after the other, their threads in turn, or on
 * fibers where they wait for each other; in an order by the seed. */
#ifndef TESTS_CUSIM_GRID_H
#define TESTS_CUSIM_GRID_H

#include "tests/cusim/abi.h"
#include "tests/cusim/cusim.h"

/* What ends the kernel; a fault is counted then. */
cudaError_t grid_run(const CusimModule *module, const CusimEntry *entry, const CusimGrid *grid,
                     void *const *args);

#endif
