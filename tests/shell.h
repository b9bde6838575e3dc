/* Command lines: what a tool prints and returns, as a user sees it. */
#ifndef TESTS_SHELL_H
#define TESTS_SHELL_H

#include "tests/support.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a command left; shell_free it. */
typedef struct Shell {
  int code; /* exit code; 128 + signal when one ended it */
  char *out, *err;
  size_t out_length;
} Shell;

static inline char *shell_slurp(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  size_t size = 0;
  if (!file || fseek(file, 0, SEEK_END) != 0) exit(1);
  size = (size_t)ftell(file);
  rewind(file);
  text = malloc(size + 1);
  if (!text || fread(text, 1, size, file) != size) exit(1);
  fclose(file);
  text[size] = 0;
  if (length) *length = size;
  return text;
}

static inline Shell shell_run(const char *before, const char *line) {
  if (!getenv("TOP")) {
    char top[512];
    if (!getcwd(top, sizeof top) || setenv("TOP", top, 1) != 0) exit(1);
  }
  char *command = NULL;
  const char *folder = support_folder();
  if (asprintf(&command, "cd '%s' && { %s%s\n} >'%s/.out' 2>'%s/.err' </dev/null", folder, before,
               line, folder, folder) < 0)
    exit(1);
  int status = system(command);
  free(command);
  Shell s = {.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)};
  s.out = shell_slurp(support_path(".out"), &s.out_length);
  s.err = shell_slurp(support_path(".err"), NULL);
  return s;
}

static inline char *shell_text(const char *format, va_list args) {
  char *text = NULL;
  if (vasprintf(&text, format, args) < 0) exit(1);
  return text;
}

/* Runs lines of sh in the test's folder: $GRAPHC and $GRAPHRUN are the tools, $TOP the repository.
 * The code is the last command's. */
static inline Shell shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline Shell shell(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *lines = shell_text(format, args);
  va_end(args);
  Shell s = shell_run("", lines);
  free(lines);
  return s;
}

/* The first command of `lines` whose failure `set -e` passes over: one before the last that has
 * `&&` or begins with `!`, and no `||` that says what then. NULL when there is none. */
static inline const char *shell_hidden(const char *lines) {
  const char *begin = lines, *c = lines;
  bool hides = *begin == '!';
  char quote = 0;
  for (; *c; c++) {
    if (*c == '\\' && c[1] && quote != '\'') {
      c++;
    } else if (quote ? *c == quote : *c == '"' || *c == '\'') {
      quote = quote ? 0 : *c;
    } else if (quote) {
      continue;
    } else if (*c == ';' || *c == '\n') {
      const char *next = c + strspn(c, "; \n");
      if (hides && *next) return begin;
      begin = next, hides = *next == '!', c = next - 1;
    } else if (strncmp(c, "&&", 2) == 0) {
      hides = true, c += 1 + strspn(c + 2, " \n");
    } else if (strncmp(c, "||", 2) == 0) {
      hides = false, c++;
    }
  }
  return NULL;
}

/* As shell, for lines that all must do what they say: the first that fails ends the rest. A command
 * that would hide its failure is refused. What stands before a `|` may fail unseen: keep what is to
 * be tested out of there. */
static inline Shell shell_all(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline Shell shell_all(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *lines = shell_text(format, args);
  va_end(args);
  const char *hidden = shell_hidden(lines);
  if (hidden) printf("\nits failure would not be seen (write two lines, or || exit 1): %s", hidden);
  Shell s = shell_run(hidden ? "exit 1; " : "set -e\n", lines);
  free(lines);
  return s;
}

static inline void shell_free(Shell *s) {
  free(s->out);
  free(s->err);
}

/* Lines that only prepare, or check: the test ends when one of them fails. */
#define shell_must(...)                                                                            \
  do {                                                                                             \
    Shell must = shell_all(__VA_ARGS__);                                                           \
    if (must.code != 0) printf("\n%s%s", must.err, must.out);                                      \
    CU_ASSERT_EQUAL_FATAL(must.code, 0);                                                           \
    shell_free(&must);                                                                             \
  } while (0)

/* Checks code and messages: `parts` are texts that must be there, up to NULL; `errors` is how many
 * error messages there must be (-1: any number). Prints what was seen when it is wrong. */
static inline bool shell_says(const char *what, Shell s, int code, int errors,
                              const char *const *parts) {
  int n = 0;
  for (const char *at = s.err; (at = strstr(at, "error: ")); at++) n++;
  bool ok = s.code == code && (errors < 0 || n == errors);
  for (; ok && *parts; parts++) ok = strstr(s.err, *parts) != NULL;
  if (!ok) printf("\n%s: exit %d, %d errors\n%s%.300s\n", what, s.code, n, s.err, s.out);
  shell_free(&s);
  return ok;
}

/* False where the system gives no pseudo terminals, as in a bare chroot. */
static inline bool shell_has_terminals(void) {
  int fd = posix_openpt(O_RDWR | O_NOCTTY);
  const char *name = fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0 ? ptsname(fd) : NULL;
  int other = name ? open(name, O_RDWR | O_NOCTTY) : -1;
  if (other >= 0) close(other);
  if (fd >= 0) close(fd);
  return other >= 0;
}

#endif
