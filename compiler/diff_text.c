/* graphc diff as text. */
#include "compiler/diff.h"

#include "compiler/report_view.h"
#include "graph/base/text.h"
#include "graph/ir/source.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 30 /* of a list; the JSON has all */
#define OPS_TEXT 300

static const char *element_place(const DiffSide *side, const Element *el, char *text) {
  return el->loc ? source_where(side->model->symbols, el->loc, text) : "";
}

/* ---- settings ---- */

static void put_settings(const Difference *d, FILE *out) {
  int width = 8;
  for (uint32_t i = 0; i < d->n_settings; i++) {
    const DiffSetting *s = &d->settings[i];
    int n = (int)strlen(s->a ? s->a->name : s->b->name);
    if (n > width) width = n < 40 ? n : 40;
  }
  if (d->n_settings) fputs("\nsettings (-D)\n", out);
  for (uint32_t i = 0; i < d->n_settings; i++) {
    const DiffSetting *s = &d->settings[i];
    const ModelParam *known = s->b ? s->b : s->a;
    fprintf(out, "  %c %-*s  ", s->a && s->b ? '~' : s->b ? '+' : '-', width, known->name);
    if (s->a) fprintf(out, "%s", s->a->value);
    if (s->a && s->b) fputs(" -> ", out);
    if (s->b) fprintf(out, "%s", s->b->value);
    if (known->doc && *known->doc) fprintf(out, "   (%s)", known->doc);
    fputc('\n', out);
  }
}

/* ---- elements ---- */

static void put_attributes(const DiffElement *e, FILE *out) {
  const char *sign = " ";
  for (uint32_t i = 0; i < e->a->n_attrs; i++) {
    const Attribute *attr = &e->a->attrs[i];
    const char *other = element_attr(e->b, attr->name);
    if (other && strcmp(other, attr->value) == 0) continue;
    fprintf(out, "%s%s: %s -> %s", sign, attr->name, attr->value, other ? other : "(not given)");
    sign = ", ";
  }
  for (uint32_t i = 0; i < e->b->n_attrs; i++) {
    const Attribute *attr = &e->b->attrs[i];
    if (element_attr(e->a, attr->name)) continue;
    fprintf(out, "%s%s: (not given) -> %s", sign, attr->name, attr->value);
    sign = ", ";
  }
}

static void put_element(const Difference *d, const DiffElement *e, FILE *out) {
  char text[SOURCE_WHERE_MAX];
  const Element *el = e->b ? e->b : e->a;
  const char *name = element_attr(el, "name");
  fprintf(out, "%c %s: <%s%s%s>",
          e->a && e->b ? '~'
          : e->b       ? '+'
                       : '-',
          element_place(e->b ? d->b : d->a, el, text), el->tag, name ? " " : "", name ? name : "");
  if (e->a && e->b) put_attributes(e, out);
}

/* A line that is to be shown, once for all elements that it is true of: a loop or a template makes
 * many of one. */
typedef struct Line {
  char *text; /* NULL: none */
  uint32_t times;
} Line;

static bool take_line(Line *lines, char *text) {
  uint32_t i = 0;
  while (i < ROWS && lines[i].text && strcmp(lines[i].text, text) != 0) i++;
  if (i == ROWS) {
    free(text);
    return false;
  }
  if (lines[i].text)
    free(text);
  else
    lines[i].text = text;
  lines[i].times++;
  return true;
}

