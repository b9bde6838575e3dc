/* Protocols: which images of a domain are queries, and which are searched. */
#ifndef RUNTIME_EVAL_PROTOCOL_H
#define RUNTIME_EVAL_PROTOCOL_H

#include "runtime/data/dataset.h"

/* market: the manifest's own query and gallery.
 *
 * The others draw splits of small sets, one image of an identity on a side.  Each takes half of the
 * identities that can be matched, rounded up: 316 of 632, 100 of 200, 125 of 250, 60 of 119.
 *   viper  queries from one of two cameras, the same identities from the other
 *   prid   the same; everybody whom the other camera alone saw is searched too.  As in PRID 2011
 *          numbers above 200 are a camera's own: in the other the same number is somebody else
 *   grid   the same; every image of nobody (identity 0) is searched too
 *   ilids  any number of cameras: a query and a searched image of two cameras
 * The camera of the queries: that of all query images, when all gallery images are of the other;
 * else the one called probe or query, or not gallery; else the first by name. */
typedef enum ProtocolKind {
  PROTOCOL_MARKET,
  PROTOCOL_VIPER,
  PROTOCOL_PRID,
  PROTOCOL_GRID,
  PROTOCOL_ILIDS,
  PROTOCOL_LIST, /* images that a file names */
  PROTOCOL_PAPER /* one of the paper's: of each domain what protocol_of says */
} ProtocolKind;

#define PROTOCOL_TRIALS_MAX 1000

typedef struct Protocol {
  ProtocolKind kind;
  uint32_t trials; /* 1 for market */
  uint64_t seed;   /* of the splits */
  PaperChoice paper;
  struct SplitList *list; /* trials that a file names; NULL: none */
  bool borrowed;          /* `list` is another's */
} Protocol;

/* Reads `market` (or NULL), `split:NAME:TRIALS:SEED`, `list:FILE` with the file, or `1`, `2`, `3`
 * as runtime/data/paper.h.  The caller releases it. */
Status protocol_parse(const char *text, Diag *diag, Protocol *out);
/* How a domain is tested: the protocol itself, or of the paper's what it says of the domain's set.
 */
Protocol protocol_of(const Protocol *protocol, const DataDomain *domain);
/* The same, ready for protocol_trial: with the list of splits that the domain's description names.
 * The caller releases it before `protocol`. */
Status protocol_open(const Protocol *protocol, const DataDomain *domain, Diag *diag, Protocol *out);
void protocol_release(Protocol *protocol);
/* Draws all trials of the domains, so that what does not fit is told before anything is evaluated:
 * files of splits above all. */
Status protocol_check(const Protocol *protocol, const DataDomain *const *domains, uint32_t n,
                      Diag *diag);
/* The same of one domain for `graphrun check-data --protocol=TEXT`; prints how it is tested. */
Status protocol_print(const char *text, const DataDomain *domain, Diag *diag);
const char *protocol_name(ProtocolKind kind);

/* Indices of a domain's images, in its order. */
typedef struct Trial {
  int64_t *query, *gallery;
  int64_t n_query, n_gallery;
  const char *camera; /* of the queries; NULL: any */
  int64_t n_apart;    /* identities of the domain that can neither be asked for nor searched */
} Trial;

/* Trial `index` of a domain: a pure function of the domain, the protocol and the index.  On success
 * the caller releases it.  A domain that the protocol does not fit is an error. */
Status protocol_trial(const Protocol *protocol, const DataDomain *domain, uint32_t index,
                      Trial *out, Diag *diag);
void trial_release(Trial *trial);

#endif
