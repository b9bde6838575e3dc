/* The events of a trace.
 *
 * What viewers ask for, and docs/reports.md says where it is written: slices of one row nest or do
 * not touch; an arrow begins and ends inside a slice, which stands before it in the file; no row
 * has the number 0, which is the idle process. */
#include "runtime/execute/trace.h"

#include "graph/base/text.h"
#include "graph/ir/source.h"
#include "ops/ops.h"
#include "ops/work.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PID 1
#define ROW_STREAM 1u
#define ROW_COPIES 901u
#define ROW_THREAD 1001u /* behind any number of streams */
#define NAME_MAX_BYTES 64
#define OPS_MAX_BYTES 2048

/* A kernel from its first task's begin to its last one's end. */
typedef struct Slice {
  int64_t begin, end;
  bool ran;
} Slice;

typedef struct Writer {
  const TraceRun *run;
  const PlanProgram *p;
  int64_t start; /* of the first task */
  Slice *slices; /* by step */
  long *threads; /* in order of their first task */
  uint32_t n_threads;
  int64_t *bytes; /* by node, of work_bytes */
  int64_t *alive; /* of work_alive */
  json_t *list;
  bool ok; /* false: out of memory */
} Writer;

static void add(Writer *w, json_t *event) {
  if (!event || json_array_append_new(w->list, event) != 0) w->ok = false;
}

static double since(const Writer *w, int64_t ns) {
  return (double)(ns - w->start) * 1e-3;
}

/* ---- what ran ---- */

static int by_begin(const void *a, const void *b) {
  const TraceTask *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  if (x->phase != y->phase) return x->phase < y->phase ? -1 : 1;
  return x->task < y->task ? -1 : x->task > y->task;
}

static uint32_t thread_row(Writer *w, long thread) {
  uint32_t i = 0;
  while (i < w->n_threads && w->threads[i] != thread) i++;
  if (i == w->n_threads) w->threads[w->n_threads++] = thread;
  return i;
}

static void find_slices(Writer *w) {
  const TraceRun *run = w->run;
  qsort(run->tasks, run->n_tasks, sizeof *run->tasks, by_begin);
  w->start = run->n_tasks ? run->tasks[0].begin : 0;
  for (uint32_t i = 0; i < run->n_tasks; i++) {
    const TraceTask *task = &run->tasks[i];
    if (executor_task_name(task->step)) continue;
    Slice *slice = &w->slices[task->step];
    thread_row(w, task->thread);
    if (!slice->ran) *slice = (Slice){task->begin, task->end, true};
    if (task->end > slice->end) slice->end = task->end;
  }
}

/* Clocks of several threads may let a kernel end a little after the next one of its stream
 * began. */
static void separate_slices(Writer *w) {
  uint32_t streams = plan_streams(w->p);
  for (uint32_t k = 0; k < streams; k++) {
    Slice *before = NULL;
    for (uint32_t s = 0; s < w->p->n_steps; s++) {
      if (w->p->steps[s].stream != k || !w->slices[s].ran) continue;
      Slice *slice = &w->slices[s];
      if (before && slice->begin < before->begin) slice->begin = before->begin;
      if (slice->end < slice->begin) slice->end = slice->begin;
      if (before && before->end > slice->begin) before->end = slice->begin;
      before = slice;
    }
  }
}

/* ---- a kernel in words ---- */

/* Members that only stand for a number or repeat one are no part of a kernel's name. */
static bool says_little(uint16_t op) {
  return op == OP_CONSTANT || op == OP_IOTA || op == OP_BROADCAST || op == OP_STOP_GRADIENT;
}

static const NodeId *members_of(const PlanProgram *p, uint32_t s) {
  return &p->step_nodes[p->steps[s].first];
}

static void kernel_name(const PlanProgram *p, uint32_t s, char *name) {
  const NodeId *members = members_of(p, s);
  size_t used = 0;
  for (uint32_t k = 0; k < p->steps[s].count; k++) {
    uint16_t op = p->graph->nodes[members[k]].op;
    if (says_little(op) && p->steps[s].count > 1) continue;
    used = text_append(name, NAME_MAX_BYTES, used, "%s%s", used ? "+" : "", op_desc(op)->name);
  }
  if (!used) text_format(name, NAME_MAX_BYTES, "%s", op_desc(p->graph->nodes[*members].op)->name);
}

