/* graphc diff as JSON. */
#include "compiler/diff.h"

#include "compiler/report_json.h"
#include "graph/ir/source.h"
#include "ops/ops.h"

#include <stdlib.h>

static json_t *text_or_null(const char *text) {
  return text ? report_json_string(text) : json_null();
}

static json_t *place_json(const DiffSide *side, uint32_t loc) {
  char text[SOURCE_WHERE_MAX];
  return loc ? report_json_string(source_where(side->model->symbols, loc, text)) : json_null();
}

static json_t *settings_json(const Difference *d) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < d->n_settings; i++) {
    const DiffSetting *s = &d->settings[i];
    json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "name",
                                          text_or_null(s->a ? s->a->name : s->b->name), "a",
                                          text_or_null(s->a ? s->a->value : NULL), "b",
                                          text_or_null(s->b ? s->b->value : NULL)));
  }
  return list;
}

/* By attribute: its two values, null where it is not given. */
static json_t *attributes_json(const DiffElement *e) {
  json_t *out = json_object();
  for (uint32_t i = 0; i < e->a->n_attrs; i++) {
    const Attribute *attr = &e->a->attrs[i];
    const char *other = element_attr(e->b, attr->name);
    if (other && strcmp(other, attr->value) == 0) continue;
    json_object_set_new(out, attr->name,
                        json_pack("[o, o]", text_or_null(attr->value), text_or_null(other)));
  }
  for (uint32_t i = 0; i < e->b->n_attrs; i++) {
    const Attribute *attr = &e->b->attrs[i];
    if (!element_attr(e->a, attr->name))
      json_object_set_new(out, attr->name, json_pack("[n, o]", text_or_null(attr->value)));
  }
  return out;
}

static json_t *elements_json(const Difference *d) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < d->n_elements; i++) {
    const DiffElement *e = &d->elements[i];
    const Element *el = e->b ? e->b : e->a;
    json_array_append_new(list,
                          json_pack("{s:s, s:o, s:o, s:o, s:o}", "tag", el->tag, "name",
                                    text_or_null(element_attr(el, "name")), "a",
                                    e->a ? place_json(d->a, e->a->loc) : json_null(), "b",
                                    e->b ? place_json(d->b, e->b->loc) : json_null(), "attributes",
                                    e->a && e->b ? attributes_json(e) : json_object()));
  }
  return list;
}

static json_t *state_json(const DiffSide *side, const State *s) {
  char shape[SHAPE_TEXT_MAX];
  if (!s) return json_null();
  return json_pack("{s:s, s:s, s:I, s:o}", "dtype", dtype_name((DType)s->dtype), "shape",
                   shape_text(&s->shape, shape, sizeof shape), "elements",
                   (json_int_t)shape_count(&s->shape), "at", place_json(side, s->loc));
}

static json_t *states_json(const Difference *d) {
  static const char *const kinds[] = {"parameter", "statistic", "optimiser"};
  json_t *list = json_array();
  for (uint32_t i = 0; i < d->n_states; i++) {
    const DiffState *s = &d->states[i];
    const State *known = s->b ? s->b : s->a;
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "name",
                                          plan_text(s->b ? d->b->plan : d->a->plan, known->name),
                                          "kind", kinds[known->kind], "a", state_json(d->a, s->a),
                                          "b", state_json(d->b, s->b)));
  }
  return list;
}

static json_t *ops_json(const DiffProgram *p) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < p->n_ops; i++) {
    const DiffOp *op = &p->ops[i];
    json_array_append_new(list,
                          json_pack("{s:s%, s:s, s:b, s:i, s:i, s:i, s:o}", "scope", op->scope,
                                    op->length, "op", op_desc(op->op)->name, "derived", op->derived,
                                    "added", (int)op->added, "removed", (int)op->removed, "changed",
                                    (int)op->changed, "at", report_json_string(op->at)));
  }
  return list;
}

static json_t *costs_json(const Plan *plan, const PlanProgram *p, const ReportSums *sums) {
  if (!p) return json_null();
  return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "program", plan_text(plan, p->name),
                   "values", (json_int_t)sums->nodes, "kernels", (json_int_t)sums->kernels, "macs",
                   (json_int_t)sums->macs, "flops", (json_int_t)sums->flops, "bytes",
                   (json_int_t)sums->bytes, "scratch", (json_int_t)p->scratch_bytes, "commits",
                   (json_int_t)p->graph->n_commits);
}

static json_t *programs_json(const Difference *d) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < d->n_programs; i++) {
    const DiffProgram *p = &d->programs[i];
    json_array_append_new(
        list, json_pack("{s:o, s:o, s:o}", "a", costs_json(d->a->plan, p->a, &p->work_a), "b",
                        costs_json(d->b->plan, p->b, &p->work_b), "ops", ops_json(p)));
  }
  return list;
}

static json_t *side_json(const DiffSide *side) {
  uint32_t tensors;
  int64_t parameters = report_trainable(side->plan, &tensors);
  return json_pack("{s:o, s:s, s:I, s:i, s:I, s:I}", "file", report_json_string(side->path),
                   "model", plan_text(side->plan, side->plan->model_name), "parameters",
                   (json_int_t)parameters, "tensors", (int)tensors, "state",
                   (json_int_t)side->plan->state_bytes, "arena",
                   (json_int_t)plan_arena_bytes(side->plan));
}

Status difference_json(const Difference *d, FILE *out, Diag *diag) {
  json_t *root =
      json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "equal", d->none, "a", side_json(d->a), "b",
                side_json(d->b), "settings", settings_json(d), "elements", elements_json(d),
                "states", states_json(d), "programs", programs_json(d));
  bool ok = root && json_dumpf(root, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;
  json_decref(root);
  return ok ? STATUS_OK : diag_error(diag, STATUS_SYSTEM, "graphc diff", NULL, "cannot write");
}
