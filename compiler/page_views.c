/* From the whole program down: each box that opens is drawn, wide before deep. */
#include "compiler/page_views.h"

#include "compiler/peak_marks.h"
#include "graph/base/array.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

#define FEW_NODES 60 /* a part of no more is listed, not drawn */

typedef struct Part {
  uint32_t path;   /* string id in `paths` */
  uint32_t parent; /* the part that it opens from; VIEW_NONE: none */
  char *title;     /* owned */
  uint32_t boxes;  /* ViewOptions.boxes with which there is such a path; 0: with any */
} Part;

typedef struct Views {
  const Plan *plan;
  const PlanProgram *p;
  DrawPages *pictures;
  ViewProgram *of;
  Strings *paths;
  uint32_t *part_of; /* by path: part + 1 */
  uint32_t cap_part_of;
  Part *parts; /* in the order in which they are drawn, wide before deep */
  uint32_t n, cap;
  uint32_t *view, *box; /* by node, + 1 */
  ViewOptions options;  /* with what is alive at the peak */
  uint32_t boxes;       /* of the part that is drawn: DrawShown.boxes */
  json_t *list;
  Diag *diag;
} Views;

static Status no_memory(const Views *v) {
  return diag_no_memory(v->diag, v->n * sizeof *v->parts);
}

/* The part with this path, of so many nodes, to be drawn later if it is new; VIEW_NONE where
 * nothing opens. */
static Status part_find(Views *v, const char *path, const char *title, uint32_t parent,
                        uint32_t nodes, uint32_t *out) {
  *out = VIEW_NONE;
  if (parent != VIEW_NONE && (!*path || nodes <= FEW_NODES)) return STATUS_OK;
  uint32_t id = strings_intern(v->paths, path), before = v->cap_part_of;
  if (id == UINT32_MAX) return no_memory(v);
  TRY(ARRAY_RESERVE(v->part_of, v->cap_part_of, id, 1, v->diag));
  if (v->cap_part_of > before)
    memset(v->part_of + before, 0, (v->cap_part_of - before) * sizeof *v->part_of);
  if (!v->part_of[id]) {
    TRY(ARRAY_RESERVE(v->parts, v->cap, v->n, 1, v->diag));
    char *name = strdup(title);
    if (!name) return no_memory(v);
    v->parts[v->n] = (Part){id, parent, name, *path == '+' ? v->boxes : 0};
    v->part_of[id] = ++v->n;
  }
  *out = v->part_of[id] - 1;
  return STATUS_OK;
}

/* A box or a cluster: its id in the picture, and the view that it opens. */
static Status put_box(Views *v, json_t *boxes, uint32_t part, const char *letter, uint32_t index,
                      const char *path, const char *title, const char *detail, uint32_t nodes,
                      json_t **out) {
  uint32_t opens;
  char id[24];
  TRY(part_find(v, path, title, part, nodes, &opens));
  if (opens == part) opens = VIEW_NONE;
  snprintf(id, sizeof id, "%s%u", letter, index);
  json_t *box = json_pack("{s:s, s:s, s:s, s:s, s:i}", "id", id, "label", title, "path", path,
                          "detail", detail, "open", opens == VIEW_NONE ? -1 : (int)opens);
  if (out) *out = box;
  return box && json_array_append_new(boxes, box) == 0 ? STATUS_OK : no_memory(v);
}

static Status put_boxes(Views *v, uint32_t part, const View *view, json_t *boxes) {
  for (uint32_t i = 0; i < view->n_clusters; i++) {
    const ViewCluster *c = &view->clusters[i];
    TRY(put_box(v, boxes, part, "c", i, c->path, c->title, c->detail, UINT32_MAX, NULL));
  }
  for (uint32_t i = 0; i < view->n_boxes; i++) {
    const ViewBox *b = &view->boxes[i];
    json_t *box;
    TRY(put_box(v, boxes, part, "b", i, b->path, b->title, b->detail, b->nodes, &box));
    json_t *facts = json_pack("{s:i, s:i, s:i, s:I, s:I}", "nodes", (int)b->nodes, "kernels",
                              (int)b->kernels, "node", b->nodes == 1 ? (int)b->first : 0, "macs",
                              (json_int_t)b->macs, "bytes", (json_int_t)b->bytes);
    if (!facts || json_object_update_missing_new(box, facts) != 0) return no_memory(v);
  }
  return STATUS_OK;
}

