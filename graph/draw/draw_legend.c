/* What the looks of a picture mean, of those that are in it. */
#include "graph/draw/draw_internal.h"

#include "graph/base/text.h"

#include <string.h>

#define LEGEND_LINE 130 /* bytes, about; an item is not cut */

/* Items of a list, in lines. */
typedef struct Legend {
  char *text; /* DRAW_LEGEND_MAX bytes */
  size_t used, line;
} Legend;

static void new_line(Legend *l) {
  if (l->used) l->used = text_append(l->text, DRAW_LEGEND_MAX, l->used, "\n");
  l->line = l->used;
}

static void put_item(Legend *l, bool shown, const char *item) {
  if (!shown) return;
  if (l->used > l->line) l->used = text_append(l->text, DRAW_LEGEND_MAX, l->used, "; ");
  if (l->used - l->line + strlen(item) > LEGEND_LINE) new_line(l);
  l->used = text_append(l->text, DRAW_LEGEND_MAX, l->used, "%s", item);
}

static bool has_kind(const View *v, ViewKind kind, bool second) {
  for (uint32_t i = 0; i < v->n_boxes; i++)
    if (v->boxes[i].kind == kind && (v->boxes[i].order > 1) == second) return true;
  return false;
}

static void put_fills(Legend *l, const View *v, const DrawOptions *options) {
  if (options->marks) {
    l->used = text_append(l->text, DRAW_LEGEND_MAX, l->used, "green: %s", options->marked);
    put_item(l, true, "amber: in part");
    put_item(l, true, "grey: not");
    return;
  }
  bool role = options->color == DRAW_ROLE;
  put_item(l, role && has_kind(v, VIEW_FORWARD, false), "blue: forward");
  put_item(l, role && has_kind(v, VIEW_GRADIENT, false), "orange: derivative");
  put_item(l, role && has_kind(v, VIEW_GRADIENT, true), "pink: second derivative");
  put_item(l, role && has_kind(v, VIEW_FIELD, false), "green: field, update");
  put_item(l, role && has_kind(v, VIEW_RANDOM, false), "yellow: random");
  put_item(l, options->color == DRAW_TIME, "the darker, the more of the estimated time");
  put_item(l, options->color == DRAW_MEMORY, "the darker, the more memory");
  put_item(l, options->color == DRAW_STREAM && v->streams > 1, "filled as the border: the stream");
  put_item(l, options->color == DRAW_STREAM && v->streams <= 1, "the plan has one stream");
  put_item(l, options->color == DRAW_DEVICE, "blue: computes; pink: ranks meet");
}

static void put_boxes(Legend *l, const View *v) {
  bool commits = false, draws = false, peak = false, outside = false, meets = false;
  for (uint32_t i = 0; i < v->n_boxes; i++) {
    const ViewBox *b = &v->boxes[i];
    commits = commits || b->commits;
    draws = draws || b->kind == VIEW_RANDOM || b->randoms;
    peak = peak || (view_at_peak(v, b) && b->kind != VIEW_RANDOM && !b->randoms);
    outside = outside || b->outside;
    meets = meets || b->meets;
  }
  put_item(l, commits, "double border: commits states");
  put_item(l, draws, "octagon: draws");
  put_item(l, peak, "violet at the sides: alive at the peak");
  put_item(l, outside, "dashed border: outside of the scope");
  put_item(l, meets, "red border: ranks meet");
}

static void put_arrows(Legend *l, const View *v) {
  bool saved = false, both = false, waits = false;
  for (uint32_t i = 0; i < v->n_arrows; i++) {
    saved = saved || v->arrows[i].saved;
    both = both || v->arrows[i].both;
    waits = waits || v->arrows[i].waits;
  }
  put_item(l, saved, "orange arrow: kept for a derivative");
  put_item(l, both, "two heads: forth and back");
  put_item(l, waits, "dashed arrow: waits for another stream");
  put_item(l, true, "thick: many bytes");
}

static void put_streams(Legend *l, const View *v) {
  static const char *const colors[] = {"black",  "blue",  "red",  "green",
                                       "violet", "brown", "pink", "olive"};
  char item[32];
  if (v->streams <= 1) return;
  new_line(l);
  for (uint32_t k = 0; k < v->streams && k < sizeof colors / sizeof *colors; k++) {
    text_format(item, sizeof item, "stream %u: %s border", k, colors[k]);
    put_item(l, true, item);
  }
  put_item(l, true, "several: grey");
}

void draw_legend(const View *v, const DrawOptions *options, char text[DRAW_LEGEND_MAX]) {
  Legend l = {.text = text};
  *text = 0;
  put_fills(&l, v, options);
  new_line(&l);
  put_boxes(&l, v);
  put_arrows(&l, v);
  put_streams(&l, v);
  for (uint32_t i = 0; i < v->n_boxes; i++) {
    const ViewBox *b = &v->boxes[i];
    if (!*b->path || b->outside || strlen(b->path) > LEGEND_LINE / 3) continue;
    new_line(&l);
    text_append(text, DRAW_LEGEND_MAX, l.used, "--scope=PATH opens a box: --scope=%s", b->path);
    return;
  }
}
