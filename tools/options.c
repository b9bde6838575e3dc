/* Command lines, read by the program's table. */
#include "tools/options.h"

#include "graph/base/diag.h"
#include "graph/base/option.h"
#include "graph/base/terminal.h"
#include "graph/base/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 128 /* options of a program */
enum { HELP = 1, VERSION };

static const char *help_words(void) {
  return "text|man|bash|zsh|commands";
}

const OptionRow options_common[OPTIONS_COMMON] = {
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_WORD,
     .value = "FORMAT",
     .words = help_words,
     .bare = "text",
     .at = HELP,
     .help =
         "this text, or the same as a manual page or as a completion that a shell reads, or only "
         "the commands' names"},
    {.name = "version",
     .kind = OPTION_FLAG,
     .at = VERSION,
     .help = "what this program was built from, and what it can use"},
};

static Status refuse(const ProgramTable *table, const CommandRow *command, const char *hint,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One write, so that messages of several processes do not mix. */
static Status print_error(const ProgramTable *table, const char *hint, const char *format,
                          va_list list) {
  char text[1024], all[2600] = "";
  bool color = terminal_has_color(stderr);
  text_vformat(text, sizeof text, format, list);
  FILE *out = fmemopen(all, sizeof all, "w");
  if (!out) out = stderr;
  fprintf(out, "%s: ", table->name);
  terminal_word(out, color, TERMINAL_ERROR);
  text_print(text, out);
  fputc('\n', out);
  terminal_word(out, color, TERMINAL_HINT);
  text_print(hint, out);
  fputc('\n', out);
  if (out == stderr) return STATUS_USAGE;
  fclose(out); /* a hint without end is cut */
  all[sizeof all - 1] = '\0';
  fputs(all, stderr);
  return STATUS_USAGE;
}

static const char *what_help_lists(const ProgramTable *table) {
  return table->n_commands > 1 && table->commands[0].name ? "commands and options" : "the options";
}

Status options_refuse(const ProgramTable *table, const char *hint, const char *format, ...) {
  char help[100];
  va_list list;
  text_format(help, sizeof help, "%s --help lists %s", table->name, what_help_lists(table));
  va_start(list, format);
  Status status = print_error(table, hint ? hint : help, format, list);
  va_end(list);
  return status;
}

/* The same of a command, whose own help is named. */
static Status refuse(const ProgramTable *table, const CommandRow *command, const char *hint,
                     const char *format, ...) {
  char help[100];
  va_list list;
  text_format(help, sizeof help, "%s%s%s --help lists the options", table->name,
              command->name ? " " : "", command->name ? command->name : "");
  va_start(list, format);
  Status status = print_error(table, hint ? hint : help, format, list);
  va_end(list);
  return status;
}

/* ---- the table ---- */

/* The row after `row`, the first after NULL; NULL: that was the last. `*part` is the array where it
 * stands. */
static const OptionRow *next_row(const ProgramTable *table, const OptionRow *row, uint32_t *part) {
  if (!row) *part = 0;
  row = row ? row + 1 : table->options[0];
  while (row && !row->commands) row = table->options[++*part];
  return row;
}

const OptionRow *options_of(const ProgramTable *table, const CommandRow *command, uint32_t i) {
  uint32_t part;
  for (const OptionRow *row = NULL; (row = next_row(table, row, &part));)
    if ((row->commands & command->bit) && i-- == 0) return row;
  return i < OPTIONS_COMMON ? &options_common[i] : NULL;
}

const char *option_words(const OptionRow *row) {
  if (row->words) return row->words();
  return row->kind == OPTION_WORD ? row->value : NULL;
}

void option_bounds(const OptionRow *row, char *text, size_t size) {
  size_t n = 0;
  *text = '\0';
  if (row->kind == OPTION_NUMBER && row->high < OPTION_MANY)
    n = text_append(text, size, n, "%lld..%lld%s%s", (long long)row->low, (long long)row->high,
                    row->unit ? " " : "", row->unit ? row->unit : "");
  else if (row->unit)
    n = text_append(text, size, n, "%s", row->unit);
  const char *standard = row->standard ? row->standard : row->otherwise;
  if (standard) text_append(text, size, n, "%sdefault: %s", n ? "; " : "", standard);
}

static const OptionRow *find_row(const ProgramTable *table, const CommandRow *command,
                                 const char *name, int letter) {
  const OptionRow *row;
  for (uint32_t i = 0; (row = options_of(table, command, i)); i++)
    if (name ? row->name && strcmp(row->name, name) == 0 : letter && row->letter == letter)
      return row;
  return NULL;
}

/* ---- mistakes ---- */

static Status unknown_word(const ProgramTable *table, const CommandRow *command,
                           const OptionRow *row, const char *value) {
  char list[512], *names[32], *rest = list, hint[160];
  size_t n = 0;
  text_format(list, sizeof list, "%s", option_words(row));
  for (char *word; n < 32 && (word = strsep(&rest, "|"));) names[n++] = word;
  const char *near = diag_nearest(value, (const char *const *)names, n);
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  char all[512];
  size_t used = text_format(all, sizeof all, "%s%s", n > 2 ? "one of " : "", names[0]);
  for (size_t i = 1; i < n; i++)
    used = text_append(all, sizeof all, used, "%s%s", n == 2 ? " or " : " ", names[i]);
  return refuse(table, command, near ? hint : NULL, "--%s is %s, not '%s'", row->name, all, value);
}

/* The commands that have the option. */
static bool of_others(const ProgramTable *table, const char *name, char *text, size_t size) {
  size_t n = 0;
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *other = &table->commands[i];
    const OptionRow *row = find_row(table, other, name, 0);
    if (row && other->name) n = text_append(text, size, n, "%s%s", n ? ", " : "", other->name);
  }
  return n > 0;
}