static Status put_elements(const Difference *d, FILE *out, Diag *diag) {
  Line lines[ROWS] = {{NULL, 0}};
  uint32_t sums[3] = {0}, rest = 0;
  bool ok = true;
  for (uint32_t i = 0; i < d->n_elements && ok; i++) {
    const DiffElement *e = &d->elements[i];
    char *text = NULL;
    size_t size;
    FILE *line = open_memstream(&text, &size);
    sums[e->a && e->b ? 2 : e->b ? 0 : 1]++;
    if (line) put_element(d, e, line);
    ok = line && fclose(line) == 0;
    if (ok) rest += !take_line(lines, text);
  }
  if (d->n_elements)
    fprintf(out, "\nelements: %u added, %u removed, %u changed\n", sums[0], sums[1], sums[2]);
  for (uint32_t i = 0; i < ROWS && lines[i].text; i++) {
    fprintf(out, "  %s", lines[i].text);
    if (lines[i].times > 1) fprintf(out, "  (%u times)", lines[i].times);
    fputc('\n', out);
    free(lines[i].text);
  }
  if (rest) fprintf(out, "  and %u more elements; --report=json lists all\n", rest);
  return ok ? STATUS_OK : diag_no_memory(diag, SOURCE_WHERE_MAX);
}

/* ---- parameters and other states ---- */

static void put_total(const char *name, int64_t a, int64_t b, double unit, const char *suffix,
                      FILE *out) {
  fprintf(out, "  %-24s %14.*f %14.*f ", name, unit == 1 ? 0 : 3, (double)a / unit,
          unit == 1 ? 0 : 3, (double)b / unit);
  if (a == b)
    fputs("             =", out);
  else
    fprintf(out, "%+14.*f", unit == 1 ? 0 : 3, (double)(b - a) / unit);
  if (a != b && a) fprintf(out, " %+8.1f%%", 100 * ((double)b - (double)a) / (double)a);
  fprintf(out, "%s\n", suffix);
}

/* In the unit that the larger one is read in. */
static void put_amount(const char *name, int64_t a, int64_t b, const char *of, FILE *out) {
  static const double units[] = {1e3, 1e6, 1e9, 1e12};
  char suffix[16];
  int i = 0;
  while (i < 3 && (double)(a > b ? a : b) >= units[i + 1]) i++;
  text_format(suffix, sizeof suffix, "  %c%s", "kMGT"[i], of);
  put_total(name, a, b, units[i], suffix, out);
}

static void put_head(const char *what, FILE *out) {
  fprintf(out, "\n  %-24s %14s %14s %14s\n", what, "A", "B", "B - A");
}

static const char *state_change(const DiffState *s, char text[2 * SHAPE_TEXT_MAX + 8]) {
  char a[SHAPE_TEXT_MAX], b[SHAPE_TEXT_MAX];
  if (!s->a || !s->b)
    text_format(text, 2 * SHAPE_TEXT_MAX + 8, "%s",
                shape_text(s->a ? &s->a->shape : &s->b->shape, a, sizeof a));
  else if (shape_equal(&s->a->shape, &s->b->shape))
    text_format(text, 2 * SHAPE_TEXT_MAX + 8, "%s", "type, start or rates");
  else
    text_format(text, 2 * SHAPE_TEXT_MAX + 8, "%s -> %s", shape_text(&s->a->shape, a, sizeof a),
                shape_text(&s->b->shape, b, sizeof b));
  return text;
}

static const char *name_of(const Difference *d, const DiffState *s) {
  return plan_text(s->b ? d->b->plan : d->a->plan, (s->b ? s->b : s->a)->name);
}

static char sign_of(const DiffState *s) {
  return s->a && s->b ? '~' : s->b ? '+' : '-';
}

static const char *kind_of(const DiffState *s) {
  static const char *const kinds[] = {"parameter", "statistic", "optimiser"};
  return kinds[(s->b ? s->b : s->a)->kind];
}

/* As many as parameters, and no news. */
static bool is_shown(const DiffState *s) {
  return (s->b ? s->b : s->a)->kind != STATE_OPTIMISER;
}

static void put_state(const Difference *d, const DiffState *s, FILE *out) {
  char text[2 * SHAPE_TEXT_MAX + 8];
  fprintf(out, "  %c %-10s %-28s %s\n", sign_of(s), kind_of(s), state_change(s, text),
          name_of(d, s));
}

