/* Every composite against its formula, written once more as plain loops.
 *
 * The expansion into primitives is a composite's meaning in the compiler; the formulas here are
 * what the model's paper says, without emitter, folding or kernels.  Rows are those of op_rows.h.
 */
#include "tests/ops/op_rows.h"

/* Operand k of a formula: elements as doubles; NULL when absent. */
typedef struct Operand {
  double *v;
  Shape s;
  int64_t n;
} Operand;

typedef struct Call {
  const OpRow *row;
  const OpDesc *op;
  Operand in[CASE_INPUTS_MAX], out[COMPOSITE_RESULTS_MAX]; /* out: shapes are set, values wanted */
} Call;

/* The text of an attribute: the row's or the default. */
static const char *text_of(const Call *c, const char *name) {
  static char copy[64];
  size_t length = strlen(name);
  for (const char *at = c->row->attrs; (at = strstr(at, name)); at++)
    if (at[length] == '=' && (at == c->row->attrs || at[-1] == ' ')) {
      snprintf(copy, sizeof copy, "%.*s", (int)strcspn(at + length + 1, " "), at + length + 1);
      return copy;
    }
  for (uint32_t i = 0; i < c->op->n_attrs; i++)
    if (strcmp(c->op->attrs[i].name, name) == 0) return c->op->attrs[i].fallback;
  case_typo(c->row, "no such attribute");
  return "";
}

/* Number k of an attribute; the last one where it has fewer. */
static double number(const Call *c, const char *name, int k) {
  const char *at = text_of(c, name);
  char *end;
  double x = strtod(at, &end);
  while (k-- > 0 && *end && end[1]) x = strtod(end + 1, &end);
  return x;
}

static int64_t last_dim(const Operand *o) {
  return o->s.rank ? o->s.dim[o->s.rank - 1] : 1;
}

/* The element of `o` that meets element i of `out` when shapes are aligned at the last axis. */
static double meet(const Operand *o, const Shape *out, int64_t i) {
  int64_t at = 0, stride = 1;
  for (int k = 1; k <= out->rank; k++) {
    int64_t index = i % out->dim[out->rank - k];
    i /= out->dim[out->rank - k];
    if (k > o->s.rank) continue;
    int64_t length = o->s.dim[o->s.rank - k];
    at += (length == 1 ? 0 : index) * stride;
    stride *= length;
  }
  return o->v[at];
}

/* ---- elementwise ---- */

static void relu(Call *c) {
  double slope = strcmp(c->row->op, "relu") == 0 ? 0 : number(c, "slope", 0);
  for (int64_t i = 0; i < c->out->n; i++)
    c->out->v[i] = c->in->v[i] > 0 ? c->in->v[i] : slope * c->in->v[i];
}
static void log_sigmoid(Call *c) {
  for (int64_t i = 0; i < c->out->n; i++) c->out->v[i] = log(1 / (1 + exp(-c->in->v[i])));
}
static void binary_cross_entropy(Call *c) {
  for (int64_t i = 0; i < c->out->n; i++) {
    double p = 1 / (1 + exp(-meet(&c->in[0], &c->out->s, i))), z = meet(&c->in[1], &c->out->s, i);
    c->out->v[i] = -z * log(p) - (1 - z) * log(1 - p);
  }
}
static void gelu(Call *c) {
  bool exact = strcmp(text_of(c, "form"), "erf") == 0;
  for (int64_t i = 0; i < c->out->n; i++) {
    double x = c->in->v[i], u = sqrt(2 / acos(-1)) * (x + 0.044715 * pow(x, 3));
    c->out->v[i] = x / 2 * (1 + (exact ? erf(x / sqrt(2)) : tanh(u)));
  }
}
static void clamp(Call *c) {
  for (int64_t i = 0; i < c->out->n; i++) {
    double low = meet(&c->in[1], &c->out->s, i), high = meet(&c->in[2], &c->out->s, i);
    c->out->v[i] = fmin(fmax(c->in->v[i], low), high);
  }
}
static void same(Call *c) {
  memcpy(c->out->v, c->in->v, (size_t)c->out->n * sizeof(double));
}
static void one_hot(Call *c) {
  int64_t classes = (int64_t)number(c, "classes", 0);
  for (int64_t i = 0; i < c->out->n; i++)
    c->out->v[i] = (double)((int64_t)c->in->v[i / classes] == i % classes);
}

