/* Starts the drawing program, looks now and then whether it is done, and reads what it left. */
#include "runtime/train/diagram.h"

#include "graph/base/beside.h"
#include "runtime/train/progress.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX ((long)16 << 20) /* a larger picture is no part of a page */

extern char **environ;

struct Diagram {
  char path[PATH_MAX];
  pid_t process; /* 0: it has ended */
  char *bytes, *text;
};

static pid_t spawn(char *const argv[]) {
  posix_spawn_file_actions_t actions;
  pid_t process = 0;
  if (posix_spawn_file_actions_init(&actions) != 0) return 0;
  bool ok = true;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    ok &= posix_spawn_file_actions_addopen(&actions, fd, "/dev/null",
                                           fd == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0) == 0;
  if (!ok || posix_spawn(&process, argv[0], &actions, NULL, argv, environ) != 0) process = 0;
  posix_spawn_file_actions_destroy(&actions);
  return process;
}

Diagram *diagram_start(const char *plan, const char *what, const char *folder, const char *file) {
  char program[BESIDE_MAX];
  Diagram *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  int n = snprintf(d->path, sizeof d->path, "%s/%s", folder, file);
  char *copy = strdup(plan), *kind = strdup(what);
  if (copy && kind && n < (int)sizeof d->path && beside_find("graphrun_draw", program))
    d->process = spawn((char *[]){program, copy, kind, d->path, NULL});
  free(copy);
  free(kind);
  if (d->process) return d;
  free(d);
  return NULL;
}

/* From `<svg` on: what is before belongs to a file, not into a page. */
static void read_picture(Diagram *d) {
  FILE *in = fopen(d->path, "re");
  long size = in && fseek(in, 0, SEEK_END) == 0 ? ftell(in) : -1;
  if (size > 0 && size <= BYTES_MAX && (d->bytes = malloc((size_t)size + 1))) {
    rewind(in);
    size_t n = fread(d->bytes, 1, (size_t)size, in);
    d->bytes[n] = 0;
    if (n == (size_t)size) d->text = strstr(d->bytes, "<svg");
  }
  if (in) fclose(in);
}

const char *diagram_text(Diagram *d, double seconds) {
  if (!d) return NULL;
  double until = progress_clock() + seconds;
  while (d->process) {
    int how = 0;
    pid_t found = waitpid(d->process, &how, WNOHANG);
    if (found != 0) {
      d->process = 0;
      if (found > 0 && WIFEXITED(how) && WEXITSTATUS(how) == 0) read_picture(d);
    } else if (progress_clock() >= until) {
      break;
    } else {
      nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
  }
  return d->text;
}

void diagram_end(Diagram *d) {
  if (!d) return;
  if (d->process) {
    kill(d->process, SIGKILL);
    waitpid(d->process, NULL, 0);
  }
  free(d->bytes);
  free(d);
}
