/* Random networks, full of sums, on 1, 2 and 4 ranks and with groups of other sizes: the same bits.
 * With two numbers, FIRST and LAST, only the networks of these seeds. */
#include "tests/runtime/ranks/rank_runs.h"

#include <stdarg.h>

typedef struct Draw {
  char text[24000];
  size_t n;
  uint64_t state;
  int dims[3]; /* of the maps: height, width, channels */
  int layers, kinds, domains;
} Draw;

static int pick(Draw *d, int n) {
  d->state ^= d->state << 13;
  d->state ^= d->state >> 7;
  d->state ^= d->state << 17;
  return (int)((d->state * 0x2545F4914F6CDD1Du >> 33) % (uint64_t)n);
}

__attribute__((format(printf, 2, 3))) static void put(Draw *d, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(d->text + d->n, sizeof d->text - d->n, format, args);
  va_end(args);
  CU_ASSERT_FATAL(n >= 0 && (size_t)n < sizeof d->text - d->n);
  d->n += (size_t)n;
}

/* The text, with the number of a layer for each `#`. */
static void put_of(Draw *d, const char *text, int layer) {
  for (; *text; text++)
    if (*text == '#')
      put(d, "%d", layer);
    else
      put(d, "%c", *text);
}

static void put_parameter(Draw *d, char kind, const char *shape, bool weight) {
  put(d, "<parameter name='%c%d' shape='%s'%s/>", kind, d->layers, shape,
      weight        ? " init='normal' spread='0.4'"
      : kind == 's' ? " value='1.1'"
                    : "");
}

/* A scale and a shift of channels, for norms. */
static void put_norm(Draw *d, const char *norm, const char *more) {
  char shape[16];
  snprintf(shape, sizeof shape, "%d", d->dims[2]);
  put_parameter(d, 's', shape, false);
  put_parameter(d, 't', shape, false);
  put(d, "<%s name='x%d' in='x%d' weight='s%d' bias='t%d' eps='1e-3'%s/>", norm, d->layers + 1,
      d->layers, d->layers, d->layers, more);
}

/* A value that repeats along some axes, times the maps. */
static void put_mask(Draw *d) {
  char shape[64];
  int kept = 1 + pick(d, 6);
  snprintf(shape, sizeof shape, "1 %d %d %d", kept & 1 ? d->dims[0] : 1, kept & 2 ? d->dims[1] : 1,
           kept & 4 ? d->dims[2] : 1);
  put_parameter(d, 'w', shape, true);
  put(d, "<expr name='x%d' value='x%d * (w%d + 1.5)'/>", d->layers + 1, d->layers, d->layers);
}

static void put_conv(Draw *d) {
  char shape[64];
  int out = 1 + pick(d, 9);
  snprintf(shape, sizeof shape, "%d %d 3 3", out, d->dims[2]);
  put_parameter(d, 'w', shape, true);
  put(d, "<conv name='x%d' in='x%d' weight='w%d' pad='1 1'/>", d->layers + 1, d->layers, d->layers);
  d->dims[2] = out;
}

/* Centred, or scaled, by a statistic over some of the axes. */
static void put_statistic(Draw *d) {
  static const char *const axes[] = {"1",     "2",     "3",     "1 2",   "1 3",
                                     "2 3",   "0",     "0 1",   "0 2",   "0 3",
                                     "0 1 2", "0 1 3", "0 2 3", "1 2 3", "0 1 2 3"};
  const char *over = axes[pick(d, 15)];
  int l = d->layers;
  put(d, "<mean name='m%d' in='x%d' axes='%s' keep='true'/>", l, l, over);
  switch (pick(d, 3)) {
  case 0:
    put(d, "<expr name='x%d' value='x%d - 0.7 * m%d'/>", l + 1, l, l);
    break;
  case 1:
    put(d, "<expr name='q%d' value='square(x%d - m%d)'/>", l, l, l);
    put(d, "<mean name='v%d' in='q%d' axes='%s' keep='true'/>", l, l, over);
    put(d, "<expr name='x%d' value='(x%d - m%d) / sqrt(v%d + 0.1)'/>", l + 1, l, l, l);
    break;
  default:
    put(d, "<expr name='e%d' value='exp(0.3 * tanh(x%d - m%d))'/>", l, l, l);
    put(d, "<sum name='z%d' in='e%d' axes='%s' keep='true'/>", l, l, over);
    put(d, "<expr name='x%d' value='x%d * e%d / z%d + 0.5 * x%d'/>", l + 1, l, l, l, l);
  }
}

