/* What is said of a rank that ended without a word; and that a message is one write. */
#include "tests/support.h"

#include "runtime/ranks/board.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a process for each rank ---- */

/* What a rank does: joins, notes where it waits, and ends. */
typedef struct Fate {
  const char *waits; /* NULL: it does not join */
  int signal;        /* that it gets; 0: none */
  bool told, parted;
} Fate;

static void live(uint32_t rank, const Fate *fate) {
  char number[16];
  Ranks ranks = {.rank = rank};
  snprintf(number, sizeof number, "%u", rank);
  setenv("OMPI_COMM_WORLD_RANK", number, 1);
  if (fate->waits) ranks.waits = board_join();
  if (fate->waits && !ranks.waits) _exit(99);
  if (fate->waits && *fate->waits) ranks_waits(&ranks, "%s", fate->waits);
  if (fate->told) board_told();
  if (fate->parted) board_parted();
  if (fate->signal) raise(fate->signal);
  _exit(1);
}

static bool looks; /* the process that started them looks after each end */

/* One after the other, as mpirun ends them; the message, "" when there is none. */
static char *explained(const Fate *fates, uint32_t n, int code, Status expected) {
  static char text[1024];
  Diag *diag = diag_create();
  Board *board = board_create(n);
  CU_ASSERT_PTR_NOT_NULL_FATAL(board);
  for (uint32_t r = 0; r < n; r++) {
    int status;
    pid_t child = fork();
    if (child == 0) live(r, &fates[r]);
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
    CU_ASSERT(fates[r].signal ? WIFSIGNALED(status) && WTERMSIG(status) == fates[r].signal
                              : WEXITSTATUS(status) == 1);
    if (looks) CU_ASSERT_EQUAL(board_is_lost(board), fates[r].waits && !fates[r].parted);
  }
  CU_ASSERT_EQUAL(board_explain(board, code, diag), expected);
  CU_ASSERT_EQUAL(diag_error_count(diag), expected != STATUS_OK);
  board_destroy(board);
  CU_ASSERT_PTR_NULL(getenv("GRAPHRUN_BOARD"));
  char *all = support_messages(diag);
  snprintf(text, sizeof text, "%s", all);
  free(all);
  diag_destroy(diag);
  return text;
}

static void says(const Fate *fates, uint32_t n, int code, const char *what) {
  const char *text = explained(fates, n, code, STATUS_SYSTEM);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, what));
  if (!strstr(text, what)) printf("\nnot '%s':\n%s", what, text);
}

static void who_was_lost(void) {
  const Fate waiting = {"before step 7", SIGTERM, false, false};
  const Fate middle[] = {waiting, {"before step 6", SIGKILL, false, false}, waiting};
  says(middle, 3, 137,
       "rank 1 of 3 was ended by signal 9 (Killed); rank 0 waited for it before "
       "step 7\nhint: ");
  const Fate first[] = {
      {"in its own place", SIGKILL, false, false}, {"", SIGTERM, false, false}, waiting};
  says(first, 3, 137, "rank 0 of 3 was ended by signal 9 (Killed); rank 2 waited for it before");
  const Fate early[] = {{"", SIGTERM, false, false}, {"", SIGKILL, false, false}};
  says(early, 2, 137, "rank 1 of 2 was ended by signal 9 (Killed), while ranks were started");
  const Fate alike[] = {waiting, {NULL, SIGKILL, false, false}, {NULL, SIGTERM, false, false}};
  says(alike, 3, 137, "rank 1 or 2 of 3 was ended by signal 9 (Killed); rank 0 waited for it");
  /* Nobody had the time to note SIGTERM: rank 1 was seen to be dead while the others were not. */
  const Fate hurried[] = {{NULL, SIGTERM, false, false},
                          {"before step 6", SIGKILL, false, false},
                          {"before step 7", SIGKILL, false, false}};
  looks = true;
  says(hurried + 1, 2, 137, "rank 0 of 2 was ended by signal 9 (Killed); rank 1 waited for it");
  says(hurried, 3, 137, "rank 1 of 3 was ended by signal 9 (Killed); rank 2 waited for it before");
  looks = false;
  const Fate terminated[] = {waiting, waiting};
  says(terminated, 2, 143, "rank 0 of 2 was ended by signal 15 (Terminated); rank 1 waited");
  const Fate silent[] = {waiting, {"", 0, false, false}};
  says(silent, 2, 7, "rank 1 of 2 ended with exit code 7; rank 0 waited for it before step 7");
  const Fate last[] = {{"when all was done", 0, false, true},
                       {"when all was done", SIGKILL, false, false}};
  says(last, 2, 137, "rank 1 of 2 was ended by signal 9 (Killed); rank 0 waited for it when all");
  const Fate none[] = {{NULL, 0, false, false}, {NULL, 0, false, false}};
  says(none, 2, 213, "mpirun ended with exit code 213 before a rank had begun\nhint: ");
}

