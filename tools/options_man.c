/* `--help=man`: the table as a manual page, in the man(7) language. */
#include "tools/options.h"

#include "graph/base/text.h"

#include <build.inc>
#include <ctype.h>
#include <string.h>

#define LINE 60 /* bytes of a line of the page's text */

/* One character as the page's language wants it, so that it looks as in the table; how many bytes
 * that are. */
static size_t print_char(char c, FILE *out) {
  static const struct {
    char c;
    const char *text;
  } own[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"}, {'`', "\\(ga"},
             {'^', "\\(ha"}, {'~', "\\(ti"}, {'"', "\\(dq"}};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (own[i].c == c) {
      fputs(own[i].text, out);
      return strlen(own[i].text);
    }
  fputc(c, out);
  return 1;
}

static size_t print_n(const char *text, size_t n, FILE *out) {
  size_t bytes = 0;
  for (size_t i = 0; i < n; i++) bytes += print_char(text[i], out);
  return bytes;
}

static void print_string(const char *text, FILE *out) {
  print_n(text, strlen(text), out);
}

/* Words that are filled; a sentence ends its line. */
static void print_filled(const char *text, FILE *out) {
  size_t at = 0;
  for (const char *word = text + strspn(text, " \n"); *word; word += strspn(word, " \n")) {
    size_t n = strcspn(word, " \n");
    if (at && at + n > LINE) at = 0, fputc('\n', out);
    if (at) fputc(' ', out);
    if (!at && (*word == '.' || *word == '\'')) fputs("\\&", out);
    at += print_n(word, n, out) + 1;
    word += n;
    if (word[-1] == '.' && n > 1 && word[-2] != '.' && *word) at = 0, fputc('\n', out);
  }
  fputc('\n', out);
}

/* Lines that stay as they are. */
static void print_lines(const char *text, size_t n, FILE *out) {
  fputs(".nf\n", out);
  for (size_t i = 0; i < n; i++) {
    if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\'')) fputs("\\&", out);
    print_char(text[i], out);
  }
  fputs(n && text[n - 1] == '\n' ? ".fi\n" : "\n.fi\n", out);
}

static void print_text(const char *text, FILE *out) {
  for (const char *at = text; *at;) {
    const char *end = strstr(at, "\n\n");
    size_t n = end ? (size_t)(end - at) : strlen(at);
    char paragraph[4096];
    text_format(paragraph, sizeof paragraph, "%.*s", (int)n, at);
    if (at != text) fputs(".PP\n", out);
    if (*at == ' ')
      print_lines(at, n, out);
    else
      print_filled(paragraph, out);
    at += n + (end ? 2 : 0);
  }
}

static void print_option(const OptionRow *row, FILE *out) {
  char help[OPTION_HELP_MAX];
  fputs(".TP\n", out);
  if (row->letter) fprintf(out, "\\fB\\-%c\\fR", row->letter);
  if (row->letter && row->name) fputs(", ", out);
  if (row->name) {
    fputs("\\fB\\-\\-", out);
    print_string(row->name, out);
    fputs("\\fR", out);
  }
  if (row->value) {
    fputs(row->bare ? "[=\\fI" : row->name ? "=\\fI" : " \\fI", out);
    print_string(row->value, out);
    fputs(row->bare ? "\\fR]" : "\\fR", out);
  }
  fputc('\n', out);
  option_help(row, help);
  print_filled(help, out);
}

static void print_upper(const char *text, FILE *out) {
  for (; *text; text++) print_char((char)toupper((unsigned char)*text), out);
}

static void print_usage(const ProgramTable *table, const CommandRow *command, FILE *out) {
  fprintf(out, ".B %s", table->name);
  if (command->name) {
    fputc(' ', out);
    print_string(command->name, out);
  }
  fputc('\n', out);
  if (command->operands && *command->operands) {
    fputs(".I ", out);
    print_string(command->operands, out);
    fputc('\n', out);
  }
  if (command->must) print_filled(command->must, out);
  fputs("[OPTION]...\n", out);
}

static void print_head(const ProgramTable *table, const CommandRow *command, FILE *out) {
  fputs(".TH ", out);
  print_upper(table->name, out);
  if (command && command->name) {
    fputs("\\-", out);
    print_upper(command->name, out);
  }
  fprintf(out, " 1 %s \"graphc %s\" \"graphc's manual\"\n.SH NAME\n%s", BUILD_RELEASED,
          BUILD_VERSION, table->name);
  if (command && command->name) {
    fputs("\\-", out);
    print_string(command->name, out);
  }
  fputs(" \\-\n", out);
  print_filled(command ? command->summary : table->summary, out);
}

/* The commands that have pages of their own. */
static void print_commands(const ProgramTable *table, FILE *out) {
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (!c->name) continue;
    fputs(".TP\n.B ", out);
    print_string(c->name, out);
    fputc('\n', out);
    print_filled(c->summary, out);
  }
}

static void print_also(const ProgramTable *table, const CommandRow *command, FILE *out) {
  fputs(".SH SEE ALSO\n", out);
  if (command && command->name) fprintf(out, ".BR %s (1),\n", table->name);
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (!c->name || c == command) continue;
    fprintf(out, ".BR %s\\-", table->name);
    print_string(c->name, out);
    fputs(" (1),\n", out);
  }
  fprintf(out, ".BR %s (1)\n", table->also);
}

static void print_common(const ProgramTable *table, const CommandRow *command, FILE *out) {
  static const char tail[] =
      ".SH EXIT STATUS\n"
      ".TP\n.B 0\ndone\n"
      ".TP\n.B 1\nsomething is wrong in what was named: a model, a plan, data, weights\n"
      ".TP\n.B 2\nbad usage\n"
      ".TP\n.B 3\nit does not fit into memory\n"
      ".TP\n.B 4\nthe system refused, or a value is not finite\n"
      ".SH ENVIRONMENT\n"
      ".TP\n.B NO_COLOR\nwhen it is set to something, messages have no colour.\n"
      ".TP\n.B TERM\nwhen it is\n.B dumb\nor empty, messages have no colour and there is no\n"
      "progress line.\n";
  fputs(tail, out);
  if (command && command->examples) {
    fputs(".SH EXAMPLES\n", out);
    print_lines(command->examples, strlen(command->examples), out);
  }
  print_also(table, command, out);
}

void options_man(const ProgramTable *table, const CommandRow *command, FILE *out) {
  static const CommandRow none = {.operands = "COMMAND"};
  const OptionRow *row;
  bool whole = !command;
  for (uint32_t i = 0; !command && i < table->n_commands; i++)
    if (!table->commands[i].name) command = &table->commands[i];
  print_head(table, command, out);
  fputs(".SH SYNOPSIS\n", out);
  print_usage(table, command ? command : &none, out);
  for (uint32_t i = 0; whole && command && i < table->n_commands; i++) {
    if (!table->commands[i].name) continue;
    fputs(".br\n", out);
    print_usage(table, &table->commands[i], out);
  }
  if (command ? command->text != NULL : table->text != NULL) {
    fputs(".SH DESCRIPTION\n", out);
    print_text(command ? command->text : table->text, out);
  }
  if (!command) {
    fputs(".SH COMMANDS\n", out);
    print_commands(table, out);
  }
  fputs(".SH OPTIONS\n", out);
  for (uint32_t i = 0; (row = options_of(table, command ? command : &none, i)); i++)
    print_option(row, out);
  print_common(table, command, out);
}
