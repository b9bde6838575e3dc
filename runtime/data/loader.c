/* A ring of batches.  Batches are drawn in order; their rows are handed to the workers one by one,
 * each row is filled by one of them into its own place. */
#include "runtime/data/loader.h"

#include "runtime/data/augment.h"
#include "runtime/data/image.h"
#include "runtime/data/loader_check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RING_MAX 4
#define RING_BYTES                                                                                 \
  ((int64_t)128 << 20) /* the ring is shorter when batches are large, but not < 2 */

typedef struct Row {
  uint32_t wanted, taken; /* images of the row's domain: what was drawn, what is in the batch */
  Status status;          /* of filling it */
} Row;

typedef struct Slot {
  float *images; /* (rows, height, width, 3) */
  Row *rows;
  SamplerPosition *after; /* of each domain, once this batch is drawn */
  uint32_t given, done;   /* rows handed to workers, rows filled */
} Slot;

typedef struct Source {
  const DataDomain *domain;
  Sampler *sampler;
  char **reason; /* (images) why it cannot be decoded; NULL: nothing is known against it */
  bool *named;   /* (images) a message named it */
} Source;

struct Loader {
  LoaderOptions options;
  const PlanAugment *augment;
  uint32_t n_domains, batch, rows; /* batch: rows of one domain */
  uint32_t first, share, own;      /* of one domain those from `first` on are ours; of all: `own` */
  bool local;                      /* what is handed out holds our rows only */
  int64_t row_floats;
  Source *sources;
  Slot ring[RING_MAX];
  uint32_t depth;
  int64_t drawn, handed; /* batches so far; handed <= drawn <= handed + depth */
  uint32_t *picks;       /* (batch) scratch of drawing */
  float *scratch;        /* (max(workers, 1), row_floats) */
  SamplerPosition *positions;
  LoaderCounts counts;
  pthread_mutex_t lock; /* guards ring positions, rows' states and reasons */
  pthread_cond_t work, ready;
  pthread_t threads[LOADER_WORKERS_MAX];
  uint32_t started, entered; /* threads that were started, that run */
  bool quit;
};

/* ---- filling rows ---- */

/* The i-th row of ours. */
static uint32_t own_row(const Loader *l, uint32_t i) {
  return i / l->share * l->batch + l->first + i % l->share;
}

/* The caller holds the lock. */
static void draw_batch(Loader *l) {
  Slot *slot = &l->ring[l->drawn % l->depth];
  for (uint32_t k = 0; k < l->n_domains; k++) {
    sampler_next(l->sources[k].sampler, l->picks);
    for (uint32_t b = 0; b < l->batch; b++)
      slot->rows[k * l->batch + b] = (Row){l->picks[b], l->picks[b], STATUS_OK};
    slot->after[k] = sampler_position(l->sources[k].sampler);
  }
  slot->given = slot->done = 0;
  l->drawn++;
}

/* The next row that nobody has, drawing a batch when the ring has room; false: nothing to do now.
 * The caller holds the lock. */
static bool take_row(Loader *l, Slot **slot, uint32_t *row, int64_t *step) {
  if (l->drawn > l->handed) {
    *slot = &l->ring[(l->drawn - 1) % l->depth];
    if ((*slot)->given == l->own) *slot = NULL;
  } else {
    *slot = NULL;
  }
  if (!*slot) {
    if (l->drawn - l->handed == l->depth) return false;
    draw_batch(l);
    *slot = &l->ring[(l->drawn - 1) % l->depth];
  }
  *row = own_row(l, (*slot)->given++);
  *step = l->options.first_step + l->drawn - 1;
  return true;
}

/* Whether an image is known to be bad; remembers it when `reason` is given. */
static bool image_is_bad(Loader *l, Source *source, uint32_t image, const char *reason) {
  pthread_mutex_lock(&l->lock);
  if (reason && !source->reason[image]) source->reason[image] = strdup(reason);
  bool bad = source->reason[image] != NULL;
  pthread_mutex_unlock(&l->lock);
  return bad;
}

