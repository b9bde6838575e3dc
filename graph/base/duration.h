/* How long something takes, for people. */
#ifndef GRAPH_BASE_DURATION_H
#define GRAPH_BASE_DURATION_H

#define DURATION_MAX 32

/* Writes `3.2 s`, `42 s`, `7:05` or `1:07:05`. Returns `text`. */
const char *duration_text(double seconds, char text[DURATION_MAX]);

#endif
