/* Launches of sums (kernels/fuse_parts.h).
 *
 * The first adds up the parts: a thread has one element of the result, or a team of threads has the
 * lanes of a chunk, which they join in shared memory.  Where parts are less than a result, they go
 * to the work buffer, and a second launch joins them: a thread for each result and shard. */
#include "kernels/cuda/fused.h"

#define THREADS 256

typedef struct Sums {
  FusedWriter *w;
  FusedText *body;
  const FuseClass *c;
  const FuseLoops *l;
  const char *index; /* u32 or i64 */
  bool stores;
  uint32_t shards;               /* that a result is cut into */
  uint32_t units[3], n_units;    /* parameters of segment() */
  uint32_t sum[FUSE_CLASS_SUMS]; /* of results or cells */
} Sums;

static const char *type_of(const Sums *s, uint32_t i) {
  return cuda_type(fused_type(s->w->group, fused_sum_value(s->w->group, s->c->sums[i])));
}

/* Parameters for the results, or the cells. */
static void name_results(Sums *s, bool cells, CudaAccessKind access) {
  const KernelSpec *spec = s->w->group->spec;
  for (uint32_t i = 0; i < s->c->n; i++) {
    uint32_t output = 0;
    while (spec->outputs[output] != s->c->sums[i]->node) output++;
    s->sum[i] = cells ? fused_work(s->w, s->c->at + i * s->c->cells, s->c->cells, access)
                      : fused_output(s->w, output);
  }
}

/* A sum's result of the f64 `value`, rounded once; a variance is a mean. */
static void put_result(Sums *s, uint32_t i, uint32_t to, const char *at, const char *value) {
  const Node *node = &s->w->group->spec->graph->nodes[s->c->sums[i]->node];
  const char *type = cuda_type((DType)node->dtype);
  if (node->op != OP_VARIANCE) {
    fused_put(s->body, "p%u[%s] = (%s)%s;\n", to, at, type, value);
    return;
  }
  uint32_t scale = fused_double(s->w, (double)s->c->sums[i]->count / (double)s->l->elements);
  fused_put(s->body, "p%u[%s] = (%s)(%s * p%u);\n", to, at, type, value, scale);
}

/* The first row of shard `j` in group g, times `per`. */
static void put_segment(Sums *s, const char *name, const char *j) {
  if (!s->n_units) {
    const FuseOrder *order = &s->c->sums[0]->order;
    s->units[s->n_units++] = fused_index(s->w, order->shards.units);
    s->units[s->n_units++] = fused_index(s->w, order->shards.unit);
    s->units[s->n_units++] = fused_index(s->w, s->l->elements / order->factor);
  }
  fused_put(s->body, "const %s %s = (%s)segment(%s, g, %u, p%u, p%u, p%u) * p%u;\n", s->index, name,
            s->index, j, s->shards, s->units[0], s->units[1], s->units[2],
            fused_index(s->w, s->c->per));
}

static void put_bounds(Sums *s) {
  put_segment(s, "lo", "j");
  put_segment(s, "hi", "(i64)j + 1");
}

/* Where the loop's axes are, at index `o`. */
static void put_loop_axes(Sums *s) {
  fused_split(s->w, "o", s->c->loop_axes, fused_axes(s->w, s->c->streamed, s->stores));
}

/* Names all that tells the items apart: k along the item's axes, and for parts stream and chunk. */
static void put_item(Sums *s) {
  const FuseClass *c = s->c;
  const char *k = "item";
  char name[24];
  if (!c->whole && c->streams * c->chunks > 1) {
    uint32_t t = fused_divide(s->w, "item", c->items);
    fused_put(s->body, "const %s k = t%u;\n", s->index, t + 1);
    k = "k";
    snprintf(name, sizeof name, "t%u", t);
    if (c->chunks > 1) {
      uint32_t u = fused_divide(s->w, name, c->chunks);
      fused_put(s->body, "const %s stream = t%u, chunk = t%u;\n", s->index, u, u + 1);
    } else {
      fused_put(s->body, "const %s stream = %s, chunk = 0;\n", s->index, name);
    }
  } else if (!c->whole) {
    fused_put(s->body, "const %s stream = 0, chunk = 0;\n", s->index);
  } else if (s->shards > 1) {
    uint32_t t = fused_divide(s->w, "item", c->items);
    fused_put(s->body, "const %s j = t%u, k = t%u;\n", s->index, t, t + 1);
    k = "k";
  }
  if (c->whole && s->shards == 1) {
    fused_put(s->body, "const %s j = 0, k = item;\n", s->index);
    k = "k";
  }
  fused_split(s->w, k, c->item_axes, fused_axes(s->w, c->streamed, s->stores));
}

