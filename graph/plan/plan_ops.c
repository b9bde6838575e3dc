/* Maps the attributes that a plan names to those of this program's descriptors, once for each op;
 * nodes are then read through the map. */
#include "graph/plan/plan_ops.h"

#include "graph/base/text.h"
#include "graph/plan/attr.h"
#include "graph/plan/plan_format.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list of ops ---- */

static uint32_t attr_find(const OpDesc *op, const char *name) {
  for (uint32_t i = 0; i < op->n_attrs; i++)
    if (strcmp(op->attrs[i].name, name) == 0) return i;
  return UINT32_MAX;
}

/* Cuts the next word off: words have one blank between them.  NULL at the end. */
static char *next_word(PlanScan *s, char **at) {
  char *word = *at;
  if (!word) return NULL;
  char *blank = strchr(word, ' ');
  if (blank) *blank = 0;
  *at = blank ? blank + 1 : NULL;
  if (!*word) plan_scan_fail(s, "one blank between names is expected");
  return word;
}

/* The op's attributes, `words` as the plan lists them; false when `foreign` says what is wrong. */
static bool match_attrs(PlanScan *s, const OpDesc *op, char *words, PlanOp *to, PlanOps *out) {
  uint32_t have = 0;
  for (char *name; (name = next_word(s, &words));) {
    uint32_t attr = attr_find(op, name);
    if (s->bad) return false;
    if (attr == UINT32_MAX) {
      text_format(out->foreign, sizeof out->foreign, "%s of the op '%s', an attribute", name,
                  op->name);
      return false;
    }
    if (have >> attr & 1) plan_scan_fail(s, "each attribute once is expected");
    if (s->bad) return false;
    have |= 1u << attr;
    to->to[to->n_attrs++] = (uint8_t)attr;
  }
  to->missing = ((1u << op->n_attrs) - 1) & ~have;
  for (uint32_t i = 0; i < op->n_attrs; i++)
    if (to->missing >> i & 1 && !op->attrs[i].fallback) {
      plan_scan_fail(s, "the attribute '%s' of the op '%s' is expected", op->attrs[i].name,
                     op->name);
      return false;
    }
  return true;
}

/* One line: the op's name, then those of its attributes. */
static bool read_op(PlanScan *s, const OpTable *table, PlanOps *out) {
  char line[512] = "", *words = line;
  if (plan_scan_line_length(s) < sizeof line) plan_scan_line(s, line);
  char *name = next_word(s, &words);
  uint32_t op = op_table_find(table, name);
  if (!op && !s->bad) text_format(out->foreign, sizeof out->foreign, "'%s', an op", name);
  if (out->n == table->count) plan_scan_fail(s, "a line for each op is expected");
  if (s->bad || !op || op >= UINT16_MAX) return false;
  PlanOp *to = &out->ops[out->n];
  *to = (PlanOp){.op = (uint16_t)op};
  if (!match_attrs(s, table->ops[op], words, to, out)) return false;
  out->n++;
  return true;
}

Status plan_ops_read(PlanScan *s, const OpTable *table, PlanOps *out, Diag *diag) {
  *out = (PlanOps){.ops = calloc(table->count, sizeof *out->ops)};
  if (!out->ops) return diag_no_memory(diag, table->count * sizeof *out->ops);
  plan_scan_open(s, "ops");
  while (plan_scan_more(s))
    if (!read_op(s, table, out)) return STATUS_INVALID;
  plan_scan_close(s, "ops");
  return s->bad ? STATUS_INVALID : STATUS_OK;
}

/* ---- values ---- */

typedef struct Values {
  PlanScan *s;
  const OpTable *table;
  const PlanOps *ops;
  Graph *g;
  const uint32_t *number;
  AttrInts defaults;               /* of all ops, one behind the other */
  AttrRef (*refs)[PLAN_ATTRS_MAX]; /* by op in the file: its defaults */
} Values;

