/* Base64 (RFC 4648). */
#include "runtime/report/data_uri.h"

#include "graph/base/open_file.h"

#include <stdlib.h>
#include <string.h>

static void put_base64(FILE *out, const uint8_t *bytes, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    size_t left = n - i;
    uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                    (left > 2 ? bytes[i + 2] : 0);
    fputc(digits[word >> 18], out);
    fputc(digits[word >> 12 & 63], out);
    fputc(left > 1 ? digits[word >> 6 & 63] : '=', out);
    fputc(left > 2 ? digits[word & 63] : '=', out);
  }
}

void data_uri_put(FILE *out, const char *type, const uint8_t *bytes, size_t n) {
  fprintf(out, "data:%s;base64,", type);
  put_base64(out, bytes, n);
}

const char *data_uri_type(const uint8_t *bytes, size_t n) {
  if (n > 2 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) return "image/jpeg";
  if (n > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return "image/png";
  if (n > 1 && memcmp(bytes, "BM", 2) == 0) return "image/bmp";
  return NULL;
}

int data_uri_put_image(FILE *out, const char *path) {
  FILE *file;
  int64_t size = 0;
  const char *type = NULL;
  uint8_t *bytes = NULL;
  size_t n = 0;
  if (file_open(path, &file, &size) == 0) {
    bytes = malloc((size_t)size + 1);
    n = bytes ? fread(bytes, 1, (size_t)size, file) : 0;
    fclose(file);
    if (n == (size_t)size) type = data_uri_type(bytes, n);
  }
  if (type)
    data_uri_put(out, type, bytes, n);
  else
    fputs("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E", out);
  free(bytes);
  return type != NULL;
}