/* Height and width change places. */
static void put_turned(Draw *d) {
  int height = d->dims[0];
  put(d, "<transpose name='x%d' in='x%d' axes='0 2 1 3'/>", d->layers + 1, d->layers);
  d->dims[0] = d->dims[1];
  d->dims[1] = height;
}

/* Each domain's maps by statistics of their own: over their rows, or over these and more. */
static void put_domains(Draw *d) {
  static const char *const axes[] = {"1", "1 2", "1 2 3"};
  int l = d->layers, pixels = d->dims[0] * d->dims[1], channels = d->dims[2];
  put(d, "<reshape name='g%d' in='x%d' shape='%d ${B} %d %d'/>", l, l, d->domains, pixels,
      channels);
  if (pick(d, 2)) {
    put(d, "<moments name='m%d' in='x%d' groups='%d' eps='0.1'/>", l, l, d->domains);
    for (int i = 0; i < 2; i++)
      put(d, "<reshape name='%c%d' in='m%d/%s' shape='%d 1 1 %d'/>", "av"[i], l, l,
          i ? "deviation" : "mean", d->domains, channels);
    put(d, "<expr name='h%d' value='(g%d - a%d) / v%d + 0.1 * a%d'/>", l, l, l, l, l);
  } else {
    put(d, "<mean name='m%d' in='g%d' axes='%s' keep='true'/>", l, l, axes[pick(d, 3)]);
    put(d, "<expr name='h%d' value='g%d * tanh(m%d) - 0.5 * m%d'/>", l, l, l, l);
  }
  put(d, "<reshape name='x%d' in='h%d' shape='${%d * B} %d %d %d'/>", l + 1, l, d->domains,
      d->dims[0], d->dims[1], channels);
}

static void put_layer(Draw *d) {
  switch (pick(d, d->kinds)) {
  case 0:
    put_norm(d, "batch-norm", "");
    break;
  case 1:
    put_norm(d, "instance-norm", "");
    break;
  case 2:
    put_norm(d, "layer-norm", "");
    break;
  case 3:
  case 4:
    put_norm(d, "group-norm", d->dims[2] % 2 ? " groups='1'" : " groups='2'");
    break;
  case 5:
    put_conv(d);
    break;
  case 6:
    put_mask(d);
    break;
  case 7:
    put(d, "<normalize name='x%d' in='x%d' eps='1e-2'/>", d->layers + 1, d->layers);
    break;
  case 8:
    put(d, "<softmax name='x%d' in='x%d'/>", d->layers + 1, d->layers);
    break;
  case 12:
    put_turned(d);
    break;
  case 13:
    put(d, "<expr name='o%d' value='sin(x%d)'/>", d->layers, d->layers);
    put(d, "<concat name='x%d' in='x%d o%d' axis='3'/>", d->layers + 1, d->layers, d->layers);
    d->dims[2] *= 2;
    break;
  case 14:
  case 15:
  case 16:
    put_domains(d);
    break;
  default:
    put_statistic(d);
  }
  d->layers++;
}

