/* The paper's sets among the lines of a description file, and the arm of a protocol that is meant.
 */
#include "runtime/data/description.h"

#include "graph/base/text.h"

#include <string.h>

typedef struct Choose {
  const char *path;
  DescriptionLine *const *lines;
  uint32_t n;
  const PaperAsk *ask;
  Diag *diag;
  DescriptionLine *of[PAPER_SETS]; /* the line of each set; NULL: none */
} Choose;

/* ---- which line is which set ---- */

static void find_by_name(Choose *c) {
  for (uint32_t i = 0; i < c->n; i++) {
    PaperSetId id = paper_set_find(c->lines[i]->name);
    c->lines[i]->paper = PAPER_NONE;
    if (id == PAPER_NONE || c->of[id]) continue;
    c->of[id] = c->lines[i];
    c->lines[i]->paper = id;
  }
}

static bool has_layout(const DescriptionLine *line, const PaperSet *set) {
  for (int i = 0; i < 2; i++)
    if (set->layouts[i] && strcmp(line->layout->word, set->layouts[i]) == 0) return true;
  return false;
}

/* Of several lines in a set's layout none is it, unless its name says so. */
static void find_by_layout(Choose *c) {
  for (int id = 0; id < PAPER_SETS; id++) {
    DescriptionLine *found = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n && !c->of[id]; i++) {
      if (c->lines[i]->paper != PAPER_NONE || !has_layout(c->lines[i], paper_set((PaperSetId)id)))
        continue;
      found = c->lines[i];
      n++;
    }
    if (n != 1) continue;
    c->of[id] = found;
    found->paper = (PaperSetId)id;
  }
}

static Status require_set(const Choose *c, const char *word, PaperSetId id) {
  const PaperSet *set = paper_set(id);
  char hint[256];
  const DescriptionLine *candidates[2] = {NULL, NULL};
  if (c->of[id]) return STATUS_OK;
  for (uint32_t i = 0, k = 0; i < c->n && k < 2; i++)
    if (has_layout(c->lines[i], set)) candidates[k++] = c->lines[i];
  text_format(hint, sizeof hint,
              c->ask->features ? "graphrun extract of a .domains file with a line %s %s PATH"
                               : "add a line: %s %s PATH",
              set->name, set->layouts[0]);
  if (!candidates[1])
    return diag_error(c->diag, STATUS_INVALID, c->path, hint, "protocol %s needs %s, which no %s",
                      word, set->title, c->ask->features ? "domain is" : "line names");
  text_format(hint, sizeof hint, "NAME the one that is meant %s", set->name);
  return diag_error(c->diag, STATUS_INVALID, candidates[1]->place, hint,
                    "protocol %s needs %s, and '%s' and '%s' are of its layout", word, set->title,
                    candidates[0]->name, candidates[1]->name);
}

/* ---- which arm ---- */

/* Whether the plan's domains are the arm's sources, in any order. */
static bool is_of_plan(const Choose *c, const PaperArm *arm) {
  uint32_t found = 0, n = 0;
  for (int id = 0; id < PAPER_SETS; id++) n += arm->sources >> id & 1;
  for (uint32_t i = 0; i < c->ask->n_domains; i++)
    for (int id = 0; id < PAPER_SETS; id++)
      if (c->of[id] && strcmp(c->of[id]->name, c->ask->domains[i]) == 0) found |= PAPER_BIT(id);
  return n == c->ask->n_domains && found == arm->sources;
}

static void list_domains(const Choose *c, char *out, size_t size) {
  size_t n = 0;
  for (uint32_t i = 0; i < c->ask->n_domains; i++)
    n = text_append(out, size, n, "%s%s", i ? " " : "", c->ask->domains[i]);
}

