/* `--help=bash`, `--help=zsh`: the table as completions. */
#include "tools/options.h"

#include "graph/base/text.h"

#include <string.h>

/* Text inside single quotes of a shell; where `special` is given these get a backslash. */
static void print_quoted(const char *text, const char *special, FILE *out) {
  for (; *text; text++) {
    if (*text == '\'')
      fputs("'\\''", out);
    else
      fprintf(out, "%s%c", special && strchr(special, *text) ? "\\" : "", *text);
  }
}

/* `a|b` with blanks. */
static void print_words(const char *words, FILE *out) {
  for (; *words; words++) fputc(*words == '|' ? ' ' : *words, out);
}

static bool takes_value(const OptionRow *row) {
  return row->kind != OPTION_FLAG;
}

/* ---- bash ---- */

/* Where `=`, `:` and `@` break words, as they do by default, `--out=x` is three words. */
static const char bash_head[] =
    "  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "  local command='' option='' prefix='' options='' takes=' ' words='' files=f\n"
    "  [[ $COMP_CWORD -gt 1 ]] && command=${COMP_WORDS[1]}\n"
    "  COMPREPLY=()\n";
static const char bash_option[] = "  if [[ $cur == = ]]; then\n"
                                  "    option=$before cur=''\n"
                                  "  elif [[ $before == = && $COMP_CWORD -gt 2 ]]; then\n"
                                  "    option=${COMP_WORDS[COMP_CWORD - 2]}\n"
                                  "  elif [[ $cur == --*=* ]]; then\n"
                                  "    option=${cur%%=*} prefix=${cur%%=*}= cur=${cur#*=}\n"
                                  "  elif [[ $takes == *\" $before \"* ]]; then\n"
                                  "    option=$before\n"
                                  "  fi\n";
static const char bash_tail[] =
    "  if [[ ! $option && $cur == -* ]]; then words=$options files=''; fi\n"
    "  local word\n"
    "  [[ ! $words ]] || while IFS= read -r word; do COMPREPLY+=(\"$prefix$word\"); done \\\n"
    "    < <(compgen -W \"$words\" -- \"$cur\")\n"
    "  if [[ $files ]]; then\n"
    "    while IFS= read -r word; do COMPREPLY+=(\"$prefix$word\"); done \\\n"
    "      < <(compgen \"-$files\" -- \"$cur\")\n"
    "    compopt -o filenames 2>/dev/null\n"
    "  elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then\n"
    "    compopt -o nospace 2>/dev/null\n"
    "  fi\n"
    "  return 0\n";

static const char *bash_files(OptionFiles files) {
  return files == OPTION_FILE ? "f" : files == OPTION_FOLDER ? "d" : "";
}

static void bash_options(const ProgramTable *table, const CommandRow *command, FILE *out) {
  const OptionRow *row;
  fputs("    options='", out);
  for (uint32_t i = 0; (row = options_of(table, command, i)); i++) {
    if (row->letter) fprintf(out, "-%c ", row->letter);
    if (row->name) fprintf(out, "--%s%s ", row->name, takes_value(row) && !row->bare ? "=" : "");
  }
  fputs("'\n    takes=' ", out);
  for (uint32_t i = 0; (row = options_of(table, command, i)); i++) {
    if (!takes_value(row) || row->bare) continue;
    if (row->letter) fprintf(out, "-%c ", row->letter);
    if (row->name) fprintf(out, "--%s ", row->name);
  }
  fputs("'\n", out);
}

static void bash_values(const ProgramTable *table, const CommandRow *command, FILE *out) {
  const OptionRow *row;
  for (uint32_t i = 0; (row = options_of(table, command, i)); i++) {
    const char *words = option_words(row), *name = command->name ? command->name : "";
    if (!takes_value(row)) continue;
    fputs("  ", out);
    if (row->letter) fprintf(out, "'%s -%c'", name, row->letter);
    if (row->letter && row->name) fputs(" | ", out);
    if (row->name) fprintf(out, "'%s --%s'", name, row->name);
    fputs(") words='", out);
    if (words) print_words(words, out);
    fprintf(out, "' files='%s' ;;\n", bash_files(row->files));
  }
}

static void bash_commands(const ProgramTable *table, FILE *out) {
  fputs("  case $command in\n", out);
  const CommandRow *bare = NULL;
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (!c->name) bare = c;
    if (!c->name) continue;
    fprintf(out, "  %s)\n", c->name);
    bash_options(table, c, out);
    fprintf(out, "    files='%s'\n    ;;\n", bash_files(c->files));
  }
  fputs("  *)\n    command=''\n", out);
  static const CommandRow none = {0};
  bash_options(table, bare ? bare : &none, out);
  fprintf(out, "    files='%s'\n", bare ? bash_files(bare->files) : "");
  fputs("    [[ $COMP_CWORD == 1 ]] && words='", out);
  for (uint32_t i = 0; i < table->n_commands; i++)
    if (table->commands[i].name) fprintf(out, "%s ", table->commands[i].name);
  fputs("help'\n    ;;\n  esac\n", out);
  /* `help COMMAND` */
  fputs("  if [[ ${COMP_WORDS[1]} == help && $COMP_CWORD == 2 ]]; then words='", out);
  for (uint32_t i = 0; i < table->n_commands; i++)
    if (table->commands[i].name) fprintf(out, "%s ", table->commands[i].name);
  fputs("' files=''; fi\n", out);
}

