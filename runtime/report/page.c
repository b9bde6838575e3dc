/* The page of a run: how it goes, evaluations, curves, configuration, diagram. */
#include "runtime/report/page.h"

#include "graph/base/duration.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/report/chart.h"
#include "runtime/report/markup.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURVES_MAX CHART_COLORS /* of a figure */
#define ROWS_MAX 60             /* of the table of evaluations */

/* ---- evaluations ---- */

const char *page_score_figure(const char *key) {
  return strrchr(key, '/') + 1;
}

void page_score_domain(const char *key, char *text, size_t size) {
  const char *name = strchr(key, '/') + 1, *end = strrchr(key, '/');
  text_format(text, size, "%.*s", end > name ? (int)(end - name) : 0, name);
}

/* The mean of one domain is that domain. */
static bool score_is_shown(const Record *r, const char *key) {
  char domain[120];
  page_score_domain(key, domain, sizeof domain);
  return *domain || r->n_score_keys > 4;
}

static double score_at(const Record *r, int64_t steps, uint32_t key) {
  for (uint32_t i = 0; i < r->n_scores; i++)
    if (r->scores[i].steps == steps && r->scores[i].key == key) return r->scores[i].value;
  return NAN;
}

/* The steps that have scores, each once; how many there are. */
static uint32_t score_rows(const Record *r, int64_t *steps) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->n_scores; i++)
    if (n == 0 || steps[n - 1] != r->scores[i].steps) steps[n++] = r->scores[i].steps;
  return n;
}

static void put_score_head(FILE *out, const Record *r) {
  fputs("<tr><th class=\"n\">after step</th>", out);
  for (uint32_t k = 0; k < r->n_score_keys; k++) {
    char domain[120];
    if (!score_is_shown(r, r->score_keys[k])) continue;
    page_score_domain(r->score_keys[k], domain, sizeof domain);
    fputs("<th class=\"n\">", out);
    markup_text(out, *domain ? domain : "mean");
    fputs("<br/>", out);
    markup_short(out, page_score_figure(r->score_keys[k]), 40);
    fputs("</th>", out);
  }
  fputs("</tr>\n", out);
}

static void put_score_row(FILE *out, const Record *r, int64_t steps) {
  fprintf(out, "<tr><td class=\"n\">%" PRId64 "</td>", steps);
  for (uint32_t k = 0; k < r->n_score_keys; k++) {
    double value = score_at(r, steps, k);
    if (!score_is_shown(r, r->score_keys[k])) continue;
    if (isnan(value))
      fputs("<td class=\"n\">\xe2\x80\x93</td>", out);
    else
      fprintf(out, "<td class=\"n\">%.2f %%</td>", 100 * value);
  }
  fputs("</tr>\n", out);
}

static void put_scores(FILE *out, const Record *r) {
  if (!r->n_scores) return;
  int64_t *steps = calloc(r->n_scores, sizeof *steps);
  if (!steps) return;
  uint32_t n = score_rows(r, steps), each = (n + ROWS_MAX - 1) / ROWS_MAX;
  fputs("<h2 id=\"evaluations\">Evaluations</h2>\n<div class=\"scroll\"><table>\n", out);
  put_score_head(out, r);
  for (uint32_t i = 0; i < n; i++)
    if ((n - 1 - i) % each == 0) put_score_row(out, r, steps[i]);
  fputs("</table></div>\n", out);
  if (each > 1)
    fprintf(out, "<p class=\"soft\">One of %u of %u evaluations; metrics.jsonl has all.</p>\n",
            each, n);
  free(steps);
}

/* ---- curves ---- */

#define SIZES_ALIKE 20 /* the largest values of curves in one figure, over each other */

/* Up to the last slash: what stands together. */
static size_t group_length(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash ? (size_t)(slash - name) : 0;
}

typedef enum Kind { OUTPUTS, SCHEDULES, SCORES, HIDDEN } Kind;

static Kind kind_of(const Record *r, const char *name) {
  if (strncmp(name, "eval/", 5) == 0) return score_is_shown(r, name) ? SCORES : HIDDEN;
  return record_is_schedule(r, name) ? SCHEDULES : OUTPUTS;
}

static bool same_group(const char *a, const char *b, Kind kind) {
  if (kind == SCHEDULES) return true;
  if (kind == SCORES) return strcmp(page_score_figure(a), page_score_figure(b)) == 0;
  size_t n = group_length(a);
  return group_length(b) == n && strncmp(a, b, n) == 0;
}

static double largest_of(const Series *s) {
  return s->n ? fmax(fabs(s->low), fabs(s->high)) : 0;
}

/* Beside a loss of 130 one of 0.5 is a line at the bottom: it has a figure of its own. */
static bool same_size(const Series *a, const Series *b) {
  double x = largest_of(a), y = largest_of(b);
  return !(x > 0 && y > 0) || fmax(x, y) / fmin(x, y) <= SIZES_ALIKE;
}

