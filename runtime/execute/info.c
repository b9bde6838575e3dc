/* `graphrun info`: what a plan holds, in the order in which a reader asks. */
#include "runtime/execute/info.h"

#include "ops/ops.h"
#include "runtime/execute/open.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *text(const Plan *plan, uint32_t string) {
  return plan_text(plan, string);
}

static void print_value(const char *name, const Node *node) {
  char shape[SHAPE_TEXT_MAX];
  printf("    %-32s %-4s %s\n", name, dtype_name((DType)node->dtype),
         shape_text(&node->shape, shape, sizeof shape));
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void print_model(const Plan *plan) {
  int64_t parameters = 0, trained = 0;
  uint32_t tensors = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (s->kind != STATE_PARAMETER) continue;
    int64_t count = shape_count(&s->shape);
    parameters += count;
    trained += s->trainable ? count : 0;
    tensors++;
  }
  printf("model       %s %016" PRIx64 ", %s, plan version %d\n", text(plan, plan->model_name),
         plan->model_hash, plan->precision->name, PLAN_VERSION);
  printf("parameters  %" PRId64 " in %u tensors, %" PRId64 " of them trained\n", parameters,
         tensors, trained);
  printf("memory      state %" PRId64 " bytes, arena %" PRId64 " bytes\n", plan->state_bytes,
         plan_arena_bytes(plan));
  printf("target      %s\n", plan->target->name);
  printf("shards      %u: a batch is cut into at most that many shards\n", plan->shards);
  if (plan->ranks > 1)
    printf("ranks       %u share each batch%s; what follows is the work of one\n", plan->ranks,
           plan->local ? ", each computes over its share alone (--sync=local)" : "");
}

static void print_training(const Plan *plan) {
  const PlanTraining *t = &plan->training;
  if (plan->has_training) {
    fputs("\ntraining\n    domains (identities):", stdout);
    for (uint32_t i = 0; i < t->n_domains; i++)
      printf(" %s (%" PRId64 ")", text(plan, t->domains[i]), t->ids[i]);
    if (t->steps > 0)
      printf("\n    length: %" PRId64 " steps", t->steps);
    else
      printf("\n    length: %" PRId64 " epochs, warm-up %" PRId64, t->epochs, t->warmup_epochs);
    if (t->warmup_steps >= 0) printf("; warm-up %" PRId64 " steps", t->warmup_steps);
    printf("\n    held-out domain: %s\n", t->choose ? "one of them, drawn for each step" : "none");
  }
  if (plan->has_sampler)
    printf("sampler\n    %s: %" PRId64 " x %" PRId64 " rows of a domain\n",
           plan->sampler.kind ? "shuffle" : "identities x images", plan->sampler.batch_ids,
           plan->sampler.batch_images);
  const PlanAugment *a = &plan->augment;
  if (plan->has_augment) {
    printf("augment\n    resize %" PRId64 " x %" PRId64 ", pad and crop %" PRId64
           ", flip %g\n    jitter %g: brightness %g, contrast %g, saturation %g, hue %g\n",
           a->height, a->width, a->pad_crop, a->flip, a->jitter, a->brightness, a->contrast,
           a->saturation, a->hue);
    printf("    erase %g: area %g .. %g, aspect %g .. %g\n", a->erase, a->erase_min, a->erase_max,
           a->erase_aspect, 1 / a->erase_aspect);
  }
  if (plan->n_schedules > 0) puts("schedule");
  for (uint32_t i = 0; i < plan->n_schedules; i++)
    printf("    %s = %s\n", text(plan, plan->schedules[i].name),
           text(plan, plan->schedules[i].value));
  if (plan->n_watches > 0) puts("watch");
  for (uint32_t i = 0; i < plan->n_watches; i++)
    printf("    %s above %g\n", text(plan, plan->watches[i].output), plan->watches[i].above);
}

static void print_parameters(const Plan *plan) {
  if (plan->n_params > 0) puts("\nparameters of the model (-D)");
  for (uint32_t i = 0; i < plan->n_params; i++)
    printf("    %s=%s\n", text(plan, plan->params[i].name), text(plan, plan->params[i].value));
}