/* Two parts of the name, but not the last. */
static size_t scope_of(const char *name) {
  const char *first = strchr(name, '/'), *second = first ? strchr(first + 1, '/') : NULL;
  return second ? (size_t)(second - name) : first ? (size_t)(first - name) : strlen(name);
}

/* Of many: neighbours of one scope and sign together.  Returns the first of the next ones. */
static uint32_t put_scope(const Difference *d, uint32_t first, bool show, FILE *out) {
  const DiffState *of = &d->states[first];
  const char *scope = name_of(d, of);
  size_t length = scope_of(scope);
  uint32_t i = first, n = 0;
  int64_t sum = 0;
  for (; i < d->n_states; i++) {
    const DiffState *s = &d->states[i];
    const char *name = name_of(d, s);
    if (!is_shown(s)) continue;
    if (sign_of(s) != sign_of(of) || kind_of(s) != kind_of(of) || scope_of(name) != length ||
        memcmp(name, scope, length) != 0)
      break;
    n++;
    sum += shape_count(s->b ? &s->b->shape : &s->a->shape);
  }
  if (show)
    fprintf(out, "  %c %-10s %5u tensor%s %14" PRId64 " elements  %.*s\n", sign_of(of), kind_of(of),
            n, n == 1 ? " " : "s", sum, (int)length, scope);
  return i;
}

static void put_states(const Difference *d, FILE *out) {
  uint32_t sums[3] = {0}, shown = 0, scopes = 0;
  for (uint32_t i = 0; i < d->n_states; i++) {
    const DiffState *s = &d->states[i];
    sums[s->a && s->b ? 2 : s->b ? 0 : 1]++;
    shown += is_shown(s);
  }
  if (!d->n_states) return;
  fprintf(out, "\nkept between steps: %u added, %u removed, %u changed\n", sums[0], sums[1],
          sums[2]);
  for (uint32_t i = 0; i < d->n_states;) {
    bool one = shown <= ROWS;
    if (one && is_shown(&d->states[i])) put_state(d, &d->states[i], out);
    if (one || !is_shown(&d->states[i]))
      i++;
    else
      i = put_scope(d, i, scopes++ < 2 * ROWS, out);
  }
  if (scopes > 2 * ROWS)
    fprintf(out, "  and %u more; --report=json lists all\n", scopes - 2 * ROWS);
  if (d->n_states > shown) fprintf(out, "  and %u states of the optimiser\n", d->n_states - shown);
}

static void put_plan(const Difference *d, FILE *out) {
  const Plan *a = d->a->plan, *b = d->b->plan;
  uint32_t tensors_a, tensors_b;
  int64_t parameters_a = report_trainable(a, &tensors_a),
          parameters_b = report_trainable(b, &tensors_b);
  put_head("plan", out);
  put_total("parameters", parameters_a, parameters_b, 1, "", out);
  put_total("parameter tensors", tensors_a, tensors_b, 1, "", out);
  put_amount("state", a->state_bytes, b->state_bytes, "B", out);
  put_amount("arena", plan_arena_bytes(a), plan_arena_bytes(b), "B", out);
}

/* ---- programs ---- */

/* `conv -2, add +1 -3 ~1`: of one scope, forward or derived. */
static void ops_text(const DiffProgram *p, uint32_t first, uint32_t n, bool derived, char *text) {
  size_t used = 0;
  *text = 0;
  for (uint32_t i = first; i < first + n; i++) {
    const DiffOp *op = &p->ops[i];
    if (op->derived != derived) continue;
    used = text_append(text, OPS_TEXT, used, "%s%s", used ? ", " : "", op_desc(op->op)->name);
    if (op->added) used = text_append(text, OPS_TEXT, used, " +%u", op->added);
    if (op->removed) used = text_append(text, OPS_TEXT, used, " -%u", op->removed);
    if (op->changed) used = text_append(text, OPS_TEXT, used, " ~%u", op->changed);
  }
}

