/* How a process becomes a rank. */
#ifndef RUNTIME_RANKS_OPEN_H
#define RUNTIME_RANKS_OPEN_H

#include "graph/base/diag.h"
#include "runtime/ranks/ranks.h"

/* True when mpirun, srun or another starter of MPI processes started this one. */
bool ranks_launched(void);
/* Tasks that srun started, of which none knows the others since Slurm gives them no PMI; 0: it is
 * not so.  *out_first: this is the first of them. */
uint32_t ranks_apart(bool *out_first);
/* What then helps. */
#define RANKS_APART_HINT                                                                           \
  "srun --mpi=pmix lets them find each other; srun --mpi=list says whether this Slurm has it"
/* Processes of this job on this host; 1 when nobody says. */
uint32_t ranks_on_host(void);

/* Runs `mpirun` with `count` of this program; `argv` as main has it, argv[0] included.  SIGINT,
 * SIGTERM and RANKS_STOP ask the ranks to end (RANKS_STOP, as soon as board_ready says that they
 * listen); a second SIGINT or SIGTERM ends them at once.  *out_code, set on
 * success, is the exit code of the first rank that failed, 0 when none did.  What there was to say
 * the ranks have said; where one ended without a word, `diag` has what is known of it (board.h). */
#define RANKS_STOP SIGUSR1 /* mpirun hands it on, where SIGTERM would kill */
Status ranks_launch(uint32_t count, char **argv, Diag *diag, int *out_code);
/* From now on RANKS_STOP is for the ranks that ranks_launch will start. */
void ranks_listen(void);

/* Joins the others; waits for all.  STATUS_SYSTEM when the module for MPI is not there. */
Status ranks_open(Diag *diag, Ranks **out_ranks);
/* The last thing that a rank does: with a `status` that is not OK the others are ended too. NULL:
 * nothing. */
void ranks_close(Ranks *ranks, Status status);

#endif
