/* What tests share: temporary folders, models from text, messages as one string. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "compiler/pipeline.h"
#include "kernels/cpu/target.h"
#include "kernels/targets.h"
#include "ops/ops.h"

#include <CUnit/Basic.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline const char *support_folder(void) {
  static char folder[256];
  if (!*folder) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/graphc-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) {
      perror(folder);
      exit(1);
    }
  }
  return folder;
}

static inline const char *support_path(const char *name) {
  static char path[64][512];
  static int next;
  char *p = path[next++ % 64];
  snprintf(p, sizeof path[0], "%s/%s", support_folder(), name);
  return p;
}

static inline const char *support_write(const char *name, const char *text) {
  const char *path = support_path(name);
  FILE *out = fopen(path, "w");
  if (!out || fputs(text, out) < 0 || fclose(out) != 0) {
    perror(path);
    exit(1);
  }
  return path;
}

static inline void support_clean(void) {
  char command[600];
  snprintf(command, sizeof command, "rm -rf '%s'", support_folder());
  if (system(command) != 0) perror(command);
}

/* Calls `visit` with every model of files like `pattern`, which passes libraries by; how many. */
static inline uint32_t support_each_model(const char *pattern, void (*visit)(const char *path)) {
  glob_t found;
  uint32_t n = 0;
  if (glob(pattern, 0, NULL, &found) != 0) return 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    char text[16] = "";
    FILE *file = fopen(found.gl_pathv[i], "r");
    if (file && fread(text, 1, 7, file) == 7 && strcmp(text, "<model ") == 0)
      visit(found.gl_pathv[i]), n++;
    if (file) fclose(file);
  }
  globfree(&found);
  return n;
}

/* All messages as printed; the caller frees. */
static inline char *support_messages(Diag *diag) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) exit(1);
  diag_print(diag, out);
  fclose(out);
  return text;
}

/* A compiled model; destroy with support_release. */
typedef struct Compiled {
  Diag *diag;
  Model *model;
  Plan *plan;
  Status status;
} Compiled;

static inline Compiled support_compile(const char *path, const char *const *defines, uint32_t n,
                                       DType precision) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {
      .build = {.precision = precision_plain(precision), .shards = 4, .target = &target_cpu},
      .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  return c;
}

static inline void support_release(Compiled *c) {
  pipeline_release(c->plan);
  model_destroy(c->model);
  diag_destroy(c->diag);
}

/* Whether a test that else does a part of its cases shall do all: tests/CMakeLists.txt. */
static inline bool support_all(void) {
  return getenv("TESTS_ALL") != NULL;
}

/* Whether cases run that take long under the sanitizers and whose like has run: there for --full
 * only. */
static inline bool support_long(void) {
#ifdef __SANITIZE_ADDRESS__
  return support_all();
#else
  return true;
#endif
}

typedef struct SupportTest {
  const char *name;
  void (*run)(void);
} SupportTest;

/* Runs all tests of a program; the value is main's. */
static inline int support_run(const char *suite, const SupportTest *tests, size_t n) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite(suite, NULL, NULL);
  for (size_t i = 0; i < n; i++)
    if (!s || !CU_add_test(s, tests[i].name, tests[i].run)) return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  support_clean();
  return failures != 0;
}

#endif
