/* A comparison as a page: what differs, evaluations, values, and each curve over those of the other
 * runs. */
#include "runtime/report/chart.h"
#include "runtime/report/compare_parts.h"
#include "runtime/report/markup.h"
#include "runtime/report/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_head(FILE *out, const Comparison *c, const char *first) {
  fprintf(out, "<div class=\"scroll\"><table>\n<tr><th>%s</th>", first);
  for (uint32_t r = 0; r < c->n; r++) {
    fputs("<th class=\"n\">", out);
    markup_short(out, c->labels[r], 60);
    fputs("</th>", out);
  }
  fputs("</tr>\n", out);
}

static void put_name(FILE *out, const char *name) {
  fputs("<tr><td>", out);
  markup_short(out, name, 200);
  fputs("</td>", out);
}

/* Those that differ, or those that do not. */
static uint32_t put_texts(FILE *out, const Comparison *c, NameKind kind, bool differ) {
  NameList names;
  uint32_t n = 0;
  if (!compare_names(c, kind, &names)) return 0;
  for (uint32_t i = 0; i < names.n; i++) {
    if (compare_differs(c, kind, names.at[i]) != differ) continue;
    n++;
    put_name(out, names.at[i]);
    for (uint32_t r = 0; r < (differ ? c->n : 1); r++) {
      const char *text = compare_text(c->records[r], kind, names.at[i]);
      fputs("<td class=\"n\"><code>", out);
      markup_short(out, text ? text : "-", 400);
      fputs("</code></td>", out);
    }
    fputs("</tr>\n", out);
  }
  free(names.at);
  return n;
}

static void put_configuration(FILE *out, const Comparison *c) {
  fputs("<h2>Configuration: what differs</h2>\n", out);
  put_head(out, c, "");
  fputs("<tr><td>steps done</td>", out);
  for (uint32_t r = 0; r < c->n; r++)
    fprintf(out, "<td class=\"n\">%" PRId64 "</td>", c->records[r]->steps);
  fputs("</tr>\n", out);
  put_texts(out, c, NAMES_FACTS, true);
  put_texts(out, c, NAMES_PARAMS, true);
  fputs(
      "</table></div>\n<details><summary>What all have alike</summary><div class=\"scroll\"><table>"
      "\n",
      out);
  put_texts(out, c, NAMES_FACTS, false);
  put_texts(out, c, NAMES_PARAMS, false);
  fputs("</table></div></details>\n", out);
}

static void put_scores(FILE *out, const Comparison *c) {
  NameList names;
  char label[200];
  if (!compare_names(c, NAMES_SCORES, &names) || !names.n) {
    free(names.at);
    return;
  }
  fputs("<h2>Evaluations</h2>\n<p class=\"soft\">The latest; in brackets the highest, and after "
        "which step it was.</p>\n",
        out);
  put_head(out, c, "");
  for (uint32_t i = 0; i < names.n; i++) {
    compare_score_label(names.at[i], label, sizeof label);
    put_name(out, label);
    for (uint32_t r = 0; r < c->n; r++) {
      RecordScore latest, best;
      if (!record_score(c->records[r], names.at[i], &latest, &best))
        fputs("<td class=\"n\">-</td>", out);
      else if (isnan(latest.value))
        fputs("<td class=\"n\">not finite</td>", out);
      else
        fprintf(out, "<td class=\"n\">%.2f %% <span class=\"soft\">(%.2f, %" PRId64 ")</span></td>",
                100 * latest.value, 100 * best.value, best.steps);
    }
    fputs("</tr>\n", out);
  }
  fputs("</table></div>\n", out);
  free(names.at);
}

static void put_values(FILE *out, const Comparison *c, const NameList *names) {
  char text[32];
  fprintf(out, "<h2>Values</h2>\n<p class=\"soft\">Means of the last %d steps.</p>\n",
          SERIES_RECENT);
  put_head(out, c, "");
  for (uint32_t i = 0; i < names->n; i++) {
    put_name(out, names->at[i]);
    for (uint32_t r = 0; r < c->n; r++) {
      const Series *s = record_metric(c->records[r], names->at[i]);
      fprintf(out, "<td class=\"n\">%s</td>", s ? chart_number(series_recent(s), text) : "-");
    }
    fputs("</tr>\n", out);
  }
  fputs("<tr><td>images/s (or steps/s)</td>", out);
  for (uint32_t r = 0; r < c->n; r++) {
    double speed = compare_speed(c->records[r]);
    fprintf(out, "<td class=\"n\">%s</td>", isnan(speed) ? "-" : chart_number(speed, text));
  }
  fputs("</tr>\n</table></div>\n", out);
}

static void put_curve(FILE *out, const Comparison *c, const char *name, bool score) {
  Curve *curves = calloc(c->n, sizeof *curves);
  char label[200] = "";
  if (score) compare_score_label(name, label, sizeof label);
  int64_t steps = 0;
  if (!curves) return;
  for (uint32_t r = 0; r < c->n; r++) {
    curves[r] = (Curve){c->labels[r], record_metric(c->records[r], name)};
    if (c->records[r]->steps > steps) steps = c->records[r]->steps;
  }
  chart_put(out, &(Chart){.title = score ? label : name,
                          .unit = score ? " %" : NULL,
                          .curves = curves,
                          .n = c->n,
                          .scale = score ? 100 : 1,
                          .steps = steps});
  free(curves);
}

void compare_put_page(FILE *out, const Comparison *c) {
  NameList metrics = {0}, scores = {0};
  markup_head(out, "runs side by side");
  fputs("<h1>Runs side by side</h1>\n<p class=\"soft\">", out);
  for (uint32_t r = 0; r < c->n; r++) {
    if (r) fputs(", ", out);
    markup_text(out, c->records[r]->folder);
  }
  fputs("</p>\n", out);
  put_configuration(out, c);
  put_scores(out, c);
  if (compare_names(c, NAMES_METRICS, &metrics) && compare_names(c, NAMES_SCORES, &scores)) {
    put_values(out, c, &metrics);
    fputs("<h2>Curves</h2>\n<div class=\"grid\">\n", out);
    for (uint32_t i = 0; i < scores.n; i++) put_curve(out, c, scores.at[i], true);
    for (uint32_t i = 0; i < metrics.n; i++) put_curve(out, c, metrics.at[i], false);
    fputs("</div>\n", out);
  }
  free(metrics.at);
  free(scores.at);
  fputs("</body></html>\n", out);
}
