/* Kernel texts: what NVRTC is told, what is loaded where, threads that do not meet. */
#include "tests/cusim/cases.h"

#include <stdlib.h>
#include <string.h>

/* `wrong` is an argument, so that one text serves. */
const char cases_text_source[] =
    "#define KERNEL meet\n"
    "extern \"C\" __global__ void KERNEL(const float *x, float *y, int wrong) {\n"
    "  __shared__ float tile[64];\n"
    "  int t = threadIdx.x;\n"
    "  if (wrong != 1 || t < 32) __syncthreads();\n"
    "  tile[t] = x[t];\n"
    "  __syncthreads();\n"
    "  float v = tile[(t & 32) + (t + 1) % 32];\n"
    "  if (wrong == 2 && t == 5) return;\n"
    "  __syncthreads();\n"
    "  if (wrong == 3 && t >= 32)\n"
    "    __syncthreads();\n"
    "  else\n"
    "    __syncthreads();\n"
    "  y[t] = v;\n"
    "}\n"
    "__device__ float lowest(float v, int t, int wrong) {\n"
    "  if (wrong == 1 && t % 32 == 7) return v;\n"
    "  float w = __shfl_xor_sync(wrong == 2 && t == 40 ? 0xffffu : 0xffffffffu, v, 1);\n"
    "  if (wrong == 3 && t == 41)\n"
    "    w = __shfl_xor_sync(0xffffffffu, w, 2);\n"
    "  else\n"
    "    w = __shfl_xor_sync(0xffffffffu, w, 2);\n"
    "  if (t < 16) w = __shfl_down_sync(wrong == 4 ? 0xffu : 0xffffu, w, 1, 16);\n"
    "  if (t < 16) w = __shfl_sync(0xffffu, w, wrong == 5 ? 16 : 15);\n"
    "  if (wrong == 6 && t == 33)\n"
    "    __syncwarp();\n"
    "  else\n"
    "    w += (float)__popc(__ballot_sync(0xffffffffu, t & 1));\n"
    "  return w;\n"
    "}\n"
    "#undef KERNEL\n"
    "#define KERNEL exchange\n"
    "extern \"C\" __global__ void KERNEL(const float *x, float *y, int wrong) {\n"
    "  int t = threadIdx.x;\n"
    "  float v = lowest(x[t], t, wrong);\n"
    "  __syncwarp();\n"
    "  y[t] = v;\n"
    "}\n";

static void run(Bench *b, const char *kernel, int32_t wrong) {
  const float *x = b->x;
  float *y = b->y;
  cudaLibrary_t library = bench_load(b, cases_text_source, "sm_90", true);
  if (!library) return;
  int32_t how = b->wrong ? wrong : 0;
  bench_launch(b, bench_kernel(b, library, kernel), (dim3){1, 1, 1}, (dim3){64, 1, 1}, 0,
               (void *[]){&x, &y, &how},
               (CudaAccess[]){{x, 256, CUDA_READS}, {y, 256, CUDA_WRITES}}, 2);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaLibraryUnload(library));
}

static void barrier_of_half(Bench *b) {
  run(b, "meet", 1);
}
static void barrier_after_end(Bench *b) {
  run(b, "meet", 2);
}
static void two_barriers(Bench *b) {
  run(b, "meet", 3);
}
static void lane_ended(Bench *b) {
  run(b, "exchange", 1);
}
static void other_mask(Bench *b) {
  run(b, "exchange", 2);
}
static void two_shuffles(Bench *b) {
  run(b, "exchange", 3);
}
static void not_in_own_mask(Bench *b) {
  run(b, "exchange", 4);
}
static void value_of_none(Bench *b) {
  run(b, "exchange", 5);
}
static void sync_and_ballot(Bench *b) {
  run(b, "exchange", 6);
}

static void other_architecture(Bench *b) {
  cudaLibrary_t l = bench_load(b, cases_text_source, b->wrong ? "sm_80" : "sm_90", true);
  if (l) OK(b, b->cu->cudaLibraryUnload(l));
}

/* ---- what NVRTC is told ---- */

static void compile(Bench *b, const char *source, const char *option) {
  const char *const options[] = {"-arch=sm_90", "-fmad=false", option};
  nvrtcProgram program;
  OK(b, b->cu->nvrtcCreateProgram(&program, source, "case.cu", 0, NULL, NULL));
  OK(b, b->cu->nvrtcCompileProgram(program, 2 + (option != NULL), options));
  OK(b, b->cu->nvrtcDestroyProgram(&program));
}
static const char empty[] = "extern \"C\" __global__ void f(float *x) {\n}\n";

