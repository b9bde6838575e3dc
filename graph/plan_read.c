/* Reads a plan: first the hash against damage, then every number against its range.
 *
 * A file that was made with intent passes the hash, so nothing is trusted: counts are bounded by
 * the numbers that are there, indices by what they index.  What the numbers mean together (shapes,
 * lives, offsets) is the verifier's (ops/verify.h). */
#include "graph/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define PLAN_FILE_MAX ((off_t)1 << 31)

typedef struct Reader {
  const char *path;
  const OpTable *ops;
  Diag *diag;
  Plan *plan;
  xmlNode *root;
  uint32_t *strings; /* number in the file -> string id */
  uint32_t n_strings;
  uint16_t *op_of; /* number in the file -> index into the op table */
  uint32_t n_ops;
  uint64_t n_locs;
  /* the array being read */
  const char *array;
  int64_t *values;
  size_t n, at;
  bool bad; /* a number is missing or out of range */
} Reader;

static Status invalid(const Reader *r, const char *what) {
  return diag_error(r->diag, STATUS_INVALID, r->path, "compile the model again: graphc MODEL.xml",
                    "the plan is not valid: %s", what);
}

/* ---- arrays ---- */

static size_t count_numbers(const char *text) {
  size_t n = 0;
  while (*text) {
    while (*text == ' ' || *text == '\n') text++;
    n += *text != 0;
    while (*text && *text != ' ' && *text != '\n') text++;
  }
  return n;
}

static bool parse_number(const char **text, int64_t *out) {
  const char *at = *text;
  bool negative = *at == '-';
  uint64_t value = 0;
  at += negative;
  if (*at < '0' || *at > '9') return false;
  for (; *at >= '0' && *at <= '9'; at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  if (value > (uint64_t)INT64_MAX + negative) return false;
  *out = negative ? (int64_t)(0 - value) : (int64_t)value;
  *text = at;
  return *at == ' ' || *at == '\n' || *at == 0;
}

static xmlNode *child(const xmlNode *parent, const char *name) {
  for (xmlNode *node = parent->children; node; node = node->next)
    if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0) return node;
  return NULL;
}

static const char *text_of(const xmlNode *node) {
  if (!node || !node->children) return "";
  if (node->children->type != XML_TEXT_NODE || node->children->next) return NULL;
  return (const char *)node->children->content;
}

/* Opens the array `name` of `parent`; a missing one is empty. */
static Status open_array(Reader *r, const xmlNode *parent, const char *name) {
  free(r->values);
  r->values = NULL;
  r->array = name;
  r->n = r->at = 0;
  r->bad = false;
  const char *text = text_of(child(parent, name));
  if (!text) return invalid(r, name);
  size_t n = count_numbers(text);
  r->values = malloc((n + 1) * sizeof *r->values);
  if (!r->values) return diag_no_memory(r->diag, n * sizeof *r->values);
  for (; r->n < n; r->n++) {
    while (*text == ' ' || *text == '\n') text++;
    if (!parse_number(&text, &r->values[r->n])) return invalid(r, name);
  }
  return STATUS_OK;
}

static int64_t take(Reader *r, int64_t low, int64_t high) {
  if (r->at < r->n && r->values[r->at] >= low && r->values[r->at] <= high)
    return r->values[r->at++];
  r->bad = true;
  return low;
}

