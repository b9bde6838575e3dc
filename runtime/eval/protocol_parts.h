/* What protocol.c and protocol_list.c share: one trial while it is drawn. */
#ifndef RUNTIME_EVAL_PROTOCOL_PARTS_H
#define RUNTIME_EVAL_PROTOCOL_PARTS_H

#include "runtime/eval/protocol.h"
#include "runtime/eval/split_list.h"

typedef struct Draw {
  const Protocol *protocol;
  const DataDomain *domain;
  uint32_t trial;
  uint32_t query_camera, gallery_camera;
  int64_t *by_pid; /* images of somebody, sorted by (pid, index) */
  int64_t *first;  /* (pids + 1) where a pid begins in by_pid */
  int64_t *chosen; /* pids that can be matched, then shuffled */
  int64_t n_chosen;
} Draw;

/* An identity has images that can be a query and its match. */
bool protocol_can_match(const Draw *draw, int64_t pid);
/* Which of two cameras the queries are from. */
uint32_t protocol_query_camera(const DataDomain *domain);

/* Whether the list names identities, of which images are drawn, and nothing else. */
bool protocol_list_is_identities(const SplitList *list);
/* The identities of the draw's trial, into `chosen`. */
Status protocol_list_choose(Draw *draw, Diag *diag);
/* The images of a trial of a list that names images, or a camera's images of identities. */
Status protocol_list_images(const Protocol *protocol, const DataDomain *domain, uint32_t trial,
                            Trial *out, Diag *diag);

#endif
