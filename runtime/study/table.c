/* Markdown for reading, CSV for programs, LaTeX in the form of the paper's tables. */
#include "runtime/study/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Results of a row: test by test, then the averages of several tests. */
static uint32_t columns_of(const Results *r) {
  uint32_t n = r->file->n_tests;
  for (uint32_t i = 0; i < r->file->n_averages; i++) n += r->n_averaged[i] > 1;
  return n;
}

/* Which average a column behind those of the tests is. */
static uint32_t average_of(const Results *r, uint32_t column) {
  uint32_t i = 0, left = column - r->file->n_tests;
  for (;; i++) {
    if (r->n_averaged[i] > 1 && left == 0) return i;
    left -= r->n_averaged[i] > 1;
  }
}

static const Result *column_at(const Results *r, uint32_t row, uint32_t column) {
  if (column < r->file->n_tests) return results_at(r, row, column);
  return &r->average[(size_t)row * r->file->n_averages + average_of(r, column)];
}

static const char *column_label(const Results *r, uint32_t column) {
  if (column < r->file->n_tests) return r->file->tests[column].label;
  return r->file->averages[average_of(r, column)];
}

static const char *column_name(const Results *r, uint32_t column) {
  if (column < r->file->n_tests) return r->file->tests[column].name;
  return r->file->averages[average_of(r, column)];
}

static bool has_paper(const Results *r) {
  for (uint32_t i = 0; i < r->file->n_rows; i++)
    if (r->file->rows[i].n_paper) return true;
  return false;
}

static bool has_splits(const Results *r) {
  for (uint32_t i = 0; i < r->file->n_rows; i++)
    for (uint32_t t = 0; t < r->file->n_tests; t++)
      if (results_at(r, i, t)->splits > 1) return true;
  return false;
}

static bool has_differences(const Results *r) {
  for (uint32_t i = 0; i < r->file->n_rows; i++)
    for (uint32_t t = 0; t < r->file->n_tests; t++)
      if (results_at(r, i, t)->n_against) return true;
  return false;
}

/* ---- Markdown ---- */

/* Labels are of strangers: what makes a table of it is escaped. */
static void put_markdown(FILE *out, const char *text) {
  for (; *text; text++) {
    if (strchr("|\\`*_<>[]&~$", *text)) fputc('\\', out);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
  }
}

/* A mean of fewer seeds than the study has says of how many. */
static void put_figure(FILE *out, const Results *r, const Figure *f, bool latex) {
  if (f->n == 0)
    fputs("-", out);
  else if (f->n == 1)
    fprintf(out, "%.1f", f->mean);
  else
    fprintf(out, latex ? "%.1f \\pm %.1f" : "%.1f ± %.1f", f->mean, f->spread);
  if (f->n > 0 && f->n < r->seeds) fprintf(out, latex ? "^{(%u)}" : " (%u)", f->n);
}

static bool has_fewer(const Results *r) {
  for (uint32_t i = 0; i < r->file->n_rows; i++)
    for (uint32_t c = 0; c < columns_of(r); c++) {
      uint32_t n = column_at(r, i, c)->map.n;
      if (n > 0 && n < r->seeds) return true;
    }
  return false;
}

static void put_head(FILE *out, const Results *r, bool ranks) {
  fputs("| |", out);
  for (uint32_t c = 0; c < columns_of(r); c++) {
    fputc(' ', out);
    put_markdown(out, column_label(r, c));
    fputs(ranks ? " mAP | Rank-1 |" : " |", out);
  }
  fputs("\n|---|", out);
  for (uint32_t c = 0; c < columns_of(r); c++) fputs(ranks ? "---|---|" : "---|", out);
  fputc('\n', out);
}

static void put_label(FILE *out, const Results *r, uint32_t row) {
  fputs("| ", out);
  put_markdown(out, r->file->rows[row].label);
  fputs(" |", out);
}

