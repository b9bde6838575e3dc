/* Convolutions: descriptors, plans, what they run on. */
#include "tests/cusim/dnn_build.h"

/* x (2, 4, 5, 6) with w (6, 2, 3, 3), two groups: y (2, 6, 5, 3). */
static DnnSpec plain(const Bench *b) {
  return (DnnSpec){.x = {2, 4, 5, 6},
                   .w = {6, 2, 3, 3},
                   .y = {2, 6, 5, 3},
                   .pre = {1, 1},
                   .post = {1, 0},
                   .stride = {1, 2},
                   .dilation = {1, 1},
                   .type = CUDNN_DATA_FLOAT,
                   .alpha = 1,
                   .alignment = 16,
                   .mode = CUDNN_HEUR_MODE_A,
                   .at = {b->x, b->x + 256, b->z}};
}

/* The workspace is on pages of its own, 1280 bytes: as much as any engine wants. */
static void run_on(Bench *b, DnnSpec *spec, size_t workspace, cudaStream_t stream) {
  cudnnHandle_t handle = NULL;
  DnnPlan plan;
  OK(b, b->cu->cudaMalloc(&spec->workspace, workspace));
  OK(b, b->cu->cudnnCreate(&handle));
  if (stream) OK(b, b->cu->cudnnSetStream(handle, stream));
  dnn_build(b, handle, spec, &plan);
  OK(b, b->cu->cudnnBackendExecute(handle, plan.plan, plan.pack));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  dnn_drop(b, &plan, spec->flaw);
  OK(b, b->cu->cudnnDestroy(handle));
  OK(b, b->cu->cudaFree(spec->workspace));
}

static void with_flaw(Bench *b, Flaw flaw) {
  DnnSpec spec = plain(b);
  if (b->wrong) spec.flaw = flaw;
  run_on(b, &spec, 1280, b->s);
}

#define FLAWED(name, flaw)                                                                         \
  static void name(Bench *b) {                                                                     \
    with_flaw(b, flaw);                                                                            \
  }
FLAWED(attribute_type, FLAW_ATTRIBUTE_TYPE)
FLAWED(attribute_count, FLAW_ATTRIBUTE_COUNT)
FLAWED(attribute_name, FLAW_ATTRIBUTE_NAME)
FLAWED(reference, FLAW_REFERENCE)
FLAWED(not_final, FLAW_NOT_FINAL)
FLAWED(changed, FLAW_CHANGED)
FLAWED(not_set, FLAW_NOT_SET)
FLAWED(strides, FLAW_STRIDES)
FLAWED(ids, FLAW_IDS)
FLAWED(types, FLAW_TYPES)
FLAWED(compute, FLAW_COMPUTE)
FLAWED(layout, FLAW_LAYOUT)
FLAWED(flipped, FLAW_FLIPPED)
FLAWED(destroyed, FLAW_DESTROYED)
FLAWED(no_handle, FLAW_NO_HANDLE)
FLAWED(pack_id, FLAW_PACK_ID)
FLAWED(pack_count, FLAW_PACK_COUNT)
FLAWED(leaks, FLAW_LEAK)
FLAWED(note_type, FLAW_NOTE_TYPE)
FLAWED(note_place, FLAW_NOTE_PLACE)

static void result_too_large(Bench *b) {
  DnnSpec spec = plain(b);
  spec.y[3] += b->wrong;
  run_on(b, &spec, 1280, b->s);
}

static void padding_forgotten(Bench *b) {
  DnnSpec spec = plain(b);
  spec.post[0] -= b->wrong;
  run_on(b, &spec, 1280, b->s);
}

static void channels_differ(Bench *b) {
  DnnSpec spec = plain(b);
  if (b->wrong) spec.w[1] = 3;
  run_on(b, &spec, 1280, b->s);
}

static void workspace_too_small(Bench *b) {
  DnnSpec spec = plain(b);
  run_on(b, &spec, b->wrong ? 767 : 1280, b->s);
}

static void workspace_on_result(Bench *b) {
  DnnSpec spec = plain(b);
  cudnnHandle_t handle = NULL;
  DnnPlan plan;
  spec.workspace = b->wrong ? b->z : b->y;
  OK(b, b->cu->cudnnCreate(&handle));
  OK(b, b->cu->cudnnSetStream(handle, b->s));
  dnn_build(b, handle, &spec, &plan);
  OK(b, b->cu->cudnnBackendExecute(handle, plan.plan, plan.pack));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  dnn_drop(b, &plan, FLAW_NONE);
  OK(b, b->cu->cudnnDestroy(handle));
}

static void result_on_operand(Bench *b) {
  DnnSpec spec = plain(b);
  spec.at[2] = b->wrong ? b->x + 240 : b->x + 512;
  spec.at[1] = b->x + 256;
  run_on(b, &spec, 1280, b->s);
}

static void operand_beyond(Bench *b) {
  DnnSpec spec = plain(b);
  spec.at[1] = b->x + (b->wrong ? N - 104 : N - 108);
  run_on(b, &spec, 1280, b->s);
}

static void operand_not_aligned(Bench *b) {
  DnnSpec spec = plain(b);
  spec.at[1] = b->x + 256 + b->wrong;
  run_on(b, &spec, 1280, b->s);
}

