/* One loop looks after all children: a cell is compiled, trained and evaluated by one process after
 * the other, and what has been done is known by files alone, so that a study that was killed at any
 * moment goes on.
 *
 * Several studies may share a folder.  A cell is claimed by a lock on its file `lock`, which the
 * kernel takes back when this process and its child for that cell are gone: what a killed process
 * had begun is free again, and never in work twice. */
#include "runtime/study/work.h"

#include "graph/base/text.h"
#include "graph/base/threads.h"
#include "runtime/report/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROBE_STEPS 20 /* that tell how long a step takes; the first half is not counted */

typedef enum Phase { COMPILE, PROBE, TRAIN, EVALUATE, PHASES } Phase;
static const char *const phase_words[PHASES] = {"graphc", "the first steps", "graphrun train",
                                                "graphrun eval"};

typedef struct Job {
  Cell *cell; /* NULL: free */
  int lock, log;
  long log_from; /* bytes of the log before the child that runs */
  Phase phase;
  bool trained;
  uint32_t test; /* of the training's, that is evaluated */
  int64_t steps; /* of the schedule; 0: the model's own */
  bool *remade;  /* tests that were made on something else */
  pid_t pid;     /* 0: none runs */
} Job;

typedef struct Work {
  const StudySource *source;
  Cells *cells;
  Job *jobs;
  uint32_t n_jobs, wanted;
  uint32_t n_other;  /* cells that another version of the program began */
  const Cell *other; /* the first */
  bool ends;         /* what a killed process left has not ended yet */
  bool stopping;
  Diag *diag;
} Work;

static volatile sig_atomic_t stop_asked;
static void note_stop(int number) {
  stop_asked = number;
}

/* ---- telling ---- */

static uint32_t count_state(const Work *w, CellState state) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->cells->n; i++)
    n += w->cells->at[i].wanted && w->cells->at[i].state == state;
  return n;
}

static void tell(const Work *w, const Cell *cell, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void tell(const Work *w, const Cell *cell, const char *format, ...) {
  va_list args;
  printf("[%u/%u] %s: ", count_state(w, CELL_DONE), w->wanted, cell->name);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
}

/* ---- times ---- */

bool work_times(const Cell *cell, double *seconds, int64_t *steps) {
  char path[CELL_PATH_MAX];
  Record *record;
  if (!cell_path(cell, "run", path) || record_open(path, NULL, &record) != STATUS_OK) return false;
  bool there = record_update(record, NULL, NULL, NULL) == STATUS_OK && record->steps > 0;
  *seconds = record->seconds;
  *steps = record->steps;
  record_close(record);
  return there;
}

/* Seconds of a step, by the second half of the first ones; 0: not known. */
static double probe_seconds(const Cell *cell) {
  char path[CELL_PATH_MAX], line[4096];
  double seconds[PROBE_STEPS], sum = 0;
  int n = 0;
  FILE *in = cell_path(cell, "probe/times.jsonl", path) ? fopen(path, "re") : NULL;
  while (in && n < PROBE_STEPS && fgets(line, sizeof line, in)) {
    json_t *object = json_loads(line, 0, NULL), *value = json_object_get(object, "seconds");
    if (json_is_number(value)) seconds[n++] = json_number_value(value);
    json_decref(object);
  }
  if (in) fclose(in);
  for (int i = n / 2; i < n; i++) sum += seconds[i];
  return n ? sum / (n - n / 2) : 0;
}

/* ---- folders ---- */

/* Who has a lock: `HOST PID`. */
static void sign(int lock) {
  char host[256] = "", text[300];
  gethostname(host, sizeof host - 1);
  int n = snprintf(text, sizeof text, "%s %ld\n", host, (long)getpid());
  if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)n, 0) < 0) return; /* it is a comfort */
}

/* Whether it is held by what a process of this host, which is gone, has left: a child that writes
 * its last checkpoint. */
