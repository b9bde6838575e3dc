/* A domain's sampler: rounds of shuffled decks.  The position (round, batch in round) is all that a
 * checkpoint needs: draws are counted from the start of a round, so a round is dealt anew and its
 * first batches passed over. */
#include "runtime/data/sampler.h"

#include "graph/base/philox.h"
#include "graph/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Groups are the training identities; kind `shuffle` is one group of all training images from which
 * a batch takes batch_ids x batch_images at once. */
struct Sampler {
  const DataDomain *domain;
  uint64_t seed, site, draw;               /* draw: number of the next draw in this round */
  uint32_t n_groups, per_batch, per_group; /* a batch takes per_group images of per_batch groups */
  size_t *list_start;                      /* (n_groups + 1) into `list` */
  uint32_t *list;                          /* images, by group, in the data set's order */
  uint32_t *group;    /* (n_images) of each image; UINT32_MAX: not for training */
  size_t *deck_start; /* (n_groups + 1) into `deck` */
  uint32_t *deck;     /* this round's order; short lists repeated */
  size_t *used;       /* (n_groups) images of the deck that are taken */
  uint32_t *open;     /* groups with enough unused images */
  uint32_t n_open;
  SamplerPosition position;
};

/* ---- the round and its batches ---- */

static uint64_t draw_below(Sampler *s, uint64_t n) {
  return philox_below(s->seed, (uint64_t)s->position.round, s->site, s->draw++, n);
}

static void swap(uint32_t *a, uint32_t *b) {
  uint32_t held = *a;
  *a = *b;
  *b = held;
}

/* Fisher-Yates, from the end. */
static void shuffle(Sampler *s, uint32_t *items, size_t n) {
  for (size_t i = n; i > 1; i--) swap(&items[i - 1], &items[draw_below(s, i)]);
}

static void start_round(Sampler *s, int64_t round) {
  s->position = (SamplerPosition){round, 0};
  s->draw = 0;
  s->n_open = 0;
  for (uint32_t g = 0; g < s->n_groups; g++) {
    size_t n = s->list_start[g + 1] - s->list_start[g];
    size_t room = s->deck_start[g + 1] - s->deck_start[g];
    uint32_t *deck = s->deck + s->deck_start[g];
    memcpy(deck, s->list + s->list_start[g], n * sizeof *deck);
    shuffle(s, deck, n);
    for (size_t i = n; i < room; i++) deck[i] = deck[i - n];
    s->used[g] = 0;
    s->open[s->n_open++] = g;
  }
}

/* Draws a batch of this round, which must have enough open groups; `images` may be NULL. */
static void draw_batch(Sampler *s, uint32_t *images) {
  for (uint32_t i = 0; i < s->per_batch; i++) {
    swap(&s->open[i], &s->open[i + draw_below(s, s->n_open - i)]);
    uint32_t g = s->open[i];
    const uint32_t *next = s->deck + s->deck_start[g] + s->used[g];
    if (images) memcpy(images + (size_t)i * s->per_group, next, s->per_group * sizeof *next);
    s->used[g] += s->per_group;
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < s->n_open; i++) {
    uint32_t g = s->open[i];
    size_t unused = s->deck_start[g + 1] - s->deck_start[g] - s->used[g];
    if (unused >= s->per_group) s->open[kept++] = g;
  }
  s->n_open = kept;
  s->position.batch++;
}

void sampler_next(Sampler *s, uint32_t *images) {
  if (s->n_open < s->per_batch) start_round(s, s->position.round + 1);
  draw_batch(s, images);
}

SamplerPosition sampler_position(const Sampler *s) {
  return s->position;
}

bool sampler_seek(Sampler *s, SamplerPosition position) {
  if (position.round < 0 || position.batch < 0) return false;
  start_round(s, position.round);
  while (s->position.batch < position.batch) {
    if (s->n_open < s->per_batch) return false;
    draw_batch(s, NULL);
  }
  return true;
}

uint32_t sampler_substitute(const Sampler *s, uint32_t image) {
  const DataImage *images = s->domain->images;
  uint32_t g = s->group[image];
  size_t first = s->list_start[g], n = s->list_start[g + 1] - first, at = 0;
  while (s->list[first + at] != image) at++;
  for (size_t i = 1; i < n; i++) {
    uint32_t other = s->list[first + (at + i) % n];
    if (images[other].label == images[image].label) return other;
  }
  return image;
}

