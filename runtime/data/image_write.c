/* Encoding through gdk-pixbuf. */
#include "runtime/data/image_write.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdlib.h>
#include <string.h>

Status image_png(const Image *image, uint8_t **out, size_t *out_bytes) {
  gchar *bytes = NULL;
  gsize n = 0;
  *out = NULL;
  GdkPixbuf *picture =
      gdk_pixbuf_new_from_data(image->rgb, GDK_COLORSPACE_RGB, FALSE, 8, (int)image->width,
                               (int)image->height, (int)image->width * 3, NULL, NULL);
  if (picture && gdk_pixbuf_save_to_buffer(picture, &bytes, &n, "png", NULL, NULL)) {
    *out = malloc(n ? n : 1);
    if (*out) memcpy(*out, bytes, n);
  }
  *out_bytes = *out ? n : 0;
  g_free(bytes);
  if (picture) g_object_unref(picture);
  return *out ? STATUS_OK : STATUS_SYSTEM;
}
