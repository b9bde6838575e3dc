/* TensorBoard's event files: records with checksums, each an Event message of protocol buffers. */
#ifndef RUNTIME_REPORT_EVENTS_H
#define RUNTIME_REPORT_EVENTS_H

#include "graph/base/diag.h"

#include <stdint.h>

typedef struct Events Events;

/* A new file FOLDER/events.out.tfevents.SECONDS.graphrun.PID.  A run that goes on from `step` > 0
 * says so: what earlier files hold of later steps is forgotten by the reader. */
Status events_open(const char *folder, int64_t step, double wall_time, Diag *diag,
                   Events **out_events);
void events_close(Events *events);

/* One event: events_begin, values, events_end. */
void events_begin(Events *events, int64_t step, double wall_time);
void events_value(Events *events, const char *tag, double value);
Status events_end(Events *events, Diag *diag);
/* Until a reader can see them. */
Status events_flush(Events *events, Diag *diag);

/* The checksum of a record, masked: CRC-32C, rotated and shifted so that a checksum of checksums
 * does no harm. */
uint32_t events_checksum(const void *bytes, uint64_t n);

#endif
