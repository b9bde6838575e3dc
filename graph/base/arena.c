/* Bump arena in chunks, and interned strings in an open-addressing table. */
#include "graph/base/arena.h"

#include "graph/base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define CHUNK_BYTES 65536u
#define ALIGNMENT 16u

typedef struct Chunk {
  struct Chunk *next;
  size_t size, used;
} Chunk;

struct Arena {
  Chunk *chunks; /* the newest first */
  size_t size;
};

/* The header's size, rounded so that what follows is aligned. */
#define HEADER ((sizeof(Chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

Arena *arena_create(void) {
  return calloc(1, sizeof(Arena));
}

void arena_destroy(Arena *arena) {
  if (!arena) return;
  for (Chunk *c = arena->chunks, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(arena);
}

void arena_reset(Arena *arena) {
  Chunk *keep = arena->chunks;
  if (!keep) return;
  for (Chunk *c = keep->next, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  memset((char *)keep + HEADER, 0, keep->used);
  keep->next = NULL;
  keep->used = 0;
}

void *arena_alloc(Arena *arena, size_t bytes) {
  if (bytes > SIZE_MAX / 2) return NULL;
  bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (bytes == 0) bytes = ALIGNMENT;
  Chunk *c = arena->chunks;
  if (!c || c->size - c->used < bytes) {
    size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    c = calloc(1, HEADER + size);
    if (!c) return NULL;
    c->size = size;
    c->next = arena->chunks;
    arena->chunks = c;
    arena->size += HEADER + size;
  }
  void *result = (char *)c + HEADER + c->used;
  c->used += bytes;
  return result;
}

size_t arena_size(const Arena *arena) {
  return arena->size;
}

void *arena_array(Arena *arena, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) return NULL;
  return arena_alloc(arena, count * size);
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
  char *copy = arena_alloc(arena, length + 1);
  if (copy) memcpy(copy, text, length);
  return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
  return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_vprintf(Arena *arena, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) return NULL;
  char *text = arena_alloc(arena, (size_t)length + 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, args);
  return text;
}

char *arena_printf(Arena *arena, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = arena_vprintf(arena, format, args);
  va_end(args);
  return text;
}

/* ---- strings ---- */

struct Strings {
  Arena *arena;
  const char **text; /* by id */
  uint32_t n, cap;
  uint32_t *table; /* id + 1; 0: free */
  uint32_t table_size;
};

Strings *strings_create(void) {
  Strings *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->arena = arena_create();
  s->cap = 256;
  s->table_size = 1024;
  s->text = calloc(s->cap, sizeof *s->text);
  s->table = calloc(s->table_size, sizeof *s->table);
  if (!s->arena || !s->text || !s->table || strings_intern(s, "") != 0) {
    strings_destroy(s);
    return NULL;
  }
  return s;
}

void strings_destroy(Strings *s) {
  if (!s) return;
  arena_destroy(s->arena);
  free(s->text);
  free(s->table);
  free(s);
}

/* The slot that holds the text, or the free slot where it belongs. */
static uint32_t find_slot(const Strings *s, const char *text, size_t length) {
  uint32_t mask = s->table_size - 1, slot = (uint32_t)XXH3_64bits(text, length) & mask;
  for (; s->table[slot]; slot = (slot + 1) & mask) {
    const char *have = s->text[s->table[slot] - 1];
    if (strncmp(have, text, length) == 0 && have[length] == 0) break;
  }
  return slot;
}

static int grow(Strings *s) {
  if (ARRAY_RESERVE(s->text, s->cap, s->n, 1, NULL) != STATUS_OK) return 0;
  if (s->n * 2 < s->table_size) return 1;
  uint32_t *old = s->table, old_size = s->table_size;
  uint32_t *table = calloc((size_t)old_size * 2, sizeof *table);
  if (!table) return 0;
  s->table = table;
  s->table_size = old_size * 2;
  for (uint32_t i = 0; i < old_size; i++) {
    if (!old[i]) continue;
    const char *text = s->text[old[i] - 1];
    s->table[find_slot(s, text, strlen(text))] = old[i];
  }
  free(old);
  return 1;
}

uint32_t strings_intern_n(Strings *s, const char *text, size_t length) {
  uint32_t slot = find_slot(s, text, length);
  if (s->table[slot]) return s->table[slot] - 1;
  if (s->n == UINT32_MAX - 1 || !grow(s)) return UINT32_MAX;
  const char *copy = arena_strndup(s->arena, text, length);
  if (!copy) return UINT32_MAX;
  slot = find_slot(s, text, length);
  s->text[s->n] = copy;
  s->table[slot] = s->n + 1;
  return s->n++;
}

uint32_t strings_intern(Strings *s, const char *text) {
  return strings_intern_n(s, text, strlen(text));
}

uint32_t strings_find(const Strings *s, const char *text) {
  uint32_t slot = find_slot(s, text, strlen(text));
  return s->table[slot] ? s->table[slot] - 1 : UINT32_MAX;
}

const char *strings_text(const Strings *s, uint32_t id) {
  return id < s->n ? s->text[id] : "";
}

uint32_t strings_count(const Strings *s) {
  return s->n;
}
