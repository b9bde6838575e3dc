/* Processes that a study starts: graphc and graphrun, beside this program. */
#ifndef RUNTIME_STUDY_CHILD_H
#define RUNTIME_STUDY_CHILD_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Words of a command line; the first is the program's name. */
typedef struct Command {
  char **at; /* NULL behind the last */
  uint32_t n, cap;
  bool failed; /* out of memory */
} Command;
/* Begins the line of a program beside this one. */
void command_begin(Command *c, const char *program);
void command_add(Command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `--NAME=VALUE` unless `value` is NULL. */
void command_option(Command *c, const char *name, const char *value);
void command_release(Command *c);

/* Starts it with these as standard output and error; `lock` (-1: none) stays open in it, so that
 * what this process has claimed stays claimed while a child of it lives.  The child is asked to end
 * (SIGTERM) when this process does.  STATUS_SYSTEM, told, when it cannot be started. */
Status child_start(const Command *command, int out, int err, int lock, Diag *diag, pid_t *out_pid);
/* False while it runs; then *out_code is its exit code, 128 + signal when one ended it. */
bool child_ended(pid_t pid, int *out_code);

/* Runs a command to its end.  `*out_text` (NULL: not wanted) gets its output and `*out_messages`
 * what it had to say; the caller frees both. */
Status child_run(const Command *command, Diag *diag, char **out_text, char **out_messages,
                 int *out_code);

/* The first error of a program's messages, `PLACE: error: TEXT`, as `PLACE: TEXT`, and its hint (""
 * where it has none); else the first line that says something. */
#define MESSAGE_MAX 1500
void messages_first(const char *messages, char text[MESSAGE_MAX], char hint[MESSAGE_MAX]);

#endif
