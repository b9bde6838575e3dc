/* fork and exec, with what must not leak: variables of MPI would make a child a rank of ours. */
#include "runtime/study/child.h"

#include "graph/base/array.h"
#include "graph/base/beside.h"
#include "graph/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- command lines ---- */

static void add_word(Command *c, char *word) {
  if (!word || array_reserve_32(&c->at, &c->cap, c->n, 2, sizeof *c->at, NULL) != STATUS_OK) {
    c->failed = true;
    free(word);
    return;
  }
  c->at[c->n++] = word;
  c->at[c->n] = NULL;
}

void command_begin(Command *c, const char *program) {
  char path[BESIDE_MAX];
  *c = (Command){0};
  beside_find(program, path);
  add_word(c, strdup(path));
}

void command_add(Command *c, const char *format, ...) {
  char *word = NULL;
  va_list args;
  va_start(args, format);
  if (vasprintf(&word, format, args) < 0) word = NULL;
  va_end(args);
  add_word(c, word);
}

void command_option(Command *c, const char *name, const char *value) {
  if (value) command_add(c, "--%s=%s", name, value);
}

void command_release(Command *c) {
  for (uint32_t i = 0; i < c->n; i++) free(c->at[i]);
  free(c->at);
  *c = (Command){0};
}

/* ---- processes ---- */

/* Where this process is a rank, or a task of a job, its children are not. */
static void leave_ranks(void) {
  static const char *const starts[] = {"OMPI_",  "PMIX_",           "PMI_",
                                       "SLURM_", "MPI_LOCALNRANKS", "GRAPHRUN_BOARD"};
  for (char **at = environ; *at;) {
    bool ours = false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
      ours |= strncmp(*at, starts[i], strlen(starts[i])) == 0;
    if (!ours) {
      at++;
      continue;
    }
    for (char **next = at; *next; next++) next[0] = next[1];
  }
}

/* The child; it has nothing to return to. */
static void become(char **command, int out, int err, int lock, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(126);
  int input = open("/dev/null", O_RDONLY);
  if (input >= 0) dup2(input, STDIN_FILENO);
  if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) _exit(126);
  if (lock >= 0) fcntl(lock, F_SETFD, 0);
  leave_ranks();
  execv(command[0], command);
  static const char text[] = ": error: cannot be started\n";
  if (write(STDERR_FILENO, command[0], strlen(command[0])) < 0 ||
      write(STDERR_FILENO, text, sizeof text - 1) < 0)
    _exit(126);
  _exit(127);
}

Status child_start(const Command *command, int out, int err, int lock, Diag *diag, pid_t *out_pid) {
  *out_pid = 0;
  if (command->failed) return diag_no_memory(diag, command->n * sizeof(char *));
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) become(command->at, out, err, lock, parent);
  if (pid < 0)
    return diag_error(diag, STATUS_SYSTEM, command->at[0], NULL, "cannot be started: %s",
                      strerror(errno));
  *out_pid = pid;
  return STATUS_OK;
}

bool child_ended(pid_t pid, int *out_code) {
  int how = 0;
  pid_t found = waitpid(pid, &how, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return false;
  *out_code = found < 0 ? 127 : WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
  return true;
}

static char *take_text(FILE *file) {
  long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  char *text = size < 0 ? NULL : malloc((size_t)size + 1);
  if (!text) return NULL;
  rewind(file);
  text[fread(text, 1, (size_t)size, file)] = 0;
  return text;
}

Status child_run(const Command *command, Diag *diag, char **out_text, char **out_messages,
                 int *out_code) {
  FILE *out = tmpfile(), *err = tmpfile();
  pid_t pid;
  Status status = STATUS_OK;
  if (out_text) *out_text = NULL;
  *out_messages = NULL;
  if (!out || !err)
    status = diag_error(diag, STATUS_SYSTEM, "a temporary file", NULL, "cannot be made: %s",
                        strerror(errno));
  if (status == STATUS_OK) status = child_start(command, fileno(out), fileno(err), -1, diag, &pid);
  if (status == STATUS_OK) {
    while (!child_ended(pid, out_code)) nanosleep(&(struct timespec){0, 2000000}, NULL);
    *out_messages = take_text(err);
    if (out_text) *out_text = take_text(out);
    if (!*out_messages || (out_text && !*out_text)) status = diag_no_memory(diag, 1 << 16);
  }
  if (out) fclose(out);
  if (err) fclose(err);
  return status;
}

/* ---- messages ---- */

/* The hint of the error that ends at `at`, before another message begins. */
static void take_hint(const char *at, char hint[MESSAGE_MAX]) {
  static const char mark[] = "\nhint: ";
  const char *found = strstr(at, mark), *next = strstr(at, "error: ");
  if (!found || (next && next < found)) return;
  found += strlen(mark);
  text_format(hint, MESSAGE_MAX, "%.*s", (int)strcspn(found, "\n"), found);
}

void messages_first(const char *messages, char text[MESSAGE_MAX], char hint[MESSAGE_MAX]) {
  static const char mark[] = "error: ";
  const char *line = messages;
  *hint = 0;
  for (const char *at = messages; *at;) {
    const char *end = at + strcspn(at, "\n"), *found = strstr(at, mark);
    if (found && found < end) {
      const char *rest = found + strlen(mark);
      text_format(text, MESSAGE_MAX, "%.*s%.*s", (int)(found - at), at, (int)(end - rest), rest);
      take_hint(end, hint);
      return;
    }
    at = *end ? end + 1 : end;
  }
  while (*line == '\n') line++;
  text_format(text, MESSAGE_MAX, "%.*s", (int)strcspn(line, "\n"), line);
}
