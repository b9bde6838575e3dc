/* Room for more elements: how many, how many bytes, and realloc, or an arena. */
#include "graph/base/array.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 16 /* elements that an array has room for at first */

/* The pointer that `array` points to is a T * of the caller's; it is read and written as bytes,
 * since to the compiler a T * is no void *. */
static Status resize(Arena *arena, void *array, size_t have, size_t want, size_t size, Diag *diag) {
  size_t bytes;
  void *old, *grown = NULL;
  bool fits = !__builtin_mul_overflow(want, size, &bytes) && bytes <= PTRDIFF_MAX;
  memcpy(&old, array, sizeof old);
  if (fits) grown = arena ? arena_alloc(arena, bytes) : realloc(old, bytes ? bytes : 1);
  if (!grown) return diag_no_memory(diag, fits ? bytes : SIZE_MAX);
  if (arena && have) memcpy(grown, old, have * size);
  if (!arena && want > have) memset((char *)grown + have * size, 0, (want - have) * size);
  memcpy(array, &grown, sizeof grown);
  return STATUS_OK;
}

/* The capacity after growing is at most `most`. */
static Status reserve(Arena *arena, void *array, size_t *capacity, size_t most, size_t used,
                      size_t more, size_t size, Diag *diag) {
  size_t need;
  if (__builtin_add_overflow(used, more, &need) || need > most)
    return diag_no_memory(diag, SIZE_MAX);
  if (need <= *capacity) return STATUS_OK;
  size_t want = *capacity > most / 2 ? most : *capacity * 2;
  if (want < LEAST) want = LEAST;
  if (want < need) want = need;
  TRY(resize(arena, array, *capacity, want, size, diag));
  *capacity = want;
  return STATUS_OK;
}

Status array_reserve(void *array, size_t *capacity, size_t used, size_t more, size_t size,
                     Diag *diag) {
  return reserve(NULL, array, capacity, SIZE_MAX, used, more, size, diag);
}

Status array_reserve_in(Arena *arena, void *array, uint32_t *capacity, uint32_t used, uint32_t more,
                        size_t size, Diag *diag) {
  size_t wide = *capacity;
  TRY(reserve(arena, array, &wide, UINT32_MAX, used, more, size, diag));
  *capacity = (uint32_t)wide;
  return STATUS_OK;
}

Status array_reserve_32(void *array, uint32_t *capacity, uint32_t used, uint32_t more, size_t size,
                        Diag *diag) {
  return array_reserve_in(NULL, array, capacity, used, more, size, diag);
}

Status array_extend(void *array, size_t used, size_t more, size_t size, Diag *diag) {
  size_t need;
  if (__builtin_add_overflow(used, more, &need)) return diag_no_memory(diag, SIZE_MAX);
  return resize(NULL, array, used, need, size, diag);
}
