/* The CPU as a device: its memory is the host's, and commands have run when the call returns.
 *
 * The host sees the memory itself (host_view), so that nothing is copied on the way in or out, and
 * streams and events have nothing to do.  Memory is mapped in huge pages where they are to be had
 * and touched before the first kernel runs, so that no step meets a page fault. */
#include "kernels/cpu/backend.h"
#include "runtime/device/cpu_limits.h"
#include "runtime/device/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4 << 10)
#define TOUCH_PARTS 64

extern const DeviceTable device_cpu;

typedef struct Block {
  char *at;
  size_t bytes, mapped;
  bool fresh;   /* as it was mapped: zeros, and no page is there */
  bool touched; /* all pages are there */
  struct Block *next;
} Block;

typedef struct Cpu {
  Device device;
  CpuStream stream; /* of all: there is nothing to wait for */
  Block *blocks;
  bool ready; /* all blocks are touched */
  Ranks *ranks;
  DeviceObserver observer;
  void *observer_context;
  DeviceTag tag; /* of the kernel under way, for the observer */
} Cpu;

/* ---- life ---- */

static Status cpu_open(const DeviceOptions *options, Diag *diag, Device **out) {
  *out = NULL;
  TRY(device_wishes_none("cpu", &options->wishes, diag));
  Cpu *c = calloc(1, sizeof *c);
  if (!c) return diag_no_memory(diag, sizeof *c);
  Status status = threads_create(options->threads, diag, &c->stream.threads);
  if (status != STATUS_OK) {
    free(c);
    return status;
  }
  c->device.table = &device_cpu;
  c->ranks = options->ranks;
  *out = &c->device;
  return STATUS_OK;
}

static void cpu_release(Device *device, void *at) {
  Cpu *c = (Cpu *)device;
  for (Block **link = &c->blocks; *link; link = &(*link)->next) {
    Block *b = *link;
    if (b->at != at) continue;
    *link = b->next;
    munmap(b->at, b->mapped);
    free(b);
    return;
  }
}

static void cpu_close(Device *device) {
  Cpu *c = (Cpu *)device;
  if (!c) return;
  while (c->blocks) cpu_release(device, c->blocks->at);
  threads_destroy(c->stream.threads);
  free(c);
}

/* ---- memory ---- */

static int64_t cpu_memory(const Device *device) {
  (void)device;
  return memory_limit();
}

