/* Whether the same number in training and in tests is the same person. */
#include "runtime/data/identity.h"
#include "runtime/data/layout.h"

#include <stdlib.h>
#include <string.h>

const char *data_pid_within(Arena *arena, const char *prefix, size_t n, const char *pid) {
  Identity id = identity_read(pid);
  if (id.kind != IDENTITY_NUMBER || id.negative)
    return arena_printf(arena, "%.*s/%s", (int)n, prefix, pid);
  int zeros = id.n < 4 ? 4 - (int)id.n : 0;
  return arena_printf(arena, "%.*s/%.*s%.*s", (int)n, prefix, zeros, "0000", (int)id.n, id.digits);
}

static bool is_test(const DataRow *row) {
  return row->split == SPLIT_QUERY || row->split == SPLIT_GALLERY;
}

/* How many identities stand in training and in tests; *first is one of the first such's test rows.
 */
static Status count_shared(const DataRows *rows, size_t from, uint32_t *out, size_t *first) {
  enum { TRAIN = 1, TEST = 2 };
  uint32_t n = (uint32_t)(rows->n - from);
  Arena *arena = arena_create();
  const char **texts = arena ? arena_array(arena, n + 1u, sizeof *texts) : NULL;
  char *seen = arena ? arena_array(arena, n + 1u, 1) : NULL;
  IdentityRanks ranks;
  bool ok = texts && seen;
  for (uint32_t i = 0; ok && i < n; i++) texts[i] = rows->rows[from + i].pid;
  ok = ok && identity_rank(arena, texts, n, &ranks);
  *out = 0;
  for (uint32_t i = 0; ok && i < n; i++)
    if (!is_test(&rows->rows[from + i])) seen[ranks.of[i]] = TRAIN;
  for (uint32_t i = 0; ok && i < n; i++) {
    const DataRow *row = &rows->rows[from + i];
    char *at = &seen[ranks.of[i]];
    if (!is_test(row) || row->nobody || *at != TRAIN) continue;
    *at |= TEST;
    if ((*out)++ == 0) *first = from + i;
  }
  arena_destroy(arena);
  return ok ? STATUS_OK : diag_no_memory(rows->diag, n * sizeof *texts);
}

Status data_rows_number(DataRows *rows, size_t first, Numbering numbering, bool together) {
  uint32_t shared = 0;
  size_t at = first;
  if (numbering == NUMBERS_ONE || (numbering == NUMBERS_UNSAID && !together)) return STATUS_OK;
  if (numbering != NUMBERS_ANEW) TRY(count_shared(rows, first, &shared, &at));
  if (numbering == NUMBERS_UNSAID) {
    if (shared)
      diag_warning(
          rows->diag, rows->rows[at].set,
          "pids=one in the line says that this is right; pids=anew that the tests are "
          "numbered anew",
          "%u %s in training and in query or gallery and %s taken as one person%s (%s'%s')", shared,
          shared == 1 ? "identity stands" : "identities stand", shared == 1 ? "is" : "are",
          shared == 1 ? "" : " each", shared == 1 ? "" : "the first is ", rows->rows[at].pid);
    return STATUS_OK;
  }
  if (numbering == NUMBERS_APART && shared == 0) return STATUS_OK;
  for (size_t i = first; i < rows->n; i++) {
    DataRow *row = &rows->rows[i];
    const char *side = is_test(row) ? "test" : "train";
    if (row->nobody) continue;
    row->pid = data_pid_within(rows->arena, side, strlen(side), row->pid);
    if (!row->pid) return diag_no_memory(rows->diag, sizeof *row);
  }
  return STATUS_OK;
}
