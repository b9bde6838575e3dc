/* Plans say what memory a cell needs and how many multiply-adds a step has; how long these take is
 * measured, by cells that have run or by one step. */
#include "runtime/study/forecast.h"

#include "graph/base/threads.h"
#include "runtime/data/loader.h"
#include "runtime/execute/open.h"
#include "runtime/execute/schedule.h"
#include "runtime/study/work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024.0 * 1024.0)

/* Of a row on a training. */
typedef struct Need {
  bool known;
  int64_t arena, steps;
  double step_macs, test_macs; /* of a step; of all its tests */
  double seconds;              /* of a step, of a cell that ran; 0: none did */
} Need;

typedef struct Forecast {
  const StudySource *source;
  const StudyFile *file;
  Cells *cells;
  Need *needs; /* (rows, trainings) */
  double rate; /* multiply-adds a second; 0: not known */
  Diag *diag;
} Forecast;

static Need *need_of(const Forecast *f, const Cell *c) {
  size_t training = (size_t)(c->training - f->file->trainings);
  return &f->needs[(size_t)c->row_index * f->file->n_trainings + training];
}

/* ---- one plan ---- */

static int64_t images_of(const StudyTest *test, const DataSet *set) {
  int64_t n = 0;
  for (uint32_t i = 0; set && i < set->n_domains; i++)
    if (!test->domain || strcmp(test->domain, set->domains[i].name) == 0)
      n += set->domains[i].n_images;
  return n;
}

static void take_programs(const Forecast *f, const Cell *cell, const Plan *plan, Need *need) {
  int64_t images = 0;
  uint32_t n = 0;
  for (uint32_t i = 0; i < cell->training->n_tests; i++) {
    const StudyTest *test = &f->file->tests[cell->training->first_test + i];
    images += images_of(test, source_test(f->source, test)->set);
  }
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (p->kind == PROGRAM_TRAIN) need->step_macs += (double)p->macs, n++;
    if (p->kind == PROGRAM_EVALUATE && p->n_inputs && p->inputs[0].shape.rank)
      need->test_macs = (double)p->macs / (double)p->inputs[0].shape.dim[0] * (double)images;
  }
  if (n) need->step_macs /= n;
}

static Status take_plan(const Forecast *f, Cell *cell, const char *path, Need *need) {
  Plan *plan;
  Schedule schedule;
  const DataSet *data = source_training(f->source, cell->training)->set;
  TRY(plan_open(path, NULL, f->diag, &plan));
  int64_t per_epoch = data ? loader_steps_per_epoch(plan, data) : 1;
  Status status = schedule_create(plan, 0, 0, per_epoch, f->diag, &schedule);
  need->arena = plan_arena_bytes(plan);
  need->known = status == STATUS_OK;
  if (need->known) need->steps = schedule.total_steps;
  take_programs(f, cell, plan, need);
  plan_destroy(plan);
  return status;
}

/* The time of a step on this machine. */
static Status measure(Forecast *f, const char *path, const Need *need) {
  Command command;
  char *text = NULL, *messages = NULL;
  int code = 0;
  uint32_t threads = f->source->options->threads;
  command_begin(&command, "graphrun");
  command_add(&command, "bench");
  command_add(&command, "%s", path);
  command_add(&command, "--steps=1");
  command_add(&command, "--warm=1");
  command_add(&command, "--threads=%u", threads ? threads : threads_default());
  command_option(&command, "device", f->source->options->device);
  Status status = child_run(&command, f->diag, &text, &messages, &code);
  const char *at = text ? strstr(text, "RESULT ") : NULL;
  if (at) at = strstr(at, "median=");
  double seconds = at ? strtod(at + strlen("median="), NULL) : 0;
  if (status == STATUS_OK && code == 0 && seconds > 0) f->rate = need->step_macs / seconds;
  command_release(&command);
  free(text);
  free(messages);
  return status;
}

/* An empty file for a plan, outside of the study's folder, which a forecast does not make. */
static Status temporary(const Forecast *f, char *path, size_t size) {
  const char *named = getenv("TMPDIR"), *folder = named && *named ? named : "/tmp";
  errno = ENAMETOOLONG;
  int n = snprintf(path, size, "%s/graphrun-study-XXXXXX", folder);
  int fd = n > 0 && (size_t)n < size ? mkstemp(path) : -1;
  if (fd < 0)
    return diag_error(f->diag, STATUS_SYSTEM, folder,
                      "TMPDIR=FOLDER, in the environment, names one where files can be made",
                      "cannot make a file for the plan that the forecast is of: %s",
                      strerror(errno));
  close(fd);
  return STATUS_OK;
}

/* Compiles into a file that is gone afterwards; `measured`: and runs a step. */
static Status with_plan(Forecast *f, Cell *cell, Need *need, bool measured) {
  char path[4096];
  Command command;
  char *messages = NULL, first[MESSAGE_MAX], hint[MESSAGE_MAX];
  int code = 0;
  TRY(temporary(f, path, sizeof path));
  source_compile(f->source, cell, &command);
  command_add(&command, "-o");
  command_add(&command, "%s", path);
  Status status = child_run(&command, f->diag, NULL, &messages, &code);
  command_release(&command);
  if (status == STATUS_OK && code != 0) {
    messages_first(messages, first, hint);
    cell_fail(cell, code <= 4 ? (Status)code : STATUS_SYSTEM, hint, "graphc: %s", first);
  } else if (status == STATUS_OK) {
    status = measured ? measure(f, path, need) : take_plan(f, cell, path, need);
  }
  unlink(path);
  free(messages);
  return status;
}

