/* Writes the texts of groups. */
#include "kernels/cuda/fused.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/expressions.h"
#include "kernels/cuda/index.h"

void fused_put(FusedText *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(t->data + t->n, t->cap - t->n, format, args);
  va_end(args);
  if (n < 0 || t->failed) {
    t->failed = true;
    return;
  }
  if ((size_t)n >= t->cap - t->n) {
    size_t cap = 2 * t->cap + (size_t)n + 1;
    char *grown = realloc(t->data, cap);
    if (!grown) {
      t->failed = true;
      return;
    }
    t->data = grown;
    t->cap = cap;
    va_start(args, format);
    vsnprintf(t->data + t->n, t->cap - t->n, format, args);
    va_end(args);
  }
  t->n += (size_t)n;
}

static bool text_begin(FusedText *t) {
  *t = (FusedText){.cap = 4096};
  t->data = calloc(1, t->cap);
  return t->data != NULL;
}

bool fused_writer_begin(FusedWriter *w, FusedGroup *group) {
  const KernelSpec *spec = group->spec;
  *w = (FusedWriter){.group = group};
  w->needed = calloc(group->loops.n_views + group->n_instrs + 1, sizeof *w->needed);
  w->loaded = calloc(spec->n_inputs + 1, sizeof *w->loaded);
  w->input = calloc(spec->n_inputs + 1, sizeof *w->input);
  bool texts = text_begin(&w->params) & text_begin(&w->body);
  return texts && w->needed && w->loaded && w->input;
}

void fused_writer_release(FusedWriter *w) {
  free(w->params.data);
  free(w->body.data);
  free(w->needed);
  free(w->loaded);
  free(w->input);
}

/* ---- parameters ---- */

static uint32_t add_arg(FusedWriter *w, CudaArg arg, const char *type) {
  fused_put(&w->params, "%s%s p%u", w->n_args ? ", " : "", type, w->n_args);
  if (w->n_args < CUDA_ARGS_MAX) w->args[w->n_args] = arg;
  return w->n_args++;
}

const char *fused_index_type(const FusedWriter *w) {
  return w->group->wide ? "i64" : "u32";
}

#define INDEX_ARG 1 /* marks arguments of fused_index */

/* Beyond so many arguments equal ones are one, and fills are part of the text: texts are shared
 * less, but no group has too many. */
#define ARGS_PLENTY 128

static uint32_t same_index(const FusedWriter *w, int64_t value) {
  for (uint32_t i = 0; i < w->n_args && i < CUDA_ARGS_MAX; i++) {
    const CudaArg *a = &w->args[i];
    if (a->index == INDEX_ARG && (w->group->wide ? a->value.i64 : a->value.i32) == value) return i;
  }
  return UINT32_MAX;
}

uint32_t fused_index(FusedWriter *w, int64_t value) {
  uint32_t same = w->n_args > ARGS_PLENTY ? same_index(w, value) : UINT32_MAX;
  if (same != UINT32_MAX) return same;
  if (w->group->wide)
    return add_arg(w, (CudaArg){.kind = CUDA_ARG_I64, .index = INDEX_ARG, .value.i64 = value},
                   "const i64");
  return add_arg(w,
                 (CudaArg){.kind = CUDA_ARG_I32, .index = INDEX_ARG, .value.i32 = (int32_t)value},
                 "const u32");
}

uint32_t fused_double(FusedWriter *w, double value) {
  return add_arg(w, (CudaArg){.kind = CUDA_ARG_F64, .value.f64 = value}, "const double");
}

static int64_t bytes_of(const Graph *g, NodeId id) {
  return shape_count(&g->nodes[id].shape) * (int64_t)dtype_size((DType)g->nodes[id].dtype);
}

static uint32_t input_param(FusedWriter *w, NodeId id) {
  const KernelSpec *spec = w->group->spec;
  const Graph *g = spec->graph;
  uint32_t i = cuda_spec_input(spec, id);
  char type[48];
  if (w->loaded[i]) return w->input[i];
  w->loaded[i] = true;
  snprintf(type, sizeof type, "const %s *%s", cuda_type((DType)g->nodes[id].dtype),
           w->group->shared[i] ? "" : "__restrict__");
  return w->input[i] = add_arg(w,
                               (CudaArg){.kind = CUDA_ARG_INPUT,
                                         .access = CUDA_READS,
                                         .index = i,
                                         .bytes = bytes_of(g, id)},
                               type);
}

