/* Writes a plan: rows first, into memory, which numbers strings, places and ops in order of first
 * use; then the tables of these, then the file. */
#include "graph/plan/plan_format.h"
#include "graph/plan/plan_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct Writer {
  const Plan *plan;
  const OpTable *ops;
  PlanText body;
  /* New ids by old; 0: not used yet (ops: id + 1). */
  uint32_t *string_id, *place_id, *op_id, *origin_id;
  uint32_t *strings, *places, *used_ops, *origins; /* old ids in order of first use */
  uint32_t n_strings, n_places, n_ops, n_origins;
} Writer;

/* ---- ids ---- */

static uint32_t string_of(Writer *w, uint32_t old) {
  if (old == 0 || old >= strings_count(w->plan->symbols->strings)) return 0;
  if (!w->string_id[old]) {
    w->strings[w->n_strings++] = old;
    w->string_id[old] = w->n_strings;
  }
  return w->string_id[old];
}

/* The same model compiled from another folder gives the same bytes. */
static uint32_t file_of(Writer *w, uint32_t shown) {
  for (uint32_t i = 0; i < w->plan->n_files; i++)
    if (w->plan->files[i].shown == shown) return string_of(w, w->plan->files[i].relative);
  return string_of(w, shown);
}

/* A chain's outer places get smaller ids, so that a reader can check that chains end. */
static uint32_t place_of(Writer *w, uint32_t old) {
  const Symbols *s = w->plan->symbols;
  uint32_t first = w->n_places, n = 0;
  for (uint32_t at = old; at && at < s->n_locs && !w->place_id[at]; at = s->locs[at].chain) {
    w->place_id[at] = UINT32_MAX; /* under way: a ring, which nothing makes, would end here */
    w->places[first + n++] = at;
  }
  for (uint32_t i = 0; i < n / 2; i++) {
    uint32_t swap = w->places[first + i];
    w->places[first + i] = w->places[first + n - 1 - i];
    w->places[first + n - 1 - i] = swap;
  }
  for (uint32_t i = 0; i < n; i++) w->place_id[w->places[first + i]] = ++w->n_places;
  return old < s->n_locs ? w->place_id[old] : 0;
}

static uint32_t origin_of(Writer *w, uint32_t old) {
  if (old == 0 || old >= w->plan->symbols->n_origins) return 0;
  if (!w->origin_id[old]) {
    w->origins[w->n_origins++] = old;
    w->origin_id[old] = w->n_origins;
  }
  return w->origin_id[old];
}

static uint32_t op_of(Writer *w, uint32_t op) {
  if (!w->op_id[op]) {
    w->used_ops[w->n_ops++] = op;
    w->op_id[op] = w->n_ops;
  }
  return w->op_id[op] - 1;
}

static void put_name(Writer *w, uint32_t string) {
  plan_text_int(&w->body, string_of(w, string));
}

static void put_shape(PlanText *b, const Shape *shape) {
  plan_text_int(b, shape->rank);
  for (int i = 0; i < shape->rank; i++) plan_text_int(b, shape->dim[i]);
}

/* ---- the model's part ---- */

static void put_model(Writer *w) {
  PlanText *b = &w->body;
  const Plan *plan = w->plan;
  plan_text_start(b, "model");
  put_name(w, plan->model_name);
  plan_text_int(b, (int64_t)plan->model_hash);
  plan_text_int(b, plan->precision->storage);
  plan_text_int(b, plan->precision->sum);
  plan_text_int(b, plan->precision->master);
  plan_text_int(b, plan->shards);
  plan_text_int(b, plan->ranks);
  plan_text_int(b, plan->local);
  plan_text_int(b, plan->state_bytes);
  plan_text_row(b);
  plan_text_end(b, "model");
}

static void put_states(Writer *w) {
  PlanText *b = &w->body;
  plan_text_start(b, "states");
  for (uint32_t i = 0; i < w->plan->n_states; i++) {
    const State *s = &w->plan->states[i];
    put_name(w, s->name);
    plan_text_int(b, s->dtype);
    plan_text_int(b, s->kind);
    plan_text_int(b, s->trainable);
    plan_text_int(b, s->init);
    plan_text_float(b, s->init_a);
    plan_text_float(b, s->init_b);
    put_name(w, s->init_site);
    plan_text_float(b, s->rate);
    plan_text_float(b, s->decay);
    plan_text_float(b, s->noise);
    put_name(w, s->external);
    put_name(w, s->group);
    plan_text_int(b, place_of(w, s->loc));
    plan_text_int(b, w->plan->state_offset[i]);
    put_shape(b, &s->shape);
    plan_text_row(b);
  }
  plan_text_end(b, "states");
}

