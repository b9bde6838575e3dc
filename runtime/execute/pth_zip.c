/* Only the directory at the end says what is in the archive; of a record's own header nothing but
 * its length is taken.  No two records share bytes, so the work is bounded by the file's size. */
#include "runtime/execute/pth_zip.h"

#include "graph/base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define END_SIZE 22u     /* end of the directory */
#define END64_SIZE 56u   /* the same of 64 bits */
#define LOCATOR_SIZE 20u /* where the latter is */
#define ENTRY_SIZE 46u
#define HEADER_SIZE 30u
#define COMMENT_MAX 65535u

static const char damaged_hint[] = "was the file copied whole?";

static uint64_t number(const char *at, int bytes) {
  uint64_t n = 0;
  for (int i = 0; i < bytes; i++) n |= (uint64_t)(unsigned char)at[i] << 8 * i;
  return n;
}

static bool has(const Zip *z, size_t at, size_t bytes) {
  return at <= z->length && bytes <= z->length - at;
}

static bool is_signed(const Zip *z, size_t at, const char *signature) {
  return memcmp(z->bytes + at, signature, 4) == 0;
}

static Status damaged(const Zip *z, size_t at, Diag *diag, const char *what) {
  char place[PATH_MAX + 32];
  text_format(place, sizeof place, "%s: byte %zu", z->path, at);
  return diag_error(diag, STATUS_INVALID, place, damaged_hint, "the zip archive is damaged: %s",
                    what);
}

/* ---- CRC-32 (ISO 3309), eight bytes at a time ---- */

static void crc_init(uint32_t table[8][256]) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 8; k++)
      table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

static uint32_t crc_of(const uint32_t table[8][256], const char *bytes, size_t n) {
  uint32_t c = UINT32_MAX;
  const unsigned char *b = (const unsigned char *)bytes;
  for (; n >= 8; n -= 8, b += 8) {
    uint32_t low = c ^ (uint32_t)number((const char *)b, 4);
    c = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
        table[4][low >> 24] ^ table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]] ^ table[0][b[7]];
  }
  while (n--) c = table[0][(c ^ *b++) & 0xff] ^ c >> 8;
  return ~c;
}

/* ---- the directory ---- */

typedef struct Directory {
  uint64_t n, size, at;
} Directory;

/* The end of the directory is the end of the file but for a comment. */
static bool find_end(const Zip *z, size_t *out) {
  if (z->length < END_SIZE) return false;
  size_t last = z->length - END_SIZE, most = last < COMMENT_MAX ? last : COMMENT_MAX;
  for (size_t back = 0; back <= most; back++)
    if (is_signed(z, last - back, "PK\5\6") && number(z->bytes + last - back + 20, 2) == back) {
      *out = last - back;
      return true;
    }
  return false;
}

static Status read_end(const Zip *z, Directory *d, Diag *diag) {
  size_t end;
  if (!find_end(z, &end)) return damaged(z, z->length, diag, "it has no directory at its end");
  const char *at = z->bytes + end;
  *d = (Directory){number(at + 10, 2), number(at + 12, 4), number(at + 16, 4)};
  if (end >= LOCATOR_SIZE && is_signed(z, end - LOCATOR_SIZE, "PK\6\7")) {
    uint64_t at64 = number(z->bytes + end - LOCATOR_SIZE + 8, 8);
    if (at64 > z->length || !has(z, (size_t)at64, END64_SIZE) ||
        !is_signed(z, (size_t)at64, "PK\6\6"))
      return damaged(z, end, diag, "its directory of 64 bits is not where it says");
    at = z->bytes + at64;
    *d = (Directory){number(at + 32, 8), number(at + 40, 8), number(at + 48, 8)};
  }
  if (d->at <= end && d->size <= end - d->at && d->n <= d->size / ENTRY_SIZE) return STATUS_OK;
  return damaged(z, end, diag, "its directory is not where it says");
}

/* What does not fit into 32 bits stands in the extra field 1, in this order. */
static bool read_extra(const char *extra, size_t length, ZipRecord *r, uint64_t *size,
                       uint64_t *header) {
  uint64_t *wide[3] = {&r->full_size, size, header};
  size_t at = 0, field = 0;
  while (length - at >= 4 && number(extra + at, 2) != 1) {
    size_t next = (size_t)number(extra + at + 2, 2) + 4;
    if (next > length - at) return false;
    at += next;
  }
  if (length - at >= 4) {
    field = (size_t)number(extra + at + 2, 2);
    at += 4;
    if (field > length - at) return false;
  } else {
    at = length;
  }
  for (int i = 0; i < 3; i++) {
    if (*wide[i] != UINT32_MAX) continue;
    if (field < 8) return false;
    *wide[i] = number(extra + at, 8);
    at += 8;
    field -= 8;
  }
  return true;
}