/* ---- layers ---- */

static void reduce(Call *c) {
  const Shape *s = &c->in->s;
  bool reduced[RANK_MAX], all = !*text_of(c, "axes");
  for (int k = 0; k < s->rank; k++) {
    reduced[k] = all;
    for (int m = 0; !all && m < s->rank; m++) reduced[k] |= (int)number(c, "axes", m) == k;
  }
  for (int64_t i = 0; i < c->in->n; i++) {
    int64_t rest = i, at = 0, stride = 1;
    for (int k = s->rank - 1; k >= 0; k--) {
      at += reduced[k] ? 0 : rest % s->dim[k] * stride;
      stride *= reduced[k] ? 1 : s->dim[k];
      rest /= s->dim[k];
    }
    c->out->v[at] += c->in->v[i];
  }
  bool mean = strcmp(c->row->op, "mean") == 0;
  for (int64_t i = 0; mean && i < c->out->n; i++)
    c->out->v[i] *= (double)c->out->n / (double)c->in->n;
}

static void pool(Call *c) {
  const Operand *x = c->in, *y = c->out;
  bool largest = strcmp(c->row->op, "max-pool") == 0;
  bool pads = largest || strcmp(text_of(c, "count-pads"), "true") == 0;
  int64_t kernel[2], stride[2], step[2], before[2], behind[2], channels = last_dim(x);
  for (int k = 0; k < 2; k++) {
    kernel[k] = (int64_t)number(c, "kernel", k);
    stride[k] = (int64_t)number(c, "stride", k);
    step[k] = (int64_t)number(c, "dilation", k);
    before[k] = (int64_t)number(c, "pad", k);
    bool four = strchr(text_of(c, "pad"), ',') != strrchr(text_of(c, "pad"), ',');
    behind[k] = (int64_t)number(c, "pad", four ? 2 + k : k);
  }
  for (int64_t i = 0; i < y->n; i++) {
    int64_t channel = i % channels, q = i / channels % y->s.dim[2];
    int64_t p = i / channels / y->s.dim[2] % y->s.dim[1];
    int64_t image = i / channels / y->s.dim[2] / y->s.dim[1];
    double most = -INFINITY, sum = 0, count = 0;
    for (int64_t r = 0; r < kernel[0] * kernel[1]; r++) {
      int64_t h = p * stride[0] - before[0] + r / kernel[1] * step[0];
      int64_t w = q * stride[1] - before[1] + r % kernel[1] * step[1];
      bool inside = h >= 0 && w >= 0 && h < x->s.dim[1] && w < x->s.dim[2];
      count += inside || (pads && h < x->s.dim[1] + behind[0] && w < x->s.dim[2] + behind[1]);
      if (!inside) continue;
      double v = x->v[((image * x->s.dim[1] + h) * x->s.dim[2] + w) * channels + channel];
      most = fmax(most, v);
      sum += v;
    }
    y->v[i] = largest ? most : sum / count;
  }
}

/* Share of pixel i of an axis of n in pixel p of the resampled axis of m. */
static double share(const Call *c, int64_t i, int64_t n, int64_t p, int64_t m) {
  if (strcmp(text_of(c, "mode"), "nearest") == 0) return i == p * n / m;
  double place = ((double)p + 0.5) * (double)n / (double)m - 0.5;
  if (strcmp(text_of(c, "align-corners"), "true") == 0)
    place = m > 1 ? (double)p * (double)(n - 1) / (double)(m - 1) : 0;
  place = fmin(fmax(place, 0), (double)(n - 1));
  return fmax(0, 1 - fabs(place - (double)i)); /* a tent over each pixel */
}

