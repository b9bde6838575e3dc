/* cuDNN's engines: what the heuristics know of a graph, in which order, and what is to be known
 * about each of them.
 *
 * The first three compute faster and otherwise: on tensor cores (f32 rounded to TF32), with sums in
 * an order that differs from run to run, by Winograd's transform.  Their notes say so, and who does
 * not look gets such results.  Of the others the first is supported or not, by the seed, the second
 * needs a larger workspace, and the last, which is also the fallback, needs none. */
#include "tests/cusim/dnn.h"

#include <string.h>

typedef struct Engine {
  int64_t index, workspace;
  int n_notes;
  cudnnBackendNumericalNote_t notes[2];
  bool by_seed;
} Engine;
static const Engine engines[CONFIGS] = {
    {38, 0, 1, {CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, false},
    {25, 0, 1, {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, false},
    {12, 0, 2, {CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4}, false},
    {70, 768, 0, {0}, true},
    {2, 1280, 0, {0}, false},
    {0, 0, 1, {CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP}, false}};

#define REFUSE(call, rule, status, ...) (sim_fault(call, CUSIM_##rule, __VA_ARGS__), status)

int64_t dnn_workspace(const Descriptor *config) {
  return engines[config->config].workspace;
}

bool dnn_supported(const Descriptor *config) {
  return !engines[config->config].by_seed || sim.options.seed % 2 == 0;
}

static bool has_note(const Descriptor *config, cudnnBackendNumericalNote_t note) {
  const Engine *e = &engines[config->config];
  for (int i = 0; i < e->n_notes; i++)
    if (e->notes[i] == note) return true;
  return false;
}

/* Bits of fraction to which its operands of f32 are rounded: TF32's, and as many as the transforms
 * leave of a sum. */
int dnn_bits(const Descriptor *config) {
  return has_note(config, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ? 10
         : has_note(config, CUDNN_NUMERICAL_NOTE_WINOGRAD)  ? 16
                                                            : 23;
}

bool dnn_in_any_order(const Descriptor *config) {
  return has_note(config, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
}

/* ---- asking ---- */

/* A descriptor that the caller has made for an answer. */
static Descriptor *to_fill(CudaCall call, void *handle, cudnnBackendDescriptorType_t type) {
  Descriptor *d = dnn_find(call, handle);
  if (!d) return NULL;
  if (d->type == type && !d->finalized) return d;
  sim_fault(call, CUSIM_DNN_STATE, "the place of an answer is no new descriptor of type %d",
            (int)type);
  return NULL;
}

cudnnStatus_t dnn_results(Descriptor *heuristics, int64_t room, int64_t *n, void *out) {
  const CudaCall call = CUDA_CALL_cudnnBackendGetAttribute;
  int64_t mode = dnn_attribute(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE)->values[0].number;
  int first = mode == CUDNN_HEUR_MODE_FALLBACK ? CONFIGS - 1 : 0;
  Descriptor *graph =
      dnn_attribute(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)->values[0].descriptor;
  *n = CONFIGS - first;
  if (!out) return CUDNN_STATUS_SUCCESS;
  if (room < *n) *n = room;
  for (int64_t i = 0; i < *n; i++) {
    Descriptor *config = to_fill(call, ((void **)out)[i], CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (!config) return CUDNN_STATUS_BAD_PARAM;
    config->finalized = true;
    config->graph = graph;
    config->config = first + (int)i;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t dnn_engine_of(const Descriptor *config, int64_t room, int64_t *n, void *out) {
  if (n) *n = 1;
  if (room < 1 || !out) return CUDNN_STATUS_SUCCESS;
  Descriptor *engine =
      to_fill(CUDA_CALL_cudnnBackendGetAttribute, *(void **)out, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  if (!engine) return CUDNN_STATUS_BAD_PARAM;
  engine->finalized = true;
  engine->graph = config->graph;
  engine->config = config->config;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t dnn_index(const Descriptor *engine, int64_t room, int64_t *n, void *out) {
  if (n) *n = 1;
  if (room > 0 && out) *(int64_t *)out = engines[engine->config].index;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t dnn_notes(const Descriptor *engine, int64_t room, int64_t *n, void *out) {
  const Engine *e = &engines[engine->config];
  for (int64_t i = 0; out && i < room && i < e->n_notes; i++)
    ((cudnnBackendNumericalNote_t *)out)[i] = e->notes[i];
  if (n) *n = e->n_notes;
  return CUDNN_STATUS_SUCCESS;
}
