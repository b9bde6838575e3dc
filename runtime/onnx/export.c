/* Translates what the outputs of a program depend on, node by node, and writes the file. */
#include "runtime/onnx/export.h"

#include "graph/base/replace.h"
#include "runtime/onnx/translate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MOST INT32_MAX /* bytes of a message of Protocol Buffers */
#define INPUT "images"

static const PlanProgram *program_of(const Translation *t, const TrainedNetwork *network) {
  return &t->plan->programs[network->program];
}

/* ---- what is translated ---- */

/* Values that a declared output depends on. */
static void mark_needed(Translation *t) {
  const Graph *g = t->g;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (g->outputs[i].declared) t->needed[g->outputs[i].node] = true;
  for (NodeId id = g->n_nodes - 1; id > 0; id--) {
    uint32_t n = g->nodes[id].n_inputs;
    if (!t->needed[id]) continue;
    if (onnx_is_max_pool(g, id)) n = 1; /* its places are not asked for */
    for (uint32_t i = 0; i < n; i++) t->needed[node_input(g, id, i)] = true;
  }
}

static bool is_images(const Translation *t, NodeId id) {
  const Node *node = onnx_of(t, id);
  return node->op == OP_INPUT &&
         strcmp(graph_text(t->g, (uint32_t)node_attr_int(t->g, id, INPUT_NAME)), INPUT) == 0;
}

/* ---- the input ---- */

static Status check_images(const Translation *t, const Node *node, const ExportOptions *o) {
  if (dtype_is_float((DType)node->dtype) && node->shape.rank == 4 && node->shape.dim[3] == 3)
    return STATUS_OK;
  char shape[SHAPE_TEXT_MAX];
  return diag_error(t->diag, STATUS_INVALID, o->network.plan,
                    "the input 'images' is (n, height, width, 3)",
                    "the program has an input 'images' of shape %s",
                    shape_text(&node->shape, shape, sizeof shape));
}

static Status put_images(Translation *t, const ExportOptions *o) {
  static const char *const names[4] = {"n", "height", "width", NULL};
  const Node *node = onnx_of(t, t->id);
  OnnxValue *v = &t->values[t->id];
  const int64_t *dim = node->shape.dim;
  const int64_t any[4] = {o->fixed_batch ? dim[0] : -1, o->sized ? dim[1] : -1,
                          o->sized ? dim[2] : -1, 3};
  TRY(check_images(t, node, o));
  t->images = dim[0];
  onnx_input(&t->m, INPUT, o->sized ? ONNX_FLOAT : ONNX_UINT8, any, names, 4);
  if (!o->fixed_batch) {
    const char *input = INPUT;
    OnnxAttr first[] = {ONNX_INT("start", 0), ONNX_INT("end", 1)};
    t->batch = onnx_node(&t->m, "Shape", &input, 1, first, 2);
    v->axis[0] = AXIS_BATCH;
  }
  if (o->sized)
    v->plain = INPUT;
  else
    v->channels = onnx_pictures(&t->m, INPUT, dim[1], dim[2]);
  return STATUS_OK;
}

/* ---- outputs ---- */

static Status put_output(Translation *t, const Output *output, bool fixed) {
  const char *names[RANK_MAX];
  const Node *node = onnx_of(t, output->node);
  const OnnxValue *v = &t->values[output->node];
  const char *name = graph_text(t->g, output->name);
  int64_t dims[RANK_MAX];
  t->id = output->node;
  if (!fixed && (node->shape.rank == 0 || v->axis[0] != AXIS_BATCH))
    return onnx_refuse(t, "--fixed-batch exports it as it is",
                       "is the output '%s', and has no row for each image", name);
  for (int i = 0; i < node->shape.rank; i++) {
    names[i] = node->shape.dim[i] == t->images ? "n" : "rows";
    dims[i] = v->axis[i] == AXIS_BATCH ? -1 : node->shape.dim[i];
  }
  onnx_name(&t->m, onnx_full(t, output->node, 0), name);
  onnx_output(&t->m, name, onnx_type((DType)node->dtype), dims, names, node->shape.rank);
  return STATUS_OK;
}

static Status put_outputs(Translation *t, bool fixed, uint32_t *n) {
  *n = 0;
  for (uint32_t i = 0; i < t->g->n_outputs; i++) {
    if (!t->g->outputs[i].declared) continue;
    TRY(put_output(t, &t->g->outputs[i], fixed));
    ++*n;
  }
  return STATUS_OK;
}

/* ---- the file ---- */

