/* A page in Debian's Chromium without a screen: opened, asked, clicked, typed into.  The browser's
 * own protocol, JSON texts that end in a zero byte, over two pipes. */
#ifndef TESTS_BROWSER_H
#define TESTS_BROWSER_H

#include "tests/shell.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

typedef struct Browser {
  pid_t pid;
  int to, from;
  int id; /* of the last command */
  char *text;
  size_t n, cap;
  char session[80];
  unsigned errors; /* of the page: exceptions and messages of the console */
  char error[600]; /* the first of them */
  bool loaded;
} Browser;

#define BROWSER_WIDTH 1400
#define BROWSER_HEIGHT 900
#define BROWSER_PATIENCE 60000 /* ms */

static inline const char *browser_program(void) {
  static const char *const places[] = {"/usr/bin/chromium", "/usr/bin/chromium-browser",
                                       "/usr/bin/chromium-headless-shell"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (access(places[i], X_OK) == 0) return places[i];
  return NULL;
}

/* Notes what the page complains of. */
static inline void browser_event(Browser *b, const json_t *message) {
  const char *method = json_string_value(json_object_get(message, "method"));
  json_t *params = json_object_get(message, "params");
  if (!method) return;
  if (strcmp(method, "Page.loadEventFired") == 0) b->loaded = true;
  const char *level = json_string_value(json_object_get(json_object_get(params, "entry"), "level"));
  const char *type = json_string_value(json_object_get(params, "type"));
  bool console = strcmp(method, "Runtime.consoleAPICalled") == 0 && type &&
                 (strcmp(type, "error") == 0 || strcmp(type, "warning") == 0);
  bool logged = strcmp(method, "Log.entryAdded") == 0 && level && strcmp(level, "error") == 0;
  if (!console && !logged && strcmp(method, "Runtime.exceptionThrown") != 0) return;
  char *text = json_dumps(params, JSON_COMPACT);
  if (b->errors++ == 0) snprintf(b->error, sizeof b->error, "%s", text ? text : "");
  free(text);
}

/* The next message; NULL: none came in time.  The caller releases it. */
static inline json_t *browser_message(Browser *b, int patience) {
  for (;;) {
    char *end = memchr(b->text, 0, b->n);
    if (end) {
      json_t *message = json_loads(b->text, 0, NULL);
      size_t length = (size_t)(end - b->text) + 1;
      memmove(b->text, b->text + length, b->n - length);
      b->n -= length;
      if (!message) exit(1);
      return message;
    }
    struct pollfd ready = {.fd = b->from, .events = POLLIN};
    if (poll(&ready, 1, patience) <= 0) return NULL;
    if (b->cap - b->n < 65536) {
      b->cap = 2 * b->cap + 65536;
      if (!(b->text = realloc(b->text, b->cap))) exit(1);
    }
    ssize_t n = read(b->from, b->text + b->n, b->cap - b->n);
    if (n <= 0) return NULL;
    b->n += (size_t)n;
  }
}

/* Sends a command and returns its result, which the caller releases; NULL when the browser says it
 * is wrong, or nothing.  `params` is given away. */
static inline json_t *browser_do(Browser *b, const char *method, json_t *params) {
  int id = ++b->id;
  json_t *command = json_pack("{s:i, s:s, s:o}", "id", id, "method", method, "params",
                              params ? params : json_object());
  if (*b->session) json_object_set_new(command, "sessionId", json_string(b->session));
  char *text = json_dumps(command, JSON_COMPACT);
  json_decref(command);
  if (!text) exit(1);
  size_t length = strlen(text) + 1;
  bool sent = write(b->to, text, length) == (ssize_t)length;
  free(text);
  while (sent) {
    json_t *message = browser_message(b, BROWSER_PATIENCE);
    if (!message) break;
    browser_event(b, message);
    if (json_integer_value(json_object_get(message, "id")) == id) {
      json_t *result = json_incref(json_object_get(message, "result"));
      if (!result) printf("\n%s: the browser refuses\n", method);
      json_decref(message);
      return result;
    }
    json_decref(message);
  }
  return NULL;
}

static inline bool browser_must(Browser *b, const char *method, json_t *params) {
  json_t *result = browser_do(b, method, params);
  CU_ASSERT_PTR_NOT_NULL(result);
  json_decref(result);
  return result != NULL;
}

/* Its processes write into the test's folder until the last of them has gone. */
static inline void browser_close(Browser *b) {
  *b->session = 0;
  json_decref(browser_do(b, "Browser.close", NULL));
  close(b->to);
  close(b->from);
  for (int i = 0; i < 100 && waitpid(b->pid, NULL, WNOHANG) == 0; i++) usleep(50000);
  kill(-b->pid, SIGKILL);
  while (waitpid(b->pid, NULL, 0) > 0) {
  }
  for (int i = 0; i < 100 && kill(-b->pid, 0) == 0; i++) usleep(50000);
  free(b->text);
}

static inline pid_t browser_fork(int command[2], int answer[2]) {
  char profile[600], window[40];
  snprintf(profile, sizeof profile, "--user-data-dir=%s", support_path("browser"));
  snprintf(window, sizeof window, "--window-size=%d,%d", BROWSER_WIDTH, BROWSER_HEIGHT);
  pid_t pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0);
  int in = fcntl(command[0], F_DUPFD, 10), out = fcntl(answer[1], F_DUPFD, 10);
  int quiet = open("/dev/null", O_RDWR);
  if (dup2(in, 3) == 3 && dup2(out, 4) == 4 && dup2(quiet, 1) == 1 && dup2(quiet, 2) == 2)
    execl(browser_program(), "chromium", "--headless", "--no-sandbox", "--disable-gpu",
          "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
          "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe", profile, window,
          "about:blank", (char *)NULL);
  _exit(127);
}

