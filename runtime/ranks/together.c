/* Each rank sends a few bytes to all others at the places where its fate may part from theirs. */
#include "runtime/ranks/together.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct Fate {
  uint32_t status, stop;
  uint64_t messages; /* a hash of them */
} Fate;

static uint64_t hash_messages(Diag *diag) {
  uint64_t hash = 0;
  const DiagEntry *entry;
  for (size_t i = 0; (entry = diag_entry(diag, i)); i++)
    if (entry->code != STATUS_OK)
      hash = XXH3_64bits_withSeed(entry->text, strlen(entry->text), hash);
  return hash;
}

static Status lost(Ranks *ranks, Diag *diag) {
  return diag_error(diag, STATUS_SYSTEM, "--ranks", "--resume goes on from the last checkpoint",
                    "%s", ranks->error);
}

Status together(Ranks *ranks, Status own, bool *stop, Diag *diag) {
  if (!ranks) return own;
  Fate fate = {(uint32_t)own, *stop, own == STATUS_OK ? 0 : hash_messages(diag)};
  Fate *all = calloc(ranks->count, sizeof *all);
  if (!all) return diag_no_memory(diag, ranks->count * sizeof *all);
  Status status = ranks_gather(ranks, &fate, all, sizeof fate);
  if (status != STATUS_OK && own == STATUS_OK) status = lost(ranks, diag);
  if (own != STATUS_OK) status = own;
  for (uint32_t r = 0; r < ranks->count; r++) {
    *stop |= all[r].stop;
    if (status == STATUS_OK && all[r].status) status = (Status)all[r].status;
    ranks->agreed |= all[r].status || all[r].stop;
    if (r < ranks->rank && own != STATUS_OK && all[r].status && all[r].messages == fate.messages)
      diag_clear(diag);
  }
  free(all);
  return status;
}

void together_tell(Ranks *ranks, Diag *diag) {
  if (!ranks || ranks->agreed || !ranks->table->told || diag_error_count(diag) == 0) return;
  if (ranks->table->told(ranks, hash_messages(diag))) diag_clear(diag);
}

Status together_same(Ranks *ranks, uint64_t value, const char *what, Diag *diag) {
  if (!ranks) return STATUS_OK;
  uint64_t *all = calloc(ranks->count, sizeof *all);
  if (!all) return diag_no_memory(diag, ranks->count * sizeof *all);
  Status status = ranks_gather(ranks, &value, all, sizeof value);
  if (status != STATUS_OK) status = lost(ranks, diag);
  for (uint32_t r = 1; status == STATUS_OK && r < ranks->count; r++)
    if (all[r] != all[0])
      status = diag_error(diag, STATUS_INVALID, "--ranks", "start all of them alike",
                          "rank %u has another %s than rank 0", r, what);
  free(all);
  return status;
}
