/* Features of images as a file. */
#include "runtime/use/extract.h"

#include "runtime/data/layout.h"
#include "runtime/eval/evaluation.h"

#include "graph/base/replace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char form[] =
    "graphrun extract PLAN --weights=F --data=DATA|FOLDER -o F.safetensors|F.npy";

static void print_domains(const Described *d) {
  for (uint32_t k = 0; k < d->data->n_domains; k++) {
    const DataDomain *domain = &d->data->domains[k];
    printf("domain    %s%s: %u images", domain->name,
           described_trained_on(&d->by, domain->name) ? " (a domain of the training)" : "",
           domain->n_images);
    if (domain->layout == data_layout_plain())
      puts(" of nobody known: a folder in no layout of a data set");
    else
      printf(", %u identities, %u cameras (%u train, %u query, %u gallery)\n", domain->n_pids,
             domain->n_cameras, domain->n_train, domain->n_query, domain->n_gallery);
  }
}

static Status extract(const ExtractOptions *o, const TrainedNetwork *network, Described *d,
                      Diag *diag) {
  DescribeOptions describe = {.data = o->data,
                              .domain = o->domain,
                              .workers = o->use.workers,
                              .skip_bad = o->use.skip_bad_images,
                              .progress = o->use.progress};
  TRY(described_make(&describe, network, o->use.network.weights, d, diag));
  TRY(described_write(d, o->out, diag));
  use_print_head(&d->by);
  printf("data      %s\n", o->data);
  print_domains(d);
  printf("features  %s: %" PRId64 " rows of %" PRId64 " numbers", o->out, described_count(d),
         d->features.dim);
  if (d->features.n_bad)
    printf("; %" PRId64 " of unreadable images are 0, and marked", d->features.n_bad);
  putchar('\n');
  return STATUS_OK;
}

/* The table beside an .npy file must not replace a manifest that is read. */
static Status keep_data(const ExtractOptions *o, Diag *diag) {
  char *table = described_table(o->out);
  bool same = table && file_same(table, o->data);
  free(table);
  return same ? diag_error(diag, STATUS_USAGE, "-o", "name another file",
                           "the table beside '%s' would replace its input '%s'", o->out, o->data)
              : STATUS_OK;
}

Status extract_run(const ExtractOptions *o, Diag *diag) {
  TrainedNetwork network;
  Described described = {0};
  TRY(use_require(o->data, "--data", form, diag));
  TRY(use_require(o->out, "-o", form, diag));
  TRY(described_can_write(o->out, diag));
  TRY(keep_data(o, diag));
  Status status = use_open(&o->use, form, &network, diag);
  if (status == STATUS_OK) status = extract(o, &network, &described, diag);
  described_release(&described);
  network_close(&network);
  return status;
}
