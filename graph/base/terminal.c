/* Whether a stream is a terminal, and the words of messages on it. */
#include "graph/base/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_is_live(FILE *out) {
  const char *term = getenv("TERM");
  int fd = fileno(out);
  return fd >= 0 && isatty(fd) == 1 && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_has_color(FILE *out) {
  const char *refused = getenv("NO_COLOR");
  return !(refused && *refused) && terminal_is_live(out);
}

void terminal_word(FILE *out, bool color, TerminalWord word) {
  static const struct {
    const char *text, *color; /* bold red, bold magenta, bold cyan */
  } words[] = {[TERMINAL_ERROR] = {"error:", "\033[1;31m"},
               [TERMINAL_WARNING] = {"warning:", "\033[1;35m"},
               [TERMINAL_HINT] = {"hint:", "\033[1;36m"}};
  if (color)
    fprintf(out, "%s%s\033[0m ", words[word].color, words[word].text);
  else
    fprintf(out, "%s ", words[word].text);
}
