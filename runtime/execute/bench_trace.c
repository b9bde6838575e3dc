/* One step as trace events. */
#include "ops/ops.h"
#include "runtime/execute/bench_parts.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Event {
  uint32_t step, phase, task;
  long thread;
  int64_t begin, end; /* ns */
} Event;

typedef struct Trace {
  Event *events;
  uint32_t room;
  atomic_uint n;
} Trace;

static void observe(void *context, uint32_t step, uint32_t phase, uint32_t task, int64_t begin,
                    int64_t end) {
  Trace *t = context;
  uint32_t i = atomic_fetch_add(&t->n, 1);
  if (i < t->room) t->events[i] = (Event){step, phase, task, syscall(SYS_gettid), begin, end};
}

static json_t *event_json(const PlanProgram *p, const StepTime *times, const Event *e,
                          int64_t start) {
  const Graph *g = p->graph;
  const Node *node = &g->nodes[times[e->step].node];
  return json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:I, s:{s:s, s:i, s:i, s:i, s:i, s:I}}", "name",
                   op_desc(node->op)->name, "cat", role_name((Role)node->stamp.role), "ph", "X",
                   "ts", (double)(e->begin - start) * 1e-3, "dur",
                   (double)(e->end - e->begin) * 1e-3, "pid", 1, "tid", (json_int_t)e->thread,
                   "args", "of", graph_text(g, node->name ? node->name : node->stamp.scope), "step",
                   (int)e->step, "phase", (int)e->phase, "task", (int)e->task, "nodes",
                   (int)times[e->step].count, "bytes", (json_int_t)bench_step_bytes(p, e->step));
}

static Status write_json(json_t *root, const char *path, Diag *diag) {
  FILE *out = fopen(path, "w");
  bool ok = out && json_dumpf(root, out, JSON_COMPACT) == 0;
  if (out && fclose(out) != 0) ok = false;
  if (ok) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write the trace: %s", strerror(errno));
}

static Status write_events(const Executor *x, uint32_t program, const Trace *t, const char *path,
                           Diag *diag) {
  const PlanProgram *p = &executor_plan(x)->programs[program];
  uint32_t n = atomic_load(&t->n) < t->room ? atomic_load(&t->n) : t->room;
  StepTime *times = calloc(p->n_steps + 1u, sizeof *times);
  json_t *root = json_object(), *list = json_array();
  bool ok = times && root && list;
  if (ok) executor_times(x, program, times);
  int64_t start = n ? t->events[0].begin : 0;
  for (uint32_t i = 0; i < n; i++)
    if (t->events[i].begin < start) start = t->events[i].begin;
  for (uint32_t i = 0; i < n && ok; i++)
    ok = json_array_append_new(list, event_json(p, times, &t->events[i], start)) == 0;
  ok = ok && json_object_set(root, "traceEvents", list) == 0;
  Status status = ok ? write_json(root, path, diag) : diag_no_memory(diag, n * sizeof(Event));
  json_decref(list);
  json_decref(root);
  free(times);
  return status;
}

Status bench_trace(Executor *x, uint32_t program, const char *path, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  Trace t = {.room = executor_tasks(x, program)};
  if (!t.room)
    return diag_error(diag, STATUS_USAGE, "--trace", NULL,
                      "the device '%s' does not show the parts of its kernels",
                      executor_plan(x)->target->name);
  t.events = calloc(t.room + 1u, sizeof *t.events);
  if (!t.events) return diag_no_memory(diag, t.room * sizeof *t.events);
  executor_observe(x, observe, &t);
  Status status = executor_run(x, program, diag);
  if (status == STATUS_OK) status = executor_wait(x, diag);
  executor_observe(x, NULL, NULL);
  if (status == STATUS_OK) status = write_events(x, program, &t, path, diag);
  free(t.events);
  return status;
}
