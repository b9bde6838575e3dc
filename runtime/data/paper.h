/* The paper's protocols over a description file: a `.domains` file that names every set once, where
 * `--protocol=1|2|3` says which sets are trained on, with which of their images, and which tested.
 *
 * How to use it: `graphrun check-data FILE --protocol=2:cuhk03 --defines` prints the lines for
 * `graphc -D @F`, `graphrun train PLAN --data=FILE --protocol=2` and `graphrun eval PLAN
 * --data=FILE
 * --protocol=2 ...` take the arm from the plan's domains.  In C: paper_parse, then
 * dataset_read_for.
 *
 *   1  Market-1501, CUHK02, CUHK03, CUHK-SYSU, all images -> PRID, GRID, VIPeR, i-LIDS: ten splits
 *      each, averaged over the sets
 *   2  of Market-1501, MSMT17 and CUHK03 one is tested, the others and CUHK-SYSU are trained on,
 *      training images only: three arms, 2:cuhk03, 2:msmt17 and 2:market
 *   3  as 2, with all images of those trained on */
#ifndef RUNTIME_DATA_PAPER_H
#define RUNTIME_DATA_PAPER_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum PaperSetId {
  PAPER_MARKET,
  PAPER_MSMT17,
  PAPER_CUHK03,
  PAPER_CUHKSYSU,
  PAPER_CUHK02,
  PAPER_PRID,
  PAPER_GRID,
  PAPER_VIPER,
  PAPER_ILIDS,
  PAPER_SETS,
  PAPER_NONE = PAPER_SETS /* a domain that is none of them */
} PaperSetId;

typedef struct PaperSet {
  const char *name;       /* a line of this NAME is it, whatever its layout */
  const char *letters;    /* as the paper abbreviates it */
  const char *title;      /* as people call it */
  const char *layouts[2]; /* else the line with one of these */
  const char *split;      /* NAME of split:NAME:10:0; NULL: its own query and gallery */
} PaperSet;
const PaperSet *paper_set(PaperSetId id);
/* The set of a name, its letters, its title or one of its layouts; PAPER_NONE: there is none. */
PaperSetId paper_set_find(const char *word);
PaperSetId paper_set_of_layout(const char *word);

#define PAPER_BIT(ID) (1u << (ID))

/* One training and what it is tested on. */
typedef struct PaperArm {
  int protocol;              /* 1..3 */
  uint32_t sources, targets; /* PAPER_BITs */
  bool all;                  /* all images of the sources, else the training images */
} PaperArm;
#define PAPER_ARMS 7
const PaperArm *paper_arm(uint32_t i); /* below PAPER_ARMS */

#define PAPER_TRIALS 10 /* random splits of a small set */

/* What --protocol=N[:TARGET][:SEED] says. */
typedef struct PaperChoice {
  const char *text; /* as given */
  int protocol;     /* 0: the option names none of the paper's */
  uint32_t targets; /* PAPER_BITs that may be tested: those of all its arms, or the one named */
  uint64_t seed;    /* of the small sets' splits; 0 unless given */
} PaperChoice;

/* True when the option names one of the paper's, well or badly. */
bool paper_is(const char *text);
/* `text` as paper_is takes it.  Errors are of the option (STATUS_USAGE). */
Status paper_parse(const char *text, Diag *diag, PaperChoice *out);
/* An arm's word: `2:cuhk03`, of protocol 1 `1`. */
void paper_arm_word(const PaperArm *arm, char *out, size_t size);

/* What is read of a description file. */
typedef struct PaperAsk {
  PaperChoice choice; /* of protocol 0: everything, as the lines say */
  bool targets;       /* what is tested, else what is trained on */
  /* The domains that a plan was made for, which tell the arm where the option does not.  Without
   * them (NULL) targets are those of all arms, and of sources the option must say which. */
  const char *const *domains;
  uint32_t n_domains;
  bool features; /* asked of a file of features, whose domains stand for lines */
} PaperAsk;

#endif
