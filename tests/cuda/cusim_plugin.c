/* The device `cuda` on the simulator as a plug-in, so that graphc and graphrun run on a GPU that is
 * not there:  graphrun train PLAN --device=build/release/tests/device_cusim.so
 *
 * CUSIM_SEED=N runs commands in random orders by N (lazily without it), CUSIM_CHECKED=1 watches
 * every access of kernels' threads.  A broken rule is told on standard error when the device is
 * closed, and ends the process with code 70: a result that came about by luck is not to be
 * believed. */
#include "runtime/device/plugin.h"

#include "runtime/cuda/device_cuda.h"
#include "runtime/cuda/libraries.h"
#include "tests/cusim/cusim.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t open_devices;
static bool begun;

static void begin(void) {
  const char *seed = getenv("CUSIM_SEED");
  if (begun) return;
  CusimOptions options = {.devices = 1,
                          .memory = (size_t)4 << 30,
                          .order = seed ? CUSIM_RANDOM : CUSIM_LAZY,
                          .seed = seed ? strtoull(seed, NULL, 10) : 0,
                          .fast = !getenv("CUSIM_CHECKED"),
                          .print = true};
  cuda_libraries_replace(cusim_open(&options));
  begun = true;
}

static Status sim_present(const DeviceWishes *wishes, Diag *diag) {
  begin();
  return device_cuda.present(wishes, diag);
}

static Status sim_open(const DeviceOptions *options, Diag *diag, Device **out) {
  begin();
  Status status = device_cuda.open(options, diag, out);
  open_devices += status == STATUS_OK;
  return status;
}

static void sim_close(Device *device) {
  CusimReport report;
  if (!device) return;
  device_cuda.close(device);
  if (--open_devices) return;
  cusim_close(&report);
  cuda_libraries_replace(NULL);
  begun = false;
  if (!report.faults) return;
  fprintf(stderr, "cusim: %u faults, first: %s\n", report.faults, report.text);
  _Exit(70);
}

/* What it can do at most says nothing of a GPU, and finding out takes minutes. */
static Status sim_limits(Device *device, DType type, DeviceLimits *out) {
  (void)device, (void)type;
  *out = (DeviceLimits){1e9, 1e9};
  return STATUS_OK;
}

static DeviceTable device_cusim;

__attribute__((constructor)) static void make_table(void) {
  device_cusim = device_cuda;
  device_cusim.present = sim_present;
  device_cusim.open = sim_open;
  device_cusim.close = sim_close;
  device_cusim.limits = sim_limits;
}

const DevicePlugin graphc_device = {.build = DEVICE_PLUGIN_BUILD, .device = &device_cusim};
