/* Reads a plan: first the hash against damage, then every number against its range.
 *
 * A file that was made with intent passes the hash, so nothing is trusted: counts are bounded by
 * the bytes that are left, indices by what they index.  What the numbers mean together (shapes,
 * lives, offsets) is the verifier's (ops/verify.h). */
#include "graph/base/array.h"
#include "graph/base/open_file.h"
#include "graph/plan/plan_format.h"
#include "graph/plan/plan_ops.h"
#include "graph/plan/plan_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define PLAN_FILE_MAX ((off_t)1 << 31)
#define DIM_MAX ((int64_t)1 << 40)

typedef struct Reader {
  PlanScan s;
  const OpTable *ops;
  const TargetTable *targets;
  Diag *diag;
  Plan *plan;
  PlanOps file_ops;
  uint32_t n_strings;
  uint32_t *n_inputs,
      *number;      /* of the nodes of the current program; number: of the op in the file */
  char unknown[64]; /* target that is not among ours; empty: it is */
} Reader;

/* STATUS_INVALID when the text was wrong so far; plan_read says where. */
static Status checked(const Reader *r) {
  return r->s.bad ? STATUS_INVALID : STATUS_OK;
}

static Status no_memory(const Reader *r, size_t bytes) {
  return diag_no_memory(r->diag, bytes);
}

/* ---- numbers ---- */

/* Each call moves the cursor: one in a statement, C does not order those of an initialiser. */

static int64_t take(Reader *r, int64_t low, int64_t high) {
  return plan_scan_int(&r->s, low, high);
}

/* String ids in the file are those of the new table, see read_strings. */
static uint32_t take_string(Reader *r) {
  return (uint32_t)take(r, 0, r->n_strings);
}

static uint32_t take_place(Reader *r) {
  return (uint32_t)take(r, 0, (int64_t)r->plan->symbols->n_locs - 1);
}

static uint32_t take_origin(Reader *r) {
  uint32_t n = r->plan->symbols->n_origins;
  return (uint32_t)take(r, 0, n ? (int64_t)n - 1 : 0);
}

static void take_shape(Reader *r, Shape *shape) {
  *shape = (Shape){.rank = (uint8_t)take(r, 0, RANK_MAX)};
  for (int i = 0; i < shape->rank; i++) shape->dim[i] = take(r, 1, DIM_MAX);
  if (shape_count(shape) < 0) plan_scan_fail(&r->s, "a smaller shape is expected");
}

/* ---- tables ---- */

static Status read_target(Reader *r) {
  char name[64] = "";
  plan_scan_open(&r->s, "target");
  if (plan_scan_line_length(&r->s) < sizeof name) plan_scan_line(&r->s, name);
  plan_scan_close(&r->s, "target");
  r->plan->target = target_find(r->targets, name);
  if (!r->s.bad && !*name) plan_scan_fail(&r->s, "the name of a target is expected");
  if (!r->s.bad && !r->plan->target) snprintf(r->unknown, sizeof r->unknown, "%s", name);
  return checked(r);
}

/* Interned in order, each text once, so that a string's id is its number in the file. */
static Status read_strings(Reader *r) {
  size_t cap = 0;
  char *text = NULL;
  Status status = STATUS_OK;
  plan_scan_open(&r->s, "strings");
  while (status == STATUS_OK && plan_scan_more(&r->s)) {
    size_t length = plan_scan_line_length(&r->s);
    status = ARRAY_RESERVE(text, cap, length, 1, r->diag);
    if (status != STATUS_OK) break;
    length = plan_scan_line(&r->s, text);
    if (r->s.bad) break;
    uint32_t id = strings_intern_n(r->plan->symbols->strings, text, length);
    if (id == UINT32_MAX)
      status = no_memory(r, length);
    else if (id != ++r->n_strings)
      plan_scan_fail(&r->s, "another string is expected");
  }
  free(text);
  plan_scan_close(&r->s, "strings");
  return status == STATUS_OK ? checked(r) : status;
}

