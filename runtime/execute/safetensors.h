/* Safetensors files: 8 bytes of header length, a JSON header, raw little-endian tensors. */
#ifndef RUNTIME_EXECUTE_SAFETENSORS_H
#define RUNTIME_EXECUTE_SAFETENSORS_H

#include "graph/ir/tensor.h"

typedef enum FileType {
  FILE_F32,
  FILE_F64,
  FILE_F16,
  FILE_BF16,
  FILE_I32,
  FILE_I64,
  FILE_BOOL,
  FILE_U8
} FileType;

typedef struct FileTensor {
  const char *name;
  FileType type;
  int rank;
  int64_t dim[8];
  int64_t count;
  const void *data;
} FileTensor;

/* A file that was read: tensors sorted by name, metadata as pairs. */
typedef struct SafeFile SafeFile;
/* STATUS_INVALID also when the tensors do not match the hash that safe_write put there. */
Status safe_read(const char *path, Diag *diag, SafeFile **out_file);
void safe_close(SafeFile *file);
uint32_t safe_count(const SafeFile *file);
const FileTensor *safe_tensor(const SafeFile *file, uint32_t index);
const FileTensor *safe_find(const SafeFile *file, const char *name); /* NULL: not there */
const char *safe_metadata(const SafeFile *file, const char *key);    /* NULL: not there */
/* Element as a double. */
double file_tensor_get(const FileTensor *tensor, int64_t i);
/* `(2, 3)`. */
const char *file_tensor_shape(const FileTensor *tensor, char *text, size_t size);

/* True when it has the shape and may become the type: integers become floats, never the other way.
 * Else an error at `FILE: tensor NAME`; `as` (may be NULL) is what it would be taken for. */
Status file_tensor_check(const FileTensor *tensor, const char *path, DType dtype,
                         const Shape *shape, const char *as, Diag *diag);
/* Copies the elements, converted to the type of `to`; the caller has checked the tensor. */
void file_tensor_copy(const Tensor *to, const FileTensor *from);

/* What is to be written; `shape` and `data` are borrowed. */
typedef struct SaveTensor {
  const char *name;
  DType dtype;
  Shape shape;
  const void *data;
} SaveTensor;
typedef struct SaveMeta {
  const char *key, *value;
} SaveMeta;
/* Writes sorted by name, with a hash of the tensors as further metadata: to a temporary file beside
 * `path`, fsync, rename, fsync of the folder; with `keep_previous` the file before stays as
 * PATH.prev.  On failure the old file is untouched.
 */
Status safe_write(const char *path, const SaveTensor *tensors, uint32_t n, const SaveMeta *metadata,
                  uint32_t n_metadata, bool keep_previous, Diag *diag);

#endif
