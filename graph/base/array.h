/* Arrays that grow: one way to make room, with every size checked.
 *
 *     TRY(ARRAY_RESERVE(list->items, list->cap, list->n, 1, diag));
 *     list->items[list->n++] = item;
 *
 * What is added is zero.  STATUS_SYSTEM, reported to `diag` (may be NULL), when the memory is not
 * there or the sizes do not fit: then array and capacity are as they were. */
#ifndef GRAPH_BASE_ARRAY_H
#define GRAPH_BASE_ARRAY_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"

#include <stddef.h>
#include <stdint.h>

/* Room for MORE elements behind USED ones; the capacity at least doubles, so that appending one by
 * one takes linear time.  ARRAY and CAPACITY are changed in place; a CAPACITY of type uint32_t
 * stays below 2^32, as counts and indices of that type must. */
#define ARRAY_RESERVE(ARRAY, CAPACITY, USED, MORE, DIAG)                                           \
  _Generic((CAPACITY), uint32_t                                                                    \
           : array_reserve_32, size_t                                                              \
           : array_reserve)(&(ARRAY), &(CAPACITY), USED, MORE, sizeof *(ARRAY), DIAG)
/* The same in an arena, which keeps what the array had before; CAPACITY is a uint32_t. */
#define ARRAY_RESERVE_IN(ARENA, ARRAY, CAPACITY, USED, MORE, DIAG)                                 \
  array_reserve_in(ARENA, &(ARRAY), &(CAPACITY), USED, MORE, sizeof *(ARRAY), DIAG)
/* For arrays that are short or seldom grow: exactly USED + MORE elements, and no capacity that the
 * owner would have to keep. */
#define ARRAY_EXTEND(ARRAY, USED, MORE, DIAG)                                                      \
  array_extend(&(ARRAY), USED, MORE, sizeof *(ARRAY), DIAG)

/* `array` points to the pointer to the elements, of `size` bytes each. */
Status array_reserve(void *array, size_t *capacity, size_t used, size_t more, size_t size,
                     Diag *diag);
Status array_reserve_32(void *array, uint32_t *capacity, uint32_t used, uint32_t more, size_t size,
                        Diag *diag);
Status array_reserve_in(Arena *arena, void *array, uint32_t *capacity, uint32_t used, uint32_t more,
                        size_t size, Diag *diag);
Status array_extend(void *array, size_t used, size_t more, size_t size, Diag *diag);

#endif
