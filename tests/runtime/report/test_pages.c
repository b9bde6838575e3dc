/* The page of a run, its configuration, and the event files: from runs, and from folders that hold
 * what no run of ours would write. */
#include "tests/runtime/train/train_test.h"

#include "runtime/report/events.h"
#include "runtime/report/page.h"

#include <float.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <math.h>

/* ---- series ---- */

static void series(void) {
  Series *s = series_create("x");
  double sum = 0;
  for (int64_t i = 0; i < 100000; i++) {
    series_add(s, i, i == 77777 ? -5 : i % 1000 == 3 ? NAN : (double)(i % 100));
    if (i % 1000 != 3) sum += i == 77777 ? -5 : (double)(i % 100);
  }
  double points = 0;
  int64_t n = 0, bad = 0;
  CU_ASSERT_EQUAL(s->width, 256);
  CU_ASSERT_EQUAL(series_points(s), 391);
  for (uint32_t i = 0; i < series_points(s); i++) {
    points += s->points[i].sum;
    n += s->points[i].n;
    bad += s->points[i].bad;
  }
  CU_ASSERT_EQUAL(points, sum);
  CU_ASSERT(n == 99900 && bad == 100 && s->n == n && s->bad == bad);
  CU_ASSERT(s->low == -5 && s->high == 99);
  CU_ASSERT_EQUAL(s->points[77777 / 256].low, -5);
  CU_ASSERT_EQUAL(series_x(s, 390), (390 * 256 + 99999) / 2.0);
  series_destroy(s);
  /* A sparse one, and values at the ends of doubles. */
  s = series_create("y");
  series_add(s, ((int64_t)1 << 40) - 1, DBL_MAX);
  series_add(s, (int64_t)1 << 40, DBL_MAX);
  CU_ASSERT(series_points(s) <= SERIES_POINTS);
  for (uint32_t i = 0; i < series_points(s); i++)
    if (s->points[i].n) CU_ASSERT_EQUAL(series_mean(&s->points[i]), DBL_MAX);
  series_destroy(s);
}

/* ---- pages ---- */