/* ---- creation ---- */

static void fill_lists(Sampler *s, bool one_group) {
  const DataDomain *d = s->domain;
  for (uint32_t i = 0; i < d->n_images; i++) {
    int32_t label = d->images[i].label;
    s->group[i] = label < 0 ? UINT32_MAX : one_group ? 0 : (uint32_t)label;
    if (label >= 0) s->list_start[s->group[i] + 1]++;
  }
  for (uint32_t g = 0; g < s->n_groups; g++) {
    size_t n = s->list_start[g + 1];
    s->deck_start[g + 1] = s->deck_start[g] + (n < s->per_group ? s->per_group : n);
    s->list_start[g + 1] += s->list_start[g];
  }
  for (uint32_t i = 0; i < d->n_images; i++) {
    uint32_t g = s->group[i];
    if (g != UINT32_MAX) s->list[s->list_start[g] + s->used[g]++] = i;
  }
}

static void warn_short_lists(const Sampler *s, bool one_group, Diag *diag) {
  uint32_t n = 0, first = 0;
  for (uint32_t g = s->n_groups; g-- > 0;)
    if (s->list_start[g + 1] - s->list_start[g] < s->per_group) {
      n++;
      first = g;
    }
  if (!n) return;
  size_t images = s->list_start[first + 1] - s->list_start[first];
  char place[160];
  text_format(place, sizeof place, "domain '%s'", s->domain->name);
  if (one_group)
    diag_warning(diag, place, NULL,
                 "a batch takes %u images, there are %zu: some are in it more than once",
                 s->per_group, images);
  else
    diag_warning(diag, place, NULL,
                 "%u of %u identities have fewer than %u images: a batch shows one of theirs more "
                 "than once (the first is '%s' with %zu)",
                 n, s->n_groups, s->per_group, s->domain->classes[first], images);
}

static bool allocate(Sampler *s, uint64_t deck) {
  size_t groups = (size_t)s->n_groups + 1, images = s->domain->n_images;
  s->list_start = calloc(groups, sizeof *s->list_start);
  s->list = calloc(images, sizeof *s->list);
  s->group = calloc(images, sizeof *s->group);
  s->deck_start = calloc(groups, sizeof *s->deck_start);
  s->deck = calloc(deck, sizeof *s->deck);
  s->used = calloc(groups, sizeof *s->used);
  s->open = calloc(groups, sizeof *s->open);
  return s->list_start && s->list && s->group && s->deck_start && s->deck && s->used && s->open;
}

Status sampler_create(const PlanSampler *plan, const DataDomain *domain, uint64_t seed, Diag *diag,
                      Sampler **out) {
  *out = NULL;
  bool one_group = plan->kind != 0;
  uint64_t rows = (uint64_t)plan->batch_ids * (uint64_t)plan->batch_images;
  uint64_t per_group = one_group ? rows : (uint64_t)plan->batch_images;
  uint32_t groups = one_group ? 1 : domain->n_classes;
  /* No list is longer than this, repetitions included. */
  uint64_t deck = (uint64_t)domain->n_train + (uint64_t)groups * per_group;
  Sampler *s = per_group <= UINT32_MAX ? calloc(1, sizeof *s) : NULL;
  if (!s) return diag_no_memory(diag, (size_t)rows);
  s->domain = domain;
  s->seed = seed;
  s->n_groups = groups;
  s->per_batch = one_group ? 1 : (uint32_t)plan->batch_ids;
  s->per_group = (uint32_t)per_group;
  char *site = NULL; /* never cut: two domains would draw alike */
  bool named = asprintf(&site, "sampler/%s", domain->name) >= 0;
  if (named) s->site = philox_site(site);
  if (named) free(site);
  if (!named || !allocate(s, deck)) {
    sampler_destroy(s);
    return diag_no_memory(diag, (size_t)deck * sizeof *s->deck);
  }
  fill_lists(s, one_group);
  warn_short_lists(s, one_group, diag);
  start_round(s, 0);
  *out = s;
  return STATUS_OK;
}

void sampler_destroy(Sampler *s) {
  if (!s) return;
  free(s->list_start);
  free(s->list);
  free(s->group);
  free(s->deck_start);
  free(s->deck);
  free(s->used);
  free(s->open);
  free(s);
}
