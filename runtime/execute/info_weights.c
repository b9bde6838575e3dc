/* `graphrun info FILE` of weights, and `graphrun info PLAN --init=FILE`. */
#include "runtime/execute/info_weights.h"

#include "graph/base/open_file.h"
#include "graph/base/text.h"
#include "runtime/execute/open.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

bool info_weights_recognise(const char *path) {
  FILE *file;
  int64_t size;
  if (file_open(path, &file, &size) != 0) return false; /* who reads it says why not */
  int first = getc(file);
  while (first == ' ' || first == '\n' || first == '\r' || first == '\t') first = getc(file);
  fclose(file);
  return first != EOF && first != '<' && first != 0xef; /* or a byte order mark before it */
}

Status info_weights_run(const char *path, Diag *diag) {
  SafeFile *file;
  int64_t elements = 0;
  TRY(safe_read(path, diag, &file));
  uint32_t n = safe_count(file);
  for (uint32_t i = 0; i < n; i++) elements += safe_tensor(file, i)->count;
  fputs("weights     ", stdout);
  text_print_word(safe_note(file) ? safe_note(file) : "safetensors", stdout);
  printf("\ntensors     %u, %" PRId64 " elements\n\n%-8s %-20s %-16s  %s\n", n, elements, "type",
         "shape", "xxh3", "name");
  for (uint32_t i = 0; i < n; i++) {
    const FileTensor *t = safe_tensor(file, i);
    char shape[SHAPE_TEXT_MAX];
    printf("%-8s %-20s %016" PRIx64 "  ", t->type_name, file_tensor_shape(t, shape, sizeof shape),
           (uint64_t)XXH3_64bits(t->data, (size_t)t->bytes));
    text_print_word(t->name, stdout);
    putchar('\n');
  }
  safe_close(file);
  return STATUS_OK;
}

Status info_start_run(const char *plan_path, const WeightsStart *start, Diag *diag) {
  Plan *plan;
  SafeFile *file = NULL;
  TRY(plan_open(plan_path, NULL, diag, &plan));
  Status status = safe_read(start->path, diag, &file);
  if (status == STATUS_OK) status = weights_start_preview(plan, file, start, diag);
  safe_close(file);
  plan_destroy(plan);
  return status;
}
