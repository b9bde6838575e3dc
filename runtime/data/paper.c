/* The paper's sets, protocols and the option that names them. */
#include "runtime/data/paper.h"

#include "graph/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const PaperSet sets[PAPER_SETS] = {
    [PAPER_MARKET] = {"market", "M", "Market-1501", {"market"}, NULL},
    [PAPER_MSMT17] = {"msmt17", "MS", "MSMT17", {"msmt17"}, NULL},
    [PAPER_CUHK03] = {"cuhk03", "C3", "CUHK03", {"cuhk03np", "cuhk03mat"}, NULL},
    [PAPER_CUHKSYSU] = {"cuhksysu", "CS", "CUHK-SYSU", {"cuhksysu"}, NULL},
    [PAPER_CUHK02] = {"cuhk02", "C2", "CUHK02", {"cuhk02"}, NULL},
    [PAPER_PRID] = {"prid", "PRID2011", "PRID", {"prid"}, "prid"},
    [PAPER_GRID] = {"grid", "QMUL-GRID", "GRID", {"grid"}, "grid"},
    [PAPER_VIPER] = {"viper", NULL, "VIPeR", {"viper"}, "viper"},
    [PAPER_ILIDS] = {"ilids", NULL, "i-LIDS", {"ilids"}, "ilids"},
};

#define M PAPER_BIT(PAPER_MARKET)
#define MS PAPER_BIT(PAPER_MSMT17)
#define C3 PAPER_BIT(PAPER_CUHK03)
#define CS PAPER_BIT(PAPER_CUHKSYSU)
#define C2 PAPER_BIT(PAPER_CUHK02)
#define SMALL                                                                                      \
  (PAPER_BIT(PAPER_PRID) | PAPER_BIT(PAPER_GRID) | PAPER_BIT(PAPER_VIPER) | PAPER_BIT(PAPER_ILIDS))

/* The paper's third heading of protocols 2 and 3 names Market-1501 on both sides: a typo. */
static const PaperArm arms[PAPER_ARMS] = {
    {1, M | C2 | C3 | CS, SMALL, true}, {2, M | MS | CS, C3, false}, {2, M | CS | C3, MS, false},
    {2, MS | CS | C3, M, false},        {3, M | MS | CS, C3, true},  {3, M | CS | C3, MS, true},
    {3, MS | CS | C3, M, true},
};

const PaperSet *paper_set(PaperSetId id) {
  return &sets[id];
}

const PaperArm *paper_arm(uint32_t i) {
  return &arms[i];
}

static bool is_word(const char *word, const char *of) {
  return of && strcasecmp(word, of) == 0;
}

PaperSetId paper_set_find(const char *word) {
  for (int i = 0; i < PAPER_SETS; i++)
    if (is_word(word, sets[i].name) || is_word(word, sets[i].letters) ||
        is_word(word, sets[i].title) || is_word(word, sets[i].layouts[0]) ||
        is_word(word, sets[i].layouts[1]))
      return (PaperSetId)i;
  return PAPER_NONE;
}

PaperSetId paper_set_of_layout(const char *word) {
  for (int i = 0; i < PAPER_SETS; i++)
    if (is_word(word, sets[i].layouts[0]) || is_word(word, sets[i].layouts[1]))
      return (PaperSetId)i;
  return PAPER_NONE;
}

void paper_arm_word(const PaperArm *arm, char *out, size_t size) {
  size_t n = text_append(out, size, 0, "%d", arm->protocol);
  for (int i = 0; arm->protocol > 1 && i < PAPER_SETS; i++)
    if (arm->targets & PAPER_BIT(i)) n = text_append(out, size, n, ":%s", sets[i].name);
}

/* ---- the option ---- */

static const char form[] =
    "1, 2 or 3, then perhaps what is tested and the seed of the splits: 2:cuhk03, 1:prid, 1:7";

bool paper_is(const char *text) {
  return text && *text >= '0' && *text <= '9';
}

static Status option_error(Diag *diag, const char *hint, const char *format, const char *word) {
  return diag_error(diag, STATUS_USAGE, "--protocol", hint, format, word);
}

/* What the protocol tests, for a hint: `cuhk03, msmt17 or market`. */
static void list_targets(uint32_t targets, char *out, size_t size) {
  size_t n = text_append(out, size, 0, "it tests");
  for (int i = 0; i < PAPER_SETS; i++)
    if (targets & PAPER_BIT(i)) n = text_append(out, size, n, " %s", sets[i].name);
}

/* One word behind a colon: a target or a seed, each once. */
static Status take_word(const char *word, Diag *diag, PaperChoice *out, bool *target, bool *seed) {
  char hint[160], *end;
  if (*word >= '0' && *word <= '9' && !*seed) {
    errno = 0;
    out->seed = strtoull(word, &end, 10);
    *seed = true;
    return errno == 0 && *end == 0 ? STATUS_OK : option_error(diag, form, "'%s' is no seed", word);
  }
  if (*target || *seed) return option_error(diag, form, "'%s' is one word too many", word);
  PaperSetId id = paper_set_find(word);
  *target = true;
  list_targets(out->targets, hint, sizeof hint);
  if (id == PAPER_NONE) return option_error(diag, hint, "there is no set '%s'", word);
  if (!(out->targets & PAPER_BIT(id)))
    return option_error(diag, hint, "the protocol does not test %s", sets[id].title);
  out->targets = PAPER_BIT(id);
  return STATUS_OK;
}

Status paper_parse(const char *text, Diag *diag, PaperChoice *out) {
  *out = (PaperChoice){.text = text, .protocol = *text - '0'};
  size_t n = strcspn(text, ":");
  if (n != 1 || *text < '1' || *text > '3') {
    char word[32];
    text_format(word, sizeof word, "%.*s", (int)n, text);
    return option_error(diag, form, "the paper has no protocol '%s'", word);
  }
  for (int i = 0; i < PAPER_ARMS; i++)
    if (arms[i].protocol == out->protocol) out->targets |= arms[i].targets;
  bool target = false, seed = false;
  for (const char *at = text + 1; *at == ':';) {
    char word[64];
    size_t length = strcspn(++at, ":");
    text_format(word, sizeof word, "%.*s", (int)length, at);
    TRY(take_word(word, diag, out, &target, &seed));
    at += length;
  }
  return STATUS_OK;
}
