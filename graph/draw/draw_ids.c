/* Ids of Graphviz objects.  The library's own are addresses of interned names, and it writes
 * subgraphs in the order of their ids.  These are in order of first use: even for names, odd for
 * what has none. */
#include "graph/draw/draw_internal.h"

#include "graph/base/arena.h"

#include <stdlib.h>

typedef struct Ids {
  Strings *names;
  uint64_t anonymous;
} Ids;

static void *ids_open(Agraph_t *graph, Agdisc_t *disc) {
  (void)graph, (void)disc;
  Ids *ids = calloc(1, sizeof *ids);
  if (ids && (ids->names = strings_create())) return ids;
  free(ids);
  return NULL;
}

static long ids_map(void *state, int type, char *name, IDTYPE *id, int create) {
  (void)type;
  Ids *ids = state;
  if (!name) {
    *id = ids->anonymous++ * 2 + 1;
    return 1;
  }
  uint32_t string = create ? strings_intern(ids->names, name) : strings_find(ids->names, name);
  *id = ((IDTYPE)string + 1) * 2;
  return string != UINT32_MAX;
}

static long ids_alloc(void *state, int type, IDTYPE id) {
  (void)state, (void)type, (void)id;
  return 0; /* nobody chooses ids */
}

static void ids_free(void *state, int type, IDTYPE id) {
  (void)state, (void)type, (void)id;
}

static char *ids_print(void *state, int type, IDTYPE id) {
  (void)type;
  const Ids *ids = state;
  return id % 2 ? NULL : (char *)(uintptr_t)strings_text(ids->names, (uint32_t)(id / 2 - 1));
}

static void ids_close(void *state) {
  Ids *ids = state;
  strings_destroy(ids->names);
  free(ids);
}

static void ids_register(void *state, int type, void *object) {
  (void)state, (void)type, (void)object;
}

Agiddisc_t draw_ids = {ids_open, ids_map, ids_alloc, ids_free, ids_print, ids_close, ids_register};