static double take_double(Reader *r) {
  int64_t bits = take(r, INT64_MIN, INT64_MAX);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t take_string(Reader *r) {
  return r->strings[take(r, 0, (int64_t)r->n_strings - 1)];
}
static uint32_t take_loc(Reader *r) {
  return (uint32_t)take(r, 0, (int64_t)r->n_locs);
}

static bool take_shape(Reader *r, Shape *shape) {
  *shape = (Shape){.rank = (uint8_t)take(r, 0, RANK_MAX)};
  for (int i = 0; i < shape->rank; i++) shape->dim[i] = take(r, 0, (int64_t)1 << 40);
  return !r->bad && shape_count(shape) >= 0;
}

static Status close_array(const Reader *r) {
  if (r->bad || r->at != r->n) return invalid(r, r->array);
  return STATUS_OK;
}

/* ---- what all programs share ---- */

static Status read_strings(Reader *r) {
  const xmlNode *list = child(r->root, "strings");
  uint32_t n = 0;
  for (xmlNode *s = list ? list->children : NULL; s; s = s->next) n += s->type == XML_ELEMENT_NODE;
  if (n == 0) return invalid(r, "strings");
  r->strings = calloc(n, sizeof *r->strings);
  if (!r->strings) return diag_no_memory(r->diag, n * sizeof *r->strings);
  for (xmlNode *s = list->children; s; s = s->next) {
    if (s->type != XML_ELEMENT_NODE) continue;
    const xmlAttr *attr = s->properties;
    bool single = attr && !attr->next && (!attr->children || !attr->children->next);
    if (!single) return invalid(r, "strings");
    const char *text = attr->children ? (const char *)attr->children->content : "";
    r->strings[r->n_strings] = strings_intern(r->plan->symbols->strings, text);
    if (r->strings[r->n_strings++] == UINT32_MAX) return diag_no_memory(r->diag, strlen(text));
  }
  if (r->strings[0] != 0) return invalid(r, "strings");
  return STATUS_OK;
}

static Status read_ops(Reader *r) {
  const char *text = text_of(child(r->root, "ops"));
  if (!text) return invalid(r, "ops");
  r->op_of = calloc(strlen(text) + 2, sizeof *r->op_of);
  if (!r->op_of) return diag_no_memory(r->diag, strlen(text));
  while (*text) {
    char name[64];
    size_t n = strcspn(text, " ");
    if (n == 0 || n >= sizeof name) return invalid(r, "ops");
    memcpy(name, text, n);
    name[n] = 0;
    uint32_t op = op_table_find(r->ops, name);
    if (!op) return invalid(r, "it uses an op that does not exist here");
    r->op_of[++r->n_ops] = (uint16_t)op;
    text += n + (text[n] == ' ');
  }
  return STATUS_OK;
}

static Status read_head(Reader *r) {
  TRY(open_array(r, r->root, "plan-head"));
  r->plan->model_name = take_string(r);
  r->plan->model_hash = (uint64_t)take(r, INT64_MIN, INT64_MAX);
  r->plan->precision = (DType)take(r, DTYPE_F32, DTYPE_F64);
  r->plan->shards = (uint32_t)take(r, 1, 64);
  r->plan->state_bytes = take(r, 0, (int64_t)1 << 44);
  return close_array(r);
}

static Status read_locs(Reader *r) {
  TRY(open_array(r, r->root, "locations"));
  r->n_locs = r->n / 4;
  Symbols *symbols = r->plan->symbols;
  while (r->at < r->n && !r->bad) {
    uint32_t file = take_string(r), line = (uint32_t)take(r, 0, UINT32_MAX);
    uint32_t column = (uint32_t)take(r, 0, UINT32_MAX), chain = take_loc(r);
    uint32_t want = symbols->n_locs ? symbols->n_locs : 1;
    if (chain >= want) r->bad = true; /* chains lead to earlier places, so they end */
    if (!r->bad && symbols_loc(symbols, file, line, column, chain) != want) r->bad = true;
  }
  return close_array(r);
}

static Status read_states(Reader *r) {
  TRY(open_array(r, r->root, "states"));
  Plan *plan = r->plan;
  size_t most = r->n / 16 + 1;
  plan->states = calloc(most, sizeof *plan->states);
  plan->state_offset = calloc(most, sizeof *plan->state_offset);
  if (!plan->states || !plan->state_offset) return diag_no_memory(r->diag, most * sizeof(State));
  while (r->at < r->n && !r->bad) {
    State *s = &plan->states[plan->n_states];
    s->name = take_string(r);
    s->dtype = (uint8_t)take(r, 0, DTYPE_COUNT - 1);
    s->kind = (uint8_t)take(r, 0, STATE_OPTIMISER);
    s->trainable = take(r, 0, 1) != 0;
    s->init = (uint8_t)take(r, 0, INIT_FUSE);
    s->init_a = take_double(r);
    s->init_b = take_double(r);
    s->init_site = take_string(r);
    s->rate = take_double(r);
    s->decay = take_double(r);
    s->noise = take_double(r);
    s->external = take_string(r);
    s->group = take_string(r);
    s->loc = take_loc(r);
    if (!take_shape(r, &s->shape)) r->bad = true;
    plan->state_offset[plan->n_states] = take(r, 0, (int64_t)1 << 44);
    plan->n_states++;
  }
  return close_array(r);
}

static Status read_training(Reader *r) {
  PlanTraining *t = &r->plan->training;
  if (!child(r->root, "training")) return STATUS_OK;
  TRY(open_array(r, r->root, "training"));
  r->plan->has_training = true;
  t->epochs = take(r, 0, INT32_MAX);
  t->warmup_epochs = take(r, 0, INT32_MAX);
  t->steps = take(r, 0, (int64_t)1 << 40);
  t->warmup_steps = take(r, -1, (int64_t)1 << 40);
  t->choose = (uint8_t)take(r, 0, 1);
  t->domains = calloc(r->n / 2 + 1, sizeof *t->domains);
  t->ids = calloc(r->n / 2 + 1, sizeof *t->ids);
  if (!t->domains || !t->ids) return diag_no_memory(r->diag, r->n * sizeof *t->ids);
  while (r->at < r->n && !r->bad) {
    t->domains[t->n_domains] = take_string(r);
    t->ids[t->n_domains++] = take(r, 0, INT32_MAX);
  }
  return close_array(r);
}

static Status read_data(Reader *r) {
  Plan *plan = r->plan;
  PlanAugment *a = &plan->augment;
  if (child(r->root, "sampler")) {
    TRY(open_array(r, r->root, "sampler"));
    plan->has_sampler = true;
    plan->sampler.kind = (uint8_t)take(r, 0, 1);
    plan->sampler.batch_ids = take(r, 1, 1 << 30);
    plan->sampler.batch_images = take(r, 1, 1 << 30);
    TRY(close_array(r));
  }
  if (!child(r->root, "augment")) return STATUS_OK;
  TRY(open_array(r, r->root, "augment"));
  plan->has_augment = true;
  a->height = take(r, 1, 1 << 16);
  a->width = take(r, 1, 1 << 16);
  a->pad_crop = take(r, 0, 1 << 10);
  double *values[] = {&a->flip, &a->jitter, &a->brightness, &a->contrast,  &a->saturation,
                      &a->hue,  &a->erase,  &a->erase_min,  &a->erase_max, &a->erase_aspect};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    *values[i] = take_double(r);
    if (!(*values[i] >= 0 && *values[i] <= 1)) r->bad = true;
  }
  return close_array(r);
}

