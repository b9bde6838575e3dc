/* Pickles of one storage, and what a reader says of wrong ones. */
#ifndef TESTS_PTH_PICKLES_H
#define TESTS_PTH_PICKLES_H

#include "runtime/execute/safetensors.h"
#include "tests/pth_write.h"

static const float floats[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static inline Bytes begin(void) {
  Bytes b = {0};
  OPS(&b, "\x80\2");
  return b;
}

#define PICKLE(NAME, LITERAL)                                                                      \
  Bytes NAME = begin();                                                                            \
  OPS(&NAME, LITERAL)

static const PthBlock one = {"0", "Float", 12, floats, 48};

/* A key and a tensor of one element, `value` of the floats. */
static inline void add_one(Bytes *b, const char *name, int64_t value) {
  op_text(b, name);
  op_tensor(b, &one, (PthView){value, 1, {1}, {1}});
  op(b, 's');
}

/* The file is refused by one message, which holds all the parts. */
static inline void refused(const char *what, const char *path, const char *const *parts) {
  SafeFile *file = NULL;
  Diag *diag = diag_create();
  Status status = safe_read(path, diag, &file);
  char *text = support_messages(diag);
  bool ok = status == STATUS_INVALID && !file && diag_error_count(diag) == 1;
  for (; *parts; parts++) ok = ok && strstr(text, *parts);
  if (!ok) printf("\n%s: status %d\n%s", what, (int)status, text);
  CU_ASSERT(ok);
  free(text);
  safe_close(file);
  diag_destroy(diag);
}

#endif
