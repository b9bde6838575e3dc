/* Files of splits: which form one has, and the two that are text. */
#include "runtime/eval/split_list.h"

#include "graph/base/array.h"
#include "graph/base/open_file.h"
#include "graph/base/text.h"
#include "runtime/data/image.h"
#include "runtime/data/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TRIALS_MAX 1000
#define BLANKS " \t\r\n"
static const char form[] =
    "a CSV with the columns trial,side,path or trial,side,pid,camera; lines of identities that are "
    "tested; a splits.json; GRID's features_and_partitions.mat";

Status split_list_add(SplitList *list, SplitEntry entry, Diag *diag) {
  TRY(ARRAY_RESERVE(list->entries, list->capacity, list->n, 1, diag));
  if (entry.trial >= TRIALS_MAX)
    return diag_error(diag, STATUS_INVALID, list->path, NULL, "has more than %d trials",
                      TRIALS_MAX);
  list->entries[list->n++] = entry;
  if (entry.trial >= list->trials) list->trials = entry.trial + 1;
  return STATUS_OK;
}

static Status line_error(const SplitList *list, uint32_t line, Diag *diag, const char *hint,
                         const char *format, const char *word) {
  return diag_error(diag, STATUS_INVALID, arena_printf(list->arena, "%s:%u", list->path, line),
                    hint, format, word);
}

/* ---- lines ---- */

typedef struct Text {
  char **lines; /* without their ends */
  size_t n, capacity;
} Text;

static Status read_text(SplitList *list, FILE *file, Diag *diag, Text *out) {
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  for (ssize_t n; status == STATUS_OK && (n = getline(&line, &capacity, file)) >= 0;) {
    size_t from = out->n == 0 ? data_bom(line) : 0;
    while (n > 0 && strchr("\r\n", line[n - 1])) n--;
    if (strlen(line) < (size_t)n) {
      status =
          line_error(list, (uint32_t)out->n + 1, diag, form, "a zero byte stands inside%s", "");
      break;
    }
    status = ARRAY_RESERVE(out->lines, out->capacity, out->n, 1, diag);
    if (status != STATUS_OK) break;
    out->lines[out->n] = arena_strndup(list->arena, line + from, (size_t)n - from);
    if (!out->lines[out->n++]) status = diag_no_memory(diag, (size_t)n);
  }
  if (status == STATUS_OK && ferror(file))
    status = diag_error(diag, STATUS_INVALID, list->path, NULL, "cannot read: %s", strerror(errno));
  free(line);
  return status;
}

static char *skip_blanks(char *text) {
  return text + strspn(text, BLANKS);
}

/* ---- CSV ---- */

enum { TRIAL, SIDE, PATH, PID, CAMERA, COLUMNS };
static const char *const columns[COLUMNS] = {"trial", "side", "path", "pid", "camera"};

/* Cuts the header; false: the file is no CSV. */
static bool read_header(char *line, int *column) {
  char *fields[DATA_CSV_FIELDS];
  int n = data_csv_cut(line, fields);
  for (int k = 0; k < COLUMNS; k++) column[k] = -1;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < COLUMNS; k++)
      if (strcasecmp(fields[i], columns[k]) == 0) column[k] = i;
  return n > 1 && (column[PATH] >= 0 || column[PID] >= 0);
}

static Status read_side(const SplitList *list, uint32_t line, const char *word, Diag *diag,
                        uint8_t *out) {
  static const char *const names[] = {"query", "gallery", "test", "train"};
  for (uint8_t i = 0; i < 4; i++)
    if (strcasecmp(word, names[i]) == 0) {
      *out = i;
      return STATUS_OK;
    }
  return line_error(list, line, diag, "query, gallery, test or train", "there is no side '%s'",
                    word);
}

static Status read_trial(const SplitList *list, uint32_t line, const char *word, Diag *diag,
                         uint32_t *out) {
  char *end;
  unsigned long trial = strtoul(word, &end, 10);
  if (*word >= '0' && *word <= '9' && *end == 0 && trial < TRIALS_MAX) {
    *out = (uint32_t)trial;
    return STATUS_OK;
  }
  return line_error(list, line, diag, "trials are numbered from 0 or 1", "'%s' is no trial", word);
}

static Status read_row(SplitList *list, const int *column, char *text, uint32_t line, Diag *diag) {
  char *fields[DATA_CSV_FIELDS];
  SplitEntry entry = {.side = SIDE_TEST, .line = line};
  int n = data_csv_cut(text, fields), last = 0;
  for (int k = 0; k < COLUMNS; k++) last = column[k] > last ? column[k] : last;
  if (n <= last) return line_error(list, line, diag, form, "fields are missing%s", "");
  if (column[TRIAL] >= 0) TRY(read_trial(list, line, fields[column[TRIAL]], diag, &entry.trial));
  if (column[SIDE] >= 0) TRY(read_side(list, line, fields[column[SIDE]], diag, &entry.side));
  if (column[PATH] >= 0)
    entry.image = fields[column[PATH]];
  else
    entry.pid = fields[column[PID]];
  if (!entry.image && column[CAMERA] >= 0 && *fields[column[CAMERA]])
    entry.camera = fields[column[CAMERA]];
  if (!*(entry.image ? entry.image : entry.pid))
    return line_error(list, line, diag, form, "names neither image nor identity%s", "");
  if (entry.image && entry.side == SIDE_TRAIN) return STATUS_OK;
  return split_list_add(list, entry, diag);
}