/* One entry of the directory; *at goes on behind it. */
static Status read_entry(Zip *z, size_t *at, size_t end, Diag *diag) {
  const char *e = z->bytes + *at;
  if (end - *at < ENTRY_SIZE || !is_signed(z, *at, "PK\1\2"))
    return damaged(z, *at, diag, "its directory ends before all records are named");
  size_t name = (size_t)number(e + 28, 2), extra = (size_t)number(e + 30, 2);
  size_t whole = ENTRY_SIZE + name + extra + (size_t)number(e + 32, 2);
  uint64_t size = number(e + 20, 4), header = number(e + 42, 4);
  ZipRecord r = {.name = e + ENTRY_SIZE,
                 .name_length = name,
                 .full_size = number(e + 24, 4),
                 .flags = (uint16_t)number(e + 8, 2),
                 .method = (uint16_t)number(e + 10, 2),
                 .crc = (uint32_t)number(e + 16, 4)};
  if (whole > end - *at || !read_extra(e + ENTRY_SIZE + name, extra, &r, &size, &header))
    return damaged(z, *at, diag, "an entry of its directory is cut off");
  if (header > z->length || !has(z, (size_t)header, HEADER_SIZE) ||
      !is_signed(z, (size_t)header, "PK\3\4"))
    return damaged(z, *at, diag, "a record is not where its directory says");
  const char *h = z->bytes + header;
  r.header = (size_t)header;
  r.from = r.header + HEADER_SIZE + (size_t)number(h + 26, 2) + (size_t)number(h + 28, 2);
  if (size > z->length || !has(z, r.from, (size_t)size))
    return damaged(z, *at, diag, "a record lies outside of the file");
  r.size = (size_t)size;
  z->records[z->n++] = r;
  *at += whole;
  return STATUS_OK;
}

/* ---- all records ---- */

static int by_place(const void *a, const void *b) {
  size_t x = ((const ZipRecord *)a)->header, y = ((const ZipRecord *)b)->header;
  return x < y ? -1 : x > y;
}

static int by_name(const void *a, const void *b) {
  const ZipRecord *x = a, *y = b;
  size_t least = x->name_length < y->name_length ? x->name_length : y->name_length;
  int order = memcmp(x->name, y->name, least);
  if (order) return order;
  return x->name_length < y->name_length ? -1 : x->name_length > y->name_length;
}

static Status check_records(Zip *z, size_t directory, Diag *diag) {
  size_t end = 0;
  qsort(z->records, z->n, sizeof *z->records, by_place);
  for (uint32_t i = 0; i < z->n; i++) {
    const ZipRecord *r = &z->records[i];
    if (r->header < end) return damaged(z, r->header, diag, "two records overlap");
    end = r->from + r->size;
  }
  if (end > directory) return damaged(z, directory, diag, "a record overlaps the directory");
  qsort(z->records, z->n, sizeof *z->records, by_name);
  for (uint32_t i = 1; i < z->n; i++)
    if (by_name(&z->records[i - 1], &z->records[i]) == 0)
      return damaged(z, z->records[i].header, diag, "two records have one name");
  return STATUS_OK;
}

Status zip_open(Zip *z, const char *path, const char *bytes, size_t length, Diag *diag) {
  Directory d = {0};
  *z = (Zip){.path = path, .bytes = bytes, .length = length};
  TRY(read_end(z, &d, diag));
  if (d.n > UINT32_MAX) return damaged(z, (size_t)d.at, diag, "it has more than 2^32 records");
  z->records = calloc((size_t)d.n + 1, sizeof *z->records);
  if (!z->records) return diag_no_memory(diag, (size_t)d.n * sizeof *z->records);
  size_t at = (size_t)d.at, end = (size_t)(d.at + d.size);
  for (uint64_t i = 0; i < d.n; i++) TRY(read_entry(z, &at, end, diag));
  crc_init(z->crc_table);
  return check_records(z, (size_t)d.at, diag);
}

void zip_close(Zip *z) {
  free(z->records);
  z->records = NULL;
}

const ZipRecord *zip_find(const Zip *z, const char *name, size_t name_length) {
  ZipRecord key = {.name = name, .name_length = name_length};
  return z->n ? bsearch(&key, z->records, z->n, sizeof *z->records, by_name) : NULL;
}

Status zip_check(const Zip *z, const ZipRecord *r, Diag *diag) {
  char place[PATH_MAX + 300];
  text_format(place, sizeof place, "%s: record %.*s", z->path,
              (int)text_cut_n(r->name, r->name_length, 200), r->name);
  if (r->flags & 1)
    return diag_error(diag, STATUS_INVALID, place, "write it without a password", "is encrypted");
  if (r->method != 0 || r->full_size != r->size)
    return diag_error(diag, STATUS_INVALID, place,
                      "torch.save stores without compression; unpack the archive and pack it anew "
                      "with `zip -0 -r`",
                      "is compressed (method %u)", r->method);
  if (!r->crc) return STATUS_OK;
  uint32_t crc = crc_of(z->crc_table, z->bytes + r->from, r->size);
  if (crc == r->crc) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, place, "copy the file again",
                    "is damaged: its CRC-32 is %08" PRIx32 ", the archive says %08" PRIx32, crc,
                    r->crc);
}