static uint32_t same_scope(const DiffProgram *p, uint32_t first) {
  uint32_t n = 1;
  while (first + n < p->n_ops && p->ops[first + n].length == p->ops[first].length &&
         memcmp(p->ops[first + n].scope, p->ops[first].scope, p->ops[first].length) == 0)
    n++;
  return n;
}

static void put_ops(const DiffProgram *p, FILE *out) {
  char text[OPS_TEXT];
  uint32_t scopes = 0, rest = 0;
  if (p->n_ops) fputs("  ops that were added (+), removed (-) or changed (~), by scope\n", out);
  for (uint32_t i = 0; i < p->n_ops;) {
    const DiffOp *first = &p->ops[i];
    uint32_t n = same_scope(p, i);
    if (scopes++ < ROWS) {
      fprintf(out, "    %.*s  %s\n", first->length ? (int)first->length : 5,
              first->length ? first->scope : "(top)", first->at);
      ops_text(p, i, n, false, text);
      if (*text) fprintf(out, "      values       %s\n", text);
      ops_text(p, i, n, true, text);
      if (*text) fprintf(out, "      derivatives  %s\n", text);
    } else {
      rest++;
    }
    i += n;
  }
  if (rest) fprintf(out, "    and %u more scopes; --report=json lists all\n", rest);
}

static void put_alone(char sign, const char *name, const PlanProgram *p, const ReportSums *work,
                      FILE *out) {
  fprintf(out,
          "\n%c program %s: %" PRId64
          " kernels, %.3f GMAC, %.3f GFLOP, %.3f MB moved, scratch %.3f "
          "MB\n",
          sign, name, work->kernels, (double)work->macs / 1e9, (double)work->flops / 1e9,
          (double)work->bytes / 1e6, (double)p->scratch_bytes / 1e6);
}

static void put_program(const Difference *d, const DiffProgram *p, FILE *out) {
  const ReportSums *a = &p->work_a, *b = &p->work_b;
  const char *name_a = p->a ? plan_text(d->a->plan, p->a->name) : "",
             *name_b = p->b ? plan_text(d->b->plan, p->b->name) : "";
  if (!p->a || !p->b) {
    put_alone(p->b ? '+' : '-', p->b ? name_b : name_a, p->b ? p->b : p->a, p->b ? b : a, out);
    return;
  }
  if (p->alike && strcmp(name_a, name_b) == 0) {
    fprintf(out, "\n= program %s: costs and ops are the same\n", name_a);
    return;
  }
  put_head(name_a, out);
  if (strcmp(name_a, name_b) != 0) fprintf(out, "  of A, with %s of B\n", name_b);
  put_total("values", a->nodes, b->nodes, 1, "", out);
  put_total("kernels", a->kernels, b->kernels, 1, "", out);
  put_amount("multiply-adds", a->macs, b->macs, "MAC", out);
  put_amount("operations", a->flops, b->flops, "FLOP", out);
  put_amount("moved", a->bytes, b->bytes, "B", out);
  put_amount("scratch", p->a->scratch_bytes, p->b->scratch_bytes, "B", out);
  put_ops(p, out);
}

Status difference_text(const Difference *d, FILE *out, Diag *diag) {
  fprintf(out, "A  %s, model %s\nB  %s, model %s\n", d->a->path,
          plan_text(d->a->plan, d->a->plan->model_name), d->b->path,
          plan_text(d->b->plan, d->b->plan->model_name));
  if (d->none) {
    fputs("\nno difference\n", out);
  } else {
    put_settings(d, out);
    TRY(put_elements(d, out, diag));
    put_states(d, out);
    put_plan(d, out);
    for (uint32_t i = 0; i < d->n_programs; i++) put_program(d, &d->programs[i], out);
  }
  if (ferror(out)) return diag_error(diag, STATUS_SYSTEM, "graphc diff", NULL, "cannot write");
  return STATUS_OK;
}
