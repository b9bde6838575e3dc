/* `graphrun study`: which cells there are, which of them are this process's, and what is said and
 * written when they are done. */
#include "runtime/study/study.h"

#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/study/forecast.h"
#include "runtime/study/table.h"
#include "runtime/study/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Study {
  StudyOptions options;
  StudyFile *file;
  StudySource source;
  Cells cells;
  char *out;
  Diag *diag;
} Study;

/* ---- which cells ---- */

static bool is_only(const StudyOptions *o, const StudyRow *row) {
  for (uint32_t i = 0; i < o->n_only; i++)
    if (strcmp(o->only[i], row->name) == 0) return true;
  return o->n_only == 0;
}

static Status check_only(const Study *s) {
  const char *names[64];
  char hint[200];
  uint32_t n = 0;
  for (; n < s->file->n_rows && n < 64; n++) names[n] = s->file->rows[n].name;
  for (uint32_t i = 0; i < s->options.n_only; i++) {
    bool found = false;
    for (uint32_t r = 0; r < s->file->n_rows; r++)
      found |= strcmp(s->file->rows[r].name, s->options.only[i]) == 0;
    const char *near = diag_nearest(s->options.only[i], names, n);
    text_format(hint, sizeof hint, near ? "did you mean '%s'?" : "the first is '%s'",
                near ? near : names[0]);
    if (!found)
      return diag_error(s->diag, STATUS_INVALID, s->file->path, hint, "has no row '%s' for --only",
                        s->options.only[i]);
  }
  return STATUS_OK;
}

/* A task of a Slurm array takes its part unless --cell says another. */
static void take_slurm(Study *s) {
  const char *id = getenv("SLURM_ARRAY_TASK_ID"), *count = getenv("SLURM_ARRAY_TASK_COUNT");
  const char *least = getenv("SLURM_ARRAY_TASK_MIN"), *step = getenv("SLURM_ARRAY_TASK_STEP");
  long n = count ? strtol(count, NULL, 10) : 0, each = step ? strtol(step, NULL, 10) : 1;
  if (s->options.parts || !id || n < 1 || n > 1000000 || s->options.dry_run || s->options.tables)
    return;
  long part = strtol(id, NULL, 10) - (least ? strtol(least, NULL, 10) : 0);
  if (each > 1) part /= each;
  if (part < 0 || part >= n) return;
  s->options.part = (uint32_t)part;
  s->options.parts = (uint32_t)n;
  printf("part %ld of %ld, as SLURM_ARRAY_TASK_ID says\n", part + 1, n);
}

static void choose_cells(Study *s) {
  const StudyOptions *o = &s->options;
  uint32_t turn = 0;
  for (uint32_t i = 0; i < s->cells.n && !o->tables; i++) {
    Cell *c = &s->cells.at[i];
    if (!is_only(o, c->row)) continue;
    c->asked = o->parts == 0 || turn % o->parts == o->part;
    turn++;
  }
  for (uint32_t i = s->cells.n; i-- > 0;) { /* what it needs stands before */
    Cell *c = &s->cells.at[i];
    c->wanted |= c->asked;
    if (c->wanted && c->start) c->start->wanted = true;
    if (c->wanted && c->timed) c->timed->wanted = true;
  }
}

/* A folder that has been worked in is gone on with only when that is asked for.  Of several
 * processes with a part each, another one may have begun what a part of this one needs. */
static Status check_begun(const Study *s) {
  if (s->options.resume || s->options.parts) return STATUS_OK;
  for (uint32_t i = 0; i < s->cells.n; i++) {
    json_t *record = s->cells.at[i].asked ? cell_read(&s->cells.at[i]) : NULL;
    if (!record) continue;
    json_decref(record);
    return diag_error(s->diag, STATUS_INVALID, s->out,
                      "--resume goes on with it; or give another --out",
                      "the folder holds this study already (cells/%s)", s->cells.at[i].name);
  }
  return STATUS_OK;
}

static Status set_up(Study *s) {
  TRY(study_file_read(s->options.file, s->diag, &s->file));
  s->out = strdup(s->options.out ? s->options.out : s->file->name);
  if (!s->out) return diag_no_memory(s->diag, 64);
  for (size_t n = strlen(s->out); n > 1 && s->out[n - 1] == '/';) s->out[--n] = 0;
  if (!s->options.jobs) s->options.jobs = 1;
  TRY(check_only(s));
  take_slurm(s);
  TRY(cells_make(s->file, s->out, s->options.seeds ? s->options.seeds : s->file->seeds, s->diag,
                 &s->cells));
  choose_cells(s);
  if (!s->options.dry_run) TRY(check_begun(s));
  TRY(source_open(&s->source, &s->options, s->file, s->diag));
  return source_identify(&s->source, &s->cells);
}

/* ---- what was done ---- */

/* Whether a cell that was done is of what it is of now.  Without its data that cannot be told:
 * tables alone are made of it all the same, where the results may have been brought. */
static bool is_same(const Study *s, const Cell *c, const json_t *record, uint32_t *unknown) {
  char what[300];
  if (!c->identity) {
    *unknown += cell_record_is(record, "done");
    return true;
  }
  return s->options.changed == STUDY_KEEP || !cell_differs(c, record, what, sizeof what);
}

