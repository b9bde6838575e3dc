/* The host: what is wrong is told it, and it must not touch what a command may still use. */
#include "tests/kernels/toy/parts.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

ToyControl toy_control_data;

static Toy *toys;

Status toy_fault(Toy *t, DeviceTag tag, const char *format, ...) {
  char text[200];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  ToyControl *c = &toy_control_data;
  if (c->faults++ == 0) snprintf(c->fault, sizeof c->fault, "%s", text);
  if (t->failed == STATUS_OK)
    t->failed = device_fail(&t->device, STATUS_SYSTEM, tag, "FAULT: %s", text);
  return t->failed;
}

/* The host touched what it must not: it goes on, and the test hears of it. */
static struct sigaction before;
static void note_touch(int number, siginfo_t *info, void *context) {
  (void)context;
  for (Toy *t = toys; t; t = t->next)
    for (Block *b = t->blocks; b; b = b->next) {
      char *at = info->si_addr;
      if (at < b->at || at >= b->at + b->mapped) continue;
      toy_fault(t, DEVICE_TAG_NONE, "the host touches %s",
                b->released              ? "memory that was released"
                : at >= b->at + b->bytes ? "what lies behind an allocation"
                : b->host                ? "memory that a command may still use"
                                         : "the device's memory");
      mprotect(at - (uintptr_t)at % 4096, 4096, PROT_READ | PROT_WRITE);
      return;
    }
  sigaction(number, &before, NULL); /* not ours: it comes again */
}

void toy_watch(Toy *t) {
  if (!toys) {
    struct sigaction action = {.sa_sigaction = note_touch, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, &before);
  }
  t->next = toys;
  toys = t;
}

void toy_unwatch(Toy *t) {
  Toy **link = &toys;
  while (*link != t) link = &(*link)->next;
  *link = t->next;
  if (!toys) sigaction(SIGSEGV, &before, NULL);
}

/* ---- loans ---- */

void toy_lend(Toy *t, Block *b, const void *at, size_t bytes, bool written, DeviceStream stream) {
  if (t->n_loans == t->cap_loans) {
    t->cap_loans = t->cap_loans ? 2 * t->cap_loans : 64;
    t->loans = realloc(t->loans, t->cap_loans * sizeof *t->loans);
    if (!t->loans) abort();
  }
  t->loans[t->n_loans++] = (Loan){b, at, bytes, written, stream, t->clock[stream].of[stream]};
  block_protect(b, at, bytes, written ? PROT_NONE : PROT_READ);
}

void toy_settle(Toy *t) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->n_loans; i++) {
    const Loan *l = &t->loans[i];
    if (l->number <= t->host.of[l->stream])
      block_protect(l->block, l->at, l->bytes, PROT_READ | PROT_WRITE);
    else
      t->loans[n++] = *l;
  }
  t->n_loans = n;
  for (int written = 0; written < 2; written++)
    for (uint32_t i = 0; i < n; i++) {
      const Loan *l = &t->loans[i];
      if (l->written == written)
        block_protect(l->block, l->at, l->bytes, written ? PROT_NONE : PROT_READ);
    }
}
