/* CSV manifests (RFC 4180): a header line, then one image per line. */
#include "runtime/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64

enum { COLUMN_PATH, COLUMN_PID, COLUMN_CAMERA, COLUMN_DOMAIN, COLUMN_SPLIT, COLUMN_COUNT };
static const char *const column_names[] = {"path", "pid", "camera", "domain", "split"};

typedef struct Csv {
  DataRows *rows;
  const char *path, *domain;
  int line;
  int column[COLUMN_COUNT]; /* where each is; -1: not there */
} Csv;

static Status csv_error(const Csv *c, const char *hint, const char *text, const char *what) {
  return diag_error(c->rows->diag, STATUS_INVALID,
                    arena_printf(c->rows->arena, "%s:%d", c->path, c->line), hint, text, what);
}

/* Cuts `line` into fields in place; -1: a quote that does not end, or too many. */
static int cut(char *line, char **fields) {
  int n = 0;
  for (char *from = line;;) {
    if (n == COLUMNS_MAX) return -1;
    char *to = fields[n++] = from;
    if (*from == '"') {
      for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
      }
      if (*from != '"') return -1;
      from++;
    } else {
      while (*from && *from != ',') *to++ = *from++;
    }
    char end = *from;
    *to = 0;
    if (end == 0) return n;
    if (end != ',') return -1;
    from++;
  }
}

static Status read_header(Csv *c, char **fields, int n) {
  for (int k = 0; k < COLUMN_COUNT; k++) {
    c->column[k] = -1;
    for (int i = 0; i < n; i++)
      if (strcmp(fields[i], column_names[k]) == 0) c->column[k] = i;
    if (c->column[k] < 0 && k <= COLUMN_CAMERA)
      return csv_error(c, "the first line reads path,pid,camera,domain,split",
                       "there is no column '%s'", column_names[k]);
  }
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

static Status read_row(Csv *c, char **fields, int n) {
  Arena *arena = c->rows->arena;
  for (int k = 0; k < COLUMN_COUNT; k++)
    if (c->column[k] >= n)
      return csv_error(c, "every line has as many fields as the first", "the field '%s' is missing",
                       column_names[k]);
  uint8_t split = SPLIT_TRAIN;
  if (c->column[COLUMN_SPLIT] >= 0) TRY(parse_split(c, fields[c->column[COLUMN_SPLIT]], &split));
  for (int k = 0; k <= COLUMN_CAMERA; k++)
    if (!*fields[c->column[k]])
      return csv_error(c, NULL, "the field '%s' is empty", column_names[k]);
  const char *written = fields[c->column[COLUMN_PATH]];
  const char *domain = c->domain;
  if (!domain) domain = fields[c->column[COLUMN_DOMAIN]];
  DataRow row = {arena_strdup(arena, domain),
                 data_path(arena, c->path, written),
                 arena_strdup(arena, written),
                 arena_strdup(arena, fields[c->column[COLUMN_PID]]),
                 arena_strdup(arena, fields[c->column[COLUMN_CAMERA]]),
                 split};
  if (strcmp(row.pid ? row.pid : "", "-1") == 0 || split == SPLIT_UNUSED) return STATUS_OK;
  return data_rows_add(c->rows, row) ? STATUS_OK : diag_no_memory(c->rows->diag, sizeof row);
}

/* The file's name without folder and `.csv`. */
static const char *stem(Arena *arena, const char *path) {
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  const char *dot = strrchr(base, '.');
  return arena_strndup(arena, base, dot ? (size_t)(dot - base) : strlen(base));
}

static Status read_lines(Csv *c, FILE *file) {
  char *line = NULL, *fields[COLUMNS_MAX];
  size_t capacity = 0;
  Status status = STATUS_OK;
  for (ssize_t length; status == STATUS_OK && (length = getline(&line, &capacity, file)) >= 0;) {
    c->line++;
    char *text = line;
    if (c->line == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3;
    text[strcspn(text, "\r\n")] = 0;
    if (!*text) continue;
    int n = cut(text, fields);
    if (n < 0)
      status = csv_error(c, NULL, "%s", "a quote does not end, or there are too many fields");
    else
      status = c->line == 1 ? read_header(c, fields, n) : read_row(c, fields, n);
    if (c->line == 1 && status == STATUS_OK && !c->domain && c->column[COLUMN_DOMAIN] < 0)
      c->domain = stem(c->rows->arena, c->path);
  }
  if (status == STATUS_OK && ferror(file))
    status = diag_error(c->rows->diag, STATUS_INVALID, c->path, NULL, "cannot read: %s",
                        strerror(errno));
  free(line);
  return status;
}

Status dataset_read_csv(DataRows *rows, const char *path, const char *domain) {
  FILE *file = fopen(path, "r");
  if (!file)
    return diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  Csv c = {.rows = rows, .path = path, .domain = domain};
  size_t before = rows->n;
  Status status = read_lines(&c, file);
  fclose(file);
  if (status == STATUS_OK && rows->n == before)
    status = diag_error(rows->diag, STATUS_INVALID, path,
                        "the first line reads path,pid,camera,domain,split", "lists no images");
  return status;
}
