/* C leaves the order in which arguments and members of an initialiser are evaluated to the
 * compiler. Where calls leave a trace in what they find (the next node of a graph, the next string,
 * the next line of a file, the next draw of a stream) no list may hold two of them, or another
 * compiler makes another plan: `emit_add(e, emit_neg(e, a), emit_neg(e, b))` is written with a name
 * for one.  The test reads the sources: it finds every function that reaches one of `makers`, and
 * then every list with two calls of such functions. */
#include "graph/base/array.h"
#include "tests/shell.h"

#include <ctype.h>
#include <glob.h>

static const char *const makers[] = {"graph_append",       "graph_add_batch", "strings_intern_n",
                                     "symbols_append_loc", "plan_scan_int",   "plan_scan_line",
                                     "draws_next",         "draw_uniform",    "draw_below"};

typedef struct Word {
  const char *at;
  size_t n;
} Word;

typedef struct Function {
  Word name, body;
  bool makes;
} Function;

typedef struct Functions {
  Function *all;
  uint32_t n, cap;
} Functions;

/* ---- reading C ---- */

static void blank(char *at, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (at[i] != '\n') at[i] = ' ';
}

/* What is no code becomes blanks: comments, texts, lines of the preprocessor. */
static void blank_texts(char *text) {
  for (char *at = text; *at;) {
    char *end = at + 1;
    if (strncmp(at, "/*", 2) == 0) {
      end = strstr(at, "*/");
      end = end ? end + 2 : at + strlen(at);
    } else if (*at == '"' || *at == '\'') {
      for (; *end && *end != *at; end++) end += *end == '\\' && end[1];
      end += *end != 0;
    } else if (*at == '#' && (at == text || at[-1] == '\n')) {
      while (*end && !(*end == '\n' && end[-1] != '\\')) end++;
    } else {
      at++;
      continue;
    }
    blank(at, (size_t)(end - at));
    at = end;
  }
}

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

/* The word in front of `at`, blanks between; empty: there is none. */
static Word word_before(const char *text, const char *at) {
  while (at > text && isspace((unsigned char)at[-1])) at--;
  const char *end = at;
  while (at > text && is_word(at[-1])) at--;
  return (Word){at, (size_t)(end - at)};
}

/* Where the bracket that is opened at `at` is closed. */
static const char *closing(const char *at) {
  int depth = 0;
  for (; *at; at++) {
    depth += strchr("([{", *at) ? 1 : strchr(")]}", *at) ? -1 : 0;
    if (depth == 0) return at;
  }
  return at;
}

static bool same(Word a, Word b) {
  return a.n == b.n && memcmp(a.at, b.at, a.n) == 0;
}

/* NAME(...) { outside of all braces. */
static void find_functions(const char *text, Functions *f) {
  Word name = {text, 0};
  for (const char *at = text; *at; at++) {
    if (*at == '(') {
      name = word_before(text, at);
      at = closing(at);
    } else if (*at == '{') {
      const char *end = closing(at), *before = at;
      while (before > text && isspace((unsigned char)before[-1])) before--;
      if (before > text && before[-1] == ')' && name.n) {
        CU_ASSERT_EQUAL_FATAL(ARRAY_RESERVE(f->all, f->cap, f->n, 1, NULL), STATUS_OK);
        f->all[f->n++] = (Function){name, {at, (size_t)(end - at)}, false};
      }
      at = end;
    }
    if (!*at) break;
  }
}

/* ---- who makes ---- */

static bool makes(const Functions *f, Word name) {
  for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
    if (same(name, (Word){makers[i], strlen(makers[i])})) return true;
  for (uint32_t i = 0; i < f->n; i++)
    if (f->all[i].makes && same(f->all[i].name, name)) return true;
  return false;
}

static bool calls_maker(const Functions *f, const char *text, size_t n) {
  for (const char *at = text; at < text + n; at++)
    if (*at == '(') {
      Word name = word_before(text, at);
      if (name.n && makes(f, name)) return true;
    }
  return false;
}

static void find_makers(Functions *f) {
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = 0; i < f->n; i++)
      if (!f->all[i].makes && calls_maker(f, f->all[i].body.at, f->all[i].body.n))
        changed = f->all[i].makes = true;
  }
}

