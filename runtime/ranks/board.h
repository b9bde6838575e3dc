/* What ranks leave for the process that started them, in memory that all of them see, so that it
 * can say which one ended without a word, and where the others waited for it.
 *
 * `graphrun --ranks=N` makes it; ranks on this machine find it by an environment variable.  Where
 * they do not (mpirun or srun started them, or they are elsewhere) nothing is noted. */
#ifndef RUNTIME_RANKS_BOARD_H
#define RUNTIME_RANKS_BOARD_H

#include "graph/base/diag.h"
#include "runtime/ranks/ranks.h"

typedef struct Board Board;

/* ---- the process that starts ranks ---- */

/* Before they are started.  NULL: the system gives no such memory, and nothing will be known. */
Board *board_create(uint32_t count);
/* NULL is none, here and below. */
void board_destroy(Board *board);
/* A rank has ended and mpirun does not: it may, when that happens while ranks connect. */
bool board_is_lost(Board *board);
/* Ends those that have not. */
void board_end(const Board *board);
/* All ranks have begun, and know what to do with a signal. */
bool board_is_ready(const Board *board);
/* A rank has said why it fails. */
bool board_has_told(const Board *board);
/* They have ended with `code`, which is not 0.  STATUS_OK when one of them has told why; otherwise
 * adds what is known, and returns STATUS_SYSTEM. */
Status board_explain(const Board *board, int code, Diag *diag);

/* ---- a rank ---- */

/* Early in a rank's life; from then on SIGTERM is noted before it ends the process.  Returns where
 * the rank notes what it waits for, RANKS_PLACE_MAX bytes (Ranks.waits); NULL: nobody would read
 * it. */
char *board_join(void);
/* From now on RANKS_STOP does to this rank what it should. */
void board_ready(void);
/* This rank has said on stderr why it fails. */
void board_told(void);
/* This rank has parted from the others: what happens to it now is nothing to them. */
void board_parted(void);
/* This rank got SIGTERM, as all do when one has ended; may be called by a handler of signals. */
void board_terminated(void);

#endif
