/* Shards of a batch: whole units, every row once, as many as there are units and shards. */
#include "kernels/shards.h"
#include "tests/support.h"

static void check(Batch batch, int64_t rows, uint32_t shards, int64_t groups, int64_t units,
                  int64_t unit) {
  Symbols *symbols = symbols_create();
  Graph *g = graph_create(symbols);
  uint32_t index = batch.groups ? graph_add_batch(g, batch) : 0;
  Shards s = shards_rows(g, index, rows, shards);
  CU_ASSERT_EQUAL(s.groups, groups);
  CU_ASSERT_EQUAL(s.units, units);
  CU_ASSERT_EQUAL(s.unit, unit);
  CU_ASSERT_EQUAL(s.n, units < (int64_t)shards ? units : (int64_t)shards);
  int *seen = calloc((size_t)rows, sizeof *seen);
  for (uint32_t j = 0; j < s.n; j++)
    for (int64_t k = 0; k < s.groups; k++) {
      int64_t first, last;
      shards_segment(&s, j, k, &first, &last);
      CU_ASSERT(first < last && first % s.unit == 0 && last % s.unit == 0);
      /* floor(jU/n) .. floor((j+1)U/n) of its group */
      CU_ASSERT_EQUAL(first, (k * units + (int64_t)j * units / s.n) * unit);
      for (int64_t row = first; row < last && row < rows; row++) seen[row]++;
    }
  for (int64_t row = 0; row < rows; row++) CU_ASSERT_EQUAL(seen[row], 1);
  free(seen);
  graph_destroy(g);
  symbols_destroy(symbols);
}

static void test_batches(void) {
  check((Batch){3, 8, 4, 0}, 96, 4, 3, 8, 4);  /* as declared */
  check((Batch){3, 8, 4, 0}, 96, 16, 3, 8, 4); /* fewer units than shards */
  check((Batch){3, 5, 7, 0}, 105, 4, 3, 5, 7); /* units that shards do not divide */
  check((Batch){3, 8, 4, 0}, 32, 4, 1, 8, 4);  /* the rows of one group */
  check((Batch){1, 8, 4, 0}, 32, 4, 1, 8, 4);
}

/* Rows that the declaration does not fit, and none: one group of single rows. */
static void test_others(void) {
  check((Batch){3, 8, 4, 0}, 97, 4, 1, 97, 1);
  check((Batch){3, 8, 4, 0}, 24, 4, 1, 24, 1);
  check((Batch){0, 0, 0, 0}, 10, 4, 1, 10, 1);
  check((Batch){0, 0, 0, 0}, 3, 4, 1, 3, 1);
  check((Batch){0, 0, 0, 0}, 1, 1, 1, 1, 1);
}

int main(void) {
  static const SupportTest tests[] = {{"batches", test_batches}, {"others", test_others}};
  return support_run("shards", tests, sizeof tests / sizeof *tests);
}