/* How the arms of a protocol are asked for. */
static void list_arms(int protocol, char *out, size_t size) {
  size_t n = 0;
  char word[32];
  for (uint32_t i = 0; i < PAPER_ARMS; i++) {
    if (paper_arm(i)->protocol != protocol) continue;
    paper_arm_word(paper_arm(i), word, sizeof word);
    n = text_append(out, size, n, "%s--protocol=%s", n ? ", " : "", word);
  }
}

static Status no_arm(const Choose *c) {
  char arms[160], hint[320], domains[512];
  list_arms(c->ask->choice.protocol, arms, sizeof arms);
  if (!c->ask->domains)
    return diag_error(c->diag, STATUS_USAGE, "--protocol", arms,
                      "protocol %s trains on other sets for each that is tested, and does not say "
                      "which",
                      c->ask->choice.text);
  list_domains(c, domains, sizeof domains);
  text_format(hint, sizeof hint, "%s says it", arms);
  if (c->ask->features)
    return diag_error(c->diag, STATUS_INVALID, c->path, hint,
                      "the domains that the network was trained on (%s) are not, of those in the "
                      "file, what protocol %s trains on",
                      domains, c->ask->choice.text);
  text_format(hint, sizeof hint,
              "%s says it; graphrun check-data %s --protocol=... --defines prints an arm's domains",
              arms, c->path);
  return diag_error(c->diag, STATUS_INVALID, c->path, hint,
                    "the plan's domains (%s) are not those that protocol %s trains on", domains,
                    c->ask->choice.text);
}

/* The arms that are meant: one, or for targets without a plan all that the option leaves. */
static Status choose_arms(const Choose *c, bool *chosen) {
  uint32_t left = 0, of_plan = 0;
  for (uint32_t i = 0; i < PAPER_ARMS; i++) {
    const PaperArm *arm = paper_arm(i);
    chosen[i] =
        arm->protocol == c->ask->choice.protocol && (arm->targets & c->ask->choice.targets) != 0;
    left += chosen[i];
    of_plan += chosen[i] && is_of_plan(c, arm);
  }
  if (left == 1) return STATUS_OK;
  for (uint32_t i = 0; i < PAPER_ARMS && of_plan; i++)
    chosen[i] = chosen[i] && is_of_plan(c, paper_arm(i));
  bool any = c->ask->targets && !c->ask->domains;
  return of_plan || any ? STATUS_OK : no_arm(c);
}

/* ---- the lines ---- */

static Status mark(const Choose *c, const PaperArm *arm) {
  char word[32];
  uint32_t sets = c->ask->targets ? arm->targets & c->ask->choice.targets : arm->sources;
  Status status = STATUS_OK;
  paper_arm_word(arm, word, sizeof word);
  for (int id = 0; id < PAPER_SETS; id++) {
    if (!(sets & PAPER_BIT(id))) continue;
    Status now = require_set(c, word, (PaperSetId)id);
    if (now != STATUS_OK) {
      status = now;
      continue;
    }
    DescriptionLine *line = c->of[id];
    bool all = arm->all && !c->ask->targets;
    if (line->split && line->all != all && !c->ask->targets)
      diag_warning(c->diag, line->place, NULL, "%s is not used: protocol %s trains on %s images",
                   line->split, word, all ? "all" : "the training");
    line->read = true;
    line->all = all;
  }
  return status;
}

Status description_choose(const char *path, DescriptionLine *const *lines, uint32_t n,
                          const PaperAsk *ask, Diag *diag) {
  Choose c = {.path = path, .lines = lines, .n = n, .ask = ask, .diag = diag};
  bool chosen[PAPER_ARMS];
  find_by_name(&c);
  find_by_layout(&c);
  if (!ask || !ask->choice.protocol) return STATUS_OK;
  for (uint32_t i = 0; i < n; i++) lines[i]->read = false;
  TRY(choose_arms(&c, chosen));
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < PAPER_ARMS; i++) {
    Status now = chosen[i] ? mark(&c, paper_arm(i)) : STATUS_OK;
    if (now != STATUS_OK) status = now;
  }
  return status;
}
