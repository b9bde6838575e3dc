/* Reads cuhk-03.mat through libhdf5, one call at a time. */
#include "runtime/data/mat_images.h"

#include "graph/base/text.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REFS_MAX (1 << 22)
#define SIDE_MAX 65535
#define PIXELS_MAX ((hsize_t)64 << 20)

/* The library may be built without locks of its own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What is open; negative: nothing. */
typedef struct Mat {
  hid_t file;
} Mat;

static bool mat_begin(Mat *m, const char *path) {
  pthread_mutex_lock(&lock);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* messages are ours */
  m->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  return m->file >= 0;
}

static void mat_end(Mat *m) {
  if (m->file >= 0) H5Fclose(m->file);
  pthread_mutex_unlock(&lock);
}

/* The library believes what a damaged file says of an element's size and of chunks, and reads
 * beyond its own memory then: elements have few bytes, no chunk is larger than the whole, and what
 * is not in chunks is there in full. */
static bool is_stored(hid_t data, size_t size, int rank, const hsize_t *shape) {
  hid_t how = H5Dget_create_plist(data);
  hsize_t chunk[4], bytes = size;
  bool ok = how >= 0 && size >= 1 && size <= 8;
  if (ok && H5Pget_layout(how) == H5D_CHUNKED) {
    ok = H5Pget_chunk(how, 4, chunk) == rank;
    for (int i = 0; ok && i < rank; i++) ok = chunk[i] <= shape[i];
  } else if (ok) {
    for (int i = 0; ok && i < rank; i++) ok = !__builtin_mul_overflow(bytes, shape[i], &bytes);
    ok = ok && H5Dget_storage_size(data) >= bytes;
  }
  if (how >= 0) H5Pclose(how);
  return ok;
}

/* The sides of a set of data, slowest first; returns how many, 0 when it is not of `type`. */
static int dataset_shape(hid_t data, H5T_class_t type, hsize_t shape[4]) {
  hid_t space = H5Dget_space(data), kind = H5Dget_type(data);
  int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : 0;
  bool right = kind >= 0 && H5Tget_class(kind) == type && rank >= 1 && rank <= 4;
  if (right && H5Sget_simple_extent_dims(space, shape, NULL) != rank) right = false;
  right = right && is_stored(data, H5Tget_size(kind), rank, shape);
  if (space >= 0) H5Sclose(space);
  if (kind >= 0) H5Tclose(kind);
  return right ? rank : 0;
}

/* ---- references ---- */

/* Cells: references, MATLAB's columns one after the other. */
typedef struct Refs {
  hobj_ref_t *at;
  hsize_t rows, columns; /* as MATLAB has them */
} Refs;

static bool read_refs(hid_t data, Refs *out) {
  hsize_t shape[4] = {1, 1, 1, 1};
  int rank = dataset_shape(data, H5T_REFERENCE, shape);
  *out = (Refs){.rows = rank == 2 ? shape[1] : shape[0], .columns = rank == 2 ? shape[0] : 1};
  if (rank < 1 || rank > 2 || out->rows > REFS_MAX || out->columns > REFS_MAX ||
      out->rows * out->columns > REFS_MAX)
    return false;
  out->at = calloc((size_t)(out->rows * out->columns) + 1, sizeof *out->at);
  if (!out->at) return false;
  if (H5Dread(data, H5T_STD_REF_OBJ, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->at) >= 0) return true;
  free(out->at);
  out->at = NULL;
  return false;
}

static bool open_refs(const Mat *m, const char *name, Refs *out) {
  hid_t data = H5Dopen2(m->file, name, H5P_DEFAULT);
  bool ok = data >= 0 && read_refs(data, out);
  if (data >= 0) H5Dclose(data);
  return ok;
}

static hid_t follow(const Mat *m, const hobj_ref_t *ref) {
  hid_t object = H5Rdereference2(m->file, H5P_DEFAULT, H5R_OBJECT, ref);
  if (object >= 0 && H5Iget_type(object) == H5I_DATASET) return object;
  if (object >= 0) H5Oclose(object);
  return -1;
}

/* The cells of camera pair `pair`, from 0. */
static bool open_pair(const Mat *m, const char *boxes, hsize_t pair, Refs *out) {
  Refs pairs = {0};
  bool ok = open_refs(m, boxes, &pairs) && pair < pairs.rows * pairs.columns;
  hid_t data = ok ? follow(m, &pairs.at[pair]) : -1;
  free(pairs.at);
  ok = data >= 0 && read_refs(data, out);
  if (data >= 0) H5Dclose(data);
  return ok;
}

/* ---- images ---- */

