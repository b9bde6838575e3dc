/* The pages in a real browser: headless Chromium lays them out, finds nothing to complain of and
 * fetches nothing; skipped where it is not installed. */
#include "tests/shell.h"

/* --dump-dom prints the page as the browser understood it. */
#define BROWSER                                                                                    \
  "timeout 60 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage "         \
  "--user-data-dir=\"$PWD/profile\" --enable-logging=stderr "

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

/* What the browser made of the page has as many figures as the file; no message of its console. */
static void page(const char *path, const char *parts) {
  Shell s =
      shell(BROWSER "--dump-dom \"file://$PWD/%s\" >dom 2>log; code=$?; "
                    "[ $code = 0 ] || { cat log >&2; exit $code; }; "
                    "grep -E 'CONSOLE|Uncaught|ERR_' log >&2 && exit 9; "
                    "for part in %s; do n=$(grep -o \"<$part\" %s | wc -l); "
                    "m=$(grep -o \"<$part\" dom | wc -l); "
                    "[ $n -gt 0 ] && [ $n = $m ] || { echo \"$part: $n, $m\" >&2; exit 8; }; done",
            path, parts, path);
  if (s.code != 0) printf("\n%s: exit %d\n%s", path, s.code, s.err);
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
}

static void pages(void) {
  prepare();
  page("a/report.html", "figure svg path table details progress");
  page("side.html", "figure svg path table details");
}

/* White or dark as the system is: the first pixels of two pictures differ. */
static void colours(void) {
  shell_must("for mode in 0 1; do " BROWSER "--blink-settings=preferredColorScheme=$mode "
             "--window-size=600,400 --screenshot=\"$PWD/$mode.png\" \"file://$PWD/a/report.html\" "
             ">/dev/null 2>&1 || exit 1; test -s $mode.png || exit 2; done; ! cmp -s 0.png 1.png");
}

int main(void) {
  Shell s = shell("chromium --version");
  bool there = s.code == 0;
  shell_free(&s);
  if (!there) {
    printf("skipped: Chromium is not installed (apt-get install chromium)\n");
    support_clean();
    return 77;
  }
  static const SupportTest tests[] = {{"pages", pages}, {"light and dark", colours}};
  return support_run("browser", tests, sizeof tests / sizeof *tests);
}
