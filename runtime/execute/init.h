/* Initial values of states. */
#ifndef RUNTIME_EXECUTE_INIT_H
#define RUNTIME_EXECUTE_INIT_H

#include "runtime/execute/execute.h"

/* Sets every state from its initialiser: draws are philox(seed, 0, site, element) in f64, then
 * rounded to the state's type; the site is init_site or, where empty, the state's name.
 * INIT_FUSE: shape (O, 2 O, 1, 1) = [I/2 | I/2] plus normal draws of deviation init_a. */
Status init_states(Executor *executor, uint64_t seed, Diag *diag);

#endif
