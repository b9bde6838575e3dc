/* A slot for each rank in an anonymous file of the process that starts them, which ranks open
 * through /proc: nothing is left behind, however any of them ends.
 *
 * When a process of mpirun's ends it sends SIGTERM to all others, and soon SIGKILL.  So of ranks
 * that told nothing those are lost which did not get SIGTERM; if all did, the one that got it
 * first.
 */
#include "runtime/ranks/board.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "GRAPHRUN_BOARD"
#define MAGIC 0x647262746e657267u

typedef struct Slot {
  _Atomic pid_t process; /* 0: it has not begun */
  atomic_bool told, ready;
  _Atomic int64_t terminated; /* when, in ns; 0: it was not; INT64_MAX: it had parted before */
  char place[RANKS_PLACE_MAX];
} Slot;

typedef struct Shared {
  uint64_t magic;
  uint32_t count;
  Slot slots[];
} Shared;

struct Board {
  int file;
  size_t bytes;
  Shared *shared;
  uint32_t alone; /* the rank that had ended when all others had not; UINT32_MAX: not seen */
};

static size_t bytes_of(uint32_t count) {
  return sizeof(Shared) + count * sizeof(Slot);
}

/* ---- the process that starts ranks ---- */

Board *board_create(uint32_t count) {
  char path[64];
  Board *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->alone = UINT32_MAX;
  b->bytes = bytes_of(count);
  b->file = memfd_create("graphrun-ranks", MFD_CLOEXEC);
  void *at = MAP_FAILED;
  if (b->file >= 0 && ftruncate(b->file, (off_t)b->bytes) == 0)
    at = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->file, 0);
  b->shared = at == MAP_FAILED ? NULL : at;
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), b->file);
  if (!b->shared || setenv(VARIABLE, path, 1) != 0) {
    board_destroy(b);
    return NULL;
  }
  b->shared->count = count;
  b->shared->magic = MAGIC;
  return b;
}

void board_destroy(Board *b) {
  if (!b) return;
  unsetenv(VARIABLE);
  if (b->shared) munmap(b->shared, b->bytes);
  if (b->file >= 0) close(b->file);
  free(b);
}

/* Also when its parent has not yet asked what became of it. */
static bool is_dead(pid_t process) {
  char path[40], text[512];
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
  FILE *file = fopen(path, "r");
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file) fclose(file);
  text[n] = '\0';
  const char *name_end = strrchr(text, ')');
  return !name_end || !name_end[1] || name_end[2] == 'Z' || name_end[2] == 'X';
}

static bool has_parted(const Slot *slot) {
  return slot->terminated == INT64_MAX;
}

bool board_is_lost(Board *b) {
  uint32_t dead = 0, last = 0;
  for (uint32_t r = 0; b && r < b->shared->count; r++) {
    const Slot *slot = &b->shared->slots[r];
    if (!slot->process || has_parted(slot) || !is_dead(slot->process)) continue;
    dead++;
    last = r;
  }
  if (dead == 1 && b->alone == UINT32_MAX) b->alone = last;
  return dead > 0;
}

void board_end(const Board *b) {
  for (uint32_t r = 0; b && r < b->shared->count; r++) {
    const Slot *slot = &b->shared->slots[r];
    if (slot->process && !is_dead(slot->process)) kill(slot->process, SIGKILL);
  }
}

/* The ranks of which one ended first, as far as anybody can tell: `rank 1 of 4`, `rank 0 or 2 of
 * 4`.  Returns the first of them. */
static uint32_t put_lost(const Board *b, char *out, size_t size) {
  const Shared *s = b->shared;
  uint32_t first = 0;
  for (uint32_t r = 1; r < s->count; r++)
    if (s->slots[r].terminated < s->slots[first].terminated) first = r;
  /* Not all notes of SIGTERM were made in time: who was dead before the others is known. */
  bool seen = b->alone < s->count && !s->slots[b->alone].terminated;
  if (seen) first = b->alone;
  size_t used = (size_t)snprintf(out, size, "rank %u", first);
  for (uint32_t r = first + 1; !seen && r < s->count && used + 32 < size; r++)
    if (s->slots[r].terminated == s->slots[first].terminated)
      used += (size_t)snprintf(out + used, size - used, " or %u", r);
  snprintf(out + used, size - used, " of %u", s->count);
  return first;
}

