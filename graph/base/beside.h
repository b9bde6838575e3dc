/* Parts of an installation, found from where the running code lies, so that it may be moved. */
#ifndef GRAPH_BASE_BESIDE_H
#define GRAPH_BASE_BESIDE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define BESIDE_PLACES 3
#define BESIDE_MAX (PATH_MAX + 128)

/* Where `file` may be, in the order in which it is looked for: beside the file that holds this
 * code, the program's or a library's; in ../lib/graphc of it; in graphc beside it.  False when that
 * file is not known. */
bool beside_path(int place, const char *file, char path[BESIDE_MAX]);
/* The first of them that is there; when none is, false and the first. */
bool beside_find(const char *file, char path[BESIDE_MAX]);

#endif
