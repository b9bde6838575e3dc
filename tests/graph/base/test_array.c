/* Arrays that grow: what was there stays, what is added is zero, and a size that does not fit, or
 * memory that is not there, is a status that leaves everything as it was. */
#include "graph/base/array.h"
#include "tests/support.h"

typedef struct Row {
  uint64_t number;
  char text[24];
} Row;

static bool all_zero(const void *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (((const char *)data)[i]) return false;
  return true;
}

/* Appends one by one; how often the array moved says that it doubles. */
static void appending(void) {
  Row *rows = NULL;
  uint32_t cap = 0, grown = 0;
  for (uint32_t n = 0; n < 100000; n++) {
    uint32_t before = cap;
    CU_ASSERT_EQUAL_FATAL(ARRAY_RESERVE(rows, cap, n, 1, NULL), STATUS_OK);
    CU_ASSERT_FATAL(cap > n && (cap == before || cap >= 2 * before));
    grown += cap != before;
    CU_ASSERT_FATAL(cap == before || all_zero(&rows[n], (cap - n) * sizeof *rows));
    rows[n].number = n + 1;
  }
  CU_ASSERT(grown < 20);
  for (uint32_t n = 0; n < 100000; n++) CU_ASSERT_EQUAL(rows[n].number, n + 1);
  free(rows);
}

/* By index: everything below the index is there, and zero. */
static void indexing(void) {
  uint32_t *by_name = NULL, cap = 0;
  CU_ASSERT_EQUAL(ARRAY_RESERVE(by_name, cap, 5, 1, NULL), STATUS_OK);
  by_name[5] = 7;
  CU_ASSERT_EQUAL(ARRAY_RESERVE(by_name, cap, 1000, 1, NULL), STATUS_OK);
  CU_ASSERT(cap > 1000 && by_name[5] == 7 && all_zero(by_name + 6, (cap - 6) * sizeof *by_name));
  free(by_name);
}

static void many_at_once(void) {
  char *bytes = NULL;
  size_t cap = 0;
  CU_ASSERT_EQUAL(ARRAY_RESERVE(bytes, cap, 0, 100000, NULL), STATUS_OK);
  CU_ASSERT(cap >= 100000 && all_zero(bytes, cap));
  const char *same = bytes;
  size_t have = cap;
  CU_ASSERT_EQUAL(ARRAY_RESERVE(bytes, cap, 99999, 1, NULL), STATUS_OK);
  CU_ASSERT(bytes == same && cap == have);
  CU_ASSERT_EQUAL(ARRAY_RESERVE(bytes, cap, 0, 0, NULL), STATUS_OK);
  CU_ASSERT(bytes == same && cap == have);
  free(bytes);
}

static void exactly(void) {
  uint16_t *list = NULL;
  CU_ASSERT_EQUAL(ARRAY_EXTEND(list, 0, 0, NULL), STATUS_OK);
  for (uint16_t n = 0; n < 100; n++) {
    CU_ASSERT_EQUAL_FATAL(ARRAY_EXTEND(list, n, 1, NULL), STATUS_OK);
    CU_ASSERT_EQUAL(list[n], 0);
    list[n] = n;
  }
  for (uint16_t n = 0; n < 100; n++) CU_ASSERT_EQUAL(list[n], n);
  free(list);
}

static void in_an_arena(void) {
  Arena *arena = arena_create();
  uint32_t *list = NULL, cap = 0;
  for (uint32_t n = 0; n < 10000; n++) {
    CU_ASSERT_EQUAL_FATAL(ARRAY_RESERVE_IN(arena, list, cap, n, 1, NULL), STATUS_OK);
    CU_ASSERT_EQUAL(list[n], 0);
    list[n] = n;
  }
  for (uint32_t n = 0; n < 10000; n++) CU_ASSERT_EQUAL(list[n], n);
  const uint32_t *before = list;
  CU_ASSERT_EQUAL(ARRAY_RESERVE_IN(arena, list, cap, UINT32_MAX, 1, NULL), STATUS_SYSTEM);
  CU_ASSERT_PTR_EQUAL(list, before);
  arena_destroy(arena);
}

/* ---- what does not fit ---- */

/* One complaint, and nothing has changed. */
static void expect_refused(Status status, Diag *diag) {
  char *text = support_messages(diag);
  CU_ASSERT_EQUAL(status, STATUS_SYSTEM);
  CU_ASSERT(strncmp(text, "error: out of memory (", 22) == 0);
  CU_ASSERT_EQUAL(diag_error_count(diag), 1);
  free(text);
  diag_clear(diag);
}

static void sizes_that_overflow(void) {
  Diag *diag = diag_create();
  Row *rows = NULL;
  uint32_t cap = 0;
  CU_ASSERT_EQUAL_FATAL(ARRAY_RESERVE(rows, cap, 0, 3, diag), STATUS_OK);
  const Row *before = rows;
  uint32_t cap_before = cap;
  /* more than a count of 32 bits holds, also where used + more would be small again */
  expect_refused(ARRAY_RESERVE(rows, cap, UINT32_MAX, 1, diag), diag);
  expect_refused(ARRAY_RESERVE(rows, cap, UINT32_MAX, UINT32_MAX, diag), diag);
  CU_ASSERT(rows == before && cap == cap_before);
  size_t wide = cap;
  /* used + more, and the bytes of them, beyond 64 bits or what a pointer can span */
  expect_refused(ARRAY_RESERVE(rows, wide, SIZE_MAX, 2, diag), diag);
  expect_refused(ARRAY_RESERVE(rows, wide, 0, SIZE_MAX / sizeof(Row) + 2, diag), diag);
  expect_refused(ARRAY_RESERVE(rows, wide, 0, SIZE_MAX / 2 / sizeof(Row) + 2, diag), diag);
  expect_refused(ARRAY_EXTEND(rows, SIZE_MAX, 2, diag), diag);
  expect_refused(ARRAY_EXTEND(rows, 3, SIZE_MAX / sizeof(Row), diag), diag);
  CU_ASSERT(rows == before && wide == cap_before);
  free(rows);
  diag_destroy(diag);
}

/* No machine has 2^46 bytes for one array.  The sanitizer's allocator returns NULL like the
 * system's because tests/CMakeLists.txt says so. */
static void memory_that_is_not_there(void) {
  Diag *diag = diag_create();
  Row *rows = NULL;
  size_t cap = 0, many = ((size_t)1 << 46) / sizeof(Row);
  CU_ASSERT_EQUAL_FATAL(ARRAY_RESERVE(rows, cap, 0, 1, diag), STATUS_OK);
  rows[0].number = 42;
  const Row *before = rows;
  size_t cap_before = cap;
  expect_refused(ARRAY_RESERVE(rows, cap, 1, many, diag), diag);
  expect_refused(ARRAY_EXTEND(rows, 1, many, diag), diag);
  CU_ASSERT_EQUAL(ARRAY_RESERVE(rows, cap, 1, many, NULL), STATUS_SYSTEM);
  CU_ASSERT(rows == before && cap == cap_before && rows[0].number == 42);
  free(rows);
  diag_destroy(diag);
}

int main(void) {
  static const SupportTest tests[] = {{"appending", appending},
                                      {"indexing", indexing},
                                      {"many at once", many_at_once},
                                      {"exactly", exactly},
                                      {"in an arena", in_an_arena},
                                      {"sizes that overflow", sizes_that_overflow},
                                      {"memory that is not there", memory_that_is_not_there}};
  return support_run("array", tests, sizeof tests / sizeof *tests);
}
