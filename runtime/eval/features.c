/* Turns images into rows of features: batches from the reader through the plan's program, the last
 * one filled up, or through the colour histogram. */
#include "runtime/eval/features.h"

#include "graph/base/text.h"
#include "ops/ops.h"
#include "runtime/data/reader.h"
#include "runtime/eval/color.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLOR_BATCH 64

Status features_create(int64_t n, int64_t dim, Features *out, Diag *diag) {
  size_t count = (size_t)n, row = (size_t)dim * sizeof *out->rows;
  *out = (Features){.dim = dim};
  out->rows = calloc(count ? count : 1, row);
  out->bad = calloc(count ? count : 1, sizeof *out->bad);
  if (out->rows && out->bad) return STATUS_OK;
  features_release(out);
  return diag_no_memory(diag, count * row);
}

void features_release(Features *features) {
  free(features->rows);
  free(features->bad);
  *features = (Features){0};
}

/* Takes the bad images of a batch into account, in their order. */
static Status note_errors(const FeatureJob *job, const ReaderBatch *batch, Features *out,
                          Diag *diag) {
  for (int64_t i = 0; i < batch->n; i++) {
    const ReaderError *error = &batch->errors[i];
    const char *path = job->paths[batch->first + i];
    if (error->status == STATUS_OK) continue;
    if (error->status == STATUS_SYSTEM)
      return diag_error(diag, STATUS_SYSTEM, path, NULL, "out of memory");
    if (!job->skip_bad)
      return diag_error(diag, STATUS_INVALID, path,
                        job->needed ? NULL : "--bad-images=skip leaves such images out",
                        "the image %s", error->text);
    if (!job->told) diag_warning(diag, path, NULL, "left out: the image %s", error->text);
    out->bad[batch->first + i] = true;
    out->n_bad++;
  }
  return STATUS_OK;
}

Status features_finite(const FeatureJob *job, const Features *features, Diag *diag) {
  for (int64_t i = 0; i < job->count; i++)
    for (int64_t k = 0; k < features->dim; k++)
      if (!isfinite(features->rows[i * features->dim + k]))
        return diag_error(diag, STATUS_SYSTEM, job->paths[i], "the network's output is not usable",
                          "its feature is not finite");
  return STATUS_OK;
}

/* ---- by a program -------------------------------------------------------------------------- */

typedef struct Network {
  Executor *executor;
  uint32_t program, output;
  const char *name; /* of the output */
  Tensor images;
  int64_t dim; /* of a feature */
} Network;

static Status program_error(const Network *n, Diag *diag, const char *text) {
  const Plan *plan = executor_plan(n->executor);
  return diag_error(diag, STATUS_INVALID, plan_text(plan, plan->model_name),
                    "evaluation needs <program kind=\"evaluate\"> with the input 'images' "
                    "(n, height, width, 3) and the output 'ynorm' (n, dim)",
                    "program '%s' %s", plan_text(plan, plan->programs[n->program].name), text);
}

/* Inputs other than the images: seed and step are 0, there are no others. */
static Status feed_others(const Network *n, Diag *diag) {
  const Plan *plan = executor_plan(n->executor);
  const PlanProgram *p = &plan->programs[n->program];
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const char *name = plan_text(plan, p->inputs[i].name);
    Tensor input;
    if (strcmp(name, "images") == 0 ||
        !executor_input(n->executor, n->program, name, &input)) /* nobody reads it */
      continue;
    if (strcmp(name, "seed") != 0 && strcmp(name, "step") != 0)
      return program_error(n, diag, "reads an input besides 'images'");
    memset(input.data, 0, (size_t)tensor_bytes(&input));
  }
  return STATUS_OK;
}

static Status network_bind(Network *n, Diag *diag) {
  const Graph *g = executor_plan(n->executor)->programs[n->program].graph;
  if (!executor_input(n->executor, n->program, "images", &n->images))
    return program_error(n, diag, "has no input 'images'");
  if (n->images.shape.rank != 4 || n->images.shape.dim[3] != 3 || !dtype_is_float(n->images.dtype))
    return program_error(n, diag, "has an input 'images' of another shape");
  while (n->output < g->n_outputs &&
         strcmp(graph_text(g, g->outputs[n->output].name), n->name) != 0)
    n->output++;
  char text[200];
  text_format(text, sizeof text, "has no output '%s'", n->name);
  if (n->output == g->n_outputs) return program_error(n, diag, text);
  const Node *y = &g->nodes[g->outputs[n->output].node];
  text_format(text, sizeof text, "has an output '%s' of another shape", n->name);
  if (y->shape.rank < 2 || (strcmp(n->name, "ynorm") == 0 && y->shape.rank != 2) ||
      y->shape.dim[0] != n->images.shape.dim[0] || !dtype_is_float((DType)y->dtype))
    return program_error(n, diag, text);
  n->dim = shape_count(&y->shape) / y->shape.dim[0];
  return feed_others(n, diag);
}

