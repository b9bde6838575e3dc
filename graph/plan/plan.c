/* The plan's data structure: its life and its look-ups. */
#include "graph/plan/plan.h"

#include "graph/base/array.h"
#include "graph/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Plan *plan_create(Symbols *symbols) {
  Plan *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  plan->symbols = symbols;
  plan->ranks = 1;
  return plan;
}

static void program_free(PlanProgram *program) {
  graph_destroy(program->graph);
  free(program->inputs);
  free(program->node_offset);
  free(program->steps);
  free(program->step_nodes);
  free(program->waits);
}

void plan_destroy(Plan *plan) {
  if (!plan) return;
  for (uint32_t i = 0; i < plan->n_programs; i++) program_free(&plan->programs[i]);
  free(plan->programs);
  free(plan->states);
  free(plan->state_offset);
  free(plan->schedules);
  free(plan->watches);
  free(plan->training.domains);
  free(plan->training.ids);
  free(plan->params);
  free(plan->written);
  symbols_destroy(plan->symbols);
  free(plan->path);
  free(plan);
}

int64_t plan_arena_bytes(const Plan *plan) {
  int64_t scratch = 0;
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (plan->programs[i].scratch_bytes > scratch) scratch = plan->programs[i].scratch_bytes;
  return plan->state_bytes + scratch;
}

uint32_t plan_streams(const PlanProgram *program) {
  uint32_t n = 1;
  for (uint32_t s = 0; s < program->n_steps; s++)
    if (program->steps[s].stream >= n) n = program->steps[s].stream + 1;
  return n;
}

uint32_t plan_stream_steps(const PlanProgram *program, uint32_t stream) {
  uint32_t n = 0;
  for (uint32_t s = 0; s < program->n_steps; s++) n += program->steps[s].stream == stream;
  return n;
}

uint32_t plan_program_find(const Plan *plan, const char *name) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (strcmp(plan_text(plan, plan->programs[i].name), name) == 0) return i;
  return UINT32_MAX;
}

const PlanInput *plan_input_find(const PlanProgram *program, const char *name) {
  uint32_t id = strings_find(program->graph->symbols->strings, name);
  for (uint32_t i = 0; id != UINT32_MAX && i < program->n_inputs; i++)
    if (program->inputs[i].name == id) return &program->inputs[i];
  return NULL;
}

uint32_t plan_schedule_find(const Plan *plan, const char *name) {
  uint32_t id = strings_find(plan->symbols->strings, name);
  for (uint32_t i = 0; id != UINT32_MAX && i < plan->n_schedules; i++)
    if (plan->schedules[i].name == id) return i;
  return UINT32_MAX;
}

bool plan_input_add(PlanProgram *program, const PlanInput *input) {
  if (ARRAY_EXTEND(program->inputs, program->n_inputs, 1, NULL) != STATUS_OK) return false;
  program->inputs[program->n_inputs++] = *input;
  return true;
}

Status plan_program_require(const Plan *plan, const char *place, const char *name, Diag *diag,
                            uint32_t *out_program) {
  *out_program = plan_program_find(plan, name);
  if (*out_program != UINT32_MAX) return STATUS_OK;
  char hint[1024] = "its programs:";
  size_t used = strlen(hint);
  for (uint32_t i = 0; i < plan->n_programs; i++)
    used = text_append(hint, sizeof hint, used, " %s", plan_text(plan, plan->programs[i].name));
  return diag_error(diag, STATUS_INVALID, place, hint, "has no program '%s'", name);
}

uint32_t plan_state_find(const Plan *plan, const char *name) {
  uint32_t id = strings_find(plan->symbols->strings, name);
  for (uint32_t i = 0; id != UINT32_MAX && i < plan->n_states; i++)
    if (plan->states[i].name == id) return i;
  return UINT32_MAX;
}