static Status read_places(Reader *r) {
  Symbols *symbols = r->plan->symbols;
  plan_scan_open(&r->s, "places");
  while (plan_scan_more(&r->s)) {
    SourceLoc loc;
    loc.file = take_string(r);
    loc.line = (uint32_t)take(r, 0, UINT32_MAX);
    loc.column = (uint32_t)take(r, 0, UINT32_MAX);
    loc.chain = take_place(r);
    if (!symbols_append_loc(symbols, loc)) return no_memory(r, sizeof loc);
  }
  plan_scan_close(&r->s, "places");
  return checked(r);
}

static Status read_origins(Reader *r) {
  plan_scan_open(&r->s, "origins");
  while (plan_scan_more(&r->s)) {
    Origin origin;
    origin.kind = (uint8_t)take(r, ORIGIN_PASS, ORIGIN_COMMIT);
    origin.name = take_string(r);
    origin.of = take_string(r);
    origin.at = take_string(r);
    origin.with = take_string(r);
    origin.loc = take_place(r);
    if (!symbols_origin(r->plan->symbols, &origin)) return no_memory(r, sizeof origin);
  }
  plan_scan_close(&r->s, "origins");
  return checked(r);
}

/* ---- the model's part ---- */

static Status read_model(Reader *r) {
  plan_scan_open(&r->s, "model");
  r->plan->model_name = take_string(r);
  r->plan->model_hash = (uint64_t)take(r, INT64_MIN, INT64_MAX);
  DType types[3]; /* storage, sum, master */
  for (int i = 0; i < 3; i++) types[i] = (DType)take(r, 0, DTYPE_COUNT - 1);
  r->plan->precision = precision_of(types[0], types[1], types[2]);
  if (!r->plan->precision) plan_scan_fail(&r->s, "a precision that this program knows is expected");
  r->plan->shards = (uint32_t)take(r, 1, 64);
  r->plan->ranks = (uint32_t)take(r, 1, PLAN_RANKS_MAX);
  r->plan->local = take(r, 0, r->plan->ranks > 1) != 0;
  r->plan->state_bytes = take(r, 0, PLAN_ARENA_MAX);
  plan_scan_close(&r->s, "model");
  return checked(r);
}

static void read_state(Reader *r, State *s, int64_t *offset) {
  s->name = take_string(r);
  s->dtype = (uint8_t)take(r, 0, DTYPE_COUNT - 1);
  s->kind = (uint8_t)take(r, 0, STATE_OPTIMISER);
  s->trainable = take(r, 0, 1) != 0;
  s->init = (uint8_t)take(r, 0, INIT_FUSE);
  s->init_a = plan_scan_float(&r->s);
  s->init_b = plan_scan_float(&r->s);
  s->init_site = take_string(r);
  s->rate = plan_scan_float(&r->s);
  s->decay = plan_scan_float(&r->s);
  s->noise = plan_scan_float(&r->s);
  s->external = take_string(r);
  s->group = take_string(r);
  s->loc = take_place(r);
  *offset = take(r, 0, PLAN_ARENA_MAX);
  take_shape(r, &s->shape);
  bool fusing = s->shape.rank == 4 && s->shape.dim[1] == 2 * s->shape.dim[0] &&
                s->shape.dim[2] == 1 && s->shape.dim[3] == 1;
  if (s->init == INIT_FUSE && !fusing)
    plan_scan_fail(&r->s, "the shape (O, 2 O, 1, 1) is expected");
}

static Status read_states(Reader *r) {
  Plan *plan = r->plan;
  uint32_t cap = 0, cap_offsets = 0;
  plan_scan_open(&r->s, "states");
  while (plan_scan_more(&r->s)) {
    uint32_t n = plan->n_states;
    TRY(ARRAY_RESERVE(plan->states, cap, n, 1, r->diag));
    TRY(ARRAY_RESERVE(plan->state_offset, cap_offsets, n, 1, r->diag));
    plan->states[n] = (State){0};
    read_state(r, &plan->states[n], &plan->state_offset[n]);
    plan->n_states++;
  }
  plan_scan_close(&r->s, "states");
  return checked(r);
}

/* Rows of two strings. */
static Status read_pairs(Reader *r, const char *group, PlanParam **out, uint32_t *n) {
  uint32_t cap = 0;
  plan_scan_open(&r->s, group);
  while (plan_scan_more(&r->s)) {
    TRY(ARRAY_RESERVE(*out, cap, *n, 1, r->diag));
    PlanParam *pair = &(*out)[(*n)++];
    pair->name = take_string(r);
    pair->value = take_string(r);
  }
  plan_scan_close(&r->s, group);
  return checked(r);
}

