/* Which locations a line of a model stands for. */
#include "compiler/where.h"

#include "graph/base/array.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_MAX 4096

/* ---- the file ---- */

static const char *shown(const Model *model, uint32_t i) {
  return strings_text(model->symbols->strings, model->files[i].shown);
}

/* `lib/layers.xml` is the end of `models/lib/layers.xml`. */
static bool ends_with(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return m && m <= n && strcmp(path + n - m, end) == 0 && (m == n || path[n - m - 1] == '/');
}

/* How well the i-th file fits: 3 as it is shown, 2 the same file, 1 its end, 0 not at all. */
static int fits(const Model *model, uint32_t i, const char *given) {
  const char *relative = strings_text(model->symbols->strings, model->files[i].relative);
  if (strcmp(shown(model, i), given) == 0) return 3;
  if (file_same(given, shown(model, i))) return 2;
  return ends_with(shown(model, i), given) || ends_with(relative, given);
}

static Status no_file(const Model *model, const char *given, Diag *diag) {
  char hint[1000];
  size_t used = text_format(hint, sizeof hint, "it was read from:");
  for (uint32_t i = 0; i < model->n_files; i++)
    used = text_append(hint, sizeof hint, used, " %s", shown(model, i));
  return diag_error(diag, STATUS_INVALID, "--where", hint,
                    "the model was not read from a file '%s'", given);
}

static Status find_file(Where *w, const char *given, Diag *diag) {
  int best = 0;
  uint32_t found = 0, others = 0;
  for (uint32_t i = 0; i < w->model->n_files; i++) {
    int fit = fits(w->model, i, given);
    if (fit && fit == best) others++;
    if (fit <= best) continue;
    best = fit;
    found = i;
    others = 0;
  }
  if (!best) return no_file(w->model, given, diag);
  if (others && best == 1) {
    char hint[1000];
    size_t used = text_format(hint, sizeof hint, "it could be:");
    for (uint32_t i = 0; i < w->model->n_files; i++)
      if (fits(w->model, i, given) == 1)
        used = text_append(hint, sizeof hint, used, " %s", shown(w->model, i));
    return diag_error(diag, STATUS_INVALID, "--where", hint, "'%s' is the end of several files",
                      given);
  }
  w->file = w->model->files[found].shown;
  return STATUS_OK;
}

/* ---- the line ---- */

/* The elements whose tag the line is in, else the innermost around it. */
static void find_element(Where *w) {
  const LineElement *around = NULL;
  for (uint32_t i = 0; i < w->lines.n; i++) {
    const LineElement *el = &w->lines.list[i];
    if (el->first <= w->line && w->line <= el->last) around = el;
    if (w->line < el->first || w->line > el->tag_end) continue;
    if (!w->element) {
      w->element = el;
      w->first = el->first;
    }
    if (el->last > w->last) w->last = el->last;
  }
  if (w->element || !around) return;
  w->around = true;
  w->element = around;
  w->first = around->first;
  w->last = around->last;
}

static Status find_lines(Where *w, Diag *diag) {
  size_t length = 0;
  const char *text = source_text(w->model->sources, w->file, &length);
  char place[PLACE_MAX];
  text_format(place, sizeof place, "%s:%u", strings_text(w->model->symbols->strings, w->file),
              w->line);
  if (text) TRY(line_elements_find(text, length, diag, &w->lines));
  if (w->line > w->lines.lines)
    return diag_error(diag, STATUS_INVALID, place, NULL, "the file ends at line %u",
                      w->lines.lines);
  find_element(w);
  if (!w->element)
    return diag_error(diag, STATUS_INVALID, place, NULL, "no element stands on this line");
  return STATUS_OK;
}

Status where_open(const Model *model, const char *given, Diag *diag, Where *out) {
  *out = (Where){.model = model};
  const char *colon = strrchr(given, ':'), *number = colon ? colon + 1 : given;
  char path[PLACE_MAX], *end;
  errno = 0;
  unsigned long line = strtoul(number, &end, 10);
  if (!*number || *end || errno || line == 0 || line > UINT32_MAX ||
      strspn(number, "0123456789") != strlen(number) || colon == given)
    return diag_error(diag, STATUS_USAGE, "--where", "as in messages: --where=models/mine.xml:12",
                      "FILE:LINE is wanted, or LINE of the model's own file, not '%s'", given);
  out->line = (uint32_t)line;
  text_format(path, sizeof path, "%.*s", colon ? (int)(colon - given) : 0, given);
  if (colon)
    TRY(find_file(out, path, diag));
  else
    out->file = model->files[0].shown;
  return find_lines(out, diag);
}

void where_free(Where *w) {
  line_elements_free(&w->lines);
  free(w->built);
  *w = (Where){0};
}

/* ---- locations ---- */

bool where_holds(const Where *w, uint32_t loc) {
  const Symbols *symbols = w->model->symbols;
  for (uint32_t at = loc; at; at = symbols->locs[at].chain) {
    const SourceLoc *place = &symbols->locs[at];
    if (place->file == w->file && w->first <= place->line && place->line <= w->last) return true;
  }
  return false;
}

Status where_built(Where *w, const PlanProgram *p, Diag *diag) {
  TRY(ARRAY_EXTEND(w->built, w->n_programs, 1, diag));
  uint32_t n = 0;
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    n += where_holds(w, p->graph->nodes[id].stamp.loc);
  w->built[w->n_programs++] = n;
  return STATUS_OK;
}
