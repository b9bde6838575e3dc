/* Files of features: safetensors with the rows as a tensor and what is known of the images as JSON
 * in its metadata; or NPY beside a table. */
#include "graph/base/open_file.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/data/csv_write.h"
#include "runtime/data/layout.h"
#include "runtime/eval/described.h"
#include "runtime/eval/evaluation.h"
#include "runtime/execute/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "graphrun features 1"
#define TENSOR "features"
#define MADE_BY "a file that `graphrun extract PLAN -o F.safetensors` wrote"

static const char *const splits[] = {"train", "query", "gallery"};
/* Lists in the metadata `images`; flags last. */
static const char *const columns[] = {"path",  "pid",    "camera",    "domain",
                                      "split", "nobody", "unreadable"};
enum { PATH, PID, CAMERA, DOMAIN, SPLIT, NOBODY, UNREADABLE, COLUMNS };

/* The texts of a row, in the order of `columns`; flags are "0" and "1". */
static void row_texts(const Described *d, int64_t row, const char *texts[COLUMNS]) {
  const DataDomain *domain;
  const DataImage *image = described_image(d, row, &domain);
  texts[PATH] = image->path;
  texts[PID] = domain->pids[image->pid];
  texts[CAMERA] = domain->cameras[image->camera];
  texts[DOMAIN] = domain->name;
  texts[SPLIT] = splits[image->split];
  texts[NOBODY] = image->nobody ? "1" : "0";
  texts[UNREADABLE] = d->features.bad[row] ? "1" : "0";
}

/* ---- writing safetensors ---- */

static json_t *images_object(const Described *d) {
  json_t *object = json_object(), *lists[COLUMNS];
  bool ok = object != NULL;
  for (int c = 0; c < COLUMNS; c++) {
    lists[c] = json_array();
    ok = json_object_set_new(object, columns[c], lists[c]) == 0 && ok;
  }
  for (int64_t i = 0, n = described_count(d); ok && i < n; i++) {
    const char *texts[COLUMNS];
    row_texts(d, i, texts);
    for (int c = 0; ok && c < COLUMNS; c++)
      ok = json_array_append_new(lists[c], c < NOBODY ? json_string(texts[c])
                                                      : json_boolean(*texts[c] == '1')) == 0;
  }
  if (ok) return object;
  json_decref(object);
  return NULL;
}

static json_t *domains_list(const Described *d) {
  json_t *list = json_array();
  bool ok = list != NULL;
  for (uint32_t k = 0; ok && k < d->data->n_domains; k++) {
    const DataDomain *domain = &d->data->domains[k];
    char own[20], files[20];
    snprintf(own, sizeof own, "%016" PRIx64, domain->fingerprint);
    snprintf(files, sizeof files, "%016" PRIx64, evaluation_files(domain));
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "name", domain->name, "layout",
                               domain->layout->word, "fingerprint", own, "files", files);
    ok = json_array_append_new(list, object) == 0 &&
         (!domain->splits ||
          json_object_set_new(object, "splits", json_string(domain->splits)) == 0);
  }
  if (ok) return list;
  json_decref(list);
  return NULL;
}

static char *dump(json_t *json) {
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  return text;
}

static json_t *params_object(const DescribedBy *by) {
  json_t *object = json_object();
  for (uint32_t i = 0; i < by->n_params; i++)
    json_object_set_new(object, by->params[2 * i], json_string(by->params[2 * i + 1]));
  return object;
}

static json_t *trained_list(const DescribedBy *by) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < by->n_domains; i++)
    json_array_append_new(list, json_string(by->domains[i]));
  return list;
}

