/* Plans: written, read and written again; and files that are damaged, foreign or hostile. */
#include "tests/support.h"

#include "graph/plan/plan_format.h"
#include "ops/verify.h"
#include "runtime/execute/execute.h"

#include <xxhash.h>

/* ---- help ---- */

typedef struct Bytes {
  char *data;
  size_t n;
} Bytes;

static Bytes slurp(const char *path) {
  FILE *file = fopen(path, "rb");
  Bytes b = {NULL, 0};
  if (!file || fseek(file, 0, SEEK_END) != 0) exit(1);
  b.n = (size_t)ftell(file);
  rewind(file);
  b.data = malloc(b.n + 1);
  if (!b.data || fread(b.data, 1, b.n, file) != b.n) exit(1);
  fclose(file);
  b.data[b.n] = 0;
  return b;
}

static const char *spill(const char *name, const char *data, size_t n) {
  const char *path = support_path(name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, n, file) != n || fclose(file) != 0) exit(1);
  return path;
}

/* The body of a plan with a first line that fits it. */
static const char *spill_hashed(const char *name, const char *body, size_t n) {
  char line[PLAN_ROOT_MAX];
  plan_root_line(line, sizeof line, XXH3_64bits(body, n));
  size_t head = strlen(line);
  char *all = malloc(head + n);
  if (!all) exit(1);
  memcpy(all, line, head);
  memcpy(all + head, body, n);
  const char *path = spill(name, all, head + n);
  free(all);
  return path;
}

static size_t body_of(const Bytes *plan) {
  return (size_t)(strchr(plan->data, '\n') - plan->data) + 1;
}

/* Targets that are known here; NULL: the program's. */
static const TargetTable *known;

/* Reads and verifies; what graphrun does first. */
static Status load(const char *path, Diag *diag, Plan **out) {
  Status status = plan_read(path, ops_table(), known ? known : targets_table(), diag, out);
  if (status == STATUS_OK) status = verify_plan(*out, path, diag);
  if (status != STATUS_OK) {
    plan_destroy(*out);
    *out = NULL;
  }
  return status;
}

/* A refused plan: status 1 and one message that begins with the file and gives a remedy or reason.
 */
static bool refused(const char *path, const char *part) {
  Diag *diag = diag_create();
  Plan *plan;
  Status status = load(path, diag, &plan);
  char *text = support_messages(diag);
  bool ok = status == STATUS_INVALID && diag_error_count(diag) == 1 && !plan &&
            strncmp(text, path, strlen(path)) == 0 && (!part || strstr(text, part));
  if (!ok) printf("\nstatus %d: %s\n", (int)status, text);
  free(text);
  plan_destroy(plan);
  diag_destroy(diag);
  return ok;
}

static const char *write_plan(const char *model, const char *const *defines, uint32_t n,
                              const char *name) {
  Compiled c = support_compile(model, defines, n, DTYPE_F32);
  const char *path = support_path(name);
  if (c.status == STATUS_OK) c.status = plan_write(c.plan, ops_table(), path, c.diag);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  support_release(&c);
  return path;
}

/* Small, and with everything that a plan can hold: sites, states, schedules, programs, batches. */
static const char *small_plan(void) {
  static const char *const defines[] = {"hidden=3", "height=4", "width=4", "batch_ids=2",
                                        "batch_images=2"};
  return write_plan("models/examples/mlp.xml", defines, 5, "small.plan.xml");
}

/* ---- tests ---- */

static void same_again(const char *first) {
  Diag *diag = diag_create();
  Plan *plan;
  Status status = load(first, diag, &plan);
  const char *second = support_path("second.plan.xml");
  if (status == STATUS_OK) status = plan_write(plan, ops_table(), second, diag);
  diag_print(diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  Bytes a = slurp(first), b = slurp(second);
  CU_ASSERT_TRUE(a.n == b.n && memcmp(a.data, b.data, a.n) == 0);
  free(a.data);
  free(b.data);
  plan_destroy(plan);
  diag_destroy(diag);
}

static void round_trip(const char *model) {
  same_again(write_plan(model, NULL, 0, "first.plan.xml"));
}

/* Reading loses nothing: what is read and written again has the same bytes. */
static void test_round_trip(void) {
  CU_ASSERT(support_each_model("models/examples/*.xml", round_trip) >= 8);
  round_trip("models/cdvm_small.xml");
}

/* Names of any bytes survive; the file stays XML. */
static void test_names(void) {
  static const char *const names[] = {"a<b>&amp;",
                                      "back\\slash",
                                      "\xff\x01",
                                      "tab\tand\x7f",
                                      "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                      " blank "};
  Compiled c = support_compile("models/examples/mlp.xml", NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  for (size_t i = 0; i < 6; i++)
    c.plan->states[i].external = strings_intern(c.model->symbols->strings, names[i]);
  const char *path = support_path("names.plan.xml");
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), path, c.diag), STATUS_OK);
  Plan *plan;
  CU_ASSERT_EQUAL_FATAL(load(path, c.diag, &plan), STATUS_OK);
  for (size_t i = 0; i < 6; i++)
    CU_ASSERT_STRING_EQUAL(plan_text(plan, plan->states[i].external), names[i]);
  plan_destroy(plan);
  support_release(&c);
}

