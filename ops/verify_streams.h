/* The verifier's part for streams: what streams and waits alone prove.  For verify_plan.c. */
#ifndef OPS_VERIFY_STREAMS_H
#define OPS_VERIFY_STREAMS_H

#include "graph/plan/plan.h"

typedef struct Proof Proof;

/* Checks the numbers of streams and waits, that the end comes behind every step, and that ranks
 * meet on one stream.  Steps have their members.  `cells` are the parts of the arena that uses are
 * told in.  NULL where all steps are on one stream: nothing more is to be proved. */
Status proof_create(const Plan *plan, const PlanProgram *program, const char *place, Diag *diag,
                    Proof **out);
/* From now on uses are told, of cells below `cells`. */
bool proof_start(Proof *proof, uint32_t cells); /* false: out of memory */
void proof_free(Proof *proof);
/* Step `a` has run when step `b` begins, both from 0. */
bool proof_before(const Proof *proof, uint32_t a, uint32_t b);
/* Whoever used cells [from, to) so far has run when the step begins. */
bool proof_idle(const Proof *proof, uint32_t step, uint32_t from, uint32_t to);
/* The step uses them; steps come in the program's order. */
void proof_use(Proof *proof, uint32_t step, uint32_t from, uint32_t to);

#endif