static void operand_unwritten(Bench *b) {
  DnnSpec spec = plain(b);
  spec.beta = b->wrong;
  run_on(b, &spec, 1280, b->s);
}

static void operand_of_host(Bench *b) {
  DnnSpec spec = plain(b);
  if (b->wrong) spec.at[0] = b->h;
  run_on(b, &spec, 1280, b->s);
}

static void without_stream(Bench *b) {
  DnnSpec spec = plain(b);
  run_on(b, &spec, 1280, b->wrong ? NULL : b->s);
}

/* x is written on the other stream. */
static void no_wait(Bench *b) {
  DnnSpec spec = plain(b);
  OK(b, b->cu->cudaMemsetAsync(b->x, 0, BYTES, b->t));
  if (!b->wrong) bench_wait(b, b->s, b->t);
  run_on(b, &spec, 1280, b->s);
}

static void handle_on_default_stream(Bench *b) {
  cudnnHandle_t handle = NULL;
  OK(b, b->cu->cudnnCreate(&handle));
  OK(b, b->cu->cudnnSetStream(handle, b->wrong ? NULL : b->s));
  OK(b, b->cu->cudnnDestroy(handle));
}

static void handle_after_end(Bench *b) {
  cudnnHandle_t handle = NULL;
  OK(b, b->cu->cudnnCreate(&handle));
  if (b->wrong) OK(b, b->cu->cudnnDestroy(handle));
  OK(b, b->cu->cudnnSetStream(handle, b->s));
  if (!b->wrong) OK(b, b->cu->cudnnDestroy(handle));
}

static void handle_leaks(Bench *b) {
  cudnnHandle_t handle = NULL;
  OK(b, b->cu->cudnnCreate(&handle));
  if (!b->wrong) OK(b, b->cu->cudnnDestroy(handle));
}

static void another_operation(Bench *b) {
  cudnnBackendDescriptor_t d = NULL;
  OK(b, b->cu->cudnnBackendCreateDescriptor(b->wrong ? CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR
                                                     : CUDNN_BACKEND_TENSOR_DESCRIPTOR,
                                            &d));
  if (d) OK(b, b->cu->cudnnBackendDestroyDescriptor(d));
}

const Case cases_dnn[] = {
    {CUSIM_DNN_ATTRIBUTE, "dimensions of another type", attribute_type},
    {CUSIM_DNN_ATTRIBUTE, "two data types", attribute_count},
    {CUSIM_DNN_ATTRIBUTE, "another descriptor's attribute", attribute_name},
    {CUSIM_DNN_ATTRIBUTE, "a convolution as a tensor", reference},
    {CUSIM_DNN_ATTRIBUTE, "an engine's notes as numbers", note_type},
    {CUSIM_DNN_STATE, "an engine where a configuration was made", note_place},
    {CUSIM_DNN_STATE, "a tensor that is not final", not_final},
    {CUSIM_DNN_STATE, "a tensor changed when it is final", changed},
    {CUSIM_DNN_STATE, "a tensor without strides", not_set},
    {CUSIM_DNN_STATE, "a graph without a handle", no_handle},
    {CUSIM_DNN_STATE, "a handle without a stream", without_stream},
    {CUSIM_SHAPE, "a stride is missing", strides},
    {CUSIM_SHAPE, "two tensors of one id", ids},
    {CUSIM_SHAPE, "a result too large by one", result_too_large},
    {CUSIM_SHAPE, "a padding too small by one", padding_forgotten},
    {CUSIM_SHAPE, "channels that are no groups", channels_differ},
    {CUSIM_TYPES, "a result of another type", types},
    {CUSIM_TYPES, "sums of another type", compute},
    {CUSIM_NOT_MODELLED, "a tensor that is not dense", layout},
    {CUSIM_NOT_MODELLED, "flipped filters", flipped},
    {CUSIM_NOT_MODELLED, "another operation", another_operation},
    {CUSIM_HANDLE, "a graph destroyed before its plan runs", destroyed},
    {CUSIM_HANDLE, "a handle after its end", handle_after_end},
    {CUSIM_DNN_PACK, "a tensor that the pack lacks", pack_id},
    {CUSIM_DNN_PACK, "a pointer that the pack lacks", pack_count},
    {CUSIM_DNN_PACK, "a pointer that is not aligned", operand_not_aligned},
    {CUSIM_LEAK, "a plan", leaks},
    {CUSIM_LEAK, "a handle of cuDNN", handle_leaks},
    {CUSIM_BOUNDS, "a workspace a byte too small", workspace_too_small},
    {CUSIM_BOUNDS, "a filter that ends behind its buffer", operand_beyond},
    {CUSIM_OVERLAP, "a workspace on the result", workspace_on_result},
    {CUSIM_OVERLAP, "a result on an operand", result_on_operand},
    {CUSIM_UNDEFINED, "a convolution added to what nobody wrote", operand_unwritten},
    {CUSIM_HOST_POINTER, "an image on the host", operand_of_host},
    {CUSIM_READ_AFTER_WRITE, "no wait before a convolution", no_wait},
    {CUSIM_DEFAULT_STREAM, "a convolution on the default stream", handle_on_default_stream},
};
const uint32_t n_cases_dnn = sizeof cases_dnn / sizeof *cases_dnn;
