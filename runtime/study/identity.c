/* Data sets are read here, models are expanded by graphc: what a cell is of is what both say. */
#include "runtime/study/identity.h"

#include "graph/base/open_file.h"
#include "graph/base/text.h"
#include "runtime/eval/protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- data ---- */

/* Of a protocol of the paper what it trains on, or what it tests. */
static Status read_set(StudyData *data, bool targets, Diag *diag) {
  PaperAsk ask = {.targets = targets};
  if (paper_is(data->protocol)) TRY(paper_parse(data->protocol, diag, &ask.choice));
  return dataset_read_for(data->path, &ask, diag, &data->set);
}

static Status read_data(StudySource *s, StudyData *data, const char *path, const char *protocol,
                        bool targets) {
  data->path = path ? path : s->options->data;
  data->protocol = protocol;
  if (!data->path) {
    data->message = strdup("no data are named");
    data->hint = strdup("data=\"...\" in the study, or --data=DATA");
    return data->message ? STATUS_OK : diag_no_memory(s->diag, 64);
  }
  for (StudyData *before = s->data; before < data; before++)
    if (before->set && strcmp(before->path, data->path) == 0 && !paper_is(protocol) &&
        !paper_is(before->protocol)) {
      data->set = before->set; /* closed once */
      return STATUS_OK;
    }
  Diag *own = diag_create();
  if (!own) return diag_no_memory(s->diag, 1);
  if (read_set(data, targets, own) != STATUS_OK) {
    const DiagEntry *entry = diag_entry(own, 0);
    for (size_t i = 1; entry && entry->code == STATUS_OK; i++) entry = diag_entry(own, i);
    if (!entry || asprintf(&data->message, "%s: %s", entry->place ? entry->place : data->path,
                           entry->text) < 0)
      data->message = strdup("the data cannot be read");
    if (entry && entry->hint) data->hint = strdup(entry->hint);
  }
  diag_destroy(own);
  return STATUS_OK;
}

/* ---- tests ---- */

