/* Draws the queries and the gallery of a protocol.  A split is a function of (seed, trial, domain).
 */
#include "graph/base/philox.h"
#include "runtime/data/identity.h"
#include "runtime/data/layout.h"
#include "runtime/eval/protocol_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {"market", "viper", "prid", "grid", "ilids", "list"};

const char *protocol_name(ProtocolKind kind) {
  return names[kind];
}

/* ---- the option ---------------------------------------------------------------------------- */

static bool parse_number(const char **at, char end, uint64_t most, uint64_t *out) {
  char *stop;
  if (**at < '0' || **at > '9') return false;
  errno = 0;
  *out = strtoull(*at, &stop, 10);
  if (errno != 0 || *stop != end || *out > most) return false;
  *at = stop + (end != 0);
  return true;
}

static Status read_list(const char *path, Diag *diag, Protocol *out) {
  if (!*path)
    return diag_error(diag, STATUS_USAGE, "--protocol", "list:splits.csv", "list: names no file");
  out->kind = PROTOCOL_LIST;
  TRY(split_list_read(path, diag, &out->list));
  out->trials = out->list->trials;
  return STATUS_OK;
}

void protocol_release(Protocol *protocol) {
  if (!protocol->borrowed) split_list_destroy(protocol->list);
  *protocol = (Protocol){0};
}

Status protocol_parse(const char *text, Diag *diag, Protocol *out) {
  static const char form[] =
      "market, 1, 2, 3 (the paper's), or split:NAME:TRIALS:SEED with NAME viper, prid, grid or "
      "ilids: split:prid:10:0, or list:FILE";
  *out = (Protocol){.kind = PROTOCOL_MARKET, .trials = 1};
  if (paper_is(text)) {
    out->kind = PROTOCOL_PAPER;
    return paper_parse(text, diag, &out->paper);
  }
  if (!text || strcmp(text, "market") == 0) return STATUS_OK;
  if (strncmp(text, "list:", 5) == 0) return read_list(text + 5, diag, out);
  if (strncmp(text, "split:", 6) != 0)
    return diag_error(diag, STATUS_USAGE, "--protocol", form, "there is no protocol '%s'", text);
  const char *at = text + 6, *colon = strchr(at, ':');
  size_t n = colon ? (size_t)(colon - at) : strlen(at);
  int kind = PROTOCOL_VIPER;
  while (kind <= PROTOCOL_ILIDS && (strlen(names[kind]) != n || memcmp(names[kind], at, n) != 0))
    kind++;
  if (kind > PROTOCOL_ILIDS)
    return diag_error(diag, STATUS_USAGE, "--protocol", form, "there is no split '%.*s'", (int)n,
                      at);
  uint64_t trials = 0, seed = 0;
  at = colon ? colon + 1 : "";
  if (!parse_number(&at, ':', PROTOCOL_TRIALS_MAX, &trials) || trials == 0 ||
      !parse_number(&at, 0, UINT64_MAX, &seed))
    return diag_error(diag, STATUS_USAGE, "--protocol", form,
                      "'%s' needs a number of trials (1..%d) and a seed", text,
                      PROTOCOL_TRIALS_MAX);
  *out = (Protocol){.kind = (ProtocolKind)kind, .trials = (uint32_t)trials, .seed = seed};
  return STATUS_OK;
}

/* The rule by which images of a domain's identities are taken; PROTOCOL_MARKET: the set has none.
 */
static ProtocolKind split_kind(const DataDomain *domain) {
  const char *split = domain->paper < PAPER_SETS ? paper_set(domain->paper)->split : NULL;
  for (int kind = PROTOCOL_VIPER; split && kind <= PROTOCOL_ILIDS; kind++)
    if (strcmp(names[kind], split) == 0) return (ProtocolKind)kind;
  return PROTOCOL_MARKET;
}

/* Of a list of identities images are drawn as of the set's splits. */
static ProtocolKind list_kind(const SplitList *list, const DataDomain *domain) {
  ProtocolKind kind = split_kind(domain);
  if (!protocol_list_is_identities(list)) return PROTOCOL_LIST;
  if (kind != PROTOCOL_MARKET) return kind;
  return domain->n_cameras == 2 ? PROTOCOL_VIPER : PROTOCOL_ILIDS;
}

Protocol protocol_of(const Protocol *protocol, const DataDomain *domain) {
  Protocol own = *protocol;
  if (protocol->kind == PROTOCOL_LIST && protocol->list)
    own.kind = list_kind(protocol->list, domain);
  if (protocol->kind != PROTOCOL_PAPER) return own;
  own =
      (Protocol){.kind = split_kind(domain), .trials = PAPER_TRIALS, .seed = protocol->paper.seed};
  if (own.kind == PROTOCOL_MARKET) own.trials = 1;
  if (own.kind != PROTOCOL_MARKET && domain->splits) own.kind = PROTOCOL_LIST;
  return own;
}

