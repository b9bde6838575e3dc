/* The pages of runs in a real browser: headless Chromium lays them out, finds nothing to complain
 * of and fetches nothing; skipped where it is not installed. */
#include "tests/browser.h"

static void prepare(void) {
  support_write("line.xml", "<model name='line' xmlns='urn:graphc:model:1'>"
                            "<program name='step' kind='train'><random name='x' shape='32 1'/>"
                            "<parameter name='slope' shape='1'/>"
                            "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>"
                            "<gradient name='G' of='loss'/>"
                            "<commit field='theta' value='theta - 0.1 * G'/><output value='loss'/>"
                            "</program><training steps='50' warmup-steps='0'/></model>");
  shell_must("$GRAPHC line.xml && $GRAPHRUN train line.plan.xml --out=a --quiet && "
             "$GRAPHRUN train line.plan.xml --out=b --seed=2 --quiet && "
             "$GRAPHRUN compare a b --out=side.html >/dev/null");
}

/* What the browser made of the page has as many figures as the file. */
static void has_parts(Browser *b, const char *text, const char *const *parts) {
  for (; *parts; parts++) {
    char open[32], expression[80], count[32];
    size_t n = 0;
    snprintf(open, sizeof open, "<%s", *parts);
    for (const char *at = text; (at = strstr(at, open)); at++)
      n += !strchr("abcdefghijklmnopqrstuvwxyz", at[strlen(open)]);
    snprintf(count, sizeof count, "%zu", n);
    snprintf(expression, sizeof expression, "String(document.querySelectorAll('%s').length)",
             *parts);
    CU_ASSERT(n > 0);
    CU_ASSERT(browser_says(b, expression, count));
  }
}

/* White or dark as the system is. */
static void has_colours(Browser *b) {
  static const char *const modes[] = {"light", "dark"};
  for (int i = 0; i < 2; i++) {
    browser_must(b, "Emulation.setEmulatedMedia",
                 json_pack("{s:[{s:s, s:s}]}", "features", "name", "prefers-color-scheme", "value",
                           modes[i]));
    CU_ASSERT(browser_says(b,
                           "String(getComputedStyle(document.documentElement).backgroundColor"
                           ".match(/\\d+/g).slice(0, 3).reduce((a, x) => a + Number(x), 0) > 384 ||"
                           " getComputedStyle(document.body).backgroundColor"
                           ".match(/\\d+/g).slice(0, 3).reduce((a, x) => a + Number(x), 0) > 384)",
                           i ? "false" : "true"));
  }
}

static void page(const char *path, const char *const *parts) {
  Browser b;
  char *text = shell_slurp(support_path(path), NULL);
  CU_ASSERT_FATAL(browser_open(&b, support_path(path)));
  has_parts(&b, text, parts);
  has_colours(&b);
  CU_ASSERT(browser_says(&b, "String(performance.getEntriesByType('resource').length)", "0"));
  if (b.errors) printf("\n%s\n", b.error);
  CU_ASSERT_EQUAL(b.errors, 0);
  browser_close(&b);
  free(text);
}

static void pages(void) {
  static const char *const of_run[] = {"figure",  "svg",      "path", "table",
                                       "details", "progress", NULL},
                           *const of_runs[] = {"figure", "svg", "path", "table", "details", NULL};
  prepare();
  page("a/report.html", of_run);
  page("side.html", of_runs);
}

int main(void) {
  if (!browser_program()) {
    printf("skipped: Chromium is not installed (apt-get install chromium)\n");
    return 77;
  }
  static const SupportTest tests[] = {{"pages", pages}};
  return support_run("browser", tests, sizeof tests / sizeof *tests);
}
