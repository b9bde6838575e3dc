/* Watches what the threads of a launch touch, byte by byte and access by access. */
#ifndef TESTS_CUSIM_WATCH_H
#define TESTS_CUSIM_WATCH_H

#include "tests/cusim/abi.h"
#include "tests/cusim/sim.h"

/* A launch of a watched kernel begins; what it declared are the accesses of the command that runs.
 * Sets the hooks of `host`.  `stack`: where that of the threads begins.  False: out of memory. */
bool watch_begin(const CusimModule *module, const CusimEntry *entry, size_t dynamic,
                 const void *stack, CusimHost *host);
void watch_block(void);         /* a block begins */
void watch_barrier(void);       /* all its threads have come to a barrier */
void watch_warp(unsigned warp); /* all lanes of the warp have come to a __syncwarp */
/* The launch has run to its end: looks for what it did not write. */
void watch_end(void);

#endif
