/* `graphrun check-data --protocol=N`: the trainings and tests of one of the paper's protocols. */
#include "runtime/data/check_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static Status print_sources(const CheckDataOptions *o, const PaperAsk *ask, const char *word,
                            bool all, Diag *diag) {
  DataSet *data;
  TRY(dataset_read_for(o->data, ask, diag, &data));
  printf("protocol %s trains on %s images of\n", word, all ? "all" : "the training");
  Status status = check_print_domains(data, diag);
  if (status == STATUS_OK) status = check_published(data, o->published, diag);
  dataset_destroy(data);
  return status;
}

static Status print_targets(const CheckDataOptions *o, const PaperAsk *ask, const char *word,
                            Diag *diag) {
  DataSet *data;
  TRY(dataset_read_for(o->data, ask, diag, &data));
  printf("protocol %s tests\n", word);
  Status status = check_print_domains(data, diag);
  if (status == STATUS_OK) status = check_published(data, o->published, diag);
  for (uint32_t k = 0; k < data->n_domains; k++) {
    const DataDomain *d = &data->domains[k];
    const char *split = d->paper < PAPER_SETS ? paper_set(d->paper)->split : NULL;
    if (split)
      printf("%s: mean of %d random splits, split:%s:%d:%" PRIu64 "\n", d->name, PAPER_TRIALS,
             split, PAPER_TRIALS, ask->choice.seed);
    else
      printf("%s: its own queries and gallery\n", d->name);
  }
  dataset_destroy(data);
  return status;
}

static Status print_arm(const CheckDataOptions *o, const PaperChoice *choice, const PaperArm *arm,
                        Diag *diag) {
  char word[32];
  PaperAsk ask = {.choice = *choice};
  ask.choice.targets &= arm->targets;
  paper_arm_word(arm, word, sizeof word);
  TRY(print_sources(o, &ask, word, arm->all, diag));
  ask.targets = true;
  return print_targets(o, &ask, word, diag);
}

static Status print_sources_defines(const CheckDataOptions *o, const PaperChoice *choice,
                                    Diag *diag) {
  PaperAsk ask = {.choice = *choice};
  DataSet *data;
  TRY(dataset_read_for(o->data, &ask, diag, &data));
  Status status = check_print_defines(data, diag);
  dataset_destroy(data);
  return status;
}

Status check_paper(const CheckDataOptions *o, Diag *diag) {
  PaperChoice choice;
  const char *gap = "";
  TRY(paper_parse(o->protocol, diag, &choice));
  if (o->defines) return print_sources_defines(o, &choice, diag);
  for (uint32_t i = 0; i < PAPER_ARMS; i++) {
    const PaperArm *arm = paper_arm(i);
    if (arm->protocol != choice.protocol || !(arm->targets & choice.targets)) continue;
    fputs(gap, stdout);
    gap = "\n";
    TRY(print_arm(o, &choice, arm, diag));
  }
  return STATUS_OK;
}