static void put_training(Writer *w) {
  PlanText *b = &w->body;
  const PlanTraining *t = &w->plan->training;
  if (!w->plan->has_training) return;
  plan_text_start(b, "training");
  const int64_t head[] = {t->epochs, t->warmup_epochs, t->steps, t->warmup_steps, t->choose};
  for (size_t i = 0; i < 5; i++) plan_text_int(b, head[i]);
  plan_text_row(b);
  for (uint32_t i = 0; i < t->n_domains; i++) {
    put_name(w, t->domains[i]);
    plan_text_int(b, t->ids[i]);
    plan_text_row(b);
  }
  plan_text_end(b, "training");
}

static void put_data(Writer *w) {
  PlanText *b = &w->body;
  const PlanSampler *s = &w->plan->sampler;
  const PlanAugment *a = &w->plan->augment;
  if (w->plan->has_sampler) {
    plan_text_start(b, "sampler");
    plan_text_int(b, s->kind);
    plan_text_int(b, s->batch_ids);
    plan_text_int(b, s->batch_images);
    plan_text_row(b);
    plan_text_end(b, "sampler");
  }
  if (!w->plan->has_augment) return;
  plan_text_start(b, "augment");
  plan_text_int(b, a->height);
  plan_text_int(b, a->width);
  plan_text_int(b, a->pad_crop);
  const double values[] = {a->flip, a->jitter, a->brightness, a->contrast,  a->saturation,
                           a->hue,  a->erase,  a->erase_min,  a->erase_max, a->erase_aspect};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) plan_text_float(b, values[i]);
  plan_text_row(b);
  plan_text_end(b, "augment");
}

static void put_watches(Writer *w) {
  PlanText *b = &w->body;
  if (!w->plan->n_watches) return;
  plan_text_start(b, "watches");
  for (uint32_t i = 0; i < w->plan->n_watches; i++) {
    const PlanWatch *watch = &w->plan->watches[i];
    put_name(w, watch->output);
    put_name(w, watch->message);
    put_name(w, watch->hint);
    plan_text_float(b, watch->above);
    plan_text_row(b);
  }
  plan_text_end(b, "watches");
}

static void put_lists(Writer *w) {
  PlanText *b = &w->body;
  plan_text_start(b, "schedules");
  for (uint32_t i = 0; i < w->plan->n_schedules; i++) {
    put_name(w, w->plan->schedules[i].name);
    put_name(w, w->plan->schedules[i].value);
    plan_text_row(b);
  }
  plan_text_end(b, "schedules");
  put_watches(w);
  put_training(w);
  put_data(w);
  plan_text_start(b, "params");
  for (uint32_t i = 0; i < w->plan->n_params; i++) {
    put_name(w, w->plan->params[i].name);
    put_name(w, w->plan->params[i].value);
    plan_text_row(b);
  }
  plan_text_end(b, "params");
  plan_text_start(b, "written");
  for (uint32_t i = 0; i < w->plan->n_written; i++) {
    const PlanWritten *written = &w->plan->written[i];
    put_name(w, written->element);
    put_name(w, written->attribute);
    put_name(w, written->text);
    plan_text_int(b, place_of(w, written->loc));
    plan_text_row(b);
  }
  plan_text_end(b, "written");
}

/* ---- programs ---- */

static void put_nodes(Writer *w, const Graph *g) {
  PlanText *b = &w->body;
  plan_text_start(b, "nodes");
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const Node *n = &g->nodes[id];
    plan_text_int(b, op_of(w, n->op));
    plan_text_int(b, n->dtype);
    plan_text_int(b, n->stamp.role);
    plan_text_int(b, n->stamp.order);
    plan_text_int(b, n->stamp.batch);
    plan_text_int(b, n->stamp.epoch);
    plan_text_int(b, origin_of(w, n->stamp.origin));
    put_name(w, n->name);
    put_name(w, n->stamp.scope);
    plan_text_int(b, place_of(w, n->stamp.loc));
    plan_text_int(b, n->n_inputs);
    put_shape(b, &n->shape);
    plan_text_row(b);
  }
  plan_text_end(b, "nodes");
  plan_text_start(b, "inputs");
  for (NodeId id = 1; id < g->n_nodes; id++) {
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) plan_text_int(b, node_input(g, id, i));
    plan_text_row(b);
  }
  plan_text_end(b, "inputs");
}

static void put_attrs(Writer *w, const Graph *g) {
  PlanText *b = &w->body;
  uint32_t count;
  plan_text_start(b, "attrs");
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint32_t n = w->ops->ops[g->nodes[id].op]->n_attrs;
    for (uint32_t i = 0; i < n; i++) {
      node_attr(g, id, i, &count);
      plan_text_int(b, count);
    }
    plan_text_row(b);
  }
  plan_text_end(b, "attrs");
  plan_text_start(b, "ints");
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const OpDesc *op = w->ops->ops[g->nodes[id].op];
    for (uint32_t i = 0; i < op->n_attrs; i++) {
      const int64_t *values = node_attr(g, id, i, &count);
      bool name = plan_attr_is_string(&op->attrs[i]);
      for (uint32_t k = 0; k < count; k++)
        plan_text_int(b, name ? string_of(w, (uint32_t)values[k]) : values[k]);
    }
    plan_text_row(b);
  }
  plan_text_end(b, "ints");
}

