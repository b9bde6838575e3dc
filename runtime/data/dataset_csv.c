/* CSV manifests (RFC 4180): a header line, then one image per line.  Blanks around a field are no
 * part of it, unless quotes stand around them. */
#include "graph/base/open_file.h"
#include "graph/base/text.h"
#include "runtime/data/identity.h"
#include "runtime/data/layout.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64
#define CSV_HEADER "the first line reads path,pid,camera,domain,split"

enum { COLUMN_PATH, COLUMN_PID, COLUMN_CAMERA, COLUMN_DOMAIN, COLUMN_SPLIT, COLUMN_COUNT };
static const char *const column_names[] = {"path", "pid", "camera", "domain", "split"};

typedef struct Csv {
  const DataLayout *layout;
  DataRows *rows;
  const char *path, *domain;
  const char *column_domain; /* what the column says while `domain` wins; NULL: nothing yet */
  uint32_t line;
  int n_fields;             /* of the header; 0: not read yet */
  int column[COLUMN_COUNT]; /* where each is; -1: not there */
  bool left_out;            /* rows of identity -1 or split unused */
} Csv;

/* A mistake is often made in every row: equal ones are counted. */
static Status csv_error(const Csv *c, const char *hint, const char *format, const char *what) {
  char place[PATH_MAX + 32], text[1024];
  if (!c->rows->diag) return STATUS_INVALID;
  snprintf(place, sizeof place, "%s:%u", c->path, c->line);
  text_format(text, sizeof text, format, what);
  DiagEntry entry = {.code = STATUS_INVALID,
                     .place = place,
                     .text = text,
                     .hint = hint,
                     .file = c->path,
                     .order = (unsigned long long)c->line << 20,
                     .row = true};
  return diag_add(c->rows->diag, &entry);
}

enum { CUT_OPEN = -1, CUT_AFTER = -2, CUT_TOO_MANY = -3 };
static_assert(COLUMNS_MAX == DATA_CSV_FIELDS, "what layout.h says");

#define BLANKS " \t"

/* Takes blanks from the end of a field of `n` bytes. */
static size_t without_blanks(const char *text, size_t n) {
  while (n && strchr(BLANKS, text[n - 1])) n--;
  return n;
}

int data_csv_cut(char *line, char **fields) {
  int n = 0;
  for (char *from = line;;) {
    if (n == COLUMNS_MAX) return CUT_TOO_MANY;
    from += strspn(from, BLANKS);
    char *to = fields[n++] = from;
    if (*from == '"') {
      for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
      }
      if (*from != '"') return CUT_OPEN;
      from++;
      from += strspn(from, BLANKS);
    } else {
      size_t length = strcspn(from, ",");
      to = from + without_blanks(from, length);
      from += length;
    }
    char end = *from;
    *to = 0;
    if (end == 0) return n;
    if (end != ',') return CUT_AFTER;
    from++;
  }
}

/* The file's name without folder and `.csv`. */
static const char *stem(Arena *arena, const char *path) {
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  const char *dot = strrchr(base, '.');
  return arena_strndup(arena, base, dot ? (size_t)(dot - base) : strlen(base));
}

static bool is_column(const char *name) {
  for (int k = 0; k < COLUMN_COUNT; k++)
    if (strcmp(name, column_names[k]) == 0) return true;
  return false;
}

/* Other columns are not read; one that nearly has a name that is, is likely meant. */
static const char *misspelt(char **fields, int n, int column) {
  for (int i = 0; i < n; i++)
    if (!is_column(fields[i]) && diag_nearest(fields[i], &column_names[column], 1))
      return fields[i];
  return NULL;
}

static void warn_misspelt(const Csv *c, char **fields, int n) {
  for (int k = COLUMN_DOMAIN; k < COLUMN_COUNT; k++) {
    const char *field = c->column[k] < 0 ? misspelt(fields, n, k) : NULL;
    if (field)
      diag_warning(c->rows->diag, arena_printf(c->rows->arena, "%s:%u", c->path, c->line),
                   arena_printf(c->rows->arena, "did you mean '%s'?", column_names[k]),
                   "the column '%s' is not read", field);
  }
}

static Status read_header(Csv *c, char **fields, int n) {
  for (int k = 0; k < COLUMN_COUNT; k++) {
    c->column[k] = -1;
    for (int i = 0; i < n; i++) {
      if (strcmp(fields[i], column_names[k]) != 0) continue;
      if (c->column[k] >= 0)
        return csv_error(c, NULL, "there are two columns '%s'", column_names[k]);
      c->column[k] = i;
    }
    if (c->column[k] >= 0 || k > COLUMN_CAMERA) continue;
    const char *field = misspelt(fields, n, k), *hint = CSV_HEADER;
    if (field) hint = arena_printf(c->rows->arena, "'%s' is called '%s'", column_names[k], field);
    if (n == 1 && strpbrk(fields[0], ";\t|")) hint = "commas stand between fields: " CSV_HEADER;
    return csv_error(c, hint, "there is no column '%s'", column_names[k]);
  }
  warn_misspelt(c, fields, n);
  if (!c->domain && c->column[COLUMN_DOMAIN] < 0) c->domain = stem(c->rows->arena, c->path);
  if (!c->domain && c->column[COLUMN_DOMAIN] < 0) return diag_no_memory(c->rows->diag, 1);
  c->n_fields = n;
  return STATUS_OK;
}

