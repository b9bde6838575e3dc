/* How identities and cameras are spelled, and which spellings are one.
 *
 * A text is a number when it is digits, perhaps with a sign before and `.0` behind: tables that
 * passed through other programs write 2, 02, 2.0 or 0002 for one person.  Numbers are compared as
 * numbers, everything else byte by byte. */
#ifndef RUNTIME_DATA_IDENTITY_H
#define RUNTIME_DATA_IDENTITY_H

#include "graph/base/arena.h"

#include <stdbool.h>

typedef enum IdentityKind {
  IDENTITY_NUMBER,
  IDENTITY_NAME,
  IDENTITY_NOTHING,  /* empty, nan, none, null ...: how tables write that there is no value */
  IDENTITY_FRACTION, /* a number that is not whole, or written with an exponent */
} IdentityKind;

typedef struct Identity {
  IdentityKind kind;
  bool negative;      /* of a number that is not 0 */
  const char *digits; /* of a number, without zeros before; in the text */
  size_t n;           /* 0: the number is 0 */
} Identity;

Identity identity_read(const char *text);
bool identity_same(const char *a, const char *b);
bool identity_is_zero(const char *text);
/* -1, however it is spelled: an image of nobody. */
bool identity_is_junk(const char *text);
/* What a reader sees of it, so that two identities that look alike are found: small letters, no
 * blanks of any kind, the digits of ASCII.  NULL when out of memory. */
const char *identity_look(Arena *arena, const char *text);

/* Texts numbered by identity.  `names` has the first spelling of each, sorted: by value when all
 * are numbers, else bytewise. */
typedef struct IdentityRanks {
  const char **names;
  uint32_t n;
  uint32_t *of; /* of each text its place in `names` */
  /* How many are spelled in more than one way; the first text that repeats one in another spelling,
   * and the text that it repeats. */
  uint32_t n_respelled, again, first;
} IdentityRanks;
/* False when out of memory. */
bool identity_rank(Arena *arena, const char *const *texts, uint32_t n, IdentityRanks *out);

#endif
