/* Rank lists, the worst average precision first: ranks-DOMAIN.html, while an evaluation runs. */
#include "graph/base/text.h"
#include "runtime/eval/evaluation.h"
#include "runtime/pictures/pictures_parts.h"
#include "runtime/report/ranked.h"

#include <stdlib.h>

#define QUERIES 50
#define DEPTH 10

typedef struct Query { /* of all trials */
  uint32_t trial;
  int64_t index;
  double ap;
} Query;

/* Worst first, then in the order of the data. */
static int compare_queries(const void *a, const void *b) {
  const Query *x = a, *y = b;
  if (x->ap != y->ap) return x->ap < y->ap ? -1 : 1;
  if (x->trial != y->trial) return x->trial < y->trial ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static RankedImage ranked_image(const EvaluationDomain *d, int64_t i) {
  const DataImage *image = &d->domain->images[i];
  return (RankedImage){.path = image->path,
                       .pid = image->nobody ? NULL : d->domain->pids[image->pid],
                       .camera = d->domain->cameras[image->camera]};
}

static void put_query(FILE *out, const EvaluationDomain *d, const Query *query) {
  const EvaluationTrial *t = &d->trials[query->trial];
  RankedImage found[DEPTH];
  char note[80];
  int64_t own = t->images.query[query->index], first = t->result.first[query->index];
  RankedList list = {.query = ranked_image(d, own), .note = note, .found = found};
  size_t used = text_format(note, sizeof note, "AP %.1f %%", 100 * query->ap);
  if (d->n_trials > 1) text_append(note, sizeof note, used, ", trial %u", query->trial);
  for (int64_t k = 0; k < DEPTH; k++) {
    int64_t j = t->result.nearest[query->index * DEPTH + k];
    if (j < 0) break;
    int64_t i = t->images.gallery[j];
    const DataImage *image = &d->domain->images[i];
    RankedImage *to = &found[list.n++];
    *to = ranked_image(d, i);
    to->distance = t->result.nearest_distance[query->index * DEPTH + k];
    to->frame =
        !image->nobody && image->pid == d->domain->images[own].pid ? RANKED_SAME : RANKED_OTHER;
  }
  if (first > list.n) list.first = (uint32_t)first;
  ranked_put(out, &list);
}

static Status look(void *context, const EvaluationDomain *d, Diag *diag) {
  const PicturesOptions *o = context;
  int64_t shown = o->images ? o->images : QUERIES, n = 0;
  Query *queries = calloc((size_t)d->n_query + 1, sizeof *queries);
  if (!queries) return diag_no_memory(diag, (size_t)d->n_query * sizeof *queries);
  for (uint32_t t = 0; t < d->n_trials; t++)
    for (int64_t i = 0; i < d->trials[t].images.n_query; i++)
      if (d->trials[t].result.ap[i] >= 0) queries[n++] = (Query){t, i, d->trials[t].result.ap[i]};
  qsort(queries, (size_t)n, sizeof *queries, compare_queries);
  if (shown > n) shown = n;
  char name[256], title[256], text[300];
  PictureFile file;
  picture_name(name, "ranks", d->domain->name, ".html");
  text_format(title, sizeof title, "%s: the %lld worst of %lld queries", d->domain->name,
              (long long)shown, (long long)n);
  text_format(text, sizeof text,
              "mAP %.2f %%, Rank-1 %.2f %%. Nearest first, images of the query's identity and "
              "camera left out; green: the same person, red: another; below: distance, identity, "
              "camera.",
              100 * d->map, 100 * d->rank1);
  Status status = picture_open(o, name, &file, diag);
  if (status == STATUS_OK) {
    ranked_head(file.out, title, text);
    for (int64_t i = 0; i < shown; i++) put_query(file.out, d, &queries[i]);
    ranked_end(file.out);
    status = picture_close(&file, diag);
  }
  free(queries);
  return status;
}

Status pictures_ranks(const PicturesOptions *o, Diag *diag) {
  EvalOptions eval = o->eval;
  eval.nearest = DEPTH;
  eval.look = look;
  eval.look_context = (void *)(uintptr_t)o;
  return eval_run(&eval, diag);
}
