/* Pages of a command.
 *
 * A page all of whose bytes are declared alike is opened as they are declared.  Of another page the
 * bytes that are not declared as read are replaced while the command runs, and those that are not
 * declared as written must be unchanged afterwards.  All of this is done where the simulator has
 * the same memory for itself, so that pages in a row change their protection together. */
#include "tests/cusim/opening.h"
#include "tests/cusim/pieces.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A page some of whose bytes must stay, and what they were. */
typedef struct Saved {
  struct Saved *next;
  Block *block;
  size_t page;
  uint32_t first, n; /* pieces on it */
  char bytes[PAGE];
} Saved;

/* Pages in a row of one mode, to be opened together. */
typedef struct Row {
  Block *block;
  size_t first, end;
  int mode;
} Row;

struct Opening {
  Piece *pieces;
  uint32_t n;
  Saved *saved;
  Row row;
};

static size_t first_byte(const Piece *p) {
  return (size_t)(p->block->at - p->block->map) + p->from;
}
static size_t end_byte(const Piece *p) {
  return (size_t)(p->block->at - p->block->map) + p->to;
}

static void flush(Row *row) {
  if (row->end > row->first) block_open(row->block, row->first, row->end, row->mode);
  *row = (Row){0};
}

static void add_pages(Row *row, Block *b, size_t first, size_t end, int mode) {
  if (row->block != b || row->end != first || row->mode != mode) {
    flush(row);
    *row = (Row){b, first, first, mode};
  }
  row->end = end;
}

/* The bytes of a page before, in and behind each piece on it. */
typedef struct Part {
  size_t from, to; /* in the page */
  bool read, write;
} Part;

/* The next part behind *at; false: the page is over.  *i: the first piece that may hold more. */
static bool next_part(const Piece *pieces, uint32_t n, size_t page, uint32_t *i, size_t *at,
                      Part *out) {
  size_t begin = page * PAGE;
  if (*at == PAGE) return false;
  while (*i < n && end_byte(&pieces[*i]) <= begin + *at) ++*i;
  *out = (Part){.from = *at, .to = PAGE};
  if (*i < n && first_byte(&pieces[*i]) < begin + PAGE) {
    const Piece *p = &pieces[*i];
    size_t from = first_byte(p) > begin ? first_byte(p) - begin : 0;
    size_t to = end_byte(p) - begin < PAGE ? end_byte(p) - begin : PAGE;
    if (from <= *at)
      *out = (Part){.from = *at, .to = to, .read = p->read, .write = p->write};
    else
      out->to = from;
  }
  *at = out->to;
  return true;
}

static bool save(Opening *o, Block *b, size_t page, uint32_t first, uint32_t n) {
  Saved *s = malloc(sizeof *s);
  if (!s) return false;
  s->next = o->saved;
  s->block = b;
  s->page = page;
  s->first = first;
  s->n = n;
  memcpy(s->bytes, block_own(b, page), PAGE);
  o->saved = s;
  return true;
}

/* A page with bytes of several kinds; `first`: the first piece on it, of n in the block. */
static bool open_mixed(Opening *o, Block *b, size_t page, uint32_t first, uint32_t n) {
  const Piece *pieces = o->pieces + first;
  size_t at = 0, written = 0, read_only = 0;
  uint32_t i = 0;
  Part part;
  while (next_part(pieces, n, page, &i, &at, &part)) {
    if (part.write) written += part.to - part.from;
    if (part.read && !part.write) read_only += part.to - part.from;
  }
  if (written < PAGE && read_only < PAGE && !save(o, b, page, first, n)) return false;
  char *own = block_own(b, page);
  for (at = 0, i = 0; next_part(pieces, n, page, &i, &at, &part);)
    if (!part.read) memset(own + part.from, NO_NUMBER, part.to - part.from);
  add_pages(&o->row, b, page, page + 1, written ? PROT_READ | PROT_WRITE : PROT_READ);
  return true;
}

