/* Starting ranks and loading the module that connects them: libgraphrun_mpi.so, beside the program
 * or where an installation has it (graph/base/beside.h). */
#include "runtime/ranks/open.h"

#include "graph/base/beside.h"
#include "runtime/ranks/board.h"
#include "runtime/ranks/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MODULE "libgraphrun_mpi.so"

bool ranks_launched(void) {
  return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

static uint32_t number_of(const char *name) {
  const char *text = getenv(name);
  long n = text ? strtol(text, NULL, 10) : 0;
  return n > 0 && n < 100000 ? (uint32_t)n : 0;
}

uint32_t ranks_apart(bool *out_first) {
  uint32_t n = number_of("SLURM_STEP_NUM_TASKS");
  *out_first = number_of("SLURM_PROCID") == 0;
  return n > 1 && !ranks_launched() ? n : 0;
}

/* MPI that was built for another PMI makes a world of its own for each process. */
static Status check_world(uint32_t count, Diag *diag) {
  uint32_t tasks = number_of("PMI_SIZE");
  if (tasks <= 1) tasks = number_of("SLURM_STEP_NUM_TASKS");
  if (count > 1 || tasks <= 1 || number_of("OMPI_COMM_WORLD_SIZE") == 1) return STATUS_OK;
  if (number_of("SLURM_PROCID")) return STATUS_SYSTEM; /* the first one tells */
  return diag_error(diag, STATUS_SYSTEM, "--ranks", RANKS_APART_HINT,
                    "%u processes were started, and MPI connects none of them", tasks);
}

uint32_t ranks_on_host(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
                                      "SLURM_NTASKS_PER_NODE"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    uint32_t n = number_of(names[i]);
    if (n) return n;
  }
  return 1;
}

static volatile sig_atomic_t starter; /* mpirun's process; 0: it does not run */
static volatile sig_atomic_t asked;   /* by which signal; 0: not */
static volatile sig_atomic_t waiting; /* RANKS_STOP is to be handed on when the ranks listen */

/* RANKS_STOP may come several times: Slurm sends it to all processes of a job. */
static void hand_on(int number) {
  if (!asked || number == RANKS_STOP)
    waiting = 1;
  else if (starter > 0)
    kill((pid_t)starter, SIGTERM);
  if (!asked || number != RANKS_STOP) asked = number;
}

void ranks_listen(void) {
  struct sigaction on = {.sa_handler = hand_on, .sa_flags = SA_RESTART};
  sigaction(RANKS_STOP, &on, NULL);
}

/* The process that becomes mpirun: in a group of its own, so that a terminal's SIGINT reaches it
 * only through hand_on; it ends with its parent.  Where it cannot, it has nothing to return to. */
static void become(char **command, int report) {
  sigset_t none;
  sigemptyset(&none);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int input = open("/dev/null", O_RDONLY);
  if (input >= 0) dup2(input, STDIN_FILENO);
  execvp(command[0], command);
  int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

/* Seconds that mpirun may go on when a rank has ended.  Within two it ends the others, but for one
 * that dies while it connects: then it may wait for ever. */
#define STARTER_LINGERS 5

static double clock_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int await_starter(pid_t child, Board *board) {
  int status = 0;
  double lost = 0; /* since when */
  for (uint32_t round = 0;; round++) {
    pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child || (ended < 0 && errno != EINTR)) return status;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    if (waiting && board_is_ready(board)) {
      waiting = 0;
      kill(child, RANKS_STOP);
    }
    if (round % 10) continue;
    if (!board_is_lost(board))
      lost = 0;
    else if (lost == 0)
      lost = clock_seconds();
    if (lost == 0 || clock_seconds() - lost < STARTER_LINGERS) continue;
    board_end(board);
    kill(child, SIGKILL);
  }
}