Status protocol_open(const Protocol *protocol, const DataDomain *domain, Diag *diag,
                     Protocol *out) {
  *out = protocol_of(protocol, domain);
  if (protocol->kind != PROTOCOL_PAPER) {
    out->borrowed = out->list != NULL;
    return STATUS_OK;
  }
  if (out->kind != PROTOCOL_LIST) return STATUS_OK;
  TRY(read_list(domain->splits, diag, out));
  out->kind = list_kind(out->list, domain);
  return STATUS_OK;
}

static Status draw_all(const Protocol *own, const DataDomain *domain, Diag *diag, Trial *first) {
  Status status = STATUS_OK;
  for (uint32_t t = 0; t < own->trials && status == STATUS_OK; t++) {
    Trial trial;
    status = protocol_trial(own, domain, t, &trial, diag);
    if (status != STATUS_OK) break;
    if (t == 0) *first = (Trial){.n_query = trial.n_query, .n_gallery = trial.n_gallery};
    trial_release(&trial);
  }
  return status;
}

Status protocol_check(const Protocol *protocol, const DataDomain *const *domains, uint32_t n,
                      Diag *diag) {
  Protocol own;
  Trial first = {0};
  for (uint32_t i = 0; i < n; i++) {
    TRY(protocol_open(protocol, domains[i], diag, &own));
    Status status = draw_all(&own, domains[i], diag, &first);
    protocol_release(&own);
    TRY(status);
  }
  return STATUS_OK;
}

Status protocol_print(const char *text, const DataDomain *domain, Diag *diag) {
  Protocol protocol, own;
  Trial first = {0};
  TRY(protocol_parse(text, diag, &protocol));
  Status status = protocol_open(&protocol, domain, diag, &own);
  if (status == STATUS_OK) status = draw_all(&own, domain, diag, &first);
  if (status == STATUS_OK) {
    printf("%s: ", domain->name);
    if (own.list)
      printf("mean of the %u splits of %s", own.trials, own.list->path);
    else if (own.kind == PROTOCOL_MARKET)
      printf("its own queries and gallery");
    else
      printf("mean of %u random splits, split:%s:%u:%" PRIu64, own.trials, names[own.kind],
             own.trials, own.seed);
    printf(": %" PRId64 " queries, %" PRId64 " in the gallery%s\n", first.n_query, first.n_gallery,
           own.trials > 1 ? " of the first" : "");
  }
  protocol_release(&own);
  protocol_release(&protocol);
  return status;
}

/* ---- the manifest's own -------------------------------------------------------------------- */

static Status market(const DataDomain *d, Trial *out, Diag *diag) {
  if (d->n_query == 0 || d->n_gallery == 0) {
    char hint[80];
    snprintf(hint, sizeof hint, "--protocol=%s:10:0 draws them at random",
             d->layout->protocol ? d->layout->protocol : "split:ilids");
    return diag_error(diag, STATUS_INVALID, d->name, hint,
                      "the domain has %u query and %u gallery images: nothing to test on",
                      d->n_query, d->n_gallery);
  }
  for (uint32_t i = 0; i < d->n_images; i++) {
    if (d->images[i].split == SPLIT_QUERY) out->query[out->n_query++] = i;
    if (d->images[i].split == SPLIT_GALLERY) out->gallery[out->n_gallery++] = i;
  }
  return STATUS_OK;
}

/* ---- random splits ------------------------------------------------------------------------- */

/* Of GRID nobody is called 0, whatever the manifest uses it for. */
static bool is_nobody(const Draw *s, const DataImage *image) {
  return image->nobody ||
         (s->protocol->kind == PROTOCOL_GRID && identity_is_zero(s->domain->pids[image->pid]));
}

/* A number that in PRID 2011 each camera gave to people of its own. */
static bool is_own_number(const Draw *s, int64_t pid) {
  Identity id = identity_read(s->domain->pids[pid]);
  if (s->protocol->kind != PROTOCOL_PRID || id.kind != IDENTITY_NUMBER) return false;
  return id.n > 3 || (id.n == 3 && memcmp(id.digits, "200", 3) > 0);
}

/* The camera of all images of a split; UINT32_MAX when there are none or several. */
static uint32_t camera_of_split(const DataDomain *d, Split split) {
  uint32_t camera = UINT32_MAX;
  for (uint32_t i = 0; i < d->n_images; i++) {
    if (d->images[i].split != split) continue;
    if (camera != UINT32_MAX && camera != d->images[i].camera) return UINT32_MAX;
    camera = d->images[i].camera;
  }
  return camera;
}

