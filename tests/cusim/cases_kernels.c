/* Kernels: what launches declare, how large they are. */
#include "tests/cusim/cases.h"

/* A launch of the kernel `scale` over n elements. */
static void launch(Bench *b, dim3 grid, dim3 block, size_t shared, bool declared) {
  const float *x = b->x;
  float *y = b->y, a = 2;
  int32_t n = 32;
  void *args[] = {&x, &y, &a, &n};
  CudaAccess accesses[] = {{x, 128, CUDA_READS}, {y, 128, CUDA_WRITES}};
  if (declared) b->cu->declare(accesses, 2);
  OK(b, b->cu->cudaLaunchKernel((const void *)b->scale, grid, block, args, shared, b->s));
}

static void undeclared(Bench *b) {
  launch(b, (dim3){1, 1, 1}, (dim3){32, 1, 1}, 0, !b->wrong);
}

static void declared_for_nothing(Bench *b) {
  if (b->wrong) b->cu->declare(NULL, 0);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
}

static void probe(Bench *b, Probe what) {
  bench_probe(b, b->s, b->x, b->y, b->z, b->wrong ? what : PROBE_NOTHING);
}
static void reads_far(Bench *b) {
  probe(b, PROBE_READ_OTHER);
}
static void writes_near(Bench *b) {
  probe(b, PROBE_WRITE_NEAR);
}
static void writes_input(Bench *b) {
  probe(b, PROBE_WRITE_INPUT);
}

/* Operand and result on one page: it can be written, the operand must not be. */
static void writes_input_beside(Bench *b) {
  bench_probe(b, b->s, b->x, b->x + 64, NULL, b->wrong ? PROBE_WRITE_INPUT : PROBE_NOTHING);
}

static void no_blocks(Bench *b) {
  launch(b, (dim3){!b->wrong, 1, 1}, (dim3){32, 1, 1}, 0, true);
}
static void deep_grid(Bench *b) {
  launch(b, (dim3){1, 1, b->wrong ? 65536 : 65535}, (dim3){32, 1, 1}, 0, true);
}
static void large_block(Bench *b) {
  launch(b, (dim3){1, 1, 1}, (dim3){32, b->wrong ? 33 : 16, 1}, 0, true);
}
static void many_registers(Bench *b) {
  launch(b, (dim3){1, 1, 1}, (dim3){b->wrong ? 513 : 512, 1, 1}, 0, true);
}
static void much_shared(Bench *b) {
  launch(b, (dim3){1, 1, 1}, (dim3){32, 1, 1}, (48 << 10) + b->wrong, true);
}

static void shared_not_asked_for(Bench *b) {
  if (!b->wrong)
    OK(b, b->cu->cudaKernelSetAttributeForDevice(
              b->scale, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10, 0));
  launch(b, (dim3){1, 1, 1}, (dim3){32, 1, 1}, 100 << 10, true);
}

static void shared_not_there(Bench *b) {
  OK(b, b->cu->cudaKernelSetAttributeForDevice(
            b->scale, cudaFuncAttributeMaxDynamicSharedMemorySize, (227 << 10) + b->wrong, 0));
}

static void no_such_kernel(Bench *b) {
  cudaKernel_t k;
  OK(b, b->cu->cudaLibraryGetKernel(&k, b->library, b->wrong ? "prob" : "probe"));
}

static void kernel_not_registered(Bench *b) {
  cudaLibrary_t l;
  cudaKernel_t k;
  OK(b, b->cu->cudaLibraryLoadData(&l, "cusim scale other", NULL, NULL, 0, NULL, NULL, 0));
  OK(b, b->cu->cudaLibraryGetKernel(&k, l, b->wrong ? "other" : "scale"));
  OK(b, b->cu->cudaLibraryUnload(l));
}

static void image_of_a_gpu(Bench *b) {
  cudaLibrary_t l;
  const char *image = b->wrong ? "\x7f"
                                 "ELF"
                               : "cusim scale";
  OK(b, b->cu->cudaLibraryLoadData(&l, image, NULL, NULL, 0, NULL, NULL, 0));
  if (!b->wrong) OK(b, b->cu->cudaLibraryUnload(l));
}

