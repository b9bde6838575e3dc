/* Handlers that note a signal, for the loop to look at. */
#include "runtime/train/stop.h"

#include "runtime/ranks/board.h"
#include "runtime/ranks/open.h"

volatile sig_atomic_t stop_signal, stop_terminated;

static void note_signal(int signal) {
  stop_signal = signal;
  stop_terminated |= signal == SIGTERM;
  if (signal == SIGTERM) board_terminated();
}

static const struct sigaction again = {.sa_handler = note_signal, .sa_flags = SA_RESTART};

void stop_listen(void) {
  sigaction(RANKS_STOP, &again, NULL);
}

void stop_install(StopHandlers *old) {
  struct sigaction stop = {.sa_handler = note_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGINT, &stop, &old->interrupt);
  sigaction(SIGTERM, &stop, &old->terminate);
  sigaction(RANKS_STOP, &again, &old->stop);
  sigaction(SIGXFSZ, &ignore, &old->size);
  sigaction(SIGPIPE, &ignore, &old->pipe);
}

void stop_restore(const StopHandlers *old) {
  sigaction(SIGINT, &old->interrupt, NULL);
  sigaction(SIGTERM, &old->terminate, NULL);
  sigaction(RANKS_STOP, &old->stop, NULL);
  sigaction(SIGXFSZ, &old->size, NULL);
  sigaction(SIGPIPE, &old->pipe, NULL);
  stop_signal = stop_terminated = 0;
}
