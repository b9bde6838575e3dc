/* How far a command is: a line on stderr with what is done and the time that is left, only on a
 * terminal, and only once it took METER_SECONDS; when it ends the line is gone. */
#ifndef GRAPH_BASE_METER_H
#define GRAPH_BASE_METER_H

#include <stdint.h>

#define METER_SECONDS 2.0

/* NULL (no terminal, no memory, no thread) is a meter that shows nothing: all functions take it. */
typedef struct Meter Meter;

/* `what` and `unit` are borrowed: "checking", "images".  total 0: not known yet. */
Meter *meter_start(const char *what, const char *unit, int64_t total);
void meter_expect(Meter *meter, int64_t total);
/* So many more are done; from any thread. */
void meter_add(Meter *meter, int64_t n);
/* Before other lines are printed: the line is gone until the next is due. */
void meter_clear(Meter *meter);
void meter_end(Meter *meter);

#endif