/* Of a part: the elements of its stream are lo .. hi - 1. */
static void put_stream(Sums *s) {
  const FuseClass *c = s->c;
  if (c->cut == FUSE_CUT_STREAMED) {
    uint32_t t = fused_divide(s->w, "stream", s->shards);
    fused_put(s->body, "const %s g = t%u, j = t%u;\n", s->index, t, t + 1);
    put_bounds(s);
    return;
  }
  uint32_t length = fused_index(s->w, c->length);
  const char *o = "stream";
  char name[24];
  if (c->pieces > 1) {
    uint32_t t = fused_divide(s->w, "stream", c->pieces),
             run = fused_index(s->w, c->sums[0]->order.rows);
    fused_put(s->body, "const %s lo = t%u * p%u, hi = lo + p%u < p%u ? lo + p%u : p%u;\n", s->index,
              t + 1, length, length, run, length, run);
    snprintf(name, sizeof name, "t%u", t);
    o = name;
  } else {
    fused_put(s->body, "const %s lo = 0, hi = p%u;\n", s->index, length);
  }
  if (c->loop_axes) {
    fused_put(s->body, "const %s o = %s;\n", s->index, o);
    put_loop_axes(s);
  }
}

/* Adds the elements from, from + step, ... below `end` to s0, s1, ... */
static void put_lane(Sums *s, const char *from, int64_t step) {
  const FuseClass *c = s->c;
  fused_put(s->body, "#pragma unroll 4\nfor (%s e = %s; e < end; e += %lld) {\n", s->index, from,
            (long long)step);
  fused_split(s->w, "e", c->streamed, fused_axes(s->w, c->streamed, s->stores) & c->streamed);
  fused_element(s->w, c->streamed, s->stores);
  for (uint32_t i = 0; i < c->n; i++)
    fused_put(s->body, "s%u += v%u;\n", i, fused_sum_value(s->w->group, c->sums[i]));
  fused_put(s->body, "}\n");
}

static void put_zero(Sums *s, char name, bool wide) {
  for (uint32_t i = 0; i < s->c->n; i++)
    fused_put(s->body, "%s %c%u = 0;\n", wide ? "double" : type_of(s, i), name, i);
}

static void put_each(Sums *s, const char *format) {
  for (uint32_t i = 0; i < s->c->n; i++) {
    for (const char *at = format; *at; at++)
      if (*at == '#')
        fused_put(s->body, "%u", i);
      else
        fused_put(s->body, "%c", *at);
  }
}

/* The chunk from b on, by one thread. */
static void put_chunk(Sums *s) {
  uint32_t chunk = fused_index(s->w, s->c->chunk);
  fused_put(s->body, "const %s end = hi - b < p%u ? hi : b + p%u;\n", s->index, chunk, chunk);
  put_zero(s, 's', false);
  put_lane(s, "b", 1);
}

/* ---- a thread for each element of the result ---- */

/* A stream, added to d0, ... */
static void put_whole_stream(Sums *s) {
  const FuseClass *c = s->c;
  fused_place(s->w, c->streamed, s->stores);
  if (!c->streamed) {
    fused_put(s->body, "const %s e = 0;\n(void)e;\n", s->index);
    fused_element(s->w, c->streamed, s->stores);
    for (uint32_t i = 0; i < c->n; i++)
      fused_put(s->body, "d%u += (double)v%u;\n", i, fused_sum_value(s->w->group, c->sums[i]));
    return;
  }
  put_zero(s, 'c', true);
  fused_put(s->body, "for (%s b = lo; b < hi; b += %lld) {\n", s->index, (long long)c->chunk);
  put_chunk(s);
  put_each(s, "c# += (double)s#;\n");
  fused_put(s->body, "}\n");
  put_each(s, "d# += c#;\n");
}

static void put_whole(Sums *s) {
  const FuseClass *c = s->c;
  put_zero(s, 'd', true);
  if (c->cut != FUSE_CUT_NONE) {
    fused_put(s->body, "for (%s g = 0; g < p%u; g++) {\n", s->index,
              fused_index(s->w, c->sums[0]->order.shards.groups));
    put_bounds(s);
  }
  if (c->cut != FUSE_CUT_STREAMED && c->loop_axes) {
    if (c->cut == FUSE_CUT_OUTER)
      fused_put(s->body, "for (%s o = lo; o < hi; o++) {\n", s->index);
    else
      fused_put(s->body, "for (%s o = 0; o < p%u; o++) {\n", s->index,
                fused_index(s->w, c->streams));
    put_loop_axes(s);
  }
  if (c->cut != FUSE_CUT_STREAMED && c->streamed)
    fused_put(s->body, "const %s lo = 0, hi = p%u;\n", s->index, fused_index(s->w, c->length));
  put_whole_stream(s);
  if (c->cut != FUSE_CUT_STREAMED && c->loop_axes) fused_put(s->body, "}\n");
  if (c->cut != FUSE_CUT_NONE) fused_put(s->body, "}\n");
}

