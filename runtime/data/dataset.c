/* Assembles data sets from rows; the readers of layouts are in files of their own. */
#include "runtime/data/dataset.h"

#include "graph/base/text.h"
#include "runtime/data/identity.h"
#include "runtime/data/layout.h"
#include "runtime/data/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <xxhash.h>

#define DOMAINS_MAX 256

/* ---- domains from rows ---- */

typedef struct Gather {
  const DataRows *rows;
  DataSet *data;
  DataDomain *domain;
  uint32_t *row;      /* (n_images) the domain's rows */
  const char **texts; /* (n_images) scratch */
} Gather;

static const DataRow *gathered(const Gather *g, uint32_t i) {
  return &g->rows->rows[g->row[i]];
}

/* Spellings that are taken as one are worth a warning: two sets may have been put together. */
static void warn_respelled(const Gather *g, const IdentityRanks *ranks, const char *what,
                           const char *many) {
  if (ranks->n_respelled == 0) return;
  const DataRow *first = gathered(g, ranks->first), *again = gathered(g, ranks->again);
  char line[2][32] = {"", ""};
  if (first->line) snprintf(line[0], sizeof line[0], " in line %u", first->line);
  if (again->line) snprintf(line[1], sizeof line[1], " in line %u", again->line);
  bool one = ranks->n_respelled == 1;
  diag_warning(g->rows->diag, again->set, "numbers are compared as numbers: 2, 02 and 2.0 are one",
               "domain '%s': %u %s %s in more than one way (%s'%s'%s and '%s'%s)", g->domain->name,
               ranks->n_respelled, one ? what : many, one ? "is written" : "are written",
               one ? "" : "the first is ", g->texts[ranks->first], line[0], g->texts[ranks->again],
               line[1]);
}

/* Identities that differ in what a reader does not see, or hardly: `A1` and `a1`, `7` and a 7
 * behind a no-break blank.  They are two, as they are written; one person is likely meant. */
static bool warn_alike(const Gather *g, const IdentityRanks *ids, const char *what,
                       const char *many) {
  Arena *scratch = arena_create();
  const char **looks = scratch ? arena_array(scratch, ids->n + 1u, sizeof *looks) : NULL;
  uint32_t *first = scratch ? arena_array(scratch, ids->n + 1u, sizeof *first) : NULL;
  IdentityRanks ranks;
  bool ok = looks && first;
  for (uint32_t i = 0; ok && i < ids->n; i++) {
    looks[i] = identity_look(scratch, ids->names[i]);
    first[i] = UINT32_MAX;
    ok = looks[i] != NULL;
  }
  ok = ok && identity_rank(scratch, looks, ids->n, &ranks);
  for (uint32_t i = 0; ok && ranks.n < ids->n && i < ids->n; i++) {
    uint32_t *of = &first[ranks.of[i]], n = ids->n - ranks.n;
    if (*of == UINT32_MAX) {
      *of = i;
      continue;
    }
    diag_warning(
        g->rows->diag, g->data->path,
        "numbers are compared as numbers, names byte by byte: write one of them in one way",
        "domain '%s': %u %s another but for case or blanks (%s'%s' and '%s')", g->domain->name, n,
        n == 1 ? what : many, n == 1 ? "" : "the first are ", ids->names[*of], ids->names[i]);
    break;
  }
  arena_destroy(scratch);
  return ok;
}

/* Numbers the identities that stand in training rows; `pids` are all identities. */
static bool fill_classes(Gather *g, const IdentityRanks *pids) {
  DataDomain *d = g->domain;
  Arena *arena = g->data->arena;
  IdentityRanks classes;
  uint32_t *class_of = arena_array(arena, d->n_pids + 1u, sizeof *class_of), n = 0;
  if (!class_of) return false;
  memset(class_of, 0xFF, d->n_pids * sizeof *class_of);
  for (uint32_t i = 0; i < d->n_images; i++) {
    uint32_t pid = pids->of[i];
    if (gathered(g, i)->split != SPLIT_TRAIN || class_of[pid] != UINT32_MAX) continue;
    class_of[pid] = n;
    g->texts[n++] = pids->names[pid];
  }
  if (!identity_rank(arena, g->texts, n, &classes)) return false;
  d->classes = classes.names;
  d->n_classes = classes.n;
  for (uint32_t i = 0; i < d->n_images; i++)
    if (gathered(g, i)->split == SPLIT_TRAIN)
      d->images[i].label = (int32_t)classes.of[class_of[pids->of[i]]];
  return true;
}