static Status read_pairs(Reader *r) {
  Plan *plan = r->plan;
  TRY(open_array(r, r->root, "schedules"));
  plan->schedules = calloc(r->n / 2 + 1, sizeof *plan->schedules);
  if (!plan->schedules) return diag_no_memory(r->diag, r->n);
  while (r->at < r->n && !r->bad) {
    plan->schedules[plan->n_schedules].name = take_string(r);
    plan->schedules[plan->n_schedules++].value = take_string(r);
  }
  TRY(close_array(r));
  TRY(open_array(r, r->root, "params"));
  plan->params = calloc(r->n / 2 + 1, sizeof *plan->params);
  if (!plan->params) return diag_no_memory(r->diag, r->n);
  while (r->at < r->n && !r->bad) {
    plan->params[plan->n_params].name = take_string(r);
    plan->params[plan->n_params++].value = take_string(r);
  }
  return close_array(r);
}

/* ---- programs ---- */

static bool take_inputs(Reader *r, Node *n, NodeId id, NodeId **inputs, uint32_t *cap) {
  if (n->n_inputs > r->n - r->at) return false;
  if (n->n_inputs > *cap) {
    NodeId *grown = realloc(*inputs, n->n_inputs * sizeof **inputs);
    if (!grown) return false;
    *inputs = grown;
    *cap = n->n_inputs;
  }
  for (uint32_t i = 0; i < n->n_inputs; i++) (*inputs)[i] = (NodeId)take(r, 1, (int64_t)id - 1);
  return !r->bad;
}