static void put_steps(Writer *w, const PlanProgram *p) {
  PlanText *b = &w->body;
  plan_text_start(b, "offsets");
  for (NodeId id = 1; id < p->graph->n_nodes; id++) {
    plan_text_int(b, p->node_offset[id]);
    if (id % 8 == 0) plan_text_row(b);
  }
  plan_text_row(b);
  plan_text_end(b, "offsets");
  plan_text_start(b, "steps");
  for (uint32_t i = 0; i < p->n_steps; i++) {
    plan_text_int(b, p->steps[i].count);
    plan_text_int(b, p->steps[i].work_offset);
    plan_text_int(b, p->steps[i].work_bytes);
    plan_text_int(b, p->steps[i].stream);
    plan_text_int(b, p->steps[i].n_waits);
    plan_text_row(b);
  }
  plan_text_end(b, "steps");
  plan_text_start(b, "members");
  for (uint32_t i = 0; i < p->n_steps; i++) {
    const PlanStep *s = &p->steps[i];
    for (uint32_t k = 0; k < s->count; k++) plan_text_int(b, p->step_nodes[s->first + k]);
    plan_text_row(b);
  }
  plan_text_end(b, "members");
  plan_text_start(b, "waits");
  for (uint32_t i = 0; i < p->n_steps; i++) {
    const PlanStep *s = &p->steps[i];
    for (uint32_t k = 0; k < s->n_waits; k++) plan_text_int(b, p->waits[s->first_wait + k]);
    if (s->n_waits) plan_text_row(b);
  }
  for (uint32_t k = p->n_waits - p->n_joins; k < p->n_waits; k++) plan_text_int(b, p->waits[k]);
  plan_text_row(b);
  plan_text_end(b, "waits");
}

static void put_fed(Writer *w, const PlanProgram *p) {
  PlanText *b = &w->body;
  plan_text_start(b, "fed");
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const PlanInput *in = &p->inputs[i];
    put_name(w, in->name);
    plan_text_int(b, in->node);
    plan_text_int(b, in->dtype);
    plan_text_int(b, place_of(w, in->loc));
    put_shape(b, &in->shape);
    plan_text_row(b);
  }
  plan_text_end(b, "fed");
}

static void put_program(Writer *w, const PlanProgram *p) {
  PlanText *b = &w->body;
  const Graph *g = p->graph;
  plan_text_start(b, "program");
  plan_text_start(b, "head");
  put_name(w, p->name);
  put_name(w, p->held_out);
  const int64_t head[] = {p->kind, p->scratch_bytes, p->lower_bound, p->peak_step, p->macs};
  for (size_t i = 0; i < 5; i++) plan_text_int(b, head[i]);
  plan_text_row(b);
  plan_text_end(b, "head");
  plan_text_start(b, "batches");
  for (uint32_t i = 1; i < g->n_batches; i++) {
    plan_text_int(b, g->batches[i].groups);
    plan_text_int(b, g->batches[i].units);
    plan_text_int(b, g->batches[i].unit);
    plan_text_int(b, g->batches[i].parts);
    plan_text_row(b);
  }
  plan_text_end(b, "batches");
  put_nodes(w, g);
  put_attrs(w, g);
  put_steps(w, p);
  plan_text_start(b, "commits");
  for (uint32_t i = 0; i < g->n_commits; i++) {
    plan_text_int(b, g->commits[i].state);
    plan_text_int(b, g->commits[i].value);
    plan_text_row(b);
  }
  plan_text_end(b, "commits");
  plan_text_start(b, "outputs");
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    put_name(w, g->outputs[i].name);
    plan_text_int(b, g->outputs[i].node);
    plan_text_int(b, g->outputs[i].declared);
    plan_text_row(b);
  }
  plan_text_end(b, "outputs");
  put_fed(w, p);
  plan_text_end(b, "program");
}

/* ---- tables ---- */

static void put_places(Writer *w, PlanText *b) {
  const Symbols *s = w->plan->symbols;
  plan_text_start(b, "places");
  for (uint32_t i = 0; i < w->n_places; i++) {
    const SourceLoc *loc = &s->locs[w->places[i]];
    plan_text_int(b, file_of(w, loc->file));
    plan_text_int(b, loc->line);
    plan_text_int(b, loc->column);
    plan_text_int(b, loc->chain < s->n_locs ? w->place_id[loc->chain] : 0);
    plan_text_row(b);
  }
  plan_text_end(b, "places");
}

