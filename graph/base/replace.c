/* Replaces a file as a whole: everything goes to `NAME.PID.tmp` beside it, which is synchronised
 * and renamed, then the folder is synchronised.  A reader, a crash or a full disk meets the old
 * file or the new one.  A device or a pipe is written in place: it cannot be replaced. */
#include "graph/base/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 30) /* of one write: the kernel takes no more than 2 GiB */
#define LEFT_SECONDS 600

static bool write_all(int fd, const char *data, size_t n) {
  while (n) {
    ssize_t done = write(fd, data, n < CHUNK ? n : CHUNK);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    data += done;
    n -= (size_t)done;
  }
  return true;
}

/* Writes to an open file and closes it. */
static int write_parts(int fd, const FilePart *parts, size_t n, bool sync) {
  bool ok = true;
  for (size_t i = 0; ok && i < n; i++) ok = write_all(fd, parts[i].data, parts[i].bytes);
  if (ok && sync) ok = fsync(fd) == 0;
  int code = ok ? 0 : errno;
  if (close(fd) != 0 && code == 0) code = errno;
  return code;
}

/* The new name is on the disk once its folder is. */
static int sync_folder(const char *path) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path);
  int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  int code = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
  close(fd);
  return code;
}

/* By a second link, so that `path` names a whole file at every moment.  It is a convenience: where
 * there are no links, or no file yet, nothing is kept. */
static void keep(const char *path) {
  char previous[PATH_MAX];
  if (snprintf(previous, sizeof previous, "%s.prev", path) >= (int)sizeof previous) return;
  unlink(previous);
  if (link(path, previous) != 0) return;
}

bool file_same(const char *a, const char *b) {
  struct stat x, y;
  return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) &&
         x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* `NAME.PID.tmp` */
static bool is_temporary(const char *entry, const char *name) {
  size_t n = strlen(name);
  if (strncmp(entry, name, n) != 0 || entry[n] != '.') return false;
  size_t digits = strspn(entry + n + 1, "0123456789");
  return digits && strcmp(entry + n + 1 + digits, ".tmp") == 0;
}

/* `NAME.PID.tmp` of a process that is not there any more.  Another machine's processes are not seen
 * from here: what was written to lately may be theirs. */
static bool is_left(int folder, const char *entry, const char *name) {
  struct stat info;
  long process = strtol(entry + strlen(name) + 1, NULL, 10);
  return process > 0 && process <= INT_MAX && kill((pid_t)process, 0) != 0 && errno == ESRCH &&
         fstatat(folder, entry, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         time(NULL) - info.st_mtime > LEFT_SECONDS;
}

static void clean(const char *path, bool only_left) {
  char real[PATH_MAX], folder[PATH_MAX], base[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", realpath(path, real) ? real : path);
  snprintf(base, sizeof base, "%s", folder);
  const char *name = basename(base);
  DIR *dir = opendir(dirname(folder));
  if (!dir) return;
  for (struct dirent *entry; (entry = readdir(dir));)
    if (is_temporary(entry->d_name, name) &&
        (!only_left || is_left(dirfd(dir), entry->d_name, name)))
      unlinkat(dirfd(dir), entry->d_name, 0);
  closedir(dir);
}

void file_replace_clean(const char *path) {
  clean(path, false);
}

int file_replace(const char *path, const FilePart *parts, size_t n, bool keep_previous) {
  char real[PATH_MAX], temporary[PATH_MAX];
  struct stat info;
  const char *target = realpath(path, real) ? real : path;
  if (stat(target, &info) == 0 && !S_ISREG(info.st_mode)) {
    int fd = open(target, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? errno : write_parts(fd, parts, n, false);
  }
  int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", target, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof temporary) return ENAMETOOLONG;
  unlink(temporary); /* left by a process that was killed and had our number */
  clean(target, true);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return errno;
  int code = write_parts(fd, parts, n, true);
  if (code == 0 && keep_previous) keep(target);
  if (code == 0 && rename(temporary, target) != 0) code = errno;
  if (code == 0) return sync_folder(target);
  unlink(temporary);
  return code;
}
