/* `graphrun check-data --protocol=N`: the trainings and tests of one of the paper's protocols. */
#include "runtime/data/check_parts.h"

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
  for (uint32_t k = 0; k < data->n_domains && status == STATUS_OK; k++)
    status = o->tests(o->protocol, &data->domains[k], diag);
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
  if (!paper_is(o->protocol) && strchr(o->protocol, ':'))
    return diag_error(
        diag, STATUS_USAGE, "--protocol",
        "splits=FILE behind the set's path in a .domains file: --protocol=1 reads it; "
        "graphrun eval takes market, split: and list: too",
        "one of the paper's, 1, 2 or 3, can be checked, not '%s'", o->protocol);
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