static Status read_nodes(Reader *r, const xmlNode *node, Graph *g) {
  TRY(open_array(r, node, "nodes"));
  NodeId *inputs = NULL;
  uint32_t cap = 0;
  while (r->at < r->n && !r->bad) {
    NodeId id = g->n_nodes ? g->n_nodes : 1;
    Node n = {.op = r->op_of[take(r, 1, r->n_ops)]};
    n.dtype = (uint8_t)take(r, 0, DTYPE_COUNT - 1);
    n.role = (uint8_t)take(r, 0, ROLE_UPDATE);
    n.order = (uint8_t)take(r, 0, 255);
    n.batch = (uint8_t)take(r, 0, (int64_t)(g->n_batches ? g->n_batches : 1) - 1);
    n.epoch = (uint32_t)take(r, 0, UINT32_MAX);
    n.n_inputs = (uint32_t)take(r, 0, UINT32_MAX);
    if (r->bad || !take_inputs(r, &n, id, &inputs, &cap)) r->bad = true;
    n.name = take_string(r);
    n.scope = take_string(r);
    n.loc = take_loc(r);
    if (!take_shape(r, &n.shape)) r->bad = true;
    if (r->bad) break;
    if (graph_append(g, &n, inputs, n.n_inputs, NULL, 0, NULL) != id) r->bad = true;
  }
  free(inputs);
  return close_array(r);
}

static bool is_list(AttrType type) {
  return type == ATTR_INTS || type == ATTR_FLOATS;
}

static Status read_attrs(Reader *r, const xmlNode *node, Graph *g) {
  TRY(open_array(r, node, "attributes"));
  for (NodeId id = 1; id < g->n_nodes && !r->bad; id++) {
    const OpDesc *op = r->ops->ops[g->nodes[id].op];
    g->nodes[id].attrs = g->n_attrs;
    for (uint32_t a = 0; a < op->n_attrs && !r->bad; a++) {
      bool string = op->attrs[a].type == ATTR_STRING || op->attrs[a].type == ATTR_NAME;
      size_t n = (size_t)take(r, 0, (int64_t)(r->n - r->at));
      if (r->bad || n > r->n - r->at || n > UINT32_MAX) r->bad = true;
      for (size_t i = 0; i < n && string && !r->bad; i++) {
        int64_t *value = &r->values[r->at + i];
        if (*value < 0 || *value >= (int64_t)r->n_strings)
          r->bad = true;
        else
          *value = r->strings[*value];
      }
      if (n != 1 && !is_list(op->attrs[a].type)) r->bad = true;
      if (r->bad) break;
      if (!graph_append_attr(g, id, &r->values[r->at], (uint32_t)n))
        return diag_no_memory(r->diag, n);
      r->at += n;
    }
  }
  return close_array(r);
}

static Status read_layout(Reader *r, const xmlNode *node, PlanProgram *p) {
  const Graph *g = p->graph;
  TRY(open_array(r, node, "offsets"));
  p->node_offset = calloc((size_t)g->n_nodes + 1, sizeof *p->node_offset);
  if (!p->node_offset) return diag_no_memory(r->diag, g->n_nodes * sizeof(int64_t));
  for (NodeId id = 1; id < g->n_nodes; id++)
    p->node_offset[id] = take(r, OFFSET_NONE, (int64_t)1 << 44);
  TRY(close_array(r));
  TRY(open_array(r, node, "members"));
  p->step_nodes = calloc(r->n + 1, sizeof *p->step_nodes);
  if (!p->step_nodes) return diag_no_memory(r->diag, r->n * sizeof(NodeId));
  while (r->at < r->n && !r->bad)
    p->step_nodes[p->n_step_nodes++] = (NodeId)take(r, 1, (int64_t)g->n_nodes - 1);
  TRY(close_array(r));
  TRY(open_array(r, node, "steps"));
  p->steps = calloc(r->n / 4 + 1, sizeof *p->steps);
  if (!p->steps) return diag_no_memory(r->diag, r->n * sizeof(PlanStep));
  while (r->at < r->n && !r->bad) {
    PlanStep *s = &p->steps[p->n_steps++];
    s->first = (uint32_t)take(r, 0, p->n_step_nodes);
    s->count = (uint32_t)take(r, 1, (int64_t)p->n_step_nodes - s->first);
    s->work_offset = take(r, OFFSET_NONE, (int64_t)1 << 44);
    s->work_bytes = take(r, 0, (int64_t)1 << 44);
  }
  return close_array(r);
}

