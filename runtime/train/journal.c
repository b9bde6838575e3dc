/* The folder of a run: made, locked against a second process, its two logs cut back when a run is
 * resumed and written with one call a line, so that a crash leaves at most one unfinished line. */
#include "runtime/train/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)1 << 20) /* of a line of metrics: some 20,000 values */

typedef struct LogFile {
  char path[PATH_MAX];
  int fd;
  bool made; /* it was not there */
} LogFile;

struct Journal {
  char folder[PATH_MAX];
  bool folder_made;
  LogFile metrics, times;
  int64_t step;
  char *line;
  size_t length;
};

static Status system_error(const char *path, const char *what, Diag *diag) {
  int error = errno;
  return diag_error(diag, STATUS_SYSTEM, path,
                    error == ENOSPC || error == EDQUOT || error == EFBIG
                        ? "free some space; the last checkpoint is whole: --resume goes on from it"
                        : NULL,
                    "%s: %s", what, strerror(error));
}

/* ---- the folder ---- */

/* With its parents. */
static Status make_folder(Journal *j, Diag *diag) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", j->folder);
  for (char *at = path + 1;; at++) {
    if (*at != '/' && *at) continue;
    char end = *at;
    *at = 0;
    bool made = mkdir(path, 0777) == 0;
    if (!made && errno != EEXIST) return system_error(path, "cannot make the folder", diag);
    j->folder_made = made;
    if (!end) break;
    *at = end;
  }
  struct stat info;
  if (stat(j->folder, &info) == 0 && !S_ISDIR(info.st_mode))
    return diag_error(diag, STATUS_SYSTEM, j->folder, "--out names a folder", "is no folder");
  return STATUS_OK;
}

static Status open_log(const Journal *j, LogFile *f, const char *name, Diag *diag) {
  if (snprintf(f->path, sizeof f->path, "%s/%s", j->folder, name) >= (int)sizeof f->path)
    return diag_error(diag, STATUS_SYSTEM, j->folder, NULL, "the path is too long");
  f->made = access(f->path, F_OK) != 0;
  f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0666);
  struct stat info;
  if (f->fd < 0 || fstat(f->fd, &info) != 0) return system_error(f->path, "cannot write", diag);
  if (S_ISREG(info.st_mode)) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, f->path, "a resumed run reads it, and cuts it back",
                    "is no regular file");
}