static Status read_written(Reader *r) {
  uint32_t cap = 0;
  plan_scan_open(&r->s, "written");
  while (plan_scan_more(&r->s)) {
    TRY(ARRAY_RESERVE(r->plan->written, cap, r->plan->n_written, 1, r->diag));
    PlanWritten *written = &r->plan->written[r->plan->n_written++];
    written->element = take_string(r);
    written->attribute = take_string(r);
    written->text = take_string(r);
    written->loc = take_place(r);
  }
  plan_scan_close(&r->s, "written");
  return checked(r);
}

static Status read_training(Reader *r) {
  PlanTraining *t = &r->plan->training;
  uint32_t cap = 0, cap_ids = 0;
  if (!plan_scan_sees(&r->s, "training")) return STATUS_OK;
  plan_scan_open(&r->s, "training");
  r->plan->has_training = true;
  t->epochs = take(r, 0, INT32_MAX);
  t->warmup_epochs = take(r, 0, INT32_MAX);
  t->steps = take(r, 0, (int64_t)1 << 40);
  t->warmup_steps = take(r, -1, (int64_t)1 << 40);
  t->choose = (uint8_t)take(r, 0, 1);
  while (plan_scan_more(&r->s)) {
    TRY(ARRAY_RESERVE(t->domains, cap, t->n_domains, 1, r->diag));
    TRY(ARRAY_RESERVE(t->ids, cap_ids, t->n_domains, 1, r->diag));
    t->domains[t->n_domains] = take_string(r);
    t->ids[t->n_domains++] = take(r, 0, INT32_MAX);
  }
  plan_scan_close(&r->s, "training");
  return checked(r);
}

static Status read_watches(Reader *r) {
  uint32_t cap = 0;
  if (!plan_scan_sees(&r->s, "watches")) return STATUS_OK;
  plan_scan_open(&r->s, "watches");
  while (plan_scan_more(&r->s)) {
    TRY(ARRAY_RESERVE(r->plan->watches, cap, r->plan->n_watches, 1, r->diag));
    PlanWatch *watch = &r->plan->watches[r->plan->n_watches++];
    watch->output = take_string(r);
    watch->message = take_string(r);
    watch->hint = take_string(r);
    watch->above = plan_scan_float(&r->s);
  }
  plan_scan_close(&r->s, "watches");
  return checked(r);
}

static Status read_sampler(Reader *r) {
  PlanSampler *s = &r->plan->sampler;
  if (!plan_scan_sees(&r->s, "sampler")) return STATUS_OK;
  plan_scan_open(&r->s, "sampler");
  r->plan->has_sampler = true;
  s->kind = (uint8_t)take(r, 0, 1);
  s->batch_ids = take(r, 1, 1 << 30);
  s->batch_images = take(r, 1, 1 << 30);
  plan_scan_close(&r->s, "sampler");
  return checked(r);
}

static Status read_augment(Reader *r) {
  PlanAugment *a = &r->plan->augment;
  if (!plan_scan_sees(&r->s, "augment")) return STATUS_OK;
  plan_scan_open(&r->s, "augment");
  r->plan->has_augment = true;
  a->height = take(r, 1, 1 << 16);
  a->width = take(r, 1, 1 << 16);
  a->pad_crop = take(r, 0, 1 << 10);
  double *values[] = {&a->flip, &a->jitter, &a->brightness, &a->contrast,  &a->saturation,
                      &a->hue,  &a->erase,  &a->erase_min,  &a->erase_max, &a->erase_aspect};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    *values[i] = plan_scan_float(&r->s);
    if (*values[i] < 0 || *values[i] > 1) plan_scan_fail(&r->s, "a share of 1 is expected");
  }
  plan_scan_close(&r->s, "augment");
  return checked(r);
}

/* ---- programs ---- */

static Status read_head(Reader *r, PlanProgram *p) {
  plan_scan_open(&r->s, "head");
  p->name = take_string(r);
  p->held_out = take_string(r);
  p->kind = (uint8_t)take(r, 0, PROGRAM_OTHER);
  p->scratch_bytes = take(r, 0, PLAN_ARENA_MAX);
  p->lower_bound = take(r, 0, PLAN_ARENA_MAX);
  p->peak_step = (uint32_t)take(r, 0, UINT32_MAX);
  p->macs = take(r, 0, INT64_MAX);
  plan_scan_close(&r->s, "head");
  p->graph = graph_create(r->plan->symbols);
  if (!p->graph) return no_memory(r, sizeof(Graph));
  return checked(r);
}