static void put_alone(Sums *s, int64_t items) {
  const FuseClass *c = s->c;
  fused_put(s->body,
            "const %s item = (%s)blockIdx.x * %uu + threadIdx.x;\nif (item >= p%u) return;\n",
            s->index, s->index, THREADS, fused_index(s->w, items));
  put_item(s);
  if (c->whole) {
    put_whole(s);
    for (uint32_t i = 0; i < c->n; i++) {
      char value[16];
      snprintf(value, sizeof value, "d%u", i);
      if (c->cells)
        fused_put(s->body, "p%u[item] = %s;\n", s->sum[i], value);
      else
        put_result(s, i, s->sum[i], "k", value);
    }
    return;
  }
  put_stream(s);
  fused_place(s->w, c->streamed, s->stores);
  fused_put(s->body, "const %s b = lo + chunk * %lld;\n", s->index, (long long)c->chunk);
  fused_put(s->body, "if (b < hi) {\n");
  put_chunk(s);
  for (uint32_t i = 0; i < c->n; i++)
    fused_put(s->body, "p%u[item] = (double)s%u;\n", s->sum[i], i);
  fused_put(s->body, "} else {\n");
  for (uint32_t i = 0; i < c->n; i++) fused_put(s->body, "p%u[item] = 0;\n", s->sum[i]);
  fused_put(s->body, "}\n");
}

/* ---- teams ---- */

/* The lanes' sums of a chunk, joined; the first ones have the columns in m0, ... */
static void put_team_chunk(Sums *s) {
  const FuseClass *c = s->c;
  long long lanes = (long long)c->lanes, columns = (long long)c->columns;
  put_zero(s, 's', false);
  fused_put(s->body, "const %s b = lo + chunk * %lld;\nif (on && b < hi) {\n", s->index,
            (long long)c->chunk);
  fused_put(s->body, "const %s end = hi - b < %lld ? hi : b + %lld;\n", s->index,
            (long long)c->chunk, (long long)c->chunk);
  put_lane(s, "b + lane", c->lanes);
  fused_put(s->body, "}\n");
  put_each(s, "m#[threadIdx.x] = (double)s#;\n");
  if (lanes == columns) return;
  fused_put(s->body, "__syncthreads();\nfor (u32 h = %lld; h >= %lld; h /= 2) {\nif (lane < h) {\n",
            lanes / 2, columns);
  put_each(s, "m#[threadIdx.x] += m#[threadIdx.x + h];\n");
  fused_put(s->body, "}\n__syncthreads();\n}\n");
}

static void put_team(Sums *s, int64_t items, uint32_t teams) {
  const FuseClass *c = s->c;
  long long lanes = (long long)c->lanes, columns = (long long)c->columns;
  for (uint32_t i = 0; i < c->n; i++)
    fused_put(s->body, "__shared__ double m%u[%lld];\n", i, teams * lanes);
  fused_put(s->body,
            "const u32 team = threadIdx.x / %lldu, lane = threadIdx.x %% %lldu;\n"
            "const %s item = (%s)blockIdx.x * %uu + team;\nconst bool on = item < p%u;\n",
            lanes, lanes, s->index, s->index, teams, fused_index(s->w, items));
  put_item(s);
  if (!c->whole) {
    put_stream(s);
  } else {
    fused_put(s->body, "const %s lo = 0, hi = p%u;\n", s->index, fused_index(s->w, c->length));
  }
  fused_place(s->w, c->streamed, s->stores);
  put_zero(s, 'd', true);
  if (c->whole)
    fused_put(s->body, "for (%s chunk = 0; chunk < p%u; chunk++) {\n", s->index,
              fused_index(s->w, c->chunks));
  put_team_chunk(s);
  fused_put(s->body, "if (lane < %lld) {\n", columns);
  put_each(s, "d# += m#[threadIdx.x];\n");
  fused_put(s->body, "}\n");
  if (c->whole) fused_put(s->body, "}\n");
  fused_put(s->body, "if (on && lane < %lld) {\nconst %s at = item * %lld + lane;\n", columns,
            s->index, columns);
  for (uint32_t i = 0; i < c->n; i++) {
    char value[16];
    snprintf(value, sizeof value, "d%u", i);
    if (c->cells)
      fused_put(s->body, "p%u[at] = %s;\n", s->sum[i], value);
    else
      put_result(s, i, s->sum[i], "at", value);
  }
  fused_put(s->body, "}\n");
}

