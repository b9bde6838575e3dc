/* The pictures of the manual are those that its commands make: what they say and connect, not where
 * Graphviz of this or that version puts it. */
#include "tests/shell.h"

/* Texts and names of an SVG in order, a line each; the caller frees. */
static char *structure(const char *svg) {
  char *out = calloc(strlen(svg) + 2, 1), *to = out;
  for (const char *at = svg; out && *at;) {
    size_t n = strcspn(at, "\n");
    const char *text = memmem(at, n, "<text", 5), *name = memmem(at, n, "<title>", 7);
    if (text || name) {
      const char *from = strchr(text ? text : name, '>') + 1;
      size_t length = strcspn(from, "<");
      memcpy(to, from, length);
      to[length] = '\n';
      to += length + 1;
    }
    at += n + (at[n] == '\n');
  }
  return out;
}

/* One command of the manual: `graphc ... --emit=svg:docs/pictures/NAME`. */
static void check_picture(const char *line, size_t length) {
  const char *emit = memmem(line, length, "--emit=svg:", 11);
  CU_ASSERT_PTR_NOT_NULL_FATAL(emit);
  const char *name = emit + 11;
  char file[256], command[512];
  snprintf(file, sizeof file, "%.*s", (int)(line + length - name), name);
  snprintf(command, sizeof command, "%.*s", (int)(emit - line) - 7, line + 7);
  shell_must("cd $TOP && \"$GRAPHC\" %s --emit=svg:%s -o /dev/null", command,
             support_path("fresh.svg"));
  char *have = shell_slurp(file, NULL), *want = shell_slurp(support_path("fresh.svg"), NULL);
  char *a = structure(have), *b = structure(want);
  CU_ASSERT_TRUE(strlen(a) > 500);
  if (strcmp(a, b) != 0) printf("\n%s is not what `graphc %s` draws now\n", file, command);
  CU_ASSERT_STRING_EQUAL(a, b);
  double width = 0;
  const char *size = strstr(want, "<svg width=\"");
  CU_ASSERT_EQUAL(size ? sscanf(size, "<svg width=\"%lfpt\"", &width) : 0, 1);
  CU_ASSERT_TRUE(width > 100 && width <= 1500); /* points: 2,000 pixels */
  free(have);
  free(want);
  free(a);
  free(b);
}

static void pictures_of_the_manual(void) {
  char *page = shell_slurp("docs/diagrams.md", NULL);
  unsigned n = 0;
  for (char *at = page; (at = strstr(at, "\n    graphc ")); n += 1) {
    at += 5;
    size_t length = strcspn(at, "\n");
    if (!memmem(at, length, "docs/pictures/", 14)) {
      n--;
      continue;
    }
    check_picture(at, length);
  }
  CU_ASSERT_EQUAL(n, 4);
  free(page);
}

int main(void) {
  static const SupportTest tests[] = {{"pictures of the manual", pictures_of_the_manual}};
  return support_run("pictures", tests, sizeof tests / sizeof *tests);
}
