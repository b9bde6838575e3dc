/* Evaluation end to end: files, network, retrieval, result; against figures known by hand and a
 * plain rendering; invariance; every message. */
#include "runtime/data/dataset.h"
#include "runtime/data/image.h"
#include "runtime/eval/evaluate.h"
#include "runtime/eval/features.h"
#include "runtime/execute/init.h"
#include "runtime/execute/weights.h"
#include "runtime/synth/synth.h"
#include "tests/hand_set.h"
#include "tests/shell.h"
#include "tests/values.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <sys/wait.h>

/* ---- helpers ---- */

/* Runs `graphrun eval ...`; `output` takes both streams. */
__attribute__((format(printf, 2, 3))) static int command(char **output, const char *format, ...) {
  char arguments[2048], line[2500];
  va_list list;
  va_start(list, format);
  vsnprintf(arguments, sizeof arguments, format, list);
  va_end(list);
  snprintf(line, sizeof line, "%s eval %s 2>&1", getenv("GRAPHRUN"), arguments);
  FILE *pipe = popen(line, "r");
  char *text = NULL;
  size_t size = 0;
  if (!pipe || getdelim(&text, &size, 0, pipe) < 0) text = calloc(1, 1);
  int code = pipe ? pclose(pipe) : -1;
  *output = text;
  return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

/* One message, with the right exit code. */
#define REFUSED(CODE, SAYS, ...)                                                                   \
  do {                                                                                             \
    char *output_;                                                                                 \
    int code_ = command(&output_, __VA_ARGS__);                                                    \
    CU_ASSERT_EQUAL(code_, CODE);                                                                  \
    CU_ASSERT_PTR_NOT_NULL(strstr(output_, SAYS));                                                 \
    if (code_ != (CODE) || !strstr(output_, SAYS)) printf("[%d] %s", code_, output_);              \
    free(output_);                                                                                 \
  } while (0)

static json_t *result_of(const char *path) {
  json_t *root = json_load_file(path, 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  return root;
}

static double figure(const json_t *root, const char *name) {
  return json_number_value(
      json_object_get(json_array_get(json_object_get(root, "domains"), 0), name));
}

static char *file_text(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  size_t size = 0;
  if (!file || getdelim(&text, &size, 0, file) < 0) exit(1);
  fclose(file);
  return text;
}

/* A model whose feature is the mean colour. */
static const char *mean_color_plan(void) {
  static const char *path;
  if (path) return path;
  const char *model =
      support_write("mean.xml", "<model name='mean' xmlns='urn:graphc:model:1'>"
                                "<program name='evaluate' kind='evaluate'>"
                                "<input name='images' shape='4 16 8 3'/>"
                                "<parameter name='gain' shape='3' init='constant' value='1'/>"
                                "<mean name='color' in='images' axes='1 2'/>"
                                "<expr name='y' value='color * gain * gain'/>"
                                "<normalize name='ynorm' in='y' eps='1e-12'/>"
                                "<output value='ynorm'/></program></model>");
  Compiled c = support_compile(model, NULL, 0, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  path = support_path("mean.plan.xml");
  path = strdup(path);
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), path, c.diag), STATUS_OK);
  support_release(&c);
  return path;
}

static const char *write_gain(const char *name, float value, int64_t n) {
  float gain[4] = {value, value, value, value};
  SaveTensor tensor = {"gain", DTYPE_F32, {.rank = 1, .dim = {n}}, gain};
  const char *path = support_path(name);
  CU_ASSERT_EQUAL_FATAL(safe_write(path, &tensor, 1, NULL, 0, false, NULL), STATUS_OK);
  return path;
}

static const char *hand_made(void) {
  static const char *folder;
  if (folder) return folder;
  hand_set(true);
  return folder = strdup(support_path("hand"));
}

/* ---- by hand ---- */

/* Person 7: c1 is taken out, c2 is first, 9 second, c3 third: AP (1 + 2/3) / 2.  Person 9: all
 * similarities are 0, so that the order is the gallery's: fourth, AP 1/4.  Person 5 has no match.
 * Chance: the mean AP over the three arrangements of 2 matches among 3, and H(4)/4. */
