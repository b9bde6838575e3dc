/* A file of tensors as its readers make it: safetensors_read.c and pth_read.c. */
#ifndef RUNTIME_EXECUTE_SAFE_FILE_H
#define RUNTIME_EXECUTE_SAFE_FILE_H

#include "graph/base/arena.h"
#include "runtime/execute/safetensors.h"

#include <jansson.h>

struct SafeFile {
  char *bytes; /* the file, mapped; tensors point into it */
  size_t length;
  size_t data_at;      /* of safetensors: where the tensors begin */
  FileTensor *tensors; /* sorted by name */
  uint32_t n;
  json_t *header;   /* of safetensors: names and metadata; else NULL */
  Arena *arena;     /* of PyTorch's: names, and tensors that lie otherwise; else NULL */
  const char *note; /* of PyTorch's: what was read of it; else NULL */
};

/* Fill tensors, n and what is theirs from bytes. */
Status safetensors_parse(const char *path, SafeFile *file, Diag *diag);
Status pth_parse(const char *path, SafeFile *file, Diag *diag);
/* True of what only pth_parse can read, perhaps to say why it does not. */
bool pth_recognise(const SafeFile *file);

#endif
