/* What check-data says of a set beside its images: whether it is as large as published, and which
 * queries cannot be matched. */
#include "runtime/data/check_parts.h"
#include "runtime/data/layout.h"
#include "runtime/data/unmatched.h"

#include <stdio.h>

static bool as_published(const DataDomain *d) {
  const DataLayout *l = d->layout;
  return d->somebody == l->people &&
         (d->somebodys == l->images || (l->boxes && d->somebodys == l->images_detected));
}

/* A set of less than half the size is a part of it on purpose, or another in its layout. */
static bool is_near(const DataDomain *d) {
  return d->somebodys > d->layout->images / 2;
}

static Status check_domain(const DataDomain *d, bool strict, const char *path, Diag *diag) {
  static const char hint[] =
      "an archive may be incomplete, or of another version; images of nobody "
      "are not counted";
  static const char text[] =
      "domain '%s' has %u identities and %u images; %s was published with %u and %u";
  const DataLayout *l = d->layout;
  if (l->people == 0) return STATUS_OK;
  if (as_published(d)) {
    printf("%s: %u identities, %u images, as %s was published\n", d->name, d->somebody,
           d->somebodys, l->set);
    return STATUS_OK;
  }
  if (!strict && is_near(d))
    diag_warning(diag, path, hint, text, d->name, d->somebody, d->somebodys, l->set, l->people,
                 l->images);
  if (!strict) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path, hint, text, d->name, d->somebody, d->somebodys,
                    l->set, l->people, l->images);
}

Status check_published(const DataSet *data, bool strict, Diag *diag) {
  Status status = STATUS_OK;
  for (uint32_t k = 0; k < data->n_domains; k++) {
    Status now = check_domain(&data->domains[k], strict, data->path, diag);
    if (now != STATUS_OK) status = now;
  }
  return status;
}

Status check_unmatched(const DataSet *data, Diag *diag) {
  for (uint32_t k = 0; k < data->n_domains; k++) {
    const DataDomain *d = &data->domains[k];
    Unmatched u;
    if (d->n_query == 0) continue;
    TRY(dataset_unmatched(d, diag, &u));
    if (u.absent)
      printf(
          "%s: %u of %u queries have no match, since the gallery has no image of the identity (the "
          "first is '%s')\n",
          d->name, u.absent, d->n_query, d->images[u.first_absent].path);
    if (u.same_camera)
      printf("%s: %u of %u queries have no match, since the gallery has images of the identity "
             "from the "
             "query's own camera only (the first is '%s')\n",
             d->name, u.same_camera, d->n_query, d->images[u.first_same_camera].path);
  }
  return STATUS_OK;
}