static void check_hand(const char *out) {
  json_t *root = result_of(out);
  double ap = (1 + 2.0 / 3) / 2;
  CU_ASSERT_DOUBLE_EQUAL(figure(root, "map"), (ap + 0.25) / 2, 1e-15);
  CU_ASSERT_EQUAL(figure(root, "rank1"), 0.5);
  CU_ASSERT_EQUAL(figure(root, "rank5"), 1);
  CU_ASSERT_DOUBLE_EQUAL(figure(root, "chance"),
                         ((1 + ap + (1.0 / 2 + 2.0 / 3) / 2) / 3 + 25.0 / 48) / 2, 1e-15);
  CU_ASSERT_EQUAL(figure(root, "identities"), 3);
  CU_ASSERT_EQUAL(figure(root, "cameras"), 3);
  CU_ASSERT_EQUAL(figure(root, "images"), 7);
  const json_t *domain = json_array_get(json_object_get(root, "domains"), 0);
  const json_t *query = json_object_get(domain, "query"), *aps = json_object_get(query, "ap");
  CU_ASSERT(json_is_null(json_array_get(aps, 0)));
  CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_array_get(aps, 1)), ap, 1e-15);
  CU_ASSERT_EQUAL(json_real_value(json_array_get(aps, 2)), 0.25);
  json_decref(root);
}

static void test_by_hand(void) {
  char *output;
  const char *out = support_path("hand.json"), *gain = write_gain("gain.safetensors", 2, 3);
  CU_ASSERT_EQUAL(command(&output, "%s --weights=%s --data=%s --out=%s", mean_color_plan(), gain,
                          hand_made(), out),
                  0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "mAP       54.17 %"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "chance 66.32 %"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "Rank-1    50.00 %   Rank-5 100.00 %"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "3 queries, 4 in the gallery (0 distractors); 1 skipped"));
  free(output);
  check_hand(out);
  /* all reds share a bin, so that 9 ties with c2 of 7 and comes after it: the same figures */
  CU_ASSERT_EQUAL(command(&output, "--baseline=color --data=%s --out=%s", hand_made(), out), 0);
  free(output);
  check_hand(out);
}

/* INP is 2/3 of person 7 and 1/4 of 9.  Of the pairs of one person c2 of 7 is nearer than all 8 of
 * two, the other two are as far as three of these: 8 + 3/2 + 3/2 of 24. */
static void test_figures(void) {
  char *output;
  const char *out = support_path("figures.json"), *gain = write_gain("gain.safetensors", 2, 3);
  CU_ASSERT_EQUAL(command(&output, "%s --weights=%s --data=%s --out=%s --roc --cmc=1,3,4",
                          mean_color_plan(), gain, hand_made(), out),
                  0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "mINP      45.83 %"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "Rank-1    50.00 %   Rank-3 50.00 %   Rank-4 100.00 %\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "area 0.458333; 3 pairs of one person, 8 of two\n"));
  CU_ASSERT_PTR_NULL(strstr(output, "TPR")); /* a tenth of 8 is no pair */
  free(output);
  check_hand(out);
  json_t *root = result_of(out);
  CU_ASSERT_DOUBLE_EQUAL(figure(root, "minp"), (2.0 / 3 + 1.0 / 4) / 2, 1e-15);
  const json_t *domain = json_array_get(json_object_get(root, "domains"), 0);
  const json_t *cmc = json_object_get(domain, "cmc"), *roc = json_object_get(domain, "roc");
  CU_ASSERT_EQUAL(json_array_size(cmc), 3);
  CU_ASSERT_EQUAL(json_integer_value(json_array_get(json_array_get(cmc, 2), 0)), 4);
  CU_ASSERT_EQUAL(json_number_value(json_array_get(json_array_get(cmc, 1), 1)), 0.5);
  CU_ASSERT_DOUBLE_EQUAL(json_number_value(json_object_get(roc, "area")), 11.0 / 24, 1e-12);
  const json_t *points = json_object_get(roc, "points");
  const json_t *last = json_array_get(points, json_array_size(points) - 1);
  CU_ASSERT_EQUAL(json_number_value(json_array_get(last, 1)), 1);
  CU_ASSERT_EQUAL(json_number_value(json_array_get(last, 2)), 1);
  CU_ASSERT_PTR_NULL(json_object_get(root, "rerank"));
  json_decref(root);
  CU_ASSERT_EQUAL(
      command(&output, "--baseline=color --data=%s --out=%s --rerank=2,1,0.5", hand_made(), out),
      0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "k1=2 k2=1 lambda=0.5\n"));
  free(output);
  root = result_of(out);
  const json_t *rerank = json_object_get(root, "rerank");
  CU_ASSERT_EQUAL(json_integer_value(json_object_get(rerank, "k1")), 2);
  CU_ASSERT_EQUAL(json_number_value(json_object_get(rerank, "lambda")), 0.5);
  json_decref(root);
}