/* Features of the maps, classes or distances of these, and sums beside. */
static void put_losses(Draw *d, int ids) {
  char shape[32];
  static const char *const pools[] = {"<mean name='f' in='x#' axes='1 2'/>",
                                      "<gem name='f' in='x#'/>",
                                      "<mean name='f0' in='x#' axes='2'/>"
                                      "<log-sum-exp name='f1' in='f0'/>"
                                      "<expr name='f' value='tanh(f1)'/>"};
  int pool = pick(d, 3), width = pool == 2 ? d->dims[0] : d->dims[2];
  put_of(d, pools[pool], d->layers);
  d->layers++;
  if (pick(d, 5) == 0) { /* more columns than a block has elements */
    int wide = 1000 + 300 * pick(d, 4);
    snprintf(shape, sizeof shape, "%d %d", wide, width);
    put_parameter(d, 'u', shape, true);
    put(d, "<linear name='g' in='f' weight='u%d'/>", d->layers);
    put(d, "<softmax name='p' in='g'/>");
    put(d, "<mean name='o' in='p' axes='0' keep='true'/>");
    put(d, "<expr name='h' value='tanh(g) + (p - o) / sqrt(mean(square(p)) + 1e-3)'/>");
    width = wide;
  } else {
    put(d, "<expr name='h' value='f + 0'/>");
  }
  snprintf(shape, sizeof shape, "%d %d", ids, width);
  put_parameter(d, 'w', shape, true);
  put(d, "<linear name='l' in='h' weight='w%d'/>", d->layers);
  put(d, "<cross-entropy name='ce' in='l' labels='c' smoothing='0.1'/>");
  put(d, "<batch-hard name='bh' in='h' labels='c'/>");
  static const char *const beside[] = {"0", "mean(square(f))", "sum(abs(x#)) * 1e-3",
                                       "0.1 * mean(tanh(x# * x#))"};
  put(d, "<expr name='loss' value='ce + 0.2 * bh + ");
  put_of(d, beside[pick(d, 4)], d->layers - 1);
  put(d, "'/>");
}

static void put_network(Draw *d, int domains, int ids) {
  put(d, "<template name='net'><reshape name='x0' in='/images' shape='${%d * B} %d %d %d'/>",
      domains, d->dims[0], d->dims[1], d->dims[2]);
  put(d, "<reshape name='c' in='/labels' shape='${%d * B}'/>", domains);
  for (int n = 2 + pick(d, 4); n > 0; n--) put_layer(d);
  put_losses(d, ids);
  put(d, "</template>");
}

/* Passes of other units than the network's, over rows that no image changes, of which one meets the
 * images: ranks cut its rows to as many as another has whole. */
static void put_aside(Draw *d) {
  static const char *const rows[] = {
      "<iota name='r' axis='1' shape='${n} ${H} ${W} 3' dtype='float'/>",
      "<broadcast name='r' in='/z' shape='${n} ${H} ${W} 3'/>",
      "<broadcast name='r0' in='/z' shape='${n} ${H} ${W} 3'/>"
      "<expr name='r' value='tanh(r0 * 0.3)'/>"};
  static const char *const ends[] = {"mean(square(y - c))", "mean(square(y - c)) + mean(m)",
                                     "sum(tanh(y * c)) * 0.01 + 0.1 * mean(square(m))"};
  put(d, "<let name='H' value='%d'/><let name='W' value='%d'/>", d->dims[0], d->dims[1]);
  put(d, "<template name='aside'><arg name='n' type='int'/><arg name='by' type='value'/>%s",
      rows[pick(d, 3)]);
  put(d,
      "<conv name='y' in='r' weight='/k' pad='1 1'/>"
      "<reshape name='c' in='${by}' shape='${n} ${H} ${W} 3'/>"
      "<mean name='m' in='y' axes='%s'/><expr name='loss' value='%s'/></template>",
      pick(d, 2) ? "0" : "0 1 2", ends[pick(d, 3)]);
}