static Status read_ends(Reader *r, const xmlNode *node, Graph *g) {
  TRY(open_array(r, node, "commits"));
  while (r->at < r->n && !r->bad) {
    uint32_t state = (uint32_t)take(r, 0, (int64_t)r->plan->n_states - 1);
    NodeId value = (NodeId)take(r, 1, (int64_t)g->n_nodes - 1);
    if (!r->bad && graph_add_commit(g, state, value) != STATUS_OK)
      return diag_no_memory(r->diag, 1);
  }
  TRY(close_array(r));
  TRY(open_array(r, node, "outputs"));
  while (r->at < r->n && !r->bad) {
    uint32_t name = take_string(r);
    NodeId value = (NodeId)take(r, 1, (int64_t)g->n_nodes - 1);
    bool declared = take(r, 0, 1) != 0;
    if (!r->bad && graph_add_output(g, name, value, declared) != STATUS_OK)
      return diag_no_memory(r->diag, 1);
  }
  return close_array(r);
}

static Status read_batches(Reader *r, const xmlNode *node, Graph *g) {
  TRY(open_array(r, node, "batches"));
  while (r->at < r->n && !r->bad) {
    uint32_t want = g->n_batches ? g->n_batches : 1;
    Batch batch = {.groups = take(r, 1, 1 << 30), .units = take(r, 0, 1 << 30)};
    batch.unit = take(r, 1, 1 << 30);
    if (!r->bad && (want > 255 || graph_add_batch(g, batch) != want)) r->bad = true;
  }
  return close_array(r);
}

static Status read_program(Reader *r, const xmlNode *node, PlanProgram *p) {
  TRY(open_array(r, node, "head"));
  p->name = take_string(r);
  p->held_out = take_string(r);
  p->kind = (uint8_t)take(r, 0, PROGRAM_OTHER);
  p->scratch_bytes = take(r, 0, (int64_t)1 << 44);
  p->lower_bound = take(r, 0, (int64_t)1 << 44);
  p->peak_step = (uint32_t)take(r, 0, UINT32_MAX);
  p->macs = take(r, 0, INT64_MAX);
  TRY(close_array(r));
  p->graph = graph_create(r->plan->symbols);
  if (!p->graph) return diag_no_memory(r->diag, sizeof(Graph));
  TRY(read_batches(r, node, p->graph));
  TRY(read_nodes(r, node, p->graph));
  TRY(read_attrs(r, node, p->graph));
  TRY(read_layout(r, node, p));
  return read_ends(r, node, p->graph);
}

static Status read_programs(Reader *r) {
  uint32_t n = 0;
  for (xmlNode *node = r->root->children; node; node = node->next)
    n += node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "program") == 0;
  r->plan->programs = calloc(n + 1u, sizeof *r->plan->programs);
  if (!r->plan->programs) return diag_no_memory(r->diag, n * sizeof(PlanProgram));
  for (xmlNode *node = r->root->children; node; node = node->next)
    if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "program") == 0)
      TRY(read_program(r, node, &r->plan->programs[r->plan->n_programs++]));
  return n ? STATUS_OK : invalid(r, "it has no program");
}

