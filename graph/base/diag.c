/* Collects diagnostics, sorts them by place, prints them once. */
#include "graph/base/diag.h"

#include "graph/base/arena.h"
#include "graph/base/array.h"
#include "graph/base/terminal.h"
#include "graph/base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct Diag {
  Arena *arena;
  DiagEntry *entries;
  size_t n, cap, errors;
  size_t *sorted; /* indices; valid when n_sorted == n */
  size_t n_sorted;
  size_t serial;
};

Diag *diag_create(void) {
  Diag *diag = calloc(1, sizeof *diag);
  if (!diag) return NULL;
  diag->arena = arena_create();
  if (!diag->arena) {
    free(diag);
    return NULL;
  }
  return diag;
}

void diag_destroy(Diag *diag) {
  if (!diag) return;
  arena_destroy(diag->arena);
  free(diag->entries);
  free(diag->sorted);
  free(diag);
}

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

/* The next character of a message without its quoted names and its numbers. */
static char next_plain(const char **text) {
  for (;;) {
    const char *at = *text, *close = *at == '\'' ? strchr(at + 1, '\'') : NULL;
    if (close)
      *text = close + 1;
    else if (*at >= '0' && *at <= '9')
      ++*text;
    else
      return *at ? *(*text)++ : 0;
  }
}

static bool same_mistake(const char *a, const char *b) {
  for (;;) {
    char x = next_plain(&a), y = next_plain(&b);
    if (x != y) return false;
    if (!x) return true;
  }
}

/* The same error reached twice is one error; with `alike` also one that is the same but for names.
 */
static bool count_repeat(Diag *diag, const DiagEntry *entry, bool alike) {
  for (size_t i = 0; i < diag->n; i++) {
    DiagEntry *have = &diag->entries[i];
    if (have->code != entry->code) continue;
    if (entry->row && have->row && same_text(have->file, entry->file) &&
        same_text(have->text, entry->text)) {
      have->repeats++;
      return true;
    }
    if (!same_text(have->place, entry->place)) continue;
    if (same_text(have->text, entry->text)) return true;
    if (!alike || !same_mistake(have->text, entry->text)) continue;
    have->repeats++;
    return true;
  }
  return false;
}

static Status add(Diag *diag, const DiagEntry *entry, bool alike) {
  if (!diag || count_repeat(diag, entry, alike)) return entry->code;
  if (entry->code != STATUS_OK) diag->errors++;
  if (ARRAY_RESERVE(diag->entries, diag->cap, diag->n, 1, NULL) != STATUS_OK)
    return entry->code; /* counted all the same */
  DiagEntry copy = *entry;
  copy.place = arena_strdup(diag->arena, entry->place);
  copy.repeats = 0;
  copy.text = arena_strdup(diag->arena, entry->text);
  if (!copy.text) copy.text = "out of memory";
  copy.hint = arena_strdup(diag->arena, entry->hint);
  copy.excerpt = arena_strdup(diag->arena, entry->excerpt);
  copy.notes = arena_strdup(diag->arena, entry->notes);
  copy.file = arena_strdup(diag->arena, entry->file);
  diag->entries[diag->n++] = copy;
  diag->n_sorted = SIZE_MAX;
  return entry->code;
}

Status diag_add(Diag *diag, const DiagEntry *entry) {
  return add(diag, entry, entry->order != 0 && !entry->row);
}

/* The number behind the last `:` before `*end`, which is moved there; 0: there is none. */
static unsigned long long take_number(const char *place, size_t *end) {
  size_t at = *end;
  while (at && isdigit((unsigned char)place[at - 1])) at--;
  if (at == *end || at < 2 || place[at - 1] != ':' || *end - at > 9) return 0;
  unsigned long long number = strtoull(place + at, NULL, 10);
  *end = at - 1;
  return number;
}

/* What a place is sorted by: the length of the file's name, and the order in it. */
static unsigned long long order_of(const char *place, size_t *length) {
  *length = strlen(place);
  unsigned long long last = take_number(place, length),
                     line = last ? take_number(place, length) : 0;
  return line ? line << 20 | last : last << 20;
}

static Status add_formatted(Diag *diag, Status code, const char *place, const char *hint,
                            const char *format, va_list args) {
  char small[1024], *text = small;
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(small, sizeof small, format, args);
  if (length >= (int)sizeof small && (text = malloc((size_t)length + 1)))
    vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  if (!text) text = small;
  size_t file_length = 0;
  unsigned long long order = place ? order_of(place, &file_length) : 0;
  char *file = order ? strndup(place, file_length) : NULL;
  DiagEntry entry = {.code = code,
                     .place = place,
                     .text = text,
                     .hint = hint,
                     .file = file ? file : place,
                     .order = order};
  add(diag, &entry, false);
  free(file);
  if (text != small) free(text);
  return code;
}

Status diag_error(Diag *diag, Status code, const char *place, const char *hint, const char *format,
                  ...) {
  va_list args;
  va_start(args, format);
  add_formatted(diag, code, place, hint, format, args);
  va_end(args);
  return code;
}

void diag_warning(Diag *diag, const char *place, const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add_formatted(diag, STATUS_OK, place, hint, format, args);
  va_end(args);
}

