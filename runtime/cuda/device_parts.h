/* The CUDA device's parts, for the files that it is made of. */
#ifndef RUNTIME_CUDA_DEVICE_PARTS_H
#define RUNTIME_CUDA_DEVICE_PARTS_H

#include "kernels/cuda/context.h"
#include "runtime/device/device.h"

typedef struct CudaSequence {
  uint32_t number;
  uint32_t runs;        /* that were launched one by one */
  cudaGraphExec_t exec; /* NULL: not captured */
} CudaSequence;

/* Fetches of the fault words are numbered; `seen` is the last one that is known to have run where
 * the event has happened, or behind what a stream was given. */
typedef struct CudaEvent {
  cudaEvent_t event;
  uint64_t seen;
} CudaEvent;

typedef struct CudaStream {
  cudaStream_t stream;
  uint64_t seen;
} CudaStream;

typedef struct CudaDevice {
  Device device;
  CudaContext context;
  Ranks *ranks;
  CudaStream *streams;
  CudaEvent *events;
  uint32_t n_streams, n_events;
  CudaSequence *sequences;
  uint32_t n_sequences, cap_sequences;
  bool capturing;
  CudaFault *faults;    /* on the host, pinned: as they were fetched last */
  DeviceTag *fault_tag; /* of the launch that used the word last */
  const Kernel **fault_kernel;
  uint64_t fetched, looked; /* numbers of fetches */
  bool eager;               /* nothing is captured */
} CudaDevice;

/* Fails with the library's error, and the tag. */
Status cuda_device_check(CudaDevice *c, cudaError_t code, const char *what, DeviceTag tag);
/* Makes the device's GPU the calling thread's. */
Status cuda_device_use(CudaDevice *c);

/* Puts a copy of the fault words on the stream of steps. */
Status cuda_faults_fetch(CudaDevice *c);

Status cuda_limits(Device *device, DType type, DeviceLimits *out);

/* ---- sequences.c ---- */
Status cuda_sequence_begin(Device *device, DeviceStream stream, uint32_t sequence, bool *out_done);
Status cuda_sequence_end(Device *device, DeviceStream stream, uint32_t sequence, bool whole);
void cuda_sequences_release(CudaDevice *c);

#endif
