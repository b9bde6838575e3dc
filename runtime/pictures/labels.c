/* What tells files apart: of their paths the parts in which they differ. */
#include "graph/base/text.h"
#include "runtime/pictures/pictures_parts.h"

#include <string.h>

/* Where the last `parts` parts of a path begin; its begin when it has fewer. */
static const char *tail(const char *path, uint32_t parts) {
  const char *at = path + strlen(path);
  if (!parts) return at;
  while (at > path && (at[-1] != '/' || --parts)) at--;
  return at;
}

/* `take` parts in front of the last `skip`. */
static size_t cut(const char *path, uint32_t skip, uint32_t take, const char **begin) {
  *begin = tail(path, skip + take);
  const char *end = tail(path, skip);
  if (skip && end > *begin) end--;
  return (size_t)(end - *begin);
}

static bool same(const char *a, const char *b, uint32_t skip, uint32_t take) {
  const char *x, *y;
  size_t n = cut(a, skip, take, &x), m = cut(b, skip, take, &y);
  return n == m && memcmp(x, y, n) == 0;
}

static bool all_same(const char *const *paths, uint32_t n, uint32_t skip) {
  for (uint32_t i = 1; i < n; i++)
    if (!same(paths[0], paths[i], skip, 1)) return false;
  return n > 1;
}

static bool all_differ(const char *const *paths, uint32_t n, uint32_t skip, uint32_t take) {
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < i; k++)
      if (same(paths[i], paths[k], skip, take)) return false;
  return true;
}

static uint32_t count_parts(const char *path) {
  uint32_t n = 1;
  for (; *path; path++) n += *path == '/';
  return n;
}

bool picture_labels(const char *const *paths, uint32_t n, char *labels, size_t size) {
  uint32_t most = 0, skip = 0, take = 1;
  for (uint32_t i = 0; i < n; i++)
    if (count_parts(paths[i]) > most) most = count_parts(paths[i]);
  while (skip < most && all_same(paths, n, skip)) skip++;
  bool differ = skip < most;
  if (!differ) skip = 0;
  while (differ && take < most && !all_differ(paths, n, skip, take)) take++;
  if (differ && !all_differ(paths, n, skip, take)) take = 1; /* one of them twice */
  for (uint32_t i = 0; i < n; i++) {
    const char *begin;
    size_t length = cut(paths[i], skip, take, &begin);
    text_format(labels + i * size, size, "%.*s", (int)(length < size ? length : size - 1), begin);
  }
  return differ;
}