static size_t own_names(const ProgramTable *table, const CommandRow *command, const char **names) {
  const OptionRow *row;
  size_t n = 0;
  for (uint32_t i = 0; n < NAMES_MAX && (row = options_of(table, command, i)); i++)
    if (row->name) names[n++] = row->name;
  return n;
}

static Status unknown_option(const ProgramTable *table, const CommandRow *command,
                             const char *given) {
  const char *names[NAMES_MAX], *own = command->name ? command->name : table->name;
  size_t n = own_names(table, command, names), starts = 0;
  char name[64], hint[400], others[200], several[200] = "";
  text_format(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
  if (strncmp(name, "--", 2) != 0) return refuse(table, command, NULL, "unknown option '%s'", name);
  if (of_others(table, name + 2, others, sizeof others)) {
    text_format(hint, sizeof hint, "it is an option of %s", others);
    return refuse(table, command, hint, "%s has no option %s", own, name);
  }
  for (size_t i = 0, used = 0; i < n; i++)
    if (strncmp(names[i], name + 2, strlen(name + 2)) == 0)
      used = text_append(several, sizeof several, used, "%s--%s", starts++ ? " " : "", names[i]);
  if (starts > 1)
    return refuse(table, command, NULL, "'%s' is short for several options: %s", name, several);
  const char *near = diag_nearest(name + 2, names, n);
  if (near) text_format(hint, sizeof hint, "did you mean --%s?", near);
  return refuse(table, command, near ? hint : NULL, "unknown option '%s'", given);
}

static Status single_dash(const ProgramTable *table, const CommandRow *command, const char *given) {
  char hint[160];
  const OptionRow *out = find_row(table, command, NULL, 'o');
  bool output = strncmp(given, "-output", 7) == 0;
  if (out && out->name && output)
    text_format(hint, sizeof hint, "did you mean '--%s%s'?", out->name, given + 7);
  else if (out && strncmp(given, "-out", 4) == 0 && (output || !out->name))
    text_format(hint, sizeof hint, "-o %s names it", out->value);
  else
    text_format(hint, sizeof hint, "did you mean '-%s'?", given);
  return refuse(table, command, hint, "'%s' has one dash, a long option has two", given);
}

static const CommandRow *find_command(const ProgramTable *table, const char *name) {
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const char *own = table->commands[i].name;
    if (own && name && strcmp(own, name) == 0) return &table->commands[i];
  }
  return NULL;
}

static const CommandRow *nameless(const ProgramTable *table) {
  for (uint32_t i = 0; i < table->n_commands; i++)
    if (!table->commands[i].name) return &table->commands[i];
  return NULL;
}

static Status unknown_command(const ProgramTable *table, const char *name) {
  const char *names[NAMES_MAX];
  size_t n = 0;
  for (uint32_t i = 0; i < table->n_commands; i++)
    if (table->commands[i].name) names[n++] = table->commands[i].name;
  const char *near = diag_nearest(name, names, n);
  char hint[64];
  if (near) text_format(hint, sizeof hint, "did you mean '%s'?", near);
  return options_refuse(table, near ? hint : NULL, "there is no command '%s'", name);
}

/* A path of no letters, which no file can have: `--data=$DATA` where DATA is not set. */
static Status empty_path(const ProgramTable *table, const CommandRow *command,
                         const OptionRow *row) {
  const char *hint = "a variable of the shell that is not set leaves nothing there";
  if (row && row->name)
    return refuse(table, command, hint, "--%s is empty, not %s", row->name, row->value);
  if (row) return refuse(table, command, hint, "-%c is empty, not %s", row->letter, row->value);
  return refuse(table, command, hint, "an operand is empty: %s%s%s %s", table->name,
                command->name ? " " : "", command->name ? command->name : "", command->operands);
}