static bool fill_images(Gather *g) {
  DataDomain *d = g->domain;
  IdentityRanks pids, cameras;
  for (uint32_t i = 0; i < d->n_images; i++) g->texts[i] = gathered(g, i)->camera;
  if (!identity_rank(g->data->arena, g->texts, d->n_images, &cameras)) return false;
  warn_respelled(g, &cameras, "camera", "cameras");
  if (!warn_alike(g, &cameras, "camera looks like", "cameras look like")) return false;
  for (uint32_t i = 0; i < d->n_images; i++) g->texts[i] = gathered(g, i)->pid;
  if (!identity_rank(g->data->arena, g->texts, d->n_images, &pids)) return false;
  warn_respelled(g, &pids, "identity", "identities");
  if (!warn_alike(g, &pids, "identity looks like", "identities look like")) return false;
  d->pids = pids.names;
  d->n_pids = pids.n;
  d->cameras = cameras.names;
  d->n_cameras = cameras.n;
  for (uint32_t i = 0; i < d->n_images; i++) {
    const DataRow *row = gathered(g, i);
    d->images[i] = (DataImage){row->path, pids.of[i], cameras.of[i], -1, row->split, row->nobody};
    d->n_train += row->split == SPLIT_TRAIN;
    d->n_query += row->split == SPLIT_QUERY;
    d->n_gallery += row->split == SPLIT_GALLERY;
  }
  return fill_classes(g, &pids);
}

static void take_counts(const DataRows *rows, DataDomain *d) {
  for (const DataCount *c = rows->counts; c; c = c->next)
    if (strcmp(c->domain, d->name) == 0) {
      d->somebody = c->people;
      d->somebodys = c->images;
    }
}

static Status fill_domain(Gather *g) {
  DataDomain *d = g->domain;
  const DataRows *rows = g->rows;
  uint32_t n = 0;
  for (size_t i = 0; i < rows->n; i++) d->n_images += strcmp(rows->rows[i].domain, d->name) == 0;
  d->images = arena_array(g->data->arena, d->n_images, sizeof *d->images);
  g->row = calloc(d->n_images, sizeof *g->row);
  g->texts = calloc(d->n_images, sizeof *g->texts);
  bool ok = d->images && g->row && g->texts;
  for (size_t i = 0; ok && i < rows->n; i++)
    if (strcmp(rows->rows[i].domain, d->name) == 0) g->row[n++] = (uint32_t)i;
  ok = ok && fill_images(g);
  free(g->row);
  free(g->texts);
  return ok ? STATUS_OK : diag_no_memory(rows->diag, d->n_images * sizeof *d->images);
}

/* Of all rows; with `domain`, of its rows, whatever its name is. */
static uint64_t fingerprint(const DataRows *rows, const char *domain) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return 0;
  XXH3_64bits_reset(state);
  for (size_t i = 0; i < rows->n; i++) {
    const DataRow *r = &rows->rows[i];
    const char *fields[] = {r->domain, r->written, r->pid, r->camera};
    if (domain && strcmp(domain, r->domain) != 0) continue;
    for (int k = domain ? 1 : 0; k < 4; k++)
      XXH3_64bits_update(state, fields[k], strlen(fields[k]) + 1);
    XXH3_64bits_update(state, &r->split, 1);
  }
  uint64_t hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return hash;
}

/* ---- the whole ---- */

static Status add_domain(const DataRows *rows, DataSet *data, const DataRow *row) {
  const char *name = row->domain;
  if (data->n_domains == DOMAINS_MAX)
    return diag_error(rows->diag, STATUS_INVALID, data->path, NULL, "more than %d domains",
                      DOMAINS_MAX);
  if (!data_is_name(name))
    return diag_error(rows->diag, STATUS_INVALID, data->path,
                      "letters, digits, _ and -; a line `NAME LAYOUT PATH` in a .domains file "
                      "gives the set a name",
                      "'%s' is no name for a domain", name);
  for (uint32_t k = 0; k < data->n_domains; k++)
    if (strcasecmp(data->domains[k].name, name) == 0 || identity_same(data->domains[k].name, name))
      diag_warning(rows->diag, data->path, "a domain is known by its name, letter by letter",
                   "'%s' and '%s' are two domains", data->domains[k].name, name);
  data->domains[data->n_domains++] = (DataDomain){
      .name = name, .layout = row->layout, .paper = (PaperSetId)row->paper, .splits = row->splits};
  return STATUS_OK;
}

