/* `graphrun search`: what of a gallery is nearest to each of some images. */
#ifndef RUNTIME_USE_SEARCH_H
#define RUNTIME_USE_SEARCH_H

#include "runtime/use/use.h"

#define SEARCH_TOP 10
#define SEARCH_TOP_MAX 1000

typedef struct SearchOptions {
  UseOptions use;
  const char *gallery, *query; /* as use_describe takes them */
  int64_t top;                 /* how many are shown for each query */
  const char *const *out;      /* .html, .json or .csv files; none will do */
  uint32_t n_out;
} SearchOptions;

/* Ranks the gallery for each query by (distance, place in the gallery), without images of the
 * query's identity and camera and without the query's own file, and prints the lists. */
Status search_run(const SearchOptions *options, Diag *diag);

#endif