/* ---- a network ---- */

typedef struct Net {
  Compiled c;
  Executor *x;
  char plan[512], weights[512];
} Net;

static Net net_make(const char *eval_batch, const char *name) {
  char batch[32], path[64];
  snprintf(batch, sizeof batch, "eval_batch=%s", eval_batch);
  const char *defines[] = {
      "width=8",           "blocks=2 2 2 2", "height=32", "image_width=16",
      "batch_ids=2",       "ids=4 4",        batch,       "domains=plaza campus",
      "metatest_local=own"};
  Net n = {.c = support_compile("models/cdvm_small.xml", defines, 9, DTYPE_F32)};
  if (n.c.status != STATUS_OK) diag_print(n.c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(n.c.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(executor_create(n.c.plan, 1, n.c.diag, &n.x), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(init_states(n.x, 3, n.c.diag), STATUS_OK);
  snprintf(path, sizeof path, "%s.plan.xml", name);
  snprintf(n.plan, sizeof n.plan, "%s", support_path(path));
  CU_ASSERT_EQUAL_FATAL(plan_write(n.c.plan, ops_table(), n.plan, n.c.diag), STATUS_OK);
  snprintf(path, sizeof path, "%s.safetensors", name);
  snprintf(n.weights, sizeof n.weights, "%s", support_path(path));
  SaveTensor *tensors = calloc(n.c.plan->n_states, sizeof *tensors);
  CU_ASSERT_EQUAL_FATAL(weights_tensors(n.x, tensors, n.c.diag), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(
      safe_write(n.weights, tensors, n.c.plan->n_states, NULL, 0, false, n.c.diag), STATUS_OK);
  free(tensors);
  return n;
}

static void net_free(Net *n) {
  executor_destroy(n->x);
  support_release(&n->c);
}

static const char *synth_data(void) {
  static const char *path;
  if (path) return path;
  SynthOptions o = {.dir = support_path("synth"),
                    .seed = 5,
                    .domains = 2,
                    .train_ids = 4,
                    .test_ids = 7,
                    .cameras = 2,
                    .images = 2,
                    .distractors = 3};
  CU_ASSERT_EQUAL_FATAL(synth_write(&o, NULL), STATUS_OK);
  return path = strdup(support_path("synth/synth.domains"));
}

static uint32_t eval_program(const Net *n) {
  return plan_program_find(n->c.plan, "evaluate");
}

static Features describe(const Net *n, const DataDomain *d, int64_t count, uint32_t workers) {
  const char **paths = calloc((size_t)count, sizeof *paths);
  for (int64_t i = 0; i < count; i++) paths[i] = d->images[i].path;
  FeatureJob job = {.paths = paths, .count = count, .workers = workers};
  Features features;
  CU_ASSERT_EQUAL_FATAL(features_network(&job, n->x, eval_program(n), &features, n->c.diag),
                        STATUS_OK);
  free(paths);
  return features;
}

/* A row of a batch is a function of that row: neither the size of the batch, nor the other rows,
 * nor what fills up the last batch changes a bit. */
static void test_padding(void) {
  Net seven = net_make("7", "seven"), many = net_make("32", "many"), one = net_make("1", "one");
  DataSet *data;
  CU_ASSERT_EQUAL_FATAL(dataset_read(synth_data(), NULL, &data), STATUS_OK);
  enum { COUNT = 23 }; /* a multiple of neither */
  Features a = describe(&seven, &data->domains[0], COUNT, 2);
  Features b = describe(&many, &data->domains[0], COUNT, 3);
  Features c = describe(&one, &data->domains[0], COUNT, 1);
  Features d = describe(&seven, &data->domains[0], 14, 1); /* without padding */
  size_t bytes = (size_t)a.dim * sizeof(float);
  CU_ASSERT_EQUAL(a.dim, 256);
  CU_ASSERT_EQUAL(memcmp(a.rows, b.rows, COUNT * bytes), 0);
  CU_ASSERT_EQUAL(memcmp(a.rows, c.rows, COUNT * bytes), 0);
  CU_ASSERT_EQUAL(memcmp(a.rows, d.rows, 14 * bytes), 0);
  /* extreme padding: other rows of noise, of huge values, not a number */
  Tensor images;
  CU_ASSERT_TRUE_FATAL(executor_input(many.x, eval_program(&many), "images", &images));
  float *in = images.data, fill[] = {0.37f, 1e6f, NAN};
  int64_t size = 32 * 16 * 3;
  for (int k = 0; k < 3; k++) {
    Image image;
    char error[IMAGE_ERROR_MAX];
    for (int64_t i = 0; i < 32 * size; i++) in[i] = fill[k] * (float)(i % 7 + 1);
    CU_ASSERT_EQUAL_FATAL(image_read(data->domains[0].images[0].path, &image, error), STATUS_OK);
    CU_ASSERT_EQUAL_FATAL(image_resize(&image, 32, 16, in + 19 * size), STATUS_OK);
    free(image.rgb);
    CU_ASSERT_EQUAL_FATAL(executor_steps(many.x, eval_program(&many), many.c.diag), STATUS_OK);
    Tensor y = value_output(many.x, eval_program(&many), 0);
    CU_ASSERT_EQUAL(memcmp(a.rows, (const float *)y.data + 19 * a.dim, bytes), 0);
  }
  features_release(&a);
  features_release(&b);
  features_release(&c);
  features_release(&d);
  dataset_destroy(data);
  net_free(&seven);
  net_free(&many);
  net_free(&one);
}

/* mAP of the first domain by the plainest means: similarities in double, a sort by selection. */
static double plain_map(const Features *f, const DataDomain *d) {
  double sum = 0;
  int64_t scored = 0;
  double *similarity = calloc(d->n_images, sizeof *similarity);
  bool *taken = calloc(d->n_images, sizeof *taken);
  for (uint32_t q = 0; q < d->n_images; q++) {
    const DataImage *query = &d->images[q];
    if (query->split != SPLIT_QUERY) continue;
    int64_t left = 0, hits = 0, rank = 0;
    double ap = 0;
    for (uint32_t j = 0; j < d->n_images; j++) {
      const DataImage *other = &d->images[j];
      taken[j] = other->split != SPLIT_GALLERY ||
                 (other->pid == query->pid && other->camera == query->camera);
      left += !taken[j];
      similarity[j] = 0;
      for (int64_t k = 0; k < f->dim; k++)
        similarity[j] += (double)f->rows[q * f->dim + k] * (double)f->rows[j * f->dim + k];
    }
    for (; left > 0; left--) {
      int64_t best = -1;
      for (uint32_t j = 0; j < d->n_images; j++)
        if (!taken[j] && (best < 0 || similarity[j] > similarity[best])) best = j;
      taken[best] = true;
      rank++;
      if (d->images[best].pid == query->pid) ap += (double)++hits / (double)rank;
    }
    if (hits == 0) continue;
    sum += ap / (double)hits;
    scored++;
  }
  free(similarity);
  free(taken);
  return sum / (double)scored;
}

static void test_network(void) {
  Net net = net_make("5", "net");
  char *output, *first = NULL;
  const char *out = support_path("net.json");
  for (int threads = 1; threads <= 4; threads++) {
    CU_ASSERT_EQUAL(command(&output,
                            "%s --weights=%s --data=%s --domain=campus --out=%s --threads=%d "
                            "--workers=%d",
                            net.plan, net.weights, synth_data(), out, threads, 1 + threads % 3),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "test_style=mean"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "campus (a domain of the training): 7 identities"));
    free(output);
    char *text = file_text(out);
    if (!first) first = strdup(text);
    CU_ASSERT_STRING_EQUAL(text, first);
    free(text);
  }
  free(first);
  DataSet *data;
  CU_ASSERT_EQUAL_FATAL(dataset_read(synth_data(), NULL, &data), STATUS_OK);
  const DataDomain *campus = dataset_domain(data, "campus");
  Features features = describe(&net, campus, campus->n_images, 2);
  json_t *root = result_of(out);
  CU_ASSERT_DOUBLE_EQUAL(figure(root, "map"), plain_map(&features, campus), 1e-12);
  CU_ASSERT(figure(root, "low") < figure(root, "map"));
  CU_ASSERT(figure(root, "high") > figure(root, "map"));
  CU_ASSERT_EQUAL(figure(root, "distractors"), 3);
  json_decref(root);
  features_release(&features);
  dataset_destroy(data);
  net_free(&net);
}

/* ---- two runs, splits, bad images ---- */

static void test_compare(void) {
  char *output;
  const char *color = support_path("color.json"), *split = support_path("split.json");
  CU_ASSERT_EQUAL(command(&output, "--baseline=color --data=%s -o %s", synth_data(), color), 0);
  free(output);
  CU_ASSERT_EQUAL(command(&output, "--baseline=color --data=%s --domain=plaza --compare=%s",
                          synth_data(), color),
                  0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "mAP +0.00 points, 95 % interval +0.00 .. +0.00"));
  free(output);
  /* the same file with every AP at 0: the difference is this run's mAP */
  json_t *root = result_of(color);
  double map = 100 * figure(root, "map");
  const json_t *domain = json_array_get(json_object_get(root, "domains"), 0);
  json_t *aps = json_object_get(json_object_get(domain, "query"), "ap");
  for (size_t i = 0; i < json_array_size(aps); i++)
    if (!json_is_null(json_array_get(aps, i))) json_array_set_new(aps, i, json_real(0));
  json_dump_file(root, support_path("zero.json"), 0);
  json_array_remove(json_object_get(json_object_get(domain, "query"), "pid"), 0);
  json_dump_file(root, support_path("short.json"), 0);
  json_decref(root);
  char says[64];
  snprintf(says, sizeof says, "mAP %+.2f points", map);
  CU_ASSERT_EQUAL(command(&output, "--baseline=color --data=%s --domain=plaza --compare=%s",
                          synth_data(), support_path("zero.json")),
                  0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, says));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "better in 100.0 % of the draws"));
  free(output);
  REFUSED(1, "holds other queries of domain 'plaza'",
          "--baseline=color --data=%s --domain=plaza --compare=%s", synth_data(),
          support_path("short.json"));
  REFUSED(1, "color.json: error: has no results of domain 'hand'",
          "--baseline=color --data=%s --compare=%s", hand_made(), color);
  CU_ASSERT_EQUAL(command(&output,
                          "--baseline=color --data=%s --domain=plaza --protocol=split:viper:3:9 "
                          "--out=%s",
                          synth_data(), split),
                  0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "mean of 3 random splits, seed 9"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "6 queries, 6 in the gallery of a split"));
  free(output);
  root = result_of(split);
  const json_t *trials =
      json_object_get(json_array_get(json_object_get(root, "domains"), 0), "trials");
  double sum = 0;
  for (size_t i = 0; i < 3; i++)
    sum += json_number_value(json_object_get(json_array_get(trials, i), "map"));
  CU_ASSERT_EQUAL(json_array_size(trials), 3);
  CU_ASSERT_DOUBLE_EQUAL(figure(root, "map"), sum / 3, 1e-15);
  json_decref(root);
  REFUSED(1, "is of the protocol split:viper:3:9",
          "--baseline=color --data=%s --domain=plaza --compare=%s", synth_data(), split);
}