static Status assemble(const DataRows *rows, DataSet *data) {
  if (rows->n == 0)
    return diag_error(rows->diag, STATUS_INVALID, data->path, data_layouts_form(data->arena),
                      "names no domain");
  data->domains = arena_array(data->arena, DOMAINS_MAX, sizeof *data->domains);
  if (!data->domains) return diag_no_memory(rows->diag, DOMAINS_MAX * sizeof *data->domains);
  for (size_t i = 0; i < rows->n; i++)
    if (!dataset_domain(data, rows->rows[i].domain)) TRY(add_domain(rows, data, &rows->rows[i]));
  Gather g = {.rows = rows, .data = data};
  for (uint32_t k = 0; k < data->n_domains; k++) {
    g.domain = &data->domains[k];
    TRY(fill_domain(&g));
    take_counts(rows, g.domain);
    g.domain->fingerprint = fingerprint(rows, g.domain->name);
  }
  data->fingerprint = fingerprint(rows, NULL);
  return STATUS_OK;
}

const DataDomain *dataset_domain(const DataSet *data, const char *name) {
  for (uint32_t k = 0; k < data->n_domains; k++)
    if (strcmp(data->domains[k].name, name) == 0) return &data->domains[k];
  return NULL;
}

/* `any`: what is no data set is taken as images. */
static Status read_any(DataRows *rows, const char *path, const PaperAsk *ask, bool any) {
  struct stat info;
  size_t first = rows->n;
  if (stat(path, &info) != 0)
    return diag_error(rows->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  if (text_ends_in(path, ".domains") && !S_ISDIR(info.st_mode))
    return dataset_read_domains(rows, path, ask);
  if (ask && ask->choice.protocol)
    return diag_error(rows->diag, STATUS_INVALID, path,
                      "DATA is a .domains file: a line NAME LAYOUT PATH for each set",
                      "the paper's protocol %s needs a file that names the sets", ask->choice.text);
  const DataLayout *layout = NULL;
  if (S_ISDIR(info.st_mode)) {
    Status status = data_layout_recognise(path, any ? NULL : rows->diag, &layout);
    if (status != STATUS_OK && any) return data_read_plain(rows, path);
    TRY(status);
  } else if (text_ends_in(path, ".csv")) {
    layout = data_layout_find("csv");
  } else if (text_ends_in(path, ".mat")) {
    layout = data_layout_find("cuhk03mat");
  } else if (any) {
    return data_read_plain(rows, path);
  }
  if (!layout)
    return diag_error(rows->diag, STATUS_INVALID, path,
                      "a .csv manifest, a .domains file or a folder in a layout that is known",
                      "is no data set");
  TRY(layout->read(layout, rows, path, NULL));
  for (size_t i = first; i < rows->n; i++)
    rows->rows[i].paper = (uint8_t)paper_set_of_layout(layout->word);
  TRY(data_rows_number(rows, 0, layout->numbering, false));
  TRY(data_rows_count(rows, 0));
  return data_rows_split(rows, 0, false);
}

static Status read(const char *path, const PaperAsk *ask, bool any, Diag *diag, DataSet **out) {
  DataRows rows = {.arena = arena_create(), .diag = diag};
  *out = NULL;
  if (!rows.arena) return diag_no_memory(diag, sizeof rows);
  Status status = read_any(&rows, path, ask, any);
  if (status == STATUS_OK) status = data_rows_check_files(&rows, path);
  if (status == STATUS_OK) status = dataset_from_rows(&rows, path, out);
  data_rows_report(&rows);
  free(rows.rows);
  if (status != STATUS_OK) arena_destroy(rows.arena);
  return status;
}

Status dataset_read(const char *path, Diag *diag, DataSet **out) {
  return read(path, NULL, false, diag, out);
}

Status dataset_read_for(const char *path, const PaperAsk *ask, Diag *diag, DataSet **out) {
  return read(path, ask, false, diag, out);
}

Status dataset_read_images(const char *path, Diag *diag, DataSet **out) {
  return read(path, NULL, true, diag, out);
}

Status dataset_from_rows(const DataRows *rows, const char *path, DataSet **out) {
  DataSet *data = calloc(1, sizeof *data);
  *out = NULL;
  if (data) {
    data->arena = rows->arena;
    data->path = arena_strdup(data->arena, path);
  }
  Status status =
      data && data->path ? assemble(rows, data) : diag_no_memory(rows->diag, sizeof *data);
  if (status == STATUS_OK)
    *out = data;
  else
    free(data);
  return status;
}

void dataset_destroy(DataSet *data) {
  if (!data) return;
  arena_destroy(data->arena);
  free(data);
}