static void fast_math(Bench *b) {
  compile(b, empty, b->wrong ? "--use_fast_math" : "--ftz=false");
}
static void contraction(Bench *b) {
  compile(b, empty, b->wrong ? "--fmad=true" : "--fmad=false");
}
static void unknown_architecture(Bench *b) {
  compile(b, empty, b->wrong ? "--gpu-architecture=compute_90" : "--gpu-architecture=sm_90");
}

static void no_architecture(Bench *b) {
  const char *const options[] = {"--fmad=false", b->wrong ? "-w" : "-arch=sm_80"};
  nvrtcProgram program;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, "case.cu", 0, NULL, NULL));
  OK(b, b->cu->nvrtcCompileProgram(program, 2, options));
  OK(b, b->cu->nvrtcDestroyProgram(&program));
}

static void compiled_twice(Bench *b) {
  const char *const options[] = {"-arch=sm_90", "-fmad=false"};
  nvrtcProgram program;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, "case.cu", 0, NULL, NULL));
  for (int i = 0; i < 1 + b->wrong; i++) OK(b, b->cu->nvrtcCompileProgram(program, 2, options));
  OK(b, b->cu->nvrtcDestroyProgram(&program));
}

static void not_compiled(Bench *b) {
  const char *const options[] = {"-arch=sm_90", "-fmad=false"};
  nvrtcProgram program;
  size_t size;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, "case.cu", 0, NULL, NULL));
  if (!b->wrong) OK(b, b->cu->nvrtcCompileProgram(program, 2, options));
  OK(b, b->cu->nvrtcGetProgramLogSize(program, &size));
  OK(b, b->cu->nvrtcDestroyProgram(&program));
}

/* Does not compile, which is no fault: there is no image of it, which is one to ask for. */
static void no_image(Bench *b) {
  const char *const options[] = {"-arch=sm_90", "-fmad=false"};
  nvrtcProgram program;
  size_t size;
  OK(b, b->cu->nvrtcCreateProgram(&program, "extern \"C\" __global__ void f() { x; }", "case.cu", 0,
                                  NULL, NULL));
  OK(b, b->cu->nvrtcCompileProgram(program, 2, options) != NVRTC_ERROR_COMPILATION);
  OK(b, b->wrong ? b->cu->nvrtcGetCUBINSize(program, &size)
                 : b->cu->nvrtcGetProgramLogSize(program, &size));
  OK(b, b->cu->nvrtcDestroyProgram(&program));
}

static void program_left(Bench *b) {
  nvrtcProgram program;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, "case.cu", 0, NULL, NULL));
  if (!b->wrong) OK(b, b->cu->nvrtcDestroyProgram(&program));
}

static void program_after_end(Bench *b) {
  nvrtcProgram program, again;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, "case.cu", 0, NULL, NULL));
  again = program;
  OK(b, b->cu->nvrtcDestroyProgram(&program));
  if (b->wrong) OK(b, b->cu->nvrtcDestroyProgram(&again));
}

static void no_text(Bench *b) {
  nvrtcProgram program = NULL;
  OK(b, b->cu->nvrtcCreateProgram(&program, b->wrong ? NULL : empty, NULL, 0, NULL, NULL));
  if (!b->wrong) OK(b, b->cu->nvrtcDestroyProgram(&program));
}

static void library_left(Bench *b) {
  cudaLibrary_t l = bench_load(b, cases_text_source, "sm_90", true);
  if (!b->wrong) OK(b, b->cu->cudaLibraryUnload(l));
}

static void no_such_kernel(Bench *b) {
  cudaKernel_t k;
  cudaLibrary_t l = bench_load(b, cases_text_source, "sm_90", true);
  OK(b, b->cu->cudaLibraryGetKernel(&k, l, b->wrong ? "lowest" : "meet"));
  OK(b, b->cu->cudaLibraryUnload(l));
}

static void beyond_bounds(Bench *b) {
  const float *x = b->x;
  float *y = b->y;
  cudaLibrary_t l = bench_load(b,
                               "extern \"C\" __global__ void __launch_bounds__(2 * (16 + 16), 1)\n"
                               "f(const float *x, float *y) {\n  y[threadIdx.x] = x[0];\n}\n",
                               "sm_90", true);
  bench_launch(b, bench_kernel(b, l, "f"), (dim3){1, 1, 1}, (dim3){64 + b->wrong, 1, 1}, 0,
               (void *[]){&x, &y}, (CudaAccess[]){{x, 4, CUDA_READS}, {y, 256, CUDA_WRITES}}, 2);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaLibraryUnload(l));
}