static bool parse_defaults(Values *v, DType float_type) {
  Strings *strings = v->g->symbols->strings;
  v->refs = calloc((size_t)v->ops->n + 1, sizeof *v->refs);
  if (!v->refs) return false;
  for (uint32_t k = 0; k < v->ops->n; k++)
    for (uint32_t i = 0; i < PLAN_ATTRS_MAX; i++) {
      if (!(v->ops->ops[k].missing >> i & 1)) continue;
      uint32_t first = v->defaults.n;
      if (!attr_parse(&v->defaults, v->table->ops[v->ops->ops[k].op], i, NULL, float_type, strings))
        return false;
      v->refs[k][i] = (AttrRef){first, v->defaults.n - first};
    }
  return true;
}

static bool is_list(const AttrDesc *attr) {
  return attr->type == ATTR_INTS || attr->type == ATTR_FLOATS;
}

/* Fills the references; returns how many integers the file has. */
static uint64_t read_counts(Values *v) {
  Graph *g = v->g;
  uint64_t n_ints = v->defaults.n;
  plan_scan_open(v->s, "attrs");
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const PlanOp *file = &v->ops->ops[v->number[id]];
    const OpDesc *op = v->table->ops[file->op];
    AttrRef *refs = &g->attr_pool[g->nodes[id].attrs = g->n_attrs];
    g->n_attrs += op->n_attrs;
    for (uint32_t i = 0; file->missing >> i; i++)
      if (file->missing >> i & 1) refs[i] = v->refs[v->number[id]][i];
    for (uint32_t k = 0; k < file->n_attrs; k++) {
      bool list = is_list(&op->attrs[file->to[k]]);
      int64_t most = list ? (int64_t)plan_scan_left(v->s) : 1;
      uint32_t count = (uint32_t)plan_scan_int(v->s, list ? 0 : 1, most);
      refs[file->to[k]] = (AttrRef){(uint32_t)n_ints, count};
      n_ints += count;
    }
  }
  plan_scan_close(v->s, "attrs");
  return n_ints;
}

/* Strings are checked, other values are the verifier's. */
static void read_ints(Values *v, uint32_t n_strings) {
  Graph *g = v->g;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const PlanOp *file = &v->ops->ops[v->number[id]];
    const OpDesc *op = v->table->ops[file->op];
    for (uint32_t k = 0; k < file->n_attrs; k++) {
      bool name = plan_attr_is_string(&op->attrs[file->to[k]]);
      uint32_t count = g->attr_pool[g->nodes[id].attrs + file->to[k]].count;
      for (; count > 0; count--)
        g->int_pool[g->n_ints++] =
            name ? plan_scan_int(v->s, 0, n_strings) : plan_scan_int(v->s, INT64_MIN, INT64_MAX);
    }
  }
}

static Status read_values(Values *v, uint32_t n_strings, Diag *diag) {
  Graph *g = v->g;
  uint64_t n_attrs = 0;
  for (NodeId id = 1; id < g->n_nodes; id++) n_attrs += v->table->ops[g->nodes[id].op]->n_attrs;
  if (n_attrs > UINT32_MAX || !graph_reserve(g, 0, (uint32_t)n_attrs, 0))
    return diag_no_memory(diag, n_attrs * sizeof(AttrRef));
  uint64_t n_ints = read_counts(v);
  plan_scan_open(v->s, "ints");
  if (n_ints > plan_scan_left(v->s) + v->defaults.n)
    plan_scan_fail(v->s, "%llu values are expected", (unsigned long long)(n_ints - v->defaults.n));
  if (v->s->bad) return STATUS_INVALID;
  if (!graph_reserve(g, 0, 0, (uint32_t)n_ints))
    return diag_no_memory(diag, n_ints * sizeof(int64_t));
  if (v->defaults.n) memcpy(g->int_pool, v->defaults.ints, v->defaults.n * sizeof *g->int_pool);
  g->n_ints = v->defaults.n;
  read_ints(v, n_strings);
  plan_scan_close(v->s, "ints");
  return v->s->bad ? STATUS_INVALID : STATUS_OK;
}

Status plan_ops_read_attrs(PlanScan *s, const OpTable *table, const PlanOps *ops, Graph *g,
                           const uint32_t *number, uint32_t n_strings, DType float_type,
                           Diag *diag) {
  Values v = {.s = s, .table = table, .ops = ops, .g = g, .number = number};
  Status status = parse_defaults(&v, float_type) ? read_values(&v, n_strings, diag)
                                                 : diag_no_memory(diag, sizeof *v.refs);
  free(v.refs);
  free(v.defaults.ints);
  return status;
}