static Status write_safetensors(const Described *d, const char *path, Diag *diag) {
  char *images = dump(images_object(d)), *domains = dump(domains_list(d)),
       *trained = dump(trained_list(&d->by)), *params = dump(params_object(&d->by)), hash[20],
       weights[20], whole[20];
  snprintf(hash, sizeof hash, "%016" PRIx64, d->by.model_hash);
  snprintf(weights, sizeof weights, "%016" PRIx64, d->by.weights_hash);
  snprintf(whole, sizeof whole, "%016" PRIx64, d->data->fingerprint);
  const SaveMeta metadata[] = {{"format", FORMAT},         {"model", d->by.model},
                               {"model_hash", hash},       {"precision", d->by.precision},
                               {"choices", d->by.choices}, {"weights", d->by.weights},
                               {"weights_hash", weights},  {"step", d->by.step},
                               {"params", params},         {"training_domains", trained},
                               {"data", d->data->path},    {"fingerprint", whole},
                               {"domains", domains},       {"images", images}};
  const SaveTensor tensor = {
      TENSOR,
      DTYPE_F32,
      {.rank = 2, .dim = {described_count(d), d->features.dim}},
      d->features.rows,
  };
  Status status =
      images && domains && trained && params
          ? safe_write(path, &tensor, 1, metadata, sizeof metadata / sizeof *metadata, false, diag)
          : diag_error(diag, STATUS_INVALID, path,
                       "rename the files, or write an .npy file, whose table takes any name",
                       "a path of an image is no UTF-8 text, which the file cannot hold");
  free(images);
  free(domains);
  free(trained);
  free(params);
  return status;
}

/* ---- writing NPY and a table ---- */

static Status replace(const char *path, const FilePart *parts, size_t n, Diag *diag) {
  int error = file_replace(path, parts, n, false);
  return error ? diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error))
               : STATUS_OK;
}

static Status write_rows(const Described *d, const char *path, Diag *diag) {
  char head[256] = "\x93NUMPY\x01";
  enum { FIXED = 10 };
  int64_t n = described_count(d);
  int length =
      snprintf(head + FIXED, sizeof head - FIXED,
               "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", n,
               d->features.dim);
  int whole = (FIXED + length + 1 + 63) / 64 * 64; /* the format wants the data aligned */
  memset(head + FIXED + length, ' ', (size_t)(whole - FIXED - length));
  head[whole - 1] = '\n';
  head[8] = (char)((whole - FIXED) & 255);
  head[9] = (char)((whole - FIXED) >> 8);
  const FilePart parts[] = {{head, (size_t)whole},
                            {d->features.rows, (size_t)(n * d->features.dim) * sizeof(float)}};
  return replace(path, parts, 2, diag);
}

static const char table_head[] = "path,pid,camera,domain,split,nobody,unreadable\n";

static Status write_table(const Described *d, const char *path, Diag *diag) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return diag_no_memory(diag, 1 << 20);
  fputs(table_head, out);
  for (int64_t i = 0, n = described_count(d); i < n; i++) {
    const char *texts[COLUMNS];
    row_texts(d, i, texts);
    for (int c = 0; c < COLUMNS; c++) csv_put(out, texts[c], c + 1 < COLUMNS ? ',' : '\n');
  }
  bool ok = !ferror(out);
  ok = fclose(out) == 0 && ok;
  const FilePart part = {text, size};
  Status status = ok ? replace(path, &part, 1, diag) : diag_no_memory(diag, size);
  free(text);
  return status;
}

char *described_table(const char *path) {
  char *table = NULL;
  if (!text_ends_in(path, ".npy")) return NULL;
  return asprintf(&table, "%.*s.csv", (int)(strlen(path) - 4), path) < 0 ? NULL : table;
}

/* The table's name is not the one that was asked for: what lies there is only replaced when it is
 * such a table, and not when it is, say, a manifest that the data name. */
static bool is_table_or_free(const char *path) {
  char head[sizeof table_head - 1];
  FILE *file;
  int64_t size;
  if (file_open(path, &file, &size) != 0) return true; /* writing will tell */
  bool ours = size == 0 || (fread(head, 1, sizeof head, file) == sizeof head &&
                            memcmp(head, table_head, sizeof head) == 0);
  fclose(file);
  return ours;
}

Status described_can_write(const char *path, Diag *diag) {
  if (!text_ends_in(path, ".safetensors") && !text_ends_in(path, ".npy"))
    return diag_error(diag, STATUS_USAGE, path, "-o features.safetensors, or -o features.npy",
                      "the file's name tells its form, and ends in neither");
  char *table = described_table(path);
  Status status = STATUS_OK;
  if (table && !is_table_or_free(table))
    status = diag_error(diag, STATUS_USAGE, "-o", "name another file, or move that one",
                        "the table of the images, '%s', would replace a file that is none", table);
  free(table);
  TRY(status);
  return evaluation_can_write(path, diag);
}