static bool is_left_over(int lock) {
  char host[256] = "", text[300] = "", its[256] = "";
  long pid = 0;
  gethostname(host, sizeof host - 1);
  if (pread(lock, text, sizeof text - 1, 0) <= 0) return false;
  if (sscanf(text, "%255s %ld", its, &pid) != 2 || pid <= 0 || strcmp(host, its) != 0) return false;
  return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Claims the cell; *out_lock -1: another process has it, or (*out_ends) a child of one that is gone
 * still has. */
static Status claim(const Cell *cell, Diag *diag, int *out_lock, bool *out_ends) {
  char path[CELL_PATH_MAX];
  *out_lock = -1;
  *out_ends = false;
  TRY(folder_make(cell->folder, diag));
  if (!cell_path(cell, "lock", path))
    return diag_error(diag, STATUS_SYSTEM, cell->folder, NULL, "the path is too long");
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  int error = fd < 0 ? errno : flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (!error) {
    sign(fd);
    *out_lock = fd;
    return STATUS_OK;
  }
  *out_ends = fd >= 0 && is_left_over(fd);
  if (fd >= 0) close(fd);
  if (fd >= 0 && error == EWOULDBLOCK) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot be locked: %s", strerror(error));
}

/* A folder `beforeN` that is not there yet. */
static bool make_aside(const Cell *cell, char path[CELL_PATH_MAX]) {
  char name[32];
  for (int n = 1; n < 1000; n++) {
    snprintf(name, sizeof name, "before%d", n);
    if (cell_path(cell, name, path) && mkdir(path, 0777) == 0) return true;
    if (errno != EEXIST) return false;
  }
  return false;
}

/* Moves a file or a folder of the cell; returns errno, 0 where it went well. */
static int move_aside(const Cell *cell, const char *name, const char *aside) {
  char from[CELL_PATH_MAX], to[CELL_PATH_MAX + 256];
  snprintf(to, sizeof to, "%s/%s", aside, name);
  if (!cell_path(cell, name, from)) return ENAMETOOLONG;
  return rename(from, to) == 0 ? 0 : errno;
}

/* What a cell was before it changed stays, in a folder within its own.  What it is of goes last:
 * while that is there, whoever ends this in the middle leaves something that is put aside again. */
static Status put_aside(const Cell *cell, Diag *diag) {
  char aside[CELL_PATH_MAX];
  DIR *folder = make_aside(cell, aside) ? opendir(cell->folder) : NULL;
  int error = folder ? 0 : errno;
  for (struct dirent *entry; folder && !error && (entry = readdir(folder));)
    if (*entry->d_name != '.' && strcmp(entry->d_name, "lock") != 0 &&
        strcmp(entry->d_name, CELL_FILE) != 0 && strncmp(entry->d_name, "before", 6) != 0)
      error = move_aside(cell, entry->d_name, aside);
  if (folder) closedir(folder);
  if (!error) error = move_aside(cell, CELL_FILE, aside);
  return error ? diag_error(diag, STATUS_SYSTEM, cell->folder, NULL,
                            "what it holds cannot be put aside: %s", strerror(error))
               : STATUS_OK;
}

/* ---- the phases ---- */

static const StudyTest *test_of(const Work *w, const Job *j) {
  return &w->source->file->tests[j->cell->training->first_test + j->test];
}

static bool exists(const Cell *cell, const char *file) {
  char path[CELL_PATH_MAX];
  return cell_path(cell, file, path) && access(path, F_OK) == 0;
}

/* Any checkpoint will do for --resume. */
static bool has_run(const Cell *cell) {
  return exists(cell, "run/checkpoint.safetensors") ||
         exists(cell, "run/checkpoint.safetensors.prev");
}

static void add_how(const Work *w, Command *c) {
  const StudyOptions *o = w->source->options;
  uint32_t share = threads_default() / (o->jobs ? o->jobs : 1);
  command_add(c, "--threads=%u", o->threads ? o->threads : share ? share : 1);
  if (o->workers) command_add(c, "--workers=%u", o->workers);
  if (o->skip_bad_images) command_add(c, "--bad-images=skip");
  command_option(c, "device", o->device);
}

static void compile_command(const Work *w, const Job *j, Command *c) {
  source_compile(w->source, j->cell, c);
  command_add(c, "-o");
  command_add(c, "%s/plan.xml", j->cell->folder);
}

static void add_init(const Work *w, const Cell *cell, Command *c) {
  const StudyOptions *o = w->source->options;
  const char *init = cell->row->init ? cell->row->init : o->init;
  if (!init) return;
  command_option(c, "init", init);
  command_option(c, "init-prefix", o->init_prefix);
  for (uint32_t i = 0; i < o->n_init_skip; i++) command_option(c, "init-skip", o->init_skip[i]);
}

static void train_command(const Work *w, const Job *j, Command *c) {
  const Cell *cell = j->cell;
  const StudyData *data = source_training(w->source, cell->training);
  command_begin(c, "graphrun");
  command_add(c, "train");
  command_add(c, "%s/plan.xml", cell->folder);
  command_option(c, "data", data->path);
  command_option(c, "protocol", data->protocol);
  command_add(c, "--out=%s/%s", cell->folder, j->phase == PROBE ? "probe" : "run");
  command_add(c, "--seed=%u", cell->seed);
  add_how(w, c);
  if (j->phase == PROBE) command_add(c, "--stop-at=%d", PROBE_STEPS);
  if (j->phase == TRAIN && j->steps) command_add(c, "--steps=%lld", (long long)j->steps);
  if (j->phase == TRAIN && has_run(cell))
    command_add(c, "--resume");
  else if (cell->start)
    command_add(c, "--init=%s/run/checkpoint.safetensors", cell->start->folder);
  else
    add_init(w, cell, c);
}

static void evaluate_command(const Work *w, const Job *j, Command *c) {
  const StudyTest *test = test_of(w, j);
  command_begin(c, "graphrun");
  command_add(c, "eval");
  command_add(c, "%s/plan.xml", j->cell->folder);
  command_add(c, "--weights=%s/run/checkpoint.safetensors", j->cell->folder);
  command_option(c, "data", source_test(w->source, test)->path);
  command_option(c, "domain", test->domain);
  command_option(c, "protocol", test->protocol);
  command_add(c, "--out=%s/%s.json", j->cell->folder, test->name);
  add_how(w, c);
}

static void write_line(int log, const Command *c) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return;
  fputc('$', out);
  for (uint32_t i = 0; i < c->n; i++) fprintf(out, " %s", c->at[i]);
  fputc('\n', out);
  if (fclose(out) == 0 && write(log, text, size) < 0) text[0] = 0; /* a log is no result */
  free(text);
}