static void put_paper(FILE *out, const Results *r) {
  fputs("\nThe paper's mAP/Rank-1, and what lies between ours and it:\n\n", out);
  put_head(out, r, false);
  for (uint32_t row = 0; row < r->file->n_rows; row++) {
    if (!r->file->rows[row].n_paper) continue;
    put_label(out, r, row);
    for (uint32_t c = 0; c < columns_of(r); c++) {
      const Result *x = column_at(r, row, c);
      if (!x->paper)
        fputs(" - |", out);
      else if (!x->map.n)
        fprintf(out, " %.1f/%.1f |", x->paper->map, x->paper->rank1);
      else
        fprintf(out, " %.1f/%.1f (%+.1f/%+.1f) |", x->paper->map, x->paper->rank1,
                x->map.mean - x->paper->map, x->rank1.mean - x->paper->rank1);
    }
    fputc('\n', out);
  }
}

static void put_differences(FILE *out, const Results *r) {
  const StudyFile *f = r->file;
  fputs("\nPoints of mAP above `", out);
  fputs(f->rows[f->base].name, out);
  fputs("`, with the 95 % interval over identities (paired, the mean of the seeds):\n\n", out);
  fputs("| |", out);
  for (uint32_t t = 0; t < f->n_tests; t++) {
    fputc(' ', out);
    put_markdown(out, f->tests[t].label);
    fputs(" |", out);
  }
  fputs("\n|---|", out);
  for (uint32_t t = 0; t < f->n_tests; t++) fputs("---|", out);
  fputc('\n', out);
  for (uint32_t row = 0; row < f->n_rows; row++) {
    if (row == f->base || !f->rows[row].model) continue;
    put_label(out, r, row);
    for (uint32_t t = 0; t < f->n_tests; t++) {
      const Result *x = results_at(r, row, t);
      if (x->n_against)
        fprintf(out, " %+.1f (%+.1f .. %+.1f) |", 100 * x->against.mean, 100 * x->against.low,
                100 * x->against.high);
      else
        fputs(" - |", out);
    }
    fputc('\n', out);
  }
}

static void put_splits(FILE *out, const Results *r) {
  fputs("\nStandard deviation over the random splits, mAP/Rank-1, the mean of the seeds:\n\n| |",
        out);
  for (uint32_t t = 0; t < r->file->n_tests; t++) {
    fputc(' ', out);
    put_markdown(out, r->file->tests[t].label);
    fputs(" |", out);
  }
  fputs("\n|---|", out);
  for (uint32_t t = 0; t < r->file->n_tests; t++) fputs("---|", out);
  fputc('\n', out);
  for (uint32_t row = 0; row < r->file->n_rows; row++) {
    if (!r->file->rows[row].model) continue;
    put_label(out, r, row);
    for (uint32_t t = 0; t < r->file->n_tests; t++) {
      const Result *x = results_at(r, row, t);
      if (x->splits > 1)
        fprintf(out, " %.1f/%.1f (%u) |", x->map_splits, x->rank1_splits, x->splits);
      else
        fputs(" - |", out);
    }
    fputc('\n', out);
  }
}

void table_markdown(FILE *out, const Results *r) {
  fputs("# ", out);
  put_markdown(out, r->file->title);
  fprintf(
      out,
      "\n\nIn percent; mean and standard deviation over %u seed%s. %u of %u cells are done.\n\n",
      r->seeds, r->seeds == 1 ? "" : "s", r->n_done, r->n_cells);
  put_head(out, r, true);
  for (uint32_t row = 0; row < r->file->n_rows; row++) {
    if (!r->file->rows[row].model) continue;
    put_label(out, r, row);
    for (uint32_t c = 0; c < columns_of(r); c++) {
      const Result *x = column_at(r, row, c);
      fputc(' ', out);
      put_figure(out, r, &x->map, false);
      fputs(" | ", out);
      put_figure(out, r, &x->rank1, false);
      fputs(" |", out);
    }
    fputc('\n', out);
  }
  if (has_fewer(r)) fputs("\n(N): the mean of N seeds, those that are done.\n", out);
  if (has_paper(r)) put_paper(out, r);
  if (has_differences(r)) put_differences(out, r);
  if (has_splits(r)) put_splits(out, r);
}

