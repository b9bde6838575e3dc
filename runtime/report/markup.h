/* Texts of strangers in HTML and SVG. */
#ifndef RUNTIME_REPORT_MARKUP_H
#define RUNTIME_REPORT_MARKUP_H

#include <stddef.h>
#include <stdio.h>

/* Escaped for text and for quoted attributes; what is no character of XML becomes U+FFFD. */
void markup_text(FILE *out, const char *text);
/* The first `most` bytes or a little less, with `…` where something was cut. */
void markup_short(FILE *out, const char *text, size_t most);
/* The head of a page up to <body>, with the style. */
void markup_head(FILE *out, const char *title);

#endif
