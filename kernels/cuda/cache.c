/* Compiled texts on disk, so that a program starts at once the second time.
 *
 * An entry is a file named by a hash of the text, the GPU's generation and the compiler's version;
 * it begins with a hash of what follows, and one that is damaged is compiled anew.  Entries are
 * replaced, never changed: any number of processes may share a folder.  The cache is a convenience:
 * what cannot be read or written is compiled, and nobody is told. */
#include "kernels/cuda/cache.h"

#include "graph/base/open_file.h"
#include "graph/base/replace.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define ENTRY_MAX ((int64_t)256 << 20)

typedef struct Entry {
  char path[PATH_MAX];
  uint64_t key; /* of what it is compiled from; the head's hash depends on it, too */
} Entry;

static bool find_entry(const char *folder, const CudaCacheKey *key, Entry *out) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return false;
  const int facts[] = {key->architecture, key->major, key->minor};
  XXH3_128bits_reset(state);
  XXH3_128bits_update(state, facts, sizeof facts);
  XXH3_128bits_update(state, key->text, strlen(key->text));
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  out->key = hash.low64;
  int n =
      snprintf(out->path, PATH_MAX, "%s/%016llx%016llx.sm_%d.cubin", folder,
               (unsigned long long)hash.high64, (unsigned long long)hash.low64, key->architecture);
  return n > 0 && n < PATH_MAX;
}

void *cuda_cache_read(const char *folder, const CudaCacheKey *key, size_t *out_bytes) {
  Entry entry;
  FILE *file;
  int64_t size;
  if (!folder || !find_entry(folder, key, &entry) || file_open(entry.path, &file, &size) != 0)
    return NULL;
  const int64_t head = (int64_t)sizeof(uint64_t);
  char *data = size > head && size <= ENTRY_MAX ? malloc((size_t)size) : NULL;
  bool whole = data && fread(data, 1, (size_t)size, file) == (size_t)size;
  fclose(file);
  uint64_t hash = 0;
  if (whole) memcpy(&hash, data, sizeof hash);
  *out_bytes = whole ? (size_t)(size - head) : 0;
  if (whole && XXH3_64bits_withSeed(data + head, *out_bytes, entry.key) == hash) {
    memmove(data, data + head, *out_bytes);
    return data;
  }
  free(data);
  return NULL;
}

/* With its parents. */
static void make_folder(const char *folder) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", folder);
  for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    mkdir(path, 0777);
    *at = '/';
  }
  mkdir(path, 0777);
}

void cuda_cache_write(const char *folder, const CudaCacheKey *key, const void *code, size_t bytes) {
  Entry entry;
  struct stat there;
  if (!folder || !find_entry(folder, key, &entry)) return;
  make_folder(folder);
  /* What is no file would be written in place, and may wait for a reader. */
  if (lstat(entry.path, &there) == 0 && !S_ISREG(there.st_mode) && unlink(entry.path) != 0) return;
  uint64_t hash = XXH3_64bits_withSeed(code, bytes, entry.key);
  file_replace(entry.path, (const FilePart[]){{&hash, sizeof hash}, {code, bytes}}, 2, false);
}

char *cuda_cache_folder(bool asked_only) {
  const char *own = getenv("GRAPHC_CUDA_CACHE"), *cache = getenv("XDG_CACHE_HOME"),
             *home = getenv("HOME");
  char path[PATH_MAX] = "";
  if (own)
    snprintf(path, sizeof path, "%s", own);
  else if (!asked_only && cache && *cache == '/')
    snprintf(path, sizeof path, "%s/graphc/cuda", cache);
  else if (!asked_only && home && *home == '/')
    snprintf(path, sizeof path, "%s/.cache/graphc/cuda", home);
  return *path ? strdup(path) : NULL;
}