/* `mul x2, add, reduce_sum`: each op once, in the order of the group. */
static void kernel_ops(const PlanProgram *p, uint32_t s, char *ops) {
  const NodeId *members = members_of(p, s);
  size_t used = 0;
  for (uint32_t k = 0; k < p->steps[s].count; k++) {
    uint16_t op = p->graph->nodes[members[k]].op;
    uint32_t before = 0, times = 0;
    for (uint32_t m = 0; m < p->steps[s].count; m++) {
      before += m < k && p->graph->nodes[members[m]].op == op;
      times += p->graph->nodes[members[m]].op == op;
    }
    if (before) continue;
    used = text_append(ops, OPS_MAX_BYTES, used, "%s%s", used ? ", " : "", op_desc(op)->name);
    if (times > 1) used = text_append(ops, OPS_MAX_BYTES, used, " x%u", times);
  }
}

static json_t *place_json(const Graph *g, uint32_t loc) {
  char text[SOURCE_WHERE_MAX];
  if (!loc) return json_string("");
  source_where(g->symbols, loc, text);
  text_repair(text); /* the path of a file need not be UTF-8 */
  return json_string(text);
}

static bool line_known(const Graph *g, json_t *lines, uint32_t loc) {
  char text[SOURCE_WHERE_MAX];
  source_where(g->symbols, loc, text);
  text_repair(text);
  for (size_t i = 0; i < json_array_size(lines); i++)
    if (strcmp(json_string_value(json_array_get(lines, i)), text) == 0) return true;
  return false;
}

/* The XML lines of all members, each once. */
static json_t *lines_json(const PlanProgram *p, uint32_t s) {
  const NodeId *members = members_of(p, s);
  json_t *lines = json_array();
  for (uint32_t k = 0; lines && k < p->steps[s].count; k++) {
    uint32_t loc = p->graph->nodes[members[k]].stamp.loc;
    if (loc && !line_known(p->graph, lines, loc))
      json_array_append_new(lines, place_json(p->graph, loc));
  }
  return lines;
}

/* The uses of templates and files that brought the element there, innermost first. */
static json_t *uses_json(const Graph *g, uint32_t loc) {
  json_t *uses = json_array();
  for (uint32_t at = g->symbols->locs[loc].chain; uses && at; at = g->symbols->locs[at].chain)
    json_array_append_new(uses, place_json(g, at));
  return uses;
}

static json_t *kernel_args(const Writer *w, uint32_t s) {
  const PlanProgram *p = w->p;
  const Graph *g = p->graph;
  const NodeId *members = members_of(p, s);
  const Node *last = &g->nodes[members[p->steps[s].count - 1]];
  char ops[OPS_MAX_BYTES], shape[SHAPE_TEXT_MAX];
  int64_t macs = 0, flops = 0, bytes = 0;
  for (uint32_t k = 0; k < p->steps[s].count; k++) {
    macs += node_macs(g, members[k]);
    flops += node_flops(g, members[k]);
    bytes += w->bytes[members[k]];
  }
  kernel_ops(p, s, ops);
  return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I}",
                   "at", place_json(g, last->stamp.loc), "lines", lines_json(p, s), "used",
                   uses_json(g, last->stamp.loc), "scope", graph_text(g, last->stamp.scope),
                   "value", last->name ? graph_text(g, last->name) : "", "shape",
                   shape_text(&last->shape, shape, sizeof shape), "ops", ops, "role",
                   role_name((Role)last->stamp.role), "implementation",
                   w->run->times[s].implementation, "order", (int)last->stamp.order, "nodes",
                   (int)p->steps[s].count, "kernel", (json_int_t)s, "macs", (json_int_t)macs,
                   "flops", (json_int_t)flops, "bytes", (json_int_t)bytes);
}