/* ---- CSV ---- */

static void put_quoted(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void put_value(FILE *out, bool there, double value) {
  if (there)
    fprintf(out, ",%.6f", value);
  else
    fputc(',', out);
}

void table_csv(FILE *out, const Results *r) {
  fputs("row,label,test,seeds,map,map_spread,rank1,rank1_spread,splits,map_splits,rank1_splits,"
        "paper_map,paper_rank1,map_minus_paper,rank1_minus_paper,map_minus_base,low,high,"
        "share_above\n",
        out);
  for (uint32_t row = 0; row < r->file->n_rows; row++)
    for (uint32_t c = 0; c < columns_of(r); c++) {
      const Result *x = column_at(r, row, c);
      bool there = x->map.n > 0, several = x->map.n > 1, split = x->splits > 1;
      bool paper = x->paper != NULL, against = x->n_against > 0;
      fprintf(out, "%s,", r->file->rows[row].name);
      put_quoted(out, r->file->rows[row].label);
      fprintf(out, ",%s,%u", column_name(r, c), x->map.n);
      put_value(out, there, x->map.mean);
      put_value(out, several, x->map.spread);
      put_value(out, there, x->rank1.mean);
      put_value(out, several, x->rank1.spread);
      fprintf(out, ",%u", x->splits);
      put_value(out, split, x->map_splits);
      put_value(out, split, x->rank1_splits);
      put_value(out, paper, paper ? x->paper->map : 0);
      put_value(out, paper, paper ? x->paper->rank1 : 0);
      put_value(out, paper && there, paper ? x->map.mean - x->paper->map : 0);
      put_value(out, paper && there, paper ? x->rank1.mean - x->paper->rank1 : 0);
      put_value(out, against, 100 * x->against.mean);
      put_value(out, against, 100 * x->against.low);
      put_value(out, against, 100 * x->against.high);
      put_value(out, against, x->against.share);
      fputc('\n', out);
    }
}

/* ---- LaTeX ---- */

/* A bracket or a star at the beginning would be an argument of the \\ before. */
static void put_latex(FILE *out, const char *text) {
  if (*text == '[' || *text == '*') fputs("{}", out);
  for (; *text; text++) {
    if (strchr("&%$#_{}", *text))
      fprintf(out, "\\%c", *text);
    else if (*text == '\\')
      fputs("\\textbackslash{}", out);
    else if (*text == '~' || *text == '^')
      fprintf(out, "\\%c{}", *text);
    else if (strchr("<>|", *text))
      fputs(*text == '<' ? "\\textless{}" : *text == '>' ? "\\textgreater{}" : "\\textbar{}", out);
    else
      fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
  }
}

static void put_latex_head(FILE *out, const Results *r) {
  fputs("\\begin{tabular}{l", out);
  for (uint32_t c = 0; c < columns_of(r); c++) fputs("cc", out);
  fputs("}\n\\hline\n", out);
  for (uint32_t c = 0; c < columns_of(r); c++) {
    fputs(" & \\multicolumn{2}{c}{", out);
    put_latex(out, column_label(r, c));
    fputc('}', out);
  }
  fputs(" \\\\\nMethod", out);
  for (uint32_t c = 0; c < columns_of(r); c++) fputs(" & mAP & Rank-1", out);
  fputs(" \\\\\n\\hline\n", out);
}

/* Ours, what was published, and ours minus that. */
typedef enum LatexRow { LATEX_OURS, LATEX_PAPER, LATEX_MINUS } LatexRow;

static void put_latex_ours(FILE *out, const Results *r, const Result *x) {
  fputs(x->map.n ? " & $" : " & $-", out);
  if (x->map.n) put_figure(out, r, &x->map, true);
  fputs(x->map.n ? "$ & $" : "$ & $-", out);
  if (x->map.n) put_figure(out, r, &x->rank1, true);
  fputc('$', out);
}

static void put_latex_row(FILE *out, const Results *r, uint32_t row, LatexRow kind) {
  static const char *const tails[] = {"", " (paper)", ", minus the paper's"};
  put_latex(out, r->file->rows[row].label);
  fputs(tails[kind], out);
  for (uint32_t c = 0; c < columns_of(r); c++) {
    const Result *x = column_at(r, row, c);
    if (kind == LATEX_OURS)
      put_latex_ours(out, r, x);
    else if (!x->paper || (kind == LATEX_MINUS && !x->map.n))
      fputs(" & -- & --", out);
    else if (kind == LATEX_PAPER)
      fprintf(out, " & %.1f & %.1f", x->paper->map, x->paper->rank1);
    else
      fprintf(out, " & $%+.1f$ & $%+.1f$", x->map.mean - x->paper->map,
              x->rank1.mean - x->paper->rank1);
  }
  fputs(" \\\\\n", out);
}

static void put_latex_difference(FILE *out, const Result *x) {
  if (x->n_against)
    fprintf(out, " & $%+.1f$ ($%+.1f$ .. $%+.1f$)", 100 * x->against.mean, 100 * x->against.low,
            100 * x->against.high);
  else
    fputs(" & --", out);
}

static void put_latex_split(FILE *out, const Result *x) {
  if (x->splits > 1)
    fprintf(out, " & %.1f/%.1f (%u)", x->map_splits, x->rank1_splits, x->splits);
  else
    fputs(" & --", out);
}

/* A column for each test, a line for each row that is trained, but one (n_rows: for all). */
static void put_latex_tests(FILE *out, const Results *r, uint32_t but,
                            void (*put)(FILE *out, const Result *x)) {
  const StudyFile *f = r->file;
  fputs("\\begin{tabular}{l", out);
  for (uint32_t t = 0; t < f->n_tests; t++) fputc('c', out);
  fputs("}\n\\hline\nMethod", out);
  for (uint32_t t = 0; t < f->n_tests; t++) {
    fputs(" & ", out);
    put_latex(out, f->tests[t].label);
  }
  fputs(" \\\\\n\\hline\n", out);
  for (uint32_t row = 0; row < f->n_rows; row++) {
    if (row == but || !f->rows[row].model) continue;
    put_latex(out, f->rows[row].label);
    for (uint32_t t = 0; t < f->n_tests; t++) put(out, results_at(r, row, t));
    fputs(" \\\\\n", out);
  }
  fputs("\\hline\n\\end{tabular}\n", out);
}

void table_latex(FILE *out, const Results *r) {
  const StudyFile *f = r->file;
  fputs("% ", out);
  for (const char *at = f->title; *at; at++) fputc((unsigned char)*at < ' ' ? ' ' : *at, out);
  fprintf(out, "\n%% mean and standard deviation over %u seeds, %u of %u cells done\n", r->seeds,
          r->n_done, r->n_cells);
  put_latex_head(out, r);
  for (uint32_t row = 0; row < f->n_rows; row++) {
    bool ours = f->rows[row].model, paper = f->rows[row].n_paper;
    if (ours) put_latex_row(out, r, row, LATEX_OURS);
    if (paper) put_latex_row(out, r, row, LATEX_PAPER);
    if (ours && paper) put_latex_row(out, r, row, LATEX_MINUS);
  }
  fputs("\\hline\n\\end{tabular}\n", out);
  if (has_differences(r)) {
    fprintf(out,
            "\n%% points of mAP above the row %s, with the 95 %% interval over identities (paired, "
            "the mean of the seeds)\n",
            f->rows[f->base].name);
    put_latex_tests(out, r, f->base, put_latex_difference);
  }
  if (has_splits(r)) {
    fputs("\n% standard deviation over the random splits, mAP/Rank-1, the mean of the seeds\n",
          out);
    put_latex_tests(out, r, f->n_rows, put_latex_split);
  }
}
