/* Loads a model: files, then elaboration. */
#include "graph/language/model.h"

#include "graph/language/elab.h"

#include <stdlib.h>
#include <string.h>

Status model_load(const ModelOptions *options, const OpTable *ops, Diag *diag, Model **out_model) {
  *out_model = NULL;
  Model *model = calloc(1, sizeof *model);
  if (!model) return diag_no_memory(diag, sizeof *model);
  model->ops = ops;
  model->arena = arena_create();
  model->symbols = symbols_create();
  model->sources = sources_create();
  Status status = STATUS_OK;
  if (!model->arena || !model->symbols || !model->sources)
    status = diag_no_memory(diag, sizeof *model);
  Loader loader = {.arena = model->arena,
                   .symbols = model->symbols,
                   .sources = model->sources,
                   .diag = diag,
                   .ops = ops,
                   .options = options};
  if (status == STATUS_OK) status = loader_run(&loader);
  model->files = loader.files;
  model->n_files = loader.n_files;
  Elab elab = {.l = &loader, .model = model};
  if (status == STATUS_OK) status = elab_run(&elab);
  if (status == STATUS_OK && diag_error_count(diag)) status = diag_status(diag);
  if (status != STATUS_OK) {
    model_destroy(model);
    return status;
  }
  *out_model = model;
  return STATUS_OK;
}

void model_destroy(Model *model) {
  if (!model) return;
  sources_destroy(model->sources);
  symbols_destroy(model->symbols);
  arena_destroy(model->arena);
  free(model);
}

const Attribute *element_attribute(const Element *element, const char *name) {
  for (uint32_t i = 0; i < element->n_attrs; i++)
    if (strcmp(element->attrs[i].name, name) == 0) return &element->attrs[i];
  return NULL;
}

const char *element_attr(const Element *element, const char *name) {
  const Attribute *attr = element_attribute(element, name);
  return attr ? attr->value : NULL;
}

uint32_t element_attr_loc(const Element *element, const char *name) {
  const Attribute *attr = element_attribute(element, name);
  return attr ? attr->loc : element->loc;
}
