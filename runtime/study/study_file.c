/* Reads study files: XML like the models, by the same reader, with messages at line and column. */
#include "runtime/study/study_file.h"

#include "graph/base/array.h"
#include "graph/language/raw.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
  StudyFile *file;
  Symbols *symbols;
  Sources *sources;
  Diag *diag;
  Status status; /* of the first error */
} Reader;

/* ---- messages ---- */

static void error_at(Reader *r, const RawElement *el, const RawAttr *attr, const char *hint,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
static void error_at(Reader *r, const RawElement *el, const RawAttr *attr, const char *hint,
                     const char *format, ...) {
  va_list args;
  uint32_t loc = symbols_loc(r->symbols, el->file, attr ? attr->line : el->line,
                             attr ? attr->column : el->column, 0);
  va_start(args, format);
  Status status =
      source_verror(r->sources, r->symbols, r->diag, loc, STATUS_INVALID, hint, format, args);
  va_end(args);
  if (r->status == STATUS_OK) r->status = status;
}

static void no_memory(Reader *r) {
  if (r->status == STATUS_OK) r->status = diag_no_memory(r->diag, 1);
}

/* `did you mean 'X'?`, or the words there are. */
static const char *nearest_hint(const char *name, const char *const *words, size_t n,
                                char hint[200]) {
  const char *near = diag_nearest(name, words, n);
  size_t used = 0;
  if (near) {
    snprintf(hint, 200, "did you mean '%s'?", near);
    return hint;
  }
  for (size_t i = 0; i < n && used < 150; i++)
    used +=
        (size_t)snprintf(hint + used, 200 - used, "%s%.40s", i ? ", " : "there are: ", words[i]);
  return n ? hint : NULL;
}

/* ---- attributes ---- */

static void check_attributes(Reader *r, const RawElement *el, const char *const *known, size_t n) {
  char hint[200];
  for (uint32_t i = 0; i < el->n_attrs; i++) {
    bool found = false;
    for (size_t k = 0; k < n; k++) found |= strcmp(el->attrs[i].name, known[k]) == 0;
    if (!found)
      error_at(r, el, &el->attrs[i], nearest_hint(el->attrs[i].name, known, n, hint),
               "%s has no attribute '%s'", el->tag, el->attrs[i].name);
  }
}
#define CHECK_ATTRIBUTES(R, EL, ...)                                                               \
  check_attributes(R, EL, (const char *const[]){__VA_ARGS__},                                      \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* NULL, told, when it is not there or empty. */
static const char *required(Reader *r, const RawElement *el, const char *name, const char *hint) {
  const RawAttr *attr = raw_attribute(el, name);
  if (attr && *attr->value) return attr->value;
  error_at(r, el, attr, hint, attr ? "%s: '%s' is empty" : "%s lacks the attribute '%s'", el->tag,
           name);
  return NULL;
}

/* Names become names of files, and columns of CSV. */
static void check_name(Reader *r, const RawElement *el, const char *attribute, const char *name) {
  const RawAttr *attr = raw_attribute(el, attribute);
  const char *hint = "label=\"...\" is what tables show";
  for (const char *at = name; *at; at++) {
    bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
    if (letter || (*at >= '0' && *at <= '9') || *at == '-' || *at == '_') continue;
    error_at(r, el, attr, hint, "'%s' is no name: letters, digits, - and _", name);
    return;
  }
  if (*name == '-')
    error_at(r, el, attr, hint, "a name does not begin with -");
  else if (strlen(name) >= STUDY_NAME_MAX)
    error_at(r, el, attr, hint, "a name has at most %d characters", STUDY_NAME_MAX - 1);
}

static const char *read_name(Reader *r, const RawElement *el) {
  const char *name = required(r, el, "name", "letters, digits, - and _");
  if (!name) return "?";
  check_name(r, el, "name", name);
  const char *copy = arena_strdup(r->file->arena, name);
  if (!copy) no_memory(r);
  return copy ? copy : "?";
}

static const char *read_text(Reader *r, const RawElement *el, const char *name) {
  const RawAttr *attr = raw_attribute(el, name);
  if (!attr) return NULL;
  if (!*attr->value) error_at(r, el, attr, "leave it out", "%s: '%s' is empty", el->tag, name);
  const char *copy = arena_strdup(r->file->arena, attr->value);
  if (!copy) no_memory(r);
  return copy;
}

/* `before` and a path that counts from the study's folder. */
static const char *beside(Reader *r, const char *before, const char *path) {
  const char *slash = strrchr(r->file->path, '/');
  int length = *path == '/' || !slash ? 0 : (int)(slash - r->file->path) + 1;
  const char *joined =
      arena_printf(r->file->arena, "%s%.*s%s", before, length, r->file->path, path);
  if (!joined) no_memory(r);
  return joined;
}

static const char *read_path(Reader *r, const RawElement *el, const char *name) {
  const char *path = read_text(r, el, name);
  return path ? beside(r, "", path) : NULL;
}

static const char *read_label(Reader *r, const RawElement *el, const char *name) {
  const char *label = read_text(r, el, "label");
  return label ? label : name;
}

static double read_percent(Reader *r, const RawElement *el, const char *name) {
  const char *text = required(r, el, name, "in percent, as in the paper: map=\"41.7\"");
  if (!text) return 0;
  char *end;
  double value = strtod(text, &end);
  if (*end || !(value >= 0 && value <= 100))
    error_at(r, el, raw_attribute(el, name), NULL, "%s is a number from 0 to 100, not '%s'", name,
             text);
  return value;
}

/* ---- elements ---- */

static void unknown_child(Reader *r, const RawElement *el, const char *const *known, size_t n) {
  char hint[200];
  error_at(r, el, NULL, nearest_hint(el->tag, known, n, hint), "%s has no element '%s'",
           el->parent->tag, el->tag);
}
#define UNKNOWN_CHILD(R, EL, ...)                                                                  \
  unknown_child(R, EL, (const char *const[]){__VA_ARGS__},                                         \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void no_children(Reader *r, const RawElement *el) {
  if (el->first_child) error_at(r, el->first_child, NULL, NULL, "%s holds no elements", el->tag);
}

/* <set name= value=/> or <set file=/>. */
static void read_set(Reader *r, const RawElement *el, StudySets *sets) {
  CHECK_ATTRIBUTES(r, el, "name", "value", "file");
  no_children(r, el);
  const char *path = read_path(r, el, "file"), *text = NULL;
  if (path) {
    if (raw_attr(el, "name") || raw_attr(el, "value"))
      error_at(r, el, NULL, "a set for each", "set is a file, or a name with its value");
    text = arena_printf(r->file->arena, "@%s", path);
  } else {
    const char *name = required(r, el, "name", "<set name=\"beta\" value=\"0\"/>, or file=");
    const RawAttr *value = raw_attribute(el, "value");
    if (!value) error_at(r, el, NULL, "value=\"0\"", "set lacks the attribute 'value'");
    if (name && strchr(name, '='))
      error_at(r, el, raw_attribute(el, "name"), NULL, "'%s' is no name of a parameter", name);
    text = arena_printf(r->file->arena, "%s=%s", name ? name : "", value ? value->value : "");
  }
  Status grown = ARRAY_RESERVE_IN(r->file->arena, sets->at, sets->cap, sets->n, 1, r->diag);
  if (!text || grown != STATUS_OK)
    no_memory(r);
  else
    sets->at[sets->n++] = text;
}

static void read_include(Reader *r, const RawElement *el) {
  StudySets *list = &r->file->includes;
  CHECK_ATTRIBUTES(r, el, "folder");
  no_children(r, el);
  if (!required(r, el, "folder", "where models are found, as by graphc -I")) return;
  const char *path = read_path(r, el, "folder");
  if (ARRAY_RESERVE_IN(r->file->arena, list->at, list->cap, list->n, 1, r->diag) != STATUS_OK)
    no_memory(r);
  else
    list->at[list->n++] = path;
}

/* The mean that a test counts in: that of its name, made when it is new. */
static uint32_t read_average(Reader *r, const RawElement *el) {
  StudyFile *f = r->file;
  const char *name = read_text(r, el, "average");
  uint32_t i = 0;
  if (!name) name = STUDY_AVERAGE;
  if (strcmp(name, "no") == 0) return STUDY_NO_AVERAGE;
  check_name(r, el, "average", name);
  while (i < f->n_averages && strcmp(f->averages[i], name) != 0) i++;
  if (i < f->n_averages) return i;
  if (i < STUDY_AVERAGES_MAX) {
    f->averages[f->n_averages++] = name;
    return i;
  }
  error_at(r, el, raw_attribute(el, "average"), NULL, "a study has at most %d means",
           STUDY_AVERAGES_MAX);
  return STUDY_NO_AVERAGE;
}

/* Columns and values of the paper are named after tests and means alike. */
static void check_not_mean(Reader *r, const RawElement *el, const char *name, uint32_t average) {
  const StudyFile *f = r->file;
  const char *mean = average == STUDY_NO_AVERAGE ? NULL : f->averages[average];
  const char *attribute = NULL, *both = name;
  for (uint32_t i = 0; i < f->n_averages; i++)
    if (strcmp(f->averages[i], name) == 0) attribute = "name";
  for (uint32_t i = 0; i < f->n_tests && mean && !attribute; i++) {
    if (f->tests[i].average == average) break; /* was told there */
    if (strcmp(f->tests[i].name, mean) == 0) attribute = "average", both = mean;
  }
  if (attribute)
    error_at(r, el, raw_attribute(el, attribute), "label=\"...\" is what tables show",
             "'%s' is the name of a test and of a mean", both);
}

static void read_test(Reader *r, const RawElement *el) {
  StudyFile *f = r->file;
  CHECK_ATTRIBUTES(r, el, "name", "label", "data", "domain", "protocol", "average");
  uint32_t average = read_average(r, el);
  no_children(r, el);
  const char *name = read_name(r, el);
  if (strcmp(name, STUDY_AVERAGE) == 0)
    error_at(r, el, raw_attribute(el, "name"), NULL, "'" STUDY_AVERAGE "' is the mean of tests");
  if (strcmp(name, "cell") == 0)
    error_at(r, el, raw_attribute(el, "name"), "label=\"...\" is what tables show",
             "'cell' would take the place of cell.json, what a cell remembers");
  if (strcmp(name, STUDY_AVERAGE) != 0) check_not_mean(r, el, name, average);
  for (uint32_t i = 0; name && i < f->n_tests; i++)
    if (strcmp(f->tests[i].name, name) == 0)
      error_at(r, el, raw_attribute(el, "name"), "tests are columns of one table",
               "there is a test '%s' already", name);
  if (ARRAY_RESERVE_IN(f->arena, f->tests, f->cap_tests, f->n_tests, 1, r->diag) != STATUS_OK) {
    no_memory(r);
    return;
  }
  StudyTest *t = &f->tests[f->n_tests++];
  *t = (StudyTest){.name = name, .average = average, .line = el->line};
  t->label = read_label(r, el, name);
  t->data = read_path(r, el, "data");
  t->domain = read_text(r, el, "domain");
  t->written = t->protocol = read_text(r, el, "protocol");
  if (t->written && strncmp(t->written, "list:", 5) == 0 && t->written[5])
    t->protocol = beside(r, "list:", t->written + 5);
}

static void read_training(Reader *r, const RawElement *el) {
  StudyFile *f = r->file;
  CHECK_ATTRIBUTES(r, el, "name", "label", "data", "protocol");
  const char *name = read_name(r, el);
  for (uint32_t i = 0; name && i < f->n_trainings; i++)
    if (strcmp(f->trainings[i].name, name) == 0)
      error_at(r, el, raw_attribute(el, "name"), NULL, "there is a train '%s' already", name);
  if (ARRAY_RESERVE_IN(f->arena, f->trainings, f->cap_trainings, f->n_trainings, 1, r->diag) !=
      STATUS_OK) {
    no_memory(r);
    return;
  }
  StudyTraining *t = &f->trainings[f->n_trainings++];
  *t = (StudyTraining){.name = name, .first_test = f->n_tests};
  t->label = read_label(r, el, name);
  t->data = read_path(r, el, "data");
  t->protocol = read_text(r, el, "protocol");
  for (const RawElement *c = el->first_child; c; c = c->next)
    if (strcmp(c->tag, "test") == 0)
      read_test(r, c);
    else if (strcmp(c->tag, "set") == 0)
      read_set(r, c, &t->sets);
    else
      UNKNOWN_CHILD(r, c, "test", "set");
  t->n_tests = f->n_tests - t->first_test;
}

static void read_paper(Reader *r, const RawElement *el, StudyRow *row) {
  CHECK_ATTRIBUTES(r, el, "test", "map", "rank1");
  no_children(r, el);
  const char *test = required(r, el, "test", "the name of a test, or " STUDY_AVERAGE);
  StudyPaper paper = {test ? arena_strdup(r->file->arena, test) : "?", read_percent(r, el, "map"),
                      0};
  paper.rank1 = read_percent(r, el, "rank1");
  for (uint32_t i = 0; test && i < row->n_paper; i++)
    if (strcmp(row->paper[i].test, test) == 0)
      error_at(r, el, raw_attribute(el, "test"), NULL, "row '%s' has values for '%s' already",
               row->name, test);
  if (ARRAY_RESERVE_IN(r->file->arena, row->paper, row->cap_paper, row->n_paper, 1, r->diag) !=
      STATUS_OK)
    no_memory(r);
  else
    row->paper[row->n_paper++] = paper;
}

static uint32_t find_row(const StudyFile *f, const char *name) {
  for (uint32_t i = 0; i < f->n_rows; i++)
    if (strcmp(f->rows[i].name, name) == 0) return i;
  return STUDY_NO_ROW;
}

/* An attribute that names a row; only those that were read are known. */
static uint32_t read_row_name(Reader *r, const RawElement *el, const char *attribute) {
  const char *name = raw_attr(el, attribute), *names[64];
  char hint[200];
  uint32_t n = 0, found = name ? find_row(r->file, name) : STUDY_NO_ROW;
  if (!name || found != STUDY_NO_ROW) return found;
  for (; n < r->file->n_rows && n < 64; n++) names[n] = r->file->rows[n].name;
  error_at(r, el, raw_attribute(el, attribute),
           n ? nearest_hint(name, names, n, hint) : "it stands below the row that it names",
           strcmp(el->tag, "row") == 0 ? "no row before this one is called '%s'"
                                       : "no row is called '%s'",
           name);
  return STUDY_NO_ROW;
}

/* Rows that are published alone have values, and nothing that is to be done. */
static void check_row(Reader *r, const RawElement *el, const StudyRow *row) {
  if (!row->model && (!row->n_paper || row->sets.n || row->init || raw_attr(el, "start") ||
                      raw_attr(el, "same-time-as")))
    error_at(r, el, NULL,
             "the path of a model, from the study's folder on; without one a row holds nothing but "
             "paper",
             "row lacks the attribute 'model'");
  if (row->init && raw_attr(el, "start"))
    error_at(r, el, raw_attribute(el, "init"), "give one of them",
             "a row starts from weights or from another row");
  for (int i = 0; i < 2; i++) {
    uint32_t other = i ? row->same_time : row->start;
    if (other != STUDY_NO_ROW && !r->file->rows[other].model)
      error_at(r, el, raw_attribute(el, i ? "same-time-as" : "start"), NULL,
               "row '%s' has no model: nothing of it is trained", r->file->rows[other].name);
  }
}

static void read_row(Reader *r, const RawElement *el) {
  StudyFile *f = r->file;
  CHECK_ATTRIBUTES(r, el, "name", "label", "model", "init", "start", "same-time-as");
  const char *name = read_name(r, el);
  if (name && find_row(f, name) != STUDY_NO_ROW)
    error_at(r, el, raw_attribute(el, "name"), NULL, "there is a row '%s' already", name);
  StudyRow row = {.name = name, .label = read_label(r, el, name)};
  row.model = read_path(r, el, "model");
  row.init = read_path(r, el, "init");
  row.start = read_row_name(r, el, "start");
  row.same_time = read_row_name(r, el, "same-time-as");
  for (const RawElement *c = el->first_child; c; c = c->next)
    if (strcmp(c->tag, "set") == 0)
      read_set(r, c, &row.sets);
    else if (strcmp(c->tag, "paper") == 0)
      read_paper(r, c, &row);
    else
      UNKNOWN_CHILD(r, c, "set", "paper");
  check_row(r, el, &row);
  if (ARRAY_RESERVE_IN(f->arena, f->rows, f->cap_rows, f->n_rows, 1, r->diag) != STATUS_OK)
    no_memory(r);
  else
    f->rows[f->n_rows++] = row;
}

/* Tests may stand below the rows that have values of the paper for them. */
static void check_papers(Reader *r, const RawElement *root) {
  const StudyFile *f = r->file;
  const char *names[64];
  char hint[200];
  uint32_t n = 0;
  for (; n < f->n_tests && n < 64 - STUDY_AVERAGES_MAX; n++) names[n] = f->tests[n].name;
  for (uint32_t i = 0; i < f->n_averages; i++) names[n++] = f->averages[i];
  for (const RawElement *row = root->first_child; row; row = row->next)
    for (const RawElement *c = row->first_child; c; c = c->next) {
      const char *test = strcmp(c->tag, "paper") == 0 ? raw_attr(c, "test") : NULL;
      bool found = !test;
      for (uint32_t i = 0; i < f->n_averages && !found; i++)
        found = strcmp(f->averages[i], test) == 0;
      for (uint32_t i = 0; i < f->n_tests && !found; i++)
        found = strcmp(f->tests[i].name, test) == 0;
      if (!found)
        error_at(r, c, raw_attribute(c, "test"), nearest_hint(test, names, n, hint),
                 "no test is called '%s'", test);
    }
}

static uint32_t read_seeds(Reader *r, const RawElement *root) {
  const char *text = raw_attr(root, "seeds");
  if (!text) return 3;
  char *end;
  long n = strtol(text, &end, 10);
  if (*end || !*text || n < 1 || n > STUDY_SEEDS_MAX)
    error_at(r, root, raw_attribute(root, "seeds"), NULL,
             "seeds is a number from 1 to %d, not '%s'", STUDY_SEEDS_MAX, text);
  return (uint32_t)n;
}

static uint32_t first_with_model(const StudyFile *f) {
  uint32_t i = 0;
  while (i < f->n_rows && !f->rows[i].model) i++;
  return i < f->n_rows ? i : 0;
}

static void read_root(Reader *r, const RawElement *root) {
  StudyFile *f = r->file;
  if (strcmp(root->tag, "study") != 0) {
    error_at(r, root, NULL, "<study name=\"...\" xmlns=\"" RAW_STUDY_NAMESPACE "\">",
             "the root is '%s': this is no study", root->tag);
    return;
  }
  CHECK_ATTRIBUTES(r, root, "name", "title", "seeds", "base");
  f->name = read_name(r, root);
  f->title = read_text(r, root, "title");
  if (!f->title) f->title = f->name;
  f->seeds = read_seeds(r, root);
  for (const RawElement *c = root->first_child; c; c = c->next)
    if (strcmp(c->tag, "row") == 0)
      read_row(r, c);
    else if (strcmp(c->tag, "train") == 0)
      read_training(r, c);
    else if (strcmp(c->tag, "set") == 0)
      read_set(r, c, &f->sets);
    else if (strcmp(c->tag, "include") == 0)
      read_include(r, c);
    else
      UNKNOWN_CHILD(r, c, "include", "set", "train", "row");
  f->base = raw_attr(root, "base") ? read_row_name(r, root, "base") : first_with_model(f);
  check_papers(r, root);
  if (f->n_rows == 0)
    error_at(r, root, NULL, "<row name=\"...\" model=\"...\"/>", "there is no row");
  if (f->n_trainings == 0)
    error_at(r, root, NULL, "<train name=\"...\" data=\"...\"><test .../></train>",
             "there is no train: what shall the rows be trained on?");
}

Status study_file_read(const char *path, Diag *diag, StudyFile **out) {
  *out = NULL;
  StudyFile *file = calloc(1, sizeof *file);
  Reader r = {.file = file, .diag = diag};
  RawElement *root = NULL;
  if (!file) return diag_no_memory(diag, sizeof *file);
  file->arena = arena_create();
  r.symbols = symbols_create();
  r.sources = sources_create();
  if (!file->arena || !r.symbols || !r.sources || !(file->path = arena_strdup(file->arena, path)))
    no_memory(&r);
  else
    r.status = raw_read(path, path, file->arena, r.symbols, r.sources, diag, 0, &root);
  if (r.status == STATUS_OK) read_root(&r, root);
  sources_destroy(r.sources);
  symbols_destroy(r.symbols);
  if (r.status != STATUS_OK) {
    study_file_destroy(file);
    return r.status;
  }
  *out = file;
  return STATUS_OK;
}

void study_file_destroy(StudyFile *file) {
  if (!file) return;
  arena_destroy(file->arena);
  free(file);
}