static void put_passes_aside(Draw *d, int domains, int unit) {
  int rows = domains * unit, odd = rows % 2; /* of an identity, in all domains */
  put(d,
      "<parameter name='z' shape='1 ${H} ${W} 3' init='normal'/>"
      "<parameter name='o' shape='${%d * B // 2} ${H} ${W} 3' value='1.2'/>"
      "<parameter name='k' shape='3 3 3 3' init='normal' spread='0.3'/>",
      domains);
  put(d,
      "<pass name='half' units='${batch_ids // %d}' unit='%d'>"
      "<aside name='n' n='${%d * B // 2}' by='/o'/></pass>",
      odd ? 2 : 1, odd ? rows : rows / 2, domains);
  put(d,
      "<pass name='all' groups='%d' units='${batch_ids}' unit='%d'>"
      "<aside name='n' n='${%d * B}' by='/images'/></pass>"
      "<expr name='loss' value='{one/n/loss} + {half/n/loss} - 0.5 * {all/n/loss}'/>",
      domains, unit, domains);
}

/* Networks of this number and above have more passes, and their batches more shards; from DOMAINS
 * on, also sums over the rows of each domain. */
#define ASIDE 12000
#define DOMAINS 24000

static const char *write_model(uint64_t seed, char *path, size_t size) {
  static const int heights[] = {4, 6, 9, 16, 24}, widths[] = {4, 5, 8, 12};
  Draw *d = calloc(1, sizeof *d);
  CU_ASSERT_PTR_NOT_NULL_FATAL(d);
  d->state = seed * 0x9E3779B97F4A7C15u + 1;
  d->kinds = seed < 1000 ? 12 : seed < DOMAINS ? 14 : 17;
  int unit = 1 + (int)((seed / 1000 + 1) % 3), batch = seed / 3000 % 2 ? 8 : 4;
  for (int i = 0; i < 5; i++) pick(d, 2);
  int domains = d->domains = 1 + pick(d, 2), second = pick(d, 2);
  d->dims[0] = heights[pick(d, 5)];
  d->dims[1] = widths[pick(d, 4)];
  d->dims[2] = 3;
  put(d,
      "<model name='random' xmlns='urn:graphc:model:1'>"
      "<param name='batch_ids' type='int' value='%d'/><let name='B' value='batch_ids * %d'/>",
      batch, unit);
  int height = d->dims[0], width = d->dims[1], aside = seed >= ASIDE;
  if (aside) put_aside(d);
  put_network(d, domains, 5);
  put(d,
      "<program name='step' kind='train'><input name='images' shape='%d ${B} %d %d 3'/>"
      "<input name='labels' shape='%d ${B}' dtype='i32'/>",
      domains, height, width, domains);
  put(d, "<pass name='one' groups='%d' units='${batch_ids}' unit='%d'><net name='n'/></pass>",
      domains, unit);
  if (aside) put_passes_aside(d, domains, unit);
  put(d, "<gradient name='F' of='%s'/>", aside ? "loss" : "one/n/loss");
  if (second)
    put(d,
        "<field name='theta1' value='theta - 0.1 * F'/>"
        "<pass name='two' parameters='theta1' groups='%d' units='${batch_ids}' unit='%d'>"
        "<net name='n'/></pass><gradient name='v' of='two/n/loss' at='theta1'/>"
        "<pullback name='J' of='F' cotangent='v'/><field name='G' value='v - 0.1 * J'/>",
        domains, unit);
  else
    put(d, "<field name='G' value='F'/>");
  put(d, "<global-norm name='norm' of='G'/>"
         "<commit field='theta' value='theta - 0.05 * G / (norm + 1)'/>"
         "<output value='one/n/loss'/><output value='norm'/></program>");
  put(d, "<training domains='%s' ids='%s' steps='9' warmup-steps='0'/>", domains == 2 ? "a b" : "a",
      domains == 2 ? "5 5" : "5");
  put(d,
      "<sampler batch-ids='${batch_ids}' batch-images='2'/>"
      "<augment height='%d' width='%d'/></model>",
      height, width);
  char name[32];
  snprintf(name, sizeof name, "random%llu.xml", (unsigned long long)seed);
  snprintf(path, size, "%s", support_write(name, d->text));
  free(d);
  return path;
}

