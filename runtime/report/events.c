/* A record is the length of its data (8 bytes, little endian), the masked CRC-32C of these 8, the
 * data, and their masked CRC-32C.  Of protocol buffers three kinds of field are needed: 0 a
 * varint, 1 eight bytes, 2 a length and bytes, 5 four bytes; the numbers are those of event.proto
 * and summary.proto of TensorFlow. */
#include "runtime/report/events.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, SUMMARY = 5, SESSION_LOG = 7 }; /* of Event */
enum { VALUE = 1 };                                                               /* of Summary */
enum { TAG = 1, SIMPLE_VALUE = 2 };                                               /* of its Value */
enum { STATUS = 1, START = 1 }; /* of SessionLog */
enum { VARINT = 0, EIGHT = 1, BYTES = 2, FOUR = 5 };

typedef struct Message {
  uint8_t *bytes;
  size_t n, room;
  bool failed; /* out of memory */
} Message;

struct Events {
  char path[PATH_MAX];
  FILE *out;
  Message event, summary, value;
};

/* ---- checksums ---- */

/* CRC-32C, bit by bit: some megabytes in the life of a run. */
static uint32_t crc32c(const uint8_t *bytes, uint64_t n) {
  static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                     0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                     0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
  uint32_t crc = 0xffffffff;
  for (uint64_t i = 0; i < n; i++) {
    crc ^= bytes[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

uint32_t events_checksum(const void *bytes, uint64_t n) {
  uint32_t crc = crc32c(bytes, n);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* ---- messages ---- */

static void put(Message *m, const void *bytes, size_t n) {
  if (m->n + n > m->room) {
    size_t room = 2 * (m->n + n) + 64;
    uint8_t *grown = realloc(m->bytes, room);
    if (!grown) {
      m->failed = true;
      return;
    }
    m->bytes = grown;
    m->room = room;
  }
  memcpy(m->bytes + m->n, bytes, n);
  m->n += n;
}

static void put_little(Message *m, uint64_t value, size_t n) {
  uint8_t bytes[8];
  for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  put(m, bytes, n);
}

static void put_varint(Message *m, uint64_t value) {
  for (; value >= 128; value >>= 7) put_little(m, (value & 127) | 128, 1);
  put_little(m, value, 1);
}

static void put_key(Message *m, unsigned field, unsigned kind) {
  put_varint(m, field << 3 | kind);
}

static void put_double(Message *m, unsigned field, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_key(m, field, EIGHT);
  put_little(m, bits, 8);
}

static void put_float(Message *m, unsigned field, double value) {
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  put_key(m, field, FOUR);
  put_little(m, bits, 4);
}

static void put_bytes(Message *m, unsigned field, const void *bytes, size_t n) {
  put_key(m, field, BYTES);
  put_varint(m, n);
  put(m, bytes, n);
}

/* ---- the file ---- */

static Status write_error(const Events *e, Diag *diag) {
  return diag_error(diag, STATUS_SYSTEM, e->path, NULL, "cannot write: %s", strerror(errno));
}

static Status write_event(Events *e, Diag *diag) {
  Message frame = {0};
  if (e->event.failed || e->summary.failed || e->value.failed)
    return diag_no_memory(diag, e->event.room);
  put_little(&frame, e->event.n, 8);
  if (frame.failed) return diag_no_memory(diag, 64);
  put_little(&frame, events_checksum(frame.bytes, 8), 4);
  put(&frame, e->event.bytes, e->event.n);
  put_little(&frame, events_checksum(e->event.bytes, e->event.n), 4);
  size_t done = frame.failed ? 0 : fwrite(frame.bytes, 1, frame.n, e->out);
  bool whole = !frame.failed && done == frame.n;
  bool failed = frame.failed;
  free(frame.bytes);
  if (failed) return diag_no_memory(diag, e->event.n);
  return whole ? STATUS_OK : write_error(e, diag);
}

void events_begin(Events *e, int64_t step, double wall_time) {
  e->event.n = e->summary.n = 0;
  put_double(&e->event, WALL_TIME, wall_time);
  put_key(&e->event, STEP, VARINT);
  put_varint(&e->event, (uint64_t)step);
}

void events_value(Events *e, const char *tag, double value) {
  e->value.n = 0;
  put_bytes(&e->value, TAG, tag, strlen(tag));
  put_float(&e->value, SIMPLE_VALUE, value);
  put_bytes(&e->summary, VALUE, e->value.bytes, e->value.n);
}

Status events_end(Events *e, Diag *diag) {
  if (!e->summary.n) return STATUS_OK;
  put_bytes(&e->event, SUMMARY, e->summary.bytes, e->summary.n);
  return write_event(e, diag);
}

Status events_flush(Events *e, Diag *diag) {
  return fflush(e->out) == 0 ? STATUS_OK : write_error(e, diag);
}

static Status write_head(Events *e, int64_t step, double wall_time, Diag *diag) {
  static const char version[] = "brain.Event:2";
  put_double(&e->event, WALL_TIME, wall_time);
  put_bytes(&e->event, FILE_VERSION, version, strlen(version));
  TRY(write_event(e, diag));
  if (!step) return events_flush(e, diag);
  events_begin(e, step, wall_time);
  put_key(&e->value, STATUS, VARINT);
  put_varint(&e->value, START);
  put_bytes(&e->event, SESSION_LOG, e->value.bytes, e->value.n);
  TRY(write_event(e, diag));
  return events_flush(e, diag);
}

Status events_open(const char *folder, int64_t step, double wall_time, Diag *diag, Events **out) {
  *out = NULL;
  Events *e = calloc(1, sizeof *e);
  if (!e) return diag_no_memory(diag, sizeof *e);
  int n = snprintf(e->path, sizeof e->path, "%s/events.out.tfevents.%010" PRId64 ".graphrun.%ld",
                   folder, (int64_t)wall_time, (long)getpid());
  Status status = n < (int)sizeof e->path
                      ? STATUS_OK
                      : diag_error(diag, STATUS_SYSTEM, folder, NULL, "the path is too long");
  if (status == STATUS_OK && !(e->out = fopen(e->path, "wbe"))) status = write_error(e, diag);
  if (status == STATUS_OK) status = write_head(e, step, wall_time, diag);
  if (status != STATUS_OK) {
    events_close(e);
    return status;
  }
  *out = e;
  return STATUS_OK;
}

void events_close(Events *e) {
  if (!e) return;
  if (e->out) fclose(e->out); /* what mattered was flushed */
  free(e->event.bytes);
  free(e->summary.bytes);
  free(e->value.bytes);
  free(e);
}
