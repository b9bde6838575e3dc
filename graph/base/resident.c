/* Reads /proc/self/status. */
#include "graph/base/resident.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line `KEY:  N kB`. */
static double line_of(const char *key) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  double bytes = 0;
  size_t n = strlen(key);
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, key, n) == 0 && line[n] == ':') bytes = strtod(line + n + 1, NULL) * 1024;
  if (file) fclose(file);
  return bytes;
}

double resident_now(void) {
  return line_of("VmRSS");
}

double resident_peak(void) {
  return line_of("VmHWM");
}

bool resident_reset(void) {
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = write(fd, "5", 1) == 1;
  close(fd);
  return ok;
}
