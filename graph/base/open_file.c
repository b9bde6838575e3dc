/* Opens what a user names for reading, and says why it cannot: folders, pipes and devices are told
 * from files before anything is read, since a read from a pipe would wait for ever. */
#include "graph/base/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_regular(const char *path, int *out_fd, int64_t *out_size) {
  struct stat info;
  /* Not blocking: else a pipe waits here. Regular files know no such thing. */
  *out_fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (*out_fd < 0) return errno;
  if (fstat(*out_fd, &info) != 0) return errno;
  if (S_ISDIR(info.st_mode)) return OPEN_FOLDER;
  if (!S_ISREG(info.st_mode)) return OPEN_SPECIAL;
  *out_size = (int64_t)info.st_size;
  return 0;
}

int file_open(const char *path, FILE **out_file, int64_t *out_size) {
  int fd, code = open_regular(path, &fd, out_size);
  *out_file = NULL;
  if (code == 0 && !(*out_file = fdopen(fd, "rb"))) code = errno;
  if (code != 0 && fd >= 0) close(fd);
  return code;
}

const char *file_open_error(int code, char text[OPEN_ERROR_MAX]) {
  if (code > 0)
    snprintf(text, OPEN_ERROR_MAX, "cannot read: %s", strerror(code));
  else
    snprintf(text, OPEN_ERROR_MAX, code == OPEN_FOLDER ? "is a folder" : "is no regular file");
  return text;
}

Status file_require(const char *path, Diag *diag, FILE **out_file, int64_t *out_size) {
  char text[OPEN_ERROR_MAX];
  int code = file_open(path, out_file, out_size);
  if (code == 0) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path, NULL, "%s", file_open_error(code, text));
}
