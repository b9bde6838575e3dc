/* Which of cuDNN's engines runs a convolution: the first in the order of its heuristics that may be
 * used, that turns out to be there, and whose workspace is in the plan.
 *
 * An engine may be used when its results are the same bits each time, and as exact as sums in the
 * node's type are.  So none whose notes say that its order of summation varies, that it converts
 * operands or sums to a shorter type, or that it works by Fourier or Winograd transforms, whose
 * errors grow with the tile (second derivatives are sums of many such results that nearly cancel);
 * none that takes f32 to the tensor cores, which round it to TF32.  With `tf32` the last two are
 * allowed: an error of Winograd's is smaller than that rounding. */
#include "kernels/cuda/conv.h"

#define CONFIGS_MAX 64 /* that are looked at; cuDNN 9.19 lists up to 40 */

static bool note_allowed(cudnnBackendNumericalNote_t note, DType dtype, bool tf32) {
  switch (note) {
  case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
    return tf32 || dtype == DTYPE_F64; /* those of f64 round nothing */
  case CUDNN_NUMERICAL_NOTE_WINOGRAD:
  case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
  case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
    return tf32 && dtype == DTYPE_F32;
  case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP:
    return true;
  default: /* and what later versions may have */
    return false;
  }
}

/* Reads the engine's number and notes. */
static bool engine_allowed(DnnCalls *c, cudnnBackendDescriptor_t config, DType dtype, bool tf32,
                           int64_t *index) {
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  int64_t n = 0, n_notes = 0;
  cudnnBackendDescriptor_t engine = dnn_make(c, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  if (c->status == CUDNN_STATUS_SUCCESS)
    c->status = c->calls->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine);
  if (c->status == CUDNN_STATUS_SUCCESS)
    c->status = c->calls->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                                   CUDNN_TYPE_INT64, 1, &n, index);
  if (c->status == CUDNN_STATUS_SUCCESS)
    c->status = c->calls->cudnnBackendGetAttribute(
        engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
        CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n_notes, notes);
  dnn_drop(c->calls, &engine);
  bool allowed = c->status == CUDNN_STATUS_SUCCESS && n_notes <= CUDNN_NUMERICAL_NOTE_TYPE_COUNT;
  for (int64_t i = 0; allowed && i < n_notes; i++) allowed = note_allowed(notes[i], dtype, tf32);
  return allowed;
}

/* An engine that is not there after all is no error: NULL. */
static cudnnBackendDescriptor_t make_plan(DnnCalls *c, const DnnMachine *m,
                                          cudnnBackendDescriptor_t config, int64_t *workspace) {
  int64_t n = 0;
  cudnnBackendDescriptor_t plan = dnn_make(c, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (m->handle)
    dnn_set(c, plan, DNN_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &m->handle);
  else
    dnn_set(c, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
            &m->device);
  dnn_set(c, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
          &config);
  if (c->status == CUDNN_STATUS_SUCCESS &&
      c->calls->cudnnBackendFinalize(plan) != CUDNN_STATUS_SUCCESS)
    dnn_drop(c->calls, &plan);
  if (plan && c->status == CUDNN_STATUS_SUCCESS)
    c->status = c->calls->cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                                   CUDNN_TYPE_INT64, 1, &n, workspace);
  if (c->status != CUDNN_STATUS_SUCCESS) dnn_drop(c->calls, &plan);
  return plan;
}

typedef struct Asked {
  const DnnMachine *machine;
  DType dtype;
  bool tf32;
  int64_t work_bytes;
} Asked;

/* Takes the configuration into the choice when it can be used. */
static void consider(DnnCalls *c, const Asked *a, cudnnBackendDescriptor_t *config,
                     DnnChoice *out) {
  int64_t index = -1, workspace = 0;
  if (!engine_allowed(c, *config, a->dtype, a->tf32, &index)) return;
  cudnnBackendDescriptor_t plan = make_plan(c, a->machine, *config, &workspace);
  if (plan && workspace <= a->work_bytes) {
    *out = (DnnChoice){.config = *config, .plan = plan, .engine = index, .workspace = workspace};
    *config = NULL;
  } else {
    dnn_drop(c->calls, &plan);
  }
}

/* The heuristics' list in one mode; none when cuDNN has no engine. */
static void try_mode(DnnCalls *c, const Asked *a, const DnnGraph *g, cudnnBackendHeurMode_t mode,
                     DnnChoice *out) {
  cudnnBackendDescriptor_t configs[CONFIGS_MAX] = {NULL};
  int64_t n = 0;
  cudnnBackendDescriptor_t heuristics = dnn_make(c, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  dnn_set(c, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
          &g->graph);
  dnn_set(c, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (!a->machine->handle)
    dnn_set(c, heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
            &a->machine->device);
  dnn_finish(c, heuristics);
  if (c->status == CUDNN_STATUS_SUCCESS)
    c->status = c->calls->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &n, NULL);
  if (n > CONFIGS_MAX) n = CONFIGS_MAX;
  for (int64_t i = 0; i < n; i++) configs[i] = dnn_make(c, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  if (c->status == CUDNN_STATUS_SUCCESS && n)
    c->status = c->calls->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, n, &n, configs);
  for (int64_t i = 0; i < n && !out->plan && c->status == CUDNN_STATUS_SUCCESS; i++)
    consider(c, a, &configs[i], out);
  for (int64_t i = 0; i < CONFIGS_MAX; i++) dnn_drop(c->calls, &configs[i]);
  dnn_drop(c->calls, &heuristics);
  if (dnn_lacks(c->status)) c->status = CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t dnn_choose(const DnnMachine *machine, const DnnGraph *graph, DType dtype, bool tf32,
                         int64_t work_bytes, DnnChoice *out) {
  static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
  const Asked asked = {machine, dtype, tf32, work_bytes};
  DnnCalls c = {machine->calls, CUDNN_STATUS_SUCCESS};
  *out = (DnnChoice){.engine = -1};
  for (int m = 0; m < 2 && !out->plan && c.status == CUDNN_STATUS_SUCCESS; m++)
    try_mode(&c, &asked, graph, modes[m], out);
  return c.status;
}
