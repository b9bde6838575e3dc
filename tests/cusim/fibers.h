/* Fibers: stacks between which one host thread switches.  Fiber i runs `body` again and again; one
 * of them, or the caller, runs at a time. */
#ifndef TESTS_CUSIM_FIBERS_H
#define TESTS_CUSIM_FIBERS_H

#include <stdbool.h>
#include <stdint.h>

/* n fibers at the beginning of `body`, which gets the number of its own.  Fibers that are there
 * already, and ended their last round, stay as they are. */
bool fibers_have(uint32_t n, void (*body)(uint32_t i));
/* From the caller: goes on in fiber i until that leaves; false: by fiber_abandon. */
bool fiber_enter(uint32_t i);
/* From fiber i: back to the caller, in the body or at its end. */
void fiber_leave(uint32_t i);
/* From a fiber, also in a handler of a signal: back to the caller for good.  Comes back if no fiber
 * runs. */
void fiber_abandon(void);
/* All of them begin anew, wherever they were: for who jumped out of one. */
void fibers_forget(void);
/* Whether the address is of a fiber's stack. */
bool fibers_hold(const void *at);

#endif
