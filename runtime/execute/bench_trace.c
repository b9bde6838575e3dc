/* One step as trace events.  Rows are threads, or, where a program has several streams, these, with
 * an arrow for each wait. */
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

/* What the row of a stream shows beside the event: the stream's number and what it waited for. */
static bool add_stream(const PlanProgram *p, const Event *e, json_t *event) {
  const PlanStep *step = &p->steps[e->step];
  json_t *args = json_object_get(event, "args"), *waits = json_array();
  bool ok = args && json_object_set(args, "waits", waits) == 0 &&
            json_object_set_new(args, "stream", json_integer(step->stream)) == 0 &&
            json_object_set_new(event, "tid", json_integer(step->stream)) == 0;
  for (uint32_t k = 0; k < step->n_waits && ok; k++)
    ok = json_array_append_new(waits, json_integer(p->waits[step->first_wait + k])) == 0;
  json_decref(waits);
  return ok;
}

static bool add_arrow(json_t *list, const char *end, uint32_t wait, uint32_t stream, double at) {
  json_t *event =
      json_pack("{s:s, s:s, s:s, s:i, s:f, s:i, s:i, s:s}", "name", "wait", "cat", "wait", "ph",
                end, "id", (int)wait, "ts", at, "pid", 1, "tid", (int)stream, "bp", "e");
  return event && json_array_append_new(list, event) == 0;
}

/* From the end of what was waited for to the beginning of who waited.  `of` is, by step, an event
 * of it + 1: steps in which ranks meet have none. */
static bool add_arrows(const PlanProgram *p, const Trace *t, const uint32_t *of, int64_t start,
                       json_t *list) {
  bool ok = true;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = p->steps[s].first_wait;
         k < p->steps[s].first_wait + p->steps[s].n_waits && ok; k++) {
      if (!of[s] || !of[p->waits[k]]) continue;
      const Event *from = &t->events[of[p->waits[k]] - 1], *to = &t->events[of[s] - 1];
      ok = add_arrow(list, "s", k, p->steps[p->waits[k]].stream,
                     (double)(from->end - start) * 1e-3) &&
           add_arrow(list, "f", k, p->steps[s].stream, (double)(to->begin - start) * 1e-3);
    }
  return ok;
}

static bool add_streams(const PlanProgram *p, const Trace *t, uint32_t n, int64_t start,
                        json_t *list) {
  uint32_t *of = calloc(p->n_steps + 1u, sizeof *of);
  bool ok = of != NULL;
  for (uint32_t i = 0; i < n && ok; i++) {
    of[t->events[i].step] = i + 1;
    ok = add_stream(p, &t->events[i], json_array_get(list, i));
  }
  ok = ok && add_arrows(p, t, of, start, list);
  free(of);
  return ok;
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
  if (ok && plan_streams(p) > 1) ok = add_streams(p, t, n, start, list);
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