/* Decodes the row's image, or with skip_bad the identity's next one that can be. */
static Status decode_row(Loader *l, Source *source, Row *row, Image *image) {
  char error[IMAGE_ERROR_MAX];
  do {
    if (!image_is_bad(l, source, row->taken, NULL)) {
      Status status = image_read(source->domain->images[row->taken].path, image, error);
      if (status != STATUS_INVALID) return status;
      if (!image_is_bad(l, source, row->taken, error)) return STATUS_SYSTEM;
    }
    if (!l->options.skip_bad) return STATUS_INVALID;
    row->taken = sampler_substitute(source->sampler, row->taken);
  } while (row->taken != row->wanted);
  return STATUS_INVALID;
}

static void fill_row(Loader *l, Slot *slot, uint32_t index, int64_t step, float *scratch) {
  Row *row = &slot->rows[index];
  float *out = slot->images + index * l->row_floats;
  Image image;
  row->status = decode_row(l, &l->sources[index / l->batch], row, &image);
  if (row->status != STATUS_OK) return;
  row->status = image_resize(&image, l->augment->height, l->augment->width, out);
  free(image.rgb);
  if (row->status == STATUS_OK)
    augment_apply(l->augment, (AugmentDraw){l->options.seed, step, index}, out, scratch);
}

/* Takes and fills one row; false: nothing to do now.  The caller holds the lock. */
static bool work_once(Loader *l, float *scratch) {
  Slot *slot;
  uint32_t row;
  int64_t step;
  if (!take_row(l, &slot, &row, &step)) return false;
  pthread_mutex_unlock(&l->lock);
  fill_row(l, slot, row, step, scratch);
  pthread_mutex_lock(&l->lock);
  if (++slot->done == l->own) pthread_cond_signal(&l->ready);
  return true;
}

static void *worker_main(void *argument) {
  Loader *l = argument;
  pthread_mutex_lock(&l->lock);
  float *scratch = l->scratch + l->entered++ * l->row_floats;
  while (!l->quit)
    if (!work_once(l, scratch)) pthread_cond_wait(&l->work, &l->lock);
  pthread_mutex_unlock(&l->lock);
  return NULL;
}

/* ---- handing out ---- */

/* Names the files that were passed over for this row, each once. */
static void name_bad_files(Loader *l, Source *source, const Row *row, Diag *diag) {
  if (row->taken == row->wanted) return;
  l->counts.replaced_rows++;
  for (uint32_t i = row->wanted; i != row->taken; i = sampler_substitute(source->sampler, i)) {
    if (source->named[i]) continue;
    source->named[i] = true;
    l->counts.bad_files++;
    diag_warning(diag, source->domain->images[i].path, NULL,
                 "%s; the next image of its identity takes its place", source->reason[i]);
  }
}

static Status row_error(Loader *l, Source *source, const Row *row, Diag *diag) {
  const DataDomain *d = source->domain;
  const DataImage *image = &d->images[row->taken];
  if (row->status != STATUS_INVALID) return diag_no_memory(diag, (size_t)l->row_floats * 4);
  if (!l->options.skip_bad)
    return diag_error(diag, STATUS_INVALID, image->path,
                      "--bad-images=skip takes the identity's next image in its place", "%s",
                      source->reason[row->taken]);
  return diag_error(diag, STATUS_INVALID, image->path, "leave this identity out of the data set",
                    "%s, and domain '%s' has no other readable image of identity '%s'",
                    source->reason[row->taken], d->name, d->classes[image->label]);
}

static Status check_rows(Loader *l, const Slot *slot, Diag *diag) {
  for (uint32_t i = 0; i < l->own; i++) {
    uint32_t r = own_row(l, i);
    Source *source = &l->sources[r / l->batch];
    if (slot->rows[r].status != STATUS_OK) return row_error(l, source, &slot->rows[r], diag);
    name_bad_files(l, source, &slot->rows[r], diag);
  }
  return STATUS_OK;
}

static Slot *await_batch(Loader *l) {
  Slot *slot = &l->ring[l->handed % l->depth];
  pthread_mutex_lock(&l->lock);
  while (l->drawn == l->handed || slot->done < l->own) {
    if (l->started)
      pthread_cond_wait(&l->ready, &l->lock);
    else
      work_once(l, l->scratch);
  }
  pthread_mutex_unlock(&l->lock);
  return slot;
}