uint32_t fused_output(FusedWriter *w, uint32_t output) {
  const KernelSpec *spec = w->group->spec;
  NodeId id = spec->outputs[output];
  char type[32];
  snprintf(type, sizeof type, "%s *", cuda_type((DType)spec->graph->nodes[id].dtype));
  return add_arg(w,
                 (CudaArg){.kind = CUDA_ARG_OUTPUT,
                           .access = CUDA_WRITES,
                           .index = output,
                           .bytes = bytes_of(spec->graph, id)},
                 type);
}

uint32_t fused_work(FusedWriter *w, int64_t cell, int64_t cells, CudaAccessKind access) {
  return add_arg(w,
                 (CudaArg){.kind = CUDA_ARG_WORK,
                           .access = (uint8_t)access,
                           .offset = cell * (int64_t)sizeof(double),
                           .bytes = cells * (int64_t)sizeof(double)},
                 access == CUDA_READS ? "const double *__restrict__" : "double *__restrict__");
}

/* `vN = ` a fill's value, as the element that dtype_desc makes of it: an argument, which is its
 * bits. */
static void put_fill(FusedWriter *w, uint32_t v, NodeId id) {
  static const CudaArgKind kinds[DTYPE_COUNT] = {CUDA_ARG_F32, CUDA_ARG_F64, CUDA_ARG_I32,
                                                 CUDA_ARG_I64, CUDA_ARG_I32};
  static const char *const types[DTYPE_COUNT] = {"const float", "const double", "const int",
                                                 "const i64", "const int"};
  const Graph *g = w->group->spec->graph;
  DType dtype = (DType)g->nodes[id].dtype;
  CudaArg arg = {.kind = (uint8_t)kinds[dtype]};
  const char *type = cuda_type(dtype);
  dtype_desc(dtype)->set(&arg.value, 0, node_attr_float(g, id, CONSTANT_VALUES));
  fused_put(&w->body, "const %s v%u = ", type, v);
  if (w->n_args <= ARGS_PLENTY)
    fused_put(&w->body, "(%s)p%u;\n", type, add_arg(w, arg, types[dtype]));
  else if (dtype == DTYPE_F32)
    fused_put(&w->body, "__int_as_float(%d);\n", arg.value.i32);
  else if (dtype == DTYPE_F64)
    fused_put(&w->body, "__longlong_as_double(%lldll);\n", (long long)arg.value.i64);
  else
    fused_put(&w->body, "%lldll;\n",
              (long long)(dtype == DTYPE_I64 ? arg.value.i64 : arg.value.i32));
}

/* ---- indices ---- */

uint32_t fused_divide(FusedWriter *w, const char *from, int64_t by) {
  uint32_t t = w->n_names, p = fused_index(w, by);
  w->n_names += 2;
  if (w->group->wide) {
    fused_put(&w->body, "const i64 t%u = %s / p%u, t%u = %s - t%u * p%u;\n", t, from, p, t + 1,
              from, t, p);
    return t;
  }
  uint32_t m = add_arg(w, (CudaArg){.kind = CUDA_ARG_I64, .value.i64 = cuda_divisor(by, false)},
                       "const i64");
  fused_put(&w->body, "const u32 t%u = quotient_by(%s, p%u), t%u = %s - t%u * p%u;\n", t, from, m,
            t + 1, from, t, p);
  return t;
}

void fused_split(FusedWriter *w, const char *from, uint32_t axes, uint32_t wanted) {
  char rest[48];
  snprintf(rest, sizeof rest, "%s", from);
  for (int i = RANK_MAX - 1; i >= 0; i--) {
    uint32_t before = axes & ((1u << i) - 1);
    if (!(axes >> i & 1) || !(wanted & axes & ((2u << i) - 1))) continue;
    if (!before) {
      fused_put(&w->body, "const %s a%d = %s;\n", fused_index_type(w), i, rest);
      return;
    }
    uint32_t t = fused_divide(w, rest, w->group->loops.dim[i]);
    if (wanted >> i & 1)
      fused_put(&w->body, "const %s a%d = t%u;\n", fused_index_type(w), i, t + 1);
    snprintf(rest, sizeof rest, "t%u", t);
  }
}

/* Along the streamed axes a view is read at e times a step (0: always at the same place), or its
 * axes must be told apart. */
static bool steps(const FuseLoops *l, const int64_t *stride, uint32_t streamed, int64_t *step) {
  int64_t expected = 0;
  *step = 0;
  for (int i = l->rank - 1; i >= 0; i--) {
    if (!(streamed >> i & 1)) continue;
    if (expected == 0)
      *step = expected = stride[i];
    else if (stride[i] != expected)
      return false;
    if (expected == 0) {
      for (int k = i - 1; k >= 0; k--)
        if (streamed >> k & 1 && stride[k]) return false;
      return true;
    }
    expected *= l->dim[i];
  }
  return true;
}