void options_bash(const ProgramTable *table, FILE *out) {
  static const CommandRow none = {0};
  fprintf(out, "# Completion of %s for bash, written by %s --help=bash.\n_%s() {\n%s", table->name,
          table->name, table->name, bash_head);
  bash_commands(table, out);
  fprintf(out, "%s  case \"$command $option\" in\n", bash_option);
  bool bare = false;
  for (uint32_t i = 0; i < table->n_commands; i++) {
    bash_values(table, &table->commands[i], out);
    bare |= !table->commands[i].name;
  }
  if (!bare) bash_values(table, &none, out);
  fprintf(out, "  *\\ -*) words='' files='' ;;\n  esac\n%s}\ncomplete -F _%s %s\n", bash_tail,
          table->name, table->name);
}

/* ---- zsh ---- */

static void zsh_value(const OptionRow *row, FILE *out) {
  const char *words = option_words(row);
  fputs(row->bare ? "::" : ":", out);
  print_quoted(row->value, ":\\", out);
  fputc(':', out);
  if (words && row->files == OPTION_NO_FILE) {
    fputc('(', out);
    print_words(words, out);
    fputc(')', out);
  } else if (words) {
    fputs("{ compadd -- ", out);
    print_words(words, out);
    fputs("; _files }", out);
  } else if (row->files != OPTION_NO_FILE) {
    fputs(row->files == OPTION_FOLDER ? "_files -/" : "_files", out);
  } else {
    fputc(' ', out);
  }
}

static void zsh_spec(const OptionRow *row, bool letter, FILE *out) {
  const char *many = row->kind == OPTION_LIST ? "*" : "";
  fputs("      '", out);
  if (!*many && row->letter && row->name) fprintf(out, "(-%c --%s)", row->letter, row->name);
  if (letter)
    fprintf(out, "%s-%c%s", many, row->letter, takes_value(row) && !row->bare ? "+" : "");
  else
    fprintf(out, "%s--%s%s", many, row->name, !takes_value(row) ? "" : row->bare ? "=-" : "=");
  fputc('[', out);
  print_quoted(row->help, "[]:\\", out);
  fputc(']', out);
  if (takes_value(row) && !(letter && row->bare)) zsh_value(row, out);
  fputs("' \\\n", out);
}

static void zsh_arguments(const ProgramTable *table, const CommandRow *command, FILE *out) {
  const OptionRow *row;
  fputs("    _arguments -s -S \\\n", out);
  for (uint32_t i = 0; (row = options_of(table, command, i)); i++) {
    if (row->letter) zsh_spec(row, true, out);
    if (row->name) zsh_spec(row, false, out);
  }
  fprintf(out, "      '*:%s:%s'\n", command->operands ? command->noun : "",
          command->files == OPTION_FOLDER ? "_files -/"
          : command->files == OPTION_FILE ? "_files"
                                          : " ");
}

void options_zsh(const ProgramTable *table, FILE *out) {
  static const CommandRow none = {.noun = ""};
  const CommandRow *bare = &none;
  fprintf(out,
          "#compdef %s\n# Completion of %s for zsh, written by %s --help=zsh.\n_%s() {\n"
          "  local -a commands=(\n",
          table->name, table->name, table->name, table->name);
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (!c->name) bare = c;
    if (!c->name) continue;
    fprintf(out, "    '%s:", c->name);
    print_quoted(c->summary, ":\\", out);
    fputs("'\n", out);
  }
  fputs("    'help:help on a command'\n  )\n"
        "  (( CURRENT == 2 )) && _describe command commands\n"
        "  case ${words[2]} in\n",
        out);
  for (uint32_t i = 0; i < table->n_commands; i++) {
    const CommandRow *c = &table->commands[i];
    if (!c->name) continue;
    fprintf(out, "  %s)\n    shift words; (( CURRENT-- ))\n", c->name);
    zsh_arguments(table, c, out);
    fputs("    ;;\n", out);
  }
  fputs("  help)\n    (( CURRENT == 3 )) && _describe command commands\n    ;;\n  *)\n", out);
  zsh_arguments(table, bare, out);
  fprintf(out,
          "    ;;\n  esac\n}\n"
          "if [[ $funcstack[1] == _%s ]]; then _%s \"$@\"; else compdef _%s %s; fi\n",
          table->name, table->name, table->name, table->name);
}