/* ---- values ---- */

static Status take_number(const ProgramTable *table, const CommandRow *command,
                          const OptionRow *row, const char *text, int64_t *out) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (*text && !*end && errno == 0 && value >= row->low && value <= row->high) {
    *out = value;
    return STATUS_OK;
  }
  return refuse(table, command, NULL, "--%s is %lld..%lld, not '%s'", row->name,
                (long long)row->low, (long long)row->high, text);
}

static bool has_word(const char *words, const char *value) {
  size_t n = strlen(value);
  for (const char *at = words; at; at = strchr(at, '|')) {
    at += *at == '|';
    if (strcspn(at, "|") == n && strncmp(at, value, n) == 0) return true;
  }
  return false;
}

static Status take_value(const ProgramTable *table, const CommandRow *command, const OptionRow *row,
                         const char *value, void *args) {
  void *at = (char *)args + row->at;
  OptionList *list = at;
  if (!value) value = row->bare;
  if (row->files && !*value) return empty_path(table, command, row);
  if (row->kind == OPTION_WORD && !has_word(option_words(row), value))
    return unknown_word(table, command, row, value);
  if (row->once && *(const char **)at)
    return refuse(table, command, "run it once for each",
                  "--%s is given twice: '%s', and then '%s'", row->name, *(const char **)at, value);
  switch (row->kind) {
  case OPTION_FLAG:
    *(bool *)at = true;
    break;
  case OPTION_TEXT:
  case OPTION_WORD:
    *(const char **)at = value;
    break;
  case OPTION_LIST:
    list->at[list->n++] = value;
    break;
  case OPTION_NUMBER:
    return take_number(table, command, row, value, at);
  }
  return STATUS_OK;
}

size_t options_lists(const ProgramTable *table, int argc) {
  size_t n = 1;
  uint32_t part;
  for (const OptionRow *row = NULL; (row = next_row(table, row, &part));)
    n += row->kind == OPTION_LIST;
  return n * (size_t)argc;
}

static Status take_defaults(const ProgramTable *table, const CommandRow *command, int argc,
                            const char **lists, void *args) {
  uint32_t part, n = 0;
  for (const OptionRow *row = NULL; (row = next_row(table, row, &part));) {
    void *at = (char *)args + row->at;
    if (row->kind == OPTION_LIST)
      ((OptionList *)at)->at = lists + (size_t)n++ * (size_t)argc;
    else if (row->standard && (row->commands & command->bit))
      TRY(take_value(table, command, row, row->standard, args));
  }
  return STATUS_OK;
}

/* ---- the line ---- */

/* What getopt_long wants; `long_options` has room for NAMES_MAX + 1, `letters` for as many. */
static void getopt_tables(const ProgramTable *table, const CommandRow *command,
                          struct option *long_options, char *letters) {
  const OptionRow *row;
  size_t n = 0, n_letters = 0;
  letters[n_letters++] = ':';
  for (uint32_t i = 0; n < NAMES_MAX && (row = options_of(table, command, i)); i++) {
    int argument = row->kind == OPTION_FLAG ? no_argument
                   : row->bare              ? optional_argument
                                            : required_argument;
    if (row->name) long_options[n++] = (struct option){row->name, argument, NULL, 256 + (int)i};
    if (!row->letter) continue;
    letters[n_letters++] = row->letter;
    if (argument == required_argument) letters[n_letters++] = ':';
  }
  long_options[n] = (struct option){NULL, 0, NULL, 0};
  letters[n_letters] = '\0';
}

static void print_commands(const ProgramTable *table) {
  for (uint32_t i = 0; i < table->n_commands; i++)
    if (table->commands[i].name) puts(table->commands[i].name);
}

/* `explicit`: the command's name was given, so help is on it. */
static Status take_common(const ProgramTable *table, const CommandRow *command, bool explicit,
                          const OptionRow *row, const char *value) {
  const CommandRow *on = explicit ? command : NULL;
  const char *format = value ? value : row->bare;
  if (row->at == VERSION)
    table->version(stdout);
  else if (!has_word(help_words(), format))
    return unknown_word(table, command, row, value);
  else if (strcmp(format, "man") == 0)
    options_man(table, on, stdout);
  else if (strcmp(format, "bash") == 0)
    options_bash(table, stdout);
  else if (strcmp(format, "zsh") == 0)
    options_zsh(table, stdout);
  else if (strcmp(format, "commands") == 0)
    print_commands(table);
  else
    options_help(table, on, stdout);
  return STATUS_OK;
}

