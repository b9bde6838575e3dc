/* Commands and their options: one table for each program, from which come its parsing, `--help`,
 * manual pages and completions (tools/options_*.c), so that none can say what another does not. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "graph/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum OptionKind {
  OPTION_FLAG,   /* bool */
  OPTION_TEXT,   /* const char * */
  OPTION_WORD,   /* const char *: one of the words, and no other */
  OPTION_LIST,   /* OptionList: may be given several times */
  OPTION_NUMBER, /* int64_t from low to high */
} OptionKind;

/* What a shell completes: words where there are any, else files of a kind. */
typedef enum OptionFiles { OPTION_NO_FILE, OPTION_FILE, OPTION_FOLDER } OptionFiles;

/* The values of an option that may be repeated. */
typedef struct OptionList {
  const char **at; /* room for all arguments; of options_parse */
  uint32_t n;
} OptionList;

/* An option of some commands.  Where a name means something else in another command it has a
 * further row there. */
typedef struct OptionRow {
  const char *name; /* behind two dashes; NULL: it has none */
  char letter;      /* behind one dash; 0: it has none */
  OptionKind kind;
  uint32_t commands;          /* bits of CommandRow */
  size_t at;                  /* of its value in the program's arguments */
  int64_t low, high;          /* of a number; high OPTION_MANY: without a bound that matters */
  const char *value;          /* what help calls its value; of OPTION_WORD the words, `a|b` */
  const char *(*words)(void); /* the words, `a|b`, where they are known at run time; else NULL */
  const char *bare;           /* the value when it is given without one; NULL: it needs one */
  const char *standard;       /* its value when it is not given; NULL: none */
  const char *otherwise;      /* the same in words, when it is no value */
  const char *unit;           /* of a number; NULL: none */
  OptionFiles files;          /* what its value is; an empty one is refused */
  bool alone;                 /* with it the command needs no operand */
  bool once;                  /* says what is shown: a second one would take its place silently */
  const char *help;           /* a sentence without capital and full stop */
} OptionRow;
#define OPTION_MANY ((int64_t)1 << 40)

typedef struct CommandRow {
  const char *name; /* NULL: what the program does when no command is named */
  uint32_t bit;
  const char *noun;     /* what an operand is: "plan" */
  const char *operands; /* as help shows them: "PLAN" */
  uint32_t least, most; /* how many operands */
  OptionFiles files;    /* what they are; an empty one is refused */
  const char *must;     /* what else the usage line shows: "--out=DIR [--data=DATA]" */
  const char *summary;  /* one line: a sentence without capital and full stop */
  const char *text;     /* paragraphs, with an empty line between; indented lines stay; or NULL */
  const char *examples; /* lines of sh; or NULL */
} CommandRow;

typedef struct ProgramTable {
  const char *name, *summary, *text;
  const CommandRow *commands;
  uint32_t n_commands;
  /* Arrays, each ended by a row without a command, and NULL after the last. Those that every
   * program has are not listed: --help, --version. */
  const OptionRow *const *options;
  const char *also; /* manual pages to see, `a(1), b(1)` */
  void (*version)(FILE *out);
} ProgramTable;

/* What a command line is. */
typedef struct ParsedLine {
  const CommandRow *command; /* NULL: nothing is left to do, what was asked for was printed */
  char **operands;
  uint32_t n_operands;
} ParsedLine;

/* Reads a command line into `args`, which the rows describe, defaults first.  Prints what --help,
 * --version and `help` ask for.  `lists` has room for `argc` texts for each OPTION_LIST row, in the
 * table's order.  STATUS_USAGE with one message on stderr. */
Status options_parse(const ProgramTable *table, int argc, char **argv, const char **lists,
                     void *args, ParsedLine *out);
/* How many texts `lists` has for options_parse. */
size_t options_lists(const ProgramTable *table, int argc);

/* An error of usage on stderr; `hint` NULL: where help is.  Returns STATUS_USAGE. */
Status options_refuse(const ProgramTable *table, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- for what is made of the table ---- */

/* The rows that every command has. */
#define OPTIONS_COMMON 2
extern const OptionRow options_common[OPTIONS_COMMON];

/* Row `i` of a command, in the table's order, common ones last; NULL: there are no more. */
const OptionRow *options_of(const ProgramTable *table, const CommandRow *command, uint32_t i);
/* The words of its value, `a|b`; NULL: it has none. */
const char *option_words(const OptionRow *row);
/* `1..64; default: 4`, or "". */
void option_bounds(const OptionRow *row, char *text, size_t size);

#define OPTION_HELP_MAX 2000
/* Its sentence, words and bounds. */
void option_help(const OptionRow *row, char help[OPTION_HELP_MAX]);

/* Help on a command; NULL: on the program. */
void options_help(const ProgramTable *table, const CommandRow *command, FILE *out);

/* A manual page, section 1, of a command; NULL: of the program. */
void options_man(const ProgramTable *table, const CommandRow *command, FILE *out);
/* Completion of the whole program. */
void options_bash(const ProgramTable *table, FILE *out);
void options_zsh(const ProgramTable *table, FILE *out);

#endif