/* ---- events ---- */

static void add_name(Writer *w, const char *what, uint32_t row, const char *name) {
  add(w, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M", "pid", PID, "tid",
                   (int)row, "args", "name", name));
}

static void add_row(Writer *w, uint32_t row, const char *name) {
  add_name(w, "thread_name", row, name);
  add(w, json_pack("{s:s, s:s, s:i, s:i, s:{s:i}}", "name", "thread_sort_index", "ph", "M", "pid",
                   PID, "tid", (int)row, "args", "sort_index", (int)row));
}

static void add_names(Writer *w) {
  char text[256];
  text_format(text, sizeof text, "%s: %s", plan_text(w->run->plan, w->run->plan->model_name),
              plan_text(w->run->plan, w->p->name));
  add_name(w, "process_name", ROW_STREAM, text);
  uint32_t streams = plan_streams(w->p);
  for (uint32_t k = 0; k < streams; k++) {
    text_format(text, sizeof text, streams > 1 ? "kernels of stream %u" : "kernels", k);
    add_row(w, ROW_STREAM + k, text);
  }
  for (uint32_t i = 0; i < w->n_threads && streams == 1; i++) {
    text_format(text, sizeof text, "thread %u", i);
    add_row(w, ROW_THREAD + i, text);
  }
}

static void add_kernel(Writer *w, uint32_t s) {
  const PlanStep *step = &w->p->steps[s];
  const Slice *slice = &w->slices[s];
  char name[NAME_MAX_BYTES];
  const Node *last = &w->p->graph->nodes[members_of(w->p, s)[step->count - 1]];
  kernel_name(w->p, s, name);
  json_t *args = kernel_args(w, s);
  if (plan_streams(w->p) > 1) {
    json_t *waits = json_array();
    for (uint32_t k = 0; k < step->n_waits; k++)
      json_array_append_new(waits, json_integer(w->p->waits[step->first_wait + k]));
    json_object_set_new(args, "waits", waits);
    json_object_set_new(args, "stream", json_integer(step->stream));
  }
  add(w, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:o}", "name", name, "cat",
                   role_name((Role)last->stamp.role), "ph", "X", "ts", since(w, slice->begin),
                   "dur", (double)(slice->end - slice->begin) * 1e-3, "pid", PID, "tid",
                   (int)(ROW_STREAM + step->stream), "args", args));
}

static void add_task(Writer *w, const TraceTask *task) {
  char name[NAME_MAX_BYTES];
  kernel_name(w->p, task->step, name);
  add(w, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:{s:i, s:i, s:i}}", "name", name, "cat",
                   "task", "ph", "X", "ts", since(w, task->begin), "dur",
                   (double)(task->end - task->begin) * 1e-3, "pid", PID, "tid",
                   (int)(ROW_THREAD + thread_row(w, task->thread)), "args", "kernel",
                   (int)task->step, "phase", (int)task->phase, "task", (int)task->task));
}

/* One after the other, as they are given. */
static void add_copies(Writer *w) {
  int64_t end = INT64_MIN;
  for (uint32_t i = 0; i < w->run->n_tasks && w->ok; i++) {
    TraceTask task = w->run->tasks[i];
    const char *name = executor_task_name(task.step);
    if (!name) continue;
    if (end == INT64_MIN) add_row(w, ROW_COPIES, "copies");
    if (task.begin < end) task.begin = end;
    if (task.end < task.begin) task.end = task.begin;
    end = task.end;
    add(w, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i}", "name", name, "cat", "copy", "ph", "X",
                     "ts", since(w, task.begin), "dur", (double)(task.end - task.begin) * 1e-3,
                     "pid", PID, "tid", (int)ROW_COPIES));
  }
}

static void add_alive(Writer *w, int64_t at, int64_t bytes) {
  add(w, json_pack("{s:s, s:s, s:f, s:i, s:i, s:{s:I}}", "name", "alive in scratch", "ph", "C",
                   "ts", since(w, at), "pid", PID, "tid", (int)ROW_STREAM, "args", "bytes",
                   (json_int_t)bytes));
}