static Status read_body(Reader *r) {
  TRY(read_strings(r));
  TRY(read_ops(r));
  TRY(read_head(r));
  TRY(read_locs(r));
  TRY(read_states(r));
  TRY(read_training(r));
  TRY(read_data(r));
  TRY(read_pairs(r));
  return read_programs(r);
}

/* ---- the file ---- */

static Status load_file(const char *path, Diag *diag, char **out, size_t *length) {
  struct stat info;
  *out = NULL;
  FILE *file = fopen(path, "rb");
  if (!file || fstat(fileno(file), &info) != 0) {
    int error = errno;
    if (file) fclose(file);
    return diag_error(diag, STATUS_INVALID, path,
                      error == ENOENT ? "graphc MODEL.xml writes a plan" : NULL, "cannot read: %s",
                      strerror(error));
  }
  Status status = STATUS_OK;
  if (!S_ISREG(info.st_mode) || info.st_size > PLAN_FILE_MAX)
    status = diag_error(diag, STATUS_INVALID, path, NULL, "is no plan");
  *length = (size_t)info.st_size;
  if (status == STATUS_OK && !(*out = malloc(*length + 1))) status = diag_no_memory(diag, *length);
  if (status == STATUS_OK && fread(*out, 1, *length, file) != *length)
    status = diag_error(diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  if (status == STATUS_OK) (*out)[*length] = 0;
  fclose(file);
  return status;
}

/* Version and hash of the first line. */
static Status check_line(const char *path, const char *text, size_t length, Diag *diag) {
  int version = 0, end = 0;
  uint64_t hash;
  if (sscanf(text, "<plan version=\"%d\" hash=\"%16" SCNx64 "\">%n", &version, &hash, &end) < 1)
    return diag_error(diag, STATUS_INVALID, path, "graphc MODEL.xml makes a plan from a model",
                      "is no plan");
  if (version != PLAN_VERSION)
    return diag_error(diag, STATUS_INVALID, path,
                      "compile the model with the graphc beside this program: graphc MODEL.xml",
                      "is a plan of version %d, this program reads version %d", version,
                      PLAN_VERSION);
  if (end == 0 || text[end] != '\n' ||
      XXH3_64bits(text + end + 1, length - (size_t)end - 1) != hash)
    return diag_error(diag, STATUS_INVALID, path, "copy it again, or compile the model again",
                      "is damaged: its contents do not match its hash");
  return STATUS_OK;
}

static Status read_document(Reader *r, const char *text, size_t length) {
  if (length > INT32_MAX) return invalid(r, "it is too large");
  xmlDoc *document = xmlReadMemory(text, (int)length, NULL, "UTF-8",
                                   XML_PARSE_NONET | XML_PARSE_HUGE | XML_PARSE_NOERROR |
                                       XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
  if (!document) return invalid(r, "it is no well-formed XML");
  r->root = xmlDocGetRootElement(document);
  Status status = STATUS_OK;
  if (!r->root || document->intSubset) status = invalid(r, "it is no plan");
  if (status == STATUS_OK) status = read_body(r);
  xmlFreeDoc(document);
  free(r->values);
  free(r->strings);
  free(r->op_of);
  return status;
}

Status plan_read(const char *path, const OpTable *ops, Diag *diag, Plan **out_plan) {
  *out_plan = NULL;
  char *text;
  size_t length = 0;
  Status status = load_file(path, diag, &text, &length);
  if (status == STATUS_OK) status = check_line(path, text, length, diag);
  Symbols *symbols = status == STATUS_OK ? symbols_create() : NULL;
  Plan *plan = symbols ? plan_create(symbols) : NULL;
  if (status == STATUS_OK && !plan) {
    symbols_destroy(symbols);
    status = diag_no_memory(diag, sizeof *plan);
  }
  Reader r = {.path = path, .ops = ops, .diag = diag, .plan = plan};
  if (status == STATUS_OK) status = read_document(&r, text, length);
  free(text);
  if (status != STATUS_OK) {
    plan_destroy(plan);
    return status;
  }
  *out_plan = plan;
  return STATUS_OK;
}
