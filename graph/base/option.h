/* Command lines: mistakes that getopt_long takes for something else. */
#ifndef GRAPH_BASE_OPTION_H
#define GRAPH_BASE_OPTION_H

#include <getopt.h>

/* The first argument that is a long option, or `output`, behind one dash: `-out=x` is `-o ut=x` to
 * getopt_long.  NULL: there is none. */
const char *option_single_dash(int argc, char **argv, const struct option *options);

#endif
