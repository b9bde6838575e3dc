/* Text for XML attributes. */
#ifndef GRAPH_BASE_XML_TEXT_H
#define GRAPH_BASE_XML_TEXT_H

#include <stdio.h>

/* Writes `text` with the characters escaped that a reader would change or stumble over. */
void xml_put_escaped(FILE *out, const char *text);
/* ` name="value"`, escaped. */
void xml_put_attr(FILE *out, const char *name, const char *value);

#endif
