/* Decoding through gdk-pixbuf.  Its loaders fill what is missing of a truncated file with grey, so
 * completeness is checked here, by walking the container's own structure. */
#include "runtime/data/image.h"

#include "graph/base/open_file.h"
#include "graph/base/text.h"
#include "runtime/data/mat_images.h"

#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX ((int64_t)256 << 20)
#define PIXELS_MAX ((int64_t)64 << 20)
#define TOO_LARGE "is larger than 64 megapixels or 65535 pixels a side"
#define SIDE_MAX 65535

bool image_is_named(const char *name) {
  static const char *const tails[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof tails / sizeof *tails; i++)
    if (strcasecmp(dot, tails[i]) == 0) return true;
  return false;
}

static bool fits(int64_t width, int64_t height) {
  return width <= SIDE_MAX && height <= SIDE_MAX && width * height <= PIXELS_MAX;
}

static Status fail(char *error, const char *text) {
  text_format(error, IMAGE_ERROR_MAX, "%s", text);
  return STATUS_INVALID;
}

/* Segments up to the first scan, then an end marker: inside scans FF is always followed by 00 or a
 * restart marker. */
static bool jpeg_complete(const uint8_t *d, size_t n) {
  size_t at = 2;
  while (at + 4 <= n && d[at] == 0xFF && d[at + 1] != 0xDA) {
    if (d[at + 1] == 0xFF) {
      at++;
      continue;
    }
    at += 2 + ((size_t)d[at + 2] << 8 | d[at + 3]);
  }
  if (at + 4 > n || d[at] != 0xFF) return false;
  for (; at + 1 < n; at++)
    if (d[at] == 0xFF && d[at + 1] == 0xD9) return true;
  return false;
}