static void upsample(Call *c) {
  const Shape *x = &c->in->s, *y = &c->out->s;
  for (int64_t at = 0; at < c->out->n; at++) {
    int64_t channel = at % y->dim[3], q = at / y->dim[3] % y->dim[2];
    int64_t p = at / y->dim[3] / y->dim[2] % y->dim[1],
            image = at / y->dim[3] / y->dim[2] / y->dim[1];
    for (int64_t h = 0; h < x->dim[1]; h++)
      for (int64_t w = 0; w < x->dim[2]; w++)
        c->out->v[at] += share(c, h, x->dim[1], p, y->dim[1]) *
                         share(c, w, x->dim[2], q, y->dim[2]) *
                         c->in->v[((image * x->dim[1] + h) * x->dim[2] + w) * x->dim[3] + channel];
  }
}

static void part(Call *c) {
  int axis = (int)number(c, "axis", 0);
  if (axis < 0) axis += c->in->s.rank;
  int64_t start = (int64_t)number(c, "start", 0), row = 1;
  int64_t length = c->in->s.dim[axis], size = c->out->s.dim[axis];
  for (int k = axis + 1; k < c->in->s.rank; k++) row *= c->in->s.dim[k];
  for (int64_t i = 0; i < c->out->n; i++)
    c->out->v[i] = c->in->v[(i / row / size * length + start + i / row % size) * row + i % row];
}

/* The first elements of each line, by selection: equals by their index. */
static void sorted(Call *c) {
  bool top = strcmp(c->row->op, "top-k") == 0;
  bool down = strcmp(text_of(c, top ? "largest" : "descending"), "true") == 0;
  int axis = (int)number(c, "axis", 0);
  if (axis < 0) axis += c->in->s.rank;
  int64_t row = 1, length = c->in->s.dim[axis], size = c->out->s.dim[axis];
  for (int k = axis + 1; k < c->in->s.rank; k++) row *= c->in->s.dim[k];
  for (int64_t line = 0; line < c->in->n / length; line++) {
    const double *x = c->in->v + line / row * length * row + line % row;
    bool taken[64] = {false};
    for (int64_t i = 0; i < size; i++) {
      int64_t best = -1;
      for (int64_t l = 0; l < length; l++)
        if (!taken[l] &&
            (best < 0 || (down ? x[l * row] > x[best * row] : x[l * row] < x[best * row])))
          best = l;
      taken[best] = true;
      int64_t to = (line / row * size + i) * row + line % row;
      c->out[0].v[to] = x[best * row];
      c->out[1].v[to] = (double)best;
    }
  }
}

static void gem(Call *c) {
  double p = number(c, "p", 0), eps = number(c, "eps", 0);
  int64_t channels = last_dim(c->in), pixels = c->in->s.dim[1] * c->in->s.dim[2];
  for (int64_t i = 0; i < c->out->n; i++) {
    double sum = 0;
    for (int64_t k = 0; k < pixels; k++)
      sum += pow(fmax(c->in->v[(i / channels * pixels + k) * channels + i % channels], eps), p);
    c->out->v[i] = pow(sum / (double)pixels, 1 / p);
  }
}

static void linear(Call *c) {
  int64_t width = last_dim(c->in), out = c->in[1].s.dim[0];
  for (int64_t i = 0; i < c->out->n; i++) {
    double sum = c->in[2].v ? c->in[2].v[i % out] : 0;
    for (int64_t k = 0; k < width; k++)
      sum += c->in->v[i / out * width + k] * c->in[1].v[i % out * width + k];
    c->out->v[i] = sum;
  }
}

static void embedding(Call *c) {
  int64_t width = last_dim(&c->in[1]);
  for (int64_t i = 0; i < c->out->n; i++)
    c->out->v[i] = c->in[1].v[(int64_t)c->in->v[i / width] * width + i % width];
}
static void dropout(Call *c) {
  double p = c->in[1].v ? number(c, "p", 0) : 0;
  for (int64_t i = 0; i < c->out->n; i++)
    c->out->v[i] = p > 0 && c->in[1].v[i] < p ? 0 : c->in->v[i] / (1 - p);
}

/* ---- norms ---- */

