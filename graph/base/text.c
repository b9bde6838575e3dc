/* UTF-8 by its table of well-formed sequences (Unicode, table 3-7), so that neither a cut nor a
 * hostile file puts half a character on a terminal or into JSON. */
#include "graph/base/text.h"

#include <stdbool.h>
#include <string.h>

#define ELLIPSIS "..."

static bool continues(char c) {
  return ((unsigned char)c & 0xc0) == 0x80;
}

size_t text_char_length(const char *text, size_t left) {
  const unsigned char *c = (const unsigned char *)text;
  if (left == 0) return 0;
  if (c[0] < 0x80) return 1;
  size_t n = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
  if (c[0] < 0xc2 || c[0] > 0xf4 || left < n) return 0;
  for (size_t i = 1; i < n; i++)
    if (!continues(text[i])) return 0;
  bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
  bool surrogate = c[0] == 0xed && c[1] >= 0xa0, beyond = c[0] == 0xf4 && c[1] >= 0x90;
  return overlong || surrogate || beyond ? 0 : n;
}

static void put_characters(const char *text, bool lines, FILE *out) {
  for (size_t left = strlen(text), n; left; text += n, left -= n) {
    const unsigned char *c = (const unsigned char *)text;
    n = text_char_length(text, left);
    bool kept = lines && (c[0] == '\n' || c[0] == '\t');
    bool control =
        (n == 1 && c[0] < 0x20 && !kept) || c[0] == 0x7f || (n == 2 && c[0] == 0xc2 && c[1] < 0xa0);
    if (control || n == 0)
      fputc('?', out);
    else
      fwrite(text, 1, n, out);
    if (n == 0) n = 1;
  }
}

void text_print(const char *text, FILE *out) {
  put_characters(text, true, out);
}

void text_print_word(const char *text, FILE *out) {
  put_characters(text, false, out);
}

void text_repair(char *text) {
  for (size_t left = strlen(text), n; left; text += n, left -= n) {
    n = text_char_length(text, left);
    if (n) continue;
    *text = '?';
    n = 1;
  }
}

/* A character has at most three bytes that continue it: what has more is no UTF-8, and is cut
 * anywhere. */
size_t text_cut_n(const char *text, size_t length, size_t most) {
  if (length <= most) return length;
  size_t end = most;
  while (end > 0 && most - end < 4 && continues(text[end])) end--;
  return most - end < 4 ? end : most;
}

int text_cut(const char *text, size_t most) {
  return (int)text_cut_n(text, strnlen(text, most + 1), most);
}

size_t text_vformat(char *out, size_t size, const char *format, va_list args) {
  if (size == 0) return 0;
  int wanted = vsnprintf(out, size, format, args);
  if (wanted < 0) {
    *out = 0;
    return 0;
  }
  if ((size_t)wanted < size) return (size_t)wanted;
  size_t dots = strlen(ELLIPSIS);
  if (size <= dots) { /* not even room for these */
    *out = 0;
    return 0;
  }
  size_t end = text_cut_n(out, size - 1, size - 1 - dots);
  memcpy(out + end, ELLIPSIS, dots + 1);
  return end + dots;
}

size_t text_format(char *out, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  size_t n = text_vformat(out, size, format, args);
  va_end(args);
  return n;
}

size_t text_append(char *out, size_t size, size_t used, const char *format, ...) {
  va_list args;
  if (used >= size) return used;
  va_start(args, format);
  size_t n = text_vformat(out + used, size - used, format, args);
  va_end(args);
  return used + n;
}

bool text_ends_in(const char *text, const char *tail) {
  size_t n = strlen(text), m = strlen(tail);
  return n >= m && strcmp(text + n - m, tail) == 0;
}
