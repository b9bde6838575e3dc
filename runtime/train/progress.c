/* How a run goes, on stderr: a line in place on a terminal, now and then in a file.  Clocks are
 * read here and in times.jsonl only. */
#include "runtime/train/progress.h"

#include "graph/base/duration.h"
#include "graph/base/terminal.h"
#include "graph/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define TERMINAL_SECONDS 0.2
#define FILE_SECONDS 5.0

double progress_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(Progress *p, int64_t end, int64_t images, bool quiet) {
  *p = (Progress){.quiet = quiet,
                  .terminal = terminal_is_live(stderr),
                  .end = end,
                  .images = images,
                  .started = progress_clock(),
                  .first = NAN,
                  .last = NAN};
  p->shown = p->started;
}

/* `512 images/s`, or steps. */
static const char *rate_text(const Progress *p, double steps_per_second, char text[64]) {
  double rate = p->images ? steps_per_second * (double)p->images : steps_per_second;
  snprintf(text, 64, "%.*f %s/s", rate < 10 ? 1 : 0, rate, p->images ? "images" : "steps");
  return text;
}

static void print_line(Progress *p, int64_t step) {
  char loss[40] = "", rate[64], left[DURATION_MAX];
  if (!isnan(p->loss_sum)) snprintf(loss, sizeof loss, "  loss %.4g", p->loss_sum / (double)p->n);
  fprintf(stderr, "%sstep %" PRId64 "/%" PRId64 "%s%s%s%s%s  %s  ETA %s%s", p->terminal ? "\r" : "",
          step + 1, p->end, loss, *p->watched ? "  " : "", p->watched, *p->score ? "  " : "",
          p->score, rate_text(p, p->pace > 0 ? 1 / p->pace : 0, rate),
          duration_text((p->pace + p->between) * (double)(p->end - step - 1), left),
          p->terminal ? "\033[K" : "\n");
  p->line_open = p->terminal;
}

/* Means over a window: single losses jump, with another held-out domain each. */
static void note_loss(Progress *p, double loss) {
  p->window[p->steps++ % PROGRESS_WINDOW] = loss;
  int64_t n = p->steps < PROGRESS_WINDOW ? p->steps : PROGRESS_WINDOW;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += p->window[i];
  p->last = sum / (double)n;
  if (p->steps <= PROGRESS_WINDOW) p->first = p->last;
}

void progress_step(Progress *p, int64_t step, double seconds, double data_seconds, double loss) {
  note_loss(p, loss);
  /* The first step is slower than all others. */
  double weight = p->steps <= 2 ? 1 : p->steps < 20 ? 1 / (double)(p->steps - 1) : 0.05;
  p->pace += weight * (seconds - p->pace);
  p->data_seconds += data_seconds;
  p->loss_sum += loss;
  p->n++;
  double now = progress_clock();
  if (p->quiet) return;
  if (now - p->shown < (p->terminal ? TERMINAL_SECONDS : FILE_SECONDS) && step + 1 < p->end) return;
  print_line(p, step);
  p->shown = now;
  p->loss_sum = 0;
  p->n = 0;
}

void progress_note(Progress *p, int64_t step, const char *text) {
  if (p->quiet) return;
  progress_clear(p);
  fprintf(stderr, "step %" PRId64 ": ", step);
  text_print(text, stderr);
  fputc('\n', stderr);
}

void progress_clear(Progress *p) {
  if (p->line_open) fputc('\n', stderr);
  p->line_open = false;
}

void progress_summary(const Progress *p, char *text, size_t size) {
  double seconds = progress_clock() - p->started;
  char took[DURATION_MAX], rate[64], loss[80] = "", data[64] = "";
  /* Windows that overlap are compared with themselves. */
  int window = p->steps < PROGRESS_WINDOW ? (int)p->steps : PROGRESS_WINDOW;
  if (!isnan(p->last) && p->steps >= 2 * PROGRESS_WINDOW)
    snprintf(loss, sizeof loss, ", loss %.4g -> %.4g (means of %d steps)", p->first, p->last,
             window);
  else if (!isnan(p->last))
    snprintf(loss, sizeof loss, ", loss %.4g (%s %d step%s)", p->last,
             p->steps > window ? "mean of the last"
             : window > 1      ? "mean of"
                               : "of",
             window, window > 1 ? "s" : "");
  if (p->images && seconds > 0)
    snprintf(data, sizeof data, " (%.1f %% waiting for data)", 100 * p->data_seconds / seconds);
  snprintf(text, size, ": %" PRId64 " steps in %s, %s%s%s", p->steps, duration_text(seconds, took),
           rate_text(p, seconds > 0 ? (double)p->steps / seconds : 0, rate), data, loss);
}