/* A cell without a picture: MATLAB says so beside its size, others have no elements. */
static bool is_empty(hid_t data) {
  if (H5Aexists(data, "MATLAB_empty") > 0) return true;
  hid_t space = H5Dget_space(data);
  bool none = space >= 0 && H5Sget_simple_extent_npoints(space) == 0;
  if (space >= 0) H5Sclose(space);
  return none;
}

/* Bytes of a picture: height and width are MATLAB's, colours 3 or 1.  False: it is none. */
static bool picture_shape(hid_t data, hsize_t *height, hsize_t *width, hsize_t *colors) {
  hsize_t shape[4];
  if (is_empty(data)) return false;
  int rank = dataset_shape(data, H5T_INTEGER, shape);
  if (rank != 2 && rank != 3) return false;
  *colors = rank == 3 ? shape[0] : 1;
  *width = shape[rank - 2];
  *height = shape[rank - 1];
  return (*colors == 3 || *colors == 1) && *width && *height;
}

/* From planes of columns to rows of pixels. */
static void turn(const uint8_t *from, hsize_t height, hsize_t width, hsize_t colors, uint8_t *to) {
  for (hsize_t y = 0; y < height; y++)
    for (hsize_t x = 0; x < width; x++)
      for (hsize_t c = 0; c < 3; c++)
        to[(y * width + x) * 3 + c] = from[((colors == 3 ? c : 0) * width + x) * height + y];
}

static Status read_picture(hid_t data, Image *out, char *error) {
  hsize_t height, width, colors;
  if (!picture_shape(data, &height, &width, &colors)) {
    text_format(error, IMAGE_ERROR_MAX, "is no picture");
    return STATUS_INVALID;
  }
  if (height > SIDE_MAX || width > SIDE_MAX || height * width > PIXELS_MAX) {
    text_format(error, IMAGE_ERROR_MAX, "is larger than 64 megapixels or 65535 pixels a side");
    return STATUS_INVALID;
  }
  uint8_t *planes = malloc((size_t)(height * width * colors));
  *out = (Image){malloc((size_t)(height * width) * 3), (int64_t)height, (int64_t)width};
  Status status = planes && out->rgb ? STATUS_OK : STATUS_SYSTEM;
  if (status != STATUS_OK)
    text_format(error, IMAGE_ERROR_MAX, "out of memory");
  else if (H5Dread(data, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, planes) < 0) {
    text_format(error, IMAGE_ERROR_MAX, "cannot be read: the file is damaged");
    status = STATUS_INVALID;
  } else {
    turn(planes, height, width, colors, out->rgb);
  }
  free(planes);
  if (status == STATUS_OK) return STATUS_OK;
  free(out->rgb);
  *out = (Image){0};
  return status;
}

const char *mat_image_inside(const char *path) {
  const char *inside = strstr(path, ".mat#");
  char file[4096];
  struct stat info;
  if (!inside || (size_t)(inside - path) + 5 > sizeof file) return NULL;
  inside += 4;
  text_format(file, sizeof file, "%.*s", (int)(inside - path), path);
  return stat(file, &info) == 0 && S_ISREG(info.st_mode) ? inside : NULL;
}

Status mat_image_read(const char *path, const char *inside, Image *out, char *error) {
  char file[4096], boxes[32];
  unsigned pair, person, camera, image;
  *out = (Image){0};
  text_format(file, sizeof file, "%.*s", (int)(inside - path), path);
  if (sscanf(inside, "#%31[a-z]/%u_%u_%u_%u.png", boxes, &pair, &person, &camera, &image) != 5 ||
      !pair || !person || !image) {
    text_format(error, IMAGE_ERROR_MAX, "names no image inside the file");
    return STATUS_INVALID;
  }
  Mat m;
  Refs refs = {0};
  bool ok = mat_begin(&m, file) && open_pair(&m, boxes, pair - 1, &refs) && person <= refs.rows &&
            image <= refs.columns;
  hid_t data = ok ? follow(&m, &refs.at[(image - 1) * refs.rows + person - 1]) : -1;
  Status status = STATUS_INVALID;
  if (data >= 0)
    status = read_picture(data, out, error);
  else
    text_format(error, IMAGE_ERROR_MAX, "cannot be read: the file has no such cell");
  if (data >= 0) H5Dclose(data);
  free(refs.at);
  mat_end(&m);
  return status;
}

/* ---- what there is ---- */

bool mat_images_has(const char *path, const char *boxes) {
  Mat m;
  bool ok = mat_begin(&m, path) && H5Lexists(m.file, boxes, H5P_DEFAULT) > 0;
  mat_end(&m);
  return ok;
}