/* The CPU's groups, or smaller ones, whose sums have other neighbours. */
static Compiled compile(const char *path, const char *precision, uint32_t shards, uint32_t ranks,
                        bool small) {
  static Target little;
  little = target_cpu;
  little.fuse = (FuseLimits){.nodes = 13, .results = 3, .reads = 5, .again = 4, .leaves = 2};
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .sharers = 1};
  PipelineOptions pipeline = {.build = {.precision = precision_find(precision),
                                        .shards = shards,
                                        .ranks = ranks,
                                        .target = small ? &little : &target_cpu},
                              .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  return c;
}

static bool same(const RankRun *one, const RankRun *other, const char *what) {
  const Plan *plan = one->plan;
  if (other->status != STATUS_OK) {
    printf("\n  %s: did not run\n", what);
    return false;
  }
  for (uint32_t i = 0; i < plan->n_states; i++) {
    size_t bytes =
        (size_t)shape_count(&plan->states[i].shape) * dtype_size((DType)plan->states[i].dtype);
    const char *a = one->states + plan->state_offset[i], *b = other->states + plan->state_offset[i];
    if (memcmp(a, b, bytes) == 0) continue;
    printf("\n  %s: state %s differs\n", what, plan_text(plan, plan->states[i].name));
    return false;
  }
  return true;
}

static bool is_good(const RankRun *one) {
  return one->status == STATUS_OK && isfinite(one->loss);
}

static void network(uint64_t seed) {
  static const struct {
    uint32_t ranks;
    bool small;
  } runs[] = {{1, true}, {2, false}, {4, false}, {2, true}};
  const char *precision = seed % 4 ? "f32" : "f64";
  const uint32_t shards = seed >= ASIDE ? 8 : 4;
  char path[256], what[320];
  RankRun one = {0}, other[THREAD_RANKS_MAX];
  write_model(seed, path, sizeof path);
  Compiled first = compile(path, precision, shards, 1, false);
  CU_ASSERT_EQUAL(first.status, STATUS_OK);
  if (first.status != STATUS_OK) return;
  rank_runs(first.plan, 2, 1, &one);
  CU_ASSERT(is_good(&one));
  for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
    Compiled c = compile(path, precision, shards, runs[k].ranks, runs[k].small);
    CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
    rank_runs(c.plan, 2, 1, other);
    snprintf(what, sizeof what, "%s %s, %u ranks%s", path, precision, runs[k].ranks,
             runs[k].small ? ", small groups" : "");
    CU_ASSERT(same(&one, &other[0], what));
    for (uint32_t i = 0; i < runs[k].ranks; i++) free(other[i].states);
    support_release(&c);
  }
  free(one.states);
  support_release(&first);
}

/* Networks that had other bits on several ranks while sums followed groups; from ASIDE on, while
 * values of two batches were taken for one.  Those from DOMAINS on were always alike. */
static const uint64_t seeds[] = {20,   38,    94,    122,   165,   176,   208,   228,
                                 242,  255,   320,   323,   328,   412,   413,   419,
                                 427,  442,   1234,  2058,  2076,  2101,  2127,  3100,
                                 5001, 12004, 12059, 15002, 24001, 25002, 27003, 28004};
static uint64_t first_seed, last_seed;

static void networks(void) {
  for (size_t i = 0; !first_seed && i < sizeof seeds / sizeof *seeds; i++) network(seeds[i]);
  for (uint64_t seed = first_seed; seed && seed <= last_seed; seed++) network(seed);
}

int main(int argc, char **argv) {
  if (argc == 3) {
    first_seed = strtoull(argv[1], NULL, 10);
    last_seed = strtoull(argv[2], NULL, 10);
  }
  static const SupportTest tests[] = {{"random networks", networks}};
  return support_run("random_networks", tests, 1);
}