/* Mean and biased variance of channel `channel` over rows [first, first + n). */
static void moments_of(const Operand *x, int64_t first, int64_t n, int64_t channel, double *mean,
                       double *variance) {
  int64_t channels = last_dim(x);
  *mean = *variance = 0;
  for (int64_t r = first; r < first + n; r++) *mean += x->v[r * channels + channel] / (double)n;
  for (int64_t r = first; r < first + n; r++) {
    double d = x->v[r * channels + channel] - *mean;
    *variance += d * d / (double)n;
  }
}

/* Groups of rows normalised each for itself: all rows, or the pixels of an image. */
static void normalise(Call *c, int64_t groups) {
  const Operand *x = c->in;
  int64_t channels = last_dim(x), rows = x->n / channels / groups;
  double eps = number(c, "eps", 0);
  for (int64_t g = 0; g < groups; g++)
    for (int64_t k = 0; k < channels; k++) {
      double mean, variance;
      moments_of(x, g * rows, rows, k, &mean, &variance);
      for (int64_t r = g * rows; r < (g + 1) * rows; r++)
        c->out->v[r * channels + k] =
            (x->v[r * channels + k] - mean) / sqrt(variance + eps) * c->in[1].v[k] + c->in[2].v[k];
      if (c->op->n_results == 1) continue;
      c->out[1].v[k] = mean;
      c->out[2].v[k] = variance * (double)rows / fmax((double)rows - 1, 1);
    }
}
static void batch_norm(Call *c) {
  normalise(c, 1);
}
static void instance_norm(Call *c) {
  normalise(c, c->in->s.dim[0]);
}

static void layer_norm(Call *c) {
  int64_t width = last_dim(c->in);
  for (int64_t i = 0; i < c->out->n; i++) {
    double mean = 0, square = 0;
    const double *row = c->in->v + i / width * width;
    for (int64_t k = 0; k < width; k++) mean += row[k] / (double)width;
    for (int64_t k = 0; k < width; k++) square += pow(row[k] - mean, 2) / (double)width;
    c->out->v[i] =
        (c->in->v[i] - mean) / sqrt(square + number(c, "eps", 0)) * c->in[1].v[i % width] +
        c->in[2].v[i % width];
  }
}
static void group_norm(Call *c) {
  int64_t groups = (int64_t)number(c, "groups", 0), channels = last_dim(c->in);
  int64_t image = c->in->n / c->in->s.dim[0], width = channels / groups;
  for (int64_t i = 0; i < c->out->n; i++) {
    double mean = 0, square = 0;
    int64_t first = i / image * image, group = i % channels / width;
    for (int64_t k = 0; k < image; k++)
      if (k % channels / width == group) mean += c->in->v[first + k];
    mean /= (double)(image / groups);
    for (int64_t k = 0; k < image; k++)
      if (k % channels / width == group) square += pow(c->in->v[first + k] - mean, 2);
    double deviation = sqrt(square / (double)(image / groups) + number(c, "eps", 0));
    c->out->v[i] =
        (c->in->v[i] - mean) / deviation * c->in[1].v[i % channels] + c->in[2].v[i % channels];
  }
}

static void fixed_norm(Call *c) {
  int64_t channels = last_dim(c->in);
  for (int64_t i = 0; i < c->out->n; i++) {
    int64_t k = i % channels;
    c->out->v[i] =
        (c->in->v[i] - c->in[3].v[k]) / sqrt(c->in[4].v[k] + number(c, "eps", 0)) * c->in[1].v[k] +
        c->in[2].v[k];
  }
}

static void moments(Call *c) {
  int64_t groups = (int64_t)number(c, "groups", 0), channels = last_dim(c->in);
  int64_t rows = c->in->n / channels / groups;
  for (int64_t i = 0; i < groups * channels; i++) {
    double mean, variance;
    moments_of(c->in, i / channels * rows, rows, i % channels, &mean, &variance);
    c->out[0].v[i] = mean;
    c->out[1].v[i] = sqrt(variance + number(c, "eps", 0));
  }
}

