/* Describes queries and gallery, ranks, prints. */
#include "runtime/use/search.h"

#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/use/search_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINTED 20 /* queries; files hold all */

static const char form[] = "graphrun search PLAN --weights=F --gallery=DATA|FOLDER|F.safetensors "
                           "--query=IMAGE|FOLDER|DATA";

int64_t search_found(const Search *s, int64_t q) {
  int64_t n = 0, top = s->options->top;
  while (n < top && s->result.nearest[q * top + n] >= 0) n++;
  return n;
}

static RankedImage image_of(const People *p, int64_t i) {
  const DataDomain *domain;
  bool named = p->known[i] && *p->pids[i];
  return (RankedImage){.path = described_image(p->of, p->rows[i], &domain)->path,
                       .pid = named ? p->pids[i] : NULL,
                       .camera = named ? p->camera_names[i] : NULL};
}

RankedImage search_image(const Search *s, int64_t q, int64_t rank) {
  if (rank < 0) return image_of(&s->query, q);
  int64_t g = s->result.nearest[q * s->options->top + rank];
  RankedImage image = image_of(&s->gallery, g);
  double distance = s->result.nearest_distance[q * s->options->top + rank];
  image.distance = distance > 0 ? distance : 0; /* rounding */
  if (s->query.known[q] && s->gallery.known[g] && s->query.ids[q] >= 0)
    image.frame = s->query.ids[q] == s->gallery.ids[g] ? RANKED_SAME : RANKED_OTHER;
  return image;
}

/* ---- printing ---- */

static void print_query(const Search *s, int64_t q) {
  static const char *const frames[] = {"", "same", "other"};
  RankedImage query = search_image(s, q, -1);
  fputs("\nquery     ", stdout);
  text_print_word(query.path, stdout);
  if (query.pid) printf("  (%s, camera %s)", query.pid, query.camera);
  if (s->result.first[q] > 0) printf(": first match at rank %" PRId64, s->result.first[q]);
  putchar('\n');
  for (int64_t k = 0; k < search_found(s, q); k++) {
    RankedImage found = search_image(s, q, k);
    printf("%6" PRId64 "  %.6f  %-5s  ", k + 1, found.distance, frames[found.frame]);
    text_print_word(found.path, stdout);
    if (found.pid) printf("  (%s, camera %s)", found.pid, found.camera);
    putchar('\n');
  }
}

static void print_all(const Search *s) {
  const SearchOptions *o = s->options;
  use_print_head(&s->query_images.by);
  printf("gallery   %s: %" PRId64 " images\nqueries   %s: %" PRId64 "\n", o->gallery, s->gallery.n,
         o->query, s->query.n);
  for (int64_t q = 0; q < s->query.n && q < PRINTED; q++) print_query(s, q);
  if (s->query.n > PRINTED)
    printf("\n%" PRId64 " more queries%s\n", s->query.n - PRINTED,
           o->n_out ? "" : ": -o F.html, F.json or F.csv has all");
}

/* ---- the command ---- */

static Status take_people(Search *s, Strings *names) {
  TRY(people_take(&s->gallery_images, PEOPLE_GALLERY, names, &s->gallery, s->diag));
  TRY(people_take(&s->query_images, PEOPLE_QUERY, names, &s->query, s->diag));
  return people_recognise(&s->query, &s->gallery, names, s->diag);
}

static Status rank(Search *s) {
  const SearchOptions *o = s->options;
  MetricsSet query = people_set(&s->query, o->query), gallery = people_set(&s->gallery, o->gallery);
  MetricsOptions options = {
      .threads = (int)o->use.network.threads, .nearest = o->top, .unmatched = true};
  return metrics_evaluate(&query, &gallery, s->query_images.features.dim, &options, &s->result,
                          s->diag);
}

static Status search(Search *s, const TrainedNetwork *network) {
  const SearchOptions *o = s->options;
  Strings *names = strings_create();
  if (!names) return diag_no_memory(s->diag, 64);
  Status status = use_describe(&o->use, network, o->gallery, NULL, &s->gallery_images, s->diag);
  if (status == STATUS_OK)
    status = use_describe(&o->use, network, o->query, NULL, &s->query_images, s->diag);
  if (status == STATUS_OK) status = take_people(s, names);
  strings_destroy(names);
  TRY(status);
  TRY(rank(s));
  for (uint32_t i = 0; i < o->n_out; i++) TRY(search_write(s, o->out[i]));
  print_all(s);
  for (uint32_t i = 0; i < o->n_out; i++) printf("%s%s", i ? ", " : "\nwritten   ", o->out[i]);
  if (o->n_out) putchar('\n');
  return STATUS_OK;
}

/* A result must not replace what is read. */
static Status check_out(const SearchOptions *o, Diag *diag) {
  const char *const read[] = {o->gallery, o->query, o->use.network.plan, o->use.network.weights};
  for (uint32_t i = 0; i < o->n_out; i++) {
    TRY(search_can_write(o->out[i], diag));
    for (int k = 0; k < 4; k++)
      if (file_same(o->out[i], read[k]))
        return diag_error(diag, STATUS_USAGE, "-o", "name another file",
                          "the result would replace its input '%s'", read[k]);
  }
  return STATUS_OK;
}

Status search_run(const SearchOptions *o, Diag *diag) {
  TrainedNetwork network;
  Search s = {.options = o, .diag = diag};
  TRY(use_require(o->gallery, "--gallery", form, diag));
  TRY(use_require(o->query, "--query", form, diag));
  TRY(check_out(o, diag));
  Status status = use_open(&o->use, form, &network, diag);
  if (status == STATUS_OK) status = search(&s, &network);
  metrics_release(&s.result);
  people_release(&s.gallery);
  people_release(&s.query);
  described_release(&s.gallery_images);
  described_release(&s.query_images);
  network_close(&network);
  return status;
}