/* The page as XML: well-formed whatever it holds, and nothing in it leads away. */
static xmlDoc *page_of(const char *folder) {
  char *text = train_read(train_file(folder, "report.html"), NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  CU_ASSERT_PTR_NULL(strstr(text, "<script"));
  CU_ASSERT_PTR_NULL(strstr(text, " src="));
  CU_ASSERT_PTR_NULL(strstr(text, "<link"));
  CU_ASSERT_PTR_NULL(strstr(text, "@import"));
  CU_ASSERT_PTR_NULL(strstr(text, "url("));
  CU_ASSERT_PTR_NULL(strstr(text, "nan "));
  CU_ASSERT_PTR_NULL(strstr(text, "inf "));
  free(text);
  xmlDoc *doc = xmlReadFile(train_file(folder, "report.html"), NULL, XML_PARSE_NONET);
  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  return doc;
}

static int count(xmlDoc *doc, const char *path) {
  xmlXPathContext *context = xmlXPathNewContext(doc);
  xmlXPathObject *found = xmlXPathEvalExpression((const xmlChar *)path, context);
  int n = found && found->nodesetval ? found->nodesetval->nodeNr : -1;
  xmlXPathFreeObject(found);
  xmlXPathFreeContext(context);
  return n;
}

static bool holds(xmlDoc *doc, const char *text) {
  xmlChar *all = xmlNodeGetContent(xmlDocGetRootElement(doc));
  bool found = strstr((const char *)all, text) != NULL;
  if (!found) printf("\nthe page does not hold: %s\n", text);
  xmlFree(all);
  return found;
}

static const char *make_folder(const char *name, const char *config, const char *metrics,
                               const char *times) {
  const char *path = support_path(name);
  char file[100];
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  snprintf(file, sizeof file, "%s/config.defs", name);
  support_write(file, config);
  snprintf(file, sizeof file, "%s/metrics.jsonl", name);
  support_write(file, metrics);
  snprintf(file, sizeof file, "%s/times.jsonl", name);
  support_write(file, times);
  return path;
}

static xmlDoc *page_from(const char *folder, const PageState *state) {
  Record *record;
  CU_ASSERT_EQUAL_FATAL(record_open(folder, NULL, &record), STATUS_OK);
  CU_ASSERT_EQUAL(record_update(record, NULL, NULL, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(page_write(record, state, NULL), STATUS_OK);
  record_close(record);
  return page_of(folder);
}

static void hostile(void) {
  char *metrics = NULL, *config = NULL, *name = malloc(20001);
  memset(name, 'n', 20000);
  name[20000] = 0;
  CU_ASSERT_FATAL(
      asprintf(&metrics,
               "{\"step\":0,\"program\":\"</title><script>alert(1)</script>\",\"a<b>&'x\\\"\":1,"
               "\"%s\":2,\"\\u0001\\u001b\":3,\"eval/<i>/mAP\":0.5,\"eval//\":null,\"eval/\":1,"
               "\"none\":null,\"big\":1e308,\"small\":-1e308}\n"
               "damaged\n{\"step\":-4}\n[]\n\n{\"step\":1,\"big\":NaN}\n"
               "{\"step\":1,\"a<b>&'x\\\"\":null,\"eval/<i>/mAP\":null}\n{\"step\":2,\"unfinished",
               name) > 0);
  CU_ASSERT_FATAL(
      asprintf(&config,
               "# model: <b>\xff\xfe & \"q\" \xe2\x82\xac\n# no colon\n#: x\n\n=y\nlr=<i>\n"
               "%s=1\nlast without end",
               name) > 0);
  const char *folder = make_folder("hostile", config, metrics, "{\"step\":0,\"seconds\":0}\nx\n");
  PageState state = {.status = "failed", .failed = true, .message = "<x>: \xc3 & \x01", .end = 3};
  xmlDoc *doc = page_from(folder, &state);
  CU_ASSERT(holds(doc, "a<b>&'x\""));
  CU_ASSERT(holds(doc, "<b>\xef\xbf\xbd\xef\xbf\xbd & \"q\" \xe2\x82\xac"));
  CU_ASSERT(holds(doc, "6 lines of the files are damaged: times.jsonl:2, and further ones."));
  CU_ASSERT(holds(doc, "1 not finite"));
  CU_ASSERT_EQUAL(count(doc, "//*[name()='b' or name()='i' or name()='script']"), 0);
  xmlFreeDoc(doc);
  free(metrics);
  free(config);
  free(name);
}

/* Values of one size share a figure, in the order of the first of each: a, b, none; then c; then d.
 */
static void sizes(void) {
  const char *folder = make_folder("sizes", "",
                                   "{\"step\":0,\"t/a\":2,\"t/c\":130,\"t/b\":0.5,\"t/d\":-0.01,"
                                   "\"t/none\":0,\"lone\":1000}\n",
                                   "");
  xmlDoc *doc = page_from(folder, &(PageState){.end = 1});
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure']"), 4);
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure'][1]//*[name()='li']"), 3);
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure'][2]//*[name()='li']"), 1);
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure'][3]//*[name()='li']"), 1);
  xmlFreeDoc(doc);
}

/* One step, and none, and nothing that is finite. */
static void short_runs(void) {
  const char *one = make_folder("one", "", "{\"step\":0,\"loss\":3}\n", "");
  xmlDoc *doc = page_from(one, &(PageState){.end = 1});
  CU_ASSERT_EQUAL(count(doc, "//*[name()='circle']"), 1);
  xmlFreeDoc(doc);
  const char *none = make_folder("none", "", "", "");
  doc = page_from(none, &(PageState){.end = 10});
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure']"), 0);
  xmlFreeDoc(doc);
  const char *bad = make_folder("bad", "", "{\"step\":0,\"loss\":null}\n", "");
  doc = page_from(bad, &(PageState){.end = 1});
  CU_ASSERT(holds(doc, "no finite value yet"));
  CU_ASSERT_EQUAL(count(doc, "//*[@class='miss']"), 1);
  xmlFreeDoc(doc);
}

/* Many steps make a page of some hundred points a curve, the same in whatever pieces they were
 * read.
 */
#define STEPS 20000
static void long_run(void) {
  const char *folder = make_folder("long", "# images a step: 48\n", "", "");
  FILE *metrics = fopen(train_file(folder, "metrics.jsonl"), "w");
  FILE *times = fopen(train_file(folder, "times.jsonl"), "w");
  Record *whole, *parts;
  CU_ASSERT_EQUAL_FATAL(record_open(folder, NULL, &parts), STATUS_OK);
  for (int i = 0; i < STEPS; i++) {
    fprintf(metrics, "{\"step\":%d,\"train/ce\":%.6g,\"lr\":%.6g}\n", i, 3 * exp(-i / 6e3),
            0.1 * (1 - i / 2e4));
    fprintf(times, "{\"step\":%d,\"seconds\":%.4g,\"memory_bytes\":%d}\n", i, 0.1 + 0.01 * (i % 7),
            100000000 + i);
    if (i % 6007) continue;
    fflush(metrics);
    fflush(times);
    CU_ASSERT_EQUAL(record_update(parts, NULL, NULL, NULL), STATUS_OK);
  }
  fclose(metrics);
  fclose(times);
  PageState state = {.status = "complete", .end = STEPS};
  CU_ASSERT_EQUAL(record_update(parts, NULL, NULL, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(page_write(parts, &state, NULL), STATUS_OK);
  size_t size = 0, again = 0;
  char *first = train_read(train_file(folder, "report.html"), &size);
  CU_ASSERT_EQUAL_FATAL(record_open(folder, NULL, &whole), STATUS_OK);
  CU_ASSERT_EQUAL(record_update(whole, NULL, NULL, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(page_write(whole, &state, NULL), STATUS_OK);
  char *second = train_read(train_file(folder, "report.html"), &again);
  CU_ASSERT(size == again && memcmp(first, second, size) == 0);
  CU_ASSERT(size > 20000 && size < 300000);
  CU_ASSERT_EQUAL(whole->steps, STEPS);
  CU_ASSERT(whole->seconds > 2e3 && whole->seconds < 4e3);
  free(first);
  free(second);
  record_close(whole);
  record_close(parts);
}

/* ---- runs ---- */

static void prepare(void) {
  support_write("line.xml",
                "<model name='line' xmlns='urn:graphc:model:1'>"
                "<param name='rate' type='float' value='0.1' min='0' doc='rate'/>"
                "<param name='words' type='list' value='a b' doc='unused'/>"
                "<program name='step' kind='train'><random name='x' shape='32 1'/>"
                "<input name='lr'/><parameter name='slope' shape='1'/>"
                "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>"
                "<gradient name='G' of='loss'/>"
                "<commit field='theta' value='theta - lr * G'/><output value='loss'/></program>"
                "<schedule name='lr' value='${rate} / (1 + step)'/>"
                "<training steps='60' warmup-steps='0'/></model>");
  shell_must("$GRAPHC line.xml -D rate=0.3 -D 'words=it'\"'\"'s  <b>' --shards=2 -o 'a plan.xml'");
}

/* The two commands of config.defs make plan and run again, byte for byte. */
static void again(void) {
  prepare();
  shell_must("$GRAPHRUN train 'a plan.xml' --out=run --seed=9 --steps=40 --keep=2 "
             "--checkpoint-every=7 --quiet");
  shell_must("sed -n 's/^# compile: graphc/$GRAPHC/p' run/config.defs > compile.sh && "
             "grep -q -e --shards=2 compile.sh && "
             "mkdir again && cp run/config.defs line.xml again && cd again && "
             "sh -c \"$(sed 's/.GRAPHC/\"$GRAPHC\"/' ../compile.sh)\" && "
             "cmp line.plan.xml '../a plan.xml'");
  shell_must("sed -n 's/^# train: graphrun/$GRAPHRUN/p' run/config.defs > train.sh && "
             "echo \"$(cat train.sh) --out=run2 --quiet\" > train.sh && . ./train.sh && "
             "cmp run/metrics.jsonl run2/metrics.jsonl && "
             "cmp run/checkpoint.safetensors run2/checkpoint.safetensors && "
             "cmp run/config.defs run2/config.defs && "
             "cmp run/checkpoint-00000035.safetensors run2/checkpoint-00000035.safetensors");
}

static void page_of_a_run(void) {
  const char *run = support_path("run");
  xmlDoc *doc = page_of(run);
  CU_ASSERT(holds(doc, "complete: 40 of 40 steps"));
  CU_ASSERT(holds(doc, "weights: run/checkpoint.safetensors, of the last step (40)"));
  CU_ASSERT(holds(doc, "model hash"));
  CU_ASSERT(holds(doc, "it's <b>"));
  CU_ASSERT(holds(doc, "steps/s"));
  CU_ASSERT(holds(doc, "memory of the process"));
  CU_ASSERT(count(doc, "//*[name()='figure']") >= 5);
  CU_ASSERT_EQUAL(count(doc, "//*[@class='diagram']/*[name()='svg']"), 1);
  CU_ASSERT(train_exists(train_file(run, "step.svg")));
  CU_ASSERT(holds(doc, "gradient of loss")); /* which the plan knows */
  xmlFreeDoc(doc);
  shell_must("$GRAPHRUN train 'a plan.xml' --out=half --seed=9 --steps=40 --stop-at=10 --quiet");
  doc = page_of(support_path("half"));
  CU_ASSERT(holds(doc, "ended early, by --stop-at: 10 of 10 steps"));
  xmlFreeDoc(doc);
  shell_must("$GRAPHRUN train 'a plan.xml' --out=half --seed=9 --steps=40 --resume --quiet && "
             "cmp run/metrics.jsonl half/metrics.jsonl");
  doc = page_of(support_path("half"));
  CU_ASSERT(holds(doc, "complete: 40 of 40 steps"));
  xmlFreeDoc(doc);
}

/* A loss that is not finite: the page says which and when. */
static void page_of_a_failure(void) {
  shell_must("$GRAPHC line.xml -D rate=1e30 -o far.plan.xml");
  Shell s = shell("$GRAPHRUN train far.plan.xml --out=far --quiet");
  CU_ASSERT_EQUAL(s.code, STATUS_SYSTEM);
  shell_free(&s);
  xmlDoc *doc = page_of(support_path("far"));
  CU_ASSERT(holds(doc, "failed: "));
  CU_ASSERT(holds(doc, "program 'step': 'loss'"));
  CU_ASSERT(holds(doc, "hint: a smaller learning rate"));
  xmlFreeDoc(doc);
}

/* A folder in which no page can be written: the run goes on, and says it once. */
static void no_page(void) {
  shell_must("mkdir -p full/report.html");
  Shell s = shell("$GRAPHRUN train 'a plan.xml' --out=full --seed=9 --steps=40 --quiet");
  const char *said = strstr(s.err, "the run goes on, without a page of it");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(said);
  CU_ASSERT_PTR_NULL(strstr(said + 1, "the run goes on"));
  shell_free(&s);
  shell_must("cmp run/metrics.jsonl full/metrics.jsonl");
}

/* ---- event files, by a reader of our own ---- */

/* CRC-32C by its definition. */
static uint32_t crc(const uint8_t *bytes, size_t n) {
  uint32_t c = 0xffffffff;
  for (size_t i = 0; i < n; i++) {
    c ^= bytes[i];
    for (int b = 0; b < 8; b++) c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
  }
  return ~c;
}

static uint64_t little(const uint8_t *bytes, int n) {
  uint64_t value = 0;
  for (int i = n; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

static uint64_t varint(const uint8_t **at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    value |= (uint64_t)(**at & 127) << shift;
    if (!(*(*at)++ & 128)) return value;
  }
}

typedef struct Seen {
  int64_t records, values, sessions, step, first_step;
  double wall, loss_sum;
  bool version;
} Seen;

/* Summary.Value: tag = 1, simple_value = 2. */
static void read_value(const uint8_t *at, const uint8_t *end, Seen *seen) {
  char tag[100] = "";
  float value = NAN;
  while (at < end) {
    uint64_t key = varint(&at);
    if (key == (1 << 3 | 2)) {
      uint64_t n = varint(&at);
      snprintf(tag, sizeof tag, "%.*s", (int)n, (const char *)at);
      at += n;
    } else {
      CU_ASSERT_EQUAL_FATAL(key, (2 << 3 | 5));
      uint32_t bits = (uint32_t)little(at, 4);
      memcpy(&value, &bits, 4);
      at += 4;
    }
  }
  CU_ASSERT(isfinite(value));
  seen->values++;
  if (strcmp(tag, "loss") == 0) seen->loss_sum += value;
}

/* Event: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7. */
static void read_event(const uint8_t *at, const uint8_t *end, Seen *seen) {
  while (at < end) {
    uint64_t key = varint(&at), kind = key & 7, n = kind == 2 ? varint(&at) : 8;
    if (key == (1 << 3 | 1)) {
      uint64_t bits = little(at, 8);
      double wall;
      memcpy(&wall, &bits, 8);
      CU_ASSERT(wall >= seen->wall - 60);
      seen->wall = wall;
    } else if (key == (2 << 3 | 0)) {
      seen->step = (int64_t)varint(&at);
      n = 0;
    } else if (key == (3 << 3 | 2)) {
      seen->version = n == 13 && memcmp(at, "brain.Event:2", 13) == 0;
    } else if (key == (7 << 3 | 2)) {
      seen->sessions++;
      seen->first_step = seen->step;
    } else {
      CU_ASSERT_EQUAL_FATAL(key, (5 << 3 | 2));
      for (const uint8_t *value = at; value < at + n;) {
        CU_ASSERT_EQUAL_FATAL(varint(&value), (1 << 3 | 2));
        uint64_t length = varint(&value);
        read_value(value, value + length, seen);
        value += length;
      }
    }
    at += n;
  }
  CU_ASSERT_PTR_EQUAL(at, end);
}

static void read_events(const char *pattern, Seen *seen) {
  glob_t found;
  *seen = (Seen){0};
  CU_ASSERT_EQUAL_FATAL(glob(support_path(pattern), 0, NULL, &found), 0);
  for (size_t f = 0; f < found.gl_pathc; f++) {
    size_t size = 0;
    uint8_t *bytes = (uint8_t *)train_read(found.gl_pathv[f], &size);
    for (size_t at = 0; at < size; seen->records++) {
      CU_ASSERT_FATAL(at + 12 <= size);
      uint64_t n = little(bytes + at, 8);
      CU_ASSERT_FATAL(at + 16 + n <= size);
      for (int part = 0; part < 2; part++) {
        const uint8_t *data = bytes + at + (part ? 12 : 0);
        size_t length = part ? n : 8;
        uint32_t c = crc(data, length);
        CU_ASSERT_EQUAL(little(data + length, 4), (uint32_t)((c >> 15 | c << 17) + 0xa282ead8u));
      }
      read_event(bytes + at + 12, bytes + at + 12 + n, seen);
      at += 16 + n;
    }
    free(bytes);
  }
  globfree(&found);
}

static void events(void) {
  CU_ASSERT_EQUAL(crc((const uint8_t *)"123456789", 9), 0xe3069283u);
  uint32_t c = 0xe3069283u;
  CU_ASSERT_EQUAL(events_checksum("123456789", 9), (c >> 15 | c << 17) + 0xa282ead8u);
  shell_must("$GRAPHRUN train 'a plan.xml' --out=tb --seed=9 --steps=40 --stop-at=25 --quiet "
             "--tensorboard && sleep 1.1 && "
             "$GRAPHRUN train 'a plan.xml' --out=tb --seed=9 --steps=40 --resume --quiet "
             "--tensorboard && cmp tb/metrics.jsonl run/metrics.jsonl && "
             "cmp tb/checkpoint.safetensors run/checkpoint.safetensors && ! ls run/events* "
             "2>/dev/null");
  Seen seen;
  read_events("tb/events.out.tfevents.*", &seen);
  /* Each step has an event of metrics (lr, loss) and one of times; each file has a version. */
  CU_ASSERT(seen.version);
  CU_ASSERT_EQUAL(seen.sessions, 1);
  CU_ASSERT_EQUAL(seen.first_step, 25);
  CU_ASSERT_EQUAL(seen.records, 2 + 1 + 2 * 40);
  CU_ASSERT_EQUAL(seen.values, 40 * (2 + 3));
  double sum = 40 * train_mean(support_path("run"), 0, 40, "loss");
  CU_ASSERT_DOUBLE_EQUAL(seen.loss_sum, sum, 1e-5 * sum);
}

/* ---- runs side by side ---- */

static void compared(void) {
  shell_must("$GRAPHRUN train 'a plan.xml' --out=other --seed=10 --steps=40 --quiet && "
             "$GRAPHRUN train far.plan.xml --out=far2 --stop-at=1 --quiet");
  Shell s = shell("$GRAPHRUN compare run other far2 --out=side.html");
  CU_ASSERT_EQUAL(s.code, 0);
  static const char *const lines[] = {
      "run                       run                   other                 far2\n",
      "steps done                40                    40                    1\n",
      "seed                      9                     10                    0\n",
      "rate                      0.3                   0.3                   1e+30\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, lines[i]));
    if (!strstr(s.out, lines[i])) printf("\n%s%s", lines[i], s.out);
  }
  /* The mean of the last 20 losses, from the file itself. */
  char mean[64];
  double want = train_mean(support_path("run"), 20, 40, "loss");
  snprintf(mean, sizeof mean, "\nloss                      %.4g ", want);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, mean));
  CU_ASSERT_PTR_NULL(strstr(s.out, "target")); /* alike in all */
  shell_free(&s);
  shell_must("mkdir page && mv side.html page/report.html");
  xmlDoc *doc = page_of(support_path("page"));
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure']"), 2); /* lr, loss */
  CU_ASSERT_EQUAL(count(doc, "//*[name()='figure'][1]//*[name()='li']"), 3);
  CU_ASSERT(holds(doc, "1e+30"));
  xmlFreeDoc(doc);
  shell_must("$GRAPHRUN compare run other --json > j1 && $GRAPHRUN compare run other -o j2.json "
             ">/dev/null && cmp j1 j2.json && grep -q '\"seed\": \\[' j1");
  /* Hostile folders, alone and beside others. */
  shell_must(
      "$GRAPHRUN compare hostile run one none bad --out=h.html > h.txt 2> h.err && "
      "grep -q 'hostile/times.jsonl:2: warning: is no line of a step; with 5 further' h.err && "
      "grep -q 'none: warning: has no configuration' h.err && mv h.html page/report.html && "
      "$GRAPHRUN compare hostile --json > h.json 2>/dev/null");
  xmlFreeDoc(page_of(support_path("page")));
  CU_ASSERT(shell_says("no run", shell("$GRAPHRUN compare run nothing page"), STATUS_INVALID, 2,
                       (const char *[]){"nothing/metrics.jsonl: error: cannot read",
                                        "page/metrics.jsonl: error: cannot read",
                                        "hint: a run is a folder", NULL}));
  /* Further than numbers of JSON are whole; a folder where the lines should be. */
  shell_must("cp -r run far && echo '{\"step\":9223372036854775807}' >> far/metrics.jsonl && "
             "$GRAPHRUN compare run far > far.txt 2> far.err && "
             "grep -q 'far/metrics.jsonl:[0-9]*: warning: is no line of a step, and is' far.err && "
             "rm -r far/metrics.jsonl && mkdir far/metrics.jsonl");
  CU_ASSERT(shell_says("a folder", shell("$GRAPHRUN compare run far"), STATUS_SYSTEM, 1,
                       (const char *[]){"far/metrics.jsonl: error: cannot read: Is a dir", NULL}));
  CU_ASSERT(shell_says("out", shell("$GRAPHRUN compare run -o x.txt"), STATUS_USAGE, 1,
                       (const char *[]){"--out: error: the name 'x.txt'", NULL}));
}

int main(void) {
  static const SupportTest tests[] = {
      {"long series in few points", series},
      {"hostile names", hostile},
      {"values of several sizes", sizes},
      {"one step, or none", short_runs},
      {"many steps", long_run},
      {"a configuration makes its run again", again},
      {"the page of a run", page_of_a_run},
      {"the page of a failure", page_of_a_failure},
      {"a page that cannot be written", no_page},
      {"event files", events},
      {"runs side by side", compared},
  };
  return support_run("pages", tests, sizeof tests / sizeof *tests);
}