static void test_files(void) {
  CU_ASSERT_TRUE(refused(support_path("none.plan.xml"), "graphc MODEL.xml writes a plan"));
  CU_ASSERT_TRUE(refused(support_folder(), "this is a folder"));
  CU_ASSERT_TRUE(refused(spill("empty.xml", "", 0), "is no plan"));
  CU_ASSERT_TRUE(refused("models/cdvm.xml", "is no plan"));
  CU_ASSERT_TRUE(refused("LICENSE", "is no plan"));
  const char *other =
      "<plan version=\"99\" hash=\"0123456789abcdef\" xmlns=\"urn:graphc:plan:99\">\n";
  char text[64];
  snprintf(text, sizeof text, "is a plan of version 99, this program reads version %d",
           PLAN_VERSION);
  CU_ASSERT_TRUE(refused(spill("other.xml", other, strlen(other)), text));
  CU_ASSERT_TRUE(refused("/dev/zero", "no regular file"));
}

/* What a plan was laid out for stands in it, and what is not here is named with what is. */
static void test_target(void) {
  Bytes plan = slurp(small_plan());
  char *body = plan.data + body_of(&plan), *at = strstr(body, "<target>\ncpu\n");
  CU_ASSERT_PTR_EQUAL_FATAL(at, body);
  memcpy(at, "<target>\ntpu\n", 13);
  const char *path = spill_hashed("target.xml", body, plan.n - body_of(&plan));
  CU_ASSERT_TRUE(
      refused(path, "the plan was compiled for the target 'tpu', this program knows: cpu"));
  CU_ASSERT_TRUE(refused(path, "hint: compile the model again: graphc MODEL.xml --target=cpu"));
  memmove(at + 9, at + 12, plan.n - body_of(&plan) - 12); /* an empty line */
  path = spill_hashed("target.xml", body, plan.n - body_of(&plan) - 3);
  CU_ASSERT_TRUE(refused(path, "in <target>: the name of a target is expected"));
  free(plan.data);
  char *longer = malloc(200);
  if (!longer) exit(1);
  memset(longer, 'x', 200);
  memcpy(longer, "<target>\n", 9);
  memcpy(longer + 180, "\n</target>\n", 12);
  CU_ASSERT_TRUE(refused(spill_hashed("target.xml", longer, 192), "is no valid plan"));
  free(longer);
}

/* Damage: every cut and every flipped bit is seen by the hash. */
static void test_damage(void) {
  Bytes plan = slurp(small_plan());
  size_t step = plan.n / 97 + 1, failures = 0;
  for (size_t n = 0; n < plan.n; n += n < 200 ? 7 : step)
    failures += !refused(spill("cut.xml", plan.data, n), NULL);
  CU_ASSERT_EQUAL(failures, 0);
  CU_ASSERT_TRUE(refused(spill("cut.xml", plan.data, plan.n - 1), "damaged"));
  for (size_t at = 0; at < plan.n; at += at < 120 ? 3 : step) {
    plan.data[at] = (char)(plan.data[at] ^ (1 << at % 8));
    failures += !refused(spill("flip.xml", plan.data, plan.n), NULL);
    plan.data[at] = (char)(plan.data[at] ^ (1 << at % 8));
  }
  CU_ASSERT_EQUAL(failures, 0);
  free(plan.data);
}

/* Cut anywhere, with a hash that fits: the reader finds the end of the text. */
static void test_cut_with_hash(void) {
  Bytes plan = slurp(small_plan());
  size_t body = body_of(&plan), length = plan.n - body, failures = 0;
  for (size_t n = 0; n < length; n += length / 499 + 1)
    failures += !refused(spill_hashed("cut.xml", plan.data + body, n), "is no valid plan");
  failures += !refused(spill_hashed("cut.xml", plan.data + body, length - 1), "is no valid plan");
  CU_ASSERT_EQUAL(failures, 0);
  char *longer = malloc(length + 8);
  if (!longer) exit(1);
  memcpy(longer, plan.data + body, length);
  memcpy(longer + length, "<plan>\n", 7);
  CU_ASSERT_TRUE(refused(spill_hashed("long.xml", longer, length + 7), "the end of the file"));
  free(longer);
  free(plan.data);
}