/* ---- all of them ---- */

static void take_records(Forecast *f) {
  double macs = 0, seconds = 0;
  for (uint32_t i = 0; i < f->cells->n; i++) {
    Cell *c = &f->cells->at[i];
    json_t *record = cell_read(c);
    double its;
    int64_t steps;
    if (cell_record_is(record, "done")) c->state = CELL_DONE;
    json_decref(record);
    if (!c->wanted || !need_of(f, c)->known || !work_times(c, &its, &steps)) continue;
    need_of(f, c)->seconds = its / (double)steps;
    macs += need_of(f, c)->step_macs * (double)steps;
    seconds += its;
  }
  if (seconds > 0) f->rate = macs / seconds;
}

/* One step of the plan with the fewest multiply-adds, where that is not much itself. */
static Status measure_rate(Forecast *f) {
  Cell *least = NULL;
  double room = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 2;
  for (uint32_t i = 0; i < f->cells->n; i++) {
    Cell *c = &f->cells->at[i];
    const Need *need = need_of(f, c);
    if (!c->wanted || !need->known || (double)need->arena > room || need->step_macs > 1e12)
      continue;
    if (!least || need->step_macs < need_of(f, least)->step_macs) least = c;
  }
  return least ? with_plan(f, least, need_of(f, least), true) : STATUS_OK;
}

static void put_duration(double seconds) {
  if (seconds < 100)
    printf("%8.0f s", seconds);
  else if (seconds < 6000)
    printf("%6.0f min", seconds / 60);
  else
    printf("%8.1f h", seconds / 3600);
}

static double seconds_of(const Forecast *f, const Cell *c, const Need *need) {
  double each = need->seconds > 0 ? need->seconds : f->rate > 0 ? need->step_macs / f->rate : 0;
  double seconds = each * (double)need->steps;
  if (c->timed && each > 0) { /* as long as the other one, and its first steps */
    const Need *other = need_of(f, c->timed);
    double its = other->seconds > 0 ? other->seconds : other->step_macs / f->rate;
    seconds = its * (double)other->steps + 20 * each;
  }
  return seconds + (f->rate > 0 ? need->test_macs / f->rate : 0);
}

static void put_cells(const Forecast *f) {
  double left = 0;
  int64_t most = 0;
  uint32_t jobs = f->source->options->jobs;
  printf("%-44s %-6s %10s %9s %10s\n", "cell", "state", "memory", "steps", "time");
  for (uint32_t i = 0; i < f->cells->n; i++) {
    const Cell *c = &f->cells->at[i];
    const Need *need = need_of(f, c);
    if (!c->wanted) continue;
    const char *state = c->state == CELL_DONE ? "done" : c->state == CELL_FAILED ? "fails" : "open";
    printf("%-44s %-6s", c->name, state);
    if (need->known) printf(" %6.0f MiB", (double)need->arena / MIB);
    if (need->known && c->timed) printf(" %9s", "same time");
    if (need->known && !c->timed) printf(" %9" PRId64, need->steps);
    double seconds = need->known ? seconds_of(f, c, need) : 0;
    if (need->known && seconds > 0) {
      putchar(' ');
      put_duration(seconds);
      if (c->state == CELL_OPEN) left += seconds;
    }
    if (need->arena > most) most = need->arena;
    putchar('\n');
  }
  printf("\nmemory    %.0f MiB for %u cell%s at a time; this machine has %.0f MiB\n",
         (double)most * jobs / MIB, jobs, jobs == 1 ? "" : "s",
         (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / MIB);
  fputs("time      ", stdout);
  if (left > 0) {
    put_duration(left);
    puts(" are left, one cell after the other, as fast as this machine is now");
  } else {
    puts(f->rate > 0 ? "nothing is left" : "not known: no cell has run, and a step would be long");
  }
}

Status forecast(const StudySource *source, Cells *cells, Diag *diag) {
  Forecast f = {.source = source, .file = source->file, .cells = cells, .diag = diag};
  Status status = STATUS_OK;
  f.needs = calloc((size_t)f.file->n_rows * f.file->n_trainings + 1, sizeof *f.needs);
  if (!f.needs) return diag_no_memory(diag, f.file->n_rows * sizeof *f.needs);
  for (uint32_t i = 0; i < cells->n && status == STATUS_OK; i++) {
    Cell *c = &cells->at[i];
    if (c->wanted && c->state != CELL_FAILED && !need_of(&f, c)->known)
      status = with_plan(&f, c, need_of(&f, c), false);
  }
  if (status == STATUS_OK) take_records(&f);
  if (status == STATUS_OK && f.rate <= 0) status = measure_rate(&f);
  if (status == STATUS_OK) put_cells(&f);
  free(f.needs);
  return status;
}
