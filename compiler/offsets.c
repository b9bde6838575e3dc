/* Pass offsets: lives (liveness.h) get offsets (offset_search.h), and the plan its sums. */
#include "compiler/hazards.h"
#include "compiler/layout.h"
#include "compiler/liveness.h"

#include "ops/ops.h"

#include <stdlib.h>

static void set_offsets(const Plan *plan, PlanProgram *p, const Lives *l) {
  int64_t start = plan->state_bytes;
  for (NodeId id = 0; id < p->graph->n_nodes; id++) {
    NodeId b = l->base[id];
    p->node_offset[id] = OFFSET_NONE;
    if (l->state[b] != LIVES_NONE)
      p->node_offset[id] = plan->state_offset[l->state[b]];
    else if (l->buffer[b] != LIVES_NONE)
      p->node_offset[id] = start + l->items[l->buffer[b]].offset;
  }
  uint32_t item = l->n_values;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    p->steps[s].work_bytes = l->work[s];
    if (l->work[s] > 0) p->steps[s].work_offset = start + l->items[item++].offset;
  }
}

Status layout_offsets(const Plan *plan, PlanProgram *program, Diag *diag) {
  uint32_t n = program->graph->n_nodes;
  program->node_offset = calloc(n, sizeof *program->node_offset);
  if (!program->node_offset) return diag_no_memory(diag, n * sizeof *program->node_offset);
  Lives lives;
  Status status = lives_find(plan, program, diag, &lives);
  if (status == STATUS_OK) status = lives_widen(&lives, diag);
  if (status == STATUS_OK)
    status =
        offset_search(lives.items, lives.n_items, lives.taken.bytes, diag, &program->scratch_bytes);
  if (status == STATUS_OK) {
    set_offsets(plan, program, &lives);
    program->lower_bound = lives.bound.bytes;
    program->peak_step = lives.bound.step ? lives.bound.step - 1 : 0;
    program->macs = 0;
    for (NodeId id = 1; id < n; id++) program->macs += node_macs(program->graph, id);
  }
  if (status == STATUS_OK) status = hazards_wait(plan, program, &lives, diag);
  lives_free(&lives);
  return status;
}