static Status test_error(const StudySource *s, const StudyTest *test, const char *hint,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
static Status test_error(const StudySource *s, const StudyTest *test, const char *hint,
                         const char *format, ...) {
  char place[4096], text[MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  text_format(place, sizeof place, "%s:%u", s->file->path, test->line);
  return diag_error(s->diag, STATUS_INVALID, place, hint, "test '%s': %s", test->name, text);
}

static Status check_protocol(const StudySource *s, const StudyTest *test, Protocol *out) {
  Diag *own = diag_create();
  if (!own) return diag_no_memory(s->diag, 1);
  Status status = protocol_parse(test->protocol, own, out);
  const DiagEntry *entry = diag_entry(own, 0);
  if (status != STATUS_OK && entry) status = test_error(s, test, entry->hint, "%s", entry->text);
  diag_destroy(own);
  return status;
}

static Status check_domain(const StudySource *s, const StudyTest *test, const DataSet *set) {
  const char *names[64], *near;
  char hint[200];
  uint32_t n = 0;
  if (!test->domain || dataset_domain(set, test->domain)) return STATUS_OK;
  for (; n < set->n_domains && n < 64; n++) names[n] = set->domains[n].name;
  near = diag_nearest(test->domain, names, n);
  text_format(hint, sizeof hint, near ? "did you mean '%s'?" : "the first is '%s'",
              near ? near : names[0]);
  return test_error(s, test, hint, "%s has no domain '%s'", set->path, test->domain);
}

/* Draws the splits, above all those of a file. */
static Status check_splits(const StudySource *s, const StudyTest *test, const Protocol *protocol,
                           const DataDomain *domain) {
  Diag *own = diag_create();
  if (!own) return diag_no_memory(s->diag, 1);
  Status status = protocol_check(protocol, &domain, 1, own);
  const DiagEntry *entry = diag_entry(own, 0);
  for (size_t i = 1; entry && entry->code == STATUS_OK; i++) entry = diag_entry(own, i);
  if (status != STATUS_OK && entry)
    status = test_error(s, test, entry->hint, "%s: %s", entry->place ? entry->place : domain->name,
                        entry->text);
  diag_destroy(own);
  return status;
}

/* What graphrun eval would refuse when the hours of training are over. */
static Status check_queries(const StudySource *s, const StudyTest *test, const DataSet *set,
                            const Protocol *protocol) {
  bool queries = false;
  TRY(check_domain(s, test, set));
  for (uint32_t i = 0; i < set->n_domains; i++) {
    const DataDomain *d = &set->domains[i];
    if (test->domain && strcmp(test->domain, d->name) != 0) continue;
    bool drawn = protocol_of(protocol, d).kind != PROTOCOL_MARKET;
    queries |= drawn || d->n_query > 0;
    if (drawn) TRY(check_splits(s, test, protocol, d));
  }
  if (queries) return STATUS_OK;
  return test_error(s, test, "protocol=\"split:ilids:10:0\" draws queries and gallery at random",
                    "%s has no query images%s%s", set->path, test->domain ? " in " : "",
                    test->domain ? test->domain : "");
}

static Status check_test(const StudySource *s, const StudyTest *test, const DataSet *set) {
  Protocol protocol;
  TRY(check_protocol(s, test, &protocol));
  Status status = set ? check_queries(s, test, set, &protocol) : STATUS_OK;
  protocol_release(&protocol);
  return status;
}

Status source_open(StudySource *s, const StudyOptions *options, const StudyFile *file, Diag *diag) {
  *s = (StudySource){.options = options, .file = file, .diag = diag};
  uint32_t n = file->n_trainings + file->n_tests;
  s->data = calloc(n + 1u, sizeof *s->data);
  if (!s->data) return diag_no_memory(diag, n * sizeof *s->data);
  for (uint32_t i = 0; i < file->n_trainings; i++)
    TRY(read_data(s, &s->data[i], file->trainings[i].data, file->trainings[i].protocol, false));
  for (uint32_t i = 0; i < file->n_tests; i++)
    TRY(read_data(s, &s->data[file->n_trainings + i], file->tests[i].data, file->tests[i].protocol,
                  true));
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < file->n_tests; i++) { /* all that are wrong are named */
    Status own = check_test(s, &file->tests[i], s->data[file->n_trainings + i].set);
    if (status == STATUS_OK) status = own;
  }
  return status;
}

void source_close(StudySource *s) {
  uint32_t n = s->data ? s->file->n_trainings + s->file->n_tests : 0;
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t k = i + 1; k < n; k++)
      if (s->data[k].set == s->data[i].set) s->data[k].set = NULL;
    dataset_destroy(s->data[i].set);
    free(s->data[i].message);
    free(s->data[i].hint);
  }
  free(s->data);
  *s = (StudySource){0};
}

const StudyData *source_training(const StudySource *s, const StudyTraining *training) {
  return &s->data[training - s->file->trainings];
}

const StudyData *source_test(const StudySource *s, const StudyTest *test) {
  return &s->data[s->file->n_trainings + (uint32_t)(test - s->file->tests)];
}

/* ---- models ---- */

/* The domains that can be trained on, as check-data --defines has them. */
static void add_domains(const DataSet *set, Command *command) {
  for (int line = 0; line < 2; line++) {
    char *text = NULL;
    size_t size = 0;
    bool any = false;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
      command->failed = true;
      return;
    }
    fputs(line ? "ids=" : "domains=", out);
    for (uint32_t i = 0; i < set->n_domains; i++) {
      const DataDomain *d = &set->domains[i];
      if (d->n_classes == 0) continue;
      if (any) fputc(' ', out);
      if (line)
        fprintf(out, "%u", d->n_classes);
      else
        fputs(d->name, out);
      any = true;
    }
    if (fclose(out) != 0 || !text) {
      command->failed = true;
    } else {
      command_add(command, "-D");
      command_add(command, "%s", text);
    }
    free(text);
  }
}

static void add_sets(const char *const *sets, uint32_t n, Command *command) {
  for (uint32_t i = 0; i < n; i++) {
    command_add(command, "-D");
    command_add(command, "%s", sets[i]);
  }
}