/* To be called before put_places: origins have places. */
static void put_origins(Writer *w, PlanText *b) {
  plan_text_start(b, "origins");
  for (uint32_t i = 0; i < w->n_origins; i++) {
    const Origin *o = &w->plan->symbols->origins[w->origins[i]];
    plan_text_int(b, o->kind);
    const uint32_t names[] = {o->name, o->of, o->at, o->with};
    for (size_t k = 0; k < 4; k++) plan_text_int(b, string_of(w, names[k]));
    plan_text_int(b, place_of(w, o->loc));
    plan_text_row(b);
  }
  plan_text_end(b, "origins");
}

/* Target, ops and strings; to be called last, places and origins use strings as well. */
static void put_tables(Writer *w, PlanText *b) {
  plan_text_start(b, "target");
  plan_text_put(b, w->plan->target->name);
  plan_text_put(b, "\n");
  plan_text_end(b, "target");
  plan_text_start(b, "ops");
  for (uint32_t i = 0; i < w->n_ops; i++) {
    const OpDesc *op = w->ops->ops[w->used_ops[i]];
    plan_text_put(b, op->name);
    for (uint32_t k = 0; k < op->n_attrs; k++) {
      plan_text_put(b, " ");
      plan_text_put(b, op->attrs[k].name);
    }
    plan_text_put(b, "\n");
  }
  plan_text_end(b, "ops");
  plan_text_start(b, "strings");
  for (uint32_t i = 0; i < w->n_strings; i++)
    plan_text_string(b, plan_text(w->plan, w->strings[i]));
  plan_text_end(b, "strings");
}

static bool writer_init(Writer *w) {
  const Symbols *s = w->plan->symbols;
  size_t n = (size_t)strings_count(s->strings) + 1;
  w->string_id = calloc(n, sizeof *w->string_id);
  w->strings = calloc(n, sizeof *w->strings);
  w->place_id = calloc((size_t)s->n_locs + 1, sizeof *w->place_id);
  w->places = calloc((size_t)s->n_locs + 1, sizeof *w->places);
  w->op_id = calloc(w->ops->count, sizeof *w->op_id);
  w->used_ops = calloc(w->ops->count, sizeof *w->used_ops);
  w->origin_id = calloc((size_t)s->n_origins + 1, sizeof *w->origin_id);
  w->origins = calloc((size_t)s->n_origins + 1, sizeof *w->origins);
  return w->string_id && w->strings && w->place_id && w->places && w->op_id && w->used_ops &&
         w->origin_id && w->origins;
}

static void writer_free(Writer *w) {
  free(w->string_id);
  free(w->strings);
  free(w->place_id);
  free(w->places);
  free(w->op_id);
  free(w->used_ops);
  free(w->origin_id);
  free(w->origins);
  free(w->body.data);
}

static bool laid_out(const Plan *plan) {
  if (!plan->target || (plan->n_states && !plan->state_offset)) return false;
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (!plan->programs[i].graph || !plan->programs[i].node_offset) return false;
  return true;
}

static void put_root(PlanText *b, uint64_t hash) {
  char line[PLAN_ROOT_MAX];
  plan_root_line(line, sizeof line, hash);
  plan_text_put(b, line);
}

Status plan_write(const Plan *plan, const OpTable *ops, const char *path, Diag *diag) {
  if (!laid_out(plan))
    return diag_error(diag, STATUS_INVALID, path, NULL, "the plan has programs without offsets");
  Writer w = {.plan = plan, .ops = ops};
  PlanText all = {0}, places = {0}, origins = {0}, root = {0};
  Status status = writer_init(&w) ? STATUS_OK : diag_no_memory(diag, sizeof(uint32_t));
  if (status == STATUS_OK) {
    put_model(&w);
    put_states(&w);
    put_lists(&w);
    for (uint32_t i = 0; i < plan->n_programs; i++) put_program(&w, &plan->programs[i]);
    put_origins(&w, &origins);
    put_places(&w, &places);
    put_tables(&w, &all);
    plan_text_bytes(&all, places.data, places.n);
    plan_text_bytes(&all, origins.data, origins.n);
    plan_text_bytes(&all, w.body.data, w.body.n);
    plan_text_put(&all, "</plan>\n");
    bool failed = all.failed || places.failed || origins.failed || w.body.failed;
    if (!failed) put_root(&root, XXH3_64bits(all.data, all.n));
    status = failed || root.failed ? diag_no_memory(diag, all.cap * 2)
                                   : plan_text_save(&root, &all, path, diag);
  }
  free(root.data);
  free(all.data);
  free(places.data);
  free(origins.data);
  writer_free(&w);
  return status;
}
