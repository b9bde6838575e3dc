/* The least of the machine's memory and the limits of the control groups that this process is in,
 * so that a plan which does not fit is refused before the system ends the process. */
#include "runtime/device/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file that holds one number of bytes; INT64_MAX when it holds none (`max`) or is not there. */
static int64_t read_limit(const char *path) {
  FILE *file = fopen(path, "r");
  long long bytes;
  if (!file) return INT64_MAX;
  int n = fscanf(file, "%lld", &bytes);
  fclose(file);
  return n == 1 && bytes > 0 ? bytes : INT64_MAX;
}

/* The smallest limit from the process's own group up to the root (control groups, version 2). */
static int64_t group_limit(void) {
  char group[PATH_MAX], path[PATH_MAX + 64];
  FILE *file = fopen("/proc/self/cgroup", "r");
  if (!file) return INT64_MAX;
  bool found = false;
  while (!found && fgets(group, sizeof group, file)) found = strncmp(group, "0::", 3) == 0;
  fclose(file);
  if (!found) return INT64_MAX;
  char *at = group + 3;
  at[strcspn(at, "\n")] = 0;
  for (int64_t least = INT64_MAX;;) {
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", at);
    int64_t limit = read_limit(path);
    if (limit < least) least = limit;
    char *slash = strrchr(at, '/');
    if (!slash) return least;
    *slash = 0;
  }
}

int64_t memory_limit(void) {
  int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE), group = group_limit();
  int64_t machine = pages > 0 && size > 0 ? pages * size : INT64_MAX;
  return group < machine ? group : machine;
}
