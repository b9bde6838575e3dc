/* Constants and random numbers on CUDA: the CPU's bits. */
#include "tests/kernels/cuda/cuda_compare.h"

static void random_of(bool uniform, DType dtype, Shape shape, int64_t seed_value) {
  Lab lab;
  lab_init(&lab, dtype, 5);
  NodeId seed = lab_input(&lab, DTYPE_I64, 0, NULL), step = lab_input(&lab, DTYPE_I64, 0, NULL);
  int64_t site = strings_intern(lab.symbols->strings, "some/site"), type = dtype,
          distribution = uniform ? RANDOM_UNIFORM : RANDOM_NORMAL;
  EmitAttr attrs[] = {{&site, 1}, {&distribution, 1}, {shape.dim, shape.rank}, {&type, 1}};
  NodeId inputs[] = {seed, step}, id = emit_node(&lab.e, OP_RANDOM, inputs, 2, attrs);
  *(int64_t *)lab_value(&lab, seed) = seed_value;
  *(int64_t *)lab_value(&lab, step) = 1234567890123;
  CU_ASSERT(compare_node(&lab, id, false, (uint64_t)seed_value, uniform ? "uniform" : "normal"));
  lab_free(&lab);
}

static void random_numbers(void) {
  for (int i = 0; i < 4; i++) {
    random_of(i & 1, i & 2 ? DTYPE_F64 : DTYPE_F32, (Shape){1, {70001}}, 7 + i);
    random_of(i & 1, i & 2 ? DTYPE_F64 : DTYPE_F32, (Shape){3, {2, 1, 5}}, -1 - i);
    random_of(i & 1, i & 2 ? DTYPE_F64 : DTYPE_F32, (Shape){0}, INT64_MIN + i);
  }
}

/* Fills and lists of every type, with what each can hold at its ends. */
static void constants(void) {
  for (int type = 0; type < DTYPE_COUNT; type++) {
    const DTypeDesc *d = dtype_desc((DType)type);
    double values[3000];
    for (int i = 0; i < 3000; i++) {
      values[i] = d->is_float ? i * 0.37 - 30 : type == DTYPE_BOOL ? i % 3 == 0 : i - 1500;
      if (type != DTYPE_BOOL && i % 100 == 0) values[i] = 0x1p31 - 1;
      if (d->is_float && i % 100 == 1) values[i] = d->largest;
      if (d->is_float && i % 100 == 2) values[i] = -d->least;
    }
    for (int kind = 0; kind < 3; kind++) {
      Lab lab;
      lab_init(&lab, (DType)type, 5);
      Shape shape = {2, {30, 100}}, scalar = {0};
      NodeId id = kind == 0   ? emit_constant_list(&lab.e, values, (DType)type, &shape)
                  : kind == 1 ? emit_constant(&lab.e, values[1], (DType)type, &shape)
                              : emit_constant(&lab.e, values[0], (DType)type, &scalar);
      CU_ASSERT(compare_node(&lab, id, false, (uint64_t)(kind + 3 * type), d->name));
      lab_free(&lab);
    }
  }
}

int main(void) {
  static const SupportTest tests[] = {{"random numbers", random_numbers}, {"constants", constants}};
  return compare_main("cuda_leaf", tests, sizeof tests / sizeof *tests);
}
