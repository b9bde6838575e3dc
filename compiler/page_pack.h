/* Data of a page, in a form that is small and that an HTML file can hold. */
#ifndef COMPILER_PAGE_PACK_H
#define COMPILER_PAGE_PACK_H

#include "graph/base/diag.h"

#include <stdio.h>

/* Writes the bytes deflated (a zlib stream) and as base64: letters, digits, `+`, `/` and `=`. */
Status page_pack(const char *data, size_t bytes, FILE *out, Diag *diag);

#endif
