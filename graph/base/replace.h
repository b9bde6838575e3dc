/* Files that are either the old one or the new one, never half of it. */
#ifndef GRAPH_BASE_REPLACE_H
#define GRAPH_BASE_REPLACE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct FilePart {
  const void *data;
  size_t bytes;
} FilePart;

/* Writes the parts to a temporary file beside `path`, synchronises and renames it, then
 * synchronises the folder.  With `keep_previous` the file before stays as PATH.prev.  A symbolic
 * link stays, its target is replaced; what exists and is no regular file is written in place.
 * Returns 0, or the error's number: then no temporary file is left, and the old file is untouched
 * unless it was written in place or only its folder could not be synchronised.  What processes that
 * were killed long ago left of this file is removed.
 */
int file_replace(const char *path, const FilePart *parts, size_t n, bool keep_previous);

/* Removes all temporary files of file_replace(path) that killed processes left.  The caller knows
 * that no other process writes `path`. */
void file_replace_clean(const char *path);

/* True when both name the same regular file: what is written must not replace what is read. */
bool file_same(const char *a, const char *b);

#endif