Status features_check(Executor *executor, uint32_t program, Diag *diag) {
  Network network = {.executor = executor, .program = program, .name = "ynorm"};
  return network_bind(&network, diag);
}

int64_t features_dim(const Plan *plan, uint32_t program) {
  const Graph *g = plan->programs[program].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (strcmp(graph_text(g, g->outputs[i].name), "ynorm") == 0)
      return g->nodes[g->outputs[i].node].shape.dim[1];
  return 0;
}

static Status network_convert(const void *context, const Image *image, void *out) {
  const Shape *shape = &((const Network *)context)->images.shape;
  return image_resize(image, shape->dim[1], shape->dim[2], out);
}

static Status network_run(const Network *n, const ReaderBatch *batch, Features *out, Diag *diag) {
  tensor_set_floats(&n->images, batch->items, shape_count(&n->images.shape));
  TRY(feed_others(n, diag));
  TRY(executor_steps(n->executor, n->program, diag));
  Tensor y;
  TRY(executor_read(n->executor, n->program, &n->output, 1, &y, diag));
  float *to = out->rows + batch->first * out->dim;
  tensor_get_floats(&y, to, batch->n * out->dim);
  for (int64_t i = 0; i < batch->n; i++)
    if (out->bad[batch->first + i]) memset(to + i * out->dim, 0, (size_t)out->dim * sizeof *to);
  return STATUS_OK;
}

Status features_network(const FeatureJob *job, Executor *executor, uint32_t program, Features *out,
                        Diag *diag) {
  return features_output(job, executor, program, "ynorm", out, diag);
}

Status features_output(const FeatureJob *job, Executor *executor, uint32_t program,
                       const char *output, Features *out, Diag *diag) {
  Network network = {.executor = executor, .program = program, .name = output};
  *out = (Features){0};
  TRY(network_bind(&network, diag));
  const int64_t *shape = network.images.shape.dim;
  TRY(features_create(job->count, network.dim, out, diag));
  ReaderJob reading = {.paths = job->paths,
                       .count = job->count,
                       .batch = shape[0],
                       .item = (size_t)(shape[1] * shape[2] * 3) * sizeof(float),
                       .workers = job->workers,
                       .convert = network_convert,
                       .context = &network};
  Reader *reader = NULL;
  ReaderBatch batch;
  Status status = reader_create(&reading, diag, &reader);
  while (status == STATUS_OK && reader_next(reader, &batch)) {
    status = note_errors(job, &batch, out, diag);
    if (status == STATUS_OK) status = network_run(&network, &batch, out, diag);
    meter_add(job->meter, batch.n);
  }
  reader_destroy(reader);
  if (status != STATUS_OK) features_release(out);
  return status;
}

/* ---- colour -------------------------------------------------------------------------------- */

static Status color_convert(const void *context, const Image *image, void *out) {
  (void)context;
  color_describe(image->rgb, image->height, image->width, image->width * 3, out);
  return STATUS_OK;
}

Status features_color(const FeatureJob *job, Features *out, Diag *diag) {
  TRY(features_create(job->count, COLOR_DIM, out, diag));
  ReaderJob reading = {.paths = job->paths,
                       .count = job->count,
                       .batch = COLOR_BATCH,
                       .item = COLOR_DIM * sizeof(float),
                       .workers = job->workers,
                       .convert = color_convert};
  Reader *reader = NULL;
  ReaderBatch batch;
  Status status = reader_create(&reading, diag, &reader);
  while (status == STATUS_OK && reader_next(reader, &batch)) {
    status = note_errors(job, &batch, out, diag);
    if (status == STATUS_OK)
      memcpy(out->rows + batch.first * COLOR_DIM, batch.items, (size_t)batch.n * reading.item);
    meter_add(job->meter, batch.n);
  }
  reader_destroy(reader);
  if (status != STATUS_OK) features_release(out);
  return status;
}
