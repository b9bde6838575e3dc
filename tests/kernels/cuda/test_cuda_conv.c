/* Convolutions on the simulated device, by cuDNN and by our own kernels, against the reference. */
#include "kernels/cuda/conv.h"
#include "tests/kernels/cuda/cuda_kernel_test.h"
#include "tests/support.h"

typedef struct Case {
  int64_t n, h, w, i, o, kh, kw, stride[2], pad[2], dilation[2], groups;
} Case;
static const Case cases[] = {
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 5, 4, 3, 6, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {3, 7, 6, 4, 5, 3, 2, {2, 1}, {1, 0}, {1, 1}, 1},
    {2, 9, 8, 3, 8, 7, 7, {2, 2}, {3, 3}, {1, 1}, 1},
    {2, 8, 7, 5, 4, 1, 1, {2, 2}, {0, 0}, {1, 1}, 1},
    {2, 6, 5, 3, 4, 2, 2, {3, 3}, {0, 0}, {1, 1}, 1}, /* stride larger than the kernel */
    {2, 4, 4, 3, 2, 1, 1, {1, 1}, {2, 1}, {1, 1}, 1}, /* more padding than kernel */
    {2, 9, 8, 4, 3, 3, 3, {1, 2}, {2, 3}, {2, 3}, 1}, /* dilated */
    {2, 6, 5, 6, 4, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2},
    {2, 7, 6, 12, 9, 3, 2, {2, 1}, {1, 1}, {1, 2}, 3},
    {2, 6, 7, 5, 5, 3, 3, {1, 1}, {1, 1}, {1, 1}, 5},  /* depthwise */
    {2, 6, 5, 4, 12, 3, 3, {2, 2}, {1, 1}, {1, 1}, 4}, /* three results a channel */
    {1, 2, 30, 2, 3, 1, 9, {1, 4}, {0, 4}, {1, 1}, 1},
};
#define CASES (sizeof cases / sizeof *cases)
static const OpId ops[] = {OP_CONV, OP_CONV_DX, OP_CONV_DW};

static NodeId make(Lab *lab, const Case *c, OpId op, DType dtype) {
  Window win = {.stride = {c->stride[0], c->stride[1]},
                .pad = {c->pad[0], c->pad[1]},
                .dilation = {c->dilation[0], c->dilation[1]},
                .groups = c->groups};
  int64_t hy = (c->h + 2 * c->pad[0] - (c->kh - 1) * c->dilation[0] - 1) / c->stride[0] + 1;
  int64_t wy = (c->w + 2 * c->pad[1] - (c->kw - 1) * c->dilation[1] - 1) / c->stride[1] + 1;
  win.size[0] = op == OP_CONV_DX ? c->h : c->kh;
  win.size[1] = op == OP_CONV_DX ? c->w : c->kw;
  NodeId x = lab_input(lab, dtype, 4, (int64_t[]){c->n, c->h, c->w, c->i});
  NodeId y = lab_input(lab, dtype, 4, (int64_t[]){c->n, hy, wy, c->o});
  NodeId w = lab_input(lab, dtype, 4, (int64_t[]){c->o, c->i / c->groups, c->kh, c->kw});
  if (op == OP_CONV) return emit_conv(&lab->e, x, w, &win);
  if (op == OP_CONV_DX) return emit_conv_dx(&lab->e, y, w, &win);
  return emit_conv_dw(&lab->e, x, y, &win);
}

/* ---- what the device may be ---- */

static Status (*need_all)(CudaContext *context, CudaLibrary library, KernelError *error);
static Status need_others(CudaContext *context, CudaLibrary library, KernelError *error) {
  if (library != CUDA_LIBRARY_CUDNN) return need_all(context, library, error);
  return cuda_fail(error, STATUS_SYSTEM, "libcudnn.so.9 is not there");
}
static void without_cudnn(CudaContext *context) {
  need_all = context->need;
  context->need = need_others;
}
static void with_tf32(CudaContext *context) {
  context->tf32 = true;
}

/* A GPU's cuDNN has engines of its own. */
static bool is_named(const Single *s, const char *name) {
  return strncmp(s->name, name, cuda_lab_real() ? strlen("conv cudnn") : 48) == 0;
}