/* Deeper parts come later: the last one that shows a node stays. */
static void note_nodes(Views *v, uint32_t part, const View *view) {
  for (NodeId id = 1; id < v->p->graph->n_nodes; id++) {
    uint32_t box = view->box_of[id];
    if (!box || (view->boxes[box - 1].outside && v->view[id])) continue;
    v->view[id] = part + 1;
    v->box[id] = box;
  }
}

static Status put_view(Views *v, uint32_t part, const DrawShown *shown) {
  json_t *boxes = json_array();
  json_t *one =
      json_pack("{s:s, s:s, s:i, s:i, s:s, s:o}", "path",
                strings_text(v->paths, v->parts[part].path), "title", v->parts[part].title,
                "parent", v->parts[part].parent == VIEW_NONE ? -1 : (int)v->parts[part].parent,
                "svg", (int)shown->picture, "texts", shown->texts, "boxes", boxes);
  if (!one || json_array_append_new(v->list, one) != 0) return no_memory(v);
  note_nodes(v, part, shown->view);
  return put_boxes(v, part, shown->view, boxes);
}

static Status draw_part(Views *v, uint32_t part) {
  DrawShown shown;
  ViewOptions options = v->options;
  const char *path = strings_text(v->paths, v->parts[part].path);
  options.scope = *path ? path : NULL;
  options.boxes = v->parts[part].boxes;
  TRY(draw_pages_add(v->pictures, v->plan, v->p, v->of, &options, v->diag, &shown));
  v->boxes = shown.boxes;
  Status status = put_view(v, part, &shown);
  draw_shown_free(&shown);
  return status;
}

static Status put_nodes(Views *v, json_t *data) {
  json_t *nodes = json_object_get(data, "nodes"), *view = json_array(), *box = json_array();
  bool ok =
      json_object_set_new(nodes, "view", view) == 0 && json_object_set_new(nodes, "box", box) == 0;
  for (NodeId id = 0; ok && id < v->p->graph->n_nodes; id++)
    ok = json_array_append_new(view, json_integer((json_int_t)v->view[id] - 1)) == 0 &&
         json_array_append_new(box, json_integer((json_int_t)v->box[id] - 1)) == 0;
  return ok ? STATUS_OK : no_memory(v);
}

static Status draw_parts(Views *v, json_t *data) {
  uint32_t first;
  if (json_object_set_new(data, "views", v->list) != 0) return no_memory(v);
  TRY(part_find(v, "", plan_text(v->plan, v->p->name), VIEW_NONE, UINT32_MAX, &first));
  for (uint32_t part = 0; part < v->n; part++) TRY(draw_part(v, part));
  return put_nodes(v, data);
}

Status page_views(const Plan *plan, const PlanProgram *program, DrawPages *pictures, Diag *diag,
                  json_t *data) {
  ViewPeak *peak = NULL;
  Views v = {.plan = plan, .p = program, .pictures = pictures, .diag = diag};
  v.list = json_array();
  v.paths = strings_create();
  v.view = calloc(program->graph->n_nodes, sizeof *v.view);
  v.box = calloc(program->graph->n_nodes, sizeof *v.box);
  bool ok = v.list && v.paths && v.view && v.box;
  Status status = ok ? peak_marks(plan, program, diag, &peak, &v.options.n_peak) : no_memory(&v);
  v.options.peak = peak;
  if (status == STATUS_OK) status = view_open(plan, program, ops_table(), diag, &v.of);
  if (status == STATUS_OK)
    status = draw_parts(&v, data);
  else
    json_decref(v.list);
  for (uint32_t i = 0; i < v.n; i++) free(v.parts[i].title);
  free(v.parts);
  free(v.part_of);
  free(v.view);
  free(v.box);
  free(peak);
  view_close(v.of);
  strings_destroy(v.paths);
  return status;
}