/* Pages that are all of one piece. */
static void open_whole(Opening *o, const Piece *p, size_t first, size_t end) {
  if (!p->read) memset(block_own(p->block, first), NO_NUMBER, (end - first) * PAGE);
  add_pages(&o->row, p->block, first, end, p->write ? PROT_READ | PROT_WRITE : PROT_READ);
}

/* All pieces of one block, which are n. */
static bool open_block(Opening *o, uint32_t first, uint32_t n) {
  Block *b = o->pieces[first].block;
  size_t page = 0;
  for (uint32_t i = first; i < first + n;) {
    const Piece *p = &o->pieces[i];
    if (page < first_byte(p) / PAGE) page = first_byte(p) / PAGE;
    size_t whole = end_byte(p) / PAGE;
    if (page * PAGE >= end_byte(p)) {
      i++;
    } else if (first_byte(p) <= page * PAGE && whole > page) {
      open_whole(o, p, page, whole);
      page = whole;
    } else {
      if (!open_mixed(o, b, page, i, first + n - i)) return false;
      page++;
    }
  }
  return true;
}

/* Pinned memory is opened as a whole: what lies beside is the host's. */
static void open_pinned(const Access *a) {
  size_t base = (size_t)(a->block->at - a->block->map);
  if (a->to > a->from)
    block_open(a->block, (base + a->from) / PAGE, (base + a->to - 1) / PAGE + 1,
               PROT_READ | PROT_WRITE);
}

Opening *opening_create(const Access *accesses, uint32_t n) {
  Opening *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->pieces = pieces_of(accesses, n, &o->n);
  bool ok = o->pieces;
  for (uint32_t i = 0, count; ok && i < o->n; i += count) {
    for (count = 1; i + count < o->n && o->pieces[i + count].block == o->pieces[i].block;) count++;
    if (o->pieces[i].block->device >= 0) ok = open_block(o, i, count);
  }
  flush(&o->row);
  for (uint32_t i = 0; ok && i < n; i++)
    if (accesses[i].block->device < 0) open_pinned(&accesses[i]);
  if (ok) return o;
  free(o->pieces);
  free(o);
  return NULL;
}

/* The first byte of the part that is not as it was; PAGE: there is none. */
static size_t changed(const char *now, const char *before, Part part) {
  static char filled[PAGE];
  if (!filled[0]) memset(filled, NO_NUMBER, PAGE);
  const char *expected = part.read ? before : filled;
  size_t at = part.from;
  if (memcmp(now + at, expected + at, part.to - at) == 0) return PAGE;
  while (now[at] == expected[at]) at++;
  return at;
}

/* What was not declared as written must be as it was. */
static void close_saved(const Opening *o, const Saved *s, CudaCall call) {
  const Block *b = s->block;
  char *own = block_own(b, s->page);
  size_t at = 0, wrong = PAGE;
  uint32_t i = 0;
  Part part;
  while (next_part(o->pieces + s->first, s->n, s->page, &i, &at, &part)) {
    if (part.write) continue;
    if (wrong == PAGE) wrong = changed(own, s->bytes, part);
    memcpy(own + part.from, s->bytes + part.from, part.to - part.from);
  }
  if (wrong == PAGE) return;
  ptrdiff_t byte = b->map + s->page * PAGE + wrong - b->at;
  bool in = byte >= 0 && (size_t)byte < b->bytes;
  sim_fault(call, in ? CUSIM_UNDECLARED_WRITE : CUSIM_BOUNDS,
            "the kernel wrote byte %td of an allocation of %zu, which %s", byte, b->bytes,
            in ? "its launch does not declare as written" : "is outside of it");
}

void opening_end(Opening *o, CudaCall call) {
  bool host = false;
  for (uint32_t i = 0; i < o->n; i++) {
    Block *b = o->pieces[i].block;
    if (b->device < 0)
      host = true;
    else
      block_close(b);
  }
  for (Saved *s = o->saved, *next; s; s = next) {
    next = s->next;
    close_saved(o, s, call);
    free(s);
  }
  if (host) memory_settle();
  free(o->pieces);
  free(o);
}
