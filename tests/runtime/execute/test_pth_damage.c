/* Files of torch.save that are cut, damaged or of any bytes: refused, and no bytes crash the
 * reader. */
#include "graph/base/philox.h"
#include "tests/runtime/execute/pth_pickles.h"

#include <sys/mman.h>

static Bytes good_zip(bool crc) {
  PICKLE(b, "}");
  add_one(&b, "x", 3);
  op(&b, '.');
  Bytes zip = pth_zip(&b, &one, 1, (PthForm){.no_crc = !crc});
  free(b.at);
  return zip;
}

static Bytes good_legacy(void) {
  PICKLE(b, "}");
  add_one(&b, "x", 3);
  op(&b, '.');
  Bytes file = pth_legacy(&b, &one, 1, (PthForm){0});
  free(b.at);
  return file;
}

/* A file that is on no disk. */
typedef struct Memory {
  int fd;
  char path[32];
} Memory;

static Memory memory_open(void) {
  Memory m = {.fd = memfd_create("pth", 0)};
  CU_ASSERT_FATAL(m.fd >= 0);
  snprintf(m.path, sizeof m.path, "/proc/self/fd/%d", m.fd);
  return m;
}

/* Reads all that a file of these bytes gives, so that a sanitizer sees where it lies; false when it
 * is refused. */
static bool read_all(const Memory *m, const Bytes *b) {
  SafeFile *file = NULL;
  double sum = 0;
  CU_ASSERT_EQUAL(ftruncate(m->fd, (off_t)b->n), 0);
  CU_ASSERT_EQUAL(pwrite(m->fd, b->at, b->n, 0), (ssize_t)b->n);
  Status status = safe_read(m->path, NULL, &file);
  CU_ASSERT(status == STATUS_INVALID || (status == STATUS_OK && file));
  for (uint32_t i = 0; file && i < safe_count(file); i++) {
    const FileTensor *t = safe_tensor(file, i);
    for (int64_t k = 0; t->type != FILE_OTHER && k < t->count; k++) sum += file_tensor_get(t, k);
  }
  volatile double kept = sum;
  (void)kept;
  safe_close(file);
  return status == STATUS_OK;
}

/* Every beginning of a file is refused, whichever form. */
static void test_cut(void) {
  for (int legacy = 0; legacy < 2; legacy++) {
    Bytes b = legacy ? good_legacy() : good_zip(true);
    Memory m = memory_open();
    size_t whole = b.n;
    for (b.n = 0; b.n < whole; b.n++) CU_ASSERT_FALSE(read_all(&m, &b));
    CU_ASSERT(read_all(&m, &b)); /* the whole */
    close(m.fd);
    free(b.at);
  }
}

/* Replaces the n bytes at the first `mark` (from its byte `at` on) and writes the file. */
static void patch(Bytes zip, const char *mark, size_t length, size_t at, const char *with,
                  size_t n) {
  char *found = memmem(zip.at, zip.n, mark, length);
  CU_ASSERT_PTR_NOT_NULL_FATAL(found);
  memcpy(found + at, with, n);
  bytes_write(&zip, support_path("z.pth"));
  free(zip.at);
}

static void refused_zip(const char *what, const char *message) {
  refused(what, support_path("z.pth"), (const char *[]){message, "hint: ", NULL});
}

static void test_archives(void) {
  patch(good_zip(true), "\0\0\0\0\0\0\x80\x3f", 8, 0, "\1", 1);
  refused_zip("a bit", "z.pth: record w/data/0: error: is damaged: its CRC-32 is ");
  patch(good_zip(true), "PK\1\2", 4, 10, "\x08", 1);
  refused_zip("compressed", "z.pth: record w/data.pkl: error: is compressed (method 8)");
  patch(good_zip(true), "PK\1\2", 4, 8, "\1", 1);
  refused_zip("encrypted", "record w/data.pkl: error: is encrypted");
  patch(good_zip(true), "PK\1\2", 4, 46, "x/data.pkx", 10);
  refused_zip("no pickle", "is a zip archive that torch.save did not write");
  patch(good_zip(true), "PK\1\2", 4, 20, "\xff\xff\xff\x7f", 4);
  refused_zip("size", "the zip archive is damaged: a record lies outside of the file");
  patch(good_zip(true), "PK\1\2", 4, 20, "\xff\xff\xff\xff", 4);
  refused_zip("no wide size", "an entry of its directory is cut off");
  patch(good_zip(true), "PK\1\2", 4, 42, "\1", 1);
  refused_zip("place", "a record is not where its directory says");
  patch(good_zip(true), "PK\5\6", 4, 10, "\x09", 1);
  refused_zip("more records", "its directory is not where it says");
  patch(good_zip(true), "PK\5\6", 4, 16, "\xff\xff", 2);
  refused_zip("directory", "its directory is not where it says");
  patch(good_zip(true), "PK\1\2", 4, 30, "\xff\xff", 2);
  refused_zip("extra", "an entry of its directory is cut off");
  patch(good_zip(true), "little", 6, 0, "middle", 6);
  refused_zip("byte order with another sum", "is damaged: its CRC-32");
  patch(good_zip(false), "little", 6, 0, "middle", 6);
  refused_zip("byte order", "its byte order is 'middle', neither little nor big");
}

/* Two entries of one record, and two of one name. */
static void test_same_record(void) {
  for (int name = 0; name < 2; name++) {
    Bytes zip = {0}, directory = {0};
    zip_add(&zip, &directory, "w/data.pkl", "}.", 2, false, false);
    size_t entry = directory.n;
    zip_add(&zip, &directory, name ? "w/data.pkl" : "w/data.pkx", "}.", 2, false, false);
    if (!name) memset(directory.at + entry + 42, 0, 4); /* begins where the first does */
    zip_end(&zip, &directory, 2, false);
    bytes_write(&zip, support_path("z.pth"));
    refused_zip("same", name ? "two records have one name" : "two records overlap");
    free(zip.at);
  }
}

/* ---- any bytes ---- */

static uint32_t draw(uint64_t round, uint64_t i, size_t most) {
  return (uint32_t)(philox_uniform(11, round, philox_site("pth"), i) * (double)most);
}

/* A few bytes changed, at places that the pickle or the directory often has. */
static void test_any_bytes(void) {
  uint32_t taken = 0, rounds = support_all() ? 40000 : 3000;
  Memory m = memory_open();
  for (uint32_t round = 0; round < rounds; round++) {
    Bytes b = round % 2 ? good_legacy() : good_zip(false);
    uint32_t changes = 1 + draw(round, 0, 4);
    for (uint32_t i = 0; i < changes; i++) {
      static const char likely[] = "(.]})tRQqhausbcXKJN\x85\x88\x93\x94\x8a\xff\0\1\x80";
      uint32_t at = draw(round, 3 * i + 1, b.n), kind = draw(round, 3 * i + 2, 4);
      uint32_t value = draw(round, 3 * i + 3, 256);
      b.at[at] = kind == 0   ? (char)(b.at[at] + 1)
                 : kind == 1 ? (char)value
                             : likely[value % (sizeof likely - 1)];
    }
    taken += read_all(&m, &b);
    free(b.at);
  }
  close(m.fd);
  CU_ASSERT(taken > rounds / 20 && taken < rounds); /* some changes are of data, most are noticed */
}

int main(void) {
  static const SupportTest tests[] = {
      {"cut files", test_cut},
      {"damaged archives", test_archives},
      {"records twice", test_same_record},
      {"any bytes", test_any_bytes},
  };
  return support_run("pth_damage", tests, sizeof tests / sizeof *tests);
}
