/* Files as torch.save writes them, without PyTorch: a pickle is put together opcode by opcode, so
 * that a test can make the wrong ones as well; around it the zip archive or the form before 1.6. */
#ifndef TESTS_PTH_WRITE_H
#define TESTS_PTH_WRITE_H

#include "tests/support.h"

typedef struct Bytes {
  char *at;
  size_t n;
} Bytes;

static inline void bytes_add(Bytes *b, const void *data, size_t n) {
  b->at = realloc(b->at, b->n + n + 1);
  if (!b->at) exit(1);
  if (n) memcpy(b->at + b->n, data, n);
  b->n += n;
}

static inline void bytes_number(Bytes *b, uint64_t value, int n) {
  for (int i = 0; i < n; i++) bytes_add(b, &(char){(char)(value >> 8 * i)}, 1);
}

static inline void bytes_write(const Bytes *b, const char *path) {
  FILE *out = fopen(path, "wb");
  if (!out || fwrite(b->at, 1, b->n, out) != b->n || fclose(out) != 0) exit(1);
}

/* ---- pickles: protocol 2, without a memo ---- */

static inline void op(Bytes *b, char code) {
  bytes_add(b, &code, 1);
}

/* The bytes of a literal, 0s among them. */
#define OPS(B, LITERAL) bytes_add(B, LITERAL, sizeof(LITERAL) - 1)

static inline void op_int(Bytes *b, int64_t value) {
  if (value == (int32_t)value) {
    op(b, 'J');
    bytes_number(b, (uint64_t)value, 4);
  } else {
    OPS(b, "\x8a\x08");
    bytes_number(b, (uint64_t)value, 8);
  }
}

static inline void op_text(Bytes *b, const char *text) {
  op(b, 'X');
  bytes_number(b, strlen(text), 4);
  bytes_add(b, text, strlen(text));
}

static inline void op_global(Bytes *b, const char *module, const char *name) {
  op(b, 'c');
  bytes_add(b, module, strlen(module));
  op(b, '\n');
  bytes_add(b, name, strlen(name));
  op(b, '\n');
}

static inline void op_ordered_dict(Bytes *b) {
  op_global(b, "collections", "OrderedDict");
  OPS(b, ")R");
}

/* A storage as the pickle names it, and what the file holds of it. */
typedef struct PthBlock {
  const char *key, *type; /* "Float" */
  int64_t count;
  const void *data;
  size_t bytes;
} PthBlock;

typedef struct PthView {
  int64_t offset;
  int rank;
  int64_t dim[9], stride[9];
} PthView;

static inline void op_numbers(Bytes *b, const int64_t *numbers, int n) {
  op(b, '(');
  for (int i = 0; i < n; i++) op_int(b, numbers[i]);
  op(b, 't');
}

static inline void op_block(Bytes *b, const PthBlock *block) {
  char type[64];
  snprintf(type, sizeof type, "%sStorage", block->type);
  op(b, '(');
  op_text(b, "storage");
  op_global(b, "torch", type);
  op_text(b, block->key);
  op_text(b, "cpu");
  op_int(b, block->count);
  OPS(b, "tQ");
}

static inline void op_tensor(Bytes *b, const PthBlock *block, PthView view) {
  op_global(b, "torch._utils", "_rebuild_tensor_v2");
  op(b, '(');
  op_block(b, block);
  op_int(b, view.offset);
  op_numbers(b, view.dim, view.rank);
  op_numbers(b, view.stride, view.rank);
  OPS(b, "\x89");
  op_ordered_dict(b);
  OPS(b, "tR");
}

/* ---- files ---- */

static inline uint32_t pth_crc(const char *data, size_t n) {
  uint32_t c = UINT32_MAX;
  for (size_t i = 0; i < n; i++) {
    c ^= (unsigned char)data[i];
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
  }
  return ~c;
}

