/* Two mappings of one memory, and the account of each cell. */
#include "tests/kernels/toy/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static size_t pages(size_t bytes) {
  return (bytes + PAGE - 1) / PAGE * PAGE;
}

static bool map_twice(Block *b) {
  size_t size = pages(b->bytes);
  int file = memfd_create("toy", MFD_CLOEXEC);
  b->mapped = size + PAGE;
  b->at = mmap(NULL, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  b->own = MAP_FAILED;
  if (file < 0 || b->at == MAP_FAILED || ftruncate(file, (off_t)size) != 0) goto done;
  int mode = b->host ? PROT_READ | PROT_WRITE : PROT_NONE;
  if (mmap(b->at, size, mode, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) goto done;
  b->own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
done:
  if (file >= 0) close(file);
  return b->own != MAP_FAILED;
}

Block *block_create(size_t bytes, bool host) {
  Block *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  *b = (Block){.bytes = bytes, .host = host};
  bool mapped = map_twice(b);
  b->cells = calloc(bytes / CELL + 1, sizeof *b->cells);
  b->defined = host ? NULL : calloc(bytes + 1, 1);
  if (!mapped || !b->cells || (!host && !b->defined)) {
    block_destroy(b);
    return NULL;
  }
  memset(b->own, 0xff, bytes); /* no number in any type */
  return b;
}

void block_release(Block *b) {
  /* The addresses stay taken, the memory goes. */
  if (mmap(b->at, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
      MAP_FAILED)
    mprotect(b->at, b->mapped, PROT_NONE);
  munmap(b->own, pages(b->bytes));
  free(b->cells);
  free(b->defined);
  b->own = MAP_FAILED;
  b->cells = NULL;
  b->defined = NULL;
  b->released = true;
}

void block_destroy(Block *b) {
  if (b->own != MAP_FAILED) munmap(b->own, pages(b->bytes));
  if (b->at != MAP_FAILED) munmap(b->at, b->mapped);
  free(b->cells);
  free(b->defined);
  free(b);
}

Block *block_find(Block *list, const void *at, size_t bytes) {
  const char *p = at;
  for (Block *b = list; b; b = b->next)
    if (p >= b->at && p <= b->at + b->bytes && bytes <= (size_t)(b->at + b->bytes - p)) return b;
  return NULL;
}

/* ---- who is before whom ---- */

static bool written_before(const Cell *c, const Clock *now, DeviceTag *other) {
  *other = c->tag;
  return c->write <= now->of[c->writer];
}

/* ---- what was written where ---- */

static const char *wrong_value(const char *defined, size_t n) {
  if (memchr(defined, BYTE_UNDEFINED, n)) return "reads bytes that nobody wrote";
  bool filled = defined[0] == BYTE_FILLED;
  for (size_t i = 0; filled && i < n; i++) filled = defined[i] == BYTE_FILLED;
  if (filled) return NULL;
  if (memchr(defined, BYTE_FILLED, n) || memchr(defined, BYTE_LAST, n - 1) ||
      defined[n - 1] != BYTE_LAST)
    return "reads other than was written";
  return NULL;
}

/* Of values that are overwritten in part nothing is left. */
static void write_value(Block *b, size_t first, size_t n) {
  char *d = b->defined;
  size_t end = first + n;
  for (size_t i = first; i > 0 && d[i - 1] == BYTE_WRITTEN; i--) d[i - 1] = BYTE_UNDEFINED;
  bool cut = d[end - 1] == BYTE_WRITTEN;
  for (size_t i = end; cut && i < b->bytes; i++) {
    cut = d[i] == BYTE_WRITTEN;
    d[i] = BYTE_UNDEFINED;
  }
  memset(d + first, BYTE_WRITTEN, n);
  d[end - 1] = BYTE_LAST;
}

void block_filled(Block *b, const void *at, size_t bytes) {
  memset(b->defined + ((const char *)at - b->at), BYTE_FILLED, bytes);
}

void block_forget(Block *b, const void *at, size_t bytes) {
  memset(b->defined + ((const char *)at - b->at), BYTE_UNDEFINED, bytes);
}

/* ---- touching ---- */

const char *block_read(Block *b, const void *at, size_t bytes, DeviceStream stream,
                       const Clock *now, DeviceTag *other) {
  size_t first = (size_t)((const char *)at - b->at);
  for (size_t i = first / CELL; i * CELL < first + bytes; i++) {
    if (!written_before(&b->cells[i], now, other)) return "reads what may not be written yet";
    b->cells[i].read[stream] = now->of[stream];
  }
  *other = DEVICE_TAG_NONE;
  return b->defined ? wrong_value(b->defined + first, bytes) : NULL;
}

const char *block_write(Block *b, const void *at, size_t bytes, DeviceStream stream,
                        const Clock *now, DeviceTag tag, DeviceTag *other) {
  size_t first = (size_t)((const char *)at - b->at);
  for (size_t i = first / CELL; i * CELL < first + bytes; i++) {
    Cell *c = &b->cells[i];
    if (!written_before(c, now, other)) return "writes over what may not be written yet";
    *other = DEVICE_TAG_NONE;
    for (int s = 0; s < TOY_STREAMS; s++)
      if (c->read[s] > now->of[s]) return "writes over what may not be read yet";
    c->write = now->of[stream];
    c->writer = stream;
    c->tag = tag;
  }
  if (b->defined) write_value(b, first, bytes);
  return NULL;
}

void block_protect(Block *b, const void *at, size_t bytes, int mode) {
  size_t first = (size_t)((const char *)at - b->at) / PAGE * PAGE,
         end = pages((size_t)((const char *)at - b->at) + bytes);
  mprotect(b->at + first, end - first, mode);
}
