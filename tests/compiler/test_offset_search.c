/* Offsets of byte intervals: what is alive together lies apart, small cases reach their bound. */
#include "compiler/offset_search.h"
#include "tests/support.h"

static uint64_t state = 88172645463325252u;
static uint32_t random_below(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 33) % n;
}

/* The largest sum of bytes alive at one step. */
static int64_t lower_bound(const OffsetItem *items, uint32_t n) {
  int64_t most = 0;
  for (uint32_t i = 0; i < n; i++) {
    int64_t alive = 0; /* the maximum is reached where some life starts */
    for (uint32_t k = 0; k < n; k++)
      if (items[k].start <= items[i].start && items[i].start <= items[k].end)
        alive += items[k].bytes;
    if (alive > most) most = alive;
  }
  return most;
}

static bool is_valid(const OffsetItem *items, uint32_t n, int64_t bytes) {
  int64_t top = 0;
  for (uint32_t i = 0; i < n; i++) {
    const OffsetItem *a = &items[i];
    if (a->offset < 0 || a->offset % 64) return false;
    if (a->offset + a->bytes > top) top = a->offset + a->bytes;
    for (uint32_t k = 0; k < i; k++) {
      const OffsetItem *b = &items[k];
      bool together = a->start <= b->end && b->start <= a->end;
      if (together && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes)
        return false;
    }
  }
  return top == bytes;
}

static int64_t search(OffsetItem *items, uint32_t n) {
  int64_t bytes = -1;
  Diag *diag = diag_create();
  OffsetBound bound;
  CU_ASSERT_TRUE_FATAL(offset_bound(items, n, &bound));
  CU_ASSERT_EQUAL(bound.bytes, lower_bound(items, n));
  CU_ASSERT_EQUAL(offset_search(items, n, bound.bytes, diag, &bytes), STATUS_OK);
  CU_ASSERT(is_valid(items, n, bytes));
  CU_ASSERT(bytes >= bound.bytes);
  diag_destroy(diag);
  return bytes;
}

static void test_none(void) {
  CU_ASSERT_EQUAL(search(NULL, 0), 0);
  OffsetItem one = {.bytes = 128, .start = 3, .end = 3};
  CU_ASSERT_EQUAL(search(&one, 1), 128);
}

/* A chain: every value dies where the next one is made. Two take turns. */
static void test_chain(void) {
  OffsetItem items[100];
  for (uint32_t i = 0; i < 100; i++)
    items[i] = (OffsetItem){.bytes = 640, .start = i, .end = i + 1};
  CU_ASSERT_EQUAL(search(items, 100), 1280);
}

/* Forward values stay until their backward step: a stack. */
static void test_stack(void) {
  OffsetItem items[64];
  for (uint32_t i = 0; i < 64; i++)
    items[i] = (OffsetItem){.bytes = 64 * (1 + i % 7), .start = i, .end = 128 - i};
  CU_ASSERT_EQUAL(search(items, 64), lower_bound(items, 64));
}

/* A large value that comes late fits where several small ones were. */
static void test_reuse(void) {
  OffsetItem items[] = {{64, 0, 1, 0}, {64, 0, 2, 0}, {64, 1, 2, 0}, {192, 3, 4, 0}, {64, 4, 5, 0}};
  CU_ASSERT_EQUAL(search(items, 5), 256);
}

static void test_random(void) {
  double worst = 1;
  for (int round = 0; round < 400; round++) {
    OffsetItem items[300];
    uint32_t n = 1 + random_below(300), steps = 1 + random_below(200);
    for (uint32_t i = 0; i < n; i++) {
      uint32_t start = random_below(steps), length = random_below(1 + random_below(60));
      items[i] = (OffsetItem){.bytes = 64 * (1 + random_below(1 + random_below(400))),
                              .start = start,
                              .end = start + length};
    }
    double ratio = (double)search(items, n) / (double)lower_bound(items, n);
    if (ratio > worst) worst = ratio;
  }
  printf("worst ratio to the lower bound %.3f ", worst);
  CU_ASSERT(worst < 1.5);
}

/* The bound and the first step that reaches it; a life covers its end. */
static void test_bound(void) {
  OffsetItem items[] = {{64, 0, 1, 0}, {64, 1, 2, 0}, {128, 3, 3, 0}, {64, 4, 4, 0}};
  OffsetBound bound;
  CU_ASSERT_TRUE_FATAL(offset_bound(items, 4, &bound));
  CU_ASSERT_EQUAL(bound.bytes, 128);
  CU_ASSERT_EQUAL(bound.step, 1);
  items[3].start = 3;
  CU_ASSERT_TRUE_FATAL(offset_bound(items, 4, &bound));
  CU_ASSERT_EQUAL(bound.bytes, 192);
  CU_ASSERT_EQUAL(bound.step, 3);
  CU_ASSERT_TRUE_FATAL(offset_bound(items, 0, &bound));
  CU_ASSERT_EQUAL(bound.bytes, 0);
}

static void test_same_again(void) {
  OffsetItem a[200], b[200];
  for (uint32_t i = 0; i < 200; i++)
    a[i] = b[i] = (OffsetItem){.bytes = 64 * (1 + i % 13), .start = i / 3, .end = i / 3 + i % 17};
  CU_ASSERT_EQUAL(search(a, 200), search(b, 200));
  CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
}

/* 30001 items and more take the greedy by time alone. */
static void test_many(void) {
  const uint32_t n = 60000;
  OffsetItem *items = calloc(n, sizeof *items);
  CU_ASSERT_PTR_NOT_NULL_FATAL(items);
  for (uint32_t i = 0; i < n; i++)
    items[i] = (OffsetItem){.bytes = 64 * (1 + i % 5), .start = i, .end = i + 1 + i % 9};
  Diag *diag = diag_create();
  int64_t bytes;
  OffsetBound bound;
  CU_ASSERT_TRUE_FATAL(offset_bound(items, n, &bound));
  CU_ASSERT_EQUAL(offset_search(items, n, bound.bytes, diag, &bytes), STATUS_OK);
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = i + 1; k < n && items[k].start <= items[i].end; k++)
      if (items[i].offset < items[k].offset + items[k].bytes &&
          items[k].offset < items[i].offset + items[i].bytes)
        CU_FAIL_FATAL("overlap");
  CU_ASSERT(bytes < 64 * 5 * 12);
  diag_destroy(diag);
  free(items);
}

int main(void) {
  static const SupportTest tests[] = {
      {"none and one", test_none},   {"a chain", test_chain},
      {"a stack", test_stack},       {"reuse", test_reuse},
      {"random lives", test_random}, {"same again", test_same_again},
      {"the bound", test_bound},     {"many", test_many}};
  return support_run("offset search", tests, sizeof tests / sizeof *tests);
}