Status described_write(const Described *d, const char *path, Diag *diag) {
  if (text_ends_in(path, ".safetensors")) return write_safetensors(d, path, diag);
  char *table = described_table(path);
  if (!table) return diag_no_memory(diag, strlen(path));
  Status status = write_rows(d, path, diag);
  if (status == STATUS_OK) status = write_table(d, table, diag);
  free(table);
  return status;
}

/* ---- reading ---- */

typedef struct Reading {
  const char *path;
  const SafeFile *file;
  Described *out;
  DataRows rows;
  json_t *domains, *images, *trained, *params;
  Diag *diag;
} Reading;

static Status refuse(const Reading *r, const char *what) {
  return diag_error(r->diag, STATUS_INVALID, r->path, MADE_BY, "%s", what);
}

/* A text of the metadata, in the arena; NULL: not there. */
static const char *meta(const Reading *r, const char *key) {
  const char *text = safe_metadata(r->file, key);
  return text ? arena_strdup(r->out->arena, text) : NULL;
}

static bool read_hash(const char *text, uint64_t *out) {
  char *end;
  if (!text || strlen(text) != 16) return false;
  *out = strtoull(text, &end, 16);
  return *end == 0;
}

static json_t *meta_json(const Reading *r, const char *key) {
  const char *text = safe_metadata(r->file, key);
  return text ? json_loads(text, 0, NULL) : NULL;
}

static bool read_params(const Reading *r, DescribedBy *by) {
  const char *name;
  json_t *value;
  size_t n = 2 * json_object_size(r->params);
  bool ok = json_is_object(r->params);
  by->params = arena_array(r->out->arena, n + 1, sizeof *by->params);
  json_object_foreach(r->params, name, value) {
    const char *text = json_string_value(value);
    ok = ok && by->params && text;
    if (!ok) break;
    by->params[2 * by->n_params] = arena_strdup(r->out->arena, name);
    by->params[2 * by->n_params++ + 1] = arena_strdup(r->out->arena, text);
  }
  return ok;
}

static Status read_by(const Reading *r) {
  DescribedBy *by = &r->out->by;
  *by = (DescribedBy){.model = meta(r, "model"),
                      .precision = meta(r, "precision"),
                      .choices = meta(r, "choices"),
                      .weights = meta(r, "weights"),
                      .step = meta(r, "step")};
  size_t n = json_array_size(r->trained);
  bool ok = by->model && by->precision && by->choices && by->weights && by->step &&
            read_params(r, by) &&
            read_hash(safe_metadata(r->file, "model_hash"), &by->model_hash) &&
            read_hash(safe_metadata(r->file, "weights_hash"), &by->weights_hash);
  by->domains = arena_array(r->out->arena, n + 1, sizeof *by->domains);
  for (size_t i = 0; ok && by->domains && i < n; i++) {
    const char *name = json_string_value(json_array_get(r->trained, i));
    if (name) by->domains[by->n_domains++] = arena_strdup(r->out->arena, name);
  }
  return ok && by->domains ? STATUS_OK : refuse(r, "does not say whose features it holds");
}

static Status read_row(Reading *r, size_t i) {
  const char *texts[NOBODY];
  Arena *arena = r->rows.arena;
  DataRow row = {.set = r->path, .layout = data_layout_plain(), .split = 255};
  for (int c = 0; c < NOBODY; c++) {
    const char *text = json_string_value(json_array_get(json_object_get(r->images, columns[c]), i));
    texts[c] = text ? arena_strdup(arena, text) : NULL;
    if (!texts[c]) return refuse(r, "its lists of images do not hold together");
  }
  row.path = row.written = texts[PATH];
  row.pid = texts[PID];
  row.camera = texts[CAMERA];
  row.domain = texts[DOMAIN];
  for (uint8_t s = 0; s < sizeof splits / sizeof *splits; s++)
    if (strcmp(texts[SPLIT], splits[s]) == 0) row.split = s;
  row.nobody = json_is_true(json_array_get(json_object_get(r->images, columns[NOBODY]), i));
  if (row.split == 255) return refuse(r, "has an image of no split that is known");
  return data_rows_add(&r->rows, row) ? STATUS_OK : diag_no_memory(r->diag, sizeof row);
}

