/* Memory: whose it is, what it holds, what is left of it. */
#include "tests/cusim/cases.h"

static void copy(Bench *b, void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
  OK(b, b->cu->cudaMemcpyAsync(to, from, bytes, kind, b->s));
}

static void sync(Bench *b) {
  OK(b, b->cu->cudaStreamSynchronize(b->s));
}

static void host_for_device(Bench *b) {
  copy(b, b->wrong ? b->h : b->y, b->x, BYTES, cudaMemcpyDeviceToDevice);
}

static void stack_for_device(Bench *b) {
  float there[4] = {0};
  OK(b, b->cu->cudaMemsetAsync(b->wrong ? there : b->y, 0, sizeof there, b->s));
}

static void host_for_kernel(Bench *b) {
  bench_scale(b, b->s, b->wrong ? b->h : b->x, b->y, 2, N);
}

static void device_for_host(Bench *b) {
  copy(b, b->wrong ? b->y : b->h, b->x, BYTES, cudaMemcpyDeviceToHost);
}

static void pageable_source(Bench *b) {
  static float there[N];
  copy(b, b->y, b->wrong ? there : b->h, BYTES, cudaMemcpyHostToDevice);
}

static void pageable_result(Bench *b) {
  static float there[N];
  copy(b, b->wrong ? there : b->h, b->x, BYTES, cudaMemcpyDeviceToHost);
}

static void copy_too_long(Bench *b) {
  copy(b, b->h, b->x, BYTES + b->wrong, cudaMemcpyDeviceToHost);
}

static void copy_from_before(Bench *b) {
  copy(b, b->h, b->x - b->wrong, 16, cudaMemcpyDeviceToHost);
}

static void fill_too_long(Bench *b) {
  OK(b, b->cu->cudaMemsetAsync(b->y + 1, 0, BYTES - (b->wrong ? 0 : sizeof(float)), b->s));
}

static void declare_too_long(Bench *b) {
  bench_scale(b, b->s, b->x + 8, b->y, 2, N - 8 + b->wrong);
}

static void write_behind(Bench *b) {
  bench_probe(b, b->s, b->x, b->y + N - 4, NULL, PROBE_NOTHING);
  bench_probe(b, b->s, b->x, b->y, NULL, b->wrong ? PROBE_WRITE_GUARD : PROBE_NOTHING);
}

/* Far from it at once, near it when it is released. */
static void host_beside(Bench *b) {
  volatile float *h = b->h;
  h[b->wrong ? -1024 : N - 1] = 0;
}

static void host_behind(Bench *b) {
  volatile float *h = b->h;
  h[b->wrong ? N : N - 1] = 0;
}

static void use_released(Bench *b) {
  float *w;
  OK(b, b->cu->cudaMalloc((void **)&w, BYTES));
  if (b->wrong) OK(b, b->cu->cudaFree(w));
  copy(b, w, b->x, BYTES, cudaMemcpyDeviceToDevice);
  sync(b);
  if (!b->wrong) OK(b, b->cu->cudaFree(w));
}

static void host_uses_released(Bench *b) {
  volatile float *w;
  OK(b, b->cu->cudaHostAlloc((void **)(uintptr_t)&w, BYTES, cudaHostAllocPortable));
  if (b->wrong) OK(b, b->cu->cudaFreeHost((void *)(uintptr_t)w));
  w[0] = 1;
  if (!b->wrong) OK(b, b->cu->cudaFreeHost((void *)(uintptr_t)w));
}

static void release_inner(Bench *b) {
  OK(b, b->cu->cudaFree(b->y + b->wrong));
  if (!b->wrong) b->y = NULL;
}

static void release_as_host(Bench *b) {
  OK(b, b->wrong ? b->cu->cudaFreeHost(b->y) : b->cu->cudaFree(b->y));
  if (!b->wrong) b->y = NULL;
}

static void release_twice(Bench *b) {
  OK(b, b->cu->cudaFree(b->y));
  if (!b->wrong) b->y = NULL;
}

static void read_undefined(Bench *b) {
  if (!b->wrong) OK(b, b->cu->cudaMemsetAsync(b->y, 0, BYTES, b->s));
  copy(b, b->h, b->y, BYTES, cudaMemcpyDeviceToHost);
}

/* Moving such bytes is no fault, using them is; also when only the last of them is missing. */
static void read_undefined_copy(Bench *b) {
  copy(b, b->y, b->x, BYTES - (b->wrong ? 1 : 0), cudaMemcpyDeviceToDevice);
  copy(b, b->z, b->y, BYTES, cudaMemcpyDeviceToDevice);
  bench_scale(b, b->s, b->z, b->y, 2, N);
}

static void direction_turned(Bench *b) {
  copy(b, b->y, b->h, BYTES, b->wrong ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice);
}

static void direction_unsaid(Bench *b) {
  copy(b, b->y, b->h, BYTES, b->wrong ? cudaMemcpyDefault : cudaMemcpyHostToDevice);
}

static void copy_overlaps(Bench *b) {
  copy(b, b->x + (b->wrong ? 499 : 500), b->x, 500 * sizeof(float), cudaMemcpyDeviceToDevice);
}

static void other_device(Bench *b) {
  float *w;
  if (b->wrong) OK(b, b->cu->cudaSetDevice(1));
  OK(b, b->cu->cudaMalloc((void **)&w, BYTES));
  copy(b, w, b->x, BYTES, cudaMemcpyDeviceToDevice);
  sync(b);
  OK(b, b->cu->cudaFree(w));
  OK(b, b->cu->cudaSetDevice(0));
}

static void host_reads_device(Bench *b) {
  volatile const float *at = b->wrong ? b->x : b->h;
  (void)at[3];
}

