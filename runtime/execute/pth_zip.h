/* The records of a zip archive as torch.save writes it: stored, not compressed, so that a record's
 * bytes are those of the mapped file; sizes of 32 or 64 bits.  Written after APPNOTE 6.3.10, 4.3.
 */
#ifndef RUNTIME_EXECUTE_PTH_ZIP_H
#define RUNTIME_EXECUTE_PTH_ZIP_H

#include "graph/base/diag.h"

#include <stdint.h>

typedef struct ZipRecord {
  const char *name; /* in the file, without a 0 behind it */
  size_t name_length;
  size_t header, from, size; /* where its header and its bytes begin; its bytes */
  uint64_t full_size;        /* what they would be without compression */
  uint16_t method, flags;
  uint32_t crc;
} ZipRecord;

typedef struct Zip {
  const char *path, *bytes;
  size_t length;
  ZipRecord *records; /* sorted by name */
  uint32_t n;
  uint32_t crc_table[8][256];
} Zip;

/* Reads the directory.  STATUS_INVALID when it is none, or records lie outside of the file, overlap
 * or have one name; zip_close in any case. */
Status zip_open(Zip *zip, const char *path, const char *bytes, size_t length, Diag *diag);
void zip_close(Zip *zip);
/* NULL: not there. */
const ZipRecord *zip_find(const Zip *zip, const char *name, size_t name_length);
/* An error unless the record is stored as it is and matches its CRC-32 (0: none was computed). */
Status zip_check(const Zip *zip, const ZipRecord *record, Diag *diag);

#endif
