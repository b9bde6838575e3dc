/* Names of checkpoints: a second link to the file, or a copy where there are no links, made beside
 * and renamed, so that a name is that of a whole file or of none. */
#include "runtime/train/keep.h"

#include "graph/base/replace.h"
#include "runtime/execute/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "checkpoint-"
#define SUFFIX ".safetensors"
#define LATEST "checkpoint.safetensors"
#define BEST "best.safetensors"

/* ---- names ---- */

/* The step of `checkpoint-STEP.safetensors`; -1: another name.  *rest: what stands behind it. */
static int64_t step_of(const char *name, const char **rest) {
  if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return -1;
  const char *digits = name + strlen(PREFIX);
  size_t n = strspn(digits, "0123456789");
  if (n < 8 || n > 18 || strncmp(digits + n, SUFFIX, strlen(SUFFIX)) != 0) return -1;
  *rest = digits + n + strlen(SUFFIX);
  return strtoll(digits, NULL, 10);
}

/* `.PID.tmp` */
static bool is_temporary(const char *rest) {
  size_t digits = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
  return digits && strcmp(rest + 1 + digits, ".tmp") == 0;
}

typedef struct Kept {
  int64_t *steps; /* descending */
  char (*names)[64];
  size_t n;
} Kept;

static void kept_free(Kept *k) {
  free(k->steps);
  free(k->names);
}

static bool kept_add(Kept *k, int64_t step, const char *name) {
  if ((k->n & (k->n - 1)) == 0) { /* grows at powers of two */
    size_t room = k->n ? 2 * k->n : 1;
    int64_t *steps = realloc(k->steps, room * sizeof *steps);
    if (steps) k->steps = steps;
    char(*names)[64] = realloc(k->names, room * sizeof *names);
    if (names) k->names = names;
    if (!steps || !names) return false;
  }
  size_t at = k->n++;
  for (; at && k->steps[at - 1] < step; at--) {
    k->steps[at] = k->steps[at - 1];
    memcpy(k->names[at], k->names[at - 1], sizeof *k->names);
  }
  k->steps[at] = step;
  size_t length = strlen(name); /* of digits and our own words: it fits */
  memcpy(k->names[at], name, length < sizeof *k->names ? length + 1 : 0);
  return true;
}

/* Those of the folder, latest first; false when out of memory. */
static bool kept_list(const char *folder, Kept *out) {
  *out = (Kept){0};
  DIR *dir = opendir(folder);
  bool ok = true;
  for (struct dirent *entry; ok && dir && (entry = readdir(dir));) {
    const char *rest;
    int64_t step = step_of(entry->d_name, &rest);
    if (step >= 0 && !*rest) ok = kept_add(out, step, entry->d_name);
  }
  if (dir) closedir(dir);
  if (!ok) kept_free(out);
  return ok;
}

static bool path_in(const char *folder, const char *name, char path[PATH_MAX]) {
  return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX - 32;
}

/* ---- second names ---- */

/* Where the file system has no links. */
static int copy_file(const char *from, const char *to) {
  struct stat info;
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int code = fstat(fd, &info) == 0 ? 0 : errno;
  void *bytes = MAP_FAILED;
  if (code == 0) {
    bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    code = bytes == MAP_FAILED ? errno : 0;
  }
  close(fd);
  if (code) return code;
  const FilePart part = {bytes, (size_t)info.st_size};
  code = file_replace(to, &part, 1, false);
  munmap(bytes, (size_t)info.st_size);
  return code;
}

static int sync_folder(const char *folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  int code = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
  close(fd);
  return code;
}

static int name_file(const char *folder, const char *from, const char *to) {
  char temporary[PATH_MAX + 32];
  snprintf(temporary, sizeof temporary, "%s.%ld.tmp", to, (long)getpid());
  unlink(temporary);
  if (linkat(AT_FDCWD, from, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) != 0)
    return copy_file(from, to);
  int code = rename(temporary, to) == 0 ? 0 : errno;
  unlink(temporary); /* still there when both are the same file already */
  return code ? code : sync_folder(folder);
}

static Status give_name(const char *folder, const char *name, Diag *diag) {
  char from[PATH_MAX], to[PATH_MAX];
  if (!path_in(folder, LATEST, from) || !path_in(folder, name, to))
    return diag_error(diag, STATUS_SYSTEM, folder, NULL, "the path is too long");
  int code = name_file(folder, from, to);
  if (code == 0) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, to,
                    code == ENOSPC || code == EDQUOT
                        ? "free some space, or keep fewer; the last checkpoint is whole: --resume "
                          "goes on from it"
                        : NULL,
                    "cannot keep the checkpoint: %s", strerror(code));
}

Status keep_step(const char *folder, int64_t step, int64_t most, Diag *diag) {
  char name[64], path[PATH_MAX];
  Kept kept;
  int64_t n = 0;
  snprintf(name, sizeof name, PREFIX "%08" PRId64 SUFFIX, step);
  TRY(give_name(folder, name, diag));
  if (!kept_list(folder, &kept)) return diag_no_memory(diag, sizeof kept);
  for (size_t i = 0; i < kept.n; i++) {
    if (kept.steps[i] > step || n++ < most || !path_in(folder, kept.names[i], path)) continue;
    if (unlink(path) != 0 && errno != ENOENT)
      diag_warning(diag, path, NULL, "cannot remove the old checkpoint: %s", strerror(errno));
  }
  kept_free(&kept);
  return STATUS_OK;
}

Status keep_best(const char *folder, Diag *diag) {
  return give_name(folder, BEST, diag);
}

/* ---- finding them again ---- */

/* The step of a whole checkpoint; -1: it is none. */
static int64_t whole_step(const char *path) {
  SafeFile *file;
  if (safe_read(path, NULL, &file) != STATUS_OK) return -1;
  const char *step = safe_metadata(file, "step");
  int64_t value = step && *step ? strtoll(step, NULL, 10) : -1;
  safe_close(file);
  return value;
}

int64_t keep_best_step(const char *folder) {
  char path[PATH_MAX];
  return path_in(folder, BEST, path) ? whole_step(path) : -1;
}

bool keep_newest(const char *folder, char *path, size_t size, int64_t *out_step) {
  char at[PATH_MAX];
  Kept kept;
  *out_step = -1;
  if (path_in(folder, LATEST ".prev", at)) *out_step = whole_step(at);
  if (*out_step >= 0) snprintf(path, size, "%s", at);
  if (!kept_list(folder, &kept)) return *out_step >= 0;
  for (size_t i = 0; i < kept.n && kept.steps[i] > *out_step; i++) {
    if (!path_in(folder, kept.names[i], at) || whole_step(at) != kept.steps[i]) continue;
    snprintf(path, size, "%s", at);
    *out_step = kept.steps[i];
  }
  kept_free(&kept);
  return *out_step >= 0;
}

void keep_clean(const char *folder) {
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    const char *rest = "";
    bool ours = step_of(entry->d_name, &rest) >= 0;
    if (!ours && strncmp(entry->d_name, BEST, strlen(BEST)) == 0) {
      rest = entry->d_name + strlen(BEST);
      ours = true;
    }
    if (ours && is_temporary(rest)) unlinkat(dirfd(dir), entry->d_name, 0);
  }
  if (dir) closedir(dir);
}