static Status read_batches(Reader *r, Graph *g) {
  plan_scan_open(&r->s, "batches");
  while (plan_scan_more(&r->s)) {
    Batch batch;
    batch.groups = take(r, 1, 1 << 30);
    batch.units = take(r, 0, 1 << 30);
    batch.unit = take(r, 1, 1 << 30);
    batch.parts = take(r, 0, PLAN_RANKS_MAX);
    if (batch_rows(&batch) < 0) plan_scan_fail(&r->s, "a smaller batch is expected");
    uint32_t want = g->n_batches;
    if (!r->s.bad && (want > UINT8_MAX || graph_add_batch(g, batch) != want))
      plan_scan_fail(&r->s, "at most 255 different batches are expected");
  }
  plan_scan_close(&r->s, "batches");
  return checked(r);
}

static Status read_nodes(Reader *r, Graph *g) {
  uint32_t cap = 0, cap_numbers = 0;
  free(r->n_inputs);
  free(r->number);
  r->n_inputs = r->number = NULL;
  plan_scan_open(&r->s, "nodes");
  while (plan_scan_more(&r->s)) {
    uint32_t op = (uint32_t)take(r, 0, (int64_t)r->file_ops.n - 1);
    Node n = {0};
    n.dtype = (uint8_t)take(r, 0, DTYPE_COUNT - 1);
    n.stamp.role = (uint8_t)take(r, 0, ROLE_UPDATE);
    n.stamp.order = (uint8_t)take(r, 0, UINT8_MAX);
    n.stamp.batch = (uint8_t)take(r, 0, (int64_t)g->n_batches - 1);
    n.stamp.epoch = (uint32_t)take(r, 0, UINT32_MAX);
    n.stamp.origin = take_origin(r);
    n.name = take_string(r);
    n.stamp.scope = take_string(r);
    n.stamp.loc = take_place(r);
    uint32_t n_inputs = (uint32_t)take(r, 0, UINT32_MAX);
    take_shape(r, &n.shape);
    if (r->s.bad) break;
    n.op = r->file_ops.ops[op].op;
    NodeId id = graph_append(g, &n, NULL, 0, NULL, 0, NULL);
    if (id == NODE_NONE) return no_memory(r, sizeof n);
    TRY(ARRAY_RESERVE(r->n_inputs, cap, id, 1, r->diag));
    TRY(ARRAY_RESERVE(r->number, cap_numbers, id, 1, r->diag));
    r->n_inputs[id] = n_inputs;
    r->number[id] = op;
  }
  plan_scan_close(&r->s, "nodes");
  return checked(r);
}

static Status read_inputs(Reader *r, Graph *g) {
  plan_scan_open(&r->s, "inputs");
  uint64_t total = 0;
  for (NodeId id = 1; id < g->n_nodes; id++) total += r->n_inputs[id];
  if (total > plan_scan_left(&r->s))
    plan_scan_fail(&r->s, "%" PRIu64 " inputs are expected", total);
  if (r->s.bad) return STATUS_INVALID;
  if (!graph_reserve(g, (uint32_t)total, 0, 0)) return no_memory(r, total * sizeof(NodeId));
  for (NodeId id = 1; id < g->n_nodes; id++) {
    g->nodes[id].n_inputs = r->n_inputs[id];
    g->nodes[id].inputs = g->n_inputs;
    for (uint32_t i = 0; i < r->n_inputs[id]; i++)
      g->input_pool[g->n_inputs++] = (NodeId)take(r, 1, (int64_t)id - 1);
  }
  plan_scan_close(&r->s, "inputs");
  return checked(r);
}

static Status read_offsets(Reader *r, PlanProgram *p) {
  p->node_offset = calloc(p->graph->n_nodes, sizeof *p->node_offset);
  if (!p->node_offset) return no_memory(r, p->graph->n_nodes * sizeof *p->node_offset);
  p->node_offset[0] = OFFSET_NONE;
  plan_scan_open(&r->s, "offsets");
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    p->node_offset[id] = take(r, OFFSET_NONE, PLAN_ARENA_MAX);
  plan_scan_close(&r->s, "offsets");
  return checked(r);
}