static Status wrong_option(const ProgramTable *table, const CommandRow *command, int found,
                           char **argv) {
  char letter[3] = {'-', (char)optopt, '\0'};
  if (found == ':')
    return refuse(table, command, NULL, "option '%s' needs a value",
                  optopt && optopt < 256 ? letter : argv[optind - 1]);
  if (optopt >= 256)
    return refuse(table, command, NULL, "'%s': this option takes no value", argv[optind - 1]);
  return unknown_option(table, command, optopt ? letter : argv[optind - 1]);
}

static Status check_operands(const ProgramTable *table, const CommandRow *command, bool alone,
                             const ParsedLine *line) {
  const char *name = command->name ? command->name : "";
  if (line->n_operands > command->most && command->most == 1)
    return refuse(table, command, NULL, "one %s at a time: what is '%s'?", command->noun,
                  line->operands[1]);
  if (line->n_operands > command->most)
    return refuse(table, command, NULL, "what is '%s'?", line->operands[command->most]);
  if (line->n_operands < command->least && !alone)
    return refuse(table, command, NULL, "no %s: %s%s%s %s", command->noun, table->name,
                  *name ? " " : "", name, command->operands);
  for (uint32_t i = 0; command->files && i < line->n_operands; i++)
    if (!*line->operands[i]) return empty_path(table, command, NULL);
  return STATUS_OK;
}

/* argv[0] is the command, or the program. */
static Status parse_command(const ProgramTable *table, const CommandRow *command, int argc,
                            char **argv, const char **lists, void *args, ParsedLine *out) {
  struct option long_options[NAMES_MAX + 1];
  char letters[2 * NAMES_MAX + 2];
  bool alone = false;
  getopt_tables(table, command, long_options, letters);
  TRY(take_defaults(table, command, argc, lists, args));
  const char *dash = option_single_dash(argc, argv, long_options);
  if (dash) return single_dash(table, command, dash);
  opterr = 0;
  optind = 0; /* anew */
  for (int found; (found = getopt_long(argc, argv, letters, long_options, NULL)) != -1;) {
    if (found == ':' || found == '?') return wrong_option(table, command, found, argv);
    const OptionRow *row = found < 256 ? find_row(table, command, NULL, found)
                                       : options_of(table, command, (uint32_t)(found - 256));
    if (row >= options_common && row < options_common + OPTIONS_COMMON)
      return take_common(table, command, command->name, row, optarg);
    TRY(take_value(table, command, row, optarg, args));
    alone |= row->alone;
  }
  out->operands = argv + optind;
  out->n_operands = (uint32_t)(argc - optind);
  TRY(check_operands(table, command, alone, out));
  out->command = command;
  return STATUS_OK;
}

/* `help`, `help COMMAND`. */
static Status print_help(const ProgramTable *table, int argc, char **argv) {
  const CommandRow *command = argc > 2 ? find_command(table, argv[2]) : NULL;
  if (argc > 3)
    return options_refuse(table, NULL, "help is on one command: what is '%s'?", argv[3]);
  if (argc > 2 && !command) return unknown_command(table, argv[2]);
  options_help(table, command, stdout);
  return STATUS_OK;
}

static bool is_common(const char *text) {
  return strcmp(text, "-h") == 0 || strncmp(text, "--h", 3) == 0 || strncmp(text, "--v", 3) == 0;
}

Status options_parse(const ProgramTable *table, int argc, char **argv, const char **lists,
                     void *args, ParsedLine *out) {
  *out = (ParsedLine){0};
  const CommandRow *command = argc > 1 ? find_command(table, argv[1]) : NULL,
                   *bare = nameless(table);
  if (argc > 1 && strcmp(argv[1], "help") == 0) return print_help(table, argc, argv);
  if (command) return parse_command(table, command, argc - 1, argv + 1, lists, args, out);
  if (bare) return parse_command(table, bare, argc, argv, lists, args, out);
  if (argc < 2) return options_refuse(table, NULL, "no command");
  if (!is_common(argv[1]) && argv[1][0] == '-')
    return options_refuse(table, NULL, "a command comes first, and '%s' is none", argv[1]);
  if (!is_common(argv[1])) return unknown_command(table, argv[1]);
  /* `graphrun --help train` asks for what `graphrun train --help` prints. */
  bool help = strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0;
  if (help && argc > 2 && find_command(table, argv[2])) return print_help(table, argc, argv);
  static const CommandRow any = {0};
  return parse_command(table, &any, argc, argv, lists, args, out);
}
