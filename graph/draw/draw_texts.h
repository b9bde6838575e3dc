/* Internal to graph/draw: the words of a picture apart from where they stand. */
#ifndef GRAPH_DRAW_DRAW_TEXTS_H
#define GRAPH_DRAW_DRAW_TEXTS_H

#include <graphviz/cgraph.h>

/* Takes the contents of text elements, and what a page says itself, out of an SVG.  *ids: of each
 * text element the id of what it belongs to, with a line feed behind it; *texts: what stood there,
 * the same.  The caller frees both; NULL: out of memory. */
void draw_texts_take(char *svg, char **ids, char **texts);
/* What stands in these text elements of another graph, drawn from its labels: like *texts.  NULL:
 * out of memory, or it has no such label or not so many lines. */
char *draw_texts_of(Agraph_t *root, const char *ids);
/* Makes every digit in the labels of Graphviz text a 0: it is then equal for pictures that differ
 * in numbers alone. */
void draw_texts_level(char *dot);

#endif