static void own_strides(const FuseLoops *l, int64_t *stride) {
  int64_t n = 1;
  for (int i = l->rank - 1; i >= 0; i--) {
    stride[i] = n;
    n *= l->dim[i];
  }
}

static uint32_t axes_of(const FuseLoops *l, const int64_t *stride, uint32_t streamed) {
  uint32_t axes = 0;
  int64_t step;
  bool whole = steps(l, stride, streamed, &step);
  for (int i = 0; i < l->rank; i++)
    if (stride[i] && !(whole && streamed >> i & 1)) axes |= 1u << i;
  return axes;
}

uint32_t fused_axes(const FusedWriter *w, uint32_t streamed, bool stores) {
  const FuseLoops *l = &w->group->loops;
  uint32_t axes = 0;
  for (uint32_t v = 0; v < l->n_views; v++)
    if (w->needed[v]) axes |= axes_of(l, l->views[v].stride, streamed);
  if (stores && w->group->n_stores) {
    int64_t stride[RANK_MAX];
    own_strides(l, stride);
    axes |= axes_of(l, stride, streamed);
  }
  return axes;
}

/* ` + a1 * p7` for each axis of `axes` on which it depends; returns how many. */
static int put_terms(FusedWriter *w, const int64_t *stride, uint32_t axes, int n) {
  for (int i = 0; i < w->group->loops.rank; i++) {
    if (!(axes >> i & 1) || !stride[i]) continue;
    if (n++) fused_put(&w->body, " + ");
    if (stride[i] == 1)
      fused_put(&w->body, "a%d", i);
    else
      fused_put(&w->body, "a%d * p%u", i, fused_index(w, stride[i]));
  }
  return n;
}

/* Views are 0 .., stores come after them all. */
static bool placed(const FuseLoops *l, const int64_t *stride, uint32_t streamed) {
  for (int i = 0; i < l->rank; i++)
    if (stride[i] && !(streamed >> i & 1)) return true;
  return false;
}

static void place(FusedWriter *w, const int64_t *stride, uint32_t name, uint32_t streamed) {
  if (!placed(&w->group->loops, stride, streamed)) return;
  fused_put(&w->body, "const %s f%u = ", fused_index_type(w), name);
  put_terms(w, stride, ~streamed, 0);
  fused_put(&w->body, ";\n");
}

void fused_place(FusedWriter *w, uint32_t streamed, bool stores) {
  const FuseLoops *l = &w->group->loops;
  int64_t stride[RANK_MAX];
  for (uint32_t v = 0; v < l->n_views; v++)
    if (w->needed[v]) place(w, l->views[v].stride, v, streamed);
  own_strides(l, stride);
  if (stores && w->group->n_stores) place(w, stride, l->n_views, streamed);
}

/* The index of an element. */
static void put_index(FusedWriter *w, const int64_t *stride, uint32_t name, uint32_t streamed) {
  const FuseLoops *l = &w->group->loops;
  int64_t step;
  int n = 0;
  if (placed(l, stride, streamed)) {
    fused_put(&w->body, "f%u", name);
    n++;
  }
  if (!steps(l, stride, streamed, &step))
    n = put_terms(w, stride, streamed, n);
  else if (step) {
    fused_put(&w->body, "%s", n++ ? " + e" : "e");
    if (step != 1) fused_put(&w->body, " * p%u", fused_index(w, step));
  }
  if (!n) fused_put(&w->body, "0");
}

/* ---- values ---- */

void fused_need(FusedWriter *w, FusedValue value) {
  const FusedGroup *g = w->group;
  w->needed[value] = true;
  for (uint32_t i = g->n_instrs; i--;) { /* operands come before their readers */
    const FusedInstr *in = &g->instrs[i];
    for (uint32_t k = 0; w->needed[g->loops.n_views + i] && k < in->n_operands; k++)
      w->needed[in->operand[k]] = true;
  }
}

