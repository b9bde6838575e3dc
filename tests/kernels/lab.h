/* Small graphs of input nodes and a node or group, and their values by the reference: what the
 * tests of kernels share, of any machine. */
#ifndef TESTS_KERNELS_LAB_H
#define TESTS_KERNELS_LAB_H

#include "kernels/reference/reference.h"
#include "ops/emit.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Lab {
  Symbols *symbols;
  Graph *graph;
  Diag *diag;
  Emitter e;
  void **values; /* of every node, by the reference */
  uint32_t n_values;
  uint64_t state; /* of the generator of test data */
  uint32_t shards;
} Lab;

static inline uint64_t lab_random(Lab *lab) {
  lab->state ^= lab->state << 13;
  lab->state ^= lab->state >> 7;
  lab->state ^= lab->state << 17;
  return lab->state * 0x2545F4914F6CDD1Du >> 8;
}
static inline int64_t lab_pick(Lab *lab, int64_t n) {
  return (int64_t)(lab_random(lab) % (uint64_t)n);
}
static inline double lab_uniform(Lab *lab) {
  return (double)(lab_random(lab) & 0xffffff) / 16777216;
}

static inline void lab_init(Lab *lab, DType dtype, uint64_t seed) {
  memset(lab, 0, sizeof *lab);
  lab->symbols = symbols_create();
  lab->graph = graph_create(lab->symbols);
  lab->diag = diag_create();
  emitter_init(&lab->e, lab->graph, dtype, lab->diag, NULL);
  lab->state = seed * 0x9E3779B97F4A7C15u + 1;
  lab->shards = 4;
}

static inline void lab_free(Lab *lab) {
  for (uint32_t i = 0; i < lab->n_values; i++) free(lab->values[i]);
  free(lab->values);
  emitter_free(&lab->e);
  graph_destroy(lab->graph);
  symbols_destroy(lab->symbols);
  diag_destroy(lab->diag);
}

static inline NodeId lab_input(Lab *lab, DType dtype, int rank, const int64_t *dims) {
  Shape shape = {.rank = (uint8_t)rank};
  char name[32];
  for (int i = 0; i < rank; i++) shape.dim[i] = dims[i];
  snprintf(name, sizeof name, "input%u", lab->graph->n_nodes);
  return emit_input(&lab->e, strings_intern(lab->symbols->strings, name), dtype, &shape);
}

static inline size_t lab_bytes(const Lab *lab, NodeId id) {
  const Node *node = &lab->graph->nodes[id];
  return (size_t)shape_count(&node->shape) * dtype_size((DType)node->dtype);
}

/* Test data: floats in [-1, 1), small integers, bits. */
static inline void lab_fill(Lab *lab, NodeId id, void *to) {
  const Node *node = &lab->graph->nodes[id];
  int64_t n = shape_count(&node->shape);
  for (int64_t i = 0; i < n; i++) {
    double u = lab_uniform(lab) * 2 - 1;
    switch (node->dtype) {
    case DTYPE_F32:
      ((float *)to)[i] = (float)u;
      break;
    case DTYPE_F64:
      ((double *)to)[i] = u;
      break;
    case DTYPE_I32:
      ((int32_t *)to)[i] = (int32_t)(u * 8);
      break;
    case DTYPE_I64:
      ((int64_t *)to)[i] = (int64_t)(u * 8);
      break;
    default:
      ((uint8_t *)to)[i] = u > 0;
      break;
    }
  }
}

/* Values from outside: test data. */
static inline bool lab_given(const Lab *lab, NodeId id) {
  return lab->graph->nodes[id].op == OP_INPUT || lab->graph->nodes[id].op == OP_STATE;
}