static void grid_of(int64_t items, uint32_t per_block, uint32_t grid[3]) {
  grid[0] = (uint32_t)((items + per_block - 1) / per_block);
  grid[1] = grid[2] = 1;
}

static Status write_parts(Sums *s) {
  const FuseClass *c = s->c;
  FusedGroup *f = s->w->group;
  uint32_t grid[3];
  for (uint32_t i = 0; i < c->n; i++) fused_need(s->w, fused_sum_value(f, c->sums[i]));
  for (uint32_t i = 0; s->stores && i < f->n_stores; i++) fused_need(s->w, f->stores[i].value);
  name_results(s, c->cells > 0, CUDA_WRITES);
  int64_t items = c->items * (c->whole ? s->shards : c->streams * c->chunks);
  uint32_t teams = c->team ? (uint32_t)(THREADS / c->lanes) : THREADS;
  grid_of(items, teams, grid);
  if (!c->team) {
    put_alone(s, items);
    return fused_writer_end(s->w, "sums of columns", grid, THREADS);
  }
  put_team(s, items, teams);
  return fused_writer_end(s->w, "sums in teams", grid, teams * (uint32_t)c->lanes);
}

/* ---- the second launch ---- */

static uint32_t kept_axes(const Sums *s) {
  return ((1u << s->l->rank) - 1) & ~s->c->sums[0]->reduced;
}

/* Axes along which cells lie: a result's, and those of the columns that are folded. */
static uint32_t cell_axes(const Sums *s) {
  return kept_axes(s) | s->c->sums[0]->column_axes;
}

static bool is_folded(const Sums *s, int axis) {
  return s->c->folds && s->c->sums[0]->column_axes & s->c->sums[0]->reduced & 1u << axis;
}

/* Cells of one chunk: how far apart they are along an axis. */
static int64_t cell_stride(const Sums *s, int axis) {
  int64_t n = 1;
  for (int i = s->l->rank - 1; i > axis; i--)
    if (cell_axes(s) >> i & 1) n *= s->l->dim[i];
  return n;
}

/* Adds up the chunks of `stream` to d0, ... */
static void put_chunks(Sums *s) {
  const FuseClass *c = s->c;
  uint32_t cells = fused_index(s->w, c->items * c->columns), chunks = fused_index(s->w, c->chunks);
  char cell[24] = "at";
  if (c->folds) {
    snprintf(cell, sizeof cell, "cell");
    put_zero(s, 'f', true);
    for (int i = 0; i < s->l->rank; i++)
      if (is_folded(s, i))
        fused_put(s->body, "for (%s i%d = 0; i%d < p%u; i%d++) {\n", s->index, i, i,
                  fused_index(s->w, s->l->dim[i]), i);
    fused_put(s->body, "const %s cell = base", s->index);
    for (int i = 0; i < s->l->rank; i++)
      if (is_folded(s, i))
        fused_put(s->body, " + i%d * p%u", i, fused_index(s->w, cell_stride(s, i)));
    fused_put(s->body, ";\n");
  }
  put_zero(s, 'c', true);
  fused_put(s->body, "#pragma unroll 8\nfor (%s chunk = 0; chunk < n; chunk++) {\n", s->index);
  fused_put(s->body, "const %s of = (stream * p%u + chunk) * p%u + %s;\n", s->index, chunks, cells,
            cell);
  for (uint32_t i = 0; i < c->n; i++) fused_put(s->body, "c%u += p%u[of];\n", i, s->sum[i]);
  fused_put(s->body, "}\n");
  put_each(s, c->folds ? "f# += c#;\n" : "d# += c#;\n");
  for (int i = 0; i < s->l->rank; i++)
    if (is_folded(s, i)) fused_put(s->body, "}\n");
  if (c->folds) put_each(s, "d# += f#;\n");
}

