/* What tests of data sets share: a set's messages, sets that are good, sets that are refused. */
#ifndef TESTS_RUNTIME_DATA_DATA_TEST_H
#define TESTS_RUNTIME_DATA_DATA_TEST_H

#include "runtime/data/dataset.h"
#include "runtime/data/layout.h"
#include "tests/support.h"

/* Reads a set and returns its messages with the test's folder written as `~`; the caller frees. */
static inline char *read_set(const char *path, Status expected, DataSet **out) {
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(dataset_read(path, diag, out), expected);
  char *text = support_messages(diag);
  size_t n = strlen(support_folder());
  for (char *at = text; (at = strstr(at, support_folder()));) {
    *at = '~';
    memmove(at + 1, at + n, strlen(at + n) + 1);
  }
  diag_destroy(diag);
  return text;
}

/* A set that is read without a word. */
static inline DataSet *read_good(const char *path) {
  DataSet *data;
  char *text = read_set(path, STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text, "");
  free(text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(data);
  return data;
}

/* A set that is refused; `expected` has $FORM for the list of layouts. */
static inline void check_bad(const char *path, const char *expected) {
  DataSet *data;
  char *text = read_set(path, STATUS_INVALID, &data), whole[2048];
  Arena *arena = arena_create();
  const char *at = strstr(expected, "$FORM");
  if (at)
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(at - expected), expected,
             data_layouts_form(arena), at + 5);
  else
    snprintf(whole, sizeof whole, "%s", expected);
  CU_ASSERT_PTR_NULL(data);
  if (strcmp(text, whole) != 0) printf("\n--- is\n%s--- not\n%s", text, whole);
  CU_ASSERT_STRING_EQUAL(text, whole);
  free(text);
  arena_destroy(arena);
}

#endif
