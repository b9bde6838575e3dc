/* Lines of elements: one pass over a text that is known to be well-formed. */
#include "compiler/where_lines.h"

#include "graph/base/array.h"

#include <stdlib.h>
#include <string.h>

typedef struct Scanner {
  const char *text;
  size_t length, at;
  uint32_t line;
  LineElements *out;
  uint32_t cap;
  uint32_t *open; /* elements that are not ended yet */
  uint32_t n_open, cap_open;
} Scanner;

static void advance(Scanner *s, size_t to) {
  for (; s->at < to && s->at < s->length; s->at++) s->line += s->text[s->at] == '\n';
}

/* To the end of `stop`; to the end of the text when it is not there. */
static void pass(Scanner *s, const char *stop) {
  const char *end = memmem(s->text + s->at, s->length - s->at, stop, strlen(stop));
  advance(s, end ? (size_t)(end - s->text) + strlen(stop) : s->length);
}

/* To behind the `>` that ends a tag: those in values do not. */
static void pass_tag(Scanner *s) {
  char quote = 0;
  while (s->at < s->length) {
    char c = s->text[s->at];
    advance(s, s->at + 1);
    if (quote)
      quote = c == quote ? 0 : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '>')
      return;
  }
}

static Status start_tag(Scanner *s, Diag *diag) {
  LineElements *out = s->out;
  TRY(ARRAY_RESERVE(out->list, s->cap, out->n, 1, diag));
  TRY(ARRAY_RESERVE(s->open, s->cap_open, s->n_open, 1, diag));
  LineElement *el = &out->list[out->n];
  *el = (LineElement){.text = s->text + s->at, .first = s->line};
  size_t from = s->at;
  pass_tag(s);
  el->length = s->at - from;
  el->tag_end = el->last = s->line;
  if (s->at < 2 || s->text[s->at - 2] != '/') s->open[s->n_open++] = out->n;
  out->n++;
  return STATUS_OK;
}

static bool begins(const Scanner *s, const char *with) {
  size_t n = strlen(with);
  return s->length - s->at >= n && memcmp(s->text + s->at, with, n) == 0;
}

static Status markup(Scanner *s, Diag *diag) {
  if (begins(s, "<!--")) {
    pass(s, "-->");
  } else if (begins(s, "<![CDATA[")) {
    pass(s, "]]>");
  } else if (begins(s, "<?")) {
    pass(s, "?>");
  } else if (begins(s, "</")) {
    pass_tag(s);
    if (s->n_open) s->out->list[s->open[--s->n_open]].last = s->line;
  } else {
    return start_tag(s, diag);
  }
  return STATUS_OK;
}

Status line_elements_find(const char *text, size_t length, Diag *diag, LineElements *out) {
  *out = (LineElements){0};
  Scanner s = {.text = text, .length = length, .line = 1, .out = out};
  Status status = STATUS_OK;
  while (status == STATUS_OK && s.at < length) {
    const char *next = memchr(text + s.at, '<', length - s.at);
    advance(&s, next ? (size_t)(next - text) : length);
    if (next) status = markup(&s, diag);
  }
  out->lines = s.line - (length && text[length - 1] == '\n');
  free(s.open);
  return status;
}

void line_elements_free(LineElements *elements) {
  free(elements->list);
  *elements = (LineElements){0};
}
