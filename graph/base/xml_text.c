/* Escapes text for XML attributes: what is printed reads back as the same bytes. */
#include "graph/base/xml_text.h"

void xml_put_escaped(FILE *out, const char *text) {
  for (; *text; text++) {
    switch (*text) {
    case '&':
      fputs("&amp;", out);
      break;
    case '<':
      fputs("&lt;", out);
      break;
    case '>':
      fputs("&gt;", out);
      break;
    case '"':
      fputs("&quot;", out);
      break;
    case '\n':
      fputs("&#10;", out);
      break;
    case '\t':
      fputs("&#9;", out);
      break;
    case '\r':
      fputs("&#13;", out);
      break;
    default:
      fputc(*text, out);
    }
  }
}

void xml_put_attr(FILE *out, const char *name, const char *value) {
  fprintf(out, " %s=\"", name);
  xml_put_escaped(out, value);
  fputc('"', out);
}
