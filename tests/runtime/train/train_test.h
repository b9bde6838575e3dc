/* What the tests of training share: plans in files, runs in this process or a child. */
#ifndef TESTS_RUNTIME_TRAIN_TRAIN_TEST_H
#define TESTS_RUNTIME_TRAIN_TRAIN_TEST_H

#include "runtime/execute/safetensors.h"
#include "runtime/synth/synth.h"
#include "runtime/train/train.h"
#include "tests/shell.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

/* Compiles into a plan file of the tests' folder; its path. */
static inline const char *train_plan(const char *name, const char *model,
                                     const char *const *defines, uint32_t n) {
  char file[64];
  snprintf(file, sizeof file, "%s.plan.xml", name);
  const char *path = support_path(file);
  Compiled c = support_compile(model, defines, n, DTYPE_F32);
  if (c.status == STATUS_OK) c.status = plan_write(c.plan, ops_table(), path, c.diag);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  support_release(&c);
  return path;
}

/* Runs; *out_text (unless NULL) are the messages, for the caller to free. */
static inline Status train_with(const TrainOptions *options, char **out_text) {
  TrainOptions o = *options;
  o.quiet = true;
  if (!o.threads) o.threads = 1;
  Diag *diag = diag_create();
  Status status = train_run(&o, diag);
  char *text = support_messages(diag);
  if (out_text)
    *out_text = text;
  else {
    if (status != STATUS_OK) printf("\n%s", text);
    free(text);
  }
  diag_destroy(diag);
  return status;
}

/* A run that must fail with `status` and a message that holds `what`. */
static inline void train_refused(const TrainOptions *options, Status status, const char *what) {
  char *text;
  CU_ASSERT_EQUAL(train_with(options, &text), status);
  if (!strstr(text, what)) printf("\nexpected: %s\nprinted: %s", what, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, what));
  free(text);
}

static inline void train_ok(const TrainOptions *options) {
  CU_ASSERT_EQUAL(train_with(options, NULL), STATUS_OK);
}

/* `FOLDER/NAME` */
static inline const char *train_file(const char *folder, const char *name) {
  static char path[64][600];
  static int next;
  char *p = path[next++ % 64];
  snprintf(p, sizeof path[0], "%s/%s", folder, name);
  return p;
}

static inline bool train_exists(const char *path) {
  return access(path, F_OK) == 0;
}

/* A whole file, with a zero after it; NULL when there is none. */
static inline char *train_read(const char *path, size_t *out_size) {
  FILE *in = fopen(path, "rb");
  if (!in) return NULL;
  fseek(in, 0, SEEK_END);
  long size = ftell(in);
  rewind(in);
  char *bytes = malloc((size_t)size + 1);
  if (!bytes || fread(bytes, 1, (size_t)size, in) != (size_t)size) exit(1);
  bytes[size] = 0;
  fclose(in);
  if (out_size) *out_size = (size_t)size;
  return bytes;
}

static inline bool train_same_file(const char *a, const char *b) {
  size_t na = 0, nb = 0;
  char *x = train_read(a, &na), *y = train_read(b, &nb);
  bool same = x && y && na == nb && memcmp(x, y, na) == 0;
  free(x);
  free(y);
  return same;
}

/* Two runs ended in the same weights, place and metrics. */
static inline void train_same(const char *a, const char *b) {
  CU_ASSERT(train_same_file(train_file(a, "checkpoint.safetensors"),
                            train_file(b, "checkpoint.safetensors")));
  CU_ASSERT(train_same_file(train_file(a, "metrics.jsonl"), train_file(b, "metrics.jsonl")));
}

static inline int64_t train_lines(const char *path) {
  char *text = train_read(path, NULL);
  int64_t n = 0;
  for (const char *at = text; at && *at; at++) n += *at == '\n';
  free(text);
  return n;
}

/* The number after `"KEY":` in line `line` of metrics.jsonl. */
static inline double train_metric(const char *folder, int64_t line, const char *key) {
  char *text = train_read(train_file(folder, "metrics.jsonl"), NULL), quoted[128];
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  const char *at = text;
  for (int64_t i = 0; i < line && at; i++) at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  const char *found = at ? strstr(at, quoted) : NULL;
  CU_ASSERT_PTR_NOT_NULL_FATAL(found);
  CU_ASSERT(found < strchr(at, '\n'));
  double value = strtod(found + strlen(quoted), NULL);
  free(text);
  return value;
}

/* Mean of a metric over lines [from, to). */
static inline double train_mean(const char *folder, int64_t from, int64_t to, const char *key) {
  double sum = 0;
  for (int64_t i = from; i < to; i++) sum += train_metric(folder, i, key);
  return sum / (double)(to - from);
}

static inline void train_sleep(double seconds) {
  struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&t, NULL);
}

/* Starts a run in a child whose exit code is its status; it writes no messages. */
static inline pid_t train_fork(const TrainOptions *options) {
  fflush(NULL);
  pid_t child = fork();
  if (child != 0) return child;
  int nothing = open("/dev/null", O_WRONLY);
  dup2(nothing, STDERR_FILENO);
  dup2(nothing, STDOUT_FILENO);
  _exit((int)train_with(options, NULL));
}

/* Its exit code, or minus the signal that ended it. */
static inline int train_wait(pid_t child) {
  int status = 0;
  CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Waits until the run in `folder` has written `lines` lines of metrics. */
static inline void train_await(const char *folder, int64_t lines) {
  for (int i = 0; i < 20000 && train_lines(train_file(folder, "metrics.jsonl")) < lines; i++)
    train_sleep(0.001);
}

#endif