static Status start_phase(Work *w, Job *j) {
  Command c;
  char path[CELL_PATH_MAX];
  if (j->phase == PROBE && cell_path(j->cell, "probe/checkpoint.safetensors", path)) unlink(path);
  if (j->phase == PROBE && cell_path(j->cell, "probe/metrics.jsonl", path)) unlink(path);
  if (j->phase == COMPILE)
    compile_command(w, j, &c);
  else if (j->phase == EVALUATE)
    evaluate_command(w, j, &c);
  else
    train_command(w, j, &c);
  write_line(j->log, &c);
  j->log_from = (long)lseek(j->log, 0, SEEK_END);
  Status status = child_start(&c, j->log, j->log, j->lock, w->diag, &j->pid);
  command_release(&c);
  return status;
}

/* What the child that failed had to say: at the end of what it printed, which may be long. */
static void fail_by_log(Job *j, int code) {
  char text[1 << 15], first[MESSAGE_MAX], hint[MESSAGE_MAX];
  long from = (long)lseek(j->log, 0, SEEK_END) - (long)sizeof text + 1;
  ssize_t n = pread(j->log, text, sizeof text - 1, from > j->log_from ? from : j->log_from);
  text[n > 0 ? n : 0] = 0;
  messages_first(text, first, hint);
  Status status = code >= 1 && code <= 4 ? (Status)code : STATUS_SYSTEM;
  if (*first)
    cell_fail(j->cell, status, hint, "%s: %s", phase_words[j->phase], first);
  else
    cell_fail(j->cell, status, NULL, "%s ended with exit code %d", phase_words[j->phase], code);
}

/* ---- one cell ---- */