Status diag_no_memory(Diag *diag, size_t bytes) {
  return diag_error(diag, STATUS_SYSTEM, NULL, "close other programs, or use a smaller model",
                    "out of memory (%zu bytes were asked for)", bytes);
}

static int compare(const void *a, const void *b, void *context) {
  const DiagEntry *entries = context;
  const DiagEntry *x = &entries[*(const size_t *)a], *y = &entries[*(const size_t *)b];
  int by_file = strcmp(x->file ? x->file : "", y->file ? y->file : "");
  if (by_file) return by_file;
  if (x->order != y->order) return x->order < y->order ? -1 : 1;
  return *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

static void sort_entries(Diag *diag) {
  if (diag->n_sorted == diag->n) return;
  if (ARRAY_EXTEND(diag->sorted, 0, diag->n, NULL) != STATUS_OK) return;
  for (size_t i = 0; i < diag->n; i++) diag->sorted[i] = i;
  qsort_r(diag->sorted, diag->n, sizeof *diag->sorted, compare, diag->entries);
  diag->n_sorted = diag->n;
}

size_t diag_error_count(const Diag *diag) {
  return diag ? diag->errors : 0;
}

const DiagEntry *diag_entry(Diag *diag, size_t i) {
  if (!diag || i >= diag->n) return NULL;
  sort_entries(diag);
  return &diag->entries[diag->n_sorted == diag->n ? diag->sorted[i] : i];
}

Status diag_status(const Diag *diag) {
  if (!diag) return STATUS_OK;
  for (size_t i = 0; i < diag->n; i++) {
    const DiagEntry *entry = diag_entry((Diag *)diag, i);
    if (entry->code != STATUS_OK) return entry->code;
  }
  return diag->errors ? STATUS_SYSTEM : STATUS_OK;
}

static void print_all(Diag *diag, bool color, FILE *out) {
  size_t errors = 0;
  const DiagEntry *entry;
  for (size_t i = 0; (entry = diag_entry(diag, i)); i++) {
    bool error = entry->code != STATUS_OK;
    if (error && ++errors > DIAG_MAX_ERRORS) continue;
    if (entry->place) text_print(entry->place, out);
    fputs(entry->place ? ": " : "", out);
    terminal_word(out, color, error ? TERMINAL_ERROR : TERMINAL_WARNING);
    text_print(entry->text, out);
    fputc('\n', out);
    if (entry->excerpt) text_print(entry->excerpt, out);
    if (entry->notes) text_print(entry->notes, out);
    if (entry->repeats && entry->row)
      fprintf(out, "note: %u more line%s like it\n", entry->repeats,
              entry->repeats > 1 ? "s are" : " is");
    else if (entry->repeats)
      fprintf(out, "note: %u more like it from this line\n", entry->repeats);
    if (!entry->hint) continue;
    terminal_word(out, color, TERMINAL_HINT);
    text_print(entry->hint, out);
    fputc('\n', out);
  }
  if (errors > DIAG_MAX_ERRORS)
    fprintf(out, "%zu more errors are not shown\n", errors - DIAG_MAX_ERRORS);
}

void diag_print_under(Diag *diag, const char *head, FILE *out) {
  char *text = NULL;
  size_t bytes = 0;
  bool color = terminal_has_color(out);
  if (!diag_entry(diag, 0)) return;
  FILE *all = open_memstream(&text, &bytes);
  if (all) {
    fputs(head, all);
    print_all(diag, color, all);
  }
  bool whole = all && fclose(all) == 0;
  if (whole) {
    fwrite(text, 1, bytes, out);
  } else {
    fputs(head, out);
    print_all(diag, color, out);
  }
  free(text);
}

void diag_print(Diag *diag, FILE *out) {
  diag_print_under(diag, "", out);
}

void diag_clear(Diag *diag) {
  if (!diag) return;
  diag->n = diag->errors = 0;
  diag->n_sorted = SIZE_MAX;
}

/* ---- did you mean ---- */

#define NAME_LENGTH_MAX 64

static size_t min3(size_t a, size_t b, size_t c) {
  size_t m = a < b ? a : b;
  return m < c ? m : c;
}

static int folded(char c) {
  return tolower((unsigned char)c);
}

/* Edit distance that counts two swapped neighbours once (optimal string alignment) and ignores
 * case, with three rows; names longer than NAME_LENGTH_MAX are never near. */
static size_t distance(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b), rows[3][NAME_LENGTH_MAX + 1];
  if (n > NAME_LENGTH_MAX || m > NAME_LENGTH_MAX) return SIZE_MAX;
  for (size_t j = 0; j <= m; j++) rows[0][j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      row[j] =
          min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (folded(a[i - 1]) != folded(b[j - 1])));
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && above2[j - 2] + 1 < row[j]) row[j] = above2[j - 2] + 1;
    }
  }
  return rows[n % 3][m];
}

const char *diag_nearest(const char *name, const char *const *candidates, size_t count) {
  size_t limit = strlen(name) / 3, best = SIZE_MAX;
  if (limit < 1) limit = 1;
  const char *near = NULL;
  for (size_t i = 0; i < count; i++) {
    size_t d = distance(name, candidates[i]);
    /* A letter is not near every other letter. */
    bool shares = d < strlen(name) || d < strlen(candidates[i]);
    if (d <= limit && d < best && shares) best = d, near = candidates[i];
  }
  return near;
}
