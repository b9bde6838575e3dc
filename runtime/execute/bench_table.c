/* Where the time of a step goes. */
#include "ops/ops.h"
#include "ops/work.h"
#include "runtime/execute/bench_parts.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_SHOWN 28

typedef struct Row {
  char name[64];
  uint8_t role;
  uint32_t kernels;
  int64_t ns, macs, bytes;
} Row;

typedef struct Table {
  Row *rows;
  uint32_t n;
} Table;

/* ---- rows ---- */

static bool has_sum(const PlanProgram *p, const PlanStep *step) {
  for (uint32_t k = 0; k < step->count; k++) {
    uint16_t op = p->graph->nodes[p->step_nodes[step->first + k]].op;
    if (op == OP_REDUCE_SUM || op == OP_VARIANCE) return true;
  }
  return false;
}

static void row_name(const PlanProgram *p, uint32_t s, const StepTime *time, char *name,
                     size_t size) {
  if (strncmp(time->implementation, "fused", 5) == 0)
    snprintf(name, size, has_sum(p, &p->steps[s]) ? "fused, with sums" : "fused");
  else
    snprintf(name, size, "%s: %s", op_desc(p->graph->nodes[time->node].op)->name,
             time->implementation);
}

static Row *row_find(Table *t, const char *name, uint8_t role) {
  for (uint32_t i = 0; i < t->n; i++)
    if (t->rows[i].role == role && strcmp(t->rows[i].name, name) == 0) return &t->rows[i];
  Row *row = &t->rows[t->n++];
  *row = (Row){.role = role};
  snprintf(row->name, sizeof row->name, "%s", name);
  return row;
}

/* `bytes`: by node, of work_bytes. */
static void row_add(Row *row, const PlanProgram *p, uint32_t s, const StepTime *time,
                    const int64_t *bytes) {
  const PlanStep *step = &p->steps[s];
  row->kernels++;
  row->ns += time->ns;
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = p->step_nodes[step->first + k];
    row->bytes += bytes[id];
    row->macs += node_macs(p->graph, id);
  }
}

static int by_time(const void *a, const void *b) {
  const Row *x = a, *y = b;
  return x->ns > y->ns ? -1 : x->ns < y->ns;
}

static void put_row(const Row *row, const char *role, int64_t total, int64_t steps,
                    const DeviceLimits *limits, FILE *out) {
  double seconds = (double)row->ns * 1e-9 / (double)steps;
  double macs = seconds > 0 ? (double)row->macs / seconds : 0;
  double bytes = seconds > 0 ? (double)row->bytes / seconds : 0;
  fprintf(out, "%-36s %-8s %7u %10.2f %6.1f%%", row->name, role, row->kernels, seconds * 1e3,
          100 * (double)row->ns / (double)(total ? total : 1));
  if (row->macs)
    fprintf(out, " %9.1f %5.0f%%", macs * 1e-9, 100 * macs / limits->macs);
  else
    fprintf(out, " %9s %6s", "", "");
  fprintf(out, " %9.1f %5.0f%%\n", bytes * 1e-9, 100 * bytes / limits->triad);
}

static void put_rows(Table *t, int64_t steps, const DeviceLimits *limits, FILE *out) {
  int64_t total = 0;
  Row rest = {.name = "(others)"};
  for (uint32_t i = 0; i < t->n; i++) total += t->rows[i].ns;
  qsort(t->rows, t->n, sizeof *t->rows, by_time);
  for (uint32_t i = 0; i < t->n; i++) {
    const Row *row = &t->rows[i];
    if (i < ROWS_SHOWN) {
      put_row(row, role_name((Role)row->role), total, steps, limits, out);
      continue;
    }
    rest.kernels += row->kernels;
    rest.ns += row->ns;
    rest.macs += row->macs;
    rest.bytes += row->bytes;
  }
  if (rest.kernels) put_row(&rest, "", total, steps, limits, out);
}

Status bench_table(const Plan *plan, const PlanProgram *p, const StepTime *times, int64_t steps,
                   const DeviceLimits *limits, FILE *out, Diag *diag) {
  Table t = {calloc(p->n_steps + 1u, sizeof *t.rows), 0}, roles = {calloc(8, sizeof(Row)), 0};
  int64_t *bytes = calloc(p->graph->n_nodes, sizeof *bytes);
  Status status = t.rows && roles.rows && bytes ? work_bytes(plan, p, diag, bytes)
                                                : diag_no_memory(diag, p->n_steps * sizeof(Row));
  for (uint32_t s = 0; s < p->n_steps && status == STATUS_OK; s++) {
    char name[64];
    uint8_t role = p->graph->nodes[times[s].node].stamp.role;
    row_name(p, s, &times[s], name, sizeof name);
    row_add(row_find(&t, name, role), p, s, &times[s], bytes);
    row_add(row_find(&roles, "all kernels", role), p, s, &times[s], bytes);
  }
  if (status == STATUS_OK) {
    fprintf(out, "%-36s %-8s %7s %10s %7s %9s %6s %9s %6s\n", "kernel", "role", "number", "ms/step",
            "share", "GMAC/s", "limit", "GB/s", "triad");
    put_rows(&t, steps, limits, out);
    put_rows(&roles, steps, limits, out);
  }
  free(bytes);
  free(t.rows);
  free(roles.rows);
  return status;
}