/* `of_steps`: as many as the steps have; the end has the others. */
static Status read_waits(Reader *r, PlanProgram *p, uint64_t of_steps) {
  uint32_t cap = 0;
  plan_scan_open(&r->s, "waits");
  while (plan_scan_more(&r->s)) {
    TRY(ARRAY_RESERVE(p->waits, cap, p->n_waits, 1, r->diag));
    p->waits[p->n_waits++] = (uint32_t)take(r, 0, (int64_t)p->n_steps - 1);
  }
  plan_scan_close(&r->s, "waits");
  if (!r->s.bad && (p->n_waits < of_steps || p->n_waits - of_steps > TARGET_STREAMS_MAX))
    plan_scan_fail(&r->s, "as many waits as the steps have are expected");
  if (!r->s.bad) p->n_joins = (uint32_t)(p->n_waits - of_steps);
  return checked(r);
}

static Status read_steps(Reader *r, PlanProgram *p) {
  uint32_t cap = 0;
  uint64_t total = 0, waits = 0;
  plan_scan_open(&r->s, "steps");
  while (plan_scan_more(&r->s)) {
    TRY(ARRAY_RESERVE(p->steps, cap, p->n_steps, 1, r->diag));
    PlanStep *step = &p->steps[p->n_steps++];
    *step = (PlanStep){.first = (uint32_t)total, .count = (uint32_t)take(r, 1, p->graph->n_nodes)};
    step->work_offset = take(r, OFFSET_NONE, PLAN_ARENA_MAX);
    step->work_bytes = take(r, 0, PLAN_ARENA_MAX);
    step->stream = (uint32_t)take(r, 0, (int64_t)target_streams(r->plan->target) - 1);
    step->n_waits = (uint32_t)take(r, 0, TARGET_STREAMS_MAX);
    step->first_wait = (uint32_t)waits;
    waits += step->n_waits;
    total += step->count;
    if (total >= p->graph->n_nodes)
      plan_scan_fail(&r->s, "no more members than nodes are expected");
  }
  plan_scan_close(&r->s, "steps");
  plan_scan_open(&r->s, "members");
  if (r->s.bad) return STATUS_INVALID;
  p->step_nodes = calloc(total + 1, sizeof *p->step_nodes);
  if (!p->step_nodes) return no_memory(r, total * sizeof *p->step_nodes);
  while (p->n_step_nodes < total && !r->s.bad)
    p->step_nodes[p->n_step_nodes++] = (NodeId)take(r, 1, (int64_t)p->graph->n_nodes - 1);
  plan_scan_close(&r->s, "members");
  TRY(read_waits(r, p, waits));
  if (!r->s.bad && p->peak_step >= p->n_steps && p->n_steps)
    plan_scan_fail(&r->s, "a peak inside of the program is expected");
  return checked(r);
}

static Status read_ends(Reader *r, Graph *g) {
  plan_scan_open(&r->s, "commits");
  while (plan_scan_more(&r->s)) {
    uint32_t state = (uint32_t)take(r, 0, (int64_t)r->plan->n_states - 1);
    NodeId value = (NodeId)take(r, 1, (int64_t)g->n_nodes - 1);
    if (graph_add_commit(g, state, value) != STATUS_OK) return no_memory(r, sizeof(Commit));
  }
  plan_scan_close(&r->s, "commits");
  plan_scan_open(&r->s, "outputs");
  while (plan_scan_more(&r->s)) {
    uint32_t name = take_string(r);
    NodeId value = (NodeId)take(r, 1, (int64_t)g->n_nodes - 1);
    bool declared = take(r, 0, 1) != 0;
    if (graph_add_output(g, name, value, declared) != STATUS_OK)
      return no_memory(r, sizeof(Output));
  }
  plan_scan_close(&r->s, "outputs");
  return checked(r);
}