/* The same images, by whatever name they are evaluated. */
static void test_compare_names(void) {
  char *output;
  const char *alone = support_path("alone.json");
  synth_data();
  const char *folder = support_path("synth/plaza");
  CU_ASSERT_EQUAL(command(&output, "--baseline=color --data=%s --out=%s", folder, alone), 0);
  free(output);
  const char *renamed = support_write("synth/renamed.domains", "square market plaza\n");
  const char *const same[] = {synth_data(), renamed};
  for (int i = 0; i < 2; i++) {
    CU_ASSERT_EQUAL(command(&output, "--baseline=color --data=%s --domain=%s --compare=%s", same[i],
                            i ? "square" : "plaza", alone),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "mAP +0.00 points"));
    free(output);
  }
  /* Without --domain there is a second one, of which the file knows nothing. */
  REFUSED(1, "alone.json: error: has no results of domain '",
          "--baseline=color --data=%s "
          "--compare=%s",
          synth_data(), alone);
  /* One image less in the gallery. */
  shell_must("cp -r synth/plaza synth/less && mkdir -p less && mv synth/less less/plaza && "
             "rm \"$(ls -d less/plaza/bounding_box_test/*.jpg | head -1)\"");
  REFUSED(1, "alone.json: error: its domain 'plaza' has other images, identities or cameras",
          "--baseline=color --data=%s --compare=%s", support_path("less/plaza"), alone);
}