void source_compile(const StudySource *s, const Cell *cell, Command *command) {
  const StudyOptions *o = s->options;
  command_begin(command, "graphc");
  command_add(command, "%s", cell->row->model);
  for (uint32_t i = 0; i < s->file->includes.n; i++) {
    command_add(command, "-I");
    command_add(command, "%s", s->file->includes.at[i]);
  }
  for (uint32_t i = 0; i < o->n_includes; i++) {
    command_add(command, "-I");
    command_add(command, "%s", o->includes[i]);
  }
  add_domains(source_training(s, cell->training)->set, command);
  add_sets(s->file->sets.at, s->file->sets.n, command);
  add_sets(cell->training->sets.at, cell->training->sets.n, command);
  add_sets(cell->row->sets.at, cell->row->sets.n, command);
  add_sets(o->defines, o->n_defines, command);
}

/* The hash of the model's text with all values in it; "": it failed, and the cell knows why. */
static Status hash_model(const StudySource *s, Cell *cell, char hash[17]) {
  Command command;
  char *text, *messages, first[MESSAGE_MAX], hint[MESSAGE_MAX];
  int code = 0;
  *hash = 0;
  source_compile(s, cell, &command);
  command_add(&command, "--expand");
  Status status = child_run(&command, s->diag, &text, &messages, &code);
  command_release(&command);
  if (status == STATUS_OK && code == 0)
    snprintf(hash, 17, "%016" PRIx64, (uint64_t)XXH3_64bits(text, strlen(text)));
  if (status == STATUS_OK && code != 0) {
    messages_first(messages, first, hint);
    cell_fail(cell, code <= 4 ? (Status)code : STATUS_SYSTEM, hint, "%s", first);
  }
  free(text);
  free(messages);
  return status;
}

/* ---- identities ---- */

static json_t *text_or_null(const char *text) {
  return text ? json_string_nocheck(text) : json_null();
}

static json_t *sets_of(const StudySource *s, const Cell *cell) {
  Command command;
  json_t *list = json_array();
  source_compile(s, cell, &command);
  for (uint32_t i = 1; i < command.n; i++)
    if (strcmp(command.at[i - 1], "-D") == 0)
      json_array_append_new(list, json_string_nocheck(command.at[i]));
  command_release(&command);
  return list;
}

/* What is done with images that cannot be read is of the data. */
static json_t *hash_of(const StudySource *s, const DataSet *set) {
  char hash[64];
  if (!set) return json_null();
  snprintf(hash, sizeof hash, "%016" PRIx64 "%s", set->fingerprint,
           s->options->skip_bad_images ? ", without unreadable images" : "");
  return json_string(hash);
}

/* Adds a file's bytes; 0, or why it cannot be read: file_open's code, ENOMEM. */
static int hash_file(XXH3_state_t *state, const char *path) {
  static const size_t chunk = (size_t)1 << 20;
  FILE *file;
  int64_t size;
  char *bytes = state ? malloc(chunk) : NULL;
  int code = bytes ? file_open(path, &file, &size) : ENOMEM;
  if (code == 0) {
    for (size_t n; (n = fread(bytes, 1, chunk, file)) > 0;) XXH3_64bits_update(state, bytes, n);
    fclose(file);
  }
  free(bytes);
  return code;
}

/* Of the files of splits that a test reads; NULL: it reads none. */
static json_t *splits_of(const StudyTest *test, const DataSet *set) {
  bool list = test->protocol && strncmp(test->protocol, "list:", 5) == 0;
  char hash[17];
  uint32_t n = 0;
  XXH3_state_t *state = XXH3_createState();
  if (!state) return NULL;
  XXH3_64bits_reset(state);
  if (list) n += hash_file(state, test->protocol + 5) == 0;
  for (uint32_t i = 0; set && paper_is(test->protocol) && i < set->n_domains; i++)
    if (set->domains[i].splits) n += hash_file(state, set->domains[i].splits) == 0;
  snprintf(hash, sizeof hash, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(state));
  XXH3_freeState(state);
  return n ? json_string(hash) : NULL;
}

static json_t *tests_of(const StudySource *s, const Cell *cell) {
  json_t *object = json_object();
  for (uint32_t i = 0; i < cell->training->n_tests; i++) {
    const StudyTest *test = &s->file->tests[cell->training->first_test + i];
    const DataSet *set = source_test(s, test)->set;
    json_t *of = json_pack("{s:o, s:o, s:o}", "data", hash_of(s, set), "domain",
                           text_or_null(test->domain), "protocol", text_or_null(test->written));
    json_t *splits = splits_of(test, set);
    if (splits) json_object_set_new(of, "splits", splits);
    json_object_set_new(object, test->name, of);
  }
  return object;
}