static void put_view(FusedWriter *w, uint32_t v, uint32_t streamed) {
  const FuseView *view = &w->group->loops.views[v];
  const Node *node = &w->group->spec->graph->nodes[view->node];
  const char *type = cuda_type((DType)node->dtype);
  if (cuda_spec_input(w->group->spec, view->node) != UINT32_MAX) {
    uint32_t p = input_param(w, view->node);
    fused_put(&w->body, "const %s v%u = p%u[", type, v, p);
    put_index(w, view->stride, v, streamed);
    fused_put(&w->body, "];\n");
  } else if (node->op == OP_CONSTANT) {
    put_fill(w, v, view->node);
  } else { /* a ramp */
    fused_put(&w->body, "const %s v%u = (%s)(%s(", type, v, type,
              node->dtype == DTYPE_BOOL ? "0 != " : "");
    put_index(w, view->stride, v, streamed);
    fused_put(&w->body, "));\n");
  }
}

static void put_instr(FusedWriter *w, uint32_t i) {
  static const char names[] = "xyz";
  const FusedGroup *g = w->group;
  const FusedInstr *in = &g->instrs[i];
  const char *type = cuda_type(in->result);
  uint32_t v = g->loops.n_views + i;
  w->own |= cuda_expression_own(in->expression);
  fused_put(&w->body, "%s v%u; { typedef %s T; ", type, v, in->type);
  for (uint32_t k = 0; k < in->n_operands; k++)
    fused_put(&w->body, "const %s %c = (%s)v%u; ", k + 3 > in->n_operands ? "T" : "u8", names[k],
              k + 3 > in->n_operands ? "T" : "u8", in->operand[k]);
  if (in->has_param) {
    const char *at = strstr(in->expression, "PARAM");
    fused_put(&w->body, "v%u = (%s)(%.*s%a%s); }\n", v, type, (int)(at - in->expression),
              in->expression, in->param, at + strlen("PARAM"));
    return;
  }
  fused_put(&w->body, "v%u = (%s)(%s); }\n", v, type, in->expression);
}

static void put_instrs(FusedWriter *w) {
  for (uint32_t i = 0; i < w->group->n_instrs; i++)
    if (w->needed[w->group->loops.n_views + i]) put_instr(w, i);
}

void fused_element(FusedWriter *w, uint32_t streamed, bool stores) {
  const FusedGroup *g = w->group;
  for (uint32_t v = 0; v < g->loops.n_views; v++)
    if (w->needed[v]) put_view(w, v, streamed);
  put_instrs(w);
  int64_t stride[RANK_MAX];
  own_strides(&g->loops, stride);
  for (uint32_t i = 0; stores && i < g->n_stores; i++) {
    fused_put(&w->body, "p%u[", fused_output(w, g->stores[i].output));
    put_index(w, stride, g->loops.n_views, streamed);
    fused_put(&w->body, "] = v%u;\n", g->stores[i].value);
  }
}

/* ---- four elements at once ---- */

/* Of the last axis: quads of memory, when they lie at multiples of four. */
typedef enum Along { ALONG_NOT, ALONG_QUADS, ALONG_MIXED } Along;

static Along along(const FuseLoops *l, const int64_t *stride) {
  int64_t last = stride[l->rank - 1];
  if (last == 0) return ALONG_NOT;
  for (int i = 0; i < l->rank - 1; i++)
    if (stride[i] % 4) return ALONG_MIXED;
  return last == 1 ? ALONG_QUADS : ALONG_MIXED;
}

static bool in_memory(const FusedWriter *w, uint32_t v) {
  const FusedGroup *g = w->group;
  return cuda_spec_input(g->spec, g->loops.views[v].node) != UINT32_MAX;
}

bool fused_quads(const FusedWriter *w) {
  const FusedGroup *g = w->group;
  const FuseLoops *l = &g->loops;
  uint32_t quads = g->n_stores, instrs = 0;
  if (l->dim[l->rank - 1] % 4 || l->elements < FUSED_QUADS_LEAST) return false;
  for (uint32_t v = 0; v < l->n_views; v++) {
    if (!w->needed[v] || !in_memory(w, v)) continue;
    Along how = along(l, l->views[v].stride);
    if (how == ALONG_MIXED) return false;
    quads += how == ALONG_QUADS;
  }
  for (uint32_t i = 0; i < g->n_instrs; i++) instrs += w->needed[l->n_views + i];
  return quads <= 10 && instrs <= 60; /* of registers, of text */
}

static const char *quad_of(const FusedGroup *g, FusedValue v) {
  return dtype_name(fused_type(g, v));
}