/* Odd seeds: whole numbers, exactly; even ones within the rounding of the sums. */
static void check(const Case *c, OpId op, DType dtype, uint64_t seed,
                  void (*prepare)(CudaContext *context), const char *name) {
  Lab lab;
  Single s;
  char what[80];
  lab_init(&lab, dtype, seed + 1);
  single_init(&s, &lab, make(&lab, c, op, dtype));
  s.prepare = prepare;
  snprintf(what, sizeof what, "%s %s case %d", op_desc(op)->name, dtype_name(dtype),
           (int)(c - cases));
  if (seed % 2) single_whole(&lab, &s);
  double bound = seed % 2 ? 0 : dtype == DTYPE_F64 ? 1e-13 : 2e-6;
  double off = single_error(&lab, &s, seed, what);
  if (!(off <= bound) || !is_named(&s, name)) printf("\n  %s [%s]: off by %g", what, s.name, off);
  CU_ASSERT(off <= bound);
  CU_ASSERT(is_named(&s, name));
  lab_free(&lab);
}

/* The engine by the seed, which leaves one away; f64 is as exact on tensor cores. */
static void by_cudnn(void) {
  uint64_t seed = 0;
  for (size_t i = 0; i < CASES; i++)
    for (int op = 0; op < 3; op++)
      for (int wide = 0; wide < 2; wide++, seed++)
        check(&cases[i], ops[op], wide ? DTYPE_F64 : DTYPE_F32, seed / 2, NULL,
              wide           ? "conv cudnn 38"
              : seed / 2 % 2 ? "conv cudnn 2"
                             : "conv cudnn 70");
}

static void by_our_own(void) {
  uint64_t seed = 0;
  for (size_t i = 0; i < CASES; i++)
    for (int op = 0; op < 3; op++)
      for (int wide = 0; wide < 2; wide++, seed++)
        check(&cases[i], ops[op], wide ? DTYPE_F64 : DTYPE_F32, seed / 2, without_cudnn,
              "conv plain");
}

/* A sum of more pixels than the threads of a block. */
static void long_sums(void) {
  static const Case wide = {3, 19, 17, 2, 3, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1};
  check(&wide, OP_CONV_DW, DTYPE_F32, 1, without_cudnn, "conv plain");
  check(&wide, OP_CONV_DW, DTYPE_F64, 2, without_cudnn, "conv plain");
}

