/* Targets by name. */
#include "graph/plan/target.h"

#include <stdio.h>
#include <string.h>

const Target *target_find(const TargetTable *table, const char *name) {
  for (uint32_t i = 0; i < table->count; i++)
    if (strcmp(table->targets[i]->name, name) == 0) return table->targets[i];
  return NULL;
}

const char *target_names(const TargetTable *table, char *text, size_t size) {
  size_t n = 0;
  *text = 0;
  for (uint32_t i = 0; i < table->count && n < size; i++)
    n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " " : "", table->targets[i]->name);
  return text;
}
