/* `.domains` files: one domain a line, `NAME LAYOUT PATH [OPTION]...`, the options as in
 * data_layouts_form.
 *
 * Words stand between blanks.  A word with blanks is quoted, "My Data/Market 1501"; a backslash
 * takes its meaning from a blank, a quote, a # or a backslash behind it, and is a backslash before
 * anything else.  A word that begins with # begins a comment.
 *
 * All lines are parsed before the first set is read, since which are read, and as what, may be a
 * matter of the paper's protocols (runtime/data/paper.h). */
#include "graph/base/open_file.h"
#include "runtime/data/description.h"
#include "runtime/data/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLANKS " \t\r\n"
#define QUOTE_HINT                                                                                 \
  "a PATH with blanks is written \"a b\"; inside, \\\" is a quote and \\\\ a backslash"

enum { NAME, LAYOUT, PATH, OPTIONS, WORDS_MAX = OPTIONS + 8 };

typedef struct Line {
  DescriptionLine is;
  DataRows *rows;
  const char *file;
  char *words[WORDS_MAX];
  int n;
  bool zero_is_person; /* zero=person */
  const char *splits;  /* splits=FILE; NULL: not given */
  const char *boxes;   /* boxes=...; NULL: not given */
  int validation;      /* val=..., as DataRows has it */
  uint32_t given;      /* options by their place in `kinds` of take_option */
  Numbering numbering; /* pids=... */
  struct Line *next;
} Line;

typedef struct Lines {
  Line *first, **end;
} Lines;

static Status form_error(const Line *l, const char *format, const char *word) {
  const char *form = data_layouts_form(l->rows->arena);
  return diag_error(l->rows->diag, STATUS_INVALID, l->is.place, form, format, word);
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
      return diag_error(l->rows->diag, STATUS_INVALID, l->is.place, QUOTE_HINT,
                        "a quote does not end on its line");
    if (l->n == WORDS_MAX)
      return diag_error(l->rows->diag, STATUS_INVALID, l->is.place, QUOTE_HINT,
                        "the line has too many words");
    l->words[l->n++] = word;
  }
}

/* ---- the line ---- */

static Status take_option(Line *l, const char *word) {
  if (strncmp(word, "splits=", 7) == 0) {
    if (l->splits)
      return diag_error(l->rows->diag, STATUS_INVALID, l->is.place, "one of them is what is meant",
                        "'splits' is given twice");
    l->splits = data_path(l->rows->arena, l->file, word + 7);
    return l->splits ? STATUS_OK : diag_no_memory(l->rows->diag, strlen(word));
  }
  static const char *const known[] = {"split=train", "split=all",     "pids=one",
                                      "pids=anew",   "zero=person",   "val=train",
                                      "val=unused",  "boxes=labeled", "boxes=detected"};
  enum { KNOWN = sizeof known / sizeof *known };
  static const uint8_t kinds[KNOWN] = {0, 0, 1, 1, 2, 3, 3, 4, 4};
  uint32_t i = 0;
  while (i < KNOWN && strcmp(word, known[i]) != 0) i++;
  if (i < KNOWN && l->given >> kinds[i] & 1)
    return diag_error(l->rows->diag, STATUS_INVALID, l->is.place, "one of them is what is meant",
                      "'%.*s' is given twice", (int)strcspn(word, "="), word);
  if (i < KNOWN) l->given |= 1u << kinds[i];
  if (i < 2) l->is.all = i == 1, l->is.split = known[i];
  if (i == 2) l->numbering = NUMBERS_ONE;
  if (i == 3) l->numbering = NUMBERS_ANEW;
  if (i == 4) l->zero_is_person = true;
  if (i == 5) l->validation = VALIDATION_TRAIN;
  if (i == 6) l->validation = VALIDATION_UNUSED;
  if (i == 7 || i == 8) l->boxes = known[i] + 6;
  if (i < KNOWN) return STATUS_OK;
  if (!strchr(word, '=')) /* the rest of a path, most likely */
    return diag_error(l->rows->diag, STATUS_INVALID, l->is.place, QUOTE_HINT,
                      "'%s' is one word too many", word);
  const char *near = diag_nearest(word, known, KNOWN);
  if (!near) return form_error(l, "unknown option '%s'", word);
  return diag_error(l->rows->diag, STATUS_INVALID, l->is.place,
                    arena_printf(l->rows->arena, "did you mean '%s'?", near), "unknown option '%s'",
                    word);
}

static Status find_layout(const Line *l, const DataLayout **out) {
  const char *words[64];
  uint32_t n = 0;
  *out = data_layout_find(l->words[LAYOUT]);
  if (*out) return STATUS_OK;
  for (; n < 64 && data_layout_at(n); n++) words[n] = data_layout_at(n)->word;
  const char *near = diag_nearest(l->words[LAYOUT], words, n);
  if (!near) return form_error(l, "unknown layout '%s'", l->words[LAYOUT]);
  return diag_error(l->rows->diag, STATUS_INVALID, l->is.place,
                    arena_printf(l->rows->arena, "did you mean '%s'?", near), "unknown layout '%s'",
                    l->words[LAYOUT]);
}