/* The memory of a node's value, made when first asked for. */
static inline void *lab_value(Lab *lab, NodeId id) {
  if (id >= lab->n_values) {
    lab->values = realloc(lab->values, lab->graph->n_nodes * sizeof *lab->values);
    while (lab->n_values < lab->graph->n_nodes) lab->values[lab->n_values++] = NULL;
  }
  if (!lab->values[id]) {
    lab->values[id] = aligned_alloc(64, (lab_bytes(lab, id) + 127) / 64 * 64);
    if (lab_given(lab, id)) lab_fill(lab, id, lab->values[id]);
  }
  return lab->values[id];
}

/* Computes every node by the reference. */
static inline Status lab_reference(Lab *lab) {
  const Graph *g = lab->graph;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    void *out = lab_value(lab, id);
    if (lab_given(lab, id)) continue;
    uint32_t n = g->nodes[id].n_inputs;
    const void **inputs = calloc(n + 1, sizeof *inputs);
    for (uint32_t i = 0; i < n; i++) inputs[i] = lab_value(lab, node_input(g, id, i));
    Status status = reference_run(g, id, inputs, out, lab->diag);
    free(inputs);
    if (status != STATUS_OK) return status;
  }
  return STATUS_OK;
}

typedef struct LabRun {
  const NodeId *nodes, *outputs;
  uint32_t n_nodes, n_outputs;
  int64_t work_bytes; /* -1: what kernel_work_bytes says */
  bool reverse;       /* tasks in reverse order */
  int share;          /* output 0 lies where this input lies; -1: nowhere */
} LabRun;

static inline bool lab_member(const LabRun *r, NodeId id) {
  for (uint32_t i = 0; i < r->n_nodes; i++)
    if (r->nodes[i] == id) return true;
  return false;
}

/* Values read from outside, ascending. */
static inline uint32_t lab_inputs(const Lab *lab, const LabRun *r, NodeId *inputs) {
  uint32_t n = 0;
  for (NodeId id = 1; id < lab->graph->n_nodes; id++) {
    bool read = false;
    for (uint32_t k = 0; k < r->n_nodes && !read && !lab_member(r, id); k++)
      for (uint32_t i = 0; i < lab->graph->nodes[r->nodes[k]].n_inputs; i++)
        read |= node_input(lab->graph, r->nodes[k], i) == id;
    if (read) inputs[n++] = id;
  }
  return n;
}

/* Largest deviation, relative to the largest element of the reference (at least `floor`). */
static inline double lab_error(const Lab *lab, NodeId id, const void *have, double floor) {
  const Node *node = &lab->graph->nodes[id];
  int64_t n = shape_count(&node->shape);
  const void *want = lab->values[id];
  double worst = 0, scale = floor;
  if (!dtype_is_float((DType)node->dtype))
    return memcmp(have, want, lab_bytes(lab, id)) == 0 ? 0 : INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double w =
        node->dtype == DTYPE_F32 ? (double)((const float *)want)[i] : ((const double *)want)[i];
    double h =
        node->dtype == DTYPE_F32 ? (double)((const float *)have)[i] : ((const double *)have)[i];
    if (isnan(w) != isnan(h)) return INFINITY;
    if (isnan(w) || w == h) continue;
    if (isfinite(w) && fabs(w) > scale) scale = fabs(w);
    if (fabs(w - h) > worst) worst = fabs(w - h);
  }
  return worst / scale;
}

#define LAB_MAIN(NAME, ...)                                                                        \
  int main(void) {                                                                                 \
    CU_TestInfo tests[] = {__VA_ARGS__, CU_TEST_INFO_NULL};                                        \
    CU_SuiteInfo suites[] = {{.pName = NAME, .pTests = tests}, CU_SUITE_INFO_NULL};                \
    if (CU_initialize_registry() != CUE_SUCCESS) return 1;                                         \
    if (CU_register_suites(suites) != CUE_SUCCESS) return 1;                                       \
    CU_basic_set_mode(CU_BRM_NORMAL);                                                              \
    CU_basic_run_tests();                                                                          \
    unsigned failed = CU_get_number_of_failures();                                                 \
    CU_cleanup_registry();                                                                         \
    return failed != 0;                                                                            \
  }

#endif
