/* Data that do not fit the plan: what is refused, and the graphc line that the message gives. */
#include "runtime/data/loader.h"
#include "runtime/data/loader_check.h"
#include "tests/support.h"

/* Messages of checking a plan against manifests of `counts[k]` identities with one image each. */
static char *check(const Plan *plan, const char *const *names, const int *counts, int n,
                   Status expected) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  fputs("path,pid,camera,domain,split\n", out);
  for (int k = 0; k < n; k++) {
    for (int i = 0; i < counts[k]; i++)
      fprintf(out, "%s/%d.jpg,%d,1,%s,train\n", names[k], i, i, names[k]);
    fprintf(out, "%s/q.jpg,q,1,%s,query\n", names[k], names[k]);
  }
  fclose(out);
  DataSet *data;
  CU_ASSERT_EQUAL_FATAL(dataset_read(support_write("fit.csv", text), NULL, &data), STATUS_OK);
  free(text);
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(loader_check(plan, data, diag), expected);
  text = support_messages(diag);
  size_t length = strlen(support_folder());
  for (char *at = text; (at = strstr(at, support_folder()));) {
    *at = '~';
    memmove(at + 1, at + length, strlen(at + length) + 1);
  }
  diag_destroy(diag);
  dataset_destroy(data);
  return text;
}

static void expect(const Plan *plan, const char *const *names, const int *counts, int n,
                   const char *expected) {
  char *text = check(plan, names, counts, n, *expected ? STATUS_INVALID : STATUS_OK);
  if (strcmp(text, expected) != 0) printf("\n--- is\n%s--- not\n%s", text, expected);
  CU_ASSERT_STRING_EQUAL(text, expected);
  free(text);
}

static const char *const names[3] = {"a", "b", "c"};

