/* Who is who in sets of images that meet: numbers for identities and cameras, the same for the same
 * name in a domain of the same name. */
#ifndef RUNTIME_USE_PEOPLE_H
#define RUNTIME_USE_PEOPLE_H

#include "runtime/eval/described.h"
#include "runtime/eval/metrics.h"

/* Which images of a set take part. */
typedef enum PeopleUse { PEOPLE_QUERY, PEOPLE_GALLERY, PEOPLE_ALL } PeopleUse;

typedef struct People {
  const Described *of;
  int64_t n;              /* images that take part */
  int64_t *rows;          /* (n) rows of the features */
  int64_t *ids, *cameras; /* (n) of somebody from 0 on; of nobody, or nobody known, a number of its
                             own below 0 */
  bool *known;            /* (n) it is known whose it is, be it nobody's */
  const char **pids, **camera_names; /* (n) */
} People;

/* Takes the readable images of a set: its queries or its gallery, where it has any, else all.
 * `names` numbers identities and cameras over several sets. */
Status people_take(const Described *described, PeopleUse use, Strings *names, People *out,
                   Diag *diag);
void people_release(People *people);
/* For metrics_evaluate; `place` of messages. */
MetricsSet people_set(const People *people, const char *place);
/* Queries of nobody known that are files of the gallery's data set are who that says; one that is
 * in the gallery is not found for itself. */
Status people_recognise(People *queries, People *gallery, Strings *names, Diag *diag);

#endif