static void free_job(Job *j) {
  if (j->log >= 0) close(j->log);
  if (j->lock >= 0) close(j->lock);
  free(j->remade);
  *j = (Job){.lock = -1, .log = -1};
}

static void end_job(const Work *w, Job *j, CellState state) {
  j->cell->state = state;
  if (state == CELL_FAILED) tell(w, j->cell, "failed: %s", j->cell->message);
  free_job(j);
}

/* The next test to be made, from `test` on; false: there is none left. */
static bool next_test(const Work *w, Job *j, uint32_t from) {
  char name[STUDY_NAME_MAX + 8];
  for (j->test = from; j->test < j->cell->training->n_tests; j->test++) {
    const StudyTest *test = test_of(w, j);
    snprintf(name, sizeof name, "%s.json", test->name);
    if (!source_test(w->source, test)->set) continue;
    if (j->remade[j->test] || !exists(j->cell, name)) return true;
  }
  return false;
}

static Status finish(Work *w, Job *j) {
  double seconds = 0;
  int64_t steps = 0;
  TRY(cell_write(j->cell, "done", j->steps, w->diag));
  j->cell->state = CELL_DONE;
  work_times(j->cell, &seconds, &steps);
  tell(w, j->cell, "done, %lld steps in %.0f s", (long long)steps, seconds);
  end_job(w, j, CELL_DONE);
  return STATUS_OK;
}

/* As many steps as take the time of the other row's training. */
static Status choose_steps(Work *w, Job *j) {
  double seconds, each = probe_seconds(j->cell);
  int64_t steps;
  if (!work_times(j->cell->timed, &seconds, &steps) || !(each > 0)) {
    cell_fail(j->cell, STATUS_INVALID, NULL, "the time of %s is not known", j->cell->timed->name);
    return STATUS_OK;
  }
  j->steps = seconds < each ? 1 : llround(seconds / each);
  tell(w, j->cell, "%lld steps take the %.0f s of %s", (long long)j->steps, seconds,
       j->cell->timed->name);
  return cell_write(j->cell, "begun", j->steps, w->diag);
}

/* What comes after a phase that went well. */
static Status go_on(Work *w, Job *j) {
  if (j->phase == PROBE) TRY(choose_steps(w, j));
  if (j->cell->message) {
    end_job(w, j, CELL_FAILED);
    return STATUS_OK;
  }
  if (j->phase == TRAIN) {
    j->trained = true;
    TRY(cell_write(j->cell, "trained", j->steps, w->diag));
  }
  if (!j->trained) {
    j->phase = j->cell->timed && !j->steps ? PROBE : TRAIN;
    return start_phase(w, j);
  }
  if (!next_test(w, j, j->phase == EVALUATE ? j->test + 1 : 0)) return finish(w, j);
  j->phase = EVALUATE;
  return start_phase(w, j);
}

static void note_version(Work *w, const Cell *cell, const json_t *record) {
  const char *its = json_string_value(json_object_get(json_object_get(record, "of"), "program"));
  if (!its || strcmp(its, w->source->options->version) == 0) return;
  if (w->n_other++ == 0) w->other = cell;
}

/* A record of something else than the cell is now. */
static Status meet_change(Work *w, Job *j, json_t **record, const char *what) {
  StudyChanged how = w->source->options->changed;
  if (how == STUDY_KEEP && cell_record_is(*record, "done")) return STATUS_OK;
  if (how != STUDY_REDO) {
    cell_fail(j->cell, STATUS_INVALID,
              "--changed=redo does such cells anew, --changed=keep takes them when they are "
              "done",
              "it was begun with other things than now: %s", what);
    return STATUS_OK;
  }
  tell(w, j->cell, "is done anew, since %s changed", what);
  json_decref(*record);
  *record = NULL;
  return put_aside(j->cell, w->diag);
}

