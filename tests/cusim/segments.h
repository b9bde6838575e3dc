/* The bytes that a launch may touch: what it declared, and the shared memory of a block.  Each
 * segment has cells that say who touched it last. */
#ifndef TESTS_CUSIM_SEGMENTS_H
#define TESTS_CUSIM_SEGMENTS_H

#include "tests/cusim/sim.h"

/* Who touched a cell last: when, and who: a thread of its block, several of a warp, or of a block.
 */
typedef struct Mark {
  uint32_t at;
  uint16_t thread;
  uint16_t flags;
} Mark;
enum { MARK_ATOMIC = 1, MARK_OTHERS = 2 /* other blocks of the launch did too */ };
#define MARK_WARP 0x8000 /* and its number */
#define MARK_MANY 0xffff

typedef struct Cell {
  Mark write, read;
} Cell;

typedef struct Segment {
  uintptr_t from, to;
  bool read, write, shared;
  uint8_t shift; /* a cell has 1 << shift bytes */
  const Block *block;
  Cell *cells; /* the first is of from, rounded down to 16 bytes */
  bool own;    /* to be freed */
} Segment;

/* The segments of a launch; those before are gone.  Their marks are older than the launch.  False:
 * out of memory. */
bool segments_set(const Access *accesses, uint32_t n);
bool segments_add_shared(char *from, char *to);
/* After the last: sorts them, finds cells for them. */
bool segments_done(void);
void segments_clear(void);            /* forgets all marks */
Segment *segments_find(uintptr_t at); /* NULL: none holds it */
Segment *segments_all(uint32_t *n);
/* Gives the segment cells of 1 << shift bytes; it had larger ones. */
bool segment_split(Segment *segment, uint8_t shift);

static inline size_t segment_cell(const Segment *s, uintptr_t at) {
  return (at - (s->from & ~(uintptr_t)15)) >> s->shift;
}

#endif