static void test_bad_images(void) {
  char *output;
  const char *out = support_path("bad.json");
  const char *csv = support_path("hand/bad.csv");
  FILE *file = fopen(csv, "w");
  fputs("path,pid,camera,split\n"
        "query/0007_c1s1_000001_01.bmp,7,1,query\n"
        "bounding_box_test/0007_c2s1_000001_01.bmp,7,2,gallery\n"
        "cut.bmp,7,3,gallery\nmissing.bmp,9,1,query\n"
        "bounding_box_test/0009_c2s1_000001_01.bmp,9,2,gallery\n",
        file);
  fclose(file);
  file = fopen(support_path("hand/cut.bmp"), "w");
  fputs("BM, but no more", file);
  fclose(file);
  REFUSED(1, "cut.bmp: error: the image is truncated", "--baseline=color --data=%s", csv);
  CU_ASSERT_EQUAL(
      command(&output, "--baseline=color --data=%s --bad-images=skip --out=%s", csv, out), 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "2 unreadable images left out"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "cut.bmp: warning: left out: the image is truncated"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "missing.bmp: warning: left out"));
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "1 queries, 2 in the gallery"));
  free(output);
  json_t *root = result_of(out);
  CU_ASSERT_EQUAL(figure(root, "map"), 1);
  CU_ASSERT_EQUAL(figure(root, "unreadable"), 2);
  json_decref(root);
}

