/* Compares arenas with a number of bytes. */
#include "compiler/budget.h"

#include "compiler/report.h"
#include "graph/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CULPRITS 5

bool budget_parse(const char *text, int64_t *out) {
  static const char units[] = "KMGT";
  char *end;
  double value = strtod(text, &end);
  const char *unit = *end ? strchr(units, *end) : NULL;
  if (end == text || strspn(text, "0123456789.") != (size_t)(end - text)) return false;
  if (unit) {
    bool binary = end[1] == 'i';
    for (const char *at = units; at <= unit; at++) value *= binary ? 1024 : 1000;
    end += 1 + binary;
  }
  *out = value >= 1 && value <= (double)PLAN_ARENA_MAX ? (int64_t)value : 0;
  return !*end && *out > 0;
}

bool budget_suggest(const char *text, char *out, size_t size) {
  size_t n = 0;
  int64_t bytes;
  for (; *text && n + 1 < size; text++)
    if (*text != ' ') out[n++] = (char)toupper((unsigned char)*text);
  if (n > 1 && out[n - 1] == 'B') n--; /* bytes are what is counted */
  if (n > 1 && out[n - 1] == 'I') out[n - 1] = 'i';
  out[n] = '\0';
  return !*text && budget_parse(out, &bytes);
}

/* `note:` lines, the largest first. */
static void put_culprits(const PlanProgram *p, const ReportPeak *peak, char *text, size_t size) {
  size_t used = 0;
  char line[256];
  for (uint32_t i = 0; i < peak->n && i < CULPRITS; i++) {
    report_tensor_text(p->graph, &peak->tensors[i], line, sizeof line);
    used = text_append(text, size, used, "note: %s\n", line);
  }
  if (peak->n > CULPRITS) text_append(text, size, used, "note: and %u more\n", peak->n - CULPRITS);
}

static int64_t needs(const Plan *plan, const PlanProgram *p) {
  return plan->state_bytes + p->scratch_bytes;
}

/* `36.950 GB`, `0.021 MB`, `40 bytes` */
static const char *bytes_text(int64_t bytes, char text[32]) {
  bool large = bytes >= 1000000000;
  if (bytes < 10000)
    snprintf(text, 32, "%lld byte%s", (long long)bytes, bytes == 1 ? "" : "s");
  else
    snprintf(text, 32, "%.3f %s", (double)bytes / (large ? 1e9 : 1e6), large ? "GB" : "MB");
  return text;
}

/* Memory is spoken of in GB: `--memory=40` is a unit that was forgotten, not 40 bytes. */
static void put_hint(const char *option, int64_t bytes, char *text, size_t size) {
  bool bare = option[strspn(option, "0123456789.")] == '\0';
  if (bare && bytes < 10000)
    text_format(text, size, "did you mean --memory=%sG? A number without K, M, G or T is of bytes",
                option);
  else
    text_format(text, size,
                "smaller batches or pictures need less; --ranks=N shares a batch of images among N "
                "devices; graphc --explain-peak without --memory lists all that is there");
}

/* Of the program that needs most; how many others are too large, too. */
static Status refuse(const Plan *plan, const PlanProgram *p, uint32_t others, const char *option,
                     int64_t bytes, Diag *diag) {
  char text[500], notes[2048] = "", more[64] = "", hint[300];
  char all[32], states[32], scratch[32], allowed[32], where[48];
  ReportPeak peak;
  TRY(report_peak(plan, p, diag, &peak));
  put_culprits(p, &peak, notes, sizeof notes);
  put_hint(option, bytes, hint, sizeof hint);
  if (others)
    text_format(more, sizeof more, ", which %u other program%s, too", others,
                others == 1 ? " exceeds" : "s exceed");
  text_format(
      text, sizeof text,
      "program '%s' needs %s, states %s and scratch %s, and --memory allows %s%s; its peak: "
      "%s",
      plan_text(plan, p->name), bytes_text(needs(plan, p), all),
      bytes_text(plan->state_bytes, states), bytes_text(p->scratch_bytes, scratch),
      bytes_text(bytes, allowed), more, report_peak_text(p, peak.step, where));
  report_peak_free(&peak);
  return diag_add(diag, &(DiagEntry){.code = STATUS_NO_FIT,
                                     .place = plan_text(plan, plan->model_name),
                                     .text = text,
                                     .notes = notes,
                                     .hint = hint});
}

Status budget_check(const Plan *plan, const char *option, int64_t bytes, Diag *diag) {
  const PlanProgram *worst = NULL;
  uint32_t n = 0;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (needs(plan, p) <= bytes) continue;
    n++;
    if (!worst || needs(plan, p) > needs(plan, worst)) worst = p;
  }
  return worst ? refuse(plan, worst, n - 1, option, bytes, diag) : STATUS_OK;
}
