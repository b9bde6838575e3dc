/* `.domains` files: one domain a line, `NAME LAYOUT PATH [OPTION]...`, the options as in
 * data_layouts_form.
 *
 * Words stand between blanks.  A word with blanks is quoted, "My Data/Market 1501"; a backslash
 * takes its meaning from a blank, a quote, a # or a backslash behind it, and is a backslash before
 * anything else.  A word that begins with # begins a comment. */
#include "graph/base/open_file.h"
#include "runtime/data/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLANKS " \t\r\n"
#define QUOTE_HINT                                                                                 \
  "a PATH with blanks is written \"a b\"; inside, \\\" is a quote and \\\\ a backslash"

enum { NAME, LAYOUT, PATH, OPTIONS, WORDS_MAX = OPTIONS + 4 };

typedef struct Line {
  DataRows *rows;
  const char *file, *place; /* place: FILE:LINE */
  char *words[WORDS_MAX];
  int n;
  bool all;            /* split=all */
  bool zero_is_person; /* zero=person */
  uint32_t given;      /* options by their place in `kinds` of take_option */
  Numbering numbering; /* pids=... */
} Line;

static Status form_error(const Line *l, const char *format, const char *word) {
  const char *form = data_layouts_form(l->rows->arena);
  return diag_error(l->rows->diag, STATUS_INVALID, l->place, form, format, word);
}

/* ---- words ---- */

/* Takes one word from `*at` in place; false: its quote does not end. */
static bool take_word(char **at, char **out) {
  char *from = *at, *to = from;
  bool quoted = false;
  *out = from;
  while (*from && (quoted || !strchr(BLANKS, *from))) {
    if (*from == '"') {
      quoted = !quoted;
      from++;
      continue;
    }
    if (*from == '\\' && from[1] && strchr(" \t\"#\\", from[1])) from++;
    *to++ = *from++;
  }
  *at = *from ? from + 1 : from;
  *to = 0;
  return !quoted;
}

static Status take_words(Line *l, char *text) {
  for (;;) {
    text += strspn(text, BLANKS);
    if (*text == 0 || *text == '#') return STATUS_OK;
    char *word;
    if (!take_word(&text, &word))
      return diag_error(l->rows->diag, STATUS_INVALID, l->place, QUOTE_HINT,
                        "a quote does not end on its line");
    if (l->n == WORDS_MAX)
      return diag_error(l->rows->diag, STATUS_INVALID, l->place, QUOTE_HINT,
                        "the line has too many words");
    l->words[l->n++] = word;
  }
}

/* ---- the line ---- */

static Status take_option(Line *l, const char *word) {
  static const char *const known[] = {"split=train", "split=all", "pids=one", "pids=anew",
                                      "zero=person"};
  enum { KNOWN = sizeof known / sizeof *known };
  static const uint8_t kinds[KNOWN] = {0, 0, 1, 1, 2};
  uint32_t i = 0;
  while (i < KNOWN && strcmp(word, known[i]) != 0) i++;
  if (i < KNOWN && l->given >> kinds[i] & 1)
    return diag_error(l->rows->diag, STATUS_INVALID, l->place, "one of them is what is meant",
                      "'%.*s' is given twice", (int)strcspn(word, "="), word);
  if (i < KNOWN) l->given |= 1u << kinds[i];
  if (i < 2) l->all = i == 1;
  if (i == 2) l->numbering = NUMBERS_ONE;
  if (i == 3) l->numbering = NUMBERS_ANEW;
  if (i == 4) l->zero_is_person = true;
  if (i < KNOWN) return STATUS_OK;
  if (!strchr(word, '=')) /* the rest of a path, most likely */
    return diag_error(l->rows->diag, STATUS_INVALID, l->place, QUOTE_HINT,
                      "'%s' is one word too many", word);
  const char *near = diag_nearest(word, known, KNOWN);
  if (!near) return form_error(l, "unknown option '%s'", word);
  return diag_error(l->rows->diag, STATUS_INVALID, l->place,
                    arena_printf(l->rows->arena, "did you mean '%s'?", near), "unknown option '%s'",
                    word);
}