static void put_group(FILE *out, Kind kind, const Curve *curves, uint32_t n, int64_t steps) {
  char title[200] = "learning rates and other schedules";
  const char *name = curves[0].series->name;
  size_t length = group_length(name);
  if (kind == SCORES)
    text_format(title, sizeof title, "%s", page_score_figure(name));
  else if (kind == OUTPUTS && length)
    text_format(title, sizeof title, "%.*s", (int)(length < 150 ? length : 150), name);
  else if (kind == OUTPUTS)
    text_format(title, sizeof title, "outputs");
  chart_put(out, &(Chart){.title = title,
                          .unit = kind == SCORES ? " %" : NULL,
                          .curves = curves,
                          .n = n,
                          .scale = kind == SCORES ? 100 : 1,
                          .steps = steps});
}

/* All series of a kind, those of a group in one figure. */
static void put_kind(FILE *out, const Record *r, Kind kind, int64_t steps) {
  bool done[RECORD_SERIES_MAX] = {false};
  char domains[CURVES_MAX][64];
  for (uint32_t i = 0; i < r->n_metrics; i++) {
    const char *name = r->metrics[i]->name;
    Curve curves[CURVES_MAX];
    uint32_t n = 0;
    if (done[i] || kind_of(r, name) != kind) continue;
    for (uint32_t k = i; k < r->n_metrics && n < CURVES_MAX; k++) {
      const char *other = r->metrics[k]->name;
      if (done[k] || kind_of(r, other) != kind || !same_group(name, other, kind)) continue;
      if (kind == OUTPUTS && !same_size(r->metrics[i], r->metrics[k])) continue;
      size_t skip = kind == OUTPUTS ? group_length(other) : 0;
      const char *shown = other + skip + (skip ? 1 : 0);
      if (kind == SCORES) {
        page_score_domain(other, domains[n], sizeof *domains);
        shown = *domains[n] ? domains[n] : "mean";
      }
      curves[n++] = (Curve){shown, r->metrics[k]};
      done[k] = true;
    }
    put_group(out, kind, curves, n, steps);
  }
}

static void put_times(FILE *out, const Record *r, int64_t steps) {
  const char *images = record_fact(r, "images a step");
  double each = images ? strtod(images, NULL) : 0;
  const Series *seconds = record_time(r, "seconds"), *memory = record_time(r, "memory_bytes");
  const Series *data = record_time(r, "data_seconds");
  if (seconds)
    chart_put(out, &(Chart){.title = each > 0 ? "images/s" : "steps/s",
                            .curves = (Curve[]){{each > 0 ? "images/s" : "steps/s", seconds}},
                            .n = 1,
                            .scale = each > 0 ? each : 1,
                            .inverse = true,
                            .steps = steps});
  if (seconds)
    chart_put(out, &(Chart){.title = "milliseconds of a step",
                            .unit = " ms",
                            .curves = (Curve[]){{"step", seconds}, {"waiting for data", data}},
                            .n = data && each > 0 ? 2 : 1,
                            .scale = 1e3,
                            .steps = steps});
  if (memory)
    chart_put(out, &(Chart){.title = "memory of the process",
                            .unit = " MB",
                            .curves = (Curve[]){{"resident", memory}},
                            .n = 1,
                            .scale = 1e-6,
                            .steps = steps});
}

static void put_curves(FILE *out, const Record *r) {
  if (r->n_scores) {
    fputs("<div class=\"grid\">\n", out);
    put_kind(out, r, SCORES, r->steps);
    fputs("</div>\n", out);
  }
  fputs(
      "<h2 id=\"curves\">Curves</h2>\n<p class=\"soft\">Over the steps. A line is the mean of the "
      "steps that a point stands for, the area around it goes from the least to the greatest of "
      "them.</p>\n<div class=\"grid\">\n",
      out);
  put_kind(out, r, OUTPUTS, r->steps);
  put_kind(out, r, SCHEDULES, r->steps);
  put_times(out, r, r->steps);
  fputs("</div>\n", out);
  if (r->n_left_out)
    fprintf(out, "<p class=\"soft\">Further values than %d are in metrics.jsonl only.</p>\n",
            RECORD_SERIES_MAX);
}

/* The same as numbers: for who does not see curves. */
static void put_numbers(FILE *out, const Record *r) {
  char text[4][32];
  fputs(
      "<details><summary>The same as numbers</summary><div class=\"scroll\"><table>\n<tr><th>value"
      "</th><th class=\"n\">latest</th><th class=\"n\">mean of the last 20</th><th "
      "class=\"n\">least</th><th class=\"n\">greatest</th>"
      "<th class=\"n\">steps</th><th class=\"n\">not finite</th></tr>\n",
      out);
  for (uint32_t i = 0; i < r->n_metrics; i++) {
    const Series *s = r->metrics[i];
    fputs("<tr><td>", out);
    markup_short(out, s->name, 200);
    fprintf(out,
            "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
            "<td class=\"n\">%s</td>"
            "<td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64 "</td></tr>\n",
            chart_number(s->last_value, text[0]),
            s->n ? chart_number(series_recent(s), text[3]) : "",
            s->n ? chart_number(s->low, text[1]) : "", s->n ? chart_number(s->high, text[2]) : "",
            s->n + s->bad, s->bad);
  }
  fputs("</table></div></details>\n", out);
}