static uint64_t next_random(uint64_t *state) { /* splitmix64: the same mutations everywhere */
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* Replaces the integer that begins at or after byte `at`; returns the new length. */
static size_t mutate(char *text, size_t n, size_t at, uint64_t *random) {
  static const char *const numbers[] = {"0",
                                        "1",
                                        "2",
                                        "3",
                                        "-1",
                                        "63",
                                        "64",
                                        "4294967295",
                                        "255",
                                        "65536",
                                        "1000000007",
                                        "9223372036854775807",
                                        "7",
                                        "4294967296",
                                        "999999999",
                                        "2147483648",
                                        "1099511627776",
                                        "-9223372036854775808"};
  while (at < n &&
         !(text[at] >= '0' && text[at] <= '9' && (text[at - 1] == ' ' || text[at - 1] == '\n')))
    at++;
  size_t end = at;
  while (end < n && text[end] >= '0' && text[end] <= '9') end++;
  if (end >= n) return n; /* an earlier mutation made the text shorter */
  char other[24];
  uint64_t choice = next_random(random) % 24;
  int64_t value = strtoll(text + at, NULL, 10);
  if (choice < 18)
    snprintf(other, sizeof other, "%s", numbers[choice]);
  else
    snprintf(other, sizeof other, "%lld", (long long)((uint64_t)value + choice - 21));
  size_t length = strlen(other);
  memmove(text + at + length, text + end, n - end);
  memcpy(text + at, other, length);
  return n - (end - at) + length;
}

/* Runs what the verifier let pass: it must not leave its arena. */
static void run_programs(const Plan *plan) {
  if (plan_arena_bytes(plan) > 1 << 24) return;
  Diag *diag = diag_create();
  Executor *executor;
  if (executor_create(plan, 1, diag, &executor) == STATUS_OK)
    for (uint32_t p = 0; p < plan->n_programs; p++) executor_run(executor, p, diag);
  executor_destroy(executor);
  diag_destroy(diag);
}

/* Wrong numbers under a hash that fits: an error, or a plan that is valid and runs inside its
 * bounds; ASan watches. */
static void mutate_from(const char *tag, const char *path, int rounds, uint64_t random) {
  Bytes plan = slurp(path);
  size_t body = body_of(&plan), length = plan.n - body, failures = 0;
  char *numbers = strstr(plan.data + body, tag);
  CU_ASSERT_PTR_NOT_NULL_FATAL(numbers);
  size_t first = (size_t)(numbers - plan.data) - body;
  char *text = malloc(length + 256);
  if (!text) exit(1);
  int accepted = 0;
  for (int i = 0; i < rounds; i++) {
    memcpy(text, plan.data + body, length);
    size_t n = length;
    for (uint64_t k = next_random(&random) % 3 + 1; k > 0; k--)
      n = mutate(text, n, first + next_random(&random) % (length - first), &random);
    Diag *diag = diag_create();
    Plan *read;
    Status status = load(spill_hashed("hostile.xml", text, n), diag, &read);
    if (status == STATUS_OK) {
      accepted++;
      run_programs(read);
    } else if (status != STATUS_INVALID || diag_error_count(diag) != 1) {
      failures++;
      printf("\nmutation %d: status %d\n", i, (int)status);
      diag_print(diag, stdout);
    }
    plan_destroy(read);
    diag_destroy(diag);
  }
  CU_ASSERT_EQUAL(failures, 0);
  printf("(%d of %d stay valid) ", accepted, rounds);
  free(text);
  free(plan.data);
}

static void mutate_plan(const char *path, int rounds, uint64_t random) {
  mutate_from("<places>", path, rounds, random);
}

/* Every byte of the list of ops and attributes as another one: refused, with one message. */
static void test_hostile_ops(void) {
  static const char bytes[] = " \n<\\ax";
  Bytes plan = slurp(small_plan());
  size_t body = body_of(&plan);
  char *from = strstr(plan.data, "<ops>\n") + 6, *to = strstr(plan.data, "</ops>");
  unsigned accepted = 0;
  for (char *at = from; at < to; at++)
    for (const char *b = bytes; *b; b++) {
      char was = *at;
      Diag *diag = diag_create();
      Plan *read = NULL;
      *at = *b;
      bool good =
          load(spill_hashed("ops.xml", plan.data + body, plan.n - body), diag, &read) == STATUS_OK;
      CU_ASSERT_EQUAL(diag_error_count(diag), good ? 0 : 1);
      accepted += good && *b != was;
      plan_destroy(read);
      diag_destroy(diag);
      *at = was;
    }
  CU_ASSERT_EQUAL(accepted, 0); /* there is one form */
  free(plan.data);
}

/* PLAN_MUTATIONS=N multiplies the rounds, for a night. */
static void test_hostile(void) {
  const char *more = getenv("PLAN_MUTATIONS");
  int factor = more ? (int)strtol(more, NULL, 10) : 1;
  mutate_plan(small_plan(), 2000 * factor, 8);
  static const char *const cnn[] = {"height=16", "image_width=16", "channels=3 4", "batch_ids=2",
                                    "batch_images=2"};
  mutate_plan(write_plan("models/examples/cnn.xml", cnn, 5, "cnn.plan.xml"), 500 * factor, 9);
  static const char *const maml[] = {"tasks=1", "shots=2", "hidden=2"};
  mutate_plan(write_plan("models/examples/maml.xml", maml, 3, "maml.plan.xml"), 500 * factor, 10);
  static const char *const siamese[] = {"pairs=2", "size=4", "width=2", "features=2", "steps=1"};
  mutate_plan(write_plan("tests/models/siamese.xml", siamese, 5, "siamese.plan.xml"), 300 * factor,
              11);
}

/* Replaces the first row of the first <tag> and fits the hash. */
static const char *with_row(const char *path, const char *tag, const char *row) {
  Bytes plan = slurp(path);
  size_t body = body_of(&plan), length = plan.n - body;
  char *text = malloc(length + strlen(row) + 1);
  if (!text) exit(1);
  const char *from = plan.data + body, *at = strstr(from, tag);
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  at += strlen(tag) + 1;
  CU_ASSERT_NOT_EQUAL_FATAL(*at, '<'); /* there is a row */
  const char *next = strchr(at, '\n');
  size_t n = (size_t)(at - from), rest = length - (size_t)(next - from);
  memcpy(text, from, n);
  memcpy(text + n, row, strlen(row));
  memcpy(text + n + strlen(row), next, rest);
  const char *hostile = spill_hashed("row.xml", text, n + strlen(row) + rest);
  free(text);
  free(plan.data);
  return hostile;
}

/* Products that no 64 bits hold. */
static void test_large_products(void) {
  const char *path = write_plan("models/examples/cnn.xml", NULL, 0, "rows.plan.xml");
  CU_ASSERT_TRUE(refused(with_row(path, "<batches>", "1073741824 1073741824 1073741824 0"),
                         "in <batches>: a smaller batch is expected"));
}

/* Of a target with several streams: read and written again, and with wrong streams and waits. */
static void test_streams(void) {
  Target wide = target_cpu;
  wide.name = "wide";
  wide.streams = (StreamFacts){3, true, 3000, 1000, 20000000, 3000000, 200000};
  const Target *const targets[] = {&wide};
  const TargetTable table = {targets, 1, "this test knows"};
  static const char *const maml[] = {"tasks=2", "shots=2", "hidden=2"};
  ModelOptions options = {.path = "models/examples/maml.xml", .defines = maml, .n_defines = 3};
  PipelineOptions pipeline = {
      .build = {.precision = PRECISION_DEFAULT, .shards = 4, .target = &wide}, .verify = true};
  Compiled c = {.diag = diag_create()};
  CU_ASSERT_EQUAL_FATAL(model_load(&options, ops_table(), c.diag, &c.model), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(pipeline_run(c.model, &pipeline, c.diag, &c.plan), STATUS_OK);
  char *path = strdup(support_path("streams.plan.xml"));
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), path, c.diag), STATUS_OK);
  CU_ASSERT(plan_streams(&c.plan->programs[0]) == 3 && c.plan->programs[0].n_waits > 20);
  known = &table;
  same_again(path);
  mutate_from("<steps>", path, 1500, 12);
  mutate_from("<waits>", path, 500, 13);
  CU_ASSERT(refused(with_row(path, "<waits>", "0 0 0 0 0 0 0 0 0 0 0 0"),
                    "in <waits>: as many waits as the steps have"));
  CU_ASSERT(refused(with_row(path, "<steps>", "1 -1 0 4 0"), "in <steps>: "));
  CU_ASSERT(refused(with_row(path, "<steps>", "1 -1 0 0 9"), "in <steps>: "));
  known = NULL;
  free(path);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"round trip", test_round_trip},
                                      {"names", test_names},
                                      {"files", test_files},
                                      {"target", test_target},
                                      {"damage", test_damage},
                                      {"cut with hash", test_cut_with_hash},
                                      {"large products", test_large_products},
                                      {"hostile ops", test_hostile_ops},
                                      {"hostile", test_hostile},
                                      {"streams", test_streams}};
  return support_run("plan", tests, sizeof tests / sizeof *tests);
}
