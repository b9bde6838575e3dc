/* A second device, which only tests know, as a plug-in: `device_toy.so`.
 *
 * Its memory is another's: the host cannot read it, and it holds no numbers when it is taken.
 * Commands run late, in an order that events allow and a policy picks.  And it keeps account: of
 * who may run at the same time as whom (a race is a fault although the result happens to be right),
 * of bytes that nobody wrote, of memory, kernels and events that are left or used after their end,
 * of waits that nobody needs, and of the host, which must not touch what a command may still read
 * or write.  After a fault every command fails. */
#ifndef TESTS_KERNELS_TOY_TOY_H
#define TESTS_KERNELS_TOY_TOY_H

#include "runtime/device/find.h"

#include <dlfcn.h>

/* Who runs when there is a choice. */
typedef enum ToyOrder {
  TOY_LAZY,   /* nothing before somebody waits for it */
  TOY_EAGER,  /* the streams of steps at once, as far as they can; copies as in TOY_LAZY */
  TOY_RANDOM, /* any number of commands of any stream, by `seed` */
} ToyOrder;

typedef struct ToyControl {
  /* Of devices that are opened next; zero: lazily. */
  ToyOrder order;
  uint64_t seed;
  bool quiet; /* else closing prints the faults to stderr, which is for programs */
  /* What was there since the test cleared it. */
  uint32_t replays; /* sequences that were given whole */
  uint32_t waiting; /* the most launches that waited at a time */
  /* Waits for what was known to have run; events and sequences that are left when a device is
   * closed.  After a failure there may be some. */
  uint32_t loose;
  uint32_t faults;
  char fault[512]; /* the first */
  /* Devices, allocations and kernels that were not released. */
  int64_t alive;
} ToyControl;

/* The device, found by its name beside the test; NULL, with a message, when it is not there. */
static inline const DeviceTable *toy_device(void) {
  const DeviceTable *table;
  Diag *diag = diag_create();
  if (device_find("toy", diag, &table) != STATUS_OK) diag_print(diag, stdout);
  diag_destroy(diag);
  return table;
}

/* What the plug-in exports besides its table. */
static inline ToyControl *toy_control(const DeviceTable *table) {
  Dl_info info;
  void *library =
      table && dladdr(table, &info) ? dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD) : NULL;
  return library ? dlsym(library, "toy_control_data") : NULL;
}

#endif