/* What the four share, and the quads that they read. */
static void put_shared(FusedWriter *w, uint32_t all) {
  const FuseLoops *l = &w->group->loops;
  for (uint32_t v = 0; v < l->n_views; v++) {
    if (!w->needed[v]) continue;
    Along how = along(l, l->views[v].stride);
    if (how == ALONG_NOT) {
      put_view(w, v, all);
    } else if (in_memory(w, v)) {
      uint32_t p = input_param(w, l->views[v].node);
      const char *quad = quad_of(w->group, v);
      fused_put(&w->body, "const Quad_%s q%u = *(const Quad_%s *)(p%u + ", quad, v, quad, p);
      put_index(w, l->views[v].stride, v, all);
      fused_put(&w->body, ");\n");
    }
  }
}

static void put_one(FusedWriter *w, uint32_t all, int k) {
  const FusedGroup *g = w->group;
  const FuseLoops *l = &g->loops;
  int last = l->rank - 1;
  const char *type = fused_index_type(w);
  fused_put(&w->body, "{\nconst %s e = e0 + %d;\n(void)e;\n", type, k);
  if (fused_axes(w, all, true) >> last & 1)
    fused_put(&w->body, "const %s a%d = last + %d;\n(void)a%d;\n", type, last, k, last);
  for (uint32_t v = 0; v < l->n_views; v++) {
    if (!w->needed[v] || along(l, l->views[v].stride) == ALONG_NOT) continue;
    if (in_memory(w, v))
      fused_put(&w->body, "const %s v%u = q%u.v%d;\n", cuda_type(fused_type(g, v)), v, v, k);
    else
      put_view(w, v, all);
  }
  put_instrs(w);
  for (uint32_t i = 0; i < g->n_stores; i++)
    fused_put(&w->body, "r%u.v%d = v%u;\n", i, k, g->stores[i].value);
  fused_put(&w->body, "}\n");
}

void fused_quad(FusedWriter *w) {
  const FusedGroup *g = w->group;
  uint32_t all = (1u << g->loops.rank) - 1, wanted = fused_axes(w, all, true);
  int last = g->loops.rank - 1;
  fused_split(w, "e", all, wanted);
  fused_put(&w->body, "const %s e0 = e;\n", fused_index_type(w));
  if (wanted >> last & 1) fused_put(&w->body, "const %s last = a%d;\n", fused_index_type(w), last);
  put_shared(w, all);
  for (uint32_t i = 0; i < g->n_stores; i++)
    fused_put(&w->body, "Quad_%s r%u;\n", quad_of(g, g->stores[i].value), i);
  for (int k = 0; k < 4; k++) put_one(w, all, k);
  for (uint32_t i = 0; i < g->n_stores; i++)
    fused_put(&w->body, "*(Quad_%s *)(p%u + e0) = r%u;\n", quad_of(g, g->stores[i].value),
              fused_output(w, g->stores[i].output), i);
}

/* ---- the launch ---- */

/* The kind stands first, for who reads texts.  Two blocks on a multiprocessor are enough: without
 * this word the compiler spills values to have more of them. */
static void put_head(FusedWriter *w, FusedText *out, const char *kind, uint32_t threads) {
  fused_put(out, "/* %s */\n", kind);
  fused_put(out, "#ifndef FUSED\n#define FUSED\n%s#endif\n", cuda_text_fused);
  if (w->own)
    fused_put(out, "#ifndef OWN_MATH\n#define OWN_MATH\n%s%s#endif\n", cuda_text_own,
              cuda_text_own_math);
  fused_put(out, "extern \"C\" __global__ void __launch_bounds__(%u, 2) KERNEL(%s) {\n%s}\n",
            threads, w->params.data, w->body.data);
}

Status fused_writer_end(FusedWriter *w, const char *kind, const uint32_t grid[3],
                        uint32_t threads) {
  FusedGroup *g = w->group;
  Kernel *k = g->kernel;
  FusedText whole;
  CudaFunction *function;
  if (w->n_args > CUDA_ARGS_MAX)
    return cuda_fail(g->error, STATUS_INVALID,
                     "a fused group of %u arguments, at most %d are passed", w->n_args,
                     CUDA_ARGS_MAX);
  if (!text_begin(&whole)) return cuda_fail(g->error, STATUS_SYSTEM, "out of memory");
  put_head(w, &whole, kind, threads);
  Status status = STATUS_OK;
  if (w->params.failed || w->body.failed || whole.failed)
    status = cuda_fail(g->error, STATUS_SYSTEM, "out of memory");
  if (status == STATUS_OK)
    status = cuda_modules_generated(k->context->modules, whole.data, g->error, &function);
  free(whole.data);
  if (status != STATUS_OK) return status;
  cuda_launch_grid(k, function, grid, threads, 0);
  for (uint32_t i = 0; i < w->n_args; i++) cuda_arg(k, w->args[i]);
  return STATUS_OK;
}
