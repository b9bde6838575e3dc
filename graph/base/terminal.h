/* What a terminal gets that a file does not: colour. */
#ifndef GRAPH_BASE_TERMINAL_H
#define GRAPH_BASE_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* True when `out` is a terminal that shows more than text: TERM is neither empty nor `dumb`. */
bool terminal_is_live(FILE *out);
/* The same, and NO_COLOR is not set (to something). */
bool terminal_has_color(FILE *out);

typedef enum TerminalWord { TERMINAL_ERROR, TERMINAL_WARNING, TERMINAL_HINT } TerminalWord;
/* Prints `error: `, `warning: ` or `hint: `, in its colour or without. */
void terminal_word(FILE *out, bool color, TerminalWord word);

#endif
