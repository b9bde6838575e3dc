/* Bump arena and interned strings. */
#ifndef GRAPH_BASE_ARENA_H
#define GRAPH_BASE_ARENA_H

#include "graph/base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Memory that is released as a whole. Allocations are aligned to 16 bytes and zeroed. */
typedef struct Arena Arena;
Arena *arena_create(void); /* NULL when out of memory */
void arena_destroy(Arena *arena);
/* Takes back everything that was allocated, for use anew: what fits the newest chunk then needs no
 * memory of the system. */
void arena_reset(Arena *arena);
void *arena_alloc(Arena *arena, size_t bytes); /* NULL when out of memory */
size_t arena_size(const Arena *arena);         /* bytes taken from the system */
/* `count * size` with overflow check. */
void *arena_array(Arena *arena, size_t count, size_t size);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_strdup(Arena *arena, const char *text);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list args);

/* Interned strings: equal text has an equal id; id 0 is the empty string.  Ids are handed out in
 * order of first use, so they are a pure function of the input. */
typedef struct Strings Strings;
Strings *strings_create(void);
void strings_destroy(Strings *strings);
/* The id of `text`, UINT32_MAX when out of memory. */
uint32_t strings_intern(Strings *strings, const char *text);
uint32_t strings_intern_n(Strings *strings, const char *text, size_t length);
/* The id of `text` when it was interned before, else UINT32_MAX. */
uint32_t strings_find(const Strings *strings, const char *text);
const char *strings_text(const Strings *strings, uint32_t id);
uint32_t strings_count(const Strings *strings);

#endif
