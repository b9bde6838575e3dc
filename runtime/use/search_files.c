/* Ranked lists as files: a page of pictures that stands alone, JSON, CSV. */
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/data/csv_write.h"
#include "runtime/eval/evaluation.h"
#include "runtime/use/search_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "graphrun search 1"
#define PAGE_QUERIES 200 /* pictures make pages large */

Status search_can_write(const char *path, Diag *diag) {
  if (!text_ends_in(path, ".html") && !text_ends_in(path, ".json") && !text_ends_in(path, ".csv"))
    return diag_error(diag, STATUS_USAGE, path, "-o F.html, -o F.json or -o F.csv",
                      "the file's name tells its form, and ends in none of them");
  return evaluation_can_write(path, diag);
}

/* ---- the page ---- */

static void put_page(const Search *s, FILE *out) {
  char title[400], text[800];
  int64_t shown = s->query.n < PAGE_QUERIES ? s->query.n : PAGE_QUERIES;
  RankedImage *found = calloc((size_t)s->options->top, sizeof *found);
  text_format(title, sizeof title, "Search in %s", s->options->gallery);
  text_format(
      text, sizeof text,
      "%" PRId64 " of %" PRId64 " queries. Nearest first; images of the query's identity "
      "and camera are left out. Green: the same person, red: another, where both are known; "
      "below: distance, identity, camera.",
      shown, s->query.n);
  ranked_head(out, title, text);
  for (int64_t q = 0; found && q < shown; q++) {
    int64_t first = s->result.first[q], n = search_found(s, q);
    RankedList list = {.query = search_image(s, q, -1), .found = found, .n = (uint32_t)n};
    for (int64_t k = 0; k < n; k++) found[k] = search_image(s, q, k);
    if (first > n) list.first = (uint32_t)first;
    ranked_put(out, &list);
  }
  ranked_end(out);
  free(found);
}

/* ---- JSON ---- */

static json_t *text_or_null(const char *text) {
  return text ? json_string(text) : json_null();
}

static json_t *found_object(const Search *s, int64_t q, int64_t k) {
  static const char *const names[] = {NULL, "same", "other"};
  RankedImage image = search_image(s, q, k);
  return json_pack("{s:I, s:s, s:f, s:o, s:o, s:o}", "rank", (json_int_t)(k + 1), "path",
                   image.path, "distance", image.distance, "pid", text_or_null(image.pid), "camera",
                   text_or_null(image.camera), "person", text_or_null(names[image.frame]));
}

static json_t *query_object(const Search *s, int64_t q) {
  RankedImage query = search_image(s, q, -1);
  int64_t n = search_found(s, q), first = s->result.first[q];
  json_t *list = json_array();
  bool ok = list != NULL;
  for (int64_t k = 0; ok && k < n; k++)
    ok = json_array_append_new(list, found_object(s, q, k)) == 0;
  if (ok)
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "path", query.path, "pid",
                     text_or_null(query.pid), "camera", text_or_null(query.camera), "first",
                     first > 0 ? json_integer(first) : json_null(), "found", list);
  json_decref(list);
  return NULL;
}

static bool put_json(const Search *s, FILE *out) {
  const DescribedBy *by = &s->query_images.by;
  json_t *list = json_array();
  bool ok = list != NULL;
  for (int64_t q = 0; ok && q < s->query.n; q++)
    ok = json_array_append_new(list, query_object(s, q)) == 0;
  json_t *root =
      ok ? json_pack("{s:s, s:s, s:s, s:s, s:O}", "format", FORMAT, "model", by->model, "weights",
                     by->weights, "gallery", s->options->gallery, "queries", list)
         : NULL;
  ok = root && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) == 0;
  if (ok) putc('\n', out);
  json_decref(root);
  json_decref(list);
  return ok;
}

/* ---- CSV ---- */

static void put_csv(const Search *s, FILE *out) {
  static const char *const names[] = {NULL, "same", "other"};
  fputs("query,rank,distance,path,pid,camera,person\n", out);
  for (int64_t q = 0; q < s->query.n; q++)
    for (int64_t k = 0; k < search_found(s, q); k++) {
      RankedImage image = search_image(s, q, k);
      csv_put(out, search_image(s, q, -1).path, ',');
      fprintf(out, "%" PRId64 ",%.9g,", k + 1, image.distance);
      csv_put(out, image.path, ',');
      csv_put(out, image.pid, ',');
      csv_put(out, image.camera, ',');
      csv_put(out, names[image.frame], '\n');
    }
}

/* ---- any of them ---- */

Status search_write(const Search *s, const char *path) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  bool valid = true;
  if (!out) return diag_no_memory(s->diag, 1 << 16);
  if (text_ends_in(path, ".html"))
    put_page(s, out);
  else if (text_ends_in(path, ".json"))
    valid = put_json(s, out);
  else
    put_csv(s, out);
  bool ok = !ferror(out);
  ok = fclose(out) == 0 && ok;
  const FilePart part = {text, size};
  int error = ok && valid ? file_replace(path, &part, 1, false) : 0;
  free(text);
  if (!ok) return diag_no_memory(s->diag, size);
  if (!valid)
    return diag_error(s->diag, STATUS_INVALID, path, "names must be UTF-8; -o F.csv takes any",
                      "the results cannot be written as JSON");
  return error ? diag_error(s->diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error))
               : STATUS_OK;
}
