/* Graphviz text of a graph.  The library's own writer asks for each node whether each cluster has
 * it: with 100,000 nodes in 1,000 scopes it takes ten seconds.  Words are quoted by the library. */
#include "graph/draw/draw_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct Dot {
  Agraph_t *root;
  Agraph_t **owner; /* by node: the innermost subgraph that has it; NULL: the graph itself */
  FILE *out;
  int depth;
} Dot;

static void indent(const Dot *d) {
  for (int i = 0; i < d->depth; i++) putc('\t', d->out);
}

/* The attributes in which an object differs from what it would have anyhow. */
static bool put_attributes(const Dot *d, int kind, void *object, void *around, const char *head) {
  bool any = false;
  for (Agsym_t *s = agnxtattr(d->root, kind, NULL); s; s = agnxtattr(d->root, kind, s)) {
    char *value = agxget(object, s);
    const char *other = around ? agxget(around, s) : object == d->root ? "" : s->defval;
    if (!value || strcmp(value, other) == 0) continue;
    fputs(any ? ", " : head, d->out);
    fprintf(d->out, "%s=", s->name);
    fputs(agcanonStr(value), d->out);
    any = true;
  }
  if (any) putc(']', d->out);
  return any;
}

/* What nodes and edges have unless they say otherwise. */
static void put_defaults(const Dot *d, int kind, const char *word) {
  bool any = false;
  for (Agsym_t *s = agnxtattr(d->root, kind, NULL); s; s = agnxtattr(d->root, kind, s)) {
    if (!*s->defval) continue;
    if (any)
      fprintf(d->out, ", %s=", s->name);
    else
      fprintf(d->out, "\t%s [%s=", word, s->name);
    fputs(agcanonStr(s->defval), d->out);
    any = true;
  }
  if (any) fputs("];\n", d->out);
}

static void put_nodes(const Dot *d, Agraph_t *graph, Agraph_t *owner) {
  for (Agnode_t *n = agfstnode(graph); n; n = agnxtnode(graph, n)) {
    if (d->owner[AGSEQ(n)] != owner) continue;
    indent(d);
    fputs(agnameof(n), d->out);
    put_attributes(d, AGNODE, n, NULL, " [");
    fputs(";\n", d->out);
  }
}

static void put_subgraphs(Dot *d, Agraph_t *graph) {
  for (Agraph_t *sub = agfstsubg(graph); sub; sub = agnxtsubg(sub)) {
    indent(d);
    fprintf(d->out, "subgraph %s {\n", agnameof(sub));
    d->depth++;
    indent(d);
    fputs(put_attributes(d, AGRAPH, sub, graph, "graph [") ? ";\n" : "\n", d->out);
    put_subgraphs(d, sub);
    put_nodes(d, sub, sub);
    d->depth--;
    indent(d);
    fputs("}\n", d->out);
  }
}

static void put_edges(const Dot *d) {
  for (Agnode_t *n = agfstnode(d->root); n; n = agnxtnode(d->root, n))
    for (Agedge_t *e = agfstout(d->root, n); e; e = agnxtout(d->root, e)) {
      fprintf(d->out, "\t%s -> ", agnameof(n));
      fputs(agnameof(aghead(e)), d->out);
      put_attributes(d, AGEDGE, e, NULL, " [");
      fputs(";\n", d->out);
    }
}

/* Subgraphs come after those around them, so that the innermost stays. */
static void find_owners(Dot *d, Agraph_t *graph) {
  for (Agraph_t *sub = agfstsubg(graph); sub; sub = agnxtsubg(sub)) {
    for (Agnode_t *n = agfstnode(sub); n; n = agnxtnode(sub, n)) d->owner[AGSEQ(n)] = sub;
    find_owners(d, sub);
  }
}

bool draw_dot(Agraph_t *root, FILE *out) {
  size_t most = 0;
  for (Agnode_t *n = agfstnode(root); n; n = agnxtnode(root, n))
    if (AGSEQ(n) > most) most = AGSEQ(n);
  Dot d = {.root = root, .out = out, .depth = 1};
  d.owner = calloc(most + 1, sizeof *d.owner);
  char *name = agstrdup(root, agnameof(root));
  bool ok = d.owner && name;
  if (ok) {
    find_owners(&d, root);
    fputs("digraph ", out);
    fputs(agcanonStr(name), out);
    fputs(" {\n", out);
    fputs(put_attributes(&d, AGRAPH, root, NULL, "\tgraph [") ? ";\n" : "\n", out);
    put_defaults(&d, AGNODE, "node");
    put_defaults(&d, AGEDGE, "edge");
    put_subgraphs(&d, root);
    put_nodes(&d, root, NULL);
    put_edges(&d);
    fputs("}\n", out);
  }
  if (name) agstrfree(root, name);
  free(d.owner);
  return ok && !ferror(out);
}