/* ---- lists ---- */

/* How many elements of the list that is opened at `at` call a maker; blocks are no lists. */
static unsigned makers_in_list(const Functions *f, const char *at) {
  unsigned n = 0;
  const char *end = closing(at), *first = at + 1;
  for (at++; at <= end && *at; at++) {
    if (*at == ';') return 0;
    if (*at == ',' || at == end) {
      n += calls_maker(f, first, (size_t)(at - first));
      first = at + 1;
    } else if (strchr("([{", *at)) {
      at = closing(at);
    }
  }
  return n;
}

static unsigned check_text(const Functions *f, const char *path, const char *text) {
  unsigned found = 0, line = 1;
  for (const char *at = text; *at; at++) {
    line += *at == '\n';
    if (!strchr("([{", *at) || makers_in_list(f, at) < 2) continue;
    found++;
    if (path) printf("\n%s:%u: calls in a list that C evaluates in no order", path, line);
  }
  return found;
}

static void no_list_makes_twice(void) {
  static const char *const where[] = {"graph/*/*.[ch]", "ops/*.[ch]", "compiler/*.[ch]",
                                      "runtime/*/*.[ch]"};
  glob_t found;
  Functions f = {0};
  for (size_t i = 0; i < sizeof where / sizeof *where; i++)
    CU_ASSERT_EQUAL_FATAL(glob(where[i], i ? GLOB_APPEND : 0, NULL, &found), 0);
  char **texts = calloc(found.gl_pathc, sizeof *texts);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    size_t n;
    texts[i] = shell_slurp(found.gl_pathv[i], &n);
    blank_texts(texts[i]);
    find_functions(texts[i], &f);
  }
  find_makers(&f);
  static const char *const known[] = {"emit_add", "emit_unary", "names_define", "strings_intern",
                                      "scene_shoot"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    CU_ASSERT(makes(&f, (Word){known[i], strlen(known[i])}));
  CU_ASSERT(!makes(&f, (Word){"shape_count", strlen("shape_count")}));
  for (size_t i = 0; i < found.gl_pathc; i++)
    CU_ASSERT_EQUAL(check_text(&f, found.gl_pathv[i], texts[i]), 0);
  for (size_t i = 0; i < found.gl_pathc; i++) free(texts[i]);
  free(texts);
  free(f.all);
  globfree(&found);
}

/* The check itself: what it must find, and what it must let pass. */
static void lists_are_read(void) {
  static const struct {
    const char *text;
    unsigned found;
  } cases[] = {
      {"void f(E *e) { add(e, one(e), two(e)); }", 1},
      {"void f(E *e) { add(e, 3 * one(e), g(two(e), 1)); }", 1},
      {"void f(E *e) { N n = {one(e), .b = two(e)}; }", 1},
      {"void f(E *e) { add(e, one(e), add(e, x, two(e))); }", 1},
      {"void f(E *e) { N a = one(e), b = two(e); add(e, a, b); }", 0},
      {"void f(E *e) { for (a = one(e), b = two(e); a; ) add(e, a, one(e)); }", 0},
      {"void f(E *e) { add(e, \"one(e)\", two(e) /* , one(e) */); }", 0},
      {"void f(E *e) { add(e, none(e), two(e)); }", 0},
  };
  char tail[] = " N one(E *e) { return graph_append(e); } N two(E *e) { return one(e); }\n"
                "N add(E *e, N a, N b) { return two(e); } N none(E *e) { return 0; }";
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Functions f = {0};
    char text[400];
    snprintf(text, sizeof text, "%s%s", cases[i].text, tail);
    blank_texts(text);
    find_functions(text, &f);
    CU_ASSERT_EQUAL(f.n, 5);
    find_makers(&f);
    unsigned found = check_text(&f, NULL, text);
    if (found != cases[i].found) printf("\n%s: %u", cases[i].text, found);
    CU_ASSERT_EQUAL(found, cases[i].found);
    free(f.all);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"no list makes twice", no_list_makes_twice},
                                      {"lists are read", lists_are_read}};
  return support_run("order of evaluation", tests, sizeof tests / sizeof *tests);
}
