/* What a process that was killed left beside a file goes when the file is written again. */
#include "graph/base/replace.h"
#include "tests/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *name_of(const char *file, long process, char text[256]) {
  snprintf(text, 256, "%s.%ld.tmp", support_path(file), process);
  return text;
}

static void leave(const char *file, long process, bool old) {
  char path[256];
  int fd = open(name_of(file, process, path), O_WRONLY | O_CREAT, 0666);
  const struct timespec long_ago[2] = {{1000000000, 0}, {1000000000, 0}};
  CU_ASSERT_FATAL(fd >= 0 && (!old || futimens(fd, long_ago) == 0));
  close(fd);
}

static bool is_there(const char *file, long process) {
  char path[256];
  return access(name_of(file, process, path), F_OK) == 0;
}

/* Numbers of processes that have ended. */
static pid_t dead(void) {
  pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, NULL, 0);
  return child;
}

static void leftovers(void) {
  const FilePart part = {"new", 3};
  pid_t gone = dead(), young = dead();
  leave("a.txt", gone, true);
  leave("a.txt", young, false);    /* another machine's, perhaps */
  leave("a.txt", getppid(), true); /* at work */
  leave("a.txt.more", gone, true); /* of another file */
  CU_ASSERT_EQUAL(file_replace(support_path("a.txt"), &part, 1, false), 0);
  CU_ASSERT(!is_there("a.txt", gone) && !is_there("a.txt", getpid()));
  CU_ASSERT(is_there("a.txt", young) && is_there("a.txt", getppid()));
  CU_ASSERT(is_there("a.txt.more", gone));
  file_replace_clean(support_path("a.txt"));
  CU_ASSERT(!is_there("a.txt", young) && !is_there("a.txt", getppid()));
  CU_ASSERT(is_there("a.txt.more", gone));
}

int main(void) {
  static const SupportTest tests[] = {{"left by the killed", leftovers}};
  return support_run("replace", tests, sizeof tests / sizeof *tests);
}
