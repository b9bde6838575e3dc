/* Which pictures are drawn, and their files. */
#include "runtime/pictures/pictures.h"

#include "graph/base/text.h"
#include "runtime/pictures/pictures_parts.h"
#include "runtime/report/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const words[] = {"ranks", "tsne", "attention", "roc", "sweep"};
enum { N_WORDS = sizeof words / sizeof *words };

/* ---- words ---- */

static size_t word_length(const char *at) {
  return strcspn(at, ",");
}

static bool is_word(const char *at, const char *word) {
  size_t n = strlen(word);
  return strncmp(at, word, n) == 0 && (at[n] == 0 || at[n] == ',' || at[n] == ':');
}

static bool is_of_results(const char *at) {
  return is_word(at, "roc") || is_word(at, "sweep");
}

bool pictures_of_results(const char *what) {
  for (const char *at = what; *at; at += *at == ',') {
    if (is_of_results(at)) return true;
    at += word_length(at);
  }
  return false;
}

static Status unknown(const char *word, Diag *diag) {
  const char *near = diag_nearest(word, words, N_WORDS);
  char hint[120];
  text_format(hint, sizeof hint,
              near ? "did you mean '%s'?" : "ranks, tsne, attention, roc, sweep:PARAM, with commas",
              near);
  return diag_error(diag, STATUS_USAGE, "--visualize", hint, "there is no picture '%s'", word);
}

/* Before anything is drawn. */
static Status check_word(const char *word, Diag *diag) {
  size_t n = strcspn(word, ":");
  for (int i = 0; i < N_WORDS; i++) {
    if (strlen(words[i]) != n || strncmp(words[i], word, n) != 0) continue;
    bool sweep = strcmp(words[i], "sweep") == 0;
    if (sweep && (!word[n] || !word[n + 1]))
      return diag_error(diag, STATUS_USAGE, "--visualize", "such as --visualize=sweep:V",
                        "sweep needs the parameter that differs: sweep:PARAM");
    if (sweep || !word[n]) return STATUS_OK;
  }
  return unknown(word, diag);
}

static Status draw(const PicturesOptions *o, const char *word, Diag *diag) {
  if (strcmp(word, "ranks") == 0) return pictures_ranks(o, diag);
  if (strcmp(word, "tsne") == 0) return pictures_tsne(o, diag);
  if (strcmp(word, "attention") == 0) return pictures_attention(o, diag);
  if (strcmp(word, "roc") == 0) return pictures_roc(o, diag);
  return pictures_sweep(o, word + strlen("sweep:"), diag);
}

/* The words one by one. */
static Status each_word(const PicturesOptions *o, bool drawn, Diag *diag) {
  const char *at = o->what;
  do {
    char word[200];
    size_t n = word_length(at);
    text_format(word, sizeof word, "%.*s", (int)(n < 190 ? n : 190), at);
    TRY(drawn ? draw(o, word, diag) : check_word(word, diag));
    at += n;
  } while (*at++ == ',');
  return STATUS_OK;
}

static bool names(const char *what, const char *word) {
  for (const char *at = what; *at; at += *at == ',') {
    if (is_word(at, word)) return true;
    at += word_length(at);
  }
  return false;
}

/* Only rank lists are drawn of an evaluation, whose options would else be without effect. */
static Status check_evaluates(const PicturesOptions *o, Diag *diag) {
  const EvalOptions *e = &o->eval;
  const char *option = e->out             ? "--out"
                       : e->compare       ? "--compare"
                       : e->roc           ? "--roc"
                       : e->rerank.k1     ? "--rerank"
                       : e->ranks_shown.n ? "--cmc"
                                          : NULL;
  if (!option || names(o->what, "ranks")) return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, option,
                    "leave it out, or evaluate by a command without --visualize; pictures go into "
                    "--pictures=DIR",
                    "is of an evaluation, and of the pictures only ranks evaluates");
}

/* Pictures of networks and of results have other operands. */
static Status check(const PicturesOptions *o, Diag *diag) {
  bool results = pictures_of_results(o->what), networks = false;
  TRY(each_word(o, false, diag));
  for (const char *at = o->what; *at; at += *at == ',') {
    networks |= !is_of_results(at);
    at += word_length(at);
  }
  if (results && networks)
    return diag_error(diag, STATUS_USAGE, "--visualize", "draw them by two commands",
                      "roc and sweep are drawn from files of results, the others from a network");
  if (results && !o->n_results)
    return diag_error(diag, STATUS_USAGE, "--visualize",
                      "graphrun eval --visualize=... F.json..., files of graphrun eval --out",
                      "roc and sweep are drawn from files of results, and none is named");
  if (results &&
      (o->beside || o->beside_weights || o->eval.data || o->eval.weights || o->eval.features))
    return diag_error(diag, STATUS_USAGE, "--visualize", "leave them out",
                      "roc and sweep need neither --data nor --weights, --features nor --beside");
  TRY(check_evaluates(o, diag));
  if (o->beside && !names(o->what, "tsne") && !names(o->what, "attention"))
    return diag_error(diag, STATUS_USAGE, "--beside", "leave it out",
                      "a second network is shown by tsne and attention alone");
  return STATUS_OK;
}

static Status make_folder(const char *path, Diag *diag) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return STATUS_OK;
  int error = errno;
  if (error == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, path, "--pictures=DIR names the folder of the pictures",
                    "cannot make the folder: %s", strerror(error == EEXIST ? ENOTDIR : error));
}

Status pictures_run(const PicturesOptions *o, Diag *diag) {
  TRY(check(o, diag));
  TRY(make_folder(o->out, diag));
  return each_word(o, true, diag);
}

/* ---- files ---- */

Status picture_open(const PicturesOptions *o, const char *name, PictureFile *file, Diag *diag) {
  *file = (PictureFile){0};
  int n = snprintf(file->path, sizeof file->path, "%s/%s", o->out, name);
  if (n < 0 || n >= (int)sizeof file->path)
    return diag_error(diag, STATUS_SYSTEM, o->out, NULL, "the path is too long");
  file->out = open_memstream(&file->text, &file->size);
  return file->out ? STATUS_OK : diag_no_memory(diag, 1 << 16);
}

Status picture_close(PictureFile *file, Diag *diag) {
  TRY(page_replace(file->path, file->out, &file->text, &file->size, diag));
  printf("written   %s\n", file->path);
  return STATUS_OK;
}

void picture_name(char name[256], const char *head, const char *domain, const char *tail) {
  char part[160];
  size_t n = text_format(part, sizeof part, "%s", domain);
  for (size_t i = 0; i < n; i++)
    if (part[i] == '/' || (unsigned char)part[i] <= ' ') part[i] = '-';
  text_format(name, 256, "%s-%s%s", head, part, tail);
}

void picture_field(FILE *out, const char *text) {
  bool quoted = text[strcspn(text, ",\"\r\n")] != 0 || *text == ' ';
  if (quoted) fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  if (quoted) fputc('"', out);
}