static void put_join_streams(Sums *s) {
  const FuseClass *c = s->c;
  if (c->folds) {
    fused_split(s->w, "at", kept_axes(s), kept_axes(s));
    fused_put(s->body, "const %s base = 0", s->index);
    for (int i = 0; i < s->l->rank; i++)
      if (kept_axes(s) >> i & 1)
        fused_put(s->body, " + a%d * p%u", i, fused_index(s->w, cell_stride(s, i)));
    fused_put(s->body, ";\n");
  }
  if (c->cut != FUSE_CUT_NONE) {
    fused_put(s->body, "for (%s g = 0; g < p%u; g++) {\n", s->index,
              fused_index(s->w, c->sums[0]->order.shards.groups));
    put_bounds(s);
  }
  if (c->cut == FUSE_CUT_STREAMED) {
    uint32_t chunk = fused_index(s->w, c->chunk);
    fused_put(s->body, "const %s stream = g * %u + j, n = hi > lo ? (hi - lo - 1) / p%u + 1 : 0;\n",
              s->index, s->shards, chunk);
    put_chunks(s);
  } else {
    if (c->cut == FUSE_CUT_OUTER)
      fused_put(s->body, "const %s first = lo * p%u, last = hi * p%u;\n", s->index,
                fused_index(s->w, c->pieces), fused_index(s->w, c->pieces));
    else
      fused_put(s->body, "const %s first = 0, last = p%u;\n", s->index,
                fused_index(s->w, c->streams));
    fused_put(s->body, "const %s n = p%u;\n", s->index, fused_index(s->w, c->chunks));
    fused_put(s->body, "for (%s stream = first; stream < last; stream++) {\n", s->index);
    put_chunks(s);
    fused_put(s->body, "}\n");
  }
  if (c->cut != FUSE_CUT_NONE) fused_put(s->body, "}\n");
}

static void put_shards(Sums *s, uint32_t wide) {
  fused_put(s->body, "for (u32 step = 1; step < %u; step *= 2) {\n", s->shards);
  fused_put(s->body, "if (j %% (2 * step) == 0 && j + step < %u) {\n", s->shards);
  for (uint32_t i = 0; i < s->c->n; i++)
    fused_put(s->body, "m%u[threadIdx.x] += m%u[threadIdx.x + step * %u];\n", i, i, wide);
  fused_put(s->body, "}\n__syncthreads();\n}\n");
}

static Status write_join(Sums *s) {
  const FuseClass *c = s->c;
  uint32_t grid[3], wide = THREADS / s->shards; /* of shards a plan has 64 at most */
  name_results(s, true, CUDA_READS);
  uint32_t results = fused_index(s->w, c->results);
  for (uint32_t i = 0; s->shards > 1 && i < c->n; i++)
    fused_put(s->body, "__shared__ double m%u[%u];\n", i, wide * s->shards);
  fused_put(s->body,
            "const u32 x = threadIdx.x %% %uu, j = threadIdx.x / %uu;\n"
            "const %s at = (%s)blockIdx.x * %uu + x;\n",
            wide, wide, s->index, s->index, wide);
  put_zero(s, 'd', true);
  fused_put(s->body, "if (at < p%u) {\n", results);
  if (c->whole)
    for (uint32_t i = 0; i < c->n; i++)
      fused_put(s->body, "d%u = p%u[j * p%u + at];\n", i, s->sum[i], results);
  else
    put_join_streams(s);
  fused_put(s->body, "}\n");
  if (s->shards > 1) {
    put_each(s, "m#[threadIdx.x] = d#;\n");
    fused_put(s->body, "__syncthreads();\n");
    put_shards(s, wide);
  }
  fused_put(s->body, "if (at < p%u && j == 0) {\n", results);
  name_results(s, false, CUDA_WRITES);
  for (uint32_t i = 0; i < c->n; i++) {
    char value[32];
    snprintf(value, sizeof value, s->shards > 1 ? "m%u[threadIdx.x]" : "d%u", i);
    put_result(s, i, s->sum[i], "at", value);
  }
  fused_put(s->body, "}\n");
  grid_of(c->results, wide, grid);
  return fused_writer_end(s->w, "joined sums", grid, wide * s->shards);
}

static Status write_launch(FusedGroup *f, const FuseClass *c, bool stores,
                           Status (*write)(Sums *)) {
  FusedWriter w;
  Status status;
  if (fused_writer_begin(&w, f)) {
    Sums s = {.w = &w,
              .body = &w.body,
              .c = c,
              .l = &f->loops,
              .index = fused_index_type(&w),
              .stores = stores && f->n_stores,
              .shards = c->cut == FUSE_CUT_NONE ? 1 : c->sums[0]->order.shards.n};
    status = write(&s);
  } else {
    status = cuda_fail(f->error, STATUS_SYSTEM, "out of memory");
  }
  fused_writer_release(&w);
  return status;
}

Status fused_sums(FusedGroup *f, const FuseClass *c, bool stores) {
  TRY(write_launch(f, c, stores, write_parts));
  return c->cells ? write_launch(f, c, false, write_join) : STATUS_OK;
}
