/* Digits and escapes. */
#include "graph/plan/plan_text.h"

#include "graph/base/array.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "graph/plan/plan_format.h"

#include <stdlib.h>
#include <string.h>

static char *reserve(PlanText *b, size_t bytes) {
  if (b->failed) return NULL;
  b->failed = ARRAY_RESERVE(b->data, b->cap, b->n, bytes, NULL) != STATUS_OK;
  return b->failed ? NULL : b->data + b->n;
}

void plan_text_bytes(PlanText *b, const char *text, size_t n) {
  char *to = reserve(b, n);
  if (!to) return;
  memcpy(to, text, n);
  b->n += n;
}

void plan_text_put(PlanText *b, const char *text) {
  plan_text_bytes(b, text, strlen(text));
}

void plan_text_start(PlanText *b, const char *tag) {
  plan_text_put(b, "<");
  plan_text_put(b, tag);
  plan_text_put(b, ">\n");
}

void plan_text_end(PlanText *b, const char *tag) {
  plan_text_put(b, "</");
  plan_text_put(b, tag);
  plan_text_put(b, ">\n");
}

void plan_text_int(PlanText *b, int64_t value) {
  char *to = reserve(b, 24), digits[24];
  if (!to) return;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  int n = 0;
  do digits[n++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) digits[n++] = '-';
  b->n += (size_t)n + 1;
  while (n) *to++ = digits[--n];
  *to = ' ';
}

void plan_text_float(PlanText *b, double value) {
  int64_t bits;
  memcpy(&bits, &value, sizeof bits);
  plan_text_int(b, bits);
}

/* Ends a row: the blank after its last number becomes a line feed. */
void plan_text_row(PlanText *b) {
  if (b->n && b->data[b->n - 1] == ' ') b->data[b->n - 1] = '\n';
}

size_t plan_char_length(const char *text, size_t left) {
  const unsigned char *c = (const unsigned char *)text;
  size_t n = text_char_length(text, left);
  if (n == 1) return (c[0] >= 0x20 && c[0] != 0x7f && c[0] != '\\') || c[0] == '\t';
  bool no_character = n == 3 && c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe;
  return no_character ? 0 : n;
}

void plan_text_string(PlanText *b, const char *text) {
  for (size_t left = strlen(text); left;) {
    size_t n = plan_char_length(text, left);
    char escape[8];
    if (n == 0) {
      snprintf(escape, sizeof escape, "\\%02x", (unsigned char)*text);
      plan_text_put(b, escape);
      n = 1;
    } else if (*text == '<' || *text == '>' || *text == '&') {
      plan_text_put(b, *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : "&amp;");
    } else {
      plan_text_bytes(b, text, n);
    }
    text += n;
    left -= n;
  }
  plan_text_put(b, "\n");
}

Status plan_text_save(const PlanText *first, const PlanText *second, const char *path, Diag *diag) {
  const FilePart parts[] = {{first->data, first->n}, {second->data, second->n}};
  int code = file_replace(path, parts, 2, false);
  if (code == 0) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write the plan: %s", strerror(code));
}