static Status parse_split(const Csv *c, const char *text, uint8_t *out) {
  static const char *const names[] = {"train", "query", "gallery", "unused"};
  for (uint8_t i = 0; i < 4; i++)
    if (strcmp(text, names[i]) == 0) {
      *out = i;
      return STATUS_OK;
    }
  return csv_error(c, "train, query, gallery or unused", "there is no split '%s'", text);
}

/* The row's domain: the caller's name wins, but only over one name. */
static Status row_domain(Csv *c, char **fields, const char **out) {
  *out = c->domain;
  if (c->column[COLUMN_DOMAIN] < 0) return STATUS_OK;
  const char *field = fields[c->column[COLUMN_DOMAIN]];
  if (!data_is_name(field))
    return csv_error(c, "letters, digits, _ and -", "'%s' is no name for a domain", field);
  if (!c->domain) {
    *out = field;
    return STATUS_OK;
  }
  if (!c->column_domain) c->column_domain = arena_strdup(c->rows->arena, field);
  if (!c->column_domain) return diag_no_memory(c->rows->diag, strlen(field));
  if (strcmp(c->column_domain, field) == 0) return STATUS_OK;
  return csv_error(c,
                   "name the manifest itself as DATA: its column 'domain' splits it; or write one "
                   "manifest for each domain",
                   "domain '%s': the manifest holds several, and a line of a .domains file names "
                   "one",
                   field);
}

/* What an identity or a camera may not be.  A camera may be below 0. */
static Status check_identity(const Csv *c, int column, const char *text) {
  static const char hint[] = "an image of nobody has pid -1; a person has a number or a name";
  Identity id = identity_read(text);
  const char *what = column_names[column];
  bool pid = column == COLUMN_PID;
  if (id.kind == IDENTITY_NAME || (id.kind == IDENTITY_NUMBER && (!id.negative || !pid)))
    return STATUS_OK;
  if (id.kind == IDENTITY_NUMBER && identity_is_junk(text)) return STATUS_OK;
  char message[400];
  text_format(message, sizeof message,
              id.kind == IDENTITY_NUMBER     ? "%s '%s' is below 0"
              : id.kind == IDENTITY_FRACTION ? "%s '%s' is no whole number"
              : *text                        ? "%s '%s' is no value"
                                             : "the field '%s' is empty%s",
              what, text);
  return csv_error(c, pid ? hint : "a camera has a number or a name; one camera is 1 in every row",
                   "%s", message);
}

/* Identities are written into checkpoints, which are JSON. */
static Status check_utf8(const Csv *c, const char *pid) {
  size_t left = strlen(pid);
  for (size_t n; left && (n = text_char_length(pid, left)) > 0; left -= n) pid += n;
  return left == 0 ? STATUS_OK
                   : csv_error(c, "save the manifest as UTF-8", "the pid is no UTF-8 text%s", "");
}

static Status check_row(Csv *c, char **fields, int n, uint8_t *split) {
  if (n != c->n_fields)
    return csv_error(
        c, "every line has as many fields as the first; a field with a comma in it is quoted",
        n < c->n_fields ? "%sfields are missing" : "%sthere are more fields than columns", "");
  if (c->column[COLUMN_SPLIT] >= 0) TRY(parse_split(c, fields[c->column[COLUMN_SPLIT]], split));
  if (!*fields[c->column[COLUMN_PATH]])
    return csv_error(c, NULL, "the field '%s' is empty", column_names[COLUMN_PATH]);
  for (int k = COLUMN_PID; k <= COLUMN_CAMERA; k++) {
    char *field = fields[c->column[k]];
    field += strspn(field, BLANKS); /* inside quotes */
    field[without_blanks(field, strlen(field))] = 0;
    fields[c->column[k]] = field;
    TRY(check_identity(c, k, field));
  }
  return check_utf8(c, fields[c->column[COLUMN_PID]]);
}

static Status read_row(Csv *c, char **fields, int n) {
  Arena *arena = c->rows->arena;
  uint8_t split = SPLIT_TRAIN;
  TRY(check_row(c, fields, n, &split));
  const char *written = fields[c->column[COLUMN_PATH]], *pid = fields[c->column[COLUMN_PID]],
             *domain;
  TRY(row_domain(c, fields, &domain));
  bool junk = identity_is_junk(pid);
  if (junk || split == SPLIT_UNUSED) {
    c->left_out = true;
    DataLeft left = {junk ? LEFT_JUNK : LEFT_UNUSED, c->path, written, c->line, NULL};
    return data_rows_leave(c->rows, left) ? STATUS_OK : diag_no_memory(c->rows->diag, sizeof left);
  }
  DataRow row = {.domain = arena_strdup(arena, domain),
                 .path = data_path(arena, c->path, written),
                 .written = arena_strdup(arena, written),
                 .pid = arena_strdup(arena, pid),
                 .camera = arena_strdup(arena, fields[c->column[COLUMN_CAMERA]]),
                 .set = c->path,
                 .layout = c->layout,
                 .line = c->line,
                 .split = split};
  return data_rows_add(c->rows, row) ? STATUS_OK : diag_no_memory(c->rows->diag, sizeof row);
}