/* 64 bytes more than 48 KiB, in a kernel and in a function that it calls. */
static void much_static(Bench *b) {
  cudaKernel_t k;
  cudaLibrary_t l =
      bench_load(b,
                 "static __device__ float f(int t) {\n"
                 "  __shared__ float tile[4096];\n  tile[t] = 1;\n  return tile[t];\n}\n"
                 "extern \"C\" __global__ void right(float *x) {\n"
                 "  __shared__ float tile[8192];\n  tile[threadIdx.x] = f(threadIdx.x);\n"
                 "  x[threadIdx.x] = tile[threadIdx.x];\n}\n"
                 "extern \"C\" __global__ void wrong(float *x) {\n"
                 "  __shared__ float tile[8208];\n  tile[threadIdx.x] = f(threadIdx.x);\n"
                 "  x[threadIdx.x] = tile[threadIdx.x];\n}\n",
                 "sm_90", true);
  OK(b, b->cu->cudaLibraryGetKernel(&k, l, b->wrong ? "wrong" : "right"));
  OK(b, b->cu->cudaLibraryUnload(l));
}

/* A struct by value, of which the last one is not in 4 KiB any more. */
static void many_arguments(Bench *b) {
  float *y = b->y;
  static const char large[4096];
  cudaLibrary_t l = bench_load(b,
                               "struct Large { char bytes[4080]; };\n"
                               "struct Larger { char bytes[4096]; };\n"
                               "extern \"C\" __global__ void right(float *y, Large s) {\n"
                               "  y[0] = s.bytes[4079];\n}\n"
                               "extern \"C\" __global__ void wrong(float *y, Larger s) {\n"
                               "  y[0] = s.bytes[4079];\n}\n",
                               "sm_90", true);
  bench_launch(b, bench_kernel(b, l, b->wrong ? "wrong" : "right"), (dim3){1, 1, 1},
               (dim3){1, 1, 1}, 0, (void *[]){&y, (void *)(uintptr_t)large},
               (CudaAccess[]){{y, 4, CUDA_WRITES}}, 1);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaLibraryUnload(l));
}

static void many_blocks(Bench *b) {
  cudaLibrary_t l = bench_load(b, "extern \"C\" __global__ void f() {\n}\n", "sm_90", true);
  bench_launch(b, bench_kernel(b, l, "f"), (dim3){b->wrong ? 65536 : 8, b->wrong ? 65535 : 8, 2},
               (dim3){1, 1, 1}, 0, NULL, NULL, 0);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaLibraryUnload(l));
}

static void odd_name(Bench *b) {
  nvrtcProgram program = NULL;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, b->wrong ? "a\"b" : "a b", 0, NULL, NULL));
  if (program) OK(b, b->cu->nvrtcDestroyProgram(&program));
}
static void macro_without_name(Bench *b) {
  compile(b, empty, b->wrong ? "-D" : "-DA=1");
}

/* What NVRTC made, changed on its way to the loader. */
static void damaged_image(Bench *b) {
  const char *const options[] = {"-arch=sm_90", "-fmad=false"};
  nvrtcProgram program;
  cudaLibrary_t library = NULL;
  size_t size = 0;
  OK(b, b->cu->nvrtcCreateProgram(&program, empty, "case.cu", 0, NULL, NULL));
  OK(b, b->cu->nvrtcCompileProgram(program, 2, options));
  OK(b, b->cu->nvrtcGetCUBINSize(program, &size));
  char *image = calloc(1, size + 1), *brace;
  OK(b, b->cu->nvrtcGetCUBIN(program, image));
  brace = memchr(image, '{', size);
  if (b->wrong && brace) *brace = '(';
  OK(b, b->cu->cudaLibraryLoadData(&library, image, NULL, NULL, 0, NULL, NULL, 0));
  free(image);
  if (library) OK(b, b->cu->cudaLibraryUnload(library));
  OK(b, b->cu->nvrtcDestroyProgram(&program));
}

/* ---- the dialect ---- */

#define DIALECT(name, right, not_of_it)                                                            \
  static void name(Bench *b) {                                                                     \
    compile(b, b->wrong ? not_of_it : right, NULL);                                                \
  }
DIALECT(a_template, empty, "template <class T> __device__ T f(T x) { return x; }")
DIALECT(a_pragma, "#pragma unroll 4\n", "#pragma omp simd\n")
DIALECT(assembly, empty, "__device__ void f() { asm(\"exit;\"); }")
DIALECT(an_intrinsic, "__device__ float f(float x) { return __fadd_rn(x, 1); }",
        "__device__ float f(float x) { return __fadd_rz(x, 1); }")
DIALECT(mangled, empty, "__global__ void f(float *x) {\n}\n")
DIALECT(device_variable, "__device__ const float x[2] = {1, 2};", "__device__ float x[2];")
DIALECT(static_variable, "__device__ int f() { int n = 0; return n++; }",
        "__device__ int f() { static int n = 0; return n++; }")