static void who_told(void) {
  const Fate told[] = {{"before step 7", 0, true, false}, {"before step 7", SIGTERM, false, false}};
  CU_ASSERT_STRING_EQUAL(explained(told, 2, 1, STATUS_OK), "");
}

/* Where the system has no such memory a signal is told all the same. */
static void without_board(void) {
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(board_explain(NULL, 1, diag), STATUS_OK);
  CU_ASSERT_EQUAL(board_explain(NULL, 139, diag), STATUS_SYSTEM);
  char *text = support_messages(diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "a rank was ended by signal 11"));
  free(text);
  diag_destroy(diag);
}

/* A file that is none of ours is not written to. */
static void another_file(void) {
  char path[600];
  char text[64] = "";
  snprintf(path, sizeof path, "%s", support_write("other.txt", "nothing of this changes\n"));
  setenv("GRAPHRUN_BOARD", path, 1);
  setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  CU_ASSERT_PTR_NULL(board_join());
  board_terminated();
  unsetenv("GRAPHRUN_BOARD");
  unsetenv("OMPI_COMM_WORLD_RANK");
  CU_ASSERT_PTR_NULL(board_join());
  FILE *file = fopen(path, "r");
  CU_ASSERT(file && fgets(text, sizeof text, file));
  if (file) fclose(file);
  CU_ASSERT_STRING_EQUAL(text, "nothing of this changes\n");
}

/* ---- messages ---- */

/* A socket that keeps what was written by one call apart from the next. */
static void one_write(void) {
  int ends[2];
  char got[2000];
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  FILE *out = fdopen(ends[0], "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  setvbuf(out, NULL, _IONBF, 0);
  diag_error(diag, STATUS_INVALID, "a.xml:3:1", "do that", "this is wrong with '%s'", "x");
  diag_warning(diag, "b.xml:1:1", NULL, "%s", "and that");
  diag_print_under(diag, "rank 1 of 2:\n", out);
  ssize_t n = recv(ends[1], got, sizeof got - 1, MSG_DONTWAIT);
  CU_ASSERT_FATAL(n > 0);
  got[n] = '\0';
  CU_ASSERT_STRING_EQUAL(got, "rank 1 of 2:\na.xml:3:1: error: this is wrong with 'x'\n"
                              "hint: do that\nb.xml:1:1: warning: and that\n");
  CU_ASSERT(recv(ends[1], got, sizeof got, MSG_DONTWAIT) < 0);
  diag_clear(diag);
  diag_print_under(diag, "rank 1 of 2:\n", out); /* nothing to say: no head either */
  CU_ASSERT(recv(ends[1], got, sizeof got, MSG_DONTWAIT) < 0);
  fclose(out);
  close(ends[1]);
  diag_destroy(diag);
}

int main(void) {
  static const SupportTest tests[] = {{"who was lost", who_was_lost},
                                      {"who told", who_told},
                                      {"without a board", without_board},
                                      {"another file", another_file},
                                      {"one write", one_write}};
  return support_run("board", tests, sizeof tests / sizeof *tests);
}
