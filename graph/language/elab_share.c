/* Ranks that compute over their shares of a batch alone (--sync=local).
 *
 * What a user says stays the whole batch: the parameter that <sampler batch-ids> reads.  All sizes
 * of the model follow from it, as far as the model is concerned, so it is enough to bind that one
 * name to a rank's share.  A model whose sampler does not read one parameter is refused: nothing
 * else says which of its numbers are sizes of the batch. */
#include "graph/language/elab.h"

#include <ctype.h>
#include <string.h>

bool elab_shares(const Elab *e) {
  return e->l->options->sharers > 1;
}

static const RawElement *find_sampler(const RawElement *parent) {
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    if (strcmp(el->tag, "sampler") == 0) return el;
    const RawElement *inside = find_sampler(el);
    if (inside) return inside;
  }
  return NULL;
}

/* NAME of a text that is `${NAME}`; NULL when it is another. */
static const char *name_of(Elab *e, const char *text) {
  text += strspn(text, " \t\n");
  if (strncmp(text, "${", 2) != 0) return NULL;
  text += 2 + strspn(text + 2, " ");
  size_t n = 0;
  while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
  const char *end = text + n + strspn(text + n, " ");
  if (n == 0 || *end != '}' || end[1 + strspn(end + 1, " \t\n")]) return NULL;
  return arena_strndup(e->l->arena, text, n);
}

static const char hint[] =
    "<sampler batch-ids=\"${batch_ids}\" .../>, and all sizes of the batch by ${batch_ids}";

Status elab_share_find(Elab *e) {
  if (!elab_shares(e)) return STATUS_OK;
  Loader *l = e->l;
  e->sampler = find_sampler(l->root);
  const char *text = e->sampler ? raw_attr(e->sampler, "batch-ids") : NULL;
  if (!text)
    return raw_error(l, e->sampler ? e->sampler : l->root, NULL, 0, hint,
                     "--sync=local: no <sampler> says by which parameter the batch is shared");
  e->shared = name_of(e, text);
  if (e->shared) return STATUS_OK;
  return raw_error(l, e->sampler, "batch-ids", 0, hint,
                   "--sync=local: the batch is shared by one parameter, which the sampler reads: "
                   "this is '%s'",
                   text);
}

bool elab_share(Elab *e, const char *name, Value *value, ExprError *why) {
  if (!e->shared || strcmp(name, e->shared) != 0) return true;
  int64_t ranks = e->l->options->sharers;
  e->is_shared = true;
  snprintf(why->hint, sizeof why->hint, "--sync=local gives each of %lld ranks as many: a multiple",
           (long long)ranks);
  if (value->type != VALUE_INT) {
    snprintf(why->text, sizeof why->text, "is no whole number");
    return false;
  }
  if (value->i < ranks || value->i % ranks || value->i > 1000000000) {
    snprintf(why->text, sizeof why->text, "%lld ranks cannot share %lld", (long long)ranks,
             (long long)value->i);
    return false;
  }
  value->i /= ranks;
  return true;
}

Status elab_share_check(Elab *e) {
  if (!e->shared || e->is_shared) return STATUS_OK;
  return raw_error(e->l, e->sampler, "batch-ids", 0, hint,
                   "--sync=local: the batch is shared by a parameter, and '%s' is none", e->shared);
}
