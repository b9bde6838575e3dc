/* Values have the pass and the blocks around them in their names; a block is no value, its `out`
 * is.  Both are easily left out. */
#include "graph/plan/suggest.h"

#include "graph/base/text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static bool is_block(const char *glob, const char *name) {
  size_t length = strlen(name);
  if (length < 5 || strcmp(name + length - 4, "/out") != 0) return false;
  char *block = strndup(name, length - 4);
  bool same = block && fnmatch(glob, block, 0) == 0;
  free(block);
  return same;
}

/* How much of the name stands before what the GLOB names: with its slash; 0: it names no end. */
static size_t find_end(const char *glob, const char *name) {
  for (const char *at = name; (at = strchr(at, '/'));)
    if (fnmatch(glob, ++at, 0) == 0 || is_block(glob, at)) return (size_t)(at - name);
  return 0;
}

static bool suggest_for(const char *glob, const char *name, char *text, size_t size) {
  size_t before = is_block(glob, name) ? 0 : find_end(glob, name);
  bool block = fnmatch(glob, name + before, 0) != 0 && is_block(glob, name + before);
  if (!before && !block) return false; /* it names the value itself, or nothing near */
  text_format(text, size, "%.*s%s%s", (int)before, name, glob, block ? "/out" : "");
  return true;
}

/* The names of computed values, in order of definition; NULL: out of memory. */
static const char **list_values(const PlanProgram *programs, uint32_t n, size_t *out_count) {
  size_t most = 1;
  *out_count = 0;
  for (uint32_t k = 0; k < n; k++) most += programs[k].graph->n_nodes;
  const char **names = calloc(most, sizeof *names);
  for (uint32_t k = 0; names && k < n; k++) {
    const Graph *g = programs[k].graph;
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (g->nodes[id].name && g->nodes[id].n_inputs)
        names[(*out_count)++] = graph_text(g, g->nodes[id].name);
  }
  return names;
}

bool value_suggest(const PlanProgram *programs, uint32_t n, const char *glob, char *text,
                   size_t size) {
  size_t count;
  const char **names = list_values(programs, n, &count);
  bool found = false;
  for (size_t i = 0; i < count && !found; i++) found = suggest_for(glob, names[i], text, size);
  free(names);
  return found;
}

bool value_nearest(const PlanProgram *programs, uint32_t n, const char *name, char *text,
                   size_t size) {
  size_t count;
  const char **names = list_values(programs, n, &count);
  const char *near = names ? diag_nearest(name, names, count) : NULL;
  if (near) text_format(text, size, "%s", near);
  free(names);
  return near != NULL;
}