static void host_writes_device(Bench *b) {
  volatile float *at = b->wrong ? b->x : b->h;
  at[3] = 1;
}

static void host_reads_early(Bench *b) {
  volatile const float *h = b->h;
  copy(b, b->h, b->x, BYTES, cudaMemcpyDeviceToHost);
  if (!b->wrong) sync(b);
  (void)h[7];
}

static void host_writes_early(Bench *b) {
  volatile float *h = b->h;
  copy(b, b->y, b->h, BYTES, cudaMemcpyHostToDevice);
  (void)h[7]; /* may be read */
  if (!b->wrong) sync(b);
  h[7] = 3;
}

/* Waiting for another stream does not help. */
static void host_waits_elsewhere(Bench *b) {
  volatile const float *h = b->h;
  copy(b, b->h, b->x, BYTES, cudaMemcpyDeviceToHost);
  OK(b, b->cu->cudaStreamSynchronize(b->wrong ? b->t : b->s));
  (void)h[7];
}

static void leak_memory(Bench *b) {
  if (b->wrong) b->z = NULL;
}

static void leak_host(Bench *b) {
  if (b->wrong) b->h = NULL;
}

static void leak_stream(Bench *b) {
  if (b->wrong) b->t = NULL;
}

static void leak_event(Bench *b) {
  if (b->wrong) b->event = NULL;
}

static void leak_library(Bench *b) {
  if (b->wrong) b->library = NULL;
}

static void release_busy(Bench *b) {
  copy(b, b->y, b->x, BYTES, cudaMemcpyDeviceToDevice);
  if (!b->wrong) sync(b);
  OK(b, b->cu->cudaFree(b->x));
  b->x = NULL;
}

static void release_host_busy(Bench *b) {
  copy(b, b->y, b->h, BYTES, cudaMemcpyHostToDevice);
  if (!b->wrong) sync(b);
  OK(b, b->cu->cudaFreeHost(b->h));
  b->h = NULL;
}

static void host_flags(Bench *b) {
  void *w = NULL;
  OK(b, b->cu->cudaHostAlloc(&w, 8, b->wrong ? cudaHostAllocMapped : cudaHostAllocDefault));
  OK(b, b->cu->cudaFreeHost(w));
}

static void device_number(Bench *b) {
  OK(b, b->cu->cudaSetDevice(b->wrong ? 2 : 1));
  OK(b, b->cu->cudaSetDevice(0));
}

const Case cases_memory[] = {
    {CUSIM_HOST_POINTER, "pinned memory as a result on the device", host_for_device},
    {CUSIM_HOST_POINTER, "the stack as device memory", stack_for_device},
    {CUSIM_HOST_POINTER, "pinned memory as a kernel's operand", host_for_kernel},
    {CUSIM_DEVICE_POINTER, "device memory as a result on the host", device_for_host},
    {CUSIM_PAGEABLE, "a copy from memory that is not pinned", pageable_source},
    {CUSIM_PAGEABLE, "a copy to memory that is not pinned", pageable_result},
    {CUSIM_BOUNDS, "a copy of a byte too many", copy_too_long},
    {CUSIM_BOUNDS, "a copy that begins before", copy_from_before},
    {CUSIM_BOUNDS, "a fill that ends behind", fill_too_long},
    {CUSIM_BOUNDS, "a declaration of an element too many", declare_too_long},
    {CUSIM_BOUNDS, "a kernel that writes behind its result", write_behind},
    {CUSIM_BOUNDS, "the host beside pinned memory", host_beside},
    {CUSIM_BOUNDS, "the host an element behind pinned memory", host_behind},
    {CUSIM_FREED, "device memory after its end", use_released},
    {CUSIM_FREED, "pinned memory after its end, by the host", host_uses_released},
    {CUSIM_BAD_FREE, "an address within", release_inner},
    {CUSIM_BAD_FREE, "device memory as pinned memory", release_as_host},
    {CUSIM_DOUBLE_FREE, "released twice", release_twice},
    {CUSIM_UNDEFINED, "a copy out of what nobody wrote", read_undefined},
    {CUSIM_UNDEFINED, "a kernel's operand, copied but for a byte", read_undefined_copy},
    {CUSIM_DIRECTION, "the other direction", direction_turned},
    {CUSIM_DIRECTION, "no direction", direction_unsaid},
    {CUSIM_OVERLAP, "a copy onto itself, by an element", copy_overlaps},
    {CUSIM_WRONG_DEVICE, "memory of another device", other_device},
    {CUSIM_HOST_ACCESS, "the host reads device memory", host_reads_device},
    {CUSIM_HOST_ACCESS, "the host writes device memory", host_writes_device},
    {CUSIM_HOST_RACE, "the host reads before the copy is there", host_reads_early},
    {CUSIM_HOST_RACE, "the host writes what is still to be sent", host_writes_early},
    {CUSIM_HOST_RACE, "the host waits for the other stream", host_waits_elsewhere},
    {CUSIM_LEAK, "device memory", leak_memory},
    {CUSIM_LEAK, "pinned memory", leak_host},
    {CUSIM_LEAK, "a stream", leak_stream},
    {CUSIM_LEAK, "an event", leak_event},
    {CUSIM_LEAK, "a library", leak_library},
    {CUSIM_BUSY, "device memory released before its copy ran", release_busy},
    {CUSIM_BUSY, "pinned memory released before its copy ran", release_host_busy},
    {CUSIM_NOT_MODELLED, "a flag that is not modelled", host_flags},
    {CUSIM_INVALID, "a device that is not there", device_number},
};
const uint32_t n_cases_memory = sizeof cases_memory / sizeof *cases_memory;
