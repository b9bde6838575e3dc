/* How much memory this process can have. */
#ifndef RUNTIME_DEVICE_MEMORY_H
#define RUNTIME_DEVICE_MEMORY_H

#include <stdint.h>

/* Bytes: the machine's memory, or less where a control group of the process allows less.  More than
 * this is not refused by the system when it is asked for: the process is killed when it is used. */
int64_t memory_limit(void);

#endif