static void copy_images(const Loader *l, const Slot *slot, const Tensor *images) {
  int64_t n = l->share * l->row_floats;
  for (uint32_t k = 0; k < l->n_domains; k++) {
    int64_t from = (k * l->batch + l->first) * l->row_floats, to = l->local ? k * n : from;
    Tensor part = {(char *)images->data + (size_t)to * dtype_size(images->dtype), images->dtype,
                   images->shape};
    tensor_set_floats(&part, slot->images + from, n);
  }
}

static void copy_labels(const Loader *l, const Slot *slot, const Tensor *labels) {
  for (uint32_t i = 0; i < (l->local ? l->own : l->rows); i++) {
    uint32_t r = l->local ? own_row(l, i) : i;
    const DataDomain *d = l->sources[r / l->batch].domain;
    tensor_set(labels, i, d->images[slot->rows[r].taken].label);
  }
}

Status loader_next(Loader *l, const Tensor *images, const Tensor *labels, Diag *diag) {
  int64_t rows = l->local ? l->own : l->rows;
  if ((images &&
       (shape_count(&images->shape) != rows * l->row_floats || !dtype_is_float(images->dtype))) ||
      (labels && shape_count(&labels->shape) != rows))
    return diag_error(diag, STATUS_INVALID, "images, labels", NULL,
                      "are not of the shape that sampler and augmentation give");
  const Slot *slot = await_batch(l);
  TRY(check_rows(l, slot, diag));
  if (images) copy_images(l, slot, images);
  if (labels) copy_labels(l, slot, labels);
  memcpy(l->positions, slot->after, l->n_domains * sizeof *l->positions);
  pthread_mutex_lock(&l->lock);
  l->handed++;
  pthread_cond_broadcast(&l->work);
  pthread_mutex_unlock(&l->lock);
  return STATUS_OK;
}

void loader_positions(const Loader *l, SamplerPosition *out) {
  memcpy(out, l->positions, l->n_domains * sizeof *out);
}

LoaderCounts loader_counts(const Loader *l) {
  return l->counts;
}

int64_t loader_steps_per_epoch(const Plan *plan, const DataSet *data) {
  int64_t images = 0;
  for (uint32_t k = 0; k < plan->training.n_domains; k++) {
    const DataDomain *d = dataset_domain(data, plan_text(plan, plan->training.domains[k]));
    if (d) images += d->n_train;
  }
  /* A step that takes more than 2^62 images is refused elsewhere; here it must only not overflow.
   */
  double rows = (double)plan->sampler.batch_ids * (double)plan->sampler.batch_images *
                (double)plan->training.n_domains;
  if (!(rows >= 1) || rows > (double)images) return 1;
  return images / (int64_t)rows;
}

/* ---- creation ---- */

static Status open_source(Loader *l, uint32_t k, Diag *diag) {
  Source *s = &l->sources[k];
  const PlanTraining *t = &l->options.plan->training;
  s->domain = dataset_domain(l->options.data, plan_text(l->options.plan, t->domains[k]));
  TRY(sampler_create(&l->options.plan->sampler, s->domain, l->options.seed, diag, &s->sampler));
  s->reason = calloc(s->domain->n_images, sizeof *s->reason);
  s->named = calloc(s->domain->n_images, sizeof *s->named);
  if (!s->reason || !s->named) return diag_no_memory(diag, s->domain->n_images);
  if (l->options.start && !sampler_seek(s->sampler, l->options.start[k]))
    return diag_error(diag, STATUS_INVALID, s->domain->name, NULL,
                      "the sampler never stands at round %lld, batch %lld",
                      (long long)l->options.start[k].round, (long long)l->options.start[k].batch);
  l->positions[k] = sampler_position(s->sampler);
  return STATUS_OK;
}

