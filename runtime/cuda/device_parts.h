/* The CUDA device's parts, for the files that it is made of. */
#ifndef RUNTIME_CUDA_DEVICE_PARTS_H
#define RUNTIME_CUDA_DEVICE_PARTS_H

#include "kernels/cuda/context.h"
#include "runtime/device/device.h"

typedef struct CudaSequence {
  uint32_t number;
  uint32_t runs;        /* that were launched one by one */
  cudaGraphExec_t exec; /* NULL: not captured */
  /* Collectives: whether there are any, whose the first is, whether the host has not yet waited for
   * them; when it was begun, and the most seconds that it took from there until it had run. */
  bool meets, pending;
  DeviceTag meeting;
  double began, longest;
} CudaSequence;

/* Of several ranks (collectives.c). */
typedef struct CudaMeet {
  ncclComm_t comm;     /* NULL: this rank runs alone, or they have parted */
  cudaEvent_t reached; /* what the host waits for */
  uint64_t given;      /* how often collectives were given */
  bool pending;        /* there are collectives for which the host has not yet waited: */
  DeviceTag tag;       /* the first of them; */
  double since;        /* when its sequence was begun; */
  double allowed;      /* seconds that may pass besides the ranks' timeout */
} CudaMeet;

/* Fetches of the fault words are numbered; `seen` is the last one that is known to have run where
 * the event has happened, or behind what a stream was given. */
/* Collectives are numbered too: `met` is the last one of this rank's that is known to have run
 * there. */
typedef struct CudaEvent {
  cudaEvent_t event;
  uint64_t seen, met;
} CudaEvent;

typedef struct CudaStream {
  cudaStream_t stream;
  uint64_t seen, met;
} CudaStream;

/* A command between two events (observe.c); of a launch that failed there is no end. */
typedef struct CudaSpan {
  DeviceTag tag;
  uint32_t begin, end; /* places in CudaTimes.events */
  bool ended;
} CudaSpan;

typedef struct CudaTimes {
  DeviceObserver observer; /* NULL: nobody observes */
  void *context;
  cudaEvent_t *events; /* with timing; the first is what the others are counted from */
  uint32_t n_events, cap_events, used;
  CudaSpan *spans; /* that were not told yet */
  uint32_t n_spans, cap_spans;
} CudaTimes;

typedef struct CudaDevice {
  Device device;
  CudaContext context;
  Ranks *ranks;
  CudaStream *streams;
  CudaEvent *events;
  uint32_t n_streams, n_events;
  CudaMeet meet;
  CudaSequence *sequences;
  uint32_t n_sequences, cap_sequences;
  CudaSequence *current; /* that is being given; NULL: none */
  bool capturing;
  bool failed;          /* a command or a wait */
  CudaFault *faults;    /* on the host, pinned: as they were fetched last */
  DeviceTag *fault_tag; /* of the launch that used the word last */
  const Kernel **fault_kernel;
  uint64_t fetched, looked; /* numbers of fetches */
  bool eager;               /* nothing is captured */
  CudaTimes times;
} CudaDevice;

/* Fails with the library's error, and the tag; the device has then failed. */
Status cuda_device_check(CudaDevice *c, cudaError_t code, const char *what, DeviceTag tag);
/* Makes the device's GPU the calling thread's. */
Status cuda_device_use(CudaDevice *c);

/* Puts a copy of the fault words on the stream of steps. */
Status cuda_faults_fetch(CudaDevice *c);

Status cuda_limits(Device *device, DType type, DeviceLimits *out);

/* ---- collectives.c ---- */

/* Connects the ranks' GPUs; all must call it, also a rank whose device has failed to open
 * (`status`) so far.  Does nothing when this rank runs alone. */
Status cuda_ranks_open(CudaDevice *c, Status status, KernelError *error);
void cuda_ranks_close(CudaDevice *c);
Status cuda_collective(Device *device, DeviceStream stream, const DeviceCollective *call,
                       DeviceTag tag);
void cuda_ranks_begin(CudaSequence *sequence);
/* Collectives of the sequence were given to a stream; the first is `tag`'s. */
void cuda_ranks_given(CudaDevice *c, CudaStream *stream, CudaSequence *sequence, DeviceTag tag);
/* Waits for a stream, as long as no rank is lost. */
Status cuda_ranks_wait(CudaDevice *c, const CudaStream *stream);

/* ---- observe.c ---- */
/* Around a command; nothing while nobody observes. */
Status cuda_time_begin(CudaDevice *c, DeviceStream stream, DeviceTag tag);
Status cuda_time_end(CudaDevice *c, DeviceStream stream, DeviceTag tag);
/* Tells the times of what has ended; the host has waited for a stream. */
Status cuda_times_read(CudaDevice *c);
void cuda_observe(Device *device, DeviceObserver observer, void *context);
void cuda_times_release(CudaDevice *c);

/* ---- sequences.c ---- */
Status cuda_sequence_begin(Device *device, DeviceStream stream, uint32_t sequence, bool *out_done);
Status cuda_sequence_end(Device *device, DeviceStream stream, uint32_t sequence, bool whole);
void cuda_sequences_release(CudaDevice *c);

#endif