/* ---- programs ------------------------------------------------------------------------------ */

static const char *kind_name(uint8_t kind) {
  static const char *const names[] = {"train", "evaluate", "extract", "other"};
  return kind < sizeof names / sizeof *names ? names[kind] : "?";
}

static void print_batches(const Plan *plan, const Graph *g) {
  for (uint32_t b = 1; b < g->n_batches; b++) {
    const Batch *batch = &g->batches[b];
    Shards shards = plan->target->shards(g, b, batch_rows(batch), plan->shards);
    printf("  batch of %" PRId64 " x %" PRId64 " x %" PRId64
           " rows (groups, units, rows of a unit): %u shards\n",
           batch->groups, batch->units, batch->unit, shards.n);
  }
}

/* As they were declared; what folding removed needs no value. */
static void print_inputs(const Plan *plan, const PlanProgram *p) {
  char shape[SHAPE_TEXT_MAX];
  puts("  inputs");
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const PlanInput *in = &p->inputs[i];
    printf("    %-32s %-4s %s%s\n", text(plan, in->name), dtype_name((DType)in->dtype),
           shape_text(&in->shape, shape, sizeof shape), in->node ? "" : "  not needed");
  }
}

static void print_program(const Plan *plan, const PlanProgram *p) {
  const Graph *g = p->graph;
  double bound = p->lower_bound ? (double)p->scratch_bytes / (double)p->lower_bound : 1;
  printf("\nprogram %s (%s%s%s)\n", text(plan, p->name), kind_name(p->kind),
         p->held_out ? ", holds out " : "", p->held_out ? text(plan, p->held_out) : "");
  printf("  %u nodes, %u kernels, %u commits, %" PRId64 " multiply-adds\n", g->n_nodes - 1,
         p->n_steps, g->n_commits, p->macs);
  printf("  scratch %" PRId64 " bytes, %.3f of the lower bound\n", p->scratch_bytes, bound);
  print_batches(plan, g);
  print_inputs(plan, p);
  puts("  outputs");
  for (uint32_t i = 0; i < g->n_outputs; i++)
    print_value(graph_text(g, g->outputs[i].name), &g->nodes[g->outputs[i].node]);
}

/* ---- states -------------------------------------------------------------------------------- */

static void print_init(const Plan *plan, const State *s) {
  switch (s->init) {
  case INIT_NORMAL:
    printf("normal(%g, %g)", s->init_a, s->init_b);
    break;
  case INIT_UNIFORM:
    printf("uniform(%g, %g)", s->init_a, s->init_b);
    break;
  case INIT_FUSE:
    printf("fuse(%g)", s->init_a);
    break;
  default:
    printf("%g", s->init_a);
  }
  if (s->external) printf(", pretrained %s", text(plan, s->external));
}

static void print_states(const Plan *plan) {
  static const char *const kinds[] = {"parameter", "statistic", "optimiser"};
  char shape[SHAPE_TEXT_MAX];
  puts("\nstates");
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    const char *kind = s->kind == STATE_PARAMETER && !s->trainable ? "fixed"
                       : s->kind < 3                               ? kinds[s->kind]
                                                                   : "?";
    printf("    %-48s %-9s %-4s %-20s ", text(plan, s->name), kind, dtype_name((DType)s->dtype),
           shape_text(&s->shape, shape, sizeof shape));
    print_init(plan, s);
    putchar('\n');
  }
}

Status info_run(const char *plan_path, const DeviceTable *device, const DeviceWishes *wishes,
                Diag *diag) {
  Plan *plan;
  TRY(plan_open(plan_path, device, diag, &plan));
  Status status = plan_fits_wishes(plan, wishes, diag);
  if (status != STATUS_OK) {
    plan_destroy(plan);
    return status;
  }
  print_model(plan);
  if (device)
    printf("device      %s%s\n", device->name,
           wishes->tf32 ? ", tf32: products of f32 round their operands to 10 bits" : "");
  print_training(plan);
  print_parameters(plan);
  for (uint32_t i = 0; i < plan->n_programs; i++) print_program(plan, &plan->programs[i]);
  print_states(plan);
  plan_destroy(plan);
  return STATUS_OK;
}