/* What can be said of the line without reading its set. */
static Status check_line(Line *l, const Lines *before) {
  const DataLayout **layout = &l->is.layout;
  Diag *diag = l->rows->diag;
  if (l->n < OPTIONS) return form_error(l, "the line ends too early%s", "");
  if (!data_is_name(l->words[NAME]))
    return diag_error(diag, STATUS_INVALID, l->is.place, "letters, digits, _ and -",
                      "'%s' is no name for a domain", l->words[NAME]);
  TRY(find_layout(l, layout));
  for (int i = OPTIONS; i < l->n; i++) TRY(take_option(l, l->words[i]));
  if (l->numbering != NUMBERS_UNSAID && (*layout)->numbering != NUMBERS_UNSAID)
    return diag_error(diag, STATUS_INVALID, l->is.place, "leave pids=... away",
                      "the layout %s says itself who is one person", (*layout)->word);
  if (l->numbering == NUMBERS_UNSAID) l->numbering = (*layout)->numbering;
  if (l->validation && !(*layout)->validates)
    return diag_error(diag, STATUS_INVALID, l->is.place, "leave val=... away",
                      "the layout %s has no images for validation", (*layout)->word);
  if (l->boxes && !(*layout)->boxes)
    return diag_error(diag, STATUS_INVALID, l->is.place, "leave boxes=... away",
                      "the layout %s has boxes of one kind", (*layout)->word);
  l->is.name = l->words[NAME];
  for (const Line *other = before->first; other; other = other->next)
    if (strcmp(other->is.name, l->is.name) == 0)
      return diag_error(diag, STATUS_INVALID, l->is.place, NULL, "domain '%s' stands here twice",
                        l->words[NAME]);
  return STATUS_OK;
}

static Status read_set(const Line *l) {
  DataRows *rows = l->rows;
  const DataLayout *layout = l->is.layout;
  const char *path = data_path(rows->arena, l->file, l->words[PATH]);
  if (!path) return diag_no_memory(rows->diag, strlen(l->words[PATH]));
  if (access(path, R_OK) != 0)
    return diag_error(rows->diag, STATUS_INVALID, l->is.place, "paths are relative to this file",
                      "cannot read '%s': %s", path, strerror(errno));
  size_t first = rows->n;
  rows->boxes = l->boxes;
  rows->validation = l->validation;
  TRY(layout->read(layout, rows, path, l->is.name));
  for (size_t i = first; i < rows->n; i++) {
    DataRow *row = &rows->rows[i];
    row->paper = (uint8_t)l->is.paper;
    row->splits = l->splits;
    if (l->zero_is_person) row->nobody = false;
  }
  TRY(data_rows_number(rows, first, l->numbering, l->is.all));
  TRY(data_rows_count(rows, first));
  TRY(data_rows_split(rows, first, l->is.all));
  if (rows->n > first) return STATUS_OK;
  return diag_error(rows->diag, STATUS_INVALID, l->is.place, NULL,
                    "domain '%s' has no images but of nobody", l->is.name);
}

/* `text` is one line of `length` bytes, its end included. */
static Status parse_line(DataRows *rows, const char *file, int number, const char *text,
                         size_t length, Lines *lines) {
  Line *line = arena_alloc(rows->arena, sizeof *line);
  char *copy = arena_strndup(rows->arena, text, length);
  if (!line || !copy) return diag_no_memory(rows->diag, length + sizeof *line);
  *line = (Line){.rows = rows, .file = file};
  line->is.read = true;
  line->is.place = arena_printf(rows->arena, "%s:%d", file, number);
  if (!line->is.place) return diag_no_memory(rows->diag, strlen(file));
  if (strlen(text) != length)
    return diag_error(rows->diag, STATUS_INVALID, line->is.place, NULL,
                      "a zero byte stands inside the line");
  TRY(take_words(line, copy));
  if (line->n == 0) return STATUS_OK;
  TRY(check_line(line, lines));
  *lines->end = line;
  lines->end = &line->next;
  return STATUS_OK;
}

static Status parse_lines(DataRows *rows, const char *path, FILE *file, Lines *lines) {
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  int number = 1, bad = 0; /* the first lines that are wrong are reported */
  for (ssize_t n; bad < DIAG_MAX_ERRORS && (n = getline(&line, &capacity, file)) >= 0; number++) {
    size_t from = number == 1 ? data_bom(line) : 0;
    Status now = parse_line(rows, path, number, line + from, (size_t)n - from, lines);
    if (now == STATUS_OK) continue;
    status = now;
    bad = now == STATUS_INVALID ? bad + 1 : DIAG_MAX_ERRORS;
  }
  if (status == STATUS_OK && ferror(file))
    status = diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  free(line);
  return status;
}

/* The sets of the lines that are right; what is wrong with the first is reported. */
static Status read_sets(const Lines *lines, Status status) {
  int bad = 0;
  for (const Line *l = lines->first; l && bad < DIAG_MAX_ERRORS; l = l->next) {
    Status now = l->is.read ? read_set(l) : STATUS_OK;
    if (now == STATUS_OK) continue;
    status = now;
    bad = now == STATUS_INVALID ? bad + 1 : DIAG_MAX_ERRORS;
  }
  return status;
}

/* Which lines the paper's protocol reads. */
static Status choose_lines(DataRows *rows, const char *path, const PaperAsk *ask, Lines *lines) {
  uint32_t n = 0;
  for (Line *l = lines->first; l; l = l->next) n++;
  DescriptionLine **array = arena_array(rows->arena, n + 1u, sizeof *array);
  if (!array) return diag_no_memory(rows->diag, n * sizeof *array);
  n = 0;
  for (Line *l = lines->first; l; l = l->next) array[n++] = &l->is;
  return description_choose(path, array, n, ask, rows->diag);
}

Status dataset_read_domains(DataRows *rows, const char *path, const PaperAsk *ask) {
  FILE *file;
  int64_t size = 0;
  TRY(file_require(path, rows->diag, &file, &size));
  Lines lines = {.end = &lines.first};
  Status status = parse_lines(rows, path, file, &lines);
  fclose(file);
  if (status == STATUS_SYSTEM) return status;
  if (status == STATUS_OK || !ask || !ask->choice.protocol) {
    Status chosen = choose_lines(rows, path, ask, &lines);
    if (chosen != STATUS_OK) return chosen;
  }
  return read_sets(&lines, status);
}
