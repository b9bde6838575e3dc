/* What pth_read.c and pth_tensors.c share: the storages of a PyTorch file. */
#ifndef RUNTIME_EXECUTE_PTH_PARTS_H
#define RUNTIME_EXECUTE_PTH_PARTS_H

#include "runtime/execute/pth_pickle.h"
#include "runtime/execute/safe_file.h"

/* One block of elements, which several tensors may share. */
typedef struct PthStorage {
  const char *key; /* its name in the file, without a 0 behind it */
  uint32_t key_length;
  const PickleGlobal *type;
  int64_t count;    /* elements */
  const char *data; /* NULL: not found yet */
} PthStorage;

typedef struct Pth {
  const char *path;
  SafeFile *file;
  Pickle *pickle;
  PthStorage *storages; /* sorted by key */
  uint32_t n_storages;
  bool swapped;          /* the highest byte of an element stands first */
  const char *container; /* for the note: "zip" */
  Diag *diag;
} Pth;

/* NULL: the pickle names none of this key. */
PthStorage *pth_storage_find(const Pth *pth, const char *key, size_t length);

/* Fills pth->file with the tensors that the pickle's value `root` holds by name, and its note. */
Status pth_tensors(Pth *pth, uint32_t root);

#endif