static Status find_layout(const Line *l, const DataLayout **out) {
  const char *words[64];
  uint32_t n = 0;
  *out = data_layout_find(l->words[LAYOUT]);
  if (*out) return STATUS_OK;
  if (strcmp(l->words[LAYOUT], "cuhk03mat") == 0)
    return diag_error(l->rows->diag, STATUS_INVALID, l->place,
                      "cuhk03np reads the same images as folders (labeled, detected)",
                      "cuhk-03.mat is not read");
  for (; n < 64 && data_layout_at(n); n++) words[n] = data_layout_at(n)->word;
  const char *near = diag_nearest(l->words[LAYOUT], words, n);
  if (!near) return form_error(l, "unknown layout '%s'", l->words[LAYOUT]);
  return diag_error(l->rows->diag, STATUS_INVALID, l->place,
                    arena_printf(l->rows->arena, "did you mean '%s'?", near), "unknown layout '%s'",
                    l->words[LAYOUT]);
}

/* What can be said of the line without reading its set. */
static Status check_line(Line *l, const DataLayout **layout) {
  Diag *diag = l->rows->diag;
  if (l->n < OPTIONS) return form_error(l, "the line ends too early%s", "");
  if (!data_is_name(l->words[NAME]))
    return diag_error(diag, STATUS_INVALID, l->place, "letters, digits, _ and -",
                      "'%s' is no name for a domain", l->words[NAME]);
  TRY(find_layout(l, layout));
  for (int i = OPTIONS; i < l->n; i++) TRY(take_option(l, l->words[i]));
  if (l->numbering != NUMBERS_UNSAID && (*layout)->numbering != NUMBERS_UNSAID)
    return diag_error(diag, STATUS_INVALID, l->place, "leave pids=... away",
                      "the layout %s says itself who is one person", (*layout)->word);
  if (l->numbering == NUMBERS_UNSAID) l->numbering = (*layout)->numbering;
  for (size_t i = 0; i < l->rows->n; i++)
    if (strcmp(l->rows->rows[i].domain, l->words[NAME]) == 0)
      return diag_error(diag, STATUS_INVALID, l->place, NULL, "domain '%s' stands here twice",
                        l->words[NAME]);
  return STATUS_OK;
}

static Status read_set(const Line *l, const DataLayout *layout) {
  DataRows *rows = l->rows;
  const char *name = arena_strdup(rows->arena, l->words[NAME]);
  const char *path = data_path(rows->arena, l->file, l->words[PATH]);
  if (!name || !path) return diag_no_memory(rows->diag, strlen(l->words[PATH]));
  if (access(path, R_OK) != 0)
    return diag_error(rows->diag, STATUS_INVALID, l->place, "paths are relative to this file",
                      "cannot read '%s': %s", path, strerror(errno));
  size_t first = rows->n;
  TRY(layout->read(layout, rows, path, name));
  for (size_t i = first; l->zero_is_person && i < rows->n; i++) rows->rows[i].nobody = false;
  TRY(data_rows_number(rows, first, l->numbering, l->all));
  TRY(data_rows_split(rows, first, l->all));
  if (rows->n > first) return STATUS_OK;
  return diag_error(rows->diag, STATUS_INVALID, l->place, NULL,
                    "domain '%s' has no images but of nobody", name);
}

/* `text` is one line of `length` bytes, its end included. */
static Status read_line(DataRows *rows, const char *file, int number, char *text, size_t length) {
  const DataLayout *layout = NULL;
  Line line = {.rows = rows, .file = file};
  line.place = arena_printf(rows->arena, "%s:%d", file, number);
  if (!line.place) return diag_no_memory(rows->diag, strlen(file));
  if (strlen(text) != length)
    return diag_error(rows->diag, STATUS_INVALID, line.place, NULL,
                      "a zero byte stands inside the line");
  TRY(take_words(&line, text));
  if (line.n == 0) return STATUS_OK;
  TRY(check_line(&line, &layout));
  return read_set(&line, layout);
}

Status dataset_read_domains(DataRows *rows, const char *path) {
  FILE *file;
  int64_t size = 0;
  TRY(file_require(path, rows->diag, &file, &size));
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  int number = 1, bad = 0; /* the first lines that are wrong are reported */
  for (ssize_t n; bad < DIAG_MAX_ERRORS && (n = getline(&line, &capacity, file)) >= 0; number++) {
    size_t from = number == 1 ? data_bom(line) : 0;
    Status now = read_line(rows, path, number, line + from, (size_t)n - from);
    if (now == STATUS_OK) continue;
    status = now;
    bad = now == STATUS_INVALID ? bad + 1 : DIAG_MAX_ERRORS;
  }
  if (status == STATUS_OK && ferror(file))
    status = diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  free(line);
  fclose(file);
  return status;
}
