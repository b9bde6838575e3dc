/* The bytes that a command declares, apart from each other. */
#ifndef TESTS_CUSIM_PIECES_H
#define TESTS_CUSIM_PIECES_H

#include "tests/cusim/sim.h"

/* Bytes of one block that all are declared alike: [from, to). */
typedef struct Piece {
  Block *block;
  size_t from, to;
  bool read, write;
} Piece;

/* The bytes of the accesses, each once, by address; neighbours that are declared alike are one.
 * The caller frees the list; its length goes to *n.  NULL: out of memory. */
Piece *pieces_of(const Access *accesses, uint32_t n_accesses, uint32_t *n);

#endif