/* Cells that are not this process's count in the tables when others have done them. */
static void look_at_others(const Study *s) {
  uint32_t unknown = 0;
  for (uint32_t i = 0; i < s->cells.n; i++) {
    Cell *c = &s->cells.at[i];
    bool data = source_training(&s->source, c->training)->set != NULL;
    if (c->wanted && c->state != CELL_ELSEWHERE) continue;
    if (!c->identity && (data || !s->options.tables)) continue;
    json_t *record = cell_read(c);
    if (is_same(s, c, record, &unknown) && cell_record_is(record, "done")) c->state = CELL_DONE;
    json_decref(record);
  }
  if (unknown)
    diag_warning(s->diag, s->file->path, NULL,
                 "%u cells are taken as they are: without their data it is not known whether they "
                 "are still of the study",
                 unknown);
}

/* OUT/STUDY.END: several studies may share a folder, and with it the cells that they have in
 * common. */
static Status write_file(const Study *s, const char *end, const char *text) {
  char path[CELL_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s.%s", s->out, s->file->name, end);
  const FilePart part = {text, strlen(text)};
  int error = file_replace(path, &part, 1, false);
  return error ? diag_error(s->diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error))
               : STATUS_OK;
}

static Status write_with(const Study *s, const char *end, const Results *results,
                         void (*write)(FILE *, const Results *)) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return diag_no_memory(s->diag, 1 << 12);
  write(out, results);
  bool failed = ferror(out) != 0;
  failed |= fclose(out) != 0;
  Status status = failed ? diag_no_memory(s->diag, 1 << 12) : write_file(s, end, text);
  if (status == STATUS_OK && strcmp(end, "md") == 0) printf("\n%s\n", text);
  free(text);
  return status;
}

/* What depends on the machine stands in a file of its own. */
static Status write_times(const Study *s) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return diag_no_memory(s->diag, 1 << 12);
  fputs("row,training,seed,steps,seconds\n", out);
  for (uint32_t i = 0; i < s->cells.n; i++) {
    const Cell *c = &s->cells.at[i];
    double seconds;
    int64_t steps;
    if (c->state == CELL_DONE && work_times(c, &seconds, &steps))
      fprintf(out, "%s,%s,%u,%lld,%.1f\n", c->row->name, c->training->name, c->seed,
              (long long)steps, seconds);
  }
  Status status = fclose(out) == 0 ? write_file(s, "times.csv", text) : diag_no_memory(s->diag, 64);
  free(text);
  return status;
}

static Status write_tables(const Study *s) {
  Results results;
  TRY(results_read(s->file, &s->cells, s->diag, &results));
  Status status = write_with(s, "md", &results, table_markdown);
  if (status == STATUS_OK) status = write_with(s, "csv", &results, table_csv);
  if (status == STATUS_OK) status = write_with(s, "tex", &results, table_latex);
  char *json = status == STATUS_OK ? table_json(&results) : NULL;
  if (status == STATUS_OK)
    status = json ? write_file(s, "json", json) : diag_no_memory(s->diag, 1 << 12);
  free(json);
  if (results.n_other)
    diag_warning(
        s->diag, s->file->path, "--resume makes them again",
        "results that are of other data, domains or protocols than their tests now are left "
        "out: %u",
        results.n_other);
  results_release(&results);
  if (status == STATUS_OK) status = write_times(s);
  if (status == STATUS_OK)
    printf("%s: %s.md, .csv, .tex, .json, .times.csv\n", s->out, s->file->name);
  return status;
}

/* What went wrong with a cell, where nothing else is known to do about it with the place of the
 * rest. */
static Status report_cell(const Study *s, const Cell *c) {
  char hint[CELL_PATH_MAX + 64], log[CELL_PATH_MAX];
  bool logged = cell_path(c, "log", log) && access(log, F_OK) == 0;
  text_format(hint, sizeof hint,
              logged ? "%s has the whole; --resume tries again" : "--resume tries again", log);
  return diag_error(s->diag, c->status ? c->status : STATUS_SYSTEM, c->name,
                    c->hint ? c->hint : hint, "failed: %s",
                    c->message ? c->message : "out of memory");
}

static Status report(const Study *s) {
  uint32_t elsewhere = 0;
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < s->cells.n; i++) {
    const Cell *c = &s->cells.at[i];
    elsewhere += c->wanted && c->state == CELL_ELSEWHERE;
    if (!c->wanted || c->state != CELL_FAILED) continue;
    Status own = report_cell(s, c);
    if (status == STATUS_OK) status = own;
  }
  if (elsewhere) printf("%u cells are in work by other processes\n", elsewhere);
  return status;
}

/* What cannot be tested is said before the hours of training. */
static void warn_tests(const Study *s) {
  for (uint32_t i = 0; i < s->file->n_tests && !s->options.tables; i++) {
    const StudyData *data = source_test(&s->source, &s->file->tests[i]);
    if (!data->set)
      diag_warning(s->diag, s->file->tests[i].name,
                   data->hint ? data->hint : "with the data there --resume makes up for it",
                   "this test is left out: %s", data->message);
  }
}

static Status run(Study *s) {
  TRY(set_up(s));
  warn_tests(s);
  printf("study     %s: %u rows, %u trainings, %u seeds: %u cells; in %s\n", s->file->name,
         s->file->n_rows, s->file->n_trainings, s->cells.seeds, s->cells.n, s->out);
  fflush(stdout);
  if (s->options.dry_run) {
    TRY(forecast(&s->source, &s->cells, s->diag));
    return report(s);
  }
  TRY(folder_make(s->out, s->diag));
  if (!s->options.tables) TRY(work_run(&s->source, &s->cells, s->diag));
  look_at_others(s);
  TRY(write_tables(s));
  return report(s);
}

Status study_run(const StudyOptions *options, Diag *diag) {
  Study s = {.options = *options, .diag = diag};
  Status status = run(&s);
  source_close(&s.source);
  cells_release(&s.cells);
  study_file_destroy(s.file);
  free(s.out);
  return status;
}