/* What the data set itself cannot tell without its files. */
static Status read_domains(const Reading *r) {
  DataSet *data = r->out->data;
  bool ok = json_array_size(r->domains) == data->n_domains &&
            read_hash(safe_metadata(r->file, "fingerprint"), &data->fingerprint);
  for (uint32_t k = 0; ok && k < data->n_domains; k++) {
    DataDomain *d = &data->domains[k];
    const char *name, *layout, *own, *files, *list = NULL;
    ok = json_unpack(json_array_get(r->domains, k), "{s:s, s:s, s:s, s:s, s?s}", "name", &name,
                     "layout", &layout, "fingerprint", &own, "files", &files, "splits",
                     &list) == 0 &&
         strcmp(name, d->name) == 0 && read_hash(own, &d->fingerprint) &&
         read_hash(files, &d->files);
    const DataLayout *known = ok ? data_layout_find(layout) : NULL;
    if (known) d->layout = known;
    if (ok && list) d->splits = arena_strdup(r->out->arena, list);
    ok = ok && (!list || d->splits);
  }
  return ok ? STATUS_OK : refuse(r, "its list of domains is not that of its images");
}

/* Rows lie domain after domain, as the data set's images do. */
static bool in_order(const Reading *r) {
  const Described *d = r->out;
  for (size_t i = 0; i < r->rows.n; i++) {
    const DataDomain *domain;
    const DataImage *image = described_image(d, (int64_t)i, &domain);
    if (image->path != r->rows.rows[i].path) return false;
  }
  return true;
}

static Status read_features(const Reading *r) {
  const FileTensor *t = safe_find(r->file, TENSOR);
  Described *d = r->out;
  int64_t n = (int64_t)r->rows.n;
  if (!t || t->rank != 2 || t->type != FILE_F32 || t->dim[0] != n || t->dim[1] < 1)
    return refuse(r, "has no tensor 'features' of a row for each of its images");
  TRY(features_create(n, t->dim[1], &d->features, r->diag));
  memcpy(d->features.rows, t->data, (size_t)t->bytes);
  const json_t *bad = json_object_get(r->images, columns[UNREADABLE]);
  for (size_t i = 0; i < r->rows.n; i++) {
    d->features.bad[i] = json_is_true(json_array_get(bad, i));
    d->features.n_bad += d->features.bad[i];
  }
  return STATUS_OK;
}

static Status read_images(Reading *r) {
  size_t n = json_array_size(json_object_get(r->images, columns[PATH]));
  for (int c = 0; c < COLUMNS; c++)
    if (json_array_size(json_object_get(r->images, columns[c])) != n || n == 0)
      return refuse(r, "its lists of images do not hold together");
  for (size_t i = 0; i < n; i++) TRY(read_row(r, i));
  Status status = dataset_from_rows(&r->rows, r->path, &r->out->data);
  if (status == STATUS_OK) r->rows.arena = NULL; /* it is the data set's */
  TRY(status);
  TRY(described_number(r->out, r->diag));
  if (!in_order(r)) return refuse(r, "its images do not stand domain after domain");
  TRY(read_domains(r));
  return read_features(r);
}

static Status read_all(Reading *r) {
  const char *format = safe_metadata(r->file, "format");
  if (!format || strcmp(format, FORMAT) != 0)
    return refuse(r, "is no file of features (" FORMAT ")");
  r->domains = meta_json(r, "domains");
  r->images = meta_json(r, "images");
  r->trained = meta_json(r, "training_domains");
  r->params = meta_json(r, "params");
  TRY(read_by(r));
  return read_images(r);
}

Status described_read(const char *path, Diag *diag, Described *out) {
  SafeFile *file;
  *out = (Described){0};
  if (text_ends_in(path, ".npy"))
    return diag_error(diag, STATUS_INVALID, path, MADE_BY,
                      "an .npy file does not say of whom its rows are");
  TRY(safe_read(path, diag, &file));
  out->arena = arena_create();
  Reading r = {.path = path,
               .file = file,
               .out = out,
               .rows = {.arena = arena_create(), .diag = diag},
               .diag = diag};
  Status status = out->arena && r.rows.arena ? read_all(&r) : diag_no_memory(diag, sizeof r);
  free(r.rows.rows);
  if (r.rows.arena) arena_destroy(r.rows.arena);
  json_decref(r.domains);
  json_decref(r.images);
  json_decref(r.trained);
  json_decref(r.params);
  safe_close(file);
  return status;
}
