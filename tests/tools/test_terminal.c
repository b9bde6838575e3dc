/* What a terminal gets and a file does not: colour, and how far a command is. */
#include "graph/base/meter.h"
#include "tests/shell.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <time.h>

#define RED_ERROR "\033[1;31merror:\033[0m "
#define CYAN_HINT "\033[1;36mhint:\033[0m "

/* ---- commands on a terminal ---- */

typedef struct Terminal {
  int fd;
  pid_t child;
  char text[1 << 16]; /* what it printed, its last bytes when that is much */
  size_t n;
} Terminal;

/* Runs a line of sh in the test's folder, its three streams a terminal. */
static void terminal_start(Terminal *t, const char *line) {
  t->n = 0;
  t->text[0] = 0;
  t->child = forkpty(&t->fd, NULL, NULL, NULL);
  if (t->child == 0) {
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    if (chdir(support_folder()) == 0) execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
  }
  CU_ASSERT_FATAL(t->child > 0);
}

/* Reads until `part` was printed, the command has ended or `seconds` are over; true: it was. */
static bool terminal_await(Terminal *t, const char *part, int seconds) {
  time_t until = time(NULL) + seconds;
  while (time(NULL) <= until) {
    struct pollfd ready = {t->fd, POLLIN, 0};
    if (strstr(t->text, part)) return true;
    if (poll(&ready, 1, 200) <= 0) continue;
    if (t->n > sizeof t->text - 5000)
      memmove(t->text, t->text + t->n / 2, t->n - t->n / 2 + 1), t->n -= t->n / 2;
    ssize_t got = read(t->fd, t->text + t->n, 4096);
    if (got <= 0) break;              /* EIO: nobody has the terminal any more */
    for (ssize_t i = 0; i < got; i++) /* the cursor's home, as text */
      if (t->text[t->n + (size_t)i] == 0) t->text[t->n + (size_t)i] = '?';
    t->n += (size_t)got;
    t->text[t->n] = 0;
  }
  return strstr(t->text, part) != NULL;
}

/* Ends what still runs; its exit code, 128 + signal. */
static int terminal_end(Terminal *t, bool kill_it) {
  int status = 0;
  if (kill_it) kill(-t->child, SIGKILL);
  close(t->fd);
  waitpid(t->child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_on_terminal(Terminal *t, const char *line) {
  terminal_start(t, line);
  terminal_await(t, "\001never", 60);
  return terminal_end(t, false);
}

/* ---- colour ---- */

static void test_color(void) {
  static const struct {
    const char *line;
    bool color;
  } rows[] = {
      {"$GRAPHC nope.xml", true},
      {"$GRAPHC --bogus", true},
      {"$GRAPHRUN train --bogus", true},
      {"$GRAPHRUN info nope.plan.xml", true},
      {"NO_COLOR= $GRAPHC --bogus", true}, /* set to nothing is not set */
      {"NO_COLOR=1 $GRAPHC nope.xml", false},
      {"NO_COLOR=1 $GRAPHRUN train --bogus", false},
      {"TERM=dumb $GRAPHC nope.xml", false},
      {"TERM= $GRAPHC --bogus", false},
      {"unset TERM; $GRAPHRUN info nope.plan.xml", false},
      {"$GRAPHC nope.xml 2>err; cat err", false},
  };
  static Terminal t;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    run_on_terminal(&t, rows[i].line);
    bool color = strstr(t.text, RED_ERROR) != NULL, plain = strstr(t.text, " error: ") != NULL;
    if (color != rows[i].color || plain == color) printf("\n%s: %s", rows[i].line, t.text);
    CU_ASSERT_EQUAL(color, rows[i].color);
    CU_ASSERT_NOT_EQUAL(color, plain);
    CU_ASSERT_EQUAL(strchr(t.text, 033) != NULL, rows[i].color);
  }
  run_on_terminal(&t, "$GRAPHC --bogus");
  CU_ASSERT_PTR_NOT_NULL(strstr(t.text, CYAN_HINT));
  run_on_terminal(&t, "$GRAPHC --help");
  CU_ASSERT_PTR_NULL(strchr(t.text, 033));
}

/* ---- the line itself ---- */

static void rest(double seconds) {
  struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&t, NULL);
}

/* In a child whose stderr is a terminal. */
static void meter_start_on(Terminal *t, const char *term, double seconds) {
  t->n = 0;
  t->text[0] = 0;
  t->child = forkpty(&t->fd, NULL, NULL, NULL);
  if (t->child == 0) {
    setenv("TERM", term, 1);
    Meter *m = meter_start("checking", "images", 40);
    meter_add(m, 10);
    rest(seconds);
    meter_clear(m);
    fputs("<other>", stderr);
    rest(seconds > 1 ? 0.5 : 0);
    meter_end(m);
    fputs("<end>", stderr);
    _exit(0);
  }
  CU_ASSERT_FATAL(t->child > 0);
}

