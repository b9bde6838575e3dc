/* The page of a compiled model in a real browser: opened, searched, clicked through, with the
 * keyboard alone, and nothing to complain of; skipped where Chromium is not installed. */
#include "tests/browser.h"
#include "tests/compiler/hostile_page.h"

static void at(Browser *b, const char *path) {
  CU_ASSERT(browser_says(b, "document.querySelector('#path [aria-current]').textContent", path));
}

static void looks_well(Browser *b) {
  CU_ASSERT(browser_says(b, "document.title", "maml"));
  CU_ASSERT(
      browser_says(b, "String(document.querySelectorAll('#picture g.node').length > 3)", "true"));
  /* Nothing of the picture lies outside of it, and every box has its letters. */
  CU_ASSERT(browser_says(b,
                         "String([...document.querySelectorAll('#picture g.node')].every((g) => "
                         "g.querySelector('text') && g.getBoundingClientRect().width > 10))",
                         "true"));
  CU_ASSERT(browser_says(b, "String(document.querySelectorAll('#alive tr').length > 0)", "true"));
}

/* A click opens a box; Escape comes back. */
static void clicks_through(Browser *b) {
  char *label = browser_ask(b, "document.querySelector('#picture g.node.opens text').textContent");
  CU_ASSERT_PTR_NOT_NULL_FATAL(label);
  browser_click(b, "#picture g.node.opens");
  at(b, label);
  free(label);
  CU_ASSERT(browser_says(b, "String(location.hash.includes('view='))", "true"));
  browser_key(b, "Escape");
  CU_ASSERT(browser_says(b, "String(document.querySelectorAll('#path button').length)", "1"));
}

/* Search finds a node by its op, and shows where it is, on which line. */
static void searches(Browser *b) {
  browser_key(b, "/");
  browser_type(b, "matmul");
  CU_ASSERT(browser_says(b, "String(document.querySelectorAll('#hits li').length > 0)", "true"));
  browser_key(b, "Enter");
  CU_ASSERT(browser_says(b, "String(document.querySelectorAll('#picture g.picked').length)", "1"));
  CU_ASSERT(browser_says(
      b, "String(document.querySelector('#facts').textContent.includes('maml.xml:'))", "true"));
  browser_ask(b, "document.activeElement.blur()");
}

/* From the largest kernel to its line of the model in one step. */
static void reads_kernels(Browser *b) {
  browser_click(b, "#tab-kernels");
  browser_ask(b, "[...document.querySelectorAll('#kernelhead button')]"
                 ".find((x) => x.textContent.startsWith('bytes')).click()");
  browser_click(b, "#kernels tr td");
  CU_ASSERT(browser_says(
      b, "String(document.querySelector('#facts').textContent.includes('maml.xml:'))", "true"));
  browser_click(b, "#tab-memory");
  browser_click(b, "#chart");
  CU_ASSERT(browser_says(
      b, "String(/^kernel \\d+ of/.test(document.querySelector('#chartsays').textContent))",
      "true"));
}

/* Tab reaches a box, Enter opens it. */
static void keys_alone(Browser *b) {
  browser_key(b, "Escape");
  browser_ask(b, "document.querySelector('#picture g.node.opens').focus()");
  CU_ASSERT(browser_says(b, "document.activeElement.getAttribute('role')", "button"));
  browser_key(b, "Enter");
  CU_ASSERT(browser_says(b, "String(document.querySelectorAll('#path button').length)", "2"));
  browser_key(b, "Tab");
  CU_ASSERT(browser_says(b, "document.activeElement.getAttribute('role')", "button"));
}

static void wait_until_ready(Browser *b) {
  CU_ASSERT_FATAL(browser_says(
      b,
      "new Promise((done) => { const look = () => 'ready' in document.body.dataset ? done('ready') "
      ": setTimeout(look, 20); look(); })",
      "ready"));
}

/* Each view opens without complaint: as many boxes as it has, and a word in each. */
static void every_view(Browser *b) {
  CU_ASSERT(
      browser_says(b,
                   "(async () => { const text = atob(document.getElementById('data').textContent);"
                   " const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));"
                   " const d = await new Response(new Blob([bytes]).stream().pipeThrough("
                   "  new DecompressionStream('deflate'))).json(); let n = 0, all = 0;"
                   " for (const p of d.programs) for (const v of p.views) { all++;"
                   "  location.hash = '#' + new URLSearchParams({program: p.name, view: v.path});"
                   "  window.dispatchEvent(new HashChangeEvent('hashchange'));"
                   "  const shown = [...document.querySelectorAll('#picture g.node')];"
                   "  if (shown.length !== v.boxes.filter((x) => x.id[0] === 'b').length ||"
                   "   !shown.every((g) => g.querySelector('text').textContent)) n++; }"
                   " return n + ' of ' + (all > 0); })()",
                   "0 of true"));
}

/* Names are shown, not run. */
static void hostile(void) {
  Browser b;
  hostile_page("hostile.html");
  CU_ASSERT_FATAL(browser_open(&b, support_path("hostile.html")));
  wait_until_ready(&b);
  CU_ASSERT(browser_says(&b, "document.title", hostile_names[0]));
  CU_ASSERT(browser_says(&b, "document.querySelector('#program option').value", hostile_names[0]));
  CU_ASSERT(browser_says(&b, "String(document.scripts.length)", "3"));
  every_view(&b);
  browser_key(&b, "/");
  browser_type(&b, "onerror");
  browser_key(&b, "Enter");
  CU_ASSERT(browser_says(
      &b, "String(document.querySelector('#facts').textContent.includes('<img src=x'))", "true"));
  CU_ASSERT(browser_says(&b, "String(document.images.length) + typeof hostile", "0undefined"));
  if (b.errors) printf("\n%s\n", b.error);
  CU_ASSERT_EQUAL(b.errors, 0);
  browser_close(&b);
}

static void page(void) {
  Browser b;
  shell_must("$GRAPHC $TOP/models/examples/maml.xml --emit=html:maml.html");
  CU_ASSERT_FATAL(browser_open(&b, support_path("maml.html")));
  wait_until_ready(&b);
  looks_well(&b);
  clicks_through(&b);
  searches(&b);
  reads_kernels(&b);
  keys_alone(&b);
  every_view(&b);
  if (b.errors) printf("\n%s\n", b.error);
  CU_ASSERT_EQUAL(b.errors, 0);
  browser_close(&b);
}

int main(void) {
  if (!browser_program()) {
    printf("skipped: Chromium is not installed (apt-get install chromium)\n");
    return 77;
  }
  static const SupportTest tests[] = {{"the page of a model", page}, {"names", hostile}};
  return support_run("page browser", tests, sizeof tests / sizeof *tests);
}