/* What a plan gives decides which engines can run: 768 bytes, 1280, none. */
static void workspaces(void) {
  static const struct {
    int64_t bytes;
    uint64_t seed;
    const char *name;
  } rows[] = {{1280, 0, "conv cudnn 70"}, {768, 0, "conv cudnn 70"}, {767, 0, "conv cudnn 0"},
              {1280, 1, "conv cudnn 2"},  {1279, 1, "conv cudnn 0"}, {0, 1, "conv cudnn 0"},
              {0, 2, "conv cudnn 0"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Lab lab;
    Single s;
    lab_init(&lab, DTYPE_F32, i + 1);
    single_init(&s, &lab, make(&lab, &cases[2], ops[i % 3], DTYPE_F32));
    s.spec.work_bytes = rows[i].bytes;
    CU_ASSERT(single_error(&lab, &s, rows[i].seed, "workspace") < 1e-6);
    CU_ASSERT(is_named(&s, rows[i].name));
    lab_free(&lab);
  }
}

static void tf32(void) {
  for (int op = 0; op < 3; op++) {
    Lab lab;
    Single s;
    lab_init(&lab, DTYPE_F32, (uint64_t)op + 1);
    single_init(&s, &lab, make(&lab, &cases[1], ops[op], DTYPE_F32));
    s.prepare = with_tf32;
    double off = single_error(&lab, &s, 2, "tf32");
    CU_ASSERT((off > 1e-5 || cuda_lab_real()) && off < 1e-2);
    CU_ASSERT(is_named(&s, "conv cudnn 38 tf32"));
    lab_free(&lab);
    check(&cases[1], ops[op], DTYPE_F64, 2, with_tf32, "conv cudnn 38");
  }
}

/* ---- engines that are not there ---- */

static CudaCalls altered;
static cudnnStatus_t (*finalize)(cudnnBackendDescriptor_t descriptor);
static uint32_t refused;
static cudnnBackendDescriptor_t plans[64];
static cudnnStatus_t (*create)(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out);

static cudnnStatus_t note_plan(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out) {
  cudnnStatus_t status = create(type, out);
  if (status == CUDNN_STATUS_SUCCESS && type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
    plans[refused++ % 64] = *out;
  return status;
}
static cudnnStatus_t refuse_plan(cudnnBackendDescriptor_t descriptor) {
  for (uint32_t i = 0; i < refused && i < 64; i++)
    if (plans[i] == descriptor) return CUDNN_STATUS_NOT_SUPPORTED;
  return finalize(descriptor);
}

/* No engine can be had: ours convolves, and cuDNN is asked once for a shape. */
static void no_engine(void) {
  if (cuda_lab_real()) return;
  for (int op = 0; op < 3; op++) {
    Lab lab;
    Single s;
    lab_init(&lab, DTYPE_F32, 1);
    single_init(&s, &lab, make(&lab, &cases[9], ops[op], DTYPE_F32));
    single_whole(&lab, &s);
    void *have = malloc(lab_bytes(&lab, s.id));
    CU_ASSERT_EQUAL_FATAL(lab_reference(&lab), STATUS_OK);
    altered = *cusim_open(&(CusimOptions){.devices = 1});
    finalize = altered.cudnnBackendFinalize;
    create = altered.cudnnBackendCreateDescriptor;
    altered.cudnnBackendFinalize = refuse_plan;
    altered.cudnnBackendCreateDescriptor = note_plan;
    refused = 0;
    cuda_libraries_replace(&altered);
    CU_ASSERT_EQUAL(single_run(&lab, &s, 2, have), STATUS_OK);
    CU_ASSERT(cuda_lab_end("no engine"));
    CU_ASSERT_EQUAL(refused, 4); /* three that may be used; the fallback again */
    CU_ASSERT_EQUAL(lab_error(&lab, s.id, have, 1e-30), 0);
    CU_ASSERT_STRING_EQUAL(s.name, "conv plain");
    free(have);
    lab_free(&lab);
  }
}

/* ---- plans of equal shapes ---- */

static uint64_t descriptors_made(void) {
  CusimReport report;
  cusim_report(&report);
  return report.of[CUDA_CALL_cudnnBackendCreateDescriptor];
}

static void equal_shapes(void) {
  if (cuda_lab_real()) return;
  Lab lab;
  Single s, t, u, v;
  Device *d;
  Kernel *kernels[4];
  Diag *diag = diag_create();
  DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
  lab_init(&lab, DTYPE_F32, 1);
  single_init(&s, &lab, make(&lab, &cases[1], OP_CONV, DTYPE_F32));
  single_init(&t, &lab, make(&lab, &cases[1], OP_CONV, DTYPE_F32));
  single_init(&u, &lab, make(&lab, &cases[1], OP_CONV_DX, DTYPE_F32));
  single_init(&v, &lab, make(&lab, &cases[2], OP_CONV, DTYPE_F32));
  cuda_lab_begin(&(CusimOptions){.devices = 1});
  CU_ASSERT_EQUAL_FATAL(device_cuda.open(&options, diag, &d), STATUS_OK);
  void *context = d->table->context(d);
  CU_ASSERT_EQUAL(backend_cuda.create(context, &s.spec, &s.error, &kernels[0]), STATUS_OK);
  uint64_t made = descriptors_made();
  CU_ASSERT(made > 10);
  CU_ASSERT_EQUAL(backend_cuda.create(context, &t.spec, &t.error, &kernels[1]), STATUS_OK);
  CU_ASSERT_EQUAL(descriptors_made(), made);
  CU_ASSERT_EQUAL(backend_cuda.create(context, &u.spec, &u.error, &kernels[2]), STATUS_OK);
  CU_ASSERT(descriptors_made() > made);
  made = descriptors_made();
  v.spec.work_bytes = s.spec.work_bytes;
  CU_ASSERT_EQUAL(backend_cuda.create(context, &v.spec, &v.error, &kernels[3]), STATUS_OK);
  CU_ASSERT(descriptors_made() > made);
  for (int i = 0; i < 4; i++) backend_cuda.destroy(kernels[i]);
  d->table->close(d);
  CU_ASSERT(cuda_lab_end("equal shapes"));
  diag_destroy(diag);
  lab_free(&lab);
}

/* ---- a kernel that runs again, elsewhere ---- */

/* The second run writes where the first did not; the work buffer moves, too. */
static Status run_elsewhere(Device *d, Single *s, Kernel **kernel, CudaLabValue v[6], void *have) {
  const DeviceTable *t = d->table;
  const size_t bytes = cuda_lab_bytes(s->spec.graph, s->id), work = (size_t)s->spec.work_bytes;
  TRY(t->backend->create(t->context(d), &s->spec, &d->error.what, kernel));
  TRY(t->backend->finish(t->context(d), &d->error.what));
  for (uint32_t i = 0; i < 2; i++)
    TRY(cuda_lab_value(d, &v[i], cuda_lab_bytes(s->spec.graph, s->inputs[i]), s->in[i]));
  for (uint32_t i = 2; i < 6; i++) TRY(cuda_lab_value(d, &v[i], i < 4 ? bytes : work, NULL));
  for (uint32_t run = 0; run < 2; run++) {
    KernelArgs args = {(const void *[]){v[0].device, v[1].device}, (void *[]){v[2 + run].device},
                       v[4 + run].device};
    TRY(t->launch(d, STREAM_STEPS, *kernel, &args, 1));
  }
  TRY(t->copy_out(d, STREAM_STEPS, &(DeviceCopy){v[3].host, v[3].device, bytes}, 1, 2));
  TRY(t->synchronise(d, STREAM_STEPS));
  memcpy(have, v[3].host, bytes);
  return STATUS_OK;
}

static void elsewhere(void) {
  for (int op = 0; op < 3; op++) {
    Lab lab;
    Single s;
    Device *d;
    Kernel *kernel = NULL;
    CudaLabValue values[6] = {{0}};
    Diag *diag = diag_create();
    DeviceOptions options = {.threads = 1, .streams = 2, .events = 2};
    lab_init(&lab, DTYPE_F32, 1);
    single_init(&s, &lab, make(&lab, &cases[1], ops[op], DTYPE_F32));
    single_whole(&lab, &s);
    CU_ASSERT_EQUAL_FATAL(lab_reference(&lab), STATUS_OK);
    for (uint32_t i = 0; i < s.spec.n_inputs; i++) s.in[i] = lab_value(&lab, s.inputs[i]);
    void *have = calloc(1, lab_bytes(&lab, s.id));
    cuda_lab_begin(&(CusimOptions){.devices = 1, .seed = 1});
    CU_ASSERT_EQUAL_FATAL(device_cuda.open(&options, diag, &d), STATUS_OK);
    CU_ASSERT_EQUAL(run_elsewhere(d, &s, &kernel, values, have), STATUS_OK);
    CU_ASSERT_EQUAL(lab_error(&lab, s.id, have, 1e-30), 0);
    d->table->synchronise(d, STREAM_STEPS);
    d->table->backend->destroy(kernel);
    for (uint32_t i = 0; i < 6; i++) {
      d->table->release(d, values[i].device);
      d->table->host_release(d, values[i].host);
    }
    d->table->close(d);
    CU_ASSERT(cuda_lab_end("elsewhere"));
    diag_destroy(diag);
    free(have);
    lab_free(&lab);
  }
}

/* ---- what is refused ---- */

/* Channels that cuDNN would take for groups, and other sizes that a broken plan may have. */
static void wrong_sizes(void) {
  for (int wrong = 0; wrong < 6; wrong++) {
    Lab lab;
    Single s;
    CudaConv conv;
    lab_init(&lab, DTYPE_F32, 1);
    single_init(&s, &lab, make(&lab, &cases[8], OP_CONV, DTYPE_F32));
    CU_ASSERT(cuda_conv_of(lab.graph, s.id, &conv));
    Node *nodes = lab.graph->nodes;
    Shape *x = &nodes[node_input(lab.graph, s.id, 0)].shape;
    Shape *w = &nodes[node_input(lab.graph, s.id, 1)].shape, *y = &nodes[s.id].shape;
    if (wrong == 0) w->dim[1] = 2;
    if (wrong == 1) x->dim[3] = 12;
    if (wrong == 2) y->dim[3] = 6;
    if (wrong == 3) y->dim[1]++;
    if (wrong == 4) x->dim[0]++;
    if (wrong == 5) w->dim[3] = 9;
    CU_ASSERT_FALSE(cuda_conv_of(lab.graph, s.id, &conv));
    cuda_lab_begin(&(CusimOptions){.devices = 1});
    void *have = calloc(1, 1 << 16);
    CU_ASSERT_EQUAL(single_run(&lab, &s, 1, have), STATUS_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.error.text, "do not belong together"));
    CU_ASSERT(cuda_lab_end("wrong sizes"));
    free(have);
    lab_free(&lab);
  }
}

static void each_call_fails(void) {
  for (int own = 0; own < 2; own++) {
    Lab lab;
    Single s;
    lab_init(&lab, DTYPE_F32, 1);
    single_init(&s, &lab, make(&lab, &cases[2], own ? OP_CONV_DW : OP_CONV_DX, DTYPE_F32));
    single_whole(&lab, &s);
    if (own) s.prepare = without_cudnn;
    CU_ASSERT(single_failures(&lab, &s, own ? "conv plain" : "conv cudnn") > 40);
    lab_free(&lab);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"by cuDNN", by_cudnn},
                                      {"by our own", by_our_own},
                                      {"long sums", long_sums},
                                      {"workspaces", workspaces},
                                      {"tf32", tf32},
                                      {"no engine", no_engine},
                                      {"equal shapes", equal_shapes},
                                      {"elsewhere", elsewhere},
                                      {"wrong sizes", wrong_sizes},
                                      {"each call fails", each_call_fails}};
  return support_run("cuda conv", tests, sizeof tests / sizeof *tests);
}
