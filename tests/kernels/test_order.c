/* Selections, pools, cumulative sums and resampling at sizes that are cut into tasks, and with
 * values that have no place among the numbers. */
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/lines.h"

static void check(Lab *lab, NodeId id, double tolerance, const char *name, uint64_t seed) {
  char what[160], text[SHAPE_TEXT_MAX];
  if (lab_given(lab, id)) return; /* nothing to do: the operand */
  snprintf(what, sizeof what, "%s to %s, seed %llu", name,
           shape_text(emit_shape(&lab->e, id), text, sizeof text), (unsigned long long)seed);
  CU_ASSERT(lab_check_node(lab, id, tolerance, what));
}

static void test_maxima(void) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_lines(seed, 40000, &axis, &x);
    EmitAttr attrs[] = {{&axis, 1}};
    check(&lab, emit_node(&lab.e, OP_ARG_MAX, &x, 1, attrs), 0, "arg-max", seed);
    check(&lab, emit_node(&lab.e, OP_REDUCE_MAX, &x, 1, attrs), 0, "reduce-max", seed);
    lab_free(&lab);
  }
}

static void test_sort(void) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_lines(seed, 40000, &axis, &x);
    int64_t length = emit_shape(&lab.e, x)->dim[axis], count = lab_pick(&lab, length + 1);
    NodeId index = emit_arg_sort(&lab.e, x, axis, lab_pick(&lab, 2), count);
    check(&lab, index, 0, "arg-sort", seed);
    check(&lab, emit_pick(&lab.e, x, index, axis), 0, "pick", seed);
    lab_free(&lab);
  }
}

/* A line that is sorted already, reversed, or all equal. */
static void test_sorted_lines(void) {
  for (int kind = 0; kind < 6; kind++) {
    Lab lab;
    NodeId x;
    lab_init(&lab, DTYPE_F32, 1);
    x = lab_input(&lab, DTYPE_F32, 1, (int64_t[]){2000});
    float *v = lab_value(&lab, x);
    for (int i = 0; i < 2000; i++) v[i] = kind / 2 == 0 ? (float)i : kind / 2 == 1 ? (float)-i : 7;
    check(&lab, emit_arg_sort(&lab.e, x, 0, kind % 2, 0), 0, "a line in order", (uint64_t)kind);
    lab_free(&lab);
  }
}

static void test_place(void) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    int64_t axis, length = (int64_t)(1 + seed % 9);
    NodeId x;
    Lab lab = start_lines(seed, 40000, &axis, &x);
    Shape shape = *emit_shape(&lab.e, x);
    NodeId index = lab_input(&lab, DTYPE_I32, shape.rank, shape.dim);
    int32_t *at = lab_value(&lab, index);
    for (int64_t i = 0; i < shape_count(&shape); i++) at[i] = (int32_t)lab_pick(&lab, length);
    NodeId small = lab_input(&lab, lab.e.float_type, shape.rank, shape.dim); /* finite */
    check(&lab, emit_place(&lab.e, small, index, axis, length),
          lab.e.float_type == DTYPE_F64 ? 1e-14 : 1e-5, "place", seed);
    lab_free(&lab);
  }
}

/* f32 sums are rounded once: within half a unit in the last place of the f64 sum. */
static void test_cumulative_sum(void) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_lines(seed, 40000, &axis, &x);
    Shape shape = *emit_shape(&lab.e, x);
    NodeId small = lab_input(&lab, lab.e.float_type, shape.rank, shape.dim); /* finite */
    NodeId sum = emit_cumulative_sum(&lab.e, small, axis, lab_pick(&lab, 2), lab_pick(&lab, 2));
    check(&lab, sum, 0, "cumulative sum", seed);
    check(&lab, emit_cumulative_sum(&lab.e, x, axis, false, false), 0, "special", seed);
    lab_free(&lab);
  }
}

/* Windows of any kind over images that are cut into tasks by image and by channel. */
static void test_pools(void) {
  for (uint64_t seed = 1; seed <= 80; seed++) {
    Lab lab;
    NodeId x;
    int64_t dims[4];
    Window w = {0};
    lab_init(&lab, seed % 2 ? DTYPE_F32 : DTYPE_F64, seed);
    dims[0] = 1 + lab_pick(&lab, 5);
    dims[3] = 1 + lab_pick(&lab, seed % 4 ? 5 : 150);
    for (int k = 0; k < 2; k++) {
      w.kernel[k] = 1 + lab_pick(&lab, 5);
      w.stride[k] = 1 + lab_pick(&lab, 4);
      w.dilation[k] = 1 + lab_pick(&lab, 3);
      w.pad[k] = lab_pick(&lab, w.kernel[k]);
      w.pad[2 + k] = lab_pick(&lab, w.kernel[k]);
      dims[1 + k] = w.size[k] = (w.kernel[k] - 1) * w.dilation[k] + 1 + lab_pick(&lab, 20);
    }
    x = lab_input(&lab, lab.e.float_type, 4, dims);
    if (seed % 3 == 0) fill_special(&lab, x);
    NodeId index = emit_pool(&lab.e, OP_POOL_INDEX, x, NODE_NONE, &w);
    NodeId y = emit_pool(&lab.e, OP_POOL_GATHER, x, index, &w);
    check(&lab, index, 0, "pool-index", seed);
    check(&lab, y, 0, "pool-gather", seed);
    NodeId small = lab_input(&lab, lab.e.float_type, 4, emit_shape(&lab.e, y)->dim); /* finite */
    double tolerance = lab.e.float_type == DTYPE_F64 ? 1e-14 : 1e-5;
    check(&lab, emit_pool(&lab.e, OP_POOL_SCATTER, small, index, &w), tolerance, "pool-scatter",
          seed);
    check(&lab, emit_pool(&lab.e, OP_POOL_SPREAD, small, NODE_NONE, &w), 0, "pool-spread", seed);
    check(&lab, emit_pool(&lab.e, OP_POOL_SUM, x, NODE_NONE, &w), 0, "pool-sum", seed);
    lab_free(&lab);
  }
}

static void test_resize(void) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    Lab lab;
    int64_t dims[4], size[2], mode = lab_pick(&(Lab){.state = seed * 77}, 3);
    lab_init(&lab, seed % 2 ? DTYPE_F32 : DTYPE_F64, seed);
    dims[0] = 1 + lab_pick(&lab, 4);
    dims[3] = 1 + lab_pick(&lab, seed % 3 ? 5 : 150);
    for (int k = 0; k < 2; k++) {
      dims[1 + k] = 1 + lab_pick(&lab, 30);
      size[k] = 1 + lab_pick(&lab, 60);
    }
    NodeId x = lab_input(&lab, lab.e.float_type, 4, dims);
    double tolerance = lab.e.float_type == DTYPE_F64 ? 1e-13 : 2e-7;
    check(&lab, emit_resize(&lab.e, OP_RESIZE, x, mode > 0, mode > 1, size), tolerance, "resize",
          seed);
    check(&lab, emit_resize(&lab.e, OP_RESIZE_ADJOINT, x, mode > 0, mode > 1, size), tolerance,
          "resize-adjoint", seed);
    lab_free(&lab);
  }
}

LAB_MAIN("order", {"maxima", test_maxima}, {"sort", test_sort},
         {"lines in order", test_sorted_lines}, {"place", test_place},
         {"cumulative sum", test_cumulative_sum}, {"pools", test_pools}, {"resize", test_resize})
