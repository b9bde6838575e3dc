/* Source texts and messages that show the offending line. */
#include "graph/source.h"

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
  SourceText *list = realloc(s->list, (s->n + 1) * sizeof *list);
  if (!list) return STATUS_SYSTEM;
  s->list = list;
  char *copy = malloc(length + 1);
  if (!copy) return STATUS_SYSTEM;
  memcpy(copy, text, length);
  copy[length] = 0;
  s->list[s->n++] = (SourceText){file, copy, length};
  return STATUS_OK;
}

/* The line and, below it, a caret under the column; both indented by four. */
static char *excerpt(const Sources *s, const SourceLoc *loc) {
  for (size_t i = 0; s && i < s->n; i++) {
    if (s->list[i].file != loc->file) continue;
    const char *line = s->list[i].text, *end = s->list[i].text + s->list[i].length;
    for (uint32_t n = 1; n < loc->line && line < end; n++) {
      const char *next = memchr(line, '\n', (size_t)(end - line));
      if (!next) return NULL;
      line = next + 1;
    }
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    size_t length = (size_t)((stop ? stop : end) - line),
           column = loc->column ? loc->column - 1 : 0;
    if (length && line[length - 1] == '\r') length--;
    size_t indent = strspn(line, " \t");
    if (indent > column) indent = column;
    if (indent > length) indent = length;
    line += indent, length -= indent, column -= indent;
    size_t skip = column > EXCERPT_MAX - 20 ? column - 40 : 0; /* keep the caret in view */
    if (skip > length) skip = length;
    line += skip, length -= skip, column -= skip;
    if (length > EXCERPT_MAX) length = EXCERPT_MAX;
    if (column > length) column = length;
    char *text = NULL;
    if (asprintf(&text, "    %.*s\n    %*s^\n", (int)length, line, (int)column, "") < 0)
      return NULL;
    return text;
  }
  return NULL;
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