static Status read_fed(Reader *r, PlanProgram *p) {
  plan_scan_open(&r->s, "fed");
  while (plan_scan_more(&r->s)) {
    PlanInput in = {.name = take_string(r)};
    in.node = (NodeId)take(r, 0, (int64_t)p->graph->n_nodes - 1);
    in.dtype = (uint8_t)take(r, 0, DTYPE_COUNT - 1);
    in.loc = take_place(r);
    take_shape(r, &in.shape);
    if (!r->s.bad && !plan_input_add(p, &in)) return no_memory(r, sizeof in);
  }
  plan_scan_close(&r->s, "fed");
  return checked(r);
}

static Status read_program(Reader *r, PlanProgram *p) {
  plan_scan_open(&r->s, "program");
  TRY(read_head(r, p));
  TRY(read_batches(r, p->graph));
  TRY(read_nodes(r, p->graph));
  TRY(read_inputs(r, p->graph));
  TRY(plan_ops_read_attrs(&r->s, r->ops, &r->file_ops, p->graph, r->number, r->n_strings,
                          r->plan->precision->storage, r->diag));
  TRY(read_offsets(r, p));
  TRY(read_steps(r, p));
  TRY(read_ends(r, p->graph));
  TRY(read_fed(r, p));
  plan_scan_close(&r->s, "program");
  return checked(r);
}

static Status read_programs(Reader *r) {
  uint32_t cap = 0;
  do {
    TRY(ARRAY_RESERVE(r->plan->programs, cap, r->plan->n_programs, 1, r->diag));
    PlanProgram *p = &r->plan->programs[r->plan->n_programs];
    *p = (PlanProgram){0};
    r->plan->n_programs++; /* at once: what was read of it is released with the plan */
    TRY(read_program(r, p));
  } while (plan_scan_sees(&r->s, "program"));
  return STATUS_OK;
}

static Status read_body(Reader *r) {
  TRY(read_target(r));
  if (*r->unknown) return STATUS_INVALID; /* its numbers follow rules that are not known here */
  TRY(plan_ops_read(&r->s, r->ops, &r->file_ops, r->diag));
  TRY(read_strings(r));
  TRY(read_places(r));
  TRY(read_origins(r));
  TRY(read_model(r));
  TRY(read_states(r));
  _Static_assert(sizeof(PlanSchedule) == sizeof(PlanParam), "both are a name and a value");
  TRY(read_pairs(r, "schedules", (PlanParam **)&r->plan->schedules, &r->plan->n_schedules));
  TRY(read_watches(r));
  TRY(read_training(r));
  TRY(read_sampler(r));
  TRY(read_augment(r));
  TRY(read_pairs(r, "params", &r->plan->params, &r->plan->n_params));
  TRY(read_written(r));
  TRY(read_programs(r));
  plan_scan_close(&r->s, "plan");
  if (!r->s.bad && r->s.at != r->s.end) plan_scan_fail(&r->s, "the end of the file is expected");
  return checked(r);
}

/* ---- the file ---- */

/* What was given instead of a plan.  A safetensors file begins with 8 bytes of length and `{`. */
static Status no_plan(const char *path, const char *start, size_t length, const char *what,
                      Diag *diag) {
  if (length > 8 && start[8] == '{' && start[7] == 0)
    return diag_error(diag, STATUS_INVALID, path,
                      "a plan comes first; exec and eval --weights=F, train --init=F and, with its "
                      "folder, train --out=DIR --resume read such a file",
                      "this is a safetensors file (a checkpoint?), no plan");
  return diag_error(diag, STATUS_INVALID, path, "graphc MODEL.xml makes a plan from a model", "%s",
                    what);
}

static Status load_file(const char *path, Diag *diag, char **out, size_t *length) {
  FILE *file;
  int64_t bytes = 0;
  char error[OPEN_ERROR_MAX];
  *out = NULL;
  int code = file_open(path, &file, &bytes);
  if (code)
    return diag_error(diag, STATUS_INVALID, path,
                      code == ENOENT ? "graphc MODEL.xml writes a plan"
                      : code < 0     ? "graphc MODEL.xml makes a plan from a model"
                                     : NULL,
                      "%s%s", code < 0 ? "this " : "", file_open_error(code, error));
  Status status = STATUS_OK;
  if (bytes > PLAN_FILE_MAX) {
    char start[9];
    size_t n = fread(start, 1, sizeof start, file);
    status = no_plan(path, start, n, "this is too large for a plan", diag);
  }
  *length = (size_t)bytes;
  if (status == STATUS_OK && !(*out = malloc(*length + 1))) status = diag_no_memory(diag, *length);
  if (status == STATUS_OK && fread(*out, 1, *length, file) != *length)
    status = diag_error(diag, STATUS_INVALID, path, NULL, "cannot read: %s",
                        ferror(file) ? strerror(errno) : "the file became shorter");
  if (status == STATUS_OK) (*out)[*length] = 0;
  fclose(file);
  return status;
}

