/* Compares arenas with a number of bytes. */
#include "compiler/budget.h"

#include "compiler/report.h"
#include "graph/base/text.h"

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
    text_append(text, size, used, "note: and %u more: graphc --report\n", n - CULPRITS);
  free(tensors);
}

static int64_t needs(const Plan *plan, const PlanProgram *p) {
  return plan->state_bytes + p->scratch_bytes;
}

/* Of the program that needs most; how many others are too large, too. */
static Status refuse(const Plan *plan, const PlanProgram *p, uint32_t others, int64_t bytes,
                     Diag *diag) {
  char text[400], notes[2048] = "", more[64] = "";
  put_culprits(plan, p, notes, sizeof notes, diag);
  if (others) text_format(more, sizeof more, " (%u other programs need more, too)", others);
  text_format(
      text, sizeof text,
      "program '%s' needs %.3f GB, states %.3f and scratch %.3f; %.3f GB are allowed%s; its "
      "peak is at step %u of %u:",
      plan_text(plan, p->name), (double)needs(plan, p) / 1e9, (double)plan->state_bytes / 1e9,
      (double)p->scratch_bytes / 1e9, (double)bytes / 1e9, more, p->peak_step, p->n_steps);
  return diag_add(diag, &(DiagEntry){.code = STATUS_NO_FIT,
                                     .place = plan_text(plan, plan->model_name),
                                     .text = text,
                                     .notes = notes,
                                     .hint = "smaller batches or pictures need less; --ranks=N "
                                             "shares a batch among N devices"});
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