/* Waits for it; an error number when it could not be started. */
static int run_starter(char **command, Board *board, int *out_code) {
  int report[2], error = 0, status = 0;
  struct sigaction on = {.sa_handler = hand_on, .sa_flags = SA_RESTART}, interrupt, terminate, stop;
  sigset_t all, before;
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  sigemptyset(&all);
  sigaddset(&all, SIGINT);
  sigaddset(&all, SIGTERM);
  sigaddset(&all, RANKS_STOP);
  sigprocmask(SIG_BLOCK, &all, &before);
  pid_t child = fork();
  if (child == 0) become(command, report[1]);
  if (child < 0) error = errno;
  close(report[1]);
  starter = child > 0 ? child : 0;
  sigaction(SIGINT, &on, &interrupt);
  sigaction(SIGTERM, &on, &terminate);
  sigaction(RANKS_STOP, &on, &stop);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (child > 0 && read(report[0], &error, sizeof error) < 0) error = errno;
  close(report[0]);
  if (child > 0) status = await_starter(child, board);
  starter = 0;
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGTERM, &terminate, NULL);
  sigaction(RANKS_STOP, &stop, NULL);
  if (!error) *out_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return error;
}

/* A user who ended them need not be told which of them ended first. */
static Status explain(const Board *board, int code, Diag *diag) {
  if (!asked || board_has_told(board)) return board_explain(board, code, diag);
  return diag_error(diag, STATUS_SYSTEM, "--ranks", RANKS_LAST_HINT,
                    "signal %d (%s) ended the ranks", (int)asked, strsignal((int)asked));
}

/* mpirun counts slots and refuses more ranks, binds each to a core and so all its threads, and
 * refuses root; what a user means by --ranks is none of these. */
Status ranks_launch(uint32_t count, char **argv, Diag *diag, int *out_code) {
  static char *const options[] = {"-q", "--oversubscribe", "--bind-to", "none"};
  size_t n = 0, n_args = 0;
  char number[16], self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  while (argv[n_args]) n_args++;
  char **all = calloc(n_args + 12, sizeof *all);
  if (!all) return diag_no_memory(diag, n_args * sizeof *all);
  self[length < 0 ? 0 : length] = '\0';
  snprintf(number, sizeof number, "%u", count);
  all[n++] = "mpirun";
  all[n++] = "-n";
  all[n++] = number;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) all[n++] = options[i];
  if (geteuid() == 0) all[n++] = "--allow-run-as-root";
  all[n++] = length > 0 ? self : argv[0];
  for (size_t i = 1; i < n_args; i++) all[n++] = argv[i];
  Board *board = board_create(count);
  int error = run_starter(all, board, out_code);
  free(all);
  if (!error && *out_code && explain(board, *out_code, diag) != STATUS_OK)
    *out_code = STATUS_SYSTEM;
  board_destroy(board);
  if (!error) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, "--ranks",
                    error == ENOENT ? "install OpenMPI (Debian: openmpi-bin)" : NULL,
                    "cannot start mpirun: %s", strerror(error));
}

static void *load(char *error, size_t size) {
  char path[BESIDE_MAX];
  snprintf(error, size, "%s is not there", MODULE);
  if (!beside_find(MODULE, path)) return NULL;
  /* Global: MPI loads parts of its own, which look for its symbols there. */
  void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!module) snprintf(error, size, "%s", dlerror());
  return module;
}

Status ranks_open(Diag *diag, Ranks **out) {
  char error[400];
  *out = NULL;
  void *at = load(error, sizeof error);
  const RanksModule *module = at ? dlsym(at, "ranks_module") : NULL;
  if (!module)
    return diag_error(diag, STATUS_SYSTEM, "--ranks",
                      "install libopenmpi-dev and openmpi-bin, and build again",
                      "this program cannot connect ranks: %s", error);
  if (module->version == RANKS_MODULE_VERSION) *out = module->open();
  if (*out) {
    (*out)->timeout = RANKS_PATIENCE;
    (*out)->waits = board_join();
    return check_world((*out)->count, diag);
  }
  return diag_error(diag, STATUS_SYSTEM, MODULE, NULL,
                    module->version == RANKS_MODULE_VERSION ? "MPI does not start"
                                                            : "is of another version of graphrun");
}

void ranks_close(Ranks *ranks, Status status) {
  ranks_waits(ranks, "when all was done");
  if (ranks) ranks->table->close(ranks, (int)status);
  board_parted();
}
