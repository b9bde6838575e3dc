/* Reading, comparing and numbering the spellings of identities and cameras. */
#include "runtime/data/identity.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"

static bool is_nothing(const char *text) {
  static const char *const words[] = {"",     "nan",  "na",   "n/a", "<na>",
                                      "#n/a", "none", "null", "inf", "infinity"};
  text += *text == '-' || *text == '+';
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasecmp(text, words[i]) == 0) return true;
  return false;
}

/* True for 2.5, 1.0e3 and 1e+03; 1e3 may be a name in hexadecimal digits. */
static bool is_fraction(const char *text) {
  char *end;
  if (!strpbrk(text, ".+-") || strpbrk(text, "xX")) return false;
  strtod(text, &end);
  return end != text && *end == 0;
}

Identity identity_read(const char *text) {
  Identity id = {.kind = IDENTITY_NAME};
  const char *from = text + (*text == '-' || *text == '+');
  size_t digits = strspn(from, DIGITS), zeros = strspn(from, "0");
  const char *behind = from + digits;
  if (digits && *behind == '.') behind += 1 + strspn(behind + 1, "0");
  if (digits && *behind == 0) {
    id.kind = IDENTITY_NUMBER;
    id.digits = from + zeros;
    id.n = digits - zeros;
    id.negative = *text == '-' && id.n > 0;
  } else if (is_nothing(text)) {
    id.kind = IDENTITY_NOTHING;
  } else if (is_fraction(text)) {
    id.kind = IDENTITY_FRACTION;
  }
  return id;
}

/* Of two numbers: by value, however long. */
static int compare_numbers(const Identity *a, const Identity *b) {
  if (a->negative != b->negative) return a->negative ? -1 : 1;
  int order = a->n != b->n ? (a->n < b->n ? -1 : 1) : memcmp(a->digits, b->digits, a->n);
  return a->negative ? -order : order;
}

bool identity_same(const char *a, const char *b) {
  Identity x = identity_read(a), y = identity_read(b);
  if (x.kind == IDENTITY_NUMBER && y.kind == IDENTITY_NUMBER) return compare_numbers(&x, &y) == 0;
  return strcmp(a, b) == 0;
}

bool identity_is_zero(const char *text) {
  Identity id = identity_read(text);
  return id.kind == IDENTITY_NUMBER && id.n == 0;
}

bool identity_is_junk(const char *text) {
  Identity id = identity_read(text);
  return id.negative && id.n == 1 && *id.digits == '1';
}

/* UTF-8 of blanks that tables and word processors leave: no-break, of zero width, ideographic, the
 * mark of byte order. */
static size_t blank_length(const char *at) {
  static const char *const blanks[] = {
      " ", "\t", "\xC2\xA0", "\xE2\x80\x8B", "\xE3\x80\x80", "\xEF\xBB\xBF"};
  for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
    if (strncmp(at, blanks[i], strlen(blanks[i])) == 0) return strlen(blanks[i]);
  return 0;
}

const char *identity_look(Arena *arena, const char *text) {
  char *look = arena_strdup(arena, text), *to = look;
  for (const char *at = text; look && *at;) {
    size_t blank = blank_length(at);
    bool wide = strncmp(at, "\xEF\xBC", 2) == 0 && (unsigned char)(at[2] - '\x90') < 10;
    if (blank) {
      at += blank;
    } else if (wide) { /* a digit as wide as an ideograph */
      *to++ = (char)('0' + (unsigned char)(at[2] - '\x90'));
      at += 3;
    } else {
      *to++ = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
      at++;
    }
  }
  if (look) *to = 0;
  return look;
}

/* ---- numbering ---- */

typedef struct Spelling {
  Identity id;
  const char *text;
  uint32_t index; /* of the text */
} Spelling;

/* Numbers before names; what is one identity is equal. */
static int compare_identities(const Spelling *a, const Spelling *b) {
  bool x = a->id.kind == IDENTITY_NUMBER, y = b->id.kind == IDENTITY_NUMBER;
  if (x != y) return x ? -1 : 1;
  return x ? compare_numbers(&a->id, &b->id) : strcmp(a->text, b->text);
}

static int by_identity(const void *a, const void *b) {
  const Spelling *x = a, *y = b;
  int order = compare_identities(x, y);
  return order ? order : x->index < y->index ? -1 : 1;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(((const Spelling *)a)->text, ((const Spelling *)b)->text);
}

/* Sorted by identity, the first spelling of each group stands first: groups are numbered, first
 * spellings kept, and what repeats them in another spelling is counted. */
static uint32_t group(const Spelling *sorted, uint32_t n, Spelling *first, IdentityRanks *out) {
  uint32_t groups = 0, counted = 0;
  out->again = UINT32_MAX;
  for (uint32_t i = 0; i < n; i++) {
    const Spelling *s = &sorted[i];
    if (i == 0 || compare_identities(&sorted[i - 1], s) != 0) first[groups++] = *s;
    const Spelling *of = &first[groups - 1];
    out->of[s->index] = groups - 1;
    if (strcmp(s->text, of->text) == 0) continue;
    out->n_respelled += counted != groups;
    counted = groups;
    if (s->index > out->again) continue;
    out->again = s->index;
    out->first = of->index;
  }
  return groups;
}

bool identity_rank(Arena *arena, const char *const *texts, uint32_t n, IdentityRanks *out) {
  *out = (IdentityRanks){0};
  Spelling *sorted = calloc((size_t)n + 1, sizeof *sorted);
  Spelling *first = calloc((size_t)n + 1, sizeof *first);
  uint32_t *place = calloc((size_t)n + 1, sizeof *place);
  out->of = arena_array(arena, (size_t)n + 1, sizeof *out->of);
  bool ok = sorted && first && place && out->of;
  if (ok) {
    for (uint32_t i = 0; i < n; i++) sorted[i] = (Spelling){identity_read(texts[i]), texts[i], i};
    qsort(sorted, n, sizeof *sorted, by_identity);
    out->n = group(sorted, n, first, out);
    out->names = arena_array(arena, (size_t)out->n + 1, sizeof *out->names);
    ok = out->names != NULL;
  }
  if (ok) {
    /* numbers stand first: the last is one when all are, and then the order is there */
    bool numbers = out->n == 0 || first[out->n - 1].id.kind == IDENTITY_NUMBER;
    for (uint32_t k = 0; k < out->n; k++) first[k].index = k;
    if (!numbers) qsort(first, out->n, sizeof *first, by_bytes);
    for (uint32_t k = 0; k < out->n; k++) {
      out->names[k] = first[k].text;
      place[first[k].index] = k;
    }
    for (uint32_t i = 0; i < n; i++) out->of[i] = place[out->of[i]];
  }
  free(sorted);
  free(first);
  free(place);
  return ok;
}