static bool allocate_ring(Loader *l) {
  int64_t bytes = l->rows * l->row_floats * (int64_t)sizeof(float);
  l->depth = RING_MAX;
  while (l->depth > 2 && l->depth * bytes > RING_BYTES) l->depth--;
  if (l->options.workers == 0) l->depth = 1;
  for (uint32_t i = 0; i < l->depth; i++) {
    Slot *s = &l->ring[i];
    s->images = malloc((size_t)bytes);
    s->rows = calloc(l->rows, sizeof *s->rows);
    s->after = calloc(l->n_domains, sizeof *s->after);
    if (!s->images || !s->rows || !s->after) return false;
  }
  size_t users = l->options.workers ? l->options.workers : 1;
  l->scratch = calloc(users, (size_t)l->row_floats * sizeof *l->scratch);
  l->picks = calloc(l->batch, sizeof *l->picks);
  return l->scratch && l->picks;
}

static Status start_workers(Loader *l, Diag *diag) {
  for (uint32_t i = 0; i < l->options.workers; i++) {
    int error = pthread_create(&l->threads[i], NULL, worker_main, l);
    if (error)
      return diag_error(diag, STATUS_SYSTEM, "--workers", "ask for fewer",
                        "cannot start a thread: %s", strerror(error));
    l->started++;
  }
  return STATUS_OK;
}

static Status fill_loader(Loader *l, Diag *diag) {
  const Plan *plan = l->options.plan;
  l->augment = &plan->augment;
  l->n_domains = plan->training.n_domains;
  l->batch = (uint32_t)(plan->sampler.batch_ids * plan->sampler.batch_images);
  l->rows = l->n_domains * l->batch;
  l->share = l->options.ranks ? l->batch / l->options.ranks : l->batch;
  l->first = l->share * l->options.rank;
  l->local = plan->local;
  l->own = l->n_domains * l->share;
  l->row_floats = plan->augment.height * plan->augment.width * 3;
  l->sources = calloc(l->n_domains, sizeof *l->sources);
  l->positions = calloc(l->n_domains, sizeof *l->positions);
  if (!l->sources || !l->positions) return diag_no_memory(diag, l->n_domains);
  for (uint32_t k = 0; k < l->n_domains; k++) TRY(open_source(l, k, diag));
  if (!allocate_ring(l))
    return diag_no_memory(diag, (size_t)(l->rows * l->row_floats) * sizeof(float));
  return start_workers(l, diag);
}

Status loader_create(const LoaderOptions *options, Diag *diag, Loader **out) {
  *out = NULL;
  if (options->workers > LOADER_WORKERS_MAX)
    return diag_error(diag, STATUS_USAGE, "--workers", NULL, "%u workers: 0..%d are possible",
                      options->workers, LOADER_WORKERS_MAX);
  TRY(loader_check(options->plan, options->data, diag));
  Loader *l = calloc(1, sizeof *l);
  if (!l) return diag_no_memory(diag, sizeof *l);
  l->options = *options;
  pthread_mutex_init(&l->lock, NULL);
  pthread_cond_init(&l->work, NULL);
  pthread_cond_init(&l->ready, NULL);
  Status status = fill_loader(l, diag);
  l->options.start = NULL; /* the caller's, not ours to keep */
  if (status == STATUS_OK)
    *out = l;
  else
    loader_destroy(l);
  return status;
}

static void close_source(Source *s) {
  for (uint32_t i = 0; s->reason && i < s->domain->n_images; i++) free(s->reason[i]);
  free(s->reason);
  free(s->named);
  sampler_destroy(s->sampler);
}

void loader_destroy(Loader *l) {
  if (!l) return;
  pthread_mutex_lock(&l->lock);
  l->quit = true;
  pthread_cond_broadcast(&l->work);
  pthread_mutex_unlock(&l->lock);
  for (uint32_t i = 0; i < l->started; i++) pthread_join(l->threads[i], NULL);
  for (uint32_t k = 0; l->sources && k < l->n_domains; k++) close_source(&l->sources[k]);
  for (uint32_t i = 0; i < RING_MAX; i++) {
    free(l->ring[i].images);
    free(l->ring[i].rows);
    free(l->ring[i].after);
  }
  pthread_mutex_destroy(&l->lock);
  pthread_cond_destroy(&l->work);
  pthread_cond_destroy(&l->ready);
  free(l->sources);
  free(l->positions);
  free(l->scratch);
  free(l->picks);
  free(l);
}