/* ---- the rest ---- */

static void put_title(FILE *out, const Record *r, const PageState *state) {
  char took[DURATION_MAX];
  const char *model = record_fact(r, "model");
  fputs("<h1>", out);
  markup_short(out, model ? model : "run", 120);
  fputs("</h1>\n<p class=\"soft\">", out);
  markup_text(out, r->folder);
  fputs("</p>\n", out);
  fprintf(out, "<p><span class=\"status%s\">",
          state->failed                                             ? " bad"
          : state->status && strcmp(state->status, "complete") == 0 ? " good"
                                                                    : "");
  markup_text(out, state->status ? state->status : "run");
  fprintf(out, "</span>: %" PRId64 " of %" PRId64 " steps", r->steps, state->end);
  if (r->seconds > 0) fprintf(out, " in %s", duration_text(r->seconds, took));
  fprintf(out, "</p>\n<progress max=\"%" PRId64 "\" value=\"%" PRId64 "\"></progress>\n",
          state->end, r->steps);
  if (state->message) {
    fputs("<pre class=\"bad\">", out);
    markup_short(out, state->message, 8000);
    fputs("</pre>\n", out);
  }
  if (state->weights) {
    fputs("<p>weights: ", out);
    markup_text(out, state->weights);
    fputs("</p>\n", out);
  }
  if (r->damaged)
    fprintf(out, "<p class=\"bad\">%" PRId64 " line%s damaged: %s%s.</p>\n", r->damaged,
            r->damaged == 1 ? " of the files is" : "s of the files are", r->damage,
            r->damaged == 1 ? "" : ", and further ones");
}

static void put_texts(FILE *out, const RecordText *list, uint32_t n, bool code) {
  fputs("<div class=\"scroll\"><table>\n", out);
  for (uint32_t i = 0; i < n; i++) {
    fputs("<tr><td>", out);
    markup_short(out, list[i].key, 200);
    fputs(code ? "</td><td class=\"wide\"><code>" : "</td><td class=\"wide\">", out);
    markup_short(out, list[i].value, 4000);
    fputs(code ? "</code></td></tr>\n" : "</td></tr>\n", out);
  }
  fputs("</table></div>\n", out);
}

static void put_configuration(FILE *out, const Record *r) {
  fputs("<h2 id=\"configuration\">Configuration</h2>\n", out);
  put_texts(out, r->facts, r->n_facts, true);
  if (r->n_params) {
    fprintf(out,
            "<details><summary>All %u parameters of the model (<code>graphc -D "
            "@config.defs</code> sets them)</summary>\n",
            r->n_params);
    put_texts(out, r->params, r->n_params, true);
    fputs("</details>\n", out);
  }
}

static void put_diagram(FILE *out, const char *id, const char *title, const char *svg) {
  if (!svg) return;
  fprintf(out, "<h2 id=\"%s\">%s</h2>\n<div class=\"diagram\">\n%s</div>\n", id, title, svg);
}

static void put_page(FILE *out, const Record *r, const PageState *state) {
  const char *model = record_fact(r, "model");
  char title[300];
  text_format(title, sizeof title, "%s: %s", model ? model : "run", r->folder);
  markup_head(out, title);
  put_title(out, r, state);
  put_scores(out, r);
  put_curves(out, r);
  put_numbers(out, r);
  put_configuration(out, r);
  put_diagram(out, "diagram", "The network", state->network);
  put_diagram(out, "step", "A step of training", state->step);
  fputs("</body></html>\n", out);
}

Status page_replace(const char *path, FILE *stream, char **text, size_t *size, Diag *diag) {
  bool ok = !ferror(stream);
  if (fclose(stream) != 0 || !ok) {
    free(*text);
    return diag_no_memory(diag, 1 << 16);
  }
  const FilePart part = {*text, *size};
  int code = file_replace(path, &part, 1, false);
  free(*text);
  return code ? diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(code))
              : STATUS_OK;
}

Status page_write(const Record *r, const PageState *state, Diag *diag) {
  char path[PATH_MAX], *text = NULL;
  size_t size = 0;
  if (snprintf(path, sizeof path, "%s/report.html", r->folder) >= (int)sizeof path)
    return diag_error(diag, STATUS_SYSTEM, r->folder, NULL, "the path is too long");
  FILE *out = open_memstream(&text, &size);
  if (!out) return diag_no_memory(diag, 1 << 16);
  put_page(out, r, state);
  return page_replace(path, out, &text, &size, diag);
}
