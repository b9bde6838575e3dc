/* RFC 4180, and blanks that readers would take away. */
#include "runtime/data/csv_write.h"

#include <stdbool.h>
#include <string.h>

void csv_put(FILE *out, const char *text, char end) {
  if (!text) text = "";
  bool quoted = strpbrk(text, ",\"\r\n") || *text == ' ' || *text == '\t';
  if (quoted) putc('"', out);
  for (const char *at = text; *at; at++) {
    if (quoted && *at == '"') putc('"', out);
    putc(*at, out);
  }
  if (quoted) putc('"', out);
  putc(end, out);
}