static const char *meter_printed(Terminal *t) {
  terminal_await(t, "<end>", 60);
  terminal_end(t, false);
  return t->text;
}

static void test_line(void) {
  static Terminal t[3];
  meter_start_on(&t[0], "xterm", 2.7);
  meter_start_on(&t[1], "xterm", 0.5);
  meter_start_on(&t[2], "dumb", 2.5);
  const char *text = meter_printed(&t[0]), *other = strstr(text, "<other>");
  CU_ASSERT(strstr(text, "\rchecking 10/40 images  2.") || /* seconds, and an ETA of three times */
            strstr(text, "\rchecking 10/40 images  3."));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, " s  ETA "));
  CU_ASSERT_PTR_NOT_NULL_FATAL(other);
  /* It is gone before other output, comes again, and is gone at the end. */
  CU_ASSERT(other > text + 4 && strncmp(other - 4, "\r\033[K", 4) == 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(other, "\rchecking 10/40"));
  CU_ASSERT_PTR_NOT_NULL(strstr(other, "\r\033[K<end>"));
  CU_ASSERT_STRING_EQUAL(meter_printed(&t[1]), "<other><end>"); /* too short */
  CU_ASSERT_STRING_EQUAL(meter_printed(&t[2]), "<other><end>");
  meter_add(NULL, 1);
  meter_expect(NULL, 1);
  meter_clear(NULL);
  meter_end(NULL);
}

/* ---- every command that takes long ---- */

/* Images that take long to open, as queries and gallery of one domain. */
static void make_images(int n) {
  GdkPixbuf *image = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, 3000, 3000);
  GError *error = NULL;
  char line[400];
  CU_ASSERT_PTR_NOT_NULL_FATAL(image);
  gdk_pixbuf_fill(image, 0x336699ff);
  CU_ASSERT_TRUE_FATAL(
      gdk_pixbuf_save(image, support_path("0.png"), "png", &error, "compression", "1", NULL));
  g_object_unref(image);
  snprintf(
      line, sizeof line,
      "echo path,pid,camera,domain,split >big.csv; i=1; while [ $i -le %d ]; do\n"
      "cp 0.png $i.png; echo $i.png,$((i %% 5)),$((i %% 2)),d,$([ $i -le 10 ] && echo query || "
      "echo gallery); i=$((i + 1)); done >>big.csv",
      n);
  shell_must("%s", line);
}

static void test_commands(void) {
  static const char *const lines[] = {
      "exec $GRAPHC deep.xml --check", "exec $GRAPHRUN check-data big.csv --threads=1",
      "exec $GRAPHRUN eval --baseline=color --data=big.csv --threads=1 --workers=1",
      "exec $GRAPHRUN synth people --ids=4999"};
  static const char *const expect[] = {"\rcompiling", "\rchecking ", "\rdescribing ", "\rdrawing "};
  static Terminal t[4];
  make_images(100);
  support_write("deep.xml",
                "<model name=\"m\" xmlns=\"urn:graphc:model:1\"><for each=\"j\" in=\"range(8)\">\n"
                "<program name=\"p${j}\"><input name=\"y0\" shape=\"3\"/>\n"
                "<for each=\"i\" in=\"range(90000)\"><tanh name=\"y${i+1}\" in=\"y${i}\"/></for>\n"
                "<output value=\"y90000\"/></program></for></model>\n");
  for (int i = 0; i < 4; i++) terminal_start(&t[i], lines[i]);
  /* A file gets nothing of it. */
  Shell s = shell("timeout 3 $GRAPHRUN check-data big.csv --threads=1");
  CU_ASSERT_PTR_NULL(strstr(s.err, "ETA"));
  CU_ASSERT(!strchr(s.err, '\r') && !strchr(s.out, '\r'));
  shell_free(&s);
  for (int i = 0; i < 4; i++) {
    bool seen = terminal_await(&t[i], expect[i], 60) && terminal_await(&t[i], "ETA ", 60);
    if (!seen) printf("\n%s: %s", lines[i], t[i].text);
    CU_ASSERT_TRUE(seen);
    terminal_end(&t[i], true);
  }
}

int main(void) {
  if (!shell_has_terminals()) {
    printf("skipped: there are no pseudo terminals here\n");
    return 77;
  }
  static const SupportTest tests[] = {{"colour", test_color},
                                      {"the line", test_line},
                                      {"every command that takes long", test_commands}};
  return support_run("terminal", tests, sizeof tests / sizeof *tests);
}
