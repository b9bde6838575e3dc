/* Keeps a run's page current.  It reads the lines that the journal has written, as any other reader
 * would: training and its bits know nothing of it. */
#include "runtime/train/live.h"

#include "runtime/report/events.h"
#include "runtime/train/diagram.h"
#include "runtime/train/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DRAW_SECONDS 5.0 /* that the last page waits for a picture */
#define LEAST_SECONDS 10.0
#define LEAST_SHARE 100.0 /* of the time that writing takes */

struct Live {
  LiveOptions options;
  Record *record;
  Diagram *network, *step; /* NULL: none */
  Events *events;          /* NULL: none */
  Status logged;           /* of the events */
  double wall;             /* the clock on the wall when the run had taken 0 seconds */
  double due;              /* progress_clock() of the next page */
  bool failed;             /* it was warned of */
  Diag *diag;              /* during an update */
};

static double wall_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line of metrics or times as an event. Lines before this process began are in its files. */
static void take_line(void *context, int64_t step, double seconds, const json_t *line, bool times) {
  Live *live = context;
  const char *key;
  json_t *value;
  char tag[600];
  if (!live->events || step < live->options.step || live->logged != STATUS_OK) return;
  events_begin(live->events, step, isnan(seconds) ? wall_clock() : live->wall + seconds);
  json_object_foreach((json_t *)(uintptr_t)line, key, value) {
    if (!json_is_number(value) || strcmp(key, "step") == 0) continue;
    snprintf(tag, sizeof tag, "%s%s", times ? "time/" : "", key);
    events_value(live->events, tag, json_number_value(value));
  }
  live->logged = events_end(live->events, live->diag);
}

/* A page that cannot be written is no reason to end a run; that it cannot is said once. */
static void give_up(Live *live, Diag *own, Diag *diag) {
  const DiagEntry *entry = diag_entry(own, 0);
  live->failed = true;
  if (entry)
    diag_warning(diag, entry->place, "the run goes on, without a page of it", "%s", entry->text);
}

static void update(Live *live, const PageState *state, Diag *diag) {
  Diag *own = diag_create();
  if (live->failed || !own) {
    diag_destroy(own);
    return;
  }
  double begin = progress_clock();
  live->diag = own;
  Status status = record_update(live->record, take_line, live, own);
  if (status == STATUS_OK) status = live->logged;
  if (status == STATUS_OK && live->events) status = events_flush(live->events, own);
  if (status == STATUS_OK) status = page_write(live->record, state, own);
  if (status != STATUS_OK) give_up(live, own, diag);
  double now = progress_clock(), wait = LEAST_SHARE * (now - begin);
  live->due = now + (wait > LEAST_SECONDS ? wait : LEAST_SECONDS);
  live->diag = NULL;
  diag_destroy(own);
}

static PageState running(const Live *live) {
  return (PageState){.status = "running",
                     .end = live->options.end,
                     .network = diagram_text(live->network, 0),
                     .step = diagram_text(live->step, 0)};
}

Status live_open(const LiveOptions *options, Diag *diag, Live **out) {
  *out = NULL;
  Live *live = calloc(1, sizeof *live);
  if (!live) return diag_no_memory(diag, sizeof *live);
  live->options = *options;
  Status status = record_open(options->folder, diag, &live->record);
  /* Seconds before this process are of earlier ones: their events have times of their own. */
  if (status == STATUS_OK && options->tensorboard)
    status = events_open(options->folder, options->step, wall_clock(), diag, &live->events);
  if (status != STATUS_OK) {
    live_close(live);
    return status;
  }
  live->network = diagram_start(options->plan, "network", options->folder, "model.svg");
  live->step = diagram_start(options->plan, "step", options->folder, "step.svg");
  PageState state = running(live);
  update(live, &state, diag);
  live->wall = wall_clock() - live->record->seconds;
  *out = live;
  return STATUS_OK;
}

void live_step(Live *live, double now, Diag *diag) {
  if (!live || now < live->due) return;
  PageState state = running(live);
  update(live, &state, diag);
}

void live_end(Live *live, const PageState *state, Diag *diag) {
  if (!live) return;
  PageState last = *state;
  last.network = diagram_text(live->network, DRAW_SECONDS);
  last.step = diagram_text(live->step, DRAW_SECONDS);
  last.end = live->options.end;
  update(live, &last, diag);
}

void live_close(Live *live) {
  if (!live) return;
  diagram_end(live->network);
  diagram_end(live->step);
  events_close(live->events);
  record_close(live->record);
  free(live);
}