static void test_cdvm(void) {
  static const char *const defines[] = {"domains=c a", "ids=9 12", "batch_ids=9", "encoders=off",
                                        "meta=off"};
  Compiled c = support_compile("models/cdvm_small.xml", defines, 5, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  expect(c.plan, names, (const int[]){12, 3, 9}, 3, "");
  expect(c.plan, names, (const int[]){12, 3, 10}, 3,
         "~/fit.csv: error: domain 'c' has 10 training identities, the plan is made for 9\n"
         "hint: graphc MODEL.xml -D 'domains=c a' -D 'ids=10 12'\n");
  expect(c.plan, names, (const int[]){12, 3}, 2,
         "~/fit.csv: error: has no domain 'c', which the plan trains on\n"
         "hint: graphc MODEL.xml -D 'domains=a b' -D 'ids=12 3'\n");
  expect(c.plan, names, (const int[]){12, 3, 0}, 3,
         "~/fit.csv: error: domain 'c' has no training images\n"
         "hint: in a .domains file split=all trains on queries and gallery too\n");
  expect(c.plan, names, (const int[]){8, 3, 7}, 3,
         "~/fit.csv: error: domain 'c' has 7 training identities, a batch takes 9\n"
         "hint: graphc MODEL.xml -D batch_ids=7, at most\n"
         "~/fit.csv: error: domain 'a' has 8 training identities, a batch takes 9\n"
         "hint: graphc MODEL.xml -D batch_ids=7, at most\n"
         "~/fit.csv: error: domain 'c' has 7 training identities, the plan is made for 9\n"
         "hint: graphc MODEL.xml -D 'domains=c a' -D 'ids=7 8'\n"
         "~/fit.csv: error: domain 'a' has 8 training identities, the plan is made for 12\n"
         "hint: graphc MODEL.xml -D 'domains=c a' -D 'ids=7 8'\n");
  support_release(&c);
}

/* One training program over images (1, 4, 8, 4, 3); `data` describes sampler and so on. */
static void expect_model(const char *inputs, const char *data, const char *expected) {
  char text[2048];
  snprintf(text, sizeof text,
           "<model name=\"fit\" xmlns=\"urn:graphc:model:1\">\n"
           "  <param name=\"lr\" type=\"float\" value=\"0.1\" doc=\"rate\"/>\n"
           "  <program name=\"step\" kind=\"train\">\n"
           "    %s\n"
           "    <mean name=\"m\" in=\"images\" axes=\"0 1 2 3 4\"/>\n"
           "    <output value=\"m\"/>\n"
           "  </program>\n"
           "  %s\n"
           "</model>\n",
           inputs, data);
  Compiled c = support_compile(support_write("fit.xml", text), NULL, 0, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  expect(c.plan, names, (const int[]){4}, 1, expected);
  support_release(&c);
}

#define IMAGES "<input name=\"images\" shape=\"1 4 8 4 3\"/>"
#define TRAINING "<training domains=\"a\" ids=\"4\"/>"
#define SAMPLER "<sampler batch-ids=\"2\" batch-images=\"2\"/>"
#define AUGMENT "<augment height=\"8\" width=\"4\"/>"

static void test_models(void) {
  expect_model(IMAGES, TRAINING SAMPLER AUGMENT, "");
  expect_model(IMAGES
               "<input name=\"labels\" shape=\"1 4\" dtype=\"i32\"/><output value=\"labels\"/>",
               TRAINING SAMPLER AUGMENT, "");
  expect_model(IMAGES, SAMPLER AUGMENT,
               "model 'fit': error: names no domains to train on\n"
               "hint: <training domains=... ids=.../> names what it is trained on\n");
  expect_model(IMAGES, TRAINING AUGMENT,
               "model 'fit': error: does not say how batches are drawn\n"
               "hint: <sampler batch-ids=... batch-images=.../>\n");
  expect_model(IMAGES, TRAINING SAMPLER,
               "model 'fit': error: does not say how large images are\n"
               "hint: <augment height=... width=.../>\n");
  expect_model(
      IMAGES, TRAINING SAMPLER "<augment height=\"4\" width=\"8\"/>",
      "~/fit.xml:4:5: error: input 'images' is f32 (1, 4, 8, 4, 3), sampler and "
      "augmentation give floating (1, 4, 4, 8, 3)\n"
      "hint: images are (domains, batch-ids * batch-images, height, width, 3), floating\n");
  expect_model(IMAGES
               "<input name=\"labels\" shape=\"4\" dtype=\"i32\"/><output value=\"labels\"/>",
               TRAINING SAMPLER AUGMENT,
               "~/fit.xml:4:45: error: input 'labels' is i32 (4), sampler and augmentation give "
               "i32 (1, 4)\n"
               "hint: labels are (domains, batch-ids * batch-images), dtype i32\n");
  expect_model(IMAGES, TRAINING "<sampler batch-ids=\"1000000\" batch-images=\"1000000\"/>" AUGMENT,
               "model 'fit': error: a batch has more elements than a value may have\n"
               "hint: smaller batch-ids, batch-images, height or width\n");
}

/* A hint names what the plan's own model has: its parameter, else the place in its text.  The plan
 * is written and read, as train finds it. */
static void expect_names(const char *params, const char *training, const char *sampler, int ids,
                         const char *expected) {
  char text[2048];
  snprintf(text, sizeof text,
           "<model name=\"names\" xmlns=\"urn:graphc:model:1\">\n"
           "  %s\n"
           "  <program name=\"step\" kind=\"train\">\n"
           "    <input name=\"images\" shape=\"1 4 8 4 3\"/>\n"
           "    <mean name=\"m\" in=\"images\" axes=\"0 1 2 3 4\"/>\n"
           "    <output value=\"m\"/>\n"
           "  </program>\n"
           "  %s\n"
           "  %s\n" AUGMENT "</model>\n",
           params, training, sampler);
  Compiled c = support_compile(support_write("names.xml", text), NULL, 0, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  Plan *plan = NULL;
  const char *path = support_path("names.plan.xml");
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), path, c.diag), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(plan_read(path, ops_table(), targets_table(), c.diag, &plan), STATUS_OK);
  expect(plan, names, &ids, 1, expected);
  plan_destroy(plan);
  support_release(&c);
}

static void test_names(void) {
#define FEW "~/fit.csv: error: domain 'a' has 3 training identities, a batch takes 4\n"
#define OTHER "~/fit.csv: error: domain 'a' has 5 training identities, the plan is made for 4\n"
#define NONE "~/fit.csv: error: has no domain 'z', which the plan trains on\n"
#define LISTS                                                                                      \
  "<param name=\"sets\" type=\"list\" value=\"%s\"/><param name=\"people\" type=\"list\" "         \
  "items=\"int\" value=\"%d\"/><param name=\"n\" type=\"int\" value=\"4\"/>"
  char params[400];
  snprintf(params, sizeof params, LISTS, "a", 3);
  expect_names(params, "<training domains=\"${sets}\" ids=\"${ people }\"/>",
               "<sampler batch-ids=\"${n}\"/>", 3, FEW "hint: graphc MODEL.xml -D n=3, at most\n");
  expect_names(params, "<training domains=\"a\" ids=\"3\"/>", "<sampler batch-ids=\"4\"/>", 3,
               FEW "hint: batch-ids=\"3\" in <sampler> (names.xml:9), at most\n");
  expect_names(params, "<training domains=\"a\" ids=\"3\"/>",
               "<sampler batch-ids=\"${n - 1 + 1}\"/>", 3,
               FEW "hint: batch-ids=\"3\" in <sampler> (names.xml:9), at most\n");
  snprintf(params, sizeof params, LISTS, "a", 4);
  expect_names(params, "<training domains=\"${sets}\" ids=\"${people}\"/>",
               "<sampler batch-ids=\"4\"/>", 5,
               OTHER "hint: graphc MODEL.xml -D sets=a -D people=5\n");
  expect_names(params, "<training domains=\"a\" ids=\"${people}\"/>", "<sampler batch-ids=\"4\"/>",
               5, OTHER "hint: domains=\"a\" in <training> (names.xml:8), -D people=5\n");
  snprintf(params, sizeof params, LISTS, "z", 4);
  expect_names(params, "<training domains=\"${sets}\" ids=\"${people}\"/>",
               "<sampler batch-ids=\"4\"/>", 5,
               NONE "hint: graphc MODEL.xml -D sets=a -D people=5\n");
}

/* kind shuffle needs no number of identities; too few images repeat, with a warning. */
static void test_shuffle(void) {
  expect_model(IMAGES,
               TRAINING "<sampler kind=\"shuffle\" batch-ids=\"4\" batch-images=\"1\"/>" AUGMENT,
               "");
}

static void test_epoch(void) {
  static const char *const defines[] = {"domains=c a", "ids=9 12", "batch_ids=3", "encoders=off",
                                        "meta=off"};
  Compiled c = support_compile("models/cdvm_small.xml", defines, 5, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  free(check(c.plan, names, (const int[]){12, 3, 9}, 3, STATUS_OK)); /* leaves fit.csv */
  DataSet *data;
  CU_ASSERT_EQUAL_FATAL(dataset_read(support_path("fit.csv"), NULL, &data), STATUS_OK);
  CU_ASSERT_EQUAL(loader_steps_per_epoch(c.plan, data), 21 / 12);
  c.plan->sampler.batch_ids = 1;
  CU_ASSERT_EQUAL(loader_steps_per_epoch(c.plan, data), 21 / 4);
  c.plan->sampler.batch_ids = 1 << 30;
  c.plan->sampler.batch_images = 1 << 30;
  CU_ASSERT_EQUAL(loader_steps_per_epoch(c.plan, data), 1);
  dataset_destroy(data);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"cdvm", test_cdvm},
                                      {"models", test_models},
                                      {"names", test_names},
                                      {"shuffle", test_shuffle},
                                      {"epoch", test_epoch}};
  return support_run("data fit", tests, sizeof tests / sizeof *tests);
}
