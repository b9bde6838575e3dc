/* The hash that a file of ours carries over its tensors, as metadata: a bit that a disk or a copy
 * flips would else be trained on.  It covers names and data in the order of names, so that a file
 * whose tensors were only put in another order keeps it. */
#ifndef RUNTIME_EXECUTE_SAFETENSORS_HASH_H
#define RUNTIME_EXECUTE_SAFETENSORS_HASH_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define SAFE_METADATA "__metadata__"
#define SAFE_HASH_KEY "tensors_hash"
#define SAFE_HASH_TEXT 17 /* 16 hex digits of xxh3 */

static inline void safe_hash_add(XXH3_state_t *state, const char *name, const void *data,
                                 size_t bytes) {
  XXH3_64bits_update(state, name, strlen(name) + 1);
  if (bytes) XXH3_64bits_update(state, data, bytes);
}

static inline void safe_hash_text(const XXH3_state_t *state, char text[SAFE_HASH_TEXT]) {
  snprintf(text, SAFE_HASH_TEXT, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(state));
}

#endif