uint32_t protocol_query_camera(const DataDomain *d) {
  uint32_t query = camera_of_split(d, SPLIT_QUERY), gallery = camera_of_split(d, SPLIT_GALLERY);
  if (query != UINT32_MAX && gallery != UINT32_MAX && query != gallery) return query;
  for (uint32_t c = 0; c < 2; c++)
    if (strcasecmp(d->cameras[c], "probe") == 0 || strcasecmp(d->cameras[c], "query") == 0)
      return c;
  return strcasecmp(d->cameras[0], "gallery") == 0 ? 1 : 0;
}

/* A draw below n; `purpose` separates the shuffle from the choices of images. */
static int64_t split_draw(const Draw *s, const char *purpose, int64_t index, int64_t n) {
  uint64_t site = philox_site(purpose);
  return (int64_t)philox_below(s->protocol->seed, s->trial, site, (uint64_t)index, (uint64_t)n);
}

/* The number of a pid's images that camera `camera` took (or, with `others`, did not take); the
 * `pick`-th of them goes to *out. */
static int64_t split_images(const Draw *s, int64_t pid, uint32_t camera, bool others, int64_t pick,
                            int64_t *out) {
  int64_t n = 0;
  for (int64_t i = s->first[pid]; i < s->first[pid + 1]; i++)
    if ((s->domain->images[s->by_pid[i]].camera == camera) != others && n++ == pick)
      *out = s->by_pid[i];
  return n;
}

/* One of them at random; -1 when there is none. */
static int64_t split_pick(const Draw *s, const char *purpose, int64_t pid, uint32_t camera,
                          bool others) {
  int64_t image = -1, n = split_images(s, pid, camera, others, -1, &image);
  if (n > 0) split_images(s, pid, camera, others, split_draw(s, purpose, pid, n), &image);
  return image;
}

static uint32_t camera_at(const Draw *s, int64_t i) {
  return s->domain->images[s->by_pid[i]].camera;
}

bool protocol_can_match(const Draw *s, int64_t pid) {
  int64_t none;
  if (s->first[pid] == s->first[pid + 1] || is_own_number(s, pid)) return false;
  if (s->protocol->kind == PROTOCOL_ILIDS)
    return split_images(s, pid, camera_at(s, s->first[pid]), true, -1, &none) > 0;
  return split_images(s, pid, s->query_camera, false, -1, &none) > 0 &&
         split_images(s, pid, s->gallery_camera, false, -1, &none) > 0;
}

/* Groups the images by identity: counts, then places. */
static void split_index(Draw *s) {
  const DataDomain *d = s->domain;
  for (uint32_t i = 0; i < d->n_images; i++)
    if (!is_nobody(s, &d->images[i])) s->first[d->images[i].pid + 1]++;
  for (uint32_t p = 0; p < d->n_pids; p++) s->first[p + 1] += s->first[p];
  for (uint32_t i = 0; i < d->n_images; i++)
    if (!is_nobody(s, &d->images[i])) s->by_pid[s->first[d->images[i].pid]++] = i;
  for (uint32_t p = d->n_pids; p > 0; p--) s->first[p] = s->first[p - 1];
  s->first[0] = 0;
}