static void normalize(Call *c) {
  int64_t width = last_dim(c->in);
  for (int64_t i = 0; i < c->out->n; i++) {
    double sum = 0;
    for (int64_t k = 0; k < width; k++)
      sum += c->in->v[i / width * width + k] * c->in->v[i / width * width + k];
    c->out->v[i] = c->in->v[i] / sqrt(sum + number(c, "eps", 0));
  }
}

/* ---- losses ---- */

static void log_sum_exp(Call *c) {
  int64_t m = last_dim(c->in);
  for (int64_t i = 0; i < c->in->n; i++) c->out->v[i / m] += exp(c->in->v[i]);
  for (int64_t i = 0; i < c->out->n; i++) c->out->v[i] = log(c->out->v[i]);
}

static void softmax(Call *c) {
  int64_t width = last_dim(c->in);
  for (int64_t i = 0; i < c->out->n; i++) {
    double sum = 0;
    for (int64_t k = 0; k < width; k++) sum += exp(c->in->v[i / width * width + k]);
    c->out->v[i] = exp(c->in->v[i]) / sum;
  }
}

static void cross_entropy(Call *c) {
  int64_t rows = c->in->s.dim[0], classes = c->in->s.dim[1];
  double s = number(c, "smoothing", 0);
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0;
    for (int64_t k = 0; k < classes; k++) sum += exp(c->in->v[r * classes + k]);
    for (int64_t k = 0; k < classes; k++) {
      double target = s / (double)classes + (k == (int64_t)c->in[1].v[r] ? 1 - s : 0);
      c->out->v[0] -= target * (c->in->v[r * classes + k] - log(sum)) / (double)rows;
    }
  }
}

static double distance(const Operand *y, int64_t i, int64_t j, double floor) {
  int64_t width = last_dim(y);
  double r = 0;
  for (int64_t k = 0; k < width; k++) {
    double d = y->v[i * width + k] - y->v[j * width + k];
    r += d * d;
  }
  return r > floor ? sqrt(r) : 0;
}

static void batch_hard(Call *c) {
  int64_t b = c->in->s.dim[0], anchors = 0;
  const double *label = c->in[1].v, *group = c->in[2].v;
  bool inside = strcmp(text_of(c, "negatives"), "group") == 0;
  for (int64_t i = 0; i < b; i++) {
    double far = -1, near = -1;
    for (int64_t j = 0; j < b; j++) {
      bool mates = !group || group[i] == group[j], same_id = mates && label[i] == label[j];
      double d = distance(c->in, i, j, 1e-6);
      if (same_id && j != i && d > far) far = d;
      if (!same_id && (mates || !inside) && (near < 0 || d < near)) near = d;
    }
    anchors += far >= 0;
    if (far >= 0 && near >= 0) c->out->v[0] += fmax(far - near + number(c, "margin", 0), 0);
  }
  c->out->v[0] /= (double)(anchors ? anchors : 1);
}

static void pair_hinge(Call *c) {
  int64_t b = c->in->s.dim[0];
  for (int64_t i = 0; i < b; i++)
    for (int64_t j = 0; j < b; j++) {
      double h = fmax(distance(c->in, i, j, 0) - number(c, "margin", 0), 0);
      if (i != j) c->out->v[0] += h * h / (double)(b * (b - 1));
    }
}

static void spread_hinge(Call *c) {
  int64_t b = c->in->s.dim[0], v = c->in->s.dim[1];
  for (int64_t at = 0; at < b * v * v; at++) {
    int64_t i = at / v / v, m = at / v % v, n = at % v;
    double gap = fabs(c->in->v[i * v + m] - c->in->v[i * v + n]);
    double h = fmax(number(c, "margin", 0) - gap, 0);
    if (m != n) c->out->v[0] += h * h / (double)(b * v * (v - 1));
  }
}

/* ---- the table ---- */