/* Adds a record to the archive and its entry to the directory.  `wide`: sizes of 64 bits. */
static inline void zip_add(Bytes *zip, Bytes *directory, const char *name, const void *data,
                           size_t n, bool crc, bool wide) {
  size_t at = zip->n, length = strlen(name);
  uint64_t size = wide ? UINT32_MAX : n;
  uint32_t sum = crc ? pth_crc(data, n) : 0;
  bytes_add(zip, "PK\3\4\0\0\0\0\0\0\0\0\0\0", 14);
  bytes_number(zip, sum, 4);
  bytes_number(zip, n, 4);
  bytes_number(zip, n, 4);
  bytes_number(zip, length, 2);
  bytes_number(zip, 5, 2); /* as PyTorch pads, so that data are aligned */
  bytes_add(zip, name, length);
  bytes_add(zip, "FB\1\0Z", 5);
  bytes_add(zip, data, n);
  bytes_add(directory, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  bytes_number(directory, sum, 4);
  bytes_number(directory, size, 4);
  bytes_number(directory, size, 4);
  bytes_number(directory, length, 2);
  bytes_number(directory, wide ? 28 : 0, 2);
  bytes_add(directory, "\0\0\0\0\0\0\0\0\0\0", 10);
  bytes_number(directory, wide ? UINT32_MAX : at, 4);
  bytes_add(directory, name, length);
  if (!wide) return;
  bytes_add(directory, "\1\0\x18\0", 4);
  bytes_number(directory, n, 8);
  bytes_number(directory, n, 8);
  bytes_number(directory, at, 8);
}

static inline void zip_end(Bytes *zip, Bytes *directory, uint64_t n, bool wide) {
  size_t at = zip->n;
  bytes_add(zip, directory->at, directory->n);
  size_t at64 = zip->n;
  if (wide) {
    bytes_add(zip, "PK\6\6\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0", 24);
    bytes_number(zip, n, 8);
    bytes_number(zip, n, 8);
    bytes_number(zip, directory->n, 8);
    bytes_number(zip, at, 8);
    bytes_add(zip, "PK\6\7\0\0\0\0", 8);
    bytes_number(zip, at64, 8);
    bytes_number(zip, 1, 4);
  }
  bytes_add(zip, "PK\5\6\0\0\0\0", 8);
  bytes_number(zip, wide ? UINT16_MAX : n, 2);
  bytes_number(zip, wide ? UINT16_MAX : n, 2);
  bytes_number(zip, wide ? UINT32_MAX : directory->n, 4);
  bytes_number(zip, wide ? UINT32_MAX : at, 4);
  bytes_number(zip, 0, 2);
  free(directory->at);
}

typedef struct PthForm {
  bool legacy; /* before 1.6 */
  bool big;    /* the highest byte first */
  bool no_crc, wide;
} PthForm;

static inline Bytes pth_zip(const Bytes *pickle, const PthBlock *blocks, uint32_t n, PthForm form) {
  Bytes zip = {0}, directory = {0};
  const char *order = form.big ? "big" : "little";
  zip_add(&zip, &directory, "w/data.pkl", pickle->at, pickle->n, !form.no_crc, form.wide);
  zip_add(&zip, &directory, "w/byteorder", order, strlen(order), !form.no_crc, form.wide);
  for (uint32_t i = 0; i < n; i++) {
    char name[64];
    snprintf(name, sizeof name, "w/data/%s", blocks[i].key);
    zip_add(&zip, &directory, name, blocks[i].data, blocks[i].bytes, !form.no_crc, form.wide);
  }
  zip_end(&zip, &directory, n + 2, form.wide);
  return zip;
}

static inline Bytes pth_legacy(const Bytes *pickle, const PthBlock *blocks, uint32_t n,
                               PthForm form) {
  Bytes b = {0};
  OPS(&b, "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3.\x80\2}");
  op_text(&b, "little_endian");
  op(&b, form.big ? '\x89' : '\x88');
  OPS(&b, "s.");
  bytes_add(&b, pickle->at, pickle->n);
  OPS(&b, "\x80\2](");
  for (uint32_t i = 0; i < n; i++) op_text(&b, blocks[i].key);
  OPS(&b, "e.");
  for (uint32_t i = 0; i < n; i++) {
    uint64_t count = (uint64_t)blocks[i].count;
    bytes_number(&b, form.big ? __builtin_bswap64(count) : count, 8);
    bytes_add(&b, blocks[i].data, blocks[i].bytes);
  }
  return b;
}

/* Ends the pickle and frees it; the file is `path`. */
static inline void pth_write(const char *path, Bytes *pickle, const PthBlock *blocks, uint32_t n,
                             PthForm form) {
  op(pickle, '.');
  Bytes b = form.legacy ? pth_legacy(pickle, blocks, n, form) : pth_zip(pickle, blocks, n, form);
  bytes_write(&b, path);
  free(b.at);
  free(pickle->at);
  *pickle = (Bytes){0};
}

#endif