/* `text` is one line without its end. */
static Status read_line(Csv *c, char *text, size_t length) {
  char *fields[COLUMNS_MAX];
  bool wide = c->line == 1 && length > 1 &&
              (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0);
  if (wide) return csv_error(c, "save the manifest as UTF-8", "the text is UTF-16%s", "");
  if (strlen(text) != length || strchr(text, '\r'))
    return csv_error(c, "lines end in LF or CR LF", "a %s stands inside the line",
                     strlen(text) != length ? "zero byte" : "carriage return");
  if (length == 0) return STATUS_OK;
  int n = data_csv_cut(text, fields);
  if (n == CUT_TOO_MANY) return csv_error(c, NULL, "there are more fields than columns%s", "");
  if (n < 0)
    return csv_error(c, "a quote inside a quoted field is written twice; fields end on their line",
                     "%s",
                     n == CUT_OPEN ? "a quoted field does not end" : "text follows a quoted field");
  return c->n_fields == 0 ? read_header(c, fields, n) : read_row(c, fields, n);
}

/* As many as are printed are told of, then the lines that have errors are counted only. */
static Diag *told(Diag *diag) {
  return diag_error_count(diag) < DIAG_MAX_ERRORS ? diag : NULL;
}

static void note_untold(const Csv *c, uint32_t n) {
  char text[80];
  snprintf(text, sizeof text, "%u further line%s errors, which are not shown", n,
           n > 1 ? "s have" : " has");
  DiagEntry entry = {
      .code = STATUS_OK, .place = c->path, .text = text, .file = c->path, .order = ULLONG_MAX};
  if (n) diag_add(c->rows->diag, &entry);
}

static Status read_lines(Csv *c, FILE *file) {
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  Diag *diag = c->rows->diag;
  uint32_t untold = 0;
  bool go_on = true; /* without a header no line means anything */
  for (ssize_t length; go_on && (length = getline(&line, &capacity, file)) >= 0;) {
    size_t from = c->line++ == 0 ? data_bom(line) : 0, to = (size_t)length;
    if (to > from && line[to - 1] == '\n') to--;
    if (to > from && line[to - 1] == '\r') to--;
    line[to] = 0;
    c->rows->diag = told(diag);
    Status now = read_line(c, line + from, to - from);
    untold += now != STATUS_OK && !c->rows->diag;
    c->rows->diag = diag;
    if (now == STATUS_OK) continue;
    status = now;
    go_on = c->n_fields > 0 && now == STATUS_INVALID;
  }
  note_untold(c, untold);
  if (status == STATUS_OK && ferror(file))
    status = diag_error(c->rows->diag, STATUS_INVALID, c->path, NULL, "cannot read: %s",
                        strerror(errno));
  free(line);
  return status;
}

typedef struct DomainList { /* domains in which 0 is a person */
  const char *name;
  struct DomainList *next;
} DomainList;

static bool is_listed(const DomainList *list, const char *name) {
  for (; list; list = list->next)
    if (strcmp(list->name, name) == 0) return true;
  return false;
}

/* Identity 0 of a gallery is nobody in a domain that never asks for it. */
static Status mark_nobody(DataRows *rows, size_t first) {
  DomainList *asked = NULL;
  for (size_t i = first; i < rows->n; i++) {
    const DataRow *row = &rows->rows[i];
    if (row->split != SPLIT_QUERY || !identity_is_zero(row->pid) || is_listed(asked, row->domain))
      continue;
    DomainList *domain = arena_alloc(rows->arena, sizeof *domain);
    if (!domain) return diag_no_memory(rows->diag, sizeof *domain);
    *domain = (DomainList){row->domain, asked};
    asked = domain;
  }
  for (size_t i = first; i < rows->n; i++) {
    DataRow *row = &rows->rows[i];
    row->nobody =
        row->split == SPLIT_GALLERY && identity_is_zero(row->pid) && !is_listed(asked, row->domain);
  }
  return STATUS_OK;
}

Status data_read_csv(const DataLayout *layout, DataRows *rows, const char *path,
                     const char *domain) {
  FILE *file;
  int64_t size = 0;
  TRY(file_require(path, rows->diag, &file, &size));
  Csv c = {.layout = layout, .rows = rows, .path = path, .domain = domain};
  size_t before = rows->n;
  Status status = read_lines(&c, file);
  fclose(file);
  if (status == STATUS_OK && rows->n == before)
    status =
        diag_error(rows->diag, STATUS_INVALID, path, c.left_out ? NULL : CSV_HEADER,
                   c.left_out ? "lists only images of pid -1 or split unused" : "lists no images");
  return status == STATUS_OK ? mark_nobody(rows, before) : status;
}
