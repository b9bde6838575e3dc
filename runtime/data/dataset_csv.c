/* CSV manifests (RFC 4180): a header line, then one image per line. */
#include "runtime/data/dataset.h"

#include "graph/base/open_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64
#define CSV_HEADER "the first line reads path,pid,camera,domain,split"

enum { COLUMN_PATH, COLUMN_PID, COLUMN_CAMERA, COLUMN_DOMAIN, COLUMN_SPLIT, COLUMN_COUNT };
static const char *const column_names[] = {"path", "pid", "camera", "domain", "split"};

typedef struct Csv {
  DataRows *rows;
  const char *path, *domain;
  const char *column_domain; /* what the column says while `domain` wins; NULL: nothing yet */
  uint32_t line;
  int n_fields;             /* of the header; 0: not read yet */
  int column[COLUMN_COUNT]; /* where each is; -1: not there */
  bool left_out;            /* images of no identity, or unused */
} Csv;

static Status csv_error(const Csv *c, const char *hint, const char *text, const char *what) {
  return diag_error(c->rows->diag, STATUS_INVALID,
                    arena_printf(c->rows->arena, "%s:%u", c->path, c->line), hint, text, what);
}

enum { CUT_OPEN = -1, CUT_AFTER = -2, CUT_TOO_MANY = -3 };

/* Cuts `line` into fields in place; negative: what is wrong with it. */
static int cut(char *line, char **fields) {
  int n = 0;
  for (char *from = line;;) {
    if (n == COLUMNS_MAX) return CUT_TOO_MANY;
    char *to = fields[n++] = from;
    if (*from == '"') {
      for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
      }
      if (*from != '"') return CUT_OPEN;
      from++;
    } else {
      while (*from && *from != ',') *to++ = *from++;
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

static Status read_header(Csv *c, char **fields, int n) {
  for (int k = 0; k < COLUMN_COUNT; k++) {
    c->column[k] = -1;
    for (int i = 0; i < n; i++) {
      if (strcmp(fields[i], column_names[k]) != 0) continue;
      if (c->column[k] >= 0)
        return csv_error(c, NULL, "there are two columns '%s'", column_names[k]);
      c->column[k] = i;
    }
    if (c->column[k] < 0 && k <= COLUMN_CAMERA)
      return csv_error(c, CSV_HEADER, "there is no column '%s'", column_names[k]);
  }
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

static Status read_row(Csv *c, char **fields, int n) {
  Arena *arena = c->rows->arena;
  if (n != c->n_fields)
    return csv_error(
        c, "every line has as many fields as the first; a field with a comma in it is quoted",
        n < c->n_fields ? "%sfields are missing" : "%sthere are more fields than columns", "");
  uint8_t split = SPLIT_TRAIN;
  if (c->column[COLUMN_SPLIT] >= 0) TRY(parse_split(c, fields[c->column[COLUMN_SPLIT]], &split));
  for (int k = 0; k <= COLUMN_CAMERA; k++)
    if (!*fields[c->column[k]])
      return csv_error(c, NULL, "the field '%s' is empty", column_names[k]);
  const char *written = fields[c->column[COLUMN_PATH]], *pid = fields[c->column[COLUMN_PID]],
             *domain;
  TRY(row_domain(c, fields, &domain));
  if (strcmp(pid, "-1") == 0 || split == SPLIT_UNUSED) {
    c->left_out = true;
    return STATUS_OK;
  }
  DataRow row = {arena_strdup(arena, domain),
                 data_path(arena, c->path, written),
                 arena_strdup(arena, written),
                 arena_strdup(arena, pid),
                 arena_strdup(arena, fields[c->column[COLUMN_CAMERA]]),
                 c->path,
                 c->line,
                 split};
  return data_rows_add(c->rows, row) ? STATUS_OK : diag_no_memory(c->rows->diag, sizeof row);
}

/* `text` is one line without its end. */
static Status read_line(Csv *c, char *text, size_t length) {
  char *fields[COLUMNS_MAX];
  if (strlen(text) != length || strchr(text, '\r'))
    return csv_error(c, "lines end in LF or CR LF", "a %s stands inside the line",
                     strlen(text) != length ? "zero byte" : "carriage return");
  if (length == 0) return STATUS_OK;
  int n = cut(text, fields);
  if (n == CUT_TOO_MANY) return csv_error(c, NULL, "there are more fields than columns%s", "");
  if (n < 0)
    return csv_error(c, "a quote inside a quoted field is written twice; fields end on their line",
                     "%s",
                     n == CUT_OPEN ? "a quoted field does not end" : "text follows a quoted field");
  return c->n_fields == 0 ? read_header(c, fields, n) : read_row(c, fields, n);
}

static Status read_lines(Csv *c, FILE *file) {
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  int bad = 0; /* lines; the first ones are reported, but not without a header */
  for (ssize_t length; bad < DIAG_MAX_ERRORS && (length = getline(&line, &capacity, file)) >= 0;) {
    size_t from = c->line++ == 0 ? data_bom(line) : 0, to = (size_t)length;
    if (to > from && line[to - 1] == '\n') to--;
    if (to > from && line[to - 1] == '\r') to--;
    line[to] = 0;
    Status now = read_line(c, line + from, to - from);
    if (now == STATUS_OK) continue;
    status = now;
    bad = c->n_fields == 0 || now != STATUS_INVALID ? DIAG_MAX_ERRORS : bad + 1;
  }
  if (status == STATUS_OK && ferror(file))
    status = diag_error(c->rows->diag, STATUS_INVALID, c->path, NULL, "cannot read: %s",
                        strerror(errno));
  free(line);
  return status;
}

Status dataset_read_csv(DataRows *rows, const char *path, const char *domain) {
  FILE *file;
  int64_t size = 0;
  TRY(file_require(path, rows->diag, &file, &size));
  Csv c = {.rows = rows, .path = path, .domain = domain};
  size_t before = rows->n;
  Status status = read_lines(&c, file);
  fclose(file);
  if (status == STATUS_OK && rows->n == before)
    status =
        diag_error(rows->diag, STATUS_INVALID, path, c.left_out ? NULL : CSV_HEADER,
                   c.left_out ? "lists only images of pid -1 or split unused" : "lists no images");
  return status;
}
