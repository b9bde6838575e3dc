/* Compares arenas with a number of bytes. */
#include "compiler/budget.h"

#include "compiler/report.h"
#include "graph/base/text.h"

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

/* `note:` lines, the largest first. */
static void put_culprits(const Plan *plan, const PlanProgram *p, char *text, size_t size,
                         Diag *diag) {
  ReportTensor *tensors;
  uint32_t n;
  if (report_peak(plan, p, diag, &tensors, &n) != STATUS_OK) return;
  size_t used = 0;
  char line[256];
  for (uint32_t i = 0; i < n && i < CULPRITS; i++) {
    report_tensor_text(p->graph, &tensors[i], line, sizeof line);
    used = text_append(text, size, used, "note: %s\n", line);
  }
  if (n > CULPRITS)
    text_append(text, size, used, "note: and %u more: graphc --explain-peak\n", n - CULPRITS);
  free(tensors);
}

static int64_t needs(const Plan *plan, const PlanProgram *p) {
  return plan->state_bytes + p->scratch_bytes;
}

/* `36.950 GB`, `0.021 MB` */
static const char *bytes_text(int64_t bytes, char text[32]) {
  bool large = bytes >= 1000000000;
  snprintf(text, 32, "%.3f %s", (double)bytes / (large ? 1e9 : 1e6), large ? "GB" : "MB");
  return text;
}

/* Of the program that needs most; how many others are too large, too. */
static Status refuse(const Plan *plan, const PlanProgram *p, uint32_t others, int64_t bytes,
                     Diag *diag) {
  char text[500], notes[2048] = "", more[64] = "", all[32], states[32], scratch[32], allowed[32];
  put_culprits(plan, p, notes, sizeof notes, diag);
  if (others)
    text_format(more, sizeof more, ", which %u other program%s, too", others,
                others == 1 ? " exceeds" : "s exceed");
  text_format(
      text, sizeof text,
      "program '%s' needs %s, states %s and scratch %s, and --memory allows %s%s; its peak is "
      "at step %u of %u:",
      plan_text(plan, p->name), bytes_text(needs(plan, p), all),
      bytes_text(plan->state_bytes, states), bytes_text(p->scratch_bytes, scratch),
      bytes_text(bytes, allowed), more, p->peak_step, p->n_steps);
  return diag_add(diag, &(DiagEntry){.code = STATUS_NO_FIT,
                                     .place = plan_text(plan, plan->model_name),
                                     .text = text,
                                     .notes = notes,
                                     .hint = "smaller batches or pictures need less; --ranks=N "
                                             "shares a batch of images among N devices"});
}

Status budget_check(const Plan *plan, int64_t bytes, Diag *diag) {
  const PlanProgram *worst = NULL;
  uint32_t n = 0;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (needs(plan, p) <= bytes) continue;
    n++;
    if (!worst || needs(plan, p) > needs(plan, worst)) worst = p;
  }
  return worst ? refuse(plan, worst, n - 1, bytes, diag) : STATUS_OK;
}