static Status open_all(Journal *j, Diag *diag) {
  TRY(make_folder(j, diag));
  TRY(open_log(j, &j->metrics, "metrics.jsonl", diag));
  /* File systems without locks go without. */
  if (flock(j->metrics.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    j->metrics.made = false;
    return diag_error(diag, STATUS_SYSTEM, j->folder, "give another --out, or wait for it",
                      "another process trains into this folder");
  }
  return open_log(j, &j->times, "times.jsonl", diag);
}

Status journal_open(const char *folder, Diag *diag, Journal **out_journal) {
  *out_journal = NULL;
  Journal *j = calloc(1, sizeof *j);
  if (!j) return diag_no_memory(diag, sizeof *j);
  j->metrics.fd = j->times.fd = -1;
  j->line = malloc(LINE_MAX_BYTES);
  Status status = j->line ? STATUS_OK : diag_no_memory(diag, LINE_MAX_BYTES);
  if (status == STATUS_OK && (!*folder || strlen(folder) >= sizeof j->folder))
    status = diag_error(diag, STATUS_SYSTEM, "--out", NULL, "is no path of a folder");
  if (status == STATUS_OK) {
    snprintf(j->folder, sizeof j->folder, "%s", folder);
    status = open_all(j, diag);
  }
  if (status != STATUS_OK) {
    journal_close(j);
    return status;
  }
  *out_journal = j;
  return STATUS_OK;
}

static void close_log(LogFile *f) {
  struct stat info;
  if (f->fd < 0) return;
  if (f->made && fstat(f->fd, &info) == 0 && info.st_size == 0) unlink(f->path);
  close(f->fd);
}

void journal_close(Journal *j) {
  if (!j) return;
  close_log(&j->times);
  close_log(&j->metrics);
  if (j->folder_made) rmdir(j->folder); /* fails unless it is empty */
  free(j->line);
  free(j);
}

bool journal_is_used(const Journal *j) {
  struct stat info;
  return fstat(j->metrics.fd, &info) == 0 && info.st_size > 0;
}

/* ---- cutting back ---- */

/* What was found in a file of lines. */
typedef struct Lines {
  off_t kept;             /* bytes of the whole lines before the checkpoint */
  int64_t n, first, next; /* whole lines; step of the first one; step after the last one */
} Lines;

static Status damaged(const LogFile *f, int64_t line, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static Status damaged(const LogFile *f, int64_t line, Diag *diag, const char *format, ...) {
  char place[PATH_MAX + 32], text[200];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  snprintf(place, sizeof place, "%s:%" PRId64, f->path, line);
  return diag_error(diag, STATUS_INVALID, place,
                    "nothing was changed: repair the file, or move it away and resume without the "
                    "lines before",
                    "%s", text);
}

/* The step of a line of JSON; -1: it is none. */
static int64_t line_step(const char *line, size_t length) {
  json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
  const json_t *step = json_object_get(object, "step");
  int64_t value = json_is_integer(step) ? json_integer_value(step) : -1;
  json_decref(object);
  return value;
}

/* Whole lines must be those of consecutive steps: only a crash explains what is cut, and it leaves
 * steps after the checkpoint and one line that was not finished. */
static Status scan_lines(const LogFile *f, FILE *in, int64_t step, Lines *out, Diag *diag) {
  char *line = NULL;
  size_t size = 0;
  Status status = STATUS_OK;
  *out = (Lines){0};
  for (ssize_t length; status == STATUS_OK && (length = getline(&line, &size, in)) > 0;) {
    if (line[length - 1] != '\n') break;
    int64_t at = line_step(line, (size_t)length);
    if (at < 0)
      status = damaged(f, out->n + 1, diag, "is no line of a step");
    else if (out->n && at != out->next)
      status =
          damaged(f, out->n + 1, diag, "step %" PRId64 " follows step %" PRId64, at, out->next - 1);
    if (!out->n) out->first = at;
    out->n++;
    out->next = at + 1;
    if (at < step) out->kept += length;
  }
  free(line);
  if (status == STATUS_OK && ferror(in)) return system_error(f->path, "cannot read", diag);
  return status;
}

/* A file that begins late was moved away once: that is said, and nothing is lost by going on. */
static Status check_log(const LogFile *f, int64_t step, off_t *out_kept, Diag *diag) {
  FILE *in = fopen(f->path, "re");
  Lines lines;
  if (!in) return system_error(f->path, "cannot read", diag);
  Status status = scan_lines(f, in, step, &lines, diag);
  fclose(in);
  TRY(status);
  *out_kept = lines.kept;
  if (lines.n && lines.next < step)
    return damaged(f, lines.n, diag,
                   "ends with step %" PRId64 ", the checkpoint is of step %" PRId64, lines.next - 1,
                   step);
  int64_t missing = lines.n && lines.first < step ? lines.first : step;
  if (missing)
    diag_warning(diag, f->path, NULL, "lacks the first %" PRId64 " of the %" PRId64 " steps before",
                 missing, step);
  return STATUS_OK;
}

static Status cut_log(const LogFile *f, off_t kept, Diag *diag) {
  return ftruncate(f->fd, kept) == 0 ? STATUS_OK : system_error(f->path, "cannot cut", diag);
}

Status journal_cut(Journal *j, int64_t step, Diag *diag) {
  off_t metrics = 0, times = 0;
  TRY(check_log(&j->metrics, step, &metrics, diag));
  TRY(check_log(&j->times, step, &times, diag));
  TRY(cut_log(&j->metrics, metrics, diag));
  return cut_log(&j->times, times, diag);
}

int64_t journal_highest(const Journal *j, const char *key, double *out_value) {
  FILE *in = fopen(j->metrics.path, "re");
  char *line = NULL;
  size_t size = 0;
  int64_t best = -1;
  for (ssize_t length; in && (length = getline(&line, &size, in)) > 0;) {
    if (!strstr(line, key)) continue;
    json_t *object = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *value = json_object_get(object, key), *step = json_object_get(object, "step");
    if (json_is_number(value) && json_is_integer(step) &&
        (best < 0 || json_number_value(value) > *out_value)) {
      best = json_integer_value(step);
      *out_value = json_number_value(value);
    }
    json_decref(object);
  }
  free(line);
  if (in) fclose(in);
  return best;
}

/* ---- lines ---- */

static void put(Journal *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(Journal *j, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (j->length < LINE_MAX_BYTES) {
    int n = vsnprintf(j->line + j->length, LINE_MAX_BYTES - j->length, format, args);
    j->length += n > 0 ? (size_t)n : 0;
  }
  va_end(args);
}

void journal_begin(Journal *j, int64_t step) {
  j->step = step;
  j->length = 0;
  put(j, "{\"step\":%" PRId64, step);
}

void journal_text(Journal *j, const char *key, const char *quoted) {
  put(j, ",%s:%s", key, quoted);
}

void journal_int(Journal *j, const char *key, int64_t value) {
  put(j, ",%s:%" PRId64, key, value);
}

void journal_float(Journal *j, const char *key, double value, DType dtype) {
  char text[DTYPE_TEXT_MAX];
  put(j, ",%s:%s", key, dtype_text(dtype, value, text));
}

static Status write_line(const LogFile *f, const char *line, size_t length, Diag *diag) {
  for (size_t done = 0; done < length;) {
    ssize_t n = write(f->fd, line + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_error(f->path, "cannot write", diag);
    done += (size_t)n;
  }
  return STATUS_OK;
}

/* Of the process, as it is resident. */
static int64_t memory_bytes(void) {
  char text[128];
  long long size, resident;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  if (sscanf(text, "%lld %lld", &size, &resident) != 2) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

Status journal_end(Journal *j, const JournalTimes *times, Diag *diag) {
  put(j, "}\n");
  if (j->length >= LINE_MAX_BYTES)
    return diag_error(diag, STATUS_INVALID, j->metrics.path, "declare fewer scalar outputs",
                      "the values of a step do not fit a line");
  TRY(write_line(&j->metrics, j->line, j->length, diag));
  char line[240], eval[48] = "";
  if (times->eval_seconds > 0)
    snprintf(eval, sizeof eval, ",\"eval_seconds\":%.6g", times->eval_seconds);
  int n = snprintf(line, sizeof line,
                   "{\"step\":%" PRId64
                   ",\"seconds\":%.6g,\"data_seconds\":%.6g%s,\"memory_bytes\":%" PRId64 "}\n",
                   j->step, times->seconds, times->data_seconds, eval, memory_bytes());
  return write_line(&j->times, line, (size_t)n, diag);
}

Status journal_sync(Journal *j, Diag *diag) {
  if (fdatasync(j->metrics.fd) != 0 && errno != EINVAL)
    return system_error(j->metrics.path, "cannot write", diag);
  if (fdatasync(j->times.fd) != 0 && errno != EINVAL)
    return system_error(j->times.path, "cannot write", diag);
  return STATUS_OK;
}

char *journal_key(const char *text) {
  json_t *string = json_string(text);
  char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
  json_decref(string);
  return quoted;
}
