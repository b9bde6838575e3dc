/* What search.c and search_files.c share. */
#ifndef RUNTIME_USE_SEARCH_PARTS_H
#define RUNTIME_USE_SEARCH_PARTS_H

#include "runtime/report/ranked.h"
#include "runtime/use/people.h"
#include "runtime/use/search.h"

typedef struct Search {
  const SearchOptions *options;
  Described gallery_images, query_images;
  People gallery, query;
  MetricsResult result; /* nearest: options->top for each query */
  Diag *diag;
} Search;

/* How many were found for a query. */
int64_t search_found(const Search *search, int64_t query);
/* An image as lists show it: the query itself (`rank` < 0), or what stands at `rank` from 0. */
RankedImage search_image(const Search *search, int64_t query, int64_t rank);
/* STATUS_USAGE for a name that no form of result ends in; STATUS_SYSTEM where it cannot be
 * written. */
Status search_can_write(const char *path, Diag *diag);
Status search_write(const Search *search, const char *path);

#endif
