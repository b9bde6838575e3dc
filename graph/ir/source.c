/* Source texts and messages that show the offending line. */
#include "graph/ir/source.h"

#include "graph/base/array.h"
#include "graph/base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT_MAX 160 /* longer lines are cut */

typedef struct SourceText {
  uint32_t file;
  char *text;
  size_t length;
} SourceText;

struct Sources {
  SourceText *list;
  size_t n;
};

Sources *sources_create(void) {
  return calloc(1, sizeof(Sources));
}

void sources_destroy(Sources *s) {
  if (!s) return;
  for (size_t i = 0; i < s->n; i++) free(s->list[i].text);
  free(s->list);
  free(s);
}

Status sources_add(Sources *s, uint32_t file, const char *text, size_t length) {
  TRY(ARRAY_EXTEND(s->list, s->n, 1, NULL));
  char *copy = malloc(length + 1);
  if (!copy) return STATUS_SYSTEM;
  memcpy(copy, text, length);
  copy[length] = 0;
  s->list[s->n++] = (SourceText){file, copy, length};
  return STATUS_OK;
}

const char *source_text(const Sources *s, uint32_t file, size_t *length) {
  for (size_t i = 0; s && i < s->n; i++) {
    if (s->list[i].file != file) continue;
    *length = s->list[i].length;
    return s->list[i].text;
  }
  return NULL;
}

/* One line of a source text. */
typedef struct Line {
  const char *text;
  size_t length;
} Line;

static bool find_line(const Sources *s, uint32_t file, uint32_t number, Line *out) {
  for (size_t i = 0; s && i < s->n; i++) {
    if (s->list[i].file != file) continue;
    const char *line = s->list[i].text, *end = s->list[i].text + s->list[i].length;
    for (uint32_t n = 1; n < number && line; n++) {
      const char *next = memchr(line, '\n', (size_t)(end - line));
      line = next ? next + 1 : NULL;
    }
    if (!line) return false;
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    *out = (Line){line, (size_t)((stop ? stop : end) - line)};
    if (out->length && line[out->length - 1] == '\r') out->length--;
    return true;
  }
  return false;
}

static bool continues(char c) { /* a character of UTF-8 */
  return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line and, below it, a caret under the column; both indented by four. */
static char *excerpt(const Sources *s, const SourceLoc *loc) {
  Line line;
  if (!find_line(s, loc->file, loc->line, &line)) return NULL;
  size_t column = loc->column ? loc->column - 1 : 0, from = 0;
  if (column > line.length) column = line.length;
  while (from < column && (line.text[from] == ' ' || line.text[from] == '\t')) from++;
  if (column - from > EXCERPT_MAX - 20) from = column - 40; /* keep the caret in view */
  while (from < column && continues(line.text[from])) from++;
  size_t end = line.length - from > EXCERPT_MAX ? from + EXCERPT_MAX : line.length;
  while (end > from && end < line.length && continues(line.text[end])) end--;
  char *text = malloc(2 * (end - from) + 16), *to = text;
  if (!text) return NULL;
  memcpy(to, "    ", 4);
  to += 4;
  for (size_t i = from; i < end; i++) *to++ = line.text[i] ? line.text[i] : '?';
  memcpy(to, "\n    ", 5);
  to += 5;
  for (size_t i = from; i < column; i++) /* as wide as what stands above */
    if (!continues(line.text[i])) *to++ = line.text[i] == '\t' ? '\t' : ' ';
  memcpy(to, "^\n", 3);
  return text;
}

/* Bytes in the source of the character reference at `at`, and those of the value it stands for. */
static size_t reference_length(const char *at, size_t left, size_t *value) {
  const char *end = memchr(at, ';', left < 12 ? left : 12);
  *value = 1;
  if (!end) return 1;
  if (at[1] == '#') {
    long code = at[2] == 'x' ? strtol(at + 3, NULL, 16) : strtol(at + 2, NULL, 10);
    *value = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return (size_t)(end - at) + 1;
}

void source_advance(const Sources *s, uint32_t file, size_t bytes, uint32_t *line_number,
                    uint32_t *column) {
  Line line;
  if (!find_line(s, file, *line_number, &line)) return;
  size_t at = *column ? *column - 1 : 0;
  while (bytes) {
    if (at >= line.length) { /* a line break is one blank in the value */
      if (!find_line(s, file, *line_number + 1, &line)) break;
      ++*line_number;
      at = 0;
      bytes--;
      continue;
    }
    size_t value = 1;
    at += line.text[at] == '&' ? reference_length(line.text + at, line.length - at, &value) : 1;
    bytes = bytes > value ? bytes - value : 0;
  }
  *column = (uint32_t)at + 1;
}

const char *source_where(const Symbols *symbols, uint32_t loc, char text[SOURCE_WHERE_MAX]) {
  const SourceLoc *at = &symbols->locs[loc < symbols->n_locs ? loc : 0];
  text_format(text, SOURCE_WHERE_MAX, "%s:%u", strings_text(symbols->strings, at->file), at->line);
  return text;
}

static char *place_text(const Symbols *symbols, const SourceLoc *loc) {
  char *text = NULL;
  if (asprintf(&text, "%s:%u:%u", strings_text(symbols->strings, loc->file), loc->line,
               loc->column) < 0)
    return NULL;
  return text;
}

/* One line for each use on the chain, the innermost first. */
static char *chain_notes(const Symbols *symbols, uint32_t chain) {
  char *notes = NULL;
  for (int depth = 0; chain && chain < symbols->n_locs && depth < 8; depth++) {
    const SourceLoc *use = &symbols->locs[chain];
    char *longer = NULL;
    if (asprintf(&longer, "%snote: used from %s:%u:%u\n", notes ? notes : "",
                 strings_text(symbols->strings, use->file), use->line, use->column) < 0)
      longer = NULL;
    free(notes);
    notes = longer;
    chain = use->chain;
  }
  return notes;
}

static void add(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                Status code, const char *hint, const char *format, va_list args) {
  char *text = NULL, *place = NULL, *shown = NULL, *notes = NULL;
  if (vasprintf(&text, format, args) < 0) text = NULL;
  DiagEntry entry = {.code = code, .text = text ? text : format, .hint = hint};
  if (loc && loc < symbols->n_locs) {
    const SourceLoc *at = &symbols->locs[loc];
    entry.place = place = place_text(symbols, at);
    entry.excerpt = shown = excerpt(sources, at);
    entry.notes = notes = chain_notes(symbols, at->chain);
    entry.file = strings_text(symbols->strings, at->file);
    entry.order = ((unsigned long long)at->line << 20) + at->column;
  }
  diag_add(diag, &entry);
  free(text);
  free(place);
  free(shown);
  free(notes);
}

Status source_verror(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                     Status code, const char *hint, const char *format, va_list args) {
  add(sources, symbols, diag, loc, code, hint, format, args);
  return code;
}

Status source_error(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                    Status code, const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(sources, symbols, diag, loc, code, hint, format, args);
  va_end(args);
  return code;
}

void source_warning(const Sources *sources, const Symbols *symbols, Diag *diag, uint32_t loc,
                    const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(sources, symbols, diag, loc, STATUS_OK, hint, format, args);
  va_end(args);
}