/* Where another one waited for it: dead like all, but for what it may still be writing. */
static void put_place(const Shared *s, uint32_t lost, char *out, size_t size) {
  snprintf(out, size, ", while ranks were started");
  for (uint32_t r = 0; r < s->count; r++) {
    if (r == lost || !s->slots[r].place[0]) continue;
    snprintf(out, size, "; rank %u waited for it %.*s", r, RANKS_PLACE_MAX - 1, s->slots[r].place);
    return;
  }
}

static Status no_rank_began(int code, Diag *diag) {
  return diag_error(diag, STATUS_SYSTEM, "--ranks", "mpirun -n 2 true may say why",
                    "mpirun ended with exit code %d before a rank had begun", code);
}

static void put_end(int code, char *out, size_t size) {
  if (code > 128)
    snprintf(out, size, "was ended by signal %d (%.64s)", code - 128, strsignal(code - 128));
  else
    snprintf(out, size, "ended with exit code %d", code);
}

bool board_is_ready(const Board *b) {
  for (uint32_t r = 0; b && r < b->shared->count; r++)
    if (!b->shared->slots[r].ready) return false;
  return true;
}

bool board_has_told(const Board *b) {
  for (uint32_t r = 0; b && r < b->shared->count; r++)
    if (b->shared->slots[r].told) return true;
  return false;
}

Status board_explain(const Board *b, int code, Diag *diag) {
  char lost[96] = "a rank", end[128], place[RANKS_PLACE_MAX + 64] = "";
  bool begun = !b;
  for (uint32_t r = 0; b && r < b->shared->count; r++) begun |= b->shared->slots[r].process != 0;
  if (board_has_told(b)) return STATUS_OK;
  if (!b && code <= 128) return STATUS_OK; /* it will have said why */
  if (!begun) return no_rank_began(code, diag);
  if (b) put_place(b->shared, put_lost(b, lost, sizeof lost), place, sizeof place);
  put_end(code, end, sizeof end);
  return diag_error(diag, STATUS_SYSTEM, "--ranks",
                    code == 128 + SIGKILL
                        ? "the system does so when memory runs out; " RANKS_LAST_HINT
                        : RANKS_LAST_HINT,
                    "%s %s%s", lost, end, place);
}

/* ---- a rank ---- */

static Slot *own; /* NULL: there is no board */

static void note_and_end(int number) {
  board_terminated();
  signal(number, SIG_DFL);
  raise(number);
}

static uint32_t own_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *text = getenv(names[i]);
    if (text && *text) return (uint32_t)strtoul(text, NULL, 10);
  }
  return UINT32_MAX;
}

static Shared *open_shared(const char *path) {
  struct stat info;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return NULL;
  void *at = MAP_FAILED;
  if (fstat(file, &info) == 0 && info.st_size >= (off_t)sizeof(Shared))
    at = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED) return NULL;
  Shared *s = at;
  if (s->magic == MAGIC && (size_t)info.st_size == bytes_of(s->count)) return s;
  munmap(at, (size_t)info.st_size);
  return NULL;
}

char *board_join(void) {
  const char *path = getenv(VARIABLE);
  Shared *shared = path && !own ? open_shared(path) : NULL;
  uint32_t rank = own_rank();
  if (!shared || rank >= shared->count) return own ? own->place : NULL; /* mapped until the end */
  own = &shared->slots[rank];
  struct sigaction end = {.sa_handler = note_and_end};
  sigaction(SIGTERM, &end, NULL);
  own->process = getpid();
  return own->place;
}

void board_ready(void) {
  if (own) own->ready = true;
}

void board_told(void) {
  if (own) own->told = true;
}

void board_parted(void) {
  if (own && !own->terminated) own->terminated = INT64_MAX;
}

void board_terminated(void) {
  struct timespec t;
  if (!own || own->terminated) return;
  clock_gettime(CLOCK_MONOTONIC, &t);
  own->terminated = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