static void add_memory(Writer *w) {
  int64_t shown = -1;
  for (uint32_t s = 0; s < w->p->n_steps; s++) {
    if (!w->slices[s].ran || w->alive[s + 1] == shown) continue;
    shown = w->alive[s + 1];
    add_alive(w, w->slices[s].begin, shown);
  }
}

static void add_end(Writer *w, const char *phase, uint32_t wait, uint32_t step, int64_t at) {
  add(w, json_pack("{s:s, s:s, s:s, s:i, s:f, s:i, s:i, s:s}", "name", "wait", "cat", "wait", "ph",
                   phase, "id", (int)wait + 1, "ts", since(w, at), "pid", PID, "tid",
                   (int)(ROW_STREAM + w->p->steps[step].stream), "bp", "e"));
}

/* From the end of what was waited for to the beginning of who waited; steps in which ranks meet
 * have neither. */
static void add_arrows(Writer *w) {
  for (uint32_t s = 0; s < w->p->n_steps; s++)
    for (uint32_t k = w->p->steps[s].first_wait;
         k < w->p->steps[s].first_wait + w->p->steps[s].n_waits; k++) {
      const Slice *from = &w->slices[w->p->waits[k]], *to = &w->slices[s];
      if (!from->ran || !to->ran) continue;
      add_end(w, "s", k, w->p->waits[k], from->end > from->begin ? from->end - 1 : from->end);
      add_end(w, "f", k, s, to->begin);
    }
}

static void add_events(Writer *w) {
  add_names(w);
  for (uint32_t s = 0; s < w->p->n_steps && w->ok; s++)
    if (w->slices[s].ran) add_kernel(w, s);
  bool threads = plan_streams(w->p) == 1;
  for (uint32_t i = 0; i < w->run->n_tasks && w->ok && threads; i++)
    if (!executor_task_name(w->run->tasks[i].step)) add_task(w, &w->run->tasks[i]);
  add_copies(w);
  add_memory(w);
  add_arrows(w);
}

/* ---- the file ---- */

static Status write_json(json_t *root, const char *path, Diag *diag) {
  FILE *out = fopen(path, "w");
  bool ok = out && json_dumpf(root, out, JSON_COMPACT) == 0;
  if (out && fclose(out) != 0) ok = false;
  if (ok) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write the trace: %s", strerror(errno));
}

static Status write_run(Writer *w, const char *path, Diag *diag) {
  TRY(work_bytes(w->run->plan, w->p, diag, w->bytes));
  TRY(work_alive(w->run->plan, w->p, diag, w->alive));
  find_slices(w);
  separate_slices(w);
  add_events(w);
  json_t *root = json_pack("{s:s, s:{s:s, s:s}, s:O}", "displayTimeUnit", "ms", "otherData",
                           "model", plan_text(w->run->plan, w->run->plan->model_name), "program",
                           plan_text(w->run->plan, w->p->name), "traceEvents", w->list);
  Status status = root && w->ok ? write_json(root, path, diag)
                                : diag_no_memory(diag, w->run->n_tasks * sizeof(json_t *));
  json_decref(root);
  return status;
}

Status trace_write(const TraceRun *run, const char *path, Diag *diag) {
  const PlanProgram *p = run->program;
  Writer w = {.run = run, .p = p, .ok = true};
  w.slices = calloc(p->n_steps + 1u, sizeof *w.slices);
  w.threads = calloc(run->n_tasks + 1u, sizeof *w.threads);
  w.bytes = calloc(p->graph->n_nodes, sizeof *w.bytes);
  w.alive = calloc(p->n_steps + 1u, sizeof *w.alive);
  w.list = json_array();
  Status status = w.slices && w.threads && w.bytes && w.alive && w.list
                      ? write_run(&w, path, diag)
                      : diag_no_memory(diag, run->n_tasks * sizeof *w.threads);
  json_decref(w.list);
  free(w.slices);
  free(w.threads);
  free(w.bytes);
  free(w.alive);
  return status;
}