/* ---- messages ---- */

static void test_usage(void) {
  const char *data = hand_made();
  REFUSED(2, "--data is missing", "--baseline=color");
  REFUSED(2, "no plan is named", "--data=%s", data);
  REFUSED(2, "--weights is missing", "%s --data=%s", mean_color_plan(), data);
  REFUSED(2, "takes no plan and no weights", "%s --baseline=color --data=%s", mean_color_plan(),
          data);
  REFUSED(2, "--baseline is color", "--baseline=colour --data=%s", data);
  static const char *const bad[] = {"20", "20,6", "0,6,0.3", "20,6,1.5", "20,6,", "20,6,.", "a"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    REFUSED(2, "three numbers, K1,K2,LAMBDA, not", "--baseline=color --data=%s --rerank=%s", data,
            bad[i]);
  static const char *const ranks[] = {"0",
                                      "5,1",
                                      "1,",
                                      "1,1",
                                      "x",
                                      "1,2,3,4,5,6,7,8,9,10,11,12,"
                                      "13,14,15,16,17"};
  for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
    REFUSED(2, "up to 16 ranks, ascending, not", "--baseline=color --data=%s --cmc=%s", data,
            ranks[i]);
  REFUSED(2, "no protocol 'markt'", "--baseline=color --data=%s --protocol=markt", data);
}

static void test_refusals(void) {
  const char *data = hand_made(), *plan = mean_color_plan();
  const char *gain = write_gain("gain.safetensors", 2, 3);
  REFUSED(1, "did you mean 'hand'?", "--baseline=color --data=%s --domain=hande", data);
  REFUSED(1, "for two cameras", "--baseline=color --data=%s --protocol=split:grid:2:0", data);
  REFUSED(1, "nowhere", "--baseline=color --data=%s", support_path("nowhere"));
  REFUSED(1, "no domain has query images", "--baseline=color --data=%s",
          support_write("train.csv", "path,pid,camera\na,1,1\n"));
  REFUSED(1, "nothing to test on", "--baseline=color --data=%s --domain=train",
          support_path("train.csv"));
  REFUSED(1, "missing.safetensors", "%s --weights=%s --data=%s", plan,
          support_path("missing.safetensors"), data);
  REFUSED(1, "tensor gain", "%s --weights=%s --data=%s", plan, write_gain("wide.safetensors", 1, 4),
          data);
  Net net = net_make("5", "other");
  REFUSED(1, "another model", "%s --weights=%s --data=%s", net.plan, gain, data);
  net_free(&net);
  REFUSED(1, "nan, no finite f32", "%s --weights=%s --data=%s", plan,
          write_gain("nan.safetensors", NAN, 3), data);
  REFUSED(4, "not finite", "%s --weights=%s --data=%s", plan,
          write_gain("large.safetensors", 3e38f, 3), data);
  REFUSED(2, "would replace its input", "%s --weights=%s --data=%s --out=%s", plan, gain, data,
          plan);
  REFUSED(4, "cannot write", "--baseline=color --data=%s --out=%s/x.json", data,
          support_path("no-such-folder"));
  REFUSED(4, "/dev/full: error: cannot write", "--baseline=color --data=%s --out=/dev/full", data);
  REFUSED(1, "broken.json:1:3", "--baseline=color --data=%s --compare=%s", data,
          support_write("broken.json", "{ ]"));
  REFUSED(1, "is no result of an evaluation", "--baseline=color --data=%s --compare=%s", data,
          support_write("empty.json", "{}"));
  REFUSED(1, "none.json", "--baseline=color --data=%s --compare=%s", data,
          support_path("none.json"));
}

/* Plans that compute something else. */
static void test_other_plans(void) {
  static const struct {
    const char *name, *program, *says;
  } cases[] = {{"none",
                "<program name='other'><input name='x' shape='2'/><output value='x'/></program>",
                "has no program 'evaluate'"},
               {"inputs",
                "<program name='evaluate' kind='evaluate'><input name='images' shape='2 16 8 3'/>"
                "<input name='gain'/><mean name='c' in='images' axes='1 2'/>"
                "<expr name='ynorm' value='c * gain'/><output value='ynorm'/></program>",
                "reads an input besides 'images'"},
               {"shape",
                "<program name='evaluate' kind='evaluate'><input name='images' shape='2 16 8'/>"
                "<mean name='ynorm' in='images' axes='2'/><output value='ynorm'/></program>",
                "an input 'images' of another shape"},
               {"output",
                "<program name='evaluate' kind='evaluate'><input name='images' shape='2 16 8 3'/>"
                "<mean name='y' in='images' axes='1 2'/><output value='y'/></program>",
                "has no output 'ynorm'"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1024], name[64];
    snprintf(text, sizeof text, "<model name='%s' xmlns='urn:graphc:model:1'>%s</model>",
             cases[i].name, cases[i].program);
    snprintf(name, sizeof name, "%s.plan.xml", cases[i].name);
    Compiled c = support_compile(support_write("other.xml", text), NULL, 0, DTYPE_F32);
    if (c.status != STATUS_OK) diag_print(c.diag, stdout);
    CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
    const char *plan = support_path(name);
    CU_ASSERT_EQUAL(plan_write(c.plan, ops_table(), plan, c.diag), STATUS_OK);
    support_release(&c);
    REFUSED(1, cases[i].says, "%s --weights=%s --data=%s", plan,
            write_gain("gain.safetensors", 2, 3), hand_made());
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"by hand", test_by_hand},       {"figures", test_figures},
      {"padding", test_padding},       {"network", test_network},
      {"compare", test_compare},       {"compare by any name", test_compare_names},
      {"bad images", test_bad_images}, {"usage", test_usage},
      {"refusals", test_refusals},     {"other plans", test_other_plans}};
  return support_run("eval", tests, sizeof tests / sizeof *tests);
}