static uint32_t big_endian(const uint8_t *d) {
  return (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
}

static bool png_complete(const uint8_t *d, size_t n) {
  for (size_t at = 8; at + 12 <= n;) {
    size_t length = big_endian(d + at);
    if (length > n - at - 12) return false;
    if (memcmp(d + at + 4, "IEND", 4) == 0) return true;
    at += 12 + length;
  }
  return false;
}

static uint32_t little_endian(const uint8_t *d, int bytes) {
  uint32_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | d[i];
  return value;
}

/* The size that the header claims may be 0, or that of the part that is there: the pixels are
 * counted.  Headers of 12 bytes are OS/2's; compressions 0, 3 and 6 store rows as they are. */
static bool bmp_complete(const uint8_t *d, size_t n) {
  if (n < 26 || little_endian(d + 2, 4) > n) return false;
  bool old = little_endian(d + 14, 4) == 12;
  if (!old && n < 54) return false;
  uint64_t width = little_endian(d + 18, old ? 2 : 4), bits = little_endian(d + (old ? 24 : 28), 2);
  int64_t height = old ? (int64_t)little_endian(d + 20, 2) : (int32_t)little_endian(d + 22, 4);
  uint32_t compression = old ? 0 : little_endian(d + 30, 4);
  uint64_t rows = (uint64_t)(height < 0 ? -height : height), from = little_endian(d + 10, 4);
  if (!fits((int64_t)width, (int64_t)rows) || rows == 0) return true; /* refused for what it is */
  bool plain = compression == 0 || compression == 3 || compression == 6;
  uint64_t packed = plain ? 0 : little_endian(d + 34, 4);
  uint64_t last = (width * bits + 7) / 8, row = (width * bits + 31) / 32 * 4;
  return from + (plain ? row * (rows - 1) + last : packed) <= n;
}

static Status check_container(const uint8_t *d, size_t n, char *error) {
  bool jpeg = n > 3 && memcmp(d, "\xFF\xD8\xFF", 3) == 0;
  bool png = n > 8 && memcmp(d, "\x89PNG\r\n\x1A\n", 8) == 0;
  bool bmp = n > 2 && memcmp(d, "BM", 2) == 0;
  if (!jpeg && !png && !bmp) return fail(error, n ? "is no JPEG, PNG or BMP image" : "is empty");
  bool complete = jpeg ? jpeg_complete(d, n) : png ? png_complete(d, n) : bmp_complete(d, n);
  if (!complete) return fail(error, "is truncated");
  /* The PNG loader takes memory for the whole image before it tells the size. */
  bool small = !png || (n >= 24 && fits(big_endian(d + 16), big_endian(d + 20)));
  return small ? STATUS_OK : fail(error, TOO_LARGE);
}

static Status fail_code(char *error, int code) {
  snprintf(error, IMAGE_ERROR_MAX, "cannot be read: %s", strerror(code));
  return STATUS_INVALID;
}

static Status read_open(FILE *file, uint8_t *data, size_t length, char *error) {
  if (!data) {
    fail(error, "out of memory");
    return STATUS_SYSTEM;
  }
  if (fread(data, 1, length, file) == length) return STATUS_OK;
  return ferror(file) ? fail_code(error, errno) : fail(error, "shrank while it was read");
}

static Status read_file(const char *path, uint8_t **data, size_t *length, char *error) {
  FILE *file;
  int64_t bytes = 0;
  int code = file_open(path, &file, &bytes);
  if (code < 0) return fail(error, "is no regular file");
  if (code) return fail_code(error, code);
  Status status = bytes > FILE_MAX ? fail(error, "is larger than 256 MiB") : STATUS_OK;
  *length = (size_t)bytes;
  if (status == STATUS_OK) {
    *data = malloc(*length + 1);
    status = read_open(file, *data, *length, error);
  }
  fclose(file);
  return status;
}

static void size_known(GdkPixbufLoader *loader, int width, int height, gpointer too_large) {
  if (fits(width, height)) return;
  *(bool *)too_large = true;
  gdk_pixbuf_loader_set_size(loader, 1, 1); /* spares the memory of what is refused anyway */
}

static Status copy_pixels(const GdkPixbuf *pixbuf, Image *out, char *error) {
  int channels = gdk_pixbuf_get_n_channels(pixbuf), stride = gdk_pixbuf_get_rowstride(pixbuf);
  const uint8_t *from = gdk_pixbuf_read_pixels(pixbuf);
  out->width = gdk_pixbuf_get_width(pixbuf);
  out->height = gdk_pixbuf_get_height(pixbuf);
  out->rgb = malloc((size_t)(out->width * out->height) * 3);
  if (!out->rgb) {
    fail(error, "out of memory");
    return STATUS_SYSTEM;
  }
  for (int64_t y = 0; y < out->height; y++)
    for (int64_t x = 0; x < out->width; x++)
      memcpy(out->rgb + (y * out->width + x) * 3, from + y * stride + x * channels, 3);
  return STATUS_OK;
}

static Status decode(const uint8_t *data, size_t length, Image *out, char *error) {
  GdkPixbufLoader *loader = gdk_pixbuf_loader_new();
  GError *reason = NULL;
  bool too_large = false;
  g_signal_connect(loader, "size-prepared", G_CALLBACK(size_known), &too_large);
  bool ok = gdk_pixbuf_loader_write(loader, data, length, &reason);
  ok = gdk_pixbuf_loader_close(loader, ok ? &reason : NULL) && ok;
  GdkPixbuf *pixbuf = ok ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
  Status status;
  if (too_large)
    status = fail(error, TOO_LARGE);
  else if (!pixbuf)
    status = fail(error, reason ? reason->message : "cannot be decoded");
  else
    status = copy_pixels(pixbuf, out, error);
  if (reason) g_error_free(reason);
  g_object_unref(loader);
  return status;
}

Status image_read(const char *path, Image *out, char *error) {
  *out = (Image){0};
  const char *inside = mat_image_inside(path);
  if (inside) return mat_image_read(path, inside, out, error);
  uint8_t *data = NULL;
  size_t length = 0;
  Status status = read_file(path, &data, &length, error);
  if (status == STATUS_OK) status = check_container(data, length, error);
  if (status == STATUS_OK) status = decode(data, length, out, error);
  free(data);
  return status;
}