DIALECT(file_shared, empty, "__shared__ float x[4];")
DIALECT(shared_pointer, empty, "__device__ void f() { extern __shared__ float x; x = 1; }")
DIALECT(many_names, empty,
        "#define N(x) { extern __shared__ float x[]; x[0] = 1; }\n"
        "__device__ void f() { N(a) N(b) N(c) N(d) N(e) N(g) N(h) N(i) N(j) }")
DIALECT(long_double, empty, "__device__ double f(long double x) { return x; }")
DIALECT(own_name, empty, "__device__ float cusim_f(float x) { return x; }")
DIALECT(no_bounds, empty, "extern \"C\" __global__ void __launch_bounds__() f() {}")
DIALECT(close_brace, empty, "__device__ float f(float x) { return x; }}")
DIALECT(open_quote, empty, "__device__ char f() { return '; }")
DIALECT(open_brace, empty, "extern \"C\" __global__ void f(float *x) {\n")

const Case cases_text[] = {
    {CUSIM_DIVERGENCE, "a barrier that only the first warp reaches", barrier_of_half},
    {CUSIM_DIVERGENCE, "a barrier after a thread has ended", barrier_after_end},
    {CUSIM_DIVERGENCE, "two barriers at a time", two_barriers},
    {CUSIM_DIVERGENCE, "a shuffle that a lane left out", lane_ended},
    {CUSIM_DIVERGENCE, "a shuffle with another mask", other_mask},
    {CUSIM_DIVERGENCE, "two shuffles at a time", two_shuffles},
    {CUSIM_DIVERGENCE, "a lane that is not in its own mask", not_in_own_mask},
    {CUSIM_DIVERGENCE, "the value of a lane that is not there", value_of_none},
    {CUSIM_DIVERGENCE, "a lane waits while others vote", sync_and_ballot},
    {CUSIM_ARCHITECTURE, "an image for another architecture", other_architecture},
    {CUSIM_NOT_MODELLED, "fast mathematics", fast_math},
    {CUSIM_NOT_MODELLED, "contraction", contraction},
    {CUSIM_NOT_MODELLED, "a virtual architecture", unknown_architecture},
    {CUSIM_INVALID, "no architecture", no_architecture},
    {CUSIM_NOT_MODELLED, "a program compiled twice", compiled_twice},
    {CUSIM_INVALID, "the log of what was not compiled", not_compiled},
    {CUSIM_INVALID, "the image of what did not compile", no_image},
    {CUSIM_LEAK, "a program left", program_left},
    {CUSIM_HANDLE, "a program after its end", program_after_end},
    {CUSIM_INVALID, "a program without a text", no_text},
    {CUSIM_LEAK, "a library of a text left", library_left},
    {CUSIM_KERNEL_NAME, "a function that is no kernel", no_such_kernel},
    {CUSIM_LAUNCH_LIMITS, "one thread more than launch bounds", beyond_bounds},
    {CUSIM_LAUNCH_LIMITS, "64 bytes of static shared memory too many", much_static},
    {CUSIM_LAUNCH_LIMITS, "16 bytes of arguments too many", many_arguments},
    {CUSIM_NOT_MODELLED, "more blocks than are counted", many_blocks},
    {CUSIM_NOT_MODELLED, "a program with a quote in its name", odd_name},
    {CUSIM_NOT_MODELLED, "a macro without a name", macro_without_name},
    {CUSIM_NOT_MODELLED, "a damaged image", damaged_image},
    {CUSIM_NOT_MODELLED, "shared memory outside of a function", file_shared},
    {CUSIM_NOT_MODELLED, "dynamic shared memory that is no array", shared_pointer},
    {CUSIM_NOT_MODELLED, "nine names of dynamic shared memory", many_names},
    {CUSIM_NOT_MODELLED, "long double", long_double},
    {CUSIM_NOT_MODELLED, "a name of the simulator", own_name},
    {CUSIM_NOT_MODELLED, "launch bounds without a number", no_bounds},
    {CUSIM_NOT_MODELLED, "a brace too many", close_brace},
    {CUSIM_NOT_MODELLED, "a quote that is not closed", open_quote},
    {CUSIM_NOT_MODELLED, "a template", a_template},
    {CUSIM_NOT_MODELLED, "a pragma", a_pragma},
    {CUSIM_NOT_MODELLED, "assembly", assembly},
    {CUSIM_NOT_MODELLED, "an intrinsic of another rounding", an_intrinsic},
    {CUSIM_NOT_MODELLED, "a kernel of C++", mangled},
    {CUSIM_NOT_MODELLED, "a variable of the device", device_variable},
    {CUSIM_NOT_MODELLED, "a static variable", static_variable},
    {CUSIM_NOT_MODELLED, "a brace that is not closed", open_brace},
};
const uint32_t n_cases_text = sizeof cases_text / sizeof *cases_text;
