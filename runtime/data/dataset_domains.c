/* `.domains` files: one domain a line, `NAME LAYOUT PATH [split=train|all]`. */
#include "runtime/data/dataset.h"

#include "graph/base/open_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows from `first` on become training data, but for distractors: pid 0 outside of the training
 * split (inside, 0 is a name like others; pid -1 was never read). */
static void train_on_all(DataRows *rows, size_t first) {
  size_t kept = first;
  for (size_t i = first; i < rows->n; i++) {
    const char *pid = rows->rows[i].pid;
    bool zero = *pid == '0' && strspn(pid, "0") == strlen(pid);
    if (zero && rows->rows[i].split != SPLIT_TRAIN) continue;
    rows->rows[kept] = rows->rows[i];
    rows->rows[kept++].split = SPLIT_TRAIN;
  }
  rows->n = kept;
}

static Status read_domain_line(DataRows *rows, const char *file, int line, char *text) {
  char *save, *words[5];
  int n = 0;
  for (char *w = strtok_r(text, " \t\r\n", &save); w && *w != '#' && n < 5;
       w = strtok_r(NULL, " \t\r\n", &save))
    words[n++] = w;
  if (n == 0) return STATUS_OK;
  const char *place = arena_printf(rows->arena, "%s:%d", file, line);
  if (n < 3 || n > 4)
    return diag_error(rows->diag, STATUS_INVALID, place, DATA_DOMAINS_FORM,
                      n < 3 ? "the line ends too early" : "the line has too many words");
  if (!data_is_name(words[0]))
    return diag_error(rows->diag, STATUS_INVALID, place, "letters, digits, _ and -",
                      "'%s' is no name for a domain", words[0]);
  bool all = n == 4 && strcmp(words[3], "split=all") == 0;
  if (n == 4 && !all && strcmp(words[3], "split=train") != 0)
    return diag_error(rows->diag, STATUS_INVALID, place, DATA_DOMAINS_FORM, "unknown option '%s'",
                      words[3]);
  for (size_t i = 0; i < rows->n; i++)
    if (strcmp(rows->rows[i].domain, words[0]) == 0)
      return diag_error(rows->diag, STATUS_INVALID, place, NULL, "domain '%s' stands here twice",
                        words[0]);
  const char *name = arena_strdup(rows->arena, words[0]);
  const char *path = data_path(rows->arena, file, words[2]);
  if (!name || !path) return diag_no_memory(rows->diag, strlen(words[2]));
  bool csv = strcmp(words[1], "csv") == 0;
  if (!csv && strcmp(words[1], "market") != 0)
    return diag_error(rows->diag, STATUS_INVALID, place, DATA_DOMAINS_FORM, "unknown layout '%s'",
                      words[1]);
  if (access(path, R_OK) != 0)
    return diag_error(rows->diag, STATUS_INVALID, place, "paths are relative to this file",
                      "cannot read '%s': %s", path, strerror(errno));
  size_t first = rows->n;
  TRY(csv ? dataset_read_csv(rows, path, name) : dataset_read_market(rows, path, name));
  if (all) train_on_all(rows, first);
  if (rows->n > first) return STATUS_OK;
  return diag_error(rows->diag, STATUS_INVALID, place, NULL,
                    "domain '%s' has no images but distractors", name);
}

Status dataset_read_domains(DataRows *rows, const char *path) {
  FILE *file;
  int64_t size = 0;
  TRY(file_require(path, rows->diag, &file, &size));
  char *line = NULL;
  size_t capacity = 0;
  Status status = STATUS_OK;
  for (int number = 1; status == STATUS_OK && getline(&line, &capacity, file) >= 0; number++)
    status = read_domain_line(rows, path, number, line + (number == 1 ? data_bom(line) : 0));
  if (status == STATUS_OK && ferror(file))
    status = diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  free(line);
  fclose(file);
  return status;
}
