/* The toy's memory, and what it knows of each byte. */
#ifndef TESTS_KERNELS_TOY_MEMORY_H
#define TESTS_KERNELS_TOY_MEMORY_H

#include "runtime/device/device.h"

#define TOY_STREAMS 6 /* at most, that of copies included */

/* Streams count their commands; a clock says how many of each stream are known to have run. */
typedef struct Clock {
  uint32_t of[TOY_STREAMS];
} Clock;

static inline void clock_join(Clock *clock, const Clock *other) {
  for (int s = 0; s < TOY_STREAMS; s++)
    if (other->of[s] > clock->of[s]) clock->of[s] = other->of[s];
}

/* Who touched a cell of CELL bytes last; 0: nobody.  Values lie at multiples of it. */
#define CELL 64
typedef struct Cell {
  uint32_t write, read[TOY_STREAMS];
  DeviceStream writer;
  DeviceTag tag; /* of the writer */
} Cell;

/* A value is read as it was written, whole and alone: its last byte is known.  What was filled may
 * be read in any parts. */
typedef enum Defined { BYTE_UNDEFINED, BYTE_WRITTEN, BYTE_LAST, BYTE_FILLED } Defined;

/* An allocation.  It is mapped twice: where the program believes it to be, and where only the toy
 * looks.  Device memory cannot be read at the first place; host memory can while no command may
 * touch it.  What was released keeps its addresses until the device is closed. */
typedef struct Block {
  char *at, *own;
  size_t bytes, mapped; /* asked for; with the page behind it that nobody may touch */
  bool host, released;
  Cell *cells;
  char *defined; /* of device memory, for each byte: a Defined */
  struct Block *next;
} Block;

/* NULL: the system gives none. */
Block *block_create(size_t bytes, bool host);
/* Only the addresses stay. */
void block_release(Block *block);
void block_destroy(Block *block);
/* The allocation that holds all these bytes, released or not; NULL: none. */
Block *block_find(Block *list, const void *at, size_t bytes);

static inline char *block_own(const Block *block, const void *at) {
  return block->own + ((const char *)at - block->at);
}

/* A command of `stream` whose number in it is now->of[stream] touches bytes of the block.  Returns
 * NULL, or what is wrong about it; then *other is the tag of the command in its way. */
const char *block_read(Block *block, const void *at, size_t bytes, DeviceStream stream,
                       const Clock *now, DeviceTag *other);
const char *block_write(Block *block, const void *at, size_t bytes, DeviceStream stream,
                        const Clock *now, DeviceTag tag, DeviceTag *other);
/* What was written there are equal bytes. */
void block_filled(Block *block, const void *at, size_t bytes);
/* They hold nothing any more. */
void block_forget(Block *block, const void *at, size_t bytes);
/* What the host may do with these bytes of host memory; a mode of mprotect. */
void block_protect(Block *block, const void *at, size_t bytes, int mode);

#endif
