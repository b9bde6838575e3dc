/* Signals that end a run after the step under way. */
#ifndef RUNTIME_TRAIN_STOP_H
#define RUNTIME_TRAIN_STOP_H

#include <signal.h>

/* The one that came, and whether one was SIGTERM; 0: none. */
extern volatile sig_atomic_t stop_signal, stop_terminated;

typedef struct StopHandlers {
  struct sigaction interrupt, terminate, stop, size, pipe;
} StopHandlers;

/* For a rank, before it trains: RANKS_STOP is noted, and ends the run when it has begun. */
void stop_listen(void);
/* A second SIGINT or SIGTERM ends the process at once.  A file that grows too large, or a
 * reader of our messages that went away, is an error of the write, not the end of the run. */
void stop_install(StopHandlers *old);
void stop_restore(const StopHandlers *old);

#endif
