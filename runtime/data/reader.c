/* A ring of batches: threads decode elements in the order of their numbers, the caller takes
 * batches in that order.  Who decodes what never shows in what is handed over. */
#include "runtime/data/reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RING 3 /* batches: one with the caller, two in the making */

typedef struct Slot {
  char *items;
  ReaderError *errors;
  int64_t done; /* elements that are there */
} Slot;

struct Reader {
  const ReaderJob *job;
  Slot slots[RING];
  pthread_t *threads;
  uint32_t started;
  pthread_mutex_t lock;
  pthread_cond_t batch_done, slot_free;
  int64_t next;  /* first image that no worker has taken */
  int64_t given; /* batches handed to the caller */
  bool quit;
};

/* Elements of batch `b`. */
static int64_t batch_size(const ReaderJob *job, int64_t b) {
  int64_t left = job->count - b * job->batch;
  return left < job->batch ? left : job->batch;
}

static void read_one(const ReaderJob *job, int64_t i, const Slot *slot) {
  int64_t at = i % job->batch;
  ReaderError *error = &slot->errors[at];
  char *item = slot->items + (size_t)at * job->item;
  Image image;
  error->status = image_read(job->paths[i], &image, error->text);
  if (error->status == STATUS_OK) error->status = job->convert(job->context, &image, item);
  free(image.rgb);
  if (error->status != STATUS_OK) memset(item, 0, job->item);
}

/* Images are taken in order, those of the RING batches after the last that was given back. */
static void *work(void *argument) {
  Reader *r = argument;
  const ReaderJob *job = r->job;
  pthread_mutex_lock(&r->lock);
  for (;;) {
    /* Batch `given - 1` is the caller's; its slot is not free yet. */
    while (!r->quit && r->next < job->count &&
           r->next / job->batch >= (r->given ? r->given - 1 : 0) + RING)
      pthread_cond_wait(&r->slot_free, &r->lock);
    if (r->quit || r->next >= job->count) break;
    int64_t i = r->next++;
    Slot *slot = &r->slots[i / job->batch % RING];
    pthread_mutex_unlock(&r->lock);
    read_one(job, i, slot);
    pthread_mutex_lock(&r->lock);
    if (++slot->done == batch_size(job, i / job->batch)) pthread_cond_signal(&r->batch_done);
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}

static bool slots_create(Reader *r) {
  size_t batch = (size_t)r->job->batch;
  if (r->job->item && batch > SIZE_MAX / r->job->item) return false;
  for (int k = 0; k < RING; k++) {
    r->slots[k].items = calloc(batch, r->job->item);
    r->slots[k].errors = calloc(batch, sizeof *r->slots[k].errors);
    if (!r->slots[k].items || !r->slots[k].errors) return false;
  }
  return true;
}

Status reader_create(const ReaderJob *job, Diag *diag, Reader **out_reader) {
  *out_reader = NULL;
  Reader *r = calloc(1, sizeof *r);
  if (!r) return diag_no_memory(diag, sizeof *r);
  r->job = job;
  pthread_mutex_init(&r->lock, NULL);
  pthread_cond_init(&r->batch_done, NULL);
  pthread_cond_init(&r->slot_free, NULL);
  r->threads = calloc(job->workers, sizeof *r->threads);
  if (!r->threads || !slots_create(r)) {
    reader_destroy(r);
    return diag_no_memory(diag, RING * (size_t)job->batch * job->item);
  }
  int error = 0;
  while (r->started < job->workers && !error) {
    error = pthread_create(&r->threads[r->started], NULL, work, r);
    r->started += !error;
  }
  if (r->started == 0) { /* fewer than asked for will do */
    reader_destroy(r);
    return diag_error(diag, STATUS_SYSTEM, "--workers", NULL, "cannot start a thread: %s",
                      strerror(error));
  }
  *out_reader = r;
  return STATUS_OK;
}

void reader_destroy(Reader *r) {
  if (!r) return;
  pthread_mutex_lock(&r->lock);
  r->quit = true;
  pthread_cond_broadcast(&r->slot_free);
  pthread_mutex_unlock(&r->lock);
  for (uint32_t i = 0; i < r->started; i++) pthread_join(r->threads[i], NULL);
  for (int k = 0; k < RING; k++) {
    free(r->slots[k].items);
    free(r->slots[k].errors);
  }
  pthread_cond_destroy(&r->slot_free);
  pthread_cond_destroy(&r->batch_done);
  pthread_mutex_destroy(&r->lock);
  free(r->threads);
  free(r);
}

bool reader_next(Reader *r, ReaderBatch *out) {
  const ReaderJob *job = r->job;
  pthread_mutex_lock(&r->lock);
  int64_t b = r->given;
  if (b > 0) r->slots[(b - 1) % RING].done = 0;
  bool more = b * job->batch < job->count;
  if (more) {
    int64_t n = batch_size(job, b);
    Slot *slot = &r->slots[b % RING];
    r->given = b + 1;
    pthread_cond_broadcast(&r->slot_free); /* the batch before is no longer in use */
    while (slot->done < n) pthread_cond_wait(&r->batch_done, &r->lock);
    memset(slot->items + (size_t)n * job->item, 0, (size_t)(job->batch - n) * job->item);
    *out = (ReaderBatch){slot->items, b * job->batch, n, slot->errors};
  }
  pthread_mutex_unlock(&r->lock);
  return more;
}
