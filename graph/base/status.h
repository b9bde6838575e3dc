/* Status codes of fallible functions.  The values are the exit codes of graphc and graphrun. */
#ifndef GRAPH_BASE_STATUS_H
#define GRAPH_BASE_STATUS_H

typedef enum Status {
  STATUS_OK = 0,      /* done */
  STATUS_INVALID = 1, /* something wrong in what was named: model, -D, data, weights, plan */
  STATUS_USAGE = 2,   /* unknown option, missing operand */
  STATUS_NO_FIT = 3,  /* does not fit into the memory that was allowed */
  STATUS_SYSTEM = 4,  /* the system refused: write, disk, memory, device; or a non-finite value */
} Status;

/* Leaves the calling function with the status of EXPR unless it is STATUS_OK. */
#define TRY(EXPR)                                                                                  \
  do {                                                                                             \
    Status try_status_ = (EXPR);                                                                   \
    if (try_status_ != STATUS_OK) return try_status_;                                              \
  } while (0)

#endif