static const struct {
  const char *op;
  void (*run)(Call *c);
} formulas[] = {{"relu", relu},
                {"leaky-relu", relu},
                {"gelu", gelu},
                {"log-sigmoid", log_sigmoid},
                {"binary-cross-entropy", binary_cross_entropy},
                {"clamp", clamp},
                {"reverse", same},
                {"one-hot", one_hot},
                {"mean", reduce},
                {"sum", reduce},
                {"max-pool", pool},
                {"avg-pool", pool},
                {"upsample", upsample},
                {"embedding-lookup", embedding},
                {"dropout", dropout},
                {"flatten", same},
                {"part", part},
                {"sort", sorted},
                {"top-k", sorted},
                {"gem", gem},
                {"linear", linear},
                {"batch-norm", batch_norm},
                {"instance-norm", instance_norm},
                {"layer-norm", layer_norm},
                {"group-norm", group_norm},
                {"fixed-norm", fixed_norm},
                {"moments", moments},
                {"normalize", normalize},
                {"softmax", softmax},
                {"log-sum-exp", log_sum_exp},
                {"cross-entropy", cross_entropy},
                {"batch-hard", batch_hard},
                {"pair-hinge", pair_hinge},
                {"spread-hinge", spread_hinge}};

static Operand take(OpCase *c, NodeId id, bool values) {
  if (id == NODE_NONE) return (Operand){0};
  const Node *node = &c->lab.graph->nodes[id];
  Operand o = {.s = node->shape, .n = shape_count(&node->shape)};
  Tensor t = {c->lab.values[id], (DType)node->dtype, node->shape};
  o.v = calloc((size_t)o.n, sizeof *o.v);
  for (int64_t i = 0; values && i < o.n; i++) o.v[i] = tensor_get(&t, i);
  return o;
}

static void compare(const OpCase *c, uint32_t result, const Operand *want) {
  char text[300];
  Tensor t = {c->lab.values[c->results[result]], emit_dtype(&c->lab.e, c->results[result]),
              want->s};
  double worst = 0, scale = 1e-3;
  for (int64_t i = 0; i < want->n; i++) {
    scale = fmax(scale, fabs(want->v[i]));
    double error = fabs(tensor_get(&t, i) - want->v[i]);
    if (!(error <= worst)) worst = error; /* a NaN counts */
  }
  if (worst <= 1e-13 * scale) return;
  printf("\n  %s: result %u is off by %g\n", case_text(c, text, sizeof text), result,
         worst / scale);
  CU_FAIL("see above");
}

static void check_row(const OpRow *row, uint64_t seed) {
  OpCase c;
  Call call = {.row = row};
  size_t f = 0;
  if (!case_init(&c, row, DTYPE_F64, seed)) CU_FAIL_FATAL("see above");
  CU_ASSERT_EQUAL_FATAL(lab_reference(&c.lab), STATUS_OK);
  call.op = c.op;
  for (uint32_t i = 0; i < c.n_inputs; i++) call.in[i] = take(&c, c.inputs[i], true);
  for (uint32_t i = 0; i < c.n_results; i++) call.out[i] = take(&c, c.results[i], false);
  while (strcmp(formulas[f].op, row->op) != 0) f++;
  formulas[f].run(&call);
  for (uint32_t i = 0; i < c.n_results; i++) compare(&c, i, &call.out[i]);
  for (uint32_t i = 0; i < CASE_INPUTS_MAX; i++) free(call.in[i].v);
  for (uint32_t i = 0; i < COMPOSITE_RESULTS_MAX; i++) free(call.out[i].v);
  case_free(&c);
}

static void test_complete(void) {
  for (uint32_t op = OP_PRIMITIVE_COUNT; op < ops_table()->count; op++) {
    bool found = false;
    for (size_t f = 0; f < sizeof formulas / sizeof *formulas; f++)
      found |= strcmp(formulas[f].op, op_desc(op)->name) == 0;
    if (!found) printf("\n  composite '%s' has no formula here\n", op_desc(op)->name);
    CU_ASSERT_FATAL(found);
  }
}

static void test_formulas(void) {
  for (uint64_t seed = 0; seed < 5 * N_OP_ROWS; seed++) {
    const OpRow *row = &op_rows[seed % N_OP_ROWS];
    if (op_table_find(ops_table(), row->op) >= OP_PRIMITIVE_COUNT) check_row(row, seed / N_OP_ROWS);
  }
}

LAB_MAIN("composites", {"a formula for every composite", test_complete},
         {"formulas", test_formulas})