/* Of a cell before: its name and everything that its network is of. */
static json_t *other_of(const Cell *other) {
  char hash[17];
  json_t *of = other ? json_copy(other->identity) : NULL;
  json_object_del(of, "tests");
  json_object_del(of, "program");
  char *text = of ? json_dumps(of, JSON_SORT_KEYS) : NULL;
  json_decref(of);
  if (!text) return json_null();
  snprintf(hash, sizeof hash, "%016" PRIx64, (uint64_t)XXH3_64bits(text, strlen(text)));
  free(text);
  return json_pack("{s:s, s:s}", "cell", other->name, "hash", hash);
}

/* Of the bytes of the weights that a cell starts from, where no other row has them. */
static Status hash_init(const StudySource *s, Cell *cell, char hash[17]) {
  const char *path = cell->row->init ? cell->row->init : s->options->init;
  char error[OPEN_ERROR_MAX];
  *hash = 0;
  if (!path || cell->start) return STATUS_OK;
  XXH3_state_t *state = XXH3_createState();
  if (state) XXH3_64bits_reset(state);
  int code = hash_file(state, path);
  if (code == 0) snprintf(hash, 17, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(state));
  if (code && code != ENOMEM)
    cell_fail(cell, STATUS_INVALID, NULL, "%s: %s", path, file_open_error(code, error));
  if (state) XXH3_freeState(state);
  return code == ENOMEM ? diag_no_memory(s->diag, 1 << 20) : STATUS_OK;
}

/* Weights and how they are taken. */
static json_t *init_of(const StudySource *s, const char *hash) {
  const StudyOptions *o = s->options;
  if (!*hash) return json_null();
  json_t *skip = json_array();
  for (uint32_t i = 0; i < o->n_init_skip; i++)
    json_array_append_new(skip, json_string_nocheck(o->init_skip[i]));
  return json_pack("{s:s, s:o, s:o}", "hash", hash, "skip", skip, "prefix",
                   text_or_null(o->init_prefix));
}

static Status identify(const StudySource *s, Cell *cell, const char *text) {
  char init[17];
  TRY(hash_init(s, cell, init));
  if (cell->state == CELL_FAILED) return STATUS_OK;
  cell->identity =
      json_pack("{s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "model", cell->row->model,
                "text", text, "sets", sets_of(s, cell), "seed", (json_int_t)cell->seed, "data",
                hash_of(s, source_training(s, cell->training)->set), "init", init_of(s, init),
                "start", other_of(cell->start), "same time", other_of(cell->timed), "tests",
                tests_of(s, cell), "program", s->options->version);
  return cell->identity ? STATUS_OK
                        : diag_error(s->diag, STATUS_INVALID, cell->row->model,
                                     "names must be UTF-8", "the cell cannot be written as JSON");
}

Status source_identify(const StudySource *s, Cells *cells) {
  for (uint32_t i = 0; i < cells->n; i++) {
    Cell *c = &cells->at[i], *first = cells_find(cells, c->row_index, c->training, 0);
    const StudyData *data = source_training(s, c->training);
    char hash[17] = "";
    if (c->start && c->start->state == CELL_FAILED)
      cell_fail(c, STATUS_INVALID, NULL, "it needs %s, which failed", c->start->name);
    else if (c->timed && c->timed->state == CELL_FAILED)
      cell_fail(c, STATUS_INVALID, NULL, "it needs %s, which failed", c->timed->name);
    else if (!data->set)
      cell_fail(c, STATUS_INVALID, data->hint, "%s", data->message);
    else if (first != c && first->identity)
      snprintf(hash, sizeof hash, "%s",
               json_string_value(json_object_get(first->identity, "text")));
    else if (first != c && first->state == CELL_FAILED)
      cell_fail(c, STATUS_INVALID, first->hint, "%s",
                first->message ? first->message : "its model cannot be read");
    else
      TRY(hash_model(s, c, hash));
    if (*hash) TRY(identify(s, c, hash));
  }
  return STATUS_OK;
}