/* Half of the identities that can be matched, by Fisher and Yates. */
static Status split_choose(Draw *s, Diag *diag) {
  int64_t n = 0;
  for (int64_t p = 0; p < s->domain->n_pids; p++)
    if (protocol_can_match(s, p)) s->chosen[n++] = p;
  if (n == 0)
    return diag_error(diag, STATUS_INVALID, s->domain->name, "a match needs images of two cameras",
                      "the protocol split:%s finds no identity that two cameras saw",
                      names[s->protocol->kind]);
  s->n_chosen = (n + 1) / 2;
  for (int64_t i = 0; i < s->n_chosen; i++) {
    int64_t j = i + split_draw(s, "split/identities", i, n - i), swap = s->chosen[j];
    s->chosen[j] = s->chosen[i];
    s->chosen[i] = swap;
  }
  return STATUS_OK;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Of PRID: whom the gallery's camera alone saw is searched and matches no query. */
static bool add_stranger(const Draw *s, int64_t pid, Trial *out) {
  int64_t none, image;
  if (s->protocol->kind != PROTOCOL_PRID) return false;
  if (!is_own_number(s, pid) && split_images(s, pid, s->query_camera, false, -1, &none) > 0)
    return false;
  image = split_pick(s, "split/gallery", pid, s->gallery_camera, false);
  if (image >= 0) out->gallery[out->n_gallery++] = image;
  return image >= 0;
}

/* What is searched besides the chosen, and who has no part at all. */
static void split_others(const Draw *s, Trial *out) {
  const DataDomain *d = s->domain;
  for (uint32_t p = 0; p < d->n_pids; p++) {
    if (s->first[p] == s->first[p + 1] || protocol_can_match(s, p)) continue;
    out->n_apart += !add_stranger(s, p, out);
  }
  for (uint32_t i = 0; s->protocol->kind == PROTOCOL_GRID && i < d->n_images; i++)
    if (is_nobody(s, &d->images[i])) out->gallery[out->n_gallery++] = i;
}

/* A manifest of PRID, or of a set of which that is not true. */
static void warn_own_numbers(const Draw *s, Diag *diag) {
  const DataDomain *d = s->domain;
  int64_t none, n = 0, first = 0;
  for (int64_t p = 0; p < d->n_pids; p++) {
    if (!is_own_number(s, p) || split_images(s, p, s->query_camera, false, -1, &none) == 0 ||
        split_images(s, p, s->gallery_camera, false, -1, &none) == 0)
      continue;
    if (n++ == 0) first = p;
  }
  if (n > 0)
    diag_warning(diag, d->name, "split:viper takes every number for one person",
                 "%lld identities above 200 stand in both cameras and are taken for two people "
                 "each, as in PRID 2011 (the first is '%s')",
                 (long long)n, d->pids[first]);
}

static void split_fill(const Draw *s, Trial *out) {
  const DataDomain *d = s->domain;
  bool any_camera = s->protocol->kind == PROTOCOL_ILIDS;
  for (int64_t i = 0; i < s->n_chosen; i++) {
    int64_t pid = s->chosen[i], images = s->first[pid + 1] - s->first[pid], query;
    query = any_camera ? s->by_pid[s->first[pid] + split_draw(s, "split/query", pid, images)]
                       : split_pick(s, "split/query", pid, s->query_camera, false);
    uint32_t camera = any_camera ? d->images[query].camera : s->gallery_camera;
    out->query[out->n_query++] = query;
    out->gallery[out->n_gallery++] = split_pick(s, "split/gallery", pid, camera, any_camera);
  }
  split_others(s, out);
  qsort(out->query, (size_t)out->n_query, sizeof *out->query, ascending);
  qsort(out->gallery, (size_t)out->n_gallery, sizeof *out->gallery, ascending);
}

static Status split(const Protocol *protocol, const DataDomain *d, uint32_t trial, Trial *out,
                    Diag *diag) {
  if (protocol->kind != PROTOCOL_ILIDS && d->n_cameras != 2)
    return diag_error(diag, STATUS_INVALID, d->name, "split:ilids takes any number of cameras",
                      "the protocol split:%s is for two cameras; the domain has %u",
                      names[protocol->kind], d->n_cameras);
  Draw s = {.protocol = protocol, .domain = d, .trial = trial};
  if (protocol->kind != PROTOCOL_ILIDS) {
    s.query_camera = protocol_query_camera(d);
    s.gallery_camera = 1 - s.query_camera;
    out->camera = d->cameras[s.query_camera];
  }
  s.by_pid = calloc(d->n_images + 1u, sizeof *s.by_pid);
  s.first = calloc(d->n_pids + 2u, sizeof *s.first);
  s.chosen = calloc(d->n_pids + 1u, sizeof *s.chosen);
  Status status = s.by_pid && s.first && s.chosen ? STATUS_OK : diag_no_memory(diag, d->n_images);
  if (status == STATUS_OK) {
    split_index(&s);
    warn_own_numbers(&s, diag);
    status = protocol->list ? protocol_list_choose(&s, diag) : split_choose(&s, diag);
  }
  if (status == STATUS_OK) split_fill(&s, out);
  free(s.by_pid);
  free(s.first);
  free(s.chosen);
  return status;
}

Status protocol_trial(const Protocol *protocol, const DataDomain *domain, uint32_t index,
                      Trial *out, Diag *diag) {
  *out = (Trial){0};
  out->query = calloc(domain->n_images + 1u, sizeof *out->query);
  out->gallery = calloc(domain->n_images + 1u, sizeof *out->gallery);
  Status status =
      out->query && out->gallery ? STATUS_OK : diag_no_memory(diag, domain->n_images * 16u);
  if (status == STATUS_OK)
    status = protocol->kind == PROTOCOL_MARKET ? market(domain, out, diag)
             : protocol->kind == PROTOCOL_LIST
                 ? protocol_list_images(protocol, domain, index, out, diag)
                 : split(protocol, domain, index, out, diag);
  if (status != STATUS_OK) trial_release(out);
  return status;
}

void trial_release(Trial *trial) {
  free(trial->query);
  free(trial->gallery);
  *trial = (Trial){0};
}