/* Trials that are numbered from 1 become 0, 1, ... */
static void count_from_zero(SplitList *list) {
  for (size_t i = 0; i < list->n; i++)
    if (list->entries[i].trial == 0) return;
  for (size_t i = 0; i < list->n; i++) list->entries[i].trial--;
  if (list->trials) list->trials--;
}

static Status read_csv(SplitList *list, const Text *text, const int *column, Diag *diag) {
  for (size_t i = 1; i < text->n; i++)
    if (*skip_blanks(text->lines[i]))
      TRY(read_row(list, column, text->lines[i], (uint32_t)i + 1, diag));
  count_from_zero(list);
  return STATUS_OK;
}

/* ---- words ---- */

static size_t count_words(const char *line) {
  size_t n = 0;
  for (line += strspn(line, BLANKS ","); *line && *line != '#'; n++) {
    line += strcspn(line, BLANKS ",");
    line += strspn(line, BLANKS ",");
  }
  return n;
}

/* A line is a trial, but where no line has more than one word, all lines are one.  Lines of two
 * images each are one trial, too: a query and what it matches. */
static Status read_words(SplitList *list, const Text *text, Diag *diag) {
  size_t most = 0;
  bool pairs = true;
  for (size_t i = 0; i < text->n; i++) {
    size_t n = count_words(text->lines[i]);
    if (n > most) most = n;
    const char *first = skip_blanks(text->lines[i]);
    char *word = arena_strndup(list->arena, first, strcspn(first, BLANKS ","));
    if (!word) return diag_no_memory(diag, strlen(first));
    if (n) pairs = pairs && n == 2 && image_is_named(word);
  }
  uint32_t trial = 0;
  for (size_t i = 0; i < text->n; i++) {
    char *at = text->lines[i] + strspn(text->lines[i], BLANKS ",");
    if (*at == 0 || *at == '#') continue;
    for (uint32_t k = 0; *at && *at != '#'; k++) {
      char *word = arena_strndup(list->arena, at, strcspn(at, BLANKS ","));
      if (!word) return diag_no_memory(diag, strlen(at));
      SplitEntry entry = {.trial = trial, .side = SIDE_TEST, .line = (uint32_t)i + 1};
      if (pairs) entry.side = k ? SIDE_GALLERY : SIDE_QUERY;
      *(image_is_named(word) ? &entry.image : &entry.pid) = word;
      TRY(split_list_add(list, entry, diag));
      at += strlen(word);
      at += strspn(at, BLANKS ",");
    }
    trial += most > 1 && !pairs;
  }
  return STATUS_OK;
}

/* ---- which form ---- */

static Status read_any_text(SplitList *list, FILE *file, Diag *diag) {
  Text text = {0};
  int column[COLUMNS];
  size_t first = 0;
  Status status = read_text(list, file, diag, &text);
  while (first < text.n && !*skip_blanks(text.lines[first])) first++;
  if (status == STATUS_OK && first < text.n) {
    char *head = skip_blanks(text.lines[first]);
    char *copy = arena_strdup(list->arena, text.lines[0]);
    if (!copy)
      status = diag_no_memory(diag, 1);
    else if (*head == '[' || *head == '{')
      status = split_list_read_json(list, diag);
    else if (read_header(copy, column))
      status = read_csv(list, &text, column, diag);
    else
      status = read_words(list, &text, diag);
  }
  free(text.lines);
  return status;
}

static Status read_list(SplitList *list, Diag *diag) {
  FILE *file;
  int64_t size = 0;
  if (text_ends_in(list->path, ".mat")) return split_list_read_mat(list, diag);
  TRY(file_require(list->path, diag, &file, &size));
  Status status = read_any_text(list, file, diag);
  fclose(file);
  return status;
}

/* Every trial must have something in it. */
static Status check_trials(const SplitList *list, Diag *diag) {
  if (list->n == 0) return diag_error(diag, STATUS_INVALID, list->path, form, "holds no splits");
  for (uint32_t t = 0; t < list->trials; t++) {
    bool any = false;
    for (size_t i = 0; i < list->n && !any; i++) any = list->entries[i].trial == t;
    if (!any)
      return diag_error(diag, STATUS_INVALID, list->path, "trials are numbered without gaps",
                        "has no entry of trial %u of %u", t, list->trials);
  }
  return STATUS_OK;
}

Status split_list_read(const char *path, Diag *diag, SplitList **out) {
  *out = NULL;
  SplitList *list = calloc(1, sizeof *list);
  if (!list) return diag_no_memory(diag, sizeof *list);
  list->arena = arena_create();
  list->path = list->arena ? arena_strdup(list->arena, path) : NULL;
  Status status = list->path ? read_list(list, diag) : diag_no_memory(diag, strlen(path));
  if (status == STATUS_OK) status = check_trials(list, diag);
  if (status == STATUS_OK)
    *out = list;
  else
    split_list_destroy(list);
  return status;
}

void split_list_destroy(SplitList *list) {
  if (!list) return;
  arena_destroy(list->arena);
  free(list->entries);
  free(list);
}