/* What the folder holds of this cell.  *out_done: nothing is left to do. */
static Status look(Work *w, Job *j, bool *out_done) {
  json_t *record = cell_read(j->cell);
  char what[300];
  Status status = STATUS_OK;
  *out_done = false;
  if (record && cell_differs(j->cell, record, what, sizeof what))
    status = meet_change(w, j, &record, what);
  note_version(w, j->cell, record);
  bool done = cell_record_is(record, "done");
  j->trained = done || cell_record_is(record, "trained");
  j->steps = json_integer_value(json_object_get(record, "steps"));
  for (uint32_t i = 0; i < j->cell->training->n_tests; i++) {
    const char *name = w->source->file->tests[j->cell->training->first_test + i].name;
    j->remade[i] = !record || !cell_test_is(j->cell, record, name);
  }
  *out_done = done && !next_test(w, j, 0);
  json_decref(record);
  return status;
}

/* Results of tests that are made again lie aside before the cell notes what its tests are of now:
 * however this ends, a result under a test's name is of what is noted. */
static Status put_results_aside(const Work *w, const Job *j) {
  char from[CELL_PATH_MAX], to[CELL_PATH_MAX + 8];
  bool moved = false;
  for (uint32_t i = 0; i < j->cell->training->n_tests; i++) {
    const StudyTest *test = &w->source->file->tests[j->cell->training->first_test + i];
    char name[STUDY_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s.json", test->name);
    if (!j->remade[i] || !source_test(w->source, test)->set || !exists(j->cell, name)) continue;
    if (!cell_path(j->cell, name, from)) continue;
    snprintf(to, sizeof to, "%s.prev", from);
    if (rename(from, to) != 0)
      return diag_error(w->diag, STATUS_SYSTEM, from, NULL, "cannot be put aside: %s",
                        strerror(errno));
    moved = true;
  }
  return moved && j->trained ? cell_write(j->cell, "trained", j->steps, w->diag) : STATUS_OK;
}

/* Takes a cell, if it is free, and starts its first process. */
static Status begin(Work *w, Cell *cell, Job *j) {
  char path[CELL_PATH_MAX];
  bool done, ends;
  *j = (Job){.cell = cell, .lock = -1, .log = -1};
  j->remade = calloc(cell->training->n_tests + 1u, sizeof *j->remade);
  if (!j->remade) return diag_no_memory(w->diag, cell->training->n_tests);
  TRY(claim(cell, w->diag, &j->lock, &ends));
  if (j->lock < 0) {
    w->ends |= ends;
    end_job(w, j, ends ? CELL_OPEN : CELL_ELSEWHERE);
    return STATUS_OK;
  }
  cell->state = CELL_WORKED;
  TRY(look(w, j, &done));
  if (cell->message || done) {
    end_job(w, j, cell->message ? CELL_FAILED : CELL_DONE);
    return STATUS_OK;
  }
  if (!cell_path(cell, "log", path) ||
      (j->log = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0)
    return diag_error(w->diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(errno));
  TRY(put_results_aside(w, j));
  tell(w, cell, "%s", j->trained ? "is evaluated" : has_run(cell) ? "goes on" : "begins");
  if (!j->trained) TRY(cell_write(cell, "begun", j->steps, w->diag));
  j->phase = COMPILE;
  return start_phase(w, j);
}

/* ---- all of them ---- */

/* Looks whether the child of a job has ended, and goes on with the next. */
static Status poll_job(Work *w, Job *j) {
  int code;
  if (!child_ended(j->pid, &code)) return STATUS_OK;
  j->pid = 0;
  if (w->stopping) {
    end_job(w, j, CELL_OPEN);
    return STATUS_OK;
  }
  if (code == 0) return go_on(w, j);
  fail_by_log(j, code);
  TRY(cell_write(j->cell, "failed", j->steps, w->diag));
  end_job(w, j, CELL_FAILED);
  return STATUS_OK;
}

static bool is_ready(Cell *cell) {
  Cell *const before[] = {cell->start, cell->timed};
  for (size_t i = 0; i < 2; i++) {
    if (!before[i] || before[i]->state == CELL_DONE) continue;
    if (before[i]->state == CELL_FAILED)
      cell_fail(cell, STATUS_INVALID, NULL, "it needs %s, which failed", before[i]->name);
    return false;
  }
  return true;
}

/* Fills free jobs; *out_waits: a cell waits for one that another process has. */
static Status start_jobs(Work *w, bool *out_waits) {
  w->ends = false;
  *out_waits = false;
  for (uint32_t i = 0, k = 0; i < w->cells->n && !w->stopping; i++) {
    Cell *cell = &w->cells->at[i];
    while (k < w->n_jobs && w->jobs[k].cell) k++;
    if (k == w->n_jobs) break;
    if (!cell->wanted || cell->state != CELL_OPEN) continue;
    if (is_ready(cell)) {
      TRY(begin(w, cell, &w->jobs[k]));
    } else if (cell->state == CELL_OPEN) {
      Cell *const before[] = {cell->start, cell->timed};
      for (size_t b = 0; b < 2; b++)
        if (before[b] && before[b]->state == CELL_ELSEWHERE) *out_waits = true;
    }
  }
  *out_waits |= w->ends;
  return STATUS_OK;
}

/* Those that others wait for may be done by now, or be free again. */
static void look_again(Work *w) {
  for (uint32_t i = 0; i < w->cells->n; i++) {
    Cell *const before[] = {w->cells->at[i].start, w->cells->at[i].timed};
    if (!w->cells->at[i].wanted || w->cells->at[i].state != CELL_OPEN) continue;
    for (size_t b = 0; b < 2; b++)
      if (before[b] && before[b]->state == CELL_ELSEWHERE) before[b]->state = CELL_OPEN;
  }
}

static void stop_jobs(Work *w) {
  w->stopping = true;
  for (uint32_t i = 0; i < w->n_jobs; i++)
    if (w->jobs[i].pid) kill(w->jobs[i].pid, SIGTERM);
}

static Status work_loop(Work *w) {
  Status status = STATUS_OK;
  for (unsigned round = 0;; round++) {
    bool waits = false, runs = false;
    if ((stop_asked || status != STATUS_OK) && !w->stopping) stop_jobs(w);
    if (status == STATUS_OK) status = start_jobs(w, &waits);
    for (uint32_t i = 0; i < w->n_jobs; i++) {
      Status own = w->jobs[i].pid ? poll_job(w, &w->jobs[i]) : STATUS_OK;
      if (status == STATUS_OK) status = own;
      runs |= w->jobs[i].pid != 0;
    }
    if (!runs && (w->stopping || status != STATUS_OK)) return status;
    if (!runs && !waits && count_state(w, CELL_OPEN) == 0) return STATUS_OK;
    if (waits && round % 50 == 0) look_again(w);
    if (runs || waits) nanosleep(&(struct timespec){0, 20000000}, NULL);
  }
}

Status work_run(const StudySource *source, Cells *cells, Diag *diag) {
  Work w = {.source = source, .cells = cells, .n_jobs = source->options->jobs, .diag = diag};
  struct sigaction stop = {.sa_handler = note_stop}, interrupt, terminate;
  for (uint32_t i = 0; i < cells->n; i++) w.wanted += cells->at[i].wanted;
  w.jobs = calloc(w.n_jobs + 1u, sizeof *w.jobs);
  if (!w.jobs) return diag_no_memory(diag, w.n_jobs * sizeof *w.jobs);
  for (uint32_t i = 0; i < w.n_jobs; i++) w.jobs[i] = (Job){.lock = -1, .log = -1};
  stop_asked = 0;
  sigaction(SIGINT, &stop, &interrupt);
  sigaction(SIGTERM, &stop, &terminate);
  Status status = work_loop(&w);
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGTERM, &terminate, NULL);
  if (status == STATUS_OK && w.stopping)
    status = diag_error(diag, STATUS_SYSTEM, source->file->path, "--resume goes on from here",
                        "stopped by signal %d with %u of %u cells done", (int)stop_asked,
                        count_state(&w, CELL_DONE), w.wanted);
  if (w.n_other)
    diag_warning(diag, w.other->name, "remove the folder of a cell to do it anew",
                 "%u cells were begun by another version of the program: of this one other bits "
                 "may come",
                 w.n_other);
  for (uint32_t i = 0; i < w.n_jobs; i++) free_job(&w.jobs[i]);
  free(w.jobs);
  return status;
}
