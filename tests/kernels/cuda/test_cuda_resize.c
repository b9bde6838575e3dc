/* resize and its adjoint on CUDA: every mode, larger and smaller, the CPU's bits. */
#include "tests/kernels/cuda/cuda_compare.h"

static void check_resize(uint64_t seed, const int64_t *dims, const int64_t *size, int64_t mode,
                         bool special) {
  char what[100];
  Lab lab;
  lab_init(&lab, seed % 2 ? DTYPE_F32 : DTYPE_F64, seed);
  NodeId x = lab_input(&lab, lab.e.float_type, 4, dims);
  Tensor t = {lab_value(&lab, x), lab.e.float_type, *emit_shape(&lab.e, x)};
  for (int64_t i = 0; special && i < shape_count(&t.shape); i++)
    if (lab_pick(&lab, 10) == 0) tensor_set(&t, i, lab_pick(&lab, 2) ? NAN : INFINITY);
  for (int adjoint = 0; adjoint < 2; adjoint++) {
    NodeId id =
        emit_resize(&lab.e, adjoint ? OP_RESIZE_ADJOINT : OP_RESIZE, x, mode > 0, mode > 1, size);
    snprintf(what, sizeof what, "mode %lld, adjoint %d, %lldx%lld to %lldx%lld, seed %llu",
             (long long)mode, adjoint, (long long)dims[1], (long long)dims[2], (long long)size[0],
             (long long)size[1], (unsigned long long)seed);
    if (id != x) CU_ASSERT(compare_node(&lab, id, special, seed, what));
  }
  lab_free(&lab);
}

static void test_resize(void) {
  for (uint64_t seed = 1; seed <= 45; seed++) {
    Lab lab = {.state = seed * 77};
    int64_t dims[4] = {1 + lab_pick(&lab, 4), 1 + lab_pick(&lab, 20), 1 + lab_pick(&lab, 20),
                       1 + lab_pick(&lab, seed % 3 ? 5 : 70)};
    int64_t size[2] = {1 + lab_pick(&lab, 40), 1 + lab_pick(&lab, 40)};
    check_resize(seed, dims, size, (int64_t)(seed / 2 % 3), seed % 5 == 0);
  }
}

/* One long axis: places need 64 bits. */
static void test_long(void) {
  for (int64_t mode = 0; mode < 3; mode++) {
    check_resize(1, (int64_t[]){1, 1, 70000, 1}, (int64_t[]){1, 50001}, mode, false);
    check_resize(2, (int64_t[]){1, 333, 2, 1}, (int64_t[]){40000, 1}, mode, false);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"resize", test_resize}, {"long axes", test_long}};
  return compare_main("cuda resize", tests, sizeof tests / sizeof *tests);
}