static void argument_missing(Bench *b) {
  const float *x = b->x;
  float *y = b->y, a = 2;
  int32_t n = 32;
  void *args[] = {&x, &y, b->wrong ? NULL : &a, &n};
  CudaAccess accesses[] = {{x, 128, CUDA_READS}, {y, 128, CUDA_WRITES}};
  b->cu->declare(accesses, 2);
  OK(b, b->cu->cudaLaunchKernel((const void *)b->scale, (dim3){1, 1, 1}, (dim3){32, 1, 1}, args, 0,
                                b->s));
}

static void argument_of_host(Bench *b) {
  bench_probe(b, b->s, b->x, b->y, b->wrong ? b->h : b->z, PROBE_NOTHING);
}

static void kernel_after_end(Bench *b) {
  if (b->wrong) {
    OK(b, b->cu->cudaLibraryUnload(b->library));
    b->library = NULL;
  }
  bench_scale(b, b->s, b->x, b->y, 2, N);
}

static void library_after_end(Bench *b) {
  OK(b, b->cu->cudaLibraryUnload(b->library));
  if (b->wrong) OK(b, b->cu->cudaLibraryUnload(b->library));
  b->library = NULL;
}

/* Whether its kernel happens to have run does not matter. */
static void library_busy(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  OK(b, b->cu->cudaStreamSynchronize(b->wrong ? b->t : b->s));
  OK(b, b->cu->cudaLibraryUnload(b->library));
  b->library = NULL;
}

static void not_modelled(Bench *b) {
  nvrtcProgram program;
  const char *header = "";
  OK(b, b->cu->nvrtcCreateProgram(&program, "", "", b->wrong, &header, &header));
  if (!b->wrong) OK(b, b->cu->nvrtcDestroyProgram(&program));
}

const Case cases_kernels[] = {
    {CUSIM_DECLARATION, "a launch that declares nothing", undeclared},
    {CUSIM_DECLARATION, "a declaration without a launch", declared_for_nothing},
    {CUSIM_UNDECLARED_ACCESS, "a kernel reads another buffer", reads_far},
    {CUSIM_UNDECLARED_WRITE, "a kernel writes beside its result", writes_near},
    {CUSIM_UNDECLARED_ACCESS, "a kernel writes its operand", writes_input},
    {CUSIM_UNDECLARED_WRITE, "a kernel writes its operand on the result's page",
     writes_input_beside},
    {CUSIM_LAUNCH_LIMITS, "an empty grid", no_blocks},
    {CUSIM_LAUNCH_LIMITS, "a grid too deep by one", deep_grid},
    {CUSIM_LAUNCH_LIMITS, "a block too large", large_block},
    {CUSIM_LAUNCH_LIMITS, "a block too large by one for its registers", many_registers},
    {CUSIM_LAUNCH_LIMITS, "a byte of shared memory too many", much_shared},
    {CUSIM_LAUNCH_LIMITS, "shared memory that was not asked for", shared_not_asked_for},
    {CUSIM_INVALID, "more shared memory than there is, by one", shared_not_there},
    {CUSIM_KERNEL_NAME, "a name that is not in the image", no_such_kernel},
    {CUSIM_NOT_MODELLED, "a kernel that is not registered", kernel_not_registered},
    {CUSIM_NOT_MODELLED, "an image for a GPU", image_of_a_gpu},
    {CUSIM_KERNEL_ARGUMENT, "an argument is missing", argument_missing},
    {CUSIM_KERNEL_ARGUMENT, "an argument is an address of the host", argument_of_host},
    {CUSIM_HANDLE, "a kernel after its library's end", kernel_after_end},
    {CUSIM_HANDLE, "a library after its end", library_after_end},
    {CUSIM_BUSY, "a library unloaded before its kernel ran", library_busy},
    {CUSIM_NOT_MODELLED, "a text with headers", not_modelled},
};
const uint32_t n_cases_kernels = sizeof cases_kernels / sizeof *cases_kernels;
