/* `--help`: the table as text of 80 columns. */
#include "tools/options.h"

#include "graph/base/text.h"

#include <string.h>

#define WIDTH 80
#define COLUMN 28 /* where the help of an option begins */

/* Prints words from column `at` on, and further lines behind `indent` blanks. */
static void print_wrapped(const char *text, size_t at, size_t indent, FILE *out) {
  bool first = true;
  for (const char *word = text; *word; word += strspn(word, " \n")) {
    size_t n = strcspn(word, " \n");
    if (!first && at + 1 + n > WIDTH) {
      fprintf(out, "\n%*s", (int)indent, "");
      at = indent;
    } else if (!first) {
      fputc(' ', out);
      at++;
    }
    fwrite(word, 1, n, out);
    at += n;
    word += n;
    first = false;
  }
  fputc('\n', out);
}

/* Paragraphs: what is indented stays as it is, the rest is wrapped. */
static void print_text(const char *text, FILE *out) {
  for (const char *at = text; *at;) {
    const char *end = strstr(at, "\n\n");
    size_t n = end ? (size_t)(end - at) : strlen(at);
    char paragraph[4096];
    text_format(paragraph, sizeof paragraph, "%.*s", (int)n, at);
    fputc('\n', out);
    if (*at == ' ')
      fprintf(out, "%s\n", paragraph);
    else
      print_wrapped(paragraph, 0, 0, out);
    at += n + (end ? 2 : 0);
  }
}

void option_help(const OptionRow *row, char help[OPTION_HELP_MAX]) {
  char bounds[200];
  const char *words = row->words ? row->words() : NULL;
  size_t n = text_format(help, OPTION_HELP_MAX, "%s%s", row->help, words ? "; one of" : "");
  for (const char *at = words; at && *at;) {
    size_t length = strcspn(at, "|");
    n = text_append(help, OPTION_HELP_MAX, n, " %.*s", (int)length, at);
    at += length + (at[length] == '|');
  }
  option_bounds(row, bounds, sizeof bounds);
  if (*bounds) text_append(help, OPTION_HELP_MAX, n, " (%s)", bounds);
}

static void print_option(const OptionRow *row, FILE *out) {
  char left[200], help[OPTION_HELP_MAX];
  const char *value = row->value ? row->value : "";
  size_t n = text_format(left, sizeof left, row->letter ? "  -%c" : "    ", row->letter);
  if (row->name && row->kind == OPTION_FLAG)
    text_append(left, sizeof left, n, "%s--%s", row->letter ? ", " : "  ", row->name);
  else if (row->name)
    text_append(left, sizeof left, n, row->bare ? "%s--%s[=%s]" : "%s--%s=%s",
                row->letter ? ", " : "  ", row->name, value);
  else
    text_append(left, sizeof left, n, " %s", value);
  option_help(row, help);
  fputs(left, out);
  if (strlen(left) + 2 > COLUMN)
    fprintf(out, "\n%*s", COLUMN, "");
  else
    fprintf(out, "%*s", COLUMN - (int)strlen(left), "");
  print_wrapped(help, COLUMN, COLUMN, out);
}

static void print_options(const ProgramTable *table, const CommandRow *command, FILE *out) {
  const OptionRow *row;
  fputc('\n', out);
  for (uint32_t i = 0; (row = options_of(table, command, i)); i++) print_option(row, out);
}

static void print_usage(const ProgramTable *table, const CommandRow *command, const char *before,
                        FILE *out) {
  fprintf(out, "%s%s", before, table->name);
  if (command->name) fprintf(out, " %s", command->name);
  if (*command->operands) fprintf(out, " %s", command->operands);
  if (command->must) fprintf(out, " %s", command->must);
  fputs(" [OPTION]...\n", out);
}

static void print_command(const ProgramTable *table, const CommandRow *command, FILE *out) {
  print_usage(table, command, "usage: ", out);
  fprintf(out, "  %s\n", command->summary);
  if (command->text) print_text(command->text, out);
  print_options(table, command, out);
  if (command->examples) fprintf(out, "\nexamples:\n%s", command->examples);
}

static void print_program(const ProgramTable *table, FILE *out) {
  static const CommandRow none = {0};
  fprintf(out, "usage: %s COMMAND ...\n  %s\n\n", table->name, table->summary);
  for (uint32_t i = 0; i < table->n_commands; i++)
    fprintf(out, "  %-12s %s\n", table->commands[i].name, table->commands[i].summary);
  fprintf(out, "\n%s COMMAND --help lists the options of a command.\n", table->name);
  if (table->text) print_text(table->text, out);
  print_options(table, &none, out);
}

void options_help(const ProgramTable *table, const CommandRow *command, FILE *out) {
  bool named = true;
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (c->name) continue;
    named = false;
    if (!command) command = c;
  }
  if (!command) {
    print_program(table, out);
    return;
  }
  print_command(table, command, out);
  for (uint32_t i = 0; !named && !command->name && i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (c->name) print_usage(table, c, "\nalso:  ", out);
    if (c->name) fprintf(out, "  %s\n", c->summary);
  }
  if (!named && !command->name && table->text) print_text(table->text, out);
}