static Status write_file(const Translation *t, const char *path, const Wire *file) {
  if (file->n > FILE_MOST)
    return diag_error(t->diag, STATUS_INVALID, path, NULL,
                      "the model needs %zu bytes, and an ONNX file holds at most 2 GiB", file->n);
  const FilePart part = {file->bytes, file->n};
  int error = file_replace(path, &part, 1, false);
  return error ? diag_error(t->diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error))
               : STATUS_OK;
}

static Status finish(Translation *t, const TrainedNetwork *network, const ExportOptions *o) {
  char model[20], weights[20];
  Wire file;
  snprintf(model, sizeof model, "%016" PRIx64, t->plan->model_hash);
  snprintf(weights, sizeof weights, "%016" PRIx64, network->hash);
  const OnnxMeta meta[] = {{"model", plan_text(t->plan, t->plan->model_name)},
                           {"model_hash", model},
                           {"weights_hash", weights},
                           {"step", network->step}};
  bool ok = onnx_finish(&t->m, meta[0].value, "1", meta, 4, &file);
  Status status = ok ? write_file(t, o->out, &file) : diag_no_memory(t->diag, file.n);
  if (status == STATUS_OK)
    printf("%s: %.1f MB, operator set %d, %u nodes\n", o->out, (double)file.n / 1e6, ONNX_OPSET,
           t->m.n_nodes);
  wire_release(&file);
  return status;
}

static void print_ends(const Translation *t, const TrainedNetwork *network,
                       const ExportOptions *o) {
  const PlanProgram *p = program_of(t, network);
  const PlanInput *images = plan_input_find(p, INPUT);
  const int64_t *dim = images->shape.dim;
  printf("input   images: %s\n", o->sized ? "f32, red, green and blue from 0 to 1"
                                          : "uint8, red, green and blue; of any size, resized to:");
  printf("        %s x %" PRId64 " x %" PRId64 " x 3\n", o->fixed_batch ? "the plan's batch" : "n",
         dim[1], dim[2]);
  for (uint32_t i = 0; i < t->g->n_outputs; i++) {
    char shape[SHAPE_TEXT_MAX];
    if (!t->g->outputs[i].declared) continue;
    printf("output  %s: %s of the plan's batch\n", graph_text(t->g, t->g->outputs[i].name),
           shape_text(&t->g->nodes[t->g->outputs[i].node].shape, shape, sizeof shape));
  }
  if (strcmp(t->plan->precision->name, "f32") != 0)
    printf("computed in f32; the plan computes in %s\n", t->plan->precision->name);
}

static Status translate(Translation *t, const TrainedNetwork *network, const ExportOptions *o) {
  uint32_t outputs;
  bool images = false;
  mark_needed(t);
  for (NodeId id = 1; id < t->g->n_nodes; id++) {
    if (!t->needed[id] || !is_images(t, id)) continue;
    t->id = id;
    TRY(put_images(t, o));
    images = true;
  }
  if (!images)
    return diag_error(t->diag, STATUS_INVALID, o->network.plan,
                      "graphrun export --program=P exports another program; graphrun info lists "
                      "them",
                      "no output of program '%s' depends on an input 'images'",
                      plan_text(t->plan, program_of(t, network)->name));
  for (NodeId id = 1; id < t->g->n_nodes; id++) {
    if (!t->needed[id] || is_images(t, id)) continue;
    t->id = id;
    TRY(onnx_translate(t));
  }
  t->m.scope = NULL;
  TRY(put_outputs(t, o->fixed_batch, &outputs));
  TRY(finish(t, network, o));
  print_ends(t, network, o);
  return STATUS_OK;
}

static Status with_network(const TrainedNetwork *network, const ExportOptions *o, Diag *diag) {
  const Graph *g = network->plan->programs[network->program].graph;
  Translation t = {.plan = network->plan, .g = g, .images = 1, .diag = diag};
  TRY(executor_states_read(network->executor, &t.states, diag));
  t.values = calloc(g->n_nodes, sizeof *t.values);
  t.needed = calloc(g->n_nodes, sizeof *t.needed);
  bool ok = onnx_create(&t.m) && t.values && t.needed;
  Status status = ok ? translate(&t, network, o) : diag_no_memory(diag, g->n_nodes * 32u);
  onnx_release(&t.m);
  free(t.values);
  free(t.needed);
  return status;
}

Status export_run(const ExportOptions *o, Diag *diag) {
  static const char form[] = "graphrun export PLAN --weights=F -o model.onnx";
  TrainedNetwork network;
  if (!o->network.weights || !o->out)
    return diag_error(diag, STATUS_USAGE, o->out ? "--weights" : "-o", form, "is missing");
  Status status = network_open(&o->network, &network, diag);
  if (status == STATUS_OK) status = with_network(&network, o, diag);
  network_close(&network);
  return status;
}