/* Version and hash of the first line; *body is the byte after it. */
static Status check_line(const char *path, const char *text, size_t length, Diag *diag,
                         size_t *body) {
  size_t n = strlen(PLAN_ROOT_START);
  char *end = NULL;
  long version = strncmp(text, PLAN_ROOT_START, n) == 0 ? strtol(text + n, &end, 10) : 0;
  if (!end || end == text + n || *end != '"')
    return no_plan(path, text, length, "this is no plan", diag);
  if (version != PLAN_VERSION)
    return diag_error(diag, STATUS_INVALID, path,
                      "compile the model with the graphc beside this program: graphc MODEL.xml",
                      "this is a plan of version %ld, this program reads version %d", version,
                      PLAN_VERSION);
  const char *line = memchr(text, '\n', length);
  *body = line ? (size_t)(line - text) + 1 : length;
  char expected[PLAN_ROOT_MAX];
  plan_root_line(expected, sizeof expected, XXH3_64bits(text + *body, length - *body));
  if (strlen(expected) == *body && memcmp(text, expected, *body) == 0) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path, "copy it again, or compile the model again",
                    "the plan is damaged: its contents do not match its hash");
}

static Status describe_target(const Reader *r, const char *path) {
  char known[256], hint[320];
  target_names(r->targets, known, sizeof known);
  snprintf(hint, sizeof hint, "compile the model again: graphc MODEL.xml --target=%.*s",
           (int)strcspn(known, " "), known);
  return diag_error(r->diag, STATUS_INVALID, path, hint,
                    "the plan was compiled for the target '%s', %s: %s", r->unknown,
                    r->targets->owner, known);
}

static Status describe(const Reader *r, const char *path) {
  if (*r->unknown) return describe_target(r, path);
  if (*r->file_ops.foreign)
    return diag_error(r->diag, STATUS_INVALID, path,
                      "compile the model with the graphc beside this program: graphc MODEL.xml",
                      "the plan was written by another graphc: it uses %s that this program does "
                      "not have",
                      r->file_ops.foreign);
  const PlanScan *s = &r->s;
  size_t line = 2;
  for (const char *at = s->start; at < s->bad_at; at++) line += *at == '\n';
  return diag_error(r->diag, STATUS_INVALID, path, "compile the model again: graphc MODEL.xml",
                    "this is no valid plan: line %zu, in <%s>: %s", line,
                    s->group ? s->group : "plan", s->expected);
}

Status plan_read(const char *path, const OpTable *ops, const TargetTable *targets, Diag *diag,
                 Plan **out_plan) {
  *out_plan = NULL;
  char *text;
  size_t length = 0, body = 0;
  Status status = load_file(path, diag, &text, &length);
  if (status == STATUS_OK) status = check_line(path, text, length, diag, &body);
  Symbols *symbols = status == STATUS_OK ? symbols_create() : NULL;
  Plan *plan = symbols ? plan_create(symbols) : NULL;
  if (status == STATUS_OK && !plan) {
    symbols_destroy(symbols);
    status = diag_no_memory(diag, sizeof *plan);
  }
  if (status == STATUS_OK) {
    Reader r = {.s = {text + body, text + body, text + length, NULL, false, NULL, ""},
                .ops = ops,
                .targets = targets,
                .diag = diag,
                .plan = plan};
    status = read_body(&r);
    if (status == STATUS_INVALID) describe(&r, path);
    if (status == STATUS_OK && !(plan->path = strdup(path)))
      status = diag_no_memory(diag, strlen(path));
    free(r.file_ops.ops);
    free(r.n_inputs);
    free(r.number);
  }
  free(text);
  if (status != STATUS_OK) {
    plan_destroy(plan);
    return status;
  }
  *out_plan = plan;
  return STATUS_OK;
}
