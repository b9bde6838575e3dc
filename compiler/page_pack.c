/* Columns of numbers and pictures without words repeat themselves: deflate leaves an eighth of
 * them. What inflates is in every browser (DecompressionStream). */
#include "compiler/page_pack.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

static void put_base64(const unsigned char *data, size_t n, FILE *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    size_t left = n - i;
    uint32_t bits = (uint32_t)data[i] << 16;
    if (left > 1) bits |= (uint32_t)data[i + 1] << 8;
    if (left > 2) bits |= data[i + 2];
    putc(digits[bits >> 18], out);
    putc(digits[bits >> 12 & 63], out);
    putc(left > 1 ? digits[bits >> 6 & 63] : '=', out);
    putc(left > 2 ? digits[bits & 63] : '=', out);
  }
}

Status page_pack(const char *data, size_t bytes, FILE *out, Diag *diag) {
  uLongf size = compressBound(bytes);
  unsigned char *packed = bytes <= LONG_MAX ? malloc(size) : NULL;
  int code = packed ? compress2(packed, &size, (const Bytef *)data, bytes, 6) : Z_MEM_ERROR;
  if (code == Z_OK) put_base64(packed, size, out);
  free(packed);
  return code == Z_OK ? STATUS_OK : diag_no_memory(diag, bytes);
}