/* Opens the page; false when the browser does not start. */
static inline bool browser_open(Browser *b, const char *path) {
  int command[2], answer[2];
  *b = (Browser){0};
  signal(SIGPIPE, SIG_IGN);
  if (pipe2(command, O_CLOEXEC) != 0 || pipe2(answer, O_CLOEXEC) != 0) return false;
  b->pid = browser_fork(command, answer);
  close(command[0]);
  close(answer[1]);
  b->to = command[1];
  b->from = answer[0];
  b->cap = 65536;
  if (!(b->text = malloc(b->cap))) exit(1);
  json_t *made = browser_do(b, "Target.createTarget", json_pack("{s:s}", "url", "about:blank"));
  if (!made) return false;
  const char *target = json_string_value(json_object_get(made, "targetId"));
  json_t *session = browser_do(b, "Target.attachToTarget",
                               json_pack("{s:s, s:b}", "targetId", target, "flatten", 1));
  json_decref(made);
  if (!session) return false;
  snprintf(b->session, sizeof b->session, "%s",
           json_string_value(json_object_get(session, "sessionId")));
  json_decref(session);
  browser_must(b, "Page.enable", NULL);
  browser_must(b, "Runtime.enable", NULL);
  browser_must(b, "Log.enable", NULL);
  browser_must(b, "Emulation.setDeviceMetricsOverride",
               json_pack("{s:i, s:i, s:i, s:b}", "width", BROWSER_WIDTH, "height", BROWSER_HEIGHT,
                         "deviceScaleFactor", 1, "mobile", 0));
  char url[700];
  snprintf(url, sizeof url, "file://%s", path);
  browser_must(b, "Page.navigate", json_pack("{s:s}", "url", url));
  while (!b->loaded) {
    json_t *message = browser_message(b, BROWSER_PATIENCE);
    if (!message) return false;
    browser_event(b, message);
    json_decref(message);
  }
  return true;
}

/* The value of an expression of the page's language as text: a string as it is, else JSON.  The
 * caller frees it; NULL: it threw. */
static inline char *browser_ask(Browser *b, const char *expression) {
  json_t *result = browser_do(b, "Runtime.evaluate",
                              json_pack("{s:s, s:b, s:b}", "expression", expression,
                                        "returnByValue", 1, "awaitPromise", 1));
  if (!result) return NULL;
  char *text = NULL;
  json_t *value = json_object_get(json_object_get(result, "result"), "value");
  if (json_object_get(result, "exceptionDetails"))
    printf("\n%s: it throws\n", expression);
  else if (json_is_string(value))
    text = strdup(json_string_value(value));
  else
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  json_decref(result);
  return text;
}

static inline bool browser_says(Browser *b, const char *expression, const char *want) {
  char *have = browser_ask(b, expression);
  bool same = have && strcmp(have, want) == 0;
  if (!same) printf("\n%s\n  is %.300s, not %s\n", expression, have ? have : "nothing", want);
  free(have);
  return same;
}

/* The middle of what a selector finds first is clicked. */
static inline void browser_click(Browser *b, const char *selector) {
  char expression[400];
  snprintf(expression, sizeof expression,
           "(() => { const r = document.querySelector(`%s`).getBoundingClientRect();"
           " return (r.left + r.width / 2) + ' ' + (r.top + r.height / 2); })()",
           selector);
  char *at = browser_ask(b, expression);
  double x = 0, y = 0;
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  CU_ASSERT_EQUAL(sscanf(at, "%lf %lf", &x, &y), 2);
  free(at);
  static const char *const types[] = {"mouseMoved", "mousePressed", "mouseReleased"};
  for (int i = 0; i < 3; i++)
    browser_must(b, "Input.dispatchMouseEvent",
                 json_pack("{s:s, s:f, s:f, s:s, s:i}", "type", types[i], "x", x, "y", y, "button",
                           i ? "left" : "none", "clickCount", i ? 1 : 0));
}

/* A key by its name (`Enter`, `/`); letters and digits type themselves. */
static inline void browser_key(Browser *b, const char *key) {
  const char *text = strcmp(key, "Enter") == 0 ? "\r" : strlen(key) == 1 ? key : "";
  int code = strcmp(key, "Enter") == 0       ? 13
             : strcmp(key, "Tab") == 0       ? 9
             : strcmp(key, "Escape") == 0    ? 27
             : strcmp(key, "Backspace") == 0 ? 8
             : strcmp(key, "ArrowLeft") == 0 ? 37
                                             : 0;
  for (int up = 0; up < 2; up++)
    browser_must(b, "Input.dispatchKeyEvent",
                 json_pack("{s:s, s:s, s:s, s:s, s:i}", "type",
                           up      ? "keyUp"
                           : *text ? "keyDown"
                                   : "rawKeyDown",
                           "key", key, "code", strlen(key) == 1 ? "" : key, "text", up ? "" : text,
                           "windowsVirtualKeyCode", code));
}

static inline void browser_type(Browser *b, const char *text) {
  browser_must(b, "Input.insertText", json_pack("{s:s}", "text", text));
}

/* Writes what is seen as PNG, base64, for looking at by hand: `base64 -d`. */
static inline void browser_picture(Browser *b, const char *path) {
  json_t *result = browser_do(b, "Page.captureScreenshot", json_pack("{s:s}", "format", "png"));
  FILE *out = fopen(path, "w");
  const char *data = json_string_value(json_object_get(result, "data"));
  CU_ASSERT_PTR_NOT_NULL(data);
  if (out && data) fputs(data, out);
  if (out) fclose(out);
  json_decref(result);
}

#endif
