/* Queries without a match: of each identity it is enough to know one camera of its gallery images,
 * or that there are several. */
#include "runtime/data/unmatched.h"

#include <stdlib.h>
#include <string.h>

#define NO_CAMERA UINT32_MAX
#define SEVERAL (UINT32_MAX - 1)

Status dataset_unmatched(const DataDomain *d, Diag *diag, Unmatched *out) {
  uint32_t *camera = malloc((d->n_pids + 1u) * sizeof *camera);
  *out = (Unmatched){0};
  if (!camera) return diag_no_memory(diag, d->n_pids * sizeof *camera);
  memset(camera, 0xFF, d->n_pids * sizeof *camera);
  for (uint32_t i = 0; i < d->n_images; i++) {
    const DataImage *image = &d->images[i];
    uint32_t *of = &camera[image->pid];
    if (image->split != SPLIT_GALLERY || image->nobody) continue;
    *of = *of == NO_CAMERA || *of == image->camera ? image->camera : SEVERAL;
  }
  for (uint32_t i = 0; i < d->n_images; i++) {
    const DataImage *image = &d->images[i];
    if (image->split != SPLIT_QUERY) continue;
    if (camera[image->pid] == NO_CAMERA && out->absent++ == 0) out->first_absent = i;
    if (camera[image->pid] == image->camera && out->same_camera++ == 0) out->first_same_camera = i;
  }
  free(camera);
  return STATUS_OK;
}
