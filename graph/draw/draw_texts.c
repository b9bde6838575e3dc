/* Words of pictures.  Most pictures of a page differ in numbers alone, which do not change where
 * anything stands: a picture is kept without its words, and words are read from labels. */
#include "graph/draw/draw_texts.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_BREAK "\xc2\xa0" /* a blank that a browser keeps beside another */

/* ---- out of an SVG ---- */

/* The character of an entity of XML at `at`, into `out`; its length there. */
static size_t put_entity(const char *at, FILE *out) {
  static const char *const names[][2] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&quot;", "\""}, {"&#160;", NO_BREAK}};
  unsigned code;
  int n = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strncmp(at, names[i][0], strlen(names[i][0])) == 0) {
      fputs(names[i][1], out);
      return strlen(names[i][0]);
    }
  if (sscanf(at, "&#%u;%n", &code, &n) == 1 && n && code < 128) {
    putc((int)code, out);
    return (size_t)n;
  }
  putc('&', out);
  return 1;
}

static void put_plain(const char *from, const char *to, FILE *out) {
  while (from < to) {
    if (*from == '&') {
      from += put_entity(from, out);
    } else {
      putc(*from++, out);
    }
  }
  putc('\n', out);
}

/* What is left out of a page: titles, comments, the name of the font. */
static const char *skip_said(const char *at) {
  static const char *const cut[][2] = {
      {"<title>", "</title>\n"}, {"<!--", "-->\n"}, {" font-family=\"", "\""}};
  for (size_t k = 0; k < sizeof cut / sizeof *cut; k++) {
    size_t n = strlen(cut[k][0]);
    const char *end = strncmp(at, cut[k][0], n) == 0 ? strstr(at + n, cut[k][1]) : NULL;
    if (end) return end + strlen(cut[k][1]);
  }
  return at;
}

static void take(char *svg, FILE *ids, FILE *texts) {
  char id[32] = "", *to = svg; /* written over what was read */
  for (const char *at = svg; *at;) {
    const char *next = skip_said(at);
    if (next != at) {
      at = next;
      continue;
    }
    if (strncmp(at, "<g id=\"", 7) == 0) {
      size_t n = strcspn(at + 7, "\"");
      snprintf(id, sizeof id, "%.*s", n < sizeof id ? (int)n : 0, at + 7);
    }
    bool text = strncmp(at, "<text", 5) == 0;
    const char *end = text ? strchr(at, '>') : NULL, *close = end ? strchr(end, '<') : NULL;
    if (!close) {
      *to++ = *at++;
      continue;
    }
    fprintf(ids, "%s\n", id);
    put_plain(end + 1, close, texts);
    /* The font's name stands within the element, too. */
    for (const char *c = at; c <= end; c = skip_said(c)) *to++ = *c++;
    at = close;
  }
  *to = 0;
}

/* The text of a stream of open_memstream, which is there once it is closed. */
static char *close_stream(FILE *stream, char **text) {
  bool ok = stream && !ferror(stream);
  if (stream && fclose(stream) != 0) ok = false;
  if (ok) return *text;
  free(*text);
  return NULL;
}

void draw_texts_take(char *svg, char **ids, char **texts) {
  size_t n[2];
  char *id_text = NULL, *words = NULL;
  FILE *id_out = open_memstream(&id_text, &n[0]), *word_out = open_memstream(&words, &n[1]);
  if (id_out && word_out) take(svg, id_out, word_out);
  *ids = close_stream(id_out, &id_text);
  *texts = close_stream(word_out, &words);
}

/* ---- out of labels ---- */

typedef struct Label {
  const char *id, *text; /* of the graph */
} Label;

typedef struct Labels {
  Label *label;
  size_t n;
} Labels;

static int by_id(const void *a, const void *b) {
  return strcmp(((const Label *)a)->id, ((const Label *)b)->id);
}

static const char *get(void *object, const char *name) {
  const char *value = agget(object, (char *)(uintptr_t)name);
  return value ? value : "";
}

static void add_label(Labels *l, void *object) {
  l->label[l->n++] = (Label){get(object, "id"), get(object, "label")};
}

static size_t count_clusters(Agraph_t *graph) {
  size_t n = 0;
  for (Agraph_t *sub = agfstsubg(graph); sub; sub = agnxtsubg(sub)) n += 1 + count_clusters(sub);
  return n;
}

static void add_clusters(Labels *l, Agraph_t *graph) {
  for (Agraph_t *sub = agfstsubg(graph); sub; sub = agnxtsubg(sub)) {
    add_label(l, sub);
    add_clusters(l, sub);
  }
}

static bool find_labels(Agraph_t *root, Labels *l) {
  size_t most = count_clusters(root) + (size_t)agnnodes(root) + (size_t)agnedges(root);
  l->label = malloc((most + 1) * sizeof *l->label);
  if (!l->label) return false;
  add_clusters(l, root);
  for (Agnode_t *n = agfstnode(root); n; n = agnxtnode(root, n)) {
    add_label(l, n);
    for (Agedge_t *e = agfstout(root, n); e; e = agnxtout(root, e)) add_label(l, e);
  }
  qsort(l->label, l->n, sizeof *l->label, by_id);
  return true;
}

/* A line of a label, from *at on, as a browser is to show it. */
static void put_line(const char **at, FILE *out) {
  bool blank = false;
  for (; **at && strncmp(*at, "\\n", 2) != 0; (*at)++) {
    bool more = blank && **at == ' ';
    blank = **at == ' ';
    if (**at == '\\' && (*at)[1]) (*at)++;
    fputs(more ? NO_BREAK : (char[]){**at, 0}, out);
    if (strncmp(*at, "&amp;", 5) == 0) *at += 4;
  }
  if (**at) *at += 2;
  putc('\n', out);
}

static bool put_texts(const Labels *l, const char *ids, FILE *out) {
  for (const char *id = ids; *id;) {
    char name[32];
    size_t n = strcspn(id, "\n"), lines = 0;
    if (n >= sizeof name) return false;
    memcpy(name, id, n);
    name[n] = 0;
    const Label key = {name, NULL};
    const Label *label = bsearch(&key, l->label, l->n, sizeof *l->label, by_id);
    if (!label) return false;
    for (; strncmp(id, name, n) == 0 && id[n] == '\n'; id += n + 1) lines++;
    const char *at = label->text;
    for (; lines > 0 && *at; lines--) put_line(&at, out);
    if (lines || *at) return false;
  }
  return true;
}

char *draw_texts_of(Agraph_t *root, const char *ids) {
  Labels l = {0};
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  bool ok = out && find_labels(root, &l) && put_texts(&l, ids, out);
  free(l.label);
  text = close_stream(out, &text);
  if (ok) return text;
  free(text);
  return NULL;
}

/* ---- alike but for digits ---- */

void draw_texts_level(char *dot) {
  static const char word[] = "label=";
  char before = ' ';
  for (char *at = dot; *at; before = *at++) {
    if (strncmp(at, word, strlen(word)) != 0 || isalnum((unsigned char)before)) {
      if (*at == '"') /* another attribute: to its end */
        for (at++; *at && *at != '"'; at++)
          if (*at == '\\' && at[1]) at++;
      if (!*at) return;
      continue;
    }
    at += strlen(word);
    bool quoted = *at == '"';
    for (at += quoted; *at && (quoted ? *at != '"' : !strchr(",;] \n", *at)); at++) {
      if (isdigit((unsigned char)*at)) *at = '0';
      if (*at == '\\' && at[1]) at++;
    }
    if (!*at) return;
  }
}