static Status cpu_allocate(Device *device, size_t bytes, void **out) {
  Cpu *c = (Cpu *)device;
  *out = NULL;
  Block *b = calloc(1, sizeof *b);
  if (!b) return device_fail(device, STATUS_SYSTEM, DEVICE_TAG_NONE, "out of memory");
  b->bytes = bytes;
  b->mapped = (bytes + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE;
  void *at = mmap(NULL, b->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    free(b);
    return device_fail(device, STATUS_SYSTEM, DEVICE_TAG_NONE, "cannot map %zu bytes: %s", bytes,
                       strerror(errno));
  }
  madvise(at, b->mapped, MADV_HUGEPAGE); /* a wish: without it pages are small */
  b->at = at;
  b->fresh = true;
  b->next = c->blocks;
  c->blocks = b;
  c->ready = false;
  *out = at;
  return STATUS_OK;
}

/* Only what is used is touched; what is there stays. */
static void touch(void *context, uint32_t part) {
  const Block *b = context;
  size_t huge = (b->bytes + HUGE_PAGE - 1) / HUGE_PAGE;
  size_t from = huge * part / TOUCH_PARTS * HUGE_PAGE,
         to = huge * (part + 1) / TOUCH_PARTS * HUGE_PAGE;
  for (size_t at = from; at < to && at < b->bytes; at += SMALL_PAGE)
    __atomic_fetch_or(b->at + at, 0, __ATOMIC_RELAXED);
}

static void touch_all(Cpu *c) {
  for (Block *b = c->blocks; b; b = b->next) {
    if (!b->touched) threads_run(c->stream.threads, touch, b, TOUCH_PARTS);
    b->touched = true;
    b->fresh = false;
  }
  c->ready = true;
}

static Block *block_of(const Cpu *c, const void *at) {
  Block *b = c->blocks;
  while (b && !((const char *)at >= b->at && (const char *)at < b->at + b->mapped)) b = b->next;
  return b;
}

static void *cpu_host_view(Device *device, void *at) {
  Block *b = block_of((const Cpu *)device, at);
  if (b) b->fresh = false;
  return at;
}

static Status cpu_host_allocate(Device *device, size_t bytes, void **out) {
  *out = aligned_alloc(64, (bytes + 64) / 64 * 64);
  if (*out) return STATUS_OK;
  return device_fail(device, STATUS_SYSTEM, DEVICE_TAG_NONE, "out of memory (%zu bytes)", bytes);
}

static void cpu_host_release(Device *device, void *at) {
  (void)device;
  free(at);
}

/* ---- commands ---- */

static Status cpu_copy(Device *device, DeviceStream stream, const DeviceCopy *copies, uint32_t n,
                       DeviceTag tag) {
  (void)stream, (void)tag;
  for (uint32_t i = 0; i < n; i++) {
    Block *b = block_of((const Cpu *)device, copies[i].to);
    if (b) b->fresh = false;
    if (copies[i].to != copies[i].from) memmove(copies[i].to, copies[i].from, copies[i].bytes);
  }
  return STATUS_OK;
}

static Status cpu_fill(Device *device, DeviceStream stream, void *at, uint8_t value, size_t bytes,
                       DeviceTag tag) {
  (void)stream, (void)tag;
  Block *b = block_of((const Cpu *)device, at);
  if (b && b->fresh && value == 0) return STATUS_OK; /* its pages need not be there yet */
  if (b) b->fresh = false;
  memset(at, value, bytes);
  return STATUS_OK;
}

static Status cpu_launch(Device *device, DeviceStream stream, const Kernel *kernel,
                         const KernelArgs *args, DeviceTag tag) {
  (void)stream;
  Cpu *c = (Cpu *)device;
  if (!c->ready) touch_all(c);
  c->tag = tag;
  Status status = backend_cpu.enqueue(kernel, &c->stream, args, &device->error.what);
  if (status != STATUS_OK) device->error.tag = tag;
  return status;
}

static Status cpu_collective(Device *device, DeviceStream stream, const DeviceCollective *call,
                             DeviceTag tag) {
  (void)stream;
  Cpu *c = (Cpu *)device;
  if (!c->ranks)
    return device_fail(device, STATUS_INVALID, tag, "one process runs a plan of several ranks");
  Status status = ranks_meet(c->ranks, call->kind, call->parts, call->n_parts, call->work);
  return status == STATUS_OK ? STATUS_OK : device_fail(device, status, tag, "%s", c->ranks->error);
}

static Status cpu_event(Device *device, DeviceStream stream, DeviceEvent event, DeviceTag tag) {
  (void)device, (void)stream, (void)event, (void)tag;
  return STATUS_OK;
}

static Status cpu_synchronise(Device *device, DeviceStream stream) {
  (void)device, (void)stream;
  return STATUS_OK;
}

/* ---- bench ---- */

static void note_task(void *context, uint32_t phase, uint32_t task, int64_t begin, int64_t end) {
  const Cpu *c = context;
  c->observer(c->observer_context, c->tag, phase, task, begin, end);
}

static void cpu_observe(Device *device, DeviceObserver observer, void *context) {
  Cpu *c = (Cpu *)device;
  c->observer = observer;
  c->observer_context = context;
  c->stream.observer = observer ? note_task : NULL;
  c->stream.observer_context = c;
}

static uint32_t cpu_parts(const Kernel *kernel) {
  uint32_t n = 0;
  for (uint32_t phase = 0; phase < kernel_phases(kernel); phase++) n += kernel_tasks(kernel, phase);
  return n;
}

static Status cpu_measure(Device *device, DType type, DeviceLimits *out) {
  device->error.tag = DEVICE_TAG_NONE;
  return cpu_limits(((Cpu *)device)->stream.threads, type, out, &device->error.what);
}

const DeviceTable device_cpu = {.name = "cpu",
                                .backend = &backend_cpu,
                                .open = cpu_open,
                                .close = cpu_close,
                                .memory = cpu_memory,
                                .allocate = cpu_allocate,
                                .release = cpu_release,
                                .host_view = cpu_host_view,
                                .host_allocate = cpu_host_allocate,
                                .host_release = cpu_host_release,
                                .copy_in = cpu_copy,
                                .copy_out = cpu_copy,
                                .copy_within = cpu_copy,
                                .fill = cpu_fill,
                                .launch = cpu_launch,
                                .collective = cpu_collective,
                                .record = cpu_event,
                                .wait = cpu_event,
                                .synchronise = cpu_synchronise,
                                .observe = cpu_observe,
                                .parts = cpu_parts,
                                .limits = cpu_measure};