/* The pictures of one pair that are not empty; false: what is there is none. */
static bool list_pair(const Mat *m, const Refs *refs, uint32_t pair, MatImages *out) {
  for (hsize_t person = 0; person < refs->rows; person++)
    for (hsize_t image = 0; image < refs->columns; image++) {
      hsize_t sides[3];
      hid_t data = follow(m, &refs->at[image * refs->rows + person]);
      if (data < 0) return false;
      bool empty = is_empty(data);
      bool ok = empty || picture_shape(data, &sides[0], &sides[1], &sides[2]);
      H5Dclose(data);
      if (!ok) return false;
      if (!empty)
        out->images[out->n++] = (MatImage){pair + 1, (uint32_t)person + 1, (uint32_t)image + 1};
    }
  return true;
}

static Status list_pairs(const Mat *m, const char *path, const char *boxes, const Refs *pairs,
                         Arena *arena, Diag *diag, MatImages *out) {
  size_t room = 0;
  for (int count = 1; count >= 0; count--) { /* first the room, then the images */
    for (hsize_t pair = 0; pair < pairs->rows * pairs->columns; pair++) {
      Refs refs = {0};
      bool ok = open_pair(m, boxes, pair, &refs);
      if (ok && count)
        room += (size_t)(refs.rows * refs.columns);
      else if (ok)
        ok = list_pair(m, &refs, (uint32_t)pair, out);
      free(refs.at);
      if (!ok)
        return diag_error(diag, STATUS_INVALID, path, "was the file copied whole?",
                          "the cells of camera pair %u of '%s' cannot be read", (unsigned)pair + 1,
                          boxes);
    }
    if (count) out->images = arena_array(arena, room + 1, sizeof *out->images);
    if (!out->images) return diag_no_memory(diag, room * sizeof *out->images);
  }
  return STATUS_OK;
}

Status mat_images_list(const char *path, const char *boxes, Arena *arena, Diag *diag,
                       MatImages *out) {
  Mat m;
  Refs pairs = {0};
  Status status = STATUS_OK;
  *out = (MatImages){0};
  if (!mat_begin(&m, path))
    status =
        diag_error(diag, STATUS_INVALID, path, "cuhk-03.mat as CUHK03 comes (version 7.3, HDF5)",
                   "is no HDF5 file, or is damaged");
  else if (!open_refs(&m, boxes, &pairs))
    status = diag_error(diag, STATUS_INVALID, path, "cuhk-03.mat as CUHK03 comes",
                        "has no cells '%s'", boxes);
  if (status == STATUS_OK) {
    out->pairs = (uint32_t)(pairs.rows * pairs.columns);
    status = list_pairs(&m, path, boxes, &pairs, arena, diag, out);
  }
  free(pairs.at);
  mat_end(&m);
  return status;
}

/* Two columns of numbers: pairs and persons. */
static Status read_test_set(hid_t data, const char *path, Arena *arena, Diag *diag, MatImage **out,
                            size_t *n) {
  hsize_t shape[4];
  int rank = dataset_shape(data, H5T_FLOAT, shape);
  if (rank != 2 || shape[0] != 2 || shape[1] > REFS_MAX)
    return diag_error(diag, STATUS_INVALID, path, NULL,
                      "'testsets' has a cell that is no list of camera pairs and persons");
  size_t rows = (size_t)shape[1];
  double *numbers = arena_array(arena, rows * 2 + 1, sizeof *numbers);
  *out = arena_array(arena, rows + 1, sizeof **out);
  if (!numbers || !*out) return diag_no_memory(diag, rows * 2 * sizeof *numbers);
  if (H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) < 0)
    return diag_error(diag, STATUS_INVALID, path, NULL, "'testsets' cannot be read");
  for (size_t i = 0; i < rows; i++) {
    double pair = numbers[i], person = numbers[rows + i];
    if (pair >= 1 && pair < REFS_MAX && person >= 1 && person < REFS_MAX)
      (*out)[(*n)++] = (MatImage){(uint32_t)pair, (uint32_t)person, 0};
  }
  return STATUS_OK;
}

Status mat_images_test_set(const char *path, uint32_t set, Arena *arena, Diag *diag, MatImage **out,
                           size_t *n) {
  Mat m;
  Refs sets = {0};
  Status status = STATUS_OK;
  *out = NULL;
  *n = 0;
  if (mat_begin(&m, path) && open_refs(&m, "testsets", &sets) && set < sets.rows * sets.columns) {
    hid_t data = follow(&m, &sets.at[set]);
    if (data >= 0) {
      status = read_test_set(data, path, arena, diag, out, n);
      H5Dclose(data);
    }
  }
  free(sets.at);
  mat_end(&m);
  return status;
}
