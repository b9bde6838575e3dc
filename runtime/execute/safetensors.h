/* Files of tensors.  Written and read are safetensors: 8 bytes of header length, a JSON header, raw
 * little-endian tensors that follow each other without gap or overlap
 * (github.com/huggingface/safetensors, "Format").  Read as well is what torch.save writes (.pth):
 * pth_read.c. */
#ifndef RUNTIME_EXECUTE_SAFETENSORS_H
#define RUNTIME_EXECUTE_SAFETENSORS_H

#include "graph/ir/tensor.h"

typedef enum FileType {
  FILE_F64,
  FILE_F32,
  FILE_F16,
  FILE_BF16,
  FILE_I64,
  FILE_I32,
  FILE_I16,
  FILE_I8,
  FILE_U64,
  FILE_U32,
  FILE_U16,
  FILE_U8,
  FILE_BOOL,
  FILE_OTHER /* one that is not read: the tensor may be there, but not be taken */
} FileType;

#define FILE_RANK_MAX 8 /* dimensions that are kept */

typedef struct FileTensor {
  const char *name, *type_name; /* type_name: as the file spells it */
  FileType type;
  int rank; /* may be larger than FILE_RANK_MAX: such a tensor fits no shape */
  int64_t dim[FILE_RANK_MAX];
  int64_t count, bytes;
  const void *data; /* not aligned */
} FileTensor;

/* A file that was read: tensors sorted by name, metadata as pairs. */
typedef struct SafeFile SafeFile;
/* Which format it has, its first bytes tell.  STATUS_INVALID for whatever the format forbids, for
 * what of a .pth is not data, and when the tensors do not match the hash that safe_write put there.
 * An element type that is not read is no error. */
Status safe_read(const char *path, Diag *diag, SafeFile **out_file);
void safe_close(SafeFile *file);
uint32_t safe_count(const SafeFile *file);
const FileTensor *safe_tensor(const SafeFile *file, uint32_t index);
const FileTensor *safe_find(const SafeFile *file, const char *name); /* NULL: not there */
const char *safe_metadata(const SafeFile *file, const char *key);    /* NULL: not there */

/* Of a PyTorch file, which part of it the tensors are and what else it has; else NULL. */
const char *safe_note(const SafeFile *file);

/* Element as a double; not of FILE_OTHER. */
double file_tensor_get(const FileTensor *tensor, int64_t i);
/* `(2, 3)`. */
const char *file_tensor_shape(const FileTensor *tensor, char *text, size_t size);
/* An error at `PATH: tensor NAME`. */
Status file_tensor_error(const char *path, const char *name, Diag *diag, const char *hint,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same as a warning. */
void file_tensor_warning(const char *path, const char *name, Diag *diag, const char *hint,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

/* True when it has the shape and may become the type without loss but rounding: integers become
 * floats, never the other way.  Else an error at `PATH: tensor NAME`; `as` (may be NULL) is what it
 * would be taken for, `hint` (may be NULL) what to do about another shape. */
Status file_tensor_check(const FileTensor *tensor, const char *path, DType dtype,
                         const Shape *shape, const char *as, const char *hint, Diag *diag);
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
 * PATH.prev.  On failure the old file is untouched.  STATUS_INVALID when a name or a text of the
 * metadata is no UTF-8, which the format cannot hold. */
Status safe_write(const char *path, const SaveTensor *tensors, uint32_t n, const SaveMeta *metadata,
                  uint32_t n_metadata, bool keep_previous, Diag *diag);

#endif
